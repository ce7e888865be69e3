"""The preview movie: picture copied where it can be, sound where it belongs, decoded and measured."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import opentimelineio as otio
import pytest

from otio_v2a import preview, stems, targets, timeline
from otio_v2a.errors import MediaError, StemError
from otio_v2a.provenance import ALGORITHMIC, TRAINED
from otio_v2a.spans import MediaFile
from otio_v2a.stem import Layout
from otio_v2a.targets import Target
from otio_v2a_engine.contract import Role

N_FRAMES = 60
FLASH = 36
"""Movies of the tests are dark but for this frame; below it, brightness tells the frame's number."""


def write_movie(path, *, codec="libx264", rate=Fraction(25), gop=250, flash=FLASH, options=None):
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            codec, rate=rate, options={"preset": "veryfast", **(options or {})} if codec == "libx264" else {}
        )
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.gop_size = gop
        for index in range(N_FRAMES):
            level = 250 if index == flash else 2 * index
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), level, np.uint8), format="rgb24")
            frame.pts, frame.time_base = index, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def decode(path):
    """Brightness by presentation time in seconds, and the sound with the time of its first sample."""
    import av

    levels, sound, first = {}, [], None
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            if frame.time >= -1e-6:
                levels[round(frame.time, 4)] = float(frame.to_ndarray(format="gray").mean())
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            first = frame.time if first is None else first
            sound.append(frame.to_ndarray())
    return levels, np.concatenate(sound, axis=1), first


def sounding(kit, cut, folder, sound, role=Role.FX):
    takes = [kit.make_take(folder / "takes", span, sound, role=role) for span in cut.spans]
    return stems.write(takes, cut, out_dir=folder / "stems", layout=Layout.CLIPS)


def flash_time(levels):
    return max(levels, key=levels.get)


def click_time(sound, first, rate=48000):
    return first + int(np.abs(sound[0]).argmax()) / rate


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001)], ids=["25", "29.97"])
def test_flash_and_click_come_out_together(kit, tmp_path, suffix, rate):
    cut = timeline.read(write_movie(tmp_path / "a.mp4", rate=rate))
    at = round(FLASH / rate * 48000)
    made = preview.make_preview(cut, tmp_path / f"out{suffix}", stems=sounding(kit, cut, tmp_path, kit.clicks(at)))
    assert made.picture == "copied"
    levels, sound, first = decode(made.path)
    assert len(levels) == N_FRAMES
    assert abs(flash_time(levels) - FLASH / rate) < 0.0011
    # Matroska counts in milliseconds; the others are exact to the sample.
    tolerance = 0.0011 if suffix == ".mkv" else 1.01 / 48000
    assert abs(click_time(sound, first) - at / 48000) <= tolerance


def test_the_picture_of_a_bare_movie_is_copied_bit_by_bit(kit, tmp_path):
    import av

    movie = write_movie(tmp_path / "a.mp4")
    cut = timeline.read(movie)
    made = preview.make_preview(cut, tmp_path / "out.mp4", stems=sounding(kit, cut, tmp_path, kit.noise(1)))

    def packets(path):
        with av.open(str(path)) as container:
            return [bytes(packet) for packet in container.demux(video=0) if packet.size]

    assert packets(made.path) == packets(movie)


def edit(folder, media, pieces, rate=25.0):
    """A cut of `(first source frame, length, time scalar)`; None as source is a gap."""
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    for index, (source, length, scalar) in enumerate(pieces):
        times = otio.opentime.TimeRange(
            otio.opentime.RationalTime(source or 0, rate), otio.opentime.RationalTime(length, rate)
        )
        if source is None:
            track.append(otio.schema.Gap(source_range=times))
            continue
        available = otio.opentime.TimeRange(
            otio.opentime.RationalTime(0, rate), otio.opentime.RationalTime(N_FRAMES, rate)
        )
        clip = otio.schema.Clip(f"c{index}", otio.schema.ExternalReference(str(media), available), times)
        if scalar != 1:
            clip.effects.append(otio.schema.LinearTimeWarp(time_scalar=scalar))
        track.append(clip)
    made = otio.schema.Timeline("edit")
    made.tracks.append(track)
    path = folder / "edit.otio"
    path.write_text(made.to_json_string())
    return timeline.read(path)


def numbers(levels):
    """Frame numbers that the brightness tells."""
    return [round(level / 2) for _, level in sorted(levels.items())]


def test_clips_cut_on_key_frames_are_copied_in_the_edits_order(kit, tmp_path):
    movie = write_movie(tmp_path / "a.mov", codec="mjpeg", flash=None)
    cut = edit(tmp_path, movie, [(30, 10, 1), (5, 7, 1)])
    made = preview.make_preview(cut, tmp_path / "out.mov", stems=sounding(kit, cut, tmp_path, kit.noise(1)))
    assert made.picture == "copied"
    found = numbers(decode(made.path)[0])
    assert max(abs(a - b) for a, b in zip(found, [*range(30, 40), *range(5, 12)], strict=True)) <= 1


def test_a_clip_that_begins_between_key_frames_shows_the_right_frames(kit, tmp_path):
    movie = write_movie(tmp_path / "a.mp4", flash=None, options={"bf": "0"})
    cut = edit(tmp_path, movie, [(13, 20, 1)])
    made = preview.make_preview(cut, tmp_path / "out.mp4", stems=sounding(kit, cut, tmp_path, kit.noise(1)))
    assert made.picture == "copied"
    found = numbers(decode(made.path)[0])
    assert len(found) == 20
    assert max(abs(a - b) for a, b in zip(found, range(13, 33), strict=True)) <= 1


