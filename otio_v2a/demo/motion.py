"""Owns how things in the demo film move and when they sound: closed formulas that know no renderer and no shot.

Animation and ground truth both come from here, so that the events beside the film cannot drift from its picture.
Lengths are in decimetres (the unit of the sets), times in seconds of the shot, angles in radians.
"""

import math
from dataclasses import dataclass
from itertools import accumulate

__all__ = ["GRAVITY", "Bounces", "Cradle", "Dominoes", "Drip", "Hit", "Pose", "Vector", "Walk", "lerp"]

GRAVITY = 98.1
Vector = tuple[float, float, float]
_ORIGIN: Vector = (0.0, 0.0, 0.0)
_WHOLE: Vector = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Pose:
    """Where a thing is: location, Euler angles (x, y, z) and scale."""

    location: Vector = _ORIGIN
    rotation: Vector = _ORIGIN
    scale: Vector = _WHOLE


@dataclass(frozen=True)
class Hit:
    """A moment that is heard: time, strength from 0 to 1, and the place that sounds."""

    time_s: float
    strength: float
    place: Vector


@dataclass(frozen=True)
class Bounces:
    """A marble that rolls along a shelf, leaves its edge, bounces on the table below and rolls on.

    Attributes:
        edge_x: where the shelf ends; the shelf's top is `drop` above the table's, which is at 0.
        leaves_s: when the marble's centre passes the edge.
        speed: rolling speed on the shelf.
        restitution: speed after an impact over speed before it.
        drag: what an impact leaves of the horizontal speed.
    """

    radius: float = 0.21
    edge_x: float = -1.5
    drop: float = 2.5
    leaves_s: float = 1.0
    speed: float = 3.3
    restitution: float = 0.68
    drag: float = 0.9
    # Slower than this an impact is part of the rolling.
    least_speed: float = 1.5

    def impacts(self) -> tuple[Hit, ...]:
        """Every bounce, the first one with strength 1."""
        return tuple(
            Hit(time_s, before / self._fall_speed, (x, 0.0, 0.0)) for time_s, x, _, before, _ in self._flights()[1:]
        )

    def rolls(self, end_s: float) -> tuple[tuple[float, float], ...]:
        """When it rolls: on the shelf, and on the table after the last bounce, as (start, end)."""
        return ((0.0, self.leaves_s), (self._flights()[-1][0], end_s))

    def pose(self, time_s: float) -> Pose:
        """The marble at a time; it turns as it rolls, and goes on turning in the air."""
        if time_s < self.leaves_s:
            x = self.edge_x - self.speed * (self.leaves_s - time_s)
            height = self.drop
        else:
            start_s, from_x, speed, _, upwards = next(
                flight for flight in reversed(self._flights()) if flight[0] <= time_s
            )
            since = time_s - start_s
            x = from_x + speed * since
            floor = self.drop if start_s == self.leaves_s else 0.0
            height = max(0.0, floor + upwards * since - GRAVITY * since * since / 2)
        return Pose((x, 0.0, height + self.radius), (0.35, x / self.radius, 0.2))

    @property
    def _fall_speed(self) -> float:
        return math.sqrt(2 * GRAVITY * self.drop)

    def _flights(self) -> list[tuple[float, float, float, float, float]]:
        """(start time, x there, horizontal speed, speed of the impact that starts it, upward speed) of each flight."""
        flights = [(self.leaves_s, self.edge_x, self.speed, 0.0, 0.0)]
        time_s = self.leaves_s + self._fall_speed / GRAVITY
        x, speed, before = self.edge_x + self.speed * self._fall_speed / GRAVITY, self.speed, self._fall_speed
        while before > self.least_speed:
            speed, after = speed * self.drag, before * self.restitution
            last = after <= self.least_speed
            flights.append((time_s, x, speed, before, 0.0 if last else after))
            air_s = 2 * after / GRAVITY
            time_s, x, before = time_s + air_s, x + speed * air_s, after
        return flights


