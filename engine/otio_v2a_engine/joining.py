"""Joins the overlap of two renders of the same picture so that nobody hears where. Knows no engine.

Two renders of one moment are more or less alike: a tone may meet itself in any phase, rain is never the
same twice. A fixed crossfade is therefore wrong somewhere. Here the fade's place and length are chosen
where the two differ least, and its gain follows their measured correlation, so that power goes from one
level to the other in a straight line of decibels.
"""

from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt

__all__ = ["declick", "join", "limit", "match_gain_db", "polarity", "slew_s"]

Sound = npt.NDArray[np.float32]
"""`(channels, samples)`"""
_Signal = npt.NDArray[np.float64]

_CELL_S = 0.01
_FADES_S = (0.06, 0.12, 0.25, 0.5)
_POWER_WINDOW_S = 0.025
_SILENCE = 1e-8
"""Power (-80 dBFS) below which nothing is heard."""
_HOP_S = 0.05
_STEP_DB = 0.5
"""Change of level per hop that stays below notice; the bound that joins are held to is 1 dB."""
_SLEW_DB = 0.4
"""Change of level per hop that a seam is planned with: a steady noise moves by half a dB on top of it."""
_LARGEST_STEP_DB = 0.8
"""A place and length of a fade that change the level faster are only taken when there is no other."""
_LARGEST_MATCH_DB = 6.0
"""Ambience and music are brought this much closer, even where a fade alone would do."""
_LARGEST_DIFFERENCE_DB = 24.0
"""Difference of two windows up to which their seam keeps its bound."""
_CEILING = 0.999


@dataclass(frozen=True)
class _Costs:
    """What a fade's place and length cost, in dB-like units."""

    loudness: float
    step: float
    cancellation: float
    brevity: float
    """Per doubling of length: positive prefers long fades, negative short ones."""


# An event must be heard once and whole: its fade is short and lies in a quiet place.
_SPARSE = _Costs(loudness=1.0, step=6.0, cancellation=3.0, brevity=-0.5)
_STEADY = _Costs(loudness=0.25, step=6.0, cancellation=3.0, brevity=2.0)


def polarity(before: Sound, after: Sound) -> int:
    """-1 when two overlaps are closer with one of them inverted, which nobody hears and nothing cancels."""
    return -1 if float(np.vdot(before, after)) < 0 else 1


def match_gain_db(before: Sound, after: Sound, *, sample_rate: int, peak: float, sparse: bool) -> float:
    """Gain in dB for the start of `after`, so that a fade over the overlap need not change the level too fast.

    A second's fade carries 8 dB without being noticed: what two windows differ by beyond that, up to 24 dB, is left
    to the gain, and to its slow release (`slew_s`). Steady sounds are matched by up to 6 dB in any case, as far as
    `peak`, the largest magnitude that the gain will be applied to, leaves room; with more, `limit` is called for.
    """
    levels = [float(_levels(_cells(_power(sound), sample_rate))) for sound in (before, after)]
    if min(levels) < 10 * _SILENCE:
        return 0.0
    difference_db = 10 * float(np.log10(levels[0] / levels[1]))
    apart_db = abs(difference_db)
    room_db = 20 * float(np.log10(_CEILING / max(peak, 1e-9))) if difference_db > 0 else apart_db
    wanted_db = 0.0 if sparse else min(apart_db, _LARGEST_MATCH_DB, room_db)
    needed_db = min(apart_db, _LARGEST_DIFFERENCE_DB) - _SLEW_DB * before.shape[1] / (_HOP_S * sample_rate)
    return float(np.copysign(max(0.0, wanted_db, needed_db), difference_db))


def slew_s(gain_db: float) -> float:
    """Seconds in which a gain goes back to nothing without being noticed."""
    return abs(gain_db) / _SLEW_DB * _HOP_S


def declick(before: Sound, after: Sound) -> Sound:
    """Equal-power fade over a few milliseconds; both have the same shape."""
    angle = np.pi / 2 * _curve(before.shape[1])
    return np.asarray(np.clip(before * np.cos(angle) + after * np.sin(angle), -1, 1), dtype=np.float32)


