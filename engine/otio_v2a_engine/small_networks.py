"""Owns what the engine `small` computes with: its networks as one value, and what knows words. Renders nothing.

weights that ship --------+
a folder that a user made +-> Weights -> Networks -> SmallEngine
a diffusers pipeline's modules --------> Networks ->
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from otio_v2a_engine.checkpoint_folders import PIPELINE_INDEX, checkpoint_id, find_checkpoint
from otio_v2a_engine.conditioning import SentenceEncoder
from otio_v2a_engine.contract import Role, Sampling, WeightsError
from otio_v2a_engine.ear import Ear
from otio_v2a_engine.models.codec import PcaCodec
from otio_v2a_engine.models.flow import FlowConfig, FlowModel, PictureEncoder
from otio_v2a_engine.models.timbre import PriorConfig, TimbrePrior, TimbreSpace
from otio_v2a_engine.models.vocoder import Vocoder
from otio_v2a_engine.reach import Reach
from otio_v2a_engine.simulate.vocabulary import OF_ROLE
from otio_v2a_engine.weights import Weights, read_weights

__all__ = ["OPTION", "PARTS", "BroughtWeights", "Networks", "Words", "read_folder"]

OPTION = "weights"
"""The engine option that names a folder of weights of the user's own."""

PARTS = ("encoder", "flow", "prior", "vocoder", "codec", "timbre")
"""What is in a weights file, and what the folders of a saved pipeline are called."""

_Network = TypeVar("_Network", bound=nn.Module)
_TENSORS, _CONFIG, _WRAPPED = "diffusion_pytorch_model.safetensors", "config.json", "network."


@dataclass(frozen=True)
class Networks:
    """The networks and tables of the engine, ready to compute: in evaluation, on one device.

    Attributes:
        encoder, flow, prior, vocoder: networks.
        codec, timbre: tables; `timbre` stays on the CPU.
        kinds: names of the kinds of sound that the encoder tells apart, in its order.
    """

    encoder: PictureEncoder
    flow: FlowModel
    prior: TimbrePrior
    vocoder: Vocoder
    codec: PcaCodec
    timbre: TimbreSpace
    kinds: tuple[str, ...]

    @classmethod
    def of(cls, weights: Weights) -> "Networks":
        """Networks with these weights, frozen, on the CPU.

        Raises:
            WeightsError: a part is missing or has another shape.
        """
        try:
            config = weights.note["config"]
            sizes = FlowConfig(**config["flow"])
            made = cls(
                encoder=_filled(PictureEncoder(width=sizes.picture, kinds=sizes.kinds), weights, "encoder"),
                flow=_filled(FlowModel(sizes), weights, "flow"),
                prior=_filled(TimbrePrior(PriorConfig(**config["prior"])), weights, "prior"),
                vocoder=_filled(Vocoder(**config["vocoder"]), weights, "vocoder"),
                codec=PcaCodec(**weights.part("codec")),
                timbre=TimbreSpace(**weights.part("timbre")),
                kinds=tuple(config["kinds"]),
            )
        except (KeyError, RuntimeError, TypeError) as error:
            raise WeightsError(f"the weights of engine small do not fit this version: {error}") from error
        if len(made.codec.basis) != sizes.latent or len(made.kinds) != sizes.kinds:
            raise WeightsError(
                f"the weights of engine small do not fit each other: the flow has {sizes.latent} numbers a token and "
                f"{sizes.kinds} kinds, the codec {len(made.codec.basis)}, the names {len(made.kinds)}"
            )
        return made

    def to(self, device: torch.device) -> "Networks":
        """The same on a device, but for `timbre`; networks are moved, not copied."""
        for network in (self.encoder, self.flow, self.prior, self.vocoder):
            network.to(device)
        codec = {name: table.to(device) for name, table in self.codec.tensors().items()}
        timbre = {name: table.cpu() for name, table in self.timbre.tensors().items()}
        return replace(self, codec=PcaCodec(**codec), timbre=TimbreSpace(**timbre))


@dataclass(frozen=True)
class Words:
    """What knows words: installed with the package, the same for all weights, slow to load.

    Attributes:
        sentences: sentences to embeddings.
        reach: what is near to a prompt.
        ear: how well a sound fits one.
    """

    sentences: SentenceEncoder
    reach: Reach
    ear: Ear

    @classmethod
    def load(cls) -> "Words":
        """Read them.

        Raises:
            WeightsError: a file is missing or damaged.
        """
        sentences = SentenceEncoder()
        reach = Reach(sentences)
        return cls(sentences, reach, Ear(encoder=sentences, reach=reach))


class BroughtWeights:
    """Networks of the folder that a request names; keeps the last one loaded.

    Args:
        device: of the networks.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._kept: tuple[tuple[Path, str], Networks] | None = None

    def of(self, sampling: Sampling) -> Networks | None:
        """None where no folder is named.

        Raises:
            WeightsError: the folder is missing, holds no weights of `small`, or they do not fit.
        """
        value = sampling.option(OPTION)
        if value is None:
            return None
        folder = find_checkpoint(value, option=OPTION, is_pipeline=True)
        key = (folder, checkpoint_id(folder))
        if self._kept is None or self._kept[0] != key:
            self._kept = None
            try:
                self._kept = key, Networks.of(read_folder(folder)).to(self._device)
            except WeightsError as error:
                raise WeightsError(f"option {OPTION}={folder}: {error}") from error
        return self._kept[1]


def read_folder(folder: Path) -> Weights:
    """Weights from a folder that a user made.

    Args:
        folder: as `SmallPipeline.save_pretrained` writes it, or with `small.safetensors` and `small.json`, as the
            training exports them.

    Raises:
        WeightsError: it is missing, damaged, neither, or of a version with other kinds of sound; the message names
            the file.
    """
    if (folder / PIPELINE_INDEX).is_file():
        weights = _read_pipeline(folder)
    else:
        cure = "export them again, or name a folder that save_pretrained wrote"
        weights = read_weights("small", folder=folder, cure=cure)
    if unknown := {kind.name for kind in OF_ROLE[Role.FX]} - set(weights.note.get("config", {}).get("kinds", [])):
        raise WeightsError(
            f"the weights in {folder} do not know {', '.join(sorted(unknown))}: they were made for another version of "
            "otio-v2a; export those of this version and train them again"
        )
    return weights


def _read_pipeline(folder: Path) -> Weights:
    tensors: dict[str, Tensor] = {}
    for part in PARTS:
        path = folder / part / _TENSORS
        try:
            read = load_file(path)
        except (OSError, SafetensorError) as error:
            raise WeightsError(f"{path} cannot be read ({error}); save the pipeline again") from error
        tensors |= {f"{part}/{name.removeprefix(_WRAPPED)}": value.float() for name, value in read.items()}
    encoder, flow, prior, vocoder = (_config(folder / part / _CONFIG) for part in PARTS[:4])
    return Weights(
        tensors=tensors,
        note={"config": {"flow": flow, "prior": prior, "vocoder": vocoder, "kinds": encoder.get("kinds", [])}},
    )


def _config(path: Path) -> dict[str, Any]:
    """What a component was made with; diffusers' own entries begin with a dash below."""
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({error.strerror}); save the pipeline again") from error
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{path} is no JSON ({error}); save the pipeline again") from error
    if not isinstance(read, Mapping):
        raise WeightsError(f"{path} is no configuration; save the pipeline again")
    return {name: value for name, value in read.items() if not name.startswith("_")}


def _filled(network: _Network, weights: Weights, part: str) -> _Network:
    network.load_state_dict(weights.part(part))
    network.eval().requires_grad_(False)
    return network
