"""Owns one engine process: starts it, talks to it, ends it. Knows messages and files, not jobs or stores.

The process gets a session of its own, so that Ctrl-C in the terminal reaches us only, and its standard error goes
to a log file. It ends by itself when we die, because its standard input closes.
"""

import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import IO

import otio_v2a_engine
from otio_v2a.errors import RunError
from otio_v2a.verdict import Verdict
from otio_v2a_engine import wire
from otio_v2a_engine.contract import Picture, PromptSpec, RenderRequest, VisualEvent

__all__ = [
    "Stop",
    "WorkerCancelled",
    "WorkerDied",
    "WorkerFailed",
    "WorkerHung",
    "WorkerProcess",
    "WorkerSettings",
    "tail",
]

_log = logging.getLogger(__name__)

_POLL_S = 0.1
_LOG_TAIL_LINES = 8
_LOG_TAIL_BYTES = 4096
_LOG_MAX_BYTES = 4 << 20
# On Windows a group of its own keeps Ctrl-C away; elsewhere the session does, and there are no flags.
_GROUP_FLAGS: int = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)


class WorkerDied(RunError):
    """The process ended in the middle of a command, or did not start."""


class WorkerHung(RunError):
    """The process gave no sign of life for too long and was ended."""


class WorkerCancelled(RunError):
    """The command was cancelled."""


