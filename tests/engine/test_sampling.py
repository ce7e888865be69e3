"""The samplers against flows whose answer is known."""

import pytest
import torch

from otio_v2a_engine.sampling import guided, sample_euler, sample_heun, schedule

MEAN, DEVIATION = 1.5, 0.5


def gaussian_velocity(x: torch.Tensor, t: float) -> torch.Tensor:
    """The exact velocity of the flow from N(0, 1) to N(MEAN, DEVIATION^2) along x_t = (1 - t) x_0 + t x_1."""
    variance = (1 - t) ** 2 + (t * DEVIATION) ** 2
    slope = (t * DEVIATION**2 - (1 - t)) / variance
    return MEAN + slope * (x - t * MEAN)


@pytest.mark.parametrize(("sampler", "steps", "error"), [(sample_euler, 200, 0.01), (sample_heun, 20, 0.01)])
def test_sampler_carries_noise_to_the_gaussian_target(sampler, steps, error) -> None:
    start = torch.linspace(-2, 2, 9)
    end = sampler(gaussian_velocity, start, schedule(steps))
    assert torch.allclose(end, MEAN + DEVIATION * start, atol=error)


def test_more_euler_steps_come_nearer() -> None:
    start = torch.linspace(-2, 2, 9)
    errors = [
        float((sample_euler(gaussian_velocity, start, schedule(n)) - MEAN - DEVIATION * start).abs().max())
        for n in (4, 16, 64)
    ]
    assert errors[0] > errors[1] > errors[2]


def test_guidance_of_one_is_the_conditional_velocity() -> None:
    conditional, unconditional = torch.randn(2, 1, 5, 3)
    assert torch.equal(guided(conditional, unconditional, scale=1.0, rescale=0.7), conditional)


def test_guidance_goes_beyond_the_conditional_and_rescaling_takes_its_growth_back() -> None:
    torch.manual_seed(0)
    conditional, unconditional = torch.randn(2, 1, 50, 8)
    assert torch.allclose(guided(conditional, unconditional, scale=3.0), 3 * conditional - 2 * unconditional, atol=1e-5)
    tamed = guided(conditional, unconditional, scale=3.0, rescale=1.0)
    assert float(tamed.std()) == pytest.approx(float(conditional.std()), rel=1e-4)


def test_schedule_runs_from_noise_to_data() -> None:
    times = schedule(4, shift=2.0)
    assert times[0] == 0
    assert times[-1] == 1
    assert times == sorted(times)
    assert times[2] < 0.5
    with pytest.raises(ValueError, match="steps"):
        schedule(0)


def test_every_step_is_announced_and_may_stop_the_sampler() -> None:
    class Stop(Exception):
        pass

    seen: list[int] = []

    def on_step(i: int) -> None:
        seen.append(i)
        if i == 2:
            raise Stop

    with pytest.raises(Stop):
        sample_euler(gaussian_velocity, torch.zeros(1), schedule(9), on_step=on_step)
    assert seen == [0, 1, 2]


def test_what_is_held_is_there_at_the_end_and_the_rest_sees_it_as_noisy_as_itself() -> None:
    held = torch.full((1, 2, 3), 5.0)
    start = torch.randn(1, 4, 3, generator=torch.Generator().manual_seed(1))
    seen: list[torch.Tensor] = []

    def velocity(x: torch.Tensor, t: float) -> torch.Tensor:
        seen.append(x[:, :2])
        assert torch.allclose(x[:, :2], (1 - t) * start[:, :2] + t * held, atol=1e-5)
        return torch.zeros_like(x)

    times = schedule(4)
    half = sample_euler(velocity, start, times[:3], held=held)
    end = sample_euler(velocity, half, times[2:], held=held)
    assert len(seen) == 4
    assert torch.equal(end[:, :2], held)
    assert torch.equal(end[:, 2:], start[:, 2:])
