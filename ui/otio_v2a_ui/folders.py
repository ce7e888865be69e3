"""Where the panel keeps what is the user's own: state, cache, configuration. Creates nothing."""

import os
import sys
import tempfile
from pathlib import Path

__all__ = ["cache_folder", "config_folder", "data_folder", "state_folder"]

_NAME = "otio-v2a"


def state_folder() -> Path:
    """Journals and other things that must survive a crash."""
    return _base("XDG_STATE_HOME", ".local/state") / _NAME


def cache_folder() -> Path:
    """Things that can be made again: thumbnails, peaks."""
    return _base("XDG_CACHE_HOME", ".cache") / _NAME


def config_folder() -> Path:
    """What the user has chosen: presets, settings."""
    return _base("XDG_CONFIG_HOME", ".config") / _NAME


def data_folder() -> Path:
    """Copies of what ships with the program: the demo cut."""
    return _base("XDG_DATA_HOME", ".local/share") / _NAME


def _base(variable: str, fallback: str) -> Path:
    named = os.environ.get(variable) or (os.environ.get("LOCALAPPDATA") if sys.platform == "win32" else None)
    if named:
        return Path(named)
    try:
        return Path.home() / fallback
    except RuntimeError:  # a service account without a home
        return Path(tempfile.gettempdir()) / fallback.strip(".")
