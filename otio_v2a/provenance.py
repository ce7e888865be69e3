"""Owns what a sound says of its origin: program, kind of source, licence, prompt. Knows engines by name, no files."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from otio_v2a.stem import StemTake
from otio_v2a_engine import registry
from otio_v2a_engine.contract import EngineError, EngineInfo

__all__ = ["ALGORITHMIC", "TRAINED", "Origin", "generator", "origin_of", "prompt_hash", "weights_licence"]


@dataclass(frozen=True)
class Origin:
    """A kind of source, as IPTC's vocabulary of digital source types has it.

    Attributes:
        words: in plain words.
        source_type: its address in the vocabulary.
    """

    words: str
    source_type: str


TRAINED = Origin("trained algorithmic media", "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia")
"""A model made it that was trained on examples."""

ALGORITHMIC = Origin("algorithmic media", "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia")
"""A program made it that never saw an example."""


def origin_of(engines: Iterable[str]) -> Origin:
    """What sound of these engines is; in doubt, trained."""
    return TRAINED if any(_is_trained(engine) for engine in engines) else ALGORITHMIC


@cache
def generator() -> str:
    """Name and version of this program."""
    try:
        return f"otio-v2a {version('otio-v2a')}"
    except PackageNotFoundError:
        return "otio-v2a"


def weights_licence(engine: str, version: str) -> str:
    """Licence of the weights of an engine in a version, "none" when it has none.

    It is "unknown" when the engine is not installed, and of weights that the user put in place of those that ship.
    """
    info = _info(engine)
    is_own = info is not None and bool(info.weights_options) and "+" in version
    return "unknown" if info is None or is_own else info.weights_licence or "none"


def prompt_hash(take: StemTake) -> str:
    """A hash of the prompt, salted with the take's own, so that a delivered file does not tell the prompt."""
    text = json.dumps([take.prompt.text, take.prompt.negative_text, take.prompt.transcript], ensure_ascii=False)
    return hashlib.sha256(f"{take.content_hash}\n{text}".encode()).hexdigest()


def _is_trained(engine: str) -> bool:
    info = _info(engine)
    return info is None or bool(info.weights_licence)


@cache  # the installed packages are searched, which takes longer than writing a short file
def _info(engine: str) -> EngineInfo | None:
    try:
        return registry.find(engine).info
    except EngineError:
        return None
