"""What is seen before a cut is open: how to begin, where to drop, what was open last. Emits what is wanted."""

from pathlib import Path

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from otio_v2a_ui import theme

__all__ = ["EmptyState"]


class _DropFrame(QFrame):  # type: ignore[misc]
    """A dashed frame that says: here."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.is_hot = False

    def paintEvent(self, event: QPaintEvent) -> None:
        """The frame."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = QPen(QColor(theme.ACCENT if self.is_hot else theme.EDGE), 1.4, Qt.PenStyle.DashLine)
        painter.setPen(pen)
        painter.setBrush(QColor(theme.PANEL))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 8, 8)


class EmptyState(QWidget):  # type: ignore[misc]
    """How to begin.

    Signals:
        open_requested: choose a file.
        demo_requested: open the demo cut.
        recent_requested: open this file.
    """

    open_requested = Signal()
    demo_requested = Signal()
    recent_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        title = QLabel(self.tr("Sound for a silent cut"))
        title.setFont(theme.scaled_font(title.font(), 1.7))
        lead = QLabel(self.tr("Drop a cut or a movie here: OpenTimelineIO, Final Cut Pro XML, or a bare movie file."))
        lead.setProperty("dim", True)
        lead.setWordWrap(True)
        lead.setAlignment(Qt.AlignmentFlag.AlignCenter)
        title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.open = QPushButton(self.tr("Open a cut…"))
        self.open.setProperty("primary", True)
        self.open.setAccessibleName(self.tr("Open a cut"))
        self.open.clicked.connect(self.open_requested)
        self.demo = QPushButton(self.tr("Try the demo cut"))
        self.demo.setAccessibleName(self.tr("Try the demo cut"))
        self.demo.clicked.connect(self.demo_requested)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addStretch(1)
        buttons.addWidget(self.open)
        buttons.addWidget(self.demo)
        buttons.addStretch(1)
        self.frame = _DropFrame()
        inside = QVBoxLayout(self.frame)
        inside.setContentsMargins(40, 36, 40, 36)
        inside.setSpacing(12)
        inside.addWidget(title)
        inside.addWidget(lead)
        inside.addSpacing(8)
        inside.addLayout(buttons)
        steps = QHBoxLayout()
        steps.setSpacing(24)
        for number, (head, text) in enumerate(
            (
                (
                    self.tr("Say what it sounds like"),
                    self.tr("A few words per clip and stem, or leave it to the picture."),
                ),
                (self.tr("Generate"), self.tr("FX, ambience and more, in sync with the picture, to the frame.")),
                (self.tr("Listen and choose"), self.tr("Compare takes at the same playhead, nudge, fade, star.")),
                (self.tr("Export"), self.tr("Stems and a timeline for Resolve, Premiere or Final Cut.")),
            ),
            start=1,
        ):
            steps.addWidget(_step(number, head, text), 1)
        self.recent = QVBoxLayout()
        self.recent.setSpacing(2)
        column = QVBoxLayout()
        column.setSpacing(28)
        column.addStretch(3)
        column.addWidget(self.frame)
        column.addLayout(steps)
        column.addLayout(self.recent)
        column.addStretch(4)
        middle = QWidget()
        middle.setMaximumWidth(820)
        middle.setLayout(column)
        row = QHBoxLayout(self)
        row.setContentsMargins(24, 16, 24, 16)
        row.addStretch(1)
        row.addWidget(middle, 100)
        row.addStretch(1)

    def set_recent(self, paths: tuple[str, ...]) -> None:
        """Offer what was open last."""
        while self.recent.count():
            widget = self.recent.takeAt(0).widget()
            if widget is not None:
                widget.deleteLater()
        if not paths:
            return
        label = QLabel(self.tr("Recent"))
        label.setProperty("faint", True)
        self.recent.addWidget(label)
        for path in paths[:5]:
            button = QPushButton(f"{Path(path).name}    {Path(path).parent}")
            button.setProperty("flat", True)
            button.setStyleSheet("text-align: left;")
            button.setAccessibleName(self.tr("Open {name}").format(name=Path(path).name))
            button.clicked.connect(lambda _=False, path=path: self.recent_requested.emit(path))
            self.recent.addWidget(button)

    def set_hot(self, on: bool) -> None:
        """Something that can be dropped hovers."""
        self.frame.is_hot = on
        self.frame.update()


def _step(number: int, head: str, text: str) -> QWidget:
    widget = QWidget()
    figure = QLabel(str(number))
    figure.setStyleSheet(f"color: {theme.ACCENT};")
    figure.setFont(theme.scaled_font(figure.font(), 1.25))
    title = QLabel(head)
    title.setWordWrap(True)
    words = QLabel(text)
    words.setProperty("dim", True)
    words.setWordWrap(True)
    words.setFont(theme.scaled_font(words.font(), 0.92))
    layout = QVBoxLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(4)
    for each in (figure, title, words):
        layout.addWidget(each)
    layout.addStretch(1)
    return widget
