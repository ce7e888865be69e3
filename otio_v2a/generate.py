"""The whole path in three steps: what the command line, the panel and the hook call.

    prepare: read -> resolve -> plan     nothing is rendered; shots are looked for
    render:  run -> stems -> attach      sound files first, each in one atomic step, then a new timeline in memory
    produce: render -> write             the timeline last

Prints nothing; progress travels as events.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import opentimelineio as otio

from otio_v2a import clip_settings, cues, loading, prompts, rerolling, runner, stems, takes, targets, timeline, tracks
from otio_v2a.delivering import EarlyDelivery
from otio_v2a.dialects import is_generated
from otio_v2a.errors import CutError
from otio_v2a.events import RunEvent
from otio_v2a.jobs import Plan, PlanOptions
from otio_v2a.prompts import Ask, PromptFlags
from otio_v2a.report import RunReport
from otio_v2a.stem import StemClip
from otio_v2a.stems import Layout, Stem
from otio_v2a.takes import TakeStore
from otio_v2a.targets import Loss, Target
from otio_v2a.timeline import Cut, ReadOptions
from otio_v2a.workers import Workers
from otio_v2a_engine.contract import Role

__all__ = [
    "GenerateOptions",
    "Prepared",
    "Produced",
    "default_out",
    "prepare",
    "produce",
    "render",
    "stems_folder",
    "warm",
]


@dataclass(frozen=True)
class GenerateOptions:
    """Everything a caller can choose.

    Attributes:
        out: the timeline to write; its suffix fits the target.
        read: how the cut is read.
        flags: prompts, roles, seed and takes of this run.
        cue_sheets: CSV or TOML files, later ones win.
        plan: engine and rendering.
        run: workers.
        find_shots: look for camera cuts inside clips.
        layout: clip by clip or one stem per role.
        target: the host to write for.
        store_root: where finished renders are kept; beside `out` when None.
        reroll: how often a take that does not fit its prompt is rendered again.
    """

    out: Path
    read: ReadOptions = field(default_factory=ReadOptions)
    flags: PromptFlags = field(default_factory=PromptFlags)
    cue_sheets: tuple[Path, ...] = ()
    plan: PlanOptions = field(default_factory=PlanOptions)
    run: runner.RunOptions = field(default_factory=runner.RunOptions)
    find_shots: bool = True
    layout: Layout = Layout.CLIPS
    target: Target = Target.PORTABLE
    store_root: Path | None = None
    reroll: int = 0

    @property
    def store(self) -> TakeStore:
        """Where finished renders are kept."""
        return TakeStore(self.store_root or takes.default_root(self.out))


@dataclass(frozen=True)
class Prepared:
    """A cut, read and planned.

    Attributes:
        cut: the cut.
        asks: what is wanted of each clip.
        plan: the renders it takes.
        notes: what the user should know: choices, cues that fit nothing, clips without shots.
        losses: what the target will not carry of the cut.
    """

    cut: Cut
    asks: Sequence[Ask]
    plan: Plan
    notes: tuple[str, ...]
    losses: tuple[Loss, ...]


@dataclass(frozen=True)
class Produced:
    """What a run made.

    Attributes:
        report: what was rendered, reused, failed and skipped.
        stems: the files, in the order of the timeline.
        timeline: the cut with our tracks; None when nothing was made.
        out: where it was written; None when it was not.
    """

    report: RunReport
    stems: tuple[Stem, ...] = ()
    timeline: otio.schema.Timeline | None = None
    out: Path | None = None


def default_out(cut: Path, *, target: Target = Target.PORTABLE, folder: Path | None = None) -> Path:
    """Where a cut's new timeline goes when nobody says: `<cut>_v2a.otio` beside it, or in `folder`."""
    stem = cut.stem.removesuffix("_v2a")
    return (folder or cut.parent) / f"{stem}_v2a{targets.suffix(target)}"


def stems_folder(out: Path) -> Path:
    """Folder of the sound files that belong to a timeline."""
    return out.with_name(f"{out.stem}_stems")


def _ignore(event: RunEvent) -> None:
    """The callback of a caller who does not want to know."""


def _never() -> bool:
    return False


@contextmanager
def warm(options: GenerateOptions) -> Iterator[GenerateOptions]:
    """The same options with worker processes that `prepare` and `render` share; they end with the context."""
    with Workers() as spare:
        yield replace(options, run=replace(options.run, spare=spare))


