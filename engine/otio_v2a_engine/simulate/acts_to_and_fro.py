"""Acts that go to and fro: strings are strummed, things shaken, wood is sawn, clocks tick. Knows no waveform."""

from collections.abc import Sequence

import numpy as np

from otio_v2a_engine.simulate.acting import Act, Floats, Rng, actor, contact_times, events_at, times_of, tint
from otio_v2a_engine.simulate.draw import ASPECT, TRACK_RATE

__all__ = ["saw", "shake", "strum", "tick"]


def _swings(n: int, times: Sequence[float], *, before_s: float, after_s: float) -> Floats:
    """A track between -1 and 1 that changes sides around each time, `(n,)`.

    It sets out at most `before_s` before and arrives at most `after_s` after it, and never crosses a neighbour's time.
    """
    t = times_of(n)
    track = np.full(n, -1.0, np.float32)
    edges = [-9.0, *times, 1e9]
    for i, time in enumerate(times):
        start = time - min(before_s, 0.45 * (time - edges[i]) if after_s else time - edges[i])
        end = time + min(after_s, 0.45 * (edges[i + 2] - time) if before_s else edges[i + 2] - time)
        side = 1.0 if i % 2 == 0 else -1.0
        passed = ((t - start) / max(end - start, 1e-3)).clip(0, 1)
        track = np.where(t >= start, -side * np.cos(np.pi * passed), track).astype(np.float32)
    return track


def strum(rng: Rng, n: int) -> Act:
    """A hand or a plectrum passes over strings on a body; it sounds as it crosses them."""
    times = contact_times(rng, n / TRACK_RATE, shortest=0.25, longest=1.8)
    swing = _swings(n, times, before_s=rng.uniform(0.05, 0.14), after_s=rng.uniform(0.05, 0.14))
    x, y, size = rng.uniform(0.5, ASPECT - 0.5), rng.uniform(0.35, 0.7), rng.uniform(0.25, 0.6)
    reach, hand, colour = rng.uniform(0.04, 0.16), rng.uniform(0.06, 0.16), tint(rng)
    lean = rng.uniform(-0.4, 0.4)
    body = actor(n, x=x, y=y, w=size * 1.3, h=size, angle=lean, colour=tint(rng), roundness=rng.uniform(0.4, 1))
    strings = [
        actor(n, x=x, y=y + size * 0.05 * (i - 1.5), w=size * 1.8, h=0.012, angle=lean, colour=tint(rng), roundness=0)
        for i in range(int(rng.integers(1, 5)))
    ]
    hand_x, hand_y = x + 0.3 * size + lean * reach * swing, y + reach * swing
    arm = actor(n, x=hand_x + 0.18, y=hand_y + 0.14, w=0.45, h=hand * 0.5, angle=0.7, colour=colour)
    fingers = actor(n, x=hand_x, y=hand_y, w=hand, h=hand * rng.uniform(0.7, 1.3), colour=colour)
    return Act((body, *strings, arm, fingers), events_at(times, rng, x))


def shake(rng: Rng, n: int) -> Act:
    """Something is shaken; it sounds where it turns."""
    times = contact_times(rng, n / TRACK_RATE, shortest=0.14, longest=0.8)
    swing = _swings(n, times, before_s=rng.uniform(0.12, 0.3), after_s=0.0)
    x, y, size = rng.uniform(0.4, ASPECT - 0.4), rng.uniform(0.3, 0.7), rng.uniform(0.08, 0.25)
    reach, lean = rng.uniform(0.03, 0.14), rng.uniform(0, np.pi)
    at_x, at_y = x + reach * np.cos(lean) * swing, y + reach * np.sin(lean) * swing
    colour, turn = tint(rng), rng.uniform(-0.4, 0.4)
    held = actor(
        n, x=at_x, y=at_y, w=size, h=size * rng.uniform(0.6, 1.8), angle=turn * swing, colour=tint(rng),
        roundness=rng.uniform(0.2, 1),
    )  # fmt: skip
    hand = actor(n, x=at_x, y=at_y + size * 0.7, w=size * 0.7, h=size * 0.6, colour=colour)
    arm = actor(n, x=0.5 * (at_x + x), y=at_y + size * 0.7 + 0.25, w=size * 0.4, h=0.5, colour=colour)
    return Act((arm, held, hand) if rng.random() < 0.8 else (held,), events_at(times, rng, x))


def saw(rng: Rng, n: int) -> Act:
    """A blade goes to and fro on something that lies still; each stroke sounds from its start."""
    times = contact_times(rng, n / TRACK_RATE, shortest=0.28, longest=0.9)
    swing = _swings(n, times, before_s=0.0, after_s=rng.uniform(0.25, 0.5))
    x, y, length = rng.uniform(0.5, ASPECT - 0.5), rng.uniform(0.4, 0.75), rng.uniform(0.3, 0.8)
    reach, lean = rng.uniform(0.06, 0.25), rng.uniform(-0.6, 0.6)
    at_x, at_y = x + reach * np.cos(lean) * swing, y + reach * np.sin(lean) * swing
    colour = tint(rng)
    wood = actor(n, x=x, y=y + 0.12, w=rng.uniform(0.3, 1.2), h=rng.uniform(0.08, 0.3), colour=tint(rng), roundness=0.1)
    blade = actor(n, x=at_x, y=at_y, w=length, h=rng.uniform(0.04, 0.12), angle=lean, colour=tint(rng), roundness=0.1)
    hand = actor(
        n, x=at_x + 0.5 * length * np.cos(lean), y=at_y + 0.5 * length * np.sin(lean), w=0.12, h=0.12, colour=colour
    )
    return Act((wood, blade, hand), events_at(times, rng, x))


def tick(rng: Rng, n: int) -> Act:
    """The hand of a clock jumps, or a pendulum turns, as regularly as a clock."""
    period = float(rng.choice([0.5, 1.0, rng.uniform(0.3, 1.2)]))
    first = rng.uniform(0.05, period)
    times = [float(time) for time in np.arange(first, n / TRACK_RATE - 0.05, period)]
    x, y, size = rng.uniform(0.4, ASPECT - 0.4), rng.uniform(0.35, 0.6), rng.uniform(0.3, 0.8)
    dial = actor(n, x=x, y=y, w=size, h=size, colour=tint(rng), roundness=rng.uniform(0.2, 1))
    if rng.random() < 0.6:
        t = times_of(n)
        steps = sum((((t - time) / 0.05).clip(0, 1) for time in times), np.zeros(n, np.float32))
        angle = rng.uniform(0, 2 * np.pi) + steps * rng.uniform(0.1, 0.5)
        radius = 0.22 * size
    else:
        # It turns between the ticks: they fall where it passes the middle.
        angle = np.pi + rng.uniform(0.2, 0.6) * _swings(n, times, before_s=0.5 * period, after_s=0.5 * period)
        radius = 0.45 * size
    hand = actor(
        n, x=x + radius * np.sin(angle), y=y - radius * np.cos(angle), w=0.03 + 0.04 * size, h=2 * radius, angle=angle,
        colour=tint(rng), roundness=0.3,
    )  # fmt: skip
    return Act((dial, hand), events_at(times, rng, x))