@dataclass(frozen=True)
class Dominoes:
    """A row of blocks along x that a marble sets toppling.

    Attributes:
        first_x: front edge of the first block, about which it topples.
        spacing: from block to block.
        step_s: from click to click.
        struck_s: when the marble strikes the first block.
        flat_s: how long the last block takes to lie flat.
    """

    count: int = 9
    first_x: float = -2.5
    spacing: float = 0.62
    height: float = 1.25
    thickness: float = 0.2
    width: float = 0.62
    struck_s: float = 0.5
    step_s: float = 0.095
    flat_s: float = 0.3
    marble_radius: float = 0.21
    marble_speed: float = 3.0

    def hits(self) -> tuple[Hit, ...]:
        """The marble's strike, each block on the next, and the last one on the table."""
        top = self.height * math.cos(self._touching)
        blocks = [
            Hit(self._starts_s(index), 0.55, (self.edge_x(index) - self.thickness, 0.0, top))
            for index in range(1, self.count)
        ]
        strike = Hit(self.struck_s, 0.7, (self.first_x - self.thickness, 0.0, self.marble_radius))
        slap = Hit(self.end_s, 1.0, (self.edge_x(self.count - 1) + self.height / 2, 0.0, 0.0))
        return (strike, *blocks, slap)

    @property
    def end_s(self) -> float:
        """When the last block lies flat."""
        return self._starts_s(self.count - 1) + self.flat_s

    def edge_x(self, index: int) -> float:
        """Where a block's front edge, its pivot, stands."""
        return self.first_x + index * self.spacing

    def angles(self, time_s: float) -> tuple[float, ...]:
        """How far each block leans. The foremost moving block leads; every block behind it rests on its next."""
        angles = [0.0] * self.count
        if time_s < self.struck_s:
            return tuple(angles)
        leader = min(int((time_s - self.struck_s) / self.step_s), self.count - 1)
        since = time_s - self._starts_s(leader)
        if leader == self.count - 1:
            share = min(since / self.flat_s, 1.0)
            angles[leader] = math.pi / 2 * (0.25 * share + 0.75 * share**3)
        else:
            share = since / self.step_s
            angles[leader] = self._touching * (0.6 * share + 0.4 * share * share)
        for index in range(leader - 1, -1, -1):
            ahead = angles[index + 1]
            # A block's top front edge slides on the leaning back face of the next.
            angles[index] = ahead + math.asin((self.spacing * math.cos(ahead) - self.thickness) / self.height)
        return tuple(angles)

    def marble(self, time_s: float) -> Pose:
        """The marble: rolls in, strikes, rolls back slowly and comes to rest."""
        contact_x = self.first_x - self.thickness - self.marble_radius
        since = time_s - self.struck_s
        x = contact_x + (self.marble_speed * since if since < 0 else -0.2 * (1 - math.exp(-6.0 * since)))
        return Pose((x, 0.0, self.marble_radius), (0.35, x / self.marble_radius, 0.2))

    @property
    def _touching(self) -> float:
        """The lean at which a block touches the next, still upright one."""
        return math.asin((self.spacing - self.thickness) / self.height)

    def _starts_s(self, index: int) -> float:
        return self.struck_s + index * self.step_s


