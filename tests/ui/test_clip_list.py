"""The list of clips."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from PySide6.QtCore import Qt

from otio_v2a_engine.contract import Picture
from otio_v2a_ui.clip_list import ClipList
from otio_v2a_ui.document import Document
from otio_v2a_ui.state import Status
from otio_v2a_ui.thumbnails import Thumbnails, decode

_PATIENCE_MS = 60_000


@pytest.fixture
def document(write_cut: Callable[..., Path]) -> Iterator[Document]:
    opened = Document.open(write_cut((24, 36, 12, 30), missing=[3]))
    yield opened
    opened.close()


@pytest.fixture
def clips(qtbot, document: Document) -> Iterator[ClipList]:
    widget = ClipList()
    qtbot.addWidget(widget)
    widget.resize(700, 400)
    widget.set_document(document)
    widget.show()
    yield widget
    widget.close_threads()
    widget.set_document(None)


def test_the_first_clip_is_selected_and_keys_go_on(qtbot, clips: ClipList, document: Document):
    ids = [row.clip_id for row in document.rows]
    assert clips.selected() == (ids[0],)
    with qtbot.waitSignal(clips.selection_changed):
        qtbot.keyClick(clips.view, Qt.Key.Key_Down)
    assert clips.selected() == (ids[1],)
    qtbot.keyClick(clips.view, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert clips.selected() == (ids[1], ids[2])
    qtbot.keyClick(clips.view, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert clips.selected() == tuple(ids)


def test_typing_filters_and_what_was_selected_stays_so(qtbot, clips: ClipList, document: Document):
    clips.select([document.rows[1].clip_id])
    qtbot.keyClicks(clips.search, "sh02")
    qtbot.waitUntil(lambda: clips.model.rowCount() == 1, timeout=_PATIENCE_MS)
    assert clips.selected() == (document.rows[1].clip_id,)
    assert clips.count.text() == "1 of 4 clips"
    clips.search.clear()
    qtbot.waitUntil(lambda: clips.model.rowCount() == 4, timeout=_PATIENCE_MS)
    clips.show_status(Status.MISSING)
    assert clips.model.rowCount() == 1


def test_the_transports_keys_are_left_to_the_panel(qtbot, clips: ClipList, document: Document):
    clips.view.setFocus()
    before = clips.selected()
    for key in (Qt.Key.Key_Space, Qt.Key.Key_L, Qt.Key.Key_J):
        qtbot.keyClick(clips.view, key)
    assert clips.selected() == before


def test_relinking_is_offered_where_media_is_missing(qtbot, clips: ClipList):
    assert clips.relink.isVisible()
    with qtbot.waitSignal(clips.relink_requested):
        qtbot.mouseClick(clips.relink, Qt.MouseButton.LeftButton)


def test_a_narrow_list_keeps_the_names(qtbot, clips: ClipList):
    clips.resize(360, 400)
    header = clips.view.header()
    qtbot.waitUntil(lambda: header.isSectionHidden(3), timeout=_PATIENCE_MS)
    assert header.sectionSize(1) > 150
    clips.resize(900, 400)
    qtbot.waitUntil(lambda: not header.isSectionHidden(3), timeout=_PATIENCE_MS)


def test_thumbnails_are_made_for_rows_that_are_seen(qtbot, clips: ClipList, document: Document):
    ids = [row.clip_id for row in document.rows][:3]
    qtbot.waitUntil(lambda: all(clips.thumbnail(document.row(clip_id)) for clip_id in ids), timeout=_PATIENCE_MS)
    pixmap = clips.thumbnail(document.row(ids[0]))
    assert pixmap is not None
    assert pixmap.deviceIndependentSize().height() <= 45


def test_a_thumbnail_shows_the_frame_of_its_time(tiny_movie: Path):
    image = decode(Picture(path=str(tiny_movie)), Fraction(48, 24))
    assert abs(image.pixelColor(10, 10).red() - (16 + 2 * 48)) <= 6


def test_thumbnails_are_found_in_the_cache_by_the_next_session(qtbot, tiny_movie: Path, tmp_path: Path):
    picture = Picture(path=str(tiny_movie))
    for _ in range(2):
        thumbnails = Thumbnails(folder=tmp_path)
        with qtbot.waitSignal(thumbnails.ready, timeout=_PATIENCE_MS):
            assert thumbnails.get("a", lambda: (picture, Fraction(1))) is None
        assert thumbnails.get("a", lambda: None) is not None
        thumbnails.close()
        assert len(list(tmp_path.rglob("*.jpg"))) == 1


def test_media_that_cannot_be_decoded_has_no_thumbnail_and_hurts_nobody(qtbot, tmp_path: Path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no movie" * 100)
    thumbnails = Thumbnails(folder=tmp_path / "cache")
    with qtbot.waitSignal(thumbnails.ready, timeout=_PATIENCE_MS):
        thumbnails.get("a", lambda: (Picture(path=str(broken)), Fraction(0)))
    assert thumbnails.get("a", lambda: None) is None
    thumbnails.close()
