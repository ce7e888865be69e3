"""Owns the denoiser with its condition: projection, position, text, flow, and the UNet. Knows no file and no sampler.

What a trainer needs:

    config = VtaLdmConfig.tiny()
    model = VtaLdmModel(config)         # trained: projections and UNet; the visual encoder stays frozen
    features = encoder(frames)          # a base.VisualEncoder: (B, T, 3, H, W) in [0, 1] -> (B, T, D)
    condition = model.encode_condition(features, text=embeddings, drop_picture=drop)
    v = model(noisy, t, condition)      # v-prediction, (B, C, frames, bins)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from otio_v2a_engine.vta_ldm.config import UNetSettings, VtaLdmConfig

__all__ = ["Condition", "VtaLdmModel", "position_embedding", "unet_arguments"]


@dataclass(frozen=True)
class Condition:
    """What the UNet attends to.

    Attributes:
        hidden: `(B, S, embedding_dim)`; zeros where a part is left out.
        mask: bool `(B, S)`, False where a shorter item of a batch was padded.
    """

    hidden: Tensor
    mask: Tensor

    def repeated(self, n: int) -> "Condition":
        """Each item `n` times in a row: `(B n, S, D)`."""
        return Condition(self.hidden.repeat_interleave(n, 0), self.mask.repeat_interleave(n, 0))

    def null(self) -> "Condition":
        """The published negative: zeros, all of them seen."""
        return Condition(torch.zeros_like(self.hidden), torch.ones_like(self.mask))

    @staticmethod
    def joined(conditions: Sequence["Condition"]) -> "Condition":
        """Conditions of equal length as one batch, in order."""
        return Condition(torch.cat([c.hidden for c in conditions]), torch.cat([c.mask for c in conditions]))


def position_embedding(n: int, dim: int) -> Tensor:
    """Sinusoids `(n, dim)` of arXiv 1706.03762, sine and cosine interleaved.

    Raises:
        ValueError: `dim` is odd.
    """
    if dim % 2:
        raise ValueError(f"a sinusoidal position needs an even width, not {dim}")
    frequency = 10000.0 ** (-torch.arange(0, dim, 2, dtype=torch.float32) / dim)
    angle = torch.arange(n, dtype=torch.float32)[:, None] * frequency
    return torch.stack([angle.sin(), angle.cos()], dim=2).reshape(n, dim)


def unet_arguments(settings: UNetSettings, *, config: VtaLdmConfig) -> dict[str, Any]:
    """The arguments of diffusers' UNet2DConditionModel."""
    down = [f"{'CrossAttn' if cross else ''}DownBlock2D" for cross in settings.cross]
    up = [f"{'CrossAttn' if cross else ''}UpBlock2D" for cross in reversed(settings.cross)]
    return {
        "sample_size": (config.latent_frames, config.latent_bins),
        "in_channels": config.vae.latent_channels,
        "out_channels": config.vae.latent_channels,
        "down_block_types": tuple(down),
        "up_block_types": tuple(up),
        "block_out_channels": settings.channels,
        "attention_head_dim": list(settings.heads),
        "layers_per_block": settings.layers_per_block,
        "norm_num_groups": settings.groups,
        "cross_attention_dim": config.embedding_dim,
        "use_linear_projection": True,
        "upcast_attention": True,
    }


class VtaLdmModel(nn.Module):
    """Everything that is trained: `projection` (and those of text and flow) and `unet`."""

    def __init__(self, config: VtaLdmConfig) -> None:
        super().__init__()
        self.config = config
        self.unet = UNet2DConditionModel(**unet_arguments(config.unet, config=config))
        self.projection = nn.Linear(config.encoder.feature_dim, config.embedding_dim)
        own_text = config.text is not None and not config.text.shared
        self.text_projection = (
            nn.Linear(config.text.feature_dim, config.embedding_dim) if own_text and config.text else None
        )
        self.flow_projection = nn.Linear(config.flow.feature_dim, config.embedding_dim) if config.flow else None

    def encode_condition(
        self,
        features: Tensor,
        *,
        mask: Tensor | None = None,
        text: Tensor | None = None,
        flow: Tensor | None = None,
        drop_picture: Tensor | None = None,
        drop_text: Tensor | None = None,
    ) -> Condition:
        """Features to the sequence that the UNet attends to: `[text x T, picture x T, flow x T]`.

        A sentence is repeated as often as there are frames, as published, so that it weighs as much as they do.

        Args:
            features: of the frames, `(B, T, feature_dim)`.
            mask: bool `(B, T)`, False where a shorter clip was padded; None when all frames are real.
            text: sentence embeddings `(B, text.feature_dim)`; None leaves the text's tokens out.
            flow: optical flow `(B, T, flow.feature_dim)`; needed by a model with flow.
            drop_picture: bool `(B,)`: picture (and flow) are left out, for guidance and its training.
            drop_text: bool `(B,)`: text is left out.

        What is left out is not seen; an item of which nothing is left becomes the published null, zeros that are seen.

        Raises:
            ValueError: something is given that the model does not take, or missing that it does.
        """
        if text is not None and self.config.text is None:
            raise ValueError("this model takes no text")
        if (flow is None) != (self.flow_projection is None):
            raise ValueError("this model needs optical flow" if flow is None else "this model takes no optical flow")
        n_items, n_frames, width = features.shape
        if mask is None:
            mask = torch.ones(n_items, n_frames, dtype=torch.bool, device=features.device)
        if self.config.position:
            features = features + position_embedding(n_frames, width).to(features)
        picture_mask = mask if drop_picture is None else mask & ~drop_picture[:, None]
        parts = [(self.projection(features), picture_mask)]
        if flow is not None and self.flow_projection is not None:
            parts.append((self.flow_projection(flow), picture_mask))
        if text is not None:
            project = self.text_projection or self.projection
            read = project(text)[:, None].expand(-1, n_frames, -1)
            parts.insert(0, (read, mask if drop_text is None else mask & ~drop_text[:, None]))
        keep = torch.cat([kept for _, kept in parts], dim=1)
        hidden = torch.cat([tokens for tokens, _ in parts], dim=1) * keep[..., None].to(features)
        return Condition(hidden, keep | ~keep.any(1, keepdim=True))

    def forward(self, latents: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """v-prediction `(B, C, frames, bins)` for noisy latents at training steps `t`, `(B,)` or a scalar."""
        predicted: Tensor = self.unet(
            latents, t, encoder_hidden_states=condition.hidden, encoder_attention_mask=condition.mask, return_dict=False
        )[0]
        return predicted
