"""The released files of VTA-LDM: what they are, where they come from, and which of their tensors is which of ours.

Knows names and shapes only; `convert.py` reads and writes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from otio_v2a_engine.contract import WeightsError
from otio_v2a_engine.vta_ldm.config import VaeSettings, VocoderSettings

__all__ = [
    "AUDIOLDM_FILE",
    "FILES",
    "LICENCE",
    "MAIN_FILE",
    "VAE_FILE",
    "VOCABULARY_FILES",
    "PublishedFile",
    "belongs_to_audioldm",
    "check_files",
    "is_counter",
    "vae_names",
    "vocoder_names",
]

MAIN_FILE = "pytorch_model_2.bin"
VAE_FILE = "pytorch_model.bin"
AUDIOLDM_FILE = "audioldm-s-full.ckpt"
VOCABULARY_FILES = ("tokenizer.json", "vocab.json", "merges.txt")

LICENCE = (
    "CC-BY-NC-SA-4.0 (autoencoder and vocoder of AudioLDM: no commercial use), Apache-2.0 (VTA-LDM's code; its release "
    "names no other licence for the weights), MIT (CLIP)"
)


@dataclass(frozen=True)
class PublishedFile:
    """A released file.

    Attributes:
        name: as released.
        holds: what is in it.
        source: who publishes it, and under which title.
        licence: as its publisher states it.
    """

    name: str
    holds: str
    source: str
    licence: str


FILES = (
    PublishedFile(
        MAIN_FILE,
        holds="the denoiser, CLIP's two towers and the projection",
        source="the authors' release named vta-ldm-clip4clip-v-large (Manjie Xu and others, Tencent AI Lab)",
        licence="Apache-2.0 (code), CLIP's towers MIT",
    ),
    PublishedFile(
        VAE_FILE,
        holds="the autoencoder and the vocoder",
        source="the authors' release named vta-ldm-clip4clip-v-large (Manjie Xu and others, Tencent AI Lab)",
        licence="CC-BY-NC-SA-4.0, as AudioLDM's",
    ),
    PublishedFile(
        AUDIOLDM_FILE,
        holds="the scale of the latents, and the autoencoder and vocoder again",
        source="AudioLDM's authors (Haohe Liu and others, University of Surrey), checkpoint audioldm-s-full",
        licence="CC-BY-NC-SA-4.0",
    ),
)

_AUDIOLDM_PARTS = ("model.", "model_ema.", "cond_stage_model.", "clap.")
_AUDIOLDM_NUMBERS = frozenset(
    (
        "betas",
        "alphas_cumprod",
        "alphas_cumprod_prev",
        "sqrt_alphas_cumprod",
        "sqrt_one_minus_alphas_cumprod",
        "log_one_minus_alphas_cumprod",
        "sqrt_recip_alphas_cumprod",
        "sqrt_recipm1_alphas_cumprod",
        "posterior_variance",
        "posterior_log_variance_clipped",
        "posterior_mean_coef1",
        "posterior_mean_coef2",
        "lvlb_weights",
        "logvar",
        "scale_factor",
    )
)


def belongs_to_audioldm(name: str) -> bool:
    """Whether a tensor of AudioLDM's file is one of its own denoiser, text encoder or schedule, which we leave out."""
    return name in _AUDIOLDM_NUMBERS or name.startswith(_AUDIOLDM_PARTS)


def is_counter(name: str) -> bool:
    """Whether it is a plain count of positions that older library versions stored."""
    return name.endswith(".position_ids")


def _resnet(ours: str, theirs: str, *, has_shortcut: bool) -> Iterator[tuple[str, str]]:
    parts = [("norm1", "norm1"), ("conv1", "conv1"), ("norm2", "norm2"), ("conv2", "conv2")]
    parts += [("conv_shortcut", "nin_shortcut")] if has_shortcut else []
    for own, their in parts:
        yield f"{ours}.{own}", f"{theirs}.{their}"


def _middle(ours: str, theirs: str) -> Iterator[tuple[str, str]]:
    for i in (0, 1):
        yield from _resnet(f"{ours}.resnets.{i}", f"{theirs}.block_{i + 1}", has_shortcut=False)
    attention = (("group_norm", "norm"), ("to_q", "q"), ("to_k", "k"), ("to_v", "v"), ("to_out.0", "proj_out"))
    for own, their in attention:
        yield f"{ours}.attentions.0.{own}", f"{theirs}.attn_1.{their}"


def _vae_layers(settings: VaeSettings) -> Iterator[tuple[str, str]]:
    channels, last = settings.channels, len(settings.channels) - 1
    before = channels[0]
    for level, wide in enumerate(channels):
        for layer in range(settings.layers_per_block):
            ours = f"encoder.down_blocks.{level}.resnets.{layer}"
            yield from _resnet(ours, f"encoder.down.{level}.block.{layer}", has_shortcut=before != wide)
            before = wide
        if level < last:
            yield f"encoder.down_blocks.{level}.downsamplers.0.conv", f"encoder.down.{level}.downsample.conv"
    for step in range(last + 1):
        # They count levels from the finest, we from the first that is decoded.
        level = last - step
        for layer in range(settings.layers_per_block + 1):
            ours = f"decoder.up_blocks.{step}.resnets.{layer}"
            yield from _resnet(ours, f"decoder.up.{level}.block.{layer}", has_shortcut=before != channels[level])
            before = channels[level]
        if level:
            yield f"decoder.up_blocks.{step}.upsamplers.0.conv", f"decoder.up.{level}.upsample.conv"
    for part in ("encoder", "decoder"):
        yield f"{part}.conv_in", f"{part}.conv_in"
        yield from _middle(f"{part}.mid_block", f"{part}.mid")
        yield f"{part}.conv_norm_out", f"{part}.norm_out"
        yield f"{part}.conv_out", f"{part}.conv_out"
    yield "quant_conv", "quant_conv"
    yield "post_quant_conv", "post_quant_conv"


def _both(layers: Iterator[tuple[str, str]]) -> dict[str, str]:
    return {f"{ours}.{end}": f"{theirs}.{end}" for ours, theirs in layers for end in ("weight", "bias")}


def vae_names(settings: VaeSettings) -> dict[str, str]:
    """Our name of every tensor of the autoencoder, with the published one."""
    return _both(_vae_layers(settings))


def _vocoder_layers(settings: VocoderSettings) -> Iterator[tuple[str, str]]:
    yield "conv_pre", "vocoder.conv_pre"
    yield "conv_post", "vocoder.conv_post"
    for i in range(len(settings.rates)):
        yield f"upsampler.{i}", f"vocoder.ups.{i}"
    for i in range(len(settings.rates) * len(settings.residual_kernels)):
        for part in ("convs1", "convs2"):
            for k in range(len(settings.dilations)):
                yield f"resblocks.{i}.{part}.{k}", f"vocoder.resblocks.{i}.{part}.{k}"


def vocoder_names(settings: VocoderSettings) -> dict[str, str]:
    """Our name of every tensor of the vocoder, with the published one in the autoencoder's file."""
    return _both(_vocoder_layers(settings))


def check_files(source: Path) -> None:
    """Refuse a folder that lacks a released file, naming each with its publisher and licence.

    Raises:
        WeightsError: a file is missing.
    """
    missing = [file for file in FILES if not (source / file.name).is_file()]
    if missing:
        lines = [f"  {file.name}: {file.holds}; from {file.source}; licence {file.licence}" for file in missing]
        raise WeightsError(
            "\n".join([f"{source} lacks {len(missing)} of the released files (nothing is downloaded unasked):", *lines])
        )
