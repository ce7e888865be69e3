"""What each command of the command line does: options in, calls to the rooms, tables out. Owns no rule of its own."""

import argparse
import json
import logging
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from otio_v2a.console import choose_view, duration_words, print_table
from otio_v2a.errors import V2AError
from otio_v2a_engine import wire

__all__ = [
    "demo",
    "detect",
    "engines",
    "generate",
    "inspect",
    "preview",
    "takes_choose",
    "takes_drop",
    "takes_list",
    "undo",
]


def generate(args: argparse.Namespace) -> int:
    """`otio-v2a generate CUT`."""
    from otio_v2a.generate import default_out
    from otio_v2a.targets import Target

    out = args.out or default_out(args.cut, target=Target(args.target))
    return _generate(args, cut=args.cut, out=out, preview=args.preview)


def demo(args: argparse.Namespace) -> int:
    """`otio-v2a demo [CUT]`: the same with a folder of results and a preview."""
    from otio_v2a.demo import cut_path
    from otio_v2a.generate import default_out
    from otio_v2a.targets import Target

    cut = args.cut or cut_path()
    out = default_out(cut, target=Target(args.target), folder=args.out)
    return _generate(args, cut=cut, out=out, preview=args.preview)


def _generate(args: argparse.Namespace, *, cut: Path, out: Path, preview: bool) -> int:
    from otio_v2a.generate import prepare, produce, warm
    from otio_v2a.preview import default_preview

    _log_to_stderr(args.verbose)
    options = _options(args, out)
    with ExitStack() as stack:
        if args.dry_run and not options.store.root.exists():
            # Looking for shots keeps its answers; a dry run leaves nothing behind.
            options = replace(options, store_root=Path(stack.enter_context(TemporaryDirectory(prefix="otio-v2a-"))))
        if not args.dry_run:
            options = stack.enter_context(warm(options))
        with choose_view(as_json=args.json, quiet=args.quiet) as view:
            prepared = prepare(cut, options, on_event=view.on_event)
            if not args.quiet:
                for note in prepared.notes:
                    view.message(f"note: {note}")
                for loss in prepared.losses:
                    view.message(f"{options.target.value} loses: {loss}")
        if args.dry_run:
            _show_plan(prepared.plan, options, as_json=args.json)
            return 0
        with choose_view(as_json=args.json, quiet=args.quiet) as view:
            produced = produce(prepared, options, on_event=view.on_event)
            movie = None
            if args.pick and produced.out is not None:
                from otio_v2a.commands_spot import pick

                for words in pick(produced.out):
                    view.message(words)
            if preview and produced.out is not None:
                # Takes that were picked stand in the timeline, not in what was produced before.
                is_picked = bool(args.pick) and produced.out.suffix == ".otio"
                source, made = (produced.out, None) if is_picked else (prepared.cut, produced.stems)
                movie = _make_preview(source, default_preview(produced.out), view.message, stems=made)
    if args.json:
        _print_json({"event": "Outcome", **_outcome(produced, movie)})
    elif not args.quiet:
        _show_outcome(produced, movie)
    return produced.report.exit_code


