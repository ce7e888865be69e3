"""`otio-v2a weights` lists, verifies, converts and exports weights, and renders name their folder."""

import json
from pathlib import Path

import pytest

from otio_v2a import cli
from otio_v2a.provenance import weights_licence
from otio_v2a.weights_store import WeightsStoreError, choose, convert
from otio_v2a_engine.checkpoint_folders import identified_options, version_for
from otio_v2a_engine.contract import Sampling
from otio_v2a_engine.specs import SMALL
from otio_v2a_engine.weight_folders import WeightsFile, WeightsNote, hash_file, write_note


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A weights folder in the user's own place; converting and rendering need more than this."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("OTIO_V2A_WEIGHTS", "")
    folder = tmp_path / "data" / "otio-v2a" / "weights" / "mine"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(bytes(2**20))
    file = WeightsFile("model.safetensors", 2**20, hash_file(folder / "model.safetensors"))
    write_note(
        folder, WeightsNote(kind="vta-ldm", name="tiny", licence="CC-BY-NC-4.0", files=(file,), remarks=("no text",))
    )
    return folder


def test_weights_are_listed_with_licence_size_and_use(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["weights", "list", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["licence"] == "CC-BY-NC-4.0"
    assert row["chosen"] is True
    assert row["folder"] == str(folder)
    assert cli.main(["weights", "list"]) == 0
    assert "1.0 MiB" in capsys.readouterr().out


def test_an_empty_list_says_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("OTIO_V2A_WEIGHTS", "")
    assert cli.main(["weights", "list"]) == 0
    assert str(tmp_path) in capsys.readouterr().out
    assert cli.main(["weights", "verify"]) == 2


def test_verify_tells_whole_from_damaged(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["weights", "verify"]) == 0
    assert "all as they were made" in capsys.readouterr().out
    (folder / "model.safetensors").write_bytes(bytes(2**20 - 1) + b"x")
    assert cli.main(["weights", "verify", str(folder)]) == 1
    assert "model.safetensors is damaged" in capsys.readouterr().out


def test_a_damaged_note_costs_its_own_folder_only(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = folder.parent / "broken"
    broken.mkdir()
    (broken / "weights.json").write_text("{")
    assert cli.main(["weights", "list", "--json"]) == 1
    shown = capsys.readouterr()
    assert json.loads(shown.out)["name"] == "tiny"
    assert "broken" in shown.err


def test_converting_names_the_missing_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["weights", "convert", "vta-ldm", str(tmp_path), "--out", str(tmp_path / "made")]) == 2
    message = capsys.readouterr().err
    assert "pytorch_model_2.bin" in message
    assert "licence" in message
    assert not (tmp_path / "made").exists()


def test_what_cannot_be_converted_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsStoreError, match="vta-ldm can"):
        convert("other", tmp_path, on_stage=lambda _: None)
    with pytest.raises(WeightsStoreError, match="is no folder"):
        convert("vta-ldm", tmp_path / "none", on_stage=lambda _: None)
    with pytest.raises(WeightsStoreError, match="no weights folder"):
        choose(tmp_path / "none")


def test_the_weights_that_ship_are_exported_as_a_folder_that_renders_can_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["weights", "export", "small", "mine"]) == 0
    assert "--option weights=mine" in capsys.readouterr().out
    made = {path.name for path in tmp_path.joinpath("mine").iterdir()}
    assert {"model_index.json", "flow", "vocoder", "scheduler", "ATTRIBUTION.md"} <= made
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    (known,) = identified_options(Sampling(options=("weights=mine",)), SMALL.info)
    tensors = tmp_path / "mine" / "flow" / "diffusion_pytorch_model.safetensors"
    data = bytearray(tensors.read_bytes())
    data[len(data) // 2] ^= 1
    tensors.write_bytes(data)
    assert (known,) != identified_options(Sampling(options=("weights=mine",)), SMALL.info)
    own = version_for(SMALL.info, Sampling(options=("weights=mine",)))
    assert own.startswith(f"{version_for(SMALL.info, Sampling())}+")
    assert weights_licence("small", SMALL.info.version) == "Apache-2.0"
    assert weights_licence("small", own) == "unknown"
    assert cli.main(["weights", "export", "small", "mine"]) == 2
    assert "mine exists already; choose another folder" in capsys.readouterr().err
