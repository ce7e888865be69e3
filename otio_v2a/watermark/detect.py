"""Find watermarks in sound, read what they carry and where they lie. Knows no files and no host formats.

No mark found means "not detected", never "not generated": marks can be worn off, and other tools leave none of ours.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from otio_v2a.errors import WatermarkError
from otio_v2a.watermark import grid, payload
from otio_v2a.watermark.evidence import PHASES, Evidence
from otio_v2a.watermark.keys import ProjectKey
from otio_v2a.watermark.reading import ID_ACCEPTED, Hit, Spans, read_mark

__all__ = [
    "DETECTED",
    "FILM_SPEEDS",
    "ID_ACCEPTED",
    "Detection",
    "clearest",
    "describe",
    "detect",
    "detect_stream",
    "localise",
    "speed_grid",
]

DETECTED = 6.0
"""Score from which a mark counts as detected; an unmarked sound scores like the largest of a few hundred N(0, 1)."""
FILM_SPEEDS = (1.0, 1.001, 1 / 1.001, 25 / 24, 24 / 25, 25.025 / 24, 24 / 25.025)
"""As it was, then NTSC pull and PAL speed changes."""

_WINDOW_SLOTS = 8 * grid.PERIOD_SLOTS  # 33 s
_SHORTER_SLOTS = (_WINDOW_SLOTS // 2, _WINDOW_SLOTS // 4)
_BAND_PARTS = ((0, 1), (0, 1 / 3), (0, 2 / 3), (1 / 3, 1), (2 / 3, 1))
_MOST_PER_WINDOW = 4
_NEAR_STEPS = PHASES  # alignments closer than a slot see the same mark
_SPEED_STEP, _MOST_SPEED_STEPS, _SPEED_GAIN = 0.001, 6, 0.05
_SAME_SPEED, _SAME_ALIGNMENT = 0.003, 1.5 * grid.SLOT_SAMPLES  # a short sound fits neighbouring speeds alike
_FRESH_SHARE = 0.75  # of a window; the rest lies in the one before

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Detection:
    """A mark that was found."""

    score: float
    """At least DETECTED; corrected for the number of places, bands and speeds that were tried."""
    key_id: str
    generation_id: int | None
    """None when the mark is there but too weak or too short to read."""
    spans: Spans
    """Where the mark was seen, in seconds of the sound given, ascending, accurate to about half a second."""
    speed: float
    """How much faster than generated the sound plays, of the speeds tried; neighbours can fit a short sound alike."""

    @property
    def start_s(self) -> float:
        """Where the mark begins."""
        return self.spans[0][0]

    @property
    def end_s(self) -> float:
        """Where the mark ends."""
        return self.spans[-1][1]


def speed_grid(*, most: float = 0.048, step: float = 0.001) -> tuple[float, ...]:
    """Speeds around 1 for a fine search, the nearest first: 97 of them as it stands, 97 times the work."""
    n = round(most / step)
    return tuple(1 + i * step for i in sorted(range(-n, n + 1), key=abs))


def detect(
    samples: NDArray[np.float32],
    sample_rate: int,
    keys: Sequence[ProjectKey],
    *,
    speeds: Sequence[float] = FILM_SPEEDS,
) -> Detection | None:
    """The clearest mark of any of the keys in samples (channels, n) or (n,); None is "not detected".

    Raises WatermarkError on samples of another shape or no keys.
    """
    return clearest(localise(samples, sample_rate, keys, speeds=speeds))


def clearest(found: Sequence[Detection]) -> Detection | None:
    """The mark with an id, if any has one, and the highest score."""
    return max(found, key=lambda one: (one.generation_id is not None, one.score), default=None)


def describe(detection: Detection | None) -> str:
    """What was found, in the words that a report may use."""
    if detection is None:
        return "watermark not detected"
    carried = "no readable id" if detection.generation_id is None else f"generation {detection.generation_id:012x}"
    where = ", ".join(f"{begin:.1f}-{end:.1f} s" for begin, end in detection.spans)
    return f"watermark detected: key {detection.key_id}, {carried}, score {detection.score:.1f}, at {where}"


def localise(
    samples: NDArray[np.float32],
    sample_rate: int,
    keys: Sequence[ProjectKey],
    *,
    speeds: Sequence[float] = FILM_SPEEDS,
) -> tuple[Detection, ...]:
    """Every mark of the keys in samples (channels, n) or (n,), by start; also marks that lie over each other."""
    sound = np.atleast_2d(np.asarray(samples, np.float32))
    if sound.ndim != 2 or sound.shape[0] > sound.shape[1] > 0:
        raise WatermarkError(f"samples must have the shape (channels, n), not {samples.shape}")
    if sample_rate != grid.SAMPLE_RATE and sound.size:
        import soxr

        sound = np.ascontiguousarray(soxr.resample(sound.T, sample_rate, grid.SAMPLE_RATE, quality="HQ").T)
    return detect_stream([sound], keys, speeds=speeds)


def detect_stream(
    blocks: Iterable[NDArray[np.float32]], keys: Sequence[ProjectKey], *, speeds: Sequence[float] = FILM_SPEEDS
) -> tuple[Detection, ...]:
    """Every mark in a stream of blocks (channels, n) at 48 kHz, by start; memory does not grow with the length."""
    if not keys:
        raise WatermarkError("a watermark can only be looked for with its key: give at least one")
    tracks: list[_Track] = []
    for start, sound in _windows(blocks):
        for hit in _search(sound, keys, speeds=speeds):
            _follow(tracks, hit, start)
    found = [track.detection() for track in tracks]
    return tuple(sorted(found, key=lambda one: one.start_s))


def _windows(blocks: Iterable[NDArray[np.float32]]) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Overlapping stretches and their first samples; only the last is shorter, or the only one."""
    length = _WINDOW_SLOTS * grid.SLOT_SAMPLES
    advance = int(length * _FRESH_SHARE)
    start, held, fresh = 0, np.zeros((1, 0), np.float32), 0
    for block in blocks:
        held = np.concatenate([held, block], axis=1) if held.size else np.asarray(block, np.float32)
        fresh += block.shape[1]
        while held.shape[1] >= length:
            yield start, held[:, :length]
            start, held = start + advance, held[:, advance:]
            fresh = held.shape[1] - (length - advance)
    if fresh > 0 or (start == 0 and held.size):
        yield start, held


