"""Runs on a dask cluster: the same takes, failures by name, cancelling, and lost nodes."""

import importlib.util
import os
import signal
import sys
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType, SimpleNamespace

import numpy as np
import pytest
import soundfile

from otio_v2a.cluster import DaskBackend
from otio_v2a.errors import RunError
from otio_v2a.events import JobAdvanced, JobStarted
from otio_v2a.jobs import Plan, PlanOptions, plan
from otio_v2a.prompts import Ask
from otio_v2a.runner import RunOptions, run
from otio_v2a.spans import ClipSpan, MediaFile, SpanMarker
from otio_v2a.takes import TakeStore
from otio_v2a.worker_process import WorkerSettings
from otio_v2a_engine.contract import PromptSpec

HAS_DASK = importlib.util.find_spec("distributed") is not None
needs_dask = pytest.mark.skipif(not HAS_DASK, reason="dask is not installed (extra: cluster)")
pytestmark = [
    pytest.mark.timeout(120),
    # dask's own server leaves sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]

# A worker that does not heed its cancel is never killed for it: the test would hang.
SETTINGS = WorkerSettings(
    command=(sys.executable, str(Path(__file__).with_name("worker_double.py"))), cancel_grace_s=3600.0
)


@pytest.fixture(scope="module")
def cluster():
    from dask.distributed import LocalCluster

    with LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0") as local:
        yield local


@pytest.fixture
def store(tmp_path: Path) -> TakeStore:
    return TakeStore(tmp_path / "takes")


def make_plan(folder: Path, *prompts: str) -> Plan:
    movie = folder / "a.mov"
    movie.touch()
    asks = [
        Ask(
            ClipSpan(
                f"c{n}", f"SH{n:03d}", "V1", Fraction(n), Fraction(1, 2), Fraction(25), MediaFile(str(movie)),
                metadata=MappingProxyType({"a": 1}), markers=(SpanMarker("m", "", Fraction(0), Fraction(0)),),
            ),
            PromptSpec(text), seed=n,
        )
        for n, text in enumerate(prompts, start=1)
    ]  # fmt: skip
    return plan(SimpleNamespace(skipped=()), asks, options=PlanOptions(engine="fake"))


def go(made: Plan, store: TakeStore, cluster, **rest):
    backend = DaskBackend(cluster.scheduler_address)
    return run(made, store=store, options=RunOptions(settings=SETTINGS, backend=backend), **rest)


@needs_dask
def test_the_cluster_makes_the_same_takes_as_this_machine(tmp_path, store, cluster):
    made = make_plan(tmp_path, "rain", "fail it is black", "wind", f"crash once {tmp_path / 'flag'}")
    events = []
    report = go(made, store, cluster, on_event=events.append)
    assert [take.clip_id for take in report.takes] == ["c1", "c3", "c4"]
    assert [(failure.clip_name, failure.reason) for failure in report.failures] == [("SH002", "it is black")]
    assert {event.job.clip_name for event in events if isinstance(event, JobStarted)} == {
        "SH001", "SH002", "SH003", "SH004",
    }  # fmt: skip
    assert any(isinstance(event, JobAdvanced) for event in events)
    (tmp_path / "flag").unlink()
    here = run(made, store=TakeStore(tmp_path / "here"), options=RunOptions(settings=SETTINGS))
    for ours, theirs in zip(here.takes, report.takes, strict=True):
        assert np.array_equal(soundfile.read(ours.path)[0], soundfile.read(theirs.path)[0])
    again = go(made, store, cluster)
    assert (again.reused, again.rendered) == (3, 0)


@needs_dask
def test_a_cancelled_cluster_run_keeps_what_is_finished(tmp_path, store, cluster):
    made = make_plan(tmp_path, "rain", "wait 3600", "wait 3600", "wind")
    report = go(made, store, cluster, cancelled=lambda: len(list(store.takes())) == 1)
    assert report.cancelled
    assert [take.clip_id for take in report.takes] == ["c1"]
    assert report.left == 3


@needs_dask
def test_a_node_that_is_lost_costs_no_clip(tmp_path, store):
    from dask.distributed import LocalCluster

    killed = []

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as nodes:

        def kill_a_node(event):
            if isinstance(event, JobAdvanced) and not killed:
                killed.append(next(iter(nodes.workers.values())).pid)
                os.kill(killed[0], signal.SIGKILL)

        made = make_plan(tmp_path, *["slow 1.5"] * 4)
        report = go(made, store, nodes, on_event=kill_a_node)
    assert killed
    assert report.failures == ()
    assert [take.clip_id for take in report.takes] == ["c1", "c2", "c3", "c4"]


@needs_dask
def test_a_scheduler_that_does_not_answer_is_named(tmp_path, store):
    backend = DaskBackend("tcp://127.0.0.1:9", connect_timeout_s=0.5)
    with pytest.raises(RunError, match=r"the dask scheduler at tcp://127\.0\.0\.1:9 does not answer"):
        run(make_plan(tmp_path, "rain"), store=store, options=RunOptions(backend=backend))


@needs_dask
def test_a_cluster_without_workers_is_refused(tmp_path, store):
    from dask.distributed import LocalCluster

    with (
        LocalCluster(n_workers=0, processes=False, dashboard_address=":0") as empty,
        pytest.raises(RunError, match="has no workers"),
    ):
        go(make_plan(tmp_path, "rain"), store, empty)


@pytest.mark.skipif(HAS_DASK, reason="dask is installed")
def test_without_dask_the_extra_is_named(tmp_path, store):
    with pytest.raises(RunError, match=r"pip install 'otio-v2a\[cluster\]'"):
        run(make_plan(tmp_path, "rain"), store=store, options=RunOptions(backend=DaskBackend("tcp://127.0.0.1:9")))
