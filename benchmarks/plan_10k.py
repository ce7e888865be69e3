"""How long it takes to read and plan a cut of 10,000 clips, against OTIO's own reading of the same file.

    python benchmarks/plan_10k.py [--clips 10000] [--repeats 5]

Makes a cut (500 media files that exist, every fifth clip followed by a gap) in a temporary folder, on one picture
track and on four that overlap. Per cut it takes CPU times of `--repeats` runs, the kinds interleaved, of

- otio: `otio.adapters.read_from_file`;
- walk: one `find_clips()` over the result, with each clip's name, `trimmed_range()` and `target_url`;
- read: `otio_v2a.timeline.read`, checks against hostile files included;
- plan: `prompts.resolve` and `jobs.plan`, FX and AMB for every span: everything is checked and estimated, and the
  jobs are made when somebody looks at them;
- jobs: making and hashing all of them, which a run does before its first render.

Of every kind the best run is printed. The ratios are of the best sums of one run: what OTIO's parser leaves to tidy up
in the heap, 30 ms of it, falls sometimes to the parser itself and sometimes to whoever comes next, so the best of each
would leave it out of otio + walk. `apart` is the ratio of these, (read + plan) / (otio + walk), as it was printed once.

The goal is read + plan within 1.5 times otio + walk.
"""

import argparse
import gc
import logging
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import opentimelineio as otio

from otio_v2a import jobs, prompts
from otio_v2a.timeline import Cut, read

RT, TR = otio.opentime.RationalTime, otio.opentime.TimeRange
N_MEDIA = 500


def make_cut(folder: Path, *, n_clips: int, n_tracks: int) -> Path:
    """Write a cut and its (empty) media files."""
    for number in range(N_MEDIA):
        (folder / f"A{number:03d}.mov").touch()
    timeline = otio.schema.Timeline("benchmark", global_start_time=RT(86400, 24))
    tracks = [otio.schema.Track(f"V{number + 1}", kind="Video") for number in range(n_tracks)]
    for number in range(n_clips):
        url = (folder / f"A{number % N_MEDIA:03d}.mov").as_uri()
        clip = otio.schema.Clip(
            f"shot_{number:05d}",
            otio.schema.ExternalReference(url, TR(RT(86400, 24), RT(2000, 24))),
            TR(RT(86400 + number % 900, 24), RT(24 + number % 50, 24)),
            metadata={"Resolve_OTIO": {"Link Group ID": number}},
        )
        track = tracks[number % n_tracks]
        track.append(clip)
        if number % 5 == 0:
            track.append(otio.schema.Gap(duration=RT(10, 24)))
    timeline.tracks.extend(tracks)
    path = folder / f"cut_{n_tracks}.otio"
    timeline.to_json_file(str(path))
    return path


def timed(action: Callable[[], object]) -> tuple[float, object]:
    """CPU seconds of an action, and its result."""
    gc.collect()
    began = time.process_time()
    result = action()
    return time.process_time() - began, result


def walk(timeline: otio.schema.Timeline) -> int:
    """What any reader must at least touch."""
    count = 0
    for clip in timeline.find_clips():
        _ = clip.name, clip.trimmed_range(), clip.media_reference.target_url
        count += 1
    return count


def plan(cut: Cut) -> jobs.Plan:
    """FX and AMB for every span."""
    return jobs.plan(cut, prompts.resolve(cut.spans, flags=prompts.PromptFlags(), cues=()))


def main() -> None:
    """Print one line per cut."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    print(
        "tracks  MiB    otio ms  walk ms  read ms  plan ms  jobs ms  spans   jobs"
        "  read/(otio+walk)  (read+plan)/(otio+walk)  with all jobs  apart"
    )
    with tempfile.TemporaryDirectory() as folder:
        for n_tracks in (1, 4):
            path = make_cut(Path(folder), n_clips=args.clips, n_tracks=n_tracks)
            runs: list[dict[str, float]] = []
            n_spans = n_jobs = 0
            for _ in range(args.repeats):
                run: dict[str, float] = {}
                run["otio"], timeline = timed(lambda: otio.adapters.read_from_file(str(path)))  # noqa: B023
                run["walk"], _count = timed(lambda: walk(timeline))  # noqa: B023
                timeline = None
                run["read"], cut = timed(lambda: read(path))  # noqa: B023
                run["plan"], made = timed(lambda: plan(cut))  # noqa: B023
                run["jobs"], all_jobs = timed(lambda: tuple(made.jobs))  # noqa: B023
                n_spans, n_jobs = len(cut.spans), len(all_jobs)
                cut = made = all_jobs = None
                runs.append(run)

            def best(*kinds: str) -> float:
                return min(sum(run[kind] for kind in kinds) for run in runs)  # noqa: B023

            base = best("otio", "walk")
            apart = (best("read") + best("plan")) / (best("otio") + best("walk"))
            print(
                f"{n_tracks:6d} {path.stat().st_size / 2**20:5.1f} "
                + " ".join(f"{best(name) * 1000:8.0f}" for name in ("otio", "walk", "read", "plan", "jobs"))
                + f" {n_spans:6d} {n_jobs:6d} {best('read') / base:17.2f} {best('read', 'plan') / base:24.2f}"
                + f" {best('read', 'plan', 'jobs') / base:14.2f} {apart:6.2f}"
            )


if __name__ == "__main__":
    main()
