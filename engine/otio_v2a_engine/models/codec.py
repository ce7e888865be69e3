"""Sound as latents: four log-mel frames become 224 whitened principal components, 25 tokens a second.

A linear codec: no network, its round trip is exact but for the components left out. Knows no time but frames.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from otio_v2a_engine.models.mel import FLOOR, HOP, MEL_BANDS, SAMPLE_RATE

__all__ = ["FRAMES_PER_TOKEN", "LATENT_DIM", "SAMPLES_PER_TOKEN", "TOKEN_RATE", "PcaCodec", "fit_pca"]

FRAMES_PER_TOKEN = 4
LATENT_DIM = 224
"""Mel error 0.9 dB; 64 components left 1.7, and 2 to 3 of music."""
SAMPLES_PER_TOKEN = HOP * FRAMES_PER_TOKEN  # 40 ms
TOKEN_RATE = SAMPLE_RATE // SAMPLES_PER_TOKEN  # Hz


@dataclass(frozen=True)
class PcaCodec:
    """Principal components of log-mel patches.

    Attributes:
        mean: `(384,)` mean patch.
        basis: `(224, 384)` orthonormal rows, strongest first.
        scale: `(224,)` standard deviation along each row.
    """

    mean: Tensor
    basis: Tensor
    scale: Tensor

    def encode(self, mel: Tensor) -> Tensor:
        """`(..., 4 T, 96)` log-mel -> `(..., T, 224)` latents of about unit variance."""
        patches = mel.reshape(*mel.shape[:-2], -1, FRAMES_PER_TOKEN * MEL_BANDS)
        latents: Tensor = (patches - self.mean) @ self.basis.T / self.scale
        return latents

    def silence(self, n_tokens: int) -> Tensor:
        """`(1, T, 224)` latents of a log-mel at its floor."""
        return self.encode(self.mean.new_full((1, n_tokens * FRAMES_PER_TOKEN, MEL_BANDS), FLOOR))

    def decode(self, latents: Tensor) -> Tensor:
        """`(..., T, 224)` latents -> `(..., 4 T, 96)` log-mel, not below the floor."""
        patches = (latents * self.scale) @ self.basis + self.mean
        return patches.reshape(*latents.shape[:-2], -1, MEL_BANDS).clamp_min(FLOOR)

    def loss_weights(self, *, coarse: int) -> Tensor:
        """`(224,)` weight of each component in a mean loss: the fourth root of its share of variance.

        The fine ones, after the first `coarse`, count a quarter of that: most of what they are is noise, which nothing
        tells. The coarse ones weigh 1 each in the mean, as if they were alone.
        """
        weights = (self.scale / self.scale[0]) ** 0.5
        weights = weights / weights[:coarse].sum() * len(weights)
        weights[coarse:] *= 0.25
        return weights

    def tensors(self) -> dict[str, Tensor]:
        """For a weights file."""
        return {"mean": self.mean, "basis": self.basis, "scale": self.scale}


def fit_pca(mel: Tensor) -> PcaCodec:
    """Fit on `(N, 4 T, 96)` log-mel; deterministic for the same data."""
    patches = mel.reshape(-1, FRAMES_PER_TOKEN * MEL_BANDS).double()
    mean = patches.mean(0)
    centred = patches - mean
    variance, vectors = torch.linalg.eigh(centred.T @ centred / len(patches))
    order = variance.argsort(descending=True)[:LATENT_DIM]
    return PcaCodec(
        mean=mean.float(), basis=vectors[:, order].T.float().contiguous(), scale=variance[order].sqrt().float()
    )
