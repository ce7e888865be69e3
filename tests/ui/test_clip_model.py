"""The clips as a Qt model."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QPersistentModelIndex, Qt

from otio_v2a_engine.contract import Role
from otio_v2a_ui.clip_model import ROW, ClipModel, Column
from otio_v2a_ui.document import Document
from otio_v2a_ui.state import QueueState, Status


@pytest.fixture
def document(write_cut: Callable[..., Path]) -> Iterator[Document]:
    opened = Document.open(write_cut((24, 36, 12, 30), missing=[3]))
    yield opened
    opened.close()


def _names(model: ClipModel) -> list[str]:
    return [model.index(row, Column.CLIP).data() for row in range(model.rowCount())]


def test_it_keeps_qts_contract(qtmodeltester, document: Document):
    model = ClipModel()
    model.set_document(document)
    qtmodeltester.check(model, force_py=True)
    model.set_document(None)
    assert model.rowCount() == 0


def test_it_shows_what_an_editor_looks_for(qtbot, document: Document):
    model = ClipModel()
    model.set_document(document)
    cells = [model.index(1, column).data() for column in Column]
    assert cells == ["2", "SH020", "01:00:01:00", "01:00:02:12", "00:01:12", "New"]
    assert model.index(3, Column.STATUS).data() == "Missing"
    assert "gone.mov" in model.index(3, Column.CLIP).data(Qt.ItemDataRole.ToolTipRole)
    assert "gone.mov" in model.index(3, Column.CLIP).data(Qt.ItemDataRole.AccessibleTextRole)
    assert model.index(0, 0).data(ROW).name == "SH010"


def test_sorting_keeps_what_is_selected_and_the_cuts_order_among_equals(qtbot, document: Document):
    model = ClipModel()
    model.set_document(document)
    kept = QPersistentModelIndex(model.index(2, Column.CLIP))
    model.sort(Column.DURATION, Qt.SortOrder.AscendingOrder)
    assert _names(model) == ["SH040", "SH030", "SH010", "SH020"]
    assert kept.data() == "SH030"
    model.sort(Column.CLIP, Qt.SortOrder.DescendingOrder)
    assert _names(model) == ["SH040", "SH030", "SH020", "SH010"]
    model.sort(Column.STATUS, Qt.SortOrder.AscendingOrder)
    assert _names(model)[0] == "SH040"  # what needs somebody comes first
    assert kept.data() == "SH030"


def test_the_filter_looks_at_names_tracks_and_status(qtbot, document: Document):
    model = ClipModel()
    model.set_document(document)
    model.set_filter("sh02")
    assert _names(model) == ["SH020"]
    model.set_filter("v1")
    assert model.rowCount() == 4
    model.set_filter("", [Status.MISSING])
    assert _names(model) == ["SH040"]
    assert model.row_of(document.rows[0].clip_id) == -1
    model.set_filter()
    assert model.row_of(document.rows[0].clip_id) == 0


def test_a_change_of_the_document_is_told_for_its_row_alone(qtbot, document: Document):
    model = ClipModel()
    model.set_document(document)
    told: list[tuple[int, int]] = []
    model.dataChanged.connect(lambda first, last, _roles: told.append((first.row(), last.row())))
    clip_id = document.rows[1].clip_id
    document.set_prompt(replace(document.prompt(clip_id, Role.FX), text="rain"))
    document.set_activity({clip_id: ({QueueState.RUNNING}, "")})
    assert told == [(1, 1), (1, 1)]
    assert model.index(1, Column.STATUS).data() == "Rendering"
