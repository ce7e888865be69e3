"""Takes become files at exact samples, files become tracks of a timeline that is otherwise untouched."""

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import opentimelineio as otio
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from otio_v2a import stems
from otio_v2a.conform import parts_of
from otio_v2a.errors import CutError, StemError
from otio_v2a.mixing import Fade, cross_fade, mix
from otio_v2a.naming import clean, clip_words
from otio_v2a.riff import read_broadcast_info
from otio_v2a.spans import CutTiming
from otio_v2a.stem import Layout, place, place_whole
from otio_v2a.tracks import own_metadata, read_stems
from otio_v2a_engine.contract import Role
from otio_v2a_engine.lengths import position, span_length

RATES = [
    *(Fraction(base * 1000, 1001) for base in (24, 30, 48, 60, 120)),
    *map(Fraction, (24, 25, 30, 48, 50, 60, 100, 120)),
]
ALL_RATES = pytest.mark.parametrize("rate", RATES, ids=lambda rate: f"{float(rate):.3f}")


def write(takes, cut, folder, layout=Layout.CLIPS):
    return stems.write(takes, cut, out_dir=folder, layout=layout)


def sound_of(stem):
    return soundfile.read(stem.path, always_2d=True)[0]


# Placement on the frame grid.


@given(
    rate=st.sampled_from(RATES),
    frame=st.integers(0, 500_000),
    n_frames=st.integers(1, 5000),
    start=st.integers(0, 2_000_000),
    before=st.integers(0, 100_000),
    after=st.integers(0, 100_000),
)
@settings(max_examples=300, deadline=None)
def test_a_file_begins_on_the_earliest_frame_of_its_handle_that_begins_on_a_whole_sample(
    rate, frame, n_frames, start, before, after
):
    timing = CutTiming(rate=rate, global_start_s=start / rate, duration_s=Fraction(10**6))
    placed = place(frame / rate, n_frames / rate, timing=timing, sample_rate=48000, before=before, after=after)
    assert (placed.frame, placed.n_frames) == (frame, n_frames)
    first, per_frame = frame - placed.head_frames, 48000 / rate
    possible = [
        earlier
        for earlier in range(frame - before * rate // 48000, frame + 1)
        if (earlier * per_frame).denominator == 1 and start + earlier >= 0
    ]
    assert first == (possible[0] if possible else frame)
    assert placed.file_start == position(first / rate, 48000) >= position(frame / rate, 48000) - before - 1
    stop = placed.file_start + placed.n_samples
    assert stop == position((frame + n_frames + placed.tail_frames) / rate, 48000)
    assert stop <= position((frame + n_frames) / rate, 48000) + after + 1
    assert placed.time_reference == position((start + first) / rate, 48000) % (86400 * 48000)


def test_one_hour_at_23_976_is_172972800_samples():
    timing = CutTiming(rate=Fraction(24000, 1001), global_start_s=86400 / Fraction(24000, 1001), duration_s=Fraction(1))
    assert place_whole(timing, sample_rate=48000).time_reference == 172_972_800


def test_a_handle_never_reaches_before_midnight():
    timing = CutTiming(rate=Fraction(25), global_start_s=Fraction(0), duration_s=Fraction(10))
    placed = place(Fraction(2, 25), Fraction(1), timing=timing, sample_rate=48000, before=24000, after=0)
    assert (placed.head_frames, placed.file_start, placed.time_reference) == (2, 0, 0)


def test_a_cut_past_midnight_wraps():
    timing = CutTiming(rate=Fraction(25), global_start_s=Fraction(86399), duration_s=Fraction(10))
    placed = place(Fraction(2), Fraction(1), timing=timing, sample_rate=48000, before=0, after=0)
    assert placed.time_reference == 48000


def test_a_span_between_frames_is_put_on_the_nearest_frame_with_its_sound_at_the_exact_sample(kit, tmp_path):
    cut = kit.make_cut(tmp_path)
    span = replace(cut.spans[0], record_start_s=Fraction(101, 250))
    cut = replace(cut, spans=(span,))
    take = kit.make_take(tmp_path / "takes", span, kit.clicks(500))
    (stem,) = write([take], cut, tmp_path / "stems")
    assert stem.placement.frame == 10
    assert kit.peaks(sound_of(stem)) == [position(Fraction(101, 250), 48000) + 500 - stem.placement.file_start]


# Files, clip by clip.


@ALL_RATES
def test_every_sample_lies_where_the_timecode_says(kit, tmp_path, rate):
    clips = (kit.PictureClip("A", 7, 31), kit.PictureClip("B", 38, 13), kit.PictureClip("C", 60, 44))
    cut = kit.make_cut(tmp_path, rate=rate, clips=clips, start_frame=86_403)
    takes = [kit.make_take(tmp_path / "takes", span, kit.clicks(0, 1234)) for span in cut.spans]
    for stem, span in zip(write(takes, cut, tmp_path / "stems"), cut.spans, strict=True):
        start = read_broadcast_info(stem.path).time_reference
        expected = position(span.record_start_s, 48000)
        inside = [at + stem.placement.file_start for at in kit.peaks(sound_of(stem))]
        assert inside == [expected, expected + 1234]
        absolute = position(cut.timing.global_start_s + span.record_start_s, 48000)
        assert abs(start + inside[0] - stem.placement.file_start - absolute) <= (0 if 48000 % rate == 0 else 1)


def test_a_file_says_what_made_it(kit, tmp_path):
    cut = kit.make_cut(tmp_path, rate=Fraction(30000, 1001), start_frame=107_892, drop_frame=True)
    take = kit.make_take(tmp_path / "takes", cut.spans[0], kit.noise(1), engine="small")
    (stem,) = write([take], cut, tmp_path / "stems")
    info = read_broadcast_info(stem.path)
    assert (info.frame_rate, info.drop_frame) == (Fraction(30000, 1001), True)
    assert (info.project, info.scene, info.take) == ("reel", "SH010", "01")
    assert "trained algorithmic media" in info.description
    assert info.fields["DIGITAL_SOURCE_TYPE"].endswith("/trainedAlgorithmicMedia")
    assert info.fields["ENGINE"] == "small"
    assert info.fields["SEED"] == "41"
    assert info.fields["WEIGHTS_LICENCE"] == "Apache-2.0"
    assert info.fields["CONTENT_HASH"] == take.content_hash
    assert info.fields["HANDLE_SAMPLES"] == str(stem.record_start - stem.placement.file_start)
    assert len(info.fields["PROMPT_HASH"]) == 64
    assert b"gravel" not in stem.path.read_bytes()


def test_names_carry_cut_clip_role_and_take(kit, tmp_path):
    clips = [kit.PictureClip(name, 50 * i, 50) for i, name in enumerate(["SH 010/a", "same", "Same", "..", "été 映画"])]
    cut = kit.make_cut(tmp_path, clips=clips, name="My Reel: 2")
    takes = [
        kit.make_take(tmp_path / "takes", span, kit.noise(1), number=number, role=role)
        for span in cut.spans
        for number, role in ((1, Role.FX), (2, Role.FX), (1, Role.AMB))
    ]
    written = write(takes, cut, tmp_path / "stems")
    names = [take.path.name for stem in written for take in stem.takes]
    assert names[:2] == ["My-Reel-2_SH-010-a_FX_t01.wav", "My-Reel-2_SH-010-a_FX_t02.wav"]
    assert "My-Reel-2_clip_FX_t01.wav" in names
    assert "My-Reel-2_été-映画_AMB_t01.wav" in names
    assert len({name.casefold() for name in names}) == len(names) == 15
    assert sorted(path.name for path in (tmp_path / "stems").iterdir()) == sorted(names)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("../../etc/passwd", "etc-passwd"),
        ("a\x00b\nc", "a-b-c"),
        ("C:\\x", "C-x"),
        ("", "clip"),
        ("x" * 300, "x" * 60),
        ("映" * 50, "映" * 20),
        ("..hidden.", "hidden"),
    ],
)
def test_a_name_is_safe_on_every_file_system(text, word):
    assert clean(text, fallback="clip") == word


