"""Asks an engine where it looks, and writes what it answers: `python -m otio_v2a_engine.explaining ORDER`.

ORDER is a JSON file with the fields of `Order`. The folder gets one image per span (the frame its sound hangs on
most, with heat over it), `saliency.npz` with the maps themselves, `saliency.json`, and if asked for `overlay.mp4`.
Says what it does on standard output; an error goes to standard error with exit status 2.
"""

import argparse
import json
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from otio_v2a_engine import registry
from otio_v2a_engine.contract import EngineError, RenderRequest, UnsupportedRequest
from otio_v2a_engine.frames import probe, read_frames
from otio_v2a_engine.saliency import Saliency, overlay
from otio_v2a_engine.wire import WireError, from_plain

__all__ = ["Explains", "Order", "carry_out", "main"]

_LONGEST_SIDE = 640
_MOVIE_RATE = Fraction(25)


@runtime_checkable
class Explains(Protocol):
    """An engine that can say where it looks."""

    def explain(
        self, request: RenderRequest, *, n_spans: int, on_stage: Callable[[str], None] = lambda _: None
    ) -> Saliency:
        """Maps of a window that the engine could render."""
        ...


@dataclass(frozen=True)
class Order:
    """What is asked.

    Attributes:
        request: a window that the engine can render.
        engine: its name.
        device: where it runs.
        n_spans: spans of sound that are told apart.
        folder: to make; it must not exist.
        movie: whether to write the overlay movie too.
    """

    request: RenderRequest
    engine: str
    device: str
    n_spans: int
    folder: str
    movie: bool


def carry_out(order: Order, *, on_stage: Callable[[str], None] = lambda _: None) -> Path:
    """Explain a window into a new folder, which appears whole or not at all.

    Raises:
        UnsupportedRequest: the engine cannot say where it looks.
        EngineError: the folder exists, or the engine or the picture fails.
    """
    folder = Path(order.folder)
    if folder.exists():
        raise EngineError(f"{folder} exists already; choose another folder, or remove it first")
    saliency = _ask(order, on_stage)
    on_stage("drawing")
    partial = folder.with_name(f".{folder.name}.{secrets.token_hex(6)}.partial")
    try:
        partial.mkdir(parents=True)
        _write(partial, order, saliency)
        os.replace(partial, folder)
    except OSError as error:
        raise EngineError(f"{folder} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def _ask(order: Order, on_stage: Callable[[str], None]) -> Saliency:
    registry.find(order.engine).info.check(order.request)
    on_stage(f"loading {order.engine}")
    if order.engine == "small":
        from otio_v2a_engine.small_saliency import explain

        return explain(order.request, n_spans=order.n_spans)
    engine = registry.load(order.engine, device=order.device)
    if not isinstance(engine, Explains):
        raise UnsupportedRequest(f"engine {order.engine} cannot say where it looks; small and vta-ldm can")
    return engine.explain(order.request, n_spans=order.n_spans, on_stage=on_stage)


def _write(folder: Path, order: Order, saliency: Saliency) -> None:
    from PIL import Image

    np.savez_compressed(folder / "saliency.npz", maps=saliency.maps, times_s=[float(t) for t in saliency.times_s])
    heats = saliency.maps / max(float(saliency.maps.max()), 1e-12)
    rows: list[dict[str, Any]] = []
    for span, (start_s, stop_s) in enumerate(saliency.spans_s):
        frame = saliency.strongest_frame(span)
        heat = heats[span, frame] / max(float(heats[span, frame].max()), 1e-12)
        picture = next(_pictures(order, [saliency.times_s[frame]]))
        name = f"span_{span + 1:02}_{float(start_s):06.2f}-{float(stop_s):06.2f}.png"
        Image.fromarray(overlay(picture, heat, is_square=saliency.is_square)).save(folder / name)
        row, column = np.unravel_index(int(heat.argmax()), heat.shape)
        share = saliency.maps[span].sum((1, 2))
        rows.append(
            {
                "image": name,
                "start_s": float(start_s),
                "stop_s": float(stop_s),
                "strongest_frame_s": float(saliency.times_s[frame]),
                "strongest_place": [round((column + 0.5) / heat.shape[1], 4), round((row + 0.5) / heat.shape[0], 4)],
                "share_of_frames": [round(float(part), 6) for part in share / max(float(share.sum()), 1e-12)],
            }
        )
    plain = {
        "engine": order.engine,
        "picture": order.request.picture.path,
        "method": "gradient x input",
        "is_square": saliency.is_square,
        "frames_s": [float(time) for time in saliency.times_s],
        "spans": rows,
    }
    (folder / "saliency.json").write_text(json.dumps(plain, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if order.movie:
        _write_movie(folder / "overlay.mp4", order, saliency)


def _pictures(order: Order, times_s: Sequence[Fraction]) -> Iterator[npt.NDArray[np.uint8]]:
    """Frames at request times, at most 640 pixels on the longer side, sides even."""
    info = probe(order.request.picture)
    scale = min(1.0, _LONGEST_SIDE / max(info.width, info.height))
    width, height = (max(2, round(side * scale) // 2 * 2) for side in (info.width, info.height))
    return read_frames(order.request.picture, times_s, width=width, height=height, fit="stretch")


def _write_movie(path: Path, order: Order, saliency: Saliency) -> None:
    import av

    n_frames = max(1, int(order.request.duration_s * _MOVIE_RATE))
    # Each span by itself: a quiet one would show nothing beside a loud one.
    loudest = np.maximum(saliency.maps.max((1, 2, 3), keepdims=True), 1e-12)
    heats = saliency.maps / loudest
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=_MOVIE_RATE, options={"crf": "20"})
        times_s = [number / _MOVIE_RATE for number in range(n_frames)]
        for number, (time_s, picture) in enumerate(zip(times_s, _pictures(order, times_s), strict=True)):
            if number == 0:
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = "yuv420p"
            heat = heats[saliency.span_at(time_s), saliency.nearest_frame(time_s)]
            drawn = av.VideoFrame.from_ndarray(overlay(picture, heat, is_square=saliency.is_square), format="rgb24")
            drawn.pts, drawn.time_base = number, 1 / _MOVIE_RATE
            container.mux(stream.encode(drawn))
        container.mux(stream.encode(None))


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out an order from a file; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m otio_v2a_engine.explaining", description="Says where it looks.")
    parser.add_argument("order", type=Path)
    options = parser.parse_args(arguments)

    def say(stage: str) -> None:
        sys.stdout.write(f"{stage}\n")
        sys.stdout.flush()

    try:
        order = from_plain(Order, json.loads(options.order.read_text(encoding="utf-8")))
        carry_out(order, on_stage=say)
    except (EngineError, WireError, OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
