"""Where the engine `small` sees events: gradient x input from its onset head to its motion maps. Knows no file."""

from fractions import Fraction

import numpy as np
import torch

from otio_v2a_engine.conditioning import see
from otio_v2a_engine.contract import RenderRequest
from otio_v2a_engine.lengths import position
from otio_v2a_engine.models.codec import SAMPLES_PER_TOKEN
from otio_v2a_engine.models.motion import token_times
from otio_v2a_engine.saliency import Saliency, spans_of
from otio_v2a_engine.small_networks import BroughtWeights, Networks
from otio_v2a_engine.weights import read_weights

__all__ = ["explain"]


def explain(request: RenderRequest, *, n_spans: int) -> Saliency:
    """Maps of a request's window: how surely an event begins in a span, followed back to each place of each frame.

    Raises:
        PictureError: the picture cannot be decoded.
        WeightsError: the request names a folder without weights of this engine.
        ValueError: the number of spans cannot be.
    """
    brought = BroughtWeights(torch.device("cpu")).of(request.sampling)
    encoder = (brought or Networks.of(read_weights("small"))).encoder
    n_tokens = -(-request.n_samples * 48000 // (request.sample_rate * SAMPLES_PER_TOKEN))
    maps, cuts = see(request.picture, n_tokens=n_tokens, n_shown=n_tokens)
    spans_s = spans_of(request.duration_s, n_spans)
    rate = Fraction(48000, SAMPLES_PER_TOKEN)
    with torch.enable_grad():
        seen = maps.requires_grad_(True)
        _, onsets = encoder(seen, cuts)
        sure = torch.sigmoid(onsets[0])
        found = []
        for start_s, stop_s in spans_s:
            start = min(position(start_s, rate), n_tokens - 1)
            stop = max(position(stop_s, rate), start + 1)
            (slope,) = torch.autograd.grad(sure[start:stop].sum(), seen, retain_graph=True)
            found.append((slope * seen.detach()).sum(2).abs()[0])
    return Saliency(
        times_s=tuple(token_times(n_tokens)),
        spans_s=spans_s,
        maps=torch.stack(found).numpy().astype(np.float32),
        is_square=False,
    )
