"""One walk through an OTIO timeline: every picture clip with the record frames that may show it.

Knows OTIO's objects and exact time; knows no media files and not what hides what. OTIO's own range functions are
not used below the top: `range_in_parent` costs a walk of its own per clip, ignores retimes, and rounds.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from math import isfinite
from typing import Any

import opentimelineio as otio

from otio_v2a.dialects import RetimeRule
from otio_v2a.mapping import IDENTITY, Frames, TimeMap, ceil_frames, scalar
from otio_v2a.references import Unusable, rate_of, seconds_of

__all__ = ["Clock", "Leaf", "MapMarker", "Walker", "is_generated", "track_label"]

_Clip = otio.schema.Clip
_Gap = otio.schema.Gap
_Transition = otio.schema.Transition
_Composition = otio.core.Composition


@dataclass(frozen=True, slots=True)
class MapMarker:
    """A marker and the map of the level it stands on."""

    marker: otio.schema.Marker
    map: TimeMap


@dataclass(slots=True)
class Leaf:
    """A clip where the walk found it.

    Attributes:
        clip: the OTIO clip.
        track: names of the tracks and stacks above it.
        index: 1-based among the clips of its track.
        frames: record frames that may show it, half-open; empty when it is trimmed away.
        map: its source time against record frames, before the media's own start is subtracted.
        reason: why it cannot be used, or "".
        dissolve: frames that a transition shows it before and after its range.
        markers: of the levels above it.
    """

    clip: otio.schema.Clip
    track: str
    index: int
    frames: tuple[int, int]
    map: TimeMap
    reason: str = ""
    dissolve: tuple[Frames, Frames] = (0, 0)
    markers: tuple[MapMarker, ...] = ()


class Clock:
    """OTIO times as frames of the timeline's rate: ints on its grid, exact Fractions off it."""

    def __init__(self, rate: Fraction) -> None:
        """`rate` is the timeline's, in frames per second."""
        self.rate = rate
        self._on_grid: dict[float, bool] = {}

    def frames(self, time: otio.opentime.RationalTime) -> Frames:
        """A position or length in frames. Raises Unusable when it is no time."""
        value = time.value
        try:
            if self._on_grid[time.rate]:
                whole = int(value)
                if whole == value:
                    return whole
        except KeyError:
            self._on_grid[time.rate] = rate_of(time.rate) == self.rate
        except (ValueError, OverflowError):
            pass  # not finite: worded below
        exact = seconds_of(time) * self.rate
        return exact.numerator if exact.denominator == 1 else exact


@dataclass(slots=True)
class _Level:
    """What every item inside one composition shares."""

    map: TimeMap
    window: tuple[int, int]
    track: str
    reason: str = ""
    markers: tuple[MapMarker, ...] = ()
    counter: Iterator[int] = field(default_factory=lambda: iter(range(1, 10**9)))


