"""Owns a checkpoint on disk: a diffusers-style folder of safetensors and JSON, read strictly and written whole.

    weights.json  config.json  projection/  unet/  vae/  vocoder/  scheduler/  image_encoder/
    and where prompts are read: text_encoder/  tokenizer/

Knows no published file and no sampler. `weight_folders.py` knows where folders are looked for.
"""

import json
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import SpeechT5HifiGan

from otio_v2a_engine.contract import WeightsError
from otio_v2a_engine.vta_ldm.config import ScheduleSettings, VtaLdmConfig
from otio_v2a_engine.vta_ldm.encoders.base import VisualEncoder
from otio_v2a_engine.vta_ldm.encoders.build import build_encoder
from otio_v2a_engine.vta_ldm.model import VtaLdmModel
from otio_v2a_engine.vta_ldm.text import ClipText, has_tokenizer
from otio_v2a_engine.vta_ldm.vae import build_vae
from otio_v2a_engine.vta_ldm.vocoder import build_vocoder
from otio_v2a_engine.weight_folders import (
    SourceFile,
    WeightsFile,
    WeightsNote,
    hash_file,
    read_note,
    write_note,
)

__all__ = [
    "KIND",
    "Checkpoint",
    "build_checkpoint",
    "randomise",
    "read_checkpoint",
    "scheduler_json",
    "write_checkpoint",
]

KIND = "vta-ldm"
_DIFFUSERS_TENSORS = "diffusion_pytorch_model.safetensors"
_TENSORS = "model.safetensors"
_PROJECTIONS = ("projection", "text_projection", "flow_projection")


@dataclass(frozen=True)
class Checkpoint:
    """Every part of a VTA-LDM.

    Attributes:
        config: in numbers.
        encoder_config: the visual encoder's own shape.
        text_config: the text encoder's own shape.
        model: what is trained.
        vae, vocoder, encoder: frozen.
        text: reads prompts; None when the checkpoint takes none.
    """

    config: VtaLdmConfig
    encoder_config: dict[str, Any]
    text_config: dict[str, Any] | None
    model: VtaLdmModel
    vae: AutoencoderKL
    vocoder: SpeechT5HifiGan
    encoder: VisualEncoder
    text: ClipText | None

    @property
    def networks(self) -> dict[str, nn.Module]:
        """Every network by the name of its folder."""
        parts: dict[str, nn.Module] = {
            "unet": self.model.unet,
            "vae": self.vae,
            "vocoder": self.vocoder,
            "image_encoder": self.encoder,
        }
        return parts if self.text is None else {**parts, "text_encoder": self.text}


def build_checkpoint(
    config: VtaLdmConfig, *, encoder_config: dict[str, Any], text_config: dict[str, Any] | None = None
) -> Checkpoint:
    """A checkpoint as its libraries initialise it, in evaluation mode.

    Raises:
        WeightsError: text is configured but no text encoder is, or the other way round.
    """
    if (config.text is None) != (text_config is None):
        raise WeightsError("a checkpoint with prompts needs the shape of a text encoder, one without needs none")
    made = Checkpoint(
        config=config,
        encoder_config=encoder_config,
        text_config=text_config,
        model=VtaLdmModel(config),
        vae=build_vae(config),
        vocoder=build_vocoder(config),
        encoder=build_encoder(config.encoder, encoder_config),
        text=None if text_config is None else ClipText(text_config),
    )
    for part in (made.model, *made.networks.values()):
        part.eval()
    return made


def randomise(checkpoint: Checkpoint, seed: int, *, gain: float = 1.0) -> None:
    """Draw every parameter anew, those that libraries set to zero or one too: a test on zeros proves nothing."""
    generator = torch.Generator().manual_seed(seed)
    parts = {"projection": checkpoint.model, **checkpoint.networks}
    seen: set[int] = set()
    for _, part in sorted(parts.items()):
        for name, parameter in sorted(part.named_parameters()):
            if id(parameter) in seen:
                continue
            seen.add(id(parameter))
            fan_in = parameter[0].numel() if parameter.ndim > 1 else 25
            noise = torch.randn(parameter.shape, generator=generator) * gain / fan_in**0.5
            is_scale = parameter.ndim == 1 and name.endswith("weight")
            parameter.data.copy_(noise + 1 if is_scale else noise)


def scheduler_json(settings: ScheduleSettings) -> dict[str, Any]:
    """The scheduler's file as diffusers reads it, written for this project: the published sampler's settings."""
    return {
        "_class_name": "DDPMScheduler",
        "num_train_timesteps": settings.n_train,
        "beta_start": settings.beta_start,
        "beta_end": settings.beta_end,
        "beta_schedule": "scaled_linear",
        "prediction_type": settings.prediction,
        "variance_type": "fixed_small",
        "clip_sample": False,
        "timestep_spacing": "leading",
        "steps_offset": 1,
    }


