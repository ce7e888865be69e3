"""Acts whose contact is small or dense: feet near or far, pendulums, rebounds, toppling rows, things set down.

Their events are the instants of contact of the very tracks that are drawn. Knows no waveform.
"""

from dataclasses import replace

import numpy as np

from otio_v2a_engine.simulate.acting import Act, Event, Floats, Rng, actor, contact_times, times_of, tint
from otio_v2a_engine.simulate.draw import ASPECT, TRACK_RATE, Actor

__all__ = ["approach", "pendulum", "place", "rebound", "slow_motion", "topple"]


def slow_motion(act: Act, factor: float, n: int) -> Act:
    """The first `n / factor` samples of an act's tracks shown over `n`; its instants move with them."""

    def slow(track: Floats) -> Floats:
        slowed: Floats = np.interp(np.arange(n) / factor, np.arange(len(track)), track).astype(np.float32)
        return slowed

    def slow_actor(body: Actor) -> Actor:
        return replace(
            body,
            x=slow(body.x),
            y=slow(body.y),
            w=slow(body.w),
            h=slow(body.h),
            angle=slow(body.angle),
            alpha=slow(body.alpha),
        )

    events = tuple(replace(event, time_s=event.time_s * factor) for event in act.events)
    return Act(
        tuple(slow_actor(body) for body in act.actors),
        tuple(event for event in events if event.time_s < n / TRACK_RATE - 0.01),
        shake=None if act.shake is None else slow(act.shake),
        forward=None if act.forward is None else slow(act.forward),
    )


def approach(rng: Rng, n: int) -> Act:
    """Feet walk towards the camera or away from it, perhaps followed by it; a foot sounds when it comes down."""
    seconds, t = n / TRACK_RATE, times_of(n)
    step_s, start = float(np.exp(rng.uniform(np.log(0.3), np.log(0.8)))), rng.uniform(-0.6, 0.6)
    stop = seconds + 1 if rng.random() < 0.75 else rng.uniform(0.6, 1.0) * seconds
    walked = np.clip(t - start, 0, stop - start) / step_s  # counts steps
    n_steps = (min(stop, seconds) - start) / step_s
    far = rng.uniform(1.3, 4.5)  # distances in units of the nearest
    net = (far - 1) / n_steps * rng.uniform(0.5, 1.0)
    stride = max(net, rng.uniform(0.1, 0.35))
    towards = rng.random() < 0.65
    foot, horizon, ground = rng.uniform(0.08, 0.34), rng.uniform(-0.2, 0.5), rng.uniform(0.78, 1.0)
    centre, drift = rng.uniform(0.35, ASPECT - 0.35), rng.uniform(-0.2, 0.2)
    lift, tall, softness = rng.uniform(0.3, 1.0), rng.uniform(1.5, 5.0), rng.uniform(0.0, 1.0)
    apart, thick = rng.uniform(0.35, 0.7), rng.uniform(0.5, 0.9)
    shoe, cloth = tint(rng), tint(rng)
    actors: list[Actor] = []
    screen_x: list[Floats] = []
    for side in (0, 1):
        count = walked + side
        along = count % 2
        swing = np.minimum(along, 1.0)
        eased = softness * (0.5 - 0.5 * np.cos(np.pi * swing)) + (1 - softness) * swing
        ahead = 2 * np.floor(count / 2) + 2 * eased - side - 0.5 - walked  # of the body, in steps
        gone = net * walked
        distance = np.clip((far - gone - stride * ahead) if towards else (1 + gone + stride * ahead), 0.45, None)
        scale = 1.0 / distance
        # The foot still sinks when it meets the floor: its stop is what is heard.
        height = np.where(along < 1, np.sin(np.pi * swing**1.2), 0.0) * lift * foot * scale
        x = centre + drift * (1 - scale) + (side - 0.5) * 2 * apart * foot * scale
        y = horizon + (ground - horizon) * scale - height
        w, h = foot * scale, foot * scale * rng.uniform(0.55, 0.9)
        actors.append(
            actor(n, x=x, y=y - h / 2 - tall * foot * scale / 2, w=w * thick, h=tall * foot * scale, colour=cloth)
        )
        actors.append(actor(n, x=x, y=y - h / 2, w=w, h=h * (1 + 0.25 * (height > 0)), colour=shoe, roundness=0.7))
        screen_x.append(x.astype(np.float32))
    if rng.random() < 0.6:
        body = 1.0 / np.clip((far - net * walked) if towards else (1 + net * walked), 0.45, None)
        floor = horizon + (ground - horizon) * body
        size = foot * body
        bob = 0.06 * size * np.cos(2 * np.pi * walked)
        actors.append(
            actor(
                n,
                x=(screen_x[0] + screen_x[1]) / 2,
                y=floor - size * (tall + 1.6) + bob,
                w=size * 2.2,
                h=size * 3.4,
                colour=tint(rng),
            )
        )
    events = []
    for k in range(int(np.ceil(-start / step_s)), int(n_steps) + 2):
        time = start + k * step_s
        if k < 1 or not 0 <= time < min(stop, seconds) - 0.02:
            continue
        x_then = float(screen_x[(k + 1) % 2][int(time * TRACK_RATE)])
        events.append(Event(float(time), float(rng.uniform(0.6, 1.0)), float(np.clip(x_then / ASPECT, 0, 1))))
    return Act(tuple(actors), tuple(events))


