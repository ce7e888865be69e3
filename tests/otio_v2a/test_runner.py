"""Runs: nothing finished is ever lost, one bad clip stops no other, and everything is said in words.

Most tests drive `worker_double.py`, which misbehaves on request; the last ones the real worker.
"""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from otio_v2a import rendering, runner, worker_process
from otio_v2a.errors import RunError
from otio_v2a.events import (
    JobAdvanced,
    JobFailed,
    JobFinished,
    JobStarted,
    RunFinished,
    RunStarted,
    ShotsProgress,
)
from otio_v2a.jobs import Plan, PlanOptions, plan
from otio_v2a.prompts import Ask
from otio_v2a.report import RunReport
from otio_v2a.runner import RunOptions, find_shots, run
from otio_v2a.spans import ClipSpan, MediaFile, Shot, Skipped
from otio_v2a.takes import TakeStore
from otio_v2a.worker_process import Stop, WorkerDied, WorkerProcess, WorkerSettings
from otio_v2a.workers import Workers
from otio_v2a_engine.contract import Picture, PromptSpec

pytestmark = pytest.mark.timeout(120)

DOUBLE = Path(__file__).with_name("worker_double.py")
SETTINGS = WorkerSettings(command=(sys.executable, str(DOUBLE)))
PATIENT = replace(SETTINGS, cancel_grace_s=3600.0)
"""A worker that does not heed its cancel is never killed for it: the test would hang."""
RATE = Fraction(25)


@pytest.fixture
def store(tmp_path: Path) -> TakeStore:
    return TakeStore(tmp_path / "takes")


@pytest.fixture
def rendered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The list of seeds that workers rendered, as it grows."""
    log = tmp_path / "rendered.txt"
    monkeypatch.setenv("DOUBLE_LOG", str(log))
    return lambda: [int(line.split()[1]) for line in log.read_text().splitlines()] if log.exists() else []


def make_plan(folder: Path, *prompts: str, takes: int = 1) -> Plan:
    """A plan with a clip of half a second for every prompt; the seed is the clip's number."""
    movie = folder / "a.mov"
    if not movie.exists():
        movie.write_bytes(b"never opened by the double")
        os.utime(movie, ns=(1, 1))
    asks = []
    for number, text in enumerate(prompts, start=1):
        span = ClipSpan(
            clip_id=f"c{number}", name=f"SH{number:03d}", track="V1", record_start_s=Fraction(number),
            duration_s=Fraction(1, 2), rate=RATE, media=MediaFile(str(movie), RATE, Fraction(10)),
        )  # fmt: skip
        asks.append(Ask(span, PromptSpec(text), seed=number, takes=takes))
    cut = SimpleNamespace(skipped=())
    return plan(cut, asks, options=PlanOptions(engine="fake", handles_s=Fraction(0)))


def go(made: Plan, store: TakeStore, *, settings: WorkerSettings = SETTINGS, workers: int = 1, **rest) -> RunReport:
    return run(made, store=store, options=RunOptions(workers=workers, settings=settings), **rest)


def reasons(report: RunReport) -> dict[str, str]:
    return {failure.clip_name: failure.reason for failure in report.failures}


def test_a_plan_becomes_takes_in_its_order(tmp_path, store):
    made = make_plan(tmp_path, "rain", "steps", takes=2)
    report = go(made, store)
    assert [(take.clip_id, take.number, take.content_hash) for take in report.takes] == [
        (job.clip_id, job.take, job.content_hash) for job in made.jobs
    ]
    for take, job in zip(report.takes, made.jobs, strict=True):
        samples, rate = soundfile.read(take.path, dtype="float32")
        expected = np.random.default_rng(job.request.seed).uniform(-0.1, 0.1, samples.shape).astype(np.float32)
        assert rate == 48000
        assert np.array_equal(samples, expected)
        assert (take.record_start, take.span_samples) == (job.record_start, 24000)
    assert (report.rendered, report.reused, report.exit_code) == (4, 0, 0)
    assert report.engine_seconds == pytest.approx(4 * 0.25)


