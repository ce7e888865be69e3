"""Owns where weights that a user brought are found, and the note beside them (floor 0: no torch).

A weights folder is made by `otio-v2a weights convert`. It holds the tensors and `weights.json`, which names every
file with its size and SHA-256, the licence and where they came from. It is looked for in `$OTIO_V2A_WEIGHTS` (a
weights folder itself, or a folder of them), then in the user's own data folder.
"""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from otio_v2a_engine.contract import EngineInfo, WeightsError
from otio_v2a_engine.wire import WireError, from_plain, to_plain

__all__ = [
    "FOLDER_VARIABLE",
    "NOTE_NAME",
    "SourceFile",
    "WeightsFile",
    "WeightsNote",
    "all_folders",
    "find_folder",
    "hash_file",
    "read_note",
    "search_path",
    "verify",
    "version_of",
    "write_note",
]

FOLDER_VARIABLE = "OTIO_V2A_WEIGHTS"
NOTE_NAME = "weights.json"
_FORMAT = 1
_BLOCK_BYTES = 2**20
_LONGEST_NOTE_BYTES = 2**20
_ID_DIGITS = 12


@dataclass(frozen=True)
class WeightsFile:
    """A file of a weights folder: path with "/" from the folder, length, SHA-256."""

    path: str
    n_bytes: int
    sha256: str

    def __post_init__(self) -> None:
        parts = PurePosixPath(self.path).parts
        if not parts or "\\" in self.path or ":" in self.path or ".." in parts or parts[0] == "/":
            raise ValueError(f"{self.path!r} leads out of the weights folder")


@dataclass(frozen=True)
class SourceFile:
    """A file that the weights were made from, and where it comes from in words."""

    name: str
    n_bytes: int
    sha256: str
    source: str


@dataclass(frozen=True)
class WeightsNote:
    """What `weights.json` says.

    Attributes:
        kind: the engine's `weights_name`.
        name: of the checkpoint.
        licence: SPDX expression or words.
        files: everything in the folder but the note.
        sources: what it was made from.
        remarks: what a user should know: parts left out, abilities that are missing.
        format: of the note.
    """

    kind: str
    name: str
    licence: str
    files: tuple[WeightsFile, ...]
    sources: tuple[SourceFile, ...] = ()
    remarks: tuple[str, ...] = ()
    format: int = _FORMAT

    @property
    def n_bytes(self) -> int:
        """Size of all files."""
        return sum(file.n_bytes for file in self.files)

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits that change with any byte of any file."""
        lines = sorted(f"{file.sha256} {file.path}" for file in self.files)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:_ID_DIGITS]


def search_path() -> tuple[Path, ...]:
    """Folders in which weights are looked for, first match wins; they need not exist."""
    named = os.environ.get(FOLDER_VARIABLE)
    base = os.environ.get("APPDATA") if os.name == "nt" else os.environ.get("XDG_DATA_HOME")
    own = (Path(base) if base else Path.home() / ".local" / "share") / "otio-v2a" / "weights"
    return (Path(named), own) if named else (own,)


def all_folders() -> tuple[Path, ...]:
    """Every weights folder on the search path, in its order, then by name."""
    found: dict[Path, None] = {}
    for place in search_path():
        inside = sorted(place.iterdir()) if place.is_dir() else []
        for folder in (place, *inside):
            # A name with a dot in front is a conversion that was broken off.
            if not folder.name.startswith(".") and (folder / NOTE_NAME).is_file():
                found[folder] = None
    return tuple(found)


def find_folder(kind: str) -> tuple[Path, WeightsNote]:
    """The first weights folder of a kind.

    Raises:
        WeightsError: there is none; the message says where it was looked for.
    """
    for folder in all_folders():
        note = read_note(folder)
        if note.kind == kind:
            return folder, note
    places = " and ".join(str(place) for place in search_path())
    raise WeightsError(
        f"there are no weights of {kind} in {places}; make them with: otio-v2a weights convert {kind} DIR "
        f"(nothing is downloaded unasked), or name their folder in {FOLDER_VARIABLE} or with --weights"
    )


def read_note(folder: Path) -> WeightsNote:
    """The note of a weights folder.

    Raises:
        WeightsError: it is missing or damaged.
    """
    path = folder / NOTE_NAME
    try:
        if path.stat().st_size > _LONGEST_NOTE_BYTES:
            raise WeightsError(f"{path} is too long for a note about weights")
        note = from_plain(WeightsNote, json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}; convert the weights again") from error
    except (ValueError, WireError, RecursionError) as error:
        raise WeightsError(f"{path} is damaged ({error}); convert the weights again") from error
    if note.format != _FORMAT:
        raise WeightsError(f"{path} has format {note.format}, this version reads {_FORMAT}; convert the weights again")
    return note


def write_note(folder: Path, note: WeightsNote) -> None:
    """Write the note of a folder that is not in place yet."""
    text = json.dumps(to_plain(note), indent=2, ensure_ascii=False) + "\n"
    (folder / NOTE_NAME).write_text(text, encoding="utf-8")


def hash_file(path: Path, *, on_bytes: Callable[[int], None] = lambda _: None) -> str:
    """SHA-256 of a file, in constant memory; `on_bytes` hears how many more were read."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
            on_bytes(len(block))
    return digest.hexdigest()


def verify(folder: Path, *, on_bytes: Callable[[int], None] = lambda _: None) -> tuple[str, ...]:
    """Everything that is wrong with a weights folder, in words; nothing when it is as it was made.

    Raises:
        WeightsError: the note is missing or damaged.
    """
    note = read_note(folder)
    wrong = []
    for file in note.files:
        path = folder / file.path
        try:
            if path.stat().st_size != file.n_bytes:
                wrong.append(f"{file.path} has {path.stat().st_size} bytes instead of {file.n_bytes}")
            elif hash_file(path, on_bytes=on_bytes) != file.sha256:
                wrong.append(f"{file.path} is damaged: its SHA-256 is not the one in {NOTE_NAME}")
        except OSError as error:
            wrong.append(f"{file.path} cannot be read: {error.strerror}")
    known = {folder / file.path for file in note.files} | {folder / NOTE_NAME}
    extra = sorted(path for path in folder.rglob("*") if path.is_file() and path not in known)
    wrong += [f"{path.relative_to(folder).as_posix()} is not in {NOTE_NAME}" for path in extra]
    return tuple(wrong)


def version_of(info: EngineInfo) -> str:
    """The version that shapes the sound: the engine's, and the weights' id where the user brought them."""
    if not info.weights_name:
        return info.version
    try:
        folder, _ = find_folder(info.weights_name)
        return f"{info.version}+{_id_of(folder, (folder / NOTE_NAME).stat().st_mtime_ns)}"
    except (WeightsError, OSError):
        return info.version


@lru_cache(maxsize=16)
def _id_of(folder: Path, mtime_ns: int) -> str:
    del mtime_ns  # a note that was written anew is read anew
    return read_note(folder).id
