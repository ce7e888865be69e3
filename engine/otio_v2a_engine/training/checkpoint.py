"""Training state on disk: tensors as safetensors, numbers as JSON, written beside and renamed.

A run that is stopped and resumed from its checkpoint goes on exactly as if it had not been: model, average,
optimizers and step are kept, and batches are drawn by step number (`rng_for`), not by a running generator.
"""

import csv
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

__all__ = ["append_row", "load", "mix", "rng_for", "save", "update_average"]


def rng_for(seed: int, *path: int) -> np.random.Generator:
    """The generator of one step (or scene) of one run: the same numbers, the same draws."""
    return np.random.default_rng([seed, *path])


def save(
    folder: Path,
    *,
    step: int,
    models: Mapping[str, nn.Module],
    optimizers: Mapping[str, torch.optim.Optimizer],
    config: object,
) -> None:
    """Write the state into `folder`; a crash leaves the previous one whole."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, Tensor] = {}
    for name, model in models.items():
        tensors |= {f"{name}/{key}": value.detach().contiguous() for key, value in model.state_dict().items()}
    for name, optimizer in optimizers.items():
        for index, slots in optimizer.state_dict()["state"].items():
            tensors |= {f"{name}/{index}/{slot}": torch.as_tensor(value) for slot, value in slots.items()}
    path = folder / f"state-{step:08d}.safetensors"
    partial = path.with_suffix(".partial")
    save_file({key: value.cpu().clone() for key, value in tensors.items()}, partial)
    os.replace(partial, path)
    note = folder / "latest.partial"
    note.write_text(json.dumps({"step": step, "file": path.name, "config": config}, indent=1))
    os.replace(note, folder / "latest.json")
    for old in sorted(folder.glob("state-*.safetensors"))[:-2]:
        old.unlink()


def load(
    folder: Path,
    *,
    models: Mapping[str, nn.Module],
    optimizers: Mapping[str, torch.optim.Optimizer] | None = None,
    fresh_at: int = 0,
) -> int:
    """Read the newest state of `folder` into the models and, unless it is of step `fresh_at`, the optimizers.

    Returns:
        the number of steps done; 0 when there is no checkpoint.
    """
    note = folder / "latest.json"
    if not note.exists():
        return 0
    latest = json.loads(note.read_text())
    tensors = load_file(folder / latest["file"])
    for name, model in models.items():
        prefix = f"{name}/"
        model.load_state_dict({key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)})
    step = int(latest["step"])
    for name, optimizer in (optimizers or {}).items() if step != fresh_at else ():
        slots: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith(f"{name}/"):
                _, index, slot = key.split("/")
                slots.setdefault(int(index), {})[slot] = value
        optimizer.load_state_dict(optimizer.state_dict() | {"state": slots})
    return step


def mix(folder: Path, *, part: str, share: float) -> int:
    """Make one module of the newest state of `folder` a mixture of itself and its average, in both.

    The last steps have learned most, the average is the smoother. The optimizers are dropped: they were those of the
    module as it was.

    Args:
        folder: of the checkpoint.
        part: name of the module within the model.
        share: of the last weights, 0 to 1; the rest is the average.

    Returns:
        the step.
    """
    latest = json.loads((folder / "latest.json").read_text())
    path = folder / latest["file"]
    tensors = {key: value for key, value in load_file(path).items() if key.startswith(("model/", "average/"))}
    names = [key.removeprefix("model/") for key in tensors if key.startswith(f"model/{part}.")]
    if not names:
        raise ValueError(f"{path} has no part {part}")
    for name in names:
        both = share * tensors[f"model/{name}"] + (1 - share) * tensors[f"average/{name}"]
        tensors[f"model/{name}"], tensors[f"average/{name}"] = both, both.clone()
    partial = path.with_suffix(".partial")
    save_file(tensors, partial)
    os.replace(partial, path)
    return int(latest["step"])


@torch.no_grad()
def update_average(average: nn.Module, model: nn.Module, *, step: int, decay: float = 0.999) -> None:
    """Exponential moving average of the parameters, with a shorter memory at the start."""
    keep = min(decay, (1 + step) / (10 + step))
    for mean, value in zip(average.parameters(), model.parameters(), strict=True):
        mean.lerp_(value, 1 - keep)


def append_row(path: Path, names: Sequence[str], values: Sequence[float]) -> None:
    """One line of a curve, with a header on the first."""
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(names)
        writer.writerow([f"{value:.6g}" for value in values])