def write_checkpoint(
    folder: Path,
    checkpoint: Checkpoint,
    *,
    licence: str,
    sources: tuple[SourceFile, ...] = (),
    remarks: tuple[str, ...] = (),
    tokenizer: Path | None = None,
) -> WeightsNote:
    """Write a checkpoint beside `folder`, then rename: a failure leaves nothing behind.

    Raises:
        WeightsError: the folder exists, or it cannot be written.
    """
    if folder.exists():
        raise WeightsError(f"{folder} exists already; choose another folder, or remove it first")
    partial = folder.with_name(f".{folder.name}.{secrets.token_hex(6)}.partial")
    try:
        partial.mkdir(parents=True)
        _write_parts(partial, checkpoint)
        if tokenizer is not None:
            _copy_tokenizer(tokenizer, partial / "tokenizer")
        files = tuple(
            WeightsFile(path.relative_to(partial).as_posix(), path.stat().st_size, hash_file(path))
            for path in sorted(partial.rglob("*"))
            if path.is_file()
        )
        note = WeightsNote(
            kind=KIND, name=checkpoint.config.name, licence=licence, files=files, sources=sources, remarks=remarks
        )
        write_note(partial, note)
        os.replace(partial, folder)
    except OSError as error:
        raise WeightsError(f"{folder} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return note


def read_checkpoint(folder: Path) -> Checkpoint:
    """Read a checkpoint; every tensor must be there, fit, and be known.

    Raises:
        WeightsError: a file is missing or damaged, or a tensor is missing, unknown or of the wrong shape.
    """
    note = read_note(folder)
    if note.kind != KIND:
        raise WeightsError(f"{folder} holds weights of {note.kind}, not of {KIND}")
    config = VtaLdmConfig.from_json(_text(folder / "config.json"))
    has_text = (folder / "text_encoder" / _TENSORS).is_file()
    if not has_text:
        config = replace(config, text=None)
    made = build_checkpoint(
        config,
        encoder_config=_json(folder / "image_encoder" / "config.json"),
        text_config=_json(folder / "text_encoder" / "config.json") if has_text else None,
    )
    for name, part in made.networks.items():
        _fill(_bare(part), _tensors_path(folder, name))
    _fill(_projections(made.model), folder / "projection" / _TENSORS)
    if made.text is not None and has_tokenizer(folder / "tokenizer"):
        made.text.read_tokenizer(folder / "tokenizer")
    return made


def _tensors_path(folder: Path, name: str) -> Path:
    return folder / name / (_DIFFUSERS_TENSORS if name in ("unet", "vae") else _TENSORS)


def _bare(part: nn.Module) -> nn.Module:
    """The library's own network inside a wrapper of ours, so that the library reads the folder too."""
    inner = getattr(part, "network", part)
    assert isinstance(inner, nn.Module)
    return inner


def _projections(model: VtaLdmModel) -> nn.ModuleDict:
    parts = {name: getattr(model, name) for name in _PROJECTIONS}
    return nn.ModuleDict({name: part for name, part in parts.items() if part is not None})


def _write_parts(folder: Path, checkpoint: Checkpoint) -> None:
    (folder / "config.json").write_text(checkpoint.config.to_json(), encoding="utf-8")
    _write_json(folder / "scheduler" / "scheduler_config.json", scheduler_json(checkpoint.config.schedule))
    _write_tensors(folder / "projection" / _TENSORS, _projections(checkpoint.model).state_dict())
    for name, part in checkpoint.networks.items():
        bare = _bare(part)
        _write_tensors(_tensors_path(folder, name), bare.state_dict())
        _write_json(folder / name / "config.json", _config_of(name, bare, checkpoint))
    index = {
        "_class_name": "VtaLdm",
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "vocoder": ["transformers", "SpeechT5HifiGan"],
        "scheduler": ["diffusers", "DDPMScheduler"],
        "image_encoder": [None, checkpoint.config.encoder.kind],
        "text_encoder": ["transformers", "CLIPTextModelWithProjection"] if checkpoint.text else [None, None],
    }
    _write_json(folder / "model_index.json", index)


def _config_of(name: str, network: nn.Module, checkpoint: Checkpoint) -> dict[str, Any]:
    if name == "image_encoder":
        return checkpoint.encoder_config
    if name == "text_encoder":
        return checkpoint.text_config or {}
    config: Any = network.config
    plain = config.to_diff_dict() if hasattr(config, "to_diff_dict") else {**config}
    return {key: value for key, value in plain.items() if not key.startswith("_") or key == "_class_name"}


def _write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({key: value.contiguous().clone() for key, value in tensors.items()}, path, metadata={"format": "pt"})


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def _copy_tokenizer(source: Path, target: Path) -> None:
    target.mkdir()
    for name in ("tokenizer.json", "vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json"):
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise WeightsError(f"{path} cannot be read ({error}); convert the weights again") from error


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(_text(path))
    except ValueError as error:
        raise WeightsError(f"{path} is no JSON ({error}); convert the weights again") from error
    if not isinstance(value, dict):
        raise WeightsError(f"{path} holds no settings; convert the weights again")
    return value


def _fill(network: nn.Module, path: Path) -> None:
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{path} cannot be read ({error}); check it with: otio-v2a weights verify") from error
    try:
        network.load_state_dict(tensors, strict=True)
    except RuntimeError as error:
        raise WeightsError(f"{path} does not fit its configuration: {error}") from error
