"""What somebody's hands do at a table: set things down, push them, let them fall flat, pour. Knows no waveform.

Seen from the front, a person behind the table with both arms, or from above, arms coming in from the edges. Hands do
much that makes no sound, and hide what they hold: its contact is told by the hand that stops.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from otio_v2a_engine.simulate.acting import Act, Colour, Event, Floats, Rng, Span, actor, jitter, limb, times_of, tint
from otio_v2a_engine.simulate.draw import ASPECT, TRACK_RATE, Actor

__all__ = ["TABLE", "fiddle", "handle", "pour_out", "shuffle"]

_AWAY = 1.4  # picture heights from a hand to where its forearm leaves the picture, seen from above


@dataclass
class _Hand:
    """Where a hand is, `(n,)` each; acts write into it.

    Attributes:
        x, y: its middle.
    """

    x: Floats
    y: Floats

    def move(self, t: Floats, begin: float, end: float, x: float, y: float, *, rise: float = 0.0) -> None:
        """Go there between two times, as hands do: fastest in the middle, over an arc; it stays there."""
        at = min(len(t) - 1, max(0, int(begin * TRACK_RATE)))
        x0, y0 = float(self.x[at]), float(self.y[at])
        share = ((t - begin) / max(end - begin, 1e-3)).clip(0, 1)
        eased = share**3 * (10 - 15 * share + 6 * share**2)
        later = t >= begin
        self.x[later] = (x0 + (x - x0) * eased)[later]
        self.y[later] = (y0 + (y - y0) * eased - rise * np.sin(np.pi * eased))[later]


@dataclass(frozen=True)
class _Seat:
    """How a table is seen.

    Attributes:
        above: whether from above.
        table: y of the edge of the table, from the front.
        skin, cloth: colours.
        homes: where the hands rest.
        roots: where the forearms come from.
        thick: of a forearm.
    """

    above: bool
    table: float
    skin: Colour
    cloth: Colour
    homes: tuple[tuple[float, float], ...]
    roots: tuple[tuple[float, float], ...]
    thick: float

    def place(self, rng: Rng) -> tuple[float, float]:
        """Somewhere on the table."""
        low, high = (0.2, 0.85) if self.above else (self.table + 0.03, min(0.95, self.table + 0.3))
        return float(rng.uniform(0.3, ASPECT - 0.3)), float(rng.uniform(low, high))


def _skin(rng: Rng) -> Colour:
    dark = rng.uniform(0, 1)
    return 0.95 - 0.6 * dark, 0.78 - 0.55 * dark, 0.68 - 0.53 * dark


def _seat(rng: Rng) -> _Seat:
    above = bool(rng.random() < 0.4)
    middle, apart = ASPECT / 2 + rng.uniform(-0.25, 0.25), rng.uniform(0.2, 0.45)
    table = 0.0 if above else float(rng.uniform(0.45, 0.72))
    if above:
        edge = float(rng.choice([-0.3, 1.3]))
        roots = tuple((middle + side * rng.uniform(0.2, 0.7), edge) for side in (-1, 1))
        homes = tuple((x, 0.5 + (y - 0.5) * rng.uniform(0.4, 1.3)) for x, y in roots)
    else:
        shoulder = table - rng.uniform(0.3, 0.5)
        roots = tuple((middle + side * apart * 1.2, shoulder) for side in (-1, 1))
        homes = tuple((middle + side * apart, table + rng.uniform(-0.02, 0.1)) for side in (-1, 1))
    return _Seat(above, table, _skin(rng), tint(rng), homes, roots, float(rng.uniform(0.07, 0.14)))


def _hands(rng: Rng, n: int, seat: _Seat) -> list[_Hand]:
    """Both hands at rest, never quite still."""
    return [
        _Hand(
            (np.full(n, x) + 0.004 * jitter(rng, n, 2)).astype(np.float32),
            (np.full(n, y) + 0.004 * jitter(rng, n, 2)).astype(np.float32),
        )
        for x, y in seat.homes
    ]


def _somebody(
    rng: Rng, n: int, seat: _Seat, hands: list[_Hand], things: list[Actor], *, in_front: bool
) -> tuple[Actor, ...]:
    """The table, who sits at it, their arms, and things, before or behind the hands."""
    sway = 0.01 * jitter(rng, n, 0.8)
    scene: list[Actor] = []
    if not seat.above:
        middle = (seat.roots[0][0] + seat.roots[1][0]) / 2
        width = abs(seat.roots[1][0] - seat.roots[0][0])
        scene.append(actor(n, x=middle + sway, y=seat.table - 0.25, w=width, h=0.9, colour=seat.cloth, roundness=0.4))
        if rng.random() < 0.4:
            scene.append(actor(n, x=middle + sway, y=seat.table - 0.75, w=0.26, h=0.34, colour=seat.skin))
    high = 2.0 if seat.above else 0.8
    centre = 0.5 if seat.above else seat.table + high / 2
    if not seat.above or rng.random() < 0.6:
        scene.append(actor(n, x=ASPECT / 2, y=centre, w=2.6, h=high, colour=tint(rng), roundness=0))
    arms: list[Actor] = []
    sleeve = rng.uniform(0.0, 0.9)
    for (x0, y0), hand in zip(seat.roots, hands, strict=True):
        root_x, root_y = x0 + sway, y0 + 0 * sway
        if seat.above:  # the forearm follows the hand over the edge of the picture
            root_x = 0.6 * hand.x + 0.4 * x0
        else:
            elbow_x, elbow_y = (0.75 * x0 + 0.25 * hand.x), (0.45 * y0 + 0.55 * hand.y + 0.06)
            arms.append(limb(n, root_x, root_y, elbow_x, elbow_y, w=seat.thick * 1.2, colour=seat.cloth))
            root_x, root_y = elbow_x, elbow_y
        arms.append(limb(n, root_x, root_y, hand.x, hand.y, w=seat.thick, colour=seat.skin))
        cuff_x, cuff_y = root_x + sleeve * (hand.x - root_x) * 0.8, root_y + sleeve * (hand.y - root_y) * 0.8
        arms.append(limb(n, root_x, root_y, cuff_x, cuff_y, w=seat.thick * 1.15, colour=seat.cloth))
        palm = seat.thick * rng.uniform(1.1, 1.6)
        arms.append(actor(n, x=hand.x, y=hand.y, w=palm, h=palm * rng.uniform(0.7, 1.1), colour=seat.skin))
        for finger in range(int(rng.integers(0, 4))):
            arms.append(
                actor(
                    n,
                    x=hand.x + (finger - 1) * palm * 0.3,
                    y=hand.y + palm * 0.5,
                    w=palm * 0.24,
                    h=palm * 0.7,
                    colour=seat.skin,
                )
            )
    return (*scene, *arms, *things) if in_front else (*scene, *things, *arms)


def _fidget(rng: Rng, t: Floats, hand: _Hand, seat: _Seat, begin: float, end: float) -> None:
    """A hand is here and there between two times, and nothing sounds."""
    now = begin
    while end - now > 0.3:
        take = min(float(rng.uniform(0.25, 0.9)), end - now)
        x, y = seat.place(rng)
        x0, y0 = float(hand.x[int(now * TRACK_RATE)]), float(hand.y[int(now * TRACK_RATE)])
        near = rng.uniform(0.05, 0.5)
        hand.move(t, now, now + take, x0 + near * (x - x0), y0 + near * (y - y0), rise=rng.uniform(0, 0.1))
        now += take + float(rng.uniform(0, 0.8))


def handle(rng: Rng, n: int) -> Act:
    """Hands set things down, push them against others, or let them tip and fall flat: each sounds as it meets."""
    seconds, t = n / TRACK_RATE, times_of(n)
    seat = _seat(rng)
    hands = _hands(rng, n, seat)
    count = int(rng.integers(1, 5))
    size = float(rng.uniform(0.06, 0.22)) * (0.7 if seat.above else 1.0)
    tall = size * float(rng.uniform(0.6, 1.5))
    xs, ys = [np.empty(n, np.float32) for _ in range(count)], [np.empty(n, np.float32) for _ in range(count)]
    turns = [np.full(n, rng.uniform(-0.8, 0.8) if seat.above else 0.0, np.float32) for _ in range(count)]
    row = seat.place(rng)[1]
    for x, y in zip(xs, ys, strict=True):
        x[:], y[:] = seat.place(rng)
        if not seat.above and rng.random() < 0.7:
            y[:] = row  # they stand side by side
    events: list[Event] = []
    now = float(rng.uniform(0.0, 1.0))
    while True:
        which, side = int(rng.integers(count)), int(rng.integers(2))
        x, y, turn, hand = xs[which], ys[which], turns[which], hands[side]
        reach, grip = float(rng.uniform(0.25, 0.7)), float(rng.uniform(0.0, 0.4))
        carry, stay = float(rng.uniform(0.25, 1.0)), float(rng.uniform(0.05, 0.7))
        met = now + reach + grip + carry
        if met > seconds - 0.05:
            break
        begin = met - carry
        at = int(begin * TRACK_RATE)
        hold = 0.0 if seat.above else -0.3 * tall
        hand.move(t, now, now + reach, float(x[at]), float(y[at]) + hold, rise=rng.uniform(0, 0.15))
        goal_x, goal_y = seat.place(rng)
        if not seat.above:
            goal_y = float(y[at])
        x0, y0 = float(x[at]), float(y[at])
        share = ((t - begin) / carry).clip(0, 1)
        later = t >= begin
        style = rng.random()
        other = int((which + rng.integers(1, count)) % count) if count > 1 else which
        if style < 0.25 and abs(float(xs[other][at]) - x0) > 1.4 * size:  # pushed until it meets another
            direction = 1.0 if float(xs[other][at]) >= x0 else -1.0
            goal_x, goal_y = float(xs[other][at]) - direction * size, float(ys[other][at])
            along = share ** float(rng.uniform(1.0, 1.8))  # the neighbour stops it
            height = np.zeros(n)
        elif style < 0.45 and not seat.above:  # tipped and let go
            goal_x, goal_y = x0 + rng.uniform(-0.1, 0.1), y0
            lean = rng.uniform(0.15, 0.5) * rng.choice([-1.0, 1.0])
            falls = float(rng.uniform(0.06, 0.18))
            up = (share * carry / max(carry - falls, 0.05)).clip(0, 1)
            down = 1 - ((t - met + falls) / falls).clip(0, 1) ** 2
            along = up
            turn[later] = (lean * np.sin(0.5 * np.pi * up) * down)[later]
            height = 0.5 * size * np.abs(np.sin(turn))
        else:
            along = share**2 * (3 - 2 * share) if rng.random() < 0.5 else 1 - (1 - share) ** 1.5
            height = rng.uniform(0.02, 0.25) * np.minimum(1.0, 3 * share) * (1 - share ** rng.uniform(1.0, 2.5))
        x[later] = (x0 + (goal_x - x0) * along)[later]
        y[later] = (y0 + (goal_y - y0) * along - height * (0.3 if seat.above else 1.0))[later]
        held = (t >= begin) & (t <= met + stay)
        hand.x[held] = x[held]
        hand.y[held] = y[held] + hold
        hand.x[t > met + stay], hand.y[t > met + stay] = x[-1], y[-1] + hold
        if stay > 0.3 and rng.random() < 0.5:  # straightened, without a sound
            settled = (t > met + 0.12) & (t < met + stay)
            x[settled] += 0.006 * jitter(rng, n, 4)[settled]
        events.append(Event(met, float(rng.uniform(0.4, 1.0)), float(np.clip(goal_x / ASPECT, 0, 1))))
        now = met + stay
        home_x, home_y = seat.homes[side]
        pause = float(rng.uniform(0.0, 1.2))
        if rng.random() < 0.6:
            hand.move(t, now, now + rng.uniform(0.25, 0.7), home_x, home_y, rise=rng.uniform(0, 0.1))
        elif pause > 0.5 and now + pause < seconds:
            _fidget(rng, t, hand, seat, now, now + pause)
        if rng.random() < 0.25 and now + pause + 1 < seconds:
            _fidget(rng, t, hands[1 - side], seat, now, now + pause + 1)
        now += pause
    colour = tint(rng)
    alike = rng.random() < 0.6
    things = [
        actor(
            n,
            x=x,
            y=y - (0.0 if seat.above else tall / 2),
            w=size,
            h=size if seat.above else tall,
            angle=turn,
            colour=colour if alike else tint(rng),
            roundness=float(rng.choice([0.1, 0.3, 1.0])),
        )
        for x, y, turn in zip(xs, ys, turns, strict=True)
    ]
    if rng.random() < 0.5:  # more that nobody touches
        for _ in range(int(rng.integers(2, 20))):
            x_still, y_still = seat.place(rng)
            things.append(
                actor(n, x=x_still, y=y_still, w=size * 0.7, h=size * 0.7, angle=rng.uniform(-1, 1), colour=tint(rng))
            )
    in_front = not seat.above and bool(rng.random() < 0.4)
    return Act(_somebody(rng, n, seat, hands, things, in_front=in_front), tuple(events))


def shuffle(rng: Rng, n: int) -> Act:
    """Hands slide things over the table; each sounds from when it begins to slide."""
    seconds, t = n / TRACK_RATE, times_of(n)
    seat = _seat(rng)
    hands = _hands(rng, n, seat)
    size = float(rng.uniform(0.08, 0.22))
    spots = [seat.place(rng) for _ in range(int(rng.integers(1, 4)))]
    xs = [np.full(n, x, np.float32) for x, _ in spots]
    ys = [np.full(n, y, np.float32) for _, y in spots]
    events: list[Event] = []
    now = float(rng.uniform(0.2, 1.2))
    while True:
        which, side = int(rng.integers(len(spots))), int(rng.integers(2))
        x, y, hand = xs[which], ys[which], hands[side]
        reach, take = float(rng.uniform(0.2, 0.6)), float(rng.uniform(0.2, 0.8))
        begin = now + reach
        if begin > seconds - 0.1:
            break
        at = int(begin * TRACK_RATE)
        hand.move(t, now, begin, float(x[at]), float(y[at]) - 0.3 * size)
        goal_x, goal_y = seat.place(rng)
        share = ((t - begin) / take).clip(0, 1)
        eased, later = share**2 * (3 - 2 * share), t >= begin
        x0, y0 = float(x[at]), float(y[at])
        x[later] = (x0 + (goal_x - x0) * eased)[later]
        y[later] = (y0 + (goal_y - y0) * eased)[later]
        hand.x[later], hand.y[later] = x[later], y[later] - 0.3 * size
        events.append(Event(begin, float(rng.uniform(0.4, 1.0)), float(np.clip(goal_x / ASPECT, 0, 1))))
        now = begin + take + float(rng.uniform(0.0, 1.0))
        if rng.random() < 0.5:
            hand.move(t, begin + take, now + 0.3, *seat.homes[side])
    colour = tint(rng)
    things = [
        actor(n, x=x, y=y - size / 2, w=size, h=size * rng.uniform(0.7, 1.4), colour=colour, roundness=0.2)
        for x, y in zip(xs, ys, strict=True)
    ]
    return Act(_somebody(rng, n, seat, hands, things, in_front=bool(rng.random() < 0.4)), tuple(events))


def pour_out(rng: Rng, n: int) -> Act:
    """Somebody takes a jug, holds it over a vessel and tips it; it sounds while something runs out."""
    seconds, t = n / TRACK_RATE, times_of(n)
    seat = _seat(rng)
    while seat.above:
        seat = _seat(rng)
    hands = _hands(rng, n, seat)
    side = int(rng.integers(2))
    direction = 1.0 if side == 0 else -1.0  # where the spout points
    hand, other = hands[side], hands[1 - side]
    wide, tall = float(rng.uniform(0.12, 0.3)), float(rng.uniform(0.18, 0.4))
    cup, cup_x = float(rng.uniform(0.08, 0.24)), ASPECT / 2 + direction * float(rng.uniform(0.0, 0.3))
    ground = seat.table + float(rng.uniform(0.05, 0.25))
    is_lifted = rng.random() < 0.5
    cup_y = ground - (float(rng.uniform(0.05, 0.25)) if is_lifted else 0.0)
    runs = float(rng.uniform(0.3, 0.5 * seconds))
    ends = runs + float(rng.uniform(1.0, seconds))
    hold_x = cup_x - direction * (wide / 2 + float(rng.uniform(0.05, 0.2)))
    hold_y = max(0.05, cup_y - cup - tall * 0.7)
    tip = float(rng.uniform(0.5, 1.3))
    starts_ready = rng.random() < 0.3
    if starts_ready:
        hand.x[:], hand.y[:] = hold_x, hold_y
    else:
        hand.move(t, 0.0, min(0.3, 0.5 * runs), *(float(v) for v in seat.homes[side]))
        hand.move(t, max(0.0, runs - rng.uniform(0.5, 1.2)), runs - 0.05, hold_x, hold_y, rise=0.05)
    jug_x, jug_y = hand.x.copy(), hand.y.copy()
    wobble = float(rng.uniform(0.0, 0.02))
    jug_x += wobble * jitter(rng, n, 1.0)
    jug_y += wobble * jitter(rng, n, 1.0)
    back = (t - ends).clip(0)
    jug_y -= (0.6 * back).astype(np.float32)
    hand.x, hand.y = jug_x - direction * 0.4 * wide, jug_y
    tips = float(rng.uniform(0.3, 1.0))  # it is tipped on after it began to run
    angle = (
        direction
        * tip
        * (0.7 * ((t - runs + tips) / tips).clip(0, 1) + 0.3 * ((t - runs) / 2.0).clip(0, 1))
        * (1 - ((t - ends + 0.15) / 0.3).clip(0, 1))
    )
    level: Floats = (((t - runs) / 0.08).clip(0, 1) * ((ends - t) / 0.12).clip(0, 1)).astype(np.float32)
    spout_x = jug_x + direction * (wide / 2 + 0.03)
    spout_y = jug_y - 0.1 * tall + 0.1 * np.abs(angle)
    faint = float(rng.uniform(0.1, 0.9))
    thin = float(rng.uniform(0.008, 0.05))
    bend = direction * float(rng.uniform(0.0, 0.06))
    liquid = tint(rng)
    stream = [
        limb(
            n,
            spout_x,
            spout_y,
            (np.full(n, cup_x) + bend + 0.006 * jitter(rng, n, 25)).astype(np.float32),
            (np.full(n, cup_y) - 0.3 * cup + 0.01 * jitter(rng, n, 25)).astype(np.float32),
            w=thin,
            colour=liquid,
        )
    ]
    stream = [actor(n, x=s.x, y=s.y, w=s.w, h=s.h, angle=s.angle, alpha=faint * level, colour=liquid) for s in stream]
    vessel_colour = tint(rng)
    vessel = actor(
        n, x=cup_x, y=cup_y - cup / 2, w=cup * rng.uniform(0.7, 1.2), h=cup, colour=vessel_colour, roundness=0.2
    )
    things = [*stream, vessel]
    if rng.random() < 0.5:  # a glass shows how it fills, and that it swirls
        fill = np.cumsum(level) / max(float(level.sum()), 1.0) * cup * 0.8
        surface = cup_y - fill + 0.01 * level * jitter(rng, n, 12)
        things.append(
            actor(
                n,
                x=cup_x,
                y=(surface + cup_y) / 2,
                w=cup * 0.8,
                h=(cup_y - surface).clip(0.01),
                colour=liquid,
                roundness=0,
            )
        )
    jug_colour = tint(rng)
    things.append(
        actor(n, x=jug_x, y=jug_y, w=wide, h=tall, angle=angle, colour=jug_colour, roundness=rng.uniform(0, 0.5))
    )
    if rng.random() < 0.5:  # a spout
        things.append(limb(n, jug_x, jug_y, spout_x, spout_y, w=0.025, colour=jug_colour))
    if is_lifted:
        other.x[:], other.y[:] = cup_x + direction * cup * 0.5, cup_y - cup / 2
    return Act(_somebody(rng, n, seat, hands, things, in_front=bool(rng.random() < 0.5)), span=Span(level))


def fiddle(rng: Rng, n: int) -> Act:
    """Hands move over a table, point and rest, and nothing sounds."""
    seconds, t = n / TRACK_RATE, times_of(n)
    seat = _seat(rng)
    hands = _hands(rng, n, seat)
    for hand in hands:
        if rng.random() < 0.7:
            _fidget(rng, t, hand, seat, float(rng.uniform(0, 2)), seconds - 0.1)
    return Act(_somebody(rng, n, seat, hands, [], in_front=False))


_set_down = dict.fromkeys(("metal", "glass", "wood", "stone", "plastic", "reload"), (handle,))

TABLE: dict[str, tuple[Callable[[Rng, int], Act], ...]] = {
    **_set_down,
    "scrape": (shuffle,),
    "click": (handle,),
    "pouring": (pour_out,),
}
"""Kind of sound to the acts at a table that may show it."""
