"""The relink dialog, and what it keeps."""

import shutil
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog

from otio_v2a.demo import cut_path
from otio_v2a_ui.document import Document
from otio_v2a_ui.relink_dialog import RelinkDialog
from otio_v2a_ui.relinks import load_relinks, remember_relinks
from otio_v2a_ui.settings import Settings


@pytest.fixture
def moved(tmp_path):
    """A cut whose media lie elsewhere now."""
    folder = tmp_path / "cut"
    folder.mkdir()
    shutil.copyfile(cut_path(), folder / "cut.otio")
    shutil.copytree(cut_path().parent / "media", tmp_path / "disk" / "deep" / "media")
    return folder / "cut.otio"


def _dialog(qtbot, cut: Path, tmp_path: Path):
    document = Document.open(cut, state=tmp_path / "state")
    dialog = RelinkDialog(document, settings=Settings(tmp_path / "panel.ini"), state=tmp_path / "state")
    qtbot.addWidget(dialog)
    dialog.show()
    return document, dialog


def _search(qtbot, dialog, folder: Path) -> None:
    dialog.folder.setText(str(folder))
    qtbot.mouseClick(dialog.search, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dialog.progress.isHidden(), timeout=60_000)


def test_missing_media_are_found_and_the_cut_opens_whole_next_time(qtbot, moved, tmp_path):
    before = moved.read_bytes()
    document, dialog = _dialog(qtbot, moved, tmp_path)
    n_clips = document.n_clips
    assert len(document.cut.spans) == 0
    assert not dialog.apply.isEnabled()
    _search(qtbot, dialog, tmp_path / "disk")
    assert dialog.apply.isEnabled()
    dialog.copy.click()
    assert "missing files found" in QGuiApplication.clipboard().text()
    qtbot.mouseClick(dialog.apply, Qt.MouseButton.LeftButton)
    assert dialog.result() == QDialog.DialogCode.Accepted
    document.close()
    again = Document.open(moved, state=tmp_path / "state")
    assert len(again.cut.spans) == again.n_clips == n_clips
    again.close()
    assert moved.read_bytes() == before
    assert Settings(tmp_path / "panel.ini").folder("relink") == tmp_path / "disk"


def test_nothing_found_is_said_and_nothing_is_kept(qtbot, moved, tmp_path):
    (tmp_path / "empty").mkdir()
    document, dialog = _dialog(qtbot, moved, tmp_path)
    _search(qtbot, dialog, tmp_path / "empty")
    assert "0 of" in dialog.message.text()
    assert not dialog.apply.isEnabled()
    _search(qtbot, dialog, tmp_path / "nowhere")
    assert "is no folder" in dialog.message.text()
    dialog.reject()
    assert load_relinks(moved, folder=tmp_path / "state") == ()
    document.close()


def test_a_candidate_is_chosen_and_let_go_by_hand(qtbot, moved, tmp_path):
    document, dialog = _dialog(qtbot, moved, tmp_path)
    url = dialog.missing[0].url
    _search(qtbot, dialog, tmp_path / "disk")
    item = dialog.tree.topLevelItem(0)
    child = item.child(0)
    assert child.text(1) == "chosen"
    dialog._activated(child)
    assert child.text(1) == ""
    dialog._activated(child)
    assert item.text(2) == child.toolTip(0)
    dialog.choose(url, tmp_path / "other.mov")
    assert item.text(2).endswith("other.mov")
    dialog.reject()
    document.close()


def test_a_cut_that_misses_nothing_says_so(qtbot, tmp_path):
    shutil.copytree(cut_path().parent, tmp_path / "demo")
    document, dialog = _dialog(qtbot, tmp_path / "demo" / cut_path().name, tmp_path)
    assert "All media" in dialog.head.text()
    assert not dialog.search.isEnabled()
    dialog.reject()
    document.close()


def test_what_was_relinked_and_moved_again_is_followed(tmp_path):
    cut = tmp_path / "cut.otio"
    remember_relinks(cut, {"gone.mov": Path("/a/one.mov")}, folder=tmp_path)
    remember_relinks(cut, {"/a/one.mov": Path("/b/one.mov")}, folder=tmp_path)
    assert dict(load_relinks(cut, folder=tmp_path))["gone.mov"] == Path("/b/one.mov")
    (found,) = (tmp_path / "relinks").iterdir()
    found.write_text("[]")
    assert load_relinks(cut, folder=tmp_path) == ()
