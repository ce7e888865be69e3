"""Owns the pause of garbage collection while thousands of objects are made that all stay. Knows nothing of them."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["without_collections"]


@contextmanager
def without_collections() -> Iterator[None]:
    """No cyclic garbage collection inside: it would walk all that was made so far, again and again, and free nothing.

    Also a decorator. The collector is left as it was found, but for what was made since it last ran: that counts as
    old at once, or it would be walked right after.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            # Freezing sets all apart and thawing calls it old; what somebody else has set apart must stay so.
            if not gc.get_freeze_count():
                gc.freeze()
                gc.unfreeze()
            gc.enable()
