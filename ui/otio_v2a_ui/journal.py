"""Owns the panel's journal: every edit as a line on disk, at once, until the timeline holds it. Knows no Qt, no edits.

A line is handed to the system before `add` returns, so that a crash of the program loses nothing; a thread then asks
the system to bring it to the disk, so that a power cut loses half a second at most and no caller waits for a disk.
"""

import contextlib
import hashlib
import json
import logging
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from otio_v2a.atomic import atomic_file
from otio_v2a.errors import CutError
from otio_v2a.filelock import FileLock, LockedElsewhere

__all__ = ["Journal", "journal_path"]

_log = logging.getLogger(__name__)

_VERSION = 1
_SYNC_S = 0.5


def journal_path(cut: Path, *, folder: Path) -> Path:
    """The journal of a cut: one per absolute path."""
    path = cut.absolute()
    digest = hashlib.blake2b(os.fsencode(path), digest_size=8).hexdigest()
    return folder / "journals" / f"{path.stem[:40]}-{digest}.jsonl"


class Journal:
    """The edits that no timeline holds yet. Held by one panel at a time."""

    def __init__(self, path: Path, *, cut: Path) -> None:
        """Open or begin a journal; `entries` are what an earlier session left.

        Raises:
            CutError: another panel has it, or it cannot be written.
        """
        self.path = path
        self._cut = str(cut)
        self._lock = FileLock(path.with_suffix(".lock"))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.__enter__()
        except LockedElsewhere as error:
            raise CutError(f"{cut} is open in another panel ({error.holder}); close it there first") from error
        except OSError as error:
            raise CutError(f"edits cannot be kept in {path.parent}: {error.strerror or error}") from error
        self._guard = threading.Lock()
        self._dirty = threading.Event()
        self._closed = threading.Event()
        self.entries = _read(path)
        self._lines = [_line(entry) for entry in self.entries]
        self._file = self._begin()
        self._thread = threading.Thread(target=self._sync_often, name="journal", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, entry: Mapping[str, Any]) -> None:
        """Write one edit. A disk that refuses is logged: editing goes on."""
        line = _line(entry)
        with self._guard:
            self._lines.append(line)
            try:
                self._file.write(line)
                self._file.flush()
            except (OSError, ValueError) as error:
                _log.error("the journal %s cannot be written: %s", self.path, error)
        self._dirty.set()

    def forget(self, count: int) -> None:
        """Drop the first `count` edits: a timeline holds them now."""
        with self._guard:
            self._lines = self._lines[count:]
            self._file.close()
            self._file = self._begin()

    def close(self) -> None:
        """Bring everything to the disk and let the journal go; an empty one is removed."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._dirty.set()
        self._thread.join()
        with self._guard:
            self._sync()
            self._file.close()
            if not self._lines:
                self.path.unlink(missing_ok=True)
        self._lock.__exit__(None, None, None)

    def _begin(self) -> BinaryIO:
        with atomic_file(self.path) as file:
            file.write(_line({"version": _VERSION, "cut": self._cut}))
            file.writelines(self._lines)
        return self.path.open("ab")

    def _sync_often(self) -> None:
        while not self._closed.is_set():
            self._dirty.wait()
            self._dirty.clear()
            with self._guard:
                self._sync()
            self._closed.wait(_SYNC_S)

    def _sync(self) -> None:
        if not self._file.closed:
            with contextlib.suppress(OSError):
                os.fsync(self._file.fileno())


def _line(entry: Mapping[str, Any]) -> bytes:
    return json.dumps(entry, ensure_ascii=False, default=str).encode() + b"\n"


def _read(path: Path) -> tuple[dict[str, Any], ...]:
    """The whole lines of a journal; a last line that a crash cut short is left out."""
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise CutError(f"the edits of an earlier session in {path} cannot be read: {error.strerror}") from error
    entries = []
    for line in lines:
        if not line:
            continue
        try:
            entry = json.loads(line)
        except ValueError:
            _log.warning("a damaged line of %s is left out", path)
            continue
        if isinstance(entry, dict) and "version" not in entry:
            entries.append(entry)
    return tuple(entries)
