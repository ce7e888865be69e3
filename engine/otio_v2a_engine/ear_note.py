"""Owns what is known of the ear without loading it: its weights, and below which fit a sound is a misfit (floor 0).

The ear itself (`ear.py`) needs torch and runs in the worker.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from otio_v2a_engine.contract import WeightsError

__all__ = ["EarNote", "read_ear_note"]

_FOLDER = Path(__file__).parent / "weights"
_ID_DIGITS = 12


@dataclass(frozen=True)
class EarNote:
    """What the note beside the ear's weights says.

    Attributes:
        version: the first digits of the weights' SHA-256.
        misfit: fit below which a sound does not fit its prompt; one in seven that fits lies below it as well.
    """

    version: str
    misfit: float


def read_ear_note(folder: Path = _FOLDER) -> EarNote:
    """Read the note that ships.

    Raises:
        WeightsError: it is missing or damaged.
    """
    path = folder / "ear.json"
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
        return EarNote(version=str(note["sha256"])[:_ID_DIGITS], misfit=float(note["calibration"]["misfit"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"the note of the ear {path} cannot be read ({error}); install otio-v2a again") from error
