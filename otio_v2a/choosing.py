"""Lists, chooses, stars, drops and adjusts takes on a timeline of ours, without rendering. Every change is atomic.

Clip by clip, another media reference becomes the active one. With one stem per role, the stem is written anew from
the stored takes, under a new version, before the timeline is replaced; the old version stays for older timelines.
An adjustment is written from the stored takes in both layouts.
"""

import fnmatch
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import opentimelineio as otio

from otio_v2a.adjustments import NEUTRAL, Adjustment
from otio_v2a.conform import level_of
from otio_v2a.errors import TakeError
from otio_v2a.loudness import loudness_of
from otio_v2a.stem import Layout, Render, Stem, StemClip
from otio_v2a.stem_files import Delivery, delivered_word, write_clip, write_role
from otio_v2a.takes import TakeStore, default_root
from otio_v2a.targets import Target, activate, spell, target_of, with_paths
from otio_v2a.tracks import (
    NAMESPACE,
    generated_clips,
    load_own,
    read_stems,
    save,
    stem_metadata,
    take_key,
)
from otio_v2a_engine.bleed_note import Bleed
from otio_v2a_engine.contract import Role

__all__ = ["TakeEntry", "adjust", "choose", "drop", "edit", "list_takes", "star"]


@dataclass(frozen=True)
class TakeEntry:
    """One take on a timeline.

    Attributes:
        clip_id: id of the picture clip.
        clip_name: its name.
        track: name of its track.
        role: stem that it belongs to.
        number: 1-based.
        active: whether it is the one that is heard.
        seed: seed that was rendered.
        prompt: positive prompt; empty means that the picture alone decided.
        negative_prompt: negative prompt.
        engine: what rendered it, and its version.
        content_hash: what it is, in one word.
        path: its sound.
        exists: whether that file is there.
        starred: whether the editor marked it.
        adjustment: gain, fades and nudge of the clip's takes.
        loudness_lufs: integrated loudness of its file; None when it was not measured or is silent.
        rolls: which re-roll it is; 0 is the first render.
        fit: how well it was found to fit then; None when nobody asked for re-rolls.
        bleed: what was heard in it then that nobody had asked for; None when nobody listened.
    """

    clip_id: str
    clip_name: str
    track: str
    role: Role
    number: int
    active: bool
    seed: int
    prompt: str
    negative_prompt: str
    engine: str
    content_hash: str
    path: Path
    exists: bool
    starred: bool = False
    adjustment: Adjustment = NEUTRAL
    loudness_lufs: float | None = None
    rolls: int = 0
    fit: float | None = None
    bleed: Bleed | None = None


def list_takes(
    path: Path, *, clip: str | None = None, role: Role | None = None, measure: bool = False
) -> tuple[TakeEntry, ...]:
    """Every take on a written timeline, in its order, of clips with this name or id (or glob) and role.

    With `measure`, every sound file is read for its loudness.

    Raises:
        CutError: the file cannot be read.
        TakeError: nothing on it fits.
    """
    path = Path(path).absolute()
    stems = read_stems(load_own(path), base=path.parent)
    entries = tuple(
        TakeEntry(
            clip_id=found.clip_id,
            clip_name=found.name,
            track=found.track,
            role=stem.role,
            number=take.number,
            active=take.number == found.active,
            seed=take.seed,
            prompt=take.prompt.text,
            negative_prompt=take.prompt.negative_text,
            engine=f"{take.engine} {take.engine_version}",
            content_hash=take.content_hash,
            path=take.path,
            exists=take.path.is_file(),
            starred=take.starred,
            adjustment=found.adjustment,
            loudness_lufs=loudness_of(take.path) if measure and take.path.is_file() else None,
            rolls=take.rolls,
            fit=take.fit,
            bleed=take.bleed,
        )
        for stem in stems
        for found in stem.clips
        if _fits(found, stem.role, clip=clip, role=role)
        for take in found.takes
    )
    if not entries:
        raise _nothing(path, stems, clip=clip, role=role)
    return entries


def choose(path: Path, number: int, *, clip: str | None = None, role: Role | None = None) -> tuple[str, ...]:
    """Make a take the active one on every clip that fits and has it. Returns what changed, in words.

    Raises:
        CutError: the file cannot be read or written.
        TakeError: no clip that fits has such a take, or its sound is gone.
        StemError: a stem cannot be written.
    """
    return edit(path, lambda _, found: replace(found, active=number), clip=clip, role=role, number=number)


