"""Owns the answer to "what can this machine render on?". Asks a process of its own, because torch must be asked."""

import json
from dataclasses import dataclass

from otio_v2a.engine_process import run_module
from otio_v2a.errors import RunError
from otio_v2a_engine import wire

__all__ = ["Device", "devices"]

_MODULE = "otio_v2a_engine.devices"


@dataclass(frozen=True)
class Device:
    """Something that engines run on.

    Attributes:
        name: as `--device` takes it.
        title: what it is called.
        total_bytes: its memory; None when it is not known.
        free_bytes: how much of that is free; None when it is not known.
    """

    name: str
    title: str
    total_bytes: int | None = None
    free_bytes: int | None = None


def devices() -> tuple[Device, ...]:
    """The devices of this machine, the processor first. Blocks for the seconds that torch takes to import.

    Raises:
        RunError: the process failed, or said what cannot be understood.
    """
    lines: list[str] = []
    run_module(_MODULE, [], on_line=lines.append)
    try:
        return tuple(wire.from_plain(Device, json.loads(line)) for line in lines if line.startswith("{"))
    except (ValueError, wire.WireError) as error:
        raise RunError(f"the devices of this machine cannot be understood: {error}") from error