def prepare(
    cut_path: Path,
    options: GenerateOptions,
    *,
    on_event: Callable[[RunEvent], None] = _ignore,
    cancelled: Callable[[], bool] = _never,
) -> Prepared:
    """Read a cut and plan its renders.

    Raises:
        CutError: the file as a whole cannot be read, or it would be overwritten.
        PromptError: a cue sheet or prompt is wrong.
        PlanError: the options are impossible.
        TargetError: the target cannot be written from this cut.
    """
    cut = timeline.read(cut_path, options=options.read)
    _refuse_to_overwrite(cut, options.out)
    losses = targets.losses(cut.timeline, options.target, base=_media_base(cut))
    targets.refuse_fatal(losses)
    sheets = tuple(cue for path in options.cue_sheets for cue in cues.load_cues(path))
    asks = prompts.resolve(cut.spans, flags=options.flags, cues=sheets, timing=cut.timing)
    if asks:
        _start_ahead(asks[0].prompt.role, options)
    notes = [*cut.notes, *_left_out(cut, options.out, asks), *cues.unmatched(sheets, cut.spans, timing=cut.timing)]
    shots = None
    if options.find_shots and asks:
        asked = tuple({ask.span.clip_id: ask.span for ask in asks}.values())
        shots = runner.find_shots(
            asked, store=options.store, options=options.run, on_event=on_event, cancelled=cancelled
        )
        if shots.cancelled:
            raise KeyboardInterrupt
        notes += shots.warnings
    plan = clip_settings.plan(cut, asks, options=options.plan, shots=shots)
    plan = rerolling.with_rerolls(plan, most=options.reroll)
    return Prepared(
        cut=cut,
        asks=asks,
        plan=plan,
        notes=tuple(dict.fromkeys((*notes, *plan.notes))),
        losses=losses,
    )


def render(
    prepared: Prepared,
    options: GenerateOptions,
    *,
    on_event: Callable[[RunEvent], None] = _ignore,
    cancelled: Callable[[], bool] = _never,
) -> Produced:
    """Render what is missing, write the stems and attach them to a copy of the cut's timeline.

    Clips that failed are left out, the others are in it. A cancelled run makes no timeline; what it had finished is
    kept for the next.

    Raises:
        RunError: the worker failed as a whole.
        StemError: a file cannot be written; what was there before still is.
    """
    cut, out_dir = prepared.cut, stems_folder(options.out)
    replaced, earlier = _stamp(options.out), _earlier(options.out)
    writer = stems.ClipWriter(cut, out_dir=out_dir, earlier=earlier)
    with EarlyDelivery(prepared.plan, writer) as early:
        report = runner.run(
            prepared.plan,
            store=options.store,
            options=options.run,
            on_event=early.listening(on_event) if options.layout is Layout.CLIPS else on_event,
            cancelled=cancelled,
        )
        if report.cancelled:
            early.give_up()
    if report.cancelled or not report.takes:
        return Produced(report=report)
    remembered = prompts.write_back(cut.timeline, prepared.asks)
    if _stamp(options.out) != replaced:  # Edited while clips rendered: what counts is what it holds now.
        earlier = _earlier(options.out)
    written = stems.write(report.takes, cut, out_dir=out_dir, layout=options.layout, earlier=earlier, ahead=writer)
    return Produced(report=report, stems=written, timeline=stems.attach(remembered, written, cut=cut))


def produce(
    prepared: Prepared,
    options: GenerateOptions,
    *,
    on_event: Callable[[RunEvent], None] = _ignore,
    cancelled: Callable[[], bool] = _never,
) -> Produced:
    """`render`, and write the new timeline for its target.

    Raises:
        RunError, StemError: as `render`.
        TargetError: the timeline cannot be written; what was there before still is.
    """
    made = render(prepared, options, on_event=on_event, cancelled=cancelled)
    if made.timeline is None:
        return made
    out = targets.write(made.timeline, options.out, options.target, base=_media_base(prepared.cut))
    return replace(made, out=out)


def _start_ahead(role: Role, options: GenerateOptions) -> None:
    """Let a shared worker load its engine while the cut is planned, where nothing was rendered before."""
    run, store = options.run, options.store
    if run.spare is None or run.backend is not None or run.workers > 1 or any(store.root.glob("[0-9a-f][0-9a-f]")):
        return
    run.spare.start_ahead(
        log_path=store.log_dir / "worker-1.log",
        settings=run.settings,
        engine=options.plan.engine_of(role),
        device=options.plan.device,
    )


def _media_base(cut: Cut) -> Path:
    """Folder where the cut's relative media paths start."""
    return cut.media_base or cut.path.parent


def _stamp(out: Path) -> tuple[int, int] | None:
    """What changes with every edit of a file; None when there is none."""
    try:
        status = out.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _earlier(out: Path) -> dict[tuple[str, Role], StemClip]:
    """What the editor did to the clips of the timeline that this run replaces: choices, adjustments, stars."""
    if out.suffix != ".otio" or not out.is_file():
        return {}
    try:
        return tracks.earlier_clips(loading.load(out)[0], base=out.parent)
    except CutError:
        return {}


def _left_out(cut: Cut, out: Path, asks: Sequence[Ask]) -> list[str]:
    """What an earlier run made and this one, which starts from the cut itself, will not have."""
    if out.suffix != ".otio" or out.resolve() == cut.path.resolve() or not out.is_file():
        return []
    try:
        earlier, _ = loading.load(out)
    except CutError:
        return []
    before = {str(track.metadata["otio_v2a"].get("role")) for track in earlier.tracks if is_generated(track)}
    left = sorted(before - {str(ask.prompt.role) for ask in asks})
    return [f"{out.name} has {', '.join(left)} of an earlier run; to keep it, generate from {out.name}"] if left else []


def _refuse_to_overwrite(cut: Cut, out: Path) -> None:
    """The cut itself is only ever replaced by a timeline that still holds it: one of ours, in the same format."""
    if out.resolve() == cut.path.resolve() and out.suffix != ".otio":
        raise CutError(f"{out} is the cut itself; choose another file with --out")