def _options(args: argparse.Namespace, out: Path) -> Any:
    from otio_v2a.generate import GenerateOptions
    from otio_v2a.jobs import DEFAULT_HANDLES_S, PlanOptions
    from otio_v2a.prompts import PromptFlags
    from otio_v2a.runner import RunOptions
    from otio_v2a.stems import Layout
    from otio_v2a.targets import Target
    from otio_v2a.timeline import ReadOptions
    from otio_v2a_engine.contract import Role, Sampling
    from otio_v2a_engine.registry import DEFAULT_ENGINE

    if args.weights is not None:
        from otio_v2a.weights_store import choose

        choose(args.weights)
    own = (*args.option, *(("paper-compatible",) if args.paper_compatible else ()))
    try:
        sampling = Sampling(steps=args.steps, guidance=args.guidance, options=tuple(dict.fromkeys(own)))
    except ValueError as error:
        raise V2AError(str(error)) from error
    backend = None
    if args.cluster:
        from otio_v2a.cluster import DaskBackend

        backend = DaskBackend(args.cluster)
    return GenerateOptions(
        out=out.absolute(),
        read=ReadOptions(all_tracks=args.all_tracks),
        flags=PromptFlags(
            text=args.prompt,
            negative_text=args.negative,
            transcript=args.transcript,
            roles=tuple(Role(role) for role in args.roles) if args.roles else None,
            seed=args.seed,
            takes=args.takes,
            clips=tuple(args.clip),
        ),
        cue_sheets=tuple(args.cues),
        plan=PlanOptions(
            engine=args.engine or DEFAULT_ENGINE,
            role_engines={Role(role): engine for role, engine in args.engine_for},
            device=args.device,
            channels=1 if args.mono else 2,
            sampling=sampling,
            handles_s=DEFAULT_HANDLES_S if args.handles is None else args.handles,
        ),
        run=RunOptions(workers=args.jobs, backend=backend),
        find_shots=not args.no_shots,
        layout=Layout(args.layout),
        target=Target(args.target),
        reroll=args.reroll,
    )


def _show_plan(plan: Any, options: Any, *, as_json: bool) -> None:
    missing = {job.content_hash for job in plan.missing(options.store)}
    if as_json:
        for job in plan.jobs:
            _print_json(
                {
                    "event": "PlannedJob",
                    "clip_id": job.clip_id,
                    "clip": job.clip_name,
                    "track": job.track,
                    "take": job.take,
                    "engine": job.engine,
                    "request": job.request,
                    "content_hash": job.content_hash,
                    "estimated_s": job.estimated_s,
                    "finished_before": job.content_hash not in missing,
                }
            )
        for skip in plan.skipped:
            _print_json({"event": "Skipped", **wire.to_plain(skip)})
        return
    rows = [
        [
            job.clip_name,
            job.request.prompt.role.value,
            str(job.take),
            f"{job.span_samples / job.request.sample_rate:.2f} s",
            f"{len(job.request.picture.cuts_s) + 1}",
            job.request.prompt.text or "(picture alone)",
            job.engine,
            "finished before" if job.content_hash not in missing else f"about {duration_words(job.estimated_s)}",
        ]
        for job in plan.jobs
    ]
    print_table("Plan", ("clip", "role", "take", "length", "shots", "prompt", "engine", "cost"), rows)
    _print_skipped(plan.skipped)
    cost = sum(job.estimated_s for job in plan.jobs if job.content_hash in missing)
    print(f"{len(missing)} of {len(plan.jobs)} renders to do, about {duration_words(cost)} on two CPU cores")


def _show_outcome(produced: Any, movie: Path | None) -> None:
    rows = [_stem_row(stem) for stem in produced.stems]
    if rows:
        print_table("Stems", ("clip", "role", "record start", "length", "takes", "file"), rows)
    report = produced.report
    for line in report.lines():
        print(line)
    if produced.out is not None:
        print(f"timeline: {_shown(produced.out)}")
    if movie is not None:
        print(f"preview:  {_shown(movie)}")


def _stem_row(stem: Any) -> list[str]:
    return [
        stem.clip_name or "(whole cut)",
        stem.role.value,
        f"{stem.record_start / stem.sample_rate:.3f} s",
        f"{stem.n_samples / stem.sample_rate:.3f} s",
        str(len(stem.takes)),
        _shown(stem.path),
    ]


def _outcome(produced: Any, movie: Path | None) -> dict[str, Any]:
    report = produced.report
    return {
        "timeline": str(produced.out) if produced.out else None,
        "preview": str(movie) if movie else None,
        "stems": [str(stem.path) for stem in produced.stems],
        "rendered": report.rendered,
        "reused": report.reused,
        "failed": [wire.to_plain(failure) for failure in report.failures],
        "skipped": [wire.to_plain(skip) for skip in report.skipped],
        "seconds": report.seconds,
        "exit_code": report.exit_code,
    }


