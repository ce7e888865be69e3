"""The panel's queue: order, pause, cancel, retry, and what a dying worker does to it."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from otio_v2a.jobs import PlanOptions
from otio_v2a.takes import Take
from otio_v2a.worker_process import WorkerSettings
from otio_v2a_engine.contract import Role
from otio_v2a_ui.document import Document
from otio_v2a_ui.orders import Scope, orders_for
from otio_v2a_ui.render_queue import RenderQueue
from otio_v2a_ui.state import QueueItem, QueueState

_PATIENCE_S = 120


class _Watched:
    """A queue with its document; waits for what it tells."""

    def __init__(self, document: Document, settings: WorkerSettings) -> None:
        self.document = document
        self.takes: list[tuple[QueueItem, Take]] = []
        self.told: list[QueueItem] = []
        self._news = threading.Condition()
        self.queue = RenderQueue(
            document.cut,
            document.options().store,
            on_item=self._item,
            on_order=lambda: None,
            on_take=self._take,
            settings=settings,
            idle_s=0.2,
        )

    def _item(self, item: QueueItem) -> None:
        with self._news:
            self.told.append(item)
            self._news.notify_all()

    def _take(self, item: QueueItem, take: Take, warnings: tuple[str, ...]) -> None:
        with self._news:
            self.takes.append((item, take))

    def wait(self, is_so: Callable[[], bool]) -> None:
        with self._news:
            assert self._news.wait_for(is_so, _PATIENCE_S), [item.state for item in self.queue.items]

    def wait_over(self) -> None:
        self.wait(lambda: all(item.is_over for item in self.queue.items))

    def states(self) -> list[QueueState]:
        return [item.state for item in self.queue.items]

    def ask(self, texts: list[str]) -> None:
        """One FX prompt for each clip, one after the other; nothing else."""
        for row, text in zip(self.document.rows, texts, strict=False):
            self.document.set_prompt(replace(self.document.prompt(row.clip_id, Role.FX), text=text))
            self.document.set_prompt(replace(self.document.prompt(row.clip_id, Role.AMB), enabled=False))


@pytest.fixture
def watched(write_cut: Callable[..., Path], double: WorkerSettings) -> Iterator[_Watched]:
    document = Document.open(write_cut())
    document.plan_options = PlanOptions(engine="fake")
    made = _Watched(document, double)
    yield made
    made.queue.close()
    document.close()


def test_orders_are_rendered_one_after_the_other_into_the_store(watched: _Watched):
    watched.ask(["a", "b", "c"])
    orders = orders_for(watched.document, Scope())
    keys = watched.queue.add(orders)
    watched.wait_over()
    assert watched.states() == [QueueState.DONE] * 3
    assert [item.key for item, _ in watched.takes] == list(keys)
    assert all(take.path.is_file() for _, take in watched.takes)
    assert watched.queue.sum.fraction == 1.0
    for _, take in watched.takes:
        watched.document.add_take(take)
    assert orders_for(watched.document, Scope()) == []


def test_a_prompt_that_is_edited_later_does_not_change_what_was_queued(watched: _Watched):
    watched.ask(["first", "x", "x"])
    clip_id = watched.document.rows[0].clip_id
    watched.queue.pause(True)
    watched.queue.add(orders_for(watched.document, Scope((clip_id,))))
    watched.document.set_prompt(replace(watched.document.prompt(clip_id, Role.FX), text="second"))
    watched.queue.pause(False)
    watched.wait_over()
    assert watched.takes[0][1].prompt.text == "first"
    assert len(orders_for(watched.document, Scope((clip_id,)))) == 1


def test_what_waits_can_be_moved_and_cancelled(watched: _Watched):
    watched.ask(["a", "b", "c"])
    watched.queue.pause(True)
    one, two, three = watched.queue.add(orders_for(watched.document, Scope()))
    watched.queue.move({three}, -1)
    watched.queue.move({one}, 5)
    assert [item.key for item in watched.queue.items] == [three, two, one]
    watched.queue.move_to({one}, 0)
    assert [item.key for item in watched.queue.items] == [one, three, two]
    watched.queue.cancel({three})
    watched.queue.pause(False)
    watched.wait_over()
    assert watched.states() == [QueueState.DONE, QueueState.CANCELLED, QueueState.DONE]
    assert [item.key for item, _ in watched.takes] == [one, two]
    watched.queue.clear()
    assert watched.queue.items == ()


def test_neighbours_that_are_moved_together_stay_together(watched: _Watched):
    watched.ask(["a", "b", "c"])
    watched.queue.pause(True)
    one, two, three = watched.queue.add(orders_for(watched.document, Scope()))
    watched.queue.move({two, three}, -1)
    assert [item.key for item in watched.queue.items] == [two, three, one]
    watched.queue.move({two, three}, -1)
    assert [item.key for item in watched.queue.items] == [two, three, one]


def test_what_renders_is_cancelled_within_a_step_and_the_rest_goes_on(watched: _Watched):
    watched.ask(["wait 600", "b", "c"])
    keys = watched.queue.add(orders_for(watched.document, Scope()))
    watched.wait(lambda: any(item.stage == "starting" for item in watched.told))
    watched.queue.cancel({keys[0]})
    watched.wait_over()
    assert watched.states() == [QueueState.CANCELLED, QueueState.DONE, QueueState.DONE]


def test_a_failure_has_a_reason_and_can_be_tried_again(watched: _Watched, tmp_path: Path):
    watched.ask(["fail the lens is dirty", "b", "c"])
    watched.queue.add(orders_for(watched.document, Scope()))
    watched.wait_over()
    failed = watched.queue.items[0]
    assert failed.state is QueueState.FAILED
    assert "the lens is dirty" in failed.reason
    assert watched.queue.sum.failed == 1
    before = len(watched.told)
    watched.queue.retry()
    watched.wait(lambda: any(item.state is QueueState.FAILED for item in watched.told[before:]))
    assert watched.states()[1:] == [QueueState.DONE, QueueState.DONE]


def test_a_worker_that_dies_fails_its_job_in_words_and_the_queue_goes_on(watched: _Watched):
    watched.ask(["crash", "b", "c"])
    watched.queue.add(orders_for(watched.document, Scope()))
    watched.wait_over()
    assert watched.states() == [QueueState.FAILED, QueueState.DONE, QueueState.DONE]
    assert "killed" in watched.queue.items[0].reason


def test_more_takes_are_others_than_those_there_are(watched: _Watched):
    watched.ask(["a", "b", "c"])
    clip_id = watched.document.rows[0].clip_id
    watched.queue.add(orders_for(watched.document, Scope((clip_id,))))
    watched.queue.add(orders_for(watched.document, Scope((clip_id,), (Role.FX,), more=2)))
    watched.wait_over()
    hashes = {take.content_hash for _, take in watched.takes}
    assert len(hashes) == 3
    numbers = [watched.document.add_take(take) for _, take in watched.takes]
    assert numbers == [1, 2, 3]


def test_a_role_that_the_engine_does_not_make_fails_with_what_to_do(watched: _Watched):
    watched.document.plan_options = PlanOptions(engine="composer")
    clip_id = watched.document.rows[0].clip_id
    watched.queue.add(orders_for(watched.document, Scope((clip_id,), (Role.DX,))))
    watched.wait_over()
    assert watched.states() == [QueueState.FAILED]
    assert "does not make DX" in watched.queue.items[0].reason


def test_closing_ends_a_render_under_way(watched: _Watched):
    watched.ask(["wait 600", "b", "c"])
    watched.queue.add(orders_for(watched.document, Scope()))
    watched.wait(lambda: any(item.stage == "starting" for item in watched.told))
    watched.queue.close(timeout_s=_PATIENCE_S)
    assert watched.queue._thread is not None
    assert not watched.queue._thread.is_alive()
    assert not watched.takes
