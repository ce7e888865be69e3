"""Trains the detector of speech and music among effects: stems of known kinds, mixed, to whether each is heard.

    stems (16 kHz, kept) -> windows of 3 s, alone and mixed -> pictures (kept) -> train -> measure apart -> bleed.*

Everything is drawn from the simulator and the recordings that the engine `small` learns from; those of
`Bank.held_out` are never drawn, and other seeds are measured.
"""

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soxr
import torch
from safetensors.torch import load, save
from torch import Tensor
from torch.nn import functional as F

from otio_v2a_engine.bleed import OWN_KINDS
from otio_v2a_engine.models.bleed import HEARD, RATE, WINDOW, BleedNetwork, pictures
from otio_v2a_engine.models.mel import SAMPLE_RATE, log_mel
from otio_v2a_engine.pipelines.small import SmallEngine
from otio_v2a_engine.simulate import synth
from otio_v2a_engine.simulate.bank import Bank
from otio_v2a_engine.simulate.scene import sound_of
from otio_v2a_engine.simulate.sounds import available
from otio_v2a_engine.simulate.vocabulary import AMBIENCES, EFFECT_NAMES, MUSIC, VOICES
from otio_v2a_engine.training import checkpoint
from otio_v2a_engine.training.ear import draw_one
from otio_v2a_engine.training.packing import write_weights

__all__ = ["BleedRun", "Stems", "draw_stems", "mixed", "network_of", "train", "windows"]

_log = logging.getLogger(__name__)

Samples = npt.NDArray[np.float32]
Rng = np.random.Generator

_STEM_S = 5
_LOWEST_DB, _HIGHEST_DB = -15.0, 15.0  # speech or music against the rest, both where they sound
_AUDIBLE = 0.03  # of a stem's peak: the window must hold something as loud
_SILENT = 1e-3


@dataclass(frozen=True)
class BleedRun:
    """Settings of one training.

    Attributes:
        each: stems of every kind of effect and ambience.
        others: stems of speech, and as many of music.
        windows: 3 s each, alone and mixed.
        coded: share of effects that pass codec and vocoder of the engine.
        epochs: over all windows.
        seed: of sounds and network.
    """

    each: int = 50
    others: int = 1200
    windows: int = 14000
    coded: float = 0.1
    epochs: int = 6
    seed: int = 21


@dataclass(frozen=True)
class Stems:
    """Sounds of `_STEM_S` seconds at 16 kHz, peak 1, `(N, n)` as int16, and the kind of each."""

    sounds: npt.NDArray[np.int16]
    kinds: tuple[str, ...]

    def of(self, names: Sequence[str]) -> "Stems":
        """Those of some kinds."""
        chosen = [index for index, kind in enumerate(self.kinds) if kind in names]
        return Stems(self.sounds[chosen], tuple(self.kinds[index] for index in chosen))


@dataclass(frozen=True)
class Windows:
    """What the network learns from: pictures of bytes, and for speech and music 1, 0, or -1 where nobody says."""

    mel: npt.NDArray[np.uint8]
    tone: npt.NDArray[np.uint8]
    heard: npt.NDArray[np.float32]


_SPOKEN, _PLAYED = tuple(kind.name for kind in VOICES), tuple(kind.name for kind in MUSIC)
_PLACES = tuple(kind.name for kind in AMBIENCES)


