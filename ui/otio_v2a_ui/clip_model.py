"""The clips as a Qt model: sorted, filtered, and made only for what is looked at. Owns no data; the document does."""

from collections.abc import Iterable
from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt

from otio_v2a_ui.document import Document
from otio_v2a_ui.state import ClipRow, Status

__all__ = ["ROW", "ClipModel", "Column", "cell_text", "status_words"]

Index = Any
"""A `QModelIndex` or `QPersistentModelIndex`."""
_NOWHERE = QModelIndex()
ROW = Qt.ItemDataRole.UserRole
"""The item data role under which a `ClipRow` is found."""


class Column(IntEnum):
    """What is shown, from left to right."""

    NUMBER = 0
    CLIP = 1
    IN = 2
    OUT = 3
    DURATION = 4
    STATUS = 5


_ORDER = {
    status: number
    for number, status in enumerate(
        (Status.FAILED, Status.MISSING, Status.RUNNING, Status.QUEUED, Status.CHANGED, Status.NEW, Status.DONE)
    )
}


class ClipModel(QAbstractTableModel):  # type: ignore[misc]
    """One row per clip that passes the filter."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._document: Document | None = None
        self._shown: list[int] = []
        self._place: dict[int, int] | None = None
        self._text = ""
        self._statuses: frozenset[Status] = frozenset()
        self._sorted = (Column.NUMBER, Qt.SortOrder.AscendingOrder)

    def set_document(self, document: Document | None) -> None:
        """Show another document's clips."""
        self.beginResetModel()
        if self._document is not None and self._take_in in self._document.on_change:
            self._document.on_change.remove(self._take_in)
        self._document = document
        if document is not None:
            document.on_change.append(self._take_in)
        self._arrange()
        self.endResetModel()

    @property
    def document(self) -> Document | None:
        """Whose clips are shown."""
        return self._document

    def set_filter(self, text: str = "", statuses: Iterable[Status] = ()) -> None:
        """Show only clips whose name or track holds the text, and that have one of the statuses (none means all)."""
        wanted = (text.strip().casefold(), frozenset(statuses))
        if wanted != (self._text, self._statuses):
            self.beginResetModel()
            self._text, self._statuses = wanted
            self._arrange()
            self.endResetModel()

    @property
    def is_filtered(self) -> bool:
        """Whether a filter is set."""
        return bool(self._text or self._statuses)

    def clip_id(self, index: Index) -> str:
        """The clip of an index."""
        assert self._document is not None
        return self._document.clip_id_at(self._shown[index.row()])

    def row_of(self, clip_id: str) -> int:
        """The row that shows a clip; -1 when it does not pass the filter."""
        if self._document is None:
            return -1
        if self._place is None:
            self._place = {at: row for row, at in enumerate(self._shown)}
        try:
            return self._place.get(self._document.index_of(clip_id), -1)
        except KeyError:
            return -1

    # Qt's questions

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        """Clips that pass the filter."""
        return 0 if parent.isValid() else len(self._shown)

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        """As many as there are in `Column`."""
        return 0 if parent.isValid() else len(Column)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Names of the columns."""
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(Column):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return {
                Column.NUMBER: self.tr("#"),
                Column.CLIP: self.tr("Clip"),
                Column.IN: self.tr("In"),
                Column.OUT: self.tr("Out"),
                Column.DURATION: self.tr("Length"),
                Column.STATUS: self.tr("Status"),
            }[Column(section)]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell; under `ROW` the whole clip."""
        if not index.isValid() or self._document is None:
            return None
        row = self._document.row_at(self._shown[index.row()])
        if role == ROW:
            return row
        if role == Qt.ItemDataRole.DisplayRole:
            return cell_text(row, index.column())
        if role == Qt.ItemDataRole.ToolTipRole:
            return "\n".join(row.warnings) or row.media
        if role == Qt.ItemDataRole.AccessibleTextRole:
            warnings = f", {'; '.join(row.warnings)}" if row.warnings else ""
            return f"{cell_text(row, index.column())}{warnings}"
        return None

    def row_at(self, row: int) -> ClipRow:
        """The clip that a row shows, past Qt: painting asks hundreds of times a frame."""
        assert self._document is not None
        return self._document.row_at(self._shown[row])

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; clips that are equal stay in the order of the cut."""
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        at = [self._shown[index.row()] for index in before]
        self._sorted = (Column(max(column, 0)), order)
        self._arrange()
        place = {each: row for row, each in enumerate(self._shown)}
        after = [self.index(place[each], index.column()) for each, index in zip(at, before, strict=True)]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    def _arrange(self) -> None:
        document = self._document
        self._place = None
        if document is None:
            self._shown = []
            return
        shown = list(range(document.n_clips))
        if self._text:
            shown = [at for at in shown if any(self._text in word.casefold() for word in document.name_at(at))]
        if self._statuses:
            shown = [at for at in shown if document.row_at(at).status in self._statuses]
        column, order = self._sorted
        is_down = order == Qt.SortOrder.DescendingOrder
        if column is Column.CLIP:
            shown.sort(key=lambda at: document.name_at(at)[0].casefold(), reverse=is_down)
        elif column is Column.DURATION:
            shown.sort(key=document.duration_at, reverse=is_down)
        elif column is Column.STATUS:
            shown.sort(key=lambda at: _ORDER[document.row_at(at).status], reverse=is_down)
        elif is_down:
            shown.reverse()
        self._shown = shown

    def _take_in(self, clip_ids: frozenset[str]) -> None:
        """The document has changed."""
        if not self._shown:
            return
        rows = [row for clip_id in clip_ids if (row := self.row_of(clip_id)) >= 0]
        if not clip_ids or len(rows) > 64:
            rows = [0, len(self._shown) - 1]
            spans = [(rows[0], rows[-1])]
        else:
            spans = [(row, row) for row in rows]
        for first, last in spans:
            self.dataChanged.emit(self.index(first, 0), self.index(last, len(Column) - 1))


def cell_text(row: ClipRow, column: int) -> str:
    """What a cell says."""
    if column == Column.NUMBER:
        return str(row.number)
    if column == Column.CLIP:
        return row.name
    if column == Column.STATUS:
        return status_words(row.status)
    return row.record_in if column == Column.IN else row.record_out if column == Column.OUT else row.duration


def status_words(status: Status) -> str:
    """A status as the list shows it."""
    from PySide6.QtCore import QCoreApplication

    words = {
        Status.NEW: "New",
        Status.MISSING: "Missing",
        Status.QUEUED: "Queued",
        Status.RUNNING: "Rendering",
        Status.DONE: "Done",
        Status.FAILED: "Failed",
        Status.CHANGED: "Changed",
    }
    return str(QCoreApplication.translate("Status", words[status]))
