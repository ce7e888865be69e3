"""Owns the search for missing media below a folder: files told by name, length, size and content. Knows no timeline.

Nothing is decoded and nothing is moved.
"""

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from otio_v2a.errors import MediaError
from otio_v2a.media import IMAGE_SUFFIXES, MOVIE_SUFFIXES, SOUND_SUFFIXES, find_sequence, probe
from otio_v2a.media_identity import MediaIdentity, identify
from otio_v2a.spans import MediaFile

__all__ = ["Candidate", "Match", "Missing", "Search", "search"]

_MOST_FILES = 1_000_000
_MOST_PROBES = 50
"""Candidates per missing file whose headers are read."""
_SAME, _ALIKE, _STEM, _OTHER = 3, 2, 1, 0


@dataclass(frozen=True)
class Missing:
    """A file that a cut points at and that is not there.

    Attributes:
        url: as the cut spells it, of a sequence with `#` for the number; `?NAME` of a clip that names no file.
        name: its file name.
        clips: names of the clips that show it.
        duration_s: how long the cut says it is; None when it does not.
        rate: its frames per second as the cut says; None when it does not.
        n_bytes: its size where a host noted it.
        is_sequence: whether it is numbered images.
    """

    url: str
    name: str
    clips: tuple[str, ...]
    duration_s: Fraction | None = None
    rate: Fraction | None = None
    n_bytes: int | None = None
    is_sequence: bool = False


@dataclass(frozen=True)
class Candidate:
    """A file that may be the missing one.

    Attributes:
        path: the file; of a sequence a printf pattern.
        name_rank: 3 the same name, 2 but for upper case or accents' spelling, 1 with another suffix, 0 another name.
        n_bytes: its size.
        duration_s: its length; None when its header says nothing.
        is_length_right: whether that is what the cut says; None when one of them is not known.
        n_folders: how many folders above it have the names that the cut says.
        is_sure: whether nothing speaks against it.
        remarks: what speaks for and against it, in words.
    """

    path: Path
    name_rank: int
    n_bytes: int = 0
    duration_s: Fraction | None = None
    is_length_right: bool | None = None
    n_folders: int = 0
    is_sure: bool = False
    remarks: tuple[str, ...] = ()

    @property
    def order(self) -> tuple[Any, ...]:
        """Better ones are smaller."""
        is_right = self.is_length_right
        return (not self.is_sure, -self.name_rank, is_right is not True, -self.n_folders, str(self.path))


@dataclass(frozen=True)
class Match:
    """A missing file and what was found for it.

    Attributes:
        missing: the file.
        candidates: the best first.
        choice: the one that is beyond doubt; None when there is none, or several that differ.
    """

    missing: Missing
    candidates: tuple[Candidate, ...] = ()
    choice: Candidate | None = None

    def __str__(self) -> str:
        head = f"{self.missing.name} ({_clips(self.missing.clips)})"
        if self.choice is not None:
            copies = len(self.candidates) - 1
            more = f"; {copies} more candidate{'s' if copies > 1 else ''}" if copies else ""
            return f"{head}: found {self.choice.path} ({', '.join(self.choice.remarks)}{more})"
        if not self.candidates:
            return f"{head}: nothing of that name or kind"
        shown = "; ".join(f"{each.path} ({', '.join(each.remarks)})" for each in self.candidates[:5])
        several = "one candidate, not" if len(self.candidates) == 1 else f"{len(self.candidates)} candidates, none"
        return f"{head}: {several} beyond doubt: {shown}"


@dataclass(frozen=True)
class Search:
    """The outcome of a search; it words itself.

    Attributes:
        folder: where it was looked.
        matches: one per missing file, in the order of the cut.
        n_files: how many files were looked at.
        is_whole: False when it was cancelled or there were too many files.
    """

    folder: Path
    matches: tuple[Match, ...]
    n_files: int
    is_whole: bool = True

    @property
    def choices(self) -> dict[str, Path]:
        """What is beyond doubt: files by the spelling in the cut."""
        return {match.missing.url: match.choice.path for match in self.matches if match.choice is not None}

    def lines(self) -> tuple[str, ...]:
        """The report: the sum first, then every file."""
        found = len(self.choices)
        several = sum(1 for match in self.matches if match.choice is None and match.candidates)
        head = f"{found} of {len(self.matches)} missing files found among {self.n_files} files below {self.folder}"
        if several:
            head += f", {several} with candidates to choose from"
        if not self.is_whole:
            head += "; the search was broken off"
        return (head, *map(str, self.matches))

    def __str__(self) -> str:
        return "\n".join(self.lines())


