"""Every module, the sampler and the whole system against the published computation, written out in `reference_*.py`.

The expectation never comes from the engine: random files laid out as the released ones are converted, and what the
engine makes of them is compared with what the references compute from the same tensors.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from otio_v2a_engine.contract import Picture, PromptSpec, RenderRequest, Sampling
from otio_v2a_engine.pipelines.vta_ldm import VtaLdmEngine
from otio_v2a_engine.vta_ldm import samplers
from otio_v2a_engine.vta_ldm.checkpoint import Checkpoint, read_checkpoint
from otio_v2a_engine.vta_ldm.config import UNetSettings, VaeSettings, VtaLdmConfig
from otio_v2a_engine.vta_ldm.convert import convert
from otio_v2a_engine.vta_ldm.encoders.clip import tiny_clip_config
from otio_v2a_engine.vta_ldm.model import Condition, VtaLdmModel, position_embedding, unet_arguments
from otio_v2a_engine.vta_ldm.text import tiny_clip_text_config
from otio_v2a_engine.vta_ldm.vae import build_vae, decode_latents, encode_mel
from otio_v2a_engine.vta_ldm.vocoder import build_vocoder, to_waveform

WORDS = 600


@dataclass(frozen=True)
class World:
    """One random release, as the references and as the engine have it."""

    config: VtaLdmConfig
    release: Any
    forms: dict[str, Any]
    folder: Path
    made: Checkpoint
    unet: ModuleType
    audio: ModuleType
    clip: ModuleType


@pytest.fixture(scope="module")
def world(reference: Callable[[str], ModuleType], tmp_path_factory: pytest.TempPathFactory, vocabulary: Path) -> World:
    config = VtaLdmConfig.tiny(
        unet=UNetSettings(channels=(8, 16, 16, 24), heads=(2, 2, 4, 4), layers_per_block=2, groups=4),
        vae=VaeSettings(channels=(4, 8, 12), layers_per_block=2, latent_channels=4, groups=2),
    )
    unet, audio, clip, release = (reference(name) for name in ("unet", "audio", "clip", "release"))
    forms = release.forms(config, unet=unet, audio=audio, clip=clip, words=WORDS)
    drawn = release.make(
        unet=unet.shapes(forms["unet"]),
        vision=clip.vision_shapes(forms["vision"]),
        text=clip.text_shapes(forms["text"]),
        projection=(config.embedding_dim, config.encoder.feature_dim),
        vae=audio.vae_shapes(forms["vae"]),
        vocoder=audio.vocoder_shapes(forms["vocoder"]),
    )
    root = tmp_path_factory.mktemp("parity")
    source = release.write(root / "released", drawn)
    for name in ("vocab.json", "merges.txt"):
        (source / name).write_bytes((vocabulary / name).read_bytes())
    convert(
        source,
        root / "converted",
        config=config,
        encoder_config=tiny_clip_config(),
        text_config=tiny_clip_text_config(WORDS),
    )
    made = read_checkpoint(root / "converted")
    return World(made.config, drawn, forms, root / "converted", made, unet, audio, clip)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def relative(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


@torch.no_grad()
def test_the_autoencoder_decodes_as_published(world: World) -> None:
    latents = noise(2, *world.config.latent_shape)
    expected = world.audio.Vae(world.forms["vae"], world.release.vae).decode(latents / world.release.scale)
    found = decode_latents(world.made.vae, latents, latent_scale=world.config.latent_scale)
    assert expected.std() > 0.1
    assert relative(found, expected) < 1e-5


@torch.no_grad()
def test_the_autoencoder_encodes_as_published(world: World) -> None:
    mel = noise(2, 1, world.config.mel_frames, world.config.mel.n_mels) * 2 - 5
    mean, log_variance = world.audio.Vae(world.forms["vae"], world.release.vae).encode(mel)
    assert relative(encode_mel(world.made.vae, mel, latent_scale=0.87), mean * 0.87) < 1e-5
    drawn = encode_mel(world.made.vae, mel, latent_scale=1.0, generator=torch.Generator().manual_seed(3))
    expected = mean + torch.exp(0.5 * log_variance) * noise(*mean.shape, seed=3)
    assert relative(drawn, expected) < 1e-5


@torch.no_grad()
def test_the_vocoder_is_bit_exact(world: World) -> None:
    mel = noise(2, 1, world.config.mel_frames, world.config.mel.n_mels)
    expected = world.audio.vocoder(world.forms["vocoder"], world.release.vocoder, mel[:, 0].transpose(1, 2))
    found = to_waveform(world.made.vocoder, mel)
    assert expected.std() > 0.01
    assert torch.equal(found, expected)


@torch.no_grad()
def test_the_visual_encoder_sees_as_published(world: World) -> None:
    frames = torch.rand(2, 5, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    expected = world.clip.vision(world.forms["vision"], world.release.vision, frames.flatten(0, 1)).view(2, 5, -1)
    assert relative(world.made.encoder(frames), expected) < 1e-5


@torch.no_grad()
def test_the_text_encoder_reads_as_published(world: World) -> None:
    ids = torch.randint(0, WORDS - 2, (3, 9), generator=torch.Generator().manual_seed(1))
    ids[0, -1] = ids[1, 6] = ids[2, 8] = WORDS - 1
    expected = world.clip.text(world.forms["text"], world.release.text, ids)
    assert world.made.text is not None
    assert relative(world.made.text(ids), expected) < 1e-5


@torch.no_grad()
@pytest.mark.parametrize("t", [1, 37, 999])
def test_the_denoiser_predicts_as_published(world: World, t: int) -> None:
    latents = noise(2, *world.config.latent_shape)
    hidden = noise(2, 7, world.config.embedding_dim, seed=1)
    mask = torch.ones(2, 7, dtype=torch.bool)
    mask[1, 4:] = False
    expected = world.unet.UNet(world.forms["unet"], world.release.unet)(latents, t, hidden, mask)
    found = world.made.model(latents, torch.tensor(t), Condition(hidden, mask))
    assert expected.std() > 0.1
    assert relative(found, expected) < 1e-5


@torch.no_grad()
def test_pictures_and_text_are_projected_and_joined_as_published(world: World) -> None:
    features, text = noise(2, 6, 24), noise(2, 24, seed=1)
    weight, bias = world.release.projection["weight"], world.release.projection["bias"]
    joined = torch.cat([text[:, None].expand(-1, 6, -1), features], dim=1) @ weight.T + bias
    condition = world.made.model.encode_condition(features, text=text)
    assert relative(condition.hidden, joined) < 1e-6
    assert bool(condition.mask.all())
    mask = torch.tensor([[True] * 6, [True] * 4 + [False] * 2])
    padded = world.made.model.encode_condition(features, mask=mask)
    assert torch.equal(padded.mask, mask)
    assert not padded.hidden[1, 4:].any()


def test_positions_are_the_published_sinusoids() -> None:
    n, dim = 30, 24
    expected = np.zeros((n, dim), np.float32)
    for place in range(n):
        for i in range(dim // 2):
            angle = place / 10000 ** (2 * i / dim)
            expected[place, 2 * i], expected[place, 2 * i + 1] = np.sin(angle), np.cos(angle)
    np.testing.assert_allclose(position_embedding(n, dim).numpy(), expected, atol=2e-6)


@torch.no_grad()
@pytest.mark.parametrize(("n_steps", "spacing"), [(10, "leading"), (10, "trailing"), (40, "leading")])
def test_ancestral_sampling_is_the_published_one(world: World, n_steps: int, spacing: str) -> None:
    def velocity(x: Tensor, t: Any) -> Tensor:
        return torch.tanh(0.3 * x + float(t) / 1000)

    ours, theirs = torch.Generator().manual_seed(4), torch.Generator().manual_seed(4)
    start = torch.randn(1, 4, 8, 8, generator=theirs)
    expected = world.unet.ddpm(velocity, start, n_steps=n_steps, generator=theirs, spacing=spacing)
    scheduler = samplers.build_scheduler("ddpm", world.config.schedule, as_published=spacing == "leading")
    x = samplers.initial_noise((4, 8, 8), [ours], device=torch.device("cpu"))
    found = samplers.sample(velocity, x, scheduler=scheduler, n_steps=n_steps, generators=[ours])
    assert relative(found, expected) < 1e-5


def _shown(movie: Picture, numbers: list[int]) -> Tensor:
    """Frames of the flash movie as it was drawn, prepared by torch's own antialiased bicubic filter."""
    import av

    with av.open(movie.path) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    frames = []
    for number in numbers:
        image = Image.fromarray(pictures[number]).resize((56, 32), Image.Resampling.BICUBIC)
        frames.append(np.asarray(image)[:, 12:44].astype(np.float32) / 255)
    return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)


