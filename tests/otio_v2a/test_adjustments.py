"""Gain, fades and nudge, on real sample positions of what is delivered and previewed."""

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import soundfile

from otio_v2a import choosing, stems, targets
from otio_v2a.adjustments import NEUTRAL, Adjustment, parse_duration
from otio_v2a.errors import TakeError
from otio_v2a.mixing import mix
from otio_v2a.preview import mix_parts
from otio_v2a.stem import Layout
from otio_v2a.targets import Target
from otio_v2a.tracks import load_own, own_metadata, read_stems
from otio_v2a_engine.contract import Role

RATE = 48000
LAYOUTS = pytest.mark.parametrize("layout", list(Layout))
pytestmark = pytest.mark.usefixtures("unmarked")


@pytest.fixture
def made(kit, tmp_path):
    """`made(layout, sound)`: a written timeline of two adjoining clips (2 s and 1.6 s) with takes of that sound."""

    def make(layout=Layout.CLIPS, sound=None, *, role=Role.FX, numbers=(1,), target=Target.PORTABLE, **options):
        (tmp_path / "picture.mov").write_bytes(b"a picture")
        cut = kit.make_cut(tmp_path)
        takes = [
            kit.make_take(tmp_path / "takes", span, sound or kit.clicks(9600), role=role, number=number, **options)
            for span in cut.spans
            for number in numbers
        ]
        written = stems.write(takes, cut, out_dir=tmp_path / "reel_v2a_stems", layout=layout)
        path = tmp_path / "reel_v2a.otio"
        targets.write(stems.attach(cut.timeline, written, cut=cut), path, target)
        return cut, takes, path

    return make


def preview_of(path):
    """The mix of the preview over the whole cut, left channel, in record samples."""
    found = read_stems(load_own(path), base=path.parent)
    n_samples = RATE * 90 // 25
    return np.concatenate(list(mix(mix_parts(found, n_samples=n_samples), start=0, stop=n_samples, channels=2)), 1)[0]


def file_of(path, *, clip=0):
    """The delivered file of a clip from the clip's first sample on, left channel; in record samples with roles."""
    (stem, *others) = read_stems(load_own(path), base=path.parent)
    stem = [stem, *others][clip] if stem.layout is Layout.CLIPS else stem
    sound = soundfile.read(stem.path, dtype="float32", always_2d=True)[0][:, 0]
    return sound[stem.record_start - stem.placement.file_start :] if stem.layout is Layout.CLIPS else sound


def set_to(**values):
    return lambda now: replace(now, **values)


@LAYOUTS
@pytest.mark.parametrize(
    ("nudge_s", "moved"),
    [(Fraction(2, 25), 3840), (Fraction(-1, 25), -1920), (Fraction(40, 1000), 1920), (Fraction(-1, 8), -6000)],
)
def test_a_nudge_moves_the_sound_by_exact_samples_and_the_borders_stay(made, kit, layout, nudge_s, moved):
    _, _, path = made(layout, kit.clicks(9600, -7200, 96000 + 2400))
    choosing.adjust(path, set_to(nudge_s=nudge_s), clip="SH010")
    heard = kit.peaks(preview_of(path)[:96000, None])
    inside = [at + moved for at in (9600, -7200, 98400) if 0 <= at + moved < 96000]
    assert heard == sorted(inside)
    assert kit.peaks(file_of(path)[:96000, None]) == sorted(inside)
    # The clip after it has not moved.
    assert kit.peaks(preview_of(path)[96000:, None])[0] == 9600


@LAYOUTS
def test_a_gain_is_that_many_decibels(made, kit, layout):
    _, _, path = made(layout, kit.constant(0.25))
    choosing.adjust(path, set_to(gain_db=-6.0), clip="SH010")
    choosing.adjust(path, set_to(gain_db=6.0), clip="SH020")
    sound = preview_of(path)
    assert sound[1000:90000] == pytest.approx(0.25 * 10 ** (-6 / 20), abs=1e-5)
    assert sound[97000:170000] == pytest.approx(0.25 * 10 ** (6 / 20), abs=1e-5)


@LAYOUTS
def test_a_boost_is_held_at_full_scale_and_says_so(made, kit, layout):
    _, _, path = made(layout, kit.constant(0.5))
    (words, other) = choosing.adjust(path, set_to(gain_db=12.0))
    assert words.startswith("SH010 (FX): +12 dB, held at +6.0 dB by full scale")
    assert other.startswith("SH020")
    sound = preview_of(path)
    assert 0.999 < np.abs(sound).max() <= 1.0
    assert read_stems(load_own(path), base=path.parent)[0].clips[0].adjustment.gain_db == 12.0


@LAYOUTS
def test_fades_rise_and_fall_inside_the_clip_from_its_first_to_its_last_sample(made, kit, layout):
    _, _, path = made(layout, kit.constant(0.5))
    choosing.adjust(path, set_to(fade_in_s=Fraction(1, 2), fade_out_s=Fraction(1, 4)), clip="SH010")
    sound = preview_of(path)[:96000]
    assert abs(sound[0]) < 0.001
    assert sound[12000] == pytest.approx(0.5 * np.sin(np.pi / 4), abs=1e-3)
    assert sound[24000:83900] == pytest.approx(0.5, abs=1e-5)
    assert sound[96000 - 6000] == pytest.approx(0.5 * np.cos(np.pi / 4), abs=1e-3)
    assert abs(sound[-1]) < 0.001
    assert (np.diff(sound[200:24000]) > -1e-5).all()
    assert (np.diff(sound[84000:]) < 1e-5).all()


