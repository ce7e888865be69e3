"""Samplers of a rectified flow: pure functions of a velocity, a start and a schedule. Know no model, no sound.

Notation of arXiv 2209.03003: `x_t = (1 - t) x_0 + t x_1`, noise at t = 0, data at t = 1, `v = dx/dt`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

__all__ = ["Sampler", "Step", "Velocity", "euler", "guided", "sample", "sample_euler", "sample_heun", "schedule"]

Velocity = Callable[[Tensor, float], Tensor]
"""Velocity at `(x, t)`."""

Step = Callable[[Velocity, Tensor, float, float], Tensor]
"""`x` at one time to `x` at the next: `(velocity, x, t, after)`."""


def schedule(n_steps: int, *, shift: float = 1.0) -> list[float]:
    """`n_steps + 1` times from 0 to 1; a shift above 1 takes smaller steps near the noise.

    Raises:
        ValueError: `n_steps` is below 1 or `shift` is not positive.
    """
    if n_steps < 1 or shift <= 0:
        raise ValueError(f"a schedule needs steps >= 1 and shift > 0, not {n_steps} and {shift}")
    return [u / (u + shift * (1 - u)) for u in (i / n_steps for i in range(n_steps + 1))]


def guided(conditional: Tensor, unconditional: Tensor, *, scale: float, rescale: float = 0.0) -> Tensor:
    """Classifier-free guidance (arXiv 2207.12598): scale 1 is the conditional velocity itself.

    Args:
        conditional, unconditional: velocities `(B, T, C)`.
        scale: how far to go from the unconditional through the conditional.
        rescale: 0..1, how much of the growth in standard deviation to take back (arXiv 2305.08891).
    """
    if scale == 1.0:
        return conditional
    velocity = unconditional + scale * (conditional - unconditional)
    if rescale:
        ratio = conditional.std(dim=(1, 2), keepdim=True) / velocity.std(dim=(1, 2), keepdim=True).clamp_min(1e-6)
        velocity = velocity * (1 + rescale * (ratio - 1))
    return velocity


def euler(velocity: Velocity, x: Tensor, t: float, after: float) -> Tensor:
    """One Euler step."""
    return x + (after - t) * velocity(x, t)


@dataclass(frozen=True)
class Sampler:
    """How a flow is followed.

    Attributes:
        schedule: a number of steps to one more times, from 0 to 1.
        step: what is done from one time to the next.
    """

    schedule: Callable[[int], list[float]] = schedule
    step: Step = euler


@torch.no_grad()
def sample(
    velocity: Velocity,
    x: Tensor,
    times: list[float],
    *,
    step: Step = euler,
    held: Tensor | None = None,
    on_step: Callable[[int], None] = lambda _: None,
) -> Tensor:
    """Steps along `times`. `on_step(i)` is called before step i and may raise to stop.

    Where the first tokens of the outcome are known already, `held` `(1, K, C)`, each step puts them back, as noisy as
    the rest is, so that the rest goes on from them (arXiv 2201.09865, without its repetitions).
    """
    noise = None if held is None else (x[:, : held.shape[1]] - times[0] * held) / max(1 - times[0], 1e-6)
    for i, (t, after) in enumerate(pairwise(times)):
        on_step(i)
        x = step(velocity, x, t, after)
        if held is not None and noise is not None:
            x = torch.cat([(1 - after) * noise + after * held, x[:, held.shape[1] :]], dim=1)
    return x


def sample_euler(
    velocity: Velocity,
    x: Tensor,
    times: list[float],
    *,
    held: Tensor | None = None,
    on_step: Callable[[int], None] = lambda _: None,
) -> Tensor:
    """Euler steps along `times`; see `sample`."""
    return sample(velocity, x, times, held=held, on_step=on_step)


@torch.no_grad()
def sample_heun(
    velocity: Velocity, x: Tensor, times: list[float], *, on_step: Callable[[int], None] = lambda _: None
) -> Tensor:
    """Heun's second-order steps along `times`: two velocities a step."""
    for i, (t, after) in enumerate(pairwise(times)):
        on_step(i)
        v = velocity(x, t)
        x = x + (after - t) * 0.5 * (v + velocity(x + (after - t) * v, after))
    return x
