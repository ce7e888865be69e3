"""Picture and stems of one clip, in sync: the picture shows the frame whose sound is heard.

The clock is the sound device's (`AudioEngine.position_s`); pictures are decoded ahead of it by `PictureFeed`. What is
heard here (monitor gain, solo, mute, loudness matching) is never written anywhere.
"""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QImage, QKeyEvent, QPainter, QPaintEvent, QPalette, QResizeEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSplitter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from otio_v2a.loudness import Loudness
from otio_v2a.timecode import seconds_of_day
from otio_v2a_engine.contract import Role
from otio_v2a_ui import theme
from otio_v2a_ui.audio import AudioEngine
from otio_v2a_ui.icons import icon
from otio_v2a_ui.lanes import LaneHeader, SpectrumHeader
from otio_v2a_ui.metering import Meter
from otio_v2a_ui.mixer import Levels, StemMixer
from otio_v2a_ui.peaks import Analyst
from otio_v2a_ui.pictures import PictureFeed
from otio_v2a_ui.sinks import Sink, default_sink
from otio_v2a_ui.spectrogram import SpectrogramView
from otio_v2a_ui.state import PlayerClip, StemSound
from otio_v2a_ui.timestrip import Ruler, TimeAxis, TimeStrip
from otio_v2a_ui.transport import SPEEDS, Transport
from otio_v2a_ui.waveform import WaveformView

__all__ = ["PictureView", "PlayerWidget"]

_EPSILON_S = 1e-6
_LOWEST_TRIM_DB, _HIGHEST_TRIM_DB = -30.0, 12.0


class PictureView(QWidget):  # type: ignore[misc]
    """Shows one image, as large as it fits, or why there is none.

    Signals:
        painted: a frame has been painted.
    """

    painted = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._image: QImage | None = None
        self._pixels: Any = None
        self._frame = -1
        self._words = ""
        self.is_smooth = True
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(self.fontMetrics().averageCharWidth() * 24, self.fontMetrics().height() * 6)
        self.setAccessibleName(self.tr("Picture"))

    @property
    def frame(self) -> int:
        """The frame that is shown; -1 is none."""
        return self._frame

    def show_image(self, image: Any, frame: int) -> None:
        """Show an image `(height, width, 4)`, blue first."""
        height, width = image.shape[:2]
        self._pixels = image  # QImage does not hold it.
        self._image = QImage(image.data, width, height, width * 4, QImage.Format.Format_RGB32)
        self._frame, self._words = frame, ""
        self.update()

    def say(self, words: str) -> None:
        """Show words instead."""
        self._image, self._pixels, self._frame, self._words = None, None, -1, words
        self.update()

    def sizeHint(self) -> QSize:
        """A picture of 16:9."""
        unit = self.fontMetrics().averageCharWidth()
        return QSize(unit * 90, unit * 51)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Black around the image."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), Qt.GlobalColor.black)
        if self._image is not None:
            size = self._image.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
            left, top = (self.width() - size.width()) / 2, (self.height() - size.height()) / 2
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, self.is_smooth)
            painter.drawImage(QRectF(left, top, size.width(), size.height()), self._image)
        elif self._words:
            painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect().adjusted(16, 16, -16, -16), flags, self._words)
        painter.end()
        if self._frame >= 0:
            self.painted.emit(self._frame)


