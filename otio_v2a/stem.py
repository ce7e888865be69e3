"""What a stem is: its layout, its takes, and where it lies in frames and samples. Data only: no files, no OTIO.

Frames and samples are counted from the timeline's start (record time 0). A *placement* puts a sound file on the
frame grid, so that a host which only knows whole frames lands on the right sample: the file begins a whole number
of frames before its clip, on a frame that begins on a whole sample. (At 29.97 a frame is 1601.6 samples, and every
fifth frame begins on one.) Between the timeline's samples and the file's there is then a whole number, however a
host rounds.
"""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from math import floor
from pathlib import Path

from otio_v2a.adjustments import NEUTRAL, Adjustment
from otio_v2a.spans import CutTiming
from otio_v2a_engine.bleed_note import Bleed
from otio_v2a_engine.contract import PromptSpec, Role
from otio_v2a_engine.lengths import position

__all__ = ["Layout", "Placement", "Render", "Stem", "StemClip", "StemTake", "place", "place_whole"]

_LARGEST_UNIT = 240
"""Rates whose frames meet whole samples more rarely than this (odd rates of phones) keep to whole frames only."""

_DAY_S = 86400


class Layout(StrEnum):
    """How sound is laid out on the timeline."""

    CLIPS = "clips"
    """Clip by clip, with handles; the takes are the clip's media references."""
    ROLES = "roles"
    """One full-length file per role."""


@dataclass(frozen=True)
class Placement:
    """Where a sound file lies.

    Attributes:
        frame: record frame of the first that is heard.
        n_frames: frames that are heard.
        head_frames: frames of the file before the first that is heard.
        tail_frames: frames of the file after the last that is heard.
        file_start: record sample of the file's first sample; negative when its handle reaches before the start.
        n_samples: length of the file.
        time_reference: samples since midnight of the file's first sample.
    """

    frame: int
    n_frames: int
    head_frames: int
    tail_frames: int
    file_start: int
    n_samples: int
    time_reference: int

    @property
    def file_frames(self) -> int:
        """Whole frames of the file."""
        return self.head_frames + self.n_frames + self.tail_frames


@dataclass(frozen=True)
class Render:
    """A sound file as the engine left it.

    Attributes:
        path: the file.
        file_start: record sample of its first sample.
        n_samples: its length.
    """

    path: Path
    file_start: int
    n_samples: int


@dataclass(frozen=True)
class StemTake:
    """A take as a stem holds it.

    Attributes:
        number: 1-based.
        path: its sound: the delivered file of a clip, or the stored render that a full-length stem is made of.
        file_start: record sample of the first sample of `path`.
        n_samples: length of `path`.
        content_hash: what it is, in one word.
        seed: seed that was rendered.
        prompt: prompt that was rendered.
        engine: name of what rendered it.
        engine_version: its version.
        source: the stored render that `path` was made of; None when `path` is that render, or nobody remembers.
        starred: whether the editor marked it as one to come back to.
        made_from: content hash of the take whose region was rendered anew to make it; empty for whole renders.
        rolls: which re-roll it is; 0 is the first render.
        fit: how well it was found to fit then, 0 to 1; None when nobody asked.
        bleed: what was heard in it then that nobody had asked for; None when nobody listened.
    """

    number: int
    path: Path
    file_start: int
    n_samples: int
    content_hash: str
    seed: int
    prompt: PromptSpec
    engine: str
    engine_version: str
    source: Render | None = None
    starred: bool = False
    made_from: str = ""
    rolls: int = 0
    fit: float | None = None
    bleed: Bleed | None = None

    @property
    def render(self) -> Render:
        """The sound before any adjustment, as far as it is known."""
        return self.source or Render(path=self.path, file_start=self.file_start, n_samples=self.n_samples)


@dataclass(frozen=True)
class StemClip:
    """The takes of one clip and role.

    Attributes:
        clip_id: id of the picture clip.
        name: its name.
        track: name of its track.
        record_start: record sample of its first sample.
        span_samples: its length.
        takes: at least one, by number.
        active: number of the take that is heard.
        adjustment: gain, fades and nudge of all its takes.
    """

    clip_id: str
    name: str
    track: str
    record_start: int
    span_samples: int
    takes: tuple[StemTake, ...]
    active: int
    adjustment: Adjustment = NEUTRAL

    def __post_init__(self) -> None:
        if self.active not in [take.number for take in self.takes]:
            raise ValueError(f"clip {self.name!r} has no take {self.active}")

    @property
    def record_stop(self) -> int:
        """Record sample after its last."""
        return self.record_start + self.span_samples

    @property
    def active_take(self) -> StemTake:
        """The take that is heard."""
        return next(take for take in self.takes if take.number == self.active)


