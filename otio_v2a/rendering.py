"""Owns the render of single jobs: worker, retry, disk, store; and the pool of local workers.

Every way of running a plan (this machine, a cluster) ends in `render_job`. Knows no plan and no report.
"""

import errno
import logging
import os
import queue
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeVar

from otio_v2a.errors import RunError, TakeError
from otio_v2a.jobs import GenerationJob
from otio_v2a.prompts import reroll_seed
from otio_v2a.rerolling import Rolled, roll
from otio_v2a.takes import Take, TakeStore
from otio_v2a.verdict import UNHEARD, Verdict
from otio_v2a.worker_process import (
    Stop,
    WorkerCancelled,
    WorkerDied,
    WorkerFailed,
    WorkerHung,
    WorkerProcess,
    WorkerSettings,
)
from otio_v2a.workers import Workers
from otio_v2a_engine import wire
from otio_v2a_engine.ear_note import read_ear_note

__all__ = ["Advanced", "Backend", "LocalBackend", "Message", "Outcome", "Started", "in_lanes", "render_job"]

_log = logging.getLogger(__name__)

T = TypeVar("T")

_ATTEMPTS = 2
_DISK_MARGIN_BYTES = 4 << 20


@dataclass(frozen=True)
class Started:
    """A job is with a worker."""

    job: GenerationJob
    attempt: int


@dataclass(frozen=True)
class Advanced:
    """A job has done `done` of `total` units."""

    job: GenerationJob
    done: int
    total: int
    stage: str


@dataclass(frozen=True)
class Outcome:
    """What became of a job: a take, a reason why there is none, or neither when it was cancelled."""

    job: GenerationJob
    take: Take | None = None
    reason: str = ""
    seconds: float = 0.0
    engine_seconds: float = 0.0
    warnings: tuple[str, ...] = ()

    @property
    def cancelled(self) -> bool:
        """Whether the job was stopped, not failed."""
        return self.take is None and not self.reason


Message = Started | Advanced | Outcome


class Backend(Protocol):
    """A way of rendering many jobs."""

    def render_all(
        self,
        jobs: Sequence[GenerationJob],
        *,
        store: TakeStore,
        settings: WorkerSettings,
        post: Callable[[Message], None],
        stop: Stop,
    ) -> None:
        """Render the jobs and return when all have had their outcome, or when `stop` is set and all work ended.

        `post` may be called from any thread. A job without an outcome counts as not started.
        """
        ...


@dataclass(frozen=True)
class LocalBackend:
    """A pool of `workers` processes on this machine, each fed by a thread; others keep what they finish.

    Keeping a take waits for the disk. Meanwhile its worker is at the next job, but never two ahead: a crash costs at
    most the job under way and the one before it. With `spare`, processes are taken from there and left there.
    """

    workers: int = 1
    spare: Workers | None = None

    def render_all(
        self,
        jobs: Sequence[GenerationJob],
        *,
        store: TakeStore,
        settings: WorkerSettings,
        post: Callable[[Message], None],
        stop: Stop,
    ) -> None:
        """Render the jobs in order, as many at a time as there are workers."""
        keeping: dict[WorkerProcess, Future[None]] = {}
        with ThreadPoolExecutor(self.workers, thread_name_prefix="keep") as keeper:

            def work(job: GenerationJob, worker: WorkerProcess) -> None:
                made = _render(job, worker=worker, store=store, post=post, stop=stop)
                if isinstance(made, Outcome):
                    post(made)
                    return
                if worker in keeping:
                    keeping[worker].result()
                keeping[worker] = keeper.submit(lambda: post(_keep(made, store=store)))

            in_lanes(jobs, work, lanes=self.workers, store=store, settings=settings, stop=stop, spare=self.spare)
        for each in keeping.values():
            each.result()


