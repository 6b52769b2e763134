"""Whether the wall clock was set a moment ago.

What is let go by its age is gone for good, and a clock that is wrong by years makes everything old. A clock that was
set wrong is mostly set right again within hours: until then nothing is let go.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable

from storage.clock import Clock

STEP_MS = 10 * 60_000
"""A clock that moves by more than this at once was set; time servers correct by less."""

log = logging.getLogger(__name__)


class WallClock:
    """Compares the wall clock with one that nobody sets. To be asked every few minutes or more often."""

    def __init__(self, clock: Clock, *, elapsed_ms: Callable[[], int] | None = None) -> None:
        """elapsed_ms: a clock that goes on while the machine sleeps, so that a sleep is no step."""
        self._clock = clock
        self._elapsed_ms = elapsed_ms or elapsed_since_boot_ms
        self._ahead_ms = clock.now_ms() - self._elapsed_ms()
        self._set_at_ms: int | None = None

    def untouched_for(self, ms: int) -> bool:
        """Whether it was not set for so long; also true where it was not set since this process began."""
        elapsed_ms = self._elapsed_ms()
        ahead_ms = self._clock.now_ms() - elapsed_ms
        if abs(step_ms := ahead_ms - self._ahead_ms) > STEP_MS:
            log.warning(
                "the wall clock was set: for some hours nothing expires and nothing is let go",
                extra={"step_s": round(step_ms / 1000)},
            )
            self._set_at_ms = elapsed_ms
        self._ahead_ms = ahead_ms
        return self._set_at_ms is None or elapsed_ms - self._set_at_ms >= ms


def elapsed_since_boot_ms() -> int:
    """Milliseconds on a clock that no setting moves and that goes on in a sleep, where the system has one."""
    if sys.platform == "linux":
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
    if sys.platform == "darwin":
        # Unlike time.monotonic(), which stands still in a sleep there.
        return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000_000
    return time.monotonic_ns() // 1_000_000
