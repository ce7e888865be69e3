"""What a training step takes: prepared clips on disk, chosen and joined as a pure function of seed and step.

A prepared set is a folder of shards (`set-00000.safetensors` with its `.json`): the log-mel of the true sound and the
frozen encoders' features, so that neither movies nor encoders are touched while training. Knows no model.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors import safe_open
from safetensors.numpy import save_file
from torch import Tensor

from otio_v2a_engine.contract import EngineError
from otio_v2a_engine.training.checkpoint import rng_for

__all__ = [
    "AlignmentFilter",
    "Batch",
    "Example",
    "PreparedSet",
    "Scores",
    "TrainingError",
    "batch_at",
    "concatenated",
    "write_set",
]

Array = npt.NDArray[np.float32]
_PER_SHARD = 64
_SHUFFLE, _JOIN, _DRAW = 1, 2, 3  # which part of a step draws


class TrainingError(EngineError):
    """A training cannot be done as asked; the message says which file or setting and what to do."""


@dataclass(frozen=True)
class Scores:
    """How well a clip's own sound fits; None where nobody measured.

    Attributes:
        clap: cosine of sound and caption.
        av_align: AV-Align in the form of 2025.
        flow_z: motion against onset strength, in standard deviations over shifts.
    """

    clap: float | None = None
    av_align: float | None = None
    flow_z: float | None = None


@dataclass(frozen=True)
class Example:
    """One clip.

    Attributes:
        name: of the clip.
        mel: log-mel of its true sound `(mel_frames, n_mels)`.
        features: of its frames `(T, D)`.
        text: its caption's embedding `(F,)`, or None.
        flow: optical flow `(T, 3 grid^2)`, or None.
        caption: in words.
        scores: how well sound and picture fit.
    """

    name: str
    mel: Array
    features: Array
    text: Array | None = None
    flow: Array | None = None
    caption: str = ""
    scores: Scores = Scores()


@dataclass(frozen=True)
class AlignmentFilter:
    """Which clips are aligned enough to learn from; the paper's are CLAP > 0.3 and AV-Align > 0.2 (its Table 4).

    A clip that was never measured by something that is asked for does not pass.
    """

    clap: float | None = 0.3
    av_align: float | None = 0.2
    flow_z: float | None = None

    def passes(self, scores: Scores) -> bool:
        """Whether a clip stays."""
        bounds = asdict(self)
        values = asdict(scores)
        return all(
            values[key] is not None and values[key] > bound for key, bound in bounds.items() if bound is not None
        )


def write_set(folder: Path, examples: Iterable[Example], *, on_shard: Callable[[int], None] = lambda _: None) -> int:
    """Write a prepared set, shard by shard; a shard that is there already is kept, its examples skipped.

    Returns:
        the number of clips.

    Raises:
        TrainingError: clips of one set differ in shape.
    """
    folder.mkdir(parents=True, exist_ok=True)
    count = number = 0
    pending: list[Example] = []

    def flush() -> None:
        nonlocal number
        if pending:
            _write_shard(folder / f"set-{number:05d}.safetensors", pending)
            number += 1
            on_shard(count)
            pending.clear()

    for example in examples:
        pending.append(example)
        count += 1
        if len(pending) == _PER_SHARD:
            flush()
    flush()
    return count


def _write_shard(path: Path, examples: Sequence[Example]) -> None:
    tensors: dict[str, npt.NDArray[np.generic]] = {}
    for key in ("mel", "features", "text", "flow"):
        rows = [getattr(example, key) for example in examples]
        given = [row for row in rows if row is not None]
        if not given:
            continue
        if len({row.shape for row in given}) > 1 or len(given) < len(rows):
            raise TrainingError(
                f"the clips of one set must all have the same {key}: {examples[0].name} and others differ"
            )
        tensors[key] = np.stack(given).astype(np.float16 if key == "mel" else np.float32)
    note = [
        {"name": example.name, "caption": example.caption, "scores": asdict(example.scores)} for example in examples
    ]
    partial = path.with_suffix(".partial")
    save_file(tensors, partial)
    path.with_suffix(".json").write_text(json.dumps(note) + "\n", encoding="utf-8")
    os.replace(partial, path)


class PreparedSet:
    """The clips of one or more prepared folders that pass a filter. Tensors are read when they are wanted.

    Raises:
        TrainingError: a folder holds no set, or nothing passes the filter.
    """

    def __init__(self, *folders: Path, keep: AlignmentFilter | None = None) -> None:
        self._rows: list[tuple[Path, int, str, str, Scores]] = []
        self.n_before_filter = 0
        for folder in folders:
            notes = sorted(folder.glob("set-*.json"))
            if not notes:
                raise TrainingError(f"{folder} holds no prepared clips; make them with: otio-v2a train vta-ldm prepare")
            for note in notes:
                for i, row in enumerate(json.loads(note.read_text(encoding="utf-8"))):
                    self.n_before_filter += 1
                    scores = Scores(**row["scores"])
                    if keep is None or keep.passes(scores):
                        self._rows.append((note.with_suffix(".safetensors"), i, row["name"], row["caption"], scores))
        if not self._rows:
            raise TrainingError(
                f"none of {self.n_before_filter} clips passes the filter {keep}; were they measured when prepared?"
            )
        self._open: dict[Path, dict[str, npt.NDArray[np.generic]]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Example]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, i: int) -> Example:
        path, row, name, caption, scores = self._rows[i]
        if path not in self._open:
            with safe_open(path, framework="numpy") as file:
                self._open[path] = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        shard = self._open[path]

        def part(key: str) -> Array | None:
            return shard[key][row].astype(np.float32) if key in shard else None

        mel, features = part("mel"), part("features")
        assert mel is not None
        assert features is not None
        return Example(name, mel, features, part("text"), part("flow"), caption, scores)

    @property
    def names(self) -> tuple[str, ...]:
        """The clips' names in order."""
        return tuple(row[2] for row in self._rows)


