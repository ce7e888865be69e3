"""Syllables of speech without words: their vowels and consonants, and when each sounds. Knows no waveform.

Formants are those of a man, in Hz, about as Peterson and Barney, "Control methods used in a study of the vowels"
(1952), measured them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from otio_v2a_engine.simulate.acting import Event, Rng

__all__ = ["LONGEST_S", "Consonant", "Syllable", "distinct", "plan_syllables"]

Doubles = npt.NDArray[np.float64]
Formants = tuple[float, float, float]

LONGEST_S = 0.35
"""A syllable lasts at most this long, seconds."""
_PAUSE_S = 0.42  # a longer gap between onsets parts two phrases
_CLOSEST_S = 0.05  # syllables nearer than this are one

_VOWELS: tuple[Formants, ...] = (
    (280, 2250, 2950), (400, 1950, 2550), (480, 1850, 2500), (560, 1750, 2450), (680, 1650, 2400), (740, 1200, 2450),
    (580, 880, 2450), (460, 820, 2400), (310, 870, 2250), (620, 1200, 2400), (500, 1450, 2450),
)  # fmt: skip
_SCHWA = np.array((500.0, 1450.0, 2450.0))


@dataclass(frozen=True)
class Consonant:
    """What comes before a vowel; levels are relative to the vowel's.

    Attributes:
        seconds: shortest and longest.
        locus: formants that the vowel comes from.
        murmur: voicing during it.
        breath: noise through the formants just before the vowel, and for how many seconds.
        noise: noise past the formants, between two frequencies; a burst lasts about 10 ms.
        damping: bandwidths during it, over those of a vowel.
    """

    seconds: tuple[float, float]
    locus: Formants
    murmur: float = 0.0
    breath: tuple[float, float] = (0.0, 0.0)
    noise: float = 0.0
    low_hz: float = 0.0
    high_hz: float = 0.0
    burst: bool = False
    damping: float = 1.0


_LIPS, _TEETH, _PALATE = (220.0, 750.0, 2200.0), (260.0, 1750.0, 2650.0), (250.0, 2100.0, 2400.0)
_CONSONANTS = (
    Consonant((0.01, 0.03), (500, 1450, 2450)),  # none: a vowel after a vowel
    Consonant((0.07, 0.10), _LIPS, 0.0, (0.12, 0.03), 0.35, 400, 2200, True),  # p
    Consonant((0.07, 0.10), _TEETH, 0.0, (0.12, 0.035), 0.5, 3500, 8000, True),  # t
    Consonant((0.07, 0.10), _PALATE, 0.0, (0.12, 0.04), 0.5, 1500, 3500, True),  # k
    Consonant((0.05, 0.08), _LIPS, 0.08, (0, 0), 0.2, 300, 1800, True, 2.0),  # b
    Consonant((0.05, 0.08), _TEETH, 0.08, (0, 0), 0.25, 3000, 6500, True, 2.0),  # d
    Consonant((0.05, 0.08), _PALATE, 0.08, (0, 0), 0.25, 1400, 3000, True, 2.0),  # g
    Consonant((0.08, 0.12), _TEETH, 0.0, (0, 0), 0.28, 5000, 10000),  # s
    Consonant((0.08, 0.12), _PALATE, 0.0, (0, 0), 0.3, 2300, 6500),  # sh
    Consonant((0.07, 0.10), _LIPS, 0.0, (0, 0), 0.09, 1500, 13000),  # f
    Consonant((0.05, 0.08), _TEETH, 0.1, (0, 0), 0.1, 4800, 9500, False, 1.5),  # z
    Consonant((0.05, 0.07), _SCHWA.tolist(), 0.0, (0.12, 0.06)),  # h
    Consonant((0.05, 0.08), (260, 1000, 2200), 0.22, damping=3.5),  # m: the nose damps all but the lowest
    Consonant((0.05, 0.08), (270, 1600, 2600), 0.22, damping=3.5),  # n
    Consonant((0.05, 0.07), (300, 650, 2200), 0.3, damping=1.5),  # w
    Consonant((0.05, 0.07), (270, 2200, 3000), 0.3, damping=1.5),  # y
    Consonant((0.05, 0.07), (350, 1050, 2700), 0.3, damping=1.5),  # l
    Consonant((0.05, 0.07), (350, 1100, 1550), 0.3, damping=1.5),  # r
)
_CODAS = tuple(_CONSONANTS[i] for i in (2, 7, 8, 9))


@dataclass(frozen=True)
class Syllable:
    """One syllable in time: consonant from `begin_s`, vowel from `onset_s` to `end_s`."""

    begin_s: float
    onset_s: float
    end_s: float
    strength: float
    consonant: Consonant
    vowel: Doubles
    towards: Doubles
    ends_phrase: bool
    coda: Consonant | None


def distinct(syllables: Sequence[Event], seconds: float) -> list[Event]:
    """Those within `seconds`, ascending, without those too near to the one before."""
    kept: list[Event] = []
    for event in sorted(syllables, key=lambda event: event.time_s):
        if 0 <= event.time_s < seconds and (not kept or event.time_s - kept[-1].time_s >= _CLOSEST_S):
            kept.append(event)
    return kept


def plan_syllables(rng: Rng, events: Sequence[Event], *, tract: float) -> list[Syllable]:
    """The syllables' sounds and times, formants times `tract`; each ends before the next one's consonant begins."""
    times = np.array([event.time_s for event in events])
    before, after = np.diff(times, prepend=times[0] - 9), np.diff(times, append=times[-1] + 9)
    consonants = [_CONSONANTS[i] for i in rng.integers(0, len(_CONSONANTS), len(events))]
    begins = [
        float(time - min(rng.uniform(*consonant.seconds), 0.4 * gap))
        for time, gap, consonant in zip(times, before, consonants, strict=True)
    ]
    plan = []
    for i, event in enumerate(events):
        final = bool(after[i] > _PAUSE_S)
        longest = event.time_s + (rng.uniform(0.18, 0.3) if final else 0.3)
        end = longest if final else min(longest, begins[i + 1])
        coda = _CODAS[int(rng.integers(len(_CODAS)))] if final and rng.random() < 0.35 else None
        if coda is not None:
            end = min(end, event.time_s + LONGEST_S - 0.12)
        # A short or weak vowel does not reach its target.
        reach = min(1.0, (end - event.time_s) / 0.1) * (0.7 + 0.3 * min(event.strength, 1.0))
        vowel, other = (np.array(_VOWELS[k]) for k in rng.integers(0, len(_VOWELS), 2))
        vowel = _SCHWA + reach * (vowel - _SCHWA)
        towards = vowel + (rng.uniform(0.3, 0.8) if rng.random() < 0.35 else 0.0) * reach * (other - vowel)
        plan.append(
            Syllable(
                begin_s=begins[i],
                onset_s=event.time_s,
                end_s=end,
                strength=max(event.strength, 1e-3),
                consonant=consonants[i],
                vowel=vowel * tract,
                towards=towards * tract,
                ends_phrase=final,
                coda=coda,
            )
        )
    return plan
