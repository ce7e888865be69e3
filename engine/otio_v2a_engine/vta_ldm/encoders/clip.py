"""CLIP frame by frame, as CLIP4CLIP does (arXiv 2104.08860): the published encoder of VTA-LDM. Knows no other."""

from typing import Any

from torch import Tensor

from otio_v2a_engine.vta_ldm.config import EncoderSettings
from otio_v2a_engine.vta_ldm.encoders.base import VisualEncoder

__all__ = ["ClipEncoder", "clip_config", "tiny_clip_config"]


def clip_config() -> dict[str, Any]:
    """Arguments of transformers' CLIPVisionConfig for ViT-L/14."""
    return {
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "patch_size": 14,
        "image_size": 224,
        "projection_dim": 768,
        "hidden_act": "quick_gelu",
    }


def tiny_clip_config() -> dict[str, Any]:
    """The same structure at the size of `VtaLdmConfig.tiny`."""
    return {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "patch_size": 8,
        "image_size": 32,
        "projection_dim": 24,
        "hidden_act": "quick_gelu",
    }


class ClipEncoder(VisualEncoder):
    """The projected class token of every frame, not normalised."""

    published_prefixes = ("vision_model.", "visual_projection.")

    def __init__(self, settings: EncoderSettings, config: dict[str, Any]) -> None:
        from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

        super().__init__(settings)
        self.network = CLIPVisionModelWithProjection(CLIPVisionConfig(**config))

    def encode(self, frames: Tensor) -> Tensor:
        """See `VisualEncoder`."""
        n_items, n_frames = frames.shape[:2]
        embeds: Tensor = self.network(frames.flatten(0, 1)).image_embeds
        return embeds.view(n_items, n_frames, -1)
