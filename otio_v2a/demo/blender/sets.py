"""Owns what stands in front of the camera in each shot, and its light. Names of moving things are those of `poses`."""

import math
import random
from typing import Any

import bmesh
import bpy
import shapes
import surfaces

from otio_v2a.demo.shots import BOUNCES, CRADLE, DOMINOES, DRIP, WALK, Shot

Colour = tuple[float, float, float]
DUSK: Colour = (0.09, 0.2, 0.42)
LAMP: Colour = (1.0, 0.56, 0.22)


def build(of: Shot) -> dict[str, Any]:
    """Set up a shot's scene; returns the things that `poses` moves, and 'water' where there is some."""
    sets = {"tap": _tap, "boots": _boots, "marble": _marble, "dominoes": _dominoes, "cradle": _cradle}
    return sets[of.name](of)


def _tap(of: Shot) -> dict[str, Any]:
    _table(walnut=True)
    _window(of, z_from=0.6, panes=(-5.2, -0.9, 3.4, 7.7), seed=4)
    _light("lamp", of.lamp, (0, 0, 0.4), LAMP, 320, 1.6)
    _light("dusk", (-3.5, 5.0, 4.0), (0, 0, 0.6), (0.3, 0.52, 1.0), 420, 4.0)
    steel = surfaces.plain("steel", (0.72, 0.73, 0.75), roughness=0.16, metallic=1.0)
    brass = surfaces.plain("brass", (0.86, 0.6, 0.28), roughness=0.2, metallic=1.0)
    shapes.lathe(
        "bowl",
        [
            (0.0, 0.03),
            (0.5, 0.03),
            (0.62, 0.0),
            (0.68, 0.05),
            (0.95, 0.25),
            (1.16, 0.52),
            (1.3, 0.84),
            (1.36, 0.86),
            (1.36, 0.83),
            (1.3, 0.8),
            (1.14, 0.5),
            (0.92, 0.24),
            (0.6, 0.08),
            (0.0, 0.07),
        ],
        steel,
    )
    water = shapes.disc("water", DRIP.bowl_radius, surfaces.water("water"))
    water.location.z = DRIP.level_z
    tip = DRIP.tip_z + 0.05
    shapes.tube(
        "spout",
        [(0, 2.7, 0.0), (0, 2.7, 2.6), (0, 2.7, 3.75), (0, 1.4, 3.75), (0, 0.0, 3.75), (0, 0.0, 3.0), (0, 0.0, tip)],
        [0.17] * 7,
        brass,
        smooth=True,
    )
    shapes.lathe("nozzle", [(0.13, tip - 0.02), (0.2, tip - 0.02), (0.21, tip + 0.3), (0.17, tip + 0.34)], brass)
    shapes.rod("handle", (-0.6, 2.7, 2.2), (0.6, 2.7, 2.2), 0.09, brass)
    clear = surfaces.plain("drop", (0.55, 0.75, 1.0), roughness=0.02, coat=1.0, glow=0.35)
    clear.node_tree.nodes["Principled BSDF"].inputs["Transmission Weight"].default_value = 0.6
    clear.node_tree.nodes["Principled BSDF"].inputs["IOR"].default_value = 1.33
    lemon = surfaces.plain("lemon", (0.85, 0.62, 0.06), roughness=0.45)
    for index, (x, y) in enumerate(((2.1, 0.6), (2.75, 0.05))):
        fruit = shapes.ball(f"lemon{index}", 0.36, lemon, squash=(1.3, 1, 1))
        fruit.location, fruit.rotation_euler = (x, y, 0.36), (0, 0, 0.7 + index)
    moving = {f"drop{index}": shapes.ball(f"drop{index}", 1.0, clear) for index in range(len(DRIP.lands_s))}
    for index in range(len(DRIP.lands_s)):
        for part in range(len(DRIP.splash)):
            moving[f"droplet{index}.{part}"] = shapes.ball(f"droplet{index}.{part}", 1.0, clear)
    return {**moving, "water": water}


