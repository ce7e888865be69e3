"""What the licences of weights allow and forbid, in a line for an editor. No legal advice; knows no Qt."""

__all__ = ["forbids"]

_WORDS = {
    "apache-2.0": "Commercial work is allowed. Copies of the weights must keep their notices.",
    "mit": "Commercial work is allowed. Copies of the weights must keep their notice.",
    "bsd-3-clause": "Commercial work is allowed. Copies of the weights must keep their notice.",
    "cc0-1.0": "Nothing is forbidden.",
    "cc-by-4.0": "Commercial work is allowed. The authors must be named.",
    "cc-by-sa-4.0": "Commercial work is allowed. The authors must be named; changed weights keep this licence.",
    "cc-by-nc-4.0": "No commercial work. The authors must be named.",
    "cc-by-nc-sa-4.0": "No commercial work. The authors must be named; changed weights keep this licence.",
    "cc-by-nc-nd-4.0": "No commercial work, and no changed weights. The authors must be named.",
}
_UNKNOWN = "Not known to this program: read the licence before you deliver anything made with these weights."


def forbids(licence: str) -> str:
    """What a licence forbids; says so when that is not known."""
    text = licence.strip().lower()
    if not text:
        return "There are no weights."
    if text in _WORDS:
        return _WORDS[text]
    if "openrail" in text:
        return "Commercial work is allowed, but for the uses that the licence lists (harm, deception): read them."
    if "-nc" in text or "non-commercial" in text or "noncommercial" in text:
        return "No commercial work."
    return _UNKNOWN
