"""Ten styles of music: which parts each is made of, and what people call it. Knows no sound."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from otio_v2a_engine.simulate.score import (
    MOODS,
    Brief,
    Note,
    Score,
    arpeggio,
    bass,
    drums,
    held_chords,
    melody,
    sketch,
    struck_chords,
)

__all__ = ["compose"]

Rng = np.random.Generator
Part = tuple[list[Note], tuple[str, ...]]


def _piano(rng: Rng, s: Score) -> Part:
    kind = str(rng.choice(["arpeggio", "chords", "melody"]))
    low = 48 + MOODS[s.mood].register
    notes = bass(rng, s, "piano", low=36, strength=0.5) if rng.random() < 0.6 else []
    if kind == "chords":
        notes += struck_chords(rng, s, "piano", low=low, strength=0.6)
    else:
        notes += arpeggio(rng, s, "piano", low=low, strength=0.45, ring=1.5)
    if kind == "melody" or rng.random() < 0.5:
        notes += melody(rng, s, "piano", low=64, strength=0.9, legato=1.1)
    return notes, ("piano music", "piano", "solo piano", "a piano playing", "piano melody", "piano piece")


def _strings(rng: Rng, s: Score) -> Part:
    words: tuple[str, ...] = ("strings", "string music", "violins and cellos", "orchestral strings", "string orchestra")
    low = 50 + MOODS[s.mood].register
    if s.mood in ("epic", "playful") or (s.mood == "tense" and rng.random() < 0.5):
        notes = arpeggio(rng, s, "spiccato", low=low, strength=0.6, step=0.5 if s.bpm > 95 else 0.25)
        words = (*words, "staccato strings")
    else:
        notes = held_chords(s, "strings", low=low, strength=0.5)
    notes += bass(rng, s, "strings", low=36, strength=0.5)
    if rng.random() < 0.6:
        notes += melody(rng, s, "strings", low=67, strength=0.75)
    return notes, words


def _guitar(rng: Rng, s: Score) -> Part:
    words: tuple[str, ...] = ("guitar music", "acoustic guitar", "a guitar playing", "guitar")
    if rng.random() < 0.3 + 0.4 * s.density:
        low = 45 if rng.random() < 0.5 else 50
        notes = struck_chords(rng, s, "guitar", low=low, strength=0.7, spread=0.015 * s.bpm / 60)
        words += ("strummed guitar", "guitar chords")
    else:
        notes = arpeggio(rng, s, "guitar", low=47, strength=0.6, ring=1.2)
        words += ("fingerpicked guitar", "guitar arpeggio")
    if rng.random() < 0.45:
        notes += melody(rng, s, "guitar", low=62, strength=0.85)
    if rng.random() < 0.5:
        notes += bass(rng, s, "guitar", low=40, strength=0.6)
    return notes, words


def _beat(rng: Rng, s: Score) -> Part:
    notes = drums(rng, s, strength=1.0)
    words: tuple[str, ...] = ("drum beat", "drums", "drumming", "percussion", "rhythm")
    if rng.random() < 0.4:
        voice = str(rng.choice(["bass", "synth_bass"]))
        notes += bass(rng, s, voice, strength=0.5)
        words = ("drum beat", "drums and bass", "bass and drums", "groove")
    return notes, words


def _synth(rng: Rng, s: Score) -> Part:
    words: tuple[str, ...] = ("synth music", "electronic music", "electronic synth music", "synthesizer")
    notes: list[Note] = []
    arp = s.density > 0.5 or rng.random() < 0.5
    if not arp or s.held is not None or rng.random() < 0.6:  # nothing else would last under a held end
        notes += held_chords(s, "pad", low=50, strength=0.6)
        words += () if arp else ("ambient synth pad", "synth pad", "ambient electronic music")
    if arp:
        notes += arpeggio(rng, s, "arp", low=60, strength=0.55, step=0.5 if s.bpm > 120 else 0.25)
        words += ("synth arpeggio",)
    if rng.random() < 0.7:
        notes += bass(rng, s, "synth_bass", low=33, strength=0.7)
    if rng.random() < 0.35:
        notes += melody(rng, s, "lead", low=67, strength=0.6)
    if s.density > 0.5 and rng.random() < 0.4:
        notes += drums(rng, s, strength=0.6, groove="dance")
        words += ("electronic dance music",)
    return notes, words


def _organ(rng: Rng, s: Score) -> Part:
    notes = held_chords(s, "organ", low=52, strength=0.5, legato=0.99)
    if rng.random() < 0.6:
        notes += melody(rng, s, "organ", low=65, strength=0.6)
    if rng.random() < 0.6:
        notes += bass(rng, s, "organ", low=36, strength=0.5)
    return notes, ("organ music", "organ", "an organ playing", "organ chords")


def _music_box(rng: Rng, s: Score) -> Part:
    notes = melody(rng, s, "music_box", low=76, strength=0.9)
    if s.bpm < 100 or s.held is not None or rng.random() < 0.6:  # a slow line of bells alone has gaps
        notes += arpeggio(rng, s, "music_box", low=67, strength=0.5, ring=1.0)
    words = ("music box", "music box melody", "bells", "chimes", "music box tune")
    return notes, (*words, "lullaby") if s.bpm < 95 else words


def _winds(rng: Rng, s: Score) -> Part:
    voice = str(rng.choice(["flute", "clarinet"]))
    low = 69 if voice == "flute" else 60
    notes = melody(rng, s, voice, low=low, strength=0.9)
    words: tuple[str, ...] = (f"{voice} music", voice, f"{voice} melody", f"a {voice} playing", "woodwinds")
    kind = rng.random()
    if kind < 0.35:
        notes += held_chords(s, "clarinet", low=52, strength=0.3)
    elif kind < 0.6:
        other = str(rng.choice(["strings", "piano", "guitar"]))
        if other == "strings":
            notes += held_chords(s, "strings", low=50, strength=0.35)
        else:
            notes += arpeggio(rng, s, other, low=48, strength=0.4, ring=1.0)
        words += (f"{voice} and {other}",)
    return notes, words


def _brass(rng: Rng, s: Score) -> Part:
    words: tuple[str, ...] = ("brass", "brass music", "horns", "brass fanfare", "orchestral brass")
    notes = held_chords(s, "brass", low=50, strength=0.55, legato=0.95)
    if rng.random() < 0.75:
        notes += melody(rng, s, "brass", low=60, strength=0.9, legato=0.9)
    notes += bass(rng, s, "brass", low=38, strength=0.5)
    if s.mood in ("epic", "tense") and rng.random() < 0.6:
        notes += drums(rng, s, strength=0.9, groove=str(rng.choice(["war", "march"])))
        words += ("brass and drums", "orchestral music")
    return notes, words


def _band(rng: Rng, s: Score) -> Part:
    words: tuple[str, ...] = ("band music", "a band playing", "pop music", "instrumental music", "song")
    notes = drums(rng, s, strength=0.75)
    synthetic = rng.random() < 0.3
    notes += bass(rng, s, "synth_bass" if synthetic else "bass", strength=0.65)
    chords = str(rng.choice(["pad", "arp"] if synthetic else ["piano", "guitar", "organ"]))
    if chords in ("pad", "organ"):
        notes += held_chords(s, chords, low=52, strength=0.4)
    elif chords == "arp":
        notes += arpeggio(rng, s, "arp", low=60, strength=0.4, step=0.5)
    else:
        spread = 0.012 * s.bpm / 60 if chords == "guitar" else 0.0
        notes += struck_chords(rng, s, chords, low=50, strength=0.5, spread=spread)
    if rng.random() < 0.65:
        lead = str(rng.choice(["lead", "flute", "guitar", "piano", "brass", "strings"]))
        notes += melody(rng, s, lead, low=65, strength=0.65)
    return notes, words


_PARTS: dict[str, Callable[[Rng, Score], Part]] = {
    "piano": _piano, "strings": _strings, "guitar": _guitar, "beat": _beat, "synth": _synth,
    "organ": _organ, "music_box": _music_box, "winds": _winds, "brass": _brass, "band": _band,
}  # fmt: skip


def compose(rng: Rng, seconds: float, style: str, *, brief: Brief | None = None) -> Score:
    """A score of a style, at least `seconds` long from its first beat; with a brief it ends on a held chord."""
    outline = sketch(rng, seconds, style, brief=brief)
    notes, lead = _PARTS[style](rng, outline)
    ordered = sorted(notes, key=lambda note: (note.beat, note.voice, note.pitch))
    return replace(outline, lead=lead, notes=tuple(ordered))
