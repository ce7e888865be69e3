"""Every target by its recipe, every loss by name, and takes chosen and dropped on what was written."""

import json
import zipfile
from fractions import Fraction

import opentimelineio as otio
import pytest
import soundfile

from otio_v2a import choosing, stems, targets
from otio_v2a.errors import CutError, TakeError, TargetError
from otio_v2a.riff import read_broadcast_info
from otio_v2a.stem import Layout
from otio_v2a.targets import Target
from otio_v2a.tracks import own_metadata
from otio_v2a_engine.contract import Role

OTIO_TARGETS = [Target.PORTABLE, Target.RESOLVE, Target.PREMIERE]


@pytest.fixture
def made(kit, tmp_path):
    """A cut in one folder, its sound in another, and what attaches it."""

    def make(layout=Layout.CLIPS, **options):
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        (home / "picture.mov").write_bytes(b"a picture")
        cut = kit.make_cut(home, **{"start_frame": 90_000, **options})
        takes = [
            kit.make_take(tmp_path / "takes", span, kit.clicks(500 * number, 700 * number), role=role, number=number)
            for span in cut.spans
            for role, number in ((Role.FX, 1), (Role.FX, 2), (Role.AMB, 1))
        ]
        written = stems.write(takes, cut, out_dir=tmp_path / "out" / "cut_stems", layout=layout)
        return cut, stems.attach(cut.timeline, written, cut=cut)

    return make


def own_clips(timeline):
    return [clip for clip in timeline.find_clips() if own_metadata(clip).get("generated")]


def read(path):
    return otio.adapters.read_from_file(str(path))


def test_portable_files_are_found_from_the_timelines_own_folder(made, tmp_path):
    cut, timeline = made()
    path = targets.write(timeline, tmp_path / "out" / "cut.otio", Target.PORTABLE, base=cut.path.parent)
    found = read(path)
    for clip in own_clips(found):
        for reference in clip.media_references().values():
            assert reference.target_url.startswith("cut_stems/")
            assert (path.parent / reference.target_url).is_file()
            assert reference.available_range.start_time.value == 0
    assert str(tmp_path) not in path.read_text()
    # The cut's own relative reference still means the same file.
    assert found.tracks[0][0].media_reference.target_url == "../home/picture.mov"


def test_portable_leaves_the_cuts_own_references_alone_in_their_folder(made):
    cut, timeline = made()
    path = targets.write(timeline, cut.path.with_name("cut_v2a.otio"), Target.PORTABLE)
    assert read(path).tracks[0].to_json_string() == cut.timeline.tracks[0].to_json_string()


def test_resolve_gets_bare_paths_absolute_times_and_a_new_name(made, tmp_path):
    cut, timeline = made()
    path = targets.write(timeline, tmp_path / "out" / "cut.otio", Target.RESOLVE, base=cut.path.parent)
    found = read(path)
    assert found.name.startswith("reel v2a 20")
    assert found.tracks[0][0].media_reference.target_url == str(cut.path.parent / "picture.mov")
    for track in found.tracks[1:]:
        assert track.metadata["Resolve_OTIO"]["Audio Type"] == "Stereo"
        for clip in track.find_clips():
            assert clip.active_media_reference_key == "DEFAULT_MEDIA"
            assert clip.media_reference.target_url.startswith("/")
            rate = clip.source_range.start_time.rate
            info = read_broadcast_info(tmp_path / clip.media_reference.target_url)
            start = clip.media_reference.available_range.start_time.value
            assert start == info.time_reference * Fraction(rate) / 48000
            record = track.range_of_child(clip).start_time.value
            assert clip.source_range.start_time.value == 90_000 + record
            assert [channel["Source Channel ID"] for channel in clip.metadata["Resolve_OTIO"]["Channels"]] == [0, 1]
    assert "Resolve_OTIO" not in json.dumps(json.loads(found.tracks[0].to_json_string()))


def test_resolve_is_refused_when_a_file_is_missing(made, tmp_path):
    cut, timeline = made()
    (cut.path.parent / "picture.mov").unlink()
    with pytest.raises(TargetError, match=r"SH010.*picture\.mov"):
        targets.write(timeline, tmp_path / "cut.otio", Target.RESOLVE, base=cut.path.parent)
    assert not (tmp_path / "cut.otio").exists()


