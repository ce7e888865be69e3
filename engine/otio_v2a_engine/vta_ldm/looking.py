"""Which frames of a window a visual encoder sees, and as which pixels. Knows no network.

Frames are those nearest to exact times of a grid (2 per second as published); the published code counted frames with
the whole-number part of the rate, so its last frame of ten seconds came 407 ms early at 23.976 fps (`as_published`).
"""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from otio_v2a_engine.contract import Picture
from otio_v2a_engine.frames import probe, read_frames
from otio_v2a_engine.vta_ldm.config import EncoderSettings

__all__ = ["as_frame", "frame_times", "look", "published_frame_times"]

_LARGEST_SIDE = 2160


def frame_times(*, shown_s: Fraction, window_s: Fraction, rate: Fraction) -> tuple[Fraction, ...]:
    """Times of a grid over the whole window the model was trained on; after what is shown, its last frame is held."""
    grid = [i / rate for i in range(-(-window_s * rate // 1))]
    last = max(time for time in grid if time < shown_s)
    return tuple(min(time, last) for time in grid)


def published_frame_times(*, shown_s: Fraction, rate: Fraction, movie_rate: Fraction) -> tuple[Fraction, ...]:
    """Times at which the published code looks, its fault included: only the shown part, and rates cut to whole numbers.

    Args:
        shown_s: length of the clip.
        rate: frames per second that the encoder wants.
        movie_rate: frames per second of the movie.
    """
    n_frames = int(shown_s * movie_rate)
    whole = max(1, int(movie_rate))
    seconds = -(-n_frames // whole)
    numbers = [i * whole // rate for i in range(int(seconds * rate))]
    return tuple(number / movie_rate for number in numbers if number < n_frames) or (Fraction(0),)


def as_frame(rgb: npt.NDArray[np.uint8], size: int) -> Tensor:
    """One picture `(H, W, 3)` as the published code prepares it: short side by bicubic to `size`, centre, [0, 1].

    Returns:
        `(3, size, size)`.
    """
    image = Image.fromarray(rgb)
    width, height = image.size
    is_tall = height >= width
    scaled = (size, int(size * height / width)) if is_tall else (int(size * width / height), size)
    image = image.resize(scaled, Image.Resampling.BICUBIC)
    left, top = round((scaled[0] - size) / 2), round((scaled[1] - size) / 2)
    image = image.crop((left, top, left + size, top + size))
    return torch.from_numpy(np.asarray(image, dtype=np.uint8).copy()).permute(2, 0, 1).float() / 255


def look(picture: Picture, times_s: Sequence[Fraction], settings: EncoderSettings) -> Tensor:
    """Frames `(T, 3, size, size)` of a picture at ascending request times; a frame held is read once.

    Raises:
        PictureError: it cannot be decoded.
    """
    info = probe(picture)
    scale = min(1.0, _LARGEST_SIDE / min(info.width, info.height))
    width, height = max(1, round(info.width * scale)), max(1, round(info.height * scale))
    fresh = [True, *(a != b for a, b in pairwise(times_s))]
    wanted = [time for time, is_fresh in zip(times_s, fresh, strict=True) if is_fresh]
    frames = read_frames(picture, wanted, width=width, height=height, fit="stretch")
    seen: list[Tensor] = []
    for is_fresh in fresh:
        seen.append(as_frame(next(frames), settings.image_size) if is_fresh else seen[-1])
    return torch.stack(seen)
