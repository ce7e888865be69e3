"""Trains the vocoder on random sound with a multi-resolution STFT loss. Resumes; knows no picture."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from otio_v2a_engine.models.mel import HOP, log_mel
from otio_v2a_engine.models.vocoder import NOISE_CHANNELS, Vocoder
from otio_v2a_engine.simulate.bank import Bank
from otio_v2a_engine.simulate.sounds import random_sound
from otio_v2a_engine.training import checkpoint

__all__ = ["VocoderRun", "spectral_loss", "train"]

_RESOLUTIONS = ((256, 64), (1024, 240), (4096, 960))  # window and hop in samples


@dataclass(frozen=True)
class VocoderRun:
    """Settings of one vocoder training.

    Attributes:
        steps: steps in all, for the schedule.
        batch: sounds a step.
        n_frames: mel frames of each.
        rate: highest learning rate.
        seed: of the sounds.
    """

    steps: int = 6000
    batch: int = 12
    n_frames: int = 64
    rate: float = 8e-4
    seed: int = 1


def spectral_loss(made: Tensor, true: Tensor) -> Tensor:
    """Distance of two sounds `(B, n)`: log and linear magnitudes at three resolutions."""
    total = made.new_zeros(())
    for n_fft, hop in _RESOLUTIONS:
        window = torch.hann_window(n_fft, device=made.device)
        a, b = (
            torch.stft(sound, n_fft, hop, window=window, return_complex=True).abs() / (n_fft / 4)
            for sound in (made, true)
        )
        log_distance = (torch.log10(a + 1e-5) - torch.log10(b + 1e-5)).abs().mean()
        convergence = (a - b).pow(2).sum((1, 2)).add(1e-8).sqrt() / b.pow(2).sum((1, 2)).add(1e-4).sqrt()
        total = total + log_distance + 0.3 * convergence.mean()
    return total / len(_RESOLUTIONS)


def _batch(run: VocoderRun, step: int, bank: Bank) -> tuple[Tensor, Tensor, Tensor]:
    rng = checkpoint.rng_for(run.seed, step)
    margin = 3  # frames at each end that see sound from outside the crop
    n = (run.n_frames + 2 * margin) * HOP
    sounds = np.stack([random_sound(n, bank, rng) for _ in range(run.batch)])
    mels = np.stack([log_mel(sound) for sound in sounds])[:, margin:-margin]
    noise = rng.standard_normal((run.batch, run.n_frames, NOISE_CHANNELS)).astype(np.float32)
    return (
        torch.from_numpy(sounds[:, margin * HOP : -margin * HOP].copy()),
        torch.from_numpy(mels.copy()),
        torch.from_numpy(noise),
    )


def train(run: VocoderRun, *, folder: Path, bank: Bank, device: str, minutes: float) -> Vocoder:
    """Train for at most `minutes` or until `run.steps`; returns the averaged model."""
    torch.manual_seed(run.seed)
    model, average = Vocoder().to(device), Vocoder().to(device)
    average.load_state_dict(model.state_dict())
    optimizer = torch.optim.AdamW(model.parameters(), lr=run.rate, betas=(0.9, 0.98), weight_decay=0.01)
    models = {"model": model, "average": average}
    step = checkpoint.load(folder, models=models, optimizers={"optimizer": optimizer})
    started = saved = time.monotonic()
    mean_loss = 0.0
    while step < run.steps and time.monotonic() - started < minutes * 60:
        for group in optimizer.param_groups:
            group["lr"] = run.rate * min(1.0, (step + 1) / 200) * max(0.02, 1 - step / run.steps)
        true, mel, noise = (tensor.to(device) for tensor in _batch(run, step, bank))
        with torch.autocast(device, torch.bfloat16):
            made = model(mel, noise)
        edge = HOP  # frames outside the crop are missing from both ends of the overlap-add
        loss = spectral_loss(made[:, edge:-edge], true[:, edge:-edge])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        checkpoint.update_average(average, model, step=step)
        mean_loss += (float(loss.detach()) - mean_loss) / (1 + (step - 1) % 50)
        if step % 50 == 0:
            elapsed = time.monotonic() - started
            checkpoint.append_row(folder / "vocoder.csv", ("step", "loss", "seconds"), (step, mean_loss, elapsed))
        if time.monotonic() - saved > 120:
            checkpoint.save(folder, step=step, models=models, optimizers={"optimizer": optimizer}, config=asdict(run))
            saved = time.monotonic()
    checkpoint.save(folder, step=step, models=models, optimizers={"optimizer": optimizer}, config=asdict(run))
    return average
