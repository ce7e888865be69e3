"""Spans of a long cut are made when somebody looks at them, and a plan does not need to."""

from fractions import Fraction

import opentimelineio as otio
import pytest

from otio_v2a import jobs, prompts
from otio_v2a.spans import Spans
from otio_v2a.timeline import read

RT, TR = otio.opentime.RationalTime, otio.opentime.TimeRange


@pytest.fixture
def write(tmp_path):
    (tmp_path / "A.mov").touch()

    def write(*, starts=(100, 200, 300), marker=False):
        track = otio.schema.Track("V1", kind="Video")
        for number, start in enumerate(starts):
            reference = otio.schema.ExternalReference((tmp_path / "A.mov").as_uri(), TR(RT(0, 24), RT(2000, 24)))
            clip = otio.schema.Clip(f"shot {number}", reference, TR(RT(start, 24), RT(48, 24)))
            if marker and number == 1:
                clip.markers.append(otio.schema.Marker("FX: door", TR(RT(start, 24), RT(1, 24))))
            track.append(clip)
        timeline = otio.schema.Timeline("cut", global_start_time=RT(86400, 24))
        timeline.tracks.append(track)
        path = tmp_path / "cut.otio"
        timeline.to_json_file(str(path))
        return path

    return write


def _plan(cut):
    return jobs.plan(cut, prompts.resolve(cut.spans))


def test_reading_and_planning_make_no_span_and_the_jobs_make_them(write, monkeypatch):
    made = []
    of_checked = jobs.ClipSpan.of_checked
    monkeypatch.setattr(jobs.ClipSpan, "of_checked", lambda **values: made.append(values) or of_checked(**values))
    plan = _plan(read(write()))
    assert len(plan.jobs) == 6
    assert plan.estimated_s > 0
    assert made == []
    assert {job.clip_name for job in plan.jobs} == {"shot 0", "shot 1", "shot 2"}
    assert len(made) == 3


@pytest.mark.parametrize("near", [0, 11, 12, 13, 1939, 1940, 1941])
def test_a_plan_measures_spans_to_the_frame_near_the_ends_of_their_media(write, near):
    # A handle is 12 frames, the media has 2000.
    cut = read(write(starts=(200, near, 300)))
    plan = _plan(cut)
    same = jobs.plan(cut, prompts.resolve(tuple(cut.spans)))
    assert (plan.estimated_s, plan.notes, plan.jobs) == (same.estimated_s, same.notes, same.jobs)
    assert bool(plan.notes) == (near in (0, 11, 1941))


def test_a_plan_of_spans_that_nobody_made_is_that_of_the_same_spans_made(write):
    # The second starts within its handle of the media's start, the last ends within that of its end.
    cut = read(write(starts=(200, 3, 1950)))
    plan = _plan(cut)
    same = jobs.plan(cut, prompts.resolve(tuple(cut.spans)))
    assert (plan.estimated_s, plan.notes, plan.skipped, plan.jobs) == (
        same.estimated_s,
        same.notes,
        same.skipped,
        same.jobs,
    )
    assert "shot 1, shot 2" in plan.notes[0]


def test_a_sketch_is_its_span_but_for_the_id(write):
    spans = read(write()).spans
    assert isinstance(spans, Spans)
    sketch, span = spans.sketch(1), spans[1]
    assert sketch.clip_id == ""
    assert span.clip_id
    assert {**vars(sketch), "clip_id": span.clip_id} == vars(span)
    assert span.record_start_s == Fraction(2)


def test_spans_are_made_once(write):
    spans = read(write()).spans
    assert spans[0] is spans[0]
    assert next(iter(spans)) is spans[0]


def test_clips_with_wishes_are_known_without_looking_for_them(write):
    spans = read(write(marker=True)).spans
    assert spans.wished == [1]
    assert [marker.name for marker in spans[1].markers] == ["FX: door"]
