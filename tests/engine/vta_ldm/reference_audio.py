"""The published autoencoder and vocoder written out over plain dictionaries of tensors, under their published names.

Definitions: the autoencoder of arXiv 2112.10752 on spectrograms (arXiv 2301.12503), and HiFi-GAN's generator with
weight normalisation folded in (arXiv 2010.05646). Nothing of the engine is used.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

Shapes = dict[str, tuple[int, ...]]
Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class VaeForm:
    """The numbers of an autoencoder."""

    channels: tuple[int, ...]
    layers: int
    latent: int
    groups: int


def _both(name: str, *shape: int) -> Shapes:
    return {f"{name}.weight": shape, f"{name}.bias": (shape[0],)}


def _resnet(name: str, n_in: int, n_out: int) -> Shapes:
    shapes = _both(f"{name}.norm1", n_in) | _both(f"{name}.conv1", n_out, n_in, 3, 3)
    shapes |= _both(f"{name}.norm2", n_out) | _both(f"{name}.conv2", n_out, n_out, 3, 3)
    return shapes | (_both(f"{name}.nin_shortcut", n_out, n_in, 1, 1) if n_in != n_out else {})


def _middle(name: str, n: int) -> Shapes:
    shapes = _resnet(f"{name}.block_1", n, n) | _resnet(f"{name}.block_2", n, n) | _both(f"{name}.attn_1.norm", n)
    for part in ("q", "k", "v", "proj_out"):
        shapes |= _both(f"{name}.attn_1.{part}", n, n, 1, 1)
    return shapes


def vae_shapes(form: VaeForm) -> Shapes:
    """Every parameter's name and shape."""
    first, last, z = form.channels[0], form.channels[-1], form.latent
    every = _both("encoder.conv_in", first, 1, 3, 3) | _both("decoder.conv_in", last, z, 3, 3)
    n = first
    for level, wide in enumerate(form.channels):
        for layer in range(form.layers):
            every |= _resnet(f"encoder.down.{level}.block.{layer}", n, wide)
            n = wide
        if level < len(form.channels) - 1:
            every |= _both(f"encoder.down.{level}.downsample.conv", n, n, 3, 3)
    for level in reversed(range(len(form.channels))):
        wide = form.channels[level]
        for layer in range(form.layers + 1):
            every |= _resnet(f"decoder.up.{level}.block.{layer}", n, wide)
            n = wide
        if level:
            every |= _both(f"decoder.up.{level}.upsample.conv", n, n, 3, 3)
    every |= _middle("encoder.mid", last) | _middle("decoder.mid", last)
    every |= _both("encoder.norm_out", last) | _both("encoder.conv_out", 2 * z, last, 3, 3)
    every |= _both("decoder.norm_out", first) | _both("decoder.conv_out", 1, first, 3, 3)
    return every | _both("quant_conv", 2 * z, 2 * z, 1, 1) | _both("post_quant_conv", z, z, 1, 1)


