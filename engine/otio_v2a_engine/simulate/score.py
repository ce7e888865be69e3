"""Scores: mood, key, tempo, chords, and the notes that parts are made of. Pitches and beats, no sound, no style.

Music theory in small: progressions in scale degrees, voicings that move as little as they can, melodies of
chord tones on strong beats and steps between them. All randomness comes from `rng`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

__all__ = [
    "MOODS", "STYLES", "Brief", "Mood", "Note", "Score",
    "arpeggio", "bass", "drums", "held_chords", "melody", "moods_of", "sketch", "struck_chords",
]  # fmt: skip

Rng = np.random.Generator


@dataclass(frozen=True)
class Mood:
    """How a mood sounds: `words` as people type them, tempo in beats a minute, modes, and how busy (0..1) it is."""

    words: tuple[str, ...]
    slowest_bpm: int
    fastest_bpm: int
    modes: tuple[str, ...]
    density: float
    register: int = 0  # semitones


MOODS: dict[str, Mood] = {
    "calm": Mood(("calm", "gentle", "peaceful", "relaxing", "soft"), 55, 90, ("major", "major", "dorian"), 0.3),
    "sad": Mood(("sad", "melancholic", "sorrowful", "emotional"), 50, 80, ("minor",), 0.25, -3),
    "happy": Mood(("happy", "cheerful", "upbeat", "joyful"), 105, 150, ("major",), 0.7, 3),
    "tense": Mood(("tense", "suspenseful", "dark", "ominous", "scary"), 60, 130, ("tense",), 0.45, -5),
    "epic": Mood(("epic", "dramatic", "heroic", "powerful"), 80, 140, ("minor", "minor", "dorian"), 0.6, -2),
    "mysterious": Mood(("mysterious", "eerie", "strange"), 55, 95, ("dorian", "minor", "tense"), 0.35, 0),
    "playful": Mood(("playful", "whimsical", "quirky", "funny"), 100, 160, ("major", "dorian"), 0.8, 5),
    "romantic": Mood(("romantic", "tender", "warm", "sentimental"), 58, 92, ("major", "minor"), 0.4),
}

_SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "tense": (0, 1, 3, 4, 6, 7, 9, 10),
}
_DEGREES = {
    "major": ((0, 4, 5, 3), (0, 3, 4, 0), (5, 3, 0, 4), (0, 5, 1, 4), (0, 2, 3, 4), (0, 3, 0, 4), (0, 3)),
    "minor": ((0, 5, 2, 6), (0, 3, 4, 0), (0, 6, 5, 4), (0, 5, 3, 4), (0, 2, 6, 3), (0, 0, 5, 4), (0, 5)),
    "dorian": ((0, 3, 6, 0), (0, 3), (0, 2, 3, 0), (0, 6, 3, 0), (0, 1, 0, 3)),
}
_CLUSTERS = ((0, 3, 6), (0, 1, 6), (0, 3, 6, 9), (0, 1, 7), (1, 4, 7), (0, 6, 10), (0, 3, 4))
_RHYTHMS: dict[int, tuple[tuple[float, ...], ...]] = {  # of one bar, sparse ones first
    4: (
        (4,), (2, 2), (3, 1), (2, 1, 1), (1.5, 0.5, 2), (1, 1, 2), (1, 1, 1, 1), (1.5, 1.5, 1), (1, 0.5, 0.5, 2),
        (1, 0.5, 0.5, 1, 1), (0.5, 0.5, 1, 0.5, 0.5, 1), (0.5, 1, 0.5, 1, 0.5, 0.5), (0.5,) * 8,
    ),
    3: ((3,), (2, 1), (1, 2), (1.5, 0.5, 1), (1, 1, 1), (2, 0.5, 0.5), (1, 0.5, 0.5, 1), (0.5,) * 6),
}  # fmt: skip
_FLAVOURS: dict[str, tuple[str, ...]] = {
    "piano": ("calm", "sad", "happy", "tense", "mysterious", "playful", "romantic", "sad", "calm"),
    "strings": ("calm", "sad", "tense", "epic", "mysterious", "romantic", "tense", "playful"),
    "guitar": ("calm", "sad", "happy", "romantic", "happy", "mysterious"),
    "beat": ("happy", "epic", "tense", "playful", "calm"),
    "synth": ("calm", "tense", "epic", "mysterious", "happy", "playful"),
    "organ": ("calm", "sad", "tense", "epic", "mysterious", "happy"),
    "music_box": ("calm", "playful", "sad", "mysterious", "romantic"),
    "winds": ("calm", "playful", "sad", "happy", "romantic", "mysterious"),
    "brass": ("epic", "happy", "epic", "tense", "sad"),
    "band": ("happy", "happy", "calm", "epic", "playful", "romantic", "sad"),
}
STYLES: tuple[str, ...] = tuple(_FLAVOURS)

_GROOVES: dict[str, dict[str, str]] = {  # one bar in sixteenths: X accent, x stroke, o ghost
    "rock": {"kick": "X.......x.x.....", "snare": "....X.......X...", "hat": "x.x.x.x.x.x.x.x."},
    "pop": {"kick": "X.....x.x.......", "snare": "....X.......X..o", "hat": "x.o.x.o.x.o.x.o."},
    "dance": {"kick": "X...X...X...X...", "snare": "....x.......x...", "hat": "..x...x...x...x."},
    "hip hop": {"kick": "X..x......x..x..", "snare": "....X.......X...", "hat": "xoxoxoxoxoxoxoxx"},
    "slow": {"kick": "X.........x.....", "snare": "........X.......", "hat": "x...o...x...o..."},
    "toms": {"tom": "X..x..x.X..x.xx.", "kick": "X.......x......."},
    "war": {"taiko": "X.....x.X...x.xx", "kick": "X.......X......."},
    "march": {"snare": "X..xX.xxX..xXxxx", "kick": "X.......X......."},
    "waltz": {"kick": "X...........", "snare": "....x...x...", "hat": "x...x...x..."},
    "six": {"kick": "X.....x.....", "snare": "......X.....", "hat": "x.x.x.x.x.x."},
}
_STROKES = {"X": 1.0, "x": 0.7, "o": 0.35}


@dataclass(frozen=True)
class Note:
    """A note or a stroke: where it starts in beats, how long it is held, its MIDI pitch (0 for drums)."""

    beat: float
    beats: float
    pitch: int
    strength: float
    voice: str


@dataclass(frozen=True)
class Score:
    """A piece of music, from bar 0; the clip begins at `first_beat`.

    Attributes:
        mood: one of `MOODS`; mode: of the scale; tonic: pitch class, C = 0.
        bpm: beats a minute; per_bar: beats in a bar.
        chords: pitch classes of each bar, the root first.
        scale: pitch classes that melodies step through.
        held: the bar whose chord is held to the end, if the music comes to one.
        lead: words for what plays, the plainest first.
    """

    mood: str
    mode: str
    tonic: int
    bpm: float
    per_bar: int
    first_beat: float
    chords: tuple[tuple[int, ...], ...]
    scale: tuple[int, ...]
    held: int | None
    lead: tuple[str, ...] = ()
    notes: tuple[Note, ...] = field(default=(), repr=False)

    @property
    def bars(self) -> range:
        """The bars that move (all before a held one)."""
        return range(len(self.chords) if self.held is None else self.held)

    @property
    def density(self) -> float:
        """How busy it is, 0..1."""
        return MOODS[self.mood].density


@dataclass(frozen=True)
class Brief:
    """What a piece must keep to: its mood, its tempo, where in a bar it begins (beats), and that it comes to an end."""

    mood: str
    bpm: float
    per_bar: int
    first_beat: float


def moods_of(style: str) -> tuple[str, ...]:
    """The moods that a style has, likelier ones more than once."""
    return _FLAVOURS[style]


def _chord(mode: str, tonic: int, degree: int, *, seventh: bool) -> tuple[int, ...]:
    scale = _SCALES[mode]
    steps = [scale[(degree + third) % 7] + tonic for third in (0, 2, 4, *((6,) if seventh else ()))]
    if mode == "minor" and degree == 4:
        steps[1] += 1  # the leading tone
    return tuple(step % 12 for step in steps)


def _last_bar(rng: Rng, seconds: float, *, first_beat: float, bpm: float, per_bar: int, ends: bool) -> int | None:
    """The bar whose chord is held to the end; None where the music goes on."""
    beats = seconds * bpm / 60
    if ends:  # where a bar begins with two seconds to go, or a little more
        last = int((first_beat + beats - 2 * bpm / 60) / per_bar)
        return last if last >= 2 else None
    if seconds <= 3 or rng.random() >= 0.2:
        return None
    last = int(np.ceil((first_beat + beats * rng.uniform(0.5, 0.75)) / per_bar))
    return last if last * per_bar < first_beat + 0.9 * beats else None


def sketch(rng: Rng, seconds: float, style: str, *, brief: Brief | None = None) -> Score:
    """A score without notes: everything that its parts share."""
    mood = brief.mood if brief else str(rng.choice(_FLAVOURS[style]))
    character = MOODS[mood]
    mode = str(rng.choice(character.modes))
    bpm = brief.bpm if brief else float(rng.integers(character.slowest_bpm, character.fastest_bpm + 1))
    per_bar = 3 if rng.random() < (0.08 if style in ("beat", "band") else 0.22) else 4
    per_bar = brief.per_bar if brief else per_bar
    tonic = int(rng.integers(12))
    first_beat = float(rng.uniform(0, per_bar)) if rng.random() < 0.5 else 0.0
    first_beat = brief.first_beat if brief else first_beat
    n_bars = int(np.ceil((first_beat + seconds * bpm / 60) / per_bar)) + 1
    slow = 2 if bpm > 110 and rng.random() < 0.4 else 1
    if mode == "tense":
        cycle = [
            tuple((tonic + step) % 12 for step in _CLUSTERS[i])
            for i in rng.choice(len(_CLUSTERS), int(rng.integers(1, 4)), replace=False)
        ]
    else:
        sevenths = mood in ("romantic", "calm", "mysterious") and rng.random() < 0.4
        degrees = _DEGREES[mode][int(rng.integers(len(_DEGREES[mode])))]
        cycle = [_chord(mode, tonic, degree, seventh=sevenths) for degree in degrees]
    turn = int(rng.integers(len(cycle))) if rng.random() < 0.3 else 0
    chords = [cycle[(bar // slow + turn) % len(cycle)] for bar in range(n_bars)]
    held = _last_bar(rng, seconds, first_beat=first_beat, bpm=bpm, per_bar=per_bar, ends=brief is not None)
    if held is not None:
        home = chords[0] if mode == "tense" else _chord(mode, tonic, 0, seventh=False)
        chords[held:] = [home] * (n_bars - held)
    scale = tuple(sorted((tonic + step) % 12 for step in _SCALES[mode]))
    return Score(mood, mode, tonic, bpm, per_bar, first_beat, tuple(chords), scale, held)


def _nearest(classes: Sequence[int], pitch: float, low: int, high: int) -> int:
    """The pitch of one of these classes that lies nearest, within a range of at least an octave."""
    return min((p for p in range(low, high + 1) if p % 12 in classes), key=lambda p: abs(p - pitch))


def _voicings(s: Score, low: int) -> list[tuple[int, ...]]:
    """Each bar's chord from `low` upwards, in the inversion that moves least from the one before."""
    voicings: list[tuple[int, ...]] = []
    for classes in s.chords:
        options = []
        for base in range(low, low + 12):
            if base % 12 in classes:
                options.append(tuple(sorted(base + (c - base) % 12 for c in classes)))
        if voicings:
            before = voicings[-1]
            options.sort(key=lambda option: sum(min(abs(p - q) for q in before) for p in option))
        voicings.append(options[0])
    return voicings


