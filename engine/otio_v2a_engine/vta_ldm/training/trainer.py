"""The loop: frozen encoder and autoencoder, trained projection and UNet, on any number of devices. Resumes exactly.

Every number that is drawn depends on the seed, the step and the device's place alone, and a checkpoint holds model,
optimiser and step: a training that is stopped and resumed goes on as if it had not been, bit by bit on one machine.
"""

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn

from otio_v2a_engine.training import checkpoint
from otio_v2a_engine.vta_ldm.model import VtaLdmModel
from otio_v2a_engine.vta_ldm.training.data import Batch, PreparedSet, TrainingError, batch_at
from otio_v2a_engine.vta_ldm.training.recipe import Recipe, alphas_cumprod, loss_weights
from otio_v2a_engine.vta_ldm.vae import encode_mel

__all__ = ["Objective", "Progress", "train"]

_CURVE = ("step", "loss", "rate")


class Objective(nn.Module):
    """The loss as a module, so that projection and UNet are one part to whatever distributes them.

    Args:
        model: what is trained.
        gamma: of the loss weights.
        use: which conditions are given: "joint" all that there are, "video" the picture alone, "audio" never the
            picture (captions stay where there are any).
    """

    alphas: Tensor
    weights: Tensor

    def __init__(self, model: VtaLdmModel, *, gamma: float | None, use: str = "joint") -> None:
        super().__init__()
        self.model = model
        self.use = use
        alphas = alphas_cumprod(model.config.schedule)
        self.register_buffer("alphas", alphas, persistent=False)
        self.register_buffer("weights", loss_weights(alphas, gamma=gamma), persistent=False)

    def each(self, latents: Tensor, noise: Tensor, batch: Batch) -> Tensor:
        """Unweighted mean squared error of the v-prediction of every clip, `(B,)` (arXiv 2202.00512)."""
        signal = self.alphas[batch.t].sqrt()[:, None, None, None]
        spread = (1 - self.alphas[batch.t]).sqrt()[:, None, None, None]
        noisy, wanted = signal * latents + spread * noise, signal * noise - spread * latents
        text = batch.text if self.model.config.text is not None and self.use != "video" else None
        condition = self.model.encode_condition(
            batch.features,
            text=text,
            flow=batch.flow if self.model.config.flow is not None else None,
            drop_picture=torch.ones_like(batch.drop) if self.use == "audio" else batch.drop,
            drop_text=None if text is None else batch.drop,
        )
        predicted = self.model(noisy, batch.t, condition)
        error: Tensor = (predicted.float() - wanted).square().mean((1, 2, 3))
        return error

    def forward(self, latents: Tensor, noise: Tensor, batch: Batch) -> Tensor:
        """The training loss, a scalar."""
        return (self.each(latents, noise, batch) * self.weights[batch.t]).mean()


@dataclass(frozen=True)
class Progress:
    """Where a training stands: steps done, steps in all, the last step's loss."""

    step: int
    steps: int
    loss: float


