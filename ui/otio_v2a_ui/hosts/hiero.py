"""Docks the panel in Hiero and Nuke Studio 16 and later, which embed PySide6.

Put this into a `menu.py` on NUKE_PATH (Nuke Studio) or into `Startup/` on HIERO_PLUGIN_PATH (Hiero):

    from otio_v2a_ui.hosts import hiero
    hiero.register()

Nuke's Python must find otio-v2a (PYTHONPATH), and renders need a Python with the engines in it: OTIO_V2A_PYTHON names
one. The panel is then under Workspace > Custom (Nuke) or in the Window menu (Hiero).
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

__all__ = ["IDENTIFIER", "make", "register"]

IDENTIFIER = "org.otio-v2a.panel"
_TITLE = "otio-v2a"
_FACTORY = "__import__('otio_v2a_ui.hosts.hiero', fromlist=['make']).make"


def make(parent: Any = None) -> Any:
    """The panel as a widget for the host's pane; its application and style are left alone."""
    from otio_v2a_ui.hosts.python import worker_settings
    from otio_v2a_ui.panel import Panel

    return Panel(parent, worker=worker_settings())


def register(load: Callable[[str], Any] = import_module) -> str:
    """Offer the panel in the host that this runs in; returns "nuke" or "hiero".

    Raises:
        ImportError: this is neither.
    """
    try:
        panels = load("nukescripts.panels")
    except ImportError:
        ui = load("hiero.ui")
        widget = make()
        widget.setObjectName(IDENTIFIER)
        widget.setWindowTitle(_TITLE)
        ui.windowManager().addWindow(widget)
        return "hiero"
    # Nuke makes a widget whenever a pane asks for one, from a text that it evaluates.
    panels.registerWidgetAsPanel(_FACTORY, _TITLE, IDENTIFIER)
    return "nuke"
