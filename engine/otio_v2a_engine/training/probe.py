"""Names the kind of a sound: a small classifier trained on the simulator's own stems. A measure, not part of any model.

It hears only true stems in training, so what it says of a rendered one is how far that passes for its kind.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from otio_v2a_engine.contract import Role
from otio_v2a_engine.models.ear import features
from otio_v2a_engine.simulate.bank import Bank
from otio_v2a_engine.simulate.scene import sound_of
from otio_v2a_engine.simulate.sounds import available
from otio_v2a_engine.simulate.vocabulary import OF_ROLE, STEPS
from otio_v2a_engine.training import checkpoint

__all__ = ["FAMILIES", "SILENCE", "Probe", "families_of", "train_probe"]

FAMILIES: dict[str, tuple[str, ...]] = {
    "steps": tuple(kind.name for kind in STEPS),
    "struck": (
        "metal",
        "glass",
        "wood",
        "stone",
        "plastic",
        "rubber",
        "bell",
        "click",
        "drum",
        "snare",
        "cymbal",
        "hammer",
        "reload",
        "tick",
        "shaker",
    ),
    "strings": ("pluck",),
    "bodies": ("punch", "door", "clap"),
    "blasts": ("explosion", "gunshot"),
    "air": ("swoosh", "scrape", "rustle", "saw"),
    "water": ("splash", "pouring", "stream"),
    "voices": ("dog", "rooster", "bird_call", "animal", "sneeze"),
    "machines": ("engine", "helicopter", "chainsaw", "drill"),
    "fire": ("fire",),
    "crowd": ("applause",),
}
SILENCE = "silence"
_FAINTEST = 1e-3
_SEED = 4242


@dataclass(frozen=True)
class Probe:
    """A trained classifier.

    Attributes:
        names: the kinds it knows.
        network: from standardised features to logits.
        mean, scale: of the features.
    """

    names: tuple[str, ...]
    network: nn.Module
    mean: Tensor
    scale: Tensor

    @torch.no_grad()
    def likeliest(self, sounds: Sequence[npt.NDArray[np.float32]]) -> list[str]:
        """The kind each sound passes for; SILENCE below -60 dBFS RMS, whatever its spectrum is like."""
        x = torch.from_numpy(np.stack([features(sound) for sound in sounds]))
        best = self.network((x - self.mean) / self.scale).argmax(1)
        silent = [float(np.sqrt(np.mean(sound**2))) < _FAINTEST for sound in sounds]
        return [SILENCE if nothing else self.names[int(i)] for i, nothing in zip(best, silent, strict=True)]


def families_of(names: Sequence[str]) -> list[str]:
    """The family of each kind; silence is one of its own."""
    table = {name: family for family, members in FAMILIES.items() for name in members}
    return [SILENCE if name == SILENCE else table[name] for name in names]


def train_probe(
    bank: Bank, *, role: Role = Role.FX, each: int = 90, seconds: float = 6.0, seed: int = _SEED
) -> tuple[Probe, dict[str, float]]:
    """Train on `each` stems of every kind of a role, drawn with `seed`; also its accuracy on stems unheard.

    Returns:
        the probe, and `{"kind": ..., "kinds": ...}` on a sixth that was kept apart; of effects `"family"`, too.
    """
    names = tuple(available(tuple(kind.name for kind in OF_ROLE[role]), bank))
    rows, labels = [], []
    for index, name in enumerate(names):
        for example in range(each):
            sound = sound_of(checkpoint.rng_for(seed, index, example), name, bank=bank, seconds=seconds)
            if np.abs(sound).max() > 1e-3:
                rows.append(features(sound))
                labels.append(index)
    x, y = torch.from_numpy(np.stack(rows)), torch.tensor(labels)
    apart = torch.arange(len(y)) % 6 == 5
    mean, scale = x[~apart].mean(0), x[~apart].std(0).clamp_min(0.05)
    x = (x - mean) / scale
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Dropout(0.2), nn.Linear(x.shape[1], 192), nn.GELU(), nn.Dropout(0.4), nn.Linear(192, len(names))
    )
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.02)
    inside = (~apart).nonzero()[:, 0]
    for _ in range(60):
        for batch in torch.split(inside[torch.randperm(len(inside))], 128):
            loss = nn.functional.cross_entropy(network(x[batch]), y[batch], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    network.eval()
    probe = Probe(names, network, mean, scale)
    with torch.no_grad():
        said = network(x[apart]).argmax(1)
    true = y[apart]
    figures = {"kind": round(float((said == true).float().mean()), 3), "kinds": float(len(names))}
    if role is Role.FX:
        families = [families_of([names[int(i)] for i in indices]) for indices in (said, true)]
        figures["family"] = round(float(np.mean([a == b for a, b in zip(*families, strict=True)])), 3)
    return probe, figures
