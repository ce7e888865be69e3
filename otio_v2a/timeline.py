"""Reads a cut: any OTIO file or movie becomes ClipSpans, exact to the frame. Knows no engine, no sound.

What cannot be mapped is skipped by clip name, track and reason; only a file that is unreadable as a whole raises.
"""

import hashlib
import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil
from pathlib import Path
from types import MappingProxyType
from typing import Any

import opentimelineio as otio

from otio_v2a import guard
from otio_v2a.dialects import Dialect, RetimeRule, detect
from otio_v2a.errors import CutError, MediaError
from otio_v2a.mapping import Frames
from otio_v2a.media import IMAGE_SUFFIXES, MOVIE_SUFFIXES, find_sequence, images_in, probe, split_pattern
from otio_v2a.references import Located, Locator, Unusable, rate_of, seconds_of, url_of
from otio_v2a.spans import ClipSpan, CutTiming, MediaFile, Skipped, SpanMarker
from otio_v2a.visibility import Cover
from otio_v2a.walk import Clock, Leaf, Walker, is_generated

__all__ = ["Cut", "ReadOptions", "clips_by_id", "from_movie", "read"]

_NOTHING: Any = MappingProxyType({})
_STANDARD_RATES = (
    *(Fraction(base * 1000, 1001) for base in (24, 30, 60)),
    *map(Fraction, (24, 25, 30, 48, 50, 60)),
)


@dataclass(frozen=True)
class ReadOptions:
    """How a cut is read.

    Attributes:
        all_tracks: score every picture track; without it, what lies under a visible higher track is left out.
        drop_frame: whether timecode counts drop-frame; None decides by the start timecode.
        image_rate: frames per second of a folder or pattern of images given instead of a cut.
        media_roots: when given, media outside of these folders are refused.
        cache_dir: where bundles are unpacked; None is a folder of this user's cache.
    """

    all_tracks: bool = False
    drop_frame: bool | None = None
    image_rate: Fraction = Fraction(24)
    media_roots: tuple[Path, ...] = ()
    cache_dir: Path | None = None


@dataclass(frozen=True)
class Cut:
    """A cut as read.

    Attributes:
        path: the file it came from, absolute.
        name: the timeline's name, or the file's.
        timeline: the OTIO object; never changed by anyone.
        timing: its clock.
        spans: what is to be scored, by record time, then lower track first.
        skipped: what is not, and why.
        dialect: who wrote it, and how its retimes were read.
        notes: choices made while reading that the user should know.
    """

    path: Path
    name: str
    timeline: otio.schema.Timeline
    timing: CutTiming
    spans: tuple[ClipSpan, ...]
    skipped: tuple[Skipped, ...]
    dialect: Dialect
    notes: tuple[str, ...] = field(default=())


def read(path: Path, *, options: ReadOptions = ReadOptions()) -> Cut:
    """Read a cut: `.otio`, `.otioz`, `.otiod`, whatever OTIO's adapters read, a movie, or numbered images.

    Raises:
        CutError: the file as a whole cannot be read; names it and what to do.
    """
    path = Path(os.path.abspath(path))
    suffix = path.suffix.lower()
    if suffix in MOVIE_SUFFIXES or split_pattern(str(path)) or (path.is_dir() and suffix != ".otiod"):
        return from_movie(path, options=options)
    if suffix == ".otioz":
        bundle = guard.Bundle(path, cache=options.cache_dir or _cache_dir())
        timeline = _parse(bundle.cut_bytes(), path)
        base = bundle.extract()
        return _cut(timeline, path, options, Locator(base=base, roots=(base,)))
    if suffix == ".otiod":
        timeline = _parse(guard.read_bytes(path / "content.otio"), path)
        return _cut(timeline, path, options, Locator(base=path, roots=(path,)))
    if suffix in IMAGE_SUFFIXES:
        raise CutError(f"{path}: is one image; give the sequence as {path.stem}.%04d{suffix} or its folder")
    data = guard.read_bytes(path)
    timeline = _parse(data, path) if suffix == ".otio" else _adapt(path)
    return _cut(timeline, path, options, Locator(base=path.parent, roots=options.media_roots))


