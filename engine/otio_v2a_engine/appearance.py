"""Owns what a picture's content suggests to hear, where a user brought a model that can tell. Renders nothing.

    frames of a window -> user's CLIP or SigLIP -> likeness to the known captions -> their sentence embeddings, weighed

The bundled models were never trained on that model's features. So it is only asked which of the captions that they do
know fits the picture best, in its own space; these captions then stand where the user's prompt would.
"""

import hashlib
import heapq
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import normalize

from otio_v2a_engine.checkpoint_folders import checkpoint_id, find_checkpoint
from otio_v2a_engine.contract import EngineWarning, Picture, RenderRequest, Role, UnsupportedRequest
from otio_v2a_engine.embedding_tables import cache_folder, read_table, write_table
from otio_v2a_engine.frames import probe, read_frames
from otio_v2a_engine.joint_space import JointSpace
from otio_v2a_engine.reach import Reach

__all__ = ["OPTION", "WEIGHT_OPTION", "Appearance", "Seen", "look_times", "shares"]

OPTION = "appearance"
"""The engine option that names the folder of the user's model."""
WEIGHT_OPTION = "appearance-weight"
"""The engine option that says how much the picture counts beside a prompt, 0 to 1."""

_TEMPLATES = ("a photo of {}", "a video of {}")
_MOST_FRAMES = 8
_LONGEST = 8  # sides: what is longer than this is no picture of anything
_WORTH_SAYING = 0.01
_LIKELY = 0.1
_KINDS_KEPT = 3  # a mean of many captions is near none of them


@dataclass(frozen=True)
class Seen:
    """What a window's content suggests.

    Attributes:
        vector: sentence embedding `(384,)` of norm 1, on the device of the prompt's.
        words: the likeliest captions, as a user would type them.
    """

    vector: Tensor
    words: str


class Appearance:
    """Reads pictures with the model that a request names; keeps the last one loaded.

    Args:
        reach: knows the captions and their sentence embeddings.
        device: of the user's model.
        cache: folder for embeddings of the captions by that model; the user's own when None.
    """

    def __init__(self, reach: Reach, *, device: torch.device | str = "cpu", cache: Path | None = None) -> None:
        self._reach = reach
        self._device = device
        self._cache = cache
        self._space: JointSpace | None = None
        self._tables: dict[tuple[str, Role], Tensor] = {}

    def read(
        self, request: RenderRequest, prompt: Tensor, *, on_batch: Callable[[], None] = lambda: None
    ) -> Seen | None:
        """What to use instead of the prompt's embedding; None when the prompt stands as it is. Warns what it read.

        Args:
            request: names the folder in its options.
            prompt: sentence embedding `(384,)` of its text; without a text it does not count.
            on_batch: called now and then while captions are embedded, which happens once for a model; may raise.

        Raises:
            UnsupportedRequest: the weight is no number from 0 to 1, or stands without a folder.
            WeightsError: the folder is missing, or unfit.
            PictureError: the picture cannot be decoded.
        """
        value = request.sampling.option(OPTION)
        weight = request.sampling.number(WEIGHT_OPTION, default=0.0, largest=1.0)
        if value is None:
            if request.sampling.option(WEIGHT_OPTION) is not None:
                raise UnsupportedRequest(f"option {WEIGHT_OPTION} needs option {OPTION}=FOLDER beside it")
            return None
        has_prompt = bool(request.prompt.text.strip())
        if not has_prompt:
            weight = 1.0
        if weight == 0:
            return None
        space = self._load(find_checkpoint(value, option=OPTION))
        captions, embeddings = self._reach.known(request.prompt.role)
        frames, lasting = _look(request.picture, request.duration_s, side=space.side)
        pictures = space.pictures(frames)
        table = self._table(space, captions, request.prompt.role, width=pictures.shape[1], on_batch=on_batch)
        kinds = [self._reach.kind(caption, request.prompt.role) for caption in captions]
        share = shares(pictures, table, kinds=kinds, lasting=lasting, scale=space.scale)
        kept = _likeliest(share, kinds)
        seen = normalize((share * kept) @ embeddings, dim=0).to(prompt.device)
        named = _named(share, captions, kinds)
        listed = ", ".join(f'"{caption}" {part:.0%}' for caption, part in named)
        told = f"the picture looks to {space.kind} ({space.folder.name}, {space.id}) like {listed}"
        if has_prompt:
            seen = normalize((1 - weight) * prompt + weight * seen, dim=0)
            told += f"; counted with {weight:g} beside the prompt"
        warnings.warn(told, EngineWarning, stacklevel=2)
        likely = [caption for number, (caption, part) in enumerate(named) if not number or part >= _LIKELY]
        return Seen(seen, ", ".join(likely))

    def _load(self, folder: Path) -> JointSpace:
        if self._space is None or (self._space.folder, self._space.id) != (folder, checkpoint_id(folder)):
            self._space = None  # one at a time: they are large
            self._space = JointSpace(folder, device=self._device)
        return self._space

    def _table(
        self, space: JointSpace, captions: Sequence[str], role: Role, *, width: int, on_batch: Callable[[], None]
    ) -> Tensor:
        """Vectors of the captions `(N, width)` in the user's space: once for a model, then from the cache."""
        known = self._tables.get((space.id, role))
        if known is None:
            digest = hashlib.sha256("\n".join((space.id, *_TEMPLATES, "", *captions)).encode()).hexdigest()
            path = (self._cache or cache_folder("appearance")) / f"{space.id}-{digest[:16]}.safetensors"
            known = read_table(path, key=digest, shape=(len(captions), width))
            if known is None:
                asked = [template.format(caption) for template in _TEMPLATES for caption in captions]
                made = space.sentences(asked, on_batch=on_batch)
                known = normalize(made.view(len(_TEMPLATES), len(captions), -1).mean(0), dim=-1)
                with suppress(OSError):  # a cache is a convenience: the next start computes them again
                    write_table(path, known, key=digest)
            self._tables[space.id, role] = known
        return known