def draw_stems(rng_path: Sequence[int], names: Sequence[str], *, bank: Bank, coded: float = 0.0) -> Stems:
    """A stem of each name, silent ones left out.

    Args:
        rng_path: a seed and what tells this set from others.
        names: kinds, as often as they are wanted.
        bank: recordings.
        coded: how often an effect passes codec and vocoder of the engine.
    """
    engine = SmallEngine() if coded else None
    rows, kinds = [], []
    for number, name in enumerate(names):
        rng = checkpoint.rng_for(*rng_path, number)
        sound = _stem(rng, name, bank=bank)
        if engine is not None and name not in (*_SPOKEN, *_PLAYED) and rng.random() < coded:
            sound = engine.rebuild(log_mel(sound[: len(sound) // 1920 * 1920]), coded=True)
        sound = soxr.resample(sound, SAMPLE_RATE, RATE).astype(np.float32)
        peak = float(np.abs(sound).max(initial=0.0))
        if peak >= _SILENT:
            rows.append(np.resize(np.pad(sound, (0, max(0, _STEM_S * RATE - len(sound)))), _STEM_S * RATE) / peak)
            kinds.append(name)
        if number % 500 == 0:
            _log.info("%d of %d stems", number, len(names))
    return Stems((np.stack(rows) * 32767).astype(np.int16), tuple(kinds))


def _stem(rng: Rng, name: str, *, bank: Bank) -> Samples:
    if name in (*_SPOKEN, *_PLAYED):
        sound = sound_of(rng, name, bank=bank, seconds=float(_STEM_S))
    elif rng.random() < 0.5:
        sound = draw_one(rng, name, bank=bank)[0]
    else:
        sound = sound_of(rng, name, bank=bank, seconds=float(_STEM_S))
    sound = sound[: _STEM_S * SAMPLE_RATE]
    if rng.random() < 0.4:
        sound = synth.room(sound, rng, seconds=rng.uniform(0.2, 1.6), level=rng.uniform(0.1, 0.7))
    return sound


def _cut(rng: Rng, stem: npt.NDArray[np.int16]) -> Samples:
    """3 s of a stem that have something of it, brought to RMS 0.1 where they sound."""
    sound = stem.astype(np.float32) / 32767
    for _ in range(8):
        start = int(rng.integers(0, len(sound) - WINDOW + 1))
        cut = sound[start : start + WINDOW]
        if float(np.abs(cut).max()) >= 0.2:
            break
    else:
        loudest = int(np.abs(sound).argmax())
        start = int(np.clip(loudest - WINDOW // 2, 0, len(sound) - WINDOW))
        cut = sound[start : start + WINDOW]
    loud = cut[np.abs(cut) > _AUDIBLE * float(np.abs(cut).max())]
    level: Samples = (cut * (0.1 / max(float(np.sqrt(np.mean(loud**2))), 1e-6))).astype(np.float32)
    return level


def mixed(rng: Rng, *, rest: Samples | None, bleed: Sequence[Samples]) -> Samples:
    """Speech or music among effects: levels, a filter, a floor of noise, all drawn; `(n,)` at 16 kHz."""
    out = np.zeros(WINDOW, np.float32) if rest is None else rest.copy()
    for sound in bleed:
        out += sound * np.float32(10 ** (rng.uniform(_LOWEST_DB, _HIGHEST_DB) / 20 if rest is not None else 0))
    return _worn(rng, out)


def _worn(rng: Rng, sound: Samples) -> Samples:
    """As other microphones and engines have it: tilted, dull or thin, with a floor of noise."""
    if rng.random() < 0.6:
        hz = np.maximum(np.fft.rfftfreq(len(sound), 1 / RATE), 20)
        curve = (hz / 1000) ** rng.uniform(-0.5, 0.5)
        if rng.random() < 0.3:
            curve = curve / (1 + (hz / rng.uniform(2500, 7000)) ** 6)
        if rng.random() < 0.2:
            curve = curve / (1 + (rng.uniform(80, 350) / hz) ** 4)
        sound = np.fft.irfft(np.fft.rfft(sound) * curve, len(sound)).astype(np.float32)
    if rng.random() < 0.5:
        floor = float(np.abs(sound).max()) * 10 ** (rng.uniform(-70, -30) / 20)
        noise = rng.standard_normal(len(sound)).astype(np.float32)
        if rng.random() < 0.5:
            noise = np.convolve(noise, np.ones(12, np.float32) / 4, "same").astype(np.float32)
        sound = sound + np.float32(floor) * noise
    return sound


def _recipes(rng: Rng, stems: Stems, count: int) -> Iterator[tuple[tuple[str, ...], Samples]]:
    """Windows as they come: what they hold, by kind, and their sound."""
    effects = stems.of((*EFFECT_NAMES, *_PLACES))
    others = {"speech": stems.of(_SPOKEN), "music": stems.of(_PLAYED)}
    for _ in range(count):
        at = int(rng.integers(len(effects.kinds)))
        kinds, rest = [effects.kinds[at]], _cut(rng, effects.sounds[at])
        if rng.random() < 0.35:
            at = int(rng.integers(len(effects.kinds)))
            kinds.append(effects.kinds[at])
            rest = rest + _cut(rng, effects.sounds[at]) * np.float32(10 ** (rng.uniform(-12, 6) / 20))
        draw = rng.random()
        wanted = ["speech"] * (draw < 0.32) + ["music"] * (0.28 < draw < 0.6)
        bleed = []
        for name in wanted:
            among = others[name]
            at = int(rng.integers(len(among.kinds)))
            bleed.append(_cut(rng, among.sounds[at]))
        alone = bool(wanted) and rng.random() < 0.2
        yield (*wanted, *(() if alone else kinds)), mixed(rng, rest=None if alone else rest, bleed=bleed)


def windows(rng: Rng, stems: Stems, count: int) -> Windows:
    """So many windows of stems, alone and mixed, and what is heard in them."""
    mel, tone, heard = [], [], []
    for holds, sound in _recipes(rng, stems, count):
        seen = pictures(sound)
        mel.append(seen[0])
        tone.append(seen[1])
        heard.append([_label(name, holds) for name in HEARD])
    return Windows(np.stack(mel), np.stack(tone), np.array(heard, np.float32))


def _label(name: str, holds: Sequence[str]) -> float:
    if name in holds:
        return 1.0
    return -1.0 if any(kind in OWN_KINDS[name] for kind in holds) else 0.0


def _plan(run: BleedRun, bank: Bank) -> list[str]:
    rng = checkpoint.rng_for(run.seed, 0)
    effects = [name for name in available((*EFFECT_NAMES, *_PLACES), bank) for _ in range(run.each)]
    spoken = [str(name) for name in rng.choice(_SPOKEN, run.others, p=(0.34, 0.34, 0.14, 0.06, 0.12))]
    return effects + spoken + [str(name) for name in rng.choice(_PLAYED, run.others)]


def drawn(run: BleedRun, *, folder: Path, bank: Bank) -> Windows:
    """What a run learns from; stems and pictures are kept in `folder`, so that a stopped run goes on behind them."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{run.seed}-{run.each}-{run.others}-{run.coded:g}"
    kept, seen = folder / f"stems-{name}.npz", folder / f"pictures-{name}-{run.windows}.npz"
    if not seen.exists():
        if not kept.exists():
            stems = draw_stems((run.seed, 1), _plan(run, bank), bank=bank, coded=run.coded)
            _keep(kept, sounds=stems.sounds, kinds=np.array(stems.kinds))
        with np.load(kept) as data:
            stems = Stems(data["sounds"], tuple(str(kind) for kind in data["kinds"]))
        made = windows(checkpoint.rng_for(run.seed, 2), stems, run.windows)
        _keep(seen, mel=made.mel, tone=made.tone, heard=made.heard)
    with np.load(seen) as data:
        return Windows(data["mel"], data["tone"], data["heard"])


def _keep(path: Path, **arrays: Any) -> None:
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez(file, **arrays)
    os.replace(partial, path)


def network_of(run: BleedRun, data: Windows) -> BleedNetwork:
    """Train a network on what was drawn."""
    torch.manual_seed(run.seed)
    network = BleedNetwork().train()
    mel, tone, heard = torch.from_numpy(data.mel), torch.from_numpy(data.tone), torch.from_numpy(data.heard)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=0.02)
    steps, step = run.epochs * -(-len(mel) // 96), 0
    for epoch in range(run.epochs):
        total = 0.0
        for batch in torch.split(torch.randperm(len(mel)), 96):
            for group in optimizer.param_groups:
                group["lr"] = 3e-3 * min(1.0, (step + 1) / 150) * max(0.01, 1 - step / steps)
            logits = network(*_varied(mel[batch], tone[batch]))
            wanted = heard[batch]
            loss: Tensor = (
                F.binary_cross_entropy_with_logits(
                    logits, wanted.clamp(0.02, 0.98), weight=(wanted >= 0).float(), reduction="sum"
                )
                / (wanted >= 0).sum()
            )
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += float(loss.detach()) * len(batch)
            step += 1
        _log.info("epoch %d: loss %.4f", epoch + 1, total / len(mel))
    return network.eval()


def _varied(mel: Tensor, tone: Tensor) -> tuple[Tensor, Tensor]:
    """Pictures with a band or a stretch of time hidden, voices higher or lower, and tones moved by up to an octave."""
    mel, tone = mel.clone(), tone.clone()
    tone = torch.roll(tone, int(torch.randint(-18, 19, ())), dims=2)
    shift = int(torch.randint(-2, 3, ()))
    mel = torch.roll(mel, shift, dims=2)
    for picture in (mel, tone):
        for dim in (1, 2):
            size = int(torch.randint(0, picture.shape[dim] // 6, ()))
            start = int(torch.randint(0, picture.shape[dim] - size, ()))
            picture.narrow(dim, start, size).zero_()
    return mel, tone


def train(run: BleedRun, *, folder: Path, bank: Bank, to: Path) -> dict[str, Any]:
    """Draw, train, measure, and write `bleed.safetensors` and `bleed.json` into `to`. Returns the note."""
    from otio_v2a_engine.training.bleed_measures import measure

    data = drawn(run, folder=folder, bank=bank.without_held_out())
    kept = folder / f"network-{run.seed}-{run.epochs}-{run.windows}.safetensors"
    if kept.exists():
        network = BleedNetwork().eval()
        network.load_state_dict(load(kept.read_bytes()))
    else:
        network = network_of(run, data)
        kept.write_bytes(save(dict(network.state_dict())))
    # What ships is what is measured: rounded to half precision first.
    learned = {key: value.half() for key, value in network.state_dict().items() if value.is_floating_point()}
    network.load_state_dict(learned)
    calibration, figures = measure(network, bank=bank)
    tensors = {f"network/{key}": value for key, value in learned.items()} | {"calibration": calibration}
    sounds = "" if bank.root is None else " --sounds SOUNDS"
    note: dict[str, Any] = {
        "licence": "Apache-2.0",
        "credits": "ATTRIBUTION.md (the same recordings as the engine small)",
        "training": {
            "commands": [
                f"python -m otio_v2a_engine.training --runs RUNS{sounds} bleed --each {run.each} --others {run.others} "
                f"--windows {run.windows} --epochs {run.epochs} --seed {run.seed} --to TO"
            ],
            "seed": run.seed,
            "windows": len(data.heard),
        },
        "figures": figures,
    }
    return write_weights("bleed", {key: value.half() for key, value in tensors.items()}, note=note, folder=to)