def test_a_shared_name_gets_the_same_word_whatever_else_is_there():
    words = clip_words({"id1": "A", "id2": "a", "id3": "B"})
    assert words["id3"] == "B"
    assert words["id1"] == clip_words({"id1": "A", "id9": "a"})["id1"]
    assert words["id1"].casefold() != words["id2"].casefold()


def test_other_peoples_files_are_left_alone(kit, tmp_path):
    cut = kit.make_cut(tmp_path)
    take = kit.make_take(tmp_path / "takes", cut.spans[0], kit.noise(1))
    folder = tmp_path / "stems"
    folder.mkdir()
    (folder / "reel_SH010_FX_t01.wav").write_bytes(b"somebody's take")
    secret = tmp_path / "secret"
    secret.write_text("mine")
    (folder / "reel_SH010_FX_t01_v002.wav").symlink_to(secret)
    (stem,) = write([take], cut, folder)
    assert stem.path.name == "reel_SH010_FX_t01_v003.wav"
    assert (folder / "reel_SH010_FX_t01.wav").read_bytes() == b"somebody's take"
    assert secret.read_text() == "mine"


def test_a_second_run_keeps_equal_files_and_never_overwrites_other_sound(kit, tmp_path):
    cut = kit.make_cut(tmp_path)
    span, folder = cut.spans[0], tmp_path / "stems"
    first = kit.make_take(tmp_path / "takes", span, kit.noise(1))
    other = kit.make_take(tmp_path / "takes", span, kit.noise(2))
    (one,) = write([first], cut, folder)
    stamp = one.path.stat().st_mtime_ns, one.path.stat().st_ino
    (same,) = write([first], cut, folder)
    assert same == one
    assert (same.path.stat().st_mtime_ns, same.path.stat().st_ino) == stamp
    (new,) = write([other], cut, folder)
    assert new.path.name == "reel_SH010_FX_t01_v002.wav"
    (again,) = write([first], cut, folder)
    assert again.path == one.path
    one.path.write_bytes(one.path.read_bytes()[:50_000])
    (mended,) = write([first], cut, folder)
    assert mended.path.name == "reel_SH010_FX_t01_v003.wav"


