"""Broadcast wave files: what other readers find in them, and what a failure leaves."""

import xml.etree.ElementTree as ET
from datetime import datetime
from fractions import Fraction

import numpy as np
import pytest
import soundfile

from otio_v2a.bwf import write_bwf
from otio_v2a.errors import StemError
from otio_v2a.riff import BroadcastInfo, read_broadcast_info

INFO = BroadcastInfo(
    time_reference=172_972_800,
    frame_rate=Fraction(24000, 1001),
    description="AI-generated sound: FX take 1 of SH010 & <ü>",
    reference="a" * 32,
    project="reel",
    scene="SH010",
    take="01",
    track_names=("FX L", "FX R"),
    coding_history="A=PCM,F=48000,W=24,M=stereo,T=otio-v2a",
    fields={"SEED": "7", "NOTE": "a < b & c"},
    created=datetime(2026, 3, 4, 5, 6, 7),
)


def blocks_of(samples, size=1000):
    return (samples[:, start : start + size] for start in range(0, samples.shape[1], size))


def ramp(n=4000, channels=2):
    return np.linspace(-0.9, 0.9, n * channels).reshape(channels, n).astype(np.float32)


def test_soundfile_and_ffmpeg_read_the_same_samples(tmp_path):
    import av

    path = tmp_path / "a.wav"
    sound = ramp()
    written = write_bwf(path, blocks_of(sound), sample_rate=48000, channels=2, info=INFO)
    assert (written.n_samples, written.clipped) == (4000, 0)
    assert written.peak == pytest.approx(0.9)
    found, rate = soundfile.read(path, dtype="float64")
    assert rate == 48000
    assert soundfile.info(path).subtype == "PCM_24"
    assert np.abs(found.T - sound).max() < 2.1 / 2**23
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        assert (stream.codec_context.name, stream.rate, stream.channels) == ("pcm_s24le", 48000, 2)
        decoded = np.concatenate([frame.to_ndarray().reshape(-1, 2) for frame in container.decode(stream)])
        assert container.metadata["time_reference"] == "172972800"
        assert container.metadata["encoded_by"] == "otio-v2a"
        assert container.metadata["date"] == "2026-03-04"
    assert (decoded >> 8 == np.rint(found * 2**23)).all()


def test_what_is_written_is_read_back(tmp_path):
    path = tmp_path / "a.wav"
    write_bwf(path, blocks_of(ramp()), sample_rate=48000, channels=2, info=INFO)
    assert read_broadcast_info(path) == INFO


def test_ixml_states_rate_flag_and_time(tmp_path):
    path = tmp_path / "a.wav"
    info = BroadcastInfo(time_reference=2**33 + 5, frame_rate=Fraction(30000, 1001), drop_frame=True)
    write_bwf(path, blocks_of(ramp()), sample_rate=48000, channels=2, info=info)
    data = path.read_bytes()
    at = data.index(b"iXML")
    size = int.from_bytes(data[at + 4 : at + 8], "little")
    speed = ET.fromstring(data[at + 8 : at + 8 + size]).find("SPEED")
    assert speed.findtext("TIMECODE_RATE") == "30000/1001"
    assert speed.findtext("TIMECODE_FLAG") == "DF"
    assert speed.findtext("TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_HI") == "2"
    assert speed.findtext("TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO") == "5"
    assert speed.findtext("FILE_SAMPLE_RATE") == "48000"


def test_control_characters_do_not_break_the_xml(tmp_path):
    path = tmp_path / "a.wav"
    info = BroadcastInfo(time_reference=0, frame_rate=Fraction(25), description="a\x00\x07b", fields={"X": "\x1b[0m"})
    write_bwf(path, blocks_of(ramp()), sample_rate=48000, channels=2, info=info)
    assert read_broadcast_info(path).description == "ab"


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("n", [1, 999, 70001])
def test_odd_lengths_are_whole_files(tmp_path, channels, n):
    path = tmp_path / "a.wav"
    write_bwf(path, blocks_of(ramp(n, channels)), sample_rate=48000, channels=channels, info=INFO)
    assert soundfile.info(path).frames == n
    assert path.stat().st_size % 2 == 0
    assert int.from_bytes(path.read_bytes()[4:8], "little") == path.stat().st_size - 8


def test_a_file_over_the_riff_limit_is_rf64_and_reads_alike(tmp_path):
    import av

    plain, large = tmp_path / "plain.wav", tmp_path / "large.wav"
    sound = ramp(5001)
    write_bwf(plain, blocks_of(sound), sample_rate=48000, channels=2, info=INFO)
    write_bwf(large, blocks_of(sound), sample_rate=48000, channels=2, info=INFO, rf64_limit=20_000)
    head = large.read_bytes()[:80]
    assert head[:4] == b"RF64"
    assert head[12:16] == b"ds64"
    assert int.from_bytes(head[20:28], "little") == large.stat().st_size - 8
    assert int.from_bytes(head[28:36], "little") == 5001 * 6
    assert int.from_bytes(head[36:44], "little") == 5001
    assert plain.read_bytes()[:16] == b"RIFF" + plain.read_bytes()[4:8] + b"WAVEJUNK"
    assert soundfile.info(large).format == "RF64"
    assert (soundfile.read(large)[0] == soundfile.read(plain)[0]).all()
    assert read_broadcast_info(large) == INFO
    with av.open(str(large)) as container:
        assert sum(frame.samples for frame in container.decode(audio=0)) == 5001


