"""Pixels to motion maps: what moved where, in a coarse grid, 25 times a second. Pure numpy, nothing learned.

Hand-made maps learn timing faster than pixels do and cost a fortieth (measured in the design's spike).
"""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

__all__ = [
    "CELLS_X",
    "CELLS_Y",
    "FRAME_HEIGHT",
    "FRAME_WIDTH",
    "MAPS",
    "MOVING",
    "cut_flags",
    "motion_maps",
    "token_times",
]

FRAME_WIDTH, FRAME_HEIGHT = 96, 56  # pixels
_CELL = 8  # pixels
CELLS_X, CELLS_Y = FRAME_WIDTH // _CELL, FRAME_HEIGHT // _CELL
MAPS, MOVING = 8, 5
"""Maps of a frame, and how many of them, the first, say what moves; the others say what is there."""
_RATE = 25  # Hz
_STILL = 1e-3  # regularises the flow where there is no texture


def token_times(n_tokens: int) -> list[Fraction]:
    """The request times whose frames are looked at: the middle of each 40 ms token."""
    return [Fraction(2 * k + 1, 2 * _RATE) for k in range(n_tokens)]


def cut_flags(cuts_s: Sequence[Fraction | float], n_tokens: int) -> npt.NDArray[np.float32]:
    """`(n_tokens,)`: 1 where the difference to the frame before may span a cut."""
    middle = (np.arange(n_tokens) + 0.5) / _RATE
    flags = np.zeros(n_tokens, np.float32)
    for cut in cuts_s:
        flags[(middle - float(cut) > -0.03) & (middle - float(cut) < 0.06)] = 1.0
    return flags


def _cells(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Mean over each 8 x 8 cell: `(T, 56, 96)` to `(T, 7, 12)`."""
    count = len(values)
    means: npt.NDArray[np.float32] = values.reshape(count, CELLS_Y, _CELL, CELLS_X, _CELL).mean((2, 4))
    return means


def motion_maps(frames: npt.NDArray[np.uint8], flags: npt.NDArray[np.float32] | None = None) -> npt.NDArray[np.float16]:
    """Maps of each frame and of its difference to the one before.

    Args:
        frames: `(T, 56, 96, 3)` RGB.
        flags: `(T,)` from `cut_flags`; motion is zero there.

    Returns:
        `(T, 8, 7, 12)`: mean absolute and signed difference, largest difference, flow x and y (pixels a frame
        over 2), brightness, warmth (red minus blue), texture.
    """
    rgb = frames.astype(np.float32) / 255.0
    grey = rgb @ np.array([0.299, 0.587, 0.114], np.float32)
    contrast = 1.0 / (0.08 + grey.std())
    normal = grey * contrast
    change = np.zeros_like(normal)
    change[1:] = normal[1:] - normal[:-1]
    middle = normal.copy()
    middle[1:] = 0.5 * (normal[1:] + normal[:-1])
    gx, gy = np.zeros_like(middle), np.zeros_like(middle)
    gx[:, :, 1:-1] = 0.5 * (middle[:, :, 2:] - middle[:, :, :-2])
    gy[:, 1:-1] = 0.5 * (middle[:, 2:] - middle[:, :-2])
    xx, yy, xy = _cells(gx * gx) + _STILL, _cells(gy * gy) + _STILL, _cells(gx * gy)
    xt, yt = -_cells(gx * change), -_cells(gy * change)
    determinant = xx * yy - xy * xy
    flow_x = ((yy * xt - xy * yt) / determinant).clip(-6, 6) / 2
    flow_y = ((xx * yt - xy * xt) / determinant).clip(-6, 6) / 2
    largest = np.abs(change).reshape(len(frames), CELLS_Y, _CELL, CELLS_X, _CELL).max((2, 4))
    moving = [3.0 * _cells(np.abs(change)), 3.0 * _cells(change), largest, flow_x, flow_y]
    still = [2 * _cells(grey) - 1, 3 * _cells(rgb[..., 0] - rgb[..., 2]), 3 * np.sqrt(xx + yy)]
    maps = np.stack([*moving, *still], axis=1)
    if flags is not None:
        maps[flags > 0, :MOVING] = 0
    return maps.astype(np.float16)
