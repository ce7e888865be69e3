"""Renders one shot of the demo film to PNG frames with Blender's Python module (Cycles on the CPU).

    python render.py SHOT FOLDER [--width 640] [--samples 8] [--frames 0,24,48]

Run by otio_v2a.demo.build in an environment that has `bpy`; motion and camera come from otio_v2a.demo.shots.
"""

import argparse
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import bpy
import sets
import shapes
from mathutils import Vector

from otio_v2a.demo.shots import DRIP, Rect, Shot, pieces, poses, resting, shot

# Keys per frame: an impact inside a frame then keeps its place, and blur follows the fall.
KEYS = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shot")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    parser.add_argument("--frames", help="whole pictures of only these frames, comma-separated")
    args = parser.parse_args()
    of = shot(args.shot)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps = of.rate
    scene.frame_start, scene.frame_end = 0, of.n_frames - 1
    moving = sets.build(of)
    _animate(of, moving)
    _camera(of, scene)
    _quality(scene, width=args.width, samples=args.samples, threads=args.threads)
    args.folder.mkdir(parents=True, exist_ok=True)
    if args.frames:
        plan = [(f"still.{int(frame):04d}", int(frame), (0.0, 0.0, 1.0, 1.0)) for frame in args.frames.split(",")]
    else:
        plan = pieces(of)
    for name, frame, rect in plan:
        path = args.folder / f"{of.name}.{name}.png"
        if path.exists():
            continue
        started, used = time.monotonic(), time.process_time()
        scene.frame_set(frame)
        if "water" in moving:
            shapes.wave(moving["water"], partial(DRIP.ripple, time_s=frame / of.rate))
        _rest(of, moving, at_rest=name.startswith(("set", "rain")))
        _border(scene, rect)
        _effort(of, scene, name=name, samples=args.samples)
        # Written beside, then renamed: what exists is whole.
        unfinished = path.with_name(f"{path.stem}.partial.png")
        scene.render.filepath = str(unfinished)
        bpy.ops.render.render(write_still=True)
        unfinished.rename(path)
        sys.stderr.write(
            f"{path.name} {time.monotonic() - started:.2f} s, {time.process_time() - used:.2f} s of processor\n"
        )


def _rest(of: Shot, moving: dict[str, Any], *, at_rest: bool) -> None:
    """Put what moves to rest for pieces of the empty set, or let it move again."""
    poses_ = resting(of)
    for name, thing in moving.items():
        if name == "water":
            continue
        if poses_ is None:
            for part in (thing, *thing.children_recursive):
                part.hide_render = at_rest
            continue
        for curve in thing.animation_data.action.fcurves:
            curve.mute = at_rest
        if at_rest:
            thing.location, thing.rotation_euler = poses_[name].location, poses_[name].rotation


def _effort(of: Shot, scene: Any, *, name: str, samples: int) -> None:
    """The empty set is rendered once and may cost more; far lights out of focus want care, or no guides at all."""
    cycles = scene.cycles
    whole = name == "set"
    cycles.samples = samples * 5 if whole else samples
    careful = whole or of.name in {"tap", "cradle"}
    cycles.denoising_prefilter = "ACCURATE" if careful else "FAST"
    cycles.denoising_input_passes = "RGB" if name.startswith("rain") else "RGB_ALBEDO_NORMAL"


def _border(scene: Any, rect: Rect) -> None:
    left, top, right, bottom = rect
    render = scene.render
    render.use_border = render.use_crop_to_border = rect != (0.0, 0.0, 1.0, 1.0)
    render.border_min_x, render.border_max_x = left, right
    # Blender counts from the bottom.
    render.border_min_y, render.border_max_y = 1 - bottom, 1 - top


def _animate(of: Shot, moving: dict[str, Any]) -> None:
    bpy.context.preferences.edit.keyframe_new_interpolation_type = "LINEAR"
    for step in range(-KEYS, (of.n_frames + 1) * KEYS + 1):
        frame = step / KEYS
        for name, pose in poses(of, frame / of.rate).items():
            thing = moving[name]
            thing.location, thing.rotation_euler, thing.scale = pose.location, pose.rotation, pose.scale
            thing.keyframe_insert("location", frame=frame)
            thing.keyframe_insert("rotation_euler", frame=frame)
            if name.startswith("drop"):
                thing.keyframe_insert("scale", frame=frame)


def _camera(of: Shot, scene: Any) -> None:
    data = bpy.data.cameras.new("camera")
    data.lens, data.sensor_width = of.camera.lens_mm, 36.0
    data.dof.use_dof, data.dof.aperture_fstop = True, of.camera.f_stop
    place = Vector(of.camera.place)
    forward = Vector(of.camera.target) - place
    data.dof.focus_distance = (Vector(of.camera.focus) - place).dot(forward.normalized())
    camera = bpy.data.objects.new("camera", data)
    camera.location, camera.rotation_euler = place, forward.to_track_quat("-Z", "Y").to_euler()
    bpy.context.collection.objects.link(camera)
    scene.camera = camera


def _quality(scene: Any, *, width: int, samples: int, threads: int) -> None:
    render, cycles = scene.render, scene.cycles
    render.engine = "CYCLES"
    render.resolution_x, render.resolution_y = width, width * 9 // 16
    render.use_persistent_data = True
    render.use_motion_blur, render.motion_blur_shutter = True, 0.5
    render.image_settings.file_format = "PNG"
    render.image_settings.color_mode = "RGB"
    if threads:
        render.threads_mode, render.threads = "FIXED", threads
    cycles.device = "CPU"
    cycles.samples = samples
    cycles.use_adaptive_sampling = cycles.use_light_tree = False
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 3, 1, 2
    cycles.transmission_bounces, cycles.transparent_max_bounces = 3, 3
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect = 4.0
    cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"
    cycles.denoising_quality = "FAST"
    world = bpy.data.worlds.new("night")
    scene.world = world
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.02, 0.035, 0.07, 1)
    scene.view_settings.view_transform = "AgX"
    scene.view_settings.look = "AgX - Medium High Contrast"


if __name__ == "__main__":
    main()
