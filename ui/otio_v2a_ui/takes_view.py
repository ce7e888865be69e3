"""The takes of one clip, strip under strip by role: compare, choose, star, drop, ask for more, adjust.

Shows rows and emits wishes; what becomes of a wish comes back through `set_takes`.
"""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QPoint, Qt, Signal
from PySide6.QtGui import QAction, QContextMenuEvent, QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QScrollArea, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from otio_v2a.adjustments import Adjustment
from otio_v2a_engine.contract import Role
from otio_v2a_ui import theme
from otio_v2a_ui.adjust_bar import AdjustBar
from otio_v2a_ui.icons import icon
from otio_v2a_ui.lanes import role_name
from otio_v2a_ui.metering import Meter
from otio_v2a_ui.peaks import Analyst
from otio_v2a_ui.state import PlayerClip, StemSound, TakeRow
from otio_v2a_ui.timestrip import Ruler, TimeAxis
from otio_v2a_ui.waveform import WaveformView

__all__ = ["TakeStrip", "TakesView", "loudness_words", "sync_words"]

_IN_SYNC_MS = 40.0
"""A lag that most viewers do not see."""


def loudness_words(lufs: float | None) -> str:
    """Loudness as it stands beside a take."""
    return "\N{EN DASH}" if lufs is None else f"{lufs:.1f}".replace("-", "\N{MINUS SIGN}")


def sync_words(sync_ms: float | None) -> str:
    """Sync as it stands beside a take; later is positive."""
    return "\N{EN DASH}" if sync_ms is None else f"{sync_ms:+.0f} ms".replace("-", "\N{MINUS SIGN}")


