"""Named moments at which a test may end, stop or starve this process. Switched off unless the environment says so.

`FLIPBOOK_FAILPOINTS="media.rename.before=kill@3; relay.sent=hang"` kills this process the third time a file is about
to be renamed, and lets it hang every time a message was sent. A crash is then no accident of timing: each boundary
between two durable steps can be hit as often as a test likes, in a real process, by a real signal.

Actions: `kill` (no cleanup, no farewell) · `stop` (until somebody continues the process) · `enospc` (OSError, as a full
disk gives it) · `hang` (this thread stands still for good). With `@n` only the n-th time, without it every time.
"""

from __future__ import annotations

import errno
import itertools
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping

VARIABLE = "FLIPBOOK_FAILPOINTS"

POINTS = {
    "store.write": "a transaction is about to take the write lock",
    "store.commit.before": "a transaction has written everything and is about to commit",
    "store.commit.after": "a transaction is committed and its caller does not know yet",
    "media.written": "a file's bytes are written beside its place, not yet flushed to the disk",
    "media.rename.before": "they are flushed; the file is about to get its name",
    "media.renamed": "it has its name; its folder is not flushed",
    "media.kept": "file and name are on the disk; no row names it",
    "update.taken": "an update of a platform is here, and that it was begun is noted; nothing else of it is done",
    "update.dealt": "all that an update asks for is committed or refused; the platform does not know yet",
    "desk.kept": "a member's pictures are kept; the request is not submitted",
    "relay.send.before": "a new message is about to be sent",
    "relay.line": "the line that a film goes into stands; its reference is not committed",
    "relay.begun": "the line is committed; the film is not in it",
    "relay.sent": "the platform has the message; its reference is not committed",
    "relay.recorded": "the reference is committed",
    "relay.shown": "everything that a revision asked of the platform is done; it still counts as owed",
    "worker.claimed": "a film is claimed; nothing of it is begun",
    "worker.beat": "a lease is about to be kept",
    "worker.section.file": "a section's checkpoint is in the media folder; no row names it",
    "worker.section.row": "a section's row is committed; the drawing thread does not know yet",
    "worker.settle": "a film is drawn, halted or failed; the write that ends the attempt is to come",
    "draw.block": "between two transformer blocks, within a step",
    "draw.segment": "a run of frames is encoded",
    "draw.join.before": "all frames are encoded; the film is not joined",
    "draw.joined": "the film is joined; it is not in the media folder",
}
"""Every failpoint, and what is so when it is reached."""

_LINGER = 40
"""Waits of 5 ms by which a thread that was stopped goes on later than its process. The stop took all threads at once,
one of them perhaps within a transaction: continued for a moment, it can end that while this one is still here."""

_points: Mapping[str, Callable[[], None]] | None = None


def reach(name: str) -> None:
    """This moment is reached. Does nothing unless the environment, read at the first call, asks for more."""
    points = _points
    if points is None:
        points = _arm(os.environ.get(VARIABLE, ""))
    if points and (act := points.get(name)) is not None:
        act()


def parse(text: str) -> dict[str, Callable[[], None]]:
    """What each named point does. Raises ValueError that says what is wrong: a typo must not test nothing."""
    points: dict[str, Callable[[], None]] = {}
    for entry in filter(None, (part.strip() for part in text.split(";"))):
        name, _, rest = entry.partition("=")
        action, at, number = rest.partition("@")
        if name not in POINTS:
            raise ValueError(f'{VARIABLE}: there is no failpoint "{name}"; storage/failpoints.py lists them.')
        if action not in _ACTIONS:
            raise ValueError(f'{VARIABLE}: "{action}" is none of {", ".join(_ACTIONS)}.')
        if at and not (number.isdecimal() and int(number) > 0):
            raise ValueError(f'{VARIABLE}: "@{number}" is not a count from 1.')
        points[name] = _at(int(number), _ACTIONS[action]) if at else _ACTIONS[action]
    return points


def _arm(text: str) -> Mapping[str, Callable[[], None]]:
    global _points
    _points = parse(text)
    return _points


def _at(number: int, act: Callable[[], None]) -> Callable[[], None]:
    # Several threads may reach a point; taking the next number of a `count` is one step of the interpreter.
    numbers = itertools.count(1)

    def count() -> None:
        if next(numbers) == number:
            act()

    return count


def _kill() -> None:
    if sys.platform == "win32":
        os._exit(137)
    os.kill(os.getpid(), signal.SIGKILL)
    # The signal ends the process, but maybe not before this thread has gone another step.
    _hang()


def _stop() -> None:
    if sys.platform == "win32":
        raise NotImplementedError("Windows cannot stop a process by a signal")
    # To this thread: sent to the process, another one may take it, and this one goes a few steps too far.
    signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
    # Counted, not timed: time passes while the process stands still.
    for _ in range(_LINGER):
        threading.Event().wait(0.005)


def _no_space() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _hang() -> None:
    threading.Event().wait()


_ACTIONS: dict[str, Callable[[], None]] = {"kill": _kill, "stop": _stop, "enospc": _no_space, "hang": _hang}
