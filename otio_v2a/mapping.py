"""Exact time between the levels of a cut. Knows numbers only: no OTIO, no files.

A level's time runs against record time as `inner = offset + speed * record`, in frames of the timeline's rate, as
ints while everything is on the frame grid and as Fractions when it is not (ints are ten times faster).

Record frame n is the instant n. Playing forwards it shows what lies just after `inner(n)`; played backwards, what
lies just before it, so that a reversed clip begins with its last source frame. `lean` keeps which of the two holds.
"""

from dataclasses import dataclass
from fractions import Fraction

__all__ = ["IDENTITY", "Frames", "TimeMap", "ceil_frames", "scalar"]

Frames = int | Fraction
"""A position or length in frames of the timeline's rate."""


def ceil_frames(value: Frames) -> int:
    """Smallest whole frame that is not below `value`."""
    return value if type(value) is int else -(-value.numerator // value.denominator)


def scalar(value: float) -> Frames:
    """The speed that an editor meant by a float: 1.1 is 11/10, 0.333333333333 is 1/3."""
    fraction = Fraction(value).limit_denominator(10**7)
    return fraction.numerator if fraction.denominator == 1 else fraction


@dataclass(frozen=True, slots=True)
class TimeMap:
    """`inner = offset + speed * record`.

    Attributes:
        offset: inner time at record frame 0.
        speed: inner frames per record frame; 0 holds one frame.
        lean: 1 when a record frame shows what follows its inner instant, -1 when what precedes it.
    """

    offset: Frames
    speed: Frames
    lean: int = 1

    def at(self, record: Frames) -> Frames:
        """Inner time at a record frame."""
        return self.offset + self.speed * record

    def child(self, *, at: Frames, length: Frames, source: Frames, speed: Frames) -> "TimeMap":
        """The map of an item at `[at, at + length)` of this level that plays its inner time from `source`.

        Backwards it plays from `source + |speed| * length` down; at speed 0 it holds `source`.
        """
        if speed == 1:
            return TimeMap(source + (self.offset - at), self.speed, self.lean)
        if speed == 0:
            return TimeMap(source, 0, 1)
        first = source if speed > 0 else source - speed * length
        lean = self.lean if speed > 0 else -self.lean
        return TimeMap(first + speed * (self.offset - at), speed * self.speed, lean)

    def frames(self, start: Frames, end: Frames, *, window: tuple[int, int]) -> tuple[int, int]:
        """The record frames inside `window` that show this level's `[start, end)`; empty when first >= last."""
        low, high = window
        speed = self.speed
        if speed == 1:
            first, last = ceil_frames(start - self.offset), ceil_frames(end - self.offset)
        elif speed == 0:
            held = self.offset
            shown = start <= held < end if self.lean > 0 else start < held <= end
            return window if shown else (low, low)
        else:
            edges = (start, end) if speed > 0 else (end, start)
            first, last = (ceil_frames(Fraction(edge - self.offset) / speed) for edge in edges)
        return max(first, low), min(last, high)


IDENTITY = TimeMap(0, 1)
