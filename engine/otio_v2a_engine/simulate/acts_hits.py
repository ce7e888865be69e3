"""Acts that sound at instants: falls, strikes, steps, doors, blasts, calls. Knows no waveform.

An act is a pure function of its generator and its length in track samples. Its events are the instants of
contact of the very tracks that are drawn.
"""

from itertools import pairwise

import numpy as np

from otio_v2a_engine.simulate.acting import (
    Act,
    Event,
    Rng,
    actor,
    contact_times,
    events_at,
    gap_track,
    times_of,
    tint,
)
from otio_v2a_engine.simulate.draw import ASPECT, TRACK_RATE, Actor

__all__ = [
    "blast",
    "bounce",
    "clap",
    "door",
    "fingers",
    "juggle",
    "plunge",
    "speak",
    "strike",
    "sweep",
    "tread",
    "walk",
]


def bounce(rng: Rng, n: int) -> Act:
    """Something falls in from above, bounces, comes to rest, and is thrown again or followed by another."""
    seconds, t_all = n / TRACK_RATE, times_of(n)
    size = rng.uniform(0.06, 0.24)
    ground, gravity, spring = rng.uniform(0.55, 0.95), rng.uniform(2.0, 8.0), rng.uniform(0.2, 0.82)
    floor_y = ground - size / 2
    x = np.full(n, rng.uniform(0.2, ASPECT - 0.2), np.float32)
    y = np.full(n, -1.0, np.float32)
    angle = np.zeros(n, np.float32)
    events: list[Event] = []
    start = rng.uniform(0.0, 1.2)
    while start < seconds:
        top = -size / 2 - rng.uniform(0, 0.2)
        drift, x0, spin = rng.uniform(-0.25, 0.25), rng.uniform(0.25, ASPECT - 0.25), rng.uniform(-4, 4)
        fall = float(np.sqrt(2 * (floor_y - top) / gravity))
        here = t_all >= start
        y[here] = np.minimum(top + 0.5 * gravity * (t_all[here] - start) ** 2, floor_y)
        x[here] = x0 + drift * (t_all[here] - start)
        angle[here] = spin * (t_all[here] - start)
        contact, speed = start + fall, gravity * fall
        fastest = speed
        while speed > 0.28 and contact < seconds:
            events.append(Event(contact, float(min(1.0, (speed / fastest) ** 0.8)), float(np.clip(x0 / ASPECT, 0, 1))))
            speed *= spring * rng.uniform(0.9, 1.05)
            flight = 2 * speed / gravity
            air = (t_all >= contact) & (t_all < contact + flight)
            tau = t_all[air] - contact
            y[air] = floor_y - speed * tau + 0.5 * gravity * tau**2
            contact += flight
            y[t_all >= contact] = floor_y
        rest = t_all >= contact
        x[rest] = x0 + drift * (contact - start)
        angle[rest] = spin * (contact - start)
        start = contact + rng.uniform(0.3, 2.0)
    events = [event for event in events if event.time_s < seconds - 0.01]
    body = actor(
        n,
        x=x,
        y=y,
        w=size,
        h=size * rng.uniform(0.7, 1.3),
        angle=angle,
        colour=tint(rng),
        roundness=float(rng.choice([0.1, 1.0])),
    )
    table = actor(n, x=ASPECT / 2, y=ground + 0.25, w=2.5, h=0.5, colour=tint(rng), roundness=0)
    return Act((table, body) if rng.random() < 0.8 else (body,), tuple(events))


def strike(rng: Rng, n: int) -> Act:
    """A tool, hand or stick strikes a target again and again."""
    times = contact_times(rng, n / TRACK_RATE)
    gap = gap_track(n, times, rng)
    x, y, direction = rng.uniform(0.4, ASPECT - 0.4), rng.uniform(0.45, 0.8), rng.uniform(-0.6, 0.6)
    reach, head = rng.uniform(0.12, 0.4), rng.uniform(0.05, 0.18)
    target_h = rng.uniform(0.06, 0.25)
    hand_x = x + np.sin(direction) * gap * reach
    hand_y = y - head / 2 - np.cos(direction) * gap * reach
    colour = tint(rng)
    push = 0.012 * (gap < 0.12) * rng.integers(0, 2)
    target = actor(
        n,
        x=x,
        y=y + target_h / 2 + push,
        w=rng.uniform(0.12, 0.5),
        h=target_h,
        colour=tint(rng),
        roundness=rng.uniform(0, 1),
    )
    tool = actor(
        n, x=hand_x, y=hand_y, w=head, h=head * rng.uniform(0.7, 1.5), colour=colour, roundness=rng.uniform(0, 1)
    )
    arm = actor(
        n,
        x=hand_x + np.sin(direction) * 0.25,
        y=hand_y - np.cos(direction) * 0.25,
        w=head * 0.5,
        h=0.5,
        angle=direction,
        colour=colour,
    )
    return Act((target, arm, tool) if rng.random() < 0.7 else (target, tool), events_at(times, rng, x))