def inspect(args: argparse.Namespace) -> int:
    """`otio-v2a inspect CUT`."""
    from otio_v2a import timeline

    _log_to_stderr(args.verbose)
    cut = timeline.read(args.cut, options=timeline.ReadOptions(all_tracks=args.all_tracks))
    shots = _shots_of(cut) if args.shots else {}
    if args.json:
        for span in cut.spans:
            _print_json({"event": "Span", **wire.to_plain(span), "shots": shots.get(span.clip_id)})
        for skip in cut.skipped:
            _print_json({"event": "Skipped", **wire.to_plain(skip)})
        return 0
    rows = [
        [
            span.name,
            span.track,
            _timecode(span.record_start_s, cut),
            f"{float(span.duration_s):.3f} s",
            f"{float(span.source_start_s):.3f} s",
            f"{float(span.speed) * 100:g} %",
            *([str(len(shots.get(span.clip_id, ())) or 1)] if args.shots else []),
            span.media.path,
        ]
        for span in cut.spans
    ]
    columns = ["clip", "track", "record in", "length", "media in", "speed", *(["shots"] if args.shots else []), "media"]
    print_table(f"{cut.name}: {float(cut.timing.rate):g} fps, {cut.dialect.evidence}", columns, rows)
    for note in cut.notes:
        print(f"note: {note}")
    _print_skipped(cut.skipped)
    return 0


def _shots_of(cut: Any) -> dict[str, Any]:
    import tempfile

    from otio_v2a import runner
    from otio_v2a.takes import TakeStore

    with tempfile.TemporaryDirectory(prefix="otio-v2a-") as folder:
        found = runner.find_shots(cut.spans, store=TakeStore(Path(folder)))
    for warning in found.warnings:
        print(f"note: {warning}", file=sys.stderr)
    return dict(found.by_clip)


def takes_list(args: argparse.Namespace) -> int:
    """`otio-v2a takes list TIMELINE`."""
    if args.scores:
        from otio_v2a.commands_spot import takes_rank

        return takes_rank(args)
    from otio_v2a import choosing

    rows = choosing.list_takes(args.timeline, clip=args.clip, role=_role(args))
    if args.json:
        for row in rows:
            _print_json(wire.to_plain(row))
        return 0
    columns = ("clip", "role", "take", "active", "seed", "prompt", "engine", "file")
    print_table(
        "Takes",
        columns,
        [
            [
                row.clip_name,
                row.role.value,
                str(row.number),
                "*" if row.active else "",
                str(row.seed) + (f" (re-roll {row.rolls})" if row.rolls else ""),
                row.prompt,
                row.engine,
                _shown(row.path),
            ]
            for row in rows
        ],
    )
    return 0


def takes_paths(args: argparse.Namespace) -> int:
    """`otio-v2a takes paths TIMELINE`."""
    from otio_v2a import choosing

    for row in choosing.list_takes(args.timeline, clip=args.clip, role=_role(args)):
        print(row.path)
    return 0


def takes_choose(args: argparse.Namespace) -> int:
    """`otio-v2a takes choose TIMELINE N`."""
    from otio_v2a import choosing

    changed = choosing.choose(args.timeline, args.number, clip=args.clip, role=_role(args))
    print(f"take {args.number} is active on {', '.join(changed)}")
    return 0


def takes_drop(args: argparse.Namespace) -> int:
    """`otio-v2a takes drop TIMELINE N`."""
    from otio_v2a import choosing

    changed = choosing.drop(args.timeline, args.number, clip=args.clip, role=_role(args))
    print(f"take {args.number} is dropped from {', '.join(changed)}")
    return 0


