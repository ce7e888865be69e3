"""The panel as one widget: what it shows, what it wants, and how it docks."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QPalette
from PySide6.QtWidgets import QApplication, QMainWindow, QWidget

from otio_v2a.jobs import PlanOptions
from otio_v2a.worker_process import WorkerSettings
from otio_v2a_engine.contract import Role
from otio_v2a_ui.document import Document
from otio_v2a_ui.panel import Panel
from otio_v2a_ui.state import QueueState, Status
from otio_v2a_ui.window import Window

_PATIENCE_MS = 120_000


@pytest.fixture
def panel(qtbot, double: WorkerSettings) -> Iterator[Panel]:
    widget = Panel(worker=double)
    qtbot.addWidget(widget)
    widget.resize(1400, 860)
    widget.show()
    yield widget
    widget.shutdown()


def _open(qtbot, panel: Panel, cut: Path) -> Document:
    panel.open(cut)
    qtbot.waitUntil(lambda: panel.is_open, timeout=_PATIENCE_MS)
    assert panel.document is not None
    panel.document.plan_options = PlanOptions(engine="fake")
    return panel.document


def _only_fx(document: Document, texts: list[str]) -> None:
    for row, text in zip(document.rows, texts, strict=False):
        document.set_prompt(replace(document.prompt(row.clip_id, Role.FX), text=text))
        document.set_prompt(replace(document.prompt(row.clip_id, Role.AMB), enabled=False))


def _idle(panel: Panel) -> bool:
    assert panel.process is not None
    total = panel.process.sum
    return total.waiting + total.running == 0 and not panel._saving.is_running


def test_it_begins_with_how_to_begin_and_opens_what_is_dropped(qtbot, panel: Panel, write_cut: Callable[..., Path]):
    assert panel.stack.currentWidget() is panel.empty
    cut = write_cut()
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(cut))])
    event = QDropEvent(
        QPointF(20, 20),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    panel.dropEvent(event)
    qtbot.waitUntil(lambda: panel.is_open, timeout=_PATIENCE_MS)
    assert panel.title.text() == "reel"
    assert panel.player.clip is not None
    assert panel.player.clip.name == "SH010"


def test_a_file_that_is_no_cut_is_said_in_words(qtbot, panel: Panel, tmp_path: Path):
    broken = tmp_path / "broken.otio"
    broken.write_text("{")
    panel.open(broken)
    qtbot.waitUntil(lambda: bool(panel.messages.text), timeout=_PATIENCE_MS)
    assert "broken.otio" in panel.messages.text
    assert panel.stack.currentWidget() is panel.empty


def test_an_edit_is_undone_and_shown(qtbot, panel: Panel, write_cut: Callable[..., Path]):
    document = _open(qtbot, panel, write_cut())
    clip_id = document.rows[0].clip_id
    qtbot.waitUntil(lambda: bool(panel.prompt.prompts), timeout=_PATIENCE_MS)
    panel.prompt.edited.emit((replace(document.prompt(clip_id, Role.FX), text="rain"),))
    assert document.prompt(clip_id, Role.FX).text == "rain"
    panel.actions_by_name["undo"].trigger()
    assert document.prompt(clip_id, Role.FX).text == ""
    panel.actions_by_name["redo"].trigger()
    assert document.prompt(clip_id, Role.FX).text == "rain"


def test_generated_takes_appear_and_the_cut_is_saved_by_itself(qtbot, panel: Panel, write_cut: Callable[..., Path]):
    document = _open(qtbot, panel, write_cut())
    _only_fx(document, ["a", "b", "c"])
    panel.generate_all()
    qtbot.waitUntil(lambda: document.out.is_file() and _idle(panel), timeout=_PATIENCE_MS)
    assert [row.status for row in document.rows] == [Status.DONE] * 3
    qtbot.waitUntil(lambda: [row.number for row in panel.takes.rows] == [1], timeout=_PATIENCE_MS)
    assert not document.is_modified
    panel.generate_all()
    assert "Nothing to render" in panel.messages.text


def test_a_worker_that_dies_becomes_a_message_with_what_to_do(qtbot, panel: Panel, write_cut: Callable[..., Path]):
    document = _open(qtbot, panel, write_cut())
    _only_fx(document, ["crash", "b", "c"])
    panel.generate_all()
    qtbot.waitUntil(
        lambda: _idle(panel) and bool(panel.process.items) and "failed" in panel.messages.text, timeout=_PATIENCE_MS
    )
    states = [item.state for item in panel.process.items]
    assert states == [QueueState.FAILED, QueueState.DONE, QueueState.DONE]
    assert document.rows[0].status is Status.FAILED
    assert "killed" in document.rows[0].warnings[0]
    assert panel.messages.button.text() == "Retry failed"


def test_the_interface_goes_on_while_it_renders(qtbot, panel: Panel, write_cut: Callable[..., Path]):
    document = _open(qtbot, panel, write_cut())
    _only_fx(document, ["wait 600", "b", "c"])
    panel.generate_all()
    qtbot.waitUntil(lambda: document.rows[0].status is Status.RUNNING, timeout=_PATIENCE_MS)
    clip_id = document.rows[2].clip_id
    panel.clips.select([clip_id])
    qtbot.waitUntil(lambda: panel.player.clip is not None and panel.player.clip.clip_id == clip_id)
    panel.actions_by_name["cancel"].trigger()
    qtbot.waitUntil(lambda: _idle(panel), timeout=_PATIENCE_MS)
    assert {item.state for item in panel.process.items} == {QueueState.CANCELLED}


def test_the_transports_keys_play_from_the_list(qtbot, panel: Panel, write_cut: Callable[..., Path]):
    _open(qtbot, panel, write_cut())
    panel.clips.view.setFocus()
    qtbot.keyClick(panel.clips.view, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: panel.player.position_s > 0.03)
    qtbot.keyClick(panel.clips.view, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: panel.player.is_playing)
    qtbot.keyClick(panel.clips.view, Qt.Key.Key_K)
    qtbot.waitUntil(lambda: not panel.player.is_playing)


def test_what_a_killed_panel_had_typed_is_there_again(qtbot, panel: Panel, write_cut: Callable[..., Path]):
    cut = write_cut()
    code = """
