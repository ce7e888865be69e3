"""The ear that ships: whole, small, credited; it tells sounds apart by words, and says nothing where it cannot."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import torch

from otio_v2a_engine.conditioning import SentenceEncoder
from otio_v2a_engine.contract import EngineError, PromptSpec, Role, WeightsError
from otio_v2a_engine.ear import Ear, read_mono
from otio_v2a_engine.ear_note import read_ear_note
from otio_v2a_engine.models.ear import FEATURES, EarNetwork, features, standing
from otio_v2a_engine.simulate.bank import Bank
from otio_v2a_engine.simulate.scene import sound_of
from otio_v2a_engine.simulate.sounds import one_stretch
from otio_v2a_engine.simulate.vocabulary import AMBIENCES, EFFECTS, KINDS
from otio_v2a_engine.training.ear import EarRun, draw, train
from otio_v2a_engine.training.ear_measures import OTHER_WORDS, auc
from otio_v2a_engine.weights import FOLDER, read_weights

RATE = 48000
WORDS = {
    "steps_gravel": "boots walk over pebbles",
    "metal": "a clang of metal",
    "glass": "a glass is struck with a spoon",
    "explosion": "something explodes far away",
    "pouring": "water is poured into a cup",
}


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return SentenceEncoder()


@pytest.fixture(scope="module")
def ear(encoder: SentenceEncoder) -> Ear:
    return Ear(encoder=encoder)


@pytest.fixture(scope="module")
def sounds() -> dict[str, npt.NDArray[np.float32]]:
    """Two stems of each kind, one after the other."""
    return {
        name: np.concatenate(
            [sound_of(np.random.default_rng([90, n]), name, bank=Bank(None), seconds=4.0) for n in range(2)]
        )
        for name in WORDS
    }


def test_the_weights_that_ship_are_whole_small_and_say_how_they_were_trained() -> None:
    weights = read_weights("ear")
    assert (FOLDER / "ear.safetensors").stat().st_size < 2**20
    assert all(tensor.isfinite().all() for tensor in weights.tensors.values())
    assert weights.note["training"]["commands"][0].startswith("python -m otio_v2a_engine.training")
    assert weights.note["training"]["seed"] > 0
    assert "ATTRIBUTION.md" in weights.note["credits"]
    assert weights.note["figures"]["recordings"]["auc_other_words"] > 0.9
    assert abs(weights.note["figures"]["recordings"]["shuffled"]["auc_other_words"] - 0.5) < 0.12


def test_one_flipped_byte_is_refused_with_the_file_named(tmp_path: Path) -> None:
    for suffix in ("safetensors", "json"):
        shutil.copy(FOLDER / f"ear.{suffix}", tmp_path)
    data = bytearray((tmp_path / "ear.safetensors").read_bytes())
    data[-5] ^= 1
    (tmp_path / "ear.safetensors").write_bytes(data)
    with pytest.raises(WeightsError, match=r"ear\.safetensors are damaged"):
        Ear(tmp_path)


def test_the_light_note_is_of_the_same_weights_and_a_missing_one_is_said(tmp_path: Path) -> None:
    note = read_ear_note()
    assert read_weights("ear").note["sha256"].startswith(note.version)
    assert 0.3 < note.misfit < 0.9
    with pytest.raises(WeightsError, match="install otio-v2a again"):
        read_ear_note(tmp_path)
    (tmp_path / "ear.json").write_text(json.dumps({"sha256": "0" * 64}))
    with pytest.raises(WeightsError, match="calibration"):
        read_ear_note(tmp_path)


def test_each_sound_fits_its_own_words_better_than_those_of_the_others(
    ear: Ear, sounds: dict[str, npt.NDArray[np.float32]]
) -> None:
    fits = {
        name: {other: ear.fit(sound, RATE, PromptSpec(text)) or 0.0 for other, text in WORDS.items()}
        for name, sound in sounds.items()
    }
    best = [max(row, key=lambda other: row[other]) for row in fits.values()]
    assert sum(a == b for a, b in zip(best, fits, strict=True)) >= 4
    own = np.mean([row[name] for name, row in fits.items()])
    others = np.mean([row[other] for name, row in fits.items() for other in row if other != name])
    assert own > 0.6
    assert others < 0.3
    assert all(0 <= fit <= 1 for row in fits.values() for fit in row.values())


def test_ambiences_are_known_too(ear: Ear) -> None:
    rain = one_stretch("rain", 6 * RATE, Bank(None), np.random.default_rng(1))
    fits = [ear.fit(rain, RATE, PromptSpec(text, role=Role.AMB)) or 0.0 for text in ("steady rainfall", "a quiet room")]
    assert fits[0] > fits[1] + 0.2


def test_level_and_place_in_time_do_not_matter(ear: Ear, sounds: dict[str, npt.NDArray[np.float32]]) -> None:
    prompt = PromptSpec("metal impact")
    quiet = np.concatenate([np.zeros(RATE, np.float32), 0.2 * sounds["metal"]]).astype(np.float32)
    assert ear.fit(quiet, RATE, prompt) == pytest.approx(ear.fit(sounds["metal"], RATE, prompt), abs=0.15)


def test_the_same_sound_is_heard_the_same_again(ear: Ear, sounds: dict[str, npt.NDArray[np.float32]]) -> None:
    prompt = PromptSpec("glass clink")
    assert ear.fit(sounds["glass"], RATE, prompt) == ear.fit(sounds["glass"], RATE, prompt)


@pytest.mark.parametrize(
    "prompt",
    [PromptSpec(), PromptSpec("  "), PromptSpec("footsteps", role=Role.MUS), PromptSpec("hello", role=Role.DX),
     PromptSpec("quarterly tax return of a limited company")],
)  # fmt: skip
def test_it_says_nothing_without_words_that_it_knows(ear: Ear, prompt: PromptSpec) -> None:
    assert ear.fit(np.random.default_rng(0).uniform(-0.1, 0.1, RATE).astype(np.float32), RATE, prompt) is None


@pytest.mark.parametrize("n", [0, 1, 480, 4 * RATE])
def test_it_says_nothing_of_silence_or_of_next_to_no_sound(ear: Ear, n: int) -> None:
    assert ear.fit(np.full(n, 1e-5, np.float32), RATE, PromptSpec("footsteps")) is None
    assert n > RATE or ear.fit(np.ones(n, np.float32), RATE, PromptSpec("footsteps")) is None


def test_a_sound_of_any_rate_and_length_is_heard(ear: Ear) -> None:
    rng = np.random.default_rng(3)
    for rate, seconds in ((16000, 1), (44100, 3), (48000, 0.3), (48000, 70)):
        fit = ear.fit(rng.uniform(-0.1, 0.1, round(rate * seconds)).astype(np.float32), rate, PromptSpec("heavy rain"))
        assert fit is not None
        assert 0 <= fit <= 1


def test_a_stretch_of_a_file_is_read_and_its_channels_mixed(tmp_path: Path) -> None:
    samples = np.stack([np.arange(1000), np.arange(1000) + 2], axis=1).astype(np.float32) / 2000
    soundfile.write(tmp_path / "a.wav", samples, 8000, subtype="FLOAT")
    sound, rate = read_mono(tmp_path / "a.wav", first=100, n_samples=10)
    assert rate == 8000
    assert sound == pytest.approx((np.arange(100, 110) + 1) / 2000)
    assert len(read_mono(tmp_path / "a.wav", first=995, n_samples=10)[0]) == 5
    assert len(read_mono(tmp_path / "a.wav", first=5000, n_samples=10)[0]) == 0
    with pytest.raises(EngineError, match=r"gone\.wav cannot be read"):
        read_mono(tmp_path / "gone.wav", first=0, n_samples=10)


def test_a_sound_stands_out_where_it_lies_nearer_to_the_words_than_usual() -> None:
    usual = torch.eye(4)
    prompt = torch.tensor([[1.0, 0.2, 0.1, 0.0]])
    assert float(standing(usual[:1], prompt, usual)[0]) > 1
    assert float(standing(usual[3:], prompt, usual)[0]) < 0


def test_features_are_finite_for_any_sound_and_places_have_norm_one() -> None:
    rows = [features(np.zeros(n, np.float32)) for n in (480, 4800, 48000)]
    rows.append(features(np.random.default_rng(0).uniform(-1, 1, 30000).astype(np.float32)))
    x = torch.from_numpy(np.stack(rows))
    assert x.shape == (4, FEATURES)
    assert x.isfinite().all()
    assert EarNetwork().eval()(x).norm(dim=1).tolist() == pytest.approx([1.0] * 4)


def test_the_words_it_is_measured_by_are_none_that_it_has_learned() -> None:
    assert set(OTHER_WORDS) == {kind.name for kind in (*EFFECTS, *AMBIENCES)}
    learned = {caption.casefold() for kind in KINDS.values() for caption in kind.captions}
    assert not learned & {text.casefold() for text in OTHER_WORDS.values()}
    assert len(set(OTHER_WORDS.values())) == len(OTHER_WORDS)


def test_auc_is_one_a_half_and_counts_ties_half() -> None:
    low, high = torch.tensor([0.0, 0.1]), torch.tensor([0.2, 0.3])
    assert auc(high, low) == 1
    assert auc(low, high) == 0
    assert auc(low, low) == 0.5


def test_what_is_drawn_is_the_same_for_the_same_seed_and_below_full_scale() -> None:
    one, two = (
        draw(np.random.default_rng(5), ("metal", "wood"), bank=Bank(None), engine=None, coded=0.0) for _ in range(2)
    )
    assert one is not None
    assert two is not None
    assert np.array_equal(one.sound, two.sound)
    assert one.caption == two.caption
    assert " and " in one.caption
    assert np.abs(one.sound).max() < 1


@pytest.mark.slow
def test_a_small_training_learns_ships_and_is_the_same_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from otio_v2a_engine.training import ear as training
    from otio_v2a_engine.training import ear_measures

    kinds = ("metal", "explosion", "pouring")
    monkeypatch.setattr(training, "EFFECT_NAMES", kinds)
    monkeypatch.setattr(training, "_PLACES", ("rain", "wind"))
    monkeypatch.setattr(ear_measures, "EFFECT_NAMES", kinds)
    monkeypatch.setattr(ear_measures, "_stems", lambda: ear_measures_stems(kinds))
    run = replace(EarRun(), each=10, coded=0.0, epochs=25, hidden=32)
    notes = [train(run, folder=tmp_path / "run", bank=Bank(None), to=tmp_path / name) for name in ("a", "b")]
    assert notes[0] == notes[1]
    assert (tmp_path / "a" / "ear.safetensors").read_bytes() == (tmp_path / "b" / "ear.safetensors").read_bytes()
    assert notes[0]["figures"]["stems"]["auc_learned_words"] > 0.8
    made = Ear(tmp_path / "a")
    assert made.fit(np.random.default_rng(0).uniform(-0.1, 0.1, RATE).astype(np.float32), RATE, PromptSpec("rain"))


def ear_measures_stems(kinds: tuple[str, ...]) -> list[tuple[str, npt.NDArray[np.float32]]]:
    """Two stems of each kind from seeds apart."""
    return [
        (name, sound_of(np.random.default_rng([77, n]), name, bank=Bank(None), seconds=2.0))
        for name in kinds
        for n in range(4)
    ]
