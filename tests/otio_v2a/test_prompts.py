"""What each clip is asked for: precedence, roles, seeds, markers, and remembering it in the timeline."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio
import pytest

from otio_v2a import timeline
from otio_v2a.cue_fields import CueKey, Wish
from otio_v2a.cues import Cue
from otio_v2a.errors import PromptError
from otio_v2a.prompts import PromptFlags, default_seed, resolve, take_seed, write_back
from otio_v2a.spans import ClipSpan, MediaFile, SpanMarker
from otio_v2a_engine.contract import PromptSpec, Role

FX, AMB, MUS, DX = Role.FX, Role.AMB, Role.MUS, Role.DX


def make_span(number: int = 1, **changes) -> ClipSpan:
    span = ClipSpan(
        clip_id=f"id{number}",
        name=f"SH{number:03d}",
        track="V1",
        record_start_s=Fraction(number - 1),
        duration_s=Fraction(1),
        rate=Fraction(25),
        media=MediaFile("/media/a.mov"),
        index=number,
    )
    return replace(span, **changes)


def marker(name="", comment="", start_s=Fraction(0), **metadata) -> SpanMarker:
    return SpanMarker(name, comment, start_s, Fraction(0), metadata)


def cue(clip="*", role=None, **wish) -> Cue:
    return Cue(CueKey(clip=clip), Wish(role=role, **wish), "sheet.csv, row 2")


def texts(asks) -> dict[Role, str]:
    return {ask.prompt.role: ask.prompt.text for ask in asks}


def test_every_clip_gets_effects_and_ambience_from_the_picture_alone():
    asks = resolve([make_span(1), make_span(2)])
    assert [(ask.span.name, ask.prompt) for ask in asks] == [
        ("SH001", PromptSpec(role=FX)),
        ("SH001", PromptSpec(role=AMB)),
        ("SH002", PromptSpec(role=FX)),
        ("SH002", PromptSpec(role=AMB)),
    ]
    assert {ask.takes for ask in asks} == {1}


def test_default_seeds_are_stable_and_differ_by_clip_and_role():
    asks = resolve([make_span(1), make_span(2)])
    assert len({ask.seed for ask in asks}) == 4
    assert [ask.seed for ask in resolve([make_span(1, name="renamed", record_start_s=Fraction(9))])] == [
        ask.seed for ask in asks[:2]
    ]
    assert default_seed("id1", "FX") == 965101657  # a changed default would render every cut anew


def test_the_first_take_has_the_seed_itself_and_the_others_follow_from_it():
    seeds = [take_seed(7, number) for number in range(1, 6)]
    assert seeds[0] == 7
    assert len(set(seeds)) == 5
    assert seeds == [take_seed(7, number) for number in range(1, 6)]
    assert take_seed(8, 2) != take_seed(7, 2)


EARLIER = {"prompts": {"FX": {"text": "earlier"}}}
MARKED = (marker("v2a: marked"),)


@pytest.mark.parametrize(
    ("flag", "sheet", "markers", "metadata", "expected"),
    [
        ("told", [cue(text="sheet")], MARKED, EARLIER, "told"),
        (None, [cue(text="sheet")], MARKED, EARLIER, "sheet"),
        (None, [], MARKED, EARLIER, "marked"),
        (None, [], (), EARLIER, "earlier"),
        (None, [], (), {}, ""),
        ("", [cue(text="sheet")], MARKED, EARLIER, ""),
        (None, [cue(text="")], MARKED, EARLIER, ""),
        (None, [cue(takes=2)], (), EARLIER, "earlier"),
    ],
)
def test_flags_beat_the_cue_sheet_beats_markers_beat_earlier_runs(flag, sheet, markers, metadata, expected):
    span = make_span(markers=markers, metadata=metadata)
    asks = resolve([span], flags=PromptFlags(text=flag, roles=(FX,)), cues=sheet)
    assert texts(asks) == {FX: expected}


def test_each_field_is_decided_on_its_own():
    span = make_span(
        markers=(marker("v2a FX: footsteps | not: music"),),
        metadata={"prompts": {"FX": {"text": "old", "negative_text": "old", "transcript": "hello", "seed": 5}}},
    )
    (ask,) = resolve([span], flags=PromptFlags(takes=3, roles=(FX,)), cues=[cue(negative_text="voices")])
    assert ask.prompt == PromptSpec(text="footsteps", negative_text="voices", role=FX, transcript="hello")
    assert (ask.seed, ask.takes) == (5, 3)


def test_a_seed_of_zero_is_a_seed():
    (ask,) = resolve([make_span()], flags=PromptFlags(seed=0, roles=(FX,)), cues=[cue(seed=4)])
    assert ask.seed == 0


def test_an_entry_for_a_role_beats_one_for_all_roles_wherever_it_stands_in_the_sheet():
    asks = resolve([make_span()], cues=[cue(role=AMB, text="birds"), cue(text="forest")])
    assert texts(asks) == {FX: "forest", AMB: "birds"}


def test_a_closer_key_beats_a_wider_one_and_later_rows_beat_earlier_ones():
    rows = [
        Cue(CueKey(clip_id="id1"), Wish(text="by id"), ""),
        Cue(CueKey(start="00:00:00:10"), Wish(text="by time"), ""),
        Cue(CueKey(index=1), Wish(text="by index"), ""),
        cue("SH001", text="by name"),
        cue("SH*", text="first pattern"),
        cue("*", text="second pattern"),
    ]
    found = [texts(resolve([make_span()], flags=PromptFlags(roles=(FX,)), cues=rows[n:]))[FX] for n in range(6)]
    assert found == ["by id", "by time", "by index", "by name", "second pattern", "second pattern"]


def test_cues_at_several_times_in_one_clip_are_joined_in_the_order_of_time():
    rows = [
        Cue(CueKey(start="00:00:00:20"), Wish(role=FX, text="door slam"), ""),
        Cue(CueKey(start="00:00:00:05"), Wish(role=FX, text="footsteps"), ""),
    ]
    assert texts(resolve([make_span()], cues=rows)) == {FX: "footsteps, door slam", AMB: ""}


def test_a_cue_or_marker_that_names_a_role_adds_it_for_its_clip_only():
    spans = [make_span(1), make_span(2, markers=(marker("v2a MX: slow strings"),))]
    asks = resolve(spans, flags=PromptFlags(roles=(FX,)), cues=[cue("SH001", role=DX, transcript="Run!")])
    assert [(ask.span.name, ask.prompt.role) for ask in asks] == [
        ("SH001", FX), ("SH001", DX), ("SH002", FX), ("SH002", MUS),
    ]  # fmt: skip
    assert asks[1].prompt.transcript == "Run!"


def test_flags_choose_among_the_roles_of_earlier_runs():
    span = make_span(metadata={"prompts": {"FX": "steps", "MUS": {"text": "drums"}}, "roles": ["MUS"]})
    assert texts(resolve([span])) == {MUS: "drums"}
    assert texts(resolve([span], flags=PromptFlags(roles=(FX,)))) == {FX: "steps"}


@pytest.mark.parametrize(
    ("name", "comment", "metadata", "expected"),
    [
        ("v2a: footsteps on gravel", "", {}, {FX: "footsteps on gravel", AMB: "footsteps on gravel"}),
        ("V2A FX:gravel", "", {}, {FX: "gravel", AMB: ""}),
        ("v2a sfx : gravel", "", {}, {FX: "gravel", AMB: ""}),
        ("Marker 1", "v2a BG: wind", {}, {FX: "", AMB: "wind"}),
        ("v2a FX", "gravel", {}, {FX: "gravel", AMB: ""}),
        ("v2a", "gravel", {}, {FX: "gravel", AMB: "gravel"}),
        ("note", "look here\nv2a FX: steps\nv2a AMB: rain", {}, {FX: "steps", AMB: "rain"}),
        ("v2a FX: this | that", "", {}, {FX: "this | that", AMB: ""}),
        ("anything", "", {"otio_v2a": {"role": "FX", "prompt": "bell"}}, {FX: "bell", AMB: ""}),
        ("fix the grade", "vfx: paint out the rig", {"other": {"prompt": "x"}}, {FX: "", AMB: ""}),
    ],
)
def test_markers_speak_through_name_comment_or_metadata(name, comment, metadata, expected):
    span = make_span(markers=(marker(name, comment, **metadata),))
    assert texts(resolve([span])) == expected


def test_a_marker_carries_every_field():
    span = make_span(markers=(marker("v2a DX: shouting | not: music, rain | say: Stop: now! | seed: 12 | takes: 2"),))
    (ask,) = [ask for ask in resolve([span]) if ask.prompt.role is DX]
    assert ask.prompt == PromptSpec("shouting", "music, rain", DX, "Stop: now!")
    assert (ask.seed, ask.takes) == (12, 2)


def test_several_markers_on_a_clip_are_joined_in_the_order_of_time():
    span = make_span(
        markers=(marker("v2a FX: slam", start_s=Fraction(1, 2)), marker("v2a FX: steps"), marker("v2a FX: slam"))
    )
    assert texts(resolve([span]))[FX] == "steps, slam"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("v2a todo: later", "'todo' is no role; roles are FX, AMB, MUS, DX"),
        ("v2a: x | seed: many", "seed must be a whole number from 0 to"),
    ],
)
def test_a_marker_that_cannot_be_understood_is_named_with_its_clip(name, message):
    with pytest.raises(PromptError) as caught:
        resolve([make_span(markers=(marker(name),))])
    assert message in str(caught.value)
    assert "clip 'SH001', track 'V1'" in str(caught.value)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"prompts": ["rain"]}, "'prompts' must name roles"),
        ({"prompts": {"FXX": "rain"}}, "'FXX' is no role"),
        ({"prompts": {"FX": 3}}, "neither text nor a table"),
        ({"prompts": {"FX": {"text": 3}}}, "text must be text, not 3"),
        ({"prompts": {"FX": {"txet": "rain"}}}, "did you mean 'text'"),
        ({"roles": ["FX", "nothing"]}, "'nothing' is no role"),
    ],
)
def test_metadata_that_cannot_be_understood_is_named_with_its_clip(metadata, message):
    with pytest.raises(PromptError, match="metadata of clip 'SH001' on 'V1'") as caught:
        resolve([make_span(metadata=metadata)])
    assert message in str(caught.value)


def test_only_the_named_clips_are_asked_for():
    spans = [make_span(number) for number in range(1, 5)]
    asks = resolve(spans, flags=PromptFlags(roles=(FX,), clips=("SH001", "id3", "*4")))
    assert [ask.span.index for ask in asks] == [1, 3, 4]


def test_a_clip_that_is_not_there_is_refused_with_its_nearest_names():
    with pytest.raises(PromptError, match=r"no clip is called 'SH0O1'; nearest: 'SH001'"):
        resolve([make_span(), make_span(20, name="INT_KITCHEN")], flags=PromptFlags(clips=("SH0O1",)))


def test_flags_have_the_same_bounds_as_a_cue_sheet():
    with pytest.raises(PromptError, match="takes must be a whole number from 1 to 99, not 0"):
        PromptFlags(takes=0)


# --- remembering, through a real timeline ---------------------------------------------------------------------


@pytest.fixture
def cut_file(tmp_path: Path) -> Path:
    """Two clips on V1, the second covered in its middle by a third on V2."""
    rate = 24

    def range_of(start, length):
        return otio.opentime.TimeRange(
            otio.opentime.RationalTime(start, rate), otio.opentime.RationalTime(length, rate)
        )

    def clip(name, start, length):
        path = tmp_path / f"{name}.mov"
        path.write_bytes(b"never opened")
        reference = otio.schema.ExternalReference(str(path), range_of(0, 1000))
        return otio.schema.Clip(name, reference, range_of(start, length))

    made = otio.schema.Timeline("cut", global_start_time=otio.opentime.RationalTime(86400, rate))
    bottom = otio.schema.Track("V1", [clip("A", 0, 48), clip("B", 10, 96)], kind="Video")
    top = otio.schema.Track("V2", [otio.schema.Gap(source_range=range_of(0, 72)), clip("C", 0, 24)], kind="Video")
    made.tracks[:] = [bottom, top]
    made.to_json_file(str(tmp_path / "cut.otio"))
    return tmp_path / "cut.otio"


def reread(written: otio.schema.Timeline, cut_file: Path) -> timeline.Cut:
    path = cut_file.with_name("again.otio")
    written.to_json_file(str(path))
    return timeline.read(path)


def asked(asks) -> list[tuple]:
    return [(ask.span.clip_id, ask.prompt, ask.seed, ask.takes) for ask in asks]


def add_marker(cut: timeline.Cut, text: str) -> otio.schema.Timeline:
    changed = otio.core.deserialize_json_from_string(cut.timeline.to_json_string())
    clip = changed.tracks[0][0]
    clip.markers[:] = [otio.schema.Marker(text, otio.opentime.TimeRange(duration=otio.opentime.RationalTime(1, 24)))]
    return changed


def test_a_second_run_needs_no_flags(cut_file):
    cut = timeline.read(cut_file)
    rows = [
        Cue(CueKey(clip="A"), Wish(role=MUS, text="drums", takes=2), ""),
        Cue(CueKey(start="01:00:02:12"), Wish(text="first part"), ""),
        Cue(CueKey(start="01:00:05:00"), Wish(text="second part"), ""),
    ]
    first = resolve(cut.spans, flags=PromptFlags(negative_text="voices", roles=(FX,)), cues=rows, timing=cut.timing)
    assert len({ask.span.clip_id for ask in first if ask.span.name == "B"}) == 2, "B is seen in two parts"
    assert {ask.prompt.text for ask in first} == {"", "drums", "first part", "second part"}
    again = reread(write_back(cut.timeline, first), cut_file)
    assert asked(resolve(again.spans, timing=again.timing)) == asked(first)


def test_writing_back_changes_nothing_but_a_copys_metadata(cut_file):
    cut = timeline.read(cut_file)
    before = cut.timeline.to_json_string()
    written = write_back(cut.timeline, resolve(cut.spans, flags=PromptFlags(text="rain")))
    assert cut.timeline.to_json_string() == before
    assert written.tracks[0][0].metadata["otio_v2a"]["prompts"]["FX"]["text"] == "rain"
    for clip in written.find_clips():
        del clip.metadata["otio_v2a"]
    assert written.to_json_string() == before


def test_roles_and_entries_of_others_survive_writing_back(cut_file):
    cut = timeline.read(cut_file)
    cut.timeline.tracks[0][0].metadata["otio_v2a"] = {"takes": [1, 2], "prompts": {"MUS": {"text": "drums"}}}
    cut = reread(cut.timeline, cut_file)
    written = write_back(cut.timeline, resolve(cut.spans, flags=PromptFlags(roles=(FX,))))
    own = written.tracks[0][0].metadata["otio_v2a"]
    assert list(own["takes"]) == [1, 2]
    assert own["prompts"]["MUS"]["text"] == "drums"
    assert list(own["roles"]) == ["FX"]


def test_a_flag_outlives_the_marker_it_overruled_until_the_marker_changes(cut_file):
    cut = reread(add_marker(timeline.read(cut_file), "v2a FX: marked"), cut_file)
    told = resolve(cut.spans, flags=PromptFlags(text="told", roles=(FX,)))
    assert texts(told[:1]) == {FX: "told"}
    again = reread(write_back(cut.timeline, told), cut_file)
    assert texts(resolve(again.spans)[:1]) == {FX: "told"}
    edited = reread(add_marker(again, "v2a FX: marked anew"), cut_file)
    assert texts(resolve(edited.spans)[:1]) == {FX: "marked anew"}


def test_a_removed_markers_prompt_goes_with_it(cut_file):
    cut = reread(add_marker(timeline.read(cut_file), "v2a FX: marked | not: music"), cut_file)
    first = resolve(cut.spans, flags=PromptFlags(negative_text="voices", roles=(FX,)))
    written = write_back(cut.timeline, first)
    del written.tracks[0][0].markers[:]
    (ask, *_) = resolve(reread(written, cut_file).spans)
    assert ask.prompt == PromptSpec(text="", negative_text="voices", role=FX)


def test_what_a_marker_gave_stays_the_markers_over_several_runs(cut_file):
    cut = reread(add_marker(timeline.read(cut_file), "v2a MUS: marked"), cut_file)
    for _ in range(2):
        cut = reread(write_back(cut.timeline, resolve(cut.spans)), cut_file)
        assert texts(of_clip_a(cut)) == {FX: "", AMB: "", MUS: "marked"}
    cleared = add_marker(cut, "nothing for us")
    assert texts(of_clip_a(reread(cleared, cut_file))) == {FX: "", AMB: ""}


def of_clip_a(cut: timeline.Cut) -> list:
    return [ask for ask in resolve(cut.spans) if ask.span.name == "A"]
