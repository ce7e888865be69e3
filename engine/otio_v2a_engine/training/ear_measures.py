"""What the ear is worth: recordings, seeds and words that it has not learned from, against chance. Trains nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from otio_v2a_engine.conditioning import SentenceEncoder
from otio_v2a_engine.models.ear import EarNetwork, features, standing
from otio_v2a_engine.models.mel import SAMPLE_RATE, log_mel
from otio_v2a_engine.pipelines.small import SmallEngine
from otio_v2a_engine.simulate.bank import Bank
from otio_v2a_engine.simulate.scene import sound_of
from otio_v2a_engine.simulate.vocabulary import AMBIENCES, EFFECT_NAMES, KINDS, Family
from otio_v2a_engine.training import checkpoint
from otio_v2a_engine.training.probe import families_of

__all__ = ["OTHER_WORDS", "Heard", "auc", "measure"]

Samples = npt.NDArray[np.float32]
_SEED = 777_001
_ALARM = 0.15  # share of fitting sounds that may be called misfits: it costs a render, never the take

OTHER_WORDS: dict[str, str] = {
    "steps_gravel": "someone walks over pebbles", "steps_grass": "feet moving through a meadow",
    "steps_wood": "shoes crossing a timber floor", "steps_hard": "a woman in heels crosses a marble hall",
    "steps_snow": "trudging through deep snow", "steps_sand": "bare feet on a sandy shore",
    "steps_metal": "boots on iron stairs", "steps_water": "somebody wades in a shallow creek",
    "metal": "an iron bar is dropped", "glass": "a wine glass gets tapped", "wood": "hitting a plank with a mallet",
    "stone": "boulders knock together", "plastic": "a bucket made of plastic tumbles",
    "rubber": "dribbling a ball in a gym", "drum": "somebody plays the bongos", "snare": "a rimshot on the snare",
    "cymbal": "a drummer hits the hi-hats", "bell": "the church bell tolls", "punch": "a boxer lands a blow",
    "door": "somebody slams the gate shut", "clap": "a person claps twice", "explosion": "dynamite goes off",
    "gunshot": "a shotgun is fired", "swoosh": "a blade cuts through the air", "click": "fingers press computer keys",
    "splash": "a diver plunges into the pool", "dog": "a hound barks at strangers", "rooster": "a cock crows at dawn",
    "bird_call": "a seabird screeches", "animal": "a beast growls", "sneeze": "achoo, a man sneezes",
    "scrape": "a chair is dragged over the floor", "fire": "logs burn outdoors",
    "pouring": "filling a cup from a jug", "engine": "an automobile idles and drives off",
    "helicopter": "chopper blades overhead", "chainsaw": "a lumberjack saws with a motor saw",
    "applause": "the audience gives an ovation", "stream": "a creek rushes over stones",
    "rustle": "fabric rubs as someone moves", "pluck": "a bard picks his lute", "shaker": "beans in a gourd",
    "hammer": "driving spikes into a beam", "saw": "someone severs a log stroke by stroke",
    "reload": "a soldier chambers a round", "tick": "an old pocket timepiece",
    "drill": "boring into masonry with a machine",
    "rain": "a downpour on the roof", "sea": "breakers roll onto the shore",
    "wind": "a gale howls", "city": "cars and trams downtown", "forest": "songbirds among the trees",
    "cafe": "guests chat in a bistro", "hearth": "a wood stove indoors", "storm": "lightning and thunder overhead",
    "night": "grasshoppers after dusk", "train": "riding in a rail carriage", "boat": "a dinghy rocks at the pier",
    "crowd": "fans cheer at a match", "room": "an empty office with ventilation", "river": "water runs down a brook",
}  # fmt: skip
"""How else people ask for each kind: words that no training caption has; a test holds that."""


@dataclass(frozen=True)
class Heard:
    """Sounds apart: where the ear puts them `(N, 384)`, and of what kind they are."""

    places: Tensor
    kinds: tuple[str, ...]

    def part(self, chosen: Sequence[int]) -> "Heard":
        """Some of them."""
        return Heard(self.places[list(chosen)], tuple(self.kinds[i] for i in chosen))


def auc(right: Tensor, wrong: Tensor) -> float:
    """How often a right pair stands above a wrong one; ties count half."""
    ordered = torch.sort(wrong).values
    below = torch.searchsorted(ordered, right, right=False).double()
    upto = torch.searchsorted(ordered, right, right=True).double()
    return float(((below + upto) / 2 / len(wrong)).mean())


@torch.no_grad()
def measure(
    network: EarNetwork, usual: Tensor, *, bank: Bank, encoder: SentenceEncoder, folder: Path
) -> tuple[dict[str, float], dict[str, Any]]:
    """The calibration, and figures by set of sounds.

    Every second sound of each set calibrates, the others are reported.

    Returns:
        `{"slope", "middle", "misfit"}`: fit = sigmoid(slope * (standing - middle)), a misfit below `misfit`.
        figures of synthesised stems with seeds apart, of recordings apart, and of both through codec and vocoder.
    """
    sets = {name: Heard(network(torch.from_numpy(rows)), kinds) for name, (rows, kinds) in _apart(bank, folder).items()}
    words = _Words(encoder, usual)
    pairs = [words.pairs(heard.part(range(0, len(heard.kinds), 2)), seed=1) for heard in sets.values()]
    right, wrong = torch.cat([pair[0] for pair in pairs]), torch.cat([pair[1] for pair in pairs])
    slope, middle = _logistic(right, wrong)
    fits = torch.sigmoid(slope * (right - middle))
    misfit = round(float(torch.quantile(fits, _ALARM)), 3)
    calibration = {"slope": round(slope, 4), "middle": round(middle, 4), "misfit": misfit}
    figures: dict[str, Any] = {}
    for name, heard in sets.items():
        rest = heard.part(range(1, len(heard.kinds), 2))
        figures[name] = words.figures(rest, calibration)
    return calibration, figures


class _Words:
    """Captions beside sounds."""

    def __init__(self, encoder: SentenceEncoder, usual: Tensor) -> None:
        self._usual = usual
        self._captions = {name: encoder.embed(kind.captions) for name, kind in KINDS.items()}
        self._other = {name: encoder.embed([text])[0] for name, text in OTHER_WORDS.items()}

    def pairs(self, heard: Heard, *, seed: int, only_other: bool = False) -> tuple[Tensor, Tensor]:
        """Standings of fitting and of unfitting pairs, as many each: words of the kind, and of another of its role."""
        rng = checkpoint.rng_for(_SEED, 3, seed)
        right, wrong, places = [], [], []
        for place, name in zip(heard.places, heard.kinds, strict=True):
            among = [kind.name for kind in AMBIENCES] if KINDS[name].family is Family.AMBIENCE else list(EFFECT_NAMES)
            stranger = str(rng.choice([other for other in among if other != name]))
            for learned in (False,) if only_other else (False, True):
                places.append(place)
                right.append(self._say(name, rng, learned=learned))
                wrong.append(self._say(stranger, rng, learned=learned))
        z = torch.stack(places)
        return standing(z, torch.stack(right), self._usual), standing(z, torch.stack(wrong), self._usual)

    def _say(self, name: str, rng: np.random.Generator, *, learned: bool) -> Tensor:
        table = self._captions[name]
        return table[int(rng.integers(len(table)))] if learned else self._other[name]

    def figures(self, heard: Heard, calibration: dict[str, float]) -> dict[str, Any]:
        """Retrieval and separation of a set, and the same of the ear's answers dealt to the wrong sounds."""
        shuffled = Heard(
            heard.places[torch.from_numpy(checkpoint.rng_for(_SEED, 4).permutation(len(heard.kinds)))], heard.kinds
        )
        right, wrong = self.pairs(heard, seed=2, only_other=True)
        low = _standing_of(calibration)
        return {
            "sounds": len(heard.kinds),
            **self._retrieval(heard),
            "auc_learned_words": round(auc(*self._learned(heard)), 3),
            "auc_other_words": round(auc(right, wrong), 3),
            "fitting_called_misfit": round(float((right < low).float().mean()), 3),
            "unfitting_called_misfit": round(float((wrong < low).float().mean()), 3),
            "shuffled": {
                **self._retrieval(shuffled),
                "auc_other_words": round(auc(*self.pairs(shuffled, seed=2, only_other=True)), 3),
            },
        }

    def _learned(self, heard: Heard) -> tuple[Tensor, Tensor]:
        right, wrong = self.pairs(heard, seed=5)
        return right[1::2].contiguous(), wrong[1::2].contiguous()

    def _retrieval(self, heard: Heard) -> dict[str, Any]:
        """Of the effects: the kind of the nearest caption among those of all effects, and its family."""
        known = [i for i, name in enumerate(heard.kinds) if name in EFFECT_NAMES]
        if not known:
            return {}
        near = torch.stack([(heard.places[known] @ self._captions[name].T).amax(1) for name in EFFECT_NAMES], dim=1)
        said, true = [EFFECT_NAMES[int(i)] for i in near.argmax(1)], [heard.kinds[i] for i in known]
        family = [a == b for a, b in zip(families_of(said), families_of(true), strict=True)]
        return {
            "effects": len(known),
            "kind": round(float(np.mean([a == b for a, b in zip(said, true, strict=True)])), 3),
            "family": round(float(np.mean(family)), 3),
        }


