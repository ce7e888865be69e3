"""Makes a waveform keep to its log-mel: a few rounds of band gains in the STFT domain. Nothing learned.

The vocoder gives phases and fine structure; levels between partials and in quiet bands come from here. The
alternating projection is Griffin and Lim's (1984), with mel bands instead of single bins.
"""

from functools import lru_cache

import torch
from torch import Tensor

from otio_v2a_engine.models.mel import FLOOR, HOP, MEL_BANDS, N_FFT, filterbank

__all__ = ["refine"]

_LARGEST = 1.0  # largest change of a band in one round, in log10: 20 dB


@lru_cache(maxsize=1)
def _spread() -> Tensor:
    """Each bin as a weighted mean of the bands it lies in, `(MEL_BANDS, bins)`, columns summing to 1."""
    bank = torch.from_numpy(filterbank())
    shape = bank / bank.amax(1, keepdim=True)
    total = shape.sum(0)
    first, last = int((total > 0).nonzero()[0]), int((total > 0).nonzero()[-1])
    shape[0, :first] = 1.0
    shape[MEL_BANDS - 1, last + 1 :] = 1.0
    gap = shape.sum(0) == 0
    for i in gap.nonzero()[:, 0].tolist():
        shape[:, i] = shape[:, i - 1]
    return shape / shape.sum(0)


def refine(sound: Tensor, mel: Tensor, *, rounds: int = 3) -> Tensor:
    """The sound with its bands moved towards a log-mel.

    Args:
        sound: `(480 F,)` samples at 48 kHz.
        mel: `(F, 96)` wanted log-mel in units of 20 dB.
        rounds: how many times.

    Returns:
        `(480 F,)`.
    """
    window = torch.hann_window(N_FFT, device=sound.device)
    bank, spread = (table.to(sound.device) for table in (torch.from_numpy(filterbank()), _spread()))
    n_samples = len(sound)
    for _ in range(rounds):
        spectrum = torch.stft(sound, N_FFT, HOP, window=window, return_complex=True, pad_mode="constant")
        have = torch.log10((bank @ spectrum.abs() / (N_FFT / 4)).clamp_min(10.0**FLOOR))
        wanted = torch.nn.functional.pad(mel.T, (0, 1), value=FLOOR)
        wanted[:, -1] = wanted[:, -2]
        gain = 10.0 ** (spread.T @ (wanted - have).clamp(-_LARGEST, _LARGEST))
        sound = torch.istft(spectrum * gain, N_FFT, HOP, window=window, length=n_samples)
    return sound
