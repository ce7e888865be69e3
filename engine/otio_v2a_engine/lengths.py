"""Seconds to samples, frames and latents: the one place where time is rounded (floor 0).

Positions are rounded, lengths are differences of rounded positions; nothing is ever accumulated. Two
adjoining ranges therefore share their border sample at every frame rate, 29.97 included.
"""

from fractions import Fraction

__all__ = ["ceil_to_multiple", "nearest_rate", "position", "span_length", "tick_position"]

_NTSC_BASES = (15, 24, 30, 48, 60, 96, 120)


def position(seconds: Fraction, rate: int | Fraction) -> int:
    """Index of the sample (or frame, or latent) nearest to `seconds`, ties upwards.

    `rate` is units per second. Negative times give negative positions.
    """
    # Whole numbers only: a long cut asks this for every border, and Fractions would reduce what is floored anyway.
    return tick_position(seconds.numerator, per_second=seconds.denominator * rate.denominator, rate=rate.numerator)


def tick_position(ticks: int, *, per_second: int, rate: int) -> int:
    """`position` of a time given as whole ticks of a second's parts."""
    return (2 * ticks * rate + per_second) // (2 * per_second)


def span_length(start_s: Fraction, duration_s: Fraction, rate: int | Fraction) -> int:
    """Number of units between two positions, `[start, start + duration)`."""
    return position(start_s + duration_s, rate) - position(start_s, rate)


def ceil_to_multiple(n: int, multiple: int) -> int:
    """Smallest multiple of `multiple` that is not below `n`."""
    return -(-n // multiple) * multiple


def nearest_rate(rate: float) -> Fraction:
    """Exact rate for a frame rate that a file or host wrote as a float.

    Snaps to n/1001 (24000/1001 for 23.976, 23.976024627685547 or 23.98), to integers and to halves when
    within 0.02 %; any other value becomes the nearest fraction with a denominator up to 1001.

    Raises:
        ValueError: the rate is not finite, not positive, or below one frame in half an hour.
    """
    if not (rate > 0 and rate != float("inf")):
        raise ValueError(f"frame rate must be a positive number, not {rate!r}")
    candidates = [Fraction(base * 1000, 1001) for base in _NTSC_BASES]
    candidates += [Fraction(round(rate))] if round(rate) else []
    candidates += [Fraction(round(rate * 2), 2)] if round(rate * 2) else []
    best = min(candidates, key=lambda candidate: abs(float(candidate) - rate))
    if abs(float(best) - rate) <= rate * 2e-4:
        return best
    nearest = Fraction(rate).limit_denominator(1001)
    if nearest <= 0:
        raise ValueError(f"frame rate {rate!r} is too low to be one")
    return nearest