def _standing_of(calibration: dict[str, float]) -> float:
    """The standing at which a sound begins to be a misfit."""
    fit = calibration["misfit"]
    return float(calibration["middle"] + np.log(fit / (1 - fit)) / calibration["slope"])


def _logistic(right: Tensor, wrong: Tensor) -> tuple[float, float]:
    """Slope and middle of the curve that tells right from wrong standings, by Newton's method."""
    x = torch.cat([right, wrong]).double()
    y = torch.cat([torch.ones(len(right)), torch.zeros(len(wrong))]).double()
    design = torch.stack([x, torch.ones_like(x)], dim=1)
    weights = torch.zeros(2, dtype=torch.float64)
    for _ in range(50):
        p = torch.sigmoid(design @ weights)
        curve = design.T @ (design * (p * (1 - p))[:, None]) + 1e-6 * torch.eye(2, dtype=torch.float64)
        weights = weights + torch.linalg.solve(curve, design.T @ (y - p))
    return float(weights[0]), float(-weights[1] / weights[0])


def _apart(bank: Bank, folder: Path) -> dict[str, tuple[npt.NDArray[np.float32], tuple[str, ...]]]:
    """Features and kinds of the sounds that are measured: as they are, and as the engine's vocoder has them."""
    path = folder / "apart.npz"
    if not path.exists():
        engine = SmallEngine()
        found: dict[str, list[tuple[str, Samples]]] = {"stems": _stems(), "recordings": _recordings(bank)}
        stored: dict[str, Any] = {}
        for name, sounds in found.items():
            if sounds:
                coded = [engine.rebuild(log_mel(sound[: len(sound) // 1920 * 1920]), coded=True) for _, sound in sounds]
                stored[name] = np.stack([features(sound) for _, sound in sounds])
                stored[f"{name}_vocoded"] = np.stack([features(sound) for sound in coded])
                stored[f"{name}_kinds"] = np.array([kind for kind, _ in sounds])
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(path, **stored)
    with np.load(path) as data:
        return {
            name: (data[name], tuple(str(kind) for kind in data[f"{name.removesuffix('_vocoded')}_kinds"]))
            for name in data.files
            if not name.endswith("_kinds")
        }


def _stems(each: int = 8) -> list[tuple[str, Samples]]:
    """Synthesised stems of seeds that nothing was trained on."""
    found = []
    for index, name in enumerate(name for name in EFFECT_NAMES if KINDS[name].synthesised):
        for example in range(each):
            rng = checkpoint.rng_for(_SEED, 1, index, example)
            sound = sound_of(rng, name, bank=Bank(None), seconds=6.0)
            if np.abs(sound).max() > 1e-3:
                found.append((name, sound))
    return found


def _recordings(bank: Bank, each: int = 4) -> list[tuple[str, Samples]]:
    """Sounds made of nothing but the recordings that are held out."""
    if bank.root is None:
        return []
    apart, only = set(bank.held_out()), Bank(bank.root)
    only.__dict__["recordings"] = {
        name: kept
        for name, rows in bank.recordings.items()
        if (kept := tuple(row for row in rows if bank.root / row.path in apart))
    }
    found = []
    for index, (name, rows) in enumerate(only.recordings.items()):
        for example in range(each * len(rows)):
            rng = checkpoint.rng_for(_SEED, 2, index, example)
            n = 6 * SAMPLE_RATE
            if KINDS[name].family is not Family.HIT:
                found.append((name, only.stretch(name, n, rng)[0]))
                continue
            out = np.zeros(n, np.float32)
            for _ in range(int(rng.integers(1, 5))):
                hit, start = only.hit(name, rng)[0], int(rng.integers(0, n - SAMPLE_RATE))
                out[start : start + len(hit)] += 0.4 * hit[: n - start]
            found.append((name, out))
    return found
