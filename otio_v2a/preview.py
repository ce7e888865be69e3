"""A movie of the cut with the active takes mixed. Owns the choice between copying and encoding, and the sound.

The picture is copied packet by packet where that gives the same pictures at the same times; otherwise it is encoded
(`preview_encode`). The result says which. Decoding happens in this process: a preview shows what is on the disk of
the user who asks for it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from otio_v2a.atomic import atomic_path
from otio_v2a.conform import parts_of
from otio_v2a.errors import MediaError, StemError
from otio_v2a.mixing import Part, measure_peak, mix
from otio_v2a.provenance import Origin, generator, origin_of
from otio_v2a.stem import Layout, Stem
from otio_v2a.tracks import read_stems
from otio_v2a_engine.contract import Role
from otio_v2a_engine.lengths import position

if TYPE_CHECKING:
    from otio_v2a.timeline import Cut

__all__ = ["Preview", "default_preview", "make_preview", "mix_parts", "mixed_sound"]

SUFFIXES = (".mp4", ".mov", ".mkv")
_BIT_RATE = 192_000
_AAC_FRAME = 1024
_CEILING = 10 ** (-1 / 20)
"""Where a sum that exceeds full scale is brought down to: -1 dBFS leaves AAC room to overshoot."""


@dataclass(frozen=True)
class Preview:
    """A preview movie.

    Attributes:
        path: the movie.
        picture: "copied" or "encoded".
        gain_db: gain on the mix; below 0 where the sum of the stems exceeds full scale.
        n_frames: length at the cut's rate.
        notes: what the user should know, in words.
    """

    path: Path
    picture: str
    gain_db: float
    n_frames: int
    notes: tuple[str, ...] = ()


def default_preview(timeline_path: Path) -> Path:
    """Where a timeline's preview goes when nobody says: `<timeline>_preview.mp4` beside it."""
    return timeline_path.with_name(f"{timeline_path.stem}_preview.mp4")


def make_preview(source: "Path | Cut", out: Path, *, stems: Sequence[Stem] | None = None) -> Preview:
    """Write a movie of a cut with its stems mixed, in one atomic step.

    Args:
        source: a timeline that this program wrote (any target but fcp_xml), or a cut as read.
        out: the movie; `.mp4`, `.mov` or `.mkv`.
        stems: what is mixed; those on the timeline's own tracks when None.

    Raises:
        CutError: the timeline cannot be read.
        StemError: there is no sound, or a sound file is missing.
        MediaError: `out` is of another kind, or a picture cannot be decoded.
    """
    from otio_v2a import preview_copy, preview_encode, timeline

    if out.suffix.lower() not in SUFFIXES:
        raise MediaError(f"{out}: a preview is one of {', '.join(SUFFIXES)}; choose another name")
    cut = timeline.read(source) if isinstance(source, Path) else source
    if stems is None:
        stems = read_stems(cut.timeline, base=cut.media_base or cut.path.parent)
    if not stems:
        raise StemError(f"{cut.path} has no sound of ours on it; generate first")
    n_frames = max(1, math.ceil(cut.timing.duration_s * cut.timing.rate))
    sample_rate = _one_rate(stems)
    n_samples = position(n_frames / cut.timing.rate, sample_rate)
    parts = mix_parts(stems, n_samples=n_samples)
    peak = measure_peak(mix(parts, start=0, stop=n_samples, channels=2))
    gain = _CEILING / peak if peak > 1 else 1.0
    notes = [f"{skip.clip} on {skip.track} is black: {skip.reason}" for skip in cut.skipped]
    if gain < 1:
        notes.append(
            f"the stems add up to {20 * math.log10(peak):+.1f} dBFS; the mix is {20 * math.log10(gain):.1f} dB down"
        )
    origin = origin_of(take.engine for stem in stems for take in stem.takes)
    copied, why = preview_copy.plan(cut, out)
    with atomic_path(out) as temporary:
        sound = mixed_sound(parts, n_samples=n_samples, gain=gain)
        if copied is not None:
            _write(temporary, sound, sample_rate=sample_rate, picture=copied, origin=origin)
            notes.append("the picture is copied, not encoded")
        else:
            notes.append(f"the picture is encoded: {why}")
            picture = preview_encode.EncodedPicture(cut, n_frames)
            _write(temporary, sound, sample_rate=sample_rate, picture=picture, origin=origin)
    return Preview(
        path=out,
        picture="copied" if copied is not None else "encoded",
        gain_db=20 * math.log10(gain),
        n_frames=n_frames,
        notes=tuple(notes),
    )


def _one_rate(stems: Sequence[Stem]) -> int:
    rates = sorted({stem.sample_rate for stem in stems})
    if len(rates) != 1:
        raise StemError(f"the stems have several sample rates {rates}; generate them at one")
    return rates[0]


def mix_parts(stems: Sequence[Stem], *, n_samples: int) -> tuple[Part, ...]:
    """The pieces of all stems over `[0, n_samples)`: clips with the fades of a role's stem, whole stems as they are."""
    parts: list[Part] = []
    for role in Role:
        clips = [stem.clips[0] for stem in stems if stem.role == role and stem.layout is Layout.CLIPS]
        if clips:
            rate = next(stem.sample_rate for stem in stems)
            parts += parts_of(clips, role=role, sample_rate=rate, keep=(0, n_samples), adjusted=True)
    for stem in stems:
        if stem.layout is Layout.ROLES:
            start, length = stem.placement.file_start, stem.placement.n_samples
            parts.append(Part(path=stem.path, offset=0, start=start, stop=min(start + length, n_samples)))
    return tuple(parts)


def mixed_sound(parts: Sequence[Part], *, n_samples: int, gain: float) -> Iterator[npt.NDArray[np.float32]]:
    """The mix in stereo blocks `(2, n)`."""
    for block in mix(parts, start=0, stop=n_samples, channels=2):
        yield block * np.float32(gain) if gain != 1 else block


def _write(
    path: Path, sound: Iterator[npt.NDArray[np.float32]], *, sample_rate: int, picture: Any, origin: Origin
) -> None:
    """Mux the picture's packets and the sound, in step with each other, so that neither waits in memory."""
    import av

    try:
        with av.open(str(path), "w") as container:
            container.metadata["comment"] = f"Preview. Sound: AI-generated ({origin.words}), {generator()}"
            picture.open(container)
            stream = container.add_stream("aac", rate=sample_rate, layout="stereo")
            stream.bit_rate = _BIT_RATE
            audio = _sound_packets(stream, sound, sample_rate)
            written_s = Fraction(-1)
            for video_s, packet in picture.packets():
                while written_s <= video_s and (found := next(audio, None)) is not None:
                    written_s, sound_packet = found
                    container.mux(sound_packet)
                container.mux(packet)
            for _, sound_packet in audio:
                container.mux(sound_packet)
    except av.FFmpegError as error:
        raise MediaError(f"{path.name}: the preview cannot be written: {error}") from error


def _sound_packets(
    stream: Any, sound: Iterator[npt.NDArray[np.float32]], sample_rate: int
) -> Iterator[tuple[Fraction, Any]]:
    """AAC packets with their times in seconds."""
    import av

    at = 0
    time_s = Fraction(0)
    for block in sound:
        for start in range(0, block.shape[1], _AAC_FRAME):
            part = np.ascontiguousarray(block[:, start : start + _AAC_FRAME])
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = sample_rate, at, Fraction(1, sample_rate)
            at += part.shape[1]
            time_s = Fraction(at, sample_rate)
            for packet in stream.encode(frame):
                yield time_s, packet
    for packet in stream.encode(None):
        yield time_s, packet
