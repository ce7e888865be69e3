"""What waveforms and spectrograms are drawn from: highest and lowest samples, levels by frequency. Knows no Qt.

Files are read once, block by block, in one thread of its own; what was read is remembered by file, time and size.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from otio_v2a_ui.onsets import BandLevels

__all__ = ["Analyst", "Peaks", "Sonogram", "SoundPicture", "look_at"]

_log = logging.getLogger(__name__)

_BIN = 128
"""Samples of the finest peaks."""
_COARSER = 4
_WINDOW = 2048
_MOST_COLUMNS = 4096
_BANDS = 112
_LOWEST_HZ, _HIGHEST_HZ = 40.0, 20000.0
_FLOOR_DB, _CEILING_DB = -95.0, -15.0


@dataclass(frozen=True)
class Peaks:
    """Lowest and highest samples of a mono mix, at several resolutions.

    Attributes:
        sample_rate: Hz of the file.
        n_samples: its length.
        levels: `(n, 2)` each, lowest and highest of every 128, 512, 2048... samples.
    """

    sample_rate: int
    n_samples: int
    levels: tuple[npt.NDArray[np.float32], ...]

    def columns(self, first_s: float, last_s: float, n: int) -> npt.NDArray[np.float32]:
        """Lowest and highest sample for each of `n` equal parts of a time range, `(n, 2)`; silence outside the file."""
        edges = np.linspace(first_s, last_s, n + 1) * self.sample_rate
        per_column = max((edges[-1] - edges[0]) / max(n, 1), 1e-9)
        level, size = 0, _BIN
        while level + 1 < len(self.levels) and size * _COARSER <= per_column:
            level, size = level + 1, size * _COARSER
        table = self.levels[level]
        found = np.zeros((n, 2), np.float32)
        if not len(table):
            return found
        starts = np.floor(edges[:-1] / size).astype(int)
        stops = np.maximum(np.ceil(edges[1:] / size).astype(int), starts + 1)
        inside = (stops > 0) & (starts < len(table))
        starts, stops = np.clip(starts, 0, len(table) - 1), np.clip(stops, 1, len(table))
        # `reduceat` takes pairs of borders; the stretches between the pairs are thrown away.
        borders = np.stack([starts, np.minimum(stops, len(table))], axis=1).reshape(-1)
        padded = np.vstack([table, table[-1:]])
        found[:, 0] = np.minimum.reduceat(padded[:, 0], borders)[::2]
        found[:, 1] = np.maximum.reduceat(padded[:, 1], borders)[::2]
        found[~inside] = 0
        return found


@dataclass(frozen=True)
class Sonogram:
    """Levels by frequency over time.

    Attributes:
        levels: `(columns, bands)` from 0 (quiet) to 255 (loud); bands rise in equal musical steps.
        seconds_per_column: time between columns; the first is centred on the file's start.
    """

    levels: npt.NDArray[np.uint8]
    seconds_per_column: float

    @staticmethod
    def hz_of(part: float) -> float:
        """Frequency at a height from 0 to 1."""
        return float(_LOWEST_HZ * (_HIGHEST_HZ / _LOWEST_HZ) ** part)


@dataclass(frozen=True)
class SoundPicture:
    """All that is drawn of a file; onsets are in seconds from its start."""

    path: Path
    peaks: Peaks
    sonogram: Sonogram
    onsets_s: tuple[float, ...] = ()


def look_at(path: Path, *, cancelled: Callable[[], bool] = lambda: False) -> SoundPicture:
    """Read a sound file once, for its peaks and its sonogram.

    Raises:
        OSError: it is missing or damaged, or `cancelled` answered True.
    """
    import soundfile

    try:
        with soundfile.SoundFile(str(path)) as file:
            rate, n_samples = file.samplerate, file.frames
            hop = max(_WINDOW // 4, -(-n_samples // _MOST_COLUMNS))
            bands = _bands(rate)
            bands_over_time = BandLevels(rate)
            window = np.hanning(_WINDOW).astype(np.float32)
            lows: list[npt.NDArray[np.float32]] = []
            columns: list[npt.NDArray[np.uint8]] = []
            # The sound around the end of what was read, for windows that reach over a block's border.
            tail = np.zeros(_WINDOW // 2, np.float32)
            tail_start = -(_WINDOW // 2)
            at, next_centre = 0, 0
            for block in file.blocks(blocksize=_BIN * 512, dtype="float32", always_2d=True):
                if cancelled():
                    raise OSError(f"{path} is not looked at any more")
                mono = block.mean(axis=1)
                bands_over_time.add(mono)
                lows.append(_extremes(mono, _BIN))
                at += len(mono)
                sound = np.concatenate([tail, mono])
                if at >= n_samples:
                    sound = np.concatenate([sound, np.zeros(_WINDOW, np.float32)])
                first = next_centre - _WINDOW // 2 - tail_start
                starts = np.arange(first, len(sound) - _WINDOW + 1, hop)
                if at >= n_samples:
                    starts = starts[starts + tail_start + _WINDOW // 2 <= n_samples]
                if len(starts):
                    columns.append(_levels(sound, starts, window, bands))
                    next_centre += hop * len(starts)
                keep = max(0, next_centre - _WINDOW // 2 - tail_start)
                tail, tail_start = sound[keep:], tail_start + keep
    except soundfile.SoundFileError as error:
        raise OSError(f"{path} cannot be read: {error}") from error
    finest = np.concatenate(lows) if lows else np.zeros((0, 2), np.float32)
    levels = [finest]
    while len(levels[-1]) > 256:
        levels.append(_coarser(levels[-1]))
    table = np.concatenate(columns) if columns else np.zeros((0, _BANDS), np.uint8)
    return SoundPicture(
        path=path,
        peaks=Peaks(sample_rate=rate, n_samples=n_samples, levels=tuple(levels)),
        sonogram=Sonogram(levels=table, seconds_per_column=hop / rate),
        onsets_s=bands_over_time.onsets_s(),
    )


class Analyst:
    """Looks at sound files in a thread of its own, the latest wish first, and remembers the last few hundred."""

    def __init__(self, *, remembered: int = 256, work: Callable[..., Any] = look_at) -> None:
        """`work` is what is done with a file."""
        self._remembered = remembered
        self._work = work
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[Path, int, int], Any] = OrderedDict()
        self._waiting: dict[Path, list[Callable[[Any], None]]] = {}
        self._order: list[Path] = []
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="analyst")
        self._is_closed = False

    def get(self, path: Path) -> Any | None:
        """What is known of a file as it is now; None as long as it has not been looked at."""
        key = _key(path)
        with self._lock:
            found = self._known.get(key) if key else None
            if found is not None and key is not None:
                self._known.move_to_end(key)
            return found

    def ask(self, path: Path, done: Callable[[Any], None]) -> None:
        """Call `done` with what is found, in the analyst's thread; with None when the file cannot be read."""
        with self._lock:
            if self._is_closed:
                return
            if path in self._waiting:
                self._waiting[path].append(done)
                return
            self._waiting[path] = [done]
            self._order.append(path)
        future: Future[None] = self._pool.submit(self._next)
        future.add_done_callback(_report)

    def close(self) -> None:
        """Stop; what has not been looked at is not."""
        with self._lock:
            self._is_closed = True
            self._waiting.clear()
            self._order.clear()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _next(self) -> None:
        with self._lock:
            if not self._order:
                return
            path = self._order.pop()
        found = self.get(path)
        if found is None:
            key = _key(path)
            try:
                found = self._work(path, cancelled=lambda: self._is_closed)
            except (OSError, ValueError) as error:
                if not self._is_closed:
                    _log.info("%s", error)
            else:
                with self._lock:
                    if key is not None:
                        self._known[key] = found
                    while len(self._known) > self._remembered:
                        self._known.popitem(last=False)
        with self._lock:
            callbacks = self._waiting.pop(path, [])
        for callback in callbacks:
            callback(found)


