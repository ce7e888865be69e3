"""Puts trained models into the file that ships: one safetensors in bfloat16, and its note."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from otio_v2a_engine.models.codec import PcaCodec
from otio_v2a_engine.models.timbre import TimbrePrior, TimbreSpace
from otio_v2a_engine.models.vocoder import Vocoder
from otio_v2a_engine.simulate.backdrops import Footage
from otio_v2a_engine.simulate.bank import Bank
from otio_v2a_engine.training.flow import Small
from otio_v2a_engine.training.packing import write_weights

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
    write_weights(name, tensors, note=note, folder=folder)
    return folder / f"{name}.safetensors"


def attribution(bank: Bank, footage: Sequence[Footage] = ()) -> str:
    """Markdown that credits all that the models may have learned from: recordings, and the footage behind scenes."""
    lines = [
        "# Sounds that the weights learned from",
        "",
        "The recordings are not part of this package. Their authors are credited here, as their licences ask.",
        "",
        "| Recording | Source | Licence and author |",
        "| --- | --- | --- |",
    ]
    lines += [_credit(row.path, row.source, row.licence) for row in bank.credited()]
    if footage:
        lines += [
            "",
            "# Footage behind the scenes that the weights learned from",
            "",
            "Stills and calm stretches, cropped and lit otherwise. No part of them is in this package.",
            "",
            "| Footage | Source | Licence and author |",
            "| --- | --- | --- |",
            *(_credit(row.file, row.source, row.licence) for row in footage),
        ]
    return "\n".join(lines) + "\n"


def _credit(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', '/').strip() for cell in cells)} |"
