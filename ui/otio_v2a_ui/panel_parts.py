"""The panel's parts and where they lie: widgets, splitters, bar, actions and menus. What they do is the panel's."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QByteArray, QSize, Qt
from PySide6.QtGui import QAction, QKeySequence, QUndoStack
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMenu,
    QScrollArea,
    QSizePolicy,
    QSplitter,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from otio_v2a_ui import theme
from otio_v2a_ui.clip_list import ClipList
from otio_v2a_ui.empty_state import EmptyState
from otio_v2a_ui.message_bar import MessageBar
from otio_v2a_ui.player import PlayerWidget
from otio_v2a_ui.prompt_editor import PromptEditor
from otio_v2a_ui.queue_view import QueueView
from otio_v2a_ui.session import Session
from otio_v2a_ui.takes_view import TakesView

__all__ = ["PanelParts"]


class PanelParts(QWidget):  # type: ignore[misc]
    """What the panel is made of."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        theme.apply(self)
        self.undo = QUndoStack(self)
        self.session = Session()
        self.actions_by_name: dict[str, QAction] = {}
        self._make_parts()

    def _make_parts(self) -> None:
        self.clips = ClipList()
        self.player = PlayerWidget()
        self.takes = TakesView(axis=self.player.axis, analyst=self.player.analyst)
        self.prompt = PromptEditor()
        self.queue = QueueView()
        self.messages = MessageBar()
        self.empty = EmptyState()
        self.title = QLabel()
        self.title.setFont(theme.scaled_font(self.title.font(), 1.1))
        self.title.setAccessibleName(self.tr("Cut"))
        self.facts = QLabel()
        self.facts.setProperty("dim", True)
        self.progress = QLabel()
        self.progress.setProperty("dim", True)
        self.progress.setAccessibleName(self.tr("Progress"))
        self.busy = QLabel()
        self.busy.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.busy.setProperty("dim", True)

    def _lay_out(self) -> None:
        self.left = QSplitter(Qt.Orientation.Vertical)
        self.left.addWidget(self.clips)
        self.left.addWidget(self.queue)
        self.middle = QSplitter(Qt.Orientation.Vertical)
        self.middle.addWidget(self.player)
        self.middle.addWidget(self.takes)
        right = QScrollArea()
        right.setWidgetResizable(True)
        right.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        right.setWidget(self.prompt)
        right.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.columns = QSplitter(Qt.Orientation.Horizontal)
        for widget in (self.left, self.middle, right):
            self.columns.addWidget(widget)
        for splitter, factors, sizes in (
            (self.left, (3, 1), (600, 220)),
            (self.middle, (3, 2), (520, 300)),
            (self.columns, (0, 1, 0), (470, 720, 360)),
        ):
            splitter.setChildrenCollapsible(False)
            splitter.setSizes(list(sizes))
            for at, factor in enumerate(factors):
                splitter.setStretchFactor(at, factor)
        work = QWidget()
        column = QVBoxLayout(work)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(self._bar())
        line = QLabel()
        line.setProperty("line", True)
        line.setFixedHeight(1)
        column.addWidget(line)
        column.addWidget(self.columns, 1)
        self.stack = QStackedWidget()
        for widget in (self.empty, self.busy, work):
            self.stack.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.stack, 1)
        layout.addWidget(self.messages)

    def _bar(self) -> QHBoxLayout:
        bar = QHBoxLayout()
        bar.setContentsMargins(8, 6, 8, 6)
        bar.setSpacing(8)
        self.menu_button = QToolButton(text="☰")
        self.menu_button.setProperty("flat", True)
        self.menu_button.setAccessibleName(self.tr("Menu"))
        self.menu_button.setToolTip(self.tr("Menu"))
        self.menu_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self.menu_button)
        for _, names in self.menus():
            for name in names:
                if name:
                    menu.addAction(self.actions_by_name[name])
            menu.addSeparator()
        self.menu_button.setMenu(menu)
        bar.addWidget(self.menu_button)
        bar.addWidget(self.title)
        bar.addWidget(self.facts)
        bar.addStretch(1)
        bar.addWidget(self.progress)
        for name, primary in (("export", False), ("generate_all", False), ("generate", True)):
            action = self.actions_by_name[name]
            button = QToolButton()
            button.setDefaultAction(action)
            button.setProperty("primary", primary)
            button.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)
            button.setAccessibleName(action.text())
            bar.addWidget(button)
        return bar

    def _action(self, name: str, text: str, call: Callable[[], Any], keys: Any = None) -> None:
        action = QAction(text, self)
        if keys is not None:
            action.setShortcut(QKeySequence(keys))
        action.triggered.connect(lambda _=False: call())
        self._keep(name, action)

    def _keep(self, name: str, action: QAction) -> None:
        # In a host, our keys are ours only while the focus is in the panel.
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self.actions_by_name[name] = action
        self.addAction(action)

    def menus(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Names of menus and of the actions in them; an empty name is a separator."""
        return (
            (self.tr("&File"), ("open", "save", "", "export", "relink", "", "close")),
            (self.tr("&Edit"), ("undo", "redo")),
            (self.tr("&Clip"), ("generate", "generate_all", "more", "", "previous", "next")),
            (self.tr("&Queue"), ("pause", "cancel", "retry")),
            (self.tr("&View"), ("engines",)),
        )

    def keep_layout(self) -> None:
        """Remember how wide the columns are."""
        for name, splitter in (("columns", self.columns), ("left", self.left), ("middle", self.middle)):
            self.session.set_value(f"layout/{name}", splitter.saveState())

    def restore_layout(self) -> None:
        """Make the columns as wide as they were."""
        for name, splitter in (("columns", self.columns), ("left", self.left), ("middle", self.middle)):
            state = self.session.value(f"layout/{name}")
            if isinstance(state, QByteArray) and not state.isEmpty():
                splitter.restoreState(state)

    def sizeHint(self) -> QSize:
        """Room for three columns."""
        return QSize(1600, 940)

    def minimumSizeHint(self) -> QSize:
        """Docked panels can be small."""
        return QSize(480, 320)
