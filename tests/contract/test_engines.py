"""Every installed engine against every picture: one conformance suite."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from otio_v2a_engine import conformance, registry
from otio_v2a_engine.contract import Engine, EngineSpec, Picture, Progress, RenderedAudio, RenderRequest
from otio_v2a_engine.fake import FakeEngine

# The suite's prompts are for effects: an engine of another role may well say that it knows nothing like them.
pytestmark = pytest.mark.filterwarnings("ignore::otio_v2a_engine.contract.EngineWarning")

CHECK_NAMES = {check.__name__: check for check in conformance.CHECKS}

FOOTAGE = (
    "big_buck_bunny_0-30_1280x720.webm",
    "big_buck_bunny_5s_5.1.mp4",
    "crystal_lotus_720x480.webm",
    "flower_silent_track.mp4",
    "gopro_karma_coast_drone.mp4",
    "gopro_walk_path.mp4",
    "his_girl_friday_speech_640x480.mp4",
    "kings_cross_320x240_60fps_5s.mp4",
    "kings_cross_rooftop_640x360.mp4",
    "man_green_wall_320x192_60fps.mp4",
    "nasa_crane_narration_320x180.mp4",
    "pour_water_kitchen_270x480.mp4",
    "rabbit_figurine_320x240.mp4",
    "sam2_blocks_silent.mp4",
    "sam2_coffee_pour_silent.mp4",
    "sam2_cups_shuffle_silent.mp4",
    "sam2_dog_fetch_silent.mp4",
    "sam2_football_juggle_noaudio.mp4",
    "stream_rapids_portrait_2s.mp4",
    "tears_of_steel_battle_800x332.webm",
    "zoo_bear_320x240.webm",
)


def _is_here(spec: EngineSpec) -> bool:
    module = spec.factory.partition(":")[0]
    return find_spec(module) is not None


# Engines whose weights the user brings are held to the same suite by their own tests, with weights made there.
ENGINES = [name for name, spec in registry.specs().items() if _is_here(spec) and not spec.info.weights_name]


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    loaded = registry.load(request.param)
    yield loaded
    loaded.close()


@dataclass(frozen=True)
class Shape:
    """A generated movie and how it is shown."""

    rate: Fraction
    speed: Fraction = Fraction(1)
    start_s: Fraction = Fraction(0)


SHAPES = {
    "25 fps": Shape(Fraction(25)),
    "23.976 fps, fast": Shape(Fraction(24000, 1001), speed=Fraction(3, 2)),
    "60 fps, reversed": Shape(Fraction(60), speed=Fraction(-1), start_s=Fraction(2)),
}


@pytest.fixture(scope="module")
def movies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Picture]:
    folder = tmp_path_factory.mktemp("movies")
    made = {}
    for number, (name, shape) in enumerate(SHAPES.items()):
        path = folder / f"flashes {number}.mov"
        conformance.write_flash_movie(path, rate=shape.rate, n_frames=int(shape.rate * 4), flashes=(7, 20, 50, 90))
        made[name] = Picture(str(path), speed=shape.speed, start_s=shape.start_s)
    return made


def test_the_fake_engine_is_always_here() -> None:
    assert "fake" in ENGINES


@pytest.mark.parametrize("check", CHECK_NAMES)
def test_engine_keeps_the_contract(engine: Engine, check: str, movies: dict[str, Picture]) -> None:
    CHECK_NAMES[check](engine, movies["25 fps"])


@pytest.mark.parametrize("shape", SHAPES)
def test_engine_renders_every_way_of_showing_a_movie(engine: Engine, shape: str, movies: dict[str, Picture]) -> None:
    conformance.check_take(engine, movies[shape])


def test_engine_holds_a_frozen_picture(engine: Engine, movies: dict[str, Picture]) -> None:
    conformance.check_sound(engine, replace(movies["25 fps"], speed=Fraction(0), start_s=Fraction(1)))


def test_engine_is_what_its_spec_says(engine: Engine) -> None:
    conformance.check_info(registry.find(engine.info.name), engine)


@pytest.mark.footage
@pytest.mark.parametrize("name", FOOTAGE)
def test_engine_renders_real_footage(engine: Engine, name: str, footage: Path) -> None:
    conformance.check_take(engine, Picture(str(footage / name)))


@pytest.mark.footage
def test_no_footage_is_left_out(footage: Path) -> None:
    there = {path.name for path in footage.iterdir() if path.suffix in (".mp4", ".webm", ".mov", ".mxf")}
    assert there == set(FOOTAGE)


def test_engines_are_listed_without_loading_anything_heavy() -> None:
    program = (
        "import sys; from otio_v2a_engine import registry; names = list(registry.specs()); "
        "heavy = {'torch', 'diffusers', 'transformers', 'av', 'scipy', 'soundfile'} & set(sys.modules); "
        "print(','.join(names), *sorted(heavy))"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert answer.split() == [",".join(registry.specs())]


class Broken:
    """The fake with one promise broken."""

    def __init__(self, change: Callable[[RenderRequest], RenderRequest]) -> None:
        self._engine = FakeEngine("cpu")
        self._change = change
        self.info = self._engine.info

    def render(
        self, request: RenderRequest, *, on_progress: Callable[[Progress], None], cancelled: Callable[[], bool]
    ) -> RenderedAudio:
        return self._engine.render(self._change(request), on_progress=on_progress, cancelled=cancelled)

    def close(self) -> None:
        pass


def _any_seed(request: RenderRequest) -> RenderRequest:
    return replace(request, seed=int(np.random.default_rng().integers(2**31)))


@pytest.mark.parametrize(
    ("check", "change"),
    [
        ("check_lengths", lambda r: replace(r, n_samples=r.n_samples + 1)),
        ("check_longest_window", lambda r: replace(r, n_samples=min(r.n_samples, 100))),
        ("check_repeatable", lambda r: replace(r, seed=0)),
        ("check_repeatable", _any_seed),
        ("check_no_global_state", lambda r: replace(r, seed=int(np.random.randint(1000)))),
        ("check_prompt_matters", lambda r: replace(r, prompt=replace(r.prompt, text=""))),
        ("check_prompt_matters", lambda r: replace(r, prompt=replace(r.prompt, negative_text=""))),
        ("check_prompt_matters", lambda r: replace(r, prompt=replace(r.prompt, transcript=""))),
        ("check_roles", lambda r: replace(r, prompt=replace(r.prompt, role="FX"))),
        (
            "check_picture_matters",
            lambda r: replace(r, picture=replace(r.picture, speed=Fraction(0), start_s=Fraction(0))),
        ),
        ("check_refusals", lambda r: replace(r, sample_rate=48000)),
        ("check_take", lambda r: replace(r, n_samples=r.n_samples - 1)),
    ],
)
def test_a_broken_engine_is_found(
    check: str, change: Callable[[RenderRequest], RenderRequest], movies: dict[str, Picture]
) -> None:
    with pytest.raises(conformance.ConformanceError, match="engine fake"):
        getattr(conformance, check)(Broken(change), movies["25 fps"])


class Deaf(Broken):
    """Does not listen."""

    def render(
        self, request: RenderRequest, *, on_progress: Callable[[Progress], None], cancelled: Callable[[], bool]
    ) -> RenderedAudio:
        return self._engine.render(request, on_progress=lambda _: None, cancelled=lambda: False)


@pytest.mark.parametrize("check", ["check_progress", "check_cancellation"])
def test_an_engine_that_cannot_be_cancelled_is_found(check: str, movies: dict[str, Picture]) -> None:
    with pytest.raises(conformance.ConformanceError, match="engine fake"):
        getattr(conformance, check)(Deaf(lambda request: request), movies["25 fps"])
