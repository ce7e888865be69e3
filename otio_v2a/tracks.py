"""Puts stems on a timeline as our own audio tracks, reads them back, and takes them off again. The OTIO side only.

What is ours says so in its metadata (`otio_v2a.generated`); nothing else of a timeline is ever touched.
"""

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import opentimelineio as otio

from otio_v2a import loading, media
from otio_v2a.adjustments import Adjustment
from otio_v2a.atomic import atomic_file
from otio_v2a.dialects import is_generated
from otio_v2a.errors import CutError, MediaError, TakeError
from otio_v2a.provenance import generator, origin_of, prompt_hash, weights_licence
from otio_v2a.spans import ClipSpan, CutTiming
from otio_v2a.stem import Layout, Placement, Render, Stem, StemClip, StemTake
from otio_v2a_engine import wire
from otio_v2a_engine.bleed_note import Bleed
from otio_v2a_engine.contract import PromptSpec, Role
from otio_v2a_engine.lengths import nearest_rate

if TYPE_CHECKING:
    from otio_v2a.timeline import Cut

__all__ = [
    "NAMESPACE",
    "attach",
    "detach",
    "earlier_clips",
    "generated_clips",
    "load_own",
    "own_metadata",
    "read_stems",
    "save",
    "stem_clip",
    "stem_metadata",
    "take_key",
    "undo",
]

NAMESPACE = "otio_v2a"
_VERSION = 1
_RationalTime = otio.opentime.RationalTime
_TimeRange = otio.opentime.TimeRange


def take_key(number: int) -> str:
    """Key of a take among a clip's media references."""
    return f"take_{number:02d}"


def attach(timeline: otio.schema.Timeline, stems: Sequence[Stem], *, cut: "Cut") -> otio.schema.Timeline:
    """A copy of the timeline with the stems as audio tracks after its own, one per role.

    Our older tracks of the same roles are replaced; clips that these hold and the new stems do not are kept while
    the cut still has their clip in the same place. Clips that sound at once get a second track of the role. Paths
    are absolute; `targets.write` gives them the form that a host wants.
    """
    result = copy.deepcopy(timeline)
    roles = {stem.role for stem in stems}
    old = read_stems(result, base=cut.media_base or cut.path.parent) if stems else ()
    kept = _still_right(old, stems, cut.spans)
    _remove_tracks(result, roles=roles)
    rate = _own_rate(result, cut.timing.rate)
    everything = [*stems, *kept]
    for role in dict.fromkeys(stem.role for stem in stems):
        of_role = sorted((stem for stem in everything if stem.role == role), key=lambda stem: stem.placement.frame)
        for number, lane in enumerate(_lanes(of_role), start=1):
            result.tracks.append(_track(role, lane, rate=rate, number=number))
    return result


def detach(timeline: otio.schema.Timeline) -> otio.schema.Timeline:
    """A copy of the timeline without our tracks, as it was before `attach`; what a target changed is changed back."""
    result = copy.deepcopy(timeline)
    for track in [track for track in result.tracks if is_generated(track)]:
        changes = own_metadata(track)
        if "timeline_name" in changes:
            result.name = changes["timeline_name"]
        _restore_urls(result, changes.get("target_urls", {}))
    _remove_tracks(result, roles=None)
    return result


def undo(path: Path, *, out: Path | None = None) -> Path:
    """Take our tracks off a written timeline, in place or into `out`; sound files stay. Returns what was written.

    Raises:
        CutError: the file cannot be read or is not `.otio`.
    """
    timeline = load_own(path)
    target = out or path
    if target.suffix.lower() != ".otio":
        raise CutError(f"{target}: undo writes .otio files; choose another name with --out")
    return save(detach(timeline), target)


def load_own(path: Path) -> otio.schema.Timeline:
    """A timeline that this program wrote, as `.otio`.

    Raises:
        CutError: the file cannot be read, or is of another format.
    """
    if path.suffix.lower() != ".otio":
        raise CutError(f"{path}: takes live in .otio files only; open the timeline's .otio, or generate it again")
    return loading.load(path)[0]


