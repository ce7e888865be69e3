"""Onset strength and its peaks as librosa 0.11 defines them, in numpy and scipy. Knows no picture.

AV-Align is defined with librosa's figures, and librosa itself is too heavy to need: a development test compares.
"""

import numpy as np
import numpy.typing as npt

from otio_v2a_engine.vta_ldm.config import MelSettings
from otio_v2a_engine.vta_ldm.mel import mel_filters

__all__ = ["HOP", "SAMPLE_RATE", "detect_onsets", "onset_strength", "pick_peaks"]

SAMPLE_RATE = 22050  # Hz
HOP = 512  # samples
_N_FFT = 2048
_MELS = MelSettings(sample_rate=SAMPLE_RATE, n_fft=_N_FFT, hop=HOP, n_mels=128, f_max=SAMPLE_RATE / 2)
_POWER_FLOOR = 1e-10
_RANGE_DB = 80.0

Floats = npt.NDArray[np.float64]


def onset_strength(sound: npt.NDArray[np.float32]) -> Floats:
    """Mean rise over the bands of a log-power mel spectrogram, `(1 + n // 512,)`, for mono sound at 22.05 kHz.

    Frame `i` is centred on sample `512 i`, shifted by the two frames that half a window lasts.
    """
    padded = np.pad(np.asarray(sound, np.float32), _N_FFT // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _N_FFT)[::HOP]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_N_FFT) / _N_FFT)
    power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
    mel = power @ mel_filters(_MELS).numpy().T.astype(np.float64)
    decibel = 10 * np.log10(np.maximum(mel, _POWER_FLOOR))
    decibel = np.maximum(decibel, decibel.max() - _RANGE_DB)
    rise = np.maximum(np.diff(decibel, axis=0), 0).mean(1)
    shift = 1 + _N_FFT // (2 * HOP)
    return np.pad(rise, (shift, 0))[: len(decibel)]


def pick_peaks(
    x: Floats, *, pre_max: int, post_max: int, pre_avg: int, post_avg: int, delta: float, wait: int
) -> list[int]:
    """Indices that are the largest of their surroundings and `delta` above their mean, `wait` after the last one.

    Surroundings are half-open: `pre` before, up to and without `post` after (Boeck et al., ISMIR 2012).
    """
    peaks: list[int] = []
    n = 0
    while n < len(x):
        largest = x[max(0, n - pre_max) : n + post_max].max()
        mean = x[max(0, n - pre_avg) : n + post_avg].mean()
        if x[n] == largest and x[n] >= mean + delta:
            peaks.append(n)
            n += wait
        n += 1
    return peaks


def detect_onsets(strength: Floats) -> Floats:
    """Onsets in seconds: peaks of the strength, scaled to 0..1, with librosa's settings at this rate and hop."""
    if not len(strength) or not np.isfinite(strength).all() or not strength.any():
        return np.zeros(0)
    scaled = strength - strength.min()
    scaled = scaled / (scaled.max() + np.finfo(np.float64).tiny)
    per_s = SAMPLE_RATE / HOP
    short, long = int(0.03 * per_s), int(0.10 * per_s)
    peaks = pick_peaks(scaled, pre_max=short, post_max=1, pre_avg=long, post_avg=long + 1, delta=0.07, wait=short)
    return np.array(peaks, np.float64) / per_s
