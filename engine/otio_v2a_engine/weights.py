"""Reads the weights that ship: one safetensors file beside a JSON note with its hash and configuration."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load
from torch import Tensor

from otio_v2a_engine.contract import WeightsError

__all__ = ["FOLDER", "Weights", "read_weights"]

FOLDER = Path(__file__).parent / "weights"

_CURE = "install otio-v2a again (its weights are Apache-2.0 and come with the package)"


@dataclass(frozen=True)
class Weights:
    """A checked weights file.

    Attributes:
        tensors: by name, float32.
        note: the JSON beside it: configuration, training command, seed, figures.
    """

    tensors: dict[str, Tensor]
    note: dict[str, Any]

    def part(self, name: str) -> dict[str, Tensor]:
        """The tensors of one model, `name/` taken off."""
        prefix = f"{name}/"
        return {key[len(prefix) :]: value for key, value in self.tensors.items() if key.startswith(prefix)}


def read_weights(name: str, *, folder: Path = FOLDER, cure: str = _CURE) -> Weights:
    """Read `name.safetensors` and `name.json`, and refuse a file that is not the one the note was written for.

    Args:
        name: of the two files.
        folder: where they are.
        cure: what to do about a fault, for messages.

    Raises:
        WeightsError: a file is missing, or its SHA-256 is not the note's.
    """
    path, note_path = folder / f"{name}.safetensors", folder / f"{name}.json"
    try:
        note = json.loads(note_path.read_text(encoding="utf-8"))
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"weights {error.filename} cannot be read ({error.strerror}); {cure}") from error
    except ValueError as error:
        raise WeightsError(f"weights note {note_path} is not JSON ({error}); {cure}") from error
    found, wanted = hashlib.sha256(data).hexdigest(), note.get("sha256")
    if found != wanted:
        raise WeightsError(f"weights {path} are damaged: SHA-256 {found}, expected {wanted}; {cure}")
    return Weights(tensors={key: value.float() for key, value in load(data).items()}, note=note)
