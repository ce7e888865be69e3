"""Scenes as files: motion maps, log-mel stems, captions and true onsets, so that training never waits for drawing.

A shard is a pure function of (seed, number) and the recordings; a shard that exists is not made again.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from otio_v2a_engine.contract import Role
from otio_v2a_engine.models.mel import log_mel
from otio_v2a_engine.models.motion import cut_flags, motion_maps
from otio_v2a_engine.simulate.bank import Bank
from otio_v2a_engine.simulate.scene import Scene, make_scene
from otio_v2a_engine.training import checkpoint

__all__ = [
    "HELD_OUT_SEED",
    "SCENES_PER_SHARD",
    "SCENE_TOKENS",
    "Shard",
    "held_out_scenes",
    "make_shard",
    "paths",
    "read_shard",
]

SCENE_TOKENS = 200  # 8 s at 25 Hz
SCENES_PER_SHARD = 64
HELD_OUT_SEED = 999_999


@dataclass(frozen=True)
class Shard:
    """`N` scenes.

    Attributes:
        maps: `(N, 200, 8, 7, 12)` float16 motion maps.
        cuts: `(N, 200)` float16, 1 at flagged cuts.
        mel: per role, `(N, 800, 96)` float16 log-mel.
        captions: per role, N strings.
        onsets_s: N lists of the FX onsets in seconds.
        kinds: N lists of kinds of sound.
    """

    maps: Tensor
    cuts: Tensor
    mel: dict[Role, Tensor]
    captions: dict[Role, list[str]]
    onsets_s: list[list[float]]
    kinds: list[list[str]]


def paths(folder: Path) -> list[Path]:
    """The shards of a folder, in order."""
    return sorted(folder.glob("shard-*.safetensors"))


def make_shard(folder: Path, *, number: int, seed: int, bank: Bank) -> Path:
    """Make shard `number` unless it is there; a crash leaves no half shard."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"shard-{number:05d}.safetensors"
    if path.exists() and path.with_suffix(".json").exists():
        return path
    maps, cuts, mels = [], [], {Role.FX: [], Role.AMB: []}  # type: ignore[var-annotated]
    notes: dict[str, list[object]] = {"FX": [], "AMB": [], "onsets_s": [], "kinds": []}
    for index in range(SCENES_PER_SHARD):
        rng = checkpoint.rng_for(seed, number, index)
        scene = make_scene(rng, bank=bank, seconds=SCENE_TOKENS / 25)
        flagged = scene.cuts_s if rng.random() < 0.8 else ()  # shot finders miss some
        flags = cut_flags(flagged, SCENE_TOKENS)
        maps.append(motion_maps(scene.frames, flags))
        cuts.append(flags.astype(np.float16))
        for role in (Role.FX, Role.AMB):
            mels[role].append(log_mel(scene.stems[role]).astype(np.float16))
            notes[role.value].append(scene.captions[role])
        notes["onsets_s"].append([event.sample / 48000 for event in scene.events])
        notes["kinds"].append(list(scene.kinds))
    tensors = {"maps": np.stack(maps), "cuts": np.stack(cuts)}
    tensors |= {f"mel/{role.value}": np.stack(values) for role, values in mels.items()}
    note = path.with_suffix(".json.partial")
    note.write_text(json.dumps(notes))
    os.replace(note, path.with_suffix(".json"))
    partial = path.with_suffix(".partial")
    save_file({name: torch.from_numpy(values) for name, values in tensors.items()}, partial)
    os.replace(partial, path)
    return path


def read_shard(path: Path) -> Shard:
    """Read one shard."""
    tensors = load_file(path)
    notes = json.loads(path.with_suffix(".json").read_text())
    return Shard(
        maps=tensors["maps"],
        cuts=tensors["cuts"],
        mel={role: tensors[f"mel/{role.value}"] for role in (Role.FX, Role.AMB)},
        captions={role: notes[role.value] for role in (Role.FX, Role.AMB)},
        onsets_s=notes["onsets_s"],
        kinds=notes["kinds"],
    )


def held_out_scenes(count: int, *, bank: Bank, seconds: float = 8.0) -> Iterator[Scene]:
    """Scenes whose seeds no shard uses."""
    for index in range(count):
        yield make_scene(checkpoint.rng_for(HELD_OUT_SEED, 0, index), bank=bank, seconds=seconds)
