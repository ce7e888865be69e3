"""Files made to hurt: each is refused by name, quickly, and nothing is written outside of our own folder."""

import json
import os
import stat
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import opentimelineio as otio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otio_v2a import guard, loading
from otio_v2a.errors import CutError
from otio_v2a.timeline import ReadOptions, read

S = otio.schema
RT, TR = otio.opentime.RationalTime, otio.opentime.TimeRange
NOTHING = guard.Content(own_metadata=False, effects=False, markers=False, disabled=False)


def depth_by_walking(text):
    depth = deepest = 0
    inside = escaped = False
    for char in text:
        if inside:
            if escaped:
                escaped = False
            elif char == "\\":
                escaped = True
            elif char == '"':
                inside = False
        elif char == '"':
            inside = True
        elif char in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "]}":
            depth -= 1
    return deepest


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(alphabet='ab:, "\\[]{}/é', max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='a:"\\[{', max_size=4), inner, max_size=3)
    ),
    max_leaves=20,
)


@given(value=json_values, indent=st.sampled_from([None, 4]), ascii_only=st.booleans())
def test_depth_is_counted_as_a_parser_would(value, indent, ascii_only):
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)

    assert guard.json_depth(text.encode()) == depth_by_walking(text)


@given(value=json_values, indent=st.sampled_from([None, 4]), ascii_only=st.booleans())
def test_the_limit_on_depth_is_held_to_the_bracket(value, indent, ascii_only):
    text = json.dumps([value], indent=indent, ensure_ascii=ascii_only)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(guard, "MAX_DEPTH", depth_by_walking(text))
        guard.check_json(text.encode(), name=Path("cut.otio"))
        patch.setattr(guard, "MAX_DEPTH", depth_by_walking(text) - 1)
        with pytest.raises(CutError, match="levels deep"):
            guard.check_json(text.encode(), name=Path("cut.otio"))


def small_cut(*, effects=(), markers=(), metadata=None, enabled=True, indent=4):
    clip = S.Clip("SH010", source_range=TR(RT(0, 24), RT(24, 24)), metadata=metadata or {})
    clip.enabled = enabled
    clip.effects.extend(effects)
    clip.markers.extend(markers)
    timeline = S.Timeline("cut")
    timeline.tracks.append(S.Track("V1", children=[S.Clip("SH000"), clip]))
    return timeline.to_json_string(indent=indent)


@pytest.mark.parametrize("indent", [4, -1])
@pytest.mark.parametrize(
    ("held", "found"),
    [
        ({}, NOTHING),
        ({"effects": [S.LinearTimeWarp(time_scalar=2)]}, replace(NOTHING, effects=True)),
        ({"effects": [S.Effect("e", "Blur")]}, replace(NOTHING, effects=True)),
        ({"markers": [S.Marker("v2a: rain")]}, replace(NOTHING, markers=True)),
        ({"metadata": {"otio_v2a": {"roles": ["FX"]}}}, replace(NOTHING, own_metadata=True)),
        ({"enabled": False}, replace(NOTHING, disabled=True)),
        ({"metadata": {"note": '"effects": [] "markers":[] "enabled":false'}}, NOTHING),
    ],
)
def test_what_a_cut_holds_is_seen_in_its_text(tmp_path, held, found, indent):
    text = small_cut(**held, indent=indent)
    assert guard.check_json(text.encode(), name=tmp_path / "cut.otio") == found


def test_a_file_is_checked_like_its_text_wherever_its_blocks_end(tmp_path, monkeypatch):
    text = small_cut(markers=[S.Marker("v2a: Regen über Dächern")], metadata={"otio_v2a": {"roles": ["FX"]}})
    path = tmp_path / "cut.otio"
    path.write_text(text, encoding="utf-8")
    for n_bytes in (1, 7, 64, 1 << 18):
        monkeypatch.setattr(guard, "_BLOCK_BYTES", n_bytes)
        assert guard.check_file(path) == replace(NOTHING, own_metadata=True, markers=True)


@pytest.mark.parametrize("damage", [b"\xc3", b"\xc3 \xa9", b"\xff"])
def test_text_that_is_not_utf_8_is_refused_though_only_blanks_part_it(tmp_path, damage):
    path = tmp_path / "cut.otio"
    path.write_bytes(small_cut(metadata={"note": "NOTE"}).encode().replace(b"NOTE", damage))
    with pytest.raises(CutError, match=r"cut\.otio: is not UTF-8 text"):
        guard.check_file(path)


