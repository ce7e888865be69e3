"""How far a take's onsets lie from what is seen."""

import numpy as np
import pytest

from otio_v2a_ui.syncing import Sync, compare

_SEEN = np.array([0.5, 1.25, 2.0])


@pytest.mark.parametrize("lag_s", [-0.04, 0.0, 0.05])
def test_a_small_lag_is_told_with_its_sign_and_agrees(lag_s: float):
    found = compare(_SEEN + lag_s, _SEEN)
    assert found.ms == pytest.approx(1000 * lag_s)
    assert found.score == 1.0
    assert found.note == ""


def test_a_lag_that_is_seen_is_told_though_nothing_agrees():
    found = compare(_SEEN + 0.12, _SEEN)
    assert found.ms == pytest.approx(120)
    assert found.score == 0.0


def test_onsets_of_something_else_do_not_count():
    found = compare(np.array([0.51, 0.9, 1.26, 1.7, 2.01]), _SEEN)
    assert found.ms == pytest.approx(10)
    assert found.score == pytest.approx(2 * 3 / 8)


def test_without_a_pair_there_is_a_reason_instead_of_a_lag():
    for heard in (np.zeros(0), _SEEN + 0.35):
        found = compare(heard, _SEEN)
        assert (found.ms, found.score) == (None, 0.0)
        assert "none of its onsets" in found.note
    assert Sync() == Sync(None, None, "")
