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

from otio_v2a.cue_fields import KNOWN_FIELDS, CueKey, Wish, field_of, wish_from_fields
from otio_v2a.errors import PromptError
from otio_v2a.spans import ClipSpan, CutTiming
from otio_v2a.timecode import seconds_of_day

__all__ = ["Cue", "CueBook", "Ranked", "clip_matches", "load_cues", "nearest_names", "unmatched"]

MAX_BYTES = 16 << 20


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


class CueBook:
    """The cues of a cut, ready to be asked for each clip."""

    def __init__(self, cues: Iterable[Cue], *, timing: CutTiming) -> None:
        """Raises PromptError when a timecode does not exist at the cut's rate."""
        self._entries = [_Entry.of(cue, timing=timing) for cue in cues]
        self._rate = timing.rate

    def wishes(self, span: ClipSpan) -> tuple[Ranked, ...]:
        """The wishes for a clip, in the order of the sheet (those keyed by timecode: of time)."""
        found = []
        first, end = _frames_of(span, self._rate)
        for entry in self._entries:
            if entry.fits(span, first=first, end=end):
                key = entry.cue.key
                is_exact = key.rank > 1 or key.clip == span.name
                ranked = Ranked(entry.cue.wish, rank=key.rank if is_exact else 0, joins=key.rank == 3)
                found.append((entry.start if ranked.joins else -1, ranked))
        return tuple(ranked for _, ranked in sorted(found, key=lambda pair: pair[0]))

    def unmatched(self, spans: Sequence[ClipSpan]) -> tuple[str, ...]:
        """A warning for every cue that no clip takes, naming the clips that come nearest."""
        ranges = [
            (span, _whole(span.record_start_s * self._rate), _whole(span.record_end_s * self._rate)) for span in spans
        ]
        warnings = []
        for entry in self._entries:
            if not any(entry.fits(span, first=first, end=end) for span, first, end in ranges):
                near = _nearest(entry, spans, rate=self._rate)
                warnings.append(
                    f"{entry.cue.where}: no clip fits {entry.cue.key}{f'; nearest: {near}' if near else ''}"
                )
        return tuple(warnings)


def unmatched(cues: Iterable[Cue], spans: Sequence[ClipSpan], *, timing: CutTiming) -> tuple[str, ...]:
    """A warning for every cue that no clip of the cut takes. Raises PromptError as `CueBook` does."""
    return CueBook(cues, timing=timing).unmatched(spans)


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
        raise PromptError(f"{path}: the cue sheet is empty; its first row names the columns: {KNOWN_FIELDS}")


def _check_header(header: Sequence[str], *, where: str) -> None:
    fields = [field_of(name, where=where) for name in header if name]
    twice = sorted({field for field in fields if field and fields.count(field) > 1})
    if twice:
        raise PromptError(f"{where}: two columns mean {twice[0].replace('_', ' ')}; keep one")
    if not {"clip", "clip_id", "index", "start"}.intersection(fields):
        raise PromptError(f"{where}: no column says for which clip; the first row names the columns: {KNOWN_FIELDS}")


def _cue(fields: Mapping[str, Any], *, where: str) -> Iterable[Cue]:
    """The cue of a row or table; none when it names a clip and asks for nothing."""
    key, wish = wish_from_fields(fields, where=where)
    if wish.is_empty:
        return
    if key == replace(CueKey(), track=key.track):
        raise PromptError(f"{where}: says for no clip; give a clip, id, index or timecode, or '*' for every clip")
    yield Cue(key, wish, where)


def _is_pattern(text: str) -> bool:
    return any(sign in text for sign in "*?[")


# Frames of the cut: an int, or a Fraction off its grid. Comparing ints is what keeps long sheets quick.
Frames = int | Fraction


@dataclass(frozen=True)
class _Entry:
    """A cue with its timecodes as record frames; without them it has none, and fits at any time."""

    cue: Cue
    start: Frames = -1
    end: Frames | None = None

    @staticmethod
    def of(cue: Cue, *, timing: CutTiming) -> "_Entry":
        key = cue.key
        if key.start is None:
            return _Entry(cue)
        start = _record_frame(cue, key.start, timing=timing)
        if key.end is None:
            return _Entry(cue, start=start)
        end = _record_frame(cue, key.end, timing=timing)
        if end <= start:
            raise PromptError(f"{cue.where}: 'out' {key.end} is not after 'in' {key.start}")
        return _Entry(cue, start=start, end=end)

    def fits(self, span: ClipSpan, *, first: Frames, end: Frames) -> bool:
        """Whether the cue means a span that is seen in record frames `[first, end)`."""
        key = self.cue.key
        if key.start is not None and not (
            first <= self.start < end if self.end is None else first < self.end and self.start < end
        ):
            return False
        if key.clip is not None and not clip_matches(key.clip, span):
            return False
        return (
            (key.clip_id is None or key.clip_id == span.clip_id)
            and (key.index is None or key.index == span.index)
            and (key.track is None or key.track == span.track)
        )


def _frames_of(span: ClipSpan, rate: Fraction) -> tuple[Frames, Frames]:
    return _whole(span.record_start_s * rate), _whole(span.record_end_s * rate)


def _whole(frames: Fraction) -> Frames:
    return frames.numerator if frames.denominator == 1 else frames


def _record_frame(cue: Cue, label: str, *, timing: CutTiming) -> Frames:
    """Record frame of a timecode label; a cut that runs over midnight goes on at 00:00:00:00."""
    try:
        at = seconds_of_day(label, rate=timing.rate, drop_frame=timing.drop_frame)
    except ValueError as error:
        raise PromptError(f"{cue.where}: {error}") from error
    at -= timing.global_start_s
    if at < 0:
        # At the 1001 rates a day of labels is not a day.
        day_s = seconds_of_day("23:59:59:00", rate=timing.rate, drop_frame=timing.drop_frame)
        day_s += round(timing.rate) / timing.rate
        if at + day_s <= timing.duration_s:
            at += day_s
    return _whole(at * timing.rate)


def _nearest(entry: _Entry, spans: Sequence[ClipSpan], *, rate: Fraction) -> str:
    """Clips near a cue that fits none, in words."""
    key = entry.cue.key
    if key.clip is not None:
        return nearest_names(key.clip, spans)
    if key.start is not None and spans:
        at = entry.start / rate
        near = min(spans, key=lambda span: max(span.record_start_s - at, at - span.record_end_s))
        return repr(near.name)
    if key.index is not None and spans:
        return f"the last index is {max(span.index for span in spans)}"
    return ""
