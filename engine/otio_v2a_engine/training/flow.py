"""Trains the flow model and its picture encoder on shards of scenes. Resumes; takes new shards as they appear."""

import json
import logging
import math
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from otio_v2a_engine.contract import Role
from otio_v2a_engine.models.codec import PcaCodec, fit_pca
from otio_v2a_engine.models.flow import EVENT_SLOTS, Conditions, FlowConfig, FlowModel, PictureEncoder
from otio_v2a_engine.training import checkpoint, shards

__all__ = ["ROLES", "FlowRun", "Small", "load_codec", "train"]

ROLES = (Role.FX, Role.AMB)
_log = logging.getLogger(__name__)
_CURVE = ("step", "loss", "loss_fx", "loss_amb", "onset_loss", "samples", "seconds")


@dataclass(frozen=True)
class FlowRun:
    """Settings of one training.

    Attributes:
        steps: steps in all, for the schedule of the learning rate.
        restart: step at which this phase began; the rate warms up from there over 300 steps.
        cooldown: last steps, over which the rate falls to nothing; before them it is constant.
        tokens: tokens a step; a batch is this divided by the window's tokens.
        windows: lengths of window in tokens, drawn with equal odds.
        rate: highest learning rate.
        fx_share: share of the batch that asks for FX, the rest for AMB.
        known_share: share of the FX that are told their events.
        onset_weight: weight of the picture encoder's own task, to say where the onsets are.
        seed: of everything.
        model: sizes.
    """

    steps: int = 6000
    restart: int = 0
    cooldown: int = 2000
    tokens: int = 3200
    windows: tuple[int, ...] = (50, 100, 150, 200)
    rate: float = 1.2e-3
    fx_share: float = 0.72
    known_share: float = 0.5
    onset_weight: float = 0.3
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
        self.encoder = PictureEncoder(width=config.picture)
        self.flow = FlowModel(config)


def load_codec(folder: Path, shard_paths: list[Path]) -> PcaCodec:
    """The codec of a run: read from `folder`, or fitted on the first shards and written there."""
    path = folder / "codec.safetensors"
    if not path.exists():
        mel = [shards.read_shard(shard).mel[role] for shard in shard_paths[:6] for role in (Role.FX, Role.FX, Role.AMB)]
        save_file(fit_pca(torch.cat(mel).float()).tensors(), path)
    return PcaCodec(**load_file(path))


