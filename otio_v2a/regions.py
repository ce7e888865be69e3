"""Renders a region of a take anew: a new take that equals the old one outside of the region, sample by sample.

The region is rendered as a clip of its own, with the picture around it for context; inside of the region, at its ends,
the new sound is faded in over the old one. Knows takes, plans and stores; starts renders through the runner.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from otio_v2a import choosing, jobs, runner, timeline
from otio_v2a.adjustments import parse_duration
from otio_v2a.errors import RunError, TakeError
from otio_v2a.events import RunEvent
from otio_v2a.hashing import content_hash
from otio_v2a.jobs import GenerationJob, Plan, PlanOptions
from otio_v2a.media_identity import MediaIdentity, identify
from otio_v2a.mixing import BLOCK, Reader, cross_fade
from otio_v2a.prompts import Ask
from otio_v2a.spans import ClipSpan
from otio_v2a.stem import Layout, Render, Stem, StemClip, StemTake
from otio_v2a.takes import Take, TakeStore, default_root
from otio_v2a.timecode import seconds_of_day
from otio_v2a.tracks import load_own, read_stems
from otio_v2a_engine import registry
from otio_v2a_engine.contract import EngineError, Role
from otio_v2a_engine.lengths import position

__all__ = ["Redone", "Wish", "redo", "redo_seconds", "spliced"]

CONTEXT_S = Fraction(1)
"""Sound that is rendered around the region and thrown away, so that an engine hears and sees where it comes from."""
CROSS_S = Fraction(1, 50)
"""Length of the cross-fades, inside of the region."""
_SHORTEST_S = Fraction(1, 10)


@dataclass(frozen=True)
class Wish:
    """How the region shall be; None is as the take is.

    Attributes:
        text: positive prompt.
        negative_text: negative prompt.
        seed: seed; None is one that was not used for this region yet.
        device: where the engine runs.
        engine: who renders it.
    """

    text: str | None = None
    negative_text: str | None = None
    seed: int | None = None
    device: str = "cpu"
    engine: str | None = None


@dataclass(frozen=True)
class Redone:
    """A take of which a region is new.

    Attributes:
        clip_id: the clip.
        clip_name: its name.
        role: the stem.
        number: of the new take, which is active now.
        made_from: of the take that it equals elsewhere.
        start_s: start of the region in clip time.
        stop_s: its end.
        path: the new render.
    """

    clip_id: str
    clip_name: str
    role: Role
    number: int
    made_from: int
    start_s: Fraction
    stop_s: Fraction
    path: Path

    @property
    def words(self) -> str:
        """The region in words."""
        return f"{float(self.start_s):.2f} to {float(self.stop_s):.2f} s"


def _ignore(event: RunEvent) -> None:
    """The callback of a caller who does not want to know."""


def _never() -> bool:
    return False


def redo(
    path: Path,
    *,
    start: str,
    stop: str,
    number: int | None = None,
    clip: str | None = None,
    role: Role | None = None,
    wish: Wish | None = None,
    on_event: Callable[[RunEvent], None] = _ignore,
    cancelled: Callable[[], bool] = _never,
) -> Redone:
    """Render a region of a take on a written timeline anew; the new take becomes active, the old one stays.

    Args:
        path: a timeline that this program wrote.
        start: start of the region: record timecode, or a length of time from the clip's start (`2.5s`, `12f`).
        stop: its end.
        number: the take; the active one when None.
        clip: name or id of the clip; may be left out where only one fits the region.
        role: role of the stem; may be left out where there is only one.
        wish: how the region shall be.
        on_event: told of the render.
        cancelled: asked while it runs.

    Raises:
        CutError: the file cannot be read or written.
        TakeError: the take or region does not exist, or does not name one take.
        PlanError: the engine is not there any more.
        RunError: the render failed.
    """
    path = Path(path).absolute()
    stem, found = _one(path, clip=clip, role=role, start=start)
    region = tuple(_clip_time(text, stem, found) for text in (start, stop))
    return redo_seconds(
        path,
        region_s=(region[0], region[1]),
        clip_id=found.clip_id,
        role=stem.role,
        number=number,
        wish=wish,
        on_event=on_event,
        cancelled=cancelled,
    )


def redo_seconds(
    path: Path,
    *,
    region_s: tuple[Fraction, Fraction],
    clip_id: str,
    role: Role,
    number: int | None = None,
    wish: Wish | None = None,
    on_event: Callable[[RunEvent], None] = _ignore,
    cancelled: Callable[[], bool] = _never,
) -> Redone:
    """`redo` with the region in seconds of clip time, for one clip and role.

    Raises:
        CutError, TakeError, PlanError, RunError: as `redo`.
    """
    path = Path(path).absolute()
    wish = wish or Wish()
    stem, found = _one(path, clip=clip_id, role=role, start="0s")
    numbers = [take.number for take in found.takes]
    number = found.active if number is None else number
    if number not in numbers:
        raise TakeError(f"clip {found.name!r} has no take {number} of {role}; it has {', '.join(map(str, numbers))}")
    store = TakeStore(default_root(path))
    old = _stored(next(take for take in found.takes if take.number == number), found, store=store)
    first, last = _samples(region_s, found, sample_rate=stem.sample_rate)
    cut = timeline.read(path)
    span = next((span for span in cut.spans if span.clip_id == found.clip_id), None)
    if span is None:
        raise TakeError(f"clip {found.name!r} is not in {path.name} any more; generate again")
    tried = {take.content_hash for take in found.takes}
    for attempt in range(1, 100):
        seed = _seed(old, first, last, attempt) if wish.seed is None else wish.seed
        job = _job(cut, span, old, (first, last), seed=seed, wish=wish, stem=stem)
        new_hash = _hash(old, first, last, job)
        if new_hash not in tried or wish.seed is not None:
            break
    take = store.get(new_hash)
    if take is None:
        part = _rendered(job, store=store, on_event=on_event, cancelled=cancelled)
        take = _join(old, part, job, (first, last), new_hash=new_hash, store=store)
    made = _add(path, take, old=old, clip_id=found.clip_id, role=role)
    rate = stem.sample_rate
    return Redone(
        clip_id=found.clip_id,
        clip_name=found.name,
        role=role,
        number=made,
        made_from=number,
        start_s=Fraction(first - found.record_start, rate),
        stop_s=Fraction(last - found.record_start, rate),
        path=take.path,
    )


def spliced(old: Render, new: Render, *, first: int, last: int, cross: int) -> Iterator[npt.NDArray[np.float32]]:
    """The old render with the new one inside `[first, last)` in record samples, in blocks `(channels, n)`.

    Outside of the region samples are the old ones, bit for bit; the cross-fades lie inside of it.

    Raises:
        StemError: a file is missing or damaged.
    """
    cross = min(cross, (last - first) // 2)

    def piece(render: Render, start: int, stop: int) -> npt.NDArray[np.float32]:
        return reader.read(render.path, start - render.file_start, stop - render.file_start)

    with Reader() as reader:
        into = cross_fade(piece(old, first, first + cross), piece(new, first, first + cross), start=first)
        back = cross_fade(piece(new, last - cross, last), piece(old, last - cross, last), start=last - cross)
        end = old.file_start + old.n_samples
        borders = sorted({old.file_start, end, first, first + cross, last - cross, last})
        for start, stop in pairwise(borders):
            for at in range(start, stop, BLOCK):
                to = min(at + BLOCK, stop)
                if to <= first or at >= last:
                    yield piece(old, at, to)
                    continue
                block = piece(new, at, to)
                for fade, begin in ((into, first), (back, last - cross)):
                    if begin <= at < begin + cross:
                        out, coming = fade.gains(at, to)
                        mine, other = (coming, out) if fade is into else (out, coming)
                        block = (block * mine + piece(old, at, to) * other).astype(np.float32)
                yield block


def _one(path: Path, *, clip: str | None, role: Role | None, start: str) -> tuple[Stem, StemClip]:
    """The one clip and stem that is meant."""
    fitting = [
        (stem, found)
        for stem in read_stems(load_own(path), base=path.parent)
        for found in stem.clips
        if (role is None or stem.role == role) and (clip is None or clip in (found.clip_id, found.name))
    ]
    if len(fitting) > 1 and ":" in start:
        fitting = [(stem, found) for stem, found in fitting if _holds(stem, found, start)]
    if not fitting:
        raise TakeError(f"{path}: no take fits; otio-v2a takes list shows which there are")
    if len(fitting) > 1:
        names = ", ".join(f"{found.name} ({stem.role})" for stem, found in fitting[:6])
        raise TakeError(f"{path}: several stems fit: {names}; choose one with --clip and --role")
    return fitting[0]


def _holds(stem: Stem, found: StemClip, text: str) -> bool:
    at = _clip_time(text, stem, found)
    return 0 <= at < Fraction(found.span_samples, stem.sample_rate)


def _clip_time(text: str, stem: Stem, found: StemClip) -> Fraction:
    """Seconds from the clip's start of a timecode or a length of time."""
    timing = stem.timing
    if ":" not in text and ";" not in text:
        return parse_duration(text, rate=timing.rate)
    try:
        day_s = seconds_of_day(text, rate=timing.rate, drop_frame=timing.drop_frame)
    except ValueError as error:
        raise TakeError(str(error)) from error
    return day_s - timing.global_start_s - Fraction(found.record_start, stem.sample_rate)


