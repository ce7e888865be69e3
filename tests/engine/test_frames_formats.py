"""Every coder, container, pixel format and oddity of a file: the right frame, upright and in its shape."""

import os
import random
import struct
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition

from otio_v2a_engine import picture_files
from otio_v2a_engine.contract import Picture, PictureError
from otio_v2a_engine.frames import probe, read_frames

LONG_GOP = {
    "libx264": {"g": "12", "bf": "2", "preset": "ultrafast", "x264-params": "scenecut=0:open-gop=1"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none:keyint=12:bframes=2:open-gop=1"},
    "libsvtav1": {"g": "12", "preset": "12"},
    "libvpx-vp9": {"g": "12", "deadline": "realtime", "cpu-used": "8"},
    "libvpx": {"g": "12", "deadline": "realtime", "cpu-used": "8"},
    "mpeg2video": {"g": "12", "bf": "2"},
    "mpeg4": {"g": "12", "bf": "2"},
    "dnxhd": {"profile": "dnxhr_sq"},
}
CODERS = [
    ("libx264", "yuv420p", ["mp4", "mov", "mkv", "avi", "ts", "mxf", "flv", "h264"]),
    ("libx264", "yuv444p", ["mp4"]),
    ("libx264", "yuv420p10le", ["mov"]),
    ("libx264", "gray", ["mp4"]),
    ("libx264rgb", "rgb24", ["mkv"]),
    ("libx265", "yuv420p10le", ["mp4", "mkv", "ts", "hevc"]),
    ("libx265", "yuv422p12le", ["mov"]),
    ("libsvtav1", "yuv420p", ["mp4", "mkv", "webm", "ivf"]),
    ("libsvtav1", "yuv420p10le", ["mp4"]),
    ("libvpx-vp9", "yuv420p", ["webm", "mp4"]),
    ("libvpx", "yuv420p", ["webm"]),
    ("prores_ks", "yuv422p10le", ["mov", "mxf", "mkv"]),
    ("prores_ks", "yuva444p10le", ["mov"]),
    ("dnxhd", "yuv422p", ["mov", "mxf"]),
    ("mpeg2video", "yuv420p", ["mpg", "ts", "mxf", "mkv", "mov"]),
    ("mpeg4", "yuv420p", ["mp4", "avi"]),
    ("ffv1", "yuv420p", ["mkv", "avi"]),
    ("ffv1", "gray16le", ["mkv"]),
    ("ffv1", "yuva420p", ["mkv"]),
    ("mjpeg", "yuvj420p", ["mov", "avi"]),
    ("utvideo", "gbrp", ["avi"]),
    ("qtrle", "argb", ["mov"]),
    ("rawvideo", "yuv420p", ["avi", "nut"]),
    ("rawvideo", "uyvy422", ["mov"]),
    ("v210", "yuv422p10le", ["mov"]),
    ("png", "rgba64be", ["mov"]),
    ("cfhd", "gbrp12le", ["mov"]),
    ("jpeg2000", "rgb24", ["mxf"]),
    ("wmv2", "yuv420p", ["wmv"]),
    ("flv", "yuv420p", ["flv"]),
    ("gif", "rgb8", ["gif"]),
    ("apng", "rgb24", ["apng"]),
]


def numbers(picture: Picture, times: list[Fraction], read_number: Callable) -> list[int]:
    """The coded numbers shown at request times."""
    return [read_number(image) for image in read_frames(picture, times, width=4, height=3, fit="stretch")]


@pytest.mark.parametrize(
    ("coder", "pixel_format", "container"), [(c, p, e) for c, p, containers in CODERS for e in containers]
)
def test_every_coder_in_every_container_gives_the_nearest_frame(
    tmp_path: Path, make_movie: Callable, read_number: Callable, coder: str, pixel_format: str, container: str
) -> None:
    if coder not in av.codecs_available:
        pytest.skip(f"this build of FFmpeg has no encoder {coder}")
    options = LONG_GOP.get(coder, {})
    if pixel_format == "yuva444p10le":
        options = {"profile": "4444"}
    size = (256, 192) if coder == "dnxhd" else (128, 96)
    n, rate = 60, Fraction(25)
    path = make_movie(
        tmp_path / f"a.{container}", n=n, size=size, codec=coder, pixel_format=pixel_format, options=options
    )
    rng = random.Random(f"{coder}{container}")
    for start in (Fraction(0), Fraction(1, 3), Fraction(29, 25), Fraction(2)):
        times = sorted(Fraction(rng.randrange(48000), 48000) for _ in range(8))
        wanted = [min(ceil((start + time) * rate - Fraction(1, 2)), n - 1) for time in times]
        assert numbers(Picture(str(path), start_s=start), times, read_number) == wanted
    assert probe(Picture(str(path))).duration_s == pytest.approx(n / rate, abs=0.002)


@pytest.mark.parametrize("offset", [10, 250])
@pytest.mark.parametrize("container", ["mp4", "mkv", "ts"])
def test_media_time_zero_is_the_first_frame_of_a_movie_that_starts_late(
    tmp_path: Path, make_movie: Callable, read_number: Callable, container: str, offset: int
) -> None:
    ticks = [offset + number for number in range(60)]
    path = make_movie(tmp_path / f"a.{container}", ticks=ticks, options=LONG_GOP["libx264"])
    assert numbers(Picture(str(path), start_s=Fraction(1)), [Fraction(0), Fraction(1)], read_number) == [25, 50]
    assert numbers(Picture(str(path)), [Fraction(0)], read_number) == [0]


@pytest.mark.parametrize("skipped", [1, 7, 12, 17])
def test_an_edit_list_moves_media_time_zero(
    tmp_path: Path, make_movie: Callable, read_number: Callable, skipped: int
) -> None:
    path = make_movie(tmp_path / "a.mp4", options=LONG_GOP["libx264"])
    data = bytearray(path.read_bytes())
    media_time_at = data.index(b"elst") + 16  # past the type, version, count and duration
    (media_time,) = struct.unpack_from(">i", data, media_time_at)
    assert media_time == 2 * 512, "two frames of reordering"
    struct.pack_into(">i", data, media_time_at, media_time + skipped * 512)
    path.write_bytes(data)
    times = [Fraction(n, 25) for n in range(20)]
    assert numbers(Picture(str(path)), times, read_number) == [skipped + n for n in range(20)]
    assert numbers(Picture(str(path), start_s=Fraction(26, 25)), times[:5], read_number) == [
        skipped + 26 + n for n in range(5)
    ]


@pytest.mark.parametrize(("parity", "first"), [("tff", 0), ("bff", 1)])
def test_an_interlaced_frame_shows_its_first_field_alone(
    tmp_path: Path, read_number: Callable, code_number: Callable, parity: str, first: int
) -> None:
    path = tmp_path / "a.mp4"
    flag = av.filter.Graph()
    flag.link_nodes(
        flag.add("buffer", "video_size=128x192:pix_fmt=yuv420p:time_base=1/25"),
        flag.add("setfield", parity),
        flag.add("buffersink"),
    ).configure()
    with av.open(str(path), "w") as output:
        options = {**LONG_GOP["libx264"], "crf": "4", "x264-params": f"{parity}=1"}
        stream = output.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 128, 192, "yuv420p"
        for number in range(30):
            woven = code_number(2 * number, width=128, height=192).copy()
            woven[1::2] = code_number(2 * number + 1, width=128, height=192)[1::2]
            frame = av.VideoFrame.from_ndarray(woven, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            flag.vpush(frame)
            output.mux(stream.encode(flag.vpull()))
        output.mux(stream.encode(None))
    # Top field first shows the even lines at the frame's time, bottom field first the odd ones.
    times = [Fraction(number, 25) for number in range(30)]
    assert numbers(Picture(str(path)), times, read_number) == [2 * number + first for number in range(30)]


QUARTER = 65536
MATRICES = {
    "upright": ([QUARTER, 0, 0, 0, QUARTER, 0, 0, 0, 1 << 30], lambda image: image),
    "phone": ([0, QUARTER, 0, -QUARTER, 0, 0, 0, 0, 1 << 30], lambda image: np.rot90(image, -1)),
    "upside down": ([-QUARTER, 0, 0, 0, -QUARTER, 0, 0, 0, 1 << 30], lambda image: np.rot90(image, 2)),
    "other side": ([0, -QUARTER, 0, QUARTER, 0, 0, 0, 0, 1 << 30], lambda image: np.rot90(image, 1)),
    "selfie": ([-QUARTER, 0, 0, 0, QUARTER, 0, 0, 0, 1 << 30], lambda image: image[:, ::-1]),
    "transposed": ([0, QUARTER, 0, QUARTER, 0, 0, 0, 0, 1 << 30], lambda image: np.transpose(image, (1, 0, 2))),
}


@pytest.mark.parametrize("name", MATRICES)
def test_rotation_metadata_turns_the_picture_upright(
    tmp_path: Path, make_movie: Callable, code_number: Callable, name: str
) -> None:
    matrix, turn = MATRICES[name]
    number = 0b101100010111
    path = make_movie(
        tmp_path / "a.mp4",
        [code_number(number)] * 3,
        options={"crf": "4"},
        prepare=lambda stream: stream.set_display_matrix(matrix),
    )
    wanted = turn(code_number(number))
    height, width, _ = wanted.shape
    (image,) = read_frames(Picture(str(path)), [Fraction(0)], width=width, height=height)
    assert np.abs(image.astype(int) - wanted).mean() < 8
    info = probe(Picture(str(path)))
    assert (info.width, info.height) == (width, height)
    assert info.rotation == {"phone": 90, "upside down": 180, "other side": 270, "transposed": 90}.get(name, 0) or (
        name == "transposed" and info.rotation in (90, 270)
    )


def disc(width: int, height: int, aspect: Fraction) -> np.ndarray:
    """A white disc that is round on a display whose pixels are `aspect` wide."""
    y, x = np.mgrid[:height, :width] + 0.5
    inside = ((x - width / 2) * float(aspect)) ** 2 + (y - height / 2) ** 2 < (height * 0.4) ** 2
    return np.repeat((inside * 255).astype(np.uint8)[:, :, None], 3, axis=2)


@pytest.mark.parametrize("aspect", [Fraction(1), Fraction(2), Fraction(16, 11), Fraction(1, 2)], ids=str)
@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_pixels_that_are_not_square_are_shown_in_shape(
    tmp_path: Path, make_movie: Callable, aspect: Fraction, fit: Any
) -> None:
    def prepare(stream: Any) -> None:
        stream.sample_aspect_ratio = stream.codec_context.sample_aspect_ratio = aspect

    width = 320 if aspect < 1 else 192
    path = make_movie(tmp_path / "a.mp4", [disc(width, 144, aspect)] * 2, options={"crf": "4"}, prepare=prepare)
    (image,) = read_frames(Picture(str(path)), [Fraction(0)], width=96, height=96, fit=fit)
    rows, columns = np.nonzero(image.mean(2) > 127)
    assert np.ptp(rows) + 1 == pytest.approx(np.ptp(columns) + 1, abs=2)
    shown_width = max(1, round(width * aspect))
    assert probe(Picture(str(path))).width == shown_width


def test_fits_fill_pad_or_stretch(tmp_path: Path, make_movie: Callable) -> None:
    picture = np.zeros((96, 192, 3), np.uint8)
    picture[:, 48:144] = 255
    picture[:, :4] = picture[:, -4:] = (255, 0, 0)
    path = make_movie(tmp_path / "a.mkv", [picture] * 2, codec="ffv1", pixel_format="bgr0")
    shots = {
        fit: next(read_frames(Picture(str(path)), [Fraction(0)], width=48, height=48, fit=fit))
        for fit in ("crop", "pad", "stretch")
    }
    assert (shots["crop"] > 250).all()
    assert (shots["pad"][:12] == 0).all()
    assert (shots["pad"][36:] == 0).all()
    assert (shots["pad"][12:36, 12:36] > 250).all()
    assert (shots["stretch"][:, 12:36] > 250).all()
    assert (shots["stretch"][:, 4:10] < 5).all()
    assert (shots["stretch"][:, 0] == (255, 0, 0)).all()


def test_colours_survive_matrix_and_range(tmp_path: Path, make_movie: Callable) -> None:
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (128, 128, 128), (16, 200, 90)]
    for colour in colours:
        picture = np.full((96, 128, 3), colour, np.uint8)
        for coder, pixel_format, name in [("libx264", "yuv444p", "a.mp4"), ("mjpeg", "yuvj444p", "a.mov")]:
            path = make_movie(tmp_path / name, [picture] * 2, codec=coder, pixel_format=pixel_format)
            (image,) = read_frames(Picture(str(path)), [Fraction(0)], width=16, height=12)
            assert np.abs(image.astype(int) - colour).max() <= 6, (colour, coder)


def test_transparent_parts_are_black_whatever_lies_below(tmp_path: Path) -> None:
    picture = np.full((96, 128, 4), 255, np.uint8)
    picture[:, 64:, 3] = 0
    path = tmp_path / "a.mov"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("png", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "rgba"
        output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgba")))
        output.mux(stream.encode(None))
    (image,) = read_frames(Picture(str(path)), [Fraction(0)], width=16, height=12)
    assert (image[:, :7] == 255).all()
    assert (image[:, 9:] == 0).all()


def write_images(folder: Path, pictures: list[np.ndarray], coder: str, pixel_format: str, names: list[str]) -> None:
    """One file per picture."""
    folder.mkdir(exist_ok=True)
    for picture, name in zip(pictures, names, strict=True):
        context = av.CodecContext.create(coder, "w")
        context.height, context.width, _ = picture.shape
        context.pix_fmt, context.time_base = pixel_format, Fraction(1, 25)
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pixel_format)
        frame.pts = 0
        packets = [*context.encode(frame), *context.encode(None)]
        (folder / name).write_bytes(b"".join(bytes(packet) for packet in packets))


STILLS = [
    ("png", "rgb24", "png"),
    ("png", "rgba64be", "png"),
    ("png", "gray", "png"),
    ("tiff", "rgb48le", "tif"),
    ("dpx", "gbrp10be", "dpx"),
    ("exr", "gbrpf32le", "exr"),
    ("mjpeg", "yuvj420p", "jpg"),
    ("bmp", "bgr24", "bmp"),
    ("targa", "bgr24", "tga"),
]


@pytest.mark.parametrize(("coder", "pixel_format", "suffix"), STILLS)
def test_an_image_sequence_is_a_movie(
    tmp_path: Path, code_number: Callable, read_number: Callable, coder: str, pixel_format: str, suffix: str
) -> None:
    names = [f"shot 100%.{1001 + n:06d}.{suffix}" for n in range(20)]
    write_images(tmp_path / "s", [code_number(n) for n in range(20)], coder, pixel_format, names)
    pattern = str(tmp_path / "s" / f"shot 100%%.%06d.{suffix}")
    rate = Fraction(24000, 1001)
    picture = Picture(pattern, start_s=Fraction(3) / rate, sequence_rate=rate, sequence_first=1001)
    times = [Fraction(n, 3) / rate for n in range(-12, 90)]
    wanted = [min(max(int((3 + time * rate) * 2 + Fraction(999999, 1000000)) // 2, 0), 19) for time in times]
    assert numbers(picture, times, read_number) == wanted
    info = probe(picture)
    assert (info.n_frames, info.duration_s, info.rate) == (20, 20 / rate, rate)
    assert (info.width, info.height) == (128, 96)


def test_a_reversed_sequence_with_a_gap_shows_the_nearest_image(
    tmp_path: Path, code_number: Callable, read_number: Callable
) -> None:
    kept = [0, 1, 2, 3, 7, 8, 9]
    write_images(tmp_path, [code_number(n) for n in kept], "png", "rgb24", [f"a{n}.png" for n in kept])
    picture = Picture(
        str(tmp_path / "a%d.png"), start_s=Fraction(9, 10), speed=Fraction(-1), sequence_rate=Fraction(10)
    )
    wanted = [9, 8, 7, 7, 3, 3, 3, 2, 1, 0, 0]
    got = numbers(picture, [Fraction(n, 10) for n in range(11)], read_number)
    assert got[:3] + got[5:] == wanted[:3] + wanted[5:]
    assert got[3] == 7
    assert got[4] in (3, 7)


def test_a_single_image_is_held(tmp_path: Path, code_number: Callable, read_number: Callable) -> None:
    write_images(tmp_path, [code_number(5)], "png", "rgb24", ["100%d.png"])
    assert numbers(Picture(str(tmp_path / "100%d.png")), [Fraction(0), Fraction(9)], read_number) == [5, 5]


def test_a_linear_light_exr_is_shown_as_on_a_display(tmp_path: Path) -> None:
    linear = np.full((96, 128, 3), 55, np.uint8)  # 0.2159 of full light
    write_images(tmp_path, [linear], "exr", "gbrpf32le", ["a.0001.exr"])
    (image,) = read_frames(
        Picture(str(tmp_path / "a.%04d.exr"), sequence_rate=Fraction(24), sequence_first=1),
        [Fraction(0)],
        width=8,
        height=6,
    )
    assert np.abs(image.astype(int) - 128).max() <= 2


def test_cover_art_is_not_video(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as output:
        sound = output.add_stream("aac", rate=48000)
        cover = output.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        blank = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24").reformat(format="yuvj420p")
        output.mux(cover.encode(blank))
        output.mux(cover.encode(None))
        block = av.AudioFrame.from_ndarray(np.zeros((1, 4608), np.float32), format="fltp", layout="mono")
        block.sample_rate = 48000
        output.mux(sound.encode(block))
        output.mux(sound.encode(None))
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 1
    with pytest.raises(PictureError, match=r"song\.mp4.*no picture"):
        probe(Picture(str(path)))


def test_a_movie_cut_short_holds_its_last_good_frame(
    tmp_path: Path, make_movie: Callable, read_number: Callable
) -> None:
    path = make_movie(tmp_path / "a.ts", n=100, options=LONG_GOP["libx264"])
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    got = numbers(Picture(str(path)), [Fraction(n, 25) for n in range(120)], read_number)
    reached = got[-1]
    assert 20 < reached < 80
    assert got[: reached - 3] == list(range(reached - 3))
    assert got[reached + 3 :] == [reached] * (120 - reached - 3)
    late = numbers(Picture(str(path), start_s=Fraction(3)), [Fraction(0), Fraction(1)], read_number)
    assert late == [reached, reached]


def test_a_damaged_stretch_does_not_lose_the_frames_around_it(
    tmp_path: Path, make_movie: Callable, read_number: Callable
) -> None:
    path = make_movie(tmp_path / "a.mp4", n=100, options=LONG_GOP["libx264"])
    data = bytearray(path.read_bytes())
    middle = (data.index(b"mdat") + data.index(b"moov")) // 2
    data[middle : middle + 200] = b"\x55" * 200
    path.write_bytes(data)
    got = numbers(Picture(str(path)), [Fraction(n, 25) for n in range(100)], read_number)
    assert got[:25] == list(range(25))
    assert got[80:] == list(range(80, 100))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.mov", b"", "not a movie"),
        ("a.mov", b"hello" * 1000, "not a movie"),
        ("a.mov", b"ffconcat version 1.0\nfile '/etc/passwd'\n", "not a movie"),
        ("a.mp4", b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n", "not a movie"),
        ("a.mov", b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nm=video 1 RTP/AVP 96\r\n", "not a"),
    ],
)
def test_what_is_not_a_movie_is_refused_by_name(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(PictureError, match=rf"{name}.*{words}"):
        probe(Picture(str(path)))


def test_a_movie_without_its_index_is_refused_by_name(tmp_path: Path, make_movie: Callable) -> None:
    path = make_movie(tmp_path / "a.mp4")
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"moov")])
    with pytest.raises(PictureError, match=r"a\.mp4.*cut short"):
        probe(Picture(str(path)))


@pytest.mark.parametrize(
    "path", ["http://127.0.0.1:9/a.mp4", "concat:/etc/passwd|/etc/passwd", "pipe:0", "/dev/zero", "/"]
)
def test_only_local_regular_files_are_opened(path: str) -> None:
    with pytest.raises(PictureError, match=r"no such file|not a file"):
        probe(Picture(path))


def test_a_concat_script_reaches_no_other_file(tmp_path: Path, make_movie: Callable) -> None:
    make_movie(tmp_path / "secret.mp4")
    script = tmp_path / "a.mov"
    script.write_text("ffconcat version 1.0\nfile secret.mp4\n")
    with av.open(str(script)) as container:
        assert container.streams.video, "without our guard this opens"
    with pytest.raises(PictureError, match=r"a\.mov"):
        probe(Picture(str(script)))


def test_too_many_pixels_are_refused_before_decoding(
    tmp_path: Path, make_movie: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_movie(tmp_path / "a.mp4", n=2)
    monkeypatch.setattr(picture_files, "MAX_PIXELS", 128 * 96 - 1)
    with pytest.raises(PictureError, match=r"a\.mp4: 128 x 96 pixels.*proxy"):
        probe(Picture(str(path)))


def test_a_movie_without_frames_is_refused(tmp_path: Path, make_movie: Callable) -> None:
    path = make_movie(tmp_path / "a.mkv", n=5)
    data = path.read_bytes()
    path.write_bytes(data[: data.index(bytes.fromhex("1F43B675"))])
    with pytest.raises(PictureError, match=r"a\.mkv"):
        list(read_frames(Picture(str(path)), [Fraction(0)], width=4, height=3))


def test_an_empty_sequence_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"a\.%04d\.exr: no image"):
        probe(Picture(str(tmp_path / "a.%04d.exr"), sequence_rate=Fraction(24)))


def test_a_sequence_without_a_rate_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"a\.%04d\.exr.*frame rate"):
        probe(Picture(str(tmp_path / "a.%04d.exr")))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells a program's own peak memory")
def test_memory_does_not_grow_with_the_window(tmp_path: Path, make_movie: Callable) -> None:
    path = make_movie(
        tmp_path / "a.mp4", [np.zeros((720, 1280, 3), np.uint8)] * 30, options={"g": "10", "preset": "ultrafast"}
    )
    script = """
import re, sys
from fractions import Fraction
from otio_v2a_engine.contract import Picture
from otio_v2a_engine.frames import read_frames
n, speed = int(sys.argv[2]), Fraction(sys.argv[3])
times = [Fraction(i, n) for i in range(n)]
start = Fraction(0) if speed > 0 else Fraction(1)
for image in read_frames(Picture(sys.argv[1], start_s=start, speed=speed), times, width=224, height=224):
    pass
print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read()).group(1))
"""
    engine = Path(picture_files.__file__).parents[1]

    def peak_mib(n: int, speed: int) -> float:
        run = subprocess.run(
            [sys.executable, "-c", script, str(path), str(n), str(speed)],
            env={**os.environ, "PYTHONPATH": str(engine)},
            capture_output=True,
            check=True,
            text=True,
        )
        return int(run.stdout) / 1024

    few = peak_mib(10, 1)
    assert peak_mib(6000, 1) < few + 20
    assert peak_mib(3000, -1) < few + 64 + 40
