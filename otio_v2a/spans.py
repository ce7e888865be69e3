"""What the rest of the program knows of a cut: spans, shots, markers, and exact time (floor 2, no OTIO).

Times are Fractions of seconds. *Record time* starts at the timeline's first frame (its global start time is
kept apart, in `CutTiming`); *media time* starts at the first frame of the media. Ranges are half-open.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from itertools import repeat
from math import ceil, floor
from types import MappingProxyType
from typing import Any, Self

from otio_v2a.lazily import Grouped
from otio_v2a_engine.contract import Picture
from otio_v2a_engine.lengths import position, span_length

__all__ = ["ClipSpan", "CutTiming", "MediaFile", "Outlines", "Shot", "Skipped", "SpanMarker", "Spans"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_ZERO = Fraction(0)


@dataclass(frozen=True)
class MediaFile:
    """Picture media on this machine.

    Attributes:
        path: absolute path; an image sequence is a printf pattern (`shot.%04d.exr`).
        rate: the media's own frame rate, None when nobody has said.
        duration_s: length of the media, None when nobody has said.
        sequence_first: image number at media time 0; None for a movie file.
        timecode_s: time of day that the file itself gives its first frame, None when it says nothing or was not asked.
    """

    path: str
    rate: Fraction | None = None
    duration_s: Fraction | None = None
    sequence_first: int | None = None
    timecode_s: Fraction | None = None

    @property
    def is_sequence(self) -> bool:
        """Whether the media is an image sequence."""
        return self.sequence_first is not None

    @cached_property
    def last_s(self) -> Fraction | None:
        """Media time of its last frame; None when nobody knows."""
        if self.duration_s is None or self.rate is None:
            return None
        return max(_ZERO, self.duration_s - 1 / self.rate)


@dataclass(frozen=True)
class SpanMarker:
    """A marker that lies on a span, in record time relative to the span's start."""

    name: str
    comment: str
    start_s: Fraction
    duration_s: Fraction
    metadata: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True)
class CutTiming:
    """The clock of a timeline.

    Attributes:
        rate: edit rate in frames per second.
        global_start_s: time of day of record time 0 (the start timecode), exact.
        duration_s: record length of the picture.
        drop_frame: whether timecode counts drop-frame.
    """

    rate: Fraction
    global_start_s: Fraction
    duration_s: Fraction
    drop_frame: bool = False