@LAYOUTS
def test_a_fade_of_the_editors_takes_the_place_of_the_cross_fade(made, kit, layout):
    _, _, path = made(layout, kit.constant(0.5), role=Role.AMB)
    choosing.adjust(path, set_to(fade_out_s=Fraction(1, 2)), clip="SH010")
    sound = preview_of(path)
    assert sound[96000 - 12000] == pytest.approx(0.5 * np.cos(np.pi / 4), abs=1e-3)
    assert abs(sound[95999]) < 0.001
    assert sound[96000 + 100 : 160000] == pytest.approx(0.5, abs=1e-5)


@LAYOUTS
@pytest.mark.parametrize("target", [Target.PORTABLE, Target.RESOLVE, Target.PREMIERE])
def test_an_adjustment_is_kept_by_the_file_and_its_renders_stay_as_they_are(made, kit, tmp_path, layout, target):
    _, takes, path = made(layout, numbers=(1, 2), target=target)
    renders = {take.path: take.path.read_bytes() for take in takes}
    before = {file: file.read_bytes() for file in (tmp_path / "reel_v2a_stems").iterdir()}
    first = path.read_text()
    wanted = Adjustment(gain_db=-2.5, fade_in_s=Fraction(1, 24), nudge_s=Fraction(-1001, 24000))
    choosing.adjust(path, lambda _: wanted, clip="SH020", role=Role.FX)
    entries = choosing.list_takes(path)
    assert [entry.adjustment for entry in entries] == [NEUTRAL, NEUTRAL, wanted, wanted]
    assert all(entry.exists for entry in entries)
    assert all(file.read_bytes() == data for file, data in (before | renders).items())
    for clip in load_own(path).find_clips():
        if own_metadata(clip).get("generated"):
            assert {ref.target_url for ref in clip.media_references().values()} <= set(_urls(path))
    # Setting it back finds the files of before: nothing is written twice.
    files = sorted((tmp_path / "reel_v2a_stems").iterdir())
    choosing.adjust(path, lambda _: NEUTRAL, clip="SH020")
    assert sorted((tmp_path / "reel_v2a_stems").iterdir()) == files
    assert json.loads(path.read_text()) == json.loads(first)


def _urls(path):
    timeline = load_own(path)
    return [ref.target_url for clip in timeline.find_clips() for ref in clip.media_references().values()]


@LAYOUTS
def test_choosing_another_take_keeps_the_adjustment_and_applies_it(made, kit, layout):
    _, _, path = made(layout, kit.constant(0.4), numbers=(1, 2))
    choosing.adjust(path, set_to(gain_db=-20.0), clip="SH010")
    choosing.choose(path, 2, clip="SH010")
    assert preview_of(path)[1000:90000] == pytest.approx(0.04, abs=1e-5)


@LAYOUTS
def test_a_second_run_keeps_adjustment_stars_and_choice(made, kit, tmp_path, layout):
    cut, takes, path = made(layout, kit.constant(0.4), numbers=(1, 2))
    choosing.adjust(path, set_to(gain_db=-20.0), clip="SH010")
    choosing.star(path, 1, clip="SH020")
    choosing.choose(path, 2, clip="SH020")
    from_timeline = replace(cut, path=path, timeline=load_own(path))
    written = stems.write(takes, from_timeline, out_dir=tmp_path / "reel_v2a_stems", layout=layout)
    again = targets.write(stems.attach(from_timeline.timeline, written, cut=from_timeline), path, Target.PORTABLE)
    entries = choosing.list_takes(again)
    assert [entry.adjustment.gain_db for entry in entries] == [-20.0, -20.0, 0.0, 0.0]
    assert [entry.starred for entry in entries] == [False, False, True, False]
    assert [entry.active for entry in entries] == [True, False, False, True]
    assert preview_of(again)[1000:90000] == pytest.approx(0.04, abs=1e-5)


@LAYOUTS
def test_undo_takes_adjustments_off(made, layout):
    cut, _, path = made(layout)
    choosing.adjust(path, set_to(gain_db=-20.0, nudge_s=Fraction(1, 25)))
    choosing.star(path, 1)
    stems.undo(path)
    assert json.loads(path.read_text()) == json.loads(cut.timeline.to_json_string())


def test_without_its_render_a_clip_cannot_be_adjusted_and_nothing_changes(made):
    _, takes, path = made()
    before = path.read_bytes()
    for take in takes:
        take.path.unlink()
    with pytest.raises(TakeError, match="generate again to adjust"):
        choosing.adjust(path, set_to(gain_db=-1.0))
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "values",
    [{"gain_db": 25.0}, {"gain_db": -97.0}, {"fade_in_s": Fraction(-1)}, {"nudge_s": Fraction(61)}],
)
def test_what_is_out_of_range_is_refused(values):
    with pytest.raises(TakeError):
        Adjustment(**values)


def test_an_adjustment_survives_as_plain_data_exactly():
    wanted = Adjustment(gain_db=-0.1, fade_in_s=Fraction(1001, 30000), nudge_s=Fraction(-1, 3))
    assert Adjustment.from_metadata(json.loads(json.dumps(wanted.to_metadata()))) == wanted
    assert Adjustment.from_metadata({}) == NEUTRAL
    assert str(NEUTRAL) == "as rendered"
    assert str(wanted) == "-0.1 dB, fade in 0.0333667 s, 333.3 ms earlier"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2f", Fraction(2, 25)), ("-1f", Fraction(-1, 25)), ("40ms", Fraction(1, 25)), ("0.5", Fraction(1, 2))],
)
def test_times_are_frames_milliseconds_or_seconds(text, seconds):
    assert parse_duration(text, rate=Fraction(25)) == seconds


@pytest.mark.parametrize("text", ["", "f", "2 frames", "1/0", "nan", "--2f"])
def test_other_times_are_refused_by_name(text):
    with pytest.raises(TakeError, match="no length of time"):
        parse_duration(text, rate=Fraction(25))
