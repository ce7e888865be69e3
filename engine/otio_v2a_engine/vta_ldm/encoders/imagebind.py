"""ImageBind's vision trunk (arXiv 2305.05665), frame by frame, under its published names. Knows no other encoder."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from otio_v2a_engine.vta_ldm.config import EncoderSettings
from otio_v2a_engine.vta_ldm.encoders.base import VisualEncoder

__all__ = ["ImageBindEncoder", "imagebind_config", "tiny_imagebind_config"]

_EPS = 1e-6
_REPEATS = 2
"""A still picture enters as a film of two equal frames."""


def imagebind_config() -> dict[str, Any]:
    """The shape of `imagebind_huge`."""
    return {"width": 1280, "layers": 32, "heads": 16, "patch": 14, "image_size": 224, "out": 1024}


def tiny_imagebind_config() -> dict[str, Any]:
    """The same structure at the size of tests."""
    return {"width": 32, "layers": 2, "heads": 4, "patch": 8, "image_size": 32, "out": 24}


class _Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm_1 = nn.LayerNorm(width, eps=_EPS)
        self.norm_2 = nn.LayerNorm(width, eps=_EPS)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, 4 * width), "fc2": nn.Linear(4 * width, width)})

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm_1(x)
        x = x + self.attn(h, h, h, need_weights=False)[0]
        seen: Tensor = x + self.mlp["fc2"](functional.gelu(self.mlp["fc1"](self.norm_2(x))))
        return seen


class _Places(nn.Module):
    def __init__(self, n: int, width: int) -> None:
        super().__init__()
        self.pos_embed = nn.Parameter(torch.randn(1, n, width) * width**-0.5)


class _Stem(nn.Module):
    def __init__(self, width: int, patch: int, n: int) -> None:
        super().__init__()
        kernel = (_REPEATS, patch, patch)
        self.cls_token = nn.Parameter(torch.randn(1, 1, width) * width**-0.5)
        convolution = nn.Conv3d(3, width, kernel, stride=kernel, bias=False)
        self.rgbt_stem = nn.ModuleDict({"proj": nn.ModuleList([nn.Identity(), convolution])})
        self.pos_embedding_helper = _Places(n, width)

    def forward(self, frames: Tensor) -> Tensor:
        films = frames[:, :, None].expand(-1, -1, _REPEATS, -1, -1)
        tokens = self.rgbt_stem.get_submodule("proj.1")(films).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.cls_token.expand(len(tokens), -1, -1), tokens], dim=1)
        return tokens + self.pos_embedding_helper.pos_embed


class _Trunk(nn.Module):
    def __init__(self, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.pre_transformer_layer = nn.Sequential(nn.LayerNorm(width, eps=_EPS))
        self.blocks = nn.Sequential(*(_Block(width, heads) for _ in range(layers)))

    def forward(self, tokens: Tensor) -> Tensor:
        seen: Tensor = self.blocks(self.pre_transformer_layer(tokens))
        return seen


class _Vision(nn.Module):
    def __init__(self, *, width: int, layers: int, heads: int, patch: int, image_size: int, out: int) -> None:
        super().__init__()
        stem = _Stem(width, patch, (image_size // patch) ** 2 + 1)
        head = nn.Sequential(nn.LayerNorm(width, eps=_EPS), nn.Identity(), nn.Linear(width, out, bias=False))
        self.modality_preprocessors = nn.ModuleDict({"vision": stem})
        self.modality_trunks = nn.ModuleDict({"vision": _Trunk(width, layers, heads)})
        self.modality_heads = nn.ModuleDict({"vision": head})

    def forward(self, frames: Tensor) -> Tensor:
        tokens = self.modality_trunks["vision"](self.modality_preprocessors["vision"](frames))
        return functional.normalize(self.modality_heads["vision"](tokens[:, 0]), dim=-1)


class ImageBindEncoder(VisualEncoder):
    """The embedding of every frame, of norm 1."""

    published_prefixes = ("modality_preprocessors.vision.", "modality_trunks.vision.", "modality_heads.vision.")

    def __init__(self, settings: EncoderSettings, config: dict[str, Any]) -> None:
        super().__init__(settings)
        self.network = _Vision(**config)

    def encode(self, frames: Tensor) -> Tensor:
        """See `VisualEncoder`."""
        embeds: Tensor = self.network(frames.flatten(0, 1))
        return embeds.view(*frames.shape[:2], -1)
