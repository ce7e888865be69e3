"""Owns how a caller's thread watches work in another one, and how Ctrl-C reaches it. Knows no jobs."""

import queue
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

from otio_v2a.errors import RunError
from otio_v2a.worker_process import Stop

__all__ = ["interrupts", "pump"]

T = TypeVar("T")

_POLL_S = 0.1


def pump(
    work: Callable[[Callable[[T], None]], None],
    take_in: Callable[[T], None],
    *,
    stop: Stop,
    cancelled: Callable[[], bool],
) -> None:
    """Run `work(post)` in a thread and give what it posts to `take_in` in this one, until it returns."""
    messages: queue.SimpleQueue[tuple[T] | None] = queue.SimpleQueue()
    errors: list[BaseException] = []

    def supervise() -> None:
        try:
            work(lambda message: messages.put((message,)))
        except BaseException as error:
            errors.append(error)
        finally:
            messages.put(None)

    if cancelled():  # before anything begins, so that nothing does
        stop.cancel.set()
    thread = threading.Thread(target=supervise, name="run")
    thread.start()
    over = False
    try:
        while not over:
            if not stop.asked and cancelled():
                stop.cancel.set()
            try:
                message = messages.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            over = message is None
            if message is not None:
                take_in(message[0])
    finally:
        if not over:  # the caller's own callback failed
            stop.kill.set()
        thread.join()
    if errors:
        raise RunError(f"the run broke off: {errors[0]}") from errors[0]


@contextmanager
def interrupts(stop: Stop) -> Iterator[None]:
    """Turn Ctrl-C and SIGTERM into `stop`, in the main thread and where nobody else handles them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if stop.cancel.is_set():
            stop.kill.set()
        stop.cancel.set()

    replaced = {}
    for number, default in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
        if signal.getsignal(number) is default:
            replaced[number] = signal.signal(number, handle)
    try:
        yield
    finally:
        for number, previous in replaced.items():
            signal.signal(number, previous)
