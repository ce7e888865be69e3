"""The command `takes prune`: options in, names out; owns no rule."""

import argparse

__all__ = ["takes_prune"]


def takes_prune(args: argparse.Namespace) -> int:
    """`otio-v2a takes prune TIMELINE`."""
    from otio_v2a import pruning

    files = pruning.unused(args.timeline)
    size = sum(path.stat().st_size for path in files)
    for path in files:
        print(path)
    if not files:
        print(f"every file that otio-v2a wrote for {args.timeline.name} is in use")
    elif args.remove:
        print(f"{pruning.remove(args.timeline, files) / 2**20:.1f} MB freed")
    else:
        print(f"{len(files)} unused, {size / 2**20:.1f} MB; --remove removes them")
    return 0