def join(before: Sound, after: Sound, *, sample_rate: int, sparse: bool) -> Sound:
    """One sound from two renders of the same moment, `before` at its start and `after` at its end.

    Args:
        before: the end of the earlier window, `(channels, n)`.
        after: the start of the later window, same shape.
        sample_rate: Hz.
        sparse: whether single events matter more than a steady bed (effects, dialogue).
    """
    n = before.shape[1]
    powers = _power(before), _power(after)
    cross = np.mean(before.astype(np.float64) * after, axis=0)
    start, stop = _place(powers, cross, sample_rate=sample_rate, costs=_SPARSE if sparse else _STEADY)
    width = max(1, round(_POWER_WINDOW_S * sample_rate))
    lead = max(0, start - width)
    tail = min(n, stop + width)
    inner = slice(start - lead, stop - lead)
    p1, p2, c = (_smooth(x[lead:tail], width)[inner] for x in (*powers, cross))
    ramp = _curve(stop - start)
    a, b = np.cos(np.pi / 2 * ramp), np.sin(np.pi / 2 * ramp)
    apart = a**2 * p1 + b**2 * p2 + _SILENCE
    together = np.maximum(apart + 2 * a * b * c, apart / 16)
    l1, l2 = (_levels(_cells(power[start:stop], sample_rate)) for power in powers)
    straight = np.linspace(0, 1, stop - start)
    trend = l1 ** (1 - straight) * l2**straight / (a**2 * l1 + b**2 * l2)
    gain = np.sqrt(apart / together) * np.sqrt(np.maximum(trend, 1 / 64))
    faded = gain * (a * before[:, start:stop] + b * after[:, start:stop])
    joined = np.concatenate([before[:, :start], limit(faded, sample_rate), after[:, stop:]], axis=1)
    return joined.astype(np.float32)


def _place(powers: tuple[_Signal, _Signal], cross: _Signal, *, sample_rate: int, costs: _Costs) -> tuple[int, int]:
    """The cheapest `[start, stop)` for a fade within the overlap."""
    n = cross.size
    cell = max(1, round(_CELL_S * sample_rate))
    p1, p2, c = (_cells(x, sample_rate) for x in (*powers, cross))
    best = (np.inf, 0, n)
    shorter = [max(2, round(seconds / _CELL_S)) for seconds in _FADES_S]
    for length in [*(cells for cells in shorter if cells < p1.size), p1.size]:
        # One row per place.
        q1, q2, qc = (np.lib.stride_tricks.sliding_window_view(x, length) for x in (p1, p2, c))
        ramp = _curve(length)
        a, b = np.cos(np.pi / 2 * ramp), np.sin(np.pi / 2 * ramp)
        apart = a**2 * q1 + b**2 * q2 + _SILENCE
        together = np.maximum(apart + 2 * a * b * qc, apart / 100)
        change_db = 10 * np.abs(np.log10(_levels(q1) / _levels(q2)))
        step_db = change_db * _HOP_S / (length * _CELL_S)
        cost = (
            costs.loudness * 10 * np.log10(np.mean(q1 + q2, axis=1) + _SILENCE)
            + costs.step * np.maximum(0.0, step_db - _STEP_DB)
            + 10 * costs.step * np.maximum(0.0, step_db - _LARGEST_STEP_DB)
            + costs.cancellation * np.maximum(0.0, 10 * np.log10((apart / together).max(axis=1)) - 1)
            - costs.brevity * np.log2(length)
        )
        first = int(np.argmin(cost))
        if cost[first] < best[0]:
            best = (float(cost[first]), first * cell, n if first + length == p1.size else (first + length) * cell)
    return best[1], best[2]


def _power(sound: Sound) -> _Signal:
    """Mean square over channels, per sample."""
    return np.asarray(np.mean(np.square(sound, dtype=np.float64), axis=0))


def _cells(x: _Signal, sample_rate: int) -> _Signal:
    """Means over cells of 10 ms; the last one may be shorter."""
    cell = max(1, round(_CELL_S * sample_rate))
    starts = np.arange(ceil(x.size / cell)) * cell
    return np.asarray(np.add.reduceat(x, starts) / np.diff(np.append(starts, x.size)))


def _levels(cells: _Signal) -> _Signal:
    """Power of the bed, along the last axis: the median cell, so that a single event does not count."""
    return np.asarray(np.maximum(np.median(cells, axis=-1), _SILENCE))


def _smooth(x: _Signal, width: int) -> _Signal:
    """Centred moving average, over what there is at the ends."""
    sums = np.concatenate([[0.0], np.cumsum(x)])
    index = np.arange(x.size)
    low, high = np.maximum(index - width // 2, 0), np.minimum(index + width // 2 + 1, x.size)
    return np.asarray((sums[high] - sums[low]) / (high - low))


def _curve(n: int) -> _Signal:
    """Raised cosine from 0 to 1 in `n` points, both ends left out."""
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * (np.arange(n) + 1) / (n + 1)))


def limit(sound: _Signal, sample_rate: int) -> _Signal:
    """Keep a sound `(channels, n)` below full scale by gain that moves slowly, not by clipping."""
    needed = np.minimum(1.0, _CEILING / np.maximum(np.abs(sound).max(axis=0), 1e-9))
    if needed.min() >= 1.0:
        return sound
    width = max(1, round(0.002 * sample_rate)) * 2 + 1
    padded = np.pad(needed, width, constant_values=1.0)
    windows = np.lib.stride_tricks.sliding_window_view(padded, width)
    lowest = windows.min(axis=1)
    gain = np.lib.stride_tricks.sliding_window_view(lowest, width).mean(axis=1)
    first = (gain.size - needed.size) // 2
    return np.asarray(sound * gain[first : first + needed.size])
