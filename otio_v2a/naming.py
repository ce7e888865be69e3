"""Names of delivered files: `<CUT>_<CLIP>_<ROLE>_t01.wav`, `<CUT>_<ROLE>_v001.wav`. Touches no file but to look.

A name that is taken by anything but the very sound it is meant for is left alone, and the next version is used.
"""

import hashlib
import os
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path

from otio_v2a.errors import StemError
from otio_v2a.riff import read_broadcast_info

__all__ = ["clean", "clip_words", "free_or_same"]

_MOST_BYTES = 60
_MOST_VERSIONS = 999


def clean(text: str, *, fallback: str) -> str:
    """A word that every file system takes: letters and digits of any script, `-`, `.` inside; at most 60 bytes."""
    text = unicodedata.normalize("NFC", text)
    word = "".join(c if c.isalnum() or c in ".-" else "-" for c in text)
    while "--" in word:
        word = word.replace("--", "-")
    word = word.strip(".-")
    while len(word.encode()) > _MOST_BYTES:
        word = word[:-1].rstrip(".-")
    return word or fallback


def clip_words(names: Mapping[str, str]) -> dict[str, str]:
    """A file-name word for every clip id, unique even where case does not count.

    A name that several clips share gets a short word of the clip's id, which does not change from run to run.
    """
    words = {clip_id: clean(name, fallback="clip") for clip_id, name in names.items()}
    shared = _repeated(word.casefold() for word in words.values())
    return {
        clip_id: f"{word}-{hashlib.sha256(clip_id.encode()).hexdigest()[:6]}" if word.casefold() in shared else word
        for clip_id, word in words.items()
    }


def _repeated(words: Iterable[str]) -> set[str]:
    seen: set[str] = set()
    return {word for word in words if word in seen or seen.add(word)}  # type: ignore[func-returns-value]


def free_or_same(folder: Path, stem: str, *, reference: str, size: int, numbered: bool) -> tuple[Path, bool]:
    """The file to use for a sound: `(path, is it there already)`.

    Args:
        folder: where it goes.
        stem: name without version and suffix.
        reference: word of the sound, as its `bext` chunk would hold it.
        size: bytes of samples that a whole file holds at least.
        numbered: whether the first version is numbered too.

    Raises:
        StemError: there are 999 versions already.
    """
    for version in range(1, _MOST_VERSIONS + 1):
        suffix = f"_v{version:03d}" if numbered or version > 1 else ""
        path = folder / f"{stem}{suffix}.wav"
        if not os.path.lexists(path):
            return path, False
        if _is_same(path, reference=reference, size=size):
            return path, True
    raise StemError(f"{folder} holds {_MOST_VERSIONS} versions of {stem} already; remove old ones")


def _is_same(path: Path, *, reference: str, size: int) -> bool:
    """Whether the file is a whole one of ours with that very sound. Links are never ours."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size < size:
        return False
    try:
        info = read_broadcast_info(path)
    except (StemError, ValueError):
        return False
    return info is not None and info.originator == "otio-v2a" and info.reference == reference
