"""A voice without words: a formant synthesiser that speaks syllables at given times. Knows no picture.

Source and filter as in Klatt, "Software for a cascade/parallel formant synthesizer" (1980): a pulse train with
jitter and shimmer, or noise, goes through resonators that move between vowels; consonants lie before each vowel.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from otio_v2a_engine.models.mel import SAMPLE_RATE
from otio_v2a_engine.simulate.acting import Event, Rng
from otio_v2a_engine.simulate.syllables import LONGEST_S, Consonant, Syllable, distinct, plan_syllables
from otio_v2a_engine.simulate.synth import shaped_noise

__all__ = ["SPEAKERS", "utterance"]

Samples = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Point = tuple[float, float]

SPEAKERS: tuple[str, ...] = ("man", "woman", "child", "whisper", "shout")

_STEP = SAMPLE_RATE // 1000  # samples of one control point
_HOP, _WINDOW, _N_FFT = 512, 1024, 2048  # samples: the filter changes every hop; the rest of the FFT is for its ringing
_N_POLES = 14  # resonances of the tract, 1 kHz apart in a man
_TAPS = np.arange(-7, 9)


@dataclass(frozen=True)
class _Throat:
    """Who speaks: pitch in Hz, tract (formants over a man's), breath, tilt (where harmonics fall off faster)."""

    pitch_hz: float
    pitch_range: tuple[float, float]
    liveliness: float
    tract: float
    breath: float
    tilt_hz: float
    voiced: bool = True


def _throat(rng: Rng, speaker: str) -> _Throat:
    live = rng.uniform(0.6, 1.3)
    if speaker == "woman" or (speaker in ("whisper", "shout") and rng.random() < 0.5):
        throat = _Throat(rng.uniform(175, 235), (158, 290), live, rng.uniform(1.12, 1.22), 0.04, 3000)
    elif speaker == "child":
        throat = _Throat(rng.uniform(260, 320), (230, 385), live, rng.uniform(1.3, 1.45), 0.045, 3500)
    else:
        throat = _Throat(rng.uniform(95, 138), (83, 174), live, rng.uniform(0.93, 1.06), 0.025, 2500)
    if speaker == "whisper":
        return _Throat(throat.pitch_hz, throat.pitch_range, live, throat.tract, 0.3, 9000, False)
    if speaker == "shout":
        low, high = throat.pitch_range
        return _Throat(
            1.6 * throat.pitch_hz, (1.4 * low, 2.2 * high), 1.5 * live, 1.04 * throat.tract, throat.breath, 9000
        )
    return throat


def _follow(points: Sequence[Point], at: Doubles) -> Doubles:
    times, values = np.array(points).T
    followed: Doubles = np.interp(at, times, values)
    return followed


def _levels(plan: Sequence[Syllable], clock: Doubles) -> tuple[Doubles, Doubles]:
    """Voicing, and noise through the formants, at the control points."""
    voice: list[Point] = []
    breath: list[Point] = []
    end = -9.0
    for s in plan:
        murmur, level, length = s.consonant.murmur * s.strength, s.strength, s.end_s - s.onset_s
        if s.begin_s > end + 0.02:
            voice += [(end + 0.01, 0.0), (s.begin_s - 0.005, 0.0)]
        voice += [
            (s.begin_s + 0.003, murmur),
            (s.onset_s - 0.014, murmur),  # heard as the onset when halfway up, after the ringing
            (s.onset_s + min(0.003, 0.3 * length), level),
            (s.onset_s + 0.55 * length, 0.9 * level),
            (s.end_s - min(0.045, 0.35 * length), 0.65 * level),
            (s.end_s, 0.03 * level),
        ]
        amount, seconds = s.consonant.breath
        first = max(s.onset_s - seconds, s.begin_s)
        breath += [
            (first - 0.001, 0.0),
            (first + 0.003, amount * level),
            (s.onset_s, 0.6 * amount * level),
            (s.onset_s + 0.02, 0.0),
        ]
        end = s.end_s
    voice.append((end + 0.01, 0.0))
    return _follow(voice, clock), _follow(breath, clock)


def _pitch(rng: Rng, plan: Sequence[Syllable], throat: _Throat, clock: Doubles) -> Doubles:
    """Hz at the control points: falls through a phrase, rises on strong syllables, moves at the end."""
    points: list[Point] = []
    mean = float(np.mean([s.strength for s in plan]))
    start = True
    since = 0.0
    for s in plan:
        if start:
            since, slope, top = s.onset_s, rng.uniform(0.04, 0.1), rng.uniform(1.05, 1.2)
            ending = rng.uniform(1.15, 1.35) if rng.random() < 0.2 else rng.uniform(0.78, 0.9)
        line = throat.pitch_hz * max(top - slope * (s.onset_s - since), 0.85)
        accent = 1 + throat.liveliness * (0.35 * (s.strength - mean) + rng.normal(0, 0.03))
        length = s.end_s - s.onset_s
        points += [
            (s.onset_s, line * (1 + 0.4 * (accent - 1))),
            (s.onset_s + 0.4 * length, line * accent),
            (s.end_s, line * (ending if s.ends_phrase else 1 + 0.2 * (accent - 1))),
        ]
        start = s.ends_phrase
    drift = np.interp(clock, np.arange(0, clock[-1] + 0.2, 0.1), rng.normal(1, 0.012, int((clock[-1] + 0.2) / 0.1) + 1))
    return (_follow(points, clock) * drift).clip(*throat.pitch_range)


def _pulses(rng: Rng, n: int, pitch: Doubles, level: Doubles) -> Doubles:
    """Band-limited pulses (windowed sinc) at the periods of the pitch, `(n,)`."""
    clock = np.arange(len(pitch)) / 1000
    phase = np.cumsum(pitch) / 1000
    times = np.interp(np.arange(1, int(phase[-1]) + 1), phase, clock)
    times += rng.normal(0, 0.005, len(times)) / np.interp(times, clock, pitch)
    loud = np.interp(times, clock, level) * (1 + 0.06 * rng.standard_normal(len(times)))
    times, loud = times[loud > 1e-4], loud[loud > 1e-4]
    whole = np.floor(times * SAMPLE_RATE)
    away = _TAPS[None, :] - (times * SAMPLE_RATE - whole)[:, None]
    taps = loud[:, None] * np.sinc(0.8 * away) * np.cos(np.pi * away / 17) ** 2
    at = (whole[:, None] + _TAPS).astype(np.int64)
    inside = (at >= 0) & (at < n)
    return np.bincount(at[inside], taps[inside], n).astype(np.float64)


def _tract(plan: Sequence[Syllable], throat: _Throat, at: Doubles) -> npt.NDArray[np.complex128]:
    """Response of glottis, tract and lips at some times, `(T, _N_FFT // 2 + 1)`."""
    keys: list[tuple[float, ...]] = []
    for s in plan:
        locus = 0.65 * np.array(s.consonant.locus) * throat.tract + 0.35 * s.vowel
        length = s.end_s - s.onset_s
        keys += [
            (s.begin_s + 0.3 * (s.onset_s - s.begin_s), *locus, s.consonant.damping),
            (s.onset_s - 0.014, *locus, s.consonant.damping),
            (s.onset_s + min(0.035, 0.5 * length), *s.vowel, 1.0),
            (s.end_s - min(0.03, 0.3 * length), *s.towards, 1.0),
        ]
    times, *tracks = np.array(keys).T
    *formants, damping = (np.interp(at, times, track) for track in tracks)
    hz = np.fft.rfftfreq(_N_FFT, 1 / SAMPLE_RATE)
    delay = np.exp(-2j * np.pi * hz / SAMPLE_RATE)
    poly = np.zeros((len(at), 7))
    poly[:, 0] = 1
    for formant, width in zip(formants, (75.0, 95.0, 140.0), strict=True):
        radius = np.exp(-np.pi * width * throat.tract * damping / SAMPLE_RATE)
        one, two = -2 * radius * np.cos(2 * np.pi * formant / SAMPLE_RATE), radius**2
        old = poly.copy()
        poly[:, 1:] += one[:, None] * old[:, :-1]
        poly[:, 2:] += two[:, None] * old[:, :-2]
        poly /= poly.sum(1, keepdims=True)
    still = np.ones(len(hz), np.complex128)
    for k in range(3, _N_POLES):
        centre, radius = (1000.0 * k + 500) * throat.tract, np.exp(-np.pi * (60 * k) / SAMPLE_RATE)
        one, two = -2 * radius * np.cos(2 * np.pi * centre / SAMPLE_RATE), radius**2
        still *= (1 + one + two) / (1 + one * delay + two * delay**2)
    glottis = 1j * hz / (1 + 1j * hz / throat.pitch_hz) ** 2 / (1 + 1j * hz / throat.tilt_hz)
    response: npt.NDArray[np.complex128] = still * glottis / (poly @ delay ** np.arange(7)[:, None])
    return response


def _filtered(source: Samples, plan: Sequence[Syllable], throat: _Throat) -> Samples:
    """The source through the moving tract, by overlapping frames; silent frames are left out."""
    n_frames = len(source) // _HOP + 2
    padded = np.zeros((n_frames + 1) * _HOP, np.float32)
    padded[_HOP : _HOP + len(source)] = source
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP][:n_frames]
    live = np.flatnonzero(np.abs(padded.reshape(-1, _HOP)).max(1) > 0)
    live = np.unique(np.concatenate((live, live - 1)).clip(0, n_frames - 1))
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_WINDOW) / _WINDOW)
    spectra = np.fft.rfft(frames[live] * hann, _N_FFT) * _tract(plan, throat, live * _HOP / SAMPLE_RATE)
    rung = np.fft.irfft(spectra, _N_FFT).reshape(len(live), _N_FFT // _HOP, _HOP)
    out = np.zeros((n_frames + _N_FFT // _HOP, _HOP))
    for k in range(_N_FFT // _HOP):
        out[live + k] += rung[:, k]
    filtered: Samples = out.reshape(-1)[_HOP : _HOP + len(source)].astype(np.float32)
    return filtered


def _levelled(voiced: Samples, plan: Sequence[Syllable]) -> Samples:
    """Every vowel at the RMS that is its strength, and silence between phrases."""
    total = np.concatenate(([0.0], np.cumsum(voiced.astype(np.float64) ** 2)))
    edges = (np.array([(s.onset_s, s.end_s) for s in plan]) * SAMPLE_RATE).astype(int).clip(0, len(voiced))
    rms = np.sqrt((total[edges[:, 1]] - total[edges[:, 0]]) / np.maximum(edges[:, 1] - edges[:, 0], 1))
    gains = np.array([s.strength for s in plan]) / np.maximum(rms, 1e-3 * rms.max() + 1e-12)
    points: list[Point] = []
    for s, gain in zip(plan, gains, strict=True):
        points += [(s.begin_s, float(gain)), (s.end_s - 0.002, float(gain))]
    clock = np.arange(len(voiced) // _STEP + 2) / 1000
    gate: list[Point] = [(-9.0, 0.0), (plan[0].begin_s - 0.01, 0.0), (plan[0].begin_s, 1.0)]
    for s, later in pairwise(plan):
        if later.begin_s - s.end_s > 0.06:
            gate += [(s.end_s + 0.01, 1.0), (s.end_s + 0.03, 0.0), (later.begin_s - 0.01, 0.0), (later.begin_s, 1.0)]
    gate += [(plan[-1].end_s + 0.01, 1.0), (plan[-1].end_s + 0.03, 0.0)]
    gain = _follow(points, clock) * _follow(gate, clock)
    every = np.interp(np.arange(len(voiced)), np.arange(len(gain)) * _STEP, gain)
    levelled: Samples = (voiced * every).astype(np.float32)
    return levelled


def _add_noise(
    rng: Rng, out: Samples, sound: Consonant, *, start_s: float, end_s: float, level: float, tract: float
) -> None:
    """A burst or a hiss of a consonant, added in place."""
    if not sound.noise:
        return
    if sound.burst:
        start_s = end_s - max(sound.breath[1], 0.012)
    # A round length keeps the FFT fast.
    n = 480 * max(1, round((0.02 if sound.burst else end_s - start_s) * 100))
    noise = shaped_noise(n, low_hz=sound.low_hz * tract, high_hz=sound.high_hz * tract, tilt_db=-1, rng=rng)
    x = np.arange(n) / n
    shape = (x / 0.05).clip(0, 1) * np.exp(-5 * x) if sound.burst else np.sin(np.pi * x**1.3) ** 0.7
    noise *= (sound.noise * level * shape).astype(np.float32)
    first = round(start_s * SAMPLE_RATE)
    skip = max(0, -first)
    part = noise[skip : max(skip, len(out) - first)]
    out[first + skip : first + skip + len(part)] += part


def utterance(rng: Rng, n_samples: int, *, speaker: str, syllables: Sequence[Event]) -> Samples:
    """Speech without words, mono `(n_samples,)` at 48 kHz, peak 1; silent where nobody speaks.

    Args:
        rng: all randomness: who exactly speaks, and what sounds.
        n_samples: length.
        speaker: one of SPEAKERS.
        syllables: each vowel starts at its `time_s`, its RMS proportional to its strength, and lasts to the next
            at most, and at most LONGEST_S; its consonant lies in the 0.12 s before. Those nearer than 0.05 s to
            the one before, or outside of the samples, are left out.

    Raises:
        ValueError: the speaker is not known.
    """
    if speaker not in SPEAKERS:
        raise ValueError(f"no speaker {speaker!r}; one of {', '.join(SPEAKERS)}")
    events = distinct(syllables, n_samples / SAMPLE_RATE)
    if not events:
        return np.zeros(n_samples, np.float32)
    throat = _throat(rng, speaker)
    plan = plan_syllables(rng, events, tract=throat.tract)
    clock = np.arange(n_samples // _STEP + 2) / 1000
    voicing, breath = _levels(plan, clock)
    noise = np.diff(rng.standard_normal(n_samples + 1, np.float32))  # bright, as the glottis' tilt will take it back
    source = noise * np.repeat((breath + throat.breath * voicing).astype(np.float32), _STEP)[:n_samples]
    if throat.voiced:
        source += _pulses(rng, n_samples, _pitch(rng, plan, throat, clock), voicing).astype(np.float32)
    out = _levelled(_filtered(source, plan, throat), plan)
    for s in plan:
        level, tract = s.strength, throat.tract
        _add_noise(rng, out, s.consonant, start_s=s.begin_s, end_s=s.onset_s, level=level, tract=tract)
        if s.coda is not None:
            end_s = min(s.end_s + 0.1, s.onset_s + LONGEST_S)
            _add_noise(rng, out, s.coda, start_s=s.end_s, end_s=end_s, level=0.8 * level, tract=tract)
    return out / max(float(np.abs(out).max()), 1e-9)
