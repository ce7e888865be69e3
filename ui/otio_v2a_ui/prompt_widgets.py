"""Fields of a form that can say "default" and "several values", and labels that show what differs. Owns no prompt."""

from typing import Any

from PySide6.QtCore import QEvent, QObject, QPointF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
    QValidator,
    QWheelEvent,
)
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QSizePolicy,
    QSpinBox,
    QToolButton,
    QWidget,
)

from otio_v2a_ui import theme

__all__ = ["Choice", "FieldLabel", "NumberField", "SeedValidator", "TextField", "WheelGuard", "polish"]

_LARGEST_SEED = 2**63 - 1


def polish(widget: QWidget, name: str, on: bool) -> None:
    """Set a property that the style sheet knows, and let it be seen."""
    if widget.property(name) != on:
        widget.setProperty(name, on)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


class TextField(QPlainTextEdit):  # type: ignore[misc]
    """Some lines of text without formats; undo is the window's.

    Signals:
        typed: the user changed the text.
        left: the focus went elsewhere.
        submitted: Ctrl+Return.
    """

    typed = Signal(str)
    left = Signal()
    submitted = Signal()

    def __init__(self, lines: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines = lines
        self.setTabChangesFocus(True)
        self.setUndoRedoEnabled(False)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.textChanged.connect(self._tell)
        self._is_told = False

    def show_text(self, text: str) -> None:
        """Show what is there now; where it is the same, the cursor stays."""
        if self.toPlainText() != text:
            at = min(self.textCursor().position(), len(text))
            self._is_told = True
            self.setPlainText(text)
            self._is_told = False
            cursor = self.textCursor()
            cursor.setPosition(at if self.hasFocus() else 0)
            self.setTextCursor(cursor)

    def sizeHint(self) -> QSize:
        """Room for its lines."""
        return QSize(200, self.fontMetrics().lineSpacing() * self._lines + 18)

    def minimumSizeHint(self) -> QSize:
        """As high as it is."""
        return QSize(80, self.sizeHint().height())

    def event(self, event: QEvent) -> bool:
        """Undo and redo are the window's."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and _is_undo(event):
            event.ignore()
            return False
        return bool(super().event(event))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Ctrl+Return submits."""
        is_return = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if is_return and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.submitted.emit()
        elif _is_undo(event):
            event.ignore()
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Tell that the user is done."""
        super().focusOutEvent(event)
        self.left.emit()

    def _tell(self) -> None:
        if not self._is_told:
            self.typed.emit(self.toPlainText())


def _is_undo(event: QKeyEvent) -> bool:
    return bool(event.matches(QKeySequence.StandardKey.Undo) or event.matches(QKeySequence.StandardKey.Redo))


def _paint_arrows(box: QWidget) -> None:
    """Arrows that the style sheet has no pictures for."""
    painter = QPainter(box)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(theme.DIM if box.isEnabled() else theme.FAINT), 1.2))
    x, y = box.width() - 13.0, box.height() / 2
    for sign in (-1, 1):
        tip = y + 6 * sign
        painter.drawPolyline(
            QPolygonF([QPointF(x - 3, tip - 3 * sign), QPointF(x, tip), QPointF(x + 3, tip - 3 * sign)])
        )


class _Spin(QSpinBox):  # type: ignore[misc]
    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        _paint_arrows(self)


class _DoubleSpin(QDoubleSpinBox):  # type: ignore[misc]
    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        _paint_arrows(self)


class NumberField(QWidget):  # type: ignore[misc]
    """A number, "default" or "several values".

    Signals:
        changed: the user chose a number, or None for the default.
    """

    changed = Signal(object)

    def __init__(
        self,
        lowest: float,
        highest: float,
        *,
        step: float = 1,
        decimals: int = 0,
        has_default: bool = True,
        parent: QWidget | None = None,
    ) -> None:
        """With `has_default`, the place below the lowest number stands for the default."""
        super().__init__(parent)
        self._lowest, self._step, self._has_default = lowest, step, has_default
        self.spin: Any = _DoubleSpin() if decimals else _Spin()
        if decimals:
            self.spin.setDecimals(decimals)
        self.spin.setRange(lowest - step, highest)
        self.spin.setSingleStep(step)
        self.spin.setKeyboardTracking(False)
        self.spin.setAccelerated(True)
        self.spin.lineEdit().setTextMargins(5, 0, 0, 0)
        self.setFocusProxy(self.spin)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.spin)
        self._default_words = ""
        self.is_mixed = False
        self.spin.valueChanged.connect(self._tell)
        WheelGuard(self.spin)

    def show_value(
        self, value: float | None, *, is_mixed: bool = False, words: str = "", mixed_words: str = ""
    ) -> None:
        """Show a number, or the default in `words`."""
        self.is_mixed = is_mixed
        self._default_words = words
        self.spin.blockSignals(True)
        self.spin.setSpecialValueText(mixed_words if is_mixed else words)
        self.spin.setMinimum(self._lowest - self._step if is_mixed or self._has_default else self._lowest)
        self.spin.setValue(self.spin.minimum() if is_mixed or value is None else value)
        self.spin.blockSignals(False)

    def _tell(self, value: float) -> None:
        if value >= self._lowest:
            self.is_mixed = False
            self.changed.emit(value)
        elif self._has_default:
            self.is_mixed = False
            self.spin.setSpecialValueText(self._default_words)
            self.changed.emit(None)


class Choice(QComboBox):  # type: ignore[misc]
    """A choice of some words, with an arrow that the style sheet has no picture for; the wheel only with the focus."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        WheelGuard(self)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The arrow."""
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(theme.DIM if self.isEnabled() else theme.FAINT), 1.4))
        x, y = self.width() - 13.0, self.height() / 2 - 1.5
        painter.drawPolyline(QPolygonF([QPointF(x - 4, y), QPointF(x, y + 4), QPointF(x + 4, y)]))


