"""The command line: parses, calls, prints, and maps errors to exit codes. Decides nothing about sound or time.

Exit codes: 0 everything asked for is there; 1 some clips failed; 2 nothing could be done (bad input or options);
130 cancelled. Nothing heavy is imported before a command runs, so `--help` answers at once.
"""

import argparse
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from otio_v2a.cli_models import add_engine_options, add_explain, add_option, add_weights
from otio_v2a.errors import V2AError

__all__ = ["main"]

TARGETS = ("portable", "resolve", "premiere", "otioz", "fcp_xml")
LAYOUTS = ("clips", "roles")
ROLES = ("FX", "AMB", "MUS", "DX")

_EPILOG = """\
examples:
  otio-v2a generate cut.otio                          effects and ambience for every clip, from the picture alone
  otio-v2a generate cut.otio --cues cues.csv --takes 3
  otio-v2a generate holiday.mp4 --prompt "waves, gulls" --not "music, speech" --preview
  otio-v2a takes choose cut_v2a.otio 2 --clip SH010 --role FX
  otio-v2a undo cut_v2a.otio
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = _parser()
    args = parser.parse_args(argv)
    if not hasattr(args, "command"):
        parser.print_help()
        return 2
    from importlib import import_module

    try:
        commands = import_module(f"otio_v2a.{getattr(args, 'module', 'commands')}")
        return int(getattr(commands, args.command)(args))
    except V2AError as error:
        print(f"otio-v2a: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("otio-v2a: cancelled", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="otio-v2a",
        description="Sound for silent picture, inside the timeline: a cut goes in, synchronised stems come out.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    parser.add_argument("--verbose", "-v", action="store_true", help="show what the program logs")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_generate(commands)
    _add_demo(commands)
    _add_inspect(commands)
    _add_spot(commands)
    _add_takes(commands)
    _add_relink(commands)
    _add_preview(commands)
    _add_undo(commands)
    _add_engines(commands)
    add_weights(commands)
    add_explain(commands)
    _add_detect(commands)
    _add_eval(commands)
    _add_train(commands)
    _add_panel(commands)
    return parser


Commands = argparse._SubParsersAction  # typing only: argparse has no public name for it


def _add_generate(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "generate",
        help="make stems for a cut and write a new timeline with them",
        description="Make stems for a cut (any file OpenTimelineIO reads, or a bare movie) and write a new timeline "
        "with them as audio tracks. The cut itself is never changed. Finished renders are kept: a second run only "
        "makes what is missing or has changed.",
    )
    parser.set_defaults(command="generate")
    parser.add_argument("cut", type=Path, metavar="CUT", help="the cut, or a movie file")
    parser.add_argument("--out", "-o", type=Path, metavar="FILE", help="the new timeline (CUT_v2a.otio beside the cut)")
    _add_generate_options(parser)


def _add_demo(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "demo",
        help="make stems and a preview movie for the demo cut, or your own",
        description="Make stems, a new timeline and a preview movie for the demo cut that ships with the program, "
        "or for your own cut or movie.",
    )
    parser.set_defaults(command="demo", preview=True)
    parser.add_argument("cut", type=Path, nargs="?", metavar="CUT", help="your own cut or movie (the demo cut)")
    parser.add_argument("--out", "-o", type=Path, default=Path("out"), metavar="DIR", help="folder for results (out)")
    _add_generate_options(parser)


def _add_generate_options(parser: argparse.ArgumentParser) -> None:
    what = parser.add_argument_group("what to make")
    what.add_argument("--prompt", "-p", metavar="TEXT", help="what it should sound like")
    what.add_argument("--not", dest="negative", metavar="TEXT", help="what it should not sound like")
    what.add_argument("--roles", type=_roles, metavar="LIST", help="stems to make, of FX,AMB,MUS,DX (FX,AMB)")
    what.add_argument("--transcript", metavar="TEXT", help="words to be spoken (dialogue engines)")
    what.add_argument("--cues", type=Path, action="append", default=[], metavar="FILE", help="cue sheet (CSV or TOML)")
    what.add_argument("--clip", action="append", default=[], metavar="NAME", help="only clips of this name, id or glob")
    what.add_argument("--seed", type=int, metavar="N", help="seed of the first take (from the clip)")
    what.add_argument("--takes", type=_positive, metavar="N", help="takes per clip and role (1)")
    what.add_argument("--pick", choices=("best",), help="make the best take active, as takes rank (the first)")
    what.add_argument(
        "--reroll",
        type=_rerolls,
        default=0,
        metavar="N",
        help="render misfits, and speech or music in effects, anew, at most N times",
    )
    how = parser.add_argument_group("how to make it")
    how.add_argument("--engine", metavar="NAME", help="engine to use (see: otio-v2a engines)")
    how.add_argument(
        "--engine-for",
        type=_role_engine,
        action="append",
        default=[],
        metavar="ROLE=NAME",
        help="another engine for one role; repeatable",
    )
    how.add_argument("--device", default="cpu", choices=("cpu", "cuda", "mps"), help="where the engine runs (cpu)")
    how.add_argument("--steps", type=_positive, metavar="N", help="sampler steps (the engine's own)")
    how.add_argument("--guidance", type=float, metavar="G", help="guidance scale (the engine's own)")
    add_engine_options(how)
    how.add_argument("--mono", action="store_true", help="one channel instead of two")
    how.add_argument("--handles", type=_seconds, metavar="S", help="extra sound around each clip, seconds (0.5)")
    how.add_argument("--no-shots", action="store_true", help="do not look for cuts inside clips")
    how.add_argument("--all-tracks", action="store_true", help="also score picture hidden under higher tracks")
    how.add_argument("--jobs", type=_positive, default=1, metavar="N", help="worker processes (1)")
    how.add_argument("--cluster", metavar="ADDRESS", help="run on a dask scheduler (extra: cluster)")
    out = parser.add_argument_group("what to write")
    out.add_argument("--layout", choices=LAYOUTS, default="clips", help="clip by clip, or one stem per role (clips)")
    out.add_argument("--target", choices=TARGETS, default="portable", help="the host to write for (portable)")
    if parser.get_default("preview") is None:
        out.add_argument("--preview", action="store_true", help="also write a movie with the stems mixed")
    else:
        out.add_argument("--no-preview", dest="preview", action="store_false", help="write no preview movie")
    show = parser.add_argument_group("what to show")
    show.add_argument("--dry-run", "-n", action="store_true", help="show the plan and its estimated cost, make nothing")
    show.add_argument("--json", action="store_true", help="JSON lines instead of text")
    show.add_argument("--quiet", "-q", action="store_true", help="only errors")


def _add_inspect(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("inspect", help="show how a cut is read: spans, sources, skipped clips")
    parser.set_defaults(command="inspect")
    parser.add_argument("cut", type=Path, metavar="CUT")
    parser.add_argument("--shots", action="store_true", help="also look for shots inside clips")
    parser.add_argument("--all-tracks", action="store_true", help="also picture hidden under higher tracks")
    parser.add_argument("--json", action="store_true", help="JSON lines instead of a table")


def _add_spot(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "spot",
        help="mark what is seen to sound, for an editor to correct",
        description="Mark the instants that the engine sees something sound, on a copy of the cut. Move, delete or add "
        "markers named 'hit' in any host, then generate from the new timeline: its effects follow the markers.",
    )
    parser.set_defaults(command="spot", module="commands_spot")
    parser.add_argument("cut", type=Path, metavar="CUT", help="the cut, or a movie file")
    parser.add_argument("--out", "-o", type=Path, metavar="FILE", help="the marked timeline (CUT_spotted.otio)")
    parser.add_argument("--clip", action="append", default=[], metavar="NAME", help="only this clip: name, id or glob")
    parser.add_argument("--at-least", type=float, metavar="P", help="how sure, 0 to 1 (as what sounds by itself)")
    parser.add_argument("--again", action="store_true", help="also clips spotted before; replaces our markers")
    parser.add_argument("--engine", metavar="NAME", help="engine to use (see: otio-v2a engines)")
    add_option(parser)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda", "mps"), help="where the engine runs (cpu)")
    parser.add_argument("--target", choices=TARGETS, default="portable", help="the host to write for (portable)")
    parser.add_argument("--json", action="store_true", help="JSON lines instead of text")


def _add_takes(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("takes", help="list, choose and drop takes without rendering again")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    helps = {
        "list": "every take with its number, seed, prompt and file",
        "paths": "only the files, one a line, for auditioning in any player",
        "choose": "make a take the active one",
        "drop": "remove a take from the timeline",
        "rank": "score takes by sync, fit, cleanness, speech and music in effects, and pick the best",
    }
    for name, text in helps.items():
        action = actions.add_parser(name, help=text)
        action.set_defaults(command=f"takes_{name}")
        action.add_argument("timeline", type=Path, metavar="TIMELINE", help="a timeline that otio-v2a wrote")
        if name in ("choose", "drop"):
            action.add_argument("number", type=_positive, metavar="N", help="number of the take")
        action.add_argument("--clip", metavar="NAME", help="name or id of the clip")
        action.add_argument("--role", choices=ROLES, help="role of the stem")
        if name == "rank":
            action.set_defaults(module="commands_spot")
            action.add_argument("--pick", choices=("best",), help="make the best take of every clip the active one")
        if name == "list":
            action.add_argument("--scores", action="store_true", help="with scores, the best first (as rank)")
        if name in ("list", "rank"):
            action.add_argument("--json", action="store_true", help="JSON lines instead of a table")
    _add_retouching(actions)
    prune = actions.add_parser(
        "prune",
        help="name, or remove, delivered files that no timeline uses any more",
        description="Name the files in TIMELINE's folder of stems that no file beside it mentions: versions that "
        "choices and adjustments left behind. Only files that otio-v2a wrote, and none of the last minute. A project "
        "elsewhere may still use them: look before you remove them.",
    )
    prune.set_defaults(command="takes_prune", module="commands_prune")
    prune.add_argument("timeline", type=Path, metavar="TIMELINE", help="a timeline that otio-v2a wrote")
    prune.add_argument("--remove", action="store_true", help="remove them")


def _add_retouching(actions: "Commands[argparse.ArgumentParser]") -> None:
    star = actions.add_parser("star", help="mark a take as one to come back to")
    star.add_argument("--off", action="store_true", help="take the mark off again")
    adjust = actions.add_parser(
        "adjust",
        help="set gain, fades and nudge; the renders stay as they are",
        description="Set gain, fades and nudge of a clip's takes. What is not named stays; times are seconds, or carry "
        "a unit: 2f (frames), 40ms, 0.5s. The sound slides beneath the clip's borders; stored renders stay as they "
        "are, and undo takes adjustments off with the tracks.",
    )
    adjust.add_argument("--gain", type=float, metavar="DB", help="gain in dB")
    adjust.add_argument("--fade-in", metavar="T", help="length of the fade at the clip's start")
    adjust.add_argument("--fade-out", metavar="T", help="length of the fade at the clip's end")
    adjust.add_argument("--nudge", metavar="T", help="how much later the sound comes; earlier: --nudge=-2f")
    adjust.add_argument("--reset", action="store_true", help="as rendered, but for what else is named")
    redo = actions.add_parser(
        "redo",
        help="render a region of a take anew, as a new take",
        description="Render a region of a take anew. The new take equals the old one outside of the region and becomes "
        "the active one; the old one stays. Positions are record timecode (01:00:02:12) or seconds in the clip (2.5s).",
    )
    redo.add_argument("--from", dest="start", required=True, metavar="TC", help="start of the region")
    redo.add_argument("--to", dest="stop", required=True, metavar="TC", help="end of the region")
    redo.add_argument("--prompt", "-p", metavar="TEXT", help="what it should sound like (as the take)")
    redo.add_argument("--not", dest="negative", metavar="TEXT", help="what it should not sound like (as the take)")
    redo.add_argument("--seed", type=int, metavar="N", help="seed of the region (a new one)")
    redo.add_argument("--device", default="cpu", choices=("cpu", "cuda", "mps"), help="where the engine runs (cpu)")
    for name, action in (("star", star), ("adjust", adjust), ("redo", redo)):
        action.set_defaults(command=f"takes_{name}", module="commands_takes")
        action.add_argument("timeline", type=Path, metavar="TIMELINE", help="a timeline that otio-v2a wrote")
        if name == "star":
            action.add_argument("number", type=_positive, metavar="N", help="number of the take")
        if name == "redo":
            words = "number of the take (the active one)"
            action.add_argument("number", type=_positive, nargs="?", metavar="N", help=words)
        action.add_argument("--clip", metavar="NAME", help="name or id of the clip")
        action.add_argument("--role", choices=ROLES, help="role of the stem")


def _add_relink(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "relink",
        help="find missing media below a folder and write a cut that points at it",
        description="Find missing media below a folder, by name, length and size, and write a cut that points at it. "
        "The cut itself is never changed. Exit code 1 when something is still missing.",
    )
    parser.set_defaults(command="relink", module="commands_relink")
    parser.add_argument("cut", type=Path, metavar="CUT", help="a cut with missing media")
    parser.add_argument("--search", "-s", type=Path, required=True, metavar="DIR", help="folder above the media")
    parser.add_argument("--out", "-o", type=Path, metavar="NEW", help="cut to write (CUT_relinked.otio beside the cut)")
    parser.add_argument("--best", action="store_true", help="where none is beyond doubt, take the best candidate")
    parser.add_argument("--dry-run", "-n", action="store_true", help="show what would be found, write nothing")
    parser.add_argument("--json", action="store_true", help="JSON lines instead of text")


def _add_preview(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("preview", help="write a movie of the cut with the active takes mixed")
    parser.set_defaults(command="preview")
    parser.add_argument("timeline", type=Path, metavar="TIMELINE", help="a timeline that otio-v2a wrote")
    parser.add_argument("--out", "-o", type=Path, metavar="FILE", help="the movie (TIMELINE_preview.mp4)")


def _add_undo(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("undo", help="take our tracks off a timeline again")
    parser.set_defaults(command="undo")
    parser.add_argument("timeline", type=Path, metavar="TIMELINE", help="a timeline that otio-v2a wrote")
    parser.add_argument("--out", "-o", type=Path, metavar="FILE", help="write here instead of in place")


def _add_engines(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("engines", help="list the engines, their abilities and the licences of their weights")
    parser.set_defaults(command="engines")
    parser.add_argument("--json", action="store_true", help="JSON lines instead of a table")


def _add_detect(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "detect",
        help="look for our watermark in sound or movie files",
        description="Look for the inaudible mark that everything generated carries, with the keys of this user. "
        "Finding none does not say that a sound was not generated. Exit code 1 when a file shows no mark.",
    )
    parser.set_defaults(command="detect")
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="sound or movie files, also mixes")
    parser.add_argument("--keys", type=Path, metavar="DIR", help="folder of key files (this user's own)")
    parser.add_argument("--json", action="store_true", help="JSON lines instead of text")


def _add_eval(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "eval",
        help="measure made sound: FAD, KL, CLAP, AV-Align ..., and timing against labelled onsets",
        description="Measure folders of made sound against clips of the same names; writes figures.json, figures.csv "
        "and report.html. Metrics that need weights take the user's (see --list); timing is measured without any.",
    )
    parser.set_defaults(command="evaluate", module="commands_eval")
    parser.add_argument("made", type=Path, nargs="*", metavar="MADE", help="folders of made sounds, one a system")
    parser.add_argument("--reference", "-r", type=Path, metavar="DIR", help="folder of movies and their true sounds")
    parser.add_argument("--labels", type=Path, metavar="CSV", help="columns clip, caption, onsets_s (seconds)")
    parser.add_argument("--weights", type=Path, metavar="DIR", help="folder of the metrics' weights")
    parser.add_argument("--metrics", metavar="LIST", help="only these, separated by commas (all)")
    parser.add_argument("--no-baselines", action="store_true", help="do not measure true and shuffled sound beside")
    parser.add_argument("--out", "-o", type=Path, metavar="DIR", help="folder of the reports (evaluation)")
    parser.add_argument("--title", metavar="TEXT", help="of the page")
    parser.add_argument("--list", action="store_true", help="show the metrics and the weights they need")
    parser.add_argument("--convert", nargs=2, metavar=("NAME", "FILE"), help="turn published weights into safetensors")
    parser.add_argument("--json", action="store_true", help="JSON instead of tables")


def _add_train(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("train", help="train an engine's model on your own clips (extra: train)")
    engines = parser.add_subparsers(title="engines", metavar="ENGINE", required=True)
    actions = engines.add_parser("vta-ldm", help="VTA-LDM by its published recipe").add_subparsers(
        title="actions", metavar="ACTION", required=True
    )
    prepare = actions.add_parser("prepare", help="movies to prepared clips: features, sound, scores")
    prepare.add_argument("--base", type=Path, required=True, metavar="DIR", help="weights whose frozen parts are used")
    prepare.add_argument("--vggsound", type=Path, metavar="CSV", help="VGGSound's table; needs --movies")
    prepare.add_argument("--movies", type=Path, metavar="DIR", help="folder of VGGSound's movies")
    prepare.add_argument("--split", metavar="NAME", help="of VGGSound (train)")
    prepare.add_argument("--tar", type=Path, nargs="+", metavar="SHARD", help="WebDataset shards instead")
    prepare.add_argument("--align", action="store_true", help="measure AV-Align and motion z, for the filter")
    prepare.add_argument("--clap", type=Path, metavar="DIR", help="measure sound against caption with CLAP's weights")
    run = actions.add_parser("run", help="train through the stages of a file, going on where it stopped")
    run.add_argument("stages", type=Path, metavar="STAGES", help="TOML file (docs/training.md)")
    run.add_argument("--base", type=Path, required=True, metavar="DIR", help="weights to start from")
    run.add_argument("--fresh", type=int, metavar="SEED", help="start projection and UNet anew")
    run.add_argument("--export", type=Path, metavar="DIR", help="write the result as a weights folder")
    run.add_argument("--precision", choices=("no", "bf16", "fp16"), help="mixed precision (no)")
    run.add_argument("--save-every", type=_positive, metavar="N", help="steps between checkpoints (1000)")
    ablation = actions.add_parser("ablation", help="the paper's Tables 2 to 4 on simulated clips, small")
    ablation.add_argument("--steps", type=_positive, metavar="N", help="of every variant")
    ablation.add_argument("--clips", type=_positive, metavar="N", help="simulated clips to learn from")
    passed = {
        "prepare": ("base", "vggsound", "movies", "split", "tar", "align", "clap", "out"),
        "run": ("base", "fresh", "export", "precision", "save_every", "out"),
        "ablation": ("steps", "clips", "out"),
    }
    for name, action in (("prepare", prepare), ("run", run), ("ablation", ablation)):
        action.add_argument("--out", "-o", type=Path, required=True, metavar="DIR", help="folder of what is made")
        action.set_defaults(command="train_vta_ldm", module="commands_train", action=name, passed=passed[name])


def _add_panel(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("panel", help="open the desktop panel (extra: ui)")
    parser.set_defaults(module="commands_panel", command="panel")
    parser.add_argument("cut", type=Path, nargs="?", metavar="CUT", help="the cut or movie to open")


class _Version(argparse.Action):
    """Look the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object, **__: object) -> None:
        from importlib.metadata import version

        print(f"otio-v2a {version('otio-v2a')}")
        parser.exit()


