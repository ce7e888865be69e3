"""Lay the watermark into a stream of samples. Knows the grid and the mask; not files, stems or detection."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from otio_v2a.errors import WatermarkError
from otio_v2a.watermark import grid, masking, payload
from otio_v2a.watermark.keys import ProjectKey

__all__ = ["DEFAULT", "EmbedReport", "Strength", "Watermarker"]

_CHUNK_SLOTS = grid.PERIOD_SLOTS
_CHUNK_FRAMES = _CHUNK_SLOTS * grid.SLOT_FRAMES
_CHUNK = _CHUNK_FRAMES * grid.HOP
_SLAB = 24  # frames transformed in one go: they stay in a core's cache
_BLOCK = 32  # the envelope's step
_GUARD_BLOCKS = 6  # 4 ms
_GUARD_LIMIT = 0.25  # the mark's envelope never rises over this part of the sound's own
_DEEPEST_DB = 3.0
_SHAPE_POWER = 0.4
_SHAPE_RANGE = (0.3, 4.0)
_SEARCH_STEPS = 4
_SILENT_ENERGY = 1e-9

Floats = NDArray[np.float32]


class Strength(Enum):
    """Depth of the mark, as its mean noise-to-mask ratio in dB."""

    SUBTLE = -21.0
    STANDARD = -18.0
    ROBUST = -15.0


DEFAULT = Strength.STANDARD


@dataclass(frozen=True)
class EmbedReport:
    """What a Watermarker has done so far."""

    key_id: str
    generation_id: int
    n_samples: int
    marked_s: float
    """Length of the sound that carries a mark; digital silence carries none."""
    mean_snr_db: float
    """Energy of the sound over that of the mark; infinite when nothing was marked."""

    @property
    def embedded(self) -> bool:
        """Whether anything was marked at all."""
        return self.marked_s > 0


class Watermarker:
    """Marks one generation. Use it for one stream only: the pattern begins with the stream's first sample.

    The output has the length and alignment of the input; equal input, key and id give equal bytes, however the input is
    cut into blocks. It holds about one period (4.1 s) back, so memory does not grow with the length.
    """

    def __init__(
        self,
        key: ProjectKey,
        generation_id: int,
        *,
        sample_rate: int = grid.SAMPLE_RATE,
        channels: int,
        strength: Strength = DEFAULT,
    ) -> None:
        """Raises WatermarkError on a rate other than 48 kHz, no channels, or an id beyond 48 bits."""
        if sample_rate != grid.SAMPLE_RATE:
            raise WatermarkError(f"the watermark is laid at {grid.SAMPLE_RATE} Hz, not {sample_rate}: resample first")
        if channels < 1:
            raise WatermarkError(f"a sound has at least one channel, not {channels}")
        coded = payload.encode(generation_id)
        signs = grid.pattern_of(key).with_bits(coded)
        self._signs = np.roll(signs, -grid.start_slot(key, generation_id), axis=0)
        self._key_id = key.key_id
        self._generation_id = generation_id
        self._channels = channels
        self._target = 10 ** (strength.value / 10)
        self._started = False
        self._n_samples = 0
        self._marked_samples = 0
        self._sound_energy = 0.0
        self._mark_energy = 0.0

    @property
    def report(self) -> EmbedReport:
        """Statistics of what `process` has given out so far."""
        ratio = self._sound_energy / self._mark_energy if self._mark_energy else math.inf
        return EmbedReport(
            key_id=self._key_id,
            generation_id=self._generation_id,
            n_samples=self._n_samples,
            marked_s=self._marked_samples / grid.SAMPLE_RATE,
            mean_snr_db=10 * math.log10(ratio) if ratio else 0.0,
        )

    def process(self, blocks: Iterable[NDArray[np.float32]]) -> Iterator[Floats]:
        """Marked blocks for blocks of float32 (channels, n) at any lengths; the sum of the lengths is unchanged.

        Raises WatermarkError on a block of another shape or with samples that are not finite, and on a second use.
        """
        if self._started:
            raise WatermarkError("a Watermarker marks one stream: make another for the next")
        self._started = True
        # What is held begins two hops before the next frame: one is not finished yet, one is what the guard looks back
        # on. A hop of zeros stands before the sound, so that every sample lies in two frames.
        sound = np.zeros((self._channels, 3 * grid.HOP), np.float32)
        mark = np.zeros((self._channels, 3 * grid.HOP), np.float32)
        drop = 2 * grid.HOP
        pending: list[Floats] = []
        n_pending = 0
        for block in blocks:
            self._check(block)
            pending.append(np.asarray(block, np.float32))
            n_pending += block.shape[1]
            if n_pending < _CHUNK:
                continue
            fresh = np.concatenate(pending, axis=1)
            for start in range(0, n_pending - _CHUNK + 1, _CHUNK):
                sound = np.concatenate([sound, fresh[:, start : start + _CHUNK]], axis=1)
                mark = self._add_frames(sound, mark)
                out = self._finish(sound, mark, slice(grid.HOP + drop, _CHUNK + grid.HOP))
                drop = 0
                sound, mark = sound[:, _CHUNK:], mark[:, _CHUNK:]
                yield out
            pending = [fresh[:, n_pending - n_pending % _CHUNK :]]
            n_pending %= _CHUNK
        if drop and not n_pending:
            return
        n_frames = (n_pending + grid.HOP - 1) // grid.HOP + 1
        n_held = sound.shape[1] + n_pending
        padding = np.zeros((self._channels, (n_frames + 3) * grid.HOP - n_held), np.float32)
        sound = np.concatenate([sound, *pending, padding], axis=1)
        mark = self._add_frames(sound, mark)
        yield self._finish(sound, mark, slice(grid.HOP + drop, n_held))

    def _check(self, block: NDArray[np.float32]) -> None:
        if block.ndim != 2 or block.shape[0] != self._channels:
            raise WatermarkError(f"a block must have the shape ({self._channels}, n), not {block.shape}")
        if not np.isfinite(block).all():
            raise WatermarkError("a block holds samples that are no numbers (NaN or infinite)")

    def _add_frames(self, sound: Floats, mark: Floats) -> Floats:
        """Mark of the held sound with its new frames: (channels, n); `mark` ends with the last frame's second half."""
        from scipy import fft

        n_frames = sound.shape[1] // grid.HOP - 3
        frames = np.lib.stride_tricks.sliding_window_view(sound[:, 2 * grid.HOP :], grid.FRAME, axis=1)[:, :: grid.HOP]
        spectra = np.empty((self._channels, n_frames, grid.FRAME // 2 + 1), np.complex64)
        power = np.empty(spectra.shape[1:], np.float32)
        slabs = [slice(start, start + _SLAB) for start in range(0, n_frames, _SLAB)]
        for slab in slabs:
            some = spectra[:, slab] = fft.rfft(frames[:, slab] * grid.window(), axis=2)
            power[slab] = np.sum(some.real**2 + some.imag**2, axis=0)
        # Chunks are one period long: every one begins at the same slot. The last can have a frame more.
        signs = self._signs[np.arange(n_frames) // grid.SLOT_FRAMES % grid.PERIOD_SLOTS]
        bins = _bins()
        gain = np.zeros((n_frames, spectra.shape[2]), np.float32)
        gain[:, bins.first[0] : bins.end] = (
            np.power(10, signs * _depth_db(power, target=self._target) / 20, dtype=np.float32) - 1
        )[:, bins.band_of]
        added = np.zeros_like(sound)
        added[:, : mark.shape[1]] = mark
        hops = added[:, 2 * grid.HOP :].reshape(self._channels, n_frames + 1, grid.HOP)
        for slab in slabs:
            some = fft.irfft(spectra[:, slab] * gain[slab], n=grid.FRAME, axis=2) * grid.window()
            hops[:, :-1][:, slab] += some[:, :, : grid.HOP]
            hops[:, 1:][:, slab] += some[:, :, grid.HOP :]
        return added

    def _finish(self, sound: Floats, mark: Floats, part: slice) -> Floats:
        """The marked sound of a part, once its mark is complete."""
        loud = _guard(sound, mark)[part]
        sound = sound[:, part]
        marked = mark[:, part] * loud
        marked += sound
        if max(marked.max(), -marked.min()) > 1:
            # Samples over full scale come from the caller: they are left as they are.
            ceiling = np.maximum(np.abs(sound), 1.0)
            marked = np.clip(marked, -ceiling, ceiling)
        change = marked - sound
        self._n_samples += sound.shape[1]
        self._marked_samples += int(np.count_nonzero(np.any(change, axis=0)))
        self._sound_energy += float(np.einsum("cn,cn->", sound, sound, dtype=np.float64))
        self._mark_energy += float(np.einsum("cn,cn->", change, change, dtype=np.float64))
        return marked


@dataclass(frozen=True)
class _Bins:
    first: NDArray[np.intp]
    end: int
    band_of: NDArray[np.intp]
    mask_band: NDArray[np.intp]
    """Band of the mask in which each band lies, ascending."""
    masked: NDArray[np.intp]
    """The bands of the mask in which any lies."""
    first_masked: NDArray[np.intp]
    """The first band in each of these."""
    mask_share: Floats


@lru_cache(maxsize=1)
def _bins() -> _Bins:
    """Where the grid's bands lie among the bins of a frame, and among the bands of the mask."""
    first = np.ceil(grid.band_edges_hz() * grid.FRAME / grid.SAMPLE_RATE).astype(np.intp)
    first, end = first[:-1], int(first[-1])
    width = np.diff(np.append(first, end))
    constants = masking.maskers()
    mask_band = np.searchsorted(constants.first_bins, first + width // 2, side="right") - 1
    mask_width = np.diff(np.append(constants.first_bins, constants.end_bin))
    masked, first_masked = np.unique(mask_band, return_index=True)
    return _Bins(
        first=first,
        end=end,
        band_of=np.repeat(np.arange(len(first)), width),
        mask_band=mask_band,
        masked=masked,
        first_masked=first_masked,
        mask_share=(width / mask_width[mask_band]).astype(np.float32),
    )


def _depth_db(power: Floats, *, target: float) -> Floats:
    """Depth of every tile, (n_frames, n_bands), whose mean noise-to-mask ratio over the frames is the target's."""
    bins = _bins()
    energy = np.add.reduceat(power[:, : bins.end], bins.first, axis=1)
    mask = masking.mask_of(power)
    audible = power.sum(axis=1) > _SILENT_ENERGY
    if not audible.any():
        return np.zeros_like(energy)
    # Tones stand far over what they hide and are touched less; valleys between them can take more.
    shape = np.clip((mask[:, bins.mask_band] * bins.mask_share / (energy + 1e-20)) ** _SHAPE_POWER, *_SHAPE_RANGE)
    depth_db = 0.5
    heard, shape_heard = energy[audible], shape[audible]
    # The mean is over all bands of the mask; in those without a tile there is no noise.
    share = 1 / (mask[audible][:, bins.masked] * mask.shape[1])
    for _ in range(_SEARCH_STEPS):
        tiles_db = np.minimum(depth_db * shape_heard, _DEEPEST_DB)
        noise = np.add.reduceat(heard * np.expm1(tiles_db * (math.log(10) / 20)) ** 2, bins.first_masked, axis=1)
        ratio = float(np.sum(noise * share, dtype=np.float64)) / len(heard)
        depth_db = min(depth_db * math.sqrt(target / max(ratio, 1e-12)), _DEEPEST_DB)
    return np.asarray(np.minimum(depth_db * shape, _DEEPEST_DB), np.float32)


def _guard(sound: Floats, mark: Floats) -> Floats:
    """Gain of the mark per sample, (n,): down where the sound is softer than 4 ms away, zero in digital silence."""
    sound_energy, mark_energy = _block_energy(sound), _block_energy(mark)
    around = np.ones(_GUARD_BLOCKS + 1, np.float32)
    envelope = np.convolve(sound_energy, around, "same")
    allowed = np.sqrt(envelope / (np.convolve(mark_energy, around, "same") + 1e-30)) * _GUARD_LIMIT
    gain = np.minimum(allowed, np.float32(1))
    # Straight lines from the middle of a block to the middle of the next; held before the first and after the last.
    held = np.concatenate([gain[:1], gain, gain[-1:]])
    way = ((np.arange(_BLOCK) + 0.5) / _BLOCK).astype(np.float32)
    lines = held[:-1, None] + np.diff(held)[:, None] * way
    smooth = lines.reshape(-1)[_BLOCK // 2 : _BLOCK // 2 + sound.shape[1]].reshape(-1, _BLOCK)
    return np.asarray((smooth * (sound_energy > 0)[:, None]).reshape(-1))


def _block_energy(sound: Floats) -> Floats:
    """Energy of each block over all channels: (n // _BLOCK,)."""
    blocks = sound.reshape(len(sound), -1, _BLOCK)
    return np.asarray(np.einsum("cbi,cbi->b", blocks, blocks))
