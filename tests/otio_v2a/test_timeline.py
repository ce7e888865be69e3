"""Reading cuts: every OTIO feature that changes what is seen when."""

import os
import re
import shutil
from fractions import Fraction

import opentimelineio as otio
import pytest

from otio_v2a.errors import CutError
from otio_v2a.timeline import ReadOptions, clips_by_id, from_movie, read

S = otio.schema
RT, TR = otio.opentime.RationalTime, otio.opentime.TimeRange


def time_range(start, length, rate=24):
    return TR(RT(start, rate), RT(length, rate))


@pytest.fixture
def cutting_room(tmp_path):
    """Folder with one stand-in movie; clips here say their ranges, so it is never opened."""
    (tmp_path / "a.mov").touch()
    (tmp_path / "b.mov").touch()
    return tmp_path


def clip(name, start, length, *effects, url="a.mov", rate=24, media=(0, 100), media_rate=None, **fields):
    reference = S.ExternalReference(url, time_range(*media, media_rate or rate)) if url else S.MissingReference()
    made = S.Clip(name, reference, time_range(start, length, rate), **fields)
    made.effects.extend(effects)
    return made


def gap(length, rate=24):
    return S.Gap(source_range=time_range(0, length, rate))


def track(*children, name="V1", kind="Video", **fields):
    made = S.Track(name, kind=kind, **fields)
    made.extend(children)
    return made


def stack(*children, name="nest", **fields):
    made = S.Stack(name, **fields)
    made.extend(children)
    return made


AN_HOUR = RT(86400, 24)


def timeline_of(*layers, start=AN_HOUR):
    timeline = S.Timeline("reel", global_start_time=start)
    timeline.tracks.extend([layer if isinstance(layer, S.Track | S.Stack) else track(layer) for layer in layers])
    return timeline


def read_back(timeline, folder, **options):
    path = folder / "cut.otio"
    timeline.to_json_file(str(path))
    return read(path, options=ReadOptions(**options))


def seen(cut):
    """(name, first record frame, media frame per record frame) of every span."""
    rows = []
    for span in cut.spans:
        first, length = span.record_start_s * span.rate, span.duration_s * span.rate
        assert first.denominator == length.denominator == 1
        rows.append((span.name, int(first), [span.media_frame(n) for n in range(int(length))]))
    return rows


def test_clips_and_gaps_lie_where_the_editor_put_them(cutting_room):
    cut = read_back(timeline_of(track(clip("a", 10, 3), gap(2), clip("b", 50, 2))), cutting_room)

    assert seen(cut) == [("a", 0, [10, 11, 12]), ("b", 5, [50, 51])]
    assert [span.index for span in cut.spans] == [1, 2]
    assert cut.timing.rate == 24
    assert cut.timing.global_start_s == 3600
    assert cut.timing.duration_s == Fraction(7, 24)
    assert cut.name == "reel"
    assert cut.spans[0].media.path == str(cutting_room / "a.mov")
    assert cut.skipped == ()


def test_source_ranges_are_counted_from_the_start_of_the_available_range(cutting_room):
    cut = read_back(timeline_of(clip("a", 86410, 2, media=(86400, 100))), cutting_room)

    assert seen(cut) == [("a", 0, [10, 11])]


def test_clips_of_one_file_may_declare_its_range_differently(cutting_room):
    declared = [(0, 100), (20, 100), (0, 50), (20, 100)]
    cut = read_back(timeline_of(track(*[clip(f"c{n}", 30, 10, media=m) for n, m in enumerate(declared)])), cutting_room)
    found = [(span.source_start_s * 24, span.media.duration_s * 24) for span in cut.spans]
    assert found == [(30, 100), (10, 100), (30, 50), (10, 100)]


def test_a_clip_longer_than_its_media_holds_the_last_frame(cutting_room):
    cut = read_back(timeline_of(clip("a", 97, 6)), cutting_room)

    assert seen(cut) == [("a", 0, [97, 98, 99, 99, 99, 99])]


def test_without_a_source_range_all_of_the_media_is_shown(cutting_room):
    whole = clip("a", 0, 1, media=(86400, 4))
    whole.source_range = None

    assert seen(read_back(timeline_of(track(whole, clip("b", 0, 1))), cutting_room)) == [
        ("a", 0, [0, 1, 2, 3]),
        ("b", 4, [0]),
    ]


