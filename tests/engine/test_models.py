"""The networks and the signal chain around them, each on its own."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from otio_v2a_engine.contract import Role
from otio_v2a_engine.models.codec import LATENT_DIM, PcaCodec, fit_pca
from otio_v2a_engine.models.flow import EVENT_SLOTS, Conditions, FlowConfig, FlowModel, PictureEncoder, event_traces
from otio_v2a_engine.models.level import CEILING, limit
from otio_v2a_engine.models.mel import FLOOR, HOP, MEL_BANDS, SAMPLE_RATE, filterbank, log_mel
from otio_v2a_engine.models.motion import cut_flags, motion_maps, token_times
from otio_v2a_engine.models.refine import refine
from otio_v2a_engine.models.stereo import pan_track, to_stereo
from otio_v2a_engine.models.timbre import TIMBRE
from otio_v2a_engine.models.vocoder import NOISE_CHANNELS, Vocoder
from otio_v2a_engine.simulate.bank import Bank
from otio_v2a_engine.simulate.scene import make_scene
from otio_v2a_engine.weights import read_weights

TINY = FlowConfig(latent=8, width=32, heads=2, layers=2, picture=16)


@pytest.fixture(scope="module")
def effects() -> np.ndarray:
    return make_scene(np.random.default_rng([1, 3]), bank=Bank(None), seconds=4).stems[Role.FX]


def test_log_mel_of_a_full_scale_sine_is_near_zero_and_of_silence_is_the_floor() -> None:
    n = SAMPLE_RATE // 2
    sine = np.sin(2 * np.pi * 1000 * np.arange(n) / SAMPLE_RATE).astype(np.float32)
    assert -0.75 < float(log_mel(sine)[10:-10].max()) < 0.05
    assert np.allclose(log_mel(np.zeros(n, np.float32)), FLOOR)
    assert log_mel(sine).shape == (n // HOP, MEL_BANDS)
    assert (filterbank().sum(1) > 0.99).all()


def test_codec_that_ships_keeps_a_sound_within_two_decibels(effects: np.ndarray) -> None:
    codec = PcaCodec(**read_weights("small").part("codec"))
    mel = torch.from_numpy(log_mel(effects))
    error_db = 20 * float((codec.decode(codec.encode(mel)) - mel).abs().mean())
    assert error_db < 2.0


def test_codec_is_exact_for_sound_within_its_components() -> None:
    codec = fit_pca(torch.randn(40, 64, MEL_BANDS, generator=torch.Generator().manual_seed(0)))
    latents = torch.randn(3, 5, LATENT_DIM) * 0.1
    assert torch.allclose(codec.encode(codec.decode(latents)), latents, atol=1e-3)


def test_a_thing_that_moves_right_has_flow_to_the_right_and_a_still_picture_has_none() -> None:
    rng = np.random.default_rng(0)
    wide = rng.integers(0, 255, (56, 140, 1)).astype(np.float32).repeat(3, 2)
    wide = (wide + np.roll(wide, 1, 0) + np.roll(wide, 1, 1)) / 3
    frames = np.stack([wide[:, 30 - k : 126 - k] for k in range(5)]).astype(np.uint8)
    maps = motion_maps(frames)
    assert maps.shape == (5, 8, 7, 12)
    assert float(maps[1:, 3].mean()) > 0.2
    assert abs(float(maps[1:, 4].mean())) < 0.1
    still = motion_maps(np.repeat(frames[:1], 4, axis=0))
    assert not still[:, :5].any()


def test_motion_is_masked_around_a_flagged_cut() -> None:
    flags = cut_flags([Fraction(2, 5)], 20)
    assert flags.sum() >= 1
    assert flags[10] == 1
    frames = np.zeros((20, 56, 96, 3), np.uint8)
    frames[10:] = 200
    assert motion_maps(frames)[10, 0].any()
    assert not motion_maps(frames, flags)[:, :5].any()


def test_tokens_look_at_the_middle_of_their_forty_milliseconds() -> None:
    assert token_times(2) == [Fraction(1, 50), Fraction(3, 50)]


def _conditions(batch: int, n_tokens: int, *, see: bool = True, read: bool = True, avoid: bool = False) -> Conditions:
    return Conditions(
        picture=torch.randn(batch, n_tokens, TINY.picture),
        text=torch.randn(batch, TINY.text),
        role=torch.zeros(batch, dtype=torch.long),
        see=torch.full((batch, n_tokens), see),
        read=torch.full((batch,), read),
        events=torch.zeros(batch, n_tokens, EVENT_SLOTS + 1),
        negative=torch.randn(batch, TINY.text),
        avoid=torch.full((batch,), avoid),
        timbre=torch.randn(batch, TIMBRE),
        known=torch.zeros(batch, dtype=torch.bool),
    )


def _alive(model: FlowModel) -> FlowModel:
    """Fresh weights everywhere: a model that starts at zero would pass any test of what it ignores."""
    generator = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        parameter.data = 0.2 * torch.randn(parameter.shape, generator=generator)
    return model


@pytest.mark.parametrize("n_tokens", [1, 7, 250])
def test_flow_model_takes_any_length(n_tokens: int) -> None:
    velocity = _alive(FlowModel(TINY))(torch.randn(2, n_tokens, 8), torch.rand(2), _conditions(2, n_tokens))
    assert velocity.shape == (2, n_tokens, 8)


def test_flow_model_does_not_see_a_picture_or_read_a_text_that_is_dropped() -> None:
    model, x, t = _alive(FlowModel(TINY)), torch.randn(1, 9, 8), torch.rand(1)
    one, other = _conditions(1, 9), _conditions(1, 9)
    assert not torch.allclose(model(x, t, one), model(x, t, other))
    blind = [model(x, t, replace(c, see=~c.see, read=~c.read)) for c in (one, other)]
    assert torch.equal(*blind)


def test_flow_model_hears_of_what_to_avoid_only_where_it_is_said() -> None:
    model, x, t = _alive(FlowModel(TINY)), torch.randn(1, 9, 8), torch.rand(1)
    one = _conditions(1, 9)
    other = replace(one, negative=torch.randn(1, TINY.text))
    assert torch.equal(model(x, t, one), model(x, t, other))
    one, other = (replace(c, avoid=~c.avoid) for c in (one, other))
    assert not torch.allclose(model(x, t, one), model(x, t, other))


def test_flow_model_is_told_a_timbre_only_where_one_is_known() -> None:
    model, x, t = _alive(FlowModel(TINY)), torch.randn(1, 9, 8), torch.rand(1)
    one = _conditions(1, 9)
    other = replace(one, timbre=torch.randn(1, TIMBRE))
    assert torch.equal(model(x, t, one), model(x, t, other))
    one, other = (replace(c, known=~c.known) for c in (one, other))
    assert not torch.allclose(model(x, t, one), model(x, t, other))


def test_flow_model_hears_of_events() -> None:
    model, x, t, told = _alive(FlowModel(TINY)), torch.randn(1, 9, 8), torch.rand(1), _conditions(1, 9)
    events = told.events.clone()
    events[0, 4, 2] = events[0, :, EVENT_SLOTS] = 1.0
    assert not torch.allclose(model(x, t, told), model(x, t, replace(told, events=events)))


def test_traces_of_an_event_are_highest_where_it_begins_and_fade_away_from_it() -> None:
    events = torch.zeros(1, 40, EVENT_SLOTS + 1)
    assert float(event_traces(events).max()) < 1e-3
    events[0, 20, 1] = 0.5
    traces = event_traces(events)[0]
    after, before = traces[:, :3], traces[:, 3:]
    assert torch.allclose(traces[20], torch.full((5,), 0.5), atol=1e-5)
    assert (after[20:28].diff(dim=0) < 0).all()
    assert (before[13:21].diff(dim=0) > 0).all()
    assert float(after[:20].max()) < 1e-3
    assert float(before[21:].max()) < 1e-3
    events[0, 30, 0] = 0.5  # the later one is heard anew
    assert torch.allclose(event_traces(events)[0, 30, :3], torch.full((3,), 0.5), atol=1e-5)


def test_picture_encoder_has_one_vector_and_four_onset_slots_a_token() -> None:
    vectors, onsets = PictureEncoder(width=16, kinds=3)(torch.randn(2, 11, 8, 7, 12), torch.zeros(2, 11))
    assert vectors.shape == (2, 11, 16)
    assert onsets.shape == (2, 11, 4)


def test_vocoder_gives_480_samples_a_frame_and_refining_brings_them_to_their_mel(effects: np.ndarray) -> None:
    weights = read_weights("small")
    vocoder = Vocoder(**weights.note["config"]["vocoder"]).eval()
    vocoder.load_state_dict(weights.part("vocoder"))
    mel = torch.from_numpy(log_mel(effects))
    noise = torch.randn(1, len(mel), NOISE_CHANNELS, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        raw = vocoder(mel[None], noise)[0]
    assert raw.shape == (len(mel) * HOP,)
    errors = [20 * float(np.abs(log_mel(sound.numpy()) - mel.numpy()).mean()) for sound in (raw, refine(raw, mel))]
    assert errors[1] < 0.7 * errors[0]
    assert errors[1] < 2.5


def test_momentum_brings_the_vocoders_sound_nearer_to_its_mel_in_as_many_rounds(effects: np.ndarray) -> None:
    mel = torch.from_numpy(log_mel(effects))
    weights = read_weights("small")
    vocoder = Vocoder(**weights.note["config"]["vocoder"]).eval()
    vocoder.load_state_dict(weights.part("vocoder"))
    noise = torch.randn(1, len(mel), NOISE_CHANNELS, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        raw = vocoder(mel[None], noise)[0]
    plain, faster = (
        float(np.abs(log_mel(refine(raw, mel, rounds=8, momentum=momentum).numpy()) - mel.numpy())[mel > -3.5].mean())
        for momentum in (0.0, 0.8)
    )
    assert faster < 0.9 * plain, (faster, plain)


def test_refining_takes_out_the_rumble_that_no_band_of_the_mel_hears(effects: np.ndarray) -> None:
    mel = torch.from_numpy(log_mel(effects))
    rumbling = torch.from_numpy(effects) + 0.1
    assert abs(float(refine(rumbling, mel, rounds=3).mean())) < 0.01


def test_stereo_sums_back_to_its_mono_and_pans_towards_the_movement() -> None:
    mono = np.random.default_rng(0).standard_normal(19200).astype(np.float32) * 0.1
    energy = np.zeros((10, 12), np.float32)
    energy[:, 10:] = 1.0
    pan = pan_track(energy, len(mono), reach=0.35)
    assert 0.1 < float(pan[-1]) <= 0.35
    stereo = to_stereo(mono, width=0.5, pan=pan)
    assert np.allclose(stereo.mean(0), mono, atol=1e-5)
    assert float(np.abs(stereo[0] - stereo[1]).max()) > 0.05
    right_heavy = to_stereo(mono, width=0.0, pan=pan)
    assert np.square(right_heavy[1]).sum() > np.square(right_heavy[0]).sum()


def test_limiter_holds_the_ceiling_without_touching_what_is_far_from_a_peak() -> None:
    sound = np.random.default_rng(0).standard_normal((2, 48000)).astype(np.float32) * 0.05
    sound[0, 24000] = 3.0
    limited = limit(sound)
    assert float(np.abs(limited).max()) <= CEILING
    assert np.array_equal(limited[:, :23000], sound[:, :23000])
    assert np.array_equal(limited[:, 25000:], sound[:, 25000:])
    gain = limited[1, 23000:25000] / sound[1, 23000:25000]
    assert float(np.abs(np.diff(gain)).max()) < 0.02
    assert np.array_equal(limit(0.1 * sound), 0.1 * sound)


def test_limited_windows_of_a_long_sound_agree_where_they_overlap() -> None:
    sound = np.random.default_rng(1).standard_normal((1, 30000)).astype(np.float32) * 0.4
    whole = limit(sound)
    part = limit(sound[:, 10000:20000])
    assert np.allclose(part[:, 500:-500], whole[:, 10500:19500], atol=1e-6)


@pytest.mark.slow
def test_sentence_encoder_equals_the_published_one_in_transformers() -> None:
    from transformers import AutoTokenizer
    from transformers.models.bert.modeling_bert import BertModel

    from otio_v2a_engine import conditioning

    folder = conditioning.sentence_folder()
    tokenizer, model = AutoTokenizer.from_pretrained(folder), BertModel.from_pretrained(folder).eval()
    sentence = "Heavy footsteps on gravel, then a door slams — éclat!"
    with torch.no_grad():
        hidden = model(**tokenizer(sentence, return_tensors="pt")).last_hidden_state[0].mean(0)
    ours = conditioning.SentenceEncoder().embed([sentence])[0]
    assert torch.allclose(ours, torch.nn.functional.normalize(hidden, dim=0), atol=1e-5)
