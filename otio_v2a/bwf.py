"""Owns writing sound as 24-bit broadcast wave files: dither, constant memory, all or nothing. Knows no timeline."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from otio_v2a.atomic import atomic_file
from otio_v2a.errors import StemError
from otio_v2a.riff import RF64_LIMIT, BroadcastInfo, finish_header, start_header

__all__ = ["WrittenSound", "write_bwf"]

_FULL_SCALE = 2**23
_SLICE = 16384
"""Samples turned to integers in one go: what that takes stays in a core's cache."""


@dataclass(frozen=True)
class WrittenSound:
    """What was written.

    Attributes:
        path: the file.
        n_samples: its length per channel.
        peak: highest absolute sample value before rounding; 1.0 is full scale.
        clipped: number of sample values beyond full scale, held at full scale.
    """

    path: Path
    n_samples: int
    peak: float
    clipped: int

    @property
    def peak_dbfs(self) -> float:
        """The peak in dBFS; minus infinity for silence."""
        return 20 * math.log10(self.peak) if self.peak > 0 else -math.inf


def write_bwf(
    path: Path,
    blocks: Iterable[npt.NDArray[np.floating]],
    *,
    sample_rate: int,
    channels: int,
    info: BroadcastInfo,
    dither_seed: int = 0,
    rf64_limit: int = RF64_LIMIT,
) -> WrittenSound:
    """Write blocks of sound as a 24-bit broadcast wave file; one block is held in memory at a time.

    Samples get triangular dither of +-1 step (the same for the same `dither_seed`, however the blocks are cut);
    exact zeros stay zeros, so that silence stays digital silence. A file over `rf64_limit` bytes is RF64.

    Args:
        path: where it goes; written beside and renamed.
        blocks: `(channels, n)` arrays, 1.0 is full scale.
        sample_rate: Hz.
        channels: number of channels of every block.
        info: timecode and provenance.
        dither_seed: seed of the dither noise.
        rf64_limit: largest plain RIFF size in bytes.

    Raises:
        StemError: a block has another shape or values that are not finite, or the disk refuses.
    """
    noise = np.random.Generator(np.random.SFC64(dither_seed))
    n_samples, peak, clipped = 0, 0.0, 0
    try:
        with atomic_file(path) as file:
            data_offset = start_header(file, info, sample_rate=sample_rate, channels=channels)
            for block in blocks:
                if block.ndim != 2 or block.shape[0] != channels:
                    raise StemError(f"{path}: a block of sound has shape {block.shape}, not ({channels}, n)")
                for start in range(0, block.shape[1], _SLICE):
                    part = block[:, start : start + _SLICE].T
                    part_peak = float(np.abs(part).max())
                    if not math.isfinite(part_peak):
                        raise StemError(f"{path}: the sound holds values that are not finite; render the take again")
                    peak = max(peak, part_peak)
                    clipped += int((np.abs(part) > 1).sum()) if part_peak > 1 else 0
                    file.write(_to_bytes(part, noise=noise).data)
                n_samples += block.shape[1]
            if n_samples == 0:
                raise StemError(f"{path}: there is no sound to write")
            finish_header(
                file, data_offset=data_offset, n_samples=n_samples, frame_bytes=3 * channels, rf64_limit=rf64_limit
            )
    except OSError as error:
        raise StemError(f"{path} cannot be written: {error}") from error
    return WrittenSound(path=path, n_samples=n_samples, peak=peak, clipped=clipped)


def _to_bytes(part: npt.NDArray[np.floating], *, noise: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Samples `(n, channels)` as interleaved little-endian 24-bit integers, `(n * channels, 3)`."""
    # Two numbers of 16 bits a sample: their difference is triangular noise in steps of 1/65536.
    two = noise.integers(0, 2**32, part.shape, dtype=np.uint32).view(np.uint16).reshape(*part.shape, 2)
    steps = np.subtract(two[..., 0], two[..., 1], dtype=np.float64)
    steps *= 1 / 65536
    steps *= part != 0.0
    steps += part * part.dtype.type(_FULL_SCALE)
    np.rint(steps, out=steps)
    np.clip(steps, -_FULL_SCALE, _FULL_SCALE - 1, out=steps)
    whole = steps.astype("<i4").reshape(-1, 1).view(np.uint8)
    packed = np.empty((len(whole), 3), np.uint8)
    for column in range(3):
        packed[:, column] = whole[:, column]
    return packed
