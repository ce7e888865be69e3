"""Owns cue sheets: CSV and TOML files that say which clips should sound like what. Knows no timeline object.

The formats are documented in docs/prompts.md. Every error names the file, the row or entry, and what to do.
"""

import csv
import io
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from fractions import Fraction
from pathlib import Path
from typing import Any

from otio_v2a.errors import PromptError
from otio_v2a.spans import ClipSpan, CutTiming
from otio_v2a.timecode import seconds_of_day
from otio_v2a_engine.contract import Role

__all__ = [
    "Cue",
    "CueKey",
    "Wish",
    "clip_matches",
    "load_cues",
    "matching",
    "nearest_names",
    "parse_role",
    "unmatched",
    "wish_from_fields",
]

MAX_BYTES = 16 << 20
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
_KNOWN = "clip, id, index, track, in, out, role, prompt, not, transcript, seed, takes, notes"


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


@dataclass(frozen=True)
class Cue:
    """One entry of a cue sheet; `where` says where it stands, for messages."""

    key: CueKey
    wish: Wish
    where: str


@dataclass(frozen=True)
class Ranked:
    """A wish for one clip and how closely its key looked; wishes keyed by time `join` instead of replacing."""

    wish: Wish
    rank: int
    joins: bool = False


def load_cues(path: Path) -> tuple[Cue, ...]:
    """Read a cue sheet, CSV (`.csv`, `.tsv`, `.txt`) or TOML (`.toml`), in UTF-8 or UTF-16 with its mark.

    Raises:
        PromptError: names the file, the row or entry, and what to do.
    """
    text = _text_of(path)
    suffix = path.suffix.lower()
    if suffix == ".toml":
        return tuple(_from_toml(text, path=path))
    if suffix in (".csv", ".tsv", ".txt"):
        return tuple(_from_csv(text, path=path))
    raise PromptError(f"{path}: a cue sheet is a .csv or a .toml file")


def matching(cues: Sequence[Cue], span: ClipSpan, *, timing: CutTiming) -> tuple[Ranked, ...]:
    """The wishes for a clip, in the order of the sheet (those keyed by timecode: of time).

    Raises:
        PromptError: a timecode does not exist at the cut's rate.
    """
    found: list[tuple[Fraction, Ranked]] = []
    for cue in cues:
        if not _fits(cue, span, timing=timing):
            continue
        key = cue.key
        exact = key.rank > 1 or key.clip == span.name
        by_time = key.rank == 3
        at = _record_s(cue, key.start or "", timing=timing) if by_time else Fraction(-1)
        found.append((at, Ranked(cue.wish, rank=key.rank if exact else 0, joins=by_time)))
    return tuple(ranked for _, ranked in sorted(found, key=lambda pair: pair[0]))


def unmatched(cues: Iterable[Cue], spans: Sequence[ClipSpan], *, timing: CutTiming) -> tuple[str, ...]:
    """A warning for every cue that no clip takes, naming the clips that come nearest."""
    warnings = []
    for cue in cues:
        if any(_fits(cue, span, timing=timing) for span in spans):
            continue
        near = _nearest(cue, spans, timing=timing)
        warnings.append(f"{cue.where}: no clip fits {cue.key}{f'; nearest: {near}' if near else ''}")
    return tuple(warnings)


def clip_matches(key: str, span: ClipSpan) -> bool:
    """Whether a name, id or pattern means this clip."""
    if key in (span.name, span.clip_id):
        return True
    return _is_pattern(key) and fnmatchcase(span.name.casefold(), key.casefold())


def nearest_names(key: str, spans: Iterable[ClipSpan]) -> str:
    """Clip names like `key`, for a message; empty when none is."""
    names = {span.name.casefold(): span.name for span in spans}
    close = get_close_matches(key.casefold(), list(names), n=3, cutoff=0.5)
    return ", ".join(repr(names[name]) for name in close)


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
        field = _field(name, where=where)
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


