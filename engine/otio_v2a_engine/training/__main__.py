"""The training commands: `python -m otio_v2a_engine.training --help` lists them.

Every command resumes where its folder says it stopped. Nothing here is needed to render.
"""

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch

from otio_v2a_engine.contract import Role
from otio_v2a_engine.dying import FADES
from otio_v2a_engine.models.flow import FlowConfig
from otio_v2a_engine.models.timbre import PriorConfig, TimbrePrior
from otio_v2a_engine.models.vocoder import Vocoder
from otio_v2a_engine.simulate.backdrops import Backdrops
from otio_v2a_engine.simulate.bank import Bank
from otio_v2a_engine.simulate.manifest import MANIFEST
from otio_v2a_engine.simulate.scene import PLAIN, Staging
from otio_v2a_engine.simulate.vocabulary import EFFECT_NAMES
from otio_v2a_engine.training import checkpoint, fades, shards
from otio_v2a_engine.training import flow as flow_training
from otio_v2a_engine.training import prior as prior_training
from otio_v2a_engine.training import vocoder as vocoder_training
from otio_v2a_engine.training.begin import begin, read_begun
from otio_v2a_engine.training.examples import Drawing, load_codec, load_timbre_space
from otio_v2a_engine.weights import FOLDER

__all__ = ["main"]


_PROGRAM = "python -m otio_v2a_engine.training --runs RUNS --sounds SOUNDS --footage FOOTAGE"
_COMMANDS = "commands.json"
_LEARNING = ("scenes", "sights", "vocoder", "encoder", "flow", "prior", "mix")  # and begin, where it is not refused
_NOT_LEARNED_FROM = ("--minutes", "--weights")  # how long is no matter, and a path nobody else's