def in_lanes(
    items: Sequence[T],
    work: Callable[[T, WorkerProcess], None],
    *,
    lanes: int,
    store: TakeStore,
    settings: WorkerSettings,
    stop: Stop,
    spare: Workers | None = None,
) -> None:
    """Do `work` for every item in order, in as many threads as lanes, each with a worker process of its own.

    Returns when all is done, or soon after `stop` is set. The first error of `work` is raised after all lanes ended.
    """
    waiting: queue.SimpleQueue[T] = queue.SimpleQueue()
    for item in items:
        waiting.put(item)
    lanes = min(lanes, len(items))
    if lanes > 1 and settings.threads is None:
        settings = replace(settings, threads=max(1, (os.cpu_count() or 1) // lanes))
    broken: list[BaseException] = []

    def lane(number: int) -> None:
        log_path = store.log_dir / f"worker-{number}.log"
        worker = (spare or Workers()).take(log_path=log_path, settings=settings)
        try:
            while not stop.asked and not broken:
                try:
                    item = waiting.get_nowait()
                except queue.Empty:
                    break
                work(item, worker)
        except BaseException as error:
            broken.append(error)
        finally:
            if stop.asked or broken:
                worker.kill()
            elif spare is not None:
                spare.give_back(worker)
            else:
                worker.close()

    threads = [threading.Thread(target=lane, args=(number,), name=f"lane-{number}") for number in range(1, lanes + 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if broken:
        raise broken[0]


def render_job(
    job: GenerationJob,
    *,
    worker: WorkerProcess,
    store: TakeStore,
    post: Callable[[Message], None],
    stop: Stop,
) -> Outcome:
    """Render one job into the store. Never raises for what a job, its worker or the disk may do.

    A worker that dies gets a second chance as a fresh process, with the same job.
    """
    made = _render(job, worker=worker, store=store, post=post, stop=stop)
    return made if isinstance(made, Outcome) else _keep(made, store=store)


@dataclass(frozen=True)
class _Rendered:
    """A render that its worker has finished and the store does not have yet."""

    job: GenerationJob
    finished: wire.Finished
    partial: Path
    started: float
    rolls: int = 0
    verdict: Verdict = UNHEARD
    notes: tuple[str, ...] = ()


def _render(
    job: GenerationJob,
    *,
    worker: WorkerProcess,
    store: TakeStore,
    post: Callable[[Message], None],
    stop: Stop,
) -> _Rendered | Outcome:
    """Render one job, and again while it is a misfit, up to a file that waits to be kept or to why there is none."""
    if not job.rerolls:
        return _render_once(job, worker=worker, store=store, post=post, stop=stop)
    failed: list[Outcome] = []
    notes: list[str] = []
    engine_seconds = 0.0
    rendered = 0

    def render(number: int) -> _Rendered | None:
        nonlocal engine_seconds, rendered
        rendered = number
        seed = reroll_seed(job.request.seed, number)
        made = _render_once(
            replace(job, request=replace(job.request, seed=seed)), worker=worker, store=store, post=post, stop=stop
        )
        if isinstance(made, Outcome):
            failed.append(made)
            return None
        engine_seconds += made.finished.engine_seconds
        return made

    def listen(made: _Rendered) -> Verdict:
        try:
            heard = worker.listen(
                made.partial, job.request.prompt, first=job.handle_before, n_samples=job.span_samples, stop=stop
            )
            if heard.bleed is not None and heard.leak and rendered < job.rerolls:
                what = f"{heard.bleed.words} is heard in this take" if not rendered else f"{heard.bleed.words} again"
                notes.append(f"{what}: rendered anew, {rendered + 1} of {job.rerolls}")
            return heard
        except WorkerCancelled:
            failed.append(Outcome(job))
        except RunError as error:
            notes.append(f"nobody could tell whether it fits its prompt: {error}")
        return UNHEARD

    rolled = roll(
        render,
        listen,
        most=job.rerolls,
        misfit=read_ear_note().misfit,
        drop=lambda made: store.discard(made.partial),
    )
    if rolled.made is None:
        return failed[0]
    if any(outcome.cancelled for outcome in failed):
        store.discard(rolled.made.partial)
        return Outcome(job, seconds=time.monotonic() - rolled.made.started)
    notes += [f"re-roll {rolled.again + 1} failed: {outcome.reason}" for outcome in failed]
    return replace(
        rolled.made,
        finished=replace(rolled.made.finished, engine_seconds=engine_seconds),
        rolls=rolled.number,
        verdict=rolled.verdict,
        notes=(*notes, *_words(rolled)),
    )


def _words(rolled: Rolled[_Rendered]) -> tuple[str, ...]:
    """What to tell the user of a take that was rendered again."""
    kept, first = rolled.verdict, rolled.first
    if not rolled.again:
        return ()
    count = f"{rolled.again} time{'s' if rolled.again > 1 else ''}"
    if kept.leak and kept.bleed is not None:
        return (f"re-rolled {count}, and every render has it; this one least: {kept.bleed.words}",)
    if first.leak and first.bleed is not None:
        names = " and ".join(name for name, _ in first.bleed.heard)
        return (f"re-rolled {count}: no {names} is heard in it any more",)
    if kept.fit is None or first.fit is None:
        return ()
    if not rolled.number:
        return (f"re-rolled {count}, and none fits its prompt better than the first ({kept.fit:.2f})",)
    return (f"re-rolled {count}: its fit is {kept.fit:.2f} instead of {first.fit:.2f}",)


def _render_once(
    job: GenerationJob,
    *,
    worker: WorkerProcess,
    store: TakeStore,
    post: Callable[[Message], None],
    stop: Stop,
) -> _Rendered | Outcome:
    """Render one job up to a file that waits to be kept, or to the outcome that there is none."""
    started = time.monotonic()
    for attempt in range(1, _ATTEMPTS + 1):
        post(Started(job, attempt))
        partial: Path | None = None
        try:
            _require_room(job, store)
            partial = store.partial_path(job.content_hash)
            finished = worker.render(
                job.request,
                engine=job.engine,
                device=job.device,
                out_path=partial,
                on_progress=lambda event: post(Advanced(job, event.done, event.total, event.stage)),
                stop=stop,
            )
            made = _Rendered(job, finished, partial, started)
            partial = None
            return made
        except WorkerCancelled:
            return Outcome(job, seconds=time.monotonic() - started)
        except WorkerDied as error:
            _log.warning("%s: %s", job.title, error)
            if attempt < _ATTEMPTS and not stop.asked:
                continue
            return _failed(job, f"{error}\nIt died {attempt} times with this clip.", started)
        except (WorkerFailed, WorkerHung) as error:
            return _failed(job, str(error), started)
        except OSError as error:
            return _failed(job, _os_reason(error, store), started)
        finally:
            if partial is not None:
                store.discard(partial)
    raise AssertionError("unreachable")


def _keep(made: _Rendered, *, store: TakeStore) -> Outcome:
    """Put a render into the store."""
    job, finished = made.job, made.finished
    try:
        if finished.engine_version != job.engine_version:
            raise TakeError(
                f"the worker runs engine {job.engine} in version {finished.engine_version}, the plan was made with "
                f"{job.engine_version}; install the same version everywhere and run again"
            )
        take = store.put(job, made.partial, rolls=made.rolls, fit=made.verdict.fit, bleed=made.verdict.bleed)
    except TakeError as error:
        return _failed(job, str(error), made.started)
    except OSError as error:
        return _failed(job, _os_reason(error, store), made.started)
    finally:
        store.discard(made.partial)
    return Outcome(
        job,
        take=take,
        seconds=time.monotonic() - made.started,
        engine_seconds=finished.engine_seconds,
        warnings=(*finished.warnings, *made.notes),
    )


def _failed(job: GenerationJob, reason: str, started: float) -> Outcome:
    return Outcome(job, reason=reason or "it failed without a reason", seconds=time.monotonic() - started)


def _require_room(job: GenerationJob, store: TakeStore) -> None:
    """Raise OSError (ENOSPC) before minutes of rendering go to a disk that cannot take the result."""
    store.partial_dir.mkdir(parents=True, exist_ok=True)
    needed = job.request.n_samples * job.request.channels * 4 + _DISK_MARGIN_BYTES
    if shutil.disk_usage(store.root).free < needed:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(store.root))


def _os_reason(error: OSError, store: TakeStore) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk of {store.root} is full; free some space and run again, finished takes are kept"
    return f"the take cannot be kept in {store.root}: {error.strerror or error}"
