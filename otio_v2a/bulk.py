"""Owns the pause of garbage collection while thousands of objects are made that all stay. Knows nothing of them."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["without_collections"]


@contextmanager
def without_collections() -> Iterator[None]:
    """No cyclic garbage collection inside: it would walk all that was made so far, again and again, and free nothing.

    Also a decorator. The collector is left as it was found.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
