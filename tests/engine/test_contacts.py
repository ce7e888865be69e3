"""The contacts labelled in real footage: what the labels must be, and that the shipped encoder sees them."""

import hashlib
import json
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from otio_v2a_engine.contract import Picture
from otio_v2a_engine.pipelines.small import SmallEngine
from otio_v2a_engine.spotting import find_events
from otio_v2a_engine.training.onsets import chance, f1, match

FILES = sorted((Path(__file__).resolve().parents[1] / "data" / "contacts").glob("*.json"))


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def label(request: pytest.FixtureRequest) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(request.param.read_text())
    return data


def test_labels_are_in_order_inside_their_clip_and_say_how_sure_they_are(label: dict[str, Any]) -> None:
    times = [event["time_s"] for event in label["events"]]
    assert times == sorted(times)
    assert all(0 <= time < label["length_s"] for time in times)
    assert all(0 < event["uncertainty_s"] < 0.2 for event in label["events"])
    assert any(event["sure"] for event in label["events"])
    assert all(0 <= span["start_s"] < span["end_s"] <= label["length_s"] for span in label["sustained"])
    assert all(a["end_s"] <= b["start_s"] + 0.2 for a, b in pairwise(label["sustained"]))


@pytest.mark.footage
def test_labels_belong_to_these_files(label: dict[str, Any], media_root: Path) -> None:
    data = (media_root / "footage" / label["clip"]).read_bytes()
    assert hashlib.sha256(data).hexdigest() == label["sha256"]


@pytest.mark.footage
def test_the_encoder_sees_a_juggled_ball(media_root: Path) -> None:
    label = json.loads(next(path for path in FILES if "football" in path.name).read_text())
    true = [event["time_s"] for event in label["events"] if event["sure"]]
    found = find_events(
        SmallEngine("cpu"),
        Picture(str(media_root / "footage" / label["clip"])),
        Fraction(label["length_s"]).limit_denominator(1000),
        at_least=0.55,
        cancelled=lambda: False,
        on_progress=lambda _: None,
    )
    times = [float(event.time_s) for event in found]
    score, _ = match(times, true, tolerance_s=0.1)
    by_chance = f1(chance(times, true, length_s=label["length_s"], tolerance_s=0.1))
    assert f1([score]) > max(0.6, 2 * by_chance)
