"""Reads the manifest of a media folder: which files there are, where they come from, and who to credit."""

import csv
from pathlib import Path

__all__ = ["MANIFEST", "manifest_rows"]

MANIFEST = "MANIFEST.tsv"


def manifest_rows(root: Path) -> list[dict[str, str]]:
    """Rows of a folder's manifest by column (file, source, licence, ...), in its order, without heads that stand again.

    Raises:
        FileNotFoundError: the folder has no manifest.
    """
    with (root / MANIFEST).open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [row for row in rows if row["file"] != "file"]