import os, signal, sys
from pathlib import Path
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from otio_v2a_engine.contract import Role
from otio_v2a_ui.window import Window
app = QApplication([])
window = Window()
window.show()
window.open(Path(sys.argv[1]))
panel = window.panel
while not panel.is_open or not panel.prompt.prompts:
    QTest.qWait(20)
panel.prompt.text.setFocus()
QTest.keyClicks(panel.prompt.text, "boots")
while panel.document.prompt(panel.document.rows[0].clip_id, Role.FX).text != "boots":
    QTest.qWait(20)
os.kill(os.getpid(), signal.SIGKILL)
"""
    root = Path(__file__).parents[2]
    paths = os.pathsep.join(str(root / name) for name in ("", "engine", "ui"))
    killed = subprocess.run(
        [sys.executable, "-c", code, str(cut)],
        env={**os.environ, "PYTHONPATH": paths, "QT_QPA_PLATFORM": "offscreen"},
        timeout=240,
        check=False,
        capture_output=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    document = _open(qtbot, panel, cut)
    assert document.prompt(document.rows[0].clip_id, Role.FX).text == "boots"
    assert "Restored" in panel.messages.text
    assert panel.messages.button.text() == "Save now"


def test_docked_it_leaves_the_hosts_application_alone(qtbot, double: WorkerSettings):
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    before = app.styleSheet(), app.palette().color(QPalette.ColorRole.Window), app.style().objectName()
    host = QMainWindow()
    qtbot.addWidget(host)
    field = QWidget()
    pane = Panel(field, worker=double)
    host.setCentralWidget(field)
    host.show()
    assert (app.styleSheet(), app.palette().color(QPalette.ColorRole.Window), app.style().objectName()) == before
    assert not pane.menu_button.isHidden()
    names = [action.text() for action in pane.menu_button.menu().actions() if action.text()]
    assert "Open…" in names
    pane.shutdown()


def test_every_widget_that_takes_a_key_has_a_name_for_screen_readers(
    qtbot, panel: Panel, write_cut: Callable[..., Path]
):
    _open(qtbot, panel, write_cut())
    nameless = [
        widget
        for widget in panel.findChildren(QWidget)
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        and widget.isVisible()
        and not (widget.accessibleName() or getattr(widget, "text", lambda: "")())
        and widget.objectName() not in ("qt_scrollarea_viewport", "qt_spinbox_lineedit")
        and not widget.objectName().startswith("ScrollLeftButton")
    ]
    assert [f"{type(widget).__name__} in {type(widget.parent()).__name__}" for widget in nameless] == []


def test_a_window_remembers_what_was_open(qtbot, write_cut: Callable[..., Path], double: WorkerSettings):
    cut = write_cut()
    window = Window(worker=double)
    qtbot.addWidget(window)
    window.show()
    window.open(cut)
    qtbot.waitUntil(lambda: window.panel.is_open, timeout=_PATIENCE_MS)
    assert window.windowTitle() == "reel[*] – otio-v2a"
    document = window.panel.document
    assert document is not None
    document.set_prompt(replace(document.prompt(document.rows[0].clip_id, Role.FX), text="rain"))
    window.close()
    again = Window(worker=double)
    qtbot.addWidget(again)
    assert again.panel.session.recent() == (str(cut),)
    assert [action.text() for action in again.recent_menu.actions()] == [cut.name]
    again.panel.shutdown()


def test_hiero_and_nuke_register_without_being_there_at_import(monkeypatch: pytest.MonkeyPatch):
    from otio_v2a_ui.hosts import hiero

    def nowhere(name: str) -> ModuleType:
        raise ImportError(name)

    with pytest.raises(ImportError):
        hiero.register(nowhere)
    asked: list[tuple[str, ...]] = []
    panels = SimpleNamespace(registerWidgetAsPanel=lambda *words: asked.append(words))
    assert hiero.register(lambda name: panels) == "nuke"
    factory, title, identifier = asked[0]
    assert (title, identifier) == ("otio-v2a", hiero.IDENTIFIER)
    assert eval(factory) is hiero.make


def test_a_host_whose_program_is_no_python_finds_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    from otio_v2a.errors import RunError
    from otio_v2a_ui.hosts.python import worker_settings

    monkeypatch.delenv("OTIO_V2A_PYTHON", raising=False)
    assert worker_settings() == WorkerSettings()
    monkeypatch.setenv("OTIO_V2A_PYTHON", sys.executable)
    assert worker_settings().command == (sys.executable, "-m", "otio_v2a_engine.worker")
    monkeypatch.setenv("OTIO_V2A_PYTHON", str(tmp_path / "none"))
    with pytest.raises(RunError, match="OTIO_V2A_PYTHON"):
        worker_settings()
