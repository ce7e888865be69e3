"""The queue: jobs with their progress, the sum with the time left, and what can be done about them. Renders nothing."""

from collections.abc import Sequence
from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QCoreApplication, QModelIndex, QObject, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QAction, QColor, QKeySequence, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QProgressBar,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolButton,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from otio_v2a_ui import theme
from otio_v2a_ui.clip_model import Index
from otio_v2a_ui.state import QueueItem, QueueState, QueueSum

__all__ = ["QueueModel", "QueueView", "time_words"]

_NOWHERE = QModelIndex()
_ITEM = Qt.ItemDataRole.UserRole


class _Column(IntEnum):
    CLIP = 0
    STEM = 1
    PROGRESS = 2


class QueueModel(QAbstractTableModel):  # type: ignore[misc]
    """One row per job."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._items: list[QueueItem] = []
        self._rows: dict[int, int] = {}

    def set_items(self, items: Sequence[QueueItem]) -> None:
        """Show other items, or the same in another order; what was selected stays so."""
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        keys = [self._items[index.row()].key for index in before]
        n_before = len(self._items)
        same = {item.key for item in items} == set(self._rows)
        if not same:
            self.layoutChanged.emit()
            self.beginResetModel()
        self._items = list(items)
        self._rows = {item.key: row for row, item in enumerate(self._items)}
        if not same:
            self.endResetModel()
            return
        assert n_before == len(self._items)
        after = [self.index(self._rows[key], index.column()) for key, index in zip(keys, before, strict=True)]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    def set_item(self, item: QueueItem) -> None:
        """An item has changed."""
        row = self._rows.get(item.key)
        if row is not None:
            self._items[row] = item
            self.dataChanged.emit(self.index(row, 0), self.index(row, len(_Column) - 1))

    def item(self, row: int) -> QueueItem:
        """The item of a row."""
        return self._items[row]

    def row_of(self, key: int) -> int:
        """The row of an item; -1 when it is gone."""
        return self._rows.get(key, -1)

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        """Jobs."""
        return 0 if parent.isValid() else len(self._items)

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        """Clip, stem and progress."""
        return 0 if parent.isValid() else len(_Column)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Names of the columns."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return (self.tr("Clip"), self.tr("Stem"), self.tr("Progress"))[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell."""
        if not index.isValid():
            return None
        item = self._items[index.row()]
        if role == _ITEM:
            return item
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            column = _Column(index.column())
            if column is _Column.CLIP:
                return item.clip_name
            return f"{item.role}" if column is _Column.STEM else _words(item)
        if role == Qt.ItemDataRole.ToolTipRole:
            return item.reason or self.tr("{clip} {role} with {engine}").format(
                clip=item.clip_name, role=item.role, engine=item.engine
            )
        return None


