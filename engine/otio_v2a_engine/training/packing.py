"""Writes a weights file and its note, as `weights.read_weights` reads them."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

__all__ = ["write_weights"]


def write_weights(name: str, tensors: Mapping[str, Tensor], *, note: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Write `name.safetensors` and `name.json` into `folder`, each beside and renamed.

    Returns the note, which begins with the name, the SHA-256 and the size of the file.
    """
    data = save({key: value.detach().cpu().contiguous() for key, value in tensors.items()})
    whole = {"name": name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), **note}
    text = json.dumps(whole, indent=1) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    for suffix, content in ((".safetensors", data), (".json", text.encode())):
        partial = folder / f"{name}{suffix}.partial"
        partial.write_bytes(content)
        os.replace(partial, folder / f"{name}{suffix}")
    return whole
