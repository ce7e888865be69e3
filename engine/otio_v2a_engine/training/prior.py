"""Trains the prior of timbres, from the captions of scenes and what their pictures look like to a trained encoder.

It takes many more examples a step than the flow can, and its steps are short. Resumes from its checkpoint.
"""

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from otio_v2a_engine.models.timbre import PriorConfig, TimbrePrior
from otio_v2a_engine.training import checkpoint
from otio_v2a_engine.training.examples import Drawing, Examples
from otio_v2a_engine.training.flow import Small

__all__ = ["PriorRun", "train"]


@dataclass(frozen=True)
class PriorRun:
    """Settings of one training.

    Attributes:
        steps: in all, for the learning rate, which falls over the last half of them.
        rows: examples a step.
        draws: noises an example.
        drawing: how examples are drawn.
        rate: highest learning rate.
        seed: of everything.
        model: sizes.
    """

    steps: int = 3000
    rows: int = 256
    draws: int = 2
    drawing: Drawing = field(default_factory=lambda: Drawing(shares=(0.6, 0.2, 0.2)))
    rate: float = 1.5e-3
    seed: int = 27
    model: PriorConfig = field(default_factory=PriorConfig)


@torch.no_grad()
def _looks(encoder: nn.Module, examples: Examples, device: str) -> Tensor:
    """What each scene's picture looks like on the whole, `(N, picture)`."""
    encoder.eval()
    found = []
    for first in range(0, len(examples), 16):
        maps, cuts = (torch.stack(rows[first : first + 16]).float() for rows in (examples.maps, examples.cuts))
        vectors, _ = encoder(maps.to(device), cuts.to(device))
        found.append(vectors.mean(1))
    return torch.cat(found)


def _loss(prior: TimbrePrior, batch: dict[str, Tensor], looks: Tensor, draws: int) -> Tensor:
    rows = batch["sounds"].nonzero()[:, 0].repeat(draws)
    given = {name: batch[name][rows] for name in ("text", "read", "negative", "avoid", "role", "see")}
    z1 = batch["timbre"][rows]
    z0, t = torch.randn_like(z1), torch.rand(len(rows), device=z1.device)
    velocity = prior((1 - t[:, None]) * z0 + t[:, None] * z1, t, picture=looks[batch["scene"][rows]], **given)
    return nn.functional.mse_loss(velocity, z1 - z0)


def train(
    run: PriorRun, *, small: Small, folder: Path, flow_folder: Path, shard_folder: Path, device: str, minutes: float
) -> TimbrePrior:
    """Train for at most `minutes`, or to step `run.steps`; returns the averaged prior.

    Args:
        run: settings.
        small: holds the picture encoder.
        folder: of the prior's checkpoint and curve.
        flow_folder: of the codec and the space of timbres.
        shard_folder: of the scenes.
        device: "cpu" or "cuda".
        minutes: after which it stops; run again to go on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps(asdict(run), indent=1))
    torch.manual_seed(run.seed)
    prior, average = TimbrePrior(run.model).to(device), TimbrePrior(run.model).to(device)
    average.load_state_dict(prior.state_dict())
    optimizer = torch.optim.AdamW(prior.parameters(), lr=run.rate, betas=(0.9, 0.98), weight_decay=0.02)
    models, optimizers = {"model": prior, "average": average}, {"adamw": optimizer}
    step = checkpoint.load(folder, models=models, optimizers=optimizers, fresh_at=0)
    examples = Examples(shard_folder, flow_folder)
    examples.refresh()
    looks = _looks(small.encoder.to(device), examples, device)
    started = saved = time.monotonic()
    losses: list[float] = []
    while step < run.steps and time.monotonic() - started < minutes * 60:
        for group in optimizer.param_groups:
            group["lr"] = run.rate * min(1.0, (step + 1) / 100, 2 * (1 - step / run.steps) + 0.01)
        batch = examples.asked(run.drawing, run.rows, seed=run.seed, step=step)
        torch.manual_seed(run.seed * 1_000_003 + step)
        loss = _loss(prior, {name: tensor.to(device) for name, tensor in batch.items()}, looks, run.draws)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(prior.parameters(), 1.0)
        optimizer.step()
        step += 1
        checkpoint.update_average(average, prior, step=step)
        losses.append(float(loss.detach()))
        if step % 50 == 0:
            columns = ("step", "loss", "seconds")
            row = (step, sum(losses) / len(losses), time.monotonic() - started)
            checkpoint.append_row(folder / "prior.csv", columns, row)
            losses = []
        if time.monotonic() - saved > 120:
            checkpoint.save(folder, step=step, models=models, optimizers=optimizers, config=asdict(run))
            saved = time.monotonic()
    checkpoint.save(folder, step=step, models=models, optimizers=optimizers, config=asdict(run))
    return average