def _roles(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(part.strip().upper() for part in text.split(",") if part.strip()))
    unknown = [name for name in names if name not in ROLES]
    if unknown or not names:
        raise argparse.ArgumentTypeError(f"roles are {', '.join(ROLES)}, separated by commas; not {text!r}")
    return names


def _role_engine(text: str) -> tuple[str, str]:
    role, _, engine = text.partition("=")
    if role not in ROLES or not engine:
        raise argparse.ArgumentTypeError(f"needs ROLE=NAME with a role of {', '.join(ROLES)}, not {text!r}")
    return role, engine


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a whole number of at least 1 is needed, not {text!r}")
    return int(text)


def _rerolls(text: str) -> int:
    if not text.isdecimal() or int(text) > 16:
        raise argparse.ArgumentTypeError(f"a whole number from 0 to 16 is needed, not {text!r}")
    return int(text)


def _seconds(text: str) -> Fraction:
    try:
        value = Fraction(text)
    except (ValueError, ZeroDivisionError) as error:
        raise argparse.ArgumentTypeError(f"seconds are a number like 0.5, not {text!r}") from error
    if not 0 <= value <= 60:
        raise argparse.ArgumentTypeError(f"handles are 0 to 60 seconds, not {text!r}")
    return value


if __name__ == "__main__":
    sys.exit(main())
