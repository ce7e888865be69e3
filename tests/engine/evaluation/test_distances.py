"""The metrics' formulas against examples worked out by hand."""

from math import exp, log, sqrt

import numpy as np
import pytest

from otio_v2a_engine.evaluation.clap import pam_score
from otio_v2a_engine.evaluation.distances import (
    Gaussian,
    cosine,
    frechet_distance,
    gaussian_of,
    inception_score,
    kl_divergence,
    softmax,
)


def gaussian(mean: list[float], covariance: list[list[float]]) -> Gaussian:
    return Gaussian(np.array(mean), np.array(covariance))


def test_frechet_distance_of_two_lines_is_the_squared_difference_of_means_and_deviations() -> None:
    # (0 - 3)^2 + (1 - 2)^2 for N(0, 1) and N(3, 4).
    assert frechet_distance(gaussian([0.0], [[1.0]]), gaussian([3.0], [[4.0]])) == pytest.approx(10.0)


def test_frechet_distance_of_covariances_that_do_not_commute() -> None:
    a, b = gaussian([0.0, 1.0], [[2.0, 1.0], [1.0, 2.0]]), gaussian([1.0, 1.0], [[1.0, 0.0], [0.0, 4.0]])
    # A B = [[2, 4], [1, 8]]: trace 10, determinant 12; the trace of a 2 x 2 root is sqrt(trace + 2 sqrt(determinant)).
    assert frechet_distance(a, b) == pytest.approx(1 + 4 + 5 - 2 * sqrt(10 + 2 * sqrt(12)))


def test_frechet_distance_stays_real_with_fewer_rows_than_dimensions() -> None:
    rows = np.random.default_rng(1).standard_normal((5, 40))
    assert frechet_distance(gaussian_of(rows), gaussian_of(rows)) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(gaussian_of(rows), gaussian_of(rows + 0.5)) == pytest.approx(40 * 0.25)


def test_a_gaussian_divides_by_one_less_than_the_rows() -> None:
    found = gaussian_of([[0.0], [2.0]])
    assert (found.mean[0], found.covariance[0, 0]) == (1.0, 2.0)
    with pytest.raises(ValueError, match="two rows"):
        gaussian_of([[1.0, 2.0]])


def test_inception_score_counts_classes_that_are_certain_and_even() -> None:
    assert inception_score(np.eye(4)) == pytest.approx(4.0)
    assert inception_score(np.tile([0.7, 0.2, 0.1], (5, 1))) == pytest.approx(1.0)


def test_inception_score_of_half_certain_classes() -> None:
    # The marginal is (1/2, 1/2): each row's divergence is 3/4 ln(3/2) + 1/4 ln(1/2).
    wanted = exp(0.75 * log(1.5) + 0.25 * log(0.5))
    assert inception_score([[0.75, 0.25], [0.25, 0.75]]) == pytest.approx(wanted)


def test_inception_score_averages_over_splits() -> None:
    rows = np.concatenate([np.eye(2), np.tile([0.5, 0.5], (2, 1))])
    assert inception_score(rows, splits=2) == pytest.approx((2.0 + 1.0) / 2)
    with pytest.raises(ValueError, match="split"):
        inception_score(rows, splits=5)


def test_kl_divergence_goes_from_the_true_sound_to_the_made_one() -> None:
    row = kl_divergence([[0.5, 0.5]], [[0.25, 0.75]])
    assert row[0] == pytest.approx(0.5 * log(2) + 0.5 * log(2 / 3), abs=1e-5)
    assert kl_divergence([[0.25, 0.75]], [[0.5, 0.5]])[0] != pytest.approx(row[0], abs=1e-3)


def test_a_class_that_the_made_sound_rules_out_costs_a_bounded_amount() -> None:
    assert kl_divergence([[1.0, 0.0]], [[0.0, 1.0]])[0] == pytest.approx(-log(1e-6))


def test_softmax_and_cosine_by_hand() -> None:
    assert softmax([[0.0, log(3)]])[0].tolist() == pytest.approx([0.25, 0.75])
    assert cosine([[3.0, 4.0], [0.0, 0.0]], [[4.0, 3.0], [1.0, 0.0]]).tolist() == pytest.approx([24 / 25, 0.0])
    with pytest.raises(ValueError, match="pair"):
        cosine([[1.0, 2.0]], [[1.0]])


def test_pam_is_the_softmax_of_two_scaled_cosines() -> None:
    sounds, sentences = np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([[1.0, 0.0], [0.0, 1.0]])
    wanted = exp(10) / (exp(10) + 1)
    assert pam_score(sounds, sentences, scale=10.0).tolist() == pytest.approx([wanted, 1 - wanted])
