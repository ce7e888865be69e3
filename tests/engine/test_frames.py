"""The nearest frame, at every rate, time map and window, against the truth that is coded into the frames."""

import random
from collections.abc import Callable
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otio_v2a_engine import frames, picture_files
from otio_v2a_engine.contract import Picture, PictureError
from otio_v2a_engine.picture_scale import Scaler

RATES = [
    Fraction(24000, 1001),
    Fraction(24),
    Fraction(25),
    Fraction(30000, 1001),
    Fraction(30),
    Fraction(48),
    Fraction(50),
    Fraction(60000, 1001),
    Fraction(60),
    Fraction(100),
    Fraction(120000, 1001),
    Fraction(120),
]
GROUPED = {"g": "12", "bf": "2", "preset": "ultrafast", "x264-params": "scenecut=0"}


def nearest(times: list[Fraction], time: Fraction) -> int:
    """Index of the nearest time, ties to the earlier: by looking at all of them."""
    return min(range(len(times)), key=lambda index: (abs(times[index] - time), index))


def numbers(picture: Picture, times: list[Fraction], read_number: Callable) -> list[int]:
    """The coded numbers shown at request times."""
    return [read_number(image) for image in frames.read_frames(picture, times, width=4, height=3, fit="stretch")]


@pytest.mark.parametrize("rate", RATES, ids=str)
def test_nearest_frame_at_every_rate_without_bias(
    tmp_path: Path, make_movie: Callable, read_number: Callable, rate: Fraction
) -> None:
    path = make_movie(tmp_path / "a.mov", n=150, rate=rate, options=GROUPED)
    shown = [number / rate for number in range(150)]
    rng = random.Random(str(rate))
    errors = []
    for _ in range(5):
        start = Fraction(rng.randrange(int(100 / rate * 48000)), 48000)
        times = sorted(Fraction(rng.randrange(int(50 / rate * 48000)), 48000) for _ in range(60))
        got = numbers(Picture(str(path), start_s=start), times, read_number)
        assert got == [nearest(shown, start + time) for time in times]
        errors += [float(shown[number] - start - time) for number, time in zip(got, times, strict=True)]
    assert max(map(abs, errors)) <= float(1 / rate) / 2 + 1e-9
    # Uniform times leave a mean within four standard errors of none; a first-at-or-after rule leaves half a frame.
    assert abs(np.mean(errors)) < 4 * float(1 / rate) / np.sqrt(12 * len(errors))
    assert numbers(Picture(str(path)), [Fraction(n) / rate for n in range(150)], read_number) == list(range(150))


def test_the_whole_grid_of_an_engine_has_a_mean_error_under_a_millisecond(
    tmp_path: Path, make_movie: Callable, read_number: Callable
) -> None:
    rate = Fraction(24000, 1001)
    path = make_movie(tmp_path / "a.mp4", n=300, rate=rate, options=GROUPED)
    times = [Fraction(index, 25) for index in range(300)]
    got = numbers(Picture(str(path)), times, read_number)
    errors = [float(number / rate - time) for number, time in zip(got, times, strict=True)]
    assert abs(np.mean(errors)) < 1e-3


