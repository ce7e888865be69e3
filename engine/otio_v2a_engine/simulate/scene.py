"""A scene: silent frames, the true events, and one true stem per role, all from one seed. Knows no network."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from otio_v2a_engine.contract import Role
from otio_v2a_engine.models.mel import SAMPLE_RATE
from otio_v2a_engine.simulate import synth
from otio_v2a_engine.simulate.acting import Act
from otio_v2a_engine.simulate.acts import ACTS
from otio_v2a_engine.simulate.acts_contact import slow_motion
from otio_v2a_engine.simulate.acts_gaits import GAITS
from otio_v2a_engine.simulate.acts_lasting import distractor
from otio_v2a_engine.simulate.acts_table import TABLE, fiddle
from otio_v2a_engine.simulate.acts_talk import talk
from otio_v2a_engine.simulate.backdrops import Backdrops
from otio_v2a_engine.simulate.bank import Bank
from otio_v2a_engine.simulate.draw import HEIGHT, TRACK_RATE, WIDTH, Camera, Look, background, draw
from otio_v2a_engine.simulate.music import piece
from otio_v2a_engine.simulate.sounds import available, hit_source, one_stretch
from otio_v2a_engine.simulate.vocabulary import AMBIENCES, HITS, KINDS, LOOPS, MUSIC, STEPS, VOICES, Family
from otio_v2a_engine.simulate.voice import utterance

__all__ = ["PLAIN", "Scene", "SceneEvent", "ScenePart", "Staging", "draw_kinds", "make_scene", "sound_of"]

Samples = npt.NDArray[np.float32]
Rng = np.random.Generator

_SOURCE_RATES = (24.0, 24000 / 1001, 25.0, 25.0, 30000 / 1001, 30.0, 50.0, 60.0, 18.0)
_UNSEEN = 0.12  # share of voices that speak while no mouth is seen
_HANDS = 0.25  # share of shots, where there are tables, in which hands do something else without a sound
_QUIET = ("click", "swoosh", "scrape", "sneeze", "clap", "tick", "shaker", "reload", "saw")


@dataclass(frozen=True)
class Staging:
    """What scenes are drawn with beyond what the first had. By default nothing: figures stay comparable.

    Attributes:
        at_table: share of the acts that hands could do at a table which they do there.
        gaits: share of footsteps that go on four legs, or jump.
        backdrops: real pictures behind what happens, and real surfaces on bodies; None makes them up.
    """

    at_table: float = 0.0
    gaits: float = 0.0
    backdrops: Backdrops | None = None


PLAIN = Staging()
"""Scenes as the first were."""


@dataclass(frozen=True)
class SceneEvent:
    """A sound's onset, or a syllable's: its sample, its kind, how hard (0..1)."""

    sample: int
    kind: str
    strength: float


@dataclass(frozen=True)
class ScenePart:
    """What one act of a scene sounds like alone.

    Attributes:
        kind: of its sound.
        caption: what a user would call it.
        stem: mono sound `(n_samples,)` at 48 kHz, at its level in the mix.
        events: its onsets, ascending.
    """

    kind: str
    caption: str
    stem: Samples
    events: tuple[SceneEvent, ...]


@dataclass(frozen=True)
class Scene:
    """One rendered scene.

    Attributes:
        frames: `(T, HEIGHT, WIDTH, 3)` uint8 RGB, as seen at the asked times.
        stems: mono sound of each role, `(n_samples,)` at 48 kHz, within [-1, 1].
        captions: what a user would ask for, of each role.
        events: the onsets in the FX stem, ascending.
        syllables: those in the DX stem whose mouth is seen, ascending.
        cuts_s: where the picture cuts.
        kinds: kinds of sound in the FX stem, and the kind of the ambience last.
        parts: the acts, each alone; the FX stem is their sum.
    """

    frames: npt.NDArray[np.uint8]
    stems: dict[Role, Samples]
    captions: dict[Role, str]
    events: tuple[SceneEvent, ...]
    syllables: tuple[SceneEvent, ...]
    cuts_s: tuple[float, ...]
    kinds: tuple[str, ...]
    parts: tuple[ScenePart, ...]


@dataclass(frozen=True)
class _Shot:
    """A stretch of a scene between cuts: what is drawn, and the sound of it over the whole scene."""

    acts: tuple[Act, ...]
    camera: Camera
    picture: npt.NDArray[np.float32]
    parts: tuple[ScenePart, ...]
    caption: str
    speech: ScenePart | None = None


def draw_kinds(rng: Rng, bank: Bank, *, count: int, among: Sequence[str] = ()) -> tuple[str, ...]:
    """`count` different kinds of effect, each as likely as in a scene; where `among` is given, the first one of it."""
    names = [str(rng.choice(available(tuple(among), bank)))] if among else []
    while len(names) < count:
        name = _choose_kind(rng, bank)
        if name not in names:
            names.append(name)
    return tuple(names)


def _choose_kind(rng: Rng, bank: Bank) -> str:
    draw_ = rng.random()
    if draw_ < 0.22:
        names = tuple(kind.name for kind in STEPS)
    elif draw_ < 0.8:
        names = tuple(kind.name for kind in HITS)
    else:
        names = tuple(kind.name for kind in LOOPS)
    return str(rng.choice(available(names, bank)))


def _caption(name: str, label: str, rng: Rng) -> str:
    words = KINDS[name].captions
    if label and KINDS[name].label_captions and rng.random() < 0.7:
        return label
    caption = words[0] if rng.random() < 0.3 else str(rng.choice(words))
    return ("the sound of " if rng.random() < 0.1 else "") + caption


def _sound(name: str, act: Act, n_samples: int, bank: Bank, rng: Rng) -> tuple[Samples, tuple[SceneEvent, ...], str]:
    """The FX stem of one act at its finished level, its onsets, and the label of its recording."""
    out = np.zeros(n_samples, np.float32)
    if act.span is not None:
        level = np.interp(
            np.arange(n_samples) / SAMPLE_RATE, np.arange(len(act.span.level)) / TRACK_RATE, act.span.level
        ).astype(np.float32)
        out += one_stretch(name, n_samples, bank, rng) * level * 10 ** (rng.uniform(-5, 1) / 20)
        peak = float(np.abs(out).max())
        return out * min(1.0, 0.5 / max(peak, 1e-6)), (), ""
    play, label = hit_source(name, bank, rng)
    events: list[SceneEvent] = []
    for event in act.events:
        start = round(event.time_s * SAMPLE_RATE)
        if not 0 <= start < n_samples:
            continue
        sound = play(event.strength)[: n_samples - start]
        out[start : start + len(sound)] += sound
        events.append(SceneEvent(start, name, event.strength))
    if rng.random() < 0.3:
        out = synth.room(out, rng, seconds=rng.uniform(0.2, 1.2), level=rng.uniform(0.1, 0.6))
    quiet = name.startswith("steps") or name in _QUIET
    peak_db = rng.uniform(-16, -10) if quiet else rng.uniform(-9, -6)
    peak = float(np.abs(out).max())
    return (out * (10 ** (peak_db / 20) / peak) if peak > 0 else out), tuple(events), label


def _camera(rng: Rng, n: int, acts: Sequence[Act]) -> Camera:
    t = np.arange(n, dtype=np.float32) / TRACK_RATE
    dx, dy = np.zeros(n, np.float32), np.zeros(n, np.float32)
    style = rng.random()
    if style < 0.25:  # hand-held
        for track in (dx, dy):
            for hz in (0.4, 1.1, 2.3, 4.0):
                track += rng.uniform(0, 1.2 / hz) * np.sin(
                    2 * np.pi * hz * rng.uniform(0.8, 1.2) * t + rng.uniform(0, 6)
                )
    elif style < 0.4:  # pan
        dx += rng.uniform(-3, 3) * t
        dy += rng.uniform(-1, 1) * t
    for act in acts:
        if act.shake is not None:
            dy += act.shake
    forward = next((act.forward for act in acts if act.forward is not None), None)
    if forward is None and style > 0.96:  # a silent ride
        forward = (rng.uniform(-0.5, 0.5) * t).astype(np.float32)
    return Camera(dx, dy, forward)


def _perform(rng: Rng, n: int, name: str, staging: Staging = PLAIN) -> Act:
    """One of the acts that show a kind of sound; now and then in slow motion."""
    choices = ACTS["steps" if name.startswith("steps") else name]
    if staging.at_table and name in TABLE and rng.random() < staging.at_table:
        choices = TABLE[name]
    if staging.gaits and name.startswith("steps") and rng.random() < staging.gaits:
        choices = GAITS
    act = choices[int(rng.integers(len(choices)))]
    if KINDS[name].family is Family.HIT and rng.random() < 0.08:
        factor = rng.uniform(1.4, 3.0)
        return slow_motion(act(rng, int(n / factor) + 1), factor, n)
    return act(rng, n)


def _textured(rng: Rng, act: Act, backdrops: Backdrops | None) -> Act:
    """The act with a texture on some of its bodies, one of a real surface where there are `backdrops`."""
    if rng.random() < 0.4:
        return act
    contrast = rng.uniform(0.05, 0.4)

    def texture() -> npt.NDArray[np.float32]:
        if backdrops is not None:
            return backdrops.texture(rng, contrast=contrast)
        coarse, fine = rng.standard_normal((4, 4)), rng.standard_normal((16, 16))
        return (contrast * (0.6 * np.kron(coarse, np.ones((4, 4))) + 0.5 * fine)).astype(np.float32)

    return replace(
        act, actors=tuple(replace(body, grain=texture()) if rng.random() < 0.7 else body for body in act.actors)
    )


def _look(rng: Rng) -> Look:
    look = rng.random()
    return Look(
        gain=rng.uniform(0.35, 1.2) if look < 0.4 else 1.0,
        gamma=rng.uniform(0.6, 1.6) if look < 0.4 else 1.0,
        saturation=0.0 if rng.random() < 0.15 else rng.uniform(0.5, 1.0),
        grain=rng.uniform(0, 0.05) if rng.random() < 0.5 else 0.0,
        bars=rng.uniform(0.06, 0.14) if rng.random() < 0.12 else 0.0,
        flicker=rng.uniform(0, 0.02) if rng.random() < 0.15 else 0.0,
        vignette=rng.uniform(0, 0.7) if rng.random() < 0.2 else 0.0,
        blur=rng.random() < 0.3,
        compression=rng.uniform(2, 10) if rng.random() < 0.2 else 0.0,
    )


def _speech(rng: Rng, act: Act, n_samples: int) -> ScenePart:
    """The DX stem of people who talk, one voice for each place in the picture, and what it is called."""
    out = np.zeros(n_samples, np.float32)
    captions: list[str] = []
    syllables: list[SceneEvent] = []
    for x in sorted({event.x for event in act.events}):
        name = str(rng.choice([kind.name for kind in VOICES], p=(0.32, 0.32, 0.14, 0.1, 0.12)))
        own = [event for event in act.events if event.x == x]
        out += utterance(rng, n_samples, speaker=name, syllables=own) * 10 ** (rng.uniform(-4, 0) / 20)
        syllables += [SceneEvent(round(event.time_s * SAMPLE_RATE), name, event.strength) for event in own]
        captions.append(_caption(name, "", rng))
    if rng.random() < 0.4:
        out = synth.room(out, rng, seconds=rng.uniform(0.15, 0.9), level=rng.uniform(0.05, 0.4))
    peak = float(np.abs(out).max())
    loud = 10 ** (rng.uniform(-14, -7) / 20)
    return ScenePart(
        kind=syllables[0].kind if syllables else "",
        caption=" and ".join(dict.fromkeys(captions)),
        stem=(out * (loud / peak) if peak > 0 else out).astype(np.float32),
        events=tuple(sorted(syllables, key=lambda event: event.sample)),
    )


def _shot(
    rng: Rng,
    n_track: int,
    n_samples: int,
    bank: Bank,
    only: Sequence[str],
    *,
    talks: bool,
    staging: Staging,
) -> _Shot:
    speech = None
    if talks:
        face = talk(rng, n_track)
        speech, is_seen = _speech(rng, face, n_samples), rng.random() >= _UNSEEN
        if not is_seen:
            speech = replace(speech, events=())
    # Asked for, but nothing happens: silence.
    still = not only and rng.random() < (0.5 if talks else 0.07)
    count = len(only) or (0 if still else (1 if rng.random() < 0.75 else 2))
    acts: list[Act] = [distractor(rng, n_track) for _ in range(int(rng.choice([0, 0, 1, 1, 2, 3])))]
    if staging.at_table and rng.random() < staging.at_table * _HANDS:
        acts.append(fiddle(rng, n_track))
    parts: list[ScenePart] = []
    for number in range(count):
        name = only[number] if only else _choose_kind(rng, bank)
        # A table hides what is behind.
        act = _perform(rng, n_track, name, replace(staging, at_table=0.0) if number else staging)
        sound, onsets, label = _sound(name, act, n_samples, bank, rng)
        acts.append(act)
        parts.append(ScenePart(name, _caption(name, label, rng), sound, onsets))
    if talks and is_seen:
        acts.append(face)
    captions = [part.caption for part in parts]
    if still:
        captions.append(_caption(str(rng.choice([kind.name for kind in (*STEPS, *HITS)])), "", rng))
    return _Shot(
        acts=tuple(_textured(rng, act, staging.backdrops) for act in acts),
        camera=_camera(rng, n_track, acts),
        picture=background(rng) if staging.backdrops is None else staging.backdrops.backdrop(rng),
        parts=tuple(parts),
        caption=" and ".join(captions) if rng.random() < 0.7 else ", ".join(captions),
        speech=speech,
    )


def _ambience(rng: Rng, n_samples: int, bank: Bank) -> tuple[Samples, str, str]:
    name = str(rng.choice(available(tuple(kind.name for kind in AMBIENCES), bank)))
    sound = one_stretch(name, n_samples, bank, rng) * 10 ** (rng.uniform(-12, -7) / 20)  # -32 to -27 dBFS RMS
    return np.clip(sound, -0.9, 0.9).astype(np.float32), name, _caption(name, "", rng)


def _music(rng: Rng, n_samples: int, bank: Bank) -> tuple[Samples, str]:
    sound, caption = piece(rng, n_samples, style=str(rng.choice([kind.name for kind in MUSIC])), bank=bank)
    return sound * np.float32(10 ** (rng.uniform(-8, -2) / 20)), caption  # -28 to -22 dBFS RMS


def _rain(frames: npt.NDArray[np.uint8], rng: Rng) -> npt.NDArray[np.uint8]:
    """Streaks of rain over the frames."""
    texture = (rng.random((HEIGHT * 3, WIDTH)) < 0.012).astype(np.float32)
    for _ in range(3):
        texture = np.maximum(texture, 0.8 * np.roll(texture, 1, axis=0))
    speed, level = rng.uniform(5, 17), rng.uniform(20, 60)
    out = frames.astype(np.float32)
    for i in range(len(out)):
        out[i] += level * np.roll(texture, int(i * speed), axis=0)[:HEIGHT, :, None]
    return out.clip(0, 255).astype(np.uint8)


def make_scene(
    rng: Rng,
    *,
    bank: Bank,
    seconds: float = 8.0,
    token_rate: float = 25.0,
    source_rate: float | None = None,
    only: Sequence[str] = (),
    roles: Collection[Role] = (Role.FX, Role.AMB),
    staging: Staging = PLAIN,
) -> Scene:
    """A scene of `seconds`, a pure function of the generator's state and the bank.

    Args:
        rng: all randomness.
        bank: recordings; an empty bank leaves what can be synthesised.
        seconds: length, at least 2.
        token_rate: how many frames a second are looked at; each is the nearest frame of the source.
        source_rate: frames a second of the imagined camera; by default a random common rate.
        only: kinds of effect that happen, in one shot; by default one or two are drawn, with a cut now and then.
        roles: stems that are made beside FX; the others are silent. With DX somebody talks.
        staging: what it is drawn with beyond what the first scenes had.
    """
    n_track, n_samples = round(seconds * TRACK_RATE), round(seconds * SAMPLE_RATE)
    rate = float(rng.choice(_SOURCE_RATES)) if source_rate is None else source_rate
    times = (np.arange(round(seconds * token_rate)) + 0.5) / token_rate
    times = np.round(times * rate) / rate
    cuts = tuple(sorted(rng.uniform(1, seconds - 1, size=1))) if not only and rng.random() < 0.15 else ()
    edges = [0.0, *cuts, seconds + 1]
    if Role.AMB in roles:
        air, ambience_kind, ambience_caption = _ambience(rng, n_samples, bank)
    else:
        air, ambience_kind, ambience_caption = np.zeros(n_samples, np.float32), "", ""
    music, music_caption = _music(rng, n_samples, bank) if Role.MUS in roles else (np.zeros(n_samples, np.float32), "")
    speech = np.zeros(n_samples, np.float32)
    syllables: list[SceneEvent] = []
    speech_captions: list[str] = []
    frames = np.empty((len(times), HEIGHT, WIDTH, 3), np.uint8)
    parts: list[ScenePart] = []
    captions: list[str] = []
    look = _look(rng)
    clock = np.arange(n_samples) / SAMPLE_RATE
    for start, end in pairwise(edges):
        shot = _shot(rng, n_track, n_samples, bank, only, talks=Role.DX in roles, staging=staging)
        shown = (times >= start) & (times < end)
        actors = [actor for act in shot.acts for actor in act.actors]
        if shown.any():
            frames[shown] = draw(
                actors,
                picture=shot.picture,
                camera=shot.camera,
                look=look,
                times_s=times[shown],
                frame_s=1 / rate,
                rng=rng,
            )
        gate = ((clock - start + 0.002) / 0.004).clip(0, 1) * ((end - clock) / 0.05 + 1).clip(0, 1)
        for part in shot.parts:
            heard = tuple(event for event in part.events if start <= event.sample / SAMPLE_RATE < end)
            parts.append(replace(part, stem=part.stem * gate if cuts else part.stem, events=heard))
        captions.append(shot.caption)
        if shot.speech is not None:
            speech += shot.speech.stem * gate
            syllables += [event for event in shot.speech.events if start <= event.sample / SAMPLE_RATE < end]
            speech_captions.append(shot.speech.caption)
    if ambience_kind == "rain" and rng.random() < 0.6:
        frames = _rain(frames, rng)
    fx = np.sum([part.stem for part in parts], axis=0) if parts else np.zeros(n_samples, np.float32)
    gain = min(1.0, 0.6 / max(float(np.abs(fx).max()), 1e-6))
    return Scene(
        frames=frames,
        stems={Role.FX: (gain * fx).astype(np.float32), Role.AMB: air, Role.MUS: music, Role.DX: speech},
        captions={
            Role.FX: ", ".join(captions),
            Role.AMB: ambience_caption,
            Role.MUS: music_caption,
            Role.DX: ", ".join(dict.fromkeys(speech_captions)),
        },
        syllables=tuple(syllables),
        events=tuple(sorted((event for part in parts for event in part.events), key=lambda event: event.sample)),
        cuts_s=tuple(float(cut) for cut in cuts),
        kinds=(*(part.kind for part in parts), ambience_kind),
        parts=tuple(replace(part, stem=(gain * part.stem).astype(np.float32)) for part in parts),
    )


def sound_of(rng: Rng, name: str, *, bank: Bank, seconds: float) -> Samples:
    """A sound of any kind as a scene's stem would have it, without its picture, `(n,)` at 48 kHz."""
    n_track, n_samples = round(seconds * TRACK_RATE), round(seconds * SAMPLE_RATE)
    match KINDS[name].family:
        case Family.AMBIENCE:
            return one_stretch(name, n_samples, bank, rng)
        case Family.MUSIC:
            return piece(rng, n_samples, style=name, bank=bank)[0]
        case Family.VOICE:
            return utterance(rng, n_samples, speaker=name, syllables=talk(rng, n_track).events)
        case _:
            return _sound(name, _perform(rng, n_track, name), n_samples, bank, rng)[0]
