"""From movies to a trained checkpoint: sources, preparation, training and export through the command."""

import csv
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from otio_v2a_engine.vta_ldm.checkpoint import build_checkpoint, randomise, read_checkpoint, write_checkpoint
from otio_v2a_engine.vta_ldm.config import VtaLdmConfig
from otio_v2a_engine.vta_ldm.encoders.clip import tiny_clip_config
from otio_v2a_engine.vta_ldm.training.__main__ import main
from otio_v2a_engine.vta_ldm.training.ablation import VARIANTS, Size, griffin_lim, run_ablation, tables
from otio_v2a_engine.vta_ldm.training.data import PreparedSet, TrainingError
from otio_v2a_engine.vta_ldm.training.small import small_clips, small_config
from otio_v2a_engine.vta_ldm.training.sources import tar_clips, vggsound_clips


@pytest.fixture(scope="module")
def movies(tmp_path_factory: pytest.TempPathFactory, make_movie: Callable[..., Path]) -> Path:
    """Two movies with sound files, as a VGGSound folder with a third row whose movie is gone, and as a tar shard."""
    root = tmp_path_factory.mktemp("movies")
    (root / "video").mkdir()
    rows = [("abc", "7", "dog barking", "train"), ("x-_y", "120", "typing", "train"), ("gone", "1", "cat", "train")]
    for name, second, _, _ in rows[:2]:
        make_movie(root / "video" / f"{name}_{int(second):06d}.mp4", n=25, size=(64, 48))
    rows.append(("abc", "7", "dog barking", "test"))
    with (root / "vggsound.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    rng = np.random.default_rng(6)
    with tarfile.open(root / "shard.tar", "w") as archive:
        for i, name in enumerate(("abc_000007", "x-_y_000120")):
            wav = io.BytesIO()
            soundfile.write(wav, 0.3 * rng.standard_normal(16000), 16000, format="WAV")
            content = {
                "mp4": (root / "video" / f"{name}.mp4").read_bytes(),
                "wav": wav.getvalue(),
                "json": json.dumps({"caption": f"sound {i}"}).encode(),
            }
            for suffix, data in content.items():
                info = tarfile.TarInfo(f"part/{name}.{suffix}")
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return root


def test_vggsounds_rows_find_their_movies_and_lost_ones_are_left_out(movies: Path) -> None:
    clips = list(vggsound_clips(movies / "vggsound.csv", movies / "video"))
    assert [(clip.name, clip.caption) for clip in clips] == [("abc_000007", "dog barking"), ("x-_y_000120", "typing")]
    assert [clip.name for clip in vggsound_clips(movies / "vggsound.csv", movies / "video", split="test")] == [
        "abc_000007"
    ]


def test_a_table_that_is_wrong_or_fits_no_movie_is_refused(movies: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="none of the movies"):
        list(vggsound_clips(movies / "vggsound.csv", tmp_path))
    (tmp_path / "table.csv").write_text("id,start,label,split\n")
    with pytest.raises(TrainingError, match="line 1"):
        list(vggsound_clips(tmp_path / "table.csv", movies / "video"))


def test_a_shards_files_of_one_name_are_one_clip(movies: Path) -> None:
    found = []
    for clip in tar_clips(movies / "shard.tar"):
        assert clip.movie.read_bytes()[4:8] == b"ftyp"
        assert clip.sound is not None
        found.append((clip.name, clip.caption, soundfile.info(clip.sound).frames))
    assert found == [("shard/part/abc_000007", "sound 0", 16000), ("shard/part/x-_y_000120", "sound 1", 16000)]
    assert not clip.movie.exists()


def test_a_shards_own_paths_and_links_are_not_followed(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "evil.tar", "w") as archive:
        info = tarfile.TarInfo("../../outside.mp4")
        info.size = 4
        archive.addfile(info, io.BytesIO(b"ftyp"))
        link = tarfile.TarInfo("other.mp4")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    clips = [clip.movie.name for clip in tar_clips(tmp_path / "evil.tar")]
    assert clips == ["0.mp4"]
    assert not list(tmp_path.parent.glob("outside*"))


def test_a_broken_or_empty_shard_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"no tar at all")
    with pytest.raises(TrainingError, match="cannot be read"):
        list(tar_clips(tmp_path / "a.tar"))
    tarfile.open(tmp_path / "b.tar", "w").close()
    with pytest.raises(TrainingError, match="no movies"):
        list(tar_clips(tmp_path / "b.tar"))


