"""Owns what the user chose once and for all: engine, device, language, export. Persists at once; knows no widget."""

from pathlib import Path
from typing import Any

from PySide6.QtCore import QSettings

from otio_v2a.jobs import PlanOptions
from otio_v2a.stem import Layout
from otio_v2a.targets import Target
from otio_v2a_engine.contract import EngineError
from otio_v2a_engine.registry import DEFAULT_ENGINE, find
from otio_v2a_ui.folders import config_folder

__all__ = ["Settings"]

_FILE = "panel.ini"


class Settings:
    """The user's choices. What cannot be understood is the default: no file can keep the panel from starting."""

    def __init__(self, path: Path | None = None) -> None:
        """Use `path`; a file in the user's configuration when None."""
        self._stored = QSettings(str(path or config_folder() / _FILE), QSettings.Format.IniFormat)

    @property
    def engine(self) -> str:
        """The engine of clips that name none."""
        name = self._text("engine", DEFAULT_ENGINE)
        try:
            find(name)
        except EngineError:
            return DEFAULT_ENGINE
        return name

    @engine.setter
    def engine(self, name: str) -> None:
        self._set("engine", name)

    @property
    def device(self) -> str:
        """Where it runs."""
        name = self._text("device", "cpu")
        return name if name in find(self.engine).info.devices else "cpu"

    @device.setter
    def device(self, name: str) -> None:
        self._set("device", name)

    @property
    def language(self) -> str:
        """Of the interface, like `de`; empty follows the system."""
        return self._text("language", "")

    @language.setter
    def language(self, name: str) -> None:
        self._set("language", name)

    @property
    def export_target(self) -> Target:
        """The host that was exported for last."""
        name = self._text("export/target", Target.PORTABLE)
        return Target(name) if name in list(Target) else Target.PORTABLE

    @export_target.setter
    def export_target(self, target: Target) -> None:
        self._set("export/target", target.value)

    @property
    def export_layout(self) -> Layout:
        """The layout that was exported last."""
        name = self._text("export/layout", Layout.CLIPS)
        return Layout(name) if name in list(Layout) else Layout.CLIPS

    @export_layout.setter
    def export_layout(self, layout: Layout) -> None:
        self._set("export/layout", layout.value)

    def folder(self, purpose: str) -> Path | None:
        """The folder that was used last for a purpose (`relink`, `weights`); None when it is gone."""
        text = self._text(f"folders/{purpose}", "")
        return Path(text) if text and Path(text).is_dir() else None

    def set_folder(self, purpose: str, folder: Path) -> None:
        """Remember a folder."""
        self._set(f"folders/{purpose}", str(folder))

    def plan_options(self) -> PlanOptions:
        """How clips are rendered that say nothing themselves."""
        return PlanOptions(engine=self.engine, device=self.device)

    def _text(self, key: str, fallback: str) -> str:
        value = self._stored.value(key)
        return value if isinstance(value, str) else str(fallback)

    def _set(self, key: str, value: Any) -> None:
        self._stored.setValue(key, value)
        self._stored.sync()
