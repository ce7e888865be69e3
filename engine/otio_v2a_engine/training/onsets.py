"""Finds the onsets of a sound, and scores them against the true ones. Knows no model."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter1d, median_filter

from otio_v2a_engine.models.mel import HOP, SAMPLE_RATE, SILENT, log_mel

__all__ = ["Score", "chance", "f1", "find_mel_onsets", "find_onsets", "match", "pre_echo_db"]

Score = tuple[int, int, int]
"""Matched, found, true."""

_APART = 9  # frames: onsets within 90 ms are one
_LAG = 4  # frames over which the flux is measured
_BANDS = 5  # a band is compared with the loudest of so many around it
_RISE, _AROUND = 0.12, 1.3  # at least so many units of 20 dB, and so much more than the median flux of 250 ms around
_LOUD = 0.25  # of the greatest flux
_BEGINS = 0.4  # frames: a frame hears 43 ms, so a sound begins after the middle of the one that rises most


def find_onsets(sound: npt.NDArray[np.float32], *, range_db: float = 60.0) -> npt.NDArray[np.float64]:
    """Onsets of mono 48 kHz sound `(n,)` in seconds; see `find_mel_onsets`."""
    return find_mel_onsets(log_mel(sound), range_db=range_db)


def find_mel_onsets(log_mel_: npt.NDArray[np.float32], *, range_db: float = 60.0) -> npt.NDArray[np.float64]:
    """Onsets in seconds: peaks of the spectral flux of the log-mel over 40 ms (SuperFlux, Böck and Widmer, DAFx 2013).

    A band rises only above what it and its neighbours were, so that a partial that wavers is no onset. Settings were
    chosen on the true stems of 89 simulated scenes: F1 there 0.85, and 0.87 on 89 others.

    Args:
        log_mel_: `(F, 96)` in units of 20 dB.
        range_db: what is this far below the loudest band, and all below -70 dB, is not heard.
    """
    top = float(log_mel_.max(initial=-5.0))
    if top <= SILENT or len(log_mel_) < _LAG:
        return np.zeros(0)
    quiet = max(top - range_db / 20, -3.5)
    mel = np.maximum(log_mel_, quiet)
    before = np.vstack([np.full((_LAG, mel.shape[1]), quiet, np.float32), maximum_filter1d(mel, _BANDS, axis=1)])
    flux = np.maximum(mel - before[: len(mel)], 0).mean(1)
    first = np.maximum(mel - before[_LAG - 1 : -1], 0).mean(1)  # over 10 ms: when in a rise it begins
    heard = flux > np.maximum(_LOUD * flux.max(), _RISE + _AROUND * median_filter(flux, 25, mode="nearest"))
    found: list[int] = []
    for i in np.flatnonzero(heard & (flux == maximum_filter1d(flux, 2 * _APART + 1))).tolist():
        if not found or i - found[-1] > _APART:
            found.append(i)
    begins = [max(0, i - _LAG - 1) + int(first[max(0, i - _LAG - 1) : i + 2].argmax()) for i in found]
    return (np.array(begins, float) + _BEGINS) * HOP / SAMPLE_RATE


def match(found: Sequence[float], true: Sequence[float], *, tolerance_s: float = 0.05) -> tuple[Score, list[float]]:
    """One-to-one matches within a tolerance, nearest first; also the signed errors in seconds."""
    pairs = sorted(
        (abs(a - b), i, j) for i, a in enumerate(found) for j, b in enumerate(true) if abs(a - b) <= tolerance_s
    )
    used_found: set[int] = set()
    used_true: set[int] = set()
    errors: list[float] = []
    for _, i, j in pairs:
        if i not in used_found and j not in used_true:
            used_found.add(i)
            used_true.add(j)
            errors.append(found[i] - true[j])
    return (len(errors), len(found), len(true)), errors


def f1(scores: Sequence[Score]) -> float:
    """F1 of the summed scores; 0 when there is nothing to find and nothing found."""
    matched, found, true = (sum(score[k] for score in scores) for k in range(3))
    return 2 * matched / (found + true) if found + true else 0.0


def chance(found: Sequence[float], true: Sequence[float], *, length_s: float, tolerance_s: float = 0.05) -> list[Score]:
    """Scores of the same onsets shifted around the window by 20 different amounts of at least 0.3 s."""
    shifts = np.linspace(0.3, length_s - 0.3, 20)
    return [
        match(sorted((time + shift) % length_s for time in found), true, tolerance_s=tolerance_s)[0] for shift in shifts
    ]


def pre_echo_db(sound: npt.NDArray[np.float32], onsets: Sequence[int]) -> float:
    """How loud the 10 ms before the onsets are against the 20 ms after them: the median, in dB.

    Args:
        sound: `(n,)` mono samples at 48 kHz.
        onsets: samples. The last millisecond before one does not count: so exactly is no onset known. Those without
            10 ms before and 20 ms after them are left out.

    Returns:
        NaN where no onset is left.
    """
    power = np.square(sound, dtype=np.float64)
    ratios = [
        10 * np.log10((power[at - 480 : at - 48].mean() + 1e-10) / (power[at : at + 960].mean() + 1e-10))
        for at in onsets
        if 480 <= at <= len(sound) - 960
    ]
    return float(np.median(ratios)) if ratios else float("nan")
