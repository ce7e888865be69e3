"""Owns the demo cut: which shots make which movie, how the clips lie on the timeline, what they ask for, the truth.

Renders nothing and decodes nothing; `otio_v2a.demo.build` writes what this module says.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from otio_v2a.demo.shots import Event, events, shot

if TYPE_CHECKING:
    import opentimelineio as otio

__all__ = ["CLIPS", "GAP_FRAMES", "MOVIES", "RATE", "START_FRAME", "ClipPlan", "MoviePlan", "timeline", "truth"]

TITLE = "Evening rain"
RATE = 24
START_FRAME = 3600 * RATE
# A black beat before the last clip.
GAP_FRAMES = 12
_MEDIA = "media"


@dataclass(frozen=True)
class MoviePlan:
    """A movie file: whole shots, one after another, all at one rate."""

    name: str
    shots: tuple[str, ...]

    @property
    def rate(self) -> int:
        """Frames a second."""
        return shot(self.shots[0]).rate

    @property
    def n_frames(self) -> int:
        """Frames in the file."""
        return sum(shot(name).n_frames for name in self.shots)

    @property
    def url(self) -> str:
        """Where it lies, from the timeline's folder."""
        return f"{_MEDIA}/{self.name}.mp4"

    def first_frames(self) -> dict[str, int]:
        """Where each shot starts."""
        starts, total = {}, 0
        for name in self.shots:
            starts[name] = total
            total += shot(name).n_frames
        return starts

    def events(self) -> list[tuple[Fraction, Event]]:
        """Every event with the time in the file at which its shot starts."""
        return [
            (Fraction(first, self.rate), event)
            for name, first in self.first_frames().items()
            for event in events(shot(name))
        ]


@dataclass(frozen=True)
class ClipPlan:
    """A clip on the timeline, with frames of its movie left over on both sides.

    Attributes:
        start: first frame shown, in frames of the movie.
        n_frames: length on the timeline, in its frames.
        speed: 0.5 is half speed.
        effects: what the FX stem is asked for; ambience: the AMB stem.
    """

    name: str
    movie: MoviePlan
    start: int
    n_frames: int
    effects: str
    ambience: str
    speed: Fraction = Fraction(1)

    @property
    def start_s(self) -> Fraction:
        """First moment shown, in seconds of the movie."""
        return Fraction(self.start, self.movie.rate)


_TAP = MoviePlan("tap", ("tap",))
_BOOTS = MoviePlan("boots", ("boots",))
_MARBLE = MoviePlan("marble", ("marble", "dominoes"))
_CRADLE = MoviePlan("cradle", ("cradle",))
MOVIES = (_TAP, _BOOTS, _MARBLE, _CRADLE)

_RAIN = "rain on a window, quiet room at night"
CLIPS = (
    ClipPlan("Tap", _TAP, 8, 66, "water drops falling into a metal bowl", _RAIN),
    ClipPlan("Boots", _BOOTS, 8, 60, "footsteps, rubber boots on a wooden floor", "rain outside an open door"),
    ClipPlan(
        "Marble and blocks",
        _MARBLE,
        8,
        132,
        "a marble rolls on wood, falls and bounces on a wooden table, wooden blocks topple",
        _RAIN,
    ),
    ClipPlan("Cradle", _CRADLE, 8, 84, "metal balls clank against each other", _RAIN, speed=Fraction(1, 2)),
)


def timeline() -> "otio.schema.Timeline":
    """The cut: one picture track, media by relative path, starting at 01:00:00:00."""
    import opentimelineio as otio

    time, span = otio.opentime.RationalTime, otio.opentime.TimeRange
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    for clip in CLIPS:
        if clip is CLIPS[-1]:
            track.append(otio.schema.Gap(source_range=span(time(0, RATE), time(GAP_FRAMES, RATE))))
        item = otio.schema.Clip(
            name=clip.name,
            media_reference=otio.schema.ExternalReference(
                target_url=clip.movie.url,
                available_range=span(time(0, clip.movie.rate), time(clip.movie.n_frames, clip.movie.rate)),
            ),
            # At the timeline's rate, like the hosts: the duration is the record duration, whatever the speed.
            source_range=span(time(float(clip.start_s * RATE), RATE), time(clip.n_frames, RATE)),
            metadata={
                "otio_v2a": {
                    "prompts": {
                        "FX": {"text": clip.effects, "negative_text": "music, speech"},
                        "AMB": {"text": clip.ambience, "negative_text": "music, speech"},
                    }
                }
            },
        )
        if clip.speed != 1:
            item.effects.append(otio.schema.LinearTimeWarp(name="half speed", time_scalar=float(clip.speed)))
        track.append(item)
    result = otio.schema.Timeline(TITLE, global_start_time=time(START_FRAME, RATE))
    result.tracks.append(track)
    return result


def truth() -> dict[str, Any]:
    """Content of events.json: what is heard when, in every movie and in the cut; times in seconds.

    `record_s` counts from the start of the cut; `screen` is (x from the left, y from the top), 0 to 1 inside the
    picture.
    """
    return {
        "title": TITLE,
        "rate": RATE,
        "global_start_frame": START_FRAME,
        "n_frames": sum(clip.n_frames for clip in CLIPS) + GAP_FRAMES,
        "movies": [_movie_truth(movie) for movie in MOVIES],
        "clips": _clip_truths(),
    }


def _movie_truth(movie: MoviePlan) -> dict[str, Any]:
    return {
        "file": movie.url,
        "rate": movie.rate,
        "n_frames": movie.n_frames,
        "shots": [{"name": name, "first_frame": first} for name, first in movie.first_frames().items()],
        "events": [
            _entry(event, "media_s", float(base_s) + event.time_s, _later(base_s, event.end_s))
            for base_s, event in movie.events()
        ],
    }


def _clip_truths() -> list[dict[str, Any]]:
    truths, record = [], 0
    for clip in CLIPS:
        if clip is CLIPS[-1]:
            record += GAP_FRAMES
        record_s, length_s = record / RATE, clip.n_frames / RATE
        heard = []
        for base_s, event in clip.movie.events():
            start_s = (float(base_s - clip.start_s) + event.time_s) / float(clip.speed)
            end_s = start_s if event.end_s is None else start_s + (event.end_s - event.time_s) / float(clip.speed)
            # What lasts may begin before the clip does or go on after it.
            if end_s < 0 or start_s >= length_s or (event.end_s is None and start_s < 0):
                continue
            until_s = None if event.end_s is None else record_s + min(end_s, length_s)
            heard.append(_entry(event, "record_s", record_s + max(start_s, 0.0), until_s))
        truths.append(
            {
                "name": clip.name,
                "file": clip.movie.url,
                "record_start_frame": record,
                "n_frames": clip.n_frames,
                "speed": float(clip.speed),
                "events": heard,
            }
        )
        record += clip.n_frames
    return truths


def _later(base_s: Fraction, end_s: float | None) -> float | None:
    return None if end_s is None else float(base_s) + end_s


def _entry(event: Event, key: str, time_s: float, end_s: float | None) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "shot": event.shot,
        "kind": event.kind,
        "material": event.material,
        "strength": round(event.strength, 3),
        key: round(time_s, 6),
        "screen": [round(value, 4) for value in event.screen],
    }
    if end_s is not None:
        entry[key.replace("_s", "_end_s")] = round(end_s, 6)
    return entry