def test_takes_with_unlike_handles_share_one_placement(kit, tmp_path):
    cut = kit.make_cut(tmp_path, start_frame=90_000)
    span = cut.spans[0]
    takes = [
        kit.make_take(tmp_path / "takes", span, kit.clicks(0, 700), number=1, before=24000, after=9600),
        kit.make_take(tmp_path / "takes", span, kit.clicks(0, 800), number=2, before=9700, after=24000),
    ]
    (stem,) = write(takes, cut, tmp_path / "stems")
    assert (stem.placement.head_frames, stem.placement.tail_frames) == (5, 5)
    for take, second in zip(stem.takes, (700, 800), strict=True):
        sound = soundfile.read(take.path, always_2d=True)[0]
        assert kit.peaks(sound) == [9600, 9600 + second]
        assert len(sound) == stem.placement.n_samples


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"clip_id": "gone"}, "not in the cut"),
        ({"record_start": 5}, "another place"),
        ({"handle_before": 23999, "span_samples": 96001}, "another place"),
    ],
)
def test_a_take_of_another_cut_is_refused_by_name(kit, tmp_path, change, words):
    cut = kit.make_cut(tmp_path)
    take = replace(kit.make_take(tmp_path / "takes", cut.spans[0], kit.noise(1)), **change)
    with pytest.raises(StemError, match=words):
        write([take], cut, tmp_path / "stems")
    assert not (tmp_path / "stems").exists()


def test_a_lost_render_is_named(kit, tmp_path):
    cut = kit.make_cut(tmp_path)
    take = kit.make_take(tmp_path / "takes", cut.spans[0], kit.noise(1))
    take.path.unlink()
    with pytest.raises(StemError, match=take.path.name):
        write([take], cut, tmp_path / "stems")


# One file per role.


@ALL_RATES
def test_a_full_length_stem_holds_every_clip_at_its_sample(kit, tmp_path, rate):
    clips = (kit.PictureClip("A", 7, 31), kit.PictureClip("B", 38, 13), kit.PictureClip("C", 60, 44))
    cut = kit.make_cut(tmp_path, rate=rate, clips=clips, start_frame=86_403)
    takes = [kit.make_take(tmp_path / "takes", span, kit.clicks(600, 1234, -5, 10**6)) for span in cut.spans]
    (stem,) = write(takes, cut, tmp_path / "stems", Layout.ROLES)
    sound = sound_of(stem)
    assert stem.path.name == "reel_FX_v001.wav"
    assert len(sound) == position(104 / rate, 48000)
    starts = [position(clip.frame / rate, 48000) for clip in clips]
    assert kit.peaks(sound) == [start + offset for start in starts for offset in (600, 1234)]
    assert read_broadcast_info(stem.path).time_reference == position(86_403 / rate, 48000)


