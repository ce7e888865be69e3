"""Starts the panel as a program of its own. Owns the application; nothing else does."""

import logging
import os
import signal
import sys
from pathlib import Path

__all__ = ["run"]

_log = logging.getLogger(__name__)


def run(cut: Path | None = None) -> int:
    """Show the panel until it is closed; returns the exit code.

    Raises:
        ImportError: PySide6, or a system library that it needs, is not there.
    """
    # FFmpeg and the sound servers tell Qt of themselves at every start.
    os.environ.setdefault("QT_LOGGING_RULES", "qt.multimedia.*=false")
    from PySide6.QtCore import QTimer, qInstallMessageHandler
    from PySide6.QtWidgets import QApplication

    from otio_v2a_ui import theme, translation
    from otio_v2a_ui.settings import Settings
    from otio_v2a_ui.window import Window

    qInstallMessageHandler(_log_qt)
    app = QApplication.instance() or QApplication(sys.argv[:1])
    app.setApplicationName("otio-v2a")
    app.setOrganizationName("otio-v2a")
    app.setApplicationDisplayName("otio-v2a")
    app.setDesktopFileName("otio-v2a")
    theme.apply_to_application(app)
    translation.install(app, Settings().language)
    window = Window()
    window.show()
    if cut is not None:
        window.open(cut)
    # Python sees Ctrl-C only while Python runs.
    signal.signal(signal.SIGINT, lambda *_: window.close())
    signal.signal(signal.SIGTERM, lambda *_: window.close())
    awake = QTimer(interval=250)
    awake.timeout.connect(lambda: None)
    awake.start()
    code = int(app.exec())
    window.deleteLater()
    return code


def _log_qt(kind: object, context: object, text: str) -> None:
    """What Qt says goes where our own messages go."""
    _log.info("Qt: %s", text)
