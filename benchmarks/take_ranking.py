"""Whether the fit to the prompt picks better takes: kinds that a probe hears in picked, random and re-rolled takes.

Repeat with: python benchmarks/take_ranking.py --sounds SOUNDS [--weights FOLDER] [--scenes 40] [--seed N]

Scenes of one act, of one kind after the other, from seeds that nothing was trained on; each is asked for by a caption
of its kind and rendered with several seeds by the engine `small`. The probe is a classifier of its own: a network that
knows no words, trained on true stems of other seeds. It hears the same features as the ear, so that a sound that
deceives one may deceive the other.
"""

import argparse
import json
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Heard:
    """One take: whether it passes for its kind and family, F1 of its onsets and the true ones, and what ranks it."""

    kind: bool
    family: bool
    true_sync: float | None
    fit: float | None
    with_fit: float
    without_fit: float


def main() -> int:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sounds", type=Path, required=True, help="folder of recordings with MANIFEST.tsv")
    parser.add_argument("--weights", type=Path, help="folder of small.safetensors and small.json (those that ship)")
    parser.add_argument("--scenes", type=int, default=40)
    parser.add_argument("--takes", type=int, default=4)
    parser.add_argument("--seed", type=int, default=515_000, help="of scenes and probe")
    parser.add_argument("--each", type=int, default=50, help="stems a kind that the probe learns from")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write every take's figures")
    args = parser.parse_args()
    scenes, truth = _render(args)
    if args.json:
        args.json.write_text(json.dumps([[vars(take) for take in takes] for takes in scenes], indent=1))
    print(f"{len(scenes)} scenes, {args.takes} takes each; the probe on true stems: kind {truth['kind']}, ", end="")
    print(f"family {truth['family']}\n\n| take | right kind | right family | onset F1 with true events |")
    print("| --- | --- | --- | --- |")
    _row("any (mean of all)", [take for takes in scenes for take in takes])
    _row("picked by sync and cleanness", [max(takes, key=lambda take: take.without_fit) for takes in scenes])
    _row("picked by sync, fit and cleanness", [max(takes, key=lambda take: take.with_fit) for takes in scenes])
    _row("picked by fit alone", [max(takes, key=lambda take: take.fit or 0) for takes in scenes])
    best = [[take for take in takes if take.kind] or [max(takes, key=lambda t: t.family)] for takes in scenes]
    _row("the best there is, by the probe", [takes[0] for takes in best])
    _rerolls(scenes)
    return 0


def _render(args: argparse.Namespace) -> tuple[list[list[Heard]], dict[str, float]]:
    import torch

    from otio_v2a.hearing import agreement, listen, onsets
    from otio_v2a.prompts import reroll_seed
    from otio_v2a.ranking import total_of
    from otio_v2a_engine.contract import PromptSpec, Role
    from otio_v2a_engine.ear import Ear
    from otio_v2a_engine.models.mel import SAMPLE_RATE
    from otio_v2a_engine.pipelines.small import SmallEngine
    from otio_v2a_engine.simulate.bank import Bank
    from otio_v2a_engine.simulate.scene import make_scene
    from otio_v2a_engine.simulate.vocabulary import KINDS
    from otio_v2a_engine.specs import SURE
    from otio_v2a_engine.training import checkpoint
    from otio_v2a_engine.training.measures import render, request_for
    from otio_v2a_engine.training.probe import families_of, train_probe
    from otio_v2a_engine.weights import FOLDER, read_weights

    torch.set_num_threads(args.threads)
    bank = Bank(args.sounds)
    probe, truth = train_probe(bank, each=args.each, seed=args.seed + 1)
    engine = SmallEngine(weights=read_weights("small", folder=args.weights or FOLDER))
    ear = Ear()
    scenes: list[list[Heard]] = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(args.scenes):
            name = probe.names[number * len(probe.names) // args.scenes % len(probe.names)]
            scene = make_scene(checkpoint.rng_for(args.seed, number), bank=bank, seconds=6.0, only=(name,))
            kind = KINDS[name]
            text = scene.captions[Role.FX] if kind.label_captions else kind.captions[number % len(kind.captions)]
            prompt = PromptSpec(text=text)
            true = np.array([event.sample / SAMPLE_RATE for event in scene.events])
            takes = []
            for take in range(args.takes):
                request = request_for(Path(folder) / "scene.mp4", scene, prompt, reroll_seed(args.seed + number, take))
                sound = render(engine, request)
                seconds = Fraction(len(sound), SAMPLE_RATE)
                spots = engine.spot(request.picture, duration_s=seconds, at_least=SURE)
                seen = np.array([float(event.time_s) for event in spots])
                heard, clean = onsets(sound, SAMPLE_RATE), listen(sound, SAMPLE_RATE).cleanness
                sync = agreement(heard, seen) if len(seen) else None
                fit = ear.fit(sound, SAMPLE_RATE, prompt)
                said = probe.likeliest([sound])[0]
                takes.append(
                    Heard(
                        kind=said == name,
                        family=families_of([said]) == families_of([name]),
                        true_sync=agreement(heard, true) if len(true) else None,
                        fit=fit,
                        with_fit=total_of(clean, sync=sync, fit=fit),
                        without_fit=total_of(clean, sync=sync, fit=None),
                    )
                )
            scenes.append(takes)
    return scenes, truth


def _rerolls(scenes: list[list[Heard]]) -> None:
    """What re-rolls would have kept, of the same renders, and how many they took."""
    from otio_v2a.rerolling import roll
    from otio_v2a.verdict import Verdict
    from otio_v2a_engine.ear_note import read_ear_note

    misfit = read_ear_note().misfit
    most = len(scenes[0]) - 1
    rolled = [
        roll(lambda n, takes=takes: takes[n], lambda take: Verdict(take.fit), most=most, misfit=misfit)
        for takes in scenes
    ]
    _row("the first, without re-rolls", [takes[0] for takes in scenes])
    _row(f"with --reroll {most}", [each.made for each in rolled if each.made is not None])
    again = [takes for takes, each in zip(scenes, rolled, strict=True) if each.again]
    count = sum(each.again for each in rolled)
    print(f"\n{len(again)} of {len(scenes)} first takes were below {misfit} and rendered again, {count} times in all;")
    wrong = sum(not takes[0].kind for takes in again)
    print(f"the probe hears another kind than asked in {wrong} of them, ", end="")
    rest = [takes for takes in scenes if takes not in again]
    print(f"and in {sum(not takes[0].kind for takes in rest)} of the {len(rest)} others.")


def _row(words: str, takes: list[Heard]) -> None:
    kind, family = (np.mean([getattr(take, name) for take in takes]) for name in ("kind", "family"))
    sync = [take.true_sync for take in takes if take.true_sync is not None]
    print(f"| {words} | {kind:.2f} | {family:.2f} | {np.mean(sync):.2f} |")


if __name__ == "__main__":
    raise SystemExit(main())
