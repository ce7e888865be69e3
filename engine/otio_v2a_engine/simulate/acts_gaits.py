"""Acts of feet that do more than walk: four legs that walk, trot, run, rear and leap, and people who jump.

Their events are the instants at which the very feet that are drawn meet the ground. Knows no waveform.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from otio_v2a_engine.simulate.acting import Act, Event, Floats, Rng, actor, limb, times_of, tint
from otio_v2a_engine.simulate.draw import ASPECT, TRACK_RATE, Actor

__all__ = ["GAITS", "four_legs", "jump"]

_HALF = 0.4  # of its length, from the middle of a body to its hips
_DOWN = 0.3  # radians by which its front is down when it lands
_APART_S = 0.05  # feet that meet the ground within this are heard as one


@dataclass(frozen=True)
class _Gait:
    """How four legs go: seconds of a cycle, the share of it that a foot stands, and when in it each foot comes down.

    Feet are those in front, near and far, then those behind.
    """

    cycle_s: tuple[float, float]
    stands: float
    lands: tuple[float, float, float, float]


_WALK = _Gait((0.7, 1.2), 0.65, (0.0, 0.5, 0.75, 0.25))
_TROT = _Gait((0.4, 0.65), 0.5, (0.0, 0.5, 0.5, 0.0))
_RUN = _Gait((0.32, 0.55), 0.35, (0.0, 0.12, 0.5, 0.6))


@dataclass
class _Body:
    """Tracks of a body on four legs, `(n,)` each, while they are worked out.

    Attributes:
        x: its middle.
        rise: of all of it, feet too; picture heights.
        bob: of the body alone.
        pitch: radians, its front upwards.
        phase: of the gait, in cycles.
        going: 0 where it stands, 1 where it goes.
        stands, lands: those of the gait; `lands` of each foot.
    """

    x: Floats
    rise: Floats
    bob: Floats
    pitch: Floats
    phase: Floats
    going: Floats
    stands: Floats
    lands: tuple[Floats, ...]


def _fall(t: Floats, start: float, end: float, *, softly: float) -> Floats:
    """0 to 1 and back between two times: up with ease, held, and down faster and faster to the very end."""
    up = ((t - start) / softly).clip(0, 1)
    fall_s = min(0.22, 0.5 * (end - start))
    down = ((t - (end - fall_s)) / fall_s).clip(0, 1)
    track: Floats = (0.5 - 0.5 * np.cos(np.pi * up)) * (1 - down**2)
    return track


def _go(rng: Rng, t: Floats, body: _Body, start: float, end: float, length: float, way: float) -> list[Event]:
    """The body goes from one time to another; an event for each foot that comes down."""
    gait = (_WALK, _TROT, _RUN)[int(rng.integers(3))]
    cycle_s = rng.uniform(*gait.cycle_s)
    during = (t >= start) & (t < end)
    body.going[during] = np.minimum((t[during] - start) / 0.12, (end - t[during]) / 0.12).clip(0, 1)
    body.phase[during] = (t[during] - start) / cycle_s + rng.random()
    body.stands[during] = gait.stands
    for foot, lands in enumerate(gait.lands):
        body.lands[foot][during] = lands
    stride = length * rng.uniform(0.5, 0.8)
    on_the_spot = rng.random() < 0.25
    step = 0.0 if on_the_spot else way * stride / (gait.stands * cycle_s) / TRACK_RATE
    body.x += np.cumsum(step * body.going * during).astype(np.float32)
    if gait is _RUN:
        bound = np.sin(2 * np.pi * (body.phase[during] - 0.3))
        body.pitch[during] += rng.uniform(0.05, 0.2) * bound * body.going[during]
    body.bob[during] = rng.uniform(0.01, 0.05) * length * np.cos(4 * np.pi * body.phase[during]) * body.going[during]
    return [
        event
        for foot, lands in enumerate(gait.lands)
        for event in _landings(body, t, during, lands, strength=rng.uniform(0.55, 0.8) if foot < 2 else 0.5)
    ]


def _landings(body: _Body, t: Floats, during: npt.NDArray[np.bool_], lands: float, *, strength: float) -> list[Event]:
    turns = np.floor(body.phase - lands)
    at = np.flatnonzero((turns[1:] > turns[:-1]) & during[1:] & during[:-1] & (body.going[1:] > 0.5)) + 1
    return [Event(float(t[i]), float(strength), 0.5) for i in at]


def _rear(rng: Rng, t: Floats, body: _Body, start: float, end: float) -> list[Event]:
    """The front rises and comes down; both forefeet meet the ground at the end."""
    body.pitch += rng.uniform(0.3, 1.1) * _fall(t, start, end, softly=rng.uniform(0.2, 0.4))
    return [Event(end, float(rng.uniform(0.7, 1.0)), 0.5)]


def _leap(rng: Rng, t: Floats, body: _Body, start: float, end: float, length: float, way: float) -> list[Event]:
    """All of it flies up and comes down, the forefeet first and the others a little later."""
    high, later = rng.uniform(0.15, 0.7) * length, rng.uniform(0.03, 0.12)
    left = _HALF * length * np.sin(_DOWN)  # how high its middle still is when the forefeet land
    along = ((t - start) / (end - start)).clip(0, 1)
    body.rise += high * 4 * along * (1 - along) + np.interp(t, [start, end, end + later], [0, left, 0])
    body.pitch += np.interp(t, [start, start + 0.08, end, end + later], [0, _DOWN, -_DOWN, 0])
    body.x += way * rng.uniform(0, 1.5) * length * along
    strengths = rng.uniform(0.7, 1.0), rng.uniform(0.5, 0.7)
    return [Event(time, float(strength), 0.5) for time, strength in zip((end, end + later), strengths, strict=True)]


def four_legs(rng: Rng, n: int) -> Act:
    """An animal walks, trots, runs, stands, rears and leaps; perhaps somebody stands beside it."""
    seconds, t = n / TRACK_RATE, times_of(n)
    length, ground = rng.uniform(0.14, 0.5), rng.uniform(0.7, 0.97)
    leg, way = length * rng.uniform(0.4, 0.75), 1.0 if rng.random() < 0.5 else -1.0
    x0 = ASPECT / 2 + way * rng.uniform(-0.8, 0.2)
    x, rise, bob, pitch, phase, going, stands, *lands = (
        np.full(n, value, np.float32) for value in (x0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5, *4 * (0.0,))
    )
    body = _Body(x, rise, bob, pitch, phase, going, stands, tuple(lands))
    events: list[Event] = []
    now = rng.uniform(0.0, 0.8)
    while now < seconds:
        kind, lasts = rng.random(), float(rng.uniform(0.5, 1.3))
        if kind < 0.5:
            lasts = float(rng.uniform(0.8, 3.5))
            events += _go(rng, t, body, now, now + lasts, length, way)
        elif kind < 0.7:
            events += _rear(rng, t, body, now, now + lasts)
        elif kind < 0.85:
            lasts = float(rng.uniform(0.3, 0.7))
            events += _leap(rng, t, body, now, now + lasts, length, way)
            lasts += 0.15
        now += lasts + float(rng.choice([0.05, rng.uniform(0.2, 1.0)]))
    first, last = float(body.x.min()), float(body.x.max())
    if first < 0.1 or last > ASPECT - 0.1:  # the camera goes with it
        body.x = np.interp(body.x, [first, last], [0.3, ASPECT - 0.3]).astype(np.float32)
    actors = _beside(rng, n, ground, length) + _animal(rng, n, body, length, leg, ground, way)
    return Act(actors, _heard(events, body.x))


def _beside(rng: Rng, n: int, ground: float, length: float) -> tuple[Actor, ...]:
    """Now and then somebody who stands and sways."""
    if rng.random() < 0.6:
        return ()
    t, x, tall = times_of(n), rng.uniform(0.2, ASPECT - 0.2), length * rng.uniform(1.5, 3.0)
    sway = 0.015 * np.sin(2 * np.pi * rng.uniform(0.1, 0.5) * t + rng.uniform(0, 6))
    cloth, coat = tint(rng), tint(rng)
    legs = [
        actor(n, x=x + side * 0.1 * tall, y=ground - 0.25 * tall, w=0.14 * tall, h=0.5 * tall, colour=cloth)
        for side in (-1, 1)
    ]
    return (*legs, actor(n, x=x + sway, y=ground - 0.72 * tall, w=0.36 * tall, h=0.55 * tall, colour=coat))


def _animal(rng: Rng, n: int, body: _Body, length: float, leg: float, ground: float, way: float) -> tuple[Actor, ...]:
    """The body, its head, tail and legs, as its tracks say."""
    t, thick = times_of(n), rng.uniform(0.12, 0.22) * length
    coat, dark = tint(rng), rng.uniform(0.5, 0.9)
    shaded = (coat[0] * dark, coat[1] * dark, coat[2] * dark)
    half = _HALF * length
    hips = ground - leg - body.rise
    lifted = np.clip(body.pitch, 0, None)
    middle_y = hips - half * np.sin(lifted)  # it rears about its hind feet
    trunk_y = middle_y - body.bob
    tilt = -way * body.pitch
    stride, high = length * 0.35, leg * rng.uniform(0.2, 0.5)
    parts: list[Actor] = []
    ends = {
        front: (body.x + way * out * np.cos(body.pitch), middle_y - out * np.sin(body.pitch))
        for front, out in ((True, half), (False, -half))
    }
    for foot in (1, 3, 0, 2):  # the far ones first
        hip_x, hip_y = ends[foot < 2]
        cycle = (body.phase - body.lands[foot]) % 1.0
        swings = ((cycle - body.stands) / (1 - body.stands)).clip(0, 1)
        along = np.where(cycle < body.stands, 0.5 - cycle / body.stands, -0.5 + swings)
        lift = high * np.sin(np.pi * swings) * body.going
        foot_x = hip_x + way * stride * along * body.going + (0.04 * length if foot in (1, 3) else 0.0)
        foot_y = np.minimum(ground, hip_y + leg) - lift
        parts.append(
            limb(
                n, hip_x, hip_y, foot_x, foot_y - 0.3 * thick, w=0.7 * thick, colour=shaded if foot in (1, 3) else coat
            )
        )
    wag = 0.4 * np.sin(2 * np.pi * rng.uniform(0.5, 3) * t + rng.uniform(0, 6))
    tail_x, tail_y = ends[False]
    tail = 0.3 * length
    parts.append(
        limb(
            n, tail_x, tail_y, tail_x - way * tail * np.cos(wag), tail_y - tail * np.sin(0.6 + wag), w=0.05, colour=coat
        )
    )
    parts.append(
        actor(n, x=body.x, y=trunk_y - 0.2 * thick, w=length, h=rng.uniform(1.6, 2.6) * thick, angle=tilt, colour=coat)
    )
    nod = 0.02 * np.sin(2 * np.pi * rng.uniform(0.3, 1.0) * t)
    head_x, head_y = ends[True]
    head = rng.uniform(0.22, 0.34) * length
    parts.append(
        actor(
            n,
            x=head_x + way * 0.6 * head,
            y=head_y - rng.uniform(0.5, 1.2) * head + nod,
            w=1.3 * head,
            h=0.8 * head,
            angle=tilt,
            colour=coat,
        )
    )
    return tuple(parts)


def jump(rng: Rng, n: int) -> Act:
    """Somebody jumps, again and again or now and then; both feet come down together."""
    seconds, t = n / TRACK_RATE, times_of(n)
    leg, ground = rng.uniform(0.15, 0.4), rng.uniform(0.8, 0.98)
    x0, thick = rng.uniform(0.35, ASPECT - 0.35), rng.uniform(0.2, 0.3) * leg
    rise, bend, x = np.zeros(n, np.float32), np.zeros(n, np.float32), np.full(n, x0, np.float32)
    pause = 0.0 if rng.random() < 0.4 else rng.uniform(0.2, 1.2)
    events: list[Event] = []
    now = rng.uniform(0.3, 1.0)
    while now < seconds:
        air, high = rng.uniform(0.25, 0.6), rng.uniform(0.15, 0.7) * leg
        along = ((t - now) / air).clip(0, 1)
        rise += high * 4 * along * (1 - along)
        gathers = np.interp(t, [now - 0.25, now - 0.06, now], [0, 1, 0])
        yields = np.interp(t, [now + air, now + air + 0.07, now + air + 0.3], [0, 1, 0])
        bend += rng.uniform(0.15, 0.4) * leg * np.maximum(gathers, yields)
        x += float(rng.choice([0.0, rng.uniform(-0.2, 0.2)])) * along
        x = np.clip(x, 0.2, ASPECT - 0.2)
        landed = now + air
        events.append(Event(landed, float(rng.uniform(0.6, 1.0)), 0.5))
        now += air + rng.uniform(0.3, 0.4) + pause * rng.uniform(0.5, 1.5)
    cloth, coat, skin = tint(rng), tint(rng), tint(rng)
    hip = ground - leg - rise + bend
    arms = rise * rng.uniform(0.3, 1.5) - bend
    parts: list[Actor] = []
    for side in (-1.0, 1.0):
        foot_x, knee_x = x + side * 0.5 * leg * 0.5, x + side * (0.25 * leg + 0.6 * bend)
        foot_y, knee_y = ground - rise, (ground - rise + hip) / 2
        parts += [
            limb(n, x + side * 0.15 * leg, hip, knee_x, knee_y, w=thick, colour=cloth),
            limb(n, knee_x, knee_y, foot_x, foot_y - thick / 2, w=0.9 * thick, colour=cloth),
            limb(
                n,
                x + side * 0.3 * leg,
                hip - 0.9 * leg,
                x + side * 0.6 * leg,
                hip - 0.3 * leg - arms,
                w=0.6 * thick,
                colour=coat,
            ),
        ]
    parts.append(actor(n, x=x, y=hip - 0.5 * leg, w=0.65 * leg, h=1.1 * leg, colour=coat, roundness=0.6))
    parts.append(actor(n, x=x, y=hip - 1.3 * leg, w=0.4 * leg, h=0.48 * leg, colour=skin))
    return Act(tuple(parts), _heard(events, x))


def _heard(events: list[Event], x: Floats) -> tuple[Event, ...]:
    """The events of the scene in order, where the body is; of those that fall together one, as hard as the hardest."""
    kept: list[Event] = []
    for event in sorted(events, key=lambda event: event.time_s):
        at = round(event.time_s * TRACK_RATE)
        if not 0 <= event.time_s < len(x) / TRACK_RATE - 0.02:
            continue
        if kept and event.time_s - kept[-1].time_s < _APART_S:
            kept[-1] = replace(kept[-1], strength=max(kept[-1].strength, event.strength))
        else:
            kept.append(replace(event, x=float(np.clip(x[at] / ASPECT, 0, 1))))
    return tuple(kept)


GAITS: tuple[Callable[[Rng, int], Act], ...] = (four_legs, four_legs, jump)
