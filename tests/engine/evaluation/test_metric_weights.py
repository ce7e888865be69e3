"""Weights of the metrics: named when missing, converted strictly, never unpickled."""

import json
import pickle  # noqa: TID251 - to show that it is refused
from pathlib import Path

import numpy as np
import pytest
import torch

from otio_v2a_engine.contract import WeightsError
from otio_v2a_engine.evaluation.clap import Clap
from otio_v2a_engine.evaluation.networks import CavpSound, Cnn14, Vggish
from otio_v2a_engine.evaluation.weights import WEIGHTS, convert, load, missing


def small_cnn14() -> Cnn14:
    return Cnn14(width=1)


def test_every_missing_weight_is_named_with_source_licence_and_what_to_do(tmp_path: Path) -> None:
    for needed in WEIGHTS:
        words = needed.words(tmp_path)
        assert str(tmp_path / needed.path) in words
        for part in (needed.published, needed.source, needed.licence):
            assert part in words
    assert [n.name for n in missing(tmp_path, metrics=("kl", "av_align"))] == ["panns"]
    assert [n.name for n in missing(None, metrics=("fad", "clap"))] == ["vggish", "clap"]
    with pytest.raises(WeightsError, match="torchvggish"):
        load("vggish", tmp_path)


def test_a_published_file_is_converted_with_its_hash_and_loads(tmp_path: Path) -> None:
    network = small_cnn14()
    tensors = {f"module.{key}": value for key, value in network.state_dict().items()}
    tensors["module.logmel_extractor.melW"] = torch.zeros(257, 64)
    published = tmp_path / "Cnn14.pth"
    torch.save({"model": tensors, "iteration": 3}, published)
    path = convert("panns", published, tmp_path / "weights", build=small_cnn14)
    note = json.loads(path.with_suffix(".json").read_text())
    assert (note["published"], note["licence"], len(note["sha256"])) == ("Cnn14.pth", "CC BY 4.0", 64)
    loaded = load("panns", tmp_path / "weights", build=small_cnn14)
    assert torch.equal(loaded.state_dict()["fc1.weight"], network.fc1.weight)
    assert not loaded.training


def test_cavp_keeps_both_halves_and_loads_its_sound(tmp_path: Path) -> None:
    sound = CavpSound(width=1, dim=8)
    tensors = {f"module.spec_encoder.{key}": value for key, value in sound.state_dict().items()}
    tensors |= {"module.video_project_head.weight": torch.ones(2, 2), "module.logit_scale": torch.ones(())}
    published = tmp_path / "cavp.ckpt"
    torch.save({"state_dict": tensors}, published)
    convert("cavp", published, tmp_path, build=lambda: CavpSound(width=1, dim=8))
    loaded = load("cavp", tmp_path, build=lambda: CavpSound(width=1, dim=8))
    assert torch.equal(loaded.state_dict()["final_project.bias"], sound.final_project.bias)


def test_another_networks_weights_are_refused(tmp_path: Path) -> None:
    published = tmp_path / "wrong.pth"
    torch.save(Vggish(width=1).state_dict(), published)
    with pytest.raises(WeightsError, match="panns"):
        convert("panns", published, tmp_path, build=small_cnn14)
    assert not (tmp_path / "panns.safetensors").exists()


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (tmp_path / "harm",))  # type: ignore[return-value]

    published = tmp_path / "harm.pth"
    published.write_bytes(pickle.dumps(Harm()))
    with pytest.raises(WeightsError, match="plain tensors"):
        convert("vggish", published, tmp_path)
    assert not (tmp_path / "harm").exists()


def test_only_known_weights_are_converted(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="vggish, panns, cavp"):
        convert("clap", tmp_path / "x", tmp_path)


@pytest.fixture(scope="module")
def clap_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny CLAP with random weights, as transformers saves one."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import ClapConfig, ClapFeatureExtractor, ClapModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("clap")
    torch.manual_seed(1)
    config = ClapConfig(
        text_config={
            "vocab_size": 64, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
            "intermediate_size": 16, "max_position_embeddings": 40,
        },
        audio_config={
            "patch_embeds_hidden_size": 16, "hidden_size": 32, "depths": [1, 1], "num_attention_heads": [2, 2],
            "num_mel_bins": 64, "spec_size": 128, "window_size": 4, "num_hidden_layers": 2,
        },
        projection_dim=8,
    )  # fmt: skip
    ClapModel(config).save_pretrained(folder)
    ClapFeatureExtractor(
        sampling_rate=48000, hop_length=480, max_length_s=1, fft_window_size=1024, truncation="rand_trunc",
        padding="repeatpad", frequency_max=14000,
    ).save_pretrained(folder)  # fmt: skip
    words = [
        "<s>",
        "<pad>",
        "</s>",
        "<unk>",
        "the",
        "sound",
        "is",
        "clear",
        "and",
        "clean.",
        "noisy",
        "with",
        "artifacts.",
    ]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>")
    fast.save_pretrained(folder)
    return folder


def test_clap_embeds_sounds_and_sentences_in_one_space(clap_folder: Path) -> None:
    clap = Clap(clap_folder)
    assert clap.sample_rate == 48000
    rng = np.random.default_rng(1)
    sounds = clap.sounds([rng.standard_normal(30000).astype(np.float32), np.zeros(90000, np.float32)])
    texts = clap.texts(["the sound is clear", "noisy"])
    assert sounds.shape == texts.shape == (2, 8)
    assert np.allclose(np.linalg.norm(texts, axis=1), 1, atol=1e-5)
    assert np.allclose(clap.texts(["noisy"])[0], texts[1], atol=1e-5)
    assert clap.scale > 0


def test_a_folder_that_is_no_clap_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(WeightsError, match="CLAP"):
        Clap(tmp_path)