def _end(s: Score, voice: str, pitches: Sequence[int], strength: float) -> list[Note]:
    """The held chord, if there is one."""
    if s.held is None:
        return []
    beats = (len(s.chords) - s.held) * s.per_bar
    return [Note(float(s.held * s.per_bar), float(beats), pitch, strength, voice) for pitch in pitches]


def held_chords(s: Score, voice: str, *, low: int, strength: float, legato: float = 1.0) -> list[Note]:
    """A chord a bar; equal chords are tied."""
    voicings, notes, bar = _voicings(s, low), [], 0
    while bar in s.bars:
        tied = 1
        while bar + tied in s.bars and voicings[bar + tied] == voicings[bar] and tied < 2:
            tied += 1
        beats = tied * s.per_bar * legato
        notes += [Note(float(bar * s.per_bar), beats, p, strength, voice) for p in voicings[bar]]
        bar += tied
    return notes + _end(s, voice, voicings[-1], strength)


def struck_chords(rng: Rng, s: Score, voice: str, *, low: int, strength: float, spread: float = 0.0) -> list[Note]:
    """Chords in a rhythm that repeats every bar; `spread` is the beats between their notes, as strummed."""
    voicings, notes = _voicings(s, low), []
    rhythm = _rhythm(rng, s, density=s.density)
    for bar in s.bars:
        beat = float(bar * s.per_bar)
        for number, beats in enumerate(rhythm):
            chord = voicings[bar] if number % 2 == 0 else voicings[bar][::-1]  # down, up
            level = strength * (1.0 if number == 0 else rng.uniform(0.6, 0.85))
            notes += [Note(beat + i * spread, beats * 0.95, p, level, voice) for i, p in enumerate(chord)]
            beat += beats
    return notes + _end(s, voice, voicings[-1], strength)


