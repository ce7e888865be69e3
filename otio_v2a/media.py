"""From what hosts write for a file (paths, URLs, patterns) to picture media on this machine. Knows no OTIO.

Hosts write bare absolute paths, `file://` URLs with and without a host or a drive, relative paths, and percent
signs that mean an escape in one place and themselves in another. `otio.url_utils` cuts names at `#` and `?`,
decodes `%2523` twice, and turns a foreign host into a network path; nothing here goes through it.
"""

import ntpath
import os
import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote

from otio_v2a.errors import MediaError
from otio_v2a.spans import MediaFile
from otio_v2a_engine.lengths import nearest_rate

__all__ = [
    "IMAGE_SUFFIXES",
    "MOVIE_SUFFIXES",
    "SOUND_SUFFIXES",
    "MediaError",
    "find_sequence",
    "images_in",
    "parse_timecode",
    "places",
    "probe",
    "resolve",
    "resolve_text",
    "spellings",
    "split_pattern",
]

# fmt: off
MOVIE_SUFFIXES = frozenset({
    ".3g2", ".3gp", ".avi", ".dv", ".f4v", ".flv", ".gif", ".ivf", ".m2t", ".m2ts", ".m4v", ".mkv", ".mov",
    ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".nut", ".ogm", ".ogv", ".qt", ".ts", ".vob", ".webm", ".wmv",
    ".y4m",
})
IMAGE_SUFFIXES = frozenset({
    ".bmp", ".cin", ".dpx", ".exr", ".hdr", ".j2k", ".jp2", ".jpeg", ".jpg", ".png", ".ppm", ".tga", ".tif",
    ".tiff", ".webp",
})
SOUND_SUFFIXES = frozenset({
    ".aac", ".ac3", ".aif", ".aifc", ".aiff", ".bwf", ".caf", ".flac", ".m4a", ".mka", ".mp2", ".mp3", ".oga",
    ".ogg", ".opus", ".rf64", ".w64", ".wav", ".wma",
})
# fmt: on

MAX_PIXELS = 100_000_000
MAX_STREAMS = 128
MAX_DURATION_S = 48 * 3600
_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mxf,mxf_opatom,avi,mpeg,mpegts,mpegvideo,flv,ogg,gif,ivf,nut,dv,asf,"
    "yuv4mpegpipe,y4m,wav,aiff,rm,h264,hevc,m4v,obu,image2,png_pipe,jpeg_pipe,tiff_pipe,exr_pipe,dpx_pipe,bmp_pipe,"
    "webp_pipe,j2k_pipe,cin_pipe"
)
"""Containers that hold pictures. Scripts that point elsewhere (concat, hls, dash, sdp) are not among them."""

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+):(.*)", re.DOTALL)
_DRIVE = re.compile(r"/?[A-Za-z][:|](?:[/\\]|$)")
_HASHES = re.compile(r"#+")
_PRINTF = re.compile(r"%(?:0(\d+))?d")
_NUMBER = re.compile(r"(\d+)(?!.*\d)")


def spellings(url_or_path: str) -> list[str]:
    """The local paths that a reference may mean, most likely first; none is looked up.

    A URL's escapes are decoded exactly once; `#` and `?` are part of the name. A bare path means itself first, and
    is decoded only as a second guess.

    Raises:
        MediaError: empty, or not a local file (another scheme, a network host).
    """
    text = url_or_path.strip("\r\n")
    if not text or "\0" in text:
        raise MediaError("the reference is empty; relink the clip" if not text else "the path holds a NUL character")
    if _DRIVE.match(text):
        return _unique([text.lstrip("/")])
    match = _URL.fullmatch(text)
    if match is None:
        return _unique([text, unquote(text)])
    scheme, rest = match.group(1).lower(), match.group(2)
    if scheme != "file":
        if rest.startswith("//"):
            raise MediaError(f"{text}: {scheme} is not a local file; copy the media here and relink")
        # A colon may also stand in a name: `take:2.mov`. It is only ever opened as a path, never as a protocol.
        return _unique([text, unquote(text)])
    path = rest
    if rest.startswith("//"):
        host, slash, tail = rest[2:].partition("/")
        if _DRIVE.match(host + "/"):
            path = f"{host}{slash}{tail}"
        elif host.lower() in ("", "localhost", "127.0.0.1"):
            path = slash + tail
        else:
            raise MediaError(f"{text}: {host} is another machine; mount its disk and relink the clip by its path")
    guesses = [unquote(path), path]
    return _unique([guess[1:] if guess.startswith("/") and _DRIVE.match(guess) else guess for guess in guesses])