@pytest.mark.usefixtures("unmarked")
def test_effects_are_cropped_at_the_borders_without_a_click(kit, tmp_path):
    cut = kit.make_cut(tmp_path)
    takes = [kit.make_take(tmp_path / "takes", span, kit.constant(0.5)) for span in cut.spans[:1]]
    (stem,) = write(takes, cut, tmp_path / "stems", Layout.ROLES)
    sound = sound_of(stem)[:, 0]
    end = cut.spans[0].n_samples(48000)
    # A step of the bare crop would be 0.5.
    assert np.abs(np.diff(sound)).max() < 0.04
    assert sound[24 : end - 96] == pytest.approx(0.5, abs=1e-6)
    assert (sound[end:] == 0).all()


@pytest.mark.usefixtures("unmarked")
def test_a_hit_on_the_cut_keeps_its_attack(kit, tmp_path):
    cut = kit.make_cut(tmp_path)
    take = kit.make_take(tmp_path / "takes", cut.spans[1], kit.clicks(0))
    (stem,) = write([take], cut, tmp_path / "stems", Layout.ROLES)
    start = cut.spans[1].first_sample(48000)
    assert sound_of(stem)[start, 0] == pytest.approx(0.8, abs=1e-6)


def loudness_db(sound, window=2400):
    power = np.convolve(sound**2, np.ones(window) / window, mode="valid")
    return 10 * np.log10(power)


@pytest.mark.usefixtures("unmarked")
@pytest.mark.parametrize("role", [Role.AMB, Role.MUS])
@pytest.mark.parametrize("seeds", [(1, 2), (1, 1)], ids=["unlike", "alike"])
def test_ambience_and_music_go_over_without_a_step(kit, tmp_path, role, seeds):
    cut = kit.make_cut(tmp_path)
    border = cut.spans[1].first_sample(48000)
    # Alike: both takes are the same sound at the same record time, as two renders of one place may nearly be.
    sounds = [kit.noise(seeds[0]), kit.noise(seeds[1])]
    takes = [
        kit.make_take(tmp_path / "takes", span, kit.at_record_time(sound, span), role=role)
        for span, sound in zip(cut.spans, sounds, strict=True)
    ]
    (stem,) = write(takes, cut, tmp_path / "stems", Layout.ROLES)
    level = loudness_db(sound_of(stem)[4800:-4800, 0])
    assert level.max() - level.min() < 1.0
    if seeds[0] == seeds[1]:
        around = sound_of(stem)[border - 12000 : border + 12000, 0]
        assert around == pytest.approx(sounds[0](np.arange(border - 12000, border + 12000)), abs=2e-3)


def test_a_cross_fade_uses_the_handle_of_one_side_when_the_other_has_none(kit, tmp_path):
    cut = kit.make_cut(tmp_path)
    takes = [
        kit.make_take(tmp_path / "takes", span, kit.noise(i), role=Role.AMB, before=0, after=24000)
        for i, span in enumerate(cut.spans)
    ]
    (stem,) = write(takes, cut, tmp_path / "stems", Layout.ROLES)
    level = loudness_db(sound_of(stem)[4800:-4800, 0])
    assert level.max() - level.min() < 1.0


def test_nothing_is_cross_faded_over_a_gap(kit, tmp_path):
    cut = kit.make_cut(tmp_path, clips=(kit.PictureClip("A", 0, 25), kit.PictureClip("B", 26, 25)))
    takes = [kit.make_take(tmp_path / "takes", span, kit.constant(0.3), role=Role.AMB) for span in cut.spans]
    (stem,) = write(takes, cut, tmp_path / "stems", Layout.ROLES)
    assert (sound_of(stem)[48000 : 48000 + 1920] == 0).all()


@pytest.mark.usefixtures("unmarked")
def test_the_sum_of_two_full_scale_takes_stays_within_it(kit, tmp_path):
    cut = kit.make_cut(tmp_path)
    takes = [kit.make_take(tmp_path / "takes", span, kit.constant(0.99), role=Role.AMB) for span in cut.spans]
    (stem,) = write(takes, cut, tmp_path / "stems", Layout.ROLES)
    sound = sound_of(stem)[100:-100, 0]
    assert sound.max() <= 0.9901
    assert sound.min() > 0.9


