"""The whole panel as one widget: it opens cuts, connects its parts, and docks in hosts that embed PySide6.

Decides nothing about cuts or takes: the document does; renders nothing: the process does. Never touches the
application it lives in.
"""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QMimeData, Qt, QTimer, Signal
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QKeyEvent,
    QKeySequence,
)
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QWidget,
)

from otio_v2a.errors import TakeError, V2AError
from otio_v2a.stem import StemTake
from otio_v2a.worker_process import WorkerSettings
from otio_v2a_engine.contract import Role
from otio_v2a_ui.document import Document
from otio_v2a_ui.engines_page import EnginesDialog
from otio_v2a_ui.export_dialog import ExportDialog
from otio_v2a_ui.folders import data_folder
from otio_v2a_ui.orders import Scope
from otio_v2a_ui.panel_parts import PanelParts
from otio_v2a_ui.process import Errand, Process
from otio_v2a_ui.queue_view import sum_words
from otio_v2a_ui.redo import redo_region
from otio_v2a_ui.relink_dialog import RelinkDialog
from otio_v2a_ui.settings import Settings
from otio_v2a_ui.state import QueueItem, QueueSum
from otio_v2a_ui.sync_meter import SyncMeter
from otio_v2a_ui.take_commands import AdjustTakes, ChooseTake, DropTake, StarTake
from otio_v2a_ui.undo import EditPrompts

__all__ = ["Panel", "demo_copy"]

_log = logging.getLogger(__name__)

_TRANSPORT = frozenset(
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
        Qt.Key.Key_Home,
        Qt.Key.Key_End,
    )
)


_ALLOWED = Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.KeypadModifier
_PATTERNS = "*.otio *.otioz *.otiod *.xml *.fcpxml *.edl *.aaf *.mov *.mp4 *.mxf *.mkv *.avi *.m4v *.webm"


