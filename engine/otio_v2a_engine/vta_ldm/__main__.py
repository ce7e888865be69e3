"""Converts released files: `python -m otio_v2a_engine.vta_ldm SOURCE TARGET`. Knows no tensor.

Says what it does, a line each, on standard output; an error goes to standard error with exit status 2.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from otio_v2a_engine.contract import EngineError
from otio_v2a_engine.vta_ldm import published

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Convert from a command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m otio_v2a_engine.vta_ldm", description="Converts released files.")
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    options = parser.parse_args(arguments)
    try:
        # The libraries take seconds to import; what is missing is said at once.
        published.check_files(options.source)
        from otio_v2a_engine.vta_ldm.convert import convert

        convert(options.source, options.target, on_stage=_say)
    except EngineError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _say(stage: str) -> None:
    sys.stdout.write(f"{stage}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
