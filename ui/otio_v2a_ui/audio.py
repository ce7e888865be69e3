"""Owns playback of sound: the thread that feeds the device, and the clock that pictures follow.

The clock is what the device has sounded, so a late block or a busy interface never pulls sound and picture apart.
"""

import atexit
import logging
import queue
import threading
import time
from collections.abc import Callable
from weakref import WeakSet

from PySide6.QtCore import QObject, Qt, QThread, QTimer, Signal, Slot

from otio_v2a_ui.sinks import NullSink, Sink, default_sink
from otio_v2a_ui.transport import Transport

__all__ = ["AudioEngine"]

_log = logging.getLogger(__name__)

_TICK_MS = 8
_LARGEST_BLOCK = 4096
_SMALLEST_BLOCK = 256
_BLOCKS_AT_ONCE = 4
_JUMP_S = 0.04
"""A device that is farther off than this from where its pace puts it is believed at once."""
_PULL = 0.1
"""Part of a smaller difference that is taken over at a tick: devices count in periods, pictures want a smooth clock."""
_PATIENCE_S = 5.0

_engines: "WeakSet[AudioEngine]" = WeakSet()
_threads: set[QThread] = set()
"""Qt aborts the program when a thread's object goes while it runs: they are held until they have ended."""


@atexit.register
def _close_all() -> None:
    for engine in list(_engines):
        engine.close()


class AudioEngine(QObject):  # type: ignore[misc]
    """Plays one transport at a time.

    Signals:
        ended: the end of the clip has been heard.
        noted: something to tell the user: no device, or a stem that cannot be read.
    """

    ended = Signal()
    noted = Signal(str)

    def __init__(self, *, make_sink: Callable[[], Sink] = default_sink, parent: QObject | None = None) -> None:
        """The device is opened with the first play."""
        super().__init__(parent)
        self._transport: Transport | None = None
        self._is_running = False
        self._position_s = 0.0
        self._thread: QThread | None = None
        _engines.add(self)
        self._feeder: _Feeder | None = None
        self._make_sink = make_sink

    @property
    def is_running(self) -> bool:
        """Whether sound is under way."""
        return self._is_running

    @property
    def position_s(self) -> float:
        """The clock: clip time that is heard now."""
        if self._is_running and self._feeder is not None and self._transport is not None:
            return self._transport.position_s(self._feeder.heard())
        return self._position_s

    @property
    def sample_rate(self) -> int:
        """Hz of the device, which is opened for it."""
        rates: list[int] = []
        self._call(lambda feeder: rates.append(feeder.sink.sample_rate))
        return rates[0] if rates else 48000

    def set_transport(self, transport: Transport | None) -> None:
        """Play something else; stands at its start."""
        self.halt()
        old, self._transport = self._transport, transport
        self._position_s = 0.0
        if old is not None:
            old.close()

    def run(self, position_s: float, speed: float) -> None:
        """Sound from a position on, at a speed."""
        if self._transport is None:
            return
        transport = self._transport

        def begin(feeder: "_Feeder") -> None:
            heard = feeder.sink.flush()
            transport.cut(heard)
            transport.start(position_s, speed)
            feeder.begin(transport, heard)

        self._is_running = True
        self._call(begin)

    def halt(self) -> float:
        """Fall silent; returns where."""
        if self._is_running:
            self._position_s = self.position_s

            def end(feeder: "_Feeder") -> None:
                feeder.stop()
                heard = feeder.sink.flush()
                if self._transport is not None:
                    self._transport.stop()
                    self._transport.cut(heard)

            self._call(end)
            self._is_running = False
        return self._position_s

    def place(self, position_s: float) -> None:
        """Put the head somewhere; runs on from there when it runs."""
        if self._is_running and self._transport is not None:
            self.run(position_s, self._transport.speed)
        else:
            self._position_s = position_s

    def close(self) -> None:
        """Give the device back and end the thread."""
        self.set_transport(None)
        if self._thread is not None and self._feeder is not None:
            self._call(lambda feeder: feeder.close())
            self._thread.quit()
            self._thread.wait()
            _threads.discard(self._thread)
            self._thread = self._feeder = None

    def _call(self, command: Callable[["_Feeder"], None]) -> None:
        """Do something in the feeder's thread, and wait for it."""
        if self._feeder is None:
            self._thread = QThread()
            _threads.add(self._thread)
            self._feeder = _Feeder(self._make_sink)
            self._feeder.moveToThread(self._thread)
            self._feeder.asked.connect(self._feeder.obey, Qt.ConnectionType.QueuedConnection)
            self._feeder.ended.connect(self.ended, Qt.ConnectionType.QueuedConnection)
            self._feeder.noted.connect(self.noted, Qt.ConnectionType.QueuedConnection)
            self._thread.start(QThread.Priority.TimeCriticalPriority)
        self._feeder.call(command)


