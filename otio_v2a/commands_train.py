"""What `otio-v2a train` does: hands a training to a process of the engine and shows how it goes. Owns no recipe."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from otio_v2a.engine_process import run_module

__all__ = ["train_vta_ldm"]

_PROGRAM = "otio_v2a_engine.vta_ldm.training"


def train_vta_ldm(args: argparse.Namespace) -> int:
    """`otio-v2a train vta-ldm prepare|run|ablation`."""
    run_module(_PROGRAM, [args.action, *_options(args)], on_line=_say)
    return 0


def _options(args: argparse.Namespace) -> list[str]:
    """The options that were given, as the engine's program takes them: the same names."""
    out: list[str] = []
    if args.action == "run":
        out.append(str(args.stages.absolute()))
    for name in args.passed:
        value = getattr(args, name)
        option = f"--{name.replace('_', '-')}"
        if value is None or value is False:
            continue
        if value is True:
            out.append(option)
        elif isinstance(value, Sequence) and not isinstance(value, str):
            out += [option, *(str(path.absolute()) for path in value)]
        else:
            out += [option, str(value.absolute() if isinstance(value, Path) else value)]
    return out


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
