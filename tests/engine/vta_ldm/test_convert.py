"""Released files become a weights folder, or are refused with the name of what is wrong; nothing in them is run."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel

from otio_v2a_engine.contract import WeightsError
from otio_v2a_engine.vta_ldm.__main__ import main
from otio_v2a_engine.vta_ldm.checkpoint import read_checkpoint
from otio_v2a_engine.vta_ldm.config import VtaLdmConfig
from otio_v2a_engine.vta_ldm.convert import convert
from otio_v2a_engine.vta_ldm.encoders.clip import tiny_clip_config
from otio_v2a_engine.vta_ldm.text import tiny_clip_text_config
from otio_v2a_engine.weight_folders import hash_file, read_note, verify

WORDS = 600


@pytest.fixture(scope="module")
def release(reference: Callable[[str], ModuleType], quick_config: VtaLdmConfig) -> Any:
    unet, audio, clip, module = (reference(name) for name in ("unet", "audio", "clip", "release"))
    forms = module.forms(quick_config, unet=unet, audio=audio, clip=clip, words=WORDS)
    return module.make(
        unet=unet.shapes(forms["unet"]),
        vision=clip.vision_shapes(forms["vision"]),
        text=clip.text_shapes(forms["text"]),
        projection=(quick_config.embedding_dim, quick_config.encoder.feature_dim),
        vae=audio.vae_shapes(forms["vae"]),
        vocoder=audio.vocoder_shapes(forms["vocoder"]),
    )


@pytest.fixture
def released(tmp_path: Path, release: Any, reference: Callable[[str], ModuleType]) -> Path:
    return reference("release").write(tmp_path / "released", release)


@pytest.fixture
def converting(released: Path, tmp_path: Path, quick_config: VtaLdmConfig) -> Callable[[], Path]:
    def run() -> Path:
        convert(
            released,
            tmp_path / "made",
            config=quick_config,
            encoder_config=tiny_clip_config(),
            text_config=tiny_clip_text_config(WORDS),
        )
        return tmp_path / "made"

    return run


def change(path: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    value = torch.load(path, weights_only=True)
    edit(value.get("state_dict", value))
    torch.save(value, path)


def test_the_folder_says_what_it_is_and_where_it_came_from(converting: Callable[[], Path], released: Path) -> None:
    folder = converting()
    note = read_note(folder)
    assert note.kind == "vta-ldm"
    assert "CC-BY-NC-SA-4.0" in note.licence
    assert {source.name for source in note.sources} == {path.name for path in released.iterdir()}
    for source in note.sources:
        assert source.sha256 == hash_file(released / source.name)
        assert source.n_bytes == (released / source.name).stat().st_size
    assert {file.path for file in note.files} >= {
        "config.json",
        "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
        "vocoder/model.safetensors",
        "scheduler/scheduler_config.json",
        "projection/model.safetensors",
    }
    assert verify(folder) == ()
    assert read_checkpoint(folder).config.latent_scale == pytest.approx(0.87)
    assert not [path for path in folder.parent.iterdir() if "partial" in path.name]


def test_diffusers_reads_the_folder_too(converting: Callable[[], Path], release: Any) -> None:
    folder = converting()
    unet = UNet2DConditionModel.from_pretrained(str(folder / "unet"))
    assert torch.equal(unet.state_dict()["conv_in.weight"], release.unet["conv_in.weight"])
    vae = AutoencoderKL.from_pretrained(str(folder / "vae"))
    assert torch.equal(vae.state_dict()["decoder.conv_in.weight"], release.vae["decoder.conv_in.weight"])
    scheduler = DDPMScheduler.from_pretrained(str(folder / "scheduler"))
    scheduler.set_timesteps(300)
    # 300 published steps start here although the input is pure noise.
    assert scheduler.timesteps[0] == 898
    assert scheduler.config.prediction_type == "v_prediction"
    assert not scheduler.config.clip_sample


def test_without_the_vocabulary_prompts_cannot_be_read_and_the_note_says_so(converting: Callable[[], Path]) -> None:
    folder = converting()
    assert any("vocabulary" in remark for remark in read_note(folder).remarks)
    text = read_checkpoint(folder).text
    assert text is not None
    assert not text.reads


def test_with_the_vocabulary_prompts_are_read(converting: Callable[[], Path], released: Path, vocabulary: Path) -> None:
    shutil.copytree(vocabulary, released / "tokenizer")
    text = read_checkpoint(converting()).text
    assert text is not None
    one, other = text.embed(["rain"]), text.embed(["wind"])
    assert one.shape == (1, 24)
    assert not torch.equal(one, other)


def test_missing_files_are_named_with_publisher_and_licence(converting: Callable[[], Path], released: Path) -> None:
    (released / "audioldm-s-full.ckpt").unlink()
    (released / "pytorch_model_2.bin").unlink()
    with pytest.raises(WeightsError) as caught:
        converting()
    message = str(caught.value)
    assert "audioldm-s-full.ckpt" in message
    assert "CC-BY-NC-SA-4.0" in message
    assert "the authors' release named vta-ldm-clip4clip-v-large" in message
    assert "://" not in message


@pytest.mark.parametrize(
    ("file", "edit", "named"),
    [
        ("pytorch_model_2.bin", lambda t: t.pop("unet.conv_in.bias"), r"lacks unet\.conv_in\.bias"),
        ("pytorch_model_2.bin", lambda t: t.update(extra=torch.ones(1)), "unknown extra"),
        (
            "pytorch_model_2.bin",
            lambda t: t.update({"unet.conv_in.bias": torch.ones(3)}),
            r"unet\.conv_in\.bias \(3,\) instead of \(8,\)",
        ),
        ("pytorch_model.bin", lambda t: t["encoder.conv_in.bias"].add_(1), r"different.*encoder\.conv_in\.bias"),
        ("audioldm-s-full.ckpt", lambda t: t.pop("scale_factor"), "no positive scale_factor"),
        ("audioldm-s-full.ckpt", lambda t: t.update(scale_factor=torch.tensor(torch.nan)), "no positive scale_factor"),
        (
            "audioldm-s-full.ckpt",
            lambda t: t.update({"other.weight": torch.ones(1)}),
            r"unknown tensors: other\.weight",
        ),
    ],
)
def test_a_file_that_is_not_the_released_one_is_refused_by_name(
    converting: Callable[[], Path], released: Path, file: str, edit: Callable[[dict[str, Any]], None], named: str
) -> None:
    change(released / file, edit)
    with pytest.raises(WeightsError, match=named) as caught:
        converting()
    assert file in str(caught.value)
    assert not (released.parent / "made").exists()


class Hostile:
    """Would leave a mark where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return (Path.touch, (self.mark,))


