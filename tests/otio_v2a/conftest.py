"""Tiny movies and images for tests of the timeline layer, made on the spot."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def make_movie() -> Callable[..., Path]:
    """`make_movie(path, frames=, rate=, timecode=, codec=)` writes a small movie; frame n is grey 16 + n % 200."""
    import av
    import numpy as np

    def make(
        path: Path, *, frames: int = 10, rate: Fraction | int = 24, timecode: str = "", codec: str = "mpeg4"
    ) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(path), "w") as container:
            if timecode:
                container.metadata["timecode"] = timecode
            stream = container.add_stream(codec, rate=rate)
            stream.width, stream.height, stream.pix_fmt = 64, 32, "yuv420p"
            for n in range(frames):
                picture = np.full((32, 64, 3), 16 + n % 200, dtype=np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode(None))
        return path

    return make
