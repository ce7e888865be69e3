"""Visual encoders are read from their publishers' files on this machine, or refused by name."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    VivitConfig,
    VivitModel,
    VJEPA2Config,
    VJEPA2Model,
)

from otio_v2a_engine.contract import WeightsError
from otio_v2a_engine.vta_ldm.config import EncoderSettings
from otio_v2a_engine.vta_ldm.encoders.build import build_encoder
from otio_v2a_engine.vta_ldm.encoders.cavp import tiny_cavp_config
from otio_v2a_engine.vta_ldm.encoders.clip import tiny_clip_config
from otio_v2a_engine.vta_ldm.encoders.local import load_encoder
from otio_v2a_engine.vta_ldm.encoders.vivit import tiny_vivit_config
from otio_v2a_engine.vta_ldm.encoders.vjepa import tiny_vjepa_config

FRAMES = torch.rand(1, 4, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def settings(kind: str, feature_dim: int = 24) -> EncoderSettings:
    return EncoderSettings(kind=kind, feature_dim=feature_dim, image_size=32)


def library_model(kind: str) -> torch.nn.Module:
    torch.manual_seed(3)
    if kind == "clip":
        return CLIPVisionModelWithProjection(CLIPVisionConfig(**tiny_clip_config())).eval()
    if kind == "vivit":
        return VivitModel(VivitConfig(**tiny_vivit_config()), add_pooling_layer=False).eval()
    smallest = {"pred_hidden_size": 12, "pred_num_attention_heads": 1, "pred_num_hidden_layers": 1}
    return VJEPA2Model(VJEPA2Config(**tiny_vjepa_config(), **smallest)).eval()


@pytest.mark.parametrize("kind", ["clip", "vjepa", "vivit"])
def test_a_folder_of_transformers_is_read(kind: str, tmp_path: Path) -> None:
    model = library_model(kind)
    model.save_pretrained(tmp_path)
    found = load_encoder(settings(kind), tmp_path)
    again = build_encoder(settings(kind), found.config).eval()
    own = {name: tensor for name, tensor in model.state_dict().items() if not name.startswith("predictor.")}
    again.network.load_state_dict(own)
    with torch.no_grad():
        assert torch.equal(found.encoder(FRAMES), again(FRAMES))
    assert not any(parameter.requires_grad for parameter in found.encoder.parameters())


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_publishers_file_is_read(suffix: str, tmp_path: Path) -> None:
    torch.manual_seed(3)
    made = build_encoder(settings("cavp"), tiny_cavp_config()).eval()
    path = tmp_path / f"cavp{suffix}"
    tensors = dict(made.network.state_dict())
    if suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save({"state_dict": {f"module.{name}": tensor for name, tensor in tensors.items()}}, path)
    found = load_encoder(settings("cavp"), path, config=tiny_cavp_config())
    with torch.no_grad():
        assert torch.equal(found.encoder(FRAMES), made(FRAMES))


def test_what_is_not_there_or_not_it_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="nowhere"):
        load_encoder(settings("clip"), tmp_path / "nowhere")
    with pytest.raises(WeightsError, match=r"none\.pth"):
        load_encoder(settings("cavp"), tmp_path / "none.pth")
    (tmp_path / "bad.safetensors").write_bytes(b"not tensors")
    with pytest.raises(WeightsError, match=r"bad\.safetensors"):
        load_encoder(settings("imagebind"), tmp_path / "bad.safetensors")
    library_model("clip").save_pretrained(tmp_path / "clip")
    with pytest.raises(WeightsError, match="24 numbers, not 25"):
        load_encoder(settings("clip", 25), tmp_path / "clip")
