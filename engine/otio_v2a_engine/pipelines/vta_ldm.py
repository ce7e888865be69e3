"""The engine `vta-ldm`: the published latent diffusion behind the contract. Knows no other engine.

picture -> frames -> visual encoder --+
prompts -> text encoder --------------+-> UNet, n steps with guidance -> latents -> mel -> vocoder -> 16 kHz -> any rate
seed ---> noise ----------------------+

The model was trained on windows of 10.24 s alone, so it always makes one, and what was not asked for is cut off.
"""

import warnings
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soxr
import torch
from torch import Tensor, nn

from otio_v2a_engine.contract import (
    Cancelled,
    EngineError,
    EngineInfo,
    EngineWarning,
    Picture,
    Progress,
    RenderedAudio,
    RenderRequest,
    Sampling,
    UnsupportedRequest,
)
from otio_v2a_engine.frames import probe
from otio_v2a_engine.lengths import position
from otio_v2a_engine.models.level import limit
from otio_v2a_engine.models.stereo import to_stereo
from otio_v2a_engine.saliency import Saliency, spans_of
from otio_v2a_engine.specs import VTA_LDM
from otio_v2a_engine.vta_ldm import samplers
from otio_v2a_engine.vta_ldm.checkpoint import KIND, Checkpoint, read_checkpoint
from otio_v2a_engine.vta_ldm.flow import FLOW_SIDE, FLOW_STEP_S, flow_features
from otio_v2a_engine.vta_ldm.guidance import Guidance, Seen, guided, guided_velocity
from otio_v2a_engine.vta_ldm.looking import frame_times, look, published_frame_times
from otio_v2a_engine.vta_ldm.model import Condition
from otio_v2a_engine.vta_ldm.saliency import frame_maps
from otio_v2a_engine.vta_ldm.vae import decode_latents
from otio_v2a_engine.vta_ldm.vocoder import to_waveform
from otio_v2a_engine.weight_folders import find_folder

__all__ = ["RenderOptions", "VtaLdmEngine"]

_GUIDANCE = 3.0
_PUBLISHED_STEPS = 300
_FULL_SCALE_INT16 = 32768
_WIDTH = 0.18
_KEPT_FEATURES = 16
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class RenderOptions:
    """A request's sampler settings, complete.

    Attributes:
        as_published: repeat the published code's faults too (docs/vta-ldm.md names them).
        dtype: of the UNet and the encoders; the autoencoder and the vocoder always run in fp32.
        channels_last: memory layout of the UNet.
        compiled: whether the UNet goes through torch.compile.
    """

    as_published: bool
    sampler: str
    n_steps: int
    guidance: Guidance
    dtype: str
    channels_last: bool
    compiled: bool

    @classmethod
    def of(cls, sampling: Sampling, *, device: str = "cpu") -> "RenderOptions":
        """Read a request's settings.

        Raises:
            UnsupportedRequest: an option has a value that does not exist; the message names those that do.
        """
        as_published = sampling.option("paper-compatible") is not None
        sampler = sampling.option("sampler") or ("ddpm" if as_published else samplers.DEFAULT_SAMPLER)
        dtype = sampling.option("dtype") or ("bf16" if device == "cuda" else "fp32")
        for name, value, known in (("sampler", sampler, samplers.SAMPLERS), ("dtype", dtype, _DTYPES)):
            if value not in known:
                raise UnsupportedRequest(
                    f"engine {VTA_LDM.info.name}: {name} is one of {', '.join(known)}, not {value!r}"
                )
        picture = _GUIDANCE if sampling.guidance is None else sampling.guidance
        default_steps = _PUBLISHED_STEPS if as_published else VTA_LDM.info.default_steps
        return cls(
            as_published=as_published,
            sampler=sampler,
            n_steps=sampling.steps or default_steps,
            guidance=Guidance(
                picture=picture,
                text=sampling.number("guidance-text", default=picture, largest=50),
                rescale=sampling.number("rescale", default=0.0, largest=1),
            ),
            dtype=dtype,
            channels_last=sampling.option("channels-last") is not None,
            compiled=sampling.option("compile") is not None,
        )


