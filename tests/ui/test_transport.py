"""The play head: what is produced when, and which position is heard when."""

from fractions import Fraction

import numpy as np
import pytest
import soundfile

from otio_v2a_engine.contract import Role
from otio_v2a_ui.mixer import Levels, StemMixer
from otio_v2a_ui.state import StemSound
from otio_v2a_ui.transport import Transport

RATE = 48000


@pytest.fixture
def stem(tmp_path):
    """A ramp of a second: its value is its time."""
    path = tmp_path / "ramp.wav"
    soundfile.write(path, np.arange(RATE, dtype=np.float32) / RATE, RATE, subtype="FLOAT")
    return StemSound(Role.FX, path, Fraction(0))


@pytest.fixture
def transport(stem):
    made = Transport(StemMixer([stem], duration_s=Fraction(1), levels=Levels()))
    yield made
    made.close()


def produced(transport, total, block=1000):
    return np.concatenate([transport.produce(min(block, total - at))[0] for at in range(0, total, block)])


@pytest.mark.parametrize("speed", [1.0, 2.0, -1.0, -4.0, 0.5])
def test_the_clock_tells_the_time_of_the_very_sample_that_is_heard(transport, speed):
    transport.start(0.5, speed)
    heard = produced(transport, 5000)
    for at in (0, 1, 999, 1000, 2500, 4999):
        assert transport.position_s(at) == pytest.approx(0.5 + at * speed / RATE, abs=1e-9)
        assert heard[at] == pytest.approx(transport.position_s(at), abs=1e-5)


def test_a_loop_starts_over_on_the_sample_and_the_clock_with_it(transport):
    transport.set_loop(True, (0.25, 0.26))
    transport.start(0.25, 1.0)
    heard = produced(transport, 2000)
    assert heard[[0, 479, 480, 959, 960]] == pytest.approx(np.array([12000, 12479, 12000, 12479, 12000]) / RATE)
    assert transport.position_s(700) == pytest.approx((12000 + 220) / RATE)
    assert not transport.has_ended(2000)


def test_at_the_end_it_stands_on_the_last_and_is_silent(transport):
    transport.start(0.99, 1.0)
    heard = produced(transport, 2000)
    assert (heard[480:] == 0).all()
    assert not transport.has_ended(479)
    assert transport.has_ended(481)
    assert transport.position_s(900) == 1.0
    # Playing on from the end starts at the beginning, as everywhere.
    transport.cut(481)
    transport.start(1.0, 1.0)
    assert transport.position_s(481) == 0.0


def test_a_jump_forgets_what_was_not_heard_yet(transport):
    transport.start(0.0, 1.0)
    transport.produce(4800)
    transport.cut(1000)
    transport.start(0.5, 1.0)
    heard = transport.produce(100)[0]
    assert heard[0] == pytest.approx(0.5, abs=1e-4)
    assert transport.position_s(1000) == pytest.approx(0.5)
    assert transport.position_s(1050) == pytest.approx(0.5 + 50 / RATE)


def test_another_take_goes_on_at_the_same_place_without_a_click(transport, tmp_path, stem):
    path = tmp_path / "other.wav"
    soundfile.write(path, -np.arange(RATE, dtype=np.float32) / RATE, RATE, subtype="FLOAT")
    transport.start(0.5, 1.0)
    before = transport.produce(1000)[0]
    other = StemMixer([StemSound(Role.FX, path, Fraction(0))], duration_s=Fraction(1), levels=Levels())
    transport.set_mixer(other)
    after = transport.produce(1000)[0]
    assert np.abs(np.diff(np.concatenate([before, after]))).max() < 0.01
    assert after[600] == pytest.approx(-(0.5 + 1600 / RATE), abs=1e-3)
    assert transport.position_s(1500) == pytest.approx(0.5 + 1500 / RATE)
