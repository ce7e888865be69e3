"""Keeps the pictures around the play head decoded, in a thread of its own. Knows no Qt and no sound.

The thread works towards where the head is going: it leaves out what it could only deliver too late.
"""

import logging
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from math import ceil

from otio_v2a.errors import MediaError
from otio_v2a.picture_reader import Image, PictureReader
from otio_v2a_engine.contract import Picture

__all__ = ["PictureFeed"]

_log = logging.getLogger(__name__)

_AHEAD_S = 0.4
_MOST_AHEAD = 16
_AHEAD_PAST_S = 1.2
_MOST_AHEAD_PAST = 48
_KEPT = 64
_LONGEST_COST_S = 0.25


class PictureFeed:
    """The pictures of one clip by frame of the timeline, counted from the clip's first."""

    def __init__(
        self,
        picture: Picture,
        *,
        rate: Fraction,
        duration_s: Fraction,
        long_edge: int = 960,
        on_ready: Callable[[int], None] = lambda frame: None,
        on_error: Callable[[str], None] = lambda words: None,
    ) -> None:
        """Begin with the first frame.

        Args:
            picture: what is seen when.
            rate: the timeline's frames per second.
            duration_s: length of the clip.
            long_edge: longest side of the images, in pixels.
            on_ready: told in the feed's thread of every frame that has come.
            on_error: told in the feed's thread, once, why there are no pictures.
        """
        self.rate = rate
        self.n_frames = max(1, ceil(duration_s * rate))
        self._picture = picture
        self._long_edge = long_edge
        self._on_ready = on_ready
        self._on_error = on_error
        self._wake = threading.Condition()
        self._images: dict[int, Image] = {}
        self._head, self._speed = 0, 0.0
        self._cost_s = 0.02
        self._last: int | None = None
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, name="pictures", daemon=True)
        self._thread.start()

    def look_at(self, frame: int, speed: float) -> None:
        """Where the head is, and how fast it moves (0 stands)."""
        frame = min(max(frame, 0), self.n_frames - 1)
        with self._wake:
            if (frame, speed) != (self._head, self._speed):
                self._head, self._speed = frame, speed
                self._wake.notify()

    def get(self, frame: int) -> Image | None:
        """The picture of a frame, `(height, width, 4)` blue first; None as long as it has not come."""
        with self._wake:
            return self._images.get(min(max(frame, 0), self.n_frames - 1))

    def close(self) -> None:
        """End the thread and let go of the file."""
        with self._wake:
            self._is_closed = True
            self._wake.notify()
        self._thread.join()

    def _work(self) -> None:
        reader: PictureReader | None = None
        try:
            reader = PictureReader(
                self._picture, rate=self.rate, long_edge=self._long_edge, pixel_format="bgra", remembered=_KEPT
            )
            while True:
                with self._wake:
                    wanted = self._wanted()
                    if self._is_closed:
                        return
                    if wanted is None:
                        self._wake.wait()
                        continue
                    backwards = self._speed < 0
                began = time.perf_counter()
                image = reader.shown_at(wanted / self.rate, backwards=backwards).image
                # The first picture pays for the decoder's start, a jump for its key frame: neither tells of the next.
                # Otherwise the dearest of late counts: a picture that comes too early waits, one too late is lost.
                self._cost_s = max(min(time.perf_counter() - began, _LONGEST_COST_S), 0.9 * self._cost_s)
                with self._wake:
                    self._images[wanted] = image
                    self._last = wanted
                    while len(self._images) > _KEPT:
                        del self._images[max(self._images, key=lambda frame: abs(frame - self._head))]
                self._on_ready(wanted)
        except MediaError as error:
            self._on_error(str(error))
        except Exception as error:
            _log.exception("pictures of %s", self._picture.path)
            self._on_error(f"{self._picture.path} cannot be shown: {error}")
        finally:
            if reader is not None:
                reader.close()

    def _wanted(self) -> int | None:
        """The frame to decode next; None when all that is near is there."""
        head, speed = self._head, self._speed
        if speed == 0:
            return head if head not in self._images else None
        step = max(1, round(abs(speed))) * (1 if speed > 0 else -1)
        # What would come after the head has passed it is not worth its time.
        late = 0 if head in self._images else ceil(self._cost_s * float(self.rate))
        # Towards the media's start pictures come in batches from a key frame: the next has to begin well before.
        is_to_the_past = (speed < 0) == (self._picture.speed > 0) and self._picture.speed != 0
        ahead_s, most = (_AHEAD_PAST_S, _MOST_AHEAD_PAST) if is_to_the_past else (_AHEAD_S, _MOST_AHEAD)
        n_ahead = min(most, max(2, ceil(ahead_s * float(self.rate))))
        # Nor is what lies behind the decoder: it would have to go back to a key frame for it.
        if self._last is not None and 0 <= (self._last - head) // step <= n_ahead:
            late = max(late, (self._last - head) // step + 1)
        for number in range(late, n_ahead + min(late, n_ahead)):
            frame = min(max(head + number * step, 0), self.n_frames - 1)
            if frame not in self._images:
                return frame
        return None
