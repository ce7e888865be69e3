"""The network that says where a sound lies in the space of sentence embeddings, and the features it hears.

    samples (48 kHz) -> log-mel -> 384 features, whatever the level and the timing -> EarNetwork -> 384 numbers, norm 1

Knows no prompt and no file.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from otio_v2a_engine.models.mel import HOP, log_mel

__all__ = ["FEATURES", "EarNetwork", "features", "features_of_mel", "standing"]

FEATURES = 8 * 48
_TEXT = 384
_SHORTEST = 5  # frames
_LOUD = 2.0  # frames within 40 dB of the loudest are heard


def features(sound: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """What a sound `(n,)` at 48 kHz is like, whatever its level and timing, `(FEATURES,)`."""
    return features_of_mel(log_mel(np.pad(sound, (0, max(0, _SHORTEST * HOP - len(sound))))))


def features_of_mel(mel: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The same of a log-mel `(F, 96)` of at least five frames."""
    mel = np.maximum(mel, -4.5)
    mel = mel.reshape(len(mel), 48, 2).mean(2)
    level = mel.max(1)
    heard = mel[level > max(level.max() - _LOUD, -4.4)]
    if len(heard) < 4:
        heard = mel[:4]
    heard = heard - heard.max()
    rise = np.maximum(np.diff(mel, axis=0), 0)
    fall = np.minimum(np.diff(mel, axis=0), 0)
    strongest = np.argsort(rise.mean(1))[-8:]
    after = [mel[np.minimum(strongest + lag, len(mel) - 1)].mean(0) - level.max() for lag in (1, 4, 12)]
    columns = [
        heard.mean(0), heard.std(0), np.percentile(heard, 90, axis=0), *after,
        rise.mean(0) * 10, fall.mean(0) * 10,
    ]  # fmt: skip
    joined: npt.NDArray[np.float32] = np.concatenate(columns).astype(np.float32)
    return joined


class EarNetwork(nn.Module):
    """Features `(B, FEATURES)` to vectors `(B, 384)` of norm 1.

    Args:
        hidden: width of the two layers between.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, *, hidden: int = 224) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(FEATURES))
        self.register_buffer("scale", torch.ones(FEATURES))
        self.layers = nn.Sequential(
            nn.Dropout(0.2),
            nn.Linear(FEATURES, hidden),
            nn.GELU(),
            nn.Dropout(0.3),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Dropout(0.2),
            nn.Linear(hidden, _TEXT),
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(self.layers((x - self.mean) / self.scale), dim=1)


def standing(heard: Tensor, prompts: Tensor, usual: Tensor) -> Tensor:
    """How far each sound stands out among usual ones for its prompt, in standard deviations, `(B,)`.

    A cosine alone says little: a short plain prompt lies nearer to every sound than a long one.

    Args:
        heard: `(B, 384)` from the network.
        prompts: `(B, 384)` sentence embeddings.
        usual: `(K, 384)` where sounds of many kinds lie.
    """
    among = prompts @ usual.T
    result: Tensor = ((heard * prompts).sum(1) - among.mean(1)) / among.std(1).clamp_min(1e-3)
    return result
