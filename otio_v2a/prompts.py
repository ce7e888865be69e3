"""Owns what each clip is asked to sound like: flags, cue sheets, markers and earlier runs, in that order.

The precedence is documented in docs/prompts.md and decided here, field by field. Reads and writes clip metadata;
renders nothing.
"""

import hashlib
from dataclasses import dataclass

from otio_v2a.spans import ClipSpan
from otio_v2a_engine.contract import PromptSpec

__all__ = ["Ask", "default_seed", "take_seed"]

_SEED_BITS = 63


@dataclass(frozen=True)
class Ask:
    """What one clip's stem is asked to be.

    Attributes:
        span: the clip.
        prompt: texts and role.
        seed: seed of the first take.
        takes: how many takes.
    """

    span: ClipSpan
    prompt: PromptSpec
    seed: int
    takes: int = 1


def default_seed(clip_id: str, role: str) -> int:
    """The seed of a clip's stem when nobody chose one: always the same, different for each clip and role."""
    return _digest_seed(f"{role}\n{clip_id}")


def take_seed(seed: int, take: int) -> int:
    """The seed of the k-th take, 1-based: the first has the seed itself, the others follow from it."""
    return seed if take == 1 else _digest_seed(f"take {take} of {seed}")


def _digest_seed(text: str) -> int:
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> (64 - _SEED_BITS)
