"""The export dialog."""

import shutil
from dataclasses import replace
from pathlib import Path

import opentimelineio as otio
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMessageBox

from otio_v2a.deliver import Held
from otio_v2a.demo import cut_path
from otio_v2a.stem import Layout, StemClip, StemTake
from otio_v2a.targets import Target
from otio_v2a_engine.contract import PromptSpec, Role
from otio_v2a_ui import export_dialog
from otio_v2a_ui.document import Document
from otio_v2a_ui.export_dialog import ExportDialog
from otio_v2a_ui.settings import Settings


@pytest.fixture
def cut(tmp_path):
    folder = tmp_path / "cut"
    shutil.copytree(cut_path().parent / "media", folder / "media")
    shutil.copyfile(cut_path(), folder / "cut.otio")
    return folder / "cut.otio"


def _opened(qtbot, cut: Path, tmp_path: Path):
    document = Document.open(cut, state=tmp_path / "state")
    dialog = ExportDialog(document, settings=Settings(tmp_path / "panel.ini"))
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitUntil(lambda: "Looking" not in dialog.losses_head.text(), timeout=60_000)
    return document, dialog


def _choose(qtbot, dialog, target: Target) -> None:
    dialog.target.setCurrentIndex(dialog.target.findData(target))
    qtbot.waitUntil(lambda: "Looking" not in dialog.losses_head.text(), timeout=60_000)


def test_losses_are_shown_before_anything_is_written(qtbot, cut, tmp_path):
    document, dialog = _opened(qtbot, cut, tmp_path)
    assert "Nothing is lost" in dialog.losses_head.text()
    _choose(qtbot, dialog, Target.FCP_XML)
    assert dialog.losses.count() > 0
    assert "will not carry" in dialog.losses_head.text()
    assert dialog.file.text().endswith("cut_v2a.xml")
    assert sorted(path.name for path in cut.parent.iterdir()) == ["cut.otio", "media"]
    dialog.reject()
    document.close()


def test_a_timeline_is_written_and_the_report_can_be_copied(qtbot, cut, tmp_path, monkeypatch):
    document, dialog = _opened(qtbot, cut, tmp_path)
    prompt = document.prompt(document.clip_id_at(0), Role.FX)
    shown = []
    monkeypatch.setattr(export_dialog, "reveal", shown.append)
    _choose(qtbot, dialog, Target.PREMIERE)
    dialog.layout_roles.click()
    qtbot.waitUntil(dialog.export.isEnabled, timeout=60_000)
    qtbot.mouseClick(dialog.export, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dialog.written is not None, timeout=60_000)
    out = cut.parent / "cut_v2a_premiere.otio"
    assert dialog.written == out
    assert otio.adapters.read_from_file(str(out)).find_clips()
    dialog.reveal.click()
    assert shown == [out]
    dialog.copy.click()
    copied = QGuiApplication.clipboard().text()
    assert str(out) in copied
    assert "Premiere" in copied
    assert Settings(tmp_path / "panel.ini").export_target is Target.PREMIERE
    assert Settings(tmp_path / "panel.ini").export_layout is Layout.ROLES
    assert document.prompt(prompt.clip_id, Role.FX) == prompt
    dialog.reject()
    document.close()


def test_a_cut_with_missing_media_is_not_exported_to_resolve(qtbot, cut, tmp_path):
    next((cut.parent / "media").iterdir()).unlink()
    document, dialog = _opened(qtbot, cut, tmp_path)
    _choose(qtbot, dialog, Target.RESOLVE)
    assert not dialog.export.isEnabled()
    assert "relink" in dialog.losses_head.text()
    _choose(qtbot, dialog, Target.PORTABLE)
    assert dialog.export.isEnabled()
    dialog.reject()
    document.close()


def test_the_cut_itself_is_refused_and_other_files_are_replaced_only_when_asked(qtbot, cut, tmp_path, monkeypatch):
    document, dialog = _opened(qtbot, cut, tmp_path)
    before = cut.read_bytes()
    dialog.file.setText(str(cut))
    dialog.start()
    assert "never changed" in dialog.message.text()
    other = tmp_path / "other.otio"
    other.write_text("mine")
    dialog.file.setText(str(other))
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.No)
    dialog.start()
    assert (other.read_text(), cut.read_bytes()) == ("mine", before)
    assert dialog.written is None
    dialog.reject()
    document.close()


def test_a_disk_that_refuses_is_a_message(qtbot, cut, tmp_path):
    document, dialog = _opened(qtbot, cut, tmp_path)
    (tmp_path / "file").write_text("")
    dialog.file.setText(str(tmp_path / "file" / "x.otio"))
    dialog.start()
    qtbot.waitUntil(lambda: dialog.message.property("bad") is True, timeout=60_000)
    assert dialog.export.isEnabled()
    dialog.reject()
    document.close()


def test_takes_that_are_not_heard_are_named_among_the_losses(qtbot, cut, tmp_path):
    document = Document.open(cut, state=tmp_path / "state")
    dialog = ExportDialog(document, settings=Settings(tmp_path / "panel.ini"))
    qtbot.addWidget(dialog)
    clip = StemClip(
        clip_id=document.clip_id_at(0),
        name="Tap",
        track="V1",
        record_start=0,
        span_samples=10,
        takes=tuple(
            StemTake(
                number=number,
                path=tmp_path / f"{number}.wav",
                file_start=0,
                n_samples=10,
                content_hash=str(number),
                seed=number,
                prompt=PromptSpec(),
                engine="fake",
                engine_version="1",
            )
            for number in (1, 2, 3)
        ),
        active=2,
    )
    dialog._snapshot = replace(dialog._snapshot, held=(Held(role=Role.FX, clip=clip),))
    _choose(qtbot, dialog, Target.PREMIERE)
    assert "2 takes that are not in use stay in the file" in dialog.losses.item(0).text()
    dialog.layout_roles.click()
    qtbot.waitUntil(lambda: "Looking" not in dialog.losses_head.text(), timeout=60_000)
    assert dialog.losses.item(0).text() == "timeline: 2 takes that are not in use"
    dialog.reject()
    document.close()


def test_a_folder_typed_for_a_file_is_waited_over(qtbot, cut, tmp_path):
    document, dialog = _opened(qtbot, cut, tmp_path)
    dialog.file.clear()
    qtbot.keyClicks(dialog.file, "/")
    assert not dialog.export.isEnabled()
    qtbot.keyClicks(dialog.file, "mix.otio")
    assert dialog.export.isEnabled()
    assert dialog.out == Path("/mix.otio")
    dialog.file.clear()
    qtbot.keyClicks(dialog.file, "/")
    _choose(qtbot, dialog, Target.FCP_XML)
    assert dialog.file.text().endswith("cut_v2a.xml")
    assert dialog.export.isEnabled()
    dialog.reject()
    document.close()
