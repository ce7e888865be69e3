"""Decodes a cut's picture frame by frame and encodes it at a modest size: retimes honoured, gaps black.

Knows spans and pictures, no sound. Frames are asked for in ascending media time; a reversed clip is decoded in
pieces, forwards, and handed out backwards.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from otio_v2a.errors import MediaError
from otio_v2a.picture_reader import Image, open_picture, upright
from otio_v2a.spans import ClipSpan
from otio_v2a_engine.lengths import position

if TYPE_CHECKING:
    from otio_v2a.timeline import Cut

__all__ = ["EncodedPicture", "span_frames"]

_LONG_EDGE, _SHORT_EDGE = 1280, 720
_CHUNK = 32
"""Frames of a reversed clip that are held at once."""


class EncodedPicture:
    """H.264 packets of a cut."""

    def __init__(self, cut: "Cut", n_frames: int) -> None:
        self._cut = cut
        self._n_frames = n_frames
        self._rate = cut.timing.rate
        self._size = _canvas(cut.spans)
        self._stream: Any = None

    def open(self, container: Any) -> None:
        """Add the stream to a container that is about to be written."""
        import av

        has_x264 = "libx264" in av.codecs_available
        self._stream = container.add_stream("libx264" if has_x264 else "mpeg4", rate=self._rate)
        self._stream.width, self._stream.height = self._size
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = 1 / self._rate
        if has_x264:
            self._stream.options = {"preset": "veryfast", "crf": "23"}
        else:
            self._stream.bit_rate = 4_000_000

    def packets(self) -> Iterator[tuple[Fraction, Any]]:
        """Packets with their times in seconds."""
        import av

        for index, image in enumerate(self._images()):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = index, 1 / self._rate
            for packet in self._stream.encode(frame):
                yield index / self._rate, packet
        for packet in self._stream.encode(None):
            yield self._n_frames / self._rate, packet

    def _images(self) -> Iterator[Image]:
        """One image for every frame of the cut."""
        width, height = self._size
        black = np.zeros((height, width, 3), np.uint8)
        at = 0
        for span in sorted(self._cut.spans, key=lambda span: span.record_start_s):
            first = max(position(span.record_start_s, self._rate), at)
            stop = min(position(span.record_end_s, self._rate), self._n_frames)
            yield from (black for _ in range(at, min(first, self._n_frames)))
            frames = range(first, stop)
            if frames:
                times = [index / self._rate - span.record_start_s for index in frames]
                yield from (_fitted(image, width, height) for image in span_frames(span, times))
                at = stop
            else:
                at = max(at, min(first, self._n_frames))
        yield from (black for _ in range(at, self._n_frames))


def _canvas(spans: Sequence[ClipSpan]) -> tuple[int, int]:
    """Width and height of the movie: the first clip's shape, at most 1280 x 720, even."""
    import av

    for span in spans:
        try:
            with open_picture(span.picture(), rate=span.rate) as container:
                image = next(upright(frame, long_edge=_LONG_EDGE) for frame in container.decode(video=0))
        except (av.FFmpegError, StopIteration, MediaError):
            continue
        height, width = image.shape[:2]
        scale = min(1.0, _LONG_EDGE / max(width, height), _SHORT_EDGE / min(width, height))
        return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)
    return _LONG_EDGE, _SHORT_EDGE


def span_frames(span: ClipSpan, times_s: Sequence[Fraction]) -> Iterator[Image]:
    """The images a clip shows at record times counted from its start, ascending; RGB `(height, width, 3)`.

    Raises:
        MediaError: the picture cannot be decoded.
    """
    import av

    wanted = [_media_time(span, time_s) for time_s in times_s]
    try:
        if span.speed >= 0:
            yield from _at(span, wanted)
            return
        remaining = iter(wanted)
        while chunk := list(islice(remaining, _CHUNK)):
            yield from reversed(list(_at(span, chunk[::-1])))
    except (av.FFmpegError, IndexError) as error:
        raise MediaError(f"{span.media.path} of clip {span.name!r} cannot be decoded: {error}") from error


def _media_time(span: ClipSpan, time_s: Fraction) -> Fraction:
    time = max(Fraction(0), span.source_start_s + time_s * span.speed)
    if span.media.duration_s is not None and span.media.rate is not None:
        time = min(time, max(Fraction(0), span.media.duration_s - 1 / span.media.rate))
    return time


def _at(span: ClipSpan, times_s: Sequence[Fraction]) -> Iterator[Image]:
    """The frame on screen at each of the ascending media times, held where there is none."""
    with open_picture(span.picture(), rate=span.rate) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        time_base = Fraction(stream.time_base)
        origin = (stream.start_time or 0) * time_base
        # A hair late: a container's clock may put a frame just after the time that it is shown at.
        late = Fraction(1, 4) / (span.media.rate or span.rate)
        if times_s[0] > 2:
            container.seek(int((origin + times_s[0]) / time_base), stream=stream, backward=True)
        frames = (frame for frame in container.decode(stream) if frame.pts is not None)
        shown = coming = next(frames, None)
        if shown is None:
            raise MediaError(f"{span.media.path} of clip {span.name!r} has no picture")
        image, image_of = None, None
        for time_s in times_s:
            while coming is not None and coming.pts * time_base - origin <= time_s + late:
                shown, coming = coming, next(frames, None)
            if image is None or image_of is not shown:
                image, image_of = upright(shown, long_edge=_LONG_EDGE), shown
            yield image


def _fitted(image: Image, width: int, height: int) -> Image:
    """An image in the middle of a black canvas."""
    import av

    if image.shape[:2] == (height, width):
        return image
    scale = min(width / image.shape[1], height / image.shape[0])
    inner = (max(2, int(image.shape[1] * scale)), max(2, int(image.shape[0] * scale)))
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
    small = frame.to_ndarray(format="rgb24", width=inner[0], height=inner[1])
    canvas = np.zeros((height, width, 3), np.uint8)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = small
    return canvas
