"""Read one mark at a known alignment: the id it carries and the stretches it covers. Knows no search and no files."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from otio_v2a.watermark import grid, payload
from otio_v2a.watermark.evidence import STEP
from otio_v2a.watermark.keys import ProjectKey

__all__ = ["ID_ACCEPTED", "Hit", "Spans", "read_mark"]

ID_ACCEPTED = 9.5
"""Score of the whole pattern, bits included, from which an id that passes its check is given."""

_AROUND_SLOTS, _AROUND_BANDS, _EVEN_SHARE = 65, 17, 0.3
_SEED_SLOTS = 94  # 4 s
_SEGMENT_ROUNDS = 3
_SWITCH_COST = 9.0  # in natural logarithms of odds

Floats = NDArray[np.floating]
Spans = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Hit:
    """A mark seen in a window."""

    key: ProjectKey
    score: float
    speed: float
    alignment: float
    """Sample of the window at which a period of the pattern begins."""
    soft: Floats
    generation_id: int | None
    spans: Spans


def read_mark(
    evidence: NDArray[np.float32], key: ProjectKey, *, score: float, phase: int, shift: int, speed: float
) -> Hit:
    """Payload and extent of the mark at an alignment."""
    pattern = grid.pattern_of(key)
    tiles = evidence[phase]
    slots = (np.arange(len(tiles)) + shift) % grid.PERIOD_SLOTS
    bit_index, signs = pattern.bit_index[slots], pattern.signs[slots]
    soft = _soft_bits(tiles * signs, bit_index)
    generation_id, coded = payload.decode(soft)
    expected = pattern.with_bits(coded)[slots]
    whole = float((tiles * expected).sum() / math.sqrt(float(np.square(tiles).sum()) + 1e-9))
    if whole < ID_ACCEPTED:
        generation_id = None
    if generation_id is None:
        expected = np.where(bit_index < 0, signs, 0)
    marked = _segments(np.sum(tiles * expected, axis=1), np.sum(np.square(tiles * expected), axis=1))
    second = speed * grid.SAMPLE_RATE
    offset = phase * STEP
    return Hit(
        key=key,
        score=score,
        speed=speed,
        alignment=(offset - shift * grid.SLOT_SAMPLES) / speed,
        soft=soft,
        generation_id=generation_id,
        spans=tuple(
            ((begin * grid.SLOT_SAMPLES + offset) / second, (end * grid.SLOT_SAMPLES + offset) / second)
            for begin, end in marked
        ),
    )


def _soft_bits(leaning: Floats, bit_index: NDArray[np.int16]) -> Floats:
    """Soft coded bits from tiles times their signs, each weighted by how well the sync tiles around it fit."""
    from scipy.ndimage import uniform_filter

    size = (_AROUND_SLOTS, _AROUND_BANDS)
    sync = bit_index < 0
    fit = uniform_filter(np.where(sync, leaning, 0), size, mode="constant")
    energy = uniform_filter(np.where(sync, np.square(leaning), 0), size, mode="constant")
    mean_fit = max(float(leaning[sync].sum()), 0.0) / (float(np.square(leaning[sync]).sum()) + 1e-9)
    weight = np.maximum(fit / (energy + 1e-3 * energy.mean() + 1e-9), 0) + _EVEN_SHARE * mean_fit
    soft = np.bincount(bit_index[~sync], (leaning * weight)[~sync], minlength=payload.CODED_BITS)
    return np.asarray(soft / (np.sqrt(np.mean(np.square(soft))) + 1e-12))


def _segments(fit: Floats, energy: Floats) -> list[tuple[int, int]]:
    """Runs of slots that carry the mark, at least one: the likeliest path of a two-state chain."""
    length = min(_SEED_SLOTS, len(fit))
    around = np.ones(length)
    seed = int(np.argmax(np.convolve(fit, around, "valid") / np.sqrt(np.convolve(energy, around, "valid") + 1)))
    marked = np.zeros(len(fit), bool)
    marked[seed : seed + length] = True
    for _ in range(_SEGMENT_ROUNDS):
        strength = float(fit[marked].sum() / (energy[marked].sum() + 1e-9))
        odds = strength * fit - strength**2 / 2 * energy
        path = _likeliest_path(odds)
        if not path.any() or np.array_equal(path, marked):
            break
        marked = path
    edges = np.flatnonzero(np.diff(np.concatenate([[0], marked.astype(np.int8), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _likeliest_path(odds: Floats) -> NDArray[np.bool_]:
    off, on = 0.0, 0.0
    turned = np.zeros((len(odds), 2), bool)
    for i, gain in enumerate(odds.tolist()):
        turned[i] = on - _SWITCH_COST > off, off - _SWITCH_COST > on
        off, on = max(off, on - _SWITCH_COST), max(on, off - _SWITCH_COST) + gain
    path = np.zeros(len(odds), bool)
    state = int(on > off)
    for i in range(len(odds) - 1, -1, -1):
        path[i] = state
        state ^= int(turned[i, state])
    return path
