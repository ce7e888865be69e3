"""The ablation of the paper's Tables 2 to 4 as one experiment on simulated clips: makes its data, trains, measures.

    python -m otio_v2a_engine.vta_ldm.training ablation --out DIR

Every variant is a training by the same recipe from the same start; finished variants are kept, so that a stopped
experiment goes on. Figures are measured on held-out scenes: how much the picture, its timing and the caption lower the
loss (paired, so that little noise is left), and what sampled sound is like. Writes `ablation.json` and `ablation.md`.
"""

import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr
import torch
from diffusers import AutoencoderKL
from torch import Tensor
from torch.nn import functional

from otio_v2a_engine.models.mel import SAMPLE_RATE as ONSET_RATE
from otio_v2a_engine.training.checkpoint import load, rng_for, save
from otio_v2a_engine.training.onsets import chance, f1, find_onsets, match
from otio_v2a_engine.vta_ldm.config import MelSettings, VtaLdmConfig
from otio_v2a_engine.vta_ldm.mel import mel_filters
from otio_v2a_engine.vta_ldm.model import Condition, VtaLdmModel
from otio_v2a_engine.vta_ldm.samplers import build_scheduler, initial_noise, sample
from otio_v2a_engine.vta_ldm.training.data import AlignmentFilter, Batch, Example, PreparedSet, Scores, write_set
from otio_v2a_engine.vta_ldm.training.recipe import Recipe
from otio_v2a_engine.vta_ldm.training.small import (
    ENCODERS,
    PairNet,
    SmallClip,
    small_clips,
    small_config,
    small_features,
    small_flow,
    small_scores,
    small_text,
)
from otio_v2a_engine.vta_ldm.training.trainer import Objective, train
from otio_v2a_engine.vta_ldm.vae import build_vae, decode_latents, encode_mel

__all__ = ["VARIANTS", "Size", "Variant", "griffin_lim", "run_ablation", "tables"]

_log = logging.getLogger(__name__)
Floats = npt.NDArray[np.float32]

_TRAIN_SEED, _TEST_SEED = 11, 12
_SWAPPED = 0.4  # of the noisy set's sounds belong to another clip
_SWAP = 7
_GUIDANCE = 3.0


@dataclass(frozen=True)
class Size:
    """How large the experiment is.

    Attributes:
        clips: to learn from.
        held_out: to measure on.
        steps: of every variant.
        vae_steps, pair_steps: of autoencoder and contrastive encoder.
        sampled: held-out clips that sound is sampled for.
        batch: clips a step.
        rate: learning rate; a tiny model takes a far higher one than the published.
    """

    clips: int = 320
    held_out: int = 64
    steps: int = 240
    vae_steps: int = 240
    pair_steps: int = 200
    sampled: int = 32
    batch: int = 16
    rate: float = 1.5e-3


@dataclass(frozen=True)
class Variant:
    """One training.

    Attributes:
        name: in the tables.
        tables: of the paper, that it stands in.
        encoder: of ENCODERS.
        text, position, flow: conditions beside the picture.
        noisy: whether 40 % of the sounds are another clip's.
        keep: filter on the noisy clips.
        concat: share of joined clips.
        pretrain: share of the steps spent on sound alone first.
        seed: of everything drawn.
    """

    name: str
    tables: tuple[int, ...]
    encoder: str = ENCODERS[1]
    text: bool = False
    position: bool = True
    flow: bool = False
    noisy: bool = False
    keep: AlignmentFilter | None = None
    concat: float = 0.0
    pretrain: float = 0.0
    seed: int = 1


_BY_ALIGN = AlignmentFilter(clap=None, av_align=0.2)
_BY_MOTION = AlignmentFilter(clap=None, av_align=None, flow_z=1.5)

