"""The published denoiser written out over a plain dictionary of tensors: no layer library, nothing of the engine.

Definition: a conditional UNet after arXiv 2112.10752 with v-prediction; names of parameters are those of the published
files, which are also the ones in which its configuration is written (heads per level under "attention_head_dim").
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

Shapes = dict[str, tuple[int, ...]]
Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Form:
    """The numbers of a UNet."""

    channels: tuple[int, ...]
    heads: tuple[int, ...]
    cross: tuple[bool, ...]
    layers: int
    groups: int
    latent: int
    context: int


def _resnet(name: str, n_in: int, n_out: int, time: int) -> Shapes:
    shapes: Shapes = {
        f"{name}.norm1.weight": (n_in,),
        f"{name}.norm1.bias": (n_in,),
        f"{name}.conv1.weight": (n_out, n_in, 3, 3),
        f"{name}.conv1.bias": (n_out,),
        f"{name}.time_emb_proj.weight": (n_out, time),
        f"{name}.time_emb_proj.bias": (n_out,),
        f"{name}.norm2.weight": (n_out,),
        f"{name}.norm2.bias": (n_out,),
        f"{name}.conv2.weight": (n_out, n_out, 3, 3),
        f"{name}.conv2.bias": (n_out,),
    }
    if n_in != n_out:
        shapes |= {f"{name}.conv_shortcut.weight": (n_out, n_in, 1, 1), f"{name}.conv_shortcut.bias": (n_out,)}
    return shapes


def _transformer(name: str, n: int, context: int) -> Shapes:
    block = f"{name}.transformer_blocks.0"
    shapes: Shapes = {f"{name}.norm.weight": (n,), f"{name}.norm.bias": (n,)}
    for part in ("proj_in", "proj_out"):
        shapes |= {f"{name}.{part}.weight": (n, n), f"{name}.{part}.bias": (n,)}
    for number in (1, 2, 3):
        shapes |= {f"{block}.norm{number}.weight": (n,), f"{block}.norm{number}.bias": (n,)}
    for attention, source in (("attn1", n), ("attn2", context)):
        shapes |= {
            f"{block}.{attention}.to_q.weight": (n, n),
            f"{block}.{attention}.to_k.weight": (n, source),
            f"{block}.{attention}.to_v.weight": (n, source),
            f"{block}.{attention}.to_out.0.weight": (n, n),
            f"{block}.{attention}.to_out.0.bias": (n,),
        }
    return shapes | {
        f"{block}.ff.net.0.proj.weight": (8 * n, n),
        f"{block}.ff.net.0.proj.bias": (8 * n,),
        f"{block}.ff.net.2.weight": (n, 4 * n),
        f"{block}.ff.net.2.bias": (n,),
    }


def shapes(form: Form) -> Shapes:
    """Every parameter's name and shape."""
    first, last, time = form.channels[0], form.channels[-1], 4 * form.channels[0]
    every: Shapes = {
        "conv_in.weight": (first, form.latent, 3, 3),
        "conv_in.bias": (first,),
        "time_embedding.linear_1.weight": (time, first),
        "time_embedding.linear_1.bias": (time,),
        "time_embedding.linear_2.weight": (time, time),
        "time_embedding.linear_2.bias": (time,),
        "conv_norm_out.weight": (first,),
        "conv_norm_out.bias": (first,),
        "conv_out.weight": (form.latent, first, 3, 3),
        "conv_out.bias": (form.latent,),
    }
    n_levels = len(form.channels)
    skips = [first]
    n = first
    for level, wide in enumerate(form.channels):
        for layer in range(form.layers):
            every |= _resnet(f"down_blocks.{level}.resnets.{layer}", n, wide, time)
            if form.cross[level]:
                every |= _transformer(f"down_blocks.{level}.attentions.{layer}", wide, form.context)
            n = wide
            skips.append(n)
        if level < n_levels - 1:
            name = f"down_blocks.{level}.downsamplers.0.conv"
            every |= {f"{name}.weight": (n, n, 3, 3), f"{name}.bias": (n,)}
            skips.append(n)
    every |= _resnet("mid_block.resnets.0", last, last, time) | _resnet("mid_block.resnets.1", last, last, time)
    every |= _transformer("mid_block.attentions.0", last, form.context)
    for step, level in enumerate(reversed(range(n_levels))):
        wide = form.channels[level]
        for layer in range(form.layers + 1):
            every |= _resnet(f"up_blocks.{step}.resnets.{layer}", n + skips.pop(), wide, time)
            if form.cross[level]:
                every |= _transformer(f"up_blocks.{step}.attentions.{layer}", wide, form.context)
            n = wide
        if level:
            name = f"up_blocks.{step}.upsamplers.0.conv"
            every |= {f"{name}.weight": (n, n, 3, 3), f"{name}.bias": (n,)}
    return every