def test_without_any_range_the_file_is_asked(tmp_path, make_movie):
    make_movie(tmp_path / "real.mov", frames=7, rate=25)
    bare = S.Clip("a", S.ExternalReference("real.mov"))

    cut = read_back(timeline_of(track(bare, clip("b", 0, 1, rate=25, url="real.mov")), start=RT(0, 25)), tmp_path)

    assert seen(cut) == [("a", 0, [0, 1, 2, 3, 4, 5, 6]), ("b", 7, [0])]
    assert cut.spans[0].media.rate == 25


def test_without_an_available_range_the_timecode_in_the_file_is_subtracted(tmp_path, make_movie):
    make_movie(tmp_path / "tc.mov", frames=20, timecode="01:00:00:00")
    absolute = S.Clip("absolute", S.ExternalReference("tc.mov"), time_range(86405, 3))
    relative = S.Clip("relative", S.ExternalReference("tc.mov"), time_range(5, 3))

    cut = read_back(timeline_of(track(absolute, relative)), tmp_path)

    assert seen(cut) == [("absolute", 0, [5, 6, 7]), ("relative", 3, [5, 6, 7])]


def test_a_range_outside_of_what_the_reference_declares_is_measured_by_the_files_timecode(tmp_path, make_movie):
    make_movie(tmp_path / "tc.mov", frames=20, timecode="01:00:00:00")

    cut = read_back(timeline_of(clip("a", 86405, 3, url="tc.mov", media=(0, 20))), tmp_path)

    assert seen(cut) == [("a", 0, [5, 6, 7])]


def test_a_range_that_no_clock_of_the_media_knows_is_skipped_with_both_ranges(tmp_path, make_movie):
    make_movie(tmp_path / "short.mov", frames=20)

    cut = read_back(timeline_of(clip("a", 500, 3, url="short.mov", media=(0, 20))), tmp_path)

    assert cut.spans == ()
    assert "500 to 503" in cut.skipped[0].reason
    assert "0 to 20" in cut.skipped[0].reason


@pytest.mark.parametrize(
    ("scalars", "frames"),
    [
        ([2.0], [10, 12, 14, 16]),
        ([0.5], [10, 10, 11, 11]),
        ([-1.0], [13, 12, 11, 10]),
        ([-2.0], [17, 15, 13, 11]),
        ([-0.5], [11, 11, 10, 10]),
        ([2.0, 0.5], [10, 11, 12, 13]),
        ([2.0, -1.0], [17, 15, 13, 11]),
        ([-1.0, -1.0], [10, 11, 12, 13]),
        ([0.0], [10, 10, 10, 10]),
        ([2.0, 0.0], [10, 10, 10, 10]),
        ([1 / 3], [10, 10, 10, 11]),
    ],
)
def test_a_retimed_clip_plays_its_source_range_in_record_time(cutting_room, scalars, frames):
    effects = [S.LinearTimeWarp(time_scalar=scalar) if scalar else S.FreezeFrame() for scalar in scalars]

    assert seen(read_back(timeline_of(clip("a", 10, 4, *effects)), cutting_room)) == [("a", 0, frames)]


def test_a_disabled_retime_is_not_applied(cutting_room):
    fast = S.LinearTimeWarp(time_scalar=2.0)
    fast.enabled = False

    assert seen(read_back(timeline_of(clip("a", 10, 3, fast)), cutting_room)) == [("a", 0, [10, 11, 12])]


def test_a_time_effect_without_a_speed_is_rejected_by_clip_name(cutting_room):
    cut = read_back(
        timeline_of(track(clip("ramp", 0, 4, S.TimeEffect(effect_name="TrimToFill")), clip("b", 0, 1))), cutting_room
    )

    assert seen(cut) == [("b", 4, [0])]
    assert (cut.skipped[0].clip, cut.skipped[0].track) == ("ramp", "V1")
    assert "'TrimToFill' has no fixed speed" in cut.skipped[0].reason


def test_effects_that_are_no_retimes_change_nothing(cutting_room):
    assert seen(read_back(timeline_of(clip("a", 3, 2, S.Effect(effect_name="Blur"))), cutting_room)) == [
        ("a", 0, [3, 4])
    ]


@pytest.mark.parametrize("speed", [float("nan"), float("inf"), 1e9])
def test_an_impossible_speed_is_skipped_by_name(cutting_room, speed):
    cut = read_back(timeline_of(track(clip("odd", 0, 4, S.LinearTimeWarp(time_scalar=speed)))), cutting_room)

    assert cut.spans == ()
    assert "speed" in cut.skipped[0].reason


