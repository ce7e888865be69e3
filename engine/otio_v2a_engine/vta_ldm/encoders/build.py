"""Visual encoders by their word in a configuration. Imports one only when it is wanted."""

from importlib import import_module
from typing import Any

from otio_v2a_engine.contract import WeightsError
from otio_v2a_engine.vta_ldm.config import EncoderSettings
from otio_v2a_engine.vta_ldm.encoders.base import VisualEncoder

__all__ = ["build_encoder"]

_PLACES = {
    "clip": ("clip", "ClipEncoder"),
    "imagebind": ("imagebind", "ImageBindEncoder"),
    "languagebind": ("languagebind", "LanguageBindEncoder"),
    "vjepa": ("vjepa", "VjepaEncoder"),
    "vivit": ("vivit", "VivitEncoder"),
    "cavp": ("cavp", "CavpEncoder"),
}


def build_encoder(settings: EncoderSettings, config: dict[str, Any]) -> VisualEncoder:
    """An encoder with random weights.

    Args:
        settings: what the rest knows of it; `settings.kind` chooses.
        config: its own shape, as its module's `..._config` functions make it.

    Raises:
        WeightsError: the shape does not fit the encoder.
    """
    module, name = _PLACES[settings.kind]
    kind = getattr(import_module(f"otio_v2a_engine.vta_ldm.encoders.{module}"), name)
    try:
        encoder: VisualEncoder = kind(settings, config)
    except (TypeError, ValueError, KeyError) as error:
        raise WeightsError(f"this is no shape of a visual encoder {settings.kind}: {error}") from error
    return encoder