def save(timeline: otio.schema.Timeline, path: Path) -> Path:
    """Write `.otio` in one atomic step, past OTIO's hooks. Returns the path.

    Raises:
        CutError: the disk refuses.
    """
    try:
        with atomic_file(path) as file:
            file.write(timeline.to_json_string(indent=4).encode())
    except OSError as error:
        raise CutError(f"{path} cannot be written: {error}") from error
    return path


def own_metadata(item: Any) -> dict[str, Any]:
    """Our entry in an OTIO object's metadata, as plain data; empty when it has none."""
    found = _plain(item.metadata.get(NAMESPACE, {}))
    return found if isinstance(found, dict) else {}


def _plain(value: Any) -> Any:
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    if hasattr(value, "items"):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, Iterable):
        return [_plain(entry) for entry in value]
    return value


def generated_clips(timeline: otio.schema.Timeline) -> Iterator[otio.schema.Clip]:
    """Every clip on our tracks, in order."""
    for track in timeline.tracks:
        if is_generated(track):
            for item in track:
                if isinstance(item, otio.schema.Clip) and own_metadata(item).get("generated"):
                    yield item


def read_stems(timeline: otio.schema.Timeline, *, base: Path) -> tuple[Stem, ...]:
    """The stems on a timeline's own tracks, as they were attached; relative paths start at `base`.

    Raises:
        TakeError: the metadata of one of our clips is damaged.
    """
    stems = []
    for clip in generated_clips(timeline):
        try:
            stems.append(_stem(own_metadata(clip), base=base))
        except (KeyError, TypeError, ValueError) as error:
            raise TakeError(
                f"clip {clip.name!r} lost what otio-v2a wrote about it ({error}); generate again"
            ) from error
    return tuple(stems)


def earlier_clips(timeline: otio.schema.Timeline, *, base: Path) -> dict[tuple[str, Role], StemClip]:
    """What our own tracks hold by clip id and role: choice, adjustment, stars; damaged ones count as none."""
    try:
        stems = read_stems(timeline, base=base)
    except TakeError:
        return {}
    return {(clip.clip_id, stem.role): clip for stem in stems for clip in stem.clips}


def _still_right(old: Sequence[Stem], new: Sequence[Stem], spans: Sequence[ClipSpan]) -> list[Stem]:
    """Old clip stems of the new stems' roles, of clips that have no new stem and have not moved."""
    here = {span.clip_id: span for span in spans}
    roles = {stem.role for stem in new if stem.layout is Layout.CLIPS}
    replaced = {(stem.role, stem.clip_id) for stem in new}
    kept = []
    for stem in old:
        span = here.get(stem.clip_id)
        if stem.layout is Layout.CLIPS and stem.role in roles and span and (stem.role, stem.clip_id) not in replaced:
            place = (span.first_sample(stem.sample_rate), span.n_samples(stem.sample_rate))
            if place == (stem.record_start, stem.n_samples):
                kept.append(stem)
    return kept


def _remove_tracks(timeline: otio.schema.Timeline, *, roles: set[Role] | None) -> None:
    """Remove our tracks, of these roles or all."""
    for index in reversed(range(len(timeline.tracks))):
        track = timeline.tracks[index]
        if is_generated(track) and (roles is None or own_metadata(track).get("role") in roles):
            del timeline.tracks[index]


def _restore_urls(timeline: otio.schema.Timeline, changed: Mapping[str, str]) -> None:
    for clip in timeline.find_clips():
        for reference in clip.media_references().values():
            for name in ("target_url", "target_url_base"):
                url = getattr(reference, name, None)
                if url is not None and url in changed:
                    setattr(reference, name, changed[url])


def _own_rate(timeline: otio.schema.Timeline, rate: Fraction) -> float:
    """The edit rate as the timeline itself spells it: hosts write 23.976, 23.976024 and 23.98 for one rate."""
    for time in _times(timeline):
        if time.rate > 0 and nearest_rate(time.rate) == rate:
            return float(time.rate)
    return float(rate)


def _times(timeline: otio.schema.Timeline) -> Iterator[otio.opentime.RationalTime]:
    if timeline.global_start_time is not None:
        yield timeline.global_start_time
    for track in timeline.tracks:
        for item in track:
            source_range = getattr(item, "source_range", None)
            if source_range is not None:
                yield source_range.duration


