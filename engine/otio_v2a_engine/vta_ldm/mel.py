"""The log-mel spectrogram that AudioLDM's autoencoder was trained on. Pure torch; knows no model."""

import torch
from torch import Tensor

from otio_v2a_engine.vta_ldm.config import MelSettings

__all__ = ["log_mel", "mel_filters"]

_LINEAR_HZ = 200 / 3  # Slaney's scale: linear up to 1 kHz, 27 steps per factor of 6.4 above
_KNEE_HZ, _LOG_STEP = 1000.0, torch.log(torch.tensor(6.4, dtype=torch.float64)).item() / 27


def _to_mel(hz: Tensor) -> Tensor:
    above = _KNEE_HZ / _LINEAR_HZ + torch.log(hz.clamp_min(_KNEE_HZ) / _KNEE_HZ) / _LOG_STEP
    return torch.where(hz < _KNEE_HZ, hz / _LINEAR_HZ, above)


def _to_hz(mel: Tensor) -> Tensor:
    knee = _KNEE_HZ / _LINEAR_HZ
    above = _KNEE_HZ * torch.exp(_LOG_STEP * (mel.clamp_min(knee) - knee))
    return torch.where(mel < knee, mel * _LINEAR_HZ, above)


def mel_filters(settings: MelSettings) -> Tensor:
    """Triangles of equal area on Slaney's mel scale, `(n_mels, n_fft / 2 + 1)`."""
    ends = _to_mel(torch.tensor([settings.f_min, settings.f_max], dtype=torch.float64))
    edges = _to_hz(torch.linspace(ends[0].item(), ends[1].item(), settings.n_mels + 2, dtype=torch.float64))
    bins = torch.linspace(0, settings.sample_rate / 2, settings.n_fft // 2 + 1, dtype=torch.float64)
    rise = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    triangles = torch.minimum(rise, fall).clamp_min(0)
    return (triangles * (2 / (edges[2:] - edges[:-2]))[:, None]).float()


def log_mel(sound: Tensor, settings: MelSettings) -> Tensor:
    """Sound `(B, samples)` to `(B, 1, samples // hop, n_mels)`: natural log of magnitudes, frames over whole hops."""
    window = torch.hann_window(settings.n_fft, device=sound.device, dtype=sound.dtype)
    spectrum = torch.stft(
        sound.clamp(-1, 1), settings.n_fft, settings.hop, window=window, pad_mode="reflect", return_complex=True
    ).abs()
    filters = mel_filters(settings).to(spectrum)
    mel = torch.log((filters @ spectrum).clamp_min(settings.floor)).transpose(1, 2)
    return mel[:, None, : sound.shape[1] // settings.hop]
