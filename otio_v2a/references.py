"""From a clip's times and media references to exact frames and its picture on this machine.

Knows OTIO's values and references, not where clips lie. Every path and every file is looked at once per cut,
however many clips share it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from math import isfinite
from pathlib import Path

import opentimelineio as otio

from otio_v2a.errors import MediaError
from otio_v2a.mapping import Frames, tidy
from otio_v2a.media import SOUND_SUFFIXES, find_sequence, probe, resolve_text
from otio_v2a.spans import MediaFile
from otio_v2a_engine.lengths import nearest_rate

__all__ = ["FARTHEST", "Clock", "Located", "Locator", "Unusable", "rate_of", "url_of"]

_External = otio.schema.ExternalReference
_Images = otio.schema.ImageSequenceReference
_FLOAT_NOISE = 1e-5
FARTHEST = 10**12
"""Largest value of a time: more frames than any cut has."""


class Unusable(Exception):
    """A time or reference that cannot be mapped, with the reason in words for the user."""


@lru_cache(maxsize=1024)
def rate_of(rate: float) -> Fraction:
    """The exact rate of a host's float. Raises Unusable when it is not a rate."""
    try:
        if rate <= 10**7:
            return nearest_rate(rate)
    except ValueError:
        pass  # not a number, not positive, or beyond what a fraction is found for
    raise Unusable(f"a time has the rate {rate:g}; repair the clip's range and export again")


class Clock:
    """OTIO times as frames of the timeline's rate: ints on its grid, exact Fractions off it.

    Attributes:
        rate: the timeline's, in frames per second.
        on_grid: of the spelled rates that were met, whether each is the timeline's.
    """

    def __init__(self, rate: Fraction) -> None:
        self.rate = rate
        self.on_grid: dict[float, bool] = {}
        self._seconds: dict[Frames, Fraction] = {}
        self._rate_terms = rate.denominator, rate.numerator

    def frames(self, time: otio.opentime.RationalTime) -> Frames:
        """A position or length in frames; float noise around a whole frame is removed. Raises Unusable."""
        value: float = time.value
        rate: float = time.rate
        try:
            if self.on_grid[rate]:
                whole = int(value)
                if whole == value and -FARTHEST < whole < FARTHEST:
                    return whole
        except KeyError:
            self.on_grid[rate] = rate_of(rate) == self.rate
        except (ValueError, OverflowError):
            pass  # not finite: worded below
        if not isfinite(value) or abs(value) > FARTHEST:
            raise Unusable(f"a time has the value {value:g}; repair the clip's range and export again")
        nearest = round(value)
        exact = nearest if abs(value - nearest) < _FLOAT_NOISE else Fraction(value).limit_denominator(10**7)
        return tidy(exact * self.rate / rate_of(rate))

    def seconds(self, frames: Frames) -> Fraction:
        """Exact seconds of a position or length in frames."""
        known = self._seconds.get(frames)
        if known is None:
            times, by = self._rate_terms
            known = self._seconds[frames] = Fraction(frames.numerator * times, frames.denominator * by)
        return known

    def of_seconds(self, seconds: Fraction) -> Frames:
        """Frames of exact seconds."""
        return tidy(seconds * self.rate)


@dataclass(frozen=True, slots=True)
class Located:
    """A clip's picture.

    Attributes:
        media: the file; its rate and length are what the reference says, or the file when it says nothing.
        start: what source ranges call the media's first frame, in frames; None when nobody has said.
        length: how much of it there is, in frames; None when nobody has said.
        note: what the user should know about the choice, or "".
    """

    media: MediaFile
    start: Frames | None
    length: Frames | None
    note: str = ""


def url_of(reference: otio.core.MediaReference | None) -> str:
    """What a reference calls its file, as it stands there; "" when it has none."""
    if isinstance(reference, _External):
        return reference.target_url or ""
    if isinstance(reference, _Images):
        return f"{reference.target_url_base or ''}/{reference.name_prefix}#{reference.name_suffix}"
    return ""