def test_movies_become_a_trained_checkpoint_through_the_command(
    movies: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = build_checkpoint(VtaLdmConfig.tiny(text=None), encoder_config=tiny_clip_config())
    randomise(base, 1)
    write_checkpoint(tmp_path / "base", base, licence="Apache-2.0")
    prepare = ["prepare", "--base", str(tmp_path / "base"), "--out", str(tmp_path / "set"), "--align"]
    assert main([*prepare, "--tar", str(movies / "shard.tar")]) == 0
    data = PreparedSet(tmp_path / "set")
    assert data.names == ("shard/part/abc_000007", "shard/part/x-_y_000120")
    assert data[0].features.shape == (21, 24)
    assert data[0].scores.clap is None
    (tmp_path / "stages.toml").write_text(
        '[[stage]]\nname = "sound"\ndata = ["set"]\nuse = "audio"\n'
        "recipe = { steps = 1, batch = 2, accumulate = 1, warmup = 0, rate = 1e-3 }\n"
        '[[stage]]\nname = "all"\ndata = ["set"]\nconcat = 0.5\n'
        "recipe = { steps = 2, batch = 2, accumulate = 1, warmup = 0, rate = 1e-3 }\n"
    )
    run = ["run", str(tmp_path / "stages.toml"), "--base", str(tmp_path / "base"), "--out", str(tmp_path / "run")]
    assert main([*run, "--export", str(tmp_path / "trained")]) == 0
    assert "all: step 2 of 2, loss" in capsys.readouterr().out
    trained = read_checkpoint(tmp_path / "trained")
    assert not torch.equal(trained.model.projection.weight, base.model.projection.weight)
    assert torch.equal(trained.vae.quant_conv.weight, base.vae.quant_conv.weight)
    # A second run finds everything done, and does not write over what is there.
    assert main([*run, "--export", str(tmp_path / "trained")]) == 2
    assert "exists already" in capsys.readouterr().err
    assert main([*prepare, "--tar", str(movies / "shard.tar")]) == 2
    assert "prepared set already" in capsys.readouterr().err


def test_what_cannot_be_prepared_is_left_out_with_its_reason(
    movies: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    base = build_checkpoint(VtaLdmConfig.tiny(text=None), encoder_config=tiny_clip_config())
    write_checkpoint(tmp_path / "base", base, licence="Apache-2.0")
    options = ["--base", str(tmp_path / "base"), "--out", str(tmp_path / "set")]
    # VGGSound's movies carry their own sound; these have none.
    assert (
        main(["prepare", *options, "--vggsound", str(movies / "vggsound.csv"), "--movies", str(movies / "video")]) == 2
    )
    assert "none of the clips could be prepared" in capsys.readouterr().err
    assert sum("has no sound in it" in message for message in caplog.messages) == 2
    assert main(["prepare", *options, "--vggsound", str(movies / "vggsound.csv")]) == 2
    assert "--movies" in capsys.readouterr().err


def test_the_small_experiment_runs_whole_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    size = Size(clips=10, held_out=4, steps=2, vae_steps=2, pair_steps=1, sampled=3, batch=4)
    text = run_ablation(tmp_path, size, variants=VARIANTS[:1])
    assert "### Table 2: encoders" in text
    assert "| V + PE |" in text
    row = json.loads((tmp_path / "variants" / "00.json").read_text())
    assert np.isfinite(row["figures"]["loss"])
    written = (tmp_path / "variants" / "00.json").stat().st_mtime_ns
    assert run_ablation(tmp_path, size, variants=VARIANTS[:1]) == text
    assert (tmp_path / "variants" / "00.json").stat().st_mtime_ns == written


def test_every_variant_of_the_experiment_stands_in_a_table_once() -> None:
    assert len({(v.name, v.tables) for v in VARIANTS}) == len(VARIANTS)
    assert {table for v in VARIANTS for table in v.tables} == {2, 3, 4}
    row = {"variant": {"name": "a", "encoder": "e", "tables": [3]}, "figures": {"loss": 0.5, "picture_gain": 1.0,
           "picture_gain_error": 0.25}}  # fmt: skip
    assert "| a | 0.5000 | 1.00 ± 0.25 |" in tables([row])


def test_griffin_lim_makes_the_sound_that_the_mel_says() -> None:
    from otio_v2a_engine.vta_ldm.mel import log_mel

    clip = next(iter(small_clips(1, seed=1)))
    settings = small_config(text=False, position=True, flow=False).mel
    mel = torch.from_numpy(clip.mel)
    again = log_mel(griffin_lim(mel, settings)[None], settings)[0, 0]
    loud = mel > mel.max() - 5
    assert float((again - mel)[loud].abs().mean()) < 1.0