class Walker:
    """Walks one timeline under one reading of its retimes."""

    def __init__(
        self, clock: Clock, *, rule: RetimeRule, media_seconds: Callable[[otio.schema.Clip], tuple[Fraction, Fraction]]
    ) -> None:
        """`media_seconds` gives start and length of a clip's media in seconds, or raises Unusable."""
        self._clock = clock
        self._rule = rule
        self._media_seconds = media_seconds
        self._lengths: dict[int, Frames | Unusable] = {}
        self.leaves: list[Leaf] = []

    def walk(self, timeline: otio.schema.Timeline) -> int:
        """Fill `leaves`, bottom layer first; returns the picture's length in frames."""
        stack = timeline.tracks
        try:
            source, length = self._source(stack)
            speed = self._speed(stack)
            total = ceil_frames(self._record_length(length, speed))
        except Unusable as error:
            root = _Level(IDENTITY, (0, 0), "", reason=str(error))
            self._stack(stack, root, is_top=True)
            return 0
        inner = IDENTITY.child(at=0, length=self._record_length(length, speed), source=source, speed=speed)
        reason = "the whole timeline is disabled" if not stack.enabled else ""
        level = _Level(inner, (0, total), "", reason, self._markers((), stack, inner))
        self._stack(stack, level, is_top=True)
        return total

    def track_lengths(self, timeline: otio.schema.Timeline) -> list[tuple[Frames, bool]]:
        """Length of every top-level track, sound included, and whether a retime of its clips counts in it."""
        lengths: list[tuple[Frames, bool]] = []
        for track in timeline.tracks:
            if is_generated(track):
                continue
            try:
                lengths.append((self.length(track), any(map(_changes_length, track))))
            except (Unusable, TypeError):
                continue
        return lengths

    def length(self, item: Any) -> Frames:
        """Frames that an item lasts in its parent. Raises Unusable."""
        if isinstance(item, _Gap):
            return self._clock.frames(_valid(item.source_range).duration)
        return self._record_length(self._source(item)[1], self._speed(item))

    def _record_length(self, source_length: Frames, speed: Frames) -> Frames:
        if self._rule is RetimeRule.RECORD or speed in (0, 1, -1):
            return source_length
        return _tidy(Fraction(source_length) / (speed if speed > 0 else -speed))

    def _source(self, item: Any) -> tuple[Frames, Frames]:
        """Start and length of an item's source range, or of all it has."""
        source_range = item.source_range
        if source_range is not None:
            frames = self._clock.frames
            length = frames(source_range.duration)
            if length < 0:
                raise Unusable("its source range has a negative length; repair it and export again")
            return frames(source_range.start_time), length
        if isinstance(item, _Clip):
            start_s, length_s = self._media_seconds(item)
            return _tidy(start_s * self._clock.rate), _tidy(length_s * self._clock.rate)
        if isinstance(item, _Composition):
            return 0, self._available(item)
        raise Unusable(f"{_title(item)} has no length")

    def _available(self, composition: Any) -> Frames:
        known = self._lengths.get(id(composition))
        if known is None:
            try:
                known = self._measure(composition)
            except Unusable as error:
                known = error
            self._lengths[id(composition)] = known
        if isinstance(known, Unusable):
            raise known
        return known

    def _measure(self, composition: Any) -> Frames:
        if isinstance(composition, otio.schema.Stack):
            lengths = [self.length(child) for child in composition if _is_picture_layer(child)]
            return max(lengths, default=0)
        children = list(composition)
        total: Frames = 0
        for child in children:
            if not isinstance(child, _Transition):
                total += self.length(child)
        for child, offset in ((children[:1], "in_offset"), (children[-1:], "out_offset")):
            if child and isinstance(child[0], _Transition):
                total += self._clock.frames(getattr(child[0], offset))
        return total

    def _speed(self, item: Any) -> Frames:
        """Product of an item's time scalars. Raises Unusable for a time effect without one."""
        effects = item.effects
        if not effects:
            return 1
        speed: Frames = 1
        for effect in effects:
            if not effect.enabled:
                continue
            if isinstance(effect, otio.schema.LinearTimeWarp):
                if not isfinite(effect.time_scalar) or abs(effect.time_scalar) > 10**4:
                    raise Unusable(f"its retime has the speed {effect.time_scalar:g}; set one and export again")
                speed *= scalar(effect.time_scalar)
            elif isinstance(effect, otio.schema.TimeEffect) or "time" in effect.schema_name().lower():
                name = effect.effect_name or effect.name or effect.schema_name()
                raise Unusable(f"its time effect {name!r} has no fixed speed; render it in the editor first")
        return _tidy(speed)

    def _stack(self, stack: Any, level: _Level, *, is_top: bool = False) -> None:
        number = 0
        for child in stack:
            if isinstance(child, otio.schema.Track):
                if not _is_picture_layer(child) or (is_top and is_generated(child)):
                    continue
                number += 1
                self._item(child, level, at=0, label=track_label(child, number))
            else:
                self._item(child, level, at=0, label="")

    def _track(self, track: Any, level: _Level) -> None:
        children = list(track)
        at: Frames = 0
        for position, child in enumerate(children):
            if isinstance(child, _Transition):
                continue
            length = None
            if level.reason == "" or not level.reason.startswith(_UNPLACED):
                length = self._item(child, level, at=at, label="", neighbours=(children, position))
            else:
                self._item(child, level, at=at, label="")
            if length is None:
                if not level.reason.startswith(_UNPLACED):
                    level.reason = f"{_UNPLACED} {_title(child)} before it on the track has no usable length"
            else:
                at += length

    def _item(
        self, item: Any, level: _Level, *, at: Frames, label: str, neighbours: tuple[list[Any], int] | None = None
    ) -> Frames | None:
        """Walk one item that starts at `at` of its level; its length there, or None when nobody can say."""
        if isinstance(item, _Gap):
            try:
                return self.length(item)
            except Unusable:
                return None
        reason = level.reason
        length: Frames | None = None
        source: Frames = 0
        speed: Frames = 1
        inner, window = IDENTITY, (0, 0)
        try:
            source, source_length = self._source(item)
            length = source_length
            speed = self._speed(item)
            length = self._record_length(source_length, speed)
            inner = level.map.child(at=at, length=length, source=source, speed=speed)
            window = level.map.frames(at, at + length, window=level.window)
        except Unusable as error:
            reason = reason or str(error)
        if not item.enabled:
            reason = reason or ("it is disabled" if isinstance(item, _Clip) else f"{_title(item)} is disabled")
        if isinstance(item, _Clip):
            leaf = Leaf(item, level.track, next(level.counter), window, inner, reason, (0, 0), level.markers)
            if neighbours is not None and not reason:
                leaf.dissolve = self._dissolves(*neighbours)
            self.leaves.append(leaf)
        elif isinstance(item, _Composition):
            name = label or item.name
            track = " / ".join(part for part in (level.track, name) if part)
            if reason and reason is not level.reason and not reason.startswith(_title(item)):
                reason = f"{_title(item)}: {reason}"
            below = _Level(inner, window, track, reason, self._markers(level.markers, item, inner))
            if isinstance(item, otio.schema.Stack):
                self._stack(item, below)
            else:
                self._track(item, below)
        return length

    def _dissolves(self, children: list[Any], position: int) -> tuple[Frames, Frames]:
        before: Frames = 0
        after: Frames = 0
        frames = self._clock.frames
        try:
            if position and isinstance(children[position - 1], _Transition):
                before = frames(children[position - 1].in_offset)
            if position + 1 < len(children) and isinstance(children[position + 1], _Transition):
                after = frames(children[position + 1].out_offset)
        except Unusable:
            return 0, 0
        return max(before, 0), max(after, 0)

    @staticmethod
    def _markers(above: tuple[MapMarker, ...], item: Any, inner: TimeMap) -> tuple[MapMarker, ...]:
        return above + tuple(MapMarker(marker, inner) for marker in item.markers)


_UNPLACED = "its place is not known:"


def is_generated(track: Any) -> bool:
    """Whether a track is one of ours, written by an earlier run."""
    own = track.metadata.get("otio_v2a")
    return bool(own is not None and hasattr(own, "get") and own.get("generated"))


def track_label(track: Any, number: int) -> str:
    """A track's name, or `V1`-like when it has none."""
    return track.name or f"V{number}"


def _is_picture_layer(item: Any) -> bool:
    return not isinstance(item, otio.schema.Track) or item.kind == otio.schema.TrackKind.Video


def _changes_length(item: Any) -> bool:
    return any(
        isinstance(effect, otio.schema.LinearTimeWarp) and abs(effect.time_scalar) not in (0.0, 1.0)
        for effect in getattr(item, "effects", ())
    )


def _valid(source_range: Any) -> Any:
    if source_range is None or source_range.duration.value < 0:
        raise Unusable("it has no valid length")
    return source_range


def _title(item: Any) -> str:
    kind = item.schema_name().lower()
    return f"{kind} {item.name!r}" if item.name else f"an unnamed {kind}"


def _tidy(value: Frames) -> Frames:
    return value.numerator if value.denominator == 1 else value