def places(spelling: str, *, base: str, flavour: ModuleType = os.path) -> list[str]:
    """The absolute paths where one of the `spellings` may lie, with its backslashes turned as a second guess.

    Relative ones start at `base`, which is absolute. `flavour` is `ntpath` or `posixpath`. Another system's absolute
    path lies nowhere: it is never read as a relative or a local one.
    """
    texts = [spelling]
    if flavour is not ntpath:
        if _DRIVE.match(spelling) or spelling.startswith(("\\\\", "//")):
            return []
        texts = _unique([spelling, spelling.replace("\\", "/")])
    return [str(flavour.normpath(flavour.join(base, text))) for text in texts]


def resolve(url_or_path: str, *, base: Path, roots: Sequence[Path] = ()) -> Path:
    """The existing regular file that a reference means, as an absolute path.

    Relative references start at `base` (the folder of the cut). With `roots`, the real path must lie under one of
    them.

    Raises:
        MediaError: it is not a local file, does not exist (naming what was tried) or lies outside of `roots`.
    """
    return Path(resolve_text(url_or_path, base=str(base.absolute()), roots=roots))


def resolve_text(url_or_path: str, *, base: str, roots: Sequence[Path] = ()) -> str:
    """`resolve` without a Path, which costs more than looking for the file; `base` is absolute. Raises MediaError."""
    tried = []
    for spelling in spellings(url_or_path):
        for place in places(spelling, base=base):
            tried.append(place)
            if os.path.isfile(place):
                if roots:
                    _check_roots(Path(place), roots)
                return place
    if not tried:
        raise MediaError(f"{url_or_path}: is a path of another system; copy the media here and relink the clip")
    raise MediaError(f"{url_or_path}: no such file (tried {', '.join(_unique(tried))}); relink the clip")


def find_sequence(
    head: str, tail: str, *, digits: int, base: Path, roots: Sequence[Path] = ()
) -> tuple[Path, frozenset[int]]:
    """An image sequence's absolute printf pattern and the image numbers on disk.

    `head` and `tail` are the reference before and after the number (`file:///a/shot.` and `.exr`), `digits` its
    padded width, 0 for none. In the pattern other percent signs are doubled.

    Raises:
        MediaError: no image of it exists, or it is not local.
    """
    tried = []
    for spelling in spellings(f"{head}\x01{tail}"):
        for place in places(spelling, base=str(base.absolute())):
            before, _, after = place.partition("\x01")
            tried.append(f"{before}{'#' * max(digits, 1)}{after}")
            numbers = _numbers(before, after, digits)
            if numbers:
                _check_roots(Path(before).parent, roots)
                return Path(_escaped(before) + _field(digits) + _escaped(after)), frozenset(numbers)
    raise MediaError(f"no image of {' or '.join(_unique(tried)) or head}; relink the clip")


def images_in(folder: Path) -> tuple[str, str, int]:
    """Head, tail and digits (as `find_sequence` takes them) of the one image sequence in a folder.

    Raises:
        MediaError: it holds none, or several.
    """
    found: dict[tuple[str, str], int] = {}
    for entry in sorted(os.listdir(folder)):
        stem, suffix = os.path.splitext(entry)
        number = _NUMBER.search(stem)
        if suffix.lower() in IMAGE_SUFFIXES and number and not entry.startswith("."):
            digits = len(number.group(1)) if number.group(1).startswith("0") else 0
            key = (stem[: number.start()], stem[number.end() :] + suffix)
            found[key] = max(found.get(key, 0), digits)
    if not found:
        raise MediaError(f"{folder}: holds no numbered images; give a movie, a timeline or a folder of frames")
    if len(found) > 1:
        names = ", ".join("#".join(key) for key in sorted(found)[:5])
        raise MediaError(f"{folder}: holds {len(found)} image sequences ({names}); give one as name.%04d.exr")
    (((head, tail), digits),) = found.items()
    return f"{folder}{os.sep}{head}", tail, digits


def split_pattern(text: str) -> tuple[str, str, int] | None:
    """Head, tail and digits of a path whose frame number stands as `%04d` or `####`; None when it names one file."""
    start = len(text) - len(re.split(r"[/\\]", text)[-1])
    fields = list(_PRINTF.finditer(text, start))
    if len(fields) == 1:
        field = fields[0]
        head, tail = text[: field.start()], text[field.end() :]
        return head.replace("%%", "%"), tail.replace("%%", "%"), int(field.group(1) or 0)
    runs = list(_HASHES.finditer(text, start))
    if len(runs) != 1 or os.path.splitext(text)[1].lower() not in IMAGE_SUFFIXES:
        return None
    return text[: runs[0].start()], text[runs[0].end() :], runs[0].end() - runs[0].start()


