"""Owns the plan: asks become generation jobs with a content hash. Starts nothing and renders nothing.

The hash covers everything that shapes the sound and nothing else: moving a clip along the timeline or renaming
it keeps its takes; touching the media, the prompt, the seed or the engine does not.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import count, repeat
from math import lcm, nan
from typing import TYPE_CHECKING

import numpy as np

from otio_v2a.bulk import without_collections
from otio_v2a.errors import MediaError, PlanError
from otio_v2a.event_markers import span_events
from otio_v2a.hashing import content_hash, digest, picture_text, sound_text, spelled
from otio_v2a.lazily import Grouped, Later
from otio_v2a.media_identity import MediaIdentity, identify
from otio_v2a.plan_options import DEFAULT_HANDLES_S, PlanOptions
from otio_v2a.prompts import Ask, Asks, take_seed
from otio_v2a.spans import ClipSpan, MediaFile, Outlines, Shot, Skipped, Spans
from otio_v2a.takes import TakeStore
from otio_v2a_engine.checkpoint_folders import identified_options, version_for
from otio_v2a_engine.contract import (
    LONGEST_SPAN_S,
    EngineError,
    EngineInfo,
    Picture,
    PromptSpec,
    RenderRequest,
    Role,
    Sampling,
    UnsupportedRequest,
    WeightsError,
)
from otio_v2a_engine.lengths import position, tick_position
from otio_v2a_engine.registry import specs

if TYPE_CHECKING:
    from otio_v2a.timeline import Cut

__all__ = ["DEFAULT_HANDLES_S", "GenerationJob", "Plan", "PlanOptions", "ShotFinder", "content_hash", "plan"]

_NEAR_S = 1e-3
"""Closer than this to a limit, exact time decides instead of floats."""

ShotFinder = Callable[[ClipSpan], tuple[Shot, ...]]
"""Finds the shots of a span; none or one shot means that the picture does not cut."""


@dataclass(frozen=True)
class GenerationJob:
    """One take of one stem of one clip, ready to render. Lengths and positions are samples.

    Attributes:
        clip_id: the clip.
        clip_name: its name, for messages.
        track: its track, for messages.
        take: 1-based take number.
        request: covers the handle before, the span and the handle after.
        handle_before: samples before the clip's first.
        handle_after: samples after the clip's last.
        engine: who renders it.
        engine_version: in which version.
        device: where.
        record_start: record position of the clip's first sample.
        span_samples: length of the clip.
        content_hash: the name of the finished take.
        ask: what it was made from.
        estimated_s: expected seconds of work on two CPU cores.
        rerolls: how often it may be rendered again when it is a misfit (`rerolling.with_rerolls`).
    """

    clip_id: str
    clip_name: str
    track: str
    take: int
    request: RenderRequest
    handle_before: int
    handle_after: int
    engine: str
    engine_version: str
    device: str
    record_start: int
    span_samples: int
    content_hash: str
    ask: Ask
    estimated_s: float = 0.0
    rerolls: int = 0

    @property
    def role(self) -> Role:
        """The stem."""
        return self.request.prompt.role

    @property
    def title(self) -> str:
        """The job in words: clip, stem and, where there are several, the take."""
        take = f" take {self.take}" if self.ask.takes > 1 else ""
        return f"{self.clip_name} {self.role}{take}"


@dataclass(frozen=True)
class Plan:
    """What a run will do.

    Attributes:
        jobs: in the order of the timeline, then role, then take. Those that `plan` gives are made, and hashed, when
            somebody looks at them; what cannot be rendered is found before.
        skipped: clips and stems that will not be made, and why.
        estimated_s: expected seconds of work on two CPU cores, when nothing is reused.
        notes: what the user should know before it runs.
    """

    jobs: Sequence[GenerationJob]
    skipped: Sequence[Skipped] = ()
    estimated_s: float = 0.0
    notes: tuple[str, ...] = ()

    def missing(self, store: TakeStore) -> tuple[GenerationJob, ...]:
        """The jobs that the store has no take of: what a run would really render."""
        return tuple(job for job in self.jobs if store.get(job.content_hash) is None)


@without_collections()
def plan(
    cut: "Cut",
    asks: Sequence[Ask],
    *,
    options: PlanOptions | None = None,
    shots: ShotFinder | None = None,
) -> Plan:
    """Turn asks into jobs, without rendering anything.

    Raises:
        PlanError: an engine does not exist, or cannot render on that device, rate or channel count.
    """
    asks = Asks.of(asks)
    planner = _Planner(options or PlanOptions(), roles=asks.roles)
    skipped: list[Skipped] = []
    held: list[str] = []
    found: dict[str, tuple[Shot, ...]] = {}
    units: list[tuple[int, _Work, MediaIdentity]] = []
    estimated_s = 0.0
    spans, outlines = asks.spans, asks.outlines
    look = spans.sketch if isinstance(spans, Spans) else spans.__getitem__
    media = outlines.media if outlines is not None else (span.media for span in spans)
    far = planner.far_lengths(outlines) if outlines is not None else repeat(None)
    kind: tuple[Ask, ...] | None = None
    for number, like, file, far_s in zip(count(), asks.kinds(), media, far, strict=False):
        if like is not kind:
            kind, work = like, planner.work(like)
        identity = planner.identity(file) if work.n_jobs else None
        if work.is_refused:
            span = look(number)
            reasons = filter(None, work.refusals)
            skipped += [Skipped(clip=span.name, track=span.track, reason=reason) for reason in reasons]
        if not isinstance(identity, MediaIdentity):
            if identity is not None:
                span = look(number)
                skipped.append(Skipped(clip=span.name, track=span.track, reason=str(identity)))
            continue
        if shots is not None and spans[number].clip_id not in found:
            found[spans[number].clip_id] = shots(spans[number])
        if far_s is None:
            measured = planner.measure_outline(outlines, number) if outlines is not None else None
            far_s, is_held = measured or planner.measure(look(number))
            if is_held:
                held.append(look(number).name)
        estimated_s += far_s * work.cost
        units.append((number, work, identity))

    def make(unit: int) -> tuple[GenerationJob, ...]:
        number, work, identity = units[unit]
        made = asks.group(number)
        return planner.jobs(made, work=work, identity=identity, shots=found.get(made[0].span.clip_id, ()))

    return Plan(
        jobs=Grouped([work.n_jobs for _, work, _ in units], make),
        skipped=Later(lambda: tuple(dict.fromkeys([*cut.skipped, *skipped]))),
        estimated_s=estimated_s,
        notes=_notes(tuple(dict.fromkeys(held))),
    )


def _engines(options: PlanOptions, *, roles: set[Role]) -> dict[Role, EngineInfo]:
    """Each role's engine, checked against the options that hold for all clips."""
    try:
        known = {name: spec.info for name, spec in specs().items()}
    except EngineError as error:
        raise PlanError(str(error)) from error
    for name in (options.engine, *options.role_engines.values()):
        if name not in known:
            raise PlanError(f"there is no engine {name!r}; installed: {', '.join(known)}")
    infos = {role: known[options.engine_of(role)] for role in roles}
    for info in infos.values():
        if options.device not in info.devices:
            raise PlanError(f"engine {info.name} runs on {', '.join(info.devices)}, not {options.device}")
        if options.sample_rate not in info.sample_rates:
            rates = ", ".join(str(rate) for rate in info.sample_rates)
            raise PlanError(f"engine {info.name} renders at {rates} Hz, not {options.sample_rate}")
        if options.channels not in info.channels:
            counts = " or ".join(str(count) for count in sorted(info.channels))
            raise PlanError(f"engine {info.name} renders {counts} channels, not {options.channels}")
    try:
        _check_settings(options.sampling.options, [known[options.engine], *infos.values()])
        for role, info in infos.items():
            identified_options(_sampling(options, role, info), info)
    except (WeightsError, UnsupportedRequest) as error:
        raise PlanError(str(error)) from error
    return infos


