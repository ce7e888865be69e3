"""The engine `small`: latents from a rectified flow, a linear codec, a vocoder, stereo. Knows no other engine.

picture -> motion maps -> encoder --+
prompts -> sentence embeddings -----+-> flow, n steps with guidance -> log-mel -> vocoder -> mono -> stereo
seed ---> noise --------------------+
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from otio_v2a_engine import sampling
from otio_v2a_engine.appearance import Appearance
from otio_v2a_engine.conditioning import ReadFrames, see
from otio_v2a_engine.contract import (
    Cancelled,
    EngineInfo,
    EngineWarning,
    Picture,
    Progress,
    RenderedAudio,
    RenderRequest,
    Role,
    Sampling,
    VisualEvent,
)
from otio_v2a_engine.devices import multiplies_in_bf16
from otio_v2a_engine.dying import die_away, slowest
from otio_v2a_engine.models.attacks import Attack, find_attacks
from otio_v2a_engine.models.choosing import FAINTEST, believed, left_out, on_time
from otio_v2a_engine.models.codec import FRAMES_PER_TOKEN, SAMPLES_PER_TOKEN
from otio_v2a_engine.models.flow import EVENT_SLOTS, SEEN, TOLD, Conditions
from otio_v2a_engine.models.instants import accented, drawn_to
from otio_v2a_engine.models.lasting import while_seen
from otio_v2a_engine.models.level import limit
from otio_v2a_engine.models.mel import HOP, SAMPLE_RATE, SILENT, log_mel
from otio_v2a_engine.models.refine import refine
from otio_v2a_engine.models.spots import Spot, away_from_cuts, edited_tokens, event_slots, find_spots
from otio_v2a_engine.models.stereo import pan_track, to_stereo
from otio_v2a_engine.models.vocoder import NOISE_CHANNELS
from otio_v2a_engine.reach import phrases
from otio_v2a_engine.simulate.vocabulary import KINDS, Family
from otio_v2a_engine.small_networks import BroughtWeights, Networks, Words
from otio_v2a_engine.specs import SMALL
from otio_v2a_engine.timbres import Asked, Timbres
from otio_v2a_engine.weights import Weights, read_weights

__all__ = ["SmallEngine"]

_ROLES = (Role.FX, Role.AMB, Role.DX)  # in the order of the role embedding
_SHORTEST = 50  # tokens: the shortest window it was trained on
_CLOSED = 0.95  # how far the gate closes there: what is left cannot be heard, but is no digital zero
_ROUNDS = 12  # of band gains after the vocoder: decision record 0315
_MARGIN = 1  # tokens after the end, so that the vocoder sees past it


@dataclass(frozen=True)
class _Voice:
    """How one role is rendered."""

    guidance: float
    by_text: float
    rescale: float
    width: float
    pan: float


@dataclass(frozen=True)
class _Branch:
    """One of the velocities that guidance compares: whether it sees picture and events, and reads the prompts."""

    sees: bool
    reads: bool


_WHOLE, _NO_TEXT, _NOTHING = _Branch(True, True), _Branch(True, False), _Branch(False, False)
_TEXT_UNTIL = 0.2  # of the way from noise to sound: what it is is decided early, when it is stays with the picture
_DRAFTS, _MOST_DRAFTS = 4, 16
_DRAFTED = 0.5  # of the steps, after which the best draft goes on alone
_ODD_DB = 6.0
_SYNC = 1.0  # of being on time, beside the standing of the fit
_SPEAKS = 0.15  # level of speech that the encoder sees: at most 0.19 to 0.97 in 59 scenes that talk, 0.09 in others
_TALKS, _AROUND = 0.5, 8  # level of speech that is surely one, and tokens around it in which an event may be the mouth
_NO_MOUTH = 0.9  # confidence from which it is none
_FAINTLY = 0.4  # confidence of an event that sounds where a prompt asks for one and none is seen surely
_NO_WORDS = "this engine speaks no words: the transcript is not heard, the voice follows the mouth that is seen"
_VOICES = {
    Role.FX: _Voice(guidance=3.0, by_text=3.0, rescale=0.7, width=0.18, pan=0.35),
    Role.AMB: _Voice(guidance=2.0, by_text=2.0, rescale=0.8, width=0.55, pan=0.0),
    Role.DX: _Voice(guidance=2.0, by_text=3.0, rescale=0.7, width=0.0, pan=0.0),  # a mixer wants dialogue in the middle
}


def _instants(events: tuple[VisualEvent, ...]) -> list[float]:
    """Known events in units of 10 ms, to the fraction."""
    return [float(event.time_s * SAMPLE_RATE / HOP) for event in events]


def _near(spot: Spot, spoken: Tensor) -> bool:
    """Whether a mouth is seen to speak, `(T,)` of 1, within 0.3 s of a spot."""
    token = spot.slot // EVENT_SLOTS
    return float(spoken[max(0, token - _AROUND) : token + _AROUND + 1].amax()) >= _TALKS


def _slots(events: tuple[VisualEvent, ...]) -> list[int]:
    """The 10 ms slots of known events."""
    return [round(event.time_s * SAMPLE_RATE / HOP) for event in events]


class SmallEngine:
    """The engine that ships. Loads its weights at once.

    Args:
        device: "cpu", "cuda" or "mps".
        weights: other weights or networks than those that ship.
        words: of another engine, to share.
        sampler: how the flow from noise to sound is followed; equal Euler steps.
        read: what reads frames, if they are in no file.

    Raises:
        WeightsError: weights are missing or damaged.
    """

    def __init__(
        self,
        device: str = "cpu",
        *,
        weights: Weights | Networks | None = None,
        words: Words | None = None,
        sampler: sampling.Sampler | None = None,
        read: ReadFrames | None = None,
    ) -> None:
        self._device = torch.device(device)
        networks = weights if isinstance(weights, Networks) else Networks.of(weights or read_weights("small"))
        self._own = networks.to(self._device)
        self._brought = BroughtWeights(self._device)
        words = words or Words.load()
        self._sentences, self._reach, self._ear = words.sentences, words.reach, words.ear
        self._appearance = Appearance(self._reach, device=self._device)
        self._sampler = sampler or sampling.Sampler()
        self._read = read
        self._in_bf16 = multiplies_in_bf16(self._device.type)
        self._use(self._own)

    def _use(self, networks: Networks) -> None:
        self._networks = networks
        self._encoder, self._flow, self._vocoder = networks.encoder, networks.flow, networks.vocoder
        self._codec, self._kinds = networks.codec, networks.kinds
        self._timbres = Timbres(networks.prior, networks.timbre, ear=self._ear, device=self._device)

    @property
    def info(self) -> EngineInfo:
        """The abilities that `specs.SMALL` declares."""
        return SMALL.info

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
        return self._render(request, None, on_progress=on_progress, cancelled=cancelled)

    def render_after(
        self,
        request: RenderRequest,
        before: npt.NDArray[np.float32],
        *,
        on_progress: Callable[[Progress], None],
        cancelled: Callable[[], bool],
    ) -> RenderedAudio:
        """Render one window that goes on from sound; see `windows.Continuing`."""
        return self._render(request, before.mean(0), on_progress=on_progress, cancelled=cancelled)

    @torch.no_grad()
    def _render(
        self,
        request: RenderRequest,
        before: npt.NDArray[np.float32] | None,
        *,
        on_progress: Callable[[Progress], None],
        cancelled: Callable[[], bool],
    ) -> RenderedAudio:
        self.info.check(request)
        networks = self._brought.of(request.sampling) or self._own
        if networks is not self._networks:
            self._use(networks)
        for words in self._reach.warnings(request.prompt):
            warnings.warn(words, EngineWarning, stacklevel=2)
        if request.prompt.transcript.strip():
            warnings.warn(_NO_WORDS, EngineWarning, stacklevel=2)
        n_steps = request.sampling.steps or self.info.default_steps
        total = n_steps + 2

        def check(done: int, stage: str) -> None:
            if cancelled():
                raise Cancelled("the render was cancelled")
            on_progress(Progress(done=done, total=total, stage=stage))

        check(0, "looking")
        maps, cuts = self._look(request.picture, n_shown=ceil(Fraction(request.n_samples, SAMPLES_PER_TOKEN)))
        generator = torch.Generator().manual_seed(request.seed)
        mel, attacks = self._sample(request, maps, cuts, before, generator, lambda i: check(1 + i, "sampling"))
        check(1 + n_steps, "decoding")
        mono = self._vocode(mel, generator, attacks)[: request.n_samples]
        sound = self._place(mono, request, maps)
        check(total, "done")
        return RenderedAudio(samples=np.ascontiguousarray(sound), sample_rate=request.sample_rate)

    @torch.no_grad()
    def spot(
        self, picture: Picture, *, duration_s: Fraction, at_least: float, options: tuple[str, ...] = ()
    ) -> tuple[VisualEvent, ...]:
        """Where the picture is seen to sound; see `spotting.Spotter`."""
        networks = self._brought.of(Sampling(options=options)) or self._own
        maps, cuts = self._look(picture, n_shown=max(1, ceil(duration_s * SAMPLE_RATE / SAMPLES_PER_TOKEN)))
        _, onsets = networks.encoder(maps.to(self._device), cuts.to(self._device))
        spots = away_from_cuts(find_spots(onsets[0], at_least=at_least), picture.cuts_s)
        events = [VisualEvent(Fraction(spot.slot * HOP, SAMPLE_RATE), spot.confidence) for spot in spots]
        return tuple(event for event in events if event.time_s < duration_s)

    def _look(self, picture: Picture, *, n_shown: int) -> tuple[Tensor, Tensor]:
        """Motion maps and cut flags of a window of `n_shown` tokens, made long enough for the models; see `see`."""
        return see(picture, n_tokens=max(_SHORTEST, n_shown + _MARGIN), n_shown=n_shown, read=self._read)

    def _sample(
        self,
        request: RenderRequest,
        maps: Tensor,
        cuts: Tensor,
        before: npt.NDArray[np.float32] | None,
        generator: torch.Generator,
        on_step: Callable[[int], None],
    ) -> tuple[Tensor, tuple[Attack, ...] | None]:
        """Log-mel `(1, 4 T, 96)` for a request that may go on from mono sound, and its attacks, where known."""
        held = None if before is None else self._held(before)
        voice = _VOICES[request.prompt.role]
        scale = voice.guidance if request.sampling.guidance is None else request.sampling.guidance
        vectors, onsets = self._encoder(maps.to(self._device), cuts.to(self._device))
        n_tokens = maps.shape[1]
        text, negative = request.prompt.text.strip(), request.prompt.negative_text.strip()
        embeddings = self._sentences.embed([text or " ", negative or " "]).to(self._device)
        # What the picture looks like to the user's own model stands in for a prompt, where there is such a model.
        if seen := self._appearance.read(request, embeddings[0], on_batch=lambda: on_step(0)):
            embeddings[0], text = seen.vector, text or seen.words
        if request.prompt.role is Role.DX and not text and not self._sees_speech(vectors):
            on_step(0)
            return self._codec.decode(self._codec.silence(n_tokens)), None  # nobody asks for a voice, and none is seen
        events, slots = torch.zeros(1, n_tokens, EVENT_SLOTS + 1), list[int]()
        shown = torch.ones(n_tokens, dtype=torch.bool)
        known, only_begins = SEEN, False
        if request.prompt.role is Role.FX:
            named = self._reach.kinds(text, names=self._kinds)
            only_begins = self._only_begins(named, text)
            slots, known, spots = self._events(request, onsets[0], vectors[0], text, named, only_begins=only_begins)
            events, shown = event_slots(slots, n_tokens, known=known), ~edited_tokens(spots, slots, n_tokens)
        elif request.prompt.role is Role.AMB:
            # A background belongs to the place, not to single events: it sees the window as a whole.
            vectors = vectors.mean(1, keepdim=True).expand_as(vectors)
        # Effects were trained to leave out what is forbidden; a background is led away from it.
        heeds = bool(negative) and request.prompt.role is Role.FX
        judged = self._ear.knows(replace(request.prompt, text=text))  # of effects and backgrounds
        timbre = None if before is None else self._timbres.of(before)
        if timbre is None:
            whole = vectors[0].mean(0)
            wanted = Asked(text, negative, embeddings, heeds, whole, _ROLES.index(request.prompt.role), judged)
            timbre = self._timbres.draw(wanted, generator)
        usual = voice.by_text if request.sampling.guidance is None else scale
        by_text = request.sampling.number("guidance-text", default=usual, largest=50)
        is_apart = by_text != scale and (bool(text) or heeds)

        def asked(branches: Sequence[_Branch]) -> Conditions:
            return Conditions(
                picture=vectors.expand(len(branches), -1, -1),
                text=torch.stack([embeddings[0 if branch.reads else 1] for branch in branches]),
                role=torch.full((len(branches),), _ROLES.index(request.prompt.role), device=self._device),
                see=torch.stack([shown & branch.sees for branch in branches]).to(self._device),
                read=torch.tensor(
                    [bool(text) if branch.reads else bool(negative) and not heeds for branch in branches],
                    device=self._device,
                ),
                events=torch.cat([events * branch.sees for branch in branches]).to(self._device),
                negative=embeddings[1:].expand(len(branches), -1),
                avoid=torch.tensor([heeds and branch.reads for branch in branches], device=self._device),
                timbre=timbre.expand(len(branches), -1),
                known=torch.tensor([branch.reads for branch in branches], device=self._device),
            )

        def velocities(x: Tensor, t: float, conditions: Conditions) -> Tensor:
            """`(branches, drafts, T, latent)`."""
            n, count = len(conditions.role), len(x)
            many = Conditions(*(value.repeat_interleave(count, dim=0) for value in vars(conditions).values()))
            with torch.autocast(self._device.type, torch.bfloat16, enabled=self._in_bf16):  # as it was trained
                each: Tensor = self._flow(x.repeat(n, 1, 1), torch.full((n * count,), t, device=self._device), many)
            return each.float().view(n, count, *x.shape[1:])

        def guided(conditional: Tensor, unconditional: Tensor) -> Tensor:
            """Coarse and fine components apart: what is mostly noise must not hide how far the others have grown."""
            parts = (slice(0, self._flow.config.coarse), slice(self._flow.config.coarse, None))
            pairs = ((conditional[..., part], unconditional[..., part]) for part in parts)
            return torch.cat([sampling.guided(*pair, scale=scale, rescale=voice.rescale) for pair in pairs], dim=2)

        together = asked((_WHOLE,) if scale == 1.0 else (_WHOLE, _NOTHING))
        apart = asked((_WHOLE, _NO_TEXT, _NOTHING)) if is_apart else together

        def velocity(x: Tensor, t: float) -> Tensor:
            if not is_apart or t >= _TEXT_UNTIL:
                each = velocities(x, t, together)
                return guided(each[0], each[-1])
            # What the prompt adds to the picture, and the picture to nothing.
            whole, no_text, nothing = velocities(x, t, apart)
            wanted = no_text + by_text / max(scale, 1e-3) * (whole - no_text)
            return guided(wanted, nothing)

        n_drafts = self._n_drafts(request, judged=judged)
        x = torch.randn(n_drafts, n_tokens, self._flow.config.latent, generator=generator).to(self._device)
        times = self._sampler.schedule(request.sampling.steps or self.info.default_steps)
        step = self._sampler.step
        begun = round(_DRAFTED * (len(times) - 1)) if n_drafts > 1 else 0
        if begun:
            x = sampling.sample(velocity, x, times[: begun + 1], step=step, held=held, on_step=on_step)
            outcome = x + (1 - times[begun]) * velocity(x, times[begun])
            best = self._best(self._codec.decode(outcome), text, request.prompt.role, slots=slots)
            x = x[best : best + 1]
        rest = times[begun:]
        x = sampling.sample(velocity, x[:1], rest, step=step, held=held, on_step=lambda i: on_step(begun + i))
        if held is None and slots and only_begins:
            first = min(slots) // EVENT_SLOTS
            x[:, :first] = self._codec.silence(first)
        decoded = self._codec.decode(x)
        if request.prompt.role is Role.FX and request.events is None and self._only_lasts(named, text, slots):
            levels = torch.sigmoid(self._encoder.levels(vectors)[0, :, 0]).cpu().numpy()
            return torch.from_numpy(while_seen(decoded[0].cpu().numpy(), levels))[None].to(self._device), None
        if not slots:
            return decoded, None
        kept = 0 if held is None else held.shape[1] * FRAMES_PER_TOKEN
        mel = decoded[0].cpu().numpy()
        if only_begins and (curve := slowest(named, self._kinds)) is not None:
            mel = die_away(mel, slots, curve)
        instants = slots if request.events is None else _instants(request.events)
        mel, attacks = drawn_to(mel, instants, kept=kept)
        if known == TOLD:
            mel = accented(mel, slots, kept=kept)
        return torch.from_numpy(mel)[None].to(self._device), attacks

    def _sees_speech(self, vectors: Tensor) -> bool:
        """Whether a mouth seems to speak anywhere in a window."""
        return float(torch.sigmoid(self._encoder.levels(vectors)[..., 1]).amax()) >= _SPEAKS

    def _held(self, before: npt.NDArray[np.float32]) -> Tensor | None:
        """Latents `(1, K, latent)` of mono sound that a window goes on from; None where it is too short."""
        n_tokens = len(before) // SAMPLES_PER_TOKEN - 1  # the last token hears what comes after it
        if n_tokens < 1:
            return None
        # What was before it is not known: in a mirror it is as loud and as bright.
        mel = log_mel(np.pad(before, SAMPLES_PER_TOKEN, mode="reflect"))[FRAMES_PER_TOKEN:]
        return self._codec.encode(torch.from_numpy(mel[: n_tokens * FRAMES_PER_TOKEN])[None].to(self._device))

    @staticmethod
    def _n_drafts(request: RenderRequest, *, judged: bool) -> int:
        """How many sounds are begun for a request, of which one is finished; one where the ear cannot judge them."""
        asked = int(request.sampling.number("drafts", default=_DRAFTS, largest=_MOST_DRAFTS))
        return max(1, asked) if judged else 1

    def _best(self, mels: Tensor, text: str, role: Role, *, slots: Sequence[int] = ()) -> int:
        """Which of several log-mels `(K, F, 96)` fits a text and its events best, but for those far from most in level.

        What lasts is never silent where it is asked for: there it is those far fainter than the loudest that fall out.
        """
        levels = 10 * torch.log10((10.0 ** (2 * mels)).mean((1, 2)).clamp_min(1e-12))
        fits = self._ear.standings(mels, text)
        if slots:
            fits = fits + _SYNC * on_time(mels, slots).cpu()
        lasts = role is Role.AMB or self._lasts(self._reach.kinds(text, names=self._kinds))
        usual = levels.max() if lasts else levels.median()
        fits[(levels - usual).abs().cpu() > _ODD_DB] = -torch.inf
        return int(fits.argmax())

    def _families(self, named: Tensor) -> set[Family]:
        """Families of what the phrases `(phrases, kinds)` name."""
        return {KINDS[self._kinds[int(kind)]].family for kind in named.argmax(1)}

    def _lasts(self, named: Tensor) -> bool:
        """Whether one of the phrases names something that lasts."""
        return Family.LOOP in self._families(named)

    def _only_begins(self, named: Tensor, text: str) -> bool:
        """Whether all that a prompt names begins at instants: it is about all events, and silent before the first.

        What lasts has no events: a prompt that names it says nothing of those that are seen.
        """
        return 0 < len(named) == len(phrases(text)) and not self._lasts(named)

    def _only_lasts(self, named: Tensor, text: str, slots: Sequence[int]) -> bool:
        """Whether all that a prompt names lasts; without a prompt, whether nothing is seen to begin."""
        if not text:
            return not slots
        return len(named) == len(phrases(text)) and self._families(named) == {Family.LOOP}

    def _events(
        self, request: RenderRequest, onsets: Tensor, vectors: Tensor, text: str, named: Tensor, *, only_begins: bool
    ) -> tuple[list[int], float, tuple[Spot, ...]]:
        """The slots of the events that sound, what is known of them, and the spots that explain what is seen there.

        An editor's are never second-guessed. A prompt that names all that sounds tells which of those that are seen,
        faintly too, are meant. Where somebody talks, nothing lasts and nobody asks, sure events sound and nothing else.
        """
        sure = find_spots(onsets)
        if request.events is not None:
            return _slots(request.events), TOLD, sure

        def seen(at_least: float) -> tuple[Spot, ...]:
            return away_from_cuts(find_spots(onsets, at_least=at_least), request.picture.cuts_s)

        def kinds_at(spots: Sequence[Spot]) -> Tensor:
            logits: Tensor = self._encoder.kinds(vectors[[spot.slot // EVENT_SLOTS for spot in spots]])
            return logits.cpu()

        surely = chosen = away_from_cuts(sure, request.picture.cuts_s)
        lasts, spoken = torch.sigmoid(self._encoder.levels(vectors)).cpu().T
        talks = not text and float(spoken.amax()) >= _TALKS and float(lasts.amax()) < _TALKS
        if talks:
            chosen = tuple(spot for spot in surely if spot.confidence >= _NO_MOUTH or not _near(spot, spoken))
        if only_begins and (faint := seen(FAINTEST)):
            confidences = torch.tensor([spot.confidence for spot in faint])
            heard = believed(confidences, kinds_at(faint), asked=named).tolist()
            chosen = tuple(spot for spot, sounds in zip(faint, heard, strict=True) if sounds)
        if is_faint := not chosen and bool(text) and not self._lasts(named):
            chosen = seen(_FAINTLY)  # something was asked for that happens at once
        forbidden = self._reach.kinds(request.prompt.negative_text.strip(), names=self._kinds)
        slots = [spot.slot for spot in chosen]
        if slots and (len(named) or len(forbidden)):
            out = left_out(kinds_at(chosen), asked=named, forbidden=forbidden, is_all=only_begins)
            slots = [slot for slot, no in zip(slots, out.tolist(), strict=True) if not no]
        is_chosen = only_begins or is_faint or talks or slots != [spot.slot for spot in surely]
        return slots, TOLD if is_chosen else SEEN, (*sure, *chosen)

    def _vocode(
        self, mel: Tensor, generator: torch.Generator, attacks: tuple[Attack, ...] | None = None
    ) -> npt.NDArray[np.float32]:
        """Mono sound `(480 F,)` of a log-mel `(1, F, 96)`, and of its attacks unless they are to be read off it."""
        silent = mel.amax(dim=2, keepdim=True) < SILENT
        noise = torch.randn(1, mel.shape[1], NOISE_CHANNELS, generator=generator).to(self._device)
        attacks = find_attacks(mel[0].cpu().numpy()) if attacks is None else attacks
        sound = refine(self._vocoder(mel, noise)[0].float(), mel[0], rounds=_ROUNDS, attacks=attacks)
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
