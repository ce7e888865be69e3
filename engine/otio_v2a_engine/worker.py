"""The worker process: renders and finds shots for a host that speaks `wire.py` on its standard streams.

    python -m otio_v2a_engine.worker [--threads N] [--memory-limit-mib N]

One thread reads commands, the main thread carries them out, one at a time. An engine stays loaded until
another is asked for. Nothing but events leaves through standard output: whatever a library prints goes to
standard error, which is the log. The process ends when its input ends or its parent dies. It must not know
timelines, and it imports torch only inside an engine that needs it.
"""

import argparse
import faulthandler
import json
import logging
import os
import signal
import sys
import threading
import time
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from otio_v2a_engine import registry
from otio_v2a_engine.contract import (
    Cancelled,
    Engine,
    EngineError,
    EngineInfo,
    EngineWarning,
    Progress,
    RenderedAudio,
    RenderRequest,
)
from otio_v2a_engine.wavfile import OutputError, WavWriter, partial_path
from otio_v2a_engine.wire import (
    Advanced,
    Cancel,
    Event,
    Failed,
    FindShots,
    Finished,
    Quit,
    Ready,
    Render,
    ShotsFound,
    WireError,
    decode_command,
    encode,
)

__all__ = ["main"]

_LOG = logging.getLogger("otio_v2a_engine.worker")

_LONGEST_LINE = 16 * 2**20
_GRACE_S = 2.0
"""How long a running command may take to notice that the host is gone."""
_PARENT_POLL_S = 0.5
_PROGRESS_INTERVAL_S = 0.05
_OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "DIFFUSERS_OFFLINE": "1"}

Work = Render | FindShots


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a worker until its input ends; returns the exit status."""
    options = _parse(arguments)
    faulthandler.enable()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="worker %(process)d: %(message)s")
    commands, events = _take_streams()
    _prepare_environment(options)
    outbox = _Outbox(events)
    inbox = _Inbox(commands, outbox)
    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        signal.signal(number, lambda *_: inbox.end())
    # Ctrl-C reaches the whole process group; what it means is the host's decision.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    outbox.send(Ready(os.getpid()))
    inbox.start()
    bench = _Bench(inbox, outbox)
    try:
        while (work := inbox.next()) is not None:
            bench.carry_out(work)
            inbox.finished()
    finally:
        bench.close()
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m otio_v2a_engine.worker", description="Renders for a host program.")
    parser.add_argument("--threads", type=int, default=0, help="compute threads (default: physical cores)")
    parser.add_argument(
        "--memory-limit-mib",
        type=int,
        default=0,
        help="limit of address space, where the system has one (default: none)",
    )
    return parser.parse_args(arguments)


def _take_streams() -> tuple[IO[bytes], IO[bytes]]:
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


def _prepare_environment(options: argparse.Namespace) -> None:
    os.environ.update(_OFFLINE)
    threads = options.threads or _physical_cores()
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        if options.threads:
            os.environ[name] = str(threads)
        else:
            os.environ.setdefault(name, str(threads))
    try:
        import resource
    except ImportError:
        if options.memory_limit_mib:
            _LOG.warning("this system has no memory limits: --memory-limit-mib is ignored")
        return
    # A decoder that crashes on a hostile file must not also fill the disk with its core.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if options.memory_limit_mib:
        limit = options.memory_limit_mib * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _physical_cores() -> int:
    """Cores this process may use, hardware threads of one core counted once where the system tells."""
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    usable = os.sched_getaffinity(0)
    cores = set()
    for cpu in usable:
        try:
            cores.add(Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text())
        except OSError:
            return len(usable)
    return len(cores)


class _Outbox:
    """The only way out: one event a line, from any thread."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, event: Event) -> None:
        data = memoryview(encode(event).encode() + b"\n")
        # A host that is gone is noticed by the end of the input; until then its events have no reader.
        with self._lock, suppress(BrokenPipeError):
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


class _Inbox:
    """Reads commands in a thread of its own; cancels at once, queues the rest."""

    def __init__(self, stream: IO[bytes], outbox: _Outbox) -> None:
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


