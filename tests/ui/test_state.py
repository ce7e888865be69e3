"""The panel's words."""

from otio_v2a_engine.contract import Role
from otio_v2a_ui.state import QueueItem, QueueState, QueueSum, Status, status_of


def _item(key: int, state: QueueState, *, fraction: float = 0.0, estimated_s: float = 10.0) -> QueueItem:
    return QueueItem(
        key=key,
        clip_id="c",
        clip_name="SH010",
        role=Role.FX,
        number=1,
        engine="fake",
        state=state,
        fraction=fraction,
        estimated_s=estimated_s,
    )


def test_what_happens_now_beats_what_happened_before():
    waiting, running = QueueState.WAITING, QueueState.RUNNING
    assert status_of(queued=(waiting, running), has_failed=True) is Status.RUNNING
    assert status_of(queued=(waiting,), is_changed=True) is Status.QUEUED
    assert status_of(queued=(QueueState.DONE,), is_missing=True, is_complete=True) is Status.MISSING
    assert status_of(has_failed=True, is_complete=True) is Status.FAILED
    assert status_of(is_changed=True, is_complete=True) is Status.CHANGED
    assert status_of(is_complete=True) is Status.DONE
    assert status_of() is Status.NEW


def test_the_sum_weighs_jobs_by_their_work_and_leaves_cancelled_ones_out():
    items = (
        _item(1, QueueState.DONE, estimated_s=30),
        _item(2, QueueState.RUNNING, fraction=0.5, estimated_s=20),
        _item(3, QueueState.WAITING, estimated_s=50),
        _item(4, QueueState.CANCELLED, estimated_s=1000),
    )
    total = QueueSum.of(items, speed=2.0)
    assert (total.total, total.done, total.running, total.waiting) == (4, 1, 1, 1)
    assert abs(total.fraction - 0.4) < 1e-9
    assert total.time_left_s == 30
    assert total.is_busy


def test_a_queue_with_nothing_left_has_no_time_left():
    total = QueueSum.of((_item(1, QueueState.DONE), _item(2, QueueState.FAILED)), speed=1.0)
    assert total.time_left_s is None
    assert not total.is_busy
    assert total.fraction == 1.0


def test_a_paused_queue_is_not_busy_until_it_goes_on():
    items = (_item(1, QueueState.WAITING),)
    assert not QueueSum.of(items, paused=True).is_busy
    assert QueueSum.of(items).is_busy
