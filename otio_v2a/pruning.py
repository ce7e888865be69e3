"""Owns finding delivered files that no timeline uses any more, and removing them. Knows names, not OTIO.

With one stem per role every choice of takes leaves a full-length file behind (docs/adr/0502): delivered sound is never
overwritten. A file counts as used when any file beside the timeline mentions its name, however it is spelled there.
"""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote_to_bytes

from otio_v2a import takes
from otio_v2a.errors import StemError, TakeError
from otio_v2a.generate import stems_folder
from otio_v2a.riff import read_broadcast_info
from otio_v2a.takes import TakeStore

__all__ = ["remove", "unused"]

_UNDER_WAY_S = 60
"""A file as young as this may belong to a run that has not written its timeline yet."""

_SOUND_AND_PICTURE = frozenset(
    {".wav", ".mov", ".mp4", ".mkv", ".mxf", ".webm", ".avi", ".png", ".jpg", ".jpeg", ".exr", ".dpx", ".tif", ".tiff"}
)
_LARGEST_TEXT = 512 * 2**20


def unused(timeline: Path) -> tuple[Path, ...]:
    """Files in a timeline's folder of stems that this program wrote and nothing beside the timeline mentions.

    Raises:
        TakeError: there is no such timeline, or a file beside it cannot be read, so that nobody knows.
    """
    if not timeline.is_file():
        raise TakeError(f"{timeline}: no such timeline; its folder of stems is found by its name")
    found = [path for path in sorted(stems_folder(timeline).glob("*.wav")) if _may_go(path)]
    left = {path.name: path for path in found}
    for text in _texts_beside(timeline) if left else ():
        for name in [name for name in left if name.encode() in text]:
            del left[name]
    return tuple(left.values())


def remove(timeline: Path, files: Sequence[Path]) -> int:
    """Remove those of the files that are still unused; returns the bytes freed.

    Raises:
        TakeError: as `unused`, or a file cannot be removed.
        RunError: a run is at work for this timeline.
    """
    freed = 0
    with _nobody_at_work(timeline):
        still = set(unused(timeline))
        for path in files:
            if path not in still:
                continue
            try:
                size = path.stat().st_size
                path.unlink()
            except OSError as error:
                raise TakeError(f"{path} cannot be removed: {error.strerror or error}") from error
            freed += size
    return freed


@contextmanager
def _nobody_at_work(timeline: Path) -> Iterator[None]:
    store = TakeStore(takes.default_root(timeline))
    if not store.root.is_dir():
        yield
        return
    with store.lock():
        yield


def _may_go(path: Path) -> bool:
    """Whether a file is a sound of ours, and not of a moment ago. Links are never ours."""
    if path.is_symlink() or not path.is_file() or time.time() - path.stat().st_mtime < _UNDER_WAY_S:
        return False
    try:
        info = read_broadcast_info(path)
    except (StemError, ValueError):
        return False
    return info is not None and info.originator == "otio-v2a"


def _texts_beside(timeline: Path) -> Iterator[bytes]:
    """What every file beside a timeline says, as it stands there and with the escapes of URLs and JSON undone."""
    for path in sorted(timeline.absolute().parent.iterdir()):
        if path.suffix.lower() in _SOUND_AND_PICTURE or not path.is_file():
            continue
        try:
            if path.stat().st_size > _LARGEST_TEXT:
                raise TakeError(f"{path} is too large to be searched; move it away, or remove old stems by hand")
            text = path.read_bytes()
        except OSError as error:
            raise TakeError(f"{path} cannot be read, so nobody knows what it uses: {error.strerror}") from error
        yield text
        if b"%" in text:
            yield unquote_to_bytes(text)
        if b"\\u" in text:
            yield _without_json_escapes(text)


def _without_json_escapes(text: bytes) -> bytes:
    try:
        plain = json.dumps(json.loads(text), ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return text
    return plain + unquote_to_bytes(plain)