def _check_settings(settings: Sequence[str], engines: Sequence[EngineInfo]) -> None:
    """Raise UnsupportedRequest for a setting that none of the engines has."""
    for setting in settings:
        if not any(info.declares(setting) for info in engines):
            engines[0].check_options((setting,))


def _sampling(options: PlanOptions, role: Role, info: EngineInfo) -> Sampling:
    """A role's sampler settings: of several engines each takes its own settings."""
    sampling = options.sampling_of(role)
    own = tuple(setting for setting in sampling.options if info.declares(setting))
    return sampling if own == sampling.options else replace(sampling, options=own)


def _unsupported(ask: Ask, *, info: EngineInfo) -> str | None:
    """Why the engine cannot make this stem, naming those that can; None when it can."""
    role = ask.prompt.role
    if role in info.roles:
        return None
    others = [name for name, spec in specs().items() if role in spec.info.roles]
    instead = f"choose {' or '.join(others)} for it" if others else "no installed engine does"
    return f"engine {info.name} does not make {role}; {instead}"


@dataclass(frozen=True)
class _Work:
    """What the asks of a kind come to, whatever the clip.

    Attributes:
        refusals: per ask why its engine cannot make it, None when it can.
        n_jobs: takes of all asks that are not refused.
        cost: seconds of work for a second of sound, over all these jobs.
        is_refused: whether any ask is.
    """

    refusals: tuple[str | None, ...]
    n_jobs: int
    cost: float
    is_refused: bool