def clap(rng: Rng, n: int) -> Act:
    """Two hands, or two things, meet."""
    times = contact_times(rng, n / TRACK_RATE, longest=1.1)
    gap = gap_track(n, times, rng)
    x, y, reach, size = (
        rng.uniform(0.4, ASPECT - 0.4),
        rng.uniform(0.3, 0.7),
        rng.uniform(0.05, 0.25),
        rng.uniform(0.06, 0.2),
    )
    tilt, colour = rng.uniform(-0.5, 0.5), tint(rng)
    hands = [
        actor(
            n,
            x=x + side * (size * 0.3 + reach * gap),
            y=y + side * tilt * reach * gap,
            w=size * 0.6,
            h=size * 1.5,
            angle=side * 0.3,
            colour=colour,
        )
        for side in (-1.0, 1.0)
    ]
    return Act(tuple(hands), events_at(times, rng, x))


def walk(rng: Rng, n: int) -> Act:
    """A figure walks or runs past, in place, or only its feet are seen; an event at each footfall."""
    seconds, t = n / TRACK_RATE, times_of(n)
    step_s, start = float(np.exp(rng.uniform(np.log(0.28), np.log(0.8)))), rng.uniform(0, 1.0)
    stop = seconds + 1 if rng.random() < 0.6 else rng.uniform(min(2.5, 0.5 * seconds), seconds)
    footfalls = [time for time in np.arange(start + step_s, min(stop, seconds), step_s) if time < seconds - 0.02]
    moving = ((t > start) & (t < stop)).astype(np.float32)
    phase = np.clip(t - start, 0, stop - start) / step_s  # counts steps: foot k%2 lands when it reaches k
    leg, ground = rng.uniform(0.2, 0.6), rng.uniform(0.75, 0.98)
    lift, stride = rng.uniform(0.04, 0.12), rng.uniform(0.12, 0.3) * leg / 0.4
    speed = rng.choice([-1.0, 0.0, 1.0]) * rng.uniform(0.7, 1.1)
    direction = 1.0 if speed >= 0 else -1.0
    centre = rng.uniform(0.3, ASPECT - 0.3) if speed == 0 else (0.1 if speed > 0 else ASPECT - 0.1)
    hip_x = centre + speed * stride * phase
    x_now = (hip_x - 0.1) % (ASPECT + 0.3)
    colour, shoe = tint(rng), tint(rng)
    actors: list[Actor] = []
    for side in (0, 1):
        along = (phase + side) % 2  # 0..1 swings forward, 1..2 stands and moves back
        swing = along < 1
        offset = np.where(swing, -np.cos(np.pi * along), 1 - 2 * (along - 1)) * stride * 0.9 * direction
        height = np.where(swing, np.sin(np.pi * along) * lift, 0) * moving
        foot_x, foot_y = x_now + offset, ground - height
        hip_y = ground - leg
        dx, dy = foot_x - x_now, foot_y - hip_y
        actors.append(
            actor(
                n,
                x=(foot_x + x_now) / 2,
                y=(foot_y + hip_y) / 2,
                w=leg * 0.22,
                h=np.hypot(dx, dy),
                angle=-np.arctan2(dx, dy),
                colour=colour,
            )
        )
        actors.append(actor(n, x=foot_x + 0.03 * direction, y=foot_y - 0.015, w=leg * 0.4, h=leg * 0.14, colour=shoe))
    bob = 0.012 * np.cos(2 * np.pi * phase) * moving
    actors.append(actor(n, x=x_now, y=ground - leg * 1.6 + bob, w=leg * 0.5, h=leg * 1.5, colour=tint(rng)))
    actors.append(actor(n, x=x_now, y=ground - leg * 2.6 + bob, w=leg * 0.42, h=leg * 0.48, colour=tint(rng)))
    events = []
    for footfall in footfalls:
        x = float(x_now[min(n - 1, int(footfall * TRACK_RATE))])
        events.append(Event(float(footfall), float(rng.uniform(0.6, 1.0)), float(np.clip(x / ASPECT, 0, 1))))
    return Act(tuple(actors), tuple(events))


