"""Owns which takes are rendered again when they do not fit their prompt or hold speech or music, and which stays.

A plan is given re-rolls after it was made: jobs that may be rendered again get names of their own, others keep theirs.
Starts nothing and hears nothing: who renders and who listens is told from outside.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from otio_v2a.errors import PlanError
from otio_v2a.jobs import GenerationJob, Plan
from otio_v2a.lazily import Grouped
from otio_v2a.verdict import UNHEARD, Verdict
from otio_v2a_engine.bleed_note import HEARD_FROM, BleedNote, read_bleed_note
from otio_v2a_engine.contract import Role, WeightsError
from otio_v2a_engine.ear_note import EarNote, read_ear_note

__all__ = ["MOST", "Rolled", "roll", "with_rerolls"]

MOST = 16
"""Most re-rolls of a take."""

T = TypeVar("T")


@dataclass(frozen=True)
class Rolled(Generic[T]):
    """What stays after a take was rendered until it fitted.

    Attributes:
        made: the render that stays; None when none was made.
        number: which one it is; 0 is the first.
        verdict: what was heard in it.
        first: what was heard in the first one.
        again: how often it was rendered again, whichever stays.
    """

    made: T | None
    number: int = 0
    verdict: Verdict = UNHEARD
    first: Verdict = UNHEARD
    again: int = 0


def with_rerolls(plan: Plan, *, most: int) -> Plan:
    """The plan with every job of effects or ambience rendered again at most so often; the same plan for none.

    Without a prompt there is nothing to fit, but still speech or music that nobody asked for.

    Raises:
        PlanError: it is no such number, or the ear or the detector of speech and music is not there.
    """
    if not 0 <= most <= MOST:
        raise PlanError(f"a take can be re-rolled 0 to {MOST} times, not {most}")
    if not most:
        return plan
    try:
        ear, detector = read_ear_note(), read_bleed_note()
    except WeightsError as error:
        raise PlanError(str(error)) from error
    jobs = plan.jobs
    return replace(
        plan,
        jobs=Grouped([1] * len(jobs), lambda at: (_with_rerolls(jobs[at], most=most, ear=ear, detector=detector),)),
    )


def _with_rerolls(job: GenerationJob, *, most: int, ear: EarNote, detector: BleedNote) -> GenerationJob:
    if job.role not in (Role.FX, Role.AMB):
        return job
    # What stays depends on how often it may roll, and on who listens.
    text = (
        f"{job.content_hash}\nre-rolled at most {most} times below {ear.misfit}, heard by {ear.version}, "
        f"speech and music from {HEARD_FROM} on by {detector.version}"
    )
    name = hashlib.blake2b(text.encode(), digest_size=32).hexdigest()
    return replace(job, rerolls=most, content_hash=name)


def roll(
    render: Callable[[int], T | None],
    listen: Callable[[T], Verdict],
    *,
    most: int,
    misfit: float,
    drop: Callable[[T], None] = lambda made: None,
) -> Rolled[T]:
    """Render until a take fits, at most `most` times after the first; the best stays, the first of equals.

    Args:
        render: makes the n-th render; None ends it, with what was made before.
        listen: what is heard in it; where nobody can tell, it ends too.
        most: re-rolls.
        misfit: fit below which a take is rendered again, as it is with speech or music in it.
        drop: told at once of every render that does not stay.
    """
    best = Rolled[T](None)
    for number in range(most + 1):
        made = render(number)
        if made is None:
            break
        heard = listen(made)
        if best.made is None:
            best = Rolled(made, 0, heard, heard)
        elif heard.is_better_than(best.verdict):
            drop(best.made)
            best = Rolled(made, number, heard, best.first, number)
        else:
            drop(made)
            best = replace(best, again=number)
        if not heard.is_misfit(misfit):
            break
    return best
