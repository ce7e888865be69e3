"""Owns the content hash of a render: the name of its take. Knows one request at a time, no clip and no plan.

The hash covers everything that shapes the sound and nothing else. Its parts are texts, so that a plan of many jobs
spells each part once.
"""

import hashlib
from dataclasses import replace
from functools import lru_cache

from otio_v2a.media_identity import MediaIdentity
from otio_v2a_engine import wire
from otio_v2a_engine.checkpoint_folders import identified_options
from otio_v2a_engine.contract import EngineInfo, Picture, PromptSpec, RenderRequest, Sampling
from otio_v2a_engine.weight_folders import version_of

__all__ = ["content_hash", "digest", "picture_text", "sound_text", "spelled"]

_HASH_VERSION = 2


def content_hash(
    request: RenderRequest,
    *,
    media: MediaIdentity,
    engine: EngineInfo,
    handle_before: int,
    handle_after: int,
) -> str:
    """64 hexadecimal digits that change with everything that shapes the sound, and with nothing else.

    Prompt fields that the engine does not take are left out; so is the device.
    """
    if not engine.takes_events:
        request = replace(request, events=None)
    sound = sound_text(request.prompt, sampling=request.sampling, engine=engine)
    picture = picture_text(request.picture)
    return digest(request, spelled(media), sound, picture, handle_before=handle_before, handle_after=handle_after)


def digest(
    request: RenderRequest, media: str, sound: str, picture: str, *, handle_before: int, handle_after: int
) -> str:
    """The hash from the texts of media (`spelled`), sound and picture; a test holds the list of fields complete.

    Spelled parts hold no line end of their own, so no two lists of parts join to the same text.
    """
    text = (
        f"{_HASH_VERSION}\n{media}\n{sound}\n{picture}\n{request.n_samples}\n{request.sample_rate}\n"
        f"{request.channels}\n{request.seed}\n{handle_before}\n{handle_after}"
    )
    if request.events is not None:
        text += f"\n{spelled(request.events)}"
    return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()


def sound_text(prompt: PromptSpec, *, sampling: Sampling, engine: EngineInfo) -> str:
    """What is asked of the engine, as far as it takes it; the device is left out.

    Raises:
        WeightsError: a folder that an option names is not there; a plan is refused before (`jobs.plan`).
    """
    heard = _heard(
        prompt, text=engine.takes_text, negative=engine.takes_negative_text, transcript=engine.takes_transcript
    )
    return f"{spelled(heard)}\n{_sampling_text(sampling, engine)}\n{spelled((engine.name, version_of(engine)))}"


def _sampling_text(sampling: Sampling, engine: EngineInfo) -> str:
    """Sampler settings; options stand after them only when there are any, so that takes made before there were stay."""
    if (engine.folder_options or engine.weights_options) and sampling.options:
        sampling = replace(sampling, options=identified_options(sampling, engine))
    plain = {key: value for key, value in wire.to_plain(sampling).items() if key != "options" or value}
    return wire.canonical_json(plain)


def picture_text(picture: Picture) -> str:
    """What is seen; the path stands in the media's identity."""
    parts = (
        picture.start_s,
        picture.speed,
        picture.first_s,
        picture.last_s,
        wire.canonical_json(picture.cuts_s) if picture.cuts_s else "",
        picture.sequence_rate,
        picture.sequence_first,
    )
    return "\n".join(map(str, parts))


spelled = lru_cache(maxsize=4096)(wire.canonical_json)
"""A value as one line of JSON."""


@lru_cache(maxsize=4096)
def _heard(prompt: PromptSpec, *, text: bool, negative: bool, transcript: bool) -> PromptSpec:
    """The prompt as far as an engine takes it."""
    return PromptSpec(
        text=prompt.text if text else "",
        negative_text=prompt.negative_text if negative else "",
        role=prompt.role,
        transcript=prompt.transcript if transcript else "",
    )
