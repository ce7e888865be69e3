"""Opens picture files under strict limits and decodes them forward; knows nothing of requests or scaling.

Hostile input is assumed: only local files, only demuxers that hold their own data (no playlists, no
concat scripts, no network), capped sizes. Times here are presentation times in the stream's own units.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice, pairwise
from math import floor
from types import TracebackType
from typing import Self, TypeAlias, cast

import av
import av.error
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from otio_v2a_engine.contract import PictureError

__all__ = ["MAX_PIXELS", "MAX_SIDE", "Movie", "Timing", "open_container"]

MAX_SIDE = 16384
"""Largest width or height that is decoded, in pixels."""

MAX_PIXELS = 200_000_000
"""Largest area that is decoded, in pixels."""

_MOVIE_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "mxf", "mxf_opatom", "mxf_d10", "mpeg", "mpegts", "mpegvideo",
    "h264", "hevc", "vvc", "av1", "obu", "ivf", "dv", "asf", "flv", "ogg", "nut", "gxf", "lxf", "m4v", "mjpeg", "rm",
    "dnxhd", "yuv4mpegpipe", "vc1", "cine", "apng", "gif", "wtv", "r3d", "mpegtsraw", "apv", "webp",
)  # fmt: skip
_STILL_FORMATS = (
    "image2", "png_pipe", "exr_pipe", "dpx_pipe", "tiff_pipe", "jpeg_pipe", "bmp_pipe", "webp_pipe", "j2k_pipe",
    "jpegxl_pipe", "hdr_pipe", "sgi_pipe", "ppm_pipe", "pgm_pipe", "pam_pipe", "pfm_pipe", "psd_pipe", "qoi_pipe",
    "gif_pipe", "sunrast_pipe", "pcx_pipe", "dds_pipe", "cri_pipe", "phm_pipe",
)  # fmt: skip
_FORMATS = ",".join(_MOVIE_FORMATS + _STILL_FORMATS)
_NOT_VIDEO = Disposition.attached_pic | Disposition.timed_thumbnails
_NEAR_START_S = 2
_TIMING_PACKETS = 250
_PEEK_PACKETS = 16
_PEEK_FRAMES = 48
_KEYS_BACK = 4
_TIMED_FORMATS = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "mpegts", "nut", "flv")
"""Containers that time every frame for presentation, also where the coder reorders."""
_UNTRUE_SEEKS = ("mpeg",)
"""Program streams time few of their frames: after a seek the demuxer guesses, and guesses wrong."""

_Tick = tuple[int, VideoFrame]
_Packet: TypeAlias = "av.Packet[VideoStream]"
_SEEK_BACK_S = (Fraction(0), Fraction(1), Fraction(4), Fraction(16), Fraction(64), Fraction(256))


def open_container(path: str, *, format_name: str | None = None) -> InputContainer:
    """Open a local picture file with whitelisted formats and protocols.

    Raises:
        PictureError: it is missing, not a regular file, unreadable, or not a kind of file that is allowed.
    """
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError as error:
        raise PictureError(f"{path}: there is no such file; relink the clip or mount its disk") from error
    except (OSError, ValueError) as error:
        raise PictureError(f"{path}: cannot be read ({error}); check its path and permissions") from error
    if not stat.S_ISREG(mode):
        raise PictureError(f"{path}: is not a file; point the clip at a movie or an image sequence")
    options = {
        "format_whitelist": _FORMATS,
        "protocol_whitelist": "file",
        "max_streams": "64",
        # Already opening decodes a frame or two to learn about the streams.
        "max_pixels": str(MAX_PIXELS),
    }
    if format_name == "image2":
        options["pattern_type"] = "none"
    try:
        # The prefix keeps a name such as "http:x" or "concat:a|b" from being taken for a protocol.
        return av.open("file:" + os.path.abspath(path), mode="r", format=format_name, options=options)
    except PermissionError as error:
        raise PictureError(f"{path}: may not be read; check its permissions") from error
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise PictureError(
            f"{path}: is not a movie that can be opened ({_reason(error)}); if it was cut short while "
            "copying or recording, copy it again, otherwise convert it to MOV, MP4 or MXF"
        ) from error


@dataclass(frozen=True)
class Timing:
    """Rate and length of a movie: `PictureInfo` words them."""

    rate: Fraction
    duration_s: Fraction
    n_frames: int | None
    is_vfr: bool


class Movie:
    """One open movie: its picture stream, and its frames by media time. A context manager.

    Media time 0 is the first displayed frame. Where the container has no usable presentation times
    (elementary streams, B frames in AVI), frames are counted from the start at the nominal rate.

    Attributes:
        path: the file.
        stream: the picture stream (never cover art).
        rate: nominal frames per second, a guess for variable rates.
        aspect: width by height of one pixel.

    Raises:
        PictureError: no picture stream, too large, or nothing in it decodes.
    """

    def __init__(self, path: str, *, format_name: str | None = None) -> None:
        self.path = path
        self._format_name = format_name
        self._keys: list[int] | None = None
        self._open()
        try:
            # A still is one frame whatever its clock says.
            self._is_counted = format_name == "image2" or self._must_count()
            frames = self._decode()
            first = next(frames, None)
            if first is None and not self._is_counted:
                self._is_counted = True
                self._reopen()
                frames = self._decode()
                first = next(frames, None)
            if first is None:
                raise PictureError(f"{path}: holds no picture that can be decoded; export or copy it again")
        except BaseException:
            self.close()
            raise
        self._origin = first[0]
        self._untouched: Iterator[_Tick] | None = chain([first], frames)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the decoder and the file."""
        self._container.close()

    def frames_from(self, time_s: Fraction) -> Iterator[tuple[Fraction, VideoFrame]]:
        """Frames with their media times, ascending, from the last at or before `time_s` or a little earlier.

        Decodes from the key frame before. When a damaged index or an open group of pictures makes the
        decoder come in late, it tries from further back, and then finds the key frame by reading (not
        decoding) the file up to it. Times before the movie give its first frame. Only the latest iterator
        may be used.
        """
        tick_s = self._tick_s
        return (((tick - self._origin) * tick_s, frame) for tick, frame in self._ticks_from(time_s))

    def timing(self) -> Timing:
        """Rate and length from headers and packets, without decoding. Ends every iterator of frames."""
        self._untouched = None
        if self._is_counted:
            self._reopen()
            count = sum(1 for packet in self._packets() if packet.size)
            return Timing(rate=self.rate, duration_s=count / self.rate, n_frames=count, is_vfr=False)
        self._reopen()
        ticks = self._presentation_times(limit=_TIMING_PACKETS)
        steps = [b - a for a, b in pairwise(ticks)]
        slack = max(Fraction(2), Fraction(1, 20) / (self.rate * self._tick_s))
        is_vfr = bool(steps) and max(steps) - min(steps) > slack
        last, n_frames = max([*ticks, self._origin]), len(ticks)
        if n_frames == _TIMING_PACKETS:
            n_frames = sum(not entry.is_discard for entry in self.stream.index_entries)
            last = max([last, *self._last_times()])
        exact = n_frames == len(ticks) or n_frames == self.stream.frames
        duration_s = (last - self._origin) * self._tick_s + 1 / self.rate
        return Timing(rate=self.rate, duration_s=duration_s, n_frames=n_frames if exact else None, is_vfr=is_vfr)

    def _last_times(self) -> list[int]:
        length = self.stream.duration
        if length is None and self._container.duration:
            length = floor(Fraction(self._container.duration, 1_000_000) / self._tick_s)
        with suppress(av.error.FFmpegError, OSError):
            self._container.seek(self._origin + (length or 0), stream=self.stream, backward=True)
            return self._presentation_times(limit=None)
        return []

    def _presentation_times(self, *, limit: int | None) -> list[int]:
        shown = (p.pts for p in self._packets() if p.pts is not None and p.pts >= self._origin and not p.is_discard)
        return sorted(islice(shown, limit))

    def _open(self) -> None:
        self._container = open_container(self.path, format_name=self._format_name)
        try:
            self.stream = self._choose_stream()
            context = self.stream.codec_context
            self._check_size(context.width, context.height)
            context.thread_type = "AUTO"
            context.options = {"max_pixels": str(MAX_PIXELS)}
            if context.name == "exr":
                # Scene-linear light looks black on 8 bits: encode it as a display would.
                context.options = {**context.options, "apply_trc": "iec61966_2_1"}
        except BaseException:
            self.close()
            raise
        self.rate = self._nominal_rate()
        self.aspect = Fraction(self.stream.sample_aspect_ratio or context.sample_aspect_ratio or 1) or Fraction(1)
        self._time_base = self.stream.time_base or Fraction(1, 90000)

    def _reopen(self) -> None:
        # A fresh demuxer is the only rewind that works in every container.
        self.close()
        self._open()

    @property
    def _tick_s(self) -> Fraction:
        return 1 / self.rate if self._is_counted else self._time_base

    def _must_count(self) -> bool:
        """Whether presentation times are missing, or are decoding times in disguise. Leaves a fresh demuxer."""
        if self._container.format.name in _TIMED_FORMATS:
            return False
        reorders = self.stream.codec_context.has_b_frames
        packets = [p for p in islice(self._packets(), _PEEK_PACKETS if reorders else 1) if p.size]
        missing = any(p.pts is None for p in packets)
        lags = {p.pts - p.dts for p in packets if p.pts is not None and p.dts is not None}
        if not missing and reorders and len(lags) <= 1 < len(packets):
            # A coder that may reorder frames, in a container that does not say how: only decoding tells.
            self._reopen()
            frames = (frame.pts for frame in islice(self._frames(self._packets()), _PEEK_FRAMES))
            missing = any(a is None or b is None or b < a for a, b in pairwise(frames))
        self._reopen()
        return missing

    def _ticks_from(self, time_s: Fraction) -> Iterator[_Tick]:
        untouched, self._untouched = self._untouched, None
        if untouched is not None and (time_s < _NEAR_START_S or self._is_counted):
            return untouched
        wanted = self._origin + time_s / self._tick_s
        for frames in self._landings(time_s):
            first = next(frames, None)
            if first is not None and first[0] <= wanted:
                return chain([first], frames)
        self._reopen()
        return self._decode()

    def _landings(self, time_s: Fraction) -> Iterator[Iterator[_Tick]]:
        """Places to decode from, each further back than the last."""
        if self._is_counted or time_s <= 0:
            return
        if self._container.format.name not in _UNTRUE_SEEKS:
            for back_s in _SEEK_BACK_S:
                if back_s >= time_s:
                    break
                with suppress(av.error.FFmpegError, OSError):
                    ticks = floor(self._origin + (time_s - back_s) / self._tick_s)
                    self._container.seek(ticks, stream=self.stream, backward=True)
                    yield self._decode()
        if self._keys is None:
            self._reopen()
            self._keys = [p.pts or 0 for p in self._packets() if p.is_keyframe]
        wanted = self._origin + time_s / self._tick_s
        for number in [n for n, tick in enumerate(self._keys) if tick <= wanted][:-_KEYS_BACK:-1]:
            self._reopen()
            packets = self._packets()
            keys = (p for p in packets if p.is_keyframe)
            yield self._decode(chain(islice(keys, number, number + 1), packets))

    def _packets(self) -> Iterator[_Packet]:
        with suppress(av.error.FFmpegError, OSError):
            yield from self._container.demux(self.stream)

    def _frames(self, packets: Iterator[_Packet]) -> Iterator[VideoFrame]:
        for packet in packets:
            # A damaged packet: the frames around it still count.
            with suppress(av.error.FFmpegError, OSError):
                yield from packet.decode()

    def _decode(self, packets: Iterator[_Packet] | None = None) -> Iterator[_Tick]:
        last: int | None = None
        for number, frame in enumerate(self._frames(self._packets() if packets is None else packets)):
            tick = number if self._is_counted else frame.pts
            if tick is not None and (last is None or tick > last):
                last = tick
                yield tick, frame

    def _choose_stream(self) -> VideoStream:
        streams = [s for s in self._container.streams.video if not s.disposition & _NOT_VIDEO]
        if not streams:
            raise PictureError(f"{self.path}: has no picture; choose a movie, or drop the clip from picture tracks")
        return max(streams, key=lambda s: (bool(s.disposition & Disposition.default), -s.index))

    def _check_size(self, width: int, height: int) -> None:
        if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
            raise PictureError(
                f"{self.path}: {width} x {height} pixels are more than the {MAX_SIDE} a side or {MAX_PIXELS:,} in all "
                "that are read; make a proxy"
            )

    def _nominal_rate(self) -> Fraction:
        for rate in (self.stream.average_rate, self.stream.guessed_rate, self.stream.base_rate):
            if rate and 0 < rate <= 1000:
                return Fraction(rate)
        return Fraction(25)


def _reason(error: Exception) -> str:
    with suppress(AttributeError):
        return str(cast(av.error.FFmpegError, error).strerror or error)
    return str(error)
