"""Owns what is known of the detector of speech and music without loading it: its answer and its weights (floor 0).

The detector itself (`bleed.py`) needs torch and runs in the worker.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from otio_v2a_engine.contract import WeightsError

__all__ = ["HEARD_FROM", "Bleed", "BleedNote", "read_bleed_note"]

HEARD_FROM = 0.5
"""From here on speech or music counts as heard; the detector is calibrated so that few clean sounds come this far."""

_FOLDER = Path(__file__).parent / "weights"
_ID_DIGITS = 12


@dataclass(frozen=True)
class Bleed:
    """How sure it is that a take of effects or ambience holds what belongs into other stems.

    Attributes:
        speech: that somebody speaks, 0 to 1; None where the prompt asks for voices.
        music: that music plays, 0 to 1; None where the prompt asks for music or instruments.
    """

    speech: float | None = None
    music: float | None = None

    @property
    def heard(self) -> tuple[tuple[str, float], ...]:
        """What is heard and was not asked for, the surest first, and how sure that is."""
        found = [(name, value) for name, value in (("speech", self.speech), ("music", self.music)) if value is not None]
        return tuple(sorted((pair for pair in found if pair[1] >= HEARD_FROM), key=lambda pair: -pair[1]))

    @property
    def worst(self) -> float:
        """How sure the surest of what is heard is; 0 where nothing is."""
        return self.heard[0][1] if self.heard else 0.0

    @property
    def words(self) -> str:
        """What is heard, for a user: "speech (0.93) and music (0.61)"; empty where nothing is."""
        return " and ".join(f"{name} ({value:.2f})" for name, value in self.heard)


@dataclass(frozen=True)
class BleedNote:
    """What the note beside the detector's weights says.

    Attributes:
        version: the first digits of the weights' SHA-256.
    """

    version: str


def read_bleed_note(folder: Path = _FOLDER) -> BleedNote:
    """Read the note that ships.

    Raises:
        WeightsError: it is missing or damaged.
    """
    path = folder / "bleed.json"
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
        return BleedNote(version=str(note["sha256"])[:_ID_DIGITS])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(
            f"the note of the detector of speech and music {path} cannot be read ({error}); install otio-v2a again"
        ) from error
