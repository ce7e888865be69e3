"""Figures of real footage: labels belong to their files, and a score says how far chance would come."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from otio_v2a_engine.contract import Picture, RenderedAudio, RenderRequest
from otio_v2a_engine.training import measures_cuts
from otio_v2a_engine.training.measures_cuts import figures_of, joined_movies
from otio_v2a_engine.training.measures_footage import contacts, read_labels
from otio_v2a_engine.training.page import page


class Clicks:
    """Stands for the engine: clicks at known times, whatever it is shown."""

    def __init__(self, *times: float) -> None:
        self.times = times

    def spot(self, picture: Picture, **_: object) -> tuple[object, ...]:
        return ()

    def render(self, request: RenderRequest, **_: object) -> RenderedAudio:
        sound = np.zeros((1, request.n_samples), np.float32)
        for time in self.times:
            click = 0.2 * np.exp(-np.arange(2400) / 300) * np.random.default_rng(0).uniform(-1, 1, 2400)
            start = round(time * 48000)
            sound[0, start : start + 2400] += click[: request.n_samples - start].astype(np.float32)
        return RenderedAudio(samples=sound, sample_rate=48000)


def _label(footage: Path, labels: Path, *times: float) -> None:
    labels.mkdir()
    movie = footage / "busy.mp4"
    label = {
        "clip": movie.name,
        "sha256": hashlib.sha256(movie.read_bytes()).hexdigest(),
        "length_s": 8.0,
        "prompt": "knocks",
        "events": [{"time_s": time, "uncertainty_s": 0.03, "sure": True} for time in times],
        "sustained": [],
    }
    (labels / "busy.json").write_text(json.dumps(label))


def test_onsets_at_the_contacts_are_far_from_chance_and_others_are_not(few_movies: Path, tmp_path: Path) -> None:
    times = (0.5, 1.1, 2.6, 3.3, 4.9, 6.2)
    _label(few_movies, tmp_path / "labels", *times)
    labels = read_labels(tmp_path / "labels", footage=few_movies)
    right, wrong = (
        contacts(Clicks(*clicks), labels, footage=few_movies, seeds=1)  # type: ignore[arg-type]
        for clicks in (times, tuple(time + 0.3 for time in times))
    )
    assert right["clips"][0]["prompt"]["f1_100ms"] == right["together"]["prompt"]["f1_100ms"] == 1.0
    assert right["together"]["prompt"]["as_good_by_chance"] < 0.05
    assert wrong["together"]["prompt"]["f1_100ms"] == 0.0
    assert wrong["together"]["prompt"]["as_good_by_chance"] == 1.0
    assert right["together"]["encoder"]["f1_100ms"] == 0.0


def test_labels_of_another_file_are_refused_by_name(few_movies: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no labels"):
        read_labels(tmp_path / "labels", footage=few_movies)
    _label(few_movies, tmp_path / "labels", 1.0)
    (few_movies / "busy.mp4").write_bytes(b"another")
    with pytest.raises(ValueError, match=r"busy\.mp4 is not the file that was labelled"):
        read_labels(tmp_path / "labels", footage=few_movies)


def test_an_onset_at_a_join_counts_and_one_elsewhere_does_not(
    few_movies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measures_cuts, "_PIECE_S", (0.4, 0.6))
    silent = joined_movies(Clicks(), few_movies, count=1)  # type: ignore[arg-type]
    joins = silent[0].joins_s
    assert len(joins) > 5
    assert figures_of(silent)["found"]["share"] == 0.0
    loud = joined_movies(Clicks(joins[1], joins[3] + 0.2), few_movies, count=1)  # type: ignore[arg-type]
    assert loud[0].joins_s == joins
    assert figures_of(loud)["not told"]["joins_with_an_onset"] == 1


def test_the_page_of_the_weights_shows_contacts_and_cuts_beside_their_goals() -> None:
    clip = {"clip": "blocks.mp4", "contacts": 3, "prompt": {"f1_100ms": 0.5, "chance_f1": 0.05}}
    figures = {
        "cuts": {"found": {"share": 0.061}},
        "contacts": {
            "clips": [clip],
            "together": {"prompt": {"as_good_by_chance": 0.001}},
            "without_football": {"prompt": {"as_good_by_chance": 0.4}},
        },
    }
    html = page(figures, runs=None, pairs=[])
    rows = html.split("<tr>")
    assert "missed" in next(row for row in rows if "Joins of real clips" in row)
    assert "reached" in next(row for row in rows if "Contacts in real footage" in row)
    assert "missed" in next(row for row in rows if "without the football" in row)
    assert "blocks (3)" in html
