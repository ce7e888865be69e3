"""Decodes single pictures of a clip, near each other in any order: what a player, thumbnails and previews look at.

Knows `Picture`, the map from request time to media time; knows no timeline. One thread at a time uses a reader.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from otio_v2a.errors import MediaError
from otio_v2a.media import IMAGE_SUFFIXES, split_pattern
from otio_v2a_engine.contract import Picture

__all__ = ["Image", "PictureReader", "Shown", "open_picture", "upright"]

Image = npt.NDArray[np.uint8]

_AHEAD_S = 2.0
"""Farther ahead than this a key frame is looked for; nearer, decoding on is quicker."""

_BEHIND_S = Fraction(3, 4)
"""Of a clip that runs backwards, this much is decoded forwards at a time."""

_END = float("inf")


@dataclass(frozen=True)
class Shown:
    """A picture and when it is on screen, in seconds of media time.

    Attributes:
        image: `(height, width, channels)`.
        start_s: when it comes.
        stop_s: when the next comes; infinite for the last.
    """

    image: Image
    start_s: float
    stop_s: float


def open_picture(picture: Picture, *, rate: Fraction = Fraction(25)) -> Any:
    """The picture's file as a container of PyAV; `rate` is for image sequences that state none."""
    import av

    is_image = Path(picture.path).suffix.lower() in IMAGE_SUFFIXES
    if picture.sequence_rate is None and not (is_image and split_pattern(picture.path)):
        # With its protocol: a name like `concat:a|b` must never be read as one.
        return av.open(f"file:{picture.path}")
    rate = picture.sequence_rate or rate
    options = {"framerate": f"{rate.numerator}/{rate.denominator}", "start_number": str(picture.sequence_first)}
    return av.open(picture.path, format="image2", options=options)


def upright(frame: Any, *, long_edge: int, pixel_format: str = "rgb24") -> Image:
    """A decoded frame turned and stretched as its file says, at most `long_edge` wide or high."""
    aspect = frame.sample_aspect_ratio if getattr(frame, "sample_aspect_ratio", None) else None
    width = round(frame.width * aspect) if aspect else frame.width
    scale = min(1.0, long_edge / max(width, frame.height))
    image: Image = frame.to_ndarray(
        format=pixel_format,
        width=max(2, round(width * scale)),
        height=max(2, round(frame.height * scale)),
        # One is quick enough for a frame; several wait for each other on a busy machine.
        threads=1,
    )
    return np.rot90(image, k=round(frame.rotation / 90)) if frame.rotation else image


