"""Finds where one shot ends and the next begins; knows frames, not clips or timelines.

A hard cut is a frame that (1) differs from the one before even after motion is taken out, (2) differs far
more than its neighbours do, and (3) shares no structure with the frame before. The third asks for
correlation, which light does not change: a muzzle flash or an explosion keeps the shot's structure and is
no cut (docs/adr/0202-own-shot-detector.md). Dissolves and fades have no border and give none.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import chain, repeat

import numpy as np
import numpy.typing as npt

from otio_v2a_engine.contract import Cancelled, Picture, Progress
from otio_v2a_engine.frames import iter_frames

__all__ = ["find_shots"]

Grey = npt.NDArray[np.float32]

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_WIDTH, _HEIGHT = 64, 36
_BLOCK_W, _BLOCK_H = 8, 9
_REACH = 4
"""Motion is searched this far, in pixels of the small picture: 6 % of its width from frame to frame."""
_CONTEXT = 4
"""Frames on either side that a cut must stand out from."""
_SAME = 0.1
_MIN_CHANGE = 6.0
"""Grey levels of 255 that remain after motion is taken out."""
_MIN_RATIO = 1.85
_CALM = 2.0
"""Grey levels of change that are never surprising: added to the neighbours' mean."""
_MAX_LIKENESS = 0.65
_NOISE_POWER = 1.0
"""Product of two blocks' powers that noise alone explains."""
_FULL_CONTRAST = 16.0
"""Grey levels of standard deviation from which a block counts in full."""


def find_shots(
    picture: Picture,
    duration_s: Fraction,
    *,
    cancelled: Callable[[], bool] = lambda: False,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> tuple[Fraction, ...]:
    """Request times within `(0, duration_s)` at which a new shot's first frame is shown, ascending.

    Reads every source frame of the span once, small, in constant memory. A freeze has no borders; in a
    reversed picture a border is where the first frame of the shot that is shown next appears.

    Raises:
        PictureError: the picture cannot be decoded.
        Cancelled: `cancelled` answered True; it is asked once per source frame.
    """
    if picture.speed == 0 or duration_s <= 0:
        return ()
    ends = sorted((picture.media_time(Fraction(0)), picture.media_time(duration_s)))
    total = max(1, int(1000 * (ends[1] - ends[0])))

    def watched() -> Iterator[tuple[Fraction, Grey]]:
        for time_s, image in iter_frames(picture, *ends, width=_WIDTH, height=_HEIGHT, fit="stretch"):
            if cancelled():
                raise Cancelled("the search for shots was cancelled")
            done = int(1000 * (time_s - ends[0]))
            on_progress(Progress(min(total, max(0, done)), total, "finding shots"))
            yield time_s, image @ _LUMA

    borders = []
    for last, first in _cuts(watched()):
        shown_s = first if picture.speed > 0 else last
        request_s = (shown_s - picture.start_s) / picture.speed
        if 0 < request_s < duration_s:
            borders.append(request_s)
    return tuple(sorted(set(borders)))


@dataclass
class _Frame:
    """A small grey frame beside the frame before it."""

    time_s: Fraction
    grey: Grey
    before_s: Fraction
    before: Grey
    plain: float

    @cached_property
    def change(self) -> float:
        """Mean grey levels that are left when each block is taken from the best place before."""
        return _residue(self.before, self.grey) if self.plain > _CALM else self.plain

    def is_cut_among(self, others: Sequence["_Frame"]) -> bool:
        """Whether a new shot begins here, given the frames around."""
        if self.plain < _MIN_CHANGE or self.change < _MIN_CHANGE:
            return False
        usual = sum(other.change for other in others) / max(1, len(others))
        return self.change > _MIN_RATIO * (usual + _CALM) and _likeness(self.before, self.grey) < _MAX_LIKENESS


def _cuts(frames: Iterator[tuple[Fraction, Grey]]) -> Iterator[tuple[Fraction, Fraction]]:
    """Media times of the last frame of a shot and the first frame of the next."""
    window: deque[_Frame | None] = deque([None] * _CONTEXT, maxlen=2 * _CONTEXT + 1)
    for newest in chain(_changes(frames), repeat(None, _CONTEXT)):
        window.append(newest)
        frame = window[_CONTEXT] if len(window) == window.maxlen else None
        if frame is not None and frame.is_cut_among([f for f in window if f is not None and f is not frame]):
            yield frame.before_s, frame.time_s


def _changes(frames: Iterator[tuple[Fraction, Grey]]) -> Iterator[_Frame]:
    """Each frame beside its predecessor. A repeated frame (a slow rate in a fast one) says nothing: left out."""
    before: tuple[Fraction, Grey] | None = None
    for time_s, grey in frames:
        if before is not None:
            plain = float(np.abs(grey - before[1]).mean())
            if plain >= _SAME:
                yield _Frame(time_s=time_s, grey=grey, before_s=before[0], before=before[1], plain=plain)
        before = time_s, grey


def _blocks(images: Grey) -> Grey:
    """`(..., H, W)` as `(..., blocks, pixels)`."""
    lead = images.shape[:-2]
    split = images.reshape(*lead, _HEIGHT // _BLOCK_H, _BLOCK_H, _WIDTH // _BLOCK_W, _BLOCK_W)
    return split.swapaxes(-2, -3).reshape(*lead, -1, _BLOCK_H * _BLOCK_W)


def _shifted(image: Grey) -> Grey:
    """Every displacement of an image within reach, `(displacements, blocks, pixels)`."""
    views = np.lib.stride_tricks.sliding_window_view(np.pad(image, _REACH, mode="edge"), image.shape)
    return _blocks(views.reshape(-1, *image.shape))


def _residue(before: Grey, now: Grey) -> float:
    """Mean absolute difference after block motion compensation."""
    return float(np.abs(_shifted(before) - _blocks(now)).mean(-1).min(0).mean())


def _likeness(before: Grey, now: Grey) -> float:
    """Best normalised cross-correlation within reach, mean over blocks: 1 is the same but for light.

    A block counts by its contrast (standard deviation, before or now), up to a limit: flat sky has nothing
    to correlate, and no one lamp may decide.
    """
    old, new = _shifted(before), _blocks(now)
    old, new = old - old.mean(-1, keepdims=True), new - new.mean(-1, keepdims=True)
    old_power, new_power = (old**2).mean(-1), (new**2).mean(-1)
    best = ((old * new).mean(-1) / np.sqrt(old_power * new_power + _NOISE_POWER)).max(0)
    weight = np.sqrt(np.maximum(old_power[len(old_power) // 2], new_power)).clip(max=_FULL_CONTRAST)
    return float((best * weight).sum() / (weight.sum() + 1))
