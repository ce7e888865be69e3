"""Reads a CLIP or SigLIP that a user brought: pictures and sentences as vectors in one space. Knows no sound.

The only place that knows how transformers keeps these models. Files are read from the user's folder alone: safetensors,
never pickles, never the network, no code.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from otio_v2a_engine.checkpoint_folders import checkpoint_id, read_config
from otio_v2a_engine.contract import WeightsError

__all__ = ["KINDS", "JointSpace"]

Rgb = npt.NDArray[np.uint8]

KINDS = {"clip": "CLIP", "siglip": "SigLIP", "siglip2": "SigLIP 2"}
"""What config.json calls the models that are known, and what their authors do."""

_BATCH = 32
_LOCAL = {"local_files_only": True, "trust_remote_code": False}


class JointSpace:
    """A user's model, loaded at once.

    Args:
        folder: as transformers saves such a model, with its tokenizer and image processor.
        device: "cpu", "cuda" or "mps".

    Attributes:
        folder: where it lies.
        id: changes with its files.
        kind: its name as its authors write it.
        scale: what cosines are multiplied with before a softmax, as it was trained.
        side: pixels of the pictures' shorter side that are worth handing over.

    Raises:
        WeightsError: the folder holds no model of these kinds, or parts of it are missing or damaged.
    """

    def __init__(self, folder: Path, *, device: torch.device | str = "cpu") -> None:
        kind = read_config(folder).get("model_type")
        if kind not in KINDS:
            raise WeightsError(
                f"{folder} holds a model of type {kind!r}; the picture's content is read with CLIP, SigLIP or SigLIP 2 "
                f"(config.json: model_type {', '.join(KINDS)})"
            )
        self.folder = folder
        self.id = checkpoint_id(folder)
        self.kind = KINDS[kind]
        self._device = torch.device(device)
        self._is_clip = kind == "clip"
        self._model = _load_model(folder, kind).float().eval().requires_grad_(False).to(self._device)
        self._processor = _part(folder, "image processor (preprocessor_config.json)", lambda: _load_processor(folder))
        self._tokenizer: Any = None
        self._longest = int(self._model.config.text_config.max_position_embeddings)
        self.scale = float(self._model.logit_scale.exp())
        vision = self._model.config.vision_config
        # SigLIP 2 takes any shape; as many pixels as its patches hold.
        self.side = int(getattr(vision, "image_size", None) or vision.num_patches**0.5 * vision.patch_size)

    @torch.no_grad()
    def pictures(self, frames: Sequence[Rgb]) -> Tensor:
        """Vectors `(N, D)` of norm 1, on the CPU, of frames `(H, W, 3)`, prepared as the folder says."""
        taken = _part(
            self.folder,
            "image processor (preprocessor_config.json)",
            lambda: self._processor(images=list(frames), return_tensors="pt", input_data_format="channels_last"),
        )
        out = self._model.get_image_features(**{name: value.to(self._device) for name, value in taken.items()})
        return _vectors(out)

    @torch.no_grad()
    def sentences(self, sentences: Sequence[str], *, on_batch: Callable[[], None] = lambda: None) -> Tensor:
        """Vectors `(N, D)` of norm 1, on the CPU. `on_batch` is called now and then, and may raise.

        Raises:
            WeightsError: the folder's tokenizer is missing or damaged.
        """
        if self._tokenizer is None:
            self._tokenizer = _part(
                self.folder, "tokenizer", lambda: _load_tokenizer(self.folder, is_siglip=self.kind == KINDS["siglip"])
            )
        made = []
        for start in range(0, len(sentences), _BATCH):
            on_batch()
            made.append(_vectors(self._model.get_text_features(**self._tokens(sentences[start : start + _BATCH]))))
        return torch.cat(made)

    def _tokens(self, sentences: Sequence[str]) -> dict[str, Tensor]:
        """As each family was trained: SigLIP hears lower case, always at full length, and sees its padding."""
        padding = True if self._is_clip else "max_length"
        taken = _part(
            self.folder,
            "tokenizer",
            lambda: self._tokenizer(
                [sentence.lower() for sentence in sentences],
                padding=padding,
                truncation=True,
                max_length=self._longest,
                return_tensors="pt",
            ),
        )
        ids = taken["input_ids"]
        # Where files are missing, transformers makes a tokenizer that knows no word, and says nothing.
        if len({tuple(row) for row in ids.tolist()}) < len(set(sentences)):
            raise WeightsError(
                f"the tokenizer in {self.folder} knows no words: files are missing or not whole; download them again"
            )
        if int(ids.max()) >= self._model.config.text_config.vocab_size:
            raise WeightsError(f"the tokenizer in {self.folder} is another model's; download the model's own")
        names = ("input_ids", "attention_mask") if self._is_clip else ("input_ids",)
        return {name: taken[name].to(self._device) for name in names}


def _vectors(out: Any) -> Tensor:
    """Vectors of norm 1 from what a tower returns: a tensor before transformers 5, then an object that holds it."""
    vectors = out if isinstance(out, Tensor) else out.pooler_output
    return torch.nn.functional.normalize(vectors.float(), dim=-1).cpu()


def _load_model(folder: Path, kind: str) -> Any:
    import transformers

    classes = {"clip": "CLIPModel", "siglip": "SiglipModel", "siglip2": "Siglip2Model"}

    def load() -> Any:
        known = getattr(transformers, classes[kind])
        return known.from_pretrained(str(folder), local_files_only=True, use_safetensors=True, output_loading_info=True)

    model, told = _part(folder, "model", load)
    # A buffer that older releases kept; everything else that is missing would be random numbers.
    missing = sorted(name for name in told["missing_keys"] if not name.endswith("position_ids"))
    if missing or told["mismatched_keys"]:
        parts = ", ".join([*missing, *(str(key) for key in told["mismatched_keys"])][:3])
        raise WeightsError(
            f"the model in {folder} is not whole ({parts}); both towers, for pictures and for text, are needed: "
            "download it again"
        )
    return model


def _load_processor(folder: Path) -> Any:
    from transformers import AutoImageProcessor

    return AutoImageProcessor.from_pretrained(str(folder), **_LOCAL)


def _load_tokenizer(folder: Path, *, is_siglip: bool) -> Any:
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    try:
        return AutoTokenizer.from_pretrained(str(folder), **_LOCAL)
    except Exception:
        # SigLIP's own class needs sentencepiece, which is not installed with us; its releases hold the same vocabulary
        # as tokenizer.json as well.
        if not is_siglip or not (folder / "tokenizer.json").is_file():
            raise
    return PreTrainedTokenizerFast.from_pretrained(str(folder), local_files_only=True)


def _part(folder: Path, name: str, load: Callable[[], Any]) -> Any:
    try:
        return load()
    except Exception as error:
        # Foreign files go through foreign code: whatever it raises must name the folder.
        words = " ".join(str(error).split())[:300] or type(error).__name__
        raise WeightsError(
            f"the {name} in {folder} cannot be read ({words}); download the model's files again, all of them"
        ) from error
