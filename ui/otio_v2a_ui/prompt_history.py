"""Owns the prompts that were used before, by role, in a file of the user's. Knows no Qt."""

import json
import logging
import os
from pathlib import Path

from otio_v2a.atomic import atomic_file
from otio_v2a_engine.contract import Role

__all__ = ["PromptHistory"]

_log = logging.getLogger(__name__)

_FILE = "prompt-history.json"
_MOST = 50
_LARGEST_BYTES = 4 << 20


class PromptHistory:
    """Texts with their negative texts, the latest first. A file that cannot be read or written only costs history."""

    def __init__(self, folder: Path) -> None:
        """Read what a folder, which need not exist, remembers."""
        self._path = folder / _FILE
        self._used: dict[Role, list[tuple[str, str]]] = {role: [] for role in Role}
        try:
            if self._path.stat().st_size <= _LARGEST_BYTES:
                data = json.loads(self._path.read_text(encoding="utf-8"))
                for role in Role:
                    self._used[role] = [(str(text), str(negative)) for text, negative in data.get(role.value, [])]
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError, AttributeError) as error:
            _log.warning("the history of prompts in %s cannot be read: %s", self._path, error)

    def of(self, role: Role) -> tuple[tuple[str, str], ...]:
        """Positive and negative texts of a role, the latest first."""
        return tuple(self._used[role])

    def add(self, role: Role, text: str, negative_text: str) -> None:
        """Remember what was used; texts that say nothing are not."""
        pair = (text.strip(), negative_text.strip())
        used = self._used[role]
        if not any(pair) or used[:1] == [pair]:
            return
        self._used[role] = [pair, *(other for other in used if other != pair)][:_MOST]
        try:
            os.makedirs(self._path.parent, exist_ok=True)
            with atomic_file(self._path) as file:
                data = {role.value: pairs for role, pairs in self._used.items()}
                file.write(json.dumps(data, ensure_ascii=False).encode())
        except OSError as error:
            _log.warning("the history of prompts in %s cannot be written: %s", self._path, error)
