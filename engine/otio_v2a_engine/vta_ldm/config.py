"""Owns every number of a VTA-LDM checkpoint: frozen settings, their JSON, the published and the tiny form.

Knows no tensor and no file. Latents are `(B, C, latent_frames, latent_bins)`, mels `(B, 1, mel_frames, n_mels)`.
"""

import json
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil, prod
from typing import Any

from otio_v2a_engine.contract import WeightsError
from otio_v2a_engine.wire import WireError, from_plain, to_plain

__all__ = [
    "ENCODER_KINDS",
    "EncoderSettings",
    "FlowSettings",
    "MelSettings",
    "ScheduleSettings",
    "TextSettings",
    "UNetSettings",
    "VaeSettings",
    "VocoderSettings",
    "VtaLdmConfig",
]

ENCODER_KINDS = ("clip", "imagebind", "languagebind", "vjepa", "vivit", "cavp")
"""Visual encoders by the word of a configuration; the paper's Table 2."""


@dataclass(frozen=True)
class EncoderSettings:
    """The visual encoder as the rest sees it; its own shape stands in its folder.

    Attributes:
        kind: one of ENCODER_KINDS.
        feature_dim: D of its features `(B, T, D)`.
        image_size: pixels of the square frames it takes.
        frame_rate: frames per second.
        normalise: whether frames are normalised with the encoder's own mean and deviation. The published
            checkpoint was trained without, so it must stay off for it.
    """

    kind: str = "clip"
    feature_dim: int = 768
    image_size: int = 224
    frame_rate: Fraction = Fraction(2)
    normalise: bool = False

    def __post_init__(self) -> None:
        if self.kind not in ENCODER_KINDS:
            raise ValueError(f"a visual encoder is one of {', '.join(ENCODER_KINDS)}, not {self.kind!r}")
        if self.frame_rate <= 0:
            raise ValueError(f"a visual encoder needs a positive frame rate, not {self.frame_rate}")


@dataclass(frozen=True)
class TextSettings:
    """How prompts join the frames' sequence.

    Attributes:
        feature_dim: of a sentence's embedding.
        shared: whether text goes through the pictures' projection (the published form) or one of its own.
        trained: whether the checkpoint saw text while it was trained; where not, prompts are read through the
            encoder's common space of text and picture, and the engine says so.
    """

    feature_dim: int = 768
    shared: bool = True
    trained: bool = False


@dataclass(frozen=True)
class FlowSettings:
    """Optical flow as further tokens: mean horizontal and vertical speed and their size, on a coarse grid.

    Attributes:
        grid: cells per side.
    """

    grid: int = 8

    @property
    def feature_dim(self) -> int:
        """Numbers per frame: three a cell."""
        return 3 * self.grid * self.grid


@dataclass(frozen=True)
class UNetSettings:
    """The denoiser; `heads` are heads per level, which diffusers calls `attention_head_dim`.

    Attributes:
        cross: whether a level attends to the condition, outermost first.
    """

    channels: tuple[int, ...] = (320, 640, 640, 1280)
    heads: tuple[int, ...] = (5, 10, 20, 20)
    cross: tuple[bool, ...] = (True, True, True, False)
    layers_per_block: int = 2
    groups: int = 32

    def __post_init__(self) -> None:
        if not len(self.channels) == len(self.heads) == len(self.cross):
            raise ValueError("a UNet needs as many channels as heads and levels")


@dataclass(frozen=True)
class VaeSettings:
    """Mel to latent and back: every level but the last halves both sides."""

    channels: tuple[int, ...] = (128, 256, 512)
    layers_per_block: int = 2
    latent_channels: int = 8
    groups: int = 32

    @property
    def reduction(self) -> int:
        """Mel frames (and bands) per latent frame (and bin)."""
        return int(2 ** (len(self.channels) - 1))


@dataclass(frozen=True)
class VocoderSettings:
    """HiFi-GAN, generator V1's form (arXiv 2010.05646)."""

    channels: int = 1024
    rates: tuple[int, ...] = (5, 4, 2, 2, 2)
    kernels: tuple[int, ...] = (16, 16, 8, 4, 4)
    residual_kernels: tuple[int, ...] = (3, 7, 11)
    dilations: tuple[int, ...] = (1, 3, 5)


@dataclass(frozen=True)
class MelSettings:
    """Natural-log mel spectrogram of AudioLDM: Slaney bands, Hann window, reflected ends."""

    sample_rate: int = 16000
    n_fft: int = 1024
    hop: int = 160
    n_mels: int = 64
    f_min: float = 0.0
    f_max: float = 8000.0
    floor: float = 1e-5


