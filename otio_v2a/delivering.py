"""Owns the writing of clips' files while other clips still render. Knows takes and events; starts no process.

What comes out is what `stems.write` would write at the end of the run, only earlier.
"""

import logging
import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from otio_v2a.errors import StemError
from otio_v2a.events import JobFailed, JobFinished, RunEvent
from otio_v2a.jobs import Plan
from otio_v2a.stems import ClipWriter
from otio_v2a.takes import Take
from otio_v2a_engine.contract import Role

__all__ = ["EarlyDelivery"]

_log = logging.getLogger(__name__)

_Key = tuple[Role, str]


class EarlyDelivery:
    """Writes a take's file, in a thread of its own, as soon as the take is in the store.

    A context: leaving it waits for what is in the store; after `give_up` only for the file under way. What cannot be
    written is left to `stems.write`, which meets the same error and says it.
    """

    def __init__(self, plan: Plan, writer: ClipWriter) -> None:
        """Prepare for the jobs of a plan; nothing is written yet."""
        self._writer = writer
        self._open: Counter[_Key] = Counter()
        self._handles: dict[_Key, set[tuple[int, int]]] = defaultdict(set)
        for job in plan.jobs:
            self._open[job.role, job.clip_id] += 1
            self._handles[job.role, job.clip_id].add((job.handle_before, job.handle_after))
        self._takes: dict[_Key, list[Take]] = defaultdict(list)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="deliver")
        self._given_up = threading.Event()

    def __enter__(self) -> "EarlyDelivery":
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        if kind is not None:
            self.give_up()
        self._thread.shutdown()

    def give_up(self) -> None:
        """Write no more than what is under way: the run was cancelled."""
        self._given_up.set()

    def listening(self, on_event: Callable[[RunEvent], None]) -> Callable[[RunEvent], None]:
        """A run's callback that takes note of what is finished and passes every event on."""

        def note(event: RunEvent) -> None:
            if isinstance(event, JobFinished | JobFailed):
                self._settle(event)
            on_event(event)

        return note

    def _settle(self, event: JobFinished | JobFailed) -> None:
        key = (event.job.role, event.job.clip_id)
        self._open[key] -= 1
        if isinstance(event, JobFinished):
            self._takes[key].append(event.take)
            # All takes of a clip begin where the one with the shortest handle does: alone, only when they are alike.
            if self._open[key] and len(self._handles[key]) == 1:
                self._thread.submit(self._write, [event.take])
        if not self._open[key] and key in self._takes:
            self._thread.submit(self._write, self._takes.pop(key))

    def _write(self, group: list[Take]) -> None:
        if self._given_up.is_set():
            return
        try:
            self._writer.write(group)
        except StemError as error:
            _log.info("%s of %s is left for later: %s", group[0].role, group[0].clip_id, error)
