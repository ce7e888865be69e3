"""Owns the film's meshes: boxes, balls, rods and lathed things, smooth-shaded and bevelled. Knows Blender, no shot."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import bmesh
import bpy

Vector = tuple[float, float, float]


def box(name: str, low: Vector, high: Vector, material: Any, *, bevel: float = 0.02) -> Any:
    """A bevelled box between two corners, with its origin at the world's (or its pose's)."""
    made = bmesh.new()
    bmesh.ops.create_cube(made, size=1.0)
    for vertex in made.verts:
        for axis in range(3):
            vertex.co[axis] = low[axis] + (vertex.co[axis] + 0.5) * (high[axis] - low[axis])
    result = thing(name, made, material)
    if bevel:
        modifier = result.modifiers.new("bevel", "BEVEL")
        modifier.width, modifier.segments, modifier.limit_method = bevel, 3, "ANGLE"
    _smooth(result, angle=0.6)
    return result


def ball(name: str, radius: float, material: Any, *, at: Vector = (0, 0, 0), squash: Vector = (1, 1, 1)) -> Any:
    """A sphere, stretched by `squash` about its middle `at`."""
    made = bmesh.new()
    bmesh.ops.create_uvsphere(made, u_segments=40, v_segments=24, radius=radius)
    for vertex in made.verts:
        for axis in range(3):
            vertex.co[axis] = vertex.co[axis] * squash[axis] + at[axis]
    result = thing(name, made, material)
    _smooth(result)
    return result


def rod(name: str, start: Vector, end: Vector, radius: float, material: Any, *, taper: float = 1.0) -> Any:
    """A round bar; its radius at the end is `radius * taper`."""
    return tube(name, (start, end), (radius, radius * taper), material)


def tube(name: str, path: Sequence[Vector], radii: Sequence[float], material: Any, *, smooth: bool = False) -> Any:
    """A bar along a path of points with a radius at each."""
    curve = bpy.data.curves.new(name, "CURVE")
    curve.dimensions, curve.bevel_depth, curve.bevel_resolution, curve.use_fill_caps = "3D", 1.0, 6, True
    spline = curve.splines.new("NURBS" if smooth else "POLY")
    spline.points.add(len(path) - 1)
    for point, place, radius in zip(spline.points, path, radii, strict=True):
        point.co, point.radius = (*place, 1.0), radius
    if smooth:
        spline.use_endpoint_u, spline.order_u, spline.resolution_u = True, 3, 8
    curve.materials.append(material)
    result = bpy.data.objects.new(name, curve)
    bpy.context.collection.objects.link(result)
    return result


def lathe(name: str, profile: Sequence[tuple[float, float]], material: Any, *, segments: int = 72) -> Any:
    """A profile of (radius, height) turned about z."""
    made = bmesh.new()
    rings = []
    for radius, height in profile:
        turns = (2 * math.pi * index / segments for index in range(segments))
        rings.append([made.verts.new((radius * math.cos(turn), radius * math.sin(turn), height)) for turn in turns])
    for inner, outer in pairwise(rings):
        for index in range(segments):
            after = (index + 1) % segments
            made.faces.new((inner[index], inner[after], outer[after], outer[index]))
    result = thing(name, made, material)
    _smooth(result)
    return result


def disc(name: str, radius: float, material: Any, *, rings: int = 90, segments: int = 72) -> Any:
    """A round surface of many rings, to be moved by `wave`."""
    return lathe(
        name, [(radius * (ring + 0.02) / rings, 0.0) for ring in range(rings + 1)], material, segments=segments
    )


def wave(surface: Any, height: Callable[[float], float]) -> None:
    """Set a disc's heights from the distance to its middle."""
    known: dict[float, float] = {}
    for vertex in surface.data.vertices:
        distance = round(math.hypot(vertex.co[0], vertex.co[1]), 4)
        if distance not in known:
            known[distance] = height(distance)
        vertex.co[2] = known[distance]
    surface.data.update()


def thing(name: str, made: Any, material: Any) -> Any:
    """An object of a bmesh, which is freed."""
    mesh = bpy.data.meshes.new(name)
    made.to_mesh(mesh)
    made.free()
    mesh.materials.append(material)
    result = bpy.data.objects.new(name, mesh)
    bpy.context.collection.objects.link(result)
    return result


def _smooth(thing: Any, *, angle: float = 3.2) -> None:
    for polygon in thing.data.polygons:
        polygon.use_smooth = True
    if angle < 3.1:
        thing.data.set_sharp_from_angle(angle=angle)
