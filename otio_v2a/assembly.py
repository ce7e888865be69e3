"""From the clips that a walk found to spans: names them, finds their media, leaves out what others hide.

Knows leaves, media and markers; knows no tree.
"""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from hashlib import blake2b
from itertools import chain, groupby, pairwise
from math import ceil, floor
from operator import itemgetter, sub
from types import MappingProxyType
from typing import Any, NamedTuple

from otio_v2a.guard import ANYTHING, Content
from otio_v2a.lazily import Later
from otio_v2a.leaves import NO_DISSOLVE, Leaf, LevelMarker
from otio_v2a.mapping import Frames, TimeMap
from otio_v2a.references import Clock, Located, Locator, Unusable
from otio_v2a.spans import ClipSpan, MediaFile, Outlines, Skipped, SpanMarker, Spans
from otio_v2a.visibility import Cover

__all__ = ["Assembly", "clip_ids"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_ZERO = Fraction(0)
_ONE = Fraction(1)
_BACKSLASH = "\\"


def clip_ids(leaves: Sequence[Leaf]) -> list[str]:
    """An id per leaf: 12 hexadecimal digits, unique in the cut.

    It is made of track names, clip name, file name and a count among equals: trimming, moving, relinking to another
    folder, new neighbours and tracks of our own leave it as it is.
    """
    seen: dict[str, int] = {}
    files: dict[str, str] = {}
    ids: dict[str, None] = {}
    for leaf in leaves:
        file = files.get(leaf.url)
        if file is None:
            file = files[leaf.url] = _file_name(leaf.url)
        key = f"{leaf.track}\0{leaf.name}\0{file}\0"
        number = seen.get(key, 0)
        seen[key] = number + 1
        clip_id = blake2b(f"{key}{number}".encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
        while clip_id in ids:
            clip_id = blake2b(clip_id.encode(), digest_size=6).hexdigest()
        ids[clip_id] = None
    return list(ids)


class _Usual(NamedTuple):
    """What most clips find of their media: a file of which the source range shows a part, in whole frames."""

    media: MediaFile
    start: int
    end: int


_Seen = tuple[int, int, int, int, MediaFile, Frames, Frames]
"""A stretch of the record that shows a clip, what its span is made of: first frame, frame after the last, the clip's
place in the walk, the stretch's number when the clip has several (else 0), its media, what its source ranges call the
media's first frame, and its source as in `Outlines`. A bare tuple, because a cut has one per clip and named ones take
three times as long."""


class Assembly:
    """Spans of one cut.

    Attributes:
        spans: by record time, then lower layer first; each is made, and named, when somebody looks at it.
        skipped: in the order of the walk; worded when somebody looks at them.
        notes: what the user should know about clips that are scored.
    """

    def __init__(self, clock: Clock, locator: Locator, *, all_tracks: bool, content: Content = ANYTHING) -> None:
        """No clip is asked for what is not in `content`: a missing key costs OTIO 10 us."""
        self._clock = clock
        self._locator = locator
        self._all_tracks = all_tracks
        self._content = content
        self._speeds: dict[Frames, Fraction] = {1: _ONE}
        self._leaves: Sequence[Leaf] = ()
        self._seen: Sequence[_Seen] = ()
        self.spans = Spans.of(())
        self.skipped: Sequence[Skipped] = ()
        self.notes: tuple[str, ...] = ()

    def add(self, leaves: Sequence[Leaf]) -> None:
        """Fill `spans`, `skipped` and `notes`. Leaves come lower layer first."""
        cover = None if self._all_tracks or len({leaf.layer for leaf in leaves}) < 2 else Cover()
        usual: dict[tuple[str, tuple[int, int]], _Usual] = {}
        titles = _Titles(leaves)
        seen: list[_Seen] = []
        skipped: dict[int, str | Sequence[int]] = {}
        notes: dict[int, str] = {}
        start: Frames
        shown: Frames
        for order in _from_the_top(leaves):
            leaf = leaves[order]
            _, _, url, _, _, first, last, offset, _, _, source, source_length, reason, _, _, available, dissolve = leaf
            found = usual.get((url, available)) if available is not None else None
            if (
                found is not None
                and first < last
                and not reason
                and source < found[2]
                and source + source_length > found[1]
            ):
                # Whole frames are known of clips that run with record time only (`Leaf.available`).
                media, start, _ = found
                shown = offset + first - start if dissolve is NO_DISSOLVE else -1
                note = ""
            else:
                try:
                    media, start, note, found = self._found(leaf)
                except Unusable as error:
                    skipped[order] = str(error)
                    continue
                shown = _shown(leaf, first, start)
                if available is not None and found is not None:
                    usual[url, available] = found
            if cover is None or cover.add_free(first, last, order):
                seen.append((first, last, order, 0, media, start, shown))
                if note:
                    notes[order] = f"{_title(leaf)} {note}"
                continue
            parts, above = cover.add(first, last, order)
            if not parts:
                skipped[order] = above
                continue
            if above:
                hidden = last - first - sum(end - begin for begin, end in parts)
                words = f"{hidden} of its {last - first} frames are hidden beneath {titles.of(above)}"
                notes[order] = f"{_title(leaf)}: {words} and not scored"
            if note:
                notes[order] = "; ".join(filter(None, [f"{_title(leaf)} {note}", notes.get(order)]))
            for part, (begin, end) in enumerate(parts, start=1):
                part = part if len(parts) > 1 else 0
                seen.append((begin, end, order, part, media, start, _shown(leaf, begin, start)))
        # Two sorts by whole numbers cost half of one by pairs.
        seen.sort(key=itemgetter(2))
        seen.sort(key=itemgetter(0))
        self._leaves = leaves
        self._seen = seen
        self.spans = self._spans()
        self.skipped = Later(lambda: tuple(_skipped(leaves[at], skipped[at], titles) for at in sorted(skipped)))
        self.notes = tuple(notes[order] for order in sorted(notes))

    def _found(self, leaf: Leaf) -> tuple[MediaFile, Frames, str, _Usual | None]:
        """A clip's media, what its source ranges call their first frame, what to note about them, and what the next
        clip of the same reference finds. Raises Unusable."""
        if leaf.reason:
            raise Unusable(leaf.reason)
        if leaf.first >= leaf.last:
            raise Unusable("it is trimmed away: the cut shows no frame of it")
        located = self._locator.locate(leaf.clip, leaf.url, available=leaf.available)
        media = located.media
        start = self._media_start(leaf, located)
        if media.sequence_first is not None:
            self._check_images(leaf, media, start)
        return media, start, located.note, None if located.note else _usual(located)

    def _spans(self) -> Spans:
        seen = self._seen
        if self._content.own_metadata or self._content.markers or not seen:
            # Which clips have wishes is a question to each, and OTIO's objects are asked here only.
            return Spans.of([self._named(number) for number in range(len(seen))])
        begins, ends, _, _, media, _, sources = zip(*seen, strict=True)
        lengths = list(map(sub, ends, begins))
        outlines = Outlines(rate=self._clock.rate, media=media, begins=begins, lengths=lengths, sources=sources)
        return Spans(outlines, self._named, sketch=self._span)

    @cached_property
    def _ids(self) -> list[str]:
        return clip_ids(self._leaves)

    def _named(self, number: int) -> ClipSpan:
        _, _, order, part, *_ = self._seen[number]
        clip_id = self._ids[order]
        return self._span(number, clip_id=f"{clip_id}-{part}" if part else clip_id)

    def _span(self, number: int, *, clip_id: str = "") -> ClipSpan:
        first, last, order, _, media, start, _ = self._seen[number]
        leaf = self._leaves[order]
        clock = self._clock
        seconds = clock.seconds
        inner = leaf.map
        speed = self._speeds.get(inner.speed)
        if speed is None:
            speed = self._speeds[inner.speed] = Fraction(inner.speed)
        source_s = seconds(inner.at(first) - start)
        if inner.lean < 0:
            frame_s = 1 / (media.rate or clock.rate)
            # Of a held frame the instant may lie anywhere inside it; of a running one it must stay exact.
            source_s = (ceil(source_s / frame_s) - 1) * frame_s if speed == 0 else source_s - frame_s
        own = leaf.clip.metadata.get("otio_v2a") if self._content.own_metadata else None
        has_markers = leaf.markers or (self._content.markers and len(leaf.clip.markers))
        before, after = leaf.dissolve
        return ClipSpan.of_checked(
            clip_id=clip_id,
            name=_name(leaf),
            track=leaf.track,
            record_start_s=seconds(first),
            duration_s=seconds(last - first),
            rate=clock.rate,
            media=media,
            source_start_s=source_s,
            speed=speed,
            index=leaf.number,
            metadata=_NOTHING if own is None else MappingProxyType(_plain(own)) if hasattr(own, "items") else _NOTHING,
            markers=self._markers(leaf, first, last) if has_markers else (),
            dissolve_before_s=seconds(before) if before and first == leaf.first else _ZERO,
            dissolve_after_s=seconds(after) if after and last == leaf.last else _ZERO,
        )

    def _media_start(self, leaf: Leaf, located: Located) -> Frames:
        """What the clip's source range calls the media's first frame.

        A clip that lies outside of all its reference declares is measured by the file's own timecode. Raises
        Unusable when it lies outside of that as well.
        """
        start, length = located.start, located.length
        first = leaf.source
        if start is not None:
            if length is None or (first < start + length and first + leaf.source_length > start):
                return start
            if leaf.source_length == 0 or (leaf.map.speed == 0 and start <= first <= start + length):
                return start
        timecode_s = self._locator.timecode(located.media) if start is not None else located.media.timecode_s
        if timecode_s is not None:
            timecode = self._clock.of_seconds(timecode_s)
            if first + leaf.source_length > timecode and (length is None or first < timecode + length):
                return timecode
        if start is None and (length is None or first < length):
            return 0
        begin = start if start is not None else 0
        raise Unusable(
            f"it shows source frames {_frame(first)} to {_frame(first + leaf.source_length)}, but its media "
            f"{located.media.path} has {_frame(begin)} to {_frame(begin + (length or 0))}; relink the clip"
        )

    def _check_images(self, leaf: Leaf, media: MediaFile, start: Frames) -> None:
        if media.rate is None:
            return
        ratio = media.rate / self._clock.rate
        length = ceil(media.duration_s * media.rate) if media.duration_s is not None else None
        ends = sorted((leaf.map.at(leaf.first) - start, leaf.map.at(leaf.last) - start))
        low = max(floor(ends[0] * ratio), 0)
        high = max(ceil(ends[1] * ratio) - 1, low)
        if length is not None:
            low, high = min(low, length - 1), min(high, length - 1)
        missing = self._locator.missing_image(media, first=low, last=high)
        if missing is not None:
            raise Unusable(f"image {missing} of {media.path} is missing; render it or relink the clip")

    def _markers(self, leaf: Leaf, first: int, last: int) -> tuple[SpanMarker, ...]:
        """Markers of the clip and of the levels above it that touch `[first, last)`, cut to it."""
        found = []
        for entry in (*(LevelMarker(marker, leaf.map) for marker in leaf.clip.markers), *leaf.markers):
            marker = entry.marker
            try:
                start = self._clock.frames(marker.marked_range.start_time)
                length = max(self._clock.frames(marker.marked_range.duration), 0)
            except Unusable:
                continue
            record = _record_range(entry.map, start, length, shown=(first, last))
            if record is None:
                continue
            begin, end = max(record[0], first), min(record[1], last)
            if begin >= last or (record[0] < first and end <= first):
                continue
            found.append(
                SpanMarker(
                    name=marker.name,
                    comment=getattr(marker, "comment", "") or "",
                    start_s=self._clock.seconds(begin - first),
                    duration_s=self._clock.seconds(max(end - begin, 0)),
                    metadata=MappingProxyType(_plain(marker.metadata)),
                )
            )
        return tuple(sorted(found, key=lambda marker: marker.start_s))


def _usual(located: Located) -> _Usual | None:
    start, length = located.start, located.length
    if located.media.is_sequence or type(start) is not int or type(length) is not int:
        return None
    return _Usual(located.media, start, start + length)


def _shown(leaf: Leaf, record: int, start: Frames) -> int:
    """The source frame that a record frame shows, as in `Outlines`; `start` is the media's first frame."""
    source = leaf.offset + record - start
    is_plain = leaf.speed == 1 and leaf.lean > 0 and leaf.dissolve == NO_DISSOLVE
    return source if is_plain and isinstance(source, int) else -1


def _from_the_top(leaves: Sequence[Leaf]) -> Iterator[int]:
    """Upper layers first, and each layer from its start, so that most of it is appended to what is covered."""
    borders = [0]
    for _, layer in groupby([leaf.layer for leaf in leaves]):
        borders.append(borders[-1] + sum(1 for _ in layer))
    return chain.from_iterable(range(start, end) for start, end in reversed(list(pairwise(borders))))


class _Titles(dict[int, str]):
    """Words for clips by their places in the walk; each is worded once, however many clips it hides."""

    def __init__(self, leaves: Sequence[Leaf]) -> None:
        self._leaves = leaves

    def __missing__(self, order: int) -> str:
        leaf = self._leaves[order]
        words = self[order] = f"{_name(leaf)!r} on {leaf.track!r}"
        return words

    def of(self, orders: Sequence[int]) -> str:
        """Words for several."""
        return ", ".join({self[order]: None for order in orders})


def _skipped(leaf: Leaf, why: str | Sequence[int], titles: _Titles) -> Skipped:
    """A clip that is not scored: because of something, or hidden by others."""
    if not isinstance(why, str):
        why = f"it is hidden beneath {titles.of(why)}; read all tracks to score it as well"
    return Skipped(_name(leaf), leaf.track, why)


def _record_range(
    inner: TimeMap, start: Frames, length: Frames, *, shown: tuple[int, int]
) -> tuple[Frames, Frames] | None:
    """Where `[start, start + length)` of a level lies in record time; of a held frame it is all that is shown."""
    if inner.speed == 0:
        return shown if start <= inner.offset <= start + length else None
    near, far = (Fraction(edge - inner.offset) / inner.speed for edge in (start, start + length))
    return min(near, far), max(near, far)


def _title(leaf: Leaf) -> str:
    return f"clip {_name(leaf)!r} on {leaf.track!r}"


def _name(leaf: Leaf) -> str:
    return leaf.name or _file_name(leaf.url) or "(unnamed)"


def _file_name(url: str) -> str:
    return url[max(url.rfind("/"), url.rfind(_BACKSLASH)) + 1 :]


def _frame(value: Frames) -> str:
    return f"{float(value):g}"


def _plain(value: Any) -> Any:
    """OTIO's dictionaries and vectors as plain data."""
    if hasattr(value, "items"):
        return {str(key): _plain(item) for key, item in value.items()}
    if not isinstance(value, str | bytes) and hasattr(value, "__len__") and hasattr(value, "__getitem__"):
        return [_plain(item) for item in value]
    return value
