"""Timing on real footage: rendered effects against contacts labelled by hand, moved events, and false events at cuts.

    python benchmarks/footage_sync.py --footage FOLDER [--seeds 2] [--splices 16] [--json FILE]

FOLDER holds the clips that tests/data/contacts names; each is checked against its hash. Effects are rendered by the
engine `small` from the movie file, as for a user. Onsets are those of the training's detector. A rendered onset counts
when it is within 100 ms of a contact that is sure, one to one. Onsets near a contact that is not sure, or inside a
stretch that sounds all the time (a pour, a slide), are neither right nor wrong ("lenient"); beside it stands the plain
figure. Chance is the same onsets shifted around the clip by 20 amounts.

Most clips have few contacts, so they are also scored together, all six and all but the football. How often as good
a score comes of chance alone is counted over 1,000 draws, in each of which every clip's onsets are shifted by an
amount of their own.

Moved events: the sure contacts of the football clip are told to the engine, every second one 200 ms later; the sound
has to be at the new times, and silent at the old ones.

Splices: two clips joined at places 0.2 s away from every labelled event; an onset within 60 ms of the join is false.
Once with the cut found by the product's own shot finder, once with the engine not told.
"""

import argparse
import hashlib
import json
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from otio_v2a_engine.contract import Picture, Progress, PromptSpec, RenderRequest, VisualEvent
from otio_v2a_engine.frames import read_frames
from otio_v2a_engine.pipelines.small import SmallEngine
from otio_v2a_engine.shots import find_shots
from otio_v2a_engine.training.measures import write_movie
from otio_v2a_engine.training.onsets import chance, f1, find_onsets, match

LABELS = Path(__file__).resolve().parents[1] / "tests" / "data" / "contacts"
RATE = 48000
TOLERANCE_S = 0.1
PROMPTS = {
    "sam2_football_juggle_noaudio": "football kick",
    "sam2_cups_shuffle_silent": "plastic cups on a table",
    "sam2_blocks_silent": "wooden blocks",
    "sam2_dog_fetch_silent": "dog paws on concrete",
    "sam2_coffee_pour_silent": "coffee pouring into a cup",
    "pour_water_kitchen_270x480": "water pouring into a glass",
}
WAYS = ("encoder", "prompt", "no_prompt")
DRAWS = 1000
CUT_NEAR_S = 0.06
AWAY_S = 0.2


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--footage", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=2, help="takes of each clip")
    parser.add_argument("--splices", type=int, default=16)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    engine = SmallEngine(options.device)
    labels = [json.loads(path.read_text()) for path in sorted(LABELS.glob("*.json"))]
    for label in labels:
        movie = options.footage / label["clip"]
        if hashlib.sha256(movie.read_bytes()).hexdigest() != label["sha256"]:
            raise SystemExit(f"{movie} is not the file that was labelled")
    heard = [onsets_in(engine, label, options.footage, seeds=options.seeds) for label in labels]
    figures = {
        "clips": [clip(each) for each in heard],
        "together": {way: together(heard, way) for way in WAYS},
        "without_football": {
            way: together([each for each in heard if "football" not in each.label["clip"]], way) for way in WAYS
        },
        "moved": moved(engine, labels, options.footage, seeds=options.seeds),
        "splices": splices(engine, labels, options.footage, count=options.splices),
    }
    print(json.dumps(figures, indent=1))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


def onsets_of(engine: SmallEngine, request: RenderRequest) -> list[float]:
    """Onsets of one render, in seconds."""

    def quiet(_: Progress) -> None: ...

    made = engine.render(request, on_progress=quiet, cancelled=lambda: False)
    return [float(time) for time in find_onsets(made.samples[0])]


def ask(movie: Path, *, seconds: float, text: str, seed: int, start_s: Fraction = Fraction(0)) -> RenderRequest:
    """A mono render of at most ten seconds."""
    picture = Picture(str(movie), start_s=start_s)
    n_samples = round(min(seconds, 10.0) * RATE)
    return RenderRequest(picture=picture, prompt=PromptSpec(text=text), n_samples=n_samples, channels=1, seed=seed)


