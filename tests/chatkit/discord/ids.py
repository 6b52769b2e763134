"""Snowflakes: ids that carry the moment at which they were born."""

from __future__ import annotations

import itertools
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

EPOCH_MS = 1_420_070_400_000
"""The first millisecond of 2015, from which Discord counts."""


class Births:
    """Gives out ids; inside `back` everything is born that many seconds ago."""

    def __init__(self) -> None:
        self._serial = itertools.count(1)
        self._back_s = 0.0

    @contextmanager
    def back(self, seconds: float) -> Iterator[None]:
        self._back_s += seconds
        try:
            yield
        finally:
            self._back_s -= seconds

    def now_s(self) -> float:
        return time.time() - self._back_s

    def next(self) -> int:
        """A new id. The serial is 22 bits wide: no two ids of one millisecond are equal."""
        born_ms = int(self.now_s() * 1000) - EPOCH_MS
        return (born_ms << 22) | (next(self._serial) & 0x3F_FFFF)
