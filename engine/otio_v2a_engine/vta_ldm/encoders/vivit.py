"""ViViT (arXiv 2103.15691) from transformers: a clip of fixed length at once. Knows no other encoder."""

from typing import Any

import torch
from torch import Tensor

from otio_v2a_engine.vta_ldm.config import EncoderSettings
from otio_v2a_engine.vta_ldm.encoders.base import VisualEncoder

__all__ = ["VivitEncoder", "tiny_vivit_config", "vivit_config"]

_HALF = (0.5, 0.5, 0.5)


def vivit_config() -> dict[str, Any]:
    """Arguments of transformers' VivitConfig for ViViT-B/16x2."""
    return {
        "image_size": 224,
        "num_frames": 32,
        "tubelet_size": [2, 16, 16],
        "hidden_size": 768,
        "num_attention_heads": 12,
        "num_hidden_layers": 12,
        "intermediate_size": 3072,
    }


def tiny_vivit_config() -> dict[str, Any]:
    """The same structure at the size of tests."""
    return {
        "image_size": 32,
        "num_frames": 8,
        "tubelet_size": [2, 8, 8],
        "hidden_size": 24,
        "num_attention_heads": 2,
        "num_hidden_layers": 2,
        "intermediate_size": 30,
    }


class VivitEncoder(VisualEncoder):
    """The mean over the patches of the tube that a frame falls into.

    It was made for one number of frames: ours are spread over them evenly, each by its nearest one.
    """

    def __init__(self, settings: EncoderSettings, config: dict[str, Any]) -> None:
        from transformers import VivitConfig, VivitModel

        super().__init__(settings, mean=_HALF, deviation=_HALF)
        self.network = VivitModel(VivitConfig(**config), add_pooling_layer=False)
        self._n_frames = int(config["num_frames"])
        self._tube = int(config["tubelet_size"][0])

    def encode(self, frames: Tensor) -> Tensor:
        """See `VisualEncoder`."""
        n_items, n_shown = frames.shape[:2]
        # Position k of the clip shows our frame nearest to it; our frame i is told by the tube around its place.
        places = torch.arange(self._n_frames, device=frames.device)
        shown = (places * (n_shown - 1) / max(1, self._n_frames - 1) + 0.5).floor().long()
        tokens: Tensor = self.network(frames[:, shown]).last_hidden_state[:, 1:]
        tubes = tokens.view(n_items, self._n_frames // self._tube, -1, tokens.shape[-1]).mean(2)
        own = torch.arange(n_shown, device=frames.device) * (self._n_frames - 1) / max(1, n_shown - 1)
        return tubes[:, ((own + 0.5).floor().long() // self._tube).clamp_max(tubes.shape[1] - 1)]
