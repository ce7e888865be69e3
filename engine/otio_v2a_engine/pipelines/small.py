"""The engine `small`: latents from a rectified flow, a linear codec, a vocoder, stereo. Knows no other engine.

picture -> motion maps -> encoder --+
prompts -> sentence embeddings -----+-> flow, n steps with guidance -> log-mel -> vocoder -> mono -> stereo
seed ---> noise --------------------+
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from otio_v2a_engine import sampling
from otio_v2a_engine.appearance import Appearance
from otio_v2a_engine.conditioning import SentenceEncoder, see
from otio_v2a_engine.contract import (
    Cancelled,
    EngineInfo,
    EngineWarning,
    Picture,
    Progress,
    RenderedAudio,
    RenderRequest,
    Role,
    VisualEvent,
    WeightsError,
)
from otio_v2a_engine.models.codec import SAMPLES_PER_TOKEN, PcaCodec
from otio_v2a_engine.models.flow import EVENT_SLOTS, Conditions, FlowConfig, FlowModel, PictureEncoder
from otio_v2a_engine.models.level import limit
from otio_v2a_engine.models.mel import HOP, SAMPLE_RATE
from otio_v2a_engine.models.refine import refine
from otio_v2a_engine.models.spots import away_from_cuts, edited_tokens, event_slots, find_spots
from otio_v2a_engine.models.stereo import pan_track, to_stereo
from otio_v2a_engine.models.vocoder import NOISE_CHANNELS, Vocoder
from otio_v2a_engine.reach import Reach
from otio_v2a_engine.specs import SMALL
from otio_v2a_engine.weights import Weights, read_weights

__all__ = ["SmallEngine"]

_ROLES = (Role.FX, Role.AMB)  # in the order of the role embedding
_SHORTEST = 50  # tokens: the shortest window it was trained on
_SILENT = -4.3  # log-mel, in 20 dB: a frame whose loudest band is below -86 dB is silence
_CLOSED = 0.95  # how far the gate closes there: what is left cannot be heard, but is no digital zero
_ROUNDS = 6  # of band gains after the vocoder: mel error 1.35 dB at 3, 0.98 at 8
_MARGIN = 1  # tokens after the end, so that the vocoder sees past it


@dataclass(frozen=True)
class _Voice:
    """How one role is rendered."""

    guidance: float
    rescale: float
    width: float
    pan: float


_VOICES = {
    Role.FX: _Voice(guidance=2.0, rescale=0.7, width=0.18, pan=0.35),
    Role.AMB: _Voice(guidance=2.0, rescale=0.8, width=0.55, pan=0.0),
}


def _look(picture: Picture, *, n_shown: int) -> tuple[Tensor, Tensor]:
    """Motion maps and cut flags of a window of `n_shown` tokens, made long enough for the models; see `see`."""
    return see(picture, n_tokens=max(_SHORTEST, n_shown + _MARGIN), n_shown=n_shown)


def _slots(events: tuple[VisualEvent, ...]) -> list[int]:
    """The 10 ms slots of known events."""
    return [round(event.time_s * SAMPLE_RATE / HOP) for event in events]


class SmallEngine:
    """The engine that ships. Loads its weights at once.

    Args:
        device: "cpu", "cuda" or "mps".
        weights: other weights than those that ship, for evaluation.

    Raises:
        WeightsError: weights are missing or damaged.
    """

    def __init__(self, device: str = "cpu", *, weights: Weights | None = None) -> None:
        weights = read_weights("small") if weights is None else weights
        self._device = torch.device(device)
        config = FlowConfig(**weights.note["config"]["flow"])
        self._encoder = PictureEncoder(width=config.picture)
        self._flow = FlowModel(config)
        self._vocoder = Vocoder(**weights.note["config"]["vocoder"])
        try:
            self._encoder.load_state_dict(weights.part("encoder"))
            self._flow.load_state_dict(weights.part("flow"))
            self._vocoder.load_state_dict(weights.part("vocoder"))
            self._codec = PcaCodec(**{key: value.to(self._device) for key, value in weights.part("codec").items()})
        except (RuntimeError, TypeError) as error:
            raise WeightsError(f"the weights of engine small do not fit this version: {error}") from error
        for model in (self._encoder, self._flow, self._vocoder):
            model.eval().requires_grad_(False).to(self._device)
        self._sentences = SentenceEncoder()
        self._reach = Reach(self._sentences)
        self._appearance = Appearance(self._reach, device=self._device)
        self._latent = config.latent

    @property
    def info(self) -> EngineInfo:
        """The abilities that `specs.SMALL` declares."""
        return SMALL.info

    def close(self) -> None:
        """Nothing to free but memory."""

    @torch.no_grad()
    def render(
        self,
        request: RenderRequest,
        *,
        on_progress: Callable[[Progress], None],
        cancelled: Callable[[], bool],
    ) -> RenderedAudio:
        """Render one window; see `contract.Engine`."""
        self.info.check(request)
        for words in self._reach.warnings(request.prompt):
            warnings.warn(words, EngineWarning, stacklevel=2)
        n_steps = request.sampling.steps or self.info.default_steps
        total = n_steps + 2

        def check(done: int, stage: str) -> None:
            if cancelled():
                raise Cancelled("the render was cancelled")
            on_progress(Progress(done=done, total=total, stage=stage))

        check(0, "looking")
        maps, cuts = _look(request.picture, n_shown=ceil(Fraction(request.n_samples, SAMPLES_PER_TOKEN)))
        generator = torch.Generator().manual_seed(request.seed)
        latents = self._sample(request, maps, cuts, generator, lambda i: check(1 + i, "sampling"))
        check(1 + n_steps, "decoding")
        mono = self._decode(latents, generator)[: request.n_samples]
        sound = self._place(mono, request, maps)
        check(total, "done")
        return RenderedAudio(samples=np.ascontiguousarray(sound), sample_rate=request.sample_rate)

    @torch.no_grad()
    def spot(self, picture: Picture, *, duration_s: Fraction, at_least: float) -> tuple[VisualEvent, ...]:
        """Where the picture is seen to sound; see `spotting.Spotter`."""
        maps, cuts = _look(picture, n_shown=max(1, ceil(duration_s * SAMPLE_RATE / SAMPLES_PER_TOKEN)))
        _, onsets = self._encoder(maps.to(self._device), cuts.to(self._device))
        spots = away_from_cuts(find_spots(onsets[0], at_least=at_least), picture.cuts_s)
        events = [VisualEvent(Fraction(spot.slot * HOP, SAMPLE_RATE), spot.confidence) for spot in spots]
        return tuple(event for event in events if event.time_s < duration_s)

    def _sample(
        self,
        request: RenderRequest,
        maps: Tensor,
        cuts: Tensor,
        generator: torch.Generator,
        on_step: Callable[[int], None],
    ) -> Tensor:
        """Latents `(1, T, 64)` for a request."""
        voice = _VOICES[request.prompt.role]
        scale = voice.guidance if request.sampling.guidance is None else request.sampling.guidance
        vectors, onsets = self._encoder(maps.to(self._device), cuts.to(self._device))
        n_tokens = maps.shape[1]
        events = torch.zeros(1, n_tokens, EVENT_SLOTS + 1)
        shown = torch.ones(n_tokens, dtype=torch.bool)
        if request.prompt.role is Role.FX:
            # The events that are seen are said as well, unless somebody says others.
            spots = find_spots(onsets[0])
            kept = away_from_cuts(spots, request.picture.cuts_s)
            slots = [spot.slot for spot in kept] if request.events is None else _slots(request.events)
            events, shown = event_slots(slots, n_tokens), ~edited_tokens(spots, slots, n_tokens)
        else:
            # A background belongs to the place, not to single events: it sees the window as a whole.
            vectors = vectors.mean(1, keepdim=True).expand_as(vectors)
        text, negative = request.prompt.text.strip(), request.prompt.negative_text.strip()
        embeddings = self._sentences.embed([text or " ", negative or " "]).to(self._device)
        # What the picture looks like to the user's own model stands in for a prompt, where there is such a model.
        if seen := self._appearance.read(request, embeddings[0], on_batch=lambda: on_step(0)):
            embeddings[0], text = seen.vector, text or seen.words
        by_text = request.sampling.number("guidance-text", default=scale, largest=50)
        # Branches: everything that is asked for; without the text, where its scale is another; nothing but what is
        # forbidden. A branch is (sees the picture and its events, reads the prompt).
        branches = [(True, True)]
        if by_text != scale:
            branches.append((True, False))
        if (scale, by_text) != (1.0, 1.0):
            branches.append((False, False))
        conditions = Conditions(
            picture=vectors.expand(len(branches), -1, -1),
            text=torch.stack([embeddings[0 if reads else 1] for _, reads in branches]),
            role=torch.full((len(branches),), _ROLES.index(request.prompt.role), device=self._device),
            see=torch.stack([shown & sees for sees, _ in branches]).to(self._device),
            read=torch.tensor([bool(text if reads else negative) for _, reads in branches], device=self._device),
            events=torch.cat([events * sees for sees, _ in branches]).to(self._device),
        )

        def velocity(x: Tensor, t: float) -> Tensor:
            each: Tensor = self._flow(
                x.expand(len(branches), -1, -1), torch.full((len(branches),), t, device=self._device), conditions
            )
            if len(branches) == 3:
                # Text and picture apart: what the prompt adds to the picture, and the picture to nothing.
                wanted = each[1:2] + by_text / max(scale, 1e-3) * (each[:1] - each[1:2])
                return sampling.guided(wanted, each[2:], scale=scale, rescale=voice.rescale)
            return sampling.guided(each[:1], each[-1:], scale=scale, rescale=voice.rescale)

        x = torch.randn(1, maps.shape[1], self._latent, generator=generator).to(self._device)
        times = sampling.schedule(request.sampling.steps or self.info.default_steps)
        return sampling.sample_euler(velocity, x, times, on_step=on_step)

    def _decode(self, latents: Tensor, generator: torch.Generator) -> npt.NDArray[np.float32]:
        """Mono sound `(1920 T,)`."""
        return self._vocode(self._codec.decode(latents), generator)

    def _vocode(self, mel: Tensor, generator: torch.Generator) -> npt.NDArray[np.float32]:
        """Mono sound `(480 F,)` of a log-mel `(1, F, 96)`."""
        silent = mel.amax(dim=2, keepdim=True) < _SILENT
        noise = torch.randn(1, mel.shape[1], NOISE_CHANNELS, generator=generator).to(self._device)
        sound = refine(self._vocoder(mel, noise)[0].float(), mel[0], rounds=_ROUNDS)
        gate = 1.0 - _CLOSED * np.repeat(silent[0, :, 0].cpu().numpy(), HOP).astype(np.float32)
        ramp = np.ones(HOP // 2, np.float32) / (HOP // 2)
        smooth = np.convolve(gate, ramp, mode="same").astype(np.float32)
        mono: npt.NDArray[np.float32] = np.nan_to_num(sound.cpu().numpy() * smooth)
        return mono

    @torch.no_grad()
    def rebuild(self, mel: npt.NDArray[np.float32], *, coded: bool) -> npt.NDArray[np.float32]:
        """A log-mel `(4 T, 96)` as sound `(1920 T,)`, through the codec when `coded`; for evaluation."""
        known = torch.from_numpy(mel)[None].to(self._device)
        if coded:
            known = self._codec.decode(self._codec.encode(known))
        return self._vocode(known, torch.Generator().manual_seed(0))

    def _place(self, mono: npt.NDArray[np.float32], request: RenderRequest, maps: Tensor) -> npt.NDArray[np.float32]:
        """Channels, and a level that never clips."""
        if request.channels == 1:
            return limit(mono[None])
        voice = _VOICES[request.prompt.role]
        movement = maps[0, :, 0].mean(1).numpy()
        pan = pan_track(movement, len(mono), reach=voice.pan)
        return limit(to_stereo(mono, width=voice.width, pan=pan, sample_rate=request.sample_rate))
