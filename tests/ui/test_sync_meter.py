"""Sync of takes, measured off the interface's thread; events and shot borders marked under the picture."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import opentimelineio as otio
import pytest
import soundfile

from otio_v2a.adjustments import Adjustment
from otio_v2a.demo import cut_path
from otio_v2a.spans import ClipSpan
from otio_v2a.takes import Take
from otio_v2a.worker_process import WorkerSettings
from otio_v2a_engine.contract import PromptSpec, Role
from otio_v2a_ui.document import Document
from otio_v2a_ui.panel import Panel
from otio_v2a_ui.sync_meter import SyncMeter

_PATIENCE_MS = 120_000
_RATE = 48000
WriteCut = Callable[..., Path]


def _take(folder: Path, span: ClipSpan, hits_s: tuple[float, ...], *, number: int = 1, role: Role = Role.FX) -> Take:
    """Short bursts of noise at given seconds of the clip, over a faint floor; no handles."""
    length = span.n_samples(_RATE)
    rng = np.random.default_rng(number)
    values = rng.normal(0, 1e-5, length)
    for hit in hits_s:
        at = round(hit * _RATE)
        burst = 0.5 * rng.normal(0, 0.3, 4800) * np.exp(-np.arange(4800) / 800)
        values[at : at + 4800] += burst[: max(0, length - at)]
    path = folder / f"{role}{number}{span.clip_id}.wav"
    soundfile.write(path, np.stack([values, values], 1).astype(np.float32), _RATE, subtype="FLOAT")
    return Take(
        path=path,
        clip_id=span.clip_id,
        role=role,
        number=number,
        content_hash=f"{role}{number}{span.clip_id}",
        seed=number,
        prompt=PromptSpec(text="hits", role=role),
        engine="fake",
        engine_version="1",
        sample_rate=_RATE,
        channels=2,
        n_samples=length,
        handle_before=0,
        handle_after=0,
        record_start=span.first_sample(_RATE),
        span_samples=length,
    )


@pytest.fixture
def searches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How often the worker was asked for events."""
    log = tmp_path / "events.log"
    monkeypatch.setenv("DOUBLE_EVENTS", str(log))
    return lambda: len(log.read_text().splitlines()) if log.exists() else 0


@pytest.fixture
def document(write_cut: WriteCut) -> Iterator[Document]:
    opened = Document.open(write_cut((48, 48)))
    yield opened
    opened.close()


@pytest.fixture
def meter(qtbot, document: Document, double: WorkerSettings) -> Iterator[SyncMeter]:
    made = SyncMeter(document, settings=double)
    yield made
    made.close()


def _span(document: Document, at: int = 0) -> ClipSpan:
    span = document.span(document.clip_id_at(at))
    assert span is not None
    return span


def _measure(qtbot, meter: SyncMeter, clip_id: str) -> None:
    with qtbot.waitSignal(meter.told, timeout=_PATIENCE_MS):
        meter.ask(clip_id)


def test_takes_are_measured_once_against_what_is_seen(qtbot, document, meter, searches, tmp_path):
    span = _span(document)
    # The double sees something at a quarter and three quarters: 0.5 s and 1.5 s.
    document.add_take(_take(tmp_path, span, (0.5, 1.5)))
    document.add_take(_take(tmp_path, span, (0.6, 1.6), number=2))
    document.add_take(_take(tmp_path, span, (1.0,), number=3))
    _measure(qtbot, meter, span.clip_id)
    good, late, other = document.takes(span.clip_id)
    assert good.sync_ms == pytest.approx(0, abs=15)
    assert good.sync_score == 1.0
    assert late.sync_ms == pytest.approx(100, abs=15)
    assert late.sync_score == 0.0
    assert other.sync_ms is None
    assert "none of its onsets" in other.sync_note
    told = []
    meter.told.connect(told.append)
    meter.ask(span.clip_id)  # As it was: nothing to do.
    document.add_take(_take(tmp_path, span, (0.52,), number=4))
    _measure(qtbot, meter, span.clip_id)
    assert document.takes(span.clip_id)[3].sync_ms == pytest.approx(20, abs=15)
    assert told == [span.clip_id]
    assert searches() == 1


def test_events_and_borders_of_shots_are_marked(qtbot, document, meter, tmp_path):
    span = _span(document)
    assert document.player_clip(span.clip_id).onsets_s == ()
    document.add_take(_take(tmp_path, span, (0.5,)))
    _measure(qtbot, meter, span.clip_id)
    clip = document.player_clip(span.clip_id)
    assert clip.onsets_s == (0.5, 1.5)
    assert clip.cuts_s == (Fraction(2, 3),)


def test_a_nudge_moves_the_measure_and_comes_back(qtbot, document, meter, searches, tmp_path):
    span = _span(document)
    document.add_take(_take(tmp_path, span, (0.5, 1.5)))
    _measure(qtbot, meter, span.clip_id)
    for nudge_s, lag_ms in ((Fraction(1, 10), 100), (Fraction(0), 0)):
        document.adjust(span.clip_id, Role.FX, Adjustment(nudge_s=nudge_s))
        _measure(qtbot, meter, span.clip_id)
        assert document.takes(span.clip_id)[0].sync_ms == pytest.approx(lag_ms, abs=15)
    assert searches() == 1


