"""Measures of timing that need no weights: errors against labelled onsets, and motion against onset strength.

The second needs no labels either. It correlates, tile by tile, how suddenly the picture's motion changes with the
onset strength of the sound, and says by how many standard deviations that exceeds the same sound turned around the
window by every other amount: a sound that merely has many onsets gains nothing. Knows no files and no models.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

from otio_v2a_engine.evaluation.farneback import FlowSettings, farneback, grey
from otio_v2a_engine.evaluation.onset_strength import HOP, SAMPLE_RATE
from otio_v2a_engine.training.onsets import chance, f1, match

__all__ = [
    "RATE",
    "TILE_HEIGHT",
    "TILE_WIDTH",
    "OnsetTiming",
    "TileFlow",
    "onset_timing",
    "tile_correlation",
    "tile_flow",
    "tile_motion",
]

Floats = npt.NDArray[np.float64]

RATE = Fraction(25)
"""Frames a second that `tile_motion` looks at."""
TILE_WIDTH, TILE_HEIGHT = 96, 56
"""Pixels of its frames."""
_CELL = 8  # pixels: 7 x 12 tiles
_TOP = 8  # tiles that speak: something sounds in a small part of the picture
_SMOOTH = 1.0  # frames: how exactly sound and motion must meet
_APART_S = 0.3  # shifts shorter than this are not independent of the true one
_FLOW = FlowSettings(levels=2, iterations=2)
_LEAST_MOTION = 1e-3  # of the liveliest tile's deviation: below it a tile is still


@dataclass(frozen=True)
class OnsetTiming:
    """Found onsets against true ones.

    Attributes:
        f1: harmonic mean of precision and recall at the tolerance; None where there is neither.
        chance_f1: the same for the found onsets turned around the window by 20 amounts.
        error_ms: median size of the error of matched onsets; None without a match.
        bias_ms: their median error, positive when the sound is late.
        found: onsets found.
        true: onsets labelled.
        errors_ms: signed errors of the matched onsets.
    """

    f1: float | None
    chance_f1: float | None
    error_ms: float | None
    bias_ms: float | None
    found: int
    true: int
    errors_ms: tuple[float, ...] = ()


def onset_timing(
    found: Sequence[float], true: Sequence[float], *, length_s: float, tolerance_s: float = 0.05
) -> OnsetTiming:
    """Errors of onsets in seconds within a clip of `length_s`, matched one to one within a tolerance, nearest first."""
    score, errors = match(found, true, tolerance_s=tolerance_s)
    some = bool(found or true)
    shifted = chance(found, true, length_s=length_s, tolerance_s=tolerance_s) if some and length_s > 0.6 else None
    return OnsetTiming(
        f1=f1([score]) if some else None,
        chance_f1=f1(shifted) if shifted is not None else None,
        error_ms=1000 * float(np.median(np.abs(errors))) if errors else None,
        bias_ms=1000 * float(np.median(errors)) if errors else None,
        found=len(found),
        true=len(true),
        errors_ms=tuple(1000 * error for error in errors),
    )


def tile_motion(frames: npt.NDArray[np.uint8]) -> Floats:
    """How suddenly motion changes in every tile: `(T, 84)` for RGB frames `(T, 56, 96, 3)` at RATE.

    Mean size of the difference between a frame's Farneback flow and the one before; the first two rows are zero.
    """
    out = np.zeros((len(frames), (TILE_HEIGHT // _CELL) * (TILE_WIDTH // _CELL)))
    greys = grey(frames)
    before = None
    for k in range(1, len(frames)):
        flow = farneback(greys[k - 1], greys[k], _FLOW)
        if before is not None:
            change = np.linalg.norm(flow - before, axis=2)
            tiles = change.reshape(TILE_HEIGHT // _CELL, _CELL, TILE_WIDTH // _CELL, _CELL).mean((1, 3))
            out[k] = tiles.ravel()
        before = flow
    return out


@dataclass(frozen=True)
class TileFlow:
    """How motion and onset strength go together.

    Attributes:
        correlation: mean of the best tiles' correlation at no shift, -1..1.
        z: by how many standard deviations it exceeds the correlation at other shifts.
        curve: the correlation at every circular shift of the sound, `(T,)`: entry k is k frames earlier.
    """

    correlation: float
    z: float
    curve: Floats


def tile_correlation(motion: Floats, strength: Floats) -> TileFlow | None:
    """Correlate `tile_motion` `(T, tiles)` with a curve of onset strength `(T,)` at the same times.

    Returns:
        None where one of them does not change, or the clip is too short to shift.
    """
    n = len(strength)
    apart = round(_APART_S * RATE)
    if n < 4 * apart or len(motion) != n:
        return None
    a = gaussian_filter1d(motion, _SMOOTH, axis=0)
    b = gaussian_filter1d(np.asarray(strength, np.float64), _SMOOTH)
    a, b = a - a.mean(0), b - b.mean()
    size, loud = np.linalg.norm(a, axis=0), float(np.linalg.norm(b))
    moving = size > _LEAST_MOTION * max(float(size.max()), 1e-6)
    if loud < 1e-9 or float(size.max()) < 1e-6:
        return None
    spectrum = np.fft.rfft(a[:, moving] / size[moving], axis=0) * np.conj(np.fft.rfft(b / loud))[:, None]
    each = np.fft.irfft(spectrum, n=n, axis=0)
    # At every shift the best tiles anew: the shifts must have the same choice as the true place.
    best = -np.sort(-each, axis=1)[:, :_TOP].mean(1)
    curve = np.r_[best[:1], best[:0:-1]]
    others = curve[apart : n - apart + 1]
    return TileFlow(
        correlation=float(curve[0]), z=float((curve[0] - others.mean()) / max(others.std(), 1e-6)), curve=curve
    )


def tile_flow(motion: Floats, strength: Floats) -> TileFlow | None:
    """`tile_correlation` with an `onset_strength` at its own rate, for motion of frames `k / RATE`.

    What begins between two frames is first seen in the later one: row k stands for the middle between k - 1 and k.
    """
    times = (np.arange(len(motion)) - 0.5) / float(RATE)
    if not len(strength):
        return None
    at = np.interp(times, np.arange(len(strength)) * HOP / SAMPLE_RATE, strength)
    return tile_correlation(motion, np.asarray(at, np.float64))
