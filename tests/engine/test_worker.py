"""The real worker process, driven over its pipes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import soundfile

from otio_v2a_engine import wire
from otio_v2a_engine.conformance import write_flash_movie
from otio_v2a_engine.contract import Picture, PromptSpec, RenderRequest, Role, Sampling

RATE = 48000
E = TypeVar("E", bound=wire.Event)
ENGINE_ROOT = Path(wire.__file__).parents[1]

posix_only = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")


class Host:
    """A worker process and the host's end of its pipes."""

    def __init__(self, folder: Path, *arguments: str, script: str | None = None) -> None:
        self.log_path = folder / "worker.log"
        program = ["-m", "otio_v2a_engine.worker"] if script is None else ["-c", script]
        environment = {**os.environ, "PYTHONPATH": str(ENGINE_ROOT), "OMP_NUM_THREADS": "1"}
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, *program, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
            )
        self.lines: list[str] = []

    def send(self, *commands: wire.Command | str) -> None:
        assert self.process.stdin
        for command in commands:
            line = command if isinstance(command, str) else wire.encode(command)
            self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def event(self) -> wire.Event:
        """The next event; every line that comes must be one."""
        assert self.process.stdout
        line = self.process.stdout.readline().decode()
        assert line, f"the worker ended: {self.log_path.read_text()}"
        self.lines.append(line)
        return wire.decode_event(line)

    def until(self, kind: type[E]) -> E:
        while not isinstance(event := self.event(), kind):
            assert isinstance(event, wire.Advanced | wire.Ready), event
        return event

    def end_input(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream
            stream.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Host]]:
    hosts: list[Host] = []

    def make(*arguments: str, script: str | None = None) -> Host:
        hosts.append(Host(tmp_path, *arguments, script=script))
        assert isinstance(hosts[-1].event(), wire.Ready)
        return hosts[-1]

    yield make
    for host in hosts:
        host.close()


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_flash_movie(tmp_path_factory.mktemp("movie") / "flash.mov", flashes=(12, 40), n_frames=75)


def render_of(movie: Path, out_path: Path, *, id: str = "job", seconds: float = 1, **changes: object) -> wire.Render:
    request = RenderRequest(
        picture=Picture(str(movie)), prompt=PromptSpec(text="door", role=Role.FX), n_samples=int(seconds * RATE), seed=3
    )
    return wire.Render(id=id, engine="fake", device="cpu", request=replace(request, **changes), out_path=str(out_path))


HOUR = 3600.0
ENDS_WITHIN_S = 60
"""Longest wait for a process that is about to end: a busy machine may be slow, a worker that hangs stays for ever."""

PATIENT = """
import sys
from otio_v2a_engine import worker, worker_io

worker_io._GRACE_S = 3600  # an end by force is then no end at all: status 0 is the worker's own
sys.exit(worker.main())
"""


def test_the_first_event_says_that_it_listens(start: Callable[..., Host]) -> None:
    host = start()
    assert wire.decode_event(host.lines[0]) == wire.Ready(pid=host.process.pid)


def test_a_render_becomes_a_float_wav_of_exact_length_with_clicks_on_the_flashes(
    start: Callable[..., Host], movie: Path, tmp_path: Path
) -> None:
    host = start()
    out_path = tmp_path / "take.wav"
    host.send(render_of(movie, out_path, n_samples=2 * RATE + 1))
    finished = host.until(wire.Finished)
    assert (finished.id, finished.out_path, finished.n_samples) == ("job", str(out_path), 2 * RATE + 1)
    assert (finished.sample_rate, finished.channels, finished.engine_version) == (RATE, 2, "1")
    assert 0 < finished.engine_seconds <= finished.seconds
    info = soundfile.info(out_path)
    assert (info.frames, info.samplerate, info.channels, info.subtype) == (2 * RATE + 1, RATE, 2, "FLOAT")
    mono = soundfile.read(out_path)[0][:, 0]
    loud = np.flatnonzero(np.abs(mono) > 0.2)
    assert loud[0] == 12 * RATE // 25
    assert 40 * RATE // 25 in loud
    assert sorted(path.name for path in tmp_path.iterdir()) == ["take.wav", "worker.log"]


