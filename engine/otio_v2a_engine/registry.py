"""Engines by entry point, listed without being loaded (floor 0)."""

import os
import sys
from collections.abc import Callable, Iterable
from functools import lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from otio_v2a_engine.contract import Engine, EngineError, EngineSpec, Role
from otio_v2a_engine.specs import BUILT_IN, LEFT_TO

__all__ = ["DEFAULT_ENGINE", "ENTRY_POINT_GROUP", "engine_for", "find", "load", "specs"]

ENTRY_POINT_GROUP = "otio_v2a.engines"
DEFAULT_ENGINE = "small"


def specs() -> dict[str, EngineSpec]:
    """Every installed engine by name. Imports the specs only, never an engine.

    Raises:
        EngineError: an entry point is broken, or two have one name; the message names their distributions.
    """
    found: dict[str, EngineSpec] = {}
    owners: dict[str, str] = {}
    for point in _points():
        spec = _read(point)
        if spec.info.name in found and found[spec.info.name] != spec:
            raise EngineError(
                f"engine {point.name!r} is installed twice, by {owners[point.name]} and {_owner(point)}; remove one"
            )
        found[spec.info.name] = spec
        owners[spec.info.name] = _owner(point)
    # A checkout that was never installed has no entry points.
    return dict(sorted((found or {spec.info.name: spec for spec in BUILT_IN}).items()))


def engine_for(name: str, role: Role) -> str:
    """The engine that makes a role where the engine of that name is chosen: itself, or the one that it leaves it to."""
    return LEFT_TO.get((name, role), name)


def find(name: str) -> EngineSpec:
    """The engine of that name; a broken engine of another name does not matter.

    Raises:
        EngineError: there is none, or it is broken; the message lists those there are.
    """
    points = _points()
    if name in {point.name for point in points}:
        return next(_read(point) for point in points if point.name == name)
    built_in = {spec.info.name: spec for spec in BUILT_IN}
    known = {point.name for point in points} or set(built_in)
    if name not in known:
        raise EngineError(f"there is no engine {name!r}; installed: {', '.join(sorted(known))}")
    return built_in[name]


def load(name: str, *, device: str = "cpu") -> Engine:
    """Import and load an engine (slow: may read weights).

    Raises:
        EngineError: there is none of that name, it does not run on the device, or cannot be imported.
        WeightsError: its weights are missing or damaged.
    """
    spec = find(name)
    if device not in spec.info.devices:
        raise EngineError(f"engine {name} runs on {', '.join(spec.info.devices)}, not {device}")
    module, _, attribute = spec.factory.partition(":")
    try:
        factory = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise EngineError(f"engine {name} cannot be imported: {error}; install it again") from error
    engine: Engine = factory(device)
    return engine


def _points() -> Iterable[EntryPoint]:
    # A panel plans again and again: the packages' folders are read once, until one of them or the path changes.
    return _listed(entry_points, tuple((folder, _changed_ns(folder)) for folder in sys.path))


@lru_cache(maxsize=1)
def _listed(lister: Callable[..., Iterable[EntryPoint]], _folders: tuple[tuple[str, int], ...]) -> Iterable[EntryPoint]:
    return tuple(lister(group=ENTRY_POINT_GROUP))


def _changed_ns(folder: str) -> int:
    """When something was last installed there, or taken away; 0 when there is no such folder."""
    try:
        return os.stat(folder or os.curdir).st_mtime_ns
    except OSError:
        return 0


def _read(point: EntryPoint) -> EngineSpec:
    try:
        spec = point.load()
    except Exception as error:
        # Foreign code runs here: whatever it raises must name its owner.
        raise EngineError(f"engine {point.name!r} of {_owner(point)} cannot be listed: {error}") from error
    if not isinstance(spec, EngineSpec):
        raise EngineError(f"entry point {point.name!r} ({point.value}) of {_owner(point)} is not an EngineSpec")
    if spec.info.name != point.name:
        raise EngineError(f"entry point {point.name!r} of {_owner(point)} holds an engine named {spec.info.name!r}")
    return spec


def _owner(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "an unknown package"