def test_a_second_run_renders_nothing_and_a_changed_clip_alone(tmp_path, store, rendered):
    first = go(make_plan(tmp_path, "rain", "steps", "wind"), store)
    assert rendered() == [1, 2, 3]
    again = go(make_plan(tmp_path, "rain", "steps", "wind"), store)
    assert again.takes == first.takes
    assert (again.rendered, again.reused, again.exit_code) == (0, 3, 0)
    changed = go(make_plan(tmp_path, "rain", "louder steps", "wind"), store)
    assert rendered() == [1, 2, 3, 2]
    assert (changed.rendered, changed.reused) == (1, 2)


def test_clips_that_ask_for_the_same_sound_share_one_render(tmp_path, store, rendered):
    made = make_plan(tmp_path, "rain", "rain")
    second = made.jobs[1]
    same = replace(made.jobs[0], clip_id=second.clip_id, clip_name=second.clip_name, record_start=second.record_start)
    report = go(Plan((made.jobs[0], same)), store)
    assert rendered() == [1]
    assert [take.clip_id for take in report.takes] == ["c1", "c2"]
    assert report.takes[0].path == report.takes[1].path
    assert report.takes[1].record_start == second.record_start
    assert (report.rendered, report.reused) == (1, 1)


def test_events_tell_the_whole_story(tmp_path, store):
    made = make_plan(tmp_path, "slow 0.2", "fail the picture is black")
    go(Plan(made.jobs[:1]), store)
    events = []
    go(Plan((*made.jobs, *make_plan(tmp_path, "a", "b", "slow 0.2").jobs[2:])), store, on_event=events.append)
    kinds = [type(event) for event in events]
    assert kinds[:2] == [RunStarted, JobFinished]
    assert (events[0].n_jobs, events[0].n_reused) == (3, 1)
    assert events[1].reused
    assert kinds[-1] is RunFinished
    assert (events[-1].n_finished, events[-1].n_reused, events[-1].n_failed, events[-1].n_left) == (2, 1, 1, 0)
    failed = next(event for event in events if isinstance(event, JobFailed))
    assert (failed.job.clip_name, failed.job.number, failed.job.total) == ("SH002", 2, 3)
    assert failed.reason == "the picture is black"
    advanced = [event for event in events if isinstance(event, JobAdvanced) and event.job.number == 3]
    assert [event.done for event in advanced] == list(range(10))
    assert {event.stage for event in advanced} == {"rendering"}
    left = [event.time_left_s for event in advanced]
    assert all(value is not None and value >= 0 for value in left)
    finished = events[-2]
    assert isinstance(finished, JobFinished)
    assert not finished.reused
    assert finished.seconds >= 0.2
    assert finished.time_left_s == pytest.approx(0, abs=1e-6)


