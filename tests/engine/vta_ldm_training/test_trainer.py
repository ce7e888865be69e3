"""The loop: resumes bit by bit, trains what it should, learns, and keeps trainings apart."""

import csv
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from otio_v2a_engine.vta_ldm.training.data import PreparedSet, TrainingError, batch_at
from otio_v2a_engine.vta_ldm.training.recipe import Recipe
from otio_v2a_engine.vta_ldm.training.stages import Stage, run_stages
from otio_v2a_engine.vta_ldm.training.trainer import Objective, train

RECIPE = Recipe(steps=6, batch=2, accumulate=2, rate=1e-3, warmup=2, seed=4, clip_norm=1.0)
Make = Callable[[], tuple[Any, Any]]


def curve(folder: Path) -> list[list[str]]:
    with (folder / "curve.csv").open() as file:
        return list(csv.reader(file))


def state(model: Any) -> dict[str, torch.Tensor]:
    return {key: value.clone() for key, value in model.state_dict().items()}


def test_six_steps_equal_three_and_three_more_bit_by_bit(tiny_set: Path, tiny_model: Make, tmp_path: Path) -> None:
    data = PreparedSet(tiny_set)
    model, vae = tiny_model()
    train(model, vae, data, RECIPE, folder=tmp_path / "straight", concat=0.5)
    first, vae = tiny_model()
    train(first, vae, data, RECIPE, folder=tmp_path / "parts", concat=0.5, until=3)
    # A new process has other start values and another state of every generator.
    torch.manual_seed(99)
    again, vae = tiny_model()[0], tiny_model()[1]
    for parameter in again.parameters():
        parameter.data.normal_()
    train(again, vae, PreparedSet(tiny_set), RECIPE, folder=tmp_path / "parts", concat=0.5)
    for key, value in state(model).items():
        assert torch.equal(value, again.state_dict()[key]), key
    assert curve(tmp_path / "straight") == curve(tmp_path / "parts")
    assert len(curve(tmp_path / "parts")) == 1 + 6


def test_projections_and_unet_are_trained_and_the_autoencoder_is_not(
    tiny_set: Path, tiny_model: Make, tmp_path: Path
) -> None:
    model, vae = tiny_model()
    before, frozen = state(model), state(vae)
    train(model, vae, PreparedSet(tiny_set), replace(RECIPE, steps=2, warmup=0), folder=tmp_path)
    changed = {key.split(".")[0] for key, value in state(model).items() if not torch.equal(value, before[key])}
    assert changed == {"projection", "flow_projection", "unet"}
    assert all(torch.equal(value, frozen[key]) for key, value in state(vae).items())


def test_as_published_the_projection_stays_as_it_was_drawn(tiny_set: Path, tiny_model: Make, tmp_path: Path) -> None:
    model, vae = tiny_model()
    before = state(model)
    recipe = replace(RECIPE, steps=2, warmup=0, train_projection=False)
    train(model, vae, PreparedSet(tiny_set), recipe, folder=tmp_path)
    changed = {key.split(".")[0] for key, value in state(model).items() if not torch.equal(value, before[key])}
    assert changed == {"unet"}


def test_a_batch_is_learnt_by_heart(tiny_set: Path, tiny_model: Make, tmp_path: Path) -> None:
    model, vae = tiny_model()
    recipe = Recipe(steps=30, batch=7, accumulate=1, rate=4e-3, warmup=5, drop=0.0, snr_gamma=None)
    losses: list[float] = []
    train(
        model,
        vae,
        PreparedSet(tiny_set),
        recipe,
        folder=tmp_path,
        on_step=lambda progress: losses.append(progress.loss),
    )
    assert sum(losses[-10:]) < 0.975 * sum(losses[:10])


