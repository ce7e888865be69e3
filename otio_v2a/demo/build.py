"""Makes the demo cut from scratch: renders the shots with Blender, puts the frames together, writes movies and truth.

    python -m otio_v2a.demo.build --out DIR [--frames DIR] [--blender-python .venv-bpy/bin/python]

`--blender-python` is a Python that has `bpy` (4.5). With `--frames` rendered pieces are kept there and used again.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from otio_v2a.demo.cut import MOVIES, MoviePlan, timeline, truth
from otio_v2a.demo.shots import SHOTS, Rect, Shot, layers, shot

__all__ = ["build", "compose", "contact_sheet", "encode", "main", "render"]

Frame = np.ndarray[Any, np.dtype[np.uint8]]
_SCRIPT = Path(__file__).parent / "blender" / "render.py"
# The seam of a piece is blended over this many pixels.
_FEATHER = 10
# What the contact sheet shows: (shot, frame).
_MOMENTS = (("tap", 18), ("boots", 45), ("boots", 69), ("marble", 36), ("dominoes", 24), ("cradle", 42))


def build(out: Path, *, frames: Path) -> None:
    """Write media/*.mp4, cut.otio and events.json into a folder, from pieces that `render` has made."""
    (out / "media").mkdir(parents=True, exist_ok=True)
    for movie in MOVIES:
        encode(movie, out / movie.url, frames=frames)
    timeline().to_json_file(str(out / "cut.otio"))
    (out / "events.json").write_text(json.dumps(truth(), indent=1) + "\n", encoding="utf-8")


def render(frames: Path, *, blender_python: Path, width: int, samples: int) -> None:
    """Render every piece of every shot that is not there yet, as PNG files.

    Raises:
        subprocess.CalledProcessError: Blender failed; its message is on stderr.
    """
    root = Path(__file__).resolve().parents[2]
    for of in SHOTS:
        command = [str(blender_python), str(_SCRIPT), of.name, str(frames), "--width", str(width)]
        subprocess.run(
            [*command, "--samples", str(samples)],
            check=True,
            env={**os.environ, "PYTHONPATH": str(root)},
            stdout=subprocess.DEVNULL,
        )


def compose(of: Shot, frame: int, *, frames: Path) -> Frame:
    """One frame of a shot, (height, width, 3), from its pieces, the upper ones blended in at their seams."""
    picture: Any = None
    for name, rect in layers(of, frame):
        piece = _read(frames / f"{of.name}.{name}.png").astype(np.float32)
        if picture is None:
            picture = piece
            continue
        height, width = picture.shape[:2]
        left, top = round(rect[0] * width), round(rect[1] * height)
        bottom, right = top + piece.shape[0], left + piece.shape[1]
        weight = _weight(piece.shape[0], piece.shape[1], rect=rect)
        picture[top:bottom, left:right] += weight * (piece - picture[top:bottom, left:right])
    result: Frame = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    return result


def encode(movie: MoviePlan, path: Path, *, frames: Path) -> None:
    """Write a movie: H.264, BT.709, no reordered frames, so that every player shows the same frame at the same time."""
    import av
    from av.video.reformatter import ColorRange, Colorspace

    partial = path.with_suffix(".partial.mp4")
    with av.open(str(partial), "w", options={"movflags": "+faststart"}) as container:
        stream: Any = None
        for index, picture in enumerate(_pictures(movie, frames)):
            if stream is None:
                stream = container.add_stream("libx264", rate=Fraction(movie.rate))
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.time_base = Fraction(1, movie.rate)
                # Still parts would pulse at every key frame; the encoder makes one at a hard cut.
                stream.gop_size, stream.max_b_frames = 4 * movie.rate, 0
                stream.options = {
                    "crf": "17",
                    "preset": "veryslow",
                    "x264-params": "colorprim=bt709:transfer=bt709:colormatrix=bt709",
                }
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
                format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
            )
            frame.pts, frame.time_base = index, Fraction(1, movie.rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    partial.replace(path)


def contact_sheet(path: Path, *, frames: Path) -> None:
    """Write a still of the film's moments, three in a row at half size, as PNG."""
    import av

    stills = [compose(shot(name), frame, frames=frames) for name, frame in _MOMENTS]
    # Means of 2 x 2 pixels.
    halves = [still.reshape(still.shape[0] // 2, 2, still.shape[1] // 2, 2, 3).mean(axis=(1, 3)) for still in stills]
    rows = [np.concatenate(halves[first : first + 3], axis=1) for first in range(0, len(halves), 3)]
    sheet = np.rint(np.concatenate(rows, axis=0)).astype(np.uint8)
    with av.open(str(path), "w", format="image2", options={"update": "1"}) as container:
        stream: Any = container.add_stream("png")
        stream.height, stream.width, stream.pix_fmt = sheet.shape[0], sheet.shape[1], "rgb24"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(sheet, format="rgb24")))
        container.mux(stream.encode(None))


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for media/, cut.otio and events.json")
    parser.add_argument("--frames", type=Path, help="folder for rendered pieces (a temporary one)")
    parser.add_argument("--sheet", type=Path, help="also write a contact sheet, a PNG")
    parser.add_argument("--blender-python", type=Path, default=Path(".venv-bpy/bin/python"))
    parser.add_argument("--width", type=int, default=640, help="of the picture, a multiple of 640")
    parser.add_argument("--samples", type=int, default=8)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        frames = args.frames or Path(temporary)
        try:
            render(frames, blender_python=args.blender_python, width=args.width, samples=args.samples)
        except (OSError, subprocess.CalledProcessError) as error:
            sys.stderr.write(
                f"cannot render with {args.blender_python}: {error}; it needs `pip install 'bpy==4.5.*'`\n"
            )
            return 1
        build(args.out, frames=frames)
        if args.sheet:
            contact_sheet(args.sheet, frames=frames)
    return 0


def _pictures(movie: MoviePlan, frames: Path) -> Iterator[Frame]:
    for name in movie.shots:
        of = shot(name)
        for frame in range(of.n_frames):
            yield compose(of, frame, frames=frames)


def _weight(height: int, width: int, *, rect: Rect) -> Any:
    """(height, width, 1): 1 inside, falling to 0 at the sides that lie inside the picture."""
    left, top, right, bottom = rect
    rows, columns = np.ones(height, np.float32), np.ones(width, np.float32)
    ramp = (np.arange(_FEATHER, dtype=np.float32) + 0.5) / _FEATHER
    for line, low, high in ((columns, left, right), (rows, top, bottom)):
        if low > 0:
            line[:_FEATHER] = ramp
        if high < 1:
            line[-_FEATHER:] = np.minimum(line[-_FEATHER:], ramp[::-1])
    return (rows[:, None] * columns[None, :])[..., None]


def _read(path: Path) -> Frame:
    import av

    with av.open(str(path)) as container:
        return np.asarray(next(container.decode(video=0)).to_ndarray(format="rgb24"), np.uint8)


if __name__ == "__main__":
    sys.exit(main())
