"""Writes an evaluation as JSON, CSV and one self-contained HTML page. Computes no figures of its own."""

import csv
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from html import escape
from io import StringIO
from pathlib import Path
from typing import Any

from otio_v2a_engine.evaluation import plots
from otio_v2a_engine.evaluation.measuring import SHUFFLED, TRUE_SOUND, Evaluation, Figure
from otio_v2a_engine.evaluation.metrics import METRICS, Metric, metric

__all__ = ["as_csv", "as_html", "as_json", "as_plain", "card", "scrolled", "shell", "write_reports"]

_BASELINES = (TRUE_SOUND, SHUFFLED)
_CSS = """
:root{--back:#fbfbfa;--card:#fff;--ink:#1d2126;--soft:#667079;--line:#e2e5e8;--good:#0b6b4f;--back2:#f1f3f4;
--s0:#2f6fb0;--s1:#c4622d;--s2:#3d8b5f;--s3:#8a5aa8;--s4:#b23b55;--s5:#7a7424;--muted:#9aa3ab}
@media(prefers-color-scheme:dark){:root{--back:#15181b;--card:#1c2024;--ink:#e4e7ea;--soft:#98a2ab;--line:#30363c;
--good:#62c7a0;--back2:#23282d;--s0:#6ba6e3;--s1:#e79160;--s2:#72c294;--s3:#bd92d8;--s4:#e57f94;--s5:#bdb660;--muted:#737d86}}
*{box-sizing:border-box}body{margin:0;background:var(--back);color:var(--ink);
font:15px/1.5 system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:1180px;margin:0 auto;padding:32px 24px 64px}h1{font-size:24px;margin:0 0 4px}
h2{font-size:17px;margin:36px 0 10px}h3{font-size:15px;margin:0}p{margin:4px 0 0}.soft{color:var(--soft)}
.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:8px}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:8px 12px;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
.left,th:first-child,td:first-child{text-align:left}th:first-child,td:first-child{position:sticky;left:0;background:var(--card)}
tr:last-child td{border-bottom:0}th{font-weight:600;font-size:13px}th small,td small{color:var(--soft);font-weight:400}
td.best{color:var(--good);font-weight:600}tr.base td{color:var(--soft)}
.grid2{display:grid;grid-template-columns:repeat(auto-fit,minmax(440px,1fr));gap:16px}
.card{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:14px 16px}
.card p{font-size:13px;margin-bottom:10px;min-height:40px}svg{width:100%;height:auto;display:block}
svg text{font:12px system-ui,"DejaVu Sans",sans-serif;fill:var(--ink)}svg .tick{fill:var(--soft);font-size:11px}
svg .grid{stroke:var(--line)}svg .mark{stroke:var(--soft);stroke-dasharray:4 3}
.s0{fill:var(--s0);stroke:var(--s0)}.s1{fill:var(--s1);stroke:var(--s1)}.s2{fill:var(--s2);stroke:var(--s2)}
.s3{fill:var(--s3);stroke:var(--s3)}.s4{fill:var(--s4);stroke:var(--s4)}.s5{fill:var(--s5);stroke:var(--s5)}
.muted{fill:var(--muted);stroke:var(--muted)}svg circle,svg rect{stroke:none!important}.dot{fill-opacity:.45}
.interval{fill-opacity:.55}.line{fill:none;stroke-width:2;stroke-linejoin:round}
ul.notes{margin:0;padding:0 0 0 20px;color:var(--soft);font-size:13px}ul.notes li{overflow-wrap:anywhere}
details{margin-top:12px}details .scroll{margin-top:8px}summary{cursor:pointer;font-weight:600}
dl{display:grid;grid-template-columns:auto 1fr;
gap:4px 16px;font-size:13px;margin:8px 0 0}dt{font-weight:600}dd{margin:0;color:var(--soft)}
@media(max-width:520px){.grid2{grid-template-columns:1fr}}
"""


