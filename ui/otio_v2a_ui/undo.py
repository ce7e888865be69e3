"""Undoable edits of prompts. Each remembers what was there; the document does the work and journals it."""

import time
from collections.abc import Callable
from dataclasses import fields

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QUndoCommand

from otio_v2a_ui.document import Document
from otio_v2a_ui.state import ClipPrompt

__all__ = ["EditPrompts", "changed_fields"]

_PAUSE_S = 2.0
"""Typing that goes on after a longer pause is a step of its own."""


def changed_fields(old: tuple[ClipPrompt, ...], new: tuple[ClipPrompt, ...]) -> frozenset[str]:
    """Names of the fields in which prompts differ, pair by pair."""
    return frozenset(
        field.name
        for field in fields(ClipPrompt)
        for before, after in zip(old, new, strict=True)
        if getattr(before, field.name) != getattr(after, field.name)
    )


class EditPrompts(QUndoCommand):  # type: ignore[misc]
    """Ask one or more clips for something else. What is typed into one field without a pause is one step."""

    _ID = 0x7A02

    def __init__(
        self, document: Document, new: tuple[ClipPrompt, ...], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`new` are whole prompts; those that are as they were are left out."""
        old = tuple(document.prompt(prompt.clip_id, prompt.role) for prompt in new)
        pairs = [(before, after) for before, after in zip(old, new, strict=True) if before != after]
        self._old = tuple(before for before, _ in pairs)
        self._new = tuple(after for _, after in pairs)
        super().__init__(self._words(document))
        self._document = document
        self._fields = changed_fields(self._old, self._new)
        self._clock = clock
        self._at = clock()
        self.setObsolete(not self._new)

    @property
    def prompts(self) -> tuple[ClipPrompt, ...]:
        """What it asks for."""
        return self._new

    def redo(self) -> None:
        """Ask."""
        self._document.set_prompts(self._new)

    def undo(self) -> None:
        """Ask for what was asked before."""
        self._document.set_prompts(self._old)

    def id(self) -> int:
        """All edits of prompts may merge."""
        return self._ID

    def mergeWith(self, other: QUndoCommand) -> bool:
        """One field of the same clips, edited on without a pause, is one step."""
        if not isinstance(other, EditPrompts) or len(self._fields) != 1 or other._fields != self._fields:
            return False
        if _keys(self._new) != _keys(other._new) or self._fields & {"seed", "enabled", "engine", "seed_locked"}:
            return False
        if other._at - self._at > _PAUSE_S:
            return False
        self._new = other._new
        self._at = other._at
        self.setObsolete(self._new == self._old)
        return True

    def _words(self, document: Document) -> str:
        if not self._new:
            return ""
        clip_ids = {prompt.clip_id for prompt in self._new}
        roles = {prompt.role for prompt in self._new}
        role = " ".join(sorted(roles))
        if len(clip_ids) == 1:
            name = document.row(next(iter(clip_ids))).name
            text = str(QCoreApplication.translate("Undo", "edit {role} prompt of {clip}"))
            return text.format(role=role, clip=name)
        text = str(QCoreApplication.translate("Undo", "edit {role} prompts of {n} clips"))
        return text.format(role=role, n=len(clip_ids))


def _keys(prompts: tuple[ClipPrompt, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((prompt.clip_id, prompt.role.value) for prompt in prompts)