def _boots(of: Shot) -> dict[str, Any]:
    floor = surfaces.wood(
        "floor", (0.05, 0.024, 0.012), (0.2, 0.1, 0.05), along="y", plank=1.5, roughness=0.28, coat=0.4
    )
    shapes.box("floor", (-30, -14, -1), (30, 45, 0), floor, bevel=0)
    wall = surfaces.plain("wall", (0.11, 0.13, 0.15), roughness=0.9)
    left, right, top = -8.6, 0.4, 18.0
    shapes.box("wall.left", (-40, 30, 0), (left, 31, 30), wall, bevel=0)
    shapes.box("wall.right", (right, 30, 0), (40, 31, 30), wall, bevel=0)
    shapes.box("wall.top", (left, 30, top), (right, 31, 30), wall, bevel=0)
    frame = surfaces.plain("frame", (0.5, 0.47, 0.42), roughness=0.5)
    shapes.box("jamb.left", (left - 0.7, 29.7, 0), (left, 31.3, top + 0.7), frame)
    shapes.box("jamb.right", (right, 29.7, 0), (right + 0.7, 31.3, top + 0.7), frame)
    skirting = surfaces.plain("skirting", (0.4, 0.38, 0.34), roughness=0.5)
    shapes.box("skirting.left", (-40, 29.8, 0), (left - 0.7, 30, 1.4), skirting)
    shapes.box("skirting.right", (right + 0.7, 29.8, 0), (40, 30, 1.4), skirting)
    outside = surfaces.sky("outside", (0.1, 0.24, 0.5), (0.16, 0.34, 0.62), strength=1.6, z_from=0, z_to=18)
    shapes.box("outside", (-30, 44, -2), (30, 44.2, 30), outside, bevel=0)
    _rain(of, (-9, 33, 0), (1, 40, 18), count=90, seed=3, length=1.6)
    _bokeh((-9, 42, 2), (2, 43, 14), count=14, seed=8, size=0.22)
    _light("door", (-4.1, 36, 13), (-2.0, 6, 0), (0.35, 0.58, 1.0), 26000, 8.0)
    _light("lamp", of.lamp, (-0.5, 6, 1.5), LAMP, 5200, 2.5)
    _light("fill", (-9.0, -9.0, 6.0), (-1, 6, 2), (0.3, 0.45, 0.9), 500, 6.0)
    rubber = surfaces.plain("rubber", (0.82, 0.5, 0.03), roughness=0.22, coat=0.8)
    sole = surfaces.plain("sole", (0.1, 0.06, 0.03), roughness=0.6)
    cloth = surfaces.plain("cloth", (0.03, 0.045, 0.08), roughness=0.95)
    moving: dict[str, Any] = {}
    for side in ("left", "right"):
        foot = bpy.data.objects.new(f"foot.{side}", None)
        bpy.context.collection.objects.link(foot)
        parts = [
            shapes.ball("toe", 0.5, rubber, at=(0.98, 0, 0.42), squash=(1.15, 0.98, 0.78)),
            shapes.ball("instep", 0.52, rubber, at=(0.42, 0, 0.5), squash=(1.35, 0.88, 0.82)),
            shapes.ball("heel", 0.5, rubber, at=(-0.05, 0, 0.5), squash=(1.0, 0.92, 1.0)),
            shapes.box("sole", (-0.5, -0.44, 0.0), (1.5, 0.44, 0.13), sole, bevel=0.06),
            shapes.box("welt", (-0.47, -0.46, 0.13), (1.5, 0.46, 0.24), rubber, bevel=0.05),
            shapes.box("block", (-0.5, -0.4, 0.0), (0.1, 0.4, 0.3), sole, bevel=0.05),
        ]
        # Heel and sole ends follow a round outline.
        for part in parts[3:5]:
            part.modifiers["bevel"].affect = "EDGES"
        for part in parts:
            part.parent = foot
        shank = shapes.tube(
            f"shank.{side}",
            [(0, 0, -0.25), (0, 0, 0.35), (-0.04, 0, 1.2), (0, 0, 2.35), (0, 0, 2.4)],
            [0.44, 0.43, 0.5, 0.56, 0.6],
            rubber,
        )
        rim = shapes.tube("rim", [(0, 0, 2.33), (0, 0, 2.48)], [0.61, 0.61], rubber)
        trousers = shapes.tube(
            "trousers", [(0, 0, 2.3), (0, 0, 3.2), (0, 0, WALK.shank + 0.1)], [0.52, 0.6, 0.6], cloth
        )
        knee = shapes.ball("knee", 0.6, cloth, at=(0, 0, WALK.shank))
        for part in (rim, trousers, knee):
            part.parent = shank
        thigh = shapes.tube(f"thigh.{side}", [(0, 0, 0), (0, 0, WALK.thigh + 0.6)], [0.6, 0.85], cloth)
        moving |= {f"foot.{side}": foot, f"shank.{side}": shank, f"thigh.{side}": thigh}
    # A raincoat hangs from where the hips are.
    coat = shapes.lathe(
        "coat", [(2.4, -1.75), (2.45, -1.65), (1.95, 0.6), (1.6, 3.2), (1.75, 5.0), (1.2, 6.1), (0.6, 6.4)], rubber
    )
    hood = shapes.ball("hood", 1.05, rubber, at=(0, 0, 7.3), squash=(0.95, 0.9, 1.1))
    hood.parent = coat
    moving["coat"] = coat
    return moving