@dataclass(frozen=True)
class ClipSpan:
    """One clip's visible stretch of the cut: what is shown when, and where it comes from.

    Attributes:
        clip_id: stable across runs and unique in the cut; survives adding and removing our own tracks.
        name: the clip's name as the editor sees it.
        track: name of its track.
        record_start_s: record time of its first frame.
        duration_s: record length.
        rate: the timeline's edit rate.
        media: where the picture is.
        source_start_s: media time of the first frame shown (of a reversed clip: its last source frame).
        speed: media seconds per record second; 0 is a freeze frame, negative plays backwards.
        index: 1-based position among the clips of its track, for prompts keyed by index.
        metadata: the clip's own `otio_v2a` metadata (prompts, takes), as plain data.
        markers: markers on the clip, its tracks and its timeline that touch the span.
        dissolve_before_s: picture seen before the span's start, under a transition; not part of the span.
        dissolve_after_s: picture seen after the span's end, under a transition; not part of the span.
    """

    clip_id: str
    name: str
    track: str
    record_start_s: Fraction
    duration_s: Fraction
    rate: Fraction
    media: MediaFile
    source_start_s: Fraction = _ZERO
    speed: Fraction = Fraction(1)
    index: int = 0
    metadata: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    markers: tuple[SpanMarker, ...] = ()
    dissolve_before_s: Fraction = _ZERO
    dissolve_after_s: Fraction = _ZERO

    def __post_init__(self) -> None:
        # Signs of numerators: comparing whole Fractions costs more than making the span.
        if self.duration_s.numerator <= 0:
            raise ValueError(f"clip {self.name!r} on {self.track!r} has no length")
        if self.record_start_s.numerator < 0:
            raise ValueError(f"clip {self.name!r} on {self.track!r} starts before its timeline")
        if self.rate.numerator <= 0:
            raise ValueError(f"clip {self.name!r} on {self.track!r} has rate {self.rate}")

    @classmethod
    def of_checked(cls, **values: Any) -> Self:
        """A span of values that have been checked, all of them: a third of the time, for cuts of thousands of clips.

        A frozen dataclass sets its fields one by one, past its own lock, and then checks them.
        """
        span = object.__new__(cls)
        span.__dict__.update(values)
        return span

    @property
    def record_end_s(self) -> Fraction:
        """Record time after its last frame."""
        return self.record_start_s + self.duration_s

    def first_sample(self, sample_rate: int) -> int:
        """Record position of its first sample, counted from the timeline's start."""
        return position(self.record_start_s, sample_rate)

    def n_samples(self, sample_rate: int) -> int:
        """Its length in samples: adjoining spans share their border sample exactly."""
        return span_length(self.record_start_s, self.duration_s, sample_rate)

    def media_frame(self, record_frame: int) -> int:
        """Media frame shown at a record frame counted from the span's start, held at the media's ends.

        Forward: `floor(source + t * speed)`; reversed, the frame that ends where the forward one would start.

        Raises:
            ValueError: the media's rate is not known.
        """
        if self.media.rate is None:
            raise ValueError(f"the frame rate of {self.media.path} is not known")
        position_f = (self.source_start_s + record_frame / self.rate * self.speed) * self.media.rate
        frame = ceil(position_f) if self.speed < 0 else floor(position_f)
        if self.media.duration_s is not None:
            frame = min(frame, floor(self.media.duration_s * self.media.rate) - 1)
        return max(frame, 0)

    def picture(
        self,
        *,
        handle_before_s: Fraction = Fraction(0),
        cuts_s: tuple[Fraction, ...] = (),
    ) -> Picture:
        """The picture as an engine sees it, starting `handle_before_s` before the span.

        `cuts_s` are shot borders in record time relative to the span's start.
        """
        media, speed = self.media, self.speed
        is_running = speed.numerator == speed.denominator  # as nearly always: multiplying Fractions is slow
        return Picture(
            path=media.path,
            start_s=self.source_start_s - (handle_before_s if is_running else handle_before_s * speed),
            speed=speed,
            last_s=media.last_s,
            cuts_s=tuple([cut + handle_before_s for cut in cuts_s]),
            sequence_rate=media.rate if media.is_sequence else None,
            sequence_first=media.sequence_first or 0,
        )


@dataclass(frozen=True)
class Outlines:
    """What a plan asks of every span of a cut, by the spans' numbers, before any span is made.

    Attributes:
        rate: the timeline's edit rate, in which the times here are counted.
        media: where the picture is.
        begins: record frame of the first frame.
        lengths: record frames.
        sources: frames from the media's start to the first one shown; negative when only the span tells, because it
            is retimed, dissolves, or does not begin on a whole frame.
    """

    rate: Fraction
    media: Sequence[MediaFile]
    begins: Sequence[int]
    lengths: Sequence[int]
    sources: Sequence[int]


class Spans(Grouped[ClipSpan]):
    """The spans of a cut, each made when somebody looks at it.

    Attributes:
        outlines: what is known of them before; None when they were made at once.
        wished: numbers of the spans that have markers or metadata.
    """

    def __init__(
        self, outlines: Outlines, make: Callable[[int], ClipSpan], *, sketch: Callable[[int], ClipSpan]
    ) -> None:
        """`make` makes the span with a number, `sketch` the same without its id; none has markers or metadata."""
        super().__init__(repeat(1, len(outlines.media)), lambda number: (make(number),))
        self.outlines: Outlines | None = outlines
        self.wished: Sequence[int] = ()
        self._sketch = sketch

    @classmethod
    def of(cls, spans: Sequence[ClipSpan]) -> Self:
        """Spans that are there already."""
        known = cls.__new__(cls)
        Grouped.__init__(known, repeat(1, len(spans)), lambda number: (spans[number],))
        known.outlines = None
        known.wished = [number for number, span in enumerate(spans) if span.markers or span.metadata]
        known._sketch = spans.__getitem__
        return known

    def sketch(self, number: int) -> ClipSpan:
        """A span, maybe without its id: all clips are named at once, and who asks for no id need not wait for it."""
        return self._sketch(number)


@dataclass(frozen=True)
class Shot:
    """A camera-continuous part of a span, in record time relative to the span's start."""

    start_s: Fraction
    duration_s: Fraction


@dataclass(frozen=True)
class Skipped:
    """A clip that is not scored, and why, in words for the user."""

    clip: str
    track: str
    reason: str
