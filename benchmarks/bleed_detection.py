"""How well the detector of speech and music hears sound that has nothing to do with its training.

    python benchmarks/bleed_detection.py --speech FOLDER --music FOLDER --effects FOLDER [--weights FOLDER]

Every sound file, or movie's sound, is cut into takes of 5 s. Effects must be free of speech and music; speech and music
are heard alone and mixed with random effects, so many dB above them by the RMS where each is loud. A folder may be
given more than once; each is a row. Any sounds will do; benchmarks/README.md says which its figures come from.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr
import torch

from otio_v2a_engine.bleed import BleedDetector
from otio_v2a_engine.bleed_note import HEARD_FROM
from otio_v2a_engine.models.bleed import HEARD, RATE
from otio_v2a_engine.training.bleed_measures import at_level
from otio_v2a_engine.training.ear_measures import auc
from otio_v2a_engine.weights import FOLDER

Samples = npt.NDArray[np.float32]
_TAKE_S, _LEVELS_DB = 5, (-10, -5, 0, 5, 10)


def takes_of(path: Path, *, most: int) -> list[Samples]:
    """At most so many takes of a file, evenly over it, at 16 kHz; a shorter file is one take."""
    sound = _read(path)
    size = _TAKE_S * RATE
    count = max(1, min(most, len(sound) // size))
    starts = np.linspace(0, max(0, len(sound) - size), count).round().astype(int)
    parts = [sound[start : start + size] for start in starts]
    return [part for part in parts if len(part) >= RATE and float(np.abs(part).max()) > 1e-3]


def _read(path: Path) -> Samples:
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        return soxr.resample(samples.mean(axis=1), rate, RATE).astype(np.float32)
    except soundfile.LibsndfileError:
        import av

        with av.open(str(path)) as container:
            if not container.streams.audio:
                return np.zeros(0, np.float32)
            resampler = av.AudioResampler("fltp", "mono", RATE)
            parts = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
        return np.concatenate([part.to_ndarray()[0] for part in parts]).astype(np.float32)


def _surest(detector: BleedDetector, sounds: Sequence[Samples]) -> npt.NDArray[np.float64]:
    """How sure it is of speech and music in each, `(N, 2)`."""
    rows = [detector.hear(sound, RATE) or dict.fromkeys(HEARD, 0.0) for sound in sounds]
    return np.array([[row[name] for name in HEARD] for row in rows])


def main() -> int:
    """Measure, print a line for each folder, and the figures as JSON at last."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("speech", "music", "effects"):
        parser.add_argument(f"--{name}", type=Path, action="append", default=[], metavar="FOLDER")
    parser.add_argument("--weights", type=Path, default=FOLDER)
    parser.add_argument("--most", type=int, default=10, help="takes of each file")
    parser.add_argument("--files", type=int, default=100, help="files of each folder")
    args = parser.parse_args()
    torch.set_num_threads(1)
    detector, rng = BleedDetector(args.weights), np.random.default_rng(1)
    found = {}
    for name in ("effects", "speech", "music"):
        for folder in getattr(args, name):
            files = sorted(
                path for path in folder.rglob("*") if path.suffix in (".wav", ".ogg", ".flac", ".mp4", ".webm")
            )
            files = [files[i] for i in np.linspace(0, len(files) - 1, min(args.files, len(files))).round().astype(int)]
            found[folder] = (name, [take for path in files for take in takes_of(path, most=args.most)])
    clean = [take for name, takes in found.values() if name == "effects" for take in takes]
    against = np.ascontiguousarray(_surest(detector, clean).T)
    figures = {}
    for folder, (name, takes) in found.items():
        alone = _surest(detector, takes)
        row = {"takes": len(takes)} | {
            f"{n} heard": round(float((alone[:, i] >= HEARD_FROM).mean()), 3) for i, n in enumerate(HEARD)
        }
        if name != "effects":
            column = HEARD.index(name)
            row["auc"] = round(auc(torch.from_numpy(alone[:, column].copy()), torch.from_numpy(against[column])), 3)
            for level in _LEVELS_DB:
                mixed = [at_level(clean[int(rng.integers(len(clean)))], take, level) for take in takes]
                row[f"found at {level:+d} dB"] = round(
                    float((_surest(detector, mixed)[:, column] >= HEARD_FROM).mean()), 3
                )
        figures[f"{name}: {folder.name}"] = row
        print(f"{name}: {folder.name}", row, flush=True)
    print(json.dumps(figures, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
