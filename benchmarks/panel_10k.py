"""How long the panel takes to open a cut of 10,000 clips, and whether its list scrolls without a dropped frame.

    python benchmarks/panel_10k.py [--clips 10000] [--seconds 6] [--platform offscreen] [--media MOVIE]

Makes a cut over 40 copies of a movie (real pictures, so that thumbnails are decoded while it scrolls) in a temporary
folder and measures in the panel's own window, 1500 x 900:

- open: from the call until the first paint of the list with the clips in it, read, model and widgets included;
- interface: the longest time in that stretch in which the interface's thread did not come round to its events;
- scroll: the list is moved at 60 steps a second through all clips. A step's cost is what the thread spends on it, paint
  included; a step that costs more than 16.7 ms drops a frame. The percentiles are of all steps.
- wheel: the same for steps of a few rows, as a wheel makes them.

With `--platform xcb` under Xvfb the same is painted into a real window:
`xvfb-run -s "-screen 0 1600x1000x24" python benchmarks/panel_10k.py --platform xcb`.
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from fractions import Fraction
from pathlib import Path

FRAME_S = 1 / 60


def make_cut(folder: Path, *, movie: Path, n_clips: int) -> Path:
    """Write the cut and its media."""
    import opentimelineio as otio

    from otio_v2a.media import probe

    known = probe(movie)
    rate = float(known.rate or Fraction(24))
    length = int((known.duration_s or 1) * (known.rate or 24))
    time_range = lambda start, n: otio.opentime.TimeRange(  # noqa: E731
        otio.opentime.RationalTime(start, rate), otio.opentime.RationalTime(n, rate)
    )
    copies = []
    for number in range(40):
        copy = folder / f"A{number:03d}{movie.suffix}"
        shutil.copyfile(movie, copy)
        copies.append(copy)
    timeline = otio.schema.Timeline("ten thousand", global_start_time=otio.opentime.RationalTime(3600 * rate, rate))
    track = otio.schema.Track("V1", kind="Video")
    for number in range(n_clips):
        reference = otio.schema.ExternalReference(copies[number % 40].name, time_range(0, length))
        n = 12 + number % 24
        track.append(otio.schema.Clip(f"SH{number:05d}", reference, time_range(number % max(1, length - n), n)))
    timeline.tracks.append(track)
    path = folder / "cut.otio"
    timeline.to_json_file(str(path))
    return path


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=10000)
    parser.add_argument("--seconds", type=float, default=6.0, help="how long to scroll")
    parser.add_argument("--platform", default="offscreen", help="Qt's platform")
    parser.add_argument("--media", type=Path, help="a movie (the demo cut's)")
    args = parser.parse_args()
    os.environ["QT_QPA_PLATFORM"] = args.platform
    os.environ.setdefault("QT_LOGGING_RULES", "*.debug=false;qt.multimedia.*=false")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for variable in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
            os.environ[variable] = str(folder / variable)
        measure(folder, args)


def measure(folder: Path, args: argparse.Namespace) -> None:
    """Open and scroll."""
    from PySide6.QtCore import QEventLoop, QTimer
    from PySide6.QtWidgets import QApplication

    from otio_v2a.demo import cut_path
    from otio_v2a_ui import theme
    from otio_v2a_ui.window import Window

    movie = args.media or next((cut_path().parent / "media").glob("*.mp4"))
    app = QApplication([])
    theme.apply_to_application(app)
    window = Window()
    window.show()
    app.processEvents()
    beats: list[float] = []
    heart = QTimer(interval=0)
    heart.timeout.connect(lambda: beats.append(time.perf_counter()))
    for n_clips in (20, args.clips):  # the small one brings the imports in
        path = make_cut(folder, movie=movie, n_clips=n_clips)
        window.panel.close_cut()
        app.processEvents()
        beats.clear()
        heart.start()
        began, used = time.perf_counter(), time.process_time()
        window.open(path)
        loop = QEventLoop()
        view = window.panel.clips.view
        while window.panel.clips.model.rowCount() < n_clips:
            loop.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
        view.viewport().repaint()
        opened_s, used_s = time.perf_counter() - began, time.process_time() - used
        heart.stop()
        gaps = [after - before for before, after in zip([began, *beats], [*beats, began + opened_s], strict=True)]
        if n_clips == args.clips:
            print(f"open: {opened_s:.2f} s ({used_s:.2f} s of CPU); longest without events {max(gaps) * 1000:.0f} ms")
    for label, steps in (("scroll", None), ("wheel", 90)):
        walls, cpus = scroll(app, window, seconds=args.seconds, pixels=steps)
        for kind, costs in (("wall", walls), ("CPU", cpus)):
            costs_ms = sorted(cost * 1000 for cost in costs)
            dropped = sum(cost > FRAME_S for cost in costs)
            print(
                f"{label}, {kind}: {len(costs)} steps, median {statistics.median(costs_ms):.1f} ms, "
                f"99th percentile {costs_ms[int(len(costs_ms) * 0.99)]:.1f} ms, worst {costs_ms[-1]:.1f} ms, "
                f"{dropped} above a frame"
            )
    window.panel.shutdown()


def scroll(app: object, window: object, *, seconds: float, pixels: int | None) -> tuple[list[float], list[float]]:
    """Move the list 60 times a second; seconds and CPU seconds of each step."""
    bar = window.panel.clips.view.verticalScrollBar()  # type: ignore[attr-defined]
    n_steps = round(seconds / FRAME_S)
    step = pixels or max(1, bar.maximum() // n_steps)
    bar.setValue(0)
    walls, cpus = [], []
    due = time.perf_counter()
    for number in range(n_steps):
        due += FRAME_S
        began, used = time.perf_counter(), time.thread_time()
        bar.setValue((number * step) % max(1, bar.maximum()))
        app.processEvents()  # type: ignore[attr-defined]
        walls.append(time.perf_counter() - began)
        cpus.append(time.thread_time() - used)
        time.sleep(max(0.0, due - time.perf_counter()))
    return walls, cpus


if __name__ == "__main__":
    main()
