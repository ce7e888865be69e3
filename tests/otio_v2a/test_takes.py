"""The take store: what is in it is whole, what is damaged is missing, one run writes at a time."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile

from otio_v2a import takes
from otio_v2a.errors import RunError, TakeError
from otio_v2a.filelock import FileLock, LockedElsewhere
from otio_v2a.takes import TakeStore, default_root
from otio_v2a_engine.contract import Picture, PromptSpec, RenderRequest, Role

REQUEST = RenderRequest(
    Picture("/media/a.mov"), PromptSpec("rain, “heavy”", "music", Role.AMB, "no"), n_samples=5000, seed=2**62
)


@dataclass(frozen=True)
class Job:
    """The least that the store asks of a job."""

    clip_id: str = "c1"
    take: int = 2
    request: RenderRequest = REQUEST
    engine: str = "fake"
    engine_version: str = "1"
    content_hash: str = "ab" * 32
    handle_before: int = 1000
    handle_after: int = 500
    record_start: int = 48000
    span_samples: int = 3500


JOB = Job()


def render(store: TakeStore, job: Job = JOB, *, n_samples: int | None = None, channels: int = 2) -> Path:
    path = store.partial_path(job.content_hash)
    samples = np.full((n_samples or job.request.n_samples, channels), 0.25, np.float32)
    soundfile.write(path, samples, 48000, subtype="FLOAT")
    return path


@pytest.fixture
def store(tmp_path: Path) -> TakeStore:
    return TakeStore(tmp_path / "cut.v2a" / "takes")


def test_a_take_comes_back_as_it_was_put(store):
    put = store.put(JOB, render(store))
    assert TakeStore(store.root).get(JOB.content_hash) == put
    assert put.path == store.root / "ab" / f"{JOB.content_hash}.wav"
    assert (put.role, put.seed, put.prompt) == (Role.AMB, 2**62, JOB.request.prompt)
    assert put.file_start == 47000
    assert put.duration_s == Fraction(3500, 48000)
    assert soundfile.read(put.path)[0].shape == (5000, 2)
    assert list(store.partial_dir.iterdir()) == []


def test_another_clip_with_the_same_sound_gets_it_under_its_own_name_and_place(store):
    put = store.put(JOB, render(store))
    other = replace(JOB, clip_id="c2", take=1, record_start=0)
    assert store.get_for(other) == replace(put, clip_id="c2", number=1, record_start=0)


def test_an_unknown_hash_is_missing(store):
    assert store.get("cd" * 32) is None
    assert store.get_for(JOB) is None


def test_a_moved_store_still_has_its_takes(store, tmp_path):
    store.put(JOB, render(store))
    store.root.rename(tmp_path / "elsewhere")
    take = TakeStore(tmp_path / "elsewhere").get(JOB.content_hash)
    assert take is not None
    assert take.path.is_file()


def damage_truncated(wav: Path, _: Path) -> None:
    os.truncate(wav, wav.stat().st_size - 8)


def damage_header(wav: Path, _: Path) -> None:
    data = bytearray(wav.read_bytes())
    data[24:28] = (44100).to_bytes(4, "little")
    wav.write_bytes(data)


def damage_not_sound(wav: Path, _: Path) -> None:
    wav.write_bytes(b"x" * wav.stat().st_size)


def damage_no_sound(wav: Path, _: Path) -> None:
    wav.unlink()


def damage_no_record(_: Path, record: Path) -> None:
    record.unlink()


def damage_half_record(_: Path, record: Path) -> None:
    record.write_text(record.read_text()[:100])


def damage_other_hash(_: Path, record: Path) -> None:
    record.write_text(record.read_text().replace("ab" * 32, "cd" * 32))


def damage_other_version(_: Path, record: Path) -> None:
    record.write_text(json.dumps({**json.loads(record.read_text()), "version": 99}))


def damage_record_is_a_list(_: Path, record: Path) -> None:
    record.write_text("[]")


@pytest.mark.parametrize(
    "damage",
    [
        damage_truncated, damage_header, damage_not_sound, damage_no_sound, damage_no_record, damage_half_record,
        damage_other_hash, damage_other_version, damage_record_is_a_list,
    ],
)  # fmt: skip
def test_a_damaged_take_counts_as_missing_and_can_be_made_anew(store, damage):
    put = store.put(JOB, render(store))
    damage(put.path, put.path.with_suffix(".json"))
    assert store.get(JOB.content_hash) is None
    assert list(store.takes()) == []
    store.put(JOB, render(store))
    assert store.get(JOB.content_hash) == put


@pytest.mark.parametrize(("n_samples", "channels"), [(4999, 2), (5000, 1)])
def test_a_render_that_is_not_what_was_asked_for_is_refused(store, n_samples, channels):
    wav = render(store, n_samples=n_samples, channels=channels)
    with pytest.raises(TakeError, match=r"for clip c1 is not what was asked for.*instead of \(5000, 48000, 2\)"):
        store.put(JOB, wav)
    assert store.get(JOB.content_hash) is None


def test_a_disk_that_fills_up_before_the_record_leaves_no_take(store, monkeypatch):
    def no_space(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(takes, "atomic_file", no_space)
    with pytest.raises(OSError, match="No space left"):
        store.put(JOB, render(store))
    monkeypatch.undo()
    assert store.get(JOB.content_hash) is None
    assert store.put(JOB, render(store)) == store.get(JOB.content_hash)


def test_a_disk_that_fails_at_the_sync_leaves_no_take_and_nothing_half_written(store, monkeypatch):
    wav = render(store)

    def no_space(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space left"):
        store.put(JOB, wav)
    monkeypatch.undo()
    assert store.get(JOB.content_hash) is None
    assert [path for path in store.root.rglob("*") if path.is_file()] == []


def test_pruning_keeps_what_is_named_and_says_what_it_freed(store):
    kept = store.put(JOB, render(store))
    gone = store.put(replace(JOB, content_hash="cd" * 32), render(store, replace(JOB, content_hash="cd" * 32)))
    size = gone.path.stat().st_size + gone.path.with_suffix(".json").stat().st_size
    before = store.size_bytes()
    assert store.prune(keep={JOB.content_hash}) == size
    assert [take.content_hash for take in store.takes()] == [JOB.content_hash]
    assert before - store.size_bytes() == pytest.approx(size, abs=200)  # the lock names its holder for a moment
    assert not gone.path.parent.exists()
    assert kept.path.is_file()


def test_taking_the_lock_clears_what_a_crash_left_under_way(store):
    left = render(store)
    (store.root / "ab").mkdir()
    half = store.root / "ab" / ".x.7f.partial.json"
    half.write_text("{")
    with store.lock():
        assert not left.exists()
        assert not half.exists()


def test_a_second_run_is_refused_and_told_who_has_the_store(store):
    script = f"""
