"""Strips over the time of one clip: a shared axis, a ruler, marks, a marked region and the play head.

Shows and emits; what a click means is decided elsewhere.
"""

from fractions import Fraction
from math import ceil, floor, log10

from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QPixmap,
    QPolygonF,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from otio_v2a.timecode import label

__all__ = ["Ruler", "TimeAxis", "TimeStrip", "mixed"]

_CLOSEST_S = 0.05
_ZOOM = 1.25


def mixed(a: QColor, b: QColor, part: float) -> QColor:
    """A colour between two, `part` of the way to the second."""
    return QColor.fromRgbF(
        a.redF() + (b.redF() - a.redF()) * part,
        a.greenF() + (b.greenF() - a.greenF()) * part,
        a.blueF() + (b.blueF() - a.blueF()) * part,
    )


class TimeAxis(QObject):  # type: ignore[misc]
    """Which part of a clip all strips show, and what is marked on it. Seconds of clip time.

    Signals:
        changed: range, marks or region are others.
        head_moved: the play head is elsewhere.
    """

    changed = Signal()
    head_moved = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.duration_s = 0.0
        self.rate = Fraction(25)
        self.start_tc_s = Fraction(0)
        self.is_drop_frame = False
        self.first_s, self.last_s = 0.0, 1.0
        self.head_s = 0.0
        self.region_s: tuple[float, float] | None = None
        self.onsets_s: tuple[float, ...] = ()
        self.cuts_s: tuple[float, ...] = ()

    def show(
        self,
        duration_s: Fraction,
        rate: Fraction,
        *,
        start_tc_s: Fraction = Fraction(0),
        is_drop_frame: bool = False,
        onsets_s: tuple[float, ...] = (),
        cuts_s: tuple[float, ...] = (),
    ) -> None:
        """Another clip, all of it."""
        self.duration_s, self.rate, self.start_tc_s = float(duration_s), rate, start_tc_s
        self.is_drop_frame = is_drop_frame
        self.onsets_s, self.cuts_s = onsets_s, cuts_s
        self.first_s, self.last_s = 0.0, max(self.duration_s, _CLOSEST_S)
        self.region_s = None
        self.head_s = 0.0
        self.changed.emit()

    def set_head(self, seconds: float) -> None:
        """Where the play head is; the range follows it when it runs out of sight."""
        self.head_s = seconds
        shown = self.last_s - self.first_s
        if not self.first_s <= seconds <= self.last_s and shown < self.duration_s:
            first = min(max(0.0, seconds - shown * 0.05), self.duration_s - shown)
            self.first_s, self.last_s = first, first + shown
            self.changed.emit()
        self.head_moved.emit()

    def set_region(self, region_s: tuple[float, float] | None) -> None:
        """Mark a region, on whole frames; None marks none."""
        if region_s is not None:
            low, high = sorted(min(max(0.0, at), self.duration_s) for at in region_s)
            frame_s = 1 / float(self.rate)
            low, high = floor(low / frame_s + 0.5) * frame_s, floor(high / frame_s + 0.5) * frame_s
            region_s = (low, min(high, self.duration_s)) if high > low else None
        if region_s != self.region_s:
            self.region_s = region_s
            self.changed.emit()

    def zoom(self, factor: float, around_s: float) -> None:
        """Show `factor` times as much around a place, at most the clip and at least a moment."""
        most = max(self.duration_s, _CLOSEST_S)
        length = min(max((self.last_s - self.first_s) * factor, min(_CLOSEST_S, most)), most)
        part = (around_s - self.first_s) / (self.last_s - self.first_s)
        first = min(max(0.0, around_s - part * length), most - length)
        self.first_s, self.last_s = first, first + length
        self.changed.emit()

    def scroll(self, seconds: float) -> None:
        """Move the range, within the clip."""
        length = self.last_s - self.first_s
        first = min(max(0.0, self.first_s + seconds), max(self.duration_s, length) - length)
        self.first_s, self.last_s = first, first + length
        self.changed.emit()

    def x_of(self, seconds: float, width: float) -> float:
        """Place on a strip of this width."""
        return (seconds - self.first_s) / (self.last_s - self.first_s) * width

    def s_of(self, x: float, width: float) -> float:
        """Time at a place on a strip, within the clip."""
        at = self.first_s + x / max(width, 1.0) * (self.last_s - self.first_s)
        return min(max(0.0, at), self.duration_s)

    def timecode(self, seconds: float) -> str:
        """Record timecode of the frame at a clip time."""
        frame = floor(seconds * float(self.rate) + 1e-6)
        return label(self.start_tc_s + frame / self.rate, rate=self.rate, drop_frame=self.is_drop_frame)


