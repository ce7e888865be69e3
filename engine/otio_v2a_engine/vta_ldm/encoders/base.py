"""What every visual encoder is: frames in, features out. Knows no particular encoder and no sound."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from otio_v2a_engine.vta_ldm.config import EncoderSettings

__all__ = ["CLIP_DEVIATION", "CLIP_MEAN", "VisualEncoder"]

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_DEVIATION = (0.26862954, 0.26130258, 0.27577711)


class VisualEncoder(nn.Module, ABC):
    """Frames `(B, T, 3, H, W)` in [0, 1] to features `(B, T, D)`, one a frame. Frozen while a model is trained.

    Gradients flow to the frames, for saliency; callers who want none use `torch.no_grad`.

    Args:
        settings: size of the frames, of the features, and whether frames are normalised.
        mean: of the normalisation, per colour.
        deviation: of the normalisation, per colour.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        settings: EncoderSettings,
        *,
        mean: tuple[float, float, float] = CLIP_MEAN,
        deviation: tuple[float, float, float] = CLIP_DEVIATION,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(deviation).view(3, 1, 1), persistent=False)

    def forward(self, frames: Tensor) -> Tensor:
        """Features `(B, T, D)`.

        Raises:
            ValueError: the frames do not have the encoder's size.
        """
        size = self.settings.image_size
        if frames.ndim != 5 or frames.shape[2:] != (3, size, size):
            raise ValueError(f"the encoder takes frames (B, T, 3, {size}, {size}), not {tuple(frames.shape)}")
        if self.settings.normalise:
            frames = (frames - self.mean) / self.deviation
        return self.encode(frames)

    @abstractmethod
    def encode(self, frames: Tensor) -> Tensor:
        """Features of frames that have the right size and range."""
