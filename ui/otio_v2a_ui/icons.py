"""Small signs drawn in the theme's colours, sharp at every size: transport, star, tick, loop. Knows no state."""

from collections.abc import Callable
from math import cos, pi, sin

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QIconEngine, QPainter, QPainterPath, QPen, QPixmap

from otio_v2a_ui import theme

__all__ = ["dot", "icon"]

Draw = Callable[[QPainter, QColor], None]


def icon(name: str) -> QIcon:
    """A sign by name: play, pause, stop, back, to_start, to_end, step, step_back, loop, star, star_empty, more, drop,
    tick, none, region."""
    return QIcon(_Engine(_SIGNS[name]))


def dot(colour: str, *, filled: bool) -> QIcon:
    """A disc of a colour, or a ring of it."""

    def draw(painter: QPainter, _: QColor) -> None:
        painter.setPen(QPen(QColor(colour), 1.6))
        painter.setBrush(QColor(colour) if filled else Qt.BrushStyle.NoBrush)
        painter.drawEllipse(QPointF(0, 0), 4, 4)

    return QIcon(_Engine(draw))


class _Engine(QIconEngine):  # type: ignore[misc]
    """Draws in a square of 16."""

    def __init__(self, draw: Draw) -> None:
        super().__init__()
        self._draw = draw

    def paint(self, painter: QPainter, rect: object, mode: QIcon.Mode, state: QIcon.State) -> None:
        """The sign in the middle of a rectangle."""
        colour = QColor(theme.ACCENT if state == QIcon.State.On else theme.TEXT)
        if mode == QIcon.Mode.Disabled:
            colour = QColor(theme.FAINT)
        box = QRectF(rect)
        side = min(box.width(), box.height())
        painter.save()
        painter.translate(box.center())
        painter.scale(side / 16, side / 16)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        self._draw(painter, colour)
        painter.restore()

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        """The sign on a clear ground."""
        found = QPixmap(size)
        found.fill(Qt.GlobalColor.transparent)
        painter = QPainter(found)
        self.paint(painter, QRectF(0, 0, size.width(), size.height()), mode, state)
        painter.end()
        return found

    def clone(self) -> "QIconEngine":
        """Another one."""
        return _Engine(self._draw)


def _triangle(painter: QPainter, x: float, side: int, size: float = 5.0) -> None:
    path = QPainterPath(QPointF(x, -size))
    path.lineTo(QPointF(x + side * size * 1.6, 0))
    path.lineTo(QPointF(x, size))
    path.closeSubpath()
    painter.drawPath(path)


def _bar(painter: QPainter, x: float) -> None:
    painter.drawRect(QRectF(x, -5, 2, 10))


def _play(painter: QPainter, colour: QColor) -> None:
    _triangle(painter, -3.5, 1)


def _back(painter: QPainter, colour: QColor) -> None:
    _triangle(painter, 3.5, -1)


def _pause(painter: QPainter, colour: QColor) -> None:
    painter.drawRect(QRectF(-4.5, -5, 3, 10))
    painter.drawRect(QRectF(1.5, -5, 3, 10))


def _stop(painter: QPainter, colour: QColor) -> None:
    painter.drawRect(QRectF(-4.5, -4.5, 9, 9))


def _to_start(painter: QPainter, colour: QColor) -> None:
    _bar(painter, -6)
    _triangle(painter, 4.5, -1)


def _to_end(painter: QPainter, colour: QColor) -> None:
    _bar(painter, 4)
    _triangle(painter, -4.5, 1)


def _step(painter: QPainter, colour: QColor) -> None:
    _bar(painter, -5.5)
    _triangle(painter, -2, 1, 4.2)


def _step_back(painter: QPainter, colour: QColor) -> None:
    _bar(painter, 3.5)
    _triangle(painter, 2, -1, 4.2)


def _loop(painter: QPainter, colour: QColor) -> None:
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(colour, 1.6))
    painter.drawArc(QRectF(-5, -4.5, 10, 9), 40 * 16, 280 * 16)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.translate(4.2, -2.4)
    painter.rotate(60)
    _triangle(painter, -2, 1, 2.6)


def _star_path() -> QPainterPath:
    path = QPainterPath()
    for index in range(10):
        radius = 6.2 if index % 2 == 0 else 2.7
        angle = -pi / 2 + index * pi / 5
        point = QPointF(radius * cos(angle), 0.4 + radius * sin(angle))
        if index:
            path.lineTo(point)
        else:
            path.moveTo(point)
    path.closeSubpath()
    return path


def _star(painter: QPainter, colour: QColor) -> None:
    painter.drawPath(_star_path())


def _star_empty(painter: QPainter, colour: QColor) -> None:
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(colour, 1.1))
    painter.drawPath(_star_path())


def _more(painter: QPainter, colour: QColor) -> None:
    painter.drawRect(QRectF(-5, -0.9, 10, 1.8))
    painter.drawRect(QRectF(-0.9, -5, 1.8, 10))


def _drop(painter: QPainter, colour: QColor) -> None:
    painter.setPen(QPen(colour, 1.7))
    painter.drawLine(QPointF(-4, -4), QPointF(4, 4))
    painter.drawLine(QPointF(-4, 4), QPointF(4, -4))


def _tick(painter: QPainter, colour: QColor) -> None:
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(colour, 1.9))
    path = QPainterPath(QPointF(-5, 0.5))
    path.lineTo(QPointF(-1.5, 4))
    path.lineTo(QPointF(5, -4))
    painter.drawPath(path)


def _region(painter: QPainter, colour: QColor) -> None:
    painter.drawRect(QRectF(-6, -5, 1.5, 10))
    painter.drawRect(QRectF(4.5, -5, 1.5, 10))
    painter.setOpacity(0.45)
    painter.drawRect(QRectF(-4.5, -5, 9, 10))


def _none(painter: QPainter, colour: QColor) -> None:
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor(theme.EDGE), 1.2))
    painter.drawEllipse(QPointF(0, 0), 3.2, 3.2)


_SIGNS: dict[str, Draw] = {
    "none": _none,
    "play": _play,
    "pause": _pause,
    "stop": _stop,
    "back": _back,
    "to_start": _to_start,
    "to_end": _to_end,
    "step": _step,
    "step_back": _step_back,
    "loop": _loop,
    "star": _star,
    "star_empty": _star_empty,
    "more": _more,
    "drop": _drop,
    "tick": _tick,
    "region": _region,
}