def test_premiere_gets_file_urls(made, tmp_path):
    cut, timeline = made()
    found = read(targets.write(timeline, tmp_path / "out" / "cut.otio", Target.PREMIERE, base=cut.path.parent))
    for clip in found.find_clips():
        assert all(reference.target_url.startswith("file:///") for reference in clip.media_references().values())
    assert all(clip.metadata["PremierePro_OTIO"] == {"AudioChannels": 2} for clip in own_clips(found))
    assert "PremierePro_OTIO" not in found.tracks[0][0].metadata


def test_otioz_holds_the_active_files(made, tmp_path):
    cut, timeline = made()
    path = targets.write(timeline, tmp_path / "out" / "cut.otioz", Target.OTIOZ, base=cut.path.parent)
    with zipfile.ZipFile(path) as bundle:
        names = [name.removeprefix("media/") for name in bundle.namelist() if name.startswith("media/")]
    assert sorted(names) == [
        "picture.mov",
        *(f"reel_SH0{n}0_{role}_t01.wav" for n in (1, 2) for role in ("AMB", "FX")),
    ]
    targets.write(timeline, path, Target.OTIOZ, base=cut.path.parent)
    assert {entry.name for entry in path.parent.iterdir()} == {"cut.otioz", "cut_stems"}


@pytest.mark.parametrize("name", ["a b#1?.mov", "50%25.mov", "ü.mov"])
def test_otioz_bundles_files_of_any_name_and_of_equal_names(made, tmp_path, name):
    cut, timeline = made(media=name)
    (cut.path.parent / name).write_bytes(b"one")
    other = tmp_path / "elsewhere" / name
    other.parent.mkdir()
    other.write_bytes(b"two")
    timeline.tracks[0][1].media_reference.target_url = other.as_uri()
    path = targets.write(timeline, tmp_path / "cut.otioz", Target.OTIOZ, base=cut.path.parent)
    with zipfile.ZipFile(path) as bundle:
        contents = sorted(bundle.read(entry) for entry in bundle.namelist() if entry.endswith(".mov"))
    assert contents == [b"one", b"two"]


def test_fcp_xml_keeps_sound_gaps_ranges_and_start(made, tmp_path):
    cut, timeline = made()
    path = targets.write(timeline, tmp_path / "cut.xml", Target.FCP_XML, base=cut.path.parent)
    found = read(path)
    assert found.global_start_time.value == 90_000
    assert [track.kind for track in found.tracks] == ["Video", "Audio", "Audio"]
    for track, old in zip(found.tracks[1:], timeline.tracks[1:], strict=True):
        for clip, before in zip(track.find_clips(), old.find_clips(), strict=True):
            assert track.range_of_child(clip).start_time.value == old.range_of_child(before).start_time.value
            assert clip.duration() == before.duration()
            head = clip.source_range.start_time - clip.media_reference.available_range.start_time
            assert head.value == own_metadata(before)["head_frames"]
            assert clip.media_reference.target_url.startswith("file:///")


def test_fcp_xml_survives_what_its_adapter_does_not_know(made, tmp_path):
    cut, timeline = made()
    picture = timeline.tracks[0]
    timeline.global_start_time = None
    picture[0].media_reference.available_range = None
    images = otio.schema.ImageSequenceReference("/images", "a.", ".exr", 1, 1, 25.0, 4)
    images.available_range = picture[1].media_reference.available_range
    picture[1].media_reference = images
    generator = otio.schema.Clip("bars", otio.schema.GeneratorReference("bars", "SMPTEBars"), picture[0].source_range)
    picture.append(generator)
    picture[0].effects.append(otio.schema.LinearTimeWarp(time_scalar=2))
    picture[1].enabled = False
    path = targets.write(timeline, tmp_path / "cut.xml", Target.FCP_XML, base=cut.path.parent)
    named = "\n".join(map(str, targets.losses(timeline, Target.FCP_XML)))
    assert "clip 'SH010' on track 'V1': its effects and retimes" in named
    assert "clip 'SH020' on track 'V1': that it is switched off" in named
    assert "clip 'SH020' on track 'V1': its image sequence" in named
    assert "clip 'bars' on track 'V1': its generator (SMPTEBars)" in named
    found = read(path)
    assert not found.tracks[0][0].effects
    assert found.tracks[0][1].enabled
    assert found.tracks[0][1].media_reference.is_missing_reference


