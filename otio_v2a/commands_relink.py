"""What `otio-v2a relink` does: finds missing media and writes a cut that points at it. Owns no rule of its own."""

import argparse
import json
import sys
from pathlib import Path

from otio_v2a.errors import CutError

__all__ = ["relink"]


def relink(args: argparse.Namespace) -> int:
    """`otio-v2a relink CUT --search DIR --out NEW`: 0 nothing is missing any more, 1 something is, 2 bad input."""
    from otio_v2a import loading
    from otio_v2a.media_search import search
    from otio_v2a.relinking import missing_media, relinked
    from otio_v2a.targets import Target, write

    cut: Path = args.cut.absolute()
    out: Path = (args.out or cut.with_name(f"{cut.stem}_relinked.otio")).absolute()
    if out.suffix.lower() != ".otio":
        raise CutError(f"{out}: a relinked cut ends in .otio; choose another name with --out")
    if out.resolve() == cut.resolve():
        raise CutError(f"{out} is the cut itself, which is never changed; choose another file with --out")
    timeline, _ = loading.load(cut)
    missing = missing_media(timeline, base=cut.parent)
    if not missing:
        _say(f"{cut.name} misses no media")
        return 0
    found = search(missing, args.search)
    choices = found.choices
    if args.best:
        choices = {**{m.missing.url: m.candidates[0].path for m in found.matches if m.candidates}, **choices}
    if args.json:
        for match in found.matches:
            chosen = choices.get(match.missing.url)
            line = {
                "name": match.missing.name,
                "url": match.missing.url,
                "clips": list(match.missing.clips),
                "chosen": str(chosen) if chosen else None,
                "candidates": [
                    {"path": str(each.path), "remarks": list(each.remarks), "sure": each.is_sure}
                    for each in match.candidates
                ],
            }
            _say(json.dumps(line, ensure_ascii=False))
    else:
        for text in found.lines():
            _say(text)
    if choices and not args.dry_run:
        write(relinked(timeline, choices), out, Target.PORTABLE, base=cut.parent)
        sys.stderr.write(f"wrote {out}\n")
    return 0 if len(choices) == len(missing) else 1


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