def _samples(region_s: tuple[Fraction, Fraction], found: StemClip, *, sample_rate: int) -> tuple[int, int]:
    """The region in record samples, within the clip."""
    first, last = (found.record_start + position(at, sample_rate) for at in region_s)
    first, last = max(first, found.record_start), min(last, found.record_stop)
    if last - first < _SHORTEST_S * sample_rate:
        length = Fraction(found.span_samples, sample_rate)
        raise TakeError(
            f"a region is at least {float(_SHORTEST_S):g} s long and lies in the clip {found.name!r}, which lasts "
            f"{float(length):.2f} s; not {float(region_s[0]):.2f} to {float(region_s[1]):.2f} s"
        )
    return first, last


def _stored(take: StemTake, found: StemClip, *, store: TakeStore) -> StemTake:
    """The take as it was rendered."""
    if take.source is not None and take.source.path.is_file():
        return take
    stored = store.get(take.content_hash)
    if stored is not None:
        start = found.record_start - stored.handle_before
        return replace(take, source=Render(path=stored.path, file_start=start, n_samples=stored.n_samples))
    if take.source is None and take.path.is_file() and take.path.parent.parent == store.root:
        return take
    raise TakeError(
        f"the render of take {take.number} of clip {found.name!r} is not in {store.root} any more; generate it again"
    )


