"""Classifier-free guidance over picture and text with a scale each (arXiv 2207.12598, 2211.09800). Knows no sampler.

With P the picture, T the prompt and N the negative prompt (nothing where none is given):

    v = v(-, N) + s_picture (v(P, N) - v(-, N)) + s_text (v(P, T) - v(P, N))

which is a weighted sum; branches of weight 0 are not computed. Equal scales need two branches, and without any text
it is the published form with zeros as the negative.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from otio_v2a_engine.vta_ldm.model import Condition, VtaLdmModel
from otio_v2a_engine.vta_ldm.samplers import Velocity

__all__ = ["Guidance", "Guided", "Seen", "guided", "guided_velocity"]


@dataclass(frozen=True)
class Guidance:
    """How far to go.

    Attributes:
        picture: scale; 1 is none, 0 leaves the picture out.
        text: scale of the prompt against the negative prompt.
        rescale: 0..1, how much of the growth in standard deviation to take back (arXiv 2305.08891).
    """

    picture: float = 3.0
    text: float = 3.0
    rescale: float = 0.0


@dataclass(frozen=True)
class Seen:
    """What one clip offers: features `(1, T, D)`, and where the model takes them flow, prompt and negative prompt.

    Attributes:
        text, negative: sentence embeddings `(1, F)`.
        flow: optical flow `(1, T, F)`.
    """

    features: Tensor
    text: Tensor | None = None
    negative: Tensor | None = None
    flow: Tensor | None = None

    def to(self, dtype: torch.dtype) -> "Seen":
        """The same in another precision."""
        text, negative, flow = (
            None if part is None else part.to(dtype) for part in (self.text, self.negative, self.flow)
        )
        return Seen(features=self.features.to(dtype), text=text, negative=negative, flow=flow)


@dataclass(frozen=True)
class Guided:
    """The branches that are computed, as one batch, with their weights; the last one is the fully conditional."""

    condition: Condition
    weights: tuple[float, ...]


def guided(model: VtaLdmModel, seen: Seen, guidance: Guidance) -> Guided:
    """The branches of a clip."""
    has_text = seen.text is not None or seen.negative is not None
    scale_text = guidance.text if has_text else guidance.picture
    branches = [
        (False, seen.negative, 1 - guidance.picture),
        (True, seen.negative, guidance.picture - scale_text),
        (True, seen.text, scale_text),
    ]
    kept = [branch for branch in branches if branch[2] != 0]
    n = len(kept)
    device = seen.features.device
    text = drop_text = None
    if has_text:
        stand_in = seen.text if seen.text is not None else seen.negative
        assert stand_in is not None
        text = torch.cat([stand_in if sentence is None else sentence for _, sentence, _ in kept])
        drop_text = torch.tensor([sentence is None for _, sentence, _ in kept], device=device)
    condition = model.encode_condition(
        seen.features.expand(n, -1, -1),
        text=text,
        flow=None if seen.flow is None else seen.flow.expand(n, -1, -1),
        drop_picture=torch.tensor([not picture for picture, _, _ in kept], device=device),
        drop_text=drop_text,
    )
    return Guided(condition, tuple(weight for _, _, weight in kept))


def guided_velocity(model: VtaLdmModel, branches: Guided, *, rescale: float = 0.0) -> Velocity:
    """The guided v-prediction of a batch of samples, all branches in one pass."""
    n = len(branches.weights)
    dtype = next(model.unet.parameters()).dtype

    def velocity(x: Tensor, t: Tensor) -> Tensor:
        # Branch by branch, as the conditions are repeated: (n B, ...).
        condition = branches.condition.repeated(len(x))
        condition = Condition(condition.hidden.to(dtype), condition.mask)
        parts = model(x.repeat(n, 1, 1, 1).to(dtype), t, condition).float().chunk(n)
        v = sum((weight * part for weight, part in zip(branches.weights, parts, strict=True)), torch.zeros_like(x))
        if rescale:
            dims = tuple(range(1, x.ndim))
            ratio = parts[-1].std(dim=dims, keepdim=True) / v.std(dim=dims, keepdim=True).clamp_min(1e-6)
            v = v * (1 + rescale * (ratio - 1))
        return v

    return velocity
