"""The command that marks what is seen to sound. Options in, calls to the rooms, words out; owns no rule."""

import argparse
import json
from typing import Any

from otio_v2a_engine import wire

__all__ = ["spot"]


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