def _commands(runs: Path) -> list[str]:
    """The commands that made what is in `runs`, in the order in which they were first given."""
    path = runs / _COMMANDS
    return list(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else []


def _record(runs: Path, words: Sequence[str]) -> None:
    """Keep a command, its options and seed; one that goes on with its work is kept once, a mixture every time."""
    words = list(words)
    for option in _NOT_LEARNED_FROM:
        if option in words:
            del words[words.index(option) : words.index(option) + 2]
    commands = _commands(runs)
    if (command := " ".join(words)) not in commands or words[0] == "mix":
        runs.mkdir(parents=True, exist_ok=True)
        (runs / _COMMANDS).write_text(json.dumps([*commands, command], indent=1), encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m otio_v2a_engine.training", description=__doc__)
    parser.add_argument("--runs", type=Path, required=True, help="folder of shards, checkpoints and curves")
    parser.add_argument(
        "--sounds", type=Path, help="folder of recordings with MANIFEST.tsv; without it all is synthesised"
    )
    parser.add_argument("--footage", type=Path, help="folder of real footage with MANIFEST.tsv: backdrops, and a test")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--threads", type=int, default=2)
    commands = parser.add_subparsers(dest="command", required=True)
    scenes = commands.add_parser("scenes", help="make shards of scenes")
    scenes.add_argument("--acts", type=int, default=0, help="acts in every scene; 0: drawn, mostly one")
    scenes.add_argument("--roles", default="FX,AMB", help="stems of every scene, of FX,AMB,MUS,DX (%(default)s)")
    sights = commands.add_parser("sights", help="make shards of pictures alone, for the encoder")
    for command in (scenes, sights):
        command.add_argument("--kinds", default="", help="kinds of effect, by comma: each scene shows one of them")
        command.add_argument("--first", type=int, default=0)
        command.add_argument("--count", type=int, default=80, help="shards of 64 scenes of 8 s")
        command.add_argument("--seed", type=int, default=7)
        command.add_argument(
            "--at-table", type=float, default=0.0, help="share of what hands can do that they do at a table (0)"
        )
        command.add_argument(
            "--gaits", type=float, default=0.0, help="share of footsteps that go on four legs, or jump (0)"
        )
        command.add_argument(
            "--backdrops", type=float, default=0.0, help="share of scenes before real pictures, of --footage (0)"
        )
    trained = {
        "vocoder": "train the vocoder",
        "prior": "train the prior of timbres, with the encoder of the flow's checkpoint",
        "encoder": "train the picture encoder alone, in the checkpoint of the flow",
        "flow": "train encoder and flow",
    }
    for name, words in trained.items():
        command = commands.add_parser(name, help=words)
        command.add_argument("--steps", type=int, default=6000, help="steps in all, for the learning rate")
        command.add_argument("--minutes", type=float, default=60.0, help="stop after this long; run again to go on")
        command.add_argument("--seed", type=int, default={"vocoder": 1, "prior": 27}.get(name, 3))
    for name in ("encoder", "flow"):
        commands.choices[name].add_argument("--tokens", type=int, default=2400, help="tokens a step")
        commands.choices[name].add_argument("--restart", type=int, default=0, help="step at which this phase began")
        commands.choices[name].add_argument("--cooldown", type=int, default=2000, help="last steps, of a falling rate")
        commands.choices[name].add_argument("--rate", type=float, default=1.2e-3, help="highest learning rate")
        commands.choices[name].add_argument("--layers", type=int, default=4)
        commands.choices[name].add_argument("--width", type=int, default=256)
    commands.choices["flow"].add_argument(
        "--shares", default="0.62,0.13,0.25", help="odds of FX, AMB and DX among the examples (%(default)s)"
    )
    commands.choices["flow"].add_argument("--keep-encoder", action="store_true", help="leave the encoder as it is")
    begin = commands.add_parser("begin", help="begin a run from weights, to train them further")
    begin.add_argument(
        "--weights", type=Path, default=FOLDER, help="folder of small.safetensors and small.json (the package's)"
    )
    mix = commands.add_parser("mix", help="mix encoder or flow, as trained last, with its average")
    mix.add_argument("part", choices=("encoder", "flow"))
    mix.add_argument("--share", type=float, default=0.75, help="of the last weights; the rest is the average (0.75)")
    export = commands.add_parser("export", help="write the weights file that ships")
    export.add_argument("--to", type=Path, required=True, help="folder of small.safetensors and small.json")
    export.add_argument("--figures", type=Path, help="JSON of an evaluation, put into the note")
    fading = commands.add_parser(
        "fades", help="measure how fast each kind of sound dies away, write the table that ships"
    )
    fading.add_argument("--each", type=int, default=14, help="scenes of every kind")
    fading.add_argument("--seed", type=int, default=31)
    fading.add_argument("--to", type=Path, default=FADES, help="file (that of the package)")
    ear = commands.add_parser("ear", help="draw sounds, train the ear that tells how takes fit their prompts, write it")
    ear.add_argument("--to", type=Path, default=FOLDER, help="folder of ear.safetensors and ear.json (the package's)")
    ear.add_argument("--each", type=int, default=140, help="sounds a kind")
    ear.add_argument("--epochs", type=int, default=60)
    ear.add_argument("--seed", type=int, default=11)
    bleed = commands.add_parser(
        "bleed", help="draw sounds, train the detector of speech and music in effects, write it"
    )
    bleed.add_argument("--to", type=Path, default=FOLDER, help="folder of bleed.safetensors and .json (the package's)")
    bleed.add_argument("--each", type=int, default=50, help="stems of every kind of effect")
    bleed.add_argument("--others", type=int, default=1200, help="stems of speech, and as many of music")
    bleed.add_argument("--windows", type=int, default=14000, help="3 s each, alone and mixed")
    bleed.add_argument("--epochs", type=int, default=6)
    bleed.add_argument("--seed", type=int, default=21)
    evaluate = commands.add_parser("evaluate", help="held-out scenes through the whole engine")
    evaluate.add_argument("--weights", type=Path, required=True, help="folder of small.safetensors and small.json")
    evaluate.add_argument("--scenes", type=int, default=40)
    evaluate.add_argument("--each", type=int, default=2, help="renders of each kind of sound")
    evaluate.add_argument("--contacts", type=Path, help="folder of labels of contacts that are seen in the footage")
    evaluate.add_argument("--out", type=Path, help="write the figures as JSON")
    evaluate.add_argument("--page", type=Path, help="write a page of plots and spectrograms as HTML")
    return parser


def _export(args: argparse.Namespace) -> None:
    from otio_v2a_engine.training.export import attribution, export

    run = json.loads((args.runs / "flow" / "run.json").read_text())
    config = FlowConfig(**run["model"])
    small, vocoder = flow_training.Small(config), Vocoder()
    flow_steps = checkpoint.load(args.runs / "flow", models={"average": small})
    prior = TimbrePrior(PriorConfig(**json.loads((args.runs / "prior" / "run.json").read_text())["model"]))
    prior_steps = checkpoint.load(args.runs / "prior", models={"average": prior})
    vocoder_steps = checkpoint.load(args.runs / "vocoder", models={"average": vocoder})
    found_shards = shards.paths(args.runs / "shards")
    codec = load_codec(args.runs / "flow", found_shards)
    space = load_timbre_space(args.runs / "flow", found_shards)
    n_shards, n_sights = (len(found(args.runs / "shards")) for found in (shards.paths, shards.sight_paths))
    before = read_begun(args.runs)
    note = {
        "licence": "Apache-2.0",
        "credits": "ATTRIBUTION.md",
        "config": {
            "flow": asdict(config),
            "prior": asdict(prior.config),
            "kinds": list(EFFECT_NAMES[: config.kinds]),
            "vocoder": {"width": 256, "hidden": 768, "n_blocks": 6},
        },
        "training": {
            "commands": [*before.commands, *(f"{_PROGRAM} {words}" for words in _commands(args.runs))],
            "flow_steps": flow_steps,
            "prior_steps": prior_steps,
            "vocoder_steps": vocoder_steps,
            "scenes": before.scenes + shards.SCENES_PER_SHARD * n_shards,
            "sights": before.sights + shards.SCENES_PER_SHARD * n_sights,
        },
        "history": before.history,
        "figures": json.loads(args.figures.read_text()) if args.figures else {},
    }
    export(small, prior, vocoder, codec, space, name="small", folder=args.to, note=note)
    if args.sounds:
        footage = Backdrops(args.footage).footage if args.footage else ()
        (args.to / "ATTRIBUTION.md").write_text(attribution(Bank(args.sounds), footage), encoding="utf-8")


def _kinds(names: str) -> tuple[str, ...]:
    """Names of kinds of effect, separated by commas."""
    kinds = tuple(name.strip() for name in names.split(",") if name.strip())
    if unknown := [name for name in kinds if name not in EFFECT_NAMES]:
        raise SystemExit(f"unknown kinds: {', '.join(unknown)}; there are {', '.join(EFFECT_NAMES)}")
    return kinds


def _staging(args: argparse.Namespace) -> Staging:
    """What scenes are drawn with, as the options say."""
    backdrops = None
    if args.backdrops:
        if args.footage is None or not (args.footage / MANIFEST).exists():
            raise SystemExit("--backdrops needs real pictures: name their folder, with MANIFEST.tsv, with --footage")
        backdrops = Backdrops(args.footage, share=args.backdrops)
    return Staging(at_table=args.at_table, gaits=args.gaits, backdrops=backdrops)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one training command; returns the exit code."""
    args = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(args.threads)
    bank = Bank(args.sounds)
    staging = _staging(args) if args.command in ("scenes", "sights") else PLAIN
    words = list(sys.argv[1:] if argv is None else argv)
    words = words[words.index(args.command) :]
    if args.command in _LEARNING:
        _record(args.runs, words)
    if args.command == "scenes":
        for number in range(args.first, args.first + args.count):
            roles = [Role(role) for role in args.roles.split(",")]
            shards.make_shard(
                args.runs / "shards",
                number=number,
                seed=args.seed,
                bank=bank,
                acts=args.acts,
                kinds=_kinds(args.kinds),
                roles=roles,
                staging=staging,
            )
    elif args.command == "sights":
        for number in range(args.first, args.first + args.count):
            shards.make_sights(
                args.runs / "shards",
                number=number,
                seed=args.seed,
                bank=bank,
                kinds=_kinds(args.kinds),
                staging=staging,
            )
    elif args.command == "vocoder":
        vocoder_run = vocoder_training.VocoderRun(steps=args.steps, seed=args.seed)
        bank = bank.without_held_out()
        vocoder_training.train(
            vocoder_run, folder=args.runs / "vocoder", bank=bank, device=args.device, minutes=args.minutes
        )
    elif args.command in ("encoder", "flow"):
        drawing = Drawing(tokens=args.tokens)
        if args.command == "flow":
            drawing = replace(drawing, shares=tuple(float(share) for share in args.shares.split(",")))
        config = FlowConfig(layers=args.layers, width=args.width, kinds=len(EFFECT_NAMES))
        flow_run = flow_training.FlowRun(
            steps=args.steps,
            restart=args.restart,
            cooldown=args.cooldown,
            drawing=drawing,
            rate=args.rate,
            keep_encoder=args.command == "flow" and args.keep_encoder,
            seed=args.seed,
            model=config,
        )
        flow_training.train(
            flow_run,
            folder=args.runs / "flow",
            shard_folder=args.runs / "shards",
            device=args.device,
            minutes=args.minutes,
            only_encoder=args.command == "encoder",
        )
    elif args.command == "prior":
        run = json.loads((args.runs / "flow" / "run.json").read_text())
        small = flow_training.Small(FlowConfig(**run["model"]))
        checkpoint.load(args.runs / "flow", models={"average": small})
        prior_training.train(
            prior_training.PriorRun(steps=args.steps, seed=args.seed),
            small=small,
            folder=args.runs / "prior",
            flow_folder=args.runs / "flow",
            shard_folder=args.runs / "shards",
            device=args.device,
            minutes=args.minutes,
        )
    elif args.command == "fades":
        fades.measure(bank=bank, each=args.each, seed=args.seed, to=args.to)
    elif args.command == "begin":
        begin(args.weights, args.runs)
        _record(args.runs, words)
    elif args.command == "mix":
        checkpoint.mix(args.runs / "flow", part=args.part, share=args.share)
    elif args.command == "export":
        _export(args)
    elif args.command == "ear":
        from otio_v2a_engine.training.ear import EarRun, train

        ear_run = EarRun(each=args.each, epochs=args.epochs, seed=args.seed)
        note = train(ear_run, folder=args.runs / "ear", bank=bank, to=args.to)
        logging.getLogger(__name__).info("%s", json.dumps(note["figures"], indent=1))
    elif args.command == "bleed":
        from otio_v2a_engine.training import bleed

        bleed_run = bleed.BleedRun(args.each, args.others, args.windows, epochs=args.epochs, seed=args.seed)
        note = bleed.train(bleed_run, folder=args.runs / "bleed", bank=bank, to=args.to)
        logging.getLogger(__name__).info("%s", json.dumps(note["figures"], indent=1))
    else:
        from otio_v2a_engine.training.evaluate import evaluate

        if args.contacts and not args.footage:
            raise SystemExit("--contacts needs the footage that was labelled: name its folder with --footage")
        figures = evaluate(
            weights=args.weights,
            sounds=args.sounds,
            n_scenes=args.scenes,
            each=args.each,
            footage=args.footage,
            contacts=args.contacts,
        )
        text = json.dumps(figures, indent=1)
        if args.out:
            args.out.write_text(text + "\n")
        if args.page:
            from otio_v2a_engine.training.evaluate import sound_pairs
            from otio_v2a_engine.training.page import page

            pairs = sound_pairs(weights=args.weights, bank=bank)
            args.page.write_text(page(figures, runs=args.runs, pairs=pairs), encoding="utf-8")
        logging.getLogger(__name__).info("%s", text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