def test_the_time_left_goes_on_as_fast_as_it_went_so_far(tmp_path, store, monkeypatch):
    """On a clock of its own: two renders of 10 s each, after 100 s that the worker took to start."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(runner, "time", SimpleNamespace(monotonic=lambda: clock.now))
    left, heard = [], threading.Event()

    class Steady:
        def render_all(self, jobs, *, post, **rest):
            def step(seconds, message):
                clock.now += seconds
                heard.clear()
                post(message)
                assert heard.wait(60)

            for number, job in enumerate(jobs):
                step(0 if number else 100, rendering.Started(job, 1))
                for done in range(5):
                    step(2 if done else 0, rendering.Advanced(job, done, 5, "rendering"))
                step(2, rendering.Outcome(job, reason="it is only a clock"))

    def note(event):
        if not isinstance(event, RunStarted | RunFinished):
            left.append((type(event), event.time_left_s if not isinstance(event, JobStarted) else None))
            heard.set()

    options = RunOptions(backend=Steady())
    run(make_plan(tmp_path, "rain", "wind"), store=store, options=options, on_event=note)
    told = [seconds for kind, seconds in left if kind is not JobStarted]
    assert told[0] is None  # nothing is done yet
    assert told[1:6] == pytest.approx([18, 16, 14, 12, 10])
    assert told[6:] == pytest.approx([10, 8, 6, 4, 2, 0], abs=1e-6)


def test_one_failed_clip_stops_no_other(tmp_path, store):
    report = go(make_plan(tmp_path, "rain", "fail clip.mov cannot be decoded", "wrong", "version", "wind"), store)
    assert [take.clip_id for take in report.takes] == ["c1", "c5"]
    found = reasons(report)
    assert found["SH002"] == "clip.mov cannot be decoded"
    assert re.search(r"not what was asked for: .*\(23999, 48000, 2\) instead of \(24000, 48000, 2\)", found["SH003"])
    assert "runs engine fake in version other, the plan was made with 1" in found["SH004"]
    assert report.exit_code == 1
    assert list(store.partial_dir.iterdir()) == []


def test_a_job_that_a_backend_forgets_has_failed(tmp_path, store):
    class Forgetful:
        def render_all(self, jobs, **rest):
            rendering.LocalBackend().render_all(jobs[:1], **rest)

    options = RunOptions(settings=SETTINGS, backend=Forgetful())
    report = run(make_plan(tmp_path, "rain", "wind"), store=store, options=options)
    assert [take.clip_id for take in report.takes] == ["c1"]
    assert "ended before it was rendered" in reasons(report)["SH002"]
    assert (report.exit_code, report.left) == (1, 0)


def test_a_backend_that_breaks_ends_the_run_in_words(tmp_path, store):
    class Broken:
        def render_all(self, jobs, **rest):
            raise OSError("the scheduler is gone")

    with pytest.raises(RunError, match="the run broke off: the scheduler is gone"):
        run(make_plan(tmp_path, "rain"), store=store, options=RunOptions(backend=Broken()))


def test_the_report_words_itself(tmp_path, store):
    made = make_plan(tmp_path, "unusual", "fail the disk is gone")
    made = replace(made, skipped=(Skipped("SH099", "V2", "it is disabled"),))
    report = go(made, store)
    head, *rest = str(report).splitlines()
    assert re.fullmatch(r"1 rendered, 0 reused, 1 failed, 1 skipped in \d+\.\d s", head)
    assert rest == [
        "failed: SH002 FX on V1: the disk is gone",
        "skipped: SH099 on V2: it is disabled",
        "note: SH001 FX: the prompt is unusual",
    ]


@pytest.mark.parametrize(("prompts", "code"), [(["fail x"], 2), ([], 2), (["rain", "fail x"], 1), (["rain"], 0)])
def test_exit_codes(tmp_path, store, prompts, code):
    assert go(make_plan(tmp_path, *prompts), store).exit_code == code


def test_a_worker_that_dies_is_replaced_and_its_clip_tried_again(tmp_path, store):
    events = []
    report = go(make_plan(tmp_path, f"crash once {tmp_path / 'flag'}", "rain"), store, on_event=events.append)
    assert (report.rendered, report.exit_code) == (2, 0)
    assert [event.attempt for event in events if isinstance(event, JobStarted)] == [1, 2, 1]


def test_a_clip_that_kills_every_worker_fails_by_name_with_the_log_and_the_others_go_on(tmp_path, store):
    report = go(make_plan(tmp_path, "rain", "crash", "wind"), store)
    assert [take.clip_id for take in report.takes] == ["c1", "c3"]
    reason = reasons(report)["SH002"]
    assert "killed by SIGKILL; the system kills so when memory runs out" in reason
    assert "about to run out of memory" in reason
    assert "It died 2 times with this clip" in reason


def test_a_silent_worker_is_ended_and_the_others_go_on(tmp_path, store, monkeypatch):
    clock = SimpleNamespace(ahead=0.0)
    monkeypatch.setattr(worker_process, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + clock.ahead))

    def let_time_pass(event):
        if isinstance(event, JobAdvanced) and event.job.clip_name == "SH001" and event.done == 5:  # its last word
            clock.ahead = 1000.0

    report = go(make_plan(tmp_path, "hang", "rain"), store, on_event=let_time_pass)
    assert "gave no sign of life for 900 s and was ended" in reasons(report)["SH001"]
    assert [take.clip_id for take in report.takes] == ["c2"]


def test_a_worker_that_cannot_start_fails_every_clip_in_words(tmp_path, store):
    settings = WorkerSettings(command=(str(tmp_path / "no-such-program"),))
    report = go(make_plan(tmp_path, "rain", "wind"), store, settings=settings)
    assert "cannot be started: No such file or directory" in reasons(report)["SH002"]
    assert report.exit_code == 2


def test_a_worker_that_breaks_at_its_start_shows_its_log(tmp_path, store):
    settings = WorkerSettings(command=(sys.executable, "-c", "raise ImportError('no module named torch')"))
    report = go(make_plan(tmp_path, "rain"), store, settings=settings)
    assert "exit code 1" in reasons(report)["SH001"]
    assert "ImportError: no module named torch" in reasons(report)["SH001"]


def test_a_worker_that_never_answers_is_given_up(tmp_path, store):
    settings = WorkerSettings(command=(sys.executable, "-c", "import time; time.sleep(60)"), start_timeout_s=0.3)
    report = go(make_plan(tmp_path, "rain"), store, settings=settings)
    assert "did not answer within 0.3 s of its start" in reasons(report)["SH001"]


def test_what_a_library_prints_is_no_message_and_does_no_harm(tmp_path, store):
    assert go(make_plan(tmp_path, "chatter"), store).exit_code == 0


def test_several_workers_share_the_work(tmp_path, store, rendered):
    meeting = tmp_path / "meeting"
    meeting.mkdir()
    report = go(make_plan(tmp_path, *[f"meet 3 {meeting}"] * 6), store, workers=3)
    assert report.rendered == 6
    assert sorted(rendered()) == [1, 2, 3, 4, 5, 6]
    # The first job of each worker waits for the other two: three were rendering at once.
    assert len(list(meeting.iterdir())) == 3


def test_a_worker_goes_on_while_the_disk_takes_in_what_it_finished(tmp_path, store, monkeypatch):
    next_began = threading.Event()
    usual, overlapped = store.put, []

    def put(job, wav, **rest):
        overlapped.append(next_began.wait(60))
        return usual(job, wav, **rest)

    monkeypatch.setattr(store, "put", put)

    def note(event):
        if isinstance(event, JobAdvanced) and event.job.clip_name == "SH002":
            next_began.set()

    report = go(make_plan(tmp_path, "rain", "wind"), store, on_event=note)
    assert (report.rendered, overlapped) == (2, [True, True])


def test_a_search_and_two_runs_can_share_one_process_that_was_started_ahead(tmp_path, store, monkeypatch):
    started = tmp_path / "pids.txt"
    monkeypatch.setenv("DOUBLE_PIDS", str(started))
    made = make_plan(tmp_path, "rain", "fail the picture is black", "wind")
    with Workers() as spare:
        options = RunOptions(settings=SETTINGS, spare=spare)
        log_path = store.log_dir / "worker-1.log"
        spare.start_ahead(log_path=log_path, settings=SETTINGS, engine="fake", device="cpu")
        find_shots(spans_of(made), store=store, options=options)
        assert run(Plan(made.jobs[:2]), store=store, options=options).rendered == 1
        assert run(Plan(made.jobs[2:]), store=store, options=options).rendered == 1
    assert len(started.read_text().split()) == 1
    assert not children()


def test_a_shared_process_that_died_is_replaced(tmp_path, store):
    with Workers() as spare:
        options = RunOptions(settings=SETTINGS, spare=spare)
        run(make_plan(tmp_path, "rain"), store=store, options=options)
        (worker,) = children()
        os.kill(worker, signal.SIGKILL)
        assert seen(lambda: not is_running(worker))
        report = run(make_plan(tmp_path, "wind"), store=store, options=options)
    assert (report.rendered, report.failures) == (1, ())
    assert not children()


def test_a_cancelled_run_leaves_no_shared_process(tmp_path, store):
    with Workers() as spare:
        options = RunOptions(settings=PATIENT, spare=spare)
        began = threading.Event()
        report = run(
            make_plan(tmp_path, "wait 3600"), store=store, options=options, cancelled=began.is_set,
            on_event=lambda event: began.set() if isinstance(event, JobAdvanced) else None,
        )  # fmt: skip
        assert report.cancelled
        assert not children()


def test_a_worker_that_cannot_be_started_ahead_is_no_error_until_it_is_needed(tmp_path, store):
    settings = WorkerSettings(command=(str(tmp_path / "no-such-program"),))
    with Workers() as spare:
        log_path = store.log_dir / "worker-1.log"
        spare.start_ahead(log_path=log_path, settings=settings, engine="fake", device="cpu")
        report = run(make_plan(tmp_path, "rain"), store=store, options=RunOptions(settings=settings, spare=spare))
    assert "cannot be started" in reasons(report)["SH001"]


def test_a_worker_is_never_two_renders_ahead_of_the_disk(tmp_path, store, monkeypatch):
    third_began, usual, held = threading.Event(), store.put, []

    def put(job, wav, **rest):
        if job.clip_name == "SH001":
            # The second is rendered meanwhile; the third would begin at once, if it could.
            held.append(seen((tmp_path / "second").exists) and third_began.wait(0.5))
        return usual(job, wav, **rest)

    monkeypatch.setattr(store, "put", put)

    def note(event):
        if isinstance(event, JobAdvanced) and (event.job.clip_name, event.done) == ("SH002", 9):
            (tmp_path / "second").touch()
        if isinstance(event, JobStarted) and event.job.clip_name == "SH003":
            third_began.set()

    assert go(make_plan(tmp_path, "rain", "wind", "steps"), store, on_event=note).rendered == 3
    assert held == [False]


def test_no_process_is_left_behind(tmp_path, store, monkeypatch):
    started = tmp_path / "pids.txt"
    monkeypatch.setenv("DOUBLE_PIDS", str(started))
    go(make_plan(tmp_path, "slow 0.1", "crash", "slow 0.1"), store, workers=2)
    pids = {int(line) for line in started.read_text().split()}
    assert len(pids) >= 3
    assert not pids & children()


def children() -> set[int]:
    out = subprocess.run(["ps", "-ww", "-o", "pid=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True)
    return {int(line.split()[0]) for line in out.stdout.splitlines() if DOUBLE.name in line}


# --- cancelling -------------------------------------------------------------------------------------------------


def test_a_cancelled_run_keeps_what_is_finished_and_the_next_goes_on(tmp_path, store, rendered):
    made = make_plan(tmp_path, "rain", "wait 3600", "wind")
    finished = threading.Event()

    def note(event):
        if isinstance(event, JobAdvanced) and event.job.clip_name == "SH002":
            finished.set()

    report = go(made, store, settings=PATIENT, on_event=note, cancelled=finished.is_set)
    assert report.cancelled
    assert (report.exit_code, report.left, len(report.takes)) == (130, 2, 1)
    assert "cancelled: 1 rendered, 0 reused" in str(report)
    assert "2 not finished, the next run goes on from here" in str(report)
    after = go(Plan((made.jobs[0], made.jobs[2])), store)
    assert (after.reused, after.rendered) == (1, 1)
    assert rendered() == [1, 3]
    assert list(store.partial_dir.iterdir()) == []


def test_a_worker_that_does_not_heed_a_cancel_is_killed_after_a_grace(tmp_path, store):
    settings = replace(SETTINGS, cancel_grace_s=0.3)
    events = []
    report = go(
        make_plan(tmp_path, "stubborn"), store, settings=settings, on_event=events.append,
        cancelled=lambda: any(isinstance(event, JobAdvanced) and event.done == 5 for event in events),
    )  # fmt: skip
    assert (report.cancelled, report.left, report.failures) == (True, 1, ())
    assert not children()


def test_cancelling_after_the_last_clip_is_no_cancel(tmp_path, store):
    events = []
    report = go(
        make_plan(tmp_path, "rain"), store, on_event=events.append,
        cancelled=lambda: any(isinstance(event, JobFinished) for event in events),
    )  # fmt: skip
    assert not report.cancelled
    assert report.exit_code == 0


def test_an_error_of_the_callback_ends_the_workers_and_comes_through(tmp_path, store):
    def broken(event):
        if isinstance(event, JobAdvanced):
            raise ValueError("the panel is gone")

    with pytest.raises(ValueError, match="the panel is gone"):
        go(make_plan(tmp_path, "wait 3600"), store, on_event=broken)
    assert not children()
    with store.lock():
        pass


HOST = """
import os, sys
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, {here!r})
import importlib.util
spec = importlib.util.spec_from_file_location("runner_tests", {this!r})
tests = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tests)
made = tests.make_plan(Path({folder!r}), *{prompts!r})

