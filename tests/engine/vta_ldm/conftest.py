"""Fixtures of VTA-LDM's tests: the independent references, and a weights folder of a few hundred kilobytes."""

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from otio_v2a_engine.conformance import write_flash_movie
from otio_v2a_engine.contract import Picture
from otio_v2a_engine.vta_ldm.checkpoint import Checkpoint, build_checkpoint, randomise, write_checkpoint
from otio_v2a_engine.vta_ldm.config import MelSettings, UNetSettings, VaeSettings, VocoderSettings, VtaLdmConfig
from otio_v2a_engine.vta_ldm.encoders.clip import tiny_clip_config
from otio_v2a_engine.vta_ldm.text import tiny_clip_text_config

HERE = Path(__file__).resolve().parent
VOCABULARY = 600


@pytest.fixture(scope="session")
def quick_config() -> VtaLdmConfig:
    """A model whose window of 10.24 s takes milliseconds: sound at 2 kHz, two levels."""
    return VtaLdmConfig.tiny(
        unet=UNetSettings(channels=(8, 12), heads=(2, 2), cross=(True, False), layers_per_block=1, groups=4),
        vae=VaeSettings(channels=(4, 4, 4), layers_per_block=1, latent_channels=4, groups=2),
        vocoder=VocoderSettings(
            channels=16, rates=(5, 4, 4), kernels=(16, 8, 8), residual_kernels=(3,), dilations=(1, 3)
        ),
        mel=MelSettings(sample_rate=2000, hop=80, n_fft=256, n_mels=16, f_max=1000.0),
    )


def _write_vocabulary(folder: Path) -> Path:
    """Every byte as a word of its own, in CLIP's file format."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = [chr(byte) for byte in printable] + [chr(256 + i) for i in range(len(others))]
    words = {word: i for i, word in enumerate(letters + [f"{letter}</w>" for letter in letters])}
    words["<|startoftext|>"], words["<|endoftext|>"] = VOCABULARY - 2, VOCABULARY - 1
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(words), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small vocabulary in CLIP's form."""
    return _write_vocabulary(tmp_path_factory.mktemp("vocabulary"))


def _make(config: VtaLdmConfig, seed: int = 1, **shapes: Any) -> Checkpoint:
    text = tiny_clip_text_config(VOCABULARY) if config.text is not None else None
    made = build_checkpoint(config, encoder_config=shapes.get("encoder_config", tiny_clip_config()), text_config=text)
    randomise(made, seed)
    return made


@pytest.fixture(scope="session")
def make_checkpoint() -> Callable[..., Checkpoint]:
    """Makes a checkpoint of which every parameter is random: `make(config, seed)`."""
    return _make


@pytest.fixture(scope="session")
def write_weights(vocabulary: Path) -> Callable[..., Path]:
    """Writes a weights folder: `write(folder, config)`."""

    def write(folder: Path, config: VtaLdmConfig, **more: Any) -> Path:
        write_checkpoint(folder, _make(config, **more), licence="CC0-1.0", tokenizer=vocabulary)
        return folder

    return write


@pytest.fixture(scope="session")
def quick_weights(
    tmp_path_factory: pytest.TempPathFactory, quick_config: VtaLdmConfig, write_weights: Callable[..., Path]
) -> Path:
    """A weights folder of `quick_config`."""
    return write_weights(tmp_path_factory.mktemp("weights") / "quick", quick_config)


@pytest.fixture(scope="session")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Picture:
    """Four seconds with flashes and a moving square."""
    path = tmp_path_factory.mktemp("movie") / "flashes.mov"
    return Picture(str(write_flash_movie(path, n_frames=100, flashes=(7, 20, 50, 90))))


@pytest.fixture(scope="session")
def reference() -> Callable[[str], ModuleType]:
    """Loads an independent reference beside this file: `reference("unet")` is `reference_unet.py`."""

    def load(name: str) -> ModuleType:
        title = f"reference_{name}"
        if title not in sys.modules:
            spec = importlib.util.spec_from_file_location(title, HERE / f"{title}.py")
            assert spec is not None
            assert spec.loader is not None
            sys.modules[title] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(sys.modules[title])
        return sys.modules[title]

    return load


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
