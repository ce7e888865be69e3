"""The demo cut that ships with the program: a little silent film, its timeline and the truth about its events."""

from pathlib import Path

__all__ = ["cut_path"]


def cut_path() -> Path:
    """The demo cut's timeline, beside its movies."""
    return Path(__file__).parent / "cut.otio"
