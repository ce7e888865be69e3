"""Writes the sound files of stems: takes in, broadcast wave files out. Knows samples and names, no OTIO.

Every delivered sample passes through `_write_sound`, where the watermark is laid; no option turns it off.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from otio_v2a.bwf import write_bwf
from otio_v2a.conform import adjusted_part, overlaps, parts_of
from otio_v2a.errors import StemError
from otio_v2a.mixing import Part, measure_peak, mix, read_blocks
from otio_v2a.naming import clean, free_or_same
from otio_v2a.provenance import generator, origin_of, prompt_hash, weights_licence
from otio_v2a.riff import BroadcastInfo
from otio_v2a.spans import CutTiming
from otio_v2a.stem import Layout, Placement, Stem, StemClip, StemTake, place_whole
from otio_v2a.watermark.grid import SAMPLE_RATE as MARKED_RATE
from otio_v2a.watermark.keys import ProjectKey, key_file, load_or_create_key
from otio_v2a.watermark.payload import generation_id_of
from otio_v2a_engine.contract import Role

__all__ = [
    "Delivery",
    "delivered_word",
    "write_clip",
    "write_role",
]

_FORMAT = "4"
"""Part of every file's reference: changes whenever the same takes would be written as other bytes."""


@dataclass(frozen=True)
class Delivery:
    """Where and for which cut files are written.

    Attributes:
        folder: where they go.
        cut_name: name of the cut.
        timing: its clock.
    """

    folder: Path
    cut_name: str
    timing: CutTiming


def delivered_word(stem: Stem, *, cut_name: str) -> str:
    """The word that stands for a clip in the names of its files, from a stem that was written before."""
    cut = clean(cut_name, fallback="cut")
    name = re.sub(rf"_{stem.role}_t\d+(_v\d+)?$", "", stem.clips[0].active_take.path.stem)
    return name.removeprefix(f"{cut}_") if name.startswith(f"{cut}_") else clean(stem.clip_name, fallback="clip")


def write_clip(stem: Stem, *, delivery: Delivery, word: str) -> Stem:
    """Write every take of one clip, the active one last; the result's takes are the written files.

    Files that are there already with the very same sound are kept.

    Raises:
        StemError: a take cannot be read or a file not be written.
    """
    clip = stem.clips[0]
    written: dict[int, StemTake] = {}
    for take in sorted(clip.takes, key=lambda take: take.number == clip.active):
        name = f"{clean(delivery.cut_name, fallback='cut')}_{word}_{stem.role}_t{take.number:02d}"
        sound, level = _sound_of(clip, take, stem=stem)
        path = _deliver(
            sound,
            stem=stem,
            delivery=delivery,
            name=name,
            content=[take.content_hash, str(clip.record_start), *_words(clip)],
            title=f"{stem.role} take {take.number} of {clip.name}",
            scene=clip.name,
            take=f"{take.number:02d}",
            fields={
                "ENGINE": take.engine,
                "ENGINE_VERSION": take.engine_version,
                "SEED": str(take.seed),
                **({"REROLLS": str(take.rolls)} if take.rolls else {}),
                "PROMPT_HASH": prompt_hash(take),
                "CONTENT_HASH": take.content_hash,
                "WEIGHTS_LICENCE": weights_licence(take.engine, take.engine_version),
                "CLIP_ID": clip.clip_id,
                "HANDLE_SAMPLES": str(clip.record_start - stem.placement.file_start),
                "SPAN_SAMPLES": str(clip.span_samples),
                "GAIN_DB": f"{20 * np.log10(level):.3f}",
            },
        )
        written[take.number] = replace(
            take,
            path=path,
            file_start=stem.placement.file_start,
            n_samples=stem.placement.n_samples,
            source=take.render,
        )
    takes = tuple(written[take.number] for take in clip.takes)
    return replace(stem, path=written[clip.active].path, clips=(replace(clip, takes=takes),))


def _sound_of(clip: StemClip, take: StemTake, *, stem: Stem) -> tuple[Iterator[npt.NDArray[np.float32]], float]:
    """A take's sound over the stem's placement, adjusted, and the factor that its gain came to."""
    start = stem.placement.file_start
    stop = start + stem.placement.n_samples
    if clip.adjustment.is_neutral:
        render = take.render
        first = start - render.file_start
        return read_blocks(render.path, first, first + stem.placement.n_samples, channels=stem.channels), 1.0
    part = adjusted_part(clip, take, sample_rate=stem.sample_rate, start=start, stop=stop)
    return mix([part], start=start, stop=stop, channels=stem.channels), part.level


def _words(clip: StemClip) -> list[str]:
    """What a clip's adjustment adds to the name of a sound; nothing when it changes nothing."""
    return [] if clip.adjustment.is_neutral else [json.dumps(clip.adjustment.to_metadata(), sort_keys=True)]