def _search(sound: NDArray[np.float32], keys: Sequence[ProjectKey], *, speeds: Sequence[float]) -> list[Hit]:
    evidence = Evidence(sound)
    for speed in speeds:
        n_speeds = 1 if speed == 1 else len(speeds)
        hits = _search_at(evidence, keys, speed=speed, n_speeds=n_speeds)
        if hits:
            return _sharpened(hits, evidence, keys, n_speeds=n_speeds)
    return []


def _search_at(evidence: Evidence, keys: Sequence[ProjectKey], *, speed: float, n_speeds: int) -> list[Hit]:
    tiles = evidence.at(speed)
    if not tiles.any():
        return []
    hits = []
    for key in keys:
        scores = _scores(tiles, grid.pattern_of(key).sync, n_speeds=n_speeds)
        for score, phase, shift in _peaks(scores):
            hits.append(read_mark(tiles, key, score=score, phase=phase, shift=shift, speed=speed))
    return hits


def _sharpened(hits: list[Hit], evidence: Evidence, keys: Sequence[ProjectKey], *, n_speeds: int) -> list[Hit]:
    """The hits at the speed nearby at which the best of them is clearest, when none of them can be read."""
    for direction in (1, -1):
        for _ in range(_MOST_SPEED_STEPS):
            if any(hit.generation_id is not None for hit in hits):
                return hits
            speed = hits[0].speed + direction * _SPEED_STEP
            nearby = _search_at(evidence, keys, speed=speed, n_speeds=n_speeds)
            if max((hit.score for hit in nearby), default=0.0) < max(hit.score for hit in hits) + _SPEED_GAIN:
                break
            hits = nearby
    return hits


