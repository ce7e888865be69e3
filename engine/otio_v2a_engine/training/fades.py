"""Measures how fast the simulator's sounds die away, for `dying.py`. Knows no network."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from otio_v2a_engine.contract import Role
from otio_v2a_engine.dying import KNOTS
from otio_v2a_engine.models.mel import HOP, log_mel, loudness_db
from otio_v2a_engine.simulate.bank import Bank
from otio_v2a_engine.simulate.scene import make_scene
from otio_v2a_engine.simulate.vocabulary import EFFECT_NAMES, KINDS, Family
from otio_v2a_engine.training import checkpoint

__all__ = ["fade_of", "measure"]

_SHARE = 90.0  # per cent of the true sounds are fainter than the table says
_FEWEST = 8  # sounds that say how loud they are at a knot
_NEAR = 4  # frames around a knot
_BEFORE_NEXT = 5  # frames before the next event that may already be it
_QUIETEST_DB = -60.0
_SECONDS = 6.0


def fade_of(sounds: Sequence[tuple[npt.NDArray[np.float32], Sequence[int]]]) -> tuple[float, ...] | None:
    """How loud sounds are at most at each of `KNOTS` after their beginnings, in dB against their tops.

    Args:
        sounds: log-mels `(F, 96)` of one kind, and the frames in which events begin, ascending.

    Returns:
        None where too little is heard of them.
    """
    after: list[list[float]] = [[] for _ in KNOTS]
    for mel, begins in sounds:
        levels = loudness_db(mel)
        for begin, end in zip(begins, [*(b - _BEFORE_NEXT for b in begins[1:]), len(levels)], strict=True):
            if end - begin < KNOTS[0]:
                continue
            top = levels[begin : begin + KNOTS[0]].max()
            for knot, said in zip(KNOTS, after, strict=True):
                near = levels[begin + knot - _NEAR : min(end, begin + knot + _NEAR)]
                said += (near - top).tolist()
    known = [index for index, said in enumerate(after) if len(said) >= _FEWEST]
    if not known:
        return None
    levels = np.array([np.percentile(after[index], _SHARE) for index in known])
    falling = np.maximum.accumulate(np.maximum(levels, _QUIETEST_DB)[::-1])[::-1]  # it may swell before it dies
    found = np.interp(range(len(KNOTS)), known, falling)
    return tuple(round(float(level), 1) for level in found)


def measure(*, bank: Bank, each: int, seed: int, to: Path) -> dict[str, tuple[float, ...]]:
    """Make `each` scenes of every kind that begins at instants, and write the table."""
    table = {}
    for index, name in enumerate(EFFECT_NAMES):
        if KINDS[name].family is Family.LOOP:
            continue
        scenes = (
            make_scene(checkpoint.rng_for(seed, index, example), bank=bank, seconds=_SECONDS, only=(name,))
            for example in range(each)
        )
        sounds = [(log_mel(scene.stems[Role.FX]), [event.sample // HOP for event in scene.events]) for scene in scenes]
        if (fade := fade_of(sounds)) is not None:
            table[name] = fade
    partial = to.with_suffix(".part")
    rows = ",\n".join(f" {json.dumps(name)}: {json.dumps(levels)}" for name, levels in table.items())
    partial.write_text("{\n" + rows + "\n}\n", encoding="utf-8")
    os.replace(partial, to)
    return table
