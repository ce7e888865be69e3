"""The engine `composer`: music that is composed and played to the picture's length. No network and no weights.

prompt, picture, cuts -> brief -> score -> instruments, each in its place -> room -> stereo, to its last chord

Knows no other engine. Its scores are those that the simulator writes (`simulate/score.py`).
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from zlib import crc32

import numpy as np
import numpy.typing as npt

from otio_v2a_engine.conditioning import SentenceEncoder
from otio_v2a_engine.contract import (
    Cancelled,
    EngineInfo,
    EngineWarning,
    Picture,
    Progress,
    RenderedAudio,
    RenderRequest,
    UnsupportedRequest,
)
from otio_v2a_engine.frames import read_frames
from otio_v2a_engine.models.level import limit
from otio_v2a_engine.models.mel import SAMPLE_RATE
from otio_v2a_engine.models.motion import FRAME_HEIGHT, FRAME_WIDTH
from otio_v2a_engine.music_brief import Look, plan_brief, read_wish
from otio_v2a_engine.reach import Reach
from otio_v2a_engine.simulate import synth
from otio_v2a_engine.simulate.bank import Bank
from otio_v2a_engine.simulate.instruments import DRUMS
from otio_v2a_engine.simulate.music import levelled, perform
from otio_v2a_engine.simulate.styles import compose
from otio_v2a_engine.specs import COMPOSER

__all__ = ["ComposerEngine"]

Samples = npt.NDArray[np.float32]

_LOOKS_A_SECOND, _FEWEST_LOOKS = 2, 32
_SWELL_DB = 2.0
_LEVEL_DB = -4.0  # from RMS 0.1: -24 dBFS
_BLOCK = 10 * SAMPLE_RATE  # of the room's sound, so that its memory does not grow with the piece
_FADE_S = 0.8
_STEPS = 100
_PLACES = {
    "piano": -0.1, "guitar": 0.3, "strings": -0.3, "spiccato": -0.3, "organ": 0.1, "arp": 0.35, "lead": -0.15,
    "flute": 0.25, "clarinet": -0.25, "brass": 0.2, "music_box": 0.15, "hat": 0.3, "tom": -0.25, "crash": -0.35,
}  # fmt: skip
"""Where a voice sits, -1 left to 1 right; those that are not named sit in the middle."""


class ComposerEngine:
    """Composes and plays. The sentence encoder is loaded with the first prompt."""

    def __init__(self, device: str = "cpu") -> None:
        if device not in COMPOSER.info.devices:
            raise UnsupportedRequest(f"engine composer runs on {', '.join(COMPOSER.info.devices)}, not {device}")
        self._reach: Reach | None = None

    @property
    def info(self) -> EngineInfo:
        """The abilities that `specs.COMPOSER` declares."""
        return COMPOSER.info

    def close(self) -> None:
        """Nothing to free but memory."""

    def render(
        self,
        request: RenderRequest,
        *,
        on_progress: Callable[[Progress], None],
        cancelled: Callable[[], bool],
    ) -> RenderedAudio:
        """Render one window; see `contract.Engine`."""
        self.info.check(request)

        def check(share: float, stage: str) -> None:
            if cancelled():
                raise Cancelled("the render was cancelled")
            on_progress(Progress(done=int(share * _STEPS), total=_STEPS, stage=stage))

        check(0.0, "looking")
        seen = _look(request.picture, duration_s=request.duration_s)
        if request.prompt.text.strip() and self._reach is None:
            self._reach = Reach(SentenceEncoder())
        for warning in self._reach.warnings(request.prompt) if self._reach is not None else ():
            warnings.warn(warning, EngineWarning, stacklevel=2)
        wish = read_wish(request.prompt, self._reach)
        words = f"{request.prompt.text}\0{request.prompt.negative_text}".encode()
        rng = np.random.default_rng([request.seed, 0, crc32(words)])  # other words, another piece
        style, brief = plan_brief(wish, seen.look, cuts_s=[float(cut) for cut in request.picture.cuts_s], rng=rng)
        score = compose(rng, float(request.duration_s), style, brief=brief)
        out = perform(
            score,
            request.n_samples,
            rng,
            Bank(None),
            place=lambda voice: _gains(voice, request.channels, silent=voice in DRUMS and not wish.drums),
            on_note=lambda share: check(0.05 + 0.75 * share, "playing"),
        )
        check(0.85, "mixing")
        out *= _swell(seen.movement, request.n_samples)
        for number, channel in enumerate(out):
            _reverberate(channel, seed=request.seed, number=number)
        check(0.95, "mixing")
        sound = limit(levelled(_ended(out)) * np.float32(10 ** (_LEVEL_DB / 20)))
        check(1.0, "done")
        return RenderedAudio(samples=np.ascontiguousarray(sound), sample_rate=request.sample_rate)


@dataclass(frozen=True)
class _Seen:
    """What a picture is like, and how much changes between looks that lie evenly over it, `(N,)`."""

    look: Look
    movement: Samples


def _look(picture: Picture, *, duration_s: Fraction) -> _Seen:
    """Look at a picture, twice a second, and 32 times at least."""
    count = max(_FEWEST_LOOKS, ceil(duration_s * _LOOKS_A_SECOND))
    times = [duration_s * Fraction(2 * k + 1, 2 * count) for k in range(count)]
    frames = read_frames(picture, times, width=FRAME_WIDTH, height=FRAME_HEIGHT, fit="stretch")
    grey = np.stack([frame.astype(np.float32).mean(2) / 255 for frame in frames])
    apart = float(duration_s * _LOOKS_A_SECOND) / count  # pictures drift apart like the square root of time
    movement = np.abs(np.diff(grey, axis=0)).mean((1, 2)) / np.float32(np.sqrt(apart))
    look = Look(light=float(grey.mean()), movement=float(np.median(movement)))
    return _Seen(look, np.concatenate([movement[:1], movement]))


def _swell(movement: Samples, n_samples: int) -> Samples:
    """Gain over time, `(n_samples,)`: a little louder where more moves than usual, a little softer where less."""
    usual = float(movement.mean()) + 1e-3
    level_db = _SWELL_DB * np.tanh(movement / usual - 1)
    middles = (np.arange(len(level_db)) + 0.5) * n_samples / len(level_db)
    every = np.interp(np.arange(0, n_samples, 480), middles, level_db)
    width = min(len(every), 150)
    smooth = np.convolve(
        np.pad(every, width, mode="edge"), np.hanning(width + 2)[1:-1] / np.hanning(width + 2).sum(), "same"
    )
    gain = 10 ** (smooth[width : width + len(every)] / 20)
    track: Samples = np.interp(np.arange(n_samples), np.arange(len(gain)) * 480, gain).astype(np.float32)
    return track


def _gains(voice: str, channels: int, *, silent: bool) -> tuple[float, ...]:
    """A voice's gain in each channel, of equal power together."""
    if silent:
        return (0.0,) * channels
    if channels == 1:
        return (1.0,)
    angle = np.pi / 4 * (1 + _PLACES.get(voice, 0.0))
    return float(np.sqrt(2) * np.cos(angle)), float(np.sqrt(2) * np.sin(angle))


def _reverberate(channel: Samples, *, seed: int, number: int) -> None:
    """Put one channel `(n,)` into a room, in place, block by block; each channel hears walls of its own."""
    tail = SAMPLE_RATE * 3 // 2
    carried = np.zeros(tail, np.float32)
    for start in range(0, len(channel), _BLOCK):
        block = channel[start : start + _BLOCK]
        rng = np.random.default_rng([seed, 1, number])
        heard = synth.room(np.pad(block, (0, tail)), rng, seconds=1.2, level=0.22)
        heard[: len(carried)] += carried
        carried = heard[len(block) :].copy()
        block[:] = heard[: len(block)]


def _ended(out: Samples) -> Samples:
    """Sound `(channels, n)` that begins and ends in silence."""
    n = out.shape[1]
    rise, fall = min(240, n // 8), min(int(_FADE_S * SAMPLE_RATE), n // 4)
    shape = np.ones(n, np.float32)
    shape[:rise] = np.linspace(0, 1, rise, dtype=np.float32)
    shape[n - fall :] *= np.linspace(1, 0, fall, dtype=np.float32) ** 2
    return out * shape
