"""The engines page."""

import pytest
from PySide6.QtCore import Qt

from otio_v2a.devices import Device
from otio_v2a_engine.weight_folders import WeightsFile, WeightsNote, hash_file, write_note
from otio_v2a_ui import engines_page
from otio_v2a_ui.engines_page import EnginesDialog, EnginesPage
from otio_v2a_ui.licences import forbids
from otio_v2a_ui.settings import Settings


@pytest.fixture(autouse=True)
def _machine(monkeypatch):
    machine = (Device("cpu", "A CPU, 8 cores", 2**34, 2**33), Device("cuda", "A GPU", 2**35, 2**35))
    monkeypatch.setattr(engines_page, "devices", lambda: machine)
    monkeypatch.setattr(EnginesPage, "_found", ())
    monkeypatch.delenv("OTIO_V2A_WEIGHTS", raising=False)


@pytest.fixture
def dialog(qtbot, tmp_path):
    dialog = EnginesDialog(settings=Settings(tmp_path / "panel.ini"))
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitUntil(lambda: dialog.page.device.count() == 2, timeout=60_000)
    return dialog


@pytest.fixture
def page(dialog):
    return dialog.page


def _weights(folder, licence="CC-BY-NC-4.0"):
    folder.mkdir(parents=True)
    path = folder / "model.safetensors"
    path.write_text("tensors")
    files = (WeightsFile("model.safetensors", path.stat().st_size, hash_file(path)),)
    write_note(folder, WeightsNote(kind="vta-ldm", name="published", licence=licence, files=files))
    return folder


def test_engines_show_what_they_can_and_what_their_licence_says(page):
    assert page.current.name == "small"
    facts = dict(page.shown())
    assert facts["Stems"] == "FX, AMB, DX"
    assert facts["Licence"] == "Apache-2.0"
    assert "Commercial work is allowed" in facts["It says"]
    page.select("vta-ldm")
    assert "not installed" in dict(page.shown())["Weights"]
    assert page.install.isEnabled()
    page.select("fake")
    assert not page.install.isEnabled()


def test_devices_and_their_memory_are_shown_and_chosen(qtbot, page, tmp_path):
    assert "16.0 GiB of memory, 8.0 GiB free" in page.memory.text()
    words = page.device.fontMetrics().horizontalAdvance(page.device.currentText())
    qtbot.waitUntil(lambda: page.device.width() > words + 20)  # and its arrow
    with qtbot.waitSignal(page.changed):
        page.device.activated.emit(page.device.findData("cuda"))
    assert Settings(tmp_path / "panel.ini").device == "cuda"


def test_another_engine_becomes_the_default(qtbot, page, tmp_path):
    assert not page.use.isEnabled()
    page.select("fake")
    with qtbot.waitSignal(page.changed):
        qtbot.mouseClick(page.use, Qt.MouseButton.LeftButton)
    assert Settings(tmp_path / "panel.ini").engine == "fake"
    assert "default" in page.engines.currentItem().text()
    page.device.activated.emit(page.device.findData("cuda"))
    assert "does not run on cuda" in page.message.text()


def test_weights_are_installed_from_a_folder_and_verified(qtbot, page, tmp_path):
    page.select("vta-ldm")
    with qtbot.waitSignal(page.changed, timeout=60_000):
        page.install_from(_weights(tmp_path / "usb" / "w"))
    qtbot.waitUntil(page.check.isEnabled, timeout=60_000)
    facts = dict(page.shown())
    assert facts["Licence"] == "CC-BY-NC-4.0"
    assert facts["It says"].startswith("No commercial work")
    page.verify_weights()
    qtbot.waitUntil(lambda: "as it was made" in page.message.text(), timeout=60_000)
    (tmp_path / "usb" / "w" / "model.safetensors").write_text("broken!")
    page.install_from(tmp_path / "usb" / "w")
    qtbot.waitUntil(lambda: "is damaged" in page.message.text(), timeout=60_000)
    assert page.message.property("bad") is True


def test_licences_that_are_not_known_are_said_to_be_not_known():
    assert forbids("Studio Licence 3").startswith("Not known")
    assert forbids("") == "There are no weights."
    assert forbids("CreativeML-OpenRAIL-M").startswith("Commercial work is allowed, but")
    assert forbids("Foo-NC-1.0") == "No commercial work."


def test_the_language_is_kept_for_the_next_start(dialog, tmp_path):
    dialog.language.activated.emit(dialog.language.findData("de"))
    assert Settings(tmp_path / "panel.ini").language == "de"
    assert dialog.hint.isVisible()
