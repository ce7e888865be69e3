"""The model that makes sound latents from noise, picture and text: a diffusion transformer for a rectified flow.

    motion maps -> PictureEncoder -> one vector a token --+
    events, where they are known -------------------------+
    noise, time, role, text, timbre, what to leave out ---+-> FlowModel -> velocity

One token is 40 ms. Nothing here knows of seconds, files or guidance (`sampling.py`).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from otio_v2a_engine.models.motion import MAPS
from otio_v2a_engine.models.timbre import TIMBRE

__all__ = ["EVENT_SLOTS", "SEEN", "TOLD", "Conditions", "FlowConfig", "FlowModel", "PictureEncoder", "event_traces"]

EVENT_SLOTS = 4
"""10 ms slots of a token in which an event can begin."""

TOLD, SEEN = 1.0, 0.5
"""What is known of events: these and no others sound; or these are seen, and some may not be asked for."""

_PASSED, _COMING = (2.0, 8.0, 32.0), (2.0, 8.0)  # tokens in which what is known of an event fades, after and before it

_DROPPED = 0.1  # of the encoder's numbers in training


@dataclass(frozen=True)
class FlowConfig:
    """Sizes.

    Attributes:
        latent: numbers a token.
        coarse: how many of them, the strongest, the network says wholly. Of the fine ones it says how they differ
            from noise of their level, which is what most of them are.
        width, heads, layers: of the transformer.
        picture: width of the picture encoder.
        text: width of a sentence embedding.
        roles: stems it can make.
        kinds: kinds of sound that the picture encoder tells apart.
    """

    latent: int = 224
    coarse: int = 64
    width: int = 256
    heads: int = 4
    layers: int = 8
    picture: int = 192
    text: int = 384
    roles: int = 3
    kinds: int = 40


@dataclass(frozen=True)
class Conditions:
    """What is asked for, for a batch.

    Attributes:
        picture: `(B, T, picture)` from PictureEncoder.
        text: `(B, 384)` sentence embeddings.
        role: `(B,)` index.
        see: `(B, T)` bool; False hides the picture of a token.
        read: `(B,)` bool; False drops the text.
        events: `(B, T, 5)`: whether an event begins in each 10 ms slot, and what is known of them: `TOLD`, `SEEN`,
            or 0 where the model finds them in the picture by itself (then no slot is set).
        negative: `(B, 384)` sentence embeddings of what must not be heard.
        avoid: `(B,)` bool; False drops it.
        timbre: `(B, 65)`, what the sound is like (`models.timbre`).
        known: `(B,)` bool; False leaves the timbre open.
    """

    picture: Tensor
    text: Tensor
    role: Tensor
    see: Tensor
    read: Tensor
    events: Tensor
    negative: Tensor
    avoid: Tensor
    timbre: Tensor
    known: Tensor


class _TemporalBlock(nn.Module):
    """ConvNeXt block over time, `(B, T, C)` to the same."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(width, width, 7, padding=3 * dilation, dilation=dilation, groups=width)
        self.norm = nn.LayerNorm(width)
        self.grow = nn.Linear(width, 2 * width)
        self.shrink = nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.depthwise(x.transpose(1, 2)).transpose(1, 2))
        out: Tensor = x + F.dropout(self.shrink(F.gelu(self.grow(y))), _DROPPED, self.training)
        return out


