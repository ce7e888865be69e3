"""Look for watermarks in a file on disk, of any length, in constant memory. Knows no cuts and prints nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from otio_v2a.errors import MediaError
from otio_v2a.watermark import grid
from otio_v2a.watermark.detect import FILM_SPEEDS, Detection, clearest, detect_stream
from otio_v2a.watermark.keys import ProjectKey

__all__ = ["read_sound", "scan", "scan_all"]

MAX_STREAMS = 64
MAX_CHANNELS = 64
# Formats that hold sound, and none that can name other files (concat, playlists, scripts).
_FORMATS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dv,eac3,flac,flv,loas,matroska,mov,mp3,mpeg,mpegts,mxf,nut,ogg,opus,rm,rso,"
    "tta,voc,w64,wav,webm,wv"
)


def scan(path: Path, keys: Sequence[ProjectKey], *, speeds: Sequence[float] = FILM_SPEEDS) -> Detection | None:
    """The clearest mark of any of the keys in a sound or movie file; None is "not detected".

    Raises MediaError when the file cannot be read or has no sound, WatermarkError without keys.
    """
    return clearest(scan_all(path, keys, speeds=speeds))


def scan_all(path: Path, keys: Sequence[ProjectKey], *, speeds: Sequence[float] = FILM_SPEEDS) -> tuple[Detection, ...]:
    """Every mark of the keys in all sound streams of a file, stream by stream. Raises as `scan` does."""
    found: list[Detection] = []
    for stream in range(_count_streams(path)):
        found.extend(detect_stream(read_sound(path, stream=stream), keys, speeds=speeds))
    return tuple(found)


def read_sound(path: Path, *, stream: int = 0) -> Iterator[NDArray[np.float32]]:
    """Blocks (channels, n) at 48 kHz of a sound stream. Raises MediaError when it cannot be read to its end."""
    import av

    try:
        with av.open(_url(path), options=_options()) as container:
            source = container.streams.audio[stream]
            resampler = av.AudioResampler(format="fltp", layout=None, rate=grid.SAMPLE_RATE)
            for frame in container.decode(source):
                if frame.layout.nb_channels > MAX_CHANNELS:
                    raise MediaError(
                        f"{path}: has {frame.layout.nb_channels} channels, at most {MAX_CHANNELS} can be read"
                    )
                # Timestamps with gaps would make the resampler fail; the mark needs the samples alone.
                frame.pts = None
                for part in resampler.resample(frame):
                    yield np.asarray(part.to_ndarray(), np.float32)
            for part in resampler.resample(None):
                yield np.asarray(part.to_ndarray(), np.float32)
    except (av.FFmpegError, OSError, ValueError, IndexError) as error:
        raise MediaError(f"{path}: cannot be read as sound ({error})") from error


def _count_streams(path: Path) -> int:
    import av

    try:
        with av.open(_url(path), options=_options()) as container:
            count = len(container.streams.audio)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"{path}: cannot be read as sound ({error})") from error
    if not count:
        raise MediaError(f"{path}: has no sound to look for a watermark in")
    if count > MAX_STREAMS:
        raise MediaError(f"{path}: has {count} sound streams, at most {MAX_STREAMS} are read")
    return count


def _url(path: Path) -> str:
    """With its protocol and an absolute path: a name like `concat:a|b` must never be read as one."""
    return f"file:{path.absolute()}"


def _options() -> dict[str, str]:
    return {"protocol_whitelist": "file", "format_whitelist": _FORMATS}
