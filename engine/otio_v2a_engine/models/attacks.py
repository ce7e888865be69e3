"""Owns where a log-mel begins abruptly, and the quiet before it. Knows neither vocoder nor refinement.

A frame of the log-mel hears 43 ms, so a sound made from it begins up to 21 ms before the impact that it shows. How
loud the frames around a rise are tells when it began, though: each holds the energy of what its window has heard of a
decaying sound since then. The onset is read off that to about a millisecond (`find_attacks`), and what a waveform has
before it is turned down to what was there before the rise (`hush`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from otio_v2a_engine.models.mel import HOP, N_FFT, SAMPLE_RATE, window

__all__ = ["Attack", "find_attacks", "hush"]

_RISE_DB = 12.0  # at least so much louder after the rise
_STEEP_DB = 9.0  # and at least so much of it from one frame to the next: slower is no impact
_CLIMBS_DB = 1.0  # a frame that is so much louder than the one before belongs to a rise
_REACH = 6  # frames: the level before a rise is looked for so far back
_WORST_DB = 1.5  # mean error of a fit: struck sounds have 0.6, rises over 40 ms and more 1.6 and more
_GRID = 24  # samples: onsets are tried every half millisecond
_GROUPS = 6  # of bands: low ones ring longer than high ones
_DECAYS_DB_PER_S = (0.0, 250.0, 1000.0, 4000.0)  # of what rings
_CLICK_DB_PER_S = 10000.0  # and of the click that it begins with,
_CLICKS = (0.0, 5.0, 20.0, 80.0)  # so many times as strong
_BEFORE, _AFTER = 4, 2  # frames around the top of a rise that are fitted
_FAINT_DB = 20.0  # below its loudest frame a group's frames hear other sounds, and the skirts of the window,
_FAINT = 0.1  # so they weigh less
_DB_OF_2 = 10 * np.log10(2.0)
_FARTHEST = 8 * HOP  # samples between an onset and the centre of a frame, at most
_LEAD = 1200  # samples: what is made from frames that hear an attack may begin so long before it
_CALM = 480  # samples before those tell how loud it was
_SMOOTH = 120  # samples over which a level is measured there
_RAMP = 48  # samples: the gate opens in a millisecond


@dataclass(frozen=True)
class Attack:
    """An abrupt beginning.

    Attributes:
        sample: where the sound begins, 48 kHz.
        rise_db: how much louder it is than what was there before, at least.
    """

    sample: int
    rise_db: float


@lru_cache(maxsize=1)
def _heard() -> npt.NDArray[np.float32]:
    """What a frame hears of a sound that clicks and rings, in dB: `(shapes, onset - centre of the frame)`."""
    offsets = np.arange(-_FARTHEST, _FARTHEST + 1, _GRID)
    weights = window().astype(np.float64) ** 2
    since = np.arange(N_FFT) - N_FFT // 2 - offsets[:, None]  # (offsets, N_FFT)
    decays = np.array([*_DECAYS_DB_PER_S, _CLICK_DB_PER_S])[:, None, None]
    shapes = np.where(since >= 0, 10.0 ** (-decays * np.maximum(since, 0) / (10 * SAMPLE_RATE)), 0.0)
    *rings, click = shapes @ (weights / weights.sum())
    powers = np.stack([ring + strength * click for ring in rings for strength in _CLICKS])
    db: npt.NDArray[np.float32] = (10 * np.log10(powers + 1e-12)).astype(np.float32)
    return db


def _levels(powers: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Mean powers `(F, bands)` in dB, `(F,)`."""
    db: npt.NDArray[np.float32] = (10 * np.log10(powers.mean(1) + 1e-10)).astype(np.float32)
    return db


def find_attacks(mel: npt.NDArray[np.float32]) -> tuple[Attack, ...]:
    """The abrupt beginnings in a log-mel `(F, 96)` in units of 20 dB, in order of time."""
    powers = 10.0 ** (2 * mel.astype(np.float64))
    levels = _levels(powers)
    groups = np.stack([_levels(group) for group in np.array_split(powers, _GROUPS, axis=1)])
    climbs = np.diff(levels) > _CLIMBS_DB
    edges = np.flatnonzero(np.diff(np.r_[False, climbs, False].astype(int)))
    found = []
    for first, top in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        bottom = max(first, top - _REACH)
        rise = levels[bottom : top + 1]
        if rise[-1] - rise[0] < _RISE_DB or np.diff(rise).max() < _STEEP_DB:
            continue
        sample, error_db = _fit(groups, bottom, top)
        if error_db <= _WORST_DB:
            found.append(Attack(sample=sample, rise_db=float(rise[-1] - rise[0])))
    return tuple(found)


