"""CLAP from a local folder through transformers: how well a sound fits words, and PAM. Knows no metric tables.

CLAP score: cosine of the embeddings of sound and caption (arXiv 2211.06687). PAM: the probability, between two
sentences, that the sound is the clean one (arXiv 2402.00282); its paper uses Microsoft's CLAP, so figures with
another CLAP compare among themselves only.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from otio_v2a_engine.contract import WeightsError
from otio_v2a_engine.evaluation.distances import cosine, softmax

__all__ = ["PAM_SENTENCES", "Clap", "pam_score"]

PAM_SENTENCES = ("the sound is clear and clean.", "the sound is noisy and with artifacts.")

Floats = npt.NDArray[np.float64]


def pam_score(sounds: Floats, sentences: Floats, *, scale: float) -> Floats:
    """Probability of the first of two sentences for every sound embedding `(N, D)`, given the model's logit scale."""
    logits = np.stack([scale * cosine(sounds, np.broadcast_to(row, sounds.shape)) for row in sentences], axis=1)
    return softmax(logits)[:, 0]


class Clap:
    """The two encoders.

    Args:
        folder: as transformers saves a ClapModel with its processor.

    Raises:
        WeightsError: transformers cannot load it.
    """

    def __init__(self, folder: Path) -> None:
        from transformers import AutoTokenizer, ClapFeatureExtractor, ClapModel

        try:
            self._model = ClapModel.from_pretrained(folder, local_files_only=True, use_safetensors=True).eval()
            self._features = ClapFeatureExtractor.from_pretrained(folder, local_files_only=True)
            self._tokens = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, KeyError) as error:
            raise WeightsError(f"{folder} cannot be loaded as CLAP: {error}") from error

    @property
    def sample_rate(self) -> int:
        """Hz of the sounds it takes."""
        return int(self._features.sampling_rate)

    @property
    def scale(self) -> float:
        """The factor before the softmax that sounds were trained with."""
        return float(self._model.logit_scale_a.detach().exp())

    def sounds(self, sounds: Sequence[npt.NDArray[np.float32]]) -> Floats:
        """Embeddings `(N, D)` of mono sounds at `sample_rate`; one longer than its window is heard from its start."""
        rows = []
        for sound in sounds:
            longest = int(self._features.nb_max_samples)
            inputs = self._features(sound[:longest], sampling_rate=self.sample_rate, return_tensors="pt")
            with torch.no_grad():
                rows.append(_pooled(self._model.get_audio_features(**inputs)))
        return np.concatenate(rows)

    def texts(self, texts: Sequence[str]) -> Floats:
        """Embeddings `(N, D)` of sentences."""
        inputs = self._tokens(list(texts), padding=True, truncation=True, return_tensors="pt")
        wanted = {key: inputs[key] for key in ("input_ids", "attention_mask")}
        with torch.no_grad():
            return _pooled(self._model.get_text_features(**wanted))


def _pooled(output: Any) -> Floats:
    # Older transformers give the tensor itself.
    tensor = output if isinstance(output, torch.Tensor) else output.pooler_output
    embedding: Floats = tensor.double().numpy()
    return embedding
