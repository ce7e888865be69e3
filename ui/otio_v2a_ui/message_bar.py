"""A line that tells what happened and offers what can be done about it, without a dialog in the way."""

from collections.abc import Callable

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QWidget

__all__ = ["MessageBar"]

_QUIET_MS = 8000


class MessageBar(QFrame):  # type: ignore[misc]
    """Shows one message at a time; an error stays until it is closed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("panel", True)
        self.label = QLabel()
        self.label.setWordWrap(True)
        self.label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.label.setAccessibleName(self.tr("Message"))
        self.button = QToolButton()
        self.close_button = QToolButton(text="✕")
        self.close_button.setProperty("flat", True)
        self.close_button.setAccessibleName(self.tr("Close message"))
        self.close_button.setToolTip(self.tr("Close message"))
        self.close_button.clicked.connect(self.clear)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 6, 8, 6)
        layout.setSpacing(8)
        layout.addWidget(self.label, 1)
        layout.addWidget(self.button)
        layout.addWidget(self.close_button)
        self._call: Callable[[], object] | None = None
        self._is_bad = False
        self.button.clicked.connect(self._act)
        self._timer = QTimer(self, singleShot=True, interval=_QUIET_MS)
        self._timer.timeout.connect(self.clear)
        self.hide()

    @property
    def text(self) -> str:
        """What it says; empty when it says nothing."""
        return str(self.label.text()) if self.isVisibleTo(self.parentWidget()) else ""

    def say(
        self,
        text: str,
        *,
        bad: bool = False,
        quiet: bool = False,
        action: str = "",
        call: Callable[[], object] | None = None,
    ) -> None:
        """Say something; `action` and `call` are a button and what it does. What is quiet covers no error."""
        if quiet and self._is_bad and self.text:
            return
        self._is_bad = bad
        self.label.setText(text)
        self.label.setToolTip(text)
        for name, on in (("bad", bad), ("dim", not bad)):
            self.label.setProperty(name, on)
        self.label.style().unpolish(self.label)
        self.label.style().polish(self.label)
        self._call = call
        self.button.setVisible(call is not None)
        self.button.setText(action)
        self.button.setAccessibleName(action)
        self.show()
        if bad or call is not None:
            self._timer.stop()
        else:
            self._timer.start()

    def clear(self) -> None:
        """Say nothing."""
        self._timer.stop()
        self.hide()

    def _act(self) -> None:
        call, self._call = self._call, None
        self.clear()
        if call is not None:
            call()
