"""Scenes as files: motion maps, log-mel stems, captions and true onsets, so that training never waits for drawing.

A shard is a pure function of (seed, number) and the recordings; a shard that exists is not made again. Shards of
sights hold what the picture encoder learns from and no sound, and are made in half of the time.
"""

import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from otio_v2a_engine.contract import Role
from otio_v2a_engine.models.mel import log_mel
from otio_v2a_engine.models.motion import cut_flags, motion_maps
from otio_v2a_engine.simulate.bank import Bank
from otio_v2a_engine.simulate.scene import PLAIN, Scene, Staging, draw_kinds, make_scene
from otio_v2a_engine.simulate.vocabulary import KINDS, Family
from otio_v2a_engine.training import checkpoint

__all__ = [
    "HELD_OUT_SEED",
    "SCENES_PER_SHARD",
    "SCENE_TOKENS",
    "Part",
    "Shard",
    "Sights",
    "held_out_scenes",
    "make_shard",
    "make_sights",
    "paths",
    "read_shard",
    "read_sights",
    "sight_paths",
]

SCENE_TOKENS = 200  # 8 s at 25 Hz
SCENES_PER_SHARD = 64
HELD_OUT_SEED = 999_999
_SIGHTS = 1  # keeps the seeds of sights apart from those of scenes with sound
_BEHIND = 2  # and which scenes have a real backdrop
_TWO_ACTS = 0.25  # share of sights in which two acts happen