def probe(path: Path) -> MediaFile:
    """What a movie's header says: rate, length and embedded timecode. No frame is decoded.

    Raises:
        MediaError: not a movie, without picture, or beyond the limits.
    """
    import av  # PyAV takes 0.1 s to import and most cuts say all this themselves.

    options = {"protocol_whitelist": "file", "format_whitelist": _FORMATS}
    try:
        # An absolute path with its protocol: a name like `concat:a|b` must never be read as one.
        with av.open(f"file:{path.absolute()}", options=options) as container:
            if len(container.streams) > MAX_STREAMS:
                raise MediaError(f"{path}: has {len(container.streams)} streams, {MAX_STREAMS} are allowed")
            pictures = [s for s in container.streams.video if not _is_cover(s)]
            if not pictures:
                raise MediaError(f"{path}: has no picture; give a movie")
            stream = pictures[0]
            if stream.width * stream.height > MAX_PIXELS:
                raise MediaError(f"{path}: {stream.width}x{stream.height} is larger than {MAX_PIXELS // 10**6} Mpixel")
            raw_rate = stream.average_rate or stream.guessed_rate or stream.base_rate
            rate = nearest_rate(float(raw_rate)) if raw_rate else None
            if rate is not None and not 1 <= rate <= 240:
                rate = None
            duration_s = _duration(container, stream, rate)
            tags = [stream.metadata, container.metadata, *(s.metadata for s in container.streams)]
            timecode = next((tag["timecode"] for tag in tags if "timecode" in tag), None)
    except MediaError:
        raise
    except (av.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"{path}: not a movie that can be read ({error}); check or relink the file") from error
    if duration_s is not None and duration_s > MAX_DURATION_S:
        raise MediaError(f"{path}: longer than {MAX_DURATION_S // 3600} hours; cut it first")
    start_s = parse_timecode(timecode, rate=rate) if timecode and rate else None
    return MediaFile(path=str(path), rate=rate, duration_s=duration_s, timecode_s=start_s)


def parse_timecode(text: str, *, rate: Fraction) -> Fraction | None:
    """Exact seconds since midnight of `HH:MM:SS:FF` (`;` before the frames: drop-frame); None when it is none."""
    match = re.fullmatch(r"\s*(\d{1,2}):(\d{2}):(\d{2})([:;.])(\d{2,3})\s*", text)
    if match is None:
        return None
    hours, minutes, seconds, frames = (int(match.group(i)) for i in (1, 2, 3, 5))
    base = -(-rate.numerator // rate.denominator)
    count = (hours * 3600 + minutes * 60 + seconds) * base + frames
    if match.group(4) != ":" and rate.denominator == 1001 and base % 30 == 0:
        total_minutes = hours * 60 + minutes
        count -= (base // 15) * (total_minutes - total_minutes // 10)
    return count / rate


def _is_cover(stream: object) -> bool:
    disposition = getattr(stream, "disposition", None)
    return disposition is not None and "attached_pic" in str(disposition)


def _duration(container: object, stream: object, rate: Fraction | None) -> Fraction | None:
    frames = getattr(stream, "frames", 0)
    if frames and rate:
        return frames / rate
    length, base = getattr(stream, "duration", None), getattr(stream, "time_base", None)
    seconds = None
    if length and base:
        seconds = Fraction(length) * Fraction(base)
    elif getattr(container, "duration", None):
        seconds = Fraction(getattr(container, "duration"), 1_000_000)  # noqa: B009 - untyped on some versions
    if seconds is None or seconds <= 0:
        return None
    return max(round(seconds * rate), 1) / rate if rate else seconds


def _check_roots(path: Path, roots: Sequence[Path]) -> None:
    if roots and not any(path.resolve().is_relative_to(root.resolve()) for root in roots):
        raise MediaError(f"{path}: lies outside of {', '.join(map(str, roots))}; copy the media there")


def _escaped(text: str) -> str:
    return text.replace("%", "%%")


def _field(digits: int) -> str:
    return f"%0{digits}d" if digits else "%d"


def _numbers(before: str, after: str, digits: int) -> list[int]:
    folder, prefix = os.path.split(before)
    if "/" in after or os.sep in after:
        return []
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    matcher = re.compile(re.escape(prefix) + r"(\d+)" + re.escape(after))
    found = (match.group(1) for match in map(matcher.fullmatch, names) if match)
    return [int(text) for text in found if text == str(int(text)).zfill(digits)]


def _unique(texts: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(texts))