def test_a_nested_stack_shows_its_own_source_range(cutting_room):
    inner = track(clip("n1", 0, 5), clip("n2", 20, 5), name="inner")
    nest = stack(inner, source_range=time_range(3, 4))

    cut = read_back(timeline_of(track(clip("a", 0, 2), nest, clip("b", 0, 1))), cutting_room)

    assert seen(cut) == [("a", 0, [0, 1]), ("n1", 2, [3, 4]), ("n2", 4, [20, 21]), ("b", 6, [0])]
    assert cut.spans[1].track == "V1 / nest / inner"


def test_nested_ranges_are_clamped_at_every_level(cutting_room):
    deep = stack(track(clip("deep", 0, 50)), name="deep", source_range=time_range(10, 20))
    outer = stack(track(gap(2), deep), name="outer", source_range=time_range(5, 30))

    # Of the deep stack's 20 frames 3 lie before the outer range; the outer range is longer than what is left.
    assert seen(read_back(timeline_of(track(outer, clip("after", 0, 1))), cutting_room)) == [
        ("deep", 0, list(range(13, 30))),
        ("after", 30, [0]),
    ]


def test_a_clip_trimmed_away_by_its_stack_is_named(cutting_room):
    nest = stack(track(clip("gone", 0, 5), clip("kept", 0, 5)), source_range=time_range(5, 5))

    cut = read_back(timeline_of(track(nest)), cutting_room)

    assert [span.name for span in cut.spans] == ["kept"]
    assert cut.skipped[0].clip == "gone"
    assert "trimmed away" in cut.skipped[0].reason


def test_a_retimed_nest_multiplies_the_speeds_inside(cutting_room):
    nest = stack(track(clip("a", 0, 4), clip("b", 50, 4, S.LinearTimeWarp(time_scalar=2.0))))
    nest.source_range = time_range(0, 4)
    nest.effects.append(S.LinearTimeWarp(time_scalar=2.0))

    assert seen(read_back(timeline_of(track(nest)), cutting_room)) == [("a", 0, [0, 2]), ("b", 2, [50, 54])]


def test_a_reversed_nest_plays_its_last_clip_first_and_backwards(cutting_room):
    nest = stack(track(clip("a", 0, 2), clip("b", 50, 3)))
    nest.effects.append(S.LinearTimeWarp(time_scalar=-1.0))

    assert seen(read_back(timeline_of(track(nest)), cutting_room)) == [("b", 0, [52, 51, 50]), ("a", 3, [1, 0])]


def test_a_freeze_inside_a_reversed_nest_still_holds_its_first_frame(cutting_room):
    nest = stack(track(clip("held", 40, 3, S.FreezeFrame())))
    nest.effects.append(S.LinearTimeWarp(time_scalar=-1.0))

    assert seen(read_back(timeline_of(track(nest)), cutting_room)) == [("held", 0, [40, 40, 40])]


def test_the_source_range_of_the_whole_timeline_moves_record_time(cutting_room):
    timeline = timeline_of(track(clip("a", 0, 5), clip("b", 50, 5)))
    timeline.tracks.source_range = time_range(3, 4)

    cut = read_back(timeline, cutting_room)

    assert seen(cut) == [("a", 0, [3, 4]), ("b", 2, [50, 51])]
    assert cut.timing.duration_s == Fraction(4, 24)


def test_a_track_with_a_source_range_shows_that_part_of_it(cutting_room):
    trimmed = track(clip("a", 0, 5), clip("b", 50, 5), source_range=time_range(4, 3))

    assert seen(read_back(timeline_of(trimmed), cutting_room)) == [("a", 0, [4]), ("b", 1, [50, 51])]


def test_spans_keep_their_trimmed_ranges_under_a_transition_and_say_how_far_it_reaches(cutting_room):
    dissolve = S.Transition(in_offset=RT(3, 24), out_offset=RT(2, 24))
    cut = read_back(timeline_of(track(clip("a", 10, 5), dissolve, clip("b", 50, 5))), cutting_room)

    assert seen(cut) == [("a", 0, [10, 11, 12, 13, 14]), ("b", 5, [50, 51, 52, 53, 54])]
    first, second = cut.spans
    assert (first.dissolve_before_s, first.dissolve_after_s) == (0, Fraction(2, 24))
    assert (second.dissolve_before_s, second.dissolve_after_s) == (Fraction(3, 24), 0)
    handles = cut.timeline.tracks[0].handles_of_child(cut.timeline.tracks[0][2])
    assert handles[0] == RT(3, 24), "the same as OTIO's handles"


