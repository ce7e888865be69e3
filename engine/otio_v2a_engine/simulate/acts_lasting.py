"""Acts that sound while they last: flames, liquids, machines; and movement that makes no sound. Knows no waveform."""

import numpy as np

from otio_v2a_engine.simulate.acting import (
    Act,
    Rng,
    Span,
    actor,
    jitter,
    on_off,
    times_of,
    tint,
)
from otio_v2a_engine.simulate.draw import ASPECT, TRACK_RATE

__all__ = ["distractor", "flame", "flutter", "machine", "pour", "vehicle"]


def flame(rng: Rng, n: int) -> Act:
    """Flickering flames, growing and dying with their level."""
    level = on_off(rng, n)
    x, y, size = rng.uniform(0.3, ASPECT - 0.3), rng.uniform(0.6, 0.85), rng.uniform(0.15, 0.5)
    actors = []
    for layer in range(int(rng.integers(3, 7))):
        tall = size * (1 + 0.35 * jitter(rng, n, 9)) * (1 - 0.1 * layer)
        actors.append(
            actor(
                n,
                x=x + 0.12 * size * jitter(rng, n, 7) + rng.uniform(-0.3, 0.3) * size,
                y=y - tall / 2,
                w=size * 0.45 * (1 + 0.2 * jitter(rng, n, 8)),
                h=tall.clip(0.02),
                alpha=0.8 * level,
                colour=(1.0, 0.3 + 0.1 * layer, 0.05 + 0.05 * layer),
            )
        )
    return Act(tuple(actors), span=Span(level))


def pour(rng: Rng, n: int) -> Act:
    """A thin stream falls into a vessel while it is on."""
    level = on_off(rng, n)
    x, top, low, width = (
        rng.uniform(0.4, ASPECT - 0.4),
        rng.uniform(0.1, 0.35),
        rng.uniform(0.65, 0.9),
        rng.uniform(0.02, 0.06),
    )
    jug = actor(n, x=x - 0.12, y=top, w=0.25, h=0.2, angle=0.9 * level, colour=tint(rng), roundness=0.3)
    stream = [
        actor(
            n,
            x=x + 0.008 * jitter(rng, n, 25),
            y=(top + low) / 2 + 0.02 * jitter(rng, n, 25),
            w=(width * (1 + 0.3 * jitter(rng, n, 25))).clip(0.008),
            h=low - top,
            alpha=0.7 * level,
            colour=tint(rng),
        )
        for _ in range(2)
    ]
    fill = np.cumsum(level) / max(n, 1) * 0.2
    cup = actor(n, x=x, y=low, w=0.26, h=0.3, colour=tint(rng), roundness=0.15)
    water = actor(n, x=x, y=low + 0.13 - fill / 2, w=0.22, h=0.02 + fill, colour=(0.5, 0.6, 0.7), roundness=0)
    return Act((*stream, cup, water, jug), span=Span(level))


def vehicle(rng: Rng, n: int) -> Act:
    """A vehicle drives through; louder the nearer it is to the middle."""
    t, seconds = times_of(n), n / TRACK_RATE
    passing, length = rng.uniform(0.2, 0.8) * seconds, rng.uniform(0.3, 0.9)
    speed = float(rng.choice([-1, 1])) * rng.uniform(0.3, 1.2)
    x = ASPECT / 2 + speed * (t - passing)
    y, tall = rng.uniform(0.55, 0.8), length * rng.uniform(0.3, 0.5)
    colour = tint(rng)
    body = actor(n, x=x, y=y - tall / 2, w=length, h=tall, colour=colour, roundness=0.3)
    cabin = actor(
        n, x=x - 0.05 * np.sign(speed), y=y - tall, w=length * 0.5, h=tall * 0.7, colour=colour, roundness=0.4
    )
    wheels = [
        actor(n, x=x + side * length * 0.3, y=y, w=tall * 0.5, h=tall * 0.5, colour=(0.05, 0.05, 0.05))
        for side in (-1, 1)
    ]
    distance = np.hypot(1.0, (x - ASPECT / 2) * 2.5)
    return Act((body, cabin, *wheels), span=Span((1.0 / distance**1.5).astype(np.float32)))


def machine(rng: Rng, n: int) -> Act:
    """Something vibrates or whirls while it is on."""
    level = on_off(rng, n)
    x, y, size = rng.uniform(0.4, ASPECT - 0.4), rng.uniform(0.3, 0.7), rng.uniform(0.2, 0.5)
    shake = 0.012 * level
    body = actor(
        n,
        x=x + shake * jitter(rng, n, 50),
        y=y + shake * jitter(rng, n, 50),
        w=size,
        h=size * 0.5,
        colour=tint(rng),
        roundness=0.5,
    )
    turn = np.cumsum(level) / TRACK_RATE * rng.uniform(20, 45)
    blade = actor(n, x=x, y=y - size * 0.3, w=size * 1.5 * np.abs(np.cos(turn)) + 0.02, h=0.03, colour=tint(rng))
    return Act((body, blade) if rng.random() < 0.6 else (body,), span=Span(level))


def flutter(rng: Rng, n: int) -> Act:
    """Many small things move: leaves, cloth, hands of a crowd, ripples."""
    level = on_off(rng, n)
    colour, rate, reach = tint(rng), rng.uniform(2, 8), rng.uniform(0.01, 0.04)
    actors = [
        actor(
            n,
            x=rng.uniform(0.1, ASPECT - 0.1) + reach * level * jitter(rng, n, rate),
            y=rng.uniform(0.2, 0.95) + reach * level * jitter(rng, n, rate),
            w=rng.uniform(0.03, 0.1),
            h=rng.uniform(0.03, 0.1),
            angle=level * 0.5 * jitter(rng, n, rate),
            colour=(colour[0] * rng.uniform(0.7, 1), colour[1] * rng.uniform(0.7, 1), colour[2]),
        )
        for _ in range(int(rng.integers(6, 16)))
    ]
    return Act(tuple(actors), span=Span(level))


def distractor(rng: Rng, n: int) -> Act:
    """Movement without a sound: drifting, swaying, turning, fading."""
    t, size = times_of(n), rng.uniform(0.08, 0.4)
    x0, y0 = rng.uniform(0.1, ASPECT - 0.1), rng.uniform(0.1, 0.9)
    rate, phase = rng.uniform(0.1, 0.9), rng.uniform(0, 6)
    wave = np.sin(2 * np.pi * rate * t + phase).astype(np.float32)
    style = int(rng.integers(4))
    x = x0 + (rng.uniform(-0.25, 0.25) * t if style == 0 else 0.15 * wave if style == 1 else 0.0)
    y = y0 + (0.1 * np.sin(2 * np.pi * rate * 0.7 * t) if style == 1 else 0.0)
    return Act(
        (
            actor(
                n,
                x=x,
                y=y,
                w=size * (1 + 0.15 * wave * (style == 3)),
                h=size * rng.uniform(0.4, 1.5),
                angle=rng.uniform(-1, 1) * t if style == 2 else 0.0,
                colour=tint(rng),
                roundness=rng.uniform(0, 1),
                alpha=0.6 + 0.4 * wave if style == 3 else 1.0,
            ),
        )
    )