def _marble(of: Shot) -> dict[str, Any]:
    _table()
    _window(of, z_from=1.1, panes=(-6.5, -1.8, 2.9, 7.6), seed=11)
    _light("lamp", of.lamp, (0, 0, 0.8), LAMP, 420, 1.3)
    _light("dusk", (2.0, 6.0, 5.0), (0, 0, 1.0), (0.3, 0.52, 1.0), 420, 4.0)
    _light("kick", (-6.0, -3.0, 3.0), (-1.5, 0, 2.0), (0.45, 0.6, 1.0), 60, 2.0)
    # Books carry the board that the marble rolls along.
    colours = [(0.32, 0.05, 0.04), (0.05, 0.12, 0.16), (0.5, 0.33, 0.1), (0.07, 0.16, 0.09), (0.3, 0.24, 0.2)]
    paper = surfaces.plain("paper", (0.75, 0.68, 0.55), roughness=0.9)
    z, heights = 0.0, [0.52, 0.42, 0.58, 0.38]
    random_ = random.Random(5)
    heights.append(BOUNCES.drop - 0.12 - sum(heights))
    for index, height in enumerate(heights):
        cover = surfaces.plain(f"cover{index}", colours[index], roughness=0.55)
        right = BOUNCES.edge_x - 0.35 - random_.uniform(0.0, 0.3)
        turn, front = random_.uniform(-0.05, 0.05), -0.75 - random_.uniform(0.0, 0.12)
        low, high = (-6.4, front, z), (right, 0.9, z + height)
        pages = shapes.box(
            f"pages{index}", (low[0], low[1] + 0.06, z + 0.05), (right - 0.06, 0.84, z + height - 0.05), paper, bevel=0
        )
        parts = [
            pages,
            shapes.box(f"board{index}a", (low[0], low[1], z), (right, high[1], z + 0.05), cover),
            shapes.box(f"board{index}b", (low[0], low[1], z + height - 0.05), (right, high[1], z + height), cover),
            shapes.box(f"spine{index}", (low[0], low[1], z), (right, low[1] + 0.05, z + height), cover),
        ]
        for part in parts:
            part.rotation_euler.z = turn
        z += height
    oak = surfaces.wood("oak", (0.25, 0.13, 0.05), (0.5, 0.3, 0.14), grain=2.0)
    shapes.box("shelf", (-8.0, -0.55, BOUNCES.drop - 0.12), (BOUNCES.edge_x, 0.55, BOUNCES.drop), oak, bevel=0.025)
    _cup((2.35, 1.7, 0.0))
    return {"marble": shapes.ball("marble", BOUNCES.radius, _glaze())}


def _dominoes(of: Shot) -> dict[str, Any]:
    _table()
    _window(of, z_from=0.9, panes=(-6.0, -1.0, 4.0, 9.0), seed=21)
    _light("lamp", of.lamp, (0.5, 0, 0.4), LAMP, 420, 1.3)
    _light("dusk", (-2.0, 5.5, 3.6), (0, 0, 0.4), (0.3, 0.52, 1.0), 460, 4.0)
    moving = {"marble": shapes.ball("marble", DOMINOES.marble_radius, _glaze())}
    warm, cool = (0.78, 0.2, 0.05), (0.08, 0.3, 0.34)
    for index in range(DOMINOES.count):
        share = index / (DOMINOES.count - 1)
        colour = tuple(a + (b - a) * share for a, b in zip(warm, cool, strict=True))
        light = tuple(min(1.0, channel * 1.35 + 0.04) for channel in colour)
        paint = surfaces.wood(f"paint{index}", colour, light, along="y", grain=3.0, roughness=0.38)
        block = shapes.box(
            f"block{index}",
            (-DOMINOES.thickness, -DOMINOES.width / 2, 0.0),
            (0.0, DOMINOES.width / 2, DOMINOES.height),
            paint,
            bevel=0.025,
        )
        moving[f"block{index}"] = block
    _cup((-1.0, 2.6, 0.0))
    return moving


