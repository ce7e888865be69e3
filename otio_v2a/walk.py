"""One walk through an OTIO timeline: every picture clip with the record frames that may show it.

Knows OTIO's objects and exact time; knows no media files and not what hides what. OTIO's own range functions are
not used: `range_in_parent` costs a walk of its own per clip, and all of them ignore retimes and round.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from itertools import count, repeat
from math import isfinite
from operator import sub
from typing import Any

import opentimelineio as otio

from otio_v2a.dialects import RetimeRule, is_generated
from otio_v2a.guard import ANYTHING, Content
from otio_v2a.leaves import Leaf, LevelMarker
from otio_v2a.mapping import IDENTITY, Frames, TimeMap, ceil_frames, scalar, tidy
from otio_v2a.references import Clock, Unusable, url_of
from otio_v2a.runs import Row, Run, columns, pieces

__all__ = ["Walker"]

_Clip = otio.schema.Clip
_Gap = otio.schema.Gap
_Transition = otio.schema.Transition
_Track = otio.schema.Track
_Stack = otio.schema.Stack
_Composition = otio.core.Composition
_VIDEO = otio.schema.TrackKind.Video

FOREVER = 1 << 60
"""A record frame after every other."""
# Of all values, in their order: names, defaults and counting would cost as much as finding the clip's place.
_leaf: Callable[[tuple[Any, ...]], Leaf] = partial(tuple.__new__, Leaf)


@dataclass(slots=True)
class _Level:
    """What the items inside one composition share."""

    map: TimeMap
    first: int
    last: int
    track: str
    reason: str = ""
    markers: tuple[LevelMarker, ...] = ()
    layer: int = 0
    clip_numbers: Iterator[int] = field(default_factory=lambda: count(1))


@dataclass(slots=True)
class _Along:
    """How far the walk along a track has come.

    Attributes:
        at: where on the track.
        end: where the first item without a valid length was met.
        leaf: of the item before, when that is a clip.
        overlap: frames that a transition shows the next item before its range.
    """

    at: Frames = 0
    end: Frames | None = None
    leaf: Leaf | None = None
    overlap: Frames = 0


class Walker:
    """Walks one timeline under one reading of its retimes.

    Attributes:
        leaves: clips in the order found, lower layers first.
        has_rated_retimes: whether the length of any of them depends on that reading.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        rule: RetimeRule,
        media_range: Callable[[otio.schema.Clip], tuple[Frames, Frames]],
        content: Content = ANYTHING,
    ) -> None:
        """`media_range` gives start and length in frames of all of a clip's media, or raises Unusable."""
        self._clock = clock
        self._rule = rule
        self._media_range = media_range
        self._content = content
        # The compositions are kept beside their lengths: an id alone may be given to another object.
        self._lengths: dict[int, tuple[Any, Frames | Unusable]] = {}
        self._layers = count(1)
        self.leaves: list[Leaf] = []
        self.has_rated_retimes = False

    def walk(self, timeline: otio.schema.Timeline) -> int:
        """Fill `leaves`; returns the picture's length in frames, what has no valid length left out."""
        stack = timeline.tracks
        level = _Level(IDENTITY, 0, FOREVER, "", "" if stack.enabled else "the whole timeline is disabled")
        total: Frames | None = None
        try:
            speed = self._speed(stack)
            if stack.source_range is not None or speed != 1:
                source, length = self._source(stack)
                total = self._record_length(length, speed)
                level.map = IDENTITY.child(at=0, length=total, source=source, speed=speed)
                level.last = ceil_frames(total)
        except Unusable as error:
            level.reason = level.reason or f"the timeline as a whole: {error}"
        level.markers = self._markers((), stack, level.map)
        longest = self._walk_stack(stack, level, is_top=True)
        return ceil_frames(longest if total is None else total)

    def track_lengths(self, timeline: otio.schema.Timeline) -> list[tuple[Frames, bool]]:
        """Length of every top-level track, sound included, and whether a retime of its clips counts in it."""
        lengths: list[tuple[Frames, bool]] = []
        for track in timeline.tracks:
            if not isinstance(track, _Track) or is_generated(track):
                continue
            try:
                lengths.append((self.length(track), any(map(_is_rated, track))))
            except Unusable:
                continue
        return lengths

    def length(self, item: Any) -> Frames:
        """Frames that an item lasts in its parent. Raises Unusable."""
        if isinstance(item, _Gap):
            return self._gap_length(item)
        return self._record_length(self._source(item)[1], self._speed(item))

    def _gap_length(self, gap: Any) -> Frames:
        length = self._clock.frames(gap.source_range.duration)
        if length < 0:
            raise Unusable("a gap has a negative length; repair it and export again")
        return length

    def _record_length(self, source_length: Frames, speed: Frames) -> Frames:
        if speed in (1, 0, -1):
            return source_length
        self.has_rated_retimes = True
        if self._rule is RetimeRule.RECORD:
            return source_length
        return tidy(Fraction(source_length) / (speed if speed > 0 else -speed))

    def _source(self, item: Any) -> tuple[Frames, Frames]:
        """Start and length of an item's source range, or of all it has. Raises Unusable."""
        source_range = item.source_range
        if source_range is not None:
            frames = self._clock.frames
            length = frames(source_range.duration)
            if length < 0:
                raise Unusable("its source range has a negative length; repair it and export again")
            return frames(source_range.start_time), length
        if isinstance(item, _Clip):
            # Offline media may still say how long it is, so that what follows keeps its place.
            available = item.media_reference.available_range
            if available is not None and available.duration.value > 0:
                return self._clock.frames(available.start_time), self._clock.frames(available.duration)
            return self._media_range(item)
        return 0, self._available(item)

    def _available(self, composition: Any) -> Frames:
        known = self._lengths.get(id(composition))
        if known is None:
            length: Frames | Unusable
            try:
                length = self._measure(composition)
            except Unusable as error:
                length = error
            known = self._lengths[id(composition)] = (composition, length)
        if isinstance(known[1], Unusable):
            raise known[1]
        return known[1]

    def _measure(self, composition: Any) -> Frames:
        if isinstance(composition, _Stack):
            return max(map(self._layer_length, composition), default=0)
        children = list(composition)
        total: Frames = 0
        for child in children:
            if not isinstance(child, _Transition):
                total += self.length(child)
        # OTIO counts what a transition at either end reaches beyond the track's clips.
        if children and isinstance(children[0], _Transition):
            total += self._clock.frames(children[0].in_offset)
        if children and isinstance(children[-1], _Transition):
            total += self._clock.frames(children[-1].out_offset)
        return total

    def _layer_length(self, layer: Any) -> Frames:
        try:
            return self.length(layer)
        except Unusable:
            if _is_picture(layer):
                raise
            return 0

    def _speed(self, item: Any) -> Frames:
        """Product of an item's time scalars. Raises Unusable for a time effect without one."""
        speed: Frames = 1
        for effect in item.effects:
            if not getattr(effect, "enabled", True):
                continue
            if isinstance(effect, otio.schema.LinearTimeWarp):
                if not isfinite(effect.time_scalar) or abs(effect.time_scalar) > 10**4:
                    raise Unusable(f"its retime has the speed {effect.time_scalar:g}; set one and export again")
                speed *= scalar(effect.time_scalar)
            elif isinstance(effect, otio.schema.TimeEffect) or "time" in _schema(effect).lower():
                name = getattr(effect, "effect_name", "") or effect.name or _schema(effect)
                raise Unusable(f"its time effect {name!r} has no fixed speed; render it in the editor first")
        return tidy(speed)

    def _walk_stack(self, stack: Any, level: _Level, *, is_top: bool = False) -> Frames:
        """Walk the layers of a stack; returns the longest one's length."""
        number = 0
        longest: Frames = 0
        for layer in stack:
            if isinstance(layer, _Track):
                if not _is_picture(layer) or (is_top and is_generated(layer)):
                    continue
                number += 1
            if is_top and isinstance(layer, _Track) and layer.source_range is None and not len(layer.effects):
                # Measuring first would walk every clip twice.
                below = self._below(level, layer, level.map, level.first, level.last, level.reason, f"V{number}")
                length = self._walk_track(layer, below)
            elif isinstance(layer, _Gap):
                continue
            else:
                length = self._walk_item(layer, level, at=0, default_name=f"V{number}")[0] or 0
            longest = max(longest, length)
        return longest

    def _walk_track(self, track: Any, level: _Level) -> Frames:
        """Walk a track; returns its length up to the first item without a valid one."""
        along = _Along()
        run = Run(self._clock, content=self._content)
        is_plain = level.map.speed == 1 and type(level.map.offset) is int
        # Asked for at once, children cost half of what they do one by one.
        for child in track.find_children(shallow_search=True):
            kind = type(child)
            if kind is _Clip:
                if is_plain and type(along.at) is int and run.take(child):
                    continue
            elif kind is _Gap:
                if run.skip(child):
                    continue
            elif kind is _Transition:
                before, after = self._offset(child.in_offset), self._offset(child.out_offset)
                if run.cross(before=before, after=after):
                    continue
            self._place_run(run, level, along)
            self._place(child, level, along)
        self._place_run(run, level, along)
        return along.at if along.end is None else along.end

    def _place(self, child: Any, level: _Level, along: _Along) -> None:
        """Walk past any child of a track."""
        kind = type(child)
        length: Frames | None
        if kind is _Transition:
            along.overlap = self._offset(child.in_offset)
            if along.leaf is not None:
                along.leaf = self._dissolved(-1, along.leaf.dissolve[0], self._offset(child.out_offset))
            return
        if kind is _Gap:
            along.leaf = None
            try:
                length = self._gap_length(child)
            except Unusable:
                length = None
        else:
            length, along.leaf = self._walk_item(child, level, at=along.at)
        if along.overlap:
            if along.leaf is not None:
                along.leaf = self._dissolved(-1, along.overlap, 0)
            along.overlap = 0
        if length is not None:
            along.at += length
        elif along.end is None:
            along.end = along.at
            level.reason = level.reason or f"its place is not known: {_title(child)} before it has no valid length"

    def _place_run(self, run: Run, level: _Level, along: _Along) -> None:
        """Walk past the clips and gaps of a run, as `_place` does one by one."""
        rows, gap, overlap = run.end()
        if not rows:
            return
        if not self._place_plain(rows, level, along):
            for piece in pieces(rows):
                if not self._place_plain(piece, level, along):
                    self._place_each(piece, level, along)
        along.overlap = overlap
        if gap is not None:
            along.at += gap
            along.leaf = None

    def _place_each(self, rows: list[Row], level: _Level, along: _Along) -> None:
        for clip, _, _, _, gap, *_, (before, after) in rows:
            if gap:
                along.at += gap
                along.leaf = None
            along.overlap = along.overlap or before
            self._place(clip, level, along)
            if after:
                along.leaf = self._dissolved(-1, self.leaves[-1].dissolve[0], after)

    def _place_plain(self, rows: list[Row], level: _Level, along: _Along) -> bool:
        """Walk past plain clips all at once; False, and nothing, when some are not on the frame grid."""
        at, offset = along.at, level.map.offset
        plain = columns(rows, at=at - offset) if isinstance(at, int) and isinstance(offset, int) else None
        if plain is None:
            return False
        firsts, lasts = plain.starts, plain.ends
        if firsts[0] < level.first:
            firsts = [max(start, level.first) for start in firsts]
        if lasts[-1] > level.last:
            lasts = [min(end, level.last) for end in lasts]
        place = len(self.leaves)
        # Column by column: one by one, their places cost as much as asking OTIO for their ranges.
        self.leaves += map(
            _leaf,
            zip(
                plain.clips,
                plain.names,
                plain.urls,
                repeat(level.track),
                level.clip_numbers,
                firsts,
                lasts,
                map(sub, plain.sources, plain.starts),
                repeat(1),
                repeat(level.map.lean),
                plain.sources,
                plain.lengths,
                [level.reason or ("" if is_enabled else "it is disabled") for is_enabled in plain.are_enabled],
                repeat(level.layer) if level.layer else self._layers,
                repeat(level.markers),
                plain.available,
                plain.dissolves,
            ),
        )
        if along.overlap:
            self._dissolved(place, along.overlap, plain.dissolves[0][1])
            along.overlap = 0
        along.leaf = self.leaves[-1]
        along.at = plain.ends[-1] + offset
        return True

    def _dissolved(self, place: int, before: Frames, after: Frames) -> Leaf:
        """The leaf at a place, shown by transitions for so many frames outside of its range."""
        leaf = self.leaves[place] = self.leaves[place]._replace(dissolve=(before, after))
        return leaf

    def _walk_item(
        self, item: Any, level: _Level, *, at: Frames, default_name: str = ""
    ) -> tuple[Frames | None, Leaf | None]:
        """Walk what starts at `at` of its level; its length there (None when nobody can say) and its leaf."""
        reason = level.reason
        length: Frames | None = None
        source: Frames = 0
        source_length: Frames = 0
        inner = IDENTITY
        first = last = 0
        try:
            source, length = self._source(item)
            source_length = length
            outer = level.map
            speed = self._speed(item) if self._content.effects and len(item.effects) else 1
            if speed == 1:
                inner = TimeMap(source + (outer.offset - at), outer.speed, outer.lean)
            else:
                length = self._record_length(length, speed)
                source_length = length * (speed if speed > 0 else -speed)
                inner = outer.child(at=at, length=length, source=source, speed=speed)
            first, last = outer.frames(at, at + length, first=level.first, last=level.last)
        except Unusable as error:
            if not reason:
                reason = str(error) if isinstance(item, _Clip) else f"{_title(item)}: {error}"
        if isinstance(item, _Clip):
            if not reason and not item.enabled:
                reason = "it is disabled"
            number = next(level.clip_numbers)
            layer = level.layer or next(self._layers)
            leaf = Leaf(
                item,
                item.name,
                url_of(item.media_reference),
                level.track,
                number,
                first,
                last,
                *inner,
                source,
                source_length,
                reason,
                layer,
                level.markers,
            )
            self.leaves.append(leaf)
            return length, leaf
        if isinstance(item, _Composition):
            below = self._below(level, item, inner, first, last, reason, default_name)
            if isinstance(item, _Stack):
                self._walk_stack(item, below)
            else:
                self._walk_track(item, below)
        return length, None

    def _below(
        self, level: _Level, item: Any, inner: TimeMap, first: int, last: int, reason: str, default_name: str
    ) -> _Level:
        name = item.name or (default_name if isinstance(item, _Track) else "")
        track = " / ".join(part for part in (level.track, name) if part)
        if not reason and not item.enabled:
            reason = f"{_title(item)} is disabled"
        layer = next(self._layers) if isinstance(item, _Track) else 0
        return _Level(inner, first, last, track, reason, self._markers(level.markers, item, inner), layer)

    def _offset(self, time: otio.opentime.RationalTime) -> Frames:
        try:
            return max(self._clock.frames(time), 0)
        except Unusable:
            return 0

    @staticmethod
    def _markers(above: tuple[LevelMarker, ...], item: Any, inner: TimeMap) -> tuple[LevelMarker, ...]:
        return above + tuple(LevelMarker(marker, inner) for marker in item.markers)


def _is_picture(item: Any) -> bool:
    return not isinstance(item, _Track) or item.kind == _VIDEO


def _is_rated(item: Any) -> bool:
    return any(
        isinstance(effect, otio.schema.LinearTimeWarp) and abs(effect.time_scalar) not in (0.0, 1.0)
        for effect in getattr(item, "effects", ())
    )


def _schema(item: Any) -> str:
    return str(getattr(item, "original_schema_name", "") or item.schema_name())


def _title(item: Any) -> str:
    kind = _schema(item).lower()
    return f"{kind} {item.name!r}" if item.name else f"an unnamed {kind}"
