"""Puts trained models into the file that ships: one safetensors in bfloat16, and its note."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from otio_v2a_engine.models.codec import PcaCodec
from otio_v2a_engine.models.timbre import TimbrePrior, TimbreSpace
from otio_v2a_engine.models.vocoder import Vocoder
from otio_v2a_engine.simulate.bank import Bank
from otio_v2a_engine.training.flow import Small

__all__ = ["attribution", "export"]


def export(
    small: Small,
    prior: TimbrePrior,
    vocoder: Vocoder,
    codec: PcaCodec,
    space: TimbreSpace,
    *,
    name: str,
    folder: Path,
    note: Mapping[str, Any],
) -> Path:
    """Write `name.safetensors` and `name.json` into `folder`; the note gets the configuration and the SHA-256.

    Networks are stored in bfloat16, the components of sound and timbre in float32 (they are summed over 384 numbers).
    """
    tensors: dict[str, Tensor] = {}
    parts = {"encoder": small.encoder, "flow": small.flow, "prior": prior, "vocoder": vocoder}
    for part, model in parts.items():
        tensors |= {f"{part}/{key}": value.to(torch.bfloat16) for key, value in model.state_dict().items()}
    for part, tables in {"codec": codec.tensors(), "timbre": space.tensors()}.items():
        tensors |= {f"{part}/{key}": value for key, value in tables.items()}
    data = save({key: value.detach().cpu().contiguous() for key, value in tensors.items()})
    text = json.dumps({"name": name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), **note}, indent=1)
    folder.mkdir(parents=True, exist_ok=True)
    for suffix, content in ((".safetensors", data), (".json", text.encode() + b"\n")):
        partial = folder / f"{name}{suffix}.partial"
        partial.write_bytes(content)
        os.replace(partial, folder / f"{name}{suffix}")
    return folder / f"{name}.safetensors"


def attribution(bank: Bank) -> str:
    """Markdown that credits every recording the models may have learned from: its source, licence and author."""
    lines = [
        "# Sounds that the weights learned from",
        "",
        "The recordings are not part of this package. Their authors are credited here, as their licences ask.",
        "",
        "| Recording | Source | Licence and author |",
        "| --- | --- | --- |",
    ]
    for row in bank.credited():
        cells = (text.replace("|", "/").strip() for text in (row.path, row.source, row.licence))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
