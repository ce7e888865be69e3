"""Single pictures in any order show what playing from the start shows, on synthetic and real movies."""

import random
from fractions import Fraction

import pytest

from otio_v2a.errors import MediaError
from otio_v2a.picture_reader import PictureReader
from otio_v2a_engine.contract import Picture


def frame_of(shown) -> int:
    """The frame, by its time; its grey must be that frame's, too, as well as the codec keeps it."""
    frame = max(0, round(shown.start_s * 25)) if shown.start_s > 0 else 0
    assert abs(int(shown.image[16, 32, 0]) - (16 + frame % 200)) <= 6
    return frame


@pytest.fixture
def movie(make_movie, tmp_path):
    return make_movie(tmp_path / "m.mov", frames=120, rate=25)


def reader_of(path, **options):
    return PictureReader(Picture(path=str(path), **options), rate=Fraction(25))


@pytest.mark.parametrize("order", ["forwards", "backwards", "any"])
def test_every_frame_is_found_in_every_order(movie, order):
    frames = list(range(120))
    if order == "backwards":
        frames.reverse()
    elif order == "any":
        random.Random(5).shuffle(frames)
    reader = reader_of(movie)
    for frame in frames:
        assert frame_of(reader.shown_at(Fraction(frame, 25), backwards=order == "backwards")) == frame
    reader.close()


def test_a_reversed_clip_shows_earlier_frames_and_holds_the_first(movie):
    reader = reader_of(movie, start_s=Fraction(50, 25), speed=Fraction(-1))
    found = [frame_of(reader.shown_at(Fraction(frame, 25))) for frame in range(60)]
    assert found == [max(0, 50 - frame) for frame in range(60)]
    reader.close()


def test_at_200_percent_every_other_frame_is_shown_and_the_last_is_held(movie):
    reader = reader_of(movie, start_s=Fraction(10, 25), speed=Fraction(2), last_s=Fraction(60, 25))
    for frame in (0, 1, 2, 20, 24, 25, 40):
        assert frame_of(reader.shown_at(Fraction(frame, 25))) == min(10 + 2 * frame, 60)
    reader.close()


def test_a_freeze_frame_stays(movie):
    reader = reader_of(movie, start_s=Fraction(33, 25), speed=Fraction(0))
    assert {frame_of(reader.shown_at(Fraction(frame, 25))) for frame in range(0, 50, 7)} == {33}
    reader.close()


def test_beyond_the_media_the_last_frame_is_held(movie):
    reader = reader_of(movie)
    shown = reader.shown_at(Fraction(10))
    assert frame_of(shown) == 119
    assert shown.stop_s == float("inf")
    reader.close()


def test_what_cannot_be_shown_is_named(tmp_path):
    with pytest.raises(MediaError, match=r"gone\.mov"):
        reader_of(tmp_path / "gone.mov")
    (tmp_path / "sound.wav").write_bytes(
        b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x80\xbb\0\0\0\x77\1\0\2\0\x10\0data\0\0\0\0"
    )
    with pytest.raises(MediaError, match=r"sound\.wav"):
        reader_of(tmp_path / "sound.wav")
    (tmp_path / "text.mov").write_text("not a movie")
    with pytest.raises(MediaError, match=r"text\.mov"):
        reader_of(tmp_path / "text.mov")


@pytest.mark.footage
@pytest.mark.parametrize(
    "name", ["kings_cross_rooftop_640x360.mp4", "crystal_lotus_720x480.webm", "man_green_wall_320x192_60fps.mp4"]
)
def test_real_footage_shows_the_same_frame_however_one_comes_to_it(footage, name):
    path = footage / name
    straight = reader_of(path)
    wanted = {frame: straight.shown_at(Fraction(frame, 25)).start_s for frame in range(0, 100)}
    straight.close()
    order = list(wanted)
    random.Random(7).shuffle(order)
    reader = reader_of(path)
    for frame in order[:25]:
        assert reader.shown_at(Fraction(frame, 25)).start_s == pytest.approx(wanted[frame]), frame
    for frame in range(60, 30, -1):
        assert reader.shown_at(Fraction(frame, 25), backwards=True).start_s == pytest.approx(wanted[frame]), frame
    reader.close()
