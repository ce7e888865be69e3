"""Real pictures behind the acts, still or moving, and textures of bodies, cut from footage. Knows no act.

The footage is never part of the package: training may use it, rendering does not need it.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from otio_v2a_engine.contract import Picture
from otio_v2a_engine.frames import probe, read_frames
from otio_v2a_engine.simulate.draw import BACKDROP_HEIGHT, BACKDROP_RATE, BACKDROP_WIDTH
from otio_v2a_engine.simulate.manifest import manifest_rows

__all__ = ["Backdrops", "Footage"]

Floats = npt.NDArray[np.float32]
Rng = np.random.Generator

_CALM = ("kings_cross", "gopro_karma", "crystal_lotus", "flower", "zoo_bear", "nasa_crane")
_KEPT_APART = ("sam2_", "pour_water", "rabbit_figurine", "big_buck_bunny")
_HEIGHT, _WIDTH = 2 * BACKDROP_HEIGHT, 2 * BACKDROP_WIDTH  # pixels of a frame that is kept
_LONGEST_S = 20
_APART_S = Fraction(1)  # between stills
_MOVING = 0.4  # share of backdrops that move
_PLAIN = 4.0  # of 255: a smaller standard deviation is not raised, it is noise


@dataclass(frozen=True)
class Footage:
    """One row of the manifest: its file under the root, and who to credit."""

    file: str
    source: str
    licence: str


@dataclass
class Backdrops:
    """Pictures from the footage below `root`, decoded on first use.

    Args:
        root: folder with `MANIFEST.tsv` (columns file, source, licence).
        share: of the scenes of a shard that have them.
        calm: beginnings of the names of files in which nothing moves that a scene could be asked for as an effect:
            a street, a coast, a flower in the wind. Only these are shown moving.
        kept_apart: beginnings of the names of files that are not used: timing on real footage is measured with them,
            or they are drawn.

    Raises:
        FileNotFoundError: there is no footage that may be used.
        PictureError: a picture cannot be decoded.
    """

    root: Path
    share: float = 1.0
    calm: tuple[str, ...] = _CALM
    kept_apart: tuple[str, ...] = _KEPT_APART

    @cached_property
    def footage(self) -> tuple[Footage, ...]:
        """What is used, in the manifest's order."""
        found = tuple(
            Footage(row["file"], row["source"], row["licence"])
            for row in manifest_rows(self.root)
            if not row["file"].startswith(self.kept_apart)
        )
        if not found:
            raise FileNotFoundError(f"{self.root} has no footage that scenes may be shown before")
        return found

    @cached_property
    def _moving(self) -> tuple[npt.NDArray[np.uint8], ...]:
        calm = [row for row in self.footage if row.file.startswith(self.calm)]
        return tuple(self._read(row, Fraction(1, BACKDROP_RATE)) for row in calm)

    @cached_property
    def _stills(self) -> npt.NDArray[np.uint8]:
        return np.concatenate([self._read(row, _APART_S) for row in self.footage])

    def _read(self, row: Footage, step_s: Fraction) -> npt.NDArray[np.uint8]:
        """Frames `step_s` apart, of the first 20 s, the sides or top and bottom cut off, `(n, _HEIGHT, _WIDTH, 3)`."""
        picture = Picture(str(self.root / row.file))
        length = min(probe(picture).duration_s, Fraction(_LONGEST_S))
        times = [step_s * number for number in range(max(1, int(length / step_s)))]
        return np.stack(list(read_frames(picture, times, width=_WIDTH, height=_HEIGHT)))

    def backdrop(self, rng: Rng) -> Floats:
        """A backdrop as `draw` takes it: a still `(h, w, 3)`, or one that moves, `(n, h, w, 3)`; RGB 0..1."""
        if rng.random() < _MOVING and self._moving:
            frames = self._moving[int(rng.integers(len(self._moving)))]
            start = int(rng.integers(max(1, len(frames) - 2 * BACKDROP_RATE)))
            return _framed(frames[start:], rng)
        still: Floats = _framed(self._stills[int(rng.integers(len(self._stills)))][None], rng)[0]
        return still

    def texture(self, rng: Rng, *, contrast: float) -> Floats:
        """`(16, 16)` of a real surface, of mean 0 and standard deviation `contrast`; less where it is plain."""
        picture = self._stills[int(rng.integers(len(self._stills)))]
        step = int(rng.integers(1, 5))
        y, x = int(rng.integers(_HEIGHT - 16 * step)), int(rng.integers(_WIDTH - 16 * step))
        grey = picture[y : y + 16 * step : step, x : x + 16 * step : step].mean(2)
        surface: Floats = ((grey - grey.mean()) * (contrast / max(float(grey.std()), _PLAIN))).astype(np.float32)
        return surface


def _framed(frames: npt.NDArray[np.uint8], rng: Rng) -> Floats:
    """A part of the frames, mirrored or not and lit otherwise, `(n, BACKDROP_HEIGHT, BACKDROP_WIDTH, 3)`."""
    share = rng.uniform(0.5, 1.0)
    rows = np.arange(BACKDROP_HEIGHT) * share * _HEIGHT / BACKDROP_HEIGHT + rng.uniform(0, 1 - share) * _HEIGHT
    columns = np.arange(BACKDROP_WIDTH) * share * _WIDTH / BACKDROP_WIDTH + rng.uniform(0, 1 - share) * _WIDTH
    if rng.random() < 0.5:
        columns = columns[::-1]
    y, x = rows.astype(int), columns.astype(int)
    part = frames[:, y[:, None], x[None, :]].astype(np.float32) / 255
    tint = rng.uniform(0.6, 1.3) + rng.uniform(-0.1, 0.1, 3)
    lit: Floats = np.clip(part * tint + rng.uniform(-0.1, 0.1), 0, 1).astype(np.float32)
    return lit
