"""Owns what the user relinked on this machine: files to use instead of missing ones, by cut. Knows no Qt and no OTIO.

The cut itself is never changed; what the panel writes points at the files that were found.
"""

import json
import logging
from collections.abc import Mapping
from pathlib import Path

from otio_v2a.atomic import atomic_file
from otio_v2a_ui.journal import journal_path

__all__ = ["load_relinks", "remember_relinks"]

_log = logging.getLogger(__name__)

_LARGEST_BYTES = 16 << 20


def load_relinks(cut: Path, *, folder: Path) -> tuple[tuple[str, Path], ...]:
    """What was relinked in a cut: spellings in it and files; of a damaged note nothing."""
    path = _path(cut, folder)
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            return ()
        data = json.loads(path.read_text(encoding="utf-8"))
        return tuple((str(url), Path(file)) for url, file in data["files"].items())
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        _log.warning("what was relinked is not known: %s cannot be read: %s", path, error)
        return ()


def remember_relinks(cut: Path, choices: Mapping[str, Path], *, folder: Path) -> None:
    """Use these files instead, besides those that are known. Raises OSError."""
    known = dict(load_relinks(cut, folder=folder))
    # A file that was relinked before and is missing again is spelled as it was relinked.
    chained = {url: choices.get(str(file), choices.get(file.as_uri(), file)) for url, file in known.items()}
    files = {url: str(file) for url, file in {**chained, **choices}.items()}
    path = _path(cut, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as file:
        file.write(json.dumps({"cut": str(cut), "files": files}, ensure_ascii=False, indent=1).encode())


def _path(cut: Path, folder: Path) -> Path:
    name = journal_path(Path(cut).absolute(), folder=folder).stem
    return folder / "relinks" / f"{name}.json"
