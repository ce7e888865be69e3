"""What the prompts of a selection have in common, and what differs from the default. Knows no Qt and no document."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from otio_v2a.prompts import DEFAULT_ROLES, default_seed
from otio_v2a_engine.contract import Role
from otio_v2a_ui.state import ClipPrompt

__all__ = ["FIELDS", "MIXED", "common", "default_of", "differing", "is_default", "reset", "rolled", "with_value"]

MIXED: Final = object()
"""Stands for values that differ within a selection."""

FIELDS: Final = (
    "text",
    "negative_text",
    "transcript",
    "engine",
    "steps",
    "guidance",
    "text_guidance",
    "seed",
    "seed_locked",
    "takes",
    "enabled",
)
_HIGHEST_DICE = 2**31


def default_of(prompt: ClipPrompt) -> ClipPrompt:
    """What the clip would be asked for in this role if nobody had said anything."""
    return ClipPrompt(
        clip_id=prompt.clip_id,
        role=prompt.role,
        seed=default_seed(prompt.clip_id, prompt.role),
        enabled=prompt.role in DEFAULT_ROLES,
    )


def common(prompts: Sequence[ClipPrompt], field: str) -> Any:
    """The value that all prompts have, or MIXED."""
    first = getattr(prompts[0], field)
    return first if all(getattr(prompt, field) == first for prompt in prompts) else MIXED


def is_default(prompts: Sequence[ClipPrompt], field: str) -> bool:
    """Whether a field is the default everywhere."""
    return all(getattr(prompt, field) == getattr(default_of(prompt), field) for prompt in prompts)


def differing(prompts: Sequence[ClipPrompt], role: Role) -> frozenset[str]:
    """The fields that are not the default in some prompt of a role."""
    chosen = [prompt for prompt in prompts if prompt.role is role]
    return frozenset(field for field in FIELDS if not is_default(chosen, field))


def with_value(prompts: Sequence[ClipPrompt], field: str, value: Any) -> tuple[ClipPrompt, ...]:
    """All prompts with one value."""
    return tuple(replace(prompt, **{field: value}) for prompt in prompts)


def reset(prompts: Sequence[ClipPrompt], field: str) -> tuple[ClipPrompt, ...]:
    """All prompts with a field as it would be if nobody had said anything."""
    return tuple(replace(prompt, **{field: getattr(default_of(prompt), field)}) for prompt in prompts)


def rolled(
    prompts: Sequence[ClipPrompt], *, dice: Callable[[], int] = lambda: secrets.randbelow(_HIGHEST_DICE)
) -> tuple[ClipPrompt, ...]:
    """Prompts with new seeds, each its own; locked ones keep theirs and are left out."""
    return tuple(replace(prompt, seed=dice()) for prompt in prompts if not prompt.seed_locked)
