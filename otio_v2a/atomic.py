"""Owns putting a file in place at once or not at all. Knows nothing of what is in it."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["atomic_file", "atomic_path"]


@contextmanager
def atomic_path(path: Path, *, sync_folder: bool = True) -> Iterator[Path]:
    """A fresh path beside `path`, with its suffix, for writers that want a name; moved into place when the block ends.

    A failure leaves what was at `path`. A symlink at `path` is replaced; its target is never written. Without
    `sync_folder` a power cut may still take back the new name (never half the file), until somebody syncs the folder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem[:40]}.{secrets.token_hex(6)}.partial{path.suffix}")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
        if sync_folder:
            _sync_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """A new file beside `path`, open for reading and writing bytes, that takes its place when the block ends.

    A failure leaves what was at `path`. A symlink at `path` is replaced; its target is never written.
    """
    with atomic_path(path) as temporary:
        # O_EXCL neither follows nor reuses what somebody may have planted under the name.
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(temporary, flags, 0o666), "w+b") as file:
            yield file


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where folders can be opened (not on Windows)."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
