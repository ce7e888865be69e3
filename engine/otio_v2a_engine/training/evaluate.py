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
import torch

from otio_v2a_engine.contract import Picture, PromptSpec, RenderRequest, Role, VisualEvent
from otio_v2a_engine.models.codec import SAMPLES_PER_TOKEN
from otio_v2a_engine.models.mel import SAMPLE_RATE, log_mel
from otio_v2a_engine.pipelines.small import SmallEngine
from otio_v2a_engine.simulate.acts_table import TABLE
from otio_v2a_engine.simulate.bank import Bank
from otio_v2a_engine.simulate.scene import Scene, Staging, draw_kinds, make_scene
from otio_v2a_engine.simulate.sounds import available
from otio_v2a_engine.simulate.vocabulary import KINDS, Family
from otio_v2a_engine.training import checkpoint
from otio_v2a_engine.training.measures import (
    kinds,
    leakage,
    level_db,
    negative,
    render,
    request_for,
    spectrum_error_db,
)
from otio_v2a_engine.training.measures_cuts import figures_of, joined_movies
from otio_v2a_engine.training.measures_dialogue import dialogue, voices
from otio_v2a_engine.training.measures_footage import contacts as contacts_of
from otio_v2a_engine.training.measures_footage import read_labels
from otio_v2a_engine.training.onsets import Score, chance, f1, find_onsets, match, pre_echo_db
from otio_v2a_engine.training.shards import HELD_OUT_SEED, held_out_scenes
from otio_v2a_engine.weights import read_weights

__all__ = ["evaluate", "sound_pairs"]

_TRUE_FOOTAGE = (
    # Clips whose own sound belongs to what is seen, with a prompt that says no more than their description.
    ("pour_water_kitchen_270x480.mp4", "pouring water"),
    ("gopro_walk_path.mp4", "footsteps on gravel"),
    ("rabbit_figurine_320x240.mp4", "handling a toy on a table"),
    ("stream_rapids_portrait_2s.mp4", "stream over rocks"),
    ("tears_of_steel_battle_800x332.webm", "explosions and gunfire"),
)

