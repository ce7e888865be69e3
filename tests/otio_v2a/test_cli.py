"""The command line as a user drives it, with the engine that needs no weights, on movies made on the spot."""

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio
import pytest
import soundfile

from otio_v2a import choosing, cli
from otio_v2a.events import RunStarted
from otio_v2a.generate import GenerateOptions, prepare, produce
from otio_v2a.jobs import PlanOptions
from otio_v2a.prompts import PromptFlags
from otio_v2a_engine.conformance import write_flash_movie

RATE = 24


@pytest.fixture(scope="module")
def movie(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("media") / "flash.mov"
    write_flash_movie(path, n_frames=48, rate=Fraction(RATE), flashes=(10, 30))
    return path


@pytest.fixture
def cut(tmp_path, movie) -> Path:
    """Two clips of the movie with a gap between them, and one clip whose media is missing."""
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)

    def clip(name, url, start, duration):
        reference = otio.schema.ExternalReference(url)
        return otio.schema.Clip(name, reference, otio.opentime.TimeRange(_time(start), _time(duration)))

    track.extend(
        [
            clip("SH010", str(movie), 0, 20),
            otio.schema.Gap(duration=_time(6)),
            clip("SH020", str(movie), 12, 24),
            clip("SH030", "not/there.mov", 0, 12),
        ]
    )
    timeline = otio.schema.Timeline("reel", global_start_time=_time(RATE * 3600))
    timeline.tracks.append(track)
    path = tmp_path / "reel.otio"
    otio.adapters.write_to_file(timeline, str(path))
    return path


def _time(frames: int) -> otio.opentime.RationalTime:
    return otio.opentime.RationalTime(frames, RATE)


def _generate(cut: Path, *more: str) -> int:
    return cli.main(["generate", str(cut), "--engine", "fake", *more])


def _own_tracks(path: Path) -> list[otio.schema.Track]:
    timeline = otio.adapters.read_from_file(str(path))
    return [track for track in timeline.tracks if track.metadata.get("otio_v2a", {}).get("generated")]


