"""What the prompts of a selection have in common, and what differs from the default. Knows no Qt and no document."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

from otio_v2a.prompts import DEFAULT_ROLES, default_seed
from otio_v2a_engine.contract import Role
from otio_v2a_ui.state import ClipPrompt

__all__ = ["FIELDS", "MIXED", "Summary", "default_of", "reset", "rolled", "with_value"]

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
_PLAIN = ClipPrompt(clip_id="", role=Role.FX)
_seed = lru_cache(maxsize=1 << 17)(default_seed)


def default_of(prompt: ClipPrompt) -> ClipPrompt:
    """What the clip would be asked for in this role if nobody had said anything."""
    return ClipPrompt(
        clip_id=prompt.clip_id,
        role=prompt.role,
        seed=_seed(prompt.clip_id, prompt.role),
        enabled=prompt.role in DEFAULT_ROLES,
    )


@dataclass(frozen=True)
class Summary:
    """What the prompts of a selection have in common.

    Attributes:
        values: by field, the value that all have, or MIXED.
        differing: the fields that are not the default in some of them.
    """

    values: Mapping[str, Any]
    differing: frozenset[str]

    @classmethod
    def of(cls, prompts: Sequence[ClipPrompt]) -> "Summary":
        """Sum up the prompts of one role; ten thousand take some hundredths of a second."""
        values: dict[str, Any] = {}
        differing = set()
        for field in FIELDS:
            found = set(map(attrgetter(field), prompts))
            values[field] = next(iter(found)) if len(found) == 1 else MIXED
            if field == "seed":
                if any(prompt.seed != _seed(prompt.clip_id, prompt.role) for prompt in prompts):
                    differing.add(field)
            elif found != {prompts[0].role in DEFAULT_ROLES if field == "enabled" else getattr(_PLAIN, field)}:
                differing.add(field)
        return cls(values, frozenset(differing))


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
