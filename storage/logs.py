"""Log lines for both processes: a constant message, then the facts as key=value, all of it in one line."""

from __future__ import annotations

import logging
import re
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

from storage.outputs import OutputClosed

REPEATS_SHOWN = 5
"""Of one warning within REPEAT_S; more are counted."""
REPEAT_S = 60.0
REPEATS_KNOWN_MAX = 200
"""Different warnings that are counted at the same time."""

_OWN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
# C0 and C1 with NEL, the two separators that Unicode calls line ends, marks that turn the reading direction,
# and halves of characters, which no encoding takes.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_VARIES = re.compile(r"0x[0-9a-f]+|\d+")


def printable(text: str) -> str:
    """The text in one line that neither ends it nor moves a terminal's cursor: control characters as `\\x1b`."""
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


class FactFormatter(logging.Formatter):
    """`2026-11-23T07:29:03Z info engine.worker: film started request_id=7 epoch=1`.

    A traceback follows in lines of its own, each indented, so that no line of it can pass for a record.
    """

    converter = time.gmtime

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%SZ")

    def formatMessage(self, record: logging.LogRecord) -> str:
        facts = " ".join(f"{key}={value}" for key, value in record.__dict__.items() if key not in _OWN)
        line = super().formatMessage(record)
        return printable(f"{line} {facts}" if facts else line)

    def formatException(self, ei: object) -> str:
        return _indented(super().formatException(ei))  # pyright: ignore[reportArgumentType]

    def formatStack(self, stack_info: str) -> str:
        return _indented(stack_info)


class LogHandler(logging.StreamHandler[TextIO]):
    """Writes to a stream; a warning that comes again and again is shown a few times a minute and counted."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__(sys.stderr)
        self.setFormatter(FactFormatter())
        self._repeats = RepeatLimit(monotonic)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            for one in self._repeats.admit(record):
                super().emit(one)
        except OutputClosed:
            # Nobody reads the log any more. What runs here may be in the middle of its work: whoever waits for its
            # end has been told, and the next line on standard output ends the others.
            return


class RepeatLimit:
    """Which records are shown. A full or read-only disk fails every few milliseconds, with the same words each time."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._known: OrderedDict[tuple[str, int, str], _Count] = OrderedDict()
        self._lock = threading.Lock()

    def admit(self, record: logging.LogRecord) -> list[logging.LogRecord]:
        """The record, unless it was shown often enough of late; before it, counts whose time is over."""
        with self._lock:
            now_s = self._monotonic()
            told = self._over(now_s)
            if record.levelno < logging.WARNING:
                return [*told, record]
            # By its words, not its facts: they differ in a number or an address from one to the next.
            key = (record.name, record.levelno, _VARIES.sub("#", record.getMessage())[:200])
            count = self._known.get(key)
            if count is None:
                count = self._known[key] = _Count(since_s=now_s, last=record)
            count.seen += 1
            count.last = record
            while len(self._known) > REPEATS_KNOWN_MAX:
                told += self._told(self._known.popitem(last=False)[1])
            return [*told, record] if count.seen <= REPEATS_SHOWN else told

    def _over(self, now_s: float) -> list[logging.LogRecord]:
        told: list[logging.LogRecord] = []
        # The oldest comes first.
        while self._known and now_s - next(iter(self._known.values())).since_s >= REPEAT_S:
            told += self._told(self._known.popitem(last=False)[1])
        return told

    @staticmethod
    def _told(count: _Count) -> list[logging.LogRecord]:
        more = count.seen - REPEATS_SHOWN
        if more <= 0:
            return []
        last = count.last
        facts = {"name": last.name, "levelno": last.levelno, "levelname": last.levelname}
        return [logging.makeLogRecord(facts | {"msg": f"{last.getMessage()} (again)", "times": more})]


@dataclass(slots=True)
class _Count:
    since_s: float
    last: logging.LogRecord
    seen: int = 0


def set_up_log(level: str) -> None:
    """Log to standard error from this level on; libraries from warning on, whatever the level."""
    logging.basicConfig(level=logging.WARNING, handlers=[LogHandler()], force=True)
    for own in ("bot", "engine", "storage"):
        logging.getLogger(own).setLevel(level.upper())


def _indented(text: str) -> str:
    return "\n".join(f"  {printable(line)}" for line in text.split("\n"))