def _fit(levels: npt.NDArray[np.float32], bottom: int, top: int) -> tuple[int, float]:
    """Where a sound begins that is loud at frame `top` and not yet at `bottom`; also the mean error in dB.

    Args:
        levels: `(groups, F)` in dB.
        bottom: frame.
        top: frame.
    """
    frames = np.arange(max(bottom, top - _BEFORE), min(levels.shape[1], top + _AFTER))
    onsets = np.arange(max(0, top - _BEFORE) * HOP, (top + 2) * HOP, _GRID)
    before, loudest = levels[:, bottom], levels[:, max(0, top - 1) : top + 2].max(1)
    rises = loudest - before
    rising = rises >= min(_RISE_DB, float(rises.max()))
    rises, before, loudest = rises[rising], before[rising, None], loudest[rising, None]
    wanted = levels[rising][:, frames]  # (groups, frames)
    weights = np.where(wanted > before + 6, 1.0, _FAINT).astype(np.float32)
    loud = weights * (wanted > loudest - _FAINT_DB)
    heard = _heard()[:, (onsets[:, None] - frames * HOP + _FARTHEST) // _GRID]  # (shapes, onsets, frames)
    gains = ((wanted * loud).sum(1)[:, None, None] - np.einsum("snf,gf->gsn", heard, loud)) / loud.sum(1)[:, None, None]
    shown = np.logaddexp2((heard + gains[..., None]) / _DB_OF_2, before[:, None, None] / _DB_OF_2) * _DB_OF_2
    errors = np.einsum("gsnf,gf->gsn", np.abs(shown - wanted[:, None, None]), weights / weights.sum(1, keepdims=True))
    error = rises @ errors.min(1) / rises.sum()  # (onsets,)
    best = int(error.argmin())
    return int(onsets[best]), float(error[best])


def hush(sound: npt.NDArray[np.float32], attacks: Sequence[Attack]) -> npt.NDArray[np.float32]:
    """A copy of a sound that is no louder before its attacks than it was before they could be heard.

    Args:
        sound: `(n,)` samples at 48 kHz.
        attacks: of its log-mel.
    """
    sound = sound.copy()
    for attack in attacks:
        if not _SMOOTH <= attack.sample <= len(sound):
            continue
        begin = max(0, attack.sample - _LEAD)
        if begin >= _CALM:
            quiet = float(_means(_powers(sound[begin - _CALM : begin]), _SMOOTH).max())
        else:  # so early that there is no sound without it: the mel tells how loud it was
            loud = _powers(sound[attack.sample : attack.sample + _CALM])
            quiet = float(loud.mean()) * 10 ** (-attack.rise_db / 10) if len(loud) else 0.0
        sound[begin : attack.sample] *= _gate(sound[begin : attack.sample], quiet)
    return sound


def _powers(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    return np.square(samples, dtype=np.float64) + 1e-12


def _gate(rising: npt.NDArray[np.float32], quiet: float) -> npt.NDArray[np.float32]:
    """Gains `(n,)` that bring samples `(n,)` down to a mean square, and open at their end."""
    gains = _means(np.minimum(1.0, np.sqrt(quiet / _means(_powers(rising), _SMOOTH))), 2 * _RAMP)
    opening = min(_RAMP, len(gains))
    gains[-opening:] += (1 - gains[-opening:]) * np.linspace(0, 1, opening) ** 2
    return gains.astype(np.float32)


def _means(values: npt.NDArray[np.float64], n: int) -> npt.NDArray[np.float64]:
    """Running means of values `(m,)` over `n` (even) neighbours, of fewer at the ends."""
    sums = np.cumsum(np.r_[0.0, values])
    at = np.arange(len(values))
    low, high = np.maximum(at - n // 2, 0), np.minimum(at + n // 2 + 1, len(values))
    means: npt.NDArray[np.float64] = (sums[high] - sums[low]) / (high - low)
    return means
