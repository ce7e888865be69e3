"""Owns worker processes that outlive one search or run, so that the next finds its engine loaded. Knows no jobs."""

import threading
from pathlib import Path

from otio_v2a.worker_process import WorkerProcess, WorkerSettings

__all__ = ["Workers"]


class Workers:
    """Idle worker processes. A context: leaving it ends them. May be used from any thread."""

    def __init__(self) -> None:
        """Nothing is started yet."""
        self._idle: list[WorkerProcess] = []
        self._lock = threading.Lock()

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End those that are idle. Never raises."""
        with self._lock:
            idle, self._idle = self._idle, []
        for worker in idle:
            # One that nobody has spoken to yet has nothing to finish: it is not waited for.
            if worker.is_ready:
                worker.close()
            worker.kill()

    def start_ahead(self, *, log_path: Path, settings: WorkerSettings, engine: str, device: str) -> None:
        """Start a worker that loads an engine by itself; returns at once, and never raises."""
        worker = WorkerProcess(log_path=log_path, settings=settings)
        worker.start_ahead(engine=engine, device=device)
        self.give_back(worker)

    def take(self, *, log_path: Path, settings: WorkerSettings) -> WorkerProcess:
        """An idle worker with that log and these settings, else a new one that is not started yet."""
        with self._lock:
            for worker in self._idle:
                if (worker.log_path, worker.settings) == (log_path, settings):
                    self._idle.remove(worker)
                    return worker
        return WorkerProcess(log_path=log_path, settings=settings)

    def give_back(self, worker: WorkerProcess) -> None:
        """Keep a worker for the next who needs one."""
        with self._lock:
            self._idle.append(worker)