def preview(args: argparse.Namespace) -> int:
    """`otio-v2a preview TIMELINE`."""
    _log_to_stderr(args.verbose)
    from otio_v2a.preview import default_preview

    out = args.out or default_preview(args.timeline)
    print(_make_preview(args.timeline, out, lambda text: print(text, file=sys.stderr)))
    return 0


def undo(args: argparse.Namespace) -> int:
    """`otio-v2a undo TIMELINE`."""
    from otio_v2a import stems

    written = stems.undo(args.timeline, out=args.out)
    print(f"{_shown(written)} is without our tracks again; the sound files are left where they are")
    return 0


def engines(args: argparse.Namespace) -> int:
    """`otio-v2a engines`."""
    from otio_v2a_engine.contract import EngineError
    from otio_v2a_engine.registry import DEFAULT_ENGINE, specs

    try:
        infos = [spec.info for spec in specs().values()]
    except EngineError as error:
        raise V2AError(str(error)) from error
    if args.json:
        for info in infos:
            _print_json({**wire.to_plain(info), "default": info.name == DEFAULT_ENGINE})
        return 0
    rows = [
        [
            info.name + (" (default)" if info.name == DEFAULT_ENGINE else ""),
            info.version,
            ", ".join(info.roles),
            ", ".join(f"{rate / 1000:g} kHz" for rate in info.sample_rates),
            f"{float(info.max_window_s):g} s",
            "yes" if info.takes_text else "no",
            ", ".join(info.devices),
            info.weights_licence or "no weights",
            " ".join(filter(None, (info.summary, info.weights_note))),
        ]
        for info in infos
    ]
    columns = ("engine", "version", "roles", "rates", "window", "prompts", "devices", "weights' licence", "what it is")
    print_table("Engines", columns, rows)
    return 0


def detect(args: argparse.Namespace) -> int:
    """`otio-v2a detect FILE...`."""
    from otio_v2a.errors import WatermarkError
    from otio_v2a.watermark.detect import describe
    from otio_v2a.watermark.keys import default_key_folder, load_all
    from otio_v2a.watermark.scan import scan

    keys = load_all(args.keys)
    if not keys:
        raise WatermarkError(
            f"there is no watermark key in {args.keys or default_key_folder()}: one is made with the first stem; "
            "name the folder of the keys that marked the file with --keys"
        )
    code = 0
    for path in args.files:
        found = scan(path, keys)
        code = code if found else 1
        if args.json:
            _print_json({"file": str(path), "detected": found is not None, **(wire.to_plain(found) if found else {})})
        else:
            print(f"{path}: {describe(found)}")
    return code


def _make_preview(source: Any, out: Path, message: Callable[[str], None], *, stems: Any = None) -> Path:
    from otio_v2a.preview import make_preview

    made = make_preview(source, out, stems=stems)
    for note in made.notes:
        message(f"preview: {note}")
    return Path(made.path)


def _role(args: argparse.Namespace) -> Any:
    from otio_v2a_engine.contract import Role

    return Role(args.role) if args.role else None


def _timecode(record_s: Fraction, cut: Any) -> str:
    from otio_v2a.timecode import label

    timing = cut.timing
    return label(timing.global_start_s + record_s, rate=timing.rate, drop_frame=timing.drop_frame)


def _print_skipped(skipped: Any) -> None:
    for skip in skipped:
        print(f"skipped: {skip.clip} on {skip.track}: {skip.reason}")


def _print_json(data: dict[str, Any]) -> None:
    print(json.dumps(wire.to_plain(data), ensure_ascii=False, default=str), flush=True)


def _shown(path: Path) -> str:
    """A path as the user would type it: relative where that is shorter."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _log_to_stderr(verbose: bool) -> None:
    logging.basicConfig(
        level=logging.INFO if verbose else logging.ERROR, format="%(name)s: %(message)s", stream=sys.stderr
    )
