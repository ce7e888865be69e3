"""Owns the fields of a cue: which words people use for them, and which values they may have. Reads no files."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from otio_v2a.errors import PromptError
from otio_v2a_engine.contract import Role

__all__ = ["KNOWN_FIELDS", "CueKey", "Wish", "field_of", "parse_role", "wish_from_fields"]

MAX_TAKES = 99

_ROLES = {
    **{role.value: role for role in Role},
    **dict.fromkeys(("SFX", "FOL", "FOLEY", "EFFECTS", "HFX", "SPOT"), Role.FX),
    **dict.fromkeys(("BG", "BGS", "ATM", "ATMOS", "AMBIENCE", "AMBIENT", "ATMOSPHERE"), Role.AMB),
    **dict.fromkeys(("MX", "MUSIC"), Role.MUS),
    **dict.fromkeys(("DIA", "DIAL", "DIALOG", "DIALOGUE", "VO"), Role.DX),
}
# Column or key as people write it, to ours.
_NAMES = {
    **dict.fromkeys(("clip", "name", "clip name", "shot"), "clip"),
    **dict.fromkeys(("id", "clip id"), "clip_id"),
    **dict.fromkeys(("index", "#", "no", "number"), "index"),
    **dict.fromkeys(("track",), "track"),
    **dict.fromkeys(("tc", "timecode", "in", "tc in", "start", "record in"), "start"),
    **dict.fromkeys(("out", "tc out", "end", "record out"), "end"),
    **dict.fromkeys(("role", "stem"), "role"),
    **dict.fromkeys(("prompt", "text"), "text"),
    **dict.fromkeys(("not", "negative", "negative prompt", "negative text"), "negative_text"),
    **dict.fromkeys(("transcript", "say"), "transcript"),
    **dict.fromkeys(("seed",), "seed"),
    **dict.fromkeys(("takes",), "takes"),
    **dict.fromkeys(("note", "notes", "comment", "comments"), ""),
}
KNOWN_FIELDS = "clip, id, index, track, in, out, role, prompt, not, transcript, seed, takes, notes"


@dataclass(frozen=True)
class Wish:
    """What is asked of a stem; None leaves a field to whoever comes next in precedence.

    Attributes:
        role: the stem; None means every stem that is asked for.
        text: positive prompt.
        negative_text: negative prompt.
        transcript: words to speak.
        seed: seed of the first take.
        takes: number of takes.
    """

    role: Role | None = None
    text: str | None = None
    negative_text: str | None = None
    transcript: str | None = None
    seed: int | None = None
    takes: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it asks for nothing at all."""
        return self == Wish()


@dataclass(frozen=True)
class CueKey:
    """Which clips a cue is for; all that is given must fit.

    Attributes:
        clip: name, or a pattern with `*`, `?` or `[]` when no clip has it as its name.
        clip_id: id of a clip.
        index: 1-based position on its track.
        track: name of the track.
        start: record timecode; without `end` the clip that shows this frame.
        end: record timecode after the last frame; every clip that overlaps the range.
    """

    clip: str | None = None
    clip_id: str | None = None
    index: int | None = None
    track: str | None = None
    start: str | None = None
    end: str | None = None

    @property
    def rank(self) -> int:
        """How closely it looks: id, timecode, index, name, pattern (an exact name is told by the caller)."""
        if self.clip_id is not None:
            return 4
        if self.start is not None:
            return 3
        return 2 if self.index is not None else 1

    def __str__(self) -> str:
        parts = [
            f"clip {self.clip!r}" if self.clip is not None else "",
            f"id {self.clip_id!r}" if self.clip_id is not None else "",
            f"index {self.index}" if self.index is not None else "",
            f"timecode {self.start}{f' to {self.end}' if self.end else ''}" if self.start is not None else "",
            f"track {self.track!r}" if self.track is not None else "",
        ]
        return ", ".join(part for part in parts if part)


def parse_role(text: str) -> Role:
    """A role as editors write it (FX, SFX, BG, MX, ...). Raises ValueError that lists the four."""
    role = _ROLES.get(text.strip().upper())
    if role is None:
        raise ValueError(f"{text!r} is no role; roles are {', '.join(Role)}")
    return role


def wish_from_fields(fields: Mapping[str, Any], *, where: str) -> tuple[CueKey, Wish]:
    """A cue's key and wish from named fields, spelled as in a cue sheet; None and missing mean "not given".

    Raises:
        PromptError: a field is unknown or has a wrong value; starts with `where`.
    """
    known: dict[str, Any] = {}
    for name, value in fields.items():
        field = field_of(name, where=where)
        if not field or value is None:
            continue
        if field in known:
            raise PromptError(f"{where}: {field.replace('_', ' ')} is given twice")
        known[field] = value
    try:
        role = _string(known, "role")
        key = CueKey(
            clip=_string(known, "clip"),
            clip_id=_string(known, "clip_id"),
            index=_number(known, "index", low=1, high=10**6),
            track=_string(known, "track"),
            start=_string(known, "start"),
            end=_string(known, "end"),
        )
        wish = Wish(
            role=parse_role(role) if role and role.strip() not in ("*", "all") else None,
            text=_string(known, "text"),
            negative_text=_string(known, "negative_text"),
            transcript=_string(known, "transcript"),
            seed=_number(known, "seed", low=0, high=2**63 - 1),
            takes=_number(known, "takes", low=1, high=MAX_TAKES),
        )
        if key.end is not None and key.start is None:
            raise ValueError("'out' needs an 'in'")
    except ValueError as error:
        raise PromptError(f"{where}: {error}") from error
    return key, wish


def field_of(name: str, *, where: str) -> str:
    """Our word for a column or key; empty for one that is only a note."""
    words = re.sub(r"[\s_-]+", " ", name.strip()).casefold()
    if words in _NAMES:
        return _NAMES[words]
    close = get_close_matches(words, list(_NAMES), n=1)
    hint = f"did you mean {close[0]!r}? Known: {KNOWN_FIELDS}" if close else f"known: {KNOWN_FIELDS}"
    raise PromptError(f"{where}: unknown column or key {name!r}; {hint}")


def _string(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, str):
        return value.strip()
    if name in ("clip", "clip_id", "track") and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"{name.replace('_', ' ')} must be text, not {value!r}")


def _number(fields: Mapping[str, Any], name: str, *, low: int, high: int) -> int | None:
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, str):
        # Spreadsheets write whole numbers as 3.0 when a neighbour has a fraction.
        digits = re.fullmatch(r"(\d{1,19})(?:[.,]0+)?", value.strip())
        value = int(digits.group(1)) if digits else value
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{name} must be a whole number from {low} to {high}, not {value!r}")
    return value
