"""A document at one moment, as threads and the export see it. Knows no Qt and no journal."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from otio_v2a import clip_settings, targets
from otio_v2a.clip_settings import Wanted
from otio_v2a.deliver import Delivered, Held, deliver
from otio_v2a.generate import GenerateOptions
from otio_v2a.stem import Layout
from otio_v2a.targets import Loss, Target
from otio_v2a.timeline import Cut

__all__ = ["Snapshot"]


@dataclass(frozen=True)
class Snapshot:
    """A document at one moment, for threads.

    Attributes:
        cut: the cut.
        wanted: what is wanted, by clip id, of clips that differ from what the cut says.
        held: the takes.
        options: how it would be generated.
        n_entries: edits in the journal at that moment.
    """

    cut: Cut
    wanted: Mapping[str, tuple[Wanted, ...]]
    held: tuple[Held, ...]
    options: GenerateOptions
    n_entries: int = 0

    def losses(self, target: Target) -> tuple[Loss, ...]:
        """What a target will not carry of the cut."""
        cut = self.cut
        return targets.losses(cut.timeline, target, base=cut.media_base or cut.path.parent)

    def export(
        self,
        out: Path,
        *,
        target: Target = Target.PORTABLE,
        layout: Layout = Layout.CLIPS,
        on_progress: Callable[[int, int], None] = lambda done, total: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Delivered | None:
        """Write stems and timeline; None when it was cancelled. Blocks: not for the interface's thread.

        Raises:
            StemError, TargetError: a file cannot be written.
        """
        spans = {span.clip_id: span for span in self.cut.spans}
        remembered = clip_settings.with_wanted(copy.deepcopy(self.cut.timeline), self.wanted, spans=spans)
        return deliver(
            remembered,
            self.held,
            cut=self.cut,
            out=out,
            layout=layout,
            target=target,
            on_progress=on_progress,
            cancelled=cancelled,
        )
