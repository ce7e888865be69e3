"""Delivers what an editor keeps: takes by clip and role become files, tracks and a written timeline. Renders nothing.

`generate.produce` delivers a run; here the choice, stars and adjustments of a whole session are delivered, take by take
as they were collected.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import opentimelineio as otio

from otio_v2a import targets
from otio_v2a.errors import StemError, TargetError
from otio_v2a.generate import stems_folder
from otio_v2a.naming import clip_words
from otio_v2a.spans import ClipSpan
from otio_v2a.stem import Layout, Placement, Render, Stem, StemClip, StemTake, place
from otio_v2a.stem_files import Delivery, write_clip, write_role
from otio_v2a.takes import Take
from otio_v2a.targets import Target
from otio_v2a.tracks import attach, detach, read_stems
from otio_v2a_engine.contract import Role

if TYPE_CHECKING:
    from otio_v2a.timeline import Cut

__all__ = ["Delivered", "Held", "deliver", "fitted", "held_on", "stem_take"]

_ROLE_ORDER = {Role.DX: 0, Role.FX: 1, Role.AMB: 2, Role.MUS: 3}


@dataclass(frozen=True)
class Held:
    """The takes of one clip and role, with their format.

    Attributes:
        role: the stem.
        clip: the takes, which of them is heard, and its adjustment.
        sample_rate: Hz.
        channels: 1 or 2.
    """

    role: Role
    clip: StemClip
    sample_rate: int = 48000
    channels: int = 2


@dataclass(frozen=True)
class Delivered:
    """What was written.

    Attributes:
        out: the timeline.
        stems: its sound files, in its order.
        notes: what was left out, and why.
    """

    out: Path
    stems: tuple[Stem, ...] = ()
    notes: tuple[str, ...] = ()


def stem_take(take: Take, number: int) -> StemTake:
    """A stored take as a stem holds it, under a number of the caller's."""
    return StemTake(
        number=number,
        path=take.path,
        file_start=take.file_start,
        n_samples=take.n_samples,
        content_hash=take.content_hash,
        seed=take.seed,
        prompt=take.prompt,
        engine=take.engine,
        engine_version=take.engine_version,
    )


def held_on(timeline: otio.schema.Timeline, *, base: Path) -> tuple[Held, ...]:
    """What a timeline's own tracks hold, as rendered where that is known.

    Raises:
        TakeError: the metadata of one of our clips is damaged.
    """
    return tuple(
        Held(role=stem.role, clip=clip, sample_rate=stem.sample_rate, channels=stem.channels)
        for stem in read_stems(timeline, base=base)
        for clip in stem.clips
    )


def fitted(held: Held, span: ClipSpan) -> Held | None:
    """The same takes under a span that may have moved since; None when it has another length now."""
    rate = held.sample_rate
    start, length = span.first_sample(rate), span.n_samples(rate)
    if held.clip.span_samples != length:
        return None
    by = start - held.clip.record_start
    if not by:
        return held
    takes = tuple(
        replace(
            take,
            file_start=take.file_start + by,
            source=replace(take.source, file_start=take.source.file_start + by) if take.source else None,
        )
        for take in held.clip.takes
    )
    return replace(held, clip=replace(held.clip, record_start=start, takes=takes))


