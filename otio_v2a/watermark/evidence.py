"""Turn sound into evidence per tile of the watermark's grid. Knows the grid's shape; neither keys nor payloads.

The log level of every tile is whitened (its neighbours in time and frequency are subtracted), divided by the local
spread and clipped softly. What is left of a marked sound leans towards the mark's sign; an unmarked sound knows nothing
of the signs, so their correlation with it is a fair coin's walk.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from otio_v2a.watermark import grid

__all__ = ["PHASES", "STEP", "Evidence"]

PHASES = 4
"""Alignments tried within a slot."""
STEP = grid.SLOT_SAMPLES // PHASES
_FRAMES_PER_TILE = 3
_FRAMES_AT_ONCE = 512
_SAME_BANDS = 0.0015  # an eighth of a band's width
_FLOOR_ENERGY = 1e-8
_LOUDEST = 1e4
_AROUND_SLOTS, _AROUND_BANDS = 9, 11
_SPREAD_SLOTS, _SPREAD_BANDS = 17, 5
_LEAST_SPREAD = 0.1
_CLIP = 1.5
_STEADY_POWER, _STEADY_MOST = 0.7, 3.0

Floats = NDArray[np.float32]


class Evidence:
    """Evidence of one sound (channels, n) at 48 kHz, at any speed. Spectra are taken once for speeds close together."""

    def __init__(self, sound: Floats) -> None:
        # Float files may hold anything; one bad sample must not spoil the rest.
        self._sound = np.clip(np.nan_to_num(sound, nan=0.0, posinf=0.0, neginf=0.0), -_LOUDEST, _LOUDEST)
        self._levels: dict[float, Floats] = {}

    def at(self, speed: float) -> Floats:
        """(PHASES, n_slots, n_bands) for a mark that plays `speed` times as fast as it was made.

        Tile (p, j) begins at sample (j * SLOT_SAMPLES + p * STEP) / speed. Sounds under one slot have no tiles.
        """
        near = next((own for own in self._levels if abs(speed / own - 1) < _SAME_BANDS), speed)
        if near not in self._levels:
            self._levels[near] = _levels(self._sound, speed=near)
        levels = self._levels[near]
        if speed != near:
            steps = np.rint(np.arange(int(len(levels) * speed / near)) * (near / speed)).astype(np.intp)
            levels = levels[steps[steps < len(levels)]]
        n_slots = (len(levels) - _FRAMES_PER_TILE + 1) // PHASES
        if n_slots < 1:
            return np.zeros((PHASES, 0, levels.shape[1]), np.float32)
        n = n_slots * PHASES
        tiles = sum(levels[i : i + n] for i in range(_FRAMES_PER_TILE)) / np.float32(_FRAMES_PER_TILE)
        return _whitened(np.ascontiguousarray(tiles.reshape(n_slots, PHASES, -1).transpose(1, 0, 2)))


def _levels(sound: Floats, *, speed: float) -> Floats:
    """Log energy (n_frames, n_bands) of frames that are centred STEP / speed apart, the first on sample 0."""
    from scipy import fft

    n_frames = int(sound.shape[1] * speed) // STEP + 1
    padded = np.pad(sound, ((0, 0), (grid.HOP, grid.HOP + STEP)))
    bands = _band_matrix(round(speed, 6))
    n_bins = bands.shape[0]
    frames = np.lib.stride_tricks.sliding_window_view(padded, grid.FRAME, axis=1)
    levels = np.empty((n_frames, bands.shape[1]), np.float32)
    for start in range(0, n_frames, _FRAMES_AT_ONCE):
        stop = min(start + _FRAMES_AT_ONCE, n_frames)
        at = np.minimum(np.rint(np.arange(start, stop) * (STEP / speed)).astype(np.intp), frames.shape[1] - 1)
        power = np.zeros((stop - start, n_bins), np.float32)
        for channel in frames:
            spectra = fft.rfft(channel[at] * grid.window(), axis=1)[:, :n_bins]
            power += spectra.real**2 + spectra.imag**2
        levels[start:stop] = np.log(power @ bands + np.float32(_FLOOR_ENERGY))
    return levels


@lru_cache(maxsize=128)
def _band_matrix(speed: float) -> Floats:
    """Share of every bin in every band, (n_bins, n_bands), when all frequencies are `speed` times as high."""
    edges = (np.ceil(grid.band_edges_hz() * grid.FRAME / grid.SAMPLE_RATE) - 0.5) * speed
    bins = np.arange(min(int(edges[-1]) + 2, grid.FRAME // 2 + 1))[:, None]
    overlap = np.minimum(bins + 0.5, edges[1:]) - np.maximum(bins - 0.5, edges[:-1])
    return np.asarray(np.maximum(overlap, 0), np.float32)


def _whitened(tiles: Floats) -> Floats:
    from scipy.ndimage import uniform_filter1d

    rest = tiles - uniform_filter1d(tiles, _AROUND_SLOTS, axis=1, mode="nearest")
    rest -= uniform_filter1d(rest, _AROUND_BANDS, axis=2, mode="nearest")
    energy = uniform_filter1d(np.square(np.clip(rest, -8, 8)), _SPREAD_SLOTS, axis=1, mode="nearest")
    energy = uniform_filter1d(energy, _SPREAD_BANDS, axis=2, mode="nearest")
    spread = np.sqrt(np.maximum(energy, 0) + np.float32(_LEAST_SPREAD**2))
    # Steady tiles, as in held tones, say more than noisy ones.
    trust = np.minimum(np.median(spread[:, ::4]) / spread, _STEADY_MOST) ** np.float32(_STEADY_POWER)
    return np.asarray(np.tanh(rest / (spread * np.float32(_CLIP))) * trust, np.float32)
