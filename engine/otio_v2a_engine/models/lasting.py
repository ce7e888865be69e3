"""Lets what lasts sound while it is seen. Knows no network: arithmetic on a log-mel and on how loud it looks."""

import numpy as np
import numpy.typing as npt

from otio_v2a_engine.models.mel import loudness_db

__all__ = ["while_seen"]

_SEEN = 0.5  # of 1: as loud what lasts must look somewhere, or nothing is known of when it sounds
_TOP = 90  # percentile that counts as loudest
_RANGE_DB = 70.0  # from what looks as loud as can be to what does not look like sounding at all
_LOOSE_DB = 6.0  # so much louder it may be
_WIDE = 4  # frames before and after in which it may be as loud


def while_seen(mel: npt.NDArray[np.float32], levels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """A log-mel that is turned down where what lasts is not seen to sound.

    Args:
        mel: `(F, 96)` in units of 20 dB, 10 ms a frame.
        levels: `(T,)` of the tokens, how loud what lasts looks, 0 to 1 (`PictureEncoder.levels`); F is 4 T.
    """
    if levels.max(initial=0.0) < _SEEN:
        return mel
    per_token = len(mel) // len(levels)
    middles = (np.arange(len(levels)) + 0.5) * per_token
    looks = np.interp(np.arange(len(mel)) + 0.5, middles, levels)
    widened = np.lib.stride_tricks.sliding_window_view(np.pad(looks, _WIDE, mode="edge"), 2 * _WIDE + 1).max(1)
    loudness = loudness_db(mel)
    ceiling = np.percentile(loudness, _TOP) + _RANGE_DB * (widened - np.percentile(levels, _TOP)) + _LOOSE_DB
    change = (np.minimum(0.0, ceiling - loudness) / 20)[:, None].astype(np.float32)
    lowered: npt.NDArray[np.float32] = mel + change
    return lowered
