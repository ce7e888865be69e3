"""Where VTA-LDM looks: gradient x input through the visual encoder and the denoiser. Knows no picture file.

Asked is how much a span's velocity differs from the one without a picture, at three noise levels of a finished sound;
its gradient flows through cross-attention, projection and encoder to every pixel.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from otio_v2a_engine.vta_ldm.config import ScheduleSettings
from otio_v2a_engine.vta_ldm.encoders.base import VisualEncoder
from otio_v2a_engine.vta_ldm.model import Condition, VtaLdmModel

__all__ = ["LEVELS", "alphas", "frame_maps"]

LEVELS = (200, 500, 800)
"""Training steps at which the denoiser is asked."""
_LARGEST_GRID = 16


def alphas(settings: ScheduleSettings) -> Tensor:
    """Share of the signal's power that is left at each training step, `(n_train,)`."""
    roots = torch.linspace(settings.beta_start**0.5, settings.beta_end**0.5, settings.n_train, dtype=torch.float64)
    return torch.cumprod(1 - roots**2, 0).float()


def frame_maps(
    model: VtaLdmModel,
    encoder: VisualEncoder,
    *,
    frames: Tensor,
    shown: Sequence[int],
    latents: Tensor,
    spans: Sequence[tuple[int, int]],
    condition_of: Callable[[Tensor], Condition],
    generator: torch.Generator,
    on_step: Callable[[int], None] = lambda _: None,
) -> npt.NDArray[np.float32]:
    """Maps `(spans, frames, rows, columns)`.

    Args:
        frames: each frame once, `(N, 3, S, S)` in [0, 1].
        shown: number of the frame behind each of the encoder's inputs.
        latents: of a finished sound, `(1, C, latent frames, bins)`.
        spans: latent frames `[start, stop)` of each span.
        condition_of: makes the full condition of features `(1, T, D)`.
        generator: draws the noise.
        on_step: called before each level, and may raise to stop.
    """
    signal = alphas(model.config.schedule)
    grid = min(_LARGEST_GRID, frames.shape[-1])
    total = torch.zeros(len(spans), len(frames), grid, grid)
    dtype = model.projection.weight.dtype
    for number, t in enumerate(LEVELS):
        on_step(number)
        share = signal[t]
        noise = torch.randn(latents.shape, generator=generator).to(latents)
        noisy = (share.sqrt() * latents + (1 - share).sqrt() * noise).to(dtype)
        with torch.enable_grad():
            pixels = frames.detach().clone().requires_grad_(True)
            features = encoder(pixels[list(shown)][None].to(dtype))
            condition = condition_of(features)
            step = torch.tensor(t, device=noisy.device)
            with torch.no_grad():
                blind = model(noisy, step, condition.null())
            change = (model(noisy, step, condition) - blind).float().square().mean((0, 1, 3))
            for span, (start, stop) in enumerate(spans):
                is_last = span == len(spans) - 1
                (slope,) = torch.autograd.grad(change[start:stop].sum(), pixels, retain_graph=not is_last)
                product = (slope * pixels.detach()).sum(1, keepdim=True).abs()
                total[span] += functional.adaptive_avg_pool2d(product, grid)[:, 0].cpu().float()
    maps: npt.NDArray[np.float32] = total.numpy()
    return maps
