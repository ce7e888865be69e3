"""Owns how fast what begins at an instant dies away: a table by kind of sound that ships, and the ceiling it sets.

A rendered bell may drone on as no bell does. True sounds of a kind are hardly ever louder, so long after their top,
than the table says; what is rendered is brought down to that. Knows no network and no picture.
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from otio_v2a_engine.models.mel import FLOOR, loudness_db

__all__ = ["FADES", "KNOTS", "die_away", "fades", "slowest"]

FADES = Path(__file__).with_name("fades.json")
"""For each kind that begins at instants, dB below its top at each of `KNOTS`; `training fades` writes it."""

KNOTS = (15, 20, 30, 40, 50, 75, 100, 150, 200, 300)
"""Frames of 10 ms since an event began."""

_LOOSE_DB = 3.0  # so much louder it may be
_LIKELY = 0.25  # of the share of the likeliest kind: so likely others are meant too
_TOP = (5, 15)  # frames before and after an instant among which the top of its sound is


@lru_cache(maxsize=1)
def fades() -> Mapping[str, tuple[float, ...]]:
    """The table that ships."""
    table: dict[str, list[float]] = json.loads(FADES.read_text(encoding="utf-8"))
    return {kind: tuple(levels) for kind, levels in table.items()}


def slowest(named: Tensor, kinds: Sequence[str]) -> npt.NDArray[np.float64] | None:
    """How sounds that a prompt names die away at the slowest.

    Args:
        named: `(phrases, K)` shares of the kinds in each sound that is named (`Reach.kinds`).
        kinds: their names.

    Returns:
        `(301,)` dB against the top for each frame since an event; None where a kind may be meant that does not die.
    """
    meant = (named >= _LIKELY * named.amax(1, keepdim=True)).any(0) if len(named) else torch.zeros(0)
    table = fades()
    levels = [table.get(kinds[index]) for index in torch.nonzero(meant).flatten().tolist()]
    if not levels or None in levels:
        return None
    loudest = np.max(np.array(levels, float), axis=0)
    curve: npt.NDArray[np.float64] = np.interp(np.arange(KNOTS[-1] + 1), (0, *KNOTS), (0.0, *loudest))
    return curve


def die_away(
    mel: npt.NDArray[np.float32], slots: Sequence[int], curve: npt.NDArray[np.float64]
) -> npt.NDArray[np.float32]:
    """A log-mel whose sounds die away after their instants; what is before the first of them stays as it is.

    Args:
        mel: `(F, 96)` in units of 20 dB, 10 ms a frame.
        slots: the instants, in frames.
        curve: of `slowest`.
    """
    inside = sorted(slot for slot in slots if 0 <= slot < len(mel))
    if not inside:
        return mel
    levels = loudness_db(mel)
    ceiling = np.full(len(mel), -np.inf)
    early, late = _TOP
    for slot in inside:
        begin = max(0, slot - early)
        top = float(levels[begin : slot + late].max()) + _LOOSE_DB
        since = np.clip(np.arange(len(mel)) - slot, 0, len(curve) - 1)
        ceiling[begin:] = np.maximum(ceiling[begin:], top + curve[since[begin:]])
    ceiling[: max(0, inside[0] - early)] = np.inf
    change = (np.minimum(0.0, ceiling - levels) / 20)[:, None].astype(np.float32)
    lowered: npt.NDArray[np.float32] = np.maximum(mel + change, FLOOR)
    return lowered
