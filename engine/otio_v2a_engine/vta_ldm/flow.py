"""Dense optical flow by pyramidal Lucas-Kanade (Bouguet's form), and the coarse map of it that a model is told.

Pure torch; knows no model. Published work names optical flow as a condition without saying how it was made: this is
this project's own definition, trained and rendered alike.
"""

from fractions import Fraction

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["FLOW_SIDE", "FLOW_STEP_S", "flow_features", "optical_flow"]

FLOW_SIDE = 64
"""Pixels of the square grey pictures that flow is measured on."""
FLOW_STEP_S = Fraction(1, 12)
"""Distance of the two pictures that flow is measured between."""

_LEVELS = 3
_ROUNDS = 3
_REACH = 4
_STIFFNESS = 1e-3
_GREY = (0.299, 0.587, 0.114)


def _around(values: Tensor) -> Tensor:
    side = 2 * _REACH + 1
    return functional.avg_pool2d(functional.pad(values, (_REACH,) * 4, mode="replicate"), side, stride=1)


def _moved(picture: Tensor, flow: Tensor) -> Tensor:
    """`picture(x + flow(x))`, bilinear, edges repeated."""
    height, width = picture.shape[-2:]
    y, x = torch.meshgrid(
        torch.arange(height, device=picture.device, dtype=picture.dtype),
        torch.arange(width, device=picture.device, dtype=picture.dtype),
        indexing="ij",
    )
    grid = torch.stack([(x + flow[:, 0]) / max(1, width - 1), (y + flow[:, 1]) / max(1, height - 1)], dim=-1) * 2 - 1
    return functional.grid_sample(picture, grid, padding_mode="border", align_corners=True)


def optical_flow(before: Tensor, after: Tensor) -> Tensor:
    """Where each pixel goes.

    Args:
        before, after: grey pictures `(B, 1, H, W)` in [0, 1].

    Returns:
        `(B, 2, H, W)` pixels to the right and downwards; 0 where nothing can be told.
    """
    pyramid = [(before, after)]
    for _ in range(_LEVELS - 1):
        pyramid.append((functional.avg_pool2d(pyramid[-1][0], 2), functional.avg_pool2d(pyramid[-1][1], 2)))
    flow = torch.zeros_like(pyramid[-1][0]).expand(-1, 2, -1, -1)
    for first, second in reversed(pyramid):
        if flow.shape[-2:] != first.shape[-2:]:
            flow = 2 * functional.interpolate(flow, first.shape[-2:], mode="bilinear", align_corners=False)
        padded = functional.pad(first, (1, 1, 1, 1), mode="replicate")
        gx = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
        gy = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
        xx, xy, yy = _around(gx * gx) + _STIFFNESS / 10, _around(gx * gy), _around(gy * gy) + _STIFFNESS / 10
        determinant = xx * yy - xy * xy
        for _ in range(_ROUNDS):
            error = _moved(second, flow) - first
            ex, ey = _around(gx * error), _around(gy * error)
            step = torch.cat([yy * ex - xy * ey, xx * ey - xy * ex], dim=1) / determinant
            flow = flow - step.clamp(-2, 2)
    return flow


def flow_features(frames: Tensor, later: Tensor, *, grid: int) -> Tensor:
    """Flow tokens: per cell the mean speed to the right, downwards, and its size, in picture widths per second.

    Args:
        frames: RGB `(T, 3, S, S)` in [0, 1], S = FLOW_SIDE.
        later: the same `FLOW_STEP_S` later.
        grid: cells per side.

    Returns:
        `(T, 3 grid grid)`.
    """
    weights = torch.tensor(_GREY, device=frames.device).view(1, 3, 1, 1)
    grey = [(pictures * weights).sum(1, keepdim=True) for pictures in (frames, later)]
    flow = optical_flow(grey[0], grey[1]) / (frames.shape[-1] * float(FLOW_STEP_S))
    full = torch.cat([flow, flow.square().sum(1, keepdim=True).sqrt()], dim=1)
    return functional.adaptive_avg_pool2d(full, grid).flatten(1)
