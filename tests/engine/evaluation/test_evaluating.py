"""A whole evaluation: movies and sounds in, figures and reports out."""

import csv
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from otio_v2a_engine.evaluation import weights
from otio_v2a_engine.evaluation.__main__ import main
from otio_v2a_engine.evaluation.clips import EvaluationError, read_clips, read_made
from otio_v2a_engine.evaluation.measuring import SHUFFLED, TRUE_SOUND, evaluate
from otio_v2a_engine.evaluation.networks import CavpSound, Cnn14, Vggish
from otio_v2a_engine.evaluation.plots import Curve, Row, curves, dots, histogram, nice_ticks
from otio_v2a_engine.evaluation.report import as_html

HITS = ((0.4, 1.0, 1.9), (0.7, 1.32, 2.08))


def struck(hits: tuple[float, ...]) -> np.ndarray:
    sound = np.zeros(48000 * 5 // 2, np.float32)
    for hit in hits:
        start = round(hit * 48000)
        n = min(9600, len(sound) - start)
        sound[start : start + n] += (np.sin(np.arange(n) * 0.21) * np.exp(-np.arange(n) / 2000)).astype(np.float32)
    return 0.5 * sound


def bounced(hits: tuple[float, ...]) -> list[np.ndarray]:
    """A textured block that turns round at every hit, over a textured ground."""
    rng = np.random.default_rng(5)
    ground = np.kron(rng.random((7, 12)), np.ones((8, 8)))
    block = np.kron(rng.random((8, 8)), np.ones((2, 2)))
    frames = []
    for k in range(62):
        turns = sum(k / 25 >= hit for hit in hits)
        last = max((hit for hit in hits if k / 25 >= hit), default=0.0)
        place = 20 + (3 if turns % 2 else -3) * (k - last * 25) * 0.5 + 12 * (turns % 2 == 0)
        x = int(np.clip(place, 0, 76))
        picture = 0.6 * ground
        picture[20:36, x : x + 16] = block
        frames.append(np.repeat((picture * 255).astype(np.uint8)[:, :, None], 3, 2))
    return frames


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory, make_movie: Callable[..., Path]) -> Path:
    root = tmp_path_factory.mktemp("evaluation")
    for folder in ("clips", "exact", "late"):
        (root / folder).mkdir()
    rows = [("clip", "caption", "onsets_s")]
    for i, hits in enumerate(HITS):
        make_movie(root / "clips" / f"c{i}.mp4", bounced(hits), options={"crf": "12"})
        sound = struck(hits)
        soundfile.write(root / "clips" / f"c{i}.wav", sound, 48000)
        soundfile.write(root / "exact" / f"c{i}.wav", sound, 48000)
        late = np.r_[np.zeros(14400, np.float32), sound[:-14400]]
        soundfile.write(root / "late" / f"c{i}.wav", late, 48000)
        rows.append((f"c{i}", "a block that is struck", " ".join(map(str, hits))))
    with (root / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return root


@pytest.fixture
def small_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Weights of tiny networks in place of the published ones."""
    torch.manual_seed(3)
    for name, network in (("vggish", Vggish(width=1)), ("panns", Cnn14(width=2))):
        torch.save(network.state_dict(), tmp_path / f"{name}.pth")
    monkeypatch.setitem(weights._BUILD, "vggish", lambda: Vggish(width=1))
    monkeypatch.setitem(weights._BUILD, "panns", lambda: Cnn14(width=2))
    for name in ("vggish", "panns"):
        weights.convert(name, tmp_path / f"{name}.pth", tmp_path / "weights")
    return tmp_path / "weights"


@pytest.fixture(scope="module")
def reports(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("reports")
    made = [str(clips / name) for name in ("exact", "late")]
    options = ["--reference", str(clips / "clips"), "--labels", str(clips / "labels.csv"), "--out", str(out)]
    assert main(["run", *made, *options, "--title", "Blocks & <hits>"]) == 0
    return out


def figures(reports: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((reports / "figures.json").read_text())
    return found


def test_sound_in_sync_is_told_from_late_sound_without_any_weights(reports: Path) -> None:
    systems = {s["name"]: s["figures"] for s in figures(reports)["systems"]}
    assert list(systems) == ["exact", "late", TRUE_SOUND, SHUFFLED]
    assert systems["exact"]["onset_f1"]["value"] == pytest.approx(1.0)
    assert abs(systems["exact"]["onset_bias_ms"]["value"]) < 15
    assert systems["late"]["onset_f1"]["value"] < 0.4
    assert systems["exact"]["flow_z"]["value"] > systems["late"]["flow_z"]["value"] + 1
    assert systems["exact"] == systems[TRUE_SOUND]


def test_what_is_missing_is_said_by_name(reports: Path) -> None:
    notes = " ".join(figures(reports)["notes"])
    for word in (
        "FAD left out",
        "vggish-10086976.pth",
        "Cnn14_16k",
        "CC BY 4.0",
        "clap-htsat-unfused",
        "cavp_epoch66.ckpt",
    ):
        assert word in notes
    assert "fad" not in figures(reports)["metrics"]


def test_the_csv_has_a_line_per_set_and_per_clip(reports: Path) -> None:
    with (reports / "figures.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 + 8
    assert [row["system"] for row in rows[:4]] == ["exact", "late", TRUE_SOUND, SHUFFLED]
    assert float(next(r for r in rows if r["clip"] == "c1" and r["system"] == "exact")["onset_f1"]) == 1.0


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "line", "rect", "circle", "polyline"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("line", "rect", "circle", "polyline"):
            assert self.open.pop() == tag


def test_the_page_is_whole_and_asks_for_nothing_from_outside(reports: Path) -> None:
    text = (reports / "report.html").read_text()
    page = _Page()
    page.feed(text)
    assert not page.open
    assert "Blocks &amp; &lt;hits&gt;" in text
    assert not [
        tag for tag, attrs in page.tags if tag in ("script", "link", "img") or "src" in attrs or "href" in attrs
    ]
    assert sum(tag == "svg" for tag, _ in page.tags) >= 6
    assert not re.search(r"\bnan\b|\binf\b|None", text)


def test_metrics_with_weights_find_equal_sounds_equal(clips: Path, small_weights: Path) -> None:
    made = [read_made(clips / "exact"), read_made(clips / "late")]
    found = evaluate(
        read_clips(clips / "clips"), made, metrics=("fad", "fd", "kl", "is"), weights=small_weights, baselines=False
    )
    exact, late = (system.figures for system in found.systems)
    for key in ("fad", "fd", "kl"):
        assert exact[key].value == pytest.approx(0, abs=1e-3)  # the floor under KL gives 527 classes -0.0005
    for key in ("fad", "fd"):
        assert late[key].value is not None
        assert late[key].value > 10 * abs(exact[key].value or 0)
    assert exact["is"].value is not None
    assert 1 <= exact["is"].value < 1.5
    assert exact["fad"].n == 4


def test_cavp_compares_features_of_picture_and_sound(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from otio_v2a_engine.evaluation import cavp
    from otio_v2a_engine.vta_ldm.config import EncoderSettings
    from otio_v2a_engine.vta_ldm.encoders.cavp import CavpEncoder, tiny_cavp_config

    torch.manual_seed(4)
    sound = CavpSound(width=1, dim=24)
    picture = CavpEncoder(EncoderSettings(kind="cavp"), tiny_cavp_config())
    tensors = {f"spec_encoder.{key}": value for key, value in sound.state_dict().items()}
    torch.save({"state_dict": {**tensors, **picture.network.state_dict()}}, tmp_path / "cavp.ckpt")
    monkeypatch.setitem(weights._BUILD, "cavp", lambda: CavpSound(width=1, dim=24))
    monkeypatch.setattr(cavp, "cavp_config", tiny_cavp_config)
    weights.convert("cavp", tmp_path / "cavp.ckpt", tmp_path)
    made = [read_made(clips / "exact")]
    found = evaluate(read_clips(clips / "clips"), made, metrics=("cavp",), weights=tmp_path, baselines=False)
    value = found.systems[0].figures["cavp"]
    assert value.n == 2
    assert value.value is not None
    assert -1 <= value.value <= 1
    assert value.value != 0


def test_only_the_metrics_asked_for_are_computed(clips: Path) -> None:
    found = evaluate(read_clips(clips / "clips"), [read_made(clips / "late")], metrics=("av_align",), baselines=False)
    assert found.metrics == ("av_align",)
    assert found.systems[0].figures["av_align"].n == 2


def test_metrics_without_their_data_are_left_out_with_the_reason(clips: Path) -> None:
    found = evaluate(read_clips(clips / "exact"), [read_made(clips / "late")], baselines=False)
    assert found.metrics == ()
    assert any("no labelled onsets" in note for note in found.notes)
    assert any("no movies" in note for note in found.notes)
    assert "<table>" in as_html(found)


def test_wrong_questions_get_an_answer_that_helps(
    clips: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(EvaluationError, match="unknown metrics fid"):
        evaluate(read_clips(clips / "clips"), [], metrics=("fid",))
    (tmp_path / "x.wav").write_bytes((clips / "exact" / "c0.wav").read_bytes())
    with pytest.raises(EvaluationError, match="no clip: x"):
        evaluate(read_clips(clips / "clips"), [read_made(tmp_path)], metrics=("is",))
    with pytest.raises(EvaluationError, match="no movies and no sounds"):
        read_clips(_empty(tmp_path))
    (tmp_path / "labels.csv").write_text("clip,onsets_s\nc0,soon\n")
    assert main(["run", str(clips / "late"), "--reference", str(clips / "clips"), "--out", str(tmp_path / "out"),
                 "--labels", str(tmp_path / "labels.csv")]) == 2  # fmt: skip
    assert "labels.csv, line 2: onsets_s must be seconds" in capfd.readouterr().err


def _empty(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def test_a_clip_without_made_sound_is_noted(clips: Path, tmp_path: Path) -> None:
    (tmp_path / "c0.wav").write_bytes((clips / "exact" / "c0.wav").read_bytes())
    found = evaluate(read_clips(clips / "clips"), [read_made(tmp_path)], metrics=("av_align",), baselines=False)
    assert any("nothing for 1 of 2 clips" in note for note in found.notes)


def test_ticks_are_round_and_cover_the_range() -> None:
    assert nice_ticks(0, 1) == [0, 0.25, 0.5, 0.75, 1.0]
    assert nice_ticks(-0.37, 4.2) == [0.0, 2.0, 4.0]
    assert nice_ticks(3, 3) == [3]


def test_plots_of_nothing_are_nothing() -> None:
    assert dots([Row("a", (), None)], title="t") == ""
    assert curves([Curve("a", (), ())], title="t", x_title="x") == ""
    assert histogram([("a", (), False)], title="t", low=0, high=1, bins=3, x_title="x") == ""