def as_plain(evaluation: Evaluation) -> dict[str, Any]:
    """The evaluation as plain values; what `as_json` writes."""
    plain = asdict(evaluation)
    plain["definitions"] = {key: metric(key).definition for key in evaluation.metrics}
    return plain


def as_json(evaluation: Evaluation) -> str:
    """Everything, clips and curves included."""
    return json.dumps(as_plain(evaluation), indent=1, allow_nan=False) + "\n"


def as_csv(evaluation: Evaluation) -> str:
    """One line per system and clip; the line of a whole set has an empty clip."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["system", "clip", *evaluation.metrics])
    for system in evaluation.systems:
        values = [system.figures[key].value if key in system.figures else None for key in evaluation.metrics]
        writer.writerow([system.name, "", *("" if v is None else f"{v:.6g}" for v in values)])
    for system in evaluation.systems:
        for clip, each in system.clips.items():
            writer.writerow(
                [system.name, clip, *(f"{each[key]:.6g}" if key in each else "" for key in evaluation.metrics)]
            )
    return out.getvalue()


def _words(value: float | None, m: Metric) -> str:
    if value is None:
        return "–"
    digits = 1 if m.unit == "ms" or abs(value) >= 100 else 2 if abs(value) >= 1 else 3
    return f"{value:.{digits}f}".replace("-", "−")


def _best(evaluation: Evaluation, key: str) -> float | None:
    m = metric(key)
    values = [
        figure.value
        for system in evaluation.systems
        if system.name not in _BASELINES
        and (figure := system.figures.get(key)) is not None
        and figure.value is not None
    ]
    if not m.better or len(values) < 2:
        return None
    return max(values) if m.better == "higher" else min(values)


def _cell(figure: Figure | None, m: Metric, best: float | None) -> str:
    if figure is None:
        return "<td>–</td>"
    half = f" <small>±{_words(1.96 * figure.error, m)}</small>" if figure.error and figure.value is not None else ""
    name = ' class="best"' if best is not None and figure.value == best else ""
    return f'<td{name} title="{figure.n} values">{_words(figure.value, m)}{half}</td>'


def shell(title: str, lead: str, body: str) -> str:
    """A whole page without scripts and without anything from outside; `lead` is text, `body` is HTML."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_CSS}</style></head><body><main>'
        f'<h1>{escape(title)}</h1><p class="soft">{escape(lead)}</p>{body}</main></body></html>\n'
    )


def scrolled(head: str, rows: Sequence[str]) -> str:
    """A table of HTML rows that scrolls sideways when it is too wide."""
    return f'<div class="scroll"><table><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table></div>'


def _table(evaluation: Evaluation) -> str:
    metrics = [metric(key) for key in evaluation.metrics]
    head = "".join(
        f'<th title="{escape(m.definition, quote=True)}">{escape(m.title)} {m.arrow}'
        f"{f'<br><small>{m.unit}</small>' if m.unit else ''}</th>"
        for m in metrics
    )
    best = {m.key: _best(evaluation, m.key) for m in metrics}
    rows = []
    for system in evaluation.systems:
        cells = "".join(_cell(system.figures.get(m.key), m, best[m.key]) for m in metrics)
        base = ' class="base"' if system.name in _BASELINES else ""
        rows.append(f"<tr{base}><td>{escape(system.name)}</td>{cells}</tr>")
    return scrolled(f"<tr><th>System</th>{head}</tr>", rows)


def card(title: str, words: str, plot: str) -> str:
    """A plot with its title and a line about it."""
    return f'<section class="card"><h3>{escape(title)}</h3><p class="soft">{escape(words)}</p>{plot}</section>'