def test_progress_goes_up_to_its_total_over_all_windows(
    start: Callable[..., Host], movie: Path, tmp_path: Path
) -> None:
    host = start()
    host.send(render_of(movie, tmp_path / "take.wav", seconds=40))
    host.until(wire.Finished)
    events = [wire.decode_event(line) for line in host.lines]
    progress = [event for event in events if isinstance(event, wire.Advanced)]
    assert [event.done for event in progress] == sorted(event.done for event in progress)
    assert progress[-1].done == progress[-1].total
    assert all(event.id == "job" for event in progress)


def test_a_running_render_is_cancelled_and_leaves_nothing(
    start: Callable[..., Host], movie: Path, tmp_path: Path
) -> None:
    host = start()
    host.send(render_of(movie, tmp_path / "take.wav", seconds=HOUR))
    host.until(wire.Advanced)
    host.send(wire.Cancel("job"))
    failed = host.until(wire.Failed)
    assert (failed.id, failed.kind) == ("job", "Cancelled")
    last = [event for line in host.lines if isinstance(event := wire.decode_event(line), wire.Advanced)][-1]
    assert last.done < last.total
    assert not list(tmp_path.glob("take*"))
    host.send(render_of(movie, tmp_path / "next.wav"))
    host.until(wire.Finished)


def test_a_waiting_command_is_cancelled_at_once_and_the_running_one_goes_on(
    start: Callable[..., Host], movie: Path, tmp_path: Path
) -> None:
    host = start()
    host.send(
        render_of(movie, tmp_path / "a.wav", id="a", seconds=HOUR),
        render_of(movie, tmp_path / "b.wav", id="b"),
        wire.Cancel("b"),
        wire.Cancel("unknown"),
    )
    assert host.until(wire.Failed).id == "b"
    assert host.until(wire.Advanced).id == "a"
    host.send(wire.Cancel("a"))
    assert host.until(wire.Failed).id == "a"
    host.send(render_of(movie, tmp_path / "b.wav", id="b"))
    assert host.until(wire.Finished).id == "b"


def test_a_bad_picture_fails_by_name_and_the_next_job_works(
    start: Callable[..., Host], movie: Path, tmp_path: Path
) -> None:
    host = start()
    bad = tmp_path / "bad picture.mov"
    bad.write_bytes(b"this is no movie" * 100)
    for picture in (bad, tmp_path / "missing.mov"):
        host.send(render_of(picture, tmp_path / "bad.wav"))
        failed = host.until(wire.Failed)
        assert (failed.id, failed.kind) == ("job", "PictureError")
        assert picture.name in failed.message
    assert not list(tmp_path.glob("bad.wav*"))
    host.send(render_of(movie, tmp_path / "good.wav"))
    host.until(wire.Finished)


@pytest.mark.parametrize(
    ("line", "id"),
    [
        ("garbage", ""),
        ("[1, 2]", ""),
        ('{"type": "Ready", "pid": 1}', ""),
        ('{"type": "Render", "id": "r7", "engine": "fake"}', "r7"),
        ('{"type": "Cancel", "id": 7}', ""),
        ("[" * 100_000, ""),
        ('{"type": "FindShots", "id": "s", "picture": {"path": "/x"}, "duration_s": "1e999999999"}', "s"),
        ("\udcff".encode("utf-8", "surrogateescape").decode("latin-1"), ""),
    ],
)
def test_a_line_that_is_no_command_fails_and_the_worker_goes_on(start: Callable[..., Host], line: str, id: str) -> None:
    host = start()
    host.send(line, "", wire.Cancel("nobody"), '{"type": "nonsense", "id": "last"}')
    failed = host.until(wire.Failed)
    assert (failed.id, failed.kind) == (id, "WireError")
    assert host.until(wire.Failed).id == "last"


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"engine": "no such"}, "EngineError", "installed: "),
        ({"device": "cuda"}, "EngineError", "fake runs on cpu"),
        ({"out_path": "relative.wav"}, "OutputError", "must be absolute"),
        ({"out_path": "/no/such/folder/take.wav"}, "OutputError", "/no/such/folder/take.wav"),
    ],
)
def test_what_cannot_be_done_is_said(
    start: Callable[..., Host], movie: Path, changes: dict[str, str], kind: str, words: str
) -> None:
    host = start()
    host.send(replace(render_of(movie, Path("/unused.wav")), **changes))
    failed = host.until(wire.Failed)
    assert failed.kind == kind
    assert words in failed.message