def search(
    missing: Sequence[Missing],
    folder: Path,
    *,
    on_progress: Callable[[int], None] = lambda n_files: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Search:
    """Look below `folder` for missing files. Blocks; reads names, and the headers of what may be meant.

    A file is chosen when its name is right and its length does not contradict the cut, or when size and length are
    right under another name. Several copies of one content count as one; otherwise the one below the same folders.

    Raises:
        MediaError: there is no such folder.
    """
    folder = Path(os.path.abspath(folder))
    if not folder.is_dir():
        raise MediaError(f"{folder}: is no folder; name the one that the media lie below")
    listing = _Listing(missing)
    is_whole = listing.read(folder, on_progress=on_progress, cancelled=cancelled)
    matches = []
    for each in missing:
        if cancelled():
            is_whole = False
            matches.append(Match(each))
            continue
        judged = [_judged(each, path, rank) for path, rank in listing.possible(each)]
        candidates = sorted((one for one in judged if one is not None), key=lambda candidate: candidate.order)
        matches.append(Match(each, tuple(candidates), _choice(candidates)))
    return Search(folder=folder, matches=tuple(matches), n_files=listing.n_files, is_whole=is_whole)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


class _Listing:
    """The files below a folder that may be missed, by name."""

    def __init__(self, missing: Sequence[Missing]) -> None:
        self.n_files = 0
        self._names = {_folded(each.name) for each in missing}
        self._stems = {_stem(each) for each in missing if not each.is_sequence}
        self._sizes = {each.n_bytes for each in missing if each.n_bytes}
        self._shapes = {each.url: _shape(each) for each in missing if each.is_sequence}
        self._by_name: dict[str, list[Path]] = defaultdict(list)
        self._by_stem: dict[str, list[Path]] = defaultdict(list)
        self._by_size: dict[int, list[Path]] = defaultdict(list)
        self._sequences: dict[str, dict[Path, None]] = defaultdict(dict)

    def read(self, folder: Path, *, on_progress: Callable[[int], None], cancelled: Callable[[], bool]) -> bool:
        """Walk the folder; False when it was not walked to its end. Folders that cannot be read are passed by."""
        for place, folders, names in os.walk(folder):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            if cancelled() or self.n_files > _MOST_FILES:
                return False
            for name in sorted(names):
                self._take(place, name)
            self.n_files += len(names)
            on_progress(self.n_files)
        return True

    def _take(self, place: str, name: str) -> None:
        suffix = os.path.splitext(name)[1].lower()
        for url, shape in self._shapes.items():
            matched = shape.fullmatch(name)
            if matched is not None:
                digits = len(matched.group(2)) if matched.group(2).startswith("0") else 0
                number = f"%0{digits}d" if digits else "%d"
                head, tail = (text.replace("%", "%%") for text in (matched.group(1), matched.group(3)))
                self._sequences[url][Path(place.replace("%", "%%")) / f"{head}{number}{tail}"] = None
        folded = _folded(name)
        if folded in self._names:
            self._by_name[folded].append(Path(place, name))
        if suffix not in MOVIE_SUFFIXES:
            return
        stem = _folded(os.path.splitext(name)[0])
        if stem in self._stems:
            self._by_stem[stem].append(Path(place, name))
        if self._sizes:
            try:
                size = os.stat(os.path.join(place, name)).st_size
            except OSError:
                return
            if size in self._sizes:
                self._by_size[size].append(Path(place, name))

    def possible(self, missing: Missing) -> list[tuple[Path, int]]:
        """What a missing file may be, with the rank of its name."""
        if missing.is_sequence:
            found = self._sequences.get(missing.url, {})
            head = missing.name.partition("#")[0]
            return [(path, _SAME if path.name.startswith(head) else _ALIKE) for path in found][:_MOST_PROBES]
        ranked: dict[Path, int] = {}
        for path in self._by_name.get(_folded(missing.name), ()):
            ranked[path] = _SAME if path.name == missing.name else _ALIKE
        for path in self._by_stem.get(_stem(missing), ()):
            # A clip that names no file is called as its file, without the suffix.
            ranked.setdefault(path, _SAME if missing.url.startswith("?") else _STEM)
        for path in self._by_size.get(missing.n_bytes or 0, ()):
            ranked.setdefault(path, _OTHER)
        return sorted(ranked.items(), key=lambda item: (-item[1], str(item[0])))[:_MOST_PROBES]


def _stem(missing: Missing) -> str:
    name = missing.name
    stem, suffix = os.path.splitext(name)
    return _folded(stem if suffix.lower() in MOVIE_SUFFIXES | SOUND_SUFFIXES | IMAGE_SUFFIXES else name)


def _shape(missing: Missing) -> "re.Pattern[str]":
    head, _, tail = missing.name.rpartition("#")
    return re.compile(f"({re.escape(head)})(\\d+)({re.escape(tail)})", re.IGNORECASE)


def _judged(missing: Missing, path: Path, rank: int) -> Candidate | None:
    """A candidate with what speaks for and against it; None when it is none: unreadable and of another name."""
    words = {_SAME: "same name", _ALIKE: "same name but for its spelling", _STEM: "another suffix", _OTHER: "renamed"}
    remarks = [words[rank]]
    duration_s: Fraction | None = None
    is_readable = True
    if missing.is_sequence:
        media: MediaFile | None = _sequence_of(path)
    elif path.suffix.lower() in SOUND_SUFFIXES:
        media = MediaFile(path=str(path))
    else:
        try:
            media = probe(path)
            duration_s = media.duration_s
        except MediaError:
            media, is_readable = None, False
            remarks.append("cannot be read")
    if media is None and rank < _ALIKE:
        return None
    n_bytes = _size(path)
    if missing.is_sequence and media is not None:
        identity = identify(media)
        n_bytes = identity.n_bytes if isinstance(identity, MediaIdentity) else 0
        if missing.rate is not None and media.duration_s is not None:
            duration_s = media.duration_s / missing.rate  # counted in images until here
    right = _is_length_right(missing, duration_s)
    if right is not None:
        seconds = f"{float(duration_s or 0):.2f} s instead of {float(missing.duration_s or 0):.2f} s"
        remarks.append("same length" if right else seconds)
    size_right = None if missing.n_bytes is None or missing.is_sequence else missing.n_bytes == n_bytes
    if size_right is not None:
        remarks.append("same size" if size_right else "another size")
    by_name = rank >= _ALIKE and right is not False and size_right is not False
    by_size = bool(size_right) and right is True
    return Candidate(
        path=path,
        name_rank=rank,
        n_bytes=n_bytes,
        duration_s=duration_s,
        is_length_right=right,
        n_folders=_n_folders(missing.url, path),
        is_sure=is_readable and (by_name or by_size),
        remarks=tuple(remarks),
    )


def _sequence_of(pattern: Path) -> MediaFile | None:
    """The images of a pattern, at one image per second."""
    matched = re.search(r"(?<!%)%(?:0(\d+))?d", pattern.name)
    if matched is None:
        return None
    folder = str(pattern.parent).replace("%%", "%")
    head, tail = (text.replace("%%", "%") for text in (pattern.name[: matched.start()], pattern.name[matched.end() :]))
    try:
        found, numbers = find_sequence(
            os.path.join(folder, head), tail, digits=int(matched.group(1) or 0), base=Path(folder)
        )
    except MediaError:
        return None
    n_images = max(numbers) - min(numbers) + 1
    return MediaFile(str(found), rate=Fraction(1), duration_s=Fraction(n_images), sequence_first=min(numbers))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _is_length_right(missing: Missing, duration_s: Fraction | None) -> bool | None:
    if missing.duration_s is None or duration_s is None:
        return None
    frame_s = 1 / missing.rate if missing.rate else Fraction(1, 24)
    return abs(duration_s - missing.duration_s) <= frame_s


def _n_folders(url: str, path: Path) -> int:
    """How many folders above a file have the same names, counted from the file."""
    named = [_folded(part) for part in re.split(r"[/\\]", url)[:-1] if part]
    count = 0
    for here, there in zip(reversed(named), reversed([_folded(part) for part in path.parent.parts]), strict=False):
        if here != there:
            break
        count += 1
    return count


def _choice(candidates: Sequence[Candidate]) -> Candidate | None:
    sure = [candidate for candidate in candidates if candidate.is_sure]
    if len(sure) < 2:
        return sure[0] if sure else None
    best, second = sure[0], sure[1]
    if best.order[:-1] != second.order[:-1]:
        return best
    equals = [candidate for candidate in sure if candidate.order[:-1] == best.order[:-1]]
    if len({candidate.n_bytes for candidate in equals}) > 1:
        return None
    # Copies of one file lie in backups: which of them is taken does not matter.
    return best if len({_digest(candidate) for candidate in equals}) == 1 else None


def _digest(candidate: Candidate) -> str:
    media = MediaFile(str(candidate.path)) if "%" not in candidate.path.name else _sequence_of(candidate.path)
    found = identify(media) if media is not None else None
    return found.digest if isinstance(found, MediaIdentity) else str(candidate.path)


def _clips(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:3])
    return f"{shown} and {len(names) - 3} more clips" if len(names) > 3 else shown