def _cradle(of: Shot) -> dict[str, Any]:
    _table(walnut=True)
    _window(of, z_from=0.7, panes=(-6.4, -2.2, 2.0, 6.2), seed=33)
    _light("lamp", of.lamp, (0, 0, 0.7), LAMP, 300, 1.2)
    _light("dusk", (3.0, 5.0, 3.8), (0, 0, 0.7), (0.3, 0.52, 1.0), 520, 4.0)
    chrome = surfaces.plain("chrome", (0.82, 0.82, 0.84), roughness=0.06, metallic=1.0)
    brass = surfaces.plain("brass", (0.86, 0.6, 0.28), roughness=0.18, metallic=1.0)
    ebony = surfaces.wood("ebony", (0.02, 0.012, 0.008), (0.06, 0.035, 0.02), grain=2.5, coat=0.5)
    thread = surfaces.plain("thread", (0.55, 0.5, 0.42), roughness=0.8)
    wide, deep, high = 1.75, 0.62, CRADLE.bars_z
    shapes.box("base", (-wide - 0.25, -deep - 0.25, 0.0), (wide + 0.25, deep + 0.25, 0.18), ebony, bevel=0.05)
    for y in (-deep, deep):
        shapes.tube(
            "frame",
            [(-wide, y, 0.1), (-wide, y, high), (wide, y, high), (wide, y, 0.1)],
            [0.055] * 4,
            brass,
        )
        for x in (-wide, wide):
            shapes.ball("corner", 0.075, brass, at=(x, y, high))
    moving: dict[str, Any] = {}
    for index in range(CRADLE.balls):
        pivot = bpy.data.objects.new(f"ball{index}", None)
        bpy.context.collection.objects.link(pivot)
        parts = [shapes.ball("steel", CRADLE.radius, chrome, at=(0, 0, -CRADLE.length))]
        parts += [
            shapes.rod("thread", (0, y, 0), (0, 0, -CRADLE.length + CRADLE.radius * 0.95), 0.011, thread)
            for y in (-deep, deep)
        ]
        for part in parts:
            part.parent = pivot
        moving[f"ball{index}"] = pivot
    _candle((2.9, 1.3, 0.0))
    return moving


def _table(*, walnut: bool = False) -> None:
    dark, light = ((0.045, 0.02, 0.01), (0.17, 0.08, 0.04)) if walnut else ((0.13, 0.06, 0.025), (0.36, 0.19, 0.08))
    top = surfaces.wood("table", dark, light, plank=2.3, coat=0.3, roughness=0.35)
    shapes.box("table", (-25, -12, -0.5), (25, 5.2, 0.0), top, bevel=0.05)
    wall = surfaces.plain("wall", (0.07, 0.08, 0.09), roughness=0.9)
    shapes.box("wall", (-40, 9.0, -8), (40, 9.3, 0.3), wall, bevel=0)


def _window(of: Shot, *, z_from: float, panes: tuple[float, ...], seed: int) -> None:
    """A window at dusk behind the table: sky, far lights, falling rain, and the bars that part its panes."""
    glass = surfaces.sky("sky", (0.13, 0.2, 0.34), DUSK, strength=0.55, z_from=0, z_to=9)
    shapes.box("sky", (-40, 19, -6), (40, 19.2, 20), glass, bevel=0)
    frame = surfaces.plain("bars", (0.035, 0.04, 0.05), roughness=0.6)
    shapes.box("sill", (-40, 8.4, z_from - 0.35), (40, 9.4, z_from), frame)
    for x in panes:
        shapes.box("bar", (x - 0.16, 8.8, z_from), (x + 0.16, 9.1, 20), frame)
    shapes.box("cross", (-40, 8.8, z_from + 4.4), (40, 9.1, z_from + 4.65), frame)
    _bokeh((-12, 17, z_from - 0.5), (12, 18.5, z_from + 3.2), count=34, seed=seed, size=0.17)
    _rain(of, (-10, 10, -1), (10, 15, 9), count=110, seed=seed, length=1.1)


