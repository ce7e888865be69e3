"""Owns which take of a clip is best, by what can be measured: sync with what is seen, and cleanness. Renders nothing.

How well a take fits its prompt is not measured: no weights of ours tell that of any sound, and a figure that only
knew the training vocabulary would reward what the model says anyway.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from otio_v2a import choosing, spotting, timeline
from otio_v2a.choosing import list_takes
from otio_v2a.errors import TakeError
from otio_v2a.event_markers import span_events
from otio_v2a.hearing import Heard, agreement, listen, onsets
from otio_v2a.stem import Stem, StemClip, StemTake
from otio_v2a.tracks import load_own, read_stems
from otio_v2a_engine.contract import Role

__all__ = ["Score", "pick_best", "rank", "take_sound"]

_LONGEST_S = 600
"""Seconds of a take that are listened to."""
_SYNC_WEIGHT = 0.7


@dataclass(frozen=True)
class Score:
    """How good a take is.

    Attributes:
        clip_id, clip_name, track, role, number, active: which take.
        sync: F1 of its onsets and the events that are seen, within 60 ms; None where nothing is seen or it is no FX.
        n_seen: events that are seen, or that markers say.
        n_heard: its onsets.
        heard: its faults.
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
    total: float


def rank(path: Path, *, clip: str | None = None, role: Role | None = None) -> tuple[Score, ...]:
    """Scores of every take that fits, the best of each clip and role first; of equals, the lower number.

    Events are those of the clip's markers where it was spotted; else the shipped engine looks for them.

    Raises:
        CutError: the file cannot be read.
        TakeError: nothing fits, or a take's sound is gone.
        RunError: the worker failed as a whole.
    """
    path = Path(path).absolute()
    wanted = {(entry.clip_id, entry.role) for entry in list_takes(path, clip=clip, role=role)}
    stems = read_stems(load_own(path), base=path.parent)
    seen = _seen(path, {clip_id for clip_id, of in wanted if of is Role.FX})
    scores = [
        _score(take, found, stem, seen=seen.get(found.clip_id))
        for stem in stems
        for found in stem.clips
        if (found.clip_id, stem.role) in wanted
        for take in found.takes
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


def _score(take: StemTake, found: StemClip, stem: Stem, *, seen: npt.NDArray[np.float64] | None) -> Score:
    sound, rate = take_sound(take, found)
    heard = listen(sound, rate)
    instants = onsets(sound, rate) if stem.role is Role.FX else np.zeros(0)
    sync = agreement(instants, seen) if stem.role is Role.FX and seen is not None and len(seen) else None
    clean = heard.cleanness
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
        total=clean if sync is None else clean * (1 - _SYNC_WEIGHT + _SYNC_WEIGHT * sync),
    )


def take_sound(take: StemTake, found: StemClip) -> tuple[npt.NDArray[np.float32], int]:
    """What is heard of a take inside its clip, mixed to mono, before any adjustment, and its sample rate.

    Raises:
        TakeError: its file is gone or no sound.
    """
    render = take.render if take.render.path.is_file() else None
    path, start = (render.path, render.file_start) if render else (take.path, take.file_start)
    skip = max(0, found.record_start - start)
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