def test_the_loss_is_the_error_of_the_velocity(tiny_set: Path, tiny_model: Make) -> None:
    model, _ = tiny_model()
    batch = batch_at(PreparedSet(tiny_set), seed=0, index=0, batch=2, n_train=1000, drop=0.0)
    objective = Objective(model.eval(), gamma=5.0)
    latents, noise = torch.randn(2, *model.config.latent_shape), torch.randn(2, *model.config.latent_shape)
    alpha = objective.alphas[batch.t].view(2, 1, 1, 1)
    with torch.no_grad():
        condition = model.encode_condition(
            batch.features, text=batch.text, flow=batch.flow, drop_picture=batch.drop, drop_text=batch.drop
        )
        made = model(alpha.sqrt() * latents + (1 - alpha).sqrt() * noise, batch.t, condition)
        error = (made - (alpha.sqrt() * noise - (1 - alpha).sqrt() * latents)).square().mean((1, 2, 3))
        snr = (alpha / (1 - alpha)).flatten()
        wanted = (error * snr.clamp_max(5) / snr).mean()
        assert float(objective(latents, noise, batch)) == pytest.approx(float(wanted), rel=1e-5)


def test_training_on_sound_alone_does_not_look(tiny_set: Path, tiny_model: Make) -> None:
    model, _ = tiny_model()
    batch = batch_at(PreparedSet(tiny_set), seed=0, index=0, batch=2, n_train=1000, drop=0.0)
    latents, noise = torch.randn(2, *model.config.latent_shape), torch.randn(2, *model.config.latent_shape)
    other = replace(batch, features=batch.features + 1, flow=None if batch.flow is None else batch.flow + 1)
    heard = replace(batch, text=None if batch.text is None else batch.text + 1)
    with torch.no_grad():
        for use, ignores_picture, ignores_text in (
            ("audio", True, False),
            ("video", False, True),
            ("joint", False, False),
        ):
            objective = Objective(model.eval(), gamma=None, use=use)
            loss = objective(latents, noise, batch)
            assert torch.equal(loss, objective(latents, noise, other)) == ignores_picture
            assert torch.equal(loss, objective(latents, noise, heard)) == ignores_text


def test_two_trainings_in_one_folder_are_kept_apart(tiny_set: Path, tiny_model: Make, tmp_path: Path) -> None:
    model, vae = tiny_model()
    train(model, vae, PreparedSet(tiny_set), RECIPE, folder=tmp_path, until=1)
    with pytest.raises(TrainingError, match="other settings"):
        train(model, vae, PreparedSet(tiny_set), replace(RECIPE, rate=2e-3), folder=tmp_path)


def test_clips_of_another_model_are_refused(tiny_set: Path, tiny_model: Make, tmp_path: Path) -> None:
    model, vae = tiny_model()
    model.config = replace(model.config, latent_frames=16)
    with pytest.raises(TrainingError, match="mel of shape"):
        train(model, vae, PreparedSet(tiny_set), RECIPE, folder=tmp_path)


def test_a_loss_that_is_not_finite_stops_the_training(tiny_set: Path, tiny_model: Make, tmp_path: Path) -> None:
    model, vae = tiny_model()
    model.projection.weight.data.fill_(float("nan"))
    with pytest.raises(TrainingError, match="lower rate"):
        train(model, vae, PreparedSet(tiny_set), RECIPE, folder=tmp_path)


def test_a_stage_starts_where_the_one_before_ended_and_finished_stages_are_kept(
    tiny_set: Path, tiny_model: Make, tmp_path: Path
) -> None:
    stages = [
        Stage("sound", (tiny_set,), replace(RECIPE, steps=2), use="audio"),
        Stage("both", (tiny_set,), replace(RECIPE, steps=2, seed=5)),
    ]
    model, vae = tiny_model()
    run_stages(model, vae, stages, folder=tmp_path / "a")
    assert not (tmp_path / "a" / "both" / "state-00000000.safetensors").exists()
    # The first stage is there already: only the second is trained again, from the first one's end.
    shutil.copytree(tmp_path / "a" / "sound", tmp_path / "b" / "sound")
    steps: list[str] = []
    again, vae = tiny_model()
    run_stages(again, vae, stages, folder=tmp_path / "b", on_step=lambda stage, _: steps.append(stage.name))
    assert steps == ["both", "both"]
    assert all(torch.equal(value, again.state_dict()[key]) for key, value in state(model).items())


def test_without_accelerate_it_says_what_to_install(
    tiny_set: Path, tiny_model: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "accelerate", None)
    model, vae = tiny_model()
    with pytest.raises(TrainingError, match=r"otio-v2a\[train\]"):
        train(model, vae, PreparedSet(tiny_set), RECIPE, folder=tmp_path)
