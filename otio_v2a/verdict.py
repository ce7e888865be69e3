"""What a take is found to be worth by listening: how well it fits its prompt, and what it holds that nobody asked for.

Data and its order only: hears nothing and renders nothing.
"""

from dataclasses import dataclass

from otio_v2a_engine.bleed_note import Bleed

__all__ = ["UNHEARD", "Verdict"]


@dataclass(frozen=True)
class Verdict:
    """What was heard in a take.

    Attributes:
        fit: how well it fits its prompt, 0 to 1; None without a prompt, or where the ear cannot tell.
        bleed: speech and music in it that its prompt does not ask for; None where nobody can tell.
    """

    fit: float | None = None
    bleed: Bleed | None = None

    @property
    def leak(self) -> float:
        """How sure the surest of the speech and music is that is heard in it; 0 where none is."""
        return self.bleed.worst if self.bleed else 0.0

    def is_misfit(self, limit: float) -> bool:
        """Whether it should be rendered again: speech or music is heard in it, or its fit is below the limit."""
        return bool(self.leak) or (self.fit is not None and self.fit < limit)

    def is_better_than(self, other: "Verdict") -> bool:
        """Whether it holds less of what nobody asked for, or, where neither holds any, fits better."""
        if self.leak or other.leak:
            return self.leak < other.leak
        return self.fit is not None and other.fit is not None and self.fit > other.fit


UNHEARD = Verdict()
"""Nobody listened, or nobody could tell."""