@dataclass(frozen=True)
class Sights:
    """What is seen of `N` scenes, and what begins when.

    Attributes:
        maps: `(N, 200, 8, 7, 12)` float16 motion maps.
        cuts: `(N, 200)` float16, 1 at flagged cuts.
        events: N lists of the onsets in seconds, each with its kind; None where nobody knows which.
        levels: `(N, 200, 2)`, how loud what lasts is, and speech, 0 to 1; NaN where nobody knows.
        lasting: N names of the one kind that lasts; None where there is none, or several.
    """

    maps: Tensor
    cuts: Tensor
    events: list[list[tuple[float, str | None]]]
    levels: Tensor
    lasting: list[str | None]


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
        mel: `(N, 800, 96)` float16 log-mel of each role that was made.
        captions: of the same roles, N strings.
        onsets_s: N lists of the FX onsets in seconds.
        talking: N flags, whether a mouth is seen to speak.
        kinds: N lists of kinds of sound.
        parts: of scenes with several acts, by the scene's index, those acts alone.
    """

    maps: Tensor
    cuts: Tensor
    mel: dict[Role, Tensor]
    captions: dict[Role, list[str]]
    onsets_s: list[list[float]]
    talking: list[bool]
    kinds: list[list[str]]
    parts: dict[int, list[Part]] = field(default_factory=dict)

    @property
    def sights(self) -> Sights:
        """Its pictures. Of several acts whose sounds were not kept apart nobody knows which begins or lasts when."""
        events: list[list[tuple[float, str | None]]] = []
        levels = torch.zeros(len(self.kinds), SCENE_TOKENS, 2)
        lasting: list[str | None] = []
        for scene, names in enumerate(self.kinds):
            parts = self.parts.get(scene, [])
            onsets = [part.onsets_s for part in parts] or [self.onsets_s[scene]]
            known = names[:-1] if len(names) - 1 == len(onsets) else [None] * len(onsets)
            events.append(sorted((time, name) for name, times in zip(known, onsets, strict=True) for time in times))
            last = [number for number, name in enumerate(names[:-1]) if KINDS[name].family is Family.LOOP]
            lasting.append(names[last[0]] if len(last) == 1 else None)
            if last:
                mels = [part.mel for part in parts] or [self.mel[Role.FX][scene]]
                is_known = len(mels) == len(names) - 1
                heard = torch.stack([_level(mels[number]) for number in last]).amax(0) if is_known else torch.nan
                levels[scene, :, 0] = heard
            if self.talking[scene]:
                levels[scene, :, 1] = _level(self.mel[Role.DX][scene])
        return Sights(self.maps, self.cuts, events, levels, lasting)


def _level(mel: Tensor) -> Tensor:
    """How loud each token of a log-mel `(800, 96)` is, `(200,)`: 0 below -80 dB, 1 above -45."""
    power = (10.0 ** (2 * mel.float())).mean(1).view(SCENE_TOKENS, -1).mean(1)
    return ((10 * torch.log10(power.clamp_min(1e-12)) + 80) / 35).clamp(0, 1)


def paths(folder: Path) -> list[Path]:
    """The shards of a folder, in order."""
    return sorted(folder.glob("shard-*.safetensors"))


def make_shard(
    folder: Path,
    *,
    number: int,
    seed: int,
    bank: Bank,
    acts: int = 0,
    kinds: Sequence[str] = (),
    roles: Collection[Role] = (Role.FX, Role.AMB),
    staging: Staging = PLAIN,
) -> Path:
    """Make shard `number` unless it is there; a crash leaves no half shard.

    Every scene shows `acts` acts of different kinds, in one shot; with 0 the scene draws how many, and its cuts. Where
    `kinds` are given the first act is of one of them. It has the stems of `roles`; FX is always one of them.
    `staging` as in `make_scene`; its backdrops are behind their share of the scenes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"shard-{number:05d}.safetensors"
    if path.exists() and path.with_suffix(".json").exists():
        return path
    made = [role for role in Role if role is Role.FX or role in roles]
    maps, cuts, mels = [], [], {role: [] for role in made}  # type: ignore[var-annotated]
    notes: dict[str, list[object]] = {role.value: [] for role in made}
    notes |= {"onsets_s": [], "talking": [], "kinds": [], "parts": []}
    part_mels = []
    for index in range(SCENES_PER_SHARD):
        rng = checkpoint.rng_for(seed, number, index)
        only = draw_kinds(rng, bank, count=acts, among=kinds)
        scene = make_scene(
            rng,
            bank=bank,
            seconds=SCENE_TOKENS / 25,
            only=only,
            roles=made,
            staging=_staged(staging, seed, number, index),
        )
        seen, flags = _looked_at(scene, rng)
        maps.append(seen)
        cuts.append(flags.astype(np.float16))
        for role in made:
            mels[role].append(log_mel(scene.stems[role]).astype(np.float16))
            notes[role.value].append(scene.captions[role])
        notes["onsets_s"].append([event.sample / 48000 for event in scene.events])
        notes["talking"].append(bool(scene.syllables))
        notes["kinds"].append(list(scene.kinds))
        for part in scene.parts if len(scene.parts) > 1 else ():
            onsets_s = [event.sample / 48000 for event in part.events]
            notes["parts"].append({"scene": index, "caption": part.caption, "onsets_s": onsets_s})
            part_mels.append(log_mel(part.stem).astype(np.float16))
    tensors = {"maps": np.stack(maps), "cuts": np.stack(cuts)}
    tensors |= {f"mel/{role.value}": np.stack(values) for role, values in mels.items()}
    if part_mels:
        tensors["mel/parts"] = np.stack(part_mels)
    _write(path, tensors, notes)
    return path


def _write(path: Path, tensors: Mapping[str, npt.NDArray[np.generic]], notes: Mapping[str, object]) -> None:
    """The shard, its note before it, each beside and renamed."""
    note = path.with_suffix(".json.partial")
    note.write_text(json.dumps(notes))
    os.replace(note, path.with_suffix(".json"))
    partial = path.with_suffix(".partial")
    save_file({name: torch.from_numpy(values) for name, values in tensors.items()}, partial)
    os.replace(partial, path)


def _staged(staging: Staging, *numbers: int) -> Staging:
    """The staging of one scene: without backdrops where it is one of those without."""
    backdrops = staging.backdrops
    if backdrops is None or checkpoint.rng_for(_BEHIND, *numbers).random() < backdrops.share:
        return staging
    return replace(staging, backdrops=None)


