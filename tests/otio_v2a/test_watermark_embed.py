import math
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy import signal

from otio_v2a.errors import WatermarkError
from otio_v2a.watermark.embed import Strength, Watermarker
from otio_v2a.watermark.keys import ProjectKey

RATE = 48000
KEY = ProjectKey(bytes(range(32)))


def _noise(seconds: float, *, channels: int = 1, seed: int = 0, level: float = 0.1) -> np.ndarray:
    """Noise that swells and fades like weather, the more so in the low."""
    n = int(seconds * RATE)
    white = np.random.default_rng(seed).normal(0, 1, (channels, n))
    sound = white + 0.3 * signal.lfilter([1.0], [1.0, -0.95], white, axis=1)
    swell = 1 + 0.5 * np.sin(np.arange(n) / RATE * 2.1)
    return (sound * swell * level / sound.std()).astype(np.float32)


def _mark(sound: np.ndarray, *, key: ProjectKey = KEY, generation_id: int = 7, block: int | None = None, **options):
    marker = Watermarker(key, generation_id, channels=sound.shape[0], **options)
    block = block or max(sound.shape[1], 1)
    blocks = [sound[:, i : i + block] for i in range(0, sound.shape[1], block)]
    parts = list(marker.process(blocks))
    return np.concatenate([np.zeros((sound.shape[0], 0), np.float32), *parts], axis=1), marker.report


def _decibels(ratio: float) -> float:
    return 10 * math.log10(ratio)


@pytest.mark.parametrize("n_samples", [0, 1, 1023, 1024, 1025, 48000, 196607, 196608, 196609, 400_001])
def test_the_length_is_unchanged_to_the_sample(n_samples: int):
    sound = _noise(9)[:, :n_samples]
    marked, report = _mark(sound)
    assert marked.shape == sound.shape
    assert marked.dtype == np.float32
    assert report.n_samples == n_samples


def test_the_bytes_do_not_depend_on_the_blocks():
    sound = _noise(9.3, channels=2)
    whole, _ = _mark(sound)
    for block in (1000, 4096, 196608, 250_000):
        assert np.array_equal(_mark(sound, block=block)[0], whole)


def test_equal_input_gives_equal_bytes_and_another_id_or_key_does_not():
    sound = _noise(3)
    marked, _ = _mark(sound)
    assert np.array_equal(_mark(sound)[0], marked)
    assert not np.array_equal(_mark(sound, generation_id=8)[0], marked)
    assert not np.array_equal(_mark(sound, key=ProjectKey(bytes(32)))[0], marked)


def test_the_output_is_aligned_with_the_input():
    sound = _noise(4)
    marked, _ = _mark(sound)
    spectra = np.fft.rfft(sound[0]) * np.conj(np.fft.rfft(marked[0]))
    assert int(np.argmax(np.fft.irfft(spectra))) == 0


def test_the_mark_is_20_to_30_db_under_noise_and_a_stronger_one_is_3_db_more():
    sound = _noise(9)
    levels = [
        _mark(sound, strength=one)[1].mean_snr_db for one in (Strength.SUBTLE, Strength.STANDARD, Strength.ROBUST)
    ]
    assert 20 < levels[1] < 30
    assert levels[0] - levels[1] == pytest.approx(3, abs=0.5)
    assert levels[1] - levels[2] == pytest.approx(3, abs=0.5)


def test_the_report_states_what_was_done():
    sound = _noise(5)
    marked, report = _mark(sound)
    ratio = np.sum(sound.astype(float) ** 2) / np.sum((marked.astype(float) - sound) ** 2)
    assert report.mean_snr_db == pytest.approx(_decibels(ratio), abs=1e-3)
    assert report.marked_s == pytest.approx(5, abs=0.05)
    assert report.embedded
    assert (report.generation_id, report.key_id) == (7, KEY.key_id)


def test_digital_silence_stays_silent_and_reports_nothing_embedded():
    marked, report = _mark(np.zeros((2, 300_000), np.float32))
    assert not marked.any()
    assert not report.embedded
    assert report.mean_snr_db == math.inf


def test_silence_between_sounds_stays_silent():
    sound = _noise(6)
    sound[:, 96000:144000] = 0
    marked, report = _mark(sound)
    assert not marked[:, 96000:144000].any()
    assert report.marked_s == pytest.approx(5, abs=0.05)


def test_a_soft_sound_is_marked_no_deeper_than_a_loud_one_so_it_can_be_turned_up():
    loud, soft = (_mark(_noise(6, level=level))[1].mean_snr_db for level in (0.1, 0.0003))
    assert soft > loud - 1


