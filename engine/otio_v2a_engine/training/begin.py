"""Begins a run from exported weights, so that training goes on where its checkpoint is gone. Trains nothing.

The optimizers are fresh: `--restart` with the step of the weights warms them up. Weights are in bfloat16 where the
checkpoint was in float32; training forgets that in a few steps.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from safetensors.torch import save_file
from torch import nn

from otio_v2a_engine.small_networks import Networks
from otio_v2a_engine.training import checkpoint
from otio_v2a_engine.training.flow import FlowRun, Small
from otio_v2a_engine.training.prior import PriorRun
from otio_v2a_engine.weights import read_weights

__all__ = ["Begun", "begin", "read_begun"]

_NOTE = "begun.json"


@dataclass(frozen=True)
class Begun:
    """What the weights had learned from that a run began with.

    Attributes:
        scenes, sights: how many.
        commands: that made them.
        history: of their training.
    """

    scenes: int = 0
    sights: int = 0
    commands: list[str] = field(default_factory=list)
    history: list[str] = field(default_factory=list)


def read_begun(runs: Path) -> Begun:
    """What the run in `runs` began with; nothing where it began from random numbers."""
    path = runs / _NOTE
    return Begun(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else Begun()


def begin(weights: Path, runs: Path) -> int:
    """Write checkpoints of flow, prior and vocoder, codec and space of timbres into `runs`.

    Args:
        weights: folder of `small.safetensors` and `small.json`.
        runs: folder of the run; it has no checkpoints yet.

    Returns:
        the step of the flow, for `--restart`.

    Raises:
        WeightsError: the weights cannot be read, or do not fit this version.
        FileExistsError: there is a checkpoint in `runs`, which would be lost.
    """
    folders = {name: runs / name for name in ("flow", "prior", "vocoder")}
    if kept := [folder for folder in folders.values() if (folder / "latest.json").exists()]:
        raise FileExistsError(f"{kept[0]} holds a checkpoint already; begin in an empty folder, or move it away")
    read = read_weights("small", folder=weights, cure="export them again")
    networks, note = Networks.of(read), read.note["training"]
    small = Small(networks.flow.config)
    small.encoder, small.flow = networks.encoder, networks.flow
    models: dict[str, nn.Module] = {"flow": small, "prior": networks.prior, "vocoder": networks.vocoder}
    configs = {
        "flow": asdict(FlowRun(steps=int(note["flow_steps"]), model=networks.flow.config)),
        "prior": asdict(PriorRun(steps=int(note["prior_steps"]), model=networks.prior.config)),
        "vocoder": {},
    }
    for name, model in models.items():
        both = {"model": model, "average": model}
        checkpoint.save(
            folders[name], step=int(note[f"{name}_steps"]), models=both, optimizers={}, config=configs[name]
        )
        (folders[name] / "run.json").write_text(json.dumps(configs[name], indent=1), encoding="utf-8")
    save_file(networks.codec.tensors(), folders["flow"] / "codec.safetensors")
    save_file(networks.timbre.tensors(), folders["flow"] / "timbre.safetensors")
    history = [*read.note["history"], f"begin --weights, of SHA-256 {read.note['sha256'][:8]}; then the commands"]
    begun = Begun(int(note["scenes"]), int(note["sights"]), note["commands"], history)
    (runs / _NOTE).write_text(json.dumps(asdict(begun), indent=1), encoding="utf-8")
    return int(note["flow_steps"])
