"""Stars and adjustments from the command line, as a user types them."""

from fractions import Fraction

import pytest

from otio_v2a import choosing, cli, stems, targets
from otio_v2a.adjustments import Adjustment
from otio_v2a.targets import Target
from otio_v2a_engine.contract import Role


@pytest.fixture
def path(kit, tmp_path):
    cut = kit.make_cut(tmp_path)
    takes = [
        kit.make_take(tmp_path / "takes", span, kit.clicks(9600), role=role, number=number)
        for span in cut.spans
        for role, number in ((Role.FX, 1), (Role.FX, 2), (Role.AMB, 1))
    ]
    written = stems.write(takes, cut, out_dir=tmp_path / "reel_v2a_stems", layout=stems.Layout.CLIPS)
    out = tmp_path / "reel_v2a.otio"
    return targets.write(stems.attach(cut.timeline, written, cut=cut), out, Target.PORTABLE)


def test_a_take_is_starred_and_the_star_taken_off(path, capsys):
    assert cli.main(["takes", "star", str(path), "2", "--clip", "SH010", "--role", "FX"]) == 0
    assert capsys.readouterr().out == "take 2 is starred on SH010 (FX)\n"
    assert [entry.starred for entry in choosing.list_takes(path, role=Role.FX)] == [False, True, False, False]
    assert cli.main(["takes", "star", str(path), "2", "--off"]) == 0
    assert not any(entry.starred for entry in choosing.list_takes(path))


def test_what_is_not_named_stays_as_it_is(path, capsys):
    clip = ["--clip", "SH020", "--role", "AMB"]
    assert cli.main(["takes", "adjust", str(path), "--gain", "-3", "--fade-in", "12f", *clip]) == 0
    assert capsys.readouterr().out == "SH020 (AMB): -3 dB, fade in 0.48 s\n"
    assert cli.main(["takes", "adjust", str(path), "--nudge=-40ms", *clip]) == 0
    (entry,) = choosing.list_takes(path, clip="SH020", role=Role.AMB)
    assert entry.adjustment == Adjustment(-3.0, fade_in_s=Fraction(12, 25), nudge_s=Fraction(-1, 25))
    assert cli.main(["takes", "adjust", str(path), "--reset", "--fade-out", "0.5", *clip]) == 0
    (entry,) = choosing.list_takes(path, clip="SH020", role=Role.AMB)
    assert entry.adjustment == Adjustment(fade_out_s=Fraction(1, 2))
    assert all(other.adjustment.is_neutral for other in choosing.list_takes(path, role=Role.FX))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--clip", "SH010"], "nothing to adjust"),
        (["--gain", "99"], "a gain is"),
        (["--nudge", "soon"], "no length of time"),
        (["--gain", "1", "--clip", "SH999"], "nothing fits"),
    ],
)
def test_what_cannot_be_adjusted_is_said_and_nothing_changes(path, capsys, arguments, words):
    before = path.read_bytes()
    assert cli.main(["takes", "adjust", str(path), *arguments]) == 2
    assert words in capsys.readouterr().err
    assert path.read_bytes() == before


def test_loudness_is_listed_when_it_is_asked_for(path):
    plain = choosing.list_takes(path, role=Role.FX)
    measured = choosing.list_takes(path, role=Role.FX, measure=True)
    assert [entry.loudness_lufs for entry in plain] == [None] * 4
    assert all(entry.loudness_lufs is not None and -60 < entry.loudness_lufs < -10 for entry in measured)
