"""Plain clips that follow one another, nearly all of a long cut: asked one by one, turned into frames together.

Knows OTIO's clips and the frame grid; knows no effects and no nests.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from math import nan
from operator import add, sub
from typing import NamedTuple

import opentimelineio as otio

from otio_v2a.guard import Content
from otio_v2a.leaves import NO_DISSOLVE
from otio_v2a.mapping import Frames
from otio_v2a.references import FARTHEST, Clock, Unusable, url_of

__all__ = ["Columns", "Row", "Run", "columns", "pieces"]

_External = otio.schema.ExternalReference

Dissolve = tuple[Frames, Frames]
Row = tuple[otio.schema.Clip, str, str, bool, int, float, float, float, float, Dissolve]
"""A plain clip: the clip, its name, what its reference calls its file, whether it is enabled, frames of the gaps before
it, start and length of its source range, and of the range that its reference gives the file (not numbers where that is
unknown), and what transitions show of it. A bare tuple, because a cut has one per clip."""


class Columns(NamedTuple):
    """Plain clips in whole frames, one value each.

    Attributes:
        clips: the clips.
        names: their names, maybe empty.
        urls: what their references call their files.
        are_enabled: whether each is.
        starts: where they start.
        ends: where they end.
        sources: where their source ranges start.
        lengths: how long they are.
        available: start and length of all their media; None where nobody says it in whole frames.
        dissolves: frames that transitions show of them before and after their ranges.
    """

    clips: Sequence[otio.schema.Clip]
    names: Sequence[str]
    urls: Sequence[str]
    are_enabled: Sequence[bool]
    starts: Sequence[int]
    ends: Sequence[int]
    sources: Sequence[int]
    lengths: Sequence[int]
    available: Sequence[tuple[int, int] | None]
    dissolves: Sequence[Dissolve]


class Run:
    """Plain clips of a track, with nothing but transitions, and gaps on the frame grid, between them.

    Plain is a clip without effects that has a source range at a rate that the clock has met; whether its times are
    whole is seen for all together.
    """

    def __init__(self, clock: Clock, *, content: Content) -> None:
        """No clip is asked for what is not in `content`."""
        self._clock = clock
        self._on_grid = clock.on_grid
        self._content = content
        self._rows: list[Row] = []
        self._gap: int | None = None
        self._overlap: Frames = 0

    def take(self, clip: otio.schema.Clip) -> bool:
        """Take the next clip; False when it is not plain."""
        source_range = clip.source_range
        content = self._content
        if source_range is None or (content.effects and len(clip.effects)):
            return False
        on_grid = self._on_grid
        time = source_range.duration
        rate, length = time.rate, time.value
        time = source_range.start_time
        if time.rate != rate or not on_grid.get(rate):
            return False
        start = time.value
        media_start = media_length = nan
        reference = clip.media_reference
        if reference is None or type(reference) is not _External:
            url = url_of(reference)
        else:
            url, available = reference.target_url or "", reference.available_range
            # The reference is not kept: that each makes room for the next saves a fifth of the walk.
            reference = None
            if available is not None:
                time = available.duration
                rate, whole = time.rate, time.value
                time = available.start_time
                if time.rate == rate and on_grid.get(rate):
                    media_start, media_length = time.value, whole
        is_enabled = not content.disabled or clip.enabled
        dissolve = NO_DISSOLVE
        if self._overlap:
            dissolve, self._overlap = (self._overlap, 0), 0
        gap, self._gap = self._gap or 0, None
        self._rows.append((clip, clip.name, url, is_enabled, gap, start, length, media_start, media_length, dissolve))
        return True

    def skip(self, gap: otio.schema.Gap) -> bool:
        """Take a gap behind a clip that was taken; False when there is none, or the gap ends off the frame grid."""
        if not self._rows:
            return False
        try:
            length = self._clock.frames(gap.source_range.duration)
        except Unusable:
            return False
        if type(length) is not int or length < 0:
            return False
        self._gap = (self._gap or 0) + length
        self._overlap = 0
        return True

    def cross(self, *, before: Frames, after: Frames) -> bool:
        """Take a transition behind a clip that was taken: it shows the next clip `before` its range and the last one
        `after` its own. False when no clip was taken, or a gap lies between."""
        if not self._rows or self._gap is not None:
            return False
        *values, (shown_before, _) = self._rows[-1]
        self._rows[-1] = (*values, (shown_before, after))
        self._overlap = before
        return True

    def end(self) -> tuple[list[Row], int | None, Frames]:
        """What was taken, frames of the gap behind it (None: there is none), and frames that a transition behind it
        shows the next item before its range; the run begins anew."""
        taken = self._rows, self._gap, self._overlap
        self._rows, self._gap, self._overlap = [], None, 0
        return taken


def pieces(rows: list[Row]) -> Iterator[list[Row]]:
    """Plain clips in parts: those whose times are whole as long as they follow one another, each other by itself."""
    begin = 0
    for number, row in enumerate(rows):
        if not _are_whole(row[5:6], row[6:7]):
            yield from filter(None, (rows[begin:number], [row]))
            begin = number + 1
    yield from filter(None, [rows[begin:]])


def columns(rows: list[Row], *, at: int) -> Columns | None:
    """Plain clips in whole frames, one behind the other from `at`; None when the times of some are not whole."""
    clips, names, urls, are_enabled, gaps, *ranges, dissolves = zip(*rows, strict=True)
    source_starts, source_lengths, media_starts, media_lengths = ranges
    if not _are_whole(source_starts, source_lengths):
        return None
    sources, lengths = list(map(int, source_starts)), list(map(int, source_lengths))
    ends = list(accumulate(map(add, gaps, lengths), initial=at))[1:]
    available: Sequence[tuple[int, int] | None]
    if _are_whole(media_starts, media_lengths):
        available = list(zip(map(int, media_starts), map(int, media_lengths), strict=True))
    else:
        available = [
            (int(start), int(length)) if _are_whole((start,), (length,)) else None
            for start, length in zip(media_starts, media_lengths, strict=True)
        ]
    starts = list(map(sub, ends, lengths))
    return Columns(clips, names, urls, are_enabled, starts, ends, sources, lengths, available, dissolves)


def _are_whole(starts: Sequence[float], lengths: Sequence[float]) -> bool:
    """Whether these are whole frames that a cut may have."""
    is_whole = float.is_integer  # not so of what is not finite
    return (
        all(map(is_whole, starts))
        and all(map(is_whole, lengths))
        and min(starts) > -FARTHEST
        and max(starts) < FARTHEST
        and min(lengths) >= 0
        and max(lengths) < FARTHEST
    )
