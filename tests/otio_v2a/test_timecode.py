"""Timecode labels and exact seconds of the day."""

from fractions import Fraction

import opentimelineio as otio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otio_v2a.timecode import label, seconds_of_day

RATES = (Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(30), Fraction(60000, 1001))


@given(st.sampled_from(RATES), st.integers(0, 2_000_000), st.booleans())
def test_labels_and_seconds_are_inverse(rate, frame, drop_frame):
    frame %= int(rate * 86000)
    text = label(frame / rate, rate=rate, drop_frame=drop_frame)
    assert seconds_of_day(text, rate=rate, drop_frame=drop_frame) == frame / rate


@pytest.mark.parametrize("frame", [0, 1, 1799, 1800, 17981, 17982, 17983, 107999, 108000, 2589407])
def test_drop_frame_labels_agree_with_opentimelineio(frame):
    rate = 30000 / 1001
    expected = otio.opentime.to_timecode(otio.opentime.RationalTime(frame, rate), rate, True)
    assert label(frame * Fraction(1001, 30000), rate=Fraction(30000, 1001), drop_frame=True) == expected


def test_the_label_of_the_facts_is_right():
    assert label(108000 * Fraction(1001, 30000), rate=Fraction(30000, 1001), drop_frame=True) == "01:00:03;18"
    assert label(Fraction(3600), rate=Fraction(25)) == "01:00:00:00"


def test_a_label_that_drop_frame_leaves_out_is_refused_with_the_next_one():
    with pytest.raises(ValueError, match="next one ends in 02"):
        seconds_of_day("00:01:00;00", rate=Fraction(30000, 1001))
