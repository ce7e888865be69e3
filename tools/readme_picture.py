"""Draw README's picture from what `make demo` left in out/: the film over its stems, with the true events marked.

.venv/bin/python tools/readme_picture.py out/cut_v2a.otio docs/images/demo.png
"""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import av
import numpy as np
import opentimelineio as otio
import soundfile
from PIL import Image, ImageDraw, ImageFont

from otio_v2a.demo import cut_path

WIDTH, MARGIN, STRIP, LANE = 1440, 96, 100, 120
INK, PAPER, GRID = (222, 226, 234), (22, 24, 29), (48, 52, 60)
COLOURS = {"FX": (255, 168, 76), "AMB": (104, 172, 255)}


def main() -> None:
    """Read the timeline and its preview, draw, save."""
    timeline_path, target = Path(sys.argv[1]), Path(sys.argv[2])
    timeline = otio.adapters.read_from_file(str(timeline_path))
    duration_s = timeline.duration().to_seconds()
    tracks = [track for track in timeline.tracks if track.metadata.get("otio_v2a", {}).get("generated")]
    height = STRIP + 26 + LANE * len(tracks) + 12
    image = Image.new("RGB", (WIDTH, height), PAPER)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(18)

    def x_of(seconds: float) -> int:
        return MARGIN + round(seconds / duration_s * (WIDTH - MARGIN - 12))

    paste_film(image, timeline_path.with_name(f"{timeline_path.stem}_preview.mp4"), x_of, duration_s)
    for second in range(int(duration_s) + 1):
        draw.line([(x_of(second), STRIP), (x_of(second), height - 12)], fill=GRID)
    truth = json.loads((cut_path().parent / "events.json").read_text())
    for event in (event for clip in truth["clips"] for event in clip["events"]):
        x = x_of(event["record_s"])
        draw.polygon([(x - 5, STRIP + 8), (x + 5, STRIP + 8), (x, STRIP + 20)], fill=INK)
    draw.text((14, STRIP + 2), "events", font=font, fill=INK)
    for number, track in enumerate(tracks):
        role = track.metadata["otio_v2a"]["role"]
        middle = STRIP + 26 + LANE * number + LANE // 2
        draw.text((14, middle - 10), role, font=font, fill=COLOURS[role])
        for clip in track.find_clips():
            draw_wave(draw, timeline_path.parent, clip.metadata["otio_v2a"], middle, x_of, COLOURS[role])
    target.parent.mkdir(parents=True, exist_ok=True)
    image.quantize(128).save(target, optimize=True)


def paste_film(image: Image.Image, movie: Path, x_of: Callable[[float], int], duration_s: float) -> None:
    """Eight pictures of the film, side by side over the lanes."""
    count = 8
    with av.open(str(movie)) as container:
        frames = list(container.decode(video=0))
    for index in range(count):
        start, stop = x_of(duration_s * index / count), x_of(duration_s * (index + 1) / count)
        frame = frames[int((index + 0.5) / count * len(frames))].to_image()
        height = STRIP - 8
        scale = max((stop - start - 2) / frame.width, height / frame.height)
        frame = frame.resize((round(frame.width * scale), round(frame.height * scale)), Image.Resampling.LANCZOS)
        left = (frame.width - (stop - start - 2)) // 2
        top = (frame.height - height) // 2
        image.paste(frame.crop((left, top, left + stop - start - 2, top + height)), (start, 4))


def draw_wave(
    draw: ImageDraw.ImageDraw,
    folder: Path,
    about: Mapping[str, Any],
    middle: int,
    x_of: Callable[[float], int],
    colour: tuple[int, int, int],
) -> None:
    """One stem clip's waveform, its peaks on a 48 dB scale."""
    sound, rate = soundfile.read(folder / about["path"], always_2d=True)
    first = about["offset_samples"]
    sound = np.abs(sound[first : first + about["length_samples"]]).max(axis=1)
    start_s = about["record_start_samples"] / rate
    left, right = x_of(start_s), x_of(start_s + len(sound) / rate)
    for x, part in zip(range(left, right), np.array_split(sound, right - left), strict=True):
        level = max(0.0, 1 + 20 * np.log10(max(float(part.max()), 1e-6)) / 48)
        half = round(level * (LANE // 2 - 6))
        draw.line([(x, middle - half), (x, middle + half)], fill=colour if half else GRID)


if __name__ == "__main__":
    main()
