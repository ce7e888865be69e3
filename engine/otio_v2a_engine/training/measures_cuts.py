"""False events at cuts: rendered onsets near joins of real footage, against the same onsets shifted in time.

Pieces of 1.2 to 2.6 s, taken from movies at random instants (never twice running from one movie), are joined to movies
of ten seconds at 320 x 180 and 24 frames a second. Effects are rendered for each:

- found: the cuts are told as the product's own shot finder finds them, as in a run of `otio-v2a generate`;
- not told: the engine is told no cut.

A join counts when an onset lies within 60 ms of it, on either side. Onsets are those of the training's detector. Nobody
has said what is seen to sound near the joins, so some of these onsets are right: chance is the same onsets shifted
around their movie by 40 amounts. The interval of a share is Wilson's, 95 %; that of what exceeds chance is a bootstrap
over movies. Pieces and seeds depend on `draw` alone, so two versions of the weights are compared on the same joins.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from otio_v2a_engine.contract import Picture, PromptSpec, RenderRequest
from otio_v2a_engine.frames import probe, read_frames
from otio_v2a_engine.models.mel import SAMPLE_RATE
from otio_v2a_engine.pipelines.small import SmallEngine
from otio_v2a_engine.shots import find_shots
from otio_v2a_engine.training import measures
from otio_v2a_engine.training.onsets import find_onsets

__all__ = ["Joined", "figures_of", "joined_movies"]

_FPS = 24
_LENGTH_S = 10
_WIDTH, _HEIGHT = 320, 180
_PIECE_S = (1.2, 2.6)
_NEAR_S = 0.06
_SHIFTS = 40
_SUFFIXES = (".mp4", ".webm", ".mov", ".mkv")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Joined:
    """What was rendered for one movie.

    Attributes:
        joins_s: where pieces meet.
        found_s: the cuts that the shot finder found.
        onsets_s: onsets of the effects, by variant.
    """

    joins_s: tuple[float, ...]
    found_s: tuple[float, ...]
    onsets_s: dict[str, tuple[float, ...]]


def joined_movies(engine: SmallEngine, footage: Path, *, count: int, text: str = "", draw: int = 7) -> list[Joined]:
    """Onsets of `count` movies that are joined of pieces of the movies in a folder."""
    clips = sorted(path for path in footage.iterdir() if path.suffix in _SUFFIXES)
    lengths = {path: float(probe(Picture(str(path))).duration_s) for path in clips}
    rng = np.random.default_rng(draw)
    joined = []
    with TemporaryDirectory() as folder:
        movie = Path(folder) / "joined.mp4"
        for number in range(count):
            joins = _write_joined(movie, lengths, rng)
            joined.append(_render(engine, movie, joins, text=text, seed=number))
            _log.info("joined movie %d of %d", number + 1, count)
    return joined


def figures_of(joined: Sequence[Joined]) -> dict[str, Any]:
    """How many joins there are and were found, and of each variant the share with an onset."""
    return {
        "movies": len(joined),
        "joins": sum(len(each.joins_s) for each in joined),
        "joins_found": sum(int(_near(each.joins_s, each.found_s).sum()) for each in joined),
        "cuts_found_elsewhere": sum(int((~_near(each.found_s, each.joins_s)).sum()) for each in joined),
        **{variant: _measured(joined, variant) for variant in joined[0].onsets_s},
    }


def _write_joined(movie: Path, lengths: dict[Path, float], rng: np.random.Generator) -> tuple[float, ...]:
    """Join random pieces; returns where they meet, in seconds."""
    clips = list(lengths)
    pieces: list[npt.NDArray[np.uint8]] = []
    joins: list[float] = []
    before = None
    n_frames = _LENGTH_S * _FPS
    while sum(map(len, pieces)) < n_frames:
        clip = clips[rng.integers(len(clips))]
        # Drawn whatever comes of it, so that a refused clip does not change what follows.
        wanted, place = round(rng.uniform(*_PIECE_S) * _FPS), rng.random()
        if clip == before:
            continue
        before, begun = clip, sum(map(len, pieces))
        # No last piece of a few frames.
        count = n_frames - begun if n_frames - begun - wanted < _PIECE_S[0] * _FPS else wanted
        count = min(count, int(lengths[clip] * _FPS) - 2, n_frames - begun)
        start = Fraction(round(place * (lengths[clip] * _FPS - count - 1)), _FPS)
        times = [Fraction(number, _FPS) for number in range(count)]
        picture = Picture(str(clip), start_s=max(Fraction(0), start))
        pieces.append(np.stack(list(read_frames(picture, times, width=_WIDTH, height=_HEIGHT, fit="crop"))))
        if begun:
            joins.append(begun / _FPS)
    measures.write_movie(movie, np.concatenate(pieces), rate=_FPS)
    return tuple(joins)


def _render(engine: SmallEngine, movie: Path, joins: tuple[float, ...], *, text: str, seed: int) -> Joined:
    """Effects for one movie, with the cuts that are found and without."""
    picture = Picture(str(movie))
    shots = find_shots(picture, Fraction(_LENGTH_S), cancelled=lambda: False, on_progress=lambda _: None)
    request = RenderRequest(picture, PromptSpec(text=text), n_samples=_LENGTH_S * SAMPLE_RATE, channels=1, seed=seed)
    requests = {"found": replace(request, picture=replace(picture, cuts_s=tuple(shots))), "not told": request}
    onsets = {}
    for variant, asked in requests.items():
        onsets[variant] = tuple(find_onsets(measures.render(engine, asked)).tolist())
    return Joined(joins, tuple(float(cut) for cut in shots), onsets)


def _near(times: Sequence[float], others: Sequence[float], *, from_s: float = -_NEAR_S, to_s: float = _NEAR_S) -> Any:
    """For each time, whether one of the others lies within 60 ms of it, `(N,)` bool."""
    apart = np.array(others, float)[None, :] - np.array(times, float)[:, None]
    return ((apart >= from_s) & (apart <= to_s)).any(1)


def _measured(joined: Sequence[Joined], variant: str) -> dict[str, Any]:
    """Share of joins with an onset, chance, and what exceeds it."""
    hits = np.array([_near(each.joins_s, each.onsets_s[variant]).sum() for each in joined], float)
    after = sum(int(_near(each.joins_s, each.onsets_s[variant], from_s=0.0).sum()) for each in joined)
    by_chance = np.array([_chance(each.joins_s, each.onsets_s[variant]) for each in joined])
    n_joins = np.array([len(each.joins_s) for each in joined], float)
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(joined), size=(10_000, len(joined)))
    excess = (hits - by_chance)[drawn].sum(1) / n_joins[drawn].sum(1)
    total, found = int(n_joins.sum()), int(hits.sum())
    return {
        "onsets": sum(len(each.onsets_s[variant]) for each in joined),
        "joins_with_an_onset": found,
        "of_these_after_the_join": after,
        "share": round(found / total, 4),
        "share_95": [round(bound, 4) for bound in _wilson(found, total)],
        "chance": round(float(by_chance.sum()) / total, 4),
        "excess": round(float((hits - by_chance).sum()) / total, 4),
        "excess_95": [round(float(bound), 4) for bound in np.quantile(excess, [0.025, 0.975])],
    }


def _chance(joins: Sequence[float], onsets: Sequence[float]) -> float:
    """Mean number of joins with an onset, over the shifts."""
    shifts = np.linspace(0.3, _LENGTH_S - 0.3, _SHIFTS)
    return float(np.mean([_near(joins, (np.array(onsets) + shift) % _LENGTH_S).sum() for shift in shifts]))


def _wilson(found: int, total: int, *, z: float = 1.96) -> tuple[float, float]:
    """Wilson's interval of a share."""
    share, spread = found / total, z * z / total
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * np.sqrt(share * (1 - share) / total + spread / (4 * total))
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))
