"""The panel's settings."""

from otio_v2a.stem import Layout
from otio_v2a.targets import Target
from otio_v2a_ui.folders import config_folder
from otio_v2a_ui.settings import Settings


def test_choices_are_there_next_time(qtbot, tmp_path):
    one = Settings(tmp_path / "a" / "panel.ini")
    one.engine, one.device, one.language = "fake", "cpu", "de"
    one.export_target, one.export_layout = Target.RESOLVE, Layout.ROLES
    one.set_folder("relink", tmp_path)
    two = Settings(tmp_path / "a" / "panel.ini")
    assert (two.engine, two.device, two.language) == ("fake", "cpu", "de")
    assert (two.export_target, two.export_layout) == (Target.RESOLVE, Layout.ROLES)
    assert two.folder("relink") == tmp_path
    assert two.plan_options().engine == "fake"


def test_what_cannot_be_understood_is_the_default(qtbot, tmp_path):
    path = tmp_path / "panel.ini"
    path.write_text(
        "[General]\nengine=gone\ndevice=toaster\n[export]\ntarget=betamax\nlayout=1,2\n[folders]\nrelink=/no\n"
    )
    settings = Settings(path)
    assert (settings.engine, settings.device) == ("small", "cpu")
    assert (settings.export_target, settings.export_layout) == (Target.PORTABLE, Layout.CLIPS)
    assert settings.folder("relink") is None


def test_settings_lie_in_the_users_configuration(qtbot):
    Settings().language = "de"
    assert (config_folder() / "panel.ini").is_file()
