"""Files that are unreadable as a whole: each error names the file and what to do."""

import copy
import json
import random

import opentimelineio as otio
import pytest

from otio_v2a.errors import CutError
from otio_v2a.timeline import read

S = otio.schema
RT, TR = otio.opentime.RationalTime, otio.opentime.TimeRange


def shot(name="a", url="a.mov"):
    return S.Clip(name, S.ExternalReference(url, TR(RT(0, 24), RT(90, 24))), TR(RT(2, 24), RT(3, 24)))


def reel():
    timeline = S.Timeline("reel", global_start_time=RT(86400, 24))
    track = S.Track("V1", kind="Video")
    made = shot()
    made.markers.append(S.Marker("hit", TR(RT(2, 24), RT(1, 24))))
    made.effects.append(S.LinearTimeWarp(time_scalar=2.0))
    track.extend([made, S.Gap(duration=RT(3, 24)), S.Transition(in_offset=RT(1, 24), out_offset=RT(1, 24)), shot("b")])
    nest = S.Stack("nest")
    nest.append(S.Track(kind="Video", children=[shot("c")]))
    track.append(nest)
    timeline.tracks.append(track)
    return timeline


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CutError, match=r"gone\.otio: no such file"):
        read(tmp_path / "gone.otio")


@pytest.mark.parametrize("text", ["", "garbage", "{", '{"OTIO_SCHEMA": "Timeline.1"', "\0\0"])
def test_a_damaged_file_is_named(tmp_path, text):
    (tmp_path / "bad.otio").write_text(text)

    with pytest.raises(CutError, match=r"bad\.otio: cannot be read"):
        read(tmp_path / "bad.otio")


def test_a_binary_file_is_named(tmp_path):
    (tmp_path / "bad.otio").write_bytes(b"\xff\xfe\x00abc\x80")

    with pytest.raises(CutError, match="not UTF-8"):
        read(tmp_path / "bad.otio")


def test_a_newer_schema_is_named_with_its_object(tmp_path):
    text = reel().to_json_string().replace("Marker.2", "Marker.3")
    (tmp_path / "new.otio").write_text(text)

    with pytest.raises(CutError) as caught:
        read(tmp_path / "new.otio")

    assert "a Marker.3 ('hit'), Marker.2 is the newest known" in str(caught.value)
    assert "new.otio" in str(caught.value)


def test_an_unknown_kind_of_item_is_named(tmp_path):
    data = json.loads(reel().to_json_string())
    data["tracks"]["children"][0]["children"].append({"OTIO_SCHEMA": "Hologram.1", "name": "ghost"})
    (tmp_path / "odd.otio").write_text(json.dumps(data))

    with pytest.raises(CutError, match=r"a Hologram\.1 \('ghost'\), an unknown kind"):
        read(tmp_path / "odd.otio")


def test_an_extension_without_adapter_lists_those_that_are_readable(tmp_path):
    (tmp_path / "cut.drp").write_text("x")

    with pytest.raises(CutError, match=r"no adapter reads \.drp; readable here are .*\.otio.* and movies"):
        read(tmp_path / "cut.drp")


def test_whatever_an_adapter_raises_names_the_file(tmp_path, monkeypatch):
    def broken(*args, **kwargs):
        raise KeyError("reel_name")

    monkeypatch.setattr(otio.adapters, "read_from_file", broken)
    (tmp_path / "cut.edl").write_text("TITLE: x")

    with pytest.raises(CutError, match=r"cut\.edl: cannot be read \(reel_name\)"):
        read(tmp_path / "cut.edl")


def test_whatever_an_installed_adapter_reads_is_a_cut(tmp_path, monkeypatch):
    (tmp_path / "a.mov").touch()
    monkeypatch.setattr(otio.adapters, "read_from_file", lambda path: reel())
    (tmp_path / "cut.edl").write_text("TITLE: x")

    assert [span.name for span in read(tmp_path / "cut.edl").spans] == ["a", "b", "c"]


@pytest.mark.parametrize("root", ["collection", "stack", "track", "clip"])
def test_a_cut_inside_another_object_is_found(tmp_path, root):
    (tmp_path / "a.mov").touch()
    timeline = reel()
    made = {
        "collection": lambda: S.SerializableCollection("bin", [timeline]),
        "stack": lambda: timeline.tracks.clone(),
        "track": lambda: timeline.tracks[0].clone(),
        "clip": lambda: timeline.tracks[0][0].clone(),
    }[root]()
    made.to_json_file(str(tmp_path / "cut.otio"))

    assert read(tmp_path / "cut.otio").spans[0].name == "a"


def test_a_collection_of_two_timelines_asks_for_one(tmp_path):
    S.SerializableCollection("bin", [S.Timeline("one"), S.Timeline("two")]).to_json_file(str(tmp_path / "c.otio"))

    with pytest.raises(CutError, match=r"2 timelines \('one', 'two'\)"):
        read(tmp_path / "c.otio")


@pytest.mark.parametrize("text", ["[1, 2]", '{"a": 1}', "3", '"x"', "null"])
def test_json_that_is_no_timeline_is_named(tmp_path, text):
    (tmp_path / "data.otio").write_text(text)

    with pytest.raises(CutError, match=r"data\.otio"):
        read(tmp_path / "data.otio")


def test_a_timeline_without_tracks_is_named(tmp_path):
    (tmp_path / "none.otio").write_text('{"OTIO_SCHEMA": "Timeline.1", "name": "x", "tracks": null}')

    with pytest.raises(CutError, match=r"none\.otio: its timeline has no tracks"):
        read(tmp_path / "none.otio")


def test_every_media_file_is_looked_for_once(tmp_path, monkeypatch):
    from otio_v2a import references

    asked = []
    resolve_text = references.resolve_text
    monkeypatch.setattr(references, "resolve_text", lambda url, **rest: asked.append(url) or resolve_text(url, **rest))
    (tmp_path / "a.mov").touch()
    track = S.Track("V1", kind="Video", children=[shot(str(n), ("a.mov", "gone.mov")[n % 2]) for n in range(50)])
    S.Timeline("t", tracks=[track]).to_json_file(str(tmp_path / "cut.otio"))

    cut = read(tmp_path / "cut.otio")

    assert (len(cut.spans), len(cut.skipped)) == (25, 25)
    assert sorted(asked) == ["a.mov", "gone.mov"]


def places(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def test_a_cut_with_anything_changed_is_read_or_refused_by_name(tmp_path):
    (tmp_path / "a.mov").touch()
    whole = json.loads(reel().to_json_string())
    chance = random.Random(7)
    values = [None, -1, 0, 1e308, "", "x", [], {}, True, -0.0, 10**30, "NaN"]
    path = tmp_path / "fuzz.otio"
    errors = []
    for _ in range(400):
        data = copy.deepcopy(whole)
        for place in chance.sample([p for p in places(data) if p], 2):
            target = data
            try:
                for key in place[:-1]:
                    target = target[key]
                if chance.random() < 0.2:
                    del target[place[-1]]
                else:
                    target[place[-1]] = chance.choice(values)
            except (KeyError, IndexError, TypeError):
                continue
        path.write_text(json.dumps(data).replace('"NaN"', "NaN"))
        try:
            cut = read(path)
        except CutError as error:
            errors.append(str(error))
        else:
            assert all(span.duration_s > 0 and span.record_start_s >= 0 for span in cut.spans)
    assert 20 < len(errors) < 380
    assert all("fuzz.otio" in error for error in errors)
