"""Image sequences as movies: numbered files under a printf pattern, opened one at a time; knows no scaling."""

import os
import re
from bisect import bisect_right
from collections.abc import Iterator
from fractions import Fraction
from math import floor

from av.video.frame import VideoFrame

from otio_v2a_engine.contract import PictureError
from otio_v2a_engine.picture_files import Movie

__all__ = ["StillSequence", "is_pattern", "read_still"]

_NUMBER = re.compile(r"%(0?)(\d{0,2})d")


def is_pattern(path: str) -> bool:
    """Whether the last part of a path is a printf pattern, and not the name of a file that exists."""
    return len(_NUMBER.findall(os.path.basename(path))) == 1 and not os.path.exists(path)


def read_still(path: str) -> VideoFrame:
    """Decode one image. Raises PictureError."""
    with Movie(path, format_name="image2") as movie:
        return next(movie.frames_from(Fraction(0)))[1]


class StillSequence:
    """The files of an image sequence, by number.

    Attributes:
        numbers: numbers of the files that exist, ascending; gaps are allowed.
        rate: images per second.

    Raises:
        PictureError: the folder or every file of the sequence is missing.
    """

    def __init__(self, pattern: str, *, rate: Fraction, first: int) -> None:
        self.pattern, self.rate, self._first = pattern, rate, first
        folder, name = os.path.split(pattern)
        field = _NUMBER.search(name)
        assert field is not None
        head, tail = name[: field.start()].replace("%%", "%"), name[field.end() :].replace("%%", "%")
        padded, digits = field.group(1) == "0", int(field.group(2) or 0)
        number = re.compile(re.escape(head) + r"(\d+)" + re.escape(tail))
        self._folder, self._head, self._tail, self._digits = folder, head, tail, digits if padded else 0
        try:
            with os.scandir(folder or ".") as entries:
                found = [match.group(1) for entry in entries if (match := number.fullmatch(entry.name))]
        except OSError as error:
            raise PictureError(f"{pattern}: its folder cannot be read ({error}); relink the clip") from error
        self.numbers = sorted({int(text) for text in found if len(text) == max(self._digits, len(str(int(text))))})
        if not self.numbers:
            raise PictureError(f"{pattern}: no image has such a name; relink the clip")

    def path(self, number: int) -> str:
        """The file of an image."""
        return os.path.join(self._folder, f"{self._head}{number:0{self._digits}d}{self._tail}")

    def time_s(self, number: int) -> Fraction:
        """Media time of an image."""
        return (number - self._first) / self.rate

    def numbers_from(self, time_s: Fraction) -> Iterator[int]:
        """Numbers of the images from the last at or before `time_s`, or the first there is."""
        at = bisect_right(self.numbers, self._first + floor(time_s * self.rate))
        yield from self.numbers[max(at - 1, 0) :]
