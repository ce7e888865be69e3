"""Computes the chosen metrics of every system over a set of clips. Knows files through `clips.py`; writes none.

A picture is looked at once and a true sound is encoded once, however many systems are compared. Baselines show what
a metric can tell: "true sound" is the clips' own, "shuffled" gives every clip another clip's true sound.
"""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soxr
import torch

from otio_v2a_engine.evaluation import sync
from otio_v2a_engine.evaluation.av_align import av_align, flow_curve
from otio_v2a_engine.evaluation.cavp import Cavp
from otio_v2a_engine.evaluation.clips import Clip, EvaluationError, MadeSet, native_frames, read_sound, tile_frames
from otio_v2a_engine.evaluation.distances import (
    cosine,
    frechet_distance,
    gaussian_of,
    inception_score,
    kl_divergence,
    softmax,
)
from otio_v2a_engine.evaluation.frontends import SAMPLE_RATE as LOW_RATE
from otio_v2a_engine.evaluation.frontends import cavp_mel, panns_mel, vggish_examples
from otio_v2a_engine.evaluation.metrics import KEYS, METRICS, metric
from otio_v2a_engine.evaluation.onset_strength import SAMPLE_RATE as STRENGTH_RATE
from otio_v2a_engine.evaluation.onset_strength import onset_strength
from otio_v2a_engine.evaluation.weights import Needed, load, missing
from otio_v2a_engine.models.mel import SAMPLE_RATE as ONSET_RATE
from otio_v2a_engine.training.onsets import find_onsets

__all__ = ["SHUFFLED", "TRUE_SOUND", "Evaluation", "Figure", "SystemFigures", "evaluate"]

_log = logging.getLogger(__name__)
Samples = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

TRUE_SOUND, SHUFFLED = "true sound", "shuffled"
_LONGEST_S = 60.0  # of a clip's picture and sound that is looked at


@dataclass(frozen=True)
class Figure:
    """One number of one system.

    Attributes:
        value: None when it cannot be said.
        n: clips (or pieces of sound) it rests on.
        error: standard error of the mean over clips; None for figures of a whole set.
    """

    value: float | None
    n: int
    error: float | None = None


@dataclass(frozen=True)
class SystemFigures:
    """Everything about one system.

    Attributes:
        name: of the system.
        figures: by key of the metric.
        clips: values by clip and key.
        shift_curve: mean correlation of motion and onset strength at shifts of `shift_s`; empty without.
        onset_errors_ms: of all matched onsets.
    """

    name: str
    figures: Mapping[str, Figure]
    clips: Mapping[str, Mapping[str, float]]
    shift_curve: tuple[float, ...] = ()
    onset_errors_ms: tuple[float, ...] = ()


@dataclass(frozen=True)
class Evaluation:
    """What a report shows.

    Attributes:
        systems: in the order given, baselines last.
        metrics: keys that were computed for some system.
        notes: what is missing and what to beware of, sentences.
        n_clips: in the set.
        shift_s: seconds per entry of a shift curve.
    """

    systems: tuple[SystemFigures, ...]
    metrics: tuple[str, ...]
    notes: tuple[str, ...]
    n_clips: int
    shift_s: float = float(1 / sync.RATE)


@dataclass
class _Tools:
    """Loaded networks, by the word of their weights."""

    folder: Path | None
    loaded: dict[str, Any] = field(default_factory=dict)

    def get(self, name: str) -> Any:
        if name not in self.loaded:
            assert self.folder is not None
            if name == "clap":
                from otio_v2a_engine.evaluation.clap import Clap

                self.loaded[name] = Clap(self.folder / "clap")
            elif name == "cavp":
                self.loaded[name] = Cavp(self.folder)
            else:
                self.loaded[name] = load(name, self.folder)
        return self.loaded[name]


