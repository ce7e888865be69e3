"""Instruments for simulated music: tuned ones as sums of partials that move, drums as swept sines and noise.

Knows pitches and seconds; no composition and no picture. A player draws its timbre once and keeps it from
note to note. Every tuned note has RMS 1 in its loudest 40 ms, every drum peak 1. All randomness comes from `rng`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from otio_v2a_engine.models.mel import SAMPLE_RATE
from otio_v2a_engine.simulate.bank import Bank
from otio_v2a_engine.simulate.synth import shaped_noise

__all__ = ["DRUMS", "TUNED", "Player", "additive", "drum", "player"]

Samples = npt.NDArray[np.float32]
Array = npt.NDArray[np.floating[Any]]
Rng = np.random.Generator
Player = Callable[[int, float, float], Samples]
"""From MIDI pitch, seconds held and strength (0..1) to a note whose onset is at sample 0, its release included."""

_CONTROL = 192  # samples between two values of a partial's level and frequency: 4 ms
_HIGHEST_HZ = 16000.0
_ONE_THREAD = (
    250_000  # multiplications up to which OpenBLAS starts no threads: they wait for each other beside training
)
DRUMS = ("kick", "snare", "hat", "crash", "tom", "taiko")
_RECORDED = {"kick": "drum", "tom": "drum", "snare": "snare", "hat": "cymbal", "crash": "cymbal"}


def additive(hz: Array, levels: Array, ratios: Array, rng: Rng) -> Samples:
    """A sum of partials whose levels and frequencies move.

    The voices of a section differ by a few hertz only, so that per partial they are one slowly turning
    amplitude at the control rate; blocks of plain cosines (one matrix product) then carry it to samples.

    Args:
        hz: `(voices, B)` fundamental of each voice every 192 samples.
        levels: `(B, K)` level of each partial.
        ratios: `(K,)` frequency of each partial over the fundamental.

    Returns:
        `(192 B,)`; partials above 16 kHz are left out.
    """
    nominal = float(hz.mean())
    kept = ratios * nominal < _HIGHEST_HZ
    ratios, levels = ratios[kept], levels[:, kept]
    n_partials = len(ratios)
    cycles = (np.cumsum(hz, 1) - hz / 2 - hz[:, :1] / 2) * (_CONTROL / SAMPLE_RATE)
    turning = np.zeros((len(levels), 2 * n_partials), np.float32)  # cosines, sines
    for voice in cycles:
        turns = voice[:, None] * ratios + rng.random(n_partials)
        turns -= np.floor(turns)  # single precision is enough for the rest, and four times as fast
        angle = (2 * np.pi * turns).astype(np.float32)
        turning[:, :n_partials] += np.cos(angle)
        turning[:, n_partials:] += np.sin(angle)
    turning *= np.tile((levels / len(hz) ** 0.5).astype(np.float32), 2)
    j = np.arange(-_CONTROL, _CONTROL, dtype=np.float32)
    angle = ((2 * np.pi * nominal / SAMPLE_RATE) * ratios).astype(np.float32)[:, None] * j
    cosines = np.concatenate([np.cos(angle), -np.sin(angle)]) * (1 - np.abs(j) / _CONTROL)
    rows = max(1, _ONE_THREAD // cosines.size)
    turning = np.concatenate([turning, np.zeros((-len(turning) % rows, 2 * n_partials), np.float32)])
    frames = (turning.reshape(-1, rows, 2 * n_partials) @ cosines).reshape(-1, 2 * _CONTROL)[: len(levels)]
    out = np.zeros((len(frames) + 1, _CONTROL), np.float32)
    out[:-1] += frames[:, :_CONTROL]
    out[1:] += frames[:, _CONTROL:]
    return out.ravel()[_CONTROL:]


def _finished(note: Samples, *, attack_s: float) -> Samples:
    """No click at either end, and RMS 1 in the loudest 40 ms."""
    rise, fall = min(len(note), int(attack_s * SAMPLE_RATE) + 1), min(len(note), 960)
    note[:rise] *= np.sin(np.linspace(0, np.pi / 2, rise, dtype=np.float32)) ** 2
    note[-fall:] *= np.linspace(1, 0, fall, dtype=np.float32)
    usable = len(note) // 1920 * 1920
    power = (note[:usable].reshape(-1, 1920) ** 2).mean(1).max() if usable else (note**2).mean()
    levelled: Samples = note / np.float32(max(float(power) ** 0.5, 1e-6))
    return levelled


def _times(seconds: float) -> Array:
    return np.arange(int(seconds * SAMPLE_RATE / _CONTROL) + 2) * (_CONTROL / SAMPLE_RATE)


def _hz(pitch: int) -> float:
    return float(440.0 * 2.0 ** ((pitch - 69) / 12))


def _harmonics(pitch: int, most: int) -> Array:
    return np.arange(1, max(2, min(most, int(_HIGHEST_HZ / _hz(pitch)))) + 1, dtype=np.float64)


@dataclass(frozen=True)
class _Struck:
    """Strings and bars that ring once struck or plucked: every partial decays by itself.

    Attributes:
        decay_s: time for a middle C's first partial to fall by 60 dB.
        tilt: how fast partials weaken (power of their number) at full strength.
        spot: where along the string it is struck, as a share of its length.
        stiffness: inharmonicity of a middle C.
        ratios: the partials of a bar; empty for a string.
        release_s: how long the damper takes.
        noise: level of the contact noise.
    """

    decay_s: float
    tilt: float
    spot: float
    stiffness: float
    release_s: float
    noise: float
    ratios: tuple[float, ...] = ()
    damping: float = 0.2
    attack_s: float = 0.0015

    def play(self, pitch: int, seconds: float, strength: float, rng: Rng) -> Samples:
        numbers = np.array(self.ratios) if self.ratios else _harmonics(pitch, 40)
        stiff = self.stiffness * 2.0 ** ((pitch - 60) / 8)
        ratios = numbers * np.sqrt(1 + stiff * numbers**2) / np.sqrt(1 + stiff)
        longest = self.decay_s * 2.0 ** (-(pitch - 60) / 20)
        t = _times(min(seconds + 2 * self.release_s, longest))[:, None]
        decays = longest / (1 + self.damping * (numbers - 1))
        # A soft touch excites fewer partials.
        weights = numbers ** -(self.tilt + 0.9 * (1 - strength)) * (0.15 + np.abs(np.sin(np.pi * numbers * self.spot)))
        levels = weights * (0.6 * np.exp(-6.9 * t / decays) + 0.4 * np.exp(-6.9 * t / (0.35 * decays)))
        levels *= np.exp(-np.maximum(t - seconds, 0) * (4.5 / self.release_s))
        cents = np.array([[-0.6], [0.7]])
        note = additive(np.full((2, len(t)), _hz(pitch)) * 2 ** (cents / 1200), levels, ratios, rng)
        note = _finished(note, attack_s=self.attack_s)
        n_noise = min(len(note), int(0.03 * SAMPLE_RATE))
        thud = shaped_noise(n_noise, low_hz=150, high_hz=2000 + 4000 * strength, tilt_db=-5, rng=rng)
        note[:n_noise] += self.noise * strength * thud * np.hanning(2 * n_noise)[n_noise:].astype(np.float32) ** 3
        note[:24] *= np.linspace(0, 1, min(24, len(note)), dtype=np.float32)
        return note


@dataclass(frozen=True)
class _Sustained:
    """Bowed, blown and electric tones that last while they are held.

    Attributes:
        voices, cents: how many sound together, and how far apart they are tuned.
        weights: levels of the first harmonics; empty for `tilt` (power of the number).
        odd: how much weaker even harmonics are (0 none .. 1 absent).
        cutoff_hz: where the low-pass starts; `sweep` is by how many octaves it opens with the level.
        pluck_s: how long the low-pass and the level take to fall after the onset; 0 for never.
        vibrato_cents: depth once it has set in.
        flutter: random unsteadiness of pitch, as a share.
        breath: level of the air beside the tone.
    """

    voices: int
    cents: float
    attack_s: float
    release_s: float
    cutoff_hz: float
    tilt: float = 1.0
    weights: tuple[float, ...] = ()
    ratios: tuple[float, ...] = ()
    odd: float = 0.0
    sweep: float = 0.0
    pluck_s: float = 0.0
    vibrato_cents: float = 0.0
    flutter: float = 0.0
    breath: float = 0.0
    swell: float = 0.0

    def play(self, pitch: int, seconds: float, strength: float, rng: Rng) -> Samples:
        numbers = np.array(self.ratios) if self.ratios else _harmonics(pitch, len(self.weights) or 48)
        t = _times(seconds + self.release_s)
        attack_s = min(self.attack_s * (1.4 - 0.7 * strength), 0.6 * seconds + 0.005)
        envelope = np.minimum(t / attack_s + 0.02, 1) * np.exp(-np.maximum(t - seconds, 0) * (5 / self.release_s))
        envelope *= 1 - self.swell * np.cos(np.pi * np.minimum(t / max(seconds, 0.1), 1)) ** 2
        if self.pluck_s:
            envelope *= np.exp(-t / self.pluck_s)
        weights = np.array(self.weights)[: len(numbers)] if self.weights else numbers**-self.tilt
        weights = weights * np.where(numbers % 2 == 0, 1 - self.odd, 1.0)
        cutoff = self.cutoff_hz * 2.0 ** (self.sweep * (envelope * (0.4 + 0.6 * strength) - 0.5))[:, None]
        levels = envelope[:, None] * weights / np.sqrt(1 + (numbers * _hz(pitch) / cutoff) ** 4)
        spread = rng.normal(0, self.cents, self.voices)
        spread -= spread.mean()
        hz = np.empty((self.voices, len(t)))
        for voice in range(self.voices):
            rate_hz, start = rng.uniform(4.6, 6.2), rng.uniform(0, 2 * np.pi)
            depth = self.vibrato_cents * np.clip((t - 0.15) / 0.4, 0, 1) * np.sin(2 * np.pi * rate_hz * t + start)
            hz[voice] = _hz(pitch) * 2.0 ** ((spread[voice] + depth) / 1200)
        if self.flutter:
            hz *= 1 + self.flutter * rng.standard_normal(hz.shape)
        note = additive(hz, levels, numbers, rng)
        if self.breath:
            air = shaped_noise(
                min(len(note), SAMPLE_RATE),
                low_hz=_hz(pitch),
                high_hz=min(4 * _hz(pitch) + 2500, 7e3),
                tilt_db=-3,
                rng=rng,
            )
            level = np.interp(np.arange(len(note)), np.arange(len(t)) * _CONTROL, envelope)
            loud = float(np.sqrt(np.mean(note**2)))
            note += (self.breath * loud * level * np.resize(air, len(note))).astype(np.float32)
        return _finished(note, attack_s=0.004)


TUNED: dict[str, Callable[[Rng], _Struck | _Sustained]] = {
    "piano": lambda r: _Struck(r.uniform(5, 9), r.uniform(1.0, 1.7), r.uniform(0.1, 0.14), 3e-4, 0.18, 0.25),
    "guitar": lambda r: _Struck(r.uniform(2.2, 4), r.uniform(0.9, 1.5), r.uniform(0.12, 0.3), 4e-5, 0.15, 0.3),
    "bass": lambda r: _Struck(r.uniform(1.2, 2.2), r.uniform(1.1, 1.7), r.uniform(0.15, 0.3), 3e-5, 0.08, 0.1),
    "music_box": lambda r: _Struck(
        r.uniform(3, 6), r.uniform(1.2, 1.8), 0.37, 0.0, 0.8, 0.12,
        ratios=((1, 2.0, 3.01, 6.27, 17.55), (1, 2.76, 5.4, 8.93), (1, 4.0, 10.1))[int(r.integers(3))],
        damping=0.5, attack_s=0.0008,
    ),
    "strings": lambda r: _Sustained(
        4, r.uniform(4, 8), r.uniform(0.1, 0.35), 0.3, r.uniform(1500, 3500),
        tilt=r.uniform(0.8, 1.1), vibrato_cents=r.uniform(6, 16), flutter=0.0012, sweep=0.8, swell=r.uniform(0, 0.35),
    ),
    "spiccato": lambda r: _Sustained(
        4, 6, 0.018, 0.15, r.uniform(1800, 3500), tilt=0.9, flutter=0.002, sweep=1.5, pluck_s=r.uniform(0.12, 0.25)
    ),
    "organ": lambda r: (
        _Sustained(
            1, 0, 0.012, 0.05, 6000, ratios=(0.5, 1, 1.5, 2, 3, 4, 5, 6, 8),
            weights=(*r.uniform((0.3, 0.8, 0), (1, 1.2, 0.4)), *r.uniform(0, 0.7, 3), *r.uniform(0, 0.3, 3)),
            vibrato_cents=r.choice([0, 4.0]),
        )
        if r.random() < 0.5
        else _Sustained(3, 1.5, 0.06, 0.25, r.uniform(2500, 6000), ratios=(0.5, 1, 2, 3, 4, 6, 8),
                        weights=(0.5, 1, r.uniform(0.4, 0.9), 0.3, r.uniform(0.2, 0.5), 0.15, 0.15), breath=0.02)
    ),
    "pad": lambda r: _Sustained(
        3, r.uniform(5, 11), r.uniform(0.2, 0.6), 0.5, r.uniform(500, 2200), tilt=1.0, sweep=r.uniform(0.5, 2.5)
    ),
    "arp": lambda r: _Sustained(
        2, r.uniform(2, 6), 0.004, 0.12, r.uniform(900, 2600), odd=r.choice([0, 0.9]), sweep=r.uniform(1, 3),
        pluck_s=r.uniform(0.1, 0.4),
    ),
    "lead": lambda r: _Sustained(
        2, r.uniform(3, 7), 0.02, 0.12, r.uniform(1500, 4500), odd=r.choice([0, 0.8]), vibrato_cents=8, sweep=0.6
    ),
    "synth_bass": lambda r: _Sustained(
        1, 0, 0.005, 0.06, r.uniform(250, 900), odd=r.choice([0, 0.9]), sweep=r.uniform(1, 2.5),
        pluck_s=r.choice([0, 0.35]),
    ),
    "flute": lambda r: _Sustained(
        1, 0, r.uniform(0.05, 0.1), 0.09, 9000, weights=(1, r.uniform(0.2, 0.5), 0.16, 0.07, 0.03, 0.015),
        vibrato_cents=r.uniform(8, 18), flutter=0.001, breath=r.uniform(0.06, 0.16),
    ),
    "clarinet": lambda r: _Sustained(
        1, 0, r.uniform(0.04, 0.08), 0.08, r.uniform(1800, 3500), tilt=0.8, odd=r.uniform(0.75, 0.92),
        vibrato_cents=4, flutter=0.0008, breath=0.03, sweep=0.8,
    ),
    "brass": lambda r: _Sustained(
        2, r.uniform(2, 5), r.uniform(0.05, 0.11), 0.12, r.uniform(900, 1800), tilt=0.6, sweep=r.uniform(2, 3),
        vibrato_cents=5, flutter=0.001, swell=r.uniform(0, 0.2),
    ),
}  # fmt: skip
"""Tuned instruments by name: from a generator to one of its kind."""


def player(name: str, rng: Rng) -> Player:
    """One instrument of that name; it plays the same note the same way each time."""
    instrument, seed = TUNED[name](rng), int(rng.integers(2**31))
    known: dict[tuple[int, int, int], Samples] = {}

    def play(pitch: int, seconds: float, strength: float) -> Samples:
        key = (pitch, round(seconds * 50), round(strength * 5))
        if key not in known:
            own = np.random.default_rng([seed, *key])
            known[key] = instrument.play(pitch, max(key[1], 2) / 50, min(key[2] / 5, 1.0), own)
        return known[key]

    return play


def _fall(n: int, seconds: float) -> Samples:
    fall: Samples = np.exp(-6.9 * np.arange(n, dtype=np.float32) / (seconds * SAMPLE_RATE)).astype(np.float32)
    return fall


def _swept(n: int, hz: float, *, drop: float, drop_s: float) -> Samples:
    """A sine that falls from `hz (1 + drop)` to `hz`."""
    t = np.arange(n, dtype=np.float32) / SAMPLE_RATE
    return np.sin(2 * np.pi * hz * (t + drop * drop_s * (1 - np.exp(-t / drop_s)))).astype(np.float32)


@dataclass(frozen=True)
class _Skin:
    """A drum's ranges: seconds and hertz of its body, how far its pitch drops, and its noise (level, band, share)."""

    seconds: tuple[float, float]
    hz: tuple[float, float]
    drop: float
    noise: float
    low_hz: float
    high_hz: float
    noise_s: float


