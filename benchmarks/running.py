"""What planning, reuse and the worker cost beside the rendering itself.

Makes a small movie, then measures: resolving prompts and planning a long cut with a long cue sheet; running short clips
with the deterministic engine, of which the time outside the engine is the overhead per job; finding everything again.

    python benchmarks/running.py --clips 2000 --cues 400 --jobs 100
"""

import argparse
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np

from otio_v2a.cue_fields import CueKey, Wish
from otio_v2a.cues import Cue
from otio_v2a.jobs import Plan, PlanOptions, plan
from otio_v2a.prompts import resolve
from otio_v2a.runner import run
from otio_v2a.spans import ClipSpan, MediaFile
from otio_v2a.takes import TakeStore

RATE = Fraction(30000, 1001)


def make_movie(path: Path) -> None:
    """Five seconds of moving noise."""
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("mpeg4", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for _ in range(150):
            pixels = rng.integers(0, 255, (180, 320, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))


def make_spans(movie: Path, count: int) -> list[ClipSpan]:
    """Clips of 50 frames, one after the other."""
    media = MediaFile(str(movie), RATE, 150 / RATE)
    return [
        ClipSpan(f"c{n}", f"SH{n:05d}", "V1", n * 50 / RATE, 50 / RATE, RATE, media, index=n + 1) for n in range(count)
    ]


def make_cues(count: int) -> list[Cue]:
    """Half keyed by name, half by timecode."""
    names = [Cue(CueKey(clip=f"SH{n * 5:05d}"), Wish(text="rain"), f"row {n}") for n in range(count // 2)]
    times = [
        Cue(CueKey(start=f"00:{n // 60 % 60:02d}:{n % 60:02d}:05"), Wish(text="wind"), f"row {n}")
        for n in range(count // 2)
    ]
    return names + times


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=2000)
    parser.add_argument("--cues", type=int, default=400)
    parser.add_argument("--jobs", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_movie(folder / "a.mov")
        cut: Any = SimpleNamespace(skipped=())
        spans = make_spans(folder / "a.mov", options.clips)
        started = time.perf_counter()
        asks = resolve(spans, cues=make_cues(options.cues))
        resolved = time.perf_counter()
        whole = plan(cut, asks, options=PlanOptions(engine="fake"))
        n_jobs = len(tuple(whole.jobs))
        planned = time.perf_counter()
        print(f"resolve {len(spans)} clips with {options.cues} cues: {resolved - started:.2f} s")
        print(f"plan {n_jobs} jobs, content hashes included: {planned - resolved:.2f} s")
        part = Plan(whole.jobs[: options.jobs])
        store = TakeStore(folder / "takes")
        first = run(part, store=store)
        again = run(part, store=store)
        outside = first.seconds - first.engine_seconds
        print(f"run {first.rendered} jobs: {first.seconds:.2f} s, {first.engine_seconds:.2f} s of it in the engine")
        print(f"overhead per job, the start of the worker included: {outside / max(1, first.rendered) * 1000:.0f} ms")
        print(f"find {again.reused} takes again: {again.seconds * 1000 / max(1, again.reused):.2f} ms each")


if __name__ == "__main__":
    main()
