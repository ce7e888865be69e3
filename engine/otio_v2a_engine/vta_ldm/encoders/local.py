"""Reads a visual encoder from its publisher's files on this machine: strictly, as tensors alone, without a network."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from otio_v2a_engine.contract import WeightsError
from otio_v2a_engine.vta_ldm.config import EncoderSettings
from otio_v2a_engine.vta_ldm.encoders.base import VisualEncoder
from otio_v2a_engine.vta_ldm.encoders.build import build_encoder
from otio_v2a_engine.vta_ldm.encoders.cavp import cavp_config
from otio_v2a_engine.vta_ldm.encoders.clip import clip_config
from otio_v2a_engine.vta_ldm.encoders.imagebind import imagebind_config
from otio_v2a_engine.vta_ldm.encoders.languagebind import languagebind_config
from otio_v2a_engine.vta_ldm.encoders.vivit import vivit_config
from otio_v2a_engine.vta_ldm.encoders.vjepa import vjepa_config

__all__ = ["LocalEncoder", "load_encoder"]

_LIBRARY = {
    "clip": ("CLIPVisionModelWithProjection", clip_config),
    "vjepa": ("VJEPA2Model", vjepa_config),
    "vivit": ("VivitModel", vivit_config),
}
_OWN = {"imagebind": imagebind_config, "languagebind": languagebind_config, "cavp": cavp_config}


@dataclass(frozen=True)
class LocalEncoder:
    """An encoder with its publisher's weights.

    Attributes:
        encoder: frozen, in evaluation mode.
        config: its own shape, as a checkpoint keeps it.
    """

    encoder: VisualEncoder
    config: dict[str, Any]


def load_encoder(settings: EncoderSettings, source: Path, *, config: dict[str, Any] | None = None) -> LocalEncoder:
    """Read an encoder.

    Args:
        settings: what the rest is to know of it; `feature_dim` must be what it makes.
        source: of CLIP, V-JEPA and ViViT the folder that transformers reads; of the others the publisher's file,
            `.safetensors` or a pickle that is read as tensors alone.
        config: shape of the others; the published one when None.

    Raises:
        WeightsError: it is missing, damaged, or not such an encoder.
    """
    if settings.kind in _LIBRARY:
        found = _from_library(settings, source)
    else:
        shape = config or _OWN[settings.kind]()
        tensors = _tensors(source)
        encoder = build_encoder(settings, shape)
        encoder.load_published(tensors)
        found = LocalEncoder(encoder, shape)
    found.encoder.eval().requires_grad_(False)
    size = settings.image_size
    with torch.no_grad():
        made = found.encoder(torch.zeros(1, 1, 3, size, size)).shape[-1]
    if made != settings.feature_dim:
        raise WeightsError(f"{source} makes features of {made} numbers, not {settings.feature_dim}")
    return found


def _from_library(settings: EncoderSettings, source: Path) -> LocalEncoder:
    import transformers

    name, shape = _LIBRARY[settings.kind]
    more = {"add_pooling_layer": False} if settings.kind == "vivit" else {}
    try:
        network, notes = getattr(transformers, name).from_pretrained(
            str(source), local_files_only=True, output_loading_info=True, **more
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise WeightsError(f"{source} cannot be read as {settings.kind}: {error}") from error
    if notes["missing_keys"]:
        raise WeightsError(f"{source} lacks tensors of {settings.kind}: {', '.join(sorted(notes['missing_keys'])[:5])}")
    config = {key: getattr(network.config, key) for key in shape()}
    encoder = build_encoder(settings, config)
    if settings.kind == "vjepa":
        del network.predictor
    assert isinstance(network, nn.Module)
    encoder.network = network
    return LocalEncoder(encoder, config)


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        value = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # Foreign bytes: whatever they make the reader raise must name the file. Nothing in them has run.
        raise WeightsError(f"{path} cannot be read as tensors alone: {str(error)[:300]}") from error
    value = value.get("state_dict", value) if isinstance(value, dict) else value
    if not isinstance(value, dict) or not all(isinstance(tensor, Tensor) for tensor in value.values()):
        raise WeightsError(f"{path} is no plain list of tensors")
    return {name.removeprefix("module."): tensor for name, tensor in value.items()}
