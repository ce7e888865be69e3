"""Reads instants from the picture encoder's onset logits: where something is seen to sound, and how surely."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from otio_v2a_engine.models.flow import EVENT_SLOTS, TOLD
from otio_v2a_engine.models.mel import HOP, SAMPLE_RATE
from otio_v2a_engine.specs import SURE

__all__ = ["SLOT_S", "Spot", "away_from_cuts", "edited_tokens", "event_slots", "find_spots", "peaks"]

SLOT_S = HOP / SAMPLE_RATE
"""Seconds of a slot."""
_APART = 6  # slots: of two spots within 60 ms the surer one counts
_CUT_S = 0.065
_SAME = 4  # slots: an event this near to a spot is that spot
_HIDDEN = 8  # tokens on each side of an edit whose picture is not looked at: 0.32 s


@dataclass(frozen=True)
class Spot:
    """An instant: the number of its 10 ms slot, and the encoder's confidence, 0 to 1."""

    slot: int
    confidence: float


def peaks(logits: Tensor, *, at_least: float = SURE) -> Tensor:
    """Which slots are spots, for a whole batch, `(B, T, 4)` bool: `find_spots` as training asks it."""
    sure = torch.sigmoid(logits.float()).flatten(1)
    highest = torch.nn.functional.max_pool1d(sure[:, None], 2 * _APART + 1, stride=1, padding=_APART)[:, 0]
    return ((sure == highest) & (sure >= at_least)).view(logits.shape)


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


def event_slots(slots: Sequence[int], n_tokens: int, *, known: float = TOLD) -> Tensor:
    """Events as the flow model takes them, `(1, n_tokens, 5)`; those outside the window are left out.

    `known` is `TOLD` or `SEEN` of `models/flow.py`.
    """
    marks = torch.zeros(1, n_tokens * EVENT_SLOTS)
    marks[0, [slot for slot in slots if 0 <= slot < marks.shape[1]]] = 1.0
    return torch.cat([marks.view(1, n_tokens, EVENT_SLOTS), torch.full((1, n_tokens, 1), known)], dim=2)


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
