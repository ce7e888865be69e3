"""The log-mel picture of a sound that the codec and the vocoder share. Knows no network.

    samples (48 kHz) -> mel -> (frames, 96) in units of 20 dB, 0 at full scale, -5 at the floor (-100 dB)

Frame `f` is centred on sample `480 f`, so that `4 f` frames are one 40 ms token of 1,920 samples.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

__all__ = [
    "FLOOR",
    "HOP",
    "MEL_BANDS",
    "N_FFT",
    "SAMPLE_RATE",
    "SILENT",
    "filterbank",
    "log_mel",
    "loudness_db",
    "window",
]

SAMPLE_RATE = 48000  # Hz
N_FFT = 2048  # samples
HOP = 480  # samples: 10 ms
MEL_BANDS = 96
FLOOR = -5.0  # in 20 dB: -100 dB below a full-scale sine
SILENT = -4.3  # a frame whose loudest band is below -86 dB is silence
_LOW_HZ, _HIGH_HZ = 30.0, 20000.0


def _hz_to_mel(hz: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    mel: npt.NDArray[np.float64] = 2595.0 * np.log10(1.0 + hz / 700.0)
    return mel


@lru_cache(maxsize=1)
def window() -> npt.NDArray[np.float32]:
    """Periodic Hann window, `(N_FFT,)`."""
    hann: npt.NDArray[np.float32] = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)).astype(np.float32)
    return hann


@lru_cache(maxsize=1)
def filterbank() -> npt.NDArray[np.float32]:
    """Triangular filters of unit area, `(MEL_BANDS, N_FFT // 2 + 1)`; every row holds at least one bin."""
    bins_hz = np.linspace(0, SAMPLE_RATE / 2, N_FFT // 2 + 1)
    low_mel, high_mel = _hz_to_mel(np.array([_LOW_HZ, _HIGH_HZ]))
    edges = np.linspace(float(low_mel), float(high_mel), MEL_BANDS + 2)
    edges_hz = 700.0 * (10.0 ** (edges / 2595.0) - 1.0)
    low, centre, high = edges_hz[:-2, None], edges_hz[1:-1, None], edges_hz[2:, None]
    rows = np.minimum((bins_hz - low) / (centre - low), (high - bins_hz) / (high - centre)).clip(0)
    empty = rows.sum(1) == 0
    rows[empty, np.abs(bins_hz - centre[empty]).argmin(1)] = 1.0
    bank: npt.NDArray[np.float32] = (rows / rows.sum(1, keepdims=True)).astype(np.float32)
    return bank


def log_mel(samples: npt.NDArray[np.float32], *, n_frames: int | None = None) -> npt.NDArray[np.float32]:
    """Log-mel frames of mono sound at 48 kHz.

    Args:
        samples: `(n,)`.
        n_frames: frames wanted; by default `n // HOP`. Sound outside the samples is silence.

    Returns:
        `(n_frames, MEL_BANDS)` in units of 20 dB, at least `FLOOR`.
    """
    wanted = len(samples) // HOP if n_frames is None else n_frames
    padded = np.pad(samples, (N_FFT // 2, max(0, wanted * HOP + N_FFT - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[: wanted * HOP : HOP]
    magnitude = np.abs(np.fft.rfft(frames * window(), axis=1)).astype(np.float32) / (N_FFT / 4)
    mel: npt.NDArray[np.float32] = np.log10(np.maximum(magnitude @ filterbank().T, 10.0**FLOOR))
    return mel


def loudness_db(mel: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Level of each frame of a log-mel `(F, 96)` in units of 20 dB, `(F,)`."""
    power = (10.0 ** (2 * mel.astype(np.float64))).mean(1)
    level: npt.NDArray[np.float64] = 10 * np.log10(power + 1e-12)
    return level
