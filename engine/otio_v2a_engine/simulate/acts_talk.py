"""The act of talking: one or two faces whose mouths move with their syllables. Knows no waveform.

Unlike `acts_hits.speak`, an animal's call, these are faces with eyes that speak in phrases.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from otio_v2a_engine.simulate.acting import Act, Colour, Event, Floats, Rng, actor, jitter, times_of, tint
from otio_v2a_engine.simulate.draw import ASPECT, TRACK_RATE, Actor

__all__ = ["talk"]

_SHUT_S = 0.3  # after the last syllable of a phrase the mouth is shut
_SKINS: tuple[Colour, ...] = (
    (0.96, 0.80, 0.70), (0.90, 0.70, 0.57), (0.80, 0.58, 0.44), (0.62, 0.42, 0.30), (0.45, 0.30, 0.22),
    (0.30, 0.20, 0.15),
)  # fmt: skip
_HAIR: tuple[Colour, ...] = ((0.1, 0.08, 0.07), (0.32, 0.2, 0.12), (0.5, 0.28, 0.15), (0.8, 0.66, 0.4), (0.7, 0.7, 0.7))


@dataclass(frozen=True)
class _Said:
    """A syllable: when, how hard, who says it, and whether a pause follows."""

    time_s: float
    strength: float
    who: int
    ends_phrase: bool


def _conversation(rng: Rng, seconds: float, *, n_people: int) -> list[_Said]:
    """Phrases of 3 to 14 syllables with pauses of 0.3 to 1.5 s between them; two people take turns."""
    said: list[_Said] = []
    start = rng.uniform(1.0, 1.4) if rng.random() < 0.15 else rng.uniform(0.08, 0.5)
    stop = seconds - (rng.uniform(1.0, 1.4) if rng.random() < 0.15 else 0.05)
    period, who, t = rng.uniform(0.18, 0.3), int(rng.integers(n_people)), start
    while t < stop:
        loud = rng.uniform(0.6, 1.0)
        count = int(rng.integers(3, 15))
        stressed = int(rng.integers(2, 4))
        for k in range(count):
            if t >= stop:
                break
            stress = 1.0 if k % stressed == 0 else rng.uniform(0.5, 0.85)
            said.append(_Said(float(t), float(loud * stress * rng.uniform(0.85, 1.0)), who, k == count - 1))
            t += float(np.clip(period * (1.15 if stress == 1.0 else 0.9) * rng.uniform(0.8, 1.25), 0.167, 0.333))
        t = said[-1].time_s + _SHUT_S + rng.uniform(0.3, 1.5)
        if rng.random() < 0.65:
            who = (who + 1) % n_people
    return said


def _openness(rng: Rng, n: int, said: Sequence[_Said]) -> Floats:
    """How far a mouth is open, 0..1, `(n,)`: it opens at each syllable and is shut in pauses."""
    times, levels = [-9.0], [0.0]
    for i, syllable in enumerate(said):
        last = syllable.ends_phrase or i + 1 == len(said)
        gap = _SHUT_S if last else said[i + 1].time_s - syllable.time_s
        top = (0.3 + 0.7 * syllable.strength) * rng.uniform(0.75, 1.0)
        lips_meet = i == 0 or said[i - 1].ends_phrase or rng.random() < 0.4
        valley = 0.0 if lips_meet else 0.3 * top * rng.random()
        times += [syllable.time_s - 0.012, syllable.time_s + min(0.06, 0.35 * gap), syllable.time_s + 0.55 * gap]
        levels += [valley, top, 0.75 * top]
        if last:
            times.append(syllable.time_s + _SHUT_S - 0.02)
            levels.append(0.0)
    opened: Floats = np.interp(times_of(n), times, levels).astype(np.float32)
    return opened


def _blinks(rng: Rng, n: int) -> Floats:
    """How far the eyes are open, 0.1..1, `(n,)`."""
    t, seconds = times_of(n), n / TRACK_RATE
    shut = np.zeros(n, np.float32)
    for blink in np.cumsum(rng.uniform(0.8, 5.0, int(seconds / 0.8) + 1)):
        shut = np.maximum(shut, 1 - np.abs(t - blink) / 0.09)
    return (1 - 0.9 * shut.clip(0, 1)).astype(np.float32)


def _nods(rng: Rng, n: int, said: Sequence[_Said]) -> Floats:
    """How far the head dips with stressed syllables, 0..1, `(n,)`."""
    t = times_of(n)
    dip: Floats = np.zeros(n, np.float32)
    for syllable in said:
        if syllable.strength > 0.7 and rng.random() < 0.7:
            late = (t - syllable.time_s - 0.08) / 0.11
            dip = np.maximum(dip, syllable.strength * np.exp(-(late**2)))
    return dip


def _shade(colour: Colour, factor: float) -> Colour:
    red, green, blue = (float(min(1.0, factor * value)) for value in colour)
    return red, green, blue


def _person(rng: Rng, n: int, said: Sequence[_Said], *, x: float, y: float, size: float) -> list[Actor]:
    """A face of height `size` centred at `x, y`, with shoulders; its mouth is the last actor."""
    skin = _shade(_SKINS[int(rng.integers(len(_SKINS)))], rng.uniform(0.85, 1.1))
    dyed, cloth = tint(rng), tint(rng)
    hair = _shade(dyed if rng.random() < 0.3 else _HAIR[int(rng.integers(len(_HAIR)))], rng.uniform(0.4, 1.1))
    lips: Colour = (min(1.0, skin[0] * 0.85), skin[1] * 0.6, skin[2] * 0.6)
    opened, eyes = _openness(rng, n, said), _blinks(rng, n)
    nod, restless = _nods(rng, n, said), rng.uniform(0.3, 1.0)
    tilt = 0.06 * restless * jitter(rng, n, 0.8) + rng.uniform(-0.12, 0.12)
    head_x = x + size * (0.03 * restless * jitter(rng, n, 0.6))
    head_y = y + size * (0.02 * restless * jitter(rng, n, 0.7) + rng.uniform(0.01, 0.05) * nod)
    width, turn = size * rng.uniform(0.66, 0.82), size * rng.uniform(-0.12, 0.12)

    def part(dx: float | Floats, dy: float | Floats, w: float | Floats, h: float | Floats, colour: Colour) -> Actor:
        """An actor at an offset from the middle of the face, in its height, that tilts with the head."""
        right, down = size * np.asarray(dx), size * np.asarray(dy)
        cos, sin = np.cos(tilt), np.sin(tilt)
        return actor(
            n,
            x=head_x + right * cos - down * sin,
            y=head_y + right * sin + down * cos,
            w=size * np.asarray(w),
            h=size * np.asarray(h),
            angle=tilt,
            colour=colour,
        )

    wide, off = width / size, turn / size
    people: list[Actor] = []
    if size < 0.6 or rng.random() < 0.7:  # a close-up may end at the chin
        people.append(actor(n, x=x, y=y + size * 0.6, w=size * 0.3, h=size * 0.6, colour=_shade(skin, 0.8)))
        people.append(
            actor(n, x=x, y=y + size * 1.25, w=size * rng.uniform(1.6, 2.2), h=size * 1.15, colour=cloth, roundness=0.6)
        )
    hair_down = rng.uniform(-0.15, 0.25)
    if rng.random() < 0.9:
        people.append(part(0.0, hair_down - 0.15, wide * rng.uniform(1.08, 1.35), rng.uniform(0.9, 1.1), hair))
    # The jaw drops with the mouth, below the still upper face.
    people.append(part(0.4 * off, 0.2 + 0.05 * opened, wide * 0.84, 0.56 + 0.06 * opened, skin))
    people.append(part(0.0, -0.06, wide, 0.86, skin))
    if rng.random() < 0.5:
        people.append(part(-0.3 * off, -0.38, wide * 0.72, rng.uniform(0.16, 0.26), hair))
    eye_y, apart, eye_h = rng.uniform(-0.12, -0.05), wide * rng.uniform(0.2, 0.25), rng.uniform(0.06, 0.09)
    gaze = 0.02 * np.clip(jitter(rng, n, 1.2), -1.5, 1.5)
    brow = rng.uniform(0.09, 0.13) + 0.02 * nod
    iris, glasses = _shade(tint(rng), 0.4), rng.random() < 0.2
    for side in (-1.0, 1.0):
        eye_x = off + side * apart
        if glasses:
            people.append(part(eye_x, eye_y, 0.24, 0.19, _shade(hair, 0.4)))
            people.append(part(eye_x, eye_y, 0.19, 0.14, _shade(skin, 1.1)))
        people.append(part(eye_x, eye_y, 0.14, eye_h * eyes, (0.95, 0.95, 0.93)))
        people.append(part(eye_x + gaze, eye_y, 0.065, 0.9 * eye_h * eyes, iris))
        people.append(part(eye_x, eye_y - brow, 0.17, 0.03, hair))
    people.append(part(1.4 * off, 0.08, 0.09, 0.18, _shade(skin, 0.86)))
    mouth_y, mouth_w = rng.uniform(0.24, 0.29), rng.uniform(0.24, 0.34)
    if rng.random() < 0.15:  # a beard
        people.append(part(off, mouth_y + 0.06 + 0.05 * opened, 0.6 * wide, 0.32 + 0.1 * opened, hair))
    reach, smile = rng.uniform(0.12, 0.2), rng.uniform(0.0, 0.12)
    across = mouth_w * (1 + smile - rng.uniform(0.05, 0.3) * opened)
    middle = mouth_y + 0.4 * reach * opened
    people.append(part(off, middle, across * 1.1, 0.055 + reach * opened, lips))
    people.append(part(off, middle, across * 0.9, 0.008 + reach * opened, (0.2, 0.05, 0.06)))
    return people


def talk(rng: Rng, n: int) -> Act:
    """One or two people talk, in a close-up, a medium shot or a two-shot; whoever listens keeps the mouth shut.

    Args:
        rng: all randomness.
        n: ticks of TRACK_RATE.

    Returns:
        Act whose events are the syllables' onsets, ascending, each at the `x` of who speaks; with two people,
        two values of `x`. A person's last actor is the mouth.
    """
    pair = rng.random() < 0.35
    said = _conversation(rng, n / TRACK_RATE, n_people=2 if pair else 1)
    if pair:
        size = rng.uniform(0.25, 0.55)
        places = [
            (rng.uniform(0.24, 0.34) * ASPECT, size * rng.uniform(0.85, 1.15)),
            (rng.uniform(0.66, 0.76) * ASPECT, size * rng.uniform(0.85, 1.15)),
        ]
    else:
        size = rng.uniform(0.55, 0.9) if rng.random() < 0.6 else rng.uniform(0.25, 0.55)
        places = [(rng.uniform(0.25, 0.75) * ASPECT, size)]
    level = rng.uniform(0.5 * size + 0.02, 0.62) if size < 0.6 else rng.uniform(0.47, 0.55)
    people: list[Actor] = []
    for who, (x, height) in enumerate(places):
        own = [syllable for syllable in said if syllable.who == who]
        people += _person(rng, n, own, x=x, y=level + rng.uniform(-0.03, 0.03), size=float(np.clip(height, 0.25, 0.9)))
    events = tuple(Event(s.time_s, s.strength, float(np.clip(places[s.who][0] / ASPECT, 0, 1))) for s in said)
    return Act(tuple(people), events)
