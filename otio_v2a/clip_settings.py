"""Owns how single clips are rendered when an editor chose so: engine and sampler settings by clip and role.

Kept beside the prompts in the clip's `otio_v2a` metadata, under `rendering`; the planner reads it from there, so that
the command line renders what was set in the panel. Renders nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from otio_v2a import jobs
from otio_v2a.errors import PromptError
from otio_v2a.jobs import GenerationJob, Plan, PlanOptions, ShotFinder
from otio_v2a.prompts import NAMESPACE, Ask, Asks, remembered, resolve
from otio_v2a.spans import ClipSpan
from otio_v2a_engine import wire
from otio_v2a_engine.contract import EngineError, PromptSpec, Role, Sampling
from otio_v2a_engine.registry import find

if TYPE_CHECKING:
    import opentimelineio as otio

__all__ = ["NOT_SET", "TEXT_GUIDANCE", "ClipSettings", "Wanted", "plan", "settings_of", "with_wanted"]

TEXT_GUIDANCE = "guidance-text"
"""Name of the option by which an engine takes the guidance scale of the text alone."""

_KEY = "rendering"
# As in prompts: a clip seen in parts has ids like `3fa9c1-2`.
_PART = "-"


@dataclass(frozen=True)
class ClipSettings:
    """How one clip's stem is rendered; None leaves a field to the run's own options.

    Attributes:
        engine: who renders it.
        steps: sampler steps.
        guidance: guidance scale.
        text_guidance: guidance scale of the text alone; engines that do not declare such an option ignore it.
        seed_locked: whether the panel leaves the seed alone when it is asked for something new.
    """

    engine: str | None = None
    steps: int | None = None
    guidance: float | None = None
    text_guidance: float | None = None
    seed_locked: bool = False

    @property
    def is_set(self) -> bool:
        """Whether it says anything."""
        return self != NOT_SET

    def options(self, options: PlanOptions, role: Role) -> PlanOptions:
        """The run's options with what is set here, for one role."""
        if not self.is_set:
            return options
        if self.engine:
            options = replace(options, role_engines={**options.role_engines, role: self.engine})
        declared = _declared(options.engine_of(role))
        own = [option for option in options.sampling.options if option.partition("=")[0] in declared]
        if self.text_guidance is not None and TEXT_GUIDANCE in declared:
            own = [option for option in own if option.partition("=")[0] != TEXT_GUIDANCE]
            own.append(f"{TEXT_GUIDANCE}={self.text_guidance:g}")
        sampling = Sampling(
            steps=options.sampling.steps if self.steps is None else self.steps,
            guidance=options.sampling.guidance if self.guidance is None else self.guidance,
            options=tuple(own),
        )
        return replace(options, sampling=sampling)


def _declared(engine: str) -> tuple[str, ...]:
    """Names of an engine's own settings; none of one that is not installed, which the planner complains about."""
    try:
        return find(engine).info.options
    except EngineError:
        return ()


NOT_SET = ClipSettings()
"""Leaves everything to the run."""


@dataclass(frozen=True)
class Wanted:
    """Everything that is wanted of one clip's stem.

    Attributes:
        prompt: texts and role.
        seed: seed of the first take.
        takes: how many takes.
        settings: how they are rendered.
        enabled: whether the stem is made.
    """

    prompt: PromptSpec
    seed: int
    takes: int = 1
    settings: ClipSettings = field(default=NOT_SET)
    enabled: bool = True


