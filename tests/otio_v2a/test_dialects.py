"""What hosts mean by the length of a retimed clip, on small cuts written the way each host writes them."""

from fractions import Fraction
from pathlib import Path

import opentimelineio as otio
import pytest

from otio_v2a.dialects import Dialect, Host, RetimeRule, detect
from otio_v2a.timeline import read

DATA = Path(__file__).resolve().parents[1] / "data"
S = otio.schema
RT, TR = otio.opentime.RationalTime, otio.opentime.TimeRange


@pytest.fixture
def local_copy(tmp_path):
    """A golden cut whose media folder is this test's own."""

    def copy(name, media_names, spelled=str):
        for media in media_names:
            (tmp_path / media).touch()
        text = (DATA / name).read_text().replace("/Volumes/Media", spelled(tmp_path))
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return copy


def frames_of(cut):
    rows = {}
    for span in cut.spans:
        first, length = span.record_start_s * span.rate, span.duration_s * span.rate
        assert first.denominator == length.denominator == 1
        rows[span.name] = (int(first), [span.media_frame(n) for n in range(int(length))])
    return rows


def test_resolve_counts_record_frames_in_a_retimed_source_range(local_copy):
    cut = read(local_copy("resolve_retimes.otio", ["plate_a.mov", "plate_b.mov", "guide.wav"]))

    assert (cut.dialect.host, cut.dialect.retimes) == (Host.RESOLVE, RetimeRule.RECORD)
    assert cut.timing.global_start_s == 3600
    assert cut.timing.duration_s == Fraction(72, 24)
    assert cut.skipped == ()
    assert frames_of(cut) == {
        "wide": (0, list(range(10, 30))),
        "fast": (20, list(range(50, 74, 2))),
        "slow": (32, [20 + n // 2 for n in range(16)]),
        "back": (54, list(range(109, 99, -1))),
        "hold": (64, [77] * 8),
    }


def test_premiere_counts_source_frames_in_a_retimed_source_range(local_copy):
    cut = read(local_copy("premiere_retimes.otio", ["plate a.mov", "plate b.mov", "guide.wav"]))

    assert (cut.dialect.host, cut.dialect.retimes) == (Host.PREMIERE, RetimeRule.SOURCE)
    assert cut.timing.rate == Fraction(24000, 1001)
    assert cut.timing.duration_s == 72 / cut.timing.rate
    assert cut.skipped == ()
    assert frames_of(cut) == {
        "wide": (0, list(range(10, 30))),
        "fast": (20, list(range(50, 74, 2))),
        "slow": (32, [20 + n // 2 for n in range(16)]),
        "back": (54, list(range(109, 99, -1))),
        "rush": (64, list(range(83, 59, -3))),
    }


@pytest.mark.parametrize("golden", ["resolve_retimes.otio", "premiere_retimes.otio"])
def test_picture_and_sound_of_a_golden_cut_end_together(golden):
    timeline = otio.schema.Timeline.from_json_file(str(DATA / golden))
    rule = read(DATA / golden).dialect.retimes

    sound = timeline.tracks[1].duration()
    assert read(DATA / golden).timing.duration_s == Fraction(int(sound.value)) / read(DATA / golden).timing.rate
    assert rule in RetimeRule


def retimed(picture_frames, speed, sound_frames, metadata):
    timeline = S.Timeline(metadata=metadata)
    picture, sound = S.Track(kind="Video"), S.Track(kind="Audio")
    shot = S.Clip("shot", S.MissingReference(), TR(RT(0, 24), RT(picture_frames, 24)))
    shot.effects.append(S.LinearTimeWarp(time_scalar=speed))
    picture.append(shot)
    sound.append(S.Clip("sound", S.MissingReference(), TR(RT(0, 24), RT(sound_frames, 24))))
    timeline.tracks.extend([picture, sound])
    return timeline


@pytest.mark.parametrize(
    ("metadata", "sound_frames", "rule"),
    [
        ({"Resolve_OTIO": {}}, 40, RetimeRule.RECORD),
        ({"Resolve_OTIO": {}}, 20, RetimeRule.SOURCE),
        ({"Resolve_OTIO": {}}, 33, RetimeRule.RECORD),
        ({"PremierePro_OTIO": {}}, 20, RetimeRule.SOURCE),
        ({"PremierePro_OTIO": {}}, 40, RetimeRule.RECORD),
        ({"PremierePro_OTIO": {}}, 33, RetimeRule.SOURCE),
        ({}, 20, RetimeRule.RECORD),
    ],
)
def test_track_lengths_overrule_the_metadata_only_when_they_match(tmp_path, metadata, sound_frames, rule):
    path = tmp_path / "cut.otio"
    retimed(40, 2.0, sound_frames, metadata).to_json_file(str(path))

    cut = read(path)

    assert cut.dialect.retimes is rule
    assert cut.timing.duration_s == Fraction(40 if rule is RetimeRule.RECORD else 20, 24)
    if metadata and sound_frames != 33:
        assert ("only when" in cut.dialect.evidence) is (rule is not read_rule(metadata))


def read_rule(metadata):
    return RetimeRule.RECORD if "Resolve_OTIO" in metadata else RetimeRule.SOURCE


@pytest.mark.parametrize("where", ["timeline", "stack", "track", "clip"])
def test_a_host_is_known_wherever_it_left_its_metadata(where):
    timeline = retimed(40, 2.0, 40, {})
    track = timeline.tracks[0]
    holder = {"timeline": timeline, "stack": timeline.tracks, "track": track, "clip": track[0]}[where]
    holder.metadata["Resolve_OTIO"] = {}

    assert detect(timeline, lengths=None).host is Host.RESOLVE


def test_a_cut_without_a_hosts_metadata_is_plain():
    assert detect(retimed(40, 2.0, 40, {}), lengths=None) == Dialect()


def test_the_outermost_host_counts():
    timeline = retimed(40, 2.0, 40, {"PremierePro_OTIO": {}})
    timeline.tracks[0][0].metadata["Resolve_OTIO"] = {}

    assert detect(timeline, lengths=None).host is Host.PREMIERE


def test_premieres_written_frame_rate_is_the_edit_rate(tmp_path):
    timeline = retimed(40, 2.0, 40, {})
    timeline.tracks.metadata["PremierePro_OTIO"] = {"VideoFrameRate": "29.97"}
    timeline.to_json_file(str(tmp_path / "cut.otio"))

    assert read(tmp_path / "cut.otio").timing.rate == Fraction(30000, 1001)


def test_the_tracks_of_an_earlier_run_do_not_say_who_wrote_the_cut():
    timeline = otio.schema.Timeline("t")
    own = otio.schema.Track("FX", kind=otio.schema.TrackKind.Audio)
    own.metadata["otio_v2a"] = {"generated": True}
    own.metadata["PremierePro_OTIO"] = {"AudioChannels": []}
    timeline.tracks.append(own)
    assert detect(timeline, lengths=lambda rule: []).host is Host.PLAIN
    del own.metadata["otio_v2a"]
    assert detect(timeline, lengths=lambda rule: []).host is Host.PREMIERE
