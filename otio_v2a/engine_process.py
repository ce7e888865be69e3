"""Owns one-off programs of the engine package, which need torch and so run in processes of their own.

Renders go through `worker_process.py`; this is for what is asked once and answered with files: converting, explaining.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryFile

import otio_v2a_engine
from otio_v2a.errors import RunError

__all__ = ["run_module"]

_MESSAGE_BYTES = 4000


def run_module(module: str, arguments: Sequence[str], *, on_line: Callable[[str], None]) -> None:
    """Run `python -m module arguments`, offline; `on_line` hears each line of its standard output.

    Raises:
        RunError: it failed; the message is the end of what it wrote to standard error.
    """
    with TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=_environment(),
        )
        with process:
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    on_line(line.rstrip("\n"))
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            errors.seek(max(0, errors.seek(0, os.SEEK_END) - _MESSAGE_BYTES))
            message = errors.read().decode("utf-8", errors="replace").strip()
            raise RunError(message or f"{module} ended with exit code {process.returncode}")


def _environment() -> dict[str, str]:
    environment = dict(os.environ)
    # It must find the same engine package as we do, from a checkout too.
    root = str(Path(otio_v2a_engine.__file__ or "").resolve().parents[1])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [root, environment.get("PYTHONPATH")]))
    environment["PYTHONUNBUFFERED"] = "1"
    environment["HF_HUB_OFFLINE"] = environment["TRANSFORMERS_OFFLINE"] = "1"
    environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    return environment
