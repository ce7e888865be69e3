"""False events at cuts: rendered onsets near joins of real footage, against the same onsets shifted in time.

    python benchmarks/cuts.py --footage FOLDER [--movies 48] [--prompt TEXT] [--json FILE]

FOLDER holds movies of any kind. What is measured stands in `otio_v2a_engine.training.measures_cuts`; the evaluation of
the weights does the same. Here a prompt can be given, and other pieces drawn, with the weights in the package.
"""

import argparse
import hashlib
import json
import logging
from dataclasses import asdict
from pathlib import Path

import otio_v2a_engine
from otio_v2a_engine.pipelines.small import SmallEngine
from otio_v2a_engine.training.measures_cuts import figures_of, joined_movies


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--footage", type=Path, required=True)
    parser.add_argument("--movies", type=int, default=48, help="movies of ten seconds, some four joins each (48)")
    parser.add_argument("--prompt", default="", help="what the effects should sound like (nothing is said)")
    parser.add_argument("--draw", type=int, default=7, help="which pieces and seeds (7)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, help="also write figures, joins and onsets here")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    engine = SmallEngine(options.device)
    joined = joined_movies(engine, options.footage, count=options.movies, text=options.prompt, draw=options.draw)
    asked = {"weights": weights_id(), "prompt": options.prompt, "draw": options.draw}
    figures = {**asked, **figures_of(joined)}
    print(json.dumps(figures, indent=1))
    if options.json:
        told = {**figures, "rendered": [asdict(each) for each in joined]}
        options.json.write_text(json.dumps(told, indent=1) + "\n")


def weights_id() -> str:
    """The first digits of the weights' SHA-256."""
    path = Path(otio_v2a_engine.__file__).parent / "weights" / "small.safetensors"
    return hashlib.sha256(path.read_bytes()).hexdigest()[:8]


if __name__ == "__main__":
    main()
