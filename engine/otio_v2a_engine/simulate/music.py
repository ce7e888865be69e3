"""Short pieces of simulated music and what a user would call them: scores (`score.py`) played on `instruments.py`.

Knows no picture. All randomness comes from `rng`.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from otio_v2a_engine.models.mel import SAMPLE_RATE
from otio_v2a_engine.simulate import synth
from otio_v2a_engine.simulate.bank import Bank
from otio_v2a_engine.simulate.instruments import DRUMS, drum, player
from otio_v2a_engine.simulate.score import MOODS, STYLES, Score
from otio_v2a_engine.simulate.styles import compose

__all__ = ["STYLES", "levelled", "perform", "piece"]

Samples = npt.NDArray[np.float32]
Rng = np.random.Generator

_PLAYED_BY_HAND = ("piano", "guitar", "bass", "strings", "flute", "clarinet", "brass", "music_box")
_DRUMS_OVER_NOTES = 3.0  # a stroke has peak 1, a note RMS 1
_DRY = ("beat", "music_box")  # they leave gaps, which no recording leaves silent
_RMS = 0.1
_LIMIT_FROM, _LIMIT_TO = 0.6, 0.94
_SHORTEST = 2 * SAMPLE_RATE  # shorter pieces are cut from around the loudest sample of this much


def _words(score: Score, rng: Rng) -> str:
    """What a user would call it."""
    mood = str(rng.choice(MOODS[score.mood].words))
    lead = score.lead[0] if rng.random() < 0.35 else str(rng.choice(score.lead))
    if score.per_bar == 3 and lead.endswith(" music") and rng.random() < 0.3:
        lead = lead.removesuffix("music") + "waltz"
    bare = lead.removeprefix("an ").removeprefix("a ")
    pace = "slow" if score.bpm < 75 else "fast" if score.bpm > 125 else ""
    if bare != lead:
        return lead if rng.random() < 0.5 else f"{bare}, {mood}"
    kind = rng.random()
    if kind < 0.04:
        return str(rng.choice(["music", "background music"]))
    if kind < 0.12:
        return f"{mood} {rng.choice(['music', 'background music'])}"
    if kind < 0.3:
        return lead
    if kind < 0.36 and score.mode in ("major", "minor") and "drum" not in lead:
        return f"{lead} in a {score.mode} key"
    if kind < 0.65 and pace:
        return f"{pace} {lead}" if rng.random() < 0.3 else f"{pace} {mood} {lead}"
    return f"{mood} {lead}"


def perform(
    score: Score,
    n_samples: int,
    rng: Rng,
    bank: Bank,
    *,
    place: Callable[[str], tuple[float, ...]] = lambda voice: (1.0,),
    on_note: Callable[[float], None] = lambda share: None,
) -> Samples:
    """Every note at its time and level, what sounds before the clip cut off.

    Args:
        score: what is played.
        n_samples: length.
        rng: how exactly each instrument sounds, and how evenly it is played.
        bank: recorded drums, if it has any.
        place: gains of a voice in each channel.
        on_note: told how much of the notes is played, before each; may raise to stop.

    Returns:
        `(channels, n_samples)`; dry, and as loud as it comes.
    """
    names = sorted({note.voice for note in score.notes})
    strokes = {name: drum(name, rng, bank) for name in names if name in DRUMS}
    players = {name: player(name, rng) for name in names if name not in DRUMS}
    gains = {name: np.array(place(name), np.float32)[:, None] for name in names}
    out = np.zeros((len(place("")), n_samples), np.float32)
    per_beat = 60 * SAMPLE_RATE / score.bpm
    for number, note in enumerate(score.notes):
        on_note(number / len(score.notes))
        start = int((note.beat - score.first_beat) * per_beat)
        end = start + note.beats * per_beat
        level = note.strength
        if note.voice in _PLAYED_BY_HAND:
            start += int(rng.normal(0, 0.004) * SAMPLE_RATE) if note.beat else 0
            level *= rng.uniform(0.88, 1.1)
        if start >= n_samples or end < -SAMPLE_RATE:
            continue
        if note.voice in strokes:
            sound, level = strokes[note.voice], _DRUMS_OVER_NOTES * level * rng.uniform(0.9, 1.1)
        else:
            seconds = min(note.beats * per_beat, n_samples - start + 2400.0) / SAMPLE_RATE
            sound = players[note.voice](note.pitch, seconds, note.strength)
        begin = max(0, start)
        piece = sound[begin - start : n_samples - start]
        out[:, begin : begin + len(piece)] += np.float32(level) * gains[note.voice] * piece
    return out


def _dynamics(n_samples: int, rng: Rng) -> Samples:
    """A level over the piece: even, growing, fading or swelling."""
    low = rng.uniform(0.3, 0.7)
    shapes = ([1, 1], [1, 1], [low, 1], [1, low], [low, 1, low], [1, low, 1])
    points = np.array(shapes[int(rng.integers(len(shapes)))])
    level: Samples = np.interp(np.linspace(0, 1, n_samples), np.linspace(0, 1, len(points)), points).astype(np.float32)
    return level


def levelled(samples: Samples) -> Samples:
    """Samples of any shape at RMS 0.1; what would peak above 0.6 is bent to below 0.95."""
    for _ in range(6):
        samples = samples * np.float32(_RMS / max(float(np.sqrt(np.mean(samples**2))), 1e-9))
        magnitude = np.abs(samples)
        if float(magnitude.max()) <= _LIMIT_FROM:
            break
        room = _LIMIT_TO - _LIMIT_FROM
        bent = _LIMIT_FROM + room * np.tanh((magnitude - _LIMIT_FROM) / room)
        samples = np.where(magnitude > _LIMIT_FROM, np.sign(samples) * bent, samples).astype(np.float32)
    return samples


def piece(rng: Rng, n_samples: int, *, style: str, bank: Bank) -> tuple[Samples, str]:
    """A piece of a style, and what a user would call it.

    Args:
        rng: everything random comes from it.
        n_samples: at least 1, at 48 kHz.
        style: one of `STYLES`.
        bank: recorded drums, if it has any.

    Returns:
        Mono `(n_samples,)` at RMS 0.1, peak below 0.95; and a caption.
    """
    wanted, n_samples = n_samples, max(n_samples, _SHORTEST)
    score = compose(rng, n_samples / SAMPLE_RATE, style)
    caption = _words(score, rng)
    out = perform(score, n_samples, rng, bank)[0] * _dynamics(n_samples, rng)
    if style in _DRY or rng.random() < 0.5:
        out = synth.room(out, rng, seconds=rng.uniform(0.4, 1.4), level=rng.uniform(0.1, 0.45))
    if wanted < n_samples:
        start = int(np.clip(np.abs(out).argmax() - wanted // 2, 0, n_samples - wanted))
        out = out[start : start + wanted]
    fade = min(240, wanted // 8)
    if fade:
        ramp = np.linspace(0, 1, fade, dtype=np.float32)
        out[:fade] *= ramp
        out[-fade:] *= ramp[::-1]
    return levelled(out - out.mean() if wanted >= SAMPLE_RATE else out), caption
