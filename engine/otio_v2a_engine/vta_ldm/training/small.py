"""The small scale: simulated clips with several frozen picture encoders, and a tiny model. Needs no weights, no files.

Its encoders stand for families of the paper's Table 2 and are none of its networks: what single frames look like
(as CLIP, ImageBind and LanguageBind see), what moves (as V-JEPA and ViViT see), and what a contrastive pair of picture
and sound encoders learnt on these very clips (as CAVP).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import soxr
import torch
from torch import Tensor, nn
from torch.nn import functional

from otio_v2a_engine.contract import Role
from otio_v2a_engine.evaluation import sync
from otio_v2a_engine.evaluation.av_align import av_align, flow_curve
from otio_v2a_engine.evaluation.onset_strength import SAMPLE_RATE as STRENGTH_RATE
from otio_v2a_engine.evaluation.onset_strength import onset_strength
from otio_v2a_engine.models.motion import motion_maps
from otio_v2a_engine.simulate.bank import Bank
from otio_v2a_engine.simulate.scene import Scene, make_scene
from otio_v2a_engine.simulate.vocabulary import KINDS, Family
from otio_v2a_engine.training.checkpoint import rng_for
from otio_v2a_engine.vta_ldm.config import (
    EncoderSettings,
    FlowSettings,
    MelSettings,
    TextSettings,
    UNetSettings,
    VaeSettings,
    VocoderSettings,
    VtaLdmConfig,
)
from otio_v2a_engine.vta_ldm.mel import log_mel

__all__ = [
    "DIM",
    "ENCODERS",
    "FLOW_GRID",
    "FRAME_RATE",
    "PairNet",
    "SmallClip",
    "small_clips",
    "small_config",
    "small_features",
    "small_flow",
    "small_scores",
    "small_text",
]

Floats = npt.NDArray[np.float32]

ENCODERS = ("frames at 2 fps", "frames at 12.5 fps", "motion at 12.5 fps", "contrastive at 12.5 fps")
"""What stands for the encoders of Table 2."""
DIM = 64
"""Features per frame, of every encoder."""
FRAME_RATE = Fraction(25, 2)
FLOW_GRID = 4
_WINDOWS = 3  # of 2.56 s in a scene of 8 s
_RATE = 25  # frames a second that scenes are drawn at
_NAMES = tuple(kind.name for kind in KINDS.values() if kind.family is not Family.AMBIENCE)
_MEL = MelSettings(hop=320, n_mels=32)
_SCENES, _SWAP = 1, 2


def small_config(*, text: bool, position: bool, flow: bool) -> VtaLdmConfig:
    """A model of 0.4 M parameters over windows of 2.56 s; the published structure."""
    return VtaLdmConfig(
        name="small-ablation",
        encoder=EncoderSettings(feature_dim=DIM, image_size=32, frame_rate=FRAME_RATE),
        unet=UNetSettings(channels=(24, 40), heads=(2, 4), cross=(False, True), layers_per_block=1, groups=8),
        vae=VaeSettings(channels=(8, 12, 16), layers_per_block=1, latent_channels=8, groups=4),
        vocoder=VocoderSettings(channels=32, rates=(5, 4, 4, 2, 2), kernels=(11, 8, 8, 4, 4)),
        mel=_MEL,
        latent_frames=32,
        embedding_dim=64,
        position=position,
        text=TextSettings(feature_dim=DIM, shared=False, trained=True) if text else None,
        flow=FlowSettings(grid=FLOW_GRID) if flow else None,
    )


@dataclass(frozen=True)
class SmallClip:
    """A window of a simulated scene.

    Attributes:
        frames: `(64, 56, 96, 3)` at 25 fps.
        sound: mono at 16 kHz, `(40960,)`.
        caption: words of its effects.
        kinds: kinds of sound in its scene.
        onsets_s: true onsets within it.
    """

    frames: npt.NDArray[np.uint8]
    sound: Floats
    caption: str
    kinds: tuple[str, ...]
    onsets_s: tuple[float, ...]

    @property
    def mel(self) -> Floats:
        """Log-mel `(128, 32)`."""
        mel: Floats = log_mel(torch.from_numpy(self.sound)[None], _MEL)[0, 0].numpy()
        return mel


def small_clips(count: int, *, seed: int) -> Iterator[SmallClip]:
    """Windows of simulated scenes that have sound in them, from synthesised sounds alone."""
    bank, index, made = Bank(None), 0, 0
    while made < count:
        scene = make_scene(rng_for(seed, index, _SCENES), bank=bank, seconds=8.0)
        index += 1
        for clip in _windows(scene):
            if made < count:
                made += 1
                yield clip


def _windows(scene: Scene) -> Iterator[SmallClip]:
    sound = soxr.resample(scene.stems[Role.FX], 48000, _MEL.sample_rate, quality="HQ").astype(np.float32)
    n_frames, n_samples = 64, 64 * _MEL.sample_rate // _RATE
    for i in range(_WINDOWS):
        part = sound[i * n_samples : (i + 1) * n_samples]
        start = i * n_frames / _RATE
        onsets = tuple(
            event.sample / 48000 - start for event in scene.events if 0 <= event.sample / 48000 - start < 2.56
        )
        if np.abs(part).max() > 1e-3:
            yield SmallClip(
                scene.frames[i * n_frames : (i + 1) * n_frames],
                part,
                scene.captions[Role.FX],
                scene.kinds[:-1],
                onsets,
            )


def _projected(values: Floats, name: str) -> Floats:
    """Fixed random projection to DIM: an encoder's features have no axes that mean something."""
    rng = np.random.default_rng([len(name), values.shape[-1]])
    matrix = rng.standard_normal((values.shape[-1], DIM)).astype(np.float32)
    projected: Floats = values @ (matrix / np.float32(np.sqrt(values.shape[-1])))
    return projected


