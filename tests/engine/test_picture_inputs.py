"""Frames in memory are read as a file that holds them is: which frame is shown when, and its pixels."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from otio_v2a_engine.contract import Picture
from otio_v2a_engine.frames import read_frames
from otio_v2a_engine.models.motion import token_times
from otio_v2a_engine.picture_inputs import FrameArray, GivenPicture

SIZE = {"width": 32, "height": 20, "fit": "crop"}


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (30, 60, 96, 3), np.uint8)


@pytest.fixture(scope="module")
def files(frames: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("frames")
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / f"f.{number:04d}.png")
    return str(folder / "f.%04d.png")


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(24000, 1001), Fraction(12), Fraction(60)])
@pytest.mark.parametrize(("start", "speed"), [(0, 1), (Fraction(1, 3), Fraction(1, 2)), (1, -1), (Fraction(1, 2), 0)])
def test_each_time_shows_the_frame_that_a_file_would_show(
    frames: np.ndarray, files: str, rate: Fraction, start: Fraction, speed: Fraction
) -> None:
    held = FrameArray.of(frames, fps=rate)
    in_files = Picture(files, Fraction(start), Fraction(speed), sequence_rate=rate)
    times = token_times(35)  # goes beyond the end
    mine = np.stack(list(held.read(in_files, times, **SIZE)))
    assert np.array_equal(mine, np.stack(list(read_frames(in_files, times, **SIZE))))
    assert mine.shape == (35, 20, 32, 3)


def test_a_picture_lasts_as_long_as_its_frames(frames: np.ndarray, files: str) -> None:
    held = GivenPicture.of(frames, fps=23.976, cuts=[0.5])
    assert held.duration_s() == Fraction(30 * 1001, 24000)
    assert held.picture.cuts_s == (Fraction(1, 2),)
    listed = GivenPicture.of(Path(files), fps=23.976, cuts=())
    assert listed.duration_s() == held.duration_s()
    assert listed.read is None
    whole = Picture(files, sequence_rate=Fraction(25))
    assert GivenPicture.of(whole, fps=None, cuts=()).duration_s() == Fraction(30, 25)
    with pytest.raises(ValueError, match="by itself"):
        GivenPicture.of(whole, fps=25, cuts=())
    with pytest.raises(ValueError, match=r"needs its rate: fps=24"):
        GivenPicture.of(files, fps=None, cuts=())


def test_floats_from_a_video_model_become_the_nearest_of_256_steps(frames: np.ndarray) -> None:
    held = FrameArray.of((frames / 255.0).astype(np.float32), fps=8)
    assert np.array_equal(held.frames, frames)
