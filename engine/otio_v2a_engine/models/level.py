"""Keeps peaks at the level of a finished stem. Looks 10 ms around each sample, so windows of a long span join."""

import numpy as np
import numpy.typing as npt

__all__ = ["CEILING", "limit"]

Samples = npt.NDArray[np.float32]

CEILING = 0.5  # -6 dBFS
_REACH = 240  # samples to either side: 5 ms


def _smallest_around(values: Samples, reach: int) -> Samples:
    """Minimum over `reach` samples to either side, `(n,)`."""
    padded = np.pad(values, reach, mode="edge")
    width = 2 * reach + 1
    smallest = padded
    have = 1
    while have < width:  # minima over doubling widths
        step = min(have, width - have)
        smallest = np.minimum(smallest[:-step], smallest[step:])
        have += step
    return smallest


def limit(sound: Samples, *, ceiling: float = CEILING) -> Samples:
    """A sound that never exceeds `ceiling`, turned down smoothly around each peak and untouched elsewhere.

    Args:
        sound: `(channels, n)`; all channels get the same gain.
        ceiling: highest magnitude.

    Returns:
        `(channels, n)`.
    """
    peak = np.abs(sound).max(0)
    if not peak.size or float(peak.max()) <= ceiling:
        return sound
    needed = np.minimum(1.0, ceiling / np.maximum(peak, 1e-9)).astype(np.float32)
    lowest = np.pad(_smallest_around(needed, _REACH), _REACH, mode="edge")
    ramp = np.hanning(2 * _REACH + 3)[1:-1]
    gain = np.convolve(lowest, ramp / ramp.sum(), mode="valid")
    limited: Samples = np.clip(sound * gain, -ceiling, ceiling).astype(np.float32)
    return limited
