"""Owns prompts in markers: `v2a FX: footsteps on gravel | not: music`. Knows no timeline object.

A marker speaks through its name, its comment (each line may be an entry) or its metadata (`{"otio_v2a": {...}}`);
markers that do not begin with `v2a` are somebody else's.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from otio_v2a.cue_fields import Wish, parse_role, wish_from_fields
from otio_v2a.cues import Ranked
from otio_v2a.errors import PromptError
from otio_v2a.event_markers import is_event, is_spotted
from otio_v2a.spans import ClipSpan, SpanMarker

__all__ = ["marker_wishes"]

_ENTRY = re.compile(r"\s*(?:otio[-_ ]?)?v2a(?:[\s_-]+(?P<role>[A-Za-z]+))?\s*(?::\s*(?P<text>.*))?", re.I | re.S)
_OPTION = re.compile(r"(not|negative|transcript|say|seed|takes)\s*:\s*(.*)", re.I | re.S)


def marker_wishes(span: ClipSpan) -> tuple[Ranked, ...]:
    """The wishes in a clip's markers, in order of time; texts of several markers are joined later.

    Raises:
        PromptError: an entry cannot be understood; names the clip and the marker.
    """
    wishes: list[Ranked] = []
    spotted = is_spotted(span)
    for marker in sorted(span.markers, key=lambda marker: marker.start_s):
        if is_event(marker, spotted=spotted):
            continue
        where = f"marker {marker.name or marker.comment!r} on clip {span.name!r}, track {span.track!r}"
        wishes += [Ranked(wish, rank=0, joins=True) for wish in _wishes(marker, where=where) if not wish.is_empty]
    return tuple(wishes)


def _wishes(marker: SpanMarker, *, where: str) -> Iterable[Wish]:
    own = marker.metadata.get("otio_v2a")
    if isinstance(own, Mapping):
        _, wish = wish_from_fields(own, where=where)
        yield wish
        if wish.text is not None:
            return
    name = _ENTRY.fullmatch(marker.name)
    if name is not None and name.group("text") is None:
        # Only "v2a" or "v2a FX": the comment is the text.
        yield _wish(name.group("role"), marker.comment, where=where)
        return
    for text in (marker.name, *marker.comment.splitlines()):
        entry = _ENTRY.fullmatch(text)
        if entry is not None and entry.group("text") is not None:
            yield _wish(entry.group("role"), entry.group("text"), where=where)


def _wish(role: str | None, text: str, *, where: str) -> Wish:
    fields: dict[str, Any] = {}
    prompt: list[str] = []
    for part in re.split(r"\s*\|\s*", text.strip()):
        option = _OPTION.fullmatch(part)
        if option is None:
            prompt.append(part)
        else:
            fields[option.group(1).lower()] = option.group(2).strip()
    _, wish = wish_from_fields({**fields, "prompt": " | ".join(prompt) or None}, where=where)
    try:
        return replace(wish, role=parse_role(role) if role else None)
    except ValueError as error:
        raise PromptError(f"{where}: {error}") from error
