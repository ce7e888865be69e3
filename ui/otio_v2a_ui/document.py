"""The open cut: its clips, what they are asked for and the takes they have. Knows no Qt; renders nothing itself.

Three layers, the later ones win: what the cut says, what the timeline beside it (`<cut>_v2a.otio`) remembers of
earlier work, and the edits of this session. Each edit is in the journal before the call returns and in the timeline
with `save`.
Lives in one thread, the interface's; a `Snapshot` is what goes to others.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, overload

from otio_v2a import generate, loading, timeline
from otio_v2a.adjustments import Adjustment
from otio_v2a.clip_settings import Wanted
from otio_v2a.deliver import Held, fitted, held_on
from otio_v2a.errors import CutError, TakeError, V2AError
from otio_v2a.event_markers import span_events
from otio_v2a.generate import GenerateOptions
from otio_v2a.jobs import PlanOptions
from otio_v2a.prompts import take_seed
from otio_v2a.shot_cache import ShotCache
from otio_v2a.spans import ClipSpan
from otio_v2a.stem import StemTake
from otio_v2a.takes import Take
from otio_v2a.timecode import label
from otio_v2a.timeline import Cut, ReadOptions
from otio_v2a_engine.contract import Role
from otio_v2a_ui import records
from otio_v2a_ui.folders import state_folder
from otio_v2a_ui.journal import Journal, journal_path
from otio_v2a_ui.relinks import load_relinks
from otio_v2a_ui.rows import (
    Entry,
    default_prompt,
    length_words,
    lost_rows,
    metadata_by_clip,
    read_entry,
    spec_of,
    wanted_of,
)
from otio_v2a_ui.snapshot import Snapshot
from otio_v2a_ui.state import ClipPrompt, ClipRow, PlayerClip, QueueState, StemSound, TakeRow, status_of
from otio_v2a_ui.take_book import Key, TakeBook

__all__ = ["Document", "Rows", "Snapshot"]


class Rows(Sequence[ClipRow]):
    """The clips as the list shows them, each made when somebody looks at it."""

    def __init__(self, document: "Document") -> None:
        self._document = document

    def __len__(self) -> int:
        return self._document.n_clips

    @overload
    def __getitem__(self, index: int) -> ClipRow: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[ClipRow, ...]: ...
    def __getitem__(self, index: int | slice) -> ClipRow | tuple[ClipRow, ...]:
        if isinstance(index, slice):
            return tuple(self[at] for at in range(*index.indices(len(self))))
        return self._document.row_at(range(len(self))[index])

    def __iter__(self) -> Iterator[ClipRow]:
        return (self._document.row_at(at) for at in range(len(self)))


@dataclass
class _Activity:
    """What the queue does with a clip."""

    states: frozenset[QueueState] = frozenset()
    failure: str = ""


class Document:
    """One open cut.

    Attributes:
        cut: as it was read.
        out: the timeline that `save` writes.
        on_change: told the clip ids of what changed; an empty set means everything.
        recovered: edits of an earlier session that no timeline held.
        notes: what the user should know of the cut.
        plan_options: engine, device and sampler settings of clips that have none of their own.
    """

    def __init__(self, cut: Cut, *, out: Path, journal: Journal | None, earlier: Any = None) -> None:
        """Use `Document.open`."""
        self.cut = cut
        self.out = out
        self.on_change: list[Callable[[frozenset[str]], None]] = []
        self.plan_options = PlanOptions()
        self.notes = cut.notes
        self._journal = journal
        self._spans = cut.spans
        self._lost = lost_rows(cut)
        self._index = {span.clip_id: number for number, span in enumerate(cut.spans)}
        self._index.update({row.clip_id: len(cut.spans) + number for number, row in enumerate(self._lost)})
        self._earlier = earlier
        # Spans of the cut have its own metadata already.
        is_other = earlier is not None and earlier is not cut.timeline
        self._metadata: Mapping[str, Mapping[str, Any]] = metadata_by_clip(earlier) if is_other else {}
        self._entries: dict[str, Entry] = {}
        self._rows: dict[int, ClipRow] = {}
        self._edited: dict[str, dict[Role, ClipPrompt]] = {}
        self._book = TakeBook(self._read_held, on_put=self._put)
        self._activity: dict[str, _Activity] = {}
        self._shots: ShotCache | None = None
        self._onsets: dict[str, tuple[float, ...]] = {}
        self.recovered = 0
        if journal is not None:
            self._replay(journal.entries)

    # Opening and closing

    @classmethod
    def open(cls, path: Path, *, state: Path | None = None, read: ReadOptions | None = None) -> "Document":
        """Read a cut or movie, what was made of it before, and what a crash left of the last session.

        Args:
            path: any file that OpenTimelineIO reads, or a movie.
            state: folder of the journals; the user's own when None.
            read: how the cut is read.

        Raises:
            CutError: it cannot be read, or another panel has it open.
        """
        path = Path(path).absolute()
        state = state or state_folder()
        options = read or ReadOptions()
        cut = timeline.read(
            path, options=replace(options, relinks=(*options.relinks, *load_relinks(path, folder=state)))
        )
        out = generate.default_out(cut.path)
        earlier = cut.timeline
        if out.resolve() != cut.path.resolve() and out.is_file():
            try:
                earlier = loading.load(out)[0]
            except CutError as error:
                cut = replace(cut, notes=(*cut.notes, f"earlier work cannot be read: {error}"))
        journal = Journal(journal_path(path, folder=state), cut=path)
        return cls(cut, out=out, journal=journal, earlier=earlier)

    def close(self) -> None:
        """Let the journal go. Edits that were not saved are there when the cut is opened again."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    @property
    def path(self) -> Path:
        """The file that was opened."""
        return self.cut.path

    @property
    def name(self) -> str:
        """The cut's name."""
        return self.cut.name

    @property
    def is_modified(self) -> bool:
        """Whether there are edits that the timeline does not hold."""
        return self._journal is not None and len(self._journal) > 0

    # Clips

    @property
    def n_clips(self) -> int:
        """Clips of the cut, those that cannot be scored included."""
        return len(self._spans) + len(self._lost)

    @property
    def rows(self) -> Rows:
        """The clips in the order of the cut; those that cannot be scored come last."""
        return Rows(self)

    def index_of(self, clip_id: str) -> int:
        """Place of a clip among the rows. Raises KeyError."""
        return self._index[clip_id]

    def span(self, clip_id: str) -> ClipSpan | None:
        """The clip's span; None when it cannot be scored or is not there."""
        at = self._index.get(clip_id, -1)
        return self._spans[at] if 0 <= at < len(self._spans) else None

    def row(self, clip_id: str) -> ClipRow:
        """One clip as the list shows it. Raises KeyError."""
        return self.row_at(self._index[clip_id])

    def row_at(self, at: int) -> ClipRow:
        """The clip at a place of `rows`."""
        row = self._rows.get(at)
        if row is None:
            row = self._rows[at] = self._make_row(at)
        return row

    def name_at(self, at: int) -> tuple[str, str]:
        """Clip name and track at a place of `rows`, for sorting and filtering without making the row."""
        if at < len(self._spans):
            span = self._spans[at]
            return span.name, span.track
        row = self._lost[at - len(self._spans)]
        return row.name, row.track

    def duration_at(self, at: int) -> float:
        """Length in seconds of the clip at a place of `rows`, for sorting."""
        return float(self._spans[at].duration_s) if at < len(self._spans) else 0.0

    def clip_id_at(self, at: int) -> str:
        """The clip's id at a place of `rows`."""
        return self._spans[at].clip_id if at < len(self._spans) else self._lost[at - len(self._spans)].clip_id

    def _make_row(self, at: int) -> ClipRow:
        if at >= len(self._spans):
            return self._lost[at - len(self._spans)]
        span, timing = self._spans[at], self.cut.timing
        clip_id = span.clip_id
        entry = self._entry(clip_id)
        enabled = tuple(role for role in Role if entry.prompts[role].enabled)
        activity = self._activity.get(clip_id, _Activity())
        complete = bool(enabled) and all(self._book.held(clip_id, role) is not None for role in enabled)
        changed = any(self._is_changed(entry.prompts[role]) for role in enabled)
        start = timing.global_start_s + span.record_start_s
        failed = (activity.failure,) if activity.failure else ()
        return ClipRow(
            clip_id=clip_id,
            name=span.name,
            track=span.track,
            number=at + 1,
            record_in=label(start, rate=timing.rate, drop_frame=timing.drop_frame),
            record_out=label(start + span.duration_s, rate=timing.rate, drop_frame=timing.drop_frame),
            duration=length_words(span.duration_s, timing.rate),
            record_start_s=span.record_start_s,
            duration_s=span.duration_s,
            rate=timing.rate,
            media=span.media.path,
            status=status_of(is_changed=changed, is_complete=complete, has_failed=bool(failed), queued=activity.states),
            warnings=(*failed, *entry.warnings),
            roles=enabled,
        )

    def set_activity(self, activity: Mapping[str, tuple[Iterable[QueueState], str]]) -> None:
        """Say what the queue does with clips: states of their jobs and why the last one failed, by clip id."""
        news = []
        for clip_id, (states, failure) in activity.items():
            now = _Activity(frozenset(states), failure)
            if clip_id in self._index and now != self._activity.get(clip_id, _Activity()):
                self._activity[clip_id] = now
                news.append(clip_id)
        if news:
            self._changed(*news)

    # Prompts

    def prompt(self, clip_id: str, role: Role) -> ClipPrompt:
        """What a clip is asked for in a role. Raises KeyError for a clip that cannot be scored."""
        return self._entry(clip_id).prompts[role]

    def default_prompt(self, clip_id: str, role: Role) -> ClipPrompt:
        """What it would be asked for if nobody had said anything."""
        return default_prompt(clip_id, role)

    def set_prompt(self, new: ClipPrompt) -> ClipPrompt:
        """Ask a clip for something else; returns what it was asked for before.

        Raises:
            KeyError: the clip cannot be scored.
        """
        return self.set_prompts((new,))[0]

    def set_prompts(self, prompts: Iterable[ClipPrompt]) -> tuple[ClipPrompt, ...]:
        """Ask clips for something else, told as one change; returns what they were asked for before.

        Raises:
            KeyError: one of the clips cannot be scored; nothing has changed.
        """
        new = tuple(prompts)
        old = tuple(self.prompt(prompt.clip_id, prompt.role) for prompt in new)
        changed = [after for before, after in zip(old, new, strict=True) if before != after]
        for prompt in changed:
            self._put_prompt(prompt)
            self._write(records.prompt_record(prompt))
        if changed:
            self._changed(*dict.fromkeys(prompt.clip_id for prompt in changed))
        return old

    def _put_prompt(self, new: ClipPrompt) -> None:
        self._entry(new.clip_id).prompts[new.role] = new
        self._edited.setdefault(new.clip_id, {})[new.role] = new

    def _entry(self, clip_id: str) -> Entry:
        entry = self._entries.get(clip_id)
        if entry is None:
            at = self._index[clip_id]
            if at >= len(self._spans):
                raise KeyError(clip_id)
            entry = self._entries[clip_id] = self._read_entry(self._spans[at])
        return entry

    def _read_entry(self, span: ClipSpan) -> Entry:
        own = self._metadata.get(span.clip_id.partition("-")[0])
        return read_entry(span, own if own is not None else span.metadata)

    # Takes

    def takes(self, clip_id: str) -> tuple[TakeRow, ...]:
        """Every take of a clip, by role and number."""
        return self._book.rows(clip_id)

    def held(self, clip_id: str, role: Role) -> Held | None:
        """The takes of a clip and role as they are delivered; None when it has none."""
        return self._book.held(clip_id, role)

    def known_hashes(self, clip_id: str, role: Role) -> frozenset[str]:
        """Content hashes of the takes that a clip and role has."""
        return self._book.known_hashes(clip_id, role)

    def add_take(self, take: Take) -> int:
        """Take a finished render in; returns its number. It is heard at once unless the one before it is starred.

        A take that is there already (the same sound) only becomes the one that is heard.

        Raises:
            KeyError: the clip is not there.
        """
        span = self._spans[self._index[take.clip_id]]
        return self._book.add(take, name=span.name, track=span.track)

    def add_stem_take(self, clip_id: str, role: Role, new: StemTake) -> int:
        """Take in a sound that was made of a clip's takes, in a stem's form; returns its number. Raises TakeError."""
        return self._book.add_to(clip_id, role, new)

    def choose(self, clip_id: str, role: Role, number: int) -> int:
        """Let another take be heard; returns the one that was. Raises TakeError when there is none of that number."""
        return self._book.choose(clip_id, role, number)

    def drop(self, clip_id: str, role: Role, number: int) -> Held:
        """Forget a take; its sound stays. Returns what `restore` brings back. Raises TakeError."""
        return self._book.drop(clip_id, role, number)

    def restore(self, held: Held) -> None:
        """Put the takes of a clip and role back as they were, for undo."""
        self._book.put(held)

    def star(self, clip_id: str, role: Role, number: int, on: bool) -> bool:
        """Mark a take, or not; returns whether it was marked. Raises TakeError."""
        return self._book.star(clip_id, role, number, on)

    def adjust(self, clip_id: str, role: Role, new: Adjustment) -> Adjustment:
        """Set gain, fades and nudge of a clip and role; returns what was set. Raises TakeError when it has no take."""
        return self._book.adjust(clip_id, role, new)

    def set_measures(
        self,
        clip_id: str,
        role: Role,
        number: int,
        *,
        sync_ms: float | None = None,
        sync_score: float | None = None,
        sync_note: str | None = None,
        loudness_lufs: float | None = None,
    ) -> None:
        """Remember what was measured of a take until the cut is closed; None leaves what was.

        A `sync_note`, the empty one too, replaces all that was said of sync: it goes with figures or stands for them.

        Raises:
            TakeError: there is no such take.
        """
        seen: dict[str, float | str | None] = {
            "sync_ms": sync_ms,
            "sync_score": sync_score,
            "sync_note": sync_note,
            "loudness_lufs": loudness_lufs,
        }
        if self._book.measure(clip_id, role, number, seen):
            self._changed(clip_id)

    def set_onsets(self, clip_id: str, onsets_s: tuple[float, ...]) -> None:
        """Remember what was seen to happen in a clip, in seconds from its start, until the cut is closed."""
        if self._onsets.get(clip_id) != onsets_s:
            self._onsets[clip_id] = onsets_s
            self._changed(clip_id)

    def player_clip(self, clip_id: str, numbers: Mapping[Role, int] | None = None) -> PlayerClip:
        """What is looked at and listened to; `numbers` names takes other than those that are heard.

        Raises:
            KeyError: there is no such clip.
        """
        row, span = self.row(clip_id), self.span(clip_id)
        if span is None:
            return PlayerClip(
                clip_id=clip_id,
                name=row.name,
                picture=None,
                duration_s=row.duration_s,
                rate=row.rate,
                record_start_tc=row.record_in,
            )
        stems = []
        for role in Role:
            held = self._book.held(clip_id, role)
            if held is None:
                continue
            wanted = (numbers or {}).get(role, held.clip.active)
            take = next((each for each in held.clip.takes if each.number == wanted), held.clip.active_take)
            render, adjustment = take.render, held.clip.adjustment
            offset = render.file_start - held.clip.record_start
            stems.append(
                StemSound(
                    role=role,
                    path=render.path,
                    start_s=Fraction(offset, held.sample_rate) + adjustment.nudge_s,
                    gain_db=adjustment.gain_db,
                    number=take.number,
                    adjustment=adjustment,
                )
            )
        return PlayerClip(
            clip_id=clip_id,
            name=span.name,
            picture=span.picture(),
            duration_s=span.duration_s,
            rate=span.rate,
            record_start_tc=row.record_in,
            stems=tuple(stems),
            onsets_s=self._seen(span),
            cuts_s=self._cuts(span),
        )

    def _seen(self, span: ClipSpan) -> tuple[float, ...]:
        """What happens in a clip: its event markers decide where it has them, else what was seen."""
        marked = span_events(span)
        if marked is None:
            return self._onsets.get(span.clip_id, ())
        return tuple(float(event.time_s) for event in marked if 0 <= event.time_s < span.duration_s)

    def _cuts(self, span: ClipSpan) -> tuple[Fraction, ...]:
        folder = self.options().store.root / "shots"
        if self._shots is None:
            self._shots = ShotCache(folder)
        cuts = self._shots.get(span) if folder.is_dir() else None
        return tuple(cut for cut in cuts or () if 0 < cut < span.duration_s)

    def load_takes(self) -> None:
        """Read the takes of earlier work. Called by itself when somebody looks; of a long cut better in a thread."""
        self._book.load()

    def _read_held(self) -> dict[Key, Held]:
        if self._earlier is None:
            return {}
        found: dict[Key, Held] = {}
        is_own = self._earlier is self.cut.timeline
        base = self.cut.media_base if is_own and self.cut.media_base is not None else self.out.parent
        try:
            everything = held_on(self._earlier, base=base)
        except TakeError as error:
            self.notes = (*self.notes, str(error))
            return {}
        for held in everything:
            span = self.span(held.clip.clip_id)
            here = fitted(held, span) if span is not None else None
            if here is not None:
                found[held.clip.clip_id, held.role] = here
        return found

    def _put(self, key: Key, held: Held | None) -> None:
        self._write(records.held_record(held, clip_id=key[0], role=key[1]))
        self._changed(key[0])

    def _is_changed(self, wanted: ClipPrompt) -> bool:
        """Whether no take of a clip and role is what is asked for now."""
        held = self._book.held(wanted.clip_id, wanted.role)
        if held is None:
            return False
        spec = spec_of(wanted)
        count = max(wanted.takes, len(held.clip.takes))
        seeds = {take_seed(wanted.seed, number) for number in range(1, count + 1)}
        return not any(
            take.prompt == spec and take.seed in seeds and wanted.engine in (None, take.engine)
            for take in held.clip.takes
        )

    # Saving

    def options(self) -> GenerateOptions:
        """How this document is generated: where to, and with what."""
        return GenerateOptions(out=self.out, plan=self.plan_options)

    def wanted(self, clip_id: str) -> tuple[Wanted, ...]:
        """Everything that is wanted of a clip, in the timeline layer's words."""
        return tuple(wanted_of(prompt) for prompt in self._entry(clip_id).prompts.values())

    def snapshot(self) -> Snapshot:
        """The document as it is now, for another thread."""
        edited = {*self._edited, *(clip_id for clip_id in self._metadata if clip_id in self._index)}
        return Snapshot(
            cut=self.cut,
            wanted={clip_id: self.wanted(clip_id) for clip_id in edited if self.span(clip_id) is not None},
            held=self._book.everything(),
            options=self.options(),
            n_entries=len(self._journal) if self._journal is not None else 0,
        )

    def save(self) -> Path:
        """Write the timeline with prompts and takes. Blocks; `snapshot().export(out)` and `saved` do it in a thread.

        Raises:
            StemError, TargetError: it cannot be written; the journal keeps the edits.
        """
        snapshot = self.snapshot()
        snapshot.export(self.out)
        self.saved(snapshot)
        return self.out

    def saved(self, snapshot: Snapshot) -> None:
        """The timeline holds what was in this snapshot: the journal need not keep it."""
        if self._journal is not None:
            self._journal.forget(snapshot.n_entries)
        self._changed()

    def _write(self, record: Mapping[str, Any]) -> None:
        if self._journal is not None:
            self._journal.add(record)

    def _replay(self, entries: Sequence[Mapping[str, Any]]) -> None:
        """Take the edits in that an earlier session could not save; what does not fit any more is left out."""
        for entry in entries:
            try:
                prompt = records.read_prompt(entry)
                if prompt is not None:
                    if self.span(prompt.clip_id) is not None:
                        self._put_prompt(prompt)
                        self.recovered += 1
                    continue
                clip_id, role, held = records.read_held(entry)
            except (V2AError, KeyError, TypeError, ValueError):
                continue
            span = self.span(clip_id)
            if span is not None:
                self._book.lay((clip_id, role), fitted(held, span) if held is not None else None)
                self.recovered += 1

    def _changed(self, *clip_ids: str) -> None:
        if clip_ids:
            for clip_id in clip_ids:
                self._rows.pop(self._index[clip_id], None)
        else:
            self._rows.clear()
        for call in tuple(self.on_change):
            call(frozenset(clip_ids))