def tread(rng: Rng, n: int) -> Act:
    """Walking seen through the walker's eyes: the view dips at each footfall."""
    seconds, t = n / TRACK_RATE, times_of(n)
    step_s, start = rng.uniform(0.35, 0.75), rng.uniform(0, 0.6)
    footfalls = [float(time) for time in np.arange(start + step_s, seconds - 0.02, step_s)]
    phase = np.clip(t - start, 0, None) / step_s
    shake = (rng.uniform(1.0, 3.5) * np.abs(np.sin(np.pi * phase))).astype(np.float32)
    forward = (rng.uniform(0.05, 0.35) * phase).astype(np.float32) if rng.random() < 0.75 else None
    return Act((), events_at(footfalls, rng, ASPECT / 2), shake=shake, forward=forward)


def door(rng: Rng, n: int) -> Act:
    """A door, lid or drawer swings shut, and opens again without a sound."""
    times = contact_times(rng, n / TRACK_RATE, shortest=1.2, longest=3.5)
    gap = gap_track(n, times, rng, slow=rng.uniform(1.5, 4.0))
    x, width, height = rng.uniform(0.2, 0.9), rng.uniform(0.3, 0.7), rng.uniform(0.5, 0.95)
    swing = 1 - 0.85 * gap
    frame = actor(n, x=x + width / 2, y=0.5, w=width * 1.08, h=height * 1.06, colour=tint(rng), roundness=0)
    leaf = actor(n, x=x + width * swing / 2, y=0.5, w=width * swing, h=height, colour=tint(rng), roundness=0.05)
    return Act((frame, leaf), events_at(times, rng, x + width / 2))


def juggle(rng: Rng, n: int) -> Act:
    """A ball flies up and comes down on a foot, a hand or a racket."""
    times = contact_times(rng, n / TRACK_RATE, shortest=0.35, longest=1.1)
    t = times_of(n)
    x, low, size = rng.uniform(0.4, ASPECT - 0.4), rng.uniform(0.6, 0.85), rng.uniform(0.07, 0.16)
    gravity = rng.uniform(2.5, 6)
    y = np.full(n, low, np.float32)
    edges = [-0.4, *times, times[-1] + 0.8] if times else [-0.4, 0.4]
    for first, last in pairwise(edges):
        air = (t >= first) & (t < last)
        y[air] = low - 0.5 * gravity * (t[air] - first) * (last - t[air])
    gap = gap_track(n, times, rng)
    ball = actor(n, x=x + 0.03 * np.sin(2 * t), y=y - size / 2, w=size, h=size, colour=tint(rng))
    foot = actor(n, x=x - 0.08, y=low + 0.04 + 0.12 * gap, w=0.3, h=0.09, angle=-0.2 + 0.3 * gap, colour=tint(rng))
    return Act((foot, ball), events_at(times, rng, x))


def fingers(rng: Rng, n: int) -> Act:
    """Fingers press keys or buttons, often quickly."""
    times = contact_times(rng, n / TRACK_RATE, shortest=0.12, longest=0.6)
    count, x0, y0 = int(rng.integers(1, 6)), rng.uniform(0.3, 0.8), rng.uniform(0.5, 0.75)
    colour, reach = tint(rng), rng.uniform(0.04, 0.12)
    which = rng.integers(0, count, len(times))
    board = actor(n, x=x0 + 0.07 * count, y=y0 + 0.1, w=0.16 * count + 0.3, h=0.2, colour=tint(rng), roundness=0.1)
    actors = [board]
    for finger in range(count):
        gap = gap_track(n, [time for time, owner in zip(times, which, strict=True) if owner == finger], rng, slow=0.7)
        actors.append(actor(n, x=x0 + 0.14 * finger, y=y0 - 0.16 - reach * gap, w=0.08, h=0.36, colour=colour))
    return Act(tuple(actors), events_at(times, rng, x0))


def blast(rng: Rng, n: int) -> Act:
    """A flash, a growing fireball and smoke."""
    times = contact_times(rng, n / TRACK_RATE, shortest=0.9, longest=4.0)
    t = times_of(n)
    actors: list[Actor] = []
    events: list[Event] = []
    for time in times:
        x, y, size = rng.uniform(0.2, ASPECT - 0.2), rng.uniform(0.3, 0.7), rng.uniform(0.2, 0.9)
        after = t - time
        alive = after >= 0
        grow = np.where(alive, size * (0.4 + 0.6 * (1 - np.exp(-after.clip(0) * 9))), 0.01)
        fade, smoke = rng.uniform(0.15, 0.5), rng.uniform(0.6, 1.8)
        actors.append(
            actor(
                n,
                x=x,
                y=y - 0.08 * after.clip(0),
                w=grow * 1.2,
                h=grow * 1.1,
                alpha=0.7 * alive * np.exp(-after.clip(0) / smoke),
                colour=(0.25, 0.24, 0.23),
            )
        )
        actors.append(
            actor(
                n,
                x=x,
                y=y,
                w=grow,
                h=grow,
                alpha=alive * np.exp(-after.clip(0) / fade),
                colour=(1.0, float(rng.uniform(0.6, 0.95)), float(rng.uniform(0.2, 0.8))),
            )
        )
        events.append(Event(time, float(rng.uniform(0.6, 1)), x / ASPECT))
    return Act(tuple(actors), tuple(events))


