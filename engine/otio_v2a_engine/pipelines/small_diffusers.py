"""The engine `small` as a diffusers pipeline, for scripts and research. Renders nothing itself: `SmallEngine` does.

    pipe = SmallPipeline.shipped()
    sound = pipe("shot.mov", "footsteps on gravel", seed=1).audios[0]     # (2, samples) at 48 kHz

Importing this takes seconds, which is why the engine never does. What it returns is not marked: the watermark and the
provenance are laid by the product, on what it delivers (docs/small-pipeline.md).
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from diffusers import AudioPipelineOutput, DiffusionPipeline
from torch import Tensor, nn

from otio_v2a_engine import sampling
from otio_v2a_engine.contract import Picture, PromptSpec, RenderRequest, Role, Sampling, WeightsError
from otio_v2a_engine.flow_schedulers import FlowSteps, default_scheduler, read_scheduler
from otio_v2a_engine.lengths import position
from otio_v2a_engine.models.small_modules import (
    SmallCodec,
    SmallFlow,
    SmallPictureEncoder,
    SmallTimbrePrior,
    SmallTimbreSpace,
    SmallVocoder,
)
from otio_v2a_engine.picture_inputs import GivenPicture, exact_seconds
from otio_v2a_engine.pipelines.small import SmallEngine
from otio_v2a_engine.small_networks import PARTS, Networks, Words, read_folder
from otio_v2a_engine.specs import SMALL
from otio_v2a_engine.weights import Weights, read_weights
from otio_v2a_engine.windows import plan_windows, render_long

__all__ = ["SmallPipeline", "SmallPipelineOutput"]

Sound = npt.NDArray[np.float32]
OnStepEnd = Callable[[Any, int, Tensor, dict[str, Tensor]], dict[str, Tensor]]

_SAMPLE_RATE = 48000
_MOST_SEED = 2**63
_ALWAYS = ("local_files_only", "use_safetensors")


@dataclass
class SmallPipelineOutput(AudioPipelineOutput):  # type: ignore[misc]
    """What `SmallPipeline` returns.

    Attributes:
        audios: float32 `(takes, channels, samples)` within [-1, 1]; a tensor where "pt" was asked for.
        sample_rate: 48000 Hz.
        seeds: of the takes.
    """

    audios: Any
    sample_rate: int
    seeds: tuple[int, ...]


class SmallPipeline(DiffusionPipeline):  # type: ignore[misc]
    """Sound for silent picture by the model that ships, or one trained further.

    Make one with `shipped` or `from_pretrained`. All parts are float32; where bfloat16 is faster, the flow takes it by
    itself. The sentence encoder and the ear are not parts: they come with the installation.

    Args:
        encoder: looks at motion.
        flow: velocity of the latents.
        prior: velocity of the timbre.
        vocoder: log-mel to sound.
        codec: latents to log-mel.
        timbre: timbres to the ear's features.
        scheduler: `FlowMatchEulerDiscreteScheduler` or `FlowMatchHeunDiscreteScheduler`.
    """

    _callback_tensor_inputs = ("latents",)

    def __init__(
        self,
        encoder: SmallPictureEncoder,
        flow: SmallFlow,
        prior: SmallTimbrePrior,
        vocoder: SmallVocoder,
        codec: SmallCodec,
        timbre: SmallTimbreSpace,
        scheduler: Any,
    ) -> None:
        super().__init__()
        self.register_modules(
            encoder=encoder, flow=flow, prior=prior, vocoder=vocoder, codec=codec, timbre=timbre, scheduler=scheduler
        )
        self._known_words: Words | None = None

    @classmethod
    def shipped(cls, *, scheduler: Any = None) -> "SmallPipeline":
        """The pipeline with the weights in the package.

        Raises:
            WeightsError: they are missing or damaged.
        """
        return cls._of(read_weights("small"), scheduler=scheduler or default_scheduler())

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: str | os.PathLike[str], *, scheduler: Any = None, **fixed: Any
    ) -> "SmallPipeline":
        """The pipeline with the weights of a local folder. Never asks the network, never opens a pickle.

        Args:
            pretrained_model_name_or_path: a folder as `save_pretrained` writes it, or with `small.safetensors` and
                `small.json`, as the training exports them.
            scheduler: instead of the folder's.
            fixed: `local_files_only` and `use_safetensors`, which are always True.

        Raises:
            WeightsError: it is no such folder, or what it holds is damaged or does not fit this version.
            TypeError: anything else is asked for.
        """
        if odd := {name: value for name, value in fixed.items() if name not in _ALWAYS or value is not True}:
            raise TypeError(
                f"{', '.join(odd)}: weights come from a local folder, in safetensors and float32, and from nowhere else"
            )
        folder = Path(pretrained_model_name_or_path)
        if not folder.is_dir():
            raise WeightsError(
                f"there is no folder {folder}; nothing is downloaded: name a folder that save_pretrained wrote, or "
                "take SmallPipeline.shipped()"
            )
        pipe = cls._of(read_folder(folder), scheduler=scheduler or read_scheduler(folder / "scheduler"))
        pipe.register_to_config(_name_or_path=str(folder))
        return pipe

    @classmethod
    def _of(cls, weights: Weights, *, scheduler: Any) -> "SmallPipeline":
        networks = Networks.of(weights)
        codec = SmallCodec(*networks.codec.basis.shape)
        codec.load_state_dict(networks.codec.tensors())
        timbre = SmallTimbreSpace(*networks.timbre.basis.shape)
        timbre.load_state_dict(networks.timbre.tensors())
        parts = {
            "encoder": SmallPictureEncoder(width=networks.flow.config.picture, kinds=list(networks.kinds)),
            "flow": SmallFlow(**asdict(networks.flow.config)),
            "prior": SmallTimbrePrior(**asdict(networks.prior.config)),
            "vocoder": SmallVocoder(**weights.note["config"]["vocoder"]),
        }
        for name, part in parts.items():
            part.network = getattr(networks, name).requires_grad_(True)
            part.eval()
        return cls(**parts, codec=codec, timbre=timbre, scheduler=scheduler)

    def save_pretrained(
        self, save_directory: str | os.PathLike[str], safe_serialization: bool = True, **refused: Any
    ) -> None:
        """Write a folder that `from_pretrained` and `otio-v2a generate --option weights=FOLDER` read.

        It holds `model_index.json` and a folder for each part, with its `config.json` and its safetensors.

        Raises:
            ValueError: pickles, a variant, an upload, or a part in another precision is asked for.
        """
        if not safe_serialization or any(refused.values()):
            asked = ", ".join(["safe_serialization=False"] * (not safe_serialization) + [*refused])
            raise ValueError(f"{asked}: a pipeline is saved in safetensors, whole, in a local folder")
        self._check_precision()
        super().save_pretrained(save_directory)

    @torch.no_grad()
    def __call__(
        self,
        video: str | os.PathLike[str] | Picture | Any,
        prompt: str | None = None,
        negative_prompt: str | None = None,
        *,
        role: Role | str = Role.FX,
        fps: float | Fraction | None = None,
        cuts: Sequence[float | Fraction] = (),
        duration: float | Fraction | None = None,
        channels: int = 2,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        text_guidance_scale: float | None = None,
        drafts: int | None = None,
        num_takes: int = 1,
        seed: int = 0,
        generator: torch.Generator | None = None,
        output_type: str = "np",
        return_dict: bool = True,
        callback_on_step_end: OnStepEnd | None = None,
    ) -> SmallPipelineOutput | tuple[Any]:
        """Render sound for a picture: what `SmallEngine` renders for the same request.

        Args:
            video: path of a movie; printf pattern of an image sequence; frames `(T, H, W, 3)`, uint8 or floats from 0
                to 1; a list of such frames or of PIL images; or a `contract.Picture`, with a retime.
            prompt: what should be heard; without it the picture decides.
            negative_prompt: what must not be heard.
            role: "FX", "AMB" or "DX". Music is composed by another engine.
            fps: frames per second of frames and of image sequences; not for movies, which say it themselves.
            cuts: seconds at which shots begin, ascending; `shots.find_shots` finds them in movies.
            duration: seconds of sound; as long as the picture. After its end its last frame stands.
            channels: 1 or 2.
            num_inference_steps: 12 where it is None.
            guidance_scale: how far to go by picture and prompt together; where it is None the role's own.
            text_guidance_scale: how far by the prompt alone, while it is decided what is heard; where it is None the
                role's own, or `guidance_scale` where that is given.
            drafts: sounds that are begun for a prompt, of which the one that fits best is finished; 4 where it is None.
            num_takes: takes, each from a seed of its own: `seed`, `seed + 1` and on.
            seed: same seed, same samples, on one machine.
            generator: seeds are drawn from it instead.
            output_type: "np" or "pt" (on the CPU).
            return_dict: False returns `(audios,)`.
            callback_on_step_end: called as `callback(pipe, step, timestep, {"latents": latents})` after each step, with
                `(drafts, T, latent)`; what it returns as "latents" is gone on with. It may raise to stop. Spans above
                10 seconds are rendered in windows, takes one after the other: steps begin anew with each.

        Raises:
            PictureError: the picture cannot be decoded, or the frames have another shape.
            UnsupportedRequest: a role or a number outside the engine's abilities.
            ValueError: arguments that cannot be, a part that is not float32, or a scheduler that does not fit.
        """
        if output_type not in ("np", "pt"):
            raise ValueError(f'output_type is "np" or "pt", not {output_type!r}')
        self._check_precision()
        given = GivenPicture.of(video, fps=fps, cuts=cuts)
        options = {"guidance-text": text_guidance_scale, "drafts": drafts}
        wanted = Sampling(
            steps=num_inference_steps,
            guidance=guidance_scale,
            options=tuple(f"{name}={value}" for name, value in options.items() if value is not None),
        )
        seeds = _seeds(num_takes, seed=seed, generator=generator)
        length_s = given.duration_s() if duration is None else exact_seconds(duration)
        requests = [
            RenderRequest(
                picture=given.picture,
                prompt=PromptSpec(text=prompt or "", negative_text=negative_prompt or "", role=Role(role)),
                n_samples=position(length_s, _SAMPLE_RATE),
                channels=channels,
                seed=each,
                sampling=wanted,
            )
            for each in seeds
        ]
        n_windows = len(plan_windows(requests[0], max_window_s=SMALL.info.max_window_s))
        n_steps = num_inference_steps or SMALL.info.default_steps
        with _in_evaluation(self._networks_in_use()), self.progress_bar(total=num_takes * n_windows * n_steps) as bar:

            def on_step_end(number: int, timestep: Tensor, x: Tensor) -> Tensor:
                if callback_on_step_end is not None:
                    x = callback_on_step_end(self, number, timestep, {"latents": x}).pop("latents", x)
                bar.update()
                return x

            steps = FlowSteps(self.scheduler, on_step_end=on_step_end)
            engine = SmallEngine(
                str(self._execution_device),
                weights=self.networks,
                words=self._words,
                sampler=sampling.Sampler(steps.schedule, steps.step),
                read=given.read,
            )
            takes = [_rendered(engine, request) for request in requests]
        audios = np.stack(takes)
        sounds = torch.from_numpy(audios) if output_type == "pt" else audios
        return SmallPipelineOutput(audios=sounds, sample_rate=_SAMPLE_RATE, seeds=seeds) if return_dict else (sounds,)

    @property
    def networks(self) -> Networks:
        """The parts as the engine takes them: the same tensors, no copies."""
        return Networks(
            encoder=self.encoder.network,
            flow=self.flow.network,
            prior=self.prior.network,
            vocoder=self.vocoder.network,
            codec=self.codec.tables,
            timbre=self.timbre.tables,
            kinds=tuple(self.encoder.config.kinds),
        )

    @property
    def _words(self) -> Words:
        if self._known_words is None:
            self._known_words = Words.load()
        return self._known_words

    def _networks_in_use(self) -> list[nn.Module]:
        return [self.encoder, self.flow, self.prior, self.vocoder]

    def _check_precision(self) -> None:
        for name in PARTS:
            if getattr(self, name).dtype != torch.float32:
                raise ValueError(
                    f"part {name} is {getattr(self, name).dtype}; this pipeline is float32, and multiplies in bfloat16 "
                    "by itself where that is faster: call pipe.to(torch.float32), or load it again"
                )


def _seeds(num_takes: int, *, seed: int, generator: torch.Generator | None) -> tuple[int, ...]:
    if num_takes < 1:
        raise ValueError(f"num_takes must be at least 1, not {num_takes}")
    if generator is None:
        return tuple(seed + number for number in range(num_takes))
    drawn = torch.randint(_MOST_SEED - 1, (num_takes,), generator=generator, device=generator.device)
    return tuple(drawn.tolist())


def _rendered(engine: SmallEngine, request: RenderRequest) -> Sound:
    blocks = render_long(engine, request, on_progress=lambda _: None, cancelled=lambda: False)
    return np.concatenate(list(blocks), axis=1)


@contextmanager
def _in_evaluation(modules: Sequence[nn.Module]) -> Iterator[None]:
    """Without dropout, and afterwards as before: a script may render while it trains."""
    training = [module for module in modules if module.training]
    for module in training:
        module.eval()
    try:
        yield
    finally:
        for module in training:
            module.train()
