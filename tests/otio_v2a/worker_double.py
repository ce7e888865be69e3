"""A worker of the wire protocol that renders a known signal and misbehaves on request; run as a program.

The prompt's text says how: "slow 0.5" sleeps so long in steps, "fail MESSAGE" fails, "crash" kills itself, "crash once
PATH" does so until PATH exists, "meet 3 DIR" waits until three processes have come to DIR, "hold PATH" waits until PATH
exists, "hang" falls silent, "wait 60" waits for a cancel in its middle, "stubborn" heeds none,
"wrong" writes a sample too few, "version" is of another version, "unusual" warns, "chatter" prints what is no message,
"misfit 0.2 0.1 0.7" fits so well the first time that it is listened to, the second, and so on, "bleed 0.9 0.1" has
speech in it as surely, "deaf" cannot be heard.
Every request that was rendered is appended to $DOUBLE_LOG as a line, every process at its start to $DOUBLE_PIDS, every
cancel to $DOUBLE_CANCELS, every search for events to $DOUBLE_EVENTS; they are seen at a quarter and three quarters.
"""

import os
import queue
import signal
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile

from otio_v2a_engine import wire
from otio_v2a_engine.bleed_note import Bleed
from otio_v2a_engine.contract import VisualEvent

_cancelled: set[str] = set()
_listened: dict[str, int] = {}
_commands: "queue.SimpleQueue[wire.Command | None]" = queue.SimpleQueue()


def _say(event: wire.Event) -> None:
    sys.stdout.write(wire.encode(event) + "\n")
    sys.stdout.flush()


def _read() -> None:
    for line in sys.stdin:
        command = wire.decode_command(line)
        if isinstance(command, wire.Cancel):
            _cancelled.add(command.id)
            _note("DOUBLE_CANCELS", command.id)
        else:
            _commands.put(command)
    # The host is gone: nobody wants the rest.
    os._exit(0)


def _note(variable: str, line: str) -> None:
    """Append a line to the file that an environment variable names, if it does."""
    if variable in os.environ:
        with open(os.environ[variable], "a") as log:
            log.write(f"{line}\n")


def _wait(command_id: str, seconds: float) -> bool:
    """Whether the command was cancelled within so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if command_id in _cancelled:
            return True
        time.sleep(0.02)
    return False


def _meet(count: int, folder: Path) -> None:
    """Wait until so many processes have come to a folder; 60 s at most."""
    (folder / str(os.getpid())).touch()
    end = time.monotonic() + 60
    while len(list(folder.iterdir())) < count and time.monotonic() < end:
        time.sleep(0.02)


def _render(command: wire.Render) -> wire.Event:
    words = command.request.prompt.text.split()
    verb = " ".join(words[:1])
    steps = 10
    for step in range(steps):
        if command.id in _cancelled:
            return wire.Failed(command.id, "Cancelled", "cancelled")
        if verb == "slow":
            time.sleep(float(words[1]) / steps)
        _say(wire.Advanced(command.id, step, steps, "rendering"))
        if step == steps // 2:
            if verb == "crash" and (words[1:2] != ["once"] or not Path(words[2]).exists()):
                if words[1:2] == ["once"]:
                    Path(words[2]).touch()
                sys.stderr.write("about to run out of memory\n")
                os.kill(os.getpid(), signal.SIGKILL)
            if verb == "meet":
                _meet(int(words[1]), Path(words[2]))
            if verb == "hold":
                while not Path(words[1]).exists():
                    time.sleep(0.02)
            if verb in ("hang", "stubborn"):
                time.sleep(3600)
            if verb == "wait" and _wait(command.id, float(words[1])):
                return wire.Failed(command.id, "Cancelled", "cancelled")
            if verb == "fail":
                return wire.Failed(command.id, "PictureError", " ".join(words[1:]))
            if verb == "chatter":
                sys.stdout.write("this is no message\n")
    request = command.request
    n_samples = request.n_samples - (verb == "wrong")
    rng = np.random.default_rng(request.seed)
    samples = rng.uniform(-0.1, 0.1, (n_samples, request.channels)).astype(np.float32)
    soundfile.write(command.out_path, samples, request.sample_rate, subtype="FLOAT", format="WAV")
    _note("DOUBLE_LOG", f"{request.prompt.role} {request.seed} {os.getpid()}")
    version = "other" if verb == "version" else "1"
    warnings = ("the prompt is unusual",) if verb == "unusual" else ()
    return wire.Finished(
        command.id, command.out_path, n_samples, request.sample_rate, request.channels, version, 0.5, 0.25, warnings
    )


def _measure_fit(command: wire.MeasureFit) -> wire.Event:
    words = command.prompt.text.split()
    number = _listened[command.prompt.text] = _listened.get(command.prompt.text, -1) + 1
    frames = soundfile.info(command.path).frames
    assert command.first + command.n_samples <= frames
    if words[:1] == ["deaf"]:
        return wire.Failed(command.id, "WeightsError", "the ear is gone")
    verb = "".join(words[:1])
    bleed = Bleed(speech=float(words[1:][number]), music=0.0) if verb == "bleed" else None
    fit = float(words[1:][number]) if verb == "misfit" else 0.9
    return wire.FitMeasured(command.id, fit if words else None, bleed)


def main() -> None:
    threading.Thread(target=_read, daemon=True).start()
    _note("DOUBLE_PIDS", str(os.getpid()))
    _say(wire.Ready(os.getpid()))
    while True:
        command = _commands.get()
        if isinstance(command, wire.Quit):
            return
        if isinstance(command, wire.FindShots):
            if "broken" in command.picture.path:
                _say(wire.Failed(command.id, "PictureError", f"{command.picture.path} cannot be decoded"))
            else:
                _say(wire.Advanced(command.id, 1, 2, "looking for shots"))
                _say(wire.ShotsFound(command.id, (command.duration_s * Fraction(1, 3),)))
        elif isinstance(command, wire.FindEvents):
            _note("DOUBLE_EVENTS", " ".join((str(command.duration_s), *command.options)))
            if "broken" in command.picture.path:
                _say(wire.Failed(command.id, "PictureError", f"{command.picture.path} cannot be decoded"))
            else:
                times = (command.duration_s / 4, command.duration_s * Fraction(3, 4))
                _say(wire.EventsFound(command.id, tuple(VisualEvent(time_s, 0.9) for time_s in times)))
        elif isinstance(command, wire.MeasureFit):
            _say(_measure_fit(command))
        elif isinstance(command, wire.Render):
            _say(_render(command))


if __name__ == "__main__":
    main()
