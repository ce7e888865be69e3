"""Whether a long background stays the same place: windows that go on from each other against windows rendered apart.

    python benchmarks/long_ambience.py [--seconds 60] [--seeds 2] [--json FILE]

The engine `small` renders backgrounds of a still grey picture through `render_long`, as the product does: once as it
is (ADR 0414), once with its ability to go on hidden. A difference is that of mean log-mel spectra, in dB a band, of
two stretches of two seconds: on both sides of a border between windows; side by side in the middle of a window, which
is what the sound does by itself; and in the middles of the first and of every later window, which is how far the place
has gone.
"""

import argparse
import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from otio_v2a_engine.contract import EngineInfo, Picture, PromptSpec, RenderRequest, Role
from otio_v2a_engine.pipelines.small import SmallEngine
from otio_v2a_engine.training.measures import spectrum_error_db, write_movie
from otio_v2a_engine.windows import plan_windows, render_long

RATE = 48000
STRETCH = 2 * RATE
PROMPTS = (
    "rain", "wind", "sea waves", "city ambience", "forest ambience", "coffee shop ambience", "summer night",
    "room tone", "river", "",
)  # fmt: skip


@dataclass
class Apart:
    """An engine whose ability to go on from sound is hidden."""

    engine: SmallEngine

    def __post_init__(self) -> None:
        self.render = self.engine.render

    @property
    def info(self) -> EngineInfo:
        """Of the engine."""
        return self.engine.info

    def close(self) -> None:
        """Close the engine."""
        self.engine.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    engine = SmallEngine("cpu")
    figures: dict[str, Any] = {}
    with TemporaryDirectory() as folder:
        movie = Path(folder) / "still.mp4"
        write_movie(movie, np.full((50, 56, 96, 3), 90, np.uint8))
        for name, renderer in (("going on", engine), ("apart", Apart(engine))):
            rows = [
                differences(renderer, movie, prompt, seed=seed, seconds=options.seconds)
                for prompt in PROMPTS
                for seed in range(options.seeds)
            ]
            figures[name] = {key: round(float(np.median([row[key] for row in rows])), 2) for key in rows[0]}
            print(name, figures[name], flush=True)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


def differences(engine: Any, movie: Path, prompt: str, *, seed: int, seconds: int) -> dict[str, float]:
    """The three differences of one background, each the mean over its windows."""
    request = RenderRequest(
        picture=Picture(str(movie), last_s=Fraction(1)),
        prompt=PromptSpec(text=prompt, role=Role.AMB),
        n_samples=seconds * RATE,
        channels=1,
        seed=seed,
    )
    blocks = render_long(engine, request, on_progress=lambda _: None, cancelled=lambda: False)
    sound = np.concatenate(list(blocks), axis=1)[0]
    windows = plan_windows(request, max_window_s=engine.info.max_window_s)
    middles = [(window.start + window.overlap + window.stop) // 2 for window in windows]

    def stretch(start: int) -> npt.NDArray[np.float32]:
        part: npt.NDArray[np.float32] = sound[start : start + STRETCH]
        return part

    def between(pairs: list[tuple[int, int]]) -> float:
        return float(np.mean([spectrum_error_db(stretch(a), stretch(b)) for a, b in pairs]))

    return {
        "at borders": between([(w.start - STRETCH, w.start + w.overlap) for w in windows[1:]]),
        "inside": between([(middle - STRETCH, middle + windows[1].overlap) for middle in middles]),
        "from the first": between([(middles[0] - RATE, middle - RATE) for middle in middles[1:]]),
    }


if __name__ == "__main__":
    main()
