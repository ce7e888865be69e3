"""Every form in which hosts write a path, and what a movie's header says."""

import ntpath
import os
import posixpath
from fractions import Fraction
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest

from otio_v2a.errors import MediaError
from otio_v2a.media import find_sequence, images_in, parse_timecode, places, probe, resolve, spellings, split_pattern

NAMES = ["plain.mov", "a b.mov", "take #2.mov", "why?.mov", "50%.mov", "a%20b.mov", "%2523.mov", "ü.mov", "a;b&c=d.mov"]


def quoted(path):
    return path.as_uri()


@pytest.fixture
def room(tmp_path):
    for name in NAMES:
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize("name", NAMES)
def test_every_way_to_write_a_file_leads_to_it(room, name):
    path = room / name
    uri = quoted(path)
    forms = [
        str(path),
        name,
        f"./{name}",
        f"sub/../{name}",
        uri,
        uri.replace("file://", "file://localhost"),
        uri.replace("file://", "FILE://LocalHost"),
        uri.replace("file://", "file:"),
    ]
    for form in forms:
        assert resolve(form, base=room) == path, form


def test_escapes_are_decoded_once(tmp_path):
    (tmp_path / "a%20b.mov").touch()
    (tmp_path / "a b.mov").touch()

    assert resolve("file://" + str(tmp_path) + "/a%2520b.mov", base=tmp_path).name == "a%20b.mov"
    assert resolve("file://" + str(tmp_path) + "/a%20b.mov", base=tmp_path).name == "a b.mov"


def test_a_bare_path_means_itself_before_its_decoding(tmp_path):
    (tmp_path / "a%20b.mov").touch()
    (tmp_path / "a b.mov").touch()
    assert resolve("a%20b.mov", base=tmp_path).name == "a%20b.mov"
    (tmp_path / "a%20b.mov").unlink()
    assert resolve("a%20b.mov", base=tmp_path).name == "a b.mov"


def test_a_url_that_a_host_forgot_to_escape_is_still_found(tmp_path):
    (tmp_path / "50%25 a#b?.mov").touch()
    (tmp_path / "sale 50% off.mov").touch()

    assert resolve(f"file://{tmp_path}/sale 50% off.mov", base=tmp_path).name == "sale 50% off.mov"
    assert resolve(f"file://{tmp_path}/50%25 a#b?.mov", base=tmp_path).name == "50%25 a#b?.mov"


def test_relative_references_start_at_the_cut(tmp_path):
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "a.mov").touch()

    assert resolve("media/a.mov", base=tmp_path) == tmp_path / "media" / "a.mov"
    assert resolve("media\\a.mov", base=tmp_path) == tmp_path / "media" / "a.mov"
    assert resolve("../media/a.mov", base=tmp_path / "media") == tmp_path / "media" / "a.mov"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("file:///C:/Media/a%20b.mov", "C:/Media/a b.mov"),
        ("file://C:/Media/a.mov", "C:/Media/a.mov"),
        ("file://localhost/C:/Media/a.mov", "C:/Media/a.mov"),
        ("C:\\Media\\a.mov", "C:\\Media\\a.mov"),
        ("c:/Media/a.mov", "c:/Media/a.mov"),
        ("/C:/Media/a.mov", "C:/Media/a.mov"),
    ],
)
def test_windows_drives_are_kept(written, meant):
    assert spellings(written)[0] == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("file:///C:/Media/a%20b.mov", r"C:\Media\a b.mov"),
        ("file://C:/Media/a.mov", r"C:\Media\a.mov"),
        ("C:\\Media\\sub\\..\\a.mov", r"C:\Media\a.mov"),
        ("c:/Media/a.mov", r"c:\Media\a.mov"),
        ("\\\\srv\\share\\a.mov", r"\\srv\share\a.mov"),
        ("//srv/share/a.mov", r"\\srv\share\a.mov"),
        ("media/a.mov", r"D:\cuts\media\a.mov"),
        ("media\\a.mov", r"D:\cuts\media\a.mov"),
        ("..\\media\\a.mov", r"D:\media\a.mov"),
        ("\\Media\\a.mov", r"D:\Media\a.mov"),
        ("file:///Media/a.mov", r"D:\Media\a.mov"),
    ],
)
def test_on_windows_every_form_leads_to_its_drive_or_share(written, meant):
    found = places(spellings(written)[0], base=r"D:\cuts", flavour=ntpath)
    assert [PureWindowsPath(place) for place in found] == [PureWindowsPath(meant)]
    assert all(PureWindowsPath(place).is_absolute() for place in found)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("media/a.mov", ["/cuts/media/a.mov"]),
        ("media\\a.mov", ["/cuts/media\\a.mov", "/cuts/media/a.mov"]),
        ("../a.mov", ["/a.mov"]),
        ("/mnt/a.mov", ["/mnt/a.mov"]),
        ("C:\\Media\\a.mov", []),
        ("\\\\srv\\share\\a.mov", []),
        ("//srv/share/a.mov", []),
    ],
)
def test_elsewhere_a_backslash_is_turned_second_and_a_drive_lies_nowhere(written, meant):
    found = places(spellings(written)[0], base="/cuts", flavour=posixpath)
    assert found == meant
    assert all(PurePosixPath(place).is_absolute() for place in found)