class PictureReader:
    """Pictures of one clip. Remembers the last few; close it after use."""

    def __init__(
        self,
        picture: Picture,
        *,
        rate: Fraction = Fraction(25),
        long_edge: int = 960,
        pixel_format: str = "rgb24",
        remembered: int = 48,
    ) -> None:
        """Open the file.

        Args:
            picture: what is seen when.
            rate: frames per second of an image sequence that states none.
            long_edge: longest side of the images, in pixels.
            pixel_format: of FFmpeg, packed.
            remembered: images that are held.

        Raises:
            MediaError: the file is missing or has no picture.
        """
        import av

        self.picture = picture
        self._long_edge = long_edge
        self._format = pixel_format
        self._remembered = remembered
        self._known: list[Shown] = []
        try:
            self._container = open_picture(picture, rate=rate)
            self._stream = self._container.streams.video[0]
        except (av.FFmpegError, OSError, IndexError) as error:
            raise MediaError(f"{picture.path} cannot be decoded: {error}; relink the clip") from error
        self._stream.thread_type = "AUTO"
        self._time_base = float(self._stream.time_base)
        self._origin = (self._stream.start_time or 0) * self._time_base
        media_rate = self._stream.average_rate or rate
        # A hair late: a container's clock may put a frame just after the time that it is shown at.
        self._late = 0.25 / float(media_rate)
        self._frames: Iterator[Any] = iter(())
        self._now: Any = None
        self._coming: Any = None
        try:
            self._rewind(0.0)
        except av.FFmpegError as error:
            self._container.close()
            raise MediaError(f"{picture.path} cannot be decoded: {error}; relink the clip") from error

    def close(self) -> None:
        """Let go of the file."""
        self._frames = iter(())
        self._container.close()
        self._known.clear()

    def shown_at(self, request_s: Fraction, *, backwards: bool = False) -> Shown:
        """What is on screen at a request time, held at the media's ends.

        `backwards` says that earlier request times will be asked for next.

        Raises:
            MediaError: it cannot be decoded.
        """
        import av

        media_s = float(self.picture.media_time(request_s)) + self._late
        found = self._recall(media_s)
        if found is not None:
            return found
        to_the_past = backwards == (self.picture.speed >= 0)
        first_s = media_s - float(_BEHIND_S) if to_the_past and self.picture.speed else media_s
        try:
            return self._decode(media_s, first_s=first_s)
        except av.FFmpegError as error:
            raise MediaError(f"{self.picture.path} cannot be decoded: {error}; relink the clip") from error

    def _recall(self, media_s: float) -> Shown | None:
        index = bisect_right(self._known, media_s, key=lambda shown: shown.start_s) - 1
        if index >= 0 and media_s < self._known[index].stop_s:
            return self._known[index]
        return None

    def _decode(self, media_s: float, *, first_s: float) -> Shown:
        """Decode on, or from a key frame, up to this media time; hold what is shown from `first_s` on."""
        at_s = self._time(self._now)
        if self._now is None or first_s < at_s or first_s > at_s + _AHEAD_S:
            self._rewind(max(0.0, first_s))
            if self._now is not None and self._time(self._now) > media_s and self._time(self._now) > self._late:
                # The index of the file has promised too much: from the start, then.
                self._rewind(0.0)
        if self._now is None:
            raise MediaError(f"{self.picture.path} has no picture; relink the clip")
        while self._coming is not None and self._time(self._coming) <= media_s:
            if self._time(self._coming) > first_s:
                self._hold()
            self._advance()
        return self._hold()

    def _hold(self) -> Shown:
        """Convert the present frame, once."""
        start_s = self._time(self._now)
        stop_s = self._time(self._coming) if self._coming is not None else _END
        known = self._recall(start_s)
        if known is not None:
            return known
        # What comes before the first frame shows the first frame.
        begin_s = -_END if self._is_first else start_s
        image = upright(self._now, long_edge=self._long_edge, pixel_format=self._format)
        shown = Shown(image=np.ascontiguousarray(image), start_s=begin_s, stop_s=stop_s)
        index = bisect_right(self._known, begin_s, key=lambda other: other.start_s)
        self._known.insert(index, shown)
        if len(self._known) > self._remembered:
            # Forget what is farthest from here.
            self._known.pop(0 if index > len(self._known) // 2 else -1)
        return shown

    def _rewind(self, media_s: float) -> None:
        """Let the decoder start at the last key frame before a media time."""
        stamp = int((self._origin + media_s) / self._time_base)
        if self._now is not None:  # Freshly opened it stands at the start, and some files cannot seek at all.
            self._container.seek(max(stamp, self._stream.start_time or 0), stream=self._stream, backward=True)
        self._frames = (frame for frame in self._container.decode(self._stream) if frame.pts is not None)
        self._now = next(self._frames, None)
        self._coming = next(self._frames, None) if self._now is not None else None
        self._is_first = self._now is not None and self._time(self._now) <= self._late

    def _advance(self) -> None:
        self._now, self._coming = self._coming, next(self._frames, None)
        self._is_first = False

    def _time(self, frame: Any) -> float:
        """Media time of a frame, 0 is the media's first."""
        return -1.0 if frame is None else float(frame.pts * self._time_base - self._origin)
