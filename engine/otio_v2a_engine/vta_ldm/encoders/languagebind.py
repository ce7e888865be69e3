"""LanguageBind's video tower (arXiv 2310.01852): CLIP with attention over time in every layer. Knows no other encoder.

Loads the layout of the fully tuned release (LanguageBind_Video_FT); the one with low-rank adapters is not read.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from otio_v2a_engine.vta_ldm.config import EncoderSettings
from otio_v2a_engine.vta_ldm.encoders.base import VisualEncoder, padded

__all__ = ["LanguageBindEncoder", "languagebind_config", "tiny_languagebind_config"]


def languagebind_config() -> dict[str, Any]:
    """The shape of LanguageBind_Video_FT (ViT-L/14, 8 frames)."""
    return {
        "width": 1024,
        "inner": 4096,
        "layers": 24,
        "heads": 16,
        "patch": 14,
        "image_size": 224,
        "n_frames": 8,
        "out": 768,
    }


def tiny_languagebind_config() -> dict[str, Any]:
    """The same structure at the size of tests."""
    return {
        "width": 32,
        "inner": 48,
        "layers": 2,
        "heads": 4,
        "patch": 8,
        "image_size": 32,
        "n_frames": 4,
        "out": 24,
    }


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.k_proj, self.v_proj, self.q_proj, self.out_proj = (nn.Linear(width, width) for _ in range(4))
        self._heads = heads

    def forward(self, x: Tensor) -> Tensor:
        n_items, n, width = x.shape
        q, k, v = (
            project(x).view(n_items, n, self._heads, -1).transpose(1, 2)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        mixed = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n_items, n, width)
        seen: Tensor = self.out_proj(mixed)
        return seen


class _Layer(nn.Module):
    def __init__(self, width: int, inner: int, heads: int, n_frames: int) -> None:
        super().__init__()
        self.temporal_embedding = nn.Parameter(torch.randn(1, n_frames, width) * width**-0.5)
        self.temporal_attn = _Attention(width, heads)
        self.temporal_layer_norm1 = nn.LayerNorm(width)
        self.self_attn = _Attention(width, heads)
        self.layer_norm1 = nn.LayerNorm(width)
        self.layer_norm2 = nn.LayerNorm(width)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, inner), "fc2": nn.Linear(inner, width)})

    def forward(self, x: Tensor) -> Tensor:
        """Tokens `(clips, frames, tokens, width)`."""
        n_clips, n_frames, n, width = x.shape
        x = x + self.temporal_embedding[:, :, None]
        over_time = self.temporal_layer_norm1(x).transpose(1, 2).reshape(n_clips * n, n_frames, width)
        x = x + self.temporal_attn(over_time).view(n_clips, n, n_frames, width).transpose(1, 2)
        x = x + self.self_attn(self.layer_norm1(x).flatten(0, 1)).view(x.shape)
        seen: Tensor = x + self.mlp["fc2"](functional.gelu(self.mlp["fc1"](self.layer_norm2(x))))
        return seen


class _Embeddings(nn.Module):
    def __init__(self, width: int, patch: int, image_size: int) -> None:
        super().__init__()
        self.class_embedding = nn.Parameter(torch.randn(width))
        self.patch_embedding = nn.Conv2d(3, width, patch, stride=patch, bias=False)
        self.position_embedding = nn.Embedding((image_size // patch) ** 2 + 1, width)

    def forward(self, frames: Tensor) -> Tensor:
        patches = self.patch_embedding(frames).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.class_embedding.expand(len(patches), 1, -1), patches], dim=1)
        return tokens + self.position_embedding.weight


class _Tower(nn.Module):
    def __init__(
        self, *, width: int, inner: int, layers: int, heads: int, patch: int, image_size: int, n_frames: int
    ) -> None:
        super().__init__()
        self.embeddings = _Embeddings(width, patch, image_size)
        self.pre_layrnorm = nn.LayerNorm(width)
        stack = nn.ModuleList(_Layer(width, inner, heads, n_frames) for _ in range(layers))
        self.encoder = nn.ModuleDict({"layers": stack})
        self.post_layernorm = nn.LayerNorm(width)

    def forward(self, clips: Tensor) -> Tensor:
        """Clips `(N, frames, 3, S, S)` to class tokens `(N, frames, width)`."""
        tokens = self.pre_layrnorm(self.embeddings(clips.flatten(0, 1)))
        tokens = tokens.view(*clips.shape[:2], *tokens.shape[1:])
        for layer in self.encoder.get_submodule("layers").children():
            tokens = layer(tokens)
        seen: Tensor = self.post_layernorm(tokens[:, :, 0])
        return seen


class _Vision(nn.Module):
    def __init__(self, *, out: int, **tower: int) -> None:
        super().__init__()
        self.vision_model = _Tower(**tower)
        self.visual_projection = nn.Linear(tower["width"], out, bias=False)

    def forward(self, clips: Tensor) -> Tensor:
        seen: Tensor = self.visual_projection(self.vision_model(clips))
        return seen


class LanguageBindEncoder(VisualEncoder):
    """The projected class token of every frame, frames attending to each other in clips of fixed length.

    The published embedding of a clip is the mean of these; a sequence is wanted here, so it is not taken.
    """

    published_prefixes = ("vision_model.", "visual_projection.")

    def __init__(self, settings: EncoderSettings, config: dict[str, Any]) -> None:
        super().__init__(settings)
        self.network = _Vision(**config)
        self._n_frames = int(config["n_frames"])

    def encode(self, frames: Tensor) -> Tensor:
        """See `VisualEncoder`."""
        n_items, n_shown = frames.shape[:2]
        clips = padded(frames, self._n_frames).reshape(-1, self._n_frames, *frames.shape[2:])
        embeds: Tensor = self.network(clips)
        return embeds.reshape(n_items, -1, embeds.shape[-1])[:, :n_shown]
