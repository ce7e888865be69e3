"""The training's process: `python -m otio_v2a_engine.vta_ldm.training prepare|run|ablation --help`.

`accelerate launch -m otio_v2a_engine.vta_ldm.training run ...` trains on several devices. What is
done goes to standard output, what is wrong to standard error. Exit codes: 0 done, 2 it cannot be done.
"""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from otio_v2a_engine.contract import EngineError

__all__ = ["main"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m otio_v2a_engine.vta_ldm.training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    prepare = commands.add_parser("prepare", help="movies to prepared clips")
    prepare.add_argument("--base", type=Path, required=True, help="weights folder whose frozen parts are used")
    source = prepare.add_mutually_exclusive_group(required=True)
    source.add_argument("--vggsound", type=Path, metavar="CSV", help="VGGSound's table; needs --movies")
    source.add_argument("--tar", type=Path, nargs="+", metavar="SHARD", help="tar shards")
    prepare.add_argument("--movies", type=Path, metavar="DIR", help="folder of VGGSound's movies")
    prepare.add_argument("--split", default="train", help="of VGGSound (train)")
    prepare.add_argument("--align", action="store_true", help="measure AV-Align and motion z, for the filter")
    prepare.add_argument("--clap", type=Path, metavar="DIR", help="measure sound against caption with CLAP's weights")
    prepare.add_argument("--out", type=Path, required=True, help="folder of the prepared set")
    run = commands.add_parser("run", help="train through the stages of a file")
    run.add_argument("stages", type=Path, help="TOML file with [[stage]] tables")
    run.add_argument("--base", type=Path, required=True, help="weights folder to start from")
    run.add_argument("--fresh", type=int, metavar="SEED", help="start projection and UNet anew, drawn from this seed")
    run.add_argument("--out", type=Path, required=True, help="folder of checkpoints; goes on where it stopped")
    run.add_argument("--export", type=Path, help="write the result as a new weights folder")
    run.add_argument("--precision", choices=("no", "bf16", "fp16"), default="no", help="mixed precision (no)")
    run.add_argument("--save-every", type=int, default=1000, metavar="N", help="steps between checkpoints (1000)")
    ablation = commands.add_parser("ablation", help="the ablation on simulated clips")
    ablation.add_argument("--out", type=Path, required=True, help="folder of the experiment; goes on where it stopped")
    ablation.add_argument("--steps", type=int, help="of every variant")
    ablation.add_argument("--clips", type=int, help="simulated clips to learn from")
    return parser


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _prepare(args: argparse.Namespace) -> None:
    from otio_v2a_engine.vta_ldm.training.data import TrainingError, write_set

    # Before anything heavy is imported.
    if args.vggsound is not None and args.movies is None:
        raise TrainingError("--vggsound needs --movies, the folder of its movies")
    if args.out.exists() and any(args.out.glob("set-*")):
        raise TrainingError(f"{args.out} holds a prepared set already; choose another folder")
    from otio_v2a_engine.vta_ldm.checkpoint import read_checkpoint
    from otio_v2a_engine.vta_ldm.training.prepare import Preparation, prepare
    from otio_v2a_engine.vta_ldm.training.sources import tar_clips, vggsound_clips

    clips = tar_clips(*args.tar) if args.tar else vggsound_clips(args.vggsound, args.movies, split=args.split)
    how = Preparation(read_checkpoint(args.base), align=args.align, clap=args.clap)
    count = write_set(args.out, prepare(clips, how), on_shard=lambda done: _say(f"{done} clips prepared"))
    if not count:
        raise TrainingError("none of the clips could be prepared; the messages before this say why")
    _say(f"{count} clips in {args.out}")


def _run(args: argparse.Namespace) -> None:
    import torch

    from otio_v2a_engine.vta_ldm.checkpoint import read_checkpoint, write_checkpoint
    from otio_v2a_engine.vta_ldm.model import VtaLdmModel
    from otio_v2a_engine.vta_ldm.training.data import TrainingError
    from otio_v2a_engine.vta_ldm.training.stages import Stage, read_stages, run_stages
    from otio_v2a_engine.vta_ldm.training.trainer import Progress
    from otio_v2a_engine.weight_folders import read_note

    if args.export is not None and args.export.exists():
        raise TrainingError(f"{args.export} exists already; choose another folder for the result")
    stages = read_stages(args.stages)
    base = read_checkpoint(args.base)
    model = base.model
    if args.fresh is not None:
        torch.manual_seed(args.fresh)
        model = VtaLdmModel(base.config)

    def told(stage: Stage, progress: Progress) -> None:
        if progress.step % 50 == 0 or progress.step in (1, progress.steps):
            _say(f"{stage.name}: step {progress.step} of {progress.steps}, loss {progress.loss:.4f}")

    run_stages(
        model,
        base.vae,
        stages,
        folder=args.out,
        mixed_precision=args.precision,
        save_every=args.save_every,
        on_step=told,
    )
    if args.export is not None and int(os.environ.get("RANK", "0")) == 0:
        remark = f"trained by otio-v2a through stages {', '.join(stage.name for stage in stages)}"
        made = replace(base, model=model.cpu())
        tokenizer = args.base / "tokenizer"
        write_checkpoint(
            args.export,
            made,
            licence=read_note(args.base).licence,
            remarks=(remark,),
            tokenizer=tokenizer if tokenizer.is_dir() else None,
        )
        _say(f"wrote {args.export}")


def _ablation(args: argparse.Namespace) -> None:
    import torch

    from otio_v2a_engine.vta_ldm.training.ablation import Size, run_ablation

    torch.set_num_threads(1)
    size = Size()
    size = replace(size, **{key: getattr(args, key) for key in ("steps", "clips") if getattr(args, key)})
    _say(run_ablation(args.out, size))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    args = _parser().parse_args(argv)
    level = logging.INFO if args.command == "ablation" else logging.WARNING
    logging.basicConfig(stream=sys.stderr, level=level, format="%(message)s")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        {"prepare": _prepare, "run": _run, "ablation": _ablation}[args.command](args)
    except EngineError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
