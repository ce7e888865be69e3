"""Owns the outcome of a run, which words itself. Knows takes and reasons, no processes."""

from dataclasses import dataclass

from otio_v2a.spans import Skipped
from otio_v2a.takes import Take

__all__ = ["Failure", "RunReport"]


@dataclass(frozen=True)
class Failure:
    """A job that failed, by name, and why."""

    clip_id: str
    clip_name: str
    track: str
    take_title: str
    reason: str


@dataclass(frozen=True)
class RunReport:
    """What a run did; it words itself.

    Attributes:
        takes: every take of the plan that exists now, in the plan's order.
        failures: jobs that failed.
        skipped: what the plan had left out.
        reused: how many of the takes were there before.
        left: jobs that were not finished because the run was cancelled.
        cancelled: whether it was.
        seconds: wall time.
        engine_seconds: time inside the engine, over all workers.
        warnings: messages of the engines for the user.
    """

    takes: tuple[Take, ...] = ()
    failures: tuple[Failure, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    reused: int = 0
    left: int = 0
    cancelled: bool = False
    seconds: float = 0.0
    engine_seconds: float = 0.0
    warnings: tuple[str, ...] = ()

    @property
    def rendered(self) -> int:
        """Takes that this run made."""
        return len(self.takes) - self.reused

    @property
    def exit_code(self) -> int:
        """0 all done, 1 some failed, 2 nothing done, 130 cancelled."""
        if self.cancelled:
            return 130
        if not self.takes:
            return 2
        return 1 if self.failures else 0

    def lines(self) -> tuple[str, ...]:
        """The report in words: the sum first, then everything that went wrong."""
        parts = [f"{self.rendered} rendered", f"{self.reused} reused"]
        if self.failures:
            parts.append(f"{len(self.failures)} failed")
        if self.skipped:
            parts.append(f"{len(self.skipped)} skipped")
        head = ", ".join(parts) + f" in {self.seconds:.1f} s"
        if self.cancelled:
            head = f"cancelled: {head}; {self.left} not finished, the next run goes on from here"
        elif not self.takes and not self.failures:
            head = "nothing to do: no clip asks for a stem that can be made"
        lines = [head]
        lines += [f"failed: {failure.take_title} on {failure.track}: {failure.reason}" for failure in self.failures]
        lines += [f"skipped: {skip.clip} on {skip.track}: {skip.reason}" for skip in self.skipped]
        lines += [f"note: {warning}" for warning in self.warnings]
        return tuple(lines)

    def __str__(self) -> str:
        return "\n".join(self.lines())
