"""Lists, chooses and drops takes on a timeline that this program wrote, without rendering. Every change is atomic.

Clip by clip, another media reference becomes the active one. With one stem per role, the stem is written anew from
the stored takes, under a new version, before the timeline is replaced; the old version stays for older timelines.
"""

import fnmatch
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import opentimelineio as otio

from otio_v2a.errors import TakeError
from otio_v2a.stem import Layout, Stem, StemClip
from otio_v2a.stem_files import Delivery, write_role
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
from otio_v2a_engine.contract import Role

__all__ = ["TakeEntry", "choose", "drop", "list_takes"]


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


def list_takes(path: Path, *, clip: str | None = None, role: Role | None = None) -> tuple[TakeEntry, ...]:
    """Every take on a written timeline, in its order, of clips with this name or id (or glob) and role.

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
    return _change(path, number, clip=clip, role=role, how=lambda found: replace(found, active=number))


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

    return _change(path, number, clip=clip, role=role, how=without)


def _change(
    path: Path, number: int, *, clip: str | None, role: Role | None, how: Callable[[StemClip], StemClip]
) -> tuple[str, ...]:
    path = Path(path).absolute()
    timeline = load_own(path)
    stems = read_stems(timeline, base=path.parent)
    target = target_of(timeline)
    changed: list[str] = []
    for item, stem in zip(list(generated_clips(timeline)), stems, strict=True):
        clips = []
        for found in stem.clips:
            has_take = number in [take.number for take in found.takes]
            if has_take and _fits(found, stem.role, clip=clip, role=role):
                changed.append(f"{found.name} ({stem.role})")
                found = how(found)
                _check_sound(found)
            clips.append(found)
        if tuple(clips) != stem.clips:
            _apply(item, replace(stem, clips=tuple(clips)), target=target, folder=path.parent)
    if not changed:
        if any(_fits(found, stem.role, clip=clip, role=role) for stem in stems for found in stem.clips):
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


def _apply(item: otio.schema.Clip, stem: Stem, *, target: Target, folder: Path) -> None:
    """Bring one of our clips into line with its changed stem."""
    if stem.layout is Layout.CLIPS:
        clip = stem.clips[0]
        stem = replace(stem, path=clip.active_take.path)
        keys = {take_key(take.number) for take in clip.takes}
        references = {key: reference for key, reference in item.media_references().items() if key in keys}
        active = take_key(clip.active)
        if active not in references:
            raise TakeError(f"clip {item.name!r} has lost the media reference of take {clip.active}; generate it again")
        item.set_media_references(references, active)
        activate(item, active, target=target)
    else:
        delivery = Delivery(folder=stem.path.parent, cut_name=stem.cut_name, timing=stem.timing)
        stem = write_role(
            stem.clips, role=stem.role, sample_rate=stem.sample_rate, channels=stem.channels, delivery=delivery
        )
        for reference in item.media_references().values():
            reference.target_url = spell(stem.path, target, folder=folder)
            reference.name = stem.path.name
        item.name = stem.path.stem
    item.metadata[NAMESPACE] = with_paths(stem_metadata(stem), folder, target)