def arpeggio(
    rng: Rng, s: Score, voice: str, *, low: int, strength: float, step: float | None = None, ring: float = 0.0
) -> list[Note]:
    """Broken chords in even steps; each note rings for `ring` more beats."""
    step = step or (1.0 if s.density < 0.3 and s.bpm > 70 else 0.5 if s.bpm > 65 or rng.random() < 0.5 else 0.25)
    voicings, notes = _voicings(s, low), []
    shape = (0, 1, 2, 1), (0, 2, 1, 2), (0, 1, 2, 3), (0, 2, 1, 3, 2, 1), (0, 1, 2, 3, 2, 1), (3, 2, 1, 0)
    order = shape[int(rng.integers(len(shape)))]
    for bar in s.bars:
        chord = (*voicings[bar], voicings[bar][0] + 12)
        for i in range(int(s.per_bar / step)):
            level = strength * (1.0 if i * step % 1 == 0 else 0.8)
            pitch = chord[order[i % len(order)] % len(chord)]
            notes.append(Note(bar * s.per_bar + i * step, step + ring, pitch, level, voice))
    return notes + _end(s, voice, voicings[-1], strength)


def bass(rng: Rng, s: Score, voice: str, *, low: int = 33, strength: float) -> list[Note]:
    """Roots and fifths; a pedal on the tonic in tense music."""
    notes = []
    kind = str(rng.choice(["long", "long", "fifths"] if s.density < 0.5 else ["fifths", "eighths", "walk", "long"]))
    for bar in s.bars:
        root = _nearest([s.tonic if s.mode == "tense" else s.chords[bar][0]], low + 6, low, low + 12)
        fifth = _nearest([s.chords[bar][min(2, len(s.chords[bar]) - 1)]], root + 5, low, low + 14)
        start = float(bar * s.per_bar)
        if kind == "long":
            notes.append(Note(start, s.per_bar * 0.97, root, strength, voice))
        elif kind == "fifths":
            half = s.per_bar // 2
            notes.append(Note(start, half * 0.9, root, strength, voice))
            notes.append(Note(start + half, (s.per_bar - half) * 0.9, fifth, 0.85 * strength, voice))
        else:
            step = 0.5 if kind == "eighths" else 1.0
            third = _nearest([s.chords[bar][1]], root + 4, low, low + 14)
            turn = (root, third, fifth, third) if kind == "walk" else (root,)
            for i in range(int(s.per_bar / step)):
                notes.append(Note(start + i * step, step * 0.85, turn[i % len(turn)], strength, voice))
    home = _nearest([s.chords[-1][0]], low + 6, low, low + 12)
    return notes + _end(s, voice, [home], strength)


