"""Spots: one instant a peak, the surest of a crowd, and the picture hidden where an editor disagreed with it."""

import torch

from otio_v2a_engine.models.flow import EVENT_SLOTS
from otio_v2a_engine.models.spots import Spot, edited_tokens, event_slots, find_spots, peaks
from otio_v2a_engine.specs import SURE


def _logits(n_tokens: int, **sure: float) -> torch.Tensor:
    """Logits whose confidence is 0.01 but for the slots named `s<number>`."""
    confidence = torch.full((n_tokens * EVENT_SLOTS,), 0.01)
    for name, value in sure.items():
        confidence[int(name[1:])] = value
    return torch.logit(confidence).view(n_tokens, EVENT_SLOTS)


def test_a_peak_is_one_spot_in_its_slot_with_its_confidence() -> None:
    (spot,) = find_spots(_logits(20, s41=0.6, s42=0.9, s43=0.7))
    assert spot.slot == 42
    assert abs(spot.confidence - 0.9) < 1e-5


def test_of_spots_within_60_ms_the_surer_counts_and_others_stay() -> None:
    assert [spot.slot for spot in find_spots(_logits(40, s10=0.8, s15=0.85, s22=0.9, s60=0.8))] == [15, 22, 60]


def test_what_is_not_sure_enough_is_no_spot_unless_it_is_asked_for() -> None:
    logits = _logits(10, s8=SURE - 0.1)
    assert find_spots(logits) == ()
    assert [spot.slot for spot in find_spots(logits, at_least=0.3)] == [8]


def test_the_peaks_of_a_batch_are_the_spots_of_its_rows() -> None:
    logits = 2 * torch.randn(3, 200, EVENT_SLOTS, generator=torch.Generator().manual_seed(4))
    for row, marks in zip(logits, peaks(logits), strict=True):
        assert marks.flatten().nonzero()[:, 0].tolist() == [spot.slot for spot in find_spots(row)]


def test_known_events_stand_in_their_slots_and_outside_the_window_in_none() -> None:
    slots = event_slots([0, 9, 40, -3], 10)
    assert slots.shape == (1, 10, EVENT_SLOTS + 1)
    assert slots[0, :, :EVENT_SLOTS].nonzero().tolist() == [[0, 0], [2, 1]]
    assert bool((slots[0, :, EVENT_SLOTS] == 1).all())


def test_the_picture_is_hidden_around_what_was_moved_taken_away_or_added_and_nowhere_else() -> None:
    seen = [Spot(40, 1.0), Spot(200, 1.0)]
    assert not edited_tokens(seen, [42, 198], 100).any()  # within 40 ms it is the same event
    moved = edited_tokens(seen, [40, 240], 100)
    assert moved[[50, 60, 10, 90]].tolist() == [True, True, False, False]
    assert edited_tokens(seen, [40], 100).nonzero()[:, 0].tolist() == list(range(42, 59))
    assert edited_tokens([], [0], 100).nonzero()[:, 0].tolist() == list(range(9))
