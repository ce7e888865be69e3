"""Which few-step sampler stands in for the published 300-step one: measured where the answer is known exactly.

    .venv/bin/python benchmarks/vta_ldm_samplers.py

The data are a mixture of eight Gaussians in 32 dimensions, of spread 0.15 around random centres of about unit size,
with unequal weights. Under the published noise schedule the exact v-prediction of such a mixture is a formula, so a
sampler's error is its own and no network's. Reported for 4,096 samples: the sliced 2-Wasserstein distance to fresh
data (256 directions; the first row is what two draws of the data give), the spread around the nearest centre relative
to the true one, and the error of the eight weights (total variation). Every sampler starts from the same noise.
"""

import argparse
import time

import torch
from torch import Tensor

from otio_v2a_engine.vta_ldm import samplers
from otio_v2a_engine.vta_ldm.config import ScheduleSettings
from otio_v2a_engine.vta_ldm.saliency import alphas

DIM, KINDS, SPREAD = 32, 8, 0.15
RUNS = (
    ("ddpm", 300, True),
    ("ddpm", 300, False),
    ("ddpm", 25, False),
    ("dpm++", 10, False),
    ("unipc", 10, False),
    ("dpm++", 25, True),
    ("unipc", 25, True),
    ("dpm++", 25, False),
    ("unipc", 25, False),
    ("dpm++", 50, False),
    ("unipc", 50, False),
)


class Mixture:
    """The data and their exact velocity."""

    def __init__(self, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.centres = torch.randn(KINDS, DIM, generator=generator)
        self.weights = torch.softmax(0.6 * torch.randn(KINDS, generator=generator), 0)
        self.signal = alphas(ScheduleSettings())

    def draw(self, n: int, seed: int) -> Tensor:
        """Data `(n, DIM)`."""
        generator = torch.Generator().manual_seed(seed)
        kind = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        return self.centres[kind] + SPREAD * torch.randn(n, DIM, generator=generator)

    def velocity(self, x: Tensor, t: Tensor) -> Tensor:
        """v = sqrt(a) noise - sqrt(1 - a) data, in the mean over what x can have come from."""
        a = self.signal[int(t)].double()
        x = x.double()
        variance = a * SPREAD**2 + 1 - a
        away = x[:, None] - a.sqrt() * self.centres.double()
        chance = torch.softmax(self.weights.double().log() - away.square().sum(-1) / (2 * variance), dim=1)
        data = (chance[..., None] * (self.centres.double() + a.sqrt() * SPREAD**2 / variance * away)).sum(1)
        noise = (x - a.sqrt() * data) / (1 - a).sqrt()
        return (a.sqrt() * noise - (1 - a).sqrt() * data).float()

    def judge(self, x: Tensor, fresh: Tensor) -> tuple[float, float, float]:
        """Sliced distance, relative spread, error of the weights."""
        directions = torch.randn(DIM, 256, generator=torch.Generator().manual_seed(9))
        directions = directions / directions.norm(dim=0)
        sliced = ((x @ directions).sort(0).values - (fresh @ directions).sort(0).values).square().mean().sqrt()
        distance, kind = torch.cdist(x, self.centres).min(1)
        spread = (distance.square().mean() / DIM).sqrt() / SPREAD
        found = torch.bincount(kind, minlength=KINDS) / len(x)
        return float(sliced), float(spread), float((found - self.weights).abs().sum() / 2)


def main() -> None:
    """Run everything and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=4096)
    parser.add_argument("--seeds", type=int, default=3, help="mixtures to average over")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows: dict[tuple[str, int, bool] | None, list[tuple[float, float, float]]] = {}
    seconds: dict[tuple[str, int, bool] | None, float] = {}
    for seed in range(options.seeds):
        mixture = Mixture(seed)
        fresh = mixture.draw(options.samples, 1)
        rows.setdefault(None, []).append(mixture.judge(mixture.draw(options.samples, 2), fresh))
        for run in RUNS:
            name, n_steps, as_published = run
            scheduler = samplers.build_scheduler(name, ScheduleSettings(), as_published=as_published)
            generator = torch.Generator().manual_seed(100 + seed)
            x = torch.randn(options.samples, DIM, generator=generator)
            # One generator for the whole batch: samples of a batch need none of their own here.
            scheduler.set_timesteps(n_steps)
            started = time.perf_counter()
            for t in scheduler.timesteps:
                more = {"generator": generator} if name == "ddpm" else {}
                x = scheduler.step(mixture.velocity(x, t), t, x, **more, return_dict=False)[0]
            seconds[run] = time.perf_counter() - started
            rows.setdefault(run, []).append(mixture.judge(x, fresh))
    print(f"{'sampler':8} {'steps':>5} {'first step':10} {'sliced W2':>9} {'spread':>7} {'weights':>7}")
    for key, found in rows.items():
        mean = [sum(column) / len(found) for column in zip(*found, strict=True)]
        name, n_steps, as_published = key or ("(data)", 0, False)
        start = "" if key is None else "published" if as_published else "t = 999"
        print(f"{name:8} {n_steps:5} {start:10} {mean[0]:9.4f} {mean[1]:7.3f} {mean[2]:7.4f}")


if __name__ == "__main__":
    main()