def settings_of(metadata: Mapping[str, Any], clip_id: str, *, where: str = "the clip") -> dict[Role, ClipSettings]:
    """What a clip's own `otio_v2a` metadata sets, by role.

    Raises:
        PromptError: an entry is damaged; starts with `where`.
    """
    parts, part = metadata.get("parts"), clip_id.partition(_PART)[2]
    own = parts[part] if part and isinstance(parts, Mapping) and part in parts else metadata
    entries = own.get(_KEY, {}) if isinstance(own, Mapping) else {}
    try:
        return {Role(name): wire.from_plain(ClipSettings, dict(entry)) for name, entry in entries.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise PromptError(f"{where}: 'rendering' cannot be understood: {error}") from error


def with_wanted(
    timeline: "otio.schema.Timeline", wanted: Mapping[str, Sequence[Wanted]], *, spans: Mapping[str, ClipSpan]
) -> "otio.schema.Timeline":
    """Write what is wanted into the clips' metadata, by clip id; the timeline itself is changed and returned.

    Clips that the timeline does not have are left out; roles that are not named keep what they had.
    """
    from otio_v2a.timeline import clips_by_id

    clips = clips_by_id(timeline) if wanted else {}
    for span_id, entries in wanted.items():
        clip_id, _, part = span_id.partition(_PART)
        if clip_id not in clips or span_id not in spans:
            continue
        metadata = clips[clip_id].metadata
        span = spans[span_id]
        # The markers as they are now: what is wanted has weighed them, so that they do not speak again.
        markers = resolve([replace(span, metadata={})])[0].markers
        asks = [
            Ask(span=span, prompt=entry.prompt, seed=entry.seed, takes=entry.takes, markers=markers)
            for entry in entries
        ]
        metadata[NAMESPACE] = _settled(remembered(metadata.get(NAMESPACE, {}), asks, part=part), entries, part=part)
    return timeline


def _settled(own: Mapping[str, Any], entries: Sequence[Wanted], *, part: str) -> dict[str, Any]:
    if part:
        parts = dict(own["parts"])
        parts[part] = _settled(parts[part], entries, part="")
        return {**own, "parts": parts}
    rendering = {str(name): value for name, value in dict(own.get(_KEY, {})).items()}
    for entry in entries:
        rendering.pop(entry.prompt.role.value, None)
        if entry.settings.is_set:
            rendering[entry.prompt.role.value] = wire.to_plain(entry.settings)
    result = {**own, "roles": [entry.prompt.role.value for entry in entries if entry.enabled], _KEY: rendering}
    if not rendering:
        del result[_KEY]
    return result


def plan(
    cut: "Any", asks: Sequence[Ask], *, options: PlanOptions | None = None, shots: ShotFinder | None = None
) -> Plan:
    """`jobs.plan`, each clip and role with its own settings where it has any.

    Raises:
        PlanError: as `jobs.plan`.
        PromptError: a clip's settings are damaged.
    """
    options = options or PlanOptions()
    grouped = Asks.of(asks)
    if not any(_KEY in of_clip[0].span.metadata or "parts" in of_clip[0].span.metadata for of_clip in grouped.own):
        return jobs.plan(cut, grouped, options=options, shots=shots)
    by_options: list[tuple[PlanOptions, list[Ask]]] = []
    order: dict[tuple[str, Role], int] = {}
    for ask in grouped:
        order[ask.span.clip_id, ask.prompt.role] = len(order)
        where = f"metadata of clip {ask.span.name!r} on {ask.span.track!r}"
        settings = settings_of(ask.span.metadata, ask.span.clip_id, where=where).get(ask.prompt.role, NOT_SET)
        own = settings.options(options, ask.prompt.role)
        for known, group in by_options:
            if known == own:
                group.append(ask)
                break
        else:
            by_options.append((own, [ask]))
    plans = [jobs.plan(cut, group, options=own, shots=shots) for own, group in by_options]

    def place(job: GenerationJob) -> tuple[int, int]:
        return order[job.clip_id, job.role], job.take

    return Plan(
        jobs=tuple(sorted(chain.from_iterable(each.jobs for each in plans), key=place)),
        skipped=tuple(dict.fromkeys(chain.from_iterable(each.skipped for each in plans))),
        estimated_s=sum(each.estimated_s for each in plans),
        notes=tuple(dict.fromkeys(chain.from_iterable(each.notes for each in plans))),
    )