def test_disabled_clips_keep_their_time_and_are_named(cutting_room):
    off = clip("off", 0, 4)
    off.enabled = False

    cut = read_back(timeline_of(track(off, clip("b", 0, 1))), cutting_room)

    assert seen(cut) == [("b", 4, [0])]
    assert (cut.skipped[0].clip, cut.skipped[0].reason) == ("off", "it is disabled")


def test_clips_of_disabled_tracks_and_nests_are_named(cutting_room):
    muted = track(clip("on muted", 0, 2), name="V2")
    muted.enabled = False
    nest = stack(track(clip("in nest", 0, 2)))
    nest.enabled = False

    cut = read_back(timeline_of(track(nest, clip("b", 0, 2)), muted), cutting_room)

    assert seen(cut) == [("b", 2, [0, 1])]
    assert {skip.clip: skip.reason for skip in cut.skipped} == {
        "in nest": "stack 'nest' is disabled",
        "on muted": "track 'V2' is disabled",
    }


def test_offline_media_keep_their_time_and_are_named(cutting_room):
    cut = read_back(timeline_of(track(clip("lost", 0, 3, url=None), clip("b", 0, 1))), cutting_room)

    assert seen(cut) == [("b", 3, [0])]
    assert "offline" in cut.skipped[0].reason


def test_a_missing_file_is_named_with_the_path_that_was_tried(cutting_room):
    cut = read_back(timeline_of(clip("lost", 0, 3, url="sub%20folder/gone.mov")), cutting_room)

    assert cut.skipped[0].clip == "lost"
    assert str(cutting_room / "sub folder" / "gone.mov") in cut.skipped[0].reason


def test_a_clip_whose_length_nobody_knows_takes_its_followers_out_by_name(cutting_room):
    endless = S.Clip("endless", S.MissingReference())

    higher = track(gap(20), clip("c", 4, 1), name="V2")
    cut = read_back(timeline_of(track(clip("a", 0, 2), endless, clip("b", 0, 1)), higher), cutting_room)

    assert seen(cut) == [("a", 0, [0, 1]), ("c", 20, [4])]
    reasons = {skip.clip: skip.reason for skip in cut.skipped}
    assert "offline" in reasons["endless"]
    assert "its place is not known: clip 'endless' before it has no valid length" in reasons["b"]


def test_offline_media_that_say_how_long_they_are_keep_their_followers_in_place(cutting_room):
    known = S.Clip("known", S.MissingReference(available_range=time_range(0, 6)))

    assert seen(read_back(timeline_of(track(known, clip("b", 0, 1))), cutting_room)) == [("b", 6, [0])]


@pytest.mark.parametrize(
    "broken",
    [TR(RT(0, 24), RT(-5, 24)), TR(RT(0, 24), RT(float("nan"), 24)), TR(RT(0, 24), RT(5, 0))],
    ids=["negative", "nan", "rate 0"],
)
def test_impossible_ranges_are_skipped_with_what_follows_and_nothing_else(cutting_room, broken):
    odd = clip("odd", 0, 5)
    odd.source_range = broken
    timeline = timeline_of(track(clip("a", 0, 2), odd, clip("b", 0, 1)), track(gap(30), clip("c", 7, 1), name="V2"))

    cut = read_back(timeline, cutting_room)

    assert seen(cut) == [("a", 0, [0, 1]), ("c", 30, [7])]
    assert [skip.clip for skip in cut.skipped] == ["odd", "b"]


def test_generators_are_skipped_and_do_not_hide_what_is_beneath(cutting_room):
    bars = S.Clip("bars", S.GeneratorReference(generator_kind="SMPTEBars"), time_range(0, 4))

    cut = read_back(timeline_of(clip("a", 0, 4), track(bars, name="V2")), cutting_room)

    assert seen(cut) == [("a", 0, [0, 1, 2, 3])]
    assert "generated by the editor (SMPTEBars)" in cut.skipped[0].reason


def test_a_sound_file_on_a_picture_track_is_skipped_by_name(cutting_room):
    (cutting_room / "guide.wav").touch()

    cut = read_back(timeline_of(clip("guide", 0, 4, url="guide.wav")), cutting_room)

    assert "is a sound file" in cut.skipped[0].reason


def test_sound_tracks_are_not_picture(cutting_room):
    cut = read_back(timeline_of(clip("a", 0, 2), track(clip("s", 0, 9), kind="Audio", name="A1")), cutting_room)

    assert [span.name for span in cut.spans] == ["a"]
    assert cut.skipped == ()
    assert cut.timing.duration_s == Fraction(2, 24)


