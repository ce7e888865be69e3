"""One sound from two renders of the same moment."""

import numpy as np
import pytest

from otio_v2a_engine.joining import declick, join, match_gain_db, polarity, slew_s

RATE = 48000


def noise(seed: int, *, n: int = RATE, level: float = 0.1, channels: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, level, (channels, n)).clip(-1, 1).astype(np.float32)


def level_db(sound: np.ndarray) -> float:
    return 10 * float(np.log10(np.mean(np.square(sound, dtype=np.float64)) + 1e-12))


@pytest.mark.parametrize("sparse", [True, False])
def test_two_equal_renders_join_into_the_same(sparse: bool) -> None:
    sound = noise(1)
    assert np.allclose(join(sound, sound, sample_rate=RATE, sparse=sparse), sound, atol=1e-5)


@pytest.mark.parametrize("sparse", [True, False])
def test_a_join_starts_as_the_first_and_ends_as_the_second(sparse: bool) -> None:
    before, after = noise(1), noise(2)
    joined = join(before, after, sample_rate=RATE, sparse=sparse)
    assert joined.shape == before.shape
    assert joined.dtype == np.float32
    assert np.abs(joined[:, 0] - before[:, 0]).max() < 1e-4
    assert np.abs(joined[:, -1] - after[:, -1]).max() < 1e-4


def test_effects_are_joined_in_the_quietest_place() -> None:
    before, after = noise(1, level=0.001), noise(2, level=0.001)
    for sound in (before, after):
        sound[:, : RATE // 2] += noise(3, n=RATE // 2, level=0.2)
        sound[:, 6 * RATE // 10 :] += noise(4, n=RATE - 6 * RATE // 10, level=0.2)
    joined = join(before, after, sample_rate=RATE, sparse=True)
    assert np.array_equal(joined[:, : RATE // 2], before[:, : RATE // 2])
    assert np.array_equal(joined[:, 6 * RATE // 10 :], after[:, 6 * RATE // 10 :])


@pytest.mark.parametrize("difference_db", [0, 6, -12, 18])
def test_ambience_goes_from_one_level_to_the_other_in_a_straight_line(difference_db: float) -> None:
    before, after = noise(1), noise(2) * np.float32(10 ** (difference_db / 20) * 0.3)
    before = before * np.float32(0.3)
    joined = join(before, after, sample_rate=RATE, sparse=False)
    hops = [level_db(joined[:, start : start + RATE // 20]) for start in range(0, RATE, RATE // 20)]
    assert np.abs(np.diff(hops)).max() < 1.3
    assert abs(hops[0] - level_db(before)) < 1.2
    assert abs(hops[-1] - level_db(after)) < 1.2


@pytest.mark.parametrize("sparse", [True, False])
def test_silence_joins_into_sound_and_back_without_bursts(sparse: bool) -> None:
    silent, sound = np.zeros((1, RATE), np.float32), noise(1, channels=1)
    for before, after in ((silent, sound), (sound, silent), (silent, silent)):
        joined = join(before, after, sample_rate=RATE, sparse=sparse)
        assert np.isfinite(joined).all()
        assert np.abs(joined).max() <= np.maximum(np.abs(before), np.abs(after)).max() * 1.05


def test_joins_of_loud_sounds_stay_below_full_scale() -> None:
    seconds = np.arange(RATE) / RATE
    before = np.sin(2 * np.pi * 200 * seconds)[None].astype(np.float32)
    after = np.sin(2 * np.pi * 333 * seconds)[None].astype(np.float32)
    assert np.abs(join(before, after, sample_rate=RATE, sparse=False)).max() <= 1
    assert np.abs(declick(before, before)).max() <= 1


@pytest.mark.parametrize("n", [1, 2, 3, 500, 1000])
@pytest.mark.parametrize("sparse", [True, False])
def test_overlaps_of_any_length_can_be_joined(n: int, sparse: bool) -> None:
    joined = join(noise(1, n=n), noise(2, n=n), sample_rate=RATE, sparse=sparse)
    assert joined.shape == (2, n)
    assert np.isfinite(joined).all()
    assert declick(noise(1, n=n), noise(2, n=n)).shape == (2, n)


def test_polarity_brings_two_sounds_closer() -> None:
    sound = noise(1)
    assert polarity(sound, sound) == 1
    assert polarity(sound, -sound) == -1
    assert polarity(sound, np.zeros_like(sound)) == 1


@pytest.mark.parametrize(
    ("factor", "peak", "gain_db"),
    [
        (1.0, 0.5, 0.0),
        (0.8, 0.5, 1.94),
        (0.2, 0.1, 6.0),
        (5.0, 0.5, -6.0),
        (0.5, 0.9, 0.91),
        (0.5, 1.0, 0.0),
        (0.0, 0.1, 0.0),
    ],
)
def test_levels_are_matched_within_limits_and_below_full_scale(factor: float, peak: float, gain_db: float) -> None:
    before = noise(1, level=0.05)
    gain = match_gain_db(before, before * np.float32(factor), sample_rate=RATE, peak=peak, sparse=False)
    assert gain == pytest.approx(gain_db, abs=0.02)


@pytest.mark.parametrize(
    ("difference_db", "gain_db"), [(0, 0), (7.9, 0), (-7.9, 0), (12, 4), (-12, -4), (24, 16), (-24, -16), (40, 16)]
)
def test_effects_are_matched_by_what_a_fade_cannot_carry_and_no_more(difference_db: float, gain_db: float) -> None:
    before = noise(1, level=0.05)
    after = before * np.float32(10 ** (-difference_db / 20))
    gain = match_gain_db(before, after, sample_rate=RATE, peak=1.0, sparse=True)
    assert gain == pytest.approx(gain_db, abs=0.02)
    assert slew_s(gain) == pytest.approx(abs(gain_db) / 8, abs=0.01)


def test_a_short_overlap_leaves_more_to_the_gain() -> None:
    before = noise(1, n=RATE // 4, level=0.05)
    after = before * np.float32(10 ** (-12 / 20))
    assert match_gain_db(before, after, sample_rate=RATE, peak=1.0, sparse=True) == pytest.approx(10, abs=0.05)


def test_silence_is_not_lifted_to_what_came_before() -> None:
    before = noise(1, level=0.05)
    for sparse in (True, False):
        assert match_gain_db(before, np.zeros_like(before), sample_rate=RATE, peak=0, sparse=sparse) == 0
