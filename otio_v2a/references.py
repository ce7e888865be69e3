"""From a clip's media references to its picture on this machine. Knows OTIO's references, not where clips lie.

Every path and every file is looked at once per cut, however many clips share it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import isfinite
from pathlib import Path, PurePosixPath

import opentimelineio as otio

from otio_v2a.errors import MediaError
from otio_v2a.media import SOUND_SUFFIXES, find_sequence, probe, resolve
from otio_v2a.spans import MediaFile
from otio_v2a_engine.lengths import nearest_rate

__all__ = ["Located", "Locator", "Unusable", "rate_of", "seconds_of", "url_of"]


class Unusable(Exception):
    """A reference or range that cannot be mapped, with the reason in words for the user."""


@dataclass(frozen=True, slots=True)
class Located:
    """A clip's picture.

    Attributes:
        media: the file; its rate and length are what the reference says, or the file when it says nothing.
        start_s: time that source ranges give the media's first frame, None when nobody has said.
        note: what the user should know about the choice, or "".
    """

    media: MediaFile
    start_s: Fraction | None
    note: str = ""


def rate_of(rate: float) -> Fraction:
    """The exact rate of a host's float. Raises Unusable when it is not a rate."""
    if not isfinite(rate) or rate <= 0 or rate > 10**7:
        raise Unusable(f"a time has the rate {rate:g}; repair the clip's range and export again")
    return nearest_rate(rate)


def seconds_of(time: otio.opentime.RationalTime) -> Fraction:
    """Exact seconds; values that miss a whole frame only by float noise are whole. Raises Unusable."""
    value: float = time.value
    rate = rate_of(time.rate)
    if not isfinite(value) or abs(value) > 10**12:
        raise Unusable(f"a time has the value {value:g}; repair the clip's range and export again")
    whole = round(value)
    if abs(value - whole) < 1e-5:
        return whole / rate
    return Fraction(value).limit_denominator(10**7) / rate


def url_of(reference: otio.core.MediaReference | None) -> str:
    """What a reference calls its file, as it stands there; "" when it has none."""
    if isinstance(reference, otio.schema.ExternalReference):
        return reference.target_url or ""
    if isinstance(reference, otio.schema.ImageSequenceReference):
        return str(reference.target_url_base or "") + f"/{reference.name_prefix}#{reference.name_suffix}"
    return ""


class Locator:
    """Finds pictures for one cut; remembers every answer."""

    def __init__(self, *, base: Path, roots: Sequence[Path] = (), known: Mapping[str, MediaFile] | None = None) -> None:
        """`base` is where relative references start; with `roots`, media must lie under one of them.

        `known` are files that were looked at already, by what `url_of` calls them.
        """
        self._base = base
        self._roots = tuple(roots)
        self._paths: dict[str, str | Unusable] = {}
        self._known = dict(known or {})
        self._probed: dict[str, MediaFile | Unusable] = {}
        self._sequences: dict[tuple[str, str, int], tuple[str, frozenset[int]] | Unusable] = {}
        self._images: dict[str, frozenset[int]] = {}
        self._media: dict[tuple[str, float, float], MediaFile] = {}

    def locate(self, clip: otio.schema.Clip) -> Located:
        """The picture of a clip: its active reference, else its first readable one.

        Raises:
            Unusable: no reference has a readable picture.
        """
        active = clip.media_reference
        try:
            return self._locate(active)
        except Unusable as error:
            reason = error
        references = clip.media_references()
        key = clip.active_media_reference_key
        for other_key in sorted(references):
            if other_key == key:
                continue
            try:
                found = self._locate(references[other_key])
            except Unusable:
                continue
            return replace(found, note=f"uses media reference {other_key!r}, because of {key!r}: {reason}")
        raise reason

    def probed(self, path: str) -> MediaFile:
        """What the file itself says. Raises Unusable."""
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

    def _locate(self, reference: otio.core.MediaReference) -> Located:
        if isinstance(reference, otio.schema.ExternalReference):
            return self._external(reference)
        if isinstance(reference, otio.schema.ImageSequenceReference):
            return self._sequence(reference)
        if isinstance(reference, otio.schema.GeneratorReference):
            kind = reference.generator_kind or reference.name or "unnamed"
            raise Unusable(f"it is generated by the editor ({kind}), there is no picture file")
        if reference is None or reference.is_missing_reference:
            name = reference.name if reference is not None else ""
            raise Unusable(f"its media is offline{f' ({name})' if name else ''}; relink the clip and export again")
        raise Unusable(f"its media reference is a {reference.schema_name()}, which cannot be read")

    def _external(self, reference: otio.schema.ExternalReference) -> Located:
        url = reference.target_url
        media = self._known.get(url)
        if media is not None:
            return Located(media, seconds_of(reference.available_range.start_time))
        path = self._paths.get(url)
        if path is None:
            path = self._paths[url] = self._find(url)
        if isinstance(path, Unusable):
            raise path
        available = reference.available_range
        if available is None:
            return Located(self.probed(path), None)
        duration = available.duration
        key = (path, duration.rate, duration.value)
        media = self._media.get(key)
        if media is None:
            media = self._media[key] = self._declared(path, duration)
        return Located(media, seconds_of(available.start_time))

    def _find(self, url: str) -> str | Unusable:
        if PurePosixPath(url or "").suffix.lower() in SOUND_SUFFIXES:
            return Unusable(f"{url} is a sound file, there is no picture")
        try:
            return str(resolve(url or "", base=self._base, roots=self._roots))
        except MediaError as error:
            return Unusable(str(error))

    def _declared(self, path: str, duration: otio.opentime.RationalTime) -> MediaFile:
        duration_s = seconds_of(duration)
        rate = rate_of(duration.rate)
        if duration_s <= 0:
            return self.probed(path)
        if not 1 <= rate <= 240:
            # A range in samples or milliseconds does not say how many frames a second has.
            return replace(self.probed(path), duration_s=duration_s)
        return MediaFile(path=path, rate=rate, duration_s=duration_s)

    def _sequence(self, reference: otio.schema.ImageSequenceReference) -> Located:
        known_media = self._known.get(url_of(reference))
        if known_media is not None:
            return Located(known_media, seconds_of(reference.available_range.start_time))
        rate = rate_of(reference.rate)
        if abs(reference.frame_step) != 1 or reference.frame_step < 0:
            raise Unusable(f"its image sequence has a step of {reference.frame_step}; renumber the images one by one")
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
        path_text, images = known
        available = reference.available_range
        first = reference.start_frame
        if available is None:
            last = max((number for number in images if number >= first), default=first)
            return Located(MediaFile(path_text, rate, (last - first + 1) / rate, first), Fraction(0))
        media = MediaFile(path_text, rate, seconds_of(available.duration), first)
        return Located(media, seconds_of(available.start_time))

    def missing_image(self, media: MediaFile, *, first: int, last: int) -> int | None:
        """The first image number of `[first, last]` (counted from media frame 0) that is not on disk."""
        images = self._images.get(media.path)
        if images is None:
            return None
        start = media.sequence_first or 0
        return next((number for number in range(start + first, start + last + 1) if number not in images), None)