def test_an_unsupported_rate_is_refused(start: Callable[..., Host], movie: Path, tmp_path: Path) -> None:
    host = start()
    host.send(render_of(movie, tmp_path / "take.wav", sample_rate=96000))
    assert host.until(wire.Failed).kind == "UnsupportedRequest"
    assert not list(tmp_path.glob("take*"))


@posix_only
def test_killing_it_leaves_no_file_under_the_final_name(
    start: Callable[..., Host], movie: Path, tmp_path: Path
) -> None:
    out_path = tmp_path / "take.wav"
    out_path.write_bytes(b"the last good take")
    host = start()
    host.send(render_of(movie, out_path, seconds=HOUR))
    for _ in range(5):
        host.until(wire.Advanced)
    os.kill(host.process.pid, signal.SIGKILL)
    host.process.wait()
    assert out_path.read_bytes() == b"the last good take"
    host = start()
    host.send(render_of(movie, out_path))
    host.until(wire.Finished)
    assert soundfile.info(out_path).frames == RATE
    assert sorted(path.name for path in tmp_path.iterdir()) == ["take.wav", "worker.log"]


@posix_only
def test_a_file_that_cannot_grow_fails_clearly_is_removed_and_the_worker_goes_on(
    start: Callable[..., Host], movie: Path, tmp_path: Path
) -> None:
    resource = pytest.importorskip("resource")
    if not hasattr(resource, "prlimit"):
        pytest.skip("this system cannot limit another process")
    host = start()
    usual = resource.prlimit(host.process.pid, resource.RLIMIT_FSIZE, (4 * 2**20, -1))
    host.send(render_of(movie, tmp_path / "take.wav", seconds=30))
    failed = host.until(wire.Failed)
    assert failed.kind == "OutputError"
    assert f"no space left to write {tmp_path / 'take.wav'}" in failed.message
    assert not list(tmp_path.glob("take*"))
    resource.prlimit(host.process.pid, resource.RLIMIT_FSIZE, usual)
    host.send(render_of(movie, tmp_path / "take.wav", seconds=30))
    host.until(wire.Finished)


_ENGINE_DOUBLE = """
import os, sys, time, warnings
from otio_v2a_engine import fake, worker
from otio_v2a_engine.contract import EngineWarning

usual = fake.FakeEngine.render

def load(self, device):
    print("loaded on", device)

def close(self):
    print("closed")

fake.FakeEngine.__init__ = load
fake.FakeEngine.close = close

def render(self, request, **callbacks):
    text = request.prompt.text
    print("a library prints")
    os.write(1, b"a C library prints\\n")
    if text == "read":
        print("input:", repr(sys.stdin.read()), file=sys.stderr)
    if text == "defect":
        raise ZeroDivisionError("a defect")
    if text == "hungry":
        import numpy
        numpy.ones(2**33)
    if text == "stuck":
        callbacks["on_progress"](worker.Progress(0, 1))
        time.sleep(3600)
    if text == "unusual":
        warnings.warn("the prompt is unusual", EngineWarning)
        warnings.warn("something inside", DeprecationWarning)
    return usual(self, request, **callbacks)

fake.FakeEngine.render = render
sys.exit(worker.main())
"""