def from_movie(path: Path, *, options: ReadOptions = ReadOptions()) -> Cut:
    """A cut of one clip that shows a whole movie, or a pattern or folder of numbered images.

    The edit rate is the movie's; a rate that no editor counts in becomes the nearest that one does.

    Raises:
        CutError: the movie cannot be read.
    """
    path = Path(os.path.abspath(path))
    reference: otio.core.MediaReference
    try:
        pattern = split_pattern(str(path)) or (images_in(path) if path.is_dir() else None)
        if pattern is not None:
            media, reference = _images(pattern, options.image_rate)
        else:
            media = probe(path)
            if media.rate is None or media.duration_s is None:
                raise MediaError(f"{path}: does not say how long it is; rewrap it (ffmpeg -i in -c copy out.mov)")
            reference = otio.schema.ExternalReference(path.as_uri())
    except (MediaError, OSError) as error:
        raise CutError(str(error)) from error
    assert media.rate is not None
    assert media.duration_s is not None
    rate = _edit_rate(media.rate)
    start = round((media.timecode_s or 0) * rate)
    length = max(ceil(media.duration_s * rate), 1)
    float_rate = float(rate)
    reference.available_range = otio.opentime.TimeRange(
        otio.opentime.RationalTime(start, float_rate), otio.opentime.RationalTime(length, float_rate)
    )
    clip = otio.schema.Clip(path.stem, reference, reference.available_range)
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    track.append(clip)
    timeline = otio.schema.Timeline(path.stem, global_start_time=otio.opentime.RationalTime(start, float_rate))
    timeline.tracks.append(track)
    return _cut(timeline, path, options, Locator(base=path.parent, known={url_of(reference): media}))


def clips_by_id(timeline: otio.schema.Timeline) -> dict[str, otio.schema.Clip]:
    """The timeline's own picture clips, usable or not, by the ids that their spans have.

    A clip seen in several parts has spans `<id>-1`, `<id>-2` ...; it stands here under `<id>`. Opens no media.
    """

    def unknown(clip: otio.schema.Clip) -> tuple[Fraction, Fraction]:
        raise Unusable("nobody asks how long it is")

    walker = Walker(Clock(_timeline_rate(timeline)), rule=RetimeRule.RECORD, media_seconds=unknown)
    walker.walk(timeline)
    assembly = _Assembly(Fraction(1), Fraction(0), 0, Locator(base=Path()), ReadOptions())
    return {assembly._clip_id(leaf): leaf.clip for leaf in walker.leaves}


def _images(pattern: tuple[str, str, int], rate: Fraction) -> tuple[MediaFile, otio.core.MediaReference]:
    head, tail, digits = pattern
    path, numbers = find_sequence(head, tail, digits=digits, base=Path.cwd())
    first, last = min(numbers), max(numbers)
    missing = next((n for n in range(first, last + 1) if n not in numbers), None)
    if missing is not None:
        raise MediaError(f"{path}: image {missing} of {first} to {last} is missing; render it or give a complete run")
    folder, prefix = os.path.split(head)
    reference = otio.schema.ImageSequenceReference(
        target_url_base=folder + "/",
        name_prefix=prefix,
        name_suffix=tail,
        start_frame=first,
        rate=float(rate),
        frame_zero_padding=digits,
    )
    return MediaFile(str(path), rate, (last - first + 1) / rate, first), reference


def _edit_rate(rate: Fraction) -> Fraction:
    if rate.denominator == 1 or rate in _STANDARD_RATES:
        return rate
    return min(_STANDARD_RATES, key=lambda standard: abs(standard - rate))


def _cache_dir() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    try:
        base = Path(root) if root else Path.home() / ".cache"
    except RuntimeError:
        base = Path(tempfile.gettempdir())
    return base / "otio-v2a" / "bundles"


