"""Hook script: makes stems while OpenTimelineIO writes a timeline, when it is asked to. Owns no rule of its own.

    otioconvert -i cut.otio -o cut_v2a.otio -H v2a=on -H v2a_prompt="'rain on a window'"

Hooks run in every OpenTimelineIO process of an environment, so this one does nothing unless `v2a` is among the hook
arguments, and imports nothing before that.
"""

from collections.abc import Mapping
from typing import Any

_OFF = ("", "0", "off", "no", "false", "none")
_KNOWN = ("v2a", "v2a_prompt", "v2a_not", "v2a_roles", "v2a_cues", "v2a_takes", "v2a_seed", "v2a_engine", "v2a_layout")
_BASE = "v2a_base"


def hook_function(in_timeline: Any, argument_map: Mapping[str, Any] | None = None) -> Any:
    """Return the timeline with stems on new audio tracks; without the argument `v2a`, the timeline as it is.

    Arguments (`-H name=value`), all optional but the first:
        v2a: `on` makes stems.
        v2a_prompt, v2a_not: prompt and negative prompt of every clip.
        v2a_roles: of FX, AMB, MUS, DX, separated by commas.
        v2a_cues: path of a cue sheet.
        v2a_takes, v2a_seed: numbers.
        v2a_engine: name of the engine.
        v2a_layout: `clips` or `roles`.
        v2a_base: folder that relative media paths start from (the output's folder).

    Raises:
        otio_v2a.errors.V2AError: the cut or an argument cannot be used; the output is not written then.
    """
    arguments = dict(argument_map or {})
    if str(arguments.get("v2a", "")).strip().lower() in _OFF:
        return in_timeline

    import opentimelineio as otio

    from otio_v2a.errors import CutError

    target = arguments.get("_filepath")
    # Adapters that write through a string ask a second time, without a file; our tracks are there by then.
    if target is None or not isinstance(in_timeline, otio.schema.Timeline):
        return in_timeline
    unknown = sorted(name for name in arguments if name.startswith("v2a") and name not in (*_KNOWN, _BASE))
    if unknown:
        raise CutError(f"unknown hook arguments {', '.join(unknown)}; known: {', '.join((*_KNOWN, _BASE))}")
    return _generate(in_timeline, arguments, str(target))


def _generate(timeline: Any, arguments: Mapping[str, Any], target: str) -> Any:
    import logging
    import tempfile
    from pathlib import Path

    import opentimelineio as otio

    from otio_v2a import generate
    from otio_v2a.errors import RunError

    out = Path(target).absolute()
    base = Path(str(arguments.get(_BASE, out.parent))).absolute()
    log = logging.getLogger(__name__)
    with tempfile.TemporaryDirectory(prefix="otio-v2a-") as folder:
        copy = Path(folder) / f"{out.stem}.otio"
        otio.adapters.write_to_file(timeline, str(copy))
        with generate.warm(_options(arguments, out=out, base=base)) as options:
            prepared = generate.prepare(copy, options)
            for note in (*prepared.notes, *(f"{skip.clip}: {skip.reason}" for skip in prepared.plan.skipped)):
                log.warning("%s", note)
            made = generate.render(prepared, options)
    if made.timeline is None:
        raise RunError("; ".join(made.report.lines()))
    for failure in made.report.failures:
        log.error("%s on %s: %s", failure.clip_name, failure.track, failure.reason)
    return made.timeline


def _options(arguments: Mapping[str, Any], *, out: Any, base: Any) -> Any:
    from pathlib import Path

    from otio_v2a.errors import PlanError
    from otio_v2a.generate import GenerateOptions
    from otio_v2a.jobs import PlanOptions
    from otio_v2a.prompts import PromptFlags
    from otio_v2a.stems import Layout
    from otio_v2a.timeline import ReadOptions
    from otio_v2a_engine.contract import Role
    from otio_v2a_engine.registry import DEFAULT_ENGINE

    def text(name: str) -> str | None:
        return None if arguments.get(name) is None else str(arguments[name])

    def number(name: str) -> int | None:
        return None if arguments.get(name) is None else int(arguments[name])

    try:
        roles = tuple(Role(part.strip().upper()) for part in (text("v2a_roles") or "").split(",") if part.strip())
        return GenerateOptions(
            out=out,
            read=ReadOptions(media_base=base),
            flags=PromptFlags(
                text=text("v2a_prompt"),
                negative_text=text("v2a_not"),
                roles=roles or None,
                seed=number("v2a_seed"),
                takes=number("v2a_takes"),
            ),
            cue_sheets=tuple(Path(path) for path in [text("v2a_cues")] if path),
            plan=PlanOptions(engine=text("v2a_engine") or DEFAULT_ENGINE),
            layout=Layout(text("v2a_layout") or "clips"),
        )
    except ValueError as error:
        raise PlanError(f"a hook argument is wrong: {error}") from error
