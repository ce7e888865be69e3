"""Translations: complete in their placeholders, found by language, left out where there is none."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PySide6.QtCore import QCoreApplication

import otio_v2a_ui
from otio_v2a_ui.state import ClipPrompt
from otio_v2a_ui.translation import install, languages

_FOLDER = Path(otio_v2a_ui.__file__).parent / "i18n"


def test_german_is_there():
    assert "de" in languages()


@pytest.mark.parametrize("path", sorted(_FOLDER.glob("*.ts")), ids=lambda path: path.stem)
def test_translations_keep_placeholders_and_mnemonics(path):
    n_done = 0
    for message in ElementTree.parse(path).getroot().iter("message"):
        source, entry = message.findtext("source") or "", message.find("translation")
        if entry is None or entry.get("type") or not entry.text:
            continue
        n_done += 1
        assert sorted(re.findall(r"\{.*?\}", source)) == sorted(re.findall(r"\{.*?\}", entry.text)), source
        assert source.count("&") == entry.text.count("&"), source
    assert n_done > 300
    assert path.with_suffix(".qm").is_file()


@pytest.fixture
def german(qapp):
    made = install(qapp, "de")
    yield made
    for translator in made:
        qapp.removeTranslator(translator)


def test_the_panel_speaks_german_when_asked(qtbot, german):
    from otio_v2a_engine.contract import Role
    from otio_v2a_ui.prompt_editor import PromptEditor

    editor = PromptEditor()
    qtbot.addWidget(editor)
    editor.set_prompts((ClipPrompt(clip_id="a", role=Role.FX),))
    assert editor.labels["text"].label.text() == "&Klingt nach"
    assert editor.generate.text() == "Erzeugen"
    assert QCoreApplication.translate("Status", "Rendering") == "Rechnet"


def test_a_language_without_translation_stays_english(qapp):
    assert install(qapp, "tlh") == ()
    assert install(qapp, "en") == ()
    assert QCoreApplication.translate("Status", "Rendering") == "Rendering"
