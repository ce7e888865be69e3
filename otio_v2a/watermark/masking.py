"""How much noise a sound hides, by band and frame: the model that sets the watermark's depth. Knows nothing of keys.

A simple form of ITU-R BS.1387 (PEAQ): band energies on a Bark scale, spread upwards and downwards, lowered by an offset
that grows with frequency, never under the threshold of hearing. The noise-to-mask ratio (NMR) is the mean over bands
and frames of the noise energy over the mask.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from otio_v2a.watermark import grid

__all__ = ["FULL_SCALE_SPL_DB", "Maskers", "mask_of", "maskers"]

FULL_SCALE_SPL_DB = 100.0
"""Sound pressure level that a full-scale sine is taken to have: 8 dB over PEAQ's, for a soft stem may be turned up."""
_BAND_BARK = 0.5
_DOWNWARD_DB_PER_BARK = 27.0
_UPWARD_DB_PER_BARK = 12.0

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Maskers:
    """Constants of the mask at the watermark's frame length; bands are half a Bark wide."""

    first_bins: NDArray[np.intp]
    """First bin of each band: (n_bands,); the last band ends at 18 kHz."""
    end_bin: int
    spreading: Floats
    """Mask energy per band energy, offset included: (n_bands, n_bands), from row to column."""
    quiet: Floats
    """Threshold of hearing as band energy: (n_bands,)."""


def _bark(hz: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(7.0 * np.arcsinh(hz / 650.0))


@lru_cache(maxsize=1)
def maskers() -> Maskers:
    """The constants, built once."""
    bin_hz = grid.SAMPLE_RATE / grid.FRAME
    first_bin, end_bin = 2, int(18000 / bin_hz)
    bark = _bark(np.arange(end_bin) * bin_hz)
    _, first = np.unique(np.floor((bark[first_bin:] - bark[first_bin]) / _BAND_BARK), return_index=True)
    first_bins = first + first_bin
    borders = np.append(first_bins, end_bin)
    centre_hz = (borders[:-1] + borders[1:]) / 2 * bin_hz
    centre = _bark(centre_hz)
    distance = centre[None, :] - centre[:, None]
    slope_db = np.where(distance >= 0, -_UPWARD_DB_PER_BARK * distance, _DOWNWARD_DB_PER_BARK * distance)
    spreading = 10 ** (slope_db / 10)
    spreading /= spreading.sum(axis=1, keepdims=True)
    offset_db = np.where(centre <= 12, 3.0, 0.25 * centre)
    spreading *= 10 ** (-offset_db / 10)[None, :]
    khz = centre_hz / 1000
    quiet_spl_db = 3.64 * khz**-0.8 - 6.5 * np.exp(-0.6 * (khz - 3.3) ** 2) + 1e-3 * khz**4  # Terhardt 1979
    full_scale_energy = (grid.window().sum() / 2) ** 2
    quiet = full_scale_energy * 10 ** ((quiet_spl_db - FULL_SCALE_SPL_DB) / 10)
    return Maskers(
        first_bins=first_bins,
        end_bin=end_bin,
        spreading=spreading.astype(np.float32),
        quiet=quiet.astype(np.float32),
    )


def mask_of(power: Floats) -> Floats:
    """Energy that each band can hide, (n_frames, n_bands), for the power spectra (n_frames, n_bins) of a sound."""
    constants = maskers()
    energy = np.add.reduceat(power[:, : constants.end_bin], constants.first_bins, axis=1)
    # Not as a matrix product: for one this small, a BLAS wakes threads that spin far longer than the sums take.
    return np.asarray(np.einsum("fb,bm->fm", energy, constants.spreading) + constants.quiet)