def _looked_at(scene: Scene, rng: np.random.Generator) -> tuple[npt.NDArray[np.float16], npt.NDArray[np.float32]]:
    """Motion maps and cut flags of a scene; shot finders miss some cuts."""
    flags = cut_flags(scene.cuts_s if rng.random() < 0.8 else (), SCENE_TOKENS)
    return motion_maps(scene.frames, flags), flags


def sight_paths(folder: Path) -> list[Path]:
    """The shards of sights of a folder, in order."""
    return sorted(folder.glob("sights-*.safetensors"))


def make_sights(
    folder: Path,
    *,
    number: int,
    seed: int,
    bank: Bank,
    kinds: Sequence[str] = (),
    staging: Staging = PLAIN,
) -> Path:
    """Make shard `number` of sights unless it is there; a crash leaves no half shard. The rest as in `make_shard`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"sights-{number:05d}.safetensors"
    if path.exists() and path.with_suffix(".json").exists():
        return path
    maps, cuts, levels = [], [], torch.zeros(SCENES_PER_SHARD, SCENE_TOKENS, 2)
    events: list[list[tuple[float, str]]] = []
    lasting: list[str | None] = []
    for index in range(SCENES_PER_SHARD):
        rng = checkpoint.rng_for(seed, _SIGHTS, number, index)
        acts = 2 if rng.random() < _TWO_ACTS else int(bool(kinds))
        only = draw_kinds(rng, bank, count=acts, among=kinds)
        scene = make_scene(
            rng,
            bank=bank,
            seconds=SCENE_TOKENS / 25,
            only=only,
            roles=(Role.FX,),
            staging=_staged(staging, seed, number, index),
        )
        seen, flags = _looked_at(scene, rng)
        maps.append(seen)
        cuts.append(flags.astype(np.float16))
        events.append([(event.sample / 48000, event.kind) for event in scene.events])
        last = [part for part in scene.parts if KINDS[part.kind].family is Family.LOOP]
        lasting.append(last[0].kind if len(last) == 1 else None)
        for part in last:
            heard = _level(torch.from_numpy(log_mel(part.stem)))
            levels[index, :, 0] = torch.maximum(levels[index, :, 0], heard)
    tensors = {"maps": np.stack(maps), "cuts": np.stack(cuts), "levels": levels.numpy().astype(np.float16)}
    _write(path, tensors, {"events": events, "lasting": lasting})
    return path


def read_sights(path: Path) -> Sights:
    """Read a shard's pictures: one of sights, or one with sound."""
    notes = json.loads(path.with_suffix(".json").read_text())
    if "events" not in notes:
        return read_shard(path).sights
    tensors = load_file(path)
    events = [[(float(onset_s), kind) for onset_s, kind in scene] for scene in notes["events"]]
    unknown = torch.zeros(len(events), SCENE_TOKENS, 2)
    unknown[..., 0] = torch.nan  # the first sights did not say
    levels = tensors.get("levels", unknown).float()
    return Sights(tensors["maps"], tensors["cuts"], events, levels, notes.get("lasting", [None] * len(events)))


def read_shard(path: Path) -> Shard:
    """Read one shard."""
    tensors = load_file(path)
    notes = json.loads(path.with_suffix(".json").read_text())
    parts: dict[int, list[Part]] = {}
    for row, mel in zip(notes.get("parts", ()), tensors.get("mel/parts", ()), strict=True):
        parts.setdefault(row["scene"], []).append(Part(row["caption"], row["onsets_s"], mel))
    made = [role for role in Role if role.value in notes]
    return Shard(
        maps=tensors["maps"],
        cuts=tensors["cuts"],
        mel={role: tensors[f"mel/{role.value}"] for role in made},
        captions={role: notes[role.value] for role in made},
        onsets_s=notes["onsets_s"],
        talking=notes.get("talking", [False] * len(notes["onsets_s"])),  # nobody talked in the first shards
        kinds=notes["kinds"],
        parts=parts,
    )


def held_out_scenes(count: int, *, bank: Bank, seconds: float = 8.0) -> Iterator[Scene]:
    """Scenes whose seeds no shard uses."""
    for index in range(count):
        yield make_scene(checkpoint.rng_for(HELD_OUT_SEED, 0, index), bank=bank, seconds=seconds)
