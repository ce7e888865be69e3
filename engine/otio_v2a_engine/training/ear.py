"""Trains the ear: sounds of known captions to their places in the space of sentence embeddings.

    draw -> features.npz (kept) -> train -> measure on recordings and seeds apart -> ear.safetensors, ear.json

The ear hears stems, recordings, ambiences, mixes of two, in rooms, dull, through the codec and vocoder of the engine;
what it says of other sounds follows from where sentences lie. Recordings of `Bank.held_out` are never drawn.
"""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from otio_v2a_engine.conditioning import SentenceEncoder
from otio_v2a_engine.models.ear import EarNetwork, features
from otio_v2a_engine.models.mel import SAMPLE_RATE, log_mel
from otio_v2a_engine.pipelines.small import SmallEngine
from otio_v2a_engine.simulate import synth
from otio_v2a_engine.simulate.bank import Bank
from otio_v2a_engine.simulate.scene import sound_of
from otio_v2a_engine.simulate.sounds import available, hit_source, one_stretch
from otio_v2a_engine.simulate.vocabulary import AMBIENCES, EFFECT_NAMES, KINDS
from otio_v2a_engine.training import checkpoint
from otio_v2a_engine.training.packing import write_weights

__all__ = ["Drawn", "EarRun", "Example", "draw", "draw_one", "ear_of", "train"]

_log = logging.getLogger(__name__)

Samples = npt.NDArray[np.float32]
Rng = np.random.Generator

_PLACES = tuple(kind.name for kind in AMBIENCES)
_SILENT = 1e-3
_FRAMES = ("the sound of {}", "{}, close up", "{} in the distance", "a recording of {}", "{} outside at night")
_TEXT_HEAT, _HEAT = 0.07, 0.05
"""How sharply captions near the true one count as true as well, and how sharply the ear must choose."""


@dataclass(frozen=True)
class EarRun:
    """Settings of one training.

    Attributes:
        each: sounds a kind, beside as many mixes of two in all as a quarter of them.
        coded: share of sounds that pass codec and vocoder.
        epochs: over everything drawn.
        hidden: width of the network.
        seed: of sounds and network.
    """

    each: int = 140
    coded: float = 0.2
    epochs: int = 60
    hidden: int = 224
    seed: int = 11


@dataclass(frozen=True)
class Example:
    """A sound that people have words for.

    Attributes:
        kinds: one, or two that are mixed.
        caption: what a user would ask for.
        sound: `(n,)` at 48 kHz.
    """

    kinds: tuple[str, ...]
    caption: str
    sound: Samples


@dataclass(frozen=True)
class Drawn:
    """Many of them, as far as training needs them: features `(N, FEATURES)`, and the words."""

    features: npt.NDArray[np.float32]
    kinds: tuple[tuple[str, ...], ...]
    captions: tuple[str, ...]


def draw_one(rng: Rng, name: str, *, bank: Bank) -> tuple[Samples, str]:
    """A sound of a kind at any length from 2 to 8 s, and a caption of it."""
    seconds = float(rng.integers(50, 200)) / 25  # whole tokens: lengths that transforms like
    kind = KINDS[name]
    caption = str(rng.choice(kind.captions))
    if name in _PLACES:
        return one_stretch(name, round(seconds * SAMPLE_RATE), bank, rng), caption
    if not kind.label_captions or rng.random() < 0.3:
        return sound_of(rng, name, bank=bank, seconds=seconds), caption
    # A recording's own label says more than its kind: crow, cow.
    play, label = hit_source(name, bank, rng)
    out = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
    for _ in range(int(rng.integers(1, 5))):
        hit = play(float(rng.uniform(0.4, 1.0)))
        start = int(rng.integers(0, max(1, len(out) - SAMPLE_RATE)))
        out[start : start + len(hit)] += 0.5 * hit[: len(out) - start]
    return out, label.removeprefix("misc: ") or caption


