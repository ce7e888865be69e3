"""Names what a target cannot carry of a timeline, by clip and track. Writes nothing.

What is listed for Final Cut Pro XML was measured by writing and reading back; what is listed for hosts is what is
known of their import.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio

from otio_v2a import media
from otio_v2a.errors import MediaError
from otio_v2a_engine.lengths import nearest_rate

__all__ = ["Loss", "losses_of"]

_External = otio.schema.ExternalReference
_Images = otio.schema.ImageSequenceReference


@dataclass(frozen=True)
class Loss:
    """Something that a target does not carry.

    Attributes:
        clip: name of the clip; empty when it is about a track or the timeline.
        track: name of the track; empty when it is about the timeline.
        what: what is lost, in words.
        fatal: whether the target cannot be written at all.
    """

    clip: str
    track: str
    what: str
    fatal: bool = False

    def __str__(self) -> str:
        where = []
        if self.clip:
            where.append(f"clip {self.clip!r}")
        if self.track:
            where.append(f"track {self.track!r}")
        return f"{' on '.join(where) or 'timeline'}: {self.what}"


def losses_of(timeline: otio.schema.Timeline, target: str, *, base: Path | None) -> tuple[Loss, ...]:
    """Losses of a timeline on a target, in the order of the timeline, each once."""
    found: list[Loss] = []
    if target == "fcp_xml":
        found += _timeline_in_fcp_xml(timeline)
    for number, track in enumerate(timeline.tracks, start=1):
        name = track.name or f"{track.kind} {number}"
        if target == "fcp_xml":
            found += _track_in_fcp_xml(track, name)
        for item in _items(track):
            found += [Loss(item.name, name, what, fatal) for what, fatal in _of_item(item, target, base)]
    return tuple(dict.fromkeys(found))


def _items(parent: Any) -> Iterator[Any]:
    for item in parent:
        yield item
        if isinstance(item, otio.core.Composition):
            yield from _items(item)


def _of_item(item: Any, target: str, base: Path | None) -> Iterator[tuple[str, bool]]:
    if isinstance(item, otio.schema.Clip):
        others = [key for key in item.media_references() if key != item.active_media_reference_key]
        if others and target in ("resolve", "premiere"):
            yield f"other takes ({', '.join(others)}) stay in the file, but the host shows the active one only", False
        if others and target == "otioz":
            yield f"other takes ({', '.join(others)}) are not bundled; only the active one is", False
        if others and target == "fcp_xml":
            yield f"other takes ({', '.join(others)})", False
        yield from _of_media(item.media_reference, target, base)
    if target == "fcp_xml":
        yield from _item_in_fcp_xml(item)


def _of_media(reference: Any, target: str, base: Path | None) -> Iterator[tuple[str, bool]]:
    if isinstance(reference, _External) and base is not None and target in ("resolve", "otioz"):
        try:
            media.resolve(reference.target_url or "", base=base)
        except MediaError as error:
            if target == "resolve":
                yield f"its file is missing ({error})", True
            else:
                yield f"its file is not bundled ({error})", False
    if isinstance(reference, _Images) and target == "otioz":
        yield "its images are not bundled", False
    if isinstance(reference, _Images) and target == "fcp_xml":
        yield "its image sequence becomes a clip without media", False
    if isinstance(reference, otio.schema.GeneratorReference) and target == "fcp_xml":
        yield f"its generator ({reference.generator_kind}) becomes a clip without media", False


def _timeline_in_fcp_xml(timeline: otio.schema.Timeline) -> Iterator[Loss]:
    rates = sorted({item.source_range.duration.rate for item in _ranged(timeline)})
    for rate in rates:
        exact = nearest_rate(rate)
        if exact.denominator != 1 and exact * Fraction(1001, 1000) % 1 != 0:
            yield Loss("", "", f"its rate of {rate:g} frames per second becomes another", True)
    if _strange(timeline.metadata) or _strange(timeline.tracks.metadata):
        yield Loss("", "", "its metadata")


def _ranged(timeline: otio.schema.Timeline) -> Iterator[Any]:
    for track in timeline.tracks:
        for item in _items(track):
            if getattr(item, "source_range", None) is not None:
                yield item


def _track_in_fcp_xml(track: otio.schema.Track, name: str) -> Iterator[Loss]:
    if track.name:
        yield Loss("", name, "its name")
    if not track.enabled:
        yield Loss("", name, "that it is switched off")
    if track.markers:
        yield Loss("", name, "its markers")
    if track.source_range is not None:
        yield Loss("", name, "its own source range")
    if _strange(track.metadata):
        yield Loss("", name, "its metadata")


def _item_in_fcp_xml(item: Any) -> Iterator[tuple[str, bool]]:
    effects = [effect.effect_name or effect.schema_name() for effect in getattr(item, "effects", [])]
    if effects:
        yield f"its effects and retimes ({', '.join(effects)})", False
    if not getattr(item, "enabled", True):
        yield "that it is switched off", False
    if any(marker.color for marker in getattr(item, "markers", [])):
        yield "the colours of its markers", False
    if _strange(item.metadata):
        yield "its metadata", False


def _strange(metadata: Any) -> bool:
    """Whether there is metadata that the adapter does not write."""
    return any(key != "fcp_xml" for key in metadata)