@pytest.mark.parametrize("levels", [guard.MAX_DEPTH - 2, guard.MAX_DEPTH - 1, guard.MAX_DEPTH])
def test_the_levels_of_times_and_ranges_count(tmp_path, levels):
    path = tmp_path / "cut.otio"
    path.write_text("[" * (levels - 2) + json.dumps(RANGE) + "]" * (levels - 2))
    assert guard.check_file(path) == NOTHING
    path.write_text("[" * (guard.MAX_DEPTH - 1) + json.dumps(RANGE) + "]" * (guard.MAX_DEPTH - 1))
    with pytest.raises(CutError, match=rf"nested {guard.MAX_DEPTH + 1} levels deep"):
        guard.check_file(path)


def test_a_text_in_another_spelling_may_hold_anything(tmp_path):
    text = small_cut().replace('"effects"', '"\\u0065ffects"')
    assert json.loads(text) == json.loads(small_cut())
    assert guard.check_json(text.encode(), name=tmp_path / "cut.otio") == guard.ANYTHING


def test_what_a_studios_hook_adds_is_not_missed(tmp_path, monkeypatch):
    path = tmp_path / "cut.otio"
    path.write_text(small_cut())
    assert not loading.load(path)[1].markers
    monkeypatch.setattr(otio.hooks, "scripts_attached_to", lambda hook: ["add"] if hook == "post_adapter_read" else [])
    assert loading.load(path)[1] == guard.ANYTHING


def test_a_tower_of_brackets_is_refused_before_anything_parses_it(tmp_path, monkeypatch):
    path = tmp_path / "tower.otio"
    path.write_text("[" * 100_000 + "]" * 100_000)
    parsed = []
    monkeypatch.setattr(json, "loads", parsed.append)
    monkeypatch.setattr(otio.adapters, "read_from_string", parsed.append)

    with pytest.raises(CutError, match=r"tower\.otio: objects are nested 100000 levels deep"):
        read(path)

    assert not parsed


INNER = {"OTIO_SCHEMA": "ExternalReference.1"}
TIME = {"OTIO_SCHEMA": "RationalTime.1", "rate": 24, "value": 1}
RANGE = {"OTIO_SCHEMA": "TimeRange.1", "duration": TIME, "start_time": TIME}


@pytest.mark.parametrize(
    "poison",
    [
        {**TIME, "metadata": INNER},
        {"metadata": INNER, **TIME},
        {**TIME, "x": [{"y": INNER}]},
        {**RANGE, "metadata": INNER},
        {"a": INNER, **RANGE},
        {"OTIO_SCHEMA": "TimeTransform.1", "offset": TIME, "scale": 1.0, "rate": 24.0, "x": INNER},
        {"OTIO_SCHEMA": "Box2d.1", "x": INNER},
        {"OTIO_SCHEMA": "SerializableObjectRef.1", "id": "q", "x": INNER},
    ],
)
@pytest.mark.parametrize("indent", [None, 4])
def test_an_object_hidden_in_a_value_is_refused_because_it_would_end_the_process(tmp_path, poison, indent):
    text = json.dumps({"OTIO_SCHEMA": "Timeline.1", "name": "x", "global_start_time": poison}, indent=indent)
    escaped = text.replace("RationalTime", "Ration\\u0061lTime").replace("TimeRange", "Time\\u0052ange")
    doubled = text.replace('"OTIO_SCHEMA": "RationalTime.1"', '"OTIO_SCHEMA": "A.1", "OTIO_SCHEMA": "RationalTime.1"')
    for spelled in (text, escaped, doubled):
        (tmp_path / "poison.otio").write_text(spelled)
        with pytest.raises(CutError, match=r"poison\.otio: cannot be read \(a \w+ holds another object\)"):
            read(tmp_path / "poison.otio")


