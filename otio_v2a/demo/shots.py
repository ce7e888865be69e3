"""Owns the demo film's shots: their length, camera, poses at a time and events. Knows no timeline and no renderer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from otio_v2a.demo.motion import Bounces, Cradle, Dominoes, Drip, Hit, Pose, Vector, Walk, lerp

__all__ = [
    "BOUNCES",
    "CRADLE",
    "DOMINOES",
    "DRIP",
    "SHOTS",
    "WALK",
    "WALK_FROM",
    "WALK_HEADING",
    "Camera",
    "Event",
    "Rect",
    "Shot",
    "changed",
    "events",
    "layers",
    "pieces",
    "poses",
    "resting",
    "shot",
    "still_from",
]

HEIGHT_OVER_WIDTH = 9 / 16
_SENSOR_MM = 36.0

Rect = tuple[float, float, float, float]

DRIP = Drip()
WALK = Walk()
BOUNCES = Bounces()
DOMINOES = Dominoes()
CRADLE = Cradle()
WALK_FROM: Vector = (-5.4, 26.5, 0.0)
WALK_HEADING = math.atan2(-1.0, 0.2)


@dataclass(frozen=True)
class Camera:
    """A locked-off camera, focused on a plane through a point of its own."""

    place: Vector
    target: Vector
    focus: Vector
    lens_mm: float = 50.0
    f_stop: float = 0.28

    def screen(self, point: Vector) -> tuple[float, float]:
        """Where a point is seen: x from the left, y from the top, 0 to 1 inside the picture."""
        forward = _unit(_minus(self.target, self.place))
        right = _unit((forward[1], -forward[0], 0.0))
        up = _cross(right, forward)
        ray = _minus(point, self.place)
        scale = self.lens_mm / _SENSOR_MM / _dot(ray, forward)
        return 0.5 + scale * _dot(ray, right), 0.5 - scale * _dot(ray, up) / HEIGHT_OVER_WIDTH


@dataclass(frozen=True)
class Shot:
    """One camera take: frame k shows the time k / rate.

    Attributes:
        window: the part of the picture where rain falls, as (left, top, right, bottom) shares.
        rain_frames: after how many frames the rain repeats.
        lamp: where the light that throws the shadows hangs.
    """

    name: str
    rate: int
    n_frames: int
    camera: Camera
    window: Rect
    lamp: Vector
    rain_frames: int = 12

    @property
    def duration_s(self) -> Fraction:
        """Length in seconds of its own time."""
        return Fraction(self.n_frames, self.rate)


@dataclass(frozen=True)
class Event:
    """Something that is seen and ought to be heard.

    Attributes:
        kind: 'drop', 'footstep', 'impact' or 'roll'.
        material: what meets what.
        strength: 0 to 1 within the shot.
        time_s: seconds of the shot.
        end_s: when it stops, for what lasts.
        screen: where it is seen, x from the left and y from the top, 0 to 1.
    """

    shot: str
    kind: str
    material: str
    strength: float
    time_s: float
    screen: tuple[float, float]
    end_s: float | None = None


SHOTS = (
    Shot(
        "tap",
        24,
        82,
        Camera((-1.2, -6.9, 2.85), (0.0, 0.0, 1.25), (0.0, -0.3, 0.8)),
        window=(0.0, 0.0, 1.0, 0.45),
        lamp=(4.5, -2.6, 5.0),
    ),
    Shot(
        "boots",
        24,
        76,
        Camera((1.7, -8.2, 0.95), (-0.6, 8.0, 2.55), (-1.6, 8.0, 1.0), lens_mm=38.0, f_stop=0.26),
        window=(0.35, 0.0, 0.65, 0.75),
        lamp=(9.5, 3.0, 10.0),
    ),
    Shot(
        "marble",
        24,
        84,
        Camera((0.0, -9.6, 2.1), (0.0, 0.0, 1.4), (0.0, -0.1, 1.0)),
        window=(0.0, 0.0, 1.0, 0.6),
        lamp=(4.6, -3.8, 5.2),
    ),
    Shot(
        "dominoes",
        24,
        64,
        Camera((-2.7, -7.9, 2.45), (0.15, 0.0, 0.62), (-0.2, -0.2, 0.6), lens_mm=42.0, f_stop=0.24),
        window=(0.0, 0.0, 1.0, 0.45),
        lamp=(3.5, -4.5, 4.6),
    ),
    Shot(
        "cradle",
        48,
        100,
        Camera((-1.2, -6.9, 1.65), (-0.08, 0.0, 1.1), (0.0, -0.25, 0.6), f_stop=0.22),
        window=(0.0, 0.0, 1.0, 0.5),
        lamp=(-4.4, -2.5, 4.8),
    ),
)


def shot(name: str) -> Shot:
    """The shot of this name."""
    return next(candidate for candidate in SHOTS if candidate.name == name)


def events(of: Shot) -> tuple[Event, ...]:
    """Everything audible in a shot, by time."""
    end_s = float(of.duration_s)
    if of.name == "tap":
        found = _events(of, "drop", "water drop into a metal bowl of water", DRIP.hits())
    elif of.name == "boots":
        strikes = tuple(Hit(hit.time_s, hit.strength, _walked(hit.place)) for hit in WALK.hits(end_s))
        found = _events(of, "footstep", "rubber boot on wooden floor", strikes)
    elif of.name == "marble":
        found = _events(of, "impact", "marble on wooden table", BOUNCES.impacts())
        found += [
            Event(of.name, "roll", "marble on wood", 0.2, start_s, of.camera.screen(BOUNCES.pose(start_s).location), e)
            for start_s, e in BOUNCES.rolls(end_s)
        ]
    elif of.name == "dominoes":
        strike, *clicks, slap = DOMINOES.hits()
        found = _events(of, "impact", "marble on wooden block", [strike])
        found += _events(of, "impact", "wooden block on wooden block", clicks)
        found += _events(of, "impact", "wooden block on wooden table", [slap])
        start = Event(of.name, "roll", "marble on wood", 0.2, 0.0, of.camera.screen(DOMINOES.marble(0.0).location))
        found.append(Event(**{**vars(start), "end_s": DOMINOES.struck_s}))
    else:
        found = _events(of, "impact", "steel ball on steel ball", CRADLE.hits(end_s))
    return tuple(sorted((event for event in found if event.time_s < end_s), key=lambda event: event.time_s))


def poses(of: Shot, time_s: float) -> dict[str, Pose]:
    """Where everything that moves in a shot is at a time, by the name of the thing."""
    if of.name == "tap":
        drops = {f"drop{index}": DRIP.drop(index, time_s) for index in range(len(DRIP.lands_s))}
        splashes = {
            f"droplet{index}.{part}": DRIP.droplet(index, part, time_s)
            for index in range(len(DRIP.lands_s))
            for part in range(len(DRIP.splash))
        }
        return {**drops, **splashes}
    if of.name == "boots":
        result = {}
        for side, left in (("left", True), ("right", False)):
            shank, thigh = WALK.leg(left, time_s)
            for part, pose in (("foot", WALK.foot(left, time_s)), ("shank", shank), ("thigh", thigh)):
                # Turned to the heading after the pitch: Euler order x, y, z.
                result[f"{part}.{side}"] = Pose(_walked(pose.location), (0.0, pose.rotation[1], WALK_HEADING))
        hips = WALK.hips(time_s)
        result["coat"] = Pose(_walked(hips.location), (hips.rotation[0], hips.rotation[1], WALK_HEADING))
        return result
    if of.name == "marble":
        return {"marble": BOUNCES.pose(time_s)}
    if of.name == "dominoes":
        blocks = {
            f"block{index}": Pose((DOMINOES.edge_x(index), 0.0, 0.0), (0.0, angle, 0.0))
            for index, angle in enumerate(DOMINOES.angles(time_s))
        }
        return {"marble": DOMINOES.marble(time_s), **blocks}
    # Euler y turns z to x: a ball that hangs below its pivot swings to +x with a negative angle.
    return {
        f"ball{index}": Pose((CRADLE.ball_x(index), 0.0, CRADLE.bars_z), (0.0, -angle, 0.0))
        for index, angle in enumerate(CRADLE.angles(time_s))
    }


def resting(of: Shot) -> dict[str, Pose] | None:
    """Where what moves stands in the empty set; None if it is not there."""
    if of.name != "cradle":
        return None
    return {f"ball{index}": Pose((CRADLE.ball_x(index), 0.0, CRADLE.bars_z)) for index in range(CRADLE.balls)}


def changed(of: Shot, frame: int) -> Rect:
    """The part of the picture that differs from an empty set at a frame, shadows and reflections included."""
    time_s = frame / of.rate
    if of.name == "tap":
        drops = any(pose.scale[2] for pose in poses(of, time_s).values())
        return (0.25, 0.0, 0.75, 0.9) if drops else (0.25, 0.5, 0.75, 0.9)
    if of.name == "boots":
        # The walker's shadows reach the wall and the camera.
        return 0.0, 0.0, 1.0, 1.0
    if of.name == "dominoes":
        return 0.0, 0.25, 1.0, 0.9
    if of.name == "cradle":
        # Every second swing is on the right; one ball more mirrors it.
        right = math.floor((time_s - CRADLE.first_s) / CRADLE.half_s) % 2
        near = abs(math.sin(math.pi * (time_s - CRADLE.first_s) / CRADLE.half_s)) < 0.12
        return (0.0 if near or not right else 0.45, 0.1, 0.975 if near or right else 0.575, 0.95)
    spots: list[tuple[Vector, float]] = []
    for share in (-0.3, 0.0, 0.3):
        x, y, z = poses(of, (frame + share) / of.rate)["marble"].location
        spots += [((x, y, z), 0.3), ((x, y, -z), 0.3), (_shadow((x, y, z), of.lamp), 0.55)]
    corners = [
        of.camera.screen((x + dx * size, y, z + dz * size))
        for (x, y, z), size in spots
        for dx in (-1, 1)
        for dz in (-1, 1)
    ]
    xs, ys = [corner[0] for corner in corners], [corner[1] for corner in corners]
    return (
        min(max(0.0, min(xs)), 0.975),
        min(max(0.0, min(ys)), 0.95),
        max(min(1.0, max(xs)), 0.025),
        max(min(1.0, max(ys)), 0.05),
    )


def pieces(of: Shot) -> list[tuple[str, int, Rect]]:
    """What has to be rendered: (name, frame, part of the picture) of the empty set, the rain and the action.

    Between them they make every frame at a fraction of its cost, since camera and light stand still.
    """
    whole = (0.0, 0.0, 1.0, 1.0)
    rain = [(f"rain.{frame:04d}", frame, pixel_rect(of.window)) for frame in range(of.rain_frames)]
    acting = min(of.n_frames, still_from(of) + of.rain_frames)
    if changed(of, 0) == whole:
        return [(f"act.{frame:04d}", frame, whole) for frame in range(acting)]
    return [
        ("set", 0, whole),
        *((f"act.{frame:04d}", frame, pixel_rect(changed(of, frame))) for frame in range(acting)),
        *rain,
    ]


def layers(of: Shot, frame: int) -> list[tuple[str, Rect]]:
    """The pieces that make a frame, from the bottom: (name, part of the picture)."""
    whole = (0.0, 0.0, 1.0, 1.0)
    if changed(of, 0) == whole:
        return [(f"act.{frame:04d}", whole)]
    settled = still_from(of)
    acted = frame if frame < settled + of.rain_frames else settled + (frame - settled) % of.rain_frames
    return [
        ("set", (0.0, 0.0, 1.0, 1.0)),
        (f"rain.{frame % of.rain_frames:04d}", pixel_rect(of.window)),
        (f"act.{acted:04d}", pixel_rect(changed(of, acted))),
    ]


def pixel_rect(rect: Rect) -> Rect:
    """A rectangle moved outwards to a grid of 40 x 20, where the pixels of every 16:9 picture of 640 or more begin."""
    left, top, right, bottom = rect
    return (
        math.floor(left * 40 + 1e-6) / 40,
        math.floor(top * 20 + 1e-6) / 20,
        math.ceil(right * 40 - 1e-6) / 40,
        math.ceil(bottom * 20 - 1e-6) / 20,
    )


def still_from(of: Shot) -> int:
    """The first frame from which nothing but the rain moves."""
    return math.ceil(DOMINOES.end_s * of.rate) + 1 if of.name == "dominoes" else of.n_frames


def _shadow(point: Vector, lamp: Vector) -> Vector:
    """Where a lamp throws a point's shadow on the ground."""
    share = lamp[2] / (lamp[2] - point[2])
    return lerp(lamp[0], point[0], share), lerp(lamp[1], point[1], share), 0.0


def _events(of: Shot, kind: str, material: str, hits: Sequence[Hit]) -> list[Event]:
    return [Event(of.name, kind, material, hit.strength, hit.time_s, of.camera.screen(hit.place)) for hit in hits]


def _walked(place: Vector) -> Vector:
    """From the walker's frame to the room's."""
    cosine, sine = math.cos(WALK_HEADING), math.sin(WALK_HEADING)
    x, y, z = place
    return (
        WALK_FROM[0] + x * cosine - y * sine,
        WALK_FROM[1] + x * sine + y * cosine,
        WALK_FROM[2] + z,
    )


def _minus(a: Vector, b: Vector) -> Vector:
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


def _dot(a: Vector, b: Vector) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _cross(a: Vector, b: Vector) -> Vector:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def _unit(a: Vector) -> Vector:
    length = math.sqrt(_dot(a, a))
    return a[0] / length, a[1] / length, a[2] / length
