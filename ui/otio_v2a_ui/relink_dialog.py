"""The dialog that finds missing media: a folder, candidates by file, one choice each. Moves nothing, changes no cut."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QCloseEvent, QColor, QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from otio_v2a.media_search import Candidate, Match, Missing, Search, search
from otio_v2a.relinking import missing_media
from otio_v2a_ui import theme
from otio_v2a_ui.document import Document
from otio_v2a_ui.folders import state_folder
from otio_v2a_ui.process import Errand
from otio_v2a_ui.prompt_widgets import polish
from otio_v2a_ui.relinks import remember_relinks
from otio_v2a_ui.settings import Settings

__all__ = ["RelinkDialog"]

_CHOICE = Qt.ItemDataRole.UserRole
_URL = Qt.ItemDataRole.UserRole + 1


class RelinkDialog(QDialog):  # type: ignore[misc]
    """Missing media of the open cut. Accepted when something was relinked: the cut is to be opened again then."""

    def __init__(
        self,
        document: Document,
        parent: QWidget | None = None,
        *,
        settings: Settings | None = None,
        state: Path | None = None,
    ) -> None:
        """`state` is where the document's own state lies; the user's folder when None."""
        super().__init__(parent)
        self.setWindowTitle(self.tr("Relink Media"))
        theme.apply(self)
        self.resize(820, 520)
        self._document = document
        self._settings = settings or Settings()
        self._state = state or state_folder()
        cut = document.cut
        self.missing: tuple[Missing, ...] = missing_media(cut.timeline, base=cut.media_base or cut.path.parent)
        self.found: Search | None = None
        self._chosen: dict[str, Path] = {}
        self._searching = Errand(self)
        self._make_fields()
        self._lay_out()
        self._searching.done.connect(self._searched)
        self._searching.failed.connect(self._failed)
        self._searching.progressed.connect(self._progressed)
        self._show_missing(tuple(Match(each) for each in self.missing))

    # Parts

    def _make_fields(self) -> None:
        self.head = QLabel()
        self.head.setWordWrap(True)
        self.folder = QLineEdit(str(self._settings.folder("relink") or self._document.path.parent))
        self.folder.setAccessibleName(self.tr("Folder to search"))
        self.folder.returnPressed.connect(self.start)
        self.browse = QPushButton(self.tr("Browse…"))
        self.browse.clicked.connect(self._browse)
        self.search = QPushButton(self.tr("&Search"))
        self.search.clicked.connect(self.start)
        self.tree = QTreeWidget()
        self.tree.setAccessibleName(self.tr("Missing media and candidates"))
        self.tree.setHeaderLabels([self.tr("File"), self.tr("Clips"), self.tr("Found")])
        self.tree.setUniformRowHeights(True)
        self.tree.setRootIsDecorated(True)
        self.tree.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        header = self.tree.header()
        header.setStretchLastSection(True)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        header.resizeSection(0, 240)
        header.resizeSection(1, 150)
        self.tree.itemActivated.connect(self._activated)
        self.tree.itemClicked.connect(self._activated)
        self.tree.currentItemChanged.connect(lambda *_: self._enable())
        self.locate = QPushButton(self.tr("&Locate File…"))
        self.locate.setToolTip(self.tr("Choose the file for the selected line yourself"))
        self.locate.clicked.connect(self._locate)
        self.progress = QProgressBar()
        self.progress.setRange(0, 0)
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName(self.tr("Searching"))
        self.progress.hide()
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.message.hide()
        self.copy = QPushButton(self.tr("Copy &Report"))
        self.copy.clicked.connect(self._copy)
        self.cancel = QPushButton(self.tr("Close"))
        self.cancel.clicked.connect(self.reject)
        self.apply = QPushButton(self.tr("&Relink"))
        self.apply.setProperty("primary", True)
        self.apply.clicked.connect(self.relink)
        for button in (self.browse, self.search, self.locate, self.copy, self.cancel, self.apply):
            button.setAccessibleName(button.text().replace("&", ""))
            button.setAutoDefault(False)

    def _lay_out(self) -> None:
        place = QHBoxLayout()
        place.setSpacing(8)
        label = QLabel(self.tr("Search &below"))
        label.setProperty("dim", True)
        label.setBuddy(self.folder)
        place.addWidget(label)
        place.addWidget(self.folder, 1)
        place.addWidget(self.browse)
        place.addWidget(self.search)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.locate)
        buttons.addWidget(self.copy)
        buttons.addStretch(1)
        buttons.addWidget(self.cancel)
        buttons.addWidget(self.apply)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(8)
        column.addWidget(self.head)
        column.addLayout(place)
        column.addWidget(self.tree, 1)
        column.addWidget(self.message)
        column.addWidget(self.progress)
        column.addLayout(buttons)

    # What is shown

    def _show_missing(self, matches: Sequence[Match]) -> None:
        self.tree.clear()
        for match in matches:
            clips = ", ".join(match.missing.clips)
            item = QTreeWidgetItem([match.missing.name, clips, ""])
            item.setToolTip(0, match.missing.url)
            item.setToolTip(1, clips)
            item.setData(0, _URL, match.missing.url)
            self.tree.addTopLevelItem(item)
            for candidate in match.candidates:
                self._add_candidate(item, candidate)
            item.setExpanded(match.choice is None and bool(match.candidates))
        self._show_choices()

    def _add_candidate(self, parent: QTreeWidgetItem, candidate: Candidate) -> None:
        place = f"{', '.join(candidate.remarks)} – {candidate.path.parent}"
        item = QTreeWidgetItem([candidate.path.name, "", place])
        item.setToolTip(2, place)
        item.setToolTip(0, str(candidate.path))
        item.setData(0, _CHOICE, str(candidate.path))
        parent.addChild(item)

    def _show_choices(self) -> None:
        for at in range(self.tree.topLevelItemCount()):
            item = self.tree.topLevelItem(at)
            path = self._chosen.get(item.data(0, _URL))
            n_children = item.childCount()
            if path is not None:
                item.setText(2, str(path))
                item.setToolTip(2, str(path))
                item.setForeground(2, QColor(theme.GOOD))
            else:
                several = self.tr("{n} candidates: choose one").format(n=n_children)
                several = self.tr("one candidate: choose it, or not") if n_children == 1 else several
                item.setText(2, several if n_children else self.tr("missing"))
                item.setForeground(2, QColor(theme.WARN if n_children else theme.BAD))
            for number in range(n_children):
                child = item.child(number)
                is_chosen = path is not None and child.data(0, _CHOICE) == str(path)
                child.setText(1, self.tr("chosen") if is_chosen else "")
                child.setForeground(0, QColor(theme.ACCENT if is_chosen else theme.DIM))
        if not self.missing:
            self.head.setText(self.tr("All media of this cut are there."))
        else:
            words = self.tr("{n} files are missing, {found} of them found. The cut itself is never changed.")
            self.head.setText(words.format(n=len(self.missing), found=len(self._chosen)))
        self._enable()

    def _enable(self) -> None:
        is_busy = self._searching.is_running
        self.apply.setEnabled(bool(self._chosen) and not is_busy)
        self.search.setEnabled(bool(self.missing) and not is_busy)
        self.locate.setEnabled(self.tree.currentItem() is not None and not is_busy)
        self.copy.setEnabled(self.found is not None)
        self.folder.setEnabled(bool(self.missing) and not is_busy)
        self.browse.setEnabled(bool(self.missing) and not is_busy)

    # Intent

    def _browse(self) -> None:
        path = QFileDialog.getExistingDirectory(self, self.tr("Folder to search"), self.folder.text())
        if path:
            self.folder.setText(path)
            self.start()

    def start(self) -> None:
        """Search; the interface goes on."""
        if self._searching.is_running or not self.missing:
            return
        folder, missing = Path(self.folder.text().strip()).expanduser(), self.missing
        self._say("")

        def look(errand: Errand) -> Search:
            return search(missing, folder, on_progress=lambda n: errand.progress(n, 0), cancelled=errand.cancelled)

        self._searching.start(look)
        self.progress.show()
        self.cancel.setText(self.tr("Cancel"))
        self._enable()

    def _progressed(self, n_files: int, _: int) -> None:
        self._say(self.tr("{n} files looked at…").format(n=n_files))

    def _searched(self, found: Search) -> None:
        self._idle()
        self.found = found
        if found.folder.is_dir():
            self._settings.set_folder("relink", found.folder)
        self._chosen.update(found.choices)
        self._say(found.lines()[0])
        self._show_missing(found.matches)

    def _failed(self, text: str) -> None:
        self._idle()
        self._say(text, bad=True)

    def _idle(self) -> None:
        self.progress.hide()
        self.cancel.setText(self.tr("Close"))
        self._enable()

    def _activated(self, item: QTreeWidgetItem, _column: int = 0) -> None:
        path = item.data(0, _CHOICE)
        if path is not None and item.parent() is not None:
            self.choose(item.parent().data(0, _URL), Path(path))

    def choose(self, url: str, path: Path) -> None:
        """Take a file for a missing one; the same again takes none."""
        if self._chosen.get(url) == path:
            del self._chosen[url]
        else:
            self._chosen[url] = path
        self._show_choices()

    def _locate(self) -> None:
        item = self.tree.currentItem()
        if item is None:
            return
        top = item.parent() or item
        path, _ = QFileDialog.getOpenFileName(
            self, self.tr("Locate {name}").format(name=top.text(0)), self.folder.text()
        )
        if path:
            self._chosen[top.data(0, _URL)] = Path(path)
            self._show_choices()

    def relink(self) -> None:
        """Keep the choices for this cut, and close: the cut is to be opened again."""
        try:
            remember_relinks(self._document.path, self._chosen, folder=self._state)
        except OSError as error:
            self._say(str(error), bad=True)
            return
        self.accept()

    def _copy(self) -> None:
        if self.found is not None:
            QGuiApplication.clipboard().setText(str(self.found))
            self._say(self.tr("The report is on the clipboard."))

    def _say(self, text: str, *, bad: bool = False) -> None:
        self.message.setText(text)
        self.message.setVisible(bool(text))
        polish(self.message, "bad", bad)

    def reject(self) -> None:
        """Cancel the search; a second time, close."""
        if self._searching.is_running:
            self._searching.cancel()
            return
        super().reject()

    def closeEvent(self, event: QCloseEvent) -> None:
        """As with Escape."""
        if self._searching.is_running:
            self._searching.cancel()
            self._searching.wait()
        super().closeEvent(event)
