"""Owns the numbers of a training: the published recipe, its learning rates and loss weights. Knows no data and no loop.

Source: the training script that the authors of arXiv 2407.07464 published. Two of its habits are repaired here, with
switches: its optimiser holds the UNet alone, so that the projection stays as it was drawn, although the paper trains
it; and it never leaves the condition out, although sampling compares with an empty one.
"""

from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor

from otio_v2a_engine.vta_ldm.config import ScheduleSettings

__all__ = ["Recipe", "alphas_cumprod", "loss_weights"]


@dataclass(frozen=True)
class Recipe:
    """How a model is trained.

    Attributes:
        steps: updates of the parameters, in all.
        batch: clips per device and backward pass.
        accumulate: backward passes per update.
        rate: highest learning rate.
        warmup: steps over which the rate rises from zero; afterwards it falls linearly to zero at `steps`.
        betas, epsilon, weight_decay: of AdamW.
        snr_gamma: loss weights are min(SNR, gamma) / SNR (arXiv 2303.09556, as published for epsilon); None weighs all
            steps alike.
        drop: share of clips whose condition is left out, so that guidance has something to compare with.
        train_projection: whether the projections are trained.
        clip_norm: longest gradient; None does not clip, as published.
        seed: of everything random.
    """

    steps: int = 100_000
    batch: int = 8
    accumulate: int = 4
    rate: float = 1e-5
    warmup: int = 300
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    weight_decay: float = 1e-2
    snr_gamma: float | None = 5.0
    drop: float = 0.1
    train_projection: bool = True
    clip_norm: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.accumulate) < 1 or self.warmup < 0:
            raise ValueError("steps, batch and accumulate are at least 1, warmup at least 0")
        if not 0 <= self.drop <= 1:
            raise ValueError(f"drop is a share between 0 and 1, not {self.drop}")

    @classmethod
    def published(cls, *, n_clips: int, n_devices: int = 8, as_published: bool = False) -> "Recipe":
        """120 epochs of so many clips; `as_published` keeps the two habits that are repaired otherwise."""
        base = cls()
        updates = ceil(ceil(n_clips / (base.batch * n_devices)) / base.accumulate)
        if as_published:
            return cls(steps=120 * max(1, updates), drop=0.0, train_projection=False)
        return cls(steps=120 * max(1, updates))

    def rate_at(self, step: int) -> float:
        """Learning rate of step 0, 1, ... ."""
        if step < self.warmup:
            return self.rate * step / self.warmup
        return self.rate * max(0.0, (self.steps - step) / max(1, self.steps - self.warmup))


def alphas_cumprod(settings: ScheduleSettings) -> Tensor:
    """Share of the signal's power at every training step, `(n_train,)`, for betas whose roots rise linearly."""
    roots = torch.linspace(settings.beta_start**0.5, settings.beta_end**0.5, settings.n_train, dtype=torch.float64)
    return torch.cumprod(1 - roots**2, 0).float()


def loss_weights(alphas: Tensor, *, gamma: float | None) -> Tensor:
    """Weight of every training step's loss, from its `alphas_cumprod`."""
    if gamma is None:
        return torch.ones_like(alphas)
    snr = alphas / (1 - alphas)
    return snr.clamp_max(gamma) / snr
