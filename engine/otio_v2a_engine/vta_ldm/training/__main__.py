"""The training's process: `python -m otio_v2a_engine.vta_ldm.training prepare|run|ablation --help`.

`accelerate launch -m otio_v2a_engine.vta_ldm.training run ...` trains on several devices. Messages go to standard
error. Exit codes: 0 done, 2 it cannot be done.
"""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from otio_v2a_engine.contract import EngineError

__all__ = ["main"]

_log = logging.getLogger("otio_v2a_engine.vta_ldm.training")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m otio_v2a_engine.vta_ldm.training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    ablation = commands.add_parser("ablation", help="the ablation on simulated clips")
    ablation.add_argument("--out", type=Path, required=True, help="folder of the experiment; goes on where it stopped")
    ablation.add_argument("--steps", type=int, help="of every variant")
    ablation.add_argument("--clips", type=int, help="simulated clips to learn from")
    return parser


def _ablation(args: argparse.Namespace) -> None:
    from dataclasses import replace

    from otio_v2a_engine.vta_ldm.training.ablation import Size, run_ablation

    size = Size()
    size = replace(size, **{key: getattr(args, key) for key in ("steps", "clips") if getattr(args, key)})
    _log.info("%s", run_ablation(args.out, size))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    args = _parser().parse_args(argv)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        if args.command == "ablation":
            import torch

            torch.set_num_threads(1)
            _ablation(args)
    except EngineError as error:
        _log.error("error: %s", error)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
