"""A deterministic engine for tests: it follows the picture and needs no weights. Must not know torch.

A rise in brightness anywhere in the picture gives a click whose first sample lies exactly on that frame's
time, over a floor of noise and tone that depends on prompt, role, seed and colour. It ships, so that hosts
can test against it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from hashlib import blake2b
from math import ceil, floor, pi

import numpy as np
import numpy.typing as npt

from otio_v2a_engine import frames
from otio_v2a_engine.contract import (
    Cancelled,
    EngineInfo,
    Picture,
    Progress,
    PromptSpec,
    RenderedAudio,
    RenderRequest,
    Role,
    UnsupportedRequest,
)
from otio_v2a_engine.lengths import position
from otio_v2a_engine.specs import FAKE
from otio_v2a_engine.wire import canonical_json

__all__ = ["FakeEngine"]

_FRAME_SIZE = (32, 18)
_MAX_FRAMES_PER_S = 240
_CLICK_THRESHOLD = 0.01
"""Mean rise in brightness (of 1) that clicks; compression noise stays well below."""
_CLICK_S = 0.05
_CLICK_DECAY_S = 0.005
_CEILING = 0.99


@dataclass(frozen=True)
class _Voice:
    """Amplitudes (of full scale) of a role: rms of the noise, peak of the tone, peak of a full-screen flash."""

    noise: float
    tone: float
    click: float


_VOICES = {
    Role.FX: _Voice(noise=0.002, tone=0.001, click=0.5),
    Role.AMB: _Voice(noise=0.02, tone=0.004, click=0.02),
    Role.MUS: _Voice(noise=0.002, tone=0.1, click=0.05),
    Role.DX: _Voice(noise=0.005, tone=0.05, click=0.02),
}


@dataclass(frozen=True)
class _Watched:
    """What the fake sees: per frame its request time, mean colour (0 to 1) and rise in brightness (0 to 1)."""

    times_s: tuple[Fraction, ...]
    colours: npt.NDArray[np.float64]
    rises: npt.NDArray[np.float64]


class FakeEngine:
    """The shipped test engine; see the module."""

    def __init__(self, device: str) -> None:
        if device not in FAKE.info.devices:
            raise UnsupportedRequest(f"engine fake runs on {', '.join(FAKE.info.devices)}, not {device}")

    @property
    def info(self) -> EngineInfo:
        """The abilities of the spec."""
        return FAKE.info

    def render(
        self,
        request: RenderRequest,
        *,
        on_progress: Callable[[Progress], None],
        cancelled: Callable[[], bool],
    ) -> RenderedAudio:
        """Render one window; see `contract.Engine`."""
        self.info.check(request)
        steps = request.sampling.steps or self.info.default_steps
        watched = _watch(request, cancelled)
        noise = np.zeros((request.channels, request.n_samples), dtype=np.float32)
        generator = np.random.Generator(np.random.Philox(key=_number(_everything(request), bits=128)))
        for step in range(steps):
            if cancelled():
                raise Cancelled("the render was cancelled")
            # Like a sampler's, the result depends on the number of steps and its cost grows with them.
            noise += generator.standard_normal(noise.shape, dtype=np.float32)
            on_progress(Progress(step + 1, steps, "sampling"))
        samples = _mix(request, watched, noise / np.float32(np.sqrt(steps)))
        return RenderedAudio(samples=samples, sample_rate=request.sample_rate)

    def close(self) -> None:
        """Nothing is held."""


def _watch(request: RenderRequest, cancelled: Callable[[], bool]) -> _Watched:
    picture = request.picture
    times = _frame_times(picture, rate=frames.probe(picture).rate, duration_s=request.duration_s)
    colours, rises = [], []
    previous: npt.NDArray[np.float64] | None = None
    for image in _images(picture, times):
        if cancelled():
            raise Cancelled("the render was cancelled while the picture was read")
        rises.append(0.0 if previous is None else float(np.maximum(image - previous, 0).mean()))
        colours.append(image.mean(axis=(0, 1)))
        previous = image
    return _Watched(times, np.array(colours), np.array(rises))


def _images(picture: Picture, times: tuple[Fraction, ...]) -> Iterator[npt.NDArray[np.float64]]:
    width, height = _FRAME_SIZE
    for image in frames.read_frames(picture, times, width=width, height=height, fit="stretch"):
        yield image.astype(np.float64) / 255


def _frame_times(picture: Picture, *, rate: Fraction, duration_s: Fraction) -> tuple[Fraction, ...]:
    """Request times at which the media's frames appear, from the frame before the first one shown.

    Every such time maps to exactly `k / rate` in media time, forwards and backwards, so that a click is as
    exact as the picture itself and does not depend on where a window starts.
    """
    if picture.speed == 0:
        return (Fraction(0),)
    direction = 1 if picture.speed > 0 else -1
    speed = abs(picture.speed)
    stride = max(1, ceil(rate * speed / _MAX_FRAMES_PER_S))
    frame = floor(direction * picture.start_s * rate)
    frame -= frame % stride + stride
    times = []
    while (time := (frame / rate - direction * picture.start_s) / speed) < duration_s:
        times.append(time)
        frame += stride
    return tuple(times)


def _mix(request: RenderRequest, watched: _Watched, noise: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Floor plus clicks, float32 `(channels, samples)`."""
    prompt, rate = request.prompt, request.sample_rate
    voice = _VOICES[prompt.role]
    seconds = np.arange(request.n_samples) / rate
    at = [float(time) for time in watched.times_s]
    red, green, blue = (np.interp(seconds, at, watched.colours[:, channel]) for channel in range(3))
    level = 0.5 if prompt.negative_text else 1.0
    tone = np.sin(2 * pi * _pitch(prompt) * seconds) * (0.2 + 0.6 * red + 0.2 * blue)
    if prompt.role is Role.DX:
        tone *= np.sin(pi * 4 * seconds) ** 2
    bed = noise * (voice.noise * level * (0.5 + 0.5 * green)) + voice.tone * level * tone
    for time, rise in zip(watched.times_s, watched.rises, strict=True):
        start = position(time, rate)
        if rise > _CLICK_THRESHOLD and 0 <= start < request.n_samples:
            click = _click(prompt, rate)[: request.n_samples - start]
            bed[:, start : start + click.size] += voice.click * min(1.0, 3 * rise) * click
    return np.clip(bed, -_CEILING, _CEILING).astype(np.float32)


def _click(prompt: PromptSpec, rate: int) -> npt.NDArray[np.float64]:
    seconds = np.arange(round(_CLICK_S * rate)) / rate
    return np.asarray(np.exp(-seconds / _CLICK_DECAY_S) * np.cos(2 * pi * 4 * _pitch(prompt) * seconds))


def _pitch(prompt: PromptSpec) -> float:
    """Hz, 200 to 1000, from the words alone: every take of a prompt has its pitch."""
    return 200 + 800 * _number(f"{prompt.text}\0{prompt.transcript}", bits=32) / 2**32


def _everything(request: RenderRequest) -> str:
    return canonical_json(
        [request.prompt, request.seed, request.sample_rate, request.channels, request.n_samples, request.sampling]
    )


def _number(text: str, *, bits: int) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=bits // 8).digest(), "little")
