"""What the panel remembers of its windows: geometry, columns, recent cuts. Knows no widget."""

from pathlib import Path
from typing import Any

from PySide6.QtCore import QSettings

from otio_v2a_ui.folders import config_folder

__all__ = ["Session"]

_MOST_RECENT = 10


class Session:
    """A small file in the user's configuration."""

    def __init__(self, path: Path | None = None) -> None:
        """Use `path`; a file in the user's configuration when None."""
        self._settings = QSettings(str(path or config_folder() / "panel-windows.ini"), QSettings.Format.IniFormat)

    def value(self, key: str) -> Any:
        """What was remembered under a key; None when nothing was."""
        return self._settings.value(key)

    def set_value(self, key: str, value: Any) -> None:
        """Remember something."""
        self._settings.setValue(key, value)
        self._settings.sync()

    def recent(self) -> tuple[str, ...]:
        """Cuts that were open last and are still there, the latest first."""
        found = self._settings.value("recent") or []
        paths = [found] if isinstance(found, str) else [str(path) for path in found]
        return tuple(path for path in paths if Path(path).exists())

    def remember(self, path: str) -> None:
        """A cut was opened."""
        rest = [other for other in self.recent() if other != path]
        self.set_value("recent", [path, *rest][:_MOST_RECENT])
