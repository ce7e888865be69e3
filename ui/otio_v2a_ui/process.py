"""Owns the work that must not block the interface: the render queue, and single errands. Turns them into Qt signals.

Everything that arrives here from another thread leaves as a queued signal in the interface's own.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from otio_v2a.errors import V2AError
from otio_v2a.takes import Take
from otio_v2a.worker_process import WorkerSettings
from otio_v2a_engine.contract import EngineError
from otio_v2a_ui.document import Document
from otio_v2a_ui.orders import Scope, orders_for
from otio_v2a_ui.render_queue import RenderQueue
from otio_v2a_ui.state import QueueItem, QueueState, QueueSum

__all__ = ["Errand", "Process"]

_log = logging.getLogger(__name__)


class Errand(QObject):  # type: ignore[misc]
    """One piece of work in a thread of its own.

    Signals:
        done: the result.
        failed: why there is none, in words for the user.
        progressed: how many of how many.
    """

    done = Signal(object)
    failed = Signal(str)
    progressed = Signal(int, int)
    _ended = Signal(bool, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._ended.connect(self._end, Qt.ConnectionType.QueuedConnection)

    @property
    def is_running(self) -> bool:
        """Whether it is not over yet."""
        return self._thread is not None

    def start(self, work: Callable[["Errand"], Any]) -> None:
        """Do `work(self)` in a thread; it may ask `cancelled` and tell `progress`."""
        assert self._thread is None, "an errand runs one piece of work at a time"
        self._stop.clear()

        def run() -> None:
            try:
                result = work(self)
            except (V2AError, EngineError, OSError) as error:
                self._ended.emit(False, str(error))
            except Exception as error:  # The thread's edge: whatever it is, the user hears of it.
                _log.exception("work off the interface's thread failed in an unforeseen way")
                self._ended.emit(False, f"{type(error).__name__}: {error}")
            else:
                self._ended.emit(True, result)

        self._thread = threading.Thread(target=run, name="errand", daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """Ask it to end."""
        self._stop.set()

    def cancelled(self) -> bool:
        """Whether it was asked to end; for the work itself."""
        return self._stop.is_set()

    def progress(self, done: int, total: int) -> None:
        """Tell how far it is; for the work itself, from any thread."""
        self.progressed.emit(done, total)

    def wait(self, timeout_s: float = 30.0) -> None:
        """Block until the work is over; its signals come later. For closing only."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _end(self, well: bool, result: object) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()
        if well:
            self.done.emit(result)
        else:
            self.failed.emit(str(result))


class Process(QObject):  # type: ignore[misc]
    """The renders of one document.

    Signals:
        item_changed: a `QueueItem` that has changed.
        order_changed: items came, went or moved.
        sum_changed: a `QueueSum`, a few times a second at most.
        take_made: clip id, role and number of a take that the document has now.
        message: what the user should know, in words.
        finished: nothing is left to do.
    """

    item_changed = Signal(object)
    order_changed = Signal()
    sum_changed = Signal(object)
    take_made = Signal(str, object, int)
    message = Signal(str)
    finished = Signal()

    _item = Signal(object)
    _order = Signal()
    _take = Signal(object, object, object)

    def __init__(
        self, document: Document, *, settings: WorkerSettings | None = None, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.document = document
        self._states: dict[str, dict[int, QueueItem]] = {}
        self._was_busy = False
        queued = Qt.ConnectionType.QueuedConnection
        self._item.connect(self._take_item_in, queued)
        self._order.connect(self._take_order_in, queued)
        self._take.connect(self._take_take_in, queued)
        self._sum_timer = QTimer(self)
        self._sum_timer.setSingleShot(True)
        self._sum_timer.setInterval(200)
        self._sum_timer.timeout.connect(self._tell_sum)
        self.queue = RenderQueue(
            document.cut,
            document.options().store,
            on_item=self._item.emit,
            on_order=self._order.emit,
            on_take=lambda item, take, warnings: self._take.emit(item, take, warnings),
            settings=settings,
        )

    @property
    def items(self) -> tuple[QueueItem, ...]:
        """The queue's items in their order."""
        return self.queue.items

    @property
    def sum(self) -> QueueSum:
        """The queue as a whole."""
        return self.queue.sum

    def generate(self, scope: Scope) -> int:
        """Queue renders; returns how many."""
        orders = orders_for(self.document, scope)
        if orders:
            self.queue.add(orders)
        return len(orders)

    def close(self) -> None:
        """Cancel everything and wait for the worker to end."""
        self._sum_timer.stop()
        self.queue.close()

    def _take_item_in(self, item: QueueItem) -> None:
        of_clip = self._states.setdefault(item.clip_id, {})
        of_clip[item.key] = item
        self._tell_document([item.clip_id])
        self.item_changed.emit(item)
        # Renders may begin and end between two sums; `finished` must tell of them too.
        self._was_busy = self._was_busy or item.state is QueueState.RUNNING
        if item.state is QueueState.FAILED:
            self.message.emit(f"{item.clip_name} {item.role}: {item.reason}")
        self._later()

    def _take_order_in(self) -> None:
        states: dict[str, dict[int, QueueItem]] = {}
        for item in self.queue.items:
            states.setdefault(item.clip_id, {})[item.key] = item
        gone = set(self._states) - set(states)
        self._states = states
        self._tell_document([*states, *gone])
        self.order_changed.emit()
        self._later()

    def _tell_document(self, clip_ids: Iterable[str]) -> None:
        news = {}
        for clip_id in clip_ids:
            items = self._states.get(clip_id, {}).values()
            failure = next((item.reason for item in items if item.state is QueueState.FAILED), "")
            news[clip_id] = ({item.state for item in items}, failure)
        self.document.set_activity(news)

    def _take_take_in(self, item: QueueItem, take: Take, warnings: tuple[str, ...]) -> None:
        number = self.document.add_take(take)
        for warning in warnings:
            self.message.emit(f"{item.clip_name} {item.role}: {warning}")
        self.take_made.emit(take.clip_id, take.role, number)

    def _later(self) -> None:
        if not self._sum_timer.isActive():
            self._sum_timer.start()

    def _tell_sum(self) -> None:
        total = self.queue.sum
        self.sum_changed.emit(total)
        # The sum is of this moment, what came as signals lags: nothing is over before the last take is in the document.
        active = (QueueState.WAITING, QueueState.RUNNING)
        lags = any(item.state in active for of_clip in self._states.values() for item in of_clip.values())
        is_busy = lags or total.waiting + total.running > 0
        if self._was_busy and not is_busy:
            self.finished.emit()
        self._was_busy = is_busy
