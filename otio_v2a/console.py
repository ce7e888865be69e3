"""Shows a run on a terminal, as plain lines or as JSON lines. Knows events; decides nothing.

Progress goes to standard error, results to standard output, so that output can be piped.
"""

import json
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Protocol

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.table import Table

from otio_v2a import events
from otio_v2a_engine import wire

__all__ = ["JsonView", "LineView", "QuietView", "TerminalView", "View", "choose_view", "duration_words", "print_table"]


class View(Protocol):
    """What shows a run: events while it goes on, messages around it."""

    def __enter__(self) -> "View": ...
    def __exit__(self, *error: Any) -> None: ...
    def on_event(self, event: events.RunEvent) -> None:
        """Show one event; called from the thread that runs."""
        ...

    def message(self, text: str) -> None:
        """Show one line for the user."""
        ...


def choose_view(*, as_json: bool, quiet: bool) -> View:
    """JSON lines when asked for, bars on a terminal, plain lines elsewhere."""
    if as_json:
        return JsonView()
    if quiet:
        return QuietView()
    console = Console(stderr=True)
    return TerminalView(console) if console.is_terminal else LineView()


def duration_words(seconds: float | None) -> str:
    """A length of time as an editor reads it: `42 s`, `3:07`, `1:02:03`."""
    if seconds is None:
        return ""
    whole = max(0, round(seconds))
    if whole < 100:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on standard output: drawn on a terminal, tab-separated lines elsewhere."""
    console = Console()
    if not console.is_terminal:
        print("\t".join(columns))
        for row in rows:
            print("\t".join(cell.replace("\t", " ").replace("\n", " ") for cell in row))
        return
    table = Table(title=title or None, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    console.print(table)


class _Context(AbstractContextManager["View"]):
    def __enter__(self) -> Any:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class JsonView(_Context):
    """One JSON object a line on standard output: `{"event": "JobFinished", ...}`."""

    def on_event(self, event: events.RunEvent) -> None:
        """Write an event."""
        self._write({"event": type(event).__name__, **wire.to_plain(event)})

    def message(self, text: str) -> None:
        """Write a message."""
        self._write({"event": "Message", "text": text})

    def _write(self, data: dict[str, Any]) -> None:
        print(json.dumps(data, ensure_ascii=False, default=str), flush=True)


class QuietView(_Context):
    """Only what failed."""

    def on_event(self, event: events.RunEvent) -> None:
        """Show a failure."""
        if isinstance(event, events.JobFailed):
            self.message(f"{event.job.clip_name} {event.job.role}: {event.reason}")

    def message(self, text: str) -> None:
        """Show a message."""
        print(text, file=sys.stderr)


class LineView(QuietView):
    """A line per finished job, for logs and pipes."""

    def on_event(self, event: events.RunEvent) -> None:
        """Show what finished or failed."""
        super().on_event(event)
        if isinstance(event, events.JobFinished):
            how = "reused" if event.reused else f"{event.seconds:.1f} s"
            left = f", {duration_words(event.time_left_s)} left" if event.time_left_s else ""
            self.message(f"[{event.job.number}/{event.job.total}] {event.job.clip_name} {event.job.role}: {how}{left}")
            for warning in event.warnings:
                self.message(f"    {warning}")


class TerminalView(_Context):
    """A bar for the whole run with the clip at work and the time left."""

    def __init__(self, console: Console) -> None:
        """Draw on `console`."""
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
            console=console,
            transient=True,
        )
        self._task: TaskID | None = None
        self._finished = 0

    def __enter__(self) -> "TerminalView":
        self._progress.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self._progress.stop()

    def on_event(self, event: events.RunEvent) -> None:
        """Move the bar."""
        if isinstance(event, events.ShotsProgress):
            self._show(f"looking for shots in {escape(event.clip_name)}", done=event.done, total=event.total)
        elif isinstance(event, events.RunStarted):
            self._finished = event.n_reused
            self._show("starting", done=event.n_reused, total=event.n_jobs)
        elif isinstance(event, events.JobAdvanced):
            part = event.done / event.total if event.total else 0.0
            text = f"{escape(event.job.clip_name)} {event.job.role} [dim]{escape(event.stage)}[/dim]"
            left = f"{duration_words(event.time_left_s)} left" if event.time_left_s else ""
            self._show(text, done=self._finished + part, total=event.job.total, left=left)
        elif isinstance(event, events.JobFinished):
            self._finished += 0 if event.reused else 1
            for warning in event.warnings:
                self.message(f"{event.job.clip_name} {event.job.role}: {warning}")
        elif isinstance(event, events.JobFailed):
            self._finished += 1
            self.message(f"{event.job.clip_name} {event.job.role}: {event.reason}")

    def message(self, text: str) -> None:
        """Print a line above the bar."""
        self._progress.console.print(text, soft_wrap=True, markup=False, highlight=False)

    def _show(self, text: str, *, done: float, total: int, left: str = "") -> None:
        if self._task is None:
            self._task = self._progress.add_task(text, total=total, left=left)
        self._progress.update(self._task, description=text, completed=done, total=total, left=left)
