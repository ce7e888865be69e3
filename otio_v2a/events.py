"""Owns the events of a run. Frozen values for a callback; nothing here prints or decides."""

from dataclasses import dataclass

from otio_v2a.takes import Take
from otio_v2a_engine.contract import Role

__all__ = [
    "JobAdvanced",
    "JobFailed",
    "JobFinished",
    "JobRef",
    "JobStarted",
    "RunEvent",
    "RunFinished",
    "RunStarted",
    "ShotsProgress",
]


@dataclass(frozen=True)
class JobRef:
    """Which job an event is about.

    Attributes:
        number: 1-based position in the plan.
        total: jobs in the plan.
        clip_id: the clip.
        clip_name: its name.
        role: the stem.
        take: take number.
        content_hash: the job's hash.
    """

    number: int
    total: int
    clip_id: str
    clip_name: str
    role: Role
    take: int
    content_hash: str


@dataclass(frozen=True)
class RunStarted:
    """The run begins: `n_reused` of `n_jobs` takes are there already."""

    n_jobs: int
    n_reused: int
    estimated_s: float


@dataclass(frozen=True)
class JobStarted:
    """A job is given to a worker; `attempt` is 2 after a worker died with it."""

    job: JobRef
    attempt: int = 1


@dataclass(frozen=True)
class JobAdvanced:
    """A job has done `done` of `total` units.

    Attributes:
        stage: what is being done.
        time_left_s: estimate for the whole run; None as long as there is nothing to estimate from.
    """

    job: JobRef
    done: int
    total: int
    stage: str
    time_left_s: float | None = None


@dataclass(frozen=True)
class JobFinished:
    """A take is in the store.

    Attributes:
        reused: it was there before this run.
        seconds: what this run spent on it.
        warnings: the engine's messages for the user.
    """

    job: JobRef
    take: Take
    reused: bool
    seconds: float
    warnings: tuple[str, ...] = ()
    time_left_s: float | None = None


@dataclass(frozen=True)
class JobFailed:
    """A job failed; the others go on. `reason` is fit for a user."""

    job: JobRef
    reason: str
    time_left_s: float | None = None


@dataclass(frozen=True)
class RunFinished:
    """The run is over, well or not."""

    n_finished: int
    n_reused: int
    n_failed: int
    n_left: int
    cancelled: bool
    seconds: float


@dataclass(frozen=True)
class ShotsProgress:
    """Shot borders have been looked for in `done` of `total` clips, a clip under way counted in part."""

    done: float
    total: int
    clip_name: str


RunEvent = RunStarted | JobStarted | JobAdvanced | JobFinished | JobFailed | RunFinished | ShotsProgress
