"""What every engine must keep, as checks that any engine's own tests can run. Knows no particular engine.

    for check in CHECKS:
        check(engine, picture)

Each check raises ConformanceError with what was expected and what came. `picture` is any picture of at least
two seconds; `write_flash_movie` makes one.
"""

import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from otio_v2a_engine.contract import (
    Cancelled,
    Engine,
    EngineInfo,
    EngineSpec,
    Picture,
    PictureError,
    Progress,
    PromptSpec,
    RenderedAudio,
    RenderRequest,
    Role,
    Sampling,
    UnsupportedRequest,
)

__all__ = [
    "CHECKS",
    "ConformanceError",
    "check_cancellation",
    "check_info",
    "check_lengths",
    "check_longest_window",
    "check_memory",
    "check_missing_picture",
    "check_no_global_state",
    "check_picture_matters",
    "check_progress",
    "check_prompt_matters",
    "check_refusals",
    "check_repeatable",
    "check_roles",
    "check_sound",
    "check_take",
    "write_flash_movie",
]

_SHORT_S = Fraction(1, 2)
_ODD_LENGTHS = (1, 2, 1601, 22_051)
_QUICK = Sampling(steps=2)
_CLIPPED_RUN = 3
_FULL_SCALE = 0.9999
_LARGEST_GROWTH_BYTES = 64 * 2**20


class ConformanceError(AssertionError):
    """An engine does not keep the contract; the message says where."""


def check_info(spec: EngineSpec, engine: Engine) -> None:
    """The loaded engine declares what its spec does, and the spec says where it is made."""
    _require(engine.info == spec.info, spec.info, "declares something else once loaded than in its spec")
    _require(":" in spec.factory, spec.info, f"has a factory that is not module:attribute: {spec.factory!r}")


def check_lengths(engine: Engine, picture: Picture) -> None:
    """The sound has the exact number of samples, at every rate and channel count, one sample included."""
    info = engine.info
    for n_samples in _ODD_LENGTHS:
        _expect_shape(engine, replace(_request(info, picture), n_samples=n_samples))
    for rate in info.sample_rates:
        for channels in info.channels:
            _expect_shape(engine, replace(_request(info, picture), n_samples=4801, sample_rate=rate, channels=channels))


def check_longest_window(engine: Engine, picture: Picture) -> None:
    """The longest window that is declared can be had, and nothing longer."""
    info = engine.info
    n_samples = int(info.max_window_s * info.sample_rates[0])
    request = replace(_request(info, picture), n_samples=n_samples)
    _expect_shape(engine, request)
    _refused(engine, replace(request, n_samples=n_samples + 1), "a window longer than declared")


def check_sound(engine: Engine, picture: Picture) -> None:
    """The sound is finite, not clipped, and not silent."""
    samples = _render(engine, _request(engine.info, picture)).samples
    _require(bool(np.isfinite(samples).all()), engine.info, f"made values that are not finite for {picture.path}")
    _require(float(np.abs(samples).max()) > 0, engine.info, f"made digital silence for {picture.path}")
    at_ceiling = np.abs(samples) >= _FULL_SCALE
    runs = np.lib.stride_tricks.sliding_window_view(at_ceiling, _CLIPPED_RUN, axis=1).all(axis=-1)
    _require(not runs.any(), engine.info, f"clipped the sound of {picture.path}")


def check_repeatable(engine: Engine, picture: Picture) -> None:
    """The same request gives the same bytes, whatever was rendered in between; another seed gives others."""
    request = _request(engine.info, picture)
    first = _bytes(engine, request)
    other = _bytes(engine, replace(request, seed=request.seed + 1))
    _require(first != other, engine.info, "gave the same bytes for two seeds")
    _require(first == _bytes(engine, request), engine.info, "gave other bytes for a repeated request")


def check_no_global_state(engine: Engine, picture: Picture) -> None:
    """Global random state neither changes the result nor is changed by it."""
    request = _request(engine.info, picture)
    _seed_globals(1)
    first, drawn = _bytes(engine, request), np.random.random()
    _seed_globals(2)
    _require(first == _bytes(engine, request), engine.info, "depends on global random state")
    _seed_globals(1)
    _require(drawn == np.random.random(), engine.info, "draws from numpy's global random state")


