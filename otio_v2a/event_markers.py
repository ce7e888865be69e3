"""Owns visual events in markers: which markers are events, and when. Knows no engine and no timeline object.

A clip that was spotted follows its event markers and nothing else: a deleted marker is silent, an added one sounds.
"""

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from otio_v2a.spans import ClipSpan, SpanMarker
from otio_v2a_engine.contract import VisualEvent

__all__ = ["EVENT", "EVENT_COLOUR", "EVENT_NAME", "SPOTTED", "event_fields", "is_event", "is_spotted", "span_events"]

EVENT_NAME = "v2a hit"
EVENT_COLOUR = "MAGENTA"
"""What our own event markers look like; what counts is the name or the metadata, because hosts lose colours."""
EVENT = "event"
"""Key of an event in a marker's `otio_v2a` metadata."""
SPOTTED = "spotted"
"""Key in the `otio_v2a` metadata of a clip whose event markers are all its events."""

_FULL_NAME = re.compile(r"\s*(?:otio[-_ ]?)?v2a[\s_:-]+hit\b.*", re.I | re.S)
_SHORT_NAME = re.compile(r"\s*hit\b.*", re.I | re.S)
_NEAR_S = Fraction(1, 1000)
"""A marker this near to where it was written has not been moved: hosts keep times to a frame, not to less."""


def is_spotted(span: ClipSpan) -> bool:
    """Whether somebody decided on all of the clip's events: its metadata or one of its markers says so."""
    return SPOTTED in span.metadata or any(is_event(marker, spotted=False) for marker in span.markers)


def is_event(marker: SpanMarker, *, spotted: bool) -> bool:
    """Whether a marker is an event: by our metadata, by the name `v2a hit`, on a spotted clip also by `hit`."""
    if _own_event(marker) is not None or _FULL_NAME.fullmatch(marker.name):
        return True
    return spotted and _SHORT_NAME.fullmatch(marker.name) is not None


def span_events(span: ClipSpan) -> tuple[VisualEvent, ...] | None:
    """The events of a clip in record time relative to its start, ascending; None when nobody decided on them.

    A marker that lies where `spot` put it has the exact time beside it; one that was moved or added counts from the
    start of its frame.
    """
    spotted = is_spotted(span)
    if not spotted:
        return None
    markers = [marker for marker in span.markers if is_event(marker, spotted=True)]
    found: dict[Fraction, float] = {}
    for marker in markers:
        time_s, strength = _read(marker, span)
        found[time_s] = max(strength, found.get(time_s, 0.0))
    return tuple(VisualEvent(time_s, strength) for time_s, strength in sorted(found.items()))


def event_fields(event: VisualEvent, *, marker_start_s: Fraction, span: ClipSpan) -> dict[str, Any]:
    """What an event's marker holds in its metadata: media times survive slips and trims of the clip.

    Args:
        event: in record time relative to the span's start.
        marker_start_s: where its marker begins, likewise.
        span: the clip.
    """
    return {
        "kind": "onset",
        "confidence": round(event.strength, 2),
        "media_ms": _exact(1000 * _media_s(event.time_s, span)),
        "marker_media_s": _exact(_media_s(marker_start_s, span)),
    }


def _read(marker: SpanMarker, span: ClipSpan) -> tuple[Fraction, float]:
    own = _own_event(marker)
    if own is None:
        return marker.start_s, 1.0
    strength = own.get("confidence")
    strength = float(strength) if isinstance(strength, int | float) and 0 <= strength <= 1 else 1.0
    try:
        exact_s = Fraction(str(own["media_ms"])) / 1000
        written_s = Fraction(str(own["marker_media_s"]))
    except (KeyError, ValueError, ZeroDivisionError):
        return marker.start_s, strength
    if not span.speed or abs(_media_s(marker.start_s, span) - written_s) > _NEAR_S * abs(span.speed):
        return marker.start_s, strength
    return (exact_s - span.source_start_s) / span.speed, strength


def _own_event(marker: SpanMarker) -> Mapping[str, Any] | None:
    own = marker.metadata.get("otio_v2a")
    event = own.get(EVENT) if isinstance(own, Mapping) else None
    return event if isinstance(event, Mapping) else None


def _media_s(record_s: Fraction, span: ClipSpan) -> Fraction:
    return span.source_start_s + span.speed * record_s


def _exact(value: Fraction) -> str:
    return str(value)