def _rhythm(rng: Rng, s: Score, *, density: float) -> tuple[float, ...]:
    rhythms = _RHYTHMS[s.per_bar]
    return rhythms[int(np.clip(rng.normal(density, 0.18), 0, 0.999) * len(rhythms))]


def melody(rng: Rng, s: Score, voice: str, *, low: int, strength: float, legato: float = 0.97) -> list[Note]:
    """One line: a motif that comes back, chord tones on strong beats, steps of the scale between, a few rests."""
    low += MOODS[s.mood].register
    high = low + 19
    motif, answer = (_rhythm(rng, s, density=s.density) for _ in range(2))
    rests, resting = s.per_bar * 60 / s.bpm < 2.5, False  # a slow bar would be a hole
    pitch = float(low + rng.integers(4, 13))
    notes: list[Note] = []
    for bar in s.bars:
        resting = rests and not resting and bar > 0 and rng.random() < 0.14
        if resting:
            continue
        beat = 0.0
        for beats in (motif, motif, answer, motif)[bar % 4] if rng.random() < 0.8 else answer:
            if beat % 2 == 0 or beats >= 1.5:
                pitch = _nearest(s.chords[bar], pitch + rng.normal(0, 3.5), low, high)
            else:
                passing = set(s.scale) | set(s.chords[bar])
                if s.mode == "minor" and (s.tonic + 11) % 12 in passing:
                    passing.discard((s.tonic + 10) % 12)
                pitch = _nearest(sorted(passing), pitch + rng.choice([-2, -1.5, 1.5, 2]), low, high)
            level = strength * (1.0 if beat == 0 else rng.uniform(0.75, 0.95))
            notes.append(Note(bar * s.per_bar + beat, beats * legato, int(pitch), level, voice))
            beat += beats
    return notes + _end(s, voice, [_nearest([s.chords[-1][0]], pitch, low, high)], strength)


