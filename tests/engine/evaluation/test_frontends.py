"""Front ends and networks of the published metrics."""

import numpy as np
import pytest
import torch

from otio_v2a_engine.evaluation.frontends import cavp_mel, panns_mel, vggish_examples
from otio_v2a_engine.evaluation.networks import CavpSound, Cnn14, Vggish


def sine(hz: float, seconds: float, level: float = 0.5) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hz * np.arange(round(16000 * seconds)) / 16000)).astype(np.float32)


def test_vggish_cuts_examples_of_96_frames_and_drops_the_rest() -> None:
    # 1 + (n - 400) // 160 frames: 2 s have 198, two examples; 0.975 s have exactly 96.
    assert vggish_examples(sine(440, 2.0)).shape == (2, 1, 96, 64)
    assert vggish_examples(sine(440, 0.975)).shape == (1, 1, 96, 64)
    assert vggish_examples(sine(440, 0.974)).shape == (0, 1, 96, 64)
    assert vggish_examples(np.zeros(100, np.float32)).shape == (0, 1, 96, 64)


def test_vggish_hears_silence_as_the_log_of_its_offset() -> None:
    assert vggish_examples(np.zeros(16000, np.float32)).unique().tolist() == pytest.approx([np.log(0.01)])


def test_vggish_hears_a_sine_in_the_band_of_its_htk_mel() -> None:
    # 1127 ln(1 + hz / 700) from 125 to 7500 Hz in 65 steps: 1 kHz lies at (1000.0 - 185.2) / 40.8 = 20.0 edges.
    low, high, at = (1127 * np.log(1 + hz / 700) for hz in (125, 7500, 1000))
    band = round((at - low) / ((high - low) / 65)) - 1
    example = vggish_examples(sine(1000, 1.0))[0, 0]
    assert set(example.argmax(1).tolist()) <= {band - 1, band, band + 1}


def test_panns_mel_is_power_in_decibel_above_its_floor() -> None:
    mel = panns_mel(sine(1000, 1.0))
    assert mel.shape == (1, 1, 101, 64)
    assert panns_mel(np.zeros(16000, np.float32)).unique().tolist() == pytest.approx([-100.0])
    louder = panns_mel(sine(1000, 1.0, level=0.05))
    assert float((mel - louder).amax()) == pytest.approx(20.0, abs=0.01)


def test_cavp_mel_lies_between_0_and_1() -> None:
    mel = cavp_mel(sine(1000, 1.024))
    assert mel.shape == (1, 1, 65, 128)
    assert 0 == mel.min() < mel.max() <= 1
    assert cavp_mel(np.zeros(16000, np.float32)).max() == 0


def test_vggish_has_the_published_size_and_its_vector_is_channels_last() -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in Vggish().parameters()) == 72_141_184
    small = Vggish(width=2).eval()
    examples = torch.rand(1, 1, 96, 64)
    features = small.features(examples)
    assert features.shape == (1, 16, 6, 4)
    heard = []
    small.embeddings[0].register_forward_pre_hook(lambda _, inputs: heard.append(inputs[0]))
    assert small(examples).shape == (1, 128)
    row, column, channel = 3, 1, 9
    assert heard[0][0, (row * 4 + column) * 16 + channel] == features[0, channel, row, column]


def test_cnn14_pools_time_by_its_largest_plus_its_mean() -> None:
    with torch.device("meta"):
        network = Cnn14()
        assert (network.fc1.in_features, network.fc_audioset.out_features) == (2048, 527)
    torch.manual_seed(0)
    small = Cnn14(width=1).eval()
    mel = torch.randn(2, 1, 96, 64)
    embedding, logits = small(mel)
    x = small.body(mel, small.bn0, ((2, 2),) * 5 + ((1, 1),))
    assert x.shape == (2, 32, 3)
    assert torch.allclose(embedding, torch.relu(small.fc1(x.max(2).values + x.mean(2))))
    assert torch.equal(logits, small.fc_audioset(embedding))


def test_cavp_sound_makes_a_feature_every_16_frames() -> None:
    small = CavpSound(width=1, dim=8).eval()
    assert small(torch.rand(1, 1, 256, 128)).shape == (1, 16, 8)
