"""Writes the model that ships as a folder to train further: `python -m otio_v2a_engine.small_export FOLDER`.

The folder is a diffusers pipeline's (`SmallPipeline.save_pretrained`). Says what it does, a line each, on standard
output; an error goes to standard error with exit status 2.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from otio_v2a_engine.contract import EngineError, WeightsError

__all__ = ["export", "main"]

_CREDITS = "ATTRIBUTION.md"


def export(target: Path) -> None:
    """Write the shipped weights of `small`, and the credits of what they learned from, into a new folder.

    Raises:
        WeightsError: the folder exists, or cannot be written; or the weights are damaged.
    """
    partial = target.with_name(f".{target.name}.partial")
    if target.exists():
        raise WeightsError(f"{target} exists already; choose another folder, or remove it first")
    # Seconds: diffusers is imported.
    from otio_v2a_engine.pipelines.small_diffusers import SmallPipeline
    from otio_v2a_engine.weights import FOLDER

    try:
        shutil.rmtree(partial, ignore_errors=True)
        SmallPipeline.shipped().save_pretrained(partial)
        shutil.copy(FOLDER / _CREDITS, partial)
        partial.rename(target)
    except OSError as error:
        raise WeightsError(f"{target} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Export from a command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m otio_v2a_engine.small_export", description="Writes the model.")
    parser.add_argument("target", type=Path)
    target = parser.parse_args(arguments).target
    try:
        sys.stdout.write("writing the parts\n")
        sys.stdout.flush()
        export(target)
    except EngineError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
