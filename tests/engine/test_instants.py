"""What begins is drawn to the instant at which it was to begin, and nothing else is touched."""

import numpy as np
import pytest

from otio_v2a_engine.models.attacks import find_attacks
from otio_v2a_engine.models.instants import accented, drawn_to, rises
from otio_v2a_engine.models.mel import HOP, SAMPLE_RATE, log_mel

SLOTS = (60, 130, 155, 260)


def _struck(times_s: list[float], *, seconds: float = 4.0, attack_s: float = 0.0) -> np.ndarray:
    """The log-mel of noise that decays from some times on, and takes a while to be loud."""
    n = round(seconds * SAMPLE_RATE)
    rng = np.random.default_rng(3)
    sound = 1e-4 * rng.standard_normal(n).astype(np.float32)
    for time in times_s:
        since = (np.arange(n) / SAMPLE_RATE - time).clip(0)
        swell = np.minimum(1.0, since / attack_s) if attack_s else (since > 0).astype(float)
        sound += (0.2 * rng.standard_normal(n) * swell * np.exp(-since / 0.08)).astype(np.float32)
    return log_mel(sound)


@pytest.mark.parametrize("late_ms", [-26.0, -13.0, 4.0, 7.0, 22.0])
def _places(mel: np.ndarray, slots: tuple[float, ...]) -> list[tuple[float, float]]:
    return rises(mel, slots, attacks=find_attacks(mel))


@pytest.mark.parametrize("late_ms", [-26.0, -13.0, 4.0, 7.0, 22.0])
def test_a_blow_that_is_early_or_late_is_drawn_to_its_instant(late_ms: float) -> None:
    mel = _struck([slot * 0.01 + late_ms / 1000 for slot in SLOTS])
    drawn, attacks = drawn_to(mel, SLOTS)
    assert drawn.shape == mel.shape
    assert [slot for slot, _ in _places(drawn, SLOTS)] == list(SLOTS)
    assert np.median([abs(place - slot) for slot, place in _places(drawn, SLOTS)]) < 0.45  # frames of 10 ms
    assert len(attacks) == len(find_attacks(mel)) == len(SLOTS)
    for slot, attack in zip(SLOTS, attacks, strict=True):
        assert abs(attack.sample - slot * HOP) < 0.003 * SAMPLE_RATE


def test_an_instant_between_two_frames_is_met_as_exactly() -> None:
    mel = _struck([1.0, 2.0])
    for fraction in (0.2, 0.5, 0.8):
        _, attacks = drawn_to(mel, [101 + fraction, 198 + fraction])
        for attack, instant in zip(attacks, (101 + fraction, 198 + fraction), strict=True):
            assert abs(attack.sample / HOP - instant) < 0.3


def test_what_swells_is_drawn_by_the_frame_that_rises_most() -> None:
    mel = _struck([1.03], attack_s=0.03)
    before, after = _places(mel, (100,)), _places(drawn_to(mel, (100,))[0], (100,))
    assert abs(before[0][1] - 100) > 2
    assert abs(after[0][1] - 100) < 1


def test_blows_far_from_any_instant_and_what_is_kept_stay_as_they_are() -> None:
    mel = _struck([0.6, 1.5])
    for slots in ([75, 130], []):
        drawn, attacks = drawn_to(mel, slots)
        assert drawn is mel
        assert attacks == find_attacks(mel)
    drawn, attacks = drawn_to(mel, [62, 152], kept=100)
    assert np.array_equal(drawn[:100], mel[:100])
    assert not np.array_equal(drawn, mel)
    assert attacks[0] == find_attacks(mel)[0]


def test_the_ring_of_a_blow_is_stretched_and_its_attack_is_not() -> None:
    mel = _struck([1.02])
    drawn, _ = drawn_to(mel, [100])
    np.testing.assert_allclose(drawn[99:104], mel[101:106], atol=0.35)  # the rise was read off to a fraction
    assert np.array_equal(drawn[-1], mel[-1])


def test_instants_outside_the_sound_are_nothing() -> None:
    mel = _struck([1.0], seconds=2.0)
    assert _places(mel, (-5, 900)) == []
    _, (attack,) = drawn_to(mel, [100, 900])
    assert abs(attack.sample - 100 * HOP) < 200


def _level_db(mel: np.ndarray) -> np.ndarray:
    return 20 * np.maximum(mel, -3.5).mean(1)


def test_what_is_told_while_it_rings_is_set_off_and_a_blow_out_of_silence_stays_as_it_is() -> None:
    rng = np.random.default_rng(5)
    mel = log_mel((0.05 * rng.standard_normal(4 * SAMPLE_RATE)).astype(np.float32))  # steps in a stream, say
    made = accented(mel, SLOTS)
    for slot in SLOTS:
        before, after = _level_db(made)[slot - 5 : slot].min(), _level_db(made)[slot : slot + 4].max()
        assert after - before > 7.9
    assert np.array_equal(made[:40], mel[:40])
    assert np.abs(made[180:240] - mel[180:240]).max() < 1e-3  # between them as before
    struck = _struck([slot * 0.01 for slot in SLOTS])
    assert np.array_equal(accented(struck, SLOTS), struck)


def test_silence_and_what_is_kept_are_not_set_off() -> None:
    rng = np.random.default_rng(5)
    mel = log_mel((0.05 * rng.standard_normal(2 * SAMPLE_RATE)).astype(np.float32))
    assert np.array_equal(accented(mel, [60], kept=100), mel)
    assert np.array_equal(accented(mel, [102, 700, -3], kept=100), mel)
    silence = np.full((200, 96), -5.0, np.float32)
    assert np.array_equal(accented(silence, [50]), silence)


def test_two_instants_close_together_leave_each_other_their_beginnings() -> None:
    rng = np.random.default_rng(5)
    mel = log_mel((0.05 * rng.standard_normal(2 * SAMPLE_RATE)).astype(np.float32))
    made = accented(mel, [100, 107])
    assert np.all(made[100:104] >= mel[100:104])
    assert _level_db(made)[107:111].max() - _level_db(made)[102:107].min() > 7
