"""What docs/adding-an-engine.md shows is run as it stands there: the engine is made, and keeps the contract."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from otio_v2a_engine import conformance

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "adding-an-engine.md"


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    specs, engine, test = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    folder = tmp_path_factory.mktemp("other") / "my_engine"
    folder.mkdir()
    for name, text in (("__init__", ""), ("specs", specs), ("hum", engine), ("checks", test)):
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    sys.path.insert(0, str(folder.parent))
    try:
        from importlib import import_module

        yield SimpleNamespace(
            specs=import_module("my_engine.specs"),
            hum=import_module("my_engine.hum"),
            checks=import_module("my_engine.checks"),
        )
    finally:
        sys.path.remove(str(folder.parent))
        for name in [name for name in sys.modules if name.partition(".")[0] == "my_engine"]:
            del sys.modules[name]


@pytest.mark.parametrize("check", conformance.CHECKS, ids=lambda check: check.__name__)
def test_the_engine_of_the_document_keeps_the_contract(shown: SimpleNamespace, check: Any, tmp_path: Path) -> None:
    shown.checks.test_hum_keeps_the_contract(check, tmp_path)


def test_the_document_names_the_entry_point_that_its_spec_has(shown: SimpleNamespace) -> None:
    shown.checks.test_hum_is_what_its_spec_says()
    assert shown.specs.HUM.factory == "my_engine.hum:Hum"
    assert 'hum = "my_engine.specs:HUM"' in DOCUMENT.read_text(encoding="utf-8")