@dataclass(frozen=True)
class Heard:
    """What was found in a clip.

    Attributes:
        label: of the clip.
        length: seconds of it that were rendered.
        true: times of its sure contacts.
        found: onsets of each take, by the way in which they were found: `WAYS`.
    """

    label: dict[str, Any]
    length: float
    true: list[float]
    found: dict[str, list[list[float]]]


def onsets_in(engine: SmallEngine, label: dict[str, Any], footage: Path, *, seeds: int) -> Heard:
    """What the encoder sees in one clip, and what is heard with the clip's prompt and without any."""
    length = min(label["length_s"], 10.0)
    movie = footage / label["clip"]
    spotted = engine.spot(Picture(str(movie)), duration_s=Fraction(length).limit_denominator(1000), at_least=0.55)
    found = {"encoder": [[float(event.time_s) for event in spotted]]}
    for way, text in (("prompt", PROMPTS[movie.stem]), ("no_prompt", "")):
        requests = [ask(movie, seconds=length, text=text, seed=seed) for seed in range(seeds)]
        found[way] = [onsets_of(engine, request) for request in requests]
    true = [event["time_s"] for event in label["events"] if event["sure"] and event["time_s"] < length]
    return Heard(label, length, true, found)


def clip(heard: Heard) -> dict[str, Any]:
    """F1 against one clip's labels."""
    out: dict[str, Any] = {"clip": heard.label["clip"], "contacts": len(heard.true)}
    return out | {way: _figures(heard.found[way], heard.label, heard.true, heard.length) for way in WAYS}


def together(heard: list[Heard], way: str) -> dict[str, Any]:
    """F1 over several clips, and what shifted onsets come to: their mean, and how often they are as good."""
    rng = np.random.default_rng(11)

    def score(shifted: bool) -> float:
        scores = []
        for each in heard:
            by = float(rng.uniform(0.3, each.length - 0.3)) if shifted else 0.0
            takes = [sorted((time + by) % each.length for time in take) for take in each.found[way]]
            scores += [match(take, each.true, tolerance_s=TOLERANCE_S)[0] for take in takes]
        return f1(scores)

    measured, by_chance = score(shifted=False), [score(shifted=True) for _ in range(DRAWS)]
    return {
        "contacts": sum(len(each.true) for each in heard),
        "f1_100ms": round(measured, 3),
        "chance_f1": round(float(np.mean(by_chance)), 3),
        "as_good_by_chance": round((1 + sum(other >= measured for other in by_chance)) / (1 + DRAWS), 3),
    }


def _figures(found: list[list[float]], label: dict[str, Any], true: list[float], length: float) -> dict[str, Any]:
    judged = [_judged(each, label, true) for each in found]
    plain = [match(each, true, tolerance_s=TOLERANCE_S) for each in found]
    by_chance = [s for each in found for s in chance(each, true, length_s=length, tolerance_s=TOLERANCE_S)]
    errors = [abs(error) for _, each in plain for error in each]
    return {
        "onsets": [len(each) for each in found],
        "f1_100ms": round(f1([score for score, _ in plain]), 3),
        "f1_lenient": round(f1([match(each, true, tolerance_s=TOLERANCE_S)[0] for each in judged]), 3),
        "chance_f1": round(f1(by_chance), 3),
        "median_error_ms": round(1000 * float(np.median(errors)), 1) if errors else None,
    }


def _judged(found: list[float], label: dict[str, Any], true: list[float]) -> list[float]:
    """The onsets that are right or wrong."""
    unsure = [(e["time_s"], e["uncertainty_s"]) for e in label["events"] if not e["sure"]]
    kept = []
    for time in found:
        hit = any(abs(time - other) <= TOLERANCE_S for other in true)
        open_ = any(abs(time - other) <= TOLERANCE_S + by for other, by in unsure)
        lasting = any(s["start_s"] <= time <= s["end_s"] for s in label["sustained"])
        if hit or not (open_ or lasting):
            kept.append(time)
    return kept


