"""Finds a Python that runs the engine's worker, for hosts whose own program is none. Knows no host and no Qt."""

import os
import shutil
import sys
from pathlib import Path

from otio_v2a.errors import RunError
from otio_v2a.worker_process import WorkerSettings

__all__ = ["worker_settings"]

_VARIABLE = "OTIO_V2A_PYTHON"


def worker_settings() -> WorkerSettings:
    """How a host's panel runs its renders.

    In this order: the interpreter named by OTIO_V2A_PYTHON; this program, when it is a Python; the interpreter of the
    environment that this package is installed in; the one that `otio-v2a` on the path belongs to.

    Raises:
        RunError: none of these is there; says what to set.
    """
    named = os.environ.get(_VARIABLE)
    if named:
        if not Path(named).is_file():
            raise RunError(f"{_VARIABLE} names {named}, which is not there; point it at a Python with otio-v2a in it")
        return _with(Path(named))
    if Path(sys.executable).stem.lower().startswith("python"):
        return WorkerSettings()
    for python in (*_beside(Path(__file__)), *_of_command()):
        if python.is_file():
            return _with(python)
    raise RunError(f"no Python with otio-v2a's engines was found; set {_VARIABLE} to one and open the panel again")


def _with(python: Path) -> WorkerSettings:
    return WorkerSettings(command=(str(python), "-m", "otio_v2a_engine.worker"))


def _beside(module: Path) -> list[Path]:
    """Interpreters of the environments that a module may lie in: `<env>/lib/python3.x/site-packages/...`."""
    return [folder / name for folder in module.parents for name in ("bin/python3", "Scripts/python.exe")]


def _of_command() -> list[Path]:
    command = shutil.which("otio-v2a")
    return [Path(command).parent / name for name in ("python3", "python.exe")] if command else []