def _lanes(stems: Sequence[Stem]) -> list[list[Stem]]:
    """Stems in order of time, spread over as many lists as sound at once."""
    lanes: list[list[Stem]] = []
    for stem in stems:
        for lane in lanes:
            last = lane[-1].placement
            if last.frame + last.n_frames <= stem.placement.frame:
                lane.append(stem)
                break
        else:
            lanes.append([stem])
    return lanes


def _track(role: Role, stems: Sequence[Stem], *, rate: float, number: int) -> otio.schema.Track:
    name = str(role) if number == 1 else f"{role} {number}"
    track = otio.schema.Track(name=name, kind=otio.schema.TrackKind.Audio)
    track.metadata[NAMESPACE] = {
        "generated": True,
        "role": str(role),
        "version": _VERSION,
        "layout": str(stems[0].layout),
        **_provenance(stems),
    }
    at = 0
    for stem in stems:
        if stem.placement.frame > at:
            track.append(otio.schema.Gap(source_range=_range(0, stem.placement.frame - at, rate)))
        track.append(stem_clip(stem, rate=rate))
        at = stem.placement.frame + stem.placement.n_frames
    return track


def _range(start: int, duration: int, rate: float) -> otio.opentime.TimeRange:
    return _TimeRange(_RationalTime(start, rate), _RationalTime(duration, rate))


def stem_clip(stem: Stem, *, rate: float) -> otio.schema.Clip:
    """The clip of a stem: file times start at 0, paths are absolute, every take is a media reference."""
    placement = stem.placement
    available = _range(0, placement.file_frames, rate)
    if stem.layout is Layout.CLIPS:
        clip = stem.clips[0]
        files = {take_key(take.number): take.path for take in clip.takes}
        active, name = take_key(clip.active), clip.name
    else:
        active, name = otio.schema.Clip.DEFAULT_MEDIA_KEY, f"{stem.path.stem}"
        files = {active: stem.path}
    references = {}
    for key, path in files.items():
        reference = otio.schema.ExternalReference(target_url=str(path), available_range=available)
        reference.name = path.name
        references[key] = reference
    result = otio.schema.Clip(name=name, source_range=_range(placement.head_frames, placement.n_frames, rate))
    result.set_media_references(references, active)
    result.metadata[NAMESPACE] = stem_metadata(stem)
    return result


def stem_metadata(stem: Stem) -> dict[str, Any]:
    placement = stem.placement
    entry: dict[str, Any] = {
        "generated": True,
        "version": _VERSION,
        "role": str(stem.role),
        "layout": str(stem.layout),
        "path": str(stem.path),
        "sample_rate": stem.sample_rate,
        "channels": stem.channels,
        "gain_db": stem.gain_db,
        "cut_name": stem.cut_name,
        "timing": {
            "rate": str(stem.timing.rate),
            "global_start_s": str(stem.timing.global_start_s),
            "duration_s": str(stem.timing.duration_s),
            "drop_frame": stem.timing.drop_frame,
        },
        "frame": placement.frame,
        "n_frames": placement.n_frames,
        "head_frames": placement.head_frames,
        "tail_frames": placement.tail_frames,
        "file_start_samples": placement.file_start,
        "file_samples": placement.n_samples,
        "offset_samples": stem.record_start - placement.file_start,
        "length_samples": stem.n_samples,
        "time_reference": placement.time_reference,
        **_provenance([stem]),
    }
    if stem.layout is Layout.CLIPS:
        return {**entry, **_clip_metadata(stem.clips[0])}
    return {**entry, "clips": [_clip_metadata(clip) for clip in stem.clips]}


def _provenance(stems: Sequence[Stem]) -> dict[str, str]:
    origin = origin_of(take.engine for stem in stems for take in stem.takes)
    return {"generator": generator(), "digital_source_type": origin.source_type, "origin": origin.words}


