"""Owns the clips' small pictures: decoded in threads for rows that are looked at, kept in memory and in a cache.

Asked while a list paints, so the answer is at once: a picture or none yet. What was scrolled past is not decoded.
"""

import hashlib
import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from PySide6.QtCore import QObject, QSize, Qt, Signal
from PySide6.QtGui import QImage, QPixmap

from otio_v2a_engine.contract import Picture
from otio_v2a_ui.folders import cache_folder

__all__ = ["SHOWN", "Thumbnails", "decode"]

_log = logging.getLogger(__name__)

SHOWN = QSize(80, 45)
"""What the list shows, in units of its screen."""
_SIZE = SHOWN * 2
"""For dense screens."""
_IN_MEMORY = 1500
_WAITING = 48
_MOST_FRAMES = 400
"""Frames decoded on the way from a key frame; a picture from farther on is not worth the wait."""


@dataclass(frozen=True)
class _Wish:
    picture: Picture
    at_s: Fraction


class Thumbnails(QObject):  # type: ignore[misc]
    """Pictures by clip.

    Signals:
        ready: the clip id whose picture can be had now.
    """

    ready = Signal(str)
    _made = Signal(str, object)

    def __init__(self, *, folder: Path | None = None, threads: int = 1, parent: QObject | None = None) -> None:
        """`folder` keeps the pictures; the user's cache when None."""
        super().__init__(parent)
        self._folder = folder or cache_folder() / "thumbnails"
        self._pixmaps: OrderedDict[str, QPixmap | None] = OrderedDict()
        self._wishes: OrderedDict[str, _Wish] = OrderedDict()
        self._under_way: set[str] = set()
        self._changed = threading.Condition()
        self._closing = False
        self._threads: list[threading.Thread] = []
        self._n_threads = threads
        self._made.connect(self._take_in, Qt.ConnectionType.QueuedConnection)

    def get(self, clip_id: str, ask: Callable[[], tuple[Picture, Fraction] | None]) -> QPixmap | None:
        """A clip's picture; None as long as there is none, and then `ready` tells of it.

        `ask` says what it is of, and at which clip time; it is called only when nobody knows yet.
        """
        if clip_id in self._pixmaps:
            self._pixmaps.move_to_end(clip_id)
            return self._pixmaps[clip_id]
        with self._changed:
            if clip_id in self._wishes or clip_id in self._under_way:
                # Wished for again: it is on the screen still.
                if clip_id in self._wishes:
                    self._wishes.move_to_end(clip_id)
                return None
        asked = ask()
        if asked is not None:
            self._wish(clip_id, *asked)
        return None

    def forget(self) -> None:
        """Another cut: clip ids mean other clips now."""
        self._pixmaps.clear()
        with self._changed:
            self._wishes.clear()

    def close(self) -> None:
        """End the threads."""
        with self._changed:
            self._closing = True
            self._wishes.clear()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(10)

    def _wish(self, clip_id: str, picture: Picture, at_s: Fraction) -> None:
        with self._changed:
            if self._closing:
                return
            self._wishes[clip_id] = _Wish(picture, at_s)
            while len(self._wishes) > _WAITING:
                self._wishes.popitem(last=False)
            if len(self._threads) < self._n_threads:
                thread = threading.Thread(target=self._work, name="thumbnails", daemon=True)
                self._threads.append(thread)
                thread.start()
            self._changed.notify()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._wishes and not self._closing:
                    self._changed.wait()
                if self._closing:
                    return
                # The latest wish is what is on the screen now.
                clip_id, wish = self._wishes.popitem(last=True)
                self._under_way.add(clip_id)
            image = self._make(wish)
            with self._changed:
                self._under_way.discard(clip_id)
                if self._closing:
                    return
            self._made.emit(clip_id, image)

    def _make(self, wish: _Wish) -> QImage | None:
        at_s = wish.picture.media_time(wish.at_s)
        path = self._path(wish.picture, at_s)
        if path is None:
            return None
        image = QImage(str(path)) if path.is_file() else QImage()
        if not image.isNull():
            return image
        try:
            image = decode(wish.picture, at_s)
        except Exception as error:  # Third-party decoders on files of anybody: no picture, and the list goes on.
            _log.info("no picture of %s: %s", wish.picture.path, error)
            return None
        image = image.scaled(_SIZE, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = path.with_suffix(f".{os.getpid()}.{threading.get_ident()}.partial")
            if image.save(str(beside), "JPEG", 82):
                beside.replace(path)
        except OSError as error:
            _log.info("a picture cannot be kept: %s", error)
        return image

    def _path(self, picture: Picture, at_s: Fraction) -> Path | None:
        try:
            state = os.stat(_file(picture, at_s))
        except OSError:
            return None
        text = f"{picture.path}\n{state.st_size}\n{state.st_mtime_ns}\n{at_s}\n{picture.sequence_rate}"
        name = hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
        return self._folder / name[:2] / f"{name}.jpg"

    def _take_in(self, clip_id: str, image: QImage | None) -> None:
        pixmap = QPixmap.fromImage(image) if image is not None else None
        if pixmap is not None:
            # Already as small as it is shown: scaling while painting would cost a frame.
            pixmap.setDevicePixelRatio(max(pixmap.width() / SHOWN.width(), pixmap.height() / SHOWN.height()))
        self._pixmaps[clip_id] = pixmap
        while len(self._pixmaps) > _IN_MEMORY:
            self._pixmaps.popitem(last=False)
        self.ready.emit(clip_id)


def _file(picture: Picture, at_s: Fraction) -> str:
    if picture.sequence_rate is None:
        return picture.path
    return picture.path % (picture.sequence_first + int(at_s * picture.sequence_rate))


def decode(picture: Picture, at_s: Fraction) -> QImage:
    """The frame that a picture's media shows at a media time.

    Raises:
        OSError, ValueError, av.FFmpegError: it cannot be decoded.
    """
    import av

    with av.open(_file(picture, at_s)) as container:
        if not container.streams.video:
            raise ValueError("it has no picture")
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        base = stream.time_base or Fraction(1, 1000)
        first = stream.start_time or 0
        wanted = first if picture.sequence_rate is not None else first + int(at_s / base)
        if wanted > first:
            container.seek(wanted, stream=stream, backward=True)
        frame = None
        for number, frame in enumerate(container.decode(stream)):
            end = (frame.pts or 0) + (frame.duration or 0)
            if end > wanted or number >= _MOST_FRAMES:
                break
        if frame is None:
            raise ValueError("it has no frame there")
        height = _SIZE.height() * 2 if frame.height > _SIZE.height() * 2 else frame.height
        width = max(2, round(frame.width * height / frame.height))
        small = frame.reformat(width=width, height=height, format="rgb24")
        array = small.to_ndarray()
    return QImage(array.data, width, height, array.strides[0], QImage.Format.Format_RGB888).copy()
