"""Owns whether speech or music is heard in effects, unasked. Knows samples and words, no take and no file.

    sound -> 16 kHz -> windows of 3 s -> BleedNetwork -> the surest window -> 0..1 of speech, 0..1 of music
    prompt -> sentence embeddings -> whether it asks for voices, for music

Where a prompt asks for it nothing is said: a cafe has voices, a drum roll is no bleed.
"""

import re
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from otio_v2a_engine.bleed_note import Bleed
from otio_v2a_engine.conditioning import SentenceEncoder
from otio_v2a_engine.contract import PromptSpec, Role, WeightsError
from otio_v2a_engine.ear import SHORTEST_S, audible
from otio_v2a_engine.models.bleed import HEARD, RATE, WINDOW, BleedNetwork, pictures
from otio_v2a_engine.reach import FAR, Reach, phrases
from otio_v2a_engine.simulate.vocabulary import KINDS
from otio_v2a_engine.weights import FOLDER, read_weights

__all__ = ["ALSO", "OWN_KINDS", "BleedDetector", "split"]

Samples = npt.NDArray[np.float32]

_MOST = 400  # windows of a sound: all of ten minutes
_BATCH = 32

_OWN_ROLE = {"speech": Role.DX, "music": Role.MUS}
OWN_KINDS: dict[str, tuple[str, ...]] = {
    "speech": ("crowd", "cafe", "applause", "sneeze"),
    "music": ("drum", "snare", "cymbal", "bell", "pluck", "shaker"),
}
"""Kinds of effects and ambiences that have voices or instruments in them; the detector is taught neither of them."""
ALSO: dict[str, tuple[str, ...]] = {
    "speech": (
        "a radio plays", "a television is on in the next room", "an announcement over loudspeakers", "people laughing",
        "a choir sings", "a singer", "a baby cries", "children playing in a schoolyard", "a busy bar at night",
        "people talking in the background", "a crowd talking", "a market with people", "a telephone conversation",
        "a person screams", "a man grunts and breathes", "a party", "a robot speaks",
        "a hall of a station or airport full of people",
    ),
    "music": (
        "music plays", "a radio plays", "a television is on in the next room", "a song", "a choir sings", "a singer",
        "somebody whistles a tune", "a drum roll", "a jingle", "a phone rings with a melody", "wind chimes",
        "a church organ", "a nightclub from outside", "a party", "a musical instrument", "a marching band",
        "an ice cream van", "a singing bowl", "a beep melody of an arcade game",
    ),
}  # fmt: skip
"""How else people ask for voices and for music, beside the captions of dialogue, music and kinds that hold them."""
_NEAR = 0.04  # of the cosine: how much farther than other sounds these may be and still be meant


