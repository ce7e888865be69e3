"""AV-Align and the measures of timing that need no weights."""

from fractions import Fraction

import numpy as np
import pytest

from otio_v2a_engine.evaluation import sync
from otio_v2a_engine.evaluation.av_align import (
    av_align,
    flow_curve,
    intersection_over_union,
    picture_peaks,
    sound_peaks,
)


def clicks(times_s: list[float], *, seconds: float, rate: int = 22050) -> np.ndarray:
    sound = np.zeros(round(seconds * rate), np.float32)
    for time in times_s:
        start = round(time * rate)
        n = min(rate // 20, len(sound) - start)
        sound[start : start + n] += np.sin(np.arange(n) * 0.4) * np.exp(-np.arange(n) / 200)
    return sound


def test_peaks_match_one_to_one_within_less_than_a_frame() -> None:
    # 1.00 takes 1.02; 1.05 finds it taken; 2.00 is exactly a frame from 2.04: 1 of 3 + 2 - 1.
    assert intersection_over_union([1.00, 1.05, 2.0], [1.02, 2.04], frame_s=0.04) == pytest.approx(1 / 4)


def test_a_sound_peak_takes_the_first_free_picture_peak_as_published() -> None:
    assert intersection_over_union([1.0, 1.03], [0.98, 1.01], frame_s=0.04) == pytest.approx(1.0)
    assert intersection_over_union([1.0, 0.95], [0.98, 1.01], frame_s=0.04) == pytest.approx(1 / 3)


def test_without_any_peak_nothing_is_said_and_one_sided_peaks_score_zero() -> None:
    assert intersection_over_union([], [], frame_s=0.04) is None
    assert intersection_over_union([1.0], [], frame_s=0.04) == 0.0


def test_picture_peaks_are_strict_and_large_enough() -> None:
    curve = np.array([0.0, 0.5, 0.2, 0.09, 0.05, 0.3, 0.3, 0.1, 0.1, 0.2, 0.0])
    assert picture_peaks(curve, rate=Fraction(10)).tolist() == pytest.approx([0.1, 0.9])
    assert not len(picture_peaks(np.array([0.0, 9.0]), rate=Fraction(10)))


def test_a_flow_curve_has_a_value_per_frame_and_the_first_twice() -> None:
    rng = np.random.default_rng(2)
    wide = np.kron(rng.random((14, 26)), np.ones((4, 4)))
    frames = [np.repeat((wide[:48, k : k + 64, None] * 255).astype(np.uint8), 3, 2) for k in (0, 1, 3, 3)]
    curve = flow_curve(frames)
    assert len(curve) == 4
    assert curve[0] == curve[1]
    assert curve[2] > 1.5 * curve[1] > 0.5
    assert curve[3] == pytest.approx(0, abs=1e-3)
    assert not len(flow_curve(frames[:1]))


def test_a_picture_that_jumps_with_the_clicks_aligns_and_one_that_does_not_does_not() -> None:
    times = [0.52, 1.24, 1.88]
    sound = clicks(times, seconds=2.4)
    assert np.abs(sound_peaks(sound) - times).max() < 0.03
    curve = np.full(60, 0.01)
    for time in times:
        curve[round(time * 25)] = 2.0
    assert av_align(curve, sound, rate=Fraction(25)) == pytest.approx(1.0)
    assert av_align(np.roll(curve, 6), sound, rate=Fraction(25)) == 0.0


def test_onset_timing_by_hand() -> None:
    timing = sync.onset_timing([0.51, 1.02, 1.70], [0.50, 1.00, 2.00], length_s=3.0)
    assert timing.f1 == pytest.approx(2 * 2 / 6)
    assert timing.error_ms == pytest.approx(15.0)
    assert timing.bias_ms == pytest.approx(15.0)
    assert (timing.found, timing.true) == (3, 3)
    assert sorted(timing.errors_ms) == pytest.approx([10.0, 20.0])
    assert timing.chance_f1 is not None
    assert timing.chance_f1 < timing.f1


def test_onset_timing_without_onsets_says_nothing() -> None:
    timing = sync.onset_timing([], [], length_s=3.0)
    assert (timing.f1, timing.chance_f1, timing.error_ms) == (None, None, None)


def tile_case(*, late: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Motion with bursts in three tiles over noise, and a strength with the same bursts `late` frames later."""
    rng = np.random.default_rng(3)
    bursts = np.zeros(150)
    bursts[[12, 37, 70, 84, 121]] = 1.0
    motion = 0.05 * rng.random((150, 84))
    motion[:, [3, 40, 41]] += bursts[:, None]
    return motion, np.roll(bursts, late) + 0.02 * rng.random(150)


def test_motion_and_onsets_that_go_together_stand_out_from_every_shift() -> None:
    flow = sync.tile_correlation(*tile_case())
    assert flow is not None
    assert flow.z > 4
    assert flow.correlation == pytest.approx(flow.curve.max())


def test_late_sound_shows_in_the_curve_at_its_delay() -> None:
    flow = sync.tile_correlation(*tile_case(late=11))
    assert flow is not None
    assert int(flow.curve.argmax()) == 11
    assert flow.z < 1


def test_a_still_picture_a_silent_sound_or_a_short_clip_says_nothing() -> None:
    motion, strength = tile_case()
    assert sync.tile_correlation(np.zeros_like(motion), strength) is None
    assert sync.tile_correlation(motion, np.zeros_like(strength)) is None
    assert sync.tile_correlation(motion[:20], strength[:20]) is None
    assert sync.tile_flow(motion, np.zeros(0)) is None


def test_tile_motion_sees_where_and_when_something_starts_to_move() -> None:
    rng = np.random.default_rng(4)
    texture = np.kron(rng.random((7, 12)), np.ones((8, 8)))
    fine = np.kron(rng.random((12, 16)), np.ones((2, 2)))
    frames = np.zeros((9, 56, 96, 3), np.uint8)
    for k in range(9):
        picture = 0.5 * texture
        x = 40 + 3 * max(0, k - 4)
        picture[16:40, x : x + 32] = fine
        frames[k] = (picture[:, :, None] * 255).astype(np.uint8)
    motion = sync.tile_motion(frames)
    assert motion.shape == (9, 84)
    assert int(motion.sum(1).argmax()) == 5
    row, column = divmod(int(motion[5].argmax()), 12)
    assert 1 <= row <= 5
    assert 4 <= column <= 9