def check_prompt_matters(engine: Engine, picture: Picture) -> None:
    """Prompt, negative prompt and transcript change the sound where the engine declares them."""
    info = engine.info
    request = _request(info, picture)
    plain = _bytes(engine, request)
    prompts = [
        ("a prompt", info.takes_text, replace(request.prompt, text="glass breaking on a stone floor")),
        ("a negative prompt", info.takes_negative_text, replace(request.prompt, negative_text="music, wind")),
        ("a transcript", info.takes_transcript, replace(request.prompt, transcript="Who is there?")),
    ]
    for what, declared, prompt in prompts:
        changed = _bytes(engine, replace(request, prompt=prompt)) != plain
        _require(
            changed == declared,
            info,
            f"declares {what} {declared}, but it {'changes' if changed else 'keeps'} the sound",
        )


def check_roles(engine: Engine, picture: Picture) -> None:
    """Every declared role can be rendered, and each sounds different."""
    info = engine.info
    request = _request(info, picture)
    made = {_bytes(engine, replace(request, prompt=PromptSpec(text="rain", role=role))) for role in info.roles}
    _require(len(made) == len(info.roles), info, "renders the same sound for different roles")


def check_picture_matters(engine: Engine, picture: Picture) -> None:
    """Another stretch of the picture gives another sound."""
    request = _request(engine.info, picture)
    later = replace(request, picture=picture.window(Fraction(1), request.duration_s))
    _require(_bytes(engine, request) != _bytes(engine, later), engine.info, f"ignores the picture of {picture.path}")


def check_refusals(engine: Engine, picture: Picture) -> None:
    """What is not declared is refused with UnsupportedRequest."""
    info = engine.info
    request = _request(info, picture)
    _refused(engine, replace(request, sample_rate=max(info.sample_rates) + 1), "an undeclared sample rate")
    for channels in {1, 2} - set(info.channels):
        _refused(engine, replace(request, channels=channels), f"{channels} channels")
    for role in set(Role) - set(info.roles):
        _refused(engine, replace(request, prompt=PromptSpec(role=role)), f"role {role}")


def check_missing_picture(engine: Engine, picture: Picture) -> None:
    """A picture that is not there raises PictureError, which names it."""
    missing = Picture(str(Path(picture.path).with_name("there is no such picture.mov")))
    try:
        _render(engine, _request(engine.info, missing))
    except PictureError as error:
        _require(missing.path in str(error), engine.info, f"does not name the missing picture: {error}")
    else:
        raise ConformanceError(f"engine {engine.info.name} made sound for a picture that does not exist")


def check_progress(engine: Engine, picture: Picture) -> None:
    """Progress goes forward and ends complete; `cancelled` is asked at least once per step."""
    seen: list[Progress] = []
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return False

    steps = 5
    request = replace(_request(engine.info, picture), sampling=Sampling(steps=steps))
    engine.render(request, on_progress=seen.append, cancelled=cancelled)
    _require(bool(seen), engine.info, "reports no progress")
    _require(all(0 <= p.done <= p.total for p in seen), engine.info, f"reports impossible progress: {seen}")
    shares = [Fraction(p.done, max(1, p.total)) for p in seen]
    _require(shares == sorted(shares), engine.info, f"reports progress that goes back: {seen}")
    _require(shares[-1] == 1, engine.info, f"ends at {seen[-1]}")
    _require(asked >= steps, engine.info, f"asks {asked} times in {steps} steps whether it is cancelled")