class PlayerWidget(QWidget):  # type: ignore[misc]
    """Looks at and listens to one clip.

    Keys: Space plays and pauses; J, K and L shuttle; Left and Right step; Home and End jump; I and O mark a region;
    `/` loops.

    Signals:
        position_changed: another frame is under the head, in seconds of clip time.
        playing_changed: it began or ceased to run.
        solo_changed: the frozenset of roles that are heard alone.
        region_changed: the marked region as (start, stop) in seconds of clip time, or None.
        picture_shown: time of the picture that was painted, and the clock at that moment, both in clip time.
    """

    position_changed = Signal(float)
    playing_changed = Signal(bool)
    solo_changed = Signal(object)
    region_changed = Signal(object)
    picture_shown = Signal(float, float)
    _picture_ready = Signal(int)
    _picture_failed = Signal(str)

    def __init__(
        self,
        parent: QWidget | None = None,
        *,
        analyst: Analyst | None = None,
        make_sink: Callable[[], Sink] = default_sink,
    ) -> None:
        """`analyst` may be shared with other widgets, which then close it; `make_sink` opens the sound device."""
        super().__init__(parent)
        self._owns_analyst = analyst is None
        self.analyst = analyst or Analyst()
        self._meter = Meter(self)
        self._meter.measured.connect(lambda *_: self._trim())
        self.levels = Levels()
        self.axis = TimeAxis(self)
        self._engine = AudioEngine(make_sink=make_sink, parent=self)
        self._engine.ended.connect(self._end)
        self._engine.noted.connect(self._note)
        self._clip: PlayerClip | None = None
        self._transport: Transport | None = None
        self._feed: PictureFeed | None = None
        self._speed = 0.0
        self._is_looping = False
        self._words = ""
        self._is_k_down = False
        self._frame = -1
        self._references: dict[Role, Path] = {}
        self._lanes: dict[Role, tuple[LaneHeader, WaveformView]] = {}
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._picture_ready.connect(self._ready, Qt.ConnectionType.QueuedConnection)
        self._picture_failed.connect(self._fail, Qt.ConnectionType.QueuedConnection)
        self._region: tuple[float, float] | None = None
        self.axis.changed.connect(self._mark)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(self.tr("Player"))
        self._build()
        self._describe()

    # What is shown

    @property
    def clip(self) -> PlayerClip | None:
        """The clip."""
        return self._clip

    @property
    def position_s(self) -> float:
        """The head, in seconds of clip time."""
        return self._engine.position_s

    @property
    def is_playing(self) -> bool:
        """Whether it runs."""
        return self._speed != 0

    @property
    def speed(self) -> float:
        """Times as fast as the cut; 0 stands, negative runs backwards."""
        return self._speed

    @property
    def region_s(self) -> tuple[float, float] | None:
        """The marked region."""
        return self.axis.region_s

    def set_clip(self, clip: PlayerClip | None) -> None:
        """Look at a clip. For the same clip with other stems (another take) the head stays, playing or not."""
        before, self._clip = self._clip, clip
        if clip is not None and before is not None and _same_view(before, clip):
            self._swap(clip)
            return
        self.pause()
        self._engine.set_transport(None)
        self._transport = None
        if self._feed is not None:
            self._feed.close()
            self._feed = None
        self._frame = -1
        self._references = {}
        if clip is None:
            self.axis.show(Fraction(0), Fraction(25))
            self._set_lanes(())
            self.view.say(self.tr("Choose a clip to look at and listen to"))
            self._describe()
            return
        self._show_axis(clip)
        self._references = {stem.role: stem.path for stem in clip.stems}
        self._transport = Transport(self._mixer(clip))
        self._transport.set_loop(self._is_looping)
        self._engine.set_transport(self._transport)
        self._set_lanes(clip.stems)
        self._trim()
        if clip.picture is None:
            self.view.say(self.tr("The media of this clip is missing.\nRelink it to see the picture."))
        else:
            self.view.say("")
            self._feed = PictureFeed(
                clip.picture,
                rate=clip.rate,
                duration_s=clip.duration_s,
                long_edge=self._long_edge(),
                on_ready=self._picture_ready.emit,
                on_error=self._picture_failed.emit,
            )
        self._place(0.0)

    def _show_axis(self, clip: PlayerClip) -> None:
        drop = ";" in clip.record_start_tc
        try:
            start_s = seconds_of_day(clip.record_start_tc, rate=clip.rate, drop_frame=drop)
        except ValueError:
            start_s = Fraction(0)
        self.axis.show(
            clip.duration_s,
            clip.rate,
            start_tc_s=start_s,
            is_drop_frame=drop,
            onsets_s=clip.onsets_s,
            cuts_s=tuple(float(cut) for cut in clip.cuts_s),
        )

    def _swap(self, clip: PlayerClip) -> None:
        """Other stems at the same head."""
        for stem in clip.stems:
            self._references.setdefault(stem.role, stem.path)
        self._trim()
        if self._transport is not None:
            self._transport.set_mixer(self._mixer(clip))
        self._set_lanes(clip.stems)
        self.axis.onsets_s = clip.onsets_s
        self.axis.cuts_s = tuple(float(cut) for cut in clip.cuts_s)
        self.axis.changed.emit()

    def _mixer(self, clip: PlayerClip) -> StemMixer:
        rate = self._engine.sample_rate
        return StemMixer(clip.stems, duration_s=clip.duration_s, levels=self.levels, sample_rate=rate)

    def _long_edge(self) -> int:
        edge = max(self.view.width(), self.view.height(), 320) * self.devicePixelRatioF()
        return int(min(1280, -(-round(edge) // 64) * 64))

    # Transport

    def play(self) -> None:
        """Run at the cut's speed."""
        self._run(1.0)

    def pause(self) -> None:
        """Stand still."""
        if self._speed == 0:
            return
        self._engine.halt()
        self._set_speed(0.0)
        self._timer.stop()
        self._place(self._engine.position_s)

    def toggle(self) -> None:
        """Play, or pause."""
        if self.is_playing:
            self.pause()
        else:
            self.play()

    def shuttle(self, direction: int) -> None:
        """As J (-1), K (0) and L (1): every further press in a direction is faster."""
        if direction == 0:
            self.pause()
        elif self._speed * direction <= 0:
            self._run(float(direction))
        else:
            now = SPEEDS.index(abs(self._speed)) if abs(self._speed) in SPEEDS else 0
            self._run(direction * SPEEDS[min(now + 1, len(SPEEDS) - 1)])

    def step(self, frames: int) -> None:
        """Stand still some frames from here."""
        self.pause()
        if self._clip is not None:
            rate = float(self._clip.rate)
            frame = min(max(0, self._frame_at(self.position_s) + frames), self._n_frames() - 1)
            self._place((frame + 0.0) / rate)

    def seek(self, seconds: float) -> None:
        """Put the head somewhere; it runs on when it runs."""
        if self._clip is None:
            return
        seconds = min(max(0.0, seconds), float(self._clip.duration_s))
        if self.is_playing:
            self._engine.place(seconds)
            self._tick()
        else:
            self._place(self._frame_at(min(seconds, self._last_frame_s())) / float(self._clip.rate))

    def set_loop(self, on: bool) -> None:
        """Start over at the end of the marked region, or of the clip."""
        self._is_looping = on
        self.loop_button.setChecked(on)
        if self._transport is not None:
            self._transport.set_loop(on, self.axis.region_s)

    def shutdown(self) -> None:
        """Give the device back and end all threads; the widget shows nothing afterwards."""
        self.set_clip(None)
        self._engine.close()
        self._meter.close()
        if self._owns_analyst:
            self.analyst.close()

    def _run(self, speed: float) -> None:
        if self._transport is None or self._clip is None:
            return
        at = self.position_s
        region = self.axis.region_s
        self._transport.set_loop(self._is_looping, region)
        if self._is_looping and region is not None and not region[0] <= at < region[1]:
            at = region[0] if speed > 0 else region[1]
        if not self.is_playing and speed > 0 and at >= self._last_frame_s():
            at = 0.0
        self._engine.run(at, speed)
        self._set_speed(speed)
        self._tick()

    def _set_speed(self, speed: float) -> None:
        was, self._speed = self._speed, speed
        self.view.is_smooth = speed == 0
        if (was != 0) != (speed != 0):
            self.playing_changed.emit(speed != 0)
        self._describe()

    def _end(self) -> None:
        """The end has been heard."""
        self.pause()

    def _place(self, seconds: float) -> None:
        """Stand at a time."""
        if self._clip is not None:
            seconds = min(max(0.0, seconds), float(self._clip.duration_s))
        self._engine.place(seconds)
        self._show(seconds)

    def _tick(self) -> None:
        """Show what is heard now, and come back when the next frame is."""
        if not self.is_playing or self._clip is None:
            return
        at = self.position_s
        self._show(at)
        frame_s = 1 / float(self._clip.rate)
        into = at - self._frame_at(at) * frame_s
        left_s = ((frame_s - into) if self._speed > 0 else into) / abs(self._speed)
        self._timer.start(min(max(1, int(left_s * 1000) + 1), 40))

    def _show(self, seconds: float) -> None:
        frame = min(self._frame_at(seconds), self._n_frames() - 1)
        if self._feed is not None:
            self._feed.look_at(frame, self._speed)
            if frame != self.view.frame:
                image = self._feed.get(frame)
                if image is not None:
                    self.view.show_image(image, frame)
        self.axis.set_head(seconds)
        if frame != self._frame:
            self._frame = frame
            self.timecode.setText(self.axis.timecode(frame / float(self.axis.rate)))
            self.position_changed.emit(seconds)

    def _ready(self, frame: int) -> None:
        """A picture has come: show it when it is the one that is wanted."""
        if self._feed is None or self._clip is None:
            return
        wanted = min(self._frame_at(self.position_s), self._n_frames() - 1)
        if frame == wanted != self.view.frame:
            image = self._feed.get(frame)
            if image is not None:
                self.view.show_image(image, frame)
        elif not self.is_playing and frame != wanted:
            self._feed.look_at(wanted, 0.0)

    def _fail(self, words: str) -> None:
        self.view.say(words)

    def _frame_at(self, seconds: float) -> int:
        rate = self._clip.rate if self._clip is not None else Fraction(25)
        return max(0, floor((seconds + _EPSILON_S) * float(rate)))

    def _n_frames(self) -> int:
        return self._feed.n_frames if self._feed is not None else max(1, self._frame_at(self.axis.duration_s))

    def _last_frame_s(self) -> float:
        return (self._n_frames() - 1) / float(self.axis.rate)

    def _painted(self, frame: int) -> None:
        if self._clip is not None:
            self.picture_shown.emit(frame / float(self._clip.rate), self.position_s)

    def _mark(self) -> None:
        if self.axis.region_s != self._region:
            self._region = self.axis.region_s
            if self._transport is not None and self._is_looping:
                self._transport.set_loop(True, self._region)
            self.region_changed.emit(self._region)

    # Comparing takes

    def _trim(self) -> None:
        """Bring takes to the loudness of the one that was heard first."""
        trims: dict[Role, float] = {}
        if self._clip is not None and self.match_box.isChecked():
            for stem in self._clip.stems:
                reference = self._references.get(stem.role, stem.path)
                if reference == stem.path:
                    continue
                known = [self._meter.get(path) for path in (reference, stem.path)]
                if known[0] is None or known[1] is None:
                    for path in (reference, stem.path):
                        if self._meter.get(path) is None:
                            self._meter.ask(path)
                    continue
                trims[stem.role] = matching_gain_db(known[0], known[1])
        self.levels.set_trims_db(trims)

    # Widgets

    def _build(self) -> None:
        self.view = PictureView()
        self.view.painted.connect(self._painted)
        self.view.say(self.tr("Choose a clip to look at and listen to"))
        self.ruler = Ruler(self.axis)
        self.spectrogram = SpectrogramView(self.axis, self.analyst)
        self.spectrogram.setMinimumHeight(self.fontMetrics().height() * 4)
        self.spectrum_header = SpectrumHeader()
        self.spectrum_header.chosen.connect(self._set_spectrum)
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(0)
        self._grid.setVerticalSpacing(1)
        self._grid.setColumnStretch(1, 1)
        self._grid.addWidget(self.ruler, 0, 1)
        self._strips(self.ruler)
        self._strips(self.spectrogram)
        lanes = QWidget()
        lanes.setLayout(self._grid)
        self._empty = TimeStrip(self.axis)
        self._empty.setAccessibleName(self.tr("No stems"))
        self._strips(self._empty)
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.setChildrenCollapsible(False)
        splitter.addWidget(self.view)
        splitter.addWidget(lanes)
        splitter.setStretchFactor(0, 3)
        splitter.setStretchFactor(1, 2)
        unit = self.fontMetrics().height()
        splitter.setSizes([24 * unit, 15 * unit])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(splitter, 1)
        layout.addLayout(self._bar())
        self._set_lanes(())

    def _strips(self, strip: TimeStrip) -> None:
        strip.seeked.connect(self.seek)
        strip.stepped.connect(self.step)

    def _bar(self) -> QHBoxLayout:
        bar = QHBoxLayout()
        bar.setContentsMargins(8, 4, 8, 4)
        bar.setSpacing(2)
        self.timecode = QLabel("00:00:00:00")
        self.timecode.setFont(theme.fixed_font(1.1))
        self.timecode.setAccessibleName(self.tr("Timecode"))
        self.timecode.setMinimumWidth(self.timecode.fontMetrics().horizontalAdvance("00:00:00:00") + 8)
        bar.addWidget(self.timecode)
        self.speed_label = QLabel("")
        self.speed_label.setMinimumWidth(self.fontMetrics().horizontalAdvance("-8×") + 8)
        bar.addWidget(self.speed_label)
        bar.addStretch(1)
        self.play_button = _button("play", self.tr("Play or pause (Space)"), self.toggle)
        buttons = (
            _button("to_start", self.tr("Go to the start (Home)"), lambda: self.seek(0)),
            _button("step_back", self.tr("One frame back (Left)"), lambda: self.step(-1)),
            _button("back", self.tr("Play backwards, again for faster (J)"), lambda: self.shuttle(-1)),
            self.play_button,
            _button("step", self.tr("One frame forward (Right)"), lambda: self.step(1)),
            _button("to_end", self.tr("Go to the end (End)"), lambda: self.seek(self.axis.duration_s)),
        )
        for button in buttons:
            bar.addWidget(button)
        self.loop_button = _button("loop", self.tr("Loop the region, or the clip (/)"), None)
        self.loop_button.setCheckable(True)
        self.loop_button.toggled.connect(self.set_loop)
        bar.addSpacing(8)
        bar.addWidget(self.loop_button)
        bar.addStretch(1)
        self.message = QLabel("")
        self.message.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.message.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.message.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        bar.addWidget(self.message, 2)
        self.match_box = QCheckBox(self.tr("Match loudness"))
        self.match_box.setToolTip(
            self.tr("Takes are compared at the loudness of the first one heard. Files stay as they are.")
        )
        self.match_box.setAccessibleName(self.tr("Match loudness when comparing takes"))
        self.match_box.setChecked(True)
        self.match_box.toggled.connect(lambda _: self._trim())
        bar.addSpacing(8)
        bar.addWidget(self.match_box)
        return bar

    def _set_lanes(self, stems: tuple[StemSound, ...]) -> None:
        """A lane per stem, in the order given; lanes of roles that stay are kept."""
        roles = [stem.role for stem in stems]
        for role in [role for role in self._lanes if role not in roles]:
            for widget in self._lanes.pop(role):
                self._grid.removeWidget(widget)
                widget.deleteLater()
        for row, stem in enumerate(stems, start=1):
            if stem.role not in self._lanes:
                self._lanes[stem.role] = self._lane(stem.role)
            header, strip = self._lanes[stem.role]
            header.set_take(stem.number)
            strip.set_stem(stem)
            self._grid.addWidget(header, row, 0)
            self._grid.addWidget(strip, row, 1)
            self._grid.setRowStretch(row, 2)
        last = max(1, len(stems)) + 1
        self._empty.setVisible(not stems)
        self._grid.addWidget(self._empty, 1, 1) if not stems else self._grid.removeWidget(self._empty)
        self._grid.addWidget(self.spectrum_header, last, 0)
        self._grid.addWidget(self.spectrogram, last, 1)
        self._grid.setRowStretch(last, 3)
        for row in range(last + 1, self._grid.rowCount()):
            self._grid.setRowStretch(row, 0)
        self.spectrum_header.set_roles(tuple(roles))
        self._set_spectrum(self.spectrum_header.role)

    def _lane(self, role: Role) -> tuple[LaneHeader, WaveformView]:
        header = LaneHeader(role, solo=role in self.levels.solo, muted=role in self.levels.muted)
        header.solo_toggled.connect(lambda on: self._solo(role, on))
        header.mute_toggled.connect(lambda on: self._mute(role, on))
        header.gain_changed.connect(lambda gain_db: self.levels.set_gain_db(role, gain_db))
        strip = WaveformView(self.axis, self.analyst)
        strip.setMinimumHeight(2 * self.fontMetrics().height())
        strip.setAccessibleName(self.tr("Waveform of {role}").format(role=role))
        self._strips(strip)
        return header, strip

    def set_solo(self, role: Role, on: bool) -> None:
        """Hear a role alone, or with the others again."""
        if role in self._lanes:
            self._lanes[role][0].solo.setChecked(on)
        else:
            self._solo(role, on)

    def set_muted(self, role: Role, on: bool) -> None:
        """Silence a role, or let it be heard again."""
        if role in self._lanes:
            self._lanes[role][0].mute.setChecked(on)
        else:
            self._mute(role, on)

    def _solo(self, role: Role, on: bool) -> None:
        self.levels.set_solo(role, on)
        self._quieten()
        self.solo_changed.emit(self.levels.solo)

    def _mute(self, role: Role, on: bool) -> None:
        self.levels.set_muted(role, on)
        self._quieten()

    def _quieten(self) -> None:
        """Draw what is not heard more quietly."""
        solo, muted = self.levels.solo, self.levels.muted
        for role, (_, strip) in self._lanes.items():
            strip.set_active(role not in muted and (not solo or role in solo))

    def _set_spectrum(self, role: Role | None) -> None:
        stems = self._clip.stems if self._clip is not None else ()
        self.spectrogram.set_stem(next((stem for stem in stems if stem.role == role), None))

    def _describe(self) -> None:
        """Bring the buttons into line with what happens."""
        self.play_button.setIcon(icon("pause" if self.is_playing else "play"))
        words = ""
        if self.is_playing and self._speed != 1:
            words = f"{self._speed:+g}×".replace("-", "\N{MINUS SIGN}").replace("+", "")
        self.speed_label.setText(words)
        if self._clip is None:
            self.timecode.setText("--:--:--:--")

    def _note(self, words: str) -> None:
        self._words = words
        self.message.setToolTip(words)
        self._fit_words()

    def _fit_words(self) -> None:
        """As much of the message as there is room for, its beginning first."""
        room = max(self.message.width(), self.message.fontMetrics().averageCharWidth() * 8)
        self.message.setText(self.message.fontMetrics().elidedText(self._words, Qt.TextElideMode.ElideRight, room))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The message has more room, or less."""
        super().resizeEvent(event)
        self._fit_words()

    # Keys

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Editors' keys."""
        key = event.key()
        if event.modifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier):
            super().keyPressEvent(event)
            return
        many = 10 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1
        if key == Qt.Key.Key_K:
            self._is_k_down = True
            self.shuttle(0)
        elif key in (Qt.Key.Key_J, Qt.Key.Key_L):
            direction = 1 if key == Qt.Key.Key_L else -1
            if self._is_k_down:
                self.step(direction)
            elif not event.isAutoRepeat():
                self.shuttle(direction)
        elif key == Qt.Key.Key_Space:
            self.toggle()
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self.step(many if key == Qt.Key.Key_Right else -many)
        elif key == Qt.Key.Key_Home:
            self.seek(0)
        elif key == Qt.Key.Key_End:
            self.seek(self.axis.duration_s)
        elif key == Qt.Key.Key_Slash:
            self.set_loop(not self._is_looping)
        elif key in (Qt.Key.Key_I, Qt.Key.Key_O):
            self.ruler.keyPressEvent(event)
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """K is a modifier while it is held."""
        if event.key() == Qt.Key.Key_K and not event.isAutoRepeat():
            self._is_k_down = False
        super().keyReleaseEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        """Icons take the palette's colours."""
        if event.type() == QEvent.Type.PaletteChange:
            self._describe()
        super().changeEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        """End with the window."""
        self.shutdown()
        super().closeEvent(event)


def matching_gain_db(reference: Loudness, other: Loudness) -> float:
    """Gain that brings a take to the loudness of another, no farther than full scale and what a monitor should do."""
    if reference.integrated_lufs is None or other.integrated_lufs is None:
        return 0.0
    wanted = reference.integrated_lufs - other.integrated_lufs
    return min(max(wanted, _LOWEST_TRIM_DB), _HIGHEST_TRIM_DB)


def _same_view(a: PlayerClip, b: PlayerClip) -> bool:
    """Whether two differ in what is heard and marked alone."""
    return replace(a, stems=(), onsets_s=(), cuts_s=()) == replace(b, stems=(), onsets_s=(), cuts_s=())


def _button(sign: str, tip: str, pressed: Callable[[], Any] | None) -> QToolButton:
    button = QToolButton()
    button.setIcon(icon(sign))
    button.setToolTip(tip)
    button.setAccessibleName(tip)
    button.setProperty("flat", True)
    if pressed is not None:
        button.clicked.connect(lambda *_: pressed())
    return button
