"""What the picture encoder learns from: shards of sights, and windows that no scene can be known by."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from otio_v2a_engine.contract import Role
from otio_v2a_engine.models.motion import MOVING
from otio_v2a_engine.simulate.bank import Bank
from otio_v2a_engine.simulate.vocabulary import EFFECT_NAMES, KINDS, Family
from otio_v2a_engine.training import shards
from otio_v2a_engine.training.pictures import (
    Pictures,
    disguised,
    kinds_of,
    mirrored,
    onset_slots,
    softened,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One shard with sound, of two acts, and one of sights."""
    path = tmp_path_factory.mktemp("sights")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "SCENES_PER_SHARD", 3)
        shards.make_shard(path, number=0, seed=6, bank=Bank(None), acts=2)
        shards.make_sights(path, number=0, seed=6, bank=Bank(None))
    return path


def test_sights_are_the_same_when_they_are_made_again_and_are_not_made_twice(folder: Path, tmp_path: Path) -> None:
    (path,) = shards.sight_paths(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "SCENES_PER_SHARD", 3)
        again = shards.make_sights(tmp_path, number=0, seed=6, bank=Bank(None))
        assert again.read_bytes() == path.read_bytes()
        written = path.stat().st_mtime_ns
        shards.make_sights(folder, number=0, seed=6, bank=Bank(None))
    assert path.stat().st_mtime_ns == written


def test_sights_say_of_every_event_what_it_is(folder: Path) -> None:
    (path,) = shards.sight_paths(folder)
    sights = shards.read_sights(path)
    assert sights.maps.shape == (3, 200, 8, 7, 12)
    assert sum(map(len, sights.events)) > 0
    assert all(kind in EFFECT_NAMES and 0 <= time_s < 8 for scene in sights.events for time_s, kind in scene)


def test_a_shard_with_sound_has_the_same_pictures_and_events_as_sights(folder: Path) -> None:
    (path,) = shards.paths(folder)
    shard, sights = shards.read_shard(path), shards.read_sights(path)
    assert torch.equal(sights.maps, shard.maps)
    for scene, events in enumerate(sights.events):
        assert [time_s for time_s, _ in events] == shard.onsets_s[scene]
        assert {kind for _, kind in events} <= set(shard.kinds[scene])


def test_what_lasts_and_speech_are_known_by_their_levels(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "SCENES_PER_SHARD", 8)
        path = shards.make_shard(tmp_path, number=0, seed=1, bank=Bank(None), roles=(Role.FX, Role.DX))
    shard, sights = shards.read_shard(path), shards.read_sights(path)
    assert set(shard.mel) == set(shard.captions) == {Role.FX, Role.DX}
    assert any(shard.talking)
    for scene, talking in enumerate(shard.talking):
        lasts, speaks = sights.levels[scene].T
        loud = shard.mel[Role.DX][scene].float().amax(1).view(200, 4).amax(1) > -1.5
        assert bool((speaks > 0.5).any()) == talking
        assert not talking or bool((speaks[loud] > 0.5).all())
        loops = [name for name in shard.kinds[scene][:-1] if KINDS[name].family is Family.LOOP]
        assert loops or not lasts.any()
        assert sights.lasting[scene] == (loops[0] if len(loops) == 1 else None)


def test_sights_know_what_lasts_as_shards_with_sound_do_and_nobody_talks(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "SCENES_PER_SHARD", 3)
        path = shards.make_sights(tmp_path, number=0, seed=3, bank=Bank(None), kinds=("fire",))
    sights = shards.read_sights(path)
    assert bool((sights.levels[..., 0].amax(1) > 0.5).all())
    assert not sights.levels[..., 1].any()
    assert "fire" in sights.lasting  # of two that last nobody knows which it is


def test_of_the_first_sights_nobody_knows_what_lasts(folder: Path, tmp_path: Path) -> None:
    (path,) = shards.sight_paths(folder)
    tensors, notes = load_file(path), json.loads(path.with_suffix(".json").read_text())
    old = tmp_path / path.name
    save_file({name: value for name, value in tensors.items() if name != "levels"}, old)
    old.with_suffix(".json").write_text(json.dumps({"events": notes["events"]}))
    sights = shards.read_sights(old)
    assert sights.levels[..., 0].isnan().all()
    assert not sights.levels[..., 1].any()
    assert sights.lasting == [None] * 3


def test_events_stand_in_their_slots_and_tokens() -> None:
    slots = onset_slots([0.0, 0.13, 7.999, 9.0])
    assert slots.sum() == 2  # 7.999 s rounds to the slot after the last
    assert slots[0, 0] == 1
    assert slots[3, 1] == 1
    levels = torch.zeros(1, 200, 2)
    levels[0, 100:, 0] = 1.0
    events = [(0.13, EFFECT_NAMES[4]), (2.0, None), (9.0, EFFECT_NAMES[0])]
    (tokens,) = kinds_of(shards.Sights(torch.zeros(1), torch.zeros(1), [events], levels, ["fire"]))
    assert tokens[3] == 4
    assert tokens[[100, 110, 190]].tolist() == [EFFECT_NAMES.index("fire")] * 3
    assert (tokens >= 0).sum() == 11
    soft = softened(slots.float()[None])[0].flatten()
    assert soft[12:15].tolist() == [0.5, 1.0, 0.5]


def test_a_mirrored_mirror_picture_is_the_picture_and_movement_turns_round() -> None:
    maps = torch.randn(5, 8, 7, 12, generator=torch.Generator().manual_seed(1))
    before = maps.clone()
    turned = mirrored(maps)
    assert torch.equal(maps, before)
    assert torch.equal(turned[:, 3], -maps[:, 3].flip(-1))
    assert torch.equal(turned[:, 4], maps[:, 4].flip(-1))
    assert torch.equal(mirrored(turned), maps)


def test_a_disguised_window_differs_keeps_its_instants_and_depends_on_the_generator_alone() -> None:
    maps = torch.zeros(40, 8, 7, 12)
    maps[:, MOVING:] = torch.rand(1, 3, 7, 12, generator=torch.Generator().manual_seed(2))
    maps[20, :MOVING, 2:5, 4:8] = 1.0  # something moves, once
    cuts = torch.zeros(40)
    cuts[7] = 1
    seen = [disguised(maps, cuts, np.random.default_rng(seed)) for seed in (3, 3, 4)]
    assert torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[0], seen[2])
    for window in seen:
        assert window.shape == maps.shape
        assert not torch.equal(window[:, MOVING:], maps[:, MOVING:])
        assert int(window[:, :MOVING].abs().mean((1, 2, 3)).argmax()) == 20
        assert not window[7, :MOVING].any()


def test_a_batch_is_a_function_of_seed_and_step_and_joins_scenes_at_a_cut(folder: Path) -> None:
    pictures = Pictures(folder)
    pictures.refresh()
    assert len(pictures) == 6
    joined = 0
    for step in range(8):
        batch, again = (pictures.batch(tokens=1200, seed=1, step=step) for _ in range(2))
        assert all(torch.equal(value.nan_to_num(9), again[name].nan_to_num(9)) for name, value in batch.items())
        n_tokens = batch["maps"].shape[1]
        assert batch["onsets"].shape == (1200 // n_tokens, n_tokens, 4)
        assert not batch["maps"][batch["cuts"] > 0][:, :MOVING].any()
        joined += int(batch["cuts"].sum())
    assert joined > 5
