"""V-JEPA 2's encoder (arXiv 2506.09985) from transformers: patches of two frames at once. Knows no other encoder."""

from typing import Any

from torch import Tensor

from otio_v2a_engine.vta_ldm.config import EncoderSettings
from otio_v2a_engine.vta_ldm.encoders.base import IMAGENET_DEVIATION, IMAGENET_MEAN, VisualEncoder, padded

__all__ = ["VjepaEncoder", "tiny_vjepa_config", "vjepa_config"]


def vjepa_config() -> dict[str, Any]:
    """Arguments of transformers' VJEPA2Config for ViT-L at 256 pixels."""
    return {
        "patch_size": 16,
        "crop_size": 256,
        "frames_per_clip": 64,
        "tubelet_size": 2,
        "hidden_size": 1024,
        "num_attention_heads": 16,
        "num_hidden_layers": 24,
        "mlp_ratio": 4.0,
    }


def tiny_vjepa_config() -> dict[str, Any]:
    """The same structure at the size of tests."""
    return {
        "patch_size": 8,
        "crop_size": 32,
        "frames_per_clip": 8,
        "tubelet_size": 2,
        "hidden_size": 24,
        "num_attention_heads": 2,
        "num_hidden_layers": 2,
        "mlp_ratio": 2.0,
    }


class VjepaEncoder(VisualEncoder):
    """The mean over the patches of each pair of frames, given to both frames of the pair."""

    published_prefixes = ("encoder.",)

    def __init__(self, settings: EncoderSettings, config: dict[str, Any]) -> None:
        from transformers import VJEPA2Config, VJEPA2Model

        super().__init__(settings, mean=IMAGENET_MEAN, deviation=IMAGENET_DEVIATION)
        # The predictor is used in pretraining alone; the smallest one is made, and thrown away.
        smallest = {"pred_hidden_size": 12, "pred_num_attention_heads": 1, "pred_num_hidden_layers": 1}
        whole = VJEPA2Model(VJEPA2Config(**config, **smallest))
        del whole.predictor
        self.network = whole
        self._tubelet = int(config["tubelet_size"])

    def encode(self, frames: Tensor) -> Tensor:
        """See `VisualEncoder`."""
        n_items, n_frames = frames.shape[:2]
        videos = padded(frames, self._tubelet)
        tokens: Tensor = self.network.get_submodule("encoder")(pixel_values_videos=videos).last_hidden_state
        pairs = tokens.view(n_items, videos.shape[1] // self._tubelet, -1, tokens.shape[-1]).mean(2)
        return pairs.repeat_interleave(self._tubelet, dim=1)[:, :n_frames]