VARIANTS: tuple[Variant, ...] = (
    Variant("V + PE", (2, 3)),
    Variant("V + PE, another seed", (3,), seed=2),
    Variant("V", (3,), position=False),
    Variant("motion", (2,), encoder=ENCODERS[2]),
    Variant("V + T + PE", (3, 4), text=True),
    Variant("noisy pairs", (4,), text=True, noisy=True),
    Variant("contrastive", (2,), encoder=ENCODERS[3]),
    Variant("V + OF + PE", (3,), flow=True),
    Variant("noisy, AV-Align > 0.2", (4,), text=True, noisy=True, keep=_BY_ALIGN),
    Variant("noisy, motion z > 1.5", (4,), text=True, noisy=True, keep=_BY_MOTION),
    Variant("2 fps", (2,), encoder=ENCODERS[0]),
    Variant("noisy, concat", (4,), text=True, noisy=True, concat=0.5),
    Variant("noisy, sound first", (4,), text=True, noisy=True, pretrain=1 / 3),
    Variant("V + T + OF + PE", (3,), text=True, flow=True),
    Variant(
        "noisy, motion z, concat, sound first", (4,), text=True, noisy=True, keep=_BY_MOTION, concat=0.5, pretrain=1 / 3
    ),
)
"""In the order in which they are run: those that others are read against come first."""


