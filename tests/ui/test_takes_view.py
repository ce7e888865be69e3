"""The takes of a clip, as rows come in and wishes go out."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import soundfile
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QToolButton

from otio_v2a.adjustments import NEUTRAL, Adjustment
from otio_v2a.loudness import loudness_of
from otio_v2a_engine.contract import Role
from otio_v2a_ui.state import PlayerClip, StemSound, TakeRow
from otio_v2a_ui.takes_view import TakesView, loudness_words, sync_words

RATE = 48000


@pytest.fixture
def rows(tmp_path):
    made = []
    for role, number in ((Role.FX, 1), (Role.FX, 2), (Role.FX, 3), (Role.AMB, 1)):
        path = tmp_path / f"{role}{number}.wav"
        noise = np.random.default_rng(number).normal(0, 0.05 * number, (2 * RATE, 2))
        soundfile.write(path, noise.clip(-1, 1).astype(np.float32), RATE, subtype="FLOAT")
        made.append(TakeRow("id", role, number, path, active=number == 1, seed=number, prompt="rain"))
    return tuple(made)


@pytest.fixture
def clip(rows):
    stems = tuple(StemSound(row.role, row.path, Fraction(0)) for row in rows if row.active)
    return PlayerClip("id", "SH010", None, Fraction(2), Fraction(25), "01:00:00:00", stems)


@pytest.fixture
def view(qtbot, rows, clip):
    widget = TakesView()
    qtbot.addWidget(widget)
    widget.resize(900, 400)
    widget.show()
    widget.set_takes(rows, clip)
    yield widget
    widget.shutdown()


@pytest.fixture
def wishes(view):
    heard = []
    for name in ("choose", "drop", "star", "more", "region", "adjust", "audition"):
        getattr(view, f"{name}_requested").connect(lambda *values, name=name: heard.append((name, *values)))
    return heard


def test_every_button_says_what_is_wished(view, wishes, qtbot):
    strip = view.strip(Role.FX, 2)
    for button in (strip.choose_button, strip.star_button, strip.listen_button, strip.drop_button):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(view.group(Role.AMB).more, Qt.MouseButton.LeftButton)
    assert wishes == [
        ("choose", "id", Role.FX, 2),
        ("star", "id", Role.FX, 2, True),
        ("audition", Role.FX, 2),
        ("drop", "id", Role.FX, 2),
        ("more", "id", Role.AMB),
    ]
    # A wish is not yet granted: the view shows what it is told.
    assert not strip.choose_button.isChecked()
    assert view.strip(Role.FX, 1).choose_button.isChecked()


def test_the_keyboard_does_the_same(view, wishes, qtbot):
    wave = view.strip(Role.FX, 1).wave
    wave.setFocus()
    for key in (Qt.Key.Key_Return, Qt.Key.Key_A, Qt.Key.Key_Asterisk, Qt.Key.Key_Delete):
        qtbot.keyClick(wave, key)
    view.axis.set_region((0.4, 1.2))
    qtbot.keyClick(wave, Qt.Key.Key_R)
    assert wishes == [
        ("choose", "id", Role.FX, 1),
        ("audition", Role.FX, 1),
        ("star", "id", Role.FX, 1, True),
        ("drop", "id", Role.FX, 1),
        ("region", "id", Role.FX, pytest.approx(0.4), pytest.approx(1.2)),
    ]
    qtbot.keyClick(wave, Qt.Key.Key_Down)
    assert view.strip(Role.FX, 2).wave.hasFocus()


def test_the_only_take_cannot_be_dropped(view, wishes, qtbot):
    strip = view.strip(Role.AMB, 1)
    assert not strip.drop_button.isEnabled()
    strip.wave.setFocus()
    qtbot.keyClick(strip.wave, Qt.Key.Key_Delete)
    assert wishes == []


def test_a_region_has_to_be_marked_before_it_can_be_redone(view, wishes, qtbot):
    button = view.group(Role.FX).region
    assert not button.isEnabled()
    assert "Mark a region" in button.toolTip()
    view.axis.set_region((0.4, 1.2))
    assert button.isEnabled()
    assert "00:00:00:10" in button.toolTip()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert wishes[0][:3] == ("region", "id", Role.FX)


def test_adjustments_are_wished_exactly_and_shown_as_told(view, wishes, rows, clip):
    bar = view.group(Role.FX).adjust
    bar.gain.setValue(-3.5)
    bar.fade_in.setValue(0.25)
    bar.nudge.setValue(-40)
    bar.later.click()
    assert [wish[3] for wish in wishes] == [
        Adjustment(gain_db=-3.5),
        Adjustment(fade_in_s=Fraction(1, 4)),
        Adjustment(nudge_s=Fraction(-1, 25)),
        Adjustment(nudge_s=Fraction(1, 25)),
    ]
    adjusted = Adjustment(gain_db=2.0, fade_out_s=Fraction(1, 2), nudge_s=Fraction(1, 25))
    view.set_takes(tuple(replace(row, adjustment=adjusted) for row in rows), clip)
    assert (bar.gain.value(), bar.fade_out.value(), bar.nudge.value()) == (2.0, 0.5, 40.0)
    assert len(wishes) == 4
    bar.earlier.click()
    assert wishes[-1][3] == replace(adjusted, nudge_s=Fraction(0))
    bar.reset.click()
    assert wishes[-1][3] == NEUTRAL


def test_loudness_is_measured_where_nobody_has(view, rows, qtbot):
    told = {}
    view.measured.connect(lambda clip_id, role, number, lufs: told.setdefault((role, number), lufs))
    qtbot.waitUntil(lambda: view.strip(Role.FX, 2).loudness.text() not in ("", "\N{EN DASH}"), timeout=60000)
    for row in rows[1:2]:
        assert view.strip(row.role, row.number).loudness.text() == loudness_words(loudness_of(row.path))
    assert told.get((Role.FX, 2), loudness_of(rows[1].path)) == pytest.approx(loudness_of(rows[1].path))


def test_sync_stands_beside_a_take_and_a_lag_is_marked(view, rows, clip):
    view.set_takes((replace(rows[0], sync_ms=12.4, sync_score=0.8), replace(rows[1], sync_ms=-85.0)), clip)
    assert view.strip(Role.FX, 1).sync.text() == "+12 ms"
    assert "80 %" in view.strip(Role.FX, 1).sync.toolTip()
    assert view.strip(Role.FX, 2).sync.property("warn")
    assert not view.strip(Role.FX, 1).sync.property("warn")
    assert sync_words(None) == "\N{EN DASH}"


def test_strips_that_stay_keep_the_keyboard_and_others_go(view, rows, clip, qtbot):
    strip = view.strip(Role.FX, 1)
    strip.wave.setFocus()
    view.set_takes((replace(rows[0], starred=True),), clip)
    assert view.strip(Role.FX, 1) is strip
    assert strip.wave.hasFocus()
    with pytest.raises(KeyError):
        view.strip(Role.FX, 2)
    with pytest.raises(KeyError):
        view.group(Role.AMB)
    view.set_takes((), None)
    assert view.empty.isVisible()


def test_what_is_heard_in_place_is_marked(view, rows, clip):
    heard = replace(clip, stems=(replace(clip.stems[0], path=rows[1].path, number=2), clip.stems[1]))
    view.set_takes(rows, heard)
    assert view.strip(Role.FX, 2).listen_button.isChecked()
    assert not view.strip(Role.FX, 1).listen_button.isChecked()
    assert view.strip(Role.FX, 1).choose_button.isChecked()


def test_every_button_has_a_name(view):
    for button in view.findChildren(QToolButton):
        assert button.accessibleName(), button.text()