def _seed(old: StemTake, first: int, last: int, attempt: int) -> int:
    """A seed that follows from take, region and attempt, so that a run can be repeated."""
    digest = hashlib.blake2b(f"{old.content_hash}\n{first}\n{last}\n{attempt}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 33


def _job(
    cut: timeline.Cut,
    span: ClipSpan,
    old: StemTake,
    region: tuple[int, int],
    *,
    seed: int,
    wish: Wish,
    stem: Stem,
) -> GenerationJob:
    """The render of the region with what lies around it in the take."""
    prompt = replace(
        old.prompt,
        text=old.prompt.text if wish.text is None else wish.text,
        negative_text=old.prompt.negative_text if wish.negative_text is None else wish.negative_text,
    )
    options = PlanOptions(
        engine=wish.engine or old.engine,
        device=wish.device,
        sample_rate=stem.sample_rate,
        channels=stem.channels,
        handles_s=Fraction(0),
    )
    planned = jobs.plan(cut, [Ask(span=span, prompt=prompt, seed=seed)], options=options)
    if not planned.jobs:
        reasons = "; ".join(skip.reason for skip in planned.skipped) or "nothing can be rendered for it"
        raise TakeError(f"clip {span.name!r}: {reasons}")
    whole = planned.jobs[0]
    render, rate = old.render, stem.sample_rate
    context = position(CONTEXT_S, rate)
    start = max(region[0] - context, render.file_start)
    stop = min(region[1] + context, render.file_start + render.n_samples)
    # The plan's request begins with the clip: without handles, request time is clip time.
    picture = whole.request.picture.window(Fraction(start - whole.record_start, rate), Fraction(stop - start, rate))
    request = replace(whole.request, picture=picture, n_samples=stop - start)
    identity = identify(span.media)
    if not isinstance(identity, MediaIdentity):
        raise TakeError(str(identity))
    before, after = region[0] - start, stop - region[1]
    try:
        info = registry.find(whole.engine).info
    except EngineError as error:
        raise TakeError(str(error)) from error
    return replace(
        whole,
        take=old.number,
        request=request,
        handle_before=before,
        handle_after=after,
        record_start=region[0],
        span_samples=region[1] - region[0],
        content_hash=content_hash(request, media=identity, engine=info, handle_before=before, handle_after=after),
    )


def _hash(old: StemTake, first: int, last: int, job: GenerationJob) -> str:
    """Name of the joined take: what it was, where it is new, and what with."""
    start = first - old.render.file_start
    text = f"region 1\n{old.content_hash}\n{start}\n{last - first}\n{job.content_hash}\n{CROSS_S}"
    return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()


def _rendered(
    job: GenerationJob, *, store: TakeStore, on_event: Callable[[RunEvent], None], cancelled: Callable[[], bool]
) -> Take:
    report = runner.run(
        Plan(jobs=(job,), estimated_s=job.estimated_s), store=store, on_event=on_event, cancelled=cancelled
    )
    if report.cancelled:
        raise KeyboardInterrupt
    if not report.takes:
        reasons = "; ".join(failure.reason for failure in report.failures)
        raise RunError(f"the region of clip {job.clip_name!r} cannot be rendered: {reasons}")
    return report.takes[0]


def _join(
    old: StemTake, part: Take, job: GenerationJob, region: tuple[int, int], *, new_hash: str, store: TakeStore
) -> Take:
    """Write the new take into the store."""
    import soundfile

    render = old.render
    rate = part.sample_rate
    blocks = spliced(
        render,
        Render(path=part.path, file_start=region[0] - job.handle_before, n_samples=part.n_samples),
        first=region[0],
        last=region[1],
        cross=position(CROSS_S, rate),
    )
    span_samples = position(job.ask.span.record_end_s, rate) - position(job.ask.span.record_start_s, rate)
    record_start = position(job.ask.span.record_start_s, rate)
    before = record_start - render.file_start
    whole = replace(
        job,
        request=replace(job.request, n_samples=render.n_samples),
        handle_before=before,
        handle_after=render.n_samples - before - span_samples,
        record_start=record_start,
        span_samples=span_samples,
        content_hash=new_hash,
    )
    with store.lock():
        partial = store.partial_path(new_hash)
        try:
            with soundfile.SoundFile(
                str(partial), "w", samplerate=rate, channels=part.channels, format="WAV", subtype="FLOAT"
            ) as file:
                for block in blocks:
                    file.write(block.T)
            return store.put(whole, partial)
        finally:
            store.discard(partial)


def _add(path: Path, take: Take, *, old: StemTake, clip_id: str, role: Role) -> int:
    """Put the take on the timeline as the active one; returns its number. One that is there is made active."""
    numbers: list[int] = []

    def added(stem: Stem, found: StemClip) -> StemClip:
        known = next((other for other in found.takes if other.content_hash == take.content_hash), None)
        if known is not None:
            numbers.append(known.number)
            return replace(found, active=known.number)
        number = max(other.number for other in found.takes) + 1
        numbers.append(number)
        render = Render(path=take.path, file_start=found.record_start - take.handle_before, n_samples=take.n_samples)
        new = StemTake(
            number=number,
            path=render.path,
            file_start=render.file_start,
            n_samples=render.n_samples,
            content_hash=take.content_hash,
            seed=take.seed,
            prompt=take.prompt,
            engine=take.engine,
            engine_version=take.engine_version,
            source=render if stem.layout is Layout.CLIPS else None,
            made_from=old.content_hash,
        )
        return replace(found, takes=(*found.takes, new), active=number)

    choosing.edit(path, added, clip=clip_id, role=role)
    return numbers[0]