@pytest.mark.usefixtures("unmarked")
def test_clips_that_overlap_are_brought_down_together_and_say_so(kit, tmp_path):
    cut = kit.make_cut(tmp_path)
    spans = (cut.spans[0], replace(cut.spans[0], clip_id="above", name="above"))
    cut = replace(cut, spans=spans)
    takes = [kit.make_take(tmp_path / "takes", span, kit.constant(0.8)) for span in spans]
    (stem,) = write(takes, cut, tmp_path / "stems", Layout.ROLES)
    assert stem.gain_db == pytest.approx(-20 * np.log10(1.6), abs=1e-3)
    assert sound_of(stem)[1000, 0] == pytest.approx(1.0, abs=1e-6)
    assert read_broadcast_info(stem.path).fields["GAIN_DB"] == f"{stem.gain_db:.3f}"


@pytest.mark.usefixtures("unmarked")
def test_mono_takes_fill_a_stereo_stem(kit, tmp_path):
    cut = kit.make_cut(tmp_path)
    takes = [
        kit.make_take(tmp_path / "takes", span, kit.clicks(900), channels=channels)
        for span, channels in zip(cut.spans, (1, 2), strict=True)
    ]
    (stem,) = write(takes, cut, tmp_path / "stems", Layout.ROLES)
    assert stem.channels == 2
    assert sound_of(stem)[900] == pytest.approx([0.8, 0.8], abs=1e-6)


def test_mixing_does_not_depend_on_how_it_is_cut(kit, tmp_path):
    cut = kit.make_cut(tmp_path)
    takes = [kit.make_take(tmp_path / "takes", span, kit.noise(i), role=Role.AMB) for i, span in enumerate(cut.spans)]
    clips = [kit.stem_clip_of(take) for take in takes]
    parts = parts_of(clips, role=Role.AMB, sample_rate=48000)
    whole = np.concatenate(list(mix(parts, start=0, stop=170_000, channels=2)), axis=1)
    pieces = [
        np.concatenate(list(mix(parts, start=a, stop=a + 34_000, channels=2)), axis=1)
        for a in range(0, 170_000, 34_000)
    ]
    assert (np.concatenate(pieces, axis=1) == whole).all()


@given(likeness=st.floats(-1, 1), linear=st.floats(0, 1), a=st.floats(0, 1), b=st.floats(0, 1))
def test_fade_gains_are_held_at_both_ends(likeness, linear, a, b):
    fade = Fade(start=100, length=50, power_out=a, power_in=b, likeness=likeness, linear=linear)
    out, into = fade.gains(0, 300)
    assert out[:100] == pytest.approx(1, abs=0.02)
    assert into[:100] == pytest.approx(0, abs=0.02)
    assert (out[150:] == 0).all()
    assert into[150:] == pytest.approx(1, abs=1e-9)
    assert np.isfinite(out).all()
    assert max(out.max(), into.max()) <= 2**0.5


def test_silence_can_be_cross_faded():
    quiet = np.zeros((2, 100), np.float32)
    fade = cross_fade(quiet, quiet, start=0)
    assert np.isfinite(fade.gains(0, 100)).all()


def test_adjoining_clips_share_their_border_sample_at_every_rate():
    for rate in RATES:
        for frame in range(0, 2000, 7):
            a, b = Fraction(frame) / rate, Fraction(frame + 7) / rate
            assert position(a, 48000) + span_length(a, 7 / rate, 48000) == position(b, 48000)


# On the timeline.


def takes_of(kit, folder, cut, roles=(Role.FX, Role.AMB), numbers=(1, 2)):
    return [
        kit.make_take(folder, span, kit.noise(hash((span.clip_id, role, number)) % 1000), role=role, number=number)
        for span in cut.spans
        for role in roles
        for number in numbers
    ]


