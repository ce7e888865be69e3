"""Owns the panel's queue of renders and the one thread that works through it. Knows no Qt and no document.

Each order is planned when its turn comes, so that thousands can be queued at once and moved while others render. One
worker process serves them all and stays for a while after the last.
"""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import count

from otio_v2a import jobs
from otio_v2a.errors import RunError, V2AError
from otio_v2a.jobs import GenerationJob, PlanOptions
from otio_v2a.prompts import Ask
from otio_v2a.rendering import Advanced, Message, Outcome, Started, render_job
from otio_v2a.shot_cache import ShotCache, shots_between
from otio_v2a.spans import ClipSpan
from otio_v2a.takes import Take, TakeStore
from otio_v2a.timeline import Cut
from otio_v2a.worker_process import Stop, WorkerCancelled, WorkerProcess, WorkerSettings
from otio_v2a_engine.contract import EngineError, PromptSpec, Role
from otio_v2a_engine.registry import find
from otio_v2a_ui.state import QueueItem, QueueState, QueueSum

__all__ = ["Order", "RenderQueue"]

_log = logging.getLogger(__name__)

_IDLE_S = 120.0
"""How long a worker with its loaded weights waits for more."""
_TELL_S = 0.05
"""Progress is told at most this often."""


@dataclass(frozen=True)
class Order:
    """One take to be rendered.

    Attributes:
        span: the clip.
        prompt: texts and role.
        seed: seed of the clip's first take.
        take: which take of that seed, 1-based; 0 asks for one that the clip does not have yet.
        options: engine and rendering.
        known: content hashes of the takes that the clip and role has.
    """

    span: ClipSpan
    prompt: PromptSpec
    seed: int
    take: int = 1
    options: PlanOptions = field(default_factory=PlanOptions)
    known: frozenset[str] = frozenset()


