"""Fixtures of the engine's tests: tiny movies whose frames can be told apart after lossy coding."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

COLUMNS, ROWS = 4, 3


def coded_picture(number: int, *, width: int = 128, height: int = 96) -> np.ndarray:
    """The number as twelve black or white blocks, RGB; read row by row, the lowest bit first."""
    bits = np.array([number >> bit & 1 for bit in range(COLUMNS * ROWS)], np.uint8).reshape(ROWS, COLUMNS) * 255
    return np.repeat(bits.repeat(height // ROWS, 0).repeat(width // COLUMNS, 1)[:, :, None], 3, axis=2)


def coded_number(picture: np.ndarray) -> int:
    """The inverse of `coded_picture`, from RGB of any size that is a multiple of the blocks."""
    height, width, _ = picture.shape
    means = picture.reshape(ROWS, height // ROWS, COLUMNS, width // COLUMNS, 3).mean((1, 3, 4))
    return sum(1 << bit for bit, white in enumerate(means.ravel() > 110) if white)


def write_movie(
    path: Path,
    pictures: Sequence[np.ndarray],
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    rate: Fraction = Fraction(25),
    ticks: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    options: dict[str, str] | None = None,
    prepare: Callable[[Any], None] | None = None,
) -> Path:
    """Encode RGB pictures, one per tick (frame numbers when there are none)."""
    height, width, _ = pictures[0].shape
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        if time_base is not None:
            stream.time_base = stream.codec_context.time_base = time_base
        if prepare is not None:
            prepare(stream)
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            if pixel_format != "rgb24":
                frame = frame.reformat(format=pixel_format)
            frame.pts = ticks[number] if ticks is not None else number
            frame.time_base = time_base or 1 / rate
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


@pytest.fixture(scope="session")
def make_movie() -> Callable[..., Path]:
    """`write_movie`, or with `n` the movie of the first n coded pictures."""

    def make(
        path: Path, pictures: Sequence[np.ndarray] | None = None, *, n: int = 60, size: Any = (128, 96), **more: Any
    ) -> Path:
        if pictures is None:
            pictures = [coded_picture(number, width=size[0], height=size[1]) for number in range(n)]
        return write_movie(path, pictures, **more)

    return make


@pytest.fixture(scope="session")
def code_number() -> Callable[..., np.ndarray]:
    """Makes the RGB picture that codes a number."""
    return coded_picture


@pytest.fixture(scope="session")
def read_number() -> Callable[[np.ndarray], int]:
    """Reads the number back."""
    return coded_number


@pytest.fixture
def few_movies(tmp_path: Path) -> Path:
    """Three movies of a second that grow brighter, two of which may stand behind scenes, with their manifest."""
    folder = tmp_path / "footage"
    folder.mkdir()
    levels = {"street.mp4": 40, "busy.mp4": 90, "sam2_kept.mp4": 200}
    for name, level in levels.items():
        steps = np.arange(level, level + 25, dtype=np.uint8)
        write_movie(folder / name, [np.full((64, 96, 3), step, np.uint8) for step in steps])
    rows = "".join(f"{name}\tby somebody\tCC0\n" for name in levels)
    (folder / "MANIFEST.tsv").write_text(f"file\tsource\tlicence\n{rows}")
    return folder