@pytest.mark.parametrize("quiet", [1e-5, 1e-3])
def test_nothing_is_heard_before_an_attack(quiet: float):
    sound = _noise(6, level=quiet)
    attack = 150_000
    n_hit = 9600
    sound[:, attack : attack + n_hit] += _noise(0.2, seed=4, level=0.3) * np.exp(-np.arange(n_hit) / 2000).astype("f4")
    marked, _ = _mark(sound)
    mark = marked - sound
    # 2 ms are within what an attack hides before itself; further ahead the mark stays under the quiet sound.
    before = slice(attack - 2048, attack - 128)
    assert np.mean(mark[:, before] ** 2) < 0.07 * np.mean(sound[:, before] ** 2)
    assert np.mean(mark[:, attack : attack + 4800] ** 2) > 0


def test_full_scale_is_never_exceeded():
    sound = np.clip(_noise(5, level=0.6), -1, 1)
    assert (np.abs(sound) == 1).mean() > 0.01
    marked, report = _mark(sound, strength=Strength.ROBUST)
    assert np.abs(marked).max() <= 1
    assert report.embedded


def test_samples_over_full_scale_are_not_raised_further():
    sound = _noise(5, level=1.0)
    marked, _ = _mark(sound)
    assert np.all(np.abs(marked) <= np.maximum(np.abs(sound), 1))


def test_the_stereo_image_is_kept():
    sound = _noise(5, channels=2, seed=1)
    sound[1] = sound[0] * np.float32(0.5)
    marked, _ = _mark(sound)
    assert np.abs(marked[1] - 0.5 * marked[0]).max() < 1e-6


def test_nothing_is_added_below_250_hz_or_over_12_khz():
    sound = _noise(8)
    marked, _ = _mark(sound)
    mark = np.abs(np.fft.rfft((marked - sound)[0])) ** 2
    host = np.abs(np.fft.rfft(sound[0])) ** 2
    hz = np.fft.rfftfreq(sound.shape[1], 1 / RATE)
    for outside in ((hz > 20) & (hz < 250), hz > 12000):
        assert _decibels(host[outside].sum() / mark[outside].sum()) > 50


def test_memory_does_not_grow_with_the_length():
    def blocks(seconds: int) -> Iterator[np.ndarray]:
        second = _noise(1)
        for _ in range(seconds):
            yield second

    def peak(seconds: int) -> int:
        tracemalloc.start()
        for _ in Watermarker(KEY, 7, channels=1).process(blocks(seconds)):
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(5)  # tables are built once
    assert peak(120) < 1.2 * peak(15)


def test_what_cannot_be_marked_is_refused_in_words():
    with pytest.raises(WatermarkError, match="44100"):
        Watermarker(KEY, 7, sample_rate=44100, channels=1)
    with pytest.raises(WatermarkError, match="channel"):
        Watermarker(KEY, 7, channels=0)
    with pytest.raises(WatermarkError, match="48 bits"):
        Watermarker(KEY, 2**48, channels=1)
    with pytest.raises(WatermarkError, match=r"\(2, n\)"):
        list(Watermarker(KEY, 7, channels=2).process([np.zeros((1, 100), np.float32)]))
    with pytest.raises(WatermarkError, match="NaN"):
        list(Watermarker(KEY, 7, channels=1).process([np.full((1, 100), np.nan, np.float32)]))
    used = Watermarker(KEY, 7, channels=1)
    list(used.process([]))
    with pytest.raises(WatermarkError, match="one stream"):
        list(used.process([]))


@pytest.mark.footage
def test_real_impacts_keep_their_silences_and_attacks(sounds: Path):
    import soundfile

    found = sorted(sounds.glob("mod-sounds/node_step_hard*.ogg"))
    hits = [soundfile.read(path, dtype="float32", always_2d=True)[0].mean(axis=1) for path in found]
    sound = np.zeros((1, 5 * RATE), np.float32)
    for i in range(9):
        hit = hits[i % len(hits)][:20000]
        sound[0, 5000 + i * 24000 :][: len(hit)] += hit[: sound.shape[1] - 5000 - i * 24000]
    marked, report = _mark(sound)
    silent = np.convolve(np.abs(sound[0]), np.ones(64), "same") == 0
    assert silent.mean() > 0.1
    assert not marked[0, silent].any()
    assert report.embedded
    assert report.mean_snr_db > 15