def _parse(data: bytes, path: Path) -> otio.schema.Timeline:
    """OTIO's JSON, after the checks that OTIO does not make. Raises CutError."""
    guard.check_json(data, name=path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CutError(f"{path}: is not UTF-8 text, so no OpenTimelineIO file; export it again") from error
    try:
        found = otio.core.deserialize_json_from_string(text)
    except Exception as error:
        raise CutError(_why_unreadable(path, error)) from error
    return _as_timeline(found, path)


def _adapt(path: Path) -> otio.schema.Timeline:
    """Whatever an installed adapter makes of a file. Raises CutError."""
    try:
        found = otio.adapters.read_from_file(str(path))
    except otio.exceptions.NoKnownAdapterForExtensionError as error:
        known = sorted(f".{suffix}" for suffix in otio.adapters.suffixes_with_defined_adapters(read=True))
        raise CutError(
            f"{path}: no adapter reads {path.suffix or 'a file without extension'}; readable here are "
            f"{', '.join(known)} and movies. Export .otio, or install the OpenTimelineIO adapter for it"
        ) from error
    except Exception as error:  # Adapters are third-party parsers: whatever they raise is about this file.
        raise CutError(_why_unreadable(path, error)) from error
    return _as_timeline(found, path)


def _why_unreadable(path: Path, error: Exception) -> str:
    return f"{path}: cannot be read ({str(error) or type(error).__name__}); export it again from the editor"


def _as_timeline(found: Any, path: Path) -> otio.schema.Timeline:
    if isinstance(found, otio.schema.Timeline):
        return found
    if isinstance(found, otio.schema.SerializableCollection):
        timelines = list(found.find_children(descended_from_type=otio.schema.Timeline))
        if len(timelines) == 1:
            return timelines[0]
        names = ", ".join(repr(timeline.name) for timeline in timelines) or "none"
        raise CutError(f"{path}: holds {len(timelines)} timelines ({names}); export the one that needs sound")
    timeline = otio.schema.Timeline(getattr(found, "name", "") or path.stem)
    if isinstance(found, otio.schema.Stack):
        timeline.tracks = found
    elif isinstance(found, otio.schema.Track):
        timeline.tracks.append(found)
    elif isinstance(found, otio.schema.Clip):
        track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
        track.append(found)
        timeline.tracks.append(track)
    else:
        kind = found.schema_name() if hasattr(found, "schema_name") else type(found).__name__
        raise CutError(f"{path}: holds a {kind}, not a timeline; export the timeline itself")
    return timeline


def _cut(timeline: otio.schema.Timeline, path: Path, options: ReadOptions, locator: Locator) -> Cut:
    name = timeline.name or path.stem
    rate = _timeline_rate(timeline)
    clock = Clock(rate)

    def media_seconds(clip: otio.schema.Clip) -> tuple[Fraction, Fraction]:
        located = locator.locate(clip)
        if located.media.duration_s is None:
            raise Unusable(f"nobody says how long {located.media.path} is; set the clip's range")
        return located.start_s or Fraction(0), located.media.duration_s

    def lengths(rule: RetimeRule) -> Sequence[tuple[Frames, bool]]:
        return Walker(clock, rule=rule, media_seconds=media_seconds).track_lengths(timeline)

    dialect = detect(timeline, lengths=lengths)
    walker = Walker(clock, rule=dialect.retimes, media_seconds=media_seconds)
    total = walker.walk(timeline)
    start_s = _start(timeline)
    assembly = _Assembly(rate, start_s, total, locator, options)
    assembly.add(walker.leaves)
    drop_frame = _is_drop_frame(start_s, rate) if options.drop_frame is None else options.drop_frame
    return Cut(
        path=path,
        name=name,
        timeline=timeline,
        timing=CutTiming(rate, start_s, total / rate, drop_frame),
        spans=tuple(assembly.spans),
        skipped=tuple(assembly.skipped),
        dialect=dialect,
        notes=tuple(assembly.notes),
    )


def _start(timeline: otio.schema.Timeline) -> Fraction:
    start = timeline.global_start_time
    try:
        return seconds_of(start) if start is not None else Fraction(0)
    except Unusable:
        return Fraction(0)


def _is_drop_frame(start_s: Fraction, rate: Fraction) -> bool:
    """OTIO keeps no flag: a start that is a whole minute only when counted drop-frame is drop-frame."""
    base = ceil(rate)
    if rate.denominator != 1001 or base % 30:
        return False
    frame = round(start_s * rate)
    minute = round(start_s / 60)
    dropped = minute * 60 * base - (base // 15) * (minute - minute // 10)
    return frame != 0 and frame == dropped and frame % (60 * base) != 0


def _timeline_rate(timeline: otio.schema.Timeline) -> Fraction:
    """The edit rate: the start timecode's when it is a frame rate, else the one that most picture clips use."""
    counts: Counter[float] = Counter()
    for track in timeline.tracks:
        if isinstance(track, otio.schema.Track) and (track.kind != otio.schema.TrackKind.Video or is_generated(track)):
            continue
        for item in track if isinstance(track, otio.core.Composition) else (track,):
            source_range = getattr(item, "source_range", None)
            if source_range is not None:
                counts[source_range.duration.rate] += 1 if isinstance(item, otio.schema.Gap) else 1000
    start = timeline.global_start_time
    rates = [start.rate] if start is not None else []
    rates += [rate for rate, _ in counts.most_common()]
    for candidate in rates:
        try:
            exact = rate_of(candidate)
        except Unusable:
            continue
        # OTIO's default rate is 1: a start or a gap at 1 says nothing about the edit.
        if 6 <= exact <= 240:
            return exact
    for clip in timeline.find_clips():
        available = clip.media_reference.available_range
        if available is not None and 6 <= available.duration.rate <= 240:
            return rate_of(available.duration.rate)
    return Fraction(24)


class _Assembly:
    """Makes spans of leaves: finds media, hides what is covered, names clips."""

    def __init__(self, rate: Fraction, start_s: Fraction, total: int, locator: Locator, options: ReadOptions) -> None:
        self._rate = rate
        self._start_s = start_s
        self._total = total
        self._locator = locator
        self._options = options
        self._seen: Counter[tuple[str, str, str]] = Counter()
        self._ids: set[str] = set()
        self.spans: list[ClipSpan] = []
        self.skipped: list[Skipped] = []
        self.notes: list[str] = []

    def add(self, leaves: Sequence[Leaf]) -> None:
        ids = [self._clip_id(leaf) for leaf in leaves]
        cover = Cover()
        found: list[tuple[int, int, ClipSpan]] = []
        skipped: list[tuple[int, Skipped]] = []
        for position in range(len(leaves) - 1, -1, -1):
            leaf = leaves[position]
            try:
                for part, span in enumerate(self._spans(leaf, ids[position], cover)):
                    found.append((position, part, span))
            except Unusable as error:
                skipped.append((position, Skipped(leaf.clip.name or "(unnamed)", leaf.track, str(error))))
        found.sort(key=lambda entry: (entry[2].record_start_s, entry[0], entry[1]))
        self.spans = [span for _, _, span in found]
        self.skipped = [skip for _, skip in reversed(skipped)]

    def _spans(self, leaf: Leaf, clip_id: str, cover: Cover) -> list[ClipSpan]:
        if leaf.reason:
            raise Unusable(leaf.reason)
        first, last = leaf.frames
        if first >= last:
            raise Unusable("it is trimmed away: no frame of it is in the cut")
        located = self._locator.locate(leaf.clip)
        whole = self._span(leaf, clip_id, located, (first, last))
        if located.note:
            self.notes.append(f"clip {whole.name!r} on {leaf.track!r} {located.note}")
        if self._options.all_tracks:
            return [whole]
        parts, above = cover.free(first, last)
        if not parts:
            raise Unusable(f"it is hidden beneath {', '.join(above)}; read all tracks to score it anyway")
        for start, end in parts:
            cover.take(start, end, f"{whole.name!r} on {leaf.track!r}")
        if not above:
            return [whole]
        hidden = last - first - sum(end - start for start, end in parts)
        self.notes.append(
            f"clip {whole.name!r} on {leaf.track!r}: {hidden} of its {last - first} frames are hidden beneath "
            f"{', '.join(above)} and not scored"
        )
        if len(parts) == 1:
            return [self._span(leaf, clip_id, located, parts[0])]
        return [self._span(leaf, f"{clip_id}-{n}", located, part) for n, part in enumerate(parts, start=1)]

    def _span(self, leaf: Leaf, clip_id: str, located: Located, frames: tuple[int, int]) -> ClipSpan:
        first, last = frames
        rate = self._rate
        media = located.media
        shown_s = leaf.map.at(first) / rate
        start_s = self._media_start(leaf, located, shown_s)
        source_s = shown_s - start_s
        if leaf.map.lean < 0:
            frame_s = 1 / (media.rate or rate)
            source_s = source_s - frame_s if leaf.map.speed else (ceil(source_s / frame_s) - 1) * frame_s
        if media.is_sequence and media.rate is not None:
            self._check_images(leaf, media, source_s, (last - first) / rate)
        clip = leaf.clip
        own = clip.metadata.get("otio_v2a")
        before, after = leaf.dissolve
        whole_first, whole_last = leaf.frames
        return ClipSpan(
            clip_id=clip_id,
            name=clip.name or "(unnamed)",
            track=leaf.track,
            record_start_s=first / rate,
            duration_s=(last - first) / rate,
            rate=rate,
            media=media,
            source_start_s=source_s,
            speed=Fraction(leaf.map.speed),
            index=leaf.index,
            metadata=_plain(own) if own is not None else _NOTHING,
            markers=self._markers(leaf, first, last),
            dissolve_before_s=before / rate if first == whole_first else Fraction(0),
            dissolve_after_s=after / rate if last == whole_last else Fraction(0),
        )

    def _media_start(self, leaf: Leaf, located: Located, shown_s: Fraction) -> Fraction:
        """What source ranges call the media's first frame."""
        if located.start_s is not None:
            return located.start_s
        media = located.media
        timecode_s = media.timecode_s
        if timecode_s is None or media.duration_s is None:
            return Fraction(0)
        if timecode_s <= shown_s <= timecode_s + media.duration_s:
            return timecode_s
        return Fraction(0)

    def _check_images(self, leaf: Leaf, media: MediaFile, source_s: Fraction, duration_s: Fraction) -> None:
        assert media.rate is not None
        ends = (source_s, source_s + duration_s * leaf.map.speed)
        length = ceil(media.duration_s * media.rate) if media.duration_s is not None else None
        low, high = int(min(ends) * media.rate), ceil(max(ends) * media.rate) - 1
        low, high = max(low, 0), max(high, low, 0)
        if length is not None:
            low, high = min(low, length - 1), min(high, length - 1)
        missing = self._locator.missing_image(media, first=low, last=high)
        if missing is not None:
            raise Unusable(f"image {missing} of {media.path} is missing; render it or relink the clip")

    def _markers(self, leaf: Leaf, first: int, last: int) -> tuple[SpanMarker, ...]:
        own = leaf.clip.markers
        if not own and not leaf.markers:
            return ()
        found = []
        levels = [(marker, leaf.map) for marker in own]
        levels += [(entry.marker, entry.map) for entry in leaf.markers]
        for marker, time_map in levels:
            try:
                start_s = seconds_of(marker.marked_range.start_time)
                length_s = seconds_of(marker.marked_range.duration)
            except Unusable:
                continue
            start, length = start_s * self._rate, max(length_s, Fraction(0)) * self._rate
            record = _record_range(time_map, start, length)
            if record is None:
                continue
            begin, end = record
            if begin < first:
                if end <= first:
                    continue
                begin = Fraction(first)
            if begin >= last:
                continue
            end = min(end, Fraction(last))
            found.append(
                SpanMarker(
                    name=marker.name,
                    comment=getattr(marker, "comment", "") or "",
                    start_s=(begin - first) / self._rate,
                    duration_s=(end - begin) / self._rate,
                    metadata=_plain(marker.metadata),
                )
            )
        return tuple(sorted(found, key=lambda marker: marker.start_s))

    def _clip_id(self, leaf: Leaf) -> str:
        """Depends on names only, so that trimming, moving and our own tracks leave it as it is."""
        url = url_of(leaf.clip.media_reference)
        key = (leaf.track, leaf.clip.name, url.replace("\\", "/").rsplit("/", 1)[-1])
        number = self._seen[key]
        self._seen[key] += 1
        text = "\0".join((*key, str(number)))
        clip_id = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
        while clip_id in self._ids:
            clip_id = hashlib.blake2b(clip_id.encode(), digest_size=6).hexdigest()
        self._ids.add(clip_id)
        return clip_id


def _record_range(time_map: Any, start: Fraction, length: Fraction) -> tuple[Fraction, Fraction] | None:
    speed = time_map.speed
    if speed == 0:
        return None
    ends = sorted(((start - time_map.offset) / speed, (start + length - time_map.offset) / speed))
    return Fraction(ends[0]), Fraction(ends[1])


def _plain(value: Any) -> Any:
    """OTIO's dictionaries and vectors as plain data."""
    if hasattr(value, "items"):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (otio._otio.AnyVector, list, tuple)):
        return [_plain(item) for item in value]
    return value
