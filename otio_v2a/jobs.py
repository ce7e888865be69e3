"""Owns the plan: asks become generation jobs with a content hash. Starts nothing and renders nothing.

The hash covers everything that shapes the sound and nothing else: moving a clip along the timeline or renaming
it keeps its takes; touching the media, the prompt, the seed or the engine does not.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

from otio_v2a.errors import MediaError, PlanError
from otio_v2a.media_identity import MediaIdentity, identify
from otio_v2a.prompts import Ask, take_seed
from otio_v2a.spans import ClipSpan, MediaFile, Shot, Skipped
from otio_v2a.takes import TakeStore
from otio_v2a_engine import wire
from otio_v2a_engine.contract import EngineError, EngineInfo, Picture, PromptSpec, RenderRequest, Role, Sampling
from otio_v2a_engine.lengths import position
from otio_v2a_engine.registry import DEFAULT_ENGINE, specs

if TYPE_CHECKING:
    from otio_v2a.timeline import Cut

__all__ = ["DEFAULT_HANDLES_S", "GenerationJob", "Plan", "PlanOptions", "ShotFinder", "content_hash", "plan"]

DEFAULT_HANDLES_S = Fraction(1, 2)
_HASH_VERSION = 1

ShotFinder = Callable[[ClipSpan], tuple[Shot, ...]]
"""Finds the shots of a span; none or one shot means that the picture does not cut."""


@dataclass(frozen=True)
class PlanOptions:
    """How to render, for every clip alike.

    Attributes:
        engine: engine of every role that `role_engines` does not name.
        role_engines: engines of single roles.
        device: "cpu", "cuda", "mps".
        sample_rate: Hz.
        channels: 1 or 2.
        sampling: sampler settings.
        handles_s: extra sound on both sides of a clip, rounded to whole timeline frames.
    """

    engine: str = DEFAULT_ENGINE
    role_engines: Mapping[Role, str] = field(default_factory=dict)
    device: str = "cpu"
    sample_rate: int = 48000
    channels: int = 2
    sampling: Sampling = field(default_factory=Sampling)
    handles_s: Fraction = DEFAULT_HANDLES_S

    def __post_init__(self) -> None:
        if not 0 <= self.handles_s <= 60:
            raise PlanError(f"handles must be 0 to 60 seconds, not {float(self.handles_s):g}")

    def engine_of(self, role: Role) -> str:
        """Name of the engine that renders a role."""
        return self.role_engines.get(role, self.engine)


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
        jobs: in the order of the timeline, then role, then take.
        skipped: clips and stems that will not be made, and why.
        estimated_s: expected seconds of work on two CPU cores, when nothing is reused.
        notes: what the user should know before it runs.
    """

    jobs: tuple[GenerationJob, ...]
    skipped: tuple[Skipped, ...] = ()
    estimated_s: float = 0.0
    notes: tuple[str, ...] = ()

    def missing(self, store: TakeStore) -> tuple[GenerationJob, ...]:
        """The jobs that the store has no take of: what a run would really render."""
        return tuple(job for job in self.jobs if store.get(job.content_hash) is None)

    def describe(self, store: TakeStore | None = None) -> tuple[str, ...]:
        """The plan in words, a line per job; with a store also what will be reused."""
        missing = self.jobs if store is None else self.missing(store)
        hashes = {job.content_hash for job in missing}
        lines = []
        for job in self.jobs:
            state = "" if job.content_hash in hashes else " (finished before)"
            prompt = f' "{job.request.prompt.text}"' if job.request.prompt.text else ""
            lines.append(
                f"{job.title}: {float(Fraction(job.span_samples, job.request.sample_rate)):.2f} s with "
                f"{job.engine}{prompt}, seed {job.request.seed}{state}"
            )
        lines += [f"{skip.clip} on {skip.track} is skipped: {skip.reason}" for skip in self.skipped]
        lines += self.notes
        seconds = sum(job.estimated_s for job in missing)
        lines.append(f"{len(missing)} of {len(self.jobs)} renders to do, about {seconds:.0f} s on two CPU cores")
        return tuple(lines)


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
    options = options or PlanOptions()
    infos = _engines(options, roles={ask.prompt.role for ask in asks})
    jobs: list[GenerationJob] = []
    skipped = list(cut.skipped)
    held: list[str] = []
    identities: dict[MediaFile, MediaIdentity | MediaError] = {}
    found: dict[str, tuple[Shot, ...]] = {}
    for ask in asks:
        span = ask.span
        info = infos[ask.prompt.role]
        reason = _unsupported(ask, info=info)
        if reason is None and span.media not in identities:
            identities[span.media] = identify(span.media)
        identity = identities.get(span.media)
        if isinstance(identity, MediaError):
            reason = str(identity)
        if reason is not None or not isinstance(identity, MediaIdentity):
            skipped.append(Skipped(clip=span.name, track=span.track, reason=reason or "its media is not known"))
            continue
        if shots is not None and span.clip_id not in found:
            found[span.clip_id] = shots(span)
        made = _jobs_of(
            ask, info=info, identity=identity, options=options, shots=found.get(span.clip_id, ()), held=held
        )
        jobs.extend(made)
    return Plan(
        jobs=tuple(jobs),
        skipped=tuple(dict.fromkeys(skipped)),
        estimated_s=sum(job.estimated_s for job in jobs),
        notes=_notes(tuple(dict.fromkeys(held))),
    )


