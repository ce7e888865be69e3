"""Sound to the spectrograms that published networks were trained on. Pure numpy and torch; knows no network.

All take mono sound at 16 kHz.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from otio_v2a_engine.vta_ldm.config import MelSettings
from otio_v2a_engine.vta_ldm.mel import mel_filters

__all__ = ["SAMPLE_RATE", "cavp_mel", "panns_mel", "vggish_examples"]

SAMPLE_RATE = 16000  # Hz
_PANNS = MelSettings(sample_rate=SAMPLE_RATE, n_fft=512, hop=160, n_mels=64, f_min=50.0, f_max=8000.0)
_CAVP = MelSettings(sample_rate=SAMPLE_RATE, n_fft=1024, hop=256, n_mels=128, f_min=125.0, f_max=7600.0)
_VGGISH_FRAMES = 96  # of 10 ms: one example is 0.96 s

Samples = npt.NDArray[np.float32]


def _spectrum(sound: Samples, settings: MelSettings, *, pad_mode: str) -> Tensor:
    window = torch.hann_window(settings.n_fft)
    return torch.stft(
        torch.from_numpy(np.ascontiguousarray(sound, np.float32)),
        settings.n_fft,
        settings.hop,
        window=window,
        pad_mode=pad_mode,
        return_complex=True,
    ).abs()


def panns_mel(sound: Samples) -> Tensor:
    """Log-power mel of PANNs' 16 kHz networks, `(1, 1, frames, 64)` in dB (arXiv 1912.10211)."""
    power = _spectrum(sound, _PANNS, pad_mode="reflect") ** 2
    mel = mel_filters(_PANNS) @ power
    return (10 * torch.log10(mel.clamp_min(1e-10))).T[None, None]


def cavp_mel(sound: Samples) -> Tensor:
    """Log-magnitude mel of CAVP, `(1, 1, frames, 128)` in 0..1 for -80 to 20 dB (arXiv 2306.17203)."""
    mel = mel_filters(_CAVP) @ _spectrum(sound, _CAVP, pad_mode="constant")
    return ((20 * torch.log10(mel.clamp_min(1e-5)) + 80) / 100).clamp(0, 1).T[None, None]


def _vggish_filters() -> npt.NDArray[np.float64]:
    """Triangles on HTK's mel scale, without the constant bin: `(257, 64)`."""

    def mel(hz: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        out: npt.NDArray[np.float64] = 1127.0 * np.log(1.0 + hz / 700.0)
        return out

    bins = mel(np.linspace(0.0, SAMPLE_RATE / 2, 257))
    low, high = mel(np.array([125.0, 7500.0]))
    edges = np.linspace(low, high, 66)
    rise = (bins[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    filters: npt.NDArray[np.float64] = np.maximum(0.0, np.minimum(rise, fall))
    filters[0] = 0.0
    return filters


def vggish_examples(sound: Samples) -> Tensor:
    """VGGish's input: log-mel examples of 0.96 s without overlap, `(N, 1, 96, 64)`; N is 0 under 0.975 s.

    Windows of 25 ms every 10 ms, no padding, `log(magnitude mel + 0.01)` (arXiv 1609.09430).
    """
    if len(sound) < 400:
        return torch.zeros(0, 1, _VGGISH_FRAMES, 64)
    frames = np.lib.stride_tricks.sliding_window_view(np.asarray(sound, np.float64), 400)[::160]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    mel = np.log(np.abs(np.fft.rfft(frames * window, 512)) @ _vggish_filters() + 0.01)
    count = len(mel) // _VGGISH_FRAMES
    examples = mel[: count * _VGGISH_FRAMES].reshape(count, 1, _VGGISH_FRAMES, 64)
    return torch.from_numpy(examples.astype(np.float32))
