"""Blender's sequencer plays our stems within one sample. Runs in an environment of its own (make system)."""

import json
import os
import subprocess
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio
import pytest
import soundfile

from otio_v2a import media, stems, targets
from otio_v2a.stem import Layout
from otio_v2a.targets import Target

REPO = Path(__file__).resolve().parents[2]
PYTHON = REPO / ".venv-bpy" / "bin" / "python"

pytestmark = [
    pytest.mark.bpy,
    pytest.mark.skipif(not PYTHON.exists(), reason=f"no {PYTHON.parent.parent.name} (make system installs it)"),
]

SCRIPT = """
import json, sys
import bpy
job = json.load(open(sys.argv[1]))
scene = bpy.context.scene
scene.render.fps, scene.render.fps_base = job["fps"], job["fps_base"]
scene.frame_start, scene.frame_end = 1, job["n_frames"]
scene.sync_mode = "NONE"
editor = scene.sequence_editor_create()
for number, strip in enumerate(job["strips"], start=1):
    made = editor.strips.new_sound(f"s{number}", strip["path"], number, 1 + strip["frame"] - strip["head"])
    made.frame_offset_start = strip["head"]
    made.frame_final_duration = strip["n_frames"]
bpy.ops.sound.mixdown(filepath=job["out"], container="WAV", codec="PCM", format="S24", mixrate=48000)
"""


@pytest.mark.parametrize(
    "rate", [Fraction(24), Fraction(25), Fraction(30000, 1001)], ids=lambda rate: f"{float(rate):.3f}"
)
@pytest.mark.parametrize("layout", list(Layout))
def test_clicks_come_out_within_one_sample(kit, tmp_path, rate, layout):
    clips = (kit.PictureClip("A", 5, 31), kit.PictureClip("B", 36, 23))
    cut = kit.make_cut(tmp_path, rate=rate, clips=clips, start_frame=90_000)
    takes = [kit.make_take(tmp_path / "takes", span, kit.clicks(2000, 20000)) for span in cut.spans]
    written = stems.write(takes, cut, out_dir=tmp_path / "out_stems", layout=layout)
    path = targets.write(stems.attach(cut.timeline, written, cut=cut), tmp_path / "out.otio", Target.PORTABLE)
    track = otio.adapters.read_from_file(str(path)).tracks[1]
    strips = [
        {
            "path": str(media.resolve(clip.media_reference.target_url, base=tmp_path)),
            "frame": round(track.range_of_child(clip).start_time.value),
            "head": round((clip.source_range.start_time - clip.media_reference.available_range.start_time).value),
            "n_frames": round(clip.source_range.duration.value),
        }
        for clip in track.find_clips()
    ]
    fps = -(-rate.numerator // rate.denominator)
    job = {
        "fps": fps,
        "fps_base": float(fps / rate),
        "n_frames": 59,
        "strips": strips,
        "out": str(tmp_path / "out.wav"),
    }
    (tmp_path / "job.json").write_text(json.dumps(job))
    (tmp_path / "script.py").write_text(SCRIPT)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        [PYTHON, tmp_path / "script.py", tmp_path / "job.json"],
        capture_output=True,
        text=True,
        timeout=200,
        env=environment,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    rendered, sample_rate = soundfile.read(tmp_path / "out.wav", always_2d=True)
    assert sample_rate == 48000
    # Blender's resampler spreads a click over neighbours: its peak is what counts.
    found = [
        at for at in kit.peaks(rendered, 0.2) if abs(rendered[at, 0]) == abs(rendered[max(at - 8, 0) : at + 9, 0]).max()
    ]
    expected = [span.first_sample(48000) + offset for span in cut.spans for offset in (2000, 20000)]
    assert len(found) == len(expected), found
    assert max(abs(a - b) for a, b in zip(found, expected, strict=True)) <= 1