_CONTINUING = """
import sys
from otio_v2a_engine import fake, worker

def render_after(self, request, before, **callbacks):
    print("goes on from", before.shape)
    return self.render(request, **callbacks)

fake.FakeEngine.render_after = render_after
sys.exit(worker.main())
"""


def test_an_engine_that_can_goes_on_from_window_to_window(
    start: Callable[..., Host], movie: Path, tmp_path: Path
) -> None:
    host = start(script=_CONTINUING)
    prompt = PromptSpec("rain", role=Role.AMB)
    host.send(render_of(movie, tmp_path / "take.wav", seconds=1, prompt=prompt))
    host.until(wire.Finished)
    assert "goes on" not in host.log_path.read_text()
    host.send(render_of(movie, tmp_path / "take.wav", seconds=40, prompt=prompt))
    finished = host.until(wire.Finished)
    assert f"goes on from (2, {RATE})" in host.log_path.read_text()
    assert 0 < finished.engine_seconds <= finished.seconds


def test_what_libraries_print_goes_to_the_log(start: Callable[..., Host], movie: Path, tmp_path: Path) -> None:
    host = start(script=_ENGINE_DOUBLE)
    host.send(render_of(movie, tmp_path / "take.wav"))
    host.until(wire.Finished)
    host.send(render_of(movie, tmp_path / "take.wav", prompt=PromptSpec("read")))
    host.until(wire.Finished)
    log = host.log_path.read_text()
    assert "a library prints" in log
    assert "a C library prints" in log
    assert "input: ''" in log


def test_an_engine_stays_loaded_between_jobs_and_is_closed_at_the_end(
    start: Callable[..., Host], movie: Path, tmp_path: Path
) -> None:
    host = start(script=_ENGINE_DOUBLE)
    for number in range(3):
        host.send(render_of(movie, tmp_path / f"{number}.wav"))
        host.until(wire.Finished)
    host.send(wire.Quit())
    host.end_input()
    assert host.process.wait(timeout=ENDS_WITHIN_S) == 0
    log = host.log_path.read_text()
    assert (log.count("loaded on cpu"), log.count("closed")) == (1, 1)


def test_an_engine_is_loaded_ahead_once(start: Callable[..., Host], movie: Path, tmp_path: Path) -> None:
    host = start("--load", "fake", "--device", "cpu", script=_ENGINE_DOUBLE)
    host.send(wire.FindShots("s", Picture(str(movie)), Fraction(1)), render_of(movie, tmp_path / "a.wav"), wire.Quit())
    host.until(wire.ShotsFound)
    host.until(wire.Finished)
    assert host.process.wait(timeout=ENDS_WITHIN_S) == 0
    log = host.log_path.read_text()
    assert (log.count("loaded on cpu"), log.count("closed")) == (1, 1)


def test_what_cannot_be_loaded_ahead_is_said_to_who_asks_for_it(
    start: Callable[..., Host], movie: Path, tmp_path: Path
) -> None:
    host = start("--load", "no such engine")
    host.send(render_of(movie, tmp_path / "take.wav"))
    host.until(wire.Finished)
    host.send(replace(render_of(movie, tmp_path / "other.wav"), engine="no such engine"))
    assert "there is no engine" in host.until(wire.Failed).message


def test_a_defect_costs_one_job_and_its_traceback_is_logged(
    start: Callable[..., Host], movie: Path, tmp_path: Path
) -> None:
    host = start(script=_ENGINE_DOUBLE)
    host.send(render_of(movie, tmp_path / "take.wav", prompt=PromptSpec("defect")))
    failed = host.until(wire.Failed)
    assert failed.kind == "ZeroDivisionError"
    assert str(movie) in failed.message
    assert "Traceback" in host.log_path.read_text()
    host.send(render_of(movie, tmp_path / "take.wav"))
    host.until(wire.Finished)