@pytest.mark.parametrize(
    ("duration", "start"), [("duration", "start_tim"), ("durationa", "start_time"), ("oduration", "startl_time")]
)
def test_a_range_that_only_looks_plain_ends_in_words(tmp_path, duration, start):
    # Its members' names, and the schema in them, differ from OTIO's by bytes that the check does not look at.
    unknown = {"OTIO_SCHEMA": "Rationall_Time.1", "rate": 24.0, "value": 1.0}
    poison = {"OTIO_SCHEMA": "TimeRange.1", duration: unknown, start: unknown}
    path = tmp_path / "cut.otio"
    timeline = {"OTIO_SCHEMA": "Timeline.1", "metadata": {"a": [poison] * 200}, "name": "t", "tracks": None}
    path.write_text(json.dumps(timeline))
    code = "import sys; from otio_v2a import loading; from pathlib import Path; loading.load(Path(sys.argv[1]))"

    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=60)

    assert done.returncode == 1, "an error, not a signal"
    assert "CutError" in done.stderr


def test_a_cut_spelled_by_another_hand_is_still_read(tmp_path):
    (tmp_path / "a.mov").touch()
    data = json.loads(cut_text("a.mov"))
    clip = data["tracks"]["children"][0]["children"][0]
    clip["name"] = 'said "RationalTime.1", \\u0041 and \u0001'
    clip["source_range"] = dict(reversed(clip["source_range"].items()))
    (tmp_path / "cut.otio").write_text(json.dumps(data))

    (span,) = read(tmp_path / "cut.otio").spans

    assert span.media_frame(0) == 2
    assert span.name == clip["name"]


def nested(levels):
    timeline = S.Timeline("nested")
    top = timeline.tracks
    for _ in range(levels):
        track = S.Track(kind="Video")
        stack = S.Stack()
        track.append(stack)
        top.append(track)
        top = stack
    return timeline


def test_nesting_that_editors_write_is_read(tmp_path):
    nested(40).to_json_file(str(tmp_path / "deep.otio"))

    assert read(tmp_path / "deep.otio").spans == ()


def test_nesting_beyond_the_limit_is_refused(tmp_path):
    nested(60).to_json_file(str(tmp_path / "deeper.otio"))

    with pytest.raises(CutError, match="200 are allowed"):
        read(tmp_path / "deeper.otio")


def test_a_file_beyond_the_byte_limit_is_refused_unread(tmp_path):
    path = tmp_path / "huge.otio"
    with path.open("wb") as file:
        file.truncate(guard.MAX_BYTES + 1)

    with pytest.raises(CutError, match=r"huge\.otio: 64 MB is more"):
        read(path)


@pytest.mark.skipif(os.name == "nt", reason="no devices")
def test_a_device_is_no_cut(tmp_path):
    (tmp_path / "endless.otio").symlink_to("/dev/zero")

    with pytest.raises(CutError, match="not a regular file"):
        read(tmp_path / "endless.otio")


