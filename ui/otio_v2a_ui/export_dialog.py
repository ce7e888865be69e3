"""The dialog that writes stems and a timeline for a host: what is lost first, then progress, then the report."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QCloseEvent, QGuiApplication
from PySide6.QtWidgets import (
    QButtonGroup,
    QDialog,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from otio_v2a import targets
from otio_v2a.deliver import Delivered
from otio_v2a.generate import default_out, stems_folder
from otio_v2a.stem import Layout
from otio_v2a.targets import Loss, Target
from otio_v2a_ui import theme
from otio_v2a_ui.document import Document
from otio_v2a_ui.file_manager import reveal
from otio_v2a_ui.process import Errand
from otio_v2a_ui.prompt_widgets import Choice, polish
from otio_v2a_ui.settings import Settings
from otio_v2a_ui.snapshot import Snapshot

__all__ = ["ExportDialog"]

_MOST_LOSSES = 500


class ExportDialog(QDialog):  # type: ignore[misc]
    """Export of the open cut as it is now."""

    def __init__(self, document: Document, parent: QWidget | None = None, *, settings: Settings | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Export"))
        theme.apply(self)
        self.resize(680, 560)
        self._document = document
        self._settings = settings or Settings()
        self._snapshot: Snapshot = document.snapshot()
        self._is_named = False
        self._losses: tuple[Loss, ...] = ()
        self._report: tuple[str, ...] = ()
        self._looking, self._writing = Errand(self), Errand(self)
        self._look_again = False
        self.written: Path | None = None
        self._make_fields()
        self._lay_out()
        self._connect()
        self.target.setCurrentIndex(max(self.target.findData(self._settings.export_target), 0))
        self.layout_roles.setChecked(self._settings.export_layout is Layout.ROLES)
        self._target_changed()

    # Parts

    def _make_fields(self) -> None:
        self.target = Choice()
        self.target.setAccessibleName(self.tr("Host"))
        for target, name in (
            (Target.PORTABLE, self.tr("OpenTimelineIO, portable")),
            (Target.RESOLVE, "DaVinci Resolve"),
            (Target.PREMIERE, "Adobe Premiere Pro"),
            (Target.OTIOZ, self.tr("OpenTimelineIO bundle (.otioz), media inside")),
            (Target.FCP_XML, self.tr("Final Cut Pro 7 XML")),
        ):
            self.target.addItem(name, target)
        self.layout_clips = QRadioButton(self.tr("Clip by &clip, takes can be swapped in the host"))
        self.layout_roles = QRadioButton(self.tr("One full-length &stem per role"))
        self.layout_clips.setAccessibleName(self.tr("Clip by clip"))
        self.layout_roles.setAccessibleName(self.tr("One full-length stem per role"))
        self._layouts = QButtonGroup(self)
        self._layouts.addButton(self.layout_clips)
        self._layouts.addButton(self.layout_roles)
        self.layout_clips.setChecked(True)
        self.file = QLineEdit()
        self.file.setAccessibleName(self.tr("File"))
        self.browse = QPushButton(self.tr("Browse…"))
        self.browse.setAccessibleName(self.tr("Choose the file"))
        self.content = QLabel()
        self.content.setProperty("dim", True)
        self.content.setWordWrap(True)
        self.losses_head = QLabel()
        self.losses = QListWidget()
        self.losses.setAccessibleName(self.tr("What is lost"))
        self.losses.setWordWrap(True)
        self.losses.setAlternatingRowColors(False)
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName(self.tr("Progress"))
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.message.hide()
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.reveal = QPushButton(self.tr("Show in File &Manager"))
        self.copy = QPushButton(self.tr("Copy &Report"))
        self.cancel = QPushButton(self.tr("Close"))
        self.export = QPushButton(self.tr("&Export"))
        self.export.setProperty("primary", True)
        self.export.setDefault(True)
        for button in (self.reveal, self.copy, self.cancel, self.export):
            button.setAccessibleName(button.text().replace("&", ""))
        for widget in (self.reveal, self.progress):
            policy = widget.sizePolicy()
            policy.setRetainSizeWhenHidden(True)
            widget.setSizePolicy(policy)
            widget.hide()

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(8)
        grid.setColumnStretch(1, 1)
        layouts = QVBoxLayout()
        layouts.setSpacing(4)
        layouts.addWidget(self.layout_clips)
        layouts.addWidget(self.layout_roles)
        file = QHBoxLayout()
        file.setSpacing(8)
        file.addWidget(self.file, 1)
        file.addWidget(self.browse)
        rows: tuple[tuple[str, QWidget, Any], ...] = (
            (self.tr("&Host"), self.target, None),
            (self.tr("Sound"), self.layout_clips, layouts),
            (self.tr("&File"), self.file, file),
        )
        for row, (text, buddy, layout) in enumerate(rows):
            label = QLabel(text)
            label.setProperty("dim", True)
            label.setBuddy(buddy)
            grid.addWidget(
                label, row, 0, Qt.AlignmentFlag.AlignTop if layout is layouts else Qt.AlignmentFlag.AlignVCenter
            )
            if layout is None:
                grid.addWidget(buddy, row, 1)
            else:
                grid.addLayout(layout, row, 1)
        grid.addWidget(self.content, len(rows), 1)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.copy)
        buttons.addWidget(self.reveal)
        buttons.addStretch(1)
        buttons.addWidget(self.cancel)
        buttons.addWidget(self.export)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(8)
        column.addLayout(grid)
        column.addSpacing(8)
        column.addWidget(self.losses_head)
        column.addWidget(self.losses, 1)
        column.addStretch(0)
        column.addWidget(self.message)
        column.addWidget(self.progress)
        column.addLayout(buttons)

    def _connect(self) -> None:
        self.target.currentIndexChanged.connect(self._target_changed)
        self._layouts.buttonToggled.connect(lambda _, on: self._look() if on else None)
        self.file.textEdited.connect(self._file_typed)
        self.browse.clicked.connect(self._browse)
        self.export.clicked.connect(self.start)
        self.cancel.clicked.connect(self.reject)
        self.copy.clicked.connect(self.copy_report)
        self.reveal.clicked.connect(self._reveal)
        self._looking.done.connect(self._looked)
        self._looking.failed.connect(lambda text: self._say(text, bad=True))
        self._writing.done.connect(self._wrote)
        self._writing.failed.connect(self._failed)
        self._writing.progressed.connect(self._progressed)

    # What is chosen

    @property
    def chosen_target(self) -> Target:
        """The host."""
        return Target(self.target.currentData())

    @property
    def chosen_layout(self) -> Layout:
        """How sound is laid out."""
        return Layout.ROLES if self.layout_roles.isChecked() else Layout.CLIPS

    @property
    def out(self) -> Path:
        """The file."""
        return Path(self.file.text().strip()).expanduser()

    def _target_changed(self, *_: object) -> None:
        target = self.chosen_target
        if self._is_named and self.out.name:
            self.file.setText(str(self.out.with_suffix(targets.suffix(target))))
        else:
            self.file.setText(str(_default_out(self._document, target)))
        self._tell_content()
        self._look()

    def _file_typed(self, text: str) -> None:
        self._is_named = True
        self.export.setEnabled(bool(self.out.name))
        self._tell_content()

    def _browse(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self,
            self.tr("Export to"),
            str(self.out),
            f"*{targets.suffix(self.chosen_target)}",
            options=QFileDialog.Option.DontConfirmOverwrite,
        )
        if path:
            self._is_named = True
            end = targets.suffix(self.chosen_target)
            self.file.setText(path if path.lower().endswith(end) else path + end)
            self._tell_content()

    def _tell_content(self) -> None:
        held = self._snapshot.held
        clips = {each.clip.clip_id for each in held}
        total = len(self._snapshot.cut.spans)
        # A folder's name alone, as while somebody types "/", has no stems beside it yet.
        folder = stems_folder(self.out).name if self.out.name else "\N{HORIZONTAL ELLIPSIS}"
        text = self.tr("{n} of {total} clips have sound, {stems} stems; files go to {folder}").format(
            n=len(clips), total=total, stems=len(held), folder=folder
        )
        if not held:
            text = self.tr("No clip has sound yet: only the cut and its prompts are written.")
        self.content.setText(text)

    # Losses

    def _look(self) -> None:
        """Ask what the host will not carry, off the interface's thread."""
        self._losses = ()
        self.losses.clear()
        self.losses_head.setText(self.tr("Looking at what {host} carries…").format(host=self.target.currentText()))
        self.export.setEnabled(False)
        if self._looking.is_running:
            self._look_again = True
            return
        snapshot, target, layout = self._snapshot, self.chosen_target, self.chosen_layout
        self._looking.start(lambda errand: (target, (*snapshot.losses(target), *_of_takes(snapshot, target, layout))))

    def _looked(self, result: tuple[Target, tuple[Loss, ...]]) -> None:
        target, losses = result
        if self._look_again or target is not self.chosen_target:
            self._look_again = False
            self._look()
            return
        self._losses = losses
        fatal = [loss for loss in losses if loss.fatal]
        host = self.target.currentText()
        if fatal:
            self.losses_head.setText(
                self.tr("{host} cannot take this cut; relink what is missing, or choose another host").format(host=host)
            )
        elif losses:
            self.losses_head.setText(self.tr("{host} will not carry ({n}):").format(host=host, n=len(losses)))
        else:
            self.losses_head.setText(self.tr("Nothing is lost: {host} carries all of this cut.").format(host=host))
        polish(self.losses_head, "bad", bool(fatal))
        self.losses.setVisible(bool(losses))
        for loss in (*fatal, *(loss for loss in losses if not loss.fatal))[:_MOST_LOSSES]:
            item = QListWidgetItem(str(loss))
            item.setToolTip(str(loss))
            if loss.fatal:
                item.setForeground(theme.palette().color(theme.palette().ColorRole.BrightText))
            self.losses.addItem(item)
        if len(losses) > _MOST_LOSSES:
            self.losses.addItem(self.tr("… and {n} more; the report has all").format(n=len(losses) - _MOST_LOSSES))
        self.export.setEnabled(not fatal and bool(self.out.name) and not self._writing.is_running)

    # Writing

    def start(self) -> None:
        """Write."""
        if self._writing.is_running or not self.export.isEnabled():
            return
        out, target, layout = self.out, self.chosen_target, self.chosen_layout
        if out.resolve() == self._document.path.resolve() and out.resolve() != self._document.out.resolve():
            self._say(self.tr("That is the cut itself, which is never changed; choose another file."), bad=True)
            return
        if out.exists() and out.resolve() != self._document.out.resolve() and not self._may_replace(out):
            return
        self._settings.export_target, self._settings.export_layout = target, layout
        self.written = None
        self._set_busy(True)
        self._say(self.tr("Writing stems…"))
        snapshot = self._snapshot

        def write(errand: Errand) -> Delivered | None:
            return snapshot.export(
                out, target=target, layout=layout, on_progress=errand.progress, cancelled=errand.cancelled
            )

        self._writing.start(write)

    def _may_replace(self, out: Path) -> bool:
        answer = QMessageBox.question(
            self,
            self.tr("Replace file"),
            self.tr("{name} exists. Replace it?").format(name=out.name),
            QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.No,
        )
        return bool(answer == QMessageBox.StandardButton.Yes)

    def _progressed(self, done: int, total: int) -> None:
        self.progress.setRange(0, max(total, 1))
        self.progress.setValue(done)

    def _wrote(self, made: Delivered | None) -> None:
        self._set_busy(False)
        if made is None:
            self._say(self.tr("Cancelled; no timeline was written."))
            return
        self.written = made.out
        if made.out.resolve() == self._document.out.resolve():
            self._document.saved(self._snapshot)
        self._report = self._report_lines(made)
        self.reveal.show()
        text = self.tr("Wrote {name} with {n} stems.").format(name=made.out.name, n=len(made.stems))
        if made.notes:
            text += " " + self.tr("{n} notes are in the report.").format(n=len(made.notes))
        self._say(text)
        self.cancel.setText(self.tr("Done"))
        self.reveal.setFocus()

    def _failed(self, text: str) -> None:
        self._set_busy(False)
        self._say(text, bad=True)

    def _set_busy(self, on: bool) -> None:
        for widget in (self.target, self.layout_clips, self.layout_roles, self.file, self.browse, self.export):
            widget.setEnabled(not on)
        self.progress.setRange(0, 0 if on else 1)
        self.progress.setVisible(on)
        self.cancel.setText(self.tr("Cancel") if on else self.tr("Close"))

    def _say(self, text: str, *, bad: bool = False) -> None:
        self.message.setText(text)
        self.message.setVisible(bool(text))
        polish(self.message, "bad", bad)

    # The report

    def report(self) -> str:
        """What was written, or would be, and what is lost, as text."""
        return "\n".join(self._report or self._report_lines(None))

    def _report_lines(self, made: Delivered | None) -> tuple[str, ...]:
        head = [f"{self._document.name} -> {self.target.currentText()} ({self.chosen_layout})"]
        if made is not None:
            head.append(self.tr("timeline: {path}").format(path=made.out))
            head += [self.tr("stem: {path}").format(path=stem.path) for stem in made.stems]
            head += [self.tr("note: {text}").format(text=note) for note in made.notes]
        losses: Sequence[str] = [str(loss) for loss in self._losses]
        head.append(self.tr("not carried: {n}").format(n=len(losses)))
        return (*head, *(f"  {loss}" for loss in losses))

    def copy_report(self) -> None:
        """Put the report on the clipboard."""
        QGuiApplication.clipboard().setText(self.report())
        self._say(self.tr("The report is on the clipboard."))

    def _reveal(self) -> None:
        if self.written is not None:
            reveal(self.written)

    # Closing

    def reject(self) -> None:
        """Cancel what is under way; a second time, close."""
        if self._writing.is_running:
            self._writing.cancel()
            self._say(self.tr("Cancelling…"))
            return
        self._looking.wait()
        super().reject()

    def closeEvent(self, event: QCloseEvent) -> None:
        """As with Escape."""
        if self._writing.is_running:
            event.ignore()
            self.reject()
        else:
            self._looking.wait()
            super().closeEvent(event)


def _of_takes(snapshot: Snapshot, target: Target, layout: Layout) -> tuple[Loss, ...]:
    """What becomes of the takes that are not heard."""
    others = sum(len(each.clip.takes) - 1 for each in snapshot.held)
    if not others or (target is Target.PORTABLE and layout is Layout.CLIPS):
        return ()
    if layout is Layout.ROLES or target in (Target.OTIOZ, Target.FCP_XML):
        return (Loss("", "", f"{others} takes that are not in use"),)
    return (Loss("", "", f"{others} takes that are not in use stay in the file, but the host does not show them"),)


def _default_out(document: Document, target: Target) -> Path:
    """Beside the cut, under a name that does not take the place of the timeline that holds the work."""
    if target is Target.PORTABLE:
        return document.out
    out = default_out(document.path, target=target)
    return out.with_stem(f"{out.stem}_{target.value}") if out.suffix == ".otio" else out
