"""Where sound goes: a device, or nowhere at the same pace. Knows blocks and output samples, no stems and no clock.

A sink is used by one thread. It says how much it takes and how much of it has sounded; `flush` forgets what has not.
"""

import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from PySide6.QtMultimedia import QAudio, QAudioFormat, QAudioSink, QMediaDevices

__all__ = ["DeviceSink", "NullSink", "Sink", "default_sink"]

Block = npt.NDArray[np.float32]

_BUFFER_S = 0.12
"""Sound that waits in a device: long enough for a busy machine, short enough to answer a mute at once."""


class Sink(Protocol):
    """Takes sound and plays it at `sample_rate`."""

    @property
    def sample_rate(self) -> int:
        """Hz."""
        ...

    @property
    def note(self) -> str:
        """What the user should know of it; empty when all is well."""
        ...

    def start(self) -> None:
        """Begin to sound what is written."""
        ...

    def free(self) -> int:
        """Samples that it takes now."""
        ...

    def write(self, block: Block) -> None:
        """Take `(2, n)` samples, at most `free()`."""
        ...

    def heard(self) -> float:
        """Samples that have sounded since it was made."""
        ...

    def flush(self) -> int:
        """Stop, and forget what has not sounded. Returns `heard`, from which on samples are counted."""
        ...

    def close(self) -> None:
        """Give the device back."""
        ...


class NullSink:
    """Plays to nobody, with a real clock: for machines without a sound device, and for tests."""

    def __init__(
        self, *, sample_rate: int = 48000, note: str = "", now: Callable[[], float] = time.perf_counter
    ) -> None:
        """`now` is its clock, in seconds."""
        self._sample_rate = sample_rate
        self._note = note
        self._now = now
        self._capacity = round(_BUFFER_S * sample_rate)
        self._written = 0
        self._heard = 0.0
        self._at: float | None = None

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self._sample_rate

    @property
    def note(self) -> str:
        """Why nothing is heard."""
        return self._note

    def start(self) -> None:
        """Let its clock run."""
        if self._at is None:
            self._at = self._now()

    def free(self) -> int:
        """Samples that fit."""
        return max(0, self._capacity - int(self._written - self.heard()))

    def write(self, block: Block) -> None:
        """Take samples."""
        self.heard()  # What ran dry before this block came is not made up for, as with a device.
        self._written += block.shape[1]

    def heard(self) -> float:
        """Samples that its clock has passed."""
        if self._at is not None:
            now = self._now()
            self._heard = min(float(self._written), self._heard + (now - self._at) * self._sample_rate)
            self._at = now
        return self._heard

    def flush(self) -> int:
        """Stop the clock."""
        self._written = int(self.heard())
        self._heard = float(self._written)
        self._at = None
        return self._written

    def close(self) -> None:
        """Nothing to give back."""
        self.flush()


class DeviceSink:
    """The system's sound device. Lives in the thread that made it."""

    def __init__(self, device: Any) -> None:
        """Open a `QAudioDevice` at 48 kHz, or at what it likes best."""
        wanted = QAudioFormat()
        wanted.setSampleRate(48000)
        wanted.setChannelCount(2)
        wanted.setSampleFormat(QAudioFormat.SampleFormat.Float)
        if not device.isFormatSupported(wanted):
            wanted.setSampleRate(device.preferredFormat().sampleRate())
        if not device.isFormatSupported(wanted):
            wanted.setSampleFormat(QAudioFormat.SampleFormat.Int16)
        self._is_float = wanted.sampleFormat() == QAudioFormat.SampleFormat.Float
        self._frame_bytes = wanted.bytesPerFrame()
        self._sample_rate = int(wanted.sampleRate())
        self._sink = QAudioSink(device, wanted)
        self._sink.setBufferSize(round(_BUFFER_S * self._sample_rate) * self._frame_bytes)
        self._io: Any = None
        self._base = 0
        self._written = 0
        self._is_lost = False

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self._sample_rate

    @property
    def note(self) -> str:
        """Whether the device has gone."""
        return "The sound device does not answer" if self._is_lost else ""

    def start(self) -> None:
        """Let it run."""
        if self._io is None:
            self._io = self._sink.start()
            self._is_lost = self._io is None or self._sink.error() == QAudio.Error.OpenError

    def free(self) -> int:
        """Samples that fit."""
        return 0 if self._io is None else int(self._sink.bytesFree()) // self._frame_bytes

    def write(self, block: Block) -> None:
        """Take samples; what the device does not take is lost."""
        if self._io is None:
            return
        held = np.clip(block, -1, 1).T
        data = held.astype("<f4") if self._is_float else np.rint(held * 32767).astype("<i2")
        taken = self._io.write(np.ascontiguousarray(data).tobytes())
        self._written += max(0, int(taken)) // self._frame_bytes

    def heard(self) -> float:
        """Samples that have left the buffer."""
        if self._io is None:
            return float(self._base + self._written)
        waiting = max(0, int(self._sink.bufferSize()) - int(self._sink.bytesFree())) // self._frame_bytes
        return float(self._base + max(0, self._written - waiting))

    def flush(self) -> int:
        """Stop the device and empty its buffer."""
        heard = int(self.heard())
        if self._io is not None:
            self._sink.reset()
            self._sink.stop()
            self._io = None
        self._base, self._written = heard, 0
        return heard

    def close(self) -> None:
        """Give the device back."""
        self.flush()


def default_sink() -> Sink:
    """The system's device, or a silent one that says so."""
    device = QMediaDevices.defaultAudioOutput()
    if device.isNull():
        return NullSink(note="No sound device: playing without sound")
    return DeviceSink(device)
