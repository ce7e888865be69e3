"""What acts are made of: events, levels, tracks of contact, and actors on them. Knows no act and no waveform."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from otio_v2a_engine.simulate.draw import ASPECT, TRACK_RATE, Actor

__all__ = [
    "Act",
    "Colour",
    "Event",
    "Floats",
    "Rng",
    "Span",
    "Track",
    "actor",
    "contact_times",
    "events_at",
    "gap_track",
    "jitter",
    "limb",
    "on_off",
    "times_of",
    "tint",
]

Floats = npt.NDArray[np.float32]
Rng = np.random.Generator
Colour = tuple[float, float, float]
Track = float | npt.NDArray[Any]


@dataclass(frozen=True)
class Event:
    """An instant that sounds: when (seconds), how hard (0..1), and where (0 left, 1 right)."""

    time_s: float
    strength: float
    x: float


@dataclass(frozen=True)
class Span:
    """A level over time, `(n,)` at TRACK_RATE in 0..1, of something that lasts."""

    level: Floats


@dataclass(frozen=True)
class Act:
    """What is seen, and the instants or the span at which it sounds."""

    actors: tuple[Actor, ...]
    events: tuple[Event, ...] = ()
    span: Span | None = None
    shake: Floats | None = None
    forward: Floats | None = None


def times_of(n: int) -> Floats:
    """Seconds of each track sample, `(n,)`."""
    times: Floats = (np.arange(n) / TRACK_RATE).astype(np.float32)
    return times


def actor(
    n: int,
    *,
    x: Track,
    y: Track,
    w: Track,
    h: Track,
    colour: Colour,
    angle: Track = 0.0,
    alpha: Track = 1.0,
    roundness: float = 1.0,
) -> Actor:
    """An actor from numbers and `(n,)` tracks; numbers stay the same throughout."""
    x, y, w, h, angle, alpha = (np.broadcast_to(np.asarray(v, np.float32), (n,)) for v in (x, y, w, h, angle, alpha))
    return Actor(x=x, y=y, w=w, h=h, angle=angle, alpha=alpha, colour=colour, roundness=roundness)


def limb(n: int, x0: Track, y0: Track, x1: Track, y1: Track, *, w: float, colour: Colour) -> Actor:
    """A capsule from one end to the other."""
    dx, dy = x1 - x0, y1 - y0
    return actor(
        n,
        x=(x0 + x1) / 2,
        y=(y0 + y1) / 2,
        w=w,
        h=np.hypot(dx, dy) + w,
        angle=-np.arctan2(dx, dy),
        colour=colour,
    )


def tint(rng: Rng) -> Colour:
    """Any colour, mostly muted."""
    value, tint = rng.uniform(0.05, 1.0), rng.uniform(-0.3, 0.3, 3)
    red, green, blue = np.clip(value + tint, 0, 1)
    return float(red), float(green), float(blue)


def contact_times(rng: Rng, seconds: float, *, shortest: float = 0.22, longest: float = 1.6) -> list[float]:
    """Regular with jitter, or irregular, from a random start; sometimes with a long pause."""
    times: list[float] = []
    period = float(np.exp(rng.uniform(np.log(shortest), np.log(longest))))
    regular = rng.random() < 0.6
    t = rng.uniform(0.1, 1.5)
    while t < seconds - 0.05:
        times.append(float(t))
        gap = period * rng.uniform(0.9, 1.1) if regular else rng.uniform(shortest, longest)
        if rng.random() < 0.07:
            gap += rng.uniform(0.8, 2.5)
        t += max(gap, shortest)
    return times


def gap_track(n: int, times: Sequence[float], rng: Rng, *, slow: float = 1.0) -> Floats:
    """Distance to contact: 1 at rest, 0 exactly at the times, accelerating towards them, then springing back."""
    t = times_of(n)
    gap = np.ones(n, np.float32)
    for i, contact in enumerate(times):
        before = contact - (times[i - 1] if i else -9.0)
        after = (times[i + 1] if i + 1 < len(times) else 1e9) - contact
        fall = min(rng.uniform(0.07, 0.2) * slow, 0.4 * before)
        rise = min(rng.uniform(0.12, 0.5) * slow, 0.5 * after)
        down = (t > contact - fall) & (t <= contact)
        up = (t > contact) & (t < contact + rise)
        gap[down] = 1 - ((t[down] - contact + fall) / fall) ** 2
        gap[up] = np.sin(0.5 * np.pi * (t[up] - contact) / rise)
    return gap


def _strengths(rng: Rng, count: int) -> npt.NDArray[np.float64]:
    return rng.uniform(0.45, 1.0) * rng.uniform(0.6, 1.0, count)


def events_at(times: Sequence[float], rng: Rng, x: float) -> tuple[Event, ...]:
    """Events at those times with random strengths, all at `x` (in picture heights)."""
    strengths = _strengths(rng, len(times))
    return tuple(
        Event(time, float(strength), float(np.clip(x / ASPECT, 0, 1)))
        for time, strength in zip(times, strengths, strict=True)
    )


def on_off(rng: Rng, n: int) -> Floats:
    """A level that is on throughout, or goes on and off at random times within 0.1 s."""
    t, seconds = times_of(n), n / TRACK_RATE
    if rng.random() < 0.45:
        return np.ones(n, np.float32)
    first = rng.uniform(0.2, 0.6 * seconds)
    last = rng.uniform(first + 0.8, seconds + 1.5)
    level: Floats = (((t - first) / 0.08).clip(0, 1) * ((last - t) / 0.12).clip(0, 1)).astype(np.float32)
    return level


def jitter(rng: Rng, n: int, rate_hz: float) -> Floats:
    """Random movement of about `rate_hz`, standard deviation below 1, `(n,)`."""
    points = np.arange(int(n / TRACK_RATE * rate_hz) + 3)
    track = np.interp(np.arange(n) * rate_hz / TRACK_RATE, points, rng.standard_normal(len(points)))
    moving: Floats = track.astype(np.float32)
    return moving
