"""The detector of speech and music among effects: what it hears, what it is asked for, what it leaves alone."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from otio_v2a_engine.bleed import BleedDetector, split
from otio_v2a_engine.bleed_note import HEARD_FROM, Bleed, read_bleed_note
from otio_v2a_engine.contract import PromptSpec, Role, WeightsError
from otio_v2a_engine.models.bleed import MEL_SHAPE, RATE, TONE_SHAPE, WINDOW, BleedNetwork, pictures
from otio_v2a_engine.simulate.bank import Bank
from otio_v2a_engine.simulate.scene import sound_of
from otio_v2a_engine.training.bleed import BleedRun, draw_stems, train, windows
from otio_v2a_engine.training.bleed_measures import at_level
from otio_v2a_engine.weights import FOLDER, read_weights

FULL = 48000
Sound = npt.NDArray[np.float32]


def _sound(name: str, *, seed: int, seconds: float = 5.0) -> Sound:
    return sound_of(np.random.default_rng([991, seed]), name, bank=Bank(None), seconds=seconds)


@pytest.fixture(scope="module")
def detector() -> BleedDetector:
    return BleedDetector()


@pytest.fixture(scope="module")
def clean() -> dict[str, Sound]:
    """Effects and ambiences that nothing was trained on."""
    names = ("steps_wood", "metal", "rain", "glass", "pouring", "wind", "punch", "fire")
    return {name: _sound(name, seed=1) for name in names}


def _heard(detector: BleedDetector, sound: Sound, text: str = "something happens", rate: int = FULL) -> Bleed:
    bleed = detector.bleed(sound, rate, PromptSpec(text))
    assert bleed is not None
    return bleed


def test_speech_among_steps_is_heard_and_the_steps_alone_are_clean(
    detector: BleedDetector, clean: dict[str, Sound]
) -> None:
    speech = _sound("woman", seed=2)
    mixed = at_level(clean["steps_wood"], speech, 5)
    assert _heard(detector, mixed, "footsteps on a wooden floor").heard[0][0] == "speech"
    assert _heard(detector, clean["steps_wood"], "footsteps on a wooden floor").heard == ()


def test_music_under_rain_is_heard_and_the_rain_alone_is_clean(
    detector: BleedDetector, clean: dict[str, Sound]
) -> None:
    music = _sound("piano", seed=3)
    assert "music" in dict(_heard(detector, at_level(clean["rain"], music, 5), "heavy rain").heard)
    assert _heard(detector, clean["rain"], "heavy rain").heard == ()


def test_most_speech_and_music_is_found_and_clean_effects_are_left_alone(
    detector: BleedDetector, clean: dict[str, Sound]
) -> None:
    alarms = [name for name, sound in clean.items() if _heard(detector, sound).heard]
    assert len(alarms) <= 1, alarms
    for name, kinds in (
        ("speech", ("man", "woman", "child", "shout")),
        ("music", ("strings", "organ", "band", "synth")),
    ):
        found = [
            name in dict(_heard(detector, at_level(rest, _sound(kind, seed=4), 5)).heard)
            for kind in kinds
            for rest in (clean["metal"], clean["fire"])
        ]
        assert sum(found) >= 6, (name, found)


def test_a_short_word_in_a_long_take_is_found(detector: BleedDetector, clean: dict[str, Sound]) -> None:
    word = _sound("man", seed=5, seconds=2.0)
    take = np.concatenate([clean["steps_wood"], clean["punch"], word, clean["steps_wood"], clean["punch"]])
    assert "speech" in dict(_heard(detector, take.astype(np.float32)).heard)


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000, 96000])
def test_a_sound_of_any_rate_is_heard_alike(detector: BleedDetector, clean: dict[str, Sound], rate: int) -> None:
    import soxr

    mixed = at_level(clean["metal"], _sound("man", seed=6), 6)
    at_rate = soxr.resample(mixed, FULL, rate).astype(np.float32)
    assert "speech" in dict(_heard(detector, at_rate, rate=rate).heard)


def test_level_does_not_matter(detector: BleedDetector, clean: dict[str, Sound]) -> None:
    mixed = at_level(clean["metal"], _sound("man", seed=6), 0)
    loud, quiet = (_heard(detector, mixed * np.float32(gain)) for gain in (1.0, 0.05))
    assert loud.speech == pytest.approx(quiet.speech, abs=0.05)
    assert loud.music == pytest.approx(quiet.music, abs=0.05)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("crowd talking", {"speech"}), ("busy cafe with people", {"speech"}),
        ("a radio in the kitchen", {"speech", "music"}),
        ("drum roll", {"music"}), ("the church bell tolls", {"music"}), ("cymbal swell", {"music"}),
        ("stadium cheering", {"speech"}), ("a person sneezes", {"speech"}), ("steps and people talking", {"speech"}),
        ("footsteps on gravel", set()), ("a car passes by", set()), ("birds singing in a forest", set()),
        ("rain on a tin roof", set()), ("glass breaking", set()), ("sword fight", set()), ("dog barking", set()),
        ("keyboard typing", set()), ("", set()),
    ],
)  # fmt: skip
def test_a_prompt_says_whether_it_asks_for_voices_or_music(detector: BleedDetector, text: str, asked: set[str]) -> None:
    assert detector.asked(text) == asked


def test_what_is_asked_for_is_not_held_against_a_take(detector: BleedDetector) -> None:
    speech, music = _sound("woman", seed=7), _sound("beat", seed=7)
    assert _heard(detector, speech, "footsteps").speech is not None
    assert _heard(detector, speech, "a crowd talking").speech is None
    assert "speech" not in dict(_heard(detector, speech, "a crowd talking").heard)
    assert _heard(detector, music, "drum roll").music is None


@pytest.mark.parametrize("role", [Role.MUS, Role.DX])
def test_music_and_dialogue_are_not_checked(detector: BleedDetector, role: Role) -> None:
    assert detector.bleed(_sound("man", seed=8), FULL, PromptSpec("anything", role=role)) is None


@pytest.mark.parametrize("sound", [np.zeros(0), np.zeros(FULL), np.full(FULL, 1e-5), np.ones(100)])
def test_silence_and_next_to_no_sound_give_nothing(detector: BleedDetector, sound: Sound) -> None:
    assert detector.bleed(sound.astype(np.float32), FULL, PromptSpec("footsteps")) is None


def test_numbers_that_are_none_are_heard_as_silence(detector: BleedDetector) -> None:
    sound = np.random.default_rng(0).uniform(-0.1, 0.1, 3 * FULL).astype(np.float32)
    sound[1000:2000] = np.nan
    bleed = detector.bleed(sound, FULL, PromptSpec("wind"))
    assert bleed is not None
    assert bleed.heard == ()


def test_windows_reach_the_end_and_faint_ones_are_left_out() -> None:
    rng = np.random.default_rng(1)
    sound = rng.uniform(-0.5, 0.5, 10 * RATE).astype(np.float32)
    parts = split(sound, RATE)
    assert np.array_equal(parts[0], sound[:WINDOW])
    assert np.array_equal(parts[-1], sound[-WINDOW:])
    assert len(parts) == 6
    sound[: 6 * RATE] *= 1e-3
    assert len(split(sound, RATE)) < 6
    assert [len(part) for part in split(sound[-RATE:], RATE)] == [WINDOW]
    assert len(split(np.ones(700 * RATE, np.float32), RATE)) == 400


def test_pictures_have_their_shapes_and_do_not_know_the_level() -> None:
    sound = np.random.default_rng(2).uniform(-0.5, 0.5, WINDOW).astype(np.float32)
    loud, quiet = pictures(sound), pictures(sound * np.float32(0.01))
    assert [picture.shape for picture in loud] == [MEL_SHAPE, TONE_SHAPE]
    for a, b in zip(loud, quiet, strict=True):
        assert np.abs(a.astype(int) - b.astype(int)).max() <= 2
    assert not pictures(np.zeros(WINDOW, np.float32))[1].std()


def test_a_steady_tone_stands_out_in_its_row_and_noise_does_not() -> None:
    t = np.arange(WINDOW) / RATE
    tone = pictures(np.sin(2 * np.pi * 440 * t).astype(np.float32))[1]
    assert int(tone[20].argmax()) == 48  # two octaves of 24 above 110 Hz
    noise = pictures(np.random.default_rng(3).standard_normal(WINDOW).astype(np.float32))[1]
    assert tone[20].max() > noise.mean() + 100


def test_what_ships_is_small_checked_and_says_how_it_was_trained() -> None:
    weights = read_weights("bleed")
    assert weights.note["bytes"] == (FOLDER / "bleed.safetensors").stat().st_size <= 300_000
    assert weights.note["licence"] == "Apache-2.0"
    assert " bleed " in weights.note["training"]["commands"][0]
    assert read_bleed_note().version == weights.note["sha256"][:12]
    for name in ("speech", "music"):
        assert weights.note["figures"]["stems"][name]["alarms"] < 0.03
        assert weights.note["figures"][f"{name}_found"]["+5 dB"]["found"] > 0.7


def test_one_flipped_byte_is_refused_with_the_file_named(tmp_path: Path) -> None:
    for suffix in ("safetensors", "json"):
        shutil.copy(FOLDER / f"bleed.{suffix}", tmp_path)
    data = bytearray((tmp_path / "bleed.safetensors").read_bytes())
    data[-5] ^= 1
    (tmp_path / "bleed.safetensors").write_bytes(data)
    with pytest.raises(WeightsError, match=r"bleed\.safetensors are damaged"):
        BleedDetector(tmp_path)
    with pytest.raises(WeightsError, match="install otio-v2a again"):
        read_bleed_note(tmp_path / "gone")
    (tmp_path / "bleed.json").write_text(json.dumps({"name": "bleed"}))
    with pytest.raises(WeightsError, match="sha256"):
        read_bleed_note(tmp_path)


def test_what_is_heard_is_told_the_surest_first() -> None:
    bleed = Bleed(speech=0.61, music=0.93)
    assert bleed.words == "music (0.93) and speech (0.61)"
    assert (bleed.worst, Bleed(speech=None, music=HEARD_FROM - 0.01).worst) == (0.93, 0.0)
    assert Bleed().words == ""


def test_what_is_drawn_is_the_same_for_the_same_seed() -> None:
    names = ["metal", "man", "piano"]
    one, two = (draw_stems((5, 1), names, bank=Bank(None)) for _ in range(2))
    assert one.kinds == tuple(names)
    assert np.array_equal(one.sounds, two.sounds)
    seen = [windows(np.random.default_rng(4), one, 12) for _ in range(2)]
    assert np.array_equal(seen[0].mel, seen[1].mel)
    assert set(np.unique(seen[0].heard)) <= {-1.0, 0.0, 1.0}


def test_the_network_answers_for_any_picture() -> None:
    network = BleedNetwork().eval()
    mel, tone = (torch.zeros(2, *shape, dtype=torch.uint8) for shape in (MEL_SHAPE, TONE_SHAPE))
    assert network(mel, tone).shape == (2, 2)
    assert sum(tensor.numel() for tensor in network.state_dict().values()) * 2 < 300_000


@pytest.mark.slow
def test_a_small_training_learns_ships_and_is_the_same_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from otio_v2a_engine.training import bleed as training
    from otio_v2a_engine.training import bleed_measures

    for module in (training, bleed_measures):
        monkeypatch.setattr(module, "EFFECT_NAMES", ("metal", "steps_wood", "pouring"))
    monkeypatch.setattr(bleed_measures, "_EACH", 2)
    monkeypatch.setattr(bleed_measures, "LEVELS_DB", (0,))
    monkeypatch.setattr(bleed_measures, "AMBIENCES", ())
    monkeypatch.setattr(training, "_PLACES", ("rain",))
    monkeypatch.setattr(bleed_measures, "_OTHERS", 10)
    run = replace(BleedRun(), each=6, others=20, windows=160, coded=0.0, epochs=2)
    notes = [train(run, folder=tmp_path / name, bank=Bank(None), to=tmp_path / name) for name in ("a", "b")]
    assert notes[0] == notes[1]
    assert (tmp_path / "a" / "bleed.safetensors").read_bytes() == (tmp_path / "b" / "bleed.safetensors").read_bytes()
    assert BleedDetector(tmp_path / "a").hear(_sound("metal", seed=9), FULL) is not None
