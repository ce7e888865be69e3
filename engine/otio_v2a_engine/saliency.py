"""How much each part of the picture changes the sound, per span of sound: the value, and how it is drawn.

Knows no engine: `explaining.py` asks one. Gradient x input after arXiv 1605.01713.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

__all__ = ["Saliency", "overlay", "spans_of"]

Floats = npt.NDArray[np.float32]
Rgb = npt.NDArray[np.uint8]

_STRONGEST = 0.65
"""How much of a pixel the heat may cover."""


@dataclass(frozen=True)
class Saliency:
    """Maps of a window.

    Attributes:
        times_s: request times of the frames the engine saw, ascending.
        spans_s: spans of sound that are told apart, `(start, stop)` in request time.
        maps: `(spans, frames, rows, columns)`, not negative: how much the sound of a span hangs on that place of that
            frame. Rows and columns cover the square or frame that the engine saw.
        is_square: whether the engine saw the centred square of the frame alone.
    """

    times_s: tuple[Fraction, ...]
    spans_s: tuple[tuple[Fraction, Fraction], ...]
    maps: Floats
    is_square: bool

    def __post_init__(self) -> None:
        if self.maps.ndim != 4 or self.maps.shape[:2] != (len(self.spans_s), len(self.times_s)):
            raise ValueError(
                f"maps {self.maps.shape} do not fit {len(self.spans_s)} spans of {len(self.times_s)} frames"
            )
        if not np.isfinite(self.maps).all() or (self.maps < 0).any():
            raise ValueError("a saliency map is finite and not negative")

    def strongest_frame(self, span: int) -> int:
        """Number of the frame that the sound of a span hangs on most."""
        return int(self.maps[span].sum((1, 2)).argmax())

    def nearest_frame(self, time_s: Fraction) -> int:
        """Number of the seen frame nearest to a time."""
        return min(range(len(self.times_s)), key=lambda i: abs(self.times_s[i] - time_s))

    def span_at(self, time_s: Fraction) -> int:
        """Number of the span that a time lies in."""
        return next((i for i, (_, stop) in enumerate(self.spans_s) if time_s < stop), len(self.spans_s) - 1)


def spans_of(duration_s: Fraction, n_spans: int) -> tuple[tuple[Fraction, Fraction], ...]:
    """Equal spans of a duration.

    Raises:
        ValueError: fewer than one, or more than 100.
    """
    if not 1 <= n_spans <= 100:
        raise ValueError(f"spans of sound are 1 to 100, not {n_spans}")
    return tuple((duration_s * i / n_spans, duration_s * (i + 1) / n_spans) for i in range(n_spans))


def overlay(picture: Rgb, heat: Floats, *, is_square: bool) -> Rgb:
    """A frame with heat over it: nothing to see through yellow to red.

    Args:
        picture: `(H, W, 3)`.
        heat: `(rows, columns)` in 0..1.
        is_square: whether the heat covers the centred square alone.
    """
    from PIL import Image

    height, width = picture.shape[:2]
    side = min(height, width)
    size = (side, side) if is_square else (width, height)
    smooth = np.asarray(Image.fromarray(heat.astype(np.float32)).resize(size, Image.Resampling.BICUBIC))
    full = np.zeros((height, width), np.float32)
    top, left = (height - size[1]) // 2, (width - size[0]) // 2
    full[top : top + size[1], left : left + size[0]] = smooth.clip(0, 1)
    colour = np.stack([np.full_like(full, 255), 255 * (1 - full), np.zeros_like(full)], axis=-1)
    share = (_STRONGEST * full)[..., None]
    mixed: Rgb = (picture * (1 - share) + colour * share).round().astype(np.uint8)
    return mixed
