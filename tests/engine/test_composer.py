"""The engine that composes: what is asked for is played, to length, in the picture's tempo, and the same again."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from otio_v2a_engine.conditioning import SentenceEncoder
from otio_v2a_engine.conformance import write_flash_movie
from otio_v2a_engine.contract import EngineWarning, Picture, PromptSpec, RenderRequest, Role
from otio_v2a_engine.music_brief import Look, plan_brief, read_wish
from otio_v2a_engine.pipelines.composer import ComposerEngine
from otio_v2a_engine.reach import Reach
from otio_v2a_engine.registry import engine_for
from otio_v2a_engine.simulate.score import MOODS, STYLES
from otio_v2a_engine.simulate.styles import compose

RATE = 48000
DULL = Look(light=0.5, movement=0.0)


@pytest.fixture(scope="module")
def engine() -> ComposerEngine:
    return ComposerEngine()


@pytest.fixture(scope="module")
def reach() -> Reach:
    return Reach(SentenceEncoder())


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Picture:
    return Picture(str(write_flash_movie(tmp_path_factory.mktemp("composer") / "flash.mov", n_frames=300)))


def play(
    engine: ComposerEngine, picture: Picture, text: str = "", *, seconds: float = 8, **changes: object
) -> np.ndarray:
    prompt = PromptSpec(text=text, role=Role.MUS, negative_text=str(changes.pop("negative_text", "")))
    request = RenderRequest(picture=picture, prompt=prompt, n_samples=round(seconds * RATE), **changes)
    return engine.render(request, on_progress=lambda _: None, cancelled=lambda: False).samples


def level_db(sound: npt.NDArray[np.float32]) -> float:
    return float(10 * np.log10(np.mean(sound.astype(float) ** 2) + 1e-12))


@pytest.mark.parametrize(
    ("text", "style", "mood"),
    [
        ("slow sad piano music", "piano", "sad"),
        ("epic orchestral trailer", "strings", "epic"),
        ("a violin concerto", "strings", None),
        ("spooky church organ", "organ", None),
        ("happy song", "band", "happy"),
        ("tribal percussion", "beat", None),
        ("calm, romantic, mysterious harp and flute and piano", "winds", "calm"),
        ("", None, None),
    ],
)
def test_words_name_style_and_mood(reach: Reach, text: str, style: str | None, mood: str | None) -> None:
    wish = read_wish(PromptSpec(text, role=Role.MUS), reach)
    assert (wish.style, wish.mood) == (style, mood)
    if style and mood:  # what is named first is played, however much is named
        got, brief = plan_brief(wish, DULL, cuts_s=(), rng=np.random.default_rng(0))
        assert (got, brief.mood) == (style, mood)


def test_what_is_not_wanted_is_not_played(reach: Reach) -> None:
    for seed in range(30):
        wish = read_wish(PromptSpec("", "drums, piano, sad", role=Role.MUS), reach)
        style, brief = plan_brief(wish, Look(0.1, 0.0), cuts_s=(), rng=np.random.default_rng(seed))
        assert style not in ("piano", "beat")
        assert brief.mood != "sad"
    assert not wish.drums
    assert not read_wish(PromptSpec("pop song", "no drums please", role=Role.MUS), reach).drums


def test_the_picture_decides_the_mood_and_the_pace_where_no_word_does() -> None:
    wish = read_wish(PromptSpec(role=Role.MUS), None)

    def of(light: float, movement: float) -> tuple[set[str], float]:
        briefs = [
            plan_brief(wish, Look(light, movement), cuts_s=(), rng=np.random.default_rng(seed)) for seed in range(20)
        ]
        return {brief.mood for _, brief in briefs}, float(np.mean([brief.bpm for _, brief in briefs]))

    dark, bright, busy = of(0.1, 0.0), of(0.8, 0.0), of(0.8, 0.5)
    assert dark[0] == {"sad", "mysterious"}
    assert bright[0] == {"calm", "romantic"}
    assert busy[0] == {"happy", "playful"}
    assert busy[1] > bright[1] + 20


@pytest.mark.parametrize("words", ["slow", "fast"])
def test_pace_is_a_matter_of_words(words: str) -> None:
    wish = read_wish(PromptSpec(f"{words} calm piano", role=Role.MUS), None)
    _, brief = plan_brief(wish, DULL, cuts_s=(), rng=np.random.default_rng(0))
    middle = (MOODS["calm"].slowest_bpm + MOODS["calm"].fastest_bpm) / 2
    assert (brief.bpm < middle) == (words == "slow")


@pytest.mark.parametrize("cuts", [(2.0, 5.1), (1.37, 3.9, 6.2), (4.03,)])
def test_cuts_fall_on_beats(cuts: tuple[float, ...]) -> None:
    wish = read_wish(PromptSpec("epic brass", role=Role.MUS), None)
    _, brief = plan_brief(wish, Look(0.3, 0.2), cuts_s=cuts, rng=np.random.default_rng(0))
    beats = [brief.first_beat + cut * brief.bpm / 60 for cut in cuts]
    away_s = [abs(beat - round(beat)) * 60 / brief.bpm for beat in beats]
    assert sum(away <= 0.04 for away in away_s) >= len(cuts) - 1
    bars = [abs(beat / 4 - round(beat / 4)) * 4 * 60 / brief.bpm for beat in beats]
    assert min(bars) <= 0.06


@pytest.mark.parametrize("style", STYLES)
def test_a_piece_with_a_brief_comes_to_an_end(style: str) -> None:
    wish = read_wish(PromptSpec(role=Role.MUS), None)
    _, brief = plan_brief(wish, Look(0.8, 0.3), cuts_s=(), rng=np.random.default_rng(1))
    score = compose(np.random.default_rng(2), 20.0, style, brief=brief)
    assert score.held is not None
    end_s = (score.held * score.per_bar - score.first_beat) * 60 / score.bpm
    assert 2.0 <= 20.0 - end_s < 2.0 + score.per_bar * 60 / score.bpm + 1e-6
    assert score.bpm == brief.bpm
    assert score.mood == brief.mood


def test_it_is_as_long_and_as_loud_as_it_should_be_and_ends_in_silence(engine: ComposerEngine, movie: Picture) -> None:
    sound = play(engine, movie, "calm piano", seconds=10)
    assert sound.shape == (2, 10 * RATE)
    assert level_db(sound) == pytest.approx(-24.0, abs=0.6)
    assert float(np.abs(sound).max()) <= 0.5
    assert level_db(sound[:, -480:]) < -60
    assert level_db(sound[:, -2 * RATE : -RATE]) > -50
    assert not np.array_equal(sound[0], sound[1])


def test_the_same_seed_plays_the_same_and_another_another_piece(engine: ComposerEngine, movie: Picture) -> None:
    first, again, other = (play(engine, movie, "guitar", seconds=3, seed=seed) for seed in (1, 1, 2))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


def test_drums_that_are_not_wanted_are_silent(engine: ComposerEngine, movie: Picture) -> None:
    prompts = [read_wish(PromptSpec("pop song", no, role=Role.MUS), None) for no in ("", "drums")]
    assert [wish.drums for wish in prompts] == [True, False]
    with_drums, without = (play(engine, movie, "pop song", seconds=6, negative_text=no) for no in ("", "drums"))

    def high(sound: np.ndarray) -> float:
        spectrum = np.abs(np.fft.rfft(sound.mean(0))) ** 2
        return float(spectrum[np.fft.rfftfreq(sound.shape[1], 1 / RATE) > 9000].sum() / spectrum.sum())

    assert high(without) < 0.2 * high(with_drums)


def test_a_room_in_blocks_is_the_room_as_a_whole(engine: ComposerEngine, movie: Picture, monkeypatch) -> None:
    whole = play(engine, movie, "piano", seconds=7)
    monkeypatch.setattr("otio_v2a_engine.pipelines.composer._BLOCK", 2 * RATE)
    assert np.allclose(play(engine, movie, "piano", seconds=7), whole, atol=1e-5)


def test_effects_are_no_music_and_a_warning_says_so(engine: ComposerEngine, movie: Picture) -> None:
    with pytest.warns(EngineWarning, match="has learned for MUS"):
        play(engine, movie, "glass breaking", seconds=1)


def test_music_is_left_to_it_by_the_engine_that_ships() -> None:
    assert engine_for("small", Role.MUS) == "composer"
    assert engine_for("small", Role.FX) == "small"
    assert engine_for("fake", Role.MUS) == "fake"


def test_cuts_of_a_request_reach_the_score(engine: ComposerEngine, movie: Picture, tmp_path: Path) -> None:
    cut = replace(movie, cuts_s=(Fraction(3),))
    assert play(engine, cut, "brass", seconds=6).tobytes() != play(engine, movie, "brass", seconds=6).tobytes()
