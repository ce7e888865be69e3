"""Owns integrated loudness after ITU-R BS.1770-4 / EBU R 128. Knows sound files, no timeline and no takes.

Everything streams: an hour is measured in the memory of one block and a number for each 100 ms.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from otio_v2a.errors import StemError
from otio_v2a.mixing import BLOCK

__all__ = ["Loudness", "loudness_of", "measure_blocks", "measure_file"]

_ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0
_OFFSET = -0.691
_STEPS = 4
"""A gating block of 400 ms is four steps of 100 ms."""


@dataclass(frozen=True)
class Loudness:
    """How loud a sound is.

    Attributes:
        integrated_lufs: gated loudness of the whole; None when nothing of it is above -70 LUFS.
        peak: highest absolute sample value, 1.0 is full scale.
    """

    integrated_lufs: float | None
    peak: float


def measure_blocks(blocks: Iterable[npt.NDArray[np.float32]], *, sample_rate: int) -> Loudness:
    """Loudness of mono or stereo sound in blocks `(channels, n)`.

    A sound shorter than one gating block of 400 ms is measured as a whole.
    """
    from scipy.signal import sosfilt

    sections = _k_weighting(sample_rate)
    step = max(1, round(sample_rate / 10))
    state: npt.NDArray[np.float64] | None = None
    pending = np.zeros(0)
    steps: list[npt.NDArray[np.float64]] = []
    peak = 0.0
    for block in blocks:
        if state is None:
            state = np.zeros((sections.shape[0], block.shape[0], 2))
        peak = max(peak, float(np.abs(block).max(initial=0.0)))
        weighted, state = sosfilt(sections, block.astype(np.float64), axis=1, zi=state)
        # Front channels weigh 1 each: a mono sound is one speaker's.
        pending = np.concatenate([pending, (weighted**2).sum(axis=0)])
        whole = len(pending) // step * step
        steps.append(pending[:whole].reshape(-1, step).mean(axis=1))
        pending = pending[whole:]
    powers = np.concatenate(steps) if steps else np.zeros(0)
    if len(powers) < _STEPS:
        total = float(powers.sum()) * step + float(pending.sum())
        gating = np.array([total / max(1, len(powers) * step + len(pending))])
    else:
        gating = np.convolve(powers, np.full(_STEPS, 1 / _STEPS), mode="valid")
    return Loudness(integrated_lufs=_gated(gating), peak=peak)


def measure_file(path: Path) -> Loudness:
    """Loudness of a sound file; measured once for as long as the file stays as it is.

    Raises:
        StemError: it is missing or damaged.
    """
    try:
        stat = path.stat()
    except OSError as error:
        raise StemError(f"{path} cannot be read: {error}; render its take again") from error
    return _measured(path, stat.st_mtime_ns, stat.st_size)


def loudness_of(path: Path) -> float | None:
    """Integrated loudness of a sound file in LUFS, None when it is silent.

    Raises:
        StemError: it is missing or damaged.
    """
    return measure_file(path).integrated_lufs


@lru_cache(maxsize=4096)
def _measured(path: Path, modified_ns: int, size: int) -> Loudness:
    import soundfile

    try:
        with soundfile.SoundFile(str(path)) as file:
            blocks = (block.T for block in file.blocks(blocksize=BLOCK, dtype="float32", always_2d=True))
            return measure_blocks(blocks, sample_rate=file.samplerate)
    except (OSError, soundfile.SoundFileError) as error:
        raise StemError(f"{path} cannot be read: {error}; render its take again") from error


def _gated(powers: npt.NDArray[np.float64]) -> float | None:
    heard = powers[powers > _power(_ABSOLUTE_GATE_LUFS)]
    if not len(heard):
        return None
    relative = _lufs(float(heard.mean())) + _RELATIVE_GATE_LU
    return _lufs(float(heard[heard > _power(relative)].mean()))


def _lufs(power: float) -> float:
    return _OFFSET + 10 * math.log10(power)


def _power(lufs: float) -> float:
    return float(10 ** ((lufs - _OFFSET) / 10))


def _k_weighting(sample_rate: int) -> npt.NDArray[np.float64]:
    """The standard's two filters at any rate, `(2, 6)`: the analogue prototypes that its 48 kHz numbers stand for."""
    shelf_hz, shelf_q, shelf_db = 1681.974450955533, 0.7071752369554196, 3.999843853973347
    k = math.tan(math.pi * shelf_hz / sample_rate)
    high = 10 ** (shelf_db / 20)
    band = high**0.4996667741545416
    a0 = 1 + k / shelf_q + k * k
    shelf = [
        (high + band * k / shelf_q + k * k) / a0,
        2 * (k * k - high) / a0,
        (high - band * k / shelf_q + k * k) / a0,
        1.0,
        2 * (k * k - 1) / a0,
        (1 - k / shelf_q + k * k) / a0,
    ]
    pass_hz, pass_q = 38.13547087602444, 0.5003270373238773
    k = math.tan(math.pi * pass_hz / sample_rate)
    a0 = 1 + k / pass_q + k * k
    high_pass = [1.0, -2.0, 1.0, 1.0, 2 * (k * k - 1) / a0, (1 - k / pass_q + k * k) / a0]
    return np.array([shelf, high_pass])