@dataclass
class _Heard:
    """What the chosen metrics keep of one sound."""

    vggish: Floats | None = None
    embedding: Floats | None = None
    logits: Floats | None = None
    values: dict[str, float] = field(default_factory=dict)
    curve: Floats | None = None
    errors_ms: list[float] = field(default_factory=list)


@dataclass
class _Seen:
    """What the chosen metrics keep of one picture."""

    motion: Floats | None = None
    curve: Floats | None = None
    rate: Any = None
    cavp: Floats | None = None


def evaluate(
    clips: Sequence[Clip],
    systems: Sequence[MadeSet],
    *,
    metrics: Sequence[str] = KEYS,
    weights: Path | None = None,
    baselines: bool = True,
    on_progress: Callable[[int, int, str], None] | None = None,
) -> Evaluation:
    """All figures of all systems.

    Args:
        clips: of `read_clips`.
        systems: of `read_made`; a sound without a clip is an error, a clip without a sound is left out and noted.
        metrics: groups of metrics (KEYS); those whose weights or data are missing are left out and noted.
        weights: the user's folder of weights.
        baselines: whether to add the true sounds and the shuffled ones as systems.
        on_progress: told sounds done, in all, and the name of the system.

    Raises:
        EvaluationError: an unknown metric, a sound that belongs to no clip, or a file that cannot be read.
        WeightsError: weights are there and damaged.
    """
    unknown = sorted(set(metrics) - set(KEYS))
    if unknown:
        raise EvaluationError(f"unknown metrics {', '.join(unknown)}; there are {', '.join(KEYS)}")
    by_name = {clip.name: clip for clip in clips}
    for system in systems:
        extra = sorted(set(system.sounds) - set(by_name))
        if extra:
            raise EvaluationError(f"{system.name} has sounds of no clip: {', '.join(extra[:5])}")
    notes: list[str] = []
    absent = missing(weights, metrics=tuple(metrics))
    notes += [f"{_titles(needed)} left out: {needed.words(weights)}." for needed in absent]
    chosen = _possible(clips, [m for m in metrics if not any(m in needed.metrics for needed in absent)], notes)
    tools = _Tools(weights)
    sets = [*systems, *(_baselines(clips) if baselines else [])]
    for system in systems:
        left = [clip.name for clip in clips if clip.name not in system.sounds]
        if left:
            notes.append(f"{system.name} made nothing for {len(left)} of {len(clips)} clips ({', '.join(left[:3])}…).")
    # A picture is looked at once: all systems' sounds of a clip are heard while it is at hand.
    heard: dict[str, dict[str, _Heard]] = {system.name: {} for system in sets}
    true: dict[str, _Heard] = {}
    total, done = sum(len(system.sounds) for system in sets), 0
    for clip in clips:
        seen = _look(clip, chosen, tools)
        if clip.reference is not None and chosen & {"fad", "fd", "kl"}:
            true[clip.name] = _listen(clip.reference, clip, _Seen(), chosen & {"fad", "fd", "kl"}, tools)
        for system in sets:
            if clip.name not in system.sounds:
                continue
            heard[system.name][clip.name] = _listen(system.sounds[clip.name], clip, seen, chosen, tools)
            done += 1
            if on_progress is not None:
                on_progress(done, total, f"{system.name}: {clip.name}")
    figures = tuple(_figures(system.name, heard[system.name], true, chosen) for system in sets)
    found = tuple(m.key for m in METRICS if any(m.key in system.figures for system in figures))
    if {"fad", "fd"} & set(found) and len(clips) < 2048:
        notes.append(
            f"Frechet distances of {len(clips)} clips are biased upwards: compare them at one number of clips."
        )
    if "av_align" in found:
        notes.append(
            "AV-Align hardly tells true from shuffled pairs on real footage; the row “shuffled” shows it here."
        )
    return Evaluation(figures, found, tuple(notes), len(clips))


def _titles(needed: Needed) -> str:
    return ", ".join(metric(key).title for key in needed.metrics)


