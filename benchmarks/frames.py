"""Windowed reading against reading every frame, in time and memory.

    python benchmarks/frames.py                 # makes its own movies in a temporary folder
    python benchmarks/frames.py --seconds 120   # longer movies: windows further in
    python benchmarks/frames.py --movie a.mov   # your own movie instead

For each movie: 8 s of frames at 8 per second, 224 x 224, from an early and from a late window; first as
`read_frames` does it (seek, decode from the key frame, scale at once), then as a reader without seeking
does it (decode from the start, keep every frame of the window as RGB, scale at the end). Every figure is
taken in a process of its own: wall time without imports, peak resident memory above that of the imports.
`--scalers` compares what downscaling costs by kernel, and how far each is from exact area averaging.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import av.filter
import numpy as np

from otio_v2a_engine.contract import Picture
from otio_v2a_engine.frames import probe, read_frames

WINDOW_S, PER_SECOND, SIDE = 8, 8, 224


def make_movie(path: Path, *, width: int, height: int, seconds: int, codec: str) -> None:
    """A moving test picture with noise, one key frame every two seconds."""
    rng = np.random.default_rng(0)
    world = rng.integers(0, 255, (height // 8 + 16, width // 8 + 400, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    options = {"libx264": {"g": "50", "preset": "ultrafast", "crf": "28"}, "prores_ks": {"profile": "0"}}[codec]
    pixel_format = {"libx264": "yuv420p", "prores_ks": "yuv422p10le"}[codec]
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        for index in range(seconds * 25):
            x = 2 * (index % 1500)
            view = np.ascontiguousarray(world[40 : 40 + height, x : x + width])
            output.mux(stream.encode(av.VideoFrame.from_ndarray(view, format="rgb24").reformat(format=pixel_format)))
        output.mux(stream.encode(None))


def read_window(path: str, start_s: Fraction) -> int:
    """As the engine reads."""
    times = [Fraction(index, PER_SECOND) for index in range(WINDOW_S * PER_SECOND)]
    return sum(1 for _ in read_frames(Picture(path, start_s=start_s), times, width=SIDE, height=SIDE))


def read_all(path: str, start_s: Fraction) -> int:
    """As a reader without seeking reads: every frame of the window in full size, then the choice."""
    kept = []
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            if frame.time is not None and frame.time >= start_s + WINDOW_S:
                break
            if frame.time is not None and frame.time >= start_s:
                kept.append(frame.to_ndarray(format="rgb24"))
    chosen = [kept[min(index * 25 // PER_SECOND, len(kept) - 1)] for index in range(WINDOW_S * PER_SECOND)]
    small = [
        av.VideoFrame.from_ndarray(image, format="rgb24").reformat(width=SIDE, height=SIDE).to_ndarray()
        for image in chosen
    ]
    return len(small)


def peak_kib() -> int:
    """Peak resident memory of this program (`ru_maxrss` would count what its parent held before the fork)."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    if found is None:
        raise SystemExit("memory is measured through /proc, which only Linux has")
    return int(found.group(1))


def one(how: str, path: str, start_s: Fraction) -> None:
    """Measure in this process and print JSON."""
    before = peak_kib()
    start = time.perf_counter()
    count = {"window": read_window, "all": read_all}[how](path, start_s)
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "mib": (peak_kib() - before) / 1024, "frames": count}))


def compare(path: Path, name: str) -> None:
    """Print one table row per window."""
    length = probe(Picture(str(path))).duration_s
    for where, start_s in (("early", Fraction(1)), ("late", length - WINDOW_S - 1)):
        row = {}
        for how in ("window", "all"):
            command = [sys.executable, __file__, "--one", how, str(path), str(start_s)]
            row[how] = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
        window, everything = row["window"], row["all"]
        print(
            f"| {name} | {where} ({float(start_s):.0f} s) | {window['seconds']:.2f} s, {window['mib']:.0f} MiB | "
            f"{everything['seconds']:.2f} s, {everything['mib']:.0f} MiB |",
            flush=True,
        )


def scalers(path: Path) -> None:
    """Print time and error of downscaling one frame, by kernel."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    full = frame.to_ndarray(format="rgb24").astype(np.float64)
    size = f"{frame.width}x{frame.height}"
    rows, columns = full.shape[0] // 12 * 12, full.shape[1] // 12 * 12
    exact = full[:rows, :columns].reshape(rows // 12, 12, columns // 12, 12, 3).mean((1, 3))
    for kernel in ("fast_bilinear", "bilinear", "area", "bicubic", "lanczos"):
        graph = av.filter.Graph()
        graph.threads = 1
        graph.link_nodes(
            graph.add("buffer", f"video_size={size}:pix_fmt={frame.format.name}:time_base=1/1000"),
            graph.add("crop", f"{columns}:{rows}:0:0"),
            graph.add("scale", f"{columns // 12}:{rows // 12}:flags={kernel}+accurate_rnd+full_chroma_int"),
            graph.add("format", "rgb24"),
            graph.add("buffersink"),
        ).configure()
        start, n = time.perf_counter(), 20
        for _ in range(n):
            frame.pts = None
            graph.vpush(frame)
            image = graph.vpull().to_ndarray()
        error = np.sqrt(((image - exact) ** 2).mean())
        print(f"| {kernel} | {1000 * (time.perf_counter() - start) / n:.2f} ms | {error:.2f} |", flush=True)


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60, help="length of the movies that are made")
    parser.add_argument("--movie", type=Path, help="measure this movie instead")
    parser.add_argument("--scalers", action="store_true", help="compare downscaling kernels instead")
    parser.add_argument("--one", nargs=3, metavar=("HOW", "MOVIE", "START"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        one(args.one[0], args.one[1], Fraction(args.one[2]))
        return
    with tempfile.TemporaryDirectory() as folder:
        if args.scalers:
            path = args.movie or Path(folder) / "a.mp4"
            if not args.movie:
                make_movie(path, width=3840, height=2160, seconds=1, codec="libx264")
            scalers(path)
            return
        if args.movie:
            compare(args.movie, args.movie.name)
            return
        for name, width, height, codec, suffix in (
            ("1080p H.264", 1920, 1080, "libx264", "mp4"),
            ("2160p H.264", 3840, 2160, "libx264", "mp4"),
            ("1080p ProRes", 1920, 1080, "prores_ks", "mov"),
        ):
            path = Path(folder) / f"a.{suffix}"
            make_movie(path, width=width, height=height, seconds=args.seconds, codec=codec)
            compare(path, name)
            path.unlink()


if __name__ == "__main__":
    main()
