"""Owns how far a take's onsets lie from what is seen, in figures. Knows no Qt, no files and no engine."""

from dataclasses import dataclass
from statistics import median

import numpy as np
import numpy.typing as npt

from otio_v2a.hearing import agreement

__all__ = ["Sync", "compare"]

_NEAR_S = 0.2
"""Onsets farther from an event than this are of something else."""


@dataclass(frozen=True)
class Sync:
    """Sync of a take with its picture.

    Attributes:
        ms: median offset of its onsets from the events that are seen, later is positive; None without a pair.
        score: agreement, 0 to 1, as `otio-v2a takes rank` measures it; None when nothing was measured.
        note: why there is no figure; empty when there is.
    """

    ms: float | None = None
    score: float | None = None
    note: str = ""


def compare(heard_s: npt.NDArray[np.float64], seen_s: npt.NDArray[np.float64]) -> Sync:
    """Compare ascending instants in seconds; `seen_s` must not be empty."""
    offsets = []
    for event in seen_s:
        if len(heard_s):
            nearest = float(heard_s[np.argmin(np.abs(heard_s - event))]) - float(event)
            if abs(nearest) <= _NEAR_S:
                offsets.append(nearest)
    return Sync(
        ms=1000 * median(offsets) if offsets else None,
        score=agreement(heard_s, seen_s),
        note="" if offsets else "none of its onsets lies near what is seen to happen",
    )
