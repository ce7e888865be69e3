"""Renders spans of any length through an engine that knows only short windows. Knows no file and no model.

    RenderRequest (an hour) -> plan_windows -> Engine.render, window by window -> blocks of sound

Only one window and one overlap are ever held, so an hour needs no more memory than half a minute.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from hashlib import blake2b
from math import ceil
from typing import Protocol, runtime_checkable

import numpy as np

from otio_v2a_engine.contract import (
    Cancelled,
    Engine,
    EngineError,
    Progress,
    RenderedAudio,
    RenderRequest,
    Role,
    VisualEvent,
)
from otio_v2a_engine.joining import Sound, declick, join, limit, match_gain_db, polarity, slew_s
from otio_v2a_engine.lengths import position

__all__ = ["Continuing", "Window", "plan_windows", "render_long", "window_seed"]

_OVERLAP_S = Fraction(1)
_OVERLAP_PART = 8
"""The overlap is a second, or this part of the longest window where that is less."""
_SHORTEST_PART = 4
"""A window ends at a shot border only if it is then at least this part of the longest window."""
_DECLICK_S = Fraction(3, 1000)
_UNITS = 100
"""Progress units per window."""
_SPARSE_ROLES = (Role.FX, Role.DX)


@runtime_checkable
class Continuing(Protocol):
    """An engine that can go on from sound: rain keeps its drops over a window's border, a voice its speaker."""

    def render_after(
        self,
        request: RenderRequest,
        before: Sound,
        *,
        on_progress: Callable[[Progress], None],
        cancelled: Callable[[], bool],
    ) -> RenderedAudio:
        """As `Engine.render`; `before`, float32 `(channels, n)`, is what is there already at the window's start."""
        ...


@dataclass(frozen=True)
class Window:
    """A stretch of a span, in samples from the span's start.

    Attributes:
        start: first sample.
        stop: after its last sample.
        overlap: samples shared with the window before; 0 for the first.
        at_cut: whether the overlap ends at a shot border, and is only there to avoid a click.
    """

    start: int
    stop: int
    overlap: int
    at_cut: bool

    @property
    def n_samples(self) -> int:
        """Its length."""
        return self.stop - self.start


