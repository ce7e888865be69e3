"""The engine `vta-ldm` keeps the contract, with a tiny checkpoint of which every parameter is random."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from otio_v2a_engine import conformance, registry
from otio_v2a_engine.contract import Picture
from otio_v2a_engine.pipelines.vta_ldm import VtaLdmEngine

CHECK_NAMES = {check.__name__: check for check in conformance.CHECKS}


@pytest.fixture(scope="module")
def engine(quick_weights: Path) -> Iterator[VtaLdmEngine]:
    loaded = VtaLdmEngine("cpu", folder=quick_weights)
    yield loaded
    loaded.close()


@pytest.mark.parametrize("check", CHECK_NAMES)
def test_engine_keeps_the_contract(engine: VtaLdmEngine, check: str, movie: Picture) -> None:
    CHECK_NAMES[check](engine, movie)


def test_engine_is_what_its_spec_says(engine: VtaLdmEngine) -> None:
    conformance.check_info(registry.find("vta-ldm"), engine)
