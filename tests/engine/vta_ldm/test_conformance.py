"""The engine `vta-ldm` keeps the contract, with a tiny checkpoint of which every parameter is random."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from otio_v2a_engine import conformance
from otio_v2a_engine.contract import Picture
from otio_v2a_engine.pipelines import vta_ldm
from otio_v2a_engine.pipelines.vta_ldm import VtaLdmEngine
from otio_v2a_engine.specs import VTA_LDM

CHECK_NAMES = {check.__name__: check for check in conformance.CHECKS}


@pytest.fixture(scope="module")
def engine(quick_weights: Path) -> Iterator[VtaLdmEngine]:
    """With 4 steps where a request names none: the tests' time hangs on how many there are, the contract does not."""
    quick = replace(VTA_LDM, info=replace(VTA_LDM.info, default_steps=4))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vta_ldm, "VTA_LDM", quick)
        loaded = VtaLdmEngine("cpu", folder=quick_weights)
        yield loaded
        loaded.close()


@pytest.mark.parametrize("check", CHECK_NAMES)
def test_engine_keeps_the_contract(engine: VtaLdmEngine, check: str, movie: Picture) -> None:
    CHECK_NAMES[check](engine, movie)