def check_cancellation(engine: Engine, picture: Picture) -> None:
    """Cancelling at any moment ends the render within one step, and the next render is not affected."""
    request = replace(_request(engine.info, picture), sampling=Sampling(steps=5))
    before = _bytes(engine, request)
    total = _cancel_at(engine, request, at=None)
    for at in sorted({1, 2, total // 2, total}):
        late = _cancel_at(engine, request, at=at)
        _require(late <= 1, engine.info, f"went on for {late} steps after it was cancelled at question {at}")
    _require(_bytes(engine, request) == before, engine.info, "gives other bytes after a cancelled render")


def check_memory(engine: Engine, picture: Picture) -> None:
    """Rendering again and again does not use more and more memory (where the system tells)."""
    request = replace(_request(engine.info, picture), sampling=_QUICK)
    for _ in range(3):
        _render(engine, request)
    before = _resident_bytes()
    for _ in range(6):
        _render(engine, request)
    growth = _resident_bytes() - before
    _require(growth < _LARGEST_GROWTH_BYTES, engine.info, f"holds {growth / 2**20:.0f} MiB more after six renders")


def check_take(engine: Engine, picture: Picture) -> None:
    """The quick check for many pictures: exact length, same bytes twice; seed and moment matter.

    Silence is allowed here: perhaps nothing happens in the picture that makes a sound.
    """
    info = engine.info
    request = replace(_request(info, picture), n_samples=24_013, sampling=_QUICK)
    first = _expect_shape(engine, request).samples
    _require(first.tobytes() == _bytes(engine, request), info, f"is not repeatable on {picture.path}")
    if first.any():
        other_seed = _bytes(engine, replace(request, seed=request.seed + 1))
        _require(first.tobytes() != other_seed, info, f"ignores the seed on {picture.path}")
        check_picture_matters(engine, picture)


CHECKS: tuple[Callable[[Engine, Picture], None], ...] = (
    check_lengths,
    check_longest_window,
    check_sound,
    check_repeatable,
    check_no_global_state,
    check_prompt_matters,
    check_roles,
    check_picture_matters,
    check_refusals,
    check_missing_picture,
    check_progress,
    check_cancellation,
    check_memory,
)


def write_flash_movie(
    path: Path,
    *,
    n_frames: int = 75,
    rate: Fraction = Fraction(25),
    flashes: Iterable[int] = (12, 40, 61),
    size: tuple[int, int] = (64, 36),
) -> Path:
    """Write a lossless QuickTime movie: grey, with a small moving square, and white at the frames `flashes`."""
    import av

    width, height = size
    white = set(flashes)
    with av.open(str(path), "w", format="mov") as container:
        stream = container.add_stream("png", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "rgb24"
        for number in range(n_frames):
            image = np.full((height, width, 3), 255 if number in white else 60, dtype=np.uint8)
            left = number % (width - 4)
            image[height // 2 : height // 2 + 4, left : left + 4] = (90, 40, 40)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number, 1 / Fraction(rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _request(info: EngineInfo, picture: Picture) -> RenderRequest:
    rate = info.sample_rates[0]
    return RenderRequest(
        picture=picture,
        prompt=PromptSpec(text="footsteps on gravel", role=info.roles[0]),
        n_samples=int(min(_SHORT_S, info.max_window_s) * rate),
        sample_rate=rate,
        channels=info.channels[0],
        seed=7,
    )


def _render(engine: Engine, request: RenderRequest) -> RenderedAudio:
    return engine.render(request, on_progress=lambda _: None, cancelled=lambda: False)


def _bytes(engine: Engine, request: RenderRequest) -> bytes:
    return _render(engine, request).samples.tobytes()


def _require(kept: bool, info: EngineInfo, otherwise: str) -> None:
    if not kept:
        raise ConformanceError(f"engine {info.name} {otherwise}")


def _expect_shape(engine: Engine, request: RenderRequest) -> RenderedAudio:
    audio = _render(engine, request)
    came = (*audio.samples.shape, audio.sample_rate)
    asked = (request.channels, request.n_samples, request.sample_rate)
    _require(came == asked, engine.info, f"made (channels, samples, rate) {came} instead of {asked}")
    return audio


def _refused(engine: Engine, request: RenderRequest, what: str) -> None:
    try:
        _render(engine, request)
    except UnsupportedRequest as error:
        _require(engine.info.name in str(error), engine.info, f"refuses {what} without its name: {error}")
    else:
        raise ConformanceError(f"engine {engine.info.name} does not refuse {what}")


def _cancel_at(engine: Engine, request: RenderRequest, *, at: int | None) -> int:
    """Steps reported after the cancelling answer; without `at`, how often the engine asks."""
    asked = late = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return at is not None and asked >= at

    def on_progress(_: Progress) -> None:
        nonlocal late
        late += at is not None and asked >= at

    try:
        engine.render(request, on_progress=on_progress, cancelled=cancelled)
    except Cancelled:
        return late
    if at is not None:
        raise ConformanceError(f"engine {engine.info.name} finished although it was cancelled at question {at}")
    return asked


def _seed_globals(seed: int) -> None:
    np.random.seed(seed)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed)


def _resident_bytes() -> int:
    """Memory held now; 0 where the system does not say."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return 0
    import resource

    return int(statm.read_text().split()[1]) * resource.getpagesize()
