"""The page of engines, devices and weights, with what licences forbid. Loads no engine: other processes are asked."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from PySide6.QtCore import QCoreApplication, QLocale, Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from otio_v2a.devices import Device, devices
from otio_v2a.weights_install import install
from otio_v2a.weights_store import StoredWeights, stored, verify
from otio_v2a_engine import registry
from otio_v2a_engine.contract import EngineError, EngineInfo
from otio_v2a_ui import theme
from otio_v2a_ui.licences import forbids
from otio_v2a_ui.process import Errand
from otio_v2a_ui.prompt_widgets import Choice, polish
from otio_v2a_ui.settings import Settings
from otio_v2a_ui.translation import languages

__all__ = ["EnginesDialog", "EnginesPage"]


class EnginesPage(QWidget):  # type: ignore[misc]
    """Engines, devices, weights.

    Signals:
        changed: the engine or device of clips that name none was chosen, or weights were installed.
    """

    changed = Signal()

    # A thread may end after the page is gone; its errand must not go before.
    _kept: ClassVar[set[Errand]] = set()
    _found: ClassVar[tuple[Device, ...]] = ()

    def __init__(self, parent: QWidget | None = None, *, settings: Settings | None = None) -> None:
        super().__init__(parent)
        self._settings = settings or Settings()
        self._infos: dict[str, EngineInfo] = {}
        self._weights: tuple[StoredWeights, ...] = ()
        self._work: Errand | None = None
        self._make_fields()
        self._lay_out()
        self.reload()
        self._ask_devices()

    # Parts

    def _make_fields(self) -> None:
        self.device = Choice()
        self.device.setAccessibleName(self.tr("Device"))
        self.device.setSizeAdjustPolicy(Choice.SizeAdjustPolicy.AdjustToContents)  # devices are found after it is shown
        self.device.activated.connect(self._device_chosen)
        self.memory = QLabel()
        self.memory.setProperty("dim", True)
        self.engines = QListWidget()
        self.engines.setAccessibleName(self.tr("Engines"))
        self.engines.currentRowChanged.connect(lambda _: self._show_engine())
        self.title = QLabel()
        self.title.setFont(theme.scaled_font(self.title.font(), 1.3))
        self.summary = QLabel()
        self.summary.setWordWrap(True)
        self.abilities = QFormLayout()
        self.abilities.setHorizontalSpacing(16)
        self.abilities.setVerticalSpacing(4)
        self.abilities.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        self.abilities.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.use = QPushButton(self.tr("&Use for all clips"))
        self.use.setToolTip(self.tr("The engine of clips that choose none"))
        self.install = QPushButton(self.tr("&Install weights from folder…"))
        self.install.setToolTip(self.tr("A weights folder, or the files that a model's authors released"))
        self.check = QPushButton(self.tr("&Verify weights"))
        self.check.setToolTip(self.tr("Read every file and compare its hash"))
        self.use.clicked.connect(self._use)
        self.install.clicked.connect(self._ask_folder)
        self.check.clicked.connect(self.verify_weights)
        for button in (self.use, self.install, self.check):
            button.setAccessibleName(button.text().replace("&", ""))
        self.progress = QProgressBar()
        self.progress.setRange(0, 0)
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName(self.tr("Working"))
        self.progress.hide()
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.message.hide()
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)

    def _lay_out(self) -> None:
        machine = QHBoxLayout()
        machine.setSpacing(12)
        label = QLabel(self.tr("Render &on"))
        label.setBuddy(self.device)
        label.setProperty("dim", True)
        machine.addWidget(label)
        machine.addWidget(self.device)
        machine.addWidget(self.memory, 1)
        inside = QWidget()
        detail = QVBoxLayout(inside)
        detail.setContentsMargins(16, 0, 8, 0)
        detail.setSpacing(8)
        detail.addWidget(self.title)
        detail.addWidget(self.summary)
        detail.addLayout(self.abilities)
        detail.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(inside)
        scroll.viewport().setAutoFillBackground(False)
        inside.setAutoFillBackground(False)
        both = QHBoxLayout()
        both.setSpacing(0)
        both.addWidget(self.engines)
        both.addWidget(scroll, 1)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.install)
        buttons.addWidget(self.check)
        buttons.addStretch(1)
        buttons.addWidget(self.use)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(12)
        column.addLayout(machine)
        column.addLayout(both, 1)
        column.addWidget(self.message)
        column.addWidget(self.progress)
        column.addLayout(buttons)

    # What is shown

    def reload(self) -> None:
        """Look at engines and weights again."""
        current = self.current.name if self.current is not None else self._settings.engine
        try:
            self._infos = {name: spec.info for name, spec in registry.specs().items()}
        except EngineError as error:
            self._say(str(error), bad=True)
            self._infos = {registry.DEFAULT_ENGINE: registry.find(registry.DEFAULT_ENGINE).info}
        self._weights, faults = stored()
        if faults:
            self._say("\n".join(faults), bad=True)
        self.engines.blockSignals(True)
        self.engines.clear()
        for name, info in self._infos.items():
            marks = [self.tr("default")] if name == self._settings.engine else []
            if info.weights_name and not self._weights_of(info):
                marks.append(self.tr("no weights"))
            item = QListWidgetItem(f"{name}  ({', '.join(marks)})" if marks else name)
            item.setData(Qt.ItemDataRole.UserRole, name)
            item.setToolTip(info.summary)
            self.engines.addItem(item)
        self.engines.setFixedWidth(
            max(self.engines.sizeHintForColumn(0), self.fontMetrics().averageCharWidth() * 20) + 16
        )
        self.engines.blockSignals(False)
        names = list(self._infos)
        self.engines.setCurrentRow(names.index(current) if current in names else 0)
        self._show_engine()
        self._show_devices(self._found)

    @property
    def current(self) -> EngineInfo | None:
        """The engine that is shown."""
        item = self.engines.currentItem()
        return self._infos.get(item.data(Qt.ItemDataRole.UserRole)) if item is not None else None

    def select(self, name: str) -> None:
        """Show an engine."""
        self.engines.setCurrentRow(list(self._infos).index(name))

    def _weights_of(self, info: EngineInfo) -> list[StoredWeights]:
        return [weights for weights in self._weights if info.weights_name and weights.note.kind == info.weights_name]

    def _show_engine(self) -> None:
        info = self.current
        while self.abilities.rowCount():
            self.abilities.removeRow(0)
        if info is None:
            return
        self.title.setText(f"{info.name} {info.version}")
        self.summary.setText(info.summary)
        for name, text in self._facts(info):
            self._row(name, text)
        self._show_licence(info)
        is_default = info.name == self._settings.engine
        self.use.setEnabled(not is_default)
        is_busy = self._work is not None
        self.install.setEnabled(bool(info.weights_name) and not is_busy)
        self.check.setEnabled(bool(self._weights_of(info)) and not is_busy)

    def _facts(self, info: EngineInfo) -> list[tuple[str, str]]:
        able = [
            word
            for word, can in (
                (self.tr("prompt"), info.takes_text),
                (self.tr("negative prompt"), info.takes_negative_text),
                (self.tr("transcript"), info.takes_transcript),
                (self.tr("event markers"), info.takes_events),
            )
            if can
        ]
        rates = ", ".join(f"{rate / 1000:g}" for rate in info.sample_rates)
        return [
            (self.tr("Stems"), ", ".join(info.roles)),
            (self.tr("Follows"), ", ".join([self.tr("picture"), *able])),
            (self.tr("Sound"), self.tr("{rates} kHz, {n} channels").format(rates=rates, n=max(info.channels))),
            (self.tr("Runs on"), ", ".join(info.devices)),
            (self.tr("Steps"), self.tr("{n} by default").format(n=info.default_steps)),
            (
                self.tr("Speed"),
                self.tr("about {cost:g} s per second of sound on two CPU cores").format(cost=info.cost_factor),
            ),
        ]

    def _show_licence(self, info: EngineInfo) -> None:
        if not info.weights_name:
            if info.weights_licence:
                self._row(self.tr("Weights"), self.tr("ship with the program"))
                self._row(self.tr("Licence"), info.weights_licence)
                self._row(self.tr("It says"), _licence_words(info.weights_licence))
            if info.weights_note:
                self._row(self.tr("Note"), info.weights_note)
            return
        found = self._weights_of(info)
        if not found:
            self._row(self.tr("Weights"), self.tr("not installed: the engine cannot render without them"), warn=True)
            self._row(self.tr("Licence"), info.weights_licence)
            self._row(self.tr("Note"), info.weights_note)
        for weights in found:
            size = f"{weights.note.n_bytes / 2**30:.2f} GiB"
            used = self.tr("used") if weights.is_chosen else self.tr("not used")
            self._row(self.tr("Weights"), f"{weights.note.name}, {size}, {used}")
            self._row(self.tr("Folder"), str(weights.folder))
            self._row(self.tr("Licence"), weights.note.licence or self.tr("not stated"))
            licence = weights.note.licence
            words = _licence_words(licence) if licence else self.tr("Read the authors' terms first.")
            self._row(self.tr("It says"), words, warn=not licence or forbids(licence).startswith(("No ", "Not ")))
            for remark in weights.note.remarks:
                self._row(self.tr("Note"), remark)

    def _row(self, name: str, text: str, *, warn: bool = False) -> None:
        label = QLabel(name)
        label.setProperty("dim", True)
        value = QLabel(text)
        value.setWordWrap(True)
        value.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        value.setProperty("warn", warn)
        value.setAccessibleName(f"{name}: {text}")
        self.abilities.addRow(label, value)

    def shown(self) -> tuple[tuple[str, str], ...]:
        """The facts that stand there, as name and text."""
        rows = []
        for row in range(self.abilities.rowCount()):
            name = self.abilities.itemAt(row, QFormLayout.ItemRole.LabelRole).widget().text()
            rows.append((name, self.abilities.itemAt(row, QFormLayout.ItemRole.FieldRole).widget().text()))
        return tuple(rows)

    # Devices

    def _ask_devices(self) -> None:
        if self._found:
            return
        errand = Errand()
        self._kept.add(errand)
        errand.done.connect(self._devices_known)
        errand.failed.connect(self._devices_unknown)
        for ended in (errand.done, errand.failed):
            ended.connect(lambda _, errand=errand: self._kept.discard(errand))
        errand.start(lambda _: devices())

    def _devices_known(self, found: Sequence[Device]) -> None:
        EnginesPage._found = tuple(found)
        self._show_devices(found)

    def _devices_unknown(self, text: str) -> None:
        self.memory.setText(text)

    def _show_devices(self, found: Sequence[Device]) -> None:
        names = [device.name for device in found] or ["cpu"]
        now = self._settings.device
        self.device.clear()
        for name in dict.fromkeys([*names, now]):
            title = next((device.title for device in found if device.name == name), "")
            self.device.addItem(f"{name}: {title}" if title else name, name)
        self.device.setCurrentIndex(max(self.device.findData(now), 0))
        self._show_memory()

    def _show_memory(self) -> None:
        device = next((each for each in self._found if each.name == self.device.currentData()), None)
        if not self._found:
            self.memory.setText(self.tr("Asking the machine…"))
        elif device is None:
            self.memory.setText(self.tr("This machine has no such device."))
        elif device.total_bytes is None:
            self.memory.setText("")
        else:
            words = self.tr("{total:.1f} GiB of memory").format(total=device.total_bytes / 2**30)
            if device.free_bytes is not None:
                words += self.tr(", {free:.1f} GiB free").format(free=device.free_bytes / 2**30)
            self.memory.setText(words)

    def _device_chosen(self, at: int) -> None:
        name = self.device.itemData(at)
        info = self._infos.get(self._settings.engine)
        if info is not None and name not in info.devices:
            words = self.tr("{engine} does not run on {device}.").format(engine=info.name, device=name)
            self._say(words, bad=True)
            self._show_devices(self._found)
            return
        self._settings.device = name
        self._show_memory()
        self.changed.emit()

    # Intent

    def _use(self) -> None:
        info = self.current
        if info is None:
            return
        self._settings.engine = info.name
        self._say(self.tr("Clips that choose no engine are rendered by {engine}.").format(engine=info.name))
        self.reload()
        self.changed.emit()

    def _ask_folder(self) -> None:
        start = self._settings.folder("weights")
        path = QFileDialog.getExistingDirectory(self, self.tr("Folder with the weights"), str(start or Path.home()))
        if path:
            self.install_from(Path(path))

    def install_from(self, folder: Path) -> None:
        """Install weights of the engine that is shown; the interface goes on."""
        info = self.current
        if info is None or self._work is not None:
            return
        self._settings.set_folder("weights", folder.parent)
        kind = info.weights_name
        self._say(self.tr("Installing weights from {folder}…").format(folder=folder))
        self._begin(lambda: install(folder, kind=kind), self._installed)

    def _installed(self, weights: StoredWeights) -> None:
        self.reload()
        licence = weights.note.licence or self.tr("not stated")
        self._say(
            self.tr("Installed {name} in {folder}. Licence: {licence}.").format(
                name=weights.note.name, folder=weights.folder, licence=licence
            )
        )
        self.changed.emit()

    def verify_weights(self) -> None:
        """Read every file of the shown engine's weights and compare its hash."""
        info = self.current
        if info is None or self._work is not None:
            return
        folders = [weights.folder for weights in self._weights_of(info)]
        self._say(self.tr("Reading every file…"))
        self._begin(lambda: tuple(fault for folder in folders for fault in verify(folder)), self._verified)

    def _verified(self, faults: Sequence[str]) -> None:
        if faults:
            self._say("\n".join(faults[:5]), bad=True)
        else:
            self._say(self.tr("Every file is as it was made."))

    def _begin(self, work: object, then: object) -> None:
        errand = Errand()
        self._kept.add(errand)
        self._work = errand
        errand.done.connect(then)
        errand.failed.connect(self._work_failed)
        for ended in (errand.done, errand.failed):
            ended.connect(self._end)
            ended.connect(lambda _, errand=errand: self._kept.discard(errand))
        self.progress.show()
        self._show_engine()
        errand.start(lambda _: work())  # type: ignore[operator]

    def _work_failed(self, text: str) -> None:
        self._say(text, bad=True)

    def _end(self, _: object) -> None:
        self._work = None
        self.progress.hide()
        self._show_engine()

    def _say(self, text: str, *, bad: bool = False) -> None:
        self.message.setText(text)
        self.message.setVisible(bool(text))
        polish(self.message, "bad", bad)


