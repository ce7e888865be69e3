"""Writes float32 WAV files as a stream, RF64 when large; a file appears whole or not at all. Knows no engine.

The sound goes to `<name>.partial` in the same folder and takes its final name when it is whole. That outlives any end
of the process; to outlive a power cut too, the file must be synced by who keeps it (`otio_v2a.takes` does).
"""

import errno
import os
import shutil
import struct
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from otio_v2a_engine.contract import EngineError

__all__ = ["LARGEST_WAV_BYTES", "OutputError", "WavWriter", "partial_path"]

LARGEST_WAV_BYTES = 2**32 - 1
"""Largest file that plain RIFF sizes can say; above it the file is RF64 (EBU Tech 3306)."""

_FORMAT_FLOAT = 3
_BYTES_PER_SAMPLE = 4
_UNKNOWN_SIZE = 2**32 - 1
_SPARE_BYTES = 16 * 2**20
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class OutputError(EngineError):
    """The sound file cannot be written; the message names it and what to do."""


def partial_path(path: Path) -> Path:
    """Where the file at `path` grows until it is whole."""
    return path.with_name(path.name + ".partial")


class WavWriter:
    """A context that writes exactly `n_samples` samples per channel; an exception leaves nothing behind.

    Raises:
        OutputError: the folder is missing, not writable or full.
    """

    def __init__(
        self,
        path: Path,
        *,
        sample_rate: int,
        channels: int,
        n_samples: int,
        largest_wav_bytes: int = LARGEST_WAV_BYTES,
    ) -> None:
        self._path = path
        self._partial = partial_path(path)
        self._channels = channels
        self._n_samples = n_samples
        self._written = 0
        header = _header(sample_rate, channels=channels, n_samples=n_samples, largest=largest_wav_bytes)
        self._descriptor = -1
        try:
            _check_space(path, needed=len(header) + n_samples * channels * _BYTES_PER_SAMPLE)
            self._partial.unlink(missing_ok=True)
            # O_EXCL: never write through a link that somebody planted under the name.
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            self._descriptor = os.open(self._partial, flags, 0o666)
            self._write(header)
        except OSError as error:
            self.abort()
            raise self._error(error) from error

    def __enter__(self) -> "WavWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.commit()
        else:
            self.abort()

    def write(self, block: npt.NDArray[np.float32]) -> None:
        """Append a block, float32 `(channels, n)`.

        Raises:
            OutputError: the disk is full or gone; the partial file is removed.
        """
        if block.ndim != 2 or block.shape[0] != self._channels:
            raise ValueError(f"{self._path}: a block must be ({self._channels}, n), not {block.shape}")
        if self._written + block.shape[1] > self._n_samples:
            raise ValueError(f"{self._path}: more than the announced {self._n_samples} samples")
        try:
            self._write(np.ascontiguousarray(block.T, dtype="<f4").tobytes())
        except OSError as error:
            self.abort()
            raise self._error(error) from error
        self._written += block.shape[1]

    def commit(self) -> None:
        """Give the file its name."""
        if self._written != self._n_samples:
            self.abort()
            raise ValueError(f"{self._path}: {self._written} samples written, {self._n_samples} announced")
        try:
            os.close(self._descriptor)
            self._descriptor = -1
            os.replace(self._partial, self._path)
        except OSError as error:
            self.abort()
            raise self._error(error) from error

    def abort(self) -> None:
        """Remove what was written; may be called twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            self._partial.unlink(missing_ok=True)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def _error(self, error: OSError) -> OutputError:
        if error.errno in _FULL:
            return OutputError(f"no space left to write {self._path}; free some and render again")
        return OutputError(f"cannot write {self._path}: {error.strerror or error}")


def _check_space(path: Path, *, needed: int) -> None:
    if shutil.disk_usage(path.parent).free < needed + _SPARE_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _header(sample_rate: int, *, channels: int, n_samples: int, largest: int) -> bytes:
    """RIFF (or RF64 with a ds64 chunk), fmt, fact and the head of the data chunk."""
    frame_bytes = channels * _BYTES_PER_SAMPLE
    data_bytes = n_samples * frame_bytes
    fmt = struct.pack(
        "<4sIHHIIHHH",
        b"fmt ",
        18,
        _FORMAT_FLOAT,
        channels,
        sample_rate,
        sample_rate * frame_bytes,
        frame_bytes,
        8 * _BYTES_PER_SAMPLE,
        0,
    )
    fact_and_data_heads = 12 + 8
    riff_bytes = 4 + len(fmt) + fact_and_data_heads + data_bytes
    if riff_bytes + 8 <= largest:
        start = struct.pack("<4sI4s", b"RIFF", riff_bytes, b"WAVE")
        counts = (n_samples, data_bytes)
    else:
        ds64 = struct.pack("<4sIQQQI", b"ds64", 28, riff_bytes + 36, data_bytes, n_samples, 0)
        start = struct.pack("<4sI4s", b"RF64", _UNKNOWN_SIZE, b"WAVE") + ds64
        counts = (_UNKNOWN_SIZE, _UNKNOWN_SIZE)
    return start + fmt + struct.pack("<4sII4sI", b"fact", 4, counts[0], b"data", counts[1])
