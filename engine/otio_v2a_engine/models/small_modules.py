"""The parts of the engine `small` as diffusers modules: with a config, saved and loaded one by one.

Each holds the engine's own network or tables and adds nothing to them. Imports diffusers, which takes seconds, so the
engine never imports this.
"""

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor

from otio_v2a_engine.models.codec import PcaCodec
from otio_v2a_engine.models.flow import Conditions, FlowConfig, FlowModel, PictureEncoder
from otio_v2a_engine.models.timbre import PriorConfig, TimbrePrior, TimbreSpace
from otio_v2a_engine.models.vocoder import Vocoder

__all__ = [
    "SmallCodec",
    "SmallFlow",
    "SmallPictureEncoder",
    "SmallTimbrePrior",
    "SmallTimbreSpace",
    "SmallVocoder",
]


class SmallPictureEncoder(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """`PictureEncoder`: motion maps to vectors and onsets.

    Args:
        width: of the vectors.
        kinds: names of the kinds of sound that it tells apart.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(self, width: int, kinds: list[str]) -> None:
        super().__init__()
        self.network = PictureEncoder(width=width, kinds=len(kinds))

    def forward(self, maps: Tensor, cuts: Tensor) -> tuple[Tensor, Tensor]:
        """See `PictureEncoder.forward`."""
        seen: tuple[Tensor, Tensor] = self.network(maps, cuts)
        return seen


class SmallFlow(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """`FlowModel`: velocity of the flow from noise to sound. Arguments: those of `FlowConfig`."""

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        latent: int,
        coarse: int,
        width: int,
        heads: int,
        layers: int,
        picture: int,
        text: int,
        roles: int,
        kinds: int,
    ) -> None:
        super().__init__()
        self.network = FlowModel(
            FlowConfig(
                latent=latent,
                coarse=coarse,
                width=width,
                heads=heads,
                layers=layers,
                picture=picture,
                text=text,
                roles=roles,
                kinds=kinds,
            )
        )

    def forward(self, x: Tensor, t: Tensor, conditions: Conditions) -> Tensor:
        """See `FlowModel.forward`; `t` runs from 0 (noise) to 1."""
        velocity: Tensor = self.network(x, t, conditions)
        return velocity


class SmallTimbrePrior(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """`TimbrePrior`: velocity of the flow from noise to a timbre. Arguments: those of `PriorConfig`."""

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(self, width: int, layers: int, picture: int, text: int, roles: int) -> None:
        super().__init__()
        self.network = TimbrePrior(PriorConfig(width=width, layers=layers, picture=picture, text=text, roles=roles))

    def forward(self, z: Tensor, t: Tensor, **conditions: Tensor) -> Tensor:
        """See `TimbrePrior.forward`."""
        velocity: Tensor = self.network(z, t, **conditions)
        return velocity


class SmallVocoder(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """`Vocoder`: log-mel and noise to sound. Arguments: those of `Vocoder`."""

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(self, width: int, hidden: int, n_blocks: int) -> None:
        super().__init__()
        self.network = Vocoder(width=width, hidden=hidden, n_blocks=n_blocks)

    def forward(self, mel: Tensor, noise: Tensor) -> Tensor:
        """See `Vocoder.forward`."""
        sound: Tensor = self.network(mel, noise)
        return sound


class SmallCodec(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """`PcaCodec`: latents to log-mel and back, by tables that are buffers.

    Args:
        latent: numbers a token.
        patch: numbers of the log-mel that a token stands for.
    """

    mean: Tensor
    basis: Tensor
    scale: Tensor

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(self, latent: int, patch: int) -> None:
        super().__init__()
        for name, shape in {"mean": (patch,), "basis": (latent, patch), "scale": (latent,)}.items():
            self.register_buffer(name, torch.zeros(shape))

    @property
    def tables(self) -> PcaCodec:
        """What the engine computes with."""
        return PcaCodec(mean=self.mean, basis=self.basis, scale=self.scale)

    def encode(self, mel: Tensor) -> Tensor:
        """See `PcaCodec.encode`."""
        return self.tables.encode(mel)

    def decode(self, latents: Tensor) -> Tensor:
        """See `PcaCodec.decode`."""
        return self.tables.decode(latents)


class SmallTimbreSpace(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """`TimbreSpace`: what a sound is like, as numbers, by tables that are buffers.

    Args:
        components: numbers of a timbre but for the level.
        features: of the ear.
    """

    mean: Tensor
    scale: Tensor
    basis: Tensor
    spread: Tensor

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(self, components: int, features: int) -> None:
        super().__init__()
        shapes = {
            "mean": (features,),
            "scale": (features,),
            "basis": (components, features),
            "spread": (components,),
        }
        for name, shape in shapes.items():
            self.register_buffer(name, torch.zeros(shape))

    @property
    def tables(self) -> TimbreSpace:
        """What the engine computes with."""
        return TimbreSpace(mean=self.mean, scale=self.scale, basis=self.basis, spread=self.spread)
