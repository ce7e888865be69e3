"""Which processors multiply in bfloat16."""

from types import SimpleNamespace

import pytest
import torch

from otio_v2a_engine.devices import multiplies_in_bf16


@pytest.mark.parametrize(
    ("known", "faster"),
    [({"avx512_bf16": True}, True), ({"amx_bf16": True}, True), ({"avx512_f": True, "avx512_bf16": False}, False)],
)
def test_a_processor_multiplies_in_bfloat16_where_torch_says_so(monkeypatch, known, faster) -> None:
    monkeypatch.setattr(torch, "cpu", SimpleNamespace(get_capabilities=lambda: known))
    assert multiplies_in_bf16("cpu") is faster


def test_where_torch_cannot_tell_nothing_is_risked(monkeypatch) -> None:
    monkeypatch.setattr(torch, "cpu", SimpleNamespace())
    assert multiplies_in_bf16("cpu") is False
    assert multiplies_in_bf16("mps") is False