@posix_only
def test_running_out_of_its_memory_limit_costs_one_job(start: Callable[..., Host], movie: Path, tmp_path: Path) -> None:
    host = start("--memory-limit-mib", "8192", script=_ENGINE_DOUBLE)
    host.send(render_of(movie, tmp_path / "take.wav", prompt=PromptSpec("hungry")))
    failed = host.until(wire.Failed)
    assert failed.kind == "MemoryError"
    assert "not enough memory" in failed.message
    assert not list(tmp_path.glob("take*"))
    host.send(render_of(movie, tmp_path / "take.wav"))
    host.until(wire.Finished)


def test_warnings_of_the_engine_reach_the_user_and_others_the_log(
    start: Callable[..., Host], movie: Path, tmp_path: Path
) -> None:
    host = start(script=_ENGINE_DOUBLE)
    host.send(render_of(movie, tmp_path / "take.wav", seconds=20, prompt=PromptSpec("unusual")))
    assert host.until(wire.Finished).warnings == ("the prompt is unusual",)
    assert "something inside" in host.log_path.read_text()


def test_it_ends_when_its_input_ends(start: Callable[..., Host]) -> None:
    host = start(script=PATIENT)
    host.end_input()
    assert host.process.wait(timeout=ENDS_WITHIN_S) == 0


def test_it_ends_in_the_middle_of_a_render_when_its_input_ends(
    start: Callable[..., Host], movie: Path, tmp_path: Path
) -> None:
    host = start(script=PATIENT)
    host.send(render_of(movie, tmp_path / "take.wav", seconds=HOUR))
    host.until(wire.Advanced)
    host.end_input()
    assert host.process.wait(timeout=ENDS_WITHIN_S) == 0
    assert not list(tmp_path.glob("take*"))


def test_it_ends_even_when_the_engine_does_not_listen(start: Callable[..., Host], movie: Path, tmp_path: Path) -> None:
    host = start(script=_ENGINE_DOUBLE)
    host.send(render_of(movie, tmp_path / "take.wav", prompt=PromptSpec("stuck")))
    host.until(wire.Advanced)
    host.end_input()
    assert host.process.wait(timeout=ENDS_WITHIN_S) == 1
    assert not list(tmp_path.glob("take*"))


@posix_only
def test_a_polite_signal_ends_it_without_leaving_a_part(
    start: Callable[..., Host], movie: Path, tmp_path: Path
) -> None:
    host = start()
    host.send(render_of(movie, tmp_path / "take.wav", seconds=HOUR))
    host.until(wire.Advanced)
    os.kill(host.process.pid, signal.SIGINT)
    host.until(wire.Advanced)
    os.kill(host.process.pid, signal.SIGTERM)
    host.process.wait(timeout=ENDS_WITHIN_S)
    assert not list(tmp_path.glob("take*"))


@posix_only
def test_it_ends_when_its_parent_dies_although_the_pipe_stays_open(tmp_path: Path) -> None:
    """A sibling that inherited the pipe must not keep the worker alive."""
    read_end, write_end = os.pipe()
    program = (
        "import os, subprocess, sys\n"
        f"worker = subprocess.Popen([sys.executable, '-m', 'otio_v2a_engine.worker'], stdin={read_end}, "
        "stdout=subprocess.PIPE)\n"
        "worker.stdout.readline()\n"
        "print(worker.pid, flush=True)\n"
        "os._exit(0)\n"
    )
    parent = subprocess.run(
        [sys.executable, "-c", program],
        pass_fds=(read_end,),
        capture_output=False,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ENGINE_ROOT)},
    )
    pid = int(parent.stdout)
    try:
        deadline = time.monotonic() + ENDS_WITHIN_S
        while _is_running(pid):
            assert time.monotonic() < deadline, "the worker outlived its parent"
            time.sleep(0.05)
    finally:
        os.close(write_end)
        os.close(read_end)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat")
        return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_quit_ends_it_after_the_commands_before_it(start: Callable[..., Host], movie: Path, tmp_path: Path) -> None:
    host = start()
    host.send(
        render_of(movie, tmp_path / "a.wav", id="a", seconds=20),
        render_of(movie, tmp_path / "b.wav", id="b"),
        wire.Quit(),
        render_of(movie, tmp_path / "c.wav", id="c"),
    )
    host.end_input()
    last = []
    while len(last) < 3:
        event = host.event()
        if isinstance(event, wire.Finished | wire.Failed):
            last.append((event.id, type(event)))
    # When the refusal comes in between depends on how fast the first render is.
    assert [pair for pair in last if pair[0] != "c"] == [("a", wire.Finished), ("b", wire.Finished)]
    assert ("c", wire.Failed) in last
    assert host.process.wait(timeout=ENDS_WITHIN_S) == 0