def draw(rng: Rng, names: Sequence[str], *, bank: Bank, engine: SmallEngine | None, coded: float) -> Example | None:
    """One of the kinds, or the mix of two; None when it came out silent.

    Args:
        rng: all randomness.
        names: one or two kinds.
        bank: recordings.
        engine: whose codec and vocoder the sound may pass; None for never.
        coded: how often it does.
    """
    parts = [draw_one(rng, name, bank=bank) for name in names]
    n = min(len(sound) for sound, _ in parts)
    out = np.zeros(n, np.float32)
    for sound, _ in parts:
        peak = float(np.abs(sound[:n]).max())
        if peak < _SILENT:
            return None
        out += sound[:n] / peak * 10 ** (rng.uniform(-8, 0) / 20)
    if rng.random() < 0.3:
        out = synth.room(out, rng, seconds=rng.uniform(0.2, 1.5), level=rng.uniform(0.1, 0.7))
    if rng.random() < 0.12:
        out = _dull(out, hz=float(rng.choice((7200, 10000, 14000))))
    out *= 10 ** (rng.uniform(-36, -1) / 20) / max(float(np.abs(out).max()), 1e-6)
    if rng.random() < 0.15:
        floor = 10 ** (rng.uniform(-75, -50) / 20)
        out = out + (floor * rng.standard_normal(len(out))).astype(np.float32)
    if engine is not None and rng.random() < coded:
        whole = out[: len(out) // 1920 * 1920]
        out = engine.rebuild(log_mel(whole), coded=True)
    return Example(tuple(names), " and ".join(caption for _, caption in parts), out.astype(np.float32))


def _dull(sound: Samples, *, hz: float) -> Samples:
    """What an engine of a lower sample rate leaves of a sound."""
    spectrum = np.fft.rfft(sound)
    spectrum[np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE) > hz] = 0
    low: Samples = np.fft.irfft(spectrum, len(sound)).astype(np.float32)
    return low


def _plan(run: EarRun, bank: Bank) -> list[tuple[str, ...]]:
    """The kinds of every sound of a run."""
    effects, places = available(EFFECT_NAMES, bank), available(_PLACES, bank)
    single: list[tuple[str, ...]] = [(name,) for name in (*effects, *places) for _ in range(run.each)]
    rng = checkpoint.rng_for(run.seed, 0)
    mixes: list[tuple[str, ...]] = []
    while len(mixes) < len(single) // 4:
        among = effects if rng.random() < 0.8 else places
        a, b = rng.choice(among, 2, replace=False)
        mixes.append((str(a), str(b)))
    return single + mixes


def _drawn(run: EarRun, *, folder: Path, bank: Bank) -> Drawn:
    """What a run learns from; kept in `folder`, for another network on the same sounds."""
    path = folder / f"features-{run.seed}-{run.each}-{run.coded:g}.npz"
    if not path.exists():
        engine = SmallEngine() if run.coded else None
        rows, kinds, captions = [], [], []
        plan = _plan(run, bank)
        for number, names in enumerate(plan):
            rng = checkpoint.rng_for(run.seed, 1, number)
            example = draw(rng, names, bank=bank, engine=engine, coded=run.coded)
            if example is not None:
                rows.append(features(example.sound))
                kinds.append("+".join(example.kinds))
                captions.append(example.caption)
            if number % 250 == 0:
                _log.info("%d of %d sounds", number, len(plan))
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "features.partial").open("wb") as file:
            np.savez(file, features=np.stack(rows), kinds=np.array(kinds), captions=np.array(captions))
        os.replace(folder / "features.partial", path)
    with np.load(path) as data:
        return Drawn(
            data["features"],
            tuple(tuple(str(text).split("+")) for text in data["kinds"]),
            tuple(str(text) for text in data["captions"]),
        )


