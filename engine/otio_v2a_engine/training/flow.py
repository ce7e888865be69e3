"""Trains the flow model and its picture encoder on shards of scenes. Resumes; takes new shards as they appear."""

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from otio_v2a_engine.contract import Role
from otio_v2a_engine.models.flow import SEEN, Conditions, FlowConfig, FlowModel, PictureEncoder
from otio_v2a_engine.models.spots import peaks
from otio_v2a_engine.training import checkpoint
from otio_v2a_engine.training.examples import ROLES, Drawing, Examples
from otio_v2a_engine.training.pictures import Pictures

__all__ = ["FlowRun", "Small", "train"]

_LOSSES = ("loss", *(f"loss_{role.value.lower()}" for role in ROLES), "onset_loss", "kind_loss", "level_loss")


@dataclass(frozen=True)
class FlowRun:
    """Settings of one training.

    Attributes:
        steps: steps in all, for the schedule of the learning rate.
        restart: step at which this phase began, with fresh optimizers; the rate warms up from there over 300 steps.
        cooldown: last steps, over which the rate falls to nothing; before them it is constant.
        drawing: how examples are drawn.
        rate: highest learning rate.
        onset_weight: weight of the picture encoder's own task, to say where the onsets are.
        kind_weight: weight of its second task, to say what begins there.
        level_weight: weight of its third task, to say how loud what lasts is.
        keep_encoder: whether the encoder stays as it is, because it was trained on its own.
        seed: of everything.
        model: sizes.
    """

    steps: int = 6000
    restart: int = 0
    cooldown: int = 2000
    drawing: Drawing = field(default_factory=Drawing)
    rate: float = 1.2e-3
    onset_weight: float = 0.3
    kind_weight: float = 0.05
    level_weight: float = 0.2
    keep_encoder: bool = False
    seed: int = 3
    model: FlowConfig = field(default_factory=FlowConfig)


def _rate(run: FlowRun, step: int) -> float:
    """Learning rate of a step: warm-up, constant, linear cooldown."""
    left = (run.steps - step) / run.cooldown if run.cooldown else 1.0
    return run.rate * min(1.0, (step + 1 - run.restart) / 300) * max(0.01, min(1.0, left))


class Small(nn.Module):
    """Picture encoder and flow model, trained together."""

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        self.encoder = PictureEncoder(width=config.picture, kinds=config.kinds)
        self.flow = FlowModel(config)


def _onset_loss(logits: Tensor, onsets: Tensor) -> Tensor:
    """How badly the encoder says where the onsets are; onsets are rare, so each counts eight times."""
    weight = torch.tensor(8.0, device=logits.device)
    return nn.functional.binary_cross_entropy_with_logits(logits.float(), onsets, pos_weight=weight)


def _encoder_losses(model: Small, batch: dict[str, Tensor], run: FlowRun) -> tuple[Tensor, dict[str, float]]:
    """The loss of the encoder's own tasks, to say where the onsets are, what begins there and what lasts; its parts."""
    vectors, onset_logits = model.encoder(batch["maps"], batch["cuts"])
    return _own_tasks(model, vectors, onset_logits, batch, run)


def _own_tasks(
    model: Small, vectors: Tensor, onset_logits: Tensor, batch: dict[str, Tensor], run: FlowRun
) -> tuple[Tensor, dict[str, float]]:
    """The encoder's loss where it has looked already; rows whose picture is another scene's do not count."""
    own = batch.get("seen_own", torch.ones(len(vectors), dtype=torch.bool, device=vectors.device))
    onset = _onset_loss(onset_logits[own], batch["onsets"][own])
    begins = own[:, None] & (batch["kinds"] >= 0) & (batch["kinds"] < run.model.kinds)
    kind = nn.functional.cross_entropy(
        model.encoder.kinds(vectors[begins]).float(), batch["kinds"][begins], reduction="sum"
    )
    kind = kind / max(1, int(begins.sum()))
    known = own[:, None, None] & ~batch["levels"].isnan()
    level = nn.functional.binary_cross_entropy_with_logits(
        model.encoder.levels(vectors)[known].float(), batch["levels"][known], reduction="sum"
    )
    level = level / max(1, int(known.sum()))
    parts = {"onset_loss": onset, "kind_loss": kind, "level_loss": level}
    loss = run.onset_weight * onset + run.kind_weight * kind + run.level_weight * level
    return loss, {name: float(value.detach()) for name, value in parts.items()}


