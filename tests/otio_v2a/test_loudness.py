"""Integrated loudness against the reference signals of EBU Tech 3341, and on files."""

import numpy as np
import pytest
import soundfile

from otio_v2a.errors import StemError
from otio_v2a.loudness import loudness_of, measure_blocks, measure_file

RATE = 48000


def tone(seconds: float, dbfs: float, *, rate: int = RATE, channels: int = 2) -> np.ndarray:
    n = np.arange(round(seconds * rate))
    wave = 10 ** (dbfs / 20) * np.sin(2 * np.pi * 1000 * n / rate)
    return np.repeat(wave[None].astype(np.float32), channels, axis=0)


def blocks(sound: np.ndarray, size: int = 4800):
    return (sound[:, at : at + size] for at in range(0, sound.shape[1], size))


@pytest.mark.parametrize("rate", [44100, 48000, 96000])
@pytest.mark.parametrize("level", [-23.0, -33.0])
def test_a_stereo_tone_of_1_khz_reads_its_own_level(level, rate):
    found = measure_blocks(blocks(tone(5, level, rate=rate)), sample_rate=rate)
    assert found.integrated_lufs == pytest.approx(level, abs=0.1)


@pytest.mark.parametrize(
    "parts",
    [
        [(10, -36.0), (60, -23.0), (10, -36.0)],
        [(10, -72.0), (10, -36.0), (60, -23.0), (10, -36.0), (10, -72.0)],
        [(20, -26.0), (20.1, -20.0), (20, -26.0)],
    ],
    ids=["relative-gate", "absolute-gate", "no-gate"],
)
def test_the_gates_leave_out_what_tech_3341_says_they_do(parts):
    sound = np.concatenate([tone(seconds, level) for seconds, level in parts], axis=1)
    assert measure_blocks(blocks(sound), sample_rate=RATE).integrated_lufs == pytest.approx(-23.0, abs=0.1)


def test_loudness_does_not_depend_on_how_the_sound_is_cut():
    sound = np.random.default_rng(3).normal(0, 0.1, (2, 3 * RATE)).astype(np.float32)
    found = [measure_blocks(blocks(sound, size), sample_rate=RATE).integrated_lufs for size in (777, 65536)]
    assert found[0] == pytest.approx(found[1], abs=1e-9)


def test_silence_has_no_loudness_and_a_short_hit_has_one():
    assert measure_blocks([np.zeros((2, RATE), np.float32)], sample_rate=RATE).integrated_lufs is None
    assert measure_blocks([], sample_rate=RATE).integrated_lufs is None
    assert measure_blocks([tone(0.1, -20)], sample_rate=RATE).integrated_lufs == pytest.approx(-20, abs=0.3)


def test_a_file_that_is_written_anew_is_measured_anew(tmp_path):
    path = tmp_path / "take.wav"
    soundfile.write(path, tone(1, -20).T, RATE, subtype="FLOAT")
    assert loudness_of(path) == pytest.approx(-20, abs=0.1)
    assert measure_file(path).peak == pytest.approx(0.1, rel=1e-3)
    soundfile.write(path, tone(2, -30).T, RATE, subtype="FLOAT")
    assert loudness_of(path) == pytest.approx(-30, abs=0.1)


def test_a_lost_file_is_named(tmp_path):
    with pytest.raises(StemError, match=r"gone\.wav"):
        loudness_of(tmp_path / "gone.wav")


@pytest.mark.footage
def test_real_sounds_read_as_libebur128_reads_them(sounds):
    ebur128 = pytest.importorskip("pyebur128", reason="libebur128's binding is not installed")
    for path in sorted(sounds.rglob("*.wav"))[:6]:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        if len(samples) < rate or samples.shape[1] > 2:
            continue
        state = ebur128.R128State(samples.shape[1], rate, ebur128.MeasurementMode.MODE_I)
        state.add_frames(samples.reshape(-1), len(samples))
        assert loudness_of(path) == pytest.approx(ebur128.get_loudness_global(state), abs=0.05), path
