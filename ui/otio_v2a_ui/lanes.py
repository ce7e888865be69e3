"""What stands at the left of the player's lanes: role, take, solo, mute and monitor gain. Shows and emits."""

from PySide6.QtCore import Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QWidget

from otio_v2a_engine.contract import Role
from otio_v2a_ui import theme

__all__ = ["LaneHeader", "SpectrumHeader", "role_name"]


def role_name(role: Role) -> str:
    """The role as editors write it on a track."""
    return str(role.value)


class _Header(QWidget):  # type: ignore[misc]
    """A header as wide as the others, with a colour at its edge."""

    def __init__(self, colour: str | None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colour = colour
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        self.row = QHBoxLayout(self)
        self.row.setContentsMargins(3 * theme.UNIT, theme.UNIT, theme.GAP, theme.UNIT)
        self.row.setSpacing(theme.UNIT)
        # All headers are as wide as the widest needs to be.
        self.setFixedWidth(self.fontMetrics().horizontalAdvance("AMB  t99  -60.0 dB") + 30 * theme.UNIT)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The ground, and the colour."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.PANEL))
        if self._colour is not None:
            painter.fillRect(0, 0, theme.UNIT, self.height(), QColor(self._colour))
        painter.end()


class LaneHeader(_Header):
    """The header of one stem's lane.

    Signals:
        solo_toggled, mute_toggled: whether it is on.
        gain_changed: monitor gain in dB; what is delivered does not change.
    """

    solo_toggled = Signal(bool)
    mute_toggled = Signal(bool)
    gain_changed = Signal(float)

    def __init__(self, role: Role, *, solo: bool = False, muted: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(theme.ROLE_COLOURS[role], parent)
        self._role = role
        name = QLabel(role_name(role))
        font = name.font()
        font.setBold(True)
        name.setFont(font)
        name.setMinimumWidth(name.fontMetrics().horizontalAdvance("AMB "))
        self._take = QLabel("")
        self._take.setProperty("dim", True)
        self.solo = self._switch("S", self.tr("Solo {role}").format(role=role), solo)
        self.solo.toggled.connect(self.solo_toggled)
        self.mute = self._switch("M", self.tr("Mute {role}").format(role=role), muted)
        self.mute.toggled.connect(self.mute_toggled)
        self.gain = QDoubleSpinBox()
        self.gain.setRange(-60.0, 12.0)
        self.gain.setSingleStep(0.5)
        self.gain.setDecimals(1)
        self.gain.setSuffix(" dB")
        # No buttons: `setButtonSymbols` would do, but under a style sheet it hides the text as well.
        self.gain.setStyleSheet("QDoubleSpinBox::up-button, QDoubleSpinBox::down-button { width: 0; border: none; }")
        self.gain.setKeyboardTracking(False)
        self.gain.setToolTip(self.tr("Monitor gain; what is delivered does not change"))
        self.gain.setAccessibleName(self.tr("Monitor gain of {role}").format(role=role))
        self.gain.setFixedWidth(self.gain.fontMetrics().horizontalAdvance("-60.0 dB") + 5 * theme.UNIT)
        self.gain.valueChanged.connect(self.gain_changed)
        self.row.addWidget(name)
        self.row.addWidget(self._take, 1)
        self.row.addWidget(self.solo)
        self.row.addWidget(self.mute)
        self.row.addWidget(self.gain)

    def set_take(self, number: int) -> None:
        """Which take is heard."""
        self._take.setText(self.tr("t{number}").format(number=number))
        self._take.setToolTip(self.tr("Take {number}").format(number=number))

    def _switch(self, letter: str, name: str, on: bool) -> QToolButton:
        button = QToolButton()
        button.setText(letter)
        button.setCheckable(True)
        button.setChecked(on)
        button.setToolTip(name)
        button.setAccessibleName(name)
        return button


class SpectrumHeader(_Header):
    """Chooses whose spectrum is shown.

    Signals:
        chosen: the role, or None.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(None, parent)
        label = QLabel(self.tr("Spectrum"))
        label.setProperty("dim", True)
        self.box = QComboBox()
        self.box.setAccessibleName(self.tr("Stem whose spectrum is shown"))
        self.box.currentIndexChanged.connect(lambda _: self.chosen.emit(self.role))
        self.row.addWidget(label, 1)
        self.row.addWidget(self.box)

    @property
    def role(self) -> Role | None:
        """The chosen role."""
        return Role(self.box.currentData()) if self.box.currentIndex() >= 0 else None

    def set_roles(self, roles: tuple[Role, ...]) -> None:
        """Offer these; the chosen one stays where it is among them."""
        if [self.box.itemData(index) for index in range(self.box.count())] == [role.value for role in roles]:
            return
        before = self.role
        self.box.blockSignals(True)
        self.box.clear()
        for role in roles:
            self.box.addItem(role_name(role), role.value)
        if before in roles:
            self.box.setCurrentIndex(roles.index(before))
        self.box.blockSignals(False)
        self.box.setEnabled(len(roles) > 1)
