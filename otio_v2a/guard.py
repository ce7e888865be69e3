"""Limits on files from strangers, held before OTIO parses them. Knows bytes and archives, not timelines.

OTIO's JSON reader recurses: 50,000 nested arrays (300 kB) end the process. So does any value type (a RationalTime,
a TimeRange) that holds an object in a member it does not know: OTIO 0.18.1 touches that object after it is freed.
And an `.otioz` of 1 MB can unpack to 1 GB. All are refused here, by name, before anything is parsed or written.
"""

import codecs
import hashlib
import json
import os
import shutil
import stat
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from otio_v2a.errors import CutError

__all__ = [
    "ANYTHING",
    "MAX_BYTES",
    "MAX_DEPTH",
    "Bundle",
    "Content",
    "check_file",
    "check_json",
    "json_depth",
    "read_bytes",
]

MAX_BYTES = 64 * 2**20
"""Longest cut file that is parsed."""
MAX_DEPTH = 200
"""Most brackets open at once; a nested stack takes four."""
MAX_MEMBERS = 100_000
"""Most files in a bundle."""
MAX_RATIO = 200
"""Most bytes that one packed byte may become; bundles store media unpacked, so films stay near 1."""
RATIO_FREE_BYTES = 16 * 2**20
"""Members smaller than this may pack as well as they like: an empty image is mostly zeros."""
MAX_BUNDLE_BYTES = 512 * 2**30
"""Most bytes in all of a bundle's files."""
_DISK_RESERVE_BYTES = 512 * 2**20
_BLOCK_BYTES = 1 << 18
"""Small enough to stay in the processor's cache while it is checked."""

_VALUE_MEMBERS: dict[str, tuple[str, ...]] = {
    "RationalTime": (),
    "TimeRange": ("start_time", "duration"),
    "TimeTransform": ("offset",),
    "SerializableObjectRef": (),
    "Box2d": ("min", "max"),
    "V2d": (),
    "Color": (),
}
"""OTIO's value types and the members in which they hold one another."""
_UNREAD = b" \t\r\n0123456789.+-eE:,_almo"
"""Bytes that nothing here depends on: blanks, what numbers are made of, what parts the members of objects, and letters
without which the names below are still unlike others. None of them follows a backslash in JSON."""
_PLAIN_TIME, _PLAIN_RANGE, *_RARE_VALUES = (
    text.translate(None, _UNREAD)
    for text in (
        b'{"OTIO_SCHEMA":"RationalTime.1","rate":24.0,"value":1.0}',
        b'{"OTIO_SCHEMA":"TimeRange.1","duration":*,"start_time":*}',
        *(f'"OTIO_SCHEMA":"{name}.'.encode() for name in ("TimeTransform", "SerializableObjectRef", "Box2d", "V2d")),
    )
)
_PLAIN_RANGE = _PLAIN_RANGE.replace(b"*", _PLAIN_TIME)
_TIME_NAME, _RANGE_NAME = (text.translate(None, _UNREAD) for text in (b'"RationalTime.', b'"TimeRange.'))
_OWN_NAME, _DISABLED, _EFFECTS, _NO_EFFECTS, _MARKERS, _NO_MARKERS = (
    text.translate(None, _UNREAD)
    for text in (b'"otio_v2a"', b'"enabled":false', b'"effects"', b'"effects":[]', b'"markers"', b'"markers":[]')
)
_NOT_STRUCTURE = bytes(set(range(256)) - set(b'"[]{}'))
_STEP = np.zeros(256, dtype=np.int8)
_STEP[list(b"[{")] = 1
_STEP[list(b"]}")] = -1


@dataclass(frozen=True)
class Content:
    """What a cut's text may hold. False is certain, and saves asking OTIO for it clip by clip.

    Attributes:
        own_metadata: ours.
        effects: an effect, on anything.
        markers: a marker, on anything.
        disabled: anything that is disabled.
    """

    own_metadata: bool = True
    effects: bool = True
    markers: bool = True
    disabled: bool = True


ANYTHING = Content()
"""What is known of a cut whose text nobody looked at."""


def read_bytes(path: Path) -> bytes:
    """The bytes of a regular file of at most `MAX_BYTES`.

    Raises:
        CutError: it is missing, not a regular file, unreadable or too long.
    """
    return b"".join(_blocks(path))


def _blocks(path: Path) -> Iterator[bytes]:
    """What `read_bytes` reads, a block at a time."""
    left = MAX_BYTES
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise CutError(f"{path}: not a regular file; give a timeline or a movie")
        if status.st_size > MAX_BYTES:
            raise CutError(
                f"{path}: {status.st_size / 2**20:.0f} MB is more than a cut may have ({MAX_BYTES // 2**20} MB); "
                "export only the part that needs sound"
            )
        with path.open("rb", buffering=0) as file:
            while block := file.read(_BLOCK_BYTES):
                left -= len(block)
                if left < 0:
                    raise CutError(f"{path}: grew beyond {MAX_BYTES // 2**20} MB while it was read; try again")
                yield block
    except FileNotFoundError as error:
        raise CutError(f"{path}: no such file; check the path") from error
    except OSError as error:
        raise CutError(f"{path}: cannot be read ({error.strerror or error}); check its permissions") from error


