"""Words looked up by variable, spelled out for the tool that collects what is to be translated. Does nothing."""

from PySide6.QtCore import QT_TRANSLATE_NOOP

__all__ = ["WORDS"]

WORDS = (
    QT_TRANSLATE_NOOP("Status", "New"),
    QT_TRANSLATE_NOOP("Status", "Missing"),
    QT_TRANSLATE_NOOP("Status", "Queued"),
    QT_TRANSLATE_NOOP("Status", "Rendering"),
    QT_TRANSLATE_NOOP("Status", "Done"),
    QT_TRANSLATE_NOOP("Status", "Failed"),
    QT_TRANSLATE_NOOP("Status", "Changed"),
    QT_TRANSLATE_NOOP("Undo", "choose {role} take of {clip}"),
    QT_TRANSLATE_NOOP("Undo", "drop {role} take of {clip}"),
    QT_TRANSLATE_NOOP("Undo", "star {role} take of {clip}"),
    QT_TRANSLATE_NOOP("Undo", "unstar {role} take of {clip}"),
    QT_TRANSLATE_NOOP("Undo", "adjust {role} of {clip}"),
    QT_TRANSLATE_NOOP("QueueView", "{done} of {total}"),
    QT_TRANSLATE_NOOP("QueueView", "{n} failed"),
    QT_TRANSLATE_NOOP("QueueView", "paused"),
    QT_TRANSLATE_NOOP("QueueView", "{time} left"),
    QT_TRANSLATE_NOOP("QueueView", "starting"),
    QT_TRANSLATE_NOOP("QueueView", "failed"),
    QT_TRANSLATE_NOOP("QueueView", "waiting"),
    QT_TRANSLATE_NOOP("QueueView", "done"),
    QT_TRANSLATE_NOOP("QueueView", "cancelled"),
    QT_TRANSLATE_NOOP("Licence", "Commercial work is allowed. Copies of the weights must keep their notices."),
    QT_TRANSLATE_NOOP("Licence", "Commercial work is allowed. Copies of the weights must keep their notice."),
    QT_TRANSLATE_NOOP("Licence", "Nothing is forbidden."),
    QT_TRANSLATE_NOOP("Licence", "Commercial work is allowed. The authors must be named."),
    QT_TRANSLATE_NOOP(
        "Licence", "Commercial work is allowed. The authors must be named; changed weights keep this licence."
    ),
    QT_TRANSLATE_NOOP("Licence", "No commercial work. The authors must be named."),
    QT_TRANSLATE_NOOP("Licence", "No commercial work. The authors must be named; changed weights keep this licence."),
    QT_TRANSLATE_NOOP("Licence", "No commercial work, and no changed weights. The authors must be named."),
    QT_TRANSLATE_NOOP(
        "Licence", "Not known to this program: read the licence before you deliver anything made with these weights."
    ),
    QT_TRANSLATE_NOOP("Licence", "There are no weights."),
    QT_TRANSLATE_NOOP(
        "Licence", "Commercial work is allowed, but for the uses that the licence lists (harm, deception): read them."
    ),
    QT_TRANSLATE_NOOP("Licence", "No commercial work."),
)
