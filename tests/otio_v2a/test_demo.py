"""The demo cut: it reads, its truth follows from the formulas, and its picture shows what the truth says."""

import itertools
import json
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import opentimelineio as otio
import pytest

from otio_v2a.demo import build, cut_path
from otio_v2a.demo.cut import CLIPS, MOVIES, MoviePlan, timeline, truth
from otio_v2a.demo.motion import Bounces, Dominoes, Walk
from otio_v2a.demo.shots import BOUNCES, CRADLE, DOMINOES, DRIP, SHOTS, WALK, events, layers, pieces, poses, shot
from otio_v2a.prompts import resolve
from otio_v2a.timeline import read
from otio_v2a_engine.contract import Role

FOLDER = cut_path().parent


def decoded(movie: MoviePlan) -> Iterator[np.ndarray]:
    with av.open(str(FOLDER / movie.url)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24")


@pytest.fixture(scope="module")
def pictures() -> dict[str, np.ndarray]:
    """Every shot's frames as floats (n, height, width), the mean of the colours."""
    found: dict[str, np.ndarray] = {}
    for movie in MOVIES:
        frames = np.stack([picture.mean(axis=2, dtype=np.float32) for picture in decoded(movie)])
        for name, first in movie.first_frames().items():
            found[name] = frames[first : first + shot(name).n_frames]
    return found


def changes(frames: np.ndarray) -> np.ndarray:
    """Mean absolute change from each frame to the next: entry k is what frame k + 1 changed."""
    return np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2))


def part(frames: np.ndarray, left: float, top: float, right: float, bottom: float) -> np.ndarray:
    height, width = frames.shape[1:]
    return frames[:, int(top * height) : int(bottom * height), int(left * width) : int(right * width)]


# The cut.


def test_the_cut_reads_into_four_spans_without_anything_skipped() -> None:
    cut = read(cut_path())

    assert cut.skipped == ()
    assert cut.timing.rate == 24
    assert cut.timing.global_start_s == 3600
    assert cut.timing.duration_s == Fraction(354, 24)
    assert [span.name for span in cut.spans] == ["Tap", "Boots", "Marble and blocks", "Cradle"]
    assert [span.record_start_s * 24 for span in cut.spans] == [0, 66, 126, 270]
    assert cut.spans[-1].speed == Fraction(1, 2)
    assert all(Path(span.media.path).is_file() for span in cut.spans)


def test_every_clip_brings_its_own_prompts() -> None:
    cut = read(cut_path())

    asks = resolve(cut.spans, timing=cut.timing)

    assert [(ask.span.name, ask.prompt.role) for ask in asks] == [
        (clip.name, role) for clip in CLIPS for role in (Role.FX, Role.AMB)
    ]
    assert [ask.prompt.text for ask in asks] == [text for clip in CLIPS for text in (clip.effects, clip.ambience)]


def test_the_shipped_files_are_what_the_formulas_say() -> None:
    assert json.loads((FOLDER / "events.json").read_text(encoding="utf-8")) == truth()
    assert json.loads(cut_path().read_text(encoding="utf-8")) == json.loads(timeline().to_json_string())


def test_media_lies_beside_the_cut_by_relative_path() -> None:
    for clip in otio.adapters.read_from_file(str(cut_path())).find_clips():
        url = clip.media_reference.target_url
        assert not Path(url).is_absolute()
        assert "://" not in url
        assert (FOLDER / url).is_file()


@pytest.mark.parametrize("movie", MOVIES, ids=lambda movie: movie.name)
def test_a_movie_has_the_frames_and_the_rate_that_its_clip_says(movie: MoviePlan) -> None:
    clip = next(
        clip
        for clip in otio.adapters.read_from_file(str(cut_path())).find_clips()
        if clip.media_reference.target_url == movie.url
    )
    available = clip.media_reference.available_range
    with av.open(str(FOLDER / movie.url)) as container:
        stream = container.streams.video[0]
        times = [frame.pts * stream.time_base for frame in container.decode(stream)]

        assert stream.average_rate == movie.rate == available.duration.rate
        assert (stream.width, stream.height) == (640, 360)
    assert times == [Fraction(index, movie.rate) for index in range(movie.n_frames)]
    assert available.duration.value == movie.n_frames