def _losses(model: Small, batch: dict[str, Tensor], weights: Tensor, run: FlowRun) -> tuple[Tensor, dict[str, float]]:
    """The loss of one step of flow and encoder, and its parts."""
    with torch.set_grad_enabled(not run.keep_encoder):
        vectors, onset_logits = model.encoder(batch["maps"], batch["cuts"])
        encoder, parts = _own_tasks(model, vectors, onset_logits, batch, run)
    t = batch["t"][:, None, None]
    x = (1 - t) * batch["x0"] + t * batch["x1"]
    whole = (batch["role"] == ROLES.index(Role.AMB))[:, None, None]  # a background sees its window as a whole
    vectors = torch.where(whole, vectors.mean(1, keepdim=True), vectors)
    spots = torch.cat([peaks(onset_logits.detach()), torch.ones_like(batch["see"])[..., None]], dim=2).float()
    spots[..., -1] *= SEEN
    events = torch.where(batch["seen"][:, None, None], spots, batch["events"])
    conditions = Conditions(
        vectors,
        events=events,
        **{name: batch[name] for name in ("text", "role", "see", "read", "negative", "avoid", "timbre", "known")},
    )
    velocity = model.flow(x, batch["t"], conditions).float()
    each = ((velocity - (batch["x1"] - batch["x0"])) ** 2 * weights).mean((1, 2))
    parts["loss"] = float(each.detach().mean())
    for role, name in enumerate(_LOSSES[1 : 1 + len(ROLES)]):
        if (asked := batch["role"] == role).any():
            parts[name] = float(each[asked].detach().mean())
    return each.mean() + encoder, parts


def _optimizers(model: Small, run: FlowRun) -> dict[str, torch.optim.Optimizer]:
    """Muon for the matrices of the transformer's blocks, AdamW for all else: at equal steps better than AdamW alone.

    After 240 steps on the same examples the loss on other scenes was 0.640 against 0.652, at a sixth more time.
    """
    if not hasattr(torch.optim, "Muon"):
        raise RuntimeError(f"training needs torch 2.9 or newer, for its Muon; this is {torch.__version__}")
    matrices = [value for value in model.flow.blocks.parameters() if value.ndim == 2]
    known = {id(value) for value in matrices}
    rest = [value for value in model.parameters() if id(value) not in known]
    muon = torch.optim.Muon(matrices, lr=run.rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")
    return {"adamw": torch.optim.AdamW(rest, lr=run.rate, betas=(0.9, 0.98), weight_decay=0.01), "muon": muon}


def train(
    run: FlowRun,
    *,
    folder: Path,
    shard_folder: Path,
    device: str,
    minutes: float,
    only_encoder: bool = False,
    until: int | None = None,
    save_every_s: float = 180.0,
) -> Small:
    """Train for at most `minutes`, or to step `run.steps` (or `until`); returns the averaged model.

    `only_encoder` trains the picture encoder on its own tasks, also with shards that have no sound; its steps count,
    and the flow goes on from the same checkpoint.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps(asdict(run), indent=1))
    torch.manual_seed(run.seed)
    model, average = Small(run.model).to(device), Small(run.model).to(device)
    average.load_state_dict(model.state_dict())
    optimizers = _optimizers(model, run)
    models = {"model": model, "average": average}
    step = checkpoint.load(folder, models=models, optimizers=optimizers, fresh_at=run.restart)
    pictures, examples = Pictures(shard_folder), Examples(shard_folder, folder)
    data: Pictures | Examples = pictures if only_encoder else examples
    data.refresh()
    weights = examples.codec.loss_weights(coarse=run.model.coarse).to(device)
    average.eval()
    model.encoder.train(not run.keep_encoder)
    started = saved = refreshed = time.monotonic()
    seen: dict[str, list[float]] = {}
    samples = 0
    last = run.steps if until is None else min(until, run.steps)
    while step < last and time.monotonic() - started < minutes * 60:
        for group in (group for optimizer in optimizers.values() for group in optimizer.param_groups):
            group["lr"] = _rate(run, step)
        if only_encoder:
            batch = pictures.batch(tokens=run.drawing.tokens, seed=run.seed, step=step)
        else:
            batch = examples.batch(run.drawing, seed=run.seed, step=step)
        batch = {name: tensor.to(device) for name, tensor in batch.items()}
        torch.manual_seed(run.seed * 1_000_003 + step)  # what is dropped depends on the step alone, too
        with torch.autocast(device, torch.bfloat16):
            loss, parts = _encoder_losses(model, batch, run) if only_encoder else _losses(model, batch, weights, run)
        model.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers.values():
            optimizer.step()
        step += 1
        samples += len(batch["maps"])
        checkpoint.update_average(average, model, step=step)
        for name, value in parts.items():
            seen.setdefault(name, []).append(value)
        now = time.monotonic()
        if step % 50 == 0:
            means = [sum(values) / len(values) if (values := seen.get(name)) else 0.0 for name in _LOSSES]
            columns = ("step", *_LOSSES, "samples", "seconds")
            checkpoint.append_row(folder / "flow.csv", columns, (step, *means, samples, now - started))
            seen = {}
        if now - refreshed > 90:
            data.refresh()
            refreshed = time.monotonic()
        if now - saved > save_every_s:
            checkpoint.save(folder, step=step, models=models, optimizers=optimizers, config=asdict(run))
            saved = time.monotonic()
    checkpoint.save(folder, step=step, models=models, optimizers=optimizers, config=asdict(run))
    return average