@dataclass(frozen=True)
class Drip:
    """A tap that drips into a bowl of water.

    Attributes:
        tip_z: where drops let go; level_z: the water's surface; bowl_radius: its radius.
        lands_s: when drops meet the water.
    """

    tip_z: float = 2.35
    level_z: float = 0.62
    bowl_radius: float = 1.19
    drop_radius: float = 0.11
    lands_s: tuple[float, ...] = (0.85, 1.8, 2.7)
    # Upward and outward speeds and directions of what splashes back.
    splash: tuple[tuple[float, float, float], ...] = (
        (6.2, 0.0, 0.0),
        (4.4, 1.0, 0.4),
        (3.6, 1.2, 1.9),
        (4.6, 0.8, 3.1),
        (3.3, 1.3, 4.2),
        (4.0, 1.0, 5.3),
    )
    swell_s: float = 0.35

    @property
    def fall_s(self) -> float:
        """How long a drop falls."""
        return math.sqrt(2 * (self.tip_z - self.level_z) / GRAVITY)

    def hits(self) -> tuple[Hit, ...]:
        """Every drop that meets the water."""
        return tuple(Hit(time_s, 0.8, (0.0, 0.0, self.level_z)) for time_s in self.lands_s)

    def drop(self, index: int, time_s: float) -> Pose:
        """A drop: swells at the tap, falls, is gone (scale 0) once it has landed."""
        falling = time_s - (self.lands_s[index] - self.fall_s)
        if falling < -self.swell_s or time_s >= self.lands_s[index]:
            return Pose((0.0, 0.0, self.tip_z), scale=(0.0, 0.0, 0.0))
        if falling < 0:
            size = self.drop_radius * (1 + falling / self.swell_s) ** (1 / 3)
            hang = self.drop_radius - size
            return Pose((0.0, 0.0, self.tip_z + hang), scale=(size, size, size * 1.15))
        z = self.tip_z - GRAVITY * falling * falling / 2
        stretch = 1 + 0.35 * min(falling / self.fall_s, 1.0)
        size = self.drop_radius
        return Pose((0.0, 0.0, z), scale=(size, size, size * stretch))

    def droplet(self, index: int, part: int, time_s: float) -> Pose:
        """One of the droplets that a landing throws up."""
        up, out, heading = self.splash[part]
        since = time_s - self.lands_s[index] - (0.05 if out == 0 else 0.0)
        z = up * since - GRAVITY * since * since / 2
        if since <= 0 or z < -0.05:
            return Pose((0.0, 0.0, self.level_z - 0.2), scale=(0.0, 0.0, 0.0))
        size = 0.085 if out == 0 else 0.045
        place = (out * since * math.cos(heading), out * since * math.sin(heading), self.level_z + z)
        return Pose(place, scale=(size, size, size * (1.5 if out == 0 else 1.0)))

    def ripple(self, distance: float, time_s: float) -> float:
        """Height of the water over its level at a distance from the centre: a short train of rings per drop."""
        height = 0.0
        for lands_s in self.lands_s:
            since = time_s - lands_s
            if since <= 0:
                continue
            behind = 2.6 * since - distance
            envelope = math.exp(-((behind - 0.16) ** 2) / 0.05) * math.exp(-2.2 * since) * min(since / 0.05, 1.0)
            height += 0.06 * envelope * math.cos(2 * math.pi * behind / 0.34)
            # The dent of the landing and the jet that follows it.
            near = math.exp(-((distance / 0.15) ** 2))
            height += 0.3 * near * math.exp(-9 * since) * -math.cos(2 * math.pi * since / 0.24)
        return height


