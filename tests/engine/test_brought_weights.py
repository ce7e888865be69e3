"""Weights that a user brings decide what `small` sees, where it is asked for events and for where it looks."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from otio_v2a_engine import small_saliency
from otio_v2a_engine.contract import Picture, PromptSpec, RenderRequest, Sampling, WeightsError
from otio_v2a_engine.pipelines.small import SmallEngine
from otio_v2a_engine.simulate.bank import Bank
from otio_v2a_engine.simulate.scene import make_scene
from otio_v2a_engine.specs import SURE
from otio_v2a_engine.spotting import find_events
from otio_v2a_engine.training.measures import write_movie

RATE = 48000


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Picture:
    """Nine seconds, longer than a window, in which things happen."""
    path = tmp_path_factory.mktemp("scene") / "scene.mp4"
    made = make_scene(np.random.default_rng([77, 3]), bank=Bank(None), seconds=9.0, source_rate=25.0)
    write_movie(path, made.frames)
    return Picture(str(path))


@pytest.fixture(scope="module")
def blind(tmp_path_factory: pytest.TempPathFactory, make_weights: Callable[..., Path]) -> str:
    """The option that names weights which see nothing."""
    return f"weights={make_weights(tmp_path_factory.mktemp('weights') / 'blind', onsets=-30)}"


def test_events_are_those_that_the_named_weights_see_and_renders_keep_their_own(scene: Picture, blind: str) -> None:
    engine = SmallEngine("cpu")
    plain = RenderRequest(scene, PromptSpec("glass clink"), 2 * RATE, channels=1, sampling=Sampling(steps=1))

    def see(*options: str) -> list[Fraction]:
        found = find_events(
            engine,
            scene,
            Fraction(9),
            at_least=SURE,
            options=options,
            cancelled=lambda: False,
            on_progress=lambda _: None,
        )
        return [event.time_s for event in found]

    def render() -> np.ndarray:
        return engine.render(plain, on_progress=lambda _: None, cancelled=lambda: False).samples

    shipped, sound = see(), render()
    assert shipped
    assert see(blind) == []
    assert np.array_equal(render(), sound)
    assert see() == shipped


def test_maps_are_those_of_the_named_weights(scene: Picture, blind: str) -> None:
    def explain(*options: str) -> float:
        request = RenderRequest(scene, PromptSpec(), 2 * RATE, sampling=Sampling(options=options))
        return float(small_saliency.explain(request, n_spans=2).maps.sum())

    assert 0 <= explain(blind) < 1e-6 * explain()


def test_damaged_weights_are_named_by_who_looks(scene: Picture, make_weights: Callable[..., Path], tmp_path) -> None:
    folder = make_weights(tmp_path / "mine", onsets=1)
    (folder / "small.json").write_text("{}")
    request = RenderRequest(scene, PromptSpec(), RATE, sampling=Sampling(options=(f"weights={folder}",)))
    with pytest.raises(WeightsError, match=rf"option weights={folder}: .*damaged"):
        small_saliency.explain(request, n_spans=1)