class WorkerFailed(RunError):
    """The command failed and the process goes on; `kind` is the class name of the error there."""

    def __init__(self, message: str, *, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


class Stop:
    """How a run is told to end: `cancel` asks the workers, `kill` does not."""

    def __init__(self) -> None:
        self.cancel = threading.Event()
        self.kill = threading.Event()

    @property
    def asked(self) -> bool:
        """Whether either was set."""
        return self.cancel.is_set() or self.kill.is_set()


@dataclass(frozen=True)
class WorkerSettings:
    """How worker processes are run.

    Attributes:
        command: program and arguments; empty is this Python with `-m otio_v2a_engine.worker`.
        start_timeout_s: longest wait for a new process to answer.
        silence_timeout_s: longest time without a message while it works (loading weights included).
        cancel_grace_s: longest wait for a cancelled command to end before its process is killed.
        threads: computing threads of a process; None leaves it to the libraries.
    """

    command: tuple[str, ...] = ()
    start_timeout_s: float = 120.0
    silence_timeout_s: float = 900.0
    cancel_grace_s: float = 10.0
    threads: int | None = None


class WorkerProcess:
    """One engine process, started on first use and again after it died. Serves one thread."""

    def __init__(self, *, log_path: Path, settings: WorkerSettings | None = None) -> None:
        """Prepare; nothing is started yet. `log_path` gets what the process writes to standard error."""
        self.log_path = log_path
        self._settings = settings or WorkerSettings()
        self._process: subprocess.Popen[str] | None = None
        self._ready = False
        self._events: queue.SimpleQueue[wire.Event | None] = queue.SimpleQueue()
        self._ids = count(1)
        self._log_start = 0

    @property
    def settings(self) -> WorkerSettings:
        """How it is run."""
        return self._settings

    @property
    def is_ready(self) -> bool:
        """Whether it runs and has answered."""
        return self._ready and self._process is not None and self._process.poll() is None

    def start_ahead(self, *, engine: str, device: str) -> None:
        """Start the process and let it load an engine while nobody asks for anything; returns at once.

        What goes wrong shows when something is asked for: the process is then started again.
        """
        try:
            self._spawn("--load", engine, "--device", device)
        except WorkerDied as error:
            _log.info("no worker was started ahead: %s", error)

    @property
    def pid(self) -> int | None:
        """Process id, None while none runs."""
        return self._process.pid if self._process is not None else None

    def render(
        self,
        request: RenderRequest,
        *,
        engine: str,
        device: str,
        out_path: Path,
        on_progress: Callable[[wire.Advanced], None],
        stop: Stop,
    ) -> wire.Finished:
        """Render into `out_path`, a new float32 WAV.

        Raises:
            WorkerDied, WorkerHung: a later call starts a fresh process.
            WorkerFailed: the render failed there; the message is fit for a user.
            WorkerCancelled: `stop` was set.
        """
        command = wire.Render(
            id=f"r{next(self._ids)}", engine=engine, device=device, request=request, out_path=str(out_path)
        )
        answer = self._ask(command, on_progress=on_progress, stop=stop)
        if not isinstance(answer, wire.Finished):
            raise self._lost(f"it answered a render with {type(answer).__name__}")
        return answer

    def find_shots(
        self,
        picture: Picture,
        duration_s: Fraction,
        *,
        on_progress: Callable[[wire.Advanced], None],
        stop: Stop,
    ) -> tuple[Fraction, ...]:
        """Shot borders of a picture in request time, ascending. Raises as `render` does."""
        command = wire.FindShots(id=f"s{next(self._ids)}", picture=picture, duration_s=duration_s)
        answer = self._ask(command, on_progress=on_progress, stop=stop)
        if not isinstance(answer, wire.ShotsFound):
            raise self._lost(f"it answered a shot search with {type(answer).__name__}")
        return answer.cuts_s

    def find_events(
        self,
        picture: Picture,
        duration_s: Fraction,
        *,
        engine: str,
        device: str,
        at_least: float,
        options: tuple[str, ...] = (),
        on_progress: Callable[[wire.Advanced], None],
        stop: Stop,
    ) -> tuple[VisualEvent, ...]:
        """Instants of a picture that an engine, with these settings of its own, sees sound, ascending.

        Raises as `render` does.
        """
        command = wire.FindEvents(
            id=f"e{next(self._ids)}",
            engine=engine,
            device=device,
            picture=picture,
            duration_s=duration_s,
            at_least=at_least,
            options=options,
        )
        answer = self._ask(command, on_progress=on_progress, stop=stop)
        if not isinstance(answer, wire.EventsFound):
            raise self._lost(f"it answered a search for events with {type(answer).__name__}")
        return answer.events

    def listen(self, path: Path, prompt: PromptSpec, *, first: int, n_samples: int, stop: Stop) -> Verdict:
        """How well `n_samples` of a sound file from `first` on fit a prompt, and what is heard in them unasked.

        Raises as `render` does.
        """
        command = wire.MeasureFit(
            id=f"m{next(self._ids)}", path=str(path), first=first, n_samples=n_samples, prompt=prompt
        )
        answer = self._ask(command, on_progress=lambda _: None, stop=stop)
        if not isinstance(answer, wire.FitMeasured):
            raise self._lost(f"it answered a question for fit with {type(answer).__name__}")
        return Verdict(answer.fit, answer.bleed)

    def close(self, *, timeout_s: float = 5.0) -> None:
        """End the process, by asking first. Never raises."""
        process = self._process
        if process is None:
            return
        try:
            self._send(wire.Quit())
            assert process.stdin is not None
            process.stdin.close()
            process.wait(timeout_s)
        except (OSError, WorkerDied, subprocess.TimeoutExpired):
            _log.debug("worker %s did not quit in time", process.pid)
        self.kill()

    def kill(self) -> None:
        """End the process at once, with everything that it started. Never raises."""
        process, self._process = self._process, None
        if process is None:
            return
        _kill_group(process)
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    _log.debug("worker %s left an unread command", process.pid)

    def _ask(
        self,
        command: wire.Render | wire.FindShots | wire.FindEvents | wire.MeasureFit,
        *,
        on_progress: Callable[[wire.Advanced], None],
        stop: Stop,
    ) -> wire.Event:
        self._start(stop)
        self._send(command)
        heard = time.monotonic()
        cancelled_at: float | None = None
        while True:
            if stop.kill.is_set():
                self.kill()
                raise WorkerCancelled("cancelled")
            if stop.cancel.is_set() and cancelled_at is None:
                cancelled_at = time.monotonic()
                self._send(wire.Cancel(id=command.id))
            if cancelled_at is not None and time.monotonic() - cancelled_at > self._settings.cancel_grace_s:
                self.kill()
                raise WorkerCancelled("cancelled")
            event = self._next_event()
            if event is None:
                if time.monotonic() - heard > self._settings.silence_timeout_s:
                    raise self._hung(f"the worker gave no sign of life for {self._settings.silence_timeout_s:g} s")
                continue
            heard = time.monotonic()
            if isinstance(event, wire.Ready) or event.id != command.id:
                continue  # the late answer to a command that was given up
            if isinstance(event, wire.Advanced):
                on_progress(event)
            elif isinstance(event, wire.Failed):
                if event.kind == "Cancelled":
                    raise WorkerCancelled("cancelled")
                raise WorkerFailed(event.message, kind=event.kind)
            else:
                return event

    def _start(self, stop: Stop) -> None:
        if self._process is None or self._process.poll() is not None:
            self.kill()
            self._spawn()
        started = time.monotonic()
        while not self._ready:
            self._ready = isinstance(self._next_event(), wire.Ready)
            if stop.asked:
                self.kill()
                raise WorkerCancelled("cancelled")
            if not self._ready and time.monotonic() - started > self._settings.start_timeout_s:
                raise self._hung(f"the worker did not answer within {self._settings.start_timeout_s:g} s of its start")

    def _spawn(self, *arguments: str) -> None:
        self._events = queue.SimpleQueue()
        self._ready = False
        settings = self._settings
        command = [*(settings.command or (sys.executable, "-m", "otio_v2a_engine.worker")), *arguments]
        try:
            self.log_path.parent.mkdir(parents=True, exist_ok=True)
            if self.log_path.exists() and self.log_path.stat().st_size > _LOG_MAX_BYTES:
                self.log_path.replace(self.log_path.with_suffix(".old.log"))
            with self.log_path.open("ab") as log:
                self._log_start = log.tell()
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    encoding="utf-8",
                    errors="replace",
                    bufsize=1,
                    env=_environment(settings.threads),
                    start_new_session=True,
                    creationflags=_GROUP_FLAGS,
                )
        except OSError as error:
            raise WorkerDied(f"the worker {command[0]} cannot be started: {error.strerror or error}") from error
        assert self._process.stdout is not None
        threading.Thread(
            target=_read, args=(self._process.stdout, self._events), name=f"worker-{self._process.pid}", daemon=True
        ).start()

    def _next_event(self) -> wire.Event | None:
        """The next event, or None after a short wait. Raises WorkerDied at the end of the process's output."""
        try:
            event = self._events.get(timeout=_POLL_S)
        except queue.Empty:
            return None
        if event is None:
            raise self._lost(None)
        return event

    def _send(self, command: wire.Command) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(wire.encode(command) + "\n")
            self._process.stdin.flush()
        except (OSError, ValueError) as error:
            raise self._lost(None) from error

    def _lost(self, reason: str | None) -> WorkerDied:
        process = self._process
        if reason is None and process is not None:
            try:
                reason = _how_it_ended(process.wait(2.0))
            except subprocess.TimeoutExpired:
                reason = "it closed its output"
        self.kill()
        return WorkerDied(
            f"the worker ended: {reason or 'it was not running'}{tail(self.log_path, since=self._log_start)}"
        )

    def _hung(self, message: str) -> WorkerHung:
        self.kill()
        return WorkerHung(f"{message} and was ended{tail(self.log_path, since=self._log_start)}")


