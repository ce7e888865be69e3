"""The panel's real window on a display of its own, worked by mouse and keys from a cut to an exported timeline."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import opentimelineio as otio
import pytest
import soundfile

from otio_v2a.choosing import list_takes
from otio_v2a.demo import cut_path
from otio_v2a_engine.contract import Role

REPO = Path(__file__).resolve().parents[2]
ARTEFACTS = REPO / "out" / "panel"
"""Ignored by git; screenshots of the last run."""


def _why_not() -> str:
    """Why the window cannot be shown on this machine; empty when it can."""
    if shutil.which("Xvfb") is None:
        return "Xvfb is not installed; tools/system installs it"
    code = "import PySide6.QtMultimedia, PySide6.QtWidgets"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    return found.stderr.strip().splitlines()[-1] if found.returncode else ""


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """An X server of our own, on a number that it chooses."""
    reason = _why_not()
    if reason:
        pytest.skip(f"the panel's window cannot be shown here: {reason}")
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1600x1000x24", "-nolisten", "tcp"],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as pipe:
        number = pipe.readline().strip()
    if not number:
        server.wait(30)
        pytest.skip("Xvfb does not start here")
    yield f":{number}"
    server.terminate()
    server.wait(30)


def _environment(display: str, folder: Path) -> dict[str, str]:
    paths = os.pathsep.join(str(REPO / name) for name in ("", "engine", "ui", "plugin"))
    return {
        **os.environ,
        "DISPLAY": display,
        "QT_QPA_PLATFORM": "xcb",
        "QT_LOGGING_RULES": "qt.multimedia.*=false",
        "PYTHONPATH": paths,
        **{f"XDG_{name}_HOME": str(folder / name.lower()) for name in ("STATE", "CONFIG", "CACHE", "DATA")},
    }


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_editor_opens_a_cut_prompts_generates_listens_chooses_and_exports(display: str, tmp_path: Path):
    work = tmp_path / "work"
    work.mkdir()
    cut = work / cut_path().name
    shutil.copytree(cut_path().parent / "media", work / "media")
    shutil.copyfile(cut_path(), cut)
    before = cut.read_bytes()
    folder = tmp_path / "screens"
    folder.mkdir()
    driver = Path(__file__).with_name("panel_driver.py")
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", str(driver), str(cut), str(folder)],
        env=_environment(display, tmp_path),
        capture_output=True,
        text=True,
        timeout=560,
        check=False,
    )
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    for picture in folder.glob("*.png"):
        shutil.copyfile(picture, ARTEFACTS / picture.name)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((folder / "result.json").read_text())
    assert result["platform"] == "xcb"
    assert result["typed_modified"] is True
    assert result["heard_s"] > 0.2
    assert result["active_before"] == {"FX": 2, "AMB": 2}
    assert cut.read_bytes() == before, "the cut itself is never changed"

    written = Path(result["written"])
    takes = list_takes(written, clip=result["clip_id"])
    heard = {take.role: take for take in takes if take.active}
    assert sorted((take.role.value, take.number) for take in takes) == [("AMB", 1), ("AMB", 2), ("FX", 1), ("FX", 2)]
    assert heard[Role.FX].number == 1
    assert heard[Role.AMB].number == 2
    assert heard[Role.FX].prompt == "boots on wet gravel"
    assert all(take.exists for take in takes)
    timeline = otio.adapters.read_from_file(str(written))
    audio = [track for track in timeline.tracks if track.metadata.get("otio_v2a", {}).get("generated")]
    assert [track.name for track in audio] == ["FX", "AMB"]
    clip = next(item for item in audio[0] if isinstance(item, otio.schema.Clip))
    assert clip.active_media_reference_key == "take_01"
    picture = list(timeline.find_clips())[1]
    assert clip.range_in_parent().start_time == picture.range_in_parent().start_time
    assert clip.source_range.duration == picture.source_range.duration
    sound = soundfile.info(written.parent / clip.media_reference.target_url)
    assert (sound.samplerate, sound.channels) == (48000, 2)
    assert picture.metadata["otio_v2a"]["prompts"]["FX"]["text"] == "boots on wet gravel"
    saved = list_takes(Path(result["saved"]), clip=result["clip_id"], role=Role.FX)
    assert [(take.number, take.active) for take in saved] == [(1, True), (2, False)]
