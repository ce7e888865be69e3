"""Event markers: where they are put, what an editor's change means, what hosts keep, what is no event."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio
import pytest

from otio_v2a import cli, jobs, prompts, targets, timeline
from otio_v2a.errors import CutError, PlanError
from otio_v2a.event_markers import span_events
from otio_v2a.markers import marker_wishes
from otio_v2a.spotting import ClipEvents, SpotOptions, spot, with_markers
from otio_v2a.targets import Target
from otio_v2a_engine.checkpoint_folders import checkpoint_id
from otio_v2a_engine.contract import Role, VisualEvent
from otio_v2a_engine.specs import SMALL

MakeMovie = Callable[..., Path]
RATE = 24
EVENTS = (VisualEvent(Fraction(51, 100), 0.9), VisualEvent(Fraction(123, 100), 0.6))


def _range(start: int, length: int) -> otio.opentime.TimeRange:
    return otio.opentime.TimeRange(otio.opentime.RationalTime(start, RATE), otio.opentime.RationalTime(length, RATE))


def _write(path: Path, clips: list[otio.schema.Clip]) -> Path:
    cut = otio.schema.Timeline("cut")
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    track.extend(clips)
    cut.tracks.append(track)
    otio.adapters.write_to_file(cut, str(path))
    return path


@pytest.fixture
def cut_path(tmp_path: Path, make_movie: MakeMovie) -> Path:
    """A clip of a movie whose timecode begins at an hour, from its frame 12 on, behind another."""
    movie = make_movie(tmp_path / "a.mov", frames=96, rate=RATE)
    reference = otio.schema.ExternalReference(str(movie), _range(86400, 96))
    clips = [
        otio.schema.Clip("first", reference.clone(), _range(86400, 20)),
        otio.schema.Clip("shot", reference, _range(86412, 60)),
    ]
    return _write(tmp_path / "cut.otio", clips)


def _marked(path: Path, out: Path, *, events: tuple[VisualEvent, ...] = EVENTS) -> Path:
    """Mark the clip `shot`."""
    cut = timeline.read(path)
    span = next(span for span in cut.spans if span.name == "shot")
    marked = with_markers(cut, [ClipEvents(span, events)], engine="small", version="1")
    return targets.write(marked, out, Target.FCP_XML if out.suffix == ".xml" else Target.OTIOZ
                         if out.suffix == ".otioz" else Target.PORTABLE)  # fmt: skip


def _events(path: Path) -> tuple[VisualEvent, ...] | None:
    return span_events(next(span for span in timeline.read(path).spans if span.name == "shot"))


def _edit(path: Path, change: Callable[[otio.schema.Clip], None]) -> Path:
    cut = otio.adapters.read_from_file(str(path))
    change(next(clip for clip in cut.find_clips() if clip.name == "shot"))
    otio.adapters.write_to_file(cut, str(path))
    return path


@pytest.mark.parametrize("suffix", [".otio", ".otioz"])
def test_events_come_back_to_the_millisecond(cut_path: Path, tmp_path: Path, suffix: str) -> None:
    found = _events(_marked(cut_path, tmp_path / f"out{suffix}"))
    assert found == EVENTS


def test_a_marker_stands_on_the_frame_that_shows_its_event(cut_path: Path, tmp_path: Path) -> None:
    cut = otio.adapters.read_from_file(str(_marked(cut_path, tmp_path / "out.otio")))
    clip = next(clip for clip in cut.find_clips() if clip.name == "shot")
    starts = [marker.marked_range.start_time.value for marker in clip.markers]
    assert starts == [86412 + 12, 86412 + 29]


def test_fcp_xml_keeps_events_to_the_frame(cut_path: Path, tmp_path: Path) -> None:
    pytest.importorskip("otio_fcp_adapter")
    found = _events(_marked(cut_path, tmp_path / "out.xml"))
    assert found is not None
    assert [event.time_s for event in found] == [Fraction(12, RATE), Fraction(29, RATE)]


def test_a_moved_marker_moves_its_event_to_its_frame(cut_path: Path, tmp_path: Path) -> None:
    def move(clip: otio.schema.Clip) -> None:
        clip.markers[0].marked_range = _range(86412 + 17, 1)

    found = _events(_edit(_marked(cut_path, tmp_path / "out.otio"), move))
    assert found == (VisualEvent(Fraction(17, RATE), 0.9), EVENTS[1])


def test_a_deleted_marker_is_silent_and_without_any_all_is(cut_path: Path, tmp_path: Path) -> None:
    out = _marked(cut_path, tmp_path / "out.otio")

    def delete(clip: otio.schema.Clip) -> None:
        del clip.markers[0]

    assert _events(_edit(out, delete)) == EVENTS[1:]
    assert _events(_edit(out, delete)) == ()


def test_a_slipped_and_trimmed_clip_keeps_its_events_with_the_picture(cut_path: Path, tmp_path: Path) -> None:
    def slip(clip: otio.schema.Clip) -> None:
        clip.source_range = _range(86412 + 6, 40)

    found = _events(_edit(_marked(cut_path, tmp_path / "out.otio"), slip))
    assert found == tuple(replace(event, time_s=event.time_s - Fraction(6, RATE)) for event in EVENTS)


@pytest.mark.parametrize("speed", [2.0, 0.5, -1.0])
def test_events_of_a_retimed_clip_come_back(cut_path: Path, tmp_path: Path, speed: float) -> None:
    def retime(clip: otio.schema.Clip) -> None:
        clip.effects.append(otio.schema.LinearTimeWarp(time_scalar=speed))
        clip.source_range = _range(86420, 36)

    found = _events(_marked(_edit(cut_path, retime), tmp_path / "out.otio"))
    assert found == EVENTS


def test_an_added_marker_is_an_event_by_its_name(cut_path: Path, tmp_path: Path) -> None:
    def add(clip: otio.schema.Clip) -> None:
        clip.markers.append(otio.schema.Marker("Hit door", _range(86412 + 48, 1)))

    found = _events(_edit(_marked(cut_path, tmp_path / "out.otio"), add))
    assert found == (*EVENTS, VisualEvent(Fraction(2)))


def test_markers_of_others_are_no_events(cut_path: Path) -> None:
    def add(clip: otio.schema.Clip) -> None:
        for name in ("hit", "Hit list", "todo", "v2a FX: hit the road"):
            clip.markers.append(otio.schema.Marker(name, _range(86440, 1), color="MAGENTA"))

    assert _events(_edit(cut_path, add)) is None


def test_a_full_name_is_an_event_on_any_clip_and_no_prompt(cut_path: Path) -> None:
    def add(clip: otio.schema.Clip) -> None:
        clip.markers.append(otio.schema.Marker("v2a hit", _range(86412 + 24, 1)))

    _edit(cut_path, add)
    assert _events(cut_path) == (VisualEvent(Fraction(1)),)
    assert [marker_wishes(span) for span in timeline.read(cut_path).spans] == [(), ()]


def test_marking_again_replaces_our_markers_and_leaves_others(cut_path: Path, tmp_path: Path) -> None:
    def add(clip: otio.schema.Clip) -> None:
        clip.markers.append(otio.schema.Marker("todo", _range(86440, 1)))

    first = _edit(_marked(cut_path, tmp_path / "first.otio"), add)
    again = otio.adapters.read_from_file(str(_marked(first, tmp_path / "again.otio", events=EVENTS[:1])))
    clip = next(clip for clip in again.find_clips() if clip.name == "shot")
    assert sorted(marker.name for marker in clip.markers) == ["todo", "v2a hit"]
    assert _events(tmp_path / "again.otio") == EVENTS[:1]


def test_effects_are_asked_for_the_edited_events_and_ambiences_for_none(cut_path: Path, tmp_path: Path) -> None:
    cut = timeline.read(_marked(cut_path, tmp_path / "out.otio"))
    plan = jobs.plan(cut, prompts.resolve(cut.spans))
    shot = {job.role: job for job in plan.jobs if job.clip_name == "shot"}
    lead_s = Fraction(shot[Role.FX].handle_before, shot[Role.FX].request.sample_rate)
    asked = shot[Role.FX].request.events
    assert asked is not None
    assert [event.time_s - lead_s for event in asked] == [event.time_s for event in EVENTS]
    assert shot[Role.AMB].request.events is None
    assert all(job.request.events is None for job in plan.jobs if job.clip_name == "first")


def test_moving_a_marker_asks_for_another_take_of_the_effects_only(cut_path: Path, tmp_path: Path) -> None:
    def hashes(path: Path) -> dict[tuple[str, str], str]:
        cut = timeline.read(path)
        plan = jobs.plan(cut, prompts.resolve(cut.spans))
        return {(job.clip_name, job.role): job.content_hash for job in plan.jobs}

    def move(clip: otio.schema.Clip) -> None:
        clip.markers[0].marked_range = _range(86412 + 17, 1)

    out = _marked(cut_path, tmp_path / "out.otio")
    before = hashes(out)
    after = hashes(_edit(out, move))
    assert {key for key in before if before[key] != after[key]} == {("shot", Role.FX)}


def test_an_engine_that_follows_no_events_is_refused(cut_path: Path, tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="fake follows no events; small does"):
        spot(cut_path, SpotOptions(out=tmp_path / "out.otio", engine="fake"))


def test_a_cut_is_not_replaced_by_a_file_of_another_kind(tmp_path: Path, make_movie: MakeMovie) -> None:
    movie = make_movie(tmp_path / "a.mov", frames=24)
    with pytest.raises(CutError, match="is the cut itself"):
        spot(movie, SpotOptions(out=movie))


def test_a_still_movie_is_marked_with_nothing_and_left_alone_afterwards(tmp_path: Path, make_movie: MakeMovie) -> None:
    movie = make_movie(tmp_path / "a.mov", frames=1, rate=1)
    done = spot(movie, SpotOptions(out=tmp_path / "out.otio"))
    assert [clip.events for clip in done.clips] == [()]
    again = spot(done.out, SpotOptions(out=tmp_path / "again.otio"))
    assert again.clips == ()
    assert any("was spotted before" in note for note in again.notes)


def test_weights_of_ones_own_decide_what_is_marked_and_the_clip_remembers_them(
    tmp_path: Path, make_movie: MakeMovie, make_weights: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    movie = make_movie(tmp_path / "a.mov", frames=1, rate=1)  # in which the weights that ship see nothing
    folder = make_weights(tmp_path / "eager", onsets=30)
    out = tmp_path / "out.otio"
    assert cli.main(["spot", str(movie), "--out", str(out), "--option", f"weights={folder}"]) == 0
    (clip,) = otio.adapters.read_from_file(str(out)).find_clips()
    assert len(clip.markers) > 1
    assert clip.metadata["otio_v2a"]["spotted"]["engine"] == f"small {SMALL.info.version}+{checkpoint_id(folder)}"
    (folder / "small.json").write_text("{}")
    again = tmp_path / "again.otio"
    assert cli.main(["spot", str(movie), "--out", str(again), "--option", f"weights={folder}"]) == 2
    assert f"option weights={folder}: " in capsys.readouterr().err
    assert not again.exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("weights=/no/such/folder",), "there is no folder /no/such/folder"),
        (("weights",), "option weights names a folder"),
        (("sampler=ddpm",), "engine small has no option 'sampler=ddpm'; its options are drafts, "),
        (("weights=a", "weights=b"), "each name once"),
    ],
)
def test_an_option_that_cannot_be_is_refused(
    cut_path: Path, tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    with pytest.raises(PlanError, match=words):
        spot(cut_path, SpotOptions(out=tmp_path / "out.otio", options=options))
    assert not (tmp_path / "out.otio").exists()
