"""Events of pictures longer than a window: each instant once, whatever window it lies in."""

from collections.abc import Callable
from fractions import Fraction

import pytest

from otio_v2a_engine.contract import Cancelled, Picture, Progress, UnsupportedRequest, VisualEvent
from otio_v2a_engine.fake import FakeEngine
from otio_v2a_engine.models.spots import Spot, away_from_cuts
from otio_v2a_engine.spotting import find_events

PICTURE = Picture("/a.mov")


class _Sees(FakeEngine):
    """Sees something at every given second of the media."""

    def __init__(self, times: tuple[Fraction, ...]) -> None:
        super().__init__("cpu")
        self._times = times
        self.windows: list[tuple[Fraction, Fraction]] = []

    def spot(
        self, picture: Picture, *, duration_s: Fraction, at_least: float, options: tuple[str, ...] = ()
    ) -> tuple[VisualEvent, ...]:
        self.windows.append((picture.start_s, duration_s))
        inside = (time - picture.start_s for time in self._times)
        return tuple(VisualEvent(time, at_least) for time in inside if 0 <= time < duration_s)


def _find(
    engine: FakeEngine, seconds: int, *, cancelled: Callable[[], bool] = lambda: False
) -> tuple[VisualEvent, ...]:
    return find_events(
        engine, PICTURE, Fraction(seconds), at_least=0.5, cancelled=cancelled, on_progress=lambda _: None
    )


@pytest.mark.parametrize("seconds", [1, 8, 9, 15, 16, 61])
def test_every_instant_is_found_once_and_in_order(seconds: int) -> None:
    times = tuple(Fraction(k, 4) for k in range(4 * seconds))
    engine = _Sees(times)
    assert [event.time_s for event in _find(engine, seconds)] == list(times)
    assert all(length <= 8 for _, length in engine.windows)


def test_progress_ends_with_the_last_window() -> None:
    told: list[Progress] = []
    find_events(_Sees(()), PICTURE, Fraction(30), at_least=0.5, cancelled=lambda: False, on_progress=told.append)
    assert [progress.done for progress in told] == list(range(1, told[0].total + 1))


def test_a_search_can_be_cancelled() -> None:
    with pytest.raises(Cancelled):
        _find(_Sees(()), 30, cancelled=lambda: True)


def test_an_engine_that_does_not_spot_is_refused() -> None:
    with pytest.raises(UnsupportedRequest, match="fake finds no events"):
        _find(FakeEngine("cpu"), 1)


def test_an_option_that_the_engine_does_not_declare_is_refused() -> None:
    with pytest.raises(UnsupportedRequest, match="fake has no option 'weights=mine'; it has none"):
        find_events(
            _Sees(()),
            PICTURE,
            Fraction(1),
            at_least=0.5,
            options=("weights=mine",),
            cancelled=lambda: False,
            on_progress=lambda _: None,
        )


def test_what_is_seen_at_a_camera_cut_is_no_event() -> None:
    spots = [Spot(slot, 0.9) for slot in (190, 195, 204, 210)]
    assert [spot.slot for spot in away_from_cuts(spots, (Fraction(2),))] == [190, 210]
    assert away_from_cuts(spots, ()) == tuple(spots)
