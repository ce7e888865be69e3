"""What lasts sounds while it is seen to, and is left alone where nobody sees when."""

import numpy as np

from otio_v2a_engine.models.lasting import while_seen
from otio_v2a_engine.models.mel import SAMPLE_RATE, log_mel, loudness_db


def _noise(seconds: float = 4.0) -> np.ndarray:
    rng = np.random.default_rng(2)
    return log_mel((0.05 * rng.standard_normal(round(seconds * SAMPLE_RATE))).astype(np.float32))


def test_it_falls_silent_where_it_is_not_seen_and_stays_as_it_is_where_it_is() -> None:
    mel, levels = _noise(), np.full(100, 0.05, np.float32)
    levels[30:70] = 0.9
    made = while_seen(mel, levels)
    assert made.shape == mel.shape
    assert np.array_equal(made[125:275], mel[125:275])
    before, after = loudness_db(made)[:110].mean(), loudness_db(made)[290:].mean()
    assert max(before, after) < loudness_db(mel).mean() - 40


def test_it_begins_within_a_few_frames_of_what_is_seen() -> None:
    levels = np.zeros(100, np.float32)
    levels[50:] = 1.0
    loud = loudness_db(while_seen(_noise(), levels))
    first = int(np.argmax(loud > loud[300] - 10))
    assert 190 <= first <= 200


def test_what_is_hardly_seen_anywhere_and_what_looks_alike_throughout_is_left_alone() -> None:
    mel = _noise()
    rng = np.random.default_rng(1)
    assert while_seen(mel, rng.uniform(0, 0.4, 100).astype(np.float32)) is mel
    steady = while_seen(mel, np.full(100, 0.8, np.float32))
    assert np.array_equal(steady, mel)


def test_a_level_that_wavers_a_little_is_allowed_to() -> None:
    mel = _noise()
    wavering = (0.8 + 0.05 * np.sin(np.arange(100))).astype(np.float32)
    assert np.abs(loudness_db(while_seen(mel, wavering)) - loudness_db(mel)).max() < 3
