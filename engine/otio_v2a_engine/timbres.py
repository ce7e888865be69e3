"""Owns which timbre a render gets: one that goes on, or the best of several that the prior draws. Knows no file.

prompts, picture, role -> TimbrePrior -> 16 timbres -> the ear -> one
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from otio_v2a_engine import sampling
from otio_v2a_engine.ear import Ear
from otio_v2a_engine.models.mel import log_mel
from otio_v2a_engine.models.timbre import TIMBRE, TimbrePrior, TimbreSpace, describe

__all__ = ["Asked", "Timbres"]

_DRAWN = 16
_STEPS = 16


@dataclass(frozen=True)
class Asked:
    """What a timbre is drawn for.

    Attributes:
        text, negative: of the prompts; "" for none.
        embeddings: `(2, 384)` of the two.
        heeds: whether the negative prompt is for the prior to heed.
        picture: `(picture,)` vector of the window on the whole.
        role: index.
        judged: whether the ear knows the words.
    """

    text: str
    negative: str
    embeddings: Tensor
    heeds: bool
    picture: Tensor
    role: int
    judged: bool


class Timbres:
    """The prior, and the ear that chooses.

    Args:
        prior: ready to draw, on the device.
        space: on the CPU, where the ear is.
        ear: shared with the engine.
        device: of the prior.
    """

    def __init__(self, prior: TimbrePrior, space: TimbreSpace, *, ear: Ear, device: torch.device) -> None:
        self._prior = prior
        self._space = space
        self._ear = ear
        self._device = device

    def of(self, before: npt.NDArray[np.float32]) -> Tensor | None:
        """The timbre `(1, 65)` of mono sound `(n,)` that a window goes on from; None of silence."""
        said = describe(log_mel(before)) if len(before) else None
        return None if said is None else self._space.encode(torch.from_numpy(said))[None].to(self._device)

    def draw(self, asked: Asked, generator: torch.Generator) -> Tensor:
        """A timbre `(1, 65)`: of several the one that fits the prompt best, where the ear knows its words."""
        count = _DRAWN if asked.judged else 1
        z = torch.randn(count, TIMBRE, generator=generator).to(self._device)

        def every(value: bool) -> Tensor:
            return torch.full((count,), value, device=self._device)

        def velocity(z: Tensor, t: float) -> Tensor:
            drawn: Tensor = self._prior(
                z,
                torch.full((count,), t, device=self._device),
                text=asked.embeddings[:1].expand(count, -1),
                read=every(bool(asked.text)),
                negative=asked.embeddings[1:].expand(count, -1),
                avoid=every(asked.heeds),
                picture=asked.picture[None].expand(count, -1),
                see=every(True),
                role=torch.full((count,), asked.role, device=self._device),
            )
            return drawn

        z = sampling.sample_euler(velocity, z, sampling.schedule(_STEPS))
        if count == 1:
            return z
        best = int(self._ear.standings_of(self._space.decode(z.cpu()), asked.text).argmax())
        return z[best : best + 1]
