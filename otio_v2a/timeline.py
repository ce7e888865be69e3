"""Reads a cut: any OTIO file or movie becomes ClipSpans, exact to the frame. Knows no engine, no sound.

What cannot be mapped is skipped by clip name, track and reason; only a file that is unreadable as a whole raises.
"""

import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from math import ceil
from pathlib import Path

import opentimelineio as otio

from otio_v2a import guard, loading
from otio_v2a.assembly import Assembly, clip_ids
from otio_v2a.bulk import without_collections
from otio_v2a.dialects import Dialect, RetimeRule, detect, is_generated, written_rate
from otio_v2a.errors import CutError, MediaError
from otio_v2a.mapping import Frames
from otio_v2a.media import IMAGE_SUFFIXES, MOVIE_SUFFIXES, find_sequence, images_in, probe, split_pattern
from otio_v2a.references import Clock, Locator, Unusable, rate_of, url_of
from otio_v2a.relinking import relinked
from otio_v2a.spans import ClipSpan, CutTiming, MediaFile, Skipped
from otio_v2a.walk import Walker

__all__ = ["Cut", "ReadOptions", "clips_by_id", "from_movie", "read"]

_STANDARD_RATES = (
    *(Fraction(base * 1000, 1001) for base in (24, 30, 60)),
    *map(Fraction, (24, 25, 30, 48, 50, 60)),
)
_SLOWEST_EDIT, _FASTEST_EDIT = 6, 240
"""OTIO's default rate is 1: a start or gap at such a rate says nothing about the edit."""
_ITEMS_ASKED = 200


@dataclass(frozen=True)
class ReadOptions:
    """How a cut is read.

    Attributes:
        all_tracks: score every picture track; without it, what lies under a visible higher track is left out.
        drop_frame: whether timecode counts drop-frame; None decides by the start timecode.
        image_rate: frames per second of a folder or pattern of images given instead of a cut.
        media_roots: when given, media outside of these folders are refused.
        cache_dir: where bundles are unpacked; None is a folder of this user's cache.
        media_base: the folder where relative references start; None is the cut's own.
        relinks: files to use instead of missing ones, by the spelling in the cut (`relinking.relinked`).
    """

    all_tracks: bool = False
    drop_frame: bool | None = None
    image_rate: Fraction = Fraction(24)
    media_roots: tuple[Path, ...] = ()
    cache_dir: Path | None = None
    media_base: Path | None = None
    relinks: tuple[tuple[str, Path], ...] = ()


@dataclass(frozen=True)
class Cut:
    """A cut as read.

    Attributes:
        path: the file it came from, absolute.
        name: the timeline's name, or the file's.
        timeline: the OTIO object; never changed by anyone.
        timing: its clock.
        spans: what is to be scored, by record time, then lower track first. Those that `read` gives are made when
            somebody looks at them (`spans.Spans`); what cannot be scored is found before.
        skipped: what is not, and why.
        dialect: who wrote it, and how its retimes were read.
        notes: choices made while reading that the user should know.
        media_base: the folder where its relative references start; of a bundle, where that is unpacked. None is
            the folder of `path`.
    """

    path: Path
    name: str
    timeline: otio.schema.Timeline
    timing: CutTiming
    spans: Sequence[ClipSpan]
    skipped: Sequence[Skipped]
    dialect: Dialect
    notes: tuple[str, ...] = ()
    media_base: Path | None = None


@dataclass(frozen=True)
class _Source:
    """A loaded timeline and where its media are."""

    timeline: otio.schema.Timeline
    base: Path
    roots: tuple[Path, ...] = ()
    known: tuple[str, MediaFile] | None = None
    content: guard.Content = guard.ANYTHING


@without_collections()
def read(path: Path, *, options: ReadOptions = ReadOptions()) -> Cut:
    """Read a cut: `.otio`, `.otioz`, `.otiod`, whatever OTIO's adapters read, a movie, or numbered images.

    Raises:
        CutError: the file as a whole cannot be read; names it and what to do.
    """
    path = Path(os.path.abspath(path))
    suffix = path.suffix.lower()
    if suffix == ".otioz":
        bundle = guard.Bundle(path, cache=options.cache_dir or _cache_dir())
        timeline = loading.load_bytes(bundle.cut_bytes(), path)
        base = bundle.extract()
        return _cut(_Source(timeline, base, roots=(base,)), path, options)
    if suffix == ".otiod":
        timeline = loading.load_bytes(guard.read_bytes(path / "content.otio"), path)
        return _cut(_Source(timeline, path, roots=(path,)), path, options)
    if suffix in MOVIE_SUFFIXES or suffix in IMAGE_SUFFIXES or path.is_dir():
        return from_movie(path, options=options)
    timeline, content = loading.load(path)
    if options.relinks:
        timeline = relinked(timeline, dict(options.relinks))
    base = options.media_base or path.parent
    source = _Source(timeline, base, roots=options.media_roots, content=content)
    return _cut(source, path, options)