_JOINED = 48  # movies of pieces of footage


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
    before_db: list[tuple[float, float]] = []
    seconds = len(scenes[0].stems[Role.FX]) / SAMPLE_RATE
    for number, scene in enumerate(scenes):
        request = request_for(folder / "scene.mp4", scene, PromptSpec(text=scene.captions[Role.FX]), number)
        made, wanted = render(engine, request), scene.stems[Role.FX]
        if scene.events:
            still = replace(scene, frames=np.repeat(scene.frames[:1], len(scene.frames), axis=0), cuts_s=())
            withheld = render(engine, request_for(folder / "still.mp4", still, request.prompt, number))
            true.append([event.sample / SAMPLE_RATE for event in scene.events])
            seen.append(find_onsets(made).tolist())
            blind.append(find_onsets(withheld).tolist())
            ceiling.append(find_onsets(wanted).tolist())
            begins = [event.sample for event in scene.events]
            coded = engine.rebuild(log_mel(wanted[: len(wanted) // SAMPLES_PER_TOKEN * SAMPLES_PER_TOKEN]), coded=True)
            before_db.append((pre_echo_db(wanted, begins), pre_echo_db(coded, begins)))
        if np.abs(wanted).max() > 0:
            levels.append(level_db(made) - level_db(wanted))
            errors_db.append(spectrum_error_db(made, wanted))
        else:
            silent.append(level_db(made))
    return {
        "scenes": len(scenes),
        "with_events": len(true),
        "events": sum(map(len, true)),
        "seen": _timing(seen, true, seconds),
        "seen_against_audible": _timing(seen, ceiling, seconds),
        "picture_withheld": _timing(blind, true, seconds),
        "picture_withheld_against_audible": _timing(blind, ceiling, seconds),
        "detector_on_true_stem": _timing(ceiling, true, seconds),
        "pre_echo_db": dict(zip(("true", "coded"), np.nanmedian(before_db, axis=0).round(1).tolist(), strict=True)),
        "level_error_db": {"median": round(float(np.median(levels)), 1), "spread": round(float(np.std(levels)), 1)},
        "mean_spectrum_error_db": round(float(np.mean(errors_db)), 1),
        "level_of_silent_scenes_dbfs": [round(level, 1) for level in silent],
    }


def _told(engine: SmallEngine, scenes: Sequence[Scene], folder: Path) -> dict[str, Any]:
    """Events that an editor moved: the sound must lie at the new times, not at those of the picture.

    Every second event of a scene is moved by 0.2 to 0.5 s, every fifth is deleted.
    """
    new, old, found = [], [], []
    seconds = len(scenes[0].stems[Role.FX]) / SAMPLE_RATE
    for number, scene in enumerate(scenes):
        if len(scene.events) < 3:
            continue
        rng = checkpoint.rng_for(HELD_OUT_SEED, 1, number)
        times = [event.sample / SAMPLE_RATE for event in scene.events]
        kept: list[float] = []
        gone: list[float] = []
        for index, time in enumerate(times):
            moved = time + float(rng.choice([-1, 1]) * rng.uniform(0.2, 0.5)) if index % 2 else time
            if index % 5 == 4 or not 0.05 < moved < seconds - 0.1 or any(abs(moved - other) < 0.1 for other in kept):
                gone.append(time)
                continue
            kept.append(moved)
            if moved != time:
                gone.append(time)
        request = request_for(folder / "told.mp4", scene, PromptSpec(text=scene.captions[Role.FX]), number)
        told = replace(request, events=tuple(VisualEvent(Fraction(t).limit_denominator(1000)) for t in sorted(kept)))
        new.append(sorted(kept))
        old.append([time for time in gone if all(abs(time - other) > 0.1 for other in kept)])
        found.append(find_onsets(render(engine, told)).tolist())
    still_heard = sum(match(a, b)[0][0] for a, b in zip(found, old, strict=True))
    return {
        "scenes": len(new),
        "at_the_new_times": _timing(found, new, seconds),
        "old_times_still_heard": round(still_heard / max(1, sum(map(len, old))), 3),
    }


def _at_table(engine: SmallEngine, *, bank: Bank, n_scenes: int, folder: Path) -> dict[str, Any]:
    """Onsets of what hands do at a table, which none of the other scenes shows."""
    begins = [name for name in TABLE if KINDS[name].family is not Family.LOOP]
    found, heard, true = [], [], []
    for number in range(n_scenes):
        rng = checkpoint.rng_for(HELD_OUT_SEED, 3, number)
        only = draw_kinds(rng, bank, count=1, among=begins)
        scene = make_scene(rng, bank=bank, only=only, staging=Staging(at_table=1.0))
        request = request_for(folder / "table.mp4", scene, PromptSpec(text=scene.captions[Role.FX]), number)
        true.append([event.sample / SAMPLE_RATE for event in scene.events])
        found.append(find_onsets(render(engine, request)).tolist())
        heard.append(find_onsets(scene.stems[Role.FX]).tolist())
    seconds = len(scene.stems[Role.FX]) / SAMPLE_RATE
    return {
        "scenes": n_scenes,
        "events": sum(map(len, true)),
        "seen": _timing(found, true, seconds),
        "detector_on_true_stem": _timing(heard, true, seconds),
    }


def _ambiences(engine: SmallEngine, scenes: Sequence[Scene], folder: Path) -> dict[str, float]:
    """AMB: level, steadiness, and whether the prompt's spectrum is nearer to its own ambience than to others."""
    levels, nearest = [], []
    spectra = [log_mel(scene.stems[Role.AMB]).mean(0) for scene in scenes]
    for number, scene in enumerate(scenes):
        prompt = PromptSpec(text=scene.captions[Role.AMB], role=Role.AMB)
        made = render(engine, request_for(folder / "amb.mp4", scene, prompt, number))
        levels.append(level_db(made))
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
        request = RenderRequest(
            picture=Picture(str(path)), prompt=PromptSpec(text=text), n_samples=n, channels=1, seed=0
        )
        made = render(engine, request)
        found, wanted = find_onsets(made).tolist(), find_onsets(true[:n]).tolist()
        score, _ = match(found, wanted, tolerance_s=0.1)
        by_chance = chance(found, wanted, length_s=seconds, tolerance_s=0.1)
        out[name] = {
            "f1_100ms": round(f1([score]), 2),
            "chance": round(f1(by_chance), 2),
            "onsets": [len(found), len(wanted)],
        }
    return out


def _recordings(engine: SmallEngine, sounds: Path) -> dict[str, float]:
    """Codec and vocoder on recordings that training leaves out: mel error (above -70 dB) and spectral convergence."""
    import soundfile
    import soxr

    rows = []
    for path in Bank(sounds).held_out():
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        mono = samples.mean(1) if rate == SAMPLE_RATE else soxr.resample(samples.mean(1), rate, SAMPLE_RATE)
        mono = mono[: 4 * SAMPLE_RATE]
        mono = mono[: len(mono) // SAMPLES_PER_TOKEN * SAMPLES_PER_TOKEN]
        peak = float(np.abs(mono).max()) if len(mono) else 0.0
        if len(mono) < SAMPLE_RATE // 10 or peak < 1e-4:
            continue
        true = (0.5 / peak * mono).astype(np.float32)
        rows.append([figure for coded in (False, True) for figure in _rebuilt(engine, true, coded=coded)])
    vocoder_db, vocoder_sc, both_db, both_sc = np.mean(rows, axis=0)
    return {
        "recordings": float(len(rows)),
        "vocoder_mel_error_db": round(float(vocoder_db), 2),
        "vocoder_spectral_convergence": round(float(vocoder_sc), 3),
        "codec_and_vocoder_mel_error_db": round(float(both_db), 2),
        "codec_and_vocoder_spectral_convergence": round(float(both_sc), 3),
    }


def _rebuilt(engine: SmallEngine, true: npt.NDArray[np.float32], *, coded: bool) -> tuple[float, float]:
    """Mel error in dB and spectral convergence of a sound that went through the vocoder, or codec and vocoder."""
    mel = log_mel(true)
    made = engine.rebuild(mel, coded=coded)
    heard = mel > -3.5
    error = 20 * float(np.abs(log_mel(made) - mel)[heard].mean()) if heard.any() else 0.0
    window = torch.hann_window(2048)
    a, b = (
        torch.stft(torch.from_numpy(sound), 2048, 512, window=window, return_complex=True).abs()
        for sound in (true, made)
    )
    return error, float((a - b).norm() / a.norm())


def evaluate(
    *,
    weights: Path,
    sounds: Path | None,
    n_scenes: int,
    each: int,
    footage: Path | None,
    contacts: Path | None = None,
) -> dict[str, Any]:
    """Figures of the weights in a folder, on held-out scenes, recordings, and real footage where it is given.

    Args:
        weights: folder of `small.safetensors` and `small.json`.
        sounds: recordings; without them everything is synthesised and nothing is rebuilt.
        n_scenes: scenes for timing and leakage; a third of them for other stems and edited events.
        each: renders of each kind, and scenes of each forbidden pair.
        footage: real footage; some has its own sound, and pieces of all of it are joined.
        contacts: labels of contacts that are seen in it, as `measures_footage` reads them.

    Raises:
        ValueError: labels do not belong to the footage.
    """
    labels = [] if contacts is None or footage is None else read_labels(contacts, footage=footage)
    engine = SmallEngine("cpu", weights=read_weights("small", folder=weights))
    bank = Bank(sounds)
    scenes = list(held_out_scenes(n_scenes, bank=bank))
    some = scenes[: max(8, n_scenes // 3)]
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        figures: dict[str, Any] = {"fx": _scenes(engine, scenes, folder)}
        figures["told_events"] = _told(engine, some, folder)
        figures["at_table"] = _at_table(engine, bank=bank, n_scenes=len(some) * 2, folder=folder)
        figures["amb"] = _ambiences(engine, some, folder)
        figures["leakage"] = leakage(engine, scenes, folder)
        figures["dialogue"] = dialogue(engine, bank=bank, n_scenes=len(some), folder=folder)
        figures["voices"] = voices(engine, bank=bank, each=2 * each, folder=folder)
        figures["kinds"] = kinds(engine, bank=bank, each=each, folder=folder)
        figures["negative"] = negative(engine, bank=bank, each=each, folder=folder)
    if sounds is not None:
        figures["recordings"] = _recordings(engine, sounds)
    if footage is not None:
        figures["real_footage"] = _footage(engine, footage)
        figures["cuts"] = figures_of(joined_movies(engine, footage, count=_JOINED))
        if labels:
            figures["contacts"] = contacts_of(engine, labels, footage=footage, seeds=each)
    return figures


_SHOWN = ("steps_hard", "metal", "wood", "glass", "drum", "dog", "explosion", "pouring", "fire", "engine")


def sound_pairs(*, weights: Path, bank: Bank) -> list[tuple[str, npt.NDArray[np.float32], npt.NDArray[np.float32]]]:
    """Rendered and true effects of one scene of each of ten kinds, with a title, to be looked at."""
    engine = SmallEngine("cpu", weights=read_weights("small", folder=weights))
    pairs = []
    with TemporaryDirectory() as temporary:
        for number, name in enumerate(name for name in _SHOWN if name in available(_SHOWN, bank)):
            rng = checkpoint.rng_for(HELD_OUT_SEED, 2, number)
            scene = make_scene(rng, bank=bank, seconds=8.0, only=(name,))
            prompt = PromptSpec(text=scene.captions[Role.FX])
            made = render(engine, request_for(Path(temporary) / "pair.mp4", scene, prompt, number))
            pairs.append((scene.captions[Role.FX], made, scene.stems[Role.FX]))
    return pairs
