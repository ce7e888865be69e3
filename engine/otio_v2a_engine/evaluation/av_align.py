"""AV-Align in its 2025 form: how many peaks of motion and of sound coincide. Knows no files and no models.

Definition (TempoTokens, arXiv 2309.16429, as its published code stands since 2025): sound peaks are librosa's onsets
at 22.05 kHz; picture peaks are strict local maxima of at least 0.1 pixel of the mean Farneback flow of neighbouring
frames at their own size, frame `i` at `i / rate`, the first value standing twice; a sound peak takes the first free
picture peak less than a frame away; the score is intersection over union. The older form, without threshold and
one-to-one matches, gives other figures. On real footage it hardly tells true from shuffled pairs: read it beside the
measures of `sync.py`.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from otio_v2a_engine.evaluation.farneback import farneback, grey
from otio_v2a_engine.evaluation.onset_strength import detect_onsets, onset_strength

__all__ = ["av_align", "flow_curve", "intersection_over_union", "picture_peaks", "sound_peaks"]

Floats = npt.NDArray[np.float64]
_LEAST_FLOW = 0.1  # pixels a frame


def flow_curve(frames: Iterable[npt.NDArray[np.uint8]]) -> Floats:
    """Mean flow in pixels from every RGB frame to the next, the first value twice: `(T,)`; empty under two frames."""
    curve: list[float] = []
    before: npt.NDArray[np.uint8] | None = None
    for frame in frames:
        now = grey(frame)
        if before is not None:
            curve.append(float(np.linalg.norm(farneback(before, now), axis=2).mean()))
        before = now
    return np.array(curve[:1] + curve, np.float64)


def picture_peaks(curve: Floats, *, rate: Fraction) -> Floats:
    """Times in seconds of strict local maxima of at least 0.1 pixel."""
    if len(curve) < 3:
        return np.zeros(0)
    middle = curve[1:-1]
    peak = (middle > curve[:-2]) & (middle > curve[2:]) & (middle >= _LEAST_FLOW)
    return (np.flatnonzero(peak) + 1) / float(rate)


def sound_peaks(sound: npt.NDArray[np.float32]) -> Floats:
    """Onsets in seconds of mono sound at 22.05 kHz."""
    return detect_onsets(onset_strength(sound))


def intersection_over_union(sound: Sequence[float], picture: Sequence[float], *, frame_s: float) -> float | None:
    """Share of coinciding peaks, 0..1; None where neither has any, which says nothing about alignment."""
    free = list(picture)
    matched = 0
    for peak in sound:
        near = next((other for other in free if other - frame_s < peak < other + frame_s), None)
        if near is not None:
            free.remove(near)
            matched += 1
    union = len(sound) + len(picture) - matched
    return matched / union if union else None


def av_align(curve: Floats, sound: npt.NDArray[np.float32], *, rate: Fraction) -> float | None:
    """AV-Align of a `flow_curve` at its movie's rate with mono sound at 22.05 kHz; None without any peak."""
    return intersection_over_union(
        sound_peaks(sound).tolist(), picture_peaks(curve, rate=rate).tolist(), frame_s=float(1 / rate)
    )
