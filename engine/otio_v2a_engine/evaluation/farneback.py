"""Dense optical flow by polynomial expansion (Farneback, SCIA 2003), in numpy. Knows no files.

Conventions (pyramid, borders, the damping near them) are those of OpenCV's `calcOpticalFlowFarneback`, because
AV-Align is defined with its figures; a development test compares the two.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import correlate1d, uniform_filter1d

__all__ = ["FlowSettings", "farneback", "grey"]

Floats = npt.NDArray[np.float32]

_SMALLEST_SIDE = 32  # pixels: no pyramid level is smaller
_NEAR_BORDER = np.array([0.14, 0.14, 0.4472, 0.4472, 0.4472], np.float32)  # trust in the outermost pixels
_STILL = 1e-3  # keeps the equations solvable where there is no texture


@dataclass(frozen=True)
class FlowSettings:
    """The settings of AV-Align, in OpenCV's order.

    Attributes:
        scale: size of a pyramid level relative to the one below.
        levels: levels above the full size.
        window: side of the mean, in pixels.
        iterations: at each level.
        radius: of the polynomial's neighbourhood, in pixels.
        sigma: of its Gaussian weight, in pixels.
    """

    scale: float = 0.5
    levels: int = 3
    window: int = 15
    iterations: int = 3
    radius: int = 5
    sigma: float = 1.2


def grey(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Luma of `(..., 3)` RGB by BT.601, in 15-bit fixed point and rounded."""
    wide = rgb.astype(np.uint32)
    luma: npt.NDArray[np.uint8] = ((wide @ np.array([9798, 19235, 3735], np.uint32) + 16384) >> 15).astype(np.uint8)
    return luma


def _smooth(image: Floats, sigma: float) -> Floats:
    size = max(round(sigma * 5) | 1, 3)
    x = np.arange(size, dtype=np.float64) - size // 2
    kernel = np.exp(-(x**2) / (2 * sigma**2)) if sigma > 0 else 0.5 - 0.25 * np.abs(x)
    weights = (kernel / kernel.sum()).astype(np.float32)
    once: Floats = correlate1d(correlate1d(image, weights, axis=0, mode="mirror"), weights, axis=1, mode="mirror")
    return once


def _taps(n_out: int, n_in: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Floats]:
    at = ((np.arange(n_out) + 0.5) * n_in / n_out - 0.5).clip(0, n_in - 1)
    low = np.floor(at).astype(np.intp)
    return low, np.minimum(low + 1, n_in - 1), (at - low).astype(np.float32)


def _resize(image: Floats, height: int, width: int) -> Floats:
    """Bilinear between pixel centres, without smoothing."""
    if image.shape[:2] == (height, width):
        return image
    y0, y1, fy = _taps(height, image.shape[0])
    x0, x1, fx = _taps(width, image.shape[1])
    extra = (1,) * (image.ndim - 2)
    fx, fy = fx.reshape(1, -1, *extra), fy.reshape(-1, 1, *extra)
    rows = image[:, x0] * (1 - fx) + image[:, x1] * fx
    out: Floats = (rows[y0] * (1 - fy) + rows[y1] * fy).astype(np.float32)
    return out


def _expand(image: Floats, settings: FlowSettings) -> Floats:
    """Coefficients `(5, H, W)` of y, x, y^2, x^2 and xy in the local polynomial of every pixel."""
    x = np.arange(-settings.radius, settings.radius + 1, dtype=np.float64)
    weight = np.exp(-(x**2) / (2 * settings.sigma**2))
    weight /= weight.sum()
    m2, m4 = (weight * x**2).sum(), (weight * x**4).sum()
    # Normal equations of 1, x, y, x^2, y^2, xy under a separable weight: odd moments vanish.
    gram = np.array([[1, m2, m2], [m2, m4, m2 * m2], [m2, m2 * m2, m4]])
    inverse = np.linalg.inv(gram)
    to_square, square = inverse[0, 1], inverse[1, 1]
    kernels = [(weight * x**power).astype(np.float32) for power in range(3)]
    down = [correlate1d(image, kernel, axis=0, mode="nearest") for kernel in kernels]
    flat, xx = (
        correlate1d(down[0], kernels[0], axis=1, mode="nearest"),
        correlate1d(down[0], kernels[2], axis=1, mode="nearest"),
    )
    yy = correlate1d(down[2], kernels[0], axis=1, mode="nearest")
    return np.stack(
        [
            correlate1d(down[1], kernels[0], axis=1, mode="nearest") / np.float32(m2),
            correlate1d(down[0], kernels[1], axis=1, mode="nearest") / np.float32(m2),
            flat * np.float32(to_square) + yy * np.float32(square),
            flat * np.float32(to_square) + xx * np.float32(square),
            correlate1d(down[1], kernels[1], axis=1, mode="nearest") / np.float32(m2 * m2),
        ]
    )


