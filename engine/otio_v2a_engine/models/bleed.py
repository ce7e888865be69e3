"""The network that hears whether somebody speaks and whether music plays in 3 s of sound, and the pictures it looks at.

    samples (16 kHz) -> mel picture, 16 ms a row   (syllables: 3 to 8 a second, formants that move) --+
                     -> tone picture, 48 ms a row  (steady pitches: what stands out of its octave) ---+-> 2 logits

Half of 16 kHz is all that engines of any sample rate make, so that none is heard better than another.
Knows no prompt and no file.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

__all__ = ["HEARD", "MEL_SHAPE", "RATE", "TONE_SHAPE", "WINDOW", "BleedNetwork", "pictures"]

Samples = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

HEARD = ("speech", "music")
"""The columns of the network's answer."""
RATE = 16000  # Hz
WINDOW = 3 * RATE  # samples of one picture

_MEL_FFT, _MEL_HOP, _MEL_BANDS = 512, 256, 40
_LOW_HZ, _HIGH_HZ = 80.0, 7000.0
_MEL_RANGE_DB = 70.0
_TONE_FFT, _TONE_HOP = 4096, 768
_TONES, _LOWEST_HZ, _PER_OCTAVE = 120, 110.0, 24
_TONE_FLOOR = 1e-3  # of the window's loudest bin: fainter tones are lost in what masks them
_TONE_RANGE_DB = 30.0
_AROUND = 12  # tones on either side that one must stand out of

MEL_SHAPE = (WINDOW // _MEL_HOP, _MEL_BANDS)
TONE_SHAPE = (WINDOW // _TONE_HOP, _TONES)


def pictures(sound: Samples) -> tuple[Bytes, Bytes]:
    """The mel picture `MEL_SHAPE` and the tone picture `TONE_SHAPE` of `(WINDOW,)` samples at 16 kHz, at any level."""
    mel = np.log10(np.maximum(_magnitude(sound, _MEL_FFT, _MEL_HOP) @ _mel_bank().T, 1e-7)) * 20
    mel = (mel - mel.max() + _MEL_RANGE_DB) / _MEL_RANGE_DB
    spectrum = _magnitude(sound, _TONE_FFT, _TONE_HOP)
    at = _LOWEST_HZ * 2.0 ** (np.arange(_TONES) / _PER_OCTAVE) * _TONE_FFT / RATE
    below = at.astype(int)
    share = (at - below).astype(np.float32)
    level = spectrum[:, below] * (1 - share) + spectrum[:, below + 1] * share
    level = 20 * np.log10(level + _TONE_FLOOR * max(float(level.max()), 1e-7))
    tone = (level - _smoothed(level, _AROUND)) / _TONE_RANGE_DB + 0.2
    return _bytes(mel), _bytes(tone)


def _magnitude(sound: Samples, n_fft: int, hop: int) -> Samples:
    padded = np.pad(sound, n_fft // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[: len(sound) // hop * hop : hop]
    magnitude: Samples = np.abs(np.fft.rfft(frames * np.hanning(n_fft).astype(np.float32), axis=1)).astype(np.float32)
    return magnitude


@lru_cache(maxsize=1)
def _mel_bank() -> Samples:
    hz = np.linspace(0, RATE / 2, _MEL_FFT // 2 + 1)
    low, high = (2595 * np.log10(1 + edge / 700) for edge in (_LOW_HZ, _HIGH_HZ))
    edges = 700 * (10 ** (np.linspace(low, high, _MEL_BANDS + 2) / 2595) - 1)
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rows = np.minimum((hz - left) / (centre - left), (right - hz) / (right - centre)).clip(0)
    bank: Samples = (rows / np.maximum(rows.sum(1, keepdims=True), 1e-9)).astype(np.float32)
    return bank


def _smoothed(level: Samples, around: int) -> Samples:
    """The mean over `around` neighbours on either side, `(T, K)`; fewer at the edges."""
    total = np.cumsum(np.pad(level.astype(np.float64), ((0, 0), (1, 0))), axis=1)
    column = np.arange(level.shape[1])
    first, last = np.maximum(column - around, 0), np.minimum(column + around + 1, level.shape[1])
    mean: Samples = ((total[:, last] - total[:, first]) / (last - first)).astype(np.float32)
    return mean


def _bytes(picture: Samples) -> Bytes:
    rounded: Bytes = (picture.clip(0, 1) * 255).round().astype(np.uint8)
    return rounded


def _block(before: int, after: int, stride: tuple[int, int], *, size: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, size, stride=stride, padding=size // 2, bias=False), nn.BatchNorm2d(after), nn.ReLU()
    )


class BleedNetwork(nn.Module):
    """Pictures `(B, *MEL_SHAPE)` and `(B, *TONE_SHAPE)` of bytes to logits `(B, 2)`, in the order of HEARD."""

    def __init__(self) -> None:
        super().__init__()
        self.mel = nn.Sequential(
            _block(1, 12, (2, 2), size=5), _block(12, 24, (2, 2)), _block(24, 40, (2, 2)),
            nn.Conv2d(40, 48, (3, _MEL_BANDS // 8), padding=(1, 0), bias=False), nn.BatchNorm2d(48), nn.ReLU(),
        )  # fmt: skip
        self.tone = nn.Sequential(_block(1, 12, (2, 2), size=5), _block(12, 24, (2, 2)), _block(24, 40, (2, 2)))
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(2 * (48 + 40), 48), nn.ReLU(), nn.Linear(48, len(HEARD)))

    def forward(self, mel: Tensor, tone: Tensor) -> Tensor:
        pooled = []
        for part, picture in ((self.mel, mel), (self.tone, tone)):
            heard = part(picture.float()[:, None] / 127.5 - 1)
            # Mean and strongest moment: how much of it, and whether at all.
            pooled += [heard.mean((2, 3)), heard.mean(3).amax(2)]
        logits: Tensor = self.head(torch.cat(pooled, dim=1))
        return logits
