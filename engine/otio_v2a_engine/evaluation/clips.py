"""What is evaluated, as files: clips with their picture, true sound, caption and onsets, and folders of made sound.

Files belong together by their stem. Knows no metric.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from otio_v2a_engine.contract import EngineError, Picture
from otio_v2a_engine.frames import probe, read_frames

__all__ = [
    "Clip",
    "EvaluationError",
    "MadeSet",
    "native_frames",
    "read_clips",
    "read_made",
    "read_sound",
    "tile_frames",
]

SOUND_SUFFIXES = (".wav", ".flac", ".ogg", ".aiff", ".aif")
MOVIE_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mxf")

Samples = npt.NDArray[np.float32]


class EvaluationError(EngineError):
    """An evaluation cannot be done as asked; the message says which file and what to do."""


@dataclass(frozen=True)
class Clip:
    """One clip to make sound for.

    Attributes:
        name: the stem of its files.
        picture: a movie, or None.
        reference: a file with its true sound, or None.
        caption: what should be heard; "" when nobody said.
        onsets_s: true onsets in seconds, ascending; None when nobody labelled them.
    """

    name: str
    picture: Path | None = None
    reference: Path | None = None
    caption: str = ""
    onsets_s: tuple[float, ...] | None = None


@dataclass(frozen=True)
class MadeSet:
    """One system's sounds by the name of their clip."""

    name: str
    sounds: Mapping[str, Path]


def _by_stem(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in suffixes}


def read_clips(folder: Path, *, labels: Path | None = None) -> tuple[Clip, ...]:
    """The clips of a folder of movies, of true sounds, or both, with labels from a CSV.

    A sound file beside a movie is its true sound; otherwise the movie's own is. The CSV has the columns `clip` and,
    as far as known, `caption` and `onsets_s` (seconds, separated by spaces; empty for a clip without any).

    Raises:
        EvaluationError: nothing is there, or the labels cannot be read.
    """
    if not folder.is_dir():
        raise EvaluationError(f"{folder} is not a folder of clips")
    movies, sounds = _by_stem(folder, MOVIE_SUFFIXES), _by_stem(folder, SOUND_SUFFIXES)
    notes = _read_labels(labels) if labels is not None else {}
    unknown = sorted(set(notes) - set(movies) - set(sounds))
    if unknown:
        raise EvaluationError(f"{labels} names clips that {folder} does not have: {', '.join(unknown[:5])}")
    names = sorted({*movies, *sounds})
    if not names:
        raise EvaluationError(f"{folder} holds no movies and no sounds")
    clips = []
    for name in names:
        caption, onsets = notes.get(name, ("", None))
        movie = movies.get(name)
        reference = sounds.get(name) or (movie if movie is not None and _has_sound(movie) else None)
        clips.append(Clip(name, movie, reference, caption, onsets))
    return tuple(clips)


def _has_sound(path: Path) -> bool:
    import av
    import av.error

    try:
        with av.open(str(path)) as container:
            return bool(container.streams.audio)
    except (av.error.FFmpegError, OSError) as error:
        raise EvaluationError(f"{path} cannot be opened: {error}") from error


def _read_labels(path: Path) -> dict[str, tuple[str, tuple[float, ...] | None]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise EvaluationError(f"{path} cannot be read as labels: {error}") from error
    if rows and "clip" not in rows[0]:
        raise EvaluationError(f"{path} needs a column named clip (and caption, onsets_s)")
    found: dict[str, tuple[str, tuple[float, ...] | None]] = {}
    for number, row in enumerate(rows, start=2):
        text = row.get("onsets_s")
        try:
            onsets = None if text is None else tuple(sorted(float(part) for part in text.split()))
        except ValueError as error:
            raise EvaluationError(f"{path}, line {number}: onsets_s must be seconds, not {text!r}") from error
        found[row["clip"]] = (row.get("caption") or "", onsets)
    return found


def read_made(folder: Path) -> MadeSet:
    """The sounds of a folder (sound files, or movies with sound); the system is named after the folder.

    Raises:
        EvaluationError: there are none.
    """
    if not folder.is_dir():
        raise EvaluationError(f"{folder} is not a folder of made sounds")
    sounds = {**_by_stem(folder, MOVIE_SUFFIXES), **_by_stem(folder, SOUND_SUFFIXES)}
    if not sounds:
        raise EvaluationError(f"{folder} holds no sounds")
    return MadeSet(folder.resolve().name, sounds)


def read_sound(path: Path, *, rate: int) -> Samples:
    """Mono sound of a sound file or movie at a rate, `(n,)`.

    Raises:
        EvaluationError: it cannot be read or has no sound.
    """
    import soxr

    mono, own = _decode(path) if path.suffix.lower() in MOVIE_SUFFIXES else _read_file(path)
    if not len(mono):
        raise EvaluationError(f"{path} has no sound in it")
    return mono if own == rate else soxr.resample(mono, own, rate, quality="HQ").astype(np.float32)


def _read_file(path: Path) -> tuple[Samples, int]:
    import soundfile

    try:
        data, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise EvaluationError(f"{path} cannot be read as sound: {error}") from error
    return np.nan_to_num(np.ascontiguousarray(data.mean(1))), int(rate)


def _decode(path: Path) -> tuple[Samples, int]:
    import av
    import av.error

    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                return np.zeros(0, np.float32), 1
            stream = container.streams.audio[0]
            rate = stream.rate
            resampler = av.AudioResampler(format="fltp", layout="mono", rate=rate)
            pieces = [part.to_ndarray()[0] for frame in container.decode(stream) for part in resampler.resample(frame)]
            pieces += [part.to_ndarray()[0] for part in resampler.resample(None)]
    except (av.error.FFmpegError, OSError) as error:
        raise EvaluationError(f"{path} cannot be decoded: {error}") from error
    return (np.concatenate(pieces).astype(np.float32) if pieces else np.zeros(0, np.float32)), int(rate)


def native_frames(path: Path, *, longest_s: float) -> tuple[Iterator[npt.NDArray[np.uint8]], Fraction]:
    """Every frame of a movie at its own size, and its rate."""
    picture = Picture(str(path.resolve()))
    info = probe(picture)
    n_frames = int(min(info.duration_s, Fraction(longest_s)) * info.rate)
    times = [Fraction(i) / info.rate for i in range(n_frames)]
    return read_frames(picture, times, width=info.width, height=info.height, fit="stretch"), info.rate


def tile_frames(path: Path, *, rate: Fraction, width: int, height: int, longest_s: float) -> npt.NDArray[np.uint8]:
    """Frames `(T, height, width, 3)` of a movie at a rate."""
    picture = Picture(str(path.resolve()))
    n_frames = int(min(probe(picture).duration_s, Fraction(longest_s)) * rate)
    times = [Fraction(i) / rate for i in range(n_frames)]
    frames = list(read_frames(picture, times, width=width, height=height, fit="crop"))
    return np.stack(frames) if frames else np.zeros((0, height, width, 3), np.uint8)
