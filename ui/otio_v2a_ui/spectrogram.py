"""A strip that shows a take's levels by frequency, quiet dark and loud light, in musical steps from 40 Hz to 20 kHz."""

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QWidget

from otio_v2a_ui import theme
from otio_v2a_ui.peaks import Analyst, Sonogram
from otio_v2a_ui.timestrip import TimeAxis, mixed
from otio_v2a_ui.waveform import SoundStrip

__all__ = ["SpectrogramView"]

_LABELS_HZ = (100, 1000, 10000)


class SpectrogramView(SoundStrip):
    """A spectrogram."""

    def __init__(self, axis: TimeAxis, analyst: Analyst, parent: QWidget | None = None) -> None:
        super().__init__(axis, analyst, parent)
        self.setAccessibleName(self.tr("Spectrogram"))

    def draw(self, painter: QPainter, rect: QRectF) -> None:
        """The part that the axis shows."""
        self.say(painter, rect)
        if self.picture is None or self.stem is None:
            return
        moved = float(self.stem.start_s)
        ratio = self.devicePixelRatioF()
        size = max(1, round(rect.width() * ratio)), max(1, round(rect.height() * ratio))
        first_s, last_s = self.axis.first_s, self.axis.last_s
        table = _seen(self.picture.sonogram, range_s=(first_s - moved, last_s - moved), size=size)
        # Beyond the clip nothing is heard, even where the file has a handle.
        at = np.linspace(first_s, last_s, size[0])
        table[:, (at < 0) | (at > self.axis.duration_s)] = 0
        painter.drawImage(rect, _coloured(table, _ramp(self.ground(), QColor(theme.ROLE_COLOURS[self.stem.role]))))
        self._draw_scale(painter, rect)

    def _draw_scale(self, painter: QPainter, rect: QRectF) -> None:
        font = painter.font()
        font.setPointSizeF(font.pointSizeF() * 0.75 if font.pointSizeF() > 0 else 7)
        painter.setFont(font)
        height = painter.fontMetrics().height()
        if rect.height() < 3.5 * height:
            return
        for hz in _LABELS_HZ:
            y = rect.height() * (1 - np.log(hz / Sonogram.hz_of(0)) / np.log(Sonogram.hz_of(1) / Sonogram.hz_of(0)))
            painter.setPen(self.ink(0.25))
            painter.drawLine(QPointF(0, y), QPointF(4, y))
            painter.setPen(self.ink(0.6))
            painter.drawText(QPointF(6, y + height / 3), f"{hz // 1000}k" if hz >= 1000 else str(hz))


def _seen(sonogram: Sonogram, *, range_s: tuple[float, float], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Levels `(height, width)`, high frequencies first, blended between columns and bands."""
    width, height = size
    levels = sonogram.levels
    if not len(levels):
        return np.zeros((height, width), np.uint8)
    columns = np.linspace(*range_s, width, endpoint=False) / sonogram.seconds_per_column
    inside = (columns >= -0.5) & (columns <= len(levels) - 0.5)
    low = np.clip(np.floor(columns), 0, len(levels) - 1).astype(int)
    high = np.minimum(low + 1, len(levels) - 1)
    part = np.clip(columns - low, 0, 1)[:, None]
    across = levels[low] * (1 - part) + levels[high] * part
    across[~inside] = 0
    bands = np.linspace(levels.shape[1] - 1, 0, height)
    below = np.floor(bands).astype(int)
    above = np.minimum(below + 1, levels.shape[1] - 1)
    up = (bands - below)[:, None]
    table = across.T[below] * (1 - up) + across.T[above] * up
    found: npt.NDArray[np.uint8] = table.astype(np.uint8)
    return found


def _ramp(ground: QColor, colour: QColor) -> npt.NDArray[np.uint8]:
    """256 colours, blue first: from the ground over the role's colour to white, most of the way dark."""
    colours = []
    light, middle = QColor("white"), mixed(ground, colour, 0.75)
    for index in range(256):
        part = (index / 255) ** 1.6
        colour = mixed(ground, middle, part / 0.6) if part < 0.6 else mixed(middle, light, (part - 0.6) / 0.4)
        colours.append((colour.blue(), colour.green(), colour.red(), 255))
    return np.array(colours, np.uint8)


def _coloured(table: npt.NDArray[np.uint8], ramp: npt.NDArray[np.uint8]) -> QImage:
    pixels = np.ascontiguousarray(ramp[table])
    image = QImage(pixels.data, table.shape[1], table.shape[0], table.shape[1] * 4, QImage.Format.Format_RGB32)
    return image.copy()
