"""Owns the installation of weights from a local folder: a ready one is checked and copied, released files converted."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from otio_v2a.weights_store import CONVERTERS, StoredWeights, WeightsStoreError, convert, default_target, verify
from otio_v2a_engine.contract import WeightsError
from otio_v2a_engine.weight_folders import NOTE_NAME, WeightsNote, read_note

__all__ = ["install"]


def install(source: Path, *, kind: str = "", on_stage: Callable[[str], None] = lambda _: None) -> StoredWeights:
    """Put weights into the user's own folder, where engines find them. Blocks; the source stays as it is.

    Args:
        source: a weights folder (with its note), or a folder with the files that a model's authors released.
        kind: what released files are of; the only kind that can be converted when empty.
        on_stage: told what is being done.

    Raises:
        WeightsStoreError: damaged, of no known kind, there already, or the disk refuses; nothing was installed.
    """
    source = Path(os.path.abspath(source))
    if not source.is_dir():
        raise WeightsStoreError(f"{source} is no folder; choose the one that the weights lie in")
    if not (source / NOTE_NAME).is_file():
        kinds = list(CONVERTERS)
        if not kind and len(kinds) != 1:
            raise WeightsStoreError(f"{source} does not say what it is; name one of {', '.join(kinds)}")
        return convert(kind or kinds[0], source, on_stage=on_stage)
    try:
        note = read_note(source)
    except WeightsError as error:
        raise WeightsStoreError(str(error)) from error
    if kind and note.kind != kind:
        raise WeightsStoreError(f"{source} holds weights of {note.kind}, not of {kind}")
    on_stage("checking every file")
    faults = verify(source)
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise WeightsStoreError(f"{source} is damaged: {faults[0]}{more}; get the weights again")
    target = _free_target(source, note)
    partial = target.with_name(f".{target.name}.partial")
    on_stage("copying")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        for name in (NOTE_NAME, *(file.path for file in note.files)):
            place = partial / name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, place)
        os.replace(partial, target)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise WeightsStoreError(f"{target} cannot be written: {error.strerror or error}") from error
    return StoredWeights(target, note)


def _free_target(source: Path, note: WeightsNote) -> Path:
    first = default_target(note.kind)
    for target in (first, first.with_name(f"{note.kind}-{note.id}")):
        if not target.exists():
            return target
        if target.resolve() == source.resolve() or _id_at(target) == note.id:
            raise WeightsStoreError(f"these weights are installed already, in {target}")
    raise WeightsStoreError(f"{target} exists and holds something else; move it away and try again")


def _id_at(folder: Path) -> str:
    try:
        return read_note(folder).id
    except WeightsError:
        return ""