def look_times(cuts_s: Sequence[Fraction], duration_s: Fraction) -> list[tuple[Fraction, Fraction]]:
    """Instants to look at, ascending, each with the seconds that it stands for.

    One a second and at most eight; every shot has one at least (of more than eight shots the longest), each in the
    middle of an equal part of its shot, so that none falls on a cut.
    """
    borders = [Fraction(0), *(cut for cut in cuts_s if 0 < cut < duration_s), duration_s]
    shots = [(start, end - start) for start, end in pairwise(borders)]
    shots = sorted(heapq.nlargest(_MOST_FRAMES, shots, key=lambda shot: shot[1]))
    counts = [1] * len(shots)
    while sum(counts) < min(_MOST_FRAMES, ceil(duration_s)):
        sparsest = max(range(len(shots)), key=lambda i: shots[i][1] / counts[i])
        counts[sparsest] += 1
    return [
        (start + length * Fraction(2 * number + 1, 2 * count), length / count)
        for (start, length), count in zip(shots, counts, strict=True)
        for number in range(count)
    ]


def shares(pictures: Tensor, captions: Tensor, *, kinds: Sequence[str], lasting: Tensor, scale: float) -> Tensor:
    """How much of a window each caption describes, `(C,)`, summing to 1.

    Args:
        pictures: `(F, D)` of norm 1.
        captions: `(C, D)` of norm 1.
        kinds: of the captions; a kind with many captions is no likelier for that.
        lasting: seconds that each picture stands for, `(F,)`.
        scale: of the cosines.
    """
    sizes = Counter(kinds)
    prior = torch.tensor([sizes[kind] for kind in kinds], dtype=torch.float32).log()
    each = torch.softmax(scale * pictures @ captions.T - prior, dim=1)
    whole: Tensor = (lasting / lasting.sum()) @ each
    return whole


def _by_kind(share: Tensor, kinds: Sequence[str]) -> list[tuple[str, float]]:
    """Kinds with their share, the likeliest first."""
    total = dict.fromkeys(kinds, 0.0)
    for kind, part in zip(kinds, share.tolist(), strict=True):
        total[kind] += part
    return sorted(total.items(), key=lambda each: -each[1])


def _likeliest(share: Tensor, kinds: Sequence[str]) -> Tensor:
    """1 for captions of the likeliest kinds, else 0, `(C,)`."""
    kept = {kind for kind, _ in _by_kind(share, kinds)[:_KINDS_KEPT]}
    return torch.tensor([float(kind in kept) for kind in kinds])


def _named(share: Tensor, captions: Sequence[str], kinds: Sequence[str]) -> list[tuple[str, float]]:
    """The kinds that count by their likeliest captions, with the kinds' shares, down to one percent."""
    named: list[tuple[str, float]] = []
    for kind, part in _by_kind(share, kinds)[:_KINDS_KEPT]:
        if named and part < _WORTH_SAYING:
            break
        own = [number for number, other in enumerate(kinds) if other == kind]
        named.append((captions[max(own, key=lambda number: float(share[number]))], part))
    return named


def _look(picture: Picture, duration_s: Fraction, *, side: int) -> tuple[list[npt.NDArray[np.uint8]], Tensor]:
    """Frames whose shorter side has `side` pixels, in the picture's own shape, and the seconds they stand for."""
    times = look_times(picture.cuts_s, duration_s)
    info = probe(picture)
    factor = side / max(1, min(info.width, info.height))
    width, height = (min(max(side, round(length * factor)), _LONGEST * side) for length in (info.width, info.height))
    frames = read_frames(picture, [time for time, _ in times], width=width, height=height, fit="stretch")
    return list(frames), torch.tensor([float(lasting) for _, lasting in times])
