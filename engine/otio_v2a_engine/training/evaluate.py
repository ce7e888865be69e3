"""Figures of the whole engine: held-out scenes written as movies, and real footage with true sound.

Everything goes the way a user's picture goes: a movie file, `SmallEngine.render`, the rendered samples.
"""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from otio_v2a_engine.contract import Picture, Progress, PromptSpec, RenderRequest, Role
from otio_v2a_engine.models.mel import SAMPLE_RATE, log_mel
from otio_v2a_engine.pipelines.small import SmallEngine
from otio_v2a_engine.simulate.bank import Bank
from otio_v2a_engine.simulate.scene import Scene
from otio_v2a_engine.training.onsets import Score, chance, f1, find_onsets, match
from otio_v2a_engine.training.shards import held_out_scenes
from otio_v2a_engine.weights import read_weights

__all__ = ["evaluate", "write_movie"]

_RATE = 25  # frames a second of the written movies
_TRUE_FOOTAGE = (
    # Clips whose own sound belongs to what is seen, with a prompt that says no more than their description.
    ("pour_water_kitchen_270x480.mp4", "pouring water"),
    ("gopro_walk_path.mp4", "footsteps on gravel"),
    ("rabbit_figurine_320x240.mp4", "handling a toy on a table"),
    ("stream_rapids_portrait_2s.mp4", "stream over rocks"),
    ("tears_of_steel_battle_800x332.webm", "explosions and gunfire"),
)


def write_movie(path: Path, frames: npt.NDArray[np.uint8], *, rate: int = _RATE) -> None:
    """Write `(T, H, W, 3)` RGB frames as an H.264 movie of good quality."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "14", "preset": "ultrafast"})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))


def _render(engine: SmallEngine, request: RenderRequest) -> npt.NDArray[np.float32]:
    def quiet(_: Progress) -> None: ...

    samples: npt.NDArray[np.float32] = engine.render(request, on_progress=quiet, cancelled=lambda: False).samples[0]
    return samples


def _request(path: Path, seconds: float, prompt: PromptSpec, seed: int) -> RenderRequest:
    n_samples = round(seconds * SAMPLE_RATE)
    return RenderRequest(picture=Picture(str(path)), prompt=prompt, n_samples=n_samples, channels=1, seed=seed)


def _level_db(sound: npt.NDArray[np.float32]) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(sound**2)) + 1e-9))


def _timing(found: Sequence[Sequence[float]], true: Sequence[Sequence[float]], seconds: float) -> dict[str, float]:
    scores: list[Score] = []
    by_chance: list[Score] = []
    errors: list[float] = []
    for a, b in zip(found, true, strict=True):
        score, error = match(a, b)
        scores.append(score)
        errors += error
        by_chance += chance(a, b, length_s=seconds)
    return {
        "onset_f1_50ms": round(f1(scores), 3),
        "chance_f1": round(f1(by_chance), 3),
        "median_error_ms": round(1000 * float(np.median(np.abs(errors))), 1) if errors else -1.0,
    }


def _scenes(engine: SmallEngine, scenes: Sequence[Scene], folder: Path) -> dict[str, Any]:
    seen, blind, ceiling, true = [], [], [], []
    levels, errors_db, silent = [], [], []
    still = folder / "still.mp4"
    for number, scene in enumerate(scenes):
        seconds = len(scene.frames) / _RATE
        path = folder / f"{number}.mp4"
        write_movie(path, scene.frames)
        request = _request(path, seconds, PromptSpec(text=scene.captions[Role.FX]), number)
        request = replace(
            request,
            picture=replace(
                request.picture, cuts_s=tuple(Fraction(cut).limit_denominator(1000) for cut in scene.cuts_s)
            ),
        )
        made, wanted = _render(engine, request), scene.stems[Role.FX]
        if scene.events:
            write_movie(still, np.repeat(scene.frames[:1], len(scene.frames), axis=0))
            withheld = _render(engine, replace(request, picture=Picture(str(still))))
            true.append([event.sample / SAMPLE_RATE for event in scene.events])
            seen.append(find_onsets(made).tolist())
            blind.append(find_onsets(withheld).tolist())
            ceiling.append(find_onsets(wanted).tolist())
        if np.abs(wanted).max() > 0:
            levels.append(_level_db(made) - _level_db(wanted))
            a, b = log_mel(made), log_mel(wanted)
            errors_db.append(20 * float(np.abs(a.mean(0) - b.mean(0)).mean()))
        else:
            silent.append(_level_db(made))
    seconds = len(scenes[0].frames) / _RATE
    return {
        "scenes": len(scenes),
        "with_events": len(true),
        "seen": _timing(seen, true, seconds),
        "picture_withheld": _timing(blind, true, seconds),
        "detector_on_true_stem": _timing(ceiling, true, seconds),
        "level_error_db": {"median": round(float(np.median(levels)), 1), "spread": round(float(np.std(levels)), 1)},
        "mean_spectrum_error_db": round(float(np.mean(errors_db)), 1),
        "level_of_silent_scenes_dbfs": [round(level, 1) for level in silent],
    }


def _ambiences(engine: SmallEngine, scenes: Sequence[Scene], folder: Path) -> dict[str, float]:
    """AMB: level, steadiness, and whether the prompt's spectrum is nearer to its own ambience than to others."""
    levels, nearest = [], []
    spectra = [log_mel(scene.stems[Role.AMB]).mean(0) for scene in scenes]
    for number, scene in enumerate(scenes):
        prompt = PromptSpec(text=scene.captions[Role.AMB], role=Role.AMB)
        made = _render(engine, _request(folder / f"{number}.mp4", len(scene.frames) / _RATE, prompt, number))
        levels.append(_level_db(made))
        distance = [float(np.abs(log_mel(made).mean(0) - spectrum).mean()) for spectrum in spectra]
        nearest.append(float(np.mean([distance[number] < other for i, other in enumerate(distance) if i != number])))
    return {
        "level_dbfs_median": round(float(np.median(levels)), 1),
        "own_spectrum_nearer_than_other": round(float(np.mean(nearest)), 2),
    }


