"""Follows a flow by a diffusers scheduler's steps. Knows no model and no sound. Imports diffusers, which takes seconds.

Ours: noise at t = 0, data at t = 1, `v = data - noise`. Theirs: `sigma = 1 - t`, and the negative of `v`.
"""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, FlowMatchHeunDiscreteScheduler
from torch import Tensor

from otio_v2a_engine import sampling
from otio_v2a_engine.contract import WeightsError

__all__ = ["FlowSteps", "default_scheduler", "read_scheduler"]

_KNOWN = {cls.__name__: cls for cls in (FlowMatchEulerDiscreteScheduler, FlowMatchHeunDiscreteScheduler)}
_UNFIT = ("invert_sigmas", "stochastic_sampling", "use_dynamic_shifting")


def default_scheduler() -> Any:
    """The steps that the engine takes by itself: Euler's, equal."""
    return FlowMatchEulerDiscreteScheduler(shift=1.0)


def read_scheduler(folder: Path) -> Any:
    """The scheduler of a saved pipeline; the default where there is none.

    Raises:
        WeightsError: it cannot be read, or is of a kind that is not known here.
    """
    if not folder.is_dir():
        return default_scheduler()
    try:
        config = FlowMatchEulerDiscreteScheduler.load_config(folder, local_files_only=True)
        return _KNOWN[config["_class_name"]].from_config(config)
    except KeyError as error:
        raise WeightsError(f"{folder}: a scheduler is one of {', '.join(_KNOWN)}, not {error}") from error
    except (OSError, TypeError, ValueError) as error:
        raise WeightsError(f"{folder} cannot be read ({error}); save the pipeline again") from error


class FlowSteps:
    """A scheduler's steps for `SmallEngine`, `sampling.Sampler(steps.schedule, steps.step)`.

    Args:
        scheduler: is copied, because it keeps state.
        on_step_end: called with the number of the step, its timestep and `x`; returns the `x` to go on with.

    Raises:
        ValueError: the scheduler is of another kind, or is set to what this flow was not made for.
    """

    def __init__(self, scheduler: Any, *, on_step_end: Callable[[int, Tensor, Tensor], Tensor]) -> None:
        if type(scheduler).__name__ not in _KNOWN:
            raise ValueError(f"a scheduler of a flow is one of {', '.join(_KNOWN)}, not {type(scheduler).__name__}")
        if unfit := [name for name in _UNFIT if scheduler.config.get(name)]:
            raise ValueError(f"the scheduler's {', '.join(unfit)} must be off: the flow was not made for it")
        self._scheduler = deepcopy(scheduler)
        self._on_step_end = on_step_end
        self._done = 0  # evaluations of the velocity
        self._step_number = 0

    def schedule(self, n_steps: int) -> list[float]:
        """Begin anew; `n_steps + 1` times from 0 to 1."""
        if isinstance(self._scheduler, FlowMatchEulerDiscreteScheduler):
            wanted = torch.tensor([1 - t for t in sampling.schedule(n_steps)], dtype=torch.float64)
            self._scheduler.set_timesteps(sigmas=wanted[:-1].tolist())
            # It rounds to single precision. Multiplications in bfloat16 make another sound of that.
            if torch.equal(self._scheduler.sigmas, wanted.float()):
                self._scheduler.sigmas = wanted
        else:  # it takes no times but its own
            self._scheduler.set_timesteps(n_steps)
        self._scheduler.set_begin_index(0)
        self._done = self._step_number = 0
        return [1 - sigma for sigma in dict.fromkeys(self._scheduler.sigmas.tolist())]

    def step(self, velocity: sampling.Velocity, x: Tensor, t: float, after: float) -> Tensor:
        """One step, which takes as many velocities as the scheduler's order; the last may take fewer."""
        del t, after  # the scheduler counts by itself
        timesteps, sigmas = self._scheduler.timesteps, self._scheduler.sigmas
        for timestep in timesteps[self._done : self._done + self._scheduler.order]:
            v = velocity(x, 1 - float(sigmas[self._done]))
            x = self._scheduler.step(-v, timestep, x, return_dict=False)[0]
            self._done += 1
        x = self._on_step_end(self._step_number, timesteps[self._done - 1], x)
        self._step_number += 1
        return x
