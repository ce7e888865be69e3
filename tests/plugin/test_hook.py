"""The write hook through OpenTimelineIO's own command-line tools."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio
import pytest

from otio_v2a_engine.conformance import write_flash_movie

TOOLS = Path(sys.executable).parent


@pytest.fixture
def cut(tmp_path) -> Path:
    """One clip with a relative media path."""
    write_flash_movie(tmp_path / "flash.mov", n_frames=24, rate=Fraction(24), flashes=(6,))
    length = otio.opentime.TimeRange(otio.opentime.RationalTime(0, 24), otio.opentime.RationalTime(24, 24))
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    track.append(otio.schema.Clip("SH010", otio.schema.ExternalReference("flash.mov", length), length))
    timeline = otio.schema.Timeline("reel")
    timeline.tracks.append(track)
    otio.adapters.write_to_file(timeline, str(tmp_path / "reel.otio"))
    return tmp_path / "reel.otio"


def _convert(cut: Path, out: Path, *hook_arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(TOOLS / "otioconvert"), "-i", str(cut), "-o", str(out)]
    for argument in hook_arguments:
        command += ["-H", argument]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _own(path: Path) -> list[otio.schema.Track]:
    timeline = otio.adapters.read_from_file(str(path))
    return [track for track in timeline.tracks if "otio_v2a" in track.metadata]


def test_converting_does_nothing_unless_asked(cut):
    done = _convert(cut, cut.with_name("plain.otio"))
    assert done.returncode == 0, done.stderr
    assert not _own(cut.with_name("plain.otio"))
    assert not list(cut.parent.glob("plain_*"))


def test_converting_with_the_argument_adds_stems_and_a_second_time_doubles_nothing(cut):
    out = cut.with_name("scored.otio")
    arguments = ("v2a=on", "v2a_engine=fake", "v2a_roles=FX", "v2a_prompt=a door")
    done = _convert(cut, out, *arguments)
    assert done.returncode == 0, done.stderr
    (track,) = _own(out)
    (clip,) = track.find_clips()
    assert clip.metadata["otio_v2a"]["takes"][0]["prompt"] == "a door"
    again = cut.with_name("again.otio")
    done = _convert(out, again, *arguments)
    assert done.returncode == 0, done.stderr
    assert len(_own(again)) == 1


def test_a_wrong_argument_is_named_and_nothing_is_written(cut):
    out = cut.with_name("wrong.otio")
    done = _convert(cut, out, "v2a=on", "v2a_promt=a door")
    assert done.returncode != 0
    assert "v2a_promt" in done.stderr
    assert not out.exists()


def test_every_hook_has_the_description_that_otiopluginfo_needs():
    done = subprocess.run([str(TOOLS / "otiopluginfo")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "otio_v2a_generate" in done.stdout


def test_the_plug_in_imports_neither_torch_nor_qt():
    code = (
        "import sys, opentimelineio as otio\n"
        "otio.plugins.ActiveManifest()\n"
        "otio.adapters.write_to_string(otio.schema.Timeline('t'), 'otio_json')\n"
        "heavy = {'torch', 'PySide6', 'otio_v2a.generate'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
