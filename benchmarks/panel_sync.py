"""How far picture and sound are apart in the panel's player, over playback of real footage.

    OMP_NUM_THREADS=1 python benchmarks/panel_sync.py --seconds 60 --media ../shared/media

Plays a clip at 25, 23.976, 29.97 and 59.94 frames per second with two stems, in a window without a display, to a silent
sink with a real clock (or to the sound device with --device). At every paint it takes the time of the picture that is
painted and the audio clock. A picture is right for as long as its frame lasts, so 0 to 1 frame late is exact; drift is
the mean difference of the last quarter against the first. What a screen adds after the paint is not seen here.
"""

import argparse
import os
import statistics
import sys
import tempfile
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPO), str(REPO / "engine"), str(REPO / "ui")]

CASES = (
    ("25", Fraction(25), "nasa_crane_narration_320x180.mp4", Fraction(1)),
    ("23.976", Fraction(24000, 1001), "tears_of_steel_battle_800x332.webm", Fraction(1)),
    ("29.97", Fraction(30000, 1001), "sam2_dog_fetch_silent.mp4", Fraction(1)),
    ("59.94", Fraction(60000, 1001), "man_green_wall_320x192_60fps.mp4", Fraction(1)),
    ("25 reversed", Fraction(25), "kings_cross_rooftop_640x360.mp4", Fraction(-1)),
    ("25 at 200 %", Fraction(25), "gopro_walk_path.mp4", Fraction(2)),
)


def main() -> None:
    """Measure every case and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30, help="playback per case (30)")
    parser.add_argument("--media", type=Path, default=REPO.parent / "shared" / "media", help="folder of real footage")
    parser.add_argument("--only", help="only cases whose name holds this")
    parser.add_argument("--device", action="store_true", help="play to the sound device instead of a silent sink")
    parser.add_argument("--screenshot", type=Path, help="keep a picture of the player here")
    args = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication

    from otio_v2a_ui import theme

    app = QApplication([])
    theme.apply_to_application(app)
    print(f"load average at the start: {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    print("| timeline | shown | within a frame | median | 95 % | worst | drift | frames left out |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, rate, movie, speed in CASES:
            if args.only is None or args.only in name:
                measure(name, rate, args.media / "footage" / movie, speed, args=args, folder=Path(folder))


def measure(name: str, rate: Fraction, movie: Path, speed: Fraction, *, args: argparse.Namespace, folder: Path) -> None:
    """Play one clip in a loop and print a row."""
    import numpy as np
    import soundfile

    from otio_v2a.media import probe
    from otio_v2a_engine.contract import Picture, Role
    from otio_v2a_ui import theme
    from otio_v2a_ui.player import PlayerWidget
    from otio_v2a_ui.sinks import NullSink, default_sink
    from otio_v2a_ui.state import PlayerClip, StemSound

    media = probe(movie)
    assert media.duration_s is not None
    length = (media.duration_s - Fraction(1, 2)) / abs(speed)
    length = int(length * rate) / rate
    start = media.duration_s - Fraction(1, 4) if speed < 0 else Fraction(0)
    noise = np.random.default_rng(1).normal(0, 0.05, (round(float(length) * 48000), 2)).astype(np.float32)
    stems = []
    for role in (Role.FX, Role.AMB):
        path = folder / f"{movie.stem}_{role}.wav"
        soundfile.write(path, noise, 48000, subtype="FLOAT")
        stems.append(StemSound(role, path, Fraction(0)))
    clip = PlayerClip(
        name, name, Picture(path=str(movie), start_s=start, speed=speed), length, rate, stems=tuple(stems)
    )
    player = PlayerWidget(make_sink=default_sink if args.device else NullSink)
    theme.apply(player)
    player.resize(960, 640)
    player.show()
    player.set_clip(clip)
    player.set_loop(True)
    _wait(2.5)
    seen: list[tuple[float, float]] = []
    player.picture_shown.connect(lambda picture_s, clock_s: seen.append((picture_s, clock_s)))
    player.play()
    _wait(args.seconds)
    if args.screenshot is not None:
        player.grab().save(str(args.screenshot))
    player.close()
    frame_ms = 1000 / float(rate)
    # Over the loop's end the picture of the last frame is near the clock's new start.
    errors = [(clock - picture) * 1000 for picture, clock in seen]
    errors = [(error + float(length) * 500) % (float(length) * 1000) - float(length) * 500 for error in errors]
    # The distance to the stretch of time in which this picture is right.
    off = sorted(abs(error) for error in errors)
    inside = sum(-0.01 <= error < frame_ms + 0.01 for error in errors)
    quarter = max(1, len(errors) // 4)
    drift = statistics.fmean(errors[-quarter:]) - statistics.fmean(errors[:quarter])
    distinct = sum(a != b for (a, _), (b, _) in pairwise(seen)) + 1
    expected = args.seconds * float(rate)
    print(
        f"| {name} ({movie.name}, {frame_ms:.1f} ms) | {len(seen)} | {100 * inside / len(errors):.1f} % "
        f"| {off[len(off) // 2]:.1f} ms | {off[int(len(off) * 0.95)]:.1f} ms | {off[-1]:.1f} ms | {drift:+.2f} ms "
        f"| {max(0.0, 100 * (1 - distinct / expected)):.1f} % |",
        flush=True,
    )


def _wait(seconds: float) -> None:
    """Let the interface live. Not `QTest.qWait`, which keeps Python's other threads from running."""
    from PySide6.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    QTimer.singleShot(round(seconds * 1000), loop.quit)
    loop.exec()


if __name__ == "__main__":
    main()
