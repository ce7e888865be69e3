"""Owns the takes of the open cut: which there are, which is heard, stars and adjustments. Knows no Qt and no files.

What earlier work left is read when somebody first looks; edits lie above it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from otio_v2a.adjustments import Adjustment
from otio_v2a.deliver import Held, stem_take
from otio_v2a.errors import TakeError
from otio_v2a.stem import StemClip, StemTake
from otio_v2a.takes import Take
from otio_v2a_engine.contract import Role
from otio_v2a_ui.state import TakeRow

__all__ = ["Key", "Measures", "TakeBook"]

Key = tuple[str, Role]
"""Clip id and role."""


@dataclass(frozen=True)
class Measures:
    """What was measured of a take; None as long as it was not."""

    sync_ms: float | None = None
    sync_score: float | None = None
    sync_note: str = ""
    loudness_lufs: float | None = None


class TakeBook:
    """Takes by clip and role."""

    def __init__(self, read: Callable[[], dict[Key, Held]], *, on_put: Callable[[Key, Held | None], None]) -> None:
        """`read` brings what earlier work left, `on_put` is told of every edit."""
        self._read = read
        self._on_put = on_put
        self._earlier: dict[Key, Held] | None = None
        self._overlay: dict[Key, Held | None] = {}
        self._measures: dict[str, Measures] = {}

    def load(self) -> None:
        """Read what earlier work left, unless that is done."""
        if self._earlier is None:
            self._earlier = self._read()

    def held(self, clip_id: str, role: Role) -> Held | None:
        """The takes of a clip and role; None when it has none."""
        key = clip_id, role
        if key in self._overlay:
            return self._overlay[key]
        self.load()
        assert self._earlier is not None
        return self._earlier.get(key)

    def everything(self) -> tuple[Held, ...]:
        """All takes."""
        self.load()
        assert self._earlier is not None
        merged: dict[Key, Held | None] = {**self._earlier, **self._overlay}
        return tuple(held for held in merged.values() if held is not None)

    def rows(self, clip_id: str) -> tuple[TakeRow, ...]:
        """Every take of a clip, by role and number."""
        return tuple(
            self._row(held, take)
            for role in Role
            if (held := self.held(clip_id, role)) is not None
            for take in held.clip.takes
        )

    def known_hashes(self, clip_id: str, role: Role) -> frozenset[str]:
        """Content hashes of the takes of a clip and role."""
        held = self.held(clip_id, role)
        return frozenset(take.content_hash for take in held.clip.takes) if held else frozenset()

    def lay(self, key: Key, held: Held | None) -> None:
        """Take an edit of an earlier session in, without telling anybody."""
        self._overlay[key] = held

    def put(self, held: Held) -> None:
        """Let a clip and role have exactly these takes."""
        self._put((held.clip.clip_id, held.role), held)

    def add(self, take: Take, *, name: str, track: str) -> int:
        """Add a finished render under a number of its own, and let it be heard unless a starred one is. Its number."""
        if self.held(take.clip_id, take.role) is not None:
            return self.add_to(take.clip_id, take.role, stem_take(take, 0))
        clip = StemClip(
            clip_id=take.clip_id,
            name=name,
            track=track,
            record_start=take.record_start,
            span_samples=take.span_samples,
            takes=(stem_take(take, 1),),
            active=1,
        )
        self.put(Held(role=take.role, clip=clip, sample_rate=take.sample_rate, channels=take.channels))
        return 1

    def add_to(self, clip_id: str, role: Role, new: StemTake) -> int:
        """`add` for a clip and role that has takes. Raises TakeError when it has none."""
        held = self.held(clip_id, role)
        if held is None:
            raise TakeError(f"the clip has no {role} take yet; generate one first")
        takes = held.clip.takes
        known = next((each for each in takes if each.content_hash == new.content_hash), None)
        number = known.number if known else max(each.number for each in takes) + 1
        if known is None:
            takes = (*takes, replace(new, number=number))
        active = held.clip.active if held.clip.active_take.starred else number
        if (takes, active) != (held.clip.takes, held.clip.active):
            self.put(replace(held, clip=replace(held.clip, takes=takes, active=active)))
        return number

    def choose(self, clip_id: str, role: Role, number: int) -> int:
        """Let another take be heard; returns the one that was."""
        held = self._need(clip_id, role, number)
        if held.clip.active != number:
            self.put(replace(held, clip=replace(held.clip, active=number)))
        return held.clip.active

    def drop(self, clip_id: str, role: Role, number: int) -> Held:
        """Forget a take; returns what was there."""
        held = self._need(clip_id, role, number)
        rest = tuple(take for take in held.clip.takes if take.number != number)
        if not rest:
            self._put((clip_id, role), None)
            return held
        active = held.clip.active if held.clip.active != number else rest[-1].number
        self.put(replace(held, clip=replace(held.clip, takes=rest, active=active)))
        return held

    def star(self, clip_id: str, role: Role, number: int, on: bool) -> bool:
        """Mark a take, or not; returns whether it was marked."""
        held = self._need(clip_id, role, number)
        was = _numbered(held, number).starred
        if was != on:
            takes = tuple(replace(take, starred=on) if take.number == number else take for take in held.clip.takes)
            self.put(replace(held, clip=replace(held.clip, takes=takes)))
        return was

    def adjust(self, clip_id: str, role: Role, new: Adjustment) -> Adjustment:
        """Set gain, fades and nudge; returns what was set. Raises TakeError when there is no take."""
        held = self.held(clip_id, role)
        if held is None:
            raise TakeError(f"there is no {role} take of this clip to adjust; generate one first")
        old = held.clip.adjustment
        if old != new:
            self.put(replace(held, clip=replace(held.clip, adjustment=new)))
        return old

    def measure(self, clip_id: str, role: Role, number: int, seen: Mapping[str, float | str | None]) -> bool:
        """Remember what was measured of a take, by the names of `Measures`; whether that is news.

        None leaves what was; a `sync_note`, the empty one too, replaces all that was said of sync.
        """
        content_hash = _numbered(self._need(clip_id, role, number), number).content_hash
        before = self._measures.get(content_hash, Measures())
        kept = before if seen.get("sync_note") is None else replace(before, sync_ms=None, sync_score=None)
        news: dict[str, Any] = {name: value for name, value in seen.items() if value is not None}
        now = replace(kept, **news)
        self._measures[content_hash] = now
        return now != before

    def _row(self, held: Held, take: StemTake) -> TakeRow:
        seen = self._measures.get(take.content_hash, Measures())
        return TakeRow(
            clip_id=held.clip.clip_id,
            role=held.role,
            number=take.number,
            path=take.render.path,
            active=take.number == held.clip.active,
            starred=take.starred,
            seed=take.seed,
            prompt=take.prompt.text,
            engine=f"{take.engine} {take.engine_version}",
            sync_ms=seen.sync_ms,
            sync_score=seen.sync_score,
            sync_note=seen.sync_note,
            loudness_lufs=seen.loudness_lufs,
            adjustment=held.clip.adjustment,
        )

    def _need(self, clip_id: str, role: Role, number: int) -> Held:
        held = self.held(clip_id, role)
        if held is None or number not in [take.number for take in held.clip.takes]:
            raise TakeError(f"the clip has no take {number} of {role}")
        return held

    def _put(self, key: Key, held: Held | None) -> None:
        self._overlay[key] = held
        self._on_put(key, held)


def _numbered(held: Held, number: int) -> StemTake:
    return next(take for take in held.clip.takes if take.number == number)
