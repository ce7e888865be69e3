"""Weights from a local folder: checked, copied, found."""

from pathlib import Path

import pytest

from otio_v2a.weights_install import install
from otio_v2a.weights_store import WeightsStoreError, stored, verify
from otio_v2a_engine.weight_folders import WeightsFile, WeightsNote, hash_file, write_note


@pytest.fixture(autouse=True)
def _own_places(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("OTIO_V2A_WEIGHTS", raising=False)


def _ready(folder: Path, text: str = "tensors") -> Path:
    (folder / "unet").mkdir(parents=True)
    path = folder / "unet" / "model.safetensors"
    path.write_text(text)
    file = WeightsFile("unet/model.safetensors", path.stat().st_size, hash_file(path))
    write_note(folder, WeightsNote(kind="vta-ldm", name="test", licence="CC-BY-NC-4.0", files=(file,)))
    return folder


def test_a_ready_folder_is_checked_copied_and_found(tmp_path):
    stages = []
    made = install(_ready(tmp_path / "usb"), on_stage=stages.append)
    assert stages == ["checking every file", "copying"]
    assert made.is_chosen
    assert verify(made.folder) == ()
    assert [weights.folder for weights in stored()[0]] == [made.folder]
    with pytest.raises(WeightsStoreError, match="installed already"):
        install(tmp_path / "usb")
    other = install(_ready(tmp_path / "other", "others"))
    assert other.folder != made.folder
    assert len(stored()[0]) == 2


def test_a_damaged_folder_installs_nothing(tmp_path):
    source = _ready(tmp_path / "usb")
    (source / "unet" / "model.safetensors").write_text("tensorx")
    with pytest.raises(WeightsStoreError, match="is damaged"):
        install(source)
    with pytest.raises(WeightsStoreError, match="not of other"):
        install(_ready(tmp_path / "b"), kind="other")
    assert stored() == ((), ())


def test_a_folder_without_anything_known_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(WeightsStoreError):
        install(tmp_path / "empty")
    with pytest.raises(WeightsStoreError, match="is no folder"):
        install(tmp_path / "nowhere")
    assert stored() == ((), ())
