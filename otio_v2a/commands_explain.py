"""What `otio-v2a explain` does: picks a clip of a cut and has an engine say where it looks. Owns no rule of its own."""

import argparse
import fnmatch
import json
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

from otio_v2a.engine_process import run_module
from otio_v2a.errors import CutError, PlanError
from otio_v2a.plan_options import own_settings
from otio_v2a.spans import ClipSpan
from otio_v2a_engine import wire
from otio_v2a_engine.contract import EngineError, EngineInfo, PromptSpec, RenderRequest, Role
from otio_v2a_engine.lengths import position
from otio_v2a_engine.registry import DEFAULT_ENGINE, find

__all__ = ["explain"]

_PROGRAM = "otio_v2a_engine.explaining"


def explain(args: argparse.Namespace) -> int:
    """`otio-v2a explain CUT`."""
    from otio_v2a.timeline import read

    if args.weights is not None:
        from otio_v2a.weights_store import choose

        choose(args.weights)
    name = args.engine or DEFAULT_ENGINE
    try:
        info = find(name).info
    except EngineError as error:
        raise PlanError(str(error)) from error
    span = _choose(read(args.cut).spans, wanted=args.clip, cut=args.cut)
    folder = (args.out or args.cut.with_name(f"{args.cut.stem}_explain")).absolute()
    order = {
        "request": wire.to_plain(_request(span, info, args)),
        "engine": name,
        "device": args.device,
        "n_spans": args.spans,
        "folder": str(folder),
        "movie": args.movie,
    }
    with TemporaryDirectory(prefix="otio-v2a-") as place:
        path = Path(place) / "order.json"
        path.write_text(json.dumps(order), encoding="utf-8")
        run_module(_PROGRAM, [str(path)], on_line=lambda stage: _tell(f"{stage} ..."))
    _show(folder, span, as_json=args.json)
    return 0


def _choose(spans: Sequence[ClipSpan], *, wanted: str | None, cut: Path) -> ClipSpan:
    fitting = [
        span for span in spans if wanted is None or span.clip_id == wanted or fnmatch.fnmatchcase(span.name, wanted)
    ]
    if not fitting:
        names = ", ".join(dict.fromkeys(span.name for span in spans)) or "none that can be scored"
        raise CutError(f"{cut} has no clip {wanted or ''}; its clips are {names}")
    return fitting[0]


def _request(span: ClipSpan, info: EngineInfo, args: argparse.Namespace) -> RenderRequest:
    sampling = own_settings(info, args.option)
    rate = 48000 if 48000 in info.sample_rates else info.sample_rates[0]
    longest = int(info.max_window_s * rate)
    try:
        return RenderRequest(
            picture=span.picture(),
            prompt=PromptSpec(text=args.prompt, role=Role(args.role)),
            n_samples=max(1, min(position(span.duration_s, rate), longest)),
            sample_rate=rate,
            channels=info.channels[0],
            seed=args.seed,
            sampling=sampling,
        )
    except ValueError as error:
        raise PlanError(str(error)) from error


def _show(folder: Path, span: ClipSpan, *, as_json: bool) -> None:
    found = json.loads((folder / "saliency.json").read_text(encoding="utf-8"))
    if as_json:
        _say(json.dumps({"folder": str(folder), "clip": span.name, **found}, ensure_ascii=False))
        return
    length_s = Fraction(span.duration_s)
    shown_s = found["spans"][-1]["stop_s"]
    if float(length_s) > shown_s + 0.01:
        _say(f"note: the first {shown_s:g} s of {span.name} are explained: one window of the engine")
    for row in found["spans"]:
        span_words = f"{row['start_s']:6.2f} - {row['stop_s']:6.2f} s"
        _say(f"{span_words} hang most on the frame at {row['strongest_frame_s']:.2f} s: {folder / row['image']}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
