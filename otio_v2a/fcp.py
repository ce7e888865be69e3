"""Fits a timeline to OTIO's Final Cut Pro 7 XML adapter, which fails on what it does not know. Changes its argument."""

import opentimelineio as otio

__all__ = ["adapted"]

_RationalTime = otio.opentime.RationalTime
_TimeRange = otio.opentime.TimeRange


def adapted(timeline: otio.schema.Timeline) -> otio.schema.Timeline:
    """The same timeline with every range spelled out, and without references that the adapter cannot write.

    The adapter needs a start time, a source range on every item and an available range on every file; image
    sequences and generators make it fail.
    """
    if timeline.global_start_time is None:
        timeline.global_start_time = _RationalTime(0, timeline.duration().rate)
    for item in timeline.find_children(descended_from_type=otio.core.Item):
        if isinstance(item, otio.schema.Clip):
            _fit_media(item)
    for item in timeline.find_children(descended_from_type=otio.core.Item):
        if item.source_range is None and not isinstance(item, otio.schema.Track):
            item.source_range = item.trimmed_range()
    return timeline


def _fit_media(clip: otio.schema.Clip) -> None:
    reference = clip.media_reference
    if not isinstance(reference, otio.schema.ExternalReference | otio.schema.MissingReference):
        missing = otio.schema.MissingReference(name=reference.name, available_range=reference.available_range)
        clip.media_reference = missing
        return
    if isinstance(reference, otio.schema.ExternalReference) and reference.available_range is None:
        used = clip.source_range or clip.trimmed_range()
        reference.available_range = _TimeRange(_RationalTime(0, used.duration.rate), used.end_time_exclusive())