def drop(path: Path, number: int, *, clip: str | None = None, role: Role | None = None) -> tuple[str, ...]:
    """Remove a take from every clip that fits and has it; the sound file stays. Returns what changed, in words.

    When the active take goes, the first of the others becomes active.

    Raises:
        CutError: the file cannot be read or written.
        TakeError: no clip that fits has such a take, or it is the clip's only one.
        StemError: a stem cannot be written.
    """

    def without(found: StemClip) -> StemClip:
        rest = tuple(take for take in found.takes if take.number != number)
        if not rest:
            raise TakeError(
                f"take {number} is the only one of clip {found.name!r}; undo takes every track off, or generate more"
            )
        return replace(found, takes=rest, active=rest[0].number if found.active == number else found.active)

    return edit(path, lambda _, found: without(found), clip=clip, role=role, number=number)


def star(
    path: Path, number: int, *, starred: bool = True, clip: str | None = None, role: Role | None = None
) -> tuple[str, ...]:
    """Mark a take as one to come back to, or no longer, on every clip that fits and has it. Returns where, in words.

    Raises:
        CutError: the file cannot be read or written.
        TakeError: no clip that fits has such a take, or its sound is gone.
    """

    def marked(_: Stem, found: StemClip) -> StemClip:
        takes = (replace(take, starred=starred) if take.number == number else take for take in found.takes)
        return replace(found, takes=tuple(takes))

    return edit(path, marked, clip=clip, role=role, number=number)


def adjust(
    path: Path,
    setting: Callable[[Adjustment], Adjustment],
    *,
    clip: str | None = None,
    role: Role | None = None,
) -> tuple[str, ...]:
    """Set gain, fades and nudge of every clip that fits. Returns what they are now, in words.

    Stored renders stay as they are; delivered sounds are written anew from them, under a new version.

    Args:
        path: a timeline that this program wrote.
        setting: the new adjustment from the present one.
        clip: name, id or glob.
        role: role of the stem.

    Raises:
        CutError: the file cannot be read or written.
        TakeError: nothing fits, a value is out of range, or a stored render is gone.
        StemError: a stem cannot be written.
    """
    return edit(
        path,
        lambda _, found: replace(found, adjustment=setting(found.adjustment)),
        clip=clip,
        role=role,
        words=lambda stem, found: f"{found.name} ({stem.role}): {found.adjustment}{_held(found)}",
    )


def _held(found: StemClip) -> str:
    """What to say when a clip's gain would exceed full scale."""
    if found.adjustment.gain_db <= 0:
        return ""
    held_db = 20 * math.log10(level_of(found, found.active_take))
    return f", held at {held_db:+.1f} dB by full scale" if found.adjustment.gain_db - held_db > 0.05 else ""


def edit(
    path: Path,
    how: Callable[[Stem, StemClip], StemClip],
    *,
    clip: str | None = None,
    role: Role | None = None,
    number: int | None = None,
    words: Callable[[Stem, StemClip], str] = lambda stem, found: f"{found.name} ({stem.role})",
) -> tuple[str, ...]:
    """Change clips of a written timeline's stems in one atomic step, sound files first. Returns words for each.

    Args:
        path: a timeline that this program wrote.
        how: gives a clip as it shall be.
        clip: name, id or glob of the clips that are meant.
        role: role that is meant.
        number: only clips that have this take are meant.
        words: what to say of a clip as it has become.

    Raises:
        CutError: the file cannot be read or written.
        TakeError: no clip is meant, or its sound is gone.
        StemError: a stem cannot be written.
    """
    path = Path(path).absolute()
    timeline = load_own(path)
    stems = read_stems(timeline, base=path.parent)
    target = target_of(timeline)
    changed: list[str] = []
    for item, stem in zip(list(generated_clips(timeline)), stems, strict=True):
        clips = []
        for found in stem.clips:
            has_take = number is None or number in [take.number for take in found.takes]
            if has_take and _fits(found, stem.role, clip=clip, role=role):
                before, found = found, how(stem, found)
                if stem.layout is Layout.CLIPS and _sounds_otherwise(before, found):
                    found = _with_renders(found, TakeStore(default_root(path)))
                else:
                    _check_sound(found)
                changed.append(words(stem, found))
            clips.append(found)
        if tuple(clips) != stem.clips:
            _apply(item, replace(stem, clips=tuple(clips)), before=stem, target=target, folder=path.parent)
    if not changed:
        if number is not None and any(
            _fits(found, stem.role, clip=clip, role=role) for stem in stems for found in stem.clips
        ):
            raise TakeError(f"{path}: no clip that fits has a take {number}; otio-v2a takes list shows which there are")
        raise _nothing(path, stems, clip=clip, role=role)
    save(timeline, path)
    return tuple(changed)


