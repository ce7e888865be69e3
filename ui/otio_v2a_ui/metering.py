"""Measures the loudness of takes off the interface thread, once for as long as a file stays as it is."""

import importlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal

from otio_v2a.errors import StemError
from otio_v2a.loudness import Loudness, measure_file
from otio_v2a_ui.peaks import Analyst

__all__ = ["Meter"]


class Meter(QObject):  # type: ignore[misc]
    """Measures in a thread of its own.

    Signals:
        measured: a path, and its loudness in LUFS or None when it is silent or cannot be read.
    """

    measured = Signal(object, object)
    _found = Signal(object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        # Loaded here: in the measuring thread, beside decoders and players at work, loading it has hung for good.
        importlib.import_module("scipy.signal")
        self._analyst = Analyst(work=_measure)
        self._found.connect(self._tell, Qt.ConnectionType.QueuedConnection)

    def get(self, path: Path) -> Loudness | None:
        """What is known already."""
        known: Loudness | None = self._analyst.get(path)
        return known

    def ask(self, path: Path) -> None:
        """Measure a file; `measured` tells."""
        known = self.get(path)
        if known is not None:
            self.measured.emit(path, known.integrated_lufs)
            return

        def done(found: Loudness | None) -> None:
            with suppress(RuntimeError):  # The meter may have gone while the file was read.
                self._found.emit(path, found)

        self._analyst.ask(path, done)

    def close(self) -> None:
        """End the thread."""
        self._analyst.close()

    def _tell(self, path: Path, found: Loudness | None) -> None:
        self.measured.emit(path, found.integrated_lufs if found is not None else None)


def _measure(path: Path, *, cancelled: Callable[[], bool]) -> Loudness:
    try:
        return measure_file(path)
    except StemError as error:
        raise OSError(str(error)) from error
