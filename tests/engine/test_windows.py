"""Long spans: exact lengths, shot borders, seams that nobody hears, constant memory."""

import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import cycle, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otio_v2a_engine.conformance import write_flash_movie
from otio_v2a_engine.contract import (
    Cancelled,
    EngineError,
    EngineInfo,
    Picture,
    Progress,
    PromptSpec,
    RenderedAudio,
    RenderRequest,
    Role,
    VisualEvent,
)
from otio_v2a_engine.fake import FakeEngine
from otio_v2a_engine.lengths import position
from otio_v2a_engine.specs import FAKE
from otio_v2a_engine.windows import Window, _window_request, plan_windows, render_long, window_seed

RATE = 48000
HOP = RATE // 20
MAX_S = FAKE.info.max_window_s
INAUDIBLE = 1e-4
"""Of full scale: -80 dB."""

Synthesis = Callable[[RenderRequest, np.random.Generator, np.ndarray], np.ndarray]


class SynthEngine:
    """Makes each window from its request alone, and remembers the requests."""

    def __init__(self, synthesis: Synthesis, **info: Any) -> None:
        self.info: EngineInfo = replace(FAKE.info, **info)
        self.requests: list[RenderRequest] = []
        self._synthesis = synthesis

    def render(
        self, request: RenderRequest, *, on_progress: Callable[[Progress], None], cancelled: Callable[[], bool]
    ) -> RenderedAudio:
        self.info.check(request)
        self.requests.append(request)
        for step in range(4):
            if cancelled():
                raise Cancelled("cancelled")
            on_progress(Progress(step + 1, 4, "sampling"))
        seconds = np.arange(request.n_samples) / request.sample_rate
        mono = self._synthesis(request, np.random.default_rng(request.seed), seconds)
        samples = np.repeat(mono.astype(np.float32)[None], request.channels, axis=0)
        return RenderedAudio(samples=samples, sample_rate=request.sample_rate)

    def close(self) -> None:
        pass


def noise(level_db: float = 0.0) -> Synthesis:
    """White noise; every window has its own level, within `level_db` of the mean."""

    def make(request: RenderRequest, rng: np.random.Generator, seconds: np.ndarray) -> np.ndarray:
        level = 0.05 * 10 ** (level_db * rng.uniform(-1, 1) / 20)
        return np.clip(level * rng.standard_normal(seconds.size), -1, 1)

    return make


def tones(*frequencies: float, detune: float = 0.0) -> Synthesis:
    """Steady partials whose phases (and, within `detune` Hz, frequencies) differ from window to window."""

    def make(request: RenderRequest, rng: np.random.Generator, seconds: np.ndarray) -> np.ndarray:
        phases = [(f + detune * rng.uniform(-1, 1), rng.uniform(0, 2 * np.pi)) for f in frequencies]
        return sum(0.2 * np.sin(2 * np.pi * f * seconds + phase) for f, phase in phases) + np.zeros(seconds.size)

    return make


def event_times(stop_s: float) -> list[float]:
    """Two events a second at uneven distances."""
    return [k / 2 + (k * 0.618 % 1) * 0.2 for k in range(1, int(stop_s * 2))]


def events(request: RenderRequest, rng: np.random.Generator, seconds: np.ndarray) -> np.ndarray:
    """Impacts at fixed media times, each window with its own timbre, over a faint floor."""
    media = seconds + float(request.picture.start_s)
    sound = 1e-3 * rng.standard_normal(seconds.size)
    for time in event_times(media[-1] + 1):
        if not media[0] - 0.5 < time < media[-1]:
            continue
        since = media - time
        ring = np.exp(-np.maximum(since, 0) / 0.03) * np.sin(2 * np.pi * 900 * since + rng.uniform(0, 2 * np.pi))
        sound += np.where(since >= 0, 0.5 * ring, 0)
    return sound


