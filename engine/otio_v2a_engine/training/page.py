"""The page of an evaluation of `small`: its figures against their goals, curves, and spectrograms side by side.

Draws what `evaluate` measured; measures nothing itself.
"""

import base64
import csv
import io
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from otio_v2a_engine.evaluation import plots
from otio_v2a_engine.evaluation.report import card, scrolled, shell
from otio_v2a_engine.models.mel import MEL_BANDS, log_mel

__all__ = ["page", "spectrogram"]

_GOALS: tuple[tuple[str, str, str, float, bool], ...] = (
    # title, path in the figures, unit, goal, whether more is better
    ("Onset F1 within 50 ms, held-out scenes", "fx/seen/onset_f1_50ms", "", 0.80, True),
    ("Median onset error", "fx/seen/median_error_ms", "ms", 10.0, False),
    ("Onset F1 without the picture", "fx/picture_withheld/onset_f1_50ms", "", 0.2, False),
    ("Onset F1 at moved events", "told_events/at_the_new_times/onset_f1_50ms", "", 0.80, True),
    ("Sounds still at the old times", "told_events/old_times_still_heard", "", 0.1, False),
    ("Onset F1 of hands at a table", "at_table/seen/onset_f1_50ms", "", 0.80, True),
    ("Kind of sound right", "kinds/kind", "", 0.85, True),
    ("Family right", "kinds/family", "", 0.93, True),
    ("Background in effects", "leakage/background_in_effects_db", "dB", -20.0, False),
    ("Effects in background", "leakage/effects_in_background_db", "dB", -20.0, False),
    ("Dialogue in effects", "dialogue/dialogue_in_effects_db", "dB", -20.0, False),
    ("Speech follows the mouth: correlation of levels", "dialogue/level_correlation", "", 0.5, True),
    ("The same without the picture", "dialogue/level_correlation_picture_withheld", "", 0.2, False),
    ("Kind of voice right, of 5", "voices/kind", "", 0.85, True),
    ("A sound that is forbidden falls by", "negative/both_ways/lowered", "dB", -12.0, False),
    ("The same, although it is asked for", "negative/forbidden/lowered", "dB", -12.0, False),
    ("The same, only not asked for", "negative/not_asked_for/lowered", "dB", -12.0, False),
    ("Joins of real clips at which an effect sounds", "cuts/found/share", "", 0.05, False),
    (
        "Contacts in real footage: how often chance is as good",
        "contacts/together/prompt/as_good_by_chance",
        "",
        0.01,
        False,
    ),
    ("The same without the football", "contacts/without_football/prompt/as_good_by_chance", "", 0.01, False),
    ("Vocoder mel error, recordings left out", "recordings/vocoder_mel_error_db", "dB", 1.0, False),
    ("Vocoder spectral convergence", "recordings/vocoder_spectral_convergence", "", 0.45, False),
    ("Codec and vocoder mel error", "recordings/codec_and_vocoder_mel_error_db", "dB", 1.0, False),
)
_HEIGHT = 2  # pixels a mel band
_FLOOR, _CEILING = -4.5, -0.5  # log-mel, in 20 dB: black and white


def _at(figures: Mapping[str, Any], path: str) -> float | None:
    value: Any = figures
    for key in path.split("/"):
        if not isinstance(value, Mapping) or key not in value:
            return None
        value = value[key]
    return float(value)


def _goals(figures: Mapping[str, Any]) -> str:
    rows = []
    for title, path, unit, goal, more in _GOALS:
        value = _at(figures, path)
        if value is None:
            continue
        reached = value >= goal if more else value <= goal
        sign = "at least" if more else "at most"
        rows.append(
            f"<tr><td>{escape(title)}</td><td{' class=best' if reached else ''}>{value:g} {unit}</td>"
            f"<td>{sign} {goal:g} {unit}</td><td>{'reached' if reached else 'missed'}</td></tr>"
        )
    return scrolled("<tr><th>Figure</th><th>Measured</th><th>Goal</th><th></th></tr>", rows)