class _Timed:
    """An engine that adds up the seconds spent inside it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.seconds = 0.0

    @property
    def info(self) -> EngineInfo:
        return self._engine.info

    def render(
        self,
        request: RenderRequest,
        *,
        on_progress: Callable[[Progress], None],
        cancelled: Callable[[], bool],
    ) -> RenderedAudio:
        started = time.perf_counter()
        try:
            return self._engine.render(request, on_progress=on_progress, cancelled=cancelled)
        finally:
            self.seconds += time.perf_counter() - started

    def close(self) -> None:
        self._engine.close()


class _Bench:
    """Where the main thread works: holds the loaded engine and turns errors into events."""

    def __init__(self, inbox: _Inbox, outbox: _Outbox) -> None:
        self._inbox = inbox
        self._outbox = outbox
        self._engine: Engine | None = None
        self._loaded: tuple[str, str] | None = None

    def carry_out(self, work: Work) -> None:
        """Do one command and send its last event; never raises."""
        event: Event
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("default")
                warnings.simplefilter("always", EngineWarning)
                event = self._render(work, caught) if isinstance(work, Render) else self._find_shots(work)
        except MemoryError:
            _LOG.error("%s", traceback.format_exc())
            self.close()
            event = Failed(work.id, "MemoryError", f"not enough memory for {_subject(work)}; close other programs")
        except EngineError as error:
            _LOG.info("%s %s: %s", work.id, type(error).__name__, error)
            event = Failed(work.id, type(error).__name__, str(error))
        except Exception as error:
            # The edge of the process: a defect of an engine or library costs one command, not the worker.
            _LOG.error("%s", traceback.format_exc())
            self.close()
            event = Failed(
                work.id, type(error).__name__, f"{_subject(work)} failed: {error} (the worker's log has the details)"
            )
        self._inbox.partial = None
        self._outbox.send(event)

    def close(self) -> None:
        """Let go of the engine; the next render loads it anew."""
        engine, self._engine, self._loaded = self._engine, None, None
        if engine is not None:
            try:
                engine.close()
            except Exception:
                _LOG.error("%s", traceback.format_exc())

    def _render(self, work: Render, caught: list[warnings.WarningMessage]) -> Finished:
        # Not at the top: a worker that only finds shots, or fails, needs no engine room.
        from otio_v2a_engine.windows import render_long

        started = time.perf_counter()
        out_path = Path(work.out_path)
        if not out_path.is_absolute():
            raise OutputError(f"the path of the sound must be absolute, not {work.out_path!r}")
        engine = _Timed(self._load(work.engine, work.device))
        request = work.request
        blocks = render_long(engine, request, on_progress=self._progress(work.id), cancelled=self._inbox.cancelled)
        self._inbox.partial = partial_path(out_path)
        with WavWriter(
            out_path, sample_rate=request.sample_rate, channels=request.channels, n_samples=request.n_samples
        ) as writer:
            for block in blocks:
                writer.write(block)
            if self._inbox.cancelled():
                raise Cancelled("the render was cancelled")
        return Finished(
            id=work.id,
            out_path=work.out_path,
            n_samples=request.n_samples,
            sample_rate=request.sample_rate,
            channels=request.channels,
            engine_version=engine.info.version,
            seconds=time.perf_counter() - started,
            engine_seconds=engine.seconds,
            warnings=_for_the_user(caught),
        )

    def _find_shots(self, work: FindShots) -> ShotsFound:
        from otio_v2a_engine.shots import find_shots

        cuts = find_shots(
            work.picture, work.duration_s, cancelled=self._inbox.cancelled, on_progress=self._progress(work.id)
        )
        return ShotsFound(work.id, tuple(cuts))

    def _load(self, name: str, device: str) -> Engine:
        if self._engine is None or self._loaded != (name, device):
            self.close()
            self._engine = registry.load(name, device=device)
            self._loaded = (name, device)
        return self._engine

    def _progress(self, id: str) -> Callable[[Progress], None]:
        last = 0.0

        def report(progress: Progress) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= _PROGRESS_INTERVAL_S or progress.done >= progress.total:
                last = now
                self._outbox.send(Advanced(id, progress.done, progress.total, progress.stage))

        return report


def _subject(work: Work) -> str:
    if isinstance(work, Render):
        return f"rendering {work.request.picture.path} with engine {work.engine}"
    return f"finding the shots of {work.picture.path}"


def _for_the_user(caught: list[warnings.WarningMessage]) -> tuple[str, ...]:
    """Words of the engine's own warnings, each once; all others go to the log."""
    ours: dict[str, None] = {}
    for warning in caught:
        if issubclass(warning.category, EngineWarning):
            ours[str(warning.message)] = None
        else:
            _LOG.warning("%s: %s", warning.category.__name__, warning.message)
    return tuple(ours)


if __name__ == "__main__":
    sys.exit(main())