def test_what_a_higher_track_hides_is_left_out_and_named(cutting_room):
    cut = read_back(
        timeline_of(track(clip("under", 0, 3), clip("part", 10, 6)), track(clip("top", 50, 5), name="V2")),
        cutting_room,
    )

    assert seen(cut) == [("top", 0, [50, 51, 52, 53, 54]), ("part", 5, [12, 13, 14, 15])]
    assert cut.skipped[0].clip == "under"
    assert "hidden beneath 'top' on 'V2'" in cut.skipped[0].reason
    assert cut.notes == ("clip 'part' on 'V1': 2 of its 6 frames are hidden beneath 'top' on 'V2' and not scored",)


def test_a_clip_seen_on_both_sides_of_a_higher_one_gives_two_spans(cutting_room):
    cut = read_back(timeline_of(clip("under", 0, 8), track(gap(3), clip("top", 50, 2), name="V2")), cutting_room)

    assert seen(cut) == [("under", 0, [0, 1, 2]), ("top", 3, [50, 51]), ("under", 5, [5, 6, 7])]
    first, _, second = (span.clip_id for span in cut.spans)
    assert (first[:-2], first[-2:], second[-2:]) == (second[:-2], "-1", "-2")


def test_all_tracks_are_scored_on_request(cutting_room):
    timeline = timeline_of(clip("under", 0, 4), track(clip("top", 50, 4), name="V2"))

    assert [row[0] for row in seen(read_back(timeline, cutting_room, all_tracks=True))] == ["under", "top"]


def test_disabled_and_offline_clips_hide_nothing(cutting_room):
    off = clip("off", 0, 4)
    off.enabled = False
    timeline = timeline_of(
        clip("under", 0, 4), track(off, name="V2"), track(clip("lost", 0, 4, url="gone.mov"), name="V3")
    )

    assert [span.name for span in read_back(timeline, cutting_room).spans] == ["under"]


def test_rates_are_mixed_exactly(cutting_room):
    timeline = timeline_of(
        track(
            clip("a", 0, 30, rate=30, media=(0, 300)),
            clip("b", 25, 50, rate=25, media=(0, 300)),
            clip("c", 0, 24, rate=24),
        )
    )

    cut = read_back(timeline, cutting_room)

    assert [(s.name, s.record_start_s, s.duration_s, s.media.rate) for s in cut.spans] == [
        ("a", 0, 1, 30),
        ("b", 1, 2, 25),
        ("c", 3, 1, 24),
    ]
    # Record frame n of 24 shows the media frame that starts at or before it.
    assert [cut.spans[0].media_frame(n) for n in (0, 1, 2, 3, 4)] == [0, 1, 2, 3, 5]
    assert [cut.spans[1].media_frame(n) for n in (0, 1, 23, 24)] == [25, 26, 48, 50]


def test_positions_never_drift_at_ntsc_rates(cutting_room):
    shots = [clip(f"s{n}", n, 7, rate=29.97, media=(0, 5000)) for n in range(300)]

    cut = read_back(timeline_of(track(*shots), start=RT(0, 29.97)), cutting_room)

    assert cut.timing.rate == Fraction(30000, 1001)
    for number, span in enumerate(cut.spans):
        assert span.record_start_s == Fraction(number * 7 * 1001, 30000)
        if number:
            before = cut.spans[number - 1]
            assert before.first_sample(48000) + before.n_samples(48000) == span.first_sample(48000)


def test_a_hosts_spelling_of_23_976_is_the_exact_rate(cutting_room):
    rate = 23.976024627685547

    cut = read_back(
        timeline_of(clip("a", 86410, 24, rate=rate, media=(86400, 100)), start=RT(86400, rate)), cutting_room
    )

    assert cut.timing.rate == Fraction(24000, 1001)
    assert cut.timing.global_start_s == Fraction(86400 * 1001, 24000)
    assert seen(cut)[0][2][:2] == [10, 11]


def test_float_noise_in_a_value_is_no_part_of_a_frame(cutting_room):
    cut = read_back(timeline_of(track(clip("a", 9.9999999991, 3.0000000004), clip("b", 5, 1))), cutting_room)

    assert seen(cut) == [("a", 0, [10, 11, 12]), ("b", 3, [5])]


@pytest.mark.parametrize(
    ("start", "rate", "is_drop"),
    [(107892, 29.97, True), (108000, 29.97, False), (0, 29.97, False), (215784, 59.94, True), (86400, 24, False)],
)
def test_drop_frame_is_known_by_a_start_on_the_minute(cutting_room, start, rate, is_drop):
    timeline = timeline_of(clip("a", 0, 3, rate=rate), start=RT(start, rate))

    assert read_back(timeline, cutting_room).timing.drop_frame is is_drop
    assert read_back(timeline, cutting_room, drop_frame=not is_drop).timing.drop_frame is not is_drop


