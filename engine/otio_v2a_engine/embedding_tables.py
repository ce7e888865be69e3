"""Owns tables of embeddings on disk: one matrix a file, with a key that says of what. Knows no encoder."""

import os
import tempfile
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

__all__ = ["cache_folder", "read_table", "write_table"]

_TENSOR = "captions"


def read_table(path: Path, *, key: str, shape: tuple[int, int]) -> Tensor | None:
    """The table `(N, D)` in float32; None when the file is missing, damaged, or of another key or shape."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            if (file.metadata() or {}).get("key") != key:
                return None
            table: Tensor = file.get_tensor(_TENSOR).float()
    except (OSError, SafetensorError, KeyError):
        return None
    return table if tuple(table.shape) == shape else None


def write_table(path: Path, table: Tensor, *, key: str) -> None:
    """Write a table beside its place, then rename it. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    os.close(handle)
    try:
        save_file({_TENSOR: table.contiguous()}, name, metadata={"key": key})
        Path(name).chmod(0o644)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def cache_folder(name: str) -> Path:
    """Folder of the user's own cache for tables of one kind; it need not exist."""
    root = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    try:
        base = Path(root) if root else Path.home() / ".cache"
    except RuntimeError:  # a service account without a home
        base = Path(tempfile.gettempdir())
    return base / "otio-v2a" / name
