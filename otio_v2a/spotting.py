"""Owns `spot`: what an engine sees sound becomes markers on the clips of a copy of the cut. Renders nothing.

read -> find shots -> worker: the picture encoder's onsets -> markers -> a new timeline, written last
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio

from otio_v2a import runner, targets, timeline
from otio_v2a.assembly import clip_ids
from otio_v2a.errors import CutError, PlanError, RunError
from otio_v2a.event_markers import EVENT, EVENT_COLOUR, EVENT_NAME, SPOTTED, event_fields, is_spotted
from otio_v2a.leaves import Leaf
from otio_v2a.mapping import TimeMap, tidy
from otio_v2a.plan_options import own_settings
from otio_v2a.references import Clock, Locator
from otio_v2a.spans import ClipSpan
from otio_v2a.takes import TakeStore, default_root
from otio_v2a.targets import Target
from otio_v2a.timeline import Cut, ReadOptions
from otio_v2a.tracks import NAMESPACE
from otio_v2a.walk import Walker
from otio_v2a.worker_process import Stop, WorkerFailed
from otio_v2a.workers import Workers
from otio_v2a_engine.checkpoint_folders import version_for
from otio_v2a_engine.contract import VisualEvent, WeightsError
from otio_v2a_engine.registry import DEFAULT_ENGINE, specs
from otio_v2a_engine.specs import SURE

__all__ = ["ClipEvents", "SpotOptions", "Spotted", "default_out", "look", "spot", "with_markers"]


@dataclass(frozen=True)
class SpotOptions:
    """How a cut is spotted.

    Attributes:
        out: the timeline to write.
        read: how the cut is read.
        target: the host to write for.
        engine: who looks.
        device: where.
        at_least: confidence below which nothing is marked.
        clips: names, ids or globs of the clips that are meant; all when empty.
        again: also look at clips that were spotted before; their event markers of ours are replaced.
        options: settings of the engine's own, as in `Sampling.options`.
        run: workers.
    """

    out: Path
    read: ReadOptions = field(default_factory=ReadOptions)
    target: Target = Target.PORTABLE
    engine: str = DEFAULT_ENGINE
    device: str = "cpu"
    at_least: float = SURE
    clips: tuple[str, ...] = ()
    again: bool = False
    options: tuple[str, ...] = ()
    run: runner.RunOptions = field(default_factory=runner.RunOptions)


@dataclass(frozen=True)
class ClipEvents:
    """What is seen to sound in one clip, in record time relative to its start."""

    span: ClipSpan
    events: tuple[VisualEvent, ...]


@dataclass(frozen=True)
class Spotted:
    """What a search found.

    Attributes:
        clips: those that were looked at.
        out: the timeline that was written.
        notes: clips that were left alone, and why.
    """

    clips: tuple[ClipEvents, ...]
    out: Path
    notes: tuple[str, ...] = ()


def default_out(cut: Path, *, target: Target = Target.PORTABLE) -> Path:
    """Where the marked timeline goes when nobody says: `<cut>_spotted.otio` beside it."""
    return cut.parent / f"{cut.stem.removesuffix('_spotted')}_spotted{targets.suffix(target)}"


def spot(
    cut_path: Path,
    options: SpotOptions,
    *,
    on_clip: Callable[[ClipEvents], None] = lambda found: None,
) -> Spotted:
    """Mark what is seen to sound on a copy of a cut's timeline.

    Raises:
        CutError: the cut cannot be read, or would be overwritten.
        PlanError: there is no such engine, it finds no events, or an option is not its own or names no weights.
        RunError: the worker failed as a whole.
        TargetError: the timeline cannot be written.
    """
    version = _check(options)
    cut = timeline.read(cut_path, options=options.read)
    if options.out.resolve() == cut.path.resolve() and options.out.suffix != ".otio":
        raise CutError(f"{options.out} is the cut itself; choose another file with --out")
    notes = [*cut.notes, *(f"{skip.clip} on {skip.track} is skipped: {skip.reason}" for skip in cut.skipped)]
    spans = []
    for span in cut.spans:
        if options.clips and not any(_matches(key, span) for key in options.clips):
            continue
        if is_spotted(span) and not options.again:
            notes.append(f"{span.name} on {span.track} was spotted before and is left alone; --again looks anew")
        elif not span.speed:
            notes.append(f"{span.name} on {span.track} is a freeze frame: nothing moves in it")
        else:
            spans.append(span)
    if options.clips and not spans and not any("spotted before" in note for note in notes):
        raise CutError(f"no clip fits {', '.join(options.clips)}; there are {', '.join(s.name for s in cut.spans)}")
    found = look(spans, options, notes=notes, on_clip=on_clip)
    marked = with_markers(cut, found, engine=options.engine, version=version)
    base = cut.media_base or cut.path.parent
    out = targets.write(marked, options.out, options.target, base=base)
    return Spotted(clips=tuple(found), out=out, notes=tuple(dict.fromkeys(notes)))


def with_markers(cut: Cut, found: Sequence[ClipEvents], *, engine: str, version: str) -> otio.schema.Timeline:
    """A copy of the cut's timeline with event markers on the clips that were looked at; the cut stays as it is.

    Our own event markers from before go from these clips, all other markers stay. The clips remember who looked:
    engine and version, with the id of weights that a user brought.
    """
    result = copy.deepcopy(cut.timeline)
    clock = Clock(cut.timing.rate)
    locator = Locator(clock, base=cut.media_base or cut.path.parent)
    walker = Walker(clock, rule=cut.dialect.retimes, media_range=locator.media_range)
    walker.walk(result)
    leaves = dict(zip(clip_ids(walker.leaves), walker.leaves, strict=True))
    cleared: set[str] = set()
    for clip in found:
        clip_id = clip.span.clip_id
        # A clip that is seen in several parts has a span for each.
        clip_id = clip_id if clip_id in leaves else clip_id.rpartition("-")[0]
        leaf = leaves.get(clip_id)
        if leaf is None:
            continue
        if clip_id not in cleared:
            cleared.add(clip_id)
            _clear(leaf.clip)
            own = dict(leaf.clip.metadata.get(NAMESPACE, {}))
            leaf.clip.metadata[NAMESPACE] = {**own, SPOTTED: {"engine": f"{engine} {version}"}}
        for event in clip.events:
            leaf.clip.markers.append(_marker(event, clip.span, leaf))
    return result


def look(
    spans: Sequence[ClipSpan],
    options: SpotOptions,
    *,
    notes: list[str],
    on_clip: Callable[[ClipEvents], None] = lambda found: None,
) -> list[ClipEvents]:
    """The events of every clip, by the engine; a clip whose picture cannot be read is left out, and noted."""
    if not spans:
        return []
    store = TakeStore(default_root(options.out))
    shots = runner.find_shots(spans, store=store, options=options.run)
    if shots.cancelled:
        raise KeyboardInterrupt
    notes += shots.warnings
    found: list[ClipEvents] = []
    stop = Stop()
    with Workers() as workers:
        worker = workers.take(log_path=store.log_dir / "worker-1.log", settings=options.run.settings)
        try:
            for span in spans:
                cuts_s = tuple(shot.start_s for shot in shots(span) if 0 < shot.start_s < span.duration_s)
                try:
                    events = worker.find_events(
                        span.picture(cuts_s=cuts_s),
                        span.duration_s,
                        engine=options.engine,
                        device=options.device,
                        at_least=options.at_least,
                        options=options.options,
                        on_progress=lambda _: None,
                        stop=stop,
                    )
                except RunError as error:
                    if options.options and isinstance(error, WorkerFailed) and error.kind == WeightsError.__name__:
                        raise PlanError(str(error)) from error  # of no other clip could they tell more
                    notes.append(f"{span.name} on {span.track}: no events are looked for: {error}")
                    continue
                found.append(ClipEvents(span, events))
                on_clip(found[-1])
        finally:
            worker.close()
    return found


def _marker(event: VisualEvent, span: ClipSpan, leaf: Leaf) -> otio.schema.Marker:
    """A marker one record frame long on the frame that shows the event, in the clip's own time."""
    rate = span.rate
    begin = round(span.record_start_s * rate)
    frame = begin + int(event.time_s * rate)
    start, end = _inner(leaf.map, frame), _inner(leaf.map, frame + 1)
    # Hosts keep markers on whole frames: where the clip is retimed, the frame nearest to the event.
    first, length = round(min(start, end)), max(1, round(abs(end - start)))
    near = _record(leaf.map, first if leaf.map.speed > 0 else first + length)
    marker_start_s = max(Fraction(near - begin) / rate, Fraction(0))
    fields = event_fields(event, marker_start_s=marker_start_s, span=span)
    marker = otio.schema.Marker(
        name=EVENT_NAME,
        marked_range=otio.opentime.TimeRange(
            otio.opentime.RationalTime(first, float(rate)), otio.opentime.RationalTime(length, float(rate))
        ),
        color=EVENT_COLOUR,
        metadata={NAMESPACE: {EVENT: fields}},
    )
    marker.comment = f"seen, confidence {event.strength:.2f}"
    return marker


