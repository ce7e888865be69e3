"""The tree of errors of the timeline layer. Knows nothing but itself.

    V2AError                    every error a caller may show as it is
    ├── CutError                a cut cannot be read or written (names the file)
    │   └── ClipError           one clip of it cannot be used (names the clip and its track)
    ├── MediaError              a picture or sound file cannot be used (names the file)
    ├── PromptError             a flag, cue sheet or metadata entry is wrong (names where it stands)
    ├── PlanError               the plan is impossible (unknown engine, bad option)
    ├── RunError                the worker failed as a whole
    │   └── JobError            one job failed (names its clip)
    ├── TakeError               a take is missing or cannot be chosen or dropped
    ├── StemError               a stem cannot be written
    ├── TargetError             a delivery target cannot carry what it must
    └── WatermarkError          sound cannot be marked or searched, or a key cannot be used (names the file)

Every message says what failed, on which file or clip, and what to do next.
"""

__all__ = [
    "ClipError",
    "CutError",
    "JobError",
    "MediaError",
    "PlanError",
    "PromptError",
    "RunError",
    "StemError",
    "TakeError",
    "TargetError",
    "V2AError",
    "WatermarkError",
]


class V2AError(Exception):
    """Base of every error that is shown to a user as it is."""


class CutError(V2AError):
    """A cut cannot be read or written."""


class ClipError(CutError):
    """One clip of a cut cannot be used."""


class MediaError(V2AError):
    """A picture or sound file cannot be used."""


class PromptError(V2AError):
    """A prompt flag, cue sheet or metadata entry is wrong."""


class PlanError(V2AError):
    """A plan cannot be made from the options given."""


class RunError(V2AError):
    """The worker failed as a whole."""


class JobError(RunError):
    """One job failed; the others are not affected."""


class TakeError(V2AError):
    """A take is missing, or cannot be chosen or dropped."""


class StemError(V2AError):
    """A stem cannot be written."""


class TargetError(V2AError):
    """A delivery target cannot carry what it must."""


class WatermarkError(V2AError):
    """Sound cannot be marked or searched for a mark, or a key cannot be used."""