import sys
from pathlib import Path
from otio_v2a.takes import TakeStore
with TakeStore(Path({str(store.root)!r})).lock():
    print("held", flush=True)
    sys.stdin.read()
"""
    other = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
    )
    try:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(RunError, match=f"another run \\(process {other.pid} on .*another output"), store.lock():
            pass
        other.kill()
        other.wait()
        with store.lock():
            pass  # a killed holder leaves no lock
    finally:
        other.kill()
        other.wait()
        other.stdin.close()
        other.stdout.close()


def test_where_the_system_cannot_lock_a_living_holder_is_respected_and_a_dead_one_is_not(tmp_path, monkeypatch):
    import fcntl

    def cannot(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", cannot)
    path = tmp_path / ".lock"
    sleeper = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    try:
        with FileLock(path):
            record = json.loads(path.read_text())
        path.write_text(json.dumps({**record, "pid": sleeper.pid}))
        with pytest.raises(LockedElsewhere, match=f"process {sleeper.pid}"), FileLock(path):
            pass
        sleeper.kill()
        sleeper.wait()
        with FileLock(path):
            pass
    finally:
        sleeper.kill()
        sleeper.wait()
        sleeper.stdin.close()


def test_a_store_in_a_place_that_cannot_be_written_is_refused_in_words(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(RunError, match=r"takes cannot be kept in .*file/takes"),
        TakeStore(tmp_path / "file/takes").lock(),
    ):
        pass


def test_takes_lie_beside_the_output():
    assert default_root(Path("/cuts/reel1_v2a.otio")) == Path("/cuts/reel1_v2a.otio.v2a/takes")


def test_only_hashes_are_names_in_the_store(store):
    with pytest.raises(ValueError, match="not a content hash"):
        store.get("../../etc/passwd")


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
