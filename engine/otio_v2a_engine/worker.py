"""The worker process: renders and finds shots for a host that speaks `wire.py` on its standard streams.

    python -m otio_v2a_engine.worker [--threads N] [--memory-limit-mib N] [--load ENGINE [--device NAME]]

One thread reads commands, the main thread carries them out, one at a time. An engine stays loaded until
another is asked for. Nothing but events leaves through standard output: whatever a library prints goes to
standard error, which is the log. The process ends when its input ends or its parent dies. It must not know
timelines, and it imports torch only inside an engine that needs it.
"""

import argparse
import faulthandler
import gc
import logging
import os
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from otio_v2a_engine import registry
from otio_v2a_engine.checkpoint_folders import version_for
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
    Event,
    EventsFound,
    Failed,
    FindEvents,
    FindShots,
    Finished,
    FitMeasured,
    MeasureFit,
    Ready,
    Render,
    ShotsFound,
)
from otio_v2a_engine.worker_io import Inbox, Outbox, Work, take_streams

if TYPE_CHECKING:
    from otio_v2a_engine.bleed import BleedDetector
    from otio_v2a_engine.ear import Ear
    from otio_v2a_engine.joining import Sound
    from otio_v2a_engine.windows import Continuing

__all__ = ["main"]

_LOG = logging.getLogger("otio_v2a_engine.worker")

