"""Sums the stems of a clip into blocks, at any speed and in both directions. Knows no Qt, no device and no clock.

Levels glide over one block, so that solo, mute and gain do not click. Files are read block by block: an hour takes no
more memory than a second. One thread at a time reads; levels may be set from another.
"""

import threading
from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from otio_v2a.errors import StemError
from otio_v2a.mixing import Part, Reader
from otio_v2a_engine.contract import Role
from otio_v2a_engine.lengths import position
from otio_v2a_ui.state import StemSound

__all__ = ["Levels", "StemMixer"]

Block = npt.NDArray[np.float32]


class Levels:
    """What is heard of which role: gain, solo, mute, and a trim for comparing. Any thread may ask and set."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._gains_db: dict[Role, float] = {}
        self._trims_db: dict[Role, float] = {}
        self._solo: frozenset[Role] = frozenset()
        self._muted: frozenset[Role] = frozenset()

    @property
    def solo(self) -> frozenset[Role]:
        """Roles that are heard alone; none is all."""
        return self._solo

    @property
    def muted(self) -> frozenset[Role]:
        """Roles that are silent."""
        return self._muted

    def set_solo(self, role: Role, on: bool) -> None:
        """Hear a role alone, or with the others again."""
        with self._lock:
            self._solo = self._solo | {role} if on else self._solo - {role}

    def set_muted(self, role: Role, on: bool) -> None:
        """Silence a role, or let it be heard again."""
        with self._lock:
            self._muted = self._muted | {role} if on else self._muted - {role}

    def set_gain_db(self, role: Role, gain_db: float) -> None:
        """The monitor's fader of a role; nothing that is delivered knows of it."""
        with self._lock:
            self._gains_db[role] = gain_db

    def set_trims_db(self, trims_db: Mapping[Role, float]) -> None:
        """What matches the loudness of the takes that are compared; roles that are not named have none."""
        with self._lock:
            self._trims_db = dict(trims_db)

    def trim_db(self, role: Role) -> float:
        """The present trim of a role."""
        with self._lock:
            return self._trims_db.get(role, 0.0)

    def factor(self, role: Role) -> float:
        """What a role is multiplied with."""
        with self._lock:
            if role in self._muted or (self._solo and role not in self._solo):
                return 0.0
            return float(10 ** ((self._gains_db.get(role, 0.0) + self._trims_db.get(role, 0.0)) / 20))


class StemMixer:
    """The stems of one clip, over `[0, duration)` of its time."""

    def __init__(
        self, stems: Sequence[StemSound], *, duration_s: Fraction, levels: Levels, sample_rate: int = 48000
    ) -> None:
        """Nothing is read yet; a stem whose file is missing or damaged is silent and named in `broken`."""
        self.sample_rate = sample_rate
        self.n_samples = position(duration_s, sample_rate)
        self.broken: dict[Role, str] = {}
        self._levels = levels
        self._reader = Reader()
        self._stems = tuple(stems)
        self._parts: dict[int, tuple[Part, int]] = {}
        self._factors = [levels.factor(stem.role) * 10 ** (stem.gain_db / 20) for stem in stems]

    def close(self) -> None:
        """Let go of the files."""
        self._reader.__exit__()

    def read(self, start: float, n: int, *, step: float = 1.0) -> Block:
        """`(2, n)` samples from a position in samples of the clip, `step` apart; silence outside of the clip.

        At a step of 1 samples are the files' own; at others they are read between, as tape does.
        """
        block = np.zeros((2, n), np.float32)
        whole = step == 1.0 and float(start).is_integer()
        where: npt.NDArray[np.float64] = start + step * np.arange(n, dtype=np.float64)
        inside = (where > -1) & (where < self.n_samples)
        for index, stem in enumerate(self._stems):
            wanted = self._levels.factor(stem.role) * 10 ** (stem.gain_db / 20)
            before, self._factors[index] = self._factors[index], wanted
            if (wanted == 0 and before == 0) or stem.role in self.broken or not inside.any():
                continue
            try:
                part, rate = self._part(index)
                if whole and rate == self.sample_rate:
                    sound = self._plain(part, int(start), n)
                else:
                    sound = self._between(part, where, rate)
            except StemError as error:
                self.broken[stem.role] = str(error)
                continue
            if wanted != before:
                sound = sound * np.linspace(before, wanted, n, dtype=np.float32)
            elif wanted != 1:
                sound = sound * np.float32(wanted)
            block += sound
        block[:, ~inside] = 0
        return block

    def _part(self, index: int) -> tuple[Part, int]:
        """The file over the clip's samples with its fades, and its own rate."""
        known = self._parts.get(index)
        if known is None:
            stem = self._stems[index]
            rate = _rate_of(stem)
            n_samples = round(self.n_samples * rate / self.sample_rate)
            fade_in, fade_out = stem.adjustment.fades(0, n_samples, sample_rate=rate)
            offset = -position(stem.start_s, rate)
            known = self._parts[index] = (
                Part(stem.path, offset=offset, start=0, stop=n_samples, fade_in=fade_in, fade_out=fade_out),
                rate,
            )
        return known

    def _plain(self, part: Part, first: int, n: int) -> Block:
        sound = self._reader.read(part.path, part.offset + first, part.offset + first + n)
        gain = part.gain(first, first + n)
        return _stereo(sound if gain is None else sound * gain.astype(np.float32))

    def _between(self, part: Part, where: npt.NDArray[np.float64], rate: int) -> Block:
        at = where * (rate / self.sample_rate)
        first, last = int(np.floor(at.min())), int(np.ceil(at.max())) + 1
        sound = self._plain(part, first, last - first + 1)
        grid = np.arange(first, last + 1)
        return np.stack([np.interp(at, grid, side) for side in sound]).astype(np.float32)


def _rate_of(stem: StemSound) -> int:
    import soundfile

    try:
        return int(soundfile.info(str(stem.path)).samplerate)
    except (OSError, soundfile.SoundFileError) as error:
        raise StemError(f"{stem.path} cannot be read: {error}; render its take again") from error


def _stereo(sound: Block) -> Block:
    if sound.shape[0] == 2:
        return sound
    return np.repeat(sound[:1], 2, axis=0) if sound.shape[0] == 1 else sound[:2]
