"""What every visual encoder is: frames in, features out. Knows no particular encoder and no sound."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from otio_v2a_engine.contract import WeightsError
from otio_v2a_engine.vta_ldm.config import EncoderSettings

__all__ = ["CLIP_DEVIATION", "CLIP_MEAN", "IMAGENET_DEVIATION", "IMAGENET_MEAN", "VisualEncoder", "padded"]

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_DEVIATION = (0.26862954, 0.26130258, 0.27577711)
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


def padded(frames: Tensor, multiple: int) -> Tensor:
    """Frames `(B, T, ...)` with the last one repeated until T is a multiple of `multiple`."""
    lacking = -frames.shape[1] % multiple
    return torch.cat([frames, frames[:, -1:].expand(-1, lacking, *frames.shape[2:])], dim=1) if lacking else frames


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
    network: nn.Module
    published_prefixes: tuple[str, ...] = ("",)
    """What the names of this encoder's tensors begin with in its publisher's file; others belong to other parts."""

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

    def load_published(self, tensors: Mapping[str, Tensor]) -> None:
        """Load the publisher's tensors under the publisher's names; those of other parts are passed over.

        Raises:
            WeightsError: one of this encoder's own is missing, unknown or of the wrong shape.
        """
        own = {name: tensor for name, tensor in tensors.items() if name.startswith(self.published_prefixes)}
        own = {name: tensor for name, tensor in own.items() if not name.endswith(".position_ids")}
        try:
            self.network.load_state_dict(own, strict=True)
        except RuntimeError as error:
            raise WeightsError(f"these are not the published weights of {self.settings.kind}: {error}") from error

    @abstractmethod
    def encode(self, frames: Tensor) -> Tensor:
        """Features of frames that have the right size and range."""