def _footage(engine: SmallEngine, folder: Path) -> dict[str, Any]:
    import av
    import soxr

    out: dict[str, Any] = {}
    for name, text in _TRUE_FOOTAGE:
        path = folder / name
        if not path.exists():
            continue
        with av.open(str(path)) as container:
            resampler = av.AudioResampler(format="fltp", layout="mono")
            pieces = [part.to_ndarray()[0] for frame in container.decode(audio=0) for part in resampler.resample(frame)]
            rate = container.streams.audio[0].rate
        true = soxr.resample(np.concatenate(pieces), rate, SAMPLE_RATE).astype(np.float32)
        seconds = min(10.0, len(true) / SAMPLE_RATE)
        n = round(seconds * SAMPLE_RATE)
        made = _render(engine, _request(path, seconds, PromptSpec(text=text), 0))
        found, wanted = find_onsets(made).tolist(), find_onsets(true[:n]).tolist()
        score, _ = match(found, wanted, tolerance_s=0.1)
        by_chance = chance(found, wanted, length_s=seconds, tolerance_s=0.1)
        out[name] = {
            "f1_100ms": round(f1([score]), 2),
            "chance": round(f1(by_chance), 2),
            "onsets": [len(found), len(wanted)],
        }
    return out


def evaluate(*, weights: Path, bank: Bank, n_scenes: int, footage: Path | None) -> dict[str, Any]:
    """Figures of the weights in a folder: held-out scenes, ambiences, and real footage where it is given."""
    engine = SmallEngine("cpu", weights=read_weights("small", folder=weights))
    scenes = list(held_out_scenes(n_scenes, bank=bank))
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        figures: dict[str, Any] = {"fx": _scenes(engine, scenes, folder)}
        figures["amb"] = _ambiences(engine, scenes[: min(len(scenes), 16)], folder)
    if footage is not None:
        figures["real_footage"] = _footage(engine, footage)
    return figures
