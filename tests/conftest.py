"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]


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
