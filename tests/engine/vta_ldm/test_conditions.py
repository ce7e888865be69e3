"""Conditions of the paper and their guidance: vision, text, position, optical flow, and their combinations."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from otio_v2a_engine.contract import (
    EngineWarning,
    Picture,
    PromptSpec,
    RenderRequest,
    Sampling,
    UnsupportedRequest,
)
from otio_v2a_engine.pipelines.vta_ldm import VtaLdmEngine
from otio_v2a_engine.vta_ldm.config import FlowSettings, TextSettings, VtaLdmConfig
from otio_v2a_engine.vta_ldm.flow import FLOW_SIDE, FLOW_STEP_S, flow_features, optical_flow
from otio_v2a_engine.vta_ldm.guidance import Guidance, Seen, guided, guided_velocity
from otio_v2a_engine.vta_ldm.model import VtaLdmModel


@pytest.fixture(scope="module")
def model(quick_config: VtaLdmConfig, make_checkpoint: Callable[..., object]) -> VtaLdmModel:
    return make_checkpoint(quick_config).model


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


SEEN = {"features": draw(1, 5, 24), "text": draw(1, 24, seed=1), "negative": draw(1, 24, seed=2)}
STEP = torch.tensor(400)


def velocity(model: VtaLdmModel, seen: Seen, guidance: Guidance, x: Tensor) -> Tensor:
    with torch.no_grad():
        return guided_velocity(model, guided(model, seen, guidance), rescale=guidance.rescale)(x, STEP)


def alone(model: VtaLdmModel, x: Tensor, *, picture: bool, text: Tensor | None) -> Tensor:
    """One branch by itself: left-out parts are not in the sequence at all."""
    from otio_v2a_engine.vta_ldm.model import Condition

    with torch.no_grad():
        tokens = []
        if text is not None:
            tokens.append(model.projection(text)[:, None].expand(-1, 5, -1))
        if picture:
            tokens.append(model.projection(SEEN["features"]))
        hidden = torch.cat(tokens, dim=1) if tokens else torch.zeros(1, 5, model.config.embedding_dim)
        return model(x, STEP, Condition(hidden, torch.ones(hidden.shape[:2], dtype=torch.bool)))


@pytest.mark.parametrize("has_text", [True, False])
@pytest.mark.parametrize("has_negative", [True, False])
def test_guidance_is_the_sum_of_branches_that_see_only_their_part(
    model: VtaLdmModel, has_text: bool, has_negative: bool
) -> None:
    text, negative = SEEN["text"] if has_text else None, SEEN["negative"] if has_negative else None
    seen = Seen(features=SEEN["features"], text=text, negative=negative)
    x = draw(1, *model.config.latent_shape, seed=3)
    found = velocity(model, seen, Guidance(picture=3.0, text=5.0), x)
    base = alone(model, x, picture=False, text=negative)
    with_picture = alone(model, x, picture=True, text=negative)
    full = alone(model, x, picture=True, text=text)
    scale_text = 5.0 if has_text or has_negative else 3.0
    expected = base + 3.0 * (with_picture - base) + scale_text * (full - with_picture)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("seen", "guidance", "n_branches"),
    [
        (Seen(SEEN["features"]), Guidance(3, 5), 2),
        (Seen(SEEN["features"]), Guidance(1, 1), 1),
        (Seen(SEEN["features"]), Guidance(0, 0), 1),
        (Seen(**SEEN), Guidance(3, 3), 2),
        (Seen(**SEEN), Guidance(3, 5), 3),
        (Seen(**SEEN), Guidance(1, 1), 1),
    ],
)
def test_branches_without_weight_are_not_computed(
    model: VtaLdmModel, seen: Seen, guidance: Guidance, n_branches: int
) -> None:
    assert len(guided(model, seen, guidance).weights) == n_branches


def test_rescaled_guidance_keeps_the_deviation_of_the_conditional(model: VtaLdmModel) -> None:
    x = draw(1, *model.config.latent_shape, seed=3)
    seen = Seen(SEEN["features"])
    plain = velocity(model, seen, Guidance(8, 8), x)
    rescaled = velocity(model, seen, Guidance(8, 8, rescale=1.0), x)
    target = alone(model, x, picture=True, text=None).std()
    assert rescaled.std() == pytest.approx(float(target), rel=1e-4)
    assert abs(plain.std() - target) > 10 * abs(rescaled.std() - target)


def test_order_of_frames_counts_only_with_positions(
    quick_config: VtaLdmConfig, make_checkpoint: Callable[..., object]
) -> None:
    x = draw(1, *quick_config.latent_shape, seed=3)
    changes = {}
    for position in (False, True):
        model = make_checkpoint(replace(quick_config, position=position)).model
        with torch.no_grad():
            one = model(x, STEP, model.encode_condition(SEEN["features"]))
            other = model(x, STEP, model.encode_condition(SEEN["features"].flip(1)))
        changes[position] = float((one - other).abs().max())
    assert changes[False] < 1e-4 < 1e-2 < changes[True]


def test_a_dropped_item_of_a_batch_is_the_null_and_leaves_the_others_alone(model: VtaLdmModel) -> None:
    features, text = draw(3, 5, 24), draw(3, 24, seed=1)
    drop = torch.tensor([False, True, True])
    keep_text = torch.tensor([False, True, False])
    condition = model.encode_condition(features, text=text, drop_picture=drop, drop_text=keep_text)
    whole = model.encode_condition(features, text=text)
    assert torch.equal(condition.hidden[0], whole.hidden[0])
    assert not condition.hidden[1].any()
    assert bool(condition.mask[1].all())
    assert condition.mask[2].tolist() == [True] * 5 + [False] * 5


def test_text_of_its_own_projection_and_flow_join_the_sequence(
    quick_config: VtaLdmConfig, make_checkpoint: Callable[..., object]
) -> None:
    config = replace(quick_config, text=TextSettings(feature_dim=24, shared=False), flow=FlowSettings(grid=2))
    model = make_checkpoint(config).model
    condition = model.encode_condition(SEEN["features"], text=SEEN["text"], flow=draw(1, 5, 12))
    assert condition.hidden.shape == (1, 15, config.embedding_dim)
    expected = model.text_projection(SEEN["text"])
    torch.testing.assert_close(condition.hidden[:, 0], expected)
    with pytest.raises(ValueError, match="needs optical flow"):
        model.encode_condition(SEEN["features"])
    with pytest.raises(ValueError, match="takes no text"):
        make_checkpoint(replace(quick_config, text=None)).model.encode_condition(SEEN["features"], text=SEEN["text"])


@pytest.mark.parametrize(("dx", "dy"), [(3.0, 0.0), (0.0, -2.5), (-4.0, 5.0)])
def test_optical_flow_finds_how_a_texture_moved(dx: float, dy: float) -> None:
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")

    def texture(left: float, top: float) -> Tensor:
        u, v = x - left, y - top
        waves = torch.sin(u / 5) + torch.sin(v / 6 + 1) + torch.sin((u + v) / 8) + torch.sin((u - 2 * v) / 9)
        return (waves / 8 + 0.5)[None, None]

    flow = optical_flow(texture(0, 0), texture(dx, dy))[..., 12:-12, 12:-12]
    assert flow[:, 0].median() == pytest.approx(dx, abs=0.3)
    assert flow[:, 1].median() == pytest.approx(dy, abs=0.3)


def test_a_still_picture_has_no_flow_and_speeds_are_in_widths_per_second() -> None:
    frames = torch.rand(2, 3, FLOW_SIDE, FLOW_SIDE, generator=torch.Generator().manual_seed(1))
    assert flow_features(frames, frames, grid=4).abs().max() < 1e-6
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    waves = [((torch.sin((x - left) / 5) + torch.sin(y / 6)) / 4 + 0.5).expand(1, 3, -1, -1) for left in (0, 2)]
    speeds = flow_features(waves[0], waves[1], grid=4).view(3, 4, 4)[:, 1:3, 1:3]
    expected = 2 / FLOW_SIDE / float(FLOW_STEP_S)
    assert speeds[0].mean() == pytest.approx(expected, rel=0.2)
    assert speeds[2].mean() == pytest.approx(expected, rel=0.2)


COMBINATIONS = {
    "vision": {"text": None},
    "vision, position": {"text": None, "position": True},
    "vision, flow": {"text": None, "flow": FlowSettings(grid=2)},
    "all": {"text": TextSettings(feature_dim=24, trained=True), "position": True, "flow": FlowSettings(grid=2)},
}


@pytest.fixture(scope="module", params=COMBINATIONS)
def combination(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    quick_config: VtaLdmConfig,
    write_weights: Callable[..., Path],
) -> Iterator[VtaLdmEngine]:
    config = replace(quick_config, **COMBINATIONS[request.param])
    loaded = VtaLdmEngine(folder=write_weights(tmp_path_factory.mktemp("combination") / "w", config))
    yield loaded
    loaded.close()


def render(
    engine: VtaLdmEngine, movie: Picture, options: tuple[str, ...] = (), steps: int = 2, **prompt: str
) -> np.ndarray:
    request = RenderRequest(
        picture=movie,
        prompt=PromptSpec(**prompt),
        n_samples=16000,
        sample_rate=16000,
        channels=1,
        sampling=Sampling(steps=steps, options=options),
    )
    return engine.render(request, on_progress=lambda _: None, cancelled=lambda: False).samples


def test_every_combination_of_conditions_renders(combination: VtaLdmEngine, movie: Picture) -> None:
    plain = render(combination, movie)
    assert np.abs(plain).max() > 0
    if combination.checkpoint.config.text is None:
        with pytest.warns(EngineWarning, match="read no prompts"):
            assert np.array_equal(render(combination, movie, text="rain"), plain)
        return
    prompted = render(combination, movie, text="rain")
    unwanted = render(combination, movie, text="rain", negative_text="music")
    stronger = render(combination, movie, text="rain", negative_text="music", options=("guidance-text=6",))
    made = [plain, prompted, unwanted, stronger]
    assert len({sound.tobytes() for sound in made}) == len(made)


def test_what_was_seen_of_a_shot_is_kept(quick_weights: Path, movie: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = VtaLdmEngine(folder=quick_weights)
    calls = []
    encode = engine.checkpoint.encoder.encode
    monkeypatch.setattr(engine.checkpoint.encoder, "encode", lambda frames: calls.append(len(frames)) or encode(frames))
    first = render(engine, movie, text="rain")
    render(engine, movie, text="wind")
    assert np.array_equal(render(engine, movie, text="rain"), first)
    assert calls == [1]


@pytest.mark.parametrize("option", ["sampler=euler", "dtype=int8", "guidance-text=-1", "rescale=two", "unknown=1"])
def test_options_that_do_not_exist_are_refused_by_name(quick_weights: Path, movie: Picture, option: str) -> None:
    engine = VtaLdmEngine(folder=quick_weights)
    with pytest.raises(UnsupportedRequest, match=option.partition("=")[0]):
        render(engine, movie, options=(option,))


@pytest.mark.parametrize("options", [("sampler=unipc",), ("sampler=ddpm",), ("dtype=bf16",), ("channels-last",)])
def test_options_render_and_do_not_stick(quick_weights: Path, movie: Picture, options: tuple[str, ...]) -> None:
    engine = VtaLdmEngine(folder=quick_weights)
    before = render(engine, movie, steps=4)
    changed = render(engine, movie, options=options, steps=4)
    assert np.abs(changed).max() > 0
    assert np.array_equal(render(engine, movie, steps=4), before)
    if options[0].startswith(("sampler", "dtype")):
        assert not np.array_equal(changed, before)
    if options in (("dtype=bf16",), ("channels-last",)):
        assert np.corrcoef(changed[0], before[0])[0, 1] > 0.95