class Locator:
    """Finds pictures for one cut; remembers every answer."""

    def __init__(
        self, clock: Clock, *, base: Path, roots: Sequence[Path] = (), known: Mapping[str, MediaFile] | None = None
    ) -> None:
        """`base` is where relative references start; with `roots`, media must lie under one of them.

        `known` are files that were looked at already, by what `url_of` calls them.
        """
        self._clock = clock
        self._base = base
        self._base_text = str(base.absolute())
        self._roots = tuple(roots)
        self._known = dict(known or {})
        self._paths: dict[str, str | Unusable] = {}
        self._probed: dict[str, MediaFile | Unusable] = {}
        self._located: dict[tuple[str, float, float, float, float], Located] = {}
        self._on_grid: dict[tuple[str, tuple[int, int]], Located] = {}
        self._sequences: dict[tuple[str, str, int], tuple[str, frozenset[int]] | Unusable] = {}
        self._images: dict[str, frozenset[int]] = {}

    def locate(self, clip: otio.schema.Clip, url: str, *, available: tuple[int, int] | None = None) -> Located:
        """The picture of a clip: its active reference, else its first readable one.

        `url` is that reference's `url_of`, `available` its range in whole frames of the timeline's rate: with it, all
        clips that say the same share one answer.

        Raises:
            Unusable: no reference has a readable picture.
        """
        located = self._on_grid.get((url, available)) if available is not None else None
        if located is not None:
            return located
        try:
            if available is None:
                return self._locate(clip.media_reference)
            located = self._on_grid[url, available] = self._declared_on_grid(url, *available)
            return located
        except Unusable as error:
            reason = error
        references = clip.media_references()
        active = clip.active_media_reference_key
        for key in sorted(references):
            if key == active:
                continue
            try:
                found = self._locate(references[key])
            except Unusable:
                continue
            return replace(found, note=f"uses its media reference {key!r}, because of {active!r}: {reason}")
        raise reason

    def media_range(self, clip: otio.schema.Clip) -> tuple[Frames, Frames]:
        """Start and length in frames of all of a clip's media. Raises Unusable."""
        located = self.locate(clip, url_of(clip.media_reference))
        if located.length is None:
            raise Unusable(f"nobody says how long {located.media.path} is; give the clip a source range")
        start = located.start
        if start is None:
            start = self._clock.of_seconds(located.media.timecode_s or Fraction(0))
        return start, located.length

    def timecode(self, media: MediaFile) -> Fraction | None:
        """The start timecode inside a media file, in seconds; None when it has none or cannot be read."""
        if media.is_sequence:
            return None
        try:
            return self._probe(media.path).timecode_s
        except Unusable:
            return None

    def missing_image(self, media: MediaFile, *, first: int, last: int) -> int | None:
        """The first image number of media frames `[first, last]` that is not on disk."""
        images = self._images.get(media.path)
        if images is None:
            return None
        start = media.sequence_first or 0
        return next((number for number in range(start + first, start + last + 1) if number not in images), None)

    def _locate(self, reference: otio.core.MediaReference) -> Located:
        if isinstance(reference, _External):
            return self._external(reference, url_of(reference))
        if isinstance(reference, _Images):
            return self._sequence(reference)
        if isinstance(reference, otio.schema.GeneratorReference):
            kind = reference.generator_kind or reference.name or "no kind given"
            raise Unusable(f"it is generated by the editor ({kind}), there is no picture file")
        if reference is None or reference.is_missing_reference:
            name = reference.name if reference is not None else ""
            raise Unusable(f"its media is offline{f' ({name})' if name else ''}; relink the clip and export again")
        raise Unusable(f"its media reference is a {reference.schema_name()}, which names no picture file")

    def _external(self, reference: otio.schema.ExternalReference, url: str) -> Located:
        available = reference.available_range
        if available is None:
            return self._located_by_file(self._probe(self._path(url)))
        start, duration = available.start_time, available.duration
        key = (url, start.value, start.rate, duration.value, duration.rate)
        located = self._located.get(key)
        if located is None:
            media = self._known.get(url) or self._declared(self._path(url), duration)
            located = Located(media, self._clock.frames(start), self._length(media))
            self._located[key] = located
        return located

    def _declared_on_grid(self, url: str, start: int, length: int) -> Located:
        """As `_external`, of a range in whole frames of the timeline's rate."""
        length_s = self._clock.seconds(length)
        media = self._known.get(url) or self._described(self._path(url), length_s, self._clock.rate)
        # Back from seconds to frames is slow, and nearly always where it came from.
        return Located(media, start, length if media.duration_s is length_s else self._length(media))

    def _located_by_file(self, media: MediaFile) -> Located:
        return Located(media, None, self._length(media))

    def _length(self, media: MediaFile) -> Frames | None:
        return None if media.duration_s is None else self._clock.of_seconds(media.duration_s)

    def _path(self, url: str) -> str:
        path = self._paths.get(url)
        if path is None:
            path = self._paths[url] = self._find(url)
        if isinstance(path, Unusable):
            raise path
        return path

    def _find(self, url: str) -> str | Unusable:
        try:
            path = resolve_text(url, base=self._base_text, roots=self._roots)
        except MediaError as error:
            return Unusable(str(error))
        if path[path.rfind(".") :].lower() in SOUND_SUFFIXES and Path(path).suffix:
            return Unusable(f"{path} is a sound file, there is no picture")
        return path

    def _probe(self, path: str) -> MediaFile:
        known = self._probed.get(path)
        if known is None:
            try:
                known = probe(Path(path))
            except MediaError as error:
                known = Unusable(str(error))
            self._probed[path] = known
        if isinstance(known, Unusable):
            raise known
        return known

    def _declared(self, path: str, duration: otio.opentime.RationalTime) -> MediaFile:
        return self._described(path, self._clock.seconds(self._clock.frames(duration)), rate_of(duration.rate))

    def _described(self, path: str, length_s: Fraction, rate: Fraction) -> MediaFile:
        """The file as its reference describes it; asked itself only for what that leaves open."""
        if length_s.numerator <= 0:
            return self._probe(path)
        if not rate.denominator <= rate.numerator <= 240 * rate.denominator:  # comparing Fractions is slow
            # A range in samples or milliseconds does not say how many frames a second has.
            return replace(self._probe(path), duration_s=length_s)
        return MediaFile(path=path, rate=rate, duration_s=length_s)

    def _sequence(self, reference: otio.schema.ImageSequenceReference) -> Located:
        known_media = self._known.get(url_of(reference))
        if known_media is not None:
            start = self._clock.frames(reference.available_range.start_time)
            return Located(known_media, start, self._length(known_media))
        rate = rate_of(reference.rate)
        if not 1 <= rate <= 240:
            raise Unusable(f"its image sequence has {reference.rate:g} images per second; set a rate of 1 to 240")
        if reference.frame_step != 1:
            raise Unusable(f"its image sequence has a step of {reference.frame_step}; number the images one by one")
        path, images = self._sequence_files(reference)
        first = reference.start_frame
        available = reference.available_range
        if available is None:
            last = max(images)
            if last < first:
                raise Unusable(f"its image sequence starts at {first}, but {path} ends at {last}")
            media = MediaFile(path, rate, (last - first + 1) / rate, first)
            return Located(media, 0, self._length(media))
        length = self._clock.frames(available.duration)
        media = MediaFile(path, rate, self._clock.seconds(length), first)
        return Located(media, self._clock.frames(available.start_time), length)

    def _sequence_files(self, reference: otio.schema.ImageSequenceReference) -> tuple[str, frozenset[int]]:
        folder = reference.target_url_base or ""
        folder = folder if not folder or folder.endswith(("/", "\\")) else folder + "/"
        key = (folder + (reference.name_prefix or ""), reference.name_suffix or "", reference.frame_zero_padding)
        known = self._sequences.get(key)
        if known is None:
            head, tail, digits = key
            try:
                path, numbers = find_sequence(head, tail, digits=digits, base=self._base, roots=self._roots)
                known = (str(path), numbers)
                self._images[str(path)] = numbers
            except MediaError as error:
                known = Unusable(str(error))
            self._sequences[key] = known
        if isinstance(known, Unusable):
            raise known
        return known
