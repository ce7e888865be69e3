"""Where a log-mel begins abruptly, and the quiet before it."""

import numpy as np
import numpy.typing as npt
import pytest
import torch

from otio_v2a_engine.models.attacks import Attack, find_attacks, hush
from otio_v2a_engine.models.mel import HOP, MEL_BANDS, SAMPLE_RATE, log_mel
from otio_v2a_engine.models.refine import refine
from otio_v2a_engine.training.onsets import pre_echo_db

Sound = npt.NDArray[np.float32]
MS = SAMPLE_RATE // 1000


def _noise(n: int, *, level: float = 0.1, seed: int = 0) -> Sound:
    return (level * np.random.default_rng(seed).standard_normal(n)).astype(np.float32)


def _impact(n: int, at: int, *, decay_db_per_s: float = 600.0, seed: int = 0) -> Sound:
    since = np.arange(n) - at
    envelope = np.where(since >= 0, 10.0 ** (-decay_db_per_s * np.maximum(since, 0) / SAMPLE_RATE / 20), 0.0)
    return (envelope * _noise(n, seed=seed)).astype(np.float32)


def _smeared(sound: Sound) -> torch.Tensor:
    """The same magnitudes with random phases: what a sound is that frames of 43 ms were made of one by one."""
    window = torch.hann_window(2048)
    spectrum = torch.stft(torch.from_numpy(sound), 2048, HOP, window=window, return_complex=True)
    phases = 6.28 * torch.rand(spectrum.shape, generator=torch.Generator().manual_seed(0))
    return torch.istft(torch.polar(spectrum.abs(), phases), 2048, HOP, window=window, length=len(sound))


@pytest.mark.parametrize("decay_db_per_s", [0.0, 300.0, 1500.0, 5000.0])
@pytest.mark.parametrize("offset", [0, 100, 240, 401])
def test_an_impact_is_placed_within_two_milliseconds_wherever_it_lies_between_frames(
    decay_db_per_s: float, offset: int
) -> None:
    at = 50 * HOP + offset
    (attack,) = find_attacks(log_mel(_impact(SAMPLE_RATE, at, decay_db_per_s=decay_db_per_s)))
    assert abs(attack.sample - at) <= 2 * MS
    assert attack.rise_db > 35


@pytest.mark.parametrize("rise_ms", [60, 100, 200])
@pytest.mark.parametrize("power", [1, 2])
def test_a_soft_rise_is_no_attack(rise_ms: int, power: int) -> None:
    gain = np.clip((np.arange(SAMPLE_RATE) - 20000) / (rise_ms * MS), 0, 1) ** power
    assert find_attacks(log_mel((gain * _noise(SAMPLE_RATE)).astype(np.float32))) == ()


def test_silence_and_steady_sound_have_no_attacks() -> None:
    assert find_attacks(np.full((100, MEL_BANDS), -5.0, np.float32)) == ()
    assert find_attacks(log_mel(_noise(SAMPLE_RATE))) == ()


@pytest.mark.parametrize("n_frames", [0, 1, 2, 4])
def test_the_shortest_sounds_go_through(n_frames: int) -> None:
    sound = _impact(n_frames * HOP, HOP)
    mel = log_mel(sound)
    assert len(hush(sound, find_attacks(mel))) == len(sound)
    if n_frames:
        assert len(refine(torch.from_numpy(sound), torch.from_numpy(mel), attacks=find_attacks(mel))) == len(sound)


def test_two_hits_60_ms_apart_are_two_attacks_and_the_first_keeps_its_level() -> None:
    first, second = 24000, 24000 + 60 * MS
    sound = _impact(SAMPLE_RATE, first, seed=1) * 0.3 + _impact(SAMPLE_RATE, second, seed=2)
    attacks = find_attacks(log_mel(sound))
    assert [abs(attack.sample - at) <= 2 * MS for attack, at in zip(attacks, (first, second), strict=True)] == [
        True
    ] * 2
    kept = hush(sound, attacks)[first : first + 20 * MS]
    assert np.square(kept).mean() > 0.6 * np.square(sound[first : first + 20 * MS]).mean()


@pytest.mark.parametrize("lead", [0, 5, 12, 20, 30])
def test_an_attack_at_either_end_changes_nothing_after_it(lead: int) -> None:
    for at in (lead * MS, SAMPLE_RATE - lead * MS):
        sound = _impact(SAMPLE_RATE, at) + _noise(SAMPLE_RATE, level=1e-4, seed=1)
        hushed = hush(sound, [Attack(sample=at, rise_db=40.0)])
        assert np.isfinite(hushed).all()
        assert np.array_equal(hushed[at:], sound[at:])


def test_what_comes_before_an_attack_at_the_very_start_falls_by_its_rise() -> None:
    at = 16 * MS
    smeared = _noise(4800)
    hushed = hush(smeared, [Attack(sample=at, rise_db=30.0)])
    before = 10 * np.log10(np.square(hushed[: at - 2 * MS]).mean() / np.square(smeared[at : at + 480]).mean())
    assert -33 < before < -27


def test_sound_that_rings_before_a_hit_keeps_its_level() -> None:
    at = 24000
    ringing = _noise(SAMPLE_RATE, level=0.005, seed=3)
    sound = ringing + _impact(SAMPLE_RATE, at)
    hushed = hush(sound, [Attack(sample=at, rise_db=26.0)])
    change_db = 10 * np.log10(np.square(hushed[at - 1200 : at]).mean() / np.square(ringing[at - 1200 : at]).mean())
    assert -1.0 < change_db <= 0.0


def test_the_gate_opens_without_a_click() -> None:
    at = 24000
    tone = (0.3 * np.sin(2 * np.pi * 100 * np.arange(SAMPLE_RATE) / SAMPLE_RATE)).astype(np.float32)
    tone[: at - 1200] *= 0.01
    hushed = hush(tone, [Attack(sample=at, rise_db=40.0)])
    assert np.abs(np.diff(hushed[at - 1000 :])).max() < 0.3 / 24  # a ramp of half a millisecond at least
    assert np.abs(hushed[at - 800 : at - 100]).max() < 0.01


def test_pre_echo_of_an_impact_falls_by_fifteen_decibels_and_more_when_its_attack_is_held() -> None:
    at = 50 * HOP + 130
    sound = _impact(SAMPLE_RATE, at) + _noise(SAMPLE_RATE, level=1e-4, seed=1)
    mel, smeared = log_mel(sound), _smeared(sound)
    plain, held = (
        refine(smeared, torch.from_numpy(mel), rounds=8, attacks=attacks).numpy() for attacks in ((), find_attacks(mel))
    )
    assert pre_echo_db(sound, [at]) < -50
    assert pre_echo_db(plain, [at]) > -12
    assert pre_echo_db(held, [at]) < pre_echo_db(plain, [at]) - 15


def test_refining_a_soft_rise_is_the_same_bit_for_bit_with_the_attacks_of_its_mel() -> None:
    gain = np.clip((np.arange(SAMPLE_RATE) - 20000) / (100 * MS), 0, 1)
    sound = (gain * _noise(SAMPLE_RATE)).astype(np.float32)
    mel, smeared = log_mel(sound), _smeared(sound)
    plain, held = (
        refine(smeared, torch.from_numpy(mel), rounds=2, attacks=attacks) for attacks in ((), find_attacks(mel))
    )
    assert torch.equal(plain, held)