def _trust(height: int, width: int) -> Floats:
    def line(n: int) -> Floats:
        out = np.ones(n, np.float32)
        near = min(len(_NEAR_BORDER), n)
        out[:near] *= _NEAR_BORDER[:near]
        out[n - near :] *= _NEAR_BORDER[:near][::-1]
        return out

    return line(height)[:, None] * line(width)


def _equations(first: Floats, second: Floats, flow: Floats, trust: Floats) -> Floats:
    """The five numbers of every pixel's 2 x 2 equation, given where it seems to have gone."""
    height, width = flow.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    fx, fy = x + flow[..., 0], y + flow[..., 1]
    x1, y1 = np.floor(fx).astype(np.intp), np.floor(fy).astype(np.intp)
    inside = (x1 >= 0) & (y1 >= 0) & (x1 < width - 1) & (y1 < height - 1)
    x1, y1 = np.where(inside, x1, 0), np.where(inside, y1, 0)
    dx, dy = np.where(inside, fx - x1, 0), np.where(inside, fy - y1, 0)
    right, below = np.minimum(x1 + 1, width - 1), np.minimum(y1 + 1, height - 1)
    there = (
        second[:, y1, x1] * ((1 - dx) * (1 - dy))
        + second[:, y1, right] * (dx * (1 - dy))
        + second[:, below, x1] * ((1 - dx) * dy)
        + second[:, below, right] * (dx * dy)
    )
    yy = np.where(inside, (first[2] + there[2]) / 2, first[2])
    xx = np.where(inside, (first[3] + there[3]) / 2, first[3])
    xy = np.where(inside, (first[4] + there[4]) / 4, first[4] / 2)
    by = (first[0] - np.where(inside, there[0], 0)) / 2 + yy * flow[..., 1] + xy * flow[..., 0]
    bx = (first[1] - np.where(inside, there[1], 0)) / 2 + xy * flow[..., 1] + xx * flow[..., 0]
    yy, xx, xy, by, bx = (value * trust for value in (yy, xx, xy, by, bx))
    out: Floats = np.stack(
        [yy * yy + xy * xy, (yy + xx) * xy, xx * xx + xy * xy, yy * by + xy * bx, xy * by + xx * bx]
    ).astype(np.float32)
    return out


def _solve(equations: Floats, window: int) -> Floats:
    mean = equations
    for axis in (1, 2):
        mean = uniform_filter1d(mean, 2 * (window // 2) + 1, axis=axis, mode="nearest")
    g11, g12, g22, h1, h2 = mean
    inverse = 1 / (g11 * g22 - g12 * g12 + np.float32(_STILL))
    return np.stack([(g11 * h2 - g12 * h1) * inverse, (g22 * h1 - g12 * h2) * inverse], axis=-1)


def farneback(
    before: npt.NDArray[np.uint8], after: npt.NDArray[np.uint8], settings: FlowSettings | None = None
) -> Floats:
    """How far every pixel of a grey image `(H, W)` moves until the next: `(H, W, 2)`, x then y, in pixels.

    Raises:
        ValueError: the images differ in size.
    """
    if before.shape != after.shape or before.ndim != 2:
        raise ValueError(f"two grey images of one size are needed, not {before.shape} and {after.shape}")
    chosen = settings or FlowSettings()
    height, width = before.shape
    levels = 0
    while levels < chosen.levels and min(height, width) * chosen.scale ** (levels + 1) >= _SMALLEST_SIDE:
        levels += 1
    images = [image.astype(np.float32) for image in (before, after)]
    flow: Floats | None = None
    for level in range(levels, -1, -1):
        scale = chosen.scale**level
        h, w = round(height * scale), round(width * scale)
        first, second = (_expand(_resize(_smooth(image, (1 / scale - 1) / 2), h, w), chosen) for image in images)
        flow = np.zeros((h, w, 2), np.float32) if flow is None else _resize(flow, h, w) / np.float32(chosen.scale)
        trust = _trust(h, w)
        for _ in range(chosen.iterations):
            flow = _solve(_equations(first, second, flow, trust), chosen.window)
    assert flow is not None
    return flow
