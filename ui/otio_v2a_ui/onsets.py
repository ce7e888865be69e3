"""Finds where a sound begins anew: sharp rises over several bands, well apart. Knows blocks of samples, no files."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

__all__ = ["BandLevels", "onsets_of"]

HOP_S = 0.01
_WIDTH = 3
_APART_S = 0.12
_AROUND_S = 0.4
_LEAST_RISE_DB = 5.0
_FLOOR_DB = -60.0

Floats = npt.NDArray[np.float64]


class BandLevels:
    """Levels in eight bands every 10 ms, fed block by block."""

    def __init__(self, sample_rate: int) -> None:
        self._hop = max(8, round(HOP_S * sample_rate))
        self._window = np.hanning(self._hop)
        self._left = np.zeros(0, np.float32)
        self._levels: list[Floats] = []
        self.seconds_per_row = self._hop / sample_rate

    def add(self, mono: npt.NDArray[np.float32]) -> None:
        """The next samples."""
        sound = np.concatenate([self._left, mono])
        whole = len(sound) // self._hop * self._hop
        self._left = sound[whole:]
        frames = sound[:whole].reshape(-1, self._hop) * self._window
        power = np.abs(np.fft.rfft(frames, axis=1)) ** 2 / self._hop
        edges = np.unique(np.geomspace(1, power.shape[1], 9).astype(int))
        bands = [power[:, a:b].mean(axis=1) for a, b in pairwise(edges)]
        self._levels.append(np.maximum(10 * np.log10(np.stack(bands, axis=1) + 1e-12), _FLOOR_DB))

    def onsets_s(self) -> tuple[float, ...]:
        """Onsets of all that was added, in seconds from its start."""
        table = np.concatenate(self._levels) if self._levels else np.zeros((0, 8))
        return tuple(at * self.seconds_per_row for at in onsets_of(table, step_s=self.seconds_per_row))


def onsets_of(levels: Floats, *, step_s: float) -> Sequence[int]:
    """Rows of `(rows, bands)` levels in dB at which the sound rises sharply.

    Three rows after are held against three before: noise that only flickers does not rise by much.
    """
    n = len(levels)
    if n < 2 * _WIDTH:
        return []
    # Silence before the file's start, so that a sound that begins with a hit has an onset there.
    padded = np.concatenate([np.full((_WIDTH, levels.shape[1]), _FLOOR_DB), levels])
    sums = np.concatenate([np.zeros((1, levels.shape[1])), np.cumsum(padded, axis=0)])
    means = (sums[_WIDTH:] - sums[:-_WIDTH]) / _WIDTH
    rise = np.zeros(n)
    rise[: len(means) - _WIDTH] = np.maximum(means[_WIDTH:] - means[:-_WIDTH], 0).mean(axis=1)
    apart, around = max(1, round(_APART_S / step_s)), max(2, round(_AROUND_S / step_s))
    least = max(_LEAST_RISE_DB, 0.25 * float(rise.max()))
    found: list[int] = []
    for at in np.flatnonzero(rise >= least).tolist():
        near = rise[max(0, at - apart) : at + apart + 1]
        local = rise[max(0, at - around) : at + around + 1]
        if (not found or at - found[-1] > apart) and rise[at] == near.max() and rise[at] > 2 * float(np.median(local)):
            found.append(at)
    return found
