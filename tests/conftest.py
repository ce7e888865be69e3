"""Fixtures that every test may use."""

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import settings

# No test asserts on the clock: a busy machine is no fault of what is tested.
settings.register_profile("untimed", settings(), deadline=None)
settings.load_profile("untimed")

# Tests run side by side: one compute thread each, and none that spins. Read when torch is first imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Before Qt is first imported: no test needs a display but those that start one of their own.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

REPO = Path(__file__).resolve().parents[1]


def _has_qt() -> bool:
    """Whether Qt and the system's libraries that it needs are there."""
    try:
        import PySide6.QtTest
        import PySide6.QtWidgets  # noqa: F401
    except ImportError:
        return False
    return True


pytest_plugins = ["pytestqt.plugin"] if _has_qt() else []


@pytest.fixture(autouse=True, scope="session")
def _own_config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keys and unpacked bundles of tests do not go into the user's own folders, in worker processes neither."""
    patch = pytest.MonkeyPatch()
    patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
    patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    yield
    patch.undo()


@pytest.fixture
def unmarked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Delivers sound without its watermark, for tests that compare samples one by one."""
    from otio_v2a import stem_files

    monkeypatch.setattr(stem_files, "marked", lambda blocks, **_: blocks)


@pytest.fixture(scope="session")
def make_weights() -> Callable[..., Path]:
    """`make_weights(folder, onsets=)`: the weights of `small` with so much added to the logits of all onsets, as a
    user's own."""
    from otio_v2a_engine.training.packing import write_weights
    from otio_v2a_engine.weights import read_weights

    def make(folder: Path, *, onsets: float) -> Path:
        shipped = read_weights("small")
        tensors = dict(shipped.tensors)
        tensors["encoder/onsets.bias"] = tensors["encoder/onsets.bias"] + onsets
        write_weights("small", tensors, note={"config": shipped.note["config"]}, folder=folder)
        return folder

    return make


@pytest.fixture(scope="session")
def media_root() -> Path:
    """Folder with real footage and sounds; never part of the repository."""
    root = Path(os.environ.get("OTIO_V2A_MEDIA", REPO.parent / "shared" / "media"))
    if not (root / "footage").is_dir():
        pytest.skip(f"no real footage at {root} (set OTIO_V2A_MEDIA)")
    return root


@pytest.fixture(scope="session")
def footage(media_root: Path) -> Path:
    """Folder of real footage."""
    return media_root / "footage"


@pytest.fixture(scope="session")
def sounds(media_root: Path) -> Path:
    """Folder of real sounds."""
    return media_root / "sounds"


@pytest.fixture(scope="session")
def kit() -> ModuleType:
    """Builders of cuts and takes (tests/delivery_kit.py)."""
    spec = importlib.util.spec_from_file_location("delivery_kit", REPO / "tests" / "delivery_kit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