class VtaLdmEngine:
    """VTA-LDM from a weights folder. Reads its weights at once.

    Args:
        device: "cpu", "cuda" or "mps".
        folder: the weights folder; None is the first of its kind that `weight_folders` finds.

    Raises:
        WeightsError: there is no such folder, or what it holds is damaged or does not fit.
    """

    def __init__(self, device: str = "cpu", *, folder: Path | None = None) -> None:
        self._device = torch.device(device)
        self._folder = find_folder(KIND)[0] if folder is None else folder
        self._loaded: tuple[str, bool, bool] | None = None
        self._denoise: Any = None
        self._features: OrderedDict[Hashable, Tensor] = OrderedDict()
        self._checkpoint = read_checkpoint(self._folder)
        window_s = self._checkpoint.config.window_s
        if window_s != self.info.max_window_s:
            raise EngineError(
                f"{self._folder} was trained on windows of {float(window_s):g} s, engine {self.info.name} renders "
                f"{float(self.info.max_window_s):g} s"
            )
        self._place(RenderOptions.of(Sampling(), device=device))

    @property
    def info(self) -> EngineInfo:
        """The abilities that `specs.VTA_LDM` declares."""
        return VTA_LDM.info

    @property
    def checkpoint(self) -> Checkpoint:
        """What is loaded."""
        return self._checkpoint

    def close(self) -> None:
        """Forget what was seen; memory goes with the engine."""
        self._features.clear()

    def render(
        self,
        request: RenderRequest,
        *,
        on_progress: Callable[[Progress], None],
        cancelled: Callable[[], bool],
    ) -> RenderedAudio:
        """Render one window; see `contract.Engine`."""
        return self.render_takes(request, [request.seed], on_progress=on_progress, cancelled=cancelled)[0]

    @torch.no_grad()
    def render_takes(
        self,
        request: RenderRequest,
        seeds: Sequence[int],
        *,
        on_progress: Callable[[Progress], None] = lambda _: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> list[RenderedAudio]:
        """Several takes of one window in one batch; each is what its seed alone gives, up to rounding."""
        self.info.check(request)
        options = RenderOptions.of(request.sampling, device=self._device.type)
        self._place(options)
        total = options.n_steps + 3

        def check(done: int, stage: str) -> None:
            if cancelled():
                raise Cancelled("the render was cancelled")
            on_progress(Progress(done=done, total=total, stage=stage))

        check(0, "looking")
        seen = self.see(request, options)
        check(1, "sampling")
        latents = self._sample(seen, seeds, options, on_step=lambda i: check(1 + i, "sampling"))
        check(1 + options.n_steps, "decoding")
        sounds = self._decode(latents)
        check(2 + options.n_steps, "finishing")
        takes = [self._finish(sound, request, options) for sound in sounds]
        check(total, "done")
        return takes

    def explain(
        self, request: RenderRequest, *, n_spans: int, on_stage: Callable[[str], None] = lambda _: None
    ) -> Saliency:
        """Where the model looks while it makes the sound of each span; see `explaining.Explains`."""
        self.info.check(request)
        options = RenderOptions.of(request.sampling, device=self._device.type)
        self._place(options)
        checkpoint = self._checkpoint
        spans_s = spans_of(request.duration_s, n_spans)
        with torch.no_grad():
            on_stage("making the sound")
            seen = self.see(request, options).to(checkpoint.model.projection.weight.dtype)
            latents = self._sample(seen, [request.seed], options, on_step=lambda _: None)
        on_stage("following it back to the picture")
        times_s = self._times(request, options)
        fresh = tuple(dict.fromkeys(times_s))
        rate = Fraction(checkpoint.config.latent_frames) / checkpoint.config.window_s

        def condition_of(features: Tensor) -> Condition:
            return checkpoint.model.encode_condition(features, text=seen.text, flow=seen.flow)

        maps = frame_maps(
            checkpoint.model,
            checkpoint.encoder,
            frames=look(request.picture, fresh, checkpoint.encoder.settings).to(self._device),
            shown=[fresh.index(time) for time in times_s],
            latents=latents,
            spans=[_latent_span(span_s, rate) for span_s in spans_s],
            condition_of=condition_of,
            generator=torch.Generator().manual_seed(request.seed),
        )
        return Saliency(times_s=fresh, spans_s=spans_s, maps=maps, is_square=True)

    def see(self, request: RenderRequest, options: RenderOptions) -> Seen:
        """What the denoiser is told of a request: features, flow and sentences."""
        times_s = self._times(request, options)
        config = self._checkpoint.config
        flow = None
        if config.flow is not None:
            flow = self._remembered("flow", request.picture, times_s, self._measure_flow)
        features = self._remembered("features", request.picture, times_s, self._encode)
        text, negative = self._sentences(request.prompt.text.strip(), request.prompt.negative_text.strip())
        return Seen(features=features, text=text, negative=negative, flow=flow)

    def _times(self, request: RenderRequest, options: RenderOptions) -> tuple[Fraction, ...]:
        config = self._checkpoint.config
        rate = config.encoder.frame_rate
        if options.as_published:
            movie_rate = probe(request.picture).rate
            return published_frame_times(shown_s=request.duration_s, rate=rate, movie_rate=movie_rate)
        return frame_times(shown_s=request.duration_s, window_s=config.window_s, rate=rate)

    def _encode(self, picture: Picture, times_s: tuple[Fraction, ...]) -> Tensor:
        encoder = self._checkpoint.encoder
        dtype = next(encoder.parameters()).dtype
        frames = look(picture, times_s, encoder.settings)
        features: Tensor = encoder(frames[None].to(self._device, dtype)).float()
        return features

    def _measure_flow(self, picture: Picture, times_s: tuple[Fraction, ...]) -> Tensor:
        settings = self._checkpoint.config.flow
        assert settings is not None
        small = replace(self._checkpoint.config.encoder, image_size=FLOW_SIDE)
        later = tuple(time + FLOW_STEP_S for time in times_s)
        flow = flow_features(look(picture, times_s, small), look(picture, later, small), grid=settings.grid)
        return flow[None].to(self._device)

    def _remembered(
        self,
        what: str,
        picture: Picture,
        times_s: tuple[Fraction, ...],
        make: Callable[[Picture, tuple[Fraction, ...]], Tensor],
    ) -> Tensor:
        """Takes of one shot, prompts and sampler settings share what was seen; a file that changed is seen anew."""
        key = (what, self._loaded, times_s, replace(picture, cuts_s=()), _stamp(picture.path))
        if key not in self._features:
            self._features[key] = make(picture, times_s)
            while len(self._features) > _KEPT_FEATURES:
                self._features.popitem(last=False)
        self._features.move_to_end(key)
        return self._features[key]

    def _sentences(self, text: str, negative: str) -> tuple[Tensor | None, Tensor | None]:
        reader, settings = self._checkpoint.text, self._checkpoint.config.text
        if not text and not negative:
            return None, None
        if reader is None or settings is None or not reader.reads:
            warnings.warn(
                "these weights of vta-ldm read no prompts: the picture alone decides", EngineWarning, stacklevel=2
            )
            return None, None
        if not settings.trained:
            warnings.warn(
                "these weights of vta-ldm were trained on pictures alone: prompts are read through CLIP's common space "
                "of text and picture and steer only roughly",
                EngineWarning,
                stacklevel=2,
            )
        embeds = [reader.embed([sentence]).float() if sentence else None for sentence in (text, negative)]
        return embeds[0], embeds[1]

    def _sample(
        self, seen: Seen, seeds: Sequence[int], options: RenderOptions, *, on_step: Callable[[int], None]
    ) -> Tensor:
        """Latents `(len(seeds), C, frames, bins)`."""
        config = self._checkpoint.config
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        x = samplers.initial_noise(config.latent_shape, generators, device=self._device)
        model = self._checkpoint.model
        branches = guided(model, seen.to(model.projection.weight.dtype), options.guidance)
        velocity = guided_velocity(model, branches, rescale=options.guidance.rescale)
        scheduler = samplers.build_scheduler(options.sampler, config.schedule, as_published=options.as_published)
        return samplers.sample(
            velocity, x, scheduler=scheduler, n_steps=options.n_steps, generators=generators, on_step=on_step
        )

    def _decode(self, latents: Tensor) -> npt.NDArray[np.float32]:
        """Sound `(n, window samples)` at the model's own rate."""
        checkpoint = self._checkpoint
        mel = decode_latents(checkpoint.vae, latents, latent_scale=checkpoint.config.latent_scale)
        sound: npt.NDArray[np.float32] = to_waveform(checkpoint.vocoder, mel).cpu().numpy()
        return sound[:, : checkpoint.config.window_samples]

    def _finish(self, sound: npt.NDArray[np.float32], request: RenderRequest, options: RenderOptions) -> RenderedAudio:
        """Rate, length, channels, and a level that never clips."""
        sound = np.nan_to_num(sound)
        if options.as_published:
            # +1.0 becomes -1.0: the published code wraps around.
            wrapped = (sound * _FULL_SCALE_INT16).astype(np.int64).astype(np.int16)
            sound = wrapped.astype(np.float32) / np.float32(_FULL_SCALE_INT16)
        own_rate = self._checkpoint.config.mel.sample_rate
        if request.sample_rate != own_rate:
            sound = soxr.resample(sound, own_rate, request.sample_rate, quality="VHQ").astype(np.float32)
        mono = np.zeros(request.n_samples, np.float32)
        shown = sound[: request.n_samples]
        mono[: len(shown)] = shown
        if options.as_published:
            samples = np.repeat(np.clip(mono, -1, 1)[None], request.channels, axis=0)
        elif request.channels == 1:
            samples = limit(mono[None])
        else:
            samples = limit(to_stereo(mono, width=_WIDTH, sample_rate=request.sample_rate))
        return RenderedAudio(samples=np.ascontiguousarray(samples, dtype=np.float32), sample_rate=request.sample_rate)

    def _place(self, options: RenderOptions) -> None:
        """Put the networks on the device as the options want them; weights are read again when they were rounded."""
        wanted = (options.dtype, options.channels_last, options.compiled)
        if self._loaded == wanted:
            return
        if self._loaded is not None:
            self._checkpoint = read_checkpoint(self._folder)
            self._features.clear()
        checkpoint, dtype = self._checkpoint, _DTYPES[options.dtype]
        for name, part in checkpoint.networks.items():
            is_exact = name in ("vae", "vocoder")
            # The libraries' own `to` warns of layers that they would keep in fp32, and there are none.
            nn.Module.to(part.requires_grad_(False), self._device, torch.float32 if is_exact else dtype)
        nn.Module.to(checkpoint.model.requires_grad_(False), self._device, dtype)
        if options.channels_last:
            checkpoint.model.unet.to(memory_format=torch.channels_last)
        if options.compiled:
            checkpoint.model.unet.compile()
        self._loaded = wanted


def _latent_span(span_s: tuple[Fraction, Fraction], rate: Fraction) -> tuple[int, int]:
    """Latent frames of a span of sound, at least one."""
    start = position(span_s[0], rate)
    return start, max(position(span_s[1], rate), start + 1)


def _stamp(path: str) -> tuple[int, int]:
    """What changes when a file does; an image sequence's pattern is no file, and gets none."""
    try:
        status = Path(path).stat()
    except OSError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)
