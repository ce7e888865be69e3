"""A strip that shows a take's waveform as it sounds: where its nudge puts it, with its gain and fades."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from otio_v2a_ui import theme
from otio_v2a_ui.peaks import Analyst, Peaks, SoundPicture
from otio_v2a_ui.state import StemSound
from otio_v2a_ui.timestrip import TimeAxis, TimeStrip, mixed

__all__ = ["SoundStrip", "WaveformView", "heard_columns"]


class SoundStrip(TimeStrip):
    """A strip of one sound file, which is looked at off the interface thread."""

    _found = Signal(object)

    def __init__(self, axis: TimeAxis, analyst: Analyst, parent: QWidget | None = None) -> None:
        super().__init__(axis, parent)
        self._analyst = analyst
        self.stem: StemSound | None = None
        self.picture: SoundPicture | None = None
        self._is_lost = False
        self._found.connect(self._take, Qt.ConnectionType.QueuedConnection)

    def set_stem(self, stem: StemSound | None) -> None:
        """Show another sound, or none."""
        before, self.stem = self.stem, stem
        if stem is None:
            self.picture = None
        elif before is None or before.path != stem.path or self.picture is None:
            self._is_lost = False
            self.picture = self._analyst.get(stem.path)
            if self.picture is None:
                self._ask(stem.path)
        self.renew()

    def _ask(self, path: Path) -> None:
        def done(found: Any) -> None:
            with suppress(RuntimeError):  # The strip may have gone while the file was read.
                self._found.emit((path, found))

        self._analyst.ask(path, done)

    def _take(self, answer: tuple[Path, SoundPicture | None]) -> None:
        path, found = answer
        if self.stem is not None and self.stem.path == path:
            self.picture, self._is_lost = found, found is None
            self.renew()

    def say(self, painter: QPainter, rect: QRectF) -> None:
        """In place of a sound, why there is none."""
        if self.picture is not None:
            return
        if self.stem is None:
            text = self.tr("No take yet")
        elif self._is_lost:
            text = self.tr("The sound file cannot be read")
        else:
            text = self.tr("Reading…")
        painter.setPen(self.ink(0.5))
        painter.drawText(rect.adjusted(8, 0, -8, 0), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)


class WaveformView(SoundStrip):
    """A waveform."""

    def __init__(self, axis: TimeAxis, analyst: Analyst, parent: QWidget | None = None) -> None:
        super().__init__(axis, analyst, parent)
        self.is_active = True
        self.setAccessibleName(self.tr("Waveform"))

    def set_active(self, active: bool) -> None:
        """Whether it is the one that is heard: the others are drawn more quietly."""
        if active != self.is_active:
            self.is_active = active
            self.renew()

    def draw(self, painter: QPainter, rect: QRectF) -> None:
        """The waveform between its highest and lowest samples."""
        self.say(painter, rect)
        middle = rect.height() / 2
        painter.setPen(QPen(self.ink(0.15), 1))
        painter.drawLine(QPointF(0, middle), QPointF(rect.width(), middle))
        if self.picture is None or self.stem is None or rect.width() < 1:
            return
        ratio = self.devicePixelRatioF()
        n = max(1, round(rect.width() * ratio))
        columns = heard_columns(
            self.picture.peaks,
            self.stem,
            range_s=(self.axis.first_s, self.axis.last_s),
            n=n,
            duration_s=self.axis.duration_s,
        )
        # Editors' own scale: a quiet ambience is still seen, and silence still lies flat.
        columns = np.sign(columns) * np.sqrt(np.abs(columns))
        height = middle - 2
        xs = (np.arange(n) + 0.5) / ratio
        tops = middle - np.clip(columns[:, 1], -1, 1) * height
        bottoms = np.maximum(middle - np.clip(columns[:, 0], -1, 1) * height, tops + 1 / ratio)
        outline = [QPointF(x, y) for x, y in zip(xs.tolist(), tops.tolist(), strict=True)]
        outline += [QPointF(x, y) for x, y in zip(xs[::-1].tolist(), bottoms[::-1].tolist(), strict=True)]
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        colour = QColor(theme.ROLE_COLOURS[self.stem.role])
        painter.setBrush(mixed(self.ground(), colour, 0.95 if self.is_active else 0.4))
        painter.drawPolygon(QPolygonF(outline))
        self._draw_onsets(painter, rect, colour)
        self._draw_fades(painter, rect)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _draw_onsets(self, painter: QPainter, rect: QRectF, colour: QColor) -> None:
        """Ticks at the foot, where the sound begins anew inside of the clip."""
        if self.picture is None or self.stem is None:
            return
        painter.setPen(QPen(colour.lighter(140), 1.4))
        length = max(3.0, rect.height() / 9)
        for onset in self.picture.onsets_s:
            at = onset + float(self.stem.start_s)
            if 0 <= at < self.axis.duration_s:
                x = self.axis.x_of(at, rect.width())
                painter.drawLine(QPointF(x, rect.height() - length), QPointF(x, rect.height()))

    def _draw_fades(self, painter: QPainter, rect: QRectF) -> None:
        if self.stem is None:
            return
        adjustment, axis = self.stem.adjustment, self.axis
        painter.setPen(QPen(self.accent(), 1))
        if adjustment.fade_in_s:
            stop = axis.x_of(min(float(adjustment.fade_in_s), axis.duration_s), rect.width())
            painter.drawLine(QPointF(axis.x_of(0, rect.width()), rect.height()), QPointF(stop, 1))
        if adjustment.fade_out_s:
            start = axis.x_of(max(0.0, axis.duration_s - float(adjustment.fade_out_s)), rect.width())
            painter.drawLine(QPointF(start, 1), QPointF(axis.x_of(axis.duration_s, rect.width()), rect.height()))


def heard_columns(
    peaks: Peaks, stem: StemSound, *, range_s: tuple[float, float], n: int, duration_s: float
) -> npt.NDArray[np.float32]:
    """Lowest and highest sample per column over a range of clip time, as they will sound: `(n, 2)`.

    Outside of the clip there is nothing.
    """
    moved = float(stem.start_s)
    columns = peaks.columns(range_s[0] - moved, range_s[1] - moved, n)
    at = np.linspace(range_s[0], range_s[1], n, endpoint=False) + (range_s[1] - range_s[0]) / n / 2
    gain = np.full(n, 10 ** (stem.gain_db / 20))
    fade_in, fade_out = float(stem.adjustment.fade_in_s), float(stem.adjustment.fade_out_s)
    if fade_in > 0:
        gain *= np.sin(np.clip(at / min(fade_in, duration_s), 0, 1) * np.pi / 2)
    if fade_out > 0:
        gain *= np.sin(np.clip((duration_s - at) / min(fade_out, duration_s), 0, 1) * np.pi / 2)
    gain[(at < 0) | (at > duration_s)] = 0
    heard: npt.NDArray[np.float32] = (columns * gain[:, None]).astype(np.float32)
    return heard