class Panel(PanelParts):
    """Everything an editor works with.

    Signals:
        opened: the path of a cut that is open now.
        closed: no cut is open any more.
        title_changed: name of the cut and whether it has edits that its timeline does not hold.
    """

    opened = Signal(str)
    closed = Signal()
    title_changed = Signal(str, bool)

    def __init__(self, parent: QWidget | None = None, *, worker: WorkerSettings | None = None) -> None:
        """`worker` says how renders are run; hosts whose own program is no Python name one in it."""
        super().__init__(parent)
        self.setAcceptDrops(True)
        self.document: Document | None = None
        self.process: Process | None = None
        self.sync: SyncMeter | None = None
        self.settings = Settings()
        self.worker = worker or WorkerSettings()
        self._opening = Errand(self)
        self._saving = Errand(self)
        self._redoing = Errand(self)
        self._audition: dict[Role, int] = {}
        self._current: str | None = None
        self._save_again = False
        self.dialog: QDialog | None = None
        self._make_actions()
        self._lay_out()
        self._connect()
        self._enable()

    def _make_actions(self) -> None:
        make = self._action
        make("open", self.tr("Open…"), self.ask_open, QKeySequence.StandardKey.Open)
        make("save", self.tr("Save"), self.save, QKeySequence.StandardKey.Save)
        make("export", self.tr("Export…"), self.export, "Ctrl+E")
        make("relink", self.tr("Relink Media…"), self.relink)
        make("close", self.tr("Close Cut"), self.close_cut, QKeySequence.StandardKey.Close)
        for name, action, keys in (
            ("undo", self.undo.createUndoAction(self, self.tr("Undo")), QKeySequence.StandardKey.Undo),
            ("redo", self.undo.createRedoAction(self, self.tr("Redo")), QKeySequence.StandardKey.Redo),
        ):
            action.setShortcut(QKeySequence(keys))
            self._keep(name, action)
        make("generate", self.tr("Generate"), self.generate_selected, "Ctrl+G")
        make("generate_all", self.tr("Generate All"), self.generate_all, "Ctrl+Shift+G")
        make("more", self.tr("More Takes"), self.more_takes, "Ctrl+T")
        make("previous", self.tr("Previous Clip"), lambda: self._go(-1), "Ctrl+Up")
        make("next", self.tr("Next Clip"), lambda: self._go(1), "Ctrl+Down")
        make("pause", self.tr("Pause Queue"), self.toggle_pause, "Ctrl+P")
        make("cancel", self.tr("Cancel All Renders"), lambda: self._on_queue("cancel", None), "Ctrl+.")
        make("retry", self.tr("Retry Failed"), lambda: self._on_queue("retry", None), "Ctrl+R")
        make("engines", self.tr("Engines…"), self.show_engines, "Ctrl+,")
        self.actions_by_name["generate"].setToolTip(self.tr("Render the selected clips"))
        self.actions_by_name["generate_all"].setToolTip(self.tr("Render every clip that misses a take"))
        self.actions_by_name["export"].setToolTip(self.tr("Write stems and a timeline for a host"))

    def _connect(self) -> None:
        self.empty.open_requested.connect(self.ask_open)
        self.empty.demo_requested.connect(self.open_demo)
        self.empty.recent_requested.connect(lambda path: self.open(Path(path)))
        self._opening.done.connect(self._adopt)
        self._opening.failed.connect(self._open_failed)
        self._saving.done.connect(self._saved)
        self._saving.failed.connect(lambda text: self.messages.say(text, bad=True))
        self.clips.selection_changed.connect(self._later)
        self.clips.activated.connect(lambda clip_id: self.player.toggle())
        self.clips.relink_requested.connect(self.relink)
        self.clips.view.selectionModel().currentChanged.connect(self._later)
        self.queue.pause_requested.connect(lambda on: self._on_queue("pause", on))
        self.queue.cancel_requested.connect(lambda keys: self._on_queue("cancel", keys))
        self.queue.retry_requested.connect(lambda keys: self._on_queue("retry", keys))
        self.queue.move_requested.connect(lambda keys, by: self._on_queue("move", keys, by))
        self.queue.clear_requested.connect(lambda: self._on_queue("clear"))
        self.queue.clip_activated.connect(lambda clip_id: self.clips.select([clip_id]))
        self.prompt.edited.connect(self._edit)
        self.prompt.generate_requested.connect(self.generate_selected)
        self.prompt.failed.connect(lambda text: self.messages.say(text, bad=True))
        self.prompt.set_default_engine(self.settings.engine)
        self.takes.choose_requested.connect(self._choose)
        self.takes.drop_requested.connect(self._drop)
        self.takes.star_requested.connect(self._star)
        self.takes.adjust_requested.connect(self._adjust)
        self.takes.more_requested.connect(lambda clip_id, role: self._generate(Scope((clip_id,), (role,), more=1)))
        self.takes.audition_requested.connect(self._listen_to)
        self.takes.region_requested.connect(self._redo)
        self.takes.measured.connect(self._measured)
        self.takes.seeked.connect(self.player.seek)
        self.takes.stepped.connect(self.player.step)
        self._redoing.done.connect(self._redone)
        self._redoing.failed.connect(lambda text: self.messages.say(text, bad=True))
        self._refresh_timer = QTimer(self, singleShot=True, interval=25)
        self._refresh_timer.timeout.connect(self._refresh)
        self.undo.indexChanged.connect(lambda: self._tell_title())

    # Opening, saving, closing

    @property
    def is_open(self) -> bool:
        """Whether a cut is open."""
        return self.document is not None

    def ask_open(self) -> None:
        """Let the user choose a cut."""
        folder = str(self.document.path.parent) if self.document else ""
        patterns = self.tr("Cuts and movies") + f" ({_PATTERNS});;" + self.tr("All files") + " (*)"
        dialog = QFileDialog(self, self.tr("Open a cut or a movie"), folder, patterns)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(lambda path: self.open(Path(path)))
        self._show_dialog(dialog)

    def open_demo(self) -> None:
        """Open a copy of the demo cut."""
        try:
            self.open(demo_copy())
        except OSError as error:
            self.messages.say(str(error), bad=True)

    def open(self, path: Path) -> None:
        """Open a cut; the interface goes on while it is read."""
        if self._opening.is_running or not self.close_cut():
            return
        self.messages.clear()
        self.busy.setText(self.tr("Opening {name}…").format(name=path.name))
        self.stack.setCurrentIndex(1)

        def read(errand: Errand) -> Document:
            document = Document.open(path)
            document.load_takes()
            return document

        self._opening.start(read)

    def _adopt(self, document: Document) -> None:
        self.document = document
        document.plan_options = self.settings.plan_options()
        document.on_change.append(self._document_changed)
        self.process = Process(document, settings=self.worker, parent=self)
        self.sync = SyncMeter(document, settings=self.worker, parent=self)
        self.process.item_changed.connect(self._item_changed)
        self.process.order_changed.connect(self._order_changed)
        self.process.sum_changed.connect(self._show_sum)
        self.process.take_made.connect(self._take_made)
        self.process.message.connect(lambda text: self.messages.say(text))
        self.process.finished.connect(self._queue_finished)
        self.undo.clear()
        self.undo.setClean()
        self.title.setText(document.name)
        rate = document.cut.timing.rate
        self.facts.setText(
            self.tr("{n} clips · {rate} fps").format(
                n=document.n_clips, rate=f"{float(rate):.3f}".rstrip("0").rstrip(".")
            )
        )
        self.facts.setToolTip("\n".join(document.notes))
        self.stack.setCurrentIndex(2)
        self.clips.set_document(document)
        self.clips.view.setFocus(Qt.FocusReason.OtherFocusReason)
        self._enable()
        self._show_sum(QueueSum())
        self.queue.set_items(())
        if document.recovered:
            self.messages.say(
                self.tr("Restored {n} edits that the last session had not saved.").format(n=document.recovered),
                action=self.tr("Save now"),
                call=self.save,
            )
        elif document.notes:
            first, more = document.notes[0], len(document.notes) - 1
            self.messages.say(first + (self.tr(" (and {n} more notes)").format(n=more) if more else ""))
        self._refresh()
        self._tell_title()
        self.opened.emit(str(document.path))

    def _open_failed(self, text: str) -> None:
        self.stack.setCurrentIndex(0)
        self.messages.say(text, bad=True)

    def close_cut(self) -> bool:
        """Close the cut; edits stay in the journal. False when the user wants to go on rendering."""
        if self.document is None:
            return True
        if self.process is not None and self.process.sum.waiting + self.process.sum.running and not self._may_cancel():
            return False
        self._saving.wait()
        self._refresh_timer.stop()
        self.player.set_clip(None)
        self.takes.set_takes((), None)
        self.prompt.set_prompts(())
        self.clips.set_document(None)
        if self.process is not None:
            self.process.close()
            self.process.deleteLater()
            self.process = None
        if self.sync is not None:
            self.sync.close()
            self.sync.deleteLater()
            self.sync = None
        self.undo.clear()
        document, self.document = self.document, None
        self._current = None
        document.on_change.clear()
        document.close()
        self.stack.setCurrentIndex(0)
        self._enable()
        self.title_changed.emit("", False)
        self.closed.emit()
        return True

    def _may_cancel(self) -> bool:
        from PySide6.QtWidgets import QMessageBox

        answer = QMessageBox.question(
            self,
            self.tr("Renders are under way"),
            self.tr("Cancel the renders and close the cut? Finished takes are kept."),
            QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.No,
        )
        return bool(answer == QMessageBox.StandardButton.Yes)

    def shutdown(self) -> None:
        """Close everything, threads and worker included; the widget is of no use afterwards."""
        self._redoing.cancel()
        for errand in (self._opening, self._saving, self._redoing):
            errand.wait()
        if self.process is not None:
            self.process.queue.cancel()
        self.close_cut()
        self.takes.shutdown()
        self.player.shutdown()
        self.clips.close_threads()

    def save(self) -> None:
        """Write the timeline beside the cut; editing goes on."""
        document = self.document
        if document is None:
            return
        if self._saving.is_running:
            self._save_again = True
            return
        snapshot = document.snapshot()

        def write(errand: Errand) -> tuple[Document, Any]:
            snapshot.export(document.out, cancelled=errand.cancelled, on_progress=errand.progress)
            return document, snapshot

        self._saving.start(write)

    def _saved(self, result: tuple[Document, Any]) -> None:
        document, snapshot = result
        if document is self.document:
            document.saved(snapshot)
            self.messages.say(self.tr("Saved {name}").format(name=document.out.name), quiet=True)
            self._tell_title()
        if self._save_again:
            self._save_again = False
            self.save()

    # Intent

    def generate_selected(self) -> None:
        """Render the selected clips."""
        self._generate(Scope(clip_ids=self.clips.selected()))

    def generate_all(self) -> None:
        """Render every clip that misses a take."""
        self._generate(Scope())

    def more_takes(self) -> None:
        """Render one more take of every stem of the selected clips."""
        self._generate(Scope(clip_ids=self.clips.selected(), more=1))

    def _generate(self, scope: Scope) -> None:
        if self.process is None:
            return
        if not self.process.generate(scope):
            self.messages.say(self.tr("Nothing to render: every stem that is asked for has its takes."))

    def toggle_pause(self) -> None:
        """Pause the queue, or go on."""
        if self.process is not None:
            self.process.queue.pause(not self.process.sum.paused)

    def _on_queue(self, what: str, *args: Any) -> None:
        if self.process is not None:
            getattr(self.process.queue, what)(*args)

    def _edit(self, prompts: Sequence[Any]) -> None:
        if self.document is not None and prompts:
            self.undo.push(EditPrompts(self.document, tuple(prompts)))

    def _choose(self, clip_id: str, role: Role, number: int) -> None:
        self._audition.pop(role, None)
        self._do(lambda document: ChooseTake(document, clip_id, role, number))

    def _drop(self, clip_id: str, role: Role, number: int) -> None:
        self._audition.pop(role, None)
        self._do(lambda document: DropTake(document, clip_id, role, number))

    def _star(self, clip_id: str, role: Role, number: int, on: bool) -> None:
        self._do(lambda document: StarTake(document, clip_id, role, number, on))

    def _adjust(self, clip_id: str, role: Role, adjustment: Any) -> None:
        self._do(lambda document: AdjustTakes(document, clip_id, role, adjustment))

    def _do(self, make: Callable[[Document], Any]) -> None:
        if self.document is None:
            return
        try:
            self.undo.push(make(self.document))
        except V2AError as error:
            self.messages.say(str(error), bad=True)

    def _listen_to(self, role: Role, number: int) -> None:
        self._audition[role] = number
        self._show_clip()

    def _redo(self, clip_id: str, role: Role, start_s: float, stop_s: float) -> None:
        """Render the marked region anew; the store takes one run at a time."""
        document, process = self.document, self.process
        if document is None or process is None:
            return
        if self._redoing.is_running or self._saving.is_running or process.sum.waiting + process.sum.running:
            self.messages.say(self.tr("A region is rendered when the queue is empty and the cut is saved."))
            return
        snapshot, out = document.snapshot(), document.out
        name = document.row(clip_id).name
        self.messages.say(
            self.tr("Rendering {role} of {clip} from {start} to {stop} s anew…").format(
                role=role, clip=name, start=f"{start_s:.2f}", stop=f"{stop_s:.2f}"
            ),
            action=self.tr("Cancel"),
            call=self._redoing.cancel,
        )

        def work(errand: Errand) -> tuple[Document, str, Role, StemTake]:
            region_s = start_s, stop_s
            take = redo_region(snapshot, out, clip_id=clip_id, role=role, region_s=region_s, cancelled=errand.cancelled)
            return document, clip_id, role, take

        self._redoing.start(work)

    def _redone(self, result: tuple[Document, str, Role, StemTake]) -> None:
        document, clip_id, role, take = result
        if document is self.document:
            self._audition.pop(role, None)
            number = document.add_stem_take(clip_id, role, take)
            self.messages.say(self.tr("Take {n} of {role} has the new region.").format(n=number, role=role))
            self.save()

    def _measured(self, clip_id: str, role: Role, number: int, lufs: float) -> None:
        if self.document is not None:
            try:
                self.document.set_measures(clip_id, role, number, loudness_lufs=lufs)
            except (TakeError, KeyError):
                _log.debug("a take was measured that is gone")

    def _go(self, by: int) -> None:
        view = self.clips.view
        row = view.currentIndex().row() + by
        if 0 <= row < self.clips.model.rowCount():
            view.setCurrentIndex(self.clips.model.index(row, 0))

    def export(self) -> None:
        """Show what a target loses, and write for it."""
        if self.document is not None:
            self._show_dialog(ExportDialog(self.document, self, settings=self.settings))

    def relink(self) -> None:
        """Find missing media."""
        if self.document is not None:
            dialog = RelinkDialog(self.document, self, settings=self.settings)
            dialog.accepted.connect(self._reopen)
            self._show_dialog(dialog)

    def show_engines(self) -> None:
        """Show the engines, their licences and what is chosen for clips that name none."""
        dialog = EnginesDialog(self, settings=self.settings)
        dialog.finished.connect(self._engine_chosen)
        self._show_dialog(dialog)

    def _engine_chosen(self, *_: object) -> None:
        self.prompt.set_default_engine(self.settings.engine)
        if self.document is not None:
            self.document.plan_options = self.settings.plan_options()
            self._later()

    def _show_dialog(self, dialog: QDialog) -> None:
        """Over the panel, without stopping it: renders and their messages go on."""
        self.dialog = dialog
        dialog.finished.connect(dialog.deleteLater)
        dialog.finished.connect(self._forget_dialog)
        dialog.open()

    def _forget_dialog(self, *_: object) -> None:
        self.dialog = None

    def _reopen(self) -> None:
        if self.document is not None:
            self.open(self.document.path)

    # What changed

    def _later(self, *_: object) -> None:
        self._refresh_timer.start()

    def _document_changed(self, clip_ids: frozenset[str]) -> None:
        self._later()

    def _refresh(self) -> None:
        """Show what is selected, and what became of it."""
        document = self.document
        if document is None:
            return
        current = self.clips.current()
        if current != self._current:
            self._current = current
            self._audition.clear()
        self._show_clip()
        prompts = [
            document.prompt(clip_id, role)
            for clip_id in self.clips.selected()
            if document.span(clip_id) is not None
            for role in Role
        ]
        self.prompt.set_prompts(tuple(prompts))
        self._enable()

    def _show_clip(self) -> None:
        document = self.document
        if document is None or self._current is None:
            self.player.set_clip(None)
            self.takes.set_takes((), None)
            return
        clip = document.player_clip(self._current, self._audition)
        if clip != self.player.clip:
            self.player.set_clip(clip)
        self.takes.set_takes(document.takes(self._current), clip)
        if self.sync is not None:
            self.sync.ask(self._current)

    def _enable(self) -> None:
        is_open = self.is_open
        has_selection = is_open and bool(self.clips.selected())
        for name, action in self.actions_by_name.items():
            if name in ("open", "engines", "undo", "redo"):
                continue
            action.setEnabled(has_selection if name in ("generate", "more") else is_open)

    def _tell_title(self) -> None:
        if self.document is not None:
            self.title_changed.emit(self.document.name, self.document.is_modified)

    def _item_changed(self, item: QueueItem) -> None:
        self.queue.set_item(item)

    def _order_changed(self) -> None:
        if self.process is not None:
            self.queue.set_items(self.process.items)

    def _show_sum(self, total: QueueSum) -> None:
        self.queue.set_sum(total)
        self.progress.setText(sum_words(total) if total.waiting + total.running else "")
        self.actions_by_name["pause"].setText(self.tr("Resume Queue") if total.paused else self.tr("Pause Queue"))

    def _take_made(self, clip_id: str, role: Role, number: int) -> None:
        if clip_id == self._current:
            self._audition.pop(role, None)
            self._later()

    def _queue_finished(self) -> None:
        if self.process is None:
            return
        total = self.process.sum
        if total.failed:
            self.messages.say(
                self.tr("{n} renders failed; the queue says why.").format(n=total.failed),
                bad=True,
                action=self.tr("Retry failed"),
                call=lambda: self._on_queue("retry", None),
            )
        if total.done:
            self.save()

    # Keys, drops

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """The transport's keys work wherever no text is typed."""
        if self.is_open and event.key() in _TRANSPORT and not event.modifiers() & ~_ALLOWED:
            self.player.keyPressEvent(event)
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """K is held while J and L step."""
        if self.is_open and event.key() in _TRANSPORT:
            self.player.keyReleaseEvent(event)
        else:
            super().keyReleaseEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Files are welcome."""
        if _dropped(event.mimeData()) is not None:
            event.acceptProposedAction()
            self.empty.set_hot(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Gone again."""
        self.empty.set_hot(False)

    def dropEvent(self, event: QDropEvent) -> None:
        """Open what was dropped."""
        self.empty.set_hot(False)
        path = _dropped(event.mimeData())
        if path is not None:
            event.acceptProposedAction()
            # The host's drag is over before a dialog may ask something.
            QTimer.singleShot(0, lambda: self.open(path))


def _dropped(data: QMimeData) -> Path | None:
    urls = [url for url in data.urls() if url.isLocalFile()] if data.hasUrls() else []
    return Path(urls[0].toLocalFile()) if urls else None


def demo_copy() -> Path:
    """A copy of the demo cut in the user's own data folder: its timeline is written beside it. Raises OSError."""
    import shutil

    from otio_v2a.demo import cut_path

    source = cut_path()
    folder = data_folder() / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(source.parent / "media", folder / "media", dirs_exist_ok=True)
    shutil.copyfile(source, folder / source.name)
    return folder / source.name
