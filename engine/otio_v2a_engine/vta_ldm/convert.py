"""Turns the released files into a weights folder, once and strictly (`python -m otio_v2a_engine.vta_ldm`).

The released files are pickles: they are opened with `weights_only=True` alone, which reads tensors and runs nothing.
Every tensor must be known, present and of the right shape; what is left out is named. Downloads nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from otio_v2a_engine.contract import WeightsError
from otio_v2a_engine.vta_ldm import published
from otio_v2a_engine.vta_ldm.checkpoint import Checkpoint, build_checkpoint, write_checkpoint
from otio_v2a_engine.vta_ldm.config import VtaLdmConfig
from otio_v2a_engine.vta_ldm.encoders.clip import clip_config
from otio_v2a_engine.vta_ldm.text import clip_text_config, has_tokenizer
from otio_v2a_engine.weight_folders import SourceFile, WeightsNote, hash_file

__all__ = ["convert"]

_NAMED = 5
_AUTOENCODER = "first_stage_model."
_ENCODER = "vid_fea_extractor."


def convert(
    source: Path,
    target: Path,
    *,
    config: VtaLdmConfig | None = None,
    encoder_config: dict[str, Any] | None = None,
    text_config: dict[str, Any] | None = None,
    on_stage: Callable[[str], None] = lambda _: None,
) -> WeightsNote:
    """Convert the released files in `source` into the weights folder `target`.

    Args:
        source: folder with the released files, and CLIP's vocabulary (there or in `tokenizer/`) if prompts are wanted.
        target: folder to make; it must not exist.
        config: what the files hold; the published checkpoint.
        encoder_config: shape of the picture tower; CLIP ViT-L/14.
        text_config: shape of the text tower; CLIP ViT-L/14.
        on_stage: hears in words what is being done.

    Raises:
        WeightsError: a file is missing, holds more than tensors, or has a tensor that is missing, unknown or of
            the wrong shape; the message names it.
    """
    config = config or VtaLdmConfig.published()
    if target.exists():
        raise WeightsError(f"{target} exists already; choose another folder, or remove it first")
    published.check_files(source)
    main_tensors = _read(source / published.MAIN_FILE, on_stage)
    autoencoder = _read(source / published.VAE_FILE, on_stage)
    audioldm = _read(source / published.AUDIOLDM_FILE, on_stage)
    scale, n_left = _check_audioldm(audioldm, autoencoder, source / published.AUDIOLDM_FILE)
    on_stage("sorting tensors")
    made = build_checkpoint(
        replace(config, latent_scale=scale),
        encoder_config=encoder_config or clip_config(),
        text_config=text_config or clip_text_config(),
    )
    _fill_main(made, main_tensors, source / published.MAIN_FILE)
    _fill_autoencoder(made, autoencoder, source / published.VAE_FILE)
    vocabulary = next((place for place in (source / "tokenizer", source) if has_tokenizer(place)), None)
    remarks = [f"{n_left} tensors of AudioLDM's own denoiser and text encoder are left out: VTA-LDM does not use them."]
    if vocabulary is None:
        remarks.append(
            "CLIP's vocabulary (MIT; tokenizer.json, or vocab.json with merges.txt, of OpenAI's release "
            "clip-vit-large-patch14) was not there: prompts cannot be read. Put it beside the files and convert again."
        )
    on_stage("hashing what was read")
    sources = tuple(
        SourceFile(file.name, (source / file.name).stat().st_size, hash_file(source / file.name), file.source)
        for file in published.FILES
    )
    on_stage(f"writing {target}")
    return write_checkpoint(
        target, made, licence=published.LICENCE, sources=sources, remarks=tuple(remarks), tokenizer=vocabulary
    )


def _read(path: Path, on_stage: Callable[[str], None]) -> dict[str, Tensor]:
    on_stage(f"reading {path.name}")
    try:
        value = torch.load(path, map_location="cpu", weights_only=True, mmap=_is_zip(path))
    except Exception as error:
        # Foreign bytes: whatever they make the reader raise must name the file. Nothing in them has run.
        raise WeightsError(
            f"{path} cannot be read as tensors alone ({type(error).__name__}: {str(error)[:300]}); it is damaged, or "
            "holds objects that could run code, which are never loaded"
        ) from error
    if isinstance(value, Mapping) and isinstance(value.get("state_dict"), Mapping):
        value = value["state_dict"]
    if not isinstance(value, Mapping) or not all(isinstance(tensor, Tensor) for tensor in value.values()):
        raise WeightsError(f"{path} is no plain list of tensors")
    return dict(value)


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"PK"


def _check_audioldm(audioldm: dict[str, Tensor], autoencoder: dict[str, Tensor], path: Path) -> tuple[float, int]:
    """The latents' scale, and how many tensors are left out.

    The released system reads its autoencoder from this file; it must be the one of the other file.
    """
    ours = {name.removeprefix(_AUTOENCODER): t for name, t in audioldm.items() if name.startswith(_AUTOENCODER)}
    others = [name for name in audioldm if not name.startswith(_AUTOENCODER)]
    unknown = [name for name in others if not published.belongs_to_audioldm(name)]
    if unknown:
        raise WeightsError(f"{path} holds unknown tensors: {_some(unknown)}")
    scale = audioldm.get("scale_factor")
    if scale is None or scale.numel() != 1 or not (isfinite(scale.item()) and scale.item() > 0):
        raise WeightsError(f"{path} has no positive scale_factor")
    wrong = sorted(set(ours) ^ set(autoencoder))
    wrong += [
        name for name, tensor in ours.items() if name in autoencoder and not torch.equal(tensor, autoencoder[name])
    ]
    if wrong:
        raise WeightsError(
            f"{path} and {published.VAE_FILE} hold different autoencoders, they are not of one release: {_some(wrong)}"
        )
    return float(scale.item()), len(others) - 1


def _fill_main(made: Checkpoint, tensors: dict[str, Tensor], path: Path) -> None:
    assert made.text is not None
    left = {name: tensor for name, tensor in tensors.items() if not published.is_counter(name)}
    parts: list[tuple[str, nn.Module]] = [
        ("unet.", made.model.unet),
        (f"{_ENCODER}clip_vision.", made.encoder.get_submodule("network")),
        (f"{_ENCODER}clip_text.", made.text.network),
        (f"{_ENCODER}linear_layer.", made.model.projection),
    ]
    wanted = {f"{prefix}{name}" for prefix, part in parts for name in part.state_dict()}
    _same_names(left, wanted, path)
    for prefix, part in parts:
        _fill(part, {name: f"{prefix}{name}" for name in part.state_dict()}, left, path)


def _fill_autoencoder(made: Checkpoint, tensors: dict[str, Tensor], path: Path) -> None:
    vae, vocoder = published.vae_names(made.config.vae), published.vocoder_names(made.config.vocoder)
    _same_names(tensors, {*vae.values(), *vocoder.values()}, path)
    _fill(made.vae, vae, tensors, path)
    # The vocoder's library normalises its input with these two; AudioLDM's does not.
    neutral = {"mean": torch.zeros_like(made.vocoder.mean), "scale": torch.ones_like(made.vocoder.scale)}
    _fill(made.vocoder, vocoder, tensors, path, extra=neutral)


def _same_names(tensors: Mapping[str, Tensor], wanted: set[str], path: Path) -> None:
    missing, unknown = sorted(wanted - set(tensors)), sorted(set(tensors) - wanted)
    faults = [f"lacks {_some(missing)}"] if missing else []
    faults += [f"holds unknown {_some(unknown)}"] if unknown else []
    if faults:
        raise WeightsError(f"{path} is not the released file: it {' and '.join(faults)}")


def _fill(
    network: nn.Module,
    names: Mapping[str, str],
    tensors: Mapping[str, Tensor],
    path: Path,
    *,
    extra: Mapping[str, Tensor] | None = None,
) -> None:
    own = network.state_dict()
    found: dict[str, Tensor] = dict(extra or {})
    wrong = []
    for name, their_name in names.items():
        tensor, shape = tensors[their_name], own[name].shape
        # Attention over pixels: theirs are 1 x 1 convolutions, ours are matrices.
        squeezed = tensor.flatten(1) if tensor.ndim == 4 and len(shape) == 2 and tensor.shape[2:] == (1, 1) else tensor
        if squeezed.shape != shape:
            wrong.append(f"{their_name} {tuple(tensor.shape)} instead of {tuple(shape)}")
        found[name] = squeezed.float()
    if wrong:
        raise WeightsError(f"{path} has tensors of the wrong shape: {_some(wrong)}")
    network.load_state_dict(found, strict=True, assign=True)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