def _maps(frames: npt.NDArray[np.uint8]) -> Floats:
    """Motion maps at 12.5 fps, two frames of 25 fps side by side: `(32, 2 * 8 * 84)`."""
    maps = motion_maps(frames).astype(np.float32)
    return maps.reshape(len(maps) // 2, -1)


def small_features(name: str, clip: SmallClip, *, pair: "PairNet | None" = None) -> Floats:
    """Features of a clip `(T, DIM)` by one of ENCODERS; T is 32, at 2 fps the same six frames held."""
    tiny = clip.frames.reshape(64, 7, 8, 12, 8, 3).mean((2, 4)).reshape(64, -1).astype(np.float32) / 127.5 - 1
    if name == ENCODERS[0]:
        shown = (np.arange(32) / float(FRAME_RATE) * 2).astype(int)  # which of 2 frames a second is held
        return _projected(tiny[np.minimum(shown * _RATE // 2, 63)], "frames")
    if name == ENCODERS[1]:
        return _projected(tiny[::2], "frames")
    if name == ENCODERS[2]:
        return _projected(_maps(clip.frames), "motion")
    if pair is None:
        raise ValueError("the contrastive encoder has to be trained first")
    with torch.no_grad():
        features: Floats = pair.pictures(torch.from_numpy(_maps(clip.frames))[None])[0].numpy()
    return features * np.float32(np.sqrt(DIM))


def small_flow(clip: SmallClip) -> Floats:
    """Optical flow at 12.5 fps on a 4 x 4 grid `(32, 48)`: x, y and size, by least squares in cells of 8 pixels."""
    maps = motion_maps(clip.frames).astype(np.float32)[:, 3:5]  # (64, 2, 7, 12)
    flow = torch.from_numpy(np.concatenate([maps, np.linalg.norm(maps, axis=1, keepdims=True)], axis=1))
    grid = functional.adaptive_avg_pool2d(flow, FLOW_GRID)
    out: Floats = grid.reshape(32, 2, -1).mean(1).numpy()
    return out


def small_text(clip: SmallClip) -> Floats:
    """A caption's embedding `(DIM,)`: its kinds of sound, projected. Stands for a sentence encoder that understands."""
    bag = np.zeros(len(_NAMES), np.float32)
    for name in clip.kinds:
        bag[_NAMES.index(name)] = 1.0
    embedding: Floats = _projected(bag[None], "text")[0] * np.float32(np.sqrt(len(_NAMES)))
    return embedding


def small_scores(clip: SmallClip, sound: Floats) -> tuple[float | None, float | None]:
    """AV-Align and motion z of a clip's picture with a sound at 16 kHz."""
    heard = soxr.resample(sound, _MEL.sample_rate, STRENGTH_RATE, quality="HQ").astype(np.float32)
    aligned = av_align(flow_curve(clip.frames), heard, rate=Fraction(_RATE))
    flow = sync.tile_flow(sync.tile_motion(clip.frames), onset_strength(heard))
    return aligned, None if flow is None else flow.z


class PairNet(nn.Module):
    """A contrastive pair: pictures `(B, 32, 1344)` and mels `(B, 128, 32)` to unit features `(B, 32, DIM)`."""

    def __init__(self) -> None:
        super().__init__()
        self._seen = nn.Sequential(
            nn.Linear(2 * 8 * 84, 96), nn.GELU(), _Across(96), nn.GELU(), _Across(96), nn.GELU(), nn.Linear(96, DIM)
        )
        self._heard = nn.Sequential(
            nn.Linear(4 * 32, 96), nn.GELU(), _Across(96), nn.GELU(), _Across(96), nn.GELU(), nn.Linear(96, DIM)
        )
        self.scale = nn.Parameter(torch.tensor(2.3))

    def pictures(self, maps: Tensor) -> Tensor:
        """Features of motion maps."""
        return functional.normalize(self._seen(maps), dim=-1)

    def sounds(self, mels: Tensor) -> Tensor:
        """Features of log-mels."""
        return functional.normalize(self._heard((mels + 6).reshape(len(mels), 32, -1) / 3), dim=-1)

    def loss(self, maps: Tensor, mels: Tensor) -> Tensor:
        """Which sound, and which moment of it, belongs to which picture: two symmetric cross-entropies."""
        a, b = self.pictures(maps), self.sounds(mels)
        whole = functional.normalize(a.mean(1), dim=-1) @ functional.normalize(b.mean(1), dim=-1).T
        moments = a @ b.transpose(1, 2)
        scale = self.scale.exp()
        labels = torch.arange(len(whole))
        places = torch.arange(a.shape[1]).expand(len(a), -1)
        return (
            functional.cross_entropy(scale * whole, labels)
            + functional.cross_entropy(scale * whole.T, labels)
            + functional.cross_entropy(scale * moments.flatten(0, 1), places.flatten())
            + functional.cross_entropy(scale * moments.transpose(1, 2).flatten(0, 1), places.flatten())
        ) / 4

    def learn(self, clips: list[SmallClip], *, steps: int, seed: int, batch: int = 32) -> list[float]:
        """Train on clips; returns the losses."""
        maps = torch.from_numpy(np.stack([_maps(clip.frames) for clip in clips]))
        mels = torch.from_numpy(np.stack([clip.mel for clip in clips]))
        optimizer = torch.optim.AdamW(self.parameters(), lr=1e-3)
        losses = []
        for step in range(steps):
            rows = torch.from_numpy(rng_for(seed, step).integers(0, len(clips), batch))
            loss = self.loss(maps[rows], mels[rows])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            losses.append(float(loss.detach()))
        self.eval()
        return losses


class _Across(nn.Module):
    """A convolution over time."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self._across = nn.Conv1d(width, width, 5, padding=2)

    def forward(self, x: Tensor) -> Tensor:
        """`(B, T, width)` to the same."""
        out: Tensor = self._across(x.transpose(1, 2)).transpose(1, 2)
        return out
