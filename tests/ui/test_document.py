"""The open cut: what is edited, kept and recovered."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import opentimelineio as otio
import pytest
import soundfile

from otio_v2a import timeline
from otio_v2a.adjustments import Adjustment
from otio_v2a.choosing import list_takes
from otio_v2a.errors import CutError, TakeError
from otio_v2a.generate import GenerateOptions, prepare
from otio_v2a.spans import ClipSpan
from otio_v2a.takes import Take
from otio_v2a_engine.contract import PromptSpec, Role
from otio_v2a_ui.document import Document
from otio_v2a_ui.state import QueueState, Status

WriteCut = Callable[..., Path]


def _take(folder: Path, span: ClipSpan, *, number: int = 1, role: Role = Role.FX, text: str = "rain") -> Take:
    """A render with half a second of handles."""
    before, length = min(24000, span.first_sample(48000)), span.n_samples(48000)
    values = np.full((before + length + 24000, 2), 0.05 * number, dtype=np.float32)
    content_hash = f"{number:02d}{ord(role.value[0]):02d}{span.clip_id}"
    path = folder / f"{content_hash}.wav"
    soundfile.write(path, values, 48000, subtype="FLOAT")
    return Take(
        path=path,
        clip_id=span.clip_id,
        role=role,
        number=1,
        content_hash=content_hash,
        seed=number,
        prompt=PromptSpec(text=text, role=role),
        engine="fake",
        engine_version="1",
        sample_rate=48000,
        channels=2,
        n_samples=len(values),
        handle_before=before,
        handle_after=24000,
        record_start=span.first_sample(48000),
        span_samples=length,
    )


def _ids(document: Document) -> list[str]:
    return [row.clip_id for row in document.rows]


def test_rows_tell_timecode_length_and_stems(write_cut: WriteCut):
    document = Document.open(write_cut())
    first, second, third = document.rows
    assert (first.name, first.record_in, first.record_out, first.duration) == (
        "SH010",
        "01:00:00:00",
        "01:00:01:00",
        "00:01:00",
    )
    assert (second.record_in, third.record_in) == ("01:00:01:00", "01:00:02:12")
    assert first.roles == (Role.FX, Role.AMB)
    assert first.status is Status.NEW
    document.close()


def test_opening_a_long_cut_makes_no_row_and_reads_no_prompt(write_cut: WriteCut, monkeypatch: pytest.MonkeyPatch):
    made: list[int] = []
    original = Document._make_row
    monkeypatch.setattr(Document, "_make_row", lambda self, at: made.append(at) or original(self, at))
    document = Document.open(write_cut([12] * 300))
    assert not made
    assert not document._entries
    assert document.rows[250].name == "SH2510"
    assert made == [250]
    document.close()


def test_a_clip_without_media_is_listed_as_missing_and_says_why(write_cut: WriteCut):
    document = Document.open(write_cut(missing=[1]))
    lost = [row for row in document.rows if row.status is Status.MISSING]
    assert [row.name for row in lost] == ["SH020"]
    assert "gone.mov" in lost[0].warnings[0]
    assert document.player_clip(lost[0].clip_id).picture is None
    with pytest.raises(KeyError):
        document.prompt(lost[0].clip_id, Role.FX)
    document.close()


def test_an_edited_prompt_is_in_the_timeline_after_saving_and_the_journal_is_gone(write_cut: WriteCut):
    cut = write_cut()
    document = Document.open(cut)
    clip_id = _ids(document)[1]
    old = document.set_prompt(
        replace(document.prompt(clip_id, Role.FX), text="boots on gravel", engine="fake", steps=7)
    )
    assert old.text == ""
    assert document.is_modified
    saved = document.save()
    assert saved == cut.with_name("reel_v2a.otio")
    assert not document.is_modified
    journal = document._journal
    document.close()
    assert journal is not None
    assert not journal.path.exists()
    again = Document.open(cut)
    assert again.recovered == 0
    assert again.prompt(clip_id, Role.FX).text == "boots on gravel"
    assert (again.prompt(clip_id, Role.FX).engine, again.prompt(clip_id, Role.FX).steps) == ("fake", 7)
    assert again.prompt(clip_id, Role.AMB).text == ""
    again.close()


def test_the_command_line_plans_what_was_set_in_the_panel(write_cut: WriteCut):
    document = Document.open(write_cut())
    first, second, _ = _ids(document)
    document.set_prompt(replace(document.prompt(first, Role.FX), text="steps", engine="fake", steps=7))
    document.set_prompt(replace(document.prompt(second, Role.AMB), enabled=False))
    out = document.save()
    document.close()
    prepared = prepare(out, GenerateOptions(out=out, find_shots=False))
    jobs = {(job.clip_id, job.role): job for job in prepared.plan.jobs}
    assert jobs[first, Role.FX].engine == "fake"
    assert jobs[first, Role.FX].request.sampling.steps == 7
    assert jobs[first, Role.AMB].engine == "small"
    assert (second, Role.AMB) not in jobs
    assert [job.clip_id for job in prepared.plan.jobs][:2] == [first, first]


def test_a_prompt_that_beats_a_marker_still_does_after_saving(write_cut: WriteCut):
    cut = write_cut()
    edited = otio.adapters.read_from_file(str(cut))
    marked = next(iter(edited.find_clips()))
    marked.markers.append(otio.schema.Marker("v2a FX: thunder", marked.source_range))
    edited.to_json_file(str(cut))
    document = Document.open(cut)
    clip_id = _ids(document)[0]
    assert document.prompt(clip_id, Role.FX).text == "thunder"
    document.set_prompt(replace(document.prompt(clip_id, Role.FX), text="a door"))
    document.save()
    document.close()
    again = Document.open(cut)
    assert again.prompt(clip_id, Role.FX).text == "a door"
    again.close()


def test_edits_survive_a_killed_process(write_cut: WriteCut, tmp_path: Path):
    cut = write_cut()
    code = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path
from otio_v2a_engine.contract import Role
from otio_v2a_ui.document import Document
document = Document.open(Path(sys.argv[1]), state=Path(sys.argv[2]))
clip_id = document.rows[0].clip_id
for text in ("b", "bo", "boots"):
    document.set_prompt(replace(document.prompt(clip_id, Role.FX), text=text))
os.kill(os.getpid(), signal.SIGKILL)
"""
    state = tmp_path / "state"
    root = Path(__file__).parents[2]
    paths = os.pathsep.join(str(root / name) for name in ("", "engine", "ui"))
    done = subprocess.run(
        [sys.executable, "-c", code, str(cut), str(state)],
        env={**os.environ, "PYTHONPATH": paths},
        timeout=120,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    document = Document.open(cut, state=state)
    assert document.recovered == 3
    assert document.prompt(document.rows[0].clip_id, Role.FX).text == "boots"
    assert document.is_modified
    document.save()
    document.close()
    again = Document.open(cut, state=state)
    assert again.recovered == 0
    assert again.prompt(again.rows[0].clip_id, Role.FX).text == "boots"
    again.close()


def test_a_line_that_a_crash_cut_short_costs_only_itself(write_cut: WriteCut, tmp_path: Path):
    cut = write_cut()
    document = Document.open(cut, state=tmp_path)
    clip_id = _ids(document)[0]
    document.set_prompt(replace(document.prompt(clip_id, Role.FX), text="whole"))
    assert document._journal is not None
    path = document._journal.path
    document.close()
    with path.open("ab") as file:
        file.write(json.dumps({"prompt": {"clip_id": clip_id}}).encode()[:-9])
    again = Document.open(cut, state=tmp_path)
    assert again.recovered == 1
    assert again.prompt(clip_id, Role.FX).text == "whole"
    again.close()


def test_edits_made_while_saving_stay_in_the_journal(write_cut: WriteCut):
    cut = write_cut()
    document = Document.open(cut)
    first, second, _ = _ids(document)
    document.set_prompt(replace(document.prompt(first, Role.FX), text="before"))
    snapshot = document.snapshot()
    document.set_prompt(replace(document.prompt(second, Role.FX), text="meanwhile"))
    snapshot.export(document.out)
    document.saved(snapshot)
    assert document.is_modified
    document.close()
    again = Document.open(cut)
    assert again.recovered == 1
    assert again.prompt(first, Role.FX).text == "before"
    assert again.prompt(second, Role.FX).text == "meanwhile"
    again.close()


def test_a_cut_is_open_in_one_panel_at_a_time(write_cut: WriteCut):
    cut = write_cut()
    document = Document.open(cut)
    with pytest.raises(CutError, match="open in another panel"):
        Document.open(cut)
    document.close()
    Document.open(cut).close()


def test_takes_are_added_chosen_starred_adjusted_dropped_and_delivered(write_cut: WriteCut, tmp_path: Path):
    cut = write_cut()
    document = Document.open(cut)
    clip_id = _ids(document)[1]
    span = document.span(clip_id)
    assert span is not None
    assert document.add_take(_take(tmp_path, span, number=1)) == 1
    assert document.add_take(_take(tmp_path, span, number=2)) == 2
    assert [row.active for row in document.takes(clip_id)] == [False, True]
    assert document.choose(clip_id, Role.FX, 1) == 2
    assert document.star(clip_id, Role.FX, 1, True) is False
    assert document.add_take(_take(tmp_path, span, number=3)) == 3
    assert [row.active for row in document.takes(clip_id)] == [True, False, False]  # a starred take stays
    document.adjust(clip_id, Role.FX, Adjustment(gain_db=-6, nudge_s=Fraction(1, 24)))
    before = document.drop(clip_id, Role.FX, 2)
    assert [row.number for row in document.takes(clip_id)] == [1, 3]
    document.restore(before)
    assert [row.number for row in document.takes(clip_id)] == [1, 2, 3]
    document.drop(clip_id, Role.FX, 2)
    with pytest.raises(TakeError):
        document.choose(clip_id, Role.FX, 2)
    out = document.save()
    document.close()
    entries = list_takes(out)
    assert [(entry.number, entry.active) for entry in entries] == [(1, True), (3, False)]
    again = Document.open(cut)
    rows = again.takes(clip_id)
    assert [(row.number, row.active, row.starred) for row in rows] == [(1, True, True), (3, False, False)]
    assert rows[0].adjustment == Adjustment(gain_db=-6, nudge_s=Fraction(1, 24))
    assert rows[0].path == tmp_path / f"01{ord('F')}{clip_id}.wav"
    stem = again.player_clip(clip_id).stems[0]
    assert stem.start_s == Fraction(-1, 2) + Fraction(1, 24)
    assert stem.gain_db == -6
    again.close()


def test_takes_that_were_not_saved_are_recovered(write_cut: WriteCut, tmp_path: Path):
    cut = write_cut()
    document = Document.open(cut)
    clip_id = _ids(document)[0]
    span = document.span(clip_id)
    assert span is not None
    document.add_take(_take(tmp_path, span))
    document.close()
    again = Document.open(cut)
    assert [row.number for row in again.takes(clip_id)] == [1]
    assert again.takes(clip_id)[0].prompt == "rain"
    again.close()


def test_takes_follow_a_clip_that_has_moved_and_leave_one_that_was_trimmed(write_cut: WriteCut, tmp_path: Path):
    cut = write_cut((24, 36, 12))
    document = Document.open(cut)
    first, second, _ = _ids(document)
    for clip_id in (first, second):
        span = document.span(clip_id)
        assert span is not None
        document.add_take(_take(tmp_path, span))
    document.save()
    document.close()
    write_cut((20, 36, 12), gap=48)
    again = Document.open(cut)
    assert again.takes(first) == ()
    assert [row.number for row in again.takes(second)] == [1]
    out = again.save()
    span = again.span(second)
    assert span is not None
    assert span.record_start_s == Fraction(68, 24)
    again.close()
    read = timeline.read(out)
    generated = next(clip for clip in read.timeline.find_clips() if clip.metadata.get("otio_v2a", {}).get("generated"))
    assert generated.metadata["otio_v2a"]["record_start_samples"] == span.first_sample(48000)


def test_status_follows_takes_prompts_and_queue(write_cut: WriteCut, tmp_path: Path):
    document = Document.open(write_cut())
    clip_id = _ids(document)[0]
    span = document.span(clip_id)
    assert span is not None
    news: list[frozenset[str]] = []
    document.on_change.append(news.append)
    document.set_prompt(replace(document.prompt(clip_id, Role.AMB), enabled=False))
    document.set_prompt(replace(document.prompt(clip_id, Role.FX), text="rain", seed=1))
    assert document.row(clip_id).status is Status.NEW
    document.set_activity({clip_id: ({QueueState.WAITING}, "")})
    assert document.row(clip_id).status is Status.QUEUED
    document.set_activity({clip_id: ({QueueState.DONE}, "")})
    document.add_take(_take(tmp_path, span, text="rain"))
    assert document.row(clip_id).status is Status.DONE
    document.set_prompt(replace(document.prompt(clip_id, Role.FX), text="snow"))
    assert document.row(clip_id).status is Status.CHANGED
    document.set_activity({clip_id: ({QueueState.FAILED}, "the disk is full")})
    assert document.row(clip_id).status is Status.FAILED
    assert document.row(clip_id).warnings[0] == "the disk is full"
    assert set(news) == {frozenset({clip_id})}
    document.close()


def test_a_damaged_prompt_is_a_warning_on_its_clip(write_cut: WriteCut):
    cut = write_cut()
    edited = otio.adapters.read_from_file(str(cut))
    next(iter(edited.find_clips())).metadata["otio_v2a"] = {"prompts": {"FX": 7}}
    edited.to_json_file(str(cut))
    document = Document.open(cut)
    assert "FX" in document.rows[0].warnings[0]
    assert not document.rows[1].warnings
    document.close()