@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip.name)
def test_a_clip_leaves_handles_at_both_ends_of_its_movie(clip: Any) -> None:
    after = clip.movie.n_frames - (clip.start + clip.n_frames * clip.speed * Fraction(clip.movie.rate, 24))

    assert clip.start >= 8
    assert after >= 8


def test_the_folder_stays_small() -> None:
    sizes = [path.stat().st_size for path in FOLDER.rglob("*") if path.is_file() and "__pycache__" not in path.parts]

    assert sum(sizes) < 4_000_000
    assert max(sizes) < 1_500_000


# The truth.


def test_events_lie_inside_their_clips_and_inside_the_picture() -> None:
    for clip in truth()["clips"]:
        start_s, end_s = clip["record_start_frame"] / 24, (clip["record_start_frame"] + clip["n_frames"]) / 24
        assert clip["events"]
        for event in clip["events"]:
            assert start_s <= event["record_s"] < end_s
            assert event.get("record_end_s", end_s) <= end_s
            assert 0 < event["strength"] <= 1
            if event["kind"] != "roll":
                assert all(0 < value < 1 for value in event["screen"])


def test_a_span_maps_the_record_time_of_an_event_to_its_media_time() -> None:
    for span, clip, movie in zip(read(cut_path()).spans, truth()["clips"], truth()["movies"], strict=True):
        media = {round(event["media_s"], 4) for event in movie["events"]}
        for event in clip["events"]:
            if event["kind"] != "roll":
                since_s = event["record_s"] - float(span.record_start_s)
                assert round(float(span.source_start_s) + since_s * float(span.speed), 4) in media


def test_the_marble_touches_the_table_at_its_impacts_and_flies_between_them() -> None:
    times = [hit.time_s for hit in BOUNCES.impacts()]

    for time_s in times:
        assert BOUNCES.pose(time_s).location[2] == pytest.approx(BOUNCES.radius, abs=1e-9)
    for before, after in itertools.pairwise(times):
        middle = BOUNCES.pose((before + after) / 2).location[2]
        assert middle - BOUNCES.radius == pytest.approx(98.1 * ((after - before) / 2) ** 2 / 2)
    fall_s = times[0] - BOUNCES.leaves_s
    assert BOUNCES.drop == pytest.approx(98.1 * fall_s**2 / 2)


def test_a_livelier_marble_bounces_more_often() -> None:
    assert len(Bounces(restitution=0.8).impacts()) > len(Bounces(restitution=0.5).impacts())


def test_blocks_topple_one_after_another_and_never_pass_through_each_other() -> None:
    strike, *clicks, slap = DOMINOES.hits()

    for index, click in enumerate(clicks):
        angles = DOMINOES.angles(click.time_s - 1e-6)
        touching = math.asin((DOMINOES.spacing - DOMINOES.thickness) / DOMINOES.height)
        assert angles[index] == pytest.approx(touching, abs=1e-3)
        assert angles[index + 1 :] == (0.0,) * (DOMINOES.count - index - 1)
    for step in range(200):
        time_s = strike.time_s + step / 100
        angles = DOMINOES.angles(time_s)
        for behind, ahead in itertools.pairwise(angles):
            # Top front corner of the block behind, in the frame of the leaning block ahead.
            x, z = DOMINOES.height * math.sin(behind) - DOMINOES.spacing, DOMINOES.height * math.cos(behind)
            assert -x * math.cos(ahead) + z * math.sin(ahead) >= DOMINOES.thickness - 1e-9
    assert DOMINOES.angles(slap.time_s)[-1] == pytest.approx(math.pi / 2)
    assert Dominoes(count=3).end_s < DOMINOES.end_s


def test_a_drop_meets_the_water_when_it_is_heard() -> None:
    for index, hit in enumerate(DRIP.hits()):
        assert DRIP.drop(index, hit.time_s - 1e-6).location[2] == pytest.approx(DRIP.level_z, abs=1e-3)
        assert DRIP.drop(index, hit.time_s).scale == (0.0, 0.0, 0.0)
        assert DRIP.drop(index, hit.time_s - DRIP.fall_s - 0.01).location[2] == pytest.approx(DRIP.tip_z, abs=0.01)


