"""Renders a marked region of a take anew, for threads: the state goes to the timeline, the new take comes back.

Knows no Qt and no document; `regions` does the work on the written timeline.
"""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from otio_v2a import loading, regions
from otio_v2a.deliver import held_on
from otio_v2a.errors import TakeError
from otio_v2a.stem import StemTake
from otio_v2a_engine.contract import Role
from otio_v2a_ui.snapshot import Snapshot

__all__ = ["redo_region"]


def redo_region(
    snapshot: Snapshot,
    out: Path,
    *,
    clip_id: str,
    role: Role,
    region_s: tuple[float, float],
    cancelled: Callable[[], bool] = lambda: False,
) -> StemTake:
    """Write the timeline, render the region of the take in use, and return the take that it makes.

    Raises:
        V2AError: the timeline cannot be written, the region is too short, or the render failed.
    """
    snapshot.export(out, cancelled=cancelled)
    start_s, stop_s = (Fraction(at).limit_denominator(48000) for at in region_s)
    wish = regions.Wish(device=snapshot.options.plan.device)
    made = regions.redo_seconds(
        out, region_s=(start_s, stop_s), clip_id=clip_id, role=role, wish=wish, cancelled=cancelled
    )
    for held in held_on(loading.load(out)[0], base=out.parent):
        if (held.clip.clip_id, held.role) == (clip_id, role):
            return next(take for take in held.clip.takes if take.number == made.number)
    raise TakeError(f"{out} has lost the take that was just made; undo and try again")
