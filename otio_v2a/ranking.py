"""Owns which take of a clip is best, by what can be measured: sync with what is seen, fit to the prompt, cleanness.

Sync and cleanness need no model; fit, speech and music are what the worker hears. Renders nothing.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from otio_v2a import choosing, spotting, timeline
from otio_v2a.choosing import list_takes
from otio_v2a.errors import RunError, TakeError
from otio_v2a.event_markers import span_events
from otio_v2a.hearing import Heard, agreement, listen, onsets
from otio_v2a.stem import Stem, StemClip, StemTake
from otio_v2a.takes import TakeStore, default_root
from otio_v2a.tracks import load_own, read_stems
from otio_v2a.verdict import UNHEARD, Verdict
from otio_v2a.worker_process import Stop, WorkerCancelled, WorkerFailed, WorkerProcess, WorkerSettings
from otio_v2a_engine.bleed_note import Bleed
from otio_v2a_engine.contract import Role

__all__ = ["Score", "pick_best", "rank", "take_sound", "total_of"]

_log = logging.getLogger(__name__)

_LONGEST_S = 600
"""Seconds of a take that are listened to."""
_BASE, _SYNC_WEIGHT, _FIT_WEIGHT = 0.3, 0.7, 0.7
"""What a clean take has anyway, and what sync and fit add where they are known."""
_LEAK_COST = 0.7
"""What speech or music that is surely heard, and was not asked for, takes off."""


@dataclass(frozen=True)
class Score:
    """How good a take is.

    Attributes:
        clip_id, clip_name, track, role, number, active: which take.
        sync: F1 of its onsets and the events that are seen, within 60 ms; None where nothing is seen or it is no FX.
        n_seen: events that are seen, or that markers say.
        n_heard: its onsets.
        heard: its faults.
        fit: how well it fits its prompt, 0 to 1; None without a prompt, or where the ear cannot tell.
        bleed: speech and music in it that its prompt does not ask for; None where nobody can tell.
        total: what takes are ranked by, 0 to 1.
    """

    clip_id: str
    clip_name: str
    track: str
    role: Role
    number: int
    active: bool
    sync: float | None
    n_seen: int
    n_heard: int
    heard: Heard
    fit: float | None
    bleed: Bleed | None
    total: float


def total_of(cleanness: float, *, sync: float | None, fit: float | None, leak: float = 0.0) -> float:
    """What takes are ranked by, 0 to 1: cleanness times the weighted mean of what is known of sync and fit.

    `leak` is how sure speech or music is heard that nobody asked for; it costs up to seven tenths.
    """
    cleanness *= 1 - _LEAK_COST * leak
    known = [(value, weight) for value, weight in ((sync, _SYNC_WEIGHT), (fit, _FIT_WEIGHT)) if value is not None]
    if not known:
        return cleanness
    weighted = _BASE + sum(value * weight for value, weight in known)
    return cleanness * weighted / (_BASE + sum(weight for _, weight in known))


def rank(
    path: Path, *, clip: str | None = None, role: Role | None = None, settings: WorkerSettings | None = None
) -> tuple[Score, ...]:
    """Scores of every take that fits, the best of each clip and role first; of equals, the lower number.

    Events are those of the clip's markers where it was spotted; else the shipped engine looks for them. A worker, run
    as `settings` say, hears how well takes fit; what it cannot hear is ranked by the rest.

    Raises:
        CutError: the file cannot be read.
        TakeError: nothing fits, or a take's sound is gone.
        RunError: the worker failed as a whole.
    """
    path = Path(path).absolute()
    wanted = {(entry.clip_id, entry.role) for entry in list_takes(path, clip=clip, role=role)}
    stems = read_stems(load_own(path), base=path.parent)
    seen = _seen(path, {clip_id for clip_id, of in wanted if of is Role.FX})
    heard = [
        (take, found, stem)
        for stem in stems
        for found in stem.clips
        if (found.clip_id, stem.role) in wanted
        for take in found.takes
    ]
    verdicts = _verdicts(path, heard, settings=settings or WorkerSettings())
    scores = [
        _score(take, found, stem, seen=seen.get(found.clip_id), verdict=verdict)
        for (take, found, stem), verdict in zip(heard, verdicts, strict=True)
    ]
    ranked: list[Score] = []
    for _, group in groupby(scores, key=lambda score: (score.clip_id, score.role)):
        ranked += sorted(group, key=lambda score: (-round(score.total, 3), score.number))
    return tuple(ranked)


def pick_best(path: Path, scores: Sequence[Score]) -> tuple[str, ...]:
    """Make the best take of every scored clip the active one, in one atomic step. Returns what changed, in words.

    Raises:
        CutError, TakeError, StemError: as `choosing.choose`.
    """
    best: dict[tuple[str, Role], int] = {}
    for score in scores:
        best.setdefault((score.clip_id, score.role), score.number)
    changed: list[str] = []

    def activate(stem: Stem, found: StemClip) -> StemClip:
        number = best.get((found.clip_id, stem.role), found.active)
        if number != found.active:
            changed.append(f"{found.name} ({stem.role}): take {number} instead of {found.active}")
        return replace(found, active=number)

    choosing.edit(path, activate)
    return tuple(changed)


def _seen(path: Path, clip_ids: set[str]) -> dict[str, npt.NDArray[np.float64]]:
    """Instants that are seen in each clip, relative to its start."""
    spans = [span for span in timeline.read(path).spans if span.clip_id in clip_ids]
    events = {span.clip_id: marked for span in spans if (marked := span_events(span)) is not None}
    unknown = [span for span in spans if span.clip_id not in events and span.speed]
    if unknown:
        found = spotting.look(unknown, spotting.SpotOptions(out=path), notes=[])
        events |= {clip.span.clip_id: clip.events for clip in found}
    lengths = {span.clip_id: span.duration_s for span in spans}
    return {
        clip_id: np.array([float(event.time_s) for event in each if 0 <= event.time_s < lengths[clip_id]])
        for clip_id, each in events.items()
    }


def _verdicts(
    path: Path, takes: Iterable[tuple[StemTake, StemClip, Stem]], *, settings: WorkerSettings
) -> list[Verdict]:
    """How well each take fits its prompt, and what is heard in it unasked; as far as somebody can tell."""
    log_path = TakeStore(default_root(path)).log_dir / "worker-1.log"
    worker: WorkerProcess | None = None
    verdicts: list[Verdict] = []
    is_deaf = False
    try:
        for take, found, stem in takes:
            verdict = UNHEARD
            if not is_deaf and stem.role in (Role.FX, Role.AMB):
                worker = worker or WorkerProcess(log_path=log_path, settings=settings)
                sound, first = _place(take, found)
                try:
                    verdict = worker.listen(sound, take.prompt, first=first, n_samples=found.span_samples, stop=Stop())
                except WorkerCancelled:
                    raise
                except RunError as error:
                    _log.warning("take %d of %s is ranked without its fit: %s", take.number, found.name, error)
                    # A process that does not start or answer would not for the others either.
                    is_deaf = not isinstance(error, WorkerFailed)
            verdicts.append(verdict)
    finally:
        if worker is not None:
            worker.close()
    return verdicts


def _score(
    take: StemTake, found: StemClip, stem: Stem, *, seen: npt.NDArray[np.float64] | None, verdict: Verdict
) -> Score:
    sound, rate = take_sound(take, found)
    heard = listen(sound, rate)
    instants = onsets(sound, rate) if stem.role is Role.FX else np.zeros(0)
    sync = agreement(instants, seen) if stem.role is Role.FX and seen is not None and len(seen) else None
    return Score(
        clip_id=found.clip_id,
        clip_name=found.name,
        track=found.track,
        role=stem.role,
        number=take.number,
        active=take.number == found.active,
        sync=sync,
        n_seen=0 if seen is None else len(seen),
        n_heard=len(instants),
        heard=heard,
        fit=verdict.fit,
        bleed=verdict.bleed,
        total=total_of(heard.cleanness, sync=sync, fit=verdict.fit, leak=verdict.leak),
    )


def take_sound(take: StemTake, found: StemClip) -> tuple[npt.NDArray[np.float32], int]:
    """What is heard of a take inside its clip, mixed to mono, before any adjustment, and its sample rate.

    Raises:
        TakeError: its file is gone or no sound.
    """
    path, skip = _place(take, found)
    try:
        with soundfile.SoundFile(path) as file:
            rate = int(file.samplerate)
            file.seek(min(skip, file.frames))
            samples = file.read(min(found.span_samples, _LONGEST_S * rate), dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise TakeError(
            f"take {take.number} of clip {found.name!r} has lost its sound {path}; generate it again"
        ) from error
    mono: npt.NDArray[np.float32] = samples.mean(axis=1)
    return mono, rate


def _place(take: StemTake, found: StemClip) -> tuple[Path, int]:
    """The file of a take, before any adjustment where it is still there, and its sample with which the clip begins."""
    render = take.render if take.render.path.is_file() else None
    path, start = (render.path, render.file_start) if render else (take.path, take.file_start)
    return path, max(0, found.record_start - start)