def pendulum(rng: Rng, n: int) -> Act:
    """Balls on strings: the outer ones of a row meet it in turn, or one knocks against a block."""
    seconds, t = n / TRACK_RATE, times_of(n)
    half, release = rng.uniform(0.3, 0.85), rng.uniform(-0.8, 1.2)  # seconds from knock to knock
    phase = np.clip(t - release, 0, None) / half - 0.5  # a knock at each whole number from 0
    swings = np.floor(phase)
    fade = rng.uniform(0.88, 0.995)
    reach = rng.uniform(0.25, 0.9) * fade ** np.clip(swings, 0, None)
    out = (reach * np.sin(np.pi * (phase - swings))).astype(np.float32)
    size, string = rng.uniform(0.05, 0.16), rng.uniform(0.3, 0.7)
    top, count = rng.uniform(-0.1, 0.3), int(rng.integers(2, 7))
    alone = rng.random() < 0.35
    count = 1 if alone else count
    x0 = ASPECT / 2 + rng.uniform(-0.3, 0.3) - (count - 1) * size / 2
    mirrored = -1.0 if rng.random() < 0.5 else 1.0
    ball_colour, string_colour = tint(rng), tint(rng)
    stir = 0.02 * np.exp(-np.clip(phase - swings, 0, None) * half * 12) * (swings >= 0)
    actors: list[Actor] = []
    for k in range(count):
        if alone:
            angle = -out * mirrored
        elif k == 0:
            angle = np.where(swings % 2 != 0, -out, 0) if mirrored > 0 else np.where(swings % 2 == 0, -out, 0)
        elif k == count - 1:
            angle = np.where(swings % 2 == 0, out, 0) if mirrored > 0 else np.where(swings % 2 != 0, out, 0)
        else:
            angle = stir * np.sin(40 * t)
        pivot = x0 + k * size
        x, y = pivot + string * np.sin(angle), top + string * np.cos(angle)
        if rng.random() < 0.8:
            actors.append(
                actor(n, x=(x + pivot) / 2, y=(y + top) / 2, w=0.012, h=string, angle=-angle, colour=string_colour)
            )
        actors.append(actor(n, x=x, y=y, w=size, h=size, colour=ball_colour))
    if alone:
        actors.append(
            actor(
                n,
                x=x0 + mirrored * (size / 2 + 0.08),
                y=top + string,
                w=0.16,
                h=rng.uniform(0.2, 0.6),
                colour=tint(rng),
                roundness=0.1,
            )
        )
    first = release + half / 2
    times = [time for time in first + half * np.arange(40) if 0 <= time < seconds - 0.02]
    loudest = rng.uniform(0.6, 1.0)
    events = [Event(float(time), float(loudest * fade ** round((time - first) / half)), x0 / ASPECT) for time in times]
    return Act(tuple(actors), tuple(events))


