"""Exact time between the levels of a cut. Knows numbers only: no OTIO, no files.

A level's time runs against record time as `inner = offset + speed * record`, in frames of the timeline's rate, as
ints while everything is on the frame grid and as Fractions when it is not (ints are ten times faster).

Record frame n is the instant n. Playing forwards it shows what lies just after `inner(n)`; played backwards, what
lies just before it, so that a reversed clip begins with its last source frame. `lean` keeps which of the two holds.
"""

from fractions import Fraction
from typing import NamedTuple

__all__ = ["IDENTITY", "Frames", "TimeMap", "ceil_frames", "scalar", "tidy"]

Frames = int | Fraction
"""A position or length in frames of the timeline's rate."""


def ceil_frames(value: Frames) -> int:
    """Smallest whole frame that is not below `value`."""
    return value if type(value) is int else -(-value.numerator // value.denominator)


def tidy(value: Frames) -> Frames:
    """The same value, as an int when it is whole."""
    return value.numerator if value.denominator == 1 else value


def scalar(value: float) -> Frames:
    """The speed that an editor meant by a float: 1.1 is 11/10, 0.333333333333 is 1/3."""
    return tidy(Fraction(value).limit_denominator(10**7))


class TimeMap(NamedTuple):
    """`inner = offset + speed * record` (a tuple, because a cut has one per clip).

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
        return TimeMap(tidy(first + speed * (self.offset - at)), tidy(speed * self.speed), lean)

    def frames(self, start: Frames, end: Frames, *, first: int, last: int) -> tuple[int, int]:
        """The record frames of `[first, last)` that show this level's `[start, end)`; empty when not ascending."""
        speed = self.speed
        if speed == 1:
            low, high = start - self.offset, end - self.offset
            if type(low) is not int or type(high) is not int:
                low, high = ceil_frames(low), ceil_frames(high)
        elif speed == 0:
            held = self.offset
            is_shown = start <= held < end if self.lean > 0 else start < held <= end
            return (first, last) if is_shown else (first, first)
        else:
            near, far = (start, end) if speed > 0 else (end, start)
            low = ceil_frames(Fraction(near - self.offset) / speed)
            high = ceil_frames(Fraction(far - self.offset) / speed)
        return (low if low > first else first), (high if high < last else last)


IDENTITY = TimeMap(0, 1)
