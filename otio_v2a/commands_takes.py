"""The commands that retouch takes: star, adjust, redo. Options in, calls to the rooms, words out; owns no rule."""

import argparse
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from otio_v2a.errors import TakeError
from otio_v2a_engine.contract import Role

__all__ = ["takes_adjust", "takes_redo", "takes_star"]


def takes_star(args: argparse.Namespace) -> int:
    """`otio-v2a takes star TIMELINE N`."""
    from otio_v2a import choosing

    changed = choosing.star(args.timeline, args.number, starred=not args.off, clip=args.clip, role=_role(args))
    print(f"take {args.number} is {'not ' if args.off else ''}starred on {', '.join(changed)}")
    return 0


def takes_adjust(args: argparse.Namespace) -> int:
    """`otio-v2a takes adjust TIMELINE`."""
    from otio_v2a import choosing
    from otio_v2a.adjustments import NEUTRAL, Adjustment, parse_duration

    values: dict[str, Any] = {} if args.gain is None else {"gain_db": args.gain}
    times = {"fade_in_s": args.fade_in, "fade_out_s": args.fade_out, "nudge_s": args.nudge}
    given = {name: text for name, text in times.items() if text is not None}
    if given:
        rate = _rate(args.timeline)
        values |= {name: parse_duration(text, rate=rate) for name, text in given.items()}
    if not values and not args.reset:
        raise TakeError("nothing to adjust: name --gain, --fade-in, --fade-out, --nudge or --reset")

    def setting(now: Adjustment) -> Adjustment:
        return replace(NEUTRAL if args.reset else now, **values)

    for words in choosing.adjust(args.timeline, setting, clip=args.clip, role=_role(args)):
        print(words)
    return 0


def takes_redo(args: argparse.Namespace) -> int:
    """`otio-v2a takes redo TIMELINE --from TC --to TC`."""
    from otio_v2a.console import choose_view
    from otio_v2a.regions import Wish, redo

    with choose_view(as_json=False, quiet=False) as view:
        made = redo(
            args.timeline,
            start=args.start,
            stop=args.stop,
            number=args.number,
            clip=args.clip,
            role=_role(args),
            wish=Wish(text=args.prompt, negative_text=args.negative, seed=args.seed, device=args.device),
            on_event=view.on_event,
        )
    print(f"take {made.number} of {made.clip_name} ({made.role}) is take {made.made_from} with {made.words} anew")
    return 0


def _rate(path: Path) -> Fraction:
    from otio_v2a.tracks import load_own, read_stems

    stems = read_stems(load_own(path), base=path.parent)
    if not stems:
        raise TakeError(f"{path} has no takes: otio-v2a did not write it, or its tracks were taken off")
    return stems[0].timing.rate


def _role(args: argparse.Namespace) -> Role | None:
    return Role(args.role) if args.role else None
