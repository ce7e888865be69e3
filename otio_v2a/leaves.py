"""A picture clip where the walk through a timeline found it. Knows OTIO's clips and exact time, nothing of the walk."""

from dataclasses import dataclass
from typing import NamedTuple

import opentimelineio as otio

from otio_v2a.mapping import Frames, TimeMap

__all__ = ["NO_DISSOLVE", "Leaf", "LevelMarker"]

NO_DISSOLVE: tuple[Frames, Frames] = (0, 0)
"""What transitions show of a clip that has none."""


@dataclass(frozen=True, slots=True)
class LevelMarker:
    """A marker and the map of the level it stands on."""

    marker: otio.schema.Marker
    map: TimeMap


class Leaf(NamedTuple):
    """A clip where the walk found it (a tuple, because a cut has one per clip).

    Attributes:
        clip: the OTIO clip.
        name: the clip's name, maybe empty.
        url: what its active media reference calls its file.
        track: names of the tracks and stacks above it.
        number: 1-based among the clips of its track.
        first: first record frame that may show it.
        last: the frame after the last one; not above `first` when it is trimmed away.
        offset: its source time at record frame 0, before the media's own start is subtracted (`TimeMap.offset`).
        speed: its source frames per record frame.
        lean: as `TimeMap.lean`.
        source: its first source frame, in its own source time.
        source_length: how much source it plays.
        reason: why it cannot be used, or "".
        layer: equal for the clips of one track, which never overlap; unlike any other for a clip right in a stack.
        markers: of the levels above it.
        available: start and length of all its media, when that reference was asked and says them in whole frames; only
            known of clips on the frame grid that run with record time.
        dissolve: frames that a transition shows it before and after its range.
    """

    clip: otio.schema.Clip
    name: str
    url: str
    track: str
    number: int
    first: int
    last: int
    offset: Frames
    speed: Frames
    lean: int
    source: Frames
    source_length: Frames
    reason: str
    layer: int
    markers: tuple[LevelMarker, ...] = ()
    available: tuple[int, int] | None = None
    dissolve: tuple[Frames, Frames] = NO_DISSOLVE

    @property
    def map(self) -> TimeMap:
        """Its source time against record frames."""
        return TimeMap(self.offset, self.speed, self.lean)
