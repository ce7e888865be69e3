"""Every visual encoder against its published definition, computed here from the published names with plain formulas."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from otio_v2a_engine.contract import WeightsError
from otio_v2a_engine.vta_ldm.checkpoint import read_checkpoint
from otio_v2a_engine.vta_ldm.config import ENCODER_KINDS, EncoderSettings, VtaLdmConfig
from otio_v2a_engine.vta_ldm.encoders.base import VisualEncoder
from otio_v2a_engine.vta_ldm.encoders.build import build_encoder
from otio_v2a_engine.vta_ldm.encoders.cavp import cavp_config, tiny_cavp_config
from otio_v2a_engine.vta_ldm.encoders.clip import clip_config, tiny_clip_config
from otio_v2a_engine.vta_ldm.encoders.imagebind import imagebind_config, tiny_imagebind_config
from otio_v2a_engine.vta_ldm.encoders.languagebind import languagebind_config, tiny_languagebind_config
from otio_v2a_engine.vta_ldm.encoders.vivit import tiny_vivit_config, vivit_config
from otio_v2a_engine.vta_ldm.encoders.vjepa import tiny_vjepa_config, vjepa_config

TINY = {
    "clip": tiny_clip_config,
    "imagebind": tiny_imagebind_config,
    "languagebind": tiny_languagebind_config,
    "vjepa": tiny_vjepa_config,
    "vivit": tiny_vivit_config,
    "cavp": tiny_cavp_config,
}
SETTINGS = EncoderSettings(feature_dim=24, image_size=32)
Tensors = dict[str, Tensor]


def make(kind: str, *, normalise: bool = False) -> tuple[VisualEncoder, Tensors]:
    """An encoder with every tensor random, running statistics included, and its tensors by name."""
    encoder = build_encoder(replace(SETTINGS, kind=kind, normalise=normalise), TINY[kind]()).eval()
    generator = torch.Generator().manual_seed(7)
    for name, tensor in sorted(encoder.network.state_dict().items()):
        if tensor.is_floating_point():
            fan_in = tensor[0].numel() if tensor.ndim > 1 else 25
            noise = torch.randn(tensor.shape, generator=generator) / fan_in**0.5
            is_scale = tensor.ndim == 1 and name.endswith("weight")
            tensor.copy_(noise.abs() + 0.5 if name.endswith("running_var") else noise + 1 if is_scale else noise)
    return encoder.requires_grad_(False), dict(encoder.network.state_dict())


def frames_of(n: int = 6) -> Tensor:
    return torch.rand(2, n, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def relative(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


def norm(p: Tensors, name: str, x: Tensor, eps: float) -> Tensor:
    mean = x.mean(-1, keepdim=True)
    variance = ((x - mean) ** 2).mean(-1, keepdim=True)
    return (x - mean) / torch.sqrt(variance + eps) * p[f"{name}.weight"] + p[f"{name}.bias"]


def linear(p: Tensors, name: str, x: Tensor) -> Tensor:
    y = x @ p[f"{name}.weight"].T
    return y + p[f"{name}.bias"] if f"{name}.bias" in p else y


def attend(q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
    b, n, width = q.shape
    q, k, v = (x.reshape(b, n, heads, -1).transpose(1, 2) for x in (q, k, v))
    weights = (q @ k.transpose(-1, -2) * (width // heads) ** -0.5).softmax(-1)
    return (weights @ v).transpose(1, 2).reshape(b, n, width)


def gelu(x: Tensor) -> Tensor:
    return x * 0.5 * (1 + torch.erf(x / 2**0.5))


def imagebind(p: Tensors, frames: Tensor) -> Tensor:
    stem, trunk, head = (f"modality_{part}.vision" for part in ("preprocessors", "trunks", "heads"))
    pictures = frames.flatten(0, 1)
    # Two equal frames under a kernel of two frames: the kernel's two halves add up.
    kernel = p[f"{stem}.rgbt_stem.proj.1.weight"].sum(2)
    x = functional.conv2d(pictures, kernel, stride=8).flatten(2).transpose(1, 2)
    x = torch.cat([p[f"{stem}.cls_token"].expand(len(x), -1, -1), x], dim=1)
    x = norm(p, f"{trunk}.pre_transformer_layer.0", x + p[f"{stem}.pos_embedding_helper.pos_embed"], 1e-6)
    for i in range(2):
        block = f"{trunk}.blocks.{i}"
        h = norm(p, f"{block}.norm_1", x, 1e-6)
        q, k, v = (h @ p[f"{block}.attn.in_proj_weight"].T + p[f"{block}.attn.in_proj_bias"]).chunk(3, dim=-1)
        x = x + linear(p, f"{block}.attn.out_proj", attend(q, k, v, 4))
        h = gelu(linear(p, f"{block}.mlp.fc1", norm(p, f"{block}.norm_2", x, 1e-6)))
        x = x + linear(p, f"{block}.mlp.fc2", h)
    x = norm(p, f"{head}.0", x, 1e-6)[:, 0] @ p[f"{head}.2.weight"].T
    return (x / x.norm(dim=-1, keepdim=True)).view(*frames.shape[:2], -1)


def languagebind(p: Tensors, frames: Tensor) -> Tensor:
    """Clips of four frames; the last frame fills the last clip."""
    filled = torch.cat([frames, frames[:, -1:], frames[:, -1:]], dim=1)
    out = []
    for clip in filled.reshape(-1, 4, 3, 32, 32):
        patches = functional.conv2d(clip, p["vision_model.embeddings.patch_embedding.weight"], stride=8)
        x = patches.flatten(2).transpose(1, 2)
        x = torch.cat([p["vision_model.embeddings.class_embedding"].expand(4, 1, -1), x], dim=1)
        x = norm(p, "vision_model.pre_layrnorm", x + p["vision_model.embeddings.position_embedding.weight"], 1e-5)
        for i in range(2):
            layer = f"vision_model.encoder.layers.{i}"
            x = x + p[f"{layer}.temporal_embedding"].transpose(0, 1)
            h = norm(p, f"{layer}.temporal_layer_norm1", x, 1e-5).transpose(0, 1)
            q, k, v = (linear(p, f"{layer}.temporal_attn.{part}_proj", h) for part in "qkv")
            x = x + linear(p, f"{layer}.temporal_attn.out_proj", attend(q, k, v, 4)).transpose(0, 1)
            h = norm(p, f"{layer}.layer_norm1", x, 1e-5)
            q, k, v = (linear(p, f"{layer}.self_attn.{part}_proj", h) for part in "qkv")
            x = x + linear(p, f"{layer}.self_attn.out_proj", attend(q, k, v, 4))
            h = gelu(linear(p, f"{layer}.mlp.fc1", norm(p, f"{layer}.layer_norm2", x, 1e-5)))
            x = x + linear(p, f"{layer}.mlp.fc2", h)
        out.append(norm(p, "vision_model.post_layernorm", x[:, 0], 1e-5) @ p["visual_projection.weight"].T)
    return torch.cat(out).view(2, 8, -1)[:, :6]


def cavp(p: Tensors, frames: Tensor) -> Tensor:
    def conv(name: str, x: Tensor, stride: int = 1) -> Tensor:
        weight = p[f"video_encoder.{name}.conv.weight"]
        reach = tuple((side - 1) // 2 for side in weight.shape[2:])
        x = functional.conv3d(x, weight, stride=(1, stride, stride), padding=reach)
        mean, variance, scale, shift = (
            p[f"video_encoder.{name}.bn.{part}"].view(1, -1, 1, 1, 1)
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / torch.sqrt(variance + 1e-5) * scale + shift

    x = functional.max_pool3d(conv("conv1", frames.transpose(1, 2), 2).clamp_min(0), (1, 3, 3), (1, 2, 2), (0, 1, 1))
    for stage, n_blocks in enumerate((1, 2, 1, 1)):
        for block in range(n_blocks):
            name, stride = f"layer{stage + 1}.{block}", 2 if stage and not block else 1
            h = conv(f"{name}.conv2", conv(f"{name}.conv1", x).clamp_min(0), stride).clamp_min(0)
            shortcut = x if block else conv(f"{name}.downsample", x, stride)
            x = (conv(f"{name}.conv3", h) + shortcut).clamp_min(0)
    return linear(p, "video_project_head", x.mean((3, 4)).transpose(1, 2))


def vivit(p: Tensors, frames: Tensor) -> Tensor:
    """Six frames spread over eight places: 0 1 1 2 3 4 4 5, in tubes of two."""
    films = frames[:, [0, 1, 1, 2, 3, 4, 4, 5]].transpose(1, 2)
    kernel = p["embeddings.patch_embeddings.projection.weight"]
    x = functional.conv3d(films, kernel, p["embeddings.patch_embeddings.projection.bias"], stride=(2, 8, 8))
    x = x.flatten(2).transpose(1, 2)
    x = torch.cat([p["embeddings.cls_token"].expand(2, -1, -1), x], dim=1) + p["embeddings.position_embeddings"]
    for i in range(2):
        h = norm(p, f"layers.{i}.layernorm_before", x, 1e-6)
        q, k, v = (linear(p, f"layers.{i}.attention.{part}_proj", h) for part in "qkv")
        x = x + linear(p, f"layers.{i}.attention.o_proj", attend(q, k, v, 2))
        h = linear(p, f"layers.{i}.mlp.fc1", norm(p, f"layers.{i}.layernorm_after", x, 1e-6))
        h = h * 0.5 * (1 + torch.tanh(h * 0.7978845608 * (1 + 0.044715 * h * h)))
        x = x + linear(p, f"layers.{i}.mlp.fc2", h)
    tubes = norm(p, "layernorm", x, 1e-6)[:, 1:].view(2, 4, 16, -1).mean(2)
    # Our frames lie at 0, 1.4, 2.8, 4.2, 5.6 and 7 of the eight places.
    return tubes[:, [0, 0, 1, 2, 3, 3]]


def vjepa(p: Tensors, frames: Tensor) -> Tensor:
    kernel = p["encoder.embeddings.patch_embeddings.proj.weight"]
    bias = p["encoder.embeddings.patch_embeddings.proj.bias"]
    x = functional.conv3d(frames.transpose(1, 2), kernel, bias, stride=(2, 8, 8)).flatten(2).transpose(1, 2)
    ids = torch.arange(x.shape[1])
    places = (ids // 16, ids % 16 // 4, ids % 4)

    def turn(y: Tensor) -> Tensor:
        """Rotate a third of each head by time, row and column; (b, n, 24) with two heads of twelve."""
        b, n, _ = y.shape
        heads = y.view(b, n, 2, 12)
        parts = []
        for third, place in enumerate(places):
            part = heads[..., 4 * third : 4 * third + 4]
            angle = place[:, None] / 10000 ** (torch.arange(2) / 2)
            # Both halves of the part use the same two angles, while neighbours are paired: as published.
            cos, sin = (f(angle).repeat(1, 2)[None, :, None] for f in (torch.cos, torch.sin))
            a, c = part[..., 0::2], part[..., 1::2]
            parts.append(part * cos + torch.stack([-c, a], dim=-1).flatten(-2) * sin)
        return torch.cat(parts, dim=-1).reshape(b, n, 24)

    for i in range(2):
        layer = f"encoder.layer.{i}"
        h = norm(p, f"{layer}.norm1", x, 1e-6)
        q, k, v = (linear(p, f"{layer}.attention.{part}", h) for part in ("query", "key", "value"))
        x = x + linear(p, f"{layer}.attention.proj", attend(turn(q), turn(k), v, 2))
        h = gelu(linear(p, f"{layer}.mlp.fc1", norm(p, f"{layer}.norm2", x, 1e-6)))
        x = x + linear(p, f"{layer}.mlp.fc2", h)
    pairs = norm(p, "encoder.layernorm", x, 1e-6).view(2, 3, 16, -1).mean(2)
    return pairs[:, [0, 0, 1, 1, 2, 2]]


REFERENCES: dict[str, Callable[[Tensors, Tensor], Tensor]] = {
    "imagebind": imagebind,
    "languagebind": languagebind,
    "cavp": cavp,
    "vivit": vivit,
    "vjepa": vjepa,
}


@torch.no_grad()
@pytest.mark.parametrize("kind", REFERENCES)
def test_an_encoder_sees_as_published(kind: str) -> None:
    encoder, tensors = make(kind)
    expected = REFERENCES[kind](tensors, frames_of())
    found = encoder(frames_of())
    assert found.shape == (2, 6, 24)
    assert expected.std() > 0.01
    assert relative(found, expected) < 1e-5


@torch.no_grad()
@pytest.mark.parametrize("kind", ENCODER_KINDS)
def test_any_number_of_frames_gives_as_many_features(kind: str) -> None:
    encoder, _ = make(kind)
    for n in (1, 5, 21):
        features = encoder(frames_of(n))
        assert features.shape == (2, n, 24)
        assert torch.isfinite(features).all()
    with pytest.raises(ValueError, match="takes frames"):
        encoder(torch.zeros(1, 2, 3, 16, 16))


@torch.no_grad()
@pytest.mark.parametrize(
    ("kind", "mean", "deviation"),
    [
        ("clip", (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
        ("vjepa", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ("vivit", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    ],
)
def test_normalisation_is_the_encoders_own_and_off_unless_asked(
    kind: str, mean: tuple[float, ...], deviation: tuple[float, ...]
) -> None:
    plain, _ = make(kind)
    normal, _ = make(kind, normalise=True)
    by_hand = (frames_of() - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(deviation).view(3, 1, 1)
    torch.testing.assert_close(normal(frames_of()), plain.encode(by_hand))
    assert not torch.allclose(normal(frames_of()), plain(frames_of()), atol=1e-3)


@pytest.mark.parametrize("kind", ENCODER_KINDS)
def test_published_files_load_strictly_and_other_parts_are_passed_over(kind: str) -> None:
    encoder, tensors = make(kind)
    fresh = build_encoder(encoder.settings, TINY[kind]()).eval()
    others = (
        {} if encoder.published_prefixes == ("",) else {"logit_scale": torch.ones(1), "text_model.x": torch.ones(1)}
    )
    fresh.load_published({**tensors, **others})
    with torch.no_grad():
        assert torch.equal(fresh(frames_of()), encoder(frames_of()))
    name = max(tensors)
    with pytest.raises(WeightsError, match=kind):
        fresh.load_published({key: value for key, value in tensors.items() if key != name})
    with pytest.raises(WeightsError, match=kind):
        fresh.load_published({**tensors, f"{encoder.published_prefixes[0]}extra": torch.ones(1)})


@pytest.mark.parametrize(
    ("kind", "config", "feature_dim", "millions"),
    [
        ("clip", clip_config, 768, 304.0),
        ("imagebind", imagebind_config, 1024, 632.1),
        ("languagebind", languagebind_config, 768, 405.0),
        ("vjepa", vjepa_config, 1024, 303.9),
        ("vivit", vivit_config, 768, 88.6),
        ("cavp", cavp_config, 512, 32.7),
    ],
)
def test_published_sizes_are_the_published_ones(
    kind: str, config: Callable[[], dict[str, Any]], feature_dim: int, millions: float
) -> None:
    size = 256 if kind == "vjepa" else 224
    with torch.device("meta"):
        encoder = build_encoder(EncoderSettings(kind=kind, feature_dim=feature_dim, image_size=size), config())
    count = sum(parameter.numel() for parameter in encoder.network.parameters()) / 1e6
    assert count == pytest.approx(millions, rel=0.01)


@pytest.mark.parametrize("kind", ENCODER_KINDS)
def test_every_encoder_lives_in_a_weights_folder(
    kind: str, tmp_path: Path, quick_config: VtaLdmConfig, write_weights: Callable[..., Path]
) -> None:
    config = replace(quick_config, encoder=replace(quick_config.encoder, kind=kind), text=None)
    folder = write_weights(tmp_path / kind, config, encoder_config=TINY[kind]())
    made = read_checkpoint(folder)
    with torch.no_grad():
        condition = made.model.encode_condition(made.encoder(frames_of()))
    assert condition.hidden.shape == (2, 6, config.embedding_dim)


def test_a_shape_that_does_not_fit_is_refused() -> None:
    with pytest.raises(WeightsError, match="imagebind"):
        build_encoder(replace(SETTINGS, kind="imagebind"), {"width": 3})
    with pytest.raises(ValueError, match="one of clip"):
        EncoderSettings(kind="eyes")
