"""What `otio-v2a weights` does: converts, lists, verifies and exports weights. Owns no rule of its own."""

import argparse
import json
import sys
from typing import Any

from otio_v2a.console import print_table
from otio_v2a.weights_store import WeightsStoreError, choose, convert, export, stored, verify
from otio_v2a_engine import wire
from otio_v2a_engine.weight_folders import WeightsNote, read_note, search_path

__all__ = ["weights_convert", "weights_export", "weights_list", "weights_verify"]


def weights_convert(args: argparse.Namespace) -> int:
    """`otio-v2a weights convert KIND DIR`."""
    made = convert(args.kind, args.source, target=args.out, on_stage=lambda stage: _tell(f"{stage} ..."))
    if args.json:
        _json({"folder": str(made.folder), **_note(made.note)})
        return 0
    _say(f"{made.note.name}: {_size(made.note.n_bytes)} in {made.folder}")
    _say(f"licence: {made.note.licence}")
    for remark in made.note.remarks:
        _say(f"note: {remark}")
    if not made.is_chosen:
        _say(f"to render with it: otio-v2a generate CUT --engine {made.note.kind} --weights {made.folder}")
    return 0


def weights_export(args: argparse.Namespace) -> int:
    """`otio-v2a weights export ENGINE DIR`."""
    export(args.engine, args.folder, on_stage=lambda stage: _tell(f"{stage} ..."))
    if args.json:
        _json({"folder": str(args.folder), "engine": args.engine})
        return 0
    _say(f"the weights of {args.engine} are in {args.folder}; once they are trained further, render with them:")
    _say(f"otio-v2a generate CUT --engine {args.engine} --option weights={args.folder}")
    return 0


def weights_list(args: argparse.Namespace) -> int:
    """`otio-v2a weights list`."""
    if args.weights is not None:
        choose(args.weights)
    found, faults = stored()
    for fault in faults:
        _tell(f"otio-v2a: {fault}")
    if args.json:
        for weights in found:
            _json({"folder": str(weights.folder), "chosen": weights.is_chosen, **_note(weights.note)})
        return 1 if faults else 0
    if not found:
        _say(f"no weights in {' or '.join(str(place) for place in search_path())}")
        return 1 if faults else 0
    rows = [
        [
            weights.note.kind + (" (used)" if weights.is_chosen else ""),
            weights.note.name,
            weights.note.id,
            _size(weights.note.n_bytes),
            weights.note.licence,
            str(weights.folder),
        ]
        for weights in found
    ]
    print_table("Weights", ("engine", "checkpoint", "id", "size", "licence", "folder"), rows)
    return 1 if faults else 0


def weights_verify(args: argparse.Namespace) -> int:
    """`otio-v2a weights verify [DIR]`: 0 when every byte is as it was made, 1 when not, 2 when there are no weights."""
    folders = [args.folder] if args.folder is not None else [weights.folder for weights in stored()[0]]
    if not folders:
        raise WeightsStoreError(f"no weights in {' or '.join(str(place) for place in search_path())}")
    is_whole = True
    for folder in folders:
        faults = verify(folder)
        is_whole = is_whole and not faults
        if args.json:
            _json({"folder": str(folder), "faults": list(faults), **_note(read_note(folder))})
        elif faults:
            _say(f"{folder}: {len(faults)} faults")
            for fault in faults:
                _say(f"  {fault}")
        else:
            note = read_note(folder)
            _say(f"{folder}: {len(note.files)} files, {_size(note.n_bytes)}, all as they were made")
    return 0 if is_whole else 1


def _note(note: WeightsNote) -> dict[str, Any]:
    return {**wire.to_plain(note), "id": note.id}


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 2**30:.2f} GiB" if n_bytes >= 2**30 else f"{n_bytes / 2**20:.1f} MiB"


def _json(value: dict[str, Any]) -> None:
    _say(json.dumps(value, ensure_ascii=False))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
