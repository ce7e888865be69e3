"""What the panel shows, as frozen values: clips, prompts, takes, queue. Knows no Qt, no OTIO tree and no files.

Times are exact Fractions of seconds where a name ends in `_s`, timecode labels where it does not. Record time starts at
the timeline's first frame; clip time starts at the clip's.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from pathlib import Path

from otio_v2a.adjustments import NEUTRAL, Adjustment
from otio_v2a_engine.contract import Picture, Role

__all__ = [
    "ClipPrompt",
    "ClipRow",
    "PlayerClip",
    "QueueItem",
    "QueueState",
    "QueueSum",
    "Status",
    "StemSound",
    "TakeRow",
    "status_of",
]


class Status(StrEnum):
    """Where a clip stands."""

    NEW = "new"
    """Nothing has been rendered for it."""
    MISSING = "missing"
    """Its media cannot be found, or it cannot be scored for another reason."""
    QUEUED = "queued"
    """A render of it waits."""
    RUNNING = "running"
    """A render of it is under way."""
    DONE = "done"
    """Every stem that is asked for has a take."""
    FAILED = "failed"
    """Its last render failed."""
    CHANGED = "changed"
    """A prompt was edited since the take that is heard was rendered."""


@dataclass(frozen=True)
class ClipRow:
    """One clip of the cut, as the list shows it.

    Attributes:
        clip_id: stable across runs; unique in the cut.
        name: the clip's name.
        track: name of its track.
        number: 1-based place in the cut's order.
        record_in: timecode of its first frame.
        record_out: timecode of the frame after its last.
        duration: length in minutes, seconds and frames.
        record_start_s: record time of its first frame.
        duration_s: record length.
        rate: the timeline's frames per second.
        media: its picture file; None when that cannot be found.
        status: where it stands.
        warnings: what the editor should know of it.
        roles: stems that are asked for.
        shots_s: borders of shots inside the clip, in clip time.
    """

    clip_id: str
    name: str
    track: str
    number: int
    record_in: str
    record_out: str
    duration: str
    record_start_s: Fraction
    duration_s: Fraction
    rate: Fraction
    media: str | None
    status: Status = Status.NEW
    warnings: tuple[str, ...] = ()
    roles: tuple[Role, ...] = ()
    shots_s: tuple[Fraction, ...] = ()


@dataclass(frozen=True)
class ClipPrompt:
    """What one clip is asked for in one role.

    Attributes:
        clip_id: the clip.
        role: the stem.
        text: positive prompt; empty means that the picture alone decides.
        negative_text: sounds to steer away from.
        transcript: words to be spoken.
        engine: who renders it; None is the panel's choice for all clips.
        steps: sampler steps; None is the engine's own choice.
        guidance: how strictly picture and prompt are followed; None is the engine's own choice.
        text_guidance: the same for the text alone, for engines that have it; None is the engine's own choice.
        seed: seed of the first take.
        seed_locked: whether "generate more" and the dice leave the seed alone.
        takes: takes that one render makes.
        enabled: whether the stem is made at all.
    """

    clip_id: str
    role: Role
    text: str = ""
    negative_text: str = ""
    transcript: str = ""
    engine: str | None = None
    steps: int | None = None
    guidance: float | None = None
    text_guidance: float | None = None
    seed: int = 0
    seed_locked: bool = False
    takes: int = 1
    enabled: bool = True


@dataclass(frozen=True)
class TakeRow:
    """One take of one clip and role, as the strips show it.

    Attributes:
        clip_id: the clip.
        role: the stem.
        number: 1-based; stays the same for as long as the take exists.
        path: its sound, as rendered.
        active: whether it is the one that is heard.
        starred: whether the editor marked it.
        seed: seed that was rendered.
        prompt: positive prompt that was rendered.
        engine: what rendered it, and its version.
        sync_ms: median offset of its onsets from what is seen, later is positive; None when not measured.
        sync_score: 0 to 1, agreement of its onsets with what is seen; None when not measured.
        sync_note: why sync has no figure; empty when it has, and as long as nobody has measured.
        loudness_lufs: integrated loudness; None when not measured or silent.
        adjustment: gain, fades and nudge of its clip and role.
    """

    clip_id: str
    role: Role
    number: int
    path: Path
    active: bool
    starred: bool = False
    seed: int = 0
    prompt: str = ""
    engine: str = ""
    sync_ms: float | None = None
    sync_score: float | None = None
    sync_note: str = ""
    loudness_lufs: float | None = None
    adjustment: Adjustment = NEUTRAL


@dataclass(frozen=True)
class StemSound:
    """A sound that lies under a clip.

    Attributes:
        role: the stem.
        path: the file.
        start_s: where the file's first sample lies in clip time; negative with handles.
        gain_db: gain to play it with.
        number: the take it is of.
        adjustment: gain, fades and nudge that play with it; its gain is in `gain_db`, its nudge in `start_s` already.
    """

    role: Role
    path: Path
    start_s: Fraction
    gain_db: float = 0.0
    number: int = 1
    adjustment: Adjustment = NEUTRAL


@dataclass(frozen=True)
class PlayerClip:
    """What is looked at and listened to: one clip with its stems.

    Attributes:
        clip_id: the clip.
        name: its name.
        picture: what is seen, as a map from clip time to media time; None when the media is missing.
        duration_s: its length.
        rate: the timeline's frames per second.
        record_start_tc: timecode of its first frame.
        stems: what is heard.
        onsets_s: moments at which something is seen or heard to happen, in clip time.
        cuts_s: borders of shots, in clip time.
    """

    clip_id: str
    name: str
    picture: Picture | None
    duration_s: Fraction
    rate: Fraction
    record_start_tc: str = "00:00:00:00"
    stems: tuple[StemSound, ...] = ()
    onsets_s: tuple[float, ...] = ()
    cuts_s: tuple[Fraction, ...] = ()


class QueueState(StrEnum):
    """Where a job of the queue stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class QueueItem:
    """One job of the queue: one take of one stem of one clip.

    Attributes:
        key: unique among the panel's jobs.
        clip_id: the clip.
        clip_name: its name.
        role: the stem.
        number: take that it makes.
        engine: who renders it.
        state: where it stands.
        fraction: 0 to 1, how far it is.
        stage: what is being done, in words.
        reason: why it failed, fit for a user.
        estimated_s: expected seconds of work.
    """

    key: int
    clip_id: str
    clip_name: str
    role: Role
    number: int
    engine: str
    state: QueueState = QueueState.WAITING
    fraction: float = 0.0
    stage: str = ""
    reason: str = ""
    estimated_s: float = 0.0

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens to it by itself."""
        return self.state in (QueueState.DONE, QueueState.FAILED, QueueState.CANCELLED)


@dataclass(frozen=True)
class QueueSum:
    """The queue as a whole.

    Attributes:
        total: jobs in it.
        done: finished well.
        failed: finished badly.
        waiting: not begun.
        running: under way.
        fraction: 0 to 1 over all jobs, weighed by their expected work.
        time_left_s: estimate until all are done; None as long as there is nothing to estimate from.
        paused: whether nothing new is begun.
    """

    total: int = 0
    done: int = 0
    failed: int = 0
    waiting: int = 0
    running: int = 0
    fraction: float = 0.0
    time_left_s: float | None = None
    paused: bool = False

    @property
    def is_busy(self) -> bool:
        """Whether work is under way or will be."""
        return self.running > 0 or (self.waiting > 0 and not self.paused)

    @classmethod
    def of(cls, items: Iterable[QueueItem], *, speed: float | None = None, paused: bool = False) -> "QueueSum":
        """Add up a queue; `speed` is how many seconds of estimated work one second of wall time does."""
        counts = dict.fromkeys(QueueState, 0)
        work = left = 0.0
        for item in items:
            counts[item.state] += 1
            if item.state is QueueState.CANCELLED:
                continue
            weight = max(item.estimated_s, 1e-3)
            work += weight
            left += 0.0 if item.is_over else weight * (1 - item.fraction)
        busy = counts[QueueState.RUNNING] + counts[QueueState.WAITING]
        return cls(
            total=sum(counts.values()),
            done=counts[QueueState.DONE],
            failed=counts[QueueState.FAILED],
            waiting=counts[QueueState.WAITING],
            running=counts[QueueState.RUNNING],
            fraction=1 - left / work if work else 0.0,
            time_left_s=left / speed if busy and speed else None,
            paused=paused,
        )


def status_of(
    *,
    is_missing: bool = False,
    is_changed: bool = False,
    is_complete: bool = False,
    has_failed: bool = False,
    queued: Iterable[QueueState] = (),
) -> Status:
    """The one status of a clip to which several may apply: what happens now beats what happened before."""
    states = frozenset(queued)
    if QueueState.RUNNING in states:
        return Status.RUNNING
    if QueueState.WAITING in states:
        return Status.QUEUED
    if is_missing:
        return Status.MISSING
    if has_failed:
        return Status.FAILED
    if is_changed:
        return Status.CHANGED
    return Status.DONE if is_complete else Status.NEW
