"""The MiniLM sentence encoder's network, as published (arXiv 2002.10957): a BERT with six layers.

Written out because importing transformers takes seconds; a test holds it equal to transformers' own.
"""

from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["SentenceNetwork"]

_WIDTH, _HEADS, _LAYERS, _HIDDEN = 384, 12, 6, 1536
_VOCABULARY, _POSITIONS, _EPSILON = 30522, 512, 1e-12


class _Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value, self.attended = (nn.Linear(_WIDTH, _WIDTH) for _ in range(4))
        self.attended_norm = nn.LayerNorm(_WIDTH, eps=_EPSILON)
        self.grow, self.shrink = nn.Linear(_WIDTH, _HIDDEN), nn.Linear(_HIDDEN, _WIDTH)
        self.norm = nn.LayerNorm(_WIDTH, eps=_EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        projections = (self.query(x), self.key(x), self.value(x))
        q, k, v = (z.view(*x.shape[:2], _HEADS, -1).transpose(1, 2) for z in projections)
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x = self.attended_norm(x + self.attended(y))
        out: Tensor = self.norm(x + self.shrink(F.gelu(self.grow(x))))
        return out


class SentenceNetwork(nn.Module):
    """Token ids `(1, N)`, N at most 512, to one vector `(1, 384)` of norm 1."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(_VOCABULARY, _WIDTH)
        self.positions = nn.Embedding(_POSITIONS, _WIDTH)
        self.types = nn.Embedding(2, _WIDTH)
        self.norm = nn.LayerNorm(_WIDTH, eps=_EPSILON)
        self.layers = nn.ModuleList(_Layer() for _ in range(_LAYERS))

    def forward(self, ids: Tensor) -> Tensor:
        x = self.words(ids) + self.positions.weight[: ids.shape[1]] + self.types.weight[0]
        x = self.norm(x)
        for layer in self.layers:
            x = layer(x)
        return F.normalize(x.mean(1), dim=1)

    def load_published(self, tensors: dict[str, Tensor]) -> None:
        """Take the weights under the names of the published file; every parameter must be there."""
        mine = {"words": "word_embeddings", "positions": "position_embeddings", "types": "token_type_embeddings"}
        names = {f"{key}.weight": f"embeddings.{value}.weight" for key, value in mine.items()}
        names |= {f"norm.{part}": f"embeddings.LayerNorm.{part}" for part in ("weight", "bias")}
        inside = {
            "query": "attention.self.query",
            "key": "attention.self.key",
            "value": "attention.self.value",
            "attended": "attention.output.dense",
            "attended_norm": "attention.output.LayerNorm",
            "grow": "intermediate.dense",
            "shrink": "output.dense",
            "norm": "output.LayerNorm",
        }
        for layer in range(_LAYERS):
            for key, value in inside.items():
                for part in ("weight", "bias"):
                    names[f"layers.{layer}.{key}.{part}"] = f"encoder.layer.{layer}.{value}.{part}"
        self.load_state_dict({key: tensors[value] for key, value in names.items()})
