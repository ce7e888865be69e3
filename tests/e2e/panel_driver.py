"""Works with the panel's real window as an editor would, by mouse and keys; run as a program on an X display.

    python panel_driver.py CUT FOLDER

FOLDER gets a screenshot of every step and `result.json`. Fails with a message when something does not come in time.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QDialogButtonBox, QLineEdit, QWidget

from otio_v2a_engine.contract import Role
from otio_v2a_ui import theme
from otio_v2a_ui.export_dialog import ExportDialog
from otio_v2a_ui.state import Status
from otio_v2a_ui.window import Window

PATIENCE_S = 200
LEFT = Qt.MouseButton.LeftButton
CTRL = Qt.KeyboardModifier.ControlModifier


class Editor:
    """Somebody at the window."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.window = Window()
        self.panel = self.window.panel
        self.n_shots = 0

    def wait(self, what: str, is_so: Callable[[], object]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not is_so():
            if time.monotonic() > end:
                self.shoot("late")
                raise SystemExit(f"too late: {what}; it says {self.panel.messages.text!r}")
            QTest.qWait(30)

    def shoot(self, name: str, widget: QWidget | None = None) -> None:
        QTest.qWait(150)
        self.n_shots += 1
        (widget or self.window).grab().save(str(self.folder / f"{self.n_shots:02d}-{name}.png"))

    def click(self, widget: QWidget, at: QPoint | None = None) -> None:
        QTest.mouseClick(widget, LEFT, Qt.KeyboardModifier.NoModifier, at or widget.rect().center())

    def button(self, text: str) -> QAbstractButton:
        for found in self.panel.findChildren(QAbstractButton):
            if found.isVisible() and found.text() == text:
                return found
        raise SystemExit(f"there is no button {text!r}")

    def focused(self) -> QWidget:
        """The widget with the focus; the window gets it back after a dialog only some time later."""

        def has_focus() -> bool:
            if QApplication.focusWidget() is None:
                self.window.activateWindow()
            return QApplication.focusWidget() is not None

        self.wait("the window has the focus", has_focus)
        return QApplication.focusWidget() or self.window

    def press(self, key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        QTest.keyClick(self.focused(), key, modifiers)

    def is_idle(self) -> bool:
        total = self.panel.process.sum
        return total.waiting + total.running == 0 and not self.panel._saving.is_running


def open_by_dialog(editor: Editor, cut: Path) -> None:
    """Press the button, type the name into the file dialog, press Return."""

    editor.click(editor.panel.empty.open)
    editor.wait("the file dialog", lambda: editor.panel.dialog is not None and editor.panel.dialog.isVisible())
    field = editor.panel.dialog.findChild(QLineEdit)
    # Pasted, not typed: Qt's own dialog completes what is typed as it likes.
    field.setFocus()
    QApplication.clipboard().setText(str(cut))
    QTest.keyClick(field, Qt.Key.Key_V, CTRL)
    editor.shoot("file-dialog", editor.panel.dialog)
    editor.click(editor.panel.dialog.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Open))
    editor.wait("the cut opens", lambda: editor.panel.is_open)


def main(cut: Path, folder: Path) -> dict[str, object]:
    QApplication.setAttribute(Qt.ApplicationAttribute.AA_DontUseNativeDialogs)
    app = QApplication(sys.argv[:1])
    theme.apply_to_application(app)
    editor = Editor(folder)
    window, panel = editor.window, editor.panel
    panel.settings.engine = "fake"
    window.show()
    assert QTest.qWaitForWindowExposed(window)
    window.activateWindow()
    editor.shoot("empty")

    open_by_dialog(editor, cut)
    document = panel.document
    editor.wait("thumbnails", lambda: len(panel.clips.thumbnails._pixmaps) >= 2)
    editor.shoot("open")

    # The second clip, by keys; its prompt, by mouse and keys.
    panel.clips.view.setFocus()
    editor.press(Qt.Key.Key_Down)
    clip_id = panel.clips.selected()[0]
    editor.wait("the prompt editor follows", lambda: {p.clip_id for p in panel.prompt.prompts} == {clip_id})
    editor.click(panel.prompt.text.viewport() if hasattr(panel.prompt.text, "viewport") else panel.prompt.text)
    panel.prompt.text.setFocus()
    editor.press(Qt.Key.Key_A, CTRL)
    QTest.keyClicks(editor.focused(), "boots on wet gravel")
    editor.wait("the prompt is taken in", lambda: document.prompt(clip_id, Role.FX).text == "boots on wet gravel")
    typed_modified = document.is_modified
    editor.shoot("prompt")

    editor.click(editor.button("Generate"))
    editor.wait("the queue begins", lambda: panel.process.items)
    editor.shoot("rendering")
    editor.wait("takes are there", lambda: editor.is_idle() and document.row(clip_id).status is Status.DONE)
    editor.wait("the strips show", lambda: len(panel.takes.rows) == 2)
    editor.shoot("takes")

    # Listen: space plays from wherever the focus is, K stops.
    panel.clips.view.setFocus()
    editor.press(Qt.Key.Key_Space)
    editor.wait("it plays", lambda: panel.player.is_playing and panel.player.position_s > 0.2)
    editor.press(Qt.Key.Key_K)
    editor.wait("it stops", lambda: not panel.player.is_playing)
    heard_s = panel.player.position_s
    editor.shoot("listened")

    editor.press(Qt.Key.Key_T, CTRL)
    editor.wait("a second take", lambda: len(panel.takes.rows) == 4 and editor.is_idle())
    active = {row.role: row.number for row in panel.takes.rows if row.active}
    editor.click(panel.takes.strip(Role.FX, 1).choose_button)
    editor.wait("take 1 is chosen", lambda: _active(document, clip_id, Role.FX) == 1)
    editor.shoot("chosen")
    panel.clips.view.setFocus()
    editor.press(Qt.Key.Key_Z, CTRL)
    editor.wait("that is undone", lambda: _active(document, clip_id, Role.FX) == 2)
    editor.press(Qt.Key.Key_Z, CTRL | Qt.KeyboardModifier.ShiftModifier)
    editor.wait("and done again", lambda: _active(document, clip_id, Role.FX) == 1)

    editor.press(Qt.Key.Key_E, CTRL)
    editor.wait("the export dialog", lambda: isinstance(panel.dialog, ExportDialog) and panel.dialog.isVisible())
    dialog = panel.dialog
    exported = folder / "delivery" / "reel.otio"
    exported.parent.mkdir(exist_ok=True)
    dialog.file.setFocus()
    dialog.file.selectAll()
    QTest.keyClicks(dialog.file, str(exported))
    editor.wait("losses are looked for", lambda: dialog.export.isEnabled())
    editor.shoot("export", dialog)
    editor.click(dialog.export)
    editor.wait("it is written", lambda: dialog.written is not None)
    editor.shoot("exported", dialog)
    written = dialog.written
    dialog.reject()

    panel.save()
    editor.wait("it is saved", lambda: editor.is_idle() and not document.is_modified)
    window.close()
    QTest.qWait(50)
    return {
        "platform": app.platformName(),
        "clip_id": clip_id,
        "typed_modified": typed_modified,
        "heard_s": heard_s,
        "active_before": {role.value: number for role, number in active.items()},
        "written": str(written),
        "saved": str(document.out),
    }


def _active(document: object, clip_id: str, role: Role) -> int:
    rows = document.takes(clip_id)  # type: ignore[attr-defined]
    return next(row.number for row in rows if row.role is role and row.active)


if __name__ == "__main__":
    target = Path(sys.argv[2])
    result = main(Path(sys.argv[1]), target)
    (target / "result.json").write_text(json.dumps(result))