def train(
    model: VtaLdmModel,
    vae: AutoencoderKL,
    data: PreparedSet,
    recipe: Recipe,
    *,
    folder: Path,
    use: str = "joint",
    concat: float = 0.0,
    until: int | None = None,
    mixed_precision: str = "no",
    save_every: int = 1000,
    on_step: Callable[[Progress], None] | None = None,
) -> VtaLdmModel:
    """Train to `recipe.steps` (or only to step `until`), going on where the folder says an earlier run stopped.

    Args:
        model: start values; changed in place.
        vae: the frozen autoencoder.
        data: prepared clips.
        recipe: the numbers; a folder refuses to go on with others.
        folder: of checkpoints, `curve.csv` and `run.json`.
        use: see `Objective`.
        concat: share of clips joined with another.
        until: stop after this step, to go on later.
        mixed_precision: "no", "bf16" or "fp16", as accelerate takes it.
        save_every: steps between checkpoints.
        on_step: told after every step, on the main process.

    Raises:
        TrainingError: the folder belongs to another training, the clips do not fit, or the loss is not finite.
    """
    try:
        from accelerate import Accelerator
    except ImportError as error:
        raise TrainingError("training needs accelerate: pip install 'otio-v2a[train]'") from error
    accelerator = Accelerator(
        mixed_precision=mixed_precision, gradient_accumulation_steps=recipe.accumulate, rng_types=[]
    )
    _check(model, data)
    _claim(folder, {"recipe": asdict(recipe), "use": use, "concat": concat, "clips": len(data)}, accelerator)
    if not recipe.train_projection:
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(not name.split(".")[0].endswith("projection"))
    model.train()
    vae.eval().requires_grad_(False).to(accelerator.device)
    objective = Objective(model, gamma=recipe.snr_gamma, use=use)
    trained = [parameter for parameter in objective.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        trained, lr=recipe.rate, betas=recipe.betas, eps=recipe.epsilon, weight_decay=recipe.weight_decay
    )
    optimizers = {"optimizer": optimizer}
    step = checkpoint.load(folder, models={"model": model}, optimizers=optimizers)
    prepared, stepper = accelerator.prepare(objective, optimizer)
    last = recipe.steps if until is None else min(until, recipe.steps)

    def save() -> None:
        accelerator.wait_for_everyone()
        if accelerator.is_main_process:
            bare = accelerator.unwrap_model(prepared).model
            checkpoint.save(folder, step=step, models={"model": bare}, optimizers=optimizers, config=asdict(recipe))

    while step < last:
        rate = recipe.rate_at(step)
        for group in optimizer.param_groups:
            group["lr"] = rate
        total = 0.0
        for part in range(recipe.accumulate):
            place = (step * recipe.accumulate + part) * accelerator.num_processes + accelerator.process_index
            batch = batch_at(
                data,
                seed=recipe.seed,
                index=place,
                batch=recipe.batch,
                n_train=model.config.schedule.n_train,
                drop=recipe.drop,
                concat=concat,
            ).to(accelerator.device)
            with accelerator.accumulate(prepared):
                latents, noise = _draw(vae, batch, scale=model.config.latent_scale)
                loss = prepared(latents, noise, batch)
                accelerator.backward(loss)
                if recipe.clip_norm is not None and accelerator.sync_gradients:
                    accelerator.clip_grad_norm_(trained, recipe.clip_norm)
                stepper.step()
                stepper.zero_grad()
            total += float(loss.detach()) / recipe.accumulate
        step += 1
        if not math.isfinite(total):
            raise TrainingError(f"the loss is {total} at step {step}; go on from {folder} with a lower rate")
        if accelerator.is_main_process:
            checkpoint.append_row(folder / "curve.csv", _CURVE, (step, total, rate))
            if on_step is not None:
                on_step(Progress(step, recipe.steps, total))
        if step % save_every == 0 and step < last:
            save()
    save()
    accelerator.free_memory()
    return model.eval()


def _draw(vae: AutoencoderKL, batch: Batch, *, scale: float) -> tuple[Tensor, Tensor]:
    """Latents of the true sounds, one draw of the autoencoder's posterior, and the noise to add."""
    # Drawn on the CPU: the same numbers on every kind of device.
    generator = torch.Generator().manual_seed(batch.noise_seed)
    with torch.no_grad():
        latents = encode_mel(vae, batch.mel, latent_scale=scale, generator=generator)
    return latents, torch.randn(latents.shape, generator=generator).to(latents)


def _check(model: VtaLdmModel, data: PreparedSet) -> None:
    first, config = data[0], model.config
    wanted: dict[str, tuple[tuple[int, ...] | None, tuple[int, ...]]] = {
        "mel": (first.mel.shape, (config.mel_frames, config.mel.n_mels)),
        "features": (first.features.shape[1:], (config.encoder.feature_dim,)),
    }
    if config.flow is not None:
        shape = first.flow.shape[1:] if first.flow is not None else None
        wanted["flow"] = (shape, (config.flow.feature_dim,))
    for name, (found, needed) in wanted.items():
        if found != needed:
            raise TrainingError(f"the prepared clips have {name} of shape {found}, the model takes {needed}")


def _claim(folder: Path, run: dict[str, Any], accelerator: Any) -> None:
    """Keep the settings beside the checkpoints, and refuse to mix two trainings."""
    note = folder / "run.json"
    if note.exists():
        before = json.loads(note.read_text(encoding="utf-8"))
        if before != json.loads(json.dumps(run)):
            raise TrainingError(f"{folder} holds a training with other settings ({note}); choose another folder")
    elif accelerator.is_main_process:
        folder.mkdir(parents=True, exist_ok=True)
        note.write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")
    accelerator.wait_for_everyone()
