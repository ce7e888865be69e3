"""Finds the onsets of a sound, and scores them against the true ones. Knows no model."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from otio_v2a_engine.models.mel import HOP, SAMPLE_RATE, log_mel

__all__ = ["Score", "chance", "f1", "find_mel_onsets", "find_onsets", "match", "pre_echo_db"]

Score = tuple[int, int, int]
"""Matched, found, true."""

_APART = 9  # frames: onsets within 90 ms are one


def find_onsets(sound: npt.NDArray[np.float32], *, range_db: float = 40.0) -> npt.NDArray[np.float64]:
    """Onsets of mono 48 kHz sound `(n,)` in seconds; see `find_mel_onsets`."""
    return find_mel_onsets(log_mel(sound), range_db=range_db)


def find_mel_onsets(log_mel_: npt.NDArray[np.float32], *, range_db: float = 40.0) -> npt.NDArray[np.float64]:
    """Onsets in seconds: peaks of the rise of the log-mel over 20 ms.

    Args:
        log_mel_: `(F, 96)` in units of 20 dB.
        range_db: onsets this far below the loudest frame, and all below -70 dB, are not heard.
    """
    mel = np.maximum(log_mel_, -3.5)
    if len(mel) < 4:
        return np.zeros(0)
    before = np.vstack([np.full((2, mel.shape[1]), -3.5, np.float32), mel[:-2]])
    rise = np.maximum(mel - before, 0).mean(1)
    level = mel.max(1)
    audible = np.maximum(level, np.r_[level[1:], level[-1]]) > max(float(level.max()) - range_db / 20, -3.4)
    threshold = max(0.1, 0.2 * float(rise.max()))
    found: list[int] = []
    for i in range(len(rise)):
        peak = float(rise[max(0, i - _APART) : i + _APART + 1].max())
        around = float(np.median(rise[max(0, i - 12) : i + 13]))
        apart = not found or i - found[-1] > _APART
        if audible[i] and apart and rise[i] == peak and rise[i] > max(threshold, 0.1 + 1.3 * around):
            found.append(i)
    return (np.array(found, float) - 0.5) * HOP / SAMPLE_RATE


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
