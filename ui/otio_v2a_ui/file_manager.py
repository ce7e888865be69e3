"""Shows a file in the system's file manager. Knows nothing of what the file is."""

import subprocess
import sys
from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices

__all__ = ["reveal"]


def reveal(path: Path) -> bool:
    """Show a file where it lies, marked where the system can do that; returns whether something was opened."""
    if sys.platform == "win32":
        subprocess.Popen(["explorer", "/select,", str(path)])
        return True
    if sys.platform == "darwin":
        subprocess.Popen(["open", "-R", str(path)])
        return True
    return bool(QDesktopServices.openUrl(QUrl.fromLocalFile(str(path.parent))))
