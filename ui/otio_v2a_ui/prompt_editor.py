"""The form in which a selection's stems are asked for. Shows prompts and emits new ones; decides and keeps nothing."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QGridLayout,
    QHBoxLayout,
    QInputDialog,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QTabBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from otio_v2a.errors import PromptError
from otio_v2a_engine import registry
from otio_v2a_engine.contract import EngineError, EngineInfo, Role
from otio_v2a_ui import icons, theme
from otio_v2a_ui.folders import config_folder, state_folder
from otio_v2a_ui.presets import Preset, Presets
from otio_v2a_ui.prompt_fields import MIXED, Summary, reset, rolled, with_value
from otio_v2a_ui.prompt_history import PromptHistory
from otio_v2a_ui.prompt_widgets import Choice, FieldLabel, NumberField, SeedValidator, TextField
from otio_v2a_ui.state import ClipPrompt

__all__ = ["PromptEditor"]

_MOST_SHOWN = 20
_SHOWN_LETTERS = 60
_MANY = 200
"""With more clips than these, a text is taken over when typing pauses, not letter by letter."""
_PAUSE_MS = 250
_TEXT_GUIDANCE = "guidance-text"


class PromptEditor(QWidget):  # type: ignore[misc]
    """What the selected clips are asked for, role by role.

    Signals:
        edited: new prompts of the selected clips, of one role.
        generate_requested: render them.
        failed: why a preset could not be kept, in words.
    """

    edited = Signal(object)
    generate_requested = Signal()
    failed = Signal(str)

    def __init__(
        self,
        parent: QWidget | None = None,
        *,
        presets: Presets | None = None,
        history: PromptHistory | None = None,
    ) -> None:
        """Presets and history are the user's own when None."""
        super().__init__(parent)
        self.setObjectName("prompt")
        self._prompts: dict[Role, tuple[ClipPrompt, ...]] = {}
        self._summaries: dict[Role, Summary] = {}
        self._typed: tuple[Role, str, str] | None = None
        self._typing = QTimer(self, singleShot=True, interval=_PAUSE_MS)
        self._typing.timeout.connect(self.flush)
        self._presets_damage = ""
        self._presets = presets or self._load_presets()
        self._history = history or PromptHistory(state_folder())
        self._default_engine = registry.DEFAULT_ENGINE
        self._infos = _infos()
        self.labels: dict[str, FieldLabel] = {}
        self._make_fields()
        self._lay_out()
        self._show()

    # Parts

    def _make_fields(self) -> None:
        self.tabs = QTabBar()
        self.tabs.setAccessibleName(self.tr("Stem"))
        self.tabs.setExpanding(False)
        self.tabs.setDrawBase(False)
        names = {
            Role.FX: self.tr("Spot effects: what is seen to happen"),
            Role.AMB: self.tr("Ambience: where it happens"),
            Role.MUS: self.tr("Music"),
            Role.DX: self.tr("Dialogue"),
        }
        for role in Role:
            at = self.tabs.addTab(role.value)
            self.tabs.setTabToolTip(at, names[role])
        self.tabs.currentChanged.connect(self._role_changed)
        self.count = QLabel()
        self.count.setProperty("dim", True)
        self.enabled = QCheckBox(self.tr("&Make this stem"))
        self.enabled.setAccessibleName(self.tr("Make this stem"))
        self.enabled.clicked.connect(self._enabled_clicked)
        self.presets_button = _menu_button(self.tr("Presets"), self._fill_presets)
        self.history_button = _menu_button(self.tr("History"), self._fill_history)
        self.text = TextField(4)
        self.negative_text = TextField(2)
        self.transcript = TextField(3)
        for name, field in self._texts():
            field.typed.connect(lambda text, name=name: self._text_typed(name, text))
            field.left.connect(self._remember)
            field.submitted.connect(self._generate)
        self.engine = Choice()
        self.engine.activated.connect(lambda at: self._set("engine", self.engine.itemData(at)))
        self.engine.setMinimumContentsLength(8)
        self.steps = NumberField(1, 1000)
        self.guidance = NumberField(0, 50, step=0.5, decimals=1)
        self.text_guidance = NumberField(0, 50, step=0.5, decimals=1)
        self.takes = NumberField(1, 64, has_default=False)
        self.guidance.setToolTip(self.tr("How strictly picture and prompt are followed"))
        self.steps.setToolTip(self.tr("More steps take longer and are more exact"))
        for name, number in self._numbers():
            number.changed.connect(lambda value, name=name: self._set(name, value))
        self.seed = QLineEdit()
        self.seed.setValidator(SeedValidator(self.seed))
        self.seed.setFont(theme.fixed_font())
        self.seed.setMinimumWidth(self.seed.fontMetrics().horizontalAdvance("0" * 10) + 20)
        self.seed.setToolTip(self.tr("The same seed makes the same sound"))
        self.seed.textEdited.connect(self._seed_typed)
        self.lock = QToolButton(text=self.tr("Lock"), checkable=True)
        self.lock.setAccessibleName(self.tr("Lock the seed"))
        self.lock.setToolTip(self.tr("Keep this seed: the dice and more takes leave it alone"))
        self.lock.clicked.connect(lambda on: self._set("seed_locked", bool(on)))
        self.dice = QToolButton(text=self.tr("Dice"))
        self.dice.setAccessibleName(self.tr("New random seed"))
        self.dice.setToolTip(self.tr("A new random seed for each selected clip"))
        self.dice.clicked.connect(lambda: self._emit(rolled(self.prompts)))
        self.note = QLabel()
        self.note.setWordWrap(True)
        self.note.setProperty("warn", True)
        self.generate = QPushButton(self.tr("Generate"))
        self.generate.setProperty("primary", True)
        self.generate.setAccessibleName(self.tr("Generate the selected clips"))
        self.generate.setToolTip(self.tr("Render the selected clips (Ctrl+Return in a text)"))
        self.generate.clicked.connect(self._generate)
        self.hint = QLabel(self.tr("Select clips to say what they sound like."))
        self.hint.setWordWrap(True)
        self.hint.setProperty("dim", True)
        self.hint.setAlignment(Qt.AlignmentFlag.AlignCenter)

    def _texts(self) -> tuple[tuple[str, TextField], ...]:
        return ("text", self.text), ("negative_text", self.negative_text), ("transcript", self.transcript)

    def _numbers(self) -> tuple[tuple[str, NumberField], ...]:
        return (
            ("steps", self.steps),
            ("guidance", self.guidance),
            ("text_guidance", self.text_guidance),
            ("takes", self.takes),
        )

    def _label(self, name: str, text: str, buddy: QWidget) -> FieldLabel:
        label = FieldLabel(text, buddy)
        label.reset_requested.connect(lambda: self._emit(reset(self.prompts, name)))
        self.labels[name] = label
        return label

    def _lay_out(self) -> None:
        self.form = QWidget()
        column = QVBoxLayout(self.form)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self.enabled)
        head.addStretch(1)
        head.addWidget(self.presets_button)
        head.addWidget(self.history_button)
        column.addLayout(head)
        for name, title, field in (
            ("text", self.tr("&Sounds like"), self.text),
            ("negative_text", self.tr("But &not"), self.negative_text),
            ("transcript", self.tr("S&poken words"), self.transcript),
        ):
            column.addSpacing(4)
            column.addWidget(self._label(name, title, field))
            column.addWidget(field)
        column.addSpacing(8)
        grid = QGridLayout()
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        seed = QHBoxLayout()
        seed.setSpacing(4)
        seed.addWidget(self.seed, 1)
        seed.addWidget(self.lock)
        seed.addWidget(self.dice)
        rows: tuple[tuple[str, str, QWidget, Any], ...] = (
            ("engine", self.tr("&Engine"), self.engine, None),
            ("steps", self.tr("S&teps"), self.steps, None),
            ("guidance", self.tr("Gui&dance"), self.guidance, None),
            ("text_guidance", self.tr("Te&xt guidance"), self.text_guidance, None),
            ("seed", self.tr("Seed"), self.seed, seed),
            ("takes", self.tr("Ta&kes"), self.takes, None),
        )
        for row, (name, title, field, layout) in enumerate(rows):
            grid.addWidget(self._label(name, title, field), row, 0)
            if layout is None:
                grid.addWidget(field, row, 1)
            else:
                grid.addLayout(layout, row, 1)
        column.addLayout(grid)
        column.addSpacing(4)
        column.addWidget(self.note)
        column.addSpacing(4)
        column.addWidget(self.generate)
        top = QHBoxLayout()
        top.addWidget(self.tabs, 1)
        top.addWidget(self.count)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 12, 12)
        layout.setSpacing(8)
        layout.addLayout(top)
        layout.addWidget(self.form)
        layout.addWidget(self.hint)
        layout.addStretch(1)
        order = (self.tabs, self.enabled, self.presets_button, self.history_button, self.text, self.negative_text)
        after = (self.transcript, self.engine, self.steps.spin, self.guidance.spin, self.text_guidance.spin)
        chain = (*order, *after, self.seed, self.lock, self.dice, self.takes.spin, self.generate)
        for before, behind in pairwise(chain):
            QWidget.setTabOrder(before, behind)

    # What is shown

    @property
    def role(self) -> Role:
        """The role that is shown."""
        return tuple(Role)[max(int(self.tabs.currentIndex()), 0)]

    @property
    def prompts(self) -> tuple[ClipPrompt, ...]:
        """The selection's prompts of the role that is shown."""
        return self._prompts.get(self.role, ())

    def _role_changed(self, _: int) -> None:
        self.flush()
        self._show()

    def _common(self, name: str) -> Any:
        return self._summaries[self.role].values[name]

    def set_role(self, role: Role) -> None:
        """Show a role."""
        self.tabs.setCurrentIndex(tuple(Role).index(role))

    def set_default_engine(self, name: str) -> None:
        """Name the engine of clips that choose none."""
        self._default_engine = name
        self._infos = _infos()
        self._show()

    def set_prompts(self, prompts: Sequence[ClipPrompt]) -> None:
        """Show the prompts of a selection: of each clip one per role; none when nothing is selected."""
        if self._typed is not None:
            self.flush()
        by_role: dict[Role, list[ClipPrompt]] = {}
        for prompt in prompts:
            by_role.setdefault(prompt.role, []).append(prompt)
        found = {role: tuple(group) for role, group in by_role.items()}
        if found != self._prompts:
            kept = {role: self._summaries[role] for role in self._summaries if found.get(role) == self._prompts[role]}
            self._prompts = found
            self._summaries = {role: kept.get(role) or Summary.of(group) for role, group in found.items()}
            self._show()

    def _show(self) -> None:
        prompts = self.prompts
        self.form.setVisible(bool(prompts))
        self.tabs.setVisible(bool(self._prompts))
        self.hint.setVisible(not prompts)
        self.count.setText(self.tr("{n} clips").format(n=len(prompts)) if len(prompts) > 1 else "")
        if not prompts:
            return
        self._show_tabs()
        mixed = self.tr("Mixed")
        for name, field in self._texts():
            value = self._common(name)
            field.show_text("" if value is MIXED else value)
            placeholder = self.tr("Several texts; typing replaces them all") if value is MIXED else self._example(name)
            if field.placeholderText() != placeholder:
                field.setPlaceholderText(placeholder)
        enabled = self._common("enabled")
        with QSignalBlocker(self.enabled):
            self.enabled.setTristate(enabled is MIXED)
            self.enabled.setCheckState(
                Qt.CheckState.PartiallyChecked
                if enabled is MIXED
                else Qt.CheckState.Checked
                if enabled
                else Qt.CheckState.Unchecked
            )
        info = self._info()
        words = {"steps": self.tr("Default"), "guidance": self.tr("Default"), "text_guidance": self.tr("Default")}
        if info is not None:
            words["steps"] = self.tr("Default ({n})").format(n=info.default_steps)
        for name, number in self._numbers():
            value = self._common(name)
            is_mixed = value is MIXED
            number.show_value(
                None if is_mixed else value, is_mixed=is_mixed, words=words.get(name, ""), mixed_words=mixed
            )
        seed = self._common("seed")
        self.seed.setPlaceholderText(mixed if seed is MIXED else "")
        shown = "" if seed is MIXED else str(seed)
        if self.seed.text() != shown and not (self.seed.hasFocus() and not self.seed.hasAcceptableInput()):
            self.seed.setText(shown)
            self.seed.setCursorPosition(0)
        locked = self._common("seed_locked")
        self.lock.setChecked(locked is True)
        self.dice.setEnabled(locked is not True)
        self._show_engines(mixed)
        self._show_abilities(info)
        for name, label in self.labels.items():
            label.show_differs(name in self._summaries[self.role].differing)

    def _show_tabs(self) -> None:
        for at, role in enumerate(Role):
            group = self._prompts.get(role, ())
            marks = self._summaries[role].differing - {"enabled"} if group else ()
            text = f"{role.value} •" if marks else role.value
            if self.tabs.tabText(at) != text:
                self.tabs.setTabText(at, text)
            is_on = any(prompt.enabled for prompt in group)
            # Not by the text's colour: the style sheet's wins.
            self.tabs.setTabIcon(at, icons.dot(theme.ROLE_COLOURS[role] if is_on else theme.FAINT, filled=is_on))
            state = self.tr("made") if is_on else self.tr("not made")
            self.tabs.setAccessibleTabName(at, f"{role.value}, {state}")

    def _show_engines(self, mixed: str) -> None:
        value = self._common("engine")
        with QSignalBlocker(self.engine):
            self.engine.clear()
            self.engine.addItem(self.tr("Default ({engine})").format(engine=self._default_engine), None)
            for name in self._infos:
                self.engine.addItem(name, name)
            if value is MIXED:
                self.engine.setCurrentIndex(-1)
                self.engine.setPlaceholderText(mixed)
            else:
                if value is not None and value not in self._infos:
                    self.engine.addItem(self.tr("{engine} (not installed)").format(engine=value), value)
                self.engine.setCurrentIndex(max(self.engine.findData(value), 0))

    def _show_abilities(self, info: EngineInfo | None) -> None:
        """Grey out what the engine cannot do, and say what it will not make."""
        role = self.role
        is_speaking = role is Role.DX or self._common("transcript") != ""
        self.labels["transcript"].setVisible(is_speaking)
        self.transcript.setVisible(is_speaking)
        notes = []
        if info is not None:
            if role not in info.roles and any(prompt.enabled for prompt in self.prompts):
                able = [name for name, other in self._infos.items() if role in other.roles]
                note = self.tr("{engine} makes no {role}.").format(engine=info.name, role=role.value)
                if able:
                    note += " " + self.tr("Engines that do: {names}.").format(names=", ".join(able))
                notes.append(note)
            if role is Role.DX and not info.takes_transcript:
                notes.append(self.tr("{engine} does not speak words.").format(engine=info.name))
        self.negative_text.setEnabled(info is None or info.takes_negative_text)
        self.text_guidance.setEnabled(info is None or _TEXT_GUIDANCE in info.options)
        self.text_guidance.setToolTip(
            "" if self.text_guidance.isEnabled() else self.tr("This engine has one guidance for both")
        )
        self.note.setText("\n".join(notes))
        self.note.setVisible(bool(notes))

    def _info(self) -> EngineInfo | None:
        """The engine that renders all of the selection; None when there are several."""
        value = self._common("engine")
        return (
            None if value is MIXED else self._infos.get(registry.engine_for(value or self._default_engine, self.role))
        )

    def _example(self, name: str) -> str:
        if name == "negative_text":
            return str(self.tr("music, speech"))
        if name == "transcript":
            return str(self.tr("What is said"))
        examples: dict[Role, str] = {
            Role.FX: self.tr("From the picture alone. Or: footsteps on gravel, a door"),
            Role.AMB: self.tr("From the picture alone. Or: quiet street, distant traffic"),
            Role.MUS: self.tr("calm underscore, soft pads"),
            Role.DX: self.tr("a calm voice, close"),
        }
        return examples[self.role]

    # What the user does

    def _set(self, name: str, value: Any) -> None:
        self._emit(with_value(self.prompts, name, value))

    def _emit(self, new: Sequence[ClipPrompt]) -> None:
        """Tell what is wanted now, and show it at once."""
        if not new:
            return
        role = new[0].role
        changed = {prompt.clip_id: prompt for prompt in new}
        now = tuple(changed.get(prompt.clip_id, prompt) for prompt in self._prompts[role])
        if now == self._prompts[role]:
            return
        self._prompts = {**self._prompts, role: now}
        self._summaries = {**self._summaries, role: Summary.of(now)}
        self._show()
        self.edited.emit(tuple(new))

    def _text_typed(self, name: str, text: str) -> None:
        if self._typed is not None and self._typed[:2] != (self.role, name):
            self.flush()
        if len(self.prompts) <= _MANY:
            self._set(name, text)
        else:
            self._typed = self.role, name, text
            self._typing.start()

    def flush(self) -> None:
        """Take over what was typed and waits for a pause."""
        typed, self._typed = self._typed, None
        self._typing.stop()
        if typed is not None:
            role, name, text = typed
            self._emit(with_value(self._prompts.get(role, ()), name, text))

    def _enabled_clicked(self, on: bool) -> None:
        self.enabled.setTristate(False)
        self._set("enabled", bool(on))

    def _seed_typed(self, text: str) -> None:
        if self.seed.hasAcceptableInput():
            self._set("seed", int(text))

    def _generate(self) -> None:
        if self.prompts:
            self._remember()
            self.generate_requested.emit()

    def _remember(self) -> None:
        self.flush()
        if self.prompts:
            text, negative = self._common("text"), self._common("negative_text")
            if text is not MIXED and negative is not MIXED:
                self._history.add(self.role, text, negative)

    # Presets and history

    def _load_presets(self) -> Presets:
        try:
            return Presets.load(config_folder())
        except PromptError as error:
            self._presets_damage = str(error)
            return Presets(path=config_folder() / "presets.toml")

    def apply_preset(self, preset: Preset) -> None:
        """Lay a preset over the selection."""
        self._emit([preset.on(prompt) for prompt in self.prompts])

    def save_preset(self, name: str) -> None:
        """Keep what the first selected clip is asked for as a preset."""
        if self._presets_damage:
            # What is in the damaged file is the user's: it is not written over.
            self.failed.emit(self._presets_damage)
            return
        try:
            self._presets.save(Preset.of(name, self.prompts[0]))
        except PromptError as error:
            self.failed.emit(str(error))

    def remove_preset(self, preset: Preset) -> None:
        """Forget one of the user's own presets."""
        try:
            self._presets.remove(preset)
        except PromptError as error:
            self.failed.emit(str(error))

    def _fill_presets(self, menu: QMenu) -> None:
        presets = self._presets.of(self.role)
        own = [preset for preset in presets if preset.is_own]
        if self._presets_damage:
            menu.addAction(self.tr("Your presets cannot be read"), lambda: self.failed.emit(self._presets_damage))
            menu.addSeparator()
        for number, preset in enumerate(presets):
            if own and number == len(own):
                menu.addSeparator()
            action = menu.addAction(_short(preset.name))
            action.setToolTip(preset.text)
            action.triggered.connect(lambda _=False, preset=preset: self.apply_preset(preset))
        menu.setToolTipsVisible(True)
        menu.addSeparator()
        menu.addAction(self.tr("Save as Preset…"), self._ask_name)
        if own:
            remove = menu.addMenu(self.tr("Delete Preset"))
            for preset in own:
                action = remove.addAction(_short(preset.name))
                action.triggered.connect(lambda _=False, preset=preset: self.remove_preset(preset))

    def _ask_name(self) -> None:
        name, is_given = QInputDialog.getText(self, self.tr("Save as preset"), self.tr("Name of the preset"))
        if is_given and name.strip():
            self.save_preset(name)

    def _fill_history(self, menu: QMenu) -> None:
        used = self._history.of(self.role)[:_MOST_SHOWN]
        menu.setToolTipsVisible(True)
        for text, negative in used:
            words = text or self.tr("not: {text}").format(text=negative)
            action = menu.addAction(_short(words))
            action.setToolTip(f"{text}\n– {negative}" if negative else text)
            action.triggered.connect(lambda _=False, pair=(text, negative): self._use(*pair))
        if not used:
            menu.addAction(self.tr("Nothing yet: prompts you use appear here")).setEnabled(False)

    def _use(self, text: str, negative: str) -> None:
        self._emit(with_value(with_value(self.prompts, "text", text), "negative_text", negative))


def _menu_button(text: str, fill: Callable[[QMenu], None]) -> QToolButton:
    button = QToolButton(text=f"{text} ▾")
    button.setAccessibleName(text)
    button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    menu = QMenu(button)

    def refill() -> None:
        menu.clear()
        fill(menu)

    menu.aboutToShow.connect(refill)
    button.setMenu(menu)
    return button


def _short(text: str) -> str:
    line = " ".join(text.split()).replace("&", "&&")
    return line if len(line) <= _SHOWN_LETTERS else f"{line[:_SHOWN_LETTERS]}…"


def _infos() -> dict[str, EngineInfo]:
    try:
        return {name: spec.info for name, spec in registry.specs().items()}
    except EngineError:  # a broken engine of somebody else's: the engines page says which
        return {registry.DEFAULT_ENGINE: registry.find(registry.DEFAULT_ENGINE).info}
