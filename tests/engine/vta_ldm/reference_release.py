"""Makes files laid out as the released ones, at any size, every tensor random; shapes come from the references."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor

Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Release:
    """The tensors of a release by part, without the files' prefixes, and the latents' scale."""

    unet: Tensors
    vision: Tensors
    text: Tensors
    projection: Tensors
    vae: Tensors
    vocoder: Tensors
    scale: float


def random_tensors(shapes: Mapping[str, tuple[int, ...]], generator: torch.Generator) -> Tensors:
    """Gaussian, as large as keeps signals alive; scales of norms around 1; nothing is zero."""
    made = {}
    for name, shape in sorted(shapes.items()):
        fan_in = torch.Size(shape[1:]).numel() if len(shape) > 1 else 25
        made[name] = torch.randn(shape, generator=generator) / fan_in**0.5
        if len(shape) == 1 and name.endswith("weight"):
            made[name] += 1
    return made


def make(
    *,
    unet: Mapping[str, tuple[int, ...]],
    vision: Mapping[str, tuple[int, ...]],
    text: Mapping[str, tuple[int, ...]],
    projection: tuple[int, int],
    vae: Mapping[str, tuple[int, ...]],
    vocoder: Mapping[str, tuple[int, ...]],
    seed: int = 5,
    scale: float = 0.87,
) -> Release:
    """Draw a release."""
    generator = torch.Generator().manual_seed(seed)
    parts = [
        random_tensors(shapes, generator)
        for shapes in (unet, vision, text, {"weight": projection, "bias": projection[:1]}, vae, vocoder)
    ]
    return Release(*parts, scale=scale)


def _under(prefix: str, tensors: Tensors) -> Tensors:
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


def write(folder: Path, release: Release, *, change: Mapping[str, object] | None = None) -> Path:
    """Write the three files; `change` replaces whole files by what is given, under their names."""
    folder.mkdir(parents=True, exist_ok=True)
    encoder = "vid_fea_extractor."
    main = (
        _under("unet.", release.unet)
        | _under(f"{encoder}clip_vision.", release.vision)
        | _under(f"{encoder}clip_text.", release.text)
        | _under(f"{encoder}linear_layer.", release.projection)
        | {f"{encoder}clip_vision.vision_model.embeddings.position_ids": torch.arange(17)[None]}
    )
    autoencoder = release.vae | _under("vocoder.", release.vocoder)
    audioldm = _under("first_stage_model.", autoencoder) | {
        "scale_factor": torch.tensor(release.scale),
        "betas": torch.ones(10),
        "model.diffusion_model.time_embed.0.weight": torch.ones(3, 3),
        "cond_stage_model.model.logit_scale_a": torch.ones(1),
    }
    files: dict[str, object] = {
        "pytorch_model_2.bin": main,
        "pytorch_model.bin": autoencoder,
        "audioldm-s-full.ckpt": {"state_dict": audioldm, "epoch": 3},
    }
    for name, value in (files | dict(change or {})).items():
        torch.save(value, folder / name)
    return folder


def forms(config: object, *, unet: ModuleType, audio: ModuleType, clip: ModuleType, words: int) -> dict[str, object]:
    """The references' forms of a configuration with the tiny encoders."""
    return {
        "unet": unet.Form(
            channels=config.unet.channels,
            heads=config.unet.heads,
            cross=config.unet.cross,
            layers=config.unet.layers_per_block,
            groups=config.unet.groups,
            latent=config.vae.latent_channels,
            context=config.embedding_dim,
        ),
        "vae": audio.VaeForm(
            channels=config.vae.channels,
            layers=config.vae.layers_per_block,
            latent=config.vae.latent_channels,
            groups=config.vae.groups,
        ),
        "vocoder": audio.VocoderForm(
            n_mels=config.mel.n_mels,
            channels=config.vocoder.channels,
            rates=config.vocoder.rates,
            kernels=config.vocoder.kernels,
            residual_kernels=config.vocoder.residual_kernels,
            dilations=config.vocoder.dilations,
        ),
        "vision": clip.Tower(width=32, inner=48, layers=2, heads=4, out=24, patch=8, size=32),
        "text": clip.Tower(width=16, inner=24, layers=2, heads=2, out=24, words=words, places=32),
    }