def _cards(evaluation: Evaluation) -> list[str]:
    cards = []
    lines = []
    for system in evaluation.systems:
        n = len(system.shift_curve)
        x = tuple((i - n // 2) * evaluation.shift_s for i in range(n))
        near = [i for i, value in enumerate(x) if abs(value) <= 2.0]
        lines.append(
            plots.Curve(
                system.name,
                tuple(x[i] for i in near),
                tuple(system.shift_curve[i] for i in near),
                muted=system.name == SHUFFLED,
            )
        )
    plot = plots.curves(lines, title="Correlation at shifts", x_title="sound made earlier by, seconds", mark=0.0)
    if plot:
        words = "Motion against onset strength while the sound is moved: a peak at 0 is in sync, one to the right late."
        cards.append(card("In sync, or shifted?", words, plot))
    plot = plots.histogram(
        [(system.name, system.onset_errors_ms, system.name == SHUFFLED) for system in evaluation.systems],
        title="Errors of onsets",
        low=-50.0,
        high=50.0,
        bins=20,
        x_title="error of matched onsets, ms (late is positive)",
    )
    if plot:
        cards.append(
            card("Errors of onsets", "Onsets found in the sound that lie within 50 ms of a labelled one.", plot)
        )
    for key in evaluation.metrics:
        m = metric(key)
        if not m.per_clip or key == "onset_chance":
            continue
        rows = [
            plots.Row(
                system.name,
                tuple(each[key] for each in system.clips.values() if key in each),
                system.figures[key].value,
                1.96 * error if (error := system.figures[key].error) else None,
                muted=system.name == SHUFFLED,
            )
            for system in evaluation.systems
            if key in system.figures
        ]
        plot = plots.dots(rows, title=m.title)
        if plot:
            cards.append(card(f"{m.title} {m.arrow}".strip() + (f", {m.unit}" if m.unit else ""), m.definition, plot))
    return cards


def _clips(evaluation: Evaluation) -> str:
    keys = [key for key in evaluation.metrics if metric(key).per_clip]
    head = "".join(f"<th>{escape(metric(key).title)}</th>" for key in keys)
    rows = [
        f'<tr><td>{escape(clip)}</td><td class="left">{escape(system.name)}</td>'
        + "".join(f"<td>{_words(each.get(key), metric(key))}</td>" for key in keys)
        + "</tr>"
        for system in evaluation.systems
        if system.name not in _BASELINES
        for clip, each in system.clips.items()
    ]
    table = scrolled(f"<tr><th>Clip</th><th class='left'>System</th>{head}</tr>", rows)
    return f"<details><summary>Every clip</summary>{table}</details>"


def as_html(evaluation: Evaluation, *, title: str = "Evaluation") -> str:
    """One page without scripts and without anything from outside."""
    shown = [m for m in METRICS if m.key in evaluation.metrics]
    notes = "".join(f"<li>{escape(note)}</li>" for note in evaluation.notes)
    terms = "".join(f"<dt>{escape(m.title)}</dt><dd>{escape(m.definition)}</dd>" for m in shown)
    systems = [system.name for system in evaluation.systems if system.name not in _BASELINES]
    named = f"{len(systems)} system{'s' if len(systems) != 1 else ''} ({', '.join(systems)})"
    lead = (
        f"{evaluation.n_clips} clips, {named}. Means with 95 % intervals over clips; arrows point to what is better, "
        "the best system is green; grey rows are baselines."
    )
    body = (
        f"<h2>Figures</h2>{_table(evaluation)}"
        f'<h2>Plots</h2><div class="grid2">{"".join(_cards(evaluation))}</div>'
        + (f'<h2>Notes</h2><ul class="notes">{notes}</ul>' if notes else "")
        + f"<h2>Details</h2>{_clips(evaluation)}<details><summary>Definitions</summary><dl>{terms}</dl></details>"
    )
    return shell(title, lead, body)


def write_reports(evaluation: Evaluation, folder: Path, *, title: str = "Evaluation") -> tuple[Path, ...]:
    """Write figures.json, figures.csv and report.html into a folder; each appears whole."""
    folder.mkdir(parents=True, exist_ok=True)
    files: Sequence[tuple[str, str]] = (
        ("figures.json", as_json(evaluation)),
        ("figures.csv", as_csv(evaluation)),
        ("report.html", as_html(evaluation, title=title)),
    )
    written = []
    for name, text in files:
        partial = folder / f"{name}.partial"
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, folder / name)
        written.append(folder / name)
    return tuple(written)
