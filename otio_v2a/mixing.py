"""Owns summing pieces of sound files at record positions, with fades. Knows samples only: no timeline, no takes.

Everything streams: an hour is mixed in the memory of one block.
"""

import math
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from otio_v2a.errors import StemError

__all__ = ["BLOCK", "Fade", "Part", "Reader", "cross_fade", "measure_peak", "mix", "read_blocks"]

BLOCK = 65536
"""Samples mixed in one go."""

_OPEN_FILES = 16

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Fade:
    """A fade over `[start, start + length)` in record samples; `u` runs from 0 to 1 over it.

    The gains are `sin` going in and `cos` going out, times a factor that holds the power between the two sides'
    own when their sounds are alike (`likeness` is their correlation), blended towards a straight line by
    `linear`, whose sum can never exceed either side.

    Attributes:
        start: record position of its first sample.
        length: samples.
        power_out: mean square of the sound that goes out.
        power_in: mean square of the sound that comes in.
        likeness: correlation of the two, -1 to 1.
        linear: 0 is equal power, 1 a straight line.
    """

    start: int
    length: int
    power_out: float = 0.0
    power_in: float = 0.0
    likeness: float = 0.0
    linear: float = 0.0

    def gains(self, first: int, last: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Gains `(out, in)` at record positions `[first, last)`, held before and after the fade."""
        u = np.clip((np.arange(first, last) - self.start + 0.5) / self.length, 0.0, 1.0)
        out, into = np.cos(u * np.pi / 2), np.sin(u * np.pi / 2)
        # Held exactly: cos(pi / 2) is not 0 in floating point.
        out[u >= 1.0], into[u >= 1.0] = 0.0, 1.0
        wanted = out**2 * self.power_out + into**2 * self.power_in
        shared = 2 * self.likeness * out * into * math.sqrt(self.power_out * self.power_in)
        both = wanted + shared
        factor = np.sqrt(np.divide(wanted, both, out=np.ones_like(u), where=both > 1e-20))
        factor = np.minimum(factor, math.sqrt(2))
        return (
            (1 - self.linear) * factor * out + self.linear * (1 - u),
            (1 - self.linear) * factor * into + self.linear * u,
        )


@dataclass(frozen=True)
class Part:
    """A piece of a sound file that is heard over `[start, stop)` in record samples.

    Attributes:
        path: sound file.
        offset: sample of the file that lies at record position `start`.
        start: record position of its first sample.
        stop: record position after its last.
        fade_in: fade at its start, None for none.
        fade_out: fade at its end, None for none.
        level: factor on all of it.
    """

    path: Path
    offset: int
    start: int
    stop: int
    fade_in: Fade | None = None
    fade_out: Fade | None = None
    level: float = 1.0

    def gain(self, first: int, last: int) -> npt.NDArray[np.float64] | None:
        """Gain at record positions `[first, last)`; None when it is 1 throughout."""
        gain = None
        if self.fade_in is not None and first < self.fade_in.start + self.fade_in.length:
            gain = self.fade_in.gains(first, last)[1]
        if self.fade_out is not None and last > self.fade_out.start:
            out = self.fade_out.gains(first, last)[0]
            gain = out if gain is None else gain * out
        if self.level != 1:
            gain = np.full(last - first, self.level) if gain is None else gain * self.level
        return gain


class Reader:
    """Reads pieces of sound files, holding only the last few open. Close it after use."""

    def __init__(self) -> None:
        self._files: OrderedDict[Path, Any] = OrderedDict()

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.close()
        self._files.clear()

    def read(self, path: Path, start: int, stop: int) -> Samples:
        """Samples `[start, stop)` of a file as `(channels, n)`; positions outside of the file are silence.

        Raises:
            StemError: the file is missing or damaged.
        """
        import soundfile

        try:
            file = self._open(path)
            first, last = min(max(start, 0), file.frames), min(max(stop, 0), file.frames)
            file.seek(first)
            inside = file.read(last - first, dtype="float32", always_2d=True).T
        except (OSError, soundfile.SoundFileError) as error:
            raise StemError(f"{path} cannot be read: {error}; render its take again") from error
        if inside.shape[1] != last - first:
            raise StemError(f"{path} ends early, at sample {first + inside.shape[1]}; render its take again")
        if inside.shape[1] == stop - start:
            return np.ascontiguousarray(inside)
        # Before the file's start (`first - start`) and after its end there is silence.
        whole = np.zeros((inside.shape[0], stop - start), dtype=np.float32)
        if last > first:
            whole[:, first - start : last - start] = inside
        return whole

    def _open(self, path: Path) -> Any:
        import soundfile

        if path in self._files:
            self._files.move_to_end(path)
        else:
            self._files[path] = soundfile.SoundFile(str(path))
            while len(self._files) > _OPEN_FILES:
                self._files.popitem(last=False)[1].close()
        return self._files[path]


def read_blocks(path: Path, start: int, stop: int, *, channels: int) -> Iterator[Samples]:
    """Samples `[start, stop)` of a file in blocks `(channels, n)`; positions outside of the file are silence."""
    with Reader() as reader:
        for first in range(start, stop, BLOCK):
            yield _with_channels(reader.read(path, first, min(first + BLOCK, stop)), channels)


def mix(parts: Iterable[Part], *, start: int, stop: int, channels: int) -> Iterator[Samples]:
    """The sum of the parts over `[start, stop)` in record samples, in blocks `(channels, n)`. Silence between them.

    Raises:
        StemError: a file is missing or damaged.
    """
    waiting = sorted(parts, key=lambda part: part.start, reverse=True)
    sounding: list[Part] = []
    with Reader() as reader:
        for first in range(start, stop, BLOCK):
            last = min(first + BLOCK, stop)
            while waiting and waiting[-1].start < last:
                sounding.append(waiting.pop())
            sounding = [part for part in sounding if part.stop > first]
            block = np.zeros((channels, last - first), dtype=np.float32)
            for part in sounding:
                a, b = max(part.start, first), min(part.stop, last)
                piece = reader.read(part.path, part.offset + a - part.start, part.offset + b - part.start)
                gain = part.gain(a, b)
                if gain is not None:
                    piece = piece * gain.astype(np.float32)
                block[:, a - first : b - first] += _with_channels(piece, channels)
            yield block


def _with_channels(samples: Samples, channels: int) -> Samples:
    """The same sound on another number of channels: mono goes to both sides, sides are averaged to mono."""
    if samples.shape[0] == channels:
        return samples
    if samples.shape[0] == 1:
        return np.repeat(samples, channels, axis=0)
    return np.repeat(samples.mean(axis=0, keepdims=True), channels, axis=0)


def measure_peak(blocks: Iterable[Samples]) -> float:
    """Highest absolute sample value."""
    return max((float(np.abs(block).max(initial=0.0)) for block in blocks), default=0.0)


def cross_fade(before: Samples, after: Samples, *, start: int) -> Fade:
    """The fade from one sound to another, both given over the whole fade as `(channels, n)`.

    Powers and likeness are measured, so that neither like nor unlike sounds dip or swell, and the sum of two
    sounds within full scale stays within it.
    """
    n = min(before.shape[1], after.shape[1])
    a, b = before[:, :n].astype(np.float64), after[:, :n].astype(np.float64)
    if a.shape[0] != b.shape[0]:
        a, b = a.mean(axis=0, keepdims=True), b.mean(axis=0, keepdims=True)
    power_out, power_in = float(np.mean(a**2)), float(np.mean(b**2))
    likeness = 0.0
    if power_out > 1e-14 and power_in > 1e-14:
        likeness = float(np.clip(np.mean(a * b) / math.sqrt(power_out * power_in), -1.0, 1.0))
    for linear in (0.0, 0.25, 0.5, 0.75, 1.0):
        fade = Fade(start=start, length=n, power_out=power_out, power_in=power_in, likeness=likeness, linear=linear)
        out, into = fade.gains(start, start + n)
        if float(np.abs(a * out + b * into).max(initial=0.0)) <= max(1.0, _peaks((a, b))):
            break
    return fade


def _peaks(sounds: Sequence[npt.NDArray[np.float64]]) -> float:
    return max(float(np.abs(sound).max(initial=0.0)) for sound in sounds)
