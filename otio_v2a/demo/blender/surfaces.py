"""Owns the film's materials: procedural, so that the package ships no texture. Knows Blender, no shot."""

from typing import Any

import bpy

Colour = tuple[float, float, float]


def plain(
    name: str, colour: Colour, *, roughness: float = 0.5, metallic: float = 0.0, coat: float = 0.0, glow: float = 0.0
) -> Any:
    """One colour; `glow` makes it shine by itself."""
    material, shader = _principled(name)
    shader.inputs["Base Color"].default_value = (*colour, 1)
    shader.inputs["Roughness"].default_value = roughness
    shader.inputs["Metallic"].default_value = metallic
    shader.inputs["Coat Weight"].default_value = coat
    if glow:
        shader.inputs["Emission Color"].default_value = (*colour, 1)
        shader.inputs["Emission Strength"].default_value = glow
        # Seen, in mirrors too, but not worth a ray from every surface.
        material.cycles.emission_sampling = "NONE"
    return material


def wood(
    name: str,
    dark: Colour,
    light: Colour,
    *,
    along: str = "x",
    grain: float = 1.0,
    plank: float = 0.0,
    roughness: float = 0.42,
    coat: float = 0.15,
) -> Any:
    """Grain that runs along x or y; with `plank` the surface is cut into planks of that width."""
    material, shader = _principled(name)
    nodes, links = material.node_tree.nodes, material.node_tree.links
    place = nodes.new("ShaderNodeTexCoord")
    stretch = nodes.new("ShaderNodeMapping")
    stretch.inputs["Scale"].default_value = (0.22, 2.6, 2.6) if along == "x" else (2.6, 0.22, 2.6)
    links.new(place.outputs["Object"], stretch.inputs["Vector"])
    noise = nodes.new("ShaderNodeTexNoise")
    noise.inputs["Scale"].default_value = 1.6 * grain
    noise.inputs["Detail"].default_value = 3
    noise.inputs["Roughness"].default_value = 0.62
    noise.inputs["Distortion"].default_value = 0.6
    links.new(stretch.outputs["Vector"], noise.inputs["Vector"])
    colours = nodes.new("ShaderNodeValToRGB")
    colours.color_ramp.elements[0].position, colours.color_ramp.elements[0].color = 0.32, (*dark, 1)
    colours.color_ramp.elements[1].position, colours.color_ramp.elements[1].color = 0.68, (*light, 1)
    links.new(noise.outputs["Fac"], colours.inputs["Fac"])
    colour = colours.outputs["Color"]
    if plank:
        bricks = nodes.new("ShaderNodeTexBrick")
        turn = nodes.new("ShaderNodeMapping")
        if along == "y":
            turn.inputs["Rotation"].default_value = (0, 0, 1.5708)
        links.new(place.outputs["Object"], turn.inputs["Vector"])
        links.new(turn.outputs["Vector"], bricks.inputs["Vector"])
        bricks.inputs["Color1"].default_value = (1, 1, 1, 1)
        bricks.inputs["Color2"].default_value = (0.62, 0.62, 0.62, 1)
        bricks.inputs["Mortar"].default_value = (0.08, 0.08, 0.08, 1)
        bricks.inputs["Scale"].default_value = 1.0
        bricks.inputs["Mortar Size"].default_value = 0.012 * plank
        bricks.inputs["Brick Width"].default_value = plank * 9
        bricks.inputs["Row Height"].default_value = plank
        mix = nodes.new("ShaderNodeMix")
        mix.data_type, mix.blend_type = "RGBA", "MULTIPLY"
        mix.inputs["Factor"].default_value = 1.0
        links.new(colour, mix.inputs["A"])
        links.new(bricks.outputs["Color"], mix.inputs["B"])
        colour = mix.outputs["Result"]
    links.new(colour, shader.inputs["Base Color"])
    shader.inputs["Roughness"].default_value = roughness
    shader.inputs["Coat Weight"].default_value = coat
    shader.inputs["Coat Roughness"].default_value = 0.2
    return material


def banded(name: str, first: Colour, second: Colour) -> Any:
    """A glazed marble with bands, so that its turning is seen."""
    material, shader = _principled(name)
    nodes, links = material.node_tree.nodes, material.node_tree.links
    place = nodes.new("ShaderNodeTexCoord")
    wave = nodes.new("ShaderNodeTexWave")
    wave.bands_direction = "X"
    wave.inputs["Scale"].default_value = 1.1
    wave.inputs["Distortion"].default_value = 2.4
    wave.inputs["Detail"].default_value = 1.0
    colours = nodes.new("ShaderNodeValToRGB")
    colours.color_ramp.elements[0].position, colours.color_ramp.elements[0].color = 0.45, (*first, 1)
    colours.color_ramp.elements[1].position, colours.color_ramp.elements[1].color = 0.52, (*second, 1)
    scale = nodes.new("ShaderNodeMapping")
    scale.inputs["Scale"].default_value = (4.0, 4.0, 4.0)
    links.new(place.outputs["Object"], scale.inputs["Vector"])
    links.new(scale.outputs["Vector"], wave.inputs["Vector"])
    links.new(wave.outputs["Fac"], colours.inputs["Fac"])
    links.new(colours.outputs["Color"], shader.inputs["Base Color"])
    shader.inputs["Roughness"].default_value = 0.12
    shader.inputs["Coat Weight"].default_value = 0.6
    return material


def water(name: str) -> Any:
    """Dark water: a mirror with a tint, cheaper and calmer than refraction."""
    return plain(name, (0.012, 0.02, 0.03), roughness=0.03, coat=1.0)


def sky(name: str, low: Colour, high: Colour, *, strength: float, z_from: float, z_to: float) -> Any:
    """A glowing plane that goes from one colour to another with height."""
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    nodes.clear()
    place = nodes.new("ShaderNodeNewGeometry")
    parts = nodes.new("ShaderNodeSeparateXYZ")
    links.new(place.outputs["Position"], parts.inputs["Vector"])
    span = nodes.new("ShaderNodeMapRange")
    span.inputs["From Min"].default_value, span.inputs["From Max"].default_value = z_from, z_to
    links.new(parts.outputs["Z"], span.inputs["Value"])
    colours = nodes.new("ShaderNodeValToRGB")
    colours.color_ramp.elements[0].color, colours.color_ramp.elements[1].color = (*low, 1), (*high, 1)
    links.new(span.outputs["Result"], colours.inputs["Fac"])
    shine = nodes.new("ShaderNodeEmission")
    shine.inputs["Strength"].default_value = strength
    links.new(colours.outputs["Color"], shine.inputs["Color"])
    material.cycles.emission_sampling = "NONE"
    out = nodes.new("ShaderNodeOutputMaterial")
    links.new(shine.outputs["Emission"], out.inputs["Surface"])
    return material


def _principled(name: str) -> tuple[Any, Any]:
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    return material, material.node_tree.nodes["Principled BSDF"]
