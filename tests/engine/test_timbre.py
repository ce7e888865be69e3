"""Timbres: what a sound is like whatever its timing, and which of them a render gets."""

import numpy as np
import pytest
import torch

from otio_v2a_engine.ear import Ear
from otio_v2a_engine.models.ear import FEATURES, features_of_mel
from otio_v2a_engine.models.mel import FLOOR, SAMPLE_RATE, log_mel
from otio_v2a_engine.models.timbre import TIMBRE, PriorConfig, TimbrePrior, TimbreSpace, describe, fit_timbre
from otio_v2a_engine.simulate.bank import Bank
from otio_v2a_engine.simulate.scene import sound_of
from otio_v2a_engine.small_networks import Networks
from otio_v2a_engine.timbres import Asked, Timbres
from otio_v2a_engine.weights import read_weights

NAMES = ("metal", "wood", "glass", "stone", "steps_gravel", "swoosh")


def _sounds(name: str, count: int = 4) -> list[np.ndarray]:
    return [
        sound_of(np.random.default_rng([31, number]), name, bank=Bank(None), seconds=3.0) for number in range(count)
    ]


@pytest.fixture(scope="module")
def space() -> TimbreSpace:
    return TimbreSpace(**read_weights("small").part("timbre"))


@pytest.fixture(scope="module")
def timbres() -> Timbres:
    networks = Networks.of(read_weights("small"))
    return Timbres(networks.prior, networks.timbre, ear=Ear(), device=torch.device("cpu"))


def test_silence_has_no_timbre_and_every_sound_one_of_unit_size(space: TimbreSpace) -> None:
    assert describe(np.full((40, 96), FLOOR, np.float32)) is None
    said = np.stack([row for name in NAMES for sound in _sounds(name) if (row := describe(log_mel(sound))) is not None])
    assert said.shape == (len(NAMES) * 4, FEATURES + 1)
    timbre = space.encode(torch.from_numpy(said))
    assert timbre.shape == (len(said), TIMBRE)
    assert 0.3 < float(timbre.std()) < 3


def test_a_timbre_says_what_the_ear_hears_whenever_it_sounds(space: TimbreSpace) -> None:
    one, other = _sounds("metal", 2)
    later = np.concatenate([np.zeros(SAMPLE_RATE // 2, np.float32), one])
    first, moved, another = (
        space.encode(torch.from_numpy(row))
        for sound in (one, later, other)
        if (row := describe(log_mel(sound))) is not None
    )
    assert float((first - moved).norm()) < 0.2 * float((first - another).norm())
    heard = torch.from_numpy(features_of_mel(log_mel(one)))
    rebuilt = (space.decode(first) - heard) / space.scale
    assert float(rebuilt.square().mean()) < 0.1 * float(((heard - space.mean) / space.scale).square().mean())


def test_level_is_a_number_of_its_own(space: TimbreSpace) -> None:
    sound = _sounds("wood", 1)[0]
    loud, faint = (
        space.encode(torch.from_numpy(row))
        for gain in (1.0, 0.1)
        if (row := describe(log_mel(gain * sound))) is not None
    )
    assert float(loud[-1] - faint[-1]) == pytest.approx(1 / 0.7, rel=0.02)  # 20 dB


def test_fitting_is_deterministic_and_keeps_what_varies_most() -> None:
    rng = np.random.default_rng(0)
    said = torch.from_numpy(rng.standard_normal((300, FEATURES + 1)).astype(np.float32))
    said[:, :8] = said[:, :1] + 0.1 * said[:, :8]  # eight features that go together
    space, again = fit_timbre(said), fit_timbre(said)
    assert torch.equal(space.basis, again.basis)
    assert float(space.basis[0, :8].square().sum()) > 0.8
    assert torch.allclose(space.basis @ space.basis.T, torch.eye(len(space.basis)), atol=1e-4)


def _asked(words: str, *, judged: bool = True) -> Asked:
    encoder = Ear()._encoder
    return Asked(
        words, "", encoder.embed([words or " ", " "]), heeds=False, picture=torch.zeros(192), role=0, judged=judged
    )


def test_the_same_seed_draws_the_same_timbre_and_another_seed_another(timbres: Timbres) -> None:
    asked = _asked("wooden knock")
    first, again, other = (timbres.draw(asked, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert first.shape == (1, TIMBRE)
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


@pytest.mark.parametrize("words", ["dog barking", "footsteps on gravel", "glass shattering", "fire crackling"])
def test_a_drawn_timbre_fits_the_words_it_was_drawn_for(timbres: Timbres, space: TimbreSpace, words: str) -> None:
    ear = Ear()
    own, others = [], []
    for seed in range(4):
        heard = space.decode(timbres.draw(_asked(words, judged=False), torch.Generator().manual_seed(seed)))
        own.append(float(ear.standings_of(heard, words)[0]))
        others += [float(ear.standings_of(heard, other)[0]) for other in ("wooden knock", "car engine", "a bell rings")]
    assert np.median(own) > np.median(others) + 1.0


def test_a_window_that_goes_on_keeps_the_timbre_it_goes_on_from(timbres: Timbres, space: TimbreSpace) -> None:
    sound = _sounds("metal", 1)[0]
    going_on = timbres.of(sound)
    said = describe(log_mel(sound))
    assert going_on is not None
    assert said is not None
    assert torch.equal(going_on[0], space.encode(torch.from_numpy(said)))
    assert timbres.of(np.zeros(SAMPLE_RATE, np.float32)) is None


def test_the_prior_hears_what_to_avoid_and_which_stem_it_is_for() -> None:
    prior = TimbrePrior(PriorConfig(width=16, picture=8, layers=2))
    generator = torch.Generator().manual_seed(0)
    for parameter in prior.parameters():
        parameter.data = 0.2 * torch.randn(parameter.shape, generator=generator)
    on, off = torch.ones(1, dtype=torch.bool), torch.zeros(1, dtype=torch.bool)
    given = {
        "text": torch.randn(1, 384), "read": on, "negative": torch.randn(1, 384), "avoid": off,
        "picture": torch.randn(1, 8), "see": on, "role": torch.tensor([0]),
    }  # fmt: skip
    z, t = torch.randn(1, TIMBRE), torch.rand(1)
    plain = prior(z, t, **given)
    for change in ({"avoid": on}, {"role": torch.tensor([2])}, {"read": off}, {"see": off}):
        assert not torch.allclose(plain, prior(z, t, **{**given, **change}))
    assert torch.equal(plain, prior(z, t, **{**given, "negative": torch.randn(1, 384)}))
