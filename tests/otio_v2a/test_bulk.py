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
