"""What is heard of a clip's stems, sample by sample."""

from fractions import Fraction

import numpy as np
import pytest
import soundfile

from otio_v2a.adjustments import Adjustment
from otio_v2a_engine.contract import Role
from otio_v2a_ui.mixer import Levels, StemMixer
from otio_v2a_ui.state import StemSound

RATE = 48000


@pytest.fixture
def sound(tmp_path):
    """`sound(values, rate=)` writes a stereo take."""

    def write(values, *, rate=RATE):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.wav"
        soundfile.write(path, np.repeat(np.asarray(values, np.float32)[:, None], 2, axis=1), rate, subtype="FLOAT")
        return path

    return write


def clicks(n, *at):
    values = np.zeros(n, np.float32)
    values[list(at)] = 0.5
    return values


def positions(block):
    return np.flatnonzero(np.abs(block[0]) > 0.2).tolist()


def mixer_of(*stems, seconds=1, levels=None):
    return StemMixer(stems, duration_s=Fraction(seconds), levels=levels or Levels())


def test_a_handle_lies_before_the_clip(sound):
    stem = StemSound(Role.FX, sound(clicks(2 * RATE, 100, 24000, 24000 + 500)), start_s=Fraction(-1, 2))
    assert positions(mixer_of(stem).read(0, RATE)) == [0, 500]


@pytest.mark.parametrize("nudge_s", [Fraction(1, 25), Fraction(-1001, 24000)])
def test_a_nudge_and_fades_sound_as_they_will_be_written(sound, nudge_s):
    adjustment = Adjustment(nudge_s=nudge_s, fade_in_s=Fraction(1, 10))
    start_s = Fraction(-1, 2) + nudge_s
    stem = StemSound(Role.FX, sound(np.full(2 * RATE, 0.5)), start_s=start_s, adjustment=adjustment)
    block = mixer_of(stem).read(0, RATE)[0]
    assert abs(block[0]) < 0.001
    assert block[2400] == pytest.approx(0.5 * np.sin(np.pi / 4), abs=1e-3)
    assert block[4800:47000] == pytest.approx(0.5)
    stem = StemSound(Role.FX, sound(clicks(2 * RATE, 24000 + 9600)), start_s=start_s)
    assert positions(mixer_of(stem).read(0, RATE)) == [9600 + round(nudge_s * RATE)]


def test_solo_mute_and_gain_change_what_is_heard_without_a_click(sound):
    levels = Levels()
    fx = StemSound(Role.FX, sound(np.full(RATE, 0.25)), Fraction(0))
    amb = StemSound(Role.AMB, sound(np.full(RATE, 0.5)), Fraction(0), gain_db=-6.0206)
    mixer = mixer_of(fx, amb, levels=levels)
    assert mixer.read(0, 480)[0] == pytest.approx(0.5, abs=1e-4)
    levels.set_solo(Role.FX, True)
    gliding = mixer.read(480, 480)[0]
    assert np.abs(np.diff(gliding)).max() < 0.002
    assert mixer.read(960, 480)[0] == pytest.approx(0.25, abs=1e-4)
    levels.set_muted(Role.FX, True)
    mixer.read(1440, 480)
    assert (mixer.read(1920, 480) == 0).all()
    levels.set_solo(Role.FX, False)
    levels.set_muted(Role.FX, False)
    levels.set_gain_db(Role.FX, 6.0206)
    levels.set_trims_db({Role.AMB: -120.0})
    mixer.read(2400, 480)
    assert mixer.read(2880, 480)[0] == pytest.approx(0.5, abs=1e-3)


def test_backwards_and_at_twice_the_speed_the_right_samples_are_heard(sound):
    ramp = np.arange(RATE, dtype=np.float32) / RATE
    mixer = mixer_of(StemSound(Role.FX, sound(ramp), Fraction(0)))
    assert mixer.read(1000, 100, step=-1.0)[0] == pytest.approx(ramp[1000:900:-1], abs=1e-6)
    assert mixer.read(1000, 100, step=2.0)[0] == pytest.approx(ramp[1000:1200:2], abs=1e-6)
    assert mixer.read(10.5, 10)[0] == pytest.approx((ramp[10:20] + ramp[11:21]) / 2, abs=1e-6)


def test_a_take_of_another_rate_keeps_its_time(sound):
    stem = StemSound(Role.FX, sound(clicks(44100, 22050), rate=44100), Fraction(0))
    found = positions(mixer_of(stem).read(0, RATE))
    assert found
    assert all(abs(at - 24000) <= 1 for at in found)


def test_outside_of_the_clip_there_is_silence_and_a_lost_take_is_named(sound, tmp_path):
    good = StemSound(Role.FX, sound(np.full(3 * RATE, 0.5)), Fraction(-1))
    lost = StemSound(Role.AMB, tmp_path / "gone.wav", Fraction(0))
    mixer = mixer_of(good, lost)
    block = mixer.read(-480, RATE + 960)[0]
    assert (block[:480] == 0).all()
    assert (block[-480:] == 0).all()
    assert block[480:-480] == pytest.approx(0.5)
    assert "gone.wav" in mixer.broken[Role.AMB]