@pytest.mark.parametrize("layout", list(Layout))
def test_the_input_is_preserved_but_for_added_tracks(kit, tmp_path, layout):
    cut = kit.make_cut(tmp_path)
    before = cut.timeline.to_json_string()
    written = write(takes_of(kit, tmp_path / "takes", cut), cut, tmp_path / "stems", layout)
    new = stems.attach(cut.timeline, written, cut=cut)
    assert cut.timeline.to_json_string() == before
    old, out = json.loads(before), json.loads(new.to_json_string())
    assert [track["name"] for track in out["tracks"]["children"]] == ["V1", "FX", "AMB"]
    del out["tracks"]["children"][1:]
    assert out == old
    assert stems.detach(new).to_json_string() == before


@pytest.mark.parametrize(
    ("engines", "words", "source_type"),
    [
        (("fake", "fake"), "algorithmic media", "algorithmicMedia"),
        (("fake", "small"), "trained algorithmic media", "trainedAlgorithmicMedia"),
        (("fake", "an engine of somebody else"), "trained algorithmic media", "trainedAlgorithmicMedia"),
    ],
)
@pytest.mark.parametrize("layout", list(Layout))
def test_sound_says_whether_a_trained_model_made_it(kit, tmp_path, engines, words, source_type, layout):
    cut = kit.make_cut(tmp_path)
    takes = [
        kit.make_take(tmp_path / "takes", span, kit.noise(1), engine=engine)
        for span, engine in zip(cut.spans, engines, strict=True)
    ]
    written = write(takes, cut, tmp_path / "stems", layout)
    track = stems.attach(cut.timeline, written, cut=cut).tracks[1]
    for own in (read_broadcast_info(written[-1].path).fields, own_metadata(track)):
        own = {name.lower(): text for name, text in own.items()}
        assert (own["origin"], own["digital_source_type"].rpartition("/")[2]) == (words, source_type)
    assert f"({words})" in read_broadcast_info(written[-1].path).description


def test_takes_are_media_references_with_one_active(kit, tmp_path):
    cut = kit.make_cut(tmp_path)
    written = write(takes_of(kit, tmp_path / "takes", cut, roles=(Role.FX,)), cut, tmp_path / "stems")
    new = stems.attach(cut.timeline, written, cut=cut)
    clip = new.tracks[1][0]
    assert list(clip.media_references()) == ["take_01", "take_02"]
    assert clip.active_media_reference_key == "take_01"
    own = own_metadata(clip)
    assert own["clip_id"] == cut.spans[0].clip_id
    assert [take["seed"] for take in own["takes"]] == [41, 42]
    assert own["takes"][0]["prompt"] == "steps on gravel"
    assert own["takes"][0]["weights_licence"] == "none"
    assert own["origin"] == "algorithmic media"  # the engine of this take has no weights
    assert (own["offset_samples"], own["length_samples"]) == (written[0].placement.head_frames * 1920, 96_000)


@ALL_RATES
@pytest.mark.parametrize("layout", list(Layout))
def test_ranges_are_whole_frames_at_the_timelines_own_rate(kit, tmp_path, rate, layout):
    clips = (kit.PictureClip("A", 7, 31), kit.PictureClip("B", 60, 44))
    spelled = round(float(rate), 3)
    cut = kit.make_cut(tmp_path, rate=rate, clips=clips, start_frame=500, spelled_rate=spelled)
    takes = [kit.make_take(tmp_path / "takes", span, kit.noise(1)) for span in cut.spans]
    written = write(takes, cut, tmp_path / "stems", layout)
    new = stems.attach(cut.timeline, written, cut=cut)
    track = new.tracks[1]
    for clip in track:
        times = [clip.source_range.start_time, clip.source_range.duration]
        if isinstance(clip, otio.schema.Clip):
            available = clip.media_reference.available_range
            times += [available.start_time, available.duration]
            assert clip.source_range.start_time >= available.start_time
            assert clip.source_range.end_time_exclusive() <= available.end_time_exclusive()
        assert all(time.rate == spelled and time.value == int(time.value) for time in times)
    if layout is Layout.CLIPS:
        frames = [track.range_of_child(clip).start_time.value for clip in track if isinstance(clip, otio.schema.Clip)]
        assert frames == [7, 60]
    else:
        assert track[0].source_range.duration.value == 104