def test_ties_go_to_the_earlier_frame(tmp_path: Path, make_movie: Callable, read_number: Callable) -> None:
    path = make_movie(tmp_path / "a.mov", n=20, options=GROUPED)
    assert numbers(Picture(str(path)), [Fraction(2 * n + 1, 50) for n in range(19)], read_number) == list(range(19))


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_variable_rate_movie_gives_the_nearest_of_all_presentation_times(
    data: st.DataObject,
    make_movie: Callable,
    read_number: Callable,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    steps = data.draw(st.lists(st.integers(1, 400), min_size=30, max_size=60))
    ticks = np.cumsum([0, *steps]).tolist()
    path = make_movie(
        tmp_path_factory.mktemp("vfr") / "a.mkv",
        n=len(ticks),
        ticks=ticks,
        time_base=Fraction(1, 1000),
        rate=Fraction(30),
        options=GROUPED,
    )
    shown = [Fraction(tick, 1000) for tick in ticks]
    start = data.draw(st.fractions(0, shown[-1], max_denominator=48000))
    speed = data.draw(st.sampled_from([Fraction(1), Fraction(1, 3), Fraction(5, 2), Fraction(-1), Fraction(-7, 3)]))
    times = sorted(data.draw(st.lists(st.fractions(0, 3, max_denominator=1000), min_size=1, max_size=12)))
    picture = Picture(str(path), start_s=start, speed=speed)
    assert numbers(picture, times, read_number) == [nearest(shown, picture.media_time(time)) for time in times]


def test_probe_tells_variable_from_constant_rates(tmp_path: Path, make_movie: Callable) -> None:
    ticks = np.cumsum([0, *([33, 34, 33, 50] * 12)]).tolist()
    varied = make_movie(tmp_path / "a.mkv", n=len(ticks), ticks=ticks, time_base=Fraction(1, 1000), options=GROUPED)
    fixed = make_movie(tmp_path / "b.mkv", n=50, rate=Fraction(30000, 1001), options=GROUPED)
    assert frames.probe(Picture(str(varied))).is_vfr
    info = frames.probe(Picture(str(fixed)))
    assert not info.is_vfr
    assert (info.rate, info.n_frames, info.width, info.height) == (Fraction(30000, 1001), 50, 128, 96)
    assert abs(info.duration_s - 50 * Fraction(1001, 30000)) < Fraction(1, 500)


def test_probe_measures_a_long_movie_to_the_frame(tmp_path: Path, make_movie: Callable) -> None:
    path = make_movie(tmp_path / "a.mp4", n=600, rate=Fraction(24000, 1001), options=GROUPED)
    info = frames.probe(Picture(str(path)))
    assert (info.duration_s, info.n_frames, info.is_vfr) == (600 * Fraction(1001, 24000), 600, False)


def test_times_beyond_the_movie_hold_its_ends(tmp_path: Path, make_movie: Callable, read_number: Callable) -> None:
    path = make_movie(tmp_path / "a.mp4", n=30, options=GROUPED)
    times = [Fraction(0), Fraction(1), Fraction(2), Fraction(100)]
    assert numbers(Picture(str(path), start_s=Fraction(-1)), times, read_number) == [0, 0, 25, 29]
    held = Picture(str(path), first_s=Fraction(5, 25), last_s=Fraction(12, 25))
    assert numbers(held, times, read_number) == [5, 12, 12, 12]


def test_a_window_shows_what_the_whole_shows(tmp_path: Path, make_movie: Callable, read_number: Callable) -> None:
    path = make_movie(tmp_path / "a.mp4", n=120, options=GROUPED)
    picture = Picture(str(path), start_s=Fraction(1, 10), speed=Fraction(3, 4))
    times = [Fraction(index, 7) for index in range(28)]
    window = picture.window(Fraction(11, 7), Fraction(3))
    later = [time - Fraction(11, 7) for time in times[11:]]
    assert numbers(window, later, read_number) == numbers(picture, times, read_number)[11:]


def test_a_reversed_movie_plays_backwards_across_chunks(
    tmp_path: Path, make_movie: Callable, read_number: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_movie(tmp_path / "a.mp4", n=100, options=GROUPED)
    monkeypatch.setattr(frames, "_REVERSE_FRAMES", 7)
    picture = Picture(str(path), start_s=Fraction(99, 25), speed=Fraction(-1))
    assert numbers(picture, [Fraction(n, 25) for n in range(110)], read_number) == [max(99 - n, 0) for n in range(110)]


def test_a_freeze_is_decoded_once(
    tmp_path: Path, make_movie: Callable, read_number: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_movie(tmp_path / "a.mp4", n=50, options=GROUPED)
    scaled = []
    original = frames.Scaler.__call__

    def count(self, frame, **more):
        scaled.append(frame)
        return original(self, frame, **more)

    monkeypatch.setattr(frames.Scaler, "__call__", count)
    picture = Picture(str(path), start_s=Fraction(31, 25), speed=Fraction(0))
    assert numbers(picture, [Fraction(n, 8) for n in range(100)], read_number) == [31] * 100
    assert len(scaled) == 1


def test_a_late_window_decodes_only_from_the_key_frame_before(
    tmp_path: Path, make_movie: Callable, read_number: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_movie(tmp_path / "a.mp4", n=1000, options=GROUPED)
    decoded = []
    original = picture_files.Movie._frames

    def count(self, packets):
        for frame in original(self, packets):
            decoded.append(frame.pts)
            yield frame

    monkeypatch.setattr(picture_files.Movie, "_frames", count)
    assert numbers(Picture(str(path), start_s=Fraction(900, 25)), [Fraction(0)], read_number) == [900]
    assert len(decoded) < 30


def test_far_apart_times_are_reached_by_seeking(
    tmp_path: Path, make_movie: Callable, read_number: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_movie(tmp_path / "a.mp4", n=1500, options=GROUPED)
    decoded = []
    original = picture_files.Movie._frames

    def count(self, packets):
        for frame in original(self, packets):
            decoded.append(frame.pts)
            yield frame

    monkeypatch.setattr(picture_files.Movie, "_frames", count)
    got = numbers(Picture(str(path)), [Fraction(19 * n) for n in range(4)], read_number)
    assert got == [0, 475, 950, 1425]
    assert len(decoded) < 150


def test_a_seek_that_lands_late_is_tried_from_further_back(
    tmp_path: Path, make_movie: Callable, read_number: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_movie(tmp_path / "a.mp4", n=300, options=GROUPED)

    class Late:
        """A container whose index is off by four seconds."""

        def __init__(self, container):
            self._container = container

        def __getattr__(self, name):
            return getattr(self._container, name)

        def seek(self, ticks, **more):
            self._container.seek(ticks + 4 * 12800, **more)

    opened = picture_files.open_container
    monkeypatch.setattr(picture_files, "open_container", lambda *a, **k: Late(opened(*a, **k)))
    assert numbers(Picture(str(path), start_s=Fraction(7)), [Fraction(0), Fraction(1)], read_number) == [175, 200]
    Late.seek = lambda self, ticks, **more: self._container.seek(250 * 512, **more)
    assert numbers(Picture(str(path), start_s=Fraction(7)), [Fraction(0), Fraction(1)], read_number) == [175, 200]


def test_frames_are_new_arrays(tmp_path: Path, make_movie: Callable) -> None:
    path = make_movie(tmp_path / "a.mp4", n=5)
    images = list(frames.read_frames(Picture(str(path)), [Fraction(0)] * 3, width=8, height=6))
    images[0][:] = 77
    assert not (images[1] == 77).any()
    assert images[1].shape == (6, 8, 3)
    assert images[1].dtype == np.uint8
    assert images[1].flags["C_CONTIGUOUS"]


def test_no_times_open_nothing() -> None:
    assert list(frames.read_frames(Picture("/nowhere.mov"), [], width=4, height=3)) == []


@pytest.mark.parametrize(("times", "width"), [([Fraction(1), Fraction(0)], 4), ([Fraction(0)], 0)])
def test_descending_times_and_empty_sizes_are_refused(times: list[Fraction], width: int) -> None:
    with pytest.raises(ValueError, match=r"ascending|positive"):
        list(frames.read_frames(Picture("/nowhere.mov"), times, width=width, height=3))


@pytest.mark.footage
def test_real_footage_gives_the_nearest_of_all_its_frames_with_a_mean_error_under_a_millisecond(footage: Path) -> None:
    rng = random.Random(7)
    errors = []
    for path in sorted(p for p in footage.iterdir() if p.suffix in (".mp4", ".webm")):
        scale = Scaler(width=48, height=32, fit="stretch")
        shown: list[Fraction] = []
        truth = []
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            for frame in islice(container.decode(stream), 70):
                shown.append(frame.pts * stream.time_base)
                truth.append(scale(frame, aspect=Fraction(1)))
        shown = [time - shown[0] for time in shown]
        assert all(a < b for a, b in pairwise(shown))
        for start in (Fraction(0), shown[-1] * Fraction(6, 10)):
            length = shown[-2] - start
            times = [length * (index + Fraction(rng.randrange(1000), 1000)) / 20 for index in range(20)]
            picture = Picture(str(path), start_s=start)
            images = frames.read_frames(picture, times, width=48, height=32, fit="stretch")
            for time, image in zip(times, images, strict=True):
                index = nearest(shown, start + time)
                assert np.array_equal(image, truth[index]), (path.name, float(start + time))
                errors.append(float(shown[index] - start - time))
    assert abs(np.mean(errors)) < 1e-3


def test_a_missing_file_is_named() -> None:
    with pytest.raises(PictureError, match=r"/nowhere/a\.mov.*relink"):
        list(frames.read_frames(Picture("/nowhere/a.mov"), [Fraction(0)], width=4, height=3))
