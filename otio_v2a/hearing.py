"""Owns what can be heard in a rendered sound without any model: onsets, clipping, clicks, hum, silence, level.

Knows samples only: no takes, no pictures.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

__all__ = ["Heard", "Sound", "agreement", "listen", "onsets"]

Sound = npt.NDArray[np.float32]
"""Mono `(n,)`."""

_HOP_S = 0.01
_FLOOR_DB = -70.0
_RANGE_DB = 40.0
_APART = 9  # hops: onsets within 90 ms are one
_EDGES_HZ = (60, 150, 300, 600, 1200, 2400, 4800, 9600, 20000)
_FULL = 0.999
_STEP = 0.05
_STEEP = 12.0


@dataclass(frozen=True)
class Heard:
    """Faults of a sound.

    Attributes:
        clipped: share of samples at full scale.
        clicks: steps inside a smooth sound, per second.
        hum_db: how far the lines of 50 or 60 Hz mains stand out of their surroundings, at least 0.
        peak_db: highest sample in dBFS, -120 for digital silence.
        rms_db: root mean square in dBFS.
        cleanness: 0 to 1, 1 without fault.
    """

    clipped: float
    clicks: float
    hum_db: float
    peak_db: float
    rms_db: float

    @property
    def cleanness(self) -> float:
        """1 without fault; a sound below -60 dBFS has 0, because it is none."""
        if self.peak_db < -60:
            return 0.0
        faults = (
            min(1.0, self.clipped * 1000) * 0.5
            + min(1.0, self.clicks / 2) * 0.4
            + min(1.0, max(0.0, self.hum_db - 12) / 18) * 0.3
            + min(1.0, max(0.0, -36 - self.peak_db) / 24) * 0.5
        )
        return max(0.0, 1.0 - faults)


def listen(sound: Sound, sample_rate: int) -> Heard:
    """What is wrong with a sound of at least one sample."""
    peak = float(np.abs(sound).max(initial=0.0))
    rms = float(np.sqrt(np.mean(np.square(sound, dtype=np.float64)))) if len(sound) else 0.0
    return Heard(
        clipped=float(np.mean(np.abs(sound) >= _FULL)) if len(sound) else 0.0,
        clicks=_clicks(sound) / max(len(sound) / sample_rate, 1.0),
        hum_db=_hum_db(sound, sample_rate),
        peak_db=_db(peak),
        rms_db=_db(rms),
    )


def onsets(sound: Sound, sample_rate: int) -> npt.NDArray[np.float64]:
    """Onsets in seconds: peaks in the rise of eight octave bands over 20 ms."""
    bands = _bands_db(sound, sample_rate)
    if len(bands) < 4:
        return np.zeros(0)
    before = np.vstack([np.full((2, bands.shape[1]), _FLOOR_DB), bands[:-2]])
    rise = np.maximum(bands - before, 0).mean(1)
    level = bands.max(1)
    audible = np.maximum(level, np.r_[level[1:], level[-1]]) > max(float(level.max()) - _RANGE_DB, _FLOOR_DB + 4)
    threshold = max(2.0, 0.2 * float(rise.max()))
    found: list[int] = []
    for i in np.flatnonzero(audible & (rise > threshold)).tolist():
        near = rise[max(0, i - _APART) : i + _APART + 1]
        around = float(np.median(rise[max(0, i - 12) : i + 13]))
        if rise[i] == near.max() and rise[i] > 2 + 1.3 * around and (not found or i - found[-1] > _APART):
            found.append(i)
    return np.array(found, dtype=float) * _HOP_S


def agreement(heard: npt.NDArray[np.float64], seen: npt.NDArray[np.float64], *, tolerance_s: float = 0.06) -> float:
    """F1 of two ascending lists of instants, matched one to one; 1 when both are empty."""
    if not len(heard) or not len(seen):
        return 1.0 if len(heard) == len(seen) else 0.0
    matched, i, j = 0, 0, 0
    while i < len(heard) and j < len(seen):
        if abs(heard[i] - seen[j]) <= tolerance_s:
            matched, i, j = matched + 1, i + 1, j + 1
        elif heard[i] < seen[j]:
            i += 1
        else:
            j += 1
    return 2 * matched / (len(heard) + len(seen))


def _bands_db(sound: Sound, sample_rate: int) -> npt.NDArray[np.float64]:
    """Level of eight bands in each 10 ms `(frames, 8)`, in dBFS, at least -70."""
    hop, size = round(_HOP_S * sample_rate), 2 * round(_HOP_S * sample_rate)
    padded = np.pad(sound, (hop, size))
    count = len(sound) // hop
    if count == 0:
        return np.zeros((0, len(_EDGES_HZ) - 1))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop][:count]
    window = np.hanning(size).astype(np.float32)
    power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2 / (window.sum() / 2) ** 2
    bins = np.fft.rfftfreq(size, 1 / sample_rate)
    places = np.minimum(np.searchsorted(bins, _EDGES_HZ), len(bins) - 1)
    parts = [power[:, a : max(b, a + 1)].sum(1) for a, b in pairwise(places)]
    levels: npt.NDArray[np.float64] = np.maximum(10 * np.log10(np.stack(parts, axis=1) + 1e-12), _FLOOR_DB)
    return levels


def _clicks(sound: Sound) -> int:
    """Steps of one sample that stand far out of the curvature around them."""
    if len(sound) < 64:
        return 0
    bend = np.abs(np.diff(sound, 2))
    size = 32
    count = len(bend) // size
    blocks = bend[: count * size].reshape(count, size)
    # A transient bends for milliseconds: a click is steep where the blocks on both sides are smooth.
    usual = np.median(blocks, axis=1)
    before, after = np.r_[usual[:1], usual[:-1]], np.r_[usual[1:], usual[-1:]]
    loudest = blocks.max(1)
    others = (blocks.sum(1) - np.sort(blocks, axis=1)[:, -3:].sum(1)) / (size - 3)
    smooth = np.maximum(np.maximum(before, after), np.maximum(usual, others))
    return int(np.sum((loudest > _STEP) & (loudest > _STEEP * smooth)))


def _hum_db(sound: Sound, sample_rate: int) -> float:
    """Median height of the lines at four multiples of 50 or of 60 Hz over what lies 8 to 20 Hz beside them."""
    size = 2 * sample_rate  # half a hertz a bin
    if len(sound) < size:
        return 0.0
    window = np.hanning(size)
    parts = [sound[at : at + size] for at in range(0, len(sound) - size + 1, size)][:30]
    # The quietest half: hum is there all the time, an effect is not.
    spectra = np.array([np.abs(np.fft.rfft(part * window)) for part in parts])
    spectrum = np.percentile(spectra, 25, axis=0) + 1e-9
    heights = []
    for mains in (50, 60):
        lines = []
        for number in (1, 2, 3, 4):
            middle = 2 * mains * number
            line = spectrum[middle - 2 : middle + 3].max()
            beside = np.r_[spectrum[middle - 40 : middle - 15], spectrum[middle + 16 : middle + 41]]
            lines.append(20 * math.log10(line / np.percentile(beside, 80)))
        heights.append(float(np.median(lines)))
    return max(0.0, *heights)


def _db(value: float) -> float:
    return max(-120.0, 20 * math.log10(value)) if value > 0 else -120.0