class TimeStrip(QWidget):  # type: ignore[misc]
    """A strip of the shared axis. Subclasses draw their content; marks, region and head lie above it.

    Click and drag move the head; with Shift they mark a region. Ctrl and the wheel zoom, the wheel alone scrolls.
    Left and right step by frames, I and O set the region's ends at the head, Escape clears it.

    Signals:
        seeked: a place was clicked, in seconds of clip time.
        stepped: frames to step.
    """

    seeked = Signal(float)
    stepped = Signal(int)

    def __init__(self, axis: TimeAxis, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.axis = axis
        self._is_marking_from: float | None = None
        self._shows_marks = True
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(self.fontMetrics().height())
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        axis.changed.connect(self.renew)
        axis.head_moved.connect(self._update_head)
        self._drawn_head_x = -1.0
        self._content: QPixmap | None = None

    def draw(self, painter: QPainter, rect: QRectF) -> None:
        """Draw the content; for subclasses."""

    def renew(self) -> None:
        """Draw the content anew; the play head alone needs no such thing."""
        self._content = None
        self.update()

    def ground(self) -> QColor:
        """Colour behind the content."""
        return QColor(self.palette().color(QPalette.ColorRole.Base))

    def ink(self, part: float = 0.6) -> QColor:
        """A quiet colour of the text's kind."""
        return mixed(self.ground(), self.palette().color(QPalette.ColorRole.Text), part)

    def accent(self) -> QColor:
        """The one colour that stands out."""
        return QColor(self.palette().color(QPalette.ColorRole.Highlight))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Content with marks and region, as drawn before, and the head."""
        rect, ratio = QRectF(self.rect()), self.devicePixelRatioF()
        wanted = (self.size() * ratio).toTuple()
        if self._content is None or self._content.size().toTuple() != wanted:
            self._content = QPixmap(*wanted)
            self._content.setDevicePixelRatio(ratio)
            within = QPainter(self._content)
            within.setFont(self.font())
            within.fillRect(rect, self.ground())
            self.draw(within, rect)
            self._draw_marks(within, rect)
            within.end()
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._content)
        x = self.axis.x_of(self.axis.head_s, rect.width())
        self._drawn_head_x = x
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self.accent().lighter(130), 1.5))
        painter.drawLine(QPointF(x, 0), QPointF(x, rect.height()))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        if self.hasFocus():
            painter.setPen(QPen(self.accent(), 1))
            painter.drawRect(rect.adjusted(0.5, 0.5, -0.5, -0.5))
        painter.end()

    def _draw_marks(self, painter: QPainter, rect: QRectF) -> None:
        axis, width = self.axis, rect.width()
        if axis.region_s is not None:
            left, right = (axis.x_of(at, width) for at in axis.region_s)
            wash = QColor(self.accent())
            wash.setAlphaF(0.18)
            painter.fillRect(QRectF(left, 0, right - left, rect.height()), wash)
            painter.setPen(QPen(self.accent(), 1))
            for x in (left, right):
                painter.drawLine(QPointF(x, 0), QPointF(x, rect.height()))
        if self._shows_marks:
            painter.setPen(QPen(self.ink(0.8), 1, Qt.PenStyle.DashLine))
            for cut in axis.cuts_s:
                x = floor(axis.x_of(cut, width)) + 0.5
                if 0 <= x <= width:
                    painter.drawLine(QPointF(x, 0), QPointF(x, rect.height()))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self.ink(0.85))
            size = max(3.0, self.fontMetrics().height() / 4)
            for onset in axis.onsets_s:
                x = axis.x_of(onset, width)
                if -size <= x <= width + size:
                    painter.drawPolygon(
                        QPolygonF([QPointF(x - size / 1.5, 0), QPointF(x + size / 1.5, 0), QPointF(x, size)])
                    )

    def changeEvent(self, event: QEvent) -> None:
        """Other colours, another font: drawn anew."""
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self.renew()
        super().changeEvent(event)

    def _update_head(self) -> None:
        x = self.axis.x_of(self.axis.head_s, self.width())
        for at in (self._drawn_head_x, x):
            self.update(int(at) - 3, 0, 7, self.height())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Seek, or begin to mark."""
        if event.button() != Qt.MouseButton.LeftButton:
            super().mousePressEvent(event)
            return
        at = self.axis.s_of(event.position().x(), self.width())
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self._is_marking_from = at
            self.axis.set_region(None)
        else:
            self._is_marking_from = None
            self.seeked.emit(at)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Scrub, or mark."""
        if not event.buttons() & Qt.MouseButton.LeftButton:
            return
        at = self.axis.s_of(event.position().x(), self.width())
        if self._is_marking_from is not None:
            self.axis.set_region((self._is_marking_from, at))
        else:
            self.seeked.emit(at)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Done."""
        self._is_marking_from = None

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom with Ctrl, else scroll when there is somewhere to scroll to."""
        steps = event.angleDelta().y() / 120 or event.angleDelta().x() / 120
        axis = self.axis
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            axis.zoom(_ZOOM**-steps, axis.s_of(event.position().x(), self.width()))
            event.accept()
        elif axis.last_s - axis.first_s < axis.duration_s:
            axis.scroll(-steps * (axis.last_s - axis.first_s) / 8)
            event.accept()
        else:
            event.ignore()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Step, mark, zoom."""
        key, axis = event.key(), self.axis
        many = 10 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self.stepped.emit(many if key == Qt.Key.Key_Right else -many)
        elif key == Qt.Key.Key_I:
            stop = axis.region_s[1] if axis.region_s and axis.region_s[1] > axis.head_s else axis.duration_s
            axis.set_region((axis.head_s, stop))
        elif key == Qt.Key.Key_O:
            start = axis.region_s[0] if axis.region_s and axis.region_s[0] < axis.head_s else 0.0
            axis.set_region((start, axis.head_s))
        elif key == Qt.Key.Key_Escape and axis.region_s is not None:
            axis.set_region(None)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            axis.zoom(1 / _ZOOM, axis.head_s)
        elif key == Qt.Key.Key_Minus:
            axis.zoom(_ZOOM, axis.head_s)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show where the keyboard is."""
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """And where it no longer is."""
        self.update()


class Ruler(TimeStrip):
    """Timecode above the strips."""

    def __init__(self, axis: TimeAxis, parent: QWidget | None = None) -> None:
        super().__init__(axis, parent)
        self._shows_marks = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(round(self.fontMetrics().height() * 1.5))
        self.setAccessibleName(self.tr("Timecode ruler"))

    def ground(self) -> QColor:
        """The window's own, so that the ruler is no content."""
        return QColor(self.palette().color(QPalette.ColorRole.Window))

    def draw(self, painter: QPainter, rect: QRectF) -> None:
        """Ticks where labels have room."""
        axis = self.axis
        if axis.duration_s <= 0:
            return
        font = painter.font()
        font.setPointSizeF(font.pointSizeF() * 0.85 if font.pointSizeF() > 0 else 8)
        painter.setFont(font)
        room = painter.fontMetrics().horizontalAdvance("00:00:00:00") * 1.35
        frames_shown = (axis.last_s - axis.first_s) * float(axis.rate)
        step = _round_frames(frames_shown * room / max(rect.width(), 1), float(axis.rate))
        first = ceil(axis.first_s * float(axis.rate) / step) * step
        last = floor(axis.last_s * float(axis.rate))
        for frame in range(first, last + 1, step):
            x = floor(axis.x_of(frame / float(axis.rate), rect.width())) + 0.5
            painter.setPen(self.ink(0.3))
            painter.drawLine(QPointF(x, rect.height() * 0.55), QPointF(x, rect.height()))
            painter.setPen(self.ink(0.7))
            text = axis.timecode(frame / float(axis.rate))
            if x + room / 1.35 < rect.width():
                painter.drawText(QPointF(x + 4, rect.height() * 0.72), text)


def _round_frames(least: float, rate: float) -> int:
    """A step of frames that editors count in, not below `least`."""
    base = round(rate)
    for frames in (1, 2, 5, 10, base // 2, base, 2 * base, 5 * base, 10 * base, 15 * base, 30 * base, 60 * base):
        if frames >= least and frames > 0:
            return frames
    return int(60 * base * 10 ** max(0, ceil(log10(max(least, 1) / (60 * base)))))