class BleedDetector:
    """The detector that ships.

    Args:
        folder: of `bleed.safetensors` and `bleed.json`.
        encoder, reach: shared with whoever has them already.

    Raises:
        WeightsError: weights are missing or damaged.
    """

    def __init__(
        self, folder: Path = FOLDER, *, encoder: SentenceEncoder | None = None, reach: Reach | None = None
    ) -> None:
        weights = read_weights("bleed", folder=folder)
        try:
            self._network = BleedNetwork().eval()
            self._network.load_state_dict(weights.part("network"))
            self._slope, self._middle = weights.tensors["calibration"]
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise WeightsError(
                f"the weights of the detector of speech and music do not fit this version: {error}"
            ) from error
        self._encoder = encoder or SentenceEncoder()
        self._reach = reach or Reach(self._encoder)

    def bleed(self, sound: Samples, sample_rate: int, prompt: PromptSpec) -> Bleed | None:
        """What is heard in mono sound `(n,)` that its prompt does not ask for; None of silence, music and dialogue."""
        if prompt.role not in (Role.FX, Role.AMB):
            return None
        heard = self.hear(sound, sample_rate)
        if heard is None:
            return None
        asked = self.asked(prompt.text)
        return Bleed(**{name: None if name in asked else round(value, 4) for name, value in heard.items()})

    @torch.no_grad()
    def hear(self, sound: Samples, sample_rate: int) -> dict[str, float] | None:
        """How sure it is of each of HEARD in mono sound `(n,)`, 0 to 1, whatever was asked for; None of silence."""
        logits = self.logits(sound, sample_rate)
        if logits is None:
            return None
        sure = torch.sigmoid(self._slope * (logits.amax(0) - self._middle))
        return dict(zip(HEARD, sure.tolist(), strict=True))

    @torch.no_grad()
    def logits(self, sound: Samples, sample_rate: int) -> Tensor | None:
        """What the network says of each window that is not silent, `(W, 2)`; None where all are."""
        parts = split(sound, sample_rate)
        answers = []
        for first in range(0, len(parts), _BATCH):
            seen = [pictures(part) for part in parts[first : first + _BATCH]]
            mel, tone = (torch.from_numpy(np.stack([pair[which] for pair in seen])) for which in (0, 1))
            answers.append(self._network(mel, tone))
        return torch.cat(answers) if answers else None

    def asked(self, text: str) -> frozenset[str]:
        """Which of HEARD a prompt asks for: a phrase of it is as near to such words as to those of any other sound."""
        whole = text.strip()
        if not whole:
            return frozenset()
        asked = set()
        for phrase in dict.fromkeys((whole, *phrases(whole))):
            place = self._encoder.embed([phrase])[0]
            for name in HEARD:
                own, others = self._tables[name]
                near = float((own @ place).max())
                if near >= FAR and near >= float((others @ place).max()) - _NEAR:
                    asked.add(name)
        return frozenset(asked | {name for name in HEARD if _WORDS[name].search(whole)})

    @cached_property
    def _tables(self) -> dict[str, tuple[Tensor, Tensor]]:
        """For each of HEARD the embeddings of words that ask for it, and of words for all other effects."""
        tables = {}
        effects = [
            (caption, row)
            for role in (Role.FX, Role.AMB)
            for caption, row in zip(*self._reach.known(role), strict=True)
        ]
        for name in HEARD:
            holds = {caption for kind in OWN_KINDS[name] for caption in KINDS[kind].known_as}
            own = [row for caption, row in effects if caption in holds]
            others = [row for caption, row in effects if caption not in holds]
            also = self._encoder.embed(list(ALSO[name]))
            tables[name] = (
                torch.cat([torch.stack(own), self._reach.known(_OWN_ROLE[name])[1], also]),
                torch.stack(others),
            )
        return tables


_WORDS = {
    "speech": re.compile(
        r"\b(voices?|speech|speak(s|ing|er)?|talk(s|ing)?|chat(ter|s|ting)?|conversations?|dialogue|vocals?|shout(s|ing)?"
        r"|whisper(s|ing)?|scream(s|ing)?|laugh(s|ing|ter)?|announce(ment|ments|r)?|narrat(or|ion)|radio|television|tv)\b",
        re.I,
    ),
    "music": re.compile(
        r"\b(music|musical|melod(y|ies)|songs?|tunes?|orchestra|bands?|piano|guitar|violins?|organ|drum(s|ming)?|radio"
        r"|television|tv|jingle|instruments?)\b",
        re.I,
    ),
}
"""Words that ask for it in any sentence, however far the sentence lies."""


def split(sound: Samples, sample_rate: int) -> list[Samples]:
    """Windows of 3 s at 16 kHz, every 1.5 s, the last ending with the sound, without those that are next to silent."""
    if len(sound) < SHORTEST_S * sample_rate:
        return []
    sound = np.nan_to_num(sound)
    if sample_rate != RATE:
        import soxr

        sound = soxr.resample(sound, sample_rate, RATE).astype(np.float32)
    sound = np.pad(sound, (0, max(0, WINDOW - len(sound))))
    count = min(_MOST, 1 + -(-(len(sound) - WINDOW) // (WINDOW // 2)))
    starts = np.linspace(0, len(sound) - WINDOW, count).round().astype(int)
    return audible([sound[start : start + WINDOW] for start in starts])