_PROGRESS_INTERVAL_S = 0.05
_OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "DIFFUSERS_OFFLINE": "1"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a worker until its input ends; returns the exit status."""
    options = _parse(arguments)
    faulthandler.enable()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="worker %(process)d: %(message)s")
    commands, events = take_streams()
    _prepare_environment(options)
    outbox = Outbox(events)
    inbox = Inbox(commands, outbox)
    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        signal.signal(number, lambda *_: inbox.end())
    # Ctrl-C reaches the whole process group; what it means is the host's decision.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    outbox.send(Ready(os.getpid()))
    inbox.start()
    bench = _Bench(inbox, outbox)
    if options.load:
        bench.load_ahead(options.load, options.device)
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
    parser.add_argument("--load", metavar="ENGINE", default="", help="load this engine before anybody asks for it")
    parser.add_argument("--device", default="cpu", help="where to load it (default: cpu)")
    return parser.parse_args(arguments)


def _prepare_environment(options: argparse.Namespace) -> None:
    os.environ.update(_OFFLINE)
    threads = options.threads or _physical_cores()
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        if options.threads:
            os.environ[name] = str(threads)
        else:
            os.environ.setdefault(name, str(threads))
    # Threads that spin while they wait make a render fifteen times slower as soon as another program wants the cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
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
        return self._timed(partial(self._engine.render, request, on_progress=on_progress, cancelled=cancelled))

    def close(self) -> None:
        self._engine.close()

    def _timed(self, render: Callable[[], RenderedAudio]) -> RenderedAudio:
        started = time.perf_counter()
        try:
            return render()
        finally:
            self.seconds += time.perf_counter() - started
            # Decoded pictures can be parts of reference cycles, which are few and large: the collector, which
            # counts objects, would come late.
            gc.collect()


class _TimedContinuing(_Timed):
    """The same of an engine that can go on from sound."""

    def __init__(self, engine: Engine, continuing: "Continuing") -> None:
        super().__init__(engine)
        self._continuing = continuing

    def render_after(
        self,
        request: RenderRequest,
        before: "Sound",
        *,
        on_progress: Callable[[Progress], None],
        cancelled: Callable[[], bool],
    ) -> RenderedAudio:
        render = partial(self._continuing.render_after, request, before, on_progress=on_progress, cancelled=cancelled)
        return self._timed(render)


def _timed(engine: Engine) -> _Timed:
    from otio_v2a_engine.windows import Continuing

    return _TimedContinuing(engine, engine) if isinstance(engine, Continuing) else _Timed(engine)


class _Bench:
    """Where the main thread works: holds the loaded engine and turns errors into events."""

    def __init__(self, inbox: Inbox, outbox: Outbox) -> None:
        self._inbox = inbox
        self._outbox = outbox
        self._engine: Engine | None = None
        self._loaded: tuple[str, str] | None = None
        self._is_new = False
        self._ahead: threading.Thread | None = None
        self._ears: tuple[Ear, BleedDetector] | None = None

    def load_ahead(self, name: str, device: str) -> None:
        """Begin to load an engine while other commands are carried out; the first render waits for it."""

        def load() -> None:
            try:
                self._load(name, device)
            except Exception as error:
                # Whoever asks for this engine meets the same error, and gets it as an answer.
                _LOG.info("engine %s was not loaded ahead: %s", name, error)

        self._ahead = threading.Thread(target=load, name="load", daemon=True)
        self._ahead.start()

    def carry_out(self, work: Work) -> None:
        """Do one command and send its last event; never raises."""
        event: Event
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("default")
                warnings.simplefilter("always", EngineWarning)
                if isinstance(work, Render):
                    event = self._render(work, caught)
                elif isinstance(work, FindEvents):
                    event = self._find_events(work)
                elif isinstance(work, MeasureFit):
                    event = self._measure_fit(work)
                else:
                    event = self._find_shots(work)
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
        self._wait_for_load()
        self._let_go()

    def _let_go(self) -> None:
        engine, self._engine, self._loaded = self._engine, None, None
        self._ears = None
        gc.unfreeze()
        if engine is not None:
            try:
                engine.close()
            except Exception:
                _LOG.error("%s", traceback.format_exc())
        del engine
        gc.collect()

    def _render(self, work: Render, caught: list[warnings.WarningMessage]) -> Finished:
        # Not at the top: a worker that only finds shots, or fails, needs no engine room.
        from otio_v2a_engine.windows import render_long

        started = time.perf_counter()
        out_path = Path(work.out_path)
        if not out_path.is_absolute():
            raise OutputError(f"the path of the sound must be absolute, not {work.out_path!r}")
        self._wait_for_load()
        engine = _timed(self._load(work.engine, work.device))
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
        if self._is_new:
            # The first render imports what it needs; that stays too.
            _keep_for_good()
            self._is_new = False
        return Finished(
            id=work.id,
            out_path=work.out_path,
            n_samples=request.n_samples,
            sample_rate=request.sample_rate,
            channels=request.channels,
            engine_version=version_for(engine.info, request.sampling),
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

    def _find_events(self, work: FindEvents) -> EventsFound:
        from otio_v2a_engine.spotting import find_events

        self._wait_for_load()
        events = find_events(
            self._load(work.engine, work.device),
            work.picture,
            work.duration_s,
            at_least=work.at_least,
            options=work.options,
            cancelled=self._inbox.cancelled,
            on_progress=self._progress(work.id),
        )
        return EventsFound(work.id, events)

    def _measure_fit(self, work: MeasureFit) -> FitMeasured:
        from otio_v2a_engine.bleed import BleedDetector
        from otio_v2a_engine.conditioning import SentenceEncoder
        from otio_v2a_engine.ear import Ear, read_mono
        from otio_v2a_engine.reach import Reach

        self._wait_for_load()
        if self._ears is None:
            encoder = SentenceEncoder()
            reach = Reach(encoder)
            self._ears = Ear(encoder=encoder, reach=reach), BleedDetector(encoder=encoder, reach=reach)
        ear, detector = self._ears
        sound, rate = read_mono(Path(work.path), first=work.first, n_samples=work.n_samples)
        return FitMeasured(work.id, ear.fit(sound, rate, work.prompt), detector.bleed(sound, rate, work.prompt))

    def _wait_for_load(self) -> None:
        if self._ahead is not None:
            self._ahead.join()
            self._ahead = None

    def _load(self, name: str, device: str) -> Engine:
        if self._engine is None or self._loaded != (name, device):
            self._let_go()
            self._engine = registry.load(name, device=device)
            self._loaded = (name, device)
            _keep_for_good()
            self._is_new = True
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


def _keep_for_good() -> None:
    """What there is stays: collecting after every window need not look at it again."""
    gc.collect()
    gc.freeze()


def _subject(work: Work) -> str:
    if isinstance(work, Render):
        return f"rendering {work.request.picture.path} with engine {work.engine}"
    if isinstance(work, FindEvents):
        return f"finding the events of {work.picture.path} with engine {work.engine}"
    if isinstance(work, MeasureFit):
        return f"listening to {work.path}"
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
