"""Scenes: the same seed gives the same scene, and a stem sounds exactly when its picture touches."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from otio_v2a_engine.contract import Role
from otio_v2a_engine.models.mel import SAMPLE_RATE
from otio_v2a_engine.simulate import synth
from otio_v2a_engine.simulate.acting import Act, Floats
from otio_v2a_engine.simulate.acts import ACTS
from otio_v2a_engine.simulate.acts_gaits import four_legs, jump
from otio_v2a_engine.simulate.acts_hits import bounce, juggle, strike
from otio_v2a_engine.simulate.acts_lasting import distractor
from otio_v2a_engine.simulate.acts_table import TABLE, fiddle, handle, pour_out, shuffle
from otio_v2a_engine.simulate.acts_to_and_fro import saw, shake, strum, tick
from otio_v2a_engine.simulate.backdrops import Backdrops
from otio_v2a_engine.simulate.bank import Bank, cut_at_onsets
from otio_v2a_engine.simulate.draw import (
    BACKDROP_HEIGHT,
    BACKDROP_WIDTH,
    HEIGHT,
    TRACK_RATE,
    WIDTH,
    Actor,
    Camera,
    Look,
    background,
    draw,
)
from otio_v2a_engine.simulate.scene import Scene, Staging, draw_kinds, make_scene
from otio_v2a_engine.simulate.vocabulary import HITS, KINDS, LOOPS, STEPS

NO_BANK = Bank(None)
SOFT = ("swoosh", "scrape", "splash")  # these swell rather than strike


def test_the_same_seed_makes_the_same_scene_and_another_seed_another() -> None:
    first, again, other = (make_scene(np.random.default_rng(seed), bank=NO_BANK, seconds=2) for seed in (4, 4, 5))
    assert first.frames.tobytes() == again.frames.tobytes()
    assert first.stems[Role.FX].tobytes() == again.stems[Role.FX].tobytes()
    assert first.captions == again.captions
    assert first.frames.tobytes() != other.frames.tobytes()


def test_the_acts_of_a_scene_alone_sum_to_its_effects() -> None:
    acts, cut = set(), False
    for seed in range(40):
        scene = make_scene(np.random.default_rng([3, seed]), bank=NO_BANK, seconds=2.5)
        acts.add(len(scene.parts))
        cut = cut or bool(scene.cuts_s)
        total = sum((part.stem for part in scene.parts), np.zeros_like(scene.stems[Role.FX]))
        np.testing.assert_allclose(total, scene.stems[Role.FX], atol=1e-6)
        assert sorted(e.sample for part in scene.parts for e in part.events) == [e.sample for e in scene.events]
        assert all(part.caption in scene.captions[Role.FX] for part in scene.parts)
        assert (*(part.kind for part in scene.parts), scene.kinds[-1]) == scene.kinds
    assert cut
    assert {0, 1, 2} <= acts


def test_the_first_sound_of_the_effects_stem_lies_on_the_first_event_to_the_sample() -> None:
    checked = 0
    for seed in range(24):
        scene = make_scene(np.random.default_rng([1, seed]), bank=NO_BANK, seconds=3)
        kinds = scene.kinds[:-1]
        if not scene.events or scene.cuts_s or any(k in SOFT or KINDS[k] in LOOPS for k in kinds):
            continue
        stem = np.abs(scene.stems[Role.FX])
        first = int(np.argmax(stem > 1e-3 * stem.max()))
        assert abs(first - scene.events[0].sample) <= 1, (seed, kinds)
        checked += 1
    assert checked >= 6


@pytest.mark.parametrize("act", [bounce, juggle])
def test_a_thing_sounds_when_its_drawn_path_touches_the_ground(act) -> None:
    made = act(np.random.default_rng(2), 6 * TRACK_RATE)
    body = made.actors[-1]
    assert len(made.events) > 3
    for event in made.events:
        here = round(event.time_s * TRACK_RATE)
        around = body.y[max(0, here - 3) : here + 4]
        assert body.y[here] >= around.max() - 0.03  # y points down: the lowest place


def test_a_tool_is_nearest_to_its_target_when_it_sounds() -> None:
    made = strike(np.random.default_rng(8), 6 * TRACK_RATE)
    tool = made.actors[-1]
    for event in made.events:
        here = round(event.time_s * TRACK_RATE)
        around = tool.y[max(0, here - 12) : here + 13]
        assert tool.y[here] >= around.max() - 0.02


def test_a_hand_is_over_the_strings_when_they_sound() -> None:
    made = strum(np.random.default_rng(5), 6 * TRACK_RATE)
    body, hand = made.actors[0], made.actors[-1]
    away = np.abs(hand.y - body.y)
    assert len(made.events) > 2
    for event in made.events:
        assert away[round(event.time_s * TRACK_RATE)] < 0.2 * away.max()


def test_what_is_shaken_sounds_where_it_turns_and_a_saw_where_it_sets_out() -> None:
    for act, sounds_after in ((shake, False), (saw, True)):
        made = act(np.random.default_rng(4), 6 * TRACK_RATE)
        path = np.hypot(*(np.diff(track) for track in (made.actors[1].x, made.actors[1].y)))
        assert len(made.events) > 3
        for event in made.events[1:-1]:
            here = round(event.time_s * TRACK_RATE)
            before, after = path[here - 9 : here - 1].mean(), path[here + 1 : here + 9].mean()
            assert path[here] < 0.3 * path.max()
            assert (after if sounds_after else before) > 2 * path[here]


def test_a_clock_ticks_as_regularly_as_one() -> None:
    for seed in range(6):
        times = [event.time_s for event in tick(np.random.default_rng(seed), 8 * TRACK_RATE).events]
        assert len(times) > 4
        np.testing.assert_allclose(np.diff(times), times[1] - times[0], atol=1e-6)


def test_a_compressed_film_drops_small_changes_and_keeps_large_ones() -> None:
    rng, times = np.random.default_rng(1), np.arange(50) / 25
    n = 2 * TRACK_RATE
    still = Camera(np.zeros(n, np.float32), np.zeros(n, np.float32))
    ball = strike(np.random.default_rng(8), n).actors[-1]

    def film(compression: float) -> np.ndarray:
        look = Look(grain=0.01, compression=compression)
        picture = background(np.random.default_rng(2))
        return draw([ball], picture=picture, camera=still, look=look, times_s=times, frame_s=0.04, rng=rng)

    plain, poor = film(0.0), film(8.0)
    assert plain.shape == poor.shape == (50, HEIGHT, WIDTH, 3)
    changed = [np.abs(np.diff(frames.astype(int), axis=0)).max(axis=(1, 2, 3)) for frames in (plain, poor)]
    assert (changed[0] > 0).all()  # grain
    assert 0.2 < (changed[1] == 0).mean() < 1
    assert changed[1].max() > 40  # the tool still moves


def test_the_first_of_several_kinds_can_be_chosen() -> None:
    for seed in range(8):
        first, second = draw_kinds(np.random.default_rng(seed), NO_BANK, count=2, among=("saw", "drill"))
        assert first in ("saw", "drill")
        assert second != first
    assert draw_kinds(np.random.default_rng(1), NO_BANK, count=0, among=("saw",)) == ("saw",)


def test_distractors_move_and_make_no_sound() -> None:
    made = distractor(np.random.default_rng(3), TRACK_RATE)
    assert made.events == ()
    assert made.span is None


def test_a_thing_that_a_hand_sets_down_moves_until_it_sounds_and_not_after() -> None:
    checked = 0
    for seed in range(8):
        made = handle(np.random.default_rng(seed), 8 * TRACK_RATE)
        for event in made.events:
            here = round(event.time_s * TRACK_RATE)

            def moves(body, first: int, last: int) -> float:
                return max(float(np.ptp(track[first:last])) for track in (body.x, body.y, body.angle))

            stops = [
                body
                for body in made.actors
                if moves(body, here - 24, here) > 1e-3 and moves(body, here + 2, here + 12) < 1e-5
            ]
            assert stops, (seed, event.time_s)
            checked += 1
    assert checked > 15


def test_what_is_poured_out_sounds_while_it_is_seen_to_run() -> None:
    for seed in range(6):
        made = pour_out(np.random.default_rng(seed), 8 * TRACK_RATE)
        assert made.events == ()
        assert made.span is not None
        level = made.span.level
        assert level[0] == 0
        assert level.max() == 1
        stream = next(body for body in made.actors if np.ptp(body.alpha) > 0)
        assert np.array_equal(stream.alpha > 0, level > 0)


def test_hands_that_do_nothing_make_no_sound_but_move() -> None:
    made = fiddle(np.random.default_rng(1), 6 * TRACK_RATE)
    assert made.events == ()
    assert made.span is None
    assert max(float(np.ptp(body.x)) for body in made.actors) > 0.05


def test_acts_at_a_table_come_only_where_they_are_asked_for() -> None:
    plain, told, table = (
        make_scene(np.random.default_rng(7), bank=NO_BANK, seconds=3, only=("wood",), **given)
        for given in ({}, {"staging": Staging()}, {"staging": Staging(at_table=1.0)})
    )
    assert plain.frames.tobytes() == told.frames.tobytes()
    assert table.frames.tobytes() != plain.frames.tobytes()
    stem = np.abs(table.stems[Role.FX])
    assert abs(int(np.argmax(stem > 1e-3 * stem.max())) - table.events[0].sample) <= 1


def _lowest(body: Actor) -> Floats:
    """How far down a limb reaches, in picture heights."""
    lowest: Floats = body.y + np.abs(np.cos(body.angle)) * (body.h - body.w) / 2 + body.w / 2
    return lowest


@pytest.mark.parametrize("act", [four_legs, jump])
def test_a_foot_comes_down_to_the_ground_when_it_sounds(act: Callable[[np.random.Generator, int], Act]) -> None:
    heard = 0
    for seed in range(12):
        made = act(np.random.default_rng([5, seed]), 8 * TRACK_RATE)
        legs = np.stack([_lowest(body) for body in made.actors if np.ptp(body.angle) > 0 or np.ptp(body.h) > 0])
        up = legs.max() - legs
        for event in made.events:
            at = round(event.time_s * TRACK_RATE)
            down = up[:, at : at + 5].min(1) < 0.02
            came = up[:, max(0, at - 29) : at].max(1) > up[:, at : at + 5].min(1) + 0.003
            assert (down & came).any(), (seed, event)
        heard += len(made.events)
    assert heard > 40


def test_steps_go_on_four_legs_only_where_that_is_asked_for() -> None:
    plain, gaits = (
        make_scene(np.random.default_rng(3), bank=NO_BANK, seconds=3, only=("steps_hard",), staging=staging)
        for staging in (Staging(), Staging(gaits=1.0))
    )
    assert gaits.frames.tobytes() != plain.frames.tobytes()
    assert gaits.events
    wood = [
        make_scene(np.random.default_rng(3), bank=NO_BANK, seconds=2, only=("wood",), staging=staging)
        for staging in (Staging(), Staging(gaits=1.0))
    ]
    assert wood[0].frames.tobytes() == wood[1].frames.tobytes()


def test_only_calm_footage_moves_behind_a_scene_and_none_that_is_kept_apart_is_shown(few_movies: Path) -> None:
    behind = Backdrops(few_movies, calm=("street",))
    assert [row.file for row in behind.footage] == ["street.mp4", "busy.mp4"]
    drawn = [behind.backdrop(np.random.default_rng(seed)) for seed in range(30)]
    moving = [picture for picture in drawn if picture.ndim == 4]
    assert 0 < len(moving) < len(drawn)
    for picture in moving:
        levels = picture.mean((1, 2, 3))
        assert (np.diff(levels) >= 0).all()
        assert levels[-1] > levels[0]
    assert all(picture.shape[-3:] == (BACKDROP_HEIGHT, BACKDROP_WIDTH, 3) for picture in drawn)


def test_a_scene_before_real_pictures_is_the_same_for_the_same_seed_and_sounds_as_it_is_drawn(few_movies: Path) -> None:
    behind = Backdrops(few_movies, calm=("street",))

    def scene(backdrops: Backdrops | None) -> Scene:
        rng, staging = np.random.default_rng(12), Staging(backdrops=backdrops)
        return make_scene(rng, bank=NO_BANK, seconds=2, only=["wood"], roles=(), staging=staging)

    first, again, before = scene(behind), scene(behind), scene(None)
    assert first.frames.tobytes() == again.frames.tobytes()
    assert first.frames.tobytes() != before.frames.tobytes()
    assert [event.sample for event in first.events] == [event.sample for event in before.events]


def test_a_backdrop_that_moves_goes_to_and_fro_behind_a_camera_that_stands() -> None:
    steps = np.linspace(0.1, 0.9, 5, dtype=np.float32)
    picture = np.broadcast_to(steps[:, None, None, None], (5, BACKDROP_HEIGHT, BACKDROP_WIDTH, 3))
    still = np.zeros(TRACK_RATE, np.float32)
    times = (np.arange(12) + 0.5) / 25
    frames = draw(
        [],
        picture=picture,
        camera=Camera(still, still),
        look=Look(),
        times_s=times,
        frame_s=0.04,
        rng=np.random.default_rng(0),
    )
    seen = frames[:, 0, 0, 0] / 255
    np.testing.assert_allclose(seen, steps[[0, 1, 2, 3, 4, 3, 2, 1, 0, 1, 2, 3]], atol=0.01)


def test_footage_of_which_nothing_may_be_used_is_refused_by_name(few_movies: Path) -> None:
    with pytest.raises(FileNotFoundError, match=str(few_movies)):
        Backdrops(few_movies, kept_apart=("street", "busy", "sam2_")).backdrop(np.random.default_rng(0))


def test_every_kind_of_effect_has_an_act_that_shows_it() -> None:
    names = {kind.name for kind in (*HITS, *LOOPS)} | {"steps"}
    assert names == set(ACTS)
    assert set(TABLE) < names


def test_what_is_slid_over_a_table_sounds_where_it_sets_out() -> None:
    made = shuffle(np.random.default_rng(3), 8 * TRACK_RATE)
    assert len(made.events) > 2
    for event in made.events:
        here = round(event.time_s * TRACK_RATE)
        things = [
            body
            for body in made.actors
            if np.ptp(body.x[here - 12 : here]) < 1e-5 and np.ptp(body.x[here : here + 24]) > 1e-3
        ]
        assert things


@pytest.mark.parametrize("name", [kind.name for kind in (*STEPS, *HITS) if kind.synthesised])
def test_a_synthesised_hit_starts_at_once_at_full_scale_and_ends(name: str) -> None:
    sound = synth.hit(name, np.random.default_rng(1))
    assert float(np.abs(sound).max()) == pytest.approx(1.0)
    assert np.isfinite(sound).all()
    assert abs(float(sound[-1])) < 0.01
    if name not in SOFT:
        assert float(np.abs(sound[:48]).max()) > 0.02


def test_a_recording_of_three_clicks_is_cut_into_three_that_start_at_their_onset() -> None:
    sound = np.zeros(2 * SAMPLE_RATE, np.float32)
    for start in (10_000, 40_000, 70_000):
        sound[start : start + 2000] = np.exp(-np.arange(2000) / 300).astype(np.float32)
    cuts = cut_at_onsets(sound)
    assert len(cuts) == 3
    for cut in cuts:
        assert int(np.argmax(np.abs(cut) > 0.5)) == 0


def test_real_recordings_are_found_for_most_kinds(sounds: Path) -> None:
    bank = Bank(sounds)
    hit, recording = bank.hit("clap", np.random.default_rng(0))
    assert float(np.abs(hit).max()) == pytest.approx(1.0, abs=1e-3)
    assert "HandClap" in recording.path
    stretch, _ = bank.stretch("rain", 3 * SAMPLE_RATE, np.random.default_rng(0))
    assert len(stretch) == 3 * SAMPLE_RATE
    assert len(bank.credited()) > 900
    assert [name for name, kind in KINDS.items() if not kind.synthesised and not bank.has(name)] == []


def test_a_scene_is_true_in_level_and_never_clips() -> None:
    for seed in range(4):
        scene = make_scene(np.random.default_rng([2, seed]), bank=NO_BANK, seconds=2)
        assert float(np.abs(scene.stems[Role.FX]).max()) <= 0.61
        level = 20 * np.log10(np.sqrt(np.mean(scene.stems[Role.AMB].astype(float) ** 2)))
        assert -36 < level < -22
