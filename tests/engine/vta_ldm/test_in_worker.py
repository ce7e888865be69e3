"""From the command line through the worker process: the user's weights render, count in the hash, and are refused."""

import json
from pathlib import Path

import pytest

from otio_v2a import cli
from otio_v2a_engine.contract import Picture
from otio_v2a_engine.weight_folders import read_note


@pytest.mark.slow
def test_a_movie_gets_a_stem_from_the_users_weights(
    movie: Picture,
    quick_weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # `--weights` sets it for the whole process: noted here, so that it is put back.
    monkeypatch.setenv("OTIO_V2A_WEIGHTS", "")
    wanted = ["--engine", "vta-ldm", "--roles", "FX", "--steps", "2", "--handles", "0", "--no-shots", "--json"]
    command = ["generate", movie.path, "--out", str(tmp_path / "made.otio"), *wanted]
    assert cli.main([*command, "--weights", str(quick_weights), "--option", "sampler=unipc"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    finished = next(line for line in lines if line["event"] == "JobFinished")
    assert finished["take"]["engine"] == "vta-ldm"
    assert finished["take"]["engine_version"] == f"1+{read_note(quick_weights).id}"
    assert (tmp_path / "made.otio").exists()


def test_an_option_that_the_engine_does_not_have_is_refused_before_anything_runs(
    movie: Picture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["generate", movie.path, "--out", str(tmp_path / "made.otio"), "--dry-run"]
    assert cli.main([*command, "--option", "Not A Name"]) == 2
    assert "engine options are name or name=value" in capsys.readouterr().err
