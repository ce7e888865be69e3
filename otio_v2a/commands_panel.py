"""What `otio-v2a panel` does: hand over to the panel, or say what is missing. Knows no Qt."""

import argparse
import importlib

from otio_v2a.errors import V2AError

__all__ = ["panel"]


def panel(args: argparse.Namespace) -> int:
    """`otio-v2a panel [CUT]`."""
    try:
        # By name: this floor knows nothing of the one above it.
        app = importlib.import_module("otio_v2a_ui.app")
        return int(app.run(args.cut))
    except ImportError as error:
        if (error.name or "").partition(".")[0] in ("PySide6", "shiboken6"):
            raise V2AError("the panel needs PySide6, which is not installed: pip install 'otio-v2a[ui]'") from error
        raise V2AError(
            f"the panel cannot be started: {error}. On Linux Qt needs some system libraries, on Debian: "
            "apt-get install libegl1 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libpulse0"
        ) from error
