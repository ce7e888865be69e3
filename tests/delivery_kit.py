"""Cuts and takes for the tests of delivery: real files, exact positions, no engine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np
import opentimelineio as otio
import soundfile

from otio_v2a.dialects import Dialect
from otio_v2a.spans import ClipSpan, CutTiming, MediaFile
from otio_v2a.stem import StemClip, StemTake
from otio_v2a.takes import Take
from otio_v2a.timeline import Cut
from otio_v2a_engine.contract import PromptSpec, Role
from otio_v2a_engine.lengths import position

RationalTime, TimeRange = otio.opentime.RationalTime, otio.opentime.TimeRange
Sound = Callable[[np.ndarray], np.ndarray]
"""Sample positions counted from a clip's first sample -> values."""


def time_range(start: float, duration: float, rate: float) -> otio.opentime.TimeRange:
    return TimeRange(RationalTime(start, rate), RationalTime(duration, rate))


@dataclass(frozen=True)
class PictureClip:
    name: str
    frame: int
    n_frames: int


def make_cut(
    folder: Path,
    *,
    rate: Fraction = Fraction(25),
    clips: Sequence[PictureClip] = (PictureClip("SH010", 0, 50), PictureClip("SH020", 50, 40)),
    start_frame: int = 0,
    drop_frame: bool = False,
    name: str = "reel",
    media: str = "picture.mov",
    spelled_rate: float | None = None,
) -> Cut:
    """A cut whose picture files need not exist; clips do not overlap."""
    written = float(rate) if spelled_rate is None else spelled_rate
    timeline = otio.schema.Timeline(name, global_start_time=RationalTime(start_frame, written))
    timeline.metadata["studio"] = {"show": "test", "ids": [1, 2, 3]}
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    timeline.tracks.append(track)
    spans = []
    at = 0
    for index, clip in enumerate(clips, start=1):
        if clip.frame > at:
            track.append(otio.schema.Gap(source_range=time_range(0, clip.frame - at, written)))
        reference = otio.schema.ExternalReference(
            target_url=media, available_range=time_range(0, clip.n_frames + 100, written)
        )
        item = otio.schema.Clip(clip.name, reference, time_range(50, clip.n_frames, written))
        item.markers.append(otio.schema.Marker("note", time_range(51, 1, written), color="RED"))
        track.append(item)
        at = clip.frame + clip.n_frames
        spans.append(
            ClipSpan(
                clip_id=f"id-{index}-{clip.name}",
                name=clip.name,
                track="V1",
                record_start_s=clip.frame / rate,
                duration_s=clip.n_frames / rate,
                rate=rate,
                media=MediaFile(path=str(folder / media), rate=rate, duration_s=(clip.n_frames + 100) / rate),
                source_start_s=50 / rate,
                index=index,
            )
        )
    return Cut(
        path=folder / f"{name}.otio",
        name=name,
        timeline=timeline,
        timing=CutTiming(rate=rate, global_start_s=start_frame / rate, duration_s=at / rate, drop_frame=drop_frame),
        spans=tuple(spans),
        skipped=(),
        dialect=Dialect(),
    )


def clicks(*offsets: int, level: float = 0.8) -> Sound:
    """Single samples at these offsets from the clip's first sample."""

    def sound(n: np.ndarray) -> np.ndarray:
        return np.where(np.isin(n, offsets), level, 0.0)

    return sound


def constant(value: float) -> Sound:
    return lambda n: np.full(len(n), value)


def noise(seed: int, level: float = 0.1) -> Sound:
    """White noise, the same at a position however much of it is asked for (positions from -100000 to 400000)."""
    values = _noise(seed) * level
    return lambda n: values[n + 100_000]


@lru_cache(maxsize=8)
def _noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, 500_000).clip(-4, 4)


def at_record_time(sound: Sound, span: ClipSpan) -> Sound:
    """The same sound counted from the timeline's start."""
    return lambda n: sound(n + span.first_sample(48000))


def make_take(
    folder: Path,
    span: ClipSpan,
    sound: Sound,
    *,
    role: Role = Role.FX,
    number: int = 1,
    before: int = 24000,
    after: int = 24000,
    channels: int = 2,
    sample_rate: int = 48000,
    prompt: str = "steps on gravel",
    engine: str = "fake",
) -> Take:
    """A stored render: float32, handles included."""
    length = span.n_samples(sample_rate)
    n = np.arange(-before, length + after)
    values = np.repeat(sound(n).astype(np.float32)[:, None], channels, axis=1)
    content_hash = f"{abs(hash((span.clip_id, role, number, values.tobytes()))):016x}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{content_hash}.wav"
    soundfile.write(path, values, sample_rate, subtype="FLOAT")
    return Take(
        path=path,
        clip_id=span.clip_id,
        role=role,
        number=number,
        content_hash=content_hash,
        seed=40 + number,
        prompt=PromptSpec(text=prompt, negative_text="music", role=role),
        engine=engine,
        engine_version="1",
        sample_rate=sample_rate,
        channels=channels,
        n_samples=len(n),
        handle_before=before,
        handle_after=after,
        record_start=span.first_sample(sample_rate),
        span_samples=length,
    )


def stem_clip_of(take: Take, name: str = "clip") -> StemClip:
    """A take alone, as conforming sees it."""
    return StemClip(
        clip_id=take.clip_id,
        name=name,
        track="V1",
        record_start=take.record_start,
        span_samples=take.span_samples,
        takes=(
            StemTake(
                number=take.number,
                path=take.path,
                file_start=take.file_start,
                n_samples=take.n_samples,
                content_hash=take.content_hash,
                seed=take.seed,
                prompt=take.prompt,
                engine=take.engine,
                engine_version=take.engine_version,
            ),
        ),
        active=take.number,
    )


def sample_of_frame(frame: int, rate: Fraction, sample_rate: int = 48000) -> int:
    return position(frame / rate, sample_rate)


def peaks(samples: np.ndarray, level: float = 0.4) -> list[int]:
    """Positions of the samples above a level in the first channel; `(n, channels)`."""
    return [int(at) for at in np.flatnonzero(np.abs(samples[:, 0]) > level)]
