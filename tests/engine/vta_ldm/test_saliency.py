"""Saliency follows the sound back to the picture: it is the gradient, and it lies where the picture matters."""

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from otio_v2a_engine import explaining, registry, small_saliency
from otio_v2a_engine.contract import EngineError, Picture, PromptSpec, RenderRequest, Sampling, UnsupportedRequest
from otio_v2a_engine.pipelines.vta_ldm import VtaLdmEngine
from otio_v2a_engine.saliency import Saliency, overlay, spans_of
from otio_v2a_engine.vta_ldm.config import VtaLdmConfig
from otio_v2a_engine.vta_ldm.model import Condition
from otio_v2a_engine.vta_ldm.saliency import LEVELS, alphas, frame_maps


def request_of(picture: Picture, seconds: int = 4, rate: int = 16000) -> RenderRequest:
    return RenderRequest(
        picture=picture,
        prompt=PromptSpec(),
        n_samples=seconds * rate,
        sample_rate=rate,
        channels=1,
        sampling=Sampling(steps=2),
    )


def test_maps_are_the_measured_slope_of_the_denoiser(
    quick_config: VtaLdmConfig, make_checkpoint: Callable[..., object]
) -> None:
    """One pixel is turned up a little, and the change of the score is compared with the gradient behind the map."""
    made = make_checkpoint(quick_config)
    for part in (made.model, made.encoder):
        part.requires_grad_(False).double()
    frames = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1)).double()
    latents = torch.randn(1, *quick_config.latent_shape, generator=torch.Generator().manual_seed(2)).double()
    spans = [(0, 20), (20, 64)]

    def condition_of(features: Tensor) -> Condition:
        return made.model.encode_condition(features)

    maps = frame_maps(
        made.model,
        made.encoder,
        frames=frames,
        shown=[0, 1, 2, 2],
        latents=latents,
        spans=spans,
        condition_of=condition_of,
        generator=torch.Generator().manual_seed(3),
    )
    assert maps.shape == (2, 3, 16, 16)

    def score(pixels: Tensor, span: tuple[int, int]) -> float:
        generator = torch.Generator().manual_seed(3)
        total = 0.0
        with torch.no_grad():
            for t in LEVELS:
                share = alphas(quick_config.schedule)[t].double()
                noise = torch.randn(latents.shape, generator=generator).double()
                noisy = share.sqrt() * latents + (1 - share).sqrt() * noise
                condition = condition_of(made.encoder(pixels[[0, 1, 2, 2]][None]))
                change = made.model(noisy, torch.tensor(t), condition)
                change = change - made.model(noisy, torch.tensor(t), condition.null())
                total += float(change.square().mean((0, 1, 3))[slice(*span)].sum())
        return total

    # A cell is 2 x 2 pixels. Where one cell alone is lit, the map's other cells of that frame are exactly zero.
    lit = torch.zeros_like(frames)
    lit[1, 0, 6, 8] = 0.5
    lit_maps = frame_maps(
        made.model,
        made.encoder,
        frames=lit,
        shown=[0, 1, 2, 2],
        latents=latents,
        spans=spans,
        condition_of=condition_of,
        generator=torch.Generator().manual_seed(3),
    )
    assert np.argwhere(lit_maps.sum(0)).tolist() == [[1, 3, 4]]
    step = 1e-3
    for number, span in enumerate(spans):
        up, down = lit.clone(), lit.clone()
        up[1, 0, 6, 8] += step
        down[1, 0, 6, 8] -= step
        slope = (score(up, span) - score(down, span)) / (2 * step)
        # Levels are summed after their sign is taken off, so the map is at least the slope of the sum.
        assert lit_maps[number, 1, 3, 4] >= abs(slope) * 0.5 / 4 * (1 - 1e-2)


@pytest.fixture(scope="module")
def engine(quick_weights: Path) -> VtaLdmEngine:
    return VtaLdmEngine(folder=quick_weights)


def test_the_engine_explains_each_span_by_the_frames_it_saw(engine: VtaLdmEngine, movie: Picture) -> None:
    found = engine.explain(request_of(movie), n_spans=3)
    assert found.times_s == tuple(Fraction(i, 2) for i in range(8))
    assert found.spans_s[-1] == (Fraction(8, 3), Fraction(4))
    assert found.maps.shape == (3, 8, 16, 16)
    assert (found.maps.sum((1, 2, 3)) > 0).all()
    again = engine.explain(request_of(movie), n_spans=3)
    np.testing.assert_array_equal(found.maps, again.maps)


