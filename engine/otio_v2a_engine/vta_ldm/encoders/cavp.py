"""CAVP's video encoder of Diff-Foley (arXiv 2306.17203): a SlowOnly residual network. Knows no other encoder.

Published names are those of its library's `ConvModule`: `conv1.conv.weight`, `conv1.bn.weight`, `layer1.0.conv1...`.
"""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from otio_v2a_engine.vta_ldm.config import EncoderSettings
from otio_v2a_engine.vta_ldm.encoders.base import VisualEncoder

__all__ = ["CavpEncoder", "cavp_config", "tiny_cavp_config"]

_EXPANSION = 4
_TEMPORAL = (False, False, True, True)
"""Stages whose first convolution reaches over three frames."""


def cavp_config() -> dict[str, Any]:
    """The published shape: SlowOnly-50."""
    return {"base": 64, "blocks": [3, 4, 6, 3], "out": 512}


def tiny_cavp_config() -> dict[str, Any]:
    """The same structure at the size of tests."""
    return {"base": 4, "blocks": [1, 2, 1, 1], "out": 24}


class _ConvModule(nn.Module):
    def __init__(self, n_in: int, n_out: int, kernel: tuple[int, int, int], stride: int = 1) -> None:
        super().__init__()
        reach = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
        self.conv = nn.Conv3d(n_in, n_out, kernel, stride=(1, stride, stride), padding=reach, bias=False)
        self.bn = nn.BatchNorm3d(n_out)

    def forward(self, x: Tensor) -> Tensor:
        seen: Tensor = self.bn(self.conv(x))
        return seen


class _Bottleneck(nn.Module):
    def __init__(self, n_in: int, planes: int, *, stride: int, is_temporal: bool, is_first: bool) -> None:
        super().__init__()
        self.conv1 = _ConvModule(n_in, planes, (3 if is_temporal else 1, 1, 1))
        self.conv2 = _ConvModule(planes, planes, (1, 3, 3), stride)
        self.conv3 = _ConvModule(planes, planes * _EXPANSION, (1, 1, 1))
        self.downsample = _ConvModule(n_in, planes * _EXPANSION, (1, 1, 1), stride) if is_first else None

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv3(functional.relu(self.conv2(functional.relu(self.conv1(x)))))
        return functional.relu(h + (x if self.downsample is None else self.downsample(x)))


class _SlowOnly(nn.Module):
    def __init__(self, base: int, blocks: list[int]) -> None:
        super().__init__()
        self.conv1 = _ConvModule(3, base, (1, 7, 7), 2)
        n_in = base
        for stage, n_blocks in enumerate(blocks):
            planes, layers = base * 2**stage, []
            for block in range(n_blocks):
                is_first = block == 0
                stride = 2 if is_first and stage > 0 else 1
                layers.append(_Bottleneck(n_in, planes, stride=stride, is_temporal=_TEMPORAL[stage], is_first=is_first))
                n_in = planes * _EXPANSION
            self.add_module(f"layer{stage + 1}", nn.Sequential(*layers))
        self._n_stages = len(blocks)

    def forward(self, films: Tensor) -> Tensor:
        """Films `(B, 3, T, H, W)` to `(B, C, T)`."""
        x = functional.relu(self.conv1(films))
        x = functional.max_pool3d(x, (1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))
        for stage in range(self._n_stages):
            x = self.get_submodule(f"layer{stage + 1}")(x)
        return x.mean((3, 4))


class _Video(nn.Module):
    def __init__(self, *, base: int, blocks: list[int], out: int) -> None:
        super().__init__()
        self.video_encoder = _SlowOnly(base, blocks)
        self.video_project_head = nn.Linear(base * 2 ** (len(blocks) - 1) * _EXPANSION, out)

    def forward(self, frames: Tensor) -> Tensor:
        seen: Tensor = self.video_project_head(self.video_encoder(frames.transpose(1, 2)).transpose(1, 2))
        return seen


class CavpEncoder(VisualEncoder):
    """The projected feature of every frame, before the pooling over sixteen that its training uses.

    Args:
        settings: as `VisualEncoder`; published at 4 frames a second, not normalised.
        config: shape; the published one when None.
    """

    published_prefixes = ("video_encoder.", "video_project_head.")

    def __init__(self, settings: EncoderSettings, config: dict[str, Any] | None = None) -> None:
        super().__init__(settings)
        self.network = _Video(**(config or cavp_config()))

    def encode(self, frames: Tensor) -> Tensor:
        """See `VisualEncoder`."""
        seen: Tensor = self.network(frames)
        return seen