def test_every_loss_of_fcp_xml_that_is_named_is_lost(made, tmp_path):
    cut, timeline = made()
    named = {str(loss) for loss in targets.losses(timeline, Target.FCP_XML)}
    found = read(targets.write(timeline, tmp_path / "cut.xml", Target.FCP_XML, base=cut.path.parent))
    assert "track 'FX': its name" in named
    assert not any(track.name for track in found.tracks)
    assert "clip 'SH010' on track 'FX': other takes (take_02)" in named
    assert all(len(clip.media_references()) == 1 for clip in found.find_clips())
    assert "clip 'SH010' on track 'V1': the colours of its markers" in named
    assert [marker.name for marker in found.tracks[0][0].markers] == ["note"]
    assert "timeline: its metadata" in named
    assert "studio" not in found.metadata


def test_losses_of_other_targets_name_clip_and_track(made, tmp_path):
    cut, timeline = made()
    base = cut.path.parent
    assert targets.losses(timeline, Target.PORTABLE, base=base) == ()
    bundled = [str(loss) for loss in targets.losses(timeline, Target.OTIOZ, base=base)]
    assert bundled[0].startswith("clip 'SH010' on track 'FX': other takes (take_02) are not bundled")
    (base / "picture.mov").unlink()
    assert any(loss.fatal and loss.clip == "SH020" for loss in targets.losses(timeline, Target.RESOLVE, base=base))


def test_a_rate_that_fcp_xml_does_not_have_is_a_fatal_loss(made):
    _, timeline = made(rate=Fraction(25, 2))
    assert any(loss.fatal for loss in targets.losses(timeline, Target.FCP_XML))


@pytest.mark.parametrize("target", list(Target))
def test_writing_changes_nothing_it_was_given_and_leaves_nothing_behind(made, tmp_path, target):
    cut, timeline = made()
    before = timeline.to_json_string()
    folder = tmp_path / "delivery"
    path = targets.write(timeline, folder / f"cut{targets.suffix(target)}", target, base=cut.path.parent)
    assert timeline.to_json_string() == before
    assert [entry for entry in folder.iterdir()] == [path]


@pytest.mark.parametrize("target", list(Target))
def test_a_wrong_suffix_is_refused(made, tmp_path, target):
    _, timeline = made()
    with pytest.raises(TargetError, match=targets.suffix(target)):
        targets.write(timeline, tmp_path / "cut.aaf", target)


def test_a_planted_symlink_is_replaced(made, tmp_path):
    cut, timeline = made()
    secret = tmp_path / "secret"
    secret.write_text("mine")
    (tmp_path / "cut.otio").symlink_to(secret)
    targets.write(timeline, tmp_path / "cut.otio", Target.PORTABLE, base=cut.path.parent)
    assert secret.read_text() == "mine"


@pytest.mark.parametrize("target", OTIO_TARGETS)
@pytest.mark.parametrize("layout", list(Layout))
def test_undo_gives_back_the_cut_from_every_target(made, target, layout):
    cut, timeline = made(layout)
    path = targets.write(timeline, cut.path.with_name("cut_v2a.otio"), target)
    stems.undo(path)
    assert json.loads(path.read_text()) == json.loads(cut.timeline.to_json_string())


# Takes on a written timeline.


@pytest.mark.parametrize("target", OTIO_TARGETS)
@pytest.mark.parametrize("layout", list(Layout))
def test_choosing_changes_what_is_heard_and_nothing_else(made, tmp_path, target, layout):
    cut, timeline = made(layout)
    path = targets.write(timeline, cut.path.with_name("cut_v2a.otio"), target)
    before = json.loads(path.read_text())
    assert choosing.choose(path, 2, clip="SH010", role=Role.FX) == ("SH010 (FX)",)
    entries = choosing.list_takes(path, role=Role.FX)
    assert [(entry.clip_name, entry.number) for entry in entries if entry.active] == [("SH010", 2), ("SH020", 1)]
    assert all(entry.exists for entry in entries)
    clip = read(path).tracks[1][0]
    sound_path = own_metadata(clip)["path"]
    heard = soundfile.read(path.parent / sound_path, always_2d=True)[0]
    start = own_metadata(clip)["offset_samples"]
    positions = [at for at in (500, 700, 1000, 1400) if abs(heard[start + at, 0]) > 0.4]
    assert positions == [1000, 1400]
    after = json.loads(path.read_text())
    assert after["tracks"]["children"][0] == before["tracks"]["children"][0]
    assert after["tracks"]["children"][2] == before["tracks"]["children"][2]
    assert after["name"] == before["name"]
    url = clip.media_reference.target_url
    assert url.startswith({Target.PORTABLE: "../out/", Target.RESOLVE: "/", Target.PREMIERE: "file:///"}[target])
    assert url.endswith("_t02.wav" if layout is Layout.CLIPS else "_v002.wav")
    choosing.choose(path, 1, clip="SH010", role=Role.FX)
    assert json.loads(path.read_text()) == before


