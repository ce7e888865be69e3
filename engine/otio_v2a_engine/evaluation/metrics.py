"""The table of metrics: what each is called, which way is better, what it needs, how it is defined. Pure data."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["KEYS", "METRICS", "Metric", "metric"]

Need = Literal["picture", "reference", "caption", "onsets"]


@dataclass(frozen=True)
class Metric:
    """One figure.

    Attributes:
        key: the word in files and options.
        title: the word in reports.
        better: which way is better; "" for figures that only describe.
        unit: "" for plain numbers.
        per_clip: whether each clip has its own value; otherwise only a whole set does.
        needs: what clips must have.
        definition: one sentence, with its source.
        group: figures that are computed together, and asked for by one word.
    """

    key: str
    title: str
    better: Literal["higher", "lower", ""]
    unit: str
    per_clip: bool
    needs: tuple[Need, ...]
    definition: str
    group: str

    @property
    def arrow(self) -> str:
        """An arrow up or down, or nothing."""
        return {"higher": "↑", "lower": "↓", "": ""}[self.better]


METRICS: tuple[Metric, ...] = (
    Metric(
        "fad",
        "FAD",
        "lower",
        "",
        False,
        ("reference",),
        "Frechet distance of VGGish embeddings, one every 0.96 s (arXiv 1812.08466).",
        "fad",
    ),
    Metric(
        "fd",
        "FD",
        "lower",
        "",
        False,
        ("reference",),
        "Frechet distance of PANNs' Cnn14 embeddings, one a clip (arXiv 2301.12503).",
        "fd",
    ),
    Metric(
        "kl",
        "KL",
        "lower",
        "nats",
        True,
        ("reference",),
        "KL divergence of Cnn14's classes, true sound against made, softmax (arXiv 2301.12503).",
        "kl",
    ),
    Metric("is", "IS", "higher", "", False, (), "Inception score over Cnn14's classes (arXiv 1606.03498).", "is"),
    Metric(
        "clap",
        "CLAP",
        "higher",
        "",
        True,
        ("caption",),
        "Cosine of CLAP's embeddings of sound and caption (arXiv 2211.06687).",
        "clap",
    ),
    Metric(
        "pam",
        "PAM",
        "higher",
        "",
        True,
        (),
        "Probability of “clear and clean” against “noisy and with artifacts” by CLAP (arXiv 2402.00282).",
        "pam",
    ),
    Metric(
        "cavp",
        "CAVP",
        "higher",
        "",
        True,
        ("picture",),
        "Mean cosine of CAVP's features of picture and sound, four a second (arXiv 2306.17203).",
        "cavp",
    ),
    Metric(
        "av_align",
        "AV-Align",
        "higher",
        "",
        True,
        ("picture",),
        "Intersection over union of peaks of motion and of sound, form of 2025 (arXiv 2309.16429).",
        "av_align",
    ),
    Metric(
        "onset_f1",
        "Onset F1",
        "higher",
        "",
        True,
        ("onsets",),
        "F1 of found against labelled onsets within 50 ms, one to one.",
        "onsets",
    ),
    Metric(
        "onset_chance",
        "F1 by chance",
        "",
        "",
        True,
        ("onsets",),
        "The same with the found onsets turned around the clip by 20 amounts.",
        "onsets",
    ),
    Metric(
        "onset_error_ms",
        "Onset error",
        "lower",
        "ms",
        True,
        ("onsets",),
        "Median size of the error of matched onsets.",
        "onsets",
    ),
    Metric(
        "onset_bias_ms",
        "Onset bias",
        "",
        "ms",
        True,
        ("onsets",),
        "Median error of matched onsets; positive when the sound is late.",
        "onsets",
    ),
    Metric(
        "flow_r",
        "Motion r",
        "higher",
        "",
        True,
        ("picture",),
        "Correlation of sudden motion in the best 8 of 84 tiles with onset strength.",
        "flow",
    ),
    Metric(
        "flow_z",
        "Motion z",
        "higher",
        "σ",
        True,
        ("picture",),
        "Standard deviations by which that correlation exceeds the one at other circular shifts.",
        "flow",
    ),
)
"""In the order of the paper's table; then the measures that need no weights."""

KEYS: tuple[str, ...] = tuple(dict.fromkeys(m.group for m in METRICS))
"""The words that choose metrics."""


def metric(key: str) -> Metric:
    """The metric of a key."""
    return next(m for m in METRICS if m.key == key)
