"""Runs through the real worker process with the deterministic engine, on a real picture."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
import soundfile

from otio_v2a.events import JobAdvanced
from otio_v2a.jobs import Plan, PlanOptions, plan
from otio_v2a.prompts import Ask
from otio_v2a.runner import find_shots, run
from otio_v2a.spans import ClipSpan, MediaFile
from otio_v2a.takes import TakeStore
from otio_v2a_engine.contract import PromptSpec, Role

pytestmark = pytest.mark.timeout(180)

RATE = Fraction(30000, 1001)


def make_movie(path: Path, *, n_frames: int = 90) -> Path:
    """Three seconds that flash white every half second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(n_frames):
            level = 255 if number % 15 < 2 else 20
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), level, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def make_plan(folder: Path, *prompts: str, frames: int = 40) -> Plan:
    movie = folder / "flashes.mov"
    if not movie.exists():
        make_movie(movie)
    media = MediaFile(str(movie), RATE, 90 / RATE)
    asks = [
        Ask(
            ClipSpan(f"c{n}", f"SH{n:03d}", "V1", n * frames / RATE, frames / RATE, RATE, media),
            PromptSpec(text, role=Role.FX), seed=n,
        )
        for n, text in enumerate(prompts)
    ]  # fmt: skip
    return plan(SimpleNamespace(skipped=()), asks, options=PlanOptions(engine="fake"))


def test_the_real_worker_fills_the_store_to_the_sample(tmp_path):
    store = TakeStore(tmp_path / "takes")
    made = make_plan(tmp_path, "rain", "wind", "steps")
    events = []
    report = run(made, store=store, on_event=events.append)
    assert report.failures == ()
    assert report.exit_code == 0
    for take, job in zip(report.takes, made.jobs, strict=True):
        samples, rate = soundfile.read(take.path, dtype="float32")
        assert samples.shape == (job.handle_before + job.span_samples + job.handle_after, 2)
        assert rate == 48000
        assert np.abs(samples).max() > 0
    assert any(isinstance(event, JobAdvanced) for event in events)
    assert [take.record_start for take in report.takes] == [0, 64064, 128128]


def test_the_same_job_gives_the_same_bytes_in_another_process(tmp_path):
    made = make_plan(tmp_path, "rain")
    first, second = (
        run(made, store=TakeStore(tmp_path / name), on_event=lambda event: None).takes[0].path for name in ("a", "b")
    )
    assert first.read_bytes() == second.read_bytes()


def test_a_picture_that_cannot_be_decoded_fails_by_name_and_the_others_go_on(tmp_path):
    made = make_plan(tmp_path, "rain", "wind")
    bad = tmp_path / "bad.mov"
    bad.write_bytes(b"this is no movie" * 100)
    request = made.jobs[0].request
    broken = replace(
        made.jobs[0], content_hash="ba" * 32, request=replace(request, picture=replace(request.picture, path=str(bad)))
    )
    report = run(Plan((broken, made.jobs[1])), store=TakeStore(tmp_path / "takes"))
    assert [take.clip_id for take in report.takes] == ["c1"]
    (failure,) = report.failures
    assert failure.clip_name == "SH000"
    assert "bad.mov" in failure.reason


@pytest.mark.footage
def test_the_real_worker_finds_the_shots_of_a_real_film_once(tmp_path, footage):
    store = TakeStore(tmp_path / "takes")
    film = MediaFile(str(footage / "tears_of_steel_battle_800x332.webm"), Fraction(24), Fraction(70))
    span = ClipSpan("c", "battle", "V1", Fraction(0), Fraction(10), Fraction(24), film)
    found = find_shots([span], store=store)
    starts = [float(shot.start_s) for shot in found(span)]
    # Seen by eye, to the frame.
    assert starts == pytest.approx([0, 52 / 24, 122 / 24, 158 / 24, 221 / 24], abs=0.6 / 24)
    assert find_shots([span], store=store).by_clip == found.by_clip


HOST = """
import importlib.util, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("worker_tests", {this!r})
tests = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tests)
folder = Path({folder!r})

def show(event):
    print(type(event).__name__, getattr(event, "done", ""), flush=True)

tests.run(tests.long_plan(folder), store=tests.TakeStore(folder / "takes"), on_event=show)
"""


def long_plan(folder: Path) -> Plan:
    """A short clip, then one of twenty minutes."""
    short = make_plan(folder, "rain")
    long = make_plan(folder, "rain", "wind", frames=36000)
    return Plan((short.jobs[0], long.jobs[1]))


def test_after_a_killed_host_the_next_run_goes_on_from_there(tmp_path):
    make_movie(tmp_path / "flashes.mov")
    store = TakeStore(tmp_path / "takes")
    script = HOST.format(this=__file__, folder=str(tmp_path))
    host = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    try:
        seen = []
        for line in host.stdout:
            seen.append(line.split()[0])
            if "JobFinished" in seen and seen[-1] == "JobAdvanced":
                break
        assert seen[-1] == "JobAdvanced", seen
    finally:
        host.send_signal(signal.SIGKILL)
        host.wait()
        host.stdout.close()
    short, long = long_plan(tmp_path).jobs
    assert store.get(short.content_hash) is not None
    assert store.get(long.content_hash) is None
    report = run(make_plan(tmp_path, "rain", "steps"), store=store)
    assert (report.reused, report.rendered, report.exit_code) == (1, 1, 0)
    assert list(store.partial_dir.iterdir()) == []
