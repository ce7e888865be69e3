"""Owns the bytes of a broadcast wave file around its samples: chunks, `bext`, iXML, RF64. Knows nothing of timelines.

    RIFF|RF64 WAVE  JUNK|ds64  bext  iXML  fmt  data

The `JUNK` chunk keeps the place of `ds64` (EBU Tech 3306), so a file that grows over 4 GiB becomes RF64 in place.
"""

import struct
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from otio_v2a.errors import StemError

__all__ = [
    "RF64_LIMIT",
    "BroadcastInfo",
    "bext_chunk",
    "finish_header",
    "ixml_chunk",
    "read_broadcast_info",
    "start_header",
]

RF64_LIMIT = 2**32 - 1
"""A RIFF size field holds at most this many bytes; larger files are RF64."""

_DS64 = struct.Struct("<4sIQQQI")
_BEXT = struct.Struct("<256s32s32s10s8sIIH64s190s")
_UNKNOWN_SIZE = 0xFFFFFFFF


@dataclass(frozen=True)
class BroadcastInfo:
    """What a broadcast wave file says of itself.

    Attributes:
        time_reference: samples since midnight of the first sample.
        frame_rate: frames per second of the timecode.
        drop_frame: whether the timecode counts drop-frame.
        description: one line, at most 256 bytes of ASCII in `bext` (in full in iXML).
        originator: program that made it.
        reference: short unique word of the content, at most 32 ASCII characters.
        project: name of the cut.
        scene: name of the clip.
        take: number of the take, as text.
        track_names: a name per channel.
        coding_history: how the samples came about, lines of EBU R98.
        fields: our own entries, written as iXML element `OTIO_V2A`.
        created: local time of writing.
    """

    time_reference: int
    frame_rate: Fraction
    drop_frame: bool = False
    description: str = ""
    originator: str = "otio-v2a"
    reference: str = ""
    project: str = ""
    scene: str = ""
    take: str = ""
    track_names: tuple[str, ...] = ()
    coding_history: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    created: datetime = field(default_factory=datetime.now)

    def __post_init__(self) -> None:
        if not 0 <= self.time_reference < 2**64:
            raise ValueError(f"a time reference counts samples since midnight, not {self.time_reference}")
        if self.frame_rate <= 0:
            raise ValueError(f"frame rate must be positive, not {self.frame_rate}")


def _ascii(text: str, n_bytes: int) -> bytes:
    return text.encode("ascii", "replace")[:n_bytes]


def bext_chunk(info: BroadcastInfo) -> bytes:
    """Payload of the `bext` chunk, version 1 (EBU Tech 3285; no loudness claim)."""
    history = info.coding_history.replace("\r\n", "\n").replace("\n", "\r\n")
    return _BEXT.pack(
        _ascii(info.description, 256),
        _ascii(info.originator, 32),
        _ascii(info.reference, 32),
        info.created.strftime("%Y-%m-%d").encode(),
        info.created.strftime("%H:%M:%S").encode(),
        info.time_reference & 0xFFFFFFFF,
        info.time_reference >> 32,
        1,
        b"",
        b"",
    ) + (history.encode("ascii", "replace") + b"\r\n" if history else b"")


def ixml_chunk(info: BroadcastInfo, *, sample_rate: int, channels: int) -> bytes:
    """Payload of the `iXML` chunk (iXML 1.61), UTF-8."""
    root = ET.Element("BWFXML")
    _child(root, "IXML_VERSION", "1.61")
    _child(root, "PROJECT", info.project)
    _child(root, "SCENE", info.scene)
    _child(root, "TAKE", info.take)
    _child(root, "NOTE", info.description)
    _child(root, "FILE_UID", info.reference)
    speed = ET.SubElement(root, "SPEED")
    rate = f"{info.frame_rate.numerator}/{info.frame_rate.denominator}"
    for name in ("MASTER_SPEED", "CURRENT_SPEED", "TIMECODE_RATE"):
        _child(speed, name, rate)
    _child(speed, "TIMECODE_FLAG", "DF" if info.drop_frame else "NDF")
    for name in ("FILE_SAMPLE_RATE", "DIGITIZER_SAMPLE_RATE", "TIMESTAMP_SAMPLE_RATE"):
        _child(speed, name, str(sample_rate))
    _child(speed, "AUDIO_BIT_DEPTH", "24")
    _child(speed, "TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_HI", str(info.time_reference >> 32))
    _child(speed, "TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO", str(info.time_reference & 0xFFFFFFFF))
    tracks = ET.SubElement(root, "TRACK_LIST")
    _child(tracks, "TRACK_COUNT", str(channels))
    for index in range(channels):
        track = ET.SubElement(tracks, "TRACK")
        _child(track, "CHANNEL_INDEX", str(index + 1))
        _child(track, "INTERLEAVE_INDEX", str(index + 1))
        _child(track, "NAME", info.track_names[index] if index < len(info.track_names) else "")
    bext = ET.SubElement(root, "BEXT")
    _child(bext, "BWF_DESCRIPTION", info.description)
    _child(bext, "BWF_ORIGINATOR", info.originator)
    _child(bext, "BWF_ORIGINATOR_REFERENCE", info.reference)
    _child(bext, "BWF_TIME_REFERENCE_HIGH", str(info.time_reference >> 32))
    _child(bext, "BWF_TIME_REFERENCE_LOW", str(info.time_reference & 0xFFFFFFFF))
    if info.fields:
        own = ET.SubElement(root, "OTIO_V2A")
        for name, text in info.fields.items():
            _child(own, name, text)
    body: bytes = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return body


