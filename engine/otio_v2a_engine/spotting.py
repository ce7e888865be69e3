"""Finds the instants that an engine sees in a picture of any length. Knows no network: an engine that spots does it.

Windows overlap, and each instant is taken from the window in which it lies further from the border.
"""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from math import ceil
from typing import Protocol, runtime_checkable

from otio_v2a_engine.contract import Cancelled, Engine, Picture, Progress, UnsupportedRequest, VisualEvent

__all__ = ["Spotter", "find_events"]

_WINDOW_S = Fraction(8)
_OVERLAP_S = Fraction(1)


@runtime_checkable
class Spotter(Protocol):
    """An engine that can say where something is seen to sound."""

    def spot(
        self, picture: Picture, *, duration_s: Fraction, at_least: float, options: tuple[str, ...] = ()
    ) -> tuple[VisualEvent, ...]:
        """The instants in `[0, duration_s)` of request time, ascending, with their confidence as strength.

        Args:
            picture: of one window, not longer than the engine's longest.
            duration_s: its length.
            at_least: confidence below which an instant is none.
            options: settings of the engine's own, as in `Sampling.options`, all of them declared.

        Raises:
            PictureError: the picture cannot be decoded.
            WeightsError: an option names a folder without the engine's weights.
        """
        ...


def find_events(
    engine: Engine,
    picture: Picture,
    duration_s: Fraction,
    *,
    at_least: float,
    options: tuple[str, ...] = (),
    cancelled: Callable[[], bool],
    on_progress: Callable[[Progress], None],
) -> tuple[VisualEvent, ...]:
    """What an engine sees sound in `[0, duration_s)`, ascending.

    Raises:
        UnsupportedRequest: the engine does not spot, or has no such option.
        PictureError: the picture cannot be decoded.
        WeightsError: an option names a folder without the engine's weights.
        Cancelled: `cancelled` answered True.
    """
    if not isinstance(engine, Spotter):
        raise UnsupportedRequest(f"engine {engine.info.name} finds no events; use engine small for it")
    engine.info.check_options(options)
    window_s = min(_WINDOW_S, engine.info.max_window_s)
    step_s = window_s - min(_OVERLAP_S, window_s / 2)
    count = 1 + max(0, ceil((duration_s - window_s) / step_s))
    found: list[VisualEvent] = []
    for number in range(count):
        if cancelled():
            raise Cancelled("the search for events was cancelled")
        start_s = number * step_s
        length_s = min(window_s, duration_s - start_s)
        # The borders lie in the middle of the overlaps; the first and the last window reach to the ends.
        low = start_s + (window_s - step_s) / 2 if number else Fraction(0)
        high = start_s + step_s + (window_s - step_s) / 2 if number < count - 1 else duration_s
        window = picture.window(start_s, length_s)
        seen = engine.spot(window, duration_s=length_s, at_least=at_least, options=options)
        moved = (replace(event, time_s=event.time_s + start_s) for event in seen)
        found += [event for event in moved if low <= event.time_s < high]
        on_progress(Progress(done=number + 1, total=count, stage="spotting"))
    return tuple(found)
