"""Parts under construction."""

import importlib
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtGui import QUndoCommand
from PySide6.QtWidgets import QDialog, QLabel


def _part(module: str, name: str, other: Any) -> Any:
    try:
        return getattr(importlib.import_module(f"otio_v2a_ui.{module}"), name)
    except (ImportError, AttributeError):
        return other


class _Takes(QLabel):
    choose_requested = Signal(str, object, int)
    drop_requested = Signal(str, object, int)
    star_requested = Signal(str, object, int, bool)
    more_requested = Signal(str, object)
    region_requested = Signal(str, object, float, float)
    adjust_requested = Signal(str, object, object)
    audition_requested = Signal(object, int)

    def set_takes(self, takes: Any, clip: Any) -> None:
        self.setText("\n".join(f"{t.role} {t.number} {t.prompt}" for t in takes))


class _Prompt(QLabel):
    edited = Signal(object)
    generate_requested = Signal()

    def set_prompts(self, prompts: Any) -> None:
        self.setText("\n".join(p.text for p in prompts))


class _Dialog(QDialog):
    def __init__(self, document: Any, parent: Any) -> None:
        super().__init__(parent)


class _Edit(QUndoCommand):
    def __init__(self, document: Any, new: Any) -> None:
        super().__init__("edit")
        self.document, self.new = document, new
        self.old = ()

    def redo(self) -> None:
        self.old = tuple(self.document.set_prompt(p) for p in self.new)

    def undo(self) -> None:
        for p in self.old:
            self.document.set_prompt(p)


class _Settings:
    pass


TakesView = _part("takes_view", "TakesView", _Takes)
PromptEditor = _part("prompt_editor", "PromptEditor", _Prompt)
ExportDialog = _part("export_dialog", "ExportDialog", _Dialog)
RelinkDialog = _part("relink_dialog", "RelinkDialog", _Dialog)
EditPrompts = _part("undo", "EditPrompts", _Edit)
Settings = _part("settings", "Settings", _Settings)


class _Engines(QLabel):
    def __init__(self, settings: Any = None) -> None:
        super().__init__("engines")


EnginesPage = _part("engines_page", "EnginesPage", _Engines)