def _child(parent: ET.Element, name: str, text: str) -> None:
    # Control characters are not XML 1.0; prompts come from everywhere.
    ET.SubElement(parent, name).text = "".join(c for c in text if c >= " " or c in "\t\n\r")


def start_header(file: BinaryIO, info: BroadcastInfo, *, sample_rate: int, channels: int) -> int:
    """Write everything before the samples, sizes still open; returns the offset of the first sample."""
    file.write(struct.pack("<4sI4s", b"RIFF", 0, b"WAVE"))
    file.write(struct.pack("<4sI28x", b"JUNK", 28))
    for name, body in (
        (b"bext", bext_chunk(info)),
        (b"iXML", ixml_chunk(info, sample_rate=sample_rate, channels=channels)),
        (b"fmt ", struct.pack("<HHIIHH", 1, channels, sample_rate, sample_rate * channels * 3, channels * 3, 24)),
    ):
        # Even by itself: libsndfile does not skip the pad byte after an odd chunk of an RF64 file.
        body += b"\n" * (len(body) % 2)
        file.write(struct.pack("<4sI", name, len(body)) + body)
    file.write(struct.pack("<4sI", b"data", 0))
    return file.tell()


def finish_header(file: BinaryIO, *, data_offset: int, n_samples: int, frame_bytes: int, rf64_limit: int) -> None:
    """Write the sizes, as RF64 when the file exceeds `rf64_limit` bytes. The samples are written already."""
    data_bytes = n_samples * frame_bytes
    file.seek(0, 2)
    if data_bytes % 2:
        file.write(b"\0")
    riff_bytes = file.tell() - 8
    if riff_bytes > rf64_limit:
        file.seek(0)
        file.write(struct.pack("<4sI4s", b"RF64", _UNKNOWN_SIZE, b"WAVE"))
        file.write(_DS64.pack(b"ds64", 28, riff_bytes, data_bytes, n_samples, 0))
        file.seek(data_offset - 4)
        file.write(struct.pack("<I", _UNKNOWN_SIZE))
    else:
        file.seek(4)
        file.write(struct.pack("<I", riff_bytes))
        file.seek(data_offset - 4)
        file.write(struct.pack("<I", data_bytes))


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Names and sizes of the chunks before the samples; the file stands at each chunk's payload."""
    head = file.read(12)
    if len(head) < 12 or head[:4] not in (b"RIFF", b"RF64", b"BW64") or head[8:] != b"WAVE":
        return
    while len(header := file.read(8)) == 8:
        name, size = header[:4], int.from_bytes(header[4:], "little")
        start = file.tell()
        yield name, size
        if name == b"data":
            return
        file.seek(start + size + size % 2)


def read_broadcast_info(path: Path) -> BroadcastInfo | None:
    """What a wave file says of itself, or None when it has no `bext` chunk (or is no wave file).

    Raises:
        StemError: the file cannot be read.
    """
    bext: tuple[bytes, ...] | None = None
    history = ""
    xml: ET.Element | None = None
    try:
        with path.open("rb") as file:
            for name, size in _chunks(file):
                if name == b"bext" and _BEXT.size <= size <= 1 << 20:
                    body = file.read(size)
                    bext = _BEXT.unpack_from(body)
                    history = body[_BEXT.size :].decode("ascii", "replace").rstrip("\0\r\n")
                elif name == b"iXML" and size <= 1 << 20:
                    body = file.read(size)
                    # No entities, so no expansion of them: what we write never has a document type.
                    xml = None if b"<!" in body else ET.fromstring(body.rstrip(b"\0"))
    except (OSError, ET.ParseError, struct.error) as error:
        raise StemError(f"{path} cannot be read as a broadcast wave file: {error}") from error
    if bext is None:
        return None
    return _info(bext, history, xml)


def _info(bext: tuple[bytes, ...], history: str, xml: ET.Element | None) -> BroadcastInfo:
    def word(raw: bytes) -> str:
        return raw.split(b"\0")[0].decode("ascii", "replace")

    def text(path: str) -> str:
        return (xml.findtext(path) or "") if xml is not None else ""

    low, high = bext[5], bext[6]
    try:
        created = datetime.strptime(f"{word(bext[3])} {word(bext[4])}", "%Y-%m-%d %H:%M:%S")
    except ValueError:
        created = datetime.min
    rate = text("SPEED/TIMECODE_RATE")
    own = xml.find("OTIO_V2A") if xml is not None else None
    return BroadcastInfo(
        time_reference=int(low) | int(high) << 32,
        frame_rate=Fraction(rate) if rate else Fraction(25),
        drop_frame=text("SPEED/TIMECODE_FLAG") == "DF",
        description=text("NOTE") or word(bext[0]),
        originator=word(bext[1]),
        reference=word(bext[2]),
        project=text("PROJECT"),
        scene=text("SCENE"),
        take=text("TAKE"),
        track_names=tuple(t.findtext("NAME") or "" for t in xml.findall("TRACK_LIST/TRACK")) if xml is not None else (),
        coding_history=history,
        fields={child.tag: child.text or "" for child in own} if own is not None else {},
        created=created,
    )