def check_json(data: bytes, *, name: Path) -> Content:
    """What the text may hold. Raises CutError when it is not UTF-8 or would end the process that parses it."""
    return _check(_compact([data], name=name), lambda: data, name=name)


def check_file(path: Path) -> Content:
    """As `check_json`, of a file's text, without ever holding all of it. Raises CutError also as `read_bytes`."""
    return _check(_compact(_blocks(path), name=path), lambda: read_bytes(path), name=path)


def _compact(blocks: Iterable[bytes], *, name: Path) -> bytes:
    """The text without `_UNREAD`, and with most of its ranges as `*`: OTIO indents by four, most of a cut is one of
    them, and neither changes what is checked here."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    parts = []
    is_ascii = True
    try:
        for block in blocks:
            part = block.translate(None, _UNREAD)
            is_ascii = is_ascii and part.isascii()
            if not is_ascii:
                decoder.decode(block)
            # While the block is in the processor's cache; a range that a block's border cuts stays.
            parts.append(part.replace(_PLAIN_RANGE, b"*"))
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise CutError(f"{name}: is not UTF-8 text, so no OpenTimelineIO file; export it again") from error
    return b"".join(parts)


def _check(compact: bytes, text: Callable[[], bytes], *, name: Path) -> Content:
    rest = _without_plain_values(compact)
    # A range holds a time: two levels went with them. Counting those is only worth it near the limit.
    if rest is None or json_depth(rest) + 2 > MAX_DEPTH:
        depth = json_depth(text().translate(None, _UNREAD))
        if depth > MAX_DEPTH:
            raise CutError(
                f"{name}: objects are nested {depth} levels deep, {MAX_DEPTH} are allowed; "
                "no editor writes such a file: export it again"
            )
    if rest is not None:
        rest = rest.replace(_NO_EFFECTS + _NO_MARKERS, b"")
        return Content(
            own_metadata=_OWN_NAME in rest,
            effects=_EFFECTS in rest and rest.count(_EFFECTS) != rest.count(_NO_EFFECTS),
            markers=_MARKERS in rest and rest.count(_MARKERS) != rest.count(_NO_MARKERS),
            disabled=_DISABLED in rest,
        )
    # Written by another hand than OTIO's: ten times slower, but exact.
    try:
        culprit = _object_in_value(json.loads(text(), object_pairs_hook=_Object))
    except (ValueError, RecursionError) as error:
        raise CutError(f"{name}: cannot be read (no valid JSON: {error}); export it again from the editor") from error
    if culprit:
        raise CutError(f"{name}: cannot be read (a {culprit} holds another object); export it again from the editor")
    return ANYTHING


def json_depth(data: bytes) -> int:
    """Most brackets open at once outside strings; exact for valid JSON, in about 1 ms per megabyte."""
    if b"\\" in data:
        # Escapes pair from the left, so hiding doubled backslashes first leaves only real escaped quotes.
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    marks = data.translate(None, _NOT_STRUCTURE)
    brackets = marks.translate(None, b'"')
    # Strings without brackets leave quotes in pairs, which flip "inside a string" twice with nothing between.
    is_bare = 2 * marks.count(b'""') == len(marks) - len(brackets)
    marks = brackets if is_bare else marks.replace(b'""', b"")
    codes = np.frombuffer(marks, dtype=np.uint8)
    steps = _STEP[codes]
    if not is_bare:
        inside = np.bitwise_and(np.cumsum(codes == ord('"'), dtype=np.int32), 1)
        steps = np.where(inside == 1, np.int8(0), steps)
    return int(np.cumsum(steps, dtype=np.int32).max(initial=0))


def _without_plain_values(compact: bytes) -> bytes | None:
    """The text without its times and ranges, when all are spelled as OTIO spells them, with nothing else inside.

    Takes the text without `_UNREAD`. Looking for bytes is ten times faster than parsing; anything unusual,
    like an escape that may spell a schema's name, answers None.
    """
    if b"\\" in compact and b"\\u" in compact.replace(b"\\\\", b""):
        return None
    rest = compact.replace(_PLAIN_RANGE, b"*").replace(_PLAIN_TIME, b"*")
    # No quote stands alone inside a string, so what a plain value was taken out of cannot have been one.
    return None if any(name in rest for name in (_TIME_NAME, _RANGE_NAME, *_RARE_VALUES)) else rest


class _Object(list[tuple[str, Any]]):
    """A JSON object as its pairs, so that a repeated key hides nothing."""


def _object_in_value(value: Any) -> str:
    """The schema of the first value type that holds an object in a member it does not know, or ""."""
    todo = [value]
    while todo:
        item = todo.pop()
        if not isinstance(item, _Object):
            todo.extend(item if isinstance(item, list) else ())
            continue
        schemas = [str(schema).partition(".")[0] for key, schema in item if key == "OTIO_SCHEMA"]
        for schema in schemas:
            known = _VALUE_MEMBERS.get(schema)
            if known is not None and any(isinstance(inner, list) and key not in known for key, inner in item):
                return schema
        todo.extend(inner for _, inner in item if isinstance(inner, list))
    return ""


class Bundle:
    """An `.otioz`: its cut, and its media on demand, each checked before it is unpacked."""

    def __init__(self, path: Path, *, cache: Path) -> None:
        """Open a bundle; `cache` is a folder of ours, each bundle gets its own below it.

        Raises:
            CutError: not a bundle, or beyond the limits.
        """
        self._path = path
        try:
            with zipfile.ZipFile(path) as archive:
                members = archive.infolist()
        except FileNotFoundError as error:
            raise CutError(f"{path}: no such file; check the path") from error
        except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError) as error:
            raise CutError(f"{path}: not a readable .otioz bundle ({error}); export it again") from error
        self._members = {member.filename: member for member in members if not member.is_dir()}
        self._check(members)
        listing = "\n".join(f"{m.filename}\t{m.CRC}\t{m.file_size}" for m in members)
        # The same content has the same folder, so a second read finds its media and takes stay reusable.
        self.folder = cache / hashlib.blake2b(listing.encode(), digest_size=12).hexdigest()

    def _check(self, members: list[zipfile.ZipInfo]) -> None:
        if len(members) > MAX_MEMBERS:
            raise CutError(f"{self._path}: {len(members)} files in one bundle, {MAX_MEMBERS} are allowed")
        total = sum(member.file_size for member in members)
        if total > MAX_BUNDLE_BYTES:
            raise CutError(f"{self._path}: unpacks to {total / 2**30:.0f} GB, {MAX_BUNDLE_BYTES // 2**30} are allowed")
        for member in members:
            parts = PurePosixPath(member.filename.replace("\\", "/")).parts
            if member.filename.startswith(("/", "\\")) or ".." in parts or ":" in (parts[0] if parts else ""):
                raise CutError(f"{self._path}: holds a file outside of itself, {member.filename!r}; do not open it")
            if stat.S_ISLNK(member.external_attr >> 16):
                raise CutError(f"{self._path}: holds a link, {member.filename!r}; do not open it")
            if member.flag_bits & 1:
                raise CutError(f"{self._path}: {member.filename!r} is encrypted; export the bundle without a password")
            if member.file_size > RATIO_FREE_BYTES and member.file_size > MAX_RATIO * max(member.compress_size, 1):
                raise CutError(
                    f"{self._path}: {member.filename!r} would grow more than {MAX_RATIO} times; do not open it"
                )

    def cut_bytes(self) -> bytes:
        """The bytes of its `content.otio`. Raises CutError."""
        member = self._members.get("content.otio")
        if member is None:
            raise CutError(f"{self._path}: holds no content.otio; it is not an .otioz bundle")
        if member.file_size > MAX_BYTES:
            raise CutError(f"{self._path}: its content.otio is longer than {MAX_BYTES // 2**20} MB")
        try:
            with zipfile.ZipFile(self._path) as archive, archive.open(member) as source:
                return source.read(MAX_BYTES + 1)[:MAX_BYTES]
        except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError) as error:
            raise CutError(f"{self._path}: content.otio is damaged ({error}); export it again") from error

    def extract(self) -> Path:
        """Unpack the media into the bundle's own folder, what is there already excepted, and return the folder.

        Raises:
            CutError: a member is damaged, or the disk is full.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            todo = [
                member
                for member in self._members.values()
                if not _is_complete(self.folder / member.filename, member.file_size)
            ]
            need = sum(member.file_size for member in todo)
            free = shutil.disk_usage(self.folder).free
            if need + _DISK_RESERVE_BYTES > free:
                raise CutError(
                    f"{self._path}: unpacking needs {need / 2**30:.1f} GB in {self.folder}, {free / 2**30:.1f} are free"
                )
            if todo:
                with zipfile.ZipFile(self._path) as archive:
                    for member in todo:
                        self._extract_one(archive, member)
        except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError) as error:
            raise CutError(f"{self._path}: cannot be unpacked to {self.folder} ({error})") from error
        return self.folder

    def _extract_one(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
        target = self.folder / member.filename
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
        left = member.file_size
        try:
            with archive.open(member) as source, partial.open("xb") as sink:
                # The sizes in the directory are the sender's word; count what really comes out.
                while block := source.read(min(1 << 20, left + 1)):
                    left -= len(block)
                    if left < 0:
                        raise CutError(f"{self._path}: {member.filename!r} is longer than it says; do not open it")
                    sink.write(block)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)


def _is_complete(path: Path, size: int) -> bool:
    try:
        return path.lstat().st_size == size and not path.is_symlink()
    except OSError:
        return False