def test_drop_frame_start_agrees_with_otios_timecode(cutting_room):
    start = otio.opentime.from_timecode("01:00:00;00", 30000 / 1001)

    cut = read_back(timeline_of(clip("a", 0, 3, rate=29.97), start=start), cutting_room)

    assert cut.timing.drop_frame
    assert cut.timing.global_start_s == Fraction(107892 * 1001, 30000)


def test_a_start_of_zero_at_another_rate_than_every_clip_is_nobodys_choice(cutting_room):
    assert read_back(timeline_of(clip("a", 0, 5, rate=25), start=RT(0, 24)), cutting_room).timing.rate == 25


def test_the_edit_rate_without_a_start_is_that_of_most_clips(cutting_room):
    shots = [clip("a", 0, 5, rate=25), clip("b", 0, 5, rate=30), clip("c", 0, 5, rate=25)]

    assert read_back(timeline_of(track(gap(9, rate=1), *shots), start=None), cutting_room).timing.rate == 25


def test_the_active_media_reference_is_used(cutting_room):
    both = clip("a", 0, 2)
    both.set_media_references(
        {
            "DEFAULT_MEDIA": S.ExternalReference("a.mov", time_range(0, 9)),
            "proxy": S.ExternalReference("b.mov", time_range(0, 9)),
        },
        "proxy",
    )

    cut = read_back(timeline_of(both), cutting_room)

    assert cut.spans[0].media.path.endswith("b.mov")
    assert cut.notes == ()


def test_another_reference_serves_when_the_active_one_is_missing_and_says_so(cutting_room):
    both = clip("a", 0, 2)
    both.set_media_references(
        {
            "full": S.ExternalReference("gone.mov", time_range(0, 9)),
            "proxy": S.ExternalReference("b.mov", time_range(0, 9)),
        },
        "full",
    )

    cut = read_back(timeline_of(both), cutting_room)

    assert cut.spans[0].media.path.endswith("b.mov")
    assert "clip 'a' on 'V1' uses its media reference 'proxy'" in cut.notes[0]
    assert "gone.mov" in cut.notes[0]


def test_an_older_clip_schema_is_upgraded(cutting_room):
    timeline = timeline_of(clip("a", 4, 2))
    text = timeline.to_json_string()
    old = re.sub(
        r'"media_references": \{\s*"DEFAULT_MEDIA": (\{.*?\})\s*\},\s*"active_media_reference_key": "DEFAULT_MEDIA"',
        r'"media_reference": \1',
        text.replace("Clip.2", "Clip.1"),
        flags=re.DOTALL,
    )
    assert '"media_reference":' in old
    (cutting_room / "old.otio").write_text(old)

    assert seen(read(cutting_room / "old.otio")) == [("a", 0, [4, 5])]


def sequence(first, rate=24, available=None, **fields):
    values = dict(name_prefix="shot.", name_suffix=".png", start_frame=first, rate=rate, frame_zero_padding=4)
    return S.ImageSequenceReference(available_range=available, **(values | fields))


def images(folder, numbers):
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        (folder / f"shot.{number:04d}.png").touch()


def test_an_image_sequence_becomes_a_pattern_with_its_first_number(tmp_path):
    images(tmp_path / "plates", range(1001, 1021))
    reference = sequence(1001, available=time_range(86400, 20), target_url_base="plates")

    cut = read_back(timeline_of(track(S.Clip("a", reference, time_range(86405, 3)))), tmp_path)

    assert seen(cut) == [("a", 0, [5, 6, 7])]
    media = cut.spans[0].media
    assert media.path == str(tmp_path / "plates" / "shot.%04d.png")
    assert (media.sequence_first, media.rate, media.is_sequence) == (1001, 24, True)
    assert media.path % (media.sequence_first + 5) == str(tmp_path / "plates" / "shot.1006.png")
    assert reference.target_url_for_image_number(5).endswith("shot.1006.png"), "as OTIO counts images"


def test_an_image_sequence_without_ranges_is_counted_on_disk(tmp_path):
    images(tmp_path / "50% grey#1", range(7, 11))
    folder = (tmp_path / "50% grey#1").as_uri() + "/"

    cut = read_back(timeline_of(track(S.Clip("a", sequence(7, target_url_base=folder)))), tmp_path)

    assert seen(cut) == [("a", 0, [0, 1, 2, 3])]
    assert cut.spans[0].media.path % 7 == str(tmp_path / "50% grey#1" / "shot.0007.png")


