"""Samplers against a distribution whose score is known exactly, and their small print."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from otio_v2a_engine.vta_ldm import samplers
from otio_v2a_engine.vta_ldm.config import ScheduleSettings

BENCHMARK = Path(__file__).resolve().parents[3] / "benchmarks" / "vta_ldm_samplers.py"


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("vta_ldm_samplers", BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["dpm++", "unipc"])
def test_25_steps_reach_a_known_distribution(benchmark: ModuleType, name: str) -> None:
    mixture = benchmark.Mixture(0)
    x = torch.randn(512, benchmark.DIM, generator=torch.Generator().manual_seed(1))
    scheduler = samplers.build_scheduler(name, ScheduleSettings())
    x = samplers.sample(mixture.velocity, x, scheduler=scheduler, n_steps=25, generators=[])
    distance, spread, weights = mixture.judge(x, mixture.draw(512, 2))
    between = mixture.judge(mixture.draw(512, 3), mixture.draw(512, 2))
    assert 0.97 < spread < 1.03
    assert weights < 0.08
    assert distance < 1.5 * between[0]


def test_the_exact_velocity_of_the_benchmark_is_the_slope_of_its_density(benchmark: ModuleType) -> None:
    """Expected is computed from the score, which automatic differentiation takes from the density."""
    mixture = benchmark.Mixture(0)
    t = torch.tensor(300)
    a = mixture.signal[300].double()
    x = torch.randn(4, benchmark.DIM, generator=torch.Generator().manual_seed(1)).double().requires_grad_(True)
    variance = a * benchmark.SPREAD**2 + 1 - a
    away = (x[:, None] - a.sqrt() * mixture.centres.double()).square().sum(-1)
    density = torch.logsumexp(mixture.weights.double().log() - away / (2 * variance), dim=1)
    (score,) = torch.autograd.grad(density.sum(), x)
    noise = -(1 - a).sqrt() * score
    data = (x - (1 - a).sqrt() * noise) / a.sqrt()
    expected = a.sqrt() * noise - (1 - a).sqrt() * data
    torch.testing.assert_close(mixture.velocity(x.detach(), t).double(), expected.detach(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", samplers.SAMPLERS)
@pytest.mark.parametrize("n_steps", [1, 2, 3, 7, 50])
def test_any_number_of_steps_is_finite_and_repeatable(name: str, n_steps: int) -> None:
    made = []
    for _ in range(2):
        generators = [torch.Generator().manual_seed(seed) for seed in (1, 2)]
        x = samplers.initial_noise((4, 8, 8), generators, device=torch.device("cpu"))
        scheduler = samplers.build_scheduler(name, ScheduleSettings())
        made.append(
            samplers.sample(lambda x, t: torch.tanh(x), x, scheduler=scheduler, n_steps=n_steps, generators=generators)
        )
    assert torch.isfinite(made[0]).all()
    assert torch.equal(made[0], made[1])


def test_an_item_of_a_batch_does_not_depend_on_its_neighbours() -> None:
    def run(seeds: list[int]) -> torch.Tensor:
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        x = samplers.initial_noise((2, 4, 4), generators, device=torch.device("cpu"))
        scheduler = samplers.build_scheduler("ddpm", ScheduleSettings())
        return samplers.sample(lambda x, t: 0.5 * x, x, scheduler=scheduler, n_steps=5, generators=generators)

    torch.testing.assert_close(run([7, 8])[1], run([8])[0], rtol=0, atol=1e-6)


def test_a_callback_before_each_step_can_stop_the_run() -> None:
    seen = []

    def on_step(i: int) -> None:
        seen.append(i)
        if i == 2:
            raise InterruptedError

    scheduler = samplers.build_scheduler("dpm++", ScheduleSettings())
    with pytest.raises(InterruptedError):
        samplers.sample(
            lambda x, t: x, torch.ones(1, 2), scheduler=scheduler, n_steps=9, generators=[], on_step=on_step
        )
    assert seen == [0, 1, 2]


def test_an_unknown_sampler_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"dpm\+\+, unipc, ddpm"):
        samplers.build_scheduler("euler", ScheduleSettings())
