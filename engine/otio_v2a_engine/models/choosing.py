"""What is chosen: which of the events that are seen sound, and how far drafts begin at them. Arithmetic on tensors.

The picture encoder says of every event which kinds of sound it may be; a sentence is about some kinds more than
about others. In doubt an event stays: the encoder tells acts apart, not materials.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["FAINTEST", "believed", "left_out", "on_time"]

FAINTEST = 0.2
"""Confidence of an event that a prompt may make believed."""

_SOFT = 1.5  # by which its logits are divided: the encoder is a little surer of kinds than it is right
# Times likelier than by chance. On held-out scenes of two acts 0.7 % of 2,011 events that a prompt asks for are below
# _STRANGE, and 46 % of the others.
_LIKELY, _KNOWN, _STRANGE = 2.0, 1.0, 0.15
_AGREES, _BELIEVED = 0.5, 0.5  # weight of the agreement with a prompt, and the log odds from which an event sounds
_LEAST, _MOST = -3.0, 4.0  # of the agreement
_INAUDIBLE = -3.5  # log-mel
_EARLY, _LATE = 3, 4  # frames around an instant: a rise is seen at its end
_BEGINS = 0.2  # of the steepest rise of a sound


def _likely(events: Tensor) -> Tensor:
    """How many times likelier than by chance events of `(E, K)` logits are of each kind."""
    return torch.softmax(events.float() / _SOFT, dim=1) * events.shape[1]


def believed(confidences: Tensor, events: Tensor, *, asked: Tensor) -> Tensor:
    """Which of the events that are seen, faintly too, sound for a prompt that names all that sounds.

    One that looks like what is asked for is believed sooner, one that does not, later. Where none looks like it they
    are compared with the likest: an encoder that does not know the object still knows its instants.

    Args:
        confidences: `(E,)` of the events, between 0 and 1.
        events: `(E, K)` logits of their kinds.
        asked: `(A, K)` shares of the kinds in each sound that the prompt names, one at least.

    Returns:
        `(E,)` bool.
    """
    if not len(events):
        return torch.zeros(0, dtype=torch.bool)
    of_it = (_likely(events) @ asked.T).amax(1)
    agreement = (of_it / of_it.max().clamp_max(_KNOWN)).log().clamp(_LEAST, _MOST)
    return torch.logit(confidences.float(), eps=1e-4) + _AGREES * agreement >= _BELIEVED


def left_out(events: Tensor, *, asked: Tensor, forbidden: Tensor, is_all: bool) -> Tensor:
    """Which events do not sound.

    Forbidden is what is likelier of a forbidden kind than of one that is asked for; without a prompt, what clearly is
    of a forbidden kind. Not asked for is what is of no kind that a prompt names, beside something that is.

    Args:
        events: `(E, K)` logits of the kinds of the events that are seen.
        asked: `(A, K)` shares of the kinds in each sound that the prompt names; A may be 0.
        forbidden: `(F, K)` shares in each that must not be heard; F may be 0.
        is_all: whether `asked` is all that the prompt names, so that what it does not name is not asked for.

    Returns:
        `(E,)` bool.
    """
    likely = _likely(events)
    out = torch.zeros(len(events), dtype=torch.bool)
    if len(forbidden):
        # What is asked for and forbidden is forbidden.
        asked = asked[(asked.argmax(1)[:, None] != forbidden.argmax(1)[None]).all(1)]
        against = (likely @ forbidden.T).amax(1)
        out |= against > ((likely @ asked.T).amax(1) if len(asked) else _LIKELY)
    if is_all and len(asked):
        of_it = (likely @ asked.T).amax(1)
        if bool((of_it >= _KNOWN).any()):
            out |= of_it < _STRANGE
    return out


def on_time(mels: Tensor, slots: Sequence[int]) -> Tensor:
    """How far several log-mels begin at known instants, at all of them and nowhere else.

    Args:
        mels: `(K, F, 96)` in units of 20 dB, 10 ms a frame.
        slots: the instants, in 10 ms.

    Returns:
        `(K,)`, 0 to 1: the harmonic mean of the share of the instants at which something begins, and the share of all
        that begins which does so there, within 30 ms.
    """
    heard = mels.clamp_min(_INAUDIBLE)
    rise = torch.nn.functional.pad((heard[:, 2:] - heard[:, :-2]).clamp_min(0).mean(2), (2, 0))
    at = torch.arange(rise.shape[1], device=mels.device)
    instants = torch.tensor(slots, device=mels.device)[:, None]
    near = (at >= instants - _EARLY) & (at <= instants + _LATE)
    strongest = torch.where(near, rise[:, None], 0.0).amax(2)
    hit = (strongest > _BEGINS * rise.amax(1, keepdim=True)).float().mean(1)
    there = torch.where(near.any(0), rise, 0.0).sum(1) / rise.sum(1).clamp_min(1e-6)
    return 2 * hit * there / (hit + there).clamp_min(1e-6)
