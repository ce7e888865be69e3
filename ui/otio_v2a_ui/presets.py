"""Owns prompt presets by role: those that ship and those that a user saves, as TOML. Knows no Qt and no document."""

import json
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from otio_v2a.atomic import atomic_file
from otio_v2a.errors import PromptError
from otio_v2a_engine.contract import Role
from otio_v2a_ui.state import ClipPrompt

__all__ = ["SHIPPED", "Preset", "Presets"]

_FILE = "presets.toml"
_LONGEST_NAME = 60
_LARGEST_BYTES = 1 << 20


@dataclass(frozen=True)
class Preset:
    """What one stem should sound like, under a name. A field that is None leaves the clip's own as it is.

    Attributes:
        name: what the user calls it; unique within a role.
        role: the stem.
        text: positive prompt.
        negative_text: sounds to steer away from.
        engine: who renders it.
        steps: sampler steps.
        guidance: how strictly picture and prompt are followed.
        text_guidance: the same for the text alone.
        is_own: whether the user saved it; the others ship with the program.
    """

    name: str
    role: Role
    text: str = ""
    negative_text: str = ""
    engine: str | None = None
    steps: int | None = None
    guidance: float | None = None
    text_guidance: float | None = None
    is_own: bool = True

    def __post_init__(self) -> None:
        if not self.name.strip() or len(self.name) > _LONGEST_NAME or not self.name.isprintable():
            raise PromptError(f"a preset needs a name of 1 to {_LONGEST_NAME} characters, not {self.name!r}")

    @classmethod
    def of(cls, name: str, prompt: ClipPrompt) -> "Preset":
        """What a clip is asked for, as a preset; its seed, takes and transcript are the clip's own affair."""
        return cls(
            name=name.strip(),
            role=prompt.role,
            text=prompt.text,
            negative_text=prompt.negative_text,
            engine=prompt.engine,
            steps=prompt.steps,
            guidance=prompt.guidance,
            text_guidance=prompt.text_guidance,
        )

    def on(self, prompt: ClipPrompt) -> ClipPrompt:
        """A prompt of the same role with this preset laid over it."""
        if prompt.role is not self.role:
            raise PromptError(f"preset {self.name!r} is for {self.role}, not for {prompt.role}")
        given = {name: getattr(self, name) for name in _SETTINGS if getattr(self, name) is not None}
        return replace(prompt, text=self.text, negative_text=self.negative_text, **given)


_SETTINGS = ("engine", "steps", "guidance", "text_guidance")
_WORDS = ("name", "role", "text", "negative_text", *_SETTINGS)
_KINDS = {"steps": int, "guidance": float, "text_guidance": float}


def _shipped(name: str, role: Role, text: str, negative_text: str = "") -> Preset:
    return Preset(name=name, role=role, text=text, negative_text=negative_text, is_own=False)


SHIPPED = (
    _shipped("Footsteps, hard floor", Role.FX, "footsteps on a hard floor, leather soles, close", "music, speech"),
    _shipped("Footsteps, gravel", Role.FX, "footsteps crunching on gravel, outdoors", "music, speech"),
    _shipped("Cloth and props", Role.FX, "clothing rustle, small props handled, close and dry", "music, speech, wind"),
    _shipped("Impacts", Role.FX, "solid impacts, objects set down, wood and metal", "music, speech"),
    _shipped("Water", Role.FX, "water pouring and splashing, close", "music, speech, hiss"),
    _shipped("Vehicles", Role.FX, "car engine passing by, tyres on asphalt", "music, speech"),
    _shipped("Room tone", Role.AMB, "quiet room tone, soft air", "music, speech, hum"),
    _shipped("City street", Role.AMB, "city street, distant traffic, people walking", "music, speech"),
    _shipped("Forest", Role.AMB, "forest, birds, light wind in leaves", "music, speech, traffic"),
    _shipped("Sea shore", Role.AMB, "waves on a beach, gulls in the distance", "music, speech"),
    _shipped("Night", Role.AMB, "night outdoors, crickets, faint wind", "music, speech, traffic"),
    _shipped("Underscore, calm", Role.MUS, "calm ambient underscore, soft pads, slow", "speech, drums"),
    _shipped("Underscore, tense", Role.MUS, "tense underscore, low strings, pulse", "speech"),
    _shipped("Dialogue, close", Role.DX, "clear speech, close microphone, dry", "music, noise, reverb"),
)
"""What ships with the program."""