def _fits(found: StemClip, its_role: Role, *, clip: str | None, role: Role | None) -> bool:
    if role is not None and its_role != role:
        return False
    return clip is None or clip in (found.clip_id, found.name) or fnmatch.fnmatchcase(found.name, clip)


def _nothing(path: Path, stems: Sequence[Stem], *, clip: str | None, role: Role | None) -> TakeError:
    if not stems:
        return TakeError(f"{path} has no takes: otio-v2a did not write it, or its tracks were taken off")
    wanted = " ".join(filter(None, (f"clip {clip!r}" if clip else "", f"role {role}" if role else "")))
    names = ", ".join(dict.fromkeys(f"{found.name} ({stem.role})" for stem in stems for found in stem.clips))
    return TakeError(f"{path}: nothing fits {wanted}; there are {names}")


def _check_sound(found: StemClip) -> None:
    take = found.active_take
    if not take.path.is_file():
        raise TakeError(f"take {take.number} of clip {found.name!r} has lost its sound {take.path}; generate it again")


def _sounds_otherwise(before: StemClip, after: StemClip) -> bool:
    """Whether files of the clip have to be written."""
    known = {take.content_hash for take in before.takes}
    return before.adjustment != after.adjustment or any(take.content_hash not in known for take in after.takes)


def _with_renders(found: StemClip, store: TakeStore) -> StemClip:
    """The clip whose takes all name their stored render, so that they can be written anew.

    Raises:
        TakeError: a render is neither where it was nor in the store.
    """
    takes = []
    for take in found.takes:
        if take.source is None or not take.source.path.is_file():
            stored = store.get(take.content_hash)
            if stored is None:
                raise TakeError(
                    f"the render of take {take.number} of clip {found.name!r} is not in {store.root} any more; "
                    "generate again to adjust it"
                )
            start = found.record_start - stored.handle_before
            take = replace(take, source=Render(path=stored.path, file_start=start, n_samples=stored.n_samples))
        takes.append(take)
    return replace(found, takes=tuple(takes))


def _apply(item: otio.schema.Clip, stem: Stem, *, before: Stem, target: Target, folder: Path) -> None:
    """Bring one of our clips into line with its changed stem."""
    delivery = Delivery(folder=stem.path.parent, cut_name=stem.cut_name, timing=stem.timing)
    if stem.layout is Layout.CLIPS:
        references = dict(item.media_references())
        if _sounds_otherwise(before.clips[0], stem.clips[0]):
            word = delivered_word(before, cut_name=stem.cut_name)
            stem = write_clip(stem, delivery=delivery, word=word)
            pattern = item.media_reference
            for take in stem.clips[0].takes:
                # Takes of a clip share one placement: their references differ in the file alone.
                reference = references.setdefault(take_key(take.number), pattern.deepcopy())
                reference.target_url = spell(take.path, target, folder=folder)
                reference.name = take.path.name
        clip = stem.clips[0]
        stem = replace(stem, path=clip.active_take.path)
        keys = {take_key(take.number) for take in clip.takes}
        references = {key: reference for key, reference in references.items() if key in keys}
        active = take_key(clip.active)
        if active not in references:
            raise TakeError(f"clip {item.name!r} has lost the media reference of take {clip.active}; generate it again")
        item.set_media_references(references, active)
        activate(item, active, target=target)
    elif _heard(stem) != _heard(before):
        stem = write_role(
            stem.clips, role=stem.role, sample_rate=stem.sample_rate, channels=stem.channels, delivery=delivery
        )
        for reference in item.media_references().values():
            reference.target_url = spell(stem.path, target, folder=folder)
            reference.name = stem.path.name
        item.name = stem.path.stem
    item.metadata[NAMESPACE] = with_paths(stem_metadata(stem), folder, target)


def _heard(stem: Stem) -> list[tuple[str, Adjustment]]:
    """What of its clips can be heard."""
    return [(clip.active_take.content_hash, clip.adjustment) for clip in stem.clips]
