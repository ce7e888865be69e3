"""Random timelines against an oracle that looks at one record frame at a time.

The oracle knows nothing of spans, windows or maps: it descends from the timeline to the clip with one instant in
seconds, as a player would, and says which clip and which media frame it meets.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

import opentimelineio as otio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otio_v2a.timeline import ReadOptions, read

RT, TR = otio.opentime.RationalTime, otio.opentime.TimeRange
RATES = {
    24.0: Fraction(24),
    25.0: Fraction(25),
    30.0: Fraction(30),
    60.0: Fraction(60),
    23.976: Fraction(24000, 1001),
    23.976024627685547: Fraction(24000, 1001),
    29.97: Fraction(30000, 1001),
}
SPEEDS = ["2", "0.5", "-1", "-1", "1.5", "-2", "-0.5", "0.3", "1.1", "0", "0"]


@dataclass(frozen=True)
class Span:
    """A range as it is written: whole frames at a float rate."""

    start: int
    length: int
    rate: float

    @property
    def start_s(self) -> Fraction:
        return self.start / RATES[self.rate]

    @property
    def length_s(self) -> Fraction:
        return self.length / RATES[self.rate]

    def otio(self) -> otio.opentime.TimeRange:
        return TR(RT(self.start, self.rate), RT(self.length, self.rate))


@dataclass(frozen=True)
class Clip:
    source: Span | None
    media: Span
    speeds: tuple[str, ...] = ()
    enabled: bool = True
    offline: bool = False


@dataclass(frozen=True)
class Gap:
    source: Span


@dataclass(frozen=True)
class Dissolve:
    before: int
    after: int


@dataclass(frozen=True)
class Track:
    children: tuple
    source: Span | None = None
    enabled: bool = True
    speeds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stack:
    layers: tuple
    source: Span | None = None
    enabled: bool = True
    speeds: tuple[str, ...] = ()


rates = st.sampled_from(sorted(RATES))
speeds = st.just(()) | st.lists(st.sampled_from(SPEEDS), min_size=1, max_size=2).map(tuple)
enabled = st.sampled_from([True, True, True, False])


@st.composite
def clips(draw):
    rate = draw(rates)
    media = Span(draw(st.sampled_from([0, 0, 100, 86400])), draw(st.integers(8, 40)), rate)
    source_rate = draw(st.sampled_from([rate, rate, 25.0]))
    first = ceil(media.start_s * RATES[source_rate])
    last = floor((media.start_s + media.length_s) * RATES[source_rate]) - 1
    source = Span(draw(st.integers(first, last)), draw(st.integers(1, 20)), source_rate)
    return Clip(
        source=draw(st.sampled_from([source, source, source, None])),
        media=media,
        speeds=draw(speeds),
        enabled=draw(enabled),
        offline=draw(st.sampled_from([False, False, False, True])),
    )


gaps = st.builds(Gap, st.builds(Span, st.just(0), st.integers(0, 9), rates))
sources = st.none() | st.builds(Span, st.integers(0, 12), st.integers(1, 30), rates)


def tracks(depth):
    items = clips() | gaps
    if depth:
        items = items | stacks(depth - 1)

    def with_dissolves(children, places):
        mixed = []
        for number, child in enumerate(children):
            mixed.append(child)
            can_dissolve = number + 1 < len(children) and not isinstance(child, Gap)
            if places[number] and can_dissolve and not isinstance(children[number + 1], Gap):
                mixed.append(Dissolve(places[number], places[number]))
        return tuple(mixed)

    children = st.lists(items, min_size=1, max_size=4)
    places = st.lists(st.sampled_from([0, 0, 1, 3]), min_size=4, max_size=4)
    plain = st.builds(with_dissolves, children, places)
    return st.builds(Track, plain, sources, enabled, speeds)


def stacks(depth):
    layers = st.lists(tracks(depth) | clips(), min_size=1, max_size=2).map(tuple)
    return st.builds(Stack, layers, sources, enabled, speeds)


timelines = st.lists(tracks(2), min_size=1, max_size=3).map(lambda layers: Stack(tuple(layers)))


def speed_of(item):
    product = Fraction(1)
    for speed in item.speeds:
        product *= Fraction(speed)
    return product


def length_of(item):
    """Seconds in the parent: an OTIO duration is record time."""
    if getattr(item, "source", None) is not None:
        return item.source.length_s
    if isinstance(item, Clip):
        return item.media.length_s
    if isinstance(item, Track):
        return sum((length_of(child) for child in item.children if not isinstance(child, Dissolve)), Fraction(0))
    return max((length_of(layer) for layer in item.layers), default=Fraction(0))


def source_start_of(item):
    if item.source is not None:
        return item.source.start_s
    return item.media.start_s if isinstance(item, Clip) else Fraction(0)


def met(item, offset, before):
    """(clip, media frame) met at `offset` seconds into an item of its parent; None is black.

    With `before` the player shows what ends at the instant, as it does when it runs backwards.
    """
    if isinstance(item, Gap) or not item.enabled:
        return None
    length, speed, start = length_of(item), speed_of(item), source_start_of(item)
    inside = 0 < offset <= length if before else 0 <= offset < length
    if not inside:
        return None
    if speed > 0:
        time = start + speed * offset
    elif speed < 0:
        time, before = start - speed * (length - offset), not before
    else:
        time, before = start, False
    if isinstance(item, Clip):
        if item.offline:
            return None
        rate = RATES[item.media.rate]
        position = (time - item.media.start_s) * rate
        frame = ceil(position) - 1 if before else floor(position)
        return item, min(max(frame, 0), item.media.length - 1)
    if isinstance(item, Stack):
        for layer in reversed(item.layers):
            found = met(layer, time, before)
            if found is not None:
                return found
        return None
    at = Fraction(0)
    for child in item.children:
        if isinstance(child, Dissolve):
            continue
        found = met(child, time - at, before)
        if found is not None:
            return found
        at += length_of(child)
    return None


def build(item, names, movie):
    """The OTIO object of a description; `names` collects clips in the order built."""
    if isinstance(item, Dissolve):
        return otio.schema.Transition(in_offset=RT(item.before, 24), out_offset=RT(item.after, 24))
    if isinstance(item, Gap):
        return otio.schema.Gap(source_range=item.source.otio())
    if isinstance(item, Clip):
        reference = otio.schema.ExternalReference(str(movie), item.media.otio())
        if item.offline:
            reference = otio.schema.MissingReference(available_range=item.media.otio())
        name = f"clip {len(names)}"
        names[name] = item
        built = otio.schema.Clip(name, reference, item.source.otio() if item.source else None)
    else:
        is_track = isinstance(item, Track)
        built = otio.schema.Track(kind="Video") if is_track else otio.schema.Stack()
        for child in item.children if is_track else item.layers:
            built.append(build(child, names, movie))
        built.source_range = item.source.otio() if item.source else None
    built.enabled = item.enabled
    for speed in item.speeds:
        built.effects.append(
            otio.schema.FreezeFrame() if speed == "0" else otio.schema.LinearTimeWarp(time_scalar=float(speed))
        )
    return built


@pytest.fixture(scope="module")
def movie(tmp_path_factory):
    path = tmp_path_factory.mktemp("media") / "m.mov"
    path.touch()
    return path


@given(root=timelines, rate=rates)
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_every_record_frame_of_a_random_timeline_shows_what_a_player_would_show(root, rate, movie):
    names = {}
    timeline = otio.schema.Timeline("random", global_start_time=RT(86400, rate))
    for layer in root.layers:
        timeline.tracks.append(build(layer, names, movie))
    path = movie.parent / "random.otio"
    timeline.to_json_file(str(path))

    cut = read(path)

    edit_rate = RATES[rate]
    assert cut.timing.rate == edit_rate
    shown = {}
    for span in cut.spans:
        first, length = span.record_start_s * edit_rate, span.duration_s * edit_rate
        assert first.denominator == length.denominator == 1, "spans lie on the frame grid"
        for frame in range(length.numerator):
            assert first.numerator + frame not in shown, "spans never overlap"
            shown[first.numerator + frame] = (names[span.name], span.media_frame(frame))
    total = ceil(length_of(root) * edit_rate)
    for frame in range(total + 3):
        expected = met(root, frame / edit_rate, False)
        assert shown.get(frame) == expected, f"record frame {frame}"
    assert {span.name for span in cut.spans} | {skip.clip for skip in cut.skipped} == set(names), "nothing is lost"
    assert len({span.clip_id for span in cut.spans}) == len(cut.spans)


@given(root=timelines, rate=rates)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_reading_all_tracks_gives_every_usable_clip_whole_and_the_same_ids(root, rate, movie):
    names = {}
    timeline = otio.schema.Timeline("random", global_start_time=RT(86400, rate))
    for layer in root.layers:
        timeline.tracks.append(build(layer, names, movie))
    path = movie.parent / "all.otio"
    timeline.to_json_file(str(path))

    seen = read(path)
    every = read(path, options=ReadOptions(all_tracks=True))

    by_id = {span.clip_id: span for span in every.spans}
    assert len({span.name for span in every.spans}) == len(every.spans)
    for span in seen.spans:
        whole = by_id[span.clip_id.partition("-")[0]]
        offset = (span.record_start_s - whole.record_start_s) * span.rate
        assert whole.record_start_s <= span.record_start_s
        assert span.record_end_s <= whole.record_end_s
        assert span.media_frame(0) == whole.media_frame(int(offset))