def _clip_metadata(clip: StemClip) -> dict[str, Any]:
    return {
        "clip_id": clip.clip_id,
        "clip_name": clip.name,
        "clip_track": clip.track,
        "record_start_samples": clip.record_start,
        "span_samples": clip.span_samples,
        "active": clip.active,
        "adjustment": clip.adjustment.to_metadata(),
        "takes": [
            {
                "number": take.number,
                "path": str(take.path),
                "file_start_samples": take.file_start,
                "file_samples": take.n_samples,
                "content_hash": take.content_hash,
                "seed": take.seed,
                "prompt": take.prompt.text,
                "negative_prompt": take.prompt.negative_text,
                "transcript": take.prompt.transcript,
                "prompt_hash": prompt_hash(take),
                "engine": take.engine,
                "engine_version": take.engine_version,
                "weights_licence": weights_licence(take.engine, take.engine_version),
                "starred": take.starred,
                "made_from": take.made_from,
                **({} if take.fit is None and take.bleed is None else {"rolls": take.rolls}),
                **({} if take.fit is None else {"fit": round(take.fit, 3)}),
                **({} if take.bleed is None else {"bleed": wire.to_plain(take.bleed)}),
                **({"source": _render_metadata(take.source)} if take.source else {}),
            }
            for take in clip.takes
        ],
    }


def _render_metadata(render: Render) -> dict[str, Any]:
    return {
        "path": str(render.path),
        "file_start_samples": render.file_start,
        "file_samples": render.n_samples,
    }


def _render(entry: Mapping[str, Any], *, base: Path) -> Render:
    return Render(
        path=_path(entry["path"], base),
        file_start=int(entry["file_start_samples"]),
        n_samples=int(entry["file_samples"]),
    )


def _bleed(entry: Mapping[str, Any] | None) -> Bleed | None:
    if entry is None:
        return None
    sure = {name: entry.get(name) for name in ("speech", "music")}
    return Bleed(**{name: None if value is None else float(value) for name, value in sure.items()})


def _stem(entry: Mapping[str, Any], *, base: Path) -> Stem:
    layout, role = Layout(entry["layout"]), Role(entry["role"])
    clips = [entry] if layout is Layout.CLIPS else entry["clips"]
    timing = entry["timing"]
    return Stem(
        role=role,
        layout=layout,
        path=_path(entry["path"], base),
        placement=Placement(
            frame=int(entry["frame"]),
            n_frames=int(entry["n_frames"]),
            head_frames=int(entry["head_frames"]),
            tail_frames=int(entry["tail_frames"]),
            file_start=int(entry["file_start_samples"]),
            n_samples=int(entry["file_samples"]),
            time_reference=int(entry["time_reference"]),
        ),
        sample_rate=int(entry["sample_rate"]),
        channels=int(entry["channels"]),
        clips=tuple(_stem_clip(clip, role=role, base=base) for clip in clips),
        cut_name=str(entry["cut_name"]),
        timing=CutTiming(
            rate=Fraction(timing["rate"]),
            global_start_s=Fraction(timing["global_start_s"]),
            duration_s=Fraction(timing["duration_s"]),
            drop_frame=bool(timing["drop_frame"]),
        ),
        gain_db=float(entry["gain_db"]),
    )


def _stem_clip(entry: Mapping[str, Any], *, role: Role, base: Path) -> StemClip:
    return StemClip(
        clip_id=str(entry["clip_id"]),
        name=str(entry["clip_name"]),
        track=str(entry["clip_track"]),
        record_start=int(entry["record_start_samples"]),
        span_samples=int(entry["span_samples"]),
        active=int(entry["active"]),
        adjustment=Adjustment.from_metadata(entry.get("adjustment", {})),
        takes=tuple(
            StemTake(
                number=int(take["number"]),
                path=_path(take["path"], base),
                file_start=int(take["file_start_samples"]),
                n_samples=int(take["file_samples"]),
                content_hash=str(take["content_hash"]),
                seed=int(take["seed"]),
                prompt=PromptSpec(
                    text=str(take["prompt"]),
                    negative_text=str(take["negative_prompt"]),
                    role=role,
                    transcript=str(take["transcript"]),
                ),
                engine=str(take["engine"]),
                engine_version=str(take["engine_version"]),
                source=_render(take["source"], base=base) if take.get("source") else None,
                starred=bool(take.get("starred", False)),
                made_from=str(take.get("made_from", "")),
                rolls=int(take.get("rolls", 0)),
                fit=float(take["fit"]) if "fit" in take else None,
                bleed=_bleed(take.get("bleed")),
            )
            for take in entry["takes"]
        ),
    )


def _path(text: str, base: Path) -> Path:
    """A path as we wrote it, absolute; a file that is gone keeps its name."""
    try:
        return media.resolve(text, base=base)
    except MediaError:
        return base / text