def test_help_imports_neither_otio_nor_torch():
    code = (
        "import sys\n"
        "from otio_v2a import cli\n"
        "try:\n    cli.main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'opentimelineio', 'numpy', 'av', 'rich'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "generate" in done.stdout


def test_a_choice_made_while_the_run_goes_on_is_kept(cut):
    out = cut.with_name("reel_v2a.otio")
    options = GenerateOptions(out=out, flags=PromptFlags(takes=2), plan=PlanOptions(engine="fake"))
    first = produce(prepare(cut, options), options)
    assert {stem.clips[0].active for stem in first.stems} == {1}

    def choose_meanwhile(event):
        if isinstance(event, RunStarted):
            choosing.choose(out, 2)

    second = produce(prepare(cut, options), options, on_event=choose_meanwhile)
    assert {stem.clips[0].active for stem in second.stems} == {2}


def test_a_role_can_have_an_engine_of_its_own(cut):
    assert (
        cli.main(["generate", str(cut), "--engine-for", "FX=fake", "--engine-for", "AMB=fake", "--engine", "small"])
        == 0
    )
    own = [track.metadata["otio_v2a"]["origin"] for track in _own_tracks(cut.with_name("reel_v2a.otio"))]
    assert own == ["algorithmic media", "algorithmic media"]


@pytest.mark.parametrize("wrong", ["FX", "FX=", "steps=fake"])
def test_an_engine_for_no_role_is_refused(cut, capsys, wrong):
    with pytest.raises(SystemExit):
        cli.main(["generate", str(cut), "--engine-for", wrong])
    assert "needs ROLE=NAME" in capsys.readouterr().err


def test_generating_adds_tracks_and_names_the_clip_that_is_skipped(cut, capsys):
    assert _generate(cut) == 0
    out = cut.with_name("reel_v2a.otio")
    printed = capsys.readouterr().out
    assert "SH030 on V1" in printed
    assert "reel_v2a.otio" in printed
    tracks = _own_tracks(out)
    assert [track.metadata["otio_v2a"]["role"] for track in tracks] == ["FX", "AMB"]
    for track in tracks:
        clips = list(track.find_clips())
        assert len(clips) == 2
        # In the record the sound lies where the picture lies.
        starts = [clip.trimmed_range_in_parent().start_time.to_frames() for clip in clips]
        assert starts == [0, 26]
        for clip in clips:
            url = clip.media_reference.target_url
            sound = soundfile.info(str(out.parent / url))
            assert (sound.samplerate, sound.subtype) == (48000, "PCM_24")


def test_the_cut_itself_is_untouched_and_a_second_run_renders_nothing_and_doubles_nothing(cut, capsys):
    before = cut.read_bytes()
    assert _generate(cut) == 0
    assert cut.read_bytes() == before
    capsys.readouterr()
    assert _generate(cut) == 0
    assert "0 rendered, 4 reused" in capsys.readouterr().out
    out = cut.with_name("reel_v2a.otio")
    assert cli.main(["generate", str(out), "--engine", "fake"]) == 0
    assert "0 rendered, 4 reused" in capsys.readouterr().out
    assert len(_own_tracks(out)) == 2


def test_prompts_are_remembered_in_the_timeline_and_need_no_flags_again(cut, capsys):
    assert _generate(cut, "--prompt", "metal bowl", "--roles", "FX", "--takes", "2") == 0
    capsys.readouterr()
    out = cut.with_name("reel_v2a.otio")
    assert cli.main(["generate", str(out), "--engine", "fake", "--dry-run", "--json"]) == 0
    planned = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    jobs = [job for job in planned if job["event"] == "PlannedJob"]
    assert {job["request"]["prompt"]["text"] for job in jobs} == {"metal bowl"}
    assert [(job["clip"], job["take"]) for job in jobs] == [("SH010", 1), ("SH010", 2), ("SH020", 1), ("SH020", 2)]
    assert all(job["finished_before"] for job in jobs)


def test_a_dry_run_writes_nothing(cut, capsys):
    assert _generate(cut, "--dry-run") == 0
    assert "4 of 4 renders to do" in capsys.readouterr().out
    assert [path.name for path in cut.parent.iterdir()] == ["reel.otio"]


def test_takes_are_listed_chosen_and_dropped_without_rendering(cut, capsys):
    assert _generate(cut, "--takes", "2", "--roles", "FX") == 0
    out = str(cut.with_name("reel_v2a.otio"))
    capsys.readouterr()
    assert cli.main(["takes", "list", out, "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["clip_name"], row["number"], row["active"]) for row in rows] == [
        ("SH010", 1, True),
        ("SH010", 2, False),
        ("SH020", 1, True),
        ("SH020", 2, False),
    ]
    assert cli.main(["takes", "choose", out, "2", "--clip", "SH020"]) == 0
    capsys.readouterr()
    assert cli.main(["takes", "paths", out, "--clip", "SH020"]) == 0
    paths = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert len(paths) == 2
    assert all(path.is_file() for path in paths)
    clips = {clip.metadata["otio_v2a"]["clip_name"]: clip for clip in _own_tracks(Path(out))[0].find_clips()}
    assert clips["SH020"].active_media_reference_key == "take_02"
    assert clips["SH010"].active_media_reference_key == "take_01"
    assert cli.main(["takes", "drop", out, "1", "--clip", "SH020"]) == 0
    clips = {clip.metadata["otio_v2a"]["clip_name"]: clip for clip in _own_tracks(Path(out))[0].find_clips()}
    assert list(clips["SH020"].media_references()) == ["take_02"]


def test_undo_takes_our_tracks_off_again_in_one_command(cut, capsys):
    assert _generate(cut) == 0
    out = cut.with_name("reel_v2a.otio")
    assert cli.main(["undo", str(out)]) == 0
    before = otio.adapters.read_from_file(str(cut))
    after = otio.adapters.read_from_file(str(out))
    assert len(after.tracks) == len(before.tracks)
    assert [clip.name for clip in after.find_clips()] == [clip.name for clip in before.find_clips()]


def test_a_bare_movie_is_a_cut_and_its_preview_copies_the_picture(tmp_path, movie, capsys):
    assert cli.main(["demo", str(movie), "--engine", "fake", "--out", str(tmp_path / "out")]) == 0
    captured = capsys.readouterr()
    assert (tmp_path / "out" / "flash_v2a_preview.mp4").is_file()
    assert "the picture is copied" in captured.err
    assert "timeline:" in captured.out


def test_the_exit_code_tells_that_a_clip_failed_and_the_others_are_made(cut, tmp_path, capsys):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"\0" * 4096)
    timeline = otio.adapters.read_from_file(str(cut))
    clip = next(clip for clip in timeline.find_clips() if clip.name == "SH010")
    clip.media_reference = otio.schema.ExternalReference(str(broken), otio.opentime.TimeRange(_time(0), _time(48)))
    otio.adapters.write_to_file(timeline, str(cut))
    assert _generate(cut, "--roles", "FX") == 1
    printed = capsys.readouterr()
    assert "SH010" in printed.out
    assert "broken.mp4" in printed.out
    assert len(list(_own_tracks(cut.with_name("reel_v2a.otio"))[0].find_clips())) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["generate", "nowhere.otio"], "nowhere.otio"),
        (["generate", "{cut}", "--engine", "imaginary"], "imaginary"),
        (["generate", "{cut}", "--clip", "SH999"], "SH999"),
        (["generate", "{cut}", "--cues", "nowhere.csv"], "nowhere.csv"),
        (["generate", "{cut}", "--guidance", "99"], "guidance"),
        (["undo", "nowhere.otio"], "nowhere.otio"),
        (["takes", "list", "{cut}"], "reel.otio"),
        (["preview", "{cut}"], "reel.otio"),
    ],
)
def test_bad_input_is_named_in_one_line_with_exit_code_2(cut, capsys, arguments, words):
    assert cli.main([argument.format(cut=cut) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("otio-v2a: ")
    assert words in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("target", "suffix"), [("resolve", ".otio"), ("premiere", ".otio"), ("otioz", ".otioz"), ("fcp_xml", ".xml")]
)
def test_every_target_is_written_with_its_suffix(cut, target, suffix):
    _without_missing(cut)
    out = cut.with_name(f"for_{target}{suffix}")
    assert _generate(cut, "--target", target, "--out", str(out), "--roles", "FX") == 0
    assert out.is_file()


def test_what_a_target_refuses_is_said_before_anything_is_rendered(cut, capsys):
    assert _generate(cut, "--target", "resolve") == 2
    error = capsys.readouterr().err
    assert "SH030" in error
    assert [path.name for path in cut.parent.iterdir() if path.suffix != ".v2a"] == ["reel.otio"]
    assert not list(cut.parent.rglob("*.wav"))


def _without_missing(cut: Path) -> None:
    timeline = otio.adapters.read_from_file(str(cut))
    del timeline.tracks[0][-1]
    otio.adapters.write_to_file(timeline, str(cut))


def test_json_lines_end_with_the_outcome(cut, capsys):
    assert _generate(cut, "--json", "--roles", "AMB") == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert events[-1]["event"] == "Outcome"
    assert events[-1]["rendered"] == 2
    assert {"RunStarted", "JobFinished", "RunFinished"} <= {event["event"] for event in events}


def test_engines_are_listed_with_the_licence_of_their_weights(capsys):
    assert cli.main(["engines", "--json"]) == 0
    engines = {row["name"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert engines["small"]["default"] is True
    assert engines["small"]["weights_licence"] == "Apache-2.0"
    assert engines["fake"]["default"] is False


def test_what_is_delivered_carries_a_mark_that_detect_finds_and_reads_the_cut_alone_does_not(cut, movie, capsys):
    assert _generate(cut, "--roles", "FX", "--handles", "3") == 0
    wavs = sorted(str(path) for path in cut.parent.glob("reel_v2a_stems/*.wav"))
    assert len(wavs) == 2
    capsys.readouterr()
    assert cli.main(["detect", "--json", *wavs]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for path, entry in zip(wavs, found, strict=True):
        written = Path(path).read_bytes()
        assert entry["detected"]
        assert f"{entry['generation_id']:012x}".encode() in written
        assert entry["key_id"].encode() in written
    bare = next(cut.parent.glob("reel_v2a.otio.v2a/takes/??/*.wav"))
    assert cli.main(["detect", str(bare)]) == 1
    assert "not detected" in capsys.readouterr().out


def test_starting_over_from_the_cut_says_what_an_earlier_run_had_and_from_its_timeline_keeps_it(cut, capsys):
    assert _generate(cut) == 0
    capsys.readouterr()
    out = cut.with_name("reel_v2a.otio")
    assert _generate(out, "--roles", "FX", "--seed", "5") == 0
    assert [track.metadata["otio_v2a"]["role"] for track in _own_tracks(out)] == ["AMB", "FX"]
    assert "earlier run" not in capsys.readouterr().err
    assert _generate(cut, "--roles", "FX") == 0
    assert "reel_v2a.otio has AMB of an earlier run" in capsys.readouterr().err