_SKINS = {
    "kick": _Skin((0.2, 0.5), (42, 62), 3.5, 0.1, 800, 5000, 0.02),
    "snare": _Skin((0.15, 0.32), (160, 240), 0.4, 0.5, 900, 11000, 0.25),
    "tom": _Skin((0.25, 0.5), (90, 180), 0.5, 0.08, 400, 4000, 0.02),
    "taiko": _Skin((0.6, 1.2), (50, 75), 0.6, 0.15, 100, 1200, 0.15),
}
_PLATES_S = {"hat": (0.05, 0.12), "crash": (1.0, 1.8)}


def _skin(skin: _Skin, rng: Rng) -> Samples:
    n = int(rng.uniform(*skin.seconds) * SAMPLE_RATE)
    hz, drop = rng.uniform(*skin.hz), skin.drop * rng.uniform(0.6, 1.4)
    out = _swept(n, hz, drop=drop, drop_s=0.03) * _fall(n, n / SAMPLE_RATE)
    n_noise = min(n, int(skin.noise_s * rng.uniform(0.7, 1.3) * SAMPLE_RATE))
    noise = shaped_noise(n_noise, low_hz=skin.low_hz, high_hz=skin.high_hz, tilt_db=-2, rng=rng)
    out[:n_noise] += skin.noise * noise * _fall(n_noise, n_noise / SAMPLE_RATE)
    return out