def rebound(rng: Rng, n: int) -> Act:
    """A ball, puck or slider runs between two ends, or on to another ball, and turns about at each knock."""
    t = times_of(n)
    times = contact_times(rng, n / TRACK_RATE, shortest=0.25, longest=1.3)
    size, y = rng.uniform(0.05, 0.18), rng.uniform(0.35, 0.85)
    left, right = rng.uniform(0.15, 0.6), rng.uniform(0.9, ASPECT - 0.15)
    tilt = rng.uniform(-0.25, 0.25)
    ends = [left if k % 2 else right for k in range(len(times) + 2)]
    knots = [-1.0, *times, n / TRACK_RATE + 1.0]
    s = np.interp(t, knots, ends)
    passed_on = rng.random() < 0.3  # two balls: one stops where the other starts
    actors: list[Actor] = []
    for side, (wall, sign) in enumerate(((left, -1), (right, 1))):
        hidden = passed_on and side == 1
        h = rng.uniform(0.1, 0.4)
        actors.append(
            actor(
                n,
                x=wall + sign * (size / 2 + 0.04),
                y=y + tilt * (wall - left),
                w=0.08,
                h=size if hidden else h,
                colour=tint(rng),
                roundness=1.0 if hidden else 0.1,
            )
        )
    angle = (s / size * 2) if rng.random() < 0.5 else 0.0
    actors.append(
        actor(
            n,
            x=s,
            y=y + tilt * (s - left),
            w=size,
            h=size * rng.uniform(0.6, 1.0),
            angle=angle,
            colour=tint(rng),
            roundness=float(rng.choice([0.2, 1.0])),
        )
    )
    events = []
    for k, time in enumerate(times):
        speed = abs(ends[k + 1] - ends[k]) / max(time - knots[k], 0.1)
        events.append(Event(time, float(np.clip(0.5 + 0.25 * speed, 0.5, 1.0)), ends[k + 1] / ASPECT))
    return Act(tuple(actors), tuple(events))


def topple(rng: Rng, n: int) -> Act:
    """Rows of blocks fall against each other, one knock a block."""
    seconds, t = n / TRACK_RATE, times_of(n)
    count = int(rng.integers(5, 18))
    gap_s = float(np.exp(rng.uniform(np.log(0.055), np.log(0.3))))
    direction = float(rng.choice([-1.0, 1.0]))
    span = rng.uniform(0.7, 1.5)
    pitch = span / count
    tall, wide = pitch * rng.uniform(1.5, 3.0), pitch * rng.uniform(0.2, 0.45)
    ground, rise = rng.uniform(0.55, 0.95), rng.uniform(-0.25, 0.25)
    start = rng.uniform(0.0, max(0.3, min(3.0, seconds - count * gap_s)))
    x0 = ASPECT / 2 - direction * span / 2
    touch = float(np.arcsin(min(0.95, pitch / tall)))  # the angle at which a block meets the next
    rest = min(1.45, touch * 1.5 + 0.15)
    last_s = start + gap_s * np.cumsum(rng.uniform(0.85, 1.15, count))
    colour, other = tint(rng), tint(rng)
    actors: list[Actor] = []
    events: list[Event] = []
    begin = start
    for k in range(count):
        knock = float(last_s[k])
        share = ((t - begin) / (knock - begin)).clip(0, 1)
        after = (t - knock).clip(0)
        end = touch if k + 1 < count else 1.5
        lean = end * share**2 + (max(rest - end, 0.0) * (1 - np.exp(-after / 0.12)) if k + 1 < count else 0.0)
        turn = direction * lean
        pivot_x, pivot_y = x0 + direction * (pitch * k + wide / 2), ground + rise * k / count
        corner_x, corner_y = -direction * wide / 2, -tall / 2
        actors.append(
            actor(
                n,
                x=pivot_x + corner_x * np.cos(turn) - corner_y * np.sin(turn),
                y=pivot_y + corner_x * np.sin(turn) + corner_y * np.cos(turn),
                w=wide,
                h=tall,
                angle=turn,
                colour=colour if k % 2 else other,
                roundness=0.05,
            )
        )
        if knock < seconds - 0.02:
            strength = rng.uniform(0.5, 0.9) if k + 1 < count else 1.0
            events.append(Event(knock, float(strength), float(np.clip(pivot_x / ASPECT, 0, 1))))
        begin = knock
    return Act(tuple(actors), tuple(events))


