"""Which of the events that are seen a prompt does not ask for, or its negative prompt forbids. Arithmetic on tensors.

The picture encoder says of every event which kinds of sound it may be; a sentence is about some kinds more than
about others. In doubt an event stays: the encoder tells acts apart, not materials.
"""

import torch
from torch import Tensor

__all__ = ["left_out"]

_SOFT = 1.5  # by which its logits are divided: the encoder is a little surer of kinds than it is right
# Times likelier than by chance. On held-out scenes of two acts 0.7 % of 2,011 events that a prompt asks for are below
# _STRANGE, and 46 % of the others.
_LIKELY, _KNOWN, _STRANGE = 2.0, 1.0, 0.15


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
    likely = torch.softmax(events.float() / _SOFT, dim=1) * events.shape[1]
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