@pytest.mark.skipif(os.name == "nt", reason="these are local paths there")
@pytest.mark.parametrize(
    "written", ["C:\\Media\\a.mov", "file:///C:/Media/a.mov", "\\\\srv\\share\\a.mov", "//srv/share/a"]
)
def test_another_systems_path_is_named_as_such_and_never_reinterpreted(tmp_path, written):
    with pytest.raises(MediaError, match="another system"):
        resolve(written, base=tmp_path)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("http://evil.example/a.mov", "http is not a local file"),
        ("https://evil.example/a.mov", "https is not a local file"),
        ("rtsp://evil.example/a", "rtsp is not a local file"),
        ("s3://bucket/a.mov", "s3 is not a local file"),
        ("file://evil.example/share/a.mov", "evil.example is another machine"),
        ("concat:/etc/passwd|/etc/hosts", "no such file"),
        ("pipe:0", "no such file"),
        ("", "empty"),
        ("a\0b.mov", "NUL"),
    ],
)
def test_only_local_files_are_opened(tmp_path, written, why):
    with pytest.raises(MediaError, match=why):
        resolve(written, base=tmp_path)


def test_a_colon_in_a_name_is_no_protocol(tmp_path):
    (tmp_path / "take:2.mov").touch()

    assert resolve("take:2.mov", base=tmp_path) == tmp_path / "take:2.mov"


def test_a_missing_file_is_named_with_everything_tried(tmp_path):
    with pytest.raises(MediaError) as caught:
        resolve("a%20b.mov", base=tmp_path)

    assert str(tmp_path / "a%20b.mov") in str(caught.value)
    assert str(tmp_path / "a b.mov") in str(caught.value)


@pytest.mark.skipif(os.name == "nt", reason="devices are elsewhere there")
def test_folders_and_devices_are_no_media(tmp_path):
    for written in (str(tmp_path), "/dev/zero"):
        with pytest.raises(MediaError, match="no such file"):
            resolve(written, base=tmp_path)


def test_a_link_out_of_the_allowed_folders_is_refused(tmp_path):
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (outside / "a.mov").touch()
    (inside / "a.mov").symlink_to(outside / "a.mov")

    with pytest.raises(MediaError, match="outside"):
        resolve("a.mov", base=inside, roots=(inside,))
    with pytest.raises(MediaError, match="outside"):
        resolve("../out/a.mov", base=inside, roots=(inside,))
    assert resolve("a.mov", base=inside, roots=(tmp_path,)).name == "a.mov"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("/a/shot.%04d.exr", ("/a/shot.", ".exr", 4)),
        ("/a/shot.####.exr", ("/a/shot.", ".exr", 4)),
        ("/a/shot%d.png", ("/a/shot", ".png", 0)),
        ("/50%%/s%03d.png", ("/50%/s", ".png", 3)),
        ("/a/shot.0001.exr", None),
        ("/a #1/movie.mov", None),
        ("/a/take#2.mov", None),
    ],
)
def test_patterns_are_told_from_files(text, parts):
    assert split_pattern(text) == parts


def test_a_sequence_is_found_with_its_numbers(tmp_path):
    for number in (998, 999, 1000, 1001):
        (tmp_path / f"s.{number:04d}.exr").touch()
    (tmp_path / "s.1.exr").touch()
    (tmp_path / "s.0999.txt").touch()

    path, numbers = find_sequence("s.", ".exr", digits=4, base=tmp_path)

    assert (str(path), numbers) == (str(tmp_path / "s.%04d.exr"), {998, 999, 1000, 1001})


