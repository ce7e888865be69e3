"""Reads instants from the picture encoder's onset logits: where something is seen to sound, and how surely."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from otio_v2a_engine.models.flow import EVENT_SLOTS

__all__ = ["SLOT_S", "SURE", "Spot", "away_from_cuts", "edited_tokens", "event_slots", "find_spots"]

SLOT_S = 0.01
"""Seconds of a slot."""
SURE = 0.55
"""Confidence from which a spot sounds; best F1 on held-out scenes, flat between 0.4 and 0.7."""
_APART = 6  # slots: of two spots within 60 ms the surer one counts
_CUT_S = 0.065
_SAME = 4  # slots: an event this near to a spot is that spot
_HIDDEN = 8  # tokens on each side of an edit whose picture is not looked at: 0.32 s


@dataclass(frozen=True)
class Spot:
    """An instant: the number of its 10 ms slot, and the encoder's confidence, 0 to 1."""

    slot: int
    confidence: float


def find_spots(logits: Tensor, *, at_least: float = SURE) -> tuple[Spot, ...]:
    """Peaks of the onset confidence.

    Args:
        logits: `(T, 4)` of one window, from `PictureEncoder`.
        at_least: confidence below which a peak is none.

    Returns:
        the spots, ascending.
    """
    sure = torch.sigmoid(logits.float()).flatten().cpu().numpy()
    spots: list[Spot] = []
    for slot in np.flatnonzero(sure >= at_least).tolist():
        around = sure[max(0, slot - _APART) : slot + _APART + 1]
        if sure[slot] == around.max() and (not spots or slot - spots[-1].slot > _APART):
            spots.append(Spot(slot, float(sure[slot])))
    return tuple(spots)


def away_from_cuts(spots: Sequence[Spot], cuts_s: Sequence[Fraction]) -> tuple[Spot, ...]:
    """The spots that are no camera cut: a cut moves everything at once, and what lies within 60 ms of one is it."""
    return tuple(spot for spot in spots if all(abs(spot.slot * SLOT_S - float(cut)) > _CUT_S for cut in cuts_s))


def event_slots(slots: Sequence[int], n_tokens: int) -> Tensor:
    """Known events as the flow model takes them, `(1, n_tokens, 5)`; those outside the window are left out."""
    marks = torch.zeros(1, n_tokens * EVENT_SLOTS)
    marks[0, [slot for slot in slots if 0 <= slot < marks.shape[1]]] = 1.0
    return torch.cat([marks.view(1, n_tokens, EVENT_SLOTS), torch.ones(1, n_tokens, 1)], dim=2)


def edited_tokens(spots: Sequence[Spot], slots: Sequence[int], n_tokens: int) -> Tensor:
    """`(n_tokens,)` bool: where the events are not those of the picture: one was moved, deleted or added."""
    seen, wanted = [spot.slot for spot in spots], list(slots)
    edits = [a for a in seen if all(abs(a - b) > _SAME for b in wanted)]
    edits += [b for b in wanted if all(abs(a - b) > _SAME for a in seen)]
    edited = torch.zeros(n_tokens, dtype=torch.bool)
    for slot in edits:
        token = slot // EVENT_SLOTS
        edited[max(0, token - _HIDDEN) : max(0, token + _HIDDEN + 1)] = True
    return edited
