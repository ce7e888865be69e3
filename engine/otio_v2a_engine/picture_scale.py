"""Turns decoded frames of any pixel format into upright RGB of the wanted size; knows no files and no times."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, cast

import av
import av.error
import av.filter
import numpy as np
import numpy.typing as npt
from av.sidedata.sidedata import SideData
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame

__all__ = ["Fit", "Orientation", "Scaler", "orientation_of"]

Fit = Literal["stretch", "crop", "pad"]
Rgb = npt.NDArray[np.uint8]

_UNSPECIFIED = 2
_BT709_HEIGHT = 720
_FLAGS = "area+accurate_rnd+full_chroma_int"


@dataclass(frozen=True)
class Orientation:
    """How stored pixels are turned for display: flipped left to right first, then turned clockwise.

    Attributes:
        rotation: 0, 90, 180 or 270 degrees clockwise.
        mirrored: whether they are flipped before.
    """

    rotation: int = 0
    mirrored: bool = False

    @property
    def swaps_sides(self) -> bool:
        """Whether width and height trade places."""
        return self.rotation in (90, 270)

    def apply(self, image: Rgb) -> Rgb:
        """The image `(H, W, 3)` as it is displayed."""
        if self.mirrored:
            image = image[:, ::-1]
        return np.rot90(image, k=-(self.rotation // 90))


def orientation_of(frame: VideoFrame) -> Orientation:
    """Display orientation from a frame's matrix, to the nearest quarter turn."""
    try:
        data = frame.side_data.get(SideDataType.DISPLAYMATRIX.name)
    except ValueError:
        # PyAV cannot list side data that are newer than itself (EXIF, ...); it still knows the angle.
        return Orientation(rotation=round(-frame.rotation / 90) * 90 % 360)
    if data is None:
        return Orientation()
    matrix = np.frombuffer(bytes(cast(SideData, data)), dtype=np.int32)[:9].reshape(3, 3)[:2, :2].astype(float)
    # A stored point (x, y), y downwards, is shown at (x, y) @ matrix.
    mirrored = bool(np.linalg.det(matrix) < 0)
    if mirrored:
        matrix = np.diag([-1.0, 1.0]) @ matrix
    angle = np.degrees(np.arctan2(matrix[0, 1], matrix[0, 0]))
    return Orientation(rotation=int(round(angle / 90) * 90) % 360, mirrored=mirrored)


@dataclass(frozen=True)
class _Layout:
    """What a filter graph depends on."""

    width: int
    height: int
    pixel_format: str
    colorspace: int
    color_range: int
    interlaced: bool
    aspect: Fraction
    orientation: Orientation


class Scaler:
    """Scales frames to `(height, width, 3)` uint8 RGB. Keeps one filter graph per kind of frame.

    Pixels need not be square (`aspect` is a pixel's width by height). Of an interlaced frame only the first
    field is used: it is what is shown at the frame's time, and a second field would smear motion.
    """

    def __init__(self, *, width: int, height: int, fit: Fit) -> None:
        self._width, self._height, self._fit = width, height, fit
        self._layout: _Layout | None = None
        self._orientations: dict[int, Orientation] = {}
        self._graph: av.filter.Graph | None = None

    def __call__(self, frame: VideoFrame, *, aspect: Fraction) -> Rgb:
        """A new contiguous array."""
        layout = _Layout(
            width=frame.width,
            height=frame.height,
            pixel_format=frame.format.name,
            colorspace=int(frame.colorspace),
            color_range=int(frame.color_range),
            interlaced=frame.interlaced_frame,
            aspect=aspect,
            orientation=self._orientation(frame),
        )
        if layout != self._layout:
            self._graph, self._layout = self._build(layout), layout
        assert self._graph is not None
        # Graphs order by time; frames are scaled one by one here, in any order.
        frame.pts = None
        self._graph.vpush(frame)
        image = cast(Rgb, self._graph.vpull().to_ndarray())
        if image.shape[2] == 4:
            alpha = image[:, :, 3:].astype(np.uint16)
            image = ((image[:, :, :3] * alpha + 127) // 255).astype(np.uint8)
        image = layout.orientation.apply(image)
        if image.shape[:2] != (self._height, self._width):
            canvas = np.zeros((self._height, self._width, 3), np.uint8)
            top, left = (self._height - image.shape[0]) // 2, (self._width - image.shape[1]) // 2
            canvas[top : top + image.shape[0], left : left + image.shape[1]] = image
            return canvas
        return np.ascontiguousarray(image)

    def _orientation(self, frame: VideoFrame) -> Orientation:
        # A frame whose side data was looked at is part of a reference cycle: its picture stays in memory until
        # the garbage collector runs. So only the first frame of each rotation is looked at.
        angle = frame.rotation
        if angle not in self._orientations:
            self._orientations[angle] = orientation_of(frame)
        return self._orientations[angle]

    def _build(self, layout: _Layout) -> av.filter.Graph:
        width, height = self._width, self._height
        if layout.orientation.swaps_sides:
            width, height = height, width
        lines = (layout.height + 1) // 2 if layout.interlaced else layout.height
        crop_w, crop_h = layout.width, lines
        # Both as width by height of the displayed picture, before it is turned.
        source = Fraction(layout.width, layout.height) * layout.aspect
        target = Fraction(width, height)
        if self._fit == "crop":
            crop_w = max(1, round(crop_w * min(Fraction(1), target / source)))
            crop_h = max(1, round(crop_h * min(Fraction(1), source / target)))
        elif self._fit == "pad":
            width = max(1, round(width * min(Fraction(1), source / target)))
            height = max(1, round(height * min(Fraction(1), target / source)))
        graph = av.filter.Graph()
        graph.threads = 1
        nodes = [
            graph.add(
                "buffer",
                f"video_size={layout.width}x{layout.height}:pix_fmt={layout.pixel_format}:time_base=1/1000"
                f":pixel_aspect=1/1:colorspace={layout.colorspace}:range={layout.color_range}",
            )
        ]
        if layout.interlaced:
            nodes += [graph.add("separatefields"), graph.add("select", "not(mod(n\\,2))")]
        if (crop_w, crop_h) != (layout.width, lines):
            nodes.append(graph.add("crop", f"{crop_w}:{crop_h}"))
        matrix = ""
        if layout.colorspace == _UNSPECIFIED:
            matrix = ":in_color_matrix=" + ("bt709" if layout.height >= _BT709_HEIGHT else "bt601")
        nodes.append(graph.add("scale", f"{width}:{height}:flags={_FLAGS}{matrix}:out_range=pc"))
        nodes.append(graph.add("format", "rgba" if _has_straight_alpha(layout.pixel_format) else "rgb24"))
        nodes.append(graph.add("buffersink"))
        graph.link_nodes(*nodes).configure()
        return graph


def _has_straight_alpha(pixel_format: str) -> bool:
    # EXR is the float format, and its colour is premultiplied by convention.
    video_format = av.VideoFormat(pixel_format)
    return any(c.is_alpha for c in video_format.components) and "f32" not in pixel_format and "f16" not in pixel_format
