"""The engine that ships, through its contract: it follows the picture, the prompt, the seed, and a cancel."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from otio_v2a_engine.contract import (
    Cancelled,
    EngineWarning,
    Picture,
    Progress,
    PromptSpec,
    RenderRequest,
    Role,
    Sampling,
    UnsupportedRequest,
    VisualEvent,
    WeightsError,
)
from otio_v2a_engine.models.mel import log_mel
from otio_v2a_engine.models.spots import Spot
from otio_v2a_engine.pipelines.small import SmallEngine
from otio_v2a_engine.simulate.bank import Bank
from otio_v2a_engine.simulate.scene import Scene, make_scene
from otio_v2a_engine.simulate.vocabulary import EFFECT_NAMES
from otio_v2a_engine.specs import SURE
from otio_v2a_engine.training.measures import write_movie
from otio_v2a_engine.training.onsets import chance, f1, find_onsets, match
from otio_v2a_engine.weights import Weights, read_weights

RATE = 48000
SYNC_SEEDS = (3, 4, 5, 8)  # taken before any result was seen


@pytest.fixture(scope="module")
def engine() -> Iterator[SmallEngine]:
    loaded = SmallEngine("cpu")
    yield loaded
    loaded.close()


def _scene(seed: int, seconds: float = 8.0) -> Scene:
    return make_scene(np.random.default_rng([77, seed]), bank=Bank(None), seconds=seconds, source_rate=25.0)


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Picture:
    path = tmp_path_factory.mktemp("small") / "scene.mp4"
    write_movie(path, _scene(0, 4.0).frames)
    return Picture(str(path))


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Picture:
    path = tmp_path_factory.mktemp("small") / "still.mp4"
    write_movie(path, np.repeat(_scene(0, 4.0).frames[:1], 100, axis=0))
    return Picture(str(path))


def render(engine: SmallEngine, request: RenderRequest) -> np.ndarray:
    return engine.render(request, on_progress=lambda _: None, cancelled=lambda: False).samples


def ask(picture: Picture, text: str = "", *, n_samples: int = RATE, **changes: object) -> RenderRequest:
    role = changes.pop("role", Role.FX)
    negative = changes.pop("negative_text", "")
    prompt = PromptSpec(text=text, role=role, negative_text=negative)
    return RenderRequest(picture=picture, prompt=prompt, n_samples=n_samples, **changes)


def level_db(sound: np.ndarray) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(sound.astype(float) ** 2)) + 1e-9))


@pytest.mark.parametrize("n_samples", [1, 4801, 3 * RATE + 7])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_window_has_exactly_the_samples_and_channels_asked_for(engine, movie, n_samples, channels) -> None:
    sound = render(engine, ask(movie, n_samples=n_samples, channels=channels, sampling=Sampling(steps=2)))
    assert sound.shape == (channels, n_samples)
    assert sound.dtype == np.float32
    assert np.isfinite(sound).all()
    assert float(np.abs(sound).max(initial=0)) <= 0.5


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_take(engine, movie) -> None:
    request = ask(movie, "wooden knock", n_samples=2 * RATE, sampling=Sampling(steps=4))
    first, again = render(engine, request), render(engine, request)
    other = render(engine, replace(request, seed=1))
    assert first.tobytes() == again.tobytes()
    assert not np.array_equal(first, other)


def test_prompt_negative_prompt_role_and_guidance_each_change_the_sound(engine, movie) -> None:
    plain = ask(movie, "metal impact", n_samples=2 * RATE, sampling=Sampling(steps=4))
    sounds = [
        render(engine, request).tobytes()
        for request in (
            plain,
            ask(movie, "footsteps on grass", n_samples=2 * RATE, sampling=Sampling(steps=4)),
            ask(movie, "metal impact", negative_text="bells", n_samples=2 * RATE, sampling=Sampling(steps=4)),
            ask(movie, "metal impact", role=Role.AMB, n_samples=2 * RATE, sampling=Sampling(steps=4)),
            ask(movie, "metal impact", n_samples=2 * RATE, sampling=Sampling(steps=4, guidance=1.0)),
        )
    ]
    assert len(set(sounds)) == len(sounds)


def test_guidance_of_one_ignores_the_negative_prompt(engine, movie) -> None:
    requests = [
        ask(movie, "rain", role=Role.AMB, negative_text=negative, sampling=Sampling(steps=3, guidance=1.0))
        for negative in ("", "thunder")
    ]
    one, other = (render(engine, request) for request in requests)
    assert np.array_equal(one, other)


def test_picture_and_text_have_scales_of_their_own(engine, movie) -> None:
    def made(*options: str, **more: str) -> np.ndarray:
        sampling = Sampling(steps=3, guidance=2.0, options=options)
        return render(engine, ask(movie, "glass clink", channels=1, sampling=sampling, **more))

    same, stronger = made("guidance-text=2"), made("guidance-text=5")
    assert np.array_equal(same, made())
    assert not np.array_equal(same, stronger)
    assert not np.array_equal(stronger, made("guidance-text=5", negative_text="dog"))
    with pytest.raises(UnsupportedRequest, match="guidance-text is a number from 0 to 50, not 'loud'"):
        made("guidance-text=loud")


def test_of_several_drafts_the_one_that_fits_the_prompt_is_finished(
    engine: SmallEngine, movie: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made(text: str, *options: str) -> np.ndarray:
        return render(engine, ask(movie, text, channels=1, sampling=Sampling(steps=4, options=options)))

    alone = made("glass clink", "drafts=1")
    assert np.array_equal(made("", "drafts=3"), made("", "drafts=1"))  # nothing to fit
    heard: list[tuple[int, str]] = []
    found = []
    for favourite in range(3):

        def standings(mels: torch.Tensor, text: str, favourite: int = favourite) -> torch.Tensor:
            heard.append((len(mels), text))
            return 10 * torch.eye(len(mels))[favourite]

        monkeypatch.setattr(engine._ear, "standings", standings)
        monkeypatch.setattr("otio_v2a_engine.pipelines.small._ODD_DB", 100.0)
        found.append(made("glass clink", "drafts=3"))
    assert heard == [(3, "glass clink")] * 3
    assert len({sound.tobytes() for sound in found}) == 3
    assert np.allclose(found[0], alone, atol=0.02)  # the first draft is the sound that one alone would be
    with pytest.raises(UnsupportedRequest, match="drafts is a number from 0 to 16"):
        made("glass clink", "drafts=17")


def test_a_draft_far_louder_or_fainter_than_most_is_not_finished(
    engine: SmallEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    mels = torch.full((4, 50, 96), -2.0)
    mels[1] += 1.0  # 20 dB louder
    mels[2] -= 1.0
    monkeypatch.setattr(engine._ear, "standings", lambda mels, text: torch.tensor([0.1, 0.9, 0.8, 0.3]))
    assert engine._best(mels, "glass", Role.FX) == 3


def test_of_drafts_that_fit_alike_the_one_that_is_on_time_is_finished(
    engine: SmallEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    mels = torch.full((3, 200, 96), -4.0)
    for draft, start in enumerate((70, 50, 58)):  # 200 ms late, on time, 80 ms late
        mels[draft, start : start + 20] = mels[draft, start + 80 : start + 100] = -1.0
    monkeypatch.setattr(engine._ear, "standings", lambda mels, text: torch.tensor([0.3, 0.2, 0.3]))
    assert engine._best(mels, "glass", Role.FX, slots=(50, 130)) == 1
    assert engine._best(mels, "glass", Role.FX) in (0, 2)


def test_nothing_is_heard_before_the_first_of_what_only_begins(engine: SmallEngine, movie: Picture) -> None:
    before = round(0.8 * RATE)
    events = (VisualEvent(Fraction(1)), VisualEvent(Fraction(3, 2)))

    def heard(text: str, **changes: object) -> float:
        request = ask(movie, text, n_samples=2 * RATE, channels=1, events=events, **changes)
        return level_db(render(engine, request)[0, :before])

    assert max(heard("a bell is struck", seed=seed) for seed in range(3)) < -80
    assert heard("car engine") > -60
    went = engine.render_after(
        ask(movie, "a bell is struck", n_samples=2 * RATE, channels=1, events=events),
        0.1 * np.random.default_rng(1).standard_normal((1, RATE)).astype(np.float32),
        on_progress=lambda _: None,
        cancelled=lambda: False,
    )
    assert level_db(went.samples[0, :before]) > -60  # what rings goes on


def test_what_begins_at_instants_dies_away_and_what_lasts_does_not(
    engine: SmallEngine, movie: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = (VisualEvent(Fraction(1, 2)), VisualEvent(Fraction(2)))

    def between(text: str) -> float:
        sound = render(engine, ask(movie, text, n_samples=3 * RATE, channels=1, events=events))[0]
        return level_db(sound[round(1.4 * RATE) : round(1.9 * RATE)]) - level_db(sound[2 * RATE : round(2.2 * RATE)])

    assert between("knocking on wood") < -25
    assert between("car engine") > -20
    damped = np.where(np.arange(301) < 30, 0.0, -60.0)
    monkeypatch.setattr("otio_v2a_engine.pipelines.small.slowest", lambda named, kinds: damped)
    assert between("a bell is struck") < -40


def test_a_faint_event_that_a_prompt_names_sounds_and_a_clear_one_of_another_kind_does_not(
    engine: SmallEngine, movie: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[list[int]] = []
    real = engine._events

    def events(*args: object, **choice: object) -> object:
        found = real(*args, **choice)
        heard.append(found[0])
        return found

    monkeypatch.setattr(engine, "_events", events)
    spots = (Spot(50, 0.45), Spot(120, 0.62))
    monkeypatch.setattr(
        "otio_v2a_engine.pipelines.small.find_spots",
        lambda onsets, at_least=SURE: tuple(spot for spot in spots if spot.confidence >= at_least),
    )
    kinds = torch.zeros(2, len(EFFECT_NAMES))
    kinds[0, EFFECT_NAMES.index("glass")] = kinds[1, EFFECT_NAMES.index("dog")] = 6.0
    monkeypatch.setattr(engine._encoder.kinds, "forward", lambda vectors: kinds[-len(vectors) :])
    for text in ("glass breaks", "", "car engine"):
        render(engine, ask(movie, text, n_samples=2 * RATE, channels=1))
    assert heard == [[50], [120], [120]]


def test_what_lasts_and_is_asked_for_is_not_finished_in_silence(
    engine: SmallEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    mels = torch.full((4, 50, 96), -4.9)
    mels[2] = -2.0
    monkeypatch.setattr(engine._ear, "standings", lambda mels, text: torch.tensor([0.1, 0.9, 0.2, 0.3]))
    assert engine._best(mels, "car engine", Role.FX) == 2
    assert engine._best(mels, "glass", Role.FX) == 1


def test_bfloat16_and_float32_make_the_same_sound_to_the_ear(
    engine: SmallEngine, movie: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = ask(movie, "rain", role=Role.AMB, n_samples=3 * RATE, channels=1, sampling=Sampling(steps=6))
    mels = []
    for in_bf16 in (True, False):
        monkeypatch.setattr(engine, "_in_bf16", in_bf16)
        mels.append(log_mel(render(engine, request)[0]))
    heard = mels[1] > mels[1].max() - 2  # within 40 dB of the loudest
    assert 20 * np.abs(mels[0] - mels[1])[heard].mean() < 1.0  # dB
    assert not np.array_equal(*mels)


class _Alternating(torch.nn.Module):
    """Says of every other event that it is a dog, of the rest that they are glass."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self.columns = [names.index("dog"), names.index("glass")]
        self.n_kinds = len(names)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        rows = [self.columns[number % 2] for number in range(len(vectors))]
        return 9.0 * torch.nn.functional.one_hot(torch.tensor(rows), self.n_kinds).float()