def moved(engine: SmallEngine, labels: list[dict[str, Any]], footage: Path, *, seeds: int) -> dict[str, Any]:
    """Contacts told to the engine, every second one 200 ms later than it is seen."""
    label = next(label for label in labels if "football" in label["clip"])
    true = [event["time_s"] for event in label["events"] if event["sure"] and event["time_s"] < 9.7]
    told = [round(time + (0.2 if number % 2 else 0.0), 3) for number, time in enumerate(true)]
    old = [time for number, time in enumerate(true) if number % 2]
    events = tuple(VisualEvent(Fraction(time).limit_denominator(1000)) for time in told)
    scores, at_old, errors, n_found = [], 0, [], []
    for seed in range(seeds):
        request = ask(footage / label["clip"], seconds=10.0, text="football kick", seed=seed)
        found = onsets_of(engine, replace(request, events=events))
        score, off = match(found, told)
        scores.append(score)
        errors += [abs(error) for error in off]
        at_old += match(found, old)[0][0]
        n_found.append(len(found))
    return {
        "told": len(told),
        "onsets": n_found,
        "f1_50ms": round(f1(scores), 3),
        "median_error_ms": round(1000 * float(np.median(errors)), 1) if errors else None,
        "old_times_still_heard": f"{at_old} of {len(old) * seeds}",
    }


def splices(engine: SmallEngine, labels: list[dict[str, Any]], footage: Path, *, count: int) -> dict[str, Any]:
    """Onsets at joins of two clips, two seconds of each."""
    rng = np.random.default_rng(5)
    half_s = 2.0
    told_false = untold_false = found_cuts = 0
    with TemporaryDirectory() as folder:
        movie = Path(folder) / "splice.mp4"
        for number in range(count):
            first, second = rng.choice(len(labels), 2, replace=False)
            parts = []
            for label, ends in ((labels[first], True), (labels[second], False)):
                start = _calm(label, rng, before_s=half_s if ends else 0.0, after_s=0.0 if ends else half_s)
                begin = Fraction(start - half_s if ends else start).limit_denominator(1000)
                times = [Fraction(k, 25) for k in range(round(25 * half_s))]
                picture = Picture(str(footage / label["clip"]), start_s=begin)
                parts += list(read_frames(picture, times, width=320, height=180, fit="stretch"))
            write_movie(movie, np.stack(parts))
            duration_s = Fraction(2 * half_s)
            shots = find_shots(Picture(str(movie)), duration_s, cancelled=lambda: False, on_progress=lambda _: None)
            found_cuts += any(abs(float(cut) - half_s) < 0.05 for cut in shots)
            request = ask(movie, seconds=float(duration_s), text="", seed=number)
            told = replace(request, picture=replace(request.picture, cuts_s=tuple(shots)))
            told_false += any(abs(time - half_s) <= CUT_NEAR_S for time in onsets_of(engine, told))
            untold_false += any(abs(time - half_s) <= CUT_NEAR_S for time in onsets_of(engine, request))
    return {
        "joins": count,
        "cuts_found": found_cuts,
        "false_events_as_shipped": told_false,
        "false_events_not_told": untold_false,
    }


def _calm(label: dict[str, Any], rng: np.random.Generator, *, before_s: float, after_s: float) -> float:
    """A time without a labelled event near."""
    times = [event["time_s"] for event in label["events"]]
    last = min(label["length_s"], 10.0) - after_s - 0.1
    while True:
        time = float(rng.uniform(before_s + 0.05, last))
        if all(abs(time - other) > AWAY_S for other in times):
            return time


if __name__ == "__main__":
    main()
