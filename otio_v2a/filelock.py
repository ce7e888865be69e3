"""Owns an exclusive lock on a path that dies with its process. Knows nothing of what it guards.

The operating system holds the lock, so a killed process leaves none. File systems that cannot lock fall back to
a file that names its holder and counts as stale when that process is gone.
"""

import errno
import json
import os
import socket
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import IO

__all__ = ["FileLock", "LockedElsewhere"]

_CANNOT_LOCK = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


class LockedElsewhere(Exception):
    """Another process holds the lock; `holder` says which, in words."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder


class FileLock:
    """A context manager that holds `path` exclusively. The file stays behind; only the lock goes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None

    def __enter__(self) -> "FileLock":
        """Take the lock at once.

        Raises:
            LockedElsewhere: another process has it.
            OSError: the file cannot be written.
        """
        file = self._path.open("a+", encoding="utf-8")
        try:
            _lock(file)
        except BlockingIOError:
            file.close()
            raise LockedElsewhere(_describe(_read(self._path))) from None
        except OSError as error:
            if error.errno not in _CANNOT_LOCK:
                file.close()
                raise
            holder = _read(self._path)
            if holder and not _is_stale(holder):
                file.close()
                raise LockedElsewhere(_describe(holder)) from None
        file.seek(0)
        file.truncate()
        json.dump({"pid": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%Y-%m-%d %H:%M")}, file)
        file.flush()
        self._file = file
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the lock go."""
        if self._file is not None:
            self._file.seek(0)
            self._file.truncate()
            self._file.close()
            self._file = None


def _lock(file: IO[str]) -> None:
    if sys.platform == "win32":
        import msvcrt

        try:
            # One byte far beyond the text, so that others can still read who holds it.
            os.lseek(file.fileno(), 1 << 20, os.SEEK_SET)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError(error.errno, "locked") from error
    else:
        import fcntl

        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


def _read(path: Path) -> dict[str, object]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def _describe(holder: dict[str, object]) -> str:
    if not holder:
        return "of an unknown process"
    return f"process {holder.get('pid')} on {holder.get('host')}, since {holder.get('since')}"


def _is_stale(holder: dict[str, object]) -> bool:
    """Whether the holder surely is gone; a process of another machine never is."""
    pid = holder.get("pid")
    if holder.get("host") != socket.gethostname() or not isinstance(pid, int):
        return False
    if pid == os.getpid():
        return True
    if os.name != "posix":
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