class _Feeder(QObject):  # type: ignore[misc]
    """Lives in the audio thread, and all of the sink with it."""

    asked = Signal()
    ended = Signal()
    noted = Signal(str)

    def __init__(self, make_sink: Callable[[], Sink]) -> None:
        super().__init__()
        self._make_sink = make_sink
        self._sink: Sink | None = None
        self._transport: Transport | None = None
        self._commands: queue.SimpleQueue[tuple[Callable[[_Feeder], None], threading.Event]] = queue.SimpleQueue()
        self._timer: QTimer | None = None
        self._lock = threading.Lock()
        self._heard = 0.0
        self._heard_at = 0.0
        self._most = 0
        self._said: set[str] = set()

    @property
    def sink(self) -> Sink:
        """The sink; opened when it is first asked for."""
        if self._sink is None:
            try:
                self._sink = self._make_sink()
            except Exception:
                _log.exception("the sound device cannot be opened")
                self._sink = NullSink(note="The sound device cannot be opened: playing without sound")
            if self._sink.note:
                self.noted.emit(self._sink.note)
        return self._sink

    def call(self, command: Callable[["_Feeder"], None]) -> None:
        """Have a command done in this object's thread; from another one."""
        done = threading.Event()
        self._commands.put((command, done))
        self.asked.emit()
        if not done.wait(_PATIENCE_S):
            _log.warning("the audio thread does not answer")

    @Slot()  # type: ignore[untyped-decorator,unused-ignore]
    def obey(self) -> None:
        """Do what is asked."""
        while True:
            try:
                command, done = self._commands.get_nowait()
            except queue.Empty:
                return
            try:
                command(self)
            except Exception:
                _log.exception("playback")
            finally:
                done.set()

    def begin(self, transport: Transport, heard: int) -> None:
        """Feed from a transport; samples are counted from `heard`."""
        self._transport = transport
        with self._lock:
            self._heard, self._heard_at, self._most = float(heard), time.perf_counter(), heard
        self._fill()
        self.sink.start()
        self._fill()
        with self._lock:
            self._heard_at = time.perf_counter()
        if self._timer is None:
            self._timer = QTimer(self)
            self._timer.setTimerType(Qt.TimerType.PreciseTimer)
            self._timer.setInterval(_TICK_MS)
            self._timer.timeout.connect(self._tick)
        self._timer.start()

    def stop(self) -> None:
        """Feed nothing more."""
        if self._timer is not None:
            self._timer.stop()
        self._transport = None

    def close(self) -> None:
        """Give the device back."""
        self.stop()
        if self._sink is not None:
            self._sink.close()
            self._sink = None

    def heard(self) -> float:
        """Samples that have sounded by now; any thread may ask."""
        with self._lock:
            rate = self._sink.sample_rate if self._sink is not None else 48000
            passed = (time.perf_counter() - self._heard_at) * rate
            return min(self._heard + max(0.0, passed), float(self._most))

    def _tick(self) -> None:
        try:
            self._fill()
            self._read_clock()
            transport = self._transport
            if transport is not None and transport.has_ended(self.heard()):
                self.stop()
                self.ended.emit()
        except Exception:
            _log.exception("playback")
            self.stop()
            self.ended.emit()

    def _fill(self) -> None:
        transport = self._transport
        # Not for as long as there is room: a device drains while it is filled, and small blocks cost as much as large.
        for _ in range(_BLOCKS_AT_ONCE if transport is not None else 0):
            n = min(self.sink.free(), _LARGEST_BLOCK)
            if n < _SMALLEST_BLOCK or transport is None:
                break
            self.sink.write(transport.produce(n))
            with self._lock:
                self._most += n
            if self.sink.note and self.sink.note not in self._said:
                self._said.add(self.sink.note)
                self.noted.emit(self.sink.note)
        if transport is not None:
            for words in transport.broken():
                if words not in self._said:
                    self._said.add(words)
                    self.noted.emit(words)

    def _read_clock(self) -> None:
        raw = self.sink.heard()
        now = time.perf_counter()
        with self._lock:
            rate = self.sink.sample_rate
            guess = self._heard + (now - self._heard_at) * rate
            off = raw - guess
            self._heard = raw if abs(off) > _JUMP_S * rate else guess + _PULL * off
            self._heard_at = now