def show(event):
    name = type(event).__name__
    if name in ("JobStarted", "JobFinished", "JobAdvanced"):
        print(name, event.job.clip_name, getattr(event, "done", ""), flush=True)

report = tests.go(made, tests.TakeStore(Path({folder!r}) / "takes"), settings=tests.PATIENT, on_event=show)
print(report, flush=True)
sys.exit(report.exit_code)
"""


class Host:
    """A Python process that runs a plan, in a process group of its own like a shell's job."""

    def __init__(self, folder: Path, *prompts: str) -> None:
        script = HOST.format(here=str(DOUBLE.parent), this=__file__, folder=str(folder), prompts=prompts)
        path = os.pathsep.join(filter(None, sys.path))
        self.process = subprocess.Popen(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "PYTHONPATH": path}, start_new_session=True,
        )  # fmt: skip

    def wait_for(self, text: str) -> None:
        seen = []
        for line in self.process.stdout:
            seen.append(line)
            if text in line:
                return
        raise AssertionError(f"{text!r} did not come; the host said:\n{''.join(seen)}")

    def __enter__(self) -> "Host":
        return self

    def __exit__(self, *_) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def test_a_killed_host_loses_nothing_finished(tmp_path, store, rendered):
    prompts = ("rain", "wind", "wait 3600")
    with Host(tmp_path, *prompts) as host:
        host.wait_for("JobFinished SH002")  # the third waits for ever
        worker = workers_of(host.process.pid)
        host.process.send_signal(signal.SIGKILL)
        host.process.wait()
    assert len(worker) == 1
    assert gone(worker), "the orphaned worker must end by itself"
    report = go(Plan(make_plan(tmp_path, *prompts).jobs[:2]), store)
    assert (report.reused, report.rendered) == (2, 0)
    assert rendered() == [1, 2]
    assert list(store.partial_dir.iterdir()) == []