@dataclass(frozen=True)
class _Extent:
    """A span with its handles, in samples."""

    before_s: Fraction
    after_s: Fraction
    start: int
    before: int
    length: int
    after: int


class _Planner:
    """Measures spans and makes their jobs under one set of options."""

    def __init__(self, options: PlanOptions, *, roles: set[Role]) -> None:
        """Raises PlanError when an engine does not exist or does not fit the options."""
        self._options = options
        self._infos = _engines(options, roles=roles)
        self._samplings = {role: _sampling(options, role, info) for role, info in self._infos.items()}
        self._versions = {role: version_for(info, self._samplings[role]) for role, info in self._infos.items()}
        self._identities: dict[MediaFile | str, MediaIdentity | MediaError] = {}
        # By object, for what thousands of clips share: hashing the fields costs more than all else here.
        self._works: dict[int, tuple[tuple[Ask, ...], _Work]] = {}
        self._media: dict[int, tuple[MediaFile, MediaIdentity | MediaError]] = {}
        self._sounds: dict[int, tuple[PromptSpec, str]] = {}
        self._rate = Fraction(0)
        self._handle_frames = 0
        self._handle_s = Fraction(0)
        self._handle = 0.0
        self._short_s = 2 / options.sample_rate

    def work(self, like: tuple[Ask, ...]) -> _Work:
        """What asks of this kind come to."""
        known = self._works.get(id(like))
        if known is None:
            refusals = tuple(_unsupported(ask, info=self._infos[ask.prompt.role]) for ask in like)
            able = [ask for ask, refusal in zip(like, refusals, strict=True) if refusal is None]
            cost = sum(ask.takes * self._cost(ask.prompt.role) for ask in able)
            work = _Work(refusals, sum(ask.takes for ask in able), cost, is_refused=len(able) < len(like))
            known = self._works[id(like)] = like, work
        return known[1]

    def identity(self, media: MediaFile) -> MediaIdentity | MediaError:
        """The identity of a media file; each is looked at once."""
        known = self._media.get(id(media))
        if known is None:
            key = media if media.is_sequence else media.path
            identity = self._identities.get(key)
            if identity is None:
                identity = self._identities[key] = identify(media)
            known = self._media[id(media)] = media, identity
        return known[1]

    def far_lengths(self, outlines: Outlines) -> list[float | None]:
        """`measure` of all spans at once, None for those that are not far from every limit."""
        handle = self._handle_of(outlines.rate)
        # As floats from whole numbers below 2**53: what `measure` divides, to the last bit.
        times, by = outlines.rate.denominator, outlines.rate.numerator
        begin, length, source = (
            np.array(frames, dtype=np.float64) * times / by
            for frames in (outlines.begins, outlines.lengths, outlines.sources)
        )
        keys = list(map(id, outlines.media))
        files = dict(zip(keys, outlines.media, strict=True))
        ends = {key: nan if file.duration_s is None else _float(file.duration_s) for key, file in files.items()}
        end = np.array([ends[key] for key in keys])
        before = np.minimum(begin, handle)
        is_far = (source - before > _NEAR_S) & (source + (length + handle) < end - _NEAR_S)
        is_far &= (self._short_s < length) & (length < LONGEST_SPAN_S / 2)
        lengths: list[float | None] = (before + length + handle).tolist()
        for number in np.flatnonzero(~is_far).tolist():
            lengths[number] = None
        return lengths

    def measure_outline(self, outlines: Outlines, number: int) -> tuple[float, bool] | None:
        """`measure` of one span, in whole frames; None when only the span tells, or it is near the shortest or longest
        that can be rendered."""
        rate, begin, source = outlines.rate, outlines.begins[number], outlines.sources[number]
        length, end = outlines.lengths[number], outlines.media[number].duration_s
        times, by = rate.denominator, rate.numerator
        if source < 0 or not self._short_s < length * times / by < LONGEST_SPAN_S / 2:
            return None
        self._handle_of(rate)
        handle = self._handle_frames
        before = min(begin, handle)
        last = source + length + handle
        is_held = end is not None and (before > source or last * times * end.denominator > end.numerator * by)
        return (before + length + handle) * times / by, is_held

    def measure(self, span: ClipSpan) -> tuple[float, bool]:
        """About how many seconds of sound a span is with its handles, and whether its media ends within them.

        Raises:
            PlanError: the span is too short or too long to be rendered.
        """
        # Floats tell for nearly every clip that it is far from all limits; near them, exact time decides.
        end = span.media.duration_s
        if end is not None and not (span.dissolve_before_s.numerator or span.dissolve_after_s.numerator):
            handle = self._handle_of(span.rate)
            length = _float(span.duration_s)
            before = min(_float(span.record_start_s), handle)
            source = _float(span.source_start_s)
            speed = _float(span.speed)
            first, last = source - before * speed, source + (length + handle) * speed
            if speed < 0:
                first, last = last, first
            if first > _NEAR_S and last < _float(end) - _NEAR_S and self._short_s < length < LONGEST_SPAN_S / 2:
                return before + length + handle, False
        extent = self._extent(span)
        picture = span.picture(handle_before_s=extent.before_s)
        total_s = extent.before_s + span.duration_s + extent.after_s
        return float(total_s), _is_held(picture, span.media, duration_s=total_s)

    def jobs(
        self, asks: tuple[Ask, ...], *, work: _Work, identity: MediaIdentity, shots: tuple[Shot, ...]
    ) -> tuple[GenerationJob, ...]:
        """The jobs of one span, those of refused asks left out."""
        options, rate, span = self._options, self._options.sample_rate, asks[0].span
        extent = self._extent(span)
        before, after = extent.before, extent.after
        n_samples = before + extent.length + after
        cuts = tuple(sorted({shot.start_s for shot in shots if 0 < shot.start_s < span.duration_s})) if shots else ()
        picture = span.picture(handle_before_s=extent.before_s, cuts_s=cuts)
        seen, known = picture_text(picture), spelled(identity)
        events = span_events(span) if span.markers or span.metadata else None
        if events is not None:
            events = tuple(replace(event, time_s=event.time_s + extent.before_s) for event in events)
        jobs = []
        for ask, refusal in zip(asks, work.refusals, strict=True):
            if refusal is not None:
                continue
            info = self._infos[ask.prompt.role]
            sound = self._sound(ask.prompt, info)
            cost = self._cost(ask.prompt.role) * n_samples / rate
            for number in range(1, ask.takes + 1):
                request = RenderRequest(
                    picture=picture,
                    prompt=ask.prompt,
                    n_samples=n_samples,
                    sample_rate=rate,
                    channels=options.channels,
                    seed=take_seed(ask.seed, number),
                    sampling=self._samplings[ask.prompt.role],
                    events=events if info.takes_events and ask.prompt.role is Role.FX else None,
                )
                jobs.append(
                    GenerationJob(
                        clip_id=span.clip_id,
                        clip_name=span.name,
                        track=span.track,
                        take=number,
                        request=request,
                        handle_before=before,
                        handle_after=after,
                        engine=info.name,
                        engine_version=self._versions[ask.prompt.role],
                        device=options.device,
                        record_start=extent.start,
                        span_samples=extent.length,
                        content_hash=digest(request, known, sound, seen, handle_before=before, handle_after=after),
                        ask=ask,
                        estimated_s=cost,
                    )
                )
        return tuple(jobs)

    def _sound(self, prompt: PromptSpec, info: EngineInfo) -> str:
        known = self._sounds.get(id(prompt))
        if known is None:
            text = sound_text(prompt, sampling=self._samplings[prompt.role], engine=info)
            known = self._sounds[id(prompt)] = prompt, text
        return known[1]

    def _cost(self, role: Role) -> float:
        """Seconds of work for a second of sound."""
        info, steps = self._infos[role], self._samplings[role].steps
        return info.cost_factor * (steps or info.default_steps) / max(1, info.default_steps)

    def _handle_of(self, rate: Fraction) -> float:
        """Sets the handle for a frame rate, in whole frames; its seconds, about."""
        if rate is not self._rate:
            self._rate = rate
            self._handle_frames = position(self._options.handles_s, rate)
            self._handle_s = self._handle_frames / rate
            self._handle = _float(self._handle_s)
        return self._handle

    def _extent(self, span: ClipSpan) -> _Extent:
        """Raises PlanError when the span is shorter than a sample or longer than a day."""
        rate = self._options.sample_rate
        self._handle_of(span.rate)
        handle_s = self._handle_s
        # Whole ticks, fine enough for all times here: Fractions would take ten times as long.
        times = span.record_start_s, span.duration_s, span.dissolve_before_s, span.dissolve_after_s, handle_s
        unit = lcm(*[time.denominator for time in times])
        begin, length, seen_before, seen_after, handle = [time.numerator * (unit // time.denominator) for time in times]
        # A transition shows picture on both sides: a handle covers it, so that an editor can fade the sound under it.
        lead = min(max(handle, seen_before), begin) if handle else 0
        tail = max(handle, seen_after) if handle else 0
        # Positions are rounded and lengths are their differences: handles meet the span on a whole sample.
        borders = begin - lead, begin, begin + length, begin + length + tail
        first, start, end, last = [tick_position(ticks, per_second=unit, rate=rate) for ticks in borders]
        before, after = start - first, last - end
        before_s = handle_s if lead == handle else Fraction(lead, unit)
        after_s = handle_s if tail == handle else Fraction(tail, unit)
        if end == start:
            raise PlanError(f"clip {span.name!r} on {span.track!r} is shorter than one sample at {rate} Hz")
        if before + (end - start) + after > LONGEST_SPAN_S * rate:
            raise PlanError(f"clip {span.name!r} on {span.track!r} is longer than a day; cut it in two")
        return _Extent(before_s, after_s, start, before, end - start, after)


def _float(value: Fraction) -> float:
    return value.numerator / value.denominator


def _is_held(picture: Picture, media: MediaFile, *, duration_s: Fraction) -> bool:
    """Whether the media ends within a handle, so that its first or last picture is held there."""
    if media.duration_s is None:
        return False
    end_s = picture.start_s + duration_s * picture.speed
    return min(picture.start_s, end_s) < 0 or max(picture.start_s, end_s) > media.duration_s


def _notes(held: tuple[str, ...]) -> tuple[str, ...]:
    if not held:
        return ()
    names = ", ".join(held[:5]) + (f" and {len(held) - 5} more" if len(held) > 5 else "")
    return (f"the media ends within the handles of {names}: its first or last picture is held there",)
