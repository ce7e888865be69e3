"""Makes what is to begin at an instant begin there, in a log-mel. Knows no network and no picture.

A flow puts a sound where it was told, give or take a frame or three. The log-mel is stretched a little, so that each
rise lies at its instant: around a rise nothing is stretched, between two of them a sound that rings is, which nobody
hears; abrupt beginnings are read off before (`attacks.py`) and moved along, because fractions of a frame blur them.

Steps in water, or a string struck while it rings, may go by without a rise that anybody hears. Where an instant is
told, it is set off as a mixer would: what is before it dips, and it is a little louder.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from otio_v2a_engine.models.attacks import Attack, find_attacks
from otio_v2a_engine.models.mel import FLOOR, HOP

__all__ = ["accented", "drawn_to", "rises"]

_REACH = 4.0  # frames: what begins so far from an instant is meant for it
_HEARD = -3.5  # log-mel below which nothing is heard
_BEGINS = 0.2  # of the steepest rise of a sound; a fainter one is none
_WITHIN = 0.4  # of a frame: a frame hears 43 ms, so a sound begins after the middle of the one that rises most
_EARLY = 0.1  # of a frame: by so much rises are read early in what is rendered
_STEP = 8 / 20  # log-mel: what is told is to rise by so much
_TOP, _BEFORE = 4, 5  # frames from an instant on, and before it, between which it does
_AUDIBLE = -3.1  # log-mel of its loudest band
_DIP, _DEEPEST = 8, 2  # frames before an instant in which the level goes down, the last of them as far as it does
_LOUDER, _FOR = 3 / 20, 4.0  # log-mel, frames: at most, and how fast it goes
_LEAD, _BODY = 2.0, 5.0  # frames before and after a rise that are not stretched


def rises(
    mel: npt.NDArray[np.float32], instants: Sequence[float], *, attacks: Sequence[Attack]
) -> list[tuple[float, float]]:
    """Where what was to begin at some instants does.

    Args:
        mel: `(F, 96)` in units of 20 dB, 10 ms a frame.
        instants: in frames, fractions too.
        attacks: of the mel.

    Returns:
        ascending pairs of an instant and the place of its rise, both in frames; an instant without one is left out.
    """
    heard = np.maximum(mel, _HEARD)
    rise = np.r_[0.0, np.maximum(np.diff(heard, axis=0), 0.0).mean(1)]
    abrupt = np.array([attack.sample / HOP for attack in attacks])
    found: list[tuple[float, float]] = []
    for instant in sorted({float(instant) for instant in instants if 0 <= instant < len(mel)}):
        near = abrupt[np.abs(abrupt - instant) <= _REACH]
        if len(near):
            found.append((instant, float(near[np.abs(near - instant).argmin()])))
            continue
        first = max(0, round(instant - _REACH))
        steepest = first + int(rise[first : round(instant + _REACH) + 1].argmax())
        if rise[steepest] > _BEGINS * rise.max():
            found.append((instant, steepest + _WITHIN))
    return found


def drawn_to(
    mel: npt.NDArray[np.float32], instants: Sequence[float], *, kept: int = 0
) -> tuple[npt.NDArray[np.float32], tuple[Attack, ...]]:
    """A log-mel of the same length whose sounds begin at their instants, where they do so within 40 ms.

    Args:
        mel: `(F, 96)` in units of 20 dB, 10 ms a frame.
        instants: in frames, fractions too.
        kept: frames at the beginning that stay as they are.

    Returns:
        the mel, and its attacks.
    """
    attacks = find_attacks(mel)
    pairs = [pair for pair in rises(mel, instants, attacks=attacks) if min(pair) - _LEAD > kept]
    to, of = [-1.0, float(kept)], [-1.0, float(kept)]
    for number, (instant, place) in enumerate(pairs):
        after = min(pairs[number + 1]) if number + 1 < len(pairs) else float(len(mel) + _BODY)
        body = min(_BODY, (after - max(instant, place)) / 2 - _LEAD)
        for offset in (-_LEAD, body):
            if instant + _EARLY + offset > to[-1] + 0.5 and place + offset > of[-1] + 0.5:
                to.append(instant + _EARLY + offset)
                of.append(place + offset)
    if len(to) == 2:
        return mel, attacks
    to.append(float(max(len(mel), to[-1] + 1)))
    of.append(float(max(len(mel), of[-1] + 1)))
    source = np.interp(np.arange(len(mel)), to, of).clip(0, len(mel) - 1)
    low = np.minimum(source.astype(int), len(mel) - 2)
    share = (source - low)[:, None].astype(np.float32)
    drawn: npt.NDArray[np.float32] = ((1 - share) * mel[low] + share * mel[low + 1]).astype(np.float32)
    moved = np.interp([attack.sample / HOP for attack in attacks], of, to) * HOP
    return drawn, tuple(replace(attack, sample=round(at)) for attack, at in zip(attacks, moved, strict=True))


def accented(mel: npt.NDArray[np.float32], slots: Sequence[int], *, kept: int = 0) -> npt.NDArray[np.float32]:
    """A log-mel that rises by 8 dB at its instants, where it is heard there at all.

    Args:
        mel: `(F, 96)` in units of 20 dB, 10 ms a frame.
        slots: the instants, in frames.
        kept: frames at the beginning that stay as they are.
    """
    out = mel.copy()
    levels = np.maximum(mel, _HEARD).mean(1)
    inside = sorted({slot for slot in slots if kept + _BEFORE <= slot < len(mel) - _TOP})
    for slot, last in zip(inside, [kept - _TOP, *inside], strict=False):
        lacks = _STEP - (levels[slot : slot + _TOP].max() - levels[slot - _BEFORE : slot].min())
        if lacks <= 0 or mel[slot : slot + _TOP].max() < _AUDIBLE:
            continue
        begin = max(slot - _DIP, last + _TOP)
        depth = ((np.arange(begin, slot) - slot + _DIP + 1) / (_DIP - _DEEPEST)).clip(0, 1) * lacks
        out[begin:slot] = np.minimum(out[begin:slot], (mel[begin:slot] - depth[:, None]).clip(FLOOR))
        louder = min(_LOUDER, lacks) * np.exp(-np.arange(len(mel) - slot) / _FOR)
        out[slot:] += louder[:, None].astype(np.float32)
    return out
