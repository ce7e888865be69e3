"""The panel in a window of its own: menus, recent files, geometry. Owns nothing that the panel does not have docked."""

from pathlib import Path

from PySide6.QtCore import QByteArray, Qt
from PySide6.QtGui import QAction, QCloseEvent
from PySide6.QtWidgets import QMainWindow, QMenu, QMessageBox, QWidget

from otio_v2a.worker_process import WorkerSettings
from otio_v2a_ui import theme
from otio_v2a_ui.panel import Panel

__all__ = ["Window"]


class Window(QMainWindow):  # type: ignore[misc]
    """The panel's own window."""

    def __init__(self, parent: QWidget | None = None, *, worker: WorkerSettings | None = None) -> None:
        super().__init__(parent)
        theme.apply(self)
        self.panel = Panel(worker=worker)
        self.panel.menu_button.hide()
        self.setCentralWidget(self.panel)
        self.setAccessibleName(self.tr("otio-v2a panel"))
        self.recent_menu = QMenu(self.tr("Open Recent"), self)
        self._make_menus()
        self.panel.opened.connect(self._remember)
        self.panel.title_changed.connect(self._show_title)
        self._show_title("", False)
        self._show_recent()
        self.resize(self.panel.sizeHint())
        geometry = self.panel.session.value("window/geometry")
        if isinstance(geometry, QByteArray) and not geometry.isEmpty():
            self.restoreGeometry(geometry)
        self.panel.restore_layout()

    def open(self, path: Path) -> None:
        """Open a cut."""
        self.panel.open(path)

    def _make_menus(self) -> None:
        bar = self.menuBar()
        for title, names in self.panel.menus():
            menu = bar.addMenu(title)
            for name in names:
                if name:
                    menu.addAction(self.panel.actions_by_name[name])
                else:
                    menu.addSeparator()
                if name == "open":
                    menu.addMenu(self.recent_menu)
            if "close" in names:
                menu.addSeparator()
                quit_action = QAction(self.tr("Quit"), self)
                quit_action.setShortcut("Ctrl+Q")
                quit_action.setMenuRole(QAction.MenuRole.QuitRole)
                quit_action.triggered.connect(self.close)
                menu.addAction(quit_action)
        view_menu = bar.actions()[-1].menu()
        full = QAction(self.tr("Full Screen"), self, checkable=True)
        full.setShortcut("F11")
        full.toggled.connect(self._set_full)
        view_menu.addAction(full)
        help_menu = bar.addMenu(self.tr("&Help"))
        keys = QAction(self.tr("Keyboard Shortcuts"), self)
        keys.setShortcut("F1")
        keys.triggered.connect(self.show_keys)
        help_menu.addAction(keys)
        about = QAction(self.tr("About otio-v2a"), self)
        about.setMenuRole(QAction.MenuRole.AboutRole)
        about.triggered.connect(self._show_about)
        help_menu.addAction(about)

    def _set_full(self, on: bool) -> None:
        state = self.windowState()
        full = Qt.WindowState.WindowFullScreen
        self.setWindowState(state | full if on else state & ~full)

    def _remember(self, path: str) -> None:
        self.panel.session.remember(path)
        self._show_recent()

    def _show_recent(self) -> None:
        self.recent_menu.clear()
        paths = self.panel.session.recent()
        for path in paths:
            action = self.recent_menu.addAction(Path(path).name)
            action.setToolTip(path)
            action.triggered.connect(lambda _=False, path=path: self.open(Path(path)))
        self.recent_menu.setEnabled(bool(paths))
        self.panel.empty.set_recent(paths)

    def _show_title(self, name: str, modified: bool) -> None:
        self.setWindowTitle(f"{name}[*] – otio-v2a" if name else "otio-v2a[*]")
        self.setWindowModified(modified)

    def show_keys(self) -> None:
        """All keys in one box."""
        rows = [
            (self.tr("Play, pause"), "Space"),
            (self.tr("Shuttle back, stop, forward"), "J  K  L"),
            (self.tr("Step a frame"), "←  →"),
            (self.tr("Mark in, out"), "I  O"),
            (self.tr("Loop"), "/"),
            (self.tr("Filter clips"), "Ctrl+F"),
        ]
        for action in self.panel.actions_by_name.values():
            if not action.shortcut().isEmpty():
                rows.append((action.text().rstrip("…"), action.shortcut().toString()))
        cells = "".join(f"<tr><td style='padding-right:32px'>{text}</td><td>{key}</td></tr>" for text, key in rows)
        box = QMessageBox(self)
        box.setWindowTitle(self.tr("Keyboard Shortcuts"))
        box.setText(f"<table cellspacing='4'>{cells}</table>")
        box.exec()

    def _show_about(self) -> None:
        from importlib.metadata import PackageNotFoundError, version

        try:
            number = version("otio-v2a")
        except PackageNotFoundError:
            number = ""
        QMessageBox.about(
            self,
            self.tr("About otio-v2a"),
            self.tr("otio-v2a {version}\nSound for silent picture, inside the timeline.\nApache-2.0").format(
                version=number
            ),
        )

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask when renders are under way; edits are in the journal anyway."""
        if not self.panel.close_cut():
            event.ignore()
            return
        self.panel.session.set_value("window/geometry", self.saveGeometry())
        self.panel.keep_layout()
        self.panel.shutdown()
        event.accept()
