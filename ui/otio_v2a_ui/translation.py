"""Owns the language of the panel: finds a translation and gives it to an application. Knows no widget."""

from pathlib import Path

from PySide6.QtCore import QCoreApplication, QLibraryInfo, QLocale, QTranslator

__all__ = ["install", "languages"]

_FOLDER = Path(__file__).parent / "i18n"
_PREFIX = "otio_v2a_"


def languages() -> tuple[str, ...]:
    """Languages that the panel speaks besides English, like `de`."""
    return tuple(sorted(path.stem.removeprefix(_PREFIX) for path in _FOLDER.glob(f"{_PREFIX}*.qm")))


def install(app: QCoreApplication, language: str = "") -> tuple[QTranslator, ...]:
    """Speak a language, the system's when empty; before the first widget is made.

    What there is no translation for stays English. Returns the translators; `app` owns them.
    """
    locale = QLocale(language) if language else QLocale.system()
    wanted = language or locale.name()
    if wanted.partition("_")[0] not in languages():
        return ()
    qt_folder = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
    made = []
    # Qt's own words (buttons of its dialogs) first: the last installed is asked first.
    for name, folder in (("qtbase_", qt_folder), (_PREFIX, str(_FOLDER))):
        translator = QTranslator(app)
        if translator.load(locale, name, "", folder) and app.installTranslator(translator):
            made.append(translator)
    return tuple(made)
