"""Scenes as files: motion maps, log-mel stems, captions and true onsets, so that training never waits for drawing.

A shard is a pure function of (seed, number) and the recordings; a shard that exists is not made again.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from otio_v2a_engine.contract import Role
from otio_v2a_engine.models.mel import log_mel
from otio_v2a_engine.models.motion import cut_flags, motion_maps
from otio_v2a_engine.simulate.bank import Bank
from otio_v2a_engine.simulate.scene import Scene, draw_kinds, make_scene
from otio_v2a_engine.training import checkpoint

__all__ = [
    "HELD_OUT_SEED",
    "SCENES_PER_SHARD",
    "SCENE_TOKENS",
    "Part",
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
class Part:
    """One act of a scene of several, alone: what it is called, its onsets in seconds, its `(800, 96)` log-mel."""

    caption: str
    onsets_s: list[float]
    mel: Tensor


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
        parts: of scenes with several acts, by the scene's index, those acts alone.
    """

    maps: Tensor
    cuts: Tensor
    mel: dict[Role, Tensor]
    captions: dict[Role, list[str]]
    onsets_s: list[list[float]]
    kinds: list[list[str]]
    parts: dict[int, list[Part]] = field(default_factory=dict)


def paths(folder: Path) -> list[Path]:
    """The shards of a folder, in order."""
    return sorted(folder.glob("shard-*.safetensors"))


def make_shard(folder: Path, *, number: int, seed: int, bank: Bank, acts: int = 0) -> Path:
    """Make shard `number` unless it is there; a crash leaves no half shard.

    Every scene shows `acts` acts of different kinds, in one shot; with 0 the scene draws how many, and its cuts.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"shard-{number:05d}.safetensors"
    if path.exists() and path.with_suffix(".json").exists():
        return path
    maps, cuts, mels = [], [], {Role.FX: [], Role.AMB: []}  # type: ignore[var-annotated]
    notes: dict[str, list[object]] = {"FX": [], "AMB": [], "onsets_s": [], "kinds": [], "parts": []}
    part_mels = []
    for index in range(SCENES_PER_SHARD):
        rng = checkpoint.rng_for(seed, number, index)
        only = draw_kinds(rng, bank, count=acts)
        scene = make_scene(rng, bank=bank, seconds=SCENE_TOKENS / 25, only=only)
        flagged = scene.cuts_s if rng.random() < 0.8 else ()  # shot finders miss some
        flags = cut_flags(flagged, SCENE_TOKENS)
        maps.append(motion_maps(scene.frames, flags))
        cuts.append(flags.astype(np.float16))
        for role in (Role.FX, Role.AMB):
            mels[role].append(log_mel(scene.stems[role]).astype(np.float16))
            notes[role.value].append(scene.captions[role])
        notes["onsets_s"].append([event.sample / 48000 for event in scene.events])
        notes["kinds"].append(list(scene.kinds))
        for part in scene.parts if len(scene.parts) > 1 else ():
            onsets_s = [event.sample / 48000 for event in part.events]
            notes["parts"].append({"scene": index, "caption": part.caption, "onsets_s": onsets_s})
            part_mels.append(log_mel(part.stem).astype(np.float16))
    tensors = {"maps": np.stack(maps), "cuts": np.stack(cuts)}
    tensors |= {f"mel/{role.value}": np.stack(values) for role, values in mels.items()}
    if part_mels:
        tensors["mel/parts"] = np.stack(part_mels)
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
    parts: dict[int, list[Part]] = {}
    for row, mel in zip(notes.get("parts", ()), tensors.get("mel/parts", ()), strict=True):
        parts.setdefault(row["scene"], []).append(Part(row["caption"], row["onsets_s"], mel))
    return Shard(
        maps=tensors["maps"],
        cuts=tensors["cuts"],
        mel={role: tensors[f"mel/{role.value}"] for role in (Role.FX, Role.AMB)},
        captions={role: notes[role.value] for role in (Role.FX, Role.AMB)},
        onsets_s=notes["onsets_s"],
        kinds=notes["kinds"],
        parts=parts,
    )


def held_out_scenes(count: int, *, bank: Bank, seconds: float = 8.0) -> Iterator[Scene]:
    """Scenes whose seeds no shard uses."""
    for index in range(count):
        yield make_scene(checkpoint.rng_for(HELD_OUT_SEED, 0, index), bank=bank, seconds=seconds)