def _scores(evidence: NDArray[np.float32], sync: NDArray[np.int8], *, n_speeds: int) -> Floats:
    """Best corrected score for every alignment: (PHASES, PERIOD_SLOTS)."""
    n_slots = evidence.shape[1]
    ranges = [(0, n_slots)]
    for length in _SHORTER_SLOTS:
        if length < n_slots:
            ranges += [(at, min(at + length, n_slots)) for at in range(0, n_slots - length // 2, length // 2)]
    signs = np.fft.rfft(sync, axis=0)
    places = np.fft.rfft(np.abs(sync), axis=0)
    n_bands = evidence.shape[2]
    parts = [slice(round(low * n_bands), round(high * n_bands)) for low, high in _BAND_PARTS]
    best = np.zeros((PHASES, grid.PERIOD_SLOTS))
    for nth_range, (begin, end) in enumerate(ranges):
        folded = _fold(evidence[:, begin:end], begin)
        along = np.conj(np.fft.rfft(folded, axis=1)) * signs
        spread = np.conj(np.fft.rfft(np.square(folded), axis=1)) * places
        for nth_part, part in enumerate(parts):
            sums = np.fft.irfft(along[:, :, part].sum(axis=2), n=grid.PERIOD_SLOTS, axis=1)
            squares = np.fft.irfft(spread[:, :, part].sum(axis=2), n=grid.PERIOD_SLOTS, axis=1)
            scores = np.where(squares > 1, sums / np.sqrt(np.maximum(squares, 1)), 0)
            tried = (len(ranges) if nth_range else 1) * (len(parts) if nth_part else 1) * n_speeds
            # Bonferroni's correction for Gaussian tails: exp(-z^2 / 2) grows by the number of trials.
            corrected = np.sqrt(np.maximum(np.square(np.maximum(scores, 0)) - 2 * math.log(tried), 0))
            best = np.maximum(best, corrected)
    return best


def _fold(evidence: NDArray[np.float32], begin: int) -> NDArray[np.float32]:
    """Sum of evidence (PHASES, n_slots, n_bands) over periods, slot `begin` at place begin modulo the period."""
    before = begin % grid.PERIOD_SLOTS
    after = -(before + evidence.shape[1]) % grid.PERIOD_SLOTS
    whole = np.pad(evidence, ((0, 0), (before, after), (0, 0)))
    return np.asarray(whole.reshape(PHASES, -1, grid.PERIOD_SLOTS, evidence.shape[2]).sum(axis=1))


def _peaks(scores: Floats) -> Iterator[tuple[float, int, int]]:
    """(score, phase, shift) of the clearest alignments: tile (p, j) holds the pattern's slot (j + shift) mod period."""
    # In the order of time: the pattern begins at step phase - shift * PHASES.
    n = scores.size
    steps = (np.arange(PHASES)[:, None] - np.arange(grid.PERIOD_SLOTS)[None, :] * PHASES) % n
    line = np.zeros(n)
    line[steps] = scores
    for _ in range(_MOST_PER_WINDOW):
        at = int(line.argmax())
        if line[at] < DETECTED:
            return
        phase = at % PHASES
        yield float(line[at]), phase, -((at - phase) // PHASES) % grid.PERIOD_SLOTS
        line[np.arange(at - _NEAR_STEPS, at + _NEAR_STEPS + 1) % n] = 0


@dataclass
class _Track:
    """Hits of one mark in one window after another."""

    best: Hit
    period: float
    begins: float
    soft: Floats
    generation_id: int | None
    spans: Spans
    score_energy: float
    n_hits: int = 1

    def detection(self) -> Detection:
        generation_id = self.generation_id
        if generation_id is None and self.n_hits > 1:
            # Windows that are too weak each may be readable together.
            generation_id, coded = payload.decode(self.soft)
            bits = float(self.soft @ coded) / math.sqrt(float(self.soft @ self.soft))
            if math.sqrt(self.score_energy * _FRESH_SHARE) + bits < ID_ACCEPTED * math.sqrt(2):
                generation_id = None
        return Detection(
            score=self.best.score,
            key_id=self.best.key.key_id,
            generation_id=generation_id,
            spans=self.spans,
            speed=self.best.speed,
        )


def _follow(tracks: list[_Track], hit: Hit, start: int) -> None:
    """Add a hit to the mark it continues, or begin another."""
    begins = start + hit.alignment
    at = start / grid.SAMPLE_RATE
    spans = tuple((begin + at, end + at) for begin, end in hit.spans)
    for track in tracks:
        if track.best.key is not hit.key or abs(track.best.speed - hit.speed) > _SAME_SPEED:
            continue
        apart = (begins - track.begins + track.period / 2) % track.period - track.period / 2
        if abs(apart) > _SAME_ALIGNMENT or (
            None not in (track.generation_id, hit.generation_id) and track.generation_id != hit.generation_id
        ):
            continue
        track.begins = begins
        track.soft = track.soft + hit.soft * hit.score
        track.score_energy += hit.score**2
        track.n_hits += 1
        track.generation_id = track.generation_id if track.generation_id is not None else hit.generation_id
        track.spans = _union(track.spans + spans)
        if hit.score > track.best.score:
            track.best = hit
        return
    tracks.append(
        _Track(
            best=hit,
            period=grid.PERIOD_SAMPLES / hit.speed,
            begins=begins,
            soft=hit.soft * hit.score,
            score_energy=hit.score**2,
            generation_id=hit.generation_id,
            spans=spans,
        )
    )


def _union(spans: Spans) -> Spans:
    joined: list[tuple[float, float]] = []
    for begin, end in sorted(spans):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((begin, end))
    return tuple(joined)
