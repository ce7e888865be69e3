"""What every test of the panel needs: a platform without a display, warnings of Qt that fail, quiet sound."""

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

try:
    import PySide6.QtWidgets  # noqa: F401

    _WHY_NOT = ""
except ImportError as error:
    _WHY_NOT = f"Qt cannot be loaded here ({error}); tools/system installs what it needs"

# Qt's own sound back end of a machine without sound says so on every start.
os.environ.setdefault("QT_LOGGING_RULES", "qt.multimedia.*=false")


# What Qt says of a platform without a display and a machine without a sound server, not of us.
_OF_THE_MACHINE = ("propagateSizeHints", "pa_context_connect", "pipewire")


class _Skipped(pytest.Module):
    def collect(self) -> Iterable[pytest.Item]:
        pytest.skip(_WHY_NOT, allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Modules that need Qt are skipped, with the reason, where it is not."""
    if not _WHY_NOT:
        return None
    text = module_path.read_text(encoding="utf-8")
    needs_qt = "PySide6" in text or "qtbot" in text
    return _Skipped.from_parent(parent, path=module_path) if needs_qt else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A warning that Qt prints fails the test."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and not _WHY_NOT and item.get_closest_marker("qt_log_level_fail") is None:
            item.add_marker(pytest.mark.qt_log_level_fail("WARNING"))
            item.add_marker(pytest.mark.qt_log_ignore(*_OF_THE_MACHINE))


@pytest.fixture(autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Journals, settings and thumbnails of tests stay out of the user's folders."""
    root = tmp_path_factory.mktemp("panel")
    for name in ("STATE", "CONFIG", "CACHE", "DATA"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(root / name.lower()))
