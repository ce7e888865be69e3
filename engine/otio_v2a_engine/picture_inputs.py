"""What a script gives as picture: a file, or frames in memory, as from a video model. Knows no model and no sound."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

from otio_v2a_engine.conditioning import ReadFrames
from otio_v2a_engine.contract import Picture, PictureError
from otio_v2a_engine.frames import probe
from otio_v2a_engine.lengths import nearest_rate
from otio_v2a_engine.picture_scale import Fit, Scaler
from otio_v2a_engine.picture_sequence import StillSequence, is_pattern

__all__ = ["FrameArray", "GivenPicture", "exact_seconds"]

Seconds = float | Fraction

_NAME = "frames in memory"


@dataclass(frozen=True)
class FrameArray:
    """Frames of a constant rate; the first has media time 0.

    Attributes:
        frames: uint8 RGB `(T, H, W, 3)`, upright, with square pixels.
        rate: frames per second.
    """

    frames: npt.NDArray[np.uint8]
    rate: Fraction

    @classmethod
    def of(cls, video: Any, *, fps: float | Fraction) -> "FrameArray":
        """Frames as pipelines for video return them.

        Args:
            video: `(T, H, W, 3)` array or tensor, or a list of `(H, W, 3)` arrays or PIL images; uint8, or floats of
                0 to 1.
            fps: frames per second; 23.976 is taken for 24000/1001.

        Raises:
            PictureError: it has another shape, type or range, or no frames.
            ValueError: the rate cannot be.
        """
        whole = (
            np.stack([np.asarray(frame) for frame in video]) if isinstance(video, (list, tuple)) and video else video
        )
        frames = np.asarray(whole)
        if frames.ndim != 4 or frames.shape[3] != 3 or not frames.size:
            raise PictureError(
                f"frames are an array (T, H, W, 3) of one clip, not {frames.shape}; of a batch take one, and put the "
                "channels last"
            )
        if np.issubdtype(frames.dtype, np.floating):
            if not (np.isfinite(frames).all() and frames.min() >= 0 and frames.max() <= 1):
                raise PictureError(f"frames of {frames.dtype} are from 0 to 1; of frames from -1 to 1 give (f + 1) / 2")
            frames = np.round(frames * 255.0).astype(np.uint8)
        if frames.dtype != np.uint8:
            raise PictureError(f"frames are uint8, or floats from 0 to 1, not {frames.dtype}")
        return cls(frames=frames, rate=_rate(fps))

    @property
    def duration_s(self) -> Fraction:
        """From the first frame's start to the last one's end."""
        return len(self.frames) / self.rate

    def picture(self, cuts_s: tuple[Fraction, ...] = ()) -> Picture:
        """The whole of it, to be read with `read`; no other reader finds it."""
        return Picture(path=_NAME, cuts_s=cuts_s)

    def read(
        self, picture: Picture, times_s: Sequence[Fraction], *, width: int, height: int, fit: Fit
    ) -> Iterator[npt.NDArray[np.uint8]]:
        """The frames nearest to request times, scaled; see `frames.read_frames`."""
        scaler = Scaler(width=width, height=height, fit=fit)
        for time in times_s:
            nearest = ceil(picture.media_time(time) * self.rate - Fraction(1, 2))  # ties to the earlier
            frame = self.frames[min(max(nearest, 0), len(self.frames) - 1)]
            yield scaler(VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24"), aspect=Fraction(1))


@dataclass(frozen=True)
class GivenPicture:
    """A picture, and how to have it.

    Attributes:
        picture: for a request.
        frames: that it is made of, where no file holds them.
    """

    picture: Picture
    frames: FrameArray | None = None

    @classmethod
    def of(cls, video: Any, *, fps: Seconds | None, cuts: Sequence[Seconds]) -> "GivenPicture":
        """Take what a script has.

        Args:
            video: path of a movie, printf pattern of an image sequence, frames as in `FrameArray.of`, or a `Picture`.
            fps: frames per second of frames and of image sequences.
            cuts: seconds at which shots begin, ascending.

        Raises:
            PictureError: frames cannot be taken, or no image has such a name.
            ValueError: a rate is missing or one too many, or cuts are not ascending.
        """
        cuts_s = tuple(exact_seconds(cut) for cut in cuts)
        if isinstance(video, Picture):
            if fps is not None or cuts_s:
                raise ValueError("a Picture says its rate and its cuts by itself")
            return cls(video)
        if not isinstance(video, (str, os.PathLike)):
            if fps is None:
                raise ValueError("frames need their rate: fps=24")
            frames = FrameArray.of(video, fps=fps)
            return cls(frames.picture(cuts_s), frames)
        path = os.path.abspath(video)
        if not is_pattern(path):
            if fps is not None:
                raise ValueError(f"{path} says its rate by itself; fps is for frames and image sequences")
            return cls(Picture(path, cuts_s=cuts_s))
        if fps is None:
            raise ValueError(f"{path} is an image sequence and needs its rate: fps=24")
        first = StillSequence(path, rate=_rate(fps), first=0).numbers[0]
        return cls(Picture(path, cuts_s=cuts_s, sequence_rate=_rate(fps), sequence_first=first))

    @property
    def read(self) -> ReadFrames | None:
        """What reads the frames; None where `frames.read_frames` does."""
        return None if self.frames is None else self.frames.read

    def duration_s(self) -> Fraction:
        """How long the picture lasts.

        Raises:
            PictureError: the file cannot be decoded.
            ValueError: it is but a part of its file, or runs at another speed.
        """
        if self.frames is not None:
            return self.frames.duration_s
        if self.picture.start_s or self.picture.speed != 1 or self.picture.last_s is not None:
            raise ValueError("a Picture that is a part of its file, or runs at another speed, needs a duration")
        return probe(self.picture).duration_s


def exact_seconds(seconds: Seconds) -> Fraction:
    """Floats to the nearest sample of 48 kHz, or nearer."""
    return seconds if isinstance(seconds, Fraction) else Fraction(seconds).limit_denominator(48000)


def _rate(fps: Seconds) -> Fraction:
    return fps if isinstance(fps, Fraction) else nearest_rate(fps)