def test_neither_torch_nor_a_network_is_touched_by_an_engine_that_needs_none(
    start: Callable[..., Host], movie: Path, tmp_path: Path
) -> None:
    script = (
        "import atexit, os, sys\n"
        "from otio_v2a_engine import worker\n"
        "status = worker.main()\n"
        "heavy = sorted({'torch', 'diffusers', 'transformers'} & set(sys.modules))\n"
        "print('heavy:', heavy, 'offline:', os.environ['HF_HUB_OFFLINE'], os.environ['TRANSFORMERS_OFFLINE'])\n"
        "print('threads:', os.environ['OMP_NUM_THREADS'])\n"
    )
    host = start("--threads", "2", script=script)
    host.send(render_of(movie, tmp_path / "take.wav"), wire.Quit())
    host.until(wire.Finished)
    assert host.process.wait(timeout=ENDS_WITHIN_S) == 0
    log = host.log_path.read_text()
    assert "heavy: [] offline: 1 1" in log
    assert "threads: 2" in log


@pytest.mark.skipif(find_spec("otio_v2a_engine.shots") is None, reason="no shot finder yet")
def test_shots_are_found(start: Callable[..., Host], movie: Path) -> None:
    host = start()
    host.send(wire.FindShots("s", Picture(str(movie)), Fraction(3)))
    found = host.until(wire.ShotsFound)
    assert found.id == "s"
    assert all(0 < cut < 3 for cut in found.cuts_s)
    host.send(wire.FindShots("s", Picture(str(movie.with_name("missing.mov"))), Fraction(3)))
    assert host.until(wire.Failed).kind == "PictureError"


def test_the_number_of_steps_travels(start: Callable[..., Host], movie: Path, tmp_path: Path) -> None:
    host = start()
    for steps in (1, 2):
        host.send(render_of(movie, tmp_path / f"{steps}.wav", sampling=Sampling(steps=steps)))
        host.until(wire.Finished)
    assert (tmp_path / "1.wav").read_bytes() != (tmp_path / "2.wav").read_bytes()


def test_a_worker_says_how_well_a_sound_fits_and_stays_when_it_cannot(
    start: Callable[..., Host], tmp_path: Path
) -> None:
    from otio_v2a_engine.simulate.bank import Bank
    from otio_v2a_engine.simulate.scene import sound_of

    path = tmp_path / "a.wav"
    soundfile.write(path, sound_of(np.random.default_rng(2), "explosion", bank=Bank(None), seconds=4.0), RATE)
    host = start()
    fits = []
    for text in ("an explosion", "footsteps on gravel", ""):
        host.send(wire.MeasureFit("m", str(path), 0, 4 * RATE, PromptSpec(text)))
        fits.append(host.until(wire.FitMeasured).fit)
    assert fits[0] is not None
    assert fits[1] is not None
    assert fits[0] > fits[1] + 0.3
    assert fits[2] is None
    host.send(wire.MeasureFit("g", str(tmp_path / "gone.wav"), 0, RATE, PromptSpec("an explosion")))
    failed = host.until(wire.Failed)
    assert failed.kind == "EngineError"
    assert "gone.wav cannot be read" in failed.message
