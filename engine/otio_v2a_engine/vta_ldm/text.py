"""Prompts to sentence embeddings with CLIP's text tower, from local files. Knows no picture and no denoiser."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from otio_v2a_engine.contract import WeightsError

__all__ = ["ClipText", "clip_text_config", "has_tokenizer", "tiny_clip_text_config"]

_LONGEST = 77


def clip_text_config() -> dict[str, Any]:
    """Arguments of transformers' CLIPTextConfig for the text tower of ViT-L/14."""
    return {
        "hidden_size": 768,
        "intermediate_size": 3072,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "max_position_embeddings": _LONGEST,
        "vocab_size": 49408,
        "projection_dim": 768,
        "hidden_act": "quick_gelu",
    }


def tiny_clip_text_config(vocab_size: int = 600) -> dict[str, Any]:
    """The same structure at the size of `VtaLdmConfig.tiny`; the end of text is the last word, as in CLIP's own."""
    return {
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 32,
        "vocab_size": vocab_size,
        "projection_dim": 24,
        "hidden_act": "quick_gelu",
        "bos_token_id": vocab_size - 2,
        "eos_token_id": vocab_size - 1,
        "pad_token_id": vocab_size - 1,
    }


def has_tokenizer(folder: Path) -> bool:
    """Whether a folder holds CLIP's vocabulary in one of its two forms."""
    return (folder / "tokenizer.json").is_file() or all(
        (folder / name).is_file() for name in ("vocab.json", "merges.txt")
    )


class ClipText(nn.Module):
    """Sentences to projected embeddings `(N, feature_dim)`. Each sentence is computed once."""

    def __init__(self, config: dict[str, Any]) -> None:
        from transformers import CLIPTextConfig, CLIPTextModelWithProjection

        super().__init__()
        self.network = CLIPTextModelWithProjection(CLIPTextConfig(**config))
        self._longest = int(config["max_position_embeddings"])
        self._tokenizer: Any = None
        self._known: dict[str, Tensor] = {}

    def read_tokenizer(self, folder: Path) -> None:
        """Read CLIP's vocabulary from a local folder.

        Raises:
            WeightsError: it is not there or damaged.
        """
        from transformers import CLIPTokenizer

        if not has_tokenizer(folder):
            raise WeightsError(
                f"{folder} holds no tokenizer.json, nor vocab.json with merges.txt: the vocabulary of CLIP (MIT) comes "
                "with OpenAI's release clip-vit-large-patch14; without it prompts cannot be read"
            )
        try:
            self._tokenizer = CLIPTokenizer.from_pretrained(str(folder), local_files_only=True)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise WeightsError(f"the vocabulary in {folder} cannot be read: {error}") from error

    @property
    def reads(self) -> bool:
        """Whether there is a vocabulary."""
        return self._tokenizer is not None

    def forward(self, ids: Tensor) -> Tensor:
        """Token ids `(N, S)` to embeddings `(N, feature_dim)`."""
        embeds: Tensor = self.network(input_ids=ids).text_embeds
        return embeds

    @torch.no_grad()
    def embed(self, sentences: Sequence[str]) -> Tensor:
        """Embeddings `(N, feature_dim)` of sentences.

        Raises:
            WeightsError: no vocabulary was read.
        """
        if self._tokenizer is None:
            raise WeightsError("these weights hold no vocabulary of CLIP, so prompts cannot be read")
        device = next(self.parameters()).device
        for sentence in sentences:
            if sentence not in self._known:
                ids = self._tokenizer(
                    sentence, truncation=True, max_length=self._longest, return_tensors="pt"
                ).input_ids
                self._known[sentence] = self(ids.to(device))[0]
        return torch.stack([self._known[sentence] for sentence in sentences]).to(device)