def _possible(clips: Sequence[Clip], groups: Sequence[str], notes: list[str]) -> set[str]:
    """The groups whose data some clip has; why the others are left out goes into the notes."""
    has = {
        "picture": any(clip.picture for clip in clips),
        "reference": any(clip.reference for clip in clips),
        "caption": any(clip.caption for clip in clips),
        "onsets": any(clip.onsets_s is not None for clip in clips),
    }
    words = {"picture": "movies", "reference": "true sounds", "caption": "captions", "onsets": "labelled onsets"}
    chosen = set()
    for group in groups:
        lacking = {need for m in METRICS if m.group == group for need in m.needs if not has[need]}
        if lacking:
            titles = ", ".join(m.title for m in METRICS if m.group == group)
            notes.append(f"{titles} left out: the clips have no {' and no '.join(words[need] for need in lacking)}.")
        else:
            chosen.add(group)
    return chosen


def _baselines(clips: Sequence[Clip]) -> list[MadeSet]:
    true = {clip.name: clip.reference for clip in clips if clip.reference is not None}
    if not true:
        return []
    sets = [MadeSet(TRUE_SOUND, true)]
    if len(true) > 1:
        names = list(true)
        sets.append(MadeSet(SHUFFLED, {name: true[names[i - 1]] for i, name in enumerate(names)}))
    return sets


def _look(clip: Clip, chosen: set[str], tools: _Tools) -> _Seen:
    seen = _Seen()
    if clip.picture is None:
        return seen
    if "flow" in chosen:
        frames = tile_frames(
            clip.picture, rate=sync.RATE, width=sync.TILE_WIDTH, height=sync.TILE_HEIGHT, longest_s=_LONGEST_S
        )
        seen.motion = sync.tile_motion(frames)
    if "av_align" in chosen:
        native, seen.rate = native_frames(clip.picture, longest_s=_LONGEST_S)
        seen.curve = flow_curve(native)
    if "cavp" in chosen:
        seen.cavp = tools.get("cavp").picture(clip.picture, longest_s=_LONGEST_S)
    return seen


def _listen(path: Path, clip: Clip, seen: _Seen, chosen: set[str], tools: _Tools) -> _Heard:
    sound = read_sound(path, rate=ONSET_RATE)[: round(_LONGEST_S * ONSET_RATE)]
    heard = _Heard()
    values = heard.values

    def at(rate: int) -> Samples:
        return sound if rate == ONSET_RATE else soxr.resample(sound, ONSET_RATE, rate, quality="HQ").astype(np.float32)

    low = at(LOW_RATE) if chosen & {"fad", "fd", "kl", "is", "cavp"} else sound
    with torch.no_grad():
        if "fad" in chosen:
            heard.vggish = tools.get("vggish")(vggish_examples(low)).double().numpy()
        if chosen & {"fd", "kl", "is"}:
            # The network halves time five times.
            padded = np.pad(low, (0, max(0, LOW_RATE - len(low))))
            embedding, logits = tools.get("panns")(panns_mel(padded))
            heard.embedding, heard.logits = embedding[0].double().numpy(), logits[0].double().numpy()
        if seen.cavp is not None:
            features = tools.get("cavp").sound(cavp_mel(np.pad(low, (0, max(0, LOW_RATE - len(low))))))
            n = min(len(features), len(seen.cavp))
            if n:
                values["cavp"] = float(cosine(features[:n], seen.cavp[:n]).mean())
    if chosen & {"clap", "pam"}:
        _words(heard, clip, at(tools.get("clap").sample_rate), chosen, tools)
    strength = onset_strength(at(STRENGTH_RATE)) if seen.motion is not None else None
    if seen.motion is not None and strength is not None:
        # Only as long as both last: silence after a sound, or a held picture, is not evidence.
        n = min(len(seen.motion), int(len(sound) / ONSET_RATE * sync.RATE))
        flow = sync.tile_flow(seen.motion[:n], strength)
        if flow is not None:
            values["flow_r"], values["flow_z"], heard.curve = flow.correlation, flow.z, flow.curve
    if seen.curve is not None:
        aligned = av_align(seen.curve, at(STRENGTH_RATE), rate=seen.rate)
        if aligned is not None:
            values["av_align"] = aligned
    if "onsets" in chosen and clip.onsets_s is not None:
        timing = sync.onset_timing(
            find_onsets(sound).tolist(), clip.onsets_s, length_s=max(len(sound) / ONSET_RATE, *clip.onsets_s, 0.0)
        )
        pairs = {
            "onset_f1": timing.f1,
            "onset_chance": timing.chance_f1,
            "onset_error_ms": timing.error_ms,
            "onset_bias_ms": timing.bias_ms,
        }
        values |= {key: value for key, value in pairs.items() if value is not None}
        heard.errors_ms = list(timing.errors_ms)
    return heard


