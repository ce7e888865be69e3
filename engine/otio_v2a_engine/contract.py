"""What every engine takes, gives and declares (floor 0: no torch, no OTIO).

    RenderRequest -> Engine.render -> RenderedAudio

An engine renders one window of at most `EngineInfo.max_window_s`; longer spans are the business of
`windows.py`. Times are exact Fractions of seconds or integer sample counts.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from typing import Protocol

import numpy as np
import numpy.typing as npt

__all__ = [
    "LONGEST_SPAN_S",
    "Cancelled",
    "Engine",
    "EngineError",
    "EngineFactory",
    "EngineInfo",
    "EngineSpec",
    "EngineWarning",
    "Picture",
    "PictureError",
    "Progress",
    "PromptSpec",
    "RenderRequest",
    "RenderedAudio",
    "Role",
    "Sampling",
    "UnsupportedRequest",
    "VisualEvent",
    "WeightsError",
]


LONGEST_SPAN_S = 24 * 60 * 60
"""No request is longer than a day: anything above is a mistake or an attack on the disk."""

_SHORTEST_WINDOW = 1000
"""Samples."""
_OPTION_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_ENGINE_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")


class EngineError(Exception):
    """Base of every error an engine raises on purpose; the message is fit for a user."""


class PictureError(EngineError):
    """The picture cannot be decoded; the message names the file and what to do."""


class WeightsError(EngineError):
    """Weights are missing or damaged; the message names the file, its licence and where to get it."""


class UnsupportedRequest(EngineError):
    """The request asks for something that the engine does not declare."""


class Cancelled(EngineError):
    """The caller cancelled; nothing was produced."""


class EngineWarning(UserWarning):
    """What a user should know of a render that still succeeds: `warnings.warn(message, EngineWarning)`.

    The worker hands the message on in `wire.Finished.warnings`.
    """


class Role(StrEnum):
    """Stem roles of sound post-production."""

    FX = "FX"
    """Spot effects: what is seen to happen."""
    AMB = "AMB"
    """Ambience or background (BG): where it happens."""
    MUS = "MUS"
    """Music (MX)."""
    DX = "DX"
    """Dialogue."""


@dataclass(frozen=True)
class PromptSpec:
    """What a stem should and should not sound like.

    Attributes:
        text: positive prompt; empty means the picture alone decides.
        negative_text: sounds to steer away from.
        role: the stem that is asked for.
        transcript: words to be spoken, for dialogue engines.
    """

    text: str = ""
    negative_text: str = ""
    role: Role = Role.FX
    transcript: str = ""


@dataclass(frozen=True)
class Picture:
    """The moving picture of a window, as a map from request time to media time.

    Media time 0 is the presentation time of the media's first frame. Request time 0 is the first sample.

    Attributes:
        path: absolute local path; an image sequence is a printf pattern (`/a/shot.%04d.exr`).
        start_s: media time shown at request time 0 (of a reversed clip: its last source frame's time).
        speed: media seconds per request second; 0 is a freeze frame, negative plays backwards.
        first_s: media times below this show the frame at `first_s`.
        last_s: media times above this show the frame at `last_s`; None is the end of the media.
        cuts_s: shot borders in request time, ascending, each inside the window.
        sequence_rate: frames per second of an image sequence, None for a movie.
        sequence_first: number of the image that has media time 0.
    """

    path: str
    start_s: Fraction = Fraction(0)
    speed: Fraction = Fraction(1)
    first_s: Fraction = Fraction(0)
    last_s: Fraction | None = None
    cuts_s: tuple[Fraction, ...] = ()
    sequence_rate: Fraction | None = None
    sequence_first: int = 0

    def __post_init__(self) -> None:
        if not self.path or "\0" in self.path:
            raise ValueError(f"a picture needs a path, not {self.path!r}")
        if self.sequence_rate is not None and self.sequence_rate <= 0:
            raise ValueError(f"{self.path}: an image sequence needs a positive rate, not {self.sequence_rate}")
        if self.last_s is not None and self.last_s < self.first_s:
            raise ValueError(f"{self.path}: picture range ends ({self.last_s} s) before it starts ({self.first_s} s)")
        if list(self.cuts_s) != sorted(set(self.cuts_s)):
            raise ValueError(f"{self.path}: shot borders are not ascending: {self.cuts_s}")

    def media_time(self, request_s: Fraction) -> Fraction:
        """Media time that is shown at a request time, held at the ends of the range."""
        time = max(self.start_s + self.speed * request_s, self.first_s)
        return time if self.last_s is None else min(time, self.last_s)

    def window(self, start_s: Fraction, duration_s: Fraction) -> "Picture":
        """The same picture seen from `start_s`, keeping the cuts inside `(0, duration_s)`."""
        cuts = tuple(cut - start_s for cut in self.cuts_s if 0 < cut - start_s < duration_s)
        return Picture(
            path=self.path,
            start_s=self.start_s + self.speed * start_s,
            speed=self.speed,
            first_s=self.first_s,
            last_s=self.last_s,
            cuts_s=cuts,
            sequence_rate=self.sequence_rate,
            sequence_first=self.sequence_first,
        )


@dataclass(frozen=True)
class Sampling:
    """Sampler settings; None leaves the choice to the engine.

    Attributes:
        steps: number of sampler steps.
        guidance: classifier-free guidance scale (1 is none).
        options: settings of the engine's own, as "name" or "name=value", each name once and declared by the engine.
    """

    steps: int | None = None
    guidance: float | None = None
    options: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.steps is not None and not 1 <= self.steps <= 1000:
            raise ValueError(f"steps must be 1 to 1000, not {self.steps}")
        if self.guidance is not None and not 0 <= self.guidance <= 50:
            raise ValueError(f"guidance must be 0 to 50, not {self.guidance}")
        names = [option.partition("=")[0] for option in self.options]
        if not all(_OPTION_NAME.fullmatch(name) for name in names) or len(set(names)) < len(names):
            raise ValueError(f"engine options are name or name=value, each name once, not {', '.join(self.options)}")

    def option(self, name: str) -> str | None:
        """The value of an engine option: "" when it is named without one, None when it is not named."""
        for given in self.options:
            key, _, value = given.partition("=")
            if key == name:
                return value
        return None

    def number(self, name: str, *, default: float, largest: float) -> float:
        """The value of an option that is a number from 0 to `largest`. Raises UnsupportedRequest."""
        text = self.option(name)
        if text is None:
            return default
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not 0 <= value <= largest:
            raise UnsupportedRequest(f"option {name} is a number from 0 to {largest:g}, not {text!r}")
        return value


@dataclass(frozen=True)
class VisualEvent:
    """An instant at which something is seen to sound.

    Attributes:
        time_s: request time; it may lie outside the window by what an edit moved it.
        strength: how sure or how hard, 0 to 1.
    """

    time_s: Fraction
    strength: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= 1:
            raise ValueError(f"an event's strength is 0 to 1, not {self.strength}")


@dataclass(frozen=True)
class RenderRequest:
    """One window of sound to render: exactly `n_samples` for `picture` from its request time 0.

    Attributes:
        picture: what is seen.
        prompt: what is asked for.
        n_samples: length of the result, per channel.
        sample_rate: Hz.
        channels: 1 or 2.
        seed: same seed, same bytes on one machine.
        sampling: sampler settings.
        events: the instants that must sound, ascending, and no others; None leaves them to the engine.
    """

    picture: Picture
    prompt: PromptSpec
    n_samples: int
    sample_rate: int = 48000
    channels: int = 2
    seed: int = 0
    sampling: Sampling = field(default_factory=Sampling)
    events: tuple[VisualEvent, ...] | None = None

    def __post_init__(self) -> None:
        if self.n_samples < 1:
            raise ValueError(f"a request needs at least one sample, not {self.n_samples}")
        if self.sample_rate < 1:
            raise ValueError(f"sample rate must be positive, not {self.sample_rate}")
        if self.channels not in (1, 2):
            raise ValueError(f"channels must be 1 or 2, not {self.channels}")
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed must be 0 to 2**63 - 1, not {self.seed}")
        if self.n_samples > LONGEST_SPAN_S * self.sample_rate:
            raise ValueError(f"a request may last {LONGEST_SPAN_S} s, not {float(self.duration_s):g} s")
        if self.events is not None and any(a.time_s >= b.time_s for a, b in pairwise(self.events)):
            raise ValueError("events are not in ascending order of time")

    @property
    def duration_s(self) -> Fraction:
        """Exact length in seconds."""
        return Fraction(self.n_samples, self.sample_rate)


@dataclass(frozen=True)
class RenderedAudio:
    """Rendered sound.

    Attributes:
        samples: float32 `(channels, samples)`, finite, within [-1, 1].
        sample_rate: Hz.
    """

    samples: npt.NDArray[np.float32]
    sample_rate: int

    def __post_init__(self) -> None:
        if self.samples.dtype != np.float32 or self.samples.ndim != 2:
            raise ValueError(
                f"audio must be float32 (channels, samples), not {self.samples.dtype} {self.samples.shape}"
            )
        if not np.isfinite(self.samples).all():
            raise ValueError("audio holds values that are not finite")
        if self.samples.size and float(np.abs(self.samples).max()) > 1.0:
            raise ValueError("audio exceeds full scale")


@dataclass(frozen=True)
class Progress:
    """How far one render has come: `done` of `total` steps, and what is being done."""

    done: int
    total: int
    stage: str = ""


@dataclass(frozen=True)
class EngineInfo:
    """What an engine declares before it is loaded.

    Attributes:
        name: the word a user types.
        version: changes whenever the same request may give other bytes; part of every content hash.
        summary: one line.
        sample_rates: Hz, the native one first.
        channels: channel counts, the native one first.
        max_window_s: longest window that one `render` call takes.
        roles: stems it can make.
        takes_text: whether a prompt changes the result.
        takes_negative_text: whether a negative prompt does.
        takes_transcript: whether it speaks a transcript.
        weights_licence: SPDX expression or name; empty when there are no weights.
        weights_note: what the licence forbids, in words for a user.
        devices: of "cpu", "cuda", "mps".
        default_steps: sampler steps when a request names none.
        cost_factor: estimated compute seconds per second of sound on two CPU cores; for estimates only.
        weights_name: kind of the weights folder that the user must have (`weight_folders.py`); empty when the weights
            ship or there are none.
        options: names of its own settings in `Sampling.options`.
        takes_events: whether it follows `RenderRequest.events`.
        folder_options: those of its options that name a folder with a published model (`checkpoint_folders.py`); its
            content counts in the content hash, its name does not.
        weights_options: those that name a folder with weights of the engine itself, which the user trained; likewise.
    """

    name: str
    version: str
    summary: str
    sample_rates: tuple[int, ...]
    channels: tuple[int, ...]
    max_window_s: Fraction
    roles: tuple[Role, ...]
    takes_text: bool
    takes_negative_text: bool
    takes_transcript: bool
    weights_licence: str
    weights_note: str
    devices: tuple[str, ...]
    default_steps: int
    cost_factor: float
    weights_name: str = ""
    options: tuple[str, ...] = ()
    takes_events: bool = False
    folder_options: tuple[str, ...] = ()
    weights_options: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _ENGINE_NAME.fullmatch(self.name):
            raise ValueError(f"an engine's name is a lower-case word, not {self.name!r}")
        if not (self.version and self.sample_rates and self.channels and self.roles and self.devices):
            raise ValueError(f"engine {self.name} must declare version, sample rates, channels, roles and devices")
        if not set(self.channels) <= {1, 2}:
            raise ValueError(f"engine {self.name} declares channels {self.channels}; 1 and 2 are known")
        if min(self.sample_rates) * self.max_window_s < _SHORTEST_WINDOW:
            raise ValueError(f"engine {self.name} declares windows of {self.max_window_s} s, too short to join")
        if self.default_steps < 1 or not self.cost_factor > 0:
            raise ValueError(f"engine {self.name} must declare at least one step and a cost above 0")

    def check(self, request: RenderRequest) -> None:
        """Raise UnsupportedRequest, naming what to change, when a request is outside the abilities."""
        if request.sample_rate not in self.sample_rates:
            raise UnsupportedRequest(f"engine {self.name} renders at {self.sample_rates} Hz, not {request.sample_rate}")
        if request.channels not in self.channels:
            raise UnsupportedRequest(f"engine {self.name} renders {self.channels} channels, not {request.channels}")
        if request.duration_s > self.max_window_s:
            raise UnsupportedRequest(
                f"engine {self.name} renders windows of at most {float(self.max_window_s):g} s, "
                f"not {float(request.duration_s):g} s; render it with windows.render_long"
            )
        if request.prompt.role not in self.roles:
            roles = ", ".join(self.roles)
            raise UnsupportedRequest(
                f"engine {self.name} makes {roles}, not {request.prompt.role}; choose another engine"
            )
        self.check_options(request.sampling.options)

    def declares(self, option: str) -> bool:
        """Whether one of `Sampling.options`, NAME or NAME=VALUE, is a setting of this engine."""
        return option.partition("=")[0] in self.options

    def check_options(self, options: tuple[str, ...]) -> None:
        """Raise UnsupportedRequest, naming those there are, when one of `Sampling.options` is not declared."""
        for option in options:
            if not self.declares(option):
                known = f"its options are {', '.join(self.options)}" if self.options else "it has none"
                raise UnsupportedRequest(f"engine {self.name} has no option {option!r}; {known}")


class Engine(Protocol):
    """A loaded engine. One instance serves one thread at a time."""

    @property
    def info(self) -> EngineInfo:
        """The abilities, equal to those of the spec it was made from."""
        ...

    def render(
        self,
        request: RenderRequest,
        *,
        on_progress: Callable[[Progress], None],
        cancelled: Callable[[], bool],
    ) -> RenderedAudio:
        """Render one window, exactly `request.n_samples` long.

        `cancelled` is asked at least once per sampler step.

        Raises:
            UnsupportedRequest: outside the declared abilities.
            PictureError: the picture cannot be decoded.
            Cancelled: `cancelled` answered True.
        """
        ...

    def close(self) -> None:
        """Free what the engine holds; it is not used afterwards."""
        ...


EngineFactory = Callable[[str], Engine]
"""Makes a loaded engine for a device name ("cpu", "cuda", "mps")."""


@dataclass(frozen=True)
class EngineSpec:
    """An engine as listed: its abilities, and where its factory is (`module:attribute`), not loaded yet.

    Entry points of group `otio_v2a.engines` name one of these, in a module that imports nothing heavy.
    """

    info: EngineInfo
    factory: str
