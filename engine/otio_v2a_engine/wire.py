"""The messages between a host and its worker process: frozen dataclasses as JSON lines (floor 0).

Commands go to the worker's standard input, events come from its standard output, one JSON object a line
with the message's class name under "type". Fractions travel as "n/d", enums as their value.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from fractions import Fraction
from math import isfinite
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from otio_v2a_engine.bleed_note import Bleed
from otio_v2a_engine.contract import Picture, PromptSpec, RenderRequest, VisualEvent

__all__ = [
    "Advanced",
    "Cancel",
    "Command",
    "Event",
    "EventsFound",
    "Failed",
    "FindEvents",
    "FindShots",
    "Finished",
    "FitMeasured",
    "MeasureFit",
    "Quit",
    "Ready",
    "Render",
    "ShotsFound",
    "WireError",
    "canonical_json",
    "decode_command",
    "decode_event",
    "encode",
    "from_plain",
    "to_plain",
]

T = TypeVar("T")

_FRACTION = re.compile(r"-?[0-9]{1,200}(/[0-9]{1,200})?")
_SHOWN = 200
"""Characters of a wrong value that a message quotes."""


class WireError(ValueError):
    """A line is not a message of this protocol."""


@dataclass(frozen=True)
class Render:
    """Render a span of any length with an engine into a new float32 WAV (RF64 when large) at `out_path`."""

    id: str
    engine: str
    device: str
    request: RenderRequest
    out_path: str


@dataclass(frozen=True)
class FindShots:
    """Find the shot borders of a picture within `(0, duration_s)` of request time."""

    id: str
    picture: Picture
    duration_s: Fraction


@dataclass(frozen=True)
class FindEvents:
    """Find the instants of a picture within `[0, duration_s)` at which an engine sees something sound.

    Attributes:
        at_least: confidence, 0 to 1, below which an instant is none.
        options: settings of the engine's own, as in `Sampling.options`.
    """

    id: str
    engine: str
    device: str
    picture: Picture
    duration_s: Fraction
    at_least: float
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class MeasureFit:
    """Say how well a sound file, or a stretch of it, fits a prompt.

    Attributes:
        path: of a sound file; channels are mixed.
        first: first sample that is heard.
        n_samples: how many are heard.
    """

    id: str
    path: str
    first: int
    n_samples: int
    prompt: PromptSpec


@dataclass(frozen=True)
class Cancel:
    """Stop the command with this id, whether queued or running."""

    id: str


@dataclass(frozen=True)
class Quit:
    """End the worker after the running command."""


@dataclass(frozen=True)
class Ready:
    """The worker listens."""

    pid: int


@dataclass(frozen=True)
class Advanced:
    """Progress of a command: `done` of `total` units, over all windows of a span."""

    id: str
    done: int
    total: int
    stage: str


@dataclass(frozen=True)
class Finished:
    """A render is complete and its file is in place.

    Attributes:
        seconds: wall time in the worker; `engine_seconds` of it inside the engine.
        engine_version: `EngineInfo.version` of what rendered it.
        warnings: messages for the user (a prompt far from what the model knows, ...).
    """

    id: str
    out_path: str
    n_samples: int
    sample_rate: int
    channels: int
    engine_version: str
    seconds: float
    engine_seconds: float
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class ShotsFound:
    """Shot borders in request time, ascending."""

    id: str
    cuts_s: tuple[Fraction, ...]


@dataclass(frozen=True)
class EventsFound:
    """Instants in request time, ascending, with the engine's confidence as their strength."""

    id: str
    events: tuple[VisualEvent, ...]


@dataclass(frozen=True)
class FitMeasured:
    """How well a sound fits, 0 to 1, and what is heard in it unasked; None where it cannot be told."""

    id: str
    fit: float | None
    bleed: Bleed | None = None


@dataclass(frozen=True)
class Failed:
    """A command failed or was cancelled; the worker goes on with the next.

    Attributes:
        kind: class name of the error ("PictureError", "Cancelled", "MemoryError", ...).
        message: fit for a user.
    """

    id: str
    kind: str
    message: str


Command = Render | FindShots | FindEvents | MeasureFit | Cancel | Quit
Event = Ready | Advanced | Finished | ShotsFound | EventsFound | FitMeasured | Failed

_COMMANDS: dict[str, type] = {kind.__name__: kind for kind in get_args(Command)}
_EVENTS: dict[str, type] = {kind.__name__: kind for kind in get_args(Event)}


def to_plain(value: Any) -> Any:
    """A value of dataclasses, Fractions, enums, tuples and scalars as plain JSON data."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    return value


def from_plain(kind: type[T], value: Any) -> T:
    """The inverse of `to_plain` for an annotated dataclass `kind`; unknown keys are an error.

    Raises:
        WireError: the data do not fit the annotations.
    """
    try:
        return _build(kind, value)  # type: ignore[no-any-return]
    except (TypeError, ValueError, KeyError, ZeroDivisionError, OverflowError) as error:
        raise WireError(f"not a {kind.__name__}: {str(error)[:_SHOWN]}") from error


def _build(kind: Any, value: Any) -> Any:
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        options = [option for option in get_args(kind) if option is not type(None)]
        return None if value is None else _build(options[0], value)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise TypeError(f"expected a list, got {value!r}")
        return tuple(_build(get_args(kind)[0], item) for item in value)
    if is_dataclass(kind) and isinstance(kind, type):
        if not isinstance(value, dict):
            raise TypeError(f"expected the fields of a {kind.__name__}, got {value!r}")
        hints = get_type_hints(kind)
        unknown = set(value) - set(hints)
        if unknown:
            raise ValueError(f"unknown fields {sorted(unknown)}")
        return kind(**{name: _build(hints[name], item) for name, item in value.items()})
    if kind is float:
        if type(value) not in (int, float) or not isfinite(value):
            raise TypeError(f"expected a finite number, got {value!r}")
        return float(value)
    if kind is Fraction:
        # Fraction() itself would also take "1e999999999", and try to write it out.
        if not isinstance(value, str) or not _FRACTION.fullmatch(value):
            raise TypeError(f'expected a fraction as "n/d", got {value!r}')
        return Fraction(value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    if kind in (str, int, bool) and type(value) is not kind:
        raise TypeError(f"expected {kind.__name__}, got {value!r}")
    return value


def canonical_json(value: Any) -> str:
    """One spelling per value, for content hashes."""
    return json.dumps(to_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def encode(message: Command | Event) -> str:
    """A message as one line without its line end."""
    return json.dumps({"type": type(message).__name__, **to_plain(message)}, ensure_ascii=True, allow_nan=False)


def decode_command(line: str) -> Command:
    """Parse a line for the worker. Raises WireError."""
    return _decode(line, _COMMANDS)  # type: ignore[no-any-return]


def decode_event(line: str) -> Event:
    """Parse a line from the worker. Raises WireError."""
    return _decode(line, _EVENTS)  # type: ignore[no-any-return]


def _decode(line: str, kinds: Mapping[str, type]) -> Any:
    try:
        data = json.loads(line)
        kind = kinds[data.pop("type")]
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise WireError(f"not a message: {line[:_SHOWN]!r}") from error
    return from_plain(kind, data)
