"""What is measured of rendered scenes beside timing: kinds, leakage between stems, negative prompts. Trains nothing.

Every measure renders as a user would: a movie file, a prompt, `SmallEngine.render`.
"""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from otio_v2a_engine.contract import Picture, Progress, PromptSpec, RenderRequest, Role
from otio_v2a_engine.models.mel import HOP, SAMPLE_RATE, log_mel
from otio_v2a_engine.pipelines.small import SmallEngine
from otio_v2a_engine.simulate.bank import Bank
from otio_v2a_engine.simulate.scene import Scene, make_scene
from otio_v2a_engine.simulate.vocabulary import KINDS
from otio_v2a_engine.training import checkpoint
from otio_v2a_engine.training.probe import families_of, train_probe

__all__ = [
    "kinds", "leakage", "level_db", "negative", "power", "render", "request_for", "spectrum_error_db",
    "write_movie",
]  # fmt: skip

_RATE = 25  # frames a second of the written movies
_SEED = 999_998
_TOLERATED = 5  # of the 10 ms of `power`: how early an event may sound
_PAIRS = (
    ("steps_hard", "glass"), ("metal", "dog"), ("drum", "splash"), ("wood", "gunshot"), ("clap", "bell"),
    ("steps_gravel", "door"), ("snare", "explosion"), ("stone", "bird_call"), ("rubber", "cymbal"), ("punch", "glass"),
)  # fmt: skip

Sound = npt.NDArray[np.float32]


def write_movie(path: Path, frames: npt.NDArray[np.uint8], *, rate: int = _RATE) -> None:
    """Write `(T, H, W, 3)` RGB frames as an H.264 movie of good quality."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "14", "preset": "ultrafast"})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))


def request_for(path: Path, scene: Scene, prompt: PromptSpec, seed: int) -> RenderRequest:
    """Write a scene's movie and ask for its sound, mono."""
    write_movie(path, scene.frames)
    cuts = tuple(Fraction(cut).limit_denominator(1000) for cut in scene.cuts_s)
    n_samples = round(len(scene.frames) / _RATE * SAMPLE_RATE)
    return RenderRequest(
        picture=Picture(str(path), cuts_s=cuts), prompt=prompt, n_samples=n_samples, channels=1, seed=seed
    )


def render(engine: SmallEngine, request: RenderRequest) -> Sound:
    """The samples of a mono request, `(n,)`."""

    def quiet(_: Progress) -> None: ...

    samples: Sound = engine.render(request, on_progress=quiet, cancelled=lambda: False).samples[0]
    return samples


def level_db(sound: Sound) -> float:
    """RMS level in dBFS."""
    return float(20 * np.log10(np.sqrt(np.mean(sound**2)) + 1e-9))


def kinds(engine: SmallEngine, *, bank: Bank, each: int, folder: Path) -> dict[str, Any]:
    """Whether a rendered sound passes for its kind: scenes of one act, asked for by a caption of it."""
    probe, truth = train_probe(bank)
    said: list[str] = []
    asked: list[str] = []
    for index, name in enumerate(probe.names):
        for example in range(each):
            scene = make_scene(checkpoint.rng_for(_SEED, index, example), bank=bank, seconds=6.0, only=(name,))
            caption = KINDS[name].captions[example % len(KINDS[name].captions)]
            text = scene.captions[Role.FX] if KINDS[name].label_captions else caption
            request = request_for(folder / "kind.mp4", scene, PromptSpec(text=text), example)
            said += probe.likeliest([render(engine, request)])
            asked.append(name)
    right = np.array([a == b for a, b in zip(said, asked, strict=True)])
    family = np.array([a == b for a, b in zip(families_of(said), families_of(asked), strict=True)])
    by_kind = {name: round(float(right[[a == name for a in asked]].mean()), 2) for name in probe.names}
    return {
        "classes": len(probe.names),
        "renders": len(asked),
        "kind": round(float(right.mean()), 3),
        "family": round(float(family.mean()), 3),
        "kinds_at_85": sum(share >= 0.85 for share in by_kind.values()),
        "probe_on_true_stems": truth,
        "by_kind": by_kind,
        "confused": sorted({f"{a} as {b}" for a, b in zip(asked, said, strict=True) if a != b}),
    }


def power(sound: Sound) -> npt.NDArray[np.float64]:
    """Mean power of each 10 ms, `(n // 480,)`."""
    n = len(sound) // HOP
    ticks: npt.NDArray[np.float64] = (sound[: n * HOP].astype(np.float64) ** 2).reshape(n, HOP).mean(1)
    return ticks