@torch.no_grad()
def test_ten_steps_from_picture_to_waveform_match_the_published_system(world: World, movie: Picture) -> None:
    """Frames at 2 fps, guidance 3 against zeros, ten ancestral steps, latents to mel to sound: at least 60 dB."""
    frames = _shown(movie, [0, 12, 25, 37, 50, 62, 75, 87])
    features = world.clip.vision(world.forms["vision"], world.release.vision, frames)
    projection = world.release.projection
    hidden = (features @ projection["weight"].T + projection["bias"])[None]
    both = torch.cat([torch.zeros_like(hidden), hidden])
    mask = torch.ones(2, 8, dtype=torch.bool)
    unet = world.unet.UNet(world.forms["unet"], world.release.unet)

    def velocity(x: Tensor, t: float) -> Tensor:
        without, seen = unet(torch.cat([x, x]), t, both, mask).chunk(2)
        return without + 3 * (seen - without)

    generator = torch.Generator().manual_seed(11)
    start = torch.randn(1, *world.config.latent_shape, generator=generator)
    latents = world.unet.ddpm(velocity, start, n_steps=10, generator=generator, spacing="leading")
    mel = world.audio.Vae(world.forms["vae"], world.release.vae).decode(latents / world.release.scale)
    expected = world.audio.vocoder(world.forms["vocoder"], world.release.vocoder, mel[:, 0].transpose(1, 2))[0].numpy()

    engine = VtaLdmEngine(folder=world.folder)
    request = RenderRequest(
        picture=movie,
        prompt=PromptSpec(),
        n_samples=64000,
        sample_rate=16000,
        channels=1,
        seed=11,
        sampling=Sampling(steps=10, options=("paper-compatible",)),
    )
    found = engine.render(request, on_progress=lambda _: None, cancelled=lambda: False).samples[0]
    expected = expected[:64000]
    signal_to_noise_db = 10 * np.log10(np.square(expected).sum() / np.square(found - expected).sum())
    assert np.std(expected) > 0.01
    assert signal_to_noise_db >= 60


