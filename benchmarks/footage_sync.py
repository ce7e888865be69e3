"""Timing on real footage: rendered effects against contacts labelled by hand, moved events, and false events at cuts.

    python benchmarks/footage_sync.py --footage FOLDER [--seeds 2] [--splices 16] [--json FILE]

FOLDER holds the clips that tests/data/contacts names; each is checked against its hash. Effects are rendered by the
engine `small` from the movie file, as for a user, and scored as `otio_v2a_engine.training.measures_footage` says; the
evaluation of the weights does the same.

Moved events: the sure contacts of the football clip are told to the engine, every second one 200 ms later; the sound
has to be at the new times, and silent at the old ones.

Splices: two clips joined at places 0.2 s away from every labelled event; an onset within 60 ms of the join is false.
Once with the cut found by the product's own shot finder, once with the engine not told.
"""

import argparse
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from otio_v2a_engine.contract import Picture, RenderRequest, VisualEvent
from otio_v2a_engine.frames import read_frames
from otio_v2a_engine.pipelines.small import SmallEngine
from otio_v2a_engine.shots import find_shots
from otio_v2a_engine.training.measures import render, write_movie
from otio_v2a_engine.training.measures_footage import ask, contacts, read_labels
from otio_v2a_engine.training.onsets import f1, find_onsets, match

LABELS = Path(__file__).resolve().parents[1] / "tests" / "data" / "contacts"
RATE = 48000
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
    labels = read_labels(LABELS, footage=options.footage)
    figures = {
        **contacts(engine, labels, footage=options.footage, seeds=options.seeds),
        "moved": moved(engine, labels, options.footage, seeds=options.seeds),
        "splices": splices(engine, labels, options.footage, count=options.splices),
    }
    print(json.dumps(figures, indent=1))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


def onsets_of(engine: SmallEngine, request: RenderRequest) -> list[float]:
    """Onsets of one render, in seconds."""
    found: list[float] = find_onsets(render(engine, request)).tolist()
    return found


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
