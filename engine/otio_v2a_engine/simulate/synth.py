"""Synthesised sounds by kind: struck bodies as decaying modes, everything else as shaped noise. Pure numpy.

Every hit starts at sample 0 with peak 1; every stretch has RMS 0.1. All randomness comes from `rng`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from otio_v2a_engine.models.mel import SAMPLE_RATE

__all__ = ["Material", "hit", "room", "shaped_noise", "stretch"]

Samples = npt.NDArray[np.float32]
Rng = np.random.Generator


@dataclass(frozen=True)
class Material:
    """How a struck body rings.

    Attributes:
        low_hz, high_hz: range of the lowest mode.
        ratios: mode frequencies over the lowest; empty for random inharmonic modes.
        decay_s: time for the lowest mode to fall by 60 dB, (shortest, longest).
        damping: how much faster high modes decay (power of the frequency ratio).
        click: level of the contact noise beside the modes.
    """

    low_hz: float
    high_hz: float
    ratios: tuple[float, ...]
    decay_s: tuple[float, float]
    damping: float
    click: float


_MATERIALS = {
    "metal": Material(350, 1500, (), (0.5, 1.8), 0.4, 0.25),
    "glass": Material(1500, 4200, (1, 2.32, 4.25, 6.63, 9.4), (0.2, 0.8), 0.5, 0.3),
    "wood": Material(180, 900, (1, 2.57, 4.3, 6.9), (0.05, 0.16), 0.9, 0.6),
    "stone": Material(500, 1800, (1, 1.7, 2.9, 4.2, 6.1), (0.02, 0.07), 0.5, 1.2),
    "plastic": Material(400, 1400, (1, 1.9, 3.2, 4.7), (0.03, 0.1), 0.7, 0.7),
    "rubber": Material(70, 190, (1, 2.1, 3.3), (0.08, 0.25), 1.1, 0.15),
    "bell": Material(300, 1300, (0.5, 1, 1.19, 1.56, 2, 2.66, 3.76), (1.5, 3.0), 0.6, 0.1),
    "door": Material(60, 130, (1, 1.8, 2.9, 4.4, 7.2), (0.15, 0.4), 0.7, 0.9),
    "punch": Material(60, 140, (1, 1.7, 2.4), (0.06, 0.15), 1.0, 0.5),
    "hammer": Material(900, 2600, (1, 1.6, 2.7, 4.1, 6.3), (0.06, 0.22), 0.4, 1.0),
    "steps_wood": Material(90, 220, (1, 1.9, 3.1, 5.0), (0.06, 0.14), 0.8, 0.5),
    "steps_hard": Material(150, 400, (1, 2.2, 4.0), (0.02, 0.05), 0.6, 1.5),
}


def shaped_noise(n: int, *, low_hz: float, high_hz: float, tilt_db: float, rng: Rng) -> Samples:
    """Noise between two frequencies with `tilt_db` per octave, RMS 1, `(n,)`."""
    spectrum = np.fft.rfft(rng.standard_normal(n).astype(np.float32))
    hz = np.fft.rfftfreq(n, 1 / SAMPLE_RATE).clip(1)
    gain = (hz / 1000.0) ** (tilt_db / 6.02) / np.sqrt((1 + (low_hz / hz) ** 4) * (1 + (hz / high_hz) ** 4))
    noise: Samples = np.fft.irfft(spectrum * gain, n).astype(np.float32)
    return noise / (float(np.sqrt(np.mean(noise**2))) + 1e-9)


def _decay(n: int, seconds: float) -> Samples:
    """Exponential decay by 60 dB in `seconds`."""
    decay: Samples = np.exp(-6.908 * np.arange(n, dtype=np.float32) / (seconds * SAMPLE_RATE)).astype(np.float32)
    return decay


def _modal(material: Material, rng: Rng, *, size: float) -> Samples:
    longest = rng.uniform(*material.decay_s)
    n = int(min(longest * 1.1, 2.5) * SAMPLE_RATE) + 480
    lowest = np.exp(rng.uniform(np.log(material.low_hz), np.log(material.high_hz))) / (0.6 + 0.8 * size)
    ratios = np.array(material.ratios) if material.ratios else np.sort(np.r_[1.0, rng.uniform(1.2, 9.0, 9)])
    ratios = ratios * rng.uniform(0.97, 1.03, len(ratios))
    t = np.arange(n, dtype=np.float32) / SAMPLE_RATE
    out = np.zeros(n, np.float32)
    for ratio in ratios:
        hz = float(lowest * ratio)
        if hz > 18000:
            continue
        seconds = longest / float(max(ratio, 1.0)) ** material.damping
        level = rng.uniform(0.3, 1.0) / float(ratio) ** 0.5
        out += level * np.cos(2 * np.pi * hz * t).astype(np.float32) * _decay(n, seconds)
    n_click = int(rng.uniform(0.004, 0.015) * SAMPLE_RATE)
    click = shaped_noise(n_click, low_hz=float(lowest), high_hz=rng.uniform(4000, 12000), tilt_db=-3, rng=rng)
    out[:n_click] += material.click * click * _decay(n_click, n_click / SAMPLE_RATE)
    return out


def _grains(rng: Rng, *, seconds: float, n_grains: int, low_hz: float, high_hz: float, grain_s: float) -> Samples:
    """A crunch: many short noise grains, dense first and thinning out."""
    n = int(seconds * SAMPLE_RATE)
    out = np.zeros(n + SAMPLE_RATE // 10, np.float32)
    starts = np.sort(rng.beta(0.9, 2.0, n_grains) * n).astype(int)
    starts[0] = 0
    noise = shaped_noise(SAMPLE_RATE, low_hz=low_hz, high_hz=high_hz, tilt_db=0, rng=rng)
    for start in starts:
        length = int(rng.uniform(0.3, 1.0) * grain_s * SAMPLE_RATE) + 8
        offset = int(rng.integers(SAMPLE_RATE - length))
        out[start : start + length] += (
            rng.uniform(0.3, 1.0) * noise[offset : offset + length] * _decay(length, length / SAMPLE_RATE)
        )
    return out[: n + int(grain_s * SAMPLE_RATE)]


def _burst(
    rng: Rng, *, seconds: float, low_hz: float, high_hz: float, tilt_db: float, attack_s: float = 0.0
) -> Samples:
    n = int(seconds * SAMPLE_RATE)
    out = shaped_noise(n, low_hz=low_hz, high_hz=high_hz, tilt_db=tilt_db, rng=rng) * _decay(n, seconds)
    n_attack = int(attack_s * SAMPLE_RATE)
    if n_attack:
        out[:n_attack] *= np.linspace(0.1, 1, n_attack, dtype=np.float32)
    return out


def _clap(rng: Rng, size: float) -> Samples:
    low = rng.uniform(700, 1400)
    return _burst(rng, seconds=rng.uniform(0.04, 0.12), low_hz=low, high_hz=low * 4, tilt_db=-3)


def _explosion(rng: Rng, size: float) -> Samples:
    seconds = rng.uniform(0.8, 2.5)
    rumble = _burst(rng, seconds=seconds, low_hz=25, high_hz=rng.uniform(200, 600), tilt_db=-6)
    crack = _burst(rng, seconds=rng.uniform(0.1, 0.4), low_hz=200, high_hz=8000, tilt_db=-4)
    rumble[: len(crack)] += 0.8 * crack
    return rumble


def _gunshot(rng: Rng, size: float) -> Samples:
    tail = _burst(rng, seconds=rng.uniform(0.3, 0.9), low_hz=80, high_hz=rng.uniform(800, 2500), tilt_db=-5)
    crack = _burst(rng, seconds=0.03, low_hz=500, high_hz=14000, tilt_db=0)
    tail[: len(crack)] += 3.0 * crack
    return tail


def _swoosh(rng: Rng, size: float) -> Samples:
    n = int(rng.uniform(0.15, 0.4) * SAMPLE_RATE)
    centre = rng.uniform(500, 2500)
    noise = shaped_noise(n, low_hz=centre * 0.6, high_hz=centre * 2, tilt_db=-3, rng=rng)
    out: Samples = noise * np.hanning(n + 2)[1:-1].astype(np.float32) ** 1.5
    return out


def _splash(rng: Rng, size: float) -> Samples:
    body = _burst(rng, seconds=rng.uniform(0.3, 0.7), low_hz=400, high_hz=7000, tilt_db=-4, attack_s=0.01)
    drops = _bubbles(len(body), rate_hz=60.0, rng=rng)
    out: Samples = body + 0.6 * drops * _decay(len(body), 0.8) / (float(np.abs(drops).max()) + 1e-6)
    return out


def _scrape(rng: Rng, size: float) -> Samples:
    n = int(rng.uniform(0.25, 0.8) * SAMPLE_RATE)
    noise = shaped_noise(n, low_hz=rng.uniform(300, 1200), high_hz=rng.uniform(3000, 8000), tilt_db=-3, rng=rng)
    points = np.arange(0, n + 800, 400)
    rough = 0.6 + 0.4 * np.interp(np.arange(n), points, rng.random(len(points)))
    return (noise * rough * np.hanning(n + 2)[1:-1] ** 0.6).astype(np.float32)


def _pluck(rng: Rng, size: float) -> Samples:
    """One string, or a few in quick succession: harmonics a little sharp, the high ones gone first."""
    lowest = (
        float(rng.choice([82.4, 98.0, 110.0, 146.8, 196.0, 246.9])) * 2 ** (rng.integers(0, 13) / 12) / (0.7 + size)
    )
    chord = np.cumsum([0, *rng.choice([3, 4, 5, 7], int(rng.choice([0, 0, 1, 3, 4, 5])))])
    seconds, place, damping = rng.uniform(0.4, 1.4), rng.uniform(0.08, 0.4), rng.uniform(0.4, 1.0)
    gap = rng.uniform(0.004, 0.02)
    n = int((seconds + gap * len(chord)) * SAMPLE_RATE)
    out = np.zeros(n, np.float32)
    for number, step in enumerate(chord):
        start = int(number * gap * SAMPLE_RATE * rng.uniform(0.8, 1.2))
        t = np.arange(min(n - start, int(seconds * SAMPLE_RATE)), dtype=np.float32) / SAMPLE_RATE
        hz = lowest * 2 ** (float(step) / 12) * rng.uniform(0.998, 1.002)
        for k in range(1, 33):
            partial = hz * k * np.sqrt(1 + 1e-4 * k * k)
            if partial > 14000:
                break
            level = np.sin(np.pi * k * place) / k**0.8
            out[start : start + len(t)] += (
                level * np.sin(2 * np.pi * partial * t) * _decay(len(t), seconds / k**damping)
            ).astype(np.float32)
        n_click = int(0.004 * SAMPLE_RATE)
        click = shaped_noise(n_click, low_hz=800, high_hz=7000, tilt_db=-3, rng=rng) * _decay(n_click, 0.004)
        out[start : start + n_click] += 0.3 * click
    return out


def _saw(rng: Rng, size: float) -> Samples:
    """One stroke: teeth that pass faster, then slower."""
    n = int(rng.uniform(0.18, 0.5) * SAMPLE_RATE)
    speed = np.sin(np.pi * np.linspace(0.12, 1.0, n)) ** 0.7
    teeth = np.sin(2 * np.pi * np.cumsum(rng.uniform(60, 160) * speed) / SAMPLE_RATE).clip(0) ** 0.7
    low = rng.uniform(500, 1200) / (0.7 + 0.6 * size)
    noise = shaped_noise(n, low_hz=low, high_hz=low * rng.uniform(4, 9), tilt_db=-2, rng=rng)
    return (noise * (0.25 + teeth) * speed).astype(np.float32)


def _hammer(rng: Rng, size: float) -> Samples:
    """A nail's ping and the thud of the board."""
    out = _modal(_MATERIALS["hammer"], rng, size=size)
    thud = _modal(_MATERIALS["wood"], rng, size=1.0)
    both = np.zeros(max(len(out), len(thud)), np.float32)
    both[: len(out)] += out / float(np.abs(out).max())
    both[: len(thud)] += rng.uniform(0.5, 1.2) * thud / float(np.abs(thud).max())
    return both


