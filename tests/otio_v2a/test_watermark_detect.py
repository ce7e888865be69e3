import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soxr
from scipy import signal

from otio_v2a.errors import WatermarkError
from otio_v2a.watermark import detect as detecting
from otio_v2a.watermark.detect import Detection, describe, detect, detect_stream, localise, speed_grid
from otio_v2a.watermark.embed import Watermarker
from otio_v2a.watermark.keys import ProjectKey

RATE = 48000
KEY = ProjectKey(bytes(range(32)))
OTHER = ProjectKey(bytes(range(1, 33)))
ID = 0x0123456789AB


def _weather(seconds: float, *, channels: int = 1, seed: int = 0) -> np.ndarray:
    n = int(seconds * RATE)
    white = np.random.default_rng(seed).normal(0, 1, (channels, n))
    sound = white + 0.3 * signal.lfilter([1.0], [1.0, -0.95], white, axis=1)
    swell = 1 + 0.5 * np.sin(np.arange(n) / RATE * 2.1)
    return (0.1 * sound * swell / sound.std()).astype(np.float32)


def _mark(sound: np.ndarray, *, key: ProjectKey = KEY, generation_id: int = ID) -> np.ndarray:
    return np.concatenate(list(Watermarker(key, generation_id, channels=len(sound)).process([sound])), axis=1)


@pytest.fixture(scope="module")
def marked() -> np.ndarray:
    """10 s of marked noise, (1, n)."""
    return _mark(_weather(10))


def _assert_read(found: Detection | None) -> None:
    assert found is not None
    assert found.generation_id == ID
    assert found.key_id == KEY.key_id
    assert found.score > detecting.DETECTED


def test_a_mark_is_found_and_read_with_its_key_only(marked: np.ndarray):
    _assert_read(detect(marked, RATE, [OTHER, KEY]))
    assert detect(marked, RATE, [OTHER]) is None


def test_an_unmarked_sound_is_not_detected_with_any_key():
    keys = [ProjectKey(bytes([i]) * 32) for i in range(12)]
    assert detect(_weather(20, seed=9), RATE, keys) is None


@pytest.mark.parametrize("sound", [np.zeros(0, np.float32), np.zeros((2, 0)), np.zeros(100), np.zeros((2, 200_000))])
def test_silence_and_nothing_are_not_detected(sound: np.ndarray):
    assert detect(sound, RATE, [KEY]) is None


def test_samples_that_are_no_numbers_neither_raise_an_alarm_nor_hide_a_mark(marked: np.ndarray):
    broken = np.array([np.nan, np.inf, -np.inf, 1e30], np.float32)
    unmarked = _weather(8)
    unmarked[0, 100_000:100_004] = broken
    assert detect(unmarked, RATE, [KEY]) is None
    spoilt = marked.copy()
    spoilt[0, 100_000:100_004] = broken
    _assert_read(detect(spoilt, RATE, [KEY]))


def test_a_steady_tone_is_not_detected():
    tone = np.sin(np.arange(10 * RATE) * 2 * np.pi * 997 / RATE).astype(np.float32)
    assert detect(tone, RATE, [KEY]) is None


@pytest.mark.parametrize("first", [1, 777, 33_333, 100_000])
def test_a_crop_anywhere_keeps_the_mark(marked: np.ndarray, first: int):
    _assert_read(detect(marked[:, first : first + 5 * RATE], RATE, [KEY]))


def test_gain_and_16_bits_keep_the_mark(marked: np.ndarray):
    _assert_read(detect(np.round(marked * 0.25 * 32768) / 32768, RATE, [KEY]))


def test_polarity_and_a_mono_mix_keep_the_mark():
    stereo = _mark(_weather(8, channels=2))
    _assert_read(detect(-stereo, RATE, [KEY]))
    _assert_read(detect(stereo.mean(axis=0), RATE, [KEY]))


@pytest.mark.parametrize("rate", [32000, 44100, 96000])
def test_another_sample_rate_keeps_the_mark(marked: np.ndarray, rate: int):
    _assert_read(detect(soxr.resample(marked[0], RATE, rate), rate, [KEY]))


def test_a_mark_6_db_under_unmarked_noise_is_found(marked: np.ndarray):
    found = detect(marked + 2 * _weather(10, seed=5), RATE, [KEY])
    assert found is not None
    assert found.generation_id in (None, ID)


@pytest.mark.parametrize("speed", [1.001, 25 / 24, 24 / 25])
def test_film_speeds_are_found(marked: np.ndarray, speed: float):
    played = soxr.resample(marked[0], RATE * speed, RATE)
    found = detect(played, RATE, [KEY])
    _assert_read(found)
    assert found.speed == pytest.approx(speed, abs=0.0015)


def test_any_speed_is_found_by_a_fine_search(marked: np.ndarray):
    played = soxr.resample(marked[0], RATE * 1.013, RATE)
    assert detect(played, RATE, [KEY]) is None
    _assert_read(detect(played, RATE, [KEY], speeds=speed_grid(most=0.02)))


