"""Reads the frames of a picture window: which frame is shown when. Knows no sound and no models.

The frame for a time is the one whose presentation time is nearest (ties to the earlier), so the error is at
most half a source frame and has no bias. Frames are decoded from the key frame before the window, scaled
at once, and streamed: memory does not grow with the length of the window or of the file.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, pairwise
from typing import Protocol

import numpy as np
import numpy.typing as npt

from otio_v2a_engine.contract import Picture, PictureError
from otio_v2a_engine.picture_files import Movie
from otio_v2a_engine.picture_scale import Fit, Scaler, orientation_of
from otio_v2a_engine.picture_sequence import StillSequence, is_pattern, read_still

__all__ = ["Fit", "PictureInfo", "iter_frames", "probe", "read_frames"]

Rgb = npt.NDArray[np.uint8]

_REVERSE_BYTES = 64 * 2**20
_REVERSE_FRAMES = 250
_SKIP_S = 5


@dataclass(frozen=True)
class PictureInfo:
    """What a picture file holds.

    Attributes:
        path: the file or pattern.
        rate: frames per second, the mean one when it varies.
        duration_s: from the first frame's start to the last frame's end.
        n_frames: number of frames, None when only decoding would tell.
        width: pixels as displayed: turned upright, with square pixels.
        height: pixels as displayed.
        rotation: degrees clockwise by which stored frames are turned for display (0, 90, 180, 270).
        is_vfr: whether the distance between frames varies by more than the file's clock ticks.
    """

    path: str
    rate: Fraction
    duration_s: Fraction
    n_frames: int | None
    width: int
    height: int
    rotation: int
    is_vfr: bool


@dataclass(frozen=True)
class _Shown:
    """One frame: its media time, and how to get it as an array."""

    time_s: Fraction
    rgb: Callable[[], Rgb]


class _Source(Protocol):
    def shown_from(self, time_s: Fraction) -> Iterator[_Shown]:
        """Frames in order, the first at or before `time_s` (or the first there is)."""


class _MovieSource:
    def __init__(self, movie: Movie, scaler: Scaler) -> None:
        self._movie, self._scaler = movie, scaler

    def shown_from(self, time_s: Fraction) -> Iterator[_Shown]:
        movie, scaler = self._movie, self._scaler
        for shown_s, frame in movie.frames_from(time_s):
            yield _Shown(shown_s, lambda frame=frame: scaler(frame, aspect=movie.aspect))  # type: ignore[misc]


class _SequenceSource:
    def __init__(self, sequence: StillSequence, scaler: Scaler) -> None:
        self._sequence, self._scaler = sequence, scaler

    def shown_from(self, time_s: Fraction) -> Iterator[_Shown]:
        for number in self._sequence.numbers_from(time_s):
            path = self._sequence.path(number)
            yield _Shown(
                self._sequence.time_s(number),
                lambda path=path: self._scaler(read_still(path), aspect=Fraction(1)),  # type: ignore[misc]
            )


def read_frames(
    picture: Picture, times_s: Sequence[Fraction], *, width: int, height: int, fit: Fit = "crop"
) -> Iterator[Rgb]:
    """For each ascending request time, the frame nearest to `picture.media_time(t)` (ties to the earlier).

    Times beyond the picture hold its first or last frame. A reversed picture is decoded forwards in
    chunks, of which only the scaled frames are kept. Nothing is opened before the first frame is asked for.

    Args:
        picture: what is shown.
        times_s: request times in seconds, ascending.
        width: of the result, in pixels.
        height: of the result, in pixels.
        fit: "crop" fills and cuts the middle out, "pad" shows all within black, "stretch" ignores the shape.

    Yields:
        uint8 RGB `(height, width, 3)`, a new array each.

    Raises:
        PictureError: the picture cannot be decoded; the message names the file and what to do.
        ValueError: the times are not ascending or the size is not positive.
    """
    if width < 1 or height < 1:
        raise ValueError(f"frames need a positive size, not {width} x {height}")
    if any(b < a for a, b in pairwise(times_s)):
        raise ValueError("request times must be ascending")
    if not times_s:
        return
    media_s = [picture.media_time(time) for time in times_s]
    with _open(picture, Scaler(width=width, height=height, fit=fit)) as source:
        if media_s[-1] >= media_s[0]:
            yield from _nearest(source, media_s)
            return
        chunk = max(2, min(_REVERSE_FRAMES, _REVERSE_BYTES // (width * height * 3)))
        for start in range(0, len(media_s), chunk):
            yield from reversed(list(_nearest(source, media_s[start : start + chunk][::-1])))


def iter_frames(
    picture: Picture, from_s: Fraction, to_s: Fraction, *, width: int, height: int, fit: Fit = "crop"
) -> Iterator[tuple[Fraction, Rgb]]:
    """Every source frame that is shown in a range of media time, forwards, with its media time.

    Args:
        picture: only its file counts, not its time map.
        from_s: media time; the first frame is the one shown then.
        to_s: media time; the last frame is the one shown then.
        width: of the result, in pixels.
        height: of the result, in pixels.
        fit: as in `read_frames`.

    Yields:
        media time in seconds, and uint8 RGB `(height, width, 3)`.

    Raises:
        PictureError: the picture cannot be decoded.
    """
    with _open(picture, Scaler(width=width, height=height, fit=fit)) as source:
        for shown, following in pairwise(chain(source.shown_from(from_s), [None])):
            if shown is None or shown.time_s > to_s:
                return
            if following is None or following.time_s > from_s:
                yield shown.time_s, shown.rgb()


def _sequence(picture: Picture) -> StillSequence | None:
    if not is_pattern(picture.path):
        return None
    if picture.sequence_rate is None:
        raise PictureError(f"{picture.path}: is the name of an image sequence; say its frame rate")
    return StillSequence(picture.path, rate=picture.sequence_rate, first=picture.sequence_first)


def _open(picture: Picture, scaler: Scaler) -> AbstractContextManager[_Source]:
    sequence = _sequence(picture)
    return _MovieContext(picture.path, scaler) if sequence is None else nullcontext(_SequenceSource(sequence, scaler))


class _MovieContext(AbstractContextManager[_Source]):
    def __init__(self, path: str, scaler: Scaler) -> None:
        self._movie, self._scaler = Movie(path), scaler

    def __enter__(self) -> _Source:
        return _MovieSource(self._movie, self._scaler)

    def __exit__(self, *_: object) -> None:
        self._movie.close()


def _nearest(source: _Source, media_s: Sequence[Fraction]) -> Iterator[Rgb]:
    frames: Iterator[_Shown] = iter(())
    before: _Shown | None = None
    after: _Shown | None = None
    shown: _Shown | None = None
    image: Rgb | None = None
    for time in media_s:
        if before is None or (after is not None and time - after.time_s > _SKIP_S):
            frames = source.shown_from(time)
            before, after = next(frames, None), next(frames, None)
            # A source that opened has a first frame.
        while after is not None and after.time_s <= time:
            before, after = after, next(frames, None)
        assert before is not None
        best = after if after is not None and after.time_s - time < time - before.time_s else before
        if best is not shown or image is None:
            shown, image = best, best.rgb()
        yield image.copy()


def probe(picture: Picture) -> PictureInfo:
    """Look at a picture without decoding more than its first frame.

    Raises:
        PictureError: the picture cannot be decoded; the message names the file and what to do.
    """
    sequence = _sequence(picture)
    if sequence is not None:
        numbers = sequence.numbers
        still = read_still(sequence.path(numbers[0]))
        return PictureInfo(
            path=picture.path,
            rate=sequence.rate,
            duration_s=(numbers[-1] + 1 - picture.sequence_first) / sequence.rate,
            n_frames=len(numbers),
            width=still.width,
            height=still.height,
            rotation=0,
            is_vfr=False,
        )
    with Movie(picture.path) as movie:
        _, first = next(movie.frames_from(Fraction(0)))
        turn = orientation_of(first)
        width, height = max(1, round(first.width * movie.aspect)), first.height
        timing = movie.timing()
        return PictureInfo(
            path=picture.path,
            rate=timing.rate,
            duration_s=timing.duration_s,
            n_frames=timing.n_frames,
            width=height if turn.swaps_sides else width,
            height=width if turn.swaps_sides else height,
            rotation=turn.rotation,
            is_vfr=timing.is_vfr,
        )
