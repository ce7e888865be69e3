"""Takes that do not fit their prompt are rendered again: which, with which seeds, which stays, what is said of it."""

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from otio_v2a import generate
from otio_v2a.choosing import list_takes
from otio_v2a.cli import main
from otio_v2a.errors import PlanError
from otio_v2a.jobs import Plan, PlanOptions, plan
from otio_v2a.prompts import Ask, reroll_seed
from otio_v2a.report import RunReport
from otio_v2a.rerolling import Rolled, roll, with_rerolls
from otio_v2a.runner import RunOptions, run
from otio_v2a.spans import ClipSpan, MediaFile
from otio_v2a.takes import TakeStore
from otio_v2a.verdict import Verdict
from otio_v2a.worker_process import WorkerSettings
from otio_v2a_engine.bleed_note import Bleed, BleedNote
from otio_v2a_engine.contract import PromptSpec, Role

pytestmark = pytest.mark.timeout(120)

SETTINGS = WorkerSettings(command=(sys.executable, str(Path(__file__).with_name("worker_double.py"))))


def rolled(fits: list[float | None], *, most: int, misfit: float = 0.5, leaks: Sequence[float] = ()) -> Rolled[str]:
    def listen(made: str) -> Verdict:
        number = int(made[7:])
        return Verdict(fits[number], Bleed(speech=leaks[number], music=0.1) if leaks else None)

    return roll(lambda n: f"render {n}" if n < len(fits) else None, listen, most=most, misfit=misfit)


def test_a_take_that_fits_is_not_rendered_again():
    assert rolled([0.6, 0.9], most=3) == Rolled("render 0", 0, Verdict(0.6), Verdict(0.6))


def test_the_first_that_fits_ends_it():
    assert rolled([0.2, 0.1, 0.7, 0.9], most=3) == Rolled("render 2", 2, Verdict(0.7), Verdict(0.2), 2)


def test_where_none_fits_the_best_stays_and_of_equals_the_first():
    assert rolled([0.1, 0.3, 0.3, 0.2, 0.9], most=3) == Rolled("render 1", 1, Verdict(0.3), Verdict(0.1), 3)


def test_a_take_in_which_speech_is_heard_is_rendered_again_however_well_it_fits():
    kept = rolled([0.9, 0.7, 0.95], most=3, leaks=[0.8, 0.2, 0.1])
    assert (kept.made, kept.again) == ("render 1", 1)


def test_where_every_take_has_speech_the_one_with_least_stays():
    kept = rolled([0.9, 0.6, 0.7], most=2, leaks=[0.8, 0.6, 0.9])
    assert (kept.made, kept.again, kept.verdict.leak) == ("render 1", 2, 0.6)


def test_a_misfit_without_speech_is_better_than_a_fit_with_it():
    kept = rolled([0.9, 0.2], most=1, leaks=[0.8, 0.3])
    assert (kept.made, kept.verdict.fit) == ("render 1", 0.2)


def test_without_a_prompt_speech_alone_decides():
    assert rolled([None, None, None], most=2, leaks=[0.9, 0.1, 0.0]).made == "render 1"
    assert rolled([None, None], most=1, leaks=[0.1, 0.0]).again == 0


def test_what_does_not_stay_is_dropped_at_once():
    told: list[str] = []
    fits = [0.2, 0.1, 0.4, 0.3]

    def render(number: int) -> int:
        told.append(f"render {number}")
        return number

    rolled = roll(
        render, lambda made: Verdict(fits[made]), most=3, misfit=0.5, drop=lambda made: told.append(f"drop {made}")
    )
    assert rolled.made == 2
    assert told == ["render 0", "render 1", "drop 1", "render 2", "drop 0", "render 3", "drop 3"]


def test_what_nobody_can_tell_is_not_rendered_again():
    assert rolled([None, 0.9], most=3) == Rolled("render 0")


def test_a_render_that_fails_leaves_what_was_made_before():
    assert rolled([0.2], most=3) == Rolled("render 0", 0, Verdict(0.2), Verdict(0.2))
    assert rolled([], most=3).made is None


def test_seeds_follow_from_the_seed_of_the_take():
    seeds = [reroll_seed(7, number) for number in range(4)]
    assert seeds[0] == 7
    assert len(set(seeds)) == 4
    assert seeds == [reroll_seed(7, number) for number in range(4)]
    assert all(0 <= seed < 2**31 for seed in seeds)