def test_the_published_size_has_every_published_tensor(reference: Callable[[str], ModuleType]) -> None:
    unet, audio = reference("unet"), reference("audio")
    config = VtaLdmConfig.published()
    forms = reference("release").forms(config, unet=unet, audio=audio, clip=reference("clip"), words=WORDS)
    with torch.device("meta"):
        model = VtaLdmModel(config)
        vae, vocoder = build_vae(config), build_vocoder(config)
    found = {name: tuple(tensor.shape) for name, tensor in model.unet.state_dict().items()}
    expected = unet.shapes(forms["unet"])
    assert found == expected
    assert len(found) == 686
    assert round(sum(np.prod(shape) for shape in expected.values()) / 1e6, 1) == 578.1
    assert unet_arguments(config.unet, config=config)["down_block_types"][-1] == "DownBlock2D"
    assert model.projection.weight.shape == (2048, 768)

    def count(shapes: dict[str, tuple[int, ...]]) -> int:
        return int(sum(np.prod(shape) for shape in shapes.values()))

    assert sum(tensor.numel() for tensor in vae.parameters()) == count(audio.vae_shapes(forms["vae"]))
    assert sum(tensor.numel() for tensor in vocoder.parameters()) == count(audio.vocoder_shapes(forms["vocoder"]))
    assert config.latent_shape == (8, 256, 16)
    assert config.window_s == Fraction(1024, 100)


@torch.no_grad()
def test_the_published_vocoder_makes_32_samples_more_than_its_frames() -> None:
    config = VtaLdmConfig.tiny(
        vocoder=VtaLdmConfig().vocoder.__class__(channels=32, residual_kernels=(3,)), mel=VtaLdmConfig().mel
    )
    assert to_waveform(build_vocoder(config), torch.zeros(1, 1, 7, 64)).shape == (1, 7 * 160 + 32)