def ear_of(run: EarRun, drawn: Drawn, encoder: SentenceEncoder) -> EarNetwork:
    """Train a network on what was drawn."""
    torch.manual_seed(run.seed)
    names = sorted({name for kinds in drawn.kinds for name in kinds})
    captions = sorted({*(c for name in names for c in KINDS[name].captions), *_singles(drawn)})
    table = encoder.embed(captions)
    place = {caption: index for index, caption in enumerate(captions)}
    own = {name: table[[place[c] for c in KINDS[name].captions]] for name in names}
    like = {name: (own[name] @ table.T).amax(0) for name in names}
    wanted, vectors = [], []
    for kinds, caption in zip(drawn.kinds, drawn.captions, strict=True):
        near = torch.stack([like[name] for name in kinds])
        if len(kinds) == 1 and caption in place:
            near = torch.maximum(near, (0.5 * near + 0.5 * table[place[caption]] @ table.T))
            if caption not in KINDS[kinds[0]].captions:
                near = near * 0.6 + 0.4 * (table[place[caption]] @ table.T)
        wanted.append((near / _TEXT_HEAT).softmax(1).mean(0))
        mean = torch.stack([own[name].mean(0) for name in kinds]).mean(0)
        said = encoder.embed([caption])[0]
        vectors.append(F.normalize(0.5 * mean + 0.5 * said, dim=0))
    x, target, goal = torch.from_numpy(drawn.features), torch.stack(wanted), torch.stack(vectors)
    network = EarNetwork(hidden=run.hidden)
    network.mean, network.scale = x.mean(0), x.std(0).clamp_min(0.05)
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.02)
    steps, step = run.epochs * -(-len(x) // 128), 0
    for _ in range(run.epochs):
        for batch in torch.split(torch.randperm(len(x)), 128):
            for group in optimizer.param_groups:
                group["lr"] = 2e-3 * min(1.0, (step + 1) / 100) * max(0.02, 1 - step / steps)
            z = network(x[batch])
            choice = F.cross_entropy(z @ table.T / _HEAT, target[batch])
            loss = choice + 2 * (1 - (z * goal[batch]).sum(1)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
    return network.eval()


def _singles(drawn: Drawn) -> set[str]:
    """Captions of sounds that are no mix: labels of recordings among them."""
    return {caption for kinds, caption in zip(drawn.kinds, drawn.captions, strict=True) if len(kinds) == 1}


@torch.no_grad()
def _usual(network: EarNetwork, drawn: Drawn) -> tuple[tuple[str, ...], Tensor]:
    """Names of kinds and where their sounds usually lie `(K, 384)`, norm 1."""
    z = network(torch.from_numpy(drawn.features))
    names = sorted({kinds[0] for kinds in drawn.kinds if len(kinds) == 1})
    rows = [F.normalize(z[[kinds == (name,) for kinds in drawn.kinds]].mean(0), dim=0) for name in names]
    return tuple(names), torch.stack(rows)


def train(run: EarRun, *, folder: Path, bank: Bank, to: Path) -> dict[str, Any]:
    """Draw, train, measure, and write `ear.safetensors` and `ear.json` into `to`. Returns the note."""
    from otio_v2a_engine.training.ear_measures import measure

    drawn = _drawn(run, folder=folder, bank=bank.without_held_out())
    encoder = SentenceEncoder()
    network = ear_of(run, drawn, encoder)
    kinds, usual = _usual(network, drawn)
    # What ships is what is measured: rounded to half precision first.
    network.load_state_dict({key: value.half().float() for key, value in network.state_dict().items()})
    usual = usual.half().float()
    calibration, figures = measure(network, usual, bank=bank, encoder=encoder, folder=folder)
    tensors = {f"network/{key}": value for key, value in network.state_dict().items()} | {"usual": usual}
    sounds = "" if bank.root is None else " --sounds SOUNDS"
    note: dict[str, Any] = {
        "licence": "Apache-2.0",
        "credits": "ATTRIBUTION.md (the same recordings as the engine small)",
        "config": {"hidden": run.hidden},
        "calibration": calibration,
        "training": {
            "commands": [
                f"python -m otio_v2a_engine.training --runs RUNS{sounds} ear --each {run.each} --epochs {run.epochs} "
                f"--seed {run.seed} --to TO"
            ],
            "seed": run.seed,
            "sounds": len(drawn.kinds),
            "kinds": list(kinds),
        },
        "figures": figures,
    }
    return write_weights("ear", {key: value.half() for key, value in tensors.items()}, note=note, folder=to)
