import logging
import os
import stat
import threading
from pathlib import Path

import pytest

from otio_v2a.errors import WatermarkError
from otio_v2a.watermark.keys import (
    ProjectKey,
    default_key_folder,
    key_file,
    load_all,
    load_key,
    load_or_create_key,
)

posix = pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")


def test_a_new_key_is_random_and_the_same_when_read_again(tmp_path: Path):
    first = load_or_create_key(tmp_path / "deep" / "a.wmkey")
    second = load_or_create_key(tmp_path / "deep" / "b.wmkey")
    assert first.secret != second.secret
    assert load_or_create_key(tmp_path / "deep" / "a.wmkey") == first
    assert (tmp_path / "deep" / "a.wmkey").stat().st_size == 32
    assert sorted(p.name for p in (tmp_path / "deep").iterdir()) == ["a.wmkey", "b.wmkey"]


@posix
def test_only_the_owner_can_read_a_new_key(tmp_path: Path):
    path = tmp_path / "a.wmkey"
    load_or_create_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@posix
def test_a_key_that_others_can_read_is_used_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    path = tmp_path / "a.wmkey"
    load_or_create_key(path)
    path.chmod(0o644)
    with caplog.at_level(logging.WARNING):
        load_key(path)
    assert "chmod 600" in caplog.text


def test_many_that_create_a_key_at_once_get_the_same_one(tmp_path: Path):
    path, keys = tmp_path / "a.wmkey", []
    start = threading.Barrier(8)

    def create() -> None:
        start.wait()
        keys.append(load_or_create_key(path))

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len({key.secret for key in keys}) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["a.wmkey"]


def test_a_damaged_or_missing_key_names_its_file(tmp_path: Path):
    damaged = tmp_path / "short.wmkey"
    damaged.write_bytes(b"x" * 31)
    with pytest.raises(WatermarkError, match=r"short\.wmkey"):
        load_or_create_key(damaged)
    with pytest.raises(WatermarkError, match=r"missing\.wmkey"):
        load_key(tmp_path / "missing.wmkey")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(WatermarkError, match="cannot create"):
        load_or_create_key(tmp_path / "file" / "a.wmkey")


def test_the_secret_is_not_shown(tmp_path: Path):
    key = ProjectKey(bytes(range(32)))
    assert key.secret.hex() not in repr(key)
    assert repr(key.secret) not in repr(key)


def test_derived_keys_differ_by_purpose_and_the_id_is_pinned():
    key = ProjectKey(bytes(range(32)))
    assert key.subkey("tiles") != key.subkey("start")
    assert len(key.subkey("tiles", n_bytes=80)) == 80
    assert key.subkey("tiles", n_bytes=80)[:32] == key.subkey("tiles")
    assert key.key_id == "d19b6f42"


def test_a_key_name_cannot_leave_its_folder(tmp_path: Path):
    assert key_file("film", folder=tmp_path) == tmp_path / "film.wmkey"
    for name in ("", "../film", "a/b", ".hidden", ".."):
        with pytest.raises(WatermarkError, match="no name"):
            key_file(name, folder=tmp_path)


def test_keys_are_kept_in_the_users_own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("APPDATA" if os.name == "nt" else "XDG_CONFIG_HOME", str(tmp_path))
    assert key_file() == tmp_path / "otio-v2a" / "watermark" / "default.wmkey"
    assert load_all() == ()
    first = load_or_create_key(key_file("a"))
    second = load_or_create_key(key_file("b"))
    assert load_all() == (first, second)
    assert default_key_folder() == tmp_path / "otio-v2a" / "watermark"
