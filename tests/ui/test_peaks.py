"""What waveforms and spectrograms are drawn from, against the samples themselves."""

import threading
from itertools import pairwise

import numpy as np
import pytest
import soundfile

from otio_v2a_ui.peaks import Analyst, Sonogram, look_at

RATE = 48000


@pytest.fixture
def write(tmp_path):
    def make(values, name="take.wav"):
        path = tmp_path / name
        soundfile.write(path, np.asarray(values, np.float32), RATE, subtype="FLOAT")
        return path

    return make


@pytest.mark.parametrize("n", [7, 100, 1000])
def test_a_column_holds_the_lowest_and_highest_of_its_samples(write, n):
    values = np.random.default_rng(1).normal(0, 0.2, 5 * RATE).astype(np.float32)
    peaks = look_at(write(values)).peaks
    columns = peaks.columns(1.0, 4.0, n)
    edges = np.linspace(1.0, 4.0, n + 1) * RATE
    for column, (start, stop) in zip(columns, pairwise(edges), strict=True):
        inside = values[int(start) : int(stop)]
        assert column[0] <= inside.min()
        assert column[1] >= inside.max()
        # At most a bin more at each side.
        around = values[max(0, int(start) - 8192) : int(stop) + 8192]
        assert column[0] >= around.min()
        assert column[1] <= around.max()


def test_outside_of_the_file_there_is_nothing(write):
    columns = look_at(write(np.full(RATE, 0.5))).peaks.columns(-1.0, 2.0, 30)
    assert (columns[:9] == 0).all()
    assert (columns[21:] == 0).all()
    assert columns[11:19, 1] == pytest.approx(0.5)


def test_a_hit_is_in_its_column_whatever_the_zoom(write):
    values = np.zeros(20 * RATE, np.float32)
    values[12 * RATE] = 0.9
    peaks = look_at(write(values)).peaks
    for length in (20.0, 2.0, 0.2):
        columns = peaks.columns(12.0 - length / 2, 12.0 + length / 2, 200)
        loud = np.flatnonzero(columns[:, 1] > 0.8)
        # The finest peaks are of 128 samples.
        off = max(1, 128 / RATE / (length / 200)) + 1
        assert 100 - off <= loud.min() <= loud.max() <= 100 + off


@pytest.mark.parametrize("hz", [100, 1000, 8000])
def test_a_tone_lies_at_its_height_and_begins_at_its_time(write, hz):
    n = np.arange(4 * RATE)
    values = np.where(n > 2 * RATE, 0.3 * np.sin(2 * np.pi * hz * n / RATE), 0)
    sonogram = look_at(write(values)).sonogram
    band = int(sonogram.levels[-20:].mean(axis=0).argmax())
    assert Sonogram.hz_of((band + 0.5) / sonogram.levels.shape[1]) == pytest.approx(hz, rel=0.15, abs=25)
    loud = np.flatnonzero(sonogram.levels[:, band] > 100) * sonogram.seconds_per_column
    assert loud.min() == pytest.approx(2.0, abs=0.03)
    assert loud.max() == pytest.approx(4.0, abs=0.05)


def test_onsets_are_where_the_sound_begins_anew_and_noise_has_none(write):
    n = np.arange(3 * RATE)
    noise = np.random.default_rng(2).normal(0, 1, len(n))
    hits = 0.001 * noise
    for at in (0.5, 1.25, 2.3):
        hits = hits + np.where(n / RATE >= at, 0.2 * np.exp(-20 * np.maximum(n / RATE - at, 0)), 0) * noise
    assert look_at(write(hits, "hits.wav")).onsets_s == pytest.approx((0.5, 1.25, 2.3), abs=0.02)
    steady = look_at(write(0.1 * noise, "noise.wav")).onsets_s
    assert [at for at in steady if at > 0.05] == []
    assert look_at(write(np.zeros(RATE), "silence.wav")).onsets_s == ()


def test_a_long_file_has_no_more_columns_than_a_screen(write):
    found = look_at(write(np.zeros(120 * RATE)))
    assert len(found.sonogram.levels) <= 4097
    assert found.sonogram.levels.shape[0] * found.sonogram.seconds_per_column == pytest.approx(120, abs=0.1)


def test_the_analyst_looks_once_until_the_file_changes(write):
    looked = []

    def work(path, *, cancelled):
        looked.append(path)
        return path.stat().st_size

    analyst = Analyst(work=work)
    path = write(np.zeros(100))

    def ask():
        done = threading.Event()
        found = []
        analyst.ask(path, lambda value: (found.append(value), done.set()))
        assert done.wait(30)
        return found[0]

    first = ask()
    assert ask() == first
    assert len(looked) == 1
    assert analyst.get(path) == first
    write(np.zeros(200))
    assert analyst.get(path) is None
    assert ask() > first
    assert len(looked) == 2
    analyst.close()


def test_a_file_that_cannot_be_read_is_answered_with_none(tmp_path):
    analyst = Analyst()
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"no sound")
    for path in (broken, tmp_path / "gone.wav"):
        done = threading.Event()
        found = []
        analyst.ask(path, lambda value, found=found, done=done: (found.append(value), done.set()))
        assert done.wait(30)
        assert found == [None]
    analyst.close()
