"""Distances between features and distributions of sounds, as their papers define them. Knows no network and no file.

Features are `(N, D)`, one row a sound (or a part of one); logits and probabilities are `(N, classes)`.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Gaussian", "cosine", "frechet_distance", "gaussian_of", "inception_score", "kl_divergence", "softmax"]

Floats = npt.NDArray[np.float64]
_KL_FLOOR = 1e-6  # the usual evaluator's: a class the made sound rules out costs at most 14 nats


@dataclass(frozen=True)
class Gaussian:
    """Mean `(D,)` and covariance `(D, D)`."""

    mean: Floats
    covariance: Floats


def gaussian_of(features: npt.ArrayLike) -> Gaussian:
    """The Gaussian of features `(N, D)`, covariance over N - 1.

    Raises:
        ValueError: fewer than two rows.
    """
    rows = np.asarray(features, np.float64)
    if rows.ndim != 2 or len(rows) < 2:
        raise ValueError(f"a Gaussian needs at least two rows of features, not an array of shape {rows.shape}")
    return Gaussian(rows.mean(0), np.atleast_2d(np.cov(rows, rowvar=False)))


def _root(symmetric: Floats) -> Floats:
    values, vectors = np.linalg.eigh(symmetric)
    root: Floats = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    return root


def frechet_distance(a: Gaussian, b: Gaussian) -> float:
    """Squared Frechet distance: `|m_a - m_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2))` (arXiv 1706.08500, 1812.08466).

    The trace of the root is taken of `S_a^(1/2) S_b S_a^(1/2)`, which has the same eigenvalues and is symmetric, so
    that nothing turns complex when there are fewer sounds than dimensions.
    """
    root = _root(a.covariance)
    inner = root @ b.covariance @ root
    overlap = np.sqrt(np.linalg.eigvalsh((inner + inner.T) / 2).clip(0)).sum()
    distance = np.sum((a.mean - b.mean) ** 2) + np.trace(a.covariance) + np.trace(b.covariance) - 2 * overlap
    return max(0.0, float(distance))


def softmax(logits: npt.ArrayLike) -> Floats:
    """Probabilities over the last axis."""
    rows = np.asarray(logits, np.float64)
    grown = np.exp(rows - rows.max(-1, keepdims=True))
    probabilities: Floats = grown / grown.sum(-1, keepdims=True)
    return probabilities


def inception_score(probabilities: npt.ArrayLike, *, splits: int = 1) -> float:
    """`exp(E_x KL(p(y|x) || p(y)))`, the mean over equal splits (arXiv 1606.03498).

    Raises:
        ValueError: fewer rows than splits.
    """
    p = np.asarray(probabilities, np.float64)
    if len(p) < splits or not len(p):
        raise ValueError(f"{len(p)} sounds cannot be split into {splits}")
    scores = []
    for part in np.array_split(p, splits):
        marginal = part.mean(0, keepdims=True)
        ratio = np.where(part > 0, np.log(np.maximum(part, 1e-300) / np.maximum(marginal, 1e-300)), 0.0)
        scores.append(float(np.exp((part * ratio).sum(1).mean())))
    return float(np.mean(scores))


def kl_divergence(reference: npt.ArrayLike, made: npt.ArrayLike) -> Floats:
    """`KL(reference || made)` of every row of paired probabilities, in nats `(N,)`.

    The made probabilities are raised by 1e-6, as AudioLDM's evaluator does, so that the figures compare.

    Raises:
        ValueError: the arrays do not pair.
    """
    p, q = np.asarray(reference, np.float64), np.asarray(made, np.float64)
    if p.shape != q.shape or p.ndim != 2:
        raise ValueError(f"probabilities must pair, not {p.shape} with {q.shape}")
    terms = np.where(p > 0, p * (np.log(np.maximum(p, 1e-300)) - np.log(q + _KL_FLOOR)), 0.0)
    divergence: Floats = terms.sum(1)
    return divergence


def cosine(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """Cosine similarity of paired rows, `(N,)`; 0 where a row is all zeros."""
    x, y = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if x.shape != y.shape:
        raise ValueError(f"rows must pair, not {x.shape} with {y.shape}")
    norm = np.linalg.norm(x, axis=-1) * np.linalg.norm(y, axis=-1)
    similarity: Floats = (x * y).sum(-1) / np.maximum(norm, 1e-12)
    return similarity