def content_hash(
    request: RenderRequest,
    *,
    media: MediaIdentity,
    engine: EngineInfo,
    handle_before: int,
    handle_after: int,
) -> str:
    """64 hexadecimal digits that change with everything that shapes the sound, and with nothing else.

    Prompt fields that the engine does not take are left out; so is the device.
    """
    picture = request.picture
    # The parts that many jobs share are spelled once; a test holds the list of fields complete.
    parts = (
        _HASH_VERSION,
        _spelled(media),
        _spelled(
            _heard(
                request.prompt,
                text=engine.takes_text,
                negative=engine.takes_negative_text,
                transcript=engine.takes_transcript,
            )
        ),
        _spelled(request.sampling),
        _spelled((engine.name, engine.version)),
        picture.start_s,
        picture.speed,
        picture.first_s,
        picture.last_s,
        wire.canonical_json(picture.cuts_s) if picture.cuts_s else "",
        picture.sequence_rate,
        picture.sequence_first,
        request.n_samples,
        request.sample_rate,
        request.channels,
        request.seed,
        handle_before,
        handle_after,
    )
    # Spelled parts are JSON and hold no line end, so no two lists of parts join to the same text.
    return hashlib.blake2b("\n".join(map(str, parts)).encode(), digest_size=32).hexdigest()


_spelled = lru_cache(maxsize=4096)(wire.canonical_json)


@lru_cache(maxsize=4096)
def _heard(prompt: PromptSpec, *, text: bool, negative: bool, transcript: bool) -> PromptSpec:
    """The prompt as far as an engine takes it."""
    return PromptSpec(
        text=prompt.text if text else "",
        negative_text=prompt.negative_text if negative else "",
        role=prompt.role,
        transcript=prompt.transcript if transcript else "",
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
    return infos


def _unsupported(ask: Ask, *, info: EngineInfo) -> str | None:
    """Why the engine cannot make this stem, naming those that can; None when it can."""
    role = ask.prompt.role
    if role in info.roles:
        return None
    others = [name for name, spec in specs().items() if role in spec.info.roles]
    instead = f"choose {' or '.join(others)} for it" if others else "no installed engine does"
    return f"engine {info.name} does not make {role}; {instead}"


def _jobs_of(
    ask: Ask,
    *,
    info: EngineInfo,
    identity: MediaIdentity,
    options: PlanOptions,
    shots: tuple[Shot, ...],
    held: list[str],
) -> list[GenerationJob]:
    span, rate = ask.span, options.sample_rate
    handle_s = position(options.handles_s, span.rate) / span.rate
    # A transition shows picture on both sides: a handle covers it, so that an editor can fade the sound under it.
    before_s = min(max(handle_s, span.dissolve_before_s), span.record_start_s) if handle_s else handle_s
    after_s = max(handle_s, span.dissolve_after_s) if handle_s else handle_s
    start = position(span.record_start_s, rate)
    end = position(span.record_end_s, rate)
    # Positions are rounded and lengths are their differences: handles meet the span on a whole sample.
    before = start - position(span.record_start_s - before_s, rate)
    after = position(span.record_end_s + after_s, rate) - end
    if end == start:
        raise PlanError(f"clip {span.name!r} on {span.track!r} is shorter than one sample at {rate} Hz")
    cuts = tuple(sorted({shot.start_s for shot in shots if 0 < shot.start_s < span.duration_s}))
    cost = info.cost_factor * (options.sampling.steps or info.default_steps) / max(1, info.default_steps)
    cost *= (before + (end - start) + after) / rate
    picture = span.picture(handle_before_s=before_s, cuts_s=cuts)
    if _is_held(picture, span.media, duration_s=before_s + span.duration_s + after_s):
        held.append(span.name)
    jobs = []
    for number in range(1, ask.takes + 1):
        request = RenderRequest(
            picture=picture,
            prompt=ask.prompt,
            n_samples=before + (end - start) + after,
            sample_rate=rate,
            channels=options.channels,
            seed=take_seed(ask.seed, number),
            sampling=options.sampling,
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
                engine_version=info.version,
                device=options.device,
                record_start=start,
                span_samples=end - start,
                content_hash=content_hash(
                    request, media=identity, engine=info, handle_before=before, handle_after=after
                ),
                ask=ask,
                estimated_s=cost,
            )
        )
    return jobs


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
