"""The list of clips: thumbnails, timecode, status, filter, selection. Shows the model and emits what is wanted."""

from collections.abc import Iterable
from fractions import Fraction

from PySide6.QtCore import (
    QItemSelection,
    QItemSelectionModel,
    QPoint,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QKeyEvent,
    QKeySequence,
    QPainter,
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

from otio_v2a_engine.contract import Picture
from otio_v2a_ui import theme
from otio_v2a_ui.clip_model import ClipModel, Column, Index, cell_text, status_words
from otio_v2a_ui.document import Document
from otio_v2a_ui.state import ClipRow, Status
from otio_v2a_ui.thumbnails import SHOWN, Thumbnails

__all__ = ["ClipList"]

_THUMB = SHOWN


class _Pens:
    """Colours, fonts and flags, made once: a frame has hundreds of calls."""

    def __init__(self, font: QFont) -> None:
        self.font = QFont(font)  # what an option gives lies in the option itself
        self.small = theme.scaled_font(font, 0.88)
        self.digits = theme.fixed_font()
        self.metrics = QFontMetrics(font)
        self.small_metrics = QFontMetrics(self.small)
        self.line = QColor(theme.LINE)
        self.text = QColor(theme.TEXT)
        self.dim = QColor(theme.DIM)
        self.faint = QColor(theme.FAINT)
        self.bad = QColor(theme.BAD)
        self.warn = QColor(theme.WARN)
        self.accent = QColor(theme.ACCENT)
        self.selected = QColor(theme.SELECTED)
        self.hovered = QColor(theme.PANEL)
        self.frame = QColor("#0c0d0e")
        self.roles = {
            role: (role.value, QColor(colour), self.small_metrics.horizontalAdvance(role.value))
            for role, colour in theme.ROLE_COLOURS.items()
        }
        self.statuses = {
            status: (status_words(status), QColor(colour), self.metrics.horizontalAdvance(status_words(status)))
            for status, colour in theme.STATUS_COLOURS.items()
        }


_MIDDLE = int(Qt.AlignmentFlag.AlignVCenter)
_IS_SELECTED = QStyle.StateFlag.State_Selected.value
_IS_HOVERED = QStyle.StateFlag.State_MouseOver.value
_NUMBER, _CLIP, _STATUS = int(Column.NUMBER), int(Column.CLIP), int(Column.STATUS)


class _Delegate(QStyledItemDelegate):  # type: ignore[misc]
    """Paints one cell; asks for its picture only then."""

    def __init__(self, view: "ClipList") -> None:
        super().__init__(view)
        self._list = view
        self._pens: _Pens | None = None

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """All rows are of one height."""
        return QSize(_THUMB.width(), max(_THUMB.height() + 8, option.fontMetrics.height() * 2 + 12))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Background by hand, so that the style sheet need not be asked for every cell."""
        pens = self._pens
        if pens is None or pens.font != option.font:
            pens = self._pens = _Pens(option.font)
        row = self._list.model.row_at(index.row())
        column = index.column()
        rect: QRect = option.rect
        state = option.state.value
        if state & _IS_SELECTED:
            painter.fillRect(rect, pens.selected)
            if rect.left() <= 1:
                painter.fillRect(QRect(rect.left(), rect.top(), 2, rect.height()), pens.accent)
        elif state & _IS_HOVERED:
            painter.fillRect(rect, pens.hovered)
        painter.setPen(pens.line)
        painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        if column == _CLIP:
            self._paint_clip(painter, rect, row, pens)
        elif column == _STATUS:
            self._paint_status(painter, rect, row, pens)
        else:
            is_number = column == _NUMBER
            painter.setFont(pens.font if is_number else pens.digits)
            painter.setPen(pens.faint if is_number else pens.text if row.media else pens.dim)
            painter.drawText(rect.adjusted(6, 0, -4, 0), _MIDDLE, cell_text(row, column) or "–")

    def _paint_clip(self, painter: QPainter, rect: QRect, row: ClipRow, pens: _Pens) -> None:
        frame = QRect(QPoint(rect.left() + 4, rect.center().y() - _THUMB.height() // 2 + 1), _THUMB)
        painter.fillRect(frame, pens.frame)
        pixmap = self._list.thumbnail(row)
        if pixmap is not None:
            size = pixmap.deviceIndependentSize().toSize()
            place = QRect(QPoint(0, 0), size)
            place.moveCenter(frame.center())
            painter.drawPixmap(place, pixmap)
        elif row.media is None:
            painter.setPen(QPen(pens.bad, 1.2))
            cross = QRect(0, 0, 12, 12)
            cross.moveCenter(frame.center())
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.drawLine(cross.topLeft(), cross.bottomRight())
            painter.drawLine(cross.topRight(), cross.bottomLeft())
        left, width = rect.left() + _THUMB.width() + 12, rect.width() - _THUMB.width() - 16
        big, small = pens.metrics.height(), pens.small_metrics.height()
        top = rect.center().y() - (big + small + 2) // 2
        painter.setFont(pens.font)
        painter.setPen(pens.text)
        name = pens.metrics.elidedText(row.name, Qt.TextElideMode.ElideRight, width)
        painter.drawText(QRect(left, top, width, big), 0, name)
        painter.setFont(pens.small)
        painter.setPen(pens.faint)
        top += big + 2
        painter.drawText(QRect(left, top, width, small), 0, row.track)
        end = left + width
        left += pens.small_metrics.horizontalAdvance(row.track) + 8
        for role in row.roles:
            word, colour, width = pens.roles[role]
            if left + width > end:
                break
            painter.setPen(colour)
            painter.drawText(QRect(left, top, width + 4, small), 0, word)
            left += width + 6

    def _paint_status(self, painter: QPainter, rect: QRect, row: ClipRow, pens: _Pens) -> None:
        words, colour, width = pens.statuses[row.status]
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        dot = QRectF(rect.left() + 6, rect.center().y() - 3, 7, 7)
        if row.status in (Status.NEW, Status.QUEUED):
            painter.setPen(QPen(colour, 1.4))
            painter.setBrush(Qt.BrushStyle.NoBrush)
        else:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour)
        painter.drawEllipse(dot)
        painter.setFont(pens.font)
        loud = row.status in (Status.FAILED, Status.MISSING)
        painter.setPen(pens.bad if loud else pens.dim if row.status is Status.NEW else pens.text)
        place = rect.adjusted(20, 0, -2, 0)
        painter.drawText(place, _MIDDLE, words)
        left = place.left() + width + 8
        if row.warnings and not loud and left + 12 <= rect.right():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(pens.warn)
            painter.drawPolygon(
                (
                    QPointF(left + 5.5, rect.center().y() - 5),
                    QPointF(left + 11, rect.center().y() + 5),
                    QPointF(left, rect.center().y() + 5),
                )
            )


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


class ClipList(QWidget):  # type: ignore[misc]
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
        view.setItemDelegate(_Delegate(self))
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

        def ask() -> tuple[Picture, Fraction] | None:
            span = self.model.document.span(row.clip_id) if self.model.document is not None else None
            return (span.picture(), span.duration_s / 2) if span is not None else None

        return self.thumbnails.get(row.clip_id, ask)

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