def bundle(path, members, *, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def cut_text(url="media/a.mov"):
    timeline = S.Timeline("bundled", global_start_time=RT(86400, 24))
    track = S.Track("V1", kind="Video")
    track.append(S.Clip("a", S.ExternalReference(url, TR(RT(0, 24), RT(9, 24))), TR(RT(2, 24), RT(3, 24))))
    timeline.tracks.append(track)
    return timeline.to_json_string()


def test_a_bundle_is_unpacked_into_our_own_folder_and_found_there_again(tmp_path):
    path = bundle(tmp_path / "b.otioz", {"content.otio": cut_text(), "version.txt": "1.0.0", "media/a.mov": b"x" * 99})
    options = ReadOptions(cache_dir=tmp_path / "cache")

    first = read(path, options=options)
    second = read(path, options=options)

    (span,) = first.spans
    assert span.media_frame(0) == 2
    media = first.media_base / "media" / "a.mov"
    assert span.media.path == str(media)
    assert media.read_bytes() == b"x" * 99
    assert media.is_relative_to(tmp_path / "cache")
    assert second.spans == first.spans
    assert not list((tmp_path / "cache").rglob("*.partial"))


def test_otios_own_bundles_are_read(tmp_path, make_movie):
    make_movie(tmp_path / "a.mov", frames=9)
    timeline = otio.adapters.read_from_string(cut_text(str(tmp_path / "a.mov")), "otio_json")
    for suffix in ("otioz", "otiod"):
        otio.adapters.write_to_file(timeline, str(tmp_path / f"b.{suffix}"))
        cut = read(tmp_path / f"b.{suffix}", options=ReadOptions(cache_dir=tmp_path / "cache"))
        assert [span.media_frame(0) for span in cut.spans] == [2], suffix
        assert cut.skipped == ()


def test_a_damaged_copy_in_the_cache_is_made_again(tmp_path):
    path = bundle(tmp_path / "b.otioz", {"content.otio": cut_text(), "media/a.mov": b"x" * 99})
    options = ReadOptions(cache_dir=tmp_path / "cache")
    media = read(path, options=options).media_base / "media" / "a.mov"
    media.write_bytes(b"half")

    read(path, options=options)

    assert media.read_bytes() == b"x" * 99


@pytest.mark.parametrize(
    "name", ["../evil.mov", "/tmp/evil.mov", "media/../../evil.mov", "..\\evil.mov", "C:\\evil.mov"]
)
def test_a_bundle_that_reaches_out_of_itself_is_refused(tmp_path, name):
    path = bundle(tmp_path / "b.otioz", {"content.otio": cut_text(), name: b"x"})

    with pytest.raises(CutError, match="outside of itself"):
        read(path, options=ReadOptions(cache_dir=tmp_path / "cache"))
    assert not (tmp_path / "cache").exists()


def test_a_link_in_a_bundle_is_refused(tmp_path):
    path = tmp_path / "b.otioz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("content.otio", cut_text())
        link = zipfile.ZipInfo("media/a.mov")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")

    with pytest.raises(CutError, match="holds a link"):
        read(path, options=ReadOptions(cache_dir=tmp_path / "cache"))


def test_a_bundle_that_grows_a_thousandfold_is_refused(tmp_path):
    members = {"content.otio": cut_text(), "media/a.mov": bytes(64 * 2**20)}
    path = bundle(tmp_path / "bomb.otioz", members, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 2**20

    with pytest.raises(CutError, match=r"'media/a\.mov' would grow"):
        read(path, options=ReadOptions(cache_dir=tmp_path / "cache"))
    assert not (tmp_path / "cache").exists()


def test_a_member_that_is_longer_than_it_says_is_not_kept(tmp_path):
    path = bundle(tmp_path / "b.otioz", {"content.otio": cut_text(), "media/a.mov": b"x" * 5000})
    data = path.read_bytes()
    said = (5000).to_bytes(4, "little")
    assert data.count(said) >= 2
    path.write_bytes(data.replace(said, (50).to_bytes(4, "little")))

    with pytest.raises(CutError):
        read(path, options=ReadOptions(cache_dir=tmp_path / "cache"))
    assert not list((tmp_path / "cache").rglob("a.mov*"))


def test_limits_on_the_number_and_size_of_members(tmp_path, monkeypatch):
    path = bundle(tmp_path / "b.otioz", {"content.otio": cut_text(), "media/a.mov": b"x" * 99})
    monkeypatch.setattr(guard, "MAX_MEMBERS", 1)
    with pytest.raises(CutError, match="2 files in one bundle"):
        read(path)
    monkeypatch.setattr(guard, "MAX_MEMBERS", 9)
    monkeypatch.setattr(guard, "MAX_BUNDLE_BYTES", 50)
    with pytest.raises(CutError, match="unpacks to"):
        read(path)


def test_media_of_a_bundle_are_never_taken_from_outside_of_it(tmp_path):
    (tmp_path / "a.mov").touch()
    path = bundle(tmp_path / "b.otioz", {"content.otio": cut_text(str(tmp_path / "a.mov"))})

    cut = read(path, options=ReadOptions(cache_dir=tmp_path / "cache"))

    assert cut.spans == ()
    assert "outside" in cut.skipped[0].reason


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 no archive", bytes(100)])
def test_what_is_no_bundle_is_named(tmp_path, data):
    (tmp_path / "b.otioz").write_bytes(data)

    with pytest.raises(CutError, match=r"b\.otioz: not a readable \.otioz bundle"):
        read(tmp_path / "b.otioz")


def test_a_bundle_without_a_cut_is_named(tmp_path):
    with pytest.raises(CutError, match=r"holds no content\.otio"):
        read(bundle(tmp_path / "b.otioz", {"x": b""}), options=ReadOptions(cache_dir=tmp_path / "cache"))


def test_the_bundle_in_a_bundles_text_is_checked_for_depth(tmp_path):
    path = bundle(tmp_path / "b.otioz", {"content.otio": "[" * 50_000}, compression=zipfile.ZIP_DEFLATED)

    with pytest.raises(CutError, match="50000 levels deep"):
        read(path, options=ReadOptions(cache_dir=tmp_path / "cache"))