def test_heels_touch_the_floor_when_they_are_heard_and_stay() -> None:
    for index, hit in enumerate(WALK.hits(3.0)):
        left = index % 2 == 0
        struck = WALK.foot(left, hit.time_s)
        pitch = struck.rotation[1]
        heel_x = struck.location[0] + WALK.heel_x * math.cos(pitch)
        heel_z = struck.location[2] - WALK.heel_x * math.sin(pitch)
        assert (heel_x, heel_z) == pytest.approx((hit.place[0], 0.0), abs=1e-9)
        assert WALK.foot(left, hit.time_s - 0.08).location[2] > 0.3
        assert WALK.foot(left, hit.time_s + 0.2).location[2] == 0.0
    assert len(Walk(step_s=0.25).hits(3.0)) > len(WALK.hits(3.0))


def test_feet_never_sink_and_legs_never_tear() -> None:
    for step in range(300):
        for left in (True, False):
            foot, (shank, thigh) = WALK.foot(left, step / 100), WALK.leg(left, step / 100)
            reach = math.dist(shank.location, thigh.location)
            for x in (WALK.heel_x, WALK.ball_x):
                assert foot.location[2] - x * math.sin(foot.rotation[1]) > -0.02
            assert reach == pytest.approx(WALK.shank)


def test_the_cradle_hangs_still_at_every_click_and_swings_on_the_other_side_after_it() -> None:
    for index, hit in enumerate(CRADLE.hits(2.0)):
        assert CRADLE.angles(hit.time_s) == pytest.approx((0.0,) * CRADLE.balls, abs=1e-9)
        after = CRADLE.angles(hit.time_s + CRADLE.half_s / 2)
        assert (after[-1] > 0.1) == (index % 2 == 1)
        assert (after[0] < -0.1) == (index % 2 == 0)


def test_the_camera_sees_what_it_looks_at_in_the_middle() -> None:
    for of in SHOTS:
        assert of.camera.screen(of.camera.target) == pytest.approx((0.5, 0.5))
        x, y, z = of.camera.target
        assert of.camera.screen((x, y, z + 0.5))[1] < 0.5
        assert of.camera.screen((x + 0.5, y, z))[0] > 0.5


# The picture.


def test_drops_disturb_the_water_when_they_land(pictures: dict[str, np.ndarray]) -> None:
    water = part(pictures["tap"], 0.38, 0.6, 0.62, 0.75)
    energy = changes(water)

    for hit in DRIP.hits():
        frame = math.ceil(hit.time_s * 24)
        assert energy[frame - 1 : frame + 4].max() > 2.5 * energy[frame - 8 : frame - 3].max()


def test_a_boot_that_has_struck_stands_still(pictures: dict[str, np.ndarray]) -> None:
    strikes = [event for event in events(shot("boots")) if 0.5 < event.time_s < 2.6]
    for event in strikes:
        x, y = event.screen
        boot = part(pictures["boots"], x - 0.03, y - 0.07, x + 0.03, y + 0.01)
        frame, energy = round(event.time_s * 24), changes(boot)
        assert energy[frame - 4 : frame].mean() > 1.5 * energy[frame + 2 : frame + 6].mean()


def test_the_marble_turns_back_up_at_its_impacts(pictures: dict[str, np.ndarray]) -> None:
    frames = pictures["marble"]
    for event in [event for event in events(shot("marble")) if event.kind == "impact"][:3]:
        x, y = event.screen
        near = part(frames, x - 0.035, y - 0.13, x + 0.035, y)
        # How much of the table's last strip the marble covers, against the empty set of the first frame.
        covered = np.abs(near - near[0]).mean(axis=(1, 2))
        frame = event.time_s * 24
        window = range(round(frame) - 3, round(frame) + 4)
        assert abs(max(window, key=lambda index: covered[index]) - frame) <= 1.5


def test_blocks_fall_from_left_to_right_until_the_last_one_lies(pictures: dict[str, np.ndarray]) -> None:
    frames = pictures["dominoes"]
    strike, *clicks, slap = (event for event in events(shot("dominoes")) if event.kind == "impact")
    reached = []
    for click in clicks:
        x, y = click.screen
        energy = changes(part(frames, x - 0.02, y - 0.02, x + 0.02, y + 0.08))
        frame = round(click.time_s * 24)
        assert energy[frame - 2 : frame + 3].max() > 3 * energy[: round(strike.time_s * 24) - 2].max()
        reached.append(x)
    assert reached == sorted(reached)
    blocks, end = changes(part(frames, 0.05, 0.45, 0.95, 0.9)), round(slap.time_s * 24)
    assert blocks[end - 3 : end].mean() > 4 * blocks[end + 2 :].max()