def test_nothing_in_a_released_file_is_run(converting: Callable[[], Path], released: Path, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    torch.save({"state_dict": {"scale_factor": Hostile(mark)}}, released / "audioldm-s-full.ckpt")
    with pytest.raises(WeightsError, match=r"audioldm-s-full\.ckpt cannot be read as tensors alone"):
        converting()
    assert not mark.exists()


def test_a_truncated_file_is_refused(converting: Callable[[], Path], released: Path) -> None:
    path = released / "pytorch_model_2.bin"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(WeightsError, match=r"pytorch_model_2\.bin"):
        converting()


def test_an_existing_folder_is_never_written_over(converting: Callable[[], Path]) -> None:
    folder = converting()
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(WeightsError, match="exists already"):
        converting()
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_folder_with_a_tensor_too_few_is_refused(converting: Callable[[], Path]) -> None:
    from safetensors.torch import load_file, save_file

    folder = converting()
    path = folder / "vocoder" / "model.safetensors"
    tensors = load_file(path)
    del tensors["conv_post.bias"]
    save_file(tensors, path)
    with pytest.raises(WeightsError, match=r"conv_post\.bias"):
        read_checkpoint(folder)


def test_a_configuration_that_does_not_add_up_is_refused(converting: Callable[[], Path]) -> None:
    folder = converting()
    path = folder / "config.json"
    plain = json.loads(path.read_text())
    plain["vocoder"]["rates"] = [2, 2]
    path.write_text(json.dumps(plain))
    with pytest.raises(WeightsError, match="samples a frame"):
        read_checkpoint(folder)


def test_configurations_survive_json(quick_config: VtaLdmConfig) -> None:
    for config in (VtaLdmConfig.published(), quick_config, replace(quick_config, text=None)):
        assert VtaLdmConfig.from_json(config.to_json()) == config


def test_the_program_says_what_is_missing_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), str(tmp_path / "made")]) == 2
    assert "pytorch_model_2.bin" in capsys.readouterr().err
