"""What every test of the panel needs: a platform without a display, warnings of Qt that fail, quiet sound."""

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from otio_v2a.worker_process import WorkerSettings

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


@pytest.fixture(scope="session")
def tiny_movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds at 24 frames a second; frame n is grey 16 + 2 n."""
    import av
    import numpy as np

    path = tmp_path_factory.mktemp("media") / "picture.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=24)
        stream.width, stream.height, stream.pix_fmt = 96, 54, "yuv420p"
        for n in range(96):
            picture = np.full((54, 96, 3), 16 + 2 * n, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.fixture
def write_cut(tmp_path: Path, tiny_movie: Path) -> Callable[..., Path]:
    """`write_cut(lengths=(24, 36, 12), name=, missing=())` writes a cut of clips SH010, SH020 ... of so many frames."""
    import opentimelineio as otio

    def time_range(start: float, length: float) -> otio.opentime.TimeRange:
        return otio.opentime.TimeRange(otio.opentime.RationalTime(start, 24), otio.opentime.RationalTime(length, 24))

    def write(
        lengths: Iterable[int] = (24, 36, 12), *, name: str = "reel", missing: Iterable[int] = (), gap: int = 0
    ) -> Path:
        timeline = otio.schema.Timeline(name, global_start_time=otio.opentime.RationalTime(86400, 24))
        track = otio.schema.Track("V1", kind="Video")
        if gap:
            track.append(otio.schema.Gap(source_range=time_range(0, gap)))
        for number, length in enumerate(lengths):
            url = str(tmp_path / "gone.mov") if number in missing else str(tiny_movie)
            reference = otio.schema.ExternalReference(url, time_range(0, 96))
            track.append(otio.schema.Clip(f"SH{(number + 1) * 10:03d}", reference, time_range(8, length)))
        timeline.tracks.append(track)
        path = tmp_path / f"{name}.otio"
        timeline.to_json_file(str(path))
        return path

    return write


@pytest.fixture
def double() -> WorkerSettings:
    """A worker that renders a known signal at once and misbehaves when a prompt says so."""
    script = Path(__file__).parents[1] / "otio_v2a" / "worker_double.py"
    return WorkerSettings(command=(sys.executable, str(script)), cancel_grace_s=60)
