"""Sounds by kind, recorded or synthesised, whichever there is; and random sound for codec and vocoder."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from otio_v2a_engine.models.mel import SAMPLE_RATE
from otio_v2a_engine.simulate import synth
from otio_v2a_engine.simulate.bank import Bank
from otio_v2a_engine.simulate.vocabulary import AMBIENCES, HITS, KINDS, LOOPS, STEPS

__all__ = ["available", "hit_source", "one_hit", "one_stretch", "random_sound"]

Samples = npt.NDArray[np.float32]
Rng = np.random.Generator


def _recorded(name: str, bank: Bank, rng: Rng, *, share: float) -> bool:
    return bank.has(name) and (not KINDS[name].synthesised or rng.random() < share)


def available(names: tuple[str, ...], bank: Bank) -> list[str]:
    """Those kinds that can be made: synthesised, or in the bank."""
    return [name for name in names if KINDS[name].synthesised or bank.has(name)]


def one_hit(name: str, bank: Bank, rng: Rng, *, size: float = 0.5) -> Samples:
    """A one-shot of a kind, peak 1, onset at sample 0 (recorded two times in three where it can be)."""
    if _recorded(name, bank, rng, share=0.65):
        return bank.hit(name, rng)[0]
    return synth.hit(name, rng, size=size)


def _soften(sound: Samples, strength: float) -> Samples:
    """A weaker hit is duller: a one-pole low-pass as a short exponential kernel."""
    memory = 0.75 * (1 - strength)
    if memory < 0.1:
        return sound
    kernel = memory ** np.arange(24, dtype=np.float32)
    soft: Samples = np.convolve(sound, kernel / kernel.sum()).astype(np.float32)[: len(sound)]
    return soft


def hit_source(name: str, bank: Bank, rng: Rng) -> tuple[Callable[[float], Samples], str]:
    """One object: a function from strength (0..1) to a one-shot, and the recording's own label ("" if none).

    The same object keeps its recordings, or its synthesised body, from hit to hit.
    """
    if _recorded(name, bank, rng, share=0.65):
        first, recording = bank.hit(name, rng)
        variants, label = [first], recording.words
        if not KINDS[name].label_captions:
            variants += [bank.hit(name, rng)[0] for _ in range(int(rng.integers(0, 2)))]
    else:
        size, label = float(rng.random()), ""
        seed = int(rng.integers(2**31))
        variants = [synth.hit(name, np.random.default_rng([seed, 0]), size=size)]
        if name not in ("metal", "glass", "wood", "bell", "rubber", "plastic"):
            variants += [synth.hit(name, np.random.default_rng([seed, i]), size=size) for i in (1, 2)]

    def play(strength: float) -> Samples:
        sound: Samples = _soften(variants[int(rng.integers(len(variants)))], strength) * strength**1.3
        return sound

    return play, label


def one_stretch(name: str, n_samples: int, bank: Bank, rng: Rng) -> Samples:
    """A sustained sound of a kind at RMS 0.1, recorded or synthesised."""
    if _recorded(name, bank, rng, share=0.75):
        return bank.stretch(name, n_samples, rng)[0]
    return synth.stretch(name, n_samples, rng)


def random_sound(n_samples: int, bank: Bank, rng: Rng) -> Samples:
    """`n_samples` of hits, a sustained sound, or both, peaking below 0.95."""
    hits = available(tuple(kind.name for kind in (*STEPS, *HITS)), bank)
    lasting = available(tuple(kind.name for kind in (*LOOPS, *AMBIENCES)), bank)
    out = np.zeros(n_samples, np.float32)
    if rng.random() < 0.45:
        level = 10 ** (rng.uniform(-24, 2) / 20)
        out += level * one_stretch(str(rng.choice(lasting)), n_samples, bank, rng)
    if rng.random() < 0.75 or not out.any():
        name = str(rng.choice(hits))
        for _ in range(int(rng.integers(1, 5))):
            if rng.random() < 0.3:
                name = str(rng.choice(hits))
            sound = one_hit(name, bank, rng, size=rng.random()) * 10 ** (rng.uniform(-24, -4) / 20)
            start = int(rng.integers(-SAMPLE_RATE // 2, n_samples))
            piece = sound[max(0, -start) : n_samples - start]
            out[max(0, start) : max(0, start) + len(piece)] += piece
    return np.clip(out, -0.95, 0.95)
