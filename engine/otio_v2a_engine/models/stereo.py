"""Mono to stereo that sums back to the mono it came from. Pure numpy, nothing learned."""

import numpy as np
import numpy.typing as npt

__all__ = ["pan_track", "to_stereo"]

Samples = npt.NDArray[np.float32]

_SIDE_SEED = 11
_SIDE_S = 0.025


def _side_filter(sample_rate: int) -> Samples:
    """Sparse random pulses over 25 ms, fading: another phase, about the same spectrum, norm 1."""
    rng = np.random.default_rng(_SIDE_SEED)
    n = int(_SIDE_S * sample_rate)
    taps = np.zeros(n, np.float32)
    places = np.sort(rng.choice(np.arange(n // 25, n), 30, replace=False))
    taps[places] = rng.choice([-1.0, 1.0], 30) * np.exp(-2.5 * places / n)
    taps -= taps.mean()  # no side at 0 Hz
    side: Samples = taps / float(np.sqrt(np.sum(taps**2)))
    return side


def pan_track(energy: npt.NDArray[np.float32], n_samples: int, *, reach: float) -> Samples:
    """Where the movement is, as a slow pan.

    Args:
        energy: `(T, columns)` movement from left to right at 25 Hz.
        n_samples: length of the sound, at 1,920 samples a token.
        reach: largest pan.

    Returns:
        `(n_samples,)` in [-reach, reach], negative to the left.
    """
    columns = np.linspace(-1, 1, energy.shape[1])
    memory, weight, centre = 0.0, 1e-3, np.zeros(len(energy))
    for i, row in enumerate(energy):
        above = np.maximum(row - np.median(row), 0)
        memory = 0.9 * memory + float(above @ columns)
        weight = 0.9 * weight + float(above.sum())
        centre[i] = memory / (weight + 0.05)
    middles = (np.arange(len(energy)) + 0.5) * 1920
    track: Samples = (reach * np.interp(np.arange(n_samples), middles, centre)).astype(np.float32)
    return track


def to_stereo(mono: Samples, *, width: float, pan: Samples | float = 0.0, sample_rate: int = 48000) -> Samples:
    """`(n,)` to `(2, n)`: half the sum of both channels is the mono sound again.

    Args:
        mono: the sound.
        width: level of the decorrelated side.
        pan: -1 (left) to 1, one number or one a sample.
        sample_rate: Hz.
    """
    size = 1 << (len(mono) + int(_SIDE_S * sample_rate)).bit_length()
    side = np.fft.irfft(np.fft.rfft(mono, size) * np.fft.rfft(_side_filter(sample_rate), size), size)[: len(mono)]
    difference = width * side.astype(np.float32) + pan * mono
    return np.stack([mono - difference, mono + difference]).astype(np.float32)