@dataclass(frozen=True)
class Batch:
    """Clips of one backward pass.

    Attributes:
        mel: `(B, 1, mel_frames, n_mels)`.
        features: `(B, T, D)`.
        text: `(B, F)` or None.
        flow: `(B, T, F)` or None.
        drop: bool `(B,)`: whose condition is left out.
        t: training steps of the diffusion `(B,)`.
        noise_seed: of the noise and of the autoencoder's draw.
    """

    mel: Tensor
    features: Tensor
    text: Tensor | None
    flow: Tensor | None
    drop: Tensor
    t: Tensor
    noise_seed: int

    def to(self, device: torch.device) -> "Batch":
        """The same on a device."""
        return replace(
            self,
            mel=self.mel.to(device),
            features=self.features.to(device),
            text=None if self.text is None else self.text.to(device),
            flow=None if self.flow is None else self.flow.to(device),
            drop=self.drop.to(device),
            t=self.t.to(device),
        )


def concatenated(first: Example, second: Example, rng: np.random.Generator) -> Example:
    """The start of one clip, then the rest of another, cut between two frames: the concat augment of Table 4.

    The published cut lies between a quarter and three quarters of ten seconds; so it does here, for any number of
    frames. Captions are joined, and their embeddings' mean keeps its length.
    """
    n_frames = len(first.features)
    cut = int(rng.integers(max(1, n_frames // 4), max(2, 3 * n_frames // 4 + 1)))
    cut_mel = round(cut * len(first.mel) / n_frames)

    def joined(a: Array | None, b: Array | None, at: int) -> Array | None:
        return None if a is None or b is None else np.concatenate([a[:at], b[at:]])

    text = None
    if first.text is not None and second.text is not None:
        mean = (first.text + second.text) / 2
        size = (np.linalg.norm(first.text) + np.linalg.norm(second.text)) / 2
        text = (mean * (size / max(float(np.linalg.norm(mean)), 1e-6))).astype(np.float32)
    return Example(
        name=f"{first.name}+{second.name}",
        mel=np.concatenate([first.mel[:cut_mel], second.mel[cut_mel:]]),
        features=np.concatenate([first.features[:cut], second.features[cut:]]),
        text=text,
        flow=joined(first.flow, second.flow, cut),
        caption=f"{first.caption} {second.caption}".strip(),
    )


@lru_cache(maxsize=4)
def _order(seed: int, epoch: int, n_clips: int) -> npt.NDArray[np.int64]:
    return rng_for(seed, epoch, _SHUFFLE).permutation(n_clips)


def batch_at(
    data: PreparedSet, *, seed: int, index: int, batch: int, n_train: int, drop: float, concat: float = 0.0
) -> Batch:
    """The `index`-th batch of a training: the same for the same arguments, whatever came before.

    Args:
        data: the clips; every epoch takes each once, in a new order.
        seed: of the training.
        index: counts batches over steps, backward passes and devices.
        batch: clips of a batch.
        n_train: training steps of the diffusion.
        drop: share of clips without condition.
        concat: share of clips that are joined with another one.
    """
    join, draw = rng_for(seed, index, _JOIN), rng_for(seed, index, _DRAW)
    chosen = []
    for position in range(index * batch, (index + 1) * batch):
        epoch, place = divmod(position, len(data))
        example = data[int(_order(seed, epoch, len(data))[place])]
        if join.random() < concat:
            example = concatenated(example, data[int(join.integers(len(data)))], join)
        chosen.append(example)

    def stacked(key: str) -> Tensor | None:
        rows = [getattr(example, key) for example in chosen]
        return None if any(row is None for row in rows) else torch.from_numpy(np.stack(rows))

    mel, features = stacked("mel"), stacked("features")
    assert mel is not None
    assert features is not None
    return Batch(
        mel=mel[:, None],
        features=features,
        text=stacked("text"),
        flow=stacked("flow"),
        drop=torch.from_numpy(draw.random(batch) < drop),
        t=torch.from_numpy(draw.integers(0, n_train, batch)),
        noise_seed=int(draw.integers(2**62)),
    )
