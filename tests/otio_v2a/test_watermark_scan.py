from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from otio_v2a.errors import MediaError
from otio_v2a.watermark.embed import Watermarker
from otio_v2a.watermark.keys import ProjectKey
from otio_v2a.watermark.scan import read_sound, scan, scan_all

RATE = 48000
KEY = ProjectKey(bytes(range(32)))
ID = 77


def _crackle(seconds: float, *, seed: int = 0) -> np.ndarray:
    """Stereo noise in bursts, as fire or rain on leaves."""
    rng = np.random.default_rng(seed)
    n = int(seconds * RATE)
    bursts = np.repeat(rng.uniform(0.1, 1, (1, -(-n // 3000))), 3000, axis=1)[:, :n]
    return (0.05 * rng.normal(0, 1, (2, n)) * bursts).astype(np.float32)


@pytest.fixture(scope="module")
def marked() -> np.ndarray:
    """12 s of marked stereo, (2, n)."""
    return np.concatenate(list(Watermarker(KEY, ID, channels=2).process([_crackle(12)])), axis=1)


def _encode(path: Path, streams: list[np.ndarray], *, codec: str, bit_rate: int) -> None:
    with av.open(str(path), "w") as container:
        for _ in streams:
            stream = container.add_stream(codec, rate=RATE)
            stream.bit_rate = bit_rate
            stream.layout = "stereo"
        for stream, sound in zip(container.streams.audio, streams, strict=True):
            resampler = av.AudioResampler(
                stream.codec_context.format.name, "stereo", RATE, frame_size=stream.codec_context.frame_size or 1024
            )
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound), format="fltp", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
            for part in [*resampler.resample(frame), *resampler.resample(None)]:
                container.mux(stream.encode(part))
            container.mux(stream.encode(None))


@pytest.mark.parametrize(
    ("name", "codec", "bit_rate"),
    [("a.mp3", "libmp3lame", 128_000), ("a.m4a", "aac", 128_000), ("a.ogg", "libopus", 96_000)],
)
def test_lossy_files_keep_the_id(tmp_path: Path, marked: np.ndarray, name: str, codec: str, bit_rate: int):
    _encode(tmp_path / name, [marked], codec=codec, bit_rate=bit_rate)
    found = scan(tmp_path / name, [KEY])
    assert found is not None
    assert found.generation_id == ID


@pytest.mark.parametrize(("suffix", "subtype", "rate"), [("wav", "PCM_24", 48000), ("flac", "PCM_16", 44100)])
def test_lossless_files_at_any_rate_keep_the_id(
    tmp_path: Path, marked: np.ndarray, suffix: str, subtype: str, rate: int
):
    import soxr

    sound = soxr.resample(marked.T, RATE, rate) if rate != RATE else marked.T
    soundfile.write(tmp_path / f"a.{suffix}", sound, rate, subtype=subtype)
    found = scan(tmp_path / f"a.{suffix}", [KEY])
    assert found is not None
    assert found.generation_id == ID
    assert found.spans == ((pytest.approx(0, abs=0.3), pytest.approx(12, abs=0.3)),)


def test_every_sound_stream_of_a_file_is_looked_at(tmp_path: Path, marked: np.ndarray):
    path = tmp_path / "two.mov"
    _encode(path, [_crackle(12, seed=5), marked], codec="aac", bit_rate=192_000)
    assert [one.generation_id for one in scan_all(path, [KEY])] == [ID]


def test_an_unmarked_file_is_not_detected(tmp_path: Path):
    soundfile.write(tmp_path / "a.wav", _crackle(12, seed=5).T, RATE)
    assert scan(tmp_path / "a.wav", [KEY]) is None


def test_reading_gives_every_sample_of_a_48_khz_file(tmp_path: Path, marked: np.ndarray):
    soundfile.write(tmp_path / "a.wav", marked.T, RATE, subtype="FLOAT")
    assert np.array_equal(np.concatenate(list(read_sound(tmp_path / "a.wav")), axis=1), marked)


@pytest.mark.parametrize("content", [b"", b"junk" * 200, b"ffconcat version 1.0\nfile other.wav\n"])
def test_a_file_that_is_no_sound_is_named(tmp_path: Path, content: bytes):
    path = tmp_path / "odd.wav"
    path.write_bytes(content)
    with pytest.raises(MediaError, match=r"odd\.wav"):
        scan(path, [KEY])


def test_a_missing_file_and_one_without_sound_are_named(tmp_path: Path):
    with pytest.raises(MediaError, match=r"none\.wav"):
        scan(tmp_path / "none.wav", [KEY])
    path = tmp_path / "silent.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(MediaError, match="no sound"):
        scan(path, [KEY])
