"""Log lines for both processes: a constant message, then the facts as key=value."""

from __future__ import annotations

import logging
import sys
import time

_OWN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class FactFormatter(logging.Formatter):
    """`2026-11-23T07:29:03Z info engine.worker: film started request=7 epoch=1`."""

    converter = time.gmtime

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%SZ")

    def formatMessage(self, record: logging.LogRecord) -> str:
        facts = " ".join(f"{key}={value}" for key, value in record.__dict__.items() if key not in _OWN)
        line = super().formatMessage(record)
        return f"{line} {facts}" if facts else line


def set_up_log(level: str) -> None:
    """Log to standard error from this level on; libraries from warning on, whatever the level."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FactFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for own in ("bot", "engine", "storage"):
        logging.getLogger(own).setLevel(level.upper())
