"""A host renders what we wrote: OTIO -> mlt_xml -> melt, compared sample by sample with the stem."""

import shutil
import subprocess
from fractions import Fraction

import numpy as np
import opentimelineio as otio
import pytest
import soundfile

from otio_v2a import stems, targets
from otio_v2a.stem import Layout
from otio_v2a.targets import Target
from otio_v2a_engine.lengths import position

pytestmark = [
    pytest.mark.melt,
    pytest.mark.skipif(shutil.which("melt") is None, reason="melt is not installed (apt-get install melt)"),
]

RATES = [
    *(Fraction(base * 1000, 1001) for base in (24, 30, 60, 120)),
    *map(Fraction, (24, 25, 30, 48, 50, 60, 120)),
]
ALL_RATES = pytest.mark.parametrize("rate", RATES, ids=lambda rate: f"{float(rate):.3f}")
ONE_STEP_OF_16_BITS = 2 / 2**15
CLIPS = ((7, 31), (38, 13), (60, 44))
ON_WHOLE_SAMPLES = ((5, 30), (35, 15), (60, 45))
"""At 29.97 and its like every fifth frame begins on a whole sample."""


def write_movie(path, rate, n_frames):
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for index in range(n_frames):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), index % 256, np.uint8), format="rgb24")
            frame.pts, frame.time_base = index, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.fixture
def melt(tmp_path):
    """Renders a written timeline's sound with melt."""

    def render(path, rate, change=lambda timeline: None):
        timeline = otio.adapters.read_from_file(str(path))
        change(timeline)
        # The adapter spells few rates of start times correctly, so the profile is given instead.
        timeline.global_start_time = None
        text = otio.adapters.write_to_string(
            timeline,
            "mlt_xml",
            width="64",
            height="48",
            progressive="1",
            frame_rate_num=str(rate.numerator),
            frame_rate_den=str(rate.denominator),
        )
        script, out = tmp_path / "cut.mlt", tmp_path / "melt.wav"
        script.write_text(text)
        sink = ["-consumer", f"avformat:{out}", "f=wav", "acodec=pcm_s24le", "ar=48000", "ac=2", "vn=1", "real_time=0"]
        # melt now and then hangs at its end on a busy machine, hence the second and third try.
        for patience_s in (15, 30, 60):
            try:
                subprocess.run(
                    ["melt", str(script), *sink], cwd=tmp_path, check=True, capture_output=True, timeout=patience_s
                )
                break
            except subprocess.TimeoutExpired:
                if patience_s == 60:
                    raise
        return soundfile.read(out, always_2d=True)[0]

    return render


def deliver(kit, folder, rate, layout, *, handles, places=CLIPS):
    """A timeline on disk whose clips sound of noise; returns it with the stems."""
    clips = [kit.PictureClip(f"SH{frame:03d}", frame, n_frames) for frame, n_frames in places]
    cut = kit.make_cut(folder, rate=rate, clips=clips, start_frame=90_001)
    write_movie(folder / "picture.mov", rate, 250)
    takes = [
        kit.make_take(folder / "takes", span, kit.noise(index, 0.1), before=handles, after=handles)
        for index, span in enumerate(cut.spans)
    ]
    written = stems.write(takes, cut, out_dir=folder / "out_stems", layout=layout)
    path = targets.write(stems.attach(cut.timeline, written, cut=cut), folder / "out.otio", Target.PORTABLE)
    return path, written


def heard(rendered, expected, start):
    """The largest difference from what is expected to begin at a sample."""
    found = rendered[start : start + len(expected)]
    assert len(found) == len(expected)
    return np.abs(found - expected).max()


@ALL_RATES
def test_a_roles_stem_is_rendered_at_0_samples_of_error(kit, tmp_path, melt, rate):
    path, (stem,) = deliver(kit, tmp_path, rate, Layout.ROLES, handles=24000)
    rendered = melt(path, rate)
    sound = soundfile.read(stem.path, always_2d=True)[0]
    assert heard(rendered, sound, 0) < ONE_STEP_OF_16_BITS
    # The measure would see one sample: noise moved by one differs as much as other noise.
    assert heard(rendered, np.roll(sound, 1, axis=0), 0) > 0.1


@ALL_RATES
def test_clip_stems_are_rendered_at_0_samples_of_error(kit, tmp_path, melt, rate):
    # Elsewhere melt itself adds a sample where clips join: it counts a frame's samples by the frame's source.
    path, written = deliver(kit, tmp_path, rate, Layout.CLIPS, handles=0, places=ON_WHOLE_SAMPLES)
    rendered = melt(path, rate)
    for stem, (frame, _) in zip(written, ON_WHOLE_SAMPLES, strict=True):
        assert stem.record_start == position(frame / rate, 48000)
        assert heard(rendered, soundfile.read(stem.path, always_2d=True)[0], stem.record_start) < ONE_STEP_OF_16_BITS


def open_handle(timeline):
    """Let our second clip show its whole file, where it lies, alone: its handles lie over its neighbours.

    melt 7.12 enters a WAV file in the middle with an error of up to one packet (682 samples of 24-bit stereo) of its
    own making, so the file is entered at its first sample; the handle then shows whether it lies right.
    """
    track = timeline.tracks[1]
    clip = track[2]
    available = clip.media_reference.available_range
    start = track.range_of_child(clip).start_time - (clip.source_range.start_time - available.start_time)
    clip.source_range = available
    del track[3:]
    del track[0:2]
    track.insert(0, otio.schema.Gap(duration=start))


@ALL_RATES
def test_a_file_with_handles_lies_at_0_samples_of_error(kit, tmp_path, melt, rate):
    path, written = deliver(kit, tmp_path, rate, Layout.CLIPS, handles=position(10 / rate, 48000))
    rendered = melt(path, rate, open_handle)
    stem = written[1]
    sound = soundfile.read(stem.path, always_2d=True)[0]
    assert stem.placement.head_frames >= 6
    assert heard(rendered, sound, stem.placement.file_start) < ONE_STEP_OF_16_BITS
