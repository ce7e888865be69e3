"""Finds out whether a cut's picture can be copied packet by packet, and copies it. Decodes nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otio_v2a.spans import ClipSpan

if TYPE_CHECKING:
    from otio_v2a.timeline import Cut

__all__ = ["CopiedPicture", "plan"]


@dataclass(frozen=True)
class _Segment:
    """Packets of one clip, in decoding order from a key frame on.

    Attributes:
        path: the movie.
        key_pts: presentation time of that key frame, in the stream's own units. It may lie before the clip when the
            clip is the only one: the container's edit list hides what comes before time 0.
        n_packets: how many.
        shift_s: added to media time gives record time.
        time_base: seconds per unit.
    """

    path: str
    key_pts: int
    n_packets: int
    shift_s: Fraction
    time_base: Fraction


class CopiedPicture:
    """Packets of one or more clips, with times in the cut."""

    def __init__(self, segments: tuple[_Segment, ...]) -> None:
        self._segments = segments
        self._stream: Any = None

    def open(self, container: Any) -> None:
        """Add the stream to a container that is about to be written."""
        import av

        with av.open(self._segments[0].path) as source:
            self._stream = container.add_stream_from_template(source.streams.video[0])

    def packets(self) -> Iterator[tuple[Fraction, Any]]:
        """Packets in decoding order with their times in seconds."""
        import av

        for segment in self._segments:
            with av.open(segment.path) as source:
                stream = source.streams.video[0]
                for packet in _from_key(source, stream, segment.key_pts, segment.n_packets):
                    shift = round(segment.shift_s / segment.time_base)
                    time_s = packet.dts * segment.time_base + segment.shift_s
                    packet.pts += shift
                    packet.dts += shift
                    packet.stream = self._stream
                    yield time_s, packet


def _from_key(source: Any, stream: Any, key_pts: int, n_packets: int) -> Iterator[Any]:
    """`n_packets` packets in decoding order from the key frame with this presentation time."""
    source.seek(key_pts, stream=stream, backward=True)
    started = 0
    for packet in source.demux(stream):
        if packet.dts is None:
            continue
        if started or (packet.is_keyframe and packet.pts == key_pts):
            started += 1
            yield packet
            if started == n_packets:
                return


def plan(cut: "Cut", out: Path) -> tuple[CopiedPicture | None, str]:
    """The cut's picture as packets to copy, or None and why not."""
    import av

    spans = sorted(cut.spans, key=lambda span: span.record_start_s)
    why = _shape(spans, cut)
    if why:
        return None, why
    try:
        with av.open(spans[0].media.path) as first:
            form = _form(first.streams.video[0])
            if not _container_takes(out, form[0]):
                return None, f"{out.suffix} does not take {form[0]}"
        segments = []
        for span in spans:
            with av.open(span.media.path) as source:
                stream = source.streams.video[0]
                if _form(stream) != form:
                    return None, f"clip {span.name!r} is in another format than the first"
                segment, why = _segment(source, stream, span, alone=len(spans) == 1)
            if segment is None:
                return None, why
            segments.append(segment)
    except (av.FFmpegError, IndexError) as error:
        return None, f"{error}"
    picture = CopiedPicture(tuple(segments))
    return (picture, "") if len(segments) == 1 or _in_order(segments) else (None, "its decoding times would overlap")


def _shape(spans: list[ClipSpan], cut: "Cut") -> str:
    """Why the clips cannot be copied, "" when they may."""
    at = Fraction(0)
    for span in spans:
        if span.record_start_s != at:
            return "there are gaps or overlaps between the clips"
        if span.speed != 1:
            return f"clip {span.name!r} is retimed"
        if span.media.is_sequence:
            return f"clip {span.name!r} is an image sequence"
        at = span.record_end_s
    if not spans or at < cut.timing.duration_s:
        return "there are gaps between the clips"
    return ""


def _form(stream: Any) -> tuple[Any, ...]:
    """What has to be alike for packets of two files to make one stream."""
    codec = stream.codec_context
    return (codec.name, codec.width, codec.height, codec.pix_fmt, codec.extradata, stream.time_base)


def _container_takes(out: Path, codec: str) -> bool:
    import av

    name = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}[out.suffix.lower()]
    with av.open(_Nowhere(), "w", format=name) as container:
        return codec in container.supported_codecs


class _Nowhere:
    """A file that forgets."""

    def write(self, data: bytes) -> int:
        return len(data)

    def seek(self, position: int, whence: int = 0) -> int:
        return position

    def tell(self) -> int:
        return 0


def _segment(source: Any, stream: Any, span: ClipSpan, *, alone: bool) -> tuple[_Segment | None, str]:
    """The packets of a clip, or why they cannot be cut out without decoding."""
    time_base = Fraction(stream.time_base)
    origin = stream.start_time or 0
    half = Fraction(1, 2) / (span.media.rate or span.rate)
    # A frame belongs to the clip when more than half of it does: sources count in units that frames do not meet.
    first = origin + (span.source_start_s - half) / time_base
    stop = origin + (span.source_start_s + span.duration_s - half) / time_base
    source.seek(max(origin, int(first)), stream=stream, backward=True)
    times: list[tuple[int, bool]] = []
    for packet in source.demux(stream):
        if packet.dts is None or packet.pts is None:
            if packet.size:
                return None, f"the packets of clip {span.name!r} have no times"
            continue
        times.append((packet.pts, bool(packet.is_keyframe)))
        # A few packets past the end show whether any frame of the clip is still to come.
        if len(times) > 64 and all(pts >= stop for pts, _ in times[-64:]):
            break
    inside = [index for index, (pts, _) in enumerate(times) if first <= pts < stop]
    keys = [
        index
        for index, (pts, is_key) in enumerate(times)
        if is_key and pts <= min((times[i][0] for i in inside), default=0)
    ]
    if not inside or not keys:
        return None, f"clip {span.name!r} has no frames to copy"
    begin, end = keys[-1], inside[-1]
    kept = range(begin, end + 1)
    if inside[0] < begin or any(index not in kept for index in inside):
        return None, f"frames of clip {span.name!r} are decoded from frames before its key frame"
    clean_start = times[begin][0] >= first
    clean_end = all(times[index][0] < stop for index in kept)
    if not alone and not (clean_start and clean_end):
        return None, f"clip {span.name!r} is not cut on key frames"
    if alone and not clean_end:
        return None, f"the last frames of clip {span.name!r} cannot be cut out without decoding"
    shift_s = span.record_start_s - span.source_start_s - origin * time_base
    key_pts = times[begin][0]
    return _Segment(span.media.path, key_pts, len(kept), shift_s, time_base), ""


def _in_order(segments: list[_Segment]) -> bool:
    """Whether decoding times increase over the borders."""
    import av

    last: Fraction | None = None
    for segment in segments:
        with av.open(segment.path) as source:
            stream = source.streams.video[0]
            for packet in _from_key(source, stream, segment.key_pts, segment.n_packets):
                time_s = packet.dts * segment.time_base + segment.shift_s
                if last is not None and time_s <= last:
                    return False
                last = time_s
    return True
