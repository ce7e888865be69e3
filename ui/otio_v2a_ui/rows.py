"""From spans and metadata to what the panel shows: prompts, lengths, lost clips. Reads values; keeps nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from types import MappingProxyType
from typing import Any

from otio_v2a import clip_settings, prompts, timeline
from otio_v2a.clip_settings import ClipSettings, Wanted
from otio_v2a.errors import PromptError
from otio_v2a.prompts import DEFAULT_ROLES, PromptFlags
from otio_v2a.spans import ClipSpan
from otio_v2a.timecode import label
from otio_v2a.timeline import Cut
from otio_v2a.tracks import own_metadata
from otio_v2a_engine.contract import PromptSpec, Role
from otio_v2a_ui.state import ClipPrompt, ClipRow, status_of

__all__ = [
    "Entry",
    "default_prompt",
    "length_words",
    "lost_rows",
    "metadata_by_clip",
    "read_entry",
    "spec_of",
    "wanted_of",
]


@dataclass
class Entry:
    """What is known of one clip besides its span, made when somebody looks at it."""

    prompts: dict[Role, ClipPrompt]
    warnings: tuple[str, ...] = ()


def default_prompt(clip_id: str, role: Role) -> ClipPrompt:
    """What a clip is asked for as long as nobody has said anything."""
    return ClipPrompt(
        clip_id=clip_id, role=role, seed=prompts.default_seed(clip_id, role), enabled=role in DEFAULT_ROLES
    )


def read_entry(span: ClipSpan, own: Mapping[str, Any]) -> Entry:
    """A clip's prompts from its metadata and markers; damaged ones are a warning."""
    found = {role: default_prompt(span.clip_id, role) for role in Role}
    if not own and not span.markers:
        return Entry(found)
    span = replace(span, metadata=MappingProxyType(dict(own)))
    try:
        asked = {ask.prompt.role for ask in prompts.resolve([span])}
        every = prompts.resolve([span], flags=PromptFlags(roles=tuple(Role)))
        settings = clip_settings.settings_of(span.metadata, span.clip_id)
    except PromptError as error:
        return Entry(found, warnings=(str(error),))
    for ask in every:
        role = ask.prompt.role
        how = settings.get(role, clip_settings.NOT_SET)
        found[role] = ClipPrompt(
            clip_id=span.clip_id,
            role=role,
            text=ask.prompt.text,
            negative_text=ask.prompt.negative_text,
            transcript=ask.prompt.transcript,
            engine=how.engine,
            steps=how.steps,
            guidance=how.guidance,
            text_guidance=how.text_guidance,
            seed=ask.seed,
            seed_locked=how.seed_locked,
            takes=ask.takes,
            enabled=role in asked,
        )
    return Entry(found)


def spec_of(prompt: ClipPrompt) -> PromptSpec:
    return PromptSpec(
        text=prompt.text, negative_text=prompt.negative_text, role=prompt.role, transcript=prompt.transcript
    )


def wanted_of(prompt: ClipPrompt) -> Wanted:
    return Wanted(
        prompt=spec_of(prompt),
        seed=prompt.seed,
        takes=prompt.takes,
        settings=ClipSettings(
            engine=prompt.engine,
            steps=prompt.steps,
            guidance=prompt.guidance,
            text_guidance=prompt.text_guidance,
            seed_locked=prompt.seed_locked,
        ),
        enabled=prompt.enabled,
    )


def length_words(seconds: Fraction, rate: Fraction) -> str:
    """A length as editors read it: minutes, seconds and frames; hours only where there are any."""
    text = label(seconds, rate=rate)
    return text[3:] if text.startswith("00:") else text


def metadata_by_clip(earlier: Any) -> dict[str, Mapping[str, Any]]:
    """What the clips of an earlier timeline remember, by clip id."""
    found: dict[str, Mapping[str, Any]] = {}
    for clip_id, clip in timeline.clips_by_id(earlier).items():
        own = own_metadata(clip)
        if own:
            found[clip_id] = own
    return found


def lost_rows(cut: Cut) -> tuple[ClipRow, ...]:
    """Rows of the clips that cannot be scored."""
    rows = []
    for number, skip in enumerate(cut.skipped, start=1):
        rows.append(
            ClipRow(
                clip_id=f"lost-{number}",
                name=skip.clip,
                track=skip.track,
                number=len(cut.spans) + number,
                record_in="",
                record_out="",
                duration="",
                record_start_s=cut.timing.duration_s,
                duration_s=Fraction(0),
                rate=cut.timing.rate,
                media=None,
                status=status_of(is_missing=True),
                warnings=(skip.reason,),
            )
        )
    return tuple(rows)
