"""The list of clips: thumbnails, timecode, status, filter, selection. Shows the model and emits what is wanted."""

from collections.abc import Iterable

from PySide6.QtCore import QItemSelection, QItemSelectionModel, QPoint, QRect, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetrics,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPainterPath,
    QPen,
    QPixmap,
    QResizeEvent,
    QShortcut,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolButton,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from otio_v2a_ui import theme
from otio_v2a_ui.clip_model import ROW, ClipModel, Column, Index, status_words
from otio_v2a_ui.document import Document
from otio_v2a_ui.state import ClipRow, Status
from otio_v2a_ui.thumbnails import Thumbnails

__all__ = ["ClipList"]

_THUMB = QSize(80, 45)


class _Delegate(QStyledItemDelegate):
    """Paints one cell; asks for its picture only then."""

    def __init__(self, thumbnails: Thumbnails, view: "ClipList") -> None:
        super().__init__(view)
        self._thumbnails = thumbnails
        self._list = view
        self._digits = theme.fixed_font()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """All rows are of one height."""
        return QSize(_THUMB.width(), max(_THUMB.height() + 8, option.fontMetrics.height() * 2 + 12))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Background by hand, so that the style sheet need not be asked for every cell."""
        row: ClipRow = index.data(ROW)
        rect = option.rect
        is_selected = bool(option.state & QStyle.StateFlag.State_Selected)
        if is_selected:
            painter.fillRect(rect, QColor(theme.SELECTED))
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, QColor(theme.PANEL))
        painter.setPen(QColor(theme.LINE))
        painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        column = Column(index.column())
        if column is Column.CLIP:
            self._paint_clip(painter, option, row)
        elif column is Column.STATUS:
            self._paint_status(painter, option, row)
        else:
            faint = column is Column.NUMBER
            painter.setFont(self._digits if not faint else option.font)
            painter.setPen(QColor(theme.FAINT if faint else theme.TEXT if row.media else theme.DIM))
            place = rect.adjusted(6, 0, -4, 0)
            painter.drawText(place, int(Qt.AlignmentFlag.AlignVCenter), index.data() or "–")
        if is_selected and rect.left() <= 1:
            painter.fillRect(QRect(rect.left(), rect.top(), 2, rect.height()), QColor(theme.ACCENT))

    def _paint_clip(self, painter: QPainter, option: QStyleOptionViewItem, row: ClipRow) -> None:
        rect = option.rect
        frame = QRect(QPoint(rect.left() + 4, rect.center().y() - _THUMB.height() // 2 + 1), _THUMB)
        painter.fillRect(frame, QColor("#0c0d0e"))
        pixmap = self._list.thumbnail(row)
        if pixmap is not None:
            size = pixmap.size().scaled(frame.size(), Qt.AspectRatioMode.KeepAspectRatio)
            place = QRect(QPoint(0, 0), size)
            place.moveCenter(frame.center())
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawPixmap(place, pixmap)
        elif row.media is None:
            painter.setPen(QPen(QColor(theme.BAD), 1.2))
            cross = QRect(0, 0, 12, 12)
            cross.moveCenter(frame.center())
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.drawLine(cross.topLeft(), cross.bottomRight())
            painter.drawLine(cross.topRight(), cross.bottomLeft())
        text = rect.adjusted(_THUMB.width() + 12, 0, -4, 0)
        small = theme.scaled_font(option.font, 0.88)
        big_height, small_height = option.fontMetrics.height(), QFontMetrics(small).height()
        top = rect.center().y() - (big_height + small_height + 2) // 2
        painter.setFont(option.font)
        painter.setPen(QColor(theme.TEXT))
        line = QRect(text.left(), top, text.width(), big_height)
        elide = Qt.TextElideMode.ElideRight
        painter.drawText(line, 0, option.fontMetrics.elidedText(row.name, elide, line.width()))
        painter.setFont(small)
        line = QRect(text.left(), top + big_height + 2, text.width(), small_height)
        left = line.left()
        painter.setPen(QColor(theme.FAINT))
        metrics = QFontMetrics(small)
        painter.drawText(line, 0, metrics.elidedText(row.track, elide, line.width()))
        left += metrics.horizontalAdvance(row.track) + 8
        for role in row.roles:
            width = metrics.horizontalAdvance(role.value)
            if left + width > line.right():
                break
            painter.setPen(QColor(theme.ROLE_COLOURS[role]))
            painter.drawText(QRect(left, line.top(), width + 4, line.height()), 0, role.value)
            left += width + 6

    def _paint_status(self, painter: QPainter, option: QStyleOptionViewItem, row: ClipRow) -> None:
        rect = option.rect
        colour = QColor(theme.STATUS_COLOURS[row.status])
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        dot = QRectF(rect.left() + 6, rect.center().y() - 3, 7, 7)
        if row.status in (Status.NEW, Status.QUEUED):
            painter.setPen(QPen(colour, 1.4))
            painter.setBrush(Qt.BrushStyle.NoBrush)
        else:
            painter.setBrush(colour)
        painter.drawEllipse(dot)
        painter.setFont(option.font)
        loud = row.status in (Status.FAILED, Status.MISSING)
        painter.setPen(QColor(theme.BAD if loud else theme.TEXT if row.status is not Status.NEW else theme.DIM))
        place = rect.adjusted(20, 0, -2, 0)
        words = status_words(row.status)
        painter.drawText(place, int(Qt.AlignmentFlag.AlignVCenter), words)
        if row.warnings and not loud:
            left = place.left() + option.fontMetrics.horizontalAdvance(words) + 8
            if left + 12 <= rect.right():
                _paint_warning(painter, QRectF(left, rect.center().y() - 5, 11, 10))


def _paint_warning(painter: QPainter, rect: QRectF) -> None:
    path = QPainterPath()
    path.moveTo(rect.center().x(), rect.top())
    path.lineTo(rect.right(), rect.bottom())
    path.lineTo(rect.left(), rect.bottom())
    path.closeSubpath()
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(theme.WARN))
    painter.drawPath(path)


_OF_THE_PLAYER = frozenset(
    (
        Qt.Key.Key_Space,
        Qt.Key.Key_J,
        Qt.Key.Key_K,
        Qt.Key.Key_L,
        Qt.Key.Key_I,
        Qt.Key.Key_O,
        Qt.Key.Key_Slash,
        Qt.Key.Key_Left,
        Qt.Key.Key_Right,
    )
)


class _View(QTreeView):  # type: ignore[misc]
    """The table itself. It leaves the transport's keys to the panel, and hides columns where it is narrow."""

    def __init__(self) -> None:
        super().__init__()
        self.widths: dict[int, int] = {}

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up and down choose, Space plays."""
        if event.key() in _OF_THE_PLAYER and not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            event.ignore()
        else:
            super().keyPressEvent(event)

    def keyboardSearch(self, search: str) -> None:
        """Letters are the transport's keys here; the filter field searches."""

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The name must stay readable."""
        header = self.header()
        room = self.viewport().width() - _THUMB.width() - self.fontMetrics().horizontalAdvance("M" * 12)
        room -= sum(header.sectionSize(column) for column in (Column.IN, Column.STATUS))
        for column in (Column.DURATION, Column.NUMBER, Column.OUT):
            width = self.widths.get(column, 0)
            room -= width
            hidden = room < 0
            if hidden != header.isSectionHidden(column):
                header.setSectionHidden(column, hidden)
            if hidden:
                room += width
        super().resizeEvent(event)


class ClipList(QWidget):
    """Filter, table and what is selected.

    Signals:
        selection_changed: clip ids, in the order of the list.
        activated: a clip id that was double-clicked or entered.
        relink_requested: somebody asked what to do about missing media.
    """

    selection_changed = Signal(object)
    activated = Signal(str)
    relink_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = ClipModel(self)
        self.thumbnails = Thumbnails(parent=self)
        self.search = QLineEdit(placeholderText=self.tr("Filter by clip or track"))
        self.search.setClearButtonEnabled(True)
        self.search.setAccessibleName(self.tr("Filter clips"))
        self.count = QLabel()
        self.count.setProperty("dim", True)
        self.count.setAccessibleName(self.tr("Number of clips"))
        self.relink = QToolButton(text=self.tr("Relink…"))
        self.relink.setToolTip(self.tr("Find missing media"))
        self.relink.setAccessibleName(self.tr("Relink missing media"))
        self.relink.clicked.connect(self.relink_requested)
        self.relink.hide()
        self.view = self._make_view()
        bar = QHBoxLayout()
        bar.setContentsMargins(8, 8, 8, 6)
        bar.setSpacing(8)
        bar.addWidget(self.search, 1)
        bar.addWidget(self._make_status_filter())
        bar.addWidget(self.relink)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(bar)
        layout.addWidget(self.view, 1)
        foot = QHBoxLayout()
        foot.setContentsMargins(8, 3, 8, 4)
        foot.addWidget(self.count, 1)
        layout.addLayout(foot)
        self._typing = QTimer(self, singleShot=True, interval=120)
        self._typing.timeout.connect(self._filter)
        self.search.textChanged.connect(lambda: self._typing.start())
        self.search.returnPressed.connect(self._leave_search)
        self.thumbnails.ready.connect(self._repaint)
        self.model.modelReset.connect(self._count)
        QShortcut(QKeySequence.StandardKey.Find, self, self._search, context=Qt.ShortcutContext.WindowShortcut)

    def _make_view(self) -> QTreeView:
        view = _View()
        view.setAccessibleName(self.tr("Clips"))
        view.setModel(self.model)
        view.setItemDelegate(_Delegate(self.thumbnails, self))
        view.setRootIsDecorated(False)
        view.setItemsExpandable(False)
        view.setUniformRowHeights(True)
        view.setAllColumnsShowFocus(True)
        view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        view.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        view.setSortingEnabled(True)
        view.setMouseTracking(True)
        view.sortByColumn(Column.NUMBER, Qt.SortOrder.AscendingOrder)
        view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header = view.header()
        header.setSectionsMovable(True)
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(28)
        header.setHighlightSections(False)
        header.setSectionResizeMode(Column.CLIP, QHeaderView.ResizeMode.Stretch)
        digits = QFontMetrics(theme.fixed_font())
        timecode = digits.horizontalAdvance("00:00:00:00") + 14
        words = max(view.fontMetrics().horizontalAdvance(status_words(status)) for status in Status) + 44
        header.resizeSection(Column.NUMBER, view.fontMetrics().horizontalAdvance("10000") + 14)
        header.resizeSection(Column.IN, timecode)
        header.resizeSection(Column.OUT, timecode)
        header.resizeSection(Column.DURATION, digits.horizontalAdvance("00:00:00") + 16)
        header.resizeSection(Column.STATUS, words)
        view.widths = {column: header.sectionSize(column) for column in (Column.DURATION, Column.NUMBER, Column.OUT)}
        view.selectionModel().selectionChanged.connect(lambda: self.selection_changed.emit(self.selected()))
        view.activated.connect(lambda index: self.activated.emit(self.model.clip_id(index)))
        return view

    def _make_status_filter(self) -> QToolButton:
        button = QToolButton(text=self.tr("All"))
        button.setToolTip(self.tr("Show only clips of this status"))
        button.setAccessibleName(self.tr("Filter by status"))
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(button)
        menu.addAction(self.tr("All"), lambda: self.show_status(None))
        menu.addSeparator()
        for status in Status:
            menu.addAction(status_words(status), lambda status=status: self.show_status(status))
        button.setMenu(menu)
        self._status_button = button
        self._status: Status | None = None
        return button

    # What others ask

    def set_document(self, document: Document | None) -> None:
        """Show another document's clips; the first is selected."""
        self.thumbnails.forget()
        self.search.clear()
        self._status = None
        self._status_button.setText(self.tr("All"))
        self.model.set_filter()
        self.model.set_document(document)
        has_lost = document is not None and any(
            document.rows[at].status is Status.MISSING
            for at in range(document.n_clips - len(document.cut.skipped), document.n_clips)
        )
        self.relink.setVisible(has_lost)
        if self.model.rowCount():
            self.view.setCurrentIndex(self.model.index(0, 0))
            self.view.scrollToTop()

    def selected(self) -> tuple[str, ...]:
        """Clip ids of what is selected, in the order of the list."""
        rows = sorted(index.row() for index in self.view.selectionModel().selectedRows())
        return tuple(self.model.clip_id(self.model.index(row, 0)) for row in rows)

    def current(self) -> str | None:
        """The clip with the cursor."""
        index = self.view.currentIndex()
        return self.model.clip_id(index) if index.isValid() else None

    def select(self, clip_ids: Iterable[str]) -> None:
        """Select clips; those that the filter hides are left out."""
        selection = QItemSelection()
        rows = [row for clip_id in clip_ids if (row := self.model.row_of(clip_id)) >= 0]
        for row in rows:
            selection.select(self.model.index(row, 0), self.model.index(row, len(Column) - 1))
        flag = QItemSelectionModel.SelectionFlag
        if rows:
            self.view.selectionModel().setCurrentIndex(self.model.index(rows[0], 0), flag.NoUpdate)
            self.view.scrollTo(self.model.index(rows[0], 0))
        self.view.selectionModel().select(selection, flag.ClearAndSelect)

    def show_status(self, status: Status | None) -> None:
        """Show only clips of one status; None shows all."""
        self._status = status
        self._status_button.setText(status_words(status) if status else self.tr("All"))
        self._filter()

    def thumbnail(self, row: ClipRow) -> QPixmap | None:
        """The clip's picture, as far as there is one."""
        document = self.model.document
        span = document.span(row.clip_id) if document is not None else None
        picture = span.picture() if span is not None else None
        return self.thumbnails.get(row.clip_id, picture, row.duration_s)

    def close_threads(self) -> None:
        """Stop decoding; for closing."""
        self.thumbnails.close()

    # Inside

    def _search(self) -> None:
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def _leave_search(self) -> None:
        self._typing.stop()
        self._filter()
        self.view.setFocus(Qt.FocusReason.OtherFocusReason)

    def _filter(self) -> None:
        before = self.selected()
        self.model.set_filter(self.search.text(), (self._status,) if self._status else ())
        self.select(before)
        if not self.selected() and self.model.rowCount():
            self.view.setCurrentIndex(self.model.index(0, 0))
        self._count()

    def _count(self) -> None:
        document = self.model.document
        if document is None:
            self.count.clear()
            return
        total, shown = document.n_clips, self.model.rowCount()
        if self.model.is_filtered:
            self.count.setText(self.tr("{shown} of {total} clips").format(shown=shown, total=total))
        else:
            self.count.setText(self.tr("1 clip") if total == 1 else self.tr("{n} clips").format(n=total))

    def _repaint(self, clip_id: str) -> None:
        row = self.model.row_of(clip_id)
        if row >= 0:
            self.view.update(self.model.index(row, Column.CLIP))
