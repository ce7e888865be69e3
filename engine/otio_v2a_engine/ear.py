"""Owns how well a sound fits its prompt, as the ear that ships hears it. Knows samples and words, no take and no file.

    sound -> windows -> EarNetwork -> mean place in the sentence space --+
    prompt -> sentence embedding ---------------------------------------+-> standing -> 0..1

Where it cannot tell it says nothing: of silence, of no prompt, and of words far from all that it has learned.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from otio_v2a_engine.conditioning import SentenceEncoder
from otio_v2a_engine.contract import EngineError, PromptSpec, Role, WeightsError
from otio_v2a_engine.models.ear import EarNetwork, features, features_of_mel, standing
from otio_v2a_engine.models.mel import SAMPLE_RATE
from otio_v2a_engine.reach import FAR, Reach, phrases
from otio_v2a_engine.weights import FOLDER, read_weights

__all__ = ["SHORTEST_S", "Ear", "audible", "read_mono"]

_WINDOW_S, _MOST = 8, 16
SHORTEST_S, _LONGEST_S = 0.25, 600
_SILENT = 1e-3  # peak: -60 dBFS
_FAINT = 0.03  # of the loudest window: fainter ones are not listened to


class Ear:
    """The ear that ships.

    Args:
        folder: of `ear.safetensors` and `ear.json`.
        encoder, reach: shared with whoever has them already.

    Raises:
        WeightsError: weights are missing or damaged.
    """

    def __init__(
        self, folder: Path = FOLDER, *, encoder: SentenceEncoder | None = None, reach: Reach | None = None
    ) -> None:
        weights = read_weights("ear", folder=folder)
        try:
            self._network = EarNetwork(hidden=int(weights.note["config"]["hidden"])).eval()
            self._network.load_state_dict(weights.part("network"))
            self._usual = weights.tensors["usual"]
            self._slope = float(weights.note["calibration"]["slope"])
            self._middle = float(weights.note["calibration"]["middle"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise WeightsError(f"the weights of the ear do not fit this version: {error}") from error
        self._encoder = encoder or SentenceEncoder()
        self._reach = reach or Reach(self._encoder)

    def fit(self, sound: npt.NDArray[np.float32], sample_rate: int, prompt: PromptSpec) -> float | None:
        """How well mono sound `(n,)` fits its prompt, 0 to 1; None where the ear cannot tell.

        One half is as likely right as wrong, of a sound that may be either.
        """
        if not self.knows(prompt):
            return None
        heard = self.hear(sound, sample_rate)
        if heard is None:
            return None
        place = self._encoder.embed([prompt.text.strip()])
        return float(torch.sigmoid(self._slope * (standing(heard[None], place, self._usual)[0] - self._middle)))

    @torch.no_grad()
    def standings(self, mels: Tensor, text: str) -> Tensor:
        """How far each of several log-mels `(K, F, 96)` stands out for a text, `(K,)`; for comparing them."""
        return self.standings_of(torch.from_numpy(np.stack([features_of_mel(mel) for mel in mels.cpu().numpy()])), text)

    @torch.no_grad()
    def standings_of(self, features: Tensor, text: str) -> Tensor:
        """The same of sounds whose features `(K, FEATURES)` are known."""
        heard = self._network(features)
        return standing(heard, self._encoder.embed([text]).expand(len(heard), -1), self._usual)

    def knows(self, prompt: PromptSpec) -> bool:
        """Whether a prompt, or a phrase of it, is near enough to what the ear has learned words for."""
        if prompt.role not in (Role.FX, Role.AMB) or not prompt.text.strip():
            return False
        asked = (prompt.text.strip(), *phrases(prompt.text))
        return any(self._reach.nearest(text, role)[0][1] >= FAR for text in asked for role in (Role.FX, Role.AMB))

    @torch.no_grad()
    def hear(self, sound: npt.NDArray[np.float32], sample_rate: int) -> Tensor | None:
        """Where mono sound `(n,)` lies, `(384,)` of norm 1; None of silence."""
        if sample_rate != SAMPLE_RATE:
            import soxr

            sound = soxr.resample(sound, sample_rate, SAMPLE_RATE).astype(np.float32)
        parts = _windows(np.nan_to_num(sound))
        if not parts:
            return None
        places = self._network(torch.from_numpy(np.stack([features(part) for part in parts])))
        return F.normalize(places.mean(0), dim=0)


def read_mono(path: Path, *, first: int, n_samples: int) -> tuple[npt.NDArray[np.float32], int]:
    """A stretch of a sound file, channels mixed, and its sample rate; at most ten minutes of it.

    Raises:
        EngineError: it cannot be read.
    """
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            rate = int(file.samplerate)
            file.seek(min(max(0, first), file.frames))
            samples = file.read(min(n_samples, _LONGEST_S * rate), dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise EngineError(f"the sound {path} cannot be read: {error}") from error
    mono: npt.NDArray[np.float32] = samples.mean(axis=1)
    return mono, rate


def _windows(sound: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
    """At most 16 stretches of at most 8 s, evenly over the sound, without those that are next to silent."""
    size = _WINDOW_S * SAMPLE_RATE
    count = -(-len(sound) // size)
    starts = np.linspace(0, max(0, len(sound) - size), max(1, min(count, _MOST))).round().astype(int)
    parts = [sound[start : start + size] for start in starts]
    return [] if len(sound) < SHORTEST_S * SAMPLE_RATE else audible(parts)


def audible(parts: Sequence[npt.NDArray[np.float32]]) -> list[npt.NDArray[np.float32]]:
    """Those of the parts of a sound, one at least, that are not next to silent."""
    peaks = [float(np.abs(part).max(initial=0.0)) for part in parts]
    least = max(_SILENT, _FAINT * max(peaks))
    return [part for part, peak in zip(parts, peaks, strict=True) if peak >= least]