def test_the_limit_is_exact(tmp_path):
    path = tmp_path / "a.wav"
    write_bwf(path, blocks_of(ramp(100)), sample_rate=48000, channels=2, info=INFO)
    size = path.stat().st_size - 8
    for limit, name in ((size, b"RIFF"), (size - 1, b"RF64")):
        write_bwf(path, blocks_of(ramp(100)), sample_rate=48000, channels=2, info=INFO, rf64_limit=limit)
        assert path.read_bytes()[:4] == name


def test_dither_is_triangular_unbiased_and_leaves_silence_alone(tmp_path):
    path = tmp_path / "a.wav"
    level = 100.3 / 2**23
    sound = np.zeros((1, 200_000), np.float32)
    sound[:, :100_000] = level
    write_bwf(path, blocks_of(sound), sample_rate=48000, channels=1, info=INFO)
    steps = np.rint(soundfile.read(path)[0] * 2**23)
    assert (steps[100_000:] == 0).all()
    error = steps[:100_000] - 100.3
    assert abs(error.mean()) < 0.01
    # Rounding noise (1/12) plus triangular noise of +-1 step (1/6).
    assert error.var() == pytest.approx(1 / 4, rel=0.03)
    assert np.abs(error).max() < 1.6


def test_the_same_seed_gives_the_same_bytes_however_the_blocks_are_cut(tmp_path):
    for size in (1000, 70_000, 333):
        sound = ramp(70_000)
        path = tmp_path / f"{size}.wav"
        write_bwf(path, blocks_of(sound, size), sample_rate=48000, channels=2, info=INFO, dither_seed=3)
    write_bwf(tmp_path / "other.wav", blocks_of(sound), sample_rate=48000, channels=2, info=INFO, dither_seed=4)
    one = (tmp_path / "1000.wav").read_bytes()
    assert one == (tmp_path / "70000.wav").read_bytes() == (tmp_path / "333.wav").read_bytes()
    assert one != (tmp_path / "other.wav").read_bytes()


def test_values_beyond_full_scale_are_held_and_counted(tmp_path):
    path = tmp_path / "a.wav"
    sound = np.array([[1.5, -1.5, 1.0, -1.0, 0.5]], np.float32)
    written = write_bwf(path, [sound], sample_rate=48000, channels=1, info=INFO)
    assert (written.clipped, written.peak) == (2, 1.5)
    found = soundfile.read(path)[0]
    assert found[0] == (2**23 - 1) / 2**23
    assert found[1] == -1.0


def failing_blocks():
    yield ramp()
    raise RuntimeError("the disk of the source is gone")


@pytest.mark.parametrize(
    ("blocks", "error"),
    [
        (failing_blocks(), RuntimeError),
        ([np.full((2, 10), np.nan, np.float32)], StemError),
        ([np.zeros((1, 10), np.float32)], StemError),
        ([], StemError),
    ],
    ids=["source fails", "not finite", "wrong channels", "nothing"],
)
def test_a_failure_leaves_the_last_good_file_and_nothing_else(tmp_path, blocks, error):
    path = tmp_path / "a.wav"
    path.write_bytes(b"last good")
    with pytest.raises(error):
        write_bwf(path, blocks, sample_rate=48000, channels=2, info=INFO)
    assert path.read_bytes() == b"last good"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.wav"]


def test_a_planted_symlink_is_replaced_and_its_target_untouched(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("mine")
    path = tmp_path / "out" / "a.wav"
    path.parent.mkdir()
    path.symlink_to(secret)
    write_bwf(path, blocks_of(ramp()), sample_rate=48000, channels=2, info=INFO)
    assert secret.read_text() == "mine"
    assert not path.is_symlink()
    assert soundfile.info(path).frames == 4000


def test_files_are_as_readable_as_the_user_wants(tmp_path):
    write_bwf(tmp_path / "a.wav", blocks_of(ramp()), sample_rate=48000, channels=2, info=INFO)
    (tmp_path / "plain").touch()
    assert (tmp_path / "a.wav").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_other_wave_files_have_no_broadcast_info(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(10), 48000)
    (tmp_path / "b.wav").write_bytes(b"no wave at all")
    assert read_broadcast_info(tmp_path / "a.wav") is None
    assert read_broadcast_info(tmp_path / "b.wav") is None
    with pytest.raises(StemError, match=r"missing\.wav"):
        read_broadcast_info(tmp_path / "missing.wav")


def test_a_negative_time_reference_is_refused():
    with pytest.raises(ValueError, match="midnight"):
        BroadcastInfo(time_reference=-1, frame_rate=Fraction(25))