def plan_windows(request: RenderRequest, *, max_window_s: Fraction) -> tuple[Window, ...]:
    """Divide a span into windows of at most `max_window_s`.

    Effects and dialogue prefer shot borders: short shots share a window, long shots are divided evenly.
    Ambience and music run across cuts. What fits one window stays whole.
    """
    rate, end = request.sample_rate, request.n_samples
    longest = int(max_window_s * rate)
    if end <= longest:
        return (Window(0, end, overlap=0, at_cut=False),)
    shortest = longest // _SHORTEST_PART
    overlap = max(1, min(int(_OVERLAP_S * rate), longest // _OVERLAP_PART))
    lead = min(int(_DECLICK_S * rate), overlap)
    cuts = [position(cut, rate) for cut in request.picture.cuts_s] if request.prompt.role in _SPARSE_ROLES else []
    cuts = [cut for cut in cuts if shortest <= cut <= end - shortest]
    windows: list[Window] = []
    start = 0
    while True:
        near = [cut for cut in cuts if start + shortest <= cut <= start + longest]
        far = [cut for cut in cuts if cut > start + longest]
        borders = [end] if end - start <= longest else [*near[-1:], *far[:1], end]
        stop = borders[0]
        windows += _divide(start, stop, longest=longest, overlap=overlap, lead=lead if windows else 0)
        if stop == end:
            return tuple(windows)
        start = stop - lead


def _divide(start: int, stop: int, *, longest: int, overlap: int, lead: int) -> Iterator[Window]:
    """Windows of nearly equal length over `[start, stop)`; the first shares `lead` samples with what came before."""
    fresh = stop - start - overlap
    count = max(1, ceil(fresh / (longest - overlap)))
    starts = [start + index * fresh // count for index in range(count + 1)]
    for index in range(count):
        first = index == 0
        yield Window(starts[index], starts[index + 1] + overlap, lead if first else overlap, at_cut=first and lead > 0)


def window_seed(seed: int, index: int) -> int:
    """Seed of a span's window: the span's own for the first, derived and fixed for the others."""
    if index == 0:
        return seed
    return int.from_bytes(blake2b(f"{seed}/{index}".encode(), digest_size=8).digest(), "little") >> 1


def render_long(
    engine: Engine,
    request: RenderRequest,
    *,
    on_progress: Callable[[Progress], None],
    cancelled: Callable[[], bool],
) -> Iterator[Sound]:
    """Render a span of any length; yields float32 `(channels, n)` blocks that sum to exactly `n_samples`.

    The sound depends on the request alone. A span that fits one window is what the engine made, unchanged.

    Raises:
        UnsupportedRequest, PictureError: as `Engine.render`.
        EngineError: the engine returned something other than it was asked for.
        Cancelled: `cancelled` answered True, between windows or inside one.
    """
    windows = plan_windows(request, max_window_s=engine.info.max_window_s)
    sparse = request.prompt.role in _SPARSE_ROLES
    kept: Sound | None = None
    for index, window in enumerate(windows):
        if cancelled():
            raise Cancelled("the render was cancelled")
        sound = _render_window(
            engine,
            _window_request(request, window, index),
            None if window.at_cut else kept,
            on_progress=_spread(on_progress, index=index, count=len(windows)),
            cancelled=cancelled,
        )
        if kept is not None:
            sound = _continue(kept, sound, window, sample_rate=request.sample_rate, sparse=sparse)
        keep = windows[index + 1].overlap if index + 1 < len(windows) else 0
        yield sound[:, : sound.shape[1] - keep]
        kept = sound[:, sound.shape[1] - keep :].copy()


def _continue(kept: Sound, sound: Sound, window: Window, *, sample_rate: int, sparse: bool) -> Sound:
    """The window's sound with its overlap joined to the end of what came before."""
    n = window.overlap
    if window.at_cut:
        return np.concatenate([declick(kept, sound[:, :n]), sound[:, n:]], axis=1)
    sound = _matched(kept, sound, overlap=n, sample_rate=sample_rate, sparse=sparse)
    sound = sound * np.float32(polarity(kept, sound[:, :n]))
    return np.concatenate([join(kept, sound[:, :n], sample_rate=sample_rate, sparse=sparse), sound[:, n:]], axis=1)


def _matched(kept: Sound, sound: Sound, *, overlap: int, sample_rate: int, sparse: bool) -> Sound:
    """The window brought closer to the level before it, and back to its own, so that nothing adds up.

    Steady sounds take until the window's end for that; effects and dialogue no longer than they must, because every
    event has a level of its own.
    """
    peak = float(np.abs(sound).max())
    gain_db = match_gain_db(kept, sound[:, :overlap], sample_rate=sample_rate, peak=peak, sparse=sparse)
    if gain_db == 0:
        return sound
    end = sound.shape[1] - 1
    released = min(end, overlap + round(slew_s(gain_db) * sample_rate)) if sparse else end
    release_db = np.interp(np.arange(sound.shape[1]), [overlap, released], [gain_db, 0.0])
    return np.asarray(limit(sound * 10 ** (release_db / 20), sample_rate), dtype=np.float32)


def _window_request(request: RenderRequest, window: Window, index: int) -> RenderRequest:
    rate = request.sample_rate
    picture = request.picture.window(Fraction(window.start, rate), Fraction(window.n_samples, rate))
    if window.at_cut:
        # The border that this window starts at is no border inside it.
        hidden = Fraction(window.overlap + 1, rate)
        picture = replace(picture, cuts_s=tuple(cut for cut in picture.cuts_s if cut > hidden))
    return replace(
        request,
        picture=picture,
        n_samples=window.n_samples,
        seed=window_seed(request.seed, index),
        events=_window_events(request.events, Fraction(window.start, rate), Fraction(window.n_samples, rate)),
    )


def _window_events(
    events: tuple[VisualEvent, ...] | None, start_s: Fraction, duration_s: Fraction
) -> tuple[VisualEvent, ...] | None:
    """The events inside a window, in its time."""
    if events is None:
        return None
    shifted = (replace(event, time_s=event.time_s - start_s) for event in events)
    return tuple(event for event in shifted if 0 <= event.time_s < duration_s)


def _render_window(
    engine: Engine,
    request: RenderRequest,
    before: Sound | None,
    *,
    on_progress: Callable[[Progress], None],
    cancelled: Callable[[], bool],
) -> Sound:
    if before is not None and isinstance(engine, Continuing):
        audio = engine.render_after(request, before, on_progress=on_progress, cancelled=cancelled)
    else:
        audio = engine.render(request, on_progress=on_progress, cancelled=cancelled)
    expected = (request.channels, request.n_samples)
    if audio.samples.shape != expected or audio.sample_rate != request.sample_rate:
        raise EngineError(
            f"engine {engine.info.name} returned {audio.samples.shape} at {audio.sample_rate} Hz instead of "
            f"{expected} at {request.sample_rate} Hz; this is a defect of the engine"
        )
    return audio.samples


def _spread(on_progress: Callable[[Progress], None], *, index: int, count: int) -> Callable[[Progress], None]:
    """Progress of one window as progress of the span."""

    def report(progress: Progress) -> None:
        part = min(1.0, progress.done / max(1, progress.total))
        stage = progress.stage if count == 1 else f"{progress.stage or 'window'} {index + 1}/{count}"
        on_progress(Progress(index * _UNITS + int(part * _UNITS), count * _UNITS, stage))

    return report
