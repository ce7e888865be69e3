"""The delivery of sound: takes become files (`write`), files become tracks (`attach`), and tracks go again (`detach`).

Knows which takes belong together; `stem_files` writes the bytes and `tracks` knows OTIO.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from otio_v2a.errors import StemError
from otio_v2a.naming import clip_words
from otio_v2a.spans import ClipSpan
from otio_v2a.stem import Layout, Stem, StemClip, StemTake, place
from otio_v2a.stem_files import Delivery, write_clip, write_role
from otio_v2a.takes import Take
from otio_v2a.tracks import attach, detach, earlier_clips, undo
from otio_v2a_engine.contract import Role

if TYPE_CHECKING:
    from otio_v2a.timeline import Cut

__all__ = ["ClipWriter", "Layout", "Stem", "attach", "detach", "undo", "write"]

_ROLE_ORDER = {Role.DX: 0, Role.FX: 1, Role.AMB: 2, Role.MUS: 3}


class ClipWriter:
    """Writes the sound of a cut's clips, each as soon as its takes are there.

    What the editor did to a clip before (in the cut's own tracks, else in `earlier`) stays: its adjustment, its stars,
    takes of which a region was rendered anew, and the choice of the active take; else the first is active.

    Args:
        cut: the cut that the takes are made for.
        out_dir: folder of the files.
        chosen: content hash of the take to use, by clip id and role; goes before what was active.
        earlier: clips of a timeline that is about to be replaced.
        ahead: another writer of the same cut and folder: what it wrote is not written again.
    """

    def __init__(
        self,
        cut: "Cut",
        *,
        out_dir: Path,
        chosen: Mapping[tuple[str, Role], str] | None = None,
        earlier: Mapping[tuple[str, Role], StemClip] | None = None,
        ahead: "ClipWriter | None" = None,
    ) -> None:
        self._cut = cut
        self.spans = {span.clip_id: span for span in cut.spans}
        self.delivery = Delivery(folder=out_dir, cut_name=cut.name, timing=cut.timing)
        self._known = {**(earlier or {}), **earlier_clips(cut.timeline, base=cut.media_base or cut.path.parent)}
        self._wanted = {key: clip.active_take.content_hash for key, clip in self._known.items()} | dict(chosen or {})
        self._words = clip_words({clip_id: span.name for clip_id, span in self.spans.items()})
        self._written: dict[Stem, Stem] = {} if ahead is None else ahead._written

    def clip(self, group: Sequence[Take]) -> StemClip:
        """All takes of one clip and role as its stem holds them. Raises StemError when they do not fit the cut."""
        for take in group:
            _check(take, self.spans)
        group = sorted(group, key=lambda take: take.number)
        key = (group[0].clip_id, group[0].role)
        return _stem_clip(group, self.spans[key[0]], wanted=self._wanted.get(key), before=self._known.get(key))

    def write(self, group: Sequence[Take]) -> Stem:
        """Write all takes of one clip and role. Raises StemError as `stems.write` does."""
        clip = self.clip(group)
        stem = _clip_stem(clip, group, span=self.spans[clip.clip_id], cut=self._cut)
        if stem not in self._written:
            self._written[stem] = write_clip(stem, delivery=self.delivery, word=self._words[clip.clip_id])
        return self._written[stem]


def write(
    takes: Sequence[Take],
    cut: "Cut",
    *,
    out_dir: Path,
    layout: Layout,
    chosen: Mapping[tuple[str, Role], str] | None = None,
    earlier: Mapping[tuple[str, Role], StemClip] | None = None,
    ahead: ClipWriter | None = None,
) -> tuple[Stem, ...]:
    """Write the takes of a cut as broadcast wave files.

    Args:
        takes: takes of spans of the cut, in any order.
        cut: the cut they were made for.
        out_dir: folder of the files.
        layout: clip by clip, or one full-length file per role.
        chosen: as for `ClipWriter`.
        earlier: as for `ClipWriter`.
        ahead: a writer that wrote some clips while others rendered.

    Raises:
        StemError: a take does not fit the cut, cannot be read, or a file cannot be written.
    """
    writer = ClipWriter(cut, out_dir=out_dir, chosen=chosen, earlier=earlier, ahead=ahead)
    groups: dict[tuple[Role, str], list[Take]] = defaultdict(list)
    for take in takes:
        _check(take, writer.spans)
        groups[take.role, take.clip_id].append(take)
    order = {clip_id: index for index, clip_id in enumerate(writer.spans)}
    ordered = [groups[key] for key in sorted(groups, key=lambda key: (_ROLE_ORDER.get(key[0], 9), order[key[1]]))]
    if layout is Layout.CLIPS:
        return tuple(writer.write(group) for group in ordered)
    stems: list[Stem] = []
    by_role: dict[Role, list[StemClip]] = defaultdict(list)
    for group in ordered:
        by_role[group[0].role].append(writer.clip(group))
    for role, clips in by_role.items():
        of_role = [take for take in takes if take.role == role]
        rates = {take.sample_rate for take in of_role}
        if len(rates) != 1:
            raise StemError(f"takes of {role} have several sample rates {sorted(rates)}; render them at one")
        channels = max(take.channels for take in of_role)
        stems.append(write_role(clips, role=role, sample_rate=rates.pop(), channels=channels, delivery=writer.delivery))
    return tuple(stems)


def _check(take: Take, spans: Mapping[str, ClipSpan]) -> None:
    span = spans.get(take.clip_id)
    if span is None:
        raise StemError(f"take {take.number} ({take.role}) belongs to clip {take.clip_id}, which is not in the cut")
    found = (take.record_start, take.span_samples)
    if found != (span.first_sample(take.sample_rate), span.n_samples(take.sample_rate)):
        raise StemError(
            f"take {take.number} ({take.role}) of clip {span.name!r} was made for another place or length; plan again"
        )


def _stem_clip(group: Sequence[Take], span: ClipSpan, *, wanted: str | None, before: StemClip | None) -> StemClip:
    numbers = [take.number for take in group]
    if len(set(numbers)) != len(numbers):
        raise StemError(f"clip {span.name!r} has two takes with the same number: {numbers}")
    stars = {take.content_hash for take in before.takes if take.starred} if before else set()
    takes = tuple(
        StemTake(
            number=take.number,
            path=take.path,
            file_start=take.file_start,
            n_samples=take.n_samples,
            content_hash=take.content_hash,
            seed=take.seed,
            prompt=take.prompt,
            engine=take.engine,
            engine_version=take.engine_version,
            starred=take.content_hash in stars,
            rolls=take.rolls,
            fit=take.fit,
            bleed=take.bleed,
        )
        for take in group
    )
    clip = StemClip(
        clip_id=span.clip_id,
        name=span.name,
        track=span.track,
        record_start=group[0].record_start,
        span_samples=group[0].span_samples,
        takes=takes,
        active=numbers[0],
    )
    if before is not None:
        clip = replace(clip, takes=(*takes, *_redone(clip, before)), adjustment=before.adjustment)
    active = next((take.number for take in clip.takes if take.content_hash == wanted), numbers[0])
    return replace(clip, active=active)


def _redone(clip: StemClip, before: StemClip) -> list[StemTake]:
    """Takes of which a region was rendered anew, for as long as the take they are made from is still there."""
    if before.span_samples != clip.span_samples:
        return []
    kept: list[StemTake] = []
    hashes = {take.content_hash for take in clip.takes}
    numbers = {take.number for take in clip.takes}
    for take in before.takes:
        render = take.render
        if take.made_from not in hashes or take.content_hash in hashes or not render.path.is_file():
            continue
        number = take.number if take.number not in numbers else max(numbers) + 1
        # The clip may have moved along the timeline, and its sound with it.
        start = render.file_start - before.record_start + clip.record_start
        kept.append(
            replace(take, number=number, path=render.path, file_start=start, n_samples=render.n_samples, source=None)
        )
        hashes.add(take.content_hash)
        numbers.add(number)
    return sorted(kept, key=lambda take: take.number)


def _clip_stem(clip: StemClip, group: Sequence[Take], *, span: ClipSpan, cut: "Cut") -> Stem:
    """The stem before its files are written: all takes of a clip share one placement, so that they can be swapped."""
    formats = {(take.sample_rate, take.channels) for take in group}
    if len(formats) != 1:
        raise StemError(f"takes of clip {span.name!r} differ in (Hz, channels): {sorted(formats)}; render them alike")
    sample_rate, channels = formats.pop()
    placement = place(
        span.record_start_s,
        span.duration_s,
        timing=cut.timing,
        sample_rate=sample_rate,
        before=min(take.handle_before for take in group),
        after=min(take.handle_after for take in group),
    )
    return Stem(
        role=group[0].role,
        layout=Layout.CLIPS,
        path=group[0].path,
        placement=placement,
        sample_rate=sample_rate,
        channels=channels,
        clips=(clip,),
        cut_name=cut.name,
        timing=cut.timing,
    )
