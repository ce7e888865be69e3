"""Missing media: found by name, length, size and content; never guessed."""

import shutil
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import opentimelineio as otio
import pytest

from otio_v2a.cli import main
from otio_v2a.errors import MediaError
from otio_v2a.media_search import search
from otio_v2a.relinking import missing_media, relinked
from otio_v2a.timeline import ReadOptions, read


def _movie(path: Path, *, frames: int = 24, shade: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(frames):
            picture = np.full((48, 64, 3), (shade + 8 * number) % 256, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def _cut(path: Path, *urls: str, frames: int = 24, metadata: dict | None = None) -> Path:
    timeline = otio.schema.Timeline("cut")
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    length = otio.opentime.TimeRange(otio.opentime.RationalTime(0, 24), otio.opentime.RationalTime(frames, 24))
    for number, url in enumerate(urls):
        reference = otio.schema.ExternalReference(url, length, metadata=metadata or {})
        track.append(otio.schema.Clip(f"SH{number:03}", reference, length))
    timeline.tracks.append(track)
    path.write_text(timeline.to_json_string())
    return path


def _missing(cut: Path):
    return missing_media(otio.adapters.read_from_file(str(cut)), base=cut.parent)


def test_a_cut_names_each_missing_file_once_with_the_clips_that_show_it(tmp_path):
    _movie(tmp_path / "here.mov")
    cut = _cut(tmp_path / "cut.otio", "gone/a%20b.mov", "here.mov", "gone/a%20b.mov", "file:///gone/c%20d.mov")
    first, second = _missing(cut)
    assert (first.url, first.clips) == ("gone/a%20b.mov", ("SH000", "SH002"))
    assert (first.duration_s, first.rate) == (Fraction(1), Fraction(24))
    assert (second.name, second.clips) == ("c d.mov", ("SH003",))


def test_a_file_of_the_same_name_and_length_is_chosen_and_the_cut_reads_whole(tmp_path):
    cut = _cut(tmp_path / "cut.otio", "file:///gone/shot.mov")
    there = _movie(tmp_path / "disk" / "deep" / "shot.mov")
    found = search(_missing(cut), tmp_path / "disk")
    assert found.choices == {"file:///gone/shot.mov": there}
    assert "1 of 1 missing files found" in found.lines()[0]
    assert read(cut).skipped
    healed = read(cut, options=ReadOptions(relinks=tuple(found.choices.items())))
    assert not healed.skipped
    assert healed.spans[0].media.path == str(there)
    assert otio.adapters.read_from_file(str(cut)).find_clips()[0].media_reference.target_url == "file:///gone/shot.mov"


def test_ids_of_clips_survive_relinking(tmp_path):
    there = _movie(tmp_path / "a" / "shot.mov")
    cut = _cut(tmp_path / "cut.otio", str(there))
    before = read(cut).spans[0].clip_id
    moved = tmp_path / "b" / "shot.mov"
    moved.parent.mkdir()
    there.rename(moved)
    assert read(cut, options=ReadOptions(relinks=((str(there), moved),))).spans[0].clip_id == before


@pytest.mark.parametrize(("frames", "length"), [(12, "0.50"), (48, "2.00")])
def test_a_file_of_the_same_name_and_another_length_is_a_candidate_but_not_chosen(tmp_path, frames, length):
    cut = _cut(tmp_path / "cut.otio", "gone/shot.mov")
    _movie(tmp_path / "disk" / "shot.mov", frames=frames)
    (match,) = search(_missing(cut), tmp_path / "disk").matches
    assert match.choice is None
    assert [each.path.name for each in match.candidates] == ["shot.mov"]
    assert f"{length} s instead of 1.00 s" in str(match)


def test_two_different_files_of_one_name_are_left_to_the_user_and_copies_are_not(tmp_path):
    cut = _cut(tmp_path / "cut.otio", "/gone/x/shot.mov")
    one = _movie(tmp_path / "disk" / "1" / "shot.mov")
    two = tmp_path / "disk" / "2" / "shot.mov"
    two.parent.mkdir()
    shutil.copyfile(one, two)
    assert search(_missing(cut), tmp_path / "disk").choices == {"/gone/x/shot.mov": one}
    _movie(two, shade=77)
    (match,) = search(_missing(cut), tmp_path / "disk").matches
    assert match.choice is None
    assert len(match.candidates) == 2
    assert "none beyond doubt" in str(match)


def test_among_several_the_one_below_the_same_folders_is_chosen(tmp_path):
    cut = _cut(tmp_path / "cut.otio", "/gone/reel_2/shot.mov")
    _movie(tmp_path / "disk" / "reel_1" / "shot.mov")
    right = _movie(tmp_path / "disk" / "reel_2" / "shot.mov", shade=99)
    assert search(_missing(cut), tmp_path / "disk").choices == {"/gone/reel_2/shot.mov": right}


def test_a_renamed_file_is_found_by_size_and_length(tmp_path):
    there = _movie(tmp_path / "disk" / "A001_0001.mov")
    cut = _cut(
        tmp_path / "cut.otio", "gone/shot.mov", metadata={"host": {"source.filesize": str(there.stat().st_size)}}
    )
    found = search(_missing(cut), tmp_path / "disk")
    assert found.choices == {"gone/shot.mov": there}
    assert "renamed" in str(found)


def test_another_suffix_is_offered_and_an_unreadable_file_is_said_to_be_one(tmp_path):
    cut = _cut(tmp_path / "cut.otio", "gone/proxy.mxf", "gone/broken.mov")
    _movie(tmp_path / "disk" / "proxy.mov")
    (tmp_path / "disk" / "broken.mov").write_bytes(b"no movie")
    first, second = search(_missing(cut), tmp_path / "disk").matches
    assert first.choice is None
    assert first.candidates[0].remarks[0] == "another suffix"
    assert second.choice is None
    assert "cannot be read" in second.candidates[0].remarks


def test_a_moved_image_sequence_is_found(tmp_path):
    reference = otio.schema.ImageSequenceReference(
        target_url_base="file:///gone/shots/",
        name_prefix="sh01.",
        name_suffix=".png",
        start_frame=1001,
        rate=24,
        frame_zero_padding=4,
        available_range=otio.opentime.TimeRange(otio.opentime.RationalTime(0, 24), otio.opentime.RationalTime(6, 24)),
    )
    timeline = otio.schema.Timeline("cut")
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    track.append(otio.schema.Clip("SH010", reference))
    timeline.tracks.append(track)
    folder = tmp_path / "disk" / "100% shots"
    folder.mkdir(parents=True)
    for number in range(1001, 1007):
        (folder / f"sh01.{number}.png").write_bytes(b"x" * number)
    missing = missing_media(timeline, base=tmp_path)
    found = search(missing, tmp_path / "disk")
    assert "same length" in str(found)
    healed = relinked(timeline, found.choices)
    assert missing_media(healed, base=tmp_path) == ()
    assert healed.find_clips()[0].media_reference.start_frame == 1001


def test_a_clip_that_names_no_file_is_found_by_its_own_name(tmp_path):
    timeline = otio.schema.Timeline("cut")
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    length = otio.opentime.TimeRange(otio.opentime.RationalTime(0, 24), otio.opentime.RationalTime(24, 24))
    track.append(otio.schema.Clip("A001_C002", otio.schema.MissingReference(available_range=length), length))
    timeline.tracks.append(track)
    there = _movie(tmp_path / "disk" / "A001_C002.mov")
    found = search(missing_media(timeline, base=tmp_path), tmp_path / "disk")
    assert found.choices == {"?A001_C002": there}
    assert missing_media(relinked(timeline, found.choices), base=tmp_path) == ()


def test_a_cancelled_search_says_so_and_a_missing_folder_is_refused(tmp_path):
    cut = _cut(tmp_path / "cut.otio", "gone/shot.mov")
    assert "broken off" in search(_missing(cut), tmp_path, cancelled=lambda: True).lines()[0]
    with pytest.raises(MediaError, match="is no folder"):
        search(_missing(cut), tmp_path / "nowhere")


def test_the_command_writes_a_cut_elsewhere_that_finds_everything(tmp_path, capsys):
    _movie(tmp_path / "edit" / "here.mov")
    cut = _cut(tmp_path / "edit" / "cut.otio", "here.mov", "gone/shot.mov", "gone/other.mov")
    before = cut.read_bytes()
    _movie(tmp_path / "disk" / "shot.mov")
    out = tmp_path / "new" / "cut.otio"
    out.parent.mkdir()
    line = ["relink", str(cut), "--search", str(tmp_path / "disk"), "--out", str(out)]
    assert main(line) == 1
    assert "other.mov" in capsys.readouterr().out
    _movie(tmp_path / "disk" / "other.mov")
    assert main(line) == 0
    assert not read(out).skipped
    assert cut.read_bytes() == before
    assert main([*line[:4], "--out", str(cut)]) == 2
    assert main(["relink", str(out), "--search", str(tmp_path)]) == 0
    assert "misses no media" in capsys.readouterr().out