def test_a_missing_image_is_named(tmp_path):
    images(tmp_path, [1, 2, 4, 5])
    reference = sequence(1, available=time_range(0, 5), target_url_base="")

    cut = read_back(
        timeline_of(track(S.Clip("whole", reference.clone()), S.Clip("head", reference, time_range(0, 2)))), tmp_path
    )

    assert [span.name for span in cut.spans] == ["head"]
    assert "image 3 of" in cut.skipped[0].reason


def test_an_image_sequence_with_a_step_is_skipped_by_name(tmp_path):
    images(tmp_path, [1, 3, 5])

    cut = read_back(timeline_of(track(S.Clip("a", sequence(1, frame_step=2), time_range(0, 2)))), tmp_path)

    assert "step of 2" in cut.skipped[0].reason


def test_markers_are_placed_in_the_span_they_fall_in(cutting_room):
    shot = clip("a", 10, 10)
    shot.markers.append(S.Marker("hit", time_range(14, 2), comment="door"))
    shot.markers.append(S.Marker("before", time_range(3, 1)))
    lane = track(shot, clip("b", 0, 5))
    lane.markers.append(S.Marker("on track", time_range(11, 1), metadata={"otio_v2a": {"prompt": "rain"}}))
    timeline = timeline_of(lane)
    timeline.tracks.markers.append(S.Marker("on timeline", time_range(8, 4)))

    first, second = read_back(timeline, cutting_room).spans

    assert [(m.name, m.start_s * 24, m.duration_s * 24) for m in first.markers] == [
        ("hit", 4, 2),
        ("on timeline", 8, 2),
    ]
    assert first.markers[0].comment == "door"
    assert [(m.name, m.start_s * 24, m.duration_s * 24) for m in second.markers] == [
        ("on timeline", 0, 2),
        ("on track", 1, 1),
    ]
    assert second.markers[1].metadata["otio_v2a"] == {"prompt": "rain"}


def test_markers_follow_a_retime(cutting_room):
    fast, back = clip("fast", 10, 4, S.LinearTimeWarp(time_scalar=2.0)), clip("back", 10, 4)
    back.effects.append(S.LinearTimeWarp(time_scalar=-1.0))
    fast.markers.append(S.Marker("m", time_range(14, 2)))
    back.markers.append(S.Marker("m", time_range(10, 1)))

    first, second = read_back(timeline_of(track(fast, back)), cutting_room).spans

    assert (first.markers[0].start_s * 24, first.markers[0].duration_s * 24) == (2, 1)
    assert second.markers[0].start_s * 24 == 3, "the first source frame comes last"


def test_own_metadata_of_a_clip_is_handed_on_as_plain_data(cutting_room):
    shot = clip("a", 0, 2, metadata={"otio_v2a": {"FX": {"prompt": "steps", "seeds": [1, 2]}}, "other": 1})

    cut = read_back(timeline_of(shot), cutting_room)

    assert dict(cut.spans[0].metadata) == {"FX": {"prompt": "steps", "seeds": [1, 2]}}


def test_our_own_tracks_are_ignored_and_change_no_id(cutting_room):
    timeline = timeline_of(track(clip("a", 0, 2), clip("a", 5, 2)))
    before = read_back(timeline, cutting_room)
    for kind in ("Audio", "Video"):
        ours = track(
            clip("stem", 0, 50), kind=kind, name="FX", metadata={"otio_v2a": {"generated": True, "role": "FX"}}
        )
        timeline.tracks.insert(0, ours)

    after = read_back(timeline, cutting_room)

    assert [span.clip_id for span in after.spans] == [span.clip_id for span in before.spans]
    assert after.timing == before.timing
    assert len({span.clip_id for span in after.spans}) == 2


def test_ids_survive_trimming_moving_and_relinking(cutting_room):
    before = read_back(timeline_of(track(clip("a", 0, 9), clip("b", 0, 9))), cutting_room)
    (cutting_room / "sub").mkdir()
    shutil.copy(cutting_room / "a.mov", cutting_room / "sub")
    url = (cutting_room / "sub" / "a.mov").as_uri()

    after = read_back(
        timeline_of(track(clip("new", 0, 3), clip("b", 2, 5, url=url), gap(4), clip("a", 3, 4, url=url))), cutting_room
    )

    ids = {span.name: span.clip_id for span in after.spans}
    assert {span.name: span.clip_id for span in before.spans}.items() <= ids.items()


