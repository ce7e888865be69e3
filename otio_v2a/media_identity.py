"""Owns the answer to "is this still the same media?" without reading it whole. Decodes nothing.

The answer is about content, not place: media that was moved, renamed or copied is the same and keeps its takes.
"""

import hashlib
import os
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from otio_v2a.errors import MediaError
from otio_v2a.spans import MediaFile

__all__ = ["MediaIdentity", "identify"]

_SAMPLE_BYTES = 1 << 20
_INNER_BYTES = 1 << 17
_N_INNER = 8
"""Blocks read between the two ends: few enough for a slow network drive."""
_FIELD = re.compile(r"%0?(\d*)d")


@dataclass(frozen=True)
class MediaIdentity:
    """What tells one state of a media file from another.

    Attributes:
        n_bytes: its size; of an image sequence, of all images together.
        digest: BLAKE2b of its first and last mebibyte, where formats keep their index and dates, and of eight blocks
            spread between; of a sequence, of every image's number, size and time of change, and of the first and
            last image's content. A sequence is too many files to look into, so there its times must stand for them:
            it is the same elsewhere when moved or copied with its times.
        sequence: rate and first number of an image sequence as the timeline reads it, else empty.
    """

    n_bytes: int
    digest: str
    sequence: str = ""


def identify(media: MediaFile) -> MediaIdentity | MediaError:
    """The identity of a media file, or, returned, why it has none: the plan goes on without that clip."""
    try:
        return _of_sequence(media) if media.is_sequence else _of_file(media.path)
    except OSError as error:
        return MediaError(f"{media.path} cannot be read: {error.strerror or error}; relink the clip and run again")


def _of_file(path: str) -> MediaIdentity:
    state = os.stat(path)
    # A panel plans again and again: what the file system calls unchanged is read once.
    return _of_state(path, state.st_size, (state.st_mtime_ns, state.st_ctime_ns, state.st_ino))


@lru_cache(maxsize=4096)
def _of_state(path: str, n_bytes: int, _times: tuple[int, ...]) -> MediaIdentity:
    digest = hashlib.blake2b(digest_size=16)
    _feed(digest, Path(path))
    return MediaIdentity(n_bytes=n_bytes, digest=digest.hexdigest())


def _of_sequence(media: MediaFile) -> MediaIdentity:
    pattern = Path(media.path)
    matched = _FIELD.search(pattern.name)
    if matched is None:
        raise FileNotFoundError(2, "the name has no number field like %04d", media.path)
    shape = re.compile(re.escape(pattern.name[: matched.start()]) + r"(\d+)" + re.escape(pattern.name[matched.end() :]))
    images: list[tuple[int, Path]] = []
    for entry in os.scandir(pattern.parent):
        found = shape.fullmatch(entry.name)
        if found is not None:
            images.append((int(found.group(1)), Path(entry.path)))
    if not images:
        raise FileNotFoundError(2, "there is no image of this sequence", media.path)
    images.sort()
    digest = hashlib.blake2b(digest_size=16)
    total = 0
    for number, image in images:
        state = image.stat()
        total += state.st_size
        digest.update(f"{number} {state.st_size} {state.st_mtime_ns}\n".encode())
    _feed(digest, images[0][1])
    _feed(digest, images[-1][1])
    return MediaIdentity(
        n_bytes=total,
        digest=digest.hexdigest(),
        sequence=f"{media.sequence_first} at {media.rate}",
    )


def _feed(digest: "hashlib.blake2b", path: Path) -> None:
    with path.open("rb") as file:
        digest.update(file.read(_SAMPLE_BYTES))
        size = os.fstat(file.fileno()).st_size
        inner = size - 2 * _SAMPLE_BYTES
        if inner > _N_INNER * _INNER_BYTES:
            for number in range(_N_INNER):
                file.seek(_SAMPLE_BYTES + (inner - _INNER_BYTES) * (2 * number + 1) // (2 * _N_INNER))
                digest.update(file.read(_INNER_BYTES))
        elif inner > 0:
            digest.update(file.read(inner))
        if size > _SAMPLE_BYTES:
            file.seek(max(_SAMPLE_BYTES, size - _SAMPLE_BYTES))
            digest.update(file.read(_SAMPLE_BYTES))