class Presets:
    """Presets that ship and those of the user. Each change is on the disk when the call returns."""

    def __init__(self, own: Sequence[Preset] = (), *, path: Path) -> None:
        """Use `Presets.load`."""
        self.path = path
        self._own = {(preset.role, preset.name.casefold()): preset for preset in own}

    @classmethod
    def load(cls, folder: Path) -> "Presets":
        """The presets of a configuration folder, which need not exist.

        Raises:
            PromptError: the file is damaged or cannot be read; it says where and what to do, and it is left alone.
        """
        path = folder / _FILE
        try:
            if path.stat().st_size > _LARGEST_BYTES:
                raise PromptError(f"{path} is too large for a file of presets; move it away to begin anew")
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return cls(path=path)
        except OSError as error:
            raise PromptError(f"{path} cannot be read: {error.strerror or error}") from error
        except ValueError as error:  # tomllib's and UnicodeDecodeError
            raise PromptError(f"{path} is no TOML ({error}); mend it, or move it away to begin anew") from error
        entries = data.get("preset", [])
        if not isinstance(entries, list):
            raise PromptError(f"{path}: presets stand as [[preset]]; mend it, or move it away to begin anew")
        return cls([_read(entry, f"{path}, preset {number}") for number, entry in enumerate(entries, 1)], path=path)

    def of(self, role: Role) -> tuple[Preset, ...]:
        """The presets of a role: the user's own first, by name; one of the user's hides a shipped one of its name."""
        own = sorted((each for each in self._own.values() if each.role is role), key=lambda each: each.name.casefold())
        names = {each.name.casefold() for each in own}
        return (*own, *(each for each in SHIPPED if each.role is role and each.name.casefold() not in names))

    def save(self, preset: Preset) -> None:
        """Keep a preset; one of the same role and name is replaced.

        Raises:
            PromptError: the disk refuses; what was there still is.
        """
        key = preset.role, preset.name.casefold()
        self._write({**self._own, key: replace(preset, is_own=True)})

    def remove(self, preset: Preset) -> None:
        """Forget a preset of the user's own. Raises PromptError when it is not, or when the disk refuses."""
        key = preset.role, preset.name.casefold()
        if key not in self._own:
            raise PromptError(f"{preset.name!r} ships with the program and stays")
        self._write({name: each for name, each in self._own.items() if name != key})

    def _write(self, own: Mapping[tuple[Role, str], Preset]) -> None:
        text = "# Prompt presets of the otio-v2a panel; it reads and writes this file.\n"
        for preset in own.values():
            text += "\n[[preset]]\n"
            for name in _WORDS:
                value = getattr(preset, name)
                if value is not None:
                    text += f"{name} = {_toml(value)}\n"
        try:
            os.makedirs(self.path.parent, exist_ok=True)
            with atomic_file(self.path) as file:
                file.write(text.encode())
        except OSError as error:
            raise PromptError(f"{self.path} cannot be written: {error.strerror or error}") from error
        self._own = dict(own)


def _toml(value: Any) -> str:
    if isinstance(value, str):
        # A basic string of TOML is one of JSON but for the delete character.
        return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)


def _read(entry: Any, where: str) -> Preset:
    if not isinstance(entry, dict):
        raise PromptError(f"{where}: is no table")
    unknown = sorted(set(entry) - set(_WORDS))
    if unknown:
        raise PromptError(f"{where}: {', '.join(unknown)} is not known; known are {', '.join(_WORDS)}")
    values = dict(entry)
    for name, value in values.items():
        kind = _KINDS.get(name, str)
        fits = isinstance(value, int | float) if kind is float else isinstance(value, kind)
        if not fits or isinstance(value, bool):
            raise PromptError(f"{where}: {name} cannot be {value!r}")
    role = str(values.pop("role", "")).upper()
    if role not in [each.value for each in Role]:
        raise PromptError(f"{where}: role is one of {', '.join(Role)}, not {role!r}")
    if re.search(r"\0", str(values)):
        raise PromptError(f"{where}: holds a NUL character")
    return Preset(role=Role(role), **{"name": "", **values})