def _licence_words(licence: str) -> str:
    return str(QCoreApplication.translate("Licence", forbids(licence)))


class EnginesDialog(QDialog):  # type: ignore[misc]
    """The page in a window of its own, with the language of the interface below it."""

    def __init__(self, parent: QWidget | None = None, *, settings: Settings | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Engines"))
        theme.apply(self)
        self.resize(820, 600)
        self._settings = settings or Settings()
        self.page = EnginesPage(settings=self._settings)
        self.language = Choice()
        self.language.setAccessibleName(self.tr("Language"))
        self.language.addItem(self.tr("As the system"), "")
        for name in ("en", *languages()):
            self.language.addItem(QLocale(name).nativeLanguageName(), name)
        self.language.setCurrentIndex(max(self.language.findData(self._settings.language), 0))
        self.language.activated.connect(self._language_chosen)
        self.hint = QLabel(self.tr("from the next start on"))
        self.hint.setProperty("dim", True)
        self.hint.hide()
        label = QLabel(self.tr("&Language"))
        label.setProperty("dim", True)
        label.setBuddy(self.language)
        close = QPushButton(self.tr("Close"))
        close.setAccessibleName(self.tr("Close"))
        close.clicked.connect(self.accept)
        foot = QHBoxLayout()
        foot.setContentsMargins(16, 8, 16, 12)
        foot.setSpacing(12)
        foot.addWidget(label)
        foot.addWidget(self.language)
        foot.addWidget(self.hint)
        foot.addStretch(1)
        foot.addWidget(close)
        line = QFrame()
        line.setProperty("line", True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.page, 1)
        layout.addWidget(line)
        layout.addLayout(foot)

    def _language_chosen(self, at: int) -> None:
        self._settings.language = self.language.itemData(at)
        self.hint.show()
