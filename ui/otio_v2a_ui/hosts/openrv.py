"""Docks the panel in OpenRV 2 and later, which embeds PySide6.

Put this into a Python package for RV (`rvpkg`), or into `rvtypes` mode code:

    from otio_v2a_ui.hosts import openrv
    openrv.show()
"""

from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["show"]

_NAME = "otio-v2a"


def show(*, open_sources: bool = True) -> Any:
    """Dock the panel beside RV's viewer, or show it again; with `open_sources` it opens the first source's movie.

    Raises:
        ImportError: this is not RV.
    """
    qtutils, commands = import_module("rv.qtutils"), import_module("rv.commands")
    from PySide6.QtCore import Qt
    from PySide6.QtWidgets import QDockWidget

    from otio_v2a_ui.hosts.python import worker_settings
    from otio_v2a_ui.panel import Panel

    window = qtutils.sessionWindow()
    dock = window.findChild(QDockWidget, _NAME)
    if dock is None:
        dock = QDockWidget(_NAME, window)
        dock.setObjectName(_NAME)
        panel = Panel(dock, worker=worker_settings())
        dock.setWidget(panel)
        window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, dock)
        if open_sources:
            _open_first(panel, commands)
    dock.show()
    dock.raise_()
    return dock


def _open_first(panel: Any, commands: Any) -> None:
    for source in commands.sources():
        path = Path(str(source[0]))
        if path.is_file():
            panel.open(path)
            return
