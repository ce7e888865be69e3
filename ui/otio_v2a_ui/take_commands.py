"""Undoable edits of takes: choose, drop, star, adjust. Each remembers what was there; the document does the work."""

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QUndoCommand

from otio_v2a.adjustments import Adjustment
from otio_v2a.errors import TakeError
from otio_v2a_engine.contract import Role
from otio_v2a_ui.document import Document

__all__ = ["AdjustTakes", "ChooseTake", "DropTake", "StarTake"]


class _OfTakes(QUndoCommand):  # type: ignore[misc]
    """An edit of one clip and role, whose takes are put back as they were.

    Raises:
        TakeError: the clip has no take there.
    """

    def __init__(self, text: str, document: Document, clip_id: str, role: Role) -> None:
        words = QCoreApplication.translate("Undo", text).format(role=role, clip=document.row(clip_id).name)
        super().__init__(words)
        held = document.held(clip_id, role)
        if held is None:
            raise TakeError(f"there is no {role} take of this clip; generate one first")
        self._document, self._clip_id, self._role = document, clip_id, role
        self._before = held

    def undo(self) -> None:
        """Put the takes back."""
        self._document.restore(self._before)


class ChooseTake(_OfTakes):
    """Let another take be heard."""

    def __init__(self, document: Document, clip_id: str, role: Role, number: int) -> None:
        super().__init__("choose {role} take of {clip}", document, clip_id, role)
        self._number = number

    def redo(self) -> None:
        """Choose it."""
        self._document.choose(self._clip_id, self._role, self._number)


class DropTake(_OfTakes):
    """Forget a take; its sound stays."""

    def __init__(self, document: Document, clip_id: str, role: Role, number: int) -> None:
        super().__init__("drop {role} take of {clip}", document, clip_id, role)
        self._number = number

    def redo(self) -> None:
        """Drop it."""
        self._document.drop(self._clip_id, self._role, self._number)


class StarTake(_OfTakes):
    """Mark a take, or not."""

    def __init__(self, document: Document, clip_id: str, role: Role, number: int, on: bool) -> None:
        super().__init__(
            "star {role} take of {clip}" if on else "unstar {role} take of {clip}", document, clip_id, role
        )
        self._number, self._on = number, on

    def redo(self) -> None:
        """Star it."""
        self._document.star(self._clip_id, self._role, self._number, self._on)


class AdjustTakes(_OfTakes):
    """Gain, fades and nudge of a clip and role; what follows at once on the same is one step."""

    _ID = 0x7A01

    def __init__(self, document: Document, clip_id: str, role: Role, new: Adjustment) -> None:
        super().__init__("adjust {role} of {clip}", document, clip_id, role)
        self._new = new

    def redo(self) -> None:
        """Set it."""
        self._document.adjust(self._clip_id, self._role, self._new)

    def id(self) -> int:
        """All adjustments may merge."""
        return self._ID

    def mergeWith(self, other: QUndoCommand) -> bool:
        """A slider that is dragged is one step."""
        if not isinstance(other, AdjustTakes) or (other._clip_id, other._role) != (self._clip_id, self._role):
            return False
        self._new = other._new
        return True