def make_plan(folder: Path, *prompts: str, role: Role = Role.FX) -> Plan:
    """A plan with a clip of half a second for every prompt; the seed is the clip's number."""
    movie = folder / "a.mov"
    movie.write_bytes(b"never opened by the double")
    os.utime(movie, ns=(1, 1))
    asks = []
    for number, text in enumerate(prompts, start=1):
        span = ClipSpan(
            clip_id=f"c{number}", name=f"SH{number:03d}", track="V1", record_start_s=Fraction(number),
            duration_s=Fraction(1, 2), rate=Fraction(25), media=MediaFile(str(movie), Fraction(25), Fraction(10)),
        )  # fmt: skip
        asks.append(Ask(span, PromptSpec(text, role=role), seed=number))
    cut = SimpleNamespace(skipped=())
    return plan(cut, asks, options=PlanOptions(engine="fake"))


def test_without_rerolls_a_plan_stays_as_it_is(tmp_path):
    made = make_plan(tmp_path, "rain")
    assert with_rerolls(made, most=0) is made


def test_jobs_with_rerolls_have_names_of_their_own(tmp_path):
    made = make_plan(tmp_path, "rain", "", "steps")
    names = [job.content_hash for job in made.jobs]
    twice, thrice = (with_rerolls(made, most=most).jobs for most in (2, 3))
    assert [job.rerolls for job in twice] == [2, 2, 2], "without a prompt speech and music are looked for as well"
    assert len({*names, *(job.content_hash for job in twice), thrice[0].content_hash}) == 7
    assert [replace(job, rerolls=0, content_hash=name) for job, name in zip(twice, names, strict=True)] == list(
        made.jobs
    )
    assert with_rerolls(made, most=2).jobs == twice


def test_music_and_dialogue_are_not_listened_to(tmp_path):
    assert [job.rerolls for job in with_rerolls(make_plan(tmp_path, "a waltz", role=Role.MUS), most=2).jobs] == [0]


@pytest.mark.parametrize("most", [-1, 17])
def test_an_odd_number_of_rerolls_is_refused(tmp_path, most):
    with pytest.raises(PlanError, match="0 to 16 times"):
        with_rerolls(make_plan(tmp_path, "rain"), most=most)


@pytest.fixture
def store(tmp_path: Path) -> TakeStore:
    return TakeStore(tmp_path / "takes")


@pytest.fixture
def rendered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[int]]:
    """The list of seeds that workers rendered, as it grows."""
    log = tmp_path / "rendered.txt"
    monkeypatch.setenv("DOUBLE_LOG", str(log))
    return lambda: [int(line.split()[1]) for line in log.read_text().splitlines()] if log.exists() else []


def go(made: Plan, store: TakeStore) -> RunReport:
    return run(made, store=store, options=RunOptions(settings=SETTINGS))


def left_over(store: TakeStore) -> list[Path]:
    return list(store.partial_dir.glob("*"))


def test_a_misfit_is_rendered_with_the_next_seeds_and_the_best_is_kept(tmp_path, store, rendered):
    made = with_rerolls(make_plan(tmp_path, "misfit 0 0.01 0.95"), most=5)
    report = go(made, store)
    seeds = [reroll_seed(1, number) for number in range(3)]
    assert rendered() == seeds
    take = report.takes[0]
    assert (take.seed, take.rolls, take.fit, take.content_hash) == (seeds[2], 2, 0.95, made.jobs[0].content_hash)
    samples, _ = soundfile.read(take.path, dtype="float32")
    kept = np.random.default_rng(seeds[2]).uniform(-0.1, 0.1, samples.shape).astype(np.float32)
    assert np.array_equal(samples, kept)
    assert report.warnings == ("SH001 FX: re-rolled 2 times: its fit is 0.95 instead of 0.00",)
    assert report.engine_seconds == pytest.approx(3 * 0.25)
    assert not left_over(store)


def test_a_second_run_finds_the_take_and_listens_to_nothing(tmp_path, store, rendered):
    first = go(with_rerolls(make_plan(tmp_path, "misfit 0 0.95"), most=1), store)
    again = go(with_rerolls(make_plan(tmp_path, "misfit 0 0.95"), most=1), store)
    assert again.takes == first.takes
    assert again.reused == 1
    assert len(rendered()) == 2


def test_without_the_option_the_first_seed_is_rendered_once(tmp_path, store, rendered):
    report = go(make_plan(tmp_path, "misfit 0 0.95"), store)
    assert rendered() == [1]
    assert (report.takes[0].rolls, report.takes[0].fit) == (0, None)


def test_when_none_fits_the_best_is_kept_and_it_is_said(tmp_path, store, rendered):
    report = go(with_rerolls(make_plan(tmp_path, "misfit 0.02 0.01 0"), most=2), store)
    assert len(rendered()) == 3
    assert (report.takes[0].seed, report.takes[0].rolls) == (1, 0)
    assert report.warnings == ("SH001 FX: re-rolled 2 times, and none fits its prompt better than the first (0.02)",)
    assert not left_over(store)