def _report(future: "Future[None]") -> None:
    if not future.cancelled() and future.exception() is not None:
        _log.error("a sound could not be looked at", exc_info=future.exception())


def _key(path: Path) -> tuple[Path, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return path, stat.st_mtime_ns, stat.st_size


def _extremes(mono: npt.NDArray[np.float32], size: int) -> npt.NDArray[np.float32]:
    borders = np.arange(0, len(mono), size)
    return np.stack([np.minimum.reduceat(mono, borders), np.maximum.reduceat(mono, borders)], axis=1)


def _coarser(table: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    borders = np.arange(0, len(table), _COARSER)
    return np.stack([np.minimum.reduceat(table[:, 0], borders), np.maximum.reduceat(table[:, 1], borders)], axis=1)


def _bands(rate: int) -> npt.NDArray[np.int64]:
    """First and last bin `(2, bands)` of musical steps; narrow low bands share a bin."""
    bins = np.fft.rfftfreq(_WINDOW, 1 / rate)
    edges = _LOWEST_HZ * (_HIGHEST_HZ / _LOWEST_HZ) ** (np.arange(_BANDS + 1) / _BANDS)
    borders = np.searchsorted(bins, edges)
    nearest = np.clip(np.round((edges[:-1] + edges[1:]) / 2 * _WINDOW / rate).astype(int), 0, len(bins) - 1)
    is_narrow = borders[1:] <= borders[:-1]
    first = np.where(is_narrow, nearest, np.minimum(borders[:-1], len(bins) - 1))
    return np.stack([first, np.where(is_narrow, nearest + 1, np.minimum(borders[1:], len(bins)))])


def _levels(
    sound: npt.NDArray[np.float32],
    starts: npt.NDArray[np.int64],
    window: npt.NDArray[np.float32],
    bands: npt.NDArray[np.int64],
) -> npt.NDArray[np.uint8]:
    frames = np.lib.stride_tricks.sliding_window_view(sound, _WINDOW)[starts] * window
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2 / float((window**2).sum() * _WINDOW / 2)
    # Sums by differences, not by a matrix: its threads would fight the picture's decoder.
    sums = np.concatenate([np.zeros((len(power), 1)), np.cumsum(power, axis=1)], axis=1)
    first, last = bands
    means = np.maximum(sums[:, last] - sums[:, first], 0) / (last - first)
    scaled = (10 * np.log10(means + 1e-12) - _FLOOR_DB) / (_CEILING_DB - _FLOOR_DB)
    table: npt.NDArray[np.uint8] = np.clip(scaled * 255, 0, 255).astype(np.uint8)
    return table
