"""The journal's lines: edits of prompts and takes as plain data and back. Knows no files."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from otio_v2a.deliver import Held
from otio_v2a.stem import StemTake
from otio_v2a_engine import wire
from otio_v2a_engine.contract import Role
from otio_v2a_ui.state import ClipPrompt

__all__ = ["held_record", "prompt_record", "read_held", "read_prompt"]


def prompt_record(prompt: ClipPrompt) -> dict[str, Any]:
    """An edited prompt."""
    # As `wire.to_plain` has it, in a tenth of the time: thousands of clips are edited at once.
    return {"prompt": {**vars(prompt), "role": prompt.role.value}}


def held_record(held: Held | None, *, clip_id: str, role: Role) -> dict[str, Any]:
    """The takes of a clip and role after an edit; None when it has none any more."""
    return {"clip_id": clip_id, "role": role.value, "held": _plain(held) if held is not None else None}


def read_prompt(record: Mapping[str, Any]) -> ClipPrompt | None:
    """The prompt of a record; None when it is about takes. Raises ValueError when it is damaged."""
    return wire.from_plain(ClipPrompt, record["prompt"]) if "prompt" in record else None


def read_held(record: Mapping[str, Any]) -> tuple[str, Role, Held | None]:
    """Clip, role and takes of a record. Raises ValueError or KeyError when it is damaged."""
    clip_id, role = str(record["clip_id"]), Role(record["role"])
    if record["held"] is None:
        return clip_id, role, None
    held = wire.from_plain(Held, record["held"])
    takes = tuple(_with_paths(take) for take in held.clip.takes)
    return clip_id, role, replace(held, clip=replace(held.clip, takes=takes))


def _plain(held: Held) -> Any:
    return _without_paths(wire.to_plain(held))


def _without_paths(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_paths(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_paths(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _with_paths(take: StemTake) -> StemTake:
    """Paths travel as text."""
    source = replace(take.source, path=Path(take.source.path)) if take.source is not None else None
    return replace(take, path=Path(take.path), source=source)
