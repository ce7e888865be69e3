"""Log-mel to a waveform: ConvNeXt blocks and an inverse STFT head, after Vocos (arXiv 2306.00814).

Unlike Vocos it also takes noise, because most of what it must make is noise: without it, steady sound would
repeat from frame to frame and buzz.
"""

import torch
from torch import Tensor, nn

from otio_v2a_engine.models.mel import FLOOR, HOP, MEL_BANDS, N_FFT

__all__ = ["NOISE_CHANNELS", "Vocoder"]

NOISE_CHANNELS = 32


class _Block(nn.Module):
    """ConvNeXt block over time, `(B, C, T)` to the same."""

    def __init__(self, width: int, hidden: int, n_blocks: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width)
        self.grow = nn.Linear(width, hidden)
        self.shrink = nn.Linear(hidden, width)
        self.gain = nn.Parameter(torch.full((width,), 1.0 / n_blocks))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.depthwise(x).transpose(1, 2))
        y = self.shrink(nn.functional.gelu(self.grow(y)))
        out: Tensor = x + (self.gain * y).transpose(1, 2)
        return out


class Vocoder(nn.Module):
    """96-band log-mel frames at 100 Hz to 48 kHz sound.

    Args:
        width: channels of the blocks.
        hidden: channels inside a block.
        n_blocks: how many.
    """

    window: Tensor

    def __init__(self, *, width: int = 256, hidden: int = 768, n_blocks: int = 6) -> None:
        super().__init__()
        self.embed = nn.Conv1d(MEL_BANDS + NOISE_CHANNELS, width, 7, padding=3)
        self.norm = nn.LayerNorm(width)
        self.blocks = nn.ModuleList(_Block(width, hidden, n_blocks) for _ in range(n_blocks))
        self.head_norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, N_FFT + 2)
        self.register_buffer("window", torch.hann_window(N_FFT), persistent=False)

    def forward(self, mel: Tensor, noise: Tensor) -> Tensor:
        """Decode.

        Args:
            mel: `(B, F, 96)` log-mel in units of 20 dB.
            noise: `(B, F, 32)` standard normal; another noise gives another waveform of the same sound.

        Returns:
            `(B, F * 480)` samples.
        """
        x = torch.cat([(mel - FLOOR) / 2.0 - 1.0, noise], dim=2).transpose(1, 2)
        x = self.norm(self.embed(x).transpose(1, 2)).transpose(1, 2)
        for block in self.blocks:
            x = block(x)
        log_magnitude, phase = self.head(self.head_norm(x.transpose(1, 2))).float().chunk(2, dim=2)
        magnitude = torch.exp(log_magnitude.clamp(max=6.0))
        spectrum = torch.polar(magnitude, phase).transpose(1, 2)
        return self._overlap_add(spectrum)

    def _overlap_add(self, spectrum: Tensor) -> Tensor:
        """`(B, N_FFT / 2 + 1, F)` to `(B, F * HOP)`: frame `f` is centred on sample `HOP f`."""
        frames = torch.fft.irfft(spectrum, N_FFT, dim=1) * self.window[None, :, None]
        n_frames = spectrum.shape[2]
        length = (n_frames - 1) * HOP + N_FFT
        fold = {"output_size": (1, length), "kernel_size": (1, N_FFT), "stride": (1, HOP)}
        total = nn.functional.fold(frames, **fold)[:, 0, 0]
        squared = (self.window**2)[None, :, None].expand(1, -1, n_frames)
        weight = nn.functional.fold(squared, **fold)[:, 0, 0]
        sound: Tensor = (total / weight.clamp_min(1e-3))[:, N_FFT // 2 : N_FFT // 2 + n_frames * HOP]
        return sound