def _text_of(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise PromptError(f"{path}: larger than {MAX_BYTES >> 20} MB; this is no cue sheet")
        raw = path.read_bytes()
    except OSError as error:
        raise PromptError(f"cue sheet {path} cannot be read: {error.strerror or error}") from error
    encoding = "utf-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise PromptError(f"{path}, line {line}: not UTF-8; save the sheet as 'CSV UTF-8' and run again") from error


def _from_toml(text: str, *, path: Path) -> Iterable[Cue]:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PromptError(f"{path}: not TOML: {error}") from error
    unknown = sorted(set(data) - {"cue"})
    if unknown or not isinstance(data.get("cue", []), list):
        what = f"unknown entry {unknown[0]!r}" if unknown else "'cue' is no list"
        raise PromptError(f"{path}: {what}; write every cue as a [[cue]] table")
    lines = [
        number for number, line in enumerate(text.splitlines(), start=1) if re.match(r"\s*\[\[\s*cue\s*\]\]", line)
    ]
    entries = data.get("cue", [])
    for number, entry in enumerate(entries, start=1):
        where = f"{path}, cue {number}"
        if len(lines) == len(entries):
            where += f" (line {lines[number - 1]})"
        if not isinstance(entry, dict):
            raise PromptError(f"{where}: write every cue as a [[cue]] table")
        yield from _cue(entry, where=where)


def _from_csv(text: str, *, path: Path) -> Iterable[Cue]:
    header_line = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(";\t,", key=header_line.count) if header_line else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] = []
    row_number = 0
    try:
        for row in reader:
            row_number += 1
            if not any(cell.strip() for cell in row):
                continue
            if not header:
                header = [cell.strip() for cell in row]
                _check_header(header, where=f"{path}, row {row_number}")
                continue
            where = f"{path}, row {row_number}"
            if any(cell.strip() for cell in row[len(header) :]):
                raise PromptError(
                    f"{where}: more cells than the header has columns; put text that holds a {delimiter!r} between "
                    "double quotes"
                )
            cells = {name: cell.strip() for name, cell in zip(header, row, strict=False) if name and cell.strip()}
            yield from _cue(cells, where=where)
    except csv.Error as error:
        raise PromptError(f"{path}, row {row_number + 1}: not CSV ({error}); is a double quote left open?") from error
    if not header:
        raise PromptError(f"{path}: the cue sheet is empty; its first row names the columns: {_KNOWN}")


def _check_header(header: Sequence[str], *, where: str) -> None:
    fields = [_field(name, where=where) for name in header if name]
    twice = sorted({field for field in fields if field and fields.count(field) > 1})
    if twice:
        raise PromptError(f"{where}: two columns mean {twice[0].replace('_', ' ')}; keep one")
    if not {"clip", "clip_id", "index", "start"}.intersection(fields):
        raise PromptError(f"{where}: no column says for which clip; the first row names the columns: {_KNOWN}")


def _cue(fields: Mapping[str, Any], *, where: str) -> Iterable[Cue]:
    """The cue of a row or table; none when it names a clip and asks for nothing."""
    key, wish = wish_from_fields(fields, where=where)
    if wish.is_empty:
        return
    if key == replace(CueKey(), track=key.track):
        raise PromptError(f"{where}: says for no clip; give a clip, id, index or timecode, or '*' for every clip")
    yield Cue(key, wish, where)


def _field(name: str, *, where: str) -> str:
    """Our word for a column or key; empty for one that is only a note."""
    words = re.sub(r"[\s_-]+", " ", name.strip()).casefold()
    if words in _NAMES:
        return _NAMES[words]
    close = get_close_matches(words, list(_NAMES), n=1)
    hint = f"did you mean {close[0]!r}? Known: {_KNOWN}" if close else f"known: {_KNOWN}"
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


def _is_pattern(text: str) -> bool:
    return any(sign in text for sign in "*?[")


def _fits(cue: Cue, span: ClipSpan, *, timing: CutTiming) -> bool:
    key = cue.key
    if key.clip is not None and not clip_matches(key.clip, span):
        return False
    if key.clip_id is not None and key.clip_id != span.clip_id:
        return False
    if key.index is not None and key.index != span.index:
        return False
    if key.track is not None and key.track != span.track:
        return False
    if key.start is None:
        return True
    start_s = _record_s(cue, key.start, timing=timing)
    if key.end is None:
        return span.record_start_s <= start_s < span.record_end_s
    end_s = _record_s(cue, key.end, timing=timing)
    if end_s <= start_s:
        raise PromptError(f"{cue.where}: 'out' {key.end} is not after 'in' {key.start}")
    return span.record_start_s < end_s and start_s < span.record_end_s


def _record_s(cue: Cue, label: str, *, timing: CutTiming) -> Fraction:
    """Record time of a timecode label; a cut that runs over midnight goes on at 00:00:00:00."""
    try:
        at = seconds_of_day(label, rate=timing.rate, drop_frame=timing.drop_frame)
    except ValueError as error:
        raise PromptError(f"{cue.where}: {error}") from error
    at -= timing.global_start_s
    if at < 0:
        # A day of labels is a little longer than a day at the 1001 rates.
        day_s = seconds_of_day("23:59:59:00", rate=timing.rate, drop_frame=timing.drop_frame)
        day_s += round(timing.rate) / timing.rate
        if at + day_s <= timing.duration_s:
            at += day_s
    return at


def _nearest(cue: Cue, spans: Sequence[ClipSpan], *, timing: CutTiming) -> str:
    """Clips near a cue that fits none, in words."""
    key = cue.key
    if key.clip is not None:
        return nearest_names(key.clip, spans)
    if key.start is not None and spans:
        at = _record_s(cue, key.start, timing=timing)
        near = min(spans, key=lambda span: max(span.record_start_s - at, at - span.record_end_s))
        return repr(near.name)
    if key.index is not None and spans:
        return f"the last index is {max(span.index for span in spans)}"
    return ""
