"""Owns a run: plan -> takes, with reuse, cancelling, time estimates and a report. Prints nothing.

Everything finished is in the store at once, so Ctrl-C, a crash or a full disk costs at most the jobs under way.
"""

import logging
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import FrameType

from otio_v2a.errors import RunError
from otio_v2a.events import (
    JobAdvanced,
    JobFailed,
    JobFinished,
    JobRef,
    JobStarted,
    RunEvent,
    RunFinished,
    RunStarted,
)
from otio_v2a.jobs import GenerationJob, Plan
from otio_v2a.rendering import Advanced, Backend, LocalBackend, Message, Outcome, Started
from otio_v2a.spans import Skipped
from otio_v2a.takes import Take, TakeStore
from otio_v2a.worker_process import Stop, WorkerSettings

__all__ = ["Failure", "RunOptions", "RunReport", "run"]

_log = logging.getLogger(__name__)

_POLL_S = 0.1


@dataclass(frozen=True)
class RunOptions:
    """How a plan is run.

    Attributes:
        workers: processes at a time on this machine.
        settings: how each is run.
        backend: something else than this machine's pool, a cluster for example.
    """

    workers: int = 1
    settings: WorkerSettings = field(default_factory=WorkerSettings)
    backend: Backend | None = None

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise RunError(f"a run needs at least one worker, not {self.workers}")


@dataclass(frozen=True)
class Failure:
    """A job that failed, by name, and why."""

    clip_id: str
    clip_name: str
    track: str
    take_title: str
    reason: str