def tail(log_path: Path, *, since: int = 0) -> str:
    """The last lines of a worker's log from byte `since` on, as the end of an error message."""
    try:
        with log_path.open("rb") as file:
            file.seek(max(since, log_path.stat().st_size - _LOG_TAIL_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()][-_LOG_TAIL_LINES:]
    return "".join([f"\nlast lines of {log_path}:", *(f"\n  {line}" for line in lines)]) if lines else ""


def _read(stream: IO[str], events: "queue.SimpleQueue[wire.Event | None]") -> None:
    """Thread: every line of the process's output becomes an event; its end becomes None."""
    try:
        for line in stream:
            try:
                events.put(wire.decode_event(line))
            except wire.WireError as error:
                _log.warning("the worker wrote something that is no message: %s", error)
    except (OSError, ValueError):
        _log.debug("the worker's output was closed while it was read")
    events.put(None)


def _environment(threads: int | None) -> dict[str, str]:
    environment = dict(os.environ)
    # The worker must find the same engine package as we do, from a checkout or a zip too.
    root = str(Path(otio_v2a_engine.__file__ or "").resolve().parents[1])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [root, environment.get("PYTHONPATH")]))
    environment["PYTHONUNBUFFERED"] = "1"
    if threads is not None:
        environment["OMP_NUM_THREADS"] = environment["MKL_NUM_THREADS"] = str(threads)
    return environment


def _kill_group(process: "subprocess.Popen[str]") -> None:
    """End the process and whatever it started."""
    if sys.platform == "win32":
        process.kill()
        return
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        _log.debug("worker %s had ended", process.pid)
    except PermissionError:
        process.kill()


def _how_it_ended(returncode: int) -> str:
    if returncode == 0:
        return "it quit without answering"
    if returncode < 0:
        try:
            name = signal.Signals(-returncode).name
        except ValueError:
            name = f"signal {-returncode}"
        hint = "; the system kills so when memory runs out" if name == "SIGKILL" else ""
        return f"it was killed by {name}{hint}"
    return f"exit code {returncode}"
