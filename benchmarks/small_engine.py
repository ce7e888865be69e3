"""What the engine `small` costs on this machine: start, seconds of compute per second of sound, memory.

Repeat with: python benchmarks/small_engine.py --threads 2
It renders a generated movie, so nothing has to be at hand. Wall times mean little when other work is running;
the CPU times beside them hold.
"""

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np


def main() -> int:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3)
    args = parser.parse_args()

    started, cpu = time.perf_counter(), time.process_time()
    import torch

    from otio_v2a_engine.contract import Picture, PromptSpec, RenderRequest, Role, Sampling
    from otio_v2a_engine.pipelines.small import SmallEngine

    torch.set_num_threads(args.threads)
    engine = SmallEngine("cpu")
    print(f"start: {time.perf_counter() - started:.1f} s wall, {time.process_time() - cpu:.1f} s CPU\n")

    from otio_v2a_engine.simulate.bank import Bank
    from otio_v2a_engine.simulate.scene import make_scene
    from otio_v2a_engine.training.measures import write_movie

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scene.mp4"
        write_movie(path, make_scene(np.random.default_rng(0), bank=Bank(None), seconds=10).frames)
        print("| role | sound | steps | wall | CPU | CPU per second of sound |\n| --- | --- | --- | --- | --- | --- |")
        ten = ((role, 10, steps) for role in (Role.FX, Role.AMB) for steps in (8, 12, 16))
        for role, seconds, steps in ((Role.FX, 1, 16), *ten):
            request = RenderRequest(
                picture=Picture(str(path)),
                prompt=PromptSpec(text="footsteps on gravel", role=role),
                n_samples=48000 * seconds,
                sampling=Sampling(steps=steps),
            )
            walls, cpus = [], []
            for _ in range(args.repeat):
                started, cpu = time.perf_counter(), time.process_time()
                engine.render(request, on_progress=lambda _: None, cancelled=lambda: False)
                walls.append(time.perf_counter() - started)
                cpus.append(time.process_time() - cpu)
            wall, used = min(walls), min(cpus)
            print(f"| {role} | {seconds} s | {steps} | {wall:.2f} s | {used:.2f} s | {used / seconds:.2f} s |")
    print(f"\npeak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
