"""Sound as latents: four log-mel frames become 64 whitened principal components, 25 tokens a second.

A linear codec: no network, its round trip is exact but for the components left out. Knows no time but frames.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from otio_v2a_engine.models.mel import FLOOR, HOP, MEL_BANDS, SAMPLE_RATE

__all__ = ["FRAMES_PER_TOKEN", "LATENT_DIM", "SAMPLES_PER_TOKEN", "TOKEN_RATE", "PcaCodec", "fit_pca"]

FRAMES_PER_TOKEN = 4
LATENT_DIM = 64
SAMPLES_PER_TOKEN = HOP * FRAMES_PER_TOKEN  # 40 ms
TOKEN_RATE = SAMPLE_RATE // SAMPLES_PER_TOKEN  # Hz


@dataclass(frozen=True)
class PcaCodec:
    """Principal components of log-mel patches.

    Attributes:
        mean: `(384,)` mean patch.
        basis: `(64, 384)` orthonormal rows, strongest first.
        scale: `(64,)` standard deviation along each row.
    """

    mean: Tensor
    basis: Tensor
    scale: Tensor

    def encode(self, mel: Tensor) -> Tensor:
        """`(..., 4 T, 96)` log-mel -> `(..., T, 64)` latents of about unit variance."""
        patches = mel.reshape(*mel.shape[:-2], -1, FRAMES_PER_TOKEN * MEL_BANDS)
        latents: Tensor = (patches - self.mean) @ self.basis.T / self.scale
        return latents

    def decode(self, latents: Tensor) -> Tensor:
        """`(..., T, 64)` latents -> `(..., 4 T, 96)` log-mel, not below the floor."""
        patches = (latents * self.scale) @ self.basis + self.mean
        return patches.reshape(*latents.shape[:-2], -1, MEL_BANDS).clamp_min(FLOOR)

    @property
    def loss_weights(self) -> Tensor:
        """`(64,)` weight of each component in a loss: the fourth root of its share of variance, mean 1."""
        weights = (self.scale / self.scale[0]) ** 0.5
        return weights / weights.mean()

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
