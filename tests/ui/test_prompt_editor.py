"""The prompt editor: one clip, many clips, defaults, presets, history."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QUndoStack
from PySide6.QtWidgets import QMenu

from otio_v2a.prompts import default_seed
from otio_v2a_engine.contract import Role
from otio_v2a_ui import theme
from otio_v2a_ui.presets import Preset, Presets
from otio_v2a_ui.prompt_editor import PromptEditor
from otio_v2a_ui.prompt_history import PromptHistory
from otio_v2a_ui.state import ClipPrompt


def _prompts(*clip_ids: str, **values) -> tuple[ClipPrompt, ...]:
    return tuple(
        ClipPrompt(
            clip_id=clip_id,
            role=role,
            **{"seed": default_seed(clip_id, role), "enabled": role in (Role.FX, Role.AMB), **values},
        )
        for clip_id in clip_ids
        for role in Role
    )


@pytest.fixture
def editor(qtbot, tmp_path):
    widget = PromptEditor(presets=Presets.load(tmp_path), history=PromptHistory(tmp_path))
    theme.apply(widget)
    widget.resize(360, 700)
    qtbot.addWidget(widget)
    widget.show()
    return widget


@pytest.fixture
def edits(editor):
    made = []
    editor.edited.connect(made.append)
    return made


def test_nothing_selected_teaches_and_offers_nothing(editor):
    editor.set_prompts(())
    assert editor.hint.isVisible()
    assert not editor.form.isVisible()


def test_typing_asks_for_what_was_typed_and_for_nothing_else(qtbot, editor, edits):
    editor.set_prompts(_prompts("a"))
    qtbot.keyClicks(editor.text, "rain")
    assert [made[0].text for made in edits] == ["r", "ra", "rai", "rain"]
    (last,) = edits[-1]
    assert (last.clip_id, last.role, last.seed) == ("a", Role.FX, default_seed("a", Role.FX))
    editor.set_prompts((last, *_prompts("a")[1:]))
    assert editor.text.textCursor().position() == 4


def test_mixed_values_are_shown_as_such_and_typing_replaces_them_all(qtbot, editor, edits):
    one, two = _prompts("a", text="wind", steps=5), _prompts("b", text="rain")
    editor.set_prompts((*one, *two))
    assert editor.text.toPlainText() == ""
    assert "Several" in editor.text.placeholderText()
    assert editor.steps.spin.text() == "Mixed"
    assert editor.seed.text() == ""
    assert editor.count.text() == "2 clips"
    assert not edits
    qtbot.keyClicks(editor.text, "x")
    assert [(each.clip_id, each.text, each.steps) for each in edits[-1]] == [("a", "x", 5), ("b", "x", None)]


def test_what_differs_from_the_default_is_visible_and_can_be_reset(qtbot, editor, edits):
    editor.set_prompts(_prompts("a", guidance=7.0, seed=3))
    differing = {name for name, label in editor.labels.items() if label.differs}
    assert differing == {"guidance", "seed"}
    assert "•" in editor.tabs.tabText(0)
    qtbot.mouseClick(editor.labels["seed"].button, Qt.MouseButton.LeftButton)
    assert edits[-1][0].seed == default_seed("a", Role.FX)
    qtbot.mouseClick(editor.labels["guidance"].button, Qt.MouseButton.LeftButton)
    assert edits[-1][0].guidance is None
    assert "•" not in editor.tabs.tabText(0)


def test_roles_have_prompts_of_their_own(qtbot, editor, edits):
    editor.set_prompts(_prompts("a"))
    editor.set_role(Role.AMB)
    qtbot.keyClicks(editor.text, "w")
    assert edits[-1][0].role is Role.AMB
    editor.set_role(Role.FX)
    assert editor.text.toPlainText() == ""
    assert not editor.transcript.isVisible()
    editor.set_role(Role.DX)
    assert editor.transcript.isVisible()


def test_the_dice_leave_locked_seeds_alone(qtbot, editor, edits):
    free, locked = _prompts("a"), _prompts("b", seed_locked=True)
    editor.set_prompts((*free, *locked))
    qtbot.mouseClick(editor.dice, Qt.MouseButton.LeftButton)
    assert [each.clip_id for each in edits[-1]] == ["a"]
    editor.set_prompts(locked)
    assert not editor.dice.isEnabled()
    assert editor.lock.isChecked()


def test_a_seed_is_a_whole_number_that_an_engine_takes(qtbot, editor, edits):
    editor.set_prompts(_prompts("a"))
    editor.seed.selectAll()
    qtbot.keyClicks(editor.seed, "4x2")
    assert edits[-1][0].seed == 42
    editor.seed.selectAll()
    qtbot.keyClicks(editor.seed, "99999999999999999999")
    assert edits[-1][0].seed < 2**63


def test_a_stem_is_switched_on_and_off_for_all(qtbot, editor, edits):
    editor.set_prompts((*_prompts("a", enabled=True), *_prompts("b", enabled=False)))
    assert editor.enabled.checkState() is Qt.CheckState.PartiallyChecked
    editor.enabled.click()
    assert {each.enabled for each in edits[-1]} == {True}
    editor.enabled.click()
    assert {each.enabled for each in edits[-1]} == {False}


def test_what_an_engine_cannot_do_is_said(editor):
    editor.set_prompts(_prompts("a", engine="small", enabled=True))
    assert not editor.note.isVisible()
    editor.set_role(Role.MUS)
    assert not editor.note.isVisible()
    editor.set_prompts(_prompts("a", engine="vta-ldm", enabled=True))
    assert "vta-ldm makes no MUS" in editor.note.text()
    assert "fake" in editor.note.text()
    assert editor.text_guidance.isEnabled()
    editor.set_prompts(_prompts("a", engine="fake"))
    assert not editor.text_guidance.isEnabled()
    editor.set_prompts(_prompts("a", engine="gone"))
    assert "not installed" in editor.engine.currentText()


def test_a_number_goes_back_to_the_default_below_its_lowest(qtbot, editor, edits):
    editor.set_prompts(_prompts("a", steps=1, takes=1))
    editor.steps.spin.stepDown()
    assert edits[-1][0].steps is None
    assert editor.steps.spin.text() == "Default (12)"
    editor.takes.spin.stepUp()
    assert edits[-1][0].takes == 2
    editor.takes.spin.stepBy(-9)
    assert edits[-1][0].takes == 1


def test_presets_are_applied_saved_and_removed(qtbot, editor, edits, tmp_path):
    editor.set_prompts((*_prompts("a", seed=1), *_prompts("b", seed=2)))
    editor.apply_preset(Preset("p", Role.FX, text="glass breaks", steps=30))
    assert [(each.text, each.steps, each.seed) for each in edits[-1]] == [
        ("glass breaks", 30, 1),
        ("glass breaks", 30, 2),
    ]
    editor.save_preset("Glass")
    assert Presets.load(tmp_path).of(Role.FX)[0].text == "glass breaks"
    menu = QMenu()
    qtbot.addWidget(menu)
    editor._fill_presets(menu)
    assert menu.actions()[0].text() == "Glass"
    editor.remove_preset(Presets.load(tmp_path).of(Role.FX)[0])
    assert not any(each.is_own for each in Presets.load(tmp_path).of(Role.FX))
    with qtbot.waitSignal(editor.failed) as told:
        editor.save_preset("x" * 99)
    assert "needs a name" in told.args[0]


def test_used_prompts_come_back_from_the_history(qtbot, editor, edits, tmp_path):
    editor.set_prompts(_prompts("a"))
    qtbot.keyClicks(editor.text, "door")
    qtbot.keyClicks(editor.negative_text, "hum")
    with qtbot.waitSignal(editor.generate_requested):
        qtbot.keyClick(editor.text, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert PromptHistory(tmp_path).of(Role.FX)[0] == ("door", "hum")
    editor.set_prompts(_prompts("b"))
    menu = QMenu()
    qtbot.addWidget(menu)
    editor._fill_history(menu)
    menu.actions()[0].trigger()
    assert (edits[-1][0].clip_id, edits[-1][0].text, edits[-1][0].negative_text) == ("b", "door", "hum")


def test_undo_is_the_windows_and_not_the_text_fields(qtbot, editor):
    stack = QUndoStack()
    action = stack.createUndoAction(editor)
    action.setShortcut("Ctrl+Z")
    editor.addAction(action)
    editor.set_prompts(_prompts("a"))
    editor.text.setFocus()
    qtbot.keyClicks(editor.text, "ab")
    qtbot.keyClick(editor.text, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert editor.text.toPlainText() == "ab"


def test_every_field_has_a_name_for_screen_readers(editor):
    editor.set_prompts(_prompts("a"))
    for field in (editor.text, editor.negative_text, editor.engine, editor.seed, editor.lock, editor.dice, editor.tabs):
        assert field.accessibleName()
    for number in (editor.steps, editor.guidance, editor.text_guidance, editor.takes):
        assert number.spin.accessibleName()


def test_with_many_clips_a_text_is_taken_over_when_typing_pauses_and_never_lost(qtbot, editor, edits):
    ids = [f"c{number}" for number in range(201)]
    editor.set_prompts(_prompts(*ids))
    qtbot.keyClicks(editor.text, "rain")
    editor.flush()
    assert [len(made) for made in edits][-1] == 201
    assert {each.text for each in edits[-1]} == {"rain"}
    qtbot.keyClicks(editor.text, "y")
    editor.set_role(Role.AMB)
    assert {(each.text, each.role) for each in edits[-1]} == {("rainy", Role.FX)}
    editor.set_role(Role.FX)
    assert editor.text.toPlainText() == "rainy"
    qtbot.keyClick(editor.text, Qt.Key.Key_End)
    qtbot.keyClicks(editor.text, "!")
    editor.set_prompts(_prompts("other"))
    assert {each.text for each in edits[-1]} == {"rainy!"}
    assert editor.text.toPlainText() == ""


def test_a_pause_is_enough(qtbot, editor, edits):
    editor.set_prompts(_prompts(*(f"c{number}" for number in range(201))))
    with qtbot.waitSignal(editor.edited, timeout=60_000):
        qtbot.keyClicks(editor.text, "x")


def test_a_tab_carries_its_roles_colour_while_the_stem_is_made(editor):
    editor.set_prompts(_prompts("a"))

    def middle(role):
        return editor.tabs.tabIcon(list(Role).index(role)).pixmap(16, 16).toImage().pixelColor(8, 8)

    assert middle(Role.FX).name() == theme.ROLE_COLOURS[Role.FX]
    assert middle(Role.MUS).alpha() == 0