def test_event_markers_decide_and_nobody_looks(qtbot, write_cut, double, searches, tmp_path):
    cut = write_cut((48,))
    timeline = otio.adapters.read_from_file(str(cut))
    clip = next(iter(timeline.find_clips()))
    at = otio.opentime.TimeRange(otio.opentime.RationalTime(8 + 24, 24), otio.opentime.RationalTime(1, 24))
    clip.markers.append(otio.schema.Marker("v2a hit", at))
    otio.adapters.write_to_file(timeline, str(cut))
    document = Document.open(cut)
    span = _span(document)
    assert document.player_clip(span.clip_id).onsets_s == (1.0,)  # Without any take.
    document.add_take(_take(tmp_path, span, (1.0,)))
    meter = SyncMeter(document, settings=double)
    _measure(qtbot, meter, span.clip_id)
    assert document.takes(span.clip_id)[0].sync_score == 1.0
    assert searches() == 0
    meter.close()
    document.close()


@pytest.mark.parametrize("what", ["sound", "worker"])
def test_what_cannot_be_measured_says_why(qtbot, document, tmp_path, double, what):
    span = _span(document)
    take = _take(tmp_path, span, (0.5,))
    document.add_take(take)
    if what == "sound":
        take.path.unlink()
    settings = double if what == "sound" else replace(double, command=("/no/such/program",))
    meter = SyncMeter(document, settings=settings)
    _measure(qtbot, meter, span.clip_id)
    row = document.takes(span.clip_id)[0]
    assert (row.sync_ms, row.sync_score) == (None, None)
    assert ("lost its sound" if what == "sound" else "/no/such/program") in row.sync_note
    meter.close()


def test_only_effects_are_measured_and_closing_waits_for_nobody(qtbot, document, meter, searches, tmp_path):
    first, second = _span(document), _span(document, 1)
    document.add_take(_take(tmp_path, first, (0.5,), role=Role.AMB))
    meter.ask(first.clip_id)
    meter.ask("no such clip")
    document.add_take(_take(tmp_path, second, (0.5,)))
    meter.ask(second.clip_id)
    meter.close()
    meter.ask(second.clip_id)
    assert document.takes(first.clip_id)[0].sync_note == ""
    assert searches() <= 1


def test_the_panel_shows_sync_beside_the_takes_and_marks_under_the_picture(
    qtbot, write_cut: WriteCut, double: WorkerSettings, tmp_path: Path
):
    panel = Panel(worker=double)
    qtbot.addWidget(panel)
    panel.resize(1400, 860)
    panel.show()
    panel.open(write_cut((48, 48)))
    qtbot.waitUntil(lambda: panel.is_open, timeout=_PATIENCE_MS)
    document = panel.document
    assert document is not None
    span = _span(document)
    document.add_take(_take(tmp_path, span, (0.6, 1.6)))
    document.add_take(_take(tmp_path, span, (0.5,), role=Role.AMB))
    qtbot.waitUntil(lambda: bool(panel.takes.rows) and panel.takes.rows[0].sync_ms is not None, timeout=_PATIENCE_MS)
    label = panel.takes.strip(Role.FX, 1).sync
    assert label.isVisible()
    assert label.text().endswith("ms")
    assert label.property("warn")
    assert "0 %" in label.toolTip()
    assert "effects only" in panel.takes.strip(Role.AMB, 1).sync.toolTip()
    qtbot.waitUntil(lambda: panel.player.axis.onsets_s == (0.5, 1.5), timeout=_PATIENCE_MS)
    assert panel.player.axis.cuts_s == (pytest.approx(2 / 3),)
    panel.shutdown()


def test_the_shipped_engine_sees_the_demo_cuts_hits(qtbot, tmp_path: Path):
    cut = tmp_path / cut_path().name
    shutil.copytree(cut_path().parent / "media", tmp_path / "media")
    shutil.copyfile(cut_path(), cut)
    document = Document.open(cut)
    span = _span(document)
    document.add_take(_take(tmp_path, span, (0.5,)))
    meter = SyncMeter(document)
    _measure(qtbot, meter, span.clip_id)
    seen = document.player_clip(span.clip_id).onsets_s
    assert seen, document.takes(span.clip_id)[0].sync_note
    # A take that sounds where something is seen agrees with it.
    apart = [at for number, at in enumerate(seen) if number == 0 or at - seen[number - 1] > 0.25]
    document.add_take(_take(tmp_path, span, tuple(apart), number=2))
    _measure(qtbot, meter, span.clip_id)
    row = document.takes(span.clip_id)[1]
    assert row.sync_ms == pytest.approx(0, abs=20)
    assert row.sync_score is not None
    assert row.sync_score > 0.5
    meter.close()
    document.close()