def run_ablation(folder: Path, size: Size | None = None, *, variants: Sequence[Variant] = VARIANTS) -> str:
    """Run what is missing in a folder and return the tables as Markdown, which are written there too."""
    chosen = size or Size()
    folder.mkdir(parents=True, exist_ok=True)
    started = time.process_time()
    experiment = _Experiment(folder, chosen)
    done = folder / "variants"
    done.mkdir(exist_ok=True)
    for number, variant in enumerate(variants):
        path = done / f"{number:02d}.json"
        if not path.exists():
            before = time.process_time()
            figures = experiment.run(variant, folder / "runs" / f"{number:02d}")
            row = {"variant": asdict(variant), "figures": figures, "cpu_s": round(time.process_time() - before, 1)}
            beside = path.with_suffix(".partial")
            beside.write_text(json.dumps(row, indent=1) + "\n", encoding="utf-8")
            os.replace(beside, path)
        _log.info(
            "%2d of %d  %-38s %.0f s of CPU so far",
            number + 1,
            len(variants),
            variant.name,
            time.process_time() - started,
        )
    rows = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(done.glob("[0-9][0-9].json"))]
    text = tables(rows)
    result = {
        "size": asdict(chosen),
        "filters": experiment.filter_figures(),
        "probes": experiment.probes(),
        "rows": rows,
    }
    (folder / "ablation.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (folder / "ablation.md").write_text(text, encoding="utf-8")
    return text


class _Experiment:
    """Data and frozen parts, made when they are first wanted and kept in the folder."""

    def __init__(self, folder: Path, size: Size) -> None:
        self._folder, self._size = folder, size
        self._clips = list(small_clips(size.clips, seed=_TRAIN_SEED))
        self._test = list(small_clips(size.held_out, seed=_TEST_SEED))
        _log.info("%d clips to learn from, %d held out", len(self._clips), len(self._test))
        self._vae, self._scale, self._floor_db = self._autoencoder()
        self._pair: PairNet | None = None

    def _autoencoder(self) -> tuple[AutoencoderKL, float, float]:
        """An autoencoder trained on the clips' mels, the latents' scale, and its own error on held-out mels in dB."""
        torch.manual_seed(3)
        vae = build_vae(small_config(text=False, position=True, flow=False))
        optimizer = torch.optim.AdamW(vae.parameters(), lr=2e-3)
        home = self._folder / "autoencoder"
        mels = torch.from_numpy(np.stack([clip.mel for clip in self._clips]))[:, None]
        vae.decoder.conv_out.bias.data.fill_(float(mels.mean()))  # a short training need not learn the level
        step = load(home, models={"vae": vae}, optimizers={"optimizer": optimizer})
        while step < self._size.vae_steps:
            rng = rng_for(3, step)
            batch = mels[torch.from_numpy(rng.integers(0, len(mels), self._size.batch))]
            posterior = vae.encode(batch).latent_dist
            generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
            made = vae.decode(posterior.sample(generator)).sample
            loss = (made - batch).abs().mean() + 1e-4 * posterior.kl().mean() / posterior.mean[0].numel()
            optimizer.param_groups[0]["lr"] = 2e-3 * min(1.0, 1.2 * (1 - step / self._size.vae_steps))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            if step == self._size.vae_steps:
                save(
                    home, step=step, models={"vae": vae}, optimizers={"optimizer": optimizer}, config=asdict(self._size)
                )
        vae.eval().requires_grad_(False)
        test = torch.from_numpy(np.stack([clip.mel for clip in self._test]))[:, None]
        latents = encode_mel(vae, mels[:64], latent_scale=1.0)
        made = decode_latents(vae, encode_mel(vae, test, latent_scale=1.0), latent_scale=1.0)
        error_db = float((made - test).abs().mean()) * 20 / np.log(10)
        _log.info("autoencoder: %.2f dB from held-out mels", error_db)
        return vae, float(1 / latents.std()), error_db

    def _features(self, clip: SmallClip, encoder: str) -> Floats:
        if encoder == ENCODERS[3] and self._pair is None:
            torch.manual_seed(4)
            self._pair = PairNet()
            losses = self._pair.learn(self._clips, steps=self._size.pair_steps, seed=4)
            _log.info("contrastive encoder: loss %.2f to %.2f", losses[0], float(np.mean(losses[-20:])))
        return small_features(encoder, clip, pair=self._pair)

    def _prepared(self, encoder: str, *, noisy: bool) -> Path:
        place = self._folder / "sets" / f"{ENCODERS.index(encoder)}{'-noisy' if noisy else ''}"
        if not (place / "done").exists():
            write_set(place, self._examples(encoder, noisy=noisy))
            (place / "done").touch()
        return place

    def _examples(self, encoder: str, *, noisy: bool) -> Iterator[Example]:
        n = len(self._clips)
        rng = rng_for(_SWAP)
        swapped = rng.random(n) < _SWAPPED
        apart = min(8, n // 4)  # clips of one scene are neighbours
        other = (np.arange(n) + rng.integers(apart, n - apart, n)) % n
        for i, clip in enumerate(self._clips):
            wrong = noisy and bool(swapped[i])
            heard = self._clips[int(other[i])] if wrong else clip
            align, z = small_scores(clip, heard.sound) if noisy else (None, None)
            yield Example(
                name=f"{'wrong' if wrong else 'right'}-{i:04d}",
                mel=heard.mel,
                features=self._features(clip, encoder),
                text=small_text(clip),
                flow=small_flow(clip),
                caption=clip.caption,
                scores=Scores(av_align=align, flow_z=z),
            )

    def filter_figures(self) -> dict[str, dict[str, float]]:
        """How many right and wrong pairs each filter keeps."""
        place = self._folder / "sets" / "1-noisy"
        if not (place / "done").exists():
            return {}
        found = {}
        for name, keep in (("none", None), ("AV-Align > 0.2", _BY_ALIGN), ("motion z > 1.5", _BY_MOTION)):
            names = PreparedSet(place, keep=keep).names
            right = sum(name.startswith("right") for name in names)
            found[name] = {"kept": len(names), "right": right, "share_right": round(right / len(names), 3)}
        return found

    def probes(self) -> dict[str, dict[str, float]]:
        """What each encoder's features could tell: shares of variance that a linear probe explains on held-out clips.

        "when" is the level of the true sound every 80 ms about the clip's own mean, from five neighbouring frames of
        features; "what" is its mean spectrum, from the features' mean and deviation over time.
        """
        found = {}
        conditions: dict[str, Callable[[SmallClip], Floats]] = {
            name: partial(self._features, encoder=name) for name in ENCODERS
        }
        conditions["optical flow"] = small_flow
        conditions["caption"] = lambda clip: np.tile(small_text(clip), (32, 1))
        for name, of in conditions.items():
            (a, when_a, what_a), (b, when_b, what_b) = (
                _probe_rows([of(clip) for clip in clips], [clip.mel for clip in clips])
                for clips in (self._clips, self._test)
            )
            found[name] = {
                "when": _explained(a[0], when_a, b[0], when_b),
                "what": _explained(a[1], what_a, b[1], what_b),
            }
            _log.info("%-24s when %.3f, what %.3f", name, found[name]["when"], found[name]["what"])
        return found

    def run(self, variant: Variant, folder: Path) -> dict[str, float]:
        """Train a variant and measure it."""
        size = self._size
        config = replace(
            small_config(text=variant.text, position=variant.position, flow=variant.flow), latent_scale=self._scale
        )
        torch.manual_seed(variant.seed)
        model = VtaLdmModel(config)
        data = PreparedSet(self._prepared(variant.encoder, noisy=variant.noisy), keep=variant.keep)
        first = round(size.steps * variant.pretrain)
        stages = [("sound", first, "audio", 0.0), ("picture", size.steps - first, "joint", variant.concat)]
        for name, steps, use, concat in stages:
            if not steps:
                continue
            recipe = Recipe(
                steps=steps,
                batch=size.batch,
                accumulate=1,
                rate=size.rate,
                warmup=min(20, steps // 4),
                clip_norm=1.0,
                seed=variant.seed,
            )
            # Sound alone needs no right pairs: all clips serve.
            whole = PreparedSet(self._prepared(variant.encoder, noisy=variant.noisy))
            clips = whole if use == "audio" else data
            train(model, self._vae, clips, recipe, folder=folder / name, use=use, concat=concat, save_every=10**6)
        # Training may have used an accelerator; measuring is done where the clips are.
        model.cpu().eval()
        self._vae.cpu()
        figures = self._losses(model, variant)
        figures |= self._sounds(model, variant)
        return {**figures, "clips": float(len(data))}

    def _test_batch(self, variant: Variant, config: VtaLdmConfig) -> Batch:
        clips = self._test
        return Batch(
            mel=torch.from_numpy(np.stack([clip.mel for clip in clips]))[:, None],
            features=torch.from_numpy(np.stack([self._features(clip, variant.encoder) for clip in clips])),
            text=torch.from_numpy(np.stack([small_text(clip) for clip in clips])) if variant.text else None,
            flow=torch.from_numpy(np.stack([small_flow(clip) for clip in clips])) if config.flow else None,
            drop=torch.zeros(len(clips), dtype=torch.bool),
            t=torch.zeros(len(clips), dtype=torch.long),
            noise_seed=0,
        )

    @torch.no_grad()
    def _losses(self, model: VtaLdmModel, variant: Variant) -> dict[str, float]:
        """Held-out loss, and by how much it grows without the right picture, its timing, the right caption."""
        batch = self._test_batch(variant, model.config)
        n = len(batch.mel)
        latents = encode_mel(self._vae, batch.mel, latent_scale=self._scale)
        objective = Objective(model, gamma=None)
        away = torch.roll(torch.arange(n), n // 2)  # clips of one scene are neighbours
        half = batch.features.shape[1] // 2

        def moved(part: Tensor, how: str) -> Tensor:
            return part[away] if how == "other" else torch.roll(part, half, 1)

        asked = {"": batch}
        for name, how in (("picture", "other"), ("timing", "late")):
            flow = None if batch.flow is None else moved(batch.flow, how)
            asked[name] = replace(batch, features=moved(batch.features, how), flow=flow)
        if batch.text is not None:
            asked["caption"] = replace(batch, text=moved(batch.text, "other"))
        losses = {name: np.zeros(n) for name in asked}
        levels = range(60, 1000, 110)
        for t in levels:
            generator = torch.Generator().manual_seed(t)
            noise = torch.randn(latents.shape, generator=generator)
            for name, given in asked.items():
                for rows in torch.tensor_split(torch.arange(n), -(-n // 32)):
                    part = replace(
                        given,
                        features=given.features[rows],
                        text=None if given.text is None else given.text[rows],
                        flow=None if given.flow is None else given.flow[rows],
                        drop=given.drop[rows],
                        t=torch.full((len(rows),), t),
                    )
                    losses[name][rows.numpy()] += objective.each(latents[rows], noise[rows], part).numpy() / len(levels)
        figures = {"loss": float(losses[""].mean())}
        for name in asked:
            if name:
                gain = 100 * (losses[name] - losses[""]) / losses[""].mean()
                figures[f"{name}_gain"] = float(gain.mean())
                figures[f"{name}_gain_error"] = float(gain.std(ddof=1) / np.sqrt(n))
        return figures

    @torch.no_grad()
    def _sounds(self, model: VtaLdmModel, variant: Variant) -> dict[str, float]:
        """Sampled sounds against the true ones: spectrum, whose spectrum is nearest, and onsets."""
        count = self._size.sampled
        batch = self._test_batch(variant, model.config)
        rows = torch.linspace(0, len(batch.mel) - 1, count).round().long()
        condition = model.encode_condition(
            batch.features[rows],
            text=None if batch.text is None else batch.text[rows],
            flow=None if batch.flow is None else batch.flow[rows],
        )
        both = Condition.joined([condition.null(), condition])

        def velocity(x: Tensor, t: Tensor) -> Tensor:
            without, given = model(torch.cat([x, x]), t, both).chunk(2)
            guided: Tensor = without + _GUIDANCE * (given - without)
            return guided

        generators = [torch.Generator().manual_seed(int(i)) for i in rows]
        noise = initial_noise(model.config.latent_shape, generators, device=torch.device("cpu"))
        scheduler = build_scheduler("dpm++", model.config.schedule)
        latents = sample(velocity, noise, scheduler=scheduler, n_steps=15, generators=generators)
        made = decode_latents(self._vae, latents, latent_scale=self._scale)[:, 0].numpy()
        true = batch.mel[rows, 0].numpy()
        to_db = 20 / np.log(10)
        spectra, wanted = made.mean(1) * to_db, true.mean(1) * to_db
        distance = np.abs(spectra[:, None] - wanted[None]).mean(2)
        own = np.diag(distance)
        nearer = [(own[k] < np.delete(distance[k], k)).mean() for k in range(count)]
        settings = model.config.mel
        scores, by_chance = [], []
        for k, i in enumerate(rows.tolist()):
            clip = self._test[i]
            if not clip.onsets_s:
                continue
            found = find_onsets(_heard(made[k], settings)).tolist()
            scores.append(match(found, clip.onsets_s, tolerance_s=0.1)[0])
            by_chance += chance(found, clip.onsets_s, length_s=2.56, tolerance_s=0.1)
        return {
            "spectrum_db": float(own.mean()),
            "own_nearer": float(np.mean(nearer)),
            "own_nearer_error": float(np.std(nearer, ddof=1) / np.sqrt(count)),
            "onset_f1": f1(scores),
            "onset_chance": f1(by_chance),
        }


def _probe_rows(features: Sequence[Floats], mels: Sequence[Floats]) -> tuple[tuple[Floats, Floats], Floats, Floats]:
    """Inputs of the two probes, then their targets: levels `(N 32, 1)` and spectra `(N, n_mels)`."""
    x = np.stack(features)
    padded = np.pad(x, ((0, 0), (2, 2), (0, 0)), mode="edge")
    near = np.concatenate([padded[:, k : k + x.shape[1]] for k in range(5)], axis=2)
    whole = np.concatenate([x.mean(1), x.std(1)], axis=1)
    mel = np.stack(mels)
    level = mel.reshape(len(mel), x.shape[1], -1).mean(2)
    level -= level.mean(1, keepdims=True)
    return (near.reshape(-1, near.shape[2]), whole), level.reshape(-1, 1), mel.mean(1)


def _explained(x: Floats, y: Floats, x_test: Floats, y_test: Floats) -> float:
    """Share of the test targets' variance about the training mean that ridge regression explains, the best of
    penalties chosen on the last fifth of the training rows."""

    def fit(rows: slice, penalty: float) -> tuple[Floats, Floats, Floats, Floats]:
        mean, spread, centre = x[rows].mean(0), x[rows].std(0) + np.float32(1e-6), y[rows].mean(0)
        z = (x[rows] - mean) / spread
        gram = z.T @ z + penalty * len(z) * np.eye(z.shape[1], dtype=z.dtype)
        return np.linalg.solve(gram, z.T @ (y[rows] - centre)), mean, spread, centre

    def explained(model: tuple[Floats, Floats, Floats, Floats], at: Floats, wanted: Floats) -> float:
        weights, mean, spread, centre = model
        made = (at - mean) / spread @ weights + centre
        return float(1 - np.square(wanted - made).sum() / np.square(wanted - centre).sum())

    border = len(x) * 4 // 5
    penalties = [10.0**power for power in range(-4, 3)]
    best = max(penalties, key=lambda p: explained(fit(slice(0, border), p), x[border:], y[border:]))
    return explained(fit(slice(0, len(x)), best), x_test, y_test)


def _heard(mel: Floats, settings: MelSettings) -> Floats:
    sound = griffin_lim(torch.from_numpy(mel), settings).numpy()
    heard: Floats = soxr.resample(sound, settings.sample_rate, ONSET_RATE, quality="HQ").astype(np.float32)
    return heard


def griffin_lim(mel: Tensor, settings: MelSettings, *, rounds: int = 16) -> Tensor:
    """Sound `(frames * hop,)` whose log-mel is near `(frames, n_mels)` (Griffin and Lim, 1984)."""
    filters = mel_filters(settings)
    magnitude = (torch.linalg.pinv(filters) @ mel.exp().T).clamp_min(0)
    magnitude = functional.pad(magnitude, (0, 1), mode="replicate")
    window = torch.hann_window(settings.n_fft)
    generator = torch.Generator().manual_seed(0)
    phase = 2 * torch.pi * torch.rand(magnitude.shape, generator=generator)
    spectrum = torch.polar(magnitude, phase)
    length = len(mel) * settings.hop
    for _ in range(rounds):
        sound = torch.istft(spectrum, settings.n_fft, settings.hop, window=window, length=length)
        again = torch.stft(sound, settings.n_fft, settings.hop, window=window, return_complex=True)
        spectrum = torch.polar(magnitude, again.angle())
    return torch.istft(spectrum, settings.n_fft, settings.hop, window=window, length=length)


_COLUMNS = (
    ("loss", "loss ↓", 4, ""),
    ("picture_gain", "picture, % ↑", 2, "picture_gain_error"),
    ("timing_gain", "timing, % ↑", 2, "timing_gain_error"),
    ("caption_gain", "caption, % ↑", 2, "caption_gain_error"),
    ("spectrum_db", "spectrum, dB ↓", 1, ""),
    ("own_nearer", "own nearer ↑", 2, "own_nearer_error"),
    ("onset_f1", "onset F1 ↑", 3, ""),
    ("onset_chance", "by chance", 3, ""),
    ("clips", "clips", 0, ""),
)


def tables(rows: Sequence[dict[str, dict[str, object]]]) -> str:
    """The three tables as Markdown, from the rows of `ablation.json`."""
    words = {2: "Table 2: encoders", 3: "Table 3: conditions", 4: "Table 4: data"}
    parts = []
    for table, title in words.items():
        lines = [
            f"### {title}",
            "",
            "| variant | " + " | ".join(name for _, name, _, _ in _COLUMNS) + " |",
            "|---|" + "---:|" * len(_COLUMNS),
        ]
        for row in rows:
            variant, figures = row["variant"], row["figures"]
            if table not in variant["tables"]:  # type: ignore[operator]
                continue
            cells = []
            for key, _, digits, error in _COLUMNS:
                value = figures.get(key)
                spread = f" ± {figures[error]:.{digits}f}" if error in figures else ""
                cells.append("" if value is None else f"{value:.{digits}f}{spread}")
            name = variant["encoder"] if table == 2 else variant["name"]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)