class SeedValidator(QValidator):  # type: ignore[misc]
    """Whole numbers that a seed can be; empty while something is being typed."""

    def validate(self, text: str, at: int) -> tuple[QValidator.State, str, int]:
        """As Qt asks."""
        if not text:
            return QValidator.State.Intermediate, text, at
        if text.isascii() and text.isdigit() and int(text) <= _LARGEST_SEED:
            return QValidator.State.Acceptable, text, at
        return QValidator.State.Invalid, text, at


class FieldLabel(QWidget):  # type: ignore[misc]
    """The name of a field; bright, with a button that resets it, where it differs from the default.

    Signals:
        reset_requested: back to the default.
    """

    reset_requested = Signal()

    def __init__(self, text: str, buddy: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.label = QLabel(text)
        self.label.setBuddy(buddy)
        self.label.setProperty("dim", True)
        self.button = QToolButton(text="↺")
        self.button.setProperty("flat", True)
        self.button.setStyleSheet("QToolButton { padding: 0 4px; min-height: 14px; }")
        plain = text.replace("&", "")
        self.button.setAccessibleName(self.tr("Reset {field}").format(field=plain))
        self.button.setToolTip(self.tr("Back to the default"))
        self.button.clicked.connect(self.reset_requested)
        policy = self.button.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.button.setSizePolicy(policy)
        (buddy.focusProxy() or buddy).setAccessibleName(plain)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.label)
        layout.addStretch(1)
        layout.addWidget(self.button)
        self.label.setMinimumWidth(self.label.fontMetrics().horizontalAdvance(plain) + 4)
        self.show_differs(False)

    @property
    def differs(self) -> bool:
        """Whether it says that the field is not the default."""
        return not self.button.isHidden()

    def show_differs(self, on: bool) -> None:
        """Say whether the field is not the default."""
        self.button.setVisible(on)
        polish(self.label, "dim", not on)
        polish(self.label, "changed", on)


class WheelGuard(QObject):  # type: ignore[misc]
    """A field takes the wheel only when it has the focus: a form is scrolled over, not changed."""

    def __init__(self, field: QWidget) -> None:
        super().__init__(field)
        field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        field.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let the form scroll."""
        if isinstance(event, QWheelEvent) and not watched.hasFocus():
            event.ignore()
            return True
        return False
