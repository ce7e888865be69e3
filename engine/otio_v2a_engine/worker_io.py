"""The worker's streams: commands come in by a thread of their own, events go out one a line. Knows no engine.

Whatever else wants to read standard input finds nothing there, and whatever is printed goes to the log.
"""

import json
import logging
import os
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from otio_v2a_engine.wire import (
    Cancel,
    Event,
    Failed,
    FindEvents,
    FindShots,
    MeasureFit,
    Quit,
    Render,
    WireError,
    decode_command,
    encode,
)

__all__ = ["Inbox", "Outbox", "Work", "take_streams"]

_LOG = logging.getLogger("otio_v2a_engine.worker")

_LONGEST_LINE = 16 * 2**20
_GRACE_S = 2.0
"""How long a running command may take to notice that the host is gone."""
_PARENT_POLL_S = 0.5

Work = Render | FindShots | FindEvents | MeasureFit


def take_streams() -> tuple[IO[bytes], IO[bytes]]:
    """The protocol's two streams, taken away from everybody else.

    Prints of Python and of C libraries then end in the log, and nothing else can read the commands.
    """
    commands, events = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    try:
        os.dup2(2, 1)
    except OSError:
        os.dup2(nothing, 1)
    os.close(nothing)
    sys.stdout = sys.stderr
    return os.fdopen(commands, "rb"), os.fdopen(events, "wb", buffering=0)


class Outbox:
    """The only way out: one event a line, from any thread."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, event: Event) -> None:
        data = memoryview(encode(event).encode() + b"\n")
        # A host that is gone is noticed by the end of the input; until then its events have no reader. (Windows
        # has another error for it than BrokenPipeError.)
        with self._lock, suppress(OSError):
            while data:
                data = data[self._stream.write(data) :]


@dataclass
class _Queue:
    """What is still to be done; guarded by the inbox's condition."""

    waiting: deque[Work] = field(default_factory=deque)
    running: str | None = None
    running_cancelled: bool = False
    quitting: bool = False
    ended: bool = False


class Inbox:
    """Reads commands in a thread of its own; cancels at once, queues the rest."""

    def __init__(self, stream: IO[bytes], outbox: Outbox) -> None:
        self._stream = stream
        self._outbox = outbox
        self._queue = _Queue()
        self._changed = threading.Condition(threading.RLock())
        self._parent = os.getppid()
        self.partial: Path | None = None
        """File to remove if the process has to end in the middle of a command."""

    def start(self) -> None:
        """Begin to listen."""
        threading.Thread(target=self._read, name="commands", daemon=True).start()
        threading.Thread(target=self._watch, name="parent", daemon=True).start()

    def next(self) -> Work | None:
        """The next command, waiting for one; None when the worker should end."""
        with self._changed:
            while not self._queue.waiting:
                if self._queue.quitting or self._queue.ended:
                    return None
                # The timeout lets signal handlers of the main thread run on every system.
                self._changed.wait(0.5)
            if self._queue.ended:
                return None
            work = self._queue.waiting.popleft()
            self._queue.running, self._queue.running_cancelled = work.id, False
            return work

    def finished(self) -> None:
        """The command given out last is done with."""
        with self._changed:
            self._queue.running = None

    def cancelled(self) -> bool:
        """Whether the running command should stop."""
        return self._queue.running_cancelled or self._queue.ended

    def end(self) -> None:
        """End the worker: soon by itself, after a grace by force."""
        with self._changed:
            if self._queue.ended:
                return
            self._queue.ended = True
            self._changed.notify_all()
        threading.Thread(target=self._force, name="grace", daemon=True).start()

    def _force(self) -> None:
        time.sleep(_GRACE_S)
        # Still here: the main thread is inside a long step and nobody waits for its result.
        if self.partial is not None:
            with suppress(OSError):
                self.partial.unlink(missing_ok=True)
        os._exit(1)

    def _watch(self) -> None:
        while os.getppid() == self._parent:
            time.sleep(_PARENT_POLL_S)
        self.end()

    def _read(self) -> None:
        try:
            while line := self._stream.readline(_LONGEST_LINE):
                self._take(line)
        except OSError as error:
            _LOG.error("the command stream broke: %s", error)
        finally:
            # Even a defect here must not leave a worker that nobody can reach.
            if not self._queue.quitting:
                self.end()

    def _take(self, line: bytes) -> None:
        text = line.decode("utf-8", errors="replace").strip()
        if not text:
            return
        try:
            command = decode_command(text)
        except WireError as error:
            self._outbox.send(Failed(_id_of(text), "WireError", str(error)))
            return
        with self._changed:
            if isinstance(command, Cancel):
                self._cancel(command.id)
            elif isinstance(command, Quit):
                self._queue.quitting = True
            elif self._queue.quitting:
                self._outbox.send(Failed(command.id, "Cancelled", "the worker was told to quit before this command"))
            else:
                self._queue.waiting.append(command)
            self._changed.notify_all()

    def _cancel(self, id: str) -> None:
        if self._queue.running == id:
            self._queue.running_cancelled = True
            return
        for work in [work for work in self._queue.waiting if work.id == id]:
            self._queue.waiting.remove(work)
            self._outbox.send(Failed(id, "Cancelled", "cancelled before it began"))


def _id_of(text: str) -> str:
    """The id of a line that is no message, so that its sender does not wait for ever."""
    try:
        id = json.loads(text)["id"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return id if isinstance(id, str) else ""
