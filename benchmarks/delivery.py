"""Time and memory of writing a full-length stem from clips, and of mixing it.

Repeat with: python benchmarks/delivery.py --minutes 60
Takes are noise, made on the fly as stored renders; every second clip adjoins the next.
"""

import argparse
import resource
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import delivery_kit as kit

from otio_v2a import stems
from otio_v2a.stem import Layout
from otio_v2a_engine.contract import Role


def memory_mb() -> float:
    """Most memory this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Write one ambience stem and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=10)
    n_clips = parser.parse_args().minutes * 12
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips = [kit.PictureClip(f"SH{index:04d}", 125 * index, 125) for index in range(n_clips)]
        cut = kit.make_cut(folder, rate=Fraction(25), clips=clips)
        takes = [
            kit.make_take(folder / "takes", span, kit.noise(index % 8), role=Role.AMB)
            for index, span in enumerate(cut.spans)
        ]
        before = memory_mb()
        start = time.perf_counter()
        (stem,) = stems.write(takes, cut, out_dir=folder / "stems", layout=Layout.ROLES)
        seconds = time.perf_counter() - start
        length = stem.n_samples / stem.sample_rate
        print(f"{length:.0f} s of stereo from {n_clips} clips in {seconds:.1f} s ({length / seconds:.0f} x real time)")
        print(f"peak memory {memory_mb():.0f} MB, {memory_mb() - before:.0f} MB above what was held before writing")


if __name__ == "__main__":
    main()
