"""`otio-v2a eval` and `otio-v2a train`: options reach the engine's programs, figures come back."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from otio_v2a.cli import main


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """A true sound with two clicks and two systems: the same, and 30 ms late."""
    sound = np.zeros(96000, np.float32)
    for start in (24000, 62400):
        sound[start : start + 4800] = 0.5 * np.exp(-np.arange(4800) / 900) * np.sin(np.arange(4800) * 0.3)
    for folder, late in (("clips", 0), ("exact", 0), ("late", 1440)):
        (tmp_path / folder).mkdir()
        soundfile.write(tmp_path / folder / "a.wav", np.roll(sound, late), 48000)
    (tmp_path / "labels.csv").write_text("clip,onsets_s\na,0.5 1.3\n")
    return tmp_path


def test_eval_measures_folders_of_sound_and_writes_a_report(sounds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = [str(sounds / "exact"), str(sounds / "late")]
    options = ["--reference", str(sounds / "clips"), "--labels", str(sounds / "labels.csv"), "--metrics", "onsets"]
    assert main(["eval", *made, *options, "--no-baselines", "--out", str(sounds / "out"), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    exact, late = (system["figures"] for system in figures["systems"])
    assert exact["onset_f1"]["value"] == late["onset_f1"]["value"] == 1.0
    assert late["onset_bias_ms"]["value"] - exact["onset_bias_ms"]["value"] == pytest.approx(30, abs=6)
    assert Path(figures["report"]).read_text().startswith("<!doctype html>")


def test_eval_lists_metrics_and_the_weights_that_are_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["eval", "--list", "--weights", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    for word in ("FAD", "AV-Align", "vggish-10086976.pth", "CC BY 4.0"):
        assert word in text


def test_eval_says_what_it_needs_and_why_it_failed(sounds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval"]) == 2
    assert "--reference" in capsys.readouterr().err
    assert main(["eval", str(sounds / "nothing"), "--reference", str(sounds / "clips"), "-o", str(sounds / "o")]) == 2
    assert "nothing is not a folder of made sounds" in capsys.readouterr().err
    assert main(["eval", "--convert", "vggish", "x.pth"]) == 2
    assert "--weights" in capsys.readouterr().err


def test_train_hands_its_options_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from otio_v2a import commands_train

    heard: list[list[str]] = []
    monkeypatch.setattr(commands_train, "run_module", lambda module, args, **_: heard.append([module, *args]))
    monkeypatch.chdir(tmp_path)
    train = ["train", "vta-ldm"]
    assert main([*train, "prepare", "--base", "b", "--tar", "x.tar", "y.tar", "--align", "-o", "set"]) == 0
    assert main([*train, "run", "s.toml", "--base", "b", "--fresh", "3", "--save-every", "5", "-o", "run"]) == 0
    assert main([*train, "ablation", "--steps", "9", "-o", "abl"]) == 0
    program, base = "otio_v2a_engine.vta_ldm.training", str(tmp_path / "b")
    shards = [str(tmp_path / "x.tar"), str(tmp_path / "y.tar")]
    assert heard == [
        [program, "prepare", "--base", base, "--tar", *shards, "--align", "--out", str(tmp_path / "set")],
        [program, "run", str(tmp_path / "s.toml"), "--base", base, "--fresh", "3", "--save-every", "5",
         "--out", str(tmp_path / "run")],
        [program, "ablation", "--steps", "9", "--out", str(tmp_path / "abl")],
    ]  # fmt: skip


def test_train_says_why_it_failed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepare = ["train", "vta-ldm", "prepare", "--base", str(tmp_path), "-o", str(tmp_path / "o")]
    assert main([*prepare, "--vggsound", str(tmp_path / "table.csv")]) == 2
    assert "--vggsound needs --movies" in capsys.readouterr().err