def _bubbles(n: int, *, rate_hz: float, rng: Rng, low_hz: float = 500, high_hz: float = 3000) -> Samples:
    """Bubbles: short rising sines at random times."""
    out = np.zeros(n + SAMPLE_RATE // 5, np.float32)
    for _ in range(int(rate_hz * n / SAMPLE_RATE)):
        length = int(rng.uniform(0.01, 0.06) * SAMPLE_RATE)
        t = np.arange(length, dtype=np.float32) / SAMPLE_RATE
        hz = np.exp(rng.uniform(np.log(low_hz), np.log(high_hz)))
        start = int(rng.integers(n))
        out[start : start + length] += (
            rng.uniform(0.2, 1) * np.sin(2 * np.pi * hz * t * (1 + 2 * t)) * _decay(length, 0.05)
        )
    return out[:n]


_GROUNDS = {
    "steps_gravel": (0.22, 60, 900.0, 7000.0, 0.012),
    "steps_grass": (0.25, 50, 1800.0, 9000.0, 0.03),
    "steps_snow": (0.25, 90, 300.0, 3500.0, 0.02),
    "steps_sand": (0.2, 80, 250.0, 2500.0, 0.025),
}
_BURSTS: dict[str, Callable[[Rng, float], Samples]] = {
    "clap": _clap,
    "explosion": _explosion,
    "gunshot": _gunshot,
    "swoosh": _swoosh,
    "splash": _splash,
    "scrape": _scrape,
    "pluck": _pluck,
    "saw": _saw,
    "hammer": _hammer,
}


def hit(name: str, rng: Rng, *, size: float = 0.5) -> Samples:
    """A synthesised one-shot of a kind, peak 1, its onset at sample 0; `size` 0..1 makes it lower."""
    if name in _GROUNDS:
        seconds, n_grains, low_hz, high_hz, grain_s = _GROUNDS[name]
        scale = rng.uniform(0.8, 1.25)
        out = _grains(
            rng, seconds=seconds * scale, n_grains=n_grains, low_hz=low_hz * scale, high_hz=high_hz, grain_s=grain_s
        )
    elif name in _BURSTS:
        out = _BURSTS[name](rng, size)
    else:
        out = _modal(_MATERIALS[name], rng, size=size)
    fade = min(len(out), 240)
    out[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return out / max(float(np.abs(out).max()), 1e-6)


def _slow(n: int, rng: Rng, *, period_s: float, low: float) -> Samples:
    """Slow random level between `low` and 1."""
    n_points = int(n / SAMPLE_RATE / period_s) + 3
    return np.interp(
        np.arange(n) / (period_s * SAMPLE_RATE), np.arange(n_points), rng.uniform(low, 1, n_points)
    ).astype(np.float32)


def stretch(name: str, n: int, rng: Rng) -> Samples:
    """`n` samples of a synthesised sustained sound at RMS 0.1."""
    if name == "fire":
        out = 0.5 * shaped_noise(n, low_hz=80, high_hz=900, tilt_db=-5, rng=rng) * _slow(n, rng, period_s=0.3, low=0.5)
        for _ in range(int(n / SAMPLE_RATE * rng.uniform(6, 25))):
            pop = _burst(rng, seconds=rng.uniform(0.004, 0.02), low_hz=1200, high_hz=10000, tilt_db=0)
            start = int(rng.integers(n))
            out[start : start + len(pop)] += (rng.uniform(0.5, 5) * pop)[: n - start]
    elif name == "pouring":
        out = 0.25 * shaped_noise(n, low_hz=600, high_hz=6000, tilt_db=-4, rng=rng)
        out += 2.0 * _bubbles(n, rate_hz=250, rng=rng, low_hz=350, high_hz=2600)
    elif name in ("stream", "river"):
        out = (
            0.8 * shaped_noise(n, low_hz=300, high_hz=5000, tilt_db=-3, rng=rng) * _slow(n, rng, period_s=0.5, low=0.7)
        )
        out += 0.8 * _bubbles(n, rate_hz=200, rng=rng)
    elif name == "engine":
        hz = rng.uniform(28, 75) * np.cumsum(_slow(n, rng, period_s=1.0, low=0.8)) / SAMPLE_RATE
        out = sum((np.sin(2 * np.pi * k * hz + k * k) / k**0.8 for k in range(1, 14)), np.zeros(n)).astype(np.float32)
        out += 0.5 * shaped_noise(n, low_hz=80, high_hz=1500, tilt_db=-5, rng=rng)
    elif name == "drill":
        spin = np.cumsum(rng.uniform(110, 320) * _slow(n, rng, period_s=0.4, low=0.85)) / SAMPLE_RATE
        out = sum((np.sin(2 * np.pi * k * spin + k) / k**0.6 for k in range(1, 24)), np.zeros(n)).astype(np.float32)
        out += rng.uniform(0.6, 1.6) * shaped_noise(n, low_hz=1500, high_hz=9000, tilt_db=-1, rng=rng)
    elif name == "rain":
        out = shaped_noise(n, low_hz=rng.uniform(400, 1200), high_hz=12000, tilt_db=-1.5, rng=rng)
    elif name == "wind":
        centre = rng.uniform(150, 500)
        out = shaped_noise(n, low_hz=60, high_hz=centre, tilt_db=-5, rng=rng) * _slow(n, rng, period_s=0.9, low=0.3)
        out += (
            0.3
            * shaped_noise(n, low_hz=centre, high_hz=centre * 3, tilt_db=-6, rng=rng)
            * _slow(n, rng, period_s=0.7, low=0.05)
        )
    elif name == "rustle":
        out = (
            shaped_noise(n, low_hz=2000, high_hz=9000, tilt_db=-2, rng=rng) * _slow(n, rng, period_s=0.08, low=0.0) ** 2
        )
    elif name == "city":
        out = shaped_noise(n, low_hz=40, high_hz=400, tilt_db=-5, rng=rng) * _slow(n, rng, period_s=2.0, low=0.5)
        out += 0.1 * shaped_noise(n, low_hz=300, high_hz=3000, tilt_db=-4, rng=rng)
    else:  # room tone
        out = shaped_noise(n, low_hz=40, high_hz=rng.uniform(200, 900), tilt_db=-6, rng=rng)
        hum_hz = float(rng.choice([50.0, 60.0, 100.0, 120.0]))
        out += rng.uniform(0, 0.5) * np.sin(2 * np.pi * hum_hz * np.arange(n) / SAMPLE_RATE).astype(np.float32)
    return (out * (0.1 / (float(np.sqrt(np.mean(out**2))) + 1e-9))).astype(np.float32)


def room(samples: Samples, rng: Rng, *, seconds: float, level: float) -> Samples:
    """The sound in a room: exponential noise reverberation added after the direct sound, same length."""
    n = int(seconds * SAMPLE_RATE)
    response = shaped_noise(n, low_hz=150, high_hz=5000, tilt_db=-2, rng=rng) * _decay(n, seconds)
    response[: SAMPLE_RATE // 250] = 0
    response *= level / float(np.sqrt(np.sum(response**2)))
    size = 1 << (len(samples) + n - 1).bit_length()
    wet = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(response, size), size)[: len(samples)]
    return samples + wet.astype(np.float32)