class RenderQueue:
    """Renders orders one after another.

    The callbacks are called in the queue's own thread, or in the one that changed the queue.
    """

    def __init__(
        self,
        cut: Cut,
        store: TakeStore,
        *,
        on_item: Callable[[QueueItem], None],
        on_order: Callable[[], None],
        on_take: Callable[[QueueItem, Take, tuple[str, ...]], None],
        settings: WorkerSettings | None = None,
        idle_s: float = _IDLE_S,
    ) -> None:
        """Begin with nothing to do.

        Args:
            cut: the cut that all orders are of.
            store: where finished renders are kept.
            on_item: told of an item that has changed.
            on_order: told when items came, went or moved.
            on_take: told of a finished take, and what the engine says about it.
            settings: how the worker process is run.
            idle_s: how long the worker process waits for more.
        """
        self._cut = cut
        self._store = store
        self._on_item, self._on_order, self._on_take = on_item, on_order, on_take
        self._settings = settings or WorkerSettings()
        self._idle_s = idle_s
        self._keys = count(1)
        self._items: dict[int, QueueItem] = {}
        self._orders: dict[int, Order] = {}
        self._made: dict[tuple[str, Role], set[str]] = defaultdict(set)
        self._stops: dict[int, Stop] = {}
        self._changed = threading.Condition()
        self._paused = False
        self._closing = False
        self._thread: threading.Thread | None = None
        self._work_done_s = 0.0
        self._work_wall_s = 0.0

    # What the interface asks

    @property
    def items(self) -> tuple[QueueItem, ...]:
        """All items in their order."""
        with self._changed:
            return tuple(self._items.values())

    @property
    def sum(self) -> QueueSum:
        """The queue as a whole."""
        with self._changed:
            items = tuple(self._items.values())
            speed = self._work_done_s / self._work_wall_s if self._work_wall_s > 0 and self._work_done_s > 0 else None
            return QueueSum.of(items, speed=speed, paused=self._paused)

    def add(self, orders: Sequence[Order]) -> tuple[int, ...]:
        """Put orders at the end; returns the keys of their items."""
        keys = []
        with self._changed:
            for order in orders:
                key = next(self._keys)
                self._orders[key] = order
                self._items[key] = _item(key, order)
                keys.append(key)
            if self._thread is None and keys and not self._closing:
                self._thread = threading.Thread(target=self._run, name="render-queue", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        self._on_order()
        return tuple(keys)

    def pause(self, on: bool) -> None:
        """Begin nothing new, or go on. What is under way is finished."""
        with self._changed:
            self._paused = on
            self._changed.notify_all()
        self._on_order()

    def cancel(self, keys: Collection[int] | None = None) -> None:
        """Cancel these items, or all that are not over; what renders stops within a step."""
        told = []
        with self._changed:
            for key, item in self._items.items():
                if item.is_over or (keys is not None and key not in keys):
                    continue
                if item.state is QueueState.RUNNING:
                    self._stops[key].cancel.set()
                else:
                    self._items[key] = replace(item, state=QueueState.CANCELLED, stage="")
                    told.append(self._items[key])
            self._changed.notify_all()
        for item in told:
            self._on_item(item)

    def retry(self, keys: Collection[int] | None = None) -> None:
        """Let failed and cancelled items wait again; without `keys` all that failed."""
        told = []
        with self._changed:
            for key, item in self._items.items():
                wanted = item.state is QueueState.FAILED if keys is None else key in keys
                if wanted and item.state in (QueueState.FAILED, QueueState.CANCELLED):
                    self._items[key] = _item(key, self._orders[key])
                    told.append(self._items[key])
            self._changed.notify_all()
        for item in told:
            self._on_item(item)

    def move(self, keys: Collection[int], by: int) -> None:
        """Move items up (negative) or down among the others."""
        with self._changed:
            order = list(self._items)
            picked = [key for key in order if key in keys]
            for key in picked if by < 0 else reversed(picked):
                at = order.index(key)
                to = max(0, min(len(order) - 1, at + by))
                while to != at and order[to] in picked:
                    to += 1 if by < 0 else -1
                order.insert(to, order.pop(at))
            self._items = {key: self._items[key] for key in order}
        self._on_order()

    def move_to(self, keys: Collection[int], place: int) -> None:
        """Move items so that the first of them stands at a place, counted without them."""
        with self._changed:
            picked = [key for key in self._items if key in keys]
            rest = [key for key in self._items if key not in keys]
            order = rest[:place] + picked + rest[place:]
            self._items = {key: self._items[key] for key in order}
        self._on_order()

    def clear(self) -> None:
        """Forget the items that are over."""
        with self._changed:
            over = [key for key, item in self._items.items() if item.is_over]
            for key in over:
                del self._items[key], self._orders[key]
        self._on_order()

    def close(self, *, timeout_s: float = 20.0) -> None:
        """Cancel everything and end thread and worker process."""
        with self._changed:
            self._closing = True
            for stop in self._stops.values():
                stop.cancel.set()
            self._changed.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_s)
            if thread.is_alive():
                with self._changed:
                    for stop in self._stops.values():
                        stop.kill.set()
                thread.join(timeout_s)

    # The thread

    def _run(self) -> None:
        worker = WorkerProcess(log_path=self._store.log_dir / "worker-panel.log", settings=self._settings)
        try:
            while (key := self._wait_for_one(worker)) is not None:
                with ExitStack() as stack:
                    try:
                        stack.enter_context(self._store.lock())
                    except RunError as error:
                        self._finish(key, reason=str(error))
                        continue
                    while key is not None:
                        self._work(key, worker)
                        key = self._next()
        finally:
            worker.close()

    def _wait_for_one(self, worker: WorkerProcess) -> int | None:
        """The next item to render; None when the queue is closed. A worker that waits for too long is sent home."""
        since = time.monotonic()
        while True:
            with self._changed:
                if self._closing:
                    return None
                key = self._next()
                if key is not None:
                    return key
                left = self._idle_s - (time.monotonic() - since)
                self._changed.wait(left if left > 0 and worker.pid is not None else None)
            if time.monotonic() - since >= self._idle_s:
                worker.close()

    def _next(self) -> int | None:
        with self._changed:
            if self._paused or self._closing:
                return None
            for key, item in self._items.items():
                if item.state is QueueState.WAITING:
                    self._stops[key] = Stop()
                    self._items[key] = replace(item, state=QueueState.RUNNING)
                    return key
            return None

    def _work(self, key: int, worker: WorkerProcess) -> None:
        began = time.monotonic()
        with self._changed:
            item, order, stop = self._items[key], self._orders[key], self._stops[key]
        self._on_item(item)
        try:
            job = self._job(key, order, worker, stop)
            outcome = self._render(key, job, worker, stop)
        except WorkerCancelled:
            self._finish(key, state=QueueState.CANCELLED)
        except (V2AError, EngineError) as error:
            self._finish(key, reason=str(error))
        except Exception as error:  # One order must not take the queue down with it.
            _log.exception("a render failed in an unforeseen way")
            self._finish(key, reason=f"{type(error).__name__}: {error}")
        else:
            if outcome.take is not None:
                self._made[job.clip_id, job.role].add(job.content_hash)
                self._on_take(self._items[key], outcome.take, outcome.warnings)
                with self._changed:
                    if outcome.seconds:
                        self._work_done_s += item.estimated_s
                        self._work_wall_s += time.monotonic() - began
                self._finish(key, state=QueueState.DONE)
            elif outcome.cancelled:
                self._finish(key, state=QueueState.CANCELLED)
            else:
                self._finish(key, reason=outcome.reason)

    def _job(self, key: int, order: Order, worker: WorkerProcess, stop: Stop) -> GenerationJob:
        """Plan one order; the shots of its clip are looked for when nobody has."""
        span = order.span
        cache = ShotCache(self._store.root / "shots")
        cuts_s = cache.get(span) if span.speed else ()
        if cuts_s is None:
            self._tell(key, fraction=0.0, stage="looking for cuts")
            try:
                cuts_s = worker.find_shots(span.picture(), span.duration_s, on_progress=lambda event: None, stop=stop)
                cache.put(span, cuts_s)
            except WorkerCancelled:
                raise
            except (RunError, OSError) as error:
                _log.warning("no shots are looked for in %s: %s", span.name, error)
                cuts_s = ()
        shots = shots_between(cuts_s, span)
        known = order.known | self._made[span.clip_id, order.prompt.role]
        takes = order.take or len(known) + 1
        ask = Ask(span=span, prompt=order.prompt, seed=order.seed, takes=takes)
        plan = jobs.plan(self._cut, [ask], options=order.options, shots=lambda span: shots)
        if not plan.jobs:
            mine = [skip.reason for skip in plan.skipped if skip not in self._cut.skipped]
            raise RunError("; ".join(mine) or "it cannot be rendered")
        if order.take:
            return plan.jobs[order.take - 1]
        return next(job for job in plan.jobs if job.content_hash not in known)

    def _render(self, key: int, job: GenerationJob, worker: WorkerProcess, stop: Stop) -> Outcome:
        take = self._store.get_for(job)
        if take is not None:
            return Outcome(job, take=take)
        told = 0.0

        def post(message: Message) -> None:
            nonlocal told
            now = time.monotonic()
            if isinstance(message, Started):
                again = "starting again" if message.attempt > 1 else "starting"
                self._tell(key, fraction=0.0, stage=again, estimated_s=job.estimated_s)
            elif isinstance(message, Advanced) and now - told >= _TELL_S:
                told = now
                fraction = message.done / message.total if message.total > 0 else 0.0
                self._tell(key, fraction=fraction, stage=message.stage)

        return render_job(job, worker=worker, store=self._store, post=post, stop=stop)

    def _tell(self, key: int, *, fraction: float, stage: str, estimated_s: float | None = None) -> None:
        with self._changed:
            item = self._items[key]
            estimated = item.estimated_s if estimated_s is None else estimated_s
            item = self._items[key] = replace(item, fraction=fraction, stage=stage, estimated_s=estimated)
        self._on_item(item)

    def _finish(self, key: int, *, state: QueueState = QueueState.FAILED, reason: str = "") -> None:
        with self._changed:
            done = 1.0 if state is QueueState.DONE else 0.0
            item = replace(self._items[key], state=state, reason=reason, stage="", fraction=done)
            self._items[key] = item
            self._stops.pop(key, None)
        self._on_item(item)


@lru_cache(maxsize=32)
def _cost(engine: str) -> float:
    """Expected seconds of work for a second of sound."""
    try:
        return find(engine).info.cost_factor
    except EngineError:
        return 1.0


def _item(key: int, order: Order) -> QueueItem:
    engine = order.options.engine_of(order.prompt.role)
    cost = _cost(engine)
    return QueueItem(
        key=key,
        clip_id=order.span.clip_id,
        clip_name=order.span.name,
        role=order.prompt.role,
        number=order.take,
        engine=engine,
        estimated_s=float(order.span.duration_s + 2 * order.options.handles_s) * cost,
    )
