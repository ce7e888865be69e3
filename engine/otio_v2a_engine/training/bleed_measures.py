"""What the detector of speech and music is worth: seeds and recordings that it has not learned from. Trains nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from otio_v2a_engine.bleed import OWN_KINDS, split
from otio_v2a_engine.models.bleed import HEARD, RATE, BleedNetwork, pictures
from otio_v2a_engine.simulate.bank import Bank
from otio_v2a_engine.simulate.sounds import available
from otio_v2a_engine.simulate.vocabulary import AMBIENCES, EFFECT_NAMES, MUSIC, VOICES
from otio_v2a_engine.training import checkpoint
from otio_v2a_engine.training.bleed import Stems, draw_stems
from otio_v2a_engine.training.ear_measures import auc

__all__ = ["LEVELS_DB", "at_level", "measure"]

Samples = npt.NDArray[np.float32]
_SEED = 777_003
_ALARM = 0.012  # share of clean effects in which speech may be heard wrongly, and as many in which music may
LEVELS_DB = (-15, -10, -5, 0, 5, 10)
"""Speech or music against the effects, RMS where each sounds."""
_EACH, _OTHERS = 12, 160


@dataclass(frozen=True)
class Set:
    """Takes of effects without speech and music: the network's surest answer to each `(N, 2)`, and their kinds."""

    surest: Tensor
    kinds: tuple[str, ...]

    def clean_of(self, name: str) -> Tensor:
        """The answers on one of HEARD to those that are known to be without it."""
        column = HEARD.index(name)
        return self.surest[[kind not in OWN_KINDS[name] for kind in self.kinds], column]

    def part(self, first: int) -> "Set":
        """Every second one."""
        return Set(self.surest[first::2], self.kinds[first::2])


@torch.no_grad()
def surest(network: BleedNetwork, sounds: Sequence[Samples]) -> Tensor:
    """The network's surest answer to each of several sounds at 16 kHz, `(N, 2)`."""
    answers = []
    for sound in sounds:
        seen = [pictures(part) for part in split(sound, RATE)]
        mel, tone = (torch.from_numpy(np.stack([pair[which] for pair in seen])) for which in (0, 1))
        answers.append(network(mel, tone).amax(0))
    return torch.stack(answers)


def at_level(rest: Samples, bleed: Samples, level_db: float) -> Samples:
    """Speech or music among effects so many dB above them, by their RMS where each is loud."""
    n = min(len(rest), len(bleed))
    return rest[:n] / _loud(rest) + bleed[:n] / _loud(bleed) * np.float32(10 ** (level_db / 20))


def _loud(sound: Samples) -> np.float32:
    heard = sound[np.abs(sound) > 0.03 * float(np.abs(sound).max())]
    return np.float32(max(float(np.sqrt(np.mean(heard**2))), 1e-6) * 10)


def _floats(stems: Stems) -> list[Samples]:
    return [sound.astype(np.float32) / 32767 for sound in stems.sounds]


def only_held_out(bank: Bank) -> Bank:
    """The recordings that nothing was trained on, and no others."""
    only = Bank(bank.root)
    apart = set(bank.held_out()) if bank.root is not None else set()
    only.__dict__["recordings"] = {
        name: kept
        for name, rows in bank.recordings.items()
        if bank.root is not None and (kept := tuple(row for row in rows if bank.root / row.path in apart))
    }
    return only


def measure(network: BleedNetwork, *, bank: Bank) -> tuple[Tensor, dict[str, Any]]:
    """The calibration, and figures of sounds apart.

    Every second take of each set calibrates, the others are reported.

    Returns:
        `(2, 2)`: slope and middle for each of HEARD: sure = sigmoid(slope * (logit - middle)).
        figures: false alarms by kind, AUC and share found by level.
    """
    effects = available((*EFFECT_NAMES, *(kind.name for kind in AMBIENCES)), bank)
    sets = {"stems": (effects, bank.without_held_out(), _EACH)}
    if bank.root is not None:
        only = only_held_out(bank)
        sets["recordings"] = ([name for name in only.recordings for _ in only.recordings[name]], only, 6)
    clean, sounds = {}, []
    for number, (title, (names, source, each)) in enumerate(sets.items()):
        stems = draw_stems((_SEED, number), [name for name in names for _ in range(each)], bank=source)
        clean[title] = Set(surest(network, _floats(stems)), stems.kinds)
        sounds += [sound for sound, kind in zip(_floats(stems), stems.kinds, strict=True) if not _is_unsure(kind)]
    calibration = torch.stack([torch.ones(2), torch.stack([_middle(clean.values(), name) for name in HEARD])])
    calibration = calibration.half().float()  # as it ships
    figures: dict[str, Any] = {
        title: {name: _alarms(found.part(1), name, middle=calibration[1, i]) for i, name in enumerate(HEARD)}
        for title, found in clean.items()
    }
    for index, (name, kinds) in enumerate((("speech", VOICES), ("music", MUSIC))):
        wanted = [kind.name for kind in kinds] * (_OTHERS // len(kinds))
        stems = draw_stems((_SEED, 9, index), wanted, bank=bank)
        against = torch.cat([found.part(1).clean_of(name) for found in clean.values()])
        figures[f"{name}_found"] = found_at(
            lambda made: surest(network, made), _floats(stems), sounds, name=name, against=against,
            middle=float(calibration[1, index]),
        )  # fmt: skip
    return calibration, figures


def found_at(
    answer: Callable[[Sequence[Samples]], Tensor],
    bleed: Sequence[Samples],
    rest: Sequence[Samples],
    *,
    name: str,
    against: Tensor,
    middle: float,
) -> dict[str, Any]:
    """AUC against clean effects, and the share that is found, alone and at each of LEVELS_DB among effects."""
    rng, column = checkpoint.rng_for(_SEED, 5), HEARD.index(name)
    figures = {}
    for level in (*LEVELS_DB, None):
        made = list(bleed) if level is None else [
            at_level(rest[int(rng.integers(len(rest)))], sound, level) for sound in bleed
        ]  # fmt: skip
        logits = answer(made)[:, column].contiguous()
        figures["alone" if level is None else f"{level:+d} dB"] = {
            "auc": round(auc(logits, against), 3),
            "found": round(float((logits >= middle).float().mean()), 3),
        }
    return figures


def _is_unsure(kind: str) -> bool:
    return any(kind in kinds for kinds in OWN_KINDS.values())


def _middle(sets: Any, name: str) -> Tensor:
    """The answer that so few of the clean takes of each set reach, in the set where it is hardest."""
    return torch.stack([torch.quantile(found.part(0).clean_of(name), 1 - _ALARM) for found in sets]).amax()


def _alarms(found: Set, name: str, *, middle: Tensor) -> dict[str, Any]:
    logits = found.clean_of(name)
    by_kind = {}
    column = HEARD.index(name)
    for kind in sorted(set(found.kinds)):
        own = found.surest[[other == kind for other in found.kinds], column]
        rate = round(float((own >= middle).float().mean()), 3)
        if rate:
            by_kind[kind] = rate
    return {"takes": len(logits), "alarms": round(float((logits >= middle).float().mean()), 4), "by_kind": by_kind}
