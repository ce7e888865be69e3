"""Owns what is remembered of shot searches, by the state of the media. Looks for no shots itself."""

import hashlib
import json
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from otio_v2a.atomic import atomic_file
from otio_v2a.errors import MediaError
from otio_v2a.media_identity import MediaIdentity, identify
from otio_v2a.spans import ClipSpan, MediaFile, Shot
from otio_v2a_engine import wire

__all__ = ["ShotCache", "shots_between"]

# To be raised when the search itself changes.
_VERSION = 1


class ShotCache:
    """Shot borders in a folder, a small JSON file for each stretch of media; media are looked at once."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`; it is created on the first write."""
        self._folder = folder
        self._identities: dict[MediaFile, MediaIdentity | MediaError] = {}

    def get(self, span: ClipSpan) -> tuple[Fraction, ...] | None:
        """Known borders inside a span, in record time relative to its start; None when nobody has looked."""
        path = self._path(span)
        if path is None:
            return None
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            return tuple(Fraction(cut) for cut in data["cuts_s"])
        except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError):
            return None

    def put(self, span: ClipSpan, cuts_s: Sequence[Fraction]) -> None:
        """Remember the borders found. Raises OSError when they cannot be written."""
        path = self._path(span)
        if path is not None:
            with atomic_file(path) as file:
                file.write(json.dumps({"cuts_s": wire.to_plain(tuple(cuts_s))}).encode())

    def _path(self, span: ClipSpan) -> Path | None:
        """Where the answer for a span lies; None when its media cannot be read."""
        if span.media not in self._identities:
            self._identities[span.media] = identify(span.media)
        identity = self._identities[span.media]
        if not isinstance(identity, MediaIdentity):
            return None
        key = wire.canonical_json([_VERSION, identity, span.picture(), span.duration_s])
        return self._folder / f"{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}.json"


def shots_between(cuts_s: Sequence[Fraction], span: ClipSpan) -> tuple[Shot, ...]:
    """The shots that borders inside a span make of it: one more than there are borders."""
    borders = [Fraction(0), *sorted({cut for cut in cuts_s if 0 < cut < span.duration_s}), span.duration_s]
    return tuple(Shot(start_s=start, duration_s=end - start) for start, end in pairwise(borders))
