"""Devices of this machine, asked in a process of their own."""

import sys

import pytest

from otio_v2a import devices as module
from otio_v2a.devices import devices
from otio_v2a.errors import RunError


def test_the_processor_and_its_memory_are_always_there():
    before = "torch" in sys.modules
    found = devices()
    assert found[0].name == "cpu"
    assert "cores" in found[0].title
    assert found[0].total_bytes is None or found[0].total_bytes > 2**28
    if found[0].total_bytes and found[0].free_bytes:
        assert found[0].free_bytes <= found[0].total_bytes
    assert ("torch" in sys.modules) == before


def test_words_that_cannot_be_understood_are_an_error(monkeypatch):
    monkeypatch.setattr(module, "run_module", lambda *_, on_line: on_line('{"name": 3}'))
    with pytest.raises(RunError, match="cannot be understood"):
        devices()