class UNet:
    """Computes the velocity from the parameters `p`."""

    def __init__(self, form: Form, p: Tensors) -> None:
        self.form, self.p = form, p

    def _norm(self, name: str, x: Tensor, eps: float) -> Tensor:
        b, c = x.shape[:2]
        grouped = x.reshape(b, self.form.groups, -1)
        mean = grouped.mean(-1, keepdim=True)
        variance = ((grouped - mean) ** 2).mean(-1, keepdim=True)
        normal = ((grouped - mean) / torch.sqrt(variance + eps)).reshape(x.shape)
        return normal * self.p[f"{name}.weight"].view(1, c, 1, 1) + self.p[f"{name}.bias"].view(1, c, 1, 1)

    def _layer_norm(self, name: str, x: Tensor) -> Tensor:
        mean = x.mean(-1, keepdim=True)
        variance = ((x - mean) ** 2).mean(-1, keepdim=True)
        return (x - mean) / torch.sqrt(variance + 1e-5) * self.p[f"{name}.weight"] + self.p[f"{name}.bias"]

    def _linear(self, name: str, x: Tensor) -> Tensor:
        y = x @ self.p[f"{name}.weight"].T
        return y + self.p[f"{name}.bias"] if f"{name}.bias" in self.p else y

    def _conv(self, name: str, x: Tensor, *, stride: int = 1, padding: int = 1) -> Tensor:
        return functional.conv2d(x, self.p[f"{name}.weight"], self.p[f"{name}.bias"], stride=stride, padding=padding)

    def _resnet(self, name: str, x: Tensor, time: Tensor) -> Tensor:
        h = self._conv(f"{name}.conv1", _swish(self._norm(f"{name}.norm1", x, 1e-5)))
        h = h + self._linear(f"{name}.time_emb_proj", _swish(time))[:, :, None, None]
        h = self._conv(f"{name}.conv2", _swish(self._norm(f"{name}.norm2", h, 1e-5)))
        if f"{name}.conv_shortcut.weight" in self.p:
            x = self._conv(f"{name}.conv_shortcut", x, padding=0)
        return x + h

    def _attend(self, name: str, x: Tensor, source: Tensor, heads: int, mask: Tensor | None) -> Tensor:
        b, n, c = x.shape
        q, k, v = (
            self._linear(f"{name}.to_{part}", y).view(b, -1, heads, c // heads).permute(0, 2, 1, 3)
            for part, y in (("q", x), ("k", source), ("v", source))
        )
        scores = q @ k.transpose(-1, -2) / math.sqrt(c // heads)
        if mask is not None:
            scores = scores.masked_fill(~mask[:, None, None, :], -torch.inf)
        return self._linear(f"{name}.to_out.0", (scores.softmax(-1) @ v).permute(0, 2, 1, 3).reshape(b, n, c))

    def _transformer(self, name: str, x: Tensor, context: Tensor, heads: int, mask: Tensor) -> Tensor:
        b, c, height, width = x.shape
        h = self._norm(f"{name}.norm", x, 1e-6).permute(0, 2, 3, 1).reshape(b, height * width, c)
        h = self._linear(f"{name}.proj_in", h)
        block = f"{name}.transformer_blocks.0"
        own = self._layer_norm(f"{block}.norm1", h)
        h = h + self._attend(f"{block}.attn1", own, own, heads, None)
        h = h + self._attend(f"{block}.attn2", self._layer_norm(f"{block}.norm2", h), context, heads, mask)
        value, gate = self._linear(f"{block}.ff.net.0.proj", self._layer_norm(f"{block}.norm3", h)).chunk(2, dim=-1)
        gate = gate * 0.5 * (1 + torch.erf(gate / math.sqrt(2)))
        h = h + self._linear(f"{block}.ff.net.2", value * gate)
        h = self._linear(f"{name}.proj_out", h)
        return x + h.view(b, height, width, c).permute(0, 3, 1, 2)

    def __call__(self, x: Tensor, t: float, context: Tensor, mask: Tensor) -> Tensor:
        """Velocity for latents at step `t`; `mask` is True for tokens that count."""
        form = self.form
        half = form.channels[0] // 2
        angle = t * torch.exp(-math.log(10000.0) * torch.arange(half, dtype=torch.float32) / half)
        time = torch.cat([angle.cos(), angle.sin()])[None].expand(len(x), -1)
        time = self._linear("time_embedding.linear_2", _swish(self._linear("time_embedding.linear_1", time)))
        h = self._conv("conv_in", x)
        kept = [h]
        n_levels = len(form.channels)
        for level in range(n_levels):
            for layer in range(form.layers):
                h = self._resnet(f"down_blocks.{level}.resnets.{layer}", h, time)
                if form.cross[level]:
                    h = self._transformer(
                        f"down_blocks.{level}.attentions.{layer}", h, context, form.heads[level], mask
                    )
                kept.append(h)
            if level < n_levels - 1:
                h = self._conv(f"down_blocks.{level}.downsamplers.0.conv", h, stride=2)
                kept.append(h)
        h = self._resnet("mid_block.resnets.0", h, time)
        h = self._transformer("mid_block.attentions.0", h, context, form.heads[-1], mask)
        h = self._resnet("mid_block.resnets.1", h, time)
        for step, level in enumerate(reversed(range(n_levels))):
            for layer in range(form.layers + 1):
                h = self._resnet(f"up_blocks.{step}.resnets.{layer}", torch.cat([h, kept.pop()], dim=1), time)
                if form.cross[level]:
                    h = self._transformer(f"up_blocks.{step}.attentions.{layer}", h, context, form.heads[level], mask)
            if level:
                h = h.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
                h = self._conv(f"up_blocks.{step}.upsamplers.0.conv", h)
        return self._conv("conv_out", _swish(self._norm("conv_norm_out", h, 1e-5)))


def _swish(x: Tensor) -> Tensor:
    return x / (1 + torch.exp(-x))


def ddpm(
    velocity: object, x: Tensor, *, n_steps: int, generator: torch.Generator, spacing: str, n_train: int = 1000
) -> Tensor:
    """Ancestral sampling (arXiv 2006.11239) of a v-prediction (arXiv 2202.00512), batch of one.

    Betas are the squares of equally spaced roots. "leading" steps are 1 + k * (n_train // n_steps), "trailing" ones
    end with n_train - 1.
    """
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, n_train, dtype=torch.float32) ** 2
    product = torch.cumprod(1 - betas, 0)
    stride = n_train // n_steps
    if spacing == "leading":
        times = [1 + k * stride for k in reversed(range(n_steps))]
    else:
        times = [round(n_train - k * n_train / n_steps) - 1 for k in range(n_steps)]
    for t in times:
        before = t - stride
        a, a_before = product[t], product[before] if before >= 0 else torch.tensor(1.0)
        step_alpha = a / a_before
        v = velocity(x, t)  # type: ignore[operator]
        clean = a.sqrt() * x - (1 - a).sqrt() * v
        mean = (a_before.sqrt() * (1 - step_alpha) * clean + step_alpha.sqrt() * (1 - a_before) * x) / (1 - a)
        spread = ((1 - a_before) / (1 - a) * (1 - step_alpha)).clamp_min(1e-20)
        x = mean + spread.sqrt() * torch.randn(x.shape, generator=generator) if t > 0 else mean
    return x
