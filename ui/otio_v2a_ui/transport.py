"""Where playback is and where it goes: plays, shuttles, loops, and tells the time that is heard. Knows no Qt.

The device asks for blocks ahead of time; the clock is what it has sounded, so the transport remembers which position
every block it gave began at. `produce` is called by the audio thread, all else by any.
"""

import threading
from collections import deque
from dataclasses import dataclass

import numpy as np

from otio_v2a_ui.mixer import Block, StemMixer

__all__ = ["SPEEDS", "Transport"]

SPEEDS = (1.0, 2.0, 4.0, 8.0)
"""What J and L step through, times as fast as the cut."""

_LONGEST_MEMORY = 512

_CROSSING = 480
"""Samples of the way from one take to another."""


@dataclass(frozen=True)
class _Stretch:
    """From this output sample on, this position is heard, moving by `step` samples of the clip each."""

    output: int
    position: float
    step: float


class Transport:
    """The play head of one clip.

    Positions are seconds of clip time, from 0 to the clip's length.
    """

    def __init__(self, mixer: StemMixer) -> None:
        """Stand still at the start."""
        self._lock = threading.RLock()
        self._mixer = mixer
        self._next = 0.0
        self._speed = 0.0
        self._is_looping = False
        self._loop: tuple[float, float] | None = None
        self._produced = 0
        self._stretches: deque[_Stretch] = deque(maxlen=_LONGEST_MEMORY)
        self._end_output: int | None = None
        self._leaving: StemMixer | None = None

    @property
    def sample_rate(self) -> int:
        """Hz of what is produced."""
        return self._mixer.sample_rate

    @property
    def speed(self) -> float:
        """Clip seconds per second; 0 stands still, negative runs backwards."""
        return self._speed

    @property
    def duration_s(self) -> float:
        """Length of the clip."""
        return self._mixer.n_samples / self._mixer.sample_rate

    @property
    def is_looping(self) -> bool:
        """Whether it starts over at the end."""
        return self._is_looping

    def set_mixer(self, mixer: StemMixer) -> None:
        """Hear other stems of the same clip from the same place on, going over to them in a moment."""
        with self._lock:
            self._leaving = self._mixer if self._speed else None
            if not self._speed:
                self._mixer.close()
            self._mixer = mixer
            self._next = min(self._next, float(mixer.n_samples))

    def set_loop(self, on: bool, region_s: tuple[float, float] | None = None) -> None:
        """Start over at the end of the clip, or of a region of it."""
        with self._lock:
            self._is_looping = on
            self._loop = region_s

    def start(self, position_s: float, speed: float) -> None:
        """Run from a position. What was produced before must not be heard any more (`cut`)."""
        with self._lock:
            self._next = min(max(position_s, 0.0), self.duration_s) * self.sample_rate
            low, high = self._range()
            if speed > 0 and self._next >= high:
                self._next = low
            elif speed < 0 and self._next <= low:
                self._next = high
            self._speed = speed
            self._end_output = None
            self._stretches.append(_Stretch(self._produced, self._next, speed))

    def stop(self) -> None:
        """Produce silence from here on."""
        with self._lock:
            self._speed = 0.0

    def cut(self, heard: int) -> None:
        """Forget what was produced after an output sample, and count on from it."""
        with self._lock:
            self._produced = heard
            while self._stretches and self._stretches[-1].output >= heard:
                self._stretches.pop()
            self._end_output = None

    def produce(self, n: int) -> Block:
        """The next `n` output samples, `(2, n)`; silence after the end."""
        with self._lock:
            block = np.zeros((2, n), np.float32)
            done = 0
            while done < n and self._speed and self._end_output is None:
                low, high = self._range()
                step = self._speed
                left = (high - self._next) / step if step > 0 else (self._next - low) / -step
                count = min(n - done, max(0, int(np.ceil(left))))
                if count == 0:
                    if not self._is_looping:
                        self._end_output = self._produced + done
                        self._next = high if step > 0 else low
                        break
                    self._next = low if step > 0 else high
                    if high - low < 1:
                        break
                    continue
                self._note(self._produced + done, self._next, step)
                block[:, done : done + count] = self._read(count, step)
                self._next += step * count
                done += count
            self._produced += n
            return block

    def _read(self, n: int, step: float) -> Block:
        sound = self._mixer.read(self._next, n, step=step)
        if self._leaving is not None:
            up = np.minimum(np.arange(1, n + 1, dtype=np.float32) / _CROSSING, 1)
            sound = sound * up + self._leaving.read(self._next, n, step=step) * (1 - up)
            self._leaving.close()
            self._leaving = None
        return sound

    def close(self) -> None:
        """Let go of the files; nothing is produced afterwards."""
        with self._lock:
            self._speed = 0.0
            self._mixer.close()
            if self._leaving is not None:
                self._leaving.close()
                self._leaving = None

    def broken(self) -> tuple[str, ...]:
        """Stems that cannot be read, in words."""
        return tuple(self._mixer.broken.values())

    def position_s(self, heard: float) -> float:
        """Clip time that is heard when the device has sounded so many output samples."""
        with self._lock:
            if self._end_output is not None and heard >= self._end_output:
                return self._next / self.sample_rate
            found = None
            for stretch in reversed(self._stretches):
                if stretch.output <= heard:
                    found = stretch
                    break
            if found is None:
                found = self._stretches[0] if self._stretches else None
                if found is None:
                    return self._next / self.sample_rate
                return found.position / self.sample_rate
            return (found.position + (heard - found.output) * found.step) / self.sample_rate

    def has_ended(self, heard: float) -> bool:
        """Whether the end is reached and has been heard."""
        with self._lock:
            return self._end_output is not None and heard >= self._end_output

    def _note(self, output: int, position: float, step: float) -> None:
        last = self._stretches[-1] if self._stretches else None
        if last is not None and last.step == step:
            expected = last.position + (output - last.output) * step
            if abs(expected - position) < 1e-6:
                return
        self._stretches.append(_Stretch(output, position, step))

    def _range(self) -> tuple[float, float]:
        if self._is_looping and self._loop is not None:
            low, high = (at * self.sample_rate for at in self._loop)
            return max(0.0, low), min(high, float(self._mixer.n_samples))
        return 0.0, float(self._mixer.n_samples)