def _words(heard: _Heard, clip: Clip, sound: Samples, chosen: set[str], tools: _Tools) -> None:
    from otio_v2a_engine.evaluation.clap import PAM_SENTENCES, pam_score

    clap = tools.get("clap")
    embedding = clap.sounds([sound])
    if "clap" in chosen and clip.caption:
        heard.values["clap"] = float(cosine(embedding, clap.texts([clip.caption]))[0])
    if "pam" in chosen:
        heard.values["pam"] = float(pam_score(embedding, clap.texts(PAM_SENTENCES), scale=clap.scale)[0])


def _figures(name: str, heard: Mapping[str, _Heard], true: Mapping[str, _Heard], chosen: set[str]) -> SystemFigures:
    figures: dict[str, Figure] = {}
    paired = [clip for clip in heard if clip in true]
    if "kl" in chosen:
        for clip in paired:
            row = kl_divergence(softmax(true[clip].logits)[None], softmax(heard[clip].logits)[None])  # type: ignore[arg-type]
            heard[clip].values["kl"] = float(row[0])
    for key, part in (("fad", "vggish"), ("fd", "embedding")):
        if key in chosen:
            figures[key] = _frechet(
                [getattr(h, part) for h in heard.values()], [getattr(t, part) for t in true.values()]
            )
    if "is" in chosen and heard:
        rows = np.stack([h.logits for h in heard.values() if h.logits is not None])
        figures["is"] = Figure(inception_score(softmax(rows)), len(rows))
    for m in METRICS:
        if m.per_clip and m.group in chosen:
            each = [h.values[m.key] for h in heard.values() if m.key in h.values]
            error = float(np.std(each, ddof=1) / math.sqrt(len(each))) if len(each) > 1 else None
            figures[m.key] = Figure(float(np.mean(each)) if each else None, len(each), error)
    curves = [h.curve for h in heard.values() if h.curve is not None]
    length = min((len(curve) for curve in curves), default=0)
    # Around zero: shifts of half the shortest clip either way.
    mean = (
        np.mean([np.r_[curve[len(curve) - length // 2 :], curve[: length - length // 2]] for curve in curves], axis=0)
        if length
        else []
    )
    return SystemFigures(
        name=name,
        figures=figures,
        clips={clip: dict(h.values) for clip, h in heard.items()},
        shift_curve=tuple(float(value) for value in mean),
        onset_errors_ms=tuple(error for h in heard.values() for error in h.errors_ms),
    )


def _frechet(made: Sequence[Floats | None], true: Sequence[Floats | None]) -> Figure:
    a = np.concatenate([np.atleast_2d(rows) for rows in made if rows is not None and len(rows)] or [np.zeros((0, 1))])
    b = np.concatenate([np.atleast_2d(rows) for rows in true if rows is not None and len(rows)] or [np.zeros((0, 1))])
    if len(a) < 2 or len(b) < 2:
        return Figure(None, len(a))
    return Figure(frechet_distance(gaussian_of(a), gaussian_of(b)), len(a))
