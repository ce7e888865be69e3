"""Onset strength and optical flow against figures recorded from librosa 0.11.0 and OpenCV 5.0.0.

The inputs are formulas, so that anybody can record them again: `librosa.onset.onset_strength(y=sound(), sr=22050)` with
`onset_detect`, and `cv2.calcOpticalFlowFarneback(a, b, None, 0.5, 3, 15, 3, 5, 1.2, 0)`.
"""

import numpy as np
import pytest

from otio_v2a_engine.evaluation.farneback import farneback, grey
from otio_v2a_engine.evaluation.onset_strength import detect_onsets, onset_strength, pick_peaks


def sound() -> np.ndarray:
    t = np.arange(22050 * 2) / 22050
    y = np.zeros_like(t)
    for at, hz, level in ((0.3, 600, 0.5), (0.8, 2500, 0.3), (1.05, 300, 0.8), (1.6, 1200, 0.1)):
        d = t - at
        y += np.where(d >= 0, level * np.sin(2 * np.pi * hz * d) * np.exp(-d.clip(0) / 0.05), 0)
    return y.astype(np.float32)


def picture(dx: float, dy: float) -> np.ndarray:
    yy, xx = np.mgrid[:80, :112].astype(float)
    x, y = xx - dx, yy - dy
    v = 128 + 40 * np.sin(x / 5) * np.cos(y / 7) + 30 * np.sin((x + 2 * y) / 11) + 20 * np.cos((2 * x - y) / 4.3)
    return v.clip(0, 255).astype(np.uint8)


def test_onset_strength_is_librosas() -> None:
    strength = onset_strength(sound())
    assert strength.shape == (87,)
    assert strength.sum() == pytest.approx(97.32540130615234, rel=1e-5)
    wanted = [22.728282928466797, 12.799894332885742, 17.33725357055664, 14.543011665344238]
    assert strength[[14, 35, 46, 70]].tolist() == pytest.approx(wanted, rel=1e-5)


def test_onsets_are_librosas() -> None:
    frames = detect_onsets(onset_strength(sound())) * 22050 / 512
    assert frames.tolist() == pytest.approx([14, 35, 46, 70])


def test_silence_has_no_onsets() -> None:
    assert not len(detect_onsets(onset_strength(np.zeros(22050, np.float32))))
    assert not len(detect_onsets(np.zeros(0)))


def test_peaks_wait_after_a_peak_and_may_be_the_first_value() -> None:
    x = np.array([1.0, 0.0, 0.9, 0.0, 0.0, 0.8, 0.0])
    peaks = {"pre_max": 1, "post_max": 1, "pre_avg": 2, "post_avg": 3, "delta": 0.1}
    assert pick_peaks(x, **peaks, wait=0) == [0, 2, 5]
    assert pick_peaks(x, **peaks, wait=2) == [0, 5]


def test_flow_is_opencvs_within_rounding() -> None:
    flow = farneback(picture(0, 0), picture(1.6, -0.9))
    assert float(np.linalg.norm(flow, axis=2).mean()) == pytest.approx(1.8240065574645996, abs=1e-4)
    recorded = {
        (40, 56): (1.5894231796264648, -0.9111250638961792),
        (5, 7): (1.6044398546218872, -0.8541603684425354),
        (70, 100): (1.5891581773757935, -0.9110602736473083),
        (0, 0): (1.2190972566604614, -0.6782264113426208),
        (79, 111): (0.8774688839912415, -0.5393515229225159),
    }
    for place, wanted in recorded.items():
        assert flow[place].tolist() == pytest.approx(wanted, abs=1e-4)


def test_flow_finds_a_known_movement_and_none_where_there_is_none() -> None:
    moved = farneback(picture(0, 0), picture(1.6, -0.9))
    assert np.median(moved[..., 0]) == pytest.approx(1.6, abs=0.05)
    assert np.median(moved[..., 1]) == pytest.approx(-0.9, abs=0.05)
    # As in OpenCV the last row and column count as outside, so that even still pictures seem to move near borders.
    assert np.median(np.abs(farneback(picture(0, 0), picture(0, 0)))) < 1e-4


def test_flow_needs_two_grey_pictures_of_one_size() -> None:
    with pytest.raises(ValueError, match="one size"):
        farneback(picture(0, 0), picture(0, 0)[:40])


def test_grey_is_rounded_bt601() -> None:
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], np.uint8)
    assert grey(colours).tolist() == [[76, 150, 29, 255]]
