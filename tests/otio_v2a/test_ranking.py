"""Takes are ranked by what is heard: faults, onsets beside the events that are seen, fit to the prompt."""

import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from otio_v2a import generate, prompts, stems, timeline
from otio_v2a.choosing import list_takes
from otio_v2a.cli import main
from otio_v2a.hearing import agreement, listen, onsets
from otio_v2a.jobs import plan
from otio_v2a.prompts import PromptFlags
from otio_v2a.ranking import pick_best, rank, total_of
from otio_v2a.spotting import ClipEvents, with_markers
from otio_v2a.stems import Layout
from otio_v2a.takes import TakeStore
from otio_v2a.targets import Target, write
from otio_v2a.worker_process import WorkerSettings
from otio_v2a_engine.contract import Role, VisualEvent
from otio_v2a_engine.wavfile import WavWriter

RATE = 48000
Sound = npt.NDArray[np.float32]
TIMES = (0.5, 1.2, 2.1)
DOUBLE = WorkerSettings(command=(sys.executable, str(Path(__file__).with_name("worker_double.py"))))


def _hits(times: tuple[float, ...], *, seconds: float = 3.0, level: float = 0.3) -> Sound:
    """Decaying noise bursts."""
    rng = np.random.default_rng(1)
    sound = np.zeros(round(seconds * RATE))
    burst = rng.standard_normal(RATE // 5) * np.exp(-np.arange(RATE // 5) / 1500)
    for time in times:
        at = round(time * RATE)
        sound[at : at + len(burst)] += level * burst[: len(sound) - at] / np.abs(burst).max()
    return sound.astype(np.float32)


def _tone(hz: float, level: float, *, seconds: float = 4.0) -> Sound:
    return (level * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def _noise(level: float, *, seconds: float = 4.0) -> Sound:
    return (level * np.random.default_rng(2).standard_normal(round(seconds * RATE))).astype(np.float32)


def test_onsets_lie_at_the_hits() -> None:
    assert onsets(_hits(TIMES), RATE) == pytest.approx(TIMES, abs=0.015)


def test_steady_and_silent_sounds_have_no_onsets_after_their_start() -> None:
    assert len(onsets(np.zeros(RATE, np.float32), RATE)) == 0
    assert all(time < 0.05 for time in onsets(_noise(0.05), RATE))
    assert len(onsets(np.zeros(3, np.float32), RATE)) == 0


def test_agreement_is_one_to_one() -> None:
    seen = np.array(TIMES)
    assert agreement(seen + 0.03, seen) == 1
    assert agreement(seen + 0.2, seen) == 0
    assert agreement(np.array([0.48, 0.52]), np.array([0.5])) == pytest.approx(2 / 3)
    assert agreement(np.zeros(0), np.zeros(0)) == 1
    assert agreement(np.zeros(0), seen) == 0


def test_a_clean_hit_is_clean_and_silence_is_not() -> None:
    assert listen(_hits(TIMES), RATE).cleanness == 1
    assert listen(np.zeros(RATE, np.float32), RATE).cleanness == 0
    assert listen(_hits(TIMES, level=0.003), RATE).cleanness < 0.9


def test_clipping_lowers_cleanness() -> None:
    loud = np.clip(5 * _tone(200, 0.5), -1, 1)
    assert listen(loud, RATE).clipped > 0.1
    assert listen(loud, RATE).cleanness <= 0.5


def test_steps_in_a_smooth_sound_are_clicks_and_hits_are_not() -> None:
    clicked = _tone(120, 0.3)
    clicked[20000:] += 0.2
    clicked[90000:] -= 0.3
    assert listen(clicked, RATE).clicks == pytest.approx(2 / 4)
    assert listen(_hits(TIMES), RATE).clicks == 0


def test_mains_hum_is_heard_under_noise_and_a_deep_note_is_not() -> None:
    hum = sum(_tone(50 * k, 0.02) for k in (1, 2, 3, 4)) + _noise(0.001)
    assert listen(np.asarray(hum, np.float32), RATE).hum_db > 20
    assert listen(_noise(0.01), RATE).hum_db < 10
    assert listen(_tone(110, 0.3) + _noise(0.001), RATE).hum_db < 12


@pytest.fixture
def written(tmp_path: Path, make_movie: Callable[..., Path]) -> Path:
    """A timeline of one spotted clip with three takes: late, in sync and clipping, in sync."""
    return _write(tmp_path, make_movie, text="")


def _write(tmp_path: Path, make_movie: Callable[..., Path], *, text: str) -> Path:
    movie = make_movie(tmp_path / "a.mov", frames=72, rate=24)
    cut = timeline.read(movie)
    events = tuple(VisualEvent(Fraction(time).limit_denominator(1000)) for time in TIMES)
    marked = with_markers(cut, [ClipEvents(cut.spans[0], events)], engine="small", version="1")
    write(marked, tmp_path / "cut.otio", Target.PORTABLE)
    cut = timeline.read(tmp_path / "cut.otio")
    asks = prompts.resolve(cut.spans, flags=PromptFlags(text=text, takes=3, roles=(Role.FX,)))
    out = tmp_path / "out.otio"
    store = TakeStore(generate.GenerateOptions(out=out).store.root)
    takes = []
    for job in plan(cut, asks).jobs:
        lead = job.handle_before / RATE
        times = tuple(time + lead + (0.3 if job.take == 1 else 0.0) for time in TIMES)
        sound = _hits(times, seconds=job.request.n_samples / RATE)
        if job.take == 2:
            sound = np.clip(sound * 40, -1, 1)
        partial = store.partial_path(job.content_hash)
        partial.parent.mkdir(parents=True, exist_ok=True)
        with WavWriter(partial, sample_rate=RATE, channels=2, n_samples=job.request.n_samples) as writer:
            writer.write(np.stack([sound, sound]).astype(np.float32))
        takes.append(store.put(job, partial))
    made = stems.write(takes, cut, out_dir=tmp_path / "out_stems", layout=Layout.CLIPS)
    write(stems.attach(prompts.write_back(cut.timeline, asks), made, cut=cut), out, Target.PORTABLE)
    return out


def test_the_take_in_sync_and_without_fault_comes_first(written: Path) -> None:
    scores = rank(written)
    assert [score.number for score in scores] == [3, 2, 1]
    assert [score.sync for score in scores] == [1, pytest.approx(1, abs=0.3), 0]
    assert scores[0].n_seen == 3
    assert scores[0].heard.cleanness > scores[1].heard.cleanness


def test_picking_makes_the_best_take_active_and_twice_changes_nothing(written: Path) -> None:
    assert pick_best(written, rank(written)) == ("a (FX): take 3 instead of 1",)
    assert [entry.number for entry in list_takes(written) if entry.active] == [3]
    assert pick_best(written, rank(written)) == ()


def test_the_command_line_shows_scores_and_picks(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["takes", "list", str(written), "--scores"]) == 0
    assert "3 heard, 3 seen" in capsys.readouterr().out
    assert main(["takes", "rank", str(written), "--pick", "best"]) == 0
    assert "take 3 instead of 1" in capsys.readouterr().out
    assert main(["takes", "rank", str(written), "--json"]) == 0
    assert '"active": true' in capsys.readouterr().out.splitlines()[0]


def test_what_is_not_known_does_not_count() -> None:
    assert total_of(0.8, sync=None, fit=None) == 0.8
    assert total_of(0.8, sync=1.0, fit=None) == pytest.approx(0.8)
    assert total_of(1.0, sync=0.0, fit=None) == pytest.approx(0.3)
    assert total_of(1.0, sync=1.0, fit=1.0) == pytest.approx(1.0)
    assert total_of(0.0, sync=1.0, fit=1.0) == 0
    assert total_of(1.0, sync=0.5, fit=0.9) > total_of(1.0, sync=0.5, fit=0.2)
    assert total_of(1.0, sync=None, fit=0.9) > total_of(1.0, sync=None, fit=0.2)


def test_what_leaks_into_a_take_costs_the_more_the_surer_it_is() -> None:
    assert total_of(1.0, sync=1.0, fit=1.0, leak=1.0) == pytest.approx(0.3)
    assert total_of(1.0, sync=1.0, fit=None, leak=0.9) < total_of(1.0, sync=1.0, fit=None, leak=0.5)


def test_takes_without_a_prompt_have_no_fit(written: Path) -> None:
    assert [score.fit for score in rank(written, settings=DOUBLE)] == [None, None, None]


def test_a_take_in_which_speech_is_heard_comes_last_and_the_table_says_so(
    tmp_path: Path, make_movie: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _write(tmp_path, make_movie, text="bleed 0.2 0.1 0.93")
    scores = rank(path, settings=DOUBLE)
    assert {score.number: score.bleed and score.bleed.speech for score in scores} == {1: 0.2, 2: 0.1, 3: 0.93}
    assert [score.number for score in scores][-1] == 3, "it was the best by sync and cleanness"
    monkeypatch.setattr("otio_v2a.ranking.rank", lambda *_, **__: scores)
    assert main(["takes", "rank", str(path)]) == 0
    assert "speech (0.93)" in capsys.readouterr().out
    assert main(["takes", "rank", str(path), "--json"]) == 0
    assert '"bleed": {"speech": 0.93, "music": 0.0}' in capsys.readouterr().out


def test_a_take_that_fits_its_prompt_comes_before_one_that_does_not(
    tmp_path: Path, make_movie: Callable[..., Path]
) -> None:
    path = _write(tmp_path, make_movie, text="misfit 0.99 0.1 0.2")
    scores = rank(path, settings=DOUBLE)
    assert {score.number: score.fit for score in scores} == {1: 0.99, 2: 0.1, 3: 0.2}
    assert scores[0].total == pytest.approx(total_of(1.0, sync=scores[0].sync, fit=scores[0].fit))
    without = {score.number: total_of(1.0, sync=score.sync, fit=None) for score in scores}
    assert without[3] > without[1]
    assert {score.number: score.total for score in scores}[1] > 0.3


def test_where_nobody_can_listen_takes_are_ranked_by_the_rest(
    tmp_path: Path, make_movie: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    scores = rank(_write(tmp_path, make_movie, text="deaf"), settings=DOUBLE)
    assert [score.number for score in scores] == [3, 2, 1]
    assert [score.fit for score in scores] == [None, None, None]
    assert "is ranked without its fit: the ear is gone" in caplog.text


def test_a_worker_that_does_not_start_is_tried_once(
    tmp_path: Path, make_movie: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    path = _write(tmp_path, make_movie, text="rain")
    scores = rank(path, settings=WorkerSettings(command=("/nonexistent/worker",)))
    assert [score.number for score in scores] == [3, 2, 1]
    assert len([record for record in caplog.records if "without its fit" in record.message]) == 1