def request_of(
    seconds: float | Fraction,
    *,
    role: Role = Role.FX,
    cuts: tuple[Fraction, ...] = (),
    seed: int = 1,
    channels: int = 1,
) -> RenderRequest:
    return RenderRequest(
        picture=Picture("/nowhere.mov", cuts_s=cuts),
        prompt=PromptSpec(text="rain", role=role),
        n_samples=round(seconds * RATE),
        channels=channels,
        seed=seed,
    )


def sound_of(engine: SynthEngine, request: RenderRequest) -> np.ndarray:
    blocks = list(render_long(engine, request, on_progress=lambda _: None, cancelled=lambda: False))
    assert all(block.dtype == np.float32 for block in blocks)
    return np.concatenate(blocks, axis=1)


@dataclass(frozen=True)
class Seams:
    """Largest change of 50 ms levels in dB, and of the second difference, at seams and elsewhere."""

    step_db: float
    own_step_db: float
    kink: float
    own_kink: float


def measure_seams(sound: np.ndarray, windows: tuple[Window, ...]) -> Seams:
    mono = sound[0].astype(np.float64)
    cells = mono[: mono.size // HOP * HOP].reshape(-1, HOP)
    steps = np.abs(np.diff(10 * np.log10((cells**2).mean(axis=1) + 1e-12)))
    kinks = np.abs(np.diff(mono, 2))
    near_step, near_kink = np.zeros(steps.size, bool), np.zeros(kinks.size, bool)
    for window in windows[1:]:
        near_step[window.start // HOP - 1 : (window.start + window.overlap) // HOP + 1] = True
        near_kink[window.start - 2 : window.start + window.overlap + 2] = True
    return Seams(steps[near_step].max(), steps[~near_step].max(), kinks[near_kink].max(), kinks[~near_kink].max())


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize(
    ("synthesis", "largest_step_db"),
    [
        pytest.param(noise(), 0.8, id="noise, never alike"),
        pytest.param(noise(level_db=6), 1.0, id="noise, windows up to 12 dB apart"),
        pytest.param(tones(60), 0.3, id="hum in any phase"),
        pytest.param(tones(220, detune=1), 0.2, id="tones that beat"),
    ],
)
def test_seams_have_no_step_and_no_click(role: Role, synthesis: Synthesis, largest_step_db: float) -> None:
    for seed in range(2):
        request = request_of(22.37, role=role, seed=seed)
        seams = measure_seams(sound_of(SynthEngine(synthesis), request), plan_windows(request, max_window_s=MAX_S))
        assert seams.step_db <= largest_step_db
        assert seams.kink <= 1.2 * seams.own_kink + INAUDIBLE


def stepping(synthesis: Synthesis, levels_db: tuple[float, ...]) -> Synthesis:
    """Windows whose levels are these in turn."""
    turn = cycle(levels_db)

    def make(request: RenderRequest, rng: np.random.Generator, seconds: np.ndarray) -> np.ndarray:
        return synthesis(request, rng, seconds) * 10 ** (next(turn) / 20)

    return make


def largest_step_db(sound: np.ndarray) -> float:
    """Largest change of 50 ms levels anywhere."""
    cells = sound[0, : sound.shape[1] // HOP * HOP].reshape(-1, HOP).astype(np.float64)
    return float(np.abs(np.diff(10 * np.log10((cells**2).mean(axis=1) + 1e-12))).max())


def largest_kink(sound: np.ndarray) -> float:
    return float(np.abs(np.diff(sound[0].astype(np.float64), 2)).max())


@pytest.mark.parametrize("role", [Role.FX, Role.AMB])
@pytest.mark.parametrize("levels_db", [(-12, 12), (12, -12), (6, -6, -6, 12), (0, 9)], ids=str)
@pytest.mark.parametrize(
    ("synthesis", "above_steady_db"),
    [
        pytest.param(noise(), 0.45, id="noise"),
        pytest.param(tones(60), 0.5, id="hum"),
        pytest.param(tones(220, 331), 0.5, id="tones"),
    ],
)
def test_windows_up_to_24_db_apart_meet_without_step_or_click(
    role: Role, levels_db: tuple[float, ...], synthesis: Synthesis, above_steady_db: float
) -> None:
    request = request_of(29.37, role=role)
    quieter = tuple(level - 6 for level in levels_db)  # the tones stay below full scale
    sound = sound_of(SynthEngine(stepping(synthesis, quieter)), request)
    seconds = np.arange(request.n_samples) / RATE
    steady = synthesis(request, np.random.default_rng(5), seconds)[None] * 10 ** (max(quieter) / 20)
    # Everywhere, not at the seams only: a gain that a seam needs is let go beside it.
    assert largest_step_db(sound) <= min(1.0, largest_step_db(steady) + above_steady_db)
    assert largest_kink(sound) <= 1.2 * largest_kink(steady) + INAUDIBLE


def test_a_loud_event_after_a_much_louder_window_is_neither_clipped_nor_lifted() -> None:
    levels = cycle((0.3, 0.3 * 10 ** (-24 / 20)))

    def make(request: RenderRequest, rng: np.random.Generator, seconds: np.ndarray) -> np.ndarray:
        sound = next(levels) * np.clip(rng.standard_normal(seconds.size), -2.5, 2.5)
        sound[3 * RATE // 2] = 0.95
        return sound

    sound = sound_of(SynthEngine(make), request_of(14))[0]
    start = plan_windows(request_of(14), max_window_s=MAX_S)[1].start
    assert np.abs(sound[start:]).max() <= 1.0
    assert 0.9 < abs(sound[start + 3 * RATE // 2]) <= 1.0


def test_the_measures_find_a_fade_that_cancels_and_a_hard_join() -> None:
    seconds = np.arange(2 * RATE) / RATE
    tone = 0.3 * np.sin(2 * np.pi * 220.3 * seconds)
    fade = np.clip(seconds - 0.5, 0, 1) * np.pi / 2
    cancelling = (np.cos(fade) * tone - np.sin(fade) * tone)[None]
    windows = (Window(0, 3 * RATE // 2, 0, False), Window(RATE // 2, 2 * RATE, RATE, False))
    assert measure_seams(cancelling, windows).step_db > 3
    for frequency in (60.3, 220.3):
        tone = 0.2 * np.sin(2 * np.pi * frequency * seconds)
        hard = np.where(seconds < 1, tone, np.roll(tone, 50))[None]
        seams = measure_seams(hard, (Window(0, RATE, 0, False), Window(RATE - 9, 2 * RATE, 18, False)))
        assert seams.kink > 5 * (seams.own_kink + INAUDIBLE)


def test_an_event_in_an_overlap_is_heard_once_and_whole() -> None:
    energies: list[float] = []
    for seed in range(3):
        sound = sound_of(SynthEngine(events), request_of(24, seed=seed))[0].astype(np.float64)
        for time in event_times(23):
            at = round(time * RATE)
            energies.append(float((sound[at : at + RATE // 10] ** 2).sum()))
            assert np.abs(sound[at - 200 : at - 10]).max() < 0.06, "something is heard before the event"
    spread_db = 10 * np.log10(np.array(energies) / np.median(energies))
    assert np.abs(spread_db).max() < 0.3


def test_ambience_windows_of_different_level_are_brought_together_without_adding_up() -> None:
    request = request_of(60, role=Role.AMB)
    engine = SynthEngine(noise(level_db=3))
    sound = sound_of(engine, request)[0]
    levels = 10 * np.log10((sound.reshape(-1, RATE) ** 2).mean(axis=1))
    mean_db = 20 * np.log10(0.05)
    assert np.abs(levels - mean_db).max() < 6.5
    assert abs(levels[-10:].mean() - levels[:10].mean()) < 3


def test_loud_windows_stay_below_full_scale_in_their_seams() -> None:
    def loud(request: RenderRequest, rng: np.random.Generator, seconds: np.ndarray) -> np.ndarray:
        return np.clip(rng.standard_normal(seconds.size), -1, 1)

    for role in (Role.FX, Role.AMB):
        sound = sound_of(SynthEngine(loud), request_of(20, role=role))
        assert np.abs(sound).max() <= 1.0


@pytest.mark.parametrize("n_samples", [1, 2, 47, 48_001, 8 * RATE - 1, 8 * RATE])
def test_a_span_that_fits_one_window_is_what_the_engine_made(n_samples: int) -> None:
    engine = SynthEngine(noise())
    request = replace(request_of(1, cuts=(Fraction(1, 10**5),)), n_samples=n_samples)
    direct = engine.render(request, on_progress=lambda _: None, cancelled=lambda: False).samples
    assert sound_of(engine, request).tobytes() == direct.tobytes()
    assert engine.requests[1] == replace(request, picture=request.picture.window(Fraction(0), request.duration_s))


@settings(max_examples=150, deadline=None)
@given(
    n_samples=st.integers(1, 200 * 1000),
    max_window_ms=st.integers(100, 20_000),
    cuts_ms=st.lists(st.integers(1, 200_000), unique=True, max_size=40).map(sorted),
    role=st.sampled_from(list(Role)),
)
def test_windows_cover_a_span_exactly_whatever_its_length_and_cuts(
    n_samples: int, max_window_ms: int, cuts_ms: list[int], role: Role
) -> None:
    request = RenderRequest(
        picture=Picture("/nowhere.mov", cuts_s=tuple(Fraction(cut, 1001) for cut in cuts_ms)),
        prompt=PromptSpec(role=role),
        n_samples=n_samples,
        sample_rate=1000,
    )
    windows = plan_windows(request, max_window_s=Fraction(max_window_ms, 1000))
    assert windows[0].start == 0
    assert windows[0].overlap == 0
    assert windows[-1].stop == n_samples
    for before, after in pairwise(windows):
        assert after.start + after.overlap == before.stop
        assert after.overlap > 0
        assert before.overlap + after.overlap <= before.n_samples
    assert all(0 < window.n_samples <= max_window_ms for window in windows)
    assert not any(window.at_cut for window in windows) or role in (Role.FX, Role.DX)


@pytest.mark.parametrize("n_samples", [8 * RATE + 1, 383_999 + 1001, 1_234_567])
def test_a_long_span_has_its_exact_number_of_samples(n_samples: int) -> None:
    request = replace(request_of(1, channels=2), n_samples=n_samples)
    assert sound_of(SynthEngine(noise()), request).shape == (2, n_samples)


def test_effects_end_windows_at_shot_borders_and_pass_inner_ones_on() -> None:
    cuts = tuple(Fraction(second) for second in (2, 3, 5, 7, 12, 14))
    engine = SynthEngine(noise())
    request = request_of(20, cuts=cuts)
    windows = plan_windows(request, max_window_s=MAX_S)
    assert [window.stop for window in windows] == [7 * RATE, 14 * RATE, 20 * RATE]
    assert all(window.at_cut and window.overlap < RATE // 200 for window in windows[1:])
    sound_of(engine, request)
    first, second, third = engine.requests
    assert first.picture.cuts_s == (2, 3, 5)
    lead = Fraction(windows[1].overlap, RATE)
    assert second.picture.cuts_s == (5 + lead,)
    assert third.picture.cuts_s == ()
    assert second.picture.start_s == 7 - lead


def test_the_first_sound_of_a_shot_is_untouched_by_the_join_at_its_border() -> None:
    def click_at_border(request: RenderRequest, rng: np.random.Generator, seconds: np.ndarray) -> np.ndarray:
        media = np.round((seconds + float(request.picture.start_s)) * RATE)
        return np.where(media == 7 * RATE, 0.9, 0.0)

    sound = sound_of(SynthEngine(click_at_border), request_of(14, cuts=(Fraction(7),)))[0]
    assert np.flatnonzero(sound).tolist() == [7 * RATE]
    assert sound[7 * RATE] == np.float32(0.9)


def test_a_long_shot_is_divided_evenly_between_its_borders() -> None:
    windows = plan_windows(request_of(31, cuts=(Fraction(6), Fraction(25))), max_window_s=MAX_S)
    assert [window.at_cut for window in windows] == [False, True, False, False, True]
    inner = [window.n_samples for window in windows[1:4]]
    assert max(inner) - min(inner) <= 1
    assert windows[3].stop == 25 * RATE


def test_ambience_and_music_run_across_cuts_but_still_know_them() -> None:
    for role in (Role.AMB, Role.MUS):
        engine = SynthEngine(noise())
        request = request_of(16, role=role, cuts=(Fraction(4), Fraction(7)))
        sound_of(engine, request)
        assert [window.at_cut for window in plan_windows(request, max_window_s=MAX_S)] == [False, False, False]
        assert engine.requests[0].picture.cuts_s == (4,)


class GoingOn(SynthEngine):
    """Remembers what it is to go on from."""

    def __init__(self, synthesis: Synthesis, **info: Any) -> None:
        super().__init__(synthesis, **info)
        self.given: list[np.ndarray] = []

    def render_after(
        self,
        request: RenderRequest,
        before: np.ndarray,
        *,
        on_progress: Callable[[Progress], None],
        cancelled: Callable[[], bool],
    ) -> RenderedAudio:
        self.given.append(before)
        return self.render(request, on_progress=on_progress, cancelled=cancelled)


def test_an_engine_that_can_go_on_is_given_the_end_of_the_window_before() -> None:
    request = request_of(20, role=Role.MUS)
    engine = GoingOn(noise())
    sound = sound_of(engine, request)
    _, *later = plan_windows(request, max_window_s=MAX_S)
    assert len(engine.given) == len(later) == 2
    first, window = engine.given[0], later[0]
    assert first.shape == (request.channels, window.overlap)
    # Fading begins after the overlap's start: its first samples are as the window before left them.
    assert np.allclose(sound[:, window.start : window.start + 8], first[:, :8], atol=1e-6)


def test_after_a_cut_nothing_goes_on() -> None:
    engine = GoingOn(noise())
    sound_of(engine, request_of(14, cuts=(Fraction(7),)))
    assert len(engine.requests) == 2
    assert engine.given == []


def test_every_window_has_a_seed_of_its_own_that_never_changes() -> None:
    assert window_seed(7, 0) == 7
    seeds = [window_seed(7, index) for index in range(500)] + [window_seed(8, index) for index in range(500)]
    assert len(set(seeds)) == 1000
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert window_seed(7, 3) == 6579903082405569959


def test_the_same_request_gives_the_same_bytes_and_another_seed_others() -> None:
    first, again, other = (sound_of(SynthEngine(noise()), request_of(20, seed=seed)).tobytes() for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_progress_covers_all_windows_and_never_goes_back() -> None:
    seen: list[Progress] = []
    engine = SynthEngine(noise())
    list(render_long(engine, request_of(20), on_progress=seen.append, cancelled=lambda: False))
    done = [progress.done for progress in seen]
    assert done == sorted(done)
    assert len({progress.total for progress in seen}) == 1
    assert seen[-1].done == seen[-1].total
    assert seen[-1].stage == "sampling 3/3"


@pytest.mark.parametrize("asked", [1, 2, 6, 7])
def test_cancelling_stops_between_and_inside_windows(asked: int) -> None:
    calls = 0

    def cancelled() -> bool:
        nonlocal calls
        calls += 1
        return calls >= asked

    with pytest.raises(Cancelled):
        list(render_long(SynthEngine(noise()), request_of(20), on_progress=lambda _: None, cancelled=cancelled))
    assert calls == asked


def test_an_engine_that_returns_the_wrong_length_is_named() -> None:
    class Short(SynthEngine):
        def render(self, request: RenderRequest, **callbacks: Any) -> RenderedAudio:
            return super().render(replace(request, n_samples=request.n_samples - 1), **callbacks)

    with pytest.raises(EngineError, match="engine fake returned"):
        sound_of(Short(noise()), request_of(3))


def test_ten_minutes_need_no_more_memory_than_half_a_minute() -> None:
    def silence(request: RenderRequest, rng: np.random.Generator, seconds: np.ndarray) -> np.ndarray:
        return np.full(seconds.size, 0.01)

    def peak(seconds: int) -> int:
        engine = SynthEngine(silence)
        request = replace(request_of(1, channels=2), sample_rate=16000, n_samples=seconds * 16000)
        tracemalloc.start()
        try:
            total = 0
            for block in render_long(engine, request, on_progress=lambda _: None, cancelled=lambda: False):
                total += block.shape[1]
            engine.requests.clear()
            assert total == request.n_samples
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(20)  # what is imported and cached on first use does not count
    one_window = int(MAX_S) * 16000 * 2 * 4
    # 29 s are windows of full length, as the many of ten minutes nearly are.
    assert peak(600) < 1.1 * peak(29) < 6 * one_window


@pytest.mark.footage
@pytest.mark.parametrize("role", [Role.AMB, Role.MUS])
def test_seams_over_a_real_film_are_no_louder_than_the_sound_itself(footage: Path, role: Role) -> None:
    request = RenderRequest(
        picture=Picture(str(footage / "tears_of_steel_battle_800x332.webm")),
        prompt=PromptSpec(text="battle", role=role),
        n_samples=30 * RATE + 17,
        channels=1,
    )
    engine = FakeEngine("cpu")
    blocks = render_long(engine, request, on_progress=lambda _: None, cancelled=lambda: False)
    seams = measure_seams(np.concatenate(list(blocks), axis=1), plan_windows(request, max_window_s=MAX_S))
    assert seams.step_db <= max(1.0, seams.own_step_db)
    # A click that both windows have on the same sample may rise by 3 dB where they cross.
    assert seams.kink <= 2 * seams.own_kink


@pytest.mark.parametrize("role", [Role.FX, Role.AMB])
def test_an_engine_of_very_short_windows_still_renders_every_sample(role: Role) -> None:
    engine = SynthEngine(noise(), max_window_s=Fraction(1, 16))
    request = request_of(0.5, role=role, cuts=tuple(Fraction(k, 90) for k in range(1, 45)))
    assert sound_of(engine, request).shape == (1, RATE // 2)
    assert len(engine.requests) > 8


@pytest.mark.parametrize("cuts", [(), (Fraction(5), Fraction(9), Fraction(16))])
def test_every_flash_of_a_long_span_clicks_once_on_its_sample(tmp_path: Path, cuts: tuple[Fraction, ...]) -> None:
    rate = Fraction(24000, 1001)
    flashes = range(10, 500, 17)
    movie = write_flash_movie(tmp_path / "flashes.mov", rate=rate, n_frames=510, flashes=flashes)
    request = RenderRequest(
        picture=Picture(str(movie), cuts_s=cuts), prompt=PromptSpec("knock"), n_samples=21 * RATE, channels=1
    )
    assert len(plan_windows(request, max_window_s=MAX_S)) > 2
    blocks = render_long(FakeEngine("cpu"), request, on_progress=lambda _: None, cancelled=lambda: False)
    loud = np.flatnonzero(np.abs(np.concatenate(list(blocks), axis=1)[0]) > 0.3)
    onsets = loud[np.diff(loud, prepend=-RATE) > RATE // 20]
    assert onsets.tolist() == [position(frame / rate, RATE) for frame in flashes if frame / rate < 21]


def test_known_events_travel_to_the_windows_that_hold_them():
    times = (Fraction(1, 10), Fraction(3), Fraction(9, 2), Fraction(11))
    request = RenderRequest(
        picture=Picture("/none.mov"), prompt=PromptSpec(), n_samples=12 * 48000,
        events=tuple(VisualEvent(time) for time in times),
    )  # fmt: skip
    windows = plan_windows(request, max_window_s=Fraction(8))
    for window in windows:
        here = _window_request(request, window, 0)
        assert [event.time_s + Fraction(window.start, 48000) for event in here.events] == [
            time for time in times if window.start <= time * 48000 < window.start + window.n_samples
        ]
    assert _window_request(replace(request, events=None), windows[0], 0).events is None