@dataclass(frozen=True)
class Stem:
    """Sound on the timeline: one clip's, or a whole role's.

    Attributes:
        role: what it holds.
        layout: whether it is one clip's or a whole role's.
        path: the file that is heard.
        placement: where that lies.
        sample_rate: Hz.
        channels: 1 or 2.
        clips: the clips whose takes it holds; exactly one with `Layout.CLIPS`.
        cut_name: name of the cut it was made for.
        timing: clock of that cut.
        gain_db: gain on the sum, below 0 only where overlapping clips would exceed full scale.
    """

    role: Role
    layout: Layout
    path: Path
    placement: Placement
    sample_rate: int
    channels: int
    clips: tuple[StemClip, ...]
    cut_name: str
    timing: CutTiming
    gain_db: float = 0.0

    @property
    def clip_id(self) -> str:
        """Id of its clip; empty when it is a whole role's."""
        return self.clips[0].clip_id if self.layout is Layout.CLIPS else ""

    @property
    def clip_name(self) -> str:
        """Name of its clip; empty when it is a whole role's."""
        return self.clips[0].name if self.layout is Layout.CLIPS else ""

    @property
    def takes(self) -> tuple[StemTake, ...]:
        """Every take it holds, clip after clip."""
        return tuple(take for clip in self.clips for take in clip.takes)

    @property
    def record_start(self) -> int:
        """Record sample of the first that is meant to be heard."""
        return self.clips[0].record_start if self.layout is Layout.CLIPS else self.placement.file_start

    @property
    def n_samples(self) -> int:
        """Samples that are meant to be heard."""
        return self.clips[0].span_samples if self.layout is Layout.CLIPS else self.placement.n_samples


def place(
    start_s: Fraction,
    duration_s: Fraction,
    *,
    timing: CutTiming,
    sample_rate: int,
    before: int,
    after: int,
) -> Placement:
    """Put the sound of a span on the frame grid, with as much of its handles as whole frames allow.

    Args:
        start_s: record time of the span.
        duration_s: its length.
        timing: clock of the cut.
        sample_rate: Hz.
        before: samples of sound that exist before the span.
        after: samples of sound that exist after it.
    """
    rate = timing.rate
    frame = position(start_s, rate)
    stop = max(position(start_s + duration_s, rate), frame + 1)
    per_frame = Fraction(sample_rate) / rate
    unit = per_frame.denominator if per_frame.denominator <= _LARGEST_UNIT else 1
    # A span that begins between two frames lends what lies between to its handle.
    head = before + position(frame / rate, sample_rate) - position(start_s, sample_rate)
    tail = after + position(start_s + duration_s, sample_rate) - position(stop / rate, sample_rate)
    # Time of day cannot be negative, so a handle does not reach before midnight.
    most = position(timing.global_start_s, rate) + frame
    most_frames = max(0, min(floor(head / per_frame), most))
    beyond = (frame - most_frames) % unit
    head_frames = most_frames - (unit - beyond) % unit
    if head_frames < 0:  # Too short a handle to reach such a frame.
        head_frames = 0
    tail_frames = max(0, floor(tail / per_frame))
    file_start = position((frame - head_frames) / rate, sample_rate)
    file_stop = position((stop + tail_frames) / rate, sample_rate)
    return Placement(
        frame=frame,
        n_frames=stop - frame,
        head_frames=head_frames,
        tail_frames=tail_frames,
        file_start=file_start,
        n_samples=file_stop - file_start,
        time_reference=_time_reference(timing, frame - head_frames, sample_rate),
    )


def place_whole(timing: CutTiming, *, sample_rate: int) -> Placement:
    """A file over the whole timeline, from its first frame to its last."""
    n_frames = max(1, -floor(-timing.duration_s * timing.rate))
    return Placement(
        frame=0,
        n_frames=n_frames,
        head_frames=0,
        tail_frames=0,
        file_start=0,
        n_samples=position(n_frames / timing.rate, sample_rate),
        time_reference=_time_reference(timing, 0, sample_rate),
    )


def _time_reference(timing: CutTiming, frame: int, sample_rate: int) -> int:
    """Samples since midnight of a record frame; a cut that runs past midnight starts anew."""
    return position(timing.global_start_s + frame / timing.rate, sample_rate) % (_DAY_S * sample_rate)
