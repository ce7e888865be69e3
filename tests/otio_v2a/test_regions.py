"""A region of a take rendered anew: the same outside, other inside, joined without a click; with a real worker."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import opentimelineio as otio
import pytest
import soundfile

from otio_v2a import choosing, cli
from otio_v2a.errors import TakeError
from otio_v2a.regions import Wish, redo, redo_seconds, spliced
from otio_v2a.stem import Render
from otio_v2a.tracks import load_own, read_stems
from otio_v2a_engine.conformance import write_flash_movie
from otio_v2a_engine.contract import Role

RATE = 48000
FPS = 24


@pytest.fixture(scope="module")
def movie(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("media") / "flash.mov"
    write_flash_movie(path, n_frames=96, rate=Fraction(FPS), flashes=(10, 30, 60))
    return path


@pytest.fixture
def made(tmp_path, movie, capsys):
    """`made(layout)`: a timeline of ours with one clip of two seconds that begins at 01:00:00:12."""

    def make(layout="clips") -> Path:
        track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
        time = otio.opentime.RationalTime
        reference = otio.schema.ExternalReference(str(movie))
        source = otio.opentime.TimeRange(time(24, FPS), time(48, FPS))
        track.extend([otio.schema.Gap(duration=time(12, FPS)), otio.schema.Clip("SH010", reference, source)])
        timeline = otio.schema.Timeline("reel", global_start_time=time(FPS * 3600, FPS))
        timeline.tracks.append(track)
        cut = tmp_path / "reel.otio"
        otio.adapters.write_to_file(timeline, str(cut))
        again = ["--engine", "fake", "--roles", "FX", "--layout", layout, "--quiet"]
        assert cli.main(["generate", str(cut), *again]) == 0
        capsys.readouterr()
        return cut.with_name("reel_v2a.otio")

    return make


def renders(path):
    """Samples of every take's render, by number."""
    (stem,) = read_stems(load_own(path), base=path.parent)
    takes = stem.clips[0].takes
    return {take.number: soundfile.read(take.render.path, dtype="float32", always_2d=True)[0] for take in takes}


@pytest.mark.parametrize("layout", ["clips", "roles"])
def test_outside_of_the_region_every_sample_is_the_old_one_and_inside_the_sound_is_new(made, capsys, layout):
    path = made(layout)
    assert cli.main(["takes", "redo", str(path), "--from", "01:00:01:00", "--to", "01:00:01:12"]) == 0
    assert "take 2 of SH010 (FX) is take 1 with 0.50 to 1.00 s anew" in capsys.readouterr().out
    old, new = renders(path)[1], renders(path)[2]
    (stem,) = read_stems(load_own(path), base=path.parent)
    start = stem.clips[0].record_start - stem.clips[0].takes[0].render.file_start
    first, last = start + RATE // 2, start + RATE
    assert old.shape == new.shape
    assert (old[:first] == new[:first]).all()
    assert (old[last:] == new[last:]).all()
    assert np.abs(old[first:last] - new[first:last]).max() > 0.001
    entries = choosing.list_takes(path)
    assert [(entry.number, entry.active, entry.exists) for entry in entries] == [(1, False, True), (2, True, True)]


def test_the_same_wish_finds_the_same_take_and_no_seed_makes_another(made):
    path = made()
    region = {"region_s": (Fraction(1, 2), Fraction(1)), "role": Role.FX, "number": 1}
    clip_id = choosing.list_takes(path)[0].clip_id
    first = redo_seconds(path, clip_id=clip_id, **region)
    other = redo_seconds(path, clip_id=clip_id, **region)
    assert (first.number, other.number) == (2, 3)
    assert not np.array_equal(renders(path)[2], renders(path)[3])
    seed = {take.number: take.seed for take in read_stems(load_own(path), base=path.parent)[0].clips[0].takes}[2]
    again = redo_seconds(path, clip_id=clip_id, wish=Wish(seed=seed), **region)
    assert again.number == 2
    assert [entry.active for entry in choosing.list_takes(path)] == [False, True, False]


def test_a_second_run_keeps_the_take_and_the_choice_and_undo_takes_it_off(made, tmp_path, capsys):
    path = made()
    redo(path, start="0.5s", stop="1.0s")
    choosing.star(path, 2)
    before = renders(path)[2]
    assert cli.main(["generate", str(path), "--engine", "fake", "--roles", "FX", "--out", str(path), "--quiet"]) == 0
    entries = choosing.list_takes(path)
    assert [(entry.number, entry.active, entry.starred) for entry in entries] == [(1, False, False), (2, True, True)]
    assert np.array_equal(renders(path)[2], before)
    # Another run from the cut itself to the same place keeps it, too.
    cut = tmp_path / "reel.otio"
    assert cli.main(["generate", str(cut), "--engine", "fake", "--roles", "FX", "--quiet"]) == 0
    assert [(entry.number, entry.active) for entry in choosing.list_takes(path)] == [(1, False), (2, True)]
    assert cli.main(["undo", str(path)]) == 0
    text = path.read_text()
    assert "made_from" not in text
    assert "starred" not in text
    assert len(json.loads(text)["tracks"]["children"]) == 1


def test_a_region_that_is_none_is_said_and_nothing_is_rendered(made):
    path = made()
    before = path.read_bytes()
    for start, stop, words in (
        ("1.0s", "1.05s", "at least 0.1 s"),
        ("5s", "6s", "lies in the clip"),
        ("1.0s", "0.5s", "at least"),
        ("01:00:99:00", "01:00:02:00", "does not exist"),
        ("soon", "1s", "no length of time"),
    ):
        with pytest.raises(TakeError, match=words):
            redo(path, start=start, stop=stop)
    assert path.read_bytes() == before


def test_the_joints_lie_inside_of_the_region_and_do_not_click(tmp_path):
    paths = [tmp_path / "old.wav", tmp_path / "new.wav"]
    n = np.arange(3 * RATE)
    for path, hz in zip(paths, (220, 330), strict=True):
        soundfile.write(path, (0.5 * np.sin(2 * np.pi * hz * n / RATE)).astype(np.float32), RATE, subtype="FLOAT")
    old, new = Render(paths[0], 1000, len(n)), Render(paths[1], 1000, len(n))
    first, last = 1000 + RATE, 1000 + 2 * RATE
    joined = np.concatenate(list(spliced(old, new, first=first, last=last, cross=960)), axis=1)[0]
    sounds = [soundfile.read(path, dtype="float32")[0] for path in paths]
    assert len(joined) == len(n)
    assert (joined[:RATE] == sounds[0][:RATE]).all()
    assert (joined[2 * RATE :] == sounds[0][2 * RATE :]).all()
    assert (joined[RATE + 960 : 2 * RATE - 960] == sounds[1][RATE + 960 : 2 * RATE - 960]).all()
    # The steepest sample step of either tone is 0.0216: nothing in the joints is much steeper.
    assert np.abs(np.diff(joined)).max() < 0.03
