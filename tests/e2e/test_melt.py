"""A host renders what we wrote: OTIO -> mlt_xml -> melt, compared sample by sample with the stem."""

import shutil
import subprocess
from fractions import Fraction

import numpy as np
import opentimelineio as otio
import pytest
import soundfile

from otio_v2a import media, stems, targets
from otio_v2a.stem import Layout
from otio_v2a.targets import Target
from otio_v2a_engine.lengths import position

pytestmark = [
    pytest.mark.melt,
    pytest.mark.timeout(400),
    pytest.mark.skipif(shutil.which("melt") is None, reason="melt is not installed (apt-get install melt)"),
]

RATES = [
    *(Fraction(base * 1000, 1001) for base in (24, 30, 60, 120)),
    *map(Fraction, (24, 25, 30, 48, 50, 60, 120)),
]
ALL_RATES = pytest.mark.parametrize("rate", RATES, ids=lambda rate: f"{float(rate):.3f}")
ONE_STEP_OF_16_BITS = 2 / 2**15
CLIPS = ((7, 31), (38, 13), (60, 44))
"""First frame and length: at 29.97 and its like only the last begins on a whole sample."""


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
        # melt now and then hangs at its end on a busy machine, hence the further tries.
        for patience_s in (15, 30, 60, 120):
            try:
                subprocess.run(
                    ["melt", str(script), *sink], cwd=tmp_path, check=True, capture_output=True, timeout=patience_s
                )
                break
            except subprocess.TimeoutExpired:
                if patience_s == 120:
                    raise
        return soundfile.read(out, always_2d=True)[0]

    return render


def deliver(kit, folder, rate, layout, *, handles):
    """A timeline on disk whose clips sound of noise; returns it with the stems."""
    clips = [kit.PictureClip(f"SH{frame:03d}", frame, n_frames) for frame, n_frames in CLIPS]
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


def melt_samples(rate, frame):
    """Samples that melt counts before a frame: in single precision, rounded half up."""
    return int(frame * 48000 / float(np.float32(float(rate))) + 0.5)


def in_packets_of_a_frame(rate, folder):
    """Let our clips play copies of their files, sample for sample, in packets of one frame each.

    melt 7.12 enters a file in the middle by packets. In WAV, where a packet of 24-bit stereo has 682 samples and begins
    anywhere in a frame, it leaves some of them out twice (docs/adr/0501); where packets begin with frames it is exact.
    """
    import av

    def change(timeline):
        for clip in timeline.tracks[1].find_clips():
            reference = clip.media_reference
            path = media.resolve(reference.target_url, base=folder)
            sound = soundfile.read(path, dtype="int32", always_2d=True)[0]
            copy = path.with_suffix(".nut")
            with av.open(str(copy), "w") as container:
                stream = container.add_stream("pcm_s32le", rate=48000, layout="stereo")
                stream.time_base = Fraction(1, 48000)
                start, frame = 0, 1
                while start < len(sound):
                    stop = min(melt_samples(rate, frame), len(sound))
                    packet = av.Packet(sound[start:stop].astype("<i4").tobytes())
                    packet.stream, packet.time_base, packet.is_keyframe = stream, stream.time_base, True
                    packet.pts = packet.dts = start
                    container.mux(packet)
                    start, frame = stop, frame + 1
            reference.target_url = str(copy)

    return change


@ALL_RATES
def test_clips_with_handles_are_rendered_at_0_samples_of_error(kit, tmp_path, melt, rate):
    path, written = deliver(kit, tmp_path, rate, Layout.CLIPS, handles=position(10 / rate, 48000))
    rendered = melt(path, rate, in_packets_of_a_frame(rate, tmp_path))
    for stem, (frame, _) in zip(written, CLIPS, strict=True):
        assert stem.placement.head_frames >= 6
        assert stem.record_start == position(frame / rate, 48000)
        first = stem.record_start - stem.placement.file_start
        sound = soundfile.read(stem.path, always_2d=True)[0][first : first + stem.n_samples]
        assert heard(rendered, sound, stem.record_start) < ONE_STEP_OF_16_BITS
        assert heard(rendered, sound, stem.record_start - 1) > 0.1


@ALL_RATES
def test_clips_without_handles_are_rendered_where_melt_counts_them_at_most_a_sample_from_their_place(
    kit, tmp_path, melt, rate
):
    """Files of such clips begin between samples of the frame grid, and melt gives a frame the samples it has there."""
    path, written = deliver(kit, tmp_path, rate, Layout.CLIPS, handles=0)
    rendered = melt(path, rate)
    at, end = 0, 0
    for stem, (frame, n_frames) in zip(written, CLIPS, strict=True):
        at += melt_samples(rate, frame) - melt_samples(rate, end)  # a gap, counted from the timeline's start
        assert stem.record_start == position(frame / rate, 48000)
        assert abs(at - stem.record_start) <= (1 if rate == Fraction(60000, 1001) else 0)
        n_samples = melt_samples(rate, n_frames)  # a clip, counted from its file's start
        sound = soundfile.read(stem.path, always_2d=True)[0][:n_samples]
        assert len(sound) >= stem.n_samples - 1
        assert heard(rendered, sound, at) < ONE_STEP_OF_16_BITS
        at, end = at + n_samples, frame + n_frames