def _bokeh(low: tuple[float, ...], high: tuple[float, ...], *, count: int, seed: int, size: float) -> None:
    random_ = random.Random(seed)
    tints = [
        surfaces.plain("far.amber", (1.0, 0.42, 0.1), glow=2.6),
        surfaces.plain("far.gold", (1.0, 0.62, 0.26), glow=2.2),
        surfaces.plain("far.red", (1.0, 0.12, 0.06), glow=1.6),
        surfaces.plain("far.teal", (0.2, 0.75, 0.8), glow=1.0),
    ]
    for index in range(count):
        place = tuple(random_.uniform(a, b) for a, b in zip(low, high, strict=True))
        tint = tints[random_.choices(range(4), weights=(5, 5, 1, 2))[0]]
        light = shapes.ball(f"far{index}", size * random_.uniform(0.6, 1.2), tint)
        light.location = place
        light.visible_diffuse = False


def _rain(of: Shot, low: tuple[float, ...], high: tuple[float, ...], *, count: int, seed: int, length: float) -> None:
    """Streaks past the window in two layers that repeat after a third and a half of `rain_frames`."""
    random_ = random.Random(seed + 1)
    pale = surfaces.plain("rain", (0.45, 0.6, 0.85), glow=0.22)
    tall = high[2] - low[2]
    for layer, frames in enumerate((of.rain_frames // 3, of.rain_frames // 2)):
        made = bmesh.new()
        for _ in range(count // 2):
            x, y, z = (random_.uniform(a, b) for a, b in zip(low, high, strict=True))
            # Each streak twice, so that the layer can fall by its own height and start again.
            for top in (z + tall, z):
                corners = [
                    made.verts.new((x + dx, y, top + dz))
                    for dx, dz in ((0, 0), (0.05, 0), (0.09, length), (0.04, length))
                ]
                made.faces.new(corners)
        streaks = shapes.thing(f"rain{layer}", made, pale)
        streaks.visible_diffuse = streaks.visible_glossy = streaks.visible_shadow = False
        for start in range(-frames, of.n_frames + 2, frames):
            for frame, z in ((start, 0.0), (start + frames - 0.001, -tall)):
                streaks.location.z = z
                streaks.keyframe_insert("location", frame=frame)


def _cup(place: tuple[float, float, float]) -> None:
    glaze = surfaces.plain("cup", (0.16, 0.27, 0.3), roughness=0.25, coat=0.5)
    cup = shapes.lathe(
        "cup", [(0.0, 0.02), (0.42, 0.02), (0.5, 0.1), (0.55, 1.05), (0.53, 1.08), (0.5, 1.05), (0.46, 0.14)], glaze
    )
    cup.location = place
    ring = [(0.5 + 0.32 * math.sin(turn), 0, 0.58 + 0.32 * math.cos(turn)) for turn in _turns(10)]
    handle = shapes.tube("ear", ring, [0.07] * len(ring), glaze, smooth=True)
    handle.location = place


def _candle(place: tuple[float, float, float]) -> None:
    wax = surfaces.plain("wax", (0.8, 0.7, 0.52), roughness=0.5)
    wax.node_tree.nodes["Principled BSDF"].inputs["Subsurface Weight"].default_value = 0.2
    x, y, _ = place
    body = shapes.lathe("candle", [(0.0, 0.0), (0.3, 0.0), (0.3, 0.95), (0.24, 0.98), (0.0, 0.93)], wax)
    body.location = place
    flame = surfaces.plain("flame", (1.0, 0.5, 0.14), glow=14.0)
    fire = shapes.ball("flame", 0.075, flame, squash=(1, 1, 2.3))
    fire.location = (x, y, 1.2)
    light = bpy.data.lights.new("candle", "POINT")
    light.energy, light.color, light.shadow_soft_size = 30, LAMP, 0.1
    thing = bpy.data.objects.new("candle.light", light)
    thing.location = (x, y - 0.05, 1.3)
    bpy.context.collection.objects.link(thing)


def _glaze() -> Any:
    return surfaces.banded("glaze", (0.62, 0.03, 0.02), (0.85, 0.78, 0.66))


def _turns(count: int) -> list[float]:
    return [math.pi * (index + 0.5) / count for index in range(count)]


def _light(
    name: str,
    place: tuple[float, float, float],
    towards: tuple[float, float, float],
    colour: Colour,
    watts: float,
    size: float,
) -> None:
    from mathutils import Vector

    light = bpy.data.lights.new(name, "AREA")
    light.energy, light.color, light.size = watts, colour, size
    thing = bpy.data.objects.new(name, light)
    thing.location = place
    thing.rotation_euler = (Vector(towards) - Vector(place)).to_track_quat("-Z", "Y").to_euler()
    bpy.context.collection.objects.link(thing)
