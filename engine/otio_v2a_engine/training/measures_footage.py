"""Timing on real footage: effects against contacts labelled by hand, clip by clip and together.

A label is a JSON file: `clip` (a file name) and its `sha256`, `length_s`, `prompt`, `events` (each with `time_s`,
`uncertainty_s` and whether it is `sure`) and `sustained` stretches (`start_s`, `end_s`).

A rendered onset counts when it is within 100 ms of a contact that is sure, one to one. Onsets near a contact that is
not sure, or inside a stretch that sounds all the time (a pour, a slide), are neither right nor wrong ("lenient");
beside it stands the plain figure. Chance is the same onsets shifted around the clip by 20 amounts. Clips have few
contacts, so they are also scored together: how often as good a score comes of chance alone is counted over 1,000 draws,
in each of which every clip's onsets are shifted by an amount of their own.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from otio_v2a_engine.contract import Picture, PromptSpec, RenderRequest
from otio_v2a_engine.models.mel import SAMPLE_RATE
from otio_v2a_engine.pipelines.small import SmallEngine
from otio_v2a_engine.specs import SURE
from otio_v2a_engine.training.measures import render
from otio_v2a_engine.training.onsets import chance, f1, find_onsets, match

__all__ = ["Heard", "ask", "contacts", "hear", "read_labels"]

_WAYS = ("encoder", "prompt", "no_prompt")
"""How onsets are found: seen by the encoder; heard in what is rendered for the clip's prompt, and for none."""
_LONGEST_S = 10.0
_TOLERANCE_S = 0.1
_DRAWS = 1000


@dataclass(frozen=True)
class Heard:
    """What was found in a clip.

    Attributes:
        label: of the clip.
        length: seconds of it that were rendered.
        true: times of its sure contacts.
        found: onsets of each take, by the way in which they were found: `_WAYS`.
    """

    label: dict[str, Any]
    length: float
    true: list[float]
    found: dict[str, list[list[float]]]


def read_labels(folder: Path, *, footage: Path) -> list[dict[str, Any]]:
    """The labels of a folder, by name.

    Raises:
        ValueError: there is none, or a clip is not in `footage`, or not the file that was labelled.
    """
    labels = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    if not labels:
        raise ValueError(f"{folder} has no labels of contacts")
    for label in labels:
        movie = footage / label["clip"]
        if not movie.exists() or hashlib.sha256(movie.read_bytes()).hexdigest() != label["sha256"]:
            raise ValueError(f"{movie} is not the file that was labelled")
    return labels


def contacts(engine: SmallEngine, labels: Sequence[dict[str, Any]], *, footage: Path, seeds: int) -> dict[str, Any]:
    """F1 against the labels of each clip, of all together, and of all but the football."""
    heard = [hear(engine, label, footage, seeds=seeds) for label in labels]
    others = [each for each in heard if "football" not in each.label["clip"]]
    return {
        "clips": [_clip(each) for each in heard],
        "together": {way: _together(heard, way) for way in _WAYS},
        "without_football": {way: _together(others, way) for way in _WAYS},
    }


def ask(movie: Path, *, seconds: float, text: str, seed: int, start_s: Fraction = Fraction(0)) -> RenderRequest:
    """A mono render of at most ten seconds."""
    picture = Picture(str(movie), start_s=start_s)
    n_samples = round(min(seconds, _LONGEST_S) * SAMPLE_RATE)
    return RenderRequest(picture=picture, prompt=PromptSpec(text=text), n_samples=n_samples, channels=1, seed=seed)


def hear(engine: SmallEngine, label: dict[str, Any], footage: Path, *, seeds: int) -> Heard:
    """What the encoder sees in one clip, and what is heard with the clip's prompt and without any."""
    length = min(label["length_s"], _LONGEST_S)
    movie = footage / label["clip"]
    spotted = engine.spot(Picture(str(movie)), duration_s=Fraction(length).limit_denominator(1000), at_least=SURE)
    found = {"encoder": [[float(event.time_s) for event in spotted]]}
    for way, text in (("prompt", label["prompt"]), ("no_prompt", "")):
        requests = [ask(movie, seconds=length, text=text, seed=seed) for seed in range(seeds)]
        found[way] = [find_onsets(render(engine, request)).tolist() for request in requests]
    true = [event["time_s"] for event in label["events"] if event["sure"] and event["time_s"] < length]
    return Heard(label, length, true, found)


def _clip(heard: Heard) -> dict[str, Any]:
    """F1 against one clip's labels."""
    out: dict[str, Any] = {"clip": heard.label["clip"], "contacts": len(heard.true)}
    return out | {way: _figures(heard.found[way], heard.label, heard.true, heard.length) for way in _WAYS}


def _together(heard: Sequence[Heard], way: str) -> dict[str, Any]:
    """F1 over several clips, what shifted onsets come to, and how often they are as good."""
    rng = np.random.default_rng(11)

    def score(*, shifted: bool) -> float:
        scores = []
        for each in heard:
            by = float(rng.uniform(0.3, each.length - 0.3)) if shifted else 0.0
            takes = [sorted((time + by) % each.length for time in take) for take in each.found[way]]
            scores += [match(take, each.true, tolerance_s=_TOLERANCE_S)[0] for take in takes]
        return f1(scores)

    measured, by_chance = score(shifted=False), [score(shifted=True) for _ in range(_DRAWS)]
    return {
        "contacts": sum(len(each.true) for each in heard),
        "f1_100ms": round(measured, 3),
        "chance_f1": round(float(np.mean(by_chance)), 3),
        "as_good_by_chance": round((1 + sum(other >= measured for other in by_chance)) / (1 + _DRAWS), 3),
    }


def _figures(found: list[list[float]], label: dict[str, Any], true: list[float], length: float) -> dict[str, Any]:
    judged = [_judged(each, label, true) for each in found]
    plain = [match(each, true, tolerance_s=_TOLERANCE_S) for each in found]
    by_chance = [s for each in found for s in chance(each, true, length_s=length, tolerance_s=_TOLERANCE_S)]
    errors = [abs(error) for _, each in plain for error in each]
    return {
        "onsets": [len(each) for each in found],
        "f1_100ms": round(f1([score for score, _ in plain]), 3),
        "f1_lenient": round(f1([match(each, true, tolerance_s=_TOLERANCE_S)[0] for each in judged]), 3),
        "chance_f1": round(f1(by_chance), 3),
        "median_error_ms": round(1000 * float(np.median(errors)), 1) if errors else None,
    }


def _judged(found: list[float], label: dict[str, Any], true: list[float]) -> list[float]:
    """The onsets that are right or wrong."""
    unsure = [(e["time_s"], e["uncertainty_s"]) for e in label["events"] if not e["sure"]]
    kept = []
    for time in found:
        hit = any(abs(time - other) <= _TOLERANCE_S for other in true)
        open_ = any(abs(time - other) <= _TOLERANCE_S + by for other, by in unsure)
        lasting = any(s["start_s"] <= time <= s["end_s"] for s in label["sustained"])
        if hit or not (open_ or lasting):
            kept.append(time)
    return kept
