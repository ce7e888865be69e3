"""Shot borders: exact to the frame, in request time, and undisturbed by light and motion."""

import json
from collections.abc import Callable
from fractions import Fraction
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from otio_v2a_engine.contract import Cancelled, Picture, PictureError, Progress
from otio_v2a_engine.frames import iter_frames, probe
from otio_v2a_engine.shots import find_shots

WIDTH, HEIGHT = 160, 96
LOSSLESS = {"preset": "ultrafast", "crf": "12", "g": "25"}
TRUTH = Path(__file__).parents[1] / "data" / "footage_cuts.json"


def scene(seed: int, *, width: int = 400, height: int = 300) -> np.ndarray:
    """A still world with structure of many sizes, RGB."""
    rng = np.random.default_rng(seed)
    world = np.full((height, width, 3), rng.integers(60, 190, 3), float)
    for _ in range(60):
        w, h = rng.integers(8, 90, 2)
        x, y = rng.integers(0, width - 8), rng.integers(0, height - 8)
        world[y : y + h, x : x + w] = rng.integers(10, 245, 3)
    return world


def look(world: np.ndarray, x: float, y: float, *, light: float = 1.0) -> np.ndarray:
    """What a camera at a place sees."""
    left, top = int(x), int(y)
    return np.clip(world[top : top + HEIGHT, left : left + WIDTH] * light, 0, 255).astype(np.uint8)


def pan(seed: int, n: int, *, speed: float = 1.5, shake: float = 0.0) -> list[np.ndarray]:
    """A moving shot."""
    rng, world = np.random.default_rng(seed + 1000), scene(seed)
    return [look(world, 10 + speed * i + shake * rng.random(), 10 + shake * rng.random()) for i in range(n)]


def borders(path: Path, rate: Fraction) -> list[Fraction]:
    """Borders in frames."""
    picture = Picture(str(path))
    return [cut * rate for cut in find_shots(picture, probe(picture).duration_s)]


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(25), Fraction(60000, 1001), Fraction(120)], ids=str)
def test_a_border_is_the_first_frame_of_the_new_shot(tmp_path: Path, make_movie: Callable, rate: Fraction) -> None:
    shots = [pan(1, 31), pan(2, 17, speed=-0.05), pan(3, 6), pan(4, 40, shake=6), pan(5, 23)]
    path = make_movie(tmp_path / "a.mov", list(chain.from_iterable(shots)), rate=rate, options=LOSSLESS)
    assert borders(path, rate) == [31, 48, 54, 94]


def test_two_frames_are_enough_for_a_shot(tmp_path: Path, make_movie: Callable) -> None:
    path = make_movie(tmp_path / "a.mp4", pan(1, 20) + pan(2, 2) + pan(3, 20), options=LOSSLESS)
    assert borders(path, Fraction(25)) == [20, 22]


@pytest.mark.parametrize("light", [0.4, 1.9, 3.0])
@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_flash_is_no_border(tmp_path: Path, make_movie: Callable, light: float, length: int) -> None:
    world = scene(7)
    shot = [look(world * 0.5 + 20, 10 + i, 20, light=light if 30 <= i < 30 + length else 1.0) for i in range(60)]
    path = make_movie(tmp_path / "a.mp4", shot, options=LOSSLESS)
    assert borders(path, Fraction(25)) == []


@pytest.mark.parametrize(("speed", "shake"), [(0, 0), (4, 0), (1, 12), (3, 8)])
def test_camera_motion_is_no_border(tmp_path: Path, make_movie: Callable, speed: float, shake: float) -> None:
    path = make_movie(tmp_path / "a.mp4", pan(11, 50, speed=speed, shake=shake), options=LOSSLESS)
    assert borders(path, Fraction(25)) == []


def test_a_fade_has_no_border(tmp_path: Path, make_movie: Callable) -> None:
    world = scene(3)
    fade = [look(world, 20 + i, 20, light=min(1.0, i / 30)) for i in range(50)]
    path = make_movie(tmp_path / "a.mp4", fade, options=LOSSLESS)
    assert borders(path, Fraction(25)) == []


def test_repeated_frames_do_not_hide_borders_or_make_some(tmp_path: Path, make_movie: Callable) -> None:
    slow = [image for image in pan(1, 20, speed=5) + pan(2, 20, speed=5) for _ in range(5)]
    path = make_movie(tmp_path / "a.mp4", slow, rate=Fraction(60), options=LOSSLESS)
    assert borders(path, Fraction(60)) == [100]


