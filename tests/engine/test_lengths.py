"""Seconds become samples and frames in one way only."""

from fractions import Fraction
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otio_v2a_engine.lengths import ceil_to_multiple, nearest_rate, position, span_length

RATES = [Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(60000, 1001), Fraction(50)]


@given(
    frames=st.lists(st.integers(1, 200), min_size=1, max_size=50),
    rate=st.sampled_from(RATES),
    sample_rate=st.sampled_from([16000, 44100, 48000, 96000]),
)
def test_adjoining_spans_share_their_border_and_never_drift(
    frames: list[int], rate: Fraction, sample_rate: int
) -> None:
    borders = list(accumulate(frames, initial=0))
    lengths = [span_length(a / rate, (b - a) / rate, sample_rate) for a, b in pairwise(borders)]
    assert sum(lengths) == position(borders[-1] / rate, sample_rate)
    assert abs(sum(lengths) - borders[-1] / rate * sample_rate) <= Fraction(1, 2)


@pytest.mark.parametrize(
    ("seconds", "rate", "index"),
    [
        (Fraction(0), 48000, 0),
        (Fraction(1, 2), 1, 1),
        (Fraction(-1, 2), 1, 0),
        (Fraction(-3, 2), 1, -1),
        (Fraction(1001, 30000), 48000, 1602),
        (Fraction(1), Fraction(30000, 1001), 30),
    ],
)
def test_positions_are_rounded_with_ties_upwards(seconds: Fraction, rate: int, index: int) -> None:
    assert position(seconds, rate) == index


def test_a_day_of_ntsc_video_is_exact() -> None:
    frames = 2_589_408
    assert position(frames * Fraction(1001, 30000), 48000) == round(frames * 16016 / 10) == 4_147_195_853


@given(st.integers(0, 10**9), st.integers(1, 10**4))
def test_ceil_to_multiple_is_the_smallest(n: int, multiple: int) -> None:
    result = ceil_to_multiple(n, multiple)
    assert result % multiple == 0
    assert n <= result < n + multiple


@pytest.mark.parametrize(
    ("written", "exact"),
    [
        (23.976, Fraction(24000, 1001)),
        (23.976024627685547, Fraction(24000, 1001)),
        (23.98, Fraction(24000, 1001)),
        (24.0, Fraction(24)),
        (24, Fraction(24)),
        (25.000001, Fraction(25)),
        (29.97, Fraction(30000, 1001)),
        (30.0, Fraction(30)),
        (59.94, Fraction(60000, 1001)),
        (119.88, Fraction(120000, 1001)),
        (14.985, Fraction(15000, 1001)),
        (12.5, Fraction(25, 2)),
        (29.833, Fraction(29833, 1000)),
        (0.5, Fraction(1, 2)),
        (240.0, Fraction(240)),
    ],
)
def test_written_rates_become_exact(written: float, exact: Fraction) -> None:
    assert nearest_rate(written) == exact


@given(st.floats(0.01, 1000))
def test_any_rate_is_kept_within_a_fifth_of_a_thousandth(written: float) -> None:
    assert abs(float(nearest_rate(written)) - written) <= max(written * 2.1e-4, 1 / 1001)


@pytest.mark.parametrize("written", [0.0, -25.0, float("nan"), float("inf"), -float("inf"), 1e-9])
def test_what_is_no_rate_is_refused(written: float) -> None:
    with pytest.raises(ValueError, match="frame rate"):
        nearest_rate(written)
