"""The recipe's numbers, and clips chosen as a pure function of seed and step."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from otio_v2a_engine.vta_ldm.config import ScheduleSettings
from otio_v2a_engine.vta_ldm.training.data import (
    AlignmentFilter,
    Example,
    PreparedSet,
    Scores,
    TrainingError,
    batch_at,
    concatenated,
    write_set,
)
from otio_v2a_engine.vta_ldm.training.recipe import Recipe, alphas_cumprod, loss_weights
from otio_v2a_engine.vta_ldm.training.stages import read_stages


def test_the_published_recipe_has_the_published_numbers() -> None:
    recipe = Recipe.published(n_clips=182_000, n_devices=8)
    # 182,000 / (8 x 8) = 2,844 batches, 711 updates an epoch, 120 epochs.
    assert recipe.steps == 120 * 711
    assert (recipe.rate, recipe.warmup, recipe.batch, recipe.accumulate) == (1e-5, 300, 8, 4)
    assert (recipe.betas, recipe.epsilon, recipe.weight_decay, recipe.snr_gamma) == ((0.9, 0.999), 1e-8, 1e-2, 5.0)
    assert (recipe.train_projection, recipe.drop) == (True, 0.1)
    habits = Recipe.published(n_clips=182_000, as_published=True)
    assert (habits.train_projection, habits.drop) == (False, 0.0)


def test_the_rate_rises_over_the_warmup_and_falls_to_zero() -> None:
    recipe = Recipe(steps=1000, warmup=200, rate=1e-3)
    assert [recipe.rate_at(step) for step in (0, 100, 200, 600, 1000)] == pytest.approx([0, 5e-4, 1e-3, 5e-4, 0])
    assert Recipe(steps=10, warmup=0).rate_at(0) == pytest.approx(1e-5)


def test_impossible_recipes_are_refused() -> None:
    for wrong in ({"steps": 0}, {"batch": 0}, {"warmup": -1}, {"drop": 1.5}):
        with pytest.raises(ValueError, match=r"steps|drop"):
            Recipe(**wrong)  # type: ignore[arg-type]


def test_noise_levels_are_those_of_the_scheduler_that_renders() -> None:
    from otio_v2a_engine.vta_ldm.samplers import build_scheduler

    settings = ScheduleSettings()
    wanted = build_scheduler("ddpm", settings).alphas_cumprod
    assert torch.allclose(alphas_cumprod(settings), wanted, atol=1e-6)


def test_loss_weights_by_hand() -> None:
    # SNR 9 and 1/3 for shares of 0.9 and 0.25 of the power.
    assert loss_weights(torch.tensor([0.9, 0.25]), gamma=5.0).tolist() == pytest.approx([5 / 9, 1.0])
    assert loss_weights(torch.tensor([0.9, 0.25]), gamma=None).tolist() == [1.0, 1.0]


def test_a_prepared_set_comes_back_as_it_was_written(tiny_set: Path, make_example: Callable[..., Example]) -> None:
    data = PreparedSet(tiny_set)
    assert len(data) == 7
    for i, example in enumerate(data):
        wanted = make_example(i)
        assert (example.name, example.caption, example.scores) == (wanted.name, wanted.caption, wanted.scores)
        assert np.array_equal(example.features, wanted.features)
        assert np.abs(example.mel - wanted.mel).max() < 0.005  # half precision


def test_the_papers_filter_needs_both_scores(tiny_set: Path) -> None:
    assert PreparedSet(tiny_set, keep=AlignmentFilter(clap=0.1, av_align=0.15)).names == ("clip2", "clip3")
    assert not AlignmentFilter().passes(Scores(clap=0.9))
    assert not AlignmentFilter().passes(Scores(clap=0.3, av_align=0.21))
    assert AlignmentFilter().passes(Scores(clap=0.31, av_align=0.21))
    assert AlignmentFilter(clap=None, av_align=None).passes(Scores())
    with pytest.raises(TrainingError, match="none of 7 clips"):
        PreparedSet(tiny_set, keep=AlignmentFilter(clap=0.99))


def test_clips_of_one_set_have_one_shape(tmp_path: Path, make_example: Callable[..., Example]) -> None:
    with pytest.raises(TrainingError, match="same text"):
        write_set(tmp_path, [make_example(0), make_example(1, text=None)])
    with pytest.raises(TrainingError, match="prepare"):
        PreparedSet(tmp_path / "nothing")


def drawn(data: PreparedSet, index: int, **more: float) -> list[list[float]]:
    batch = batch_at(data, seed=3, index=index, batch=3, n_train=1000, drop=0.3, **more)  # type: ignore[arg-type]
    return [batch.features[:, 0, 0].tolist(), batch.t.tolist(), [float(batch.noise_seed)]]


def test_a_batch_depends_on_seed_and_index_alone(tiny_set: Path) -> None:
    straight = [drawn(PreparedSet(tiny_set), i) for i in range(4)]
    data = PreparedSet(tiny_set)
    assert [drawn(data, i) for i in (3, 1, 0, 2)] == [straight[i] for i in (3, 1, 0, 2)]
    assert len({str(batch) for batch in straight}) == 4


def test_every_epoch_takes_every_clip_once_in_another_order(tiny_set: Path) -> None:
    data = PreparedSet(tiny_set)
    first = [value for i in range(7) for value in drawn(data, i)[0]]
    epochs = [first[:7], first[7:14], first[14:21]]
    assert all(len(set(epoch)) == 7 for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


def test_conditions_are_left_out_as_often_as_asked(tiny_set: Path) -> None:
    data = PreparedSet(tiny_set)
    dropped = torch.cat(
        [batch_at(data, seed=1, index=i, batch=16, n_train=10, drop=0.25).drop for i in range(60)]
    ).float()
    assert dropped.mean().item() == pytest.approx(0.25, abs=0.05)


def test_joined_clips_are_the_start_of_one_and_the_rest_of_the_other(make_example: Callable[..., Example]) -> None:
    a, b = make_example(1), make_example(2)
    cuts = set()
    for seed in range(40):
        joined = concatenated(a, b, np.random.default_rng(seed))
        cut = int((joined.features == a.features).all(1).sum())
        cuts.add(cut)
        assert np.array_equal(joined.features[cut:], b.features[cut:])
        assert joined.flow is not None
        assert b.flow is not None
        assert np.array_equal(joined.flow[cut:], b.flow[cut:])
        cut_mel = round(cut * len(a.mel) / 6)
        assert np.array_equal(joined.mel, np.concatenate([a.mel[:cut_mel], b.mel[cut_mel:]]))
    assert cuts == {1, 2, 3, 4}  # a quarter to three quarters of six frames
    assert joined.caption == "sound 1 sound 2"
    assert joined.text is not None
    assert a.text is not None
    assert b.text is not None
    assert np.linalg.norm(joined.text) == pytest.approx((np.linalg.norm(a.text) + np.linalg.norm(b.text)) / 2, rel=1e-5)


def test_stages_are_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "stages.toml").write_text(
        '[[stage]]\nname = "sound"\ndata = ["a"]\nuse = "audio"\nrecipe = { steps = 5, betas = [0.9, 0.99] }\n'
        '[[stage]]\nname = "both"\ndata = ["a", "b"]\nconcat = 0.5\nkeep = { clap = 0.3, av_align = 0.2 }\n'
    )
    sound, both = read_stages(tmp_path / "stages.toml")
    assert (sound.use, sound.recipe.steps, sound.recipe.betas, sound.keep) == ("audio", 5, (0.9, 0.99), None)
    assert both.data == (tmp_path / "a", tmp_path / "b")
    assert (both.concat, both.keep) == (0.5, AlignmentFilter(clap=0.3, av_align=0.2))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[stage]]\nname = 'x'\ndata = ['a']\nuse = 'smell'\n", "audio, video, joint"),
        ("[[stage]]\nname = 'x'\ndata = ['a']\nrecipe = { speed = 3 }\n", "speed"),
        ("[[stage]]\nname = 'x'\ndata = []\n", "no prepared clips"),
        ("[[stage]]\nname = 'x'\ndata = ['a']\n[[stage]]\nname = 'x'\ndata = ['a']\n", "same name"),
        ("x = 1\n", "stage"),
        ("[[stage\n", "cannot be read"),
    ],
)
def test_a_file_of_stages_that_is_wrong_is_refused_with_the_reason(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "stages.toml"
    path.write_text(text)
    with pytest.raises(TrainingError, match=words):
        read_stages(path)
