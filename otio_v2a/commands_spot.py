"""The command that marks what is seen to sound. Options in, calls to the rooms, words out; owns no rule."""

import argparse
import json
from pathlib import Path
from typing import Any

from otio_v2a_engine import wire

__all__ = ["pick", "spot", "takes_rank"]


def spot(args: argparse.Namespace) -> int:
    """`otio-v2a spot CUT`."""
    from otio_v2a import spotting
    from otio_v2a.targets import Target

    target = Target(args.target)
    out = args.out or spotting.default_out(args.cut, target=target)
    options = spotting.SpotOptions(
        out=out,
        target=target,
        device=args.device,
        clips=tuple(args.clip),
        again=args.again,
        options=tuple(dict.fromkeys(args.option)),
        **({} if args.at_least is None else {"at_least": args.at_least}),
        **({} if args.engine is None else {"engine": args.engine}),
    )

    def tell(found: Any) -> None:
        if args.json:
            data = {"clip": found.span.name, "track": found.span.track, "events": found.events}
            print(json.dumps(wire.to_plain(data), ensure_ascii=False), flush=True)
            return
        times = ", ".join(f"{float(event.time_s):.3f} s ({event.strength:.2f})" for event in found.events)
        print(f"{found.span.name} on {found.span.track}: {times or 'nothing seen that sounds'}", flush=True)

    done = spotting.spot(args.cut, options, on_clip=tell)
    if not args.json:
        for note in done.notes:
            print(f"note: {note}")
        count = sum(len(clip.events) for clip in done.clips)
        print(
            f"{count} events are marked in {done.out}; move, delete or add markers named 'hit', then generate from it"
        )
    return 0 if done.clips or not done.notes else 1


def takes_rank(args: argparse.Namespace) -> int:
    """`otio-v2a takes rank TIMELINE`, and `takes list --scores`."""
    from otio_v2a import ranking
    from otio_v2a.console import print_table
    from otio_v2a_engine.contract import Role

    scores = ranking.rank(args.timeline, clip=args.clip, role=Role(args.role) if args.role else None)
    if args.json:
        for score in scores:
            data = {**wire.to_plain(score), "cleanness": score.heard.cleanness}
            print(json.dumps(data, ensure_ascii=False), flush=True)
    else:
        rows = [
            [
                score.clip_name,
                score.role.value,
                str(score.number),
                "*" if score.active else "",
                f"{score.total:.2f}",
                "-" if score.sync is None else f"{score.sync:.2f} ({score.n_heard} heard, {score.n_seen} seen)",
                "-" if score.fit is None else f"{score.fit:.2f}",
                f"{score.heard.cleanness:.2f}"
                + (f", {score.bleed.words}" if score.bleed and score.bleed.words else ""),
                f"{score.heard.peak_db:.1f} dBFS",
            ]
            for score in scores
        ]
        columns = ("clip", "role", "take", "active", "score", "sync", "fit", "clean", "peak")
        print_table("Takes, the best first", columns, rows)
    if getattr(args, "pick", None) == "best":
        changed = ranking.pick_best(args.timeline, scores)
        if not args.json:
            print("\n".join(changed) or "the best takes were active already")
    return 0


def pick(out: Path) -> tuple[str, ...]:
    """Make the best takes of a timeline that was just written active; returns what to say."""
    from otio_v2a import ranking

    if out.suffix != ".otio":
        return (f"takes are ranked on timelines of kind .otio; {out.name} keeps its first takes active",)
    changed = ranking.pick_best(out, ranking.rank(out))
    return tuple(f"best take: {words}" for words in changed)