class Vae:
    """Encodes and decodes with the parameters `p`."""

    def __init__(self, form: VaeForm, p: Tensors) -> None:
        self.form, self.p = form, p

    def _conv(self, name: str, x: Tensor, *, stride: int = 1, padding: int = 1) -> Tensor:
        return functional.conv2d(x, self.p[f"{name}.weight"], self.p[f"{name}.bias"], stride=stride, padding=padding)

    def _norm(self, name: str, x: Tensor) -> Tensor:
        b, c = x.shape[:2]
        grouped = x.reshape(b, self.form.groups, -1)
        mean = grouped.mean(-1, keepdim=True)
        variance = ((grouped - mean) ** 2).mean(-1, keepdim=True)
        normal = ((grouped - mean) / torch.sqrt(variance + 1e-6)).reshape(x.shape)
        return normal * self.p[f"{name}.weight"].view(1, c, 1, 1) + self.p[f"{name}.bias"].view(1, c, 1, 1)

    def _resnet(self, name: str, x: Tensor) -> Tensor:
        h = self._conv(f"{name}.conv1", _swish(self._norm(f"{name}.norm1", x)))
        h = self._conv(f"{name}.conv2", _swish(self._norm(f"{name}.norm2", h)))
        return h + (self._conv(f"{name}.nin_shortcut", x, padding=0) if f"{name}.nin_shortcut.weight" in self.p else x)

    def _middle(self, name: str, x: Tensor) -> Tensor:
        x = self._resnet(f"{name}.block_1", x)
        b, c, height, width = x.shape
        h = self._norm(f"{name}.attn_1.norm", x)
        q, k, v = (self._conv(f"{name}.attn_1.{part}", h, padding=0).reshape(b, c, -1) for part in "qkv")
        weights = torch.softmax(torch.einsum("bcq,bck->bqk", q, k) / c**0.5, dim=-1)
        h = torch.einsum("bck,bqk->bcq", v, weights).reshape(b, c, height, width)
        x = x + self._conv(f"{name}.attn_1.proj_out", h, padding=0)
        return self._resnet(f"{name}.block_2", x)

    def encode(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the variance of the posterior."""
        h = self._conv("encoder.conv_in", mel)
        for level in range(len(self.form.channels)):
            for layer in range(self.form.layers):
                h = self._resnet(f"encoder.down.{level}.block.{layer}", h)
            if level < len(self.form.channels) - 1:
                h = functional.pad(h, (0, 1, 0, 1))
                h = self._conv(f"encoder.down.{level}.downsample.conv", h, stride=2, padding=0)
        h = self._middle("encoder.mid", h)
        h = self._conv("encoder.conv_out", _swish(self._norm("encoder.norm_out", h)))
        mean, log_variance = self._conv("quant_conv", h, padding=0).chunk(2, dim=1)
        return mean, log_variance.clamp(-30, 20)

    def decode(self, z: Tensor) -> Tensor:
        """The mel spectrogram of latents that were divided by their scale."""
        h = self._conv("decoder.conv_in", self._conv("post_quant_conv", z, padding=0))
        h = self._middle("decoder.mid", h)
        for level in reversed(range(len(self.form.channels))):
            for layer in range(self.form.layers + 1):
                h = self._resnet(f"decoder.up.{level}.block.{layer}", h)
            if level:
                h = h.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
                h = self._conv(f"decoder.up.{level}.upsample.conv", h)
        return self._conv("decoder.conv_out", _swish(self._norm("decoder.norm_out", h)))


def _swish(x: Tensor) -> Tensor:
    return x * torch.sigmoid(x)


@dataclass(frozen=True)
class VocoderForm:
    """The numbers of a vocoder."""

    n_mels: int
    channels: int
    rates: tuple[int, ...]
    kernels: tuple[int, ...]
    residual_kernels: tuple[int, ...]
    dilations: tuple[int, ...]


def vocoder_shapes(form: VocoderForm) -> Shapes:
    """Every parameter's name and shape."""
    every = _both("conv_pre", form.channels, form.n_mels, 7)
    n = form.channels
    for i, kernel in enumerate(form.kernels):
        every |= {f"ups.{i}.weight": (n, n // 2, kernel), f"ups.{i}.bias": (n // 2,)}
        n //= 2
        for j, width in enumerate(form.residual_kernels):
            name = f"resblocks.{i * len(form.residual_kernels) + j}"
            for k in range(len(form.dilations)):
                every |= _both(f"{name}.convs1.{k}", n, n, width) | _both(f"{name}.convs2.{k}", n, n, width)
    return every | _both("conv_post", 1, n, 7)


def vocoder(form: VocoderForm, p: Tensors, mel: Tensor) -> Tensor:
    """Sound `(B, samples)` of a mel `(B, n_mels, frames)`."""

    def conv(name: str, x: Tensor, *, dilation: int = 1) -> Tensor:
        weight = p[f"{name}.weight"]
        reach = (weight.shape[-1] - 1) * dilation // 2
        return functional.conv1d(x, weight, p[f"{name}.bias"], padding=reach, dilation=dilation)

    x = conv("conv_pre", mel)
    for i, (rate, kernel) in enumerate(zip(form.rates, form.kernels, strict=True)):
        x = functional.leaky_relu(x, 0.1)
        x = functional.conv_transpose1d(
            x, p[f"ups.{i}.weight"], p[f"ups.{i}.bias"], stride=rate, padding=(kernel - rate) // 2
        )
        total = None
        for j in range(len(form.residual_kernels)):
            name, y = f"resblocks.{i * len(form.residual_kernels) + j}", x
            for k, dilation in enumerate(form.dilations):
                h = conv(f"{name}.convs1.{k}", functional.leaky_relu(y, 0.1), dilation=dilation)
                y = conv(f"{name}.convs2.{k}", functional.leaky_relu(h, 0.1)) + y
            total = y if total is None else total + y
        assert total is not None
        x = total / len(form.residual_kernels)
    return torch.tanh(conv("conv_post", functional.leaky_relu(x, 0.01)))[:, 0]