def speak(rng: Rng, n: int) -> Act:
    """An animal or a head jerks and opens its mouth when it calls."""
    times = contact_times(rng, n / TRACK_RATE, shortest=0.7, longest=3.0)
    t = times_of(n)
    opening = np.zeros(n, np.float32)
    for time in times:
        after = t - time
        hold = rng.uniform(0.15, 0.4)
        opening = np.maximum(
            opening, np.where(after >= 0, np.minimum(after / 0.05, 1) * np.exp(-after.clip(0) / hold), 0)
        )
    x, y, size, colour = (
        rng.uniform(0.4, ASPECT - 0.4),
        rng.uniform(0.35, 0.65),
        rng.uniform(0.15, 0.4),
        tint(rng),
    )
    side = float(rng.choice([-1.0, 1.0]))
    head_x, head_y = x + side * size * (0.8 + 0.12 * opening), y - size * (0.4 + 0.15 * opening)
    body = actor(n, x=x, y=y + 0.02 * opening, w=size * 1.6, h=size * 0.8, colour=colour)
    head = actor(n, x=head_x, y=head_y, w=size * 0.6, h=size * 0.55, colour=colour)
    jaw = actor(
        n,
        x=head_x + side * size * 0.32,
        y=head_y + size * 0.12,
        w=size * 0.35,
        h=size * (0.06 + 0.3 * opening),
        colour=(0.25, 0.08, 0.08),
    )
    return Act((body, head, jaw), events_at(times, rng, x))


def sweep(rng: Rng, n: int) -> Act:
    """Something sweeps through the picture; it sounds from the start of the fast movement."""
    times = contact_times(rng, n / TRACK_RATE, shortest=0.8, longest=2.5)
    t = times_of(n)
    x = np.full(n, -0.3, np.float32)
    side = rng.uniform(0.3, 0.7)
    position = 0.15
    angle = np.zeros(n, np.float32)
    for i, time in enumerate(times):
        length, goal = rng.uniform(0.15, 0.4), position + (1 if i % 2 == 0 else -1) * rng.uniform(0.7, 1.2)
        s = ((t - time) / length).clip(0, 1)
        now = t >= time
        x[now] = position + (goal - position) * (3 * s[now] ** 2 - 2 * s[now] ** 3)
        angle[now] = 1.5 * s[now]
        position = float(np.clip(goal, 0.1, ASPECT - 0.1))
    if times:
        x[t < times[0]] = 0.15
    blade = actor(n, x=x, y=side, w=rng.uniform(0.05, 0.2), h=rng.uniform(0.2, 0.6), angle=angle, colour=tint(rng))
    return Act((blade,), events_at(times, rng, ASPECT / 2))


def plunge(rng: Rng, n: int) -> Act:
    """Things fall into water; spray goes up."""
    seconds, t = n / TRACK_RATE, times_of(n)
    line, gravity = rng.uniform(0.5, 0.8), rng.uniform(3, 8)
    actors: list[Actor] = []
    events: list[Event] = []
    for time in contact_times(rng, seconds, shortest=0.7, longest=2.5):
        x, size = rng.uniform(0.2, ASPECT - 0.2), rng.uniform(0.05, 0.16)
        y = line - 0.5 * gravity * ((time + 0.35) ** 2 - (t + 0.35) ** 2) * 0.6
        actors.append(actor(n, x=x, y=np.where(t < time + 0.1, y, 2.0), w=size, h=size, colour=tint(rng)))
        after = (t - time).clip(0)
        for _ in range(4):
            up, out = rng.uniform(0.5, 1.4), rng.uniform(-0.4, 0.4)
            spray_y = line - up * after + 0.5 * gravity * after**2
            actors.append(
                actor(
                    n,
                    x=x + out * after,
                    y=spray_y,
                    w=0.04,
                    h=0.06,
                    colour=(0.85, 0.9, 0.95),
                    alpha=((t > time) & (spray_y < line)).astype(np.float32),
                )
            )
        events.append(Event(time, float(rng.uniform(0.5, 1)), x / ASPECT))
    water = actor(n, x=ASPECT / 2, y=line + 0.5, w=2.5, h=1.0, colour=(0.15, 0.3, 0.4), roundness=0)
    return Act((*actors, water), tuple(events))
