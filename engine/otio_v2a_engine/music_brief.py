"""Reads a request as a brief for music: style, mood, tempo, and beats that fall on the cuts. Plays nothing.

Words that name a style or a mood decide; the sentence encoder reads those that name none; the picture decides
the mood where no word does: what moves wants a faster piece, what is dark a graver one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from otio_v2a_engine.contract import PromptSpec, Role
from otio_v2a_engine.reach import FAR, Reach
from otio_v2a_engine.simulate.score import MOODS, STYLES, Brief, moods_of

__all__ = ["Look", "Wish", "plan_brief", "read_wish"]

_STYLE_WORDS = {
    "piano": "piano", "strings": "strings?|violins?|cellos?|viola|orchestral?|symphon(y|ic)|quartet",
    "guitar": "guitars?|ukulele|banjo|folk", "beat": "drums?|drumming|percussion|beats?|rhythm",
    "synth": "synth(s|esi[sz]er)?|electronic|techno|retro|edm|pads?|arpeggio", "organ": "organ|church|gothic",
    "music_box": "music box|glockenspiel|celesta|chimes?|bells?|lullaby",
    "winds": "winds?|woodwinds?|flutes?|clarinets?|oboe",
    "brass": "brass|horns?|trumpets?|fanfare|trombones?", "band": "band|pop|rock|jazz|song",
}  # fmt: skip
_MOOD_WORDS = {
    "calm": "ambient|quiet|meditative|serene|chill", "sad": "somber|mournful|nostalgic|grief|tragic|lonely",
    "happy": "bright|sunny|fun|positive|energetic|uplifting", "tense": "thriller|horror|suspense|danger|tension|creepy",
    "epic": "trailer|battle|triumphant|action|cinematic|majestic",
    "mysterious": "mystery|magic|magical|dreamy|ethereal",
    "playful": "comedy|comic|silly|cartoon|bouncy", "romantic": "love|romance|intimate|wedding",
}  # fmt: skip
_SLOW, _FAST = r"slow(ly)?|ballad|adagio|downtempo", r"fast|quick|uptempo|energetic|driving|allegro|chase"
_BY_PICTURE = {  # dark or bright, still or busy
    (False, False): ("sad", "mysterious"), (False, True): ("tense", "epic"),
    (True, False): ("calm", "romantic"), (True, True): ("happy", "playful"),
}  # fmt: skip
_BRIGHT, _BUSY = 0.38, 0.06  # half of the real clips that were looked at lie above each
_BUSIEST = 0.15
_NEAR_S = 0.06  # a beat this far from a cut is not on it
_TEMPI, _PHASES = 33, 16


@dataclass(frozen=True)
class Look:
    """What a picture is like: how bright (0..1), and how much it changes in half a second (mean difference, 0..1)."""

    light: float
    movement: float


@dataclass(frozen=True)
class Wish:
    """What is asked for, as far as words say it: None is left to the picture and the seed.

    Attributes:
        style, mood: the first that is named.
        styles, moods: those that may be, where words rule some out.
        pace: 0 slow, 1 fast.
        per_bar: beats in a bar.
        drums: whether there may be any.
    """

    style: str | None
    mood: str | None
    styles: tuple[str, ...] | None
    moods: tuple[str, ...] | None
    pace: float | None
    per_bar: int
    drums: bool


def _said(table: dict[str, str], text: str) -> tuple[str, ...]:
    """The entries that a text names, in the order in which it does."""
    found = ((at.start(), name) for name, words in table.items() if (at := re.search(rf"\b({words})\b", text, re.I)))
    return tuple(name for _, name in sorted(found))


def read_wish(prompt: PromptSpec, reach: Reach | None) -> Wish:
    """What a prompt asks for and rules out.

    Args:
        prompt: of a music stem.
        reach: reads words that name no style; None where there is no text.
    """
    moods = {name: "|".join((*mood.words, _MOOD_WORDS[name])) for name, mood in MOODS.items()}
    text, negative = prompt.text, prompt.negative_text
    styles, unwanted = _said(_STYLE_WORDS, text), _said(_STYLE_WORDS, negative)
    if not styles and text.strip() and reach is not None:
        near, likeness = reach.nearest(text, Role.MUS)[0]
        styles = tuple(kind for kind in (reach.kind(near, Role.MUS),) if likeness >= FAR)
    wanted_moods, unwanted_moods = _said(moods, text), _said(moods, negative)
    left = tuple(style for style in STYLES if style not in unwanted)
    left_moods = tuple(mood for mood in MOODS if mood not in unwanted_moods)
    pace = (
        0.0 if re.search(rf"\b({_SLOW})\b", text, re.I) else 1.0 if re.search(rf"\b({_FAST})\b", text, re.I) else None
    )
    return Wish(
        style=next((style for style in styles if style not in unwanted), None),
        mood=next((mood for mood in wanted_moods if mood not in unwanted_moods), None),
        styles=left if left and unwanted else None,
        moods=left_moods if left_moods and unwanted_moods else None,
        pace=pace,
        per_bar=3 if re.search(r"\bwaltz", text, re.I) else 4,
        drums="beat" not in unwanted,
    )


def plan_brief(wish: Wish, look: Look, *, cuts_s: Sequence[float], rng: np.random.Generator) -> tuple[str, Brief]:
    """A style, and the mood, tempo and first beat in it, so that beats and bars fall on cuts where they can."""
    mood, style = wish.mood, wish.style
    if mood is None:
        fitting = _BY_PICTURE[look.light >= _BRIGHT, look.movement >= _BUSY]
        left = tuple(mood for mood in fitting if wish.moods is None or mood in wish.moods) or wish.moods or fitting
        mood = str(rng.choice(left))
    if style is None:
        among = tuple(style for style in (wish.styles or STYLES) if wish.drums or style != "beat")
        style = str(rng.choice([style for style in among if mood in moods_of(style)] or among))
    slowest, fastest = MOODS[mood].slowest_bpm, MOODS[mood].fastest_bpm
    seen = 0.9 * min(1.0, look.movement / _BUSIEST) + 0.1 * look.light
    pace = seen if wish.pace is None else 0.85 * wish.pace + 0.15 * seen
    middle = slowest + (0.15 + 0.7 * pace) * (fastest - slowest)
    bpm, first_beat = _on_cuts(cuts_s, middle_bpm=middle, per_bar=wish.per_bar)
    return style, Brief(mood, bpm, wish.per_bar, first_beat)


def _on_cuts(cuts_s: Sequence[float], *, middle_bpm: float, per_bar: int) -> tuple[float, float]:
    """The tempo near one, and the beat of the bar to begin with, that put most cuts on beats, first of all on bars."""
    if not cuts_s:
        return middle_bpm, 0.0
    tempi = middle_bpm * np.exp(np.linspace(-0.12, 0.12, _TEMPI))
    phases = np.arange(_PHASES) * per_bar / _PHASES
    beats = phases[None, :, None] + np.array(cuts_s)[None, None] * tempi[:, None, None] / 60
    second = 60 / tempi[:, None, None]

    def hits(every: int) -> npt.NDArray[np.float64]:
        away = np.abs(beats / every - np.round(beats / every)) * every * second
        near: npt.NDArray[np.float64] = (1 - away / _NEAR_S).clip(0).sum(2)
        return near

    score = hits(1) + hits(per_bar)
    best = np.unravel_index(int(score.argmax()), score.shape)
    return float(tempi[best[0]]), float(phases[best[1]])
