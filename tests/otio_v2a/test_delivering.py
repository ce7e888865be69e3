"""Clips are written while others render: the same files, once; what cannot be written then is said at the end."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from otio_v2a import stem_files, stems
from otio_v2a.delivering import EarlyDelivery
from otio_v2a.errors import StemError
from otio_v2a.events import JobFailed, JobFinished, JobRef, RunStarted
from otio_v2a.stem import Layout
from otio_v2a_engine.contract import Role


@pytest.fixture
def made(kit, tmp_path):
    """A cut and two takes of each of its two clips."""
    cut = kit.make_cut(tmp_path)
    takes = [
        kit.make_take(tmp_path / "takes", span, kit.noise(4 * index + number), number=number)
        for index, span in enumerate(cut.spans)
        for number in (1, 2)
    ]
    return cut, takes


def plan_of(takes):
    names = ("role", "clip_id", "handle_before", "handle_after")
    return SimpleNamespace(jobs=[SimpleNamespace(**{name: getattr(take, name) for name in names}) for take in takes])


def ref(take):
    return JobRef(
        number=1,
        total=4,
        clip_id=take.clip_id,
        clip_name="SH",
        role=take.role,
        take=take.number,
        content_hash="ab" * 32,
    )


def finished(take):
    return JobFinished(ref(take), take, reused=False, seconds=1.0)


class Slate:
    """A writer that takes down what it is given."""

    def __init__(self, on_write=lambda: None):
        self.written = []
        self._on_write = on_write

    def write(self, group):
        self.written.append([(take.clip_id, take.number) for take in group])
        self._on_write()


def test_a_take_is_written_when_it_is_there_a_clip_when_it_is_complete_and_events_go_on(made):
    _, takes = made
    slate, heard = Slate(), []
    events = [RunStarted(n_jobs=4, n_reused=0, estimated_s=1.0), *(finished(takes[n]) for n in (0, 2, 3))]
    with EarlyDelivery(plan_of(takes), slate) as early:
        note = early.listening(heard.append)
        for event in events:
            note(event)
    assert heard == events
    first, second = (take.clip_id for take in (takes[0], takes[2]))
    assert slate.written == [[(first, 1)], [(second, 1)], [(second, 1), (second, 2)]]


def test_takes_with_other_handles_wait_for_each_other_because_they_begin_together(made):
    _, takes = made
    slate = Slate()
    takes = [replace(takes[0], handle_before=takes[0].handle_before - 1, n_samples=takes[0].n_samples - 1), takes[1]]
    with EarlyDelivery(plan_of(takes), slate) as early:
        note = early.listening(lambda event: None)
        for take in takes:
            note(finished(take))
    assert slate.written == [[(takes[0].clip_id, 1), (takes[0].clip_id, 2)]]


def test_a_failed_take_holds_up_none_of_the_others(made):
    _, takes = made
    slate = Slate()
    with EarlyDelivery(plan_of(takes), slate) as early:
        note = early.listening(lambda event: None)
        note(JobFailed(ref(takes[0]), "it is black"))
        note(finished(takes[1]))
        note(JobFailed(ref(takes[2]), "it is black"))
        note(JobFailed(ref(takes[3]), "it is black"))
    assert slate.written == [[(takes[1].clip_id, 2)]]


def test_nothing_more_is_written_once_the_run_is_given_up(made):
    _, takes = made
    slate = Slate(on_write=lambda: early.give_up())
    with EarlyDelivery(plan_of(takes), slate) as early:
        note = early.listening(lambda event: None)
        for take in takes:
            note(finished(take))
    assert len(slate.written) == 1


def test_what_was_written_early_is_what_is_written_at_the_end_and_not_again(made, tmp_path, monkeypatch):
    cut, takes = made
    writer = stems.ClipWriter(cut, out_dir=tmp_path / "early")
    with EarlyDelivery(plan_of(takes), writer) as early:
        note = early.listening(lambda event: None)
        for take in takes:
            note(finished(take))
    at_the_end = stems.write(takes, cut, out_dir=tmp_path / "late", layout=Layout.CLIPS)
    written = []
    monkeypatch.setattr(stem_files, "write_bwf", lambda path, *_, **__: written.append(path))
    found = stems.write(takes, cut, out_dir=tmp_path / "early", layout=Layout.CLIPS, ahead=writer)
    assert written == []
    assert [stem.clips[0].active for stem in found] == [1, 1]
    for ours, theirs in zip(found, at_the_end, strict=True):
        assert ours.path.name == theirs.path.name
        assert ours.path.read_bytes()[-100_000:] == theirs.path.read_bytes()[-100_000:]


def test_a_choice_made_meanwhile_counts(made, tmp_path):
    cut, takes = made
    writer = stems.ClipWriter(cut, out_dir=tmp_path / "stems")
    for group in (takes[:2], takes[2:]):
        writer.write(group)
    chosen = {(takes[0].clip_id, Role.FX): takes[1].content_hash}
    found = stems.write(takes, cut, out_dir=tmp_path / "stems", layout=Layout.CLIPS, chosen=chosen, ahead=writer)
    assert [stem.clips[0].active for stem in found] == [2, 1]
    assert len(list((tmp_path / "stems").iterdir())) == 4


def test_what_cannot_be_written_is_said_at_the_end(made, tmp_path):
    cut, takes = made
    takes[0].path.unlink()
    writer = stems.ClipWriter(cut, out_dir=tmp_path / "stems")
    with EarlyDelivery(plan_of(takes), writer) as early:
        note = early.listening(lambda event: None)
        for take in takes:
            note(finished(take))
    with pytest.raises(StemError, match="cannot be read"):
        stems.write(takes, cut, out_dir=tmp_path / "stems", layout=Layout.CLIPS, ahead=writer)
