"""Owns timecode labels as exact seconds of the day. Knows no timeline and uses no floats.

At 29.97 and 59.94 drop-frame leaves out labels, never frames: `;00` and `;01` (or four of them) at the start of every
minute that is no multiple of ten.
"""

import re
from fractions import Fraction
from functools import lru_cache
from math import ceil

from otio_v2a_engine.lengths import position

__all__ = ["label", "seconds_of_day"]

_LABEL = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})([:;.,])(\d{2,3})")
_DROPPING = {30: 2, 60: 4}


@lru_cache(maxsize=4096)
def seconds_of_day(label: str, *, rate: Fraction, drop_frame: bool = False) -> Fraction:
    """Exact seconds from midnight to the start of the frame that a label names.

    A `;` (or `,`) before the frames says drop-frame by itself; with `:` the argument decides.

    Raises:
        ValueError: not a label, or a label that the rate does not have; the message says what to write.
    """
    matched = _LABEL.fullmatch(label.strip())
    if matched is None:
        raise ValueError(f"{label!r} is no timecode like 01:00:04:12")
    hours, minutes, seconds, frames = (int(matched.group(n)) for n in (1, 2, 3, 5))
    nominal = ceil(rate)
    if rate not in (Fraction(nominal), Fraction(nominal * 1000, 1001)):
        raise ValueError(f"timecode is not defined at {float(rate):g} frames per second")
    if hours > 23 or minutes > 59 or seconds > 59 or frames >= nominal:
        raise ValueError(f"{label!r} does not exist at {float(rate):g} frames per second")
    count = ((hours * 60 + minutes) * 60 + seconds) * nominal + frames
    dropping = _DROPPING.get(nominal, 0) if rate.denominator == 1001 else 0
    if matched.group(4) in ";," and not dropping:
        raise ValueError(f"{label!r} is drop-frame, which {float(rate):g} frames per second does not have; write ':'")
    if matched.group(4) in ";," or (drop_frame and dropping):
        if frames < dropping and not seconds and minutes % 10:
            raise ValueError(f"drop-frame has no label {label!r}; the next one ends in {dropping:02d}")
        total_minutes = hours * 60 + minutes
        count -= dropping * (total_minutes - total_minutes // 10)
    return count / rate


def label(day_s: Fraction, *, rate: Fraction, drop_frame: bool = False) -> str:
    """The label of the frame nearest to a time of day; the inverse of `seconds_of_day`.

    Rates that timecode does not know count whole frames per second upwards, non-drop.
    """
    nominal = ceil(rate)
    count = position(day_s, rate)
    dropping = _DROPPING.get(nominal, 0) if rate.denominator == 1001 and drop_frame else 0
    if dropping:
        per_ten = nominal * 600 - 9 * dropping
        tens, rest = divmod(count, per_ten)
        minutes = max(0, rest - dropping) // (nominal * 60 - dropping)
        count += dropping * (9 * tens + minutes)
    seconds, frames = divmod(count, nominal)
    width = len(str(nominal - 1))
    clock = f"{seconds // 3600 % 24:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{clock}{';' if dropping else ':'}{frames:0{width}d}"
