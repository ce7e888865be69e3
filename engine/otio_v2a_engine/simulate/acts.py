"""Which acts may show which kind of sound. Pure table."""

from collections.abc import Callable

from otio_v2a_engine.simulate.acting import Act, Rng
from otio_v2a_engine.simulate.acts_contact import approach, pendulum, place, rebound, topple
from otio_v2a_engine.simulate.acts_hits import (
    blast,
    bounce,
    clap,
    door,
    fingers,
    juggle,
    plunge,
    speak,
    strike,
    sweep,
    tread,
    walk,
)
from otio_v2a_engine.simulate.acts_lasting import flame, flutter, machine, pour, vehicle
from otio_v2a_engine.simulate.acts_to_and_fro import saw, shake, strum, tick

__all__ = ["ACTS"]

_struck: tuple[Callable[[Rng, int], Act], ...] = (
    strike, strike, bounce, bounce, clap, pendulum, rebound, topple, place, place
)  # fmt: skip

ACTS: dict[str, tuple[Callable[[Rng, int], Act], ...]] = {
    "steps": (walk, walk, approach, approach, tread),
    "metal": _struck, "glass": _struck, "wood": _struck, "stone": _struck, "plastic": _struck,
    "rubber": (bounce, bounce, juggle, juggle, strike, rebound), "drum": (strike, fingers),
    "snare": (strike,), "cymbal": (strike,),
    "bell": (strike,), "punch": (strike, clap, bounce), "door": (door, door, strike), "clap": (clap,),
    "explosion": (blast,), "gunshot": (blast,), "swoosh": (sweep,),
    "click": (fingers, fingers, strike), "splash": (plunge,),
    "dog": (speak,), "rooster": (speak,), "bird_call": (speak,), "animal": (speak,),
    "sneeze": (speak,), "scrape": (sweep,),
    "fire": (flame,), "pouring": (pour,), "engine": (vehicle, vehicle, machine), "helicopter": (machine, vehicle),
    "chainsaw": (machine,), "applause": (flutter,), "stream": (flutter, pour), "rustle": (flutter,),
    "pluck": (strum, strum, fingers), "shaker": (shake,), "hammer": (strike,), "saw": (saw,),
    "reload": (place, shake, strike), "tick": (tick,), "drill": (machine,),
}  # fmt: skip
"""Kind of sound (footsteps as one) to the acts that may show it."""