def test_where_nobody_can_listen_the_take_stays_and_it_is_said(tmp_path, store, rendered):
    report = go(with_rerolls(make_plan(tmp_path, "deaf"), most=2), store)
    assert rendered() == [1]
    assert (report.takes[0].rolls, report.takes[0].fit) == (0, None)
    assert "nobody could tell whether it fits its prompt: the ear is gone" in report.warnings[0]


def test_a_job_that_fails_at_once_fails(tmp_path, store):
    report = go(with_rerolls(make_plan(tmp_path, "fail no picture"), most=2), store)
    assert [failure.reason for failure in report.failures] == ["no picture"]


def test_another_detector_of_speech_renders_anew(tmp_path, monkeypatch):
    made = make_plan(tmp_path, "rain")
    before = with_rerolls(made, most=1).jobs[0].content_hash
    monkeypatch.setattr("otio_v2a.rerolling.read_bleed_note", lambda: BleedNote("0123456789ab"))
    assert with_rerolls(made, most=1).jobs[0].content_hash != before


def test_speech_in_a_take_is_said_rendered_anew_and_remembered(tmp_path, store, rendered):
    report = go(with_rerolls(make_plan(tmp_path, "bleed 0.93 0.02"), most=2), store)
    assert rendered() == [reroll_seed(1, number) for number in range(2)]
    assert report.warnings == (
        "SH001 FX: speech (0.93) is heard in this take: rendered anew, 1 of 2",
        "SH001 FX: re-rolled 1 time: no speech is heard in it any more",
    )
    assert (report.takes[0].rolls, report.takes[0].bleed) == (1, Bleed(speech=0.02, music=0.0))
    assert TakeStore(store.root).get(report.takes[0].content_hash) == report.takes[0]
    assert not left_over(store)


def test_speech_that_stays_is_said(tmp_path, store, rendered):
    report = go(with_rerolls(make_plan(tmp_path, "bleed 0.93 0.71"), most=1), store)
    assert len(rendered()) == 2
    assert report.warnings[-1] == "SH001 FX: re-rolled 1 time, and every render has it; this one least: speech (0.71)"


def test_a_take_that_was_kept_before_speech_was_looked_for_is_still_read(tmp_path, store):
    report = go(make_plan(tmp_path, "rain"), store)
    record = report.takes[0].path.with_suffix(".json")
    data = json.loads(record.read_text())
    del data["take"]["bleed"]
    record.write_text(json.dumps(data))
    take = store.get(report.takes[0].content_hash)
    assert take is not None
    assert take.bleed is None


def test_the_timeline_remembers_what_was_heard(
    tmp_path: Path, make_movie: Callable[..., Path], capsys: pytest.CaptureFixture[str]
):
    movie = make_movie(tmp_path / "a.mov", frames=48, rate=24)
    options = generate.GenerateOptions(
        out=tmp_path / "out.otio",
        flags=generate.PromptFlags(text="bleed 0.93 0.02", roles=(Role.FX,)),
        plan=PlanOptions(engine="fake"),
        run=RunOptions(settings=SETTINGS),
        reroll=1,
    )
    made = generate.produce(generate.prepare(movie, options), options)
    assert [entry.bleed for entry in list_takes(made.out)] == [Bleed(speech=0.02, music=0.0)]
    assert main(["takes", "list", str(made.out), "--json"]) == 0
    assert '"bleed": {"speech": 0.02, "music": 0.0}' in capsys.readouterr().out


def test_the_timeline_remembers_the_reroll_and_the_table_shows_it(
    tmp_path: Path, make_movie: Callable[..., Path], capsys: pytest.CaptureFixture[str]
):
    movie = make_movie(tmp_path / "a.mov", frames=48, rate=24)
    options = generate.GenerateOptions(
        out=tmp_path / "out.otio",
        flags=generate.PromptFlags(text="misfit 0 0.95", roles=(Role.FX,)),
        plan=PlanOptions(engine="fake"),
        run=RunOptions(settings=SETTINGS),
        reroll=1,
    )
    made = generate.produce(generate.prepare(movie, options), options)
    assert [(take.rolls, take.fit) for stem in made.stems for take in stem.takes] == [(1, 0.95)]
    assert main(["takes", "list", str(made.out)]) == 0
    assert "(re-roll 1)" in capsys.readouterr().out
    assert main(["takes", "list", str(made.out), "--json"]) == 0
    assert '"rolls": 1, "fit": 0.95' in capsys.readouterr().out
    assert b"REROLLS" in made.stems[0].path.read_bytes()