def place(rng: Rng, n: int) -> Act:
    """A hand lifts things, carries them, and sets them down; each sounds when it meets the table."""
    seconds, t = n / TRACK_RATE, times_of(n)
    times = contact_times(rng, seconds, shortest=0.6, longest=2.2)
    ground, size = rng.uniform(0.6, 0.9), rng.uniform(0.1, 0.28)
    wide, count = size * rng.uniform(0.5, 1.2), int(rng.integers(1, 4))
    places = [rng.uniform(0.25, ASPECT - 0.25) for _ in range(count)]
    xs = [np.full(n, place, np.float32) for place in places]
    ys = [np.zeros(n, np.float32) for _ in range(count)]  # above the table
    hand_x, hand_y = np.full(n, ASPECT / 2, np.float32), np.full(n, -0.4, np.float32)
    events: list[Event] = []
    before = 0.0
    for time in times:
        which, goal = int(rng.integers(count)), rng.uniform(0.25, ASPECT - 0.25)
        carry = min(rng.uniform(0.35, 1.0), 0.8 * (time - before))
        lift, last_push = rng.uniform(0.03, 0.3), rng.uniform(1.2, 3.0)
        share = ((t - time + carry) / carry).clip(0, 1)
        now = (t >= time - carry) & (t <= time + 0.05)
        start = float(xs[which][min(n - 1, int(max(0.0, time - carry) * TRACK_RATE))])
        eased = 0.5 - 0.5 * np.cos(np.pi * share)
        path = start + (goal - start) * eased
        # It comes down at speed and stops: the last part of the way is no ease-out.
        height = lift * np.minimum(1.0, 4 * share) * (1 - share**last_push)
        xs[which][t >= time - carry] = path[t >= time - carry]
        ys[which][now] = height[now]
        hand_x[now], hand_y[now] = path[now], ground - size - height[now]
        away = t > time + 0.05
        left_s = (t[away] - time - 0.05 - rng.uniform(0, 0.4)).clip(0)
        hand_y[away] = ground - size - 1.5 * left_s
        x = float(np.clip(goal / ASPECT, 0, 1))
        events.append(Event(float(time), float(rng.uniform(0.5, 1.0)), x))
        before = time
    colour = tint(rng)
    bodies = [
        actor(n, x=x, y=ground - size / 2 - y, w=wide, h=size, colour=colour, roundness=rng.uniform(0, 0.5))
        for x, y in zip(xs, ys, strict=True)
    ]
    table = actor(n, x=ASPECT / 2, y=ground + 0.3, w=2.5, h=0.6, colour=tint(rng), roundness=0)
    skin = tint(rng)
    arm = actor(n, x=hand_x + 0.1, y=hand_y - 0.35, w=0.12, h=0.8, angle=0.25, colour=skin)
    hand = actor(n, x=hand_x, y=hand_y, w=wide * rng.uniform(0.8, 1.5), h=0.12, colour=skin)
    return Act((table, *bodies, arm, hand), tuple(events))
