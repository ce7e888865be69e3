"""Which weights the metrics need, where the user gets them, under what licence, and loading them from a folder.

Nothing is ever downloaded. Published pickles are converted once, on request, with `weights_only=True`; what is loaded
is safetensors, and every key must fit.
"""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from otio_v2a_engine.contract import WeightsError
from otio_v2a_engine.evaluation.networks import CavpSound, Cnn14, Vggish

__all__ = ["WEIGHTS", "Needed", "convert", "load", "missing"]


@dataclass(frozen=True)
class Needed:
    """Weights that some metrics need.

    Attributes:
        name: the word for them.
        path: file or folder, below the folder of weights.
        files: what must be there when `path` is a folder.
        published: the file as it is published.
        source: where to get it.
        licence: what it comes under.
        metrics: keys of the metrics that need it.
    """

    name: str
    path: str
    files: tuple[str, ...]
    published: str
    source: str
    licence: str
    metrics: tuple[str, ...]

    def present(self, folder: Path | None) -> bool:
        """Whether all of it is below the folder."""
        if folder is None:
            return False
        path = folder / self.path
        return all((path / name).is_file() for name in self.files) if self.files else path.is_file()

    def words(self, folder: Path | None) -> str:
        """What is missing, where to get it, under what licence and where to put it: one sentence for a user."""
        place = (folder or Path("WEIGHTS")) / self.path
        step = (
            f"put it there as {', '.join(self.files)}"
            if self.files
            else f"convert it: otio-v2a eval --weights {folder or 'WEIGHTS'} --convert {self.name} {self.published}"
        )
        return f"{place} is missing: get {self.published} from {self.source} ({self.licence}) and {step}"


WEIGHTS: tuple[Needed, ...] = (
    Needed(
        "vggish",
        "vggish.safetensors",
        (),
        "vggish-10086976.pth",
        "github.com/harritaylor/torchvggish, release v0.1",
        "Apache-2.0",
        ("fad",),
    ),
    Needed(
        "panns",
        "panns.safetensors",
        (),
        "Cnn14_16k_mAP=0.438.pth",
        "zenodo.org/records/3987831",
        "CC BY 4.0",
        ("fd", "kl", "is"),
    ),
    Needed(
        "clap",
        "clap",
        ("config.json", "model.safetensors", "preprocessor_config.json", "tokenizer.json"),
        "laion/clap-htsat-unfused",
        "huggingface.co/laion/clap-htsat-unfused",
        "Apache-2.0",
        ("clap", "pam"),
    ),
    Needed(
        "cavp",
        "cavp.safetensors",
        (),
        "cavp_epoch66.ckpt",
        "huggingface.co/SimianLuo/Diff-Foley",
        "MIT; trained on VGGSound and AudioSet",
        ("cavp",),
    ),
)

_DERIVED = ("spectrogram_extractor.", "logmel_extractor.")
"""Buffers of PANNs' file that its front end computes anyway."""
_BUILD: dict[str, Callable[[], nn.Module]] = {"vggish": Vggish, "panns": Cnn14, "cavp": CavpSound}
_CAVP_SOUND, _CAVP_PICTURE = "spec_encoder.", ("video_encoder.", "video_project_head.")


def missing(folder: Path | None, *, metrics: tuple[str, ...]) -> tuple[Needed, ...]:
    """The weights that these metrics need and the folder does not have."""
    return tuple(n for n in WEIGHTS if set(n.metrics) & set(metrics) and not n.present(folder))


def load(name: str, folder: Path, *, build: Callable[[], nn.Module] | None = None) -> nn.Module:
    """The network `vggish`, `panns` or `cavp` (its sound half), ready to use.

    Args:
        name: of the weights.
        folder: of the user's weights.
        build: makes the empty network; by default the published size.

    Raises:
        WeightsError: the file is missing, damaged or another network's.
    """
    needed = next(n for n in WEIGHTS if n.name == name)
    if not needed.present(folder):
        raise WeightsError(needed.words(folder))
    path = folder / needed.path
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise WeightsError(f"{path} is damaged ({error}); convert it again") from error
    if name == "cavp":
        tensors = _below(tensors, _CAVP_SOUND)
    network = (build or _BUILD[name])()
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise WeightsError(f"{path} does not hold the weights of {name}: {error}") from error
    return network.eval().requires_grad_(False)


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}


def convert(name: str, published: Path, folder: Path, *, build: Callable[[], nn.Module] | None = None) -> Path:
    """Turn a published file into the safetensors that `load` reads, with its hash, source and licence beside it.

    Raises:
        WeightsError: it cannot be read as plain tensors, or its keys do not fit.
    """
    needed = next((n for n in WEIGHTS if n.name == name and not n.files), None)
    if needed is None:
        known = ", ".join(n.name for n in WEIGHTS if not n.files)
        raise WeightsError(f"weights that can be converted are {known}, not {name!r}")
    try:
        content = torch.load(published, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for files that are not what they should be
        raise WeightsError(f"{published} cannot be read as plain tensors: {error}") from error
    while isinstance(content, dict) and not any(isinstance(value, Tensor) for value in content.values()):
        inner = next((content[key] for key in ("state_dict", "model") if isinstance(content.get(key), dict)), None)
        if inner is None:
            raise WeightsError(f"{published} holds no tensors")
        content = inner
    tensors = {
        key.removeprefix("module."): value.contiguous() for key, value in content.items() if isinstance(value, Tensor)
    }
    tensors = {key: value for key, value in tensors.items() if not key.startswith(_DERIVED)}
    if name == "cavp":
        tensors = {key: value for key, value in tensors.items() if key.startswith((_CAVP_SOUND, *_CAVP_PICTURE))}
    network = (build or _BUILD[name])()
    own = _below(tensors, _CAVP_SOUND) if name == "cavp" else tensors
    try:
        network.load_state_dict(own)
    except RuntimeError as error:
        raise WeightsError(f"{published} does not hold the published weights of {name}: {error}") from error
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / needed.path
    partial = path.with_suffix(".partial")
    save_file({key: value.clone() for key, value in tensors.items()}, partial)
    digest = hashlib.sha256(published.read_bytes()).hexdigest()
    note = {"published": published.name, "sha256": digest, "source": needed.source, "licence": needed.licence}
    path.with_suffix(".json").write_text(json.dumps(note, indent=1) + "\n", encoding="utf-8")
    os.replace(partial, path)
    return path