def test_a_sequence_in_a_folder_with_percent_signs_round_trips_through_printf(tmp_path):
    folder = tmp_path / "100%d off"
    folder.mkdir()
    (folder / "s5.png").touch()

    path, numbers = find_sequence(folder.as_uri() + "/s", ".png", digits=0, base=tmp_path)

    assert numbers == {5}
    assert Path(str(path) % 5) == folder / "s5.png"


def test_a_folder_of_two_sequences_asks_which(tmp_path):
    for name in ("a.1.png", "b.1.png"):
        (tmp_path / name).touch()

    with pytest.raises(MediaError, match="2 image sequences"):
        images_in(tmp_path)


def test_a_folder_without_images_says_what_to_give(tmp_path):
    with pytest.raises(MediaError, match="no numbered images"):
        images_in(tmp_path)


@pytest.mark.parametrize("suffix", [".mov", ".mp4", ".mkv", ".avi"])
@pytest.mark.parametrize("rate", [24, Fraction(24000, 1001), Fraction(30000, 1001), 60])
def test_a_header_gives_rate_and_length(tmp_path, make_movie, suffix, rate):
    media = probe(make_movie(tmp_path / f"m{suffix}", rate=rate, frames=30))

    assert media.rate == rate
    assert media.duration_s == 30 / Fraction(rate)
    assert media.path == str(tmp_path / f"m{suffix}")
    assert media.timecode_s is None


def test_a_header_gives_the_start_timecode(tmp_path, make_movie):
    assert probe(make_movie(tmp_path / "m.mov", rate=25, timecode="01:02:03:04")).timecode_s == 3723 + Fraction(4, 25)


@pytest.mark.parametrize("name", NAMES)
def test_any_name_can_be_probed(tmp_path, make_movie, name):
    assert probe(make_movie(tmp_path / name)).rate == 24


@pytest.mark.parametrize(
    ("text", "rate", "frames"),
    [
        ("01:00:00:00", Fraction(24000, 1001), 86400),
        ("01:00:00;00", Fraction(30000, 1001), 107892),
        ("01:00:00:00", Fraction(30000, 1001), 108000),
        ("00:10:00;00", Fraction(60000, 1001), 35964),
        ("00:01:00;02", Fraction(30000, 1001), 1800),
        ("10:00:00:24", Fraction(25), 900024),
    ],
)
def test_timecode_is_exact_seconds(text, rate, frames):
    assert parse_timecode(text, rate=rate) == frames / rate


@pytest.mark.parametrize("text", ["", "1:2:3", "aa:bb:cc:dd", "01:00:00"])
def test_what_is_no_timecode_says_nothing(text):
    assert parse_timecode(text, rate=Fraction(24)) is None


def test_a_script_with_a_movies_name_is_not_followed(tmp_path, make_movie):
    target = make_movie(tmp_path / "target.mov")
    for name, text in {
        "concat.mov": f"ffconcat version 1.0\nfile '{target.name}'\n",
        "hls.mov": f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{target.as_uri()}\n#EXT-X-ENDLIST\n",
    }.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(MediaError, match=name):
            probe(tmp_path / name)


def test_a_file_that_is_no_movie_is_named(tmp_path):
    (tmp_path / "noise.mov").write_bytes(bytes(range(256)) * 16)

    with pytest.raises(MediaError, match=r"noise\.mov: not a movie"):
        probe(tmp_path / "noise.mov")


def test_sound_alone_has_no_picture(tmp_path):
    import numpy as np
    import soundfile

    soundfile.write(tmp_path / "a.wav", np.zeros(4800), 48000)

    with pytest.raises(MediaError, match="no picture"):
        probe(tmp_path / "a.wav")


def test_a_movie_beyond_the_pixel_limit_is_refused_before_it_is_decoded(tmp_path, make_movie, monkeypatch):
    monkeypatch.setattr("otio_v2a.media.MAX_PIXELS", 1000)

    with pytest.raises(MediaError, match="64x32 is larger"):
        probe(make_movie(tmp_path / "m.mov"))


@pytest.mark.footage
def test_real_footage_is_probed(footage):
    media = probe(footage / "tears_of_steel_battle_800x332.webm")

    assert media.rate == 24
    assert media.duration_s is not None
    assert abs(float(media.duration_s) - 70.54) < 0.1
