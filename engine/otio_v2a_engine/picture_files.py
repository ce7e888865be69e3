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
from itertools import chain, pairwise
from math import floor
from types import TracebackType
from typing import Self, cast

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
    """One open movie: its picture stream and frames in presentation order. A context manager.

    Attributes:
        path: the file.
        stream: the picture stream (never cover art).
        time_base: seconds per unit of every pts here.
        origin: pts of the first displayed frame: media time 0.
        rate: nominal frames per second, a guess for variable rates.
        aspect: width by height of one pixel.

    Raises:
        PictureError: no picture stream, too large, or nothing in it decodes.
    """

    def __init__(self, path: str, *, format_name: str | None = None) -> None:
        self.path = path
        self._format_name = format_name
        self._open()
        try:
            frames = self._decode()
            first = next(frames, None)
            if first is None:
                raise PictureError(f"{path}: holds no picture that can be decoded; export or copy it again")
        except BaseException:
            self._container.close()
            raise
        self.origin = cast(int, first.pts)
        self._untouched: Iterator[VideoFrame] | None = chain([first], frames)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the decoder and the file."""
        self._container.close()

    def frames_from(self, pts: Fraction | int) -> Iterator[VideoFrame]:
        """Frames in presentation order; the first is at or before `pts`, or is the movie's first frame.

        Decodes from the key frame before. When a damaged index or an open group of pictures makes the
        decoder come in late, it tries from further back, at last from the start of the file. Only the
        latest iterator may be used.
        """
        untouched, self._untouched = self._untouched, None
        if untouched is not None and (pts - self.origin) * self.time_base < _NEAR_START_S:
            return untouched
        for back_s in _SEEK_BACK_S:
            target = floor(pts - back_s / self.time_base)
            if target <= self.origin:
                break
            try:
                self._container.seek(target, stream=self.stream, backward=True)
            except (av.error.FFmpegError, OSError):
                break
            frames = self._decode()
            first = next(frames, None)
            if first is not None and cast(int, first.pts) <= pts:
                return chain([first], frames)
        # A fresh decoder is the only rewind that works in every container.
        self._container.close()
        self._open()
        return self._decode()

    def timing(self) -> "Timing":
        """Rate and length from the headers and packets, without decoding. Ends every iterator of frames."""
        self._untouched = None
        ticks = self._packet_times(limit=_TIMING_PACKETS)
        steps = [b - a for a, b in pairwise(ticks)]
        slack = max(Fraction(2), Fraction(1, 20) / (self.rate * self.time_base))
        is_vfr = bool(steps) and max(steps) - min(steps) > slack
        last = ticks[-1] if ticks else self.origin
        if len(ticks) == _TIMING_PACKETS:
            length = self.stream.duration
            if length is None and self._container.duration:
                length = floor(Fraction(self._container.duration, 1_000_000) / self.time_base)
            if length:
                self._container.seek(self.origin + length, stream=self.stream, backward=True)
                last = max([last, *self._packet_times(limit=None)])
        n_frames = self.stream.frames or (len(ticks) if len(ticks) < _TIMING_PACKETS else None)
        duration_s = (last - self.origin) * self.time_base + 1 / self.rate
        return Timing(rate=self.rate, duration_s=duration_s, n_frames=n_frames, is_vfr=is_vfr)

    def _packet_times(self, *, limit: int | None) -> list[int]:
        times: list[int] = []
        if limit is not None:
            self._container.close()
            self._open()
        with suppress(av.error.FFmpegError):
            for packet in self._container.demux(self.stream):
                if packet.pts is not None and packet.pts >= self.origin:
                    times.append(packet.pts)
                if len(times) == limit:
                    break
        return sorted(times)

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
            self._container.close()
            raise
        self.time_base = self.stream.time_base or Fraction(1, 90000)
        self.rate = self._nominal_rate()
        self.aspect = Fraction(self.stream.sample_aspect_ratio or context.sample_aspect_ratio or 1) or Fraction(1)

    def _decode(self) -> Iterator[VideoFrame]:
        last: int | None = None
        packets = self._container.demux(self.stream)
        while True:
            try:
                packet = next(packets)
                frames = packet.decode()
            except StopIteration:
                return
            except (av.error.FFmpegError, OSError):
                # A damaged packet: the frames around it still count. When the demuxer itself failed, its
                # generator has ended and the next turn stops.
                continue
            for frame in frames:
                if frame.pts is None:
                    continue
                if last is None or frame.pts > last:
                    last = frame.pts
                    yield frame

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
