"""Movies to prepared clips: the frozen encoders' features and the true sound's mel, with scores of how they fit.

Knows no training step. What cannot be decoded is left out and counted.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from otio_v2a_engine.contract import EngineError, Picture
from otio_v2a_engine.evaluation import sync
from otio_v2a_engine.evaluation.av_align import av_align, flow_curve
from otio_v2a_engine.evaluation.clap import Clap
from otio_v2a_engine.evaluation.clips import native_frames, read_sound, tile_frames
from otio_v2a_engine.evaluation.distances import cosine
from otio_v2a_engine.evaluation.onset_strength import SAMPLE_RATE as STRENGTH_RATE
from otio_v2a_engine.evaluation.onset_strength import onset_strength
from otio_v2a_engine.frames import probe
from otio_v2a_engine.vta_ldm.checkpoint import Checkpoint
from otio_v2a_engine.vta_ldm.flow import FLOW_STEP_S, flow_features
from otio_v2a_engine.vta_ldm.looking import frame_times, look
from otio_v2a_engine.vta_ldm.mel import log_mel
from otio_v2a_engine.vta_ldm.training.data import Example, Scores
from otio_v2a_engine.vta_ldm.training.sources import RawClip

__all__ = ["Preparation", "prepare"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Preparation:
    """How clips are prepared.

    Attributes:
        checkpoint: whose frozen parts are used.
        align: whether AV-Align and motion z are measured.
        clap: folder of CLAP's weights, to measure sound against caption; None does not.
    """

    checkpoint: Checkpoint
    align: bool = False
    clap: Path | None = None


def prepare(clips: Iterable[RawClip], how: Preparation) -> Iterator[Example]:
    """Prepared clips in the same order; those that cannot be decoded, or have no sound, are left out with a warning."""
    clap = Clap(how.clap) if how.clap is not None else None
    for clip in clips:
        try:
            yield _one(clip, how, clap)
        except EngineError as error:
            _log.warning("%s is left out: %s", clip.name, error)


@torch.no_grad()
def _one(clip: RawClip, how: Preparation, clap: Clap | None) -> Example:
    config = how.checkpoint.config
    rate, n_samples = config.mel.sample_rate, config.window_samples
    sound = read_sound(clip.sound or clip.movie, rate=rate)[:n_samples]
    padded = np.pad(sound, (0, n_samples - len(sound)))
    picture = Picture(str(clip.movie.resolve()))
    shown_s = min(probe(picture).duration_s, config.window_s)
    times = frame_times(shown_s=shown_s, window_s=config.window_s, rate=config.encoder.frame_rate)
    frames = look(picture, times, config.encoder)
    flow = None
    if config.flow is not None:
        later = look(picture, [time + FLOW_STEP_S for time in times], config.encoder)
        flow = flow_features(frames, later, grid=config.flow.grid).numpy()
    text = how.checkpoint.text
    reads = text is not None and text.reads
    return Example(
        name=clip.name,
        mel=log_mel(torch.from_numpy(padded)[None], config.mel)[0, 0].numpy(),
        features=how.checkpoint.encoder(frames[None])[0].numpy(),
        text=text.embed([clip.caption])[0].numpy() if text is not None and reads else None,
        flow=flow,
        caption=clip.caption,
        scores=_scores(clip, how, clap, longest_s=float(config.window_s)),
    )


def _scores(clip: RawClip, how: Preparation, clap: Clap | None, *, longest_s: float) -> Scores:
    aligned = z = fits = None
    source = clip.sound or clip.movie
    if how.align:
        heard = read_sound(source, rate=STRENGTH_RATE)[: int(longest_s * STRENGTH_RATE)]
        frames, rate = native_frames(clip.movie, longest_s=longest_s)
        aligned = av_align(flow_curve(frames), heard, rate=rate)
        small = tile_frames(
            clip.movie, rate=sync.RATE, width=sync.TILE_WIDTH, height=sync.TILE_HEIGHT, longest_s=longest_s
        )
        motion = sync.tile_motion(small)[: int(Fraction(len(heard), STRENGTH_RATE) * sync.RATE)]
        found = sync.tile_flow(motion, onset_strength(heard))
        z = found.z if found is not None else None
    if clap is not None and clip.caption:
        embedding = clap.sounds([read_sound(source, rate=clap.sample_rate)])
        fits = float(cosine(embedding, clap.texts([clip.caption]))[0])
    return Scores(clap=fits, av_align=aligned, flow_z=z)
