"""Float WAV files as a stream: whole or not at all."""

import errno
import os
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from otio_v2a_engine import wavfile
from otio_v2a_engine.wavfile import OutputError, WavWriter, partial_path

RATE = 48000


def noise(n_samples: int, *, channels: int = 2) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (channels, n_samples)).astype(np.float32)


def write(path: Path, sound: np.ndarray, *, block: int = 1000, **options: int) -> None:
    channels, n_samples = sound.shape
    with WavWriter(path, sample_rate=RATE, channels=channels, n_samples=n_samples, **options) as writer:
        for start in range(0, n_samples, block):
            writer.write(sound[:, start : start + block])


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("n_samples", [1, 2, 4801])
def test_other_programs_read_the_same_samples(tmp_path: Path, n_samples: int, channels: int) -> None:
    sound = noise(n_samples, channels=channels)
    write(tmp_path / "a.wav", sound)
    info = soundfile.info(tmp_path / "a.wav")
    assert (info.format, info.subtype, info.samplerate) == ("WAV", "FLOAT", RATE)
    read, _ = soundfile.read(tmp_path / "a.wav", dtype="float32", always_2d=True)
    assert np.array_equal(read.T, sound)
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_block_sizes_do_not_change_the_file(tmp_path: Path) -> None:
    sound = noise(5000)
    for block in (1, 999, 5000):
        write(tmp_path / f"{block}.wav", sound, block=block)
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


def test_a_large_file_is_rf64_with_its_sizes_in_ds64(tmp_path: Path) -> None:
    sound = noise(5000)
    path = tmp_path / "large.wav"
    write(path, sound, largest_wav_bytes=30_000)
    assert soundfile.info(path).format == "RF64"
    read, _ = soundfile.read(path, dtype="float32", always_2d=True)
    assert np.array_equal(read.T, sound)
    head = path.read_bytes()[:48]
    assert head[:16] == b"RF64\xff\xff\xff\xffWAVEds64"
    assert struct.unpack("<IQQQ", head[16:44]) == (28, path.stat().st_size - 8, sound.nbytes, 5000)


def test_sizes_are_said_plainly_up_to_the_last_byte_that_fits(tmp_path: Path) -> None:
    sound = noise(1000)
    write(tmp_path / "a.wav", sound)
    size = (tmp_path / "a.wav").stat().st_size
    write(tmp_path / "fits.wav", sound, largest_wav_bytes=size)
    write(tmp_path / "over.wav", sound, largest_wav_bytes=size - 1)
    assert soundfile.info(tmp_path / "fits.wav").format == "WAV"
    assert soundfile.info(tmp_path / "over.wav").format == "RF64"


def test_six_hours_of_stereo_announce_rf64_before_a_sample_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(2**50, 0, 2**50))
    writer = WavWriter(tmp_path / "long.wav", sample_rate=RATE, channels=2, n_samples=6 * 3600 * RATE)
    assert partial_path(tmp_path / "long.wav").read_bytes().startswith(b"RF64")
    writer.abort()
    writer.abort()
    assert list(tmp_path.iterdir()) == []


def test_an_error_leaves_the_last_good_file(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"good")

    def broken() -> None:
        with WavWriter(path, sample_rate=RATE, channels=1, n_samples=10) as writer:
            writer.write(noise(5, channels=1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("a.wav", b"good")]


@pytest.mark.parametrize("blocks", [[9], [5, 6], []])
def test_a_wrong_number_of_samples_is_our_defect_and_leaves_nothing(tmp_path: Path, blocks: list[int]) -> None:
    def broken() -> None:
        with WavWriter(tmp_path / "a.wav", sample_rate=RATE, channels=1, n_samples=10) as writer:
            for block in blocks:
                writer.write(noise(block, channels=1))

    with pytest.raises(ValueError, match="announced"):
        broken()
    assert list(tmp_path.iterdir()) == []


def test_a_block_of_another_shape_is_refused(tmp_path: Path) -> None:
    writer = WavWriter(tmp_path / "a.wav", sample_rate=RATE, channels=1, n_samples=10)
    with pytest.raises(ValueError, match="must be"), writer:
        writer.write(noise(10, channels=2))


def test_a_part_left_by_a_crash_is_replaced(tmp_path: Path) -> None:
    partial_path(tmp_path / "a.wav").write_bytes(b"left over")
    write(tmp_path / "a.wav", noise(10))
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


@pytest.mark.skipif(os.name != "posix", reason="needs symbolic links")
def test_links_planted_under_either_name_are_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.wav").symlink_to(victim)
    partial_path(out / "a.wav").symlink_to(victim)
    write(out / "a.wav", noise(10))
    assert victim.read_bytes() == b"precious"
    assert not (out / "a.wav").is_symlink()
    assert soundfile.info(out / "a.wav").frames == 10


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="nowhere"):
        WavWriter(tmp_path / "nowhere" / "a.wav", sample_rate=RATE, channels=1, n_samples=10)


def test_a_disk_that_is_too_full_is_found_before_rendering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(2**40, 2**40, 2**20))
    with pytest.raises(OutputError, match="no space left to write"):
        WavWriter(tmp_path / "a.wav", sample_rate=RATE, channels=1, n_samples=10)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_on_the_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = WavWriter(tmp_path / "a.wav", sample_rate=RATE, channels=1, n_samples=10)

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(wavfile.os, "write", full)
    with pytest.raises(OutputError, match="no space left"), writer:
        writer.write(noise(10, channels=1))
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []
