"""What is struck dies away, as fast as sounds of its kind do; the table that says how fast, and its measurement."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from otio_v2a_engine.dying import KNOTS, die_away, fades, slowest
from otio_v2a_engine.models.mel import loudness_db
from otio_v2a_engine.simulate.bank import Bank
from otio_v2a_engine.simulate.vocabulary import EFFECT_NAMES, KINDS, Family
from otio_v2a_engine.training.fades import fade_of, measure

FALLING = np.interp(np.arange(301), (0, 20, 100), (0.0, -10.0, -50.0))


def _drone(level: float = -1.0, n: int = 400) -> np.ndarray:
    return np.full((n, 96), level, np.float32)


def _named(*kinds: str) -> torch.Tensor:
    shares = torch.full((1, len(EFFECT_NAMES)), 0.01)
    shares[0, [EFFECT_NAMES.index(kind) for kind in kinds]] = 0.4
    return shares


def test_a_drone_falls_after_each_event_and_what_is_before_the_first_stays() -> None:
    made = loudness_db(die_away(_drone(), [100, 200], FALLING))
    assert made[:95] == pytest.approx(-20.0)
    assert made[[101, 201]] == pytest.approx(-20.0)
    assert made[160] < -35
    assert made[350] < -60


def test_what_dies_faster_than_its_kind_is_not_touched() -> None:
    mel = _drone()
    mel[100:] = np.maximum(mel[100:] - 0.05 * np.arange(300, dtype=np.float32)[:, None], -4.5)  # 1 dB a frame
    assert np.array_equal(die_away(mel, [100], FALLING), mel)
    assert np.array_equal(die_away(mel, [], FALLING), mel)
    assert np.array_equal(die_away(mel, [900], FALLING), mel)


def test_of_several_kinds_that_may_be_meant_the_slowest_counts_and_what_lasts_never_dies() -> None:
    bell, wood = slowest(_named("bell"), EFFECT_NAMES), slowest(_named("wood"), EFFECT_NAMES)
    both = slowest(_named("bell", "wood"), EFFECT_NAMES)
    assert bell is not None
    assert wood is not None
    assert bell[60] > wood[60] + 5
    assert both == pytest.approx(np.maximum(bell, wood), abs=0.2)
    lasting = next(name for name in EFFECT_NAMES if KINDS[name].family is Family.LOOP)
    assert slowest(_named("wood", lasting), EFFECT_NAMES) is None
    assert slowest(torch.zeros(0, len(EFFECT_NAMES)), EFFECT_NAMES) is None


def test_the_table_that_ships_knows_every_kind_that_begins_at_instants() -> None:
    assert set(fades()) == {name for name in EFFECT_NAMES if KINDS[name].family is not Family.LOOP}
    for levels in fades().values():
        assert len(levels) == len(KNOTS)
        assert all(a >= b for a, b in pairwise(levels))
    assert fades()["wood"][4] < -20 < fades()["bell"][4]


def test_a_fade_is_measured_until_the_next_event() -> None:
    decay = (-1.0 - 0.02 * np.arange(200, dtype=np.float32))[:, None].repeat(96, axis=1)  # 0.4 dB a frame
    twice = np.concatenate([decay[:120], decay])
    found = fade_of([(twice, [0, 120])] * 4)
    assert found is not None
    assert found[KNOTS.index(50)] == pytest.approx(-0.4 * 46, abs=1.0)
    assert fade_of([(decay, [195])]) is None


def test_measuring_writes_every_kind_once(tmp_path: Path, sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("otio_v2a_engine.training.fades.EFFECT_NAMES", ("wood", "fire", "clap"))
    table = measure(bank=Bank(sounds), each=2, seed=1, to=tmp_path / "fades.json")
    assert set(json.loads((tmp_path / "fades.json").read_text())) == set(table) == {"wood", "clap"}
