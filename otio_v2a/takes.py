"""Owns the take store: finished renders by content hash. Knows no timeline and starts no process.

<root>/ab/ab12….wav     float32 sound as the worker wrote it
<root>/ab/ab12….json    what it is; written last, so a take without it does not exist
<root>/.partial/        renders under way; whatever a crash left here is removed by the next run
<root>/.lock            held by the one run that writes
"""

import json
import logging
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from otio_v2a.atomic import atomic_file, atomic_path
from otio_v2a.errors import RunError, TakeError
from otio_v2a.filelock import FileLock, LockedElsewhere
from otio_v2a_engine import wire
from otio_v2a_engine.bleed_note import Bleed
from otio_v2a_engine.contract import PromptSpec, RenderRequest, Role

__all__ = ["Renderable", "Take", "TakeStore", "default_root"]

_log = logging.getLogger(__name__)

_VERSION = 1
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class Take:
    """One finished render of a clip's stem.

    Positions and lengths are samples at `sample_rate`; the file holds `handle_before + span_samples +
    handle_after` of them.

    Attributes:
        path: float32 WAV.
        clip_id: clip that it was made for.
        role: stem that it belongs to.
        number: 1-based take number of that clip and role.
        content_hash: everything that shaped the sound, in one word.
        seed: seed that was rendered.
        prompt: prompt that was rendered.
        engine: name of what rendered it.
        engine_version: its version.
        sample_rate: Hz.
        channels: 1 or 2.
        n_samples: length of the file.
        handle_before: samples before the clip's first.
        handle_after: samples after the clip's last.
        record_start: record position of the clip's first sample (not of the file's), from the timeline's start.
        span_samples: length of the clip.
        rolls: which re-roll it is; 0 is the first render.
        fit: how well it was found to fit its prompt then, 0 to 1; None when nobody asked, or nobody can tell.
        bleed: what was heard in it then that nobody had asked for; None when nobody listened.
    """

    path: Path
    clip_id: str
    role: Role
    number: int
    content_hash: str
    seed: int
    prompt: PromptSpec
    engine: str
    engine_version: str
    sample_rate: int
    channels: int
    n_samples: int
    handle_before: int
    handle_after: int
    record_start: int
    span_samples: int
    rolls: int = 0
    fit: float | None = None
    bleed: Bleed | None = None

    def __post_init__(self) -> None:
        if self.handle_before + self.span_samples + self.handle_after != self.n_samples:
            raise ValueError(
                f"take {self.content_hash}: {self.handle_before} + {self.span_samples} + {self.handle_after} "
                f"samples are not {self.n_samples}"
            )

    @property
    def file_start(self) -> int:
        """Record position of the file's first sample, handle included."""
        return self.record_start - self.handle_before

    @property
    def duration_s(self) -> Fraction:
        """Length of the clip's part, exact."""
        return Fraction(self.span_samples, self.sample_rate)


class Renderable(Protocol):
    """What the store needs to know of a job (`jobs.GenerationJob` is one)."""

    @property
    def clip_id(self) -> str: ...
    @property
    def take(self) -> int: ...
    @property
    def request(self) -> RenderRequest: ...
    @property
    def engine(self) -> str: ...
    @property
    def engine_version(self) -> str: ...
    @property
    def content_hash(self) -> str: ...
    @property
    def handle_before(self) -> int: ...
    @property
    def handle_after(self) -> int: ...
    @property
    def record_start(self) -> int: ...
    @property
    def span_samples(self) -> int: ...


def default_root(out: Path) -> Path:
    """Where the takes of an output file or folder lie when nobody says otherwise: `<out>.v2a/takes` beside it."""
    return out.with_name(f"{out.name}.v2a") / "takes"


