"""OpenTimelineIO's own command-line tools read what we write, for every target that OTIO itself reads."""

import json
import subprocess
import sys
from pathlib import Path

import opentimelineio as otio
import pytest

from otio_v2a import stems, targets
from otio_v2a.stem import Layout
from otio_v2a.targets import Target

TOOLS = Path(sys.executable).parent


def tool(name, *arguments):
    done = subprocess.run([TOOLS / name, *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module", params=list(Layout))
def cut_and_timeline(request, kit, tmp_path_factory):
    folder = tmp_path_factory.mktemp(f"tools-{request.param}")
    cut = kit.make_cut(folder, start_frame=90_000)
    (folder / "picture.mov").write_bytes(b"a picture")
    takes = [
        kit.make_take(folder / "takes", span, kit.noise(number), number=number)
        for span in cut.spans
        for number in (1, 2)
    ]
    written = stems.write(takes, cut, out_dir=folder / "out_stems", layout=request.param)
    return folder, stems.attach(cut.timeline, written, cut=cut)


@pytest.mark.parametrize("target", list(Target))
def test_otioconvert_reads_every_target(cut_and_timeline, target):
    folder, timeline = cut_and_timeline
    path = targets.write(timeline, folder / f"{target}{targets.suffix(target)}", target)
    converted = folder / f"{target}-converted.otio"
    tool("otioconvert", "-i", path, "-o", converted)
    found = otio.adapters.read_from_file(str(converted))
    sounds = [track for track in found.tracks if track.kind == otio.schema.TrackKind.Audio]
    assert len(sounds) == 1
    assert found.duration().value == 90
    assert sum(clip.duration().value for clip in sounds[0].find_clips()) == 90


@pytest.mark.parametrize("target", [Target.PORTABLE, Target.RESOLVE, Target.PREMIERE])
def test_otiocat_otiostat_and_otiotool_read_what_we_write(cut_and_timeline, target):
    folder, timeline = cut_and_timeline
    path = targets.write(timeline, folder / f"{target}.otio", target)
    assert json.loads(tool("otiocat", path)) == json.loads(path.read_text())
    assert "number of tracks: 2" in tool("otiostat", path).lower()
    listing = tool("otiotool", "-i", path, "--list-tracks", "--list-clips", "--verify-ranges")
    assert "FX" in listing


def test_otiotool_finds_every_file_of_ours(cut_and_timeline, monkeypatch):
    folder, timeline = cut_and_timeline
    path = targets.write(timeline, folder / "resolve.otio", Target.RESOLVE)
    listing = tool("otiotool", "-i", path, "--list-media", "--verify-media")
    assert "NOT FOUND" not in listing.upper()
    assert ".wav" in listing