class _Delegate(QStyledItemDelegate):  # type: ignore[misc]
    """Paints a job's progress as a bar with words."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """All rows are of one height."""
        return QSize(40, option.fontMetrics.height() + 10)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """One cell."""
        item: QueueItem = index.data(_ITEM)
        rect = option.rect
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, QColor(theme.SELECTED))
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, QColor(theme.PANEL))
        over = item.state in (QueueState.DONE, QueueState.CANCELLED)
        colour = theme.BAD if item.state is QueueState.FAILED else theme.DIM if over else theme.TEXT
        column = _Column(index.column())
        text = str(index.data())
        place = rect.adjusted(8, 0, -4, 0)
        if column is _Column.STEM:
            colour = theme.ROLE_COLOURS[item.role] if not over else theme.DIM
        elif column is _Column.PROGRESS and item.state is QueueState.RUNNING:
            bar = QRectF(rect.left() + 8, rect.bottom() - 5, rect.width() - 16, 3)
            painter.fillRect(bar, QColor(theme.EDGE))
            painter.fillRect(QRectF(bar.left(), bar.top(), bar.width() * item.fraction, 3), QColor(theme.ACCENT))
            place = rect.adjusted(8, 0, -4, -4)
        painter.setPen(QColor(colour))
        shown = option.fontMetrics.elidedText(text, Qt.TextElideMode.ElideRight, place.width())
        painter.drawText(QRect(place), int(Qt.AlignmentFlag.AlignVCenter), shown)


class QueueView(QWidget):  # type: ignore[misc]
    """Jobs, sum and buttons.

    Signals:
        pause_requested: whether to pause.
        cancel_requested: keys, or None for all.
        retry_requested: keys, or None for all that failed.
        move_requested: keys and by how many places.
        clear_requested: forget what is over.
        clip_activated: the clip of a job.
    """

    pause_requested = Signal(bool)
    cancel_requested = Signal(object)
    retry_requested = Signal(object)
    move_requested = Signal(object, int)
    clear_requested = Signal()
    clip_activated = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = QueueModel(self)
        self.title = QLabel(self.tr("Queue"))
        self.words = QLabel()
        self.words.setProperty("dim", True)
        self.words.setAccessibleName(self.tr("Progress of the queue"))
        self.bar = QProgressBar(maximum=1000, textVisible=False)
        self.bar.setAccessibleName(self.tr("Total progress"))
        self.pause = self._button(self.tr("Pause"), self.tr("Finish what renders and begin nothing new"))
        self.pause.setCheckable(True)
        self.pause.toggled.connect(self.pause_requested)
        self.cancel = self._button(self.tr("Cancel all"), self.tr("Stop what renders and empty the queue"))
        self.cancel.clicked.connect(lambda: self.cancel_requested.emit(None))
        self.retry = self._button(self.tr("Retry failed"), self.tr("Render again what failed"))
        self.retry.clicked.connect(lambda: self.retry_requested.emit(None))
        self.clear = self._button(self.tr("Clear"), self.tr("Take what is over off the list"))
        self.clear.clicked.connect(self.clear_requested)
        self.view = self._make_view()
        self.hint = QLabel(self.tr("Nothing to render. Select clips and press Generate."))
        self.hint.setProperty("faint", True)
        self.hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.hint.setWordWrap(True)
        head = QHBoxLayout()
        head.setContentsMargins(8, 6, 8, 4)
        head.setSpacing(4)
        head.addWidget(self.title)
        head.addSpacing(8)
        head.addWidget(self.words, 1)
        for button in (self.pause, self.cancel, self.retry, self.clear):
            head.addWidget(button)
        bars = QHBoxLayout()
        bars.setContentsMargins(8, 0, 8, 6)
        bars.addWidget(self.bar)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addLayout(bars)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.hint, 1)
        self.model.modelReset.connect(self._show_hint)
        self.set_sum(QueueSum())
        self._show_hint()

    def _button(self, text: str, tip: str) -> QToolButton:
        button = QToolButton(text=text)
        button.setToolTip(tip)
        button.setAccessibleName(text)
        button.setAccessibleDescription(tip)
        button.setProperty("flat", True)
        return button

    def _make_view(self) -> QTreeView:
        view = QTreeView()
        view.setAccessibleName(self.tr("Queue of renders"))
        view.setModel(self.model)
        view.setItemDelegate(_Delegate(view))
        view.setRootIsDecorated(False)
        view.setUniformRowHeights(True)
        view.setAllColumnsShowFocus(True)
        view.setMouseTracking(True)
        view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        view.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        header = view.header()
        header.setStretchLastSection(True)
        header.setHighlightSections(False)
        header.setSectionResizeMode(_Column.CLIP, QHeaderView.ResizeMode.Interactive)
        header.resizeSection(_Column.CLIP, 190)
        header.resizeSection(_Column.STEM, view.fontMetrics().horizontalAdvance("AMB") + 28)
        header.hide()
        view.activated.connect(lambda index: self.clip_activated.emit(self.model.item(index.row()).clip_id))
        for text, keys, call in (
            (self.tr("Cancel"), "Del", lambda: self.cancel_requested.emit(self.selected())),
            (self.tr("Retry"), "R", lambda: self.retry_requested.emit(self.selected())),
            (self.tr("Move up"), "Alt+Up", lambda: self.move_requested.emit(self.selected(), -1)),
            (self.tr("Move down"), "Alt+Down", lambda: self.move_requested.emit(self.selected(), 1)),
            (self.tr("Move to the top"), "Alt+Home", lambda: self.move_requested.emit(self.selected(), -(10**6))),
        ):
            action = QAction(text, view)
            action.setShortcut(QKeySequence(keys))
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
            action.triggered.connect(call)
            view.addAction(action)
        return view

    def selected(self) -> frozenset[int]:
        """Keys of the selected jobs."""
        return frozenset(self.model.item(index.row()).key for index in self.view.selectionModel().selectedRows())

    def set_items(self, items: Sequence[QueueItem]) -> None:
        """Show the queue as it is."""
        self.model.set_items(items)
        self._show_hint()

    def set_item(self, item: QueueItem) -> None:
        """Show what became of one job."""
        self.model.set_item(item)

    def set_sum(self, total: QueueSum) -> None:
        """Show how far all of it is."""
        self.bar.setValue(round(total.fraction * 1000))
        self.bar.setVisible(total.waiting + total.running > 0)
        self.words.setText(sum_words(total))
        self.pause.setEnabled(total.waiting > 0 or total.paused)
        if self.pause.isChecked() != total.paused:
            self.pause.blockSignals(True)
            self.pause.setChecked(total.paused)
            self.pause.blockSignals(False)
        self.pause.setText(self.tr("Resume") if total.paused else self.tr("Pause"))
        self.cancel.setEnabled(total.waiting + total.running > 0)
        self.retry.setEnabled(total.failed > 0)
        self.clear.setEnabled(total.total > total.waiting + total.running)

    def _show_hint(self) -> None:
        is_empty = self.model.rowCount() == 0
        self.hint.setVisible(is_empty)
        self.view.setVisible(not is_empty)


def sum_words(total: QueueSum) -> str:
    """The sum as a line: how many are done, how many failed, how long it takes."""
    if not total.total:
        return ""
    tr = QCoreApplication.translate
    parts = [str(tr("QueueView", "{done} of {total}")).format(done=total.done, total=total.total)]
    if total.failed:
        parts.append(str(tr("QueueView", "{n} failed")).format(n=total.failed))
    if total.paused and total.waiting:
        parts.append(str(tr("QueueView", "paused")))
    elif total.time_left_s is not None:
        parts.append(str(tr("QueueView", "{time} left")).format(time=time_words(total.time_left_s)))
    return " · ".join(parts)


def time_words(seconds: float) -> str:
    """A length of time as `0:07`, `12:40` or `1:02:00`."""
    whole = max(0, round(seconds))
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def _words(item: QueueItem) -> str:
    tr = QCoreApplication.translate
    if item.state is QueueState.RUNNING:
        stage = item.stage or str(tr("QueueView", "starting"))
        return f"{item.fraction:.0%}  {stage}" if item.fraction else stage
    if item.state is QueueState.FAILED:
        return item.reason.splitlines()[0] if item.reason else str(tr("QueueView", "failed"))
    words = {
        QueueState.WAITING: "waiting",
        QueueState.DONE: "done",
        QueueState.CANCELLED: "cancelled",
    }
    return str(tr("QueueView", words[item.state]))