def test_retimes_and_gaps_are_encoded_as_the_edit_shows_them(kit, tmp_path):
    movie = write_movie(tmp_path / "a.mp4", flash=None)
    cut = edit(tmp_path, movie, [(4, 10, 1), (None, 5, 1), (10, 8, 2), (20, 6, -1), (30, 5, 0)])
    made = preview.make_preview(cut, tmp_path / "out.mp4", stems=sounding(kit, cut, tmp_path, kit.clicks(50)))
    assert made.picture == "encoded"
    assert any("gap" in note for note in made.notes)
    levels, sound, _ = decode(made.path)
    expected = []
    for span in cut.spans:
        first = round(span.record_start_s * 25)
        expected += [0] * (first - len(expected))
        expected += [span.media_frame(index) for index in range(round(span.duration_s * 25))]
    assert len(levels) == len(expected) == 34
    assert max(abs(a - b) for a, b in zip(numbers(levels), expected, strict=True)) <= 1
    assert sound.shape[1] >= 34 * 1920


@pytest.mark.usefixtures("unmarked")
def test_a_sum_beyond_full_scale_is_brought_down_and_says_by_how_much(kit, tmp_path):
    cut = timeline.read(write_movie(tmp_path / "a.mp4"))
    loud = [
        *sounding(kit, cut, tmp_path, kit.constant(0.9)),
        *sounding(kit, cut, tmp_path, kit.constant(0.8), Role.AMB),
    ]
    made = preview.make_preview(cut, tmp_path / "out.mp4", stems=loud)
    assert made.gain_db == pytest.approx(-1 - 20 * np.log10(1.7), abs=0.01)
    assert any("dB down" in note for note in made.notes)
    assert np.abs(decode(made.path)[1]).max() < 1.0
    quiet = preview.make_preview(cut, tmp_path / "quiet.mp4", stems=loud[:1])
    assert quiet.gain_db == 0


@pytest.mark.parametrize("layout", list(Layout))
def test_a_written_timeline_is_enough(kit, tmp_path, layout):
    cut = timeline.read(write_movie(tmp_path / "a.mp4"))
    takes = [kit.make_take(tmp_path / "takes", span, kit.clicks(48000)) for span in cut.spans]
    written = stems.write(takes, cut, out_dir=tmp_path / "stems", layout=layout)
    path = targets.write(stems.attach(cut.timeline, written, cut=cut), tmp_path / "cut.otio", Target.PORTABLE)
    made = preview.make_preview(path, preview.default_preview(path))
    assert made.path == tmp_path / "cut_preview.mp4"
    _, sound, first = decode(made.path)
    assert abs(click_time(sound, first) - 1) <= 1.01 / 48000


def test_the_preview_says_what_made_its_sound(kit, tmp_path, monkeypatch):
    import av

    cut = timeline.read(write_movie(tmp_path / "a.mp4"))
    written = sounding(kit, cut, tmp_path, kit.noise(1))
    engines = {take.engine for stem in written for take in stem.takes}
    for origin in (ALGORITHMIC, TRAINED):
        monkeypatch.setattr(
            preview, "origin_of", lambda names, origin=origin: origin if set(names) == engines else None
        )
        made = preview.make_preview(cut, tmp_path / "out.mp4", stems=written)
        with av.open(str(made.path)) as container:
            assert f"AI-generated ({origin.words})" in container.metadata["comment"]


def test_what_cannot_be_previewed_is_said_and_leaves_no_file(kit, tmp_path):
    cut = timeline.read(write_movie(tmp_path / "a.mp4"))
    with pytest.raises(StemError, match="generate first"):
        preview.make_preview(cut, tmp_path / "out.mp4")
    written = sounding(kit, cut, tmp_path, kit.noise(1))
    with pytest.raises(MediaError, match=r"\.mp4"):
        preview.make_preview(cut, tmp_path / "out.webm", stems=written)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes((tmp_path / "a.mp4").read_bytes()[:300])
    lost = replace(cut, spans=(replace(cut.spans[0], media=MediaFile(str(broken), Fraction(25), Fraction(2))),))
    with pytest.raises(MediaError, match=r"broken\.mp4"):
        preview.make_preview(lost, tmp_path / "out.mp4", stems=written)
    written[0].path.unlink()
    with pytest.raises(StemError, match=written[0].path.name):
        preview.make_preview(cut, tmp_path / "out.mp4", stems=written)
    assert not list(tmp_path.glob("*out*"))


@pytest.mark.footage
@pytest.mark.parametrize("name", ["gopro_walk_path.mp4", "zoo_bear_320x240.webm", "sam2_football_juggle_noaudio.mp4"])
def test_real_footage_is_copied_whole(kit, tmp_path, footage, name):
    import av

    cut = timeline.read(footage / name)
    made = preview.make_preview(cut, tmp_path / "out.mp4", stems=sounding(kit, cut, tmp_path, kit.clicks(96_000)))
    assert made.picture == "copied"
    with av.open(str(footage / name)) as old, av.open(str(made.path)) as new:
        assert sum(1 for p in new.demux(video=0) if p.size) == sum(1 for p in old.demux(video=0) if p.size)
    _, sound, first = decode(made.path)
    assert abs(click_time(sound, first) - 2) <= 1.01 / 48000
