"""The fake engine is a ruler: it clicks on the sample where the picture flashes."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from otio_v2a_engine.conformance import write_flash_movie
from otio_v2a_engine.contract import Cancelled, Picture, PromptSpec, RenderRequest, Role, UnsupportedRequest
from otio_v2a_engine.fake import FakeEngine
from otio_v2a_engine.lengths import position

RATE = 48000
FLASHES = (5, 12, 40)


@pytest.fixture(scope="module")
def flash_movie(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Fraction], Path]:
    folder = tmp_path_factory.mktemp("flashes")

    def movie(rate: Fraction) -> Path:
        path = folder / f"{rate.numerator}-{rate.denominator}.mov"
        return path if path.exists() else write_flash_movie(path, rate=rate, flashes=FLASHES, n_frames=60)

    return movie


def onsets(picture: Picture, n_samples: int, *, cancelled: Callable[[], bool] = lambda: False) -> list[int]:
    request = RenderRequest(picture=picture, prompt=PromptSpec("knock"), n_samples=n_samples, channels=1)
    sound = FakeEngine("cpu").render(request, on_progress=lambda _: None, cancelled=cancelled).samples[0]
    loud = np.flatnonzero(np.abs(sound) > 0.3)
    return [int(at) for at in loud[np.diff(loud, prepend=-RATE) > RATE // 100]]


@pytest.mark.parametrize(
    "rate", [Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(60)]
)
def test_every_flash_clicks_on_its_sample(flash_movie: Callable[[Fraction], Path], rate: Fraction) -> None:
    picture = Picture(str(flash_movie(rate)))
    n_samples = position(59 / rate, RATE)
    assert onsets(picture, n_samples) == [position(frame / rate, RATE) for frame in FLASHES]


def test_clicks_follow_trim_speed_and_direction(flash_movie: Callable[[Fraction], Path]) -> None:
    rate = Fraction(25)
    path = str(flash_movie(rate))
    trimmed = Picture(path, start_s=Fraction(10, 25))
    assert onsets(trimmed, RATE) == [position(Fraction(2, 25), RATE)]
    slow = Picture(path, speed=Fraction(1, 2))
    assert onsets(slow, 2 * RATE) == [position(2 * frame / rate, RATE) for frame in FLASHES[:2]]
    fast = Picture(path, speed=Fraction(3))
    assert onsets(fast, RATE // 2)[0] == position(5 / rate / 3, RATE)
    reverse = Picture(path, start_s=Fraction(50, 25), speed=Fraction(-1))
    assert onsets(reverse, 2 * RATE) == [position((50 - frame) / rate, RATE) for frame in reversed(FLASHES)]
    assert onsets(Picture(path, start_s=Fraction(5, 25), speed=Fraction(0)), RATE) == []


def test_a_flash_on_the_first_frame_of_a_window_clicks_on_its_first_sample(
    flash_movie: Callable[[Fraction], Path],
) -> None:
    picture = Picture(str(flash_movie(Fraction(25))), start_s=Fraction(12, 25))
    assert onsets(picture, RATE)[0] == 0


def test_every_input_changes_the_bytes(flash_movie: Callable[[Fraction], Path]) -> None:
    request = RenderRequest(picture=Picture(str(flash_movie(Fraction(25)))), prompt=PromptSpec(), n_samples=9000)
    variants = [
        request,
        replace(request, seed=1),
        replace(request, prompt=PromptSpec(text="a")),
        replace(request, prompt=PromptSpec(negative_text="a")),
        replace(request, prompt=PromptSpec(transcript="a")),
        *(replace(request, prompt=PromptSpec(role=role)) for role in (Role.AMB, Role.MUS, Role.DX)),
        replace(request, picture=request.picture.window(Fraction(1, 5), Fraction(1))),
    ]
    sounds = {
        FakeEngine("cpu").render(each, on_progress=lambda _: None, cancelled=lambda: False).samples.tobytes()
        for each in variants
    }
    assert len(sounds) == len(variants)


def test_reading_the_picture_can_be_cancelled(flash_movie: Callable[[Fraction], Path]) -> None:
    with pytest.raises(Cancelled):
        onsets(Picture(str(flash_movie(Fraction(25)))), RATE, cancelled=lambda: True)


def test_it_runs_on_a_cpu_only() -> None:
    with pytest.raises(UnsupportedRequest, match="cpu"):
        FakeEngine("cuda")
