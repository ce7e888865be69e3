"""Whether media is still the same: by content, wherever it lies."""

import os
import shutil
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from otio_v2a.media_identity import MediaIdentity, identify
from otio_v2a.spans import MediaFile

MEBIBYTE = 1 << 20


def identity_of(path: Path) -> MediaIdentity:
    found = identify(MediaFile(str(path)))
    assert isinstance(found, MediaIdentity)
    return found


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    """24 MiB of nothing in particular; nobody decodes it."""
    path = tmp_path / "a.mov"
    path.write_bytes(bytes(range(256)) * (24 * MEBIBYTE // 256))
    return path


def write_at(path: Path, offset: int, data: bytes) -> None:
    """Change a file without changing its size or its time of change."""
    state = path.stat()
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def test_media_is_the_same_wherever_it_lies_and_whenever_it_was_touched(movie: Path, tmp_path: Path) -> None:
    first = identity_of(movie)
    assert identity_of(movie) == first
    os.utime(movie, ns=(1, 1))
    assert identity_of(movie) == first
    (tmp_path / "mirror").mkdir()
    assert identity_of(Path(shutil.copyfile(movie, tmp_path / "mirror" / "b.mov"))) == first
    assert identity_of(movie.rename(tmp_path / "moved.mov")) == first


@pytest.mark.parametrize("offset", [0, MEBIBYTE - 1, 23 * MEBIBYTE, 24 * MEBIBYTE - 1])
def test_a_changed_byte_at_either_end_is_noticed(movie: Path, offset: int) -> None:
    first = identity_of(movie)
    write_at(movie, offset, b"X")
    assert identity_of(movie) != first


@pytest.mark.parametrize("offset", [MEBIBYTE, 9 * MEBIBYTE, 20 * MEBIBYTE - 1])
def test_a_changed_eighth_is_noticed_wherever_it_lies(movie: Path, offset: int) -> None:
    first = identity_of(movie)
    write_at(movie, offset, b"X" * (22 * MEBIBYTE // 8))
    assert identity_of(movie) != first


@pytest.mark.parametrize("n_bytes", [1, MEBIBYTE, MEBIBYTE + 1, 2 * MEBIBYTE + 1, 3 * MEBIBYTE])
def test_every_byte_of_a_small_file_counts(tmp_path: Path, n_bytes: int) -> None:
    path = tmp_path / "small.mov"
    path.write_bytes(b"m" * n_bytes)
    first = identity_of(path)
    for offset in {0, n_bytes // 2, n_bytes - 1}:
        write_at(path, offset, b"X")
        assert identity_of(path) != first, offset
        write_at(path, offset, b"m")
        assert identity_of(path) == first
    path.write_bytes(b"m" * (n_bytes + 1))
    assert identity_of(path) != first


def test_unchanged_media_is_read_once(movie: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = identity_of(movie)

    def refuse(*args: object, **options: object) -> None:
        raise AssertionError("it was read again")

    monkeypatch.setattr(Path, "open", refuse)
    assert identity_of(movie) == first


def test_missing_media_is_told_not_raised(tmp_path: Path) -> None:
    assert "relink the clip" in str(identify(MediaFile(str(tmp_path / "gone.mov"))))


def test_a_sequence_that_moves_with_its_times_is_the_same(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    for number in range(1001, 1005):
        (tmp_path / "here" / f"shot.{number}.png").write_bytes(b"image")
    media = MediaFile(str(tmp_path / "here" / "shot.%04d.png"), Fraction(24), Fraction(4, 24), 1001)
    first = identify(media)
    assert isinstance(first, MediaIdentity)
    shutil.copytree(tmp_path / "here", tmp_path / "there")  # keeps times
    there = replace(media, path=str(tmp_path / "there" / "shot.%04d.png"))
    assert identify(there) == first
    os.utime(tmp_path / "there" / "shot.1002.png", ns=(5, 5))
    assert identify(there) != first
