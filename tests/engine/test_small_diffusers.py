"""The engine `small` as a diffusers pipeline: it sounds like the engine, is saved whole, and brings its weights."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler, FlowMatchEulerDiscreteScheduler, FlowMatchHeunDiscreteScheduler
from PIL import Image

from otio_v2a_engine import sampling
from otio_v2a_engine.checkpoint_folders import identified_options
from otio_v2a_engine.contract import (
    Picture,
    PictureError,
    PromptSpec,
    RenderRequest,
    Role,
    Sampling,
    UnsupportedRequest,
    WeightsError,
)
from otio_v2a_engine.flow_schedulers import FlowSteps
from otio_v2a_engine.models.small_modules import SmallFlow, SmallTimbreSpace
from otio_v2a_engine.pipelines.small import SmallEngine
from otio_v2a_engine.pipelines.small_diffusers import SmallPipeline
from otio_v2a_engine.small_networks import PARTS, Networks
from otio_v2a_engine.specs import SMALL
from otio_v2a_engine.weights import FOLDER, read_weights
from otio_v2a_engine.windows import render_long

REPO = Path(__file__).resolve().parents[2]
RATE = 48000


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    """A bright ball falls and bounces, `(50, 60, 96, 3)` at 25 frames a second."""
    times = np.arange(50) / 25
    height = np.abs(np.cos(2 * np.pi * times)) * 40
    y, x = np.mgrid[:60, :96]
    balls = [(x - 48) ** 2 + (y - 50 + h) ** 2 < 64 for h in height]
    return (np.stack(balls)[..., None] * np.array([250, 200, 90]) + 3).astype(np.uint8)


@pytest.fixture(scope="module")
def movie(frames: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pipeline") / "ball.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 60, "yuv444p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def pipe() -> SmallPipeline:
    return quiet(SmallPipeline.shipped())


@pytest.fixture(scope="module")
def engine() -> Iterator[SmallEngine]:
    loaded = SmallEngine("cpu")
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def saved(pipe: SmallPipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "shipped"
    pipe.save_pretrained(folder)
    return folder


@pytest.fixture
def copy(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "copy"))


def quiet(pipe: SmallPipeline) -> SmallPipeline:
    pipe.set_progress_bar_config(disable=True)
    return pipe


def ask(movie: Path, text: str = "", *, seconds: int = 2, **changes: Any) -> RenderRequest:
    prompt = PromptSpec(text=text, negative_text=changes.pop("negative", ""), role=changes.pop("role", Role.FX))
    return RenderRequest(picture=Picture(str(movie)), prompt=prompt, n_samples=seconds * RATE, **changes)


def render(engine: SmallEngine, request: RenderRequest) -> np.ndarray:
    return np.concatenate(
        list(render_long(engine, request, on_progress=lambda _: None, cancelled=lambda: False)), axis=1
    )


@pytest.mark.parametrize(
    ("role", "text", "negative", "n_steps"),
    [
        ("FX", "a drum is hit", "", None),
        ("FX", "", "dog barking", 7),
        ("AMB", "rain", "", 7),
        ("DX", "a man speaks", "", 3),
    ],
)
def test_it_sounds_like_the_engine_to_the_last_bit(pipe, engine, movie, role, text, negative, n_steps) -> None:
    made = pipe(movie, text, negative, role=role, seed=4, num_inference_steps=n_steps)
    request = ask(movie, text, negative=negative, role=Role(role), seed=4, sampling=Sampling(steps=n_steps))
    expected = render(engine, request)
    assert made.sample_rate == RATE
    assert made.audios.shape == (1, 2, 2 * RATE)
    assert made.audios.dtype == np.float32
    assert np.array_equal(made.audios[0], expected)
    assert np.abs(expected).max() > 1e-4


def test_spans_longer_than_a_window_sound_like_the_engine_too(pipe, engine, movie) -> None:
    made = pipe(movie, "rain", role="AMB", duration=11, num_inference_steps=1, guidance_scale=1.5, channels=1)
    request = ask(movie, "rain", role=Role.AMB, seconds=11, channels=1, sampling=Sampling(steps=1, guidance=1.5))
    assert np.array_equal(made.audios[0], render(engine, request))


@pytest.mark.parametrize("n_steps", [1, 2, 5, 12, 25])
def test_steps_of_eulers_scheduler_are_the_engines_to_the_last_bit(n_steps: int) -> None:
    def velocity(x: torch.Tensor, t: float) -> torch.Tensor:
        return torch.sin(3 * x) * (1 - t) + torch.full_like(x, t)

    start = torch.randn(2, 7, 5, generator=torch.Generator().manual_seed(1))
    steps = FlowSteps(FlowMatchEulerDiscreteScheduler(), on_step_end=lambda number, timestep, x: x)
    made = sampling.sample(velocity, start, steps.schedule(n_steps), step=steps.step)
    assert torch.equal(made, sampling.sample_euler(velocity, start, sampling.schedule(n_steps)))


def test_steps_of_heuns_scheduler_are_heuns() -> None:
    asked: list[float] = []

    def velocity(x: torch.Tensor, t: float) -> torch.Tensor:
        asked.append(t)
        return -2 * x * (1 - t)

    start = torch.randn(1, 7, 5, generator=torch.Generator().manual_seed(1))
    steps = FlowSteps(FlowMatchHeunDiscreteScheduler(), on_step_end=lambda number, timestep, x: x)
    times = steps.schedule(6)
    made = sampling.sample(velocity, start, times, step=steps.step)
    assert len(times) == 7
    assert len(asked) == 2 * 6 - 1
    assert torch.allclose(made, sampling.sample_heun(velocity, start, times), atol=1e-4)
    assert torch.allclose(made, start * np.exp(-1), atol=0.03)


def test_schedulers_that_do_not_fit_are_refused_with_those_that_do(pipe, movie) -> None:
    for scheduler, words in (
        (DDPMScheduler(), "one of FlowMatchEuler.*, FlowMatchHeun.*, not DDPMScheduler"),
        (FlowMatchEulerDiscreteScheduler(stochastic_sampling=True), "stochastic_sampling must be off"),
    ):
        other = SmallPipeline(**{name: getattr(pipe, name) for name in PARTS}, scheduler=scheduler)
        with pytest.raises(ValueError, match=words):
            other(movie, duration=1)


def test_what_is_saved_is_read_whole_without_the_network_and_without_pickles(
    pipe, saved, movie, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [path.relative_to(saved).as_posix() for path in sorted(saved.rglob("*")) if path.is_file()]
    assert {name.rpartition(".")[2] for name in files} == {"json", "safetensors"}
    assert {name.partition("/")[0] for name in files} == {*PARTS, "scheduler", "model_index.json"}

    def no_network(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "socket", no_network)
    read = quiet(SmallPipeline.from_pretrained(saved, local_files_only=True))
    assert read.config["_name_or_path"] == str(saved)
    assert read.flow.config.latent == pipe.codec.config.latent == len(pipe.codec.basis)
    for part in PARTS:
        mine, theirs = getattr(pipe, part).state_dict(), getattr(read, part).state_dict()
        assert list(mine) == list(theirs)
        assert all(torch.equal(value, theirs[name]) for name, value in mine.items())
    two = (each(movie, "a drum is hit", num_inference_steps=2).audios for each in (pipe, read))
    assert np.array_equal(*two)
    alone = SmallFlow.from_pretrained(saved / "flow", local_files_only=True, use_safetensors=True)
    assert torch.equal(alone.network.head.weight, pipe.flow.network.head.weight)
    space = SmallTimbreSpace.from_pretrained(saved, subfolder="timbre", local_files_only=True)
    assert torch.equal(space.tables.basis, pipe.timbre.basis)


def test_another_scheduler_is_taken_saved_and_read(pipe, movie, tmp_path: Path) -> None:
    parts = {name: getattr(pipe, name) for name in PARTS}
    other = quiet(SmallPipeline(**parts, scheduler=FlowMatchHeunDiscreteScheduler(shift=2.0)))
    other.save_pretrained(tmp_path)
    read = quiet(SmallPipeline.from_pretrained(tmp_path))
    assert read.scheduler.config.shift == 2.0
    first, again, euler = (each(movie, "a drum is hit", num_inference_steps=2).audios for each in (other, read, pipe))
    assert np.array_equal(first, again)
    assert np.abs(first - euler).max() > 1e-3
    assert type(SmallPipeline.from_pretrained(tmp_path, scheduler=pipe.scheduler).scheduler) is type(pipe.scheduler)
    index = tmp_path / "scheduler" / "scheduler_config.json"
    index.write_text(index.read_text().replace("FlowMatchHeun", "Mystery"))
    with pytest.raises(WeightsError, match="one of FlowMatchEuler"):
        SmallPipeline.from_pretrained(tmp_path)


def test_what_is_no_such_folder_is_refused_with_its_name(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no folder someone/small-model; nothing is downloaded"):
        SmallPipeline.from_pretrained("someone/small-model")
    with pytest.raises(WeightsError, match=r"small\.json cannot be read"):
        SmallPipeline.from_pretrained(tmp_path)
    for asked in ({"torch_dtype": torch.float16}, {"local_files_only": False}, {"revision": "main"}):
        with pytest.raises(TypeError, match="from a local folder"):
            SmallPipeline.from_pretrained(copy, **asked)
    config = json.loads((copy / "flow" / "config.json").read_text())
    (copy / "flow" / "config.json").write_text(json.dumps(config | {"layers": config["layers"] + 1}))
    with pytest.raises(WeightsError, match="do not fit this version"):
        SmallPipeline.from_pretrained(copy)
    kinds = copy / "encoder" / "config.json"
    kinds.write_text(kinds.read_text().replace('"bell"', '"gong"'))
    with pytest.raises(WeightsError, match="do not know bell: they were made for another version"):
        SmallPipeline.from_pretrained(copy)
    tensors = copy / "codec" / "diffusion_pytorch_model.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:1000])
    with pytest.raises(WeightsError, match=r"codec.*cannot be read"):
        SmallPipeline.from_pretrained(copy)
    tensors.rename(tensors.with_name("diffusion_pytorch_model.bin"))
    with pytest.raises(WeightsError, match=r"codec.*cannot be read"):
        SmallPipeline.from_pretrained(copy)


def test_pickles_uploads_and_other_precisions_are_not_written(pipe, tmp_path: Path) -> None:
    for asked in ({"safe_serialization": False}, {"push_to_hub": True}, {"variant": "fp16"}):
        with pytest.raises(ValueError, match="in safetensors, whole, in a local folder"):
            pipe.save_pretrained(tmp_path / "no", **asked)
    half = SmallPipeline.shipped()
    half.flow.to(torch.float16)
    for refused in (lambda: half.save_pretrained(tmp_path / "no"), lambda: half(tmp_path / "no.mov")):
        with pytest.raises(ValueError, match=r"flow is torch\.float16.*pipe\.to\(torch\.float32\)"):
            refused()
    assert not (tmp_path / "no").exists()


def test_frames_in_memory_sound_like_the_files_that_hold_them(pipe, frames, tmp_path: Path) -> None:
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(tmp_path / f"ball.{number + 1001}.png")
    given = {"fps": 25, "num_inference_steps": 2, "cuts": [0.5]}
    files = pipe(tmp_path / "ball.%d.png", "a drum is hit", **given).audios
    for held in (frames, torch.from_numpy(frames / 255.0), [Image.fromarray(frame) for frame in frames]):
        assert np.array_equal(pipe(held, "a drum is hit", **given).audios, files)
    backwards = pipe(frames[::-1], "a drum is hit", **given).audios
    assert np.abs(backwards - files).max() > 1e-3


def test_pictures_that_cannot_be_are_refused(pipe, frames, movie) -> None:
    for video, words in (
        (frames[None], r"\(T, H, W, 3\) of one clip"),
        (frames.transpose(0, 3, 1, 2), "channels last"),
        (frames / 127.5 - 1.0, "from 0 to 1"),
        (frames.astype(np.int64), "not int64"),
        ([], "not"),
    ):
        with pytest.raises(PictureError, match=words):
            pipe(video, fps=25)
    for video, given, words in (
        (frames, {}, "fps=24"),
        (movie, {"fps": 25}, "says its rate by itself"),
        (Picture(str(movie), speed=Fraction(2)), {}, "needs a duration"),
        (movie, {"output_type": "pil"}, "output_type"),
        (movie, {"num_takes": 0}, "num_takes"),
    ):
        with pytest.raises(ValueError, match=words):
            pipe(video, **given)
    with pytest.raises(PictureError, match=r"nowhere\.mov"):
        pipe("nowhere.mov", duration=1)
    with pytest.raises(UnsupportedRequest, match="choose another engine"):
        pipe(movie, role="MUS")


def test_takes_have_seeds_of_their_own_that_give_them_again(pipe, frames) -> None:
    few = {"fps": 25, "num_inference_steps": 1, "drafts": 1}
    two = pipe(frames, num_takes=2, seed=7, output_type="pt", **few)
    assert two.seeds == (7, 8)
    assert isinstance(two.audios, torch.Tensor)
    (second,) = pipe(frames, seed=8, return_dict=False, **few)
    assert np.array_equal(two.audios[1].numpy(), second[0])
    assert not np.array_equal(two.audios[0].numpy(), second[0])
    drawn, again = (pipe(frames, generator=torch.Generator().manual_seed(1), **few).seeds for _ in range(2))
    assert drawn == again != (0,)


def test_each_step_is_told_and_its_latents_may_be_changed(pipe, frames) -> None:
    told: list[tuple[int, float, tuple[int, ...]]] = []

    def silence(given: SmallPipeline, number: int, timestep: torch.Tensor, tensors: dict[str, Any]) -> dict[str, Any]:
        latents = tensors["latents"]
        told.append((number, float(timestep), tuple(latents.shape[::2])))
        is_last = number == 3
        return {"latents": given.codec.tables.silence(latents.shape[1]) if is_last else latents}

    given = {"fps": 25, "num_inference_steps": 4}
    made = pipe(frames, "a drum is hit", callback_on_step_end=silence, **given).audios
    latent = pipe.flow.config.latent
    assert told == [(0, 1000, (4, latent)), (1, 750, (4, latent)), (2, 500, (1, latent)), (3, 250, (1, latent))]
    assert np.abs(made).max() < 1e-3
    assert np.abs(pipe(frames, "a drum is hit", callback_on_step_end=lambda *_: {}, **given).audios).max() > 1e-3


def test_a_script_may_listen_while_it_trains(pipe, frames) -> None:
    def listen() -> np.ndarray:
        return pipe(frames, fps=25, num_inference_steps=1).audios

    quietly = listen()
    pipe.encoder.train()
    assert np.array_equal(listen(), quietly)
    assert pipe.encoder.training
    assert pipe.encoder.network.training
    assert not pipe.flow.training
    assert all(parameter.requires_grad for parameter in pipe.flow.parameters())
    pipe.encoder.eval()


def test_the_engine_renders_with_a_users_weights_and_starts_without_diffusers(copy, movie, engine) -> None:
    pipe = quiet(SmallPipeline.from_pretrained(copy))
    before = identified_options(Sampling(options=(f"weights={copy}",)), SMALL.info)
    with torch.no_grad():
        pipe.prior.network.head.bias += 0.5  # trained further
    pipe.save_pretrained(copy)
    assert identified_options(Sampling(options=(f"weights={copy}",)), SMALL.info) != before
    expected = pipe(movie, "a drum is hit", num_inference_steps=2).audios[0]
    program = (
        "import sys\n"
        "import numpy as np\n"
        "from otio_v2a_engine.contract import Picture, PromptSpec, RenderRequest, Sampling\n"
        "from otio_v2a_engine import registry\n"
        "movie, folder, out = sys.argv[1:]\n"
        "engine = registry.load('small')\n"
        "request = RenderRequest(Picture(movie), PromptSpec('a drum is hit'), 96000,\n"
        "                        sampling=Sampling(steps=2, options=(f'weights={folder}',)))\n"
        "made = engine.render(request, on_progress=lambda _: None, cancelled=lambda: False)\n"
        "np.save(out, made.samples)\n"
        "print(*sorted({'diffusers', 'transformers', 'accelerate'} & set(sys.modules)))\n"
    )
    out = copy / "out.npy"
    done = subprocess.run(
        [sys.executable, "-c", program, str(movie), str(copy), str(out)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(str(REPO / root) for root in (".", "engine"))},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""
    assert np.array_equal(np.load(out), expected)
    shipped = render(engine, ask(movie, "a drum is hit", sampling=Sampling(steps=2)))
    assert not np.array_equal(shipped, expected)


def test_weights_are_the_requests_own_and_may_be_an_exported_file(engine, movie, tmp_path: Path) -> None:
    for suffix in ("safetensors", "json"):
        shutil.copy(FOLDER / f"small.{suffix}", tmp_path)
    plain = ask(movie, "a drum is hit", sampling=Sampling(steps=1))
    first = render(engine, plain)
    brought = ask(movie, "a drum is hit", sampling=Sampling(steps=1, options=(f"weights={tmp_path}",)))
    assert np.array_equal(render(engine, brought), first)
    assert engine._networks is not engine._own
    assert np.array_equal(render(engine, plain), first)
    assert engine._networks is engine._own
    (tmp_path / "small.json").write_text("{}")
    with pytest.raises(WeightsError, match=rf"option weights={tmp_path}: .*damaged.*export them again"):
        render(engine, brought)
    (tmp_path / "small.json").unlink()
    with pytest.raises(WeightsError, match=r"holds neither a model_index\.json nor"):
        render(engine, brought)
    with pytest.raises(WeightsError, match=r"there is no folder .*saved the model"):
        identified_options(Sampling(options=(f"weights={tmp_path / 'nowhere'}",)), SMALL.info)


def test_tables_and_names_of_another_size_than_the_flow_are_refused() -> None:
    weights = read_weights("small")
    weights.note["config"]["kinds"] = weights.note["config"]["kinds"][1:]
    with pytest.raises(WeightsError, match="do not fit each other"):
        Networks.of(weights)


def test_what_the_docs_show_runs_as_it_stands_there(movie, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (REPO / "docs" / "small-pipeline.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 3
    monkeypatch.chdir(tmp_path)
    shutil.copy(movie, "shot.mov")
    names: dict[str, Any] = {}
    for block in blocks:
        exec(block, names)
    assert names["made"].audios.shape == (3, 2, 2 * RATE)
    difference = np.concatenate(names["marked"], axis=1) - names["made"].audios[0]
    assert 0 < np.abs(difference).max() < 0.5
    assert SmallPipeline.from_pretrained("my-small").flow.config.latent == names["pipe"].flow.config.latent
