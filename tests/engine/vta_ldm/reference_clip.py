"""CLIP's two towers (arXiv 2103.00020) written out over plain dictionaries of tensors, under their published names."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

Shapes = dict[str, tuple[int, ...]]
Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Tower:
    """The numbers of a transformer and its projection."""

    width: int
    inner: int
    layers: int
    heads: int
    out: int
    patch: int = 0
    size: int = 0
    words: int = 0
    places: int = 0


def _both(name: str, *shape: int) -> Shapes:
    return {f"{name}.weight": shape, f"{name}.bias": (shape[0],)}


def _layers(name: str, tower: Tower) -> Shapes:
    every: Shapes = {}
    for i in range(tower.layers):
        layer = f"{name}.encoder.layers.{i}"
        for part in ("k_proj", "v_proj", "q_proj", "out_proj"):
            every |= _both(f"{layer}.self_attn.{part}", tower.width, tower.width)
        every |= _both(f"{layer}.layer_norm1", tower.width) | _both(f"{layer}.layer_norm2", tower.width)
        every |= _both(f"{layer}.mlp.fc1", tower.inner, tower.width) | _both(
            f"{layer}.mlp.fc2", tower.width, tower.inner
        )
    return every


def vision_shapes(tower: Tower) -> Shapes:
    """Every parameter of the picture tower."""
    every: Shapes = {
        "vision_model.embeddings.class_embedding": (tower.width,),
        "vision_model.embeddings.patch_embedding.weight": (tower.width, 3, tower.patch, tower.patch),
        "vision_model.embeddings.position_embedding.weight": ((tower.size // tower.patch) ** 2 + 1, tower.width),
        "visual_projection.weight": (tower.out, tower.width),
    }
    every |= _both("vision_model.pre_layrnorm", tower.width) | _both("vision_model.post_layernorm", tower.width)
    return every | _layers("vision_model", tower)


def text_shapes(tower: Tower) -> Shapes:
    """Every parameter of the text tower."""
    every: Shapes = {
        "text_model.embeddings.token_embedding.weight": (tower.words, tower.width),
        "text_model.embeddings.position_embedding.weight": (tower.places, tower.width),
        "text_projection.weight": (tower.out, tower.width),
    }
    return every | _both("text_model.final_layer_norm", tower.width) | _layers("text_model", tower)


def _norm(p: Tensors, name: str, x: Tensor) -> Tensor:
    mean = x.mean(-1, keepdim=True)
    variance = ((x - mean) ** 2).mean(-1, keepdim=True)
    return (x - mean) / torch.sqrt(variance + 1e-5) * p[f"{name}.weight"] + p[f"{name}.bias"]


def _run(p: Tensors, name: str, tower: Tower, x: Tensor, *, causal: bool) -> Tensor:
    b, n, width = x.shape
    future = torch.ones(n, n, dtype=torch.bool).triu(1)
    for i in range(tower.layers):
        layer = f"{name}.encoder.layers.{i}"

        def linear(part: str, y: Tensor, layer: str = layer) -> Tensor:
            return y @ p[f"{layer}.{part}.weight"].T + p[f"{layer}.{part}.bias"]

        h = _norm(p, f"{layer}.layer_norm1", x)
        q, k, v = (linear(f"self_attn.{part}_proj", h).view(b, n, tower.heads, -1).transpose(1, 2) for part in "qkv")
        scores = q @ k.transpose(-1, -2) * (width // tower.heads) ** -0.5
        if causal:
            scores = scores.masked_fill(future, -torch.inf)
        x = x + linear("self_attn.out_proj", (scores.softmax(-1) @ v).transpose(1, 2).reshape(b, n, width))
        h = linear("mlp.fc1", _norm(p, f"{layer}.layer_norm2", x))
        x = x + linear("mlp.fc2", h * torch.sigmoid(1.702 * h))
    return x


def vision(tower: Tower, p: Tensors, pictures: Tensor) -> Tensor:
    """Projected embeddings `(N, out)` of pictures `(N, 3, size, size)`."""
    patches = functional.conv2d(pictures, p["vision_model.embeddings.patch_embedding.weight"], stride=tower.patch)
    x = patches.flatten(2).transpose(1, 2)
    x = torch.cat([p["vision_model.embeddings.class_embedding"].expand(len(x), 1, -1), x], dim=1)
    x = _norm(p, "vision_model.pre_layrnorm", x + p["vision_model.embeddings.position_embedding.weight"])
    x = _run(p, "vision_model", tower, x, causal=False)
    return _norm(p, "vision_model.post_layernorm", x[:, 0]) @ p["visual_projection.weight"].T


def text(tower: Tower, p: Tensors, ids: Tensor) -> Tensor:
    """Projected embeddings `(N, out)` of word numbers; the end of a text is the largest number in it."""
    x = p["text_model.embeddings.token_embedding.weight"][ids]
    x = x + p["text_model.embeddings.position_embedding.weight"][: ids.shape[1]]
    x = _norm(p, "text_model.final_layer_norm", _run(p, "text_model", tower, x, causal=True))
    return x[torch.arange(len(ids)), ids.argmax(-1)] @ p["text_projection.weight"].T
