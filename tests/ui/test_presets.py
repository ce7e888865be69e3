"""Prompt presets."""

import tomllib

import pytest

from otio_v2a.errors import PromptError
from otio_v2a_engine.contract import Role
from otio_v2a_ui.presets import SHIPPED, Preset, Presets
from otio_v2a_ui.state import ClipPrompt


def test_every_role_has_presets_that_ship(tmp_path):
    presets = Presets.load(tmp_path)
    assert all(presets.of(role) for role in Role)
    assert not any(each.is_own for role in Role for each in presets.of(role))
    assert not (tmp_path / "presets.toml").exists()


def test_a_saved_preset_is_there_next_time_whatever_its_text(tmp_path):
    text = 'quotes "x", back\\slash, tab\t, line\nbreak, delete \x7f, Ümläut, 音'
    prompt = ClipPrompt(clip_id="c", role=Role.FX, text=text, negative_text="hum", steps=20, guidance=4.5, seed=7)
    Presets.load(tmp_path / "deep").save(Preset.of(" Mine ", prompt))
    (found, *_) = Presets.load(tmp_path / "deep").of(Role.FX)
    assert found == Preset("Mine", Role.FX, text=text, negative_text="hum", steps=20, guidance=4.5)
    assert tomllib.loads((tmp_path / "deep" / "presets.toml").read_text())["preset"][0]["text"] == text


def test_a_preset_leaves_what_it_does_not_name_and_never_touches_the_seed():
    prompt = ClipPrompt(clip_id="c", role=Role.AMB, transcript="t", engine="fake", steps=9, seed=42, takes=3)
    laid = Preset("x", Role.AMB, text="rain", guidance=2.0).on(prompt)
    assert (laid.text, laid.guidance, laid.engine, laid.steps) == ("rain", 2.0, "fake", 9)
    assert (laid.seed, laid.takes, laid.transcript) == (42, 3, "t")
    with pytest.raises(PromptError, match="is for AMB"):
        Preset("x", Role.AMB).on(ClipPrompt(clip_id="c", role=Role.FX))


def test_one_of_the_users_own_hides_a_shipped_one_until_it_is_removed(tmp_path):
    presets = Presets.load(tmp_path)
    shipped = next(each for each in SHIPPED if each.role is Role.AMB)
    presets.save(Preset(shipped.name.upper(), Role.AMB, text="mine"))
    own = presets.of(Role.AMB)[0]
    assert (own.text, own.is_own) == ("mine", True)
    assert shipped not in presets.of(Role.AMB)
    presets.remove(own)
    assert shipped in Presets.load(tmp_path).of(Role.AMB)
    with pytest.raises(PromptError, match="ships with"):
        presets.remove(shipped)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[preset", "no TOML"),
        ("preset = 3", "stand as"),
        ('[[preset]]\nname = "a"\nrole = "XX"', "role is one of"),
        ('[[preset]]\nname = "a"\nrole = "FX"\nsteps = "many"', "steps cannot be"),
        ('[[preset]]\nname = ""\nrole = "FX"', "needs a name"),
        ('[[preset]]\nname = "a"\nrole = "FX"\nloudness = 3', "loudness is not known"),
    ],
)
def test_a_damaged_file_is_named_and_left_alone(tmp_path, text, says):
    (tmp_path / "presets.toml").write_text(text)
    with pytest.raises(PromptError, match=says):
        Presets.load(tmp_path)
    assert (tmp_path / "presets.toml").read_text() == text


def test_a_disk_that_refuses_leaves_the_presets_as_they_were(tmp_path):
    (tmp_path / "file").write_text("")
    presets = Presets(path=tmp_path / "file" / "presets.toml")
    with pytest.raises(PromptError, match="cannot be written"):
        presets.save(Preset("a", Role.FX, text="x"))
    assert not any(each.is_own for each in presets.of(Role.FX))
