"""The mel spectrogram is AudioLDM's: checked against its definition, and against transformers' filters."""

import numpy as np
import pytest
import torch
from transformers.audio_utils import mel_filter_bank

from otio_v2a_engine.vta_ldm.config import MelSettings
from otio_v2a_engine.vta_ldm.mel import log_mel, mel_filters

SETTINGS = MelSettings()


def test_bands_are_slaneys_with_equal_areas() -> None:
    expected = mel_filter_bank(
        num_frequency_bins=513,
        num_mel_filters=64,
        min_frequency=0.0,
        max_frequency=8000.0,
        sampling_rate=16000,
        norm="slaney",
        mel_scale="slaney",
    ).T
    np.testing.assert_allclose(mel_filters(SETTINGS).numpy(), expected, atol=1e-7)


def test_a_window_of_sound_is_1024_frames_of_64_bands() -> None:
    sound = 0.1 * torch.randn(2, 1024 * 160, generator=torch.Generator().manual_seed(1))
    assert log_mel(sound, SETTINGS).shape == (2, 1, 1024, 64)


def test_each_frame_is_the_windowed_spectrum_around_its_hop() -> None:
    rng = np.random.default_rng(1)
    sound = 0.1 * rng.standard_normal(16000)
    found = log_mel(torch.from_numpy(sound).float()[None], SETTINGS)[0, 0].numpy()
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1024) / 1024)
    filters = mel_filters(SETTINGS).double().numpy()
    padded = np.pad(sound, 512, mode="reflect")
    for frame in (0, 1, 50, 99):
        spectrum = np.abs(np.fft.rfft(padded[frame * 160 : frame * 160 + 1024] * window))
        np.testing.assert_allclose(found[frame], np.log(np.maximum(filters @ spectrum, 1e-5)), atol=2e-4)


def test_silence_is_the_floor_and_too_loud_is_cut() -> None:
    assert log_mel(torch.zeros(1, 1600), SETTINGS).unique().item() == pytest.approx(np.log(1e-5), rel=1e-6)
    loud = 3 * torch.sin(torch.arange(3200) * 0.1)[None]
    torch.testing.assert_close(log_mel(loud, SETTINGS), log_mel(loud.clamp(-1, 1), SETTINGS))
