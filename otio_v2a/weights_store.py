"""Owns the weights that a user brings, as the command line shows them: convert, list, verify, export. Opens no tensor.

Converting and exporting need torch, so they run in processes of their own; the rest reads notes and hashes files.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from otio_v2a.engine_process import run_module
from otio_v2a.errors import RunError, V2AError
from otio_v2a_engine import weight_folders
from otio_v2a_engine.contract import WeightsError
from otio_v2a_engine.weight_folders import WeightsNote, find_folder, read_note, search_path

__all__ = [
    "CONVERTERS",
    "EXPORTERS",
    "StoredWeights",
    "WeightsStoreError",
    "choose",
    "convert",
    "default_target",
    "export",
    "stored",
    "verify",
]

CONVERTERS = {"vta-ldm": "otio_v2a_engine.vta_ldm"}
"""Modules that convert released files, by the kind of weights they make."""

EXPORTERS = {"small": "otio_v2a_engine.small_export"}
"""Modules that write the weights that ship with an engine as a folder to train further."""


class WeightsStoreError(V2AError):
    """Weights are missing or damaged, or cannot be converted."""


@dataclass(frozen=True)
class StoredWeights:
    """A weights folder that was found."""

    folder: Path
    note: WeightsNote

    @property
    def is_chosen(self) -> bool:
        """Whether an engine of this kind takes this folder: the first one found."""
        try:
            return find_folder(self.note.kind)[0] == self.folder
        except WeightsError:
            return False


def stored() -> tuple[tuple[StoredWeights, ...], tuple[str, ...]]:
    """Every weights folder on the search path, and what is wrong with those that cannot be read."""
    found, faults = [], []
    for folder in weight_folders.all_folders():
        try:
            found.append(StoredWeights(folder, read_note(folder)))
        except WeightsError as error:
            faults.append(str(error))
    return tuple(found), tuple(faults)


def default_target(kind: str) -> Path:
    """Where converted weights go unless the user says otherwise: the user's own folder."""
    return search_path()[-1] / kind


def choose(folder: Path) -> None:
    """Let this process and its workers take weights from `folder`: a weights folder, or a folder of them.

    Raises:
        WeightsStoreError: there is no such folder.
    """
    if not folder.is_dir():
        raise WeightsStoreError(
            f"there is no weights folder {folder}; list those that are found: otio-v2a weights list"
        )
    os.environ[weight_folders.FOLDER_VARIABLE] = str(folder.resolve())


def convert(kind: str, source: Path, *, target: Path | None = None, on_stage: Callable[[str], None]) -> StoredWeights:
    """Convert released files into a weights folder, in a process of its own.

    Raises:
        WeightsStoreError: a file is missing, damaged or not what it should be, or the folder exists.
    """
    if kind not in CONVERTERS:
        raise WeightsStoreError(f"weights of {kind!r} cannot be converted; those of {', '.join(CONVERTERS)} can")
    if not source.is_dir():
        raise WeightsStoreError(f"{source} is no folder; put the released files into one and name it")
    folder = default_target(kind) if target is None else target
    try:
        run_module(CONVERTERS[kind], [str(source.resolve()), str(folder.absolute())], on_line=on_stage)
    except RunError as error:
        raise WeightsStoreError(str(error)) from error
    return StoredWeights(folder, read_note(folder))


def export(engine: str, folder: Path, *, on_stage: Callable[[str], None]) -> None:
    """Write the weights that ship with an engine into a new folder, in a process of its own.

    Raises:
        WeightsStoreError: the engine has none to write, or the folder exists or cannot be made.
    """
    if engine not in EXPORTERS:
        raise WeightsStoreError(f"engine {engine!r} has no weights to export; {', '.join(EXPORTERS)} has")
    try:
        run_module(EXPORTERS[engine], [str(folder.absolute())], on_line=on_stage)
    except RunError as error:
        raise WeightsStoreError(str(error)) from error


def verify(folder: Path, *, on_bytes: Callable[[int], None] = lambda _: None) -> tuple[str, ...]:
    """What is wrong with a weights folder, in words; nothing when it is as it was made.

    Raises:
        WeightsStoreError: it has no readable note.
    """
    try:
        return weight_folders.verify(folder, on_bytes=on_bytes)
    except WeightsError as error:
        raise WeightsStoreError(str(error)) from error
