"""Where a whole run's time goes: reading, shots, planning, the engine, delivery; and what is not the engine.

Repeat with:  .venv/bin/python benchmarks/end_to_end.py [--cut FILE] [--takes N] [--engine NAME] [--layout clips|roles]

Without --cut the demo film is scored. Several takes make a longer run without repeating a render. The second run shows
what reuse costs. Nothing is kept. The engine's seconds are wall time inside it; on a busy machine look at the processor
time too: of this program (reading, planning, keeping, delivering) and of its worker (the engine, importing torch,
loading weights, decoding).

Two shares are told: of everything but rendering, and of that without what the model's libraries and weights need to
load. The second takes off the seconds that the engine's import and load take in a process of their own, measured first;
they overlap with reading and planning, so a little of those may be taken off with them.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from otio_v2a import generate
from otio_v2a.demo import cut_path
from otio_v2a.jobs import PlanOptions
from otio_v2a.prompts import PromptFlags
from otio_v2a.stems import Layout


def worker_seconds() -> float:
    """Processor time of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def load_seconds(engine: str) -> float:
    """Wall time in which a fresh process imports and loads an engine, the better of two."""
    code = (
        "import sys, time; start = time.perf_counter(); from otio_v2a_engine.registry import load; "
        "load(sys.argv[1]); print(time.perf_counter() - start)"
    )
    runs = [subprocess.run([sys.executable, "-c", code, engine], capture_output=True, check=True) for _ in range(2)]
    return min(float(run.stdout.split()[-1]) for run in runs)


def main() -> None:
    """Run twice, print the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cut", type=Path, default=cut_path())
    parser.add_argument("--takes", type=int, default=8)
    parser.add_argument("--engine", default="small")
    parser.add_argument("--layout", choices=("clips", "roles"), default="clips")
    args = parser.parse_args()
    loading = load_seconds(args.engine)
    print(f"loading {args.engine} (libraries and weights) in a process of its own: {loading:.2f} s")
    print(" " * 84 + "beside     and loading  processor s of")
    print(
        "run     sound s  renders  total s  prepare s  engine s  run's rest s  deliver s  "
        "rendering %  %            program  worker"
    )
    with tempfile.TemporaryDirectory() as folder:
        options = generate.GenerateOptions(
            out=Path(folder) / "cut_v2a.otio",
            flags=PromptFlags(takes=args.takes),
            plan=PlanOptions(engine=args.engine),
            layout=Layout(args.layout),
        )
        for name in ("fresh", "reused"):
            start, own, worker = time.perf_counter(), time.process_time(), worker_seconds()
            with generate.warm(options) as warm:
                prepared = generate.prepare(args.cut, warm)
                planned = time.perf_counter()
                made = generate.produce(prepared, warm)
                total = time.perf_counter() - start
            own, worker = time.process_time() - own, worker_seconds() - worker
            report = made.report
            sound = sum(job.request.n_samples / job.request.sample_rate for job in prepared.plan.jobs)
            rest = report.seconds - report.engine_seconds
            deliver = total - (planned - start) - report.seconds
            beside = total - report.engine_seconds
            # A run that finds everything loads nothing.
            unloaded = max(0.0, beside - loading) if report.rendered else beside
            print(
                f"{name:7} {sound:7.1f} {report.rendered:8d} {total:8.2f} {planned - start:10.2f} "
                f"{report.engine_seconds:9.2f} {rest:13.2f} {deliver:10.2f} "
                f"{100 * beside / total:11.1f} {100 * unloaded / total:12.1f} {own:8.2f} {worker:7.2f}"
            )


if __name__ == "__main__":
    main()
