"""The weights that ship: small enough, whole, credited; and refused when they are not what their note says."""

import json
import shutil
from pathlib import Path

import pytest

from otio_v2a_engine.contract import WeightsError
from otio_v2a_engine.weights import FOLDER, read_weights


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for suffix in ("safetensors", "json"):
        shutil.copy(FOLDER / f"small.{suffix}", tmp_path)
    return tmp_path


def test_weights_that_ship_are_whole_small_and_say_how_they_were_trained() -> None:
    weights = read_weights("small")
    assert {key.split("/")[0] for key in weights.tensors} == {
        "encoder", "flow", "prior", "vocoder", "codec", "timbre",
    }  # fmt: skip
    assert (FOLDER / "small.safetensors").stat().st_size < 30 * 2**20
    assert weights.note["training"]["commands"]
    assert weights.note["training"]["flow_steps"] > 0
    assert "fx" in weights.note["figures"]


def test_every_attribution_line_names_a_recording_its_source_and_its_licence() -> None:
    rows = [line for line in (FOLDER / "ATTRIBUTION.md").read_text().splitlines() if line.startswith("| ")][2:]
    assert len(rows) > 900
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split(" | ")]
        assert len(cells) == 3
        assert all(cells)


def test_one_flipped_byte_is_refused_with_the_file_named(copy: Path) -> None:
    path = copy / "small.safetensors"
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=r"small\.safetensors are damaged"):
        read_weights("small", folder=copy)


def test_a_note_of_another_file_is_refused(copy: Path) -> None:
    note = json.loads((copy / "small.json").read_text())
    (copy / "small.json").write_text(json.dumps(note | {"sha256": "0" * 64}))
    with pytest.raises(WeightsError, match="expected 0000"):
        read_weights("small", folder=copy)


def test_missing_weights_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="install otio-v2a again"):
        read_weights("small", folder=tmp_path)
    (tmp_path / "small.json").write_text("{")
    with pytest.raises(WeightsError, match="not JSON"):
        read_weights("small", folder=tmp_path)