class TakeStore:
    """Finished renders in a folder, found again by content hash.

    Reading needs no lock. `lock()` admits one writing run at a time.
    """

    def __init__(self, root: Path) -> None:
        """Use the folder `root`; it is created on the first write."""
        self.root = root.absolute()

    def __repr__(self) -> str:
        return f"TakeStore({str(self.root)!r})"

    @property
    def partial_dir(self) -> Path:
        """Folder of renders under way."""
        return self.root / ".partial"

    @property
    def log_dir(self) -> Path:
        """Folder of the workers' logs."""
        return self.root / "logs"

    def wav_path(self, content_hash: str) -> Path:
        """Where the sound of a hash lies, whether it exists or not."""
        if len(content_hash) < 8 or not _HEX.issuperset(content_hash):
            raise ValueError(f"not a content hash: {content_hash!r}")
        return self.root / content_hash[:2] / f"{content_hash}.wav"

    def partial_path(self, content_hash: str) -> Path:
        """A fresh path for a render under way, on the store's own file system."""
        self.partial_dir.mkdir(parents=True, exist_ok=True)
        return self.partial_dir / f"{content_hash}.{uuid4().hex[:8]}.wav"

    def discard(self, partial: Path) -> None:
        """Remove a render under way that is not wanted any more, and what its worker wrote beside it."""
        for path in partial.parent.glob(f"{partial.name}*"):
            path.unlink(missing_ok=True)

    def get(self, content_hash: str) -> Take | None:
        """The take of that hash, or None when it is missing, incomplete or damaged."""
        wav = self.wav_path(content_hash)
        try:
            data = json.loads(wav.with_suffix(".json").read_text(encoding="utf-8"))
            if data["version"] != _VERSION or data["take"]["content_hash"] != content_hash:
                raise ValueError("it describes something else")
            take = wire.from_plain(Take, {**data["take"], "path": str(wav)})
            take = replace(take, path=wav)
            if wav.stat().st_size != data["bytes"]:
                raise ValueError(f"{wav} has {wav.stat().st_size} bytes instead of {data['bytes']}")
            _check_header(wav, take)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.warning("take %s is damaged and counts as missing: %s", content_hash, error)
            return None
        return take

    def get_for(self, job: Renderable) -> Take | None:
        """The stored take of a job's hash, with the job's own clip, number and record position.

        Two clips that ask for the same sound share one file.
        """
        take = self.get(job.content_hash)
        if take is None:
            return None
        return replace(take, clip_id=job.clip_id, number=job.take, record_start=job.record_start)

    def put(
        self, job: Renderable, wav: Path, *, rolls: int = 0, fit: float | None = None, bleed: Bleed | None = None
    ) -> Take:
        """Move a finished render into the store; from then on it survives any crash.

        `rolls`, `fit` and `bleed` are remembered with it.

        Raises:
            TakeError: the file is not the sound that the job asks for.
            OSError: it cannot be moved or written; the store is as before.
        """
        target = self.wav_path(job.content_hash)
        request = job.request
        take = Take(
            path=target,
            clip_id=job.clip_id,
            role=request.prompt.role,
            number=job.take,
            content_hash=job.content_hash,
            seed=request.seed,
            prompt=request.prompt,
            engine=job.engine,
            engine_version=job.engine_version,
            sample_rate=request.sample_rate,
            channels=request.channels,
            n_samples=request.n_samples,
            handle_before=job.handle_before,
            handle_after=job.handle_after,
            record_start=job.record_start,
            span_samples=job.span_samples,
            rolls=rolls,
            fit=fit,
            bleed=bleed,
        )
        try:
            _check_header(wav, take)
        except ValueError as error:
            raise TakeError(f"the render for clip {job.clip_id} is not what was asked for: {error}") from error
        # The record comes into the same folder and syncs it: from then on both names hold, and before there is no take.
        with atomic_path(target, sync_folder=False) as beside:
            shutil.move(wav, beside)
        record = {
            "version": _VERSION,
            "bytes": target.stat().st_size,
            "take": {**wire.to_plain(take), "path": target.name},
        }
        with atomic_file(target.with_suffix(".json")) as file:
            file.write(json.dumps(record, ensure_ascii=False, indent=1).encode())
        return take

    def takes(self) -> Iterator[Take]:
        """Every whole take of the store, in order of hash."""
        for path in sorted(self.root.glob("[0-9a-f][0-9a-f]/*.json")):
            take = self.get(path.stem) if _HEX.issuperset(path.stem) else None
            if take is not None:
                yield take

    def size_bytes(self) -> int:
        """Bytes that the store takes on disk, damaged and unfinished files included."""
        return sum(path.lstat().st_size for path in self.root.rglob("*") if path.is_file())

    def prune(self, *, keep: Collection[str]) -> int:
        """Remove every take whose hash is not in `keep`, and what damaged takes left. Returns the bytes freed.

        Raises:
            RunError: a run is writing into the store.
        """
        freed = 0
        with self.lock():
            for path in sorted(self.root.glob("[0-9a-f][0-9a-f]/*")):
                if path.suffix in (".wav", ".json") and path.stem not in keep:
                    freed += path.lstat().st_size
                    path.unlink()
            for folder in self.root.glob("[0-9a-f][0-9a-f]"):
                if not any(folder.iterdir()):
                    folder.rmdir()
        return freed

    def clean_partials(self) -> int:
        """Remove what a crash left under way; only for the holder of the lock. Returns the number of files."""
        left = [path for path in self.partial_dir.glob("*") if path.is_file()] if self.partial_dir.is_dir() else []
        left += list(self.root.glob("[0-9a-f][0-9a-f]/.*.partial.*"))
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the store for one writing run, and clear what an earlier one left under way.

        Raises:
            RunError: another run holds it, or the folder cannot be written.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with FileLock(self.root / ".lock"):
                self.clean_partials()
                yield
        except LockedElsewhere as error:
            raise RunError(
                f"another run ({error.holder}) is writing takes to {self.root}; wait for it, or give this run "
                "another output"
            ) from error
        except NotADirectoryError as error:
            raise RunError(f"takes cannot be kept in {self.root}: {error.strerror}") from error
        except PermissionError as error:
            raise RunError(f"takes cannot be written to {self.root}: {error.strerror}") from error


def _check_header(wav: Path, take: Take) -> None:
    """Raise ValueError when the sound file's header does not announce the take's length, rate and channels."""
    import soundfile

    try:
        info = soundfile.info(str(wav))
    except soundfile.LibsndfileError as error:
        if not wav.exists():
            raise FileNotFoundError(wav) from error
        raise ValueError(f"{wav} cannot be read: {error}") from error
    found = (info.frames, info.samplerate, info.channels)
    wanted = (take.n_samples, take.sample_rate, take.channels)
    if found != wanted:
        raise ValueError(f"{wav} has (samples, Hz, channels) {found} instead of {wanted}")