def test_small_sees_a_span_in_the_frames_near_it(movie: Picture) -> None:
    found = small_saliency.explain(request_of(movie, rate=48000), n_spans=4)
    assert found.maps.shape[1:] == (100, 7, 12)
    inside = []
    for number, (start_s, stop_s) in enumerate(found.spans_s):
        near = [start_s - 1 <= time < stop_s + 1 for time in found.times_s]
        inside.append(found.maps[number][near].sum() / found.maps[number].sum())
    assert min(inside) > 0.9


def order_of(folder: Path, movie: Picture, **changes: object) -> explaining.Order:
    order = explaining.Order(
        request=request_of(movie, seconds=2, rate=48000),
        engine="small",
        device="cpu",
        n_spans=2,
        folder=str(folder),
        movie=True,
    )
    return replace(order, **changes)


def test_an_explanation_is_images_maps_and_a_movie(tmp_path: Path, movie: Picture) -> None:
    import av

    folder = explaining.carry_out(order_of(tmp_path / "made", movie))
    found = json.loads((folder / "saliency.json").read_text())
    assert [row["image"] for row in found["spans"]] == sorted(path.name for path in folder.glob("span_*.png"))
    for row in found["spans"]:
        assert sum(row["share_of_frames"]) == pytest.approx(1, abs=1e-3)
    assert np.load(folder / "saliency.npz")["maps"].shape == (2, 50, 7, 12)
    with av.open(str(folder / "overlay.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 50
    with pytest.raises(EngineError, match="exists already"):
        explaining.carry_out(order_of(tmp_path / "made", movie))


def test_an_explanation_heeds_the_engines_own_options(
    tmp_path: Path, movie: Picture, quick_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTIO_V2A_WEIGHTS", str(quick_weights))
    plain = request_of(movie)
    for name, options in (("a", ()), ("b", ("sampler=ddpm",))):
        request = replace(plain, sampling=replace(plain.sampling, options=options))
        explaining.carry_out(order_of(tmp_path / name, movie, engine="vta-ldm", request=request))
    first, other = (np.load(tmp_path / name / "saliency.npz")["maps"] for name in "ab")
    assert first.shape == other.shape
    assert not np.array_equal(first, other)
    foreign = replace(plain, sampling=Sampling(options=("weights=mine",)))
    with pytest.raises(UnsupportedRequest, match="vta-ldm has no option 'weights=mine'; its options are paper-comp"):
        explaining.carry_out(order_of(tmp_path / "c", movie, engine="vta-ldm", request=foreign))


def test_a_failure_leaves_no_folder(tmp_path: Path, movie: Picture) -> None:
    missing = replace(request_of(movie, rate=48000), picture=Picture(str(tmp_path / "none.mov")))
    with pytest.raises(EngineError, match=r"none\.mov"):
        explaining.carry_out(order_of(tmp_path / "made", movie, request=missing))
    assert list(tmp_path.iterdir()) == []


def test_an_engine_that_cannot_say_where_it_looks_is_refused(tmp_path: Path, movie: Picture) -> None:
    assert "fake" in registry.specs()
    with pytest.raises(UnsupportedRequest, match="fake cannot say"):
        explaining.carry_out(order_of(tmp_path / "made", movie, engine="fake"))


def test_heat_covers_the_square_the_engine_saw_and_nothing_else() -> None:
    picture = np.full((20, 40, 3), 100, np.uint8)
    heat = np.ones((4, 4), np.float32)
    drawn = overlay(picture, heat, is_square=True)
    assert (drawn[:, :10] == 100).all()
    assert (drawn[:, 30:] == 100).all()
    assert (drawn[:, 10:30, 0] > drawn[:, 10:30, 2]).all()
    assert (overlay(picture, np.zeros((4, 4), np.float32), is_square=False) == picture).all()


def test_spans_and_maps_that_do_not_fit_are_refused() -> None:
    assert spans_of(Fraction(3), 2) == ((0, Fraction(3, 2)), (Fraction(3, 2), 3))
    with pytest.raises(ValueError, match="1 to 100"):
        spans_of(Fraction(3), 0)
    with pytest.raises(ValueError, match="do not fit"):
        Saliency((Fraction(0),), spans_of(Fraction(1), 2), np.zeros((1, 1, 4, 4), np.float32), is_square=True)
    with pytest.raises(ValueError, match="not negative"):
        Saliency((Fraction(0),), spans_of(Fraction(1), 1), -np.ones((1, 1, 4, 4), np.float32), is_square=True)
