"""Undo of prompt edits."""

from dataclasses import replace

import pytest
from PySide6.QtGui import QUndoStack

from otio_v2a.demo import cut_path
from otio_v2a_engine import wire
from otio_v2a_engine.contract import Role
from otio_v2a_ui import records
from otio_v2a_ui.document import Document
from otio_v2a_ui.state import ClipPrompt
from otio_v2a_ui.undo import EditPrompts


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def document(tmp_path):
    opened = Document.open(cut_path(), state=tmp_path)
    yield opened
    opened.close()


def _typed(document, clock, text, *, role=Role.FX, at=0):
    prompt = document.prompt(document.clip_id_at(at), role)
    return EditPrompts(document, (replace(prompt, text=text),), clock=clock)


def test_typing_without_a_pause_is_one_step_and_a_pause_begins_another(qtbot, document):
    stack, clock = QUndoStack(), _Clock()
    first = document.clip_id_at(0)
    before = document.prompt(first, Role.FX)
    for text in ("r", "ra", "rain"):
        clock.now += 0.2
        stack.push(_typed(document, clock, text))
    assert stack.count() == 1
    clock.now += 10
    stack.push(_typed(document, clock, "rain, wind"))
    assert stack.count() == 2
    stack.undo()
    assert document.prompt(first, Role.FX).text == "rain"
    stack.undo()
    assert document.prompt(first, Role.FX) == before
    stack.redo()
    assert document.prompt(first, Role.FX).text == "rain"


def test_other_clips_roles_and_fields_are_other_steps(qtbot, document):
    stack, clock = QUndoStack(), _Clock()
    stack.push(_typed(document, clock, "a"))
    stack.push(_typed(document, clock, "b", role=Role.AMB))
    stack.push(_typed(document, clock, "c", at=1))
    prompt = document.prompt(document.clip_id_at(1), Role.FX)
    stack.push(EditPrompts(document, (replace(prompt, takes=3),), clock=clock))
    assert stack.count() == 4
    assert document.row_at(1).name in stack.undoText()


def test_many_clips_are_one_step(qtbot, document):
    stack = QUndoStack()
    old = [document.prompt(document.clip_id_at(at), Role.AMB) for at in range(document.n_clips)]
    told = []
    document.on_change.append(told.append)
    stack.push(EditPrompts(document, tuple(replace(each, text="rain") for each in old)))
    assert told == [frozenset(each.clip_id for each in old)]
    assert all(document.prompt(each.clip_id, Role.AMB).text == "rain" for each in old)
    assert str(document.n_clips) in stack.undoText()
    stack.undo()
    assert [document.prompt(each.clip_id, Role.AMB) for each in old] == old


def test_an_edit_that_changes_nothing_leaves_no_step(qtbot, document):
    stack, clock = QUndoStack(), _Clock()
    stack.push(EditPrompts(document, (document.prompt(document.clip_id_at(0), Role.FX),), clock=clock))
    assert stack.count() == 0
    before = document.prompt(document.clip_id_at(0), Role.FX).text
    stack.push(_typed(document, clock, before + "x"))
    stack.push(_typed(document, clock, before))
    assert stack.count() == 0


def test_a_journal_holds_prompts_as_they_are_sent_over_the_wire():
    prompt = ClipPrompt(clip_id="c", role=Role.DX, text="a", transcript="b", guidance=2.5, steps=3, seed_locked=True)
    assert records.prompt_record(prompt) == {"prompt": wire.to_plain(prompt)}
    assert records.read_prompt(records.prompt_record(prompt)) == prompt
