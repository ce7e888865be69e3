"""Only delivered files that nothing beside the timeline mentions may go, and only ours."""

import os
import shutil

import pytest

from otio_v2a import cli, pruning, stems, targets
from otio_v2a.errors import RunError, TakeError
from otio_v2a.stem import Layout
from otio_v2a.takes import TakeStore, default_root
from otio_v2a.targets import Target
from otio_v2a_engine.contract import Role


@pytest.fixture
def delivered(kit, tmp_path):
    """A timeline whose stem was written in two versions, of which it uses the second; `(timeline, first, second)`."""
    return _deliver(kit, tmp_path)


def _deliver(kit, folder, name="reel"):
    cut = kit.make_cut(folder, name=name)
    takes = [kit.make_take(folder / "takes", cut.spans[0], kit.noise(number), number=number) for number in (1, 2)]
    files = []
    for take in takes:
        chosen = {(take.clip_id, Role.FX): take.content_hash}
        (stem,) = stems.write(takes, cut, out_dir=folder / "out_stems", layout=Layout.ROLES, chosen=chosen)
        os.utime(stem.path, (1, 1))
        files.append(stem.path)
    timeline = stems.attach(cut.timeline, [stem], cut=cut)
    return targets.write(timeline, folder / "out.otio", Target.PORTABLE), *files


def test_a_version_that_nothing_mentions_is_unused_and_can_be_removed(delivered):
    timeline, first, second = delivered
    assert pruning.unused(timeline) == (first,)
    size = first.stat().st_size
    assert pruning.remove(timeline, [first]) == size
    assert (first.exists(), second.exists()) == (False, True)
    assert pruning.unused(timeline) == ()


@pytest.mark.parametrize("name", ["older.otio", "project.xml", "notes.txt", ".hidden"])
def test_a_version_that_any_file_beside_mentions_stays(delivered, name):
    timeline, first, _ = delivered
    timeline.with_name(name).write_text(f"<path>somewhere/{first.name}</path>")
    assert pruning.unused(timeline) == ()


@pytest.mark.parametrize(
    "spelled", ["R%C3%BCckblende_FX_v001.wav", '"R\\u00fcckblende_FX_v001.wav"', '"R%C3%BCckblende%5FFX_v001.wav"']
)
def test_names_are_found_however_they_are_spelled(kit, tmp_path, spelled):
    timeline, first, _ = _deliver(kit, tmp_path, name="Rückblende")
    assert first.name == "Rückblende_FX_v001.wav"
    assert pruning.unused(timeline) == (first,)
    timeline.with_name("other.json").write_text(spelled)
    assert pruning.unused(timeline) == ()


def test_files_of_others_links_and_fresh_files_stay(delivered):
    timeline, first, second = delivered
    folder = first.parent
    (folder / "mine.wav").write_bytes(b"RIFF\0\0\0\0WAVE")
    shutil.copy(first, folder / "fresh.wav")
    (folder / "link.wav").symlink_to(second)
    os.utime(folder / "mine.wav", (1, 1))
    assert pruning.unused(timeline) == (first,)


def test_what_came_into_use_meanwhile_is_not_removed(delivered):
    timeline, first, _ = delivered
    found = pruning.unused(timeline)
    timeline.with_name("new.otio").write_text(first.name)
    assert pruning.remove(timeline, found) == 0
    assert first.exists()


def test_nothing_is_removed_during_a_run(delivered):
    timeline, first, _ = delivered
    with TakeStore(default_root(timeline)).lock(), pytest.raises(RunError, match="another run"):
        pruning.remove(timeline, [first])
    assert first.exists()


def test_a_timeline_that_is_not_there_is_named(tmp_path):
    with pytest.raises(TakeError, match=r"gone\.otio: no such timeline"):
        pruning.unused(tmp_path / "gone.otio")


def test_the_command_names_first_and_removes_when_told(delivered, capsys):
    timeline, first, _ = delivered
    assert cli.main(["takes", "prune", str(timeline)]) == 0
    printed = capsys.readouterr().out
    assert str(first) in printed
    assert "1 unused" in printed
    assert first.exists()
    assert cli.main(["takes", "prune", str(timeline), "--remove"]) == 0
    assert "MB freed" in capsys.readouterr().out
    assert not first.exists()
    assert cli.main(["takes", "prune", str(timeline)]) == 0
    assert "is in use" in capsys.readouterr().out
