"""The time-frequency tiles of the watermark and the keyed signs on them. Knows nothing of signals."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from otio_v2a.watermark import payload
from otio_v2a.watermark.keys import ProjectKey

__all__ = [
    "FRAME",
    "HOP",
    "PERIOD_SAMPLES",
    "PERIOD_SLOTS",
    "SAMPLE_RATE",
    "SLOT_SAMPLES",
    "Pattern",
    "band_edges_hz",
    "pattern_of",
    "start_slot",
    "window",
]

SAMPLE_RATE = 48000
FRAME = 2048
HOP = 1024
SLOT_FRAMES = 2
SLOT_SAMPLES = SLOT_FRAMES * HOP  # 42.7 ms
PERIOD_SLOTS = 96
PERIOD_SAMPLES = PERIOD_SLOTS * SLOT_SAMPLES  # 4.096 s
_LOWEST_HZ = 300.0
_HIGHEST_HZ = 11000.0
_NARROWEST_HZ = 70.0
_RELATIVE_WIDTH = 0.012

Signs = NDArray[np.int8]


@lru_cache(maxsize=1)
def band_edges_hz() -> NDArray[np.float64]:
    """Borders of the bands in Hz: (N_BANDS + 1,), ascending."""
    edges = [_LOWEST_HZ]
    while (step := max(_NARROWEST_HZ, _RELATIVE_WIDTH * edges[-1])) + edges[-1] <= _HIGHEST_HZ:
        edges.append(edges[-1] + step)
    return np.array(edges)


@lru_cache(maxsize=1)
def window() -> NDArray[np.float32]:
    """Square root of the periodic Hann window: used for analysis and synthesis, the pair sums to one."""
    return np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)).astype(np.float32)


@dataclass(frozen=True)
class Pattern:
    """One key's tiles over a period, all arrays (PERIOD_SLOTS, n_bands): half the tiles are sync, half carry bits."""

    signs: Signs
    """-1 or 1 on every tile."""
    bit_index: NDArray[np.int16]
    """The coded bit that a tile carries; -1 on sync tiles."""

    @property
    def sync(self) -> Signs:
        """Signs of the sync tiles, 0 on the others."""
        return np.where(self.bit_index < 0, self.signs, np.int8(0))

    def with_bits(self, coded: Signs) -> Signs:
        """Signs of all tiles for coded bits (CODED_BITS,) of -1 and 1."""
        return np.where(self.bit_index < 0, self.signs, self.signs * coded[self.bit_index])


def pattern_of(key: ProjectKey) -> Pattern:
    """The key's pattern; the same on every machine (Philox is a fixed generator)."""
    return _pattern(key.subkey("tiles"))


@lru_cache(maxsize=32)
def _pattern(subkey: bytes) -> Pattern:
    shape = (PERIOD_SLOTS, len(band_edges_hz()) - 1)
    n_tiles = shape[0] * shape[1]
    # Raw words only: numpy may change how its distributions use them, and marks must stay readable for years.
    words = _words(subkey, b"signs", n_tiles)
    signs = np.where(words >> np.uint64(63), 1, -1).astype(np.int8).reshape(shape)
    order = np.argsort(_words(subkey, b"places", n_tiles), kind="stable")
    bit_index = np.full(n_tiles, -1, np.int16)
    n_data = n_tiles // 2
    bit_index[order[:n_data]] = np.arange(n_data) % payload.CODED_BITS
    bit_index = bit_index.reshape(shape)
    for array in (signs, bit_index):
        array.setflags(write=False)
    return Pattern(signs=signs, bit_index=bit_index)


def start_slot(key: ProjectKey, generation_id: int) -> int:
    """Slot of the period at which a generation begins, so that stems laid over each other do not share signs."""
    digest = hashlib.blake2b(
        generation_id.to_bytes(payload.ID_BITS // 8, "big"), key=key.subkey("start"), digest_size=8
    ).digest()
    return int.from_bytes(digest, "big") % PERIOD_SLOTS


def _words(subkey: bytes, purpose: bytes, count: int) -> NDArray[np.uint64]:
    seed = hashlib.blake2b(purpose, key=subkey, digest_size=16).digest()
    return np.random.Philox(key=int.from_bytes(seed, "little")).random_raw(count)
