"""Measures the takes of the clip that is looked at against what is seen in it, in a thread and a worker of its own.

What is seen comes from the clip's event markers, else from the shipped engine. Only the latest question waits: whoever
walks through a long list waits for no clip but the last. Tells the document; shows nothing.
"""

import logging
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QObject, Qt, Signal

from otio_v2a.errors import RunError, TakeError, V2AError
from otio_v2a.event_markers import span_events
from otio_v2a.hearing import onsets
from otio_v2a.ranking import take_sound
from otio_v2a.shot_cache import ShotCache
from otio_v2a.spans import ClipSpan
from otio_v2a.stem import StemClip
from otio_v2a.worker_process import Stop, WorkerCancelled, WorkerProcess, WorkerSettings
from otio_v2a_engine.contract import EngineError, Role
from otio_v2a_engine.registry import DEFAULT_ENGINE
from otio_v2a_engine.specs import SURE
from otio_v2a_ui.document import Document
from otio_v2a_ui.syncing import Sync, compare

__all__ = ["SyncMeter"]

_log = logging.getLogger(__name__)

_IDLE_S = 60.0
"""The worker is let go after so long without a question: a loaded engine holds memory."""
_CLOSING_S = 30.0


@dataclass(frozen=True)
class _Question:
    span: ClipSpan
    clip: StemClip


@dataclass(frozen=True)
class _Answer:
    """`seen_s` is None when nobody could look."""

    clip_id: str
    seen_s: tuple[float, ...] | None
    syncs: dict[int, Sync]


class SyncMeter(QObject):  # type: ignore[misc]
    """Measures for one document; effects only, as nothing else has to meet the picture.

    Signals:
        told: the clip id of which the document has been told.
    """

    told = Signal(str)
    _answered = Signal(object)

    def __init__(
        self, document: Document, *, settings: WorkerSettings | None = None, parent: QObject | None = None
    ) -> None:
        """`settings` says how the worker runs; it computes in one thread, not to be in the way of renders."""
        super().__init__(parent)
        self._document = document
        store = document.options().store
        settings = settings or WorkerSettings()
        self._worker = WorkerProcess(
            log_path=store.log_dir / "worker-sync.log", settings=replace(settings, threads=settings.threads or 1)
        )
        self._shots_folder: Path = store.root / "shots"
        self._asked: dict[str, _Question] = {}
        self._waiting: _Question | None = None
        self._changed = threading.Condition()
        self._stop = Stop()
        self._thread: threading.Thread | None = None
        # Touched by the thread alone.
        self._seen: dict[str, tuple[float, ...]] = {}
        self._heard: dict[str, npt.NDArray[np.float64]] = {}
        self._answered.connect(self._take_in, Qt.ConnectionType.QueuedConnection)

    def ask(self, clip_id: str) -> None:
        """Measure a clip's takes unless they were measured as they are; returns at once."""
        span, held = self._document.span(clip_id), self._document.held(clip_id, Role.FX)
        if span is None or held is None or self._stop.asked:
            return
        question = _Question(span, held.clip)
        if self._asked.get(clip_id) == question:
            return
        with self._changed:
            if self._waiting is not None:
                self._asked.pop(self._waiting.span.clip_id, None)
            self._asked[clip_id] = self._waiting = question
            self._changed.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="sync", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End thread and worker."""
        with self._changed:
            self._stop.kill.set()
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(_CLOSING_S)
            self._thread = None

    def _take_in(self, answer: _Answer) -> None:
        if self._stop.asked:
            return
        if answer.seen_s is not None:
            self._document.set_onsets(answer.clip_id, answer.seen_s)
        for number, sync in answer.syncs.items():
            with suppress(TakeError, KeyError):  # It may have been dropped while it was listened to.
                self._document.set_measures(
                    answer.clip_id, Role.FX, number, sync_ms=sync.ms, sync_score=sync.score, sync_note=sync.note
                )
        self.told.emit(answer.clip_id)

    # In the thread

    def _run(self) -> None:
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._waiting is not None or self._stop.asked, timeout=_IDLE_S)
                    question, self._waiting = self._waiting, None
                if self._stop.asked:
                    return
                if question is None:
                    self._worker.close()
                    continue
                answer = self._answer(question)
                if answer is not None:
                    with suppress(RuntimeError):  # The meter may have gone meanwhile.
                        self._answered.emit(answer)
        finally:
            self._worker.kill()

    def _answer(self, question: _Question) -> _Answer | None:
        clip_id = question.span.clip_id
        seen_s, note = None, ""
        try:
            seen_s = self._look(question.span)
            note = "" if seen_s else "nothing is seen to happen in this clip"
        except WorkerCancelled:
            return None
        except (V2AError, EngineError, OSError) as error:
            note = str(error)
        except Exception as error:  # The thread's edge: a measure is no reason to lose the others.
            _log.exception("what is seen in %s could not be found", question.span.name)
            note = f"{type(error).__name__}: {error}"
        syncs = {}
        for take in question.clip.takes:
            if not seen_s:
                syncs[take.number] = Sync(note=note)
                continue
            try:
                heard_s = self._heard.get(take.content_hash)
                if heard_s is None:
                    heard_s = self._heard[take.content_hash] = onsets(*take_sound(take, question.clip))
                nudged = heard_s + float(question.clip.adjustment.nudge_s)
                syncs[take.number] = compare(nudged, np.array(seen_s))
            except (V2AError, OSError) as error:
                syncs[take.number] = Sync(note=str(error))
            except Exception as error:
                _log.exception("take %s of %s could not be listened to", take.number, question.span.name)
                syncs[take.number] = Sync(note=f"{type(error).__name__}: {error}")
        return _Answer(clip_id, seen_s, syncs)

    def _look(self, span: ClipSpan) -> tuple[float, ...]:
        """Instants that are seen in a clip, in seconds from its start."""
        marked = span_events(span)
        if marked is None:
            known = self._seen.get(span.clip_id)
            if known is not None:
                return known
            if not span.speed:
                raise RunError("a freeze frame: nothing moves in it")
            marked = self._worker.find_events(
                span.picture(cuts_s=self._cuts(span)),
                span.duration_s,
                engine=DEFAULT_ENGINE,
                device="cpu",
                at_least=SURE,
                on_progress=lambda event: None,
                stop=self._stop,
            )
        found = tuple(float(event.time_s) for event in marked if 0 <= event.time_s < span.duration_s)
        self._seen[span.clip_id] = found
        return found

    def _cuts(self, span: ClipSpan) -> tuple[Fraction, ...]:
        """Borders of shots inside a clip, looked for when nobody has."""
        cache = ShotCache(self._shots_folder)
        cuts_s = cache.get(span)
        if cuts_s is None:
            cuts_s = self._worker.find_shots(
                span.picture(), span.duration_s, on_progress=lambda event: None, stop=self._stop
            )
            cache.put(span, cuts_s)
        return tuple(cut for cut in cuts_s if 0 < cut < span.duration_s)