def test_clips_are_found_by_the_ids_of_their_spans(cutting_room):
    nest = stack(track(clip("n", 0, 4)))
    cut = read_back(timeline_of(track(clip("a", 0, 2), nest), track(clip("lost", 0, 1, url="gone.mov"))), cutting_room)

    clips = clips_by_id(cut.timeline)

    assert {clips[span.clip_id].name for span in cut.spans} == {"a", "n"}
    assert {made.name for made in clips.values()} == {"a", "n", "lost"}


def test_an_unnamed_clip_and_track_get_words(cutting_room):
    cut = read_back(timeline_of(track(clip("", 0, 2), name="")), cutting_room)

    assert (cut.spans[0].name, cut.spans[0].track) == ("a.mov", "V1")


def test_a_cut_without_picture_is_read_and_empty(cutting_room):
    cut = read_back(timeline_of(track(kind="Audio")), cutting_room)

    assert (cut.spans, cut.skipped, cut.timing.duration_s) == ((), (), 0)


def test_reading_changes_neither_the_file_nor_the_timeline(cutting_room):
    timeline = timeline_of(track(clip("a", 0, 5, S.LinearTimeWarp(time_scalar=2.0))))

    cut = read_back(timeline, cutting_room)

    assert cut.timeline.is_equivalent_to(timeline)
    assert (cutting_room / "cut.otio").read_text() == timeline.to_json_string()


def test_media_outside_of_the_allowed_folders_are_refused(cutting_room, tmp_path_factory):
    other = tmp_path_factory.mktemp("elsewhere") / "x.mov"
    other.touch()
    os.symlink(other, cutting_room / "link.mov")
    timeline = timeline_of(track(clip("a", 0, 2), clip("x", 0, 2, url=str(other)), clip("y", 0, 2, url="link.mov")))

    cut = read_back(timeline, cutting_room, media_roots=(cutting_room,))

    assert [span.name for span in cut.spans] == ["a"]
    assert all("outside" in skip.reason for skip in cut.skipped)
    assert len(cut.skipped) == 2


def test_a_bare_movie_is_a_cut_of_one_clip_at_its_own_timecode(tmp_path, make_movie):
    movie = make_movie(tmp_path / "50% of #1?.mov", frames=12, rate=25, timecode="10:00:00:00")

    cut = read(movie)

    (span,) = cut.spans
    assert (span.record_start_s, span.duration_s, span.source_start_s) == (0, Fraction(12, 25), 0)
    assert [span.media_frame(n) for n in range(12)] == list(range(12))
    assert (cut.timing.rate, cut.timing.global_start_s) == (25, 36000)
    assert span.media.path == str(movie)
    assert cut.timeline.tracks[0][0].media_reference.target_url == movie.as_uri()
    cut.timeline.to_json_file(str(tmp_path / "made.otio"))
    assert seen(read(tmp_path / "made.otio")) == seen(cut), "the timeline made for it reads back the same"


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(30000, 1001), 50, 15])
def test_a_movies_rate_is_its_edit_rate(tmp_path, make_movie, rate):
    assert from_movie(make_movie(tmp_path / "m.mp4", rate=rate)).timing.rate == rate


def test_a_movie_at_a_rate_that_nobody_cuts_in_is_cut_in_the_nearest(tmp_path, make_movie):
    cut = from_movie(make_movie(tmp_path / "phone.mp4", rate=Fraction(179, 6), frames=60))

    assert cut.timing.rate == Fraction(30000, 1001)
    assert cut.timing.duration_s >= cut.spans[0].media.duration_s


@pytest.mark.parametrize("spelling", ["shot.%04d.png", "shot.####.png", ""])
def test_images_are_a_cut_by_pattern_or_folder(tmp_path, spelling):
    images(tmp_path / "plates", range(101, 106))

    cut = read(tmp_path / "plates" / spelling, options=ReadOptions(image_rate=Fraction(25)))

    (span,) = cut.spans
    assert (span.duration_s, span.media.sequence_first, cut.timing.rate) == (Fraction(5, 25), 101, 25)
    assert span.media.path == str(tmp_path / "plates" / "shot.%04d.png")


def test_a_pattern_with_a_hole_is_refused_by_the_number_that_is_missing(tmp_path):
    images(tmp_path, [1, 2, 5])

    with pytest.raises(CutError, match=r"image 3 of 1 to 5 is missing"):
        read(tmp_path / "shot.%04d.png")


def test_one_image_is_refused_with_how_to_give_a_sequence(tmp_path):
    images(tmp_path, [1])

    with pytest.raises(CutError, match=r"%04d"):
        read(tmp_path / "shot.0001.png")