@pytest.mark.parametrize("speed", [Fraction(2), Fraction(1, 3), Fraction(-1), Fraction(-5, 2)], ids=str)
def test_borders_of_a_retimed_picture_are_request_times(tmp_path: Path, make_movie: Callable, speed: Fraction) -> None:
    path = make_movie(tmp_path / "a.mp4", pan(1, 30) + pan(2, 20) + pan(3, 25), options=LOSSLESS)
    start = Fraction(5 if speed > 0 else 70, 25)
    picture = Picture(str(path), start_s=start, speed=speed)
    # Backwards, frame 49 is the first of the middle shot to be seen, and frame 29 of the first shot.
    shown = [30, 50] if speed > 0 else [49, 29]
    wanted = tuple((Fraction(frame, 25) - start) / speed for frame in shown)
    assert find_shots(picture, Fraction(65, 25) / abs(speed)) == wanted
    assert find_shots(picture, wanted[1]) == wanted[:1]


def test_borders_outside_the_span_and_its_held_ends_do_not_count(tmp_path: Path, make_movie: Callable) -> None:
    path = make_movie(tmp_path / "a.mp4", pan(1, 30) + pan(2, 20) + pan(3, 25), options=LOSSLESS)
    span = Picture(str(path), start_s=Fraction(30, 25))
    assert find_shots(span, Fraction(20, 25)) == ()
    assert find_shots(span, Fraction(21, 25)) == (Fraction(20, 25),)
    held = Picture(str(path), first_s=Fraction(35, 25), last_s=Fraction(45, 25))
    assert find_shots(held, Fraction(3)) == ()
    assert find_shots(Picture(str(path), speed=Fraction(0)), Fraction(3)) == ()


def test_a_long_search_can_be_cancelled_and_reports_progress(tmp_path: Path, make_movie: Callable) -> None:
    path = make_movie(tmp_path / "a.mp4", pan(1, 60), options=LOSSLESS)
    heard: list[Progress] = []
    find_shots(Picture(str(path)), Fraction(60, 25), on_progress=heard.append)
    assert [p.done for p in heard] == sorted(p.done for p in heard)
    assert 0.95 < heard[-1].done / heard[-1].total <= 1
    asked: list[None] = []

    def cancelled() -> bool:
        asked.append(None)
        return len(asked) > 10

    with pytest.raises(Cancelled):
        find_shots(Picture(str(path)), Fraction(60, 25), cancelled=cancelled)
    assert len(asked) == 11


def test_a_missing_movie_is_named() -> None:
    with pytest.raises(PictureError, match=r"/nowhere\.mov"):
        find_shots(Picture("/nowhere.mov"), Fraction(1))


@pytest.mark.footage
@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name for name, truth in json.loads(TRUTH.read_text())["footage"].items() if truth["cuts"]]
)
def test_every_labelled_cut_of_real_footage_is_found_and_no_other(footage: Path, name: str) -> None:
    truth = json.loads(TRUTH.read_text())["footage"][name]
    picture = Picture(str(footage / name))
    info = probe(picture)
    found = {round(cut * info.rate) for cut in find_shots(picture, info.duration_s)} - set(truth["ignored"])
    found = {frame for frame in found if not any(first <= frame <= last for first, last in truth["gradual"])}
    assert found == set(truth["cuts"])


@pytest.mark.footage
@pytest.mark.slow
def test_unlabelled_joins_of_real_shots_are_found_to_the_frame(
    footage: Path, tmp_path: Path, make_movie: Callable
) -> None:
    """Splices that no threshold was chosen on: every pair of neighbours among takes without a cut."""
    truth = json.loads(TRUTH.read_text())["footage"]
    takes = [n for n, t in truth.items() if not t["cuts"] and not t["ignored"]]
    rng = np.random.default_rng(5)
    pictures, joins = [], []
    for name in [takes[i] for i in rng.permutation(len(takes))]:
        start = Fraction(int(rng.integers(0, 500)), 1000)
        shot = [image for _, image in iter_frames(Picture(str(footage / name)), start, start + 1, width=160, height=96)]
        joins.append(len(pictures))
        pictures += shot
    path = make_movie(tmp_path / "a.mp4", pictures, options=LOSSLESS)
    assert borders(path, Fraction(25)) == joins[1:]
