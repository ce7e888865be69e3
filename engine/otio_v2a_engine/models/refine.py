"""Makes a waveform keep to its log-mel: a few rounds of band gains in the STFT domain. Nothing learned.

The vocoder gives phases and fine structure; levels between partials and in quiet bands come from here. The
alternating projection is Griffin and Lim's (1984) with mel bands instead of single bins, and each round goes on in
the direction of the last one as in the fast version (Perraudin, Balazs and Sondergaard, 2013).
"""

from collections.abc import Sequence
from functools import lru_cache
from math import log2

import torch
from torch import Tensor

from otio_v2a_engine.models.attacks import Attack, hush
from otio_v2a_engine.models.mel import FLOOR, HOP, MEL_BANDS, N_FFT, filterbank

__all__ = ["refine"]

_LARGEST = 1.0  # largest change of a band in one round, in log10: 20 dB
_MOMENTUM = 0.8  # best of 0.6 to 0.95: decision record 0315


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


def refine(
    sound: Tensor,
    mel: Tensor,
    *,
    rounds: int = 3,
    momentum: float = _MOMENTUM,
    attacks: Sequence[Attack] = (),
) -> Tensor:
    """The sound with its bands moved towards a log-mel.

    Args:
        sound: `(480 F,)` samples at 48 kHz.
        mel: `(F, 96)` wanted log-mel in units of 20 dB.
        rounds: how many times.
        momentum: how far each round goes on in the direction of the last one, of the way that one went; from 1 on it
            diverges.
        attacks: abrupt beginnings, before which every round leaves quiet; see `attacks`.

    Returns:
        `(480 F,)`.
    """
    window = torch.hann_window(N_FFT, device=sound.device)
    bank, spread = (table.to(sound.device) for table in (torch.from_numpy(filterbank()).T / (N_FFT / 4), _spread()))
    wanted = torch.cat([mel, mel[-1:]])
    n_samples, last = len(sound), None
    for _ in range(rounds):
        # Frames before bins, as the transform lays them out in memory.
        now = torch.stft(sound, N_FFT, HOP, window=window, return_complex=True, pad_mode="constant").T
        spectrum = now if last is None else torch.lerp(last, now, 1.0 + momentum)
        have = torch.log10((spectrum.abs() @ bank).clamp_min(10.0**FLOOR))
        gain = torch.exp2(((wanted - have).clamp(-_LARGEST, _LARGEST) * log2(10.0)) @ spread)
        gain[:, 0] = 0.0  # no band hears it, so nothing held what the vocoder makes there: a rumble
        sound = torch.istft((spectrum * gain).T, N_FFT, HOP, window=window, length=n_samples)
        if attacks:
            sound = torch.from_numpy(hush(sound.cpu().numpy(), attacks)).to(sound.device)
        last = now
    return sound
