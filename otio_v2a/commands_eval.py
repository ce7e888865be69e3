"""What `otio-v2a eval` does: has made sound measured by a process and shows the figures. Owns no metric."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from otio_v2a.console import print_table
from otio_v2a.engine_process import run_module
from otio_v2a.errors import PlanError, RunError

__all__ = ["evaluate"]

_PROGRAM = "otio_v2a_engine.evaluation"


def evaluate(args: argparse.Namespace) -> int:
    """`otio-v2a eval MADE... --reference DIR`, or `--list`, or `--convert NAME FILE`."""
    weights = ["--weights", str(args.weights.absolute())] if args.weights is not None else []
    if args.list:
        return _list(weights, as_json=args.json)
    if args.convert is not None:
        if not weights:
            raise PlanError("--convert needs --weights, the folder to write into")
        name, file = args.convert
        run_module(_PROGRAM, [*weights, "convert", name, str(Path(file).absolute())], on_line=_say)
        return 0
    if args.reference is None or not args.made:
        raise PlanError("say which sounds to measure and against what: otio-v2a eval MADE --reference CLIPS")
    out = (args.out or Path("evaluation")).absolute()
    arguments = [*weights, "run", *(str(folder.absolute()) for folder in args.made)]
    arguments += ["--reference", str(args.reference.absolute()), "--out", str(out)]
    for name in ("labels", "metrics", "title"):
        value = getattr(args, name)
        if value is not None:
            arguments += [f"--{name}", str(value.absolute() if isinstance(value, Path) else value)]
    if args.no_baselines:
        arguments.append("--no-baselines")
    run_module(_PROGRAM, arguments, on_line=_progress)
    _tell("")
    figures = _read(out / "figures.json")
    if args.json:
        _say(json.dumps({"report": str(out / "report.html"), **figures}, ensure_ascii=False))
    else:
        _show(figures, out)
    return 0


def _read(path: Path) -> dict[str, Any]:
    try:
        figures: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"the evaluation left no figures in {path}: {error}") from error
    return figures


def _show(figures: dict[str, Any], out: Path) -> None:
    keys = figures["metrics"]
    rows = []
    for system in figures["systems"]:
        cells = [_words(system["figures"].get(key)) for key in keys]
        rows.append([system["name"], *cells])
    print_table(f"{figures['n_clips']} clips", ("system", *keys), rows)
    for note in figures["notes"]:
        _say(f"note: {note}")
    _say(f"report: {out / 'report.html'}")


def _words(figure: dict[str, Any] | None) -> str:
    if figure is None or figure["value"] is None:
        return "-"
    error = f" ±{1.96 * figure['error']:.2g}" if figure["error"] else ""
    return f"{figure['value']:.3g}{error}"


def _list(weights: list[str], *, as_json: bool) -> int:
    lines: list[str] = []
    run_module(_PROGRAM, [*weights, "list"], on_line=lines.append)
    found = json.loads(lines[-1])
    if as_json:
        _say(lines[-1])
        return 0
    better = {"higher": "higher", "lower": "lower", "": ""}
    rows = [[m["group"], m["title"], better[m["better"]], m["definition"]] for m in found["metrics"]]
    print_table("Metrics", ("group", "figure", "better", "definition"), rows)
    for needed in found["weights"]:
        state = "there" if needed["present"] else f"missing: {needed['words']}"
        _say(f"weights {needed['name']} (for {', '.join(needed['metrics'])}; {needed['licence']}): {state}")
    return 0


def _progress(line: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{line}")
        sys.stderr.flush()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _tell(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
