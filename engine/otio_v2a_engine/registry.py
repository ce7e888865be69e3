"""Engines by entry point, listed without being loaded (floor 0)."""

from importlib import import_module
from importlib.metadata import entry_points

from otio_v2a_engine.contract import Engine, EngineError, EngineSpec

__all__ = ["DEFAULT_ENGINE", "ENTRY_POINT_GROUP", "find", "load", "specs"]

ENTRY_POINT_GROUP = "otio_v2a.engines"
DEFAULT_ENGINE = "small"


def specs() -> dict[str, EngineSpec]:
    """Every installed engine by name. Imports the specs only, never an engine.

    Raises:
        EngineError: an entry point is broken; the message names its distribution.
    """
    found: dict[str, EngineSpec] = {}
    for point in entry_points(group=ENTRY_POINT_GROUP):
        try:
            spec = point.load()
        except Exception as error:
            where = point.dist.name if point.dist else "an unknown package"
            raise EngineError(f"engine {point.name!r} of {where} cannot be listed: {error}") from error
        if not isinstance(spec, EngineSpec):
            raise EngineError(f"entry point {point.name!r} ({point.value}) is not an EngineSpec")
        found[spec.info.name] = spec
    if not found:
        from otio_v2a_engine.specs import BUILT_IN

        found = {spec.info.name: spec for spec in BUILT_IN}
    return dict(sorted(found.items()))


def find(name: str) -> EngineSpec:
    """The engine of that name.

    Raises:
        EngineError: there is none; the message lists those there are.
    """
    known = specs()
    if name not in known:
        raise EngineError(f"there is no engine {name!r}; installed: {', '.join(known)}")
    return known[name]


def load(name: str, *, device: str = "cpu") -> Engine:
    """Import and load an engine (slow: may read weights).

    Raises:
        EngineError: there is none of that name, or it does not run on the device.
        WeightsError: its weights are missing or damaged.
    """
    spec = find(name)
    if device not in spec.info.devices:
        raise EngineError(f"engine {name} runs on {', '.join(spec.info.devices)}, not {device}")
    module, _, attribute = spec.factory.partition(":")
    engine: Engine = getattr(import_module(module), attribute)(device)
    return engine
