"""Owns how all clips of a run are rendered, and which engine makes which role. Knows no clip and plans nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from otio_v2a.errors import PlanError
from otio_v2a_engine.checkpoint_folders import identified_options
from otio_v2a_engine.contract import EngineError, EngineInfo, Role, Sampling
from otio_v2a_engine.registry import DEFAULT_ENGINE, engine_for

__all__ = ["DEFAULT_HANDLES_S", "PlanOptions", "own_settings"]

DEFAULT_HANDLES_S = Fraction(1, 2)


@dataclass(frozen=True)
class PlanOptions:
    """How to render, for every clip alike.

    Attributes:
        engine: engine of every role that `role_engines` does not name.
        role_engines: engines of single roles.
        device: "cpu", "cuda", "mps".
        sample_rate: Hz.
        channels: 1 or 2.
        sampling: sampler settings.
        handles_s: extra sound on both sides of a clip, rounded to whole timeline frames.
    """

    engine: str = DEFAULT_ENGINE
    role_engines: Mapping[Role, str] = field(default_factory=dict)
    device: str = "cpu"
    sample_rate: int = 48000
    channels: int = 2
    sampling: Sampling = field(default_factory=Sampling)
    handles_s: Fraction = DEFAULT_HANDLES_S

    def __post_init__(self) -> None:
        if not 0 <= self.handles_s <= 60:
            raise PlanError(f"handles must be 0 to 60 seconds, not {float(self.handles_s):g}")

    def engine_of(self, role: Role) -> str:
        """Name of the engine that renders a role."""
        return engine_for(self.role_engines.get(role, self.engine), role)

    def sampling_of(self, role: Role) -> Sampling:
        """Sampler settings of a role: an engine to which another leaves it knows nothing of that one's."""
        is_left = self.engine_of(role) != self.role_engines.get(role, self.engine)
        return Sampling() if is_left else self.sampling


def own_settings(engine: EngineInfo, options: Sequence[str]) -> Sampling:
    """An engine's own settings as a user gave them, each counted once, for what asks it without a plan.

    Raises:
        PlanError: one is badly written, not declared by the engine, or names a folder that holds no model.
    """
    try:
        sampling = Sampling(options=tuple(dict.fromkeys(options)))
        engine.check_options(sampling.options)
        identified_options(sampling, engine)
    except (EngineError, ValueError) as error:
        raise PlanError(str(error)) from error
    return sampling
