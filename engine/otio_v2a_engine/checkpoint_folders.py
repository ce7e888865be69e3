"""Owns folders of published models that a user names in an engine's option: where, and which bytes (floor 0: no torch).

Such a folder is as its publisher released it: config.json, a tokenizer, safetensors. Nothing is converted, nothing is
written into it. What it is called plays no part in a take's hash; what is in it does.
"""

import hashlib
import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from otio_v2a_engine.contract import EngineInfo, Sampling, WeightsError
from otio_v2a_engine.weight_folders import FOLDER_VARIABLE, search_path

__all__ = ["checkpoint_id", "find_checkpoint", "identified_options", "read_config"]

_CONFIG = "config.json"
_LONGEST_CONFIG_BYTES = 2**20
_SUFFIXES = (".json", ".model", ".safetensors", ".txt")
_WHOLE_BYTES = 2**23
_SAMPLE_BYTES = 2**18
_N_SAMPLES = 16
_ID_DIGITS = 12


def find_checkpoint(value: str, *, option: str) -> Path:
    """The folder that an option names: a path, or the name of a folder where weights are looked for.

    Args:
        value: of the option.
        option: its name, for messages.

    Raises:
        WeightsError: there is none, or it holds no model in safetensors; the message says what to do.
    """
    if not value:
        raise WeightsError(f"option {option} names a folder, as in {option}=FOLDER")
    named = Path(os.path.expanduser(value))  # unlike Path's own, this leaves an unknown ~name alone
    places = [named, *(place / value for place in search_path())]
    folder = next((place for place in places if place.is_dir()), None)
    if folder is None:
        where = ", ".join(str(place) for place in search_path())
        raise WeightsError(
            f"option {option}: there is no folder {named}, nor one of that name in {where}; nothing is downloaded: "
            f"name the folder into which you downloaded the model, or put it below the folder in {FOLDER_VARIABLE}"
        )
    if not (folder / _CONFIG).is_file():
        raise WeightsError(
            f"option {option}: {folder} holds no {_CONFIG}; name the folder with the files of one model "
            "as transformers saves them (in a hub's cache: snapshots/REVISION)"
        )
    if not any(folder.glob("*.safetensors")):
        raise WeightsError(
            f"option {option}: {folder} holds no .safetensors file; pickles (.bin, .pt) are not opened, since they can "
            "run code: download the model's model.safetensors"
        )
    return folder


def read_config(folder: Path) -> dict[str, Any]:
    """What a checkpoint's config.json says.

    Raises:
        WeightsError: it cannot be read.
    """
    path = folder / _CONFIG
    try:
        if path.stat().st_size > _LONGEST_CONFIG_BYTES:
            raise WeightsError(f"{path} is too long for a configuration")
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{path} is damaged ({error}); download it again") from error
    if not isinstance(config, dict):
        raise WeightsError(f"{path} is no model's configuration; download it again")
    return config


def checkpoint_id(folder: Path) -> str:
    """Twelve hexadecimal digits that change with the files from which a model and its vocabulary are read.

    Files above 8 MiB count by their length, both ends and sixteen places between.

    Raises:
        WeightsError: a file cannot be read.
    """
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES and path.is_file())
        return _id_of(tuple((path, path.stat().st_size, path.stat().st_mtime_ns) for path in files))
    except OSError as error:
        raise WeightsError(f"{error.filename or folder} cannot be read: {error.strerror}") from error


def identified_options(sampling: Sampling, engine: EngineInfo) -> tuple[str, ...]:
    """Engine options as a hash takes them: a folder's name gives way to its id.

    Raises:
        WeightsError: a folder is not there or holds no model.
    """
    told = []
    for given in sampling.options:
        name, _, value = given.partition("=")
        if name in engine.folder_options:
            value = checkpoint_id(find_checkpoint(value, option=name))
            given = f"{name}={value}"
        told.append(given)
    return tuple(told)


@lru_cache(maxsize=16)
def _id_of(files: tuple[tuple[Path, int, int], ...]) -> str:
    """By name, length and content; the time of writing is only there so that a file written anew is read anew."""
    digest = hashlib.sha256()
    for path, n_bytes, _ in files:
        digest.update(f"{path.name}\n{n_bytes}\n".encode())
        with path.open("rb") as file:
            if n_bytes <= _WHOLE_BYTES:
                digest.update(file.read())
                continue
            for number in range(_N_SAMPLES + 2):
                file.seek(number * (n_bytes - _SAMPLE_BYTES) // (_N_SAMPLES + 1), os.SEEK_SET)
                digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()[:_ID_DIGITS]
