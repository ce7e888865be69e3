"""Folders that users name in options: found, told apart by their content, refused with what to do."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from otio_v2a_engine.checkpoint_folders import checkpoint_id, find_checkpoint, identified_options, read_config
from otio_v2a_engine.contract import Sampling, WeightsError
from otio_v2a_engine.specs import FAKE

ENGINE = replace(FAKE.info, options=("eye", "loud"), folder_options=("eye",))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "clip"}')
    (folder / "model.safetensors").write_bytes(bytes(100))
    (folder / "README.md").write_text("words")
    return folder


def key(*options: str) -> tuple[str, ...]:
    return identified_options(Sampling(options=options), ENGINE)


def test_a_folder_is_known_by_its_content_wherever_it_lies(model: Path, tmp_path: Path) -> None:
    first = key(f"eye={model}", "loud=3")
    assert first == (f"eye={checkpoint_id(model)}", "loud=3")
    (model / "README.md").write_text("other words")
    shutil.copytree(model, tmp_path / "copy")
    assert key(f"eye={tmp_path / 'copy'}", "loud=3") == first
    (tmp_path / "copy" / "model.safetensors").write_bytes(bytes(99) + b"1")
    assert key(f"eye={tmp_path / 'copy'}", "loud=3") != first


def test_options_that_are_no_folders_stay_as_they_are() -> None:
    assert key("loud=/nowhere") == ("loud=/nowhere",)


@pytest.mark.parametrize("place", [0, 2**24 // 3, 2**24 - 1])
def test_a_large_file_counts_from_its_first_byte_to_its_last(model: Path, place: int) -> None:
    large = bytearray(2**24)
    (model / "model.safetensors").write_bytes(large)
    before = checkpoint_id(model)
    # A fine-tuned model differs nearly everywhere; here it is one stretch.
    large[place : place + 2**20] = b"x" * len(large[place : place + 2**20])
    (model / "model.safetensors").write_bytes(large)
    os.utime(model / "model.safetensors", ns=(1, 1))
    assert checkpoint_id(model) != before


def test_a_plain_name_is_looked_for_where_weights_are(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTIO_V2A_WEIGHTS", str(model.parent))
    assert find_checkpoint("model", option="eye") == model


def test_what_is_no_model_is_refused_with_what_to_do(model: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"eye: there is no folder .*nowhere.*nothing is downloaded"):
        find_checkpoint(str(tmp_path / "nowhere"), option="eye")
    with pytest.raises(WeightsError, match="eye names a folder"):
        find_checkpoint("", option="eye")
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    with pytest.raises(WeightsError, match=r"pickles .* are not opened.*model\.safetensors"):
        find_checkpoint(str(model), option="eye")
    (model / "config.json").write_text("[]")
    with pytest.raises(WeightsError, match=r"config\.json is no model's"):
        read_config(model)
    (model / "config.json").write_text("{")
    with pytest.raises(WeightsError, match=r"config\.json is damaged"):
        read_config(model)
    (model / "config.json").unlink()
    with pytest.raises(WeightsError, match=r"holds no config\.json"):
        find_checkpoint(str(model), option="eye")
