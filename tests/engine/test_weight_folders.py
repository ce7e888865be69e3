"""Weights folders are found in a fixed order, and any changed byte of them is noticed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from otio_v2a_engine.contract import WeightsError
from otio_v2a_engine.specs import SMALL, VTA_LDM
from otio_v2a_engine.weight_folders import (
    WeightsFile,
    WeightsNote,
    all_folders,
    find_folder,
    hash_file,
    read_note,
    verify,
    version_of,
    write_note,
)


def make(folder: Path, text: str = "tensors", *, kind: str = "vta-ldm") -> Path:
    folder.mkdir(parents=True)
    (folder / "unet").mkdir()
    path = folder / "unet" / "model.safetensors"
    path.write_text(text)
    file = WeightsFile("unet/model.safetensors", path.stat().st_size, hash_file(path))
    write_note(folder, WeightsNote(kind=kind, name=folder.name, licence="MIT", files=(file,)))
    return folder


@pytest.fixture(autouse=True)
def _own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("OTIO_V2A_WEIGHTS", raising=False)


def test_the_named_folder_comes_before_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = make(tmp_path / "data" / "otio-v2a" / "weights" / "mine")
    assert find_folder("vta-ldm")[0] == own
    named = make(tmp_path / "named")
    monkeypatch.setenv("OTIO_V2A_WEIGHTS", str(named))
    assert find_folder("vta-ldm")[0] == named
    shelf = tmp_path / "shelf"
    first, _ = make(shelf / "a"), make(shelf / "b")
    monkeypatch.setenv("OTIO_V2A_WEIGHTS", str(shelf))
    assert find_folder("vta-ldm")[0] == first
    assert len(all_folders()) == 3


def test_other_kinds_and_broken_off_conversions_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "shelf" / "a", kind="other")
    make(tmp_path / "shelf" / ".b.partial")
    monkeypatch.setenv("OTIO_V2A_WEIGHTS", str(tmp_path / "shelf"))
    with pytest.raises(WeightsError, match="otio-v2a weights convert vta-ldm"):
        find_folder("vta-ldm")


def test_every_changed_byte_is_noticed(tmp_path: Path) -> None:
    folder = make(tmp_path / "w")
    assert verify(folder) == ()
    path = folder / "unet" / "model.safetensors"
    path.write_text("tensorz")
    assert verify(folder) == ("unet/model.safetensors is damaged: its SHA-256 is not the one in weights.json",)
    path.write_text("tensors and more")
    assert "16 bytes instead of 7" in verify(folder)[0]
    path.unlink()
    (folder / "extra.py").write_text("")
    assert [fault.split()[0] for fault in verify(folder)] == ["unet/model.safetensors", "extra.py"]


@pytest.mark.parametrize("path", ["../evil", "/etc/passwd", "a/../../b", "C:evil", "a\\b", ""])
def test_a_note_cannot_lead_out_of_its_folder(tmp_path: Path, path: str) -> None:
    folder = make(tmp_path / "w")
    plain = json.loads((folder / "weights.json").read_text())
    plain["files"][0]["path"] = path
    (folder / "weights.json").write_text(json.dumps(plain))
    with pytest.raises(WeightsError, match="damaged"):
        read_note(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"kind": 3}', "[" * 5000])
def test_a_damaged_note_is_refused_by_name(tmp_path: Path, text: str) -> None:
    folder = make(tmp_path / "w")
    (folder / "weights.json").write_text(text)
    with pytest.raises(WeightsError, match=r"weights\.json"):
        verify(folder)


def test_the_version_of_an_engine_tells_the_users_weights_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert version_of(SMALL.info) == SMALL.info.version
    assert version_of(VTA_LDM.info) == VTA_LDM.info.version
    one, same, other = make(tmp_path / "1"), make(tmp_path / "2"), make(tmp_path / "3", "other tensors")
    versions = []
    for folder in (one, same, other):
        monkeypatch.setenv("OTIO_V2A_WEIGHTS", str(folder))
        versions.append(version_of(VTA_LDM.info))
    assert versions[0] == versions[1] == f"1+{read_note(one).id}"
    assert versions[2] != versions[0]


def test_a_format_of_the_future_is_refused(tmp_path: Path) -> None:
    folder = make(tmp_path / "w")
    write_note(folder, replace(read_note(folder), format=2))
    with pytest.raises(WeightsError, match="format 2"):
        read_note(folder)
