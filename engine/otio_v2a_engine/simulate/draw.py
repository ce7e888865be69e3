"""Draws actors over a background into small RGB frames. Knows shapes and light, not what they mean.

Lengths are in picture heights: x runs 0 to ASPECT, y runs 0 (top) to 1. Tracks are sampled at TRACK_RATE.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = [
    "ASPECT",
    "BACKDROP_HEIGHT",
    "BACKDROP_RATE",
    "BACKDROP_WIDTH",
    "HEIGHT",
    "TRACK_RATE",
    "WIDTH",
    "Actor",
    "Camera",
    "Look",
    "background",
    "draw",
]

WIDTH, HEIGHT = 96, 56  # pixels
ASPECT = WIDTH / HEIGHT
TRACK_RATE = 240  # Hz
_BLOCK = 4  # pixels a side: of 20 in a picture of 270 lines
_MARGIN = 24  # pixels of background outside the frame, for the camera to move over
BACKDROP_WIDTH, BACKDROP_HEIGHT = WIDTH + 2 * _MARGIN, HEIGHT + 2 * _MARGIN  # pixels
BACKDROP_RATE = 25  # Hz, of one that moves

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Actor:
    """A rounded, rotated box that moves. Every track is `(n,)` at TRACK_RATE.

    Attributes:
        x, y: centre.
        w, h: full width and height.
        angle: radians, clockwise.
        alpha: opacity.
        colour: RGB 0..1.
        roundness: 0 is a box, 1 an ellipse or capsule.
        grain: `(16, 16)` texture that moves with the body, added to its colour; None for a plain one.
    """

    x: Floats
    y: Floats
    w: Floats
    h: Floats
    angle: Floats
    alpha: Floats
    colour: tuple[float, float, float]
    roundness: float
    grain: Floats | None = None


@dataclass(frozen=True)
class Camera:
    """How the view moves; tracks are `(n,)` at TRACK_RATE.

    Attributes:
        dx, dy: offset in pixels.
        forward: how often the camera has come twice as near to everything; None stands still. Bodies stay as they are.
    """

    dx: Floats
    dy: Floats
    forward: Floats | None = None


@dataclass(frozen=True)
class Look:
    """How the film looks: none of it makes a sound.

    Attributes:
        gain, gamma: exposure and contrast.
        saturation: 0 is black and white.
        grain: standard deviation of the noise, 0..1.
        bars: height of letterbox bars.
        flicker: standard deviation of the exposure from frame to frame.
        vignette: darkening of the corners, 0..1.
        blur: whether each frame shows half its duration.
        compression: change, of 255, below which a block is not sent anew until the next key frame; 0 is none.
    """

    gain: float = 1.0
    gamma: float = 1.0
    saturation: float = 1.0
    grain: float = 0.0
    bars: float = 0.0
    flicker: float = 0.0
    vignette: float = 0.0
    blur: bool = False
    compression: float = 0.0


def _upsample(field: Floats, height: int, width: int) -> Floats:
    rows = np.linspace(0, field.shape[0] - 1.001, height)
    columns = np.linspace(0, field.shape[1] - 1.001, width)
    y, x = rows.astype(int), columns.astype(int)
    fy, fx = (rows - y)[:, None, None], (columns - x)[None, :, None]
    top = field[y][:, x] * (1 - fx) + field[y][:, x + 1] * fx
    low = field[y + 1][:, x] * (1 - fx) + field[y + 1][:, x + 1] * fx
    field = (top * (1 - fy) + low * fy).astype(np.float32)
    return field


def background(rng: np.random.Generator) -> Floats:
    """A still, textured backdrop larger than the frame, RGB 0..1."""
    height, width = BACKDROP_HEIGHT, BACKDROP_WIDTH
    base = rng.uniform(0.1, 0.75) + rng.uniform(-0.12, 0.12, 3)
    picture = np.broadcast_to(base, (height, width, 3)).astype(np.float32).copy()
    for cells, level in ((3, 0.2), (8, 0.12), (24, 0.1), (60, 0.08)):
        texture = rng.standard_normal((cells, cells * 2, 3)).astype(np.float32)
        texture = texture.mean(2, keepdims=True) + 0.35 * texture
        picture += level * rng.random() * _upsample(texture, height, width)
    if rng.random() < 0.6:  # ground
        line = int(rng.uniform(0.5, 0.85) * height)
        picture[line:] = picture[line:] * 0.7 + 0.3 * rng.random(3).astype(np.float32)
    for _ in range(int(rng.integers(0, 6))):  # furniture
        y0, x0 = int(rng.integers(0, height - 8)), int(rng.integers(0, width - 8))
        h, w = int(rng.integers(4, 40)), int(rng.integers(4, 40))
        region = picture[y0 : y0 + h, x0 : x0 + w]
        region += 0.6 * (rng.random(3).astype(np.float32) - region)
    return np.clip(picture, 0, 1)


def _ahead(picture: Floats, camera: Camera, indices: npt.NDArray[np.int64]) -> Floats:
    """The backdrop seen by a camera that goes forward: two scales of it, an octave apart, cross-faded for ever."""
    assert camera.forward is not None
    height, width = picture.shape[:2]
    rows, columns = np.arange(HEIGHT) - 0.42 * HEIGHT, np.arange(WIDTH) - 0.5 * WIDTH
    frames = np.zeros((len(indices), HEIGHT, WIDTH, 3), np.float32)
    for i, index in enumerate(indices):
        octaves, phase = divmod(float(camera.forward[index]), 1.0)
        for layer, weight in ((0, 1.0 - phase), (1, phase)):
            scale = 2.0 ** (phase - layer)
            turn = 37 * (int(octaves) + layer)  # each octave shows another part of the backdrop
            y = ((rows + camera.dy[index]) / scale + turn).round().astype(int) % height
            x = ((columns + camera.dx[index]) / scale + turn).round().astype(int) % width
            frames[i] += weight * picture[y[:, None], x[None, :]]
    return frames


def _backdrop(picture: Floats, camera: Camera, indices: npt.NDArray[np.int64]) -> Floats:
    if camera.forward is not None:
        return _ahead(picture if picture.ndim == 3 else picture[0], camera, indices)
    dx = np.clip(camera.dx[indices], -_MARGIN + 1, _MARGIN - 2)
    dy = np.clip(camera.dy[indices], -_MARGIN + 1, _MARGIN - 2)
    frames = np.empty((len(indices), HEIGHT, WIDTH, 3), np.float32)
    moves = picture.ndim == 4
    if moves:
        swing = np.r_[0 : len(picture), len(picture) - 2 : 0 : -1]
        shown = swing[(indices * BACKDROP_RATE // TRACK_RATE) % len(swing)]
    elif not camera.dx.any() and not camera.dy.any():
        frames[:] = picture[_MARGIN : _MARGIN + HEIGHT, _MARGIN : _MARGIN + WIDTH]
        return frames
    for i in range(len(indices)):
        x, y = float(dx[i]) + _MARGIN, float(dy[i]) + _MARGIN
        x0, y0 = int(x), int(y)
        whole = picture[shown[i]] if moves else picture
        view = whole[y0 : y0 + HEIGHT + 1, x0 : x0 + WIDTH + 1]
        rows = view[:-1] + (y - y0) * (view[1:] - view[:-1])
        frames[i] = rows[:, :-1] + (x - x0) * (rows[:, 1:] - rows[:, :-1])
    return frames


def _paint(frames: Floats, actor: Actor, camera: Camera, indices: npt.NDArray[np.int64]) -> None:
    scale = float(HEIGHT)
    tracks = (actor.x, actor.y, actor.w, actor.h, actor.angle, actor.alpha, camera.dx, camera.dy)
    still = all(float(np.ptp(track)) == 0.0 for track in tracks)  # painted once over all frames
    if still:
        frames, indices = np.moveaxis(frames, 0, 2)[None], indices[:1]
    x = actor.x[indices] * scale - camera.dx[indices]
    y = actor.y[indices] * scale - camera.dy[indices]
    w, h = actor.w[indices] * scale / 2, actor.h[indices] * scale / 2
    reach = int(np.ceil(np.hypot(w, h).max())) + 2
    corner_x, corner_y = np.floor(x).astype(int) - reach, np.floor(y).astype(int) - reach
    side = 2 * reach + 1
    grid = np.arange(side, dtype=np.float32) + 0.5
    px = (grid[None, :] + (corner_x - x)[:, None])[:, None, :]
    py = (grid[None, :] + (corner_y - y)[:, None])[:, :, None]
    cos, sin = np.cos(actor.angle[indices])[:, None, None], np.sin(actor.angle[indices])[:, None, None]
    radius = actor.roundness * np.minimum(w, h)[:, None, None]
    along, across = px * cos + py * sin, py * cos - px * sin
    qx = np.abs(along) - (w[:, None, None] - radius)
    qy = np.abs(across) - (h[:, None, None] - radius)
    distance = np.hypot(qx.clip(0), qy.clip(0)) + np.minimum(np.maximum(qx, qy), 0) - radius
    cover = (0.5 - distance).clip(0, 1) * actor.alpha[indices][:, None, None]
    shade: Floats = np.array(actor.colour, np.float32)
    shades: Floats | None = None
    if actor.grain is not None:
        u = (8 + 8 * along / np.maximum(w, 0.5)[:, None, None]).astype(int).clip(0, 15)
        v = (8 + 8 * across / np.maximum(h, 0.5)[:, None, None]).astype(int).clip(0, 15)
        shades = shade + actor.grain[v, u][..., None]
    for i in range(len(indices)):
        if actor.alpha[indices[i]] <= 0:
            continue
        x0, y0 = int(corner_x[i]), int(corner_y[i])
        left, top = max(0, -x0), max(0, -y0)
        right, low = min(side, WIDTH - x0), min(side, HEIGHT - y0)
        if right <= left or low <= top:
            continue
        region = frames[i, y0 + top : y0 + low, x0 + left : x0 + right]
        mask = cover[i, top:low, left:right, None]
        if shades is not None:
            shade = shades[i, top:low, left:right]
            shade = shade[:, :, None] if still else shade
        region += (mask[..., None] if still else mask) * (shade - region)


def _develop(frames: Floats, look: Look, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    if look.saturation < 1:
        grey = frames @ np.array([0.3, 0.59, 0.11], np.float32)
        frames = grey[..., None] + look.saturation * (frames - grey[..., None])
    gain = look.gain * (1 + look.flicker * rng.standard_normal((len(frames), 1, 1, 1))).astype(np.float32)
    frames = frames.clip(0, 1)
    if look.gamma != 1:
        frames **= look.gamma
    frames = frames * gain
    if look.vignette:
        y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
        frames *= (1 - look.vignette * (x**2 + y**2) / 2).astype(np.float32)[..., None]
    if look.grain:
        frames += look.grain * rng.standard_normal(frames.shape[:3], dtype=np.float32)[..., None]
    bar = int(look.bars * HEIGHT)
    if bar:
        frames[:, :bar] = frames[:, -bar:] = 0
    return (frames.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def _compressed(frames: npt.NDArray[np.uint8], strength: float, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Frames as a stingy encoder leaves them: small changes are dropped, what is sent is smooth, key frames pop."""
    every, smooth = int(rng.integers(12, 60)), min(0.6, 0.06 * strength)
    blocks = frames.astype(np.float32).reshape(len(frames), HEIGHT // _BLOCK, _BLOCK, WIDTH // _BLOCK, _BLOCK, 3)
    sent = (1 - smooth) * blocks + smooth * blocks.mean((2, 4), keepdims=True)
    first = int(rng.integers(every))
    for i in range(1, len(sent)):
        if (i + first) % every == 0:
            sent[i] += rng.normal(0, 0.15 * strength)
            continue
        changed = np.abs(sent[i] - sent[i - 1]).mean((1, 3, 4), keepdims=True) > strength
        sent[i] = np.where(changed, sent[i], sent[i - 1])
    out: npt.NDArray[np.uint8] = (sent.reshape(frames.shape).clip(0, 255) + 0.5).astype(np.uint8)
    return out


def draw(
    actors: Sequence[Actor],
    *,
    picture: Floats,
    camera: Camera,
    look: Look,
    times_s: npt.NDArray[np.float64],
    frame_s: float,
    rng: np.random.Generator,
) -> npt.NDArray[np.uint8]:
    """Frames at some times, `(T, HEIGHT, WIDTH, 3)` uint8 RGB; later actors cover earlier ones.

    `picture` is a still `(BACKDROP_HEIGHT, BACKDROP_WIDTH, 3)`, or as many of them as it has frames at BACKDROP_RATE;
    one that moves goes to and fro.
    """
    n_track = len(camera.dx)
    total = np.zeros((len(times_s), HEIGHT, WIDTH, 3), np.float32)
    offsets = (0.0, 0.25 * frame_s, 0.5 * frame_s) if look.blur else (0.0,)
    for offset in offsets:
        indices = np.clip(np.round((times_s + offset - offsets[-1] / 2) * TRACK_RATE), 0, n_track - 1).astype(np.int64)
        frames = _backdrop(picture, camera, indices)
        for actor in actors:
            _paint(frames, actor, camera, indices)
        total += frames
    shown = _develop((total / len(offsets)).astype(np.float32), look, rng)
    return _compressed(shown, look.compression, rng) if look.compression else shown
