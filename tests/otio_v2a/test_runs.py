"""Plain clips are placed together, and lie where each would by itself."""

from fractions import Fraction

import opentimelineio as otio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otio_v2a.dialects import RetimeRule
from otio_v2a.references import Clock, Unusable
from otio_v2a.runs import Run
from otio_v2a.walk import Walker

S = otio.schema
RT, TR = otio.opentime.RationalTime, otio.opentime.TimeRange

frames = st.integers(0, 40).map(float)
times = st.one_of(frames, frames, frames, st.sampled_from([0.5, -3.0, 7.25, 1e13, float("nan"), float("inf")]))
rates = st.sampled_from([24.0, 24.0, 24.0, 24.0, 30.0, 23.976, -1.0])
ranges = st.builds(lambda start, length, rate: TR(RT(start, rate), RT(length, rate)), times, times, rates)
references = st.one_of(
    st.builds(lambda available: ("media.mov", available), st.one_of(ranges, ranges, st.none())), st.none()
)


def _clip(source, reference, speed, enabled):
    media = S.MissingReference() if reference is None else S.ExternalReference(*reference)
    clip = S.Clip("shot", media, source)
    clip.enabled = enabled
    if speed is not None:
        clip.effects.append(S.LinearTimeWarp(time_scalar=speed))
    return clip


clips = st.builds(
    _clip, st.one_of(ranges, ranges, ranges, st.none()), references, st.sampled_from([None] * 5 + [2.0]), st.booleans()
)
gaps = st.builds(lambda length, rate: S.Gap(source_range=TR(RT(0, rate), RT(length, rate))), times, rates)
transitions = st.builds(lambda before, after: S.Transition("", "", RT(before, 24), RT(after, 24)), frames, frames)
children = st.lists(st.one_of(clips, clips, clips, gaps, transitions), max_size=12)


def _unknown(clip):
    raise Unusable("nobody asks how long it is")


def _leaves(timeline):
    walker = Walker(Clock(Fraction(24)), rule=RetimeRule.RECORD, media_range=_unknown)
    total = walker.walk(timeline)
    return total, [(leaf.clip.name, *leaf._replace(clip=None, available=None)) for leaf in walker.leaves]


@given(
    children=children, source_range=st.one_of(st.none(), st.none(), ranges), speed=st.sampled_from([None, None, -1.0])
)
def test_clips_lie_where_they_would_when_placed_one_by_one(children, source_range, speed):
    track = S.Track("V1", kind="Video", source_range=source_range)
    track.extend(children)
    if speed is not None:
        track.effects.append(S.LinearTimeWarp(time_scalar=speed))
    timeline = S.Timeline("cut")
    timeline.tracks.append(track)

    together = _leaves(timeline)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "take", lambda run, clip: False)
        alone = _leaves(timeline)

    assert together == alone


def test_whole_clips_on_the_frame_grid_are_placed_together(monkeypatch):
    track = S.Track("V1", kind="Video")
    for start in (0, 10, 20, 30):
        track.append(_clip(TR(RT(start, 24), RT(5, 24)), ("a.mov", TR(RT(0, 24), RT(99, 24))), None, True))
        track.append(S.Gap(source_range=TR(RT(0, 24), RT(2, 24))))
    timeline = S.Timeline("cut")
    timeline.tracks.append(track)
    clock = Clock(Fraction(24))
    clock.frames(RT(0, 24))
    walker = Walker(clock, rule=RetimeRule.RECORD, media_range=_unknown)
    monkeypatch.setattr(walker, "_walk_item", lambda *args, **rest: pytest.fail("a plain clip was placed by itself"))

    assert walker.walk(timeline) == 28
    assert [(leaf.first, leaf.last, leaf.source, leaf.available) for leaf in walker.leaves] == [
        (0, 5, 0, (0, 99)),
        (7, 12, 10, (0, 99)),
        (14, 19, 20, (0, 99)),
        (21, 26, 30, (0, 99)),
    ]