class PictureEncoder(nn.Module):
    """Motion maps to one vector a token, the onsets it sees, what kind of sound each would be, and what lasts.

    Args:
        width: of the vectors.
        kinds: how many kinds of sound it tells apart.
    """

    def __init__(self, *, width: int, kinds: int) -> None:
        super().__init__()
        self.cells = nn.Sequential(
            nn.Conv2d(MAPS, 32, 3, padding=1),
            nn.GELU(),
            nn.Conv2d(32, 48, 3, stride=2, padding=1),
            nn.GELU(),
            nn.Conv2d(48, 64, 3, stride=2, padding=1),
            nn.GELU(),
        )
        self.gather = nn.Linear(64 * 2 * 3, width)
        self.cut = nn.Parameter(torch.zeros(width))
        self.blocks = nn.ModuleList(_TemporalBlock(width, dilation) for dilation in (1, 2, 1, 4))
        self.norm = nn.LayerNorm(width)
        self.onsets = nn.Linear(width, EVENT_SLOTS)
        self.kinds = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, kinds))
        self.levels = nn.Linear(width, 2)  # how loud what lasts is, and speech

    def forward(self, maps: Tensor, cuts: Tensor) -> tuple[Tensor, Tensor]:
        """Look.

        Args:
            maps: `(B, T, 8, 7, 12)`.
            cuts: `(B, T)`, 1 at cuts.

        Returns:
            vectors `(B, T, width)`, and onset logits `(B, T, 4)`, one for each 10 ms.
        """
        batch, n_tokens = maps.shape[:2]
        x = self.cells(maps.flatten(0, 1)).flatten(1)
        x = F.dropout(self.gather(x), _DROPPED, self.training).view(batch, n_tokens, -1) + cuts[..., None] * self.cut
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        return x, self.onsets(x)


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary position embedding (arXiv 2104.09864) on `(B, H, T, D)`."""
    even, odd = x.chunk(2, dim=-1)
    return torch.cat([even * cos - odd * sin, even * sin + odd * cos], dim=-1)


class _Block(nn.Module):
    """Local convolution, attention and feed-forward, each modulated by the condition (adaLN-zero)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.modulation = nn.Linear(width, 6 * width)
        self.local = nn.Conv1d(width, width, 5, padding=2, groups=width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.grow = nn.Linear(width, 4 * width)
        self.shrink = nn.Linear(4 * width, width)

    def forward(self, x: Tensor, condition: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """`x` `(B, T, C)`, `condition` `(B, C)`."""
        width = x.shape[-1]
        modulation = self.modulation(condition).view(-1, 6, 1, width)
        shift_a, scale_a, gate_a, shift_f, scale_f, gate_f = modulation.unbind(1)
        x = x + self.local(x.transpose(1, 2)).transpose(1, 2)
        y = F.layer_norm(x, (width,)) * (1 + scale_a) + shift_a
        q, k, v = self.qkv(y).view(*y.shape[:2], 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        q, k = (_rotate(F.rms_norm(z, (z.shape[-1],)), cos, sin).to(v.dtype) for z in (q, k))
        # Written out: torch's own attention takes twice the time in training at these lengths.
        y = (torch.softmax(q * q.shape[-1] ** -0.5 @ k.transpose(2, 3), dim=-1) @ v).transpose(1, 2).flatten(2)
        x = x + gate_a * self.out(y)
        y = F.layer_norm(x, (width,)) * (1 + scale_f) + shift_f
        out: Tensor = x + gate_f * self.shrink(F.gelu(self.grow(y)))
        return out


def _of_noise(x: Tensor, t: Tensor) -> Tensor:
    """Velocity at `x` of a flow between two noises of unit variance: the best guess where nothing else is known."""
    t = t[:, None, None]
    noise: Tensor = (2 * t - 1) / (t**2 + (1 - t) ** 2) * x
    return noise


def event_traces(events: Tensor) -> Tensor:
    """How long ago the last event began, and how soon the next does: `(B, T, 5)` events to `(B, T, 5)` traces.

    A trace is as high as its event where that begins, and fades exponentially.
    """
    logs = events[..., :EVENT_SLOTS].amax(2).clamp_min(1e-4).log()
    at = torch.arange(logs.shape[1], device=logs.device)
    after = [(logs + at / fading).cummax(1).values - at / fading for fading in _PASSED]
    before = [(logs.flip(1) + at / fading).cummax(1).values - at / fading for fading in _COMING]
    return torch.stack([*after, *(trace.flip(1) for trace in before)], dim=2).exp()


class FlowModel(nn.Module):
    """Velocity of the flow from noise (t = 0) to sound (t = 1).

    Args:
        config: sizes.
    """

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.embed = nn.Linear(config.latent, width)
        self.picture = nn.Linear(config.picture, width)
        self.no_picture = nn.Parameter(torch.zeros(width))
        self.events = nn.Linear(EVENT_SLOTS + 1, width, bias=False)
        self.traces = nn.Linear(len(_PASSED) + len(_COMING), width, bias=False)
        self.time = nn.Sequential(nn.Linear(128, width), nn.SiLU(), nn.Linear(width, width))
        self.text = nn.Sequential(nn.Linear(config.text, width), nn.SiLU(), nn.Linear(width, width))
        self.no_text = nn.Parameter(torch.zeros(width))
        self.negative = nn.Sequential(nn.Linear(config.text, width), nn.SiLU(), nn.Linear(width, width))
        self.role = nn.Embedding(config.roles, width)
        self.timbre = nn.Sequential(nn.Linear(TIMBRE, width), nn.SiLU(), nn.Linear(width, width))
        self.body = nn.Linear(TIMBRE, width, bias=False)  # most of a timbre is a spectrum: to be copied, as it were
        self.blocks = nn.ModuleList(_Block(width, config.heads) for _ in range(config.layers))
        self.head = nn.Linear(width, config.latent)
        for layer in (*(block.modulation for block in self.blocks), self.negative[2], self.timbre[2], self.head):
            assert isinstance(layer, nn.Linear)
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        nn.init.zeros_(self.events.weight)
        nn.init.zeros_(self.body.weight)
        nn.init.zeros_(self.traces.weight)
        for first in (self.text[0], self.negative[0]):
            assert isinstance(first, nn.Linear)
            nn.init.normal_(first.weight, std=1.0)  # a sentence embedding has norm 1, so 0.05 a number

    def forward(self, x: Tensor, t: Tensor, conditions: Conditions) -> Tensor:
        """Velocity at `x`.

        Args:
            x: `(B, T, latent)`.
            t: `(B,)` in [0, 1].
            conditions: what is asked for.

        Returns:
            `(B, T, latent)`.
        """
        frequencies = torch.exp(torch.linspace(0, 6.9, 64, device=x.device))
        angles = t[:, None].float() * frequencies
        c = self.time(torch.cat([angles.cos(), angles.sin()], dim=1))
        c = c + torch.where(conditions.read[:, None], self.text(conditions.text), self.no_text)
        c = c + conditions.avoid[:, None] * self.negative(conditions.negative) + self.role(conditions.role)
        c = c + conditions.known[:, None] * self.timbre(conditions.timbre)
        condition = F.silu(c)
        seen = torch.where(conditions.see[..., None], self.picture(conditions.picture), self.no_picture)
        cos, sin = self._positions(x.shape[1], x.device)
        h = self.embed(x) + seen + self.events(conditions.events) + self.traces(event_traces(conditions.events))
        h = h + (conditions.known[:, None] * self.body(conditions.timbre))[:, None]
        for block in self.blocks:
            h = block(h, condition, cos, sin)
        velocity: Tensor = self.head(F.layer_norm(h, (self.config.width,)))
        coarse = self.config.coarse
        return torch.cat([velocity[..., :coarse], velocity[..., coarse:] + _of_noise(x[..., coarse:], t)], dim=2)

    def _positions(self, n_tokens: int, device: torch.device) -> tuple[Tensor, Tensor]:
        half = self.config.width // self.config.heads // 2
        rates = torch.exp(torch.linspace(0, -6.9, half, device=device))
        angles = torch.arange(n_tokens, device=device)[:, None] * rates
        return angles.cos(), angles.sin()