@dataclass(frozen=True)
class Walk:
    """Two legs that walk along x, in their own frame (z up, y to their left).

    Attributes:
        step: length of a step; step_s: from strike to strike; first_s: first heel strike; first_x: where.
        track: how far each foot is from the middle.
    """

    step: float = 4.3
    step_s: float = 0.5
    first_s: float = 0.25
    first_x: float = 0.0
    track: float = 0.75
    hip_z: float = 8.25
    thigh: float = 4.2
    shank: float = 4.3
    ankle_z: float = 0.75
    heel_x: float = -0.5
    ball_x: float = 1.15

    def hits(self, end_s: float) -> tuple[Hit, ...]:
        """Every heel strike until a time; the feet alternate, the left one is a little heavier."""
        count = int((end_s - self.first_s) / self.step_s) + 1
        return tuple(
            Hit(
                self.first_s + index * self.step_s,
                0.85 if index % 2 else 0.95,
                (self.first_x + index * self.step + self.heel_x, self._side(index), 0.0),
            )
            for index in range(count)
        )

    def foot(self, left: bool, time_s: float) -> Pose:
        """A boot's sole under the ankle. Pitch is about y: positive lifts the heel."""
        step = self._last_strike(left, time_s)
        since = (time_s - self._strike_s(step)) / self.step_s
        if since <= 1.2:
            x, z, pitch = self._stance(step, since)
        else:
            share = (since - 1.2) / 0.8
            from_x, from_z, from_pitch = self._stance(step, 1.2)
            to_x, to_z, to_pitch = self._stance(step + 2, 0.0)
            smooth = share * share * (3 - 2 * share)
            x = lerp(from_x, to_x, smooth)
            z = lerp(from_z, to_z, share) + 0.55 * math.sin(math.pi * share)
            pitch = lerp(from_pitch, to_pitch, smooth) + 0.25 * math.sin(math.pi * min(2 * share, 1.0))
        return Pose((x, self._side(step), z), (0.0, pitch, 0.0))

    def leg(self, left: bool, time_s: float) -> tuple[Pose, Pose]:
        """Shank (origin at the ankle, upwards) and thigh (origin at the knee, upwards)."""
        foot = self.foot(left, time_s)
        pitch = foot.rotation[1]
        ankle_x = foot.location[0] + self.ankle_z * math.sin(pitch)
        ankle_z = foot.location[2] + self.ankle_z * math.cos(pitch)
        hip_x = self.first_x + self.step * ((time_s - self.first_s) / self.step_s - 0.5)
        dx, dz = hip_x - ankle_x, self.hip_z - ankle_z
        reach = min(math.hypot(dx, dz), self.thigh + self.shank - 1e-6)
        bend = math.acos((self.shank**2 + reach**2 - self.thigh**2) / (2 * self.shank * reach))
        lean = math.atan2(dx, dz) + bend
        knee_x, knee_z = ankle_x + self.shank * math.sin(lean), ankle_z + self.shank * math.cos(lean)
        side = foot.location[1]
        over = math.atan2(hip_x - knee_x, self.hip_z - knee_z)
        return Pose((ankle_x, side, ankle_z), (0.0, lean, 0.0)), Pose((knee_x, side, knee_z), (0.0, over, 0.0))

    def hips(self, time_s: float) -> Pose:
        """The hips: they sink a little at every strike and sway towards the foot that stands."""
        phase = (time_s - self.first_s) / self.step_s
        x = self.first_x + self.step * (phase - 0.5)
        return Pose((x, 0.12 * math.sin(math.pi * phase), self.hip_z - 0.1 * math.cos(2 * math.pi * phase)))

    def _stance(self, step: int, since: float) -> tuple[float, float, float]:
        """x, z and pitch of a foot on the ground, `since` steps after its strike: heel, flat, ball."""
        x = self.first_x + step * self.step
        if since < 0.22:
            pitch, pivot = -0.33 * (1 - since / 0.22), self.heel_x
        elif since < 0.7:
            return x, 0.0, 0.0
        else:
            pitch, pivot = 0.75 * ((since - 0.7) / 0.5) ** 1.5, self.ball_x
        return x + pivot - pivot * math.cos(pitch), pivot * math.sin(pitch), pitch

    def _last_strike(self, left: bool, time_s: float) -> int:
        step = math.floor((time_s - self.first_s) / self.step_s)
        return step if (step % 2 == 0) is left else step - 1

    def _strike_s(self, step: int) -> float:
        return self.first_s + step * self.step_s

    def _side(self, step: int) -> float:
        return self.track if step % 2 == 0 else -self.track


@dataclass(frozen=True)
class Cradle:
    """Newton's cradle: the outer balls swing in turn, each a little less than before.

    Attributes:
        length: from the bars to a ball's centre; first_s: first click; from the right.
        angle: first swing; keeps: what a click leaves of it.
    """

    balls: int = 5
    radius: float = 0.28
    length: float = 1.45
    bars_z: float = 2.05
    first_s: float = 0.31
    angle: float = 0.62
    keeps: float = 0.93

    @property
    def half_s(self) -> float:
        """From click to click: half the period of a pendulum of this length."""
        return math.pi * math.sqrt(self.length / GRAVITY)

    def hits(self, end_s: float) -> tuple[Hit, ...]:
        """Every click until a time, the first with strength 1."""
        strengths = accumulate(range(1, 1000), lambda strength, _: strength * self.keeps, initial=1.0)
        count = int((end_s - self.first_s) / self.half_s) + 1
        return tuple(
            Hit(self.first_s + index * self.half_s, strength, (0.0, 0.0, self.bars_z - self.length))
            for index, strength in zip(range(count), strengths, strict=False)
        )

    def ball_x(self, index: int) -> float:
        """Where a ball hangs at rest."""
        return (index - (self.balls - 1) / 2) * 2 * self.radius

    def angles(self, time_s: float) -> tuple[float, ...]:
        """Each ball's swing towards +x."""
        angles = [0.0] * self.balls
        phase = (time_s - self.first_s) / self.half_s
        swing = math.floor(phase)
        size = self.angle * self.keeps ** (swing + 1) * math.sin(math.pi * (phase - swing))
        if swing % 2:
            angles[-1] = size
        else:
            angles[0] = -size
        return tuple(angles)


def lerp(start: float, end: float, share: float) -> float:
    """From start (share 0) to end (share 1)."""
    return start + (end - start) * share
