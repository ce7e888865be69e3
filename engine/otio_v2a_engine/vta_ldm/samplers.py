"""Samplers of the diffusion on diffusers' schedulers: a velocity, a start and a seed in, latents out. Know no model.

`v` is the v-prediction of arXiv 2202.00512. Which sampler is the default was measured on a distribution whose score is
known exactly (docs/adr/0802-samplers-by-measurement.md).
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from diffusers import DDPMScheduler, DPMSolverMultistepScheduler, UniPCMultistepScheduler
from torch import Tensor

from otio_v2a_engine.vta_ldm.config import ScheduleSettings

__all__ = ["DEFAULT_SAMPLER", "SAMPLERS", "Velocity", "build_scheduler", "initial_noise", "sample"]

Velocity = Callable[[Tensor, Tensor], Tensor]
"""v-prediction at `(x, t)`; x `(B, ...)`, t a scalar training step."""

SAMPLERS = ("dpm++", "unipc", "ddpm")
DEFAULT_SAMPLER = "dpm++"


def build_scheduler(name: str, settings: ScheduleSettings, *, as_published: bool = False) -> Any:
    """A fresh scheduler; it keeps state, so each render needs its own.

    Args:
        name: of SAMPLERS.
        settings: noise levels the model was trained on.
        as_published: "leading" steps: 300 of them start at t = 898, although the input is pure noise. Otherwise
            steps that start at the last training step (arXiv 2305.08891).

    Raises:
        ValueError: there is no such sampler.
    """
    common = {
        "num_train_timesteps": settings.n_train,
        "beta_start": settings.beta_start,
        "beta_end": settings.beta_end,
        "beta_schedule": "scaled_linear",
        "prediction_type": settings.prediction,
        "timestep_spacing": "leading" if as_published else "trailing",
        "steps_offset": 1 if as_published else 0,
    }
    if name == "ddpm":
        return DDPMScheduler(**common, clip_sample=False)
    # Equal steps in time stop at t = 39 of 25 and jump from there: what is fine is lost (spread 0.61 of the true one,
    # with Karras's noise levels, arXiv 2206.00364, 0.99).
    few = {**common, "solver_order": 2, "use_karras_sigmas": not as_published}
    if name == "dpm++":
        return DPMSolverMultistepScheduler(**few, algorithm_type="dpmsolver++")
    if name == "unipc":
        return UniPCMultistepScheduler(**few)
    raise ValueError(f"a sampler is one of {', '.join(SAMPLERS)}, not {name!r}")


def initial_noise(shape: tuple[int, ...], generators: Sequence[torch.Generator], *, device: torch.device) -> Tensor:
    """Unit noise `(B, *shape)`, each item from its own generator, so that it does not depend on its neighbours."""
    return torch.cat([torch.randn(1, *shape, generator=generator) for generator in generators]).to(device)


@torch.no_grad()
def sample(
    velocity: Velocity,
    x: Tensor,
    *,
    scheduler: Any,
    n_steps: int,
    generators: Sequence[torch.Generator],
    on_step: Callable[[int], None] = lambda _: None,
) -> Tensor:
    """Latents from noise `x` `(B, ...)`; `on_step(i)` is called before step i and may raise to stop."""
    scheduler.set_timesteps(n_steps, device=x.device)
    extra = {"generator": list(generators)} if isinstance(scheduler, DDPMScheduler) else {}
    for i, t in enumerate(scheduler.timesteps):
        on_step(i)
        x = scheduler.step(velocity(x, t), t, x, **extra, return_dict=False)[0]
    return x