def write_role(clips: Sequence[StemClip], *, role: Role, sample_rate: int, channels: int, delivery: Delivery) -> Stem:
    """Write one full-length file from the active takes of a role, streaming.

    Raises:
        StemError: a take cannot be read or the file not be written.
    """
    placement = place_whole(delivery.timing, sample_rate=sample_rate)
    keep = (0, placement.n_samples)
    parts = parts_of(clips, role=role, sample_rate=sample_rate, keep=keep)
    # Only clips that sound at once can add up beyond full scale: fades are held within it.
    peak = measure_peak(_mixed(parts, placement, channels)) if overlaps(clips) else 0.0
    gain = 1 / peak if peak > 1 else 1.0
    gain_db = float(20 * np.log10(gain))
    stem = Stem(
        role=role,
        layout=Layout.ROLES,
        path=delivery.folder,
        placement=placement,
        sample_rate=sample_rate,
        channels=channels,
        clips=tuple(clips),
        cut_name=delivery.cut_name,
        timing=delivery.timing,
        gain_db=gain_db,
    )
    active = [clip.active_take for clip in clips]
    path = _deliver(
        (block * np.float32(gain) if gain != 1 else block for block in _mixed(parts, placement, channels)),
        stem=stem,
        delivery=delivery,
        name=f"{clean(delivery.cut_name, fallback='cut')}_{role}",
        content=["".join([f"{clip.active_take.content_hash}@{clip.record_start}", *_words(clip)]) for clip in clips],
        title=f"{role} stem of {delivery.cut_name}",
        scene="",
        take="",
        fields={
            "ENGINE": ", ".join(sorted({f"{take.engine} {take.engine_version}" for take in active})),
            "WEIGHTS_LICENCE": ", ".join(
                sorted({weights_licence(take.engine, take.engine_version) for take in active})
            ),
            "CLIPS": str(len(clips)),
            "GAIN_DB": f"{gain_db:.3f}",
        },
    )
    return replace(stem, path=path)


def _mixed(parts: Sequence[Part], placement: Placement, channels: int) -> Iterator[npt.NDArray[np.float32]]:
    start = placement.file_start
    return mix(parts, start=start, stop=start + placement.n_samples, channels=channels)


def _deliver(
    blocks: Iterable[npt.NDArray[np.float32]],
    *,
    stem: Stem,
    delivery: Delivery,
    name: str,
    content: Sequence[str],
    title: str,
    scene: str,
    take: str,
    fields: Mapping[str, str],
) -> Path:
    """Write a sound under a free name, unless the very same sound lies there; returns its path."""
    timing, placement = delivery.timing, stem.placement
    key = load_or_create_key(key_file())
    identity = [_FORMAT, key.key_id, stem.role, stem.layout, placement, stem.sample_rate, stem.channels, timing.rate]
    reference = hashlib.sha256(repr([*map(str, identity), timing.drop_frame, *content]).encode()).hexdigest()[:32]
    path, is_there = free_or_same(
        delivery.folder,
        name,
        reference=reference,
        size=placement.n_samples * stem.channels * 3,
        numbered=stem.layout is Layout.ROLES,
    )
    if is_there:
        return path
    layout = "mono" if stem.channels == 1 else "stereo"
    origin = origin_of(take.engine for take in stem.takes)
    info = BroadcastInfo(
        time_reference=placement.time_reference,
        frame_rate=timing.rate,
        drop_frame=timing.drop_frame,
        description=f"AI-generated sound ({origin.words}): {title}",
        reference=reference,
        project=delivery.cut_name,
        scene=scene,
        take=take,
        track_names=(str(stem.role),) if stem.channels == 1 else (f"{stem.role} L", f"{stem.role} R"),
        coding_history=f"A=PCM,F={stem.sample_rate},W=24,M={layout},T={generator()}; {fields['ENGINE']}",
        fields={
            "GENERATOR": generator(),
            "DIGITAL_SOURCE_TYPE": origin.source_type,
            "ORIGIN": origin.words,
            "ROLE": str(stem.role),
            "WATERMARK_KEY_ID": key.key_id,
            "WATERMARK_GENERATION_ID": f"{generation_id_of(key, reference):012x}",
            **fields,
        },
    )
    _write_sound(path, marked(blocks, stem=stem, key=key, reference=reference), stem=stem, info=info)
    return path


def marked(
    blocks: Iterable[npt.NDArray[np.float32]], *, stem: Stem, key: ProjectKey, reference: str
) -> Iterable[npt.NDArray[np.float32]]:
    """The same sound with the inaudible mark of this key and file; rates that the mark is not made for stay bare."""
    from otio_v2a.watermark.embed import Watermarker

    if stem.sample_rate != MARKED_RATE:
        return blocks
    return Watermarker(key, generation_id_of(key, reference), channels=stem.channels).process(blocks)


def _write_sound(path: Path, blocks: Iterable[npt.NDArray[np.float32]], *, stem: Stem, info: BroadcastInfo) -> None:
    """The one place where delivered samples are written."""
    written = write_bwf(
        path,
        blocks,
        sample_rate=stem.sample_rate,
        channels=stem.channels,
        info=info,
        dither_seed=int(info.reference[:8], 16),
    )
    if written.n_samples != stem.placement.n_samples:
        raise StemError(f"{path} has {written.n_samples} samples instead of {stem.placement.n_samples}")