def _plate(seconds: float, rng: Rng) -> Samples:
    n = int(seconds * SAMPLE_RATE)
    out = shaped_noise(n, low_hz=rng.uniform(4e3, 8e3), high_hz=15e3, tilt_db=-1, rng=rng) * _fall(n, seconds)
    t = np.arange(n, dtype=np.float32) / SAMPLE_RATE
    for hz in rng.uniform(3e3, 9e3, 4):
        out += 0.25 * np.sin(2 * np.pi * np.float32(hz) * t) * _fall(n, 0.7 * seconds)
    return out


def drum(name: str, rng: Rng, bank: Bank) -> Samples:
    """One stroke of a drum, peak 1, its onset at sample 0: recorded two times in three where the bank has it."""
    kind = _RECORDED.get(name, "")
    if bank.has(kind) and rng.random() < 2 / 3:
        sound = bank.hit(kind, rng)[0].copy()
        longest_s = {"hat": 0.15, "crash": 2.0}.get(name, 0.6)
        sound = sound[: int(longest_s * SAMPLE_RATE)]
    else:
        sound = _skin(_SKINS[name], rng) if name in _SKINS else _plate(rng.uniform(*_PLATES_S[name]), rng)
    fall = max(1, min(len(sound), len(sound) // 3))
    sound[-fall:] *= np.linspace(1, 0, fall, dtype=np.float32)
    sound[:12] *= np.linspace(0, 1, min(12, len(sound)), dtype=np.float32)
    return sound / max(float(np.abs(sound).max()), 1e-6)
