"""Garbage collection is paused while many objects are made, and afterwards as it was."""

import gc

import pytest

from otio_v2a.bulk import without_collections


@pytest.fixture(autouse=True)
def _collector():
    yield
    gc.enable()


@pytest.mark.parametrize("is_enabled", [True, False])
def test_the_collector_is_left_as_it_was_found_whatever_happens_inside(is_enabled):
    (gc.enable if is_enabled else gc.disable)()

    @without_collections()
    def fail() -> None:
        assert not gc.isenabled()
        raise ValueError("inside")

    for _ in range(2):
        with pytest.raises(ValueError, match="inside"):
            fail()
        assert gc.isenabled() is is_enabled


def test_what_was_made_inside_counts_as_old_and_what_others_froze_stays_frozen():
    gc.collect()
    with without_collections():
        made = [[] for _ in range(1000)]
    assert any(item is made for item in gc.get_objects(generation=2))
    gc.freeze()
    try:
        n_frozen = gc.get_freeze_count()
        with without_collections():
            made = [[] for _ in range(1000)]
        assert gc.get_freeze_count() > n_frozen // 2  # some of what was frozen may be gone meanwhile
    finally:
        gc.unfreeze()