def test_the_cradle_changes_sides_at_its_clicks(pictures: dict[str, np.ndarray]) -> None:
    frames = pictures["cradle"]
    left = changes(part(frames, 0.02, 0.45, 0.27, 0.8))
    right = changes(part(frames, 0.75, 0.45, 0.95, 0.8))
    side = np.sign(right - left)
    turns = [
        index for index in range(3, len(side) - 3) if side[index - 3 : index].sum() == -side[index : index + 3].sum()
    ]
    for hit in CRADLE.hits(2.0):
        assert min(abs(turn - hit.time_s * 48) for turn in turns) <= 3


# Making it.


def test_pieces_cover_every_layer_of_every_frame() -> None:
    for of in SHOTS:
        made = {name: rect for name, _, rect in pieces(of)}
        for frame in range(of.n_frames):
            found = layers(of, frame)
            assert found[0][1] == (0.0, 0.0, 1.0, 1.0)
            assert all(made[name] == rect for name, rect in found)


def test_nothing_moves_in_frames_that_are_made_of_earlier_ones() -> None:
    of = shot("dominoes")
    for frame in range(of.n_frames):
        acted = int(layers(of, frame)[-1][0].removeprefix("act."))
        if acted != frame:
            now, then = poses(of, frame / of.rate), poses(of, acted / of.rate)
            for name, pose in now.items():
                assert pose.location == pytest.approx(then[name].location, abs=2e-3)
                assert pose.rotation == pytest.approx(then[name].rotation, abs=1e-2)


def test_pieces_are_laid_over_the_set_and_blended_at_seams_inside_the_picture(tmp_path: Path) -> None:
    of = shot("dominoes")
    for level, (name, (left, top, right, bottom)) in zip((40, 40, 200), layers(of, 0), strict=True):
        size = (round((bottom - top) * 360), round((right - left) * 640), 3)
        _write_png(tmp_path / f"{of.name}.{name}.png", np.full(size, level, np.uint8))

    picture = build.compose(of, 0, frames=tmp_path)

    _, top, _, bottom = layers(of, 0)[-1][1]
    first, last = round(top * 360), round(bottom * 360)
    column = picture[:, 0, 0].astype(int)
    assert picture.shape == (360, 640, 3)
    assert (column[:first] == 40).all()
    assert (np.diff(column[first : first + 12]) >= 0).all()
    assert (column[first + 12 : last - 12] == 200).all()
    assert (column[last:] == 40).all()


def test_a_made_movie_keeps_every_picture_and_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    movie = MOVIES[-1]
    levels = [20 + 2 * index for index in range(movie.n_frames)]
    monkeypatch.setattr(build, "compose", lambda of, frame, *, frames: np.full((36, 64, 3), levels[frame], np.uint8))

    build.encode(movie, tmp_path / "movie.mp4", frames=tmp_path)

    with av.open(str(tmp_path / "movie.mp4")) as container:
        shown = [(frame.time, frame.to_ndarray(format="rgb24").mean()) for frame in container.decode(video=0)]
    assert [time for time, _ in shown] == pytest.approx([index / 48 for index in range(movie.n_frames)])
    assert [level for _, level in shown] == pytest.approx(levels, abs=2.5)
    assert [path.name for path in tmp_path.iterdir()] == ["movie.mp4"]


def test_without_blender_the_command_says_what_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["build", "--out", str(tmp_path / "out"), "--blender-python", str(tmp_path / "absent")]
    monkeypatch.setattr("sys.argv", arguments)

    assert build.main() == 1
    assert "bpy" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def _write_png(path: Path, picture: np.ndarray) -> None:
    with av.open(str(path), "w", format="image2", options={"update": "1"}) as container:
        stream: Any = container.add_stream("png")
        stream.height, stream.width, stream.pix_fmt = picture.shape[0], picture.shape[1], "rgb24"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
