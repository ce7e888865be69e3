"""Turns the active takes of a role into pieces with fades: cropped, or cross-faded where two clips adjoin.

FX and DX are cut hard at the clips' borders, with a fade short enough not to be heard and only where sound runs
across the border. AMB and MUS go over into each other through the handles. Knows samples, no OTIO.
"""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from otio_v2a.mixing import Fade, Part, Reader, cross_fade
from otio_v2a.stem import StemClip
from otio_v2a_engine.contract import Role

__all__ = ["overlaps", "parts_of"]

FADE_IN_S = 0.0005
FADE_OUT_S = 0.002
CROSS_FADE_S = 0.25
"""Longest way of a cross-fade to each side of a border."""

_FLOWING = frozenset({Role.AMB, Role.MUS})
_SILENCE = 10 ** (-72 / 20)


def overlaps(clips: Sequence[StemClip]) -> bool:
    """Whether two of the clips sound at the same time."""
    ordered = sorted(clips, key=lambda clip: clip.record_start)
    stop = -math.inf
    for clip in ordered:
        if clip.record_start < stop:
            return True
        stop = clip.record_stop
    return False


def parts_of(
    clips: Iterable[StemClip], *, role: Role, sample_rate: int, keep: tuple[int, int] | None = None
) -> tuple[Part, ...]:
    """The pieces of the active takes of one role, ready to be mixed.

    Reads a few milliseconds of every take, and the handles where clips adjoin. With `keep`, nothing is heard
    outside of these record samples.

    Raises:
        StemError: a take's file is missing or damaged.
    """
    ordered = sorted(clips, key=lambda clip: (clip.record_start, clip.record_stop))
    fades_in: dict[int, Fade] = {}
    fades_out: dict[int, Fade] = {}
    with Reader() as reader:
        if role in _FLOWING:
            by_start = {clip.record_start: index for index, clip in reversed(list(enumerate(ordered)))}
            for index, clip in enumerate(ordered):
                following = by_start.get(clip.record_stop)
                if following is None or following in fades_in:
                    continue
                fade = _crossing(reader, clip, ordered[following], sample_rate=sample_rate)
                if fade is not None:
                    fades_out[index], fades_in[following] = fade, fade
        parts = []
        for index, clip in enumerate(ordered):
            fade_in = fades_in.get(index) or _opening(reader, clip, sample_rate=sample_rate)
            fade_out = fades_out.get(index) or _closing(clip, sample_rate=sample_rate)
            start = min(clip.record_start, fade_in.start) if fade_in else clip.record_start
            stop = max(clip.record_stop, fade_out.start + fade_out.length)
            if keep is not None:
                start, stop = max(start, keep[0]), min(stop, keep[1])
            take = clip.active_take
            if start < stop:
                parts.append(
                    Part(
                        path=take.path,
                        offset=start - take.file_start,
                        start=start,
                        stop=stop,
                        fade_in=fade_in,
                        fade_out=fade_out,
                    )
                )
    return tuple(parts)


def _handles(clip: StemClip) -> tuple[int, int]:
    """Samples of sound before and after the clip."""
    take = clip.active_take
    before = clip.record_start - take.file_start
    return max(before, 0), max(take.n_samples - before - clip.span_samples, 0)


def _crossing(reader: Reader, out: StemClip, into: StemClip, *, sample_rate: int) -> Fade | None:
    """The cross-fade at the border of two clips, None when there are no handles to cross-fade with."""
    most = round(CROSS_FADE_S * sample_rate)
    border = into.record_start
    left = min(most, _handles(into)[0], out.span_samples // 2)
    right = min(most, _handles(out)[1], into.span_samples // 2)
    if left + right < FADE_OUT_S * sample_rate:
        return None
    sounds = [_read(reader, clip, border - left, border + right) for clip in (out, into)]
    return cross_fade(sounds[0], sounds[1], start=border - left)


def _read(reader: Reader, clip: StemClip, start: int, stop: int) -> "np.typing.NDArray[np.float32]":
    take = clip.active_take
    return reader.read(Path(take.path), start - take.file_start, stop - take.file_start)


def _opening(reader: Reader, clip: StemClip, *, sample_rate: int) -> Fade | None:
    """A fade at a clip's start, None when the sound begins only there: a hit on the cut keeps its attack."""
    look = min(round(FADE_OUT_S * sample_rate), _handles(clip)[0])
    if look > 0:
        handle = _read(reader, clip, clip.record_start - look, clip.record_start)
        if float(np.abs(handle).max()) < _SILENCE:
            return None
    length = max(1, min(round(FADE_IN_S * sample_rate), clip.span_samples // 2))
    return Fade(start=clip.record_start, length=length, power_in=1.0)


def _closing(clip: StemClip, *, sample_rate: int) -> Fade:
    length = max(1, min(round(FADE_OUT_S * sample_rate), clip.span_samples // 2))
    return Fade(start=clip.record_stop - length, length=length, power_out=1.0)