def _inner(inner: TimeMap, record: int) -> Fraction:
    return Fraction(inner.at(record))


def _record(inner: TimeMap, value: int) -> Fraction:
    return Fraction(tidy(Fraction(value - inner.offset) / inner.speed))


def _clear(clip: otio.schema.Clip) -> None:
    """Take our own event markers off a clip."""
    for index in reversed(range(len(clip.markers))):
        own = clip.markers[index].metadata.get(NAMESPACE)
        if own is not None and EVENT in own:
            del clip.markers[index]


def _matches(key: str, span: ClipSpan) -> bool:
    from fnmatch import fnmatchcase

    return key in (span.clip_id, span.name) or fnmatchcase(span.name, key)


def _check(options: SpotOptions) -> str:
    """The version that looks. Raises PlanError."""
    known = specs()
    if options.engine not in known:
        raise PlanError(f"there is no engine {options.engine!r}; installed: {', '.join(known)}")
    if not known[options.engine].info.takes_events:
        able = [name for name, spec in known.items() if spec.info.takes_events]
        raise PlanError(f"engine {options.engine} follows no events; {' or '.join(able) or 'no installed engine'} does")
    if not 0 < options.at_least < 1:
        raise PlanError(f"a confidence lies between 0 and 1, not {options.at_least:g}")
    info = known[options.engine].info
    return version_for(info, own_settings(info, options.options))
