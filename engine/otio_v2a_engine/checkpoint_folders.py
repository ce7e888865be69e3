"""Owns folders of models that a user names in an engine's option: where, and which bytes (floor 0: no torch).

Such a folder is as its publisher released it: config.json, a tokenizer, safetensors. Or it holds an engine's own
weights, trained further: a pipeline as diffusers saves it, or one safetensors file beside its note. Nothing is
converted, nothing is written into it. What it is called plays no part in a take's hash; what is in it does.
"""

import hashlib
import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from otio_v2a_engine.contract import EngineInfo, Sampling, WeightsError
from otio_v2a_engine.weight_folders import FOLDER_VARIABLE, search_path, version_of

__all__ = ["PIPELINE_INDEX", "checkpoint_id", "find_checkpoint", "identified_options", "read_config", "version_for"]

PIPELINE_INDEX = "model_index.json"
"""In a folder that a diffusers pipeline saved, beside a folder for each of its parts."""

_CONFIG = "config.json"
_LONGEST_CONFIG_BYTES = 2**20
_SUFFIXES = (".json", ".model", ".safetensors", ".txt")
_WHOLE_BYTES, _WHOLE_PIPELINE_BYTES = 2**23, 2**30
_SAMPLE_BYTES = 2**18
_N_SAMPLES = 16
_ID_DIGITS = 12


def find_checkpoint(value: str, *, option: str, is_pipeline: bool = False) -> Path:
    """The folder that an option names: a path, or the name of a folder where weights are looked for.

    Args:
        value: of the option.
        option: its name, for messages.
        is_pipeline: whether it holds an engine's own weights, not a published model.

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
            f"name the folder into which you {'saved' if is_pipeline else 'downloaded'} the model, or put it below the "
            f"folder in {FOLDER_VARIABLE}"
        )
    if is_pipeline:
        if (folder / PIPELINE_INDEX).is_file() or any(path.with_suffix(".json").is_file() for path in _tensors(folder)):
            return folder
        raise WeightsError(
            f"option {option}: {folder} holds neither a {PIPELINE_INDEX} nor a .safetensors file beside its .json; "
            "name the folder that save_pretrained or the training's export wrote (pickles are not opened)"
        )
    if not (folder / _CONFIG).is_file():
        raise WeightsError(
            f"option {option}: {folder} holds no {_CONFIG}; name the folder with the files of one model "
            "as transformers saves them (in a hub's cache: snapshots/REVISION)"
        )
    if not _tensors(folder):
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

    Files above 8 MiB count by their length, both ends and sixteen places between. Of a pipeline the folders of its
    parts count too, and every byte of files up to 1 GiB: who trains it further may change one layer only.

    Raises:
        WeightsError: a file cannot be read.
    """
    try:
        inside = list(folder.iterdir())
        if is_pipeline := (folder / PIPELINE_INDEX).is_file():
            inside += [path for part in inside if part.is_dir() for path in part.iterdir()]
        files = sorted(path for path in inside if path.suffix in _SUFFIXES and path.is_file())
        stamps = tuple((path, path.stat().st_size, path.stat().st_mtime_ns) for path in files)
        return _id_of(folder, stamps, whole_bytes=_WHOLE_PIPELINE_BYTES if is_pipeline else _WHOLE_BYTES)
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
        if name in (*engine.folder_options, *engine.weights_options):
            given = f"{name}={_id_named(name, value, engine)}"
        told.append(given)
    return tuple(told)


def version_for(info: EngineInfo, sampling: Sampling) -> str:
    """The version that shapes a render's sound: the engine's, and the id of the weights that the render brings along.

    Raises:
        WeightsError: a folder is not there or holds no weights.
    """
    version = version_of(info)
    for name in info.weights_options:
        if (value := sampling.option(name)) is not None:
            version += f"+{_id_named(name, value, info)}"
    return version


def _id_named(option: str, value: str, engine: EngineInfo) -> str:
    """The id of the folder that an option of an engine names."""
    return checkpoint_id(find_checkpoint(value, option=option, is_pipeline=option in engine.weights_options))


def _tensors(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.safetensors"))


@lru_cache(maxsize=16)
def _id_of(folder: Path, files: tuple[tuple[Path, int, int], ...], *, whole_bytes: int) -> str:
    """By name, length and content; the time of writing is only there so that a file written anew is read anew."""
    digest = hashlib.sha256()
    for path, n_bytes, _ in files:
        digest.update(f"{path.relative_to(folder).as_posix()}\n{n_bytes}\n".encode())
        with path.open("rb") as file:
            if n_bytes <= whole_bytes:
                digest.update(file.read())
                continue
            for number in range(_N_SAMPLES + 2):
                file.seek(number * (n_bytes - _SAMPLE_BYTES) // (_N_SAMPLES + 1), os.SEEK_SET)
                digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()[:_ID_DIGITS]