def drums(rng: Rng, s: Score, *, strength: float, groove: str | None = None) -> list[Note]:
    """A groove, a fill every fourth bar, a crash where a phrase begins."""
    if s.per_bar == 3:
        groove = str(rng.choice(["waltz", "six"]))
    elif groove is None:
        fitting = {"calm": ["slow", "pop", "hip hop"], "sad": ["slow"], "romantic": ["slow", "pop"],
                   "tense": ["toms", "war", "hip hop"], "epic": ["war", "toms", "march", "rock"]}  # fmt: skip
        groove = str(rng.choice(fitting.get(s.mood, ["rock", "pop", "dance", "hip hop", "march", "toms"])))
    lines = {drum: line for drum, line in _GROOVES[groove].items() if drum != "hat" or rng.random() < 0.9}
    fills, crashes = rng.random() < 0.5, rng.random() < 0.5
    notes = []
    for bar in s.bars:
        fill = fills and bar % 4 == 3
        for drum, line in lines.items():
            for i, stroke in enumerate(line):
                if stroke in _STROKES and not (fill and i >= len(line) - 4 and drum != "kick"):
                    notes.append(Note(bar * s.per_bar + i / 4, 0, 0, strength * _STROKES[stroke], drum))
        if fill:
            drum = str(rng.choice(["snare", "tom"]))
            end = (bar + 1) * s.per_bar
            notes += [Note(end - 1 + i / 4, 0, 0, strength * (0.6 + 0.1 * i), drum) for i in range(4)]
        if crashes and bar % 4 == 0:
            notes.append(Note(float(bar * s.per_bar), 0, 0, 0.5 * strength, "crash"))
    drum = "taiko" if "taiko" in lines else "kick"
    return notes + _end(s, drum, [0], strength) + _end(s, "crash", [0], 0.6 * strength)
