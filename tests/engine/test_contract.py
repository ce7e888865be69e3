"""What requests, pictures, sounds and declarations accept."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otio_v2a_engine.contract import (
    LONGEST_SPAN_S,
    Cancelled,
    EngineError,
    Picture,
    PictureError,
    PromptSpec,
    RenderedAudio,
    RenderRequest,
    Role,
    Sampling,
    UnsupportedRequest,
    WeightsError,
)
from otio_v2a_engine.specs import FAKE

times = st.fractions(min_value=-100, max_value=100, max_denominator=1001)
REQUEST = RenderRequest(picture=Picture("/a.mov"), prompt=PromptSpec(), n_samples=48000)


def test_every_error_is_an_engine_error() -> None:
    for kind in (Cancelled, PictureError, UnsupportedRequest, WeightsError):
        assert issubclass(kind, EngineError)


@given(start=times, speed=times, shift=times.filter(lambda t: t >= 0), time=times)
def test_a_later_window_shows_the_same_picture_at_the_same_moment(
    start: Fraction, speed: Fraction, shift: Fraction, time: Fraction
) -> None:
    picture = Picture("/a.mov", start_s=start, speed=speed, first_s=Fraction(-5), last_s=Fraction(7))
    assert picture.window(shift, Fraction(1)).media_time(time) == picture.media_time(time + shift)


@pytest.mark.parametrize(
    ("speed", "at", "shown"), [(1, 1, 3), (0, 9, 2), (-1, 1, 1), (-1, 5, 0), (2, 1, 4), (2, 90, 10)]
)
def test_media_time_is_held_at_the_ends(speed: int, at: int, shown: int) -> None:
    picture = Picture("/a.mov", start_s=Fraction(2), speed=Fraction(speed), last_s=Fraction(10))
    assert picture.media_time(Fraction(at)) == shown


def test_a_window_keeps_the_cuts_inside_it_and_everything_else() -> None:
    picture = Picture(
        "/a.%04d.exr",
        cuts_s=(Fraction(1), Fraction(2), Fraction(3)),
        sequence_rate=Fraction(24),
        sequence_first=1001,
        last_s=Fraction(9),
    )
    window = picture.window(Fraction(1), Fraction(2))
    assert window.cuts_s == (1,)
    assert replace(window, start_s=picture.start_s, cuts_s=picture.cuts_s) == picture


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"path": ""}, "needs a path"),
        ({"path": "/a\0b"}, "needs a path"),
        ({"first_s": Fraction(2), "last_s": Fraction(1)}, "ends"),
        ({"cuts_s": (Fraction(2), Fraction(1))}, "ascending"),
        ({"cuts_s": (Fraction(1), Fraction(1))}, "ascending"),
        ({"sequence_rate": Fraction(0)}, "positive rate"),
    ],
)
def test_an_impossible_picture_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(Picture("/a.mov"), **change)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n_samples": 0}, "at least one sample"),
        ({"n_samples": LONGEST_SPAN_S * 48000 + 1}, "may last"),
        ({"sample_rate": 0}, "sample rate"),
        ({"channels": 3}, "channels"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**63}, "seed"),
    ],
)
def test_an_impossible_request_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(REQUEST, **change)


@pytest.mark.parametrize("settings", [{"steps": 0}, {"steps": 1001}, {"guidance": -1.0}, {"guidance": float("nan")}])
def test_impossible_sampler_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Sampling(**settings)


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (np.zeros((2, 5)), "float32"),
        (np.zeros(5, np.float32), "float32"),
        (np.full((1, 5), np.nan, np.float32), "finite"),
        (np.full((1, 5), np.inf, np.float32), "finite"),
        (np.full((1, 5), -1.0001, np.float32), "full scale"),
    ],
)
def test_sound_that_is_no_sound_is_refused(samples: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        RenderedAudio(samples=samples, sample_rate=48000)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sample_rate": 96000}, "48000"),
        ({"n_samples": 8 * 48000 + 1}, "at most 8 s"),
        ({"prompt": PromptSpec(role=Role.DX)}, "makes FX, AMB"),
        ({"channels": 1}, "channels"),
    ],
)
def test_an_undeclared_ability_is_refused_with_what_there_is(change: dict[str, Any], words: str) -> None:
    info = replace(FAKE.info, roles=(Role.FX, Role.AMB), channels=(2,))
    info.check(REQUEST)
    with pytest.raises(UnsupportedRequest, match=words):
        info.check(replace(REQUEST, **change))


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Two Words"},
        {"name": ""},
        {"version": ""},
        {"roles": ()},
        {"channels": (6,)},
        {"max_window_s": Fraction(1, 1000)},
        {"default_steps": 0},
        {"cost_factor": 0.0},
        {"cost_factor": float("nan")},
    ],
)
def test_a_declaration_that_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="engine"):
        replace(FAKE.info, **change)