class TakeStrip(QWidget):  # type: ignore[misc]
    """One take.

    Enter chooses it, A listens to it, asterisk stars it, Delete drops it, R renders the marked region anew.

    Signals:
        chosen, auditioned, dropped, redone: it is to be.
        starred: whether it is to be starred.
    """

    chosen = Signal()
    auditioned = Signal()
    dropped = Signal()
    redone = Signal()
    starred = Signal(bool)
    moved = Signal(int)

    def __init__(self, axis: TimeAxis, analyst: Analyst, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.row: TakeRow | None = None
        self._axis = axis
        self._is_heard = False
        self._is_only = False
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, theme.GAP, 0)
        layout.setSpacing(theme.UNIT)
        self.choose_button = self._button("tick", self.chosen.emit)
        self.choose_button.setCheckable(True)
        self.choose_button.clicked.connect(self._keep_checked)
        self.number = QLabel("")
        self.number.setMinimumWidth(self.fontMetrics().horizontalAdvance("99"))
        self.number.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.star_button = self._button("star_empty", self._toggle_star)
        self.listen_button = self._button("play", self.auditioned.emit)
        head = QWidget()
        head.setFixedWidth(self.fontMetrics().averageCharWidth() * 4 + 27 * theme.UNIT)
        row = QHBoxLayout(head)
        row.setContentsMargins(theme.UNIT, 0, theme.UNIT, 0)
        row.setSpacing(theme.UNIT // 2)
        for widget in (self.choose_button, self.number, self.star_button, self.listen_button):
            row.addWidget(widget)
        self.wave = WaveformView(axis, analyst)
        self.wave.installEventFilter(self)
        self.setFixedHeight(round(self.fontMetrics().height() * 2.6))
        self.sync = self._figure("+000 ms", self.tr("Sync: how much later its onsets come than the picture's"))
        self.loudness = self._figure("-00.0", self.tr("Integrated loudness in LUFS (BS.1770)"))
        self.drop_button = self._button("drop", self.dropped.emit)
        layout.addWidget(head)
        layout.addWidget(self.wave, 1)
        layout.addWidget(self.sync)
        layout.addWidget(self.loudness)
        layout.addWidget(self.drop_button)

    def set_row(self, row: TakeRow, *, stem: StemSound, heard: bool, only: bool) -> None:
        """Show a take; `heard` says that the player plays it now, `only` that it cannot be dropped."""
        self.row, self._is_heard, self._is_only = row, heard, only
        role = role_name(row.role)
        self.number.setText(str(row.number))
        self.number.setToolTip(row.prompt or self.tr("From the picture alone"))
        self.choose_button.setChecked(row.active)
        self.choose_button.setIcon(icon("tick" if row.active else "none"))
        self._name(self.choose_button, self.tr("Use take {n} of {role} (Enter)"), row, role)
        self.star_button.setIcon(icon("star" if row.starred else "star_empty"))
        star = (
            self.tr("Take the star off take {n} of {role} (*)")
            if row.starred
            else self.tr("Star take {n} of {role} (*)")
        )
        self._name(self.star_button, star, row, role)
        self._name(self.listen_button, self.tr("Listen to take {n} of {role} in place (A)"), row, role)
        self._name(self.drop_button, self.tr("Drop take {n} of {role} (Delete)"), row, role)
        self.listen_button.setCheckable(True)
        self.listen_button.setChecked(heard)
        self.drop_button.setEnabled(not only)
        self.wave.set_stem(stem)
        self.wave.set_active(row.active or heard)
        self.wave.setAccessibleName(
            self.tr("Waveform of take {n} of {role}").format(n=row.number, role=role)
            + (self.tr(", in use") if row.active else "")
        )
        self.wave.setToolTip(
            self.tr("Seed {seed}, {engine}").format(seed=row.seed, engine=row.engine)
            + (f"\n{row.prompt}" if row.prompt else "")
        )
        self.sync.setText(sync_words(row.sync_ms))
        is_off = row.sync_ms is not None and abs(row.sync_ms) > _IN_SYNC_MS
        for label, name, on in ((self.sync, "warn", is_off), (self.number, "dim", not row.active)):
            if label.property(name) != on:
                label.setProperty(name, on)
                label.style().unpolish(label)
                label.style().polish(label)
        self.sync.setToolTip(self._sync_tip(row))
        self.set_loudness(row.loudness_lufs)

    def _sync_tip(self, row: TakeRow) -> str:
        if row.role is not Role.FX:
            return str(self.tr("Sync is measured of effects only"))
        what = str(self.tr("Sync: how much later its onsets come than the picture's"))
        if row.sync_score is not None:
            words = self.tr("Sync: {sync}; its onsets agree with what is seen to {score} %")
            what = words.format(sync=sync_words(row.sync_ms), score=round(100 * row.sync_score))
        return f"{what}\n{row.sync_note}" if row.sync_note else what

    def set_loudness(self, lufs: float | None) -> None:
        """Show a loudness."""
        self.loudness.setText(loudness_words(lufs))

    def _name(self, button: QToolButton, words: str, row: TakeRow, role: str) -> None:
        words = words.format(n=row.number, role=role)
        button.setToolTip(words)
        button.setAccessibleName(words)

    def _keep_checked(self) -> None:
        # The tick follows the take that is in use, not the click.
        self.choose_button.setChecked(self.row is not None and self.row.active)

    def _toggle_star(self) -> None:
        if self.row is not None:
            self.starred.emit(not self.row.starred)

    def _button(self, sign: str, pressed: Any) -> QToolButton:
        button = QToolButton()
        button.setIcon(icon(sign))
        button.setProperty("flat", True)
        button.clicked.connect(lambda *_: pressed())
        return button

    def _figure(self, widest: str, tip: str) -> QLabel:
        label = QLabel("")
        label.setToolTip(tip)
        label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        label.setFont(theme.scaled_font(label.font(), 0.92))
        label.setMinimumWidth(label.fontMetrics().horizontalAdvance(widest) + 2 * theme.UNIT)
        return label

    def eventFilter(self, watched: Any, event: QEvent) -> bool:
        """Keys on the waveform that mean the take."""
        if event.type() == QEvent.Type.KeyPress and self._key(event):
            return True
        if event.type() == QEvent.Type.MouseButtonDblClick:
            self.chosen.emit()
            return True
        return bool(super().eventFilter(watched, event))

    def _key(self, event: QKeyEvent) -> bool:
        key = event.key()
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.chosen.emit()
        elif key == Qt.Key.Key_A and not event.modifiers():
            self.auditioned.emit()
        elif key == Qt.Key.Key_Asterisk:
            self._toggle_star()
        elif key == Qt.Key.Key_Delete:
            if not self._is_only:
                self.dropped.emit()
        elif key == Qt.Key.Key_R and not event.modifiers() and self._axis.region_s is not None:
            self.redone.emit()
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.moved.emit(1 if key == Qt.Key.Key_Down else -1)
        else:
            return False
        return True

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """All that can be done with it."""
        self.menu().popup(event.globalPos() if event else QPoint())

    def menu(self) -> QMenu:
        """Its menu."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        is_starred = self.row is not None and self.row.starred
        entries = (
            (self.tr("Use This Take"), self.chosen.emit, self.row is not None and not self.row.active),
            (self.tr("Listen in Place"), self.auditioned.emit, True),
            (self.tr("Remove Star") if is_starred else self.tr("Star"), self._toggle_star, True),
            (self.tr("Render Region Anew"), self.redone.emit, self._axis.region_s is not None),
            (self.tr("Drop"), self.dropped.emit, not self._is_only),
        )
        for words, call, enabled in entries:
            action = QAction(words, menu)
            action.setEnabled(enabled)
            action.triggered.connect(lambda *_, call=call: call())
            menu.addAction(action)
        return menu


class _Group(QWidget):  # type: ignore[misc]
    """The takes of one role with what is set for all of them."""

    def __init__(self, role: Role, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.role = role
        self.strips: dict[int, TakeStrip] = {}
        name = QLabel(role_name(role))
        font = name.font()
        font.setBold(True)
        name.setFont(font)
        name.setStyleSheet(f"color: {theme.ROLE_COLOURS[role]};")
        self.count = QLabel("")
        self.count.setProperty("dim", True)
        self.more = QToolButton()
        self.more.setIcon(icon("more"))
        self.more.setText(self.tr("More"))
        self.more.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.more.setProperty("flat", True)
        words = self.tr("Generate more takes of {role}").format(role=role_name(role))
        self.more.setToolTip(words)
        self.more.setAccessibleName(words)
        self.region = QToolButton()
        self.region.setIcon(icon("region"))
        self.region.setText(self.tr("Redo Region"))
        self.region.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.region.setProperty("flat", True)
        self.region.setAccessibleName(
            self.tr("Render the marked region of the {role} take in use anew").format(role=role_name(role))
        )
        self.adjust = AdjustBar(role)
        head = QHBoxLayout()
        head.setContentsMargins(theme.GAP, theme.UNIT, theme.GAP, theme.UNIT)
        head.setSpacing(theme.UNIT)
        head.addWidget(name)
        head.addWidget(self.count)
        head.addWidget(self.more)
        head.addWidget(self.region)
        head.addStretch(1)
        # A line of its own: beside a list and an editor there is not room for both.
        below = QHBoxLayout()
        below.setContentsMargins(theme.GAP, 0, theme.GAP, theme.UNIT)
        below.addWidget(self.adjust)
        below.addStretch(1)
        self.list = QVBoxLayout()
        self.list.setContentsMargins(0, 0, 0, 0)
        self.list.setSpacing(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, theme.UNIT)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addLayout(below)
        layout.addLayout(self.list)


class TakesView(QWidget):  # type: ignore[misc]
    """All takes of a clip.

    Signals:
        choose_requested, drop_requested: clip id, role, number.
        star_requested: clip id, role, number, whether it is to be starred.
        more_requested: clip id, role.
        region_requested: clip id, role, start and end in seconds of clip time, for the take in use.
        adjust_requested: clip id, role, the new Adjustment.
        audition_requested: role, number.
        measured: clip id, role, number, loudness in LUFS.
        seeked: a place on a strip was clicked, in seconds of clip time.
        stepped: frames to step.
    """

    choose_requested = Signal(str, object, int)
    drop_requested = Signal(str, object, int)
    star_requested = Signal(str, object, int, bool)
    more_requested = Signal(str, object)
    region_requested = Signal(str, object, float, float)
    adjust_requested = Signal(str, object, object)
    audition_requested = Signal(object, int)
    measured = Signal(str, object, int, float)
    seeked = Signal(float)
    stepped = Signal(int)

    def __init__(
        self, parent: QWidget | None = None, *, axis: TimeAxis | None = None, analyst: Analyst | None = None
    ) -> None:
        """With the player's axis and analyst, head, zoom and region are shared and files are read once."""
        super().__init__(parent)
        self._owns_axis = axis is None
        self._owns_analyst = analyst is None
        self.axis = axis or TimeAxis(self)
        self.analyst = analyst or Analyst()
        self._meter = Meter(self)
        self._meter.measured.connect(self._loudness)
        self._clip: PlayerClip | None = None
        self._rows: tuple[TakeRow, ...] = ()
        self._groups: dict[Role, _Group] = {}
        self._has_sync = False
        self.setAccessibleName(self.tr("Takes"))
        self.ruler = Ruler(self.axis)
        self.ruler.seeked.connect(self.seeked)
        self.ruler.stepped.connect(self.stepped)
        self._ruler_row = QHBoxLayout()
        self._ruler_row.setContentsMargins(0, 0, 0, 0)
        self._ruler_row.setSpacing(theme.UNIT)
        self._ruler_row.addWidget(self.ruler)
        self._captions = [self._caption(words) for words in (self.tr("Sync"), self.tr("LUFS"))]
        self.empty = QLabel(self.tr("No takes yet.\nGenerate this clip to hear it."))
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty.setProperty("faint", True)
        self._inside = QWidget()
        self._column = QVBoxLayout(self._inside)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._column.addStretch(1)
        self.scroll = QScrollArea()
        self.scroll.setWidgetResizable(True)
        self.scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.scroll.setWidget(self._inside)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(self._ruler_row)
        layout.addWidget(self.empty, 1)
        layout.addWidget(self.scroll, 1)
        self.axis.changed.connect(self._offer_region)
        self._show_empty()

    @property
    def rows(self) -> tuple[TakeRow, ...]:
        """What is shown."""
        return self._rows

    def strip(self, role: Role, number: int) -> TakeStrip:
        """The strip of a take. Raises KeyError."""
        return self._groups[role].strips[number]

    def group(self, role: Role) -> _Group:
        """The head of a role's takes. Raises KeyError."""
        return self._groups[role]

    def set_takes(self, takes: tuple[TakeRow, ...], clip: PlayerClip | None) -> None:
        """Show the takes of a clip; strips that stay are kept, with the keyboard's focus."""
        before, self._clip = self._clip, clip
        self._rows = takes
        if self._owns_axis and clip is not None and (before is None or before.clip_id != clip.clip_id):
            cuts = tuple(float(cut) for cut in clip.cuts_s)
            self.axis.show(clip.duration_s, clip.rate, onsets_s=clip.onsets_s, cuts_s=cuts)
        roles = [role for role in Role if any(row.role == role for row in takes)]
        for role in [role for role in self._groups if role not in roles]:
            self._drop_widget(self._groups.pop(role))
        for place, role in enumerate(roles):
            if role not in self._groups:
                self._groups[role] = self._make_group(role)
                self._column.insertWidget(place, self._groups[role])
            self._fill(self._groups[role], [row for row in takes if row.role == role])
        has_sync = any(row.sync_ms is not None or row.sync_note for row in takes)
        for group in self._groups.values():
            for strip in group.strips.values():
                strip.sync.setVisible(has_sync)
        self._has_sync = has_sync
        self._show_empty()
        self._offer_region()

    def set_head(self, seconds: float) -> None:
        """Where the play head is, where the axis is not the player's own."""
        if self._owns_axis:
            self.axis.set_head(seconds)

    def shutdown(self) -> None:
        """End all threads."""
        self._meter.close()
        if self._owns_analyst:
            self.analyst.close()

    def _fill(self, group: _Group, rows: list[TakeRow]) -> None:
        numbers = [row.number for row in rows]
        for number in [number for number in group.strips if number not in numbers]:
            self._drop_widget(group.strips.pop(number))
        stem = self._heard(group.role)
        for place, row in enumerate(rows):
            if row.number not in group.strips:
                group.strips[row.number] = self._make_strip(group.role, row.number)
                group.list.insertWidget(place, group.strips[row.number])
            sound = self._sound(row, stem)
            heard = stem is not None and stem.number == row.number
            group.strips[row.number].set_row(row, stem=sound, heard=heard, only=len(rows) == 1)
            if row.loudness_lufs is None:
                self._meter.ask(row.path)
        group.count.setText(self.tr("{n} takes").format(n=len(rows)) if len(rows) > 1 else self.tr("1 take"))
        if self._clip is not None:
            group.adjust.set_rate(self._clip.rate)
        group.adjust.set_adjustment(rows[0].adjustment)

    def _heard(self, role: Role) -> StemSound | None:
        stems = self._clip.stems if self._clip is not None else ()
        return next((stem for stem in stems if stem.role == role), None)

    def _sound(self, row: TakeRow, heard: StemSound | None) -> StemSound:
        """A take as it would sound in place of the one that is heard: takes of a clip and role begin together."""
        if heard is not None:
            return replace(heard, path=row.path, number=row.number)
        return StemSound(row.role, row.path, start_s=Fraction(0), number=row.number, adjustment=row.adjustment)

    def _make_group(self, role: Role) -> _Group:
        group = _Group(role)
        group.more.clicked.connect(lambda *_: self._emit(self.more_requested, role))
        group.region.clicked.connect(lambda *_: self._redo(role))
        group.adjust.adjusted.connect(lambda adjustment: self._adjust(role, adjustment))
        return group

    def _make_strip(self, role: Role, number: int) -> TakeStrip:
        strip = TakeStrip(self.axis, self.analyst)
        strip.chosen.connect(lambda: self._emit(self.choose_requested, role, number))
        strip.dropped.connect(lambda: self._emit(self.drop_requested, role, number))
        strip.starred.connect(lambda on: self._emit(self.star_requested, role, number, on))
        strip.auditioned.connect(lambda: self.audition_requested.emit(role, number))
        strip.redone.connect(lambda: self._redo(role))
        strip.moved.connect(lambda by: self._move(role, number, by))
        strip.wave.seeked.connect(self.seeked)
        strip.wave.stepped.connect(self.stepped)
        return strip

    def _emit(self, signal: Any, *values: Any) -> None:
        if self._clip is not None:
            signal.emit(self._clip.clip_id, *values)

    def _redo(self, role: Role) -> None:
        if self.axis.region_s is not None:
            self._emit(self.region_requested, role, *self.axis.region_s)

    def _adjust(self, role: Role, adjustment: Adjustment) -> None:
        self._emit(self.adjust_requested, role, adjustment)

    def _move(self, role: Role, number: int, by: int) -> None:
        """The keyboard goes to the next strip."""
        every = [(row.role, row.number) for row in self._rows]
        place = every.index((role, number)) + by
        if 0 <= place < len(every):
            strip = self.strip(*every[place])
            strip.wave.setFocus(Qt.FocusReason.TabFocusReason)
            self.scroll.ensureWidgetVisible(strip)

    def _offer_region(self) -> None:
        region = self.axis.region_s
        for group in self._groups.values():
            group.region.setEnabled(region is not None)
            if region is None:
                group.region.setToolTip(self.tr("Mark a region first: drag with Shift, or I and O"))
            else:
                words = self.tr("Render {start} to {stop} anew, the rest stays (R)")
                start, stop = (self.axis.timecode(at) for at in region)
                group.region.setToolTip(words.format(start=start, stop=stop))

    def _loudness(self, path: Path, lufs: float | None) -> None:
        for row in self._rows:
            if row.path == path and row.number in self._groups[row.role].strips and row.loudness_lufs is None:
                self.strip(row.role, row.number).set_loudness(lufs)
                if lufs is not None:
                    self._emit(self.measured, row.role, row.number, lufs)

    def _show_empty(self) -> None:
        self.empty.setVisible(not self._rows)
        self.scroll.setVisible(bool(self._rows))
        for widget in (self.ruler, *self._captions):
            widget.setVisible(bool(self._rows) and (widget is not self._captions[0] or self._has_sync))
        head = self.fontMetrics().averageCharWidth() * 4 + 27 * theme.UNIT + theme.UNIT
        tail = 0
        if self._groups:
            strip = next(iter(next(iter(self._groups.values())).strips.values()))
            tail = strip.drop_button.sizeHint().width()
            for caption, figure in zip(self._captions, (strip.sync, strip.loudness), strict=True):
                caption.setMinimumWidth(figure.minimumWidth())
        self._ruler_row.setContentsMargins(head, 0, tail + theme.UNIT + theme.GAP, 0)

    def _caption(self, words: str) -> QLabel:
        caption = QLabel(words)
        caption.setProperty("faint", True)
        caption.setFont(theme.scaled_font(caption.font(), 0.85))
        caption.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._ruler_row.addWidget(caption)
        return caption

    def _drop_widget(self, widget: QWidget) -> None:
        widget.setParent(None)
        widget.deleteLater()

    def closeEvent(self, event: Any) -> None:
        """End with the window."""
        self.shutdown()
        super().closeEvent(event)
