"""CAVP's two encoders as a score: how alike picture and sound seem to them. Knows no tables."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file
from torch import Tensor

from otio_v2a_engine.contract import WeightsError
from otio_v2a_engine.evaluation.clips import tile_frames
from otio_v2a_engine.evaluation.weights import load
from otio_v2a_engine.vta_ldm.config import EncoderSettings
from otio_v2a_engine.vta_ldm.encoders.cavp import CavpEncoder, cavp_config

__all__ = ["Cavp"]

Floats = npt.NDArray[np.float64]
_RATE = Fraction(4)  # frames a second, about as many as features of the sound
_SIZE = 224  # pixels


class Cavp:
    """Features of pictures and sounds, `(T, 512)`, about four a second.

    Raises:
        WeightsError: the weights are missing, damaged or hold no picture half.
    """

    def __init__(self, folder: Path) -> None:
        self._sound = load("cavp", folder)
        settings = EncoderSettings(kind="cavp", feature_dim=512, image_size=_SIZE, frame_rate=_RATE)
        self._picture = CavpEncoder(settings, cavp_config()).eval().requires_grad_(False)
        path = folder / "cavp.safetensors"
        tensors = {
            key: value for key, value in load_file(path).items() if key.startswith(CavpEncoder.published_prefixes)
        }
        try:
            self._picture.network.load_state_dict(tensors)
        except RuntimeError as error:
            raise WeightsError(f"{path} does not hold the picture half of cavp: {error}") from error

    def picture(self, path: Path, *, longest_s: float) -> Floats:
        """Features of a movie."""
        frames = tile_frames(path, rate=_RATE, width=_SIZE, height=_SIZE, longest_s=longest_s)
        with torch.no_grad():
            tensor = torch.from_numpy(frames).permute(0, 3, 1, 2).float()[None] / 255
            return self._plain(self._picture(tensor)[0])

    def sound(self, mel: Tensor) -> Floats:
        """Features of `cavp_mel`."""
        with torch.no_grad():
            return self._plain(self._sound(mel)[0])

    @staticmethod
    def _plain(features: Tensor) -> Floats:
        rows: Floats = features.double().numpy()
        return rows
