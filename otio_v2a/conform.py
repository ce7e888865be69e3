"""Turns takes into pieces with levels and fades: adjusted, cropped, or cross-faded where two clips adjoin.

FX and DX are cut hard at the clips' borders, with a fade short enough not to be heard and only where sound runs
across the border. AMB and MUS go over into each other through the handles. Knows samples, no OTIO.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from otio_v2a.mixing import Fade, Part, Reader, cross_fade, measure_peak, read_blocks
from otio_v2a.stem import StemClip, StemTake
from otio_v2a_engine.contract import Role

__all__ = ["adjusted_part", "level_of", "overlaps", "parts_of"]

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


def level_of(clip: StemClip, take: StemTake) -> float:
    """The factor that a clip's gain puts on a take; a boost is held where the take would exceed full scale.

    Raises:
        StemError: the take has to be measured and its file is missing or damaged.
    """
    adjustment = clip.adjustment
    if adjustment.gain_db <= 0:
        return adjustment.level()
    render = take.render
    return adjustment.level(measure_peak(read_blocks(render.path, 0, render.n_samples, channels=2)))


def adjusted_part(clip: StemClip, take: StemTake, *, sample_rate: int, start: int, stop: int) -> Part:
    """A take's render as its clip's adjustment lets it sound over `[start, stop)` in record samples.

    Raises:
        StemError: the take has to be measured and its file is missing or damaged.
    """
    render, adjustment = take.render, clip.adjustment
    fade_in, fade_out = adjustment.fades(clip.record_start, clip.record_stop, sample_rate=sample_rate)
    return Part(
        path=render.path,
        offset=start - render.file_start - adjustment.nudge_samples(sample_rate),
        start=start,
        stop=stop,
        fade_in=fade_in,
        fade_out=fade_out,
        level=level_of(clip, take),
    )


def parts_of(
    clips: Iterable[StemClip],
    *,
    role: Role,
    sample_rate: int,
    keep: tuple[int, int] | None = None,
    adjusted: bool = False,
) -> tuple[Part, ...]:
    """The pieces of the active takes of one role, ready to be mixed.

    Reads a few milliseconds of every take, and the handles where clips adjoin. With `keep`, nothing is heard
    outside of these record samples. `adjusted` says that the takes' files hold their adjustments already.

    Raises:
        StemError: a take's file is missing or damaged.
    """
    ordered = sorted(
        (clip if adjusted else _nudged(clip, sample_rate=sample_rate) for clip in clips),
        key=lambda clip: (clip.record_start, clip.record_stop),
    )
    levels = [1.0 if adjusted else level_of(clip, clip.active_take) for clip in ordered]
    fades_in: dict[int, Fade] = {}
    fades_out: dict[int, Fade] = {}
    with Reader() as reader:
        if role in _FLOWING:
            by_start = {clip.record_start: index for index, clip in reversed(list(enumerate(ordered)))}
            for index, clip in enumerate(ordered):
                following = by_start.get(clip.record_stop)
                if following is None or following in fades_in:
                    continue
                if clip.adjustment.fade_out_s or ordered[following].adjustment.fade_in_s:
                    continue  # The editor has decided how the two meet.
                sides = (clip, levels[index]), (ordered[following], levels[following])
                fade = _crossing(reader, *sides, sample_rate=sample_rate)
                if fade is not None:
                    fades_out[index], fades_in[following] = fade, fade
        parts = []
        for index, clip in enumerate(ordered):
            own_in, own_out = clip.adjustment.fades(clip.record_start, clip.record_stop, sample_rate=sample_rate)
            if adjusted:
                own_in, own_out = None, None
            fade_in = own_in or fades_in.get(index) or _opening(reader, clip, sample_rate=sample_rate)
            fade_out = own_out or fades_out.get(index) or _closing(clip, sample_rate=sample_rate)
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
                        level=levels[index],
                    )
                )
    return tuple(parts)


def _nudged(clip: StemClip, *, sample_rate: int) -> StemClip:
    """The clip with its active take's render alone, lying where the nudge puts it."""
    take = clip.active_take
    render = take.render
    start = render.file_start + clip.adjustment.nudge_samples(sample_rate)
    take = replace(take, path=render.path, file_start=start, n_samples=render.n_samples, source=None)
    return replace(clip, takes=(take,))


def _handles(clip: StemClip) -> tuple[int, int]:
    """Samples of sound before and after the clip."""
    take = clip.active_take
    before = clip.record_start - take.file_start
    return max(before, 0), max(take.n_samples - before - clip.span_samples, 0)


def _crossing(
    reader: Reader, leaving: tuple[StemClip, float], coming: tuple[StemClip, float], *, sample_rate: int
) -> Fade | None:
    """The cross-fade at the border of two clips with their levels, None when there are no handles for it."""
    (out, _), (into, _) = leaving, coming
    most = round(CROSS_FADE_S * sample_rate)
    border = into.record_start
    left = min(most, _handles(into)[0], out.span_samples // 2)
    right = min(most, _handles(out)[1], into.span_samples // 2)
    if left + right < FADE_OUT_S * sample_rate:
        return None
    sounds = [
        _read(reader, clip, border - left, border + right) * np.float32(level) for clip, level in (leaving, coming)
    ]
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
