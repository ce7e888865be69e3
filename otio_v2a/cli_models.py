"""The parser's words for weights and for looking into an engine; imports nothing heavy."""

import argparse
from pathlib import Path

__all__ = ["add_engine_options", "add_explain", "add_option", "add_weights"]

Commands = argparse._SubParsersAction  # typing only: argparse has no public name for it
_KINDS = ("vta-ldm",)
_EXPORTED = ("small",)


def add_option(parser: argparse._ActionsContainer) -> None:
    """`--option`, for engines with settings of their own."""
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME[=VALUE]",
        help="a setting of the engine's own, repeatable (see: otio-v2a engines --json)",
    )


def add_engine_options(group: argparse._ArgumentGroup) -> None:
    """Options for engines with settings of their own, or with weights that the user brings."""
    add_option(group)
    group.add_argument(
        "--paper-compatible",
        action="store_true",
        help="a published engine as it was published, with the faults that are repaired otherwise",
    )
    group.add_argument(
        "--weights", type=Path, metavar="DIR", help="weights folder, or a folder of them (the user's own)"
    )


def add_weights(commands: "Commands[argparse.ArgumentParser]") -> None:
    """`otio-v2a weights`."""
    parser = commands.add_parser("weights", help="convert, list and verify weights that you bring, export ours")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    convert = actions.add_parser(
        "convert",
        help="turn released files into a weights folder",
        description="Turn the files that a model's authors released into a folder of safetensors with hashes, sizes, "
        "licence and source. They are opened as tensors alone; nothing in them is run, nothing is downloaded.",
    )
    convert.set_defaults(command="weights_convert", module="commands_weights")
    convert.add_argument("kind", choices=_KINDS, metavar="ENGINE", help=f"one of {', '.join(_KINDS)}")
    convert.add_argument("source", type=Path, metavar="DIR", help="folder with the released files")
    convert.add_argument("--out", "-o", type=Path, metavar="DIR", help="folder to make (in the user's own folder)")
    show = actions.add_parser("list", help="the weights that are found, with licence, size and folder")
    show.set_defaults(command="weights_list", module="commands_weights")
    show.add_argument("--weights", type=Path, metavar="DIR", help="look here first")
    check = actions.add_parser(
        "verify", help="read every file and compare its hash; exit code 1 when something is wrong"
    )
    check.set_defaults(command="weights_verify", module="commands_weights")
    check.add_argument("folder", type=Path, nargs="?", metavar="DIR", help="a weights folder (all that are found)")
    export = actions.add_parser(
        "export",
        help="write the weights that ship with an engine as a folder to train further",
        description="Write the weights that ship with an engine as a diffusers pipeline's folder: to read from Python, "
        "to train further, to render with (generate --option weights=DIR).",
    )
    export.set_defaults(command="weights_export", module="commands_weights")
    export.add_argument("engine", choices=_EXPORTED, metavar="ENGINE", help=f"one of {', '.join(_EXPORTED)}")
    export.add_argument("folder", type=Path, metavar="DIR", help="folder to make")
    for action in (convert, show, check, export):
        action.add_argument("--json", action="store_true", help="JSON lines instead of text")


def add_explain(commands: "Commands[argparse.ArgumentParser]") -> None:
    """`otio-v2a explain`."""
    parser = commands.add_parser(
        "explain",
        help="show where an engine looks while it makes a clip's sound",
        description="Maps of how much each part of the picture changes the sound, per span of sound: images, and with "
        "--movie an overlay over the picture.",
    )
    parser.set_defaults(command="explain", module="commands_explain")
    parser.add_argument("cut", type=Path, metavar="CUT", help="the cut, or a movie file")
    parser.add_argument("--clip", metavar="NAME", help="name, id or glob of the clip (the first one)")
    parser.add_argument("--out", "-o", type=Path, metavar="DIR", help="folder to make (CUT_explain beside the cut)")
    parser.add_argument("--spans", type=int, default=4, metavar="N", help="spans of sound that are told apart (4)")
    parser.add_argument("--movie", action="store_true", help="also write overlay.mp4")
    parser.add_argument("--prompt", "-p", default="", metavar="TEXT", help="what it should sound like")
    parser.add_argument("--role", choices=("FX", "AMB", "MUS", "DX"), default="FX", help="role of the stem (FX)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed (0)")
    parser.add_argument("--engine", metavar="NAME", help="engine to use (see: otio-v2a engines)")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda", "mps"), help="where the engine runs (cpu)")
    add_option(parser)
    parser.add_argument("--weights", type=Path, metavar="DIR", help="weights folder, or a folder of them")
    parser.add_argument("--json", action="store_true", help="JSON lines instead of text")
