"""The evaluation's process: `python -m otio_v2a_engine.evaluation run|list|convert --help`.

Progress and JSON go to standard output, what is wrong to standard error. Exit codes: 0 done, 2 it cannot be done.
"""

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from otio_v2a_engine.contract import EngineError

__all__ = ["main"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m otio_v2a_engine.evaluation", description=__doc__)
    parser.add_argument("--weights", type=Path, help="folder of the metrics' weights")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="compute figures and write reports")
    run.add_argument("made", type=Path, nargs="*", help="folders of made sounds, one a system")
    run.add_argument("--reference", type=Path, required=True, help="folder of movies and their true sounds")
    run.add_argument("--labels", type=Path, help="CSV with clip, caption, onsets_s")
    run.add_argument("--metrics", help="only these, separated by commas")
    run.add_argument("--no-baselines", action="store_true")
    run.add_argument("--out", type=Path, required=True, help="folder of the reports")
    run.add_argument("--title", default="Evaluation")
    commands.add_parser("list", help="the metrics and the weights they need, as JSON")
    convert = commands.add_parser("convert", help="turn published weights into safetensors")
    convert.add_argument("name")
    convert.add_argument("file", type=Path)
    return parser


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _run(args: argparse.Namespace) -> None:
    import torch

    from otio_v2a_engine.evaluation.clips import read_clips, read_made
    from otio_v2a_engine.evaluation.measuring import evaluate
    from otio_v2a_engine.evaluation.metrics import KEYS
    from otio_v2a_engine.evaluation.report import write_reports

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    chosen = tuple(dict.fromkeys(args.metrics.split(","))) if args.metrics else KEYS

    def progress(done: int, total: int, what: str) -> None:
        _say(f"{done} of {total}  {what}")

    evaluation = evaluate(
        read_clips(args.reference, labels=args.labels),
        [read_made(folder) for folder in args.made],
        metrics=chosen,
        weights=args.weights,
        baselines=not args.no_baselines,
        on_progress=progress,
    )
    write_reports(evaluation, args.out, title=args.title)


def _list(folder: Path | None) -> str:
    from otio_v2a_engine.evaluation.metrics import METRICS
    from otio_v2a_engine.evaluation.weights import WEIGHTS

    return json.dumps(
        {
            "metrics": [
                {"key": m.key, "group": m.group, "title": m.title, "better": m.better, "definition": m.definition}
                for m in METRICS
            ],
            "weights": [
                {
                    "name": needed.name,
                    "present": needed.present(folder),
                    "metrics": needed.metrics,
                    "source": needed.source,
                    "licence": needed.licence,
                    "words": needed.words(folder),
                }
                for needed in WEIGHTS
            ],
        }
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    args = _parser().parse_args(argv)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        os.environ[name] = "1"
    try:
        if args.command == "run":
            _run(args)
        elif args.command == "list":
            _say(_list(args.weights))
        else:
            from otio_v2a_engine.evaluation.weights import convert

            path = convert(args.name, args.file, args.weights or Path.cwd())
            _say(f"wrote {path}")
    except EngineError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