def _curve(path: Path, column: str, name: str) -> plots.Curve:
    """A column over the steps that have it: those of the encoder alone say 0 of the flow's losses."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if float(row[column]) > 0]
    return plots.Curve(name, tuple(float(row["step"]) for row in rows), tuple(float(row[column]) for row in rows))


def spectrogram(sound: npt.NDArray[np.float32], *, pixels_a_frame: int = 1) -> bytes:
    """A PNG of the log-mel of mono sound: time to the right, low at the bottom, -90 dB black, -10 dB white."""
    from PIL import Image

    level = ((log_mel(sound) - _FLOOR) / (_CEILING - _FLOOR)).clip(0, 1).T[::-1]
    level = np.repeat(np.repeat(level, _HEIGHT, axis=0), pixels_a_frame, axis=1)
    # From black over blue and orange to white, evenly in lightness.
    stops = np.array([[6, 8, 14], [38, 40, 98], [140, 44, 104], [230, 106, 58], [252, 226, 164]], float)
    place = level * (len(stops) - 1)
    index = place.astype(int).clip(0, len(stops) - 2)
    colours = stops[index] + (place - index)[..., None] * (stops[index + 1] - stops[index])
    out = io.BytesIO()
    Image.fromarray(colours.astype(np.uint8)).save(out, "PNG", optimize=True)
    return out.getvalue()


def _contacts(clips: Sequence[Mapping[str, Any]]) -> str:
    """F1 of every clip with its prompt, and that of the same onsets shifted."""
    rows = []
    for clip in clips:
        heard, name = clip["prompt"], Path(clip["clip"]).stem.removeprefix("sam2_").partition("_")[0]
        rows += [
            plots.Row(f"{name} ({clip['contacts']})", (heard["f1_100ms"],), heard["f1_100ms"]),
            plots.Row(f"{name}, chance", (heard["chance_f1"],), heard["chance_f1"], muted=True),
        ]
    return plots.dots(rows, title="Contacts in real footage")


def _pair(title: str, made: bytes, true: bytes) -> str:
    def image(png: bytes, words: str) -> str:
        data = base64.b64encode(png).decode()
        style = f"width:100%;height:{MEL_BANDS}px;display:block;margin:2px 0 8px"
        source = f"data:image/png;base64,{data}"
        caption = f'<p class="soft" style="min-height:0;margin:6px 0 0">{words}</p>'
        return f'{caption}<img alt="{escape(title)}: {words}" style="{style}" src="{source}">'

    return f'<section class="card"><h3>{escape(title)}</h3>{image(true, "true")}{image(made, "rendered")}</section>'


def page(
    figures: Mapping[str, Any],
    *,
    runs: Path | None,
    pairs: Sequence[tuple[str, npt.NDArray[np.float32], npt.NDArray[np.float32]]],
) -> str:
    """HTML of an evaluation.

    Args:
        figures: what `evaluate` gave.
        runs: folder with the curves of the training, or None.
        pairs: title, rendered and true sound, to be shown side by side.
    """
    cards = []
    if runs is not None:
        for name, columns in (
            ("flow", ("loss_fx", "loss_amb", "loss_dx", "onset_loss")),
            ("vocoder", ("loss",)),
        ):
            path = runs / name / f"{name}.csv"
            if path.exists():
                lines = [_curve(path, column, column.replace("_", " ")) for column in columns]
                cards.append(
                    card(f"Training of the {name}", "mean of 50 steps", plots.curves(lines, title=name, x_title="step"))
                )
    by_kind = figures.get("kinds", {}).get("by_kind", {})
    if by_kind:
        ordered = sorted(by_kind.items(), key=lambda item: (-item[1], item[0]))
        rows = [plots.Row(name, (share,), share) for name, share in ordered]
        cards.append(
            card("Kinds", "share of renders that pass for the kind that was asked for", plots.dots(rows, title="Kinds"))
        )
    if clips := figures.get("contacts", {}).get("clips", []):
        cards.append(card("Contacts in real footage", "onset F1 at +-100 ms, and by chance", _contacts(clips)))
    sounds = "".join(_pair(title, spectrogram(made), spectrogram(true)) for title, made, true in pairs)
    body = f'<h2>Figures</h2>{_goals(figures)}<h2>Plots</h2><div class="grid2">{"".join(cards)}</div>'
    if sounds:
        body += f'<h2>Rendered and true sound</h2><div class="grid2">{sounds}</div>'
    return shell(
        "The engine small, measured",
        "Held-out simulated scenes and real footage through the whole engine, movie file in and samples out; "
        "recordings that the vocoder did not learn from. Spectrograms: 8 s to the right, 30 Hz to 20 kHz upwards.",
        body,
    )