def deliver(
    timeline: otio.schema.Timeline,
    held: Sequence[Held],
    *,
    cut: "Cut",
    out: Path,
    layout: Layout = Layout.CLIPS,
    target: Target = Target.PORTABLE,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Delivered | None:
    """Write the sound files and then the timeline with them as tracks, instead of all tracks of ours that it had.

    Args:
        timeline: the cut's, with what else is to be written; it is not changed.
        held: the takes; those whose sound is gone are left out, with a note.
        cut: what they belong to.
        out: the timeline to write.
        layout: clip by clip or one stem per role.
        target: the host.
        on_progress: told how many of how many files are written.
        cancelled: asked between files; when it says yes nothing is written but files, and None returned.

    Raises:
        StemError: a file cannot be written.
        TargetError: the timeline cannot be written; what was there before still is.
    """
    if out.resolve() == cut.path.resolve() and out.suffix != ".otio":
        raise TargetError(f"{out} is the cut itself; choose another file")
    base = cut.media_base or cut.path.parent
    clean = detach(timeline)
    targets.refuse_fatal(targets.losses(clean, target, base=base))
    spans = {span.clip_id: span for span in cut.spans}
    order = {clip_id: number for number, clip_id in enumerate(spans)}
    notes: list[str] = []
    ready = [found for each in held if each.clip.clip_id in spans and (found := _with_sound(each, notes)) is not None]
    ready.sort(key=lambda each: (_ROLE_ORDER.get(each.role, 9), order[each.clip.clip_id]))
    delivery = Delivery(folder=stems_folder(out), cut_name=cut.name, timing=cut.timing)
    stems: list[Stem] = []
    if layout is Layout.CLIPS:
        words = clip_words({clip_id: span.name for clip_id, span in spans.items()})
        for number, each in enumerate(ready):
            if cancelled():
                return None
            on_progress(number, len(ready))
            stem = _clip_stem(each, span=spans[each.clip.clip_id], cut=cut)
            stems.append(write_clip(stem, delivery=delivery, word=words[each.clip.clip_id]))
    else:
        by_role: dict[Role, list[Held]] = defaultdict(list)
        for each in ready:
            by_role[each.role].append(each)
        for number, (role, group) in enumerate(by_role.items()):
            if cancelled():
                return None
            on_progress(number, len(by_role))
            rates = {each.sample_rate for each in group}
            if len(rates) != 1:
                raise StemError(f"takes of {role} have several sample rates {sorted(rates)}; render them at one")
            clips = [each.clip for each in group]
            channels = max(each.channels for each in group)
            stems.append(write_role(clips, role=role, sample_rate=rates.pop(), channels=channels, delivery=delivery))
    made = attach(clean, stems, cut=cut)
    if cancelled():
        return None
    written = targets.write(made, out, target, base=base)
    on_progress(len(stems), len(stems))
    return Delivered(out=written, stems=tuple(stems), notes=tuple(notes))


def _with_sound(held: Held, notes: list[str]) -> Held | None:
    """The takes whose sound is there, told by their renders; None when there is none."""
    takes = []
    for take in held.clip.takes:
        delivered = Render(path=take.path, file_start=take.file_start, n_samples=take.n_samples)
        sound = next((each for each in (take.render, delivered) if each.path.is_file()), None)
        if sound is None:
            notes.append(f"take {take.number} of {held.clip.name} ({held.role}) is left out: {take.path} is gone")
            continue
        takes.append(
            replace(take, path=sound.path, file_start=sound.file_start, n_samples=sound.n_samples, source=None)
        )
    if not takes:
        return None
    numbers = [take.number for take in takes]
    active = held.clip.active if held.clip.active in numbers else numbers[0]
    return replace(held, clip=replace(held.clip, takes=tuple(takes), active=active))


def _clip_stem(held: Held, *, span: ClipSpan, cut: "Cut") -> Stem:
    """The stem before its files are written: all takes of a clip share one placement, so that they can be swapped."""
    clip = held.clip
    renders = [take.render for take in clip.takes]
    placement: Placement = place(
        span.record_start_s,
        span.duration_s,
        timing=cut.timing,
        sample_rate=held.sample_rate,
        before=min(clip.record_start - render.file_start for render in renders),
        after=min(render.file_start + render.n_samples - clip.record_stop for render in renders),
    )
    return Stem(
        role=held.role,
        layout=Layout.CLIPS,
        path=clip.active_take.path,
        placement=placement,
        sample_rate=held.sample_rate,
        channels=held.channels,
        clips=(clip,),
        cut_name=cut.name,
        timing=cut.timing,
    )