@dataclass(frozen=True)
class ScheduleSettings:
    """Noise levels of the diffusion; Stable Diffusion 2.1's, scaled linear betas, v-prediction."""

    n_train: int = 1000
    beta_start: float = 0.00085
    beta_end: float = 0.012
    prediction: str = "v_prediction"


@dataclass(frozen=True)
class VtaLdmConfig:
    """A whole checkpoint in numbers.

    Attributes:
        name: of the checkpoint.
        latent_frames: latent frames of a window; the model was trained on this length alone.
        embedding_dim: width of the condition's tokens.
        position: whether a sinusoidal position is added to the frames' features (the paper's PE).
        text: how prompts are read; None when they are not.
        flow: optical flow tokens; None when there are none.
        latent_scale: what latents are multiplied with, so that they have about unit deviation.
    """

    name: str = "vta-ldm"
    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    unet: UNetSettings = field(default_factory=UNetSettings)
    vae: VaeSettings = field(default_factory=VaeSettings)
    vocoder: VocoderSettings = field(default_factory=VocoderSettings)
    mel: MelSettings = field(default_factory=MelSettings)
    schedule: ScheduleSettings = field(default_factory=ScheduleSettings)
    latent_frames: int = 256
    embedding_dim: int = 2048
    position: bool = False
    text: TextSettings | None = None
    flow: FlowSettings | None = None
    latent_scale: float = 1.0

    def __post_init__(self) -> None:
        if prod(self.vocoder.rates) != self.mel.hop:
            raise ValueError(
                f"the vocoder makes {prod(self.vocoder.rates)} samples a frame, the mel takes {self.mel.hop}"
            )
        if self.mel.n_mels % self.vae.reduction:
            raise ValueError(f"{self.mel.n_mels} mel bands do not divide into latents of {self.vae.reduction}")
        if self.text is not None and self.text.shared and self.text.feature_dim != self.encoder.feature_dim:
            raise ValueError("text that shares the pictures' projection needs features of the same size")
        if not self.latent_scale > 0:
            raise ValueError(f"latent_scale must be positive, not {self.latent_scale}")

    @property
    def latent_bins(self) -> int:
        """Latent bins over frequency."""
        return self.mel.n_mels // self.vae.reduction

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """`(channels, frames, bins)` of a window."""
        return (self.vae.latent_channels, self.latent_frames, self.latent_bins)

    @property
    def mel_frames(self) -> int:
        """Mel frames of a window."""
        return self.latent_frames * self.vae.reduction

    @property
    def window_samples(self) -> int:
        """Samples of a window at the model's own rate."""
        return self.mel_frames * self.mel.hop

    @property
    def window_s(self) -> Fraction:
        """Length of a window."""
        return Fraction(self.window_samples, self.mel.sample_rate)

    @property
    def picture_frames(self) -> int:
        """Frames that the encoder sees of a whole window."""
        return ceil(self.window_s * self.encoder.frame_rate)

    def to_json(self) -> str:
        """The configuration as JSON."""
        return json.dumps(to_plain(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "VtaLdmConfig":
        """The inverse of `to_json`.

        Raises:
            WeightsError: it is not such a configuration.
        """
        try:
            plain: Any = json.loads(text)
            return from_plain(cls, plain)
        except (WireError, ValueError) as error:
            raise WeightsError(f"this is no configuration of VTA-LDM: {error}") from error

    @classmethod
    def published(cls) -> "VtaLdmConfig":
        """The checkpoint `vta-ldm-clip4clip-v-large`, its `latent_scale` still to be read from AudioLDM's file."""
        return cls(name="vta-ldm-clip4clip-v-large", text=TextSettings())

    @classmethod
    def tiny(cls, **changes: Any) -> "VtaLdmConfig":
        """The same structure at a size for tests: a window of 10.24 s costs milliseconds. `changes` replace fields."""
        tiny = cls(
            name="tiny",
            encoder=EncoderSettings(feature_dim=24, image_size=32),
            unet=UNetSettings(channels=(8, 16, 16, 24), heads=(2, 2, 4, 4), layers_per_block=1, groups=4),
            vae=VaeSettings(channels=(4, 8, 8), layers_per_block=1, latent_channels=4, groups=2),
            vocoder=VocoderSettings(
                channels=32,
                rates=(5, 4, 4, 4, 2),
                kernels=(16, 8, 8, 8, 4),
                residual_kernels=(3,),
                dilations=(1, 3),
            ),
            mel=MelSettings(hop=640, n_mels=32, n_fft=2048),
            latent_frames=64,
            embedding_dim=20,
            text=TextSettings(feature_dim=24, trained=True),
            latent_scale=0.9,
        )
        return replace(tiny, **changes)
