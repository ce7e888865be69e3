"""Finds clips to learn from: folders as VGGSound comes, and tar shards as WebDataset makes them. Decodes nothing.

Tar shards are read front to back with the standard library: files that share a name up to the first dot are one clip.
The package `webdataset` would add shuffling and mixing, which prepared sets do not need (docs/adr/0902).
"""

import csv
import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from otio_v2a_engine.vta_ldm.training.data import TrainingError

__all__ = ["RawClip", "tar_clips", "vggsound_clips"]

_MOVIES = (".mp4", ".mov", ".mkv", ".webm", ".avi")
_SOUNDS = (".wav", ".flac", ".ogg")


@dataclass(frozen=True)
class RawClip:
    """One movie to prepare.

    Attributes:
        name: unique in its set.
        movie: the file; of a tar shard it exists only until the next clip.
        caption: what it shows, in words.
        sound: a file with its sound; None when the movie has it.
    """

    name: str
    movie: Path
    caption: str
    sound: Path | None = None


def vggsound_clips(table: Path, movies: Path, *, split: str = "train") -> Iterator[RawClip]:
    """Clips of VGGSound's own table: rows of identifier, first second, label and split, without a header.

    Movies are named `identifier_000012.mp4` (six digits), as everybody cuts them. A row whose movie is not there is
    left out: many are no longer public.

    Raises:
        TrainingError: the table cannot be read, or no movie of that split is there.
    """
    try:
        with table.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TrainingError(f"{table} cannot be read: {error}") from error
    found = 0
    for number, row in enumerate(rows, start=1):
        if len(row) < 4 or not row[1].strip().isdecimal():
            raise TrainingError(f"{table}, line {number}: identifier, second, label and split are needed, not {row}")
        if row[3].strip() != split:
            continue
        name = f"{row[0]}_{int(row[1]):06d}"
        movie = next((path for suffix in _MOVIES if (path := movies / f"{name}{suffix}").is_file()), None)
        if movie is not None:
            found += 1
            yield RawClip(name, movie, row[2].strip())
    if not found:
        raise TrainingError(f"{movies} has none of the movies of split {split!r} in {table}")


def tar_clips(*shards: Path) -> Iterator[RawClip]:
    """Clips of tar shards in order: each a movie, and beside it a sound, `.txt` or `.json` with a caption, if any.

    Raises:
        TrainingError: a shard cannot be read, or holds no movie.
    """
    for shard in shards:
        found = 0
        try:
            with tarfile.open(shard) as archive:
                for key, members in _groups(archive):
                    with _unpacked(archive, members) as files:
                        movie = next((files[s] for s in _MOVIES if s in files), None)
                        if movie is None:
                            continue
                        found += 1
                        sound = next((files[s] for s in _SOUNDS if s in files), None)
                        yield RawClip(f"{shard.stem}/{key}", movie, _caption(files), sound)
        except (OSError, tarfile.TarError) as error:
            raise TrainingError(f"{shard} cannot be read: {error}") from error
        if not found:
            raise TrainingError(f"{shard} holds no movies ({', '.join(_MOVIES)})")


def _groups(archive: tarfile.TarFile) -> Iterator[tuple[str, list[tarfile.TarInfo]]]:
    """Neighbouring regular files whose names agree up to the first dot after the last slash."""
    key, members = "", list[tarfile.TarInfo]()
    for member in archive:
        if not member.isfile():
            continue
        folder, _, file = member.name.rpartition("/")
        own = f"{folder}/{file.partition('.')[0]}" if folder else file.partition(".")[0]
        if own != key and members:
            yield key, members
            members = []
        key = own
        members.append(member)
    if members:
        yield key, members


@contextmanager
def _unpacked(archive: tarfile.TarFile, members: list[tarfile.TarInfo]) -> Iterator[dict[str, Path]]:
    """The files by suffix, in a folder of ours under names of ours: a shard's own paths are never followed."""
    with TemporaryDirectory(prefix="otio-v2a-") as place:
        files: dict[str, Path] = {}
        for i, member in enumerate(members):
            suffix = Path(member.name).suffix.lower()
            content = archive.extractfile(member)
            if content is None or suffix not in (*_MOVIES, *_SOUNDS, ".txt", ".json"):
                continue
            path = Path(place) / f"{i}{suffix}"
            with content, path.open("wb") as out:
                while block := content.read(1 << 20):
                    out.write(block)
            files.setdefault(suffix, path)
        yield files


def _caption(files: dict[str, Path]) -> str:
    try:
        if ".txt" in files:
            return files[".txt"].read_text(encoding="utf-8").strip()
        if ".json" in files:
            note = json.loads(files[".json"].read_text(encoding="utf-8"))
            return str(note.get("caption") or note.get("label") or "") if isinstance(note, dict) else ""
    except (UnicodeDecodeError, ValueError) as error:
        raise TrainingError(f"a shard's caption cannot be read: {error}") from error
    return ""
