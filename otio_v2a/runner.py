"""Owns a run: plan -> takes, with reuse, cancelling, time estimates and a report. Prints nothing.

Everything finished is in the store at once, so Ctrl-C, a crash or a full disk costs at most the jobs under way.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

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
    ShotsProgress,
)
from otio_v2a.jobs import GenerationJob, Plan
from otio_v2a.rendering import Advanced, Backend, LocalBackend, Message, Outcome, Started, in_lanes
from otio_v2a.report import Failure, RunReport
from otio_v2a.shot_cache import ShotCache, shots_between
from otio_v2a.spans import ClipSpan, Shot
from otio_v2a.supervision import interrupts, pump
from otio_v2a.takes import Take, TakeStore
from otio_v2a.worker_process import Stop, WorkerCancelled, WorkerProcess, WorkerSettings
from otio_v2a.workers import Workers
from otio_v2a_engine import wire

__all__ = ["FoundShots", "RunOptions", "RunReport", "find_shots", "run"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunOptions:
    """How a plan is run.

    Attributes:
        workers: processes at a time on this machine.
        settings: how each is run.
        backend: something else than this machine's pool, a cluster for example.
        spare: processes that searches and runs share, one after the other; without it each starts its own.
    """

    workers: int = 1
    settings: WorkerSettings = field(default_factory=WorkerSettings)
    backend: Backend | None = None
    spare: Workers | None = None

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise RunError(f"a run needs at least one worker, not {self.workers}")


_Sight = tuple[ClipSpan, float | str | tuple[Fraction, ...]]
"""Of one clip: how far the search is, why it failed, or the borders found."""


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
    with store.lock(), interrupts(stop):
        state = _Run(plan, store=store, on_event=on_event)
        pending = state.begin()
        if pending:
            backend = options.backend or LocalBackend(workers=options.workers, spare=options.spare)
            pump(
                lambda post: backend.render_all(pending, store=store, settings=options.settings, post=post, stop=stop),
                state.take_in,
                stop=stop,
                cancelled=cancelled,
            )
        return state.end(cancelled=stop.asked)


@dataclass(frozen=True)
class FoundShots:
    """The shots of a cut's clips; a `jobs.ShotFinder`.

    Attributes:
        by_clip: shots by clip id, in record time relative to the span's start; none for a clip that failed.
        warnings: clips in which no shots could be looked for, and why.
        cancelled: whether the search was broken off.
    """

    by_clip: Mapping[str, tuple[Shot, ...]]
    warnings: tuple[str, ...] = ()
    cancelled: bool = False

    def __call__(self, span: ClipSpan) -> tuple[Shot, ...]:
        """The shots of a span, or none."""
        return self.by_clip.get(span.clip_id, ())


def find_shots(
    spans: Sequence[ClipSpan],
    *,
    store: TakeStore,
    options: RunOptions | None = None,
    on_event: Callable[[RunEvent], None] = _ignore,
    cancelled: Callable[[], bool] = _never,
) -> FoundShots:
    """Look for camera cuts inside the clips. Answers are kept in the store for as long as the media stays the same.

    A clip whose picture cannot be read gets a warning and no shots. Interrupts and threads are as in `run`.

    Raises:
        RunError: another run uses the store, or it cannot be written.
    """
    options = options or RunOptions()
    stop = Stop()
    cache = ShotCache(store.root / "shots")
    found: dict[str, tuple[Shot, ...]] = {}
    warnings: list[str] = []
    moving = [span for span in spans if span.speed]
    pending = []
    for span in moving:
        cuts_s = cache.get(span)
        if cuts_s is None:
            pending.append(span)
        else:
            found[span.clip_id] = shots_between(cuts_s, span)
    known = len(moving) - len(pending)
    done: dict[str, float] = {}

    def look(span: ClipSpan, worker: WorkerProcess, post: Callable[[_Sight], None]) -> None:
        def advance(event: wire.Advanced) -> None:
            if event.total > 0:
                post((span, min(event.done / event.total, 0.99)))

        try:
            cuts_s = worker.find_shots(span.picture(), span.duration_s, on_progress=advance, stop=stop)
        except WorkerCancelled:
            return
        except RunError as error:
            post((span, str(error)))
            return
        try:
            cache.put(span, cuts_s)
        except OSError as error:
            _log.warning("the shots of %s cannot be remembered: %s", span.name, error)
        post((span, cuts_s))

    def take_in(sight: _Sight) -> None:
        span, seen = sight
        if isinstance(seen, str):
            warnings.append(f"{span.name} on {span.track}: no shots are looked for: {seen}")
        elif isinstance(seen, tuple):
            found[span.clip_id] = shots_between(seen, span)
        done[span.clip_id] = seen if isinstance(seen, float) else 1.0
        on_event(ShotsProgress(done=known + sum(done.values()), total=len(moving), clip_name=span.name))

    if pending:
        with store.lock(), interrupts(stop):
            pump(
                lambda post: in_lanes(
                    pending,
                    lambda span, worker: look(span, worker, post),
                    lanes=options.workers,
                    store=store,
                    settings=options.settings,
                    stop=stop,
                    spare=options.spare,
                ),
                take_in,
                stop=stop,
                cancelled=cancelled,
            )
    unseen = len(pending) - sum(part == 1.0 for part in done.values())
    return FoundShots(by_clip=found, warnings=tuple(warnings), cancelled=stop.asked and unseen > 0)


class _Run:
    """The book-keeping of one run, in the calling thread."""

    def __init__(self, plan: Plan, *, store: TakeStore, on_event: Callable[[RunEvent], None]) -> None:
        self._plan = plan
        self._store = store
        self._on_event = on_event
        self._started = time.monotonic()
        self._working_since: float | None = None
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
            self._fractions.pop(job.content_hash, None)
            self._on_event(JobStarted(self._refs_of(job)[0], attempt=message.attempt))
        elif isinstance(message, Advanced):
            self._working_since = self._working_since or time.monotonic()
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
        """The report. Without a cancel, a job that nobody brought an outcome for has failed."""
        if not cancelled:
            for number, job in enumerate(self._plan.jobs, start=1):
                if number not in self._takes and number not in self._failures:
                    self._fail(job, "the run ended before it was rendered; run again, finished takes are kept")
        left = len(self._plan.jobs) - len(self._takes) - len(self._failures)
        seconds = time.monotonic() - self._started
        report = RunReport(
            takes=tuple(take for _, take in sorted(self._takes.items())),
            failures=tuple(failure for _, failure in sorted(self._failures.items())),
            skipped=tuple(self._plan.skipped),
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
        """Seconds left when the work goes on as fast as it went so far, the start of the first worker not counted."""
        total = sum(self._weights.values())
        done = sum(self._weights[key] * fraction for key, fraction in self._fractions.items())
        if done <= 0.0:
            return None
        return (total - done) * (time.monotonic() - (self._working_since or self._started)) / done


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
