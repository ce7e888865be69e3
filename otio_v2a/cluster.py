"""Owns rendering on a dask cluster whose nodes see the same files. Needs the extra `cluster`; knows no plan.

Jobs travel in small batches. Each batch starts one worker process on its node, renders into the shared store, and
asks the store first, so a batch that dask repeats after a node was lost renders only what is missing.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from otio_v2a.errors import RunError
from otio_v2a.jobs import GenerationJob
from otio_v2a.rendering import Advanced, Message, Outcome, Started, render_job
from otio_v2a.takes import TakeStore
from otio_v2a.worker_process import Stop, WorkerProcess, WorkerSettings

__all__ = ["DaskBackend"]

_log = logging.getLogger(__name__)

_POLL_S = 0.5
_PROGRESS_INTERVAL_S = 0.5
_BATCHES_PER_THREAD = 4
_LARGEST_BATCH = 8


@dataclass(frozen=True)
class DaskBackend:
    """Renders on the cluster of a dask scheduler.

    Attributes:
        address: of the scheduler, like `tcp://host:8786`, or a path to its scheduler file.
        connect_timeout_s: longest wait for it.
    """

    address: str
    connect_timeout_s: float = 15.0

    def render_all(
        self,
        jobs: Sequence[GenerationJob],
        *,
        store: TakeStore,
        settings: WorkerSettings,
        post: Callable[[Message], None],
        stop: Stop,
    ) -> None:
        """Render the jobs on the cluster, as many at a time as its workers have threads.

        Raises:
            RunError: dask is not installed, the scheduler does not answer, or it has no workers.
        """
        try:
            from dask.distributed import Client, Event
        except ImportError as error:
            raise RunError("rendering on a cluster needs dask: pip install 'otio-v2a[cluster]'") from error
        run_id = f"otio-v2a-{uuid4().hex[:12]}"
        by_hash = {job.content_hash: job for job in jobs}
        with _connected(Client, self.address, timeout_s=self.connect_timeout_s) as client:
            threads = sum(client.nthreads().values())
            if not threads:
                raise RunError(f"the cluster at {self.address} has no workers; start some (dask worker ADDRESS)")
            cancel = Event(run_id, client=client)
            client.subscribe_topic(run_id, lambda event: _relay(event, by_hash=by_hash, post=post))
            try:
                futures = {
                    client.submit(
                        render_batch,
                        batch,
                        root=str(store.root),
                        settings=settings,
                        run_id=run_id,
                        pure=False,
                        priority=-number,
                    ): batch
                    for number, batch in enumerate(_batches(jobs, threads=threads))
                }
                _collect(futures, store=store, post=post, stop=stop, ask_to_end=cancel.set)
            finally:
                client.unsubscribe_topic(run_id)


def render_batch(
    jobs: Sequence[GenerationJob], *, root: str, settings: WorkerSettings, run_id: str
) -> tuple[Outcome, ...]:
    """On a node: render some jobs one after the other with one worker process, into the store at `root`."""
    from dask.distributed import Event, get_client, get_worker

    node = get_worker()
    asked = Event(run_id, client=get_client())
    store, stop, over = TakeStore(Path(root)), Stop(), threading.Event()
    heard: dict[str, float] = {}

    def tell(message: Message) -> None:
        now = time.monotonic()
        if isinstance(message, Advanced):
            if now - heard.get(message.job.content_hash, 0.0) < _PROGRESS_INTERVAL_S:
                return
            heard[message.job.content_hash] = now
            node.log_event(run_id, ["advanced", message.job.content_hash, message.done, message.total, message.stage])
        elif isinstance(message, Started):
            node.log_event(run_id, ["started", message.job.content_hash, message.attempt])

    def watch() -> None:
        while not over.wait(_POLL_S):
            if asked.is_set():
                stop.cancel.set()
                return

    if asked.is_set():
        return ()
    name = f"node-{socket.gethostname()}-{os.getpid()}-{threading.get_ident()}.log"
    worker = WorkerProcess(log_path=store.log_dir / name, settings=settings)
    watcher = threading.Thread(target=watch, name="watch-for-cancel", daemon=True)
    watcher.start()
    outcomes = []
    try:
        for job in jobs:
            if stop.asked:
                break
            take = store.get_for(job)
            outcomes.append(
                Outcome(job, take=take)
                if take is not None
                else render_job(job, worker=worker, store=store, post=tell, stop=stop)
            )
    finally:
        over.set()
        if stop.asked:
            worker.kill()
        else:
            worker.close()
        watcher.join()
    return tuple(outcomes)


class _connected:
    """A client that is closed at the end, and a scheduler that does not answer as a RunError."""

    def __init__(self, client_type: Any, address: str, *, timeout_s: float) -> None:
        where = {"scheduler_file": address} if Path(address).is_file() else {"address": address}
        try:
            self._client = client_type(**where, timeout=timeout_s, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise RunError(f"the dask scheduler at {address} does not answer: {error}") from error

    def __enter__(self) -> Any:
        return self._client

    def __exit__(self, *_: object) -> None:
        self._client.close()


def _batches(jobs: Sequence[GenerationJob], *, threads: int) -> list[tuple[GenerationJob, ...]]:
    """Batches small enough to share the work evenly, without what cannot or need not travel."""
    size = max(1, min(_LARGEST_BATCH, len(jobs) // (threads * _BATCHES_PER_THREAD)))
    light = [_light(job) for job in jobs]
    return [tuple(light[start : start + size]) for start in range(0, len(light), size)]


def _light(job: GenerationJob) -> GenerationJob:
    span = replace(job.ask.span, metadata={}, markers=())
    return replace(job, ask=replace(job.ask, span=span))


def _collect(
    futures: dict[Any, tuple[GenerationJob, ...]],
    *,
    store: TakeStore,
    post: Callable[[Message], None],
    stop: Stop,
    ask_to_end: Callable[[], None],
) -> None:
    """Post the outcome of every batch as it comes in; after a cancel, wait only for those under way."""
    waiting = dict(futures)
    asked = False
    while waiting and not stop.kill.is_set():
        if stop.cancel.is_set() and not asked:
            ask_to_end()
            asked = True
        done = [future for future in waiting if future.done()]
        for future in done:
            batch = waiting.pop(future)
            for outcome in _outcomes_of(future, batch, store=store):
                post(outcome)
        if not done:
            time.sleep(_POLL_S / 5)
    for future in waiting:
        future.cancel()
    if waiting and not asked:
        ask_to_end()


def _outcomes_of(future: Any, batch: tuple[GenerationJob, ...], *, store: TakeStore) -> Sequence[Outcome]:
    """A batch's outcomes; when its node was lost, what it had finished is in the store all the same."""
    if future.status == "finished":
        outcomes: Sequence[Outcome] = future.result()
        return outcomes
    if future.cancelled():
        return ()
    error = future.exception()
    _log.warning("a batch of %d renders was lost: %s", len(batch), error)
    found = []
    for job in batch:
        take = store.get_for(job)
        reason = "" if take is not None else f"the cluster lost it ({error}); run again, finished takes are kept"
        found.append(Outcome(job, take=take, reason=reason))
    return found


def _relay(event: Any, *, by_hash: dict[str, GenerationJob], post: Callable[[Message], None]) -> None:
    """Turn a node's progress into a message."""
    kind, content_hash, *rest = event[1] if isinstance(event, tuple) else event
    job = by_hash.get(content_hash)
    if job is None:
        return
    post(Started(job, *rest) if kind == "started" else Advanced(job, *rest))
