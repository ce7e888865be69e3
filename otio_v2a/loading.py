"""From a cut file's bytes to an OTIO timeline, with errors that say what to do. Knows nothing of its content."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import opentimelineio as otio

from otio_v2a import guard
from otio_v2a.errors import CutError

__all__ = ["load", "load_bytes"]


def load(path: Path) -> tuple[otio.schema.Timeline, guard.Content]:
    """The timeline in a file that OTIO or one of its adapters reads, and what it may hold.

    Media linkers and read hooks that a studio has set up run as they do everywhere else.

    Raises:
        CutError: the file is missing, too large or deep, of an unknown kind, damaged, or not one timeline.
    """
    if path.suffix.lower() != ".otio":
        guard.read_bytes(path)  # for its complaints
        return _read(path, text=None), guard.ANYTHING
    content = guard.check_file(path)
    return _read(path, text=guard.read_bytes), guard.ANYTHING if _is_edited_by_others() else content


def load_bytes(data: bytes, path: Path) -> otio.schema.Timeline:
    """The timeline in OTIO's JSON that came out of the bundle `path`. Raises CutError."""
    guard.check_json(data, name=path)
    try:
        found = otio.adapters.read_from_string(data.decode("utf-8-sig"), "otio_json")
    except Exception as error:
        raise CutError(_why_unreadable(path, error, text=lambda _: data)) from error
    return _as_timeline(found, path)


def _is_edited_by_others() -> bool:
    """Whether a hook or media linker may have added to what a file holds."""
    hooks = ("post_adapter_read", "post_media_linker")
    return "OTIO_DEFAULT_MEDIA_LINKER" in os.environ or any(map(otio.hooks.scripts_attached_to, hooks))


def _read(path: Path, *, text: Callable[[Path], bytes] | None) -> otio.schema.Timeline:
    # The text is asked for when something is wrong with it only: it may be long.
    try:
        found = otio.adapters.read_from_file(str(path))
    except otio.exceptions.NoKnownAdapterForExtensionError as error:
        known = sorted(f".{suffix}" for suffix in otio.adapters.suffixes_with_defined_adapters(read=True))
        raise CutError(
            f"{path}: no adapter reads {path.suffix or 'a file without extension'}; readable here are "
            f"{', '.join(known)} and movies. Export .otio, or install the OpenTimelineIO adapter for it"
        ) from error
    except Exception as error:  # Adapters are third-party parsers: whatever they raise is about this file.
        raise CutError(_why_unreadable(path, error, text=text)) from error
    return _as_timeline(found, path)


def _as_timeline(found: Any, path: Path) -> otio.schema.Timeline:
    if isinstance(found, otio.schema.Timeline):
        if found.tracks is None:
            raise CutError(f"{path}: its timeline has no tracks; export it again from the editor")
        return found
    if isinstance(found, otio.schema.SerializableCollection):
        timelines = list(found.find_children(descended_from_type=otio.schema.Timeline))
        if len(timelines) == 1:
            return _as_timeline(timelines[0], path)
        names = ", ".join(repr(timeline.name) for timeline in timelines) or "none"
        raise CutError(f"{path}: holds {len(timelines)} timelines ({names}); export the one that needs sound")
    timeline = otio.schema.Timeline(getattr(found, "name", "") or path.stem)
    if isinstance(found, otio.schema.Stack):
        timeline.tracks = found
    elif isinstance(found, otio.schema.Track):
        timeline.tracks.append(found)
    elif isinstance(found, otio.schema.Clip):
        track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
        track.append(found)
        timeline.tracks.append(track)
    else:
        kind = found.schema_name() if hasattr(found, "schema_name") else "plain data"
        raise CutError(f"{path}: holds {kind}, not a timeline; export the timeline itself")
    return timeline


def _why_unreadable(path: Path, error: Exception, *, text: Callable[[Path], bytes] | None) -> str:
    newer = "; ".join(_newer_schemas(text(path))) if text is not None else ""
    if newer:
        return (
            f"{path}: holds {newer}. OpenTimelineIO {otio.__version__} cannot read that: "
            "export with an older schema version, or upgrade OpenTimelineIO"
        )
    reason = error.args[0] if isinstance(error, KeyError) and error.args else str(error)
    return f"{path}: cannot be read ({reason or type(error).__name__}); export it again from the editor"


def _newer_schemas(data: bytes) -> Iterator[str]:
    """Each schema that this OTIO does not know, with the name of the first object that has it."""
    try:
        objects = list(_objects(json.loads(data)))
    except (ValueError, RecursionError):
        return
    known = otio.core.type_version_map()
    seen = set()
    for entry, owner in objects:
        schema = str(entry["OTIO_SCHEMA"])
        name, _, version = schema.rpartition(".")
        if schema in seen or not version.isdigit() or int(version) <= known.get(name, -1):
            continue
        seen.add(schema)
        label = entry.get("name") or owner
        where = f" ({'in ' if not entry.get('name') else ''}{label!r})" if label else ""
        readable = f", {name}.{known[name]} is the newest known" if name in known else ", an unknown kind"
        yield f"a {schema}{where}{readable}"


def _objects(value: Any, owner: str = "") -> Iterator[tuple[dict[str, Any], str]]:
    if isinstance(value, dict):
        if "OTIO_SCHEMA" in value:
            yield value, owner
            owner = str(value.get("name") or owner)
        for item in value.values():
            yield from _objects(item, owner)
    elif isinstance(value, list):
        for item in value:
            yield from _objects(item, owner)