@dataclass(frozen=True)
class RunReport:
    """What a run did; it words itself.

    Attributes:
        takes: every take of the plan that exists now, in the plan's order.
        failures: jobs that failed.
        skipped: what the plan had left out.
        reused: how many of the takes were there before.
        left: jobs that were not finished because the run was cancelled.
        cancelled: whether it was.
        seconds: wall time.
        engine_seconds: time inside the engine, over all workers.
        warnings: messages of the engines for the user.
    """

    takes: tuple[Take, ...] = ()
    failures: tuple[Failure, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    reused: int = 0
    left: int = 0
    cancelled: bool = False
    seconds: float = 0.0
    engine_seconds: float = 0.0
    warnings: tuple[str, ...] = ()

    @property
    def rendered(self) -> int:
        """Takes that this run made."""
        return len(self.takes) - self.reused

    @property
    def exit_code(self) -> int:
        """0 all done, 1 some failed, 2 nothing done, 130 cancelled."""
        if self.cancelled:
            return 130
        if not self.takes:
            return 2
        return 1 if self.failures else 0

    def lines(self) -> tuple[str, ...]:
        """The report in words: the sum first, then everything that went wrong."""
        parts = [f"{self.rendered} rendered", f"{self.reused} reused"]
        if self.failures:
            parts.append(f"{len(self.failures)} failed")
        if self.skipped:
            parts.append(f"{len(self.skipped)} skipped")
        head = ", ".join(parts) + f" in {self.seconds:.1f} s"
        if self.cancelled:
            head = f"cancelled: {head}; {self.left} not finished, the next run goes on from here"
        elif not self.takes and not self.failures:
            head = "nothing to do: no clip asks for a stem that can be made"
        lines = [head]
        lines += [f"failed: {failure.take_title} on {failure.track}: {failure.reason}" for failure in self.failures]
        lines += [f"skipped: {skip.clip} on {skip.track}: {skip.reason}" for skip in self.skipped]
        lines += [f"note: {warning}" for warning in self.warnings]
        return tuple(lines)

    def __str__(self) -> str:
        return "\n".join(self.lines())


def _ignore(event: RunEvent) -> None:
    """The callback of a caller who does not want to know."""


def _never() -> bool:
    return False


def run(
    plan: Plan,
    *,
    store: TakeStore,
    options: RunOptions | None = None,
    on_event: Callable[[RunEvent], None] = _ignore,
    cancelled: Callable[[], bool] = _never,
) -> RunReport:
    """Render what the store does not have yet.

    In the main thread the first Ctrl-C (or SIGTERM) cancels the jobs under way, the second kills them; in other
    threads use `cancelled`. `on_event` is called in the calling thread.

    Raises:
        RunError: another run uses the store, or it cannot be written.
    """
    options = options or RunOptions()
    stop = Stop()
    with store.lock(), _interrupts(stop):
        state = _Run(plan, store=store, on_event=on_event)
        pending = state.begin()
        backend = options.backend or LocalBackend(workers=options.workers)
        messages: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        errors: list[BaseException] = []

        def supervise() -> None:
            try:
                backend.render_all(pending, store=store, settings=options.settings, post=messages.put, stop=stop)
            except BaseException as error:
                errors.append(error)
            finally:
                messages.put(None)

        thread = threading.Thread(target=supervise, name="run")
        if pending:
            thread.start()
        else:
            messages.put(None)
        over = False
        try:
            while not over:
                if not stop.asked and cancelled():
                    stop.cancel.set()
                try:
                    message = messages.get(timeout=_POLL_S)
                except queue.Empty:
                    continue
                over = message is None
                if message is not None:
                    state.take_in(message)
        finally:
            if not over:  # the caller's own callback failed
                stop.kill.set()
            if pending:
                thread.join()
        if errors:
            raise RunError(f"the run broke off: {errors[0]}") from errors[0]
        return state.end(cancelled=stop.asked)


class _Run:
    """The book-keeping of one run, in the calling thread."""

    def __init__(self, plan: Plan, *, store: TakeStore, on_event: Callable[[RunEvent], None]) -> None:
        self._plan = plan
        self._store = store
        self._on_event = on_event
        self._started = time.monotonic()
        self._refs = {id(job): _ref(job, number, plan) for number, job in enumerate(plan.jobs, start=1)}
        self._takes: dict[int, Take] = {}
        self._failures: dict[int, Failure] = {}
        self._warnings: list[str] = []
        self._reused = 0
        self._engine_seconds = 0.0
        self._fractions: dict[str, float] = {}
        self._weights: dict[str, float] = {}
        self._same: dict[str, list[GenerationJob]] = {}

    def begin(self) -> list[GenerationJob]:
        """Take what the store has; returns the jobs to render, one for every hash."""
        ready: list[tuple[GenerationJob, Take]] = []
        for job in self._plan.jobs:
            take = self._store.get_for(job)
            if take is not None:
                ready.append((job, take))
            else:
                self._same.setdefault(job.content_hash, []).append(job)
        pending = [jobs[0] for jobs in self._same.values()]
        self._weights = {job.content_hash: max(job.estimated_s, 1e-3) for job in pending}
        self._on_event(
            RunStarted(
                n_jobs=len(self._plan.jobs), n_reused=len(ready), estimated_s=sum(job.estimated_s for job in pending)
            )
        )
        for job, take in ready:
            self._finish(job, take, reused=True)
        return pending

    def take_in(self, message: Message) -> None:
        """Count a message of the backend, and tell the caller."""
        job = message.job
        if isinstance(message, Started):
            self._on_event(JobStarted(self._refs_of(job)[0], attempt=message.attempt))
        elif isinstance(message, Advanced):
            self._fractions[job.content_hash] = message.done / message.total if message.total > 0 else 0.0
            self._on_event(
                JobAdvanced(
                    self._refs_of(job)[0], message.done, message.total, message.stage, time_left_s=self._time_left()
                )
            )
        else:
            self._settle(message)

    def _settle(self, outcome: Outcome) -> None:
        if outcome.cancelled:
            return
        self._fractions[outcome.job.content_hash] = 1.0
        self._engine_seconds += outcome.engine_seconds
        self._warnings += [f"{outcome.job.title}: {warning}" for warning in outcome.warnings]
        for number, job in enumerate(self._same[outcome.job.content_hash]):
            if outcome.take is None:
                self._fail(job, outcome.reason)
                continue
            take = replace(outcome.take, clip_id=job.clip_id, number=job.take, record_start=job.record_start)
            self._finish(
                job,
                take,
                reused=number > 0,
                seconds=0.0 if number else outcome.seconds,
                warnings=outcome.warnings,
            )

    def _finish(
        self, job: GenerationJob, take: Take, *, reused: bool, seconds: float = 0.0, warnings: tuple[str, ...] = ()
    ) -> None:
        ref = self._refs[id(job)]
        self._takes[ref.number] = take
        self._reused += reused
        self._on_event(
            JobFinished(ref, take, reused=reused, seconds=seconds, warnings=warnings, time_left_s=self._time_left())
        )

    def _fail(self, job: GenerationJob, reason: str) -> None:
        ref = self._refs[id(job)]
        self._failures[ref.number] = Failure(
            clip_id=job.clip_id, clip_name=job.clip_name, track=job.track, take_title=job.title, reason=reason
        )
        self._on_event(JobFailed(ref, reason, time_left_s=self._time_left()))

    def end(self, *, cancelled: bool) -> RunReport:
        """The report."""
        left = len(self._plan.jobs) - len(self._takes) - len(self._failures)
        seconds = time.monotonic() - self._started
        report = RunReport(
            takes=tuple(take for _, take in sorted(self._takes.items())),
            failures=tuple(failure for _, failure in sorted(self._failures.items())),
            skipped=self._plan.skipped,
            reused=self._reused,
            left=left,
            cancelled=cancelled and left > 0,
            seconds=seconds,
            engine_seconds=self._engine_seconds,
            warnings=tuple(dict.fromkeys(self._warnings)),
        )
        self._on_event(
            RunFinished(
                n_finished=len(self._takes),
                n_reused=self._reused,
                n_failed=len(self._failures),
                n_left=left,
                cancelled=report.cancelled,
                seconds=seconds,
            )
        )
        return report

    def _refs_of(self, job: GenerationJob) -> list[JobRef]:
        return [self._refs[id(same)] for same in self._same[job.content_hash]]

    def _time_left(self) -> float | None:
        """Seconds left when the work goes on as fast as it went so far."""
        total = sum(self._weights.values())
        done = sum(self._weights[key] * fraction for key, fraction in self._fractions.items())
        if done <= 0.0:
            return None
        return (total - done) * (time.monotonic() - self._started) / done


def _ref(job: GenerationJob, number: int, plan: Plan) -> JobRef:
    return JobRef(
        number=number,
        total=len(plan.jobs),
        clip_id=job.clip_id,
        clip_name=job.clip_name,
        role=job.role,
        take=job.take,
        content_hash=job.content_hash,
    )


@contextmanager
def _interrupts(stop: Stop) -> Iterator[None]:
    """Turn Ctrl-C and SIGTERM into `stop`, in the main thread and where nobody else handles them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if stop.cancel.is_set():
            stop.kill.set()
        stop.cancel.set()

    replaced = {}
    for number, default in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
        if signal.getsignal(number) is default:
            replaced[number] = signal.signal(number, handle)
    try:
        yield
    finally:
        for number, previous in replaced.items():
            signal.signal(number, previous)
