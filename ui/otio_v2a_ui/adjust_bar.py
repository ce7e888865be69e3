"""Gain, fades and nudge of a clip and role. Shows an adjustment and emits the one that is wished for."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QLabel, QToolButton, QWidget

from otio_v2a.adjustments import NEUTRAL, Adjustment
from otio_v2a_engine.contract import Role
from otio_v2a_ui import theme
from otio_v2a_ui.icons import icon

__all__ = ["AdjustBar"]


class AdjustBar(QWidget):  # type: ignore[misc]
    """A row of fields.

    Signals:
        adjusted: the adjustment that is wished for.
    """

    adjusted = Signal(object)

    def __init__(self, role: Role, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._adjustment = NEUTRAL
        self._rate = Fraction(25)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.UNIT)
        self.gain = self._field(self.tr("Gain"), " dB", (-96.0, 24.0), step=0.5, decimals=1)
        self.gain.setAccessibleName(self.tr("Gain of {role} in decibels").format(role=role))
        self.fade_in = self._field(self.tr("Fade in"), " s", (0.0, 600.0), step=0.05, decimals=2)
        self.fade_in.setAccessibleName(self.tr("Fade in of {role} in seconds").format(role=role))
        self.fade_out = self._field(self.tr("Out"), " s", (0.0, 600.0), step=0.05, decimals=2)
        self.fade_out.setAccessibleName(self.tr("Fade out of {role} in seconds").format(role=role))
        self.nudge = self._field(self.tr("Nudge"), " ms", (-60000.0, 60000.0), step=1.0, decimals=1)
        self.nudge.setAccessibleName(self.tr("Nudge of {role} in milliseconds, later is positive").format(role=role))
        self.gain.valueChanged.connect(lambda value: self._wish(gain_db=round(value, 3)))
        self.fade_in.valueChanged.connect(lambda value: self._wish(fade_in_s=_exact(value)))
        self.fade_out.valueChanged.connect(lambda value: self._wish(fade_out_s=_exact(value)))
        self.nudge.valueChanged.connect(lambda value: self._wish(nudge_s=_exact(value) / 1000))
        layouts = (("step_back", self.tr("One frame earlier"), -1), ("step", self.tr("One frame later"), 1))
        self.earlier, self.later = (self._button(sign, words, self._frames(by)) for sign, words, by in layouts)
        self.reset = self._button("", self.tr("As rendered: no gain, fades or nudge"), self._reset)
        self.reset.setText(self.tr("Reset"))
        for button in (self.earlier, self.later, self.reset):
            layout.addWidget(button)
        self._show()

    def set_rate(self, rate: Fraction) -> None:
        """The timeline's frames per second, for nudges by frames."""
        self._rate = rate

    def set_adjustment(self, adjustment: Adjustment) -> None:
        """Show what is set."""
        if adjustment != self._adjustment:
            self._adjustment = adjustment
            self._show()

    def _show(self) -> None:
        now = self._adjustment
        for field, value in (
            (self.gain, now.gain_db),
            (self.fade_in, float(now.fade_in_s)),
            (self.fade_out, float(now.fade_out_s)),
            (self.nudge, float(now.nudge_s) * 1000),
        ):
            field.blockSignals(True)
            field.setValue(value)
            field.blockSignals(False)
        self.reset.setEnabled(not now.is_neutral)

    def _wish(self, **values: object) -> None:
        wished = replace(self._adjustment, **values)  # type: ignore[arg-type]
        if wished != self._adjustment:
            self.adjusted.emit(wished)

    def _frames(self, by: int) -> Callable[[], None]:
        return lambda: self._wish(nudge_s=self._adjustment.nudge_s + by / self._rate)

    def _reset(self) -> None:
        if not self._adjustment.is_neutral:
            self.adjusted.emit(NEUTRAL)

    def _field(
        self, name: str, unit: str, limits: tuple[float, float], *, step: float, decimals: int
    ) -> QDoubleSpinBox:
        label = QLabel(name)
        label.setProperty("dim", True)
        field = QDoubleSpinBox()
        field.setRange(*limits)
        field.setSingleStep(step)
        field.setDecimals(decimals)
        field.setSuffix(unit)
        field.setKeyboardTracking(False)
        field.setToolTip(self.tr("Takes and renders stay as they are; what is delivered is adjusted"))
        field.setStyleSheet("QDoubleSpinBox::up-button, QDoubleSpinBox::down-button { width: 0; border: none; }")
        widest = max((f"{limits[0] / 10:.{decimals}f}{unit}", f"-00.{'0' * decimals}{unit}"), key=len)
        field.setFixedWidth(field.fontMetrics().horizontalAdvance(widest) + 5 * theme.UNIT)
        label.setBuddy(field)
        layout = self.layout()
        layout.addWidget(label)
        layout.addWidget(field)
        return field

    def _button(self, sign: str, words: str, pressed: Callable[[], None]) -> QToolButton:
        button = QToolButton()
        if sign:
            button.setIcon(icon(sign))
        button.setToolTip(words)
        button.setAccessibleName(words)
        button.setProperty("flat", True)
        button.clicked.connect(lambda *_: pressed())
        return button


def _exact(value: float) -> Fraction:
    """What a field with decimals says, exactly."""
    return Fraction(str(round(value, 4)))