def test_choosing_in_roles_layout_keeps_the_earlier_file(made):
    cut, timeline = made(Layout.ROLES)
    path = targets.write(timeline, cut.path.with_name("cut_v2a.otio"), Target.PORTABLE)
    folder = cut.path.parent.parent / "out" / "cut_stems"
    first = (folder / "reel_FX_v001.wav").read_bytes()
    choosing.choose(path, 2)
    assert (folder / "reel_FX_v001.wav").read_bytes() == first
    assert sorted(file.name for file in folder.iterdir()) == [
        "reel_AMB_v001.wav",
        "reel_FX_v001.wav",
        "reel_FX_v002.wav",
    ]


@pytest.mark.parametrize("layout", list(Layout))
def test_dropping_the_active_take_makes_another_active(made, layout):
    cut, timeline = made(layout)
    path = targets.write(timeline, cut.path.with_name("cut_v2a.otio"), Target.PORTABLE)
    assert choosing.drop(path, 1, role=Role.FX) == ("SH010 (FX)", "SH020 (FX)")
    entries = choosing.list_takes(path, role=Role.FX)
    assert [(entry.number, entry.active) for entry in entries] == [(2, True), (2, True)]
    if layout is Layout.CLIPS:
        assert list(read(path).tracks[1][0].media_references()) == ["take_02"]


def test_what_cannot_be_chosen_or_dropped_is_said_and_changes_nothing(made, tmp_path):
    cut, timeline = made()
    path = targets.write(timeline, cut.path.with_name("cut_v2a.otio"), Target.PORTABLE)
    before = path.read_bytes()
    with pytest.raises(TakeError, match="only one"):
        choosing.drop(path, 1, clip="SH010")
    with pytest.raises(TakeError, match="no clip that fits has a take 7"):
        choosing.choose(path, 7)
    with pytest.raises(TakeError, match="SH010"):
        choosing.list_takes(path, clip="SH999")
    (tmp_path / "out" / "cut_stems" / "reel_SH020_FX_t02.wav").unlink()
    with pytest.raises(TakeError, match="lost its sound"):
        choosing.choose(path, 2)
    assert path.read_bytes() == before
    plain = tmp_path / "plain.otio"
    plain.write_text(cut.timeline.to_json_string())
    with pytest.raises(TakeError, match="has no takes"):
        choosing.list_takes(plain)
    with pytest.raises(CutError, match=r"\.otio files only"):
        choosing.list_takes(tmp_path / "cut.xml")


def test_takes_are_listed_with_prompt_seed_and_file(made):
    cut, timeline = made()
    path = targets.write(timeline, cut.path.with_name("cut_v2a.otio"), Target.PORTABLE)
    (entry,) = choosing.list_takes(path, clip="SH02*", role=Role.AMB)
    assert (entry.clip_name, entry.number, entry.active, entry.seed) == ("SH020", 1, True, 41)
    assert (entry.prompt, entry.negative_prompt, entry.engine) == ("steps on gravel", "music", "fake 1")
    assert entry.path.is_file()


def test_damaged_metadata_of_ours_is_named(made):
    cut, timeline = made()
    path = targets.write(timeline, cut.path.with_name("cut_v2a.otio"), Target.PORTABLE)
    data = json.loads(path.read_text())
    del data["tracks"]["children"][1]["children"][0]["metadata"]["otio_v2a"]["takes"]
    path.write_text(json.dumps(data))
    with pytest.raises(TakeError, match="SH010"):
        choosing.list_takes(path)