class _Data:
    """Shards in memory as latents; `refresh` takes those that appeared."""

    def __init__(self, folder: Path, run_folder: Path, captions: Path) -> None:
        self.folder, self.captions = folder, captions
        self.codec = load_codec(run_folder, shards.paths(folder))
        self.latents: dict[Role, list[Tensor]] = {role: [] for role in ROLES}
        self.texts: dict[Role, list[str]] = {role: [] for role in ROLES}
        self.maps: list[Tensor] = []
        self.cuts: list[Tensor] = []
        self.onsets: list[Tensor] = []
        self.events: list[Tensor] = []
        self.embeddings: dict[str, Tensor] = {}
        self._known = 0

    def __len__(self) -> int:
        return len(self.maps)

    def refresh(self) -> None:
        """Read new shards and embed their captions."""
        from otio_v2a_engine.conditioning import SentenceEncoder

        new = shards.paths(self.folder)[self._known :]
        if not new:
            return
        encoder = SentenceEncoder()
        for path in new:
            shard = shards.read_shard(path)
            self.maps += list(shard.maps)
            self.cuts += list(shard.cuts)
            for role in ROLES:
                self.latents[role] += list(self.codec.encode(shard.mel[role].float()).half())
                self.texts[role] += shard.captions[role]
                for text in set(shard.captions[role]) - self.embeddings.keys():
                    self.embeddings[text] = encoder.embed([text])[0]
            for onsets_s in shard.onsets_s:
                slots = torch.zeros(shards.SCENE_TOKENS * 4)
                index = (torch.tensor(onsets_s) * 100).round().long()
                slots[index[index < len(slots)]] = 1.0
                self.events.append(slots.view(-1, EVENT_SLOTS))
                # A frame is up to half a source frame away from its token: the neighbouring 10 ms count half.
                near = torch.nn.functional.max_pool1d(slots[None], 3, stride=1, padding=1)[0]
                self.onsets.append(torch.maximum(slots, 0.5 * near).view(-1, EVENT_SLOTS))
            self._known += 1
        _log.info("%d scenes, %d captions", len(self), len(self.embeddings))

    def batch(self, run: FlowRun, step: int) -> dict[str, Tensor]:
        """The batch of one step: a pure function of the step and of the shards there are."""
        rng = checkpoint.rng_for(run.seed, step)
        n_tokens = int(rng.choice(run.windows))
        size = max(1, run.tokens // n_tokens)
        scenes = rng.integers(0, len(self), size)
        starts = rng.integers(0, shards.SCENE_TOKENS - n_tokens + 1, size)
        roles = (rng.random(size) >= run.fx_share).astype(np.int64)
        cut = [slice(int(start), int(start) + n_tokens) for start in starts]
        known = (roles == 0) & (rng.random(size) < run.known_share)
        # Some known events come with the picture of another scene: events that are told overrule what is seen.
        shown = np.where(known & (rng.random(size) < 0.3), rng.integers(0, len(self), size), scenes)
        maps = torch.stack([self.maps[i][c] for i, c in zip(shown, cut, strict=True)]).float()
        if rng.random() < 0.5:  # mirrored picture
            maps = maps.flip(-1)
            maps[:, :, 3] *= -1
        latents = [self.latents[ROLES[r]][i][c] for i, c, r in zip(scenes, cut, roles, strict=True)]
        texts = [self.embeddings[self.texts[ROLES[r]][i]] for i, r in zip(scenes, roles, strict=True)]
        events = torch.stack([self.events[i][c] for i, c in zip(scenes, cut, strict=True)])
        drop = rng.random(size)  # 9 % of all both, 9 % the picture alone, 12 % the text alone
        known &= drop >= 0.09
        told = torch.from_numpy(known).float()[:, None, None]
        see = np.broadcast_to((drop >= 0.18)[:, None], (size, n_tokens)).copy()
        for row in np.flatnonzero(known & (rng.random(size) < 0.35)):  # parts hidden, as around an edited event
            for _ in range(int(rng.integers(1, 5))):
                first, length = int(rng.integers(-8, n_tokens)), int(rng.integers(10, 40))
                see[row, max(0, first) : max(0, first + length)] = False
        return {
            "maps": maps,
            "cuts": torch.stack([self.cuts[i][c] for i, c in zip(shown, cut, strict=True)]).float(),
            "events": torch.cat([events * told, told.expand(-1, n_tokens, 1)], dim=2),
            "seen_own": torch.from_numpy(shown == scenes),
            "x1": torch.stack(latents).float(),
            "onsets": torch.stack([self.onsets[i][c] for i, c in zip(scenes, cut, strict=True)]),
            "text": torch.stack(texts),
            "role": torch.from_numpy(roles),
            "see": torch.from_numpy(see),
            "read": torch.from_numpy((drop >= 0.30) | ((drop >= 0.09) & (drop < 0.18))),
            "t": torch.from_numpy(1 / (1 + np.exp(-rng.normal(0.2, 1.1, size)))).float(),
            "x0": torch.from_numpy(rng.standard_normal((size, n_tokens, run.model.latent)).astype(np.float32)),
        }


def _onset_loss(logits: Tensor, onsets: Tensor) -> Tensor:
    """How badly the encoder says where the onsets are; onsets are rare, so each counts eight times."""
    weight = torch.tensor(8.0, device=logits.device)
    return nn.functional.binary_cross_entropy_with_logits(logits.float(), onsets, pos_weight=weight)


def _losses(
    model: Small, batch: dict[str, Tensor], weights: Tensor, onset_weight: float
) -> tuple[Tensor, dict[str, float]]:
    """The loss of one step and its parts; with `onset_weight` infinite only the encoder's own task."""
    vectors, onset_logits = model.encoder(batch["maps"], batch["cuts"])
    onset = _onset_loss(onset_logits[batch["seen_own"]], batch["onsets"][batch["seen_own"]])
    if math.isinf(onset_weight):
        return onset, {"loss": 0.0, "loss_fx": 0.0, "loss_amb": 0.0, "onset_loss": float(onset.detach())}
    t = batch["t"][:, None, None]
    x = (1 - t) * batch["x0"] + t * batch["x1"]
    whole = (batch["role"] == ROLES.index(Role.AMB))[:, None, None]  # a background sees its window as a whole
    vectors = torch.where(whole, vectors.mean(1, keepdim=True), vectors)
    conditions = Conditions(vectors, batch["text"], batch["role"], batch["see"], batch["read"], batch["events"])
    velocity = model.flow(x, batch["t"], conditions).float()
    each = ((velocity - (batch["x1"] - batch["x0"])) ** 2 * weights).mean((1, 2))
    is_fx = batch["role"] == 0
    parts = {
        "loss": float(each.detach().mean()),
        "loss_fx": float(each[is_fx].detach().mean()) if is_fx.any() else 0.0,
        "loss_amb": float(each[~is_fx].detach().mean()) if (~is_fx).any() else 0.0,
        "onset_loss": float(onset.detach()),
    }
    return each.mean() + onset_weight * onset, parts


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

    `only_encoder` trains the picture encoder on its own task, four times as many samples a second; its steps
    count, and the flow goes on from the same checkpoint.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps(asdict(run), indent=1))
    torch.manual_seed(run.seed)
    model, average = Small(run.model).to(device), Small(run.model).to(device)
    average.load_state_dict(model.state_dict())
    optimizer = torch.optim.AdamW(model.parameters(), lr=run.rate, betas=(0.9, 0.98), weight_decay=0.01)
    models = {"model": model, "average": average}
    step = checkpoint.load(folder, models=models, optimizer=optimizer)
    data = _Data(shard_folder, folder, shard_folder)
    data.refresh()
    weights = data.codec.loss_weights.to(device)
    started = saved = refreshed = time.monotonic()
    sums: dict[str, float] = {}
    samples = 0
    last = run.steps if until is None else min(until, run.steps)
    while step < last and time.monotonic() - started < minutes * 60:
        for group in optimizer.param_groups:
            group["lr"] = _rate(run, step)
        batch = {name: tensor.to(device) for name, tensor in data.batch(run, step).items()}
        with torch.autocast(device, torch.bfloat16):
            loss, parts = _losses(model, batch, weights, math.inf if only_encoder else run.onset_weight)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        samples += len(batch["x1"])
        checkpoint.update_average(average, model, step=step)
        for name, value in (parts | {"n": 1.0}).items():
            sums[name] = sums.get(name, 0.0) + value
        now = time.monotonic()
        if step % 50 == 0:
            means = [sums[name] / sums["n"] for name in _CURVE[1:5]]
            checkpoint.append_row(folder / "flow.csv", _CURVE, (step, *means, samples, now - started))
            sums = {}
        if now - refreshed > 90:
            data.refresh()
            refreshed = time.monotonic()
        if now - saved > save_every_s:
            checkpoint.save(folder, step=step, models=models, optimizer=optimizer, config=asdict(run))
            saved = time.monotonic()
    checkpoint.save(folder, step=step, models=models, optimizer=optimizer, config=asdict(run))
    return average