def test_a_second_run_replaces_its_tracks_and_never_doubles_them(kit, tmp_path):
    cut = kit.make_cut(tmp_path)
    written = write(takes_of(kit, tmp_path / "takes", cut), cut, tmp_path / "stems")
    once = stems.attach(cut.timeline, written, cut=cut)
    twice = stems.attach(once, written, cut=cut)
    assert twice.to_json_string() == once.to_json_string()
    roles = write(takes_of(kit, tmp_path / "takes", cut), cut, tmp_path / "stems", Layout.ROLES)
    thrice = stems.attach(twice, roles, cut=cut)
    assert [len(track) for track in thrice.tracks] == [2, 1, 1]
    assert stems.detach(thrice).to_json_string() == cut.timeline.to_json_string()


def test_a_run_for_one_clip_keeps_the_others_and_one_role_keeps_the_other(kit, tmp_path):
    cut = kit.make_cut(tmp_path)
    all_takes = takes_of(kit, tmp_path / "takes", cut)
    once = stems.attach(cut.timeline, write(all_takes, cut, tmp_path / "stems"), cut=cut)
    new = kit.make_take(tmp_path / "takes", cut.spans[1], kit.noise(99))
    again = stems.attach(once, write([new], cut, tmp_path / "stems"), cut=cut)
    by_place = {(stem.role, stem.clip_id): stem for stem in read_stems(again, base=tmp_path)}
    assert len(by_place) == 4
    assert by_place[Role.FX, cut.spans[1].clip_id].takes[0].content_hash == new.content_hash
    assert len(by_place[Role.FX, cut.spans[0].clip_id].takes) == 2
    moved = replace(cut, spans=(replace(cut.spans[0], record_start_s=Fraction(1)), cut.spans[1]))
    last = stems.attach(again, write([new], cut, tmp_path / "stems"), cut=moved)
    assert [(s.role, s.clip_name) for s in read_stems(last, base=tmp_path) if s.role is Role.FX] == [(Role.FX, "SH020")]


def test_the_choice_of_an_earlier_run_is_remembered(kit, tmp_path):
    cut = kit.make_cut(tmp_path)
    takes = takes_of(kit, tmp_path / "takes", cut, roles=(Role.FX,))
    once = stems.attach(cut.timeline, write(takes, cut, tmp_path / "stems"), cut=cut)
    clip = once.tracks[1][0]
    clip.metadata["otio_v2a"]["active"] = 2
    written = write(takes, replace(cut, timeline=once), tmp_path / "stems")
    assert [stem.clips[0].active for stem in written] == [2, 1]
    assert written[0].path.name.endswith("_t02.wav")


def test_clips_that_sound_at_once_get_a_track_each(kit, tmp_path):
    cut = kit.make_cut(tmp_path)
    above = replace(cut.spans[0], clip_id="above", name="above", record_start_s=Fraction(1))
    cut = replace(cut, spans=(*cut.spans, above))
    takes = [kit.make_take(tmp_path / "takes", span, kit.noise(1)) for span in cut.spans]
    new = stems.attach(cut.timeline, write(takes, cut, tmp_path / "stems"), cut=cut)
    assert [(track.name, len(track.find_clips())) for track in new.tracks[1:]] == [("FX", 2), ("FX 2", 1)]


@pytest.mark.parametrize("layout", list(Layout))
def test_what_is_attached_is_read_back(kit, tmp_path, layout):
    cut = kit.make_cut(tmp_path, rate=Fraction(30000, 1001), start_frame=107_892, drop_frame=True)
    written = write(takes_of(kit, tmp_path / "takes", cut), cut, tmp_path / "stems", layout)
    new = stems.attach(cut.timeline, written, cut=cut)
    assert read_stems(otio.adapters.read_from_string(new.to_json_string(), "otio_json"), base=tmp_path) == written


def test_undo_takes_the_tracks_off_a_file(kit, tmp_path):
    cut = kit.make_cut(tmp_path)
    new = stems.attach(cut.timeline, write(takes_of(kit, tmp_path / "t", cut), cut, tmp_path / "stems"), cut=cut)
    path = tmp_path / "out.otio"
    path.write_text(new.to_json_string())
    assert stems.undo(path, out=tmp_path / "other.otio") == tmp_path / "other.otio"
    assert path.read_text() == new.to_json_string()
    stems.undo(path)
    for written in (path, tmp_path / "other.otio"):
        assert json.loads(written.read_text()) == json.loads(cut.timeline.to_json_string())
    with pytest.raises(CutError, match=r"\.otio"):
        stems.undo(path, out=tmp_path / "x.xml")