def workers_of(pid: int) -> list[int]:
    out = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True)
    return [int(line.split()[0]) for line in out.stdout.splitlines()]


def gone(pids: list[int]) -> bool:
    return seen(lambda: not any(is_running(pid) for pid in pids))


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"  # an orphan that nobody collects has ended too


def seen(condition: Callable[[], bool]) -> bool:
    """Whether a condition came true within a minute."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_a_killed_worker_costs_its_clip_one_try(tmp_path, store):
    go_on = tmp_path / "go-on"
    with Host(tmp_path, f"hold {go_on}", "wind") as host:
        host.wait_for("JobAdvanced SH001 5")
        (worker,) = workers_of(host.process.pid)
        os.kill(worker, signal.SIGKILL)
        host.wait_for("JobStarted SH001")
        go_on.touch()
        assert host.process.wait() == 0
    assert len(list(store.takes())) == 2


def test_the_first_interrupt_cancels_and_leaves_a_store_to_go_on_with(tmp_path, store):
    with Host(tmp_path, "rain", "wait 3600", "wind") as host:
        host.wait_for("JobAdvanced SH002 5")
        # As a terminal does: to the whole group of the host.
        os.killpg(host.process.pid, signal.SIGINT)
        host.wait_for("cancelled: 1 rendered")
        assert host.process.wait() == 130
    assert len(list(store.takes())) == 1


def test_the_second_interrupt_does_not_wait_for_the_worker(tmp_path, store, monkeypatch):
    told = tmp_path / "told"
    monkeypatch.setenv("DOUBLE_CANCELS", str(told))
    with Host(tmp_path, "stubborn") as host:
        host.wait_for("JobAdvanced SH001 5")
        worker = workers_of(host.process.pid)
        os.killpg(host.process.pid, signal.SIGINT)
        assert seen(told.exists), "the first interrupt tells the worker"
        os.killpg(host.process.pid, signal.SIGINT)
        assert host.process.wait() == 130
    assert gone(worker)


def test_interrupts_are_the_callers_again_after_a_run(tmp_path, store):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    go(make_plan(tmp_path, "rain"), store)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_run_works_outside_the_main_thread(tmp_path, store):
    reports = []
    thread = threading.Thread(target=lambda: reports.append(go(make_plan(tmp_path, "rain"), store)))
    thread.start()
    thread.join()
    assert reports[0].exit_code == 0


def test_two_runs_do_not_share_a_store(tmp_path, store):
    with store.lock(), pytest.raises(RunError, match="another run"):
        go(make_plan(tmp_path, "rain"), store)


# --- disks ------------------------------------------------------------------------------------------------------


def test_a_full_disk_costs_no_rendering_and_nothing_finished(tmp_path, store, rendered, monkeypatch):
    go(make_plan(tmp_path, "rain"), store)
    usage = SimpleNamespace(free=1000)
    monkeypatch.setattr(rendering.shutil, "disk_usage", lambda path: usage)
    report = go(make_plan(tmp_path, "rain", "wind"), store)
    assert rendered() == [1]
    assert f"the disk of {store.root} is full; free some space and run again" in reasons(report)["SH002"]
    assert [take.clip_id for take in report.takes] == ["c1"]
    usage.free = 10**12
    assert go(make_plan(tmp_path, "rain", "wind"), store).rendered == 1


def test_a_disk_that_fills_up_under_the_worker_fails_the_clip_and_is_cleaned(tmp_path, store):
    script = (
        "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (60000, 60000)); "
        f"runpy.run_path({str(DOUBLE)!r}, run_name='__main__')"
    )
    report = go(make_plan(tmp_path, "rain"), store, settings=WorkerSettings(command=(sys.executable, "-c", script)))
    assert report.exit_code == 2
    assert reasons(report)["SH001"]
    assert list(store.partial_dir.iterdir()) == []
    assert list(store.takes()) == []
    assert go(make_plan(tmp_path, "rain"), store).exit_code == 0


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_really_full_disk_loses_nothing_finished(tmp_path, rendered):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=5m", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("this system does not let root mount a tmpfs")
    try:
        store = TakeStore(disk / "takes")
        report = go(make_plan(tmp_path, *[f"clip {n}" for n in range(8)]), store)
        assert report.failures
        assert report.takes
        assert {"is full" in failure.reason for failure in report.failures} == {True}
        again = go(make_plan(tmp_path, *[f"clip {n}" for n in range(8)]), store)
        assert again.reused == len(report.takes)
        subprocess.run(["mount", "-o", "remount,size=50m", str(disk)], check=True)
        last = go(make_plan(tmp_path, *[f"clip {n}" for n in range(8)]), store)
        assert (last.exit_code, last.reused) == (0, len(report.takes))
    finally:
        subprocess.run(["umount", str(disk)], check=True)


# --- shots ------------------------------------------------------------------------------------------------------


def spans_of(made: Plan) -> list[ClipSpan]:
    return [job.ask.span for job in made.jobs]


def test_shots_are_found_once_for_as_long_as_the_media_stays_the_same(tmp_path, store):
    spans = spans_of(make_plan(tmp_path, "a", "b"))
    events = []
    options = RunOptions(settings=SETTINGS)
    found = find_shots(spans, store=store, options=options, on_event=events.append)
    half = Fraction(1, 2)
    assert found(spans[0]) == (Shot(Fraction(0), half / 3), Shot(half / 3, half - half / 3))
    assert found.warnings == ()
    assert [(event.clip_name, event.done, event.total) for event in events if isinstance(event, ShotsProgress)] == [
        ("SH001", 0.5, 2), ("SH001", 1, 2), ("SH002", 1.5, 2), ("SH002", 2, 2),
    ]  # fmt: skip
    nobody = RunOptions(settings=WorkerSettings(command=("no-such-program",)))
    assert find_shots(spans, store=store, options=nobody).by_clip == found.by_clip
    (tmp_path / "a.mov").write_bytes(b"another picture")
    assert "cannot be started" in find_shots(spans, store=store, options=nobody).warnings[0]


def test_a_clip_without_a_readable_picture_has_no_shots_and_a_warning(tmp_path, store):
    (span,) = spans_of(make_plan(tmp_path, "a"))
    broken = tmp_path / "broken.mov"
    broken.write_bytes(b"x")
    bad = replace(span, clip_id="bad", name="SH666", media=replace(span.media, path=str(broken)))
    found = find_shots([bad, span], store=store, options=RunOptions(settings=SETTINGS))
    assert found(bad) == ()
    assert len(found(span)) == 2
    assert found.warnings == (f"SH666 on V1: no shots are looked for: {broken} cannot be decoded",)


def test_a_freeze_frame_is_not_searched(tmp_path, store):
    (span,) = spans_of(make_plan(tmp_path, "a"))
    still = replace(span, speed=Fraction(0))
    nobody = RunOptions(settings=WorkerSettings(command=("no-such-program",)))
    found = find_shots([still], store=store, options=nobody)
    assert (found(still), found.warnings) == ((), ())


def test_a_search_can_be_cancelled(tmp_path, store):
    spans = spans_of(make_plan(tmp_path, "a"))
    found = find_shots(spans, store=store, options=RunOptions(settings=SETTINGS), cancelled=lambda: True)
    assert (found.cancelled, dict(found.by_clip)) == (True, {})


def test_a_worker_process_can_be_used_again_after_it_died(tmp_path):
    worker = WorkerProcess(log_path=tmp_path / "worker.log", settings=SETTINGS)
    picture = Picture("/a.mov")
    try:
        worker.find_shots(picture, Fraction(1), on_progress=print, stop=Stop())
        first = worker.pid
        os.kill(first, signal.SIGKILL)
        with suppress(WorkerDied):  # whether the death is noticed before or during the command is a race
            worker.find_shots(picture, Fraction(1), on_progress=print, stop=Stop())
        assert worker.find_shots(picture, Fraction(3), on_progress=print, stop=Stop()) == (Fraction(1),)
        assert worker.pid != first
    finally:
        worker.close()
    assert worker.pid is None
