"""Owns the answer to "is this still the same media?" without reading it whole. Decodes nothing."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from otio_v2a.errors import MediaError
from otio_v2a.spans import MediaFile

__all__ = ["MediaIdentity", "identify"]

_SAMPLE_BYTES = 1 << 20
_FIELD = re.compile(r"%0?(\d*)d")


@dataclass(frozen=True)
class MediaIdentity:
    """What tells one state of a media file from another.

    Attributes:
        path: where it is.
        n_bytes: its size; of an image sequence, of all images together.
        mtime_ns: when it was last changed; of a sequence, the latest change.
        digest: BLAKE2b of its first and last mebibyte; of a sequence, of every image's name, size and time, and of
            the first and last image's content.
        sequence: rate and first number of an image sequence as the timeline reads it, else empty.
    """

    path: str
    n_bytes: int
    mtime_ns: int
    digest: str
    sequence: str = ""


def identify(media: MediaFile) -> MediaIdentity | MediaError:
    """The identity of a media file, or, returned, why it has none: the plan goes on without that clip."""
    try:
        return _of_sequence(media) if media.is_sequence else _of_file(Path(media.path))
    except OSError as error:
        return MediaError(f"{media.path} cannot be read: {error.strerror or error}; relink the clip and run again")


def _of_file(path: Path) -> MediaIdentity:
    state = path.stat()
    digest = hashlib.blake2b(digest_size=16)
    _feed(digest, path)
    return MediaIdentity(path=str(path), n_bytes=state.st_size, mtime_ns=state.st_mtime_ns, digest=digest.hexdigest())


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
    total, latest = 0, 0
    for number, image in images:
        state = image.stat()
        total += state.st_size
        latest = max(latest, state.st_mtime_ns)
        digest.update(f"{number} {state.st_size} {state.st_mtime_ns}\n".encode())
    _feed(digest, images[0][1])
    _feed(digest, images[-1][1])
    return MediaIdentity(
        path=media.path,
        n_bytes=total,
        mtime_ns=latest,
        digest=digest.hexdigest(),
        sequence=f"{media.sequence_first} at {media.rate}",
    )


def _feed(digest: "hashlib.blake2b", path: Path) -> None:
    with path.open("rb") as file:
        digest.update(file.read(_SAMPLE_BYTES))
        size = os.fstat(file.fileno()).st_size
        if size > _SAMPLE_BYTES:
            file.seek(max(_SAMPLE_BYTES, size - _SAMPLE_BYTES))
            digest.update(file.read(_SAMPLE_BYTES))