def _at_events_db(pairs: Sequence[tuple[Sound, Sound]]) -> float:
    """How much of the effects is heard in another stem, over pairs of that stem and the true effects, in dB.

    It is what the stem has more at the true events than on the whole, against the true effects there: what it does by
    itself at those instants, up or down, is no leakage and cancels out.
    """
    more, there = [], []
    for made, true in pairs:
        heard, effects = power(made), power(true)
        loud = effects > 0.1 * effects.max()
        if loud.any() and not loud.all():
            more.append(heard[loud].mean() - heard.mean())
            there.append(effects[loud].mean())
    return round(10 * float(np.log10(max(np.sum(more), 1e-12) / np.sum(there))), 1)


def leakage(engine: SmallEngine, scenes: Sequence[Scene], folder: Path) -> dict[str, float]:
    """How much of one stem is heard in the other, in dB.

    The background in the effects: the power of the rendered effects where the true ones are silent (below -70 dBFS),
    against the true background; the median over scenes with events. What sounds within the 50 ms before an event that
    sync allows is that event, early, and counts apart: `with_early_events`. The effects in the background:
    `_at_events_db`.
    """
    into_fx: list[float] = []
    with_early: list[float] = []
    pairs = []
    for number, scene in enumerate(scenes):
        if not scene.events:
            continue
        true_fx, true_amb = power(scene.stems[Role.FX]), power(scene.stems[Role.AMB])
        path = folder / "leak.mp4"
        fx = power(render(engine, request_for(path, scene, PromptSpec(text=scene.captions[Role.FX]), number)))
        wanted = PromptSpec(text=scene.captions[Role.AMB], role=Role.AMB)
        pairs.append((render(engine, request_for(path, scene, wanted, number)), scene.stems[Role.FX]))
        silent = true_fx < 1e-7
        early = np.zeros(len(silent), bool)
        for event in scene.events:
            early[max(0, event.sample // HOP - _TOLERATED) : event.sample // HOP + 1] = True
        for found, where in ((into_fx, silent & ~early), (with_early, silent)):
            if where.sum() >= 20:
                found.append(10 * float(np.log10((fx[where].mean() + 1e-12) / (true_amb.mean() + 1e-12))))
    return {
        "scenes": float(len(pairs)),
        "background_in_effects_db": round(float(np.median(into_fx)), 1),
        "with_early_events_db": round(float(np.median(with_early)), 1),
        "effects_in_background_db": _at_events_db(pairs),
    }


def negative(engine: SmallEngine, *, bank: Bank, each: int, folder: Path) -> dict[str, Any]:
    """How far a prompt and a negative prompt lower what they leave out: scenes of two acts, and a render of both.

    Three renders are compared with it: one that asks for the first alone, one that asks for both and forbids the
    second, one that does both. Measured on the 120 ms after those events of the second that are 200 ms away from any
    of the first, and beside it on the events of the one that stays; medians.
    """
    changes: dict[str, dict[str, list[float]]] = {
        way: {"lowered": [], "kept": []} for way in ("not_asked_for", "forbidden", "both_ways")
    }
    for index, pair in enumerate(_PAIRS):
        for example in range(each):
            scene = make_scene(checkpoint.rng_for(_SEED + 1, index, example), bank=bank, seconds=8.0, only=pair)
            times = {name: [e.sample // HOP for e in scene.events if e.kind == name] for name in pair}
            first, second = (KINDS[name].captions[0] for name in pair)
            prompt = PromptSpec(text=f"{first} and {second}")
            request = request_for(folder / "no.mp4", scene, prompt, example)
            whole = power(render(engine, request))
            prompts = {
                "not_asked_for": PromptSpec(text=first),
                "forbidden": replace(prompt, negative_text=second),
                "both_ways": PromptSpec(text=first, negative_text=second),
            }
            for way, asked in prompts.items():
                made = power(render(engine, replace(request, prompt=asked)))
                for name, other, what in ((*pair, "kept"), (*pair[::-1], "lowered")):
                    alone = [t for t in times[name] if all(abs(t - away) > 20 for away in times[other])]
                    before, after = (
                        np.array([ticks[t : t + 12].sum() for t in alone if t + 12 <= len(ticks)])
                        for ticks in (whole, made)
                    )
                    if len(before) and before.mean() > 1e-6:
                        change = 10 * float(np.log10((after.mean() + 1e-9) / (before.mean() + 1e-9)))
                        changes[way][what].append(change)
    return {
        "scenes": len(changes["forbidden"]["lowered"]),
        **{
            way: {what: round(float(np.median(each_)), 1) for what, each_ in found.items()}
            for way, found in changes.items()
        },
    }


def spectrum_error_db(made: Sound, true: Sound) -> float:
    """Mean difference of the two sounds' mean log-mel spectra."""
    return 20 * float(np.abs(log_mel(made).mean(0) - log_mel(true).mean(0)).mean())
