"""What an editor sets on a clip's sound without rendering: gain, fades and nudge. Knows samples, no OTIO, no takes.

The sound slides beneath the clip's borders (nudge), then the borders shape it (fades): a nudged hit is still cut where
the picture is cut. Stored renders are never changed; an adjustment is applied whenever a stem is written.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Any

from otio_v2a.errors import TakeError
from otio_v2a.mixing import Fade
from otio_v2a_engine.lengths import position

__all__ = ["NEUTRAL", "Adjustment", "parse_duration"]

_LOWEST_DB, _HIGHEST_DB = -96.0, 24.0
_LONGEST_FADE_S = 600
_FARTHEST_S = 60


@dataclass(frozen=True)
class Adjustment:
    """Gain, fades and nudge of one clip and role; exact where it is time.

    Attributes:
        gain_db: -96 to +24 dB; what would exceed full scale is held there.
        fade_in_s: length of the fade at the clip's start, 0 for none but the click guard.
        fade_out_s: length of the fade at the clip's end.
        nudge_s: how much later the sound comes; negative is earlier.

    Raises:
        TakeError: a value is out of range.
    """

    gain_db: float = 0.0
    fade_in_s: Fraction = Fraction(0)
    fade_out_s: Fraction = Fraction(0)
    nudge_s: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        if not _LOWEST_DB <= self.gain_db <= _HIGHEST_DB:
            raise TakeError(f"a gain is {_LOWEST_DB:g} to +{_HIGHEST_DB:g} dB, not {self.gain_db:g}")
        for name in ("fade_in_s", "fade_out_s"):
            if not 0 <= getattr(self, name) <= _LONGEST_FADE_S:
                raise TakeError(f"a fade is 0 to {_LONGEST_FADE_S} s long, not {float(getattr(self, name)):g}")
        if abs(self.nudge_s) > _FARTHEST_S:
            raise TakeError(f"a nudge is at most {_FARTHEST_S} s, not {float(self.nudge_s):g}")

    @property
    def is_neutral(self) -> bool:
        """Whether it changes nothing."""
        return self == NEUTRAL

    def nudge_samples(self, sample_rate: int) -> int:
        """Samples that the sound comes later."""
        return position(self.nudge_s, sample_rate)

    def fades(self, start: int, stop: int, *, sample_rate: int) -> tuple[Fade | None, Fade | None]:
        """Its fades over a clip at `[start, stop)`, at most as long as the clip; None where it has none."""
        into = min(position(self.fade_in_s, sample_rate), stop - start)
        out = min(position(self.fade_out_s, sample_rate), stop - start)
        return (
            Fade(start=start, length=into, power_in=1.0) if into > 0 else None,
            Fade(start=stop - out, length=out, power_out=1.0) if out > 0 else None,
        )

    def level(self, peak: float = 0.0) -> float:
        """The gain as a factor; a boost brings a sound with this peak to full scale at most."""
        wanted = float(10 ** (self.gain_db / 20))
        return min(wanted, max(1.0, 1 / peak)) if wanted > 1 and peak > 0 else wanted

    def to_metadata(self) -> dict[str, Any]:
        """Plain data, exact."""
        return {
            "gain_db": self.gain_db,
            "fade_in_s": str(self.fade_in_s),
            "fade_out_s": str(self.fade_out_s),
            "nudge_s": str(self.nudge_s),
        }

    @classmethod
    def from_metadata(cls, entry: Mapping[str, Any]) -> "Adjustment":
        """Read what `to_metadata` wrote; fields that are missing are neutral.

        Raises:
            ValueError: a value is no number.
            TakeError: a value is out of range.
        """
        times = {
            field.name: Fraction(entry[field.name])
            for field in fields(cls)
            if field.name != "gain_db" and field.name in entry
        }
        gain_db = float(entry.get("gain_db", 0.0))
        if not math.isfinite(gain_db):
            raise ValueError(f"a gain of {gain_db}")
        return cls(gain_db=gain_db, **times)

    def __str__(self) -> str:
        """What is set, in words: `-3 dB, fade in 0.5 s, 40 ms later`."""
        words = [f"{self.gain_db:+g} dB"] if self.gain_db else []
        words += [f"fade in {float(self.fade_in_s):g} s"] if self.fade_in_s else []
        words += [f"fade out {float(self.fade_out_s):g} s"] if self.fade_out_s else []
        if self.nudge_s:
            side = "later" if self.nudge_s > 0 else "earlier"
            words.append(f"{abs(float(self.nudge_s)) * 1000:.4g} ms {side}")
        return ", ".join(words) or "as rendered"


NEUTRAL = Adjustment()
"""Changes nothing."""


def parse_duration(text: str, *, rate: Fraction) -> Fraction:
    """Exact seconds of `2f` (frames at `rate`), `40ms`, `0.5s` or a bare number of seconds, with a sign.

    Raises:
        TakeError: it is none of these.
    """
    match = re.fullmatch(r"\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+))\s*(f|ms|s|)\s*", text)
    if match is None:
        raise TakeError(f"{text!r} is no length of time; write 2f (frames), 40ms or 0.5s")
    value = Fraction(match.group(1))
    return {"f": value / rate, "ms": value / 1000}.get(match.group(2), value)
