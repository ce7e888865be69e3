"""AudioLDM's spectrogram autoencoder on diffusers' AutoencoderKL: mel to latents and back. Knows no file."""

import torch
from diffusers import AutoencoderKL
from torch import Tensor

from otio_v2a_engine.vta_ldm.config import VtaLdmConfig

__all__ = ["build_vae", "decode_latents", "encode_mel"]


def build_vae(config: VtaLdmConfig) -> AutoencoderKL:
    """The autoencoder with random weights."""
    n_levels = len(config.vae.channels)
    return AutoencoderKL(
        in_channels=1,
        out_channels=1,
        down_block_types=("DownEncoderBlock2D",) * n_levels,
        up_block_types=("UpDecoderBlock2D",) * n_levels,
        block_out_channels=config.vae.channels,
        layers_per_block=config.vae.layers_per_block,
        latent_channels=config.vae.latent_channels,
        norm_num_groups=config.vae.groups,
        sample_size=config.mel_frames,
        scaling_factor=config.latent_scale,
    )


def encode_mel(
    vae: AutoencoderKL, mel: Tensor, *, latent_scale: float, generator: torch.Generator | None = None
) -> Tensor:
    """Mel `(B, 1, mel_frames, n_mels)` to latents `(B, C, frames, bins)` of about unit deviation.

    With a generator a draw of the posterior, as in training; without one its mean.
    """
    posterior = vae.encode(mel).latent_dist
    z: Tensor = posterior.mean if generator is None else posterior.sample(generator)
    return z * latent_scale


def decode_latents(vae: AutoencoderKL, latents: Tensor, *, latent_scale: float) -> Tensor:
    """The inverse of `encode_mel`: mel `(B, 1, mel_frames, n_mels)`."""
    mel: Tensor = vae.decode(latents / latent_scale).sample
    return mel
