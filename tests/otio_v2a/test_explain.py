"""`otio-v2a explain` picks a clip and shows where an engine looks."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
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


def test_weights_of_ones_own_are_looked_into(movie: Path, make_weights: Callable[..., Path], tmp_path: Path) -> None:
    folder = make_weights(tmp_path / "blind", onsets=-30)
    out = tmp_path / "out"
    assert cli.main(["explain", str(movie), "--spans", "1", "--out", str(out), "--option", f"weights={folder}"]) == 0
    assert np.load(out / "saliency.npz")["maps"].max() < 1e-6


@pytest.mark.parametrize(
    ("engine", "options", "words"),
    [
        ("small", ["weights=/no/such/folder"], "there is no folder /no/such/folder"),
        ("small", ["sampler=ddpm"], "engine small has no option 'sampler=ddpm'; its options are drafts, "),
        (
            "vta-ldm",
            ["weights=mine"],
            "engine vta-ldm has no option 'weights=mine'; its options are paper-compatible, ",
        ),
        ("small", ["weights=a", "weights=b"], "each name once, not weights=a, weights=b"),
    ],
)
def test_an_option_that_cannot_be_is_refused(
    movie: Path, engine: str, options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [word for option in options for word in ("--option", option)]
    assert cli.main(["explain", str(movie), "--engine", engine, *given]) == 2
    assert words in capsys.readouterr().err
