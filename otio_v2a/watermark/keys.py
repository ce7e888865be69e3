"""The secret of a project's watermark and the file it is kept in. Knows nothing of sound."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import logging
import os
import secrets
import stat
import tempfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from otio_v2a.errors import WatermarkError

__all__ = [
    "SECRET_BYTES",
    "ProjectKey",
    "default_key_folder",
    "key_file",
    "load_all",
    "load_key",
    "load_or_create_key",
]

SECRET_BYTES = 32
_SALT = b"otio-v2a watermark 1"
_SUFFIX = ".wmkey"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ProjectKey:
    """The 32 secret bytes of a project; everything else is derived from them. `repr` never shows the secret."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != SECRET_BYTES:
            raise WatermarkError(f"a watermark key has {SECRET_BYTES} bytes, this one has {len(self.secret)}")

    @classmethod
    def generate(cls) -> ProjectKey:
        """A fresh key from the system's random source."""
        return cls(secrets.token_bytes(SECRET_BYTES))

    @cached_property
    def key_id(self) -> str:
        """Public fingerprint: 8 hexadecimal digits (32 bits) that tell keys apart and reveal nothing."""
        return self.subkey("key id", n_bytes=4).hex()

    def subkey(self, purpose: str, *, n_bytes: int = 32) -> bytes:
        """A key for one purpose (HKDF-SHA256, RFC 5869); `n_bytes` at most 255 * 32."""
        pseudorandom = hmac.new(_SALT, self.secret, hashlib.sha256).digest()
        block, out = b"", b""
        for counter in range(1, -(-n_bytes // 32) + 1):
            block = hmac.new(pseudorandom, block + purpose.encode() + bytes([counter]), hashlib.sha256).digest()
            out += block
        return out[:n_bytes]


def default_key_folder() -> Path:
    """The user's own folder for keys (`%APPDATA%`, else `$XDG_CONFIG_HOME`, else `~/.config`); not created here."""
    base = os.environ.get("APPDATA") if os.name == "nt" else os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "otio-v2a" / "watermark"


def key_file(project: str = "default", *, folder: Path | None = None) -> Path:
    """Where the key of a project is kept: `<folder>/<project>.wmkey`. Raises WatermarkError on a name with a path."""
    if not project or project != Path(project).name or project.startswith("."):
        raise WatermarkError(f"{project!r} is no name for a watermark key: use letters, digits, '-' and '_'")
    return (folder or default_key_folder()) / f"{project}{_SUFFIX}"


def load_key(path: Path) -> ProjectKey:
    """Read a key file. Raises WatermarkError when it is missing, unreadable or of the wrong size."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            secret = file.read(SECRET_BYTES + 1)
    except OSError as error:
        raise WatermarkError(f"cannot read the watermark key {path}: {error.strerror or error}") from error
    if len(secret) != SECRET_BYTES:
        raise WatermarkError(f"{path} is no watermark key: it must hold exactly {SECRET_BYTES} bytes")
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        _log.warning("others may read the watermark key %s: chmod 600 it", path)
    return ProjectKey(secret)


def load_or_create_key(path: Path) -> ProjectKey:
    """Read a key file, or create it (mode 0600) on first use; when two processes race, both get the same key.

    Raises WatermarkError when the file can be neither read nor created.
    """
    if path.exists():
        return load_key(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # mkstemp creates with 0600. The finished file appears under its name at once, and only if nobody was first.
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(SECRET_BYTES))
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                _publish(temporary, path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
    except OSError as error:
        raise WatermarkError(f"cannot create the watermark key {path}: {error.strerror or error}") from error
    return load_key(path)


def _publish(temporary: str, path: Path) -> None:
    if os.name == "nt":
        os.rename(temporary, path)  # fails on Windows when the name is taken
    else:
        os.link(temporary, path)


def load_all(folder: Path | None = None) -> tuple[ProjectKey, ...]:
    """Every key in a folder (default: the user's own), by file name; none when there is no such folder."""
    return tuple(load_key(path) for path in sorted((folder or default_key_folder()).glob(f"*{_SUFFIX}")))
