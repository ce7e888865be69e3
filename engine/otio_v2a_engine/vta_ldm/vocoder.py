"""AudioLDM's HiFi-GAN (arXiv 2010.05646) on transformers' SpeechT5HifiGan: mel to waveform. Knows no file."""

from torch import Tensor
from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig

from otio_v2a_engine.vta_ldm.config import VtaLdmConfig

__all__ = ["build_vocoder", "to_waveform"]


def build_vocoder(config: VtaLdmConfig) -> SpeechT5HifiGan:
    """The vocoder with random weights."""
    settings = config.vocoder
    return SpeechT5HifiGan(
        SpeechT5HifiGanConfig(
            model_in_dim=config.mel.n_mels,
            sampling_rate=config.mel.sample_rate,
            upsample_initial_channel=settings.channels,
            upsample_rates=list(settings.rates),
            upsample_kernel_sizes=list(settings.kernels),
            resblock_kernel_sizes=list(settings.residual_kernels),
            resblock_dilation_sizes=[list(settings.dilations)] * len(settings.residual_kernels),
            normalize_before=False,
        )
    )


def to_waveform(vocoder: SpeechT5HifiGan, mel: Tensor) -> Tensor:
    """Mel `(B, 1, mel_frames, n_mels)` to sound `(B, samples)` within (-1, 1).

    The published upsampling makes 32 samples more than the frames stand for; callers cut them off the end.
    """
    sound: Tensor = vocoder(mel[:, 0])
    return sound
