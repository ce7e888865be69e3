"""Memory and overhead of long renders: what an hour costs against half a minute, through the worker process.

    python benchmarks/memory_long.py [--engine fake small] [--minutes 0.5 60] [--picture FILE]

The picture is a real film (from $OTIO_V2A_MEDIA, else ../shared/media) repeated by copying its packets until it
is long enough, or a generated movie where there is none. For each engine and length a fresh worker renders one
FX span; reported are the worker's peak memory, wall seconds, seconds inside the engine (decoding the picture is
part of it) and the rest: joining, writing, messages.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import av

from otio_v2a_engine import wire
from otio_v2a_engine.conformance import write_flash_movie
from otio_v2a_engine.contract import Picture, PromptSpec, RenderRequest, Role

REPO = Path(__file__).resolve().parents[1]
MEDIA = Path(os.environ.get("OTIO_V2A_MEDIA", REPO.parent / "shared" / "media"))
FILM = MEDIA / "footage" / "tears_of_steel_battle_800x332.webm"
RATE = 48000


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", nargs="+", default=["fake"])
    parser.add_argument("--minutes", nargs="+", type=float, default=[0.5, 60])
    parser.add_argument("--picture", type=Path, default=FILM)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        movie = long_movie(options.picture, Path(folder), seconds=60 * max(options.minutes))
        print("| engine | sound | peak memory MiB | wall s | in the engine s | the rest s | the rest, s per minute |")
        print("|---|---|---|---|---|---|---|")
        for engine in options.engine:
            for minutes in options.minutes:
                print(measure(engine, movie, Path(folder) / "sound.wav", minutes=minutes), flush=True)


def measure(engine: str, movie: Path, out_path: Path, *, minutes: float) -> str:
    """One row of the table, from a fresh worker."""
    request = RenderRequest(
        picture=Picture(str(movie)),
        prompt=PromptSpec(text="gunfire", role=Role.FX),
        n_samples=round(minutes * 60 * RATE),
    )
    command = wire.Render(id="a", engine=engine, device="cpu", request=request, out_path=str(out_path))
    worker = subprocess.Popen(
        [sys.executable, "-m", "otio_v2a_engine.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert worker.stdin
    assert worker.stdout
    worker.stdin.write(wire.encode(command) + "\n")
    worker.stdin.flush()
    for line in worker.stdout:
        event = wire.decode_event(line)
        if isinstance(event, wire.Failed):
            worker.kill()
            return f"| {engine} | {minutes:g} min | {event.kind}: {event.message} |"
        if isinstance(event, wire.Finished):
            break
    peak = peak_mib(worker.pid)
    worker.communicate()
    out_path.unlink()
    rest = event.seconds - event.engine_seconds
    return (
        f"| {engine} | {minutes:g} min | {peak:.0f} | {event.seconds:.1f} | {event.engine_seconds:.1f} "
        f"| {rest:.1f} | {rest / minutes:.2f} |"
    )


def peak_mib(pid: int) -> float:
    """Largest resident set of a running process so far (Linux)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return float("nan")


def long_movie(source: Path, folder: Path, *, seconds: float) -> Path:
    """The film again and again, packets copied, in a file of at least `seconds`."""
    if not source.exists():
        print(f"no film at {source}: using a generated movie", file=sys.stderr)
        return write_flash_movie(
            folder / "generated.mov", n_frames=int(seconds * 25) + 50, flashes=range(12, 10**6, 25)
        )
    path = folder / "long.mkv"
    with av.open(str(path), "w") as out:
        stream, offset = None, 0
        while stream is None or offset * stream.time_base < seconds + 1:
            with av.open(str(source)) as film:
                video = film.streams.video[0]
                if stream is None:
                    stream = out.add_stream_from_template(video)
                    stream.time_base = video.time_base
                end = 0
                for packet in film.demux(video):
                    if packet.pts is None or packet.dts is None or video.time_base is None:
                        continue
                    end = max(end, packet.pts + (packet.duration or round(Fraction(1, 24) / video.time_base)))
                    packet.pts, packet.dts, packet.stream = packet.pts + offset, packet.dts + offset, stream
                    out.mux(packet)
            offset += end
    return path


if __name__ == "__main__":
    main()
