"""Which host wrote a cut, and how it writes the length of a retimed clip. Knows OTIO metadata, no media.

Hosts disagree about `source_range.duration` of a clip at 200 %: DaVinci Resolve and plain OTIO write how long the
clip lasts in the record; a Premiere-flavoured writer writes how much source it uses, twice as much.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from itertools import islice
from typing import Any

import opentimelineio as otio

__all__ = ["Dialect", "Host", "RetimeRule", "detect", "written_rate"]


class Host(StrEnum):
    """Who wrote the cut, by its metadata."""

    PLAIN = "plain"
    RESOLVE = "resolve"
    PREMIERE = "premiere"


class RetimeRule(StrEnum):
    """What `source_range.duration` of a retimed clip counts."""

    RECORD = "record"
    """Record time: the clip lasts `duration` and uses `duration * |speed|` of source."""
    SOURCE = "source"
    """Source time: the clip lasts `duration / |speed|` and uses `duration` of source."""


@dataclass(frozen=True)
class Dialect:
    """Who wrote a cut and how to read it.

    Attributes:
        host: who wrote it.
        retimes: how its retimed clips are measured.
        evidence: why, in words for the user.
    """

    host: Host = Host.PLAIN
    retimes: RetimeRule = RetimeRule.RECORD
    evidence: str = "plain OpenTimelineIO"


_KEYS = {"Resolve_OTIO": Host.RESOLVE, "PremierePro_OTIO": Host.PREMIERE}
_RULES = {Host.RESOLVE: RetimeRule.RECORD, Host.PREMIERE: RetimeRule.SOURCE}
_CLIPS_ASKED = 8

Lengths = Callable[[RetimeRule], Sequence[tuple[Fraction | int, bool]]]
"""Per top-level track its length under a rule, and whether it holds a clip whose length the rule changes."""


def detect(timeline: otio.schema.Timeline, *, lengths: Lengths | None) -> Dialect:
    """The dialect of a timeline: its host by metadata, cross-checked against the lengths of its tracks.

    Picture and sound of one cut usually end together. When retimed tracks match another track exactly under the
    rule that the host is not known for, and none does under its own, the lengths win. `lengths` is None when no
    clip is retimed.
    """
    host = _host(timeline)
    if host is Host.PLAIN:
        return Dialect()
    rule = _RULES[host]
    other = RetimeRule.SOURCE if rule is RetimeRule.RECORD else RetimeRule.RECORD
    if lengths is None:
        return Dialect(host, rule, f"{host} metadata")
    own = lengths(rule)
    if any(is_retimed for _, is_retimed in own) and _matches(own) == 0 and _matches(lengths(other)) > 0:
        return Dialect(host, other, f"{host} metadata, but its retimed tracks end with the others only when {other}")
    return Dialect(host, rule, f"{host} metadata")


def written_rate(timeline: otio.schema.Timeline) -> float | None:
    """The edit rate that Premiere notes on its stack, None elsewhere."""
    notes = timeline.tracks.metadata
    own = notes.get("PremierePro_OTIO") if len(notes) else None
    try:
        return float(own["VideoFrameRate"]) if own is not None else None
    except (KeyError, TypeError, ValueError):
        return None


def _matches(tracks: Sequence[tuple[Fraction | int, bool]]) -> int:
    references = {length for length, is_retimed in tracks if not is_retimed and length}
    return sum(is_retimed and length in references for length, is_retimed in tracks)


def is_generated(track: Any) -> bool:
    """Whether a track is one of ours, written by an earlier run."""
    own = track.metadata.get("otio_v2a")
    return hasattr(own, "get") and bool(own.get("generated"))


def _host(timeline: otio.schema.Timeline) -> Host:
    """The outermost object's word counts: an inner clip may have come from another host."""
    # Our own tracks speak the words of the target they were written for; they say nothing about the cut.
    tracks = [track for track in timeline.tracks if not is_generated(track)]
    levels: list[Any] = [timeline, timeline.tracks, *tracks]
    for item in levels:
        found = _of(item.metadata)
        if found is not None:
            return found
    for track in tracks:
        for item in islice(track, _CLIPS_ASKED) if isinstance(track, otio.schema.Track) else ():
            found = _of(item.metadata)
            if found is not None:
                return found
    return Host.PLAIN


def _of(metadata: Mapping[str, Any]) -> Host | None:
    return next((host for key, host in _KEYS.items() if key in metadata), None) if len(metadata) else None
