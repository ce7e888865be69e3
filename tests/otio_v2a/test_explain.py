"""`otio-v2a explain` picks a clip and shows where an engine looks."""

import json
from pathlib import Path

import pytest

from otio_v2a import cli
from otio_v2a_engine.conformance import write_flash_movie


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    return write_flash_movie(tmp_path / "kitchen.mov")


def test_a_clip_is_explained_in_images(movie: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", str(movie), "--clip", "kit*", "--spans", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    folder = movie.with_name("kitchen_explain")
    assert found["clip"] == "kitchen"
    assert [Path(row["image"]) for row in found["spans"]] == sorted(
        path.relative_to(folder) for path in folder.glob("span_*.png")
    )
    assert found["spans"][-1]["stop_s"] == pytest.approx(3.0)


def test_an_unknown_clip_or_engine_is_named(movie: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", str(movie), "--clip", "garden"]) == 2
    assert "its clips are kitchen" in capsys.readouterr().err
    assert cli.main(["explain", str(movie), "--engine", "none"]) == 2
    assert "there is no engine 'none'" in capsys.readouterr().err
