"""A tiny model, its autoencoder and prepared clips, for the tests of the training."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from otio_v2a_engine.vta_ldm.config import FlowSettings, VtaLdmConfig
from otio_v2a_engine.vta_ldm.training.data import Example, Scores, write_set


@pytest.fixture(scope="session")
def tiny_config() -> VtaLdmConfig:
    """With a short window, so that a step takes milliseconds."""
    return replace(VtaLdmConfig.tiny(position=True, flow=FlowSettings(grid=2)), latent_frames=8)


@pytest.fixture(scope="session")
def make_example(tiny_config: VtaLdmConfig) -> Callable[..., Example]:
    """The i-th made-up clip."""

    def make(i: int, **more: Any) -> Example:
        rng = np.random.default_rng([8, i])
        shape = (tiny_config.mel_frames, tiny_config.mel.n_mels)
        parts = {
            "mel": rng.uniform(-8, 0, shape).astype(np.float32),
            "features": rng.standard_normal((6, 24)).astype(np.float32),
            "text": rng.standard_normal(24).astype(np.float32),
            "flow": rng.standard_normal((6, 12)).astype(np.float32),
            "caption": f"sound {i}",
            "scores": Scores(clap=i / 10, av_align=0.5 - i / 10),
        }
        return Example(name=f"clip{i}", **{**parts, **more})

    return make


@pytest.fixture(scope="session")
def tiny_set(tmp_path_factory: pytest.TempPathFactory, make_example: Callable[..., Example]) -> Path:
    """Seven prepared clips."""
    folder = tmp_path_factory.mktemp("set")
    write_set(folder, (make_example(i) for i in range(7)))
    return folder


@pytest.fixture
def tiny_model(tiny_config: VtaLdmConfig) -> Callable[[], tuple[Any, Any]]:
    """A fresh model and autoencoder, always the same."""
    from otio_v2a_engine.vta_ldm.model import VtaLdmModel
    from otio_v2a_engine.vta_ldm.vae import build_vae

    def make() -> tuple[Any, Any]:
        torch.manual_seed(5)
        return VtaLdmModel(tiny_config), build_vae(tiny_config)

    return make
