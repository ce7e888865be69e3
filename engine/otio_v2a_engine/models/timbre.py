"""What a sound is like whatever its timing: 65 numbers, and the network that draws them for what is asked.

    log-mel -> 384 features of the ear, and its level -> TimbreSpace -> timbre (65)
    noise, prompts, picture, role -> TimbrePrior -> timbre

The flow model is told a timbre, so that it need not find out again at every hit which bell it is that rings. Knows no
file and no guidance.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from otio_v2a_engine.models.ear import FEATURES, features_of_mel
from otio_v2a_engine.models.mel import SILENT

__all__ = ["TIMBRE", "PriorConfig", "TimbrePrior", "TimbreSpace", "describe", "fit_timbre"]

_COMPONENTS = 64
TIMBRE = _COMPONENTS + 1
"""Numbers of a timbre: the strongest components of the features, and the level."""

_LEVEL, _LEVEL_SPREAD = -2.0, 0.7  # of the loudest band, in 20 dB


def describe(mel: npt.NDArray[np.float32]) -> npt.NDArray[np.float32] | None:
    """Features of a log-mel `(F, 96)` of at least five frames and its loudest band, `(385,)`; None of silence."""
    loudest = float(mel.max(initial=-5.0))
    if loudest <= SILENT:
        return None
    return np.append(features_of_mel(mel), np.float32(loudest))


@dataclass(frozen=True)
class TimbreSpace:
    """Principal components of what `describe` says.

    Attributes:
        mean, scale: `(384,)` of the features.
        basis: `(64, 384)` orthonormal rows, strongest first.
        spread: `(64,)` standard deviation along each row.
    """

    mean: Tensor
    scale: Tensor
    basis: Tensor
    spread: Tensor

    def encode(self, described: Tensor) -> Tensor:
        """`(..., 385)` of `describe` -> `(..., 65)` of about unit variance."""
        features = (described[..., :FEATURES] - self.mean) / self.scale @ self.basis.T / self.spread
        level = (described[..., FEATURES:] - _LEVEL) / _LEVEL_SPREAD
        return torch.cat([features, level], dim=-1)

    def decode(self, timbre: Tensor) -> Tensor:
        """`(..., 65)` -> the ear's features `(..., 384)`, as far as the components say them."""
        features: Tensor = (timbre[..., :_COMPONENTS] * self.spread) @ self.basis * self.scale + self.mean
        return features

    def tensors(self) -> dict[str, Tensor]:
        """For a weights file."""
        return {"mean": self.mean, "scale": self.scale, "basis": self.basis, "spread": self.spread}


def fit_timbre(described: Tensor) -> TimbreSpace:
    """Fit on `(N, 385)` of `describe`; deterministic for the same data."""
    features = described[:, :FEATURES].double()
    mean, scale = features.mean(0), features.std(0).clamp_min(0.05)
    standard = (features - mean) / scale
    variance, vectors = torch.linalg.eigh(standard.T @ standard / len(standard))
    order = variance.argsort(descending=True)[:_COMPONENTS]
    spread = variance[order].clamp_min(1e-6).sqrt()
    return TimbreSpace(mean.float(), scale.float(), vectors[:, order].T.float().contiguous(), spread.float())


@dataclass(frozen=True)
class PriorConfig:
    """Sizes.

    Attributes:
        width, layers: of the network.
        picture: width of the picture's vectors.
        text: width of a sentence embedding.
        roles: stems.
    """

    width: int = 256
    layers: int = 4
    picture: int = 192
    text: int = 384
    roles: int = 3


class TimbrePrior(nn.Module):
    """Velocity of a flow from noise (t = 0) to the timbre (t = 1) of what is asked for.

    Args:
        config: sizes.
    """

    def __init__(self, config: PriorConfig) -> None:
        super().__init__()
        self.config = config
        width, text, picture, layers = config.width, config.text, config.picture, config.layers
        self.embed = nn.Linear(TIMBRE, width)
        self.time = nn.Sequential(nn.Linear(64, width), nn.SiLU(), nn.Linear(width, width))
        self.text = nn.Sequential(nn.Linear(text, width), nn.SiLU(), nn.Linear(width, width))
        self.no_text = nn.Parameter(torch.zeros(width))
        self.negative = nn.Sequential(nn.Linear(text, width), nn.SiLU(), nn.Linear(width, width))
        self.picture = nn.Sequential(nn.Linear(picture, width), nn.SiLU(), nn.Linear(width, width))
        self.no_picture = nn.Parameter(torch.zeros(width))
        self.role = nn.Embedding(config.roles, width)
        self.modulation = nn.ModuleList(nn.Linear(width, 3 * width) for _ in range(layers))
        self.grow = nn.ModuleList(nn.Linear(width, 2 * width) for _ in range(layers))
        self.shrink = nn.ModuleList(nn.Linear(2 * width, width) for _ in range(layers))
        self.head = nn.Linear(width, TIMBRE)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        for first in (self.text[0], self.negative[0]):
            assert isinstance(first, nn.Linear)
            nn.init.normal_(first.weight, std=1.0)  # a sentence embedding has norm 1, so 0.05 a number

    def forward(
        self,
        z: Tensor,
        t: Tensor,
        *,
        text: Tensor,
        read: Tensor,
        negative: Tensor,
        avoid: Tensor,
        picture: Tensor,
        see: Tensor,
        role: Tensor,
    ) -> Tensor:
        """Velocity at `z`.

        Args:
            z: `(B, 65)`.
            t: `(B,)` in [0, 1].
            text, negative: `(B, 384)` sentence embeddings.
            read, avoid, see: `(B,)` bool; False drops the text, the negative text, the picture.
            picture: `(B, picture)`, the picture's vectors on the whole.
            role: `(B,)` index.

        Returns:
            `(B, 65)`.
        """
        frequencies = torch.exp(torch.linspace(0, 5.0, 32, device=z.device))
        angles = t[:, None].float() * frequencies
        c = self.time(torch.cat([angles.cos(), angles.sin()], dim=1)) + self.role(role)
        c = c + torch.where(read[:, None], self.text(text), self.no_text)
        c = c + avoid[:, None] * self.negative(negative)
        c = F.silu(c + torch.where(see[:, None], self.picture(picture), self.no_picture))
        h = self.embed(z)
        for modulation, grow, shrink in zip(self.modulation, self.grow, self.shrink, strict=True):
            shift, scale, gate = modulation(c).chunk(3, dim=1)
            y = F.layer_norm(h, (h.shape[1],)) * (1 + scale) + shift
            h = h + gate * shrink(F.gelu(grow(y)))
        velocity: Tensor = self.head(F.layer_norm(h, (h.shape[1],)))
        return velocity
