"""What is measured of dialogue: whether it is what was asked for, in time with the mouths, and apart from the effects.

Every measure renders as a user would (`measures.render`).
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from otio_v2a_engine.contract import PromptSpec, Role
from otio_v2a_engine.pipelines.small import SmallEngine
from otio_v2a_engine.simulate.bank import Bank
from otio_v2a_engine.simulate.scene import Scene, make_scene
from otio_v2a_engine.simulate.vocabulary import KINDS
from otio_v2a_engine.training import checkpoint
from otio_v2a_engine.training.measures import power, render, request_for
from otio_v2a_engine.training.probe import train_probe

__all__ = ["dialogue", "voices"]

_SEED = 999_996
_TOKEN = 4  # of the 10 ms of `power`: speech is compared by 40 ms
_ROLES = (Role.FX, Role.DX)


def voices(engine: SmallEngine, *, bank: Bank, each: int, folder: Path) -> dict[str, Any]:
    """Whether rendered dialogue passes for the kind of voice that was asked for, in scenes in which somebody talks."""
    probe, truth = train_probe(bank, role=Role.DX)
    said: list[str] = []
    asked: list[str] = []
    for index, name in enumerate(probe.names):
        for example in range(each):
            scene = make_scene(checkpoint.rng_for(_SEED, 8, index, example), bank=bank, seconds=6.0, roles=_ROLES)
            captions = KINDS[name].captions
            prompt = PromptSpec(text=captions[example % len(captions)], role=Role.DX)
            said += probe.likeliest([render(engine, request_for(folder / "kind.mp4", scene, prompt, example))])
            asked.append(name)
    right = np.array([a == b for a, b in zip(said, asked, strict=True)])
    return {
        "classes": len(probe.names),
        "renders": len(asked),
        "kind": round(float(right.mean()), 3),
        "probe_on_true_stems": truth["kind"],
        "by_kind": {name: round(float(right[[a == name for a in asked]].mean()), 2) for name in probe.names},
    }


def _talking(bank: Bank, n_scenes: int) -> list[Scene]:
    """Scenes in which a mouth is seen to speak, and something else happens or not."""
    found: list[Scene] = []
    number = 0
    while len(found) < n_scenes:
        scene = make_scene(checkpoint.rng_for(_SEED, 9, number), bank=bank, seconds=8.0, roles=_ROLES)
        if len(scene.syllables) > 8 and not scene.cuts_s:
            found.append(scene)
        number += 1
    return found


def _loudness(sound: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Level of each 40 ms in dB above -60 dBFS, `(n,)`."""
    ticks = power(sound)
    tokens = ticks[: len(ticks) // _TOKEN * _TOKEN].reshape(-1, _TOKEN).mean(1)
    level: npt.NDArray[np.float64] = (10 * np.log10(tokens + 1e-12) + 60).clip(0)
    return level


def _likeness(made: npt.NDArray[np.float64], true: npt.NDArray[np.float64]) -> float:
    """Correlation of two levels; 0 where one never changes."""
    if made.std() < 1e-6 or true.std() < 1e-6:
        return 0.0
    return float(np.corrcoef(made, true)[0, 1])


def dialogue(engine: SmallEngine, *, bank: Bank, n_scenes: int, folder: Path) -> dict[str, Any]:
    """Whether speech follows the mouths that are seen, and stays out of the effects.

    Its level by 40 ms is compared with the true one's, seen and from a still picture. Dialogue in effects: the power
    of the rendered effects where the true ones are silent and somebody speaks, against the true speech there.
    """
    seen, withheld, by_picture, into_fx = [], [], [], []
    for number, scene in enumerate(_talking(bank, n_scenes)):
        true = _loudness(scene.stems[Role.DX])
        prompt = PromptSpec(text=scene.captions[Role.DX], role=Role.DX)
        path = folder / "talk.mp4"
        request = request_for(path, scene, prompt, number)
        seen.append(_likeness(_loudness(render(engine, request)), true))
        by_picture.append(_likeness(_loudness(render(engine, replace(request, prompt=PromptSpec(role=Role.DX)))), true))
        effects = PromptSpec(text=scene.captions[Role.FX])
        heard, voice = power(render(engine, replace(request, prompt=effects))), power(scene.stems[Role.DX])
        still = replace(scene, frames=np.repeat(scene.frames[:1], len(scene.frames), axis=0))
        withheld.append(_likeness(_loudness(render(engine, request_for(path, still, prompt, number))), true))
        alone = (power(scene.stems[Role.FX]) < 1e-7) & (voice > 0.01 * voice.max())
        if alone.sum() >= 20:
            into_fx.append(10 * float(np.log10((heard[alone].mean() + 1e-12) / voice[alone].mean())))
    return {
        "scenes": len(seen),
        "level_correlation": round(float(np.median(seen)), 2),
        "level_correlation_without_prompt": round(float(np.median(by_picture)), 2),
        "level_correlation_picture_withheld": round(float(np.median(withheld)), 2),
        "dialogue_in_effects_db": round(float(np.median(into_fx)), 1),
    }