def test_events_of_a_forbidden_kind_are_silent_and_the_others_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = SmallEngine("cpu")
    monkeypatch.setattr("otio_v2a_engine.pipelines.small.FAINTEST", SURE)  # no others than `spot` finds
    engine._encoder.kinds = _Alternating(engine._kinds)
    gone, kept = [], []
    for seed in SYNC_SEEDS:
        path = tmp_path / f"{seed}.mp4"
        write_movie(path, _scene(seed).frames)
        request = ask(Picture(str(path)), "glass clink and a dog barks", n_samples=8 * RATE, channels=1)
        spots = engine.spot(request.picture, duration_s=Fraction(8), at_least=SURE)
        starts = [round(spot.time_s * RATE) for spot in spots]
        forbidding = replace(request, prompt=replace(request.prompt, negative_text="a dog barks"))
        with_all, without = (render(engine, each)[0] for each in (request, forbidding))
        for number, start in enumerate(starts):
            before, after = (float(np.sum(sound[start : start + RATE // 8] ** 2)) for sound in (with_all, without))
            (kept if number % 2 else gone).append((before, after))
    assert min(len(gone), len(kept)) >= 3
    fallen, stayed = (
        np.median([10 * np.log10((after + 1e-9) / (before + 1e-9)) for before, after in each]) for each in (gone, kept)
    )
    assert fallen < -20
    assert stayed > -9  # another draw of glass alone, which is fainter than glass and a dog


@pytest.mark.slow
def test_effects_lie_where_an_editor_says_and_no_longer_where_he_took_them_away(engine, tmp_path: Path) -> None:
    at_new, still_old, n_old = [], 0, 0
    for seed in SYNC_SEEDS:
        scene = _scene(seed)
        path = tmp_path / f"{seed}.mp4"
        write_movie(path, scene.frames)
        true = [event.sample / RATE for event in scene.events]
        told = [time + 0.3 if number % 2 else time for number, time in enumerate(true)]
        told = [t for number, t in enumerate(told) if t < 7.8 and all(abs(t - other) > 0.1 for other in told[:number])]
        gone = [time for time in true if all(abs(time - other) > 0.1 for other in told)]
        events = tuple(VisualEvent(Fraction(time).limit_denominator(1000)) for time in sorted(told))
        request = ask(Picture(str(path)), scene.captions[Role.FX], n_samples=8 * RATE, channels=1, events=events)
        found = find_onsets(render(engine, request)[0]).tolist()
        at_new.append(match(found, told)[0])
        still_old += match(found, gone)[0][0]
        n_old += len(gone)
    assert f1(at_new) > 0.6
    assert still_old < 0.3 * n_old


def test_effects_are_far_quieter_when_nothing_moves_and_ambience_is_not(engine, movie, still) -> None:
    moving, resting = (
        level_db(render(engine, ask(picture, "a ball bounces", n_samples=4 * RATE))) for picture in (movie, still)
    )
    assert resting < -40 or resting < moving - 12
    ambience = level_db(render(engine, ask(still, "rain", role=Role.AMB, n_samples=4 * RATE)))
    assert -40 < ambience < -18


def test_cancelling_stops_within_one_step(engine, movie) -> None:
    seen: list[Progress] = []
    with pytest.raises(Cancelled):
        engine.render(ask(movie), on_progress=seen.append, cancelled=lambda: len(seen) >= 3)
    assert len(seen) == 3


def test_progress_rises_to_its_total(engine, movie) -> None:
    seen: list[Progress] = []
    engine.render(ask(movie, sampling=Sampling(steps=3)), on_progress=seen.append, cancelled=lambda: False)
    assert [progress.done for progress in seen] == list(range(6))
    assert {progress.total for progress in seen} == {5}


def test_the_mono_sum_of_stereo_is_the_mono_render(engine, movie) -> None:
    request = ask(movie, "wooden knock", n_samples=2 * RATE, sampling=Sampling(steps=4))
    stereo, mono = render(engine, request), render(engine, replace(request, channels=1))
    if float(np.abs(stereo).max()) < 0.5:  # below the limiter's ceiling the sum is exact
        assert np.allclose(stereo.mean(0), mono[0], atol=1e-5)
    assert np.corrcoef(stereo.mean(0), mono[0])[0, 1] > 0.98


def test_no_global_random_state_is_used(engine, movie) -> None:
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    render(engine, ask(movie, sampling=Sampling(steps=1)))
    assert torch.equal(before, torch.random.get_rng_state())


def test_weights_of_another_shape_are_refused(engine) -> None:
    weights = read_weights("small")
    tensors = {name: value for name, value in weights.tensors.items() if not name.startswith("flow/head")}
    with pytest.raises(WeightsError, match="do not fit"):
        SmallEngine("cpu", weights=Weights(tensors=tensors, note=weights.note))


def test_a_draft_of_a_background_that_is_next_to_silent_is_not_finished(
    engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine._ear, "standings", lambda mels, text: torch.arange(len(mels)).float().flip(0))
    mels = torch.full((4, 40, 96), -2.0)
    mels[:3] = -4.5  # three of four, and the ear likes them best
    assert engine._best(mels, "rain", Role.AMB) == 3
    assert engine._best(mels, "glass", Role.FX) == 0


@pytest.mark.slow
def test_effects_follow_the_picture_of_held_out_scenes(engine, tmp_path: Path) -> None:
    seen, blind, by_chance = [], [], []
    for seed in SYNC_SEEDS:
        scene = _scene(seed)
        path, frozen = tmp_path / f"{seed}.mp4", tmp_path / f"{seed}-still.mp4"
        write_movie(path, scene.frames)
        write_movie(frozen, np.repeat(scene.frames[:1], len(scene.frames), axis=0))
        true = [event.sample / RATE for event in scene.events]
        cuts = tuple(Fraction(cut).limit_denominator(1000) for cut in scene.cuts_s)
        request = ask(
            Picture(str(path), cuts_s=cuts), scene.captions[Role.FX], n_samples=8 * RATE, channels=1, seed=seed
        )
        found = find_onsets(render(engine, request)[0]).tolist()
        withheld = find_onsets(render(engine, replace(request, picture=Picture(str(frozen))))[0]).tolist()
        seen.append(match(found, true)[0])
        blind.append(match(withheld, true)[0])
        by_chance += chance(found, true, length_s=8.0)
    assert f1(seen) > f1(by_chance) + 0.15
    assert f1(seen) > f1(blind) + 0.15


def test_different_ambiences_differ_in_spectrum(engine, still) -> None:
    rain, wind = (
        log_mel(render(engine, ask(still, text, role=Role.AMB, n_samples=3 * RATE, channels=1))[0]).mean(0)
        for text in ("heavy rain", "low wind blowing")
    )
    assert 20 * float(np.abs(rain - wind).mean()) > 3.0


@pytest.fixture(scope="module")
def talking(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Scene, Picture]]:
    """Three scenes in which somebody is seen to talk with pauses, and nothing else happens."""
    found: list[tuple[Scene, Picture]] = []
    for seed in range(100):
        rng = np.random.default_rng([78, seed])
        scene = make_scene(rng, bank=Bank(None), seconds=8.0, source_rate=25.0, roles=(Role.FX, Role.DX))
        loud = _loudness(scene.stems[Role.DX])
        if not scene.parts and not scene.cuts_s and len(scene.syllables) > 20 and 0.3 < (loud > 20).mean() < 0.7:
            path = tmp_path_factory.mktemp("small") / "talking.mp4"
            write_movie(path, scene.frames)
            found.append((scene, Picture(str(path))))
        if len(found) == 3:
            break
    return found


def _loudness(sound: np.ndarray) -> np.ndarray:
    """Level of each 80 ms in dB above -60 dBFS."""
    power = (sound[: len(sound) // 3840 * 3840].astype(float) ** 2).reshape(-1, 3840).mean(1)
    return (10 * np.log10(power + 1e-12) + 60).clip(0)


def test_a_voice_follows_the_mouth_and_is_silent_where_none_is_seen(engine, talking, still) -> None:
    for text in ("a man speaks", ""):
        likeness = []
        for scene, picture in talking:
            made = render(engine, ask(picture, text, role=Role.DX, n_samples=8 * RATE))
            likeness.append(float(np.corrcoef(_loudness(made[0]), _loudness(scene.stems[Role.DX]))[0, 1]))
        assert np.median(likeness) > 0.4, text
    assert np.array_equal(made[0], made[1])
    assert level_db(render(engine, ask(still, role=Role.DX, n_samples=4 * RATE))) < -80


def test_a_mouth_that_speaks_is_hardly_an_effect(engine, talking) -> None:
    below = []
    for _, picture in talking:
        voice, effect = (
            level_db(render(engine, ask(picture, role=role, n_samples=8 * RATE))) for role in (Role.DX, Role.FX)
        )
        below.append(voice - effect)
    assert np.median(below) > 6


def test_words_to_be_spoken_are_said_to_be_unheard(engine, movie) -> None:
    request = ask(movie, role=Role.DX, sampling=Sampling(steps=1))
    with pytest.warns(EngineWarning, match="speaks no words"):
        render(engine, replace(request, prompt=PromptSpec(role=Role.DX, transcript="Who is there?")))
