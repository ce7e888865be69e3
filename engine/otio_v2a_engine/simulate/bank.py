"""Real recordings by kind of sound, read from a media folder with a manifest. Knows no picture.

One-shots are cut so that sample 0 is their onset; loops are given as long stretches. The folder is never
part of the package: training needs it, rendering does not.
"""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from otio_v2a_engine.models.mel import SAMPLE_RATE
from otio_v2a_engine.simulate.manifest import manifest_rows
from otio_v2a_engine.simulate.vocabulary import KINDS

__all__ = ["Bank", "Recording", "cut_at_onsets"]

Samples = npt.NDArray[np.float32]
_log = logging.getLogger(__name__)
_LONGEST_HIT_S = 3.0
_ONSET_LEVEL = 0.03  # of the peak: where a one-shot begins


@dataclass(frozen=True)
class Recording:
    """One row of the manifest: its path under the root, who to credit, and what it shows."""

    path: str
    source: str
    licence: str
    label: str

    @property
    def words(self) -> str:
        """The label as a caption."""
        return re.sub(r"[_\d]+|\.ogg$", " ", self.label).strip()


def cut_at_onsets(samples: Samples, *, longest_s: float = _LONGEST_HIT_S) -> list[Samples]:
    """One-shots within a recording: each starts at its onset, ends before the next, and fades out.

    A new onset is a jump of the 5 ms envelope by 12 dB above the 100 ms before it, at least 15 % of the peak.
    """
    hop = SAMPLE_RATE // 200
    n_hops = len(samples) // hop
    if n_hops < 2:
        return [samples] if len(samples) else []
    envelope = np.abs(samples[: n_hops * hop]).reshape(n_hops, hop).max(1)
    peak = float(envelope.max())
    if peak < 1e-4:
        return []
    starts: list[int] = []
    for i in range(n_hops):
        before = float(envelope[max(0, i - 20) : i].max()) if i else 0.0
        far = not starts or i - starts[-1] > 30
        if far and envelope[i] > 0.15 * peak and envelope[i] > 4.0 * (before + 1e-4 * peak):
            starts.append(i)
    if not starts:
        starts = [int(np.argmax(envelope > 0.15 * peak))]
    cuts: list[Samples] = []
    for number, start in enumerate(starts):
        end = starts[number + 1] * hop - 2 * hop if number + 1 < len(starts) else len(samples)
        piece = samples[max(0, start - 4) * hop : min(end, start * hop + int(longest_s * SAMPLE_RATE))]
        if not len(piece):
            continue
        first = int(np.argmax(np.abs(piece) > _ONSET_LEVEL * np.abs(piece).max()))
        piece = piece[first:].copy()
        fade = min(len(piece), SAMPLE_RATE // 20)
        piece[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
        cuts.append(piece / max(float(np.abs(piece).max()), 1e-6))
    return cuts


@dataclass
class Bank:
    """The recordings below `root`, by kind. Decoded on first use and kept as float16.

    Args:
        root: folder with `MANIFEST.tsv` (columns file, source, licence, description), or None for no bank.
    """

    root: Path | None
    _hits: dict[str, list[npt.NDArray[np.float16]]] = field(default_factory=dict)
    _long: dict[str, npt.NDArray[np.float16]] = field(default_factory=dict)

    @cached_property
    def recordings(self) -> Mapping[str, tuple[Recording, ...]]:
        """Kind name to its recordings, in the manifest's order."""
        if self.root is None:
            return {}
        rows = [
            Recording(row["file"], row["source"], row["licence"], row["description"].split("=")[-1].split(";")[0])
            if not row["description"].startswith("label=")
            else Recording(row["file"], row["source"], row["licence"], row["description"][6:].split(";")[0])
            for row in manifest_rows(self.root)
        ]
        found: dict[str, tuple[Recording, ...]] = {}
        for kind in KINDS.values():
            patterns = [re.compile(pattern) for pattern in kind.recordings]
            matches = tuple(row for row in rows if any(pattern.search(row.path) for pattern in patterns))
            if matches:
                found[kind.name] = matches
        return found

    def has(self, name: str) -> bool:
        """Whether there is a recording of this kind."""
        return name in self.recordings

    def _read(self, recording: Recording) -> Samples:
        import soundfile
        import soxr

        assert self.root is not None
        data, rate = soundfile.read(self.root / recording.path, dtype="float32", always_2d=True)
        mono: Samples = np.ascontiguousarray(data.mean(1))
        if rate != SAMPLE_RATE:
            mono = soxr.resample(mono, rate, SAMPLE_RATE).astype(np.float32)
        return np.nan_to_num(mono)

    def hit(self, name: str, rng: np.random.Generator) -> tuple[Samples, Recording]:
        """A one-shot of that kind, peak 1, its onset at sample 0."""
        recording = self._choose(name, rng)
        if recording.path not in self._hits:
            whole = KINDS[name].name in ("bird_call", "animal", "rooster", "sneeze", "scrape", "bell")
            samples = self._read(recording)
            cuts = cut_at_onsets(samples)[:1] if whole else cut_at_onsets(samples)
            self._hits[recording.path] = [cut.astype(np.float16) for cut in cuts or [np.zeros(480, np.float32)]]
        cuts16 = self._hits[recording.path]
        return cuts16[int(rng.integers(len(cuts16)))].astype(np.float32), recording

    def stretch(self, name: str, n_samples: int, rng: np.random.Generator) -> tuple[Samples, Recording]:
        """`n_samples` of a sustained recording at RMS 0.1, repeated with cross-fades when it is too short."""
        recording = self._choose(name, rng)
        if recording.path not in self._long:
            samples = self._read(recording)
            loud = np.flatnonzero(np.abs(samples) > 1e-4)  # padding of short clips is digital silence
            samples = samples[loud[0] : loud[-1] + 1] if len(loud) else samples
            rms = float(np.sqrt(np.mean(samples.astype(np.float64) ** 2))) or 1.0
            self._long[recording.path] = np.clip(samples * (0.1 / rms), -8, 8).astype(np.float16)
        stored = self._long[recording.path]
        out = np.zeros(n_samples, np.float32)
        position = 0
        start = int(rng.integers(max(1, len(stored) - n_samples))) if len(stored) > n_samples else 0
        fade = min(len(stored) // 4, SAMPLE_RATE // 4)
        while position < n_samples:
            piece = stored[start : start + n_samples - position].astype(np.float32)
            if position and fade:
                ramp = np.linspace(0, 1, min(fade, len(piece)), dtype=np.float32)
                piece[: len(ramp)] *= np.sqrt(ramp)
            last = position + len(piece) >= n_samples
            if not last and fade:
                piece[-fade:] *= np.sqrt(np.linspace(1, 0, fade, dtype=np.float32))
            out[position : position + len(piece)] += piece
            position += len(piece) if last else max(1, len(piece) - fade)
            start = 0
        return out, recording

    def _choose(self, name: str, rng: np.random.Generator) -> Recording:
        rows = self.recordings[name]
        return rows[int(rng.integers(len(rows)))]

    def held_out(self) -> tuple[Path, ...]:
        """Recordings that the vocoder does not learn from, to measure it on: one in fifteen of the larger kinds."""
        assert self.root is not None
        names = {row.path for rows in self.recordings.values() if len(rows) >= 8 for row in rows[7::15]}
        return tuple(self.root / name for name in sorted(names))

    def without_held_out(self) -> "Bank":
        """A bank that lacks them."""
        apart = set(self.held_out()) if self.root is not None else set()
        bank = Bank(self.root)
        rest = {
            name: tuple(row for row in rows if self.root is None or self.root / row.path not in apart) or rows
            for name, rows in self.recordings.items()
        }
        bank.__dict__["recordings"] = rest
        return bank

    def credited(self) -> tuple[Recording, ...]:
        """Every recording that some kind may use, once, in the order of its path."""
        rows = {row.path: row for rows in self.recordings.values() for row in rows}
        return tuple(rows[path] for path in sorted(rows))