def from_movie(path: Path, *, options: ReadOptions = ReadOptions()) -> Cut:
    """A cut of one clip that shows a whole movie, or a pattern (`a.%04d.exr`, `a.####.exr`) or folder of images.

    It starts at the movie's own timecode. The edit rate is the movie's; a rate that no editor counts in becomes the
    nearest that one does.

    Raises:
        CutError: the movie cannot be read.
    """
    path = Path(os.path.abspath(path))
    reference: otio.core.MediaReference
    try:
        is_image = path.suffix.lower() in IMAGE_SUFFIXES
        pattern = images_in(path) if path.is_dir() else split_pattern(str(path)) if is_image else None
        if pattern is not None:
            media, reference = _images(pattern, options.image_rate)
        elif is_image:
            raise MediaError(f"{path}: is one image; give the sequence as name.%04d{path.suffix}, or its folder")
        else:
            media, reference = probe(path), otio.schema.ExternalReference(path.as_uri())
        if media.rate is None or media.duration_s is None:
            raise MediaError(f"{path}: does not say how long it is; rewrap it (ffmpeg -i in -c copy out.mov)")
    except (MediaError, OSError) as error:
        raise CutError(str(error)) from error
    own = media.rate
    rate = own if own.denominator == 1 else min(_STANDARD_RATES, key=lambda standard: abs(standard - own))
    start = otio.opentime.RationalTime(round((media.timecode_s or 0) * rate), float(rate))
    length = otio.opentime.RationalTime(max(ceil(media.duration_s * rate), 1), float(rate))
    reference.available_range = otio.opentime.TimeRange(start, length)
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    track.append(otio.schema.Clip(path.stem, reference, reference.available_range))
    timeline = otio.schema.Timeline(path.stem, global_start_time=start)
    timeline.tracks.append(track)
    return _cut(_Source(timeline, path.parent, known=(url_of(reference), media)), path, options)


def clips_by_id(timeline: otio.schema.Timeline) -> dict[str, otio.schema.Clip]:
    """The timeline's own picture clips, usable or not, by the ids that their spans have.

    A clip seen in several parts has spans `<id>-1`, `<id>-2` ...; it stands here under `<id>`. Opens no media.
    """

    def unknown(clip: otio.schema.Clip) -> tuple[Frames, Frames]:
        raise Unusable("nobody asks how long it is")

    walker = Walker(Clock(_edit_rate(timeline)), rule=RetimeRule.RECORD, media_range=unknown)
    walker.walk(timeline)
    leaves = walker.leaves
    return {clip_id: leaf.clip for clip_id, leaf in zip(clip_ids(leaves), leaves, strict=True)}


def _cut(source: _Source, path: Path, options: ReadOptions) -> Cut:
    timeline = source.timeline
    clock = Clock(_edit_rate(timeline))
    known = dict([source.known]) if source.known else None
    locator = Locator(clock, base=source.base, roots=source.roots, known=known)

    def walker(rule: RetimeRule) -> Walker:
        return Walker(clock, rule=rule, media_range=locator.media_range, content=source.content)

    def lengths(rule: RetimeRule) -> Sequence[tuple[Frames, bool]]:
        return walker(rule).track_lengths(timeline)

    walk = walker(RetimeRule.RECORD)
    total = walk.walk(timeline)
    dialect = detect(timeline, lengths=lengths if walk.has_rated_retimes else None)
    if dialect.retimes is not RetimeRule.RECORD and walk.has_rated_retimes:
        walk = walker(dialect.retimes)
        total = walk.walk(timeline)
    assembly = Assembly(clock, locator, all_tracks=options.all_tracks, content=source.content)
    assembly.add(walk.leaves)
    start_s = _start(timeline, clock)
    drop_frame = _is_drop_frame(start_s, clock.rate) if options.drop_frame is None else options.drop_frame
    return Cut(
        path=path,
        name=timeline.name or path.stem,
        timeline=timeline,
        timing=CutTiming(clock.rate, start_s, clock.seconds(total), drop_frame),
        spans=assembly.spans,
        skipped=assembly.skipped,
        dialect=dialect,
        notes=assembly.notes,
        media_base=source.base,
    )


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


def _cache_dir() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    try:
        base = Path(root) if root else Path.home() / ".cache"
    except RuntimeError:  # a service account without a home
        base = Path(tempfile.gettempdir())
    return base / "otio-v2a" / "bundles"


def _start(timeline: otio.schema.Timeline, clock: Clock) -> Fraction:
    start = timeline.global_start_time
    try:
        return clock.seconds(clock.frames(start)) if start is not None else Fraction(0)
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
    return frame > 0 and frame == dropped and frame % (60 * base) != 0


def _edit_rate(timeline: otio.schema.Timeline) -> Fraction:
    """The timeline's frame rate.

    Premiere writes it out, a start timecode has it. A start of 0 is often nobody's choice: the clips overrule it
    when they agree on another. Without a start it is the rate that most picture clips are cut in.
    """
    written = written_rate(timeline)
    stated = _frame_rate(written) if written else None
    if stated is not None:
        return stated
    start = timeline.global_start_time
    started = _frame_rate(start.rate) if start is not None else None
    if started is not None and start.value:
        return started
    counts: Counter[Fraction] = Counter()
    for track in timeline.tracks:
        if not isinstance(track, otio.core.Composition) or is_generated(track):
            continue
        if isinstance(track, otio.schema.Track) and track.kind != otio.schema.TrackKind.Video:
            continue
        for item in islice(track, _ITEMS_ASKED):
            if isinstance(item, otio.schema.Transition):
                continue
            source_range = item.source_range
            if source_range is None and isinstance(item, otio.schema.Clip):
                source_range = item.media_reference.available_range
            rate = _frame_rate(source_range.duration.rate) if source_range is not None else None
            if rate is not None:
                counts[rate] += 1 if isinstance(item, otio.schema.Gap) else _ITEMS_ASKED
    if started is not None and (len(counts) != 1 or counts[started]):
        return started
    return counts.most_common(1)[0][0] if counts else Fraction(24)


def _frame_rate(rate: float) -> Fraction | None:
    try:
        exact = rate_of(rate)
    except Unusable:
        return None
    return exact if _SLOWEST_EDIT <= exact <= _FASTEST_EDIT else None
