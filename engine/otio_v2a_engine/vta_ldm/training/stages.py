"""Owns what follows what in a training: stages with their clips, filter, augment and recipe. Knows no movie file.

The paper's Table 4 trains on sound alone first, then on pictures; each stage starts from the weights of the one before.
"""

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffusers import AutoencoderKL

from otio_v2a_engine.vta_ldm.model import VtaLdmModel
from otio_v2a_engine.vta_ldm.training.data import AlignmentFilter, PreparedSet, TrainingError
from otio_v2a_engine.vta_ldm.training.recipe import Recipe
from otio_v2a_engine.vta_ldm.training.trainer import Progress, train

__all__ = ["USES", "Stage", "read_stages", "run_stages"]

USES = ("audio", "video", "joint")


@dataclass(frozen=True)
class Stage:
    """One training of several.

    Attributes:
        name: of its folder.
        data: folders of prepared clips.
        recipe: its numbers.
        use: "audio" pretrains on sound (and captions) alone, "video" on pictures alone, "joint" on all there is.
        concat: share of clips joined with another.
        keep: which clips are aligned enough; None keeps all.
    """

    name: str
    data: tuple[Path, ...]
    recipe: Recipe
    use: str = "joint"
    concat: float = 0.0
    keep: AlignmentFilter | None = None

    def __post_init__(self) -> None:
        if self.use not in USES:
            raise TrainingError(f"stage {self.name}: use is one of {', '.join(USES)}, not {self.use!r}")
        if not self.data:
            raise TrainingError(f"stage {self.name} names no prepared clips")


def read_stages(path: Path) -> tuple[Stage, ...]:
    """Stages from a TOML file with one `[[stage]]` each; folders are relative to the file.

        [[stage]]
        name = "video"
        data = ["vggsound"]
        use = "joint"
        concat = 0.5
        keep = { clap = 0.3, av_align = 0.2 }
        recipe = { steps = 100000, batch = 8, accumulate = 4, seed = 1 }

    Raises:
        TrainingError: the file cannot be read or says something unknown.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TrainingError(f"{path} cannot be read as stages: {error}") from error
    rows = content.get("stage")
    if not isinstance(rows, list) or not rows or set(content) != {"stage"}:
        raise TrainingError(f"{path} needs tables [[stage]] and nothing else")
    try:
        stages = tuple(_stage(row, path.parent) for row in rows)
    except (TypeError, ValueError, KeyError) as error:
        raise TrainingError(f"{path}: {error}") from error
    if len({stage.name for stage in stages}) < len(stages):
        raise TrainingError(f"{path}: two stages have the same name")
    return stages


def _stage(row: dict[str, Any], folder: Path) -> Stage:
    settings = dict(row)
    numbers = dict(settings.pop("recipe", {}))
    if "betas" in numbers:
        numbers["betas"] = tuple(numbers["betas"])
    keep = settings.pop("keep", None)
    return Stage(
        name=str(settings.pop("name")),
        data=tuple(folder / part for part in settings.pop("data")),
        recipe=Recipe(**numbers),
        keep=None if keep is None else AlignmentFilter(**{"clap": None, "av_align": None, **keep}),
        **settings,
    )


def run_stages(
    model: VtaLdmModel,
    vae: AutoencoderKL,
    stages: Sequence[Stage],
    *,
    folder: Path,
    mixed_precision: str = "no",
    save_every: int = 1000,
    on_step: Callable[[Stage, Progress], None] | None = None,
) -> VtaLdmModel:
    """Train through all stages; a finished stage is read back, an unfinished one goes on."""
    for stage in stages:

        def told(progress: Progress, stage: Stage = stage) -> None:
            if on_step is not None:
                on_step(stage, progress)

        train(
            model,
            vae,
            PreparedSet(*stage.data, keep=stage.keep),
            stage.recipe,
            folder=folder / stage.name,
            use=stage.use,
            concat=stage.concat,
            mixed_precision=mixed_precision,
            save_every=save_every,
            on_step=told,
        )
    return model
