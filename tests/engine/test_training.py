"""Training on a tiny configuration: it learns, it resumes to the very same numbers, and it exports."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from otio_v2a_engine.contract import Role
from otio_v2a_engine.models.flow import FlowConfig
from otio_v2a_engine.models.timbre import PriorConfig, TimbrePrior
from otio_v2a_engine.models.vocoder import Vocoder
from otio_v2a_engine.simulate.backdrops import Backdrops
from otio_v2a_engine.simulate.bank import Bank
from otio_v2a_engine.training import checkpoint, shards
from otio_v2a_engine.training.__main__ import main
from otio_v2a_engine.training.begin import begin
from otio_v2a_engine.training.examples import ROLES, Drawing, Examples, load_codec, load_timbre_space
from otio_v2a_engine.training.export import attribution, export
from otio_v2a_engine.training.flow import FlowRun, Small, train
from otio_v2a_engine.training.onsets import chance, f1, find_onsets, match
from otio_v2a_engine.training.prior import PriorRun
from otio_v2a_engine.training.prior import train as train_prior
from otio_v2a_engine.training.vocoder import VocoderRun, spectral_loss
from otio_v2a_engine.training.vocoder import train as train_vocoder
from otio_v2a_engine.weights import FOLDER, WeightsError, read_weights

TINY = FlowConfig(width=32, heads=2, layers=1, picture=16)
DRAWING = Drawing(tokens=200, windows=(50,))
RUN = FlowRun(steps=40, cooldown=40, drawing=DRAWING, rate=3e-2, model=TINY)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "SCENES_PER_SHARD", 3)
        shards.make_shard(folder / "shards", number=0, seed=5, bank=Bank(None))
    return folder


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Examples:
    """Scenes of two acts each."""
    folder = tmp_path_factory.mktemp("pairs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "SCENES_PER_SHARD", 3)
        shards.make_shard(folder / "shards", number=0, seed=6, bank=Bank(None), acts=2)
    examples = Examples(folder / "shards", folder)
    examples.refresh()
    return examples


def _train(runs: Path, name: str, steps: int, **changes: object) -> Small:
    run = FlowRun(**{**vars(RUN), "steps": steps, **changes})
    return train(run, folder=runs / name, shard_folder=runs / "shards", device="cpu", minutes=10)


def test_a_shard_is_the_same_when_it_is_made_again_and_is_not_made_twice(runs: Path, tmp_path: Path) -> None:
    path = runs / "shards" / "shard-00000.safetensors"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "SCENES_PER_SHARD", 3)
        again = shards.make_shard(tmp_path, number=0, seed=5, bank=Bank(None))
        assert again.read_bytes() == path.read_bytes()
        written = path.stat().st_mtime_ns
        shards.make_shard(path.parent, number=0, seed=5, bank=Bank(None))
    assert path.stat().st_mtime_ns == written


def test_a_shard_keeps_each_of_several_acts_alone(pairs: Examples) -> None:
    shard = shards.read_shard(shards.paths(pairs.folder)[0])
    assert sorted(shard.parts) == [0, 1, 2]
    for scene, acts in shard.parts.items():
        assert len(acts) == 2
        assert all(act.caption in shard.captions[Role.FX][scene] for act in acts)
        assert sorted(acts[0].onsets_s + acts[1].onsets_s) == shard.onsets_s[scene]
        whole, powers = (
            10.0 ** (2 * mel.double()) for mel in (shard.mel[Role.FX][scene], torch.stack([a.mel for a in acts]))
        )
        # Two sounds that know nothing of each other: on the whole their powers add up.
        assert float(powers.sum() / whole.sum()) == pytest.approx(1.0, abs=0.15)


def test_what_is_not_asked_for_or_is_forbidden_is_not_in_the_sound_to_be_learned(pairs: Examples) -> None:
    drawing = Drawing(tokens=400, windows=(200,), shares=(1.0, 0.0, 0.0), told_share=1.0, seen_share=0.0)
    words = {key: value for key, value in pairs.embeddings.items() if key}

    def said(embedding: torch.Tensor) -> str:
        return next((key for key, value in words.items() if torch.equal(value, embedding)), "")

    seen = {"forbidden": 0, "not asked for": 0, "everything": 0}
    for step in range(60):
        batch = pairs.batch(drawing, seed=1, step=step)
        for row in range(len(batch["x1"])):
            if not batch["read"][row] or not batch["see"][row].all():
                continue
            prompt, forbidden = said(batch["text"][row]), said(batch["negative"][row])
            assert bool(batch["avoid"][row]) == bool(forbidden)
            part = next(
                (
                    p
                    for parts in pairs.parts.values()
                    for p in parts
                    if torch.equal(p.latents.float(), batch["x1"][row])
                ),
                None,
            )
            if part is None:
                seen["everything"] += 1
                assert any(torch.equal(whole.float(), batch["x1"][row]) for whole in pairs.latents[Role.FX].values())
                continue
            assert part.caption in prompt
            assert forbidden in ("", part.others)
            assert forbidden or part.others not in prompt
            if batch["known"][row]:
                assert torch.equal(batch["timbre"][row], part.timbre)
            assert torch.equal(batch["events"][row, :, :4], part.events)
            seen["forbidden" if forbidden else "not asked for"] += 1
    assert min(seen.values()) > 5


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Examples:
    """Scenes in which somebody talks, with music, beside one shard without either."""
    folder = tmp_path_factory.mktemp("spoken")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "SCENES_PER_SHARD", 6)
        shards.make_shard(folder / "shards", number=0, seed=5, bank=Bank(None))
        shards.make_shard(folder / "shards", number=1, seed=5, bank=Bank(None), roles=(Role.FX, Role.MUS, Role.DX))
    examples = Examples(folder / "shards", folder)
    examples.refresh()
    return examples


def test_every_role_is_learned_from_the_scenes_that_have_it(spoken: Examples) -> None:
    drawing = Drawing(tokens=1600, windows=(200,), shares=(0.4, 0.3, 0.3))
    asked = set()
    for step in range(6):
        batch = spoken.batch(drawing, seed=2, step=step)
        for number, role in enumerate(ROLES):
            known = [*spoken.latents[role].values(), spoken.silence]
            if role is Role.FX:
                known += [part.latents for parts in spoken.parts.values() for part in parts]
            for sound in batch["x1"][batch["role"] == number]:
                assert any(torch.equal(whole.float(), sound) for whole in known)
                asked.add(role)
    assert asked == set(ROLES)
    only = Drawing(tokens=1600, windows=(200,), shares=(0.5, 0.5, 0.0))
    assert int(spoken.batch(only, seed=2, step=0)["role"].max()) <= 1


def test_a_voice_that_nobody_asks_for_is_learned_only_where_a_mouth_is_seen(spoken: Examples) -> None:
    scene = next(iter(spoken.texts[Role.DX]))
    rng = np.random.default_rng(0)
    for talking, reads in ((True, False), (True, True), (False, True), (False, False)):
        spoken.talking[scene] = talking
        got = spoken._ask(rng, scene, Role.DX, reads=reads).latents
        wanted = spoken.latents[Role.DX][scene] if talking or reads else spoken.silence
        assert torch.equal(got, wanted)


def test_a_timbre_is_told_of_most_sounds_and_never_of_silence_or_where_nothing_is_told(spoken: Examples) -> None:
    drawing = Drawing(tokens=3200, windows=(200,), shares=(0.6, 0.2, 0.2))
    batches = [spoken.batch(drawing, seed=4, step=step) for step in range(30)]
    known, sounds, reads, sees = (
        torch.cat([batch[name] for batch in batches]) for name in ("known", "sounds", "read", "see")
    )
    assert not known[~sounds].any()
    assert not known[~reads & ~sees.any(1)].any()
    assert 0.65 < float(known[sounds & reads].float().mean()) < 0.85
    assert 0.3 < float(known[sounds & ~reads & sees.any(1)].float().mean()) < 0.7


def test_training_lowers_the_loss(runs: Path) -> None:
    _train(runs, "learns", 150, cooldown=100)
    rows = (runs / "learns" / "flow.csv").read_text().splitlines()
    first, last = (float(row.split(",")[1]) for row in (rows[1], rows[-1]))
    assert last < 0.95 * first


def test_a_run_that_is_stopped_and_resumed_ends_at_the_same_weights(runs: Path) -> None:
    whole = _train(runs, "whole", 6)
    run = FlowRun(**{**vars(RUN), "steps": 6})
    half = {"shard_folder": runs / "shards", "device": "cpu", "folder": runs / "halves"}
    train(run, minutes=10, until=3, **half)
    assert not torch.equal(whole.flow.head.bias, _read(runs / "halves").flow.head.bias)
    resumed = train(run, minutes=10, **half)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def _state(folder: Path, part: str, *, which: str) -> dict[str, torch.Tensor]:
    small = Small(TINY)
    checkpoint.load(folder, models={which: small})
    return {name: value for name, value in small.state_dict().items() if name.startswith(f"{part}.")}


def test_the_encoder_learns_alone_from_sights_and_stays_as_it_is_while_the_flow_learns(runs: Path) -> None:
    run = FlowRun(**{**vars(RUN), "steps": 12})
    given = {"folder": runs / "apart", "shard_folder": runs / "shards", "device": "cpu", "minutes": 10}
    train(run, only_encoder=True, until=4, **given)
    flow, first = (_state(runs / "apart", part, which="model") for part in ("flow", "encoder"))
    train(run, only_encoder=True, until=8, **given)
    encoder = _state(runs / "apart", "encoder", which="model")
    assert any(not torch.equal(value, first[name]) for name, value in encoder.items())
    assert all(torch.equal(value, flow[name]) for name, value in _state(runs / "apart", "flow", which="model").items())
    train(FlowRun(**{**vars(run), "keep_encoder": True}), **given)
    kept = _state(runs / "apart", "encoder", which="model")
    assert all(torch.equal(value, encoder[name]) for name, value in kept.items())
    now = _state(runs / "apart", "flow", which="model")
    assert any(not torch.equal(value, flow[name]) for name, value in now.items())


def _slots(folder: Path) -> dict[str, torch.Tensor]:
    """What the optimizers remember."""
    tensors = load_file(folder / json.loads((folder / "latest.json").read_text())["file"])
    return {name: value for name, value in tensors.items() if name.split("/")[0] not in ("model", "average")}


def _read(folder: Path) -> Small:
    small = Small(TINY)
    assert checkpoint.load(folder, models={"average": small}) == 3
    return small


def test_the_prior_learns_timbres_and_goes_on_where_it_stopped(runs: Path) -> None:
    model = PriorConfig(width=32, layers=2, picture=TINY.picture)
    run = PriorRun(steps=60, rows=24, rate=1e-2, model=model)
    given = {"small": Small(TINY), "flow_folder": runs, "shard_folder": runs / "shards", "device": "cpu"}
    train_prior(run, folder=runs / "prior", minutes=10, **given)
    rows = (runs / "prior" / "prior.csv").read_text().splitlines()
    assert float(rows[1].split(",")[1]) < 2.0  # the velocity of a prior that knows nothing has a variance of two
    longer = PriorRun(**{**vars(run), "steps": 100})
    train_prior(longer, folder=runs / "prior", minutes=10, **given)
    losses = [float(row.split(",")[1]) for row in (runs / "prior" / "prior.csv").read_text().splitlines()[1:]]
    assert losses[-1] < 0.9 * losses[0]
    assert checkpoint.load(runs / "prior", models={"average": TimbrePrior(model)}) == 100


def test_what_the_prior_learns_from_is_what_the_flow_is_asked(pairs: Examples) -> None:
    drawing = Drawing(tokens=400, windows=(200,), shares=(1.0, 0.0, 0.0))
    batch = pairs.asked(drawing, 40, seed=3, step=0)
    assert all(len(values) == 40 for values in batch.values())
    known = [part.timbre for parts in pairs.parts.values() for part in parts] + list(pairs.timbres[Role.FX].values())
    for timbre in batch["timbre"][batch["sounds"]]:
        assert any(torch.equal(timbre, own) for own in known)
    assert 0 < int(batch["avoid"].sum()) < 40
    assert torch.equal(batch["text"], pairs.asked(drawing, 40, seed=3, step=0)["text"])


def test_a_new_phase_begins_with_fresh_optimizers(runs: Path) -> None:
    given = {"shard_folder": runs / "shards", "device": "cpu", "minutes": 10}
    ends = []
    for name, restart in (("goes on", 0), ("begins anew", 4)):
        run = FlowRun(**{**vars(RUN), "steps": 8})
        train(run, folder=runs / name, until=4, **given)
        train(FlowRun(**{**vars(run), "restart": restart}), folder=runs / name, **given)
        ends.append(_slots(runs / name))
    assert {key.split("/")[0] for key in ends[0]} == {"adamw", "muon"}
    step = next(key for key in ends[0] if key.startswith("adamw/") and key.endswith("/step"))
    assert [float(end[step]) for end in ends] == [8.0, 4.0]


def test_no_checkpoint_means_step_zero(tmp_path: Path) -> None:
    assert checkpoint.load(tmp_path, models={}) == 0


def test_vocoder_training_runs_and_writes_its_curve(tmp_path: Path) -> None:
    run = VocoderRun(steps=2, batch=2, n_frames=12)
    train_vocoder(run, folder=tmp_path, bank=Bank(None), device="cpu", minutes=10)
    assert checkpoint.load(tmp_path, models={"average": Vocoder()}) == 2


def test_spectral_loss_is_zero_for_the_same_sound_and_grows_with_the_difference() -> None:
    sound = torch.randn(1, 9600, generator=torch.Generator().manual_seed(0)) * 0.1
    assert float(spectral_loss(sound, sound)) < 1e-3
    assert float(spectral_loss(0.5 * sound, sound)) > float(spectral_loss(0.9 * sound, sound)) > 0.01


def test_exported_weights_are_read_back(runs: Path, tmp_path: Path) -> None:
    small, prior = Small(TINY), TimbrePrior(PriorConfig(width=16, layers=1))
    vocoder = Vocoder(width=16, hidden=16, n_blocks=1)
    found = shards.paths(runs / "shards")
    codec, space = load_codec(runs, found), load_timbre_space(runs, found)
    export(small, prior, vocoder, codec, space, name="tiny", folder=tmp_path, note={"figures": {}})
    weights = read_weights("tiny", folder=tmp_path)
    assert set(weights.part("encoder")) == set(small.encoder.state_dict())
    for name, value in small.flow.state_dict().items():
        assert torch.allclose(weights.part("flow")[name], value, rtol=0.01, atol=1e-6), name
    assert set(weights.part("prior")) == set(prior.state_dict())
    assert torch.equal(weights.part("timbre")["basis"], space.basis)


def test_a_run_that_begins_with_weights_exports_them_again_and_is_never_begun_twice(tmp_path: Path) -> None:
    assert main(["--runs", str(tmp_path / "runs"), "begin"]) == 0
    with pytest.raises(FileExistsError, match="holds a checkpoint already"):
        begin(FOLDER, tmp_path / "runs")
    assert main(["--runs", str(tmp_path / "runs"), "export", "--to", str(tmp_path / "out")]) == 0
    before, after = read_weights("small"), read_weights("small", folder=tmp_path / "out")
    assert before.tensors.keys() == after.tensors.keys()
    assert all(torch.equal(value, after.tensors[name]) for name, value in before.tensors.items())
    assert after.note["training"]["flow_steps"] == before.note["training"]["flow_steps"]
    assert after.note["training"]["scenes"] == before.note["training"]["scenes"]
    assert after.note["training"]["commands"][-1].endswith(" begin")
    assert after.note["history"][:-1] == before.note["history"]


def test_commands_are_kept_once_without_what_is_no_matter(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "SCENES_PER_SHARD", 1)
        patch.setattr(checkpoint, "mix", lambda *_, **__: 0)
        for minutes in ("1", "2"):
            main(["--runs", str(tmp_path), "sights", "--count", "1", "--seed", "4"])
            main(["--runs", str(tmp_path), "vocoder", "--minutes", minutes, "--steps", "0"])
            main(["--runs", str(tmp_path), "mix", "flow"])  # does not go on: every time counts
    kept = json.loads((tmp_path / "commands.json").read_text())
    assert kept == ["sights --count 1 --seed 4", "vocoder --steps 0", "mix flow", "mix flow"]


def test_what_is_refused_is_not_kept_among_the_commands(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="name their folder"):
        main(["--runs", str(tmp_path), "sights", "--backdrops", "0.5"])
    with pytest.raises(WeightsError):
        main(["--runs", str(tmp_path), "begin", "--weights", str(tmp_path)])
    assert not (tmp_path / "commands.json").exists()


def test_backdrops_are_behind_their_share_of_the_scenes_of_a_shard(few_movies: Path, tmp_path: Path) -> None:
    def maps(name: str, *options: str) -> torch.Tensor:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(shards, "SCENES_PER_SHARD", 6)
            words = ["--runs", str(tmp_path / name), "--footage", str(few_movies), "sights", "--count", "1", *options]
            assert main(words) == 0
        return shards.read_sights(tmp_path / name / "shards" / "sights-00000.safetensors").maps

    plain, some, again = maps("plain"), maps("some", "--backdrops", "0.5"), maps("again", "--backdrops", "0.5")
    assert torch.equal(some, again)
    same = [torch.equal(a, b) for a, b in zip(plain, some, strict=True)]
    assert 0 < sum(same) < len(same)


def test_a_mixture_lies_between_the_last_weights_and_their_average(runs: Path) -> None:
    _train(runs, "mixed", 3)
    last, mean = (_state(runs / "mixed", "flow", which=which) for which in ("model", "average"))
    encoder = _state(runs / "mixed", "encoder", which="model")
    assert checkpoint.mix(runs / "mixed", part="flow", share=0.75) == 3
    for which in ("model", "average"):
        for name, value in _state(runs / "mixed", "flow", which=which).items():
            assert torch.allclose(value, 0.75 * last[name] + 0.25 * mean[name]), name
    kept = _state(runs / "mixed", "encoder", which="model")
    assert all(torch.equal(value, encoder[name]) for name, value in kept.items())
    with pytest.raises(ValueError, match="no part vocoder"):
        checkpoint.mix(runs / "mixed", part="vocoder", share=0.5)


def test_attribution_credits_every_recording_once(sounds: Path) -> None:
    bank = Bank(sounds)
    text = attribution(bank)
    for recording in bank.credited():
        assert text.count(f"| {recording.path} |") == 1
        assert recording.licence.replace("|", "/").strip() in text
    assert "Footage" not in text


def test_attribution_credits_the_footage_behind_scenes_and_none_that_is_kept_apart(few_movies: Path) -> None:
    text = attribution(Bank(None), Backdrops(few_movies).footage)
    assert text.count("| street.mp4 | by somebody | CC0 |") == 1
    assert "sam2_" not in text


def test_onsets_of_clicks_are_found_within_ten_milliseconds() -> None:
    sound = np.zeros(3 * 48000, np.float32)
    true = [0.4, 0.9, 1.7, 2.35]
    for time in true:
        sound[round(time * 48000) :][:3000] += 0.5 * np.exp(-np.arange(3000) / 400).astype(np.float32)
    found = find_onsets(sound).tolist()
    score, errors = match(found, true, tolerance_s=0.015)
    assert score == (4, 4, 4)
    assert max(abs(error) for error in errors) < 0.011
    assert find_onsets(np.zeros(48000, np.float32)).tolist() == []


def test_a_match_is_one_to_one_and_chance_is_low_for_sparse_onsets() -> None:
    score, _ = match([1.0, 1.01, 3.0], [1.0, 2.0])
    assert score == (1, 3, 2)
    assert f1([score]) == pytest.approx(0.4)
    assert f1(chance([1.0, 4.0], [1.0, 4.0], length_s=8.0)) < 0.2