def test_a_mark_is_localised_within_a_longer_sound(marked: np.ndarray):
    sound = 0.5 * _weather(60, seed=2)
    sound[:, 20 * RATE : 30 * RATE] += marked
    (found,) = localise(sound, RATE, [KEY])
    _assert_read(found)
    assert found.start_s == pytest.approx(20, abs=0.7)
    assert found.end_s == pytest.approx(30, abs=0.7)


def test_a_mark_of_a_minute_is_one_detection_from_end_to_end():
    (found,) = localise(_mark(_weather(75, seed=3)), RATE, [KEY])
    _assert_read(found)
    assert found.spans == ((pytest.approx(0, abs=0.3), pytest.approx(75, abs=0.3)),)


def test_two_generations_after_each_other_are_two_detections():
    sound = np.concatenate([_mark(_weather(12)), _mark(_weather(12, seed=1), generation_id=99)], axis=1)
    first, second = localise(sound, RATE, [KEY])
    assert (first.generation_id, second.generation_id) == (ID, 99)
    assert first.end_s == pytest.approx(12, abs=0.7)
    assert second.start_s == pytest.approx(12, abs=0.7)


def test_two_stems_over_each_other_are_both_found():
    sound = _mark(_weather(16)) + _mark(_weather(16, seed=1), generation_id=99)
    assert {one.generation_id for one in localise(sound, RATE, [KEY])} == {ID, 99}


def test_stems_of_two_projects_over_each_other_are_told_apart():
    sound = _mark(_weather(16)) + _mark(_weather(16, seed=1), key=OTHER, generation_id=99)
    found = {one.key_id: one.generation_id for one in localise(sound, RATE, [KEY, OTHER])}
    assert found == {KEY.key_id: ID, OTHER.key_id: 99}


def test_a_short_sound_is_detected_even_where_the_id_cannot_be_read(marked: np.ndarray):
    found = [detect(marked[:, at * RATE : (at + 1) * RATE], RATE, [KEY], speeds=(1.0,)) for at in range(10)]
    assert sum(one is not None for one in found) >= 4
    assert all(one.generation_id in (None, ID) for one in found if one)


def test_a_stream_gives_the_same_as_a_whole_sound_whatever_its_blocks():
    sound = _mark(_weather(50, seed=6))
    whole = localise(sound, RATE, [KEY])
    blocks = [sound[:, at : at + 10_007] for at in range(0, sound.shape[1], 10_007)]
    assert detect_stream(blocks, [KEY]) == whole


def test_memory_does_not_grow_with_the_length():
    second = _weather(1)

    def seconds(n: int) -> Iterator[np.ndarray]:
        for _ in range(n):
            yield second

    def peak(n: int) -> int:
        tracemalloc.start()
        detect_stream(seconds(n), [KEY], speeds=(1.0,))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(35)
    assert peak(140) < 1.2 * peak(35)


def test_no_keys_and_wrong_shapes_are_refused():
    with pytest.raises(WatermarkError, match="at least one"):
        detect(np.zeros(48000, np.float32), RATE, [])
    with pytest.raises(WatermarkError, match="shape"):
        detect(np.zeros((48000, 2), np.float32), RATE, [KEY])


def test_nothing_found_is_never_called_more_than_not_detected(marked: np.ndarray):
    assert describe(None) == "watermark not detected"
    text = describe(detect(marked, RATE, [KEY]))
    assert "0123456789ab" in text
    assert KEY.key_id in text


def test_the_score_of_unmarked_sound_is_that_of_chance():
    """One alignment of one key is a fair coin's walk: mean 0, deviation 1, whatever the sound is."""
    from otio_v2a.watermark import evidence, grid

    tiles = evidence.Evidence(_weather(9, seed=8)).at(1.0)
    best = [
        detecting._scores(tiles, grid.pattern_of(ProjectKey(bytes([i]) * 32)).sync, n_speeds=1).max() for i in range(40)
    ]
    # The largest of 384 alignments (5 parts of the bands, corrected): about 3.
    assert 2.3 < np.mean(best) < 3.9
    assert max(best) < 5


@pytest.mark.footage
@pytest.mark.parametrize(
    "name", ["max-samples/guitar.flac", "mod-sounds/church_bells_02.ogg", "max-samples/birds1.flac"]
)
def test_real_sounds_carry_their_id_through_crop_and_quantisation(sounds: Path, name: str):
    import soundfile

    sound, rate = soundfile.read(sounds / name, dtype="float32", always_2d=True)
    host = np.ascontiguousarray(soxr.resample(sound, rate, RATE).T, np.float32)
    assert detect(host, RATE, [KEY]) is None
    worn = np.round(_mark(host)[:, 12_345 : 12_345 + 6 * RATE] * 0.5 * 32768) / 32768
    _assert_read(detect(worn, RATE, [KEY]))
