"""Draws plots as inline SVG from plain numbers. Knows no metric and no file; colours come from the page's CSS."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import floor, isfinite, log10

__all__ = ["Curve", "Row", "curves", "dots", "histogram", "nice_ticks"]

_WIDTH = 560  # of the viewBox; the page scales it
_LABELS = 120  # for row names on the left
_COLOURS = 6  # s0..s5 in the page's CSS


@dataclass(frozen=True)
class Row:
    """One system in a dot plot: the clips' values, their mean and the half width of its 95 % interval."""

    name: str
    values: tuple[float, ...]
    mean: float | None
    half: float | None = None
    muted: bool = False


@dataclass(frozen=True)
class Curve:
    """One line of points `(x, y)`."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    muted: bool = False


def nice_ticks(low: float, high: float, *, count: int = 5) -> list[float]:
    """About `count` round numbers that span low..high."""
    if not (isfinite(low) and isfinite(high)) or high <= low:
        return [low]
    raw = (high - low) / max(count - 1, 1)
    size = 10 ** floor(log10(raw))
    step = next(m * size for m in (1, 2, 2.5, 5, 10) if m * size >= raw * 0.999)
    ticks = []
    at = floor(low / step) * step
    while at <= high + step * 1e-9:
        if at >= low - step * 1e-9:
            ticks.append(round(at, 10))
        at += step
    return ticks


def _number(value: float) -> str:
    return f"{value:.6g}".replace("-", "−")


def _svg(height: float, body: list[str], title: str) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height:.0f}" role="img" aria-label="{escape(title, quote=True)}">'
        f"{''.join(body)}</svg>"
    )


def _axis(
    ticks: Sequence[float], *, x0: float, x1: float, low: float, high: float, top: float, bottom: float
) -> list[str]:
    body = []
    for tick in ticks:
        x = x0 + (tick - low) / (high - low) * (x1 - x0)
        body.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top:.1f}" y2="{bottom:.1f}"/>')
        body.append(f'<text class="tick" x="{x:.1f}" y="{bottom + 16:.1f}" text-anchor="middle">{_number(tick)}</text>')
    return body


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    if high - low < 1e-9:
        return low - 0.5, high + 0.5
    pad = 0.05 * (high - low)
    return low - pad, high + pad


def dots(rows: Sequence[Row], *, title: str) -> str:
    """Every clip as a dot, the mean as a bar with its interval; one row a system. "" when there is nothing."""
    values = [value for row in rows for value in row.values]
    if not values:
        return ""
    low, high = _range(values)
    x0, x1, step, top = _LABELS, _WIDTH - 14, 30, 8
    bottom = top + step * len(rows)
    body = _axis(nice_ticks(low, high), x0=x0, x1=x1, low=low, high=high, top=top, bottom=bottom)
    for i, row in enumerate(rows):
        y = top + step * (i + 0.5)
        colour = "muted" if row.muted else f"s{i % _COLOURS}"
        body.append(
            f'<text class="name" x="{x0 - 10}" y="{y + 4:.1f}" text-anchor="end">{escape(row.name[:17])}</text>'
        )
        for k, value in enumerate(row.values):
            x = x0 + (value - low) / (high - low) * (x1 - x0)
            jitter = ((k * 0.618034) % 1 - 0.5) * 13  # golden ratio: neighbours never overlap in rows
            body.append(f'<circle class="{colour} dot" cx="{x:.1f}" cy="{y + jitter:.1f}" r="2.6"/>')
        if row.mean is not None:
            x = x0 + (row.mean - low) / (high - low) * (x1 - x0)
            if row.half:
                half = row.half / (high - low) * (x1 - x0)
                left, right = max(x0, x - half), min(x1, x + half)
                body.append(
                    f'<rect class="{colour} interval" x="{left:.1f}" y="{y - 3:.1f}" '
                    f'width="{right - left:.1f}" height="6"/>'
                )
            body.append(f'<rect class="{colour}" x="{x - 1.5:.1f}" y="{y - 10:.1f}" width="3" height="20"/>')
    return _svg(bottom + 24, body, title)


def curves(lines: Sequence[Curve], *, title: str, x_title: str, mark: float | None = None) -> str:
    """Lines over a shared axis; `mark` draws a vertical line. "" when there is nothing."""
    lines = [line for line in lines if len(line.x) > 1]
    if not lines:
        return ""
    x_low, x_high = min(min(line.x) for line in lines), max(max(line.x) for line in lines)
    y_low, y_high = _range([value for line in lines for value in line.y])
    x0, x1, top, bottom = 48, _WIDTH - 14, 8, 220
    body = _axis(nice_ticks(x_low, x_high, count=9), x0=x0, x1=x1, low=x_low, high=x_high, top=top, bottom=bottom)
    for tick in nice_ticks(y_low, y_high):
        y = bottom - (tick - y_low) / (y_high - y_low) * (bottom - top)
        body.append(f'<line class="grid" x1="{x0}" x2="{x1}" y1="{y:.1f}" y2="{y:.1f}"/>')
        body.append(f'<text class="tick" x="{x0 - 8}" y="{y + 4:.1f}" text-anchor="end">{_number(tick)}</text>')
    if mark is not None:
        x = x0 + (mark - x_low) / (x_high - x_low) * (x1 - x0)
        body.append(f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}"/>')
    for i, line in enumerate(lines):
        points = " ".join(
            f"{x0 + (x - x_low) / (x_high - x_low) * (x1 - x0):.1f},"
            f"{bottom - (y - y_low) / (y_high - y_low) * (bottom - top):.1f}"
            for x, y in zip(line.x, line.y, strict=True)
        )
        body.append(f'<polyline class="{"muted" if line.muted else f"s{i % _COLOURS}"} line" points="{points}"/>')
    body.append(
        f'<text class="tick" x="{(x0 + x1) / 2:.0f}" y="{bottom + 34}" text-anchor="middle">{escape(x_title)}</text>'
    )
    legend, at = bottom + 58, x0
    for i, line in enumerate(lines):
        colour = "muted" if line.muted else f"s{i % _COLOURS}"
        body.append(f'<rect class="{colour}" x="{at}" y="{legend - 9}" width="14" height="3" rx="1.5"/>')
        body.append(f'<text class="name" x="{at + 20}" y="{legend - 3}">{escape(line.name)}</text>')
        at += 34 + 7 * len(line.name)
    return _svg(legend + 8, body, title)


def histogram(
    rows: Sequence[tuple[str, Sequence[float], bool]], *, title: str, low: float, high: float, bins: int, x_title: str
) -> str:
    """Small histograms below each other, one a system `(name, values, muted)`. "" when there is nothing."""
    rows = [row for row in rows if row[1]]
    if not rows:
        return ""
    x0, x1, step, top = _LABELS, _WIDTH - 14, 58, 8
    bottom = top + step * len(rows)
    body = _axis(nice_ticks(low, high, count=7), x0=x0, x1=x1, low=low, high=high, top=top, bottom=bottom)
    for i, (name, values, muted) in enumerate(rows):
        base = top + step * (i + 1)
        counts = [0] * bins
        for value in values:
            counts[min(bins - 1, max(0, int((value - low) / (high - low) * bins)))] += 1
        tallest = max(counts)
        colour = "muted" if muted else f"s{i % _COLOURS}"
        body.append(f'<text class="name" x="{x0 - 10}" y="{base - 22}" text-anchor="end">{escape(name[:17])}</text>')
        body.append(f'<text class="tick" x="{x0 - 10}" y="{base - 7}" text-anchor="end">{len(values)} onsets</text>')
        body.append(f'<line class="grid" x1="{x0}" x2="{x1}" y1="{base}" y2="{base}"/>')
        wide = (x1 - x0) / bins
        for k, count in enumerate(counts):
            if count:
                tall = count / tallest * (step - 12)
                place = f'x="{x0 + k * wide + 0.5:.1f}" y="{base - tall:.1f}"'
                body.append(f'<rect class="{colour}" {place} width="{wide - 1:.1f}" height="{tall:.1f}"/>')
    body.append(
        f'<text class="tick" x="{(x0 + x1) / 2:.0f}" y="{bottom + 34}" text-anchor="middle">{escape(x_title)}</text>'
    )
    return _svg(bottom + 42, body, title)
