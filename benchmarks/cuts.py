"""False events at cuts: rendered onsets near joins of real footage, against the same onsets shifted in time.

    python benchmarks/cuts.py --footage FOLDER [--movies 48] [--prompt TEXT] [--json FILE]

FOLDER holds movies of any kind. Pieces of 1.2 to 2.6 s, taken from them at random instants (never twice running from
one movie), are joined to movies of ten seconds at 320 x 180 and 24 frames a second. The engine `small`, with the
weights in the package, renders effects for each, without a prompt unless one is given:

- found: the cuts are told as the product's own shot finder finds them, as in a run of `otio-v2a generate`;
- not told: the engine is told no cut.

A join counts when an onset lies within 60 ms of it, on either side. Onsets are those of the training's detector. Nobody
has said what is seen to sound near the joins, so some of these onsets are right: chance is the same onsets shifted
around their movie by 40 amounts. The interval of a share is Wilson's, 95 %; that of what exceeds chance is a bootstrap
over movies. Pieces and seeds depend on --draw alone, so two versions of the weights are compared on the same joins.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

import otio_v2a_engine
from otio_v2a_engine.contract import Picture, PromptSpec, RenderRequest
from otio_v2a_engine.frames import probe, read_frames
from otio_v2a_engine.pipelines.small import SmallEngine
from otio_v2a_engine.shots import find_shots
from otio_v2a_engine.training.measures import write_movie
from otio_v2a_engine.training.onsets import find_onsets

RATE = 48000
FPS = 24
LENGTH_S = 10
WIDTH, HEIGHT = 320, 180
PIECE_S = (1.2, 2.6)
NEAR_S = 0.06
SHIFTS = 40
SUFFIXES = (".mp4", ".webm", ".mov", ".mkv")


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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--footage", type=Path, required=True)
    parser.add_argument("--movies", type=int, default=48, help="movies of ten seconds, some four joins each (48)")
    parser.add_argument("--prompt", default="", help="what the effects should sound like (nothing is said)")
    parser.add_argument("--draw", type=int, default=7, help="which pieces and seeds (7)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, help="also write figures, joins and onsets here")
    options = parser.parse_args()
    clips = sorted(path for path in options.footage.iterdir() if path.suffix in SUFFIXES)
    lengths = {path: float(probe(Picture(str(path))).duration_s) for path in clips}
    engine = SmallEngine(options.device)
    rng = np.random.default_rng(options.draw)
    joined = []
    with TemporaryDirectory() as folder:
        movie = Path(folder) / "joined.mp4"
        for number in range(options.movies):
            joins = write_joined(movie, lengths, rng)
            joined.append(render(engine, movie, joins, text=options.prompt, seed=number))
            print(f"{number + 1} of {options.movies}", file=sys.stderr)
    figures = {
        "weights": weights_id(),
        "prompt": options.prompt,
        "draw": options.draw,
        "movies": len(joined),
        "joins": sum(len(each.joins_s) for each in joined),
        "joins_found": sum(int(near(each.joins_s, each.found_s).sum()) for each in joined),
        "cuts_found_elsewhere": sum(int((~near(each.found_s, each.joins_s)).sum()) for each in joined),
        **{variant: measured(joined, variant) for variant in joined[0].onsets_s},
    }
    print(json.dumps(figures, indent=1))
    if options.json:
        told = {**figures, "rendered": [asdict(each) for each in joined]}
        options.json.write_text(json.dumps(told, indent=1) + "\n")


def weights_id() -> str:
    """The first digits of the weights' SHA-256."""
    path = Path(otio_v2a_engine.__file__).parent / "weights" / "small.safetensors"
    return hashlib.sha256(path.read_bytes()).hexdigest()[:8]


def write_joined(movie: Path, lengths: dict[Path, float], rng: np.random.Generator) -> tuple[float, ...]:
    """Join random pieces; returns where they meet, in seconds."""
    clips = list(lengths)
    pieces: list[npt.NDArray[np.uint8]] = []
    joins: list[float] = []
    before = None
    n_frames = LENGTH_S * FPS
    while sum(map(len, pieces)) < n_frames:
        clip = clips[rng.integers(len(clips))]
        # Drawn whatever comes of it, so that a refused clip does not change what follows.
        wanted, place = round(rng.uniform(*PIECE_S) * FPS), rng.random()
        if clip == before:
            continue
        before, begun = clip, sum(map(len, pieces))
        # No last piece of a few frames.
        count = n_frames - begun if n_frames - begun - wanted < PIECE_S[0] * FPS else wanted
        count = min(count, int(lengths[clip] * FPS) - 2, n_frames - begun)
        start = Fraction(round(place * (lengths[clip] * FPS - count - 1)), FPS)
        times = [Fraction(number, FPS) for number in range(count)]
        picture = Picture(str(clip), start_s=max(Fraction(0), start))
        pieces.append(np.stack(list(read_frames(picture, times, width=WIDTH, height=HEIGHT, fit="crop"))))
        if begun:
            joins.append(begun / FPS)
    write_movie(movie, np.concatenate(pieces), rate=FPS)
    return tuple(joins)


def render(engine: SmallEngine, movie: Path, joins: tuple[float, ...], *, text: str, seed: int) -> Joined:
    """Effects for one movie, with the cuts that are found and without."""
    picture = Picture(str(movie))
    shots = find_shots(picture, Fraction(LENGTH_S), cancelled=lambda: False, on_progress=lambda _: None)
    request = RenderRequest(picture, PromptSpec(text=text), n_samples=LENGTH_S * RATE, channels=1, seed=seed)
    requests = {"found": replace(request, picture=replace(picture, cuts_s=tuple(shots))), "not told": request}
    onsets = {}
    for variant, asked in requests.items():
        made = engine.render(asked, on_progress=lambda _: None, cancelled=lambda: False)
        onsets[variant] = tuple(float(time) for time in find_onsets(made.samples[0]))
    return Joined(joins, tuple(float(cut) for cut in shots), onsets)


def near(times: Sequence[float], others: Sequence[float], *, from_s: float = -NEAR_S, to_s: float = NEAR_S) -> Any:
    """For each time, whether one of the others lies within 60 ms of it, `(N,)` bool."""
    apart = np.array(others, float)[None, :] - np.array(times, float)[:, None]
    return ((apart >= from_s) & (apart <= to_s)).any(1)


def measured(joined: Sequence[Joined], variant: str) -> dict[str, Any]:
    """Share of joins with an onset, chance, and what exceeds it."""
    hits = np.array([near(each.joins_s, each.onsets_s[variant]).sum() for each in joined], float)
    after = sum(int(near(each.joins_s, each.onsets_s[variant], from_s=0.0).sum()) for each in joined)
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
        "share_95": [round(bound, 4) for bound in wilson(found, total)],
        "chance": round(float(by_chance.sum()) / total, 4),
        "excess": round(float((hits - by_chance).sum()) / total, 4),
        "excess_95": [round(float(bound), 4) for bound in np.quantile(excess, [0.025, 0.975])],
    }


def _chance(joins: Sequence[float], onsets: Sequence[float]) -> float:
    """Mean number of joins with an onset, over the shifts."""
    shifts = np.linspace(0.3, LENGTH_S - 0.3, SHIFTS)
    return float(np.mean([near(joins, (np.array(onsets) + shift) % LENGTH_S).sum() for shift in shifts]))


def wilson(found: int, total: int, *, z: float = 1.96) -> tuple[float, float]:
    """Wilson's interval of a share."""
    share, spread = found / total, z * z / total
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * np.sqrt(share * (1 - share) / total + spread / (4 * total))
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


if __name__ == "__main__":
    main()
